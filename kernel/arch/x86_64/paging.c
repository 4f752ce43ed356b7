/*
 * paging.c -- 4-level page tables of an address space: make, find, walk, free.
 *
 * Owns:    the table pages, chained through their frames so that the end of a space need not search for
 *          them; they are charged to the space's pool as one account.  Entries belong to mm/.
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

/* The kernel's own space: the tables of start.S.  Its upper half never gets another top entry. */
void pt_boot_init(struct arch_vspace *kernel)
{
	kernel_top = boot_pml4;
	kernel->top_phys = (uint64_t)boot_pml4 - KERNEL_BASE;
	pte_nx = cpu_has_nx ? 1ull << 63 : 0;
}

/* A table page, charged to pool and chained to the space; its content is undefined. */
static struct frame *table_alloc(struct arch_vspace *a, struct pool *pool)
{
	struct frame *f;

	if (pool_charge(pool, PAGE_SIZE) < 0)
		return NULL;
	f = frame_alloc(NULL);
	if (!f) {
		pool_uncharge(pool, PAGE_SIZE);
		return NULL;
	}
	f->next = (uint32_t)a->tables;
	a->tables = (uint64_t)(f - frames);
	a->table_pages++;
	return f;
}

bool pt_init(struct arch_vspace *a, struct pool *pool)
{
	struct frame *f;
	uint64_t *top;

	a->tables = a->table_pages = a->cpus = 0;
	f = table_alloc(a, pool);
	if (!f)
		return false;
	top = frame_virt(f);
	memset(top, 0, USER_ENTRIES * 8);
	memcpy(top + USER_ENTRIES, kernel_top + USER_ENTRIES, (ENTRIES - USER_ENTRIES) * 8);
	a->top_phys = frame_phys(f);
	return true;
}

/* At most `budget` table pages; true: none is left. */
bool pt_destroy(struct arch_vspace *a, struct pool *pool, uint64_t budget)
{
	uint64_t n = MIN(budget, a->table_pages);

	KASSERT(a->cpus == 0);
	a->top_phys = 0;
	a->table_pages -= n;
	pool_uncharge(pool, n * PAGE_SIZE);
	for (; n > 0; n--) {
		struct frame *f = &frames[a->tables];

		a->tables = f->next;
		f->pool = NULL;
		frame_put(f);
	}
	return a->table_pages == 0;
}

static uint64_t *table_make(struct arch_vspace *a, uint64_t *entry, struct pool *pool)
{
	struct frame *f = table_alloc(a, pool);

	if (!f)
		return NULL;
	memset(frame_virt(f), 0, PAGE_SIZE);
	*entry = frame_phys(f) | TABLE;
	return frame_virt(f);
}

static __attribute__((noinline)) uint64_t *entry_make(struct arch_vspace *a, uint64_t addr, struct pool *pool)
{
	uint64_t *t = phys_to_virt(a->top_phys);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t *e = &t[index_at(addr, level)];

		if (*e)
			t = phys_to_virt(pte_phys(*e));
		else if (!(t = table_make(a, e, pool)))
			return NULL;
	}
	return &t[index_at(addr, 0)];
}

uint64_t *pt_entry(struct arch_vspace *a, uint64_t addr, bool make, struct pool *pool)
{
	uint64_t e;

	e = ((uint64_t *)phys_to_virt(a->top_phys))[index_at(addr, 3)];
	if (likely(e))
		e = ((uint64_t *)phys_to_virt(pte_phys(e)))[index_at(addr, 2)];
	if (likely(e))
		e = ((uint64_t *)phys_to_virt(pte_phys(e)))[index_at(addr, 1)];
	if (likely(e))
		return &((uint64_t *)phys_to_virt(pte_phys(e)))[index_at(addr, 0)];
	return make ? entry_make(a, addr, pool) : NULL;
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
