/*
 * rights.c -- a capability gives what its rights say, and nothing names what it may not.
 */
#include "selftest.h"

static handle_t copy_with(handle_t h, uint32_t rights)
{
	return NEED_HANDLE(tess_handle_copy(h, rights, 0));
}

static void numbers_beyond_the_table_are_refused(void)
{
	CHECK_IS(native_call0(NR_CALLS), E_NOSYS);
	CHECK_IS(native_call0(NR_CALLS + 1000), E_NOSYS);
	CHECK_IS(native_call0(~(uint64_t)0), E_NOSYS);
	CHECK_IS(native_call0(1ull << 32), E_NOSYS);
	CHECK_IS(native_call0(0x8000000000000000ull), E_NOSYS);
	CHECK_IS(tess_null(), 0);
}

static void rights_are_needed(void)
{
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 1, 0));
	handle_t vmo = NEED_HANDLE(tess_vmo_create(H_SELF, PAGE_SIZE));
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t pool = NEED_HANDLE(tess_pool_create(rt_grant_need("pool"), 1 << 20));
	uint8_t byte = 0;
	handle_t h;

	h = copy_with(counter, RIGHT_READ | RIGHT_WAIT);
	CHECK_IS(tess_counter_signal(h, 1), E_RIGHTS);
	tess_handle_close(h);
	h = copy_with(counter, RIGHT_WRITE);
	CHECK_IS(tess_counter_signal(h, 1), 0);
	CHECK(tess_counter_wait(h, 0) == E_RIGHTS);
	tess_handle_close(h);
	h = copy_with(vmo, RIGHT_READ);
	CHECK_IS(tess_vmo_write(h, 0, &byte, 1), E_RIGHTS);
	CHECK_IS(tess_vmo_read(h, 0, &byte, 1), 1);
	CHECK(tess_vmo_resize(h, 0) == E_RIGHTS);
	CHECK(tess_vspace_map(H_SELF, 0, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI, h, 0) < 0);
	tess_handle_close(h);
	h = copy_with(vmo, RIGHT_READ | RIGHT_MAP);
	CHECK(tess_vspace_map(H_SELF, 0, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI, h, 0) < 0);
	CHECK(tess_vspace_map(H_SELF, 0, PAGE_SIZE, MAP_READ | MAP_EXEC | MAP_SHARED_ABI, h, 0) < 0);
	tess_handle_close(h);
	h = copy_with(endpoint, RIGHT_RECEIVE);
	ipc_begin(0);
	CHECK_IS(tess_ipc_call(h, 0), E_RIGHTS);
	tess_handle_close(h);
	h = copy_with(endpoint, RIGHT_CALL);
	CHECK_IS(tess_ipc_recv(h, 0), E_RIGHTS);
	tess_handle_close(h);
	h = copy_with(pool, RIGHT_QUERY);
	CHECK_IS(tess_pool_create(h, 4096), E_RIGHTS);
	CHECK_IS(tess_pool_limit(h, 4096), E_RIGHTS);
	CHECK_IS(tess_pool_destroy(h), E_RIGHTS);
	tess_handle_close(h);
	tess_handle_close(counter);
	tess_handle_close(vmo);
	tess_handle_close(endpoint);
	tess_handle_close(pool);
}

static void copies_never_gain_rights(void)
{
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 1, 0));
	handle_t weak = copy_with(counter, RIGHT_READ | RIGHT_COPY), again = copy_with(weak, RIGHTS_ALL);
	handle_t fixed = copy_with(counter, RIGHT_WRITE);
	struct handle_info info = { 0 };

	CHECK_IS(tess_handle_query(again, &info), 0);
	CHECK(info.rights == (RIGHT_READ | RIGHT_COPY) && info.type == OBJ_COUNTER);
	CHECK_IS(tess_counter_signal(again, 1), E_RIGHTS);
	CHECK_IS(tess_handle_copy(fixed, RIGHTS_ALL, 0), E_RIGHTS);
	tess_handle_close(counter);
	tess_handle_close(weak);
	tess_handle_close(again);
	tess_handle_close(fixed);
}

static void a_badge_is_set_once(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t first = NEED_HANDLE(tess_handle_copy(endpoint, RIGHTS_ALL, 7));
	handle_t second = NEED_HANDLE(tess_handle_copy(first, RIGHTS_ALL, 8));
	struct child child;

	(void)second;
	CHECK_IS(child_create(&child, 1 << 20, endpoint, 1), 0);
	child_drop(&child);
	tess_handle_close(second);
	tess_handle_close(first);
	tess_handle_close(endpoint);
}

static void wrong_handles_are_told_apart(void)
{
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 1, 0));
	struct vmo_info info;

	CHECK_IS(tess_vmo_query(counter, &info), E_TYPE);
	CHECK_IS(tess_irq_ack(counter), E_TYPE);
	CHECK_IS(tess_handle_close(counter), 0);
	CHECK_IS(tess_handle_close(counter), E_HANDLE);
	CHECK_IS(tess_counter_signal(counter, 1), E_HANDLE);
	CHECK_IS(tess_counter_signal(H_NONE, 1), E_HANDLE);
	CHECK_IS(tess_counter_signal(HANDLE_TASK_TABLE | 0x7ffffff, 1), E_HANDLE);
	CHECK_IS(tess_handle_close(77), E_HANDLE);
	CHECK(tess_power_off(H_SELF, POWER_OFF_ABI, 0) < 0);
	CHECK(tess_ioport_create(rt_grant_need("pool"), 0x3f8, 8) == E_TYPE);
}

static const uint64_t bad_pointers[] = {
	0, 8, 0x1000, USER_TOP - 8, USER_TOP, 0x0000800000000000ull, 0xffff800000000000ull, 0xffffffff80000000ull,
	~(uint64_t)7, 0x8000000000000000ull,
};

static void bad_pointers_are_faults(void)
{
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 1, 0));
	handle_t vmo = NEED_HANDLE(tess_vmo_create(H_SELF, PAGE_SIZE)), fds[2];

	NEED(tess_pipe_create(0, fds));
	NEED(tess_descriptor_write(fds[1], "xxxxxxxxxxxxxxxx", 16, 0));
	for (unsigned i = 0; i < sizeof(bad_pointers) / sizeof(bad_pointers[0]); i++) {
		void *bad = (void *)bad_pointers[i];

		CHECK_IS(tess_handle_query(counter, bad), E_FAULT);
		CHECK_IS(tess_pool_query(rt_grant("pool"), bad), E_FAULT);
		CHECK_IS(tess_vmo_read(vmo, 0, bad, 16), E_FAULT);
		CHECK_IS(tess_vmo_write(vmo, 0, bad, 16), E_FAULT);
		CHECK_IS(tess_vmo_query(vmo, bad), E_FAULT);
		CHECK_IS(tess_vspace_query(H_SELF, 0x400000, bad), E_FAULT);
		CHECK_IS(tess_task_query(H_SELF, bad), E_FAULT);
		CHECK_IS(tess_thread_create(H_SELF, bad), E_FAULT);
		CHECK_IS(tess_thread_resume(bad), E_FAULT);
		CHECK_IS(tess_descriptor_create(bad), E_FAULT);
		CHECK_IS(tess_descriptor_read(fds[0], bad, 8, 0), E_FAULT);
		CHECK_IS(tess_descriptor_write(fds[1], bad, 8, 0), E_FAULT);
		CHECK_IS(tess_descriptor_readv(fds[0], bad, 1, OFFSET_OWN, 0), E_FAULT);
		CHECK_IS(tess_descriptor_poll(bad, 1, 0), E_FAULT);
		CHECK_IS(tess_pipe_create(0, bad), E_FAULT);
		CHECK_IS(tess_pipe_query(fds[0], bad), E_FAULT);
		CHECK_IS(tess_random_fill(bad, 16), E_FAULT);
		CHECK_IS(tess_log_write(rt_grant("log"), bad, 16), E_FAULT);
		CHECK_IS(tess_log_write(H_SELF, bad, 16), E_HANDLE);
		CHECK_IS(tess_log_write(counter, bad, 16), E_TYPE);
		CHECK_IS(tess_system_query(bad), E_FAULT);
		CHECK(tess_futex_wait(bad, 0, ~0u, 0, FUTEX_PRIVATE_ABI) < 0);
	}
	tess_handle_close(fds[0]);
	tess_handle_close(fds[1]);
	tess_handle_close(vmo);
	tess_handle_close(counter);
}

static void message_limits_are_checked(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	struct ipc_message *m = ipc_begin(1);

	m->inline_len = IPC_INLINE + 1;
	CHECK_IS(tess_ipc_call(endpoint, 0), E_TOOBIG);
	m = ipc_begin(1);
	m->ncaps = IPC_CAPS + 1;
	CHECK_IS(tess_ipc_call(endpoint, 0), E_TOOBIG);
	m = ipc_begin(1);
	m->ncaps = 1;
	m->caps[0] = H_NONE;
	CHECK_IS(tess_ipc_call(endpoint, 0), E_HANDLE);
	m = ipc_begin(1);
	m->bulk_out = 0xffff800000000000ull;
	m->bulk_out_len = 64;
	CHECK_IS(tess_ipc_call(endpoint, 0), E_FAULT);
	m->bulk_out_len = IPC_BULK_MAX + 1;
	CHECK_IS(tess_ipc_call(endpoint, 0), E_TOOBIG);
	ipc_begin(1);
	CHECK_IS(tess_ipc_call(endpoint, 0), E_TIMEDOUT);
	CHECK_IS(tess_ipc_reply(endpoint, 1), E_GONE);
	CHECK_IS(tess_ipc_reply(endpoint, ~(uint64_t)0), E_GONE);
	tess_handle_close(endpoint);
}

static void an_ended_lease_ends_every_copy(void)
{
	handle_t lease = NEED_HANDLE(tess_lease_create(H_SELF));
	handle_t counter = NEED_HANDLE(tess_counter_create(H_SELF, 1, 0));
	handle_t lent = NEED_HANDLE(tess_lease_grant(lease, counter, RIGHTS_ALL));
	handle_t copy = copy_with(lent, RIGHTS_ALL);

	CHECK_IS(tess_counter_signal(copy, 1), 0);
	CHECK_IS(tess_lease_end(lease), 0);
	CHECK_IS(tess_counter_signal(copy, 1), E_REVOKED);
	CHECK_IS(tess_counter_signal(lent, 1), E_REVOKED);
	CHECK_IS(tess_counter_signal(counter, 1), 0);
	CHECK_IS(tess_handle_close(copy), 0);
	CHECK_IS(tess_handle_close(lent), 0);
	tess_handle_close(counter);
	tess_handle_close(lease);
}

static void an_open_file_allows_no_more_than_its_capability(void)
{
	handle_t content = NEED_HANDLE(tess_content_create(H_SELF, PAGE_SIZE)), reader = copy_with(content, RIGHT_READ);
	struct descriptor_args args = { .object = reader, .endpoint = H_NONE, .flags = DESC_READ, .ready = H_NONE };
	handle_t fd = NEED_HANDLE(tess_descriptor_create(&args));

	tess_handle_close(fd);
	args.flags = DESC_READ | DESC_WRITE;
	CHECK_IS(tess_descriptor_create(&args), E_RIGHTS);
	tess_handle_close(reader);
	tess_handle_close(content);
}

/* The upper half of a handle's register means nothing: it must not make another handle of H_SELF. */
static void no_task_raises_its_own_ceilings(void)
{
	const uint64_t self = H_SELF | 1ull << 40;

	CHECK_IS(tess_task_ceiling(H_SELF, CEILING_THREADS, 1000), E_PERM);
	CHECK_IS(native_call3(NR_task_ceiling, self, CEILING_THREADS, 1000), E_PERM);
	CHECK_IS(native_call5(NR_thread_priority, self, 0, 255, 0, 0), E_PERM);
}

/* As a Linux program is: with the implicit self calls and no capability. */
static void no_task_is_made_without_a_pool(void)
{
	handle_t space = NEED_HANDLE(tess_vspace_create(H_SELF, 0x10000, 0x10000000));

	CHECK_IS(tess_pool_create(H_SELF, 4096), E_PERM);
	CHECK_IS(tess_task_create(H_SELF, space, H_NONE, H_NONE, 0), E_PERM);
	CHECK_IS(tess_task_create(H_SELF, H_SELF, H_NONE, H_NONE, 0), E_PERM);
	CHECK_IS(tess_task_suspend(H_SELF), E_PERM);
	CHECK_IS(tess_task_resume(H_SELF), E_PERM);
	tess_handle_close(space);
}

const struct test tests_rights[] = {
	{ "numbers beyond the table are refused", numbers_beyond_the_table_are_refused },
	{ "a call without the right it needs is refused", rights_are_needed },
	{ "a copy never has more rights than its original", copies_never_gain_rights },
	{ "endpoints take badges", a_badge_is_set_once },
	{ "wrong, closed and foreign handles are told apart", wrong_handles_are_told_apart },
	{ "bad pointers are faults in every call", bad_pointers_are_faults },
	{ "the limits of a message are checked", message_limits_are_checked },
	{ "an open file allows no more than its capability", an_open_file_allows_no_more_than_its_capability },
	{ "no task raises its own ceilings", no_task_raises_its_own_ceilings },
	{ "no task is made without a pool", no_task_is_made_without_a_pool },
	{ "an ended lease ends every copy made under it", an_ended_lease_ends_every_copy },
	{ NULL, NULL },
};
