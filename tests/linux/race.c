/*
 * race.c -- two things at once: signals, kills, stops, forks and closes at random moments.
 *
 * Owns:    its children and threads.
 * Locks:   none.
 * Fails:   see tap.h. A lost wake-up shows as a case that does not end.
 * Tested:  conformance.py, on Linux first. The delays come from a fixed seed.
 */
#define TAP_HELPER helper_main
#include "tap.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>

static int helper_main(int argc, char **argv)
{
	return argc == 1 ? atoi(argv[0]) : 98;
}

static uint32_t random_state = 12345;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % limit;
}

/* Up to a few thousand instructions, so that the other side is met at every stage of its call. */
static void delay(void)
{
	for (volatile uint32_t turns = random_below(1 << random_below(14)); turns > 0; turns--)
		;
}

static volatile sig_atomic_t nsignals;
static int self_pipe[2];

static void count(int number)
{
	(void)number;
	nsignals++;
}

static void write_byte(int number)
{
	(void)number;
	nsignals++;
	write(self_pipe[1], "s", 1);
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK_EQ(sigaction(number, &action, NULL), 0);
}

static void ticks_start(long us)
{
	struct itimerval often = { { 0, us }, { 0, us } };

	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void ticks_stop(void)
{
	struct itimerval off = { { 0, 0 }, { 0, 0 } };

	CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
}

TEST("a signal sent while sigsuspend goes to sleep always wakes it")
{
	sigset_t block, open_mask;
	pid_t child, parent = getpid();

	handle(SIGUSR1, count, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, &open_mask), 0);
	for (int i = 1; i <= 150; i++) {
		random_state = (uint32_t)i * 77;
		CHILD(child) {
			delay();
			kill(parent, SIGUSR1);
		}
		while (nsignals < i)
			CHECK_ERR(sigsuspend(&open_mask), EINTR);
		REAP(child, 0);
	}
	CHECK_EQ(nsignals, 150);
}

TEST("a signal sent while ppoll goes to sleep always wakes it")
{
	sigset_t block, open_mask;
	struct pollfd one;
	pid_t child, parent = getpid();
	int result;

	CHECK_EQ(pipe(self_pipe), 0);
	one = (struct pollfd){ .fd = self_pipe[0], .events = POLLIN };
	handle(SIGUSR1, count, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, &open_mask), 0);
	for (int i = 1; i <= 150; i++) {
		random_state = (uint32_t)i * 33;
		CHILD(child) {
			delay();
			kill(parent, SIGUSR1);
		}
		while (nsignals < i) {
			result = ppoll(&one, 1, NULL, &open_mask);
			CHECK(result == -1 && errno == EINTR);
		}
		REAP(child, 0);
	}
}

TEST("a handler that writes to a pipe always ends the read that it interrupts")
{
	pid_t child, parent = getpid();
	char byte;
	ssize_t n;

	CHECK_EQ(pipe(self_pipe), 0);
	handle(SIGUSR1, write_byte, SA_RESTART);
	for (int i = 1; i <= 150; i++) {
		random_state = (uint32_t)i * 55;
		CHILD(child) {
			delay();
			kill(parent, SIGUSR1);
		}
		do
			n = read(self_pipe[0], &byte, 1);
		while (n == -1 && errno == EINTR);
		CHECK(n == 1 && byte == 's');
		REAP(child, 0);
	}
	CHECK_EQ(nsignals, 150);
}

TEST("a timer that ticks every millisecond changes no call's result")
{
	int ends[2], status, fd;
	pid_t parent = getppid();
	uint8_t out[100], in[100];

	CHECK_EQ(pipe(ends), 0);
	file_write("file", "content");
	handle(SIGALRM, count, SA_RESTART);
	ticks_start(1000);
	for (int i = 0; i < 3000 || nsignals < 200; i++) {
		CHECK_EQ(getppid(), parent);
		memset(out, i, sizeof(out));
		CHECK_EQ(write(ends[1], out, sizeof(out)), sizeof(out));
		CHECK_EQ(read(ends[0], in, sizeof(in)), sizeof(in));
		CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
		fd = open("file", O_RDONLY);
		CHECK(fd >= 0);
		CHECK_EQ(pread(fd, in, 7, 0), 7);
		CHECK_EQ(close(fd), 0);
		if (i % 50 == 0) {
			pid_t child = fork();

			if (child == 0)
				_exit(i % 200);
			CHECK(child > 0);
			CHECK_EQ(waitpid(child, &status, 0), child);
			CHECK_EQ(status, i % 200 << 8);
		}
	}
	ticks_stop();
}

TEST("blocking reads and writes under a ticking timer lose and repeat no byte")
{
	enum { TOTAL = 300000 };
	static uint8_t block[4001];
	int ends[2];
	uint32_t expected = 0;
	pid_t child;
	ssize_t n;

	CHECK_EQ(pipe(ends), 0);
	handle(SIGALRM, count, 0);
	CHILD(child) {
		uint32_t sent = 0;

		close(ends[0]);
		ticks_start(700);
		while (sent < TOTAL) {
			size_t want = 1 + random_below(sizeof(block));

			for (size_t i = 0; i < want; i++)
				block[i] = (uint8_t)((sent + i) * 7 + ((sent + i) >> 8));
			n = write(ends[1], block, want);
			CHECK(n > 0 || (n == -1 && errno == EINTR));
			if (n > 0)
				sent += (uint32_t)n;
		}
		ticks_stop();
		close(ends[1]);
	}
	close(ends[1]);
	ticks_start(900);
	for (;;) {
		n = read(ends[0], block, 1 + random_below(sizeof(block)));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			break;
		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++, expected++)
			CHECK_EQ(block[i], (uint8_t)(expected * 7 + (expected >> 8)));
	}
	ticks_stop();
	CHECK(expected >= TOTAL);
	REAP(child, 0);
}

TEST("waits interrupted by signals reap each child exactly once")
{
	int reaped = 0, status;

	handle(SIGALRM, count, 0);
	ticks_start(500);
	for (int i = 0; i < 100; i++) {
		pid_t child, got;

		do
			child = fork();
		while (child == -1 && errno == EINTR);
		if (child == 0) {
			delay();
			_exit(7);
		}
		CHECK(child > 0);
		do
			got = waitpid(child, &status, 0);
		while (got == -1 && errno == EINTR);
		CHECK_EQ(got, child);
		CHECK_EQ(status, 7 << 8);
		reaped++;
	}
	ticks_stop();
	CHECK_EQ(reaped, 100);
	CHECK_ERR(wait(NULL), ECHILD);
}

TEST("SIGCHLD is never missing after the last child of many has ended")
{
	sigset_t block, open_mask;
	int alive = 0;

	handle(SIGCHLD, count, 0);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, &open_mask), 0);
	for (int i = 0; i < 60; i++) {
		pid_t child;

		random_state = (uint32_t)i;
		CHILD(child)
			delay();
		alive++;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			alive--;
	}
	while (alive > 0) {
		CHECK_ERR(sigsuspend(&open_mask), EINTR);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			alive--;
	}
}

TEST("a vfork child that is killed at any moment lets its parent go on")
{
	pid_t watcher, child;
	int *victim = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	for (int i = 0; i < 60; i++) {
		*victim = 0;
		random_state = (uint32_t)i * 99;
		CHILD(watcher) {
			while (*(volatile int *)victim == 0)
				sched_yield();
			delay();
			kill(*victim, SIGKILL);
		}
		child = vfork();
		if (child == 0) {
			*victim = getpid();
			for (int turn = 0; turn < 20; turn++)
				syscall(SYS_getppid);
			execl(tap_self, tap_self, "--helper", "3", NULL);
			_exit(4);
		}
		CHECK(child > 0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		if (status != SIGKILL) CHECK_EQ(status, 3 << 8);
		REAP(watcher, 0);
	}
}

TEST("a kill that meets an exec ends it or lets it through, and wait tells which")
{
	pid_t child;
	int status;

	for (int i = 0; i < 100; i++) {
		random_state = (uint32_t)i * 31;
		CHILD(child) {
			execl(tap_self, tap_self, "--helper", "5", NULL);
			_exit(98);
		}
		delay();
		kill(child, SIGKILL);
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK(status == SIGKILL || status == 5 << 8);
	}
}

TEST("stops and continuations at random moments lose nothing of what a process writes")
{
	int ends[2];
	uint32_t expected = 0, got;
	pid_t child;

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHECK_EQ(fcntl(ends[1], F_SETFL, 0), 0);
	CHILD(child) {
		for (uint32_t i = 0;; i++)
			CHECK_EQ(write(ends[1], &i, sizeof(i)), sizeof(i));
	}
	for (int i = 0; i < 150; i++) {
		kill(child, SIGSTOP);
		delay();
		kill(child, SIGCONT);
		if (i % 10 == 0)
			sleep_ms(1);
		/* a pipe's worth: a writer that keeps up would never let it be empty */
		for (int n = 0; n < 16384 && read(ends[0], &got, sizeof(got)) == sizeof(got); n++)
			CHECK_EQ(got, expected++);
	}
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
	CHECK(expected > 0);
}

TEST("stopped, continued and killed in any order, a group of processes always ends")
{
	pid_t children[4];
	int signals[] = { SIGSTOP, SIGCONT, SIGTSTP, SIGUSR1, SIGCONT };

	for (int round = 0; round < 15; round++) {
		for (int i = 0; i < 4; i++)
			CHILD(children[i]) {
				char byte;
				int ends[2];

				handle(SIGUSR1, count, SA_RESTART);
				CHECK_EQ(pipe(ends), 0);
				if (i % 2)
					read(ends[0], &byte, 1);
				for (;;)
					getppid();
			}
		for (int i = 0; i < 60; i++) {
			delay();
			kill(children[random_below(4)], signals[random_below(5)]);
		}
		for (int i = 0; i < 4; i++) {
			int status;

			kill(children[i], SIGKILL);
			CHECK_EQ(waitpid(children[i], &status, 0), children[i]);
			CHECK(WIFSIGNALED(status));
		}
	}
}

static volatile bool busy;

static void *open_and_close(void *unused)
{
	while (busy) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC), copy;

		CHECK(fd >= 0);
		copy = dup(fd);
		CHECK(copy >= 0);
		CHECK_EQ(write(copy, "x", 1), 1);
		CHECK_EQ(close(copy), 0);
		CHECK_EQ(close(fd), 0);
	}
	return unused;
}

TEST("fork while other threads open and close gives children that work")
{
	pthread_t threads[3];
	pid_t child;

	busy = true;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
	for (int i = 0; i < 40; i++) {
		CHILD(child) {
			int ends[2];

			CHECK_EQ(pipe(ends), 0);
			CHECK_EQ(write(ends[1], "x", 1), 1);
		}
		REAP(child, 0);
		delay();
	}
	busy = false;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void *map_and_unmap(void *unused)
{
	while (busy) {
		volatile char *map = mmap(NULL, 16384, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(map != MAP_FAILED);
		CHECK_EQ(map[8192], 0);
		map[8192] = 1;
		CHECK_EQ(mprotect((void *)map, 4096, PROT_READ), 0);
		CHECK_EQ(munmap((void *)map, 16384), 0);
	}
	return unused;
}

TEST("fork while other threads map and unmap copies memory that is whole")
{
	static volatile long word;
	pthread_t threads[2];
	pid_t child;

	busy = true;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, map_and_unmap, NULL), 0);
	for (long i = 0; i < 40; i++) {
		word = i;
		CHILD(child) {
			CHECK_EQ(word, i);
			word = -1;
		}
		REAP(child, 0);
		CHECK_EQ(word, i);
	}
	busy = false;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

TEST("a descriptor closed by one thread while another reads it leaves both alive")
{
	static int ends[2];
	pthread_t thread;

	void *reader(void *unused)
	{
		char byte;

		read(ends[0], &byte, 1);
		return unused;
	}
	for (int i = 0; i < 50; i++) {
		int copy;

		CHECK_EQ(pipe(ends), 0);
		copy = dup(ends[0]);
		CHECK_EQ(pthread_create(&thread, NULL, reader, NULL), 0);
		delay();
		CHECK_EQ(close(ends[0]), 0);
		CHECK_EQ(write(ends[1], "x", 1), 1);
		CHECK_EQ(close(ends[1]), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(close(copy), 0);
	}
}

TEST("an accepted line is not lost when signals interrupt the terminal's reader")
{
	int unlock = 0, number, master, slave;
	char name[64], line[32], got[64];
	pid_t child;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &unlock), 0);
	CHECK_EQ(ioctl(master, TIOCGPTN, &number), 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHILD(child) {
		for (int i = 0; i < 200; i++) {
			int len_bytes = snprintf(line, sizeof(line), "line %d\n", i);

			CHECK_EQ(write(master, line, (size_t)len_bytes), len_bytes);
			if (i % 8 == 0)
				sleep_ms(1);
			tcflush(master, TCIFLUSH);
		}
	}
	handle(SIGALRM, count, 0);
	ticks_start(600);
	for (int i = 0; i < 200; i++) {
		ssize_t n;

		do
			n = read(slave, got, sizeof(got) - 1);
		while (n == -1 && errno == EINTR);
		CHECK(n > 0);
		got[n] = '\0';
		snprintf(line, sizeof(line), "line %d\n", i);
		CHECK_STR(got, line);
	}
	ticks_stop();
	REAP(child, 0);
}

TEST("threads that end while signals arrive take no signal with them")
{
	handle(SIGUSR1, count, 0);
	for (int i = 1; i <= 60; i++) {
		pthread_t thread;

		void *end(void *unused)
		{
			delay();
			return unused;
		}
		CHECK_EQ(pthread_create(&thread, NULL, end, NULL), 0);
		delay();
		CHECK_EQ(kill(getpid(), SIGUSR1), 0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		for (int turn = 0; turn < 100 && nsignals < i; turn++)
			sleep_ms(1);
		CHECK_EQ(nsignals, i);
	}
}
