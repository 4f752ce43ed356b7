/*
 * test_file.h -- makes ELF files by hand, good ones first, for tests to damage.
 *
 * Uses the host's <elf.h>, so that the library's own idea of the format is checked against it.
 */
#ifndef ELF_TEST_FILE_H
#define ELF_TEST_FILE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf_load.h"

#define TEST_FILE_SIZE	0x4000u
#define TEST_INTERP	"/lib/ld-musl-x86_64.so.1"
#define TEST_INTERP_AT	0x400u
#define TEST_NOTE_AT	0x500u

struct test_file {
	union {
		uint8_t bytes[TEST_FILE_SIZE];
		Elf64_Ehdr header;
	};
	size_t len;
};

static inline Elf64_Phdr *file_phdr(struct test_file *file, unsigned int n)
{
	return (Elf64_Phdr *)(void *)(file->bytes + file->header.e_phoff) + n;
}

static inline Elf64_Phdr *file_add(struct test_file *file, uint32_t type, uint32_t flags,
	uint64_t offset, uint64_t vaddr, uint64_t filesz, uint64_t memsz)
{
	Elf64_Phdr *phdr = file_phdr(file, file->header.e_phnum++);

	*phdr = (Elf64_Phdr){ .p_type = type, .p_flags = flags, .p_offset = offset,
		.p_vaddr = vaddr, .p_paddr = vaddr, .p_filesz = filesz, .p_memsz = memsz,
		.p_align = type == PT_LOAD ? 0x1000 : 4 };
	return phdr;
}

/* A header and no program headers. */
static inline void file_begin(struct test_file *file, uint16_t type)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->header.e_ident, ELFMAG, SELFMAG);
	file->header.e_ident[EI_CLASS] = ELFCLASS64;
	file->header.e_ident[EI_DATA] = ELFDATA2LSB;
	file->header.e_ident[EI_VERSION] = EV_CURRENT;
	file->header.e_type = type;
	file->header.e_machine = EM_X86_64;
	file->header.e_version = EV_CURRENT;
	file->header.e_phoff = sizeof(Elf64_Ehdr);
	file->header.e_ehsize = sizeof(Elf64_Ehdr);
	file->header.e_phentsize = sizeof(Elf64_Phdr);
	file->len = TEST_FILE_SIZE;
}

/* Headers at base, code at base + 0x1000, data and bss at base + 0x3010, as a linker does it. */
static inline void file_make(struct test_file *file, uint16_t type, uint64_t base)
{
	file_begin(file, type);
	file->header.e_entry = base + 0x1234;
	file_add(file, PT_LOAD, PF_R, 0, base, 0x600, 0x600);
	file_add(file, PT_LOAD, PF_R | PF_X, 0x1000, base + 0x1000, 0x800, 0x800);
	file_add(file, PT_LOAD, PF_R | PF_W, 0x2010, base + 0x3010, 0x700, 0x3000);
	file_add(file, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
}

static inline void file_add_interp(struct test_file *file)
{
	strcpy((char *)file->bytes + TEST_INTERP_AT, TEST_INTERP);
	file_add(file, PT_INTERP, PF_R, TEST_INTERP_AT, TEST_INTERP_AT, sizeof(TEST_INTERP),
		sizeof(TEST_INTERP));
}

/* Writes one note at offset; returns the offset after it. */
static inline size_t file_put_note(struct test_file *file, size_t offset, size_t align,
	const char *name, uint32_t type, const void *desc, uint32_t desc_len)
{
	Elf64_Nhdr note = { (uint32_t)strlen(name) + 1, desc_len, type };
	size_t desc_at = (offset + sizeof(note) + note.n_namesz + align - 1) & ~(align - 1);

	memcpy(file->bytes + offset, &note, sizeof(note));
	memcpy(file->bytes + offset + sizeof(note), name, note.n_namesz);
	memcpy(file->bytes + desc_at, desc, desc_len);
	return (desc_at + desc_len + align - 1) & ~(align - 1);
}

/*
 * Parses the first len bytes as the head of a file of file_size bytes, from memory of exactly that
 * size, so that the sanitizer sees any byte read beyond it.
 */
static inline int file_parse_part(const struct test_file *file, size_t len, uint64_t file_size,
	struct elf_image *image)
{
	uint8_t *copy = malloc(len ? len : 1);
	int error;

	memcpy(copy, file->bytes, len);
	error = elf_parse(copy, len, file_size, image);
	free(copy);
	return error;
}

static inline int file_parse(const struct test_file *file, struct elf_image *image)
{
	return file_parse_part(file, file->len < ELF_HEAD_MAX ? file->len : ELF_HEAD_MAX,
		file->len, image);
}

#endif
