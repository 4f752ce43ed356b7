/*
 * descriptor_io.c -- the calls that read and write: one buffer or several, at an offset or not.
 *
 * Locks:   none held; see stream.c and the data objects.
 * Fails:   E_RIGHTS where the access mode forbids it (EBADF), E_SEEK, E_FAULT; what stream.c answers.
 * Tested:  kernel/test/descriptor_test.c, tests/linux/files, fd, pipe
 */
#include "local.h"
#include "mm.h"
#include "pipe.h"
#include "syscalls.h"

/* A read or write of pieces at an offset, or at the Descriptor's own (OFFSET_OWN). */
static int64_t move(uint64_t fd, struct iovec_abi *iov, uint32_t n, uint64_t offset, uint64_t deadline, bool write)
{
	struct user_iter it;
	struct descriptor *d;
	struct object *o;
	int64_t s = handle_get((handle_t)fd, OBJ_DESCRIPTOR, 0, &o);

	REQUIRE(s == 0, s);
	d = container_of(o, struct descriptor, object);
	if (!(d->flags & (write ? DESC_WRITE : DESC_READ))) {
		s = E_RIGHTS;
		goto out;
	}
	if (d->flags & DESC_NONBLOCK)
		deadline = 0;
	s = iter_init(&it, iov, n);
	if (s)
		goto out;
	if (offset == OFFSET_OWN)
		s = write ? stream_write(d, &it, deadline) : stream_read(d, &it, deadline);
	else if (d->kind == OBJ_CONTENT)
		s = (int64_t)offset < 0 ? E_INVAL : content_stream(d, &it, &offset, write);
	else if (d->kind == OBJ_PIPE || d->kind == OBJ_COUNTER || d->kind == OBJ_WAITSET)
		s = E_SEEK;
	else
		s = write ? stream_write(d, &it, deadline) : stream_read(d, &it, deadline);
out:
	object_put(o);
	return s;
}

/*
 * The common cases of one buffer, without an iterator.  E_NOSYS: not one of them, nothing was done.
 */
static int64_t read_simple(struct descriptor *d, uint64_t buf, uint64_t len)
{
	int64_t n;

	switch (d->kind) {
	case OBJ_PIPE:
		return pipe_read_piece(container_of(d->data, struct pipe, object), buf, len);
	case OBJ_CONTENT:
		if (!offset_mine(d))
			return E_NOSYS;
		n = content_read(container_of(d->data, struct content, object), d->offset, buf, len);
		if (n > 0)
			d->offset += (uint64_t)n;
		return n;
	case OBJ_ZERO:
		return len > PAGE_SIZE ? E_NOSYS : user_clear(buf, len) ? E_FAULT : (int64_t)len;
	case OBJ_NONE:
		return E_NOT_HERE;
	default:
		return E_NOSYS;
	}
}

static int64_t write_simple(struct descriptor *d, uint64_t buf, uint64_t len)
{
	switch (d->kind) {
	case OBJ_PIPE:
		if (unlikely(d->flags & DESC_PACKET))
			return E_NOSYS;
		return pipe_write_piece(container_of(d->data, struct pipe, object), buf, len);
	case OBJ_NULL:
		return (int64_t)len;
	case OBJ_NONE:
		return E_NOT_HERE;
	default:
		return E_NOSYS;
	}
}

static status_t simple_get(uint64_t fd, uint32_t access, uint64_t buf, uint64_t len, struct descriptor **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)fd, OBJ_DESCRIPTOR, 0, &o);

	REQUIRE(s == 0, s);
	*out = container_of(o, struct descriptor, object);
	if (unlikely(!((*out)->flags & access)))
		s = E_RIGHTS;
	else if (unlikely(!user_range_ok(buf, len) && len))
		s = E_FAULT;
	if (unlikely(s))
		object_put(o);
	return s;
}

int64_t sys_descriptor_read(uint64_t fd, uint64_t buf, uint64_t len, uint64_t deadline)
{
	struct descriptor *d;
	int64_t s;

	len = MIN(len, RW_MAX);
	s = simple_get(fd, DESC_READ, buf, len, &d);
	REQUIRE(s == 0, s);
	s = read_simple(d, buf, len);
	object_put(&d->object);
	return likely(s != E_NOSYS) ? s : move(fd, &(struct iovec_abi){ buf, len }, 1, OFFSET_OWN, deadline, false);
}

int64_t sys_descriptor_write(uint64_t fd, uint64_t buf, uint64_t len, uint64_t deadline)
{
	struct descriptor *d;
	int64_t s;

	len = MIN(len, RW_MAX);
	s = simple_get(fd, DESC_WRITE, buf, len, &d);
	REQUIRE(s == 0, s);
	s = write_simple(d, buf, len);
	object_put(&d->object);
	return likely(s != E_NOSYS) ? s : move(fd, &(struct iovec_abi){ buf, len }, 1, OFFSET_OWN, deadline, true);
}

int64_t sys_descriptor_read_at(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	struct descriptor *d;
	int64_t s = E_NOSYS;

	len = MIN(len, RW_MAX);
	if (likely((int64_t)offset >= 0)) {
		s = simple_get(fd, DESC_READ, buf, len, &d);
		REQUIRE(s == 0, s);
		s = d->kind != OBJ_CONTENT ? E_NOSYS :
		    content_read(container_of(d->data, struct content, object), offset, buf, len);
		object_put(&d->object);
	}
	return likely(s != E_NOSYS) ? s : move(fd, &(struct iovec_abi){ buf, len }, 1,
		offset == OFFSET_OWN ? OFFSET_OWN - 1 : offset, DEADLINE_NEVER, false);
}

int64_t sys_descriptor_write_at(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	struct iovec_abi iov = { buf, len };

	return move(fd, &iov, 1, offset == OFFSET_OWN ? OFFSET_OWN - 1 : offset, DEADLINE_NEVER, true);
}

#define IOV_FAST 8

static int64_t move_vector(uint64_t fd, uint64_t iov, uint64_t n, uint64_t offset, uint64_t deadline, bool write)
{
	struct iovec_abi fast[IOV_FAST], *v = fast;
	struct pool *pool = current->task->task_pool;
	size_t size = n * sizeof(*v);
	int64_t s;

	REQUIRE(n <= IOV_LIMIT, E_INVAL);
	if (!n)
		return move(fd, &(struct iovec_abi){ 0, 0 }, 1, offset, deadline, write);
	if (n > IOV_FAST) {
		v = kmem_alloc(pool, size);
		REQUIRE(v, E_NOMEM);
	}
	s = user_copy_in(v, iov, size) ? E_FAULT : 0;
	if (!s)
		s = move(fd, v, (uint32_t)n, offset, deadline, write);
	if (v != fast)
		kmem_free(pool, v, size);
	return s;
}

int64_t sys_descriptor_readv(uint64_t fd, uint64_t iov, uint64_t n, uint64_t offset, uint64_t deadline)
{
	return move_vector(fd, iov, n, offset, deadline, false);
}

int64_t sys_descriptor_writev(uint64_t fd, uint64_t iov, uint64_t n, uint64_t offset, uint64_t deadline)
{
	return move_vector(fd, iov, n, offset, deadline, true);
}
