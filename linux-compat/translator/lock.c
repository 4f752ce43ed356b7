/*
 * lock.c -- the lock of a task's translator state: 0 free, 1 taken, 2 taken and waited for.
 *
 * Held for a few instructions or native calls that do not block.  A signal cannot interrupt its
 * holder: no program code runs inside the window.  Two Tasks never share one.
 */
#include "translator.h"

void lock_take(uint32_t *lock)
{
	uint32_t free = 0;

	if (__atomic_compare_exchange_n(lock, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE) != 0)
		if (tess_futex_wait(lock, 2, ~0ull, DEADLINE_NEVER, FUTEX_PRIVATE_ABI) == E_INTERRUPTED)
			tess_thread_yield();	/* the latch stays up until our exit */
}

void lock_give(uint32_t *lock)
{
	if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2)
		tess_futex_wake(lock, 1, ~0ull, FUTEX_PRIVATE_ABI);
}
