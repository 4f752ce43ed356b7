/*
 * counter_test.c -- counters and the timers that signal them.
 */
#include "object_host.h"
#include "counter.h"

static handle_t make(uint64_t value, uint64_t flags)
{
	int64_t h = sys_counter_create(H_SELF, value, flags);

	CHECK(h >= 0);
	return (handle_t)h;
}

static void adds(void)
{
	handle_t c = make(0, 0);

	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	CHECK(sys_counter_signal(c, 5) == 0 && sys_counter_signal(c, 2) == 0 && sys_counter_wait(c, 0) == 7);
	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	CHECK(sys_counter_signal(c, COUNTER_MAX) == 0 && sys_counter_signal(c, 9) == 0);	/* stays at the top */
	CHECK(sys_counter_wait(c, 0) == (int64_t)(COUNTER_MAX & INT64_MAX));
	CHECK(sys_counter_create(H_SELF, ~0ull, 0) == E_INVAL && sys_counter_create(H_SELF, 0, 8) == E_INVAL);
	sys_handle_close(c);
}

static void semaphore(void)
{
	handle_t c = make(2, COUNTER_SEMAPHORE);

	CHECK(sys_counter_wait(c, 0) == 1 && sys_counter_wait(c, 0) == 1 && sys_counter_wait(c, 0) == E_AGAIN);
	sys_handle_close(c);
}

static void bits(void)
{
	handle_t c = make(POLL_OUT, COUNTER_BITS);

	CHECK(sys_counter_signal(c, POLL_IN) == 0 && sys_counter_signal(c, POLL_IN) == 0 && sys_counter_clear(c, POLL_OUT) == 0);
	CHECK(sys_counter_wait(c, 0) == POLL_IN);
	sys_handle_close(c);
}

static handle_t shared;
static unsigned woken;
static int64_t last;

static void waiter(void *deadline)
{
	last = sys_counter_wait(shared, (uint64_t)deadline);
	woken++;
}

static void waiters(void)
{
	struct thread *t[3];

	shared = make(0, COUNTER_SEMAPHORE);
	woken = 0;
	for (int i = 0; i < 3; i++)
		t[i] = host_thread(waiter, (void *)DEADLINE_NEVER);
	host_run();
	sys_counter_signal(shared, 2);
	host_run();
	CHECK(woken == 2);			/* the third sleeps on */
	sys_counter_signal(shared, 1);
	host_run();
	CHECK(woken == 3);
	for (int i = 0; i < 3; i++)
		host_end(t[i]);
	sys_handle_close(shared);
}

static void deadlines(void)
{
	struct thread *t;

	shared = make(0, 0);
	t = host_thread(waiter, (void *)(host_time + 500));
	host_run();
	host_pass(500);
	CHECK(last == E_TIMEDOUT);
	host_end(t);
	sys_handle_close(shared);
}

static void timers(void)
{
	handle_t c = make(0, 0);
	int64_t t = sys_timer_create(H_SELF, c, 3);
	struct timer_info info;

	CHECK(t >= 0 && sys_timer_arm((uint64_t)t, host_time + 10000, 0) == 0);
	host_pass(9999);
	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	host_pass(1);
	CHECK(sys_counter_wait(c, 0) == 3 && sys_timer_query((uint64_t)t, USER(&info)) == 0 && info.deadline == 0);
	CHECK(sys_timer_arm((uint64_t)t, host_time + 1000, 1000) == 0);
	host_pass(3500);			/* three periods at once */
	CHECK(sys_counter_wait(c, 0) == 9);
	CHECK(sys_timer_query((uint64_t)t, USER(&info)) == 0 && info.deadline == host_time + 500);
	CHECK(sys_timer_arm((uint64_t)t, host_time + 700, 1000) == 0);	/* again: only the later one counts */
	host_pass(600);
	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	host_pass(100);
	CHECK(sys_counter_wait(c, 0) == 3);
	CHECK(sys_timer_arm((uint64_t)t, 0, 0) == 0);
	host_pass(100000);
	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	CHECK(sys_timer_arm((uint64_t)t, 1, ~0ull - 5) == E_INVAL);	/* the next deadline would wrap */
	CHECK(sys_timer_arm((uint64_t)t, 1, 1) == E_INVAL);
	CHECK(sys_timer_arm((uint64_t)t, host_time + 10, 1000) == 0);
	sys_handle_close((uint64_t)t);		/* armed */
	host_pass(100000);
	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	sys_handle_close(c);
}

/* How often a series of a microsecond has rung after 100 ms, looked at each 10 us; it is read when `taken`. */
static unsigned rings_count(struct counter *c, handle_t h, bool taken, uint64_t *sum)
{
	uint64_t before = c->value;
	unsigned rings = 0;

	for (unsigned i = 0; i < 10000; i++) {
		host_pass(10000);
		rings += c->value != before;
		if (taken && c->value)
			*sum += (uint64_t)sys_counter_wait(h, 0);
		before = c->value;
	}
	return rings;
}

static void fast_series(void)
{
	handle_t h = make(0, 0);
	int64_t t = sys_timer_create(H_SELF, h, 1);
	uint64_t sum = 0, start = host_time;
	struct timer_info info;
	struct counter *c;
	struct object *o;
	unsigned rings;

	CHECK(handle_get(h, OBJ_COUNTER, 0, &o) == 0);
	c = container_of(o, struct counter, object);
	CHECK(sys_timer_arm((uint64_t)t, host_time + 1000, 1000) == 0);
	rings = rings_count(c, h, false, &sum);
	CHECK(rings > 10 && rings < 40 && c->value <= 100000 && c->value > 90000);
	CHECK(sys_timer_query((uint64_t)t, USER(&info)) == 0 && info.deadline == host_time + 1000);
	sum = (uint64_t)sys_counter_wait(h, 0);
	rings = rings_count(c, h, true, &sum);
	CHECK(rings > 1000 && rings <= 2000 && sum <= (host_time - start) / 1000 && sum + 60 > (host_time - start) / 1000);
	sys_handle_close((uint64_t)t);
	sys_handle_close(h);
	object_put(o);
}

/* Timers that are always due leave the CPU to its thread now and then. */
static void too_many_timers(void)
{
	handle_t c = make(0, 0);
	int64_t t[200];

	for (int i = 0; i < 200; i++) {
		t[i] = sys_timer_create(H_SELF, c, 1);
		CHECK(t[i] >= 0 && sys_timer_arm((uint64_t)t[i], host_time + 1, 0) == 0);
	}
	host_pass(10);
	CHECK(sys_counter_wait(c, 0) < 200);
	for (int i = 0; i < 10; i++)
		host_pass(100000);
	CHECK(sys_counter_wait(c, 0) > 0);
	for (int i = 0; i < 200; i++)
		sys_handle_close((uint64_t)t[i]);
	sys_handle_close(c);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "signals add up and one wait takes all", adds },
		{ "a semaphore gives one at a time", semaphore },
		{ "bits are set, cleared and taken", bits },
		{ "as many sleepers go on as there is to take", waiters },
		{ "a wait ends at its deadline", deadlines },
		{ "a timer fires once, or in periods, and not after it was disarmed", timers },
		{ "a series rings no more often than it is read, and loses no count", fast_series },
		{ "due timers cannot keep the CPU", too_many_timers },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
