/*
 * poll.c -- one wait for several descriptors, without keeping anything between calls.
 *
 * Looks first, at what the table holds, under its lock: no reference is taken.  Only when nothing is ready
 * does it hold and observe each object, look again and sleep.
 * Locks:   the table's, for a look; each object's own, one at a time, to link and unlink an observer.
 * Fails:   E_INVAL, E_NOMEM (more than ITEMS_FAST), E_FAULT, E_INTERRUPTED.
 * Tested:  kernel/test/poll_test.c, tests/linux/poll, bench row poll10
 */
#include "descriptor.h"
#include "lease.h"
#include "mm.h"
#include "pipe.h"
#include "syscalls.h"

#define ITEMS_FAST 32
#define ITEMS_AT_ONCE 64		/* under one hold of the table's lock */
#define ITEMS_MAX 65536

/* What was asked, and what is to be told; `was` is what user memory says now. */
struct item { uint32_t fd; uint16_t events, was; };
_Static_assert(sizeof(struct item) == sizeof(struct poll_item), "copied in as one");

struct watch {
	struct observer observer;
	struct tie tie;			/* linked when there is a lease */
	struct thread *thread;
	struct descriptor *descriptor;	/* with a reference; NULL: none to watch */
	struct lease *lease;		/* of its slot, with a reference */
	struct spinlock *lock;		/* of the list it is linked in, or NULL */
};

/* The bits that its owner asked for; errors are always told. */
static inline uint16_t bits_of(struct descriptor *d, uint32_t events)
{
	uint32_t bits;

	if (likely(d->kind == OBJ_PIPE && !d->ready))
		bits = pipe_ready(container_of(d->data, struct pipe, object), d->flags);
	else
		bits = descriptor_ready(d);
	return (uint16_t)(bits & (events | POLL_ERR | POLL_HUP));
}

/* With the table's lock. */
static inline uint16_t slot_bits(const struct table *t, const struct item *i)
{
	const struct slot *s;

	if (unlikely(i->fd >= t->capacity))
		return (int32_t)i->fd < 0 ? 0 : POLL_NVAL;
	s = &t->slots[i->fd];
	if (unlikely(!s->object || s->object->type != OBJ_DESCRIPTOR || (s->lease && lease_ended(s->lease))))
		return POLL_NVAL;
	return bits_of(container_of(s->object, struct descriptor, object), i->events);
}

/* How many items are ready. */
static uint32_t items_look(const struct item *items, uint16_t *ready, uint32_t n)
{
	struct table *t = current->table;
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; ) {
		uint32_t end = MIN(n, i + ITEMS_AT_ONCE);

		spin_lock(&t->object.lock);
		for (; i < end; i++) {
			ready[i] = slot_bits(t, &items[i]);
			count += ready[i] != 0;
		}
		spin_unlock(&t->object.lock);
		if (i < n)
			preempt_point();
	}
	return count;
}

/* --- sleeping -------------------------------------------------------------------------------------------- */

static void watch_notify(struct observer *o, uint32_t bits)
{
	(void)bits;
	thread_wake(container_of(o, struct watch, observer)->thread);
}

static void watch_revoke(struct tie *t) { thread_wake(container_of(t, struct watch, tie)->thread); }

static void watch_open(struct watch *w, const struct item *item)
{
	struct observers *list;
	struct slot slot;

	w->descriptor = NULL;
	w->lease = NULL;
	w->lock = NULL;
	if ((int32_t)item->fd < 0 || handle_get_slot(item->fd, OBJ_DESCRIPTOR, 0, &slot))
		return;
	w->descriptor = container_of(slot.object, struct descriptor, object);
	w->thread = current;
	w->lease = slot.lease;
	if (w->lease) {
		w->tie.end = watch_revoke;
		tie_add(&w->tie, w->lease);
	}
	list = descriptor_observers(w->descriptor, &w->lock);
	if (!list) {
		w->lock = NULL;
		return;
	}
	w->observer.notify = watch_notify;
	w->observer.events = item->events;
	spin_lock(w->lock);
	list_push_back(&list->list, &w->observer.link);
	spin_unlock(w->lock);
}

static void watch_close(struct watch *w)
{
	if (w->lock) {
		spin_lock(w->lock);
		list_remove(&w->observer.link);
		spin_unlock(w->lock);
	}
	if (w->lease) {
		tie_remove(&w->tie);
		object_put(&w->lease->object);
	}
	if (w->descriptor)
		object_put(&w->descriptor->object);
}

static uint32_t watches_look(const struct item *items, const struct watch *w, uint16_t *ready, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (w[i].descriptor && !(w[i].lease && lease_ended(w[i].lease)))
			ready[i] = bits_of(w[i].descriptor, items[i].events);
		else
			ready[i] = (int32_t)items[i].fd < 0 ? 0 : POLL_NVAL;
		count += ready[i] != 0;
	}
	return count;
}

static int64_t watches_sleep(const struct item *items, struct watch *w, uint16_t *ready, uint32_t n, uint64_t deadline)
{
	uint32_t count = 0;
	status_t s = 0;

	for (uint32_t i = 0; i < n; i++) {
		watch_open(&w[i], &items[i]);
		if (i % ITEMS_AT_ONCE == ITEMS_AT_ONCE - 1)
			preempt_point();
	}
	while (!count && !s) {
		thread_sleep_prepare();
		count = watches_look(items, w, ready, n);
		if (count)
			thread_sleep_cancel();
		else
			s = thread_sleep(deadline, true);
	}
	if (!count)
		count = watches_look(items, w, ready, n);
	for (uint32_t i = 0; i < n; i++) {
		watch_close(&w[i]);
		if (i % ITEMS_AT_ONCE == ITEMS_AT_ONCE - 1)
			preempt_point();
	}
	return count ? (int64_t)count : s == E_TIMEDOUT ? 0 : s;
}

static __attribute__((noinline)) int64_t items_wait(const struct item *items, uint16_t *ready, uint32_t n,
						    uint64_t deadline)
{
	struct watch fast[ITEMS_FAST], *w = fast;
	struct pool *pool = current->task->task_pool;
	int64_t s;

	if (n > ITEMS_FAST) {
		w = kmem_alloc(pool, n * sizeof(*w));
		REQUIRE(w, E_NOMEM);
	}
	s = watches_sleep(items, w, ready, n, deadline);
	if (w != fast)
		kmem_free(pool, w, n * sizeof(*w));
	return s;
}

/* --- the call -------------------------------------------------------------------------------------------- */

/* Only what differs, but the first in any case: most are and stay 0, and the memory must be writable. */
static status_t items_store(uint64_t user, const struct item *items, const uint16_t *ready, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (unlikely(ready[i] != items[i].was || !i) &&
		    user_copy_out(user + i * sizeof(struct poll_item) + offsetof(struct poll_item, ready),
				  &ready[i], sizeof(ready[i])))
			return E_FAULT;
	return 0;
}

static int64_t items_poll(uint64_t user, struct item *items, uint16_t *ready, uint32_t n, uint64_t deadline)
{
	int64_t count;

	REQUIRE(user_copy_in(items, user, n * sizeof(*items)) == 0, E_FAULT);
	count = items_look(items, ready, n);
	if (!count && deadline)
		count = items_wait(items, ready, n, deadline);
	return count < 0 || !items_store(user, items, ready, n) ? count : E_FAULT;
}

int64_t sys_descriptor_poll(uint64_t user, uint64_t count, uint64_t deadline)
{
	struct pool *pool = current->task->task_pool;
	struct item fast_items[ITEMS_FAST], *items;
	uint16_t fast_ready[ITEMS_FAST];
	size_t size = count * (sizeof(struct item) + sizeof(uint16_t));
	int64_t s;

	REQUIRE(count <= ITEMS_MAX && count <= current->table->ceiling, E_INVAL);
	if (likely(count <= ITEMS_FAST))
		return items_poll(user, fast_items, fast_ready, (uint32_t)count, deadline);
	items = kmem_alloc(pool, size);
	REQUIRE(items, E_NOMEM);
	s = items_poll(user, items, (uint16_t *)(items + count), (uint32_t)count, deadline);
	kmem_free(pool, items, size);
	return s;
}
