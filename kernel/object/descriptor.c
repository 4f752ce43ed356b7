/*
 * descriptor.c -- open file descriptions: one way to read, write and wait for whatever is behind them.
 *
 * Owns:    the offset; the close notice, queued when the last holder is gone.
 * Locks:   descriptor.object.lock (RANK_OBJECT) for the offset's holder and the watchers; never held
 *          while data moves.
 * Fails:   E_RIGHTS where the access mode forbids it (EBADF), E_NOT_HERE where the data is with the server.
 * Tested:  kernel/test/descriptor_test.c, tests/linux/files, fd, pipe
 */
#include "descriptor.h"
#include "counter.h"
#include "ipc.h"
#include "mm.h"
#include "pipe.h"
#include "syscalls.h"

#define RW_MAX 0x7ffff000ull

int64_t sys_random_fill(uint64_t buf, uint64_t len);

/* --- streams of user memory ---------------------------------------------------------------------------- */

static void iter_load(struct user_iter *it)
{
	it->base = it->iov[it->at].base;
	it->len = it->iov[it->at].len;
}

static void iter_forward(struct user_iter *it, uint64_t n)
{
	it->base += n;
	it->len -= n;
	it->left -= n;
	while (unlikely(!it->len) && it->left) {
		it->at++;
		iter_load(it);
	}
}

size_t iter_copy_in(struct user_iter *it, void *to, size_t len)
{
	size_t done = 0, want, n;

	do {
		want = MIN(len - done, it->len);
		n = user_copy_in_nofault((uint8_t *)to + done, it->base, want);
		iter_forward(it, n);
		done += n;
	} while (unlikely(done < len) && n == want);
	return done;
}

size_t iter_copy_out(struct user_iter *it, const void *from, size_t len)
{
	size_t done = 0, want, n;

	do {
		want = MIN(len - done, it->len);
		n = user_copy_out_nofault(it->base, (const uint8_t *)from + done, want);
		iter_forward(it, n);
		done += n;
	} while (unlikely(done < len) && n == want);
	return done;
}

void iter_back(struct user_iter *it, uint64_t n)
{
	uint64_t done = it->total - it->left - n;

	it->left = it->total;
	it->at = 0;
	iter_load(it);
	while (it->left && it->len <= done) {
		done -= it->len;
		iter_forward(it, it->len);
	}
	iter_forward(it, done);
}

status_t iter_fault_in(struct user_iter *it, bool write)
{
	return user_fault_in(it->base, MIN(it->len, PAGE_SIZE), write);
}

/* The whole of it must be user addresses; the sum no more than RW_MAX (the rest is cut off). */
static status_t iter_init(struct user_iter *it, struct iovec_abi *iov, uint32_t n)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (iov[i].len > RW_MAX - total)
			iov[i].len = RW_MAX - total;
		REQUIRE(user_range_ok(iov[i].base, iov[i].len) || !iov[i].len, E_FAULT);
		total += iov[i].len;
	}
	it->iov = iov;
	it->n = n;
	it->at = 0;
	it->left = it->total = total;
	iter_load(it);
	iter_forward(it, 0);
	return 0;
}

/* --- making -------------------------------------------------------------------------------------------------- */

static struct descriptor *descriptor_alloc(struct pool *pool, uint8_t kind, uint32_t flags)
{
	struct descriptor *d = object_alloc(pool, OBJ_DESCRIPTOR, sizeof(*d), RANK_OBJECT);

	if (!d)
		return NULL;
	d->kind = kind;
	d->flags = flags;
	list_init(&d->watchers);
	list_init(&d->close.link);
	waitqueue_init(&d->offset_waiters);
	return d;
}

/* Behind d from now on; takes a reference. */
static status_t data_attach(struct descriptor *d, struct object *data)
{
	if (data->type == OBJ_CONTENT) {
		status_t s = content_open_check(container_of(data, struct content, object), d->flags);

		REQUIRE(s == 0, s);
	} else if (data->type == OBJ_PIPE) {
		pipe_open(container_of(data, struct pipe, object), d->flags);
	} else if (data->type != OBJ_COUNTER && data->type != OBJ_WAITSET) {
		return E_TYPE;
	}
	d->kind = data->type;
	d->data = data;
	object_get(data);
	return 0;
}

status_t descriptor_new_pipe(struct pipe *p, uint32_t flags, struct object **out)
{
	struct descriptor *d = descriptor_alloc(current->task->task_pool, OBJ_NONE, flags);

	REQUIRE(d, E_NOMEM);
	data_attach(d, &p->object);
	*out = &d->object;
	return 0;
}

static status_t args_attach(struct descriptor *d, const struct descriptor_args *a)
{
	struct object *o;
	status_t s;

	if (a->object != H_NONE) {
		uint32_t rights = (d->flags & DESC_READ ? RIGHT_READ : 0) | (d->flags & DESC_WRITE ? RIGHT_WRITE : 0);

		s = handle_get(a->object, OBJ_NONE, rights, &o);
		REQUIRE(s == 0, s);
		s = data_attach(d, o);
		object_put(o);
		REQUIRE(s == 0, s);
	}
	if (a->endpoint != H_NONE) {
		s = handle_get(a->endpoint, OBJ_ENDPOINT, RIGHT_RECEIVE, &o);
		REQUIRE(s == 0, s);
		d->endpoint = container_of(o, struct endpoint, object);
		d->cookie = a->cookie;
	}
	if (a->ready != H_NONE) {
		s = handle_get(a->ready, OBJ_COUNTER, RIGHT_WAIT, &o);
		REQUIRE(s == 0, s);
		d->ready = container_of(o, struct counter, object);
	}
	return 0;
}

int64_t sys_descriptor_create(uint64_t args)
{
	struct descriptor_args a;
	struct descriptor *d;
	bool fd;
	status_t s;

	REQUIRE(user_copy_in(&a, args, sizeof(a)) == 0, E_FAULT);
	REQUIRE(a.object != H_NONE || a.kind == OBJ_NONE || (a.kind >= OBJ_NULL && a.kind <= OBJ_RANDOM), E_INVAL);
	d = descriptor_alloc(current->task->task_pool, (uint8_t)a.kind, a.flags & ~(uint32_t)DESC_NOTIFY_CLOSE);
	REQUIRE(d, E_NOMEM);
	s = args_attach(d, &a);
	if (s) {
		object_put(&d->object);
		return s;
	}
	if (d->endpoint)
		d->flags |= a.flags & DESC_NOTIFY_CLOSE;
	fd = a.user_flags & 1;
	return handle_install(fd, &d->object, RIGHTS_ALL, (uint8_t)(a.slot_flags & SLOT_CLOEXEC));
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void data_detach(struct descriptor *d)
{
	if (!d->data)
		return;
	if (d->kind == OBJ_CONTENT)
		content_close(container_of(d->data, struct content, object), d->flags);
	else if (d->kind == OBJ_PIPE)
		pipe_close(container_of(d->data, struct pipe, object), d->flags);
	object_put(d->data);
}

static void descriptor_free(struct descriptor *d)
{
	if (d->endpoint)
		object_put(&d->endpoint->object);
	object_free(&d->object);
}

void descriptor_release(struct object *o)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	if (!list_empty(&d->watchers))
		waitset_forget(d);
	data_detach(d);
	if (d->ready)
		object_put(&d->ready->object);
	if (d->flags & DESC_NOTIFY_CLOSE) {
		struct endpoint *e = d->endpoint;

		d->endpoint = NULL;	/* in its queue: the two would keep each other */
		d->close.badge = d->cookie;
		endpoint_notify(e, &d->close, NOTICE_CLOSE);
		object_put(&e->object);
	} else {
		descriptor_free(d);
	}
}

void descriptor_close_delivered(struct notice *n)
{
	descriptor_free(container_of(n, struct descriptor, close));
}

/* --- what others ask ------------------------------------------------------------------------------------------------ */

struct content *descriptor_content(struct object *o, uint32_t *flags, uint64_t *cookie, uint64_t *endpoint_koid)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	if (d->kind != OBJ_CONTENT)
		return NULL;
	*flags = d->flags;
	*cookie = d->cookie;
	*endpoint_koid = d->endpoint ? d->endpoint->object.koid : 0;
	return container_of(d->data, struct content, object);
}

bool descriptor_route(struct object *o, struct endpoint **e, uint64_t *cookie, uint32_t *flags)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	*e = d->endpoint;
	*cookie = d->cookie;
	*flags = d->flags;
	return d->endpoint != NULL;
}

void descriptor_fill_info(struct object *o, struct handle_info *info, struct task *asker)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	info->desc_flags = d->flags;
	info->object_type = d->kind;
	info->offset = d->offset;
	info->object_koid = d->data ? d->data->koid : o->koid;
	if (d->endpoint && d->endpoint->owner_koid == asker->object.koid)
		info->cookie = d->cookie;
}

uint32_t descriptor_ready(struct descriptor *d)
{
	if (d->ready)
		return counter_ready(d->ready);
	switch (d->kind) {
	case OBJ_PIPE:
		return pipe_ready(container_of(d->data, struct pipe, object), d->flags);
	case OBJ_COUNTER:
		return counter_ready(container_of(d->data, struct counter, object));
	case OBJ_WAITSET:
		return waitset_ready(d->data);
	default:
		return POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM;
	}
}

struct observers *descriptor_observers(struct descriptor *d, struct spinlock **lock)
{
	struct counter *c = d->ready;

	if (d->kind == OBJ_WAITSET && !c)
		return waitset_observers(d->data, lock);
	if (d->kind == OBJ_PIPE && !c) {
		*lock = &d->data->lock;
		return &container_of(d->data, struct pipe, object)->observers;
	}
	if (!c && d->kind == OBJ_COUNTER)
		c = container_of(d->data, struct counter, object);
	if (!c)
		return NULL;
	*lock = &c->object.lock;
	return &c->observers;
}

/* --- moving data ------------------------------------------------------------------------------------------------------- */

/* Nobody else can move the offset: one slot, this operation, and a table of one thread (and its task). */
static bool offset_mine(struct descriptor *d) { return d->object.refs <= 2 && current->table->object.refs <= 2; }

/* 0, E_INTERRUPTED or E_GONE. */
static status_t offset_lock(struct descriptor *d)
{
	struct waiter w;
	status_t s = 0;

	if (offset_mine(d))
		return 0;
	spin_lock(&d->object.lock);
	while (d->offset_holder && !s) {
		waiter_add(&d->offset_waiters, &w);
		s = thread_wait(&w, &d->object.lock, DEADLINE_NEVER);
	}
	if (!d->offset_holder) {
		d->offset_holder = current;
		s = 0;
	}
	spin_unlock(&d->object.lock);
	return s;
}

static void offset_unlock(struct descriptor *d)
{
	if (d->offset_holder != current)	/* it was nobody else's at the start */
		return;
	spin_lock(&d->object.lock);
	d->offset_holder = NULL;
	waitqueue_wake_one(&d->offset_waiters, 0);
	spin_unlock(&d->object.lock);
}

static int64_t content_stream(struct descriptor *d, struct user_iter *it, uint64_t *offset, bool write)
{
	struct content *c = container_of(d->data, struct content, object);
	uint64_t done = 0;
	int64_t n = 0;

	while (it->left) {
		uint64_t user = it->base, want = it->len, end = 0;

		if (write) {
			n = content_write(c, d->flags & DESC_APPEND ? OFFSET_OWN : *offset, user, want,
					  current->task->ceiling_file_size, &end);
			if (n > 0)
				*offset = end;
		} else {
			n = content_read(c, *offset, user, want);
			if (n > 0)
				*offset += (uint64_t)n;
		}
		if (n <= 0)
			break;
		done += (uint64_t)n;
		iter_forward(it, (uint64_t)n);
		if ((uint64_t)n < want)
			break;
	}
	return done ? (int64_t)done : n;
}

/* The same at the Descriptor's own offset. */
static int64_t content_stream_own(struct descriptor *d, struct user_iter *it, bool write)
{
	int64_t n = offset_lock(d);

	REQUIRE(n == 0, n);
	n = content_stream(d, it, &d->offset, write);
	offset_unlock(d);
	return n;
}

static int64_t counter_stream(struct descriptor *d, struct user_iter *it, uint64_t deadline, bool write)
{
	struct counter *c = container_of(d->data, struct counter, object);
	uint64_t value = 0;
	status_t s;

	REQUIRE(it->len >= 8, E_INVAL);
	if (write) {
		REQUIRE(user_copy_in(&value, it->base, 8) == 0, E_FAULT);
		REQUIRE(value <= COUNTER_MAX, E_INVAL);
		s = counter_add(c, value, deadline);
	} else {
		s = user_fault_in(it->base, 8, true);
		if (!s)
			s = counter_take(c, deadline, &value);
		if (!s && user_copy_out(it->base, &value, 8))
			s = E_FAULT;
	}
	return s ? s : 8;
}

static int64_t zero_fill(struct user_iter *it)
{
	uint64_t done = 0;

	while (it->left) {
		uint64_t n = MIN(it->len, 1ull << 20);

		if (user_clear(it->base, n))
			return done ? (int64_t)done : E_FAULT;
		iter_forward(it, n);
		done += n;
		if (it->left && !preempt_point())
			break;
	}
	return (int64_t)done;
}

static int64_t random_stream(struct user_iter *it)
{
	uint64_t done = 0;

	while (it->left) {
		int64_t n = sys_random_fill(it->base, MIN(it->len, 65536ull));

		if (n <= 0)
			return done ? (int64_t)done : n;
		iter_forward(it, (uint64_t)n);
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

static int64_t stream_read(struct descriptor *d, struct user_iter *it, uint64_t deadline)
{
	switch (d->kind) {
	case OBJ_CONTENT:
		return content_stream_own(d, it, false);
	case OBJ_PIPE:
		return pipe_read(container_of(d->data, struct pipe, object), it, deadline);
	case OBJ_COUNTER:
		return counter_stream(d, it, deadline, false);
	case OBJ_NULL:
		return 0;
	case OBJ_ZERO:
	case OBJ_FULL:
		return zero_fill(it);
	case OBJ_RANDOM:
		return random_stream(it);
	case OBJ_WAITSET:
		return E_INVAL;
	default:
		return E_NOT_HERE;
	}
}

static int64_t stream_write(struct descriptor *d, struct user_iter *it, uint64_t deadline)
{
	switch (d->kind) {
	case OBJ_CONTENT:
		return content_stream_own(d, it, true);
	case OBJ_PIPE:
		return pipe_write(container_of(d->data, struct pipe, object), it, deadline);
	case OBJ_COUNTER:
		return counter_stream(d, it, deadline, true);
	case OBJ_NULL:
	case OBJ_ZERO:
	case OBJ_RANDOM:
		return (int64_t)it->left;
	case OBJ_FULL:
		return E_NOSPACE;
	case OBJ_WAITSET:
		return E_INVAL;
	default:
		return E_NOT_HERE;
	}
}

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

/* --- the rest of the file calls --------------------------------------------------------------------------------------------- */

static status_t descriptor_get(uint64_t fd, struct descriptor **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)fd, OBJ_DESCRIPTOR, 0, &o);

	if (!s)
		*out = container_of(o, struct descriptor, object);
	return s;
}

/* lseek(2) on a Content: everything below the size is data, in pages. */
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
		to = offset;
		break;
	case 4:
		REQUIRE(offset >= 0 && offset < size, E_NOENT);
		to = size;
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

#define FLAGS_CHANGEABLE (DESC_APPEND | DESC_NONBLOCK | 0xffff0000u)

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
