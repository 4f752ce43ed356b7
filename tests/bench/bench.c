/*
 * bench.c -- times one Linux operation per row, on whatever answers Linux system calls.
 *
 * Owns:    the command line, the isolation of rows, the clock. Under QEMU's -icount shift=0 the
 *          clock counts guest instructions, so "ns" in the output are instructions there.
 * Locks:   none.
 * Fails:   a row that fails, crashes or hangs is one FAIL line with its reason and stops no other;
 *          exit status 1 if any row failed, 2 for a bad command line.
 * Tested:  tests/bench/run.py; natively: bench --scale 100
 *
 * Each row runs in a fresh process (fork, then exec of ourselves): a forked child alone would carry
 * its parent's reverse mappings and make Linux's fork and fault rows dearer than they are. Where
 * exec does not work the row runs in the forked child, where fork does not work in this process.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Guest time; with -icount sleep=off an idle hang costs no wall time at all. */
#define ROW_TIMEOUT_MS	20000
#define REPORT_BYTES	512

static const struct row *const row_groups[] = { rows_call, rows_file, rows_memory, rows_process };
#define NGROUPS	(sizeof(row_groups) / sizeof(row_groups[0]))

const char *bench_self;
long bench_parent;

static char fail_reason[256];
static double scale = 1;
static bool isolate = true;
static const char *wanted;

int row_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (fail_reason[0] == '\0')
		vsnprintf(fail_reason, sizeof(fail_reason), format, args);
	va_end(args);
	return -1;
}

/* The content of the benchmark's file: no two pages alike, no byte pattern of 256. */
uint8_t file_byte_at(size_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 12) * 7 + (offset >> 8) + 1);
}

static int64_t clock_now_ns(void)
{
	struct timespec now = { 0, 0 };
	long result = syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);

	if (result != 0)
		return -1;
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double loop_cost_ns(void)
{
	long n = 100000;
	int64_t start, end;

	start = clock_now_ns();
	for (long i = 0; i < n; i++)
		__asm__ volatile("" ::: "memory");
	end = clock_now_ns();
	return (double)(end - start) / (double)n;
}

static int bench_file_make(void)
{
	static uint8_t content[FILE_BYTES];
	int fd;

	mkdir("/tmp", 0777);
	mkdir(BENCH_DIR, 0777);
	unlink(BENCH_NEW);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = file_byte_at(i);
	fd = open(BENCH_FILE, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return row_fail("open " BENCH_FILE ": %s", strerror(errno));
	if (write(fd, content, sizeof(content)) != (ssize_t)sizeof(content)) {
		close(fd);
		return row_fail("write " BENCH_FILE ": %s", strerror(errno));
	}
	return close(fd) == 0 ? 0 : row_fail("close: %s", strerror(errno));
}

static void report_format(char *report, const char *name, double ns, long n, const char *reason)
{
	if (reason != NULL)
		snprintf(report, REPORT_BYTES, "%s\t-\t0\tFAIL %s\n", name, reason);
	else
		snprintf(report, REPORT_BYTES, "%s\t%.1f\t%ld\tok\n", name, ns, n);
}

static void report_print(const char *report)
{
	size_t len_bytes = strlen(report), done = 0;

	while (done < len_bytes) {
		ssize_t n = write(STDOUT_FILENO, report + done, len_bytes - done);

		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

/* Runs a row here and now; the report says what happened. */
static void row_measure(const struct row *row, char *report)
{
	long n = (long)((double)row->iterations / scale);
	int64_t start, end;
	double ns;

	fail_reason[0] = '\0';
	if (n < 2)
		n = 2;
	if (row->prepare != NULL && row->prepare() != 0)
		goto failed;
	if (row->loop(n / 10 + 1) != 0)
		goto failed;
	start = clock_now_ns();
	if (row->loop(n) != 0)
		goto failed;
	end = clock_now_ns();
	if (row->check != NULL && row->check() != 0)
		goto failed;
	if (start < 0 || end <= start) {
		row_fail("the clock stands still");
		goto failed;
	}
	ns = (double)(end - start) / (double)n;
	if (strcmp(row->name, "ctlloop") != 0)
		ns -= loop_cost_ns();
	report_format(report, row->name, ns, n, NULL);
	return;
failed:
	report_format(report, row->name, 0, 0,
		      fail_reason[0] != '\0' ? fail_reason : "no reason given");
}

/* In the child: the report goes to descriptor `out`; exec first, in place when that fails. */
static void row_child(const struct row *row, int out)
{
	char scale_text[32], out_text[16], parent_text[24], report[REPORT_BYTES] = "";
	char *argv[] = { (char *)bench_self, (char *)"--one", (char *)row->name, out_text,
			 parent_text, scale_text, NULL };
	char *envp[] = { (char *)"PATH=/bin:/usr/bin:/sbin", NULL };

	snprintf(scale_text, sizeof(scale_text), "%g", scale);
	snprintf(out_text, sizeof(out_text), "%d", out);
	snprintf(parent_text, sizeof(parent_text), "%ld", bench_parent);
	execve(bench_self, argv, envp);
	row_measure(row, report);
	(void)!write(out, report, strlen(report));
	_exit(0);
}

static void child_fate_format(char *reason, size_t len_bytes, int status, bool hung)
{
	if (hung)
		snprintf(reason, len_bytes, "no result in %d s, killed", ROW_TIMEOUT_MS / 1000);
	else if (WIFSIGNALED(status))
		snprintf(reason, len_bytes, "killed by signal %d", WTERMSIG(status));
	else
		snprintf(reason, len_bytes, "exited with %d and no result", WEXITSTATUS(status));
}

/* Reads one report line from the child; false when none came in time or the child died first. */
static bool report_await(int in, char *report, bool *hung)
{
	struct pollfd ready = { .fd = in, .events = POLLIN };
	size_t len_bytes = 0;
	ssize_t n;

	*hung = false;
	while (len_bytes < REPORT_BYTES - 1) {
		int count = poll(&ready, 1, ROW_TIMEOUT_MS);

		if (count == 0) {
			*hung = true;
			return false;
		}
		n = read(in, report + len_bytes, REPORT_BYTES - 1 - len_bytes);
		if (n <= 0)
			return false;
		len_bytes += (size_t)n;
		report[len_bytes] = '\0';
		if (report[len_bytes - 1] == '\n')
			return true;
	}
	return false;
}

/* Runs a row in a child; false if there can be no child, and nothing has been printed. */
static bool row_isolate(const struct row *row, char *report)
{
	char reason[64];
	int ends[2], status = 0;
	bool hung, reported;
	pid_t child;

	if (pipe(ends) != 0)
		return false;
	bench_parent = getpid();
	child = fork();
	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return false;
	}
	if (child == 0) {
		setpgid(0, 0);
		close(ends[0]);
		row_child(row, ends[1]);
	}
	close(ends[1]);
	reported = report_await(ends[0], report, &hung);
	if (hung) {
		kill(-child, SIGKILL);
		kill(child, SIGKILL);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	close(ends[0]);
	if (!reported) {
		child_fate_format(reason, sizeof(reason), status, hung);
		report_format(report, row->name, 0, 0, reason);
	}
	return true;
}

static bool row_run(const struct row *row)
{
	char report[REPORT_BYTES] = "";

	if (!isolate || !row_isolate(row, report)) {
		bench_parent = getppid();
		row_measure(row, report);
	}
	report_print(report);
	return strstr(report, "\tok\n") != NULL;
}

static bool name_in_list(const char *name, const char *list)
{
	size_t len_bytes = strlen(name);

	for (const char *at = list; at != NULL && *at != '\0';) {
		const char *comma = strchrnul(at, ',');

		if ((size_t)(comma - at) == len_bytes && memcmp(at, name, len_bytes) == 0)
			return true;
		at = *comma == ',' ? comma + 1 : comma;
	}
	return false;
}

static const struct row *row_find(const char *name)
{
	for (size_t group = 0; group < NGROUPS; group++)
		for (const struct row *row = row_groups[group]; row->name != NULL; row++)
			if (strcmp(row->name, name) == 0)
				return row;
	return NULL;
}

/* bench --one ROW OUT PARENT SCALE: what the isolated child execs; not for people. */
static int one_main(char **args)
{
	const struct row *row = row_find(args[0]);
	char report[REPORT_BYTES] = "";
	int out = atoi(args[1]);

	bench_parent = atol(args[2]);
	scale = atof(args[3]);
	if (row == NULL)
		return 2;
	row_measure(row, report);
	return write(out, report, strlen(report)) == (ssize_t)strlen(report) ? 0 : 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench [--rows a,b,c] [--scale N] [--no-fork] [--list]\n"
		"  --scale N divides every row's iterations by N (0.1: ten times as many)\n");
	return 2;
}

static int rows_list(void)
{
	for (size_t group = 0; group < NGROUPS; group++)
		for (const struct row *row = row_groups[group]; row->name != NULL; row++)
			printf("%s\t%s\n", row->name, row->what);
	return 0;
}

static int unknown_names_report(void)
{
	char copy[512];
	int nunknown = 0;

	snprintf(copy, sizeof(copy), "%s", wanted != NULL ? wanted : "");
	for (char *name = strtok(copy, ","); name != NULL; name = strtok(NULL, ",")) {
		char report[REPORT_BYTES];

		if (row_find(name) != NULL)
			continue;
		report_format(report, name, 0, 0, "no such row");
		report_print(report);
		nunknown++;
	}
	return nunknown;
}

static int rows_run(void)
{
	int nfailed = unknown_names_report();

	if (bench_file_make() != 0)
		fprintf(stderr, "bench: %s\n", fail_reason);
	for (size_t group = 0; group < NGROUPS; group++)
		for (const struct row *row = row_groups[group]; row->name != NULL; row++)
			if (wanted == NULL || name_in_list(row->name, wanted))
				nfailed += !row_run(row);
	return nfailed != 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--nothing") == 0)
		_exit(7);
	bench_self = strchr(argv[0], '/') != NULL ? argv[0] : "/proc/self/exe";
	if (argc == 6 && strcmp(argv[1], "--one") == 0)
		return one_main(argv + 2);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0)
			return rows_list();
		else if (strcmp(argv[i], "--no-fork") == 0)
			isolate = false;
		else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc)
			wanted = argv[++i];
		else if (strcmp(argv[i], "--scale") == 0 && i + 1 < argc && atof(argv[i + 1]) > 0)
			scale = atof(argv[++i]);
		else
			return usage();
	}
	return rows_run();
}
