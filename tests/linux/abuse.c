/*
 * abuse.c -- fork bombs, memory hogs, confederates and leaks: what one program may not do to others.
 *
 * Owns:    processes of the uids 61235 to 61237, all killed at the end of their case.
 * Locks:   none.
 * Fails:   see tap.h. Cases that would harm a machine that people use are skipped on one: they want
 *          less than 1 GiB of memory.
 * Tested:  conformance.py, on Linux first.
 */
#define TAP_HELPER helper_main
#include "tap.h"

#include <sched.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#define BOMB_UID	61235
#define HOG_UID		61236
#define USER_UID	61237
#define SMALL_BYTES	(1UL << 30)

static char secret[64] = "untouched";

static _Noreturn void hog(int kind);

/* --helper N: exits with N; secret FD: tells its pid and waits to be attacked; hog KIND. */
static int helper_main(int argc, char **argv)
{
	char byte;

	if (argc == 1)
		return atoi(argv[0]);
	if (strcmp(argv[0], "hog") == 0)
		hog(atoi(argv[1]));
	printf("%d %p\n", (int)getpid(), (void *)secret);
	fflush(stdout);
	read(atoi(argv[1]), &byte, 1);
	return strcmp(secret, "untouched") == 0 && geteuid() == 0 ? 0 : 1;
}

static void victim_machine_only(void)
{
	struct sysinfo now;

	CHECK_EQ(sysinfo(&now), 0);
	if (getuid() != 0)
		SKIP("needs root");
	if (now.totalram * (unsigned long)now.mem_unit > SMALL_BYTES)
		SKIP("not on a machine with more than 1 GiB");
}

static void user_become(uid_t uid)
{
	CHECK_EQ(setgid(uid), 0);
	CHECK_EQ(setuid(uid), 0);
}

/* Linux picks its victim by size, from all users; there it needs to be told who the culprit is. */
static void victim_become(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd >= 0)
		write(fd, "1000", 4);
	close(fd);
}

static void users_kill(uid_t uid)
{
	pid_t killer;

	CHILD(killer) {
		user_become(uid);
		kill(-1, SIGKILL);
	}
	REAP(killer, 0);
}

/* A new process runs, memory is there. */
static void root_answers(void)
{
	pid_t child;

	CHILD(child) {
		char *some = malloc(1 << 20);

		CHECK(some != NULL);
		memset(some, 1, 1 << 20);
		execl(tap_self, tap_self, "--helper", "9", NULL);
		_exit(98);
	}
	REAP(child, 9);
}

/* The shell still answers: a file is written, too. */
static void system_answers(void)
{
	char text[16];

	root_answers();
	file_write("answer", "here");
	CHECK_STR(file_read("answer", text, sizeof(text)), "here");
}

TEST("a fork bomb of an ordinary user ends in EAGAIN, and others still get answers")
{
	pid_t bomb;
	int ends[2];
	char byte;

	victim_machine_only();
	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHILD(bomb) {
		setpgid(0, 0);
		victim_become();
		user_become(BOMB_UID);
		for (;;)
			if (fork() < 0) {
				write(ends[1], errno == EAGAIN || errno == ENOMEM ? "a" : "?", 1);
				pause();
			}
	}
	for (int i = 0; i < 5; i++) {
		sleep_ms(100);
		system_answers();
	}
	while (waitpid(bomb, NULL, WNOHANG) == 0)
		users_kill(BOMB_UID);
	for (int i = 0; i < 5; i++)
		users_kill(BOMB_UID);
	system_answers();
	while (read(ends[0], &byte, 1) == 1)
		CHECK_EQ(byte, 'a');
}

TEST("a program that eats all memory is killed or refused, and others go on")
{
	pid_t hog;
	int status;

	victim_machine_only();
	CHILD(hog) {
		victim_become();
		user_become(HOG_UID);
		for (;;) {
			char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (more == MAP_FAILED)
				_exit(12);
			for (int at = 0; at < 1 << 20; at += 4096)
				more[at] = 1;
		}
	}
	CHECK_EQ(waitpid(hog, &status, 0), hog);
	CHECK(status == SIGKILL || status == 12 << 8);
	system_answers();
}

TEST("a pipe, a file and a thousand descriptors per process do not eat what others need")
{
	pid_t child;

	victim_machine_only();
	CHILD(child) {
		static char block[65536];
		int ends[2];

		victim_become();
		user_become(HOG_UID);
		while (pipe(ends) == 0) {
			fcntl(ends[1], F_SETFL, O_NONBLOCK);
			write(ends[1], block, sizeof(block));
		}
		_exit(errno == EMFILE || errno == ENFILE || errno == ENOMEM ? 3 : 4);
	}
	REAP(child, 3);
	system_answers();
}

/* --- hogs: each takes more of one thing, and when it is refused, a little later again ------------------------ */

static void *hog_map(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static bool hog_memory(void)
{
	char *more = hog_map(1 << 18);

	if (more == MAP_FAILED)
		return false;
	memset(more, 1, 1 << 18);
	return true;
}

/* A page of every table: the tables are most of it. */
static bool hog_tables(void)
{
	volatile char *more = hog_map(1UL << 30);

	for (size_t at = 0; more != MAP_FAILED && at < 1UL << 30; at += 1 << 21)
		(void)more[at];
	return more != MAP_FAILED;
}

static bool hog_pipes(void)
{
	static char block[65536];
	int ends[2];

	if (pipe2(ends, O_NONBLOCK) < 0)
		return false;
	return write(ends[1], block, sizeof(block)) == sizeof(block);
}

static bool hog_descriptors(void) { return open("/dev/null", O_RDONLY) >= 0; }
static bool hog_timers(void) { return timerfd_create(CLOCK_MONOTONIC, 0) >= 0; }

static bool hog_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	static int set = -1, ends[2];

	if (set < 0 && ((set = epoll_create1(0)) < 0 || pipe(ends) < 0))
		return false;
	return epoll_ctl(set, EPOLL_CTL_ADD, dup(ends[0]), &event) == 0;
}

static void *hog_waiter(void *word)
{
	while (syscall(SYS_futex, word, 128 /* FUTEX_WAIT_PRIVATE */, 0, NULL, NULL, 0) == 0)
		;
	return word;
}

static bool hog_threads(void)
{
	static int word;
	pthread_attr_t attr;
	pthread_t thread;

	return pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 16384) == 0 &&
	       pthread_create(&thread, &attr, hog_waiter, &word) == 0;
}

static bool hog_mappings(void)
{
	static int protection;

	return mmap(NULL, 4096, ++protection % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool hog_file(void)
{
	static char block[65536];
	static int fd = -1;

	if (fd < 0)
		fd = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
	return write(fd, block, sizeof(block)) == sizeof(block);
}

static bool hog_names(void)
{
	static char path[64];
	static int n;

	snprintf(path, sizeof(path), "/tmp/hog-%d-%d", (int)getpid(), n++);
	return mkdir(path, 0700) == 0;
}

static bool hog_processes(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	return child > 0;
}

static bool hog_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) == 0;
}

static bool (*const hogs[])(void) = {
	hog_memory, hog_tables, hog_pipes, hog_descriptors, hog_timers, hog_epoll, hog_threads, hog_mappings, hog_file,
	hog_names, hog_processes, hog_signals,
};
#define HOG_KINDS	(int)(sizeof(hogs) / sizeof(hogs[0]))
#define HOGS		(4 * HOG_KINDS)

static _Noreturn void hog(int kind)
{
	struct rlimit limit = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &limit);
	for (;;)
		if (!hogs[kind]())
			sleep_ms(10);
}

/* By an exec: what a process holds counts for who it was when its program began. */
static void hog_start(int kind)
{
	char number[8];
	pid_t child = fork();

	CHECK(child >= 0);
	if (child)
		return;
	victim_become();
	user_become(HOG_UID);
	snprintf(number, sizeof(number), "%d", kind);
	execl(tap_self, tap_self, "--helper", "hog", number, NULL);
	_exit(98);
}

static void hogs_clean(void)
{
	pid_t child;

	CHILD(child)
		execl("/bin/sh", "sh", "-c", "rm -rf /tmp/hog-*", NULL);
	waitpid(child, NULL, 0);
}

TEST("four dozen hogs of twelve kinds leave root's programs what they need")
{
	int64_t longest = 0;

	victim_machine_only();
	for (int i = 0; i < HOGS; i++)
		hog_start(i % HOG_KINDS);
	for (int i = 0; i < 10; i++) {
		int64_t start = now_ns();

		root_answers();
		if (now_ns() - start > longest)
			longest = now_ns() - start;
		sleep_ms(100);
	}
	tap_note("the longest answer took %d ms", (int)(longest / 1000000));
	for (int i = 0; i < 5; i++)
		users_kill(HOG_UID);
	while (wait(NULL) > 0)
		;
	hogs_clean();
	system_answers();
}

static long memory_free_kib(void)
{
	char text[8192], *at;

	at = strstr(file_read("/proc/meminfo", text, sizeof(text)), "MemFree:");
	CHECK(at != NULL);
	return atol(at + 8);
}

static void forks_and_execs(int count)
{
	pid_t child;

	for (int i = 0; i < count; i++) {
		CHILD(child) {
			if (i % 2)
				_exit(i & 63);
			execl(tap_self, tap_self, "--helper", "3", NULL);
			_exit(98);
		}
		REAP(child, i % 2 ? i & 63 : 3);
	}
}

TEST("a thousand forks and execs leave no memory behind")
{
	long before;

	victim_machine_only();
	forks_and_execs(100);
	sleep_ms(200);
	before = memory_free_kib();
	forks_and_execs(1000);
	sleep_ms(200);
	tap_note("%ld KiB less are free", before - memory_free_kib());
	CHECK(before - memory_free_kib() < 2048);
}

TEST("a file written, mapped and removed a hundred times leaves no memory behind")
{
	static char block[256 << 10];
	long before = 0;

	victim_machine_only();
	for (int i = 0; i < 110; i++) {
		int fd = open("file", O_RDWR | O_CREAT, 0644);
		char *map;

		CHECK_EQ(write(fd, block, sizeof(block)), sizeof(block));
		map = mmap(NULL, sizeof(block), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(map != MAP_FAILED);
		memset(map, i, sizeof(block));
		CHECK_EQ(munmap(map, sizeof(block)), 0);
		CHECK_EQ(close(fd), 0);
		CHECK_EQ(unlink("file"), 0);
		if (i == 10)
			before = memory_free_kib();
	}
	sleep_ms(100);
	CHECK(before - memory_free_kib() < 2048);
}

static void *spin_until_told(void *told)
{
	while (!*(volatile int *)told)
		;
	return NULL;
}

/* With more CPUs than one the other thread's has to forget each page before its frame is free. */
TEST("memory unmapped while another thread runs leaves none behind")
{
	const size_t size = 64 * 4096;
	pthread_t other;
	int told = 0;
	long before = 0;

	victim_machine_only();
	CHECK_EQ(pthread_create(&other, NULL, spin_until_told, &told), 0);
	for (int i = 0; i < 1010; i++) {
		char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(map != MAP_FAILED);
		memset(map, i, size);
		CHECK_EQ(munmap(map, size), 0);
		if (i == 10)
			before = memory_free_kib();
	}
	CHECK(before - memory_free_kib() < 2048);
	*(volatile int *)&told = 1;
	CHECK_EQ(pthread_join(other, NULL), 0);
}

struct confederacy {
	volatile pid_t victim;
	void *volatile address;
	volatile int done;
};

/* Everything that the confederate, who shared memory and descriptors before the exec, may try. */
static void attacks_try(struct confederacy *shared)
{
	char evil[] = "overwritten", path[64], buffer[16];
	struct iovec from = { evil, sizeof(evil) }, to = { shared->address, sizeof(evil) };
	pid_t victim = shared->victim;

	CHECK(process_vm_writev(victim, &from, 1, &to, 1, 0) == -1 &&
	      (errno == EPERM || errno == ENOSYS));
	CHECK(process_vm_readv(victim, &from, 1, &to, 1, 0) == -1 &&
	      (errno == EPERM || errno == ENOSYS));
	snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	CHECK(open(path, O_RDWR) == -1 && (errno == EACCES || errno == EPERM || errno == ENOENT));
	snprintf(path, sizeof(path), "/proc/%d/fd/0", victim);
	CHECK_ERR(open(path, O_RDONLY), EACCES);
	snprintf(path, sizeof(path), "/proc/%d/exe", victim);
	CHECK_ERR(readlink(path, buffer, sizeof(buffer)), EACCES);
	CHECK(syscall(SYS_ptrace, 16 /* ATTACH */, victim, 0, 0) == -1 &&
	      (errno == EPERM || errno == ENOSYS));
}

TEST("a confederate that shared memory and descriptors cannot touch a set-uid program")
{
	struct confederacy *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int gate[2], told[2], status;
	pid_t user;

	if (getuid() != 0)
		SKIP("needs root");
	self_copy("setuid", 04755);
	CHECK_EQ(pipe(gate), 0);
	CHECK_EQ(pipe(told), 0);
	CHILD(user) {
		char text[64] = "", number[16];
		pid_t victim;
		unsigned long address;
		int pid;

		user_become(USER_UID);
		snprintf(number, sizeof(number), "%d", gate[0]);
		/* Until its exec the victim shares our memory, and holds all that we hold. */
		victim = vfork();
		if (victim == 0) {
			dup2(told[1], STDOUT_FILENO);
			execl("./setuid", "setuid", "--helper", "secret", number, NULL);
			_exit(98);
		}
		CHECK(victim > 0);
		CHECK(read(told[0], text, sizeof(text) - 1) > 0);
		CHECK_EQ(sscanf(text, "%d 0x%lx", &pid, &address), 2);
		CHECK_EQ(pid, victim);
		shared->victim = victim;
		shared->address = (void *)address;
		attacks_try(shared);
		CHECK_EQ(write(gate[1], "x", 1), 1);
		CHECK_EQ(waitpid(victim, &status, 0), victim);
		CHECK_EQ(status, 0);
	}
	REAP(user, 0);
}

static int setuid_exec(void *number)
{
	execl("./setuid", "setuid", "--helper", "secret", (char *)number, NULL);
	return 98;
}

static int nothing(void *unused)
{
	(void)unused;
	return 0;
}

TEST("descriptors shared by CLONE_FILES are no longer shared after a set-uid exec")
{
	static char stack[65536] __attribute__((aligned(16)));
	int gate[2], told[2];
	pid_t user;

	if (getuid() != 0)
		SKIP("needs root");
	user = clone(nothing, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	if (user == -1 && errno == EINVAL)
		SKIP("CLONE_FILES without CLONE_VM is refused");
	REAP(user, 0);
	self_copy("setuid", 04755);
	CHECK_EQ(pipe(gate), 0);
	CHECK_EQ(pipe(told), 0);
	CHILD(user) {
		char text[64] = "", number[16];
		pid_t victim;
		int status;

		user_become(USER_UID);
		snprintf(number, sizeof(number), "%d", gate[0]);
		dup2(told[1], STDOUT_FILENO);
		victim = clone(setuid_exec, stack + sizeof(stack), CLONE_FILES | SIGCHLD, number);
		CHECK(victim > 0);
		CHECK(read(told[0], text, sizeof(text) - 1) > 0);
		/* Were the table still shared, the victim would now read from our file. */
		file_write("fake", "f");
		CHECK_EQ(dup2(open("fake", O_RDONLY), gate[0]), gate[0]);
		CHECK_EQ(waitpid(victim, &status, WNOHANG), 0);
		sleep_ms(30);
		CHECK_EQ(waitpid(victim, &status, WNOHANG), 0);
		CHECK_EQ(write(gate[1], "x", 1), 1);
		CHECK_EQ(waitpid(victim, &status, 0), victim);
		CHECK_EQ(status, 0);
	}
	REAP(user, 0);
}

TEST("process 1 ignores a KILL that it has no handler for, even root's")
{
	victim_machine_only();
	CHECK_EQ(kill(1, SIGKILL), 0);
	CHECK_EQ(kill(1, SIGSTOP), 0);
	sleep_ms(20);
	system_answers();
	CHECK_EQ(kill(1, 0), 0);
}
