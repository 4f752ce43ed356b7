/*
 * timer_object.c -- a timer that adds to a counter.
 *
 * Locks:   timer.object.lock (RANK_OBJECT) guards deadline, period and the ktimer's being queued; the counter
 *          is signalled without it.  A fire that an arm has overtaken finds a later deadline and does nothing.
 * Rate:    a series rings no more often than REPEAT_NS, and less and less while nobody takes what it has counted:
 *          who sets a thousand of a microsecond would have the CPU otherwise.  What it counts is exact.
 * Tested:  kernel/test/counter_test.c, tests/linux/time.c (timerfd)
 */
#include "counter.h"
#include "lease.h"
#include "mm.h"
#include "syscalls.h"

#define REPEAT_NS 50000ull
#define UNREAD_MAX 7			/* 2^7 times that at most */

struct timer {
	struct object object;
	struct counter *counter;
	struct lease *lease;		/* of the capability to the counter, or NULL */
	uint64_t value, deadline, period;
	uint32_t unread;		/* how often in a row nobody had taken the last signal */
	struct ktimer ktimer;
};

/* What was signalled last is in the counter still. */
static bool is_unread(const struct timer *t)
{
	uint64_t value = __atomic_load_n(&t->counter->value, __ATOMIC_RELAXED);

	return t->counter->flags & COUNTER_BITS ? (value & t->value) == t->value : value != 0;
}

static uint64_t next_ring(struct timer *t, uint64_t now)
{
	t->unread = is_unread(t) ? MIN(t->unread + 1, UNREAD_MAX) : 0;
	return MAX(t->deadline, now + (REPEAT_NS << t->unread));
}

static void timer_fire(struct ktimer *k)
{
	struct timer *t = container_of(k, struct timer, ktimer);
	uint64_t now = time_ns(), times = 0;

	spin_lock(&t->object.lock);
	if (t->deadline && now >= t->deadline) {
		times = 1;
		if (t->period) {
			times += (now - t->deadline) / t->period;
			t->deadline += times * t->period;
			ktimer_start(k, next_ring(t, now));
		} else {
			t->deadline = 0;
		}
	}
	spin_unlock(&t->object.lock);
	if (times && !(t->lease && lease_ended(t->lease)))
		counter_signal(t->counter, t->value * times);
}

int64_t sys_timer_create(uint64_t pool, uint64_t counter, uint64_t value)
{
	struct object *c;
	struct timer *t;
	struct pool *p;
	status_t s = pool_get((handle_t)pool, &p);

	REQUIRE(s == 0, s);
	s = handle_get((handle_t)counter, OBJ_COUNTER, RIGHT_WRITE, &c);
	if (s) {
		object_put(&p->object);
		return s;
	}
	t = object_alloc(p, OBJ_TIMER, sizeof(*t), RANK_OBJECT);
	object_put(&p->object);
	if (!t) {
		object_put(c);
		return E_NOMEM;
	}
	t->counter = container_of(c, struct counter, object);
	t->lease = operation_lease();
	t->value = value;
	ktimer_init(&t->ktimer, timer_fire);
	return handle_install(false, &t->object, RIGHTS_ALL, 0);
}

void timer_release(struct object *o)
{
	struct timer *t = container_of(o, struct timer, object);

	spin_lock(&o->lock);
	t->deadline = 0;
	spin_unlock(&o->lock);
	ktimer_stop_sync(&t->ktimer);
	object_put(&t->counter->object);
	if (t->lease)
		object_put(&t->lease->object);
	object_free(o);
}

int64_t sys_timer_arm(uint64_t h, uint64_t deadline, uint64_t period)
{
	struct object *o;
	struct timer *t;
	status_t s;

	REQUIRE(!period || (period >= 1000 && period <= INT64_MAX), E_INVAL);	/* the sum must not wrap */
	REQUIRE(!period || deadline <= INT64_MAX, E_INVAL);
	s = handle_get((handle_t)h, OBJ_TIMER, RIGHT_WRITE, &o);
	REQUIRE(s == 0, s);
	t = container_of(o, struct timer, object);
	ktimer_stop_sync(&t->ktimer);		/* what the old setting counts is counted when this returns */
	spin_lock(&o->lock);
	t->deadline = deadline;
	t->period = deadline ? period : 0;
	t->unread = 0;
	if (deadline)
		ktimer_start(&t->ktimer, deadline);
	else
		ktimer_stop(&t->ktimer);
	spin_unlock(&o->lock);
	object_put(o);
	return 0;
}

int64_t sys_timer_query(uint64_t h, uint64_t info)
{
	uint64_t now = time_ns();
	struct timer_info i;
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_TIMER, RIGHT_QUERY, &o);

	REQUIRE(s == 0, s);
	spin_lock(&o->lock);
	i.deadline = container_of(o, struct timer, object)->deadline;
	i.period = container_of(o, struct timer, object)->period;
	spin_unlock(&o->lock);
	if (i.period && i.deadline <= now)	/* it has not rung for these yet */
		i.deadline += ((now - i.deadline) / i.period + 1) * i.period;
	object_put(o);
	return user_copy_out(info, &i, sizeof(i));
}
