/*
 * tap.h -- the frame of every conformance test: cases that are sentences, TAP on stdout.
 *
 * Owns:    main(); a fresh scratch directory per case, which is its working directory.
 * Locks:   none.
 * Fails:   a case that fails, crashes or hangs is one "not ok" with its reason, and stops no other.
 * Tested:  natively by `conformance.py --on host`; every program here must pass on Linux first.
 *
 * A case is
 *
 *	TEST("a sentence about behaviour")
 *	{
 *		CHECK(condition);
 *		CHECK_EQ(got, expected);
 *		CHECK_ERR(call(), EBADF);
 *	}
 *
 * and runs in a child process of its own, leader of its own process group; whatever is left of the
 * group is killed after it. The first failed check ends the case, in whichever process it fails:
 * a forked child that fails a check ends with status TAP_FAILED, and child_reap() notices.
 */
#ifndef TESSERA_TAP_H
#define TESSERA_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TAP_FAILED	99
#define TAP_MAX_CASES	256
#define TAP_TIMEOUT_MS	120000	/* of a case that hangs; a busy machine's others must be far from it */

struct tap_case {
	const char *sentence;
	void (*body)(void);
};

static struct tap_case tap_cases[TAP_MAX_CASES];
static int tap_ncases;
static int tap_result_fd = -1;
static pid_t tap_case_pid;
static const char *tap_self;

/* For what only one of the systems promises. */
static inline bool on_tessera(void)
{
	return access("/proc/tessera", F_OK) == 0;
}

#define TAP_JOIN2(a, b) a##b
#define TAP_JOIN(a, b) TAP_JOIN2(a, b)

#define TEST(text) TAP_TEST(text, TAP_JOIN(case_at_line_, __LINE__))
#define TAP_TEST(text, name)						\
	static void name(void);						\
	__attribute__((constructor)) static void TAP_JOIN(add_, name)(void) \
	{								\
		tap_cases[tap_ncases++] = (struct tap_case){ text, name };	\
	}								\
	static void name(void)

static inline void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void tap_note(const char *format, ...)
{
	char text[600] = "# ";
	va_list args;
	int len_bytes;

	va_start(args, format);
	len_bytes = vsnprintf(text + 2, sizeof(text) - 4, format, args) + 2;
	va_end(args);
	if (len_bytes > (int)sizeof(text) - 3)
		len_bytes = sizeof(text) - 3;
	text[len_bytes++] = '\n';
	(void)!write(STDOUT_FILENO, text, (size_t)len_bytes);
}

/* Ends the case: 'P'ass, 'F'ail or 'S'kip and a reason go to the runner. */
static inline _Noreturn void tap_end(char verdict, const char *reason)
{
	char text[200];
	int len_bytes = snprintf(text, sizeof(text), "%c%s", verdict, reason);

	if (getpid() == tap_case_pid && tap_result_fd >= 0)
		(void)!write(tap_result_fd, text, (size_t)len_bytes + 1);
	_exit(verdict == 'F' ? TAP_FAILED : 0);
}

#define FAIL(...) do {							\
	tap_note("%s:%d: failed", __FILE__, __LINE__);			\
	tap_note(__VA_ARGS__);						\
	tap_end('F', "");						\
} while (0)

#define SKIP(reason) tap_end('S', reason)

#define CHECK(condition) do {						\
	if (!(condition))						\
		FAIL("  %s (errno %d: %s)", #condition, errno, strerror(errno)); \
} while (0)

#define CHECK_EQ(got, expected) do {					\
	long long got_ = (long long)(got), expected_ = (long long)(expected); \
	if (got_ != expected_)						\
		FAIL("  %s is %lld (0x%llx), not %lld (0x%llx) = %s; errno %d: %s", #got, got_, \
		     (unsigned long long)got_, expected_, (unsigned long long)expected_, \
		     #expected, errno, strerror(errno));		\
} while (0)

#define CHECK_STR(got, expected) do {					\
	const char *got_ = (got), *expected_ = (expected);		\
	if (strcmp(got_, expected_) != 0)				\
		FAIL("  %s is \"%s\", not \"%s\"", #got, got_, expected_);	\
} while (0)

/* A call that must fail, with -1 and this errno. */
#define CHECK_ERR(call, error) do {					\
	long long got_;							\
	errno = 0;							\
	got_ = (long long)(call);					\
	if (got_ != -1 || errno != (error))				\
		FAIL("  %s gave %lld, errno %d: %s; expected -1, %s", #call, got_, errno, \
		     strerror(errno), #error);				\
} while (0)

/* ---- helpers that many areas share ---- */

/* Forks; the child runs the block after it: CHILD(pid) { ...; } and exits 0 at its end. */
#define CHILD(pid)							\
	for (pid = tap_fork(); pid == 0; _exit(0))

static inline pid_t tap_fork(void)
{
	pid_t child = fork();

	if (child < 0)
		FAIL("  fork: %s", strerror(errno));
	return child;
}

/* Waits for a child and checks that it exited with this status. */
#define REAP(pid, expected) tap_reap(pid, expected, __LINE__)
static inline void tap_reap(pid_t child, int expected, int line)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		FAIL("  line %d: waitpid(%d): %s", line, child, strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_FAILED)
		tap_end('F', "");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
		FAIL("  line %d: child status 0x%x, expected exit %d", line, (unsigned)status,
		     expected);
}

/* Waits for a child and checks that this signal killed it. */
#define REAP_KILLED(pid, signal) tap_reap_killed(pid, signal, __LINE__)
static inline void tap_reap_killed(pid_t child, int expected, int line)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		FAIL("  line %d: waitpid(%d): %s", line, child, strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_FAILED)
		tap_end('F', "");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != expected)
		FAIL("  line %d: child status 0x%x, expected death by signal %d", line,
		     (unsigned)status, expected);
}

static inline void sleep_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static inline int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

/* Reads a whole file as a string; dies if it does not fit. */
static inline char *file_read(const char *path, char *text, size_t len_bytes)
{
	int fd = open(path, O_RDONLY);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		FAIL("  open %s: %s", path, strerror(errno));
	while ((n = read(fd, text + done, len_bytes - 1 - done)) > 0)
		done += (size_t)n;
	if (n < 0 || done == len_bytes - 1)
		FAIL("  read %s: %s", path, n < 0 ? strerror(errno) : "too long");
	text[done] = '\0';
	close(fd);
	return text;
}

/* A copy of this program, for exec. */
static inline void self_copy(const char *path, mode_t mode)
{
	static char block[65536];
	int from = open(tap_self, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		CHECK_EQ(write(to, block, (size_t)n), n);
	CHECK_EQ(n, 0);
	CHECK_EQ(fchmod(to, mode), 0);
	CHECK_EQ(close(to), 0);
	close(from);
}

/* ---- the runner ---- */

static inline int tap_remove_one(const char *path, const struct stat *info, int kind,
				 struct FTW *where)
{
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline void tap_scratch_remove(const char *path)
{
	nftw(path, tap_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline _Noreturn void tap_case_run(const struct tap_case *one, int result_fd,
					  const char *scratch)
{
	setpgid(0, 0);
	tap_case_pid = getpid();
	tap_result_fd = fcntl(result_fd, F_DUPFD_CLOEXEC, 200);
	close(result_fd);
	alarm(0);
	umask(022);
	if (mkdir(scratch, 0777) != 0 || chmod(scratch, 0777) != 0 || chdir(scratch) != 0)
		FAIL("  scratch directory %s: %s", scratch, strerror(errno));
	one->body();
	tap_end('P', "");
}

/* The verdict of a child: its message, or what became of it when none came. */
static inline void tap_verdict_read(int in, pid_t child, char *text, size_t len_bytes)
{
	struct pollfd ready = { .fd = in, .events = POLLIN };
	int status = 0, count = poll(&ready, 1, TAP_TIMEOUT_MS);
	ssize_t n = count > 0 ? read(in, text, len_bytes - 1) : 0;

	text[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	kill(-child, SIGKILL);
	if (n > 0)
		return;
	if (count == 0)
		snprintf(text, len_bytes, "Fno end in %d s", TAP_TIMEOUT_MS / 1000);
	else if (WIFSIGNALED(status))
		snprintf(text, len_bytes, "Fkilled by signal %d", WTERMSIG(status));
	else
		snprintf(text, len_bytes, "Fexited with %d in the middle", WEXITSTATUS(status));
}

static inline bool tap_case_judge(const struct tap_case *one, int number)
{
	char text[256], scratch[64], line[512];
	int ends[2], len_bytes;
	pid_t child;

	snprintf(scratch, sizeof(scratch), "/tmp/tap.%d.%d", (int)getpid(), number);
	if (pipe(ends) != 0)
		return false;
	child = fork();
	if (child == 0) {
		close(ends[0]);
		tap_case_run(one, ends[1], scratch);
	}
	close(ends[1]);
	if (child < 0)
		snprintf(text, sizeof(text), "Ffork: %s", strerror(errno));
	else
		tap_verdict_read(ends[0], child, text, sizeof(text));
	close(ends[0]);
	tap_scratch_remove(scratch);
	if (text[0] == 'F' && text[1] != '\0')
		tap_note("%s", text + 1);
	len_bytes = snprintf(line, sizeof(line), "%sok %d - %s%s%s\n",
			     text[0] == 'F' ? "not " : "", number, one->sentence,
			     text[0] == 'S' ? " # SKIP " : "", text[0] == 'S' ? text + 1 : "");
	(void)!write(STDOUT_FILENO, line, (size_t)len_bytes);
	return text[0] != 'F';
}

/* Programs that exec themselves define TAP_HELPER(argc, argv), called for "--helper ...". */
#ifndef TAP_HELPER
#define TAP_HELPER(argc, argv) 2
#else
static int TAP_HELPER(int argc, char **argv);
#endif

/* usage: program [-f part-of-a-sentence] [-l] */
int main(int argc, char **argv)
{
	const char *filter = argc == 3 && strcmp(argv[1], "-f") == 0 ? argv[2] : "";
	char plan[32];
	int nwanted = 0, nfailed = 0, number = 0;

	if (argc > 1 && strcmp(argv[1], "--helper") == 0)
		return TAP_HELPER(argc - 2, argv + 2);
	tap_self = realpath(argv[0], NULL);
	if (tap_self == NULL)
		tap_self = "/proc/self/exe";
	for (int i = 0; i < tap_ncases; i++) {
		if (argc == 2 && strcmp(argv[1], "-l") == 0)
			puts(tap_cases[i].sentence);
		nwanted += strstr(tap_cases[i].sentence, filter) != NULL;
	}
	if (argc == 2 && strcmp(argv[1], "-l") == 0)
		return 0;
	signal(SIGPIPE, SIG_DFL);
	mkdir("/tmp", 01777);
	snprintf(plan, sizeof(plan), "1..%d\n", nwanted);
	(void)!write(STDOUT_FILENO, plan, strlen(plan));
	for (int i = 0; i < tap_ncases; i++)
		if (strstr(tap_cases[i].sentence, filter) != NULL)
			nfailed += !tap_case_judge(&tap_cases[i], ++number);
	return nfailed != 0;
}

#endif
