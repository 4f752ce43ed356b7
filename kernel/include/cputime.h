/*
 * cputime.h -- who used how much of the CPUs' time.
 */
#ifndef KERNEL_CPUTIME_H
#define KERNEL_CPUTIME_H

#include "kernel.h"

struct runqueue;
struct thread;

/*
 * CPU time: the sum is exact; user and kernel share it as the ticks that met either (what a program's window
 * does counts as the kernel's).  What was told is never taken back.
 */
struct cputime {
	uint64_t run_ns;
	uint64_t ticks_user, ticks_kernel;
	uint64_t told_user_ns, told_kernel_ns;
};
void cputime_split(struct cputime *t, uint64_t *user_ns, uint64_t *kernel_ns);	/* the caller locks */
void cputime_add(struct cputime *sum, const struct thread *t);		/* what it has used so far */
void cputime_of_cpu(uint32_t cpu, uint64_t *idle_ns, uint64_t *user_ns, uint64_t *kernel_ns);

/* Of this CPU, with interrupts off.  A tick is what the next interrupt or exception after its time meets. */
void cputime_tick_start(struct runqueue *rq, uint64_t now);
void cputime_tick(struct runqueue *rq, struct thread *t, uint64_t now, bool in_program);	/* due: count it, set the next */
void cputime_tick_in_kernel(void);	/* an exception was served with interrupts off: if one is due, it was the kernel's */

#endif
