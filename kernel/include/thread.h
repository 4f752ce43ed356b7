/*
 * thread.h -- threads, tasks, and how a thread sleeps and is woken.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "cputime.h"
#include "object.h"
#include "handle.h"
#include "list.h"
#include "timer.h"
#include "arch_thread.h"

struct vspace;
struct frame;
struct endpoint;

enum thread_state {
	TS_RUNNING,		/* on a CPU */
	TS_READY,		/* in a run queue */
	TS_PREPARED,		/* on a CPU, about to sleep: a wake makes it TS_RUNNING */
	TS_BLOCKED,
	TS_NEW,			/* created, not started */
	TS_DEAD
};

enum thread_work {		/* looked at before returning to user mode */
	WORK_KILL = 1, WORK_SUSPEND = 2, WORK_RESCHEDULE = 4,
	WORK_LEASE = 8,		/* the operation came through a leased capability (lease.h) */
};

/* A notice waits in its endpoint's queue; it is embedded in what it speaks of: never allocated. */
struct notice {
	struct list link;
	uint32_t kind;			/* enum ipc_via; 0: not queued */
	uint64_t badge, words[4];
};

struct thread {
	struct object object;
	struct task *task;
	uint32_t number;		/* in its task */
	struct list task_link;

	/* the arch part: kernel stack pointer, fpu, segment bases, upcall window, utcb (entry.S) */
	struct arch_thread arch;

	/* running; guarded by thread.object.lock (RANK_THREAD) */
	enum thread_state state;
	uint8_t priority, floor, effective;
	uint16_t cpu;			/* where it ran last; whose queue it is in */
	int16_t level;			/* the priority it is queued at, or LEVEL_NONE; the run queue's lock */
	uint32_t weight, rate;		/* rate: virtual by real time, 16.16 */
	uint64_t affinity;
	uint64_t slice_end_ns, vtime;
	struct list run_link;
	struct tree_node run_node;
	struct ktimer timeout;
	bool timed_out;

	struct cputime time;		/* the CPU that runs it writes; told_*: object.lock */
	uint64_t last_ns;		/* when it was charged last */
	struct table *table;		/* its descriptors */
	struct frame *utcb_frame;
	uint64_t block;			/* user address of its block */
	uint64_t clear_word;
	uint64_t args_flags;
	bool suspend_new;
	uint32_t release_depth;		/* object_release's */
	struct object *release_later;
	uint64_t start_rip, start_rsp, start_arg;

	/* IPC: the one call in progress (ipc/call.c) */
	struct endpoint *call_endpoint;
	struct call_entry *call_entry;	/* once received */
	uint32_t call_state, call_via, call_access;
	uint64_t call_badge;
	status_t call_result;
	void *bulk;			/* kernel buffer of the call */
	uint32_t bulk_len, bulk_room, bulk_got;
	struct slot call_caps[IPC_CAPS];
	uint32_t call_ncaps;
	struct notice cancel, fault;
	struct list call_link;
	struct lease *op_lease;		/* of the capability the current operation came through */
};

struct task {
	struct object object;		/* lock: RANK_TASK */
	struct pool *task_pool;
	struct list all_link;		/* in the list of all tasks */
	struct vspace *vspace;
	struct table *handles;		/* everything but descriptors */
	struct table *descriptors;	/* given to its first thread */
	struct list threads;
	uint32_t nthreads, next_number, thread_ceiling;
	uint32_t live_threads;
	uint32_t suspend_count;
	bool dying, dead;
	bool serves_nobody;		/* CEILING_SERVING */
	uint64_t badge;
	struct endpoint *notify;	/* told of its death and its faults */
	struct list endpoints;		/* that it has received from: struct server of endpoint.c */
	struct notice death, memory;
	uint64_t code;
	uint64_t ceiling_file_size, ceiling_cpu_ns;
	struct cputime time;		/* of threads that have ended; told_*: of all */
	uint64_t faults_minor, faults_major, switches_voluntary, switches_involuntary;
};

static inline struct thread *thread_current(void)
{
	struct thread *t;

	__asm__ volatile("mov %%gs:8, %0" : "=r"(t));
	return t;
}
#define current thread_current()

/* --- sleeping ----------------------------------------------------------------------------------
 *
 * prepare; look whether there is need to sleep; sleep or cancel.  A wake after prepare is never lost.
 * Wakes may be spurious.  thread_sleep answers 0 (woken), E_TIMEDOUT, E_INTERRUPTED (the utcb's latch
 * is up) or E_GONE (being killed).  No lock may be held in thread_sleep.
 */
static inline void thread_sleep_prepare(void) { atomic_store(&current->state, TS_PREPARED); }
static inline void thread_sleep_cancel(void) { current->state = TS_RUNNING; }
status_t thread_sleep(uint64_t deadline_ns, bool interruptible);
bool thread_interrupted(void);		/* the latch of the current thread is up: long work ends early */
void thread_wake(struct thread *t);
void thread_wake_locked(struct thread *t);	/* with t->object.lock */

/*
 * The usual form: a queue of waiters guarded by its owner's lock; a waiter lives on the sleeper's
 * stack.  thread_wait is called with *lock held and the waiter queued; it returns with *lock held and
 * the waiter off the queue: the status given to the wake, or E_TIMEDOUT, E_INTERRUPTED, E_GONE.
 */
struct waiter {
	struct list link;
	struct thread *thread;
	status_t status;
	bool woken;
	uint64_t key, bits;		/* the owner's */
};
struct waitqueue { struct list waiters; };

static inline void waitqueue_init(struct waitqueue *q) { list_init(&q->waiters); }
static inline void waiter_add(struct waitqueue *q, struct waiter *w)	/* initialises w for the current thread */
{
	w->thread = current;
	w->status = 0;
	w->woken = false;
	list_push_back(&q->waiters, &w->link);
}
void waiter_wake(struct waiter *w, status_t status);		/* takes it off its queue */
bool waitqueue_wake_one(struct waitqueue *q, status_t status);
void waitqueue_wake_all(struct waitqueue *q, status_t status);
status_t thread_wait(struct waiter *w, struct spinlock *lock, uint64_t deadline_ns);

/* --- observers: poll and wait sets ----------------------------------------------------------------
 *
 * An object that can become ready has a struct observers, guarded by its lock.  When its ready bits
 * may have grown, it calls observers_notify(bits) under that lock; each observer's notify is called
 * (it may take RANK_WAITSET or wake a thread, no more).
 */
struct observers { struct list list; };
struct observer {
	struct list link;
	uint32_t events;
	void (*notify)(struct observer *o, uint32_t bits);
};
static inline void observers_init(struct observers *o) { list_init(&o->list); }
void observers_notify(struct observers *o, uint32_t bits);

status_t thread_make(struct task *task, const struct thread_args *a, struct table *table,
		     struct thread *like, struct thread **out);	/* *out has a reference; not started */
/* --- life ------------------------------------------------------------------------------------------ */
void thread_kill(struct thread *t);		/* asynchronous */
_Noreturn void thread_exit_current(void);
void task_kill(struct task *t, uint64_t code);
void task_finish(struct task *t);
status_t task_new(struct pool *pool, struct vspace *vs, struct table *descriptors, struct endpoint *notify,
		  uint64_t badge, struct task **out);
struct thread *task_thread(struct task *t, uint32_t number);	/* with a reference, or NULL */
struct table *thread_table(struct thread *t);	/* the same */
void endpoint_notify(struct endpoint *e, struct notice *n, uint32_t kind);	/* queue unless queued */
void endpoint_notify_fault(struct endpoint *e, struct thread *t, const uint64_t *words);
void endpoint_withdraw(struct endpoint *e, struct notice *n);	/* take it back if it is queued */

#endif
