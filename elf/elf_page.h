/* elf_page.h -- rounding to pages, for the ELF library's own files. */
#ifndef ELF_ELF_PAGE_H
#define ELF_ELF_PAGE_H

#include "elf_load.h"

#define PAGE_MASK	((uint64_t)ELF_PAGE_SIZE - 1)

static inline uint64_t page_down(uint64_t address)
{
	return address & ~PAGE_MASK;
}

/* The caller keeps address below 2^64 - ELF_PAGE_SIZE, or means to wrap. */
static inline uint64_t page_up(uint64_t address)
{
	return page_down(address + PAGE_MASK);
}

#endif
