/*
 * ipcbench -- what the kernel's hot paths cost, one row a line in the log.
 *
 * Times are nanoseconds of the clock page.  Under QEMU's -icount shift=0,sleep=off a nanosecond is one guest
 * instruction, so the figure is the count of instructions; without it, it is time.  A row is the mean of
 * many runs less the cost of an empty loop.  Each operation's result is checked once per row.
 *
 *	ipcbench: row NAME FIGURE budget BUDGET		(tests/bench/report.py says what each stands for)
 *
 * Ends the machine (restart machine): code 0 when every row ran, else 3.
 */
#include <programs/common/child.h>

#define ROUNDS	4000
#define PAGES	512

struct row {
	const char *name;
	uint64_t budget;
	bool (*prepare)(void);		/* false: it cannot run; it has said why */
	void (*run)(uint64_t rounds);
	bool less_null;			/* the cost beyond that of a null call */
	uint64_t rounds;
};

static handle_t counter, fds[2], file, waitset, server;
static uint8_t page[4096];
static uint32_t word;

/* A result that has to be so; the benchmark is worth nothing otherwise. */
static int64_t need(const char *what, int64_t result)
{
	if (result < 0)
		rt_panic("%s: %s", what, rt_status_text(result));
	return result;
}

static void run_empty(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		__asm__ volatile("" : : : "memory");
}

static void run_null(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		tess_null();
}

/* --- handle look-up: counter_clear of no bits --------------------------------------------------------- */

static bool prepare_counter(void)
{
	counter = (handle_t)need("counter_create", tess_counter_create(H_SELF, 1, 0));
	need("counter_clear", tess_counter_clear(counter, 0));
	return true;
}

static void run_lookup(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		tess_counter_clear(counter, 0);
}

/* --- pipe ------------------------------------------------------------------------------------------------ */

static void run_pipe(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		tess_descriptor_write(fds[1], page, 1, DEADLINE_NEVER);
		tess_descriptor_read(fds[0], page + 1, 1, DEADLINE_NEVER);
	}
}

static bool prepare_pipe(void)
{
	need("pipe_create", tess_pipe_create(0, fds));
	page[0] = 42;
	run_pipe(1);
	if (page[1] != 42)
		rt_panic("the byte did not come through the pipe");
	return true;
}

/* --- a cached file --------------------------------------------------------------------------------------- */

static void run_pread(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		tess_descriptor_read_at(file, page, 4096, 0);
}

static bool prepare_pread(void)
{
	struct descriptor_args args = { .endpoint = H_NONE, .flags = DESC_READ | DESC_WRITE, .ready = H_NONE };

	args.object = (handle_t)need("content_create", tess_content_create(H_SELF, 4096));
	file = (handle_t)need("descriptor_create", tess_descriptor_create(&args));
	memset(page, 7, sizeof(page));
	if (need("write_at", tess_descriptor_write_at(file, page, 4096, 0)) != 4096)
		rt_panic("write_at wrote less than a page");
	memset(page, 0, sizeof(page));
	if (need("read_at", tess_descriptor_read_at(file, page, 4096, 0)) != 4096 || page[4095] != 7)
		rt_panic("the page did not come back");
	return true;
}

/* --- futex, wait set ----------------------------------------------------------------------------------------- */

static bool prepare_futex(void)
{
	return need("futex_wake", tess_futex_wake(&word, 1, ~0u, FUTEX_PRIVATE_ABI)) == 0;
}

static void run_futex(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		tess_futex_wake(&word, 1, ~0u, FUTEX_PRIVATE_ABI);
}

static void run_waitset(uint64_t rounds)
{
	struct waitset_event event;

	for (uint64_t i = 0; i < rounds; i++)
		tess_waitset_wait(waitset, &event, 1, 0);
}

static bool prepare_waitset(void)
{
	struct descriptor_args args = { .endpoint = H_NONE, .flags = DESC_READ, .ready = H_NONE, .user_flags = 1 };
	struct waitset_event event = { 0 };
	handle_t fd;

	args.object = counter;
	fd = (handle_t)need("descriptor_create", tess_descriptor_create(&args));
	waitset = (handle_t)need("waitset_create", tess_waitset_create(H_SELF));
	need("waitset_change", tess_waitset_change(waitset, WAITSET_ADD, fd, POLL_IN, 99));
	if (need("waitset_wait", tess_waitset_wait(waitset, &event, 1, 0)) != 1 || event.data != 99)
		rt_panic("the wait set does not see a ready counter");
	return true;
}

/* --- IPC between two tasks ------------------------------------------------------------------------------------ */

static void serve(uint64_t endpoint, uint64_t unused)
{
	struct ipc_message *m = ipc_begin(0);
	int64_t token = tess_ipc_recv((handle_t)endpoint, DEADLINE_NEVER);

	(void)unused;
	while (token > 0) {
		m->words[0]++;
		m->inline_len = m->ncaps = 0;
		token = tess_ipc_reply_recv((handle_t)endpoint, (uint64_t)token, DEADLINE_NEVER);
	}
}

static void run_ipc(uint64_t rounds)
{
	struct ipc_message *m = ipc_begin(0);

	for (uint64_t i = 0; i < rounds; i++)
		tess_ipc_call(server, DEADLINE_NEVER);
	if (m->words[0] < rounds)
		rt_panic("the server answered %lu of %lu calls", m->words[0], rounds);
}

static bool prepare_ipc(void)
{
	static struct child child;
	int64_t theirs;

	server = (handle_t)need("endpoint_create", tess_endpoint_create(H_SELF));
	need("making a second task", child_create(&child, 8 << 20, H_NONE, 0));
	theirs = need("task_give", child_give(&child, server));
	need("starting it", child_run(&child, serve, (uint64_t)theirs, 0));
	run_ipc(10);
	return true;
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

/* Fresh pages each time: the mapping is dropped again, and both are in the figure of no row. */
static uint64_t fault_ns(void)
{
	uint8_t *pages = rt_pages_map(PAGES * PAGE_SIZE);
	uint64_t start, taken;

	if (!pages)
		rt_panic("no memory for %u pages", PAGES);
	start = rt_mono_ns();
	for (unsigned i = 0; i < PAGES; i++)
		*(volatile uint8_t *)(pages + i * PAGE_SIZE) = 1;
	taken = rt_mono_ns() - start;
	rt_pages_unmap(pages, PAGES * PAGE_SIZE);
	return taken;
}

static void run_map(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		int64_t at = tess_vspace_map(H_SELF, 0, PAGE_SIZE, MAP_READ | MAP_WRITE, H_NONE, 0);

		tess_vspace_unmap(H_SELF, (uint64_t)at, PAGE_SIZE);
	}
}

static bool prepare_map(void)
{
	need("vspace_map", tess_vspace_map(H_SELF, 0, PAGE_SIZE, MAP_READ | MAP_WRITE, H_NONE, 0));
	return true;
}

/* --- the table ------------------------------------------------------------------------------------------------------- */

static const struct row rows[] = {
	{ "null-call", 60, NULL, run_null, false, ROUNDS },
	{ "handle-look-up", 25, prepare_counter, run_lookup, true, ROUNDS },
	{ "pipe-write-read", 450, prepare_pipe, run_pipe, false, ROUNDS },
	{ "pread-4k", 350 + 512, prepare_pread, run_pread, false, ROUNDS },
	{ "futex-wake-nobody", 120, prepare_futex, run_futex, false, ROUNDS },
	{ "waitset-wait-ready", 200, prepare_waitset, run_waitset, false, ROUNDS },
	{ "ipc-call-reply", 460, prepare_ipc, run_ipc, false, ROUNDS },
	{ "map-unmap", 0, prepare_map, run_map, false, ROUNDS },
};

static uint64_t timed(void (*run)(uint64_t), uint64_t rounds)
{
	uint64_t start;

	run(rounds / 8);		/* warm */
	start = rt_mono_ns();
	run(rounds);
	return rt_mono_ns() - start;
}

/* One decimal, rounded. */
static void row_print(const char *name, uint64_t total, uint64_t rounds, uint64_t budget)
{
	uint64_t tenths = (total * 10 + rounds / 2) / rounds;

	rt_log("row %s %lu.%lu budget %lu", name, tenths / 10, tenths % 10, budget);
}

int main(void)
{
	uint64_t empty, null = 0, total;

	empty = timed(run_empty, ROUNDS);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (r->prepare && !r->prepare()) {
			rt_log("row %s cannot run", r->name);
			return 1;
		}
		total = timed(r->run, r->rounds);
		total -= total < empty ? total : empty;
		if (i == 0)
			null = total;
		if (r->less_null)
			total -= total < null ? total : null;
		row_print(r->name, total, r->rounds, r->budget);
	}
	fault_ns();
	row_print("anonymous-fault", fault_ns(), PAGES, 600 + 512);
	rt_log("done");
	return 0;
}
