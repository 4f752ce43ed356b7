/*
 * robust.c -- robust futexes of a process that is killed: whoever locks one next hears that its owner died.
 *
 * The translator walks the list of a thread that exits; of one that is killed linuxd does, before the
 * kill, through the Task.  The list is the program's memory: bounded, anything odd ends the walk, and only
 * words that hold the dying thread's id are changed.  The main thread's list alone is known here (the
 * translator leaves its head in utcb.user[TU_START], which has no other use once the thread runs).
 * Sleepers are not woken: there is no native call for a futex of another space.
 *
 * Fails:   quietly; a page that is not resident ends the walk.
 * Conforms: get_robust_list(2).
 * Tested:  tests/linux/thread.c
 */
#include "process.h"

#define FUTEX_WAITERS		0x80000000u
#define FUTEX_OWNER_DIED	0x40000000u
#define FUTEX_TID_MASK		0x3fffffffu
#define ENTRIES_MAX		2048

static bool load(handle_t task, uint64_t at, void *to, uint64_t len)
{
	return tess_task_read(task, at, to, len) == (int64_t)len;
}

static void word_release(handle_t task, uint64_t at, uint32_t tid)
{
	uint32_t value;

	if (at & 3 || !load(task, at, &value, sizeof(value)) || (value & FUTEX_TID_MASK) != tid)
		return;
	value = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	tess_task_write(task, at, &value, sizeof(value));
}

void robust_release(struct process *p)
{
	struct { uint64_t entry, offset, pending; } list;
	const struct image *i = p->image;
	uint64_t head;

	if (!i || !load(i->task, i->block + offsetof(struct utcb, user) + 8 * TU_START, &head, sizeof(head)) ||
	    head < PAGE_SIZE || !load(i->task, head, &list, sizeof(list)))
		return;
	for (int n = 0; n < ENTRIES_MAX && (list.entry & ~1ull) != head; n++) {
		uint64_t at = list.entry & ~1ull;

		if (!load(i->task, at, &list.entry, sizeof(list.entry)))
			break;
		if (at != (list.pending & ~1ull))
			word_release(i->task, at + list.offset, p->pid);
	}
	if (list.pending)
		word_release(i->task, (list.pending & ~1ull) + list.offset, p->pid);
}
