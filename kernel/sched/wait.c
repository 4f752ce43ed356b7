/*
 * wait.c -- wait queues and observers: how an object makes threads wait and tells them.
 *
 * Locks:   the queue's owner's; thread_wait drops and retakes it.
 * Tested:  kernel/test/pipe_test.c, tests/linux.
 */
#include "delay.h"
#include "lease.h"
#include "thread.h"

/*
 * The sleeper may return and die as soon as it sees woken.  It cannot end while its lock is held (sched_exit
 * takes it), so no reference is needed, whose drop under the queue's lock could be the last one.
 */
void waiter_wake(struct waiter *w, status_t status)
{
	struct thread *t = w->thread;

	list_remove(&w->link);
	w->status = status;
	spin_lock(&t->object.lock);
	atomic_store(&w->woken, true);
	thread_wake_locked(t);
	spin_unlock(&t->object.lock);
}

bool waitqueue_wake_one(struct waitqueue *q, status_t status)
{
	if (list_empty(&q->waiters))
		return false;
	waiter_wake(list_entry(q->waiters.next, struct waiter, link), status);
	return true;
}

void waitqueue_wake_all(struct waitqueue *q, status_t status)
{
	while (waitqueue_wake_one(q, status))
		;
}

/* The deadline 0 does not wait. */
static status_t waiter_sleep(struct waiter *w, struct spinlock *lock, uint64_t deadline_ns)
{
	if (!deadline_ns) {
		thread_sleep_cancel();
		return E_TIMEDOUT;
	}
	if (unlikely(current->op_lease))
		return lease_sleep(w, lock, NULL, deadline_ns, true);
	return thread_sleep(deadline_ns, true);
}

status_t thread_wait(struct waiter *w, struct spinlock *lock, uint64_t deadline_ns)
{
	status_t s = 0;

	for (;;) {
		thread_sleep_prepare();
		if (w->woken) {
			thread_sleep_cancel();
			return w->status;
		}
		spin_unlock(lock);
		delay(DELAY_QUEUED);
		s = waiter_sleep(w, lock, deadline_ns);
		delay(DELAY_WOKEN);
		spin_lock(lock);
		if (w->woken)
			return w->status;
		if (s) {
			list_remove(&w->link);
			return s;
		}
	}
}

void observers_notify(struct observers *o, uint32_t bits)
{
	list_for_each_safe(l, &o->list) {
		struct observer *ob = list_entry(l, struct observer, link);

		if (bits & (ob->events | POLL_ERR | POLL_HUP))
			ob->notify(ob, bits);
	}
}
