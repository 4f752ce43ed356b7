/*
 * sched.h -- the scheduler's side that thread, ipc and the machine share.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "thread.h"

#define PRIORITY_IDLE 0
#define PRIORITY_NORMAL 100
#define SLICE_NS 10000000ull		/* a turn among those of one priority; PRIORITY_SHARED: until the next tick */
#define TICK_MASK ((1ull << 22) - 1)	/* a busy CPU looks every 2^22 ns (4.2 ms) at what it runs; an idle one never */
#define BALANCE_TICKS 24

/*
 * A close notice need not cost two switches: the endpoint is kicked when this CPU has nothing else to do, and
 * within a millisecond; whoever calls it meanwhile brings the notice along.  No lock may be held.
 */
void sched_defer(struct endpoint *e);
void sched_init(void);			/* idle threads, run queues, timers of every CPU that may start */
void sched_thread_init(struct thread *t);
void schedule_finish(void);
void thread_start(struct thread *t);	/* from TS_NEW to ready */
/*
 * Take target, which sleeps, for a hand-over: it is in no queue then, and its claimer sleeps by
 * thread_sleep_claimed or gives it up.  When it cannot run here now it is woken in the ordinary way, and the
 * answer is NULL.  The caller holds what keeps it from ending (the lock of what it sleeps on).
 */
struct thread *thread_claim(struct thread *target);
void thread_unclaim(struct thread *claimed);
status_t thread_sleep_claimed(struct thread *claimed, uint64_t deadline_ns, bool interruptible);
/* The quick one: interruptible, without a deadline.  Why it is awake is asked only by who wants to know. */
void thread_hand_over(struct thread *claimed);
status_t thread_awake_why(void);
/*
 * Hand this CPU to target, which sleeps, and sleep ourselves (thread_sleep_prepare was called).  When
 * target cannot run here now, it is woken in the ordinary way.  The result is thread_sleep's.
 */
status_t thread_sleep_to(struct thread *target, uint64_t deadline_ns, bool interruptible);
_Noreturn void sched_exit(void);	/* the current thread, TS_DEAD, runs no more */
void schedule_yield(void);
void schedule_preempt(void);		/* what WORK_RESCHEDULE asks for */
void sched_weight(struct thread *t, uint32_t weight);	/* of a new one */
void sched_set(struct thread *t, uint8_t priority, uint32_t weight);
uint64_t sched_switches(void);
uint32_t sched_runnable(void);

#endif
