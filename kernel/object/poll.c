/*
 * poll.c -- one wait for several descriptors, without keeping anything between calls.
 *
 * Looks first; only when nothing is ready does it observe each object, look again and sleep.
 * Locks:   each object's own, one at a time, to link and unlink an observer.
 * Tested:  tests/linux/poll, bench row poll10
 */
#include "descriptor.h"
#include "mm.h"
#include "syscalls.h"

#define ITEMS_FAST 32
#define ITEMS_MAX 65536

struct watch {
	struct observer observer;
	struct thread *thread;
	struct descriptor *descriptor;	/* with a reference; NULL: none to watch */
	struct spinlock *lock;		/* of the list it is linked in, or NULL */
};

static void watch_notify(struct observer *o, uint32_t bits)
{
	(void)bits;
	thread_wake(container_of(o, struct watch, observer)->thread);
}

/* The bits of one item that its owner asked for; errors are always told. */
static uint16_t item_ready(const struct poll_item *i, struct descriptor *d)
{
	return (uint16_t)(descriptor_ready(d) & (i->events | POLL_ERR | POLL_HUP));
}

static uint32_t items_look(struct poll_item *items, struct watch *w, uint32_t n)
{
	uint32_t ready = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (w[i].descriptor)
			items[i].ready = item_ready(&items[i], w[i].descriptor);
		ready += items[i].ready != 0;
	}
	return ready;
}

static void items_open(struct poll_item *items, struct watch *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct object *o;

		items[i].ready = 0;
		w[i].descriptor = NULL;
		w[i].lock = NULL;
		if ((int32_t)items[i].fd < 0)
			continue;
		if (handle_get(items[i].fd, OBJ_DESCRIPTOR, 0, &o))
			items[i].ready = POLL_NVAL;
		else
			w[i].descriptor = container_of(o, struct descriptor, object);
	}
}

static void items_observe(struct poll_item *items, struct watch *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct observers *list = w[i].descriptor ? descriptor_observers(w[i].descriptor, &w[i].lock) : NULL;

		if (!list) {
			w[i].lock = NULL;
			continue;
		}
		w[i].thread = current;
		w[i].observer.notify = watch_notify;
		w[i].observer.events = items[i].events;
		spin_lock(w[i].lock);
		list_push_back(&list->list, &w[i].observer.link);
		spin_unlock(w[i].lock);
	}
}

static void items_close(struct watch *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (w[i].lock) {
			spin_lock(w[i].lock);
			list_remove(&w[i].observer.link);
			spin_unlock(w[i].lock);
		}
		if (w[i].descriptor)
			object_put(&w[i].descriptor->object);
	}
}

static int64_t items_wait(struct poll_item *items, struct watch *w, uint32_t n, uint64_t deadline)
{
	uint32_t ready = items_look(items, w, n);
	status_t s = 0;

	if (ready || !deadline)
		return ready;
	items_observe(items, w, n);
	while (!ready && !s) {
		thread_sleep_prepare();
		ready = items_look(items, w, n);
		if (ready)
			thread_sleep_cancel();
		else
			s = thread_sleep(deadline, true);
	}
	if (!ready)
		ready = items_look(items, w, n);
	return ready ? (int64_t)ready : s == E_TIMEDOUT ? 0 : s;
}

int64_t sys_descriptor_poll(uint64_t user, uint64_t count, uint64_t deadline)
{
	struct poll_item fast_items[ITEMS_FAST], *items = fast_items;
	struct watch fast_watch[ITEMS_FAST], *w = fast_watch;
	struct pool *pool = current->task->task_pool;
	uint32_t n = (uint32_t)count;
	int64_t s = E_NOMEM;

	REQUIRE(count <= ITEMS_MAX && count <= current->table->ceiling, E_INVAL);
	if (n > ITEMS_FAST) {
		items = kmem_alloc(pool, n * sizeof(*items));
		w = kmem_alloc(pool, n * sizeof(*w));
		if (!items || !w)
			goto out;
	}
	s = user_copy_in(items, user, n * sizeof(*items)) ? E_FAULT : 0;
	if (s)
		goto out;
	items_open(items, w, n);
	s = items_wait(items, w, n, deadline);
	items_close(w, n);
	for (uint32_t i = 0; s >= 0 && i < n; i++)
		if (user_copy_out(user + i * sizeof(*items) + offsetof(struct poll_item, ready),
				  &items[i].ready, sizeof(items[i].ready)))
			s = E_FAULT;
out:
	if (n > ITEMS_FAST) {
		if (items)
			kmem_free(pool, items, n * sizeof(*items));
		if (w)
			kmem_free(pool, w, n * sizeof(*w));
	}
	return s;
}
