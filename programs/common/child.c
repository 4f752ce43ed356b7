/*
 * child.c -- a second task by a copy of the caller's address space.
 *
 * The child's first thread starts on the copied block; what it is to run goes into its data page (which
 * our own first thread does not use) with task_write.  The manifest must grant `pool`: without a Pool nobody
 * makes tasks.
 *
 * Fails:   what the calls answer; nothing is left then.
 * Tested:  programs/selftest
 */
#include "child.h"

struct child_order {
	void (*entry)(uint64_t, uint64_t);
	uint64_t arg, arg2;
};

static struct child_order *order_of(struct utcb *block)
{
	return (struct child_order *)((uint8_t *)block + BLOCK_DATA);
}

static _Noreturn void child_main(struct child_order *order)
{
	order->entry(order->arg, order->arg2);
	rt_exit(0);
}

/* into *h, or the error */
static status_t take(handle_t *h, int64_t result)
{
	if (result < 0)
		return result;
	*h = (handle_t)result;
	return 0;
}

status_t child_create(struct child *c, uint64_t limit_bytes, handle_t notify, uint64_t badge)
{
	handle_t space = H_NONE, table = H_NONE;
	status_t status;

	order_of(utcb())->entry = NULL;		/* resident, so that task_write can reach the copy */
	c->pool = c->task = H_NONE;
	if ((status = take(&c->pool, tess_pool_create(rt_grant("pool"), limit_bytes))) >= 0 &&
	    (status = take(&space, tess_vspace_clone(H_SELF, 0, c->pool))) >= 0 &&
	    (status = take(&table, tess_table_create(c->pool, 64))) >= 0)
		status = take(&c->task, tess_task_create(c->pool, space, table, notify, badge));
	if (table != H_NONE)
		tess_handle_close(table);
	if (space != H_NONE)
		tess_handle_close(space);
	if (status < 0)
		child_drop(c);
	return status;
}

int64_t child_give(const struct child *c, handle_t h)
{
	return tess_task_give(c->task, h, RIGHTS_ALL, 0);
}

status_t child_run(const struct child *c, void (*entry)(uint64_t, uint64_t), uint64_t arg, uint64_t arg2)
{
	struct child_order *where = order_of(utcb()), order = { entry, arg, arg2 };
	struct thread_args args = {
		.rip = (uint64_t)child_main,
		.rsp = (uint64_t)utcb() + BLOCK_SIZE - 8,	/* as after a call */
		.arg = (uint64_t)where,
		.flags = THREAD_START | THREAD_NATIVE | THREAD_NO_FPU,
		.block = (uint64_t)utcb(),
		.table = H_SELF,
		.like_task = H_SELF,
	};
	int64_t result = tess_task_write(c->task, (uint64_t)where, &order, sizeof(order));

	if (result != sizeof(order))
		return result < 0 ? result : E_FAULT;
	result = tess_thread_create(c->task, &args);
	return result < 0 ? result : 0;
}

void child_drop(struct child *c)
{
	if (c->pool != H_NONE)
		tess_pool_destroy(c->pool);
	if (c->task != H_NONE)
		tess_handle_close(c->task);
	if (c->pool != H_NONE)
		tess_handle_close(c->pool);
	c->pool = c->task = H_NONE;
}
