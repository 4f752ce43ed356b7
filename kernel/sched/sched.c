/*
 * sched.c -- who runs: per-CPU run queues of 256 priorities, round robin within one, and timers.
 *
 * Owns:    run queues and timer trees, one each per CPU; thread.state.
 * Locks:   thread.object.lock (RANK_THREAD) guards a thread's state; it is held from the decision to
 *          leave a CPU until the next thread has the CPU (schedule_finish drops it), so that nobody
 *          can run a thread that still stands on its old stack.  runqueue.lock is inside it.
 * Rule:    a thread whose extended state is live on a CPU (arch.ext_cpu) runs only there.
 * Tested:  tests/boot (-smp 1/2/4), kernel/test/sched_test.c
 */
#include "sched.h"
#include "arch.h"
#include "delay.h"
#include "ipc.h"
#include "lease.h"
#include "mm.h"
#include "timer.h"

struct runqueue {
	struct spinlock lock;
	struct list queues[256];
	uint64_t bitmap[4];
	uint32_t count;
	struct spinlock timer_lock;
	struct tree timers;
	uint64_t timer_set;		/* what the hardware is set to */
	uint64_t idle_ns;
	uint8_t running;		/* priority of what runs; others read it: the thread itself may be gone */
	struct thread *leaving;		/* whose lock schedule_finish drops */
	struct endpoint *deferred;	/* to be kicked, with a reference */
};
static struct runqueue runqueues[CPUS_MAX];
uint64_t sched_switches;

/* --- run queues ---------------------------------------------------------------------------------- */

static void rq_push(struct runqueue *rq, struct thread *t, bool front)
{
	uint8_t p = t->effective;

	if (front)
		list_push_front(&rq->queues[p], &t->run_link);
	else
		list_push_back(&rq->queues[p], &t->run_link);
	rq->bitmap[p >> 6] |= 1ull << (p & 63);
	rq->count++;
}

static void rq_remove(struct runqueue *rq, struct thread *t, uint8_t p)
{
	list_remove(&t->run_link);
	rq->count--;
	if (list_empty(&rq->queues[p]))
		rq->bitmap[p >> 6] &= ~(1ull << (p & 63));
}

/* The highest priority with a thread, or -1. */
static int rq_top(const struct runqueue *rq)
{
	for (int w = 3; w >= 0; w--)
		if (rq->bitmap[w])
			return w * 64 + 63 - __builtin_clzll(rq->bitmap[w]);
	return -1;
}

static bool may_run_on(const struct thread *t, uint32_t cpu)
{
	int32_t ext = __atomic_load_n(&t->arch.ext_cpu, __ATOMIC_RELAXED);

	return (ext < 0 || (uint32_t)ext == cpu) && t->affinity >> cpu & 1;
}

static struct thread *rq_pop(struct runqueue *rq, uint32_t cpu)
{
	struct thread *t = NULL;
	int p;

	if (!rq->count)
		return NULL;
	spin_lock(&rq->lock);
	p = rq_top(rq);
	if (p >= 0) {
		t = list_entry(rq->queues[p].next, struct thread, run_link);
		rq_remove(rq, t, (uint8_t)p);
	}
	spin_unlock(&rq->lock);
	(void)cpu;
	return t;
}

/* One thread from another CPU's queue that may run here. */
static struct thread *rq_steal(uint32_t self)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		struct runqueue *rq = &runqueues[i];

		if (i == self || !rq->count)
			continue;
		spin_lock(&rq->lock);
		for (int p = rq_top(rq); p > PRIORITY_IDLE; p--) {
			list_for_each(l, &rq->queues[p]) {
				struct thread *t = list_entry(l, struct thread, run_link);

				if (may_run_on(t, self)) {
					rq_remove(rq, t, (uint8_t)p);
					spin_unlock(&rq->lock);
					delay(DELAY_STOLEN);
					return t;
				}
			}
		}
		spin_unlock(&rq->lock);
	}
	return NULL;
}

static uint32_t choose_cpu(const struct thread *t)
{
	int32_t ext = __atomic_load_n(&t->arch.ext_cpu, __ATOMIC_RELAXED);
	uint32_t home = ext >= 0 ? (uint32_t)ext : t->cpu;

	if (ext >= 0 || cpu_count == 1)
		return home;
	if (may_run_on(t, home) && percpu_of[home].thread == percpu_of[home].idle)
		return home;
	for (uint32_t i = 0; i < cpu_count; i++)
		if (may_run_on(t, i) && percpu_of[i].thread == percpu_of[i].idle && !runqueues[i].count)
			return i;
	if (may_run_on(t, home))
		return home;
	for (uint32_t i = 0; i < cpu_count; i++)
		if (may_run_on(t, i))
			return i;
	return home;
}

/* t is TS_READY and in no queue; its lock is held. */
static void enqueue(struct thread *t, bool front)
{
	uint32_t cpu = choose_cpu(t), self = cpu_id();
	struct runqueue *rq = &runqueues[cpu];

	t->cpu = (uint16_t)cpu;
	spin_lock(&rq->lock);
	rq_push(rq, t, front);
	spin_unlock(&rq->lock);
	if (cpu != self) {
		delay(DELAY_ENQUEUED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* it may go idle: it looks, or we see that */
		if (t->effective > rq->running || rq->timer_set > time_ns() + SLICE_NS)
			arch_ipi_reschedule(cpu);	/* also to start a time slice */
	} else if (t->effective > current->effective) {
		atomic_or(&current->arch.work, (uint64_t)WORK_RESCHEDULE);
	} else if (rq->timer_set > time_ns() + SLICE_NS) {
		arch_timer_set(rq->timer_set = time_ns() + SLICE_NS);
	}
}

/* --- switching -------------------------------------------------------------------------------------- */

/* The old thread yielded, and its stack is free only now, or it is dead. */
static __attribute__((noinline)) void finish_rare(struct thread *old)
{
	bool dead = old->state == TS_DEAD;

	if (!dead)
		enqueue(old, false);
	spin_unlock(&old->object.lock);
	if (dead)
		object_put(&old->object);
}

/* On the new thread's stack: what could not be done while the old one was on its own. */
void schedule_finish(void)
{
	struct thread *old = runqueues[cpu_id()].leaving;

	if (unlikely(old->state == TS_READY || old->state == TS_DEAD))
		finish_rare(old);
	else
		spin_unlock(&old->object.lock);
}

/*
 * The current thread's lock is held and its new state set; next is in no queue.  handed: it goes on in what is
 * left of this thread's time slice.
 */
static void switch_to(struct thread *next, bool handed)
{
	struct percpu *p = percpu();
	struct thread *prev = p->thread;
	struct runqueue *rq = &runqueues[p->id];
	uint64_t now = time_ns();
	struct vspace *vs = next->task ? next->task->vspace : NULL;

	prev->user_ns += now - prev->last_ns;
	if (prev == p->idle)
		rq->idle_ns += now - prev->last_ns;
	next->last_ns = now;
	next->slice_end_ns = handed ? prev->slice_end_ns : now + SLICE_NS;
	next->cpu = (uint16_t)p->id;
	next->state = TS_RUNNING;
	rq->running = next->effective;
	sched_switches++;
	if (rq->count && rq->timer_set > next->slice_end_ns)
		arch_timer_set(rq->timer_set = next->slice_end_ns);
	rq->leaving = prev;
	if (unlikely(!vs))		/* idle, or a task's last thread on its way out */
		vs = &kernel_vspace;
	if (vs != p->vspace)
		vspace_switch(vs);
	arch_switch(prev, next);
	schedule_finish();
}

static struct thread *pick(void)
{
	struct percpu *p = percpu();
	struct thread *t = rq_pop(&runqueues[p->id], p->id);

	if (!t && cpu_count > 1)
		t = rq_steal(p->id);
	return t ? t : p->idle;
}

void schedule_yield(void)
{
	struct thread *t = current, *next;
	struct percpu *p = percpu();
	struct runqueue *rq = &runqueues[p->id];

	atomic_and(&t->arch.work, ~(uint64_t)WORK_RESCHEDULE);
	if (!rq->count || (t != p->idle && rq_top(rq) < t->effective)) {
		if (!rq->count)		/* else it stays used up: whom it hands the CPU to must wait */
			t->slice_end_ns = time_ns() + SLICE_NS;
		return;
	}
	next = rq_pop(rq, p->id);
	if (!next)
		return;
	spin_lock(&t->object.lock);
	if (t != p->idle)
		t->state = TS_READY;	/* schedule_finish puts it into a queue */
	switch_to(next, false);
}

/* --- sleeping ------------------------------------------------------------------------------------------ */

static void timeout_fire(struct ktimer *k)
{
	struct thread *t = container_of(k, struct thread, timeout);

	atomic_store(&t->timed_out, true);
	thread_wake(t);
}

void thread_sleep_prepare(void)
{
	atomic_store(&current->state, TS_PREPARED);
}

void thread_sleep_cancel(void)
{
	current->state = TS_RUNNING;
}

void thread_wake_locked(struct thread *t)
{
	if (t->state == TS_PREPARED) {
		t->state = TS_RUNNING;
	} else if (t->state == TS_BLOCKED) {
		t->state = TS_READY;
		enqueue(t, false);
	}
}

void thread_wake(struct thread *t)
{
	if (t->state != TS_BLOCKED && t->state != TS_PREPARED)
		return;
	spin_lock(&t->object.lock);
	thread_wake_locked(t);
	spin_unlock(&t->object.lock);
}

static bool interrupted(struct thread *t)
{
	return t->arch.utcb && atomic_load(&t->arch.utcb->latch);
}

/* Why the thread is awake, as thread_sleep answers it. */
static status_t sleep_result(struct thread *t, bool interruptible)
{
	if (t->arch.work & WORK_KILL)
		return E_GONE;
	if (interruptible && interrupted(t))
		return E_INTERRUPTED;
	return t->timed_out ? E_TIMEDOUT : 0;
}

/* Somebody more urgent than target waits, or, with the time slice used up, an equal: it must wait, too. */
static bool others_first(const struct thread *target)
{
	const struct runqueue *rq = &runqueues[cpu_id()];
	int top;

	if (likely(!rq->count))
		return false;
	top = rq_top(rq);
	return top > target->effective || (top == target->effective && time_ns() >= current->slice_end_ns);
}

status_t thread_sleep_to(struct thread *target, uint64_t deadline_ns, bool interruptible)
{
	struct thread *t = current, *next = NULL;
	status_t s = (t->arch.work & WORK_KILL) ? E_GONE :
		     interruptible && interrupted(t) ? E_INTERRUPTED : 0;

	lock_check_none();
	if (s) {
		if (target)
			thread_wake(target);
		thread_sleep_cancel();
		return s;
	}
	delay(DELAY_TESTED);
	if (deadline_ns != DEADLINE_NEVER) {
		t->timed_out = false;
		ktimer_start(&t->timeout, deadline_ns);
	} else {
		t->timed_out = false;
	}
	if (target) {
		bool here = false;

		spin_lock(&target->object.lock);
		if (target->state == TS_BLOCKED && may_run_on(target, cpu_id()) && !others_first(target)) {
			target->state = TS_READY;
			here = true;
		}
		spin_unlock(&target->object.lock);
		if (here)
			next = target;
		else
			thread_wake(target);
	}
	spin_lock(&t->object.lock);
	if (t->state == TS_PREPARED) {
		t->state = TS_BLOCKED;
		switch_to(next ? next : pick(), next != NULL);
	} else {
		spin_unlock(&t->object.lock);
		if (next) {
			spin_lock(&next->object.lock);
			enqueue(next, true);
			spin_unlock(&next->object.lock);
		}
	}
	if (deadline_ns != DEADLINE_NEVER)
		ktimer_stop_sync(&t->timeout);	/* a late one would end the next sleep */
	return sleep_result(t, interruptible);
}

status_t thread_sleep(uint64_t deadline_ns, bool interruptible)
{
	return thread_sleep_to(NULL, deadline_ns, interruptible);
}

void thread_start(struct thread *t)
{
	spin_lock(&t->object.lock);
	if (t->state == TS_NEW) {
		t->state = TS_READY;
		enqueue(t, false);
	}
	spin_unlock(&t->object.lock);
}

_Noreturn void sched_exit(void)
{
	struct thread *t = current;

	lock_check_none();
	arch_ext_drop(t);
	spin_lock(&t->object.lock);
	t->state = TS_DEAD;
	switch_to(pick(), false);
	panic("a dead thread runs");
}

bool preempt_point(void)
{
	struct thread *t = current;

	lock_check_none();
	arch_interrupts_window();
	if (t->arch.work & WORK_RESCHEDULE)
		schedule_yield();
	if (likely(!(t->arch.work & (WORK_KILL | WORK_LEASE))))
		return true;
	return !(t->arch.work & WORK_KILL) && !lease_ended(t->op_lease);
}

/* --- timers ---------------------------------------------------------------------------------------------- */

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

static uint64_t timers_run(struct runqueue *rq)
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

#define DEFER_NS 1000000ull

void sched_defer(struct endpoint *e)
{
	struct runqueue *rq = &runqueues[cpu_id()];
	struct endpoint *other = rq->deferred;
	uint64_t until;

	if (likely(other == e))
		return;
	object_get(&e->object);
	rq->deferred = e;
	if (other) {
		endpoint_kick(other);
		object_put(&other->object);
	}
	until = time_ns() + DEFER_NS;
	if (rq->timer_set > until)
		arch_timer_set(rq->timer_set = until);
}

static void deferred_kick(struct runqueue *rq)
{
	struct endpoint *e = rq->deferred;

	if (!e)
		return;
	rq->deferred = NULL;
	endpoint_kick(e);
	object_put(&e->object);
}

void timer_interrupt(void)
{
	struct percpu *p = percpu();
	struct runqueue *rq = &runqueues[p->id];
	struct thread *t = p->thread;
	uint64_t next = timers_run(rq);

	deferred_kick(rq);
	if (rq->count) {
		if (t == p->idle || time_ns() >= t->slice_end_ns)
			atomic_or(&t->arch.work, (uint64_t)WORK_RESCHEDULE);
		next = MIN(next, MAX(t->slice_end_ns, time_ns() + SLICE_NS / 10));
	}
	rq->timer_set = next;
	arch_timer_set(next);
}

/* --- idle and start -------------------------------------------------------------------------------------- */

_Noreturn void scheduler_idle(void)
{
	struct percpu *p = percpu();

	for (;;) {
		struct thread *next;

		deferred_kick(&runqueues[p->id]);
		next = pick();
		if (next != p->idle) {
			spin_lock(&p->idle->object.lock);
			switch_to(next, false);
			continue;
		}
		atomic_and(&p->idle->arch.work, ~(uint64_t)WORK_RESCHEDULE);
		delay(DELAY_IDLE);
		if (!runqueues[p->id].count)
			arch_idle_wait();
	}
}

uint64_t sched_idle_ns(uint32_t cpu)
{
	struct percpu *p = &percpu_of[cpu];
	uint64_t extra = p->thread == p->idle ? time_ns() - p->idle->last_ns : 0;

	return runqueues[cpu].idle_ns + extra;
}

uint32_t sched_runnable(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		n += runqueues[i].count + (percpu_of[i].thread != percpu_of[i].idle);
	return n;
}

static void runqueue_init(struct runqueue *rq)
{
	spin_init(&rq->lock, RANK_RUNQUEUE);
	spin_init(&rq->timer_lock, RANK_TIMER);
	for (int i = 0; i < 256; i++)
		list_init(&rq->queues[i]);
	rq->timer_set = DEADLINE_NEVER;
}

void sched_init(void)
{
	for (uint32_t i = 0; i < CPUS_MAX; i++) {
		struct percpu *p = &percpu_of[i];
		struct thread *t = object_alloc(root_pool, OBJ_THREAD, sizeof(*t), RANK_THREAD);

		runqueue_init(&runqueues[i]);
		KASSERT(t && arch_thread_init(t, root_pool, false));
		list_init(&t->run_link);
		ktimer_init(&t->timeout, timeout_fire);
		t->state = TS_RUNNING;
		t->affinity = 1ull << i;
		t->cpu = (uint16_t)i;
		p->idle = p->thread = t;
		p->arch = &t->arch;
		p->kstack_top = t->arch.kstack_top;
		p->vspace = &kernel_vspace;
	}
}

void sched_thread_init(struct thread *t)
{
	list_init(&t->run_link);
	ktimer_init(&t->timeout, timeout_fire);
	t->state = TS_NEW;
	t->cpu = (uint16_t)cpu_id();
	t->affinity = ~0ull;
}
