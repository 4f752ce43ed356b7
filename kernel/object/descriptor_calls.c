/*
 * descriptor_calls.c -- the calls on Descriptors that move no data: seek, flags, attributes, size.
 *
 * Locks:   none held; the offset is taken as by a read (stream.c).
 * Fails:   E_NOT_HERE where the file is its server's, E_TYPE, E_INVAL.
 * Tested:  kernel/test/descriptor_test.c, tests/linux/files, fd
 */
#include "local.h"
#include "mm.h"
#include "syscalls.h"

status_t descriptor_get(uint64_t fd, struct descriptor **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)fd, OBJ_DESCRIPTOR, 0, &o);

	if (!s)
		*out = container_of(o, struct descriptor, object);
	return s;
}

/* lseek(2) on a Content.  What a pager has is all data. */
static int64_t content_seek(struct descriptor *d, int64_t offset, uint64_t whence)
{
	struct content *c = container_of(d->data, struct content, object);
	int64_t size = (int64_t)c->vmo->size, to;

	switch (whence) {
	case 0:
		to = offset;
		break;
	case 1:
		REQUIRE(!__builtin_add_overflow((int64_t)d->offset, offset, &to), E_OVERFLOW);
		break;
	case 2:
		REQUIRE(!__builtin_add_overflow(size, offset, &to), E_OVERFLOW);
		break;
	case 3:
		REQUIRE(offset >= 0 && offset < size, E_NOENT);
		to = c->vmo->paged ? offset : vmo_seek_data(c->vmo, (uint64_t)offset);
		REQUIRE(to != E_OVERFLOW, E_NOENT);	/* a hole up to the end */
		break;
	case 4:
		REQUIRE(offset >= 0 && offset < size, E_NOENT);
		to = c->vmo->paged ? size : vmo_seek_hole(c->vmo, (uint64_t)offset);
		REQUIRE(to != E_OVERFLOW, E_NOENT);	/* it was cut meanwhile */
		break;
	default:
		return E_INVAL;
	}
	REQUIRE(to >= 0, E_INVAL);
	d->offset = (uint64_t)to;
	return to;
}

int64_t sys_descriptor_seek(uint64_t fd, uint64_t offset, uint64_t whence)
{
	struct descriptor *d;
	int64_t s = descriptor_get(fd, &d);

	REQUIRE(s == 0, s);
	switch (d->kind) {
	case OBJ_CONTENT:
		s = offset_lock(d);
		if (!s) {
			s = content_seek(d, (int64_t)offset, whence);
			offset_unlock(d);
		}
		break;
	case OBJ_PIPE:
		s = E_SEEK;
		break;
	case OBJ_COUNTER:
	case OBJ_WAITSET:
		s = 0;
		break;
	case OBJ_NONE:
		s = E_NOT_HERE;
		break;
	default:
		s = 0;			/* null, zero, random: as Linux's null_lseek */
	}
	object_put(&d->object);
	return s;
}

#define FLAGS_CHANGEABLE (DESC_APPEND | DESC_NONBLOCK | DESC_PACKET | 0xffff0000u)

int64_t sys_descriptor_flags(uint64_t fd, uint64_t mask, uint64_t value)
{
	struct descriptor *d;
	uint32_t old, change = (uint32_t)mask & FLAGS_CHANGEABLE;
	status_t s = descriptor_get(fd, &d);

	REQUIRE(s == 0, s);
	do
		old = d->flags;
	while (change && !atomic_cas(&d->flags, old, (old & ~change) | ((uint32_t)value & change)));
	object_put(&d->object);
	return old;
}

static status_t content_of(uint64_t fd, uint32_t access, struct descriptor **d, struct content **c)
{
	status_t s = descriptor_get(fd, d);

	REQUIRE(s == 0, s);
	if ((*d)->kind == OBJ_NONE)
		s = E_NOT_HERE;
	else if ((*d)->kind != OBJ_CONTENT)
		s = E_TYPE;
	else if (((*d)->flags & access) != access)
		s = E_INVAL;
	if (s)
		object_put(&(*d)->object);
	else
		*c = container_of((*d)->data, struct content, object);
	return s;
}

int64_t sys_descriptor_attributes(uint64_t fd, uint64_t attr)
{
	struct content_attr a;
	struct descriptor *d;
	struct content *c;
	status_t s = content_of(fd, 0, &d, &c);

	REQUIRE(s == 0, s);
	content_fill_attr(c, &a);
	object_put(&d->object);
	return user_copy_out(attr, &a, sizeof(a));
}

int64_t sys_descriptor_resize(uint64_t fd, uint64_t size)
{
	struct descriptor *d;
	struct content *c;
	status_t s = content_of(fd, DESC_WRITE, &d, &c);

	REQUIRE(s == 0, s);
	s = (int64_t)size < 0 ? E_INVAL : content_resize(c, size, current->task->ceiling_file_size);
	object_put(&d->object);
	return s;
}

int64_t sys_descriptor_allocate(uint64_t fd, uint64_t offset, uint64_t len)
{
	struct descriptor *d;
	struct content *c;
	uint64_t end = offset + len;
	status_t s = content_of(fd, DESC_WRITE, &d, &c);

	REQUIRE(s == 0, s);
	s = end < offset ? E_INVAL : content_allocate(c, offset, end, current->task->ceiling_file_size);
	object_put(&d->object);
	return s;
}

int64_t sys_descriptor_punch(uint64_t fd, uint64_t offset, uint64_t len)
{
	struct descriptor *d;
	struct content *c;
	status_t s = content_of(fd, DESC_WRITE, &d, &c);

	REQUIRE(s == 0, s);
	s = offset + len < offset ? E_INVAL : content_punch(c, offset, len);
	object_put(&d->object);
	return s;
}
