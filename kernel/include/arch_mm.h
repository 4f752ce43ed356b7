/*
 * arch_mm.h -- what mm needs from the machine: page-table entries, tables, the TLB.
 *
 * Implemented in arch/x86_64/paging.c and tlb.c.  The functions on entries are inline because fork
 * and exit run them once for each page.
 */
#ifndef KERNEL_ARCH_MM_H
#define KERNEL_ARCH_MM_H

#include <stdbool.h>
#include <stdint.h>

#ifndef DIRECT_MAP			/* host tests place it elsewhere */
#define DIRECT_MAP 0xffff800000000000ull	/* all of physical memory */
#endif
#define KERNEL_BASE 0xffffffff80000000ull

static inline void *phys_to_virt(uint64_t phys) { return (void *)(phys + DIRECT_MAP); }
static inline uint64_t virt_to_phys(const void *v) { return (uint64_t)v - DIRECT_MAP; }

struct pool;

struct arch_vspace {
	uint64_t top_phys;		/* PML4 */
	uint64_t cpus;			/* mask of CPUs that have it loaded; atomic */
	uint64_t table_pages, tables;	/* how many, and the first's page number; guarded by vspace.lock */
};

/* A page-table entry's meaning, independent of the machine. */
enum pte_flag { PTE_WRITE = 1, PTE_EXEC = 2, PTE_PRIVATE = 4 /* overlay frame, not the object's */,
	PTE_DIRTY = 8, PTE_ACCESSED = 16,
	PTE_PRESENT = 32 /* without: the entry keeps its frame, but any access faults */,
	PTE_UNCACHED = 64 };

/* Intel SDM volume 3A, table 4-20; bits 9 and 10 are the system's */
#define X86_P 1ull
#define X86_W 2ull
#define X86_US 4ull
#define X86_PWT 8ull
#define X86_PCD 16ull
#define X86_A 32ull
#define X86_D 64ull
#define X86_PRIVATE 512ull
#define X86_USED 1024ull		/* in every entry that holds something, present or not */
#define X86_PHYS 0x000ffffffffff000ull
extern uint64_t pte_nx;			/* bit 63, or 0 on a CPU without */

static inline bool pte_used(uint64_t pte) { return pte != 0; }
static inline bool pte_present(uint64_t pte) { return pte & X86_P; }
static inline bool pte_writable(uint64_t pte) { return (pte & (X86_P | X86_W)) == (X86_P | X86_W); }
static inline bool pte_private(uint64_t pte) { return pte & X86_PRIVATE; }
static inline bool pte_dirty(uint64_t pte) { return pte & X86_D; }
static inline bool pte_exec(uint64_t pte) { return !(pte & pte_nx); }
static inline uint64_t pte_phys(uint64_t pte) { return pte & X86_PHYS; }
static inline uint64_t pte_protect(uint64_t pte) { return pte & ~X86_W; }	/* without write */

static inline uint64_t pte_make(uint64_t phys, uint32_t flags)
{
	uint64_t pte = phys | X86_US | X86_USED;

	if (flags & PTE_PRESENT)
		pte |= X86_P | X86_A;
	if (flags & PTE_WRITE)
		pte |= X86_W | X86_D;
	if (flags & PTE_PRIVATE)
		pte |= X86_PRIVATE;
	if (flags & PTE_UNCACHED)
		pte |= X86_PCD | X86_PWT;
	if (!(flags & PTE_EXEC))
		pte |= pte_nx;
	return pte;
}

/* the same frame with other rights (PTE_PRESENT, PTE_WRITE, PTE_EXEC) */
static inline uint64_t pte_change(uint64_t pte, uint32_t flags)
{
	pte &= ~(X86_P | X86_W | pte_nx);
	if (flags & PTE_PRESENT)
		pte |= X86_P;
	if (flags & PTE_WRITE)
		pte |= X86_W | X86_D;
	return flags & PTE_EXEC ? pte : pte | pte_nx;
}

void pt_boot_init(struct arch_vspace *kernel);	/* adopt the tables of start.S; once, before pt_init */
bool pt_init(struct arch_vspace *a, struct pool *pool);		/* with the kernel's half; false: no memory */
/* Every entry is already clear, no CPU has it loaded: at most `budget` tables; true: none is left. */
bool pt_destroy(struct arch_vspace *a, struct pool *pool, uint64_t budget);
/* The entry of an address, making tables if make; NULL: no table (or no memory).  Entries of one table
 * page are adjacent: entry + 1 is the next page's while (addr >> 12) & 511 != 0. */
uint64_t *pt_entry(struct arch_vspace *a, uint64_t addr, bool make, struct pool *pool);
/* The first entries in [*addr, end) that have a table: their first, *addr moved there, *run how many are
 * adjacent; NULL: none. */
uint64_t *pt_next(struct arch_vspace *a, uint64_t *addr, uint64_t end, uint64_t *run);

/*
 * TLB: what was changed under vspace.lock is flushed before frames are freed or the lock is dropped.
 * More than a few pages: everything.  Waits until every CPU in arch.cpus has done it.
 */
void tlb_flush_range(struct arch_vspace *a, uint64_t addr, uint64_t npages);
void tlb_flush_all(struct arch_vspace *a);
bool tlb_others(struct arch_vspace *a);		/* does a CPU other than this one have it loaded? */
void tlb_load(struct arch_vspace *a, struct arch_vspace *old);	/* on this CPU */
void tlb_leave(struct arch_vspace *a);		/* every CPU that still has it loaded goes to the kernel's */
void tlb_answer(void);				/* do what another CPU waits for, if any */

#endif
