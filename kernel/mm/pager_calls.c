/*
 * pager_calls.c -- the native calls on pagers and their contents: decode and check, then pager.c does it.
 *
 * Locks:   none held across calls below.
 * Fails:   see abi/calls.list.
 * Tested:  programs/selftest/pager.c
 */
#include "local.h"
#include "ipc.h"
#include "syscalls.h"

#define PAGER_RIGHTS (RIGHT_MANAGE | RIGHT_QUERY | RIGHT_COPY | RIGHT_TRANSFER)
#define PAGE_MASK (PAGE_SIZE - 1)

static status_t pager_get(uint64_t h, struct pager **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_PAGER, RIGHT_MANAGE, &o);

	REQUIRE(s == 0, s);
	*out = container_of(o, struct pager, object);
	return 0;
}

static status_t server_get(uint64_t h, struct endpoint **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_ENDPOINT, RIGHT_RECEIVE, &o);

	REQUIRE(s == 0, s);
	*out = container_of(o, struct endpoint, object);
	return 0;
}

/* A content that has a pager, with a reference. */
static status_t paged_get(uint64_t h, struct content **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_CONTENT, RIGHT_MANAGE, &o);

	REQUIRE(s == 0, s);
	*out = container_of(o, struct content, object);
	if ((*out)->vmo->paged)
		return 0;
	object_put(o);
	return E_TYPE;
}

/* Whole pages, not wrapping; [0, ~0) can be said by the largest whole number of pages. */
static status_t pages_check(uint64_t offset, uint64_t len)
{
	REQUIRE(!(offset & PAGE_MASK) && !(len & PAGE_MASK) && len && offset + len > offset, E_INVAL);
	return 0;
}

/* --- pagers -------------------------------------------------------------------------------------------------- */

int64_t sys_pager_create(uint64_t h, uint64_t endpoint, uint64_t badge)
{
	struct endpoint *e;
	struct pager *p;
	struct pool *pool;
	status_t s = pool_get((handle_t)h, &pool);

	REQUIRE(s == 0, s);
	s = server_get(endpoint, &e);
	if (s == 0) {
		s = pager_new(pool, e, badge, &p);
		object_put(&e->object);
	}
	object_put(&pool->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &p->object, PAGER_RIGHTS, 0);
}

int64_t sys_pager_attach(uint64_t h, uint64_t endpoint, uint64_t badge)
{
	struct endpoint *e;
	struct pager *p;
	int64_t s = pager_get(h, &p);

	REQUIRE(s == 0, s);
	s = server_get(endpoint, &e);
	if (s == 0) {
		uint64_t generation = pager_attach(p, e, badge);

		s = generation ? (int64_t)generation : E_GONE;
		object_put(&e->object);
	}
	object_put(&p->object);
	return s;
}

int64_t sys_pager_destroy(uint64_t h)
{
	struct pager *p;
	status_t s = pager_get(h, &p);

	REQUIRE(s == 0, s);
	pager_end(p);
	object_put(&p->object);
	return 0;
}

/* A request that cannot be copied out because the caller unmaps the place meanwhile is lost, by its own doing. */
int64_t sys_pager_next(uint64_t h, uint64_t user)
{
	struct pager_request request;
	struct pager *p;
	status_t s = pager_get(h, &p);

	REQUIRE(s == 0, s);
	s = user_clear(user, sizeof(request));
	if (s == 0)
		s = pager_request_take(p, &request);
	object_put(&p->object);
	REQUIRE(s == 0, s);
	return user_copy_out(user, &request, sizeof(request));
}

/* --- contents ------------------------------------------------------------------------------------------------ */

int64_t sys_pager_content(uint64_t h, uint64_t pool_h, uint64_t size, uint64_t key)
{
	struct content *c;
	struct pager *p;
	struct pool *pool;
	status_t s = pager_get(h, &p);

	REQUIRE(s == 0, s);
	s = pool_get((handle_t)pool_h, &pool);
	if (s == 0) {
		s = pager_content_new(p, pool, size, key, &c);
		object_put(&pool->object);
	}
	object_put(&p->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &c->object, CONTENT_RIGHTS, 0);
}

int64_t sys_pager_find(uint64_t h, uint64_t key, uint64_t flags, uint64_t user)
{
	struct content *c;
	struct pager *p;
	status_t s;

	REQUIRE(!(flags & ~(uint64_t)PAGER_FIND_NEXT), E_INVAL);
	s = pager_get(h, &p);
	REQUIRE(s == 0, s);
	s = pager_content_find(p, &key, flags & PAGER_FIND_NEXT, &c);
	object_put(&p->object);
	REQUIRE(s == 0, s);
	if (user_copy_out(user, &key, sizeof(key))) {
		object_put(&c->object);
		return E_FAULT;
	}
	return handle_install(false, &c->object, CONTENT_RIGHTS, 0);
}

int64_t sys_pager_supply(uint64_t h, uint64_t offset, uint64_t from_h, uint64_t from_offset, uint64_t len)
{
	struct object *holder = NULL;
	struct vmo *from = NULL;
	struct content *c;
	status_t s = pages_check(offset, len);

	REQUIRE(s == 0 && !(from_offset & PAGE_MASK), E_INVAL);
	s = paged_get(h, &c);
	REQUIRE(s == 0, s);
	if ((handle_t)from_h != H_NONE)
		s = vmo_get(from_h, RIGHT_READ | RIGHT_WRITE, &holder, &from);
	if (s == 0)
		s = pager_supply(c, offset >> 12, from, from_offset >> 12, len >> 12);
	if (holder)
		object_put(holder);
	object_put(&c->object);
	return s;
}

int64_t sys_pager_refuse(uint64_t h, uint64_t offset, uint64_t len, uint64_t wants, uint64_t error)
{
	struct content *c;
	status_t s = pages_check(offset, len);

	REQUIRE(s == 0 && wants && !(wants & ~(uint64_t)(PAGER_DATA | PAGER_BACK)), E_INVAL);
	REQUIRE((int64_t)error == E_NOSPACE || (int64_t)error == E_IO, E_INVAL);
	s = paged_get(h, &c);
	REQUIRE(s == 0, s);
	s = pager_refuse(c, offset >> 12, len >> 12, (uint32_t)wants, (status_t)error);
	object_put(&c->object);
	return s;
}

int64_t sys_pager_mark(uint64_t h, uint64_t offset, uint64_t len, uint64_t state)
{
	struct content *c;
	status_t s = pages_check(offset, len);

	REQUIRE(s == 0 && state <= PAGE_DROP, E_INVAL);
	s = paged_get(h, &c);
	REQUIRE(s == 0, s);
	s = pager_mark(c, offset >> 12, len >> 12, (uint32_t)state);
	object_put(&c->object);
	return s;
}

int64_t sys_pager_dirty(uint64_t h, uint64_t offset, uint64_t user)
{
	struct pager_range range;
	uint64_t first, npages;
	struct content *c;
	status_t s = paged_get(h, &c);

	REQUIRE(s == 0, s);
	s = pager_dirty(c, offset >> 12, &first, &npages);
	object_put(&c->object);
	REQUIRE(s == 0, s);
	range.offset = first << 12;
	range.len = npages << 12;
	return user_copy_out(user, &range, sizeof(range));
}
