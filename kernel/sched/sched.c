/*
 * sched.c -- who runs: a run queue of 256 priorities per CPU (runqueue.h), switches, sleeps, ticks.
 *
 * Owns:    the run queues, one per CPU; thread.state.
 * Locks:   thread.object.lock (RANK_THREAD), then runqueue.lock.  The kernel runs with interrupts off.
 *
 * What holds, and what keeps it on several CPUs:
 *  1. A thread stands on at most one CPU's stack.  thread.object.lock is held from the decision to leave a
 *     CPU until the next thread has it (schedule_finish): who takes that lock finds it off its stack, or
 *     still running.  So a thread that yields is queued only there, and a dead one given back only there.
 *  2. A TS_READY thread is in exactly one queue (level != LEVEL_NONE), or in the hands of the one CPU that
 *     took it out under the queue's lock and will run or queue it.  Nobody else may change its state.  Who
 *     puts a thread into a queue holds its lock: so sched_set, which does, knows in which it is.
 *  3. No wake is lost.  The sleeper sets TS_PREPARED (an exchange, thus a fence), then looks for what it
 *     waits for; the waker first makes that true, by an atomic operation or under a lock the sleeper looks
 *     under, then reads the state.  One of the two sees the other.  The same between `work` or the latch,
 *     set before poke() reads the state, and the sleeper's test of them.
 *  4. Who deserves a CPU gets it.  enqueue pushes, then (fence) reads runqueue.running; switch_to sets
 *     .running (an exchange), then looks at the queue.  Either the CPU sees the thread, or the other sees
 *     what runs there and interrupts it.  The same exchange orders TS_RUNNING before the next look at
 *     `work`: a suspend or kill that saw the thread still TS_READY is found before it returns to user mode.
 *     An idle CPU looks into its queue with interrupts off, and STI takes effect only after HLT has begun.
 *  5. A busy CPU has a tick at most 2^22 ns away (switch_to, timer_interrupt), so whatever a hint read
 *     without a lock got wrong is put right within one.  An idle CPU has none.
 *  6. A thread whose extended state is live on a CPU (arch.ext_cpu) runs only there.  Only its own CPU gives
 *     it up, so who finds -1 under the queue's lock may take it.
 *  7. vclock never runs backwards, and no shared thread is ever more than SLEEPER_NS behind it when it
 *     competes: what a sleeper can take from others is bounded, and so is what a thread can be made to wait.
 * Tested:  tests/boot (-smp 1/2/4), tests/linux/sched.c, kernel/test/sched_test.c
 */
#include "sched.h"
#include "arch.h"
#include "delay.h"
#include "ipc.h"
#include "lease.h"
#include "mm.h"
#include "runqueue.h"
#include "timer.h"
#include "trace.h"

struct runqueue runqueues[CPUS_MAX];

/* --- CPU time ---------------------------------------------------------------------------------- */

/* What t, which runs on this CPU, has used up to now. */
static inline void charge(struct thread *t, uint64_t now)
{
	uint64_t ran = now - t->last_ns;

	t->time.run_ns += ran;
	t->vtime += ran * t->rate >> RATE_SHIFT;
	t->last_ns = now;
}

/* It may have come by a hand-over, after a long sleep. */
static void charge_placed(struct runqueue *rq, struct thread *t, uint64_t now)
{
	if (t->effective == PRIORITY_SHARED)
		vtime_place(rq, t);
	charge(t, now);
}

/* --- run queues ---------------------------------------------------------------------------------- */

static bool may_run_on(const struct thread *t, uint32_t cpu)
{
	int32_t ext = __atomic_load_n(&t->arch.ext_cpu, __ATOMIC_RELAXED);

	return (ext < 0 || (uint32_t)ext == cpu) && t->affinity >> cpu & 1;
}

static struct thread *rq_pop(struct runqueue *rq)
{
	struct thread *t = NULL;
	int p;

	if (!rq->count)
		return NULL;
	spin_lock(&rq->lock);
	p = rq_top(rq);
	if (p >= 0) {
		t = rq_first(rq, p);
		rq_remove(rq, t);
	}
	spin_unlock(&rq->lock);
	return t;
}

/* With the lock: the first of one priority that may run on CPU self, taken out; or NULL. */
static struct thread *rq_take(struct runqueue *rq, int p, uint32_t self)
{
	if (!(rq->bitmap[p >> 6] >> (p & 63) & 1))
		return NULL;
	for (struct thread *t = rq_first(rq, p); t; t = rq_after(rq, t))
		if (may_run_on(t, self)) {
			rq_remove(rq, t);
			return t;
		}
	return NULL;
}

/* One thread of at least a priority from another CPU's queue that may run here. */
static struct thread *rq_steal(uint32_t self, int lowest)
{
	struct thread *t = NULL;

	for (uint32_t i = 0; i < cpu_count && !t; i++) {
		struct runqueue *rq = &runqueues[i];

		if (i == self || !rq->count)
			continue;
		spin_lock(&rq->lock);
		for (int p = rq_top(rq); p >= lowest && !t; p--)
			t = rq_take(rq, p, self);
		spin_unlock(&rq->lock);
	}
	if (t)
		delay(DELAY_STOLEN);
	return t;
}

static bool idle_cpu(uint32_t cpu) { return percpu_of[cpu].thread == percpu_of[cpu].idle; }

static uint32_t choose_cpu(const struct thread *t)
{
	int32_t ext = __atomic_load_n(&t->arch.ext_cpu, __ATOMIC_RELAXED);
	uint32_t home = ext >= 0 ? (uint32_t)ext : t->cpu;

	if (ext >= 0 || cpu_count == 1)
		return home;
	if (may_run_on(t, home) && idle_cpu(home))
		return home;
	for (uint32_t i = 0; i < cpu_count; i++)
		if (may_run_on(t, i) && idle_cpu(i) && !runqueues[i].count)
			return i;
	if (may_run_on(t, home))
		return home;
	for (uint32_t i = 0; i < cpu_count; i++)
		if (may_run_on(t, i))
			return i;
	return home;
}

/* Should who has just come, of this priority and virtual time, run before what runs there now? */
static bool preempts(uint8_t priority, uint64_t vtime, uint8_t running, uint64_t run_vtime)
{
	if (priority != running)
		return priority > running;
	return priority == PRIORITY_SHARED && vtime_before(vtime + PREEMPT_NS, run_vtime);
}

/* Such a one is in the queue of that CPU now. */
static void announce(uint32_t cpu, uint8_t priority, uint64_t vtime)
{
	struct runqueue *rq = &runqueues[cpu];

	if (cpu != cpu_id()) {
		delay(DELAY_ENQUEUED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* rule 4 */
		if (preempts(priority, vtime, rq->running, rq->run_vtime))
			arch_ipi_reschedule(cpu);
	} else if (preempts(priority, vtime, current->effective, current->vtime)) {
		atomic_or(&current->arch.work, (uint64_t)WORK_RESCHEDULE);
	}
}

/* t is TS_READY and in no queue; its lock is held. */
static void enqueue(struct thread *t, bool front)
{
	uint32_t cpu = choose_cpu(t);
	struct runqueue *rq = &runqueues[cpu];
	uint8_t priority = t->effective;
	uint64_t vtime;

	if (unlikely(t->cpu != cpu))
		thread_move(t, cpu);
	spin_lock(&rq->lock);
	rq_push(rq, t, front);
	vtime = t->vtime;
	spin_unlock(&rq->lock);
	announce(cpu, priority, vtime);
}

/* t->object.lock is held.  The lock of the queue that t is in, if it is in one: *cpu's. */
static struct runqueue *rq_lock_of(const struct thread *t, uint32_t *cpu)
{
	for (;;) {
		struct runqueue *rq;

		*cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
		rq = &runqueues[*cpu];
		spin_lock(&rq->lock);
		if (__atomic_load_n(&t->cpu, __ATOMIC_RELAXED) == *cpu)
			return rq;
		spin_unlock(&rq->lock);		/* another CPU took it meanwhile */
	}
}

void sched_weight(struct thread *t, uint32_t weight)
{
	t->weight = weight;
	t->rate = (WEIGHT_NORMAL << RATE_SHIFT) / weight;
}

/* thread_priority: one that waits for its turn waits by the new values; one that runs is looked at again. */
void sched_set(struct thread *t, uint8_t priority, uint32_t weight)
{
	bool queued, donated = t->effective > t->priority;
	struct runqueue *rq;
	uint32_t cpu;

	spin_lock(&t->object.lock);
	rq = rq_lock_of(t, &cpu);
	queued = t->level != LEVEL_NONE;
	if (queued)
		rq_remove(rq, t);
	if (priority == PRIORITY_SHARED && t->priority != PRIORITY_SHARED)
		t->vtime = rq->vclock;
	t->priority = priority;
	t->effective = donated ? MAX(t->effective, priority) : priority;
	sched_weight(t, weight);
	if (queued)
		rq_push(rq, t, false);
	spin_unlock(&rq->lock);
	if (queued)
		announce(cpu, t->effective, t->vtime);
	else if (t->state == TS_RUNNING && t != current)
		arch_ipi_reschedule(t->cpu);
	spin_unlock(&t->object.lock);
}

/* --- switching -------------------------------------------------------------------------------------- */

/* The old thread yielded, and its stack is free only now, or it is dead. */
static __attribute__((noinline)) void finish_rare(struct thread *old)
{
	bool dead = old->state == TS_DEAD;

	if (unlikely(!dead && !(old->affinity >> cpu_id() & 1)))
		arch_ext_release(old);		/* its registers must not keep it here */
	if (!dead)
		enqueue(old, false);
	spin_unlock(&old->object.lock);
	if (dead)
		object_put(&old->object);
}

static __attribute__((noinline)) void switch_trace(void)
{
	trace_record(TRACE_SWITCH, current->task ? current->task->badge : 0, current->number);
}

/* On the new thread's stack: what could not be done while the old one was on its own. */
void schedule_finish(void)
{
	struct thread *old = percpu()->rq->leaving;

	if (unlikely(old->state == TS_READY || old->state == TS_DEAD))
		finish_rare(old);
	else
		spin_unlock(&old->object.lock);
	if (unlikely(trace_on))
		switch_trace();
}

/*
 * The current thread's lock is held and its new state set; next is in no queue.  handed: it goes on in what is
 * left of this thread's time slice; what vclock and ticks want is left to the next tick.
 */
static inline __attribute__((always_inline)) void switch_to(struct thread *next, bool handed)
{
	struct percpu *p = percpu();
	struct thread *prev = p->thread;
	struct runqueue *rq = p->rq;
	uint64_t now = time_ns();
	struct vspace *vs = next->task ? next->task->vspace : NULL;

	charge(prev, now);
	if (unlikely(next->cpu != p->id))
		thread_move(next, p->id);
	next->last_ns = now;
	next->state = TS_RUNNING;
	if (handed) {
		next->slice_end_ns = prev->slice_end_ns;
	} else {
		next->slice_end_ns = now + SLICE_NS;
		rq->run_vtime = next->vtime;
		if (next->effective == PRIORITY_SHARED)
			vclock_follow(rq, next->vtime);
		if (unlikely(rq->timer_set > now + TICK_MASK + 1) && next != p->idle)
			cputime_tick_start(rq, now);
	}
	__atomic_exchange_n(&rq->running, next->effective, __ATOMIC_SEQ_CST);	/* rule 4: first this, then look */
	rq->switches++;
	if (rq->count && rq_top(rq) > next->effective)
		atomic_or(&next->arch.work, (uint64_t)WORK_RESCHEDULE);
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
	struct thread *t = rq_pop(&runqueues[p->id]);

	if (!t && cpu_count > 1)
		t = rq_steal(p->id, PRIORITY_IDLE + 1);
	return t ? t : p->idle;
}

/* The current thread stays ready; schedule_finish puts it into a queue. */
static void switch_ready(struct thread *next)
{
	struct thread *t = current;

	spin_lock(&t->object.lock);
	if (t != percpu()->idle)
		t->state = TS_READY;
	switch_to(next, false);
}

/* Let those run that wait with the same priority or, since nobody looked yet, with a higher one. */
void schedule_yield(void)
{
	struct thread *t = current, *next = NULL;
	struct percpu *p = percpu();
	struct runqueue *rq = p->rq;
	int top;

	if (!rq->count)
		return;
	charge(t, time_ns());
	spin_lock(&rq->lock);
	top = rq_top(rq);
	if (top >= 0 && (t == p->idle || top >= t->effective))
		next = rq_first(rq, top);
	if (next && top == PRIORITY_SHARED && top == t->effective && vtime_before(t->vtime + PREEMPT_NS, next->vtime))
		next = NULL;			/* that one has had more: who spins by yields gets its share, too */
	if (next)
		rq_remove(rq, next);
	spin_unlock(&rq->lock);
	if (next)
		switch_ready(next);
}

/* With rq->lock, t charged: does the first in the queue run instead of t now? */
static bool turn_is_over(const struct runqueue *rq, const struct thread *t, uint64_t now)
{
	int top = rq_top(rq);

	if (top != t->effective)
		return top > t->effective;
	if (top == PRIORITY_SHARED)
		return vtime_before(rq_first(rq, top)->vtime, t->vtime);
	return now >= t->slice_end_ns;
}

void schedule_preempt(void)
{
	struct thread *t = current, *next = NULL;
	struct runqueue *rq = percpu()->rq;
	uint64_t now;

	atomic_and(&t->arch.work, ~(uint64_t)WORK_RESCHEDULE);
	if (unlikely(!(t->affinity >> cpu_id() & 1))) {	/* it may run here no more */
		switch_ready(pick());
		return;
	}
	if (!rq->count)
		return;
	now = time_ns();
	charge_placed(rq, t, now);
	spin_lock(&rq->lock);
	if (turn_is_over(rq, t, now)) {
		next = rq_first(rq, rq_top(rq));
		rq_remove(rq, next);
	} else if (t->effective == PRIORITY_SHARED) {
		t->slice_end_ns = now + SLICE_NS;
	}
	spin_unlock(&rq->lock);
	if (next)
		switch_ready(next);
}

/* --- sleeping ------------------------------------------------------------------------------------------ */

static void timeout_fire(struct ktimer *k)
{
	struct thread *t = container_of(k, struct thread, timeout);

	atomic_store(&t->timed_out, true);
	thread_wake(t);
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

bool thread_interrupted(void) { return interrupted(current); }

/* Why the thread is awake, as thread_sleep answers it. */
static status_t sleep_result(struct thread *t, bool interruptible)
{
	if (t->arch.work & WORK_KILL)
		return E_GONE;
	if (interruptible && interrupted(t))
		return E_INTERRUPTED;
	return t->timed_out ? E_TIMEDOUT : 0;
}

/*
 * Does somebody who waits here run before target, which would go on in what is left of this thread's turn?  One
 * who woke while the server of the two ran, above all of them, has been announced to nobody.  A new one has not
 * waited for anything: who forks goes on.
 */
static __attribute__((noinline)) bool others_first(struct runqueue *rq, const struct thread *target)
{
	bool first = false;
	int top;

	spin_lock(&rq->lock);
	top = rq_top(rq);
	if (top >= 0) {
		const struct thread *t = rq_first(rq, top);

		if (top == target->effective && time_ns() >= current->slice_end_ns)
			first = true;
		else if (top != target->effective || t->time.run_ns)
			first = preempts((uint8_t)top, t->vtime, target->effective, target->vtime);
	}
	spin_unlock(&rq->lock);
	return first;
}

struct thread *thread_claim(struct thread *target)
{
	struct runqueue *rq = percpu()->rq;
	bool here = false;

	spin_lock(&target->object.lock);
	if (likely(target->state == TS_BLOCKED && may_run_on(target, cpu_id()) &&
		   (!rq->count || !others_first(rq, target)))) {
		target->state = TS_READY;
		here = true;
	} else {
		thread_wake_locked(target);
	}
	spin_unlock(&target->object.lock);
	return here ? target : NULL;
}

void thread_unclaim(struct thread *t)
{
	spin_lock(&t->object.lock);
	enqueue(t, true);
	spin_unlock(&t->object.lock);
}

status_t thread_sleep_claimed(struct thread *next, uint64_t deadline_ns, bool interruptible)
{
	struct thread *t = current;

	lock_check_none();
	t->timed_out = false;
	if (unlikely(t->arch.work & WORK_KILL) || (interruptible && unlikely(interrupted(t)))) {
		if (next)
			thread_unclaim(next);
		thread_sleep_cancel();
		return sleep_result(t, interruptible);
	}
	delay(DELAY_TESTED);
	if (unlikely(deadline_ns != DEADLINE_NEVER))
		ktimer_start(&t->timeout, deadline_ns);
	spin_lock(&t->object.lock);
	if (likely(t->state == TS_PREPARED)) {
		t->state = TS_BLOCKED;
		if (next)
			switch_to(next, true);
		else
			switch_to(pick(), false);
	} else {
		spin_unlock(&t->object.lock);
		if (next)
			thread_unclaim(next);
	}
	if (unlikely(deadline_ns != DEADLINE_NEVER))
		ktimer_stop_sync(&t->timeout);	/* a late one would end the next sleep */
	return sleep_result(t, interruptible);
}

void thread_hand_over(struct thread *next)
{
	struct thread *t = current;

	t->timed_out = false;
	if (unlikely(t->arch.work & WORK_KILL) || unlikely(atomic_load(&t->arch.utcb->latch)) || unlikely(!next)) {
		thread_sleep_claimed(next, DEADLINE_NEVER, true);
		return;
	}
	lock_check_none();
	delay(DELAY_TESTED);
	spin_lock(&t->object.lock);
	if (likely(t->state == TS_PREPARED)) {
		t->state = TS_BLOCKED;
		switch_to(next, true);
	} else {
		spin_unlock(&t->object.lock);
		thread_unclaim(next);
	}
}

status_t thread_awake_why(void) { return sleep_result(current, true); }

status_t thread_sleep_to(struct thread *target, uint64_t deadline_ns, bool interruptible)
{
	return thread_sleep_claimed(target ? thread_claim(target) : NULL, deadline_ns, interruptible);
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
		schedule_preempt();
	if (likely(!(t->arch.work & (WORK_KILL | WORK_LEASE))))
		return true;
	return !(t->arch.work & WORK_KILL) && !lease_ended(t->op_lease);
}

/* --- ticks ------------------------------------------------------------------------------------------------ */

#define DEFER_NS 1000000ull

void sched_defer(struct endpoint *e)
{
	struct runqueue *rq = percpu()->rq;
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

/*
 * A CPU whose thread is alone while others must share: once in a while it takes one of those, so that over
 * time all have the same.
 */
static void balance(struct runqueue *rq, const struct thread *t, uint32_t self)
{
	struct thread *other;

	if (cpu_count == 1 || rq->count || t->effective != PRIORITY_SHARED || ++rq->alone_ticks < BALANCE_TICKS)
		return;
	rq->alone_ticks = 0;
	other = rq_steal(self, PRIORITY_SHARED);
	if (!other)
		return;
	spin_lock(&other->object.lock);		/* so that rq_lock_of finds it in no queue, or in this one */
	thread_move(other, self);
	spin_lock(&rq->lock);
	rq_push(rq, other, false);
	spin_unlock(&rq->lock);
	spin_unlock(&other->object.lock);
}

static void tick(struct runqueue *rq, struct thread *t, uint32_t self, bool in_program)
{
	uint64_t now = time_ns();

	if (now >= rq->tick_ns) {
		cputime_tick(rq, t, now, in_program);
		balance(rq, t, self);
	}
	charge_placed(rq, t, now);
	rq->run_vtime = t->vtime;
	rq->running = t->effective;	/* somebody may have changed it */
	if (!rq->shared.root && t->effective == PRIORITY_SHARED)
		vclock_follow(rq, t->vtime);
	if (!rq->count)
		return;
	spin_lock(&rq->lock);
	if (turn_is_over(rq, t, now)) {
		t->slice_end_ns = MIN(t->slice_end_ns, now);	/* whom it hands the CPU to must wait, too */
		atomic_or(&t->arch.work, (uint64_t)WORK_RESCHEDULE);
	}
	spin_unlock(&rq->lock);
}

/* in_program: it interrupted a program, not the kernel nor what stands in a program's window. */
void timer_interrupt(bool in_program)
{
	struct percpu *p = percpu();
	struct runqueue *rq = p->rq;
	uint64_t next = timers_run(rq);

	deferred_kick(rq);
	if (p->thread != p->idle) {	/* an idle CPU has no ticks */
		tick(rq, p->thread, p->id, in_program);
		next = MIN(next, rq->tick_ns);
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

uint64_t sched_switches(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		n += runqueues[i].switches;
	return n;
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
	rq->vclock = VCLOCK_START;
}

void sched_init(void)
{
	for (uint32_t i = 0; i < CPUS_MAX; i++) {
		struct percpu *p = &percpu_of[i];
		struct thread *t = object_alloc(root_pool, OBJ_THREAD, sizeof(*t), RANK_THREAD);

		runqueue_init(&runqueues[i]);
		KASSERT(t && arch_thread_init(t, root_pool, false));
		sched_thread_init(t);
		t->state = TS_RUNNING;
		t->affinity = 1ull << i;
		t->cpu = (uint16_t)i;
		p->idle = p->thread = t;
		p->arch = &t->arch;
		p->kstack_top = t->arch.kstack_top;
		p->vspace = &kernel_vspace;
		p->rq = &runqueues[i];
	}
}

/* A new one claims no more of the CPU than those who have it. */
void sched_thread_init(struct thread *t)
{
	list_init(&t->run_link);
	ktimer_init(&t->timeout, timeout_fire);
	t->state = TS_NEW;
	t->level = LEVEL_NONE;
	t->cpu = (uint16_t)cpu_id();
	t->affinity = ~0ull;
	sched_weight(t, WEIGHT_NORMAL);
	t->vtime = runqueues[t->cpu].vclock;
}
