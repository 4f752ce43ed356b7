/*
 * endpoint.c -- the endpoint: its life, its table of calls in progress, and the task that serves it.
 *
 * Owns:    the entries of received calls (chunks are made as they are needed, and stay); which endpoints
 *          a task receives from.
 * Locks:   endpoint.lock for the entries; owners_lock, then the owner's task.lock, for the owner.
 * Fails:   E_NOMEM.
 * Tested:  kernel/test/ipc_test.c, programs/selftest.
 */
#include "local.h"
#include "mm.h"
#include "syscalls.h"

static struct spinlock owners_lock = SPINLOCK(RANK_TASKS);

int64_t sys_endpoint_create(uint64_t pool)
{
	struct endpoint *e;
	struct pool *p;
	status_t s = pool_get((handle_t)pool, &p);

	REQUIRE(s == 0, s);
	e = object_alloc(p, OBJ_ENDPOINT, sizeof(*e), RANK_ENDPOINT);
	object_put(&p->object);
	REQUIRE(e, E_NOMEM);
	list_init(&e->callers);
	waitqueue_init(&e->receivers);
	list_init(&e->notices);
	list_init(&e->owner_link);
	return handle_install(false, &e->object, RIGHTS_ALL, 0);
}

/* With owners_lock. */
static void owner_drop(struct endpoint *e)
{
	if (!e->owner)
		return;
	spin_lock(&e->owner->object.lock);
	list_remove(&e->owner_link);
	spin_unlock(&e->owner->object.lock);
	e->owner = NULL;
	e->owner_koid = 0;
}

void endpoint_release(struct object *o)
{
	struct endpoint *e = container_of(o, struct endpoint, object);
	struct list *l;

	KASSERT(list_empty(&e->callers));
	spin_lock(&owners_lock);
	owner_drop(e);
	spin_unlock(&owners_lock);
	while ((l = list_pop(&e->notices))) {
		struct notice *n = list_entry(l, struct notice, link);
		uint32_t kind = n->kind;

		n->kind = 0;
		notice_done(n, kind);
	}
	for (uint32_t i = 0; i < CALLS_CHUNKS && e->chunks[i]; i++)
		kmem_free(o->pool, e->chunks[i], CALLS_CHUNK * sizeof(struct call_entry));
	object_free(o);
}

status_t endpoint_get(handle_t h, struct endpoint **out)
{
	struct object *o;
	status_t s = handle_get(h, OBJ_ENDPOINT, RIGHT_RECEIVE, &o);

	if (!s)
		*out = container_of(o, struct endpoint, object);
	return s;
}

void endpoint_own(struct endpoint *e)
{
	struct task *task = current->task;

	if (e->owner_koid == task->object.koid)
		return;
	spin_lock(&owners_lock);
	owner_drop(e);
	spin_lock(&task->object.lock);
	list_push_back(&task->endpoints, &e->owner_link);
	spin_unlock(&task->object.lock);
	e->owner = task;
	e->owner_koid = task->object.koid;
	spin_unlock(&owners_lock);
}

/* Room for one more entry, unless there are as many as there may be: then calls stay queued. */
status_t entries_reserve(struct endpoint *e)
{
	struct call_entry *chunk;
	uint32_t n = e->ncalls / CALLS_CHUNK;

	if (n >= CALLS_CHUNKS || entry_ready(e))
		return 0;
	chunk = kmem_alloc(e->object.pool, CALLS_CHUNK * sizeof(*chunk));
	REQUIRE(chunk, E_NOMEM);
	spin_lock(&e->object.lock);
	if (!e->chunks[n]) {
		e->chunks[n] = chunk;
		chunk = NULL;
	}
	spin_unlock(&e->object.lock);
	if (chunk)
		kmem_free(e->object.pool, chunk, CALLS_CHUNK * sizeof(*chunk));
	return 0;
}

/* --- the receiving task died ------------------------------------------------------------------ */

static void owner_died(struct endpoint *e)
{
	for (uint32_t i = 0; i < e->ncalls; i++) {
		struct thread *c;

		spin_lock(&e->object.lock);
		c = entry_at(e, i)->caller;
		if (c) {
			object_get(&c->object);
			c->call_result = E_GONE;
			c->call_ncaps = 0;
			entry_give(e, i);
			atomic_store(&c->call_state, CALL_REPLIED);
		}
		spin_unlock(&e->object.lock);
		if (c) {
			thread_wake(c);
			object_put(&c->object);
		}
	}
}

void endpoints_disown(struct task *k)
{
	for (;;) {
		struct endpoint *e;
		bool alive;

		spin_lock(&owners_lock);
		if (list_empty(&k->endpoints)) {
			spin_unlock(&owners_lock);
			return;
		}
		e = list_entry(k->endpoints.next, struct endpoint, owner_link);
		owner_drop(e);
		alive = object_try_get(&e->object);	/* else its release waits for owners_lock */
		spin_unlock(&owners_lock);
		if (alive) {
			owner_died(e);
			object_put(&e->object);
		}
	}
}
