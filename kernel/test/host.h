/*
 * host.h -- the machine that host tests of kernel/mm run on: simulated RAM, one CPU, a small TLB.
 */
#ifndef KERNEL_TEST_HOST_H
#define KERNEL_TEST_HOST_H

#include "mm.h"
#include "race.h"
#include "thread.h"
#include <kernel/mm/local.h>
#include <lib/test/tap.h>

#define HOST_RAM (32ull << 20)

void host_init(void);			/* RAM, mm_init, a current thread in a task without a space */
struct vspace *host_space(void);	/* a fresh space; it becomes the current task's */
void host_use(struct vspace *vs);	/* switch the current task to it */

/* An access of the current task in user mode: by the TLB, else the tables, else a fault. */
status_t host_read(uint64_t addr, uint8_t *byte);
status_t host_write(uint64_t addr, uint8_t byte);
int host_byte(uint64_t addr);		/* read, or -1000 + error */
/* No TLB entry allows what the tables do not: else a flush is missing. */
bool host_tlb_true(void);

extern bool host_other_cpu;		/* pretend another CPU has every space loaded */
extern uint64_t host_flushes;
extern void (*host_preempt)(void);	/* runs once at the next preempt_point */
extern status_t (*host_sleep)(void);	/* what happens while the thread sleeps; its answer is thread_sleep's */
extern uint64_t host_time;
uint64_t host_free_pages(void);

/* The whole of a test: its cases hold, and leave no object, frame or charge behind. */
static inline int host_main(const struct tap_case *cases, unsigned count)
{
	uint64_t frames, objects = 0;
	int bad;

	host_init();
	frames = host_free_pages() + kmem_used_bytes() / PAGE_SIZE;
	bad = tap_run(cases, count);
	for (int type = 0; type < OBJ_TYPES; type++)
		objects += type == OBJ_VMO || type == OBJ_CONTENT || type == OBJ_VSPACE || type == OBJ_PAGER ?
			object_counts[type] : 0;
	if (objects == 0 && root_pool->used == 0 && zero_frame->refs == 1 &&
	    host_free_pages() + kmem_used_bytes() / PAGE_SIZE == frames)
		return bad;
	printf("Bail out! left behind: %ld objects, %ld bytes charged, %ld frames\n", (long)objects,
	       (long)root_pool->used, (long)(frames - host_free_pages() - kmem_used_bytes() / PAGE_SIZE));
	return 1;
}

#endif
