/*
 * clock.c -- the time, and one-shot timers that the loop's receive deadline serves.
 *
 * Owns:    the heap of armed timers (a pairing heap): each is part of what it belongs to, so arming one needs
 *          no memory and cannot fail, however many a user has.
 * Tested:  linux-compat/server/test/process_test.c
 */
#include "process.h"

static struct timer *nearest;

void clock_init(void)
{
	nearest = NULL;
}

uint64_t clock_mono_ns(void)
{
	return rt_mono_ns();
}

uint64_t clock_real_ns(void)
{
	return rt_real_ns();
}

/* --- the heap: a timer, its first child, that one's siblings; before is the parent or the elder sibling ---- */

static struct timer *heap_join(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->deadline_ns < a->deadline_ns) {
		struct timer *earlier = b;

		b = a;
		a = earlier;
	}
	b->before = a;
	b->sibling = a->child;
	if (b->sibling)
		b->sibling->before = b;
	a->child = b;
	return a;
}

/* The children of what was taken out, as one heap: joined in pairs, then the pairs from the last on. */
static struct timer *heap_gather(struct timer *first)
{
	struct timer *pairs = NULL, *all = NULL;

	while (first) {
		struct timer *second = first->sibling, *rest = second ? second->sibling : NULL, *pair;

		first->sibling = first->before = NULL;
		if (second)
			second->sibling = second->before = NULL;
		pair = heap_join(first, second);
		pair->sibling = pairs;
		pairs = pair;
		first = rest;
	}
	while (pairs) {
		struct timer *next = pairs->sibling;

		pairs->sibling = NULL;
		all = heap_join(all, pairs);
		pairs = next;
	}
	return all;
}

/* --- arming ------------------------------------------------------------------------------------------------ */

/* fire(arg) at deadline_ns (monotonic).  One that is armed is armed anew. */
void timer_after(struct timer *t, uint64_t deadline_ns, void (*fire)(void *), void *arg)
{
	timer_cancel(t);
	*t = (struct timer){ .deadline_ns = deadline_ns, .fire = fire, .arg = arg };
	nearest = heap_join(nearest, t);
}

void timer_cancel(struct timer *t)
{
	struct timer *children;

	if (!t->fire)
		return;
	t->fire = NULL;
	children = heap_gather(t->child);
	t->child = NULL;
	if (t == nearest) {
		nearest = children;
		return;
	}
	if (t->before->child == t)
		t->before->child = t->sibling;
	else
		t->before->sibling = t->sibling;
	if (t->sibling)
		t->sibling->before = t->before;
	nearest = heap_join(nearest, children);
}

uint64_t timers_next(void)
{
	return nearest ? nearest->deadline_ns : DEADLINE_NEVER;
}

void timers_run(void)
{
	uint64_t now;

	if (!nearest)
		return;
	now = clock_mono_ns();
	while (nearest && nearest->deadline_ns <= now) {
		struct timer *t = nearest;
		void (*fire)(void *) = t->fire;

		timer_cancel(t);
		fire(t->arg);		/* may free it */
	}
}
