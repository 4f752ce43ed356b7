/*
 * vmo_calls.c -- the native calls on memory objects; most take a content, too, and mean its data.
 *
 * Locks:   none held across calls below.
 * Fails:   see abi/calls.list.
 * Tested:  programs/selftest
 */
#include "local.h"
#include "syscalls.h"

#define VMO_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_MAP | RIGHT_MANAGE | RIGHT_QUERY | \
		    RIGHT_COPY | RIGHT_TRANSFER)

status_t vmo_get(uint64_t h, uint32_t rights, struct object **holder, struct vmo **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_NONE, rights, &o);

	REQUIRE(s == 0, s);
	if (o->type == OBJ_VMO) {
		*out = container_of(o, struct vmo, object);
	} else if (o->type == OBJ_CONTENT) {
		*out = container_of(o, struct content, object)->vmo;
	} else {
		object_put(o);
		return E_TYPE;
	}
	*holder = o;
	return 0;
}

int64_t sys_vmo_create(uint64_t h, uint64_t size)
{
	struct pool *pool;
	struct vmo *v;
	status_t s = pool_get((handle_t)h, &pool);

	REQUIRE(s == 0, s);
	s = vmo_new(pool, size, &v);
	object_put(&pool->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &v->object, VMO_RIGHTS, 0);
}

int64_t sys_vmo_read(uint64_t h, uint64_t offset, uint64_t buf, uint64_t len)
{
	struct object *holder;
	struct vmo *v;
	int64_t s = vmo_get(h, RIGHT_READ, &holder, &v);

	REQUIRE(s == 0, s);
	s = vmo_read_user(v, offset, buf, len);
	object_put(holder);
	return s;
}

int64_t sys_vmo_write(uint64_t h, uint64_t offset, uint64_t buf, uint64_t len)
{
	struct object *holder;
	struct vmo *v;
	int64_t s = vmo_get(h, RIGHT_WRITE, &holder, &v);

	REQUIRE(s == 0, s);
	s = content_of(holder) ? content_store(content_of(holder), offset, buf, len) :
				 vmo_write_user(v, offset, buf, len);
	object_put(holder);
	return s;
}

int64_t sys_vmo_resize(uint64_t h, uint64_t size)
{
	struct object *holder;
	struct vmo *v;
	int64_t s = vmo_get(h, RIGHT_WRITE, &holder, &v);

	REQUIRE(s == 0, s);
	s = content_of(holder) ? content_set_size(content_of(holder), size) : vmo_set_size(v, size);
	object_put(holder);
	return s;
}

int64_t sys_vmo_clone(uint64_t h, uint64_t offset, uint64_t len)
{
	struct object *holder;
	struct vmo *v, *copy;
	int64_t s = vmo_get(h, RIGHT_READ, &holder, &v);

	REQUIRE(s == 0, s);
	s = vmo_clone_range(v, offset, len, current->task->task_pool, &copy);
	object_put(holder);
	REQUIRE(s == 0, s);
	return handle_install(false, &copy->object, VMO_RIGHTS, 0);
}

int64_t sys_vmo_move(uint64_t to_h, uint64_t to_offset, uint64_t from_h, uint64_t from_offset, uint64_t len)
{
	struct object *to_holder, *from_holder;
	struct vmo *to, *from;
	int64_t s = vmo_get(to_h, RIGHT_WRITE, &to_holder, &to);

	REQUIRE(s == 0, s);
	s = vmo_get(from_h, RIGHT_READ, &from_holder, &from);
	if (s == 0) {
		s = vmo_share(to, to_offset, from, from_offset, len);
		object_put(from_holder);
	}
	object_put(to_holder);
	return s;
}

int64_t sys_vmo_query(uint64_t h, uint64_t user)
{
	struct vmo_info info = { 0 };
	struct object *holder;
	struct vmo *v;
	int64_t s = vmo_get(h, RIGHT_QUERY, &holder, &v);

	REQUIRE(s == 0, s);
	spin_lock(&v->object.lock);
	info.size = v->size;
	info.resident_pages = v->npages;
	list_for_each(l, &v->mappings)
		info.mappings += list_entry(l, struct mapping, vmo_link)->vspace != NULL;
	spin_unlock(&v->object.lock);
	info.koid = v->object.koid;
	object_put(holder);
	return user_copy_out(user, &info, sizeof(info));
}
