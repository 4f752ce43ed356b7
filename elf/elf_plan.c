/*
 * elf_plan.c -- from a parsed ELF image and a load bias to the list of mappings to perform.
 *
 * Owns:    nothing: struct elf_image in, struct elf_plan out.
 * Locks:   none.
 * Fails:   ELF_E_BIAS, ELF_E_ADDRESS, ELF_E_ENTRY; nothing is mapped here, so nothing to undo.
 * Tested:  elf/test/elf_plan_test.c, elf/test/elf_program_test.c, elf/test/elf_fuzz.c
 *
 * A bias may be negative, as for a file prelinked above the place it gets: additions of the bias
 * are modulo 2^64.  Once the span as a whole is known to lie in the user's addresses, so does every
 * segment of it.
 */
#include "elf_load.h"
#include "elf_page.h"

/* Alignments above this are ignored: no address could satisfy them. */
#define ALIGN_MAX	((uint64_t)1 << 40)

static uint64_t bias_align(const struct elf_image *image)
{
	return image->align > ALIGN_MAX ? ELF_PAGE_SIZE : image->align;
}

uint64_t elf_bias_at(const struct elf_image *image, uint64_t addr)
{
	uint64_t mask = bias_align(image) - 1;

	if (!image->is_dyn)
		return 0;
	return (addr - image->low + mask) & ~mask;
}

/*
 * The tail of a segment that is not in the file.  As Linux: the rest of the last file page is
 * cleared only if the program could write it itself, and whole pages are always readable and
 * writable, executable if the segment is.
 */
static void mapping_fill(const struct elf_load *load, uint64_t bias, struct elf_mapping *out)
{
	uint64_t start = load->vaddr + bias;
	uint64_t file_end = start + load->filesz, mem_end = start + load->memsz;
	uint64_t file_pages_end = load->filesz ? page_up(file_end) : page_down(start);
	bool has_tail = load->memsz > load->filesz;

	out->vaddr = page_down(start);
	out->file_offset = load->filesz ? page_down(load->offset) : 0;
	out->file_len = file_pages_end - out->vaddr;
	out->prot = load->prot;
	out->anon_vaddr = file_pages_end;
	out->anon_len = page_up(mem_end) > file_pages_end ? page_up(mem_end) - file_pages_end : 0;
	out->anon_prot = ELF_READ | ELF_WRITE | (load->prot & ELF_EXEC);
	out->zero_vaddr = file_end;
	out->zero_len = 0;
	if (has_tail && load->filesz && (load->prot & ELF_WRITE))
		out->zero_len = file_pages_end - file_end;
}

static int plan_check(const struct elf_image *image, uint64_t bias, uint64_t user_low,
	uint64_t user_limit)
{
	uint64_t low = image->low + bias, len = image->high - image->low;

	if ((bias & PAGE_MASK) || (!image->is_dyn && bias))
		return ELF_E_BIAS;
	if (low < user_low || low > user_limit || len > user_limit - low)
		return ELF_E_ADDRESS;
	if (image->entry + bias >= user_limit)
		return ELF_E_ENTRY;
	return ELF_OK;
}

/*
 * Plans the mappings of image at bias (whole pages; 0 unless image->is_dyn) inside
 * [user_low, user_limit).  ELF_E_BIAS, ELF_E_ADDRESS or ELF_E_ENTRY say which condition fails.
 * Source: load_elf_binary() of Linux 6.1, elf_load() of 6.7 for segments that are all bss.
 */
int elf_plan(const struct elf_image *image, uint64_t bias, uint64_t user_low, uint64_t user_limit,
	struct elf_plan *out)
{
	int error = plan_check(image, bias, user_low, user_limit);

	if (error)
		return error;
	out->bias = bias;
	out->low = image->low + bias;
	out->len = image->high - image->low;
	out->brk = image->high + bias;
	out->entry = image->entry + bias;
	out->phdr = image->phdr_vaddr + bias;
	out->phnum = image->phnum;
	out->nmappings = image->nloads;
	for (uint32_t i = 0; i < image->nloads; i++)
		mapping_fill(&image->loads[i], bias, &out->mappings[i]);
	return ELF_OK;
}

void elf_auxv_image(const struct elf_plan *program, const struct elf_plan *interp,
	struct elf_aux out[ELF_AUXV_IMAGE_COUNT])
{
	out[0] = (struct elf_aux){ ELF_AT_PHDR, program->phdr };
	out[1] = (struct elf_aux){ ELF_AT_PHENT, ELF_PHDR_SIZE };
	out[2] = (struct elf_aux){ ELF_AT_PHNUM, program->phnum };
	out[3] = (struct elf_aux){ ELF_AT_PAGESZ, ELF_PAGE_SIZE };
	out[4] = (struct elf_aux){ ELF_AT_BASE, interp ? interp->bias : 0 };
	out[5] = (struct elf_aux){ ELF_AT_FLAGS, 0 };
	out[6] = (struct elf_aux){ ELF_AT_ENTRY, program->entry };
}
