/*
 * poll_test.c -- one wait for several descriptors.
 */
#include "object_host.h"

static uint32_t p[2];
static struct poll_item items[40];
static int64_t result;

static void waiter(void *count) { result = sys_descriptor_poll(USER(items), (uint64_t)count, host_time + 1000); }
static void put(void) { CHECK(sys_descriptor_write(p[1], USER("x"), 1, 0) == 1); }

static void looks(void)
{
	CHECK(sys_pipe_create(0, USER(p)) == 0);
	items[0] = (struct poll_item){ p[0], POLL_IN, 9 };
	items[1] = (struct poll_item){ p[1], POLL_OUT, 9 };
	items[2] = (struct poll_item){ (uint32_t)-1, POLL_IN, 9 };
	items[3] = (struct poll_item){ 60, POLL_IN, 9 };
	CHECK(sys_descriptor_poll(USER(items), 4, 0) == 2);
	CHECK(items[0].ready == 0 && items[1].ready == POLL_OUT && items[2].ready == 0 && items[3].ready == POLL_NVAL);
	put();
	CHECK(sys_descriptor_poll(USER(items), 1, 0) == 1 && items[0].ready == POLL_IN);
	sys_handle_close(p[1]);
	CHECK(sys_descriptor_poll(USER(items), 1, 0) == 1 && items[0].ready == (POLL_IN | POLL_HUP));
	CHECK(sys_descriptor_poll(USER(items), 65, 0) == E_INVAL && sys_descriptor_poll(8, 1, 0) == E_FAULT);
	sys_handle_close(p[0]);
}

static void sleeps(void)
{
	struct thread *t;

	CHECK(sys_pipe_create(0, USER(p)) == 0);
	for (int i = 0; i < 40; i++)			/* more than fit on the stack */
		items[i] = (struct poll_item){ p[0], POLL_IN, 0 };
	t = host_thread(waiter, (void *)40);
	host_run();
	CHECK(t->state == TS_BLOCKED);
	put();
	host_run();
	CHECK(result == 40 && items[39].ready == POLL_IN);
	host_end(t);
	sys_descriptor_read(p[0], USER(&items[39]), 1, 0);
	t = host_thread(waiter, (void *)1);
	host_run();
	host_pass(1000);
	CHECK(result == 0);
	host_end(t);
	t = host_thread(waiter, (void *)1);
	host_run();
	t->arch.utcb->latch = 1;
	thread_wake(t);
	host_run();
	CHECK(result == E_INTERRUPTED);
	host_end(t);
	sys_handle_close(p[0]), sys_handle_close(p[1]);
}

/* What is polled is closed meanwhile: the poll keeps it. */
static void closed(void)
{
	struct thread *t;

	CHECK(sys_pipe_create(0, USER(p)) == 0);
	items[0] = (struct poll_item){ p[0], POLL_IN, 0 };
	t = host_thread(waiter, (void *)1);
	host_run();
	sys_handle_close(p[0]);
	sys_handle_close(p[1]);
	host_run();
	CHECK(result == 1 && items[0].ready == POLL_HUP);
	host_end(t);
}

static void no_memory(void)
{
	CHECK(sys_pipe_create(0, USER(p)) == 0);
	for (int i = 0; i < 40; i++)
		items[i] = (struct poll_item){ p[0], POLL_IN, 0 };
	for (int n = 0; n < 2; n++) {
		host_fail_after = n;
		CHECK(sys_descriptor_poll(USER(items), 40, 1) == E_NOMEM);
		host_fail_after = -1;
	}
	sys_handle_close(p[0]), sys_handle_close(p[1]);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "what is ready is told at once, errors always", looks },
		{ "a sleeper is woken by data, deadline and latch", sleeps },
		{ "closing what is polled wakes and harms nobody", closed },
		{ "a failed allocation leaves nothing behind", no_memory },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
