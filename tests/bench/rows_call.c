/*
 * rows_call.c -- rows whose cost is the call itself: entry, descriptors, pipes in one process,
 * waiting that does not wait, signals to self.
 *
 * Owns:    the descriptors its rows open; they end with the row's process.
 * Locks:   none.
 * Fails:   each row through row_fail().
 * Tested:  tests/bench/run.py
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NPOLL		10
#define FUTEX_WAIT	0
#define FUTEX_WAKE	1
#define YIELD_TURNS	40
#define YIELDS_MAX	(200 * YIELD_TURNS)	/* a time slice is thousands of yields that do nothing */

static int fd_zero = -1, fd_null = -1, fd_epoll = -1;
static int pipe_ends[2] = { -1, -1 };
static int poll_pipes[NPOLL][2];

/* Six instructions an iteration, counted by hand: shows whether the clock counts instructions. */
static int ctlloop_loop(long n)
{
	__asm__ volatile("1: nop\n\tnop\n\tnop\n\tnop\n\tdec %0\n\tjnz 1b" : "+r"(n) :: "cc");
	return 0;
}

static int getppid_loop(long n)
{
	long bad = 0, parent = bench_parent;

	for (long i = 0; i < n; i++)
		bad |= syscall(SYS_getppid) ^ parent;
	return bad == 0 ? 0 : row_fail("not the parent's pid %ld", parent);
}

static int clock_loop(long n)
{
	struct timespec now, then;
	int64_t elapsed_ns;
	int bad = 0;

	bad |= clock_gettime(CLOCK_MONOTONIC, &then);
	for (long i = 0; i < n; i++)
		bad |= clock_gettime(CLOCK_MONOTONIC, &now);
	elapsed_ns = (now.tv_sec - then.tv_sec) * 1000000000LL + now.tv_nsec - then.tv_nsec;
	if (bad != 0)
		return row_fail("clock_gettime: %s", strerror(errno));
	return elapsed_ns > n ? 0 : row_fail("%ld calls took %ld ns", n, (long)elapsed_ns);
}

static int read1_prepare(void)
{
	fd_zero = open("/dev/zero", O_RDONLY);
	return fd_zero >= 0 ? 0 : row_fail("open /dev/zero: %s", strerror(errno));
}

static int read1_loop(long n)
{
	long bad = 0, fd = fd_zero;

	for (long i = 0; i < n; i++) {
		volatile uint8_t byte = 0xff;

		bad |= read(fd, (void *)&byte, 1) ^ 1;
		bad |= byte;
	}
	return bad == 0 ? 0 : row_fail("read did not give one zero byte");
}

static int write1_prepare(void)
{
	fd_null = open("/dev/null", O_WRONLY);
	return fd_null >= 0 ? 0 : row_fail("open /dev/null: %s", strerror(errno));
}

static int write1_loop(long n)
{
	long bad = 0, fd = fd_null;
	uint8_t byte = 1;

	for (long i = 0; i < n; i++)
		bad |= write(fd, &byte, 1) ^ 1;
	return bad == 0 ? 0 : row_fail("write did not take one byte");
}

static int write1_check(void)
{
	char byte;
	ssize_t result = read(fd_null, &byte, 1);

	if (result == -1 && errno == EBADF)
		return 0;
	return row_fail("read of a write-only descriptor: %zd", result);
}

static int dup_loop(long n)
{
	int bad = 0, fd = fd_null, lowest = dup(fd);

	close(lowest);
	for (long i = 0; i < n; i++) {
		int copy = dup(fd);

		bad |= copy ^ lowest;
		bad |= close(copy);
	}
	if (bad != 0 || lowest < 0)
		return row_fail("dup did not give the lowest free descriptor, or close failed");
	if (fcntl(lowest, F_GETFD) != -1 || errno != EBADF)
		return row_fail("descriptor open after close");
	return 0;
}

static int pipe_prepare(void)
{
	return pipe(pipe_ends) == 0 ? 0 : row_fail("pipe: %s", strerror(errno));
}

static int pipe_self_loop(long n)
{
	int in = pipe_ends[0], out = pipe_ends[1];
	long bad = 0;

	for (long i = 0; i < n; i++) {
		volatile uint8_t sent = (uint8_t)i, got = (uint8_t)~i;

		bad |= write(out, (void *)&sent, 1) ^ 1;
		bad |= read(in, (void *)&got, 1) ^ 1;
		bad |= got ^ (uint8_t)i;
	}
	return bad == 0 ? 0 : row_fail("a byte did not come back through the pipe");
}

static int futexwake_loop(long n)
{
	static uint32_t word;
	long bad = 0;

	for (long i = 0; i < n; i++)
		bad |= syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
	if (bad != 0)
		return row_fail("futex wake with no waiter was not 0");
	bad = syscall(SYS_futex, (char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0);
	if (bad != -1 || errno != EINVAL)
		return row_fail("futex wake at an odd address was not EINVAL");
	return 0;
}

static void *page_share(void)
{
	return mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Somebody who sleeps is woken: a wake that always says 0 does not pass. */
static int futexwake_check(void)
{
	uint32_t *word = page_share();
	int status = -1;
	pid_t sleeper;

	if (word == MAP_FAILED)
		return row_fail("mmap: %s", strerror(errno));
	sleeper = fork();
	if (sleeper == 0)
		_exit(syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 7 : 1);
	while (sleeper > 0 && syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
		sched_yield();
	if (waitpid(sleeper, &status, 0) != sleeper || status != 7 << 8)
		return row_fail("a sleeper ended with status 0x%x", (unsigned)status);
	return munmap(word, PAGE_BYTES);
}

static int yield_loop(long n)
{
	int bad = 0;

	for (long i = 0; i < n; i++)
		bad |= sched_yield();
	return bad == 0 ? 0 : row_fail("sched_yield was not 0");
}

/* Add to *turn each time it is even (odd); how often that took a yield. */
static long turns_take(volatile uint32_t *turn, uint32_t odd)
{
	long yields = 0;

	for (int i = 0; i < YIELD_TURNS; i++) {
		for (; (*turn & 1) != odd; yields++)
			sched_yield();
		(*turn)++;
	}
	return yields;
}

/* Two processes on one CPU take turns: a yield that does nothing costs a time slice each. */
static int yield_check(void)
{
	volatile uint32_t *turn = page_share();
	cpu_set_t one;
	int status = -1;
	pid_t other;
	long yields;

	if (turn == MAP_FAILED)
		return row_fail("mmap: %s", strerror(errno));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		return row_fail("sched_setaffinity: %s", strerror(errno));
	other = fork();
	if (other == 0)
		_exit(turns_take(turn, 1) <= YIELDS_MAX ? 7 : 1);
	yields = other > 0 ? turns_take(turn, 0) : 0;
	if (waitpid(other, &status, 0) != other || status != 7 << 8 || yields > YIELDS_MAX)
		return row_fail("%d turns took %ld yields", YIELD_TURNS, yields);
	return munmap((void *)turn, PAGE_BYTES);
}

/* Ten pipes, the last one readable. */
static int poll10_prepare(void)
{
	for (int i = 0; i < NPOLL; i++)
		if (pipe(poll_pipes[i]) != 0)
			return row_fail("pipe: %s", strerror(errno));
	if (write(poll_pipes[NPOLL - 1][1], "x", 1) != 1)
		return row_fail("write to a pipe: %s", strerror(errno));
	return 0;
}

static int poll10_loop(long n)
{
	struct pollfd set[NPOLL];
	long bad = 0;

	for (int i = 0; i < NPOLL; i++)
		set[i] = (struct pollfd){ .fd = poll_pipes[i][0], .events = POLLIN };
	for (long i = 0; i < n; i++) {
		set[NPOLL - 1].revents = 0;
		bad |= poll(set, NPOLL, 0) ^ 1;
		bad |= set[NPOLL - 1].revents ^ POLLIN;
	}
	for (int i = 0; i < NPOLL - 1; i++)
		bad |= set[i].revents;
	return bad == 0 ? 0 : row_fail("poll did not find exactly the readable pipe");
}

static int epoll_prepare(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .u64 = 0x5eed } };

	if (pipe_prepare() != 0)
		return -1;
	fd_epoll = epoll_create1(0);
	if (fd_epoll < 0)
		return row_fail("epoll_create1: %s", strerror(errno));
	if (epoll_ctl(fd_epoll, EPOLL_CTL_ADD, pipe_ends[0], &event) != 0)
		return row_fail("epoll_ctl: %s", strerror(errno));
	return 0;
}

static int epoll_loop(long n)
{
	struct epoll_event events[4];
	int bad = 0, fd = fd_epoll;

	for (long i = 0; i < n; i++)
		bad |= epoll_wait(fd, events, 4, 0);
	return bad == 0 ? 0 : row_fail("epoll_wait reported an empty pipe, or failed");
}

static int epollready_prepare(void)
{
	if (epoll_prepare() != 0)
		return -1;
	return write(pipe_ends[1], "x", 1) == 1 ? 0 : row_fail("write to a pipe: %s",
								strerror(errno));
}

static int epollready_loop(long n)
{
	struct epoll_event events[4];
	long bad = 0;
	int fd = fd_epoll;

	for (long i = 0; i < n; i++) {
		events[0].data.u64 = 0;
		bad |= epoll_wait(fd, events, 4, 0) ^ 1;
		bad |= (long)(events[0].data.u64 ^ 0x5eed);
	}
	return bad == 0 ? 0 : row_fail("epoll_wait did not report the readable pipe");
}

/* The same wait set must notice a byte: an epoll_wait that always says 0 does not pass. */
static int epoll_check(void)
{
	if (write(pipe_ends[1], "x", 1) != 1)
		return row_fail("write to a pipe: %s", strerror(errno));
	return epollready_loop(1);
}

static volatile long nsignals;

static void signal_count(int number)
{
	nsignals += number == SIGUSR1;
}

static int sig_prepare(void)
{
	struct sigaction action = { .sa_handler = signal_count };

	if (sigaction(SIGUSR1, &action, NULL) != 0)
		return row_fail("sigaction: %s", strerror(errno));
	return 0;
}

static int sig_loop(long n)
{
	int bad = 0;

	nsignals = 0;
	for (long i = 0; i < n; i++)
		bad |= kill(getpid(), SIGUSR1);
	if (bad != 0)
		return row_fail("kill of self failed");
	return nsignals == n ? 0 : row_fail("%ld signals sent, %ld handled", n, nsignals);
}

static int sigmask_loop(long n)
{
	sigset_t set, old;
	int bad = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	for (long i = 0; i < n; i++)
		bad |= sigprocmask(SIG_BLOCK, &set, NULL);
	bad |= sigprocmask(SIG_BLOCK, &set, &old);
	if (bad != 0)
		return row_fail("sigprocmask failed");
	if (sigismember(&old, SIGUSR2) != 1)
		return row_fail("after %ld calls the mask is wrong", n);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 0;
}

const struct row rows_call[] = {
	{ "ctlloop", "a loop of six instructions", 1000000, NULL, ctlloop_loop, NULL },
	{ "getppid", "getppid by the syscall instruction", 40000, NULL, getppid_loop, NULL },
	{ "clock", "clock_gettime(CLOCK_MONOTONIC), vDSO", 100000, NULL, clock_loop, NULL },
	{ "read1", "read 1 byte of /dev/zero", 30000, read1_prepare, read1_loop, NULL },
	{ "write1", "write 1 byte to /dev/null", 30000, write1_prepare, write1_loop,
	  write1_check },
	{ "dup", "dup + close", 20000, write1_prepare, dup_loop, NULL },
	{ "pipe_self", "write + read 1 byte through a pipe, one process", 10000, pipe_prepare,
	  pipe_self_loop, NULL },
	{ "futexwake", "futex wake with no waiter", 20000, NULL, futexwake_loop,
	  futexwake_check },
	{ "yield", "sched_yield", 20000, NULL, yield_loop, yield_check },
	{ "poll10", "poll of 10 pipes, one readable", 10000, poll10_prepare, poll10_loop, NULL },
	{ "epoll", "epoll_wait, nothing ready, no time", 20000, epoll_prepare, epoll_loop,
	  epoll_check },
	{ "epollready", "epoll_wait with one descriptor ready", 20000, epollready_prepare,
	  epollready_loop, NULL },
	{ "sig", "signal to self: getpid, kill, handler, sigreturn", 5000, sig_prepare,
	  sig_loop, NULL },
	{ "sigmask", "sigprocmask: block", 40000, NULL, sigmask_loop, NULL },
	{ .name = NULL },
};
