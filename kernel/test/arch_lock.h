/* arch_lock.h -- for host tests: one thread, so a lock is free or the test is wrong. */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <stdint.h>
#include <stdlib.h>

extern struct host_race { uint32_t *lock; unsigned n; void (*run)(uint32_t *held); } host_race;	/* race.h */

static inline void spin_acquire(uint32_t *held)
{
	if (host_race.n && (held == host_race.lock || !host_race.lock) && --host_race.n == 0)
		host_race.run(held);
	if (__atomic_exchange_n(held, 1, __ATOMIC_ACQUIRE))
		abort();
}

#endif
