/*
 * object.c -- allocation, charge and end of every kernel object.
 *
 * Owns:    the counts of live objects (the leak check reads them).
 * Locks:   none of its own.
 * Tested:   kernel/test/table_test.c, programs/selftest (counts return to their start).
 */
#include "object.h"
#include "mm.h"
#include "thread.h"

uint64_t object_counts[OBJ_TYPES];
static uint64_t next_koid = 1;

static void (*const release_of[OBJ_TYPES])(struct object *) = {
	[OBJ_POOL] = pool_release, [OBJ_TASK] = task_release, [OBJ_TABLE] = table_release,
	[OBJ_THREAD] = thread_release, [OBJ_VSPACE] = vspace_release, [OBJ_VMO] = vmo_release,
	[OBJ_CONTENT] = content_release, [OBJ_DESCRIPTOR] = descriptor_release,
	[OBJ_PIPE] = pipe_release, [OBJ_COUNTER] = counter_release, [OBJ_TIMER] = timer_release,
	[OBJ_ENDPOINT] = endpoint_release, [OBJ_WAITSET] = waitset_release, [OBJ_LEASE] = lease_release,
	[OBJ_IRQ] = irq_release, [OBJ_IOPORT] = ioport_release, [OBJ_PLATFORM] = platform_release,
	[OBJ_PAGER] = pager_release,
};

void *object_alloc(struct pool *pool, enum object_type type, size_t size, enum lock_rank rank)
{
	struct object *o = kmem_alloc(pool, size);

	if (!o)
		return NULL;
	o->type = (uint8_t)type;
	o->refs = 1;
	o->size = (uint32_t)size;
	o->pool = pool;
	o->koid = __atomic_fetch_add(&next_koid, 1, __ATOMIC_RELAXED);
	spin_init(&o->lock, rank);
	if (pool)
		object_get(&pool->object);
	__atomic_fetch_add(&object_counts[type], 1, __ATOMIC_RELAXED);
	return o;
}

void object_free(struct object *o)
{
	struct pool *pool = o->pool;

	KASSERT(o->refs == 0);
	__atomic_fetch_sub(&object_counts[o->type], 1, __ATOMIC_RELAXED);
	kmem_free(pool, o, o->size);
	if (pool)
		object_put(&pool->object);
}

#define RELEASE_DEPTH 8
/* Their ends let others have their turn: the last reference may not be dropped under a lock. */
#define RELEASES_IN_PIECES (1ull << OBJ_TABLE | 1ull << OBJ_VSPACE | 1ull << OBJ_VMO | 1ull << OBJ_CONTENT | \
			    1ull << OBJ_DESCRIPTOR | 1ull << OBJ_WAITSET | 1ull << OBJ_THREAD | 1ull << OBJ_TASK | 1ull << OBJ_PAGER)

/*
 * An object's end drops others, and so on along chains as long as a user likes (leases, pools, tasks that hold
 * tasks): beyond a depth they wait in the thread's list, linked through their koid, until the outermost
 * is done.
 */
void object_release(struct object *o)
{
	struct thread *t = current;

	KASSERT(o->type < OBJ_TYPES && release_of[o->type]);
	if (1ull << o->type & RELEASES_IN_PIECES)
		lock_check_none();
	if (t->release_depth >= RELEASE_DEPTH) {
		o->koid = (uint64_t)t->release_later;
		t->release_later = o;
		return;
	}
	t->release_depth++;
	release_of[o->type](o);
	while (t->release_depth == 1 && t->release_later) {
		o = t->release_later;
		t->release_later = (struct object *)o->koid;
		release_of[o->type](o);
	}
	t->release_depth--;
}
