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

static void call_revoked(uint64_t endpoint, uint64_t unused)
{
	(void)unused;
	ipc_begin(1);
	rt_exit(tess_ipc_call((handle_t)endpoint, DEADLINE_NEVER) == E_REVOKED ? 60 : 61);
}

static void wait_revoked(uint64_t counter, uint64_t unused)
{
	(void)unused;
	rt_exit(tess_counter_wait((handle_t)counter, DEADLINE_NEVER) == E_REVOKED ? 60 : 61);
}

static bool thread_blocked(const struct child *child)
{
	struct thread_info info;

	return tess_thread_query(child->task, 0, &info) == 0 && info.state == THREAD_STATE_BLOCKED;
}

/* One of a child that waits for an answer, the other of one that sleeps on a counter. */
static void the_end_of_a_lease_wakes_who_sleeps(void)
{
	handle_t notify = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 0, 0));

	for (int calls = 0; calls < 2; calls++) {
		handle_t lease = NEED_HANDLE(tess_lease_create(H_SELF));
		handle_t lent = NEED_HANDLE(tess_lease_grant(lease, calls ? endpoint : counter, RIGHTS_ALL));
		uint64_t give_up = rt_mono_ns() + TIMEOUT_NS;
		struct child child;
		int64_t token = 0;

		NEED(child_create(&child, 2 << 20, notify, 8));
		NEED(child_run(&child, calls ? call_revoked : wait_revoked, (uint64_t)NEED(child_give(&child, lent)), 0));
		if (calls)
			token = NEED(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS));
		while (!thread_blocked(&child) && rt_mono_ns() < give_up)
			tess_thread_yield();
		CHECK_IS(tess_lease_end(lease), 0);
		CHECK(notice_wait(notify) == NOTICE_DEATH && utcb()->msg.words[0] == 60);
		ipc_begin(0);
		if (calls)
			CHECK_IS(tess_ipc_reply(endpoint, (uint64_t)token), E_GONE);
		child_drop(&child);
		tess_handle_close(lent);
		tess_handle_close(lease);
	}
	tess_handle_close(counter);
	tess_handle_close(endpoint);
	tess_handle_close(notify);
}

/* The server closes what it could have received by; a call is queued, another received. */
static void close_and_wait(uint64_t endpoint, uint64_t counter)
{
	tess_ipc_recv((handle_t)endpoint, DEADLINE_NEVER);
	tess_counter_wait((handle_t)counter, DEADLINE_NEVER);
	tess_handle_close((handle_t)endpoint);
	tess_counter_wait((handle_t)counter, DEADLINE_NEVER);
}

static void calls_end_with_the_last_capability_to_receive(void)
{
	handle_t notify = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t receiving = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t endpoint = NEED_HANDLE(tess_handle_copy(receiving, RIGHT_CALL | RIGHT_COPY, 0));
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 0, COUNTER_SEMAPHORE));
	struct child server, client[2];

	NEED(child_create(&server, 2 << 20, H_NONE, 0));
	NEED(child_run(&server, close_and_wait, (uint64_t)NEED(child_give(&server, receiving)),
		       (uint64_t)NEED(child_give(&server, counter))));
	NEED(tess_handle_close(receiving));
	for (int i = 0; i < 2; i++) {
		uint64_t give_up = rt_mono_ns() + TIMEOUT_NS;

		NEED(child_create(&client[i], 2 << 20, notify, 8));
		NEED(child_run(&client[i], call_once, (uint64_t)NEED(child_give(&client[i], endpoint)), 0));
		while (!thread_blocked(&client[i]) && rt_mono_ns() < give_up)
			tess_thread_yield();
	}
	NEED(tess_counter_signal(counter, 1));
	for (int i = 0; i < 2; i++)
		CHECK(notice_wait(notify) == NOTICE_DEATH && utcb()->msg.words[0] == 50);
	ipc_begin(0);
	CHECK_IS(tess_ipc_call(endpoint, DEADLINE_NEVER), E_GONE);
	for (int i = 0; i < 2; i++)
		child_drop(&client[i]);
	child_drop(&server);
	tess_handle_close(counter);
	tess_handle_close(endpoint);
	tess_handle_close(notify);
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

/* Is it in the ring of some CPU, and are the times of each in order?  The last may be torn: of another CPU. */
static bool traced(handle_t platform, enum trace_event event, uint64_t a)
{
	static struct trace_entry entries[1024];
	bool found = false;
	int64_t n;

	for (uint64_t cpu = 0; (n = tess_trace_read(platform, cpu, entries, 1024)) >= 0; cpu++)
		for (int64_t i = 0; i < n; i++) {
			found |= entries[i].event == event && entries[i].a == a;
			CHECK(i == 0 || i == n - 1 || entries[i].time_ns >= entries[i - 1].time_ns);
		}
	CHECK_IS(n, E_INVAL);
	return found;
}

static void the_trace_tells_faults_and_switches(void)
{
	handle_t platform = rt_grant_need("platform"), endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	volatile uint8_t *page = rt_pages_map(PAGE_SIZE);

	CHECK(!traced(platform, TRACE_FAULT, (uint64_t)page));
	page[0] = 1;
	CHECK(traced(platform, TRACE_FAULT, (uint64_t)page));
	one_life(endpoint, 4711);
	CHECK(traced(platform, TRACE_SWITCH, 4711));
	CHECK_IS(tess_trace_read(platform, 0, (void *)8, 1), E_FAULT);
	rt_pages_unmap((void *)page, PAGE_SIZE);
	tess_handle_close(endpoint);
}

const struct test tests_life[] = {
	{ "a task's exit code reaches its parent", an_exit_code_reaches_the_parent },
	{ "a fault is a notice and stops the thread", a_fault_is_a_notice_and_stops_the_thread },
	{ "a task that never calls can be killed", a_spinning_task_can_be_killed },
	{ "answering a dead caller is E_GONE", answering_a_dead_caller_is_gone },
	{ "a call ends with E_GONE when its server dies", calls_end_when_the_server_dies },
	{ "calls end with the last capability to receive", calls_end_with_the_last_capability_to_receive },
	{ "the end of a lease wakes who sleeps under it", the_end_of_a_lease_wakes_who_sleeps },
	{ "a pool holds its limit", a_pool_holds_its_limit },
	{ "a dead task takes no capability and no thread", a_dead_task_takes_nothing },
	{ "the trace tells faults and switches", the_trace_tells_faults_and_switches },
	{ "a thousand tasks leave no object and no frame behind", a_thousand_lives_leave_nothing },
	{ NULL, NULL },
};
