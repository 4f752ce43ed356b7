/*
 * ipc.h -- the calling thread's utcb and its message, and small helpers over ipc_call and ipc_recv.
 */
#ifndef LIB_RT_IPC_H
#define LIB_RT_IPC_H

#include <lib/rt/rt.h>

/* Not NULL: the program's only thread runs on a stack outside its block, and this is its utcb. */
extern struct utcb *rt_single_utcb;

static inline struct utcb *utcb(void)
{
	uint64_t rsp;

	if (rt_single_utcb)
		return rt_single_utcb;
	__asm__ volatile("mov %%rsp, %0" : "=r"(rsp));
	return (struct utcb *)(rsp & ~(BLOCK_SIZE - 1));
}

/* The message, emptied: words[0] = op, no payload, no capabilities, no bulk. */
static inline struct ipc_message *ipc_begin(uint64_t op)
{
	struct ipc_message *m = &utcb()->msg;

	m->words[0] = op;
	for (int i = 1; i < IPC_WORDS; i++)
		m->words[i] = 0;
	m->inline_len = 0;
	m->ncaps = 0;
	m->cap_flags = 0;
	m->reserved_slot = H_NONE;
	m->bulk_out = m->bulk_out_len = 0;
	m->bulk_in = m->bulk_in_len = 0;
	return m;
}

/* Inline payload, appended; false when it does not fit. */
static inline bool ipc_put(struct ipc_message *m, const void *data, uint32_t len)
{
	if (len > IPC_INLINE - m->inline_len)
		return false;
	memcpy(m->inline_data + m->inline_len, data, len);
	m->inline_len += len;
	return true;
}

/* A capability, copied (or moved out of our table); false when there are IPC_CAPS already. */
static inline bool ipc_put_cap(struct ipc_message *m, handle_t cap, bool move)
{
	if (m->ncaps >= IPC_CAPS)
		return false;
	if (move)
		m->cap_flags |= 1u << m->ncaps;
	m->caps[m->ncaps++] = cap;
	return true;
}

/* The whole of a call without payload: words[0] of the reply, or an E_ in *status. */
static inline status_t ipc_call_words(handle_t endpoint, uint64_t op, uint64_t w1, uint64_t w2,
				      uint64_t deadline_ns, int64_t *answer)
{
	struct ipc_message *m = ipc_begin(op);
	status_t status;

	m->words[1] = w1;
	m->words[2] = w2;
	status = tess_ipc_call(endpoint, deadline_ns);
	if (status >= 0 && answer)
		*answer = (int64_t)m->words[0];
	return status;
}

#endif
