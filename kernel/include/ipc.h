/*
 * ipc.h -- endpoints: synchronous calls and notices.
 */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include "object.h"
#include "thread.h"

enum call_state { CALL_NONE, CALL_QUEUED, CALL_RECEIVED, CALL_REPLIED };

#define CALLS_CHUNK 64
#define CALLS_CHUNKS 64
#define CALLS_MAX (CALLS_CHUNK * CALLS_CHUNKS)

struct call_entry {			/* one call that was received and not yet answered */
	struct thread *caller;		/* NULL: free or the caller died */
	uint32_t generation;
	uint32_t next_free;
};

struct endpoint {
	struct object object;		/* lock: RANK_ENDPOINT, guards all */
	struct list callers;		/* of struct thread by call_link: queued */
	struct waitqueue receivers;
	struct list notices;
	struct call_entry *chunks[CALLS_CHUNKS];
	uint32_t ncalls, free_call;	/* entries made; first free + 1 */
	struct task *owner;		/* the task that received last; NULL once it is dead */
	uint64_t owner_koid;		/* its, or 0 */
	struct list owner_link;		/* in its list of endpoints */
};

/* The task is gone: calls that it held end with E_GONE. */
void endpoints_disown(struct task *k);
void endpoint_kick(struct endpoint *e);	/* wake a receiver for notices that were put off */

#endif
