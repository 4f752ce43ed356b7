/* arch_lock.h -- for host tests: one thread, so a lock is free or the test is wrong. */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <stdint.h>
#include <stdlib.h>

static inline void spin_acquire(uint32_t *held)
{
	if (__atomic_exchange_n(held, 1, __ATOMIC_ACQUIRE))
		abort();
}

#endif
