/*
 * spawn.c -- from a row of the manifest to a running task.
 *
 * Owns:    where things lie in a server's address space (below).
 * Fails:   server_start undoes everything: the server's pool is destroyed, and every object that was
 *          made for it was paid by that pool.
 * Tested:  tests/boot
 */
#include "init.h"

/* A native server's address space: the program from 0x400000, what it maps itself below SERVER_HI. */
#define SERVER_LO		0x10000ull
#define SERVER_HI		0x00007ffe00000000ull
#define SERVER_BLOCK		0x00007fff00000000ull
#define SERVER_START_PAGE	0x00007fff00010000ull
#define SERVER_STACK_TOP	0x00007fff20000000ull

#define SERVER_FDS		256
#define SERVER_THREADS		64

struct building {			/* handles that only matter while a server is made */
	handle_t vspace, table;
	uint64_t entry;
};

/* put a new handle, or an error, where it belongs */
static status_t take(handle_t *to, int64_t result)
{
	if (result < 0)
		return result;
	*to = (handle_t)result;
	return 0;
}

static uint64_t memory_limit(const struct manifest_server *s)
{
	struct system_info info;

	if (!s->memory_percent)
		return s->memory_bytes;
	if (tess_system_query(&info) < 0)
		return PAGE_SIZE;	/* cannot happen; a server without memory says so at once */
	return info.memory_total / 100 * s->memory_percent;
}

static status_t map_anonymous(handle_t vspace, uint64_t addr, uint64_t len)
{
	int64_t got = tess_vspace_map(vspace, addr, len, MAP_READ | MAP_WRITE | MAP_FIXED_EMPTY, H_NONE, 0);

	return got < 0 ? got : 0;
}

/* The block's data page and stack (the kernel adds the utcb), and the stack of its own, if any. */
static status_t map_stacks(const struct manifest_server *s, handle_t vspace)
{
	status_t status = map_anonymous(vspace, SERVER_BLOCK + BLOCK_DATA, BLOCK_GUARD - BLOCK_DATA);

	if (status >= 0)
		status = map_anonymous(vspace, SERVER_BLOCK + BLOCK_STACK, BLOCK_SIZE - BLOCK_STACK);
	if (status >= 0 && s->stack_bytes)
		status = map_anonymous(vspace, SERVER_STACK_TOP - s->stack_bytes, s->stack_bytes);
	return status;
}

static status_t map_start_page(const struct rt_start *start, handle_t pool, handle_t vspace)
{
	int64_t vmo = tess_vmo_create(pool, PAGE_SIZE), result;

	if (vmo < 0)
		return vmo;
	result = tess_vmo_write((handle_t)vmo, 0, start, sizeof(*start));
	if (result >= 0)
		result = tess_vspace_map(vspace, SERVER_START_PAGE, PAGE_SIZE,
					 MAP_READ | MAP_WRITE | MAP_SHARED_ABI | MAP_FIXED_EMPTY,
					 (handle_t)vmo, 0);
	tess_handle_close((handle_t)vmo);
	return result < 0 ? result : 0;
}

static status_t thread_start(const struct manifest_server *s, handle_t task, uint64_t entry)
{
	struct thread_args args = {
		.rip = entry,
		.rsp = s->stack_bytes ? SERVER_STACK_TOP : SERVER_BLOCK + BLOCK_SIZE,
		.arg = SERVER_START_PAGE,
		.flags = THREAD_START | THREAD_NO_FPU | THREAD_NATIVE,
		.block = SERVER_BLOCK,
		.table = H_SELF,
		.priority = s->priority,
		.like_task = H_SELF,
	};
	int64_t number = tess_thread_create(task, &args);

	return number < 0 ? number : 0;
}

static status_t server_build(const struct manifest_server *s, struct running *r, struct building *b,
			     handle_t notify, uint64_t badge, const char **step)
{
	static struct rt_start start;
	status_t status;

	start = (struct rt_start){ .magic = RT_START_MAGIC, .block = SERVER_BLOCK,
				   .stack_len = s->stack_bytes, .generation = r->generation };
	strlcpy(start.name, s->name, sizeof(start.name));
	strlcpy(start.args, s->args, sizeof(start.args));

	*step = "making its pool";
	if ((status = take(&r->pool, tess_pool_create(SLOT(INIT_POOL), memory_limit(s)))) < 0)
		return status;
	*step = "making its address space";
	if ((status = take(&b->vspace, tess_vspace_create(r->pool, SERVER_LO, SERVER_HI))) < 0)
		return status;
	if ((status = program_load(s->binary, r->pool, b->vspace, &b->entry, step)) < 0)
		return status;
	*step = "making its task";
	if ((status = take(&b->table, tess_table_create(r->pool, SERVER_FDS))) < 0 ||
	    (status = take(&r->task, tess_task_create(r->pool, b->vspace, b->table, notify, badge))) < 0)
		return status;
	if ((status = tess_task_ceiling(r->task, CEILING_THREADS, SERVER_THREADS)) < 0)
		return status;
	for (unsigned i = 0; i < s->ngrants; i++) {
		*step = s->grants[i].name;
		if ((status = grant_give(&s->grants[i], r->task, r->pool, &start)) < 0)
			return status;
	}
	*step = "making its stack";
	if ((status = map_stacks(s, b->vspace)) < 0 ||
	    (status = map_start_page(&start, r->pool, b->vspace)) < 0)
		return status;
	*step = "starting its thread";
	return thread_start(s, r->task, b->entry);
}

static void handle_drop(handle_t *h)
{
	if (*h != H_NONE)
		tess_handle_close(*h);
	*h = H_NONE;
}

void server_forget(struct running *r)
{
	if (r->pool != H_NONE)
		tess_pool_destroy(r->pool);
	handle_drop(&r->task);
	handle_drop(&r->pool);
}

status_t server_start(const struct manifest_server *s, struct running *r, handle_t notify, uint64_t badge,
		      const char **step)
{
	struct building b = { H_NONE, H_NONE, 0 };
	status_t status;

	r->pool = r->task = H_NONE;
	status = server_build(s, r, &b, notify, badge, step);
	handle_drop(&b.table);
	handle_drop(&b.vspace);
	if (status < 0)
		server_forget(r);
	return status;
}
