/*
 * sched_test.c -- who runs: priorities, turns, time slices, sleeps that end in every way.
 */
#include "object_host.h"
#include "arch.h"

static char trace[64];
static unsigned at;

static void turns(void *name)
{
	for (int i = 0; i < 3; i++) {
		trace[at++] = *(char *)name;
		schedule_yield();
	}
}

static void round_robin(void)
{
	struct thread *a = host_thread(turns, "a"), *b = host_thread(turns, "b");

	at = 0;
	host_run();
	trace[at] = 0;
	CHECK(!strcmp(trace, "ababab"));
	host_end(a), host_end(b);
}

static void once(void *name) { trace[at++] = *(char *)name; }

/* A thread that is made and woken by a lower one runs as soon as that leaves the kernel. */
static void high(void *arg) { (void)arg; thread_sleep_prepare(); thread_sleep(DEADLINE_NEVER, false); trace[at++] = 'h'; }
static struct thread *sleeper, *urgent_for;

static void low(void *arg)
{
	(void)arg;
	trace[at++] = 'l';
	sleeper->priority = sleeper->effective = 200;
	thread_wake(sleeper);
	CHECK(current->arch.work & WORK_RESCHEDULE);
	preempt_point();
	trace[at++] = 'l';
}

static void priorities(void)
{
	struct thread *b, *t;

	at = 0;
	sleeper = host_thread(high, NULL);
	host_run();
	b = host_thread(low, NULL);
	t = host_thread(once, "o");
	host_run();
	trace[at] = 0;
	CHECK(!strcmp(trace, "lhlo") || !strcmp(trace, "lhol"));
	host_end(sleeper), host_end(b), host_end(t);
}

/* What hands its CPU over while somebody more urgent waits for it. */
static void hander(void *arg)
{
	(void)arg;
	current->priority = current->effective = 250;
	sleeper->priority = sleeper->effective = 200;
	thread_wake(sleeper);
	thread_sleep_prepare();
	thread_sleep_to(urgent_for, DEADLINE_NEVER, false);
}

static void handed_over(void *name)
{
	thread_sleep_prepare();
	thread_sleep(DEADLINE_NEVER, false);
	trace[at++] = *(char *)name;
}

static void urgency(void)
{
	struct thread *h;

	at = 0;
	sleeper = host_thread(high, NULL);
	urgent_for = host_thread(handed_over, "t");
	host_run();
	h = host_thread(hander, NULL);
	host_run();
	trace[at] = 0;
	CHECK(!strcmp(trace, "ht"));
	thread_wake(h);
	host_run();
	host_end(sleeper), host_end(urgent_for), host_end(h);
}

static status_t result;
static void nap(void *deadline)
{
	thread_sleep_prepare();
	result = thread_sleep((uint64_t)deadline, true);
}

static void naps(void)
{
	struct thread *t = host_thread(nap, (void *)(host_time + 100));

	host_run();
	host_pass(99);
	CHECK(t->state == TS_BLOCKED);
	host_pass(1);
	CHECK(result == E_TIMEDOUT);
	host_end(t);
	t = host_thread(nap, (void *)(host_time + 100));
	host_run();
	thread_wake(t);
	host_run();
	CHECK(result == 0);
	host_end(t);
	host_pass(200);				/* the timer has gone with it */
	t = host_thread(nap, (void *)DEADLINE_NEVER);
	host_run();
	atomic_or(&t->arch.work, (uint64_t)WORK_KILL);
	thread_wake(t);
	host_run();
	CHECK(result == E_GONE);
	host_end(t);
}

/* Woken between prepare and sleep: it does not sleep. */
static void early(void *arg)
{
	(void)arg;
	thread_sleep_prepare();
	thread_wake(current);
	result = thread_sleep(DEADLINE_NEVER, true);
}

static void no_wake_is_lost(void)
{
	struct thread *t = host_thread(early, NULL);

	result = 1;
	host_run();
	CHECK(result == 0);
	host_end(t);
}

/* Two sleeps in a row: the first one's deadline does not end the second. */
static void twice(void *arg)
{
	(void)arg;
	thread_sleep_prepare();
	thread_sleep(host_time + 50, true);
	thread_sleep_prepare();
	result = thread_sleep(host_time + 1000, true);
}

static void deadlines_do_not_mix(void)
{
	struct thread *t = host_thread(twice, NULL);

	host_run();
	thread_wake(t);
	host_run();
	host_pass(60);
	CHECK(t->state == TS_BLOCKED);
	host_pass(1000);
	CHECK(result == E_TIMEDOUT);
	host_end(t);
}

static struct waitqueue queue;
static struct spinlock lock = SPINLOCK(RANK_OBJECT);
static void queued(void *arg)
{
	struct waiter w;

	spin_lock(&lock);
	waiter_add(&queue, &w);
	result = thread_wait(&w, &lock, arg ? host_time + 10 : DEADLINE_NEVER);
	spin_unlock(&lock);
}

static void wait_queues(void)
{
	struct thread *t;

	waitqueue_init(&queue);
	t = host_thread(queued, NULL);
	host_run();
	thread_wake(t);				/* spurious: it sleeps on */
	host_run();
	CHECK(t->state == TS_BLOCKED);
	spin_lock(&lock);
	CHECK(waitqueue_wake_one(&queue, 33) && !waitqueue_wake_one(&queue, 34));
	spin_unlock(&lock);
	host_run();
	CHECK(result == 33);
	host_end(t);
	t = host_thread(queued, "timeout");
	host_run();
	host_pass(10);
	CHECK(result == E_TIMEDOUT && list_empty(&queue.waiters));
	host_end(t);
}

/* A hog: a tick passes, whoever deserves it goes on. */
static uint32_t turns_of[3], ticks_left;
static void hog(void *turns)
{
	while (ticks_left) {
		ticks_left--;
		++*(uint32_t *)turns;
		host_time += TICK_MASK + 1;
		timer_interrupt(turns == &turns_of[0]);
		preempt_point();
	}
}

static void hogs_run(struct thread **t, const uint32_t *weights, int n, uint32_t ticks)
{
	ticks_left = ticks;
	for (int i = 0; i < n; i++) {
		turns_of[i] = 0;
		t[i] = host_thread(hog, &turns_of[i]);
		sched_set(t[i], PRIORITY_SHARED, weights[i]);
	}
	host_run();
}

static void weights(void)
{
	struct thread *t[3];

	hogs_run(t, (const uint32_t[]){ 1024, 512, 15 }, 3, 3000);
	CHECK(turns_of[0] > 1900 && turns_of[0] < 2050 && turns_of[1] > 950 && turns_of[1] < 1025);
	CHECK(turns_of[2] > 20 && turns_of[2] < 40);
	for (int i = 0; i < 3; i++)
		host_end(t[i]);
}

static void times_apart(void)
{
	uint64_t user, kernel, user2, kernel2;
	struct thread *t[2];

	hogs_run(t, (const uint32_t[]){ 1024, 1024 }, 2, 100);
	cputime_split(&t[0]->time, &user, &kernel);
	cputime_split(&t[1]->time, &user2, &kernel2);
	CHECK(user == t[0]->time.run_ns && kernel == 0);
	CHECK(user2 == 0 && kernel2 == t[1]->time.run_ns);
	CHECK(user + kernel2 >= 100 * (TICK_MASK + 1));
	t[0]->time.run_ns += 1000;		/* what was told as user time stays it */
	t[0]->time.ticks_kernel = 1000000;
	cputime_split(&t[0]->time, &user2, &kernel2);
	CHECK(user2 == user && kernel2 == 1000);
	host_end(t[0]), host_end(t[1]);
}

/* Beside one that always runs a sleeper runs as soon as it is woken; sleeping longer saves up no more. */
static void woken_now(void *arg)
{
	(void)arg;
	thread_sleep_prepare();
	thread_sleep(DEADLINE_NEVER, false);
	result = 77;
}

static void waker(void *other)
{
	host_time += 1000 * (TICK_MASK + 1);
	timer_interrupt(true);
	thread_wake(other);
	CHECK(current->arch.work & WORK_RESCHEDULE);
	preempt_point();
	CHECK(result == 77);
	CHECK(current->vtime - ((struct thread *)other)->vtime < 20000000);
}

static void sleepers(void)
{
	struct thread *s = host_thread(woken_now, NULL), *w;

	result = 0;
	sched_set(s, PRIORITY_SHARED, 1024);
	host_run();
	w = host_thread(waker, s);
	sched_set(w, PRIORITY_SHARED, 1024);
	host_run();
	host_end(s), host_end(w);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "threads of one priority take turns", round_robin },
		{ "a higher priority runs first", priorities },
		{ "a CPU is not handed over while a higher priority waits for it", urgency },
		{ "a sleep ends by wake, deadline and kill", naps },
		{ "a wake before the sleep is not lost", no_wake_is_lost },
		{ "the deadline of one sleep does not end the next", deadlines_do_not_mix },
		{ "a waiter leaves its queue, woken or not", wait_queues },
		{ "threads of the shared priority get the CPU by weight, and none starves", weights },
		{ "CPU time is told apart as the ticks were, adds up, and is never taken back", times_apart },
		{ "a sleeper of the shared priority runs when it is woken, and has saved up little", sleepers },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
