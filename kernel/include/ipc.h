/*
 * ipc.h -- endpoints: synchronous calls and notices.
 */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include "object.h"
#include "thread.h"

/* over from CALL_REPLIED on; CALL_ENDED: without an answer, thread.call_result says why */
enum call_state { CALL_NONE, CALL_QUEUED, CALL_RECEIVED, CALL_REPLIED, CALL_ENDED };

#define CALLS_CHUNK 64
#define CALLS_CHUNKS 64
#define CALLS_MAX (CALLS_CHUNK * CALLS_CHUNKS)

struct call_entry {			/* one call that was received and not yet answered */
	struct thread *caller;		/* NULL: free or the caller died */
	struct task *server;		/* whose thread received it; only compared */
	uint64_t token;			/* of this use: generation << 32 | index + 1 */
	struct call_entry *next_free;
};

struct endpoint {
	struct object object;		/* lock: RANK_ENDPOINT, guards all */
	struct list callers;		/* of struct thread by call_link: queued */
	struct waitqueue receivers;
	struct list notices;
	struct call_entry *chunks[CALLS_CHUNKS];
	uint32_t ncalls;		/* entries made */
	struct call_entry *free_call;
	uint32_t holders;		/* capabilities to receive, in tables and on their way; atomic */
	bool closed;			/* there are none: nobody will ever receive again */
	uint64_t owner_koid;		/* of the task that received last, or 0 */
	struct list servers;		/* every task that has received; see endpoint.c */
};

/* One more capability to receive, made from another; one less.  With the last one all that waits is over. */
static inline void endpoint_hold(struct endpoint *e) { atomic_add(&e->holders, 1); }
void endpoint_unhold(struct endpoint *e);	/* no lock held */

/* Does it receive from the endpoint of that koid?  Then it may learn the cookies that were given out there. */
bool task_serves(struct task *k, uint64_t endpoint_koid);

/* The task is gone: calls that it held end with E_GONE. */
void endpoints_disown(struct task *k);
void endpoint_kick(struct endpoint *e);	/* wake a receiver for notices that were put off */

#endif
