/*
 * lease.h -- the life of everything granted under it.
 *
 * A capability under a lease gives what is made through it the same life: handle_get notes the lease as that
 * of the operation, and until the thread leaves the kernel
 *   - handle_install puts new capabilities under it,
 *   - a sleep is tied to it: the end of the lease takes the sleeper off its queue.
 * What is no capability and outlasts the operation (a mapping, a wait-set entry, a timer, an interrupt
 * line) keeps the lease and is dead once it has ended.
 */
#ifndef KERNEL_LEASE_H
#define KERNEL_LEASE_H

#include "thread.h"

struct lease {
	struct object object;
	struct lease *parent;		/* holds a reference */
	struct list children, sibling;	/* weak; leases_lock guards them and the next */
	struct list ties;
	bool ended;			/* and so have all below it; read without the lock */
	uint8_t depth;			/* how many are above it */
};

/* By itself, or with one above it: no more than LEASE_DEPTH steps. */
static inline bool lease_ended(const struct lease *l)
{
	while (l && !__atomic_load_n(&l->ended, __ATOMIC_ACQUIRE))
		l = l->parent;
	return l != NULL;
}

/* Something that must hear of the end at once. */
struct tie {
	struct list link;
	void (*end)(struct tie *t);	/* with leases_lock: may take RANK_ENDPOINT and above */
};
void tie_add(struct tie *t, struct lease *l);	/* end is called here when the lease has ended already */
void tie_remove(struct tie *t);			/* afterwards end is not called, nor running */

/* The lease of the current operation, with a reference, or NULL: for what outlasts it. */
struct lease *operation_lease(void);
status_t operation_under(struct lease *l);	/* E_PERM: it is under an unrelated one already */
void operation_end(void);			/* the thread leaves the kernel */

/* thread_sleep_claimed for a queued waiter of a leased operation; lock guards the queue, and is not held. */
status_t lease_sleep(struct waiter *w, struct spinlock *lock, struct thread *claimed, uint64_t deadline_ns,
		     bool interruptible);

#endif
