/*
 * ipc.c -- calls on endpoints: send, receive, answer, cancel, and notices.
 *
 * A message lies in the utcb of its sender; the receiver copies it from there while the sender sleeps.
 * The call in progress is a part of the calling thread (thread.call_*): nothing is allocated but the
 * bulk buffer.  A received call has an entry in the endpoint's table; token = generation << 32 | index+1.
 *
 * States:  queued -> received -> replied; only the endpoint's lock changes them.
 *          An interrupt takes a queued call back; of a received one the server is told by a notice and
 *          must still answer.  A killed caller leaves at once; answering then gives E_GONE.
 * Locks:   endpoint.lock.  No reference is dropped and no slot filled under it.  owners_lock, then the
 *          owner's task.lock, guard which endpoints a task receives from.
 * Fails:   E_GONE, E_AGAIN_LIMIT (too many calls in progress), E_NOMEM, E_FAULT of a bulk buffer.
 * Tested:  kernel/test/ipc_test.c, programs/ipcbench, programs/selftest, tests/linux.
 */
#include "ipc.h"
#include "arch.h"
#include "descriptor.h"
#include "lease.h"
#include "mm.h"
#include "sched.h"
#include "syscalls.h"

#define TOKEN_INDEX 0xffffffffull

static struct spinlock owners_lock = SPINLOCK(RANK_TASKS);

static struct ipc_message *message(struct thread *t) { return &t->arch.utcb->msg; }

/* --- the endpoint ------------------------------------------------------------------------------------ */

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

/* Who is told that a notice has been taken, or will never be. */
static void notice_done(struct notice *n, uint32_t kind)
{
	if (kind == NOTICE_CLOSE)
		descriptor_close_delivered(n);
	else if (kind == NOTICE_DEATH)
		object_put(&container_of(n, struct task, death)->object);
	else if (kind == NOTICE_FAULT)
		object_put(&container_of(n, struct task, fault)->object);
	else if (kind == NOTICE_MEMORY)
		object_put(&container_of(n, struct task, memory)->object);
	else if (kind == NOTICE_CANCEL)
		object_put(&container_of(n, struct thread, cancel)->object);
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

/*
 * Queue a notice unless it is queued.  It is embedded in an object that keeps a reference for it
 * (notice_done drops it): the caller gives that reference, and gets it back when already queued.
 */
static bool notice_queue(struct endpoint *e, struct notice *n, uint32_t kind)
{
	bool queued = false, wake = kind != NOTICE_CLOSE;

	spin_lock(&e->object.lock);
	if (!n->kind) {
		n->kind = kind;
		list_push_back(&e->notices, &n->link);
		if (wake)
			waitqueue_wake_one(&e->receivers, 0);
		queued = true;
	}
	spin_unlock(&e->object.lock);
	if (!wake)
		sched_defer(e);
	return queued;
}

/* What sched_defer put off: somebody must look at what is queued. */
void endpoint_kick(struct endpoint *e)
{
	spin_lock(&e->object.lock);
	if (!list_empty(&e->notices))
		waitqueue_wake_one(&e->receivers, 0);
	spin_unlock(&e->object.lock);
}

void endpoint_notify(struct endpoint *e, struct notice *n, uint32_t kind)
{
	struct object *keep = kind == NOTICE_DEATH ? &container_of(n, struct task, death)->object :
			      kind == NOTICE_FAULT ? &container_of(n, struct task, fault)->object :
			      kind == NOTICE_MEMORY ? &container_of(n, struct task, memory)->object :
			      kind == NOTICE_CANCEL ? &container_of(n, struct thread, cancel)->object : NULL;

	if (keep)
		object_get(keep);
	if (!notice_queue(e, n, kind) && keep)
		object_put(keep);
}

/* --- calls in progress ---------------------------------------------------------------------------------- */

static struct call_entry *entry_at(struct endpoint *e, uint32_t index)
{
	return &e->chunks[index / CALLS_CHUNK][index % CALLS_CHUNK];
}

/* With the lock.  The entry's index, or -1 when a chunk must be made first. */
static int32_t entry_take(struct endpoint *e)
{
	uint32_t i = e->free_call;

	if (i) {
		e->free_call = entry_at(e, i - 1)->next_free;
		return (int32_t)(i - 1);
	}
	if (e->ncalls < CALLS_MAX && e->chunks[e->ncalls / CALLS_CHUNK])
		return (int32_t)e->ncalls++;
	return -1;
}

/* Will entry_take find one? */
static bool entry_ready(const struct endpoint *e)
{
	return e->free_call || (e->ncalls < CALLS_MAX && e->chunks[e->ncalls / CALLS_CHUNK]);
}

static void entry_give(struct endpoint *e, uint32_t index)
{
	struct call_entry *c = entry_at(e, index);

	c->caller = NULL;
	c->generation = (c->generation + 1) & INT32_MAX;	/* a token is never negative */
	c->next_free = e->free_call;
	e->free_call = index + 1;
	if (unlikely(e->ncalls == CALLS_MAX) && !list_empty(&e->callers))
		waitqueue_wake_one(&e->receivers, 0);
}

/* Room for one more entry, unless there are as many as there may be: then calls stay queued. */
static status_t entries_reserve(struct endpoint *e)
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

/* With the lock: the sleeping caller of a token, or NULL. */
static struct thread *token_caller(struct endpoint *e, uint64_t token)
{
	uint64_t index = (token & TOKEN_INDEX) - 1;
	struct call_entry *c;

	if (index >= e->ncalls)
		return NULL;
	c = entry_at(e, (uint32_t)index);
	return c->caller && c->generation == token >> 32 ? c->caller : NULL;
}

static uint64_t token_of(struct endpoint *e, uint32_t index)
{
	return (uint64_t)entry_at(e, index)->generation << 32 | (index + 1);
}

/* --- capabilities in messages ------------------------------------------------------------------------------ */

/* References to what the sender names; nothing is taken from it yet. */
static status_t caps_gather(const handle_t *handles, uint32_t n, struct slot *out)
{
	for (uint32_t i = 0; i < n; i++) {
		status_t s = handle_get_slot(handles[i], OBJ_NONE, RIGHT_TRANSFER, &out[i]);

		if (s) {
			while (i)
				slot_drop(&out[--i]);
			return s;
		}
	}
	return 0;
}

static void caps_drop(struct slot *slots, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		slot_drop(&slots[i]);
}

static void caps_moved(const handle_t *handles, uint32_t n, uint32_t flags)
{
	for (uint32_t i = 0; i < n; i++)
		if (flags >> i & 1)
			sys_handle_close(handles[i]);
}

/* Put what arrived into the current thread's tables and say where. */
static void caps_install(struct slot *slots, uint32_t n, handle_t reserved, struct ipc_message *m)
{
	m->ncaps = n;
	for (uint32_t i = 0; i < n; i++) {
		bool fd = slots[i].object->type == OBJ_DESCRIPTOR && reserved != H_NONE;
		status_t s;

		slots[i].flags = 0;
		if (fd) {
			s = table_fill_reserved(current->table, reserved, &slots[i]);
			reserved = H_NONE;
		} else {
			s = table_install(current->task->handles, &slots[i], 0);
			if (s >= 0)
				s |= (int64_t)HANDLE_TASK_TABLE;
		}
		m->caps[i] = s < 0 ? H_NONE : (handle_t)s;
	}
}

/* --- calling ------------------------------------------------------------------------------------------------ */

struct destination {
	struct object *object;		/* what the handle named, with a reference: keeps the endpoint alive */
	struct endpoint *endpoint;
	uint64_t badge;
	uint32_t via, access;
};

static status_t destination_get(handle_t h, struct destination *d)
{
	uint32_t rights;
	status_t s = handle_get_badge(h, &d->object, &rights, &d->badge);

	REQUIRE(s == 0, s);
	if (d->object->type == OBJ_ENDPOINT) {
		d->via = IPC_VIA_ENDPOINT;
		d->access = 0;
		d->endpoint = container_of(d->object, struct endpoint, object);
		s = rights & RIGHT_CALL ? 0 : E_RIGHTS;
	} else if (d->object->type == OBJ_DESCRIPTOR) {
		d->via = IPC_VIA_DESCRIPTOR;
		s = descriptor_route(d->object, &d->endpoint, &d->badge, &d->access) ? 0 : E_NOTTY;
	} else {
		s = E_TYPE;
	}
	if (unlikely(s))
		object_put(d->object);
	return s;
}

static void bulk_free(struct thread *t)
{
	if (t->bulk)
		kmem_free(t->object.pool, t->bulk, MAX(t->bulk_len, t->bulk_room));
	t->bulk = NULL;
}

/* The bulk request into a buffer of the kernel, large enough for the reply too. */
static status_t bulk_gather(struct thread *t, uint64_t out, uint64_t out_len, uint64_t in_len)
{
	t->bulk_len = (uint32_t)MIN(out_len, IPC_BULK_MAX);
	t->bulk_room = (uint32_t)MIN(in_len, IPC_BULK_MAX);
	t->bulk_got = 0;
	t->bulk = NULL;
	if (!t->bulk_len && !t->bulk_room)
		return 0;
	REQUIRE(out_len <= IPC_BULK_MAX, E_TOOBIG);
	t->bulk = kmem_alloc(t->object.pool, MAX(t->bulk_len, t->bulk_room));
	REQUIRE(t->bulk, E_NOMEM);
	if (t->bulk_len && user_copy_in(t->bulk, out, t->bulk_len)) {
		bulk_free(t);
		return E_FAULT;
	}
	return 0;
}

/* The server is told that the caller no longer wants to wait; with the lock. */
static void cancel_send(struct endpoint *e, struct thread *t)
{
	t->cancel.words[0] = token_of(e, t->call_index);
	if (t->cancel.kind)
		return;
	object_get(&t->object);
	t->cancel.kind = NOTICE_CANCEL;
	list_push_back(&e->notices, &t->cancel.link);
	waitqueue_wake_one(&e->receivers, 0);
}

/*
 * Sleep until answered: 0, or an error with the call gone.  Called after thread_sleep_prepare, without the
 * lock.  *cancelled: a notice was sent.
 */
static status_t call_wait(struct endpoint *e, struct thread *t, struct thread *server, uint64_t deadline,
			  bool *cancelled)
{
	for (;;) {
		status_t s = thread_sleep_to(server, *cancelled ? DEADLINE_NEVER : deadline, !*cancelled);

		if (server)
			object_put(&server->object);
		server = NULL;
		if (likely(atomic_load(&t->call_state) == CALL_REPLIED))
			return 0;
		spin_lock(&e->object.lock);
		if (s && t->call_state == CALL_QUEUED) {
			list_remove(&t->call_link);
			spin_unlock(&e->object.lock);
			return s;
		}
		if (s == E_GONE && t->call_state == CALL_RECEIVED) {
			entry_give(e, t->call_index);
			spin_unlock(&e->object.lock);
			return s;
		}
		if (s && !*cancelled && t->call_state == CALL_RECEIVED) {
			cancel_send(e, t);
			*cancelled = true;
		}
		thread_sleep_prepare();
		spin_unlock(&e->object.lock);
		if (atomic_load(&t->call_state) == CALL_REPLIED) {
			thread_sleep_cancel();
			return 0;
		}
	}
}

/* A cancel notice that nobody took while the answer came speaks of nothing now. */
static void cancel_withdraw(struct endpoint *e, struct thread *t)
{
	bool withdrawn;

	spin_lock(&e->object.lock);
	withdrawn = t->cancel.kind == NOTICE_CANCEL;
	if (withdrawn) {
		list_remove(&t->cancel.link);
		t->cancel.kind = 0;
	}
	spin_unlock(&e->object.lock);
	if (withdrawn)
		object_put(&t->object);
}

static void words_copy(struct ipc_message *to, const struct ipc_message *from)
{
	uint32_t len = __atomic_load_n(&from->inline_len, __ATOMIC_RELAXED);	/* once: it is the user's */

	to->words[0] = from->words[0];
	to->words[1] = from->words[1];
	to->words[2] = from->words[2];
	to->words[3] = from->words[3];
	to->words[4] = from->words[4];
	to->words[5] = from->words[5];
	if (unlikely(len > IPC_INLINE))		/* the sender's other threads may write there */
		len = 0;
	to->inline_len = len;
	if (len)
		memcpy(to->inline_data, from->inline_data, len);
}

/* With the lock: the call of a sleeping caller into the server's utcb, under entry `index`. */
static void deliver(struct endpoint *e, struct thread *caller, struct thread *server, uint32_t index)
{
	struct ipc_message *to = message(server);
	struct call_entry *c = entry_at(e, index);

	c->caller = caller;
	caller->call_index = index;
	caller->call_state = CALL_RECEIVED;
	words_copy(to, message(caller));
	to->bulk_out_len = caller->bulk_len;
	to->bulk_in_len = caller->bulk_room;
	to->token = (uint64_t)c->generation << 32 | (index + 1);
	to->sender_badge = caller->task->badge;
	to->sender_thread = caller->number;
	to->badge = caller->call_badge;
	to->via = caller->call_via;
	to->descriptor_access = caller->call_access;
	to->ncaps = 0;
	server->effective = MAX(server->priority, caller->effective);
}

#define DELIVERED 1		/* waiter.bits: the message is there already */

/*
 * With the lock: to a waiting receiver at once, or into the queue.  The receiver to wake, with a reference,
 * or NULL.  A call with capabilities is taken from the queue by the receiver, which installs them.
 */
static struct thread *call_send(struct endpoint *e, struct thread *t)
{
	struct thread *server;
	struct waiter *w;
	int32_t index;

	t->call_endpoint = e;
	t->call_state = CALL_QUEUED;
	if (unlikely(list_empty(&e->receivers.waiters))) {
		list_push_back(&e->callers, &t->call_link);
		return NULL;
	}
	w = list_entry(e->receivers.waiters.next, struct waiter, link);
	list_remove(&w->link);
	object_get(&w->thread->object);
	w->status = 0;
	if (likely(!t->call_ncaps && list_empty(&e->callers) && list_empty(&e->notices)) &&
	    (index = entry_take(e)) >= 0) {
		deliver(e, t, w->thread, (uint32_t)index);
		w->bits = DELIVERED;
	} else {
		list_push_back(&e->callers, &t->call_link);
	}
	server = w->thread;
	atomic_store(&w->woken, true);	/* from here on w may be gone */
	return server;
}

static status_t call_finish(struct thread *t, uint64_t bulk_in, handle_t reserved)
{
	struct ipc_message *m = message(t);
	status_t s = 0;

	caps_install(t->call_caps, t->call_ncaps, reserved, m);
	t->call_ncaps = 0;
	if (t->bulk_got && user_copy_out(bulk_in, t->bulk, t->bulk_got))
		s = E_FAULT;
	m->bulk_in_len = t->bulk_got;
	return s ? s : t->call_result;
}

int64_t sys_ipc_call(uint64_t h, uint64_t deadline)
{
	struct thread *t = current, *server;
	struct ipc_message *m = message(t);
	uint32_t ncaps = __atomic_load_n(&m->ncaps, __ATOMIC_RELAXED), cap_flags = m->cap_flags;
	uint64_t bulk_in = m->bulk_in, bulk_out_len = m->bulk_out_len, bulk_in_len = m->bulk_in_len;
	handle_t reserved = m->reserved_slot, handles[IPC_CAPS];
	struct destination d;
	bool cancelled = false;
	status_t s;

	REQUIRE(ncaps <= IPC_CAPS && m->inline_len <= IPC_INLINE, E_TOOBIG);
	s = destination_get((handle_t)h, &d);
	REQUIRE(s == 0, s);
	if (ncaps) {
		memcpy(handles, m->caps, sizeof(handles));
		s = caps_gather(handles, ncaps, t->call_caps);
		if (s)
			goto drop_object;
	}
	t->call_ncaps = ncaps;
	t->bulk = NULL;
	t->bulk_len = t->bulk_room = t->bulk_got = 0;
	if (bulk_out_len | bulk_in_len) {
		s = bulk_gather(t, m->bulk_out, bulk_out_len, bulk_in_len);
		if (s)
			goto drop_caps;
	}
	t->call_badge = d.badge;
	t->call_via = d.via;
	t->call_access = d.access;
	t->call_result = 0;

	spin_lock(&d.endpoint->object.lock);
	server = call_send(d.endpoint, t);
	thread_sleep_prepare();
	spin_unlock(&d.endpoint->object.lock);
	s = call_wait(d.endpoint, t, server, deadline, &cancelled);
	if (unlikely(cancelled))
		cancel_withdraw(d.endpoint, t);
	t->call_state = CALL_NONE;
	if (!s) {
		if (cap_flags)
			caps_moved(handles, ncaps, cap_flags);
		s = call_finish(t, bulk_in, reserved);
	}
	if (t->bulk)
		bulk_free(t);
drop_caps:
	if (t->call_ncaps)
		caps_drop(t->call_caps, t->call_ncaps);
	t->call_ncaps = 0;
drop_object:
	object_put(d.object);
	return s;
}

/* --- receiving ------------------------------------------------------------------------------------------------ */

/* With the lock: take the first queued call.  Its capabilities move to caps. */
static void call_accept(struct endpoint *e, struct thread *t, struct slot *caps, uint32_t *ncaps)
{
	struct thread *caller = list_entry(list_pop(&e->callers), struct thread, call_link);

	deliver(e, caller, t, (uint32_t)entry_take(e));
	*ncaps = caller->call_ncaps;
	for (uint32_t i = 0; i < *ncaps; i++)
		caps[i] = caller->call_caps[i];
	caller->call_ncaps = 0;
}

static void notice_accept(struct thread *t, struct notice *n)
{
	struct ipc_message *to = message(t);

	to->token = 0;
	to->via = n->kind;
	to->badge = n->badge;
	for (int i = 0; i < 4; i++)
		to->words[i] = n->words[i];
	to->inline_len = 0;
	to->ncaps = 0;
	to->bulk_out_len = to->bulk_in_len = 0;
	to->sender_badge = 0;
}

static void endpoint_own(struct endpoint *e)
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

/* Take what is queued; with the lock, which it drops. */
static void take_queued(struct endpoint *e, struct thread *t)
{
	struct slot caps[IPC_CAPS];
	uint32_t ncaps = 0, kind;

	if (!list_empty(&e->notices)) {
		struct notice *n = list_entry(list_pop(&e->notices), struct notice, link);

		notice_accept(t, n);
		kind = n->kind;
		n->kind = 0;
		spin_unlock(&e->object.lock);
		notice_done(n, kind);
	} else {
		call_accept(e, t, caps, &ncaps);
		spin_unlock(&e->object.lock);
		if (ncaps)
			caps_install(caps, ncaps, H_NONE, message(t));
	}
}

/* Is there nothing that could be taken now? */
static bool nothing_queued(const struct endpoint *e)
{
	return list_empty(&e->notices) && (list_empty(&e->callers) || !entry_ready(e));
}

/*
 * Wait for a call or a notice.  to: a thread to hand the CPU to when there is nothing to do (the caller
 * just answered), with a reference.
 */
static int64_t receive(struct endpoint *e, struct thread *to, uint64_t deadline)
{
	struct thread *t = current;
	struct waiter w;
	status_t s = entries_reserve(e);

	if (s)
		goto out;
	endpoint_own(e);
	spin_lock(&e->object.lock);
	while (likely(nothing_queued(e))) {
		if (unlikely(!list_empty(&e->callers)) && e->ncalls < CALLS_MAX) {	/* others took the room */
			spin_unlock(&e->object.lock);
			s = entries_reserve(e);
			if (s)
				goto out;
			spin_lock(&e->object.lock);
			continue;
		}
		if (!deadline) {
			spin_unlock(&e->object.lock);
			s = E_TIMEDOUT;
			goto out;
		}
		w.bits = 0;
		waiter_add(&e->receivers, &w);
		thread_sleep_prepare();
		spin_unlock(&e->object.lock);
		s = thread_sleep_to(to, deadline, true);
		if (to)
			object_put(&to->object);
		to = NULL;
		if (likely(atomic_load(&w.woken) && w.bits == DELIVERED))
			return (int64_t)message(t)->token;
		spin_lock(&e->object.lock);
		if (!w.woken)
			list_remove(&w.link);
		else if (w.bits == DELIVERED) {
			spin_unlock(&e->object.lock);
			return (int64_t)message(t)->token;
		}
		if (s && nothing_queued(e)) {
			spin_unlock(&e->object.lock);
			return s;
		}
	}
	take_queued(e, t);
	s = 0;
out:
	if (to) {
		thread_wake(to);
		object_put(&to->object);
	}
	return s < 0 ? s : (int64_t)message(t)->token;
}

static status_t endpoint_get(handle_t h, struct endpoint **out)
{
	struct object *o;
	status_t s = handle_get(h, OBJ_ENDPOINT, RIGHT_RECEIVE, &o);

	if (!s)
		*out = container_of(o, struct endpoint, object);
	return s;
}

int64_t sys_ipc_recv(uint64_t h, uint64_t deadline)
{
	struct endpoint *e;
	int64_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	s = receive(e, NULL, deadline);
	object_put(&e->object);
	return s;
}

/* --- answering ---------------------------------------------------------------------------------------------------- */

/* With the lock: the answer in the current thread's utcb into the caller's, and the call is over. */
static void answer(struct endpoint *e, struct thread *c, const struct slot *caps, uint32_t ncaps)
{
	words_copy(message(c), message(current));
	for (uint32_t i = 0; i < ncaps; i++)
		c->call_caps[i] = caps[i];
	c->call_ncaps = ncaps;
	entry_give(e, c->call_index);
	atomic_store(&c->call_state, CALL_REPLIED);
}

/* *caller: whom to wake, with a reference. */
static status_t reply(struct endpoint *e, uint64_t token, struct thread **caller)
{
	struct ipc_message *m = message(current);
	uint32_t ncaps = __atomic_load_n(&m->ncaps, __ATOMIC_RELAXED), flags = m->cap_flags;
	handle_t handles[IPC_CAPS];
	struct slot caps[IPC_CAPS];
	struct thread *c;
	status_t s;

	REQUIRE(ncaps <= IPC_CAPS && m->inline_len <= IPC_INLINE, E_TOOBIG);
	if (unlikely(ncaps)) {
		memcpy(handles, m->caps, sizeof(handles));
		s = caps_gather(handles, ncaps, caps);
		REQUIRE(s == 0, s);
	}
	spin_lock(&e->object.lock);
	c = token_caller(e, token);
	if (likely(c)) {
		object_get(&c->object);
		answer(e, c, caps, ncaps);
	}
	spin_unlock(&e->object.lock);
	if (unlikely(!c)) {
		caps_drop(caps, ncaps);
		return E_GONE;
	}
	if (unlikely(ncaps)) {
		caps_moved(handles, ncaps, flags);
		m->ncaps = 0;
		m->cap_flags = 0;
	}
	*caller = c;
	return 0;
}

int64_t sys_ipc_reply(uint64_t h, uint64_t token)
{
	struct thread *caller = NULL;
	struct endpoint *e;
	status_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	s = reply(e, token, &caller);
	if (caller) {
		thread_wake(caller);
		object_put(&caller->object);
	}
	object_put(&e->object);
	return s;
}

/*
 * An answer that came too late is not an error here, the receive goes on: unless it carries capabilities, which
 * stay the server's (E_GONE, and nothing is received).
 */
int64_t sys_ipc_reply_recv(uint64_t h, uint64_t token, uint64_t deadline)
{
	uint32_t ncaps = message(current)->ncaps;
	struct thread *caller = NULL;
	struct endpoint *e;
	int64_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	s = reply(e, token, &caller);
	if (s == 0 || (s == E_GONE && !ncaps))
		s = receive(e, caller, deadline);
	object_put(&e->object);
	return s;
}

/*
 * Bulk data of a received call.  The buffer belongs to the caller, who may be killed while we copy; so a
 * piece at a time through the stack, the token checked for each.
 */
static int64_t bulk_copy(uint64_t h, uint64_t token, uint64_t offset, uint64_t buf, uint64_t len, bool in)
{
	uint8_t piece[512];
	struct endpoint *e;
	uint64_t done = 0;
	status_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	while (!s && done < len) {
		uint64_t n = MIN(len - done, sizeof(piece)), limit;
		struct thread *c;

		if (in && user_copy_in(piece, buf + done, n)) {
			s = E_FAULT;
			break;
		}
		spin_lock(&e->object.lock);
		c = token_caller(e, token);
		limit = !c ? 0 : in ? c->bulk_room : c->bulk_len;
		if (!c || offset + done >= limit) {
			s = c ? 0 : E_GONE;
			n = 0;
		} else {
			n = MIN(n, limit - offset - done);
			if (in) {
				memcpy((uint8_t *)c->bulk + offset + done, piece, n);
				c->bulk_got = MAX(c->bulk_got, (uint32_t)(offset + done + n));
			} else {
				memcpy(piece, (uint8_t *)c->bulk + offset + done, n);
			}
		}
		spin_unlock(&e->object.lock);
		if (!n)
			break;
		if (!in && user_copy_out(buf + done, piece, n)) {
			s = E_FAULT;
			break;
		}
		done += n;
	}
	object_put(&e->object);
	return s ? s : (int64_t)done;
}

int64_t sys_ipc_read(uint64_t h, uint64_t token, uint64_t offset, uint64_t buf, uint64_t len)
{
	REQUIRE(offset <= IPC_BULK_MAX, E_INVAL);
	return bulk_copy(h, token, offset, buf, len, false);
}

int64_t sys_ipc_write(uint64_t h, uint64_t token, uint64_t offset, uint64_t buf, uint64_t len)
{
	REQUIRE(offset <= IPC_BULK_MAX, E_INVAL);
	return bulk_copy(h, token, offset, buf, len, true);
}

/* --- the receiving task died ----------------------------------------------------------------------------------------- */

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
