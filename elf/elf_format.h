/*
 * elf_format.h -- the parts of the ELF file format that the library reads.
 *
 * Source: System V ABI, chapter 4 and 5 (gabi 4.1), and the Linux additions of elf(5).  The structs
 * are copied out of the file bytes, never pointed into them: those have no alignment.
 */
#ifndef ELF_ELF_FORMAT_H
#define ELF_ELF_FORMAT_H

#include <stdint.h>

#define FORMAT_CLASS_64		2u
#define FORMAT_DATA_LITTLE	1u
#define FORMAT_VERSION		1u
#define FORMAT_TYPE_EXEC	2u
#define FORMAT_TYPE_DYN		3u

enum format_ident { IDENT_CLASS = 4, IDENT_DATA = 5, IDENT_VERSION = 6, IDENT_SIZE = 16 };

struct format_header {
	uint8_t ident[IDENT_SIZE];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct format_header) == 64, "Elf64_Ehdr");

#define FORMAT_PT_LOAD		1u
#define FORMAT_PT_INTERP	3u
#define FORMAT_PT_NOTE		4u
#define FORMAT_PT_GNU_STACK	0x6474e551u

struct format_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct format_phdr) == 56, "Elf64_Phdr");

struct format_note {
	uint32_t namesz, descsz, type;
};
_Static_assert(sizeof(struct format_note) == 12, "Elf64_Nhdr");

#endif
