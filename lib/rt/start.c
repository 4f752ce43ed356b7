/*
 * start.c -- start-up, grants and the end of a native program.
 *
 * Owns:   rt_start, rt_single_utcb; both are set before main and never again.
 * Fails:  a start page without its magic number ends the task: whoever made it is broken.
 * Tested: by every native program; grants in lib/rt/test/rt_test.c
 */
#include <lib/rt/ipc.h>

const struct rt_start *rt_start;
struct utcb *rt_single_utcb;

int main(void);
_Noreturn void rt_main(struct rt_start *start);

handle_t rt_grant(const char *name)
{
	if (!rt_start)
		return H_NONE;
	for (unsigned i = 0; i < RT_GRANTS && rt_start->grants[i].name[0]; i++)
		if (!strncmp(rt_start->grants[i].name, name, RT_NAME))
			return rt_start->grants[i].handle;
	return H_NONE;
}

handle_t rt_grant_need(const char *name)
{
	handle_t h = rt_grant(name);

	if (h == H_NONE)
		rt_panic("the manifest grants no `%s`", name);
	return h;
}

void rt_exit(int code)
{
	tess_task_kill(H_SELF, (uint64_t)(uint32_t)code);
	for (;;)	/* the kernel refused our own end: nothing else is left to try */
		tess_thread_exit();
}

/* Called by entry.S. */
_Noreturn void rt_main(struct rt_start *start)
{
	if (start) {
		if (start->magic != RT_START_MAGIC)
			rt_panic("the start page is damaged");
		rt_start = start;
		rt_set_name(start->name);
		if (start->stack_len)
			rt_single_utcb = (struct utcb *)start->block;
	}
	rt_exit(main());
}
