/*
 * receive.c -- the server's side: wait for a call or a notice, and answer.
 *
 * Locks:   endpoint.lock while a call is taken or answered.
 * Fails:   E_GONE (the caller died), E_NOMEM (no room for one more call), E_TIMEDOUT, E_INTERRUPTED.
 * Tested:  kernel/test/ipc_test.c, programs/ipcbench, programs/selftest, tests/linux.
 */
#include "local.h"
#include "lease.h"
#include "sched.h"
#include "syscalls.h"
#include "delay.h"

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
	s = endpoint_own(e);
	if (s)
		goto out;
	spin_lock(&e->object.lock);
	while (likely(nothing_queued(e))) {
		if (unlikely(e->closed)) {
			spin_unlock(&e->object.lock);
			s = E_GONE;
			goto out;
		}
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
		delay(DELAY_RECEIVE);
		s = unlikely(t->op_lease) ? lease_sleep(&w, &e->object.lock, to, deadline, true) :
		    thread_sleep_to(to, deadline, true);
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
		} else if (w.status) {			/* its capability went, or the lease of that */
			spin_unlock(&e->object.lock);
			return w.status;
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

int64_t sys_ipc_recv(uint64_t h, uint64_t deadline)
{
	struct endpoint *e;
	int64_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	s = receive(e, NULL, deadline);
	object_put(&e->object);
	return s;
}

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
	delay(DELAY_REPLY);
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
	delay(DELAY_REPLIED);
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
