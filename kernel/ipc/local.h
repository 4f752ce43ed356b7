/*
 * local.h -- what the files of ipc/ share: calls in progress, tokens, and the copy of a message.
 *
 * A message lies in the utcb of its sender; the receiver copies it from there while the sender sleeps.
 * The call in progress is a part of the calling thread (thread.call_*): nothing is allocated but the
 * bulk buffer.  A received call has an entry in the endpoint's table; token = generation << 32 | index+1.
 *
 * States:  queued -> received -> replied; only the endpoint's lock changes them.
 *          An interrupt takes a queued call back; of a received one the server is told by a notice and
 *          must still answer.  A killed caller leaves at once; answering then gives E_GONE.
 * Locks:   endpoint.lock.  No reference is dropped and no slot filled under it.
 */
#ifndef KERNEL_IPC_LOCAL_H
#define KERNEL_IPC_LOCAL_H

#include "ipc.h"

static inline struct ipc_message *message(struct thread *t) { return &t->arch.utcb->msg; }

/* --- endpoint.c --- */
status_t endpoint_get(handle_t h, struct endpoint **out);	/* of a RECEIVE capability, with a reference */
status_t endpoint_own(struct endpoint *e);	/* the current task receives from it now */
status_t entries_reserve(struct endpoint *e);	/* room for one more entry; no lock held */

/* --- notice.c --- */
void notice_done(struct notice *n, uint32_t kind);
void notice_accept(struct thread *t, struct notice *n);
void cancel_send(struct endpoint *e, struct thread *t);
void cancel_withdraw(struct endpoint *e, struct thread *t);

/* --- transfer.c --- */
status_t caps_gather(const handle_t *handles, uint32_t n, struct slot *out);
void caps_drop(struct slot *slots, uint32_t n);
void caps_moved(const handle_t *handles, uint32_t n, uint32_t flags);
void caps_install(struct slot *slots, uint32_t n, handle_t reserved, struct ipc_message *m);

/* --- bulk.c --- */
status_t bulk_gather(struct thread *t, uint64_t out, uint64_t out_len, uint64_t in_len);
void bulk_free(struct thread *t);

#define TOKEN_INDEX 0xffffffffull
#define DELIVERED 1		/* waiter.bits of a receiver: the message is there already */

/* --- calls in progress: endpoint.lock is held ------------------------------------------------------- */

static inline struct call_entry *entry_at(struct endpoint *e, uint32_t index)
{
	return &e->chunks[index / CALLS_CHUNK][index % CALLS_CHUNK];
}

/* With the lock.  The entry's index, or -1 when a chunk must be made first. */
static inline int32_t entry_take(struct endpoint *e)
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
static inline bool entry_ready(const struct endpoint *e)
{
	return e->free_call || (e->ncalls < CALLS_MAX && e->chunks[e->ncalls / CALLS_CHUNK]);
}

static inline void entry_give(struct endpoint *e, uint32_t index)
{
	struct call_entry *c = entry_at(e, index);

	c->caller = NULL;
	c->generation = (c->generation + 1) & INT32_MAX;	/* a token is never negative */
	c->next_free = e->free_call;
	e->free_call = index + 1;
	if (unlikely(e->ncalls == CALLS_MAX) && !list_empty(&e->callers))
		waitqueue_wake_one(&e->receivers, 0);
}

/* The call is over without an answer; the caller is to be woken. */
static inline void call_end(struct endpoint *e, struct thread *caller, status_t why)
{
	if (caller->call_state == CALL_QUEUED)
		list_remove(&caller->call_link);
	else
		entry_give(e, caller->call_index);
	caller->call_result = why;
	atomic_store(&caller->call_state, CALL_ENDED);
}

/* With the lock: the sleeping caller of a token, or NULL. */
static inline struct thread *token_caller(struct endpoint *e, uint64_t token)
{
	uint64_t index = (token & TOKEN_INDEX) - 1;
	struct call_entry *c;

	if (index >= e->ncalls)
		return NULL;
	c = entry_at(e, (uint32_t)index);
	return c->caller && c->generation == token >> 32 ? c->caller : NULL;
}

static inline uint64_t token_of(struct endpoint *e, uint32_t index)
{
	return (uint64_t)entry_at(e, index)->generation << 32 | (index + 1);
}

/* --- the copy of a message ---------------------------------------------------------------------------- */

static inline void words_copy(struct ipc_message *to, const struct ipc_message *from)
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
static inline void deliver(struct endpoint *e, struct thread *caller, struct thread *server, uint32_t index)
{
	struct ipc_message *to = message(server);
	struct call_entry *c = entry_at(e, index);

	c->caller = caller;
	c->server = server->task;
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

#define TOKEN_INDEX 0xffffffffull
#define DELIVERED 1		/* waiter.bits: the message is there already */

#endif
