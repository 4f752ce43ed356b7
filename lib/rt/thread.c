/*
 * thread.c -- further threads of a native program, each on the stack of its own block.
 *
 * Owns:   nothing that outlives rt_thread_create; a block belongs to its thread for ever.
 * Fails:  E_NOMEM (no room for a block), E_BUSY (the program's stack lies outside its block, so that
 *         utcb() would be wrong in a second thread), and what thread_create answers.
 */
#include <lib/rt/ipc.h>

struct thread_entry {			/* at the foot of the block's data page */
	void (*entry)(void *);
	void *arg;
};

void rt_thread_start(void);
_Noreturn void rt_thread_main(struct thread_entry *e);

/* Called by entry.S. */
_Noreturn void rt_thread_main(struct thread_entry *e)
{
	e->entry(e->arg);
	for (;;)
		tess_thread_exit();
}

/* An aligned block with its guard page and the page of the utcb left unmapped; 0: no memory. */
static uint64_t block_map(void)
{
	int64_t got = tess_vspace_map(H_SELF, 0, 2 * BLOCK_SIZE, MAP_READ | MAP_WRITE, H_NONE, 0);
	uint64_t base, block;

	if (got < 0)
		return 0;
	base = (uint64_t)got;
	block = (base + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1);
	if (block > base)
		tess_vspace_unmap(H_SELF, base, block - base);
	tess_vspace_unmap(H_SELF, block, BLOCK_DATA);
	tess_vspace_unmap(H_SELF, block + BLOCK_GUARD, BLOCK_STACK - BLOCK_GUARD);
	if (block + BLOCK_SIZE < base + 2 * BLOCK_SIZE)
		tess_vspace_unmap(H_SELF, block + BLOCK_SIZE, base + BLOCK_SIZE - block);
	return block;
}

int64_t rt_thread_create(void (*entry)(void *), void *arg, uint32_t priority)
{
	struct thread_args args = {
		.rip = (uint64_t)rt_thread_start,
		.flags = THREAD_START | THREAD_NO_FPU | THREAD_NATIVE,
		.table = H_SELF,
		.priority = priority,
		.like_task = H_SELF,
	};
	struct thread_entry *e;
	int64_t number;

	if (rt_single_utcb)
		return E_BUSY;
	args.block = block_map();
	if (!args.block)
		return E_NOMEM;
	e = (struct thread_entry *)(args.block + BLOCK_DATA);
	e->entry = entry;
	e->arg = arg;
	args.rsp = args.block + BLOCK_SIZE;
	args.arg = (uint64_t)e;
	number = tess_thread_create(H_SELF, &args);
	if (number < 0)
		tess_vspace_unmap(H_SELF, args.block, BLOCK_SIZE);
	return number;
}
