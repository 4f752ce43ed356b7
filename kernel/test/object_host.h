/*
 * object_host.h -- the machine that host tests of objects, IPC and the scheduler run on: one CPU, the real
 * scheduler over threads that are contexts of this process, a clock that stands still, user memory that is
 * the test's own.
 */
#ifndef KERNEL_TEST_OBJECT_HOST_H
#define KERNEL_TEST_OBJECT_HOST_H

#include "handle.h"
#include "mm.h"
#include "race.h"
#include "sched.h"
#include "syscalls.h"
#include "thread.h"
#include <lib/test/tap.h>

void host_init(void);			/* a task with both tables; the test itself runs as its idle thread */
struct thread *host_thread(void (*body)(void *), void *arg);	/* ready to run, with a reference */
void host_run(void);			/* until every thread sleeps or has ended */
void host_pass(uint64_t ns);		/* let time pass, then host_run */
void host_end(struct thread *t);	/* it must have ended; drops the reference */

extern uint64_t host_time;
extern int host_fail_after;		/* allocations that still succeed; negative: all */
extern uint64_t host_kmem_used, host_frames_used;	/* must return to where they were */
/* [lo, hi) of user memory is not resident: the quick copies stop there until it is faulted in */
extern uint64_t host_absent_lo, host_absent_hi;
extern bool host_absent_for_good;	/* faulting it in fails */
extern void (*host_on_fault)(void);	/* runs once when a page is brought in: no lock is held then */
extern void (*host_on_pause)(void);	/* runs once when a call lets others have their turn */
uint64_t host_objects(void);		/* live objects but threads */

/* Memory of the kernel's but that of the task's tables, which grow and never shrink. */
uint64_t host_kmem_beside_tables(void);

#define USER(p) ((uint64_t)(p))

/* The whole of a test: its cases hold, and leave no object, frame or memory behind. */
static inline int host_main(const struct tap_case *cases, unsigned count)
{
	uint64_t objects, threads, kmem;
	int bad;

	host_init();
	objects = host_objects();
	threads = object_counts[OBJ_THREAD];
	kmem = host_kmem_beside_tables();
	bad = tap_run(cases, count);
	host_pass(10000000);		/* what is put off is done */
	if (host_objects() == objects && object_counts[OBJ_THREAD] == threads && !host_frames_used &&
	    host_kmem_beside_tables() == kmem)
		return bad;
	printf("Bail out! left behind: %ld objects, %ld threads, %ld frames, %ld bytes\n",
	       (long)(host_objects() - objects), (long)(object_counts[OBJ_THREAD] - threads),
	       (long)host_frames_used, (long)(host_kmem_beside_tables() - kmem));
	return 1;
}

#endif
