/*
 * futex.c -- futex(2): words in memory, sleepers in the kernel.
 *
 * Conforms: futex(2), without the operations on priority-inheriting locks.
 * Tested:   tests/linux/thread.c
 */
#include "translator.h"

static uint64_t futex_flags(uint32_t op)
{
	return op & FUTEX_PRIVATE_FLAG ? FUTEX_PRIVATE_ABI : 0;
}

/* WAIT's timeout is relative; WAIT_BITSET's absolute, of the clock that the flag names. */
static int64_t futex_deadline(uint32_t op, uint64_t timeout, uint64_t *deadline)
{
	uint64_t ns, now;
	int64_t r;

	*deadline = DEADLINE_NEVER;
	if (timeout == 0)
		return 0;
	r = timespec_load(timeout, &ns);
	if (r < 0)
		return r;
	if ((op & 127) == FUTEX_WAIT) {
		*deadline = deadline_after(ns);
		return 0;
	}
	now = op & FUTEX_CLOCK_REALTIME ? clock_real() : clock_mono();
	*deadline = deadline_after(ns > now ? ns - now : 0);
	return 0;
}

static int64_t futex_sleep(uint32_t op, uint64_t word, uint32_t value, uint64_t timeout, uint32_t bits)
{
	struct thread_data *t = self_thread();
	uint64_t deadline;
	int64_t r = futex_deadline(op, timeout, &deadline);

	if (r < 0)
		return r;
	if (bits == 0 || word & 3)
		return -EINVAL;
	if (t->restarting && timeout)
		deadline = t->restart_deadline;
	t->restarting = false;
	r = tess_futex_wait((void *)word, value, bits, deadline, futex_flags(op));
	if (r != E_INTERRUPTED)
		return result(r);
	return timeout ? restart_deadline(&deadline) : -ERESTARTSYS;
}

/* futex(2) does not say so, but Linux wakes a first sleeper before it counts: 0 and less are 1. */
static uint32_t wake_count(uint64_t value)
{
	return (int32_t)value < 1 ? 1 : (uint32_t)value;
}

int64_t sys_futex(uint64_t word, uint64_t operation, uint64_t value, uint64_t timeout, uint64_t word2, uint64_t value3)
{
	uint32_t op = (uint32_t)operation;
	uint64_t flags = futex_flags(op);

	if (word & 3)
		return -EINVAL;
	switch (op & 127) {
	case FUTEX_WAKE:
		return result(tess_futex_wake((void *)word, wake_count(value), ~0u, flags));
	case FUTEX_WAIT:
		return futex_sleep(op, word, (uint32_t)value, timeout, ~0u);
	case FUTEX_WAIT_BITSET:
		return futex_sleep(op, word, (uint32_t)value, timeout, (uint32_t)value3);
	case FUTEX_WAKE_BITSET:
		return (uint32_t)value3 == 0 ? -EINVAL :
			result(tess_futex_wake((void *)word, wake_count(value), (uint32_t)value3, flags));
	case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE:
		if (word2 & 3 || (int32_t)value < 0 || (int32_t)timeout < 0)
			return -EINVAL;
		return result(tess_futex_requeue((void *)word, (uint32_t)value, (void *)word2, (uint32_t)timeout,
			(uint32_t)value3, flags | ((op & 127) == FUTEX_CMP_REQUEUE ? FUTEX_COMPARE : 0)));
	case FUTEX_WAKE_OP:
		if (word2 & 3)
			return -EINVAL;
		return result(tess_futex_wake_op((void *)word, wake_count(value), (void *)word2, wake_count(timeout),
			(uint32_t)value3, flags));
	default:
		return -ENOSYS;
	}
}
