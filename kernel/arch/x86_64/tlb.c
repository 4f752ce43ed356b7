/*
 * tlb.c -- loading address spaces, and keeping every CPU's TLB true.
 *
 * One shootdown is in progress at a time: its sender holds tlb_lock, publishes the request, sets a bit
 * for each CPU that must act, sends IPIs and waits until the bits are gone.  A CPU answers from the
 * interrupt, or from arch_spin_wait() while it waits for a lock with interrupts off; a sender that
 * waits for tlb_lock is such a waiter, so two senders cannot wait for each other.
 *
 * A CPU sets its bit in arch.cpus before it loads the table and clears it after it has loaded another:
 * a sender that changes an entry and then reads the mask misses nobody.
 * Locks:   tlb_lock (RANK_TLB); callers hold the vspace's lock or own a dying one.
 * Source:  Intel SDM volume 3A, 4.10.4 and 4.10.5.
 * Tested:  tests/boot with -smp 2 and 4
 */
#include "mm.h"
#include "arch.h"
#include "x86.h"

#define FEW_PAGES 16			/* more: all non-global entries */

enum what { FLUSH_RANGE, FLUSH_ALL, LEAVE };
static struct spinlock tlb_lock = SPINLOCK(RANK_TLB);
static struct request {
	enum what what;
	struct arch_vspace *space;
	uint64_t addr, npages;
} request;
static uint64_t waiting_for;		/* CPUs that have not answered; atomic */
static struct arch_vspace *loaded[CPUS_MAX];

static uint64_t self_bit(void) { return 1ull << cpu_id(); }

static void flush_here(const struct request *r)
{
	if (r->what == FLUSH_ALL || r->npages > FEW_PAGES) {
		write_cr3(read_cr3());
		return;
	}
	for (uint64_t i = 0; i < r->npages; i++)
		__asm__ volatile("invlpg (%0)" : : "r"(r->addr + i * PAGE_SIZE) : "memory");
}

static void leave_here(struct arch_vspace *a)
{
	vspace_switch(&kernel_vspace);
	KASSERT(loaded[cpu_id()] != a);
}

static void request_do(const struct request *r)
{
	if (loaded[cpu_id()] != r->space)
		return;
	if (r->what == LEAVE)
		leave_here(r->space);
	else
		flush_here(r);
}

/* Interrupts are off.  Called from the interrupt and from every spin. */
void tlb_answer(void)
{
	uint64_t self = self_bit();

	if (likely(!(__atomic_load_n(&waiting_for, __ATOMIC_ACQUIRE) & self)))
		return;
	request_do(&request);
	atomic_and(&waiting_for, ~self);
}

static void request_all(struct request r)
{
	uint64_t others;

	request_do(&r);
	/* the entries were changed before; the mask is read after */
	others = atomic_load(&r.space->cpus) & ~self_bit();
	if (likely(!others))
		return;
	spin_lock(&tlb_lock);
	request = r;
	atomic_store(&waiting_for, others);
	arch_ipi_tlb(others);
	while (atomic_load(&waiting_for))
		arch_spin_wait();
	spin_unlock(&tlb_lock);
}

void tlb_flush_range(struct arch_vspace *a, uint64_t addr, uint64_t npages)
{
	request_all((struct request){ FLUSH_RANGE, a, addr, npages });
}

void tlb_flush_all(struct arch_vspace *a)
{
	request_all((struct request){ FLUSH_ALL, a, 0, 0 });
}

/* The space dies: nobody loads it any more, but an idle CPU may still have it. */
void tlb_leave(struct arch_vspace *a)
{
	request_all((struct request){ LEAVE, a, 0, 0 });
	KASSERT(atomic_load(&a->cpus) == 0);
}

bool tlb_others(struct arch_vspace *a)
{
	return (atomic_load(&a->cpus) & ~self_bit()) != 0;
}

void tlb_load(struct arch_vspace *a, struct arch_vspace *old)
{
	uint32_t cpu = cpu_id();

	atomic_or(&a->cpus, 1ull << cpu);
	loaded[cpu] = a;
	write_cr3(a->top_phys);
	if (likely(old && old != a))
		atomic_and(&old->cpus, ~(1ull << cpu));
}
