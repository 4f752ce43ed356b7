/*
 * waitset.c -- wait sets: the standing form of poll (epoll).
 *
 * An entry watches one Descriptor under one fd number.  It is linked three times: in the set's tree of
 * entries, in the Descriptor's list of watchers (weak: the Descriptor's end removes the entry) and in the
 * observed object's list.  An entry that may be ready is on the set's ready list; waiting looks again.
 *
 * Locks:   set_lock (RANK_LEASE), one for all sets, guards the links of entries and Descriptors: changes
 *          are rare.  waitset.object.lock (RANK_WAITSET) guards ready list and waiters; notify takes it
 *          inside the observed object's.
 * Fails:   E_EXIST, E_NOENT, E_PERM (a Content is never waited for), E_INVAL (a set in itself, too deep).
 * Tested:  tests/linux/poll (epoll), bench row epoll
 */
#include "descriptor.h"
#include "lease.h"
#include "mm.h"
#include "syscalls.h"

#define HEIGHT_MAX (RANK_WAITSET_TOP - RANK_WAITSET)	/* notify runs down the nest with all locks held */

struct waitset {
	struct object object;		/* lock: RANK_WAITSET */
	struct list entries;
	struct list ready;
	struct waitqueue waiters;
	struct observers observers;
	uint32_t height;		/* sets below it; never shrinks.  Guarded by set_lock, as the next */
	bool contained;			/* in another one: takes no set any more */
};

struct entry {
	struct observer observer;	/* linked in the observed object */
	struct spinlock *observed;	/* that object's lock, or NULL: always ready */
	struct list set_link, watch_link, ready_link;
	struct waitset *set;
	struct pool *pool;		/* pays for the entry; with a reference: it may outlive the set */
	struct descriptor *descriptor;	/* weak */
	uint32_t fd, events;
	uint64_t data;
	struct lease *lease;		/* of the fd that it was added by: it reports no more after that */
	bool armed;			/* oneshot: not fired yet */
};

static struct spinlock set_lock = SPINLOCK(RANK_LEASE);

int64_t sys_waitset_create(uint64_t pool)
{
	struct waitset *ws;
	struct pool *p;
	status_t s = pool_get((handle_t)pool, &p);

	REQUIRE(s == 0, s);
	ws = object_alloc(p, OBJ_WAITSET, sizeof(*ws), RANK_WAITSET);
	object_put(&p->object);
	REQUIRE(ws, E_NOMEM);
	list_init(&ws->entries);
	list_init(&ws->ready);
	waitqueue_init(&ws->waiters);
	observers_init(&ws->observers);
	return handle_install(false, &ws->object, RIGHTS_ALL, 0);
}


struct observers *waitset_observers(struct object *o, struct spinlock **lock)
{
	*lock = &o->lock;
	return &container_of(o, struct waitset, object)->observers;
}

/* With the set's lock. */
static void entry_mark(struct entry *e)
{
	struct waitset *ws = e->set;

	if (!list_empty(&e->ready_link) || !e->armed)
		return;
	list_push_back(&ws->ready, &e->ready_link);
	waitqueue_wake_one(&ws->waiters, 0);
	observers_notify(&ws->observers, POLL_IN | POLL_RDNORM);
}

static void entry_notify(struct observer *o, uint32_t bits)
{
	struct entry *e = container_of(o, struct entry, observer);

	(void)bits;
	spin_lock(&e->set->object.lock);
	entry_mark(e);
	spin_unlock(&e->set->object.lock);
}

static uint32_t entry_bits(struct entry *e)
{
	if (unlikely(e->lease) && lease_ended(e->lease))
		return 0;
	return descriptor_ready(e->descriptor) & (e->events | POLL_ERR | POLL_HUP) & 0x3fffffff;
}

/*
 * An entry on the ready list may no longer be: look.  With the set's lock no entry of the list, nor the
 * Descriptor it watches, can go.
 */
uint32_t waitset_ready(struct object *o)
{
	struct waitset *ws = container_of(o, struct waitset, object);
	uint32_t bits = 0;

	spin_lock(&o->lock);
	list_for_each(l, &ws->ready) {
		struct entry *e = list_entry(l, struct entry, ready_link);

		if (e->armed && e->descriptor->kind != OBJ_WAITSET && entry_bits(e)) {
			bits = POLL_IN | POLL_RDNORM;
			break;
		}
		if (e->descriptor->kind == OBJ_WAITSET && !(e->lease && lease_ended(e->lease)))	/* its own wait looks deeper */
			bits = POLL_IN | POLL_RDNORM;
	}
	spin_unlock(&o->lock);
	return bits;
}

/* Out of all lists into `dead`, to be freed without the lock; with set_lock. */
static void entry_unlink(struct entry *e, struct list *dead)
{
	if (e->observed) {
		spin_lock(e->observed);
		list_remove(&e->observer.link);
		spin_unlock(e->observed);
	}
	spin_lock(&e->set->object.lock);
	list_remove(&e->ready_link);
	spin_unlock(&e->set->object.lock);
	list_remove(&e->set_link);
	list_remove(&e->watch_link);
	list_push_back(dead, &e->set_link);
}

/* No lock held; the entries' sets may be gone, but not who paid. */
static void entries_free(struct list *dead)
{
	struct list *l;

	while ((l = list_pop(dead))) {
		struct entry *e = list_entry(l, struct entry, set_link);
		struct pool *pool = e->pool;

		if (e->lease)
			object_put(&e->lease->object);
		kmem_free(pool, e, sizeof(*e));
		object_put(&pool->object);
	}
}

#define FORGET_PIECE 64			/* entries under one hold of set_lock */

/*
 * All entries of a list that ends; the first of it is at `offset` from its entry.  Between pieces an entry may also
 * go by its other end: both look for the first one anew.
 */
static void entries_end(struct list *entries, size_t offset)
{
	bool more = true;

	while (more) {
		struct list dead = LIST_INIT(dead);

		spin_lock(&set_lock);
		for (int n = FORGET_PIECE; n > 0 && !list_empty(entries); n--)
			entry_unlink((struct entry *)((uint8_t *)entries->next - offset), &dead);
		more = !list_empty(entries);
		spin_unlock(&set_lock);
		entries_free(&dead);
		if (more)
			preempt_point();
	}
}

void waitset_forget(struct descriptor *d) { entries_end(&d->watchers, offsetof(struct entry, watch_link)); }

void waitset_release(struct object *o)
{
	entries_end(&container_of(o, struct waitset, object)->entries, offsetof(struct entry, set_link));
	object_free(o);
}

static struct entry *entry_find(struct waitset *ws, struct descriptor *d, uint32_t fd)
{
	list_for_each(l, &d->watchers) {
		struct entry *e = list_entry(l, struct entry, watch_link);

		if (e->set == ws && e->fd == fd)
			return e;
	}
	return NULL;
}

/* With set_lock: look at it now, as a new or changed interest does. */
static void entry_look(struct entry *e)
{
	e->armed = true;
	e->observer.events = e->events & 0x3fffffff;
	if (entry_bits(e)) {
		spin_lock(&e->set->object.lock);
		entry_mark(e);
		spin_unlock(&e->set->object.lock);
	}
}

/* A set goes only into one that is in no other: so no cycle can be made, and a height never spreads upwards. */
static status_t nest_check(struct waitset *ws, struct waitset *inner)
{
	REQUIRE(inner != ws && !ws->contained && inner->height < HEIGHT_MAX, E_INVAL);
	return 0;
}

static void nest(struct waitset *ws, struct waitset *inner)
{
	inner->contained = true;
	ws->height = MAX(ws->height, inner->height + 1);
	ws->object.lock.rank = (uint8_t)(RANK_WAITSET + ws->height);
}

static status_t entry_add(struct waitset *ws, struct descriptor *d, uint32_t fd, uint32_t events, uint64_t data)
{
	struct waitset *inner = d->kind == OBJ_WAITSET ? container_of(d->data, struct waitset, object) : NULL;
	struct observers *list;
	struct entry *e;
	status_t s = inner ? nest_check(ws, inner) : 0;

	REQUIRE(s == 0, s);
	REQUIRE(!entry_find(ws, d, fd), E_EXIST);
	e = kmem_alloc(ws->object.pool, sizeof(*e));
	REQUIRE(e, E_NOMEM);
	e->set = ws;
	e->pool = ws->object.pool;
	object_get(&e->pool->object);
	e->lease = operation_lease();
	e->descriptor = d;
	e->fd = fd;
	e->events = events;
	e->data = data;
	e->observer.notify = entry_notify;
	e->observer.events = events & 0x3fffffff;
	list_init(&e->ready_link);
	list = descriptor_observers(d, &e->observed);
	if (inner)
		nest(ws, inner);
	if (list) {
		spin_lock(e->observed);
		list_push_back(&list->list, &e->observer.link);
		spin_unlock(e->observed);
	} else {
		e->observed = NULL;
	}
	list_push_back(&ws->entries, &e->set_link);
	list_push_back(&d->watchers, &e->watch_link);
	d->watched = true;
	entry_look(e);
	return 0;
}

/* With set_lock. */
static status_t change(struct waitset *ws, uint64_t op, struct descriptor *d, const struct entry *like, struct list *dead)
{
	struct entry *e;

	if (op == WAITSET_ADD)
		return entry_add(ws, d, like->fd, like->events, like->data);
	e = entry_find(ws, d, like->fd);
	REQUIRE(e, E_NOENT);
	if (op == WAITSET_MODIFY) {
		e->events = like->events;
		e->data = like->data;
		entry_look(e);
	} else {
		entry_unlink(e, dead);
	}
	return 0;
}

/* The wait set of a handle: its own, or a Descriptor on one (an epoll fd). */
static status_t set_get(uint64_t h, uint32_t right, struct object **o, struct waitset **ws)
{
	struct object *data;
	status_t s = handle_get((handle_t)h, OBJ_WAITSET, right, o);

	if (s == E_TYPE)
		s = handle_get((handle_t)h, OBJ_DESCRIPTOR, right, o);
	REQUIRE(s == 0, s == E_TYPE ? E_INVAL : s);
	data = (*o)->type == OBJ_DESCRIPTOR ? container_of(*o, struct descriptor, object)->data : *o;
	if (data && data->type == OBJ_WAITSET) {
		*ws = container_of(data, struct waitset, object);
		return 0;
	}
	object_put(*o);
	return E_INVAL;
}

int64_t sys_waitset_change(uint64_t h, uint64_t op, uint64_t fd, uint64_t events, uint64_t data)
{
	struct entry like = { .fd = (uint32_t)fd, .events = (uint32_t)events, .data = data };
	struct list dead = LIST_INIT(dead);
	struct object *o, *d;
	struct waitset *ws;
	status_t s;

	REQUIRE(op >= WAITSET_ADD && op <= WAITSET_MODIFY, E_INVAL);
	s = handle_get((handle_t)fd, OBJ_DESCRIPTOR, 0, &d);
	REQUIRE(s == 0, s);
	s = set_get(h, RIGHT_WRITE, &o, &ws);
	if (s) {
		object_put(d);
		return s;
	}
	if (container_of(d, struct descriptor, object)->kind == OBJ_CONTENT) {
		s = E_PERM;
	} else {
		spin_lock(&set_lock);
		s = change(ws, op, container_of(d, struct descriptor, object), &like, &dead);
		spin_unlock(&set_lock);
		entries_free(&dead);
	}
	object_put(o);
	object_put(d);
	return s;
}

/* Level-triggered entries are ready until somebody looks and finds that they are not: for others, too. */
static void put_back(struct waitset *ws, struct list *again)
{
	struct list *l;

	spin_lock(&ws->object.lock);
	while ((l = list_pop(again)))
		list_push_back(&ws->ready, l);
	if (!list_empty(&ws->waiters.waiters))
		waitqueue_wake_one(&ws->waiters, 0);
	if (!list_empty(&ws->observers.list))
		observers_notify(&ws->observers, POLL_IN | POLL_RDNORM);
	spin_unlock(&ws->object.lock);
}

/*
 * Take up to max of what is ready.  Under set_lock, so that no Descriptor of an entry can go meanwhile.
 * A level-triggered entry stays on the list (at its end); the others leave it.
 */
static uint32_t collect(struct waitset *ws, struct waitset_event *out, uint32_t max)
{
	struct list again, *l;
	uint32_t n = 0;

	list_init(&again);
	spin_lock(&set_lock);
	while (n < max) {
		struct entry *e;
		uint32_t bits;

		spin_lock(&ws->object.lock);
		l = list_pop(&ws->ready);
		spin_unlock(&ws->object.lock);
		if (!l)
			break;
		e = list_entry(l, struct entry, ready_link);
		bits = e->armed ? entry_bits(e) : 0;
		if (!bits)
			continue;
		out[n++] = (struct waitset_event){ bits, e->data };
		if (e->events & WAITSET_ONESHOT)
			e->armed = false;
		else if (!(e->events & WAITSET_EDGE)) {
			spin_lock(&ws->object.lock);
			list_remove(&e->ready_link);	/* notified meanwhile: it is on the list again */
			list_push_back(&again, &e->ready_link);
			spin_unlock(&ws->object.lock);
		}
	}
	if (!list_empty(&again))
		put_back(ws, &again);
	spin_unlock(&set_lock);
	return n;
}

#define EVENTS_FAST 16

static int64_t wait(struct waitset *ws, uint64_t events, uint64_t max, uint64_t deadline)
{
	struct waitset_event out[EVENTS_FAST];
	struct waiter w;
	status_t s = 0;
	uint32_t n;

	for (;;) {
		n = s == E_REVOKED ? 0 : collect(ws, out, (uint32_t)MIN(max, EVENTS_FAST));
		if (n || !deadline || s)
			break;
		spin_lock(&ws->object.lock);
		if (list_empty(&ws->ready)) {
			waiter_add(&ws->waiters, &w);
			s = thread_wait(&w, &ws->object.lock, deadline);
		}
		spin_unlock(&ws->object.lock);
	}
	if (n)
		return user_copy_out(events, out, n * sizeof(*out)) ? E_FAULT : (int64_t)n;
	return s == E_TIMEDOUT ? 0 : s;
}

int64_t sys_waitset_wait(uint64_t h, uint64_t events, uint64_t count, uint64_t deadline)
{
	struct object *o;
	struct waitset *ws;
	int64_t s;

	REQUIRE(count >= 1 && count <= INT32_MAX / sizeof(struct waitset_event), E_INVAL);
	s = set_get(h, RIGHT_WAIT, &o, &ws);
	REQUIRE(s == 0, s);
	s = wait(ws, events, count, deadline);
	object_put(o);
	return s;
}
