/*
 * fuzz.c -- random numbers, handles and arguments into every native call; nothing but the task that
 * makes them may suffer.
 *
 * Each child has its own seed, its own small pool, and one capability of every kind.  It makes calls until it
 * breaks itself or is done; a call that sleeps is interrupted after SLICE_NS.  After SLICES of those it is
 * killed, and the parent must hear of its death.
 */
#include "selftest.h"

#define CHILDREN	200
#define CALLS		2000
#define SLICE_NS	1000000ull
#define SLICES		20
#define TIMEOUT_NS	5000000000ull
#define HANDLES		24

static handle_t handles[HANDLES];	/* what children are given; in a child: theirs */
static unsigned nhandles;
static uint8_t *scratch;		/* pages of their own, unmapped above: results beyond it are faults */
static uint64_t state;
static uint64_t *calls_made;		/* shared with the children; a child may spoil it, and the count is but shown */

#define SCRATCH_LEN	(3 * PAGE_SIZE)

static uint64_t random_next(void)	/* xorshift64*, Vigna 2016 */
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static uint64_t random_argument(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 4096, ~0ull, H_SELF, H_NONE, 0x80000000u, 0xffff800000000000ull,
		0x00007fffffffffffull, USER_TOP, 0x8000000000000000ull, IPC_BULK_MAX, 1ull << 32 };
	uint64_t r = random_next();

	switch (r % 16) {
	case 0: case 1: case 2: case 3:
		return handles[(r >> 8) % nhandles];
	case 4: case 5: case 6:
		return (uint64_t)scratch + ((r >> 8) & 0x1ff8);
	case 7: case 8:
		return edges[(r >> 8) % (sizeof(edges) / sizeof(edges[0]))];
	case 9: case 10: case 11:
		return 0;
	case 12:
		return (r >> 8) & 0x3fff;
	case 13:
		return HANDLE_TASK_TABLE | ((r >> 8) & 31);
	case 14:
		return ((r >> 8) & 0xffffff) << 12;
	default:
		return random_next();
	}
}

/* Calls that end or stop the child at once: only now and then, or nothing else would be tried. */
static bool call_wanted(uint64_t nr)
{
	switch (nr) {
	case NR_thread_exit: case NR_task_kill: case NR_task_suspend: case NR_thread_resume: case NR_pool_destroy:
		return random_next() % 64 == 0;
	default:
		return true;
	}
}

static void attack(uint64_t seed, uint64_t unused)
{
	(void)unused;
	state = seed * 0x9e3779b97f4a7c15ull | 1;
	scratch = rt_pages_map(2 * SCRATCH_LEN);
	if (!scratch)
		rt_exit(2);
	rt_pages_unmap(scratch + SCRATCH_LEN, SCRATCH_LEN);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t nr = random_next() % (NR_CALLS + 2);

		if (!call_wanted(nr))
			continue;
		for (unsigned j = 0; j < 16; j++)	/* structures of random content */
			((uint64_t *)scratch)[random_next() % (SCRATCH_LEN / 8)] = random_argument();
		if (random_next() % 8 == 0)
			for (unsigned j = 0; j < sizeof(struct ipc_message) / 8; j += 3)
				((uint64_t *)&utcb()->msg)[j] = random_argument();
		native_call6(nr, random_argument(), random_argument(), random_argument(), random_argument(),
			     random_argument(), random_argument());
		__atomic_store_n(&utcb()->latch, 0, __ATOMIC_SEQ_CST);
		++*calls_made;
	}
}

static void handle_add(int64_t handle)
{
	handles[nhandles++] = (handle_t)NEED(handle);
}

static void handles_make(void)
{
	struct descriptor_args args = { .endpoint = H_NONE, .flags = DESC_READ | DESC_WRITE, .ready = H_NONE };
	/* what is written and allocated by whoever has the content: not from what this test lives on */
	handle_t counter, content, pool = NEED_HANDLE(tess_pool_create(rt_grant_need("pool"), 1 << 20));

	nhandles = 0;
	counter = NEED_HANDLE(tess_counter_create(H_SELF, 1, 0));
	content = NEED_HANDLE(tess_content_create(pool, 10000));
	tess_handle_close(pool);
	handle_add(counter);
	handle_add(content);
	handle_add(tess_counter_create(H_SELF, 1, COUNTER_BITS));
	handle_add(tess_vmo_create(H_SELF, 5 * PAGE_SIZE));
	handle_add(tess_endpoint_create(H_SELF));
	handle_add(tess_pipe_object(H_SELF, 0));
	handle_add(tess_waitset_create(H_SELF));
	handle_add(tess_lease_create(H_SELF));
	handle_add(tess_timer_create(H_SELF, counter, 1));
	handle_add(tess_table_create(H_SELF, 32));
	handle_add(tess_vspace_create(H_SELF, 0x10000, 0x10000000));
	handle_add(tess_clock_page(H_SELF));
	handle_add(tess_pager_create(H_SELF, handles[4], 1));
	handle_add(tess_pager_content(handles[nhandles - 1], H_SELF, 10000, 1));
	args.object = content;
	handle_add(tess_descriptor_create(&args));
	args.object = handles[5];
	handle_add(tess_descriptor_create(&args));
	args.object = H_NONE;
	args.kind = OBJ_ZERO;
	handle_add(tess_descriptor_create(&args));
	handle_add(rt_grant_need("archive"));
}

static void handles_close(void)
{
	for (unsigned i = 0; i + 1 < nhandles; i++)	/* the last is the grant */
		tess_handle_close(handles[i]);
}

/* Until the child is dead; true: it is. */
static bool death_wait(handle_t endpoint, const struct child *child, uint64_t badge)
{
	uint64_t give_up = rt_mono_ns() + TIMEOUT_NS;
	unsigned slices = 0;

	while (rt_mono_ns() < give_up) {
		int64_t token = tess_ipc_recv(endpoint, rt_mono_ns() + SLICE_NS);
		bool mine = token == 0 && utcb()->msg.badge == badge;

		if (mine && utcb()->msg.via == NOTICE_DEATH)
			return true;
		if (mine || ++slices == SLICES)	/* it has broken itself, or had its time */
			CHECK_IS(tess_task_kill(child->task, 1), 0);
		else if (slices < SLICES)
			tess_thread_notify(child->task, 0, 1, 0, NULL);
	}
	return false;
}

static void children_attack(handle_t notify, bool fresh_objects)
{
	handle_t shared[HANDLES], theirs[HANDLES];
	static struct system_info before;

	*calls_made = 0;
	memcpy(shared, handles, sizeof(shared));
	NEED(tess_system_query(&before));
	for (uint64_t n = 1; n <= CHILDREN && !test_failed(); n++) {
		struct child child;

		if (fresh_objects) {
			handles_make();
			memcpy(shared, handles, sizeof(shared));
		}
		NEED(child_create(&child, 4 << 20, notify, n));
		for (unsigned i = 0; i < nhandles; i++)
			theirs[i] = (handle_t)NEED(child_give(&child, shared[i]));
		NEED(tess_task_write(child.task, (uint64_t)handles, theirs, sizeof(theirs)));
		NEED(child_run(&child, attack, n + (fresh_objects ? 1000 : 0), 0));
		CHECK(death_wait(notify, &child, n));
		child_drop(&child);
		if (fresh_objects) {
			handles_close();
			objects_check(&before);
		}
		if (test_failed())
			rt_log("# after seed %lu", n);
	}
	rt_log("# %lu calls by %u tasks", *calls_made, CHILDREN);
}

/* before the first child: its mapping is shared, so every copy of the space has it */
static void count_make(void)
{
	handle_t vmo = NEED_HANDLE(tess_vmo_create(H_SELF, PAGE_SIZE));

	calls_made = rt_vmo_map(vmo, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI);
	CHECK(calls_made);
	tess_handle_close(vmo);
}

static void random_calls_hurt_only_their_task(void)
{
	handle_t notify = NEED_HANDLE(tess_endpoint_create(H_SELF));

	count_make();
	children_attack(notify, true);
	tess_handle_close(notify);
}

static void random_calls_on_objects_of_all_hurt_nobody(void)
{
	handle_t notify = NEED_HANDLE(tess_endpoint_create(H_SELF));

	handles_make();
	children_attack(notify, false);
	handles_close();
	CHECK_IS(tess_null(), 0);
	tess_handle_close(notify);
}

const struct test tests_fuzz[] = {
	{ "random calls hurt only their own task, and leave no object", random_calls_hurt_only_their_task },
	{ "random calls on objects shared by all leave the system alive",
	  random_calls_on_objects_of_all_hurt_nobody },
	{ NULL, NULL },
};
