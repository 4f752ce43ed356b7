/*
 * timer.c -- timers: a tree of deadlines for each CPU, which fires its own from its interrupt.
 *
 * Owns:    runqueue.timers.
 * Locks:   runqueue.timer_lock; none is held while a timer fires.
 * Tested:  kernel/test/counter_test.c, sched_test.c, tests/linux/time.c
 */
#include "arch.h"
#include "runqueue.h"
#include "timer.h"

uint64_t time_ns(void) { return arch_clock_ns(); }

void ktimer_init(struct ktimer *k, void (*fire)(struct ktimer *))
{
	k->fire = fire;
	k->cpu = -1;
}

void ktimer_start(struct ktimer *k, uint64_t deadline_ns)
{
	uint32_t cpu = cpu_id();
	struct runqueue *rq = &runqueues[cpu];

	ktimer_stop(k);
	spin_lock(&rq->timer_lock);
	k->node.key = deadline_ns;
	k->cpu = (int16_t)cpu;
	tree_insert(&rq->timers, &k->node);
	spin_unlock(&rq->timer_lock);
	if (deadline_ns < rq->timer_set)
		arch_timer_set(rq->timer_set = deadline_ns);
}

void ktimer_stop(struct ktimer *k)
{
	int cpu = __atomic_load_n(&k->cpu, __ATOMIC_ACQUIRE);
	struct runqueue *rq;

	if (cpu < 0)
		return;
	rq = &runqueues[cpu];
	spin_lock(&rq->timer_lock);
	if (k->cpu == cpu) {
		tree_remove(&rq->timers, &k->node);
		k->cpu = -1;
	}
	spin_unlock(&rq->timer_lock);
}

/* Until it is neither queued nor running; its fire function may start it again. */
void ktimer_stop_sync(struct ktimer *k)
{
	for (;;) {
		ktimer_stop(k);
		if (!atomic_load(&k->running) && __atomic_load_n(&k->cpu, __ATOMIC_ACQUIRE) < 0)
			return;
		arch_spin_wait();
	}
}

#define TIMERS_AT_ONCE 64		/* then the CPU goes on with its thread for a while */
#define TIMERS_PAUSE_NS 50000

uint64_t timers_run(struct runqueue *rq)
{
	uint64_t next = time_ns() + TIMERS_PAUSE_NS;

	for (int i = 0; i < TIMERS_AT_ONCE; i++) {
		struct tree_node *n;
		struct ktimer *k;

		spin_lock(&rq->timer_lock);
		n = tree_first(&rq->timers);
		if (!n || n->key > time_ns()) {
			next = n ? n->key : DEADLINE_NEVER;
			spin_unlock(&rq->timer_lock);
			return next;
		}
		tree_remove(&rq->timers, n);
		k = container_of(n, struct ktimer, node);
		atomic_add(&k->running, 1);
		__atomic_store_n(&k->cpu, -1, __ATOMIC_RELEASE);	/* in this order: ktimer_stop_sync */
		spin_unlock(&rq->timer_lock);
		k->fire(k);
		atomic_sub(&k->running, 1);
	}
	return next;
}
