/*
 * life.c -- tasks are born and die, quotas hold, and afterwards everything is as before.
 */
#include "selftest.h"

#define TIMEOUT_NS	5000000000ull
#define ROUNDS		1000
#define FRAMES_SLACK	64		/* caches of the kernel's own may have grown */

/* The next notice, which has to come; its kind. */
static uint32_t notice_wait(handle_t endpoint)
{
	int64_t token = tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS);

	CHECK_IS(token, 0);
	return token == 0 ? utcb()->msg.via : 0;
}

static void end_with(uint64_t code, uint64_t unused)
{
	(void)unused;
	rt_exit((int)code);
}

static void an_exit_code_reaches_the_parent(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct child child;

	NEED(child_create(&child, 2 << 20, endpoint, 5));
	NEED(child_run(&child, end_with, 77, 0));
	CHECK(notice_wait(endpoint) == NOTICE_DEATH);
	CHECK(utcb()->msg.badge == 5 && utcb()->msg.words[0] == 77);
	child_drop(&child);
	tess_handle_close(endpoint);
}

static void fault_at(uint64_t address, uint64_t unused)
{
	(void)unused;
	*(volatile uint8_t *)address = 1;
}

static void a_fault_is_a_notice_and_stops_the_thread(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct child child;

	NEED(child_create(&child, 2 << 20, endpoint, 6));
	NEED(child_run(&child, fault_at, 0x123000, 0));
	CHECK(notice_wait(endpoint) == NOTICE_FAULT);
	CHECK(utcb()->msg.words[1] == 14 && utcb()->msg.words[2] == 0x123000);
	CHECK_IS(tess_task_kill(child.task, 9), 0);
	CHECK(notice_wait(endpoint) == NOTICE_DEATH && utcb()->msg.words[0] == 9);
	child_drop(&child);
	tess_handle_close(endpoint);
}

static void spin(uint64_t unused, uint64_t unused2)
{
	(void)unused;
	(void)unused2;
	for (;;)
		__asm__ volatile("pause");
}

static void a_spinning_task_can_be_killed(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct child child;

	NEED(child_create(&child, 2 << 20, endpoint, 7));
	NEED(child_run(&child, spin, 0, 0));
	tess_ipc_recv(endpoint, rt_mono_ns() + 30000000);	/* let it run */
	CHECK_IS(tess_task_kill(child.task, 1), 0);
	CHECK(notice_wait(endpoint) == NOTICE_DEATH);
	child_drop(&child);
	tess_handle_close(endpoint);
}

static void call_once(uint64_t endpoint, uint64_t unused)
{
	(void)unused;
	ipc_begin(1);
	rt_exit(tess_ipc_call((handle_t)endpoint, DEADLINE_NEVER) == E_GONE ? 50 : 51);
}

static void answering_a_dead_caller_is_gone(void)
{
	handle_t notify = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct child child;
	int64_t token;

	NEED(child_create(&child, 2 << 20, notify, 8));
	NEED(child_run(&child, call_once, (uint64_t)NEED(child_give(&child, endpoint)), 0));
	token = NEED(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS));
	CHECK(token > 0 && utcb()->msg.sender_badge == 8 && utcb()->msg.words[0] == 1);
	CHECK_IS(tess_task_kill(child.task, 1), 0);
	CHECK(notice_wait(notify) == NOTICE_DEATH);
	ipc_begin(0);
	CHECK_IS(tess_ipc_reply(endpoint, (uint64_t)token), E_GONE);
	child_drop(&child);
	tess_handle_close(endpoint);
	tess_handle_close(notify);
}

/* Receives one call and dies without an answer. */
static void receive_and_die(uint64_t endpoint, uint64_t unused)
{
	(void)unused;
	tess_ipc_recv((handle_t)endpoint, DEADLINE_NEVER);
}

static void calls_end_when_the_server_dies(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct child child;

	NEED(child_create(&child, 2 << 20, H_NONE, 0));
	NEED(child_run(&child, receive_and_die, (uint64_t)NEED(child_give(&child, endpoint)), 0));
	ipc_begin(1);
	CHECK_IS(tess_ipc_call(endpoint, rt_mono_ns() + TIMEOUT_NS), E_GONE);
	child_drop(&child);
	tess_handle_close(endpoint);
}

static void touch_pages(uint64_t npages, uint64_t unused)
{
	uint8_t *p = rt_pages_map(npages * PAGE_SIZE);

	(void)unused;
	for (uint64_t i = 0; p && i < npages; i++)
		*(volatile uint8_t *)(p + i * PAGE_SIZE) = 1;
	rt_exit(p ? 0 : 12);
}

static void a_pool_holds_its_limit(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct pool_info info = { 0 };
	struct child child;
	uint32_t kind;

	NEED(child_create(&child, 1 << 20, endpoint, 9));
	NEED(child_run(&child, touch_pages, 4096, 0));
	kind = notice_wait(endpoint);
	CHECK(kind == NOTICE_MEMORY || kind == NOTICE_DEATH);
	CHECK_IS(tess_pool_query(child.pool, &info), 0);
	CHECK(info.peak_bytes <= info.limit_bytes && info.limit_bytes == 1 << 20);
	if (kind == NOTICE_MEMORY) {
		CHECK_IS(tess_task_kill(child.task, 1), 0);
		do
			kind = notice_wait(endpoint);
		while (kind == NOTICE_MEMORY);
		CHECK(kind == NOTICE_DEATH);
	}
	child_drop(&child);
	tess_handle_close(endpoint);
}

static void a_dead_task_takes_nothing(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct child child;

	NEED(child_create(&child, 1 << 20, endpoint, 1));
	NEED(tess_task_kill(child.task, 0));
	CHECK(notice_wait(endpoint) == NOTICE_DEATH);
	CHECK_IS(tess_task_give(child.task, endpoint, RIGHT_CALL, 0), E_GONE);
	CHECK_IS(child_run(&child, end_with, 0, 0), E_GONE);
	CHECK_IS(tess_task_kill(child.task, 0), 0);
	child_drop(&child);
	tess_handle_close(endpoint);
}

static void one_life(handle_t endpoint, unsigned n)
{
	struct child child;

	NEED(child_create(&child, 2 << 20, endpoint, n));
	NEED(child_run(&child, end_with, 0, 0));
	CHECK(notice_wait(endpoint) == NOTICE_DEATH);
	child_drop(&child);
}

static void a_thousand_lives_leave_nothing(void)
{
	static struct system_info before, after;
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));

	for (unsigned i = 0; i < 50; i++)
		one_life(endpoint, i);
	NEED(tess_system_query(&before));
	for (unsigned i = 0; i < ROUNDS; i++)
		one_life(endpoint, i);
	objects_check(&before);
	NEED(tess_system_query(&after));
	if (!CHECK(after.frames_free + FRAMES_SLACK >= before.frames_free))
		rt_log("# free frames: %lu before, %lu after", before.frames_free, after.frames_free);
	tess_handle_close(endpoint);
}

const struct test tests_life[] = {
	{ "a task's exit code reaches its parent", an_exit_code_reaches_the_parent },
	{ "a fault is a notice and stops the thread", a_fault_is_a_notice_and_stops_the_thread },
	{ "a task that never calls can be killed", a_spinning_task_can_be_killed },
	{ "answering a dead caller is E_GONE", answering_a_dead_caller_is_gone },
	{ "a call ends with E_GONE when its server dies", calls_end_when_the_server_dies },
	{ "a pool holds its limit", a_pool_holds_its_limit },
	{ "a dead task takes no capability and no thread", a_dead_task_takes_nothing },
	{ "a thousand tasks leave no object and no frame behind", a_thousand_lives_leave_nothing },
	{ NULL, NULL },
};
