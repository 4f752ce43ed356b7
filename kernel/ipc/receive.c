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

	deliver(entry_take(e), caller, t,
		&(struct route){ caller->call_badge, caller->call_via, caller->call_access });
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
 * With the lock, which it drops: wait in the endpoint's queue.  claimed: whom to hand the CPU to, or NULL.
 * thread_awake_why says what ended it.
 */
static inline void queue_and_sleep(struct endpoint *e, struct waiter *w, struct thread *claimed, uint64_t deadline)
{
	w->bits = 0;
	waiter_add(&e->receivers, w);
	thread_sleep_prepare();
	spin_unlock(&e->object.lock);
	delay(DELAY_RECEIVE);
	if (unlikely(current->op_lease))
		lease_sleep(w, &e->object.lock, claimed, deadline, true);
	else if (likely(deadline == DEADLINE_NEVER))
		thread_hand_over(claimed);
	else
		thread_sleep_claimed(claimed, deadline, true);
}

static inline bool delivered(const struct waiter *w)
{
	return __atomic_load_n(&w->woken, __ATOMIC_ACQUIRE) && w->bits == DELIVERED;
}

/* Awake: true when the wait is over, with the result in *result. */
static __attribute__((noinline)) bool wait_over(struct endpoint *e, struct waiter *w, int64_t *result)
{
	status_t s = thread_awake_why();
	bool over;

	spin_lock(&e->object.lock);
	if (!w->woken)
		list_remove(&w->link);
	if (w->woken && w->bits == DELIVERED) {
		*result = (int64_t)message(current)->token;
		over = true;
	} else {			/* status: its capability went, or the lease of that */
		*result = w->woken && w->status ? w->status : s;
		over = (w->woken && w->status) || (s && nothing_queued(e));
	}
	spin_unlock(&e->object.lock);
	return over;
}

/*
 * Wait for a call or a notice.  claimed: the caller that was just answered, to hand the CPU to if there is
 * nothing to do, or NULL.
 */
static int64_t receive(struct endpoint *e, struct thread *claimed, uint64_t deadline)
{
	struct thread *t = current;
	struct waiter w;
	int64_t result = endpoint_own(e);

	while (!result) {
		result = entries_reserve(e);
		if (result)
			break;
		spin_lock(&e->object.lock);
		if (!nothing_queued(e)) {
			take_queued(e, t);
			result = (int64_t)message(t)->token;
			break;
		}
		if (unlikely(!list_empty(&e->callers) && e->ncalls < CALLS_MAX)) {	/* others took the room */
			spin_unlock(&e->object.lock);
			continue;
		}
		if (e->closed || !deadline) {
			result = e->closed ? E_GONE : E_TIMEDOUT;
			spin_unlock(&e->object.lock);
			break;
		}
		queue_and_sleep(e, &w, claimed, deadline);
		if (wait_over(e, &w, &result))
			return result;
		claimed = NULL;
		result = 0;
	}
	if (claimed)
		thread_unclaim(claimed);
	return result;
}

status_t endpoint_get(handle_t h, struct endpoint **out)
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

/* --- answering --------------------------------------------------------------------------------------------- */

/*
 * With the lock: the answer in the current thread's utcb into the caller's, and the call is over.  The caller is
 * claimed, or NULL comes back and it is woken.  Until the call is over it needs the lock to go on, so it cannot
 * have ended before that.
 */
static inline struct thread *answer(struct endpoint *e, struct thread *c, const struct slot *caps, uint32_t ncaps,
				    bool claim)
{
	struct thread *claimed = NULL;

	words_copy(message(c), message(current));
	for (uint32_t i = 0; i < ncaps; i++)
		c->call_caps[i] = caps[i];
	c->call_ncaps = ncaps;
	entry_give(e, c->call_entry);
	if (claim)
		claimed = thread_claim(c);
	else
		thread_wake(c);
	__atomic_store_n(&c->call_state, CALL_REPLIED, __ATOMIC_RELEASE);
	return claimed;
}

/* claim: the caller's thread is claimed into *claimed instead of woken.  E_GONE when it is not there. */
static status_t reply(struct endpoint *e, uint64_t token, bool claim, struct thread **claimed)
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
	if (likely(c))
		*claimed = answer(e, c, caps, ncaps, claim);
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
	delay(DELAY_REPLIED);
	return 0;
}

int64_t sys_ipc_reply(uint64_t h, uint64_t token)
{
	struct thread *none;
	struct endpoint *e;
	status_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	s = reply(e, token, false, &none);
	object_put(&e->object);
	return s;
}

/*
 * The common case under one hold of the lock: answer without capabilities, find nothing queued, and hand the CPU
 * to the caller.  false: it is not that case, and nothing was done.
 */
static inline bool reply_and_wait(struct endpoint *e, uint64_t token, uint64_t deadline, int64_t *result)
{
	struct ipc_message *m = message(current);
	struct waiter w;
	struct thread *c;

	if (unlikely(m->ncaps || m->inline_len > IPC_INLINE || !deadline ||
		     e->owner_koid != current->task->object.koid))
		return false;
	delay(DELAY_REPLY);
	spin_lock(&e->object.lock);
	c = token_caller(e, token);
	if (unlikely(!c || !list_empty(&e->notices) || !list_empty(&e->callers) || e->closed)) {
		spin_unlock(&e->object.lock);
		return false;
	}
	queue_and_sleep(e, &w, answer(e, c, NULL, 0, true), deadline);
	if (likely(delivered(&w)))
		*result = (int64_t)m->token;
	else if (!wait_over(e, &w, result))
		*result = receive(e, NULL, deadline);
	return true;
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
	if (unlikely(!reply_and_wait(e, token, deadline, &s))) {
		s = reply(e, token, true, &caller);
		if (s == 0 || (s == E_GONE && !ncaps))
			s = receive(e, caller, deadline);
	}
	object_put(&e->object);
	return s;
}
