/*
 * futex_test.c -- sleeping on words: futex(2)'s promises.
 */
#include "object_host.h"

static uint32_t word, other;
static int woken;
static int64_t last;

static void sleeper(void *bits)
{
	last = sys_futex_wait(USER(&word), 7, (uint64_t)bits, DEADLINE_NEVER, FUTEX_PRIVATE_ABI);
	woken++;
}

static struct thread *asleep(uint32_t bits)
{
	struct thread *t = host_thread(sleeper, (void *)(uint64_t)bits);

	host_run();
	return t;
}

static void compare(void)
{
	word = 8;
	CHECK(sys_futex_wait(USER(&word), 7, ~0u, DEADLINE_NEVER, 0) == E_AGAIN);
	CHECK(sys_futex_wait(USER(&word) + 1, 7, ~0u, DEADLINE_NEVER, 0) == E_INVAL);
	CHECK(sys_futex_wait(USER(&word), 7, 0, DEADLINE_NEVER, 0) == E_INVAL);
	CHECK(sys_futex_wait(USER_TOP, 7, ~0u, DEADLINE_NEVER, 0) == E_FAULT);
	CHECK(sys_futex_wake(USER(&word), 9, ~0u, 0) == 0);
}

static void wakes(void)
{
	struct thread *t[4];

	word = 7;
	woken = 0;
	for (int i = 0; i < 4; i++)
		t[i] = asleep(i == 3 ? 2 : 1);
	CHECK(woken == 0 && sys_futex_wake(USER(&word), 9, 2, 0) == 1);	/* by its bits */
	host_run();
	CHECK(woken == 1 && last == 0 && sys_futex_wake(USER(&word), 2, ~0u, 0) == 2);
	host_run();
	CHECK(woken == 3 && sys_futex_wake(USER(&other), 9, ~0u, 0) == 0);
	CHECK(sys_futex_wake(USER(&word), 9, ~0u, 0) == 1);
	host_run();
	for (int i = 0; i < 4; i++)
		host_end(t[i]);
}

static void moved(void)
{
	struct thread *t[3];

	word = 7;
	woken = 0;
	for (int i = 0; i < 3; i++)
		t[i] = asleep(~0u);
	CHECK(sys_futex_requeue(USER(&word), 1, USER(&other), 9, 8, FUTEX_COMPARE) == E_AGAIN);
	CHECK(sys_futex_requeue(USER(&word), 1, USER(&other), 9, 7, FUTEX_COMPARE) == 3);
	host_run();
	CHECK(woken == 1 && sys_futex_wake(USER(&word), 9, ~0u, 0) == 0 && sys_futex_wake(USER(&other), 9, ~0u, 0) == 2);
	host_run();
	CHECK(woken == 3);
	for (int i = 0; i < 3; i++)
		host_end(t[i]);
}

/* The second word's operation: add 2, wake there too if it was below 1. */
static void operations(void)
{
	const uint32_t op = 1u << 28 | 2u << 24 | 2u << 12 | 1u;
	struct thread *t;

	word = 7;
	other = 0;
	t = asleep(~0u);
	CHECK(sys_futex_wake_op(USER(&other), 1, USER(&word), 1, op, 0) == 0 && word == 9);	/* 7 is not below 1 */
	CHECK(sys_futex_wake_op(USER(&word), 1, USER(&other), 1, op, 0) == 1 && other == 2);
	host_run();
	host_end(t);
	CHECK(sys_futex_wake_op(USER(&word), 1, USER(&other), 1, 0x70000000, 0) == E_NOSYS);
}

static struct futex_waiter list[3];
static void any(void *deadline) { last = sys_futex_wait_any(USER(list), 3, (uint64_t)deadline); }

static void several(void)
{
	static uint32_t words[3];
	struct thread *t;

	for (int i = 0; i < 3; i++)
		list[i] = (struct futex_waiter){ 0, USER(&words[i]), 0, 0 };
	t = host_thread(any, (void *)DEADLINE_NEVER);
	host_run();
	CHECK(sys_futex_wake(USER(&words[2]), 1, ~0u, 0) == 1);
	host_run();
	CHECK(last == 2);
	host_end(t);
	words[1] = 5;
	CHECK(sys_futex_wait_any(USER(list), 3, 0) == E_AGAIN);		/* and leaves no sleeper behind */
	CHECK(sys_futex_wake(USER(&words[0]), 1, ~0u, 0) == 0);
	words[1] = 0;
	t = host_thread(any, (void *)(host_time + 100));
	host_run();
	host_pass(100);
	CHECK(last == E_TIMEDOUT && sys_futex_wake(USER(&words[0]), 1, ~0u, 0) == 0);
	host_end(t);
}

/* The word is on a page that comes only when asked for; it is changed at that moment. */
static void change(void) { word = 8; }

static void late_page(void)
{
	word = 7;
	host_absent_lo = USER(&word);
	host_absent_hi = host_absent_lo + 4;
	host_on_fault = change;
	CHECK(sys_futex_wait(USER(&word), 7, ~0u, DEADLINE_NEVER, 0) == E_AGAIN);
	host_absent_lo = USER(&word);
	host_absent_hi = host_absent_lo + 4;
	host_absent_for_good = true;
	CHECK(sys_futex_wait(USER(&word), 7, ~0u, DEADLINE_NEVER, 0) == E_FAULT);
	host_absent_for_good = false;
	host_absent_lo = host_absent_hi = 0;
}

static void interrupted(void)
{
	struct thread *t;

	word = 7;
	t = asleep(~0u);
	t->arch.utcb->latch = 1;
	thread_wake(t);
	host_run();
	CHECK(last == E_INTERRUPTED && sys_futex_wake(USER(&word), 1, ~0u, 0) == 0);
	host_end(t);
	t = asleep(~0u);
	CHECK(sys_futex_wake(USER(&word), 1, ~0u, 0) == 1);
	t->arch.utcb->latch = 1;		/* woken before: the wake wins */
	host_run();
	CHECK(last == 0);
	host_end(t);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a wait compares first and checks its arguments", compare },
		{ "a wake wakes as many as asked, by word and bits", wakes },
		{ "a requeue wakes some and moves the rest", moved },
		{ "wake-op changes the second word and wakes by its old value", operations },
		{ "one of several words wakes, and nothing stays queued", several },
		{ "the word is compared after its page has come", late_page },
		{ "an interrupted sleeper is queued no more; a wake before counts", interrupted },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
