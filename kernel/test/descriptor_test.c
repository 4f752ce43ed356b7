/*
 * descriptor_test.c -- open file descriptions: access, offsets, vectors, close notices.
 */
#include "object_host.h"
#include "counter.h"
#include "descriptor.h"
#include "ipc.h"

static struct descriptor_args args(handle_t object, uint32_t flags)
{
	return (struct descriptor_args){ .object = object, .endpoint = H_NONE, .ready = H_NONE, .flags = flags, .user_flags = 1 };
}

static int64_t open_kind(uint32_t kind, uint32_t flags)
{
	struct descriptor_args a = args(H_NONE, flags);

	a.kind = kind;
	return sys_descriptor_create(USER(&a));
}

/* object_host.c's content of 64 bytes */
static handle_t content_make(void)
{
	static struct vmo vmo = { .size = 64 };
	struct content *c = object_alloc(root_pool, OBJ_CONTENT, sizeof(*c), RANK_OBJECT);

	c->vmo = &vmo;
	return (handle_t)handle_install(false, &c->object, RIGHTS_ALL, 0);
}

static int64_t file_open(handle_t content, uint32_t flags)
{
	struct descriptor_args a = args(content, flags);

	return sys_descriptor_create(USER(&a));
}

static void specials(void)
{
	char buf[16];
	int64_t null = open_kind(OBJ_NULL, DESC_READ | DESC_WRITE), zero = open_kind(OBJ_ZERO, DESC_READ | DESC_WRITE);
	int64_t full = open_kind(OBJ_FULL, DESC_READ | DESC_WRITE), none = open_kind(OBJ_NONE, DESC_READ);

	memset(buf, 1, sizeof(buf));
	CHECK(sys_descriptor_read((uint64_t)null, USER(buf), 16, 0) == 0 && sys_descriptor_write((uint64_t)null, USER(buf), 16, 0) == 16);
	CHECK(sys_descriptor_read((uint64_t)zero, USER(buf), 15, 0) == 15 && buf[14] == 0 && buf[15] == 1);
	CHECK(sys_descriptor_write((uint64_t)full, USER(buf), 1, 0) == E_NOSPACE);
	CHECK(sys_descriptor_read((uint64_t)none, USER(buf), 1, 0) == E_NOT_HERE &&
	      sys_descriptor_write((uint64_t)none, USER(buf), 1, 0) == E_RIGHTS);
	CHECK(sys_descriptor_read((uint64_t)zero, 8, 8, 0) == E_FAULT && sys_descriptor_read(50, USER(buf), 1, 0) == E_HANDLE);
	CHECK(open_kind(OBJ_TASK, DESC_READ) == E_INVAL);
	sys_handle_close_range(0, 63, 0);
}

static void offsets(void)
{
	handle_t c = content_make();
	int64_t fd = file_open(c, DESC_READ | DESC_WRITE), ro = file_open(c, DESC_READ), dup;
	char buf[8];

	CHECK(sys_descriptor_write((uint64_t)fd, USER("abcdef"), 6, 0) == 6 && sys_descriptor_read((uint64_t)ro, USER(buf), 3, 0) == 3);
	CHECK(!memcmp(buf, "abc", 3) && sys_descriptor_seek((uint64_t)ro, 0, 1) == 3 && sys_descriptor_seek((uint64_t)fd, 0, 1) == 6);
	CHECK(sys_descriptor_write((uint64_t)ro, USER(buf), 1, 0) == E_RIGHTS);
	dup = sys_handle_dup((uint64_t)ro, 0, 0);			/* one offset for both */
	CHECK(sys_descriptor_read((uint64_t)dup, USER(buf), 2, 0) == 2 && buf[0] == 'd' && sys_descriptor_seek((uint64_t)ro, 0, 1) == 5);
	CHECK(sys_descriptor_read_at((uint64_t)ro, USER(buf), 1, 1) == 1 && buf[0] == 'b' && sys_descriptor_seek((uint64_t)ro, 0, 1) == 5);
	CHECK(sys_descriptor_read_at((uint64_t)ro, USER(buf), 1, ~0ull) == E_INVAL);
	CHECK(sys_descriptor_seek((uint64_t)ro, (uint64_t)-6, 1) == E_INVAL &&
	      sys_descriptor_seek((uint64_t)ro, INT64_MAX, 1) == E_OVERFLOW);
	CHECK(sys_descriptor_seek((uint64_t)ro, (uint64_t)-4, 2) == 60 && sys_descriptor_read((uint64_t)ro, USER(buf), 8, 0) == 4);
	sys_handle_close(c);
	sys_handle_close_range(0, 63, 0);
}

static void vectors(void)
{
	handle_t c = content_make();
	int64_t fd = file_open(c, DESC_READ | DESC_WRITE);
	char a[4], b[4];
	struct iovec_abi iov[3] = { { USER("12"), 2 }, { 0, 0 }, { USER("3456"), 4 } };

	CHECK(sys_descriptor_writev((uint64_t)fd, USER(iov), 3, OFFSET_OWN, 0) == 6);
	iov[0] = (struct iovec_abi){ USER(a), 4 };
	iov[2] = (struct iovec_abi){ USER(b), 2 };
	CHECK(sys_descriptor_readv((uint64_t)fd, USER(iov), 3, 0, 0) == 6 && !memcmp(a, "1234", 4) && !memcmp(b, "56", 2));
	iov[2].base = USER_TOP;
	CHECK(sys_descriptor_readv((uint64_t)fd, USER(iov), 3, 0, 0) == E_FAULT);
	CHECK(sys_descriptor_readv((uint64_t)fd, USER(iov), IOV_LIMIT + 1, 0, 0) == E_INVAL);
	CHECK(sys_descriptor_readv((uint64_t)fd, 8, 1, 0, 0) == E_FAULT && sys_descriptor_readv((uint64_t)fd, USER(iov), 0, 0, 0) == 0);
	sys_handle_close(c);
	sys_handle_close((uint64_t)fd);
}

/* A capability that may only read makes no Descriptor that writes; one that is executed has no writers. */
static void access_checked(void)
{
	handle_t c = content_make();
	int64_t reader = sys_handle_copy(c, RIGHT_READ, 0), fd;
	struct object *o;

	CHECK(file_open((handle_t)reader, DESC_READ | DESC_WRITE) == E_RIGHTS);
	fd = file_open((handle_t)reader, DESC_READ);
	CHECK(fd >= 0);
	CHECK(handle_get(c, OBJ_CONTENT, 0, &o) == 0);
	container_of(o, struct content, object)->deny_write = 1;
	CHECK(file_open(c, DESC_WRITE) == E_TXTBUSY && container_of(o, struct content, object)->writers == 0);
	object_put(o);
	sys_handle_close(c), sys_handle_close((uint64_t)reader), sys_handle_close((uint64_t)fd);
}

static void eventfd(void)
{
	uint64_t v = 5;
	int64_t c = sys_counter_create(H_SELF, 0, 0), fd = file_open((handle_t)c, DESC_READ | DESC_WRITE | DESC_NONBLOCK);

	CHECK(sys_descriptor_read((uint64_t)fd, USER(&v), 8, DEADLINE_NEVER) == E_AGAIN);
	CHECK(sys_descriptor_write((uint64_t)fd, USER(&v), 8, DEADLINE_NEVER) == 8 &&
	      sys_descriptor_write((uint64_t)fd, USER(&v), 4, 0) == E_INVAL);
	v = ~0ull;
	CHECK(sys_descriptor_write((uint64_t)fd, USER(&v), 8, 0) == E_INVAL);
	v = COUNTER_MAX;
	CHECK(sys_descriptor_write((uint64_t)fd, USER(&v), 8, 0) == E_AGAIN);
	CHECK(sys_descriptor_read((uint64_t)fd, USER(&v), 8, 0) == 8 && v == 5);
	sys_handle_close((uint64_t)c), sys_handle_close((uint64_t)fd);
}

static void close_notices(void)
{
	int64_t e = sys_endpoint_create(H_SELF), fd, copy;
	struct descriptor_args a = args(H_NONE, DESC_READ | DESC_NOTIFY_CLOSE);
	struct ipc_message *m = &current->arch.utcb->msg;
	uint64_t objects = host_objects();

	a.endpoint = (handle_t)e;
	a.cookie = 4711;
	fd = sys_descriptor_create(USER(&a));
	copy = sys_handle_dup((uint64_t)fd, 0, 0);
	sys_handle_close((uint64_t)fd);
	CHECK(sys_ipc_recv((uint64_t)e, 0) == E_TIMEDOUT);
	sys_handle_close((uint64_t)copy);
	CHECK(sys_ipc_recv((uint64_t)e, 0) == 0 && m->via == NOTICE_CLOSE && m->badge == 4711);
	CHECK(sys_ipc_recv((uint64_t)e, 0) == E_TIMEDOUT && host_objects() == objects);
	fd = sys_descriptor_create(USER(&a));
	sys_handle_close((uint64_t)fd);
	sys_handle_close((uint64_t)e);		/* the notice is never taken */
	host_pass(10000000);
	CHECK(host_objects() == objects - 1);
}

/* At the end of a long chain of ends it is put off, and its koid is used for that: the notice has the true one. */
static void close_put_off(void)
{
	int64_t e = sys_endpoint_create(H_SELF), c = sys_counter_create(H_SELF, 0, 0), fd;
	struct descriptor_args a = args(H_NONE, DESC_READ | DESC_NOTIFY_CLOSE);
	struct ipc_message *m = &current->arch.utcb->msg;
	struct handle_info info;

	a.endpoint = (handle_t)e;
	fd = sys_descriptor_create(USER(&a));
	CHECK(sys_handle_query((uint64_t)fd, USER(&info)) == 0 && info.koid);
	current->release_depth = 100;
	sys_handle_close((uint64_t)fd);
	current->release_depth = 0;
	CHECK(sys_ipc_recv((uint64_t)e, 0) == E_TIMEDOUT);
	sys_handle_close((uint64_t)c);		/* the outermost end */
	CHECK(sys_ipc_recv((uint64_t)e, 0) == 0 && m->via == NOTICE_CLOSE && m->words[0] == info.koid);
	sys_handle_close((uint64_t)e);
}

static uint64_t shared_fd;
static int64_t got[2];
static char where[2][4];
static void read_two(void *n) { got[(uint64_t)n] = sys_descriptor_read(shared_fd, USER(where[(uint64_t)n]), 2, 0); }

static void threads_share(void)
{
	handle_t c = content_make();
	struct thread *t[2];

	shared_fd = (uint64_t)file_open(c, DESC_READ | DESC_WRITE);
	sys_descriptor_write(shared_fd, USER("abcd"), 4, 0);
	sys_descriptor_seek(shared_fd, 0, 0);
	for (uint64_t i = 0; i < 2; i++)
		t[i] = host_thread(read_two, (void *)i);
	host_run();
	CHECK(got[0] == 2 && got[1] == 2 && memcmp(where[0], where[1], 2) && sys_descriptor_seek(shared_fd, 0, 1) == 4);
	host_end(t[0]), host_end(t[1]);
	sys_handle_close(c), sys_handle_close(shared_fd);
}

static void no_memory(void)
{
	uint64_t objects = host_objects();
	handle_t c = content_make();

	for (int n = 0; n < 3; n++) {
		int64_t fd;

		host_fail_after = n;
		fd = file_open(c, DESC_READ | DESC_WRITE);
		host_fail_after = -1;
		if (fd >= 0)
			sys_handle_close((uint64_t)fd);
		else
			CHECK(fd == E_NOMEM);
	}
	sys_handle_close(c);
	CHECK(host_objects() == objects);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "null, zero, full and what the server holds", specials },
		{ "an offset is the description's, whoever moves it", offsets },
		{ "vectors are one stream, checked as a whole", vectors },
		{ "rights and the access mode are checked", access_checked },
		{ "a counter reads and writes as an eventfd", eventfd },
		{ "the last close is told to the server, once", close_notices },
		{ "a close that is put off is told with the descriptor's koid", close_put_off },
		{ "two threads read one description without overlap", threads_share },
		{ "a failed allocation leaves nothing behind", no_memory },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
