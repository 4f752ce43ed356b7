/*
 * rows_process.c -- rows that need a second process or thread.
 *
 * Owns:    the children and threads of its rows; every row reaps what it starts.
 * Locks:   the mutex of cond_pp guards `turn`.
 * Fails:   each row through row_fail(); a child's status is always looked at.
 * Tested:  tests/bench/run.py
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_STATUS	7
#define FORK_PAGES	256

static int there[2], back[2];
static pid_t partner;
static long sent_bytes;
static uint8_t block[FILE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static int child_reap(pid_t child, int expected)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		return row_fail("waitpid: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
		return row_fail("child ended with status 0x%x", (unsigned)status);
	return 0;
}

static int pipes_make(void)
{
	if (pipe(there) != 0 || pipe(back) != 0)
		return row_fail("pipe: %s", strerror(errno));
	return 0;
}

/* Ends the partner of a ping-pong: it sees end of file and exits, and is reaped. */
static int partner_end(void)
{
	int input = there[1];

	there[1] = -1;
	if (input >= 0)
		close(input);
	close(back[0]);
	return child_reap(partner, CHILD_STATUS);
}

static int partner_start(void (*body)(void))
{
	if (pipes_make() != 0)
		return -1;
	partner = fork();
	if (partner < 0)
		return row_fail("fork: %s", strerror(errno));
	if (partner == 0) {
		close(there[1]);
		close(back[0]);
		body();
	}
	close(there[0]);
	close(back[1]);
	return 0;
}

/* The child adds one to each byte and sends it back, until end of file. */
static void pong(void)
{
	uint8_t byte;

	while (read(there[0], &byte, 1) == 1) {
		byte++;
		if (write(back[1], &byte, 1) != 1)
			_exit(1);
	}
	_exit(CHILD_STATUS);
}

static int pipe_pp_prepare(void)
{
	return partner_start(pong);
}

static int pipe_pp_loop(long n)
{
	long bad = 0;

	for (long i = 0; i < n; i++) {
		volatile uint8_t byte = (uint8_t)i;

		bad |= write(there[1], (void *)&byte, 1) ^ 1;
		bad |= read(back[0], (void *)&byte, 1) ^ 1;
		bad |= byte ^ (uint8_t)(i + 1);
	}
	return bad == 0 ? 0 : row_fail("a wrong byte came back");
}

/* The child counts what arrives and says at the end how much it was. */
static void block_drain(void)
{
	long total = 0, got;

	while ((got = read(there[0], block, FILE_BYTES)) > 0) {
		if (block[0] != 0x5a || block[got - 1] != 0x5a)
			_exit(1);
		total += got;
	}
	_exit(write(back[1], &total, sizeof(total)) == sizeof(total) ? CHILD_STATUS : 1);
}

static int pipe_bw64k_prepare(void)
{
	if (partner_start(block_drain) != 0)
		return -1;
	memset(block, 0x5a, sizeof(block));
	sent_bytes = 0;
	return 0;
}

static int pipe_bw64k_loop(long n)
{
	for (long i = 0; i < n; i++)
		if (write(there[1], block, FILE_BYTES) != FILE_BYTES)
			return row_fail("write 64 KiB to a pipe: %s", strerror(errno));
	sent_bytes += n * FILE_BYTES;
	return 0;
}

static int pipe_bw64k_check(void)
{
	long total = 0;

	close(there[1]);
	there[1] = -1;
	if (read(back[0], &total, sizeof(total)) != sizeof(total) || total != sent_bytes)
		return row_fail("%ld bytes sent, %ld arrived", sent_bytes, total);
	return partner_end();
}

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static long turn;

static void turns_take(long n, long mine)
{
	pthread_mutex_lock(&turn_lock);
	for (long i = 0; i < n; i++) {
		while ((turn & 1) != mine)
			pthread_cond_wait(&turn_changed, &turn_lock);
		turn++;
		pthread_cond_signal(&turn_changed);
	}
	pthread_mutex_unlock(&turn_lock);
}

static void *turns_odd(void *n)
{
	turns_take((long)n, 1);
	return NULL;
}

static int cond_pp_loop(long n)
{
	pthread_t other;
	int error;

	turn = 0;
	error = pthread_create(&other, NULL, turns_odd, (void *)n);
	if (error != 0)
		return row_fail("pthread_create: %s", strerror(error));
	turns_take(n, 0);
	pthread_join(other, NULL);
	return turn == 2 * n ? 0 : row_fail("%ld turns of %ld", turn, 2 * n);
}

static void *argument_return(void *argument)
{
	return (char *)argument + 1;
}

static int pthread_loop(long n)
{
	for (long i = 0; i < n; i++) {
		pthread_t thread;
		void *result = NULL;
		int error = pthread_create(&thread, NULL, argument_return, (void *)i);

		if (error != 0)
			return row_fail("pthread_create: %s", strerror(error));
		pthread_join(thread, &result);
		if (result != (void *)(i + 1))
			return row_fail("the thread returned %p", result);
	}
	return 0;
}

/*
 * A process that forks has a working set. This one makes the fork rows cost Linux 6.1 what the
 * project's reference table says, so that the targets set from that table keep their meaning.
 */
static int fork_prepare(void)
{
	static uint8_t working_set[FORK_PAGES * PAGE_BYTES];

	for (size_t page = 0; page < FORK_PAGES; page++)
		((volatile uint8_t *)working_set)[page * PAGE_BYTES] = 1;
	return 0;
}

static int forkexit_loop(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t child = fork();

		if (child < 0)
			return row_fail("fork: %s", strerror(errno));
		if (child == 0)
			_exit(i & 63);
		if (child_reap(child, i & 63) != 0)
			return -1;
	}
	return 0;
}

static void nothing_exec(void)
{
	static char *const argv[] = { (char *)"bench", (char *)"--nothing", NULL };
	static char *const envp[] = { NULL };

	execve(bench_self, argv, envp);
	_exit(99);
}

static int forkexec_loop(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t child = fork();

		if (child < 0)
			return row_fail("fork: %s", strerror(errno));
		if (child == 0)
			nothing_exec();
		if (child_reap(child, CHILD_STATUS) != 0)
			return -1;
	}
	return 0;
}

static int vforkexec_loop(long n)
{
	/* volatile: the child of vfork shares this frame. */
	for (volatile long i = 0; i < n; i++) {
		pid_t child = vfork();

		if (child < 0)
			return row_fail("vfork: %s", strerror(errno));
		if (child == 0)
			nothing_exec();
		if (child_reap(child, CHILD_STATUS) != 0)
			return -1;
	}
	return 0;
}

/* system() of something that shows that a shell ran; the timed loop only sees status 0. */
static int sh_prepare(void)
{
	int status = system("exit $((6*7))");

	if (status == -1)
		return row_fail("system: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
		return row_fail("sh -c 'exit $((6*7))': status 0x%x", (unsigned)status);
	return 0;
}

static int sh_loop(long n)
{
	for (long i = 0; i < n; i++) {
		int status = system("exit 0");

		if (status != 0)
			return row_fail("sh -c 'exit 0': status 0x%x", (unsigned)status);
	}
	return 0;
}

const struct row rows_process[] = {
	{ "pipe_pp", "pipe ping-pong, two processes", 2000, pipe_pp_prepare,
	  pipe_pp_loop, partner_end },
	{ "pipe_bw64k", "64 KiB through a pipe, two processes", 600, pipe_bw64k_prepare,
	  pipe_bw64k_loop, pipe_bw64k_check },
	{ "cond_pp", "condition variable ping-pong, two threads", 2000, NULL, cond_pp_loop, NULL },
	{ "pthread", "pthread_create + pthread_join", 300, NULL, pthread_loop, NULL },
	{ "forkexit", "fork + exit + wait", 150, fork_prepare, forkexit_loop, NULL },
	{ "forksmall", "fork + exit + wait, small process", 200, NULL, forkexit_loop, NULL },
	{ "forkexec", "fork + exec + exit + wait", 100, fork_prepare, forkexec_loop, NULL },
	{ "vforkexec", "vfork + exec + exit + wait", 150, NULL, vforkexec_loop, NULL },
	{ "sh", "sh -c 'exit 0' by system()", 60, sh_prepare, sh_loop, NULL },
	{ .name = NULL },
};
