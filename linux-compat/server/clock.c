/*
 * clock.c -- the time, and one-shot timers that the loop's receive deadline serves.
 *
 * Owns:    the list of armed timers, nearest first.
 * Fails:   a timer that finds no memory fires at once: late or early is better than never.
 * Tested:  linux-compat/server/test/process_test.c
 */
#include "process.h"

struct timer_node {
	struct timer_node *next;
	uint64_t deadline_ns;
	void (*fire)(void *);
	void *arg;
	void **slot;			/* the owner's pointer to this node; NULL once fired */
};

static struct timer_node *timers;

void clock_init(void)
{
	timers = NULL;
}

uint64_t clock_mono_ns(void)
{
	return rt_mono_ns();
}

uint64_t clock_real_ns(void)
{
	return rt_real_ns();
}

/* Arms fire(arg) for deadline_ns (monotonic).  *slot names it until then; a set *slot is re-armed. */
void timer_after(uint64_t deadline_ns, void (*fire)(void *), void *arg, void **slot)
{
	struct timer_node *n, **at;

	timer_cancel(slot);
	n = mem_alloc(sizeof(*n));
	if (!n) {
		fire(arg);
		return;
	}
	*n = (struct timer_node){ .deadline_ns = deadline_ns, .fire = fire, .arg = arg, .slot = slot };
	for (at = &timers; *at && (*at)->deadline_ns <= deadline_ns; at = &(*at)->next)
		;
	n->next = *at;
	*at = n;
	*slot = n;
}

void timer_cancel(void **slot)
{
	struct timer_node *n = *slot;

	if (!n)
		return;
	for (struct timer_node **at = &timers; *at; at = &(*at)->next)
		if (*at == n) {
			*at = n->next;
			mem_free(n);
			break;
		}
	*slot = NULL;
}

uint64_t timers_next(void)
{
	return timers ? timers->deadline_ns : DEADLINE_NEVER;
}

void timers_run(void)
{
	uint64_t now;

	if (!timers)
		return;
	now = clock_mono_ns();
	while (timers && timers->deadline_ns <= now) {
		struct timer_node *n = timers;

		timers = n->next;
		*n->slot = NULL;
		n->fire(n->arg);
		mem_free(n);
	}
}
