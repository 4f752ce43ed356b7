/*
 * call.c -- ipc_call: send a message and sleep until it is answered.
 *
 * Locks:   endpoint.lock while the call is queued, handed over or taken back.
 * Fails:   E_TYPE, E_RIGHTS, E_TIMEDOUT, E_INTERRUPTED, E_REVOKED; E_GONE when the server died.
 * Tested:  kernel/test/ipc_test.c, programs/ipcbench, programs/selftest, tests/linux.
 */
#include "local.h"
#include "descriptor.h"
#include "lease.h"
#include "mm.h"
#include "sched.h"
#include "syscalls.h"
#include "delay.h"

struct destination {
	struct object *object;		/* what the handle named, with a reference: keeps the endpoint alive */
	struct endpoint *endpoint;
	struct route route;
};

/* Why destination_get found nothing. */
static __attribute__((noinline)) status_t destination_error(handle_t h)
{
	struct object *o;
	status_t s = handle_get(h, OBJ_NONE, 0, &o);

	REQUIRE(s == 0, s);
	s = o->type == OBJ_ENDPOINT ? E_RIGHTS : o->type == OBJ_DESCRIPTOR ? E_NOTTY : E_TYPE;
	object_put(o);
	return s;
}

/* With the table's lock: the endpoint of a slot, or NULL. */
static inline struct endpoint *slot_route(const struct slot *slot, struct route *r)
{
	struct descriptor *d;

	r->badge = slot->badge;
	r->via = IPC_VIA_ENDPOINT;
	r->access = 0;
	if (slot->object->type == OBJ_ENDPOINT)
		return slot->rights & RIGHT_CALL ? container_of(slot->object, struct endpoint, object) : NULL;
	if (slot->object->type != OBJ_DESCRIPTOR)
		return NULL;
	d = container_of(slot->object, struct descriptor, object);
	r->badge = d->cookie;
	r->via = IPC_VIA_DESCRIPTOR;
	r->access = d->flags;
	return d->endpoint;
}

/* E_HANDLE, E_TYPE, E_RIGHTS, E_NOTTY, E_REVOKED. */
static inline status_t destination_get(handle_t h, struct destination *d)
{
	struct table *t = h & HANDLE_TASK_TABLE ? current->task->handles : current->table;
	uint32_t i = h & ~HANDLE_TASK_TABLE;
	const struct slot *slot;
	status_t s = 0;

	d->endpoint = NULL;
	spin_lock(&t->object.lock);
	if (likely(i < t->capacity && t->slots[i].object)) {
		slot = &t->slots[i];
		if (unlikely(slot->lease))
			s = lease_ended(slot->lease) ? E_REVOKED : operation_under(slot->lease);
		if (likely(!s))
			d->endpoint = slot_route(slot, &d->route);
		if (likely(d->endpoint)) {
			d->object = slot->object;
			object_get(d->object);
		}
	}
	spin_unlock(&t->object.lock);
	return likely(d->endpoint) ? 0 : s ? s : destination_error(h);
}

/* --- waiting for the answer ---------------------------------------------------------------------------- */

/*
 * Awake, and the call is not answered: until it is over.  0, or an error with the call gone.  s: what the
 * sleep said; no lock held.
 */
static __attribute__((noinline)) status_t call_wait(struct endpoint *e, struct thread *t, status_t s, uint64_t deadline)
{
	bool cancelled = false;		/* a notice was sent */

	while (atomic_load(&t->call_state) != CALL_REPLIED) {
		delay(DELAY_CANCEL);
		spin_lock(&e->object.lock);
		if (s && (t->call_state == CALL_QUEUED || (s == E_GONE && t->call_state == CALL_RECEIVED))) {
			call_end(e, t, s);
		} else if (s && !cancelled && t->call_state == CALL_RECEIVED) {
			cancel_send(e, t);
			cancelled = true;
		}
		thread_sleep_prepare();
		spin_unlock(&e->object.lock);
		if (atomic_load(&t->call_state) >= CALL_REPLIED) {
			thread_sleep_cancel();
			break;
		}
		s = thread_sleep(cancelled ? DEADLINE_NEVER : deadline, !cancelled);
	}
	if (cancelled)
		cancel_withdraw(e, t);
	return t->call_state == CALL_REPLIED ? 0 : t->call_result;
}

/* The call is sent: hand the CPU to server (NULL: nobody is to be handed it) and wait. */
static inline status_t call_sleep(struct endpoint *e, struct thread *t, struct thread *server, uint64_t deadline)
{
	if (likely(deadline == DEADLINE_NEVER))
		thread_hand_over(server);
	else
		thread_sleep_claimed(server, deadline, true);
	if (likely(atomic_load(&t->call_state) == CALL_REPLIED))
		return 0;
	return call_wait(e, t, thread_awake_why(), deadline);
}

struct call_tie {
	struct tie tie;
	struct thread *caller;
};

/* The lease of the capability has ended: the call is taken back; a server that has received it finds it gone. */
static void call_revoke(struct tie *tie)
{
	struct thread *t = container_of(tie, struct call_tie, tie)->caller;
	struct endpoint *e = t->call_endpoint;

	spin_lock(&e->object.lock);
	if (t->call_state == CALL_QUEUED || t->call_state == CALL_RECEIVED)
		call_end(e, t, E_REVOKED);
	spin_unlock(&e->object.lock);
	thread_wake(t);
}

/* What the answer brings counts no more when the lease ended before the caller could look. */
static __attribute__((noinline)) status_t call_sleep_leased(struct endpoint *e, struct thread *t,
							    struct thread *server, uint64_t deadline)
{
	struct call_tie tie = { .tie.end = call_revoke, .caller = t };
	status_t s;

	tie_add(&tie.tie, t->op_lease);
	s = call_sleep(e, t, server, deadline);
	tie_remove(&tie.tie);
	return s ? s : lease_ended(t->op_lease) ? E_REVOKED : 0;
}

/* --- sending --------------------------------------------------------------------------------------------- */

/*
 * With the lock: the receiver is off the queue; claimed, or NULL.  Until woken is set it needs the lock to go
 * on, so w and the thread are there; afterwards w may be gone.
 */
static inline struct thread *receiver_claim(struct waiter *w)
{
	struct thread *server = thread_claim(w->thread);

	list_remove(&w->link);
	w->status = 0;
	__atomic_store_n(&w->woken, true, __ATOMIC_RELEASE);
	return server;
}

/*
 * With the lock: into the queue, and a receiver is woken to take it.  A call with capabilities always goes
 * this way: the receiver installs them.  On a closed endpoint the call is over, and the caller does not sleep.
 */
static __attribute__((noinline)) struct thread *call_queue(struct endpoint *e, struct thread *t, const struct route *r)
{
	struct thread *server = NULL;

	t->call_badge = r->badge;
	t->call_via = r->via;
	t->call_access = r->access;
	list_push_back(&e->callers, &t->call_link);
	if (unlikely(e->closed)) {
		call_end(e, t, E_GONE);
		thread_sleep_cancel();
	} else if (!list_empty(&e->receivers.waiters)) {
		struct waiter *w = list_entry(e->receivers.waiters.next, struct waiter, link);

		server = receiver_claim(w);
	}
	return server;
}

/*
 * With the lock: straight to a waiting receiver, whom the caller then hands its CPU; or into the queue.  The
 * server that was claimed, or NULL.
 */
static inline struct thread *call_send(struct endpoint *e, struct thread *t, const struct route *r)
{
	struct waiter *w = list_entry(e->receivers.waiters.next, struct waiter, link);
	struct call_entry *c;

	t->call_endpoint = e;
	t->call_state = CALL_QUEUED;
	thread_sleep_prepare();
	if (unlikely(t->call_ncaps || list_empty(&e->receivers.waiters) || !list_empty(&e->callers) ||
		     !list_empty(&e->notices) || !(c = entry_take(e))))
		return call_queue(e, t, r);
	deliver(c, t, w->thread, r);
	w->bits = DELIVERED;
	return receiver_claim(w);
}

/* Send what the thread has gathered, and wait. */
static inline status_t call_run(struct thread *t, const struct destination *d, uint64_t deadline)
{
	struct endpoint *e = d->endpoint;
	struct thread *server;

	delay(DELAY_CALL);
	spin_lock(&e->object.lock);
	server = call_send(e, t, &d->route);
	spin_unlock(&e->object.lock);
	delay(DELAY_SENT);
	if (unlikely(t->op_lease))
		return call_sleep_leased(e, t, server, deadline);
	return call_sleep(e, t, server, deadline);
}

/* The answer's words are in place already. */
static inline void answer_take(struct thread *t, struct ipc_message *m, handle_t reserved)
{
	if (unlikely(t->call_ncaps)) {
		caps_install(t->call_caps, t->call_ncaps, reserved, m);
		t->call_ncaps = 0;
	} else {
		m->ncaps = 0;
	}
	m->bulk_in_len = t->bulk_got;
}

/* With bulk data or capabilities. */
static __attribute__((noinline)) int64_t call_loaded(handle_t h, uint64_t deadline)
{
	struct thread *t = current;
	struct ipc_message *m = message(t);
	uint32_t ncaps = __atomic_load_n(&m->ncaps, __ATOMIC_RELAXED), cap_flags = m->cap_flags;
	uint64_t bulk_in = m->bulk_in, bulk_out_len = m->bulk_out_len, bulk_in_len = m->bulk_in_len;
	handle_t reserved = m->reserved_slot, handles[IPC_CAPS];
	struct destination d;
	status_t s;

	REQUIRE(ncaps <= IPC_CAPS && m->inline_len <= IPC_INLINE, E_TOOBIG);
	s = destination_get(h, &d);
	REQUIRE(s == 0, s);
	if (ncaps) {
		memcpy(handles, m->caps, sizeof(handles));
		s = caps_gather(handles, ncaps, t->call_caps);
		if (s)
			goto drop_object;
	}
	t->call_ncaps = ncaps;
	if (bulk_out_len | bulk_in_len) {
		s = bulk_gather(t, m->bulk_out, bulk_out_len, bulk_in_len);
		if (s)
			goto drop_caps;
	}
	s = call_run(t, &d, deadline);
	if (!s) {
		caps_moved(handles, ncaps, cap_flags);
		answer_take(t, m, reserved);
		if (t->bulk_got && user_copy_out(bulk_in, t->bulk, t->bulk_got))
			s = E_FAULT;
	}
	bulk_free(t);
drop_caps:
	caps_drop(t->call_caps, t->call_ncaps);
	t->call_ncaps = 0;
drop_object:
	object_put(d.object);
	return s;
}

/*
 * Between calls a thread has neither capabilities nor a bulk buffer (call_ncaps, bulk*, all 0), so a call
 * without them touches none of that.
 */
int64_t sys_ipc_call(uint64_t h, uint64_t deadline)
{
	struct thread *t = current;
	struct ipc_message *m = message(t);
	struct destination d;
	status_t s;

	if (unlikely(m->ncaps | m->bulk_out_len | m->bulk_in_len || m->inline_len > IPC_INLINE))
		return call_loaded((handle_t)h, deadline);
	s = destination_get((handle_t)h, &d);
	REQUIRE(s == 0, s);
	s = call_run(t, &d, deadline);
	if (likely(!s))
		answer_take(t, m, m->reserved_slot);
	else if (t->call_ncaps) {		/* an answer that came too late for the lease */
		caps_drop(t->call_caps, t->call_ncaps);
		t->call_ncaps = 0;
	}
	object_put(d.object);
	return s;
}
