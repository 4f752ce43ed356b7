/*
 * locks.c -- the checker of lock order: what each CPU holds, and panics on a breach.
 */
#include "arch_thread.h"
#include "lock.h"

#define HELD_MAX 12
static struct { struct spinlock *held[HELD_MAX]; int n; } held_by[CPUS_MAX];

void lock_check_take(struct spinlock *l, bool second)
{
	__auto_type h = &held_by[cpu_id()];

	for (int i = 0; i < h->n; i++) {
		struct spinlock *o = h->held[i];
		bool fine = o->rank < l->rank || (second && o->rank == l->rank && o < l);

		if (!fine && !panicking)
			panic("lock order: rank %u taken with rank %u held%s", l->rank, o->rank,
			      o == l ? " (the same lock)" : "");
	}
	KASSERT(h->n < HELD_MAX);
	h->held[h->n++] = l;
}

void lock_check_drop(struct spinlock *l)
{
	__auto_type h = &held_by[cpu_id()];

	for (int i = h->n - 1; i >= 0; i--) {
		if (h->held[i] != l)
			continue;
		for (; i < h->n - 1; i++)
			h->held[i] = h->held[i + 1];
		h->n--;
		return;
	}
	if (!panicking)
		panic("lock of rank %u dropped, not held", l->rank);
}

bool lock_check_holds(void) { return held_by[cpu_id()].n > 0; }

void lock_check_none_held(void)
{
	if (DEBUG_LOCKS && lock_check_holds())
		panic("sleeping with a lock of rank %u", held_by[cpu_id()].held[0]->rank);
}
