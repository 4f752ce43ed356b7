/*
 * late.c -- how long one program can keep a CPU from a more urgent one by what it asks of the system.
 *
 * A process of real-time priority sleeps again and again for a moment and looks how late it wakes, while
 * another makes the calls with the longest way through the kernel: thousands of mappings, threads,
 * descriptors, watches, or much memory.
 *
 * Owns:    a page shared with the watcher.
 * Locks:   none.
 * Fails:   see tap.h. The bound is Tessera's, and by a clock that counts instructions; Linux's figures, which
 *          are up to 100 ms, are told only.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#define PAGE		4096UL
#define MIB		(1UL << 20)
#define STEP_NS		20000
#define STEP_HOST_NS	1000000		/* this machine's clock: TCG must be able to do something between two */
#define BOUND_NS	1000000		/* for one call; a tick is four times that */
#define SYSTEM_NS	40000000	/* for what needs the system: here it is more urgent than any program */
#define MAPPINGS	30000
#define THREADS		1000
#define FDS		2000

#define FUTEX_WAIT_PRIVATE	128
#define FUTEX_WAKE_PRIVATE	129
#define FUTEX_REQUEUE_PRIVATE	131

static struct watch {
	volatile int64_t late;		/* the longest since it was set to 0 */
	volatile bool ready, failed;
} *watch;

static int64_t clock_read(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void cpu_only(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* The CPU's clock counts instructions: the same work takes the same time, but for what Linux rounds. */
static bool clock_exact(void)
{
	int64_t took[4];

	for (int i = 0; i < 4; i++) {
		int64_t start = clock_read();

		for (volatile int n = 0; n < 1000; n++)
			;
		took[i] = clock_read() - start;
	}
	return llabs(took[2] - took[3]) <= 2 && llabs(took[1] - took[2]) <= 2;
}

static int64_t step_ns;
static bool bounded;

static _Noreturn void watcher(void)
{
	struct sched_param urgent = { .sched_priority = 50 };

	CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &urgent), 0);
	watch->ready = true;
	for (;;) {
		int64_t until = clock_read() + step_ns, late;
		struct timespec t = { until / 1000000000, until % 1000000000 };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		late = clock_read() - until;
		if (late > watch->late)
			watch->late = late;
	}
}

static void watch_begin(void)
{
	if (getuid() != 0)
		SKIP("needs root");
	cpu_only(0);
	step_ns = clock_exact() ? STEP_NS : STEP_HOST_NS;
	bounded = step_ns == STEP_NS && on_tessera();
	watch = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(watch != MAP_FAILED);
	if (fork() == 0)
		watcher();
	while (!watch->ready)
		sched_yield();
	watch->late = 0;
}

/* What was done since the last one, or the beginning. */
static void watch_tell_within(const char *what, int64_t bound_ns)
{
	int64_t late;

	sched_yield();
	late = watch->late;
	tap_note("%s: %lld us", what, (long long)late / 1000);
	watch->failed |= bounded && late > bound_ns;
	watch->late = 0;
}

static void watch_tell(const char *what) { watch_tell_within(what, BOUND_NS); }
static void watch_tell_system(const char *what) { watch_tell_within(what, SYSTEM_NS); }

/* At the end, so that all figures are told. */
static void watch_end(void)
{
	if (watch->failed)
		FAIL("  above the bound of %d us, or %d us", BOUND_NS / 1000, SYSTEM_NS / 1000);
}

static void child_wait(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

/* --- address spaces ---------------------------------------------------------------------------------------- */

/* Every second page of a range is its own mapping. */
static uint8_t *mappings_make(void)
{
	uint8_t *at = mmap(NULL, 2 * MAPPINGS * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	for (int i = 0; i < MAPPINGS; i++)
		CHECK_EQ(munmap(at + 2 * i * PAGE, PAGE), 0);
	return at;
}

TEST("thousands of mappings, made, searched, forked, protected and unmapped, keep nobody waiting")
{
	uint8_t *at;
	pid_t pid;

	watch_begin();
	pid = fork();
	if (pid == 0) {
		mappings_make();
		_exit(0);
	}
	child_wait(pid);
	watch_tell("the end of who made them");
	at = mappings_make();
	watch_tell("unmapping");
	CHECK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	watch_tell("looking for room");
	pid = fork();
	if (pid == 0)
		_exit(0);
	watch_tell_system("fork");
	child_wait(pid);
	watch_tell("the child's end");
	for (int i = 0; i < MAPPINGS; i++)
		mprotect(at + (2 * i + 1) * PAGE, PAGE, PROT_READ | PROT_WRITE);
	watch_tell("protecting");
	CHECK_ERR(mprotect(at + PAGE, 2 * MAPPINGS * PAGE, PROT_READ), ENOMEM);
	watch_tell("protecting all");
	CHECK_EQ(munmap(at, 2 * MAPPINGS * PAGE), 0);
	watch_tell("unmapping all");
	watch_end();
}

TEST("much memory, forked, unmapped, given back by a file and at an end, keeps nobody waiting")
{
	const size_t size = 64 * MIB;
	uint8_t *at;
	pid_t pid;
	int fd;

	watch_begin();
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	memset(at, 1, size);
	watch_tell("touching");
	pid = fork();
	if (pid == 0)
		_exit(0);
	watch_tell_system("fork");
	child_wait(pid);
	watch_tell("the child's end");
	CHECK_EQ(munmap(at, size), 0);
	watch_tell("unmapping");
	fd = memfd_create("big", 0);
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (off_t)size), 0);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	for (size_t i = 0; i < size; i += PAGE)
		at[i] = 1;
	watch_tell("touching a file");
	CHECK_EQ(munmap(at, size), 0);
	watch_tell("unmapping a file");
	close(fd);
	watch_tell("the file's end");
	at = mmap(NULL, 1UL << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(at != MAP_FAILED);
	for (size_t i = 0; i < 4000; i++)
		at[i << 21] = 1;
	watch_tell("touching here and there");
	pid = fork();
	if (pid == 0)
		_exit(0);
	watch_tell_system("fork");
	child_wait(pid);
	watch_tell("the child's end");
	CHECK_EQ(munmap(at, 1UL << 40), 0);
	watch_tell("unmapping");
	watch_end();
}

/* --- descriptors ------------------------------------------------------------------------------------------------ */

static void fds_allow(void)
{
	struct rlimit r = { 2 * FDS + 64, 2 * FDS + 64 };

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
}

TEST("thousands of descriptors, forked, polled and closed at an end, keep nobody waiting")
{
	static struct pollfd polls[FDS];
	int p[2];
	pid_t pid;

	watch_begin();
	fds_allow();
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < FDS; i++) {
			CHECK_EQ(pipe(p), 0);
			CHECK_EQ(write(p[1], "x", 1), 1);
			polls[i] = (struct pollfd){ p[0], POLLPRI, 0 };
		}
		watch_tell("pipes");
		CHECK_EQ(poll(polls, FDS, 10), 0);
		watch_tell("poll");
		pid = fork();
		if (pid == 0)
			_exit(0);
		watch_tell_system("fork");
		child_wait(pid);
		watch_tell("the child's end");
		_exit(0);
	}
	child_wait(pid);
	watch_tell("the end");
	watch_end();
}

TEST("thousands of watches of one pipe, woken and ended, keep nobody waiting")
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int set, p[2];
	char byte;

	watch_begin();
	fds_allow();
	set = epoll_create1(0);
	CHECK(set >= 0);
	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < 2 * FDS; i++)
		CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, dup(p[0]), &event), 0);
	watch_tell("adding");
	CHECK_EQ(write(p[1], "x", 1), 1);
	watch_tell("writing");
	CHECK_EQ(read(p[0], &byte, 1), 1);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
	watch_tell("looking");
	close(set);
	watch_tell("the set's end");
	watch_end();
}

TEST("a thousand timers of one moment keep nobody waiting")
{
	struct itimerspec in = { .it_value.tv_nsec = 100000000 };

	watch_begin();
	fds_allow();
	for (int i = 0; i < 1000; i++) {
		int fd = timerfd_create(CLOCK_MONOTONIC, 0);

		CHECK(fd >= 0);
		in.it_value.tv_sec = 0;
		CHECK_EQ(timerfd_settime(fd, 0, &in, NULL), 0);
	}
	usleep(400000);
	watch_tell("timers");
	watch_end();
}

/* --- threads -------------------------------------------------------------------------------------------------------- */

static int word, other, pipe_fds[2];
static volatile int started;

static long futex(int *at, int op, int value, long more, int *at2)
{
	return syscall(SYS_futex, at, op, value, more, at2, 0);
}

static void *futex_waiter(void *unused)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	futex(&word, FUTEX_WAIT_PRIVATE, 0, 0, NULL);
	return unused;
}

static void *pipe_waiter(void *unused)
{
	char byte;

	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	(void)!read(pipe_fds[0], &byte, 1);
	return unused;
}

static void threads_make(void *(*body)(void *))
{
	pthread_attr_t attr;
	pthread_t t;

	started = 0;
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setstacksize(&attr, 16384), 0);
	CHECK_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t, &attr, body, NULL), 0);
	while (started < THREADS)
		usleep(1000);
	usleep(20000);
}

TEST("a thousand threads on one futex, moved, woken, forked and killed, keep nobody waiting")
{
	pid_t pid;

	watch_begin();
	threads_make(futex_waiter);
	watch_tell("threads");
	CHECK_EQ(futex(&word, FUTEX_REQUEUE_PRIVATE, 0, THREADS, &other), THREADS);
	watch_tell("moving");
	CHECK_EQ(futex(&other, FUTEX_WAKE_PRIVATE, THREADS, 0, NULL), THREADS);
	watch_tell("waking");
	usleep(200000);
	watch_tell("their ends");
	pid = fork();
	if (pid == 0) {
		threads_make(futex_waiter);
		watch_tell_system("fork and threads");
		_exit(0);
	}
	child_wait(pid);
	watch_tell("the end of all");
	watch_end();
}

TEST("a thousand readers of one pipe, of which one gets a byte, keep nobody waiting")
{
	watch_begin();
	CHECK_EQ(pipe(pipe_fds), 0);
	threads_make(pipe_waiter);
	watch_tell("threads");
	CHECK_EQ(write(pipe_fds[1], "x", 1), 1);
	watch_tell("writing");
	usleep(200000);
	watch_tell("reading");
	close(pipe_fds[1]);
	watch_tell("hanging up");
	usleep(200000);
	watch_tell("their ends");
	watch_end();
}
