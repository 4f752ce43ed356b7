/*
 * fuzz.h -- the frame of the fuzzers: a seed, a time limit, rounds in children, one TAP line.
 *
 * Owns:    main(); the child of the round that runs.
 * Locks:   none.
 * Fails:   when the system answers a sane request wrongly after a round: fork, wait, a pipe, a file
 *          or this process's own memory. What becomes of the child of a round never matters.
 * Tested:  fuzz/run.py, on Linux first.
 *
 * usage: PROGRAM [SEED [SECONDS [ROUNDS]]]; the same seed makes the same rounds, and a seed with
 * ROUNDS runs as many and no more, so that "seed 7, round 1234" can be run again alone with
 * PROGRAM 7 0 1234.
 */
#ifndef TESSERA_FUZZ_H
#define TESSERA_FUZZ_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUND_MS	1500
#define CANARY_BYTES	65536

/* Each fuzzer: what a child does with its numbers; it may crash, hang or exit. */
static void round_run(uint64_t round);
static const char fuzz_sentence[];

/* Why this fuzzer has nothing to do on this system, or NULL. */
static const char *round_impossible(void);

static uint64_t random_state;
static uint8_t *canary;

/* xorshift64*, seeded from seed and round, so that any round can be repeated alone. */
static inline uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dUL;
}

static inline uint64_t random_below(uint64_t limit)
{
	return random_next() % limit;
}

static inline void random_seed(uint64_t seed, uint64_t round)
{
	random_state = (seed + 1) * 0x9e3779b97f4a7c15UL ^ (round + 1) * 0xd1342543de82ef95UL;
	if (random_state == 0)
		random_state = 1;
	random_next();
}

static inline _Noreturn void fuzz_fail(uint64_t seed, uint64_t round, const char *what)
{
	printf("# seed %lu, round %lu: %s (errno %d: %s)\nnot ok 1 - %s\n", (unsigned long)seed,
	       (unsigned long)round, what, errno, strerror(errno), fuzz_sentence);
	exit(1);
}

static inline int64_t fuzz_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * The child gives up what would let it harm bystanders of the test on a real Linux: its uid, its
 * process group, more processes, big files, much memory. It is not root when it starts to roll dice.
 */
static inline void child_confine(void)
{
	struct rlimit few = { 64, 64 }, small = { 1 << 20, 1 << 20 }, memory = { 256 << 20, 256 << 20 };
	struct rlimit none = { 0, 0 }, seconds = { 2, 3 };
	int null = open("/dev/null", O_RDWR);

	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	for (int fd = 3; fd < 64; fd++)
		if (fd != null)
			close(fd);
	setrlimit(RLIMIT_FSIZE, &small);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &seconds);
	setrlimit(RLIMIT_AS, &memory);
	if (getuid() == 0) {
		gid_t group = 61234;

		setrlimit(RLIMIT_NPROC, &few);
		if (syscall(SYS_setgroups, 1, &group) != 0 || setgid(61234) != 0 || setuid(61234) != 0)
			_exit(97);
	}
	signal(SIGALRM, SIG_DFL);
	alarm(2);
}

/* Wakes the child every few ms out of whatever it is asleep or caught in. */
static inline void child_disturb(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* Ends everything the round left behind, by uid: nobody else runs as 61234. */
static inline void stragglers_kill(void)
{
	pid_t killer;

	if (getuid() != 0)
		return;
	killer = fork();
	if (killer == 0) {
		if (setuid(61234) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	if (killer > 0)
		waitpid(killer, NULL, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Whether the child ended in time; if not it is killed, which must work. */
static inline void child_await(uint64_t seed, uint64_t round, pid_t child)
{
	int64_t end = fuzz_now_ms() + ROUND_MS;
	pid_t got = 0;

	for (int turn = 0; got == 0; turn++) {
		struct timespec nap = { 0, turn < 20 ? 100000 : 2000000 };

		got = waitpid(child, NULL, WNOHANG);
		if (got == child)
			return;
		if (fuzz_now_ms() >= end)
			break;
		nanosleep(&nap, NULL);
	}
	kill(child, SIGKILL);
	if (waitpid(child, NULL, 0) != child)
		fuzz_fail(seed, round, "the child could not be killed and reaped");
}

/* Sane requests must still be answered sanely. */
static inline void system_judge(uint64_t seed, uint64_t round)
{
	int ends[2], status = -1;
	char byte = 0;
	pid_t child;

	for (int i = 0; i < CANARY_BYTES; i += 64)
		if (canary[i] != (uint8_t)(i >> 6))
			fuzz_fail(seed, round, "this process's memory changed");
	if (pipe(ends) != 0)
		fuzz_fail(seed, round, "pipe");
	child = fork();
	if (child == 0) {
		(void)!write(ends[1], "k", 1);
		_exit(42);
	}
	if (child < 0)
		fuzz_fail(seed, round, "fork");
	if (read(ends[0], &byte, 1) != 1 || byte != 'k')
		fuzz_fail(seed, round, "a byte through a pipe");
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 42)
		fuzz_fail(seed, round, "a child's status");
	close(ends[0]);
	close(ends[1]);
}

static inline void round_isolate(uint64_t seed, uint64_t round)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fuzz_fail(seed, round, "fork");
	if (child == 0) {
		random_seed(seed, round);
		child_confine();
		round_run(round);
		_exit(0);
	}
	child_await(seed, round, child);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	int64_t seconds = argc > 2 ? atol(argv[2]) : 5;
	uint64_t only = argc > 3 ? strtoull(argv[3], NULL, 0) : UINT64_MAX, round = 0;
	int64_t end = fuzz_now_ms() + seconds * 1000;

	canary = mmap(NULL, CANARY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < CANARY_BYTES; i += 64)
		canary[i] = (uint8_t)(i >> 6);
	mprotect(canary, CANARY_BYTES, PROT_READ);
	madvise(canary, CANARY_BYTES, MADV_DONTFORK);
	mkdir("/tmp", 01777);
	mkdir("/tmp/fuzz", 0777);
	chmod("/tmp/fuzz", 0777);
	if (chdir("/tmp/fuzz") != 0)
		fuzz_fail(seed, 0, "chdir /tmp/fuzz");
	printf("1..1\n");
	if (round_impossible() != NULL) {
		printf("ok 1 - %s # SKIP %s\n", fuzz_sentence, round_impossible());
		return 0;
	}
	if (only != UINT64_MAX)
		round_isolate(seed, only);
	else
		for (; fuzz_now_ms() < end; round++) {
			round_isolate(seed, round);
			if (round % 8 == 0)
				stragglers_kill();
			system_judge(seed, round);
		}
	stragglers_kill();
	system_judge(seed, round);
	printf("# seed %lu: %lu rounds in %ld s\nok 1 - %s\n", (unsigned long)seed,
	       (unsigned long)round, (long)seconds, fuzz_sentence);
	return 0;
}

#endif
