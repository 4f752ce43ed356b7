/*
 * memory.c -- pages of a native program.
 *
 * Fails: NULL where the pool or the address space has no room; nothing is left behind.
 */
#include <lib/rt/rt.h>

static uint64_t round_up_page(uint64_t len)
{
	return (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

void *rt_pages_map(uint64_t len_bytes)
{
	int64_t addr = tess_vspace_map(H_SELF, 0, round_up_page(len_bytes), MAP_READ | MAP_WRITE, H_NONE, 0);

	return addr < 0 ? NULL : (void *)addr;
}

void rt_pages_unmap(void *pages, uint64_t len_bytes)
{
	status_t status = tess_vspace_unmap(H_SELF, (uint64_t)pages, round_up_page(len_bytes));

	RT_ASSERT(status == 0);
}

void *rt_vmo_map(handle_t vmo, uint64_t len_bytes, uint64_t map_flags)
{
	int64_t addr = tess_vspace_map(H_SELF, 0, round_up_page(len_bytes), map_flags, vmo, 0);

	return addr < 0 ? NULL : (void *)addr;
}
