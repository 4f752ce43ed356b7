/*
 * waitset_test.c -- wait sets: level, edge, one-shot, nests, and ends in any order.
 */
#include "object_host.h"

static uint32_t a[2], b[2];
static struct waitset_event ev[8];

static uint64_t set_fd(void)
{
	int64_t ws = sys_waitset_create(H_SELF), fd;
	struct descriptor_args args = { .object = (handle_t)ws, .endpoint = H_NONE, .ready = H_NONE, .flags = DESC_READ,
					.user_flags = 1 };

	CHECK(ws >= 0);
	fd = sys_descriptor_create(USER(&args));
	CHECK(fd >= 0 && sys_handle_close((uint64_t)ws) == 0);
	return (uint64_t)fd;
}

static void pipes_open(void)
{
	CHECK(sys_pipe_create(0, USER(a)) == 0 && sys_pipe_create(0, USER(b)) == 0);
}
static void close2(uint32_t *p) { sys_handle_close(p[0]), sys_handle_close(p[1]); }
static void put(uint32_t *p) { CHECK(sys_descriptor_write(p[1], USER("x"), 1, 0) == 1); }
static void get(uint32_t *p)
{
	char c;

	CHECK(sys_descriptor_read(p[0], USER(&c), 1, 0) == 1);
}
static int64_t look(uint64_t ws) { return sys_waitset_wait(ws, USER(ev), 8, 0); }

static void level(void)
{
	uint64_t ws = set_fd();

	pipes_open();
	CHECK(sys_waitset_change(ws, WAITSET_ADD, a[0], POLL_IN, 1) == 0 && sys_waitset_change(ws, WAITSET_ADD, b[0], POLL_IN, 2) == 0);
	CHECK(sys_waitset_change(ws, WAITSET_ADD, a[0], POLL_IN, 1) == E_EXIST);
	CHECK(look(ws) == 0);
	put(a);
	CHECK(look(ws) == 1 && ev[0].data == 1 && ev[0].events == POLL_IN && look(ws) == 1);
	put(b);
	CHECK(look(ws) == 2 && sys_waitset_wait(ws, USER(ev), 1, 0) == 1);
	get(a);
	CHECK(look(ws) == 1 && ev[0].data == 2);
	CHECK(sys_waitset_change(ws, WAITSET_REMOVE, b[0], 0, 0) == 0 && look(ws) == 0);
	CHECK(sys_waitset_change(ws, WAITSET_REMOVE, b[0], 0, 0) == E_NOENT);
	CHECK(sys_waitset_wait(ws, USER(ev), 0, 0) == E_INVAL);
	close2(a), close2(b), sys_handle_close(ws);
}

static void edge_and_oneshot(void)
{
	uint64_t ws = set_fd();

	pipes_open();
	sys_waitset_change(ws, WAITSET_ADD, a[0], POLL_IN | WAITSET_EDGE, 1);
	sys_waitset_change(ws, WAITSET_ADD, b[0], POLL_IN | WAITSET_ONESHOT, 2);
	put(a);
	CHECK(look(ws) == 1 && look(ws) == 0);
	put(a);
	CHECK(look(ws) == 1);
	put(b);
	CHECK(look(ws) == 1 && ev[0].data == 2);
	put(b);
	CHECK(look(ws) == 0);
	CHECK(sys_waitset_change(ws, WAITSET_MODIFY, b[0], POLL_IN | WAITSET_ONESHOT, 3) == 0 && look(ws) == 1 && ev[0].data == 3);
	close2(a), close2(b), sys_handle_close(ws);
}

/* The descriptor goes first, or the set; a duplicate keeps the entry alive. */
static void ends(void)
{
	uint64_t ws = set_fd();
	int64_t copy;

	pipes_open();
	sys_waitset_change(ws, WAITSET_ADD, a[0], POLL_IN, 1);
	put(a);
	copy = sys_handle_dup(a[0], 0, 0);
	sys_handle_close(a[0]);
	CHECK(look(ws) == 1);
	sys_handle_close((uint64_t)copy);
	CHECK(look(ws) == 0);
	sys_waitset_change(ws, WAITSET_ADD, b[0], POLL_IN, 1);
	sys_handle_close(ws);
	put(b);
	sys_handle_close(a[1]), close2(b);
}

static void nested(void)
{
	uint64_t ws[8], n;

	pipes_open();
	for (n = 0; n < 8; n++)
		ws[n] = set_fd();
	CHECK(sys_waitset_change(ws[0], WAITSET_ADD, a[0], POLL_IN, 10) == 0);
	for (n = 1; n < 8; n++)
		if (sys_waitset_change(ws[n], WAITSET_ADD, (uint32_t)ws[n - 1], POLL_IN, n))
			break;
	CHECK(n == 5);				/* four above the lowest */
	CHECK(sys_waitset_change(ws[0], WAITSET_ADD, (uint32_t)ws[n - 1], POLL_IN, 0) == E_INVAL);	/* a cycle */
	CHECK(sys_waitset_change(ws[0], WAITSET_ADD, (uint32_t)ws[0], POLL_IN, 0) == E_INVAL);
	CHECK(look(ws[4]) == 0);
	put(a);
	CHECK(look(ws[4]) == 1 && ev[0].data == 4);
	get(a);
	CHECK(look(ws[0]) == 0);
	for (n = 0; n < 8; n++)
		sys_handle_close(ws[n]);
	close2(a), close2(b);
}

static int64_t result;
static void waiter(void *ws) { result = sys_waitset_wait((uint64_t)ws, USER(ev), 8, host_time + 1000); }

static void sleep_and_wake(void)
{
	uint64_t ws = set_fd();
	struct thread *t;

	pipes_open();
	sys_waitset_change(ws, WAITSET_ADD, a[0], POLL_IN, 1);
	t = host_thread(waiter, (void *)ws);
	host_run();
	put(a);
	host_run();
	CHECK(result == 1);
	host_end(t);
	get(a);
	t = host_thread(waiter, (void *)ws);
	host_run();
	sys_waitset_change(ws, WAITSET_ADD, b[1], POLL_OUT, 2);		/* ready when it is added */
	host_run();
	CHECK(result == 1 && ev[0].data == 2);
	host_end(t);
	sys_waitset_change(ws, WAITSET_REMOVE, b[1], 0, 0);
	t = host_thread(waiter, (void *)ws);
	host_run();
	host_pass(1000);
	CHECK(result == 0);
	host_end(t);
	close2(a), close2(b), sys_handle_close(ws);
}

static void rights(void)
{
	int64_t ws = sys_waitset_create(H_SELF), weak = sys_handle_copy((uint64_t)ws, RIGHT_QUERY, 0);

	pipes_open();
	CHECK(sys_waitset_wait((uint64_t)weak, USER(ev), 1, 0) == E_RIGHTS);
	CHECK(sys_waitset_change((uint64_t)weak, WAITSET_ADD, a[0], POLL_IN, 0) == E_RIGHTS);
	CHECK(sys_waitset_wait(a[0], USER(ev), 1, 0) == E_INVAL);
	sys_handle_close((uint64_t)ws), sys_handle_close((uint64_t)weak), close2(a), close2(b);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a ready descriptor is told as long as it is ready", level },
		{ "an edge is told once, one-shot once until it is armed again", edge_and_oneshot },
		{ "descriptors and sets end in any order", ends },
		{ "sets nest four deep, never in a circle", nested },
		{ "a sleeper is woken by what becomes ready", sleep_and_wake },
		{ "the capability's rights are checked", rights },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
