/*
 * child.h -- a second task running a function of the same program, for benchmarks and tests.
 */
#ifndef PROGRAMS_CHILD_H
#define PROGRAMS_CHILD_H

#include <lib/rt/ipc.h>

struct child {
	handle_t pool, task;
};

/*
 * A task with a copy of the caller's address space, an empty table and no thread, paid by a pool of its
 * own of at most limit_bytes.  Its end and its faults are notices to notify (H_NONE: nobody is told).  It
 * sees memory as it is now; the program must have one thread only, on its block's stack.
 */
status_t child_create(struct child *c, uint64_t limit_bytes, handle_t notify, uint64_t badge);
int64_t child_give(const struct child *c, handle_t h);	/* the handle in the child */
/* Run entry(arg, arg2) there; the task ends with code 0 when it returns. */
status_t child_run(const struct child *c, void (*entry)(uint64_t, uint64_t), uint64_t arg, uint64_t arg2);
void child_drop(struct child *c);			/* kills it, if it lives */

#endif
