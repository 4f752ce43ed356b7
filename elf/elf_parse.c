/*
 * elf_parse.c -- read and check the headers of an ELF program.
 *
 * Owns:    nothing: bytes in, struct elf_image out.
 * Locks:   none.
 * Fails:   with one enum elf_error per way in which a file can be wrong; the output is undefined
 *          then.  What Linux accepts and lets fault later (pages beyond the end of the file,
 *          overlapping or unordered segments, an entry point in no segment) is accepted and noted
 *          in the image; elf_check_strict refuses it for our own loaders.
 * Tested:  elf/test/elf_parse_test.c, elf/test/elf_program_test.c, elf/test/elf_fuzz.c
 *
 * Sums cannot overflow: addresses and sizes are below SANE_LIMIT, file offsets below OFFSET_LIMIT,
 * when added.
 */
#include "elf_arch.h"
#include "elf_format.h"
#include "elf_load.h"
#include "elf_page.h"

#define SANE_LIMIT	((uint64_t)1 << 62)
#define OFFSET_LIMIT	((uint64_t)1 << 63)

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

/* Whether [offset, offset + len) lies in a whole of total bytes. */
static bool range_fits(uint64_t offset, uint64_t len, uint64_t total)
{
	return offset <= total && len <= total - offset;
}

static int header_read(const void *head, size_t head_len, uint64_t file_size,
	struct format_header *header)
{
	if (head_len < sizeof(*header) || file_size < sizeof(*header))
		return ELF_E_SHORT;
	__builtin_memcpy(header, head, sizeof(*header));
	return ELF_OK;
}

static int header_check(const struct format_header *header)
{
	const uint8_t *ident = header->ident;

	if (ident[0] != 0x7f || ident[1] != 'E' || ident[2] != 'L' || ident[3] != 'F')
		return ELF_E_MAGIC;
	if (ident[IDENT_CLASS] != FORMAT_CLASS_64)
		return ELF_E_CLASS;
	if (ident[IDENT_DATA] != FORMAT_DATA_LITTLE)
		return ELF_E_ENDIAN;
	if (ident[IDENT_VERSION] != FORMAT_VERSION || header->version != FORMAT_VERSION)
		return ELF_E_VERSION;
	if (header->type != FORMAT_TYPE_EXEC && header->type != FORMAT_TYPE_DYN)
		return ELF_E_TYPE;
	if (header->machine != ELF_ARCH_MACHINE)
		return ELF_E_MACHINE;
	if (header->phentsize != sizeof(struct format_phdr))
		return ELF_E_PHENTSIZE;
	if (header->phnum == 0 || header->phnum > ELF_PHDRS_MAX)
		return ELF_E_PHNUM;
	return ELF_OK;
}

static int header_decode(const void *head, size_t head_len, uint64_t file_size,
	struct format_header *header, struct elf_range *phdrs)
{
	int error = header_read(head, head_len, file_size, header);

	if (!error)
		error = header_check(header);
	if (error)
		return error;
	phdrs->offset = header->phoff;
	phdrs->len = (uint64_t)header->phnum * sizeof(struct format_phdr);
	return range_fits(phdrs->offset, phdrs->len, file_size) ? ELF_OK : ELF_E_PHDRS_RANGE;
}

/*
 * Keeps what the plan needs of one PT_LOAD.  A segment without memory has nothing to keep; Linux
 * maps a page for one with an unaligned address, which no program can rely on.
 */
static int load_add(struct elf_image *image, const struct format_phdr *phdr)
{
	struct elf_load *load = &image->loads[image->nloads];

	if (phdr->filesz > phdr->memsz)
		return ELF_E_LOAD_SIZE;
	if (phdr->vaddr >= SANE_LIMIT || phdr->memsz >= SANE_LIMIT || phdr->offset >= OFFSET_LIMIT)
		return ELF_E_LOAD_WRAP;
	if (phdr->filesz && ((phdr->offset ^ phdr->vaddr) & PAGE_MASK))
		return ELF_E_LOAD_CONGRUENCE;
	if (is_power_of_two(phdr->align) && phdr->align > image->align)
		image->align = phdr->align;
	if (phdr->memsz == 0)
		return ELF_OK;
	load->offset = phdr->offset;
	load->filesz = phdr->filesz;
	load->vaddr = phdr->vaddr;
	load->memsz = phdr->memsz;
	load->prot = phdr->flags & (ELF_READ | ELF_WRITE | ELF_EXEC);
	load->reserved = 0;
	image->nloads++;
	return ELF_OK;
}

/* Linux looks at the first PT_INTERP only; the text itself is elf_interp_check's. */
static int interp_add(struct elf_image *image, const struct format_phdr *phdr)
{
	if (image->interp_len)
		return ELF_OK;
	if (phdr->filesz < 2 || phdr->filesz > ELF_INTERP_MAX)
		return ELF_E_INTERP_LEN;
	if (!range_fits(phdr->offset, phdr->filesz, image->file_size))
		return ELF_E_INTERP_RANGE;
	image->interp_offset = phdr->offset;
	image->interp_len = (uint32_t)phdr->filesz;
	return ELF_OK;
}

/* Notes are hints: a bad one is not there.  Linux ignores them. */
static void note_add(struct elf_image *image, const struct format_phdr *phdr)
{
	struct elf_note_range *note = &image->notes[image->nnotes];

	if (image->nnotes == ELF_MAX_NOTES || phdr->filesz == 0)
		return;
	if (!range_fits(phdr->offset, phdr->filesz, image->file_size))
		return;
	note->offset = phdr->offset;
	note->len = phdr->filesz;
	note->align = phdr->align == 8 ? 8 : 4;
	image->nnotes++;
}

static int phdr_add(struct elf_image *image, const struct format_phdr *phdr)
{
	switch (phdr->type) {
	case FORMAT_PT_LOAD:
		return load_add(image, phdr);
	case FORMAT_PT_INTERP:
		return interp_add(image, phdr);
	case FORMAT_PT_NOTE:
		note_add(image, phdr);
		return ELF_OK;
	case FORMAT_PT_GNU_STACK:
		image->exec_stack = phdr->flags & ELF_EXEC;
		return ELF_OK;
	default:
		return ELF_OK;
	}
}

/*
 * What the segments say together.  Program headers are where the last segment that holds their
 * file offset puts them (PT_PHDR is not asked, as on Linux).
 */
static void loads_summarize(struct elf_image *image, uint64_t phoff)
{
	uint64_t file_pages_end = page_up(image->file_size);

	image->low = SANE_LIMIT;
	for (uint32_t i = 0; i < image->nloads; i++) {
		const struct elf_load *load = &image->loads[i];
		uint64_t end = load->vaddr + load->memsz;

		if (i > 0 && page_down(load->vaddr) < image->high)
			image->disordered = true;
		if (page_down(load->vaddr) < image->low)
			image->low = page_down(load->vaddr);
		if (end > image->end)
			image->end = end;
		image->high = page_up(image->end);
		if (load->offset <= phoff && phoff - load->offset < load->filesz)
			image->phdr_vaddr = load->vaddr + (phoff - load->offset);
		if (load->filesz && page_up(load->offset + load->filesz) > file_pages_end)
			image->beyond_eof = true;
	}
}

/* Looks for the Tessera note in those note segments that the head holds. */
static void tessera_note_find(struct elf_image *image, const uint8_t *head, size_t head_len)
{
	for (uint32_t i = 0; i < image->nnotes; i++) {
		const struct elf_note_range *note = &image->notes[i];
		struct elf_range found;

		if (!range_fits(note->offset, note->len, head_len))
			continue;
		if (elf_note_find(head + note->offset, (size_t)note->len, note->align,
				ELF_NOTE_TESSERA_NAME, ELF_NOTE_TESSERA_TYPE, &found) == ELF_OK) {
			image->tessera_note.offset = note->offset + found.offset;
			image->tessera_note.len = found.len;
			return;
		}
	}
}

/*
 * A bad interpreter outranks bad segments: Linux finds it first, while it can still answer an
 * errno.
 */
static int image_fill(struct elf_image *image, const uint8_t *phdrs)
{
	int load_error = ELF_OK;
	struct format_phdr phdr;

	for (uint32_t i = 0; i < image->phnum; i++) {
		int error;

		__builtin_memcpy(&phdr, phdrs + i * sizeof(phdr), sizeof(phdr));
		error = phdr_add(image, &phdr);
		if (error && phdr.type != FORMAT_PT_LOAD)
			return error;
		if (error && !load_error)
			load_error = error;
	}
	if (load_error)
		return load_error;
	return image->nloads ? ELF_OK : ELF_E_NO_LOAD;
}

/* Clears all but the two arrays, whose counts say what is in them: they are most of the struct. */
static void image_clear(struct elf_image *image)
{
	__builtin_memset(image, 0, offsetof(struct elf_image, notes));
	image->align = ELF_PAGE_SIZE;
}

static int image_parse(const struct format_header *header, const void *head, size_t head_len,
	const uint8_t *phdrs, uint64_t file_size, struct elf_image *out)
{
	int error;

	image_clear(out);
	out->is_dyn = header->type == FORMAT_TYPE_DYN;
	out->phnum = header->phnum;
	out->file_size = file_size;
	out->entry = header->entry;
	error = image_fill(out, phdrs);
	if (error)
		return error;
	loads_summarize(out, header->phoff);
	tessera_note_find(out, head, head_len);
	return ELF_OK;
}

/*
 * Reads an ELF file of file_size bytes, of which head holds the first head_len.  All program
 * headers must lie in the head; ELF_E_PHDRS_FAR says that they do not, but that the file is
 * otherwise good so far: go on with elf_phdrs_find and elf_parse_phdrs.
 */
int elf_parse(const void *head, size_t head_len, uint64_t file_size, struct elf_image *out)
{
	struct format_header header;
	struct elf_range phdrs;
	int error = header_decode(head, head_len, file_size, &header, &phdrs);

	if (error)
		return error;
	if (!range_fits(phdrs.offset, phdrs.len, head_len))
		return ELF_E_PHDRS_FAR;
	return image_parse(&header, head, head_len, (const uint8_t *)head + phdrs.offset,
		file_size, out);
}

/* Says which bytes of the file its program headers are: at most a page, within the file. */
int elf_phdrs_find(const void *head, size_t head_len, uint64_t file_size, struct elf_range *out)
{
	struct format_header header;

	return header_decode(head, head_len, file_size, &header, out);
}

/* As elf_parse, with the bytes of the range that elf_phdrs_find named in phdrs. */
int elf_parse_phdrs(const void *head, size_t head_len, const void *phdrs, size_t phdrs_len,
	uint64_t file_size, struct elf_image *out)
{
	struct format_header header;
	struct elf_range range;
	int error = header_decode(head, head_len, file_size, &header, &range);

	if (error)
		return error;
	if (phdrs_len != range.len)
		return ELF_E_ARGUMENT;
	return image_parse(&header, head, head_len, phdrs, file_size, out);
}

static bool entry_is_code(const struct elf_image *image)
{
	for (uint32_t i = 0; i < image->nloads; i++) {
		const struct elf_load *load = &image->loads[i];

		if ((load->prot & ELF_EXEC) && image->entry >= load->vaddr
				&& image->entry - load->vaddr < load->memsz)
			return true;
	}
	return false;
}

/* For the kernel's and init's own loading, where a strange file is a mistake of the build. */
int elf_check_strict(const struct elf_image *image)
{
	if (image->disordered)
		return ELF_E_STRICT_ORDER;
	for (uint32_t i = 0; i < image->nloads; i++) {
		const struct elf_load *load = &image->loads[i];

		if (!range_fits(load->offset, load->filesz, image->file_size))
			return ELF_E_STRICT_EOF;
		if ((load->prot & ELF_WRITE) && (load->prot & ELF_EXEC))
			return ELF_E_STRICT_PROT;
	}
	return entry_is_code(image) ? ELF_OK : ELF_E_STRICT_ENTRY;
}

/* Linux tests the last byte and nothing else; open() judges the path. */
int elf_interp_check(const void *text, size_t len)
{
	const char *path = text;

	if (len < 2 || len > ELF_INTERP_MAX)
		return ELF_E_INTERP_LEN;
	return path[len - 1] == '\0' ? ELF_OK : ELF_E_INTERP_TEXT;
}

/* namesz counts the terminating NUL. */
static bool note_is_named(const uint8_t *text, uint32_t namesz, const char *name)
{
	uint32_t i = 0;

	for (; i < namesz && text[i] == (uint8_t)name[i]; i++)
		if (name[i] == '\0')
			return i + 1 == namesz;
	return false;
}

/*
 * Finds the first note of this name and type; out is its descriptor, in bytes from notes.  A note
 * that runs over the end ends the search.  ELF_E_NOTE: there is none.
 * Source: gabi, "Note Section"; 8-byte alignment as GNU tools write it (elf(5)).
 */
int elf_note_find(const void *notes, size_t len, uint64_t align, const char *name, uint32_t type,
	struct elf_range *out)
{
	const uint8_t *bytes = notes;
	uint64_t mask = align - 1, at = 0;

	if (align != 4 && align != 8)
		return ELF_E_ARGUMENT;
	while (range_fits(at, sizeof(struct format_note), len)) {
		struct format_note note;
		uint64_t desc;

		__builtin_memcpy(&note, bytes + at, sizeof(note));
		at += sizeof(note);
		desc = (at + note.namesz + mask) & ~mask;
		if (!range_fits(desc, note.descsz, len))
			return ELF_E_NOTE;
		if (note.type == type && note_is_named(bytes + at, note.namesz, name)) {
			out->offset = desc;
			out->len = note.descsz;
			return ELF_OK;
		}
		at = (desc + note.descsz + mask) & ~mask;
	}
	return ELF_E_NOTE;
}
