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
		delay(DELAY_CANCEL);
		spin_lock(&e->object.lock);
		if (s && (t->call_state == CALL_QUEUED || (s == E_GONE && t->call_state == CALL_RECEIVED))) {
			call_end(e, t, s);
		} else if (s && !*cancelled && t->call_state == CALL_RECEIVED) {
			cancel_send(e, t);
			*cancelled = true;
		}
		thread_sleep_prepare();
		spin_unlock(&e->object.lock);
		if (atomic_load(&t->call_state) >= CALL_REPLIED) {
			thread_sleep_cancel();
			return t->call_state == CALL_REPLIED ? 0 : t->call_result;
		}
	}
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
static __attribute__((noinline)) status_t call_wait_leased(struct endpoint *e, struct thread *t,
	struct thread *server, uint64_t deadline, bool *cancelled)
{
	struct call_tie tie = { .tie.end = call_revoke, .caller = t };
	status_t s;

	tie_add(&tie.tie, t->op_lease);
	s = call_wait(e, t, server, deadline, cancelled);
	tie_remove(&tie.tie);
	return s ? s : lease_ended(t->op_lease) ? E_REVOKED : 0;
}

/*
 * With the lock: to a waiting receiver at once, or into the queue.  The receiver to wake, with a reference,
 * or NULL.  A call with capabilities is taken from the queue by the receiver, which installs them.  On a
 * closed endpoint the call is over, and the caller does not sleep.
 */
static struct thread *call_send(struct endpoint *e, struct thread *t)
{
	struct thread *server;
	struct waiter *w;
	int32_t index;

	t->call_endpoint = e;
	t->call_state = CALL_QUEUED;
	thread_sleep_prepare();
	if (unlikely(list_empty(&e->receivers.waiters))) {
		list_push_back(&e->callers, &t->call_link);
		if (unlikely(e->closed)) {
			call_end(e, t, E_GONE);
			thread_sleep_cancel();
		}
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
	return s;
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
	delay(DELAY_CALL);

	spin_lock(&d.endpoint->object.lock);
	server = call_send(d.endpoint, t);
	spin_unlock(&d.endpoint->object.lock);
	delay(DELAY_SENT);
	s = unlikely(t->op_lease) ? call_wait_leased(d.endpoint, t, server, deadline, &cancelled) :
	    call_wait(d.endpoint, t, server, deadline, &cancelled);
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
