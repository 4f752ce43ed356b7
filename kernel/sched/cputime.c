/*
 * cputime.c -- CPU time told apart into user and kernel.
 *
 * Two clock readings per system call would cost more than the call.  So the sum is measured at each switch,
 * and how it divides is sampled by ticks, as Linux does it.
 * Tested:  kernel/test/sched_test.c, tests/linux/time.c
 */
#include "cputime.h"
#include "arch.h"
#include "runqueue.h"
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

void cputime_add(struct cputime *sum, const struct thread *t)
{
	uint64_t now = time_ns(), since = t->last_ns;

	sum->run_ns += t->time.run_ns + (t->state == TS_RUNNING && now > since ? now - since : 0);
	sum->ticks_user += t->time.ticks_user;
	sum->ticks_kernel += t->time.ticks_kernel;
}

void cputime_of_cpu(uint32_t cpu, uint64_t *idle_ns, uint64_t *user_ns, uint64_t *kernel_ns)
{
	struct runqueue *rq = &runqueues[cpu];
	const struct percpu *p = &percpu_of[cpu];
	uint64_t now = time_ns(), since = p->idle->last_ns;

	*idle_ns = p->idle->time.run_ns + (p->thread == p->idle && now > since ? now - since : 0);
	*idle_ns = MIN(*idle_ns, now);
	spin_lock(&rq->lock);
	rq->time.run_ns = now - *idle_ns;
	cputime_split(&rq->time, user_ns, kernel_ns);
	spin_unlock(&rq->lock);
}

/* --- ticks ------------------------------------------------------------------------------------------- */

void cputime_tick_start(struct runqueue *rq, uint64_t now)
{
	rq->tick_ns = (now | TICK_MASK) + 1;
	if (rq->timer_set > rq->tick_ns)
		arch_timer_set(rq->timer_set = rq->tick_ns);
}

/* Counted for what it met, unless it comes too late to tell. */
void cputime_tick(struct runqueue *rq, struct thread *t, uint64_t now, bool in_program)
{
	if (now - rq->tick_ns <= TICK_MASK) {
		if (in_program) {
			t->time.ticks_user++;
			rq->time.ticks_user++;
		} else {
			t->time.ticks_kernel++;
			rq->time.ticks_kernel++;
		}
	}
	rq->tick_ns = (now | TICK_MASK) + 1;
}

void cputime_tick_in_kernel(void)
{
	struct runqueue *rq = percpu()->rq;
	uint64_t now = time_ns();

	if (unlikely(now >= rq->tick_ns))
		cputime_tick(rq, current, now, false);
}
