/*
 * delay.h -- places where one CPU hands something to another, and a way to make each of them slow.
 *
 * A race is a window of a few instructions.  `delay=NAME:MICROSECONDS[,NAME:MICROSECONDS]` on the command
 * line of a kernel built with --enable-debug makes the named windows that long, every second time by chance,
 * so that either side comes first.  A point just before a native call does its work stands for the same
 * delay in the translator or in linuxd just before it makes the call.
 */
#ifndef KERNEL_DELAY_H
#define KERNEL_DELAY_H

#include "kernel.h"

#define DELAY_POINTS(X)	\
	X(CALL, "call")			/* ipc_call: before the call is queued; after the program's last latch test */ \
	X(SENT, "sent")			/* the call is queued or delivered, the caller is not asleep yet */ \
	X(CANCEL, "cancel")		/* the caller woke up early, the call is not taken back yet */ \
	X(RECEIVE, "receive")		/* the receiver is queued and not asleep yet */ \
	X(REPLY, "reply")		/* before the answer is given: the caller may be cancelled or killed */ \
	X(REPLIED, "replied")		/* answered, the caller is not woken yet */ \
	X(NOTICE, "notice")		/* before a notice is queued */ \
	X(PENDING, "pending")		/* thread_notify: before pending is published */ \
	X(MASK, "mask")			/* pending is published, the mask is not read yet */ \
	X(LATCH, "latch")		/* the latch is up, the thread is not woken yet */ \
	X(QUEUED, "queued")		/* a waiter is queued, its thread is not asleep yet */ \
	X(WOKEN, "woken")		/* a sleeper woke up, it has not looked why yet */ \
	X(FUTEX, "futex")		/* the same two, of a futex */ \
	X(TESTED, "tested")		/* latch and kill are tested, the thread is not asleep yet */ \
	X(ENQUEUED, "enqueued")		/* a thread is in another CPU's queue, which is not told yet */ \
	X(STOLEN, "stolen")		/* a thread is in no queue and does not run yet */ \
	X(IDLE, "idle")			/* nothing to run was found, the CPU does not halt yet */ \
	X(SUSPEND, "suspend")		/* marked to stop, not interrupted yet; about to stop, not asleep yet */ \
	X(RESUME, "resume")		/* the mark is gone, the thread is not woken yet */ \
	X(KILL, "kill")			/* marked to die, not woken yet */ \
	X(EXIT, "exit")			/* a thread on its way out still has its memory */ \
	X(FINISH, "finish")		/* a task has lost everything, its death is not told yet */ \
	X(CUT, "cut")			/* a pager has ended, some of its contents are still to be cut off */

enum delay_point {
#define X(point, name) DELAY_##point,
	DELAY_POINTS(X)
#undef X
	DELAY_COUNT
};

extern uint32_t delay_ns[DELAY_COUNT];
void delay_init(void);
void delay_run(enum delay_point point);

/* Under no lock but those whose waiters may spin that long. */
static inline void delay(enum delay_point point)
{
	if (DEBUG_DELAYS && unlikely(delay_ns[point]))
		delay_run(point);
}

#endif
