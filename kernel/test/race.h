/*
 * race.h -- races between CPUs, repeatable: something else is done just before a lock is had.
 */
#ifndef KERNEL_TEST_RACE_H
#define KERNEL_TEST_RACE_H

#include "lock.h"

/* Before this CPU has the lock for the n-th time from now on, once; l NULL: any lock, when none is held. */
void host_race_at(struct spinlock *l, unsigned n, void (*other)(void));
bool host_race_over(void);		/* it has; and what has not will not any more */

#endif
