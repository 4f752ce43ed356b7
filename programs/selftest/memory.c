/*
 * memory.c -- what a child inherits of its parent's memory, mappings that a lease ends, and who pays when the
 * payer is gone.
 */
#include "selftest.h"

#define TIMEOUT_NS	5000000000ull
#define QUIET_NS	5000000ull

static uint64_t death_code(handle_t endpoint)
{
	int64_t token = tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS);

	return CHECK(token == 0 && utcb()->msg.via == NOTICE_DEATH) ? utcb()->msg.words[0] : ~0ull;
}

/* --- inheritance ------------------------------------------------------------------------------------------------ */

static volatile uint8_t *copied, *shared, *zeroed, *absent, *file;

/* What the child finds, and what it does to it; its code says what was wrong. */
static void heir(uint64_t unused, uint64_t unused2)
{
	struct mapping_info info;

	(void)unused;
	(void)unused2;
	if (copied[0] != 1 || shared[0] != 2 || zeroed[0] != 0 || file[0] != 5)
		rt_exit(1);
	if (tess_vspace_query(H_SELF, (uint64_t)absent, &info) == 0 && info.start <= (uint64_t)absent)
		rt_exit(2);
	copied[0] = shared[0] = zeroed[0] = file[0] = 77;
	shared[PAGE_SIZE] = 78;
}

static volatile uint8_t *page_map(uint8_t value, uint64_t advice)
{
	volatile uint8_t *p = rt_pages_map(2 * PAGE_SIZE);

	if (!p)
		rt_panic("no pages");
	p[0] = value;
	CHECK_IS(tess_vspace_advise(H_SELF, (uint64_t)p, 2 * PAGE_SIZE, advice), 0);
	return p;
}

static void memory_is_inherited_as_advised(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	handle_t vmo = NEED_HANDLE(tess_vmo_create(H_SELF, PAGE_SIZE));
	uint8_t byte = 5;
	struct child child;

	copied = page_map(1, ADVISE_INHERIT_COPY);
	shared = page_map(2, ADVISE_INHERIT_SHARE);
	zeroed = page_map(3, ADVISE_INHERIT_ZERO);
	absent = page_map(4, ADVISE_INHERIT_NONE);
	CHECK_IS(tess_vmo_write(vmo, 0, &byte, 1), 1);
	file = rt_vmo_map(vmo, PAGE_SIZE, MAP_READ | MAP_WRITE);	/* private */
	CHECK(file);
	CHECK_IS(tess_vspace_advise(H_SELF, (uint64_t)file, PAGE_SIZE, ADVISE_INHERIT_SHARE), 0);
	NEED(child_create(&child, 2 << 20, endpoint, 1));
	NEED(child_run(&child, heir, 0, 0));
	CHECK(death_code(endpoint) == 0);
	CHECK(copied[0] == 1 && shared[0] == 77 && shared[PAGE_SIZE] == 78 && zeroed[0] == 3 && absent[0] == 4);
	CHECK(file[0] == 77 && tess_vmo_read(vmo, 0, &byte, 1) == 1 && byte == 5);
	child_drop(&child);
	CHECK(shared[0] == 77 && shared[PAGE_SIZE] == 78);
	rt_pages_unmap((void *)copied, 2 * PAGE_SIZE);
	rt_pages_unmap((void *)shared, 2 * PAGE_SIZE);
	rt_pages_unmap((void *)zeroed, 2 * PAGE_SIZE);
	rt_pages_unmap((void *)absent, 2 * PAGE_SIZE);
	rt_pages_unmap((void *)file, PAGE_SIZE);
	tess_handle_close(vmo);
	tess_handle_close(endpoint);
}

/* --- leases ------------------------------------------------------------------------------------------------------- */

/* Count in the leased memory as fast as possible, on another CPU if there is one. */
static void lessee(uint64_t vmo, uint64_t unused)
{
	volatile uint64_t *p = rt_vmo_map((handle_t)vmo, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI);

	(void)unused;
	if (!p)
		rt_exit(1);
	for (;;)
		p[0]++;
}

static uint64_t count_in(handle_t vmo)
{
	uint64_t n = 0;

	CHECK_IS(tess_vmo_read(vmo, 0, &n, sizeof(n)), (int64_t)sizeof(n));
	return n;
}

/* When lease_end returns, no CPU writes there any more, not by an entry that it remembers either. */
static void the_end_of_a_lease_stops_writers_on_other_cpus(void)
{
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));

	for (unsigned i = 0; i < 20; i++) {
		handle_t vmo = NEED_HANDLE(tess_vmo_create(H_SELF, PAGE_SIZE));
		handle_t lease = NEED_HANDLE(tess_lease_create(H_SELF)), lower = NEED_HANDLE(tess_lease_create(lease));
		handle_t lent = NEED_HANDLE(tess_lease_grant(lower, vmo, RIGHTS_ALL));
		uint64_t seen, give_up = rt_mono_ns() + TIMEOUT_NS;
		struct child child;

		NEED(child_create(&child, 2 << 20, endpoint, 1));
		NEED(child_run(&child, lessee, (uint64_t)NEED(child_give(&child, lent)), 0));
		while (count_in(vmo) == 0 && rt_mono_ns() < give_up)
			tess_ipc_recv(endpoint, rt_mono_ns() + QUIET_NS);	/* let it run */
		CHECK_IS(tess_lease_end(lease), 0);
		seen = count_in(vmo);
		CHECK(seen > 0);
		CHECK_IS(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS), 0);
		CHECK(utcb()->msg.via == NOTICE_FAULT && (int64_t)utcb()->msg.words[3] == FAULT_NO_MAPPING);
		CHECK(count_in(vmo) == seen);
		CHECK_IS(tess_vspace_map(H_SELF, 0, PAGE_SIZE, MAP_READ, lent, 0), E_REVOKED);
		CHECK_IS(tess_task_kill(child.task, 0), 0);
		CHECK(death_code(endpoint) == 0);
		child_drop(&child);
		tess_handle_close(lent);
		tess_handle_close(lower);
		tess_handle_close(lease);
		tess_handle_close(vmo);
	}
	tess_handle_close(endpoint);
}

/* --- who pays ------------------------------------------------------------------------------------------------------ */

#define PAID (64 * PAGE_SIZE)

/* Make memory of one's own pool, hand it out, and end. */
static void spender(uint64_t to, uint64_t unused)
{
	int64_t vmo = tess_vmo_create(H_SELF, PAID);
	struct ipc_message *m;
	uint8_t byte = 9;

	(void)unused;
	for (uint64_t i = 0; vmo >= 0 && i < PAID; i += PAGE_SIZE)
		if (tess_vmo_write((handle_t)vmo, i, &byte, 1) != 1)
			rt_exit(1);
	m = ipc_begin(1);
	m->ncaps = 1;
	m->caps[0] = (handle_t)vmo;
	rt_exit(tess_ipc_call((handle_t)to, DEADLINE_NEVER) == 0 ? 0 : 2);
}

static uint64_t pool_used(void)
{
	struct pool_info info = { 0 };

	CHECK_IS(tess_pool_query(rt_grant("pool"), &info), 0);
	return info.used_bytes;
}

static void what_outlives_its_payer_counts_above(void)
{
	uint64_t before = pool_used(), held, give_up;
	handle_t endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF)), vmo;
	struct child child;
	uint8_t byte = 0;
	int64_t token;

	NEED(child_create(&child, 2 << 20, endpoint, 1));
	NEED(child_run(&child, spender, (uint64_t)NEED(child_give(&child, endpoint)), 0));
	token = NEED(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS));
	CHECK(token > 0 && utcb()->msg.ncaps == 1);
	vmo = utcb()->msg.caps[0];
	ipc_begin(0);
	CHECK_IS(tess_ipc_reply(endpoint, (uint64_t)token), 0);
	CHECK(death_code(endpoint) == 0);
	child_drop(&child);		/* its pool destroyed and closed */
	CHECK_IS(tess_vmo_read(vmo, PAID - PAGE_SIZE, &byte, 1), 1);
	CHECK(byte == 9);
	held = pool_used();
	tess_handle_close(vmo);
	CHECK(pool_used() + PAID <= held);
	tess_handle_close(endpoint);
	give_up = rt_mono_ns() + TIMEOUT_NS;
	while (pool_used() > before && rt_mono_ns() < give_up)
		tess_thread_yield();	/* the dead thread's stack is another CPU's to give back */
	if (!CHECK(pool_used() <= before))
		rt_log("# %lu bytes before, %lu after", before, pool_used());
}

static void a_reserve_is_for_one_pool(void)
{
	handle_t all = NEED_HANDLE(tess_pool_create(rt_grant_need("pool"), 1 << 20));
	handle_t hog = NEED_HANDLE(tess_pool_create(all, 1 << 20)), shell = NEED_HANDLE(tess_pool_create(all, 1 << 20));
	handle_t vmos[600], other;
	unsigned n = 0;
	int64_t h;

	CHECK_IS(tess_pool_reserve(all, 64 << 10, shell), 0);
	CHECK_IS(tess_pool_limit(all, 128 << 10), 0);
	while (n < 600 && (h = tess_vmo_create(hog, PAGE_SIZE)) >= 0)
		vmos[n++] = (handle_t)h;
	CHECK(n > 0 && n < 600);
	CHECK_IS(tess_vmo_create(all, PAGE_SIZE), E_NOMEM);
	h = tess_vmo_create(shell, PAGE_SIZE);
	CHECK(h >= 0);
	tess_handle_close((handle_t)h);
	CHECK_IS(tess_pool_reserve(all, 64 << 10, H_NONE), 0);
	CHECK_IS(tess_vmo_create(shell, PAGE_SIZE), E_NOMEM);
	CHECK_IS(tess_pool_reserve(shell, 0, hog), E_INVAL);
	other = NEED_HANDLE(tess_handle_copy(all, RIGHT_CHARGE | RIGHT_QUERY, 0));
	CHECK_IS(tess_pool_reserve(other, 0, H_NONE), E_RIGHTS);
	tess_handle_close(other);
	while (n > 0)
		tess_handle_close(vmos[--n]);
	tess_handle_close(shell);
	tess_handle_close(hog);
	tess_handle_close(all);
}

const struct test tests_memory[] = {
	{ "memory is inherited as advised: copied, shared, zero or not at all", memory_is_inherited_as_advised },
	{ "the end of a lease stops writers on other CPUs before it returns",
	  the_end_of_a_lease_stops_writers_on_other_cpus },
	{ "what outlives its payer counts in the pool above, and goes when it goes",
	  what_outlives_its_payer_counts_above },
	{ "a reserve is for one pool alone", a_reserve_is_for_one_pool },
	{ NULL, NULL },
};
