/*
 * pool.c -- quotas of memory, nested: a charge counts in a pool and in all above it.
 *
 * Owns:    root_pool and the counters of every pool.
 * Locks:   none: the counters are atomic.  A charge may fail although another one, that is just being
 *          undone, took the room; it never succeeds beyond the limit.
 * Fails:   E_NOMEM at a limit.
 * Tested:  kernel/test/pool_test.c
 */
#include "mm.h"
#include "thread.h"
#include "syscalls.h"

struct pool *root_pool;

static void uncharge_below(struct pool *p, const struct pool *end, uint64_t bytes)
{
	for (; p != end; p = p->parent)
		atomic_sub(&p->used, bytes);
}

/* Charge p and its ancestors, or none of them.  E_NOMEM. */
status_t pool_charge(struct pool *pool, uint64_t bytes)
{
	for (struct pool *p = pool; p; p = p->parent) {
		uint64_t used = atomic_add(&p->used, bytes);

		if (unlikely(used > __atomic_load_n(&p->limit, __ATOMIC_RELAXED))) {
			atomic_sub(&p->used, bytes);
			uncharge_below(pool, p, bytes);
			return E_NOMEM;
		}
		if (used > p->peak)
			p->peak = used;		/* a lost update only makes it lower for a while */
	}
	return 0;
}

void pool_uncharge(struct pool *pool, uint64_t bytes)
{
	for (struct pool *p = pool; p; p = p->parent)
		KASSERT(atomic_sub(&p->used, bytes) + bytes >= bytes);
}

/* A pool under parent (NULL: the first pool of all), which pays for the object itself.  E_NOMEM. */
status_t pool_new(struct pool *parent, uint64_t limit, struct pool **out)
{
	struct pool *p = object_alloc(parent, OBJ_POOL, sizeof(*p), RANK_POOL);

	if (!p)
		return E_NOMEM;
	p->parent = parent;
	p->limit = limit;
	*out = p;
	return 0;
}

/* What was charged has held a reference each, so nothing is charged any more; object.pool is the parent. */
void pool_release(struct object *o)
{
	struct pool *p = container_of(o, struct pool, object);

	KASSERT(p->used == 0);
	object_free(o);
}

int64_t sys_pool_create(uint64_t parent, uint64_t limit)
{
	struct pool *above, *p;
	status_t s;

	REQUIRE((handle_t)parent != H_SELF, E_PERM);	/* who has no Pool makes no tasks, and gets none here */
	s = pool_get((handle_t)parent, &above);
	REQUIRE(s == 0, s);
	s = pool_new(above, limit, &p);
	object_put(&above->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &p->object, RIGHTS_ALL & ~(RIGHT_CALL | RIGHT_RECEIVE), 0);
}

static status_t pool_managed(uint64_t h, uint32_t right, struct pool **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_POOL, right, &o);

	REQUIRE(s == 0, s);
	*out = container_of(o, struct pool, object);
	return 0;
}

int64_t sys_pool_limit(uint64_t h, uint64_t limit)
{
	struct pool *p;
	status_t s = pool_managed(h, RIGHT_MANAGE, &p);

	REQUIRE(s == 0, s);
	if (atomic_load(&p->destroyed))
		s = E_GONE;
	else
		atomic_store(&p->limit, limit);
	if (atomic_load(&p->destroyed))		/* destroyed meanwhile: its 0 must win */
		atomic_store(&p->limit, 0);
	object_put(&p->object);
	return s;
}

int64_t sys_pool_query(uint64_t h, uint64_t user)
{
	struct pool_info info;
	struct pool *p;
	status_t s = (handle_t)h == H_SELF ? pool_get(H_SELF, &p) : pool_managed(h, RIGHT_QUERY, &p);

	REQUIRE(s == 0, s);
	info.used_bytes = atomic_load(&p->used);
	info.limit_bytes = atomic_load(&p->limit);
	info.peak_bytes = atomic_load(&p->peak);
	info.tasks = tasks_in_pool(p);
	object_put(&p->object);
	return user_copy_out(user, &info, sizeof(info));
}

/* Nothing can be charged any more, and the tasks it pays for die. */
int64_t sys_pool_destroy(uint64_t h)
{
	struct pool *p;
	status_t s = pool_managed(h, RIGHT_MANAGE, &p);

	REQUIRE(s == 0, s);
	if (p == root_pool) {
		object_put(&p->object);
		return E_PERM;
	}
	atomic_store(&p->destroyed, true);
	atomic_store(&p->limit, 0);
	tasks_kill_pool(p);
	object_put(&p->object);
	return 0;
}
