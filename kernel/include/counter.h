/*
 * counter.h -- a 64-bit count or a set of bits that threads wait for.
 */
#ifndef KERNEL_COUNTER_H
#define KERNEL_COUNTER_H

#include "thread.h"

struct counter {
	struct object object;		/* lock: RANK_OBJECT, guards all */
	uint64_t value;
	uint32_t flags;			/* COUNTER_* */
	struct waitqueue waiters;
	struct observers observers;
};

#define COUNTER_MAX 0xfffffffffffffffeull

/* Add (or OR) and wake; from interrupts and timers too.  A sum beyond COUNTER_MAX stays there. */
void counter_signal(struct counter *c, uint64_t value);
/* Take the value (or one of a semaphore).  E_AGAIN with deadline 0, else as thread_wait. */
status_t counter_take(struct counter *c, uint64_t deadline_ns, uint64_t *value);
/* eventfd's write: E_AGAIN or sleep while the sum would exceed COUNTER_MAX */
status_t counter_add(struct counter *c, uint64_t value, uint64_t deadline_ns);
uint32_t counter_ready(struct counter *c);	/* POLL_ bits */

#endif
