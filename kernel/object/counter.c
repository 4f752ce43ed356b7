/*
 * counter.c -- counters: notifications, semaphores, eventfd, readiness bits of a server's files.
 *
 * Locks:   counter.object.lock; waking and observers are inside it.
 * Tested:  kernel/test/counter_test.c, tests/linux/poll
 */
#include "counter.h"
#include "mm.h"
#include "syscalls.h"

int64_t sys_counter_create(uint64_t pool, uint64_t value, uint64_t flags)
{
	struct counter *c;
	struct pool *p;
	status_t s;

	REQUIRE((flags & ~(uint64_t)(COUNTER_BITS | COUNTER_SEMAPHORE | COUNTER_READ_ONLY)) == 0 && value <= COUNTER_MAX, E_INVAL);
	s = pool_get((handle_t)pool, &p);
	REQUIRE(s == 0, s);
	c = object_alloc(p, OBJ_COUNTER, sizeof(*c), RANK_OBJECT);
	object_put(&p->object);
	REQUIRE(c, E_NOMEM);
	c->value = value;
	c->flags = (uint32_t)flags;
	waitqueue_init(&c->waiters);
	observers_init(&c->observers);
	return handle_install(false, &c->object, RIGHTS_ALL, 0);
}

void counter_release(struct object *o) { object_free(o); }

uint32_t counter_ready(struct counter *c)
{
	uint64_t v = c->value;

	if (c->flags & COUNTER_BITS)
		return (uint32_t)v;
	return (v ? POLL_IN : 0) | (v < COUNTER_MAX && !(c->flags & COUNTER_READ_ONLY) ? POLL_OUT : 0);
}

/* With the lock. */
static void changed(struct counter *c)
{
	if (!list_empty(&c->waiters.waiters))
		waitqueue_wake_all(&c->waiters, 0);
	if (!list_empty(&c->observers.list))
		observers_notify(&c->observers, counter_ready(c));
}

void counter_signal(struct counter *c, uint64_t value)
{
	spin_lock(&c->object.lock);
	if (c->flags & COUNTER_BITS)
		c->value |= value;
	else
		c->value = value > COUNTER_MAX - c->value ? COUNTER_MAX : c->value + value;
	changed(c);
	spin_unlock(&c->object.lock);
}

status_t counter_take(struct counter *c, uint64_t deadline_ns, uint64_t *value)
{
	struct waiter w;
	status_t s = 0;

	spin_lock(&c->object.lock);
	while (!c->value && !s) {
		if (!deadline_ns) {
			s = E_AGAIN;
			break;
		}
		waiter_add(&c->waiters, &w);
		s = thread_wait(&w, &c->object.lock, deadline_ns);
	}
	if (c->value && s != E_REVOKED) {
		s = 0;
		*value = c->flags & COUNTER_SEMAPHORE ? 1 : c->value;
		c->value -= *value;
		changed(c);
	}
	spin_unlock(&c->object.lock);
	return s;
}

status_t counter_add(struct counter *c, uint64_t value, uint64_t deadline_ns)
{
	struct waiter w;
	status_t s = 0;

	REQUIRE(!(c->flags & COUNTER_READ_ONLY), E_INVAL);
	spin_lock(&c->object.lock);
	while (value > COUNTER_MAX - c->value && !s) {
		if (!deadline_ns) {
			s = E_AGAIN;
			break;
		}
		waiter_add(&c->waiters, &w);
		s = thread_wait(&w, &c->object.lock, deadline_ns);
	}
	if (value <= COUNTER_MAX - c->value && s != E_REVOKED) {
		s = 0;
		c->value += value;
		if (value)
			changed(c);
	}
	spin_unlock(&c->object.lock);
	return s;
}

static status_t counter_get(uint64_t h, uint32_t right, struct counter **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_COUNTER, right, &o);

	if (!s)
		*out = container_of(o, struct counter, object);
	return s;
}

int64_t sys_counter_signal(uint64_t h, uint64_t value)
{
	struct counter *c;
	status_t s = counter_get(h, RIGHT_WRITE, &c);

	REQUIRE(s == 0, s);
	counter_signal(c, value);
	object_put(&c->object);
	return 0;
}

int64_t sys_counter_clear(uint64_t h, uint64_t bits)
{
	struct counter *c;
	status_t s = counter_get(h, RIGHT_WRITE, &c);

	REQUIRE(s == 0, s);
	spin_lock(&c->object.lock);
	c->value &= ~bits;
	spin_unlock(&c->object.lock);
	object_put(&c->object);
	return 0;
}

int64_t sys_counter_wait(uint64_t h, uint64_t deadline)
{
	struct counter *c;
	uint64_t value = 0;
	status_t s = counter_get(h, RIGHT_WAIT, &c);

	REQUIRE(s == 0, s);
	s = counter_take(c, deadline, &value);
	object_put(&c->object);
	return s ? s : (int64_t)(value & INT64_MAX);
}
