/*
 * runqueue.h -- one CPU's ready threads: the highest of 256 priorities first, turns within one.
 *
 * PRIORITY_SHARED alone is shared by weight.  A thread's virtual time grows while it runs, by the time it
 * ran * WEIGHT_NORMAL / weight; the least runs next, so in the long run each gets the share that its weight
 * is of all weights, and none starves.  runqueue.vclock follows the virtual times of those that get the CPU.
 * Who comes after a sleep is put no further than SLEEPER_NS behind it: it runs at once, but sleeping saves
 * up no claim to the CPU.  Virtual times are comparable on one CPU only; thread_move translates.
 */
#ifndef KERNEL_RUNQUEUE_H
#define KERNEL_RUNQUEUE_H

#include "arch.h"
#include "sched.h"

#define SLEEPER_NS 6000000		/* virtual; what a sleeper may be ahead of others */
#define AHEAD_NS 10000000000ull		/* virtual; what anybody may owe them at most */
#define PREEMPT_NS 1000000		/* virtual; who is woken that far behind the running one runs at once */
#define VCLOCK_START (1ull << 40)	/* so that nothing is ever behind 0 */
#define RATE_SHIFT 16
#define LEVEL_NONE (-1)

struct runqueue {
	struct spinlock lock;		/* guards queues, shared, bitmap, count, and thread.level of who is in them */
	struct list queues[256];
	struct tree shared;		/* PRIORITY_SHARED: by virtual time */
	uint64_t bitmap[4];
	uint32_t count;			/* others read it, without the lock, as a hint */
	uint32_t alone_ticks;
	uint64_t vclock, switches;	/* this CPU writes them, others read */

	/* what runs: written by this CPU, then others may read; the thread itself may be gone */
	uint8_t running;		/* its priority */
	uint64_t run_vtime;

	struct spinlock timer_lock;
	struct tree timers;
	uint64_t timer_set;		/* what the hardware is set to; only this CPU's */
	uint64_t tick_ns;		/* when the running thread is looked at next; only this CPU's */
	struct cputime time;		/* .lock */
	struct thread *leaving;		/* whose lock schedule_finish drops */
	struct endpoint *deferred;	/* to be kicked, with a reference */
};
extern struct runqueue runqueues[CPUS_MAX];

uint64_t timers_run(struct runqueue *rq);	/* this CPU's that are due; when to come back */

static inline bool vtime_before(uint64_t a, uint64_t b) { return (int64_t)(a - b) < 0; }

/* A thread of PRIORITY_SHARED comes to this CPU, from a sleep perhaps. */
static inline void vtime_place(struct runqueue *rq, struct thread *t)
{
	uint64_t least = rq->vclock - SLEEPER_NS;

	if (unlikely(t->vtime - least > AHEAD_NS))	/* or behind it: then the difference is huge */
		t->vtime = vtime_before(t->vtime, least) ? least : least + AHEAD_NS;
}

/* All shared threads of this CPU are at v or further. */
static inline void vclock_follow(struct runqueue *rq, uint64_t v)
{
	if (vtime_before(rq->vclock, v))
		rq->vclock = v;
}

/* Its virtual time is to count on another CPU, from the same place relative to the others there. */
static inline void thread_move(struct thread *t, uint32_t cpu)
{
	t->vtime += runqueues[cpu].vclock - runqueues[t->cpu].vclock;
	t->cpu = (uint16_t)cpu;
}

/* The highest priority with a thread, or -1. */
static inline int rq_top(const struct runqueue *rq)
{
	for (int w = 3; w >= 0; w--)
		if (rq->bitmap[w])
			return w * 64 + 63 - __builtin_clzll(rq->bitmap[w]);
	return -1;
}

/* The rest with rq->lock.  Mostly one thread comes to an empty tree and leaves it empty: without a call. */

static inline void shared_insert(struct tree *t, struct tree_node *n)
{
	if (unlikely(t->root)) {
		tree_insert(t, n);
		return;
	}
	n->parent = n->left = n->right = NULL;
	n->weight = UINT32_MAX / 2;
	t->root = n;
}

static inline void shared_remove(struct tree *t, struct tree_node *n)
{
	if (unlikely(t->root != n || n->left || n->right))
		tree_remove(t, n);
	else
		t->root = NULL;
}

static inline struct tree_node *shared_first(const struct tree *t)
{
	return t->root->left ? tree_first(t) : t->root;
}

static inline void rq_push(struct runqueue *rq, struct thread *t, bool front)
{
	uint8_t p = t->effective;	/* once: another CPU may be setting it */

	if (p == PRIORITY_SHARED) {
		vtime_place(rq, t);
		t->run_node.key = t->vtime;
		shared_insert(&rq->shared, &t->run_node);
	} else if (front) {
		list_push_front(&rq->queues[p], &t->run_link);
	} else {
		list_push_back(&rq->queues[p], &t->run_link);
	}
	t->level = p;
	rq->bitmap[p >> 6] |= 1ull << (p & 63);
	rq->count++;
}

static inline void rq_remove(struct runqueue *rq, struct thread *t)
{
	int p = t->level;
	bool empty;

	KASSERT(p != LEVEL_NONE);
	if (p == PRIORITY_SHARED) {
		shared_remove(&rq->shared, &t->run_node);
		empty = !rq->shared.root;
	} else {
		list_remove(&t->run_link);
		empty = list_empty(&rq->queues[p]);
	}
	if (empty)
		rq->bitmap[p >> 6] &= ~(1ull << (p & 63));
	t->level = LEVEL_NONE;
	rq->count--;
}

/* The one of a priority whose turn it is; there is one. */
static inline struct thread *rq_first(const struct runqueue *rq, int p)
{
	if (p == PRIORITY_SHARED)
		return container_of(shared_first(&rq->shared), struct thread, run_node);
	return list_entry(rq->queues[p].next, struct thread, run_link);
}

/* The one after t in its queue, or NULL. */
static inline struct thread *rq_after(const struct runqueue *rq, const struct thread *t)
{
	if (t->level == PRIORITY_SHARED) {
		struct tree_node *n = tree_next(&t->run_node);

		return n ? container_of(n, struct thread, run_node) : NULL;
	}
	return t->run_link.next == &rq->queues[t->level] ? NULL :
		list_entry(t->run_link.next, struct thread, run_link);
}

#endif
