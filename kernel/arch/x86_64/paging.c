/*
 * paging.c -- 4-level page tables of an address space: make, find, walk, free.
 *
 * Owns:    the table pages; entries belong to mm/.
 * Locks:   the caller holds the vspace's lock.
 * Fails:   NULL or false: no memory for a table.
 * Source:  Intel SDM volume 3A, chapter 4.5.
 * Tested:  kernel/test/vspace_test.c
 */
#include "mm.h"
#include "arch.h"

#define TABLE (X86_P | X86_W | X86_US)
#define ENTRIES 512ull
#define USER_ENTRIES 256ull		/* of the top table */

extern uint64_t boot_pml4[512];
extern bool cpu_has_nx;
uint64_t pte_nx;
static uint64_t *kernel_top;

static unsigned index_at(uint64_t addr, unsigned level) { return addr >> (12 + 9 * level) & 511; }

/* The kernel's own space: the tables of boot.S.  Its upper half never gets another top entry. */
void pt_boot_init(struct arch_vspace *kernel)
{
	kernel_top = boot_pml4;
	kernel->top_phys = (uint64_t)boot_pml4 - KERNEL_BASE;
	pte_nx = cpu_has_nx ? 1ull << 63 : 0;
}

bool pt_init(struct arch_vspace *a, struct pool *pool)
{
	struct frame *f = frame_alloc(pool);
	uint64_t *top;

	if (!f)
		return false;
	top = frame_virt(f);
	memset(top, 0, USER_ENTRIES * 8);
	memcpy(top + USER_ENTRIES, kernel_top + USER_ENTRIES, (ENTRIES - USER_ENTRIES) * 8);
	a->top_phys = frame_phys(f);
	a->cpus = 0;
	a->table_pages = 1;
	return true;
}

static void table_free(uint64_t phys, unsigned level, unsigned count, struct frame_batch *b)
{
	uint64_t *t = phys_to_virt(phys);

	if (level > 0)
		for (unsigned i = 0; i < count; i++)
			if (t[i])
				table_free(pte_phys(t[i]), level - 1, ENTRIES, b);
	frame_put_batch(frame_of_phys(phys), b);
}

void pt_destroy(struct arch_vspace *a)
{
	struct frame_batch b = { 0 };

	KASSERT(a->cpus == 0);
	table_free(a->top_phys, 3, USER_ENTRIES, &b);
	frame_batch_end(&b);
	a->top_phys = 0;
}

static uint64_t *table_make(struct arch_vspace *a, uint64_t *entry, struct pool *pool)
{
	struct frame *f = frame_alloc_zero(pool);

	if (!f)
		return NULL;
	*entry = frame_phys(f) | TABLE;
	a->table_pages++;
	return frame_virt(f);
}

uint64_t *pt_entry(struct arch_vspace *a, uint64_t addr, bool make, struct pool *pool)
{
	uint64_t *t = phys_to_virt(a->top_phys);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t *e = &t[index_at(addr, level)];

		if (likely(*e))
			t = phys_to_virt(pte_phys(*e));
		else if (!make || !(t = table_make(a, e, pool)))
			return NULL;
	}
	return &t[index_at(addr, 0)];
}

uint64_t *pt_next(struct arch_vspace *a, uint64_t *addr, uint64_t end, uint64_t *run)
{
	uint64_t at = *addr;

	while (at < end) {
		uint64_t *t = phys_to_virt(a->top_phys);
		unsigned level = 3;

		while (level > 0 && t[index_at(at, level)]) {
			t = phys_to_virt(pte_phys(t[index_at(at, level)]));
			level--;
		}
		if (level == 0) {
			*addr = at;
			*run = MIN(ENTRIES - index_at(at, 0), (end - at) >> 12);
			return &t[index_at(at, 0)];
		}
		at = (at | ((1ull << (12 + 9 * level)) - 1)) + 1;	/* beyond what the absent table covers */
	}
	*addr = end;
	return NULL;
}
