/*
 * lock.h -- spinlocks, and the one written order of all of them.
 *
 * A lock may be taken only while every lock this CPU holds has a lower rank; two of the same rank
 * only by spin_lock_second(), in order of their addresses.  With DEBUG_LOCKS each CPU remembers what
 * it holds and panics on a breach.  While it spins a CPU answers TLB shootdowns (arch_spin_wait).
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "arch_lock.h"
#include "kernel.h"

enum lock_rank {
	RANK_NONE,
	RANK_TASKS,	/* the list of all tasks */
	RANK_TASK,	/* task.lock: its list of threads, its state */
	RANK_TABLE,	/* table.lock: slots */
	RANK_LEASE,	/* the tree of leases */
	RANK_PAGER,	/* pagers: their contents, requests and whom to tell; tells of contents */
	RANK_ENDPOINT,	/* endpoint.lock: callers, receivers, notices, calls in progress */
	RANK_OBJECT,	/* object.lock of descriptors, contents, counters, timers, irqs */
	RANK_PIPE,	/* pipe.lock */
	RANK_WAITSET,	/* waitset.lock; one that contains others is above them */
	RANK_WAITSET_TOP = RANK_WAITSET + 4,
	RANK_FUTEX,	/* futex buckets, in order of address */
	RANK_VSPACE,	/* vspace.lock: tree of mappings and page tables, in order of address */
	RANK_VMO,	/* vmo.lock: pages and mapping list, in order of address */
	RANK_POOL,
	RANK_KMEM,
	RANK_FRAME,	/* the free frames */
	RANK_TIMER,	/* a CPU's timers */
	RANK_THREAD,	/* thread.lock: its state of running */
	RANK_RUNQUEUE,	/* a CPU's run queue */
	RANK_TLB,
	RANK_LOG,
	RANKS
};

struct spinlock {
	uint32_t held;
	uint8_t rank;
};
#define SPINLOCK(r) { 0, (r) }

void lock_check_take(struct spinlock *l, bool second);	/* debug */
void lock_check_drop(struct spinlock *l);
void lock_check_none_held(void);
bool lock_check_holds(void);			/* this CPU holds a lock */
void arch_spin_wait(void);			/* pause, and answer what other CPUs wait for */

/* Panics if this CPU holds any lock. */
static inline void lock_check_none(void)
{
	if (DEBUG_LOCKS)
		lock_check_none_held();
}

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
	l->held = 0;
	l->rank = (uint8_t)rank;
}

static inline void spin_lock(struct spinlock *l)
{
	if (DEBUG_LOCKS)
		lock_check_take(l, false);
	spin_acquire(&l->held);
}

/* A second lock of the same rank; its address must be above the first's. */
static inline void spin_lock_second(struct spinlock *l)
{
	if (DEBUG_LOCKS)
		lock_check_take(l, true);
	spin_acquire(&l->held);
}

static inline void spin_unlock(struct spinlock *l)
{
	if (DEBUG_LOCKS)
		lock_check_drop(l);
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

#endif
