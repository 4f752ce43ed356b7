/*
 * object.h -- the header of every kernel object, its life and its kinds.
 *
 * One count, refs: slots, packets in flight, operations in progress and links from other objects each
 * hold one.  At 0 the type's destroy runs: it drops what the object holds and ends with object_free
 * (at once or when its last user, e.g. a notice in a queue, is through).  Weak links (a wait set's
 * view of a Descriptor) hold none: the object's destroy unlinks them.
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include "kernel.h"
#include "lock.h"

struct pool;

struct object {
	uint8_t type;			/* enum object_type */
	uint32_t refs;
	uint32_t size;			/* bytes charged */
	struct spinlock lock;
	struct pool *pool;		/* who pays; holds a reference of it */
	uint64_t koid;			/* unique for ever */
};

/* Zeroed memory of `size` with an initialised header and one reference; NULL: no memory. */
void *object_alloc(struct pool *pool, enum object_type type, size_t size, enum lock_rank rank);
void object_free(struct object *o);	/* refs must be 0; gives the memory and the charge back */
void object_release(struct object *o);	/* runs the type's destroy */

static inline void object_get(struct object *o)
{
	KASSERT(__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED) != 0);
}

/* From a weak link, under the lock that the object's release takes to remove it: false when it is ending. */
static inline bool object_try_get(struct object *o)
{
	uint32_t refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);

	while (refs && !__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return refs != 0;
}

static inline void object_put(struct object *o)
{
	if (__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0)
		object_release(o);
}

/* each kind's destroy, in the file of the kind */
void pool_release(struct object *o);
void task_release(struct object *o);
void table_release(struct object *o);
void thread_release(struct object *o);
void vspace_release(struct object *o);
void vmo_release(struct object *o);
void content_release(struct object *o);
void descriptor_release(struct object *o);
void pipe_release(struct object *o);
void counter_release(struct object *o);
void timer_release(struct object *o);
void endpoint_release(struct object *o);
void waitset_release(struct object *o);
void lease_release(struct object *o);
void irq_release(struct object *o);
void ioport_release(struct object *o);
void platform_release(struct object *o);
void pager_release(struct object *o);

extern uint64_t object_counts[OBJ_TYPES];

#endif
