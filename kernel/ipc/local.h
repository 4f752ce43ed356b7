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
status_t endpoint_own(struct endpoint *e);	/* the current task receives from it now */
status_t entries_reserve(struct endpoint *e);	/* room for one more entry; no lock held */

/* --- receive.c --- */
status_t endpoint_get(handle_t h, struct endpoint **out);	/* of a RECEIVE capability, with a reference */

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

/* Will entry_take find one? */
static inline bool entry_ready(const struct endpoint *e)
{
	return e->free_call || (e->ncalls < CALLS_MAX && e->chunks[e->ncalls / CALLS_CHUNK]);
}

struct call_entry *entry_new(struct endpoint *e);	/* endpoint.c: a first use; NULL: no chunk */

/* An entry, or NULL when a chunk must be made first. */
static inline struct call_entry *entry_take(struct endpoint *e)
{
	struct call_entry *c = e->free_call;

	if (unlikely(!c))
		return entry_new(e);
	e->free_call = c->next_free;
	return c;
}

static inline void entry_give(struct endpoint *e, struct call_entry *c)
{
	c->caller = NULL;
	c->token = (c->token + (1ull << 32)) & INT64_MAX;	/* a token is never negative */
	c->next_free = e->free_call;
	e->free_call = c;
	if (unlikely(e->ncalls == CALLS_MAX) && !list_empty(&e->callers))
		waitqueue_wake_one(&e->receivers, 0);
}

/* The call is over without an answer; the caller is to be woken. */
static inline void call_end(struct endpoint *e, struct thread *caller, status_t why)
{
	if (caller->call_state == CALL_QUEUED)
		list_remove(&caller->call_link);
	else
		entry_give(e, caller->call_entry);
	caller->call_result = why;
	atomic_store(&caller->call_state, CALL_ENDED);
}

/* The sleeping caller of a token, or NULL. */
static inline struct thread *token_caller(struct endpoint *e, uint64_t token)
{
	uint64_t index = (token & TOKEN_INDEX) - 1;
	struct call_entry *c;

	if (unlikely(index >= e->ncalls))
		return NULL;
	c = entry_at(e, (uint32_t)index);
	return likely(c->token == token) ? c->caller : NULL;
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

/* What a call came through, as its receiver is told. */
struct route {
	uint64_t badge;
	uint32_t via, access;
};

/* The call of a sleeping caller into the server's utcb, under an entry that was taken. */
static inline void deliver(struct call_entry *c, struct thread *caller, struct thread *server, const struct route *r)
{
	struct ipc_message *to = message(server);

	c->caller = caller;
	c->server = server->task;
	caller->call_entry = c;
	caller->call_state = CALL_RECEIVED;
	words_copy(to, message(caller));
	to->bulk_out_len = caller->bulk_len;
	to->bulk_in_len = caller->bulk_room;
	to->token = c->token;
	to->sender_badge = caller->task->badge;
	to->sender_thread = caller->number;
	to->badge = r->badge;
	to->via = r->via;
	to->descriptor_access = r->access;
	to->ncaps = 0;
	server->effective = MAX(server->priority, caller->effective);
}

#endif
