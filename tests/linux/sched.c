/*
 * sched.c -- who gets the CPU, and how the time it took is told: nice, SCHED_FIFO, yields, user and system time.
 *
 * Owns:    its children, most of them bound to CPU 0.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first. Ratios are asserted loosely: the host has its own programs to run.
 */
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/times.h>

#define MS 1000000ll

static void cpu_bind(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static int64_t ns_of(const struct timeval *t)
{
	return t->tv_sec * 1000 * MS + t->tv_usec * 1000ll;
}

static pid_t hog_start(int nice_level)
{
	pid_t child;

	CHILD(child) {
		CHECK_EQ(setpriority(PRIO_PROCESS, 0, nice_level), 0);
		for (;;)
			;
	}
	return child;
}

static int64_t hog_end(pid_t child)
{
	struct rusage use;

	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(wait4(child, NULL, 0, &use), child);
	return ns_of(&use.ru_utime) + ns_of(&use.ru_stime);
}

/* The CPU time of two hogs on one CPU in that much time. */
static void hogs_run(int nice_a, int nice_b, long ms, int64_t *a, int64_t *b)
{
	pid_t one, other;

	cpu_bind(0);
	one = hog_start(nice_a);
	other = hog_start(nice_b);
	sleep_ms(ms);
	CHECK_EQ(kill(one, SIGSTOP), 0);
	CHECK_EQ(kill(other, SIGSTOP), 0);
	*a = hog_end(one);
	*b = hog_end(other);
	tap_note("nice %d: %lld us, nice %d: %lld us", nice_a, (long long)*a / 1000, nice_b, (long long)*b / 1000);
}

TEST("two programs of the same nice value get the same share of a CPU")
{
	int64_t a, b;

	hogs_run(0, 0, 800, &a, &b);
	CHECK(a < 2 * b && b < 2 * a);
}

TEST("five steps of nice are about a factor of three")
{
	int64_t a, b;

	hogs_run(0, 5, 1000, &a, &b);
	CHECK(2 * a > 3 * b && a < 6 * b);
}

TEST("beside nice 0, nice 19 gets little of the CPU and is not starved")
{
	int64_t a, b;

	hogs_run(0, 19, 1500, &a, &b);
	CHECK(a > 10 * b);
	CHECK(b > 0);
}

TEST("a process that was made nicer while it waited waits as the new one")
{
	pid_t one, other;
	int64_t a, b;

	cpu_bind(0);
	one = hog_start(0);
	other = hog_start(0);
	sleep_ms(50);
	CHECK_EQ(setpriority(PRIO_PROCESS, other, 19), 0);
	sleep_ms(1000);
	a = hog_end(one);
	b = hog_end(other);
	CHECK(a > 3 * b);
}

TEST("programs are made nicer and less nice while CPUs take them from each other")
{
	struct timespec now;
	int64_t stop;
	pid_t hogs[6];

	for (int i = 0; i < 6; i++)
		hogs[i] = hog_start(0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	stop = now.tv_sec * 1000 * MS + now.tv_nsec + 2000 * MS;
	for (unsigned n = 0; now.tv_sec * 1000 * MS + now.tv_nsec < stop; n++) {
		CHECK_EQ(setpriority(PRIO_PROCESS, hogs[n % 6], n % 5), 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
	for (int i = 0; i < 6; i++)
		CHECK(hog_end(hogs[i]) > 0);
}

TEST("a program that runs goes to the CPU that it is told to run on")
{
	volatile int *where = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t child;

	CHECK(where != MAP_FAILED && cpus > 0);
	CHILD(child) {
		for (;;)
			*where = sched_getcpu();
	}
	for (long i = 0; i < 2 * cpus; i++) {
		cpu_set_t set;
		int tries = 0;

		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		CHECK_EQ(sched_setaffinity(child, sizeof(set), &set), 0);
		sleep_ms(1);
		*where = -1;
		while (*where != i % cpus && tries++ < 500)
			sleep_ms(2);
		CHECK_EQ(*where, i % cpus);
	}
	hog_end(child);
}

static int by_value(const void *a, const void *b)
{
	int64_t d = *(const int64_t *)a - *(const int64_t *)b;

	return d < 0 ? -1 : d > 0;
}

/* The median of how much longer than ms a sleep of that takes. */
static int64_t late_median(long ms)
{
	int64_t late[21];

	for (int i = 0; i < 21; i++) {
		int64_t start = now_ns();

		sleep_ms(ms);
		late[i] = now_ns() - start - ms * MS;
	}
	qsort(late, 21, sizeof(late[0]), by_value);
	tap_note("late by %lld us, the median", (long long)late[10] / 1000);
	return late[10];
}

TEST("a program that mostly sleeps runs as soon as it is woken, beside six that never do")
{
	int64_t late;
	pid_t hogs[6];

	cpu_bind(0);
	for (int i = 0; i < 6; i++)
		hogs[i] = hog_start(0);
	sleep_ms(100);
	late = late_median(7);
	for (int i = 0; i < 6; i++)
		hog_end(hogs[i]);
	CHECK(late < 12 * MS);
}

TEST("it runs at once, too, beside one that asks for names all the time")
{
	struct stat st;
	int64_t late;
	pid_t caller;

	cpu_bind(0);
	CHILD(caller)
		for (;;)
			stat("/tmp", &st);
	sleep_ms(20);
	late = late_median(1);
	hog_end(caller);
	CHECK(late < 2 * MS);
}

TEST("who forks goes on, and its child runs after it")
{
	volatile int *turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int first = 0;
	pid_t child;

	CHECK(turn != MAP_FAILED);
	cpu_bind(0);
	for (int i = 0; i < 20; i++) {
		int64_t end = cpu_ns() + 3 * MS;

		sleep_ms(5);
		while (cpu_ns() < end)
			;
		*turn = 0;
		CHILD(child)
			__sync_val_compare_and_swap(turn, 0, 2);
		first += __sync_val_compare_and_swap(turn, 0, 1) == 0;
		REAP(child, 0);
	}
	tap_note("%d of 20 times", first);
	CHECK(first >= 15);	/* now and then its turn is over just then */
}

TEST("SCHED_FIFO runs before every ordinary program, however long it takes")
{
	struct sched_param param = { .sched_priority = 10 };
	int64_t start, used;
	pid_t hog;

	cpu_bind(0);
	hog = hog_start(-10);
	sleep_ms(20);
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param), 0);	/* musl refuses it */
	start = now_ns();
	used = cpu_ns();
	while (now_ns() - start < 300 * MS)
		;
	used = cpu_ns() - used;
	param.sched_priority = 0;
	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param), 0);
	hog_end(hog);
	tap_note("%lld us of 300 ms", (long long)used / 1000);
	CHECK(used > 250 * MS);
}

TEST("one that only yields starves nobody, and is not starved")
{
	volatile int64_t *turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t yielder, hog;
	int64_t used;

	cpu_bind(0);
	CHILD(yielder)
		for (;;) {
			sched_yield();
			++*turns;
		}
	hog = hog_start(0);
	sleep_ms(600);
	used = hog_end(hog);
	hog_end(yielder);
	tap_note("%lld us, %lld turns", (long long)used / 1000, (long long)*turns);
	CHECK(used > 150 * MS);
	CHECK(*turns > 10);
}

static void program_spin(int64_t ns)
{
	int64_t end = cpu_ns() + ns;

	while (cpu_ns() < end)
		for (volatile int i = 0; i < 200000; i++)
			;
}

static void system_spin(int64_t ns)
{
	int64_t end = cpu_ns() + ns;

	while (cpu_ns() < end)
		for (int i = 0; i < 2000; i++)
			syscall(SYS_getppid);
}

TEST("work in the program is user time, work in system calls is system time")
{
	struct rusage before, between, after;

	CHECK_EQ(getrusage(RUSAGE_SELF, &before), 0);
	program_spin(300 * MS);
	CHECK_EQ(getrusage(RUSAGE_SELF, &between), 0);
	system_spin(300 * MS);
	CHECK_EQ(getrusage(RUSAGE_SELF, &after), 0);
	tap_note("spin: %lld us user, %lld system",
		 (long long)(ns_of(&between.ru_utime) - ns_of(&before.ru_utime)) / 1000,
		 (long long)(ns_of(&between.ru_stime) - ns_of(&before.ru_stime)) / 1000);
	tap_note("getppid: %lld us user, %lld system",
		 (long long)(ns_of(&after.ru_utime) - ns_of(&between.ru_utime)) / 1000,
		 (long long)(ns_of(&after.ru_stime) - ns_of(&between.ru_stime)) / 1000);
	CHECK(ns_of(&between.ru_utime) - ns_of(&before.ru_utime) > 200 * MS);
	CHECK(ns_of(&after.ru_stime) - ns_of(&between.ru_stime) > 50 * MS);
}

TEST("user and system time add up to the process's CPU time, never run backwards, and times tells the same")
{
	int64_t last_user = 0, last_system = 0;

	for (int i = 0; i < 40; i++) {
		struct rusage use;
		struct tms t;
		int64_t sum, low, high;

		i % 2 ? program_spin(5 * MS) : system_spin(5 * MS);
		low = cpu_ns();
		CHECK_EQ(getrusage(RUSAGE_SELF, &use), 0);
		high = cpu_ns();
		sum = ns_of(&use.ru_utime) + ns_of(&use.ru_stime);
		CHECK(sum > low - 5 * MS && sum < high + 5 * MS);
		CHECK(ns_of(&use.ru_utime) >= last_user && ns_of(&use.ru_stime) >= last_system);
		last_user = ns_of(&use.ru_utime);
		last_system = ns_of(&use.ru_stime);
		CHECK(times(&t) != (clock_t)-1);
		sum = (int64_t)(t.tms_utime + t.tms_stime) * 10 * MS;
		CHECK(sum > low - 30 * MS && sum < high + 30 * MS);
	}
}

TEST("/proc/PID/stat tells user and system time, and /proc/stat counts them, too")
{
	unsigned long user, system, before[3], after[3];
	char text[4096];
	char *at;

	CHECK_EQ(sscanf(file_read("/proc/stat", text, sizeof(text)), "cpu %lu %lu %lu", &before[0], &before[1], &before[2]), 3);
	program_spin(200 * MS);
	system_spin(200 * MS);
	CHECK_EQ(sscanf(file_read("/proc/stat", text, sizeof(text)), "cpu %lu %lu %lu", &after[0], &after[1], &after[2]), 3);
	at = strrchr(file_read("/proc/self/stat", text, sizeof(text)), ')');
	CHECK(at != NULL);
	CHECK_EQ(sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system), 2);
	tap_note("user %lu, system %lu; all: %lu %lu %lu", user, system, after[0] - before[0], after[1] - before[1],
		 after[2] - before[2]);
	CHECK(user >= 12 && system >= 5);
	CHECK(user + system >= 35);
	CHECK(after[0] + after[1] - before[0] - before[1] >= 5);
	CHECK(after[0] + after[1] + after[2] - before[0] - before[1] - before[2] >= 10);
}

/* --- getppid in every thread ---------------------------------------------------------------------------- */

static void *ppid_in_thread(void *end)
{
	char byte;
	pid_t parent;

	CHECK_EQ(read(((int *)end)[0], &byte, 1), 1);	/* made while the parent lived */
	parent = getppid();
	return (void *)(intptr_t)parent;
}

TEST("every thread sees the new parent after the old one died")
{
	int ready[2], go[2], told[2];
	pid_t middle, found[2] = { 0, 0 };
	char byte;

	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe(go), 0);
	CHECK_EQ(pipe(told), 0);
	CHILD(middle) {
		if (fork() == 0) {
			pthread_t thread;
			pid_t old = getppid();
			void *seen;

			CHECK_EQ(pthread_create(&thread, NULL, ppid_in_thread, go), 0);
			CHECK_EQ(write(ready[1], "r", 1), 1);
			close(told[0]);
			while (getppid() == old)
				sleep_ms(1);
			CHECK_EQ(write(go[1], "g", 1), 1);
			CHECK_EQ(pthread_join(thread, &seen), 0);
			found[0] = getppid();
			found[1] = (pid_t)(intptr_t)seen;
			CHECK_EQ(write(told[1], found, sizeof(found)), sizeof(found));
			_exit(0);
		}
		CHECK_EQ(read(ready[0], &byte, 1), 1);
	}
	close(told[1]);
	REAP(middle, 0);
	CHECK_EQ(read(told[0], found, sizeof(found)), sizeof(found));
	CHECK(found[0] != middle);
	CHECK_EQ(found[1], found[0]);
}

/* sched_setaffinity(2); CPU 0 alone when there is no other. */
static int affinity_get(pid_t who)
{
	cpu_set_t set;

	CHECK_EQ(sched_getaffinity(who, sizeof(set), &set), 0);
	return CPU_COUNT(&set) == 1 ? (CPU_ISSET(0, &set) ? 0 : 1) : -1;
}

static void *affinity_inherited(void *last)
{
	int seen = affinity_get(0), child;

	CHECK_EQ(seen, *(int *)last);
	cpu_bind(0);
	CHILD(child) {
		CHECK_EQ(affinity_get(0), 0);
	}
	REAP(child, 0);
	return NULL;
}

TEST("a mask of CPUs is one thread's, and what the thread makes begins with it")
{
	int last = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	pthread_t thread;
	pid_t child;

	cpu_bind(last);
	CHECK_EQ(pthread_create(&thread, NULL, affinity_inherited, &last), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(affinity_get(0), last);
	CHILD(child) {
		CHECK_EQ(affinity_get(0), last);
	}
	REAP(child, 0);
}

TEST("nobody is number -1: ESRCH of the calls about CPUs, EINVAL of the other ones")
{
	struct sched_param param = { 0 };
	cpu_set_t set;

	CHECK_ERR(sched_getaffinity(-1, sizeof(set), &set), ESRCH);
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CHECK_ERR(sched_setaffinity(-1, sizeof(set), &set), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getscheduler, -1), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getparam, -1, &param), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getattr, -1, &param, 48, 0), EINVAL);
}
