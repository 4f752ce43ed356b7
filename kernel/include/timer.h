/*
 * timer.h -- kernel time and timers.
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include "kernel.h"
#include "tree.h"

struct ktimer {
	struct tree_node node;		/* node.key: the deadline */
	void (*fire)(struct ktimer *t);	/* runs with interrupts off and no lock held */
	uint32_t running;	/* fires under way: one may still be returning on another CPU */
	int16_t cpu;			/* whose queue it is in; -1: none */
};

uint64_t time_ns(void);				/* monotonic since boot */
uint64_t time_real_ns(void);			/* wall clock since 1970 */
void ktimer_init(struct ktimer *t, void (*fire)(struct ktimer *));
void ktimer_start(struct ktimer *t, uint64_t deadline_ns);	/* replaces a running one */
void ktimer_stop(struct ktimer *t);		/* afterwards it does not run, unless it is running now */
void ktimer_stop_sync(struct ktimer *t);	/* and waits for one that is running; not from its fire */

#endif
