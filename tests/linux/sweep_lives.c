/*
 * sweep_lives.c -- kills, stops and forks at each moment of a process's life, as sweep.c does it for calls.
 *
 * Owns:    its children; the guns.
 * Locks:   none.
 * Fails:   as tap.h.  A lost end shows as a case that does not end.
 * Tested:  conformance.py, with --icount on Tessera; on Linux it is a loop of shots at some moment.
 */
#define TAP_HELPER helper_main
#include "aim.h"

#include <pthread.h>
#include <sys/prctl.h>

static int ends[2];
static char buffer[100];

/* --helper STATUS [FD]: says a byte on FD and exits. */
static int helper_main(int argc, char **argv)
{
	if (argc == 2)
		write(atoi(argv[1]), "h", 1);
	return argc >= 1 ? atoi(argv[0]) : 98;
}

/* --- vfork and exec ------------------------------------------------------------------------------------------------ */

/* Until the moment, more or less: for paths that are sampled. */
static void moment_wait(uint64_t ns)
{
	uint64_t moment = aim_tsc_of(ns);

	while ((int64_t)(aim_tsc() - moment) < 0)
		;
}

#define EXEC_PATH 260000		/* ticks from vfork to the new program's end */

TEST("SIGKILL at each moment of a vfork child's way to exec and beyond lets the parent go on")
{
	volatile int killed = 0, ended = 0;

	aim_init(0);
	gun_set(0, SHOT_SIGNAL, SIGKILL);
	aim->guns[0].target = (volatile pid_t *)&aim->words[0];
	for (int64_t at = 0; at < EXEC_PATH; at += stride(at < 20000 ? 101 : 487)) {
		uint64_t base_ns = (uint64_t)now_ns() + GUN_LEAD_NS;
		int status = -1;
		pid_t child;

		aim->words[0] = 0;
		gun_load(0, base_ns + (uint64_t)at);
		moment_wait(base_ns);
		child = vfork();
		if (child == 0) {
			aim->words[0] = (uint64_t)syscall(SYS_getpid);
			execl(tap_self, tap_self, "--helper", "3", NULL);
			_exit(4);
		}
		CHECK(child > 0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		aim->words[0] = 0;
		gun_wait(0);
		CHECK(status == SIGKILL || status == 3 << 8);
		killed += status == SIGKILL;
		ended += status != SIGKILL;
	}
	tap_note("%d were killed, %d came to their end", killed, ended);
	CHECK(!aim_exact || (killed > 100 && ended > 0));
}

/* The middle process: a vfork child that says a byte on fd. */
static _Noreturn void vfork_parent(uint64_t moment_ns, int fd)
{
	char text[16];
	pid_t child;
	int status;

	snprintf(text, sizeof(text), "%d", fd);
	moment_wait(moment_ns);
	child = vfork();
	if (child == 0) {
		execl(tap_self, tap_self, "--helper", "3", text, NULL);
		_exit(4);
	}
	_exit(waitpid(child, &status, 0) == child && status == 3 << 8 ? 7 : 8);
}

TEST("SIGKILL at each moment of a vfork's parent ends it, and the child ends on its own")
{
	int turns = 0, others = 0;	/* a child may come to its end in the turn after its own */

	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	aim_init(0);
	gun_set(0, SHOT_SIGNAL, SIGKILL);
	aim->guns[0].target = (volatile pid_t *)&aim->words[0];
	for (int64_t at = 0; at < EXEC_PATH; at += stride(1511)) {
		uint64_t base_ns = (uint64_t)now_ns() + 4 * GUN_LEAD_NS;
		int pair[2], status = -1;
		pid_t middle, got;

		CHECK_EQ(pipe(pair), 0);
		gun_load(0, base_ns + (uint64_t)at);
		middle = tap_fork();
		if (middle == 0)
			vfork_parent(base_ns, pair[1]);
		aim->words[0] = (uint64_t)middle;
		close(pair[1]);
		while (read(pair[0], buffer, 1) == 1)
			;
		close(pair[0]);
		while ((got = waitpid(-1, &status, WNOHANG)) != middle) {
			if (got > 0) {
				CHECK_EQ(status, 3 << 8);
				others++;
			}
			CHECK(got != -1);
		}
		aim->words[0] = 0;
		gun_wait(0);
		CHECK(status == SIGKILL || status == 7 << 8);
		while (waitpid(-1, &status, WNOHANG) > 0)
			others++;
		CHECK(others <= ++turns);
	}
}

/* --- fork against a descriptor table in motion ------------------------------------------------------------------------ */

static int table_fds[3];		/* low: both; then the first goes and the third comes */

static int table_change(void)
{
	return close(table_fds[0]) == 0 && dup2(table_fds[1], table_fds[2]) == table_fds[2] ? 0 : -1;
}

static volatile bool table_ends;

/* A second thread: whenever it gets the CPU it gives it back, unless a gun has said that it is time. */
static void *table_thread(void *unused)
{
	while (!table_ends) {
		if (aim->words[2]) {
			aim->words[2] = 0;
			CHECK_EQ(table_change(), 0);
		}
		sched_yield();
	}
	return unused;
}

/* By a gun, between two instructions of the first thread, which is put behind the second one. */
static int table_go(void)
{
	aim->words[2] = 1;
	return 0;
}

TEST("fork while another thread changes descriptors copies one state of the table")
{
	int seen[3] = { 0, 0, 0 };
	pthread_t thread;
	pid_t child;

	table_fds[0] = 20;
	table_fds[1] = open("/dev/null", O_RDWR);
	table_fds[2] = 21;
	aim_init(0);
	gun_set(0, SHOT_CALL, 0);
	aim->guns[0].function = table_go;
	CHECK_EQ(pthread_create(&thread, NULL, table_thread, NULL), 0);
	for (int64_t at = -500; at < 30000; at += stride(73)) {
		uint64_t base_ns;
		int status;

		CHECK_EQ(dup2(table_fds[1], 20), 20);
		close(21);
		base_ns = (uint64_t)now_ns() + GUN_LEAD_NS;
		gun_load(0, base_ns + (uint64_t)at);
		moment_wait(base_ns);
		child = fork();
		if (child == 0)
			_exit((fcntl(20, F_GETFD) >= 0) + 2 * (fcntl(21, F_GETFD) >= 0) +
			      4 * (write(table_fds[1], "x", 1) != 1));
		CHECK(child > 0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		gun_wait(0);
		while (aim->words[2])
			sched_yield();
		CHECK_ERR(fcntl(20, F_GETFD), EBADF);
		CHECK(fcntl(21, F_GETFD) >= 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 2);	/* 3: both, which never was */
		seen[WEXITSTATUS(status)]++;
	}
	tap_note("before %d, between %d, after %d", seen[1], seen[0], seen[2]);
	CHECK(!aim_exact || (seen[1] > 0 && seen[2] > 0));
	table_ends = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* --- stop, continue, kill ------------------------------------------------------------------------------------------------ */

/* The child: one shot at itself for each step, the call's result checked. */
static void stopped_child(struct strike *s, int64_t from, int64_t to, int64_t step, int64_t second)
{
	for (int64_t at = from; at < to; at += step) {
		aim->words[1] = 0;
		strike_shoot(s, at, second);
		strike_check_registers(s);
		CHECK_EQ(s->result, second == NEVER ? (uint64_t)getppid() : 1);
		while (aim->words[1] == 0)	/* stopped, continued and reported */
			sched_yield();
	}
}

static void stops_watch(pid_t child, int64_t steps)
{
	int status;

	for (int64_t i = 0; i < steps; i++) {
		CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		CHECK_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);
		CHECK_EQ(kill(child, SIGCONT), 0);
		CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
		CHECK(WIFCONTINUED(status));
		CHECK_EQ(waitpid(child, &status, WCONTINUED | WUNTRACED | WNOHANG), 0);
		aim->words[1] = 1;
	}
}

TEST("SIGSTOP and SIGCONT at each instruction of getppid: each is reported once")
{
	struct strike s;
	pid_t child;

	aim_init(0);
	gun_set(0, SHOT_SIGNAL, SIGSTOP);
	strike_call_set(&s, SYS_getppid, 11, 12, 13, 14);
	CHILD(child) {
		aim->target = getpid();
		stopped_child(&s, -4, 120, 1, NEVER);
	}
	stops_watch(child, 124);
	REAP(child, 0);
}

TEST("SIGSTOP and SIGCONT at each moment of a read that blocks: it goes on and gets its byte")
{
	struct strike s;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	aim_init(0);
	gun_set(0, SHOT_SIGNAL, SIGSTOP);
	gun_set(1, SHOT_WRITE, ends[1]);
	aim->guns[1].text = "x";
	strike_call_set(&s, SYS_read, (uint64_t)ends[0], (uint64_t)buffer, 10, 0);
	CHILD(child) {
		aim->target = getpid();
		stopped_child(&s, -4, 300, 1, 3000);
		stopped_child(&s, 300, 12300, 60, 3000);
	}
	stops_watch(child, 304 + 200);
	REAP(child, 0);
}

TEST("SIGKILL at each moment of a process, stopped or not, ends it with that status")
{
	struct strike s;
	pid_t child;
	int status;

	CHECK_EQ(pipe(ends), 0);
	aim_init(0);
	gun_set(0, SHOT_SIGNAL, SIGKILL);
	gun_set(1, SHOT_SIGNAL, SIGSTOP);
	strike_call_set(&s, SYS_read, (uint64_t)ends[0], (uint64_t)buffer, 10, 0);
	for (int64_t at = -4; at < 6000; at += stride(41)) {
		CHILD(child) {
			aim->target = getpid();
			strike_shoot(&s, at, at % 3 == 0 ? 2000 : NEVER);
			FAIL("  it lives");
		}
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, SIGKILL);
		gun_wait(0);
		gun_wait(1);
	}
}
