/*
 * endpoint.c -- the endpoint: its life, its table of calls in progress, and the tasks that serve it.
 *
 * Owns:    the entries of received calls (chunks are made as they are needed, and stay); which tasks have
 *          received from it, so that the calls of one that dies end.
 * Life:    capabilities to receive are counted.  When the last one goes, in whatever table or message it
 *          was, the endpoint is closed: every call, queued, received or to come, ends with E_GONE, and
 *          notices are dropped.  Others may hold the object for long (callers, Descriptors, tasks).
 * Locks:   endpoint.lock for the entries; owners_lock for the servers.
 * Fails:   E_NOMEM.
 * Tested:  kernel/test/ipc_test.c, programs/selftest.
 */
#include "local.h"
#include "mm.h"
#include "syscalls.h"

/* A task that has received from an endpoint. */
struct server {
	struct list of_endpoint, of_task;
	struct endpoint *endpoint;
	struct task *task;
};

static struct spinlock owners_lock = SPINLOCK(RANK_TASKS);

int64_t sys_endpoint_create(uint64_t pool)
{
	struct endpoint *e;
	struct pool *p;
	status_t s;

	REQUIRE(!current->task->serves_nobody, E_PERM);
	s = pool_get((handle_t)pool, &p);
	REQUIRE(s == 0, s);
	e = object_alloc(p, OBJ_ENDPOINT, sizeof(*e), RANK_ENDPOINT);
	object_put(&p->object);
	REQUIRE(e, E_NOMEM);
	list_init(&e->callers);
	waitqueue_init(&e->receivers);
	list_init(&e->notices);
	list_init(&e->servers);
	e->holders = 1;
	return handle_install(false, &e->object, RIGHTS_ALL, 0);
}

/* Nobody can receive from it any more, so nobody has a reference but this last one. */
void endpoint_release(struct object *o)
{
	struct endpoint *e = container_of(o, struct endpoint, object);
	struct list *l;

	KASSERT(e->closed && list_empty(&e->callers) && list_empty(&e->notices));
	for (;;) {
		spin_lock(&owners_lock);
		l = list_pop(&e->servers);
		if (l)
			list_remove(&list_entry(l, struct server, of_endpoint)->of_task);
		spin_unlock(&owners_lock);
		if (!l)
			break;
		kmem_free(o->pool, list_entry(l, struct server, of_endpoint), sizeof(struct server));
	}
	for (uint32_t i = 0; i < CALLS_CHUNKS && e->chunks[i]; i++)
		kmem_free(o->pool, e->chunks[i], CALLS_CHUNK * sizeof(struct call_entry));
	object_free(o);
}

/* --- who serves it ------------------------------------------------------------------------------------- */

/* With owners_lock: has the current task a struct server? */
static bool server_find(const struct endpoint *e)
{
	list_for_each(l, &e->servers)
		if (list_entry(l, struct server, of_endpoint)->task == current->task)
			return true;
	return false;
}

/* Called at every receive: what does not change costs one comparison. */
status_t endpoint_own(struct endpoint *e)
{
	struct task *task = current->task;
	struct server *new = NULL;
	bool found;

	if (likely(e->owner_koid == task->object.koid))
		return 0;
	for (;;) {
		spin_lock(&owners_lock);
		found = server_find(e);
		if (!found && new) {
			*new = (struct server){ .endpoint = e, .task = task };
			list_push_back(&e->servers, &new->of_endpoint);
			list_push_back(&task->endpoints, &new->of_task);
		}
		if (found || new)	/* not before: endpoint_own asks no further then */
			e->owner_koid = task->object.koid;
		spin_unlock(&owners_lock);
		if (found || new)
			break;
		new = kmem_alloc(e->object.pool, sizeof(*new));
		REQUIRE(new, E_NOMEM);
	}
	if (found && new)
		kmem_free(e->object.pool, new, sizeof(*new));
	return 0;
}

bool task_serves(struct task *k, uint64_t endpoint_koid)
{
	bool found = false;

	spin_lock(&owners_lock);
	list_for_each(l, &k->endpoints)
		found |= list_entry(l, struct server, of_task)->endpoint->object.koid == endpoint_koid;
	spin_unlock(&owners_lock);
	return found;
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
	for (uint32_t i = 0; i < CALLS_CHUNK; i++)
		chunk[i].token = n * CALLS_CHUNK + i + 1;
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

/* With the lock. */
struct call_entry *entry_new(struct endpoint *e)
{
	return e->ncalls < CALLS_MAX && e->chunks[e->ncalls / CALLS_CHUNK] ? entry_at(e, e->ncalls++) : NULL;
}

/* --- the end of calls ------------------------------------------------------------------------------------ */

/* The calls that `task` (NULL: anybody) has received and not answered end without an answer. */
static void received_end(struct endpoint *e, const struct task *task)
{
	for (uint32_t i = 0; i < e->ncalls; i++) {
		struct call_entry *entry = entry_at(e, i);
		struct thread *c = NULL;

		spin_lock(&e->object.lock);
		if (entry->caller && (!task || entry->server == task)) {
			c = entry->caller;
			object_get(&c->object);
			call_end(e, c, E_GONE);
		}
		spin_unlock(&e->object.lock);
		if (c) {
			thread_wake(c);
			object_put(&c->object);
		}
	}
}

static void queued_end(struct endpoint *e)
{
	struct thread *c;

	do {
		c = NULL;
		spin_lock(&e->object.lock);
		if (!list_empty(&e->callers)) {
			c = list_entry(e->callers.next, struct thread, call_link);
			object_get(&c->object);
			call_end(e, c, E_GONE);
		}
		spin_unlock(&e->object.lock);
		if (c) {
			thread_wake(c);
			object_put(&c->object);
		}
	} while (c);
}

static void notices_drop(struct endpoint *e)
{
	struct list *l;

	do {
		struct notice *n;
		uint32_t kind = 0;

		spin_lock(&e->object.lock);
		l = list_pop(&e->notices);
		n = list_entry(l, struct notice, link);
		if (l) {
			kind = n->kind;
			n->kind = 0;
		}
		spin_unlock(&e->object.lock);
		if (l)
			notice_done(n, kind);
	} while (l);
}

void endpoint_unhold(struct endpoint *e)
{
	if (atomic_sub(&e->holders, 1))
		return;
	spin_lock(&e->object.lock);
	e->closed = true;
	waitqueue_wake_all(&e->receivers, E_GONE);	/* they came with a capability that has gone since */
	spin_unlock(&e->object.lock);
	queued_end(e);
	received_end(e, NULL);
	notices_drop(e);
}

void endpoints_disown(struct task *k)
{
	for (;;) {
		struct server *s;
		struct endpoint *e;
		bool alive;

		spin_lock(&owners_lock);
		if (list_empty(&k->endpoints)) {
			spin_unlock(&owners_lock);
			return;
		}
		s = list_entry(k->endpoints.next, struct server, of_task);
		e = s->endpoint;
		list_remove(&s->of_task);
		s->task = NULL;
		if (e->owner_koid == k->object.koid)
			e->owner_koid = 0;
		alive = object_try_get(&e->object);	/* else its release waits for owners_lock */
		if (alive)
			list_remove(&s->of_endpoint);
		spin_unlock(&owners_lock);
		if (alive) {
			received_end(e, k);
			kmem_free(e->object.pool, s, sizeof(*s));
			object_put(&e->object);
		}
	}
}
