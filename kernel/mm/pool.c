/*
 * pool.c -- quotas of memory, nested: a charge counts in a pool and in all above it.
 *
 * A pool whose capabilities are all gone stays, with no way left to charge it, until the last frame or object
 * that it paid for has gone.  As every charge counts in the parent from the start, nothing has to move there.
 *
 * Owns:    root_pool and the counters of every pool.
 * Locks:   none for a charge: the counters are atomic.  It may fail although another one, that is just being
 *          undone, took the room; it never succeeds beyond the limit.  pool.lock guards changes of limits.
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

/* What `payer` took p to, beyond its soft limit: is that within its rights? */
static __attribute__((noinline)) bool reserve_open(const struct pool *payer, const struct pool *p, uint64_t used)
{
	uint64_t favoured = atomic_load(&p->favoured);

	if (!favoured || used > atomic_load(&p->limit))
		return false;
	while (payer != p && payer->object.koid != favoured)
		payer = payer->parent;
	return payer != p;
}

/* Charge p and its ancestors, or none of them.  E_NOMEM. */
status_t pool_charge(struct pool *pool, uint64_t bytes)
{
	for (struct pool *p = pool; p; p = p->parent) {
		uint64_t used = atomic_add(&p->used, bytes);

		if (unlikely(used > __atomic_load_n(&p->soft, __ATOMIC_RELAXED)) && !reserve_open(pool, p, used)) {
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
	p->limit = p->soft = limit;
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

static void soft_update(struct pool *p)
{
	uint64_t soft = p->limit - MIN(p->limit, p->reserve);

	atomic_store(&p->soft, soft);
}

/* Of one that is destroyed it stays 0. */
void pool_set_limit(struct pool *p, uint64_t limit)
{
	spin_lock(&p->object.lock);
	if (!p->destroyed) {
		atomic_store(&p->limit, limit);
		soft_update(p);
	}
	spin_unlock(&p->object.lock);
}

/* Nothing can be charged any more. */
static void pool_close(struct pool *p)
{
	spin_lock(&p->object.lock);
	p->destroyed = true;
	p->limit = 0;
	soft_update(p);
	spin_unlock(&p->object.lock);
}

/*
 * The last `bytes` below p's limit are for `favoured`, a pool below it, and what is below that; NULL: for nobody.
 * E_INVAL: it is not below.
 */
status_t pool_set_reserve(struct pool *p, uint64_t bytes, const struct pool *favoured)
{
	const struct pool *above = favoured ? favoured->parent : p;

	while (above && above != p)
		above = above->parent;
	REQUIRE(above, E_INVAL);
	spin_lock(&p->object.lock);
	p->reserve = bytes;
	atomic_store(&p->favoured, favoured ? favoured->object.koid : 0);
	soft_update(p);
	spin_unlock(&p->object.lock);
	return 0;
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
	pool_set_limit(p, limit);
	if (atomic_load(&p->destroyed))
		s = E_GONE;
	object_put(&p->object);
	return s;
}

int64_t sys_pool_reserve(uint64_t h, uint64_t bytes, uint64_t child)
{
	struct pool *p, *favoured = NULL;
	status_t s = pool_managed(h, RIGHT_MANAGE, &p);

	REQUIRE(s == 0, s);
	if ((handle_t)child != H_NONE)
		s = pool_managed(child, RIGHT_MANAGE, &favoured);
	if (s == 0)
		s = pool_set_reserve(p, bytes, favoured);
	if (favoured)
		object_put(&favoured->object);
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
	pool_close(p);
	tasks_kill_pool(p);
	object_put(&p->object);
	return 0;
}
