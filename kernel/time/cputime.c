/*
 * cputime.c -- CPU time told apart into user and kernel.
 *
 * Two clock readings per system call would cost more than the call.  So the sum is measured at each switch,
 * and how it divides is sampled by ticks, as Linux does it.
 * Tested:  kernel/test/sched_test.c, tests/linux/time.c
 */
#include "timer.h"

/* x * part / whole, part <= whole, without 128 bits */
static uint64_t share(uint64_t x, uint64_t part, uint64_t whole)
{
	return x / whole * part + x % whole * part / whole;
}

void cputime_split(struct cputime *t, uint64_t *user_ns, uint64_t *kernel_ns)
{
	uint64_t ticks = t->ticks_user + t->ticks_kernel;
	uint64_t kernel = ticks ? share(t->run_ns, t->ticks_kernel, ticks) : 0;

	if (t->run_ns > t->told_user_ns + t->told_kernel_ns) {
		kernel = MAX(kernel, t->told_kernel_ns);
		kernel = MIN(kernel, t->run_ns - t->told_user_ns);
		t->told_kernel_ns = kernel;
		t->told_user_ns = t->run_ns - kernel;
	}
	*user_ns = t->told_user_ns;
	*kernel_ns = t->told_kernel_ns;
}
