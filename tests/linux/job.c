/*
 * job.c -- stop and continue, process groups, sessions.
 *
 * Owns:    its children.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first. Terminals and job control together: tty.c.
 */
#define TAP_HELPER helper_main
#include "tap.h"

static int helper_main(int argc, char **argv)
{
	if (argc == 1)
		write(atoi(argv[0]), "e", 1);	/* after exec, beyond doubt */
	pause();
	return 0;
}

static volatile sig_atomic_t nsignals;
static siginfo_t last;

static void take(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	last = *info;
	nsignals++;
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_sigaction = take, .sa_flags = SA_SIGINFO | flags };

	CHECK_EQ(sigaction(number, &action, NULL), 0);
}

static pid_t sleeper_start(void)
{
	pid_t child;

	CHILD(child)
		for (;;)
			pause();
	return child;
}

static void stop_and_wait(pid_t child, int number)
{
	int status;

	CHECK_EQ(kill(child, number), 0);
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), number);
}

TEST("a stop is told to the parent once, with WUNTRACED only; so is going on, with WCONTINUED")
{
	pid_t child = sleeper_start();
	int status;

	CHECK_EQ(kill(child, SIGSTOP), 0);
	sleep_ms(20);
	CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK_EQ(status, SIGSTOP << 8 | 0x7f);
	CHECK_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);
	CHECK_EQ(kill(child, SIGCONT), 0);
	CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(waitpid(child, &status, WCONTINUED | WNOHANG), 0);
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
}

TEST("all four stopping signals stop by default")
{
	int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	pid_t child = sleeper_start();

	for (int i = 0; i < 4; i++) {
		stop_and_wait(child, stops[i]);
		CHECK_EQ(kill(child, SIGCONT), 0);
	}
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
}

TEST("a stopped process runs nothing, keeps other signals pending and dies of KILL")
{
	int ends[2];
	char byte;
	pid_t child;

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHILD(child)
		for (;;) {
			write(ends[1], "x", 1);
			sleep_ms(5);
		}
	sleep_ms(30);
	stop_and_wait(child, SIGSTOP);
	while (read(ends[0], &byte, 1) == 1)
		;
	CHECK_EQ(kill(child, SIGTERM), 0);
	sleep_ms(40);
	CHECK_ERR(read(ends[0], &byte, 1), EAGAIN);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(kill(child, SIGCONT), 0);
	REAP_KILLED(child, SIGTERM);
	child = sleeper_start();
	stop_and_wait(child, SIGSTOP);
	CHECK_EQ(kill(child, SIGKILL), 0);
	REAP_KILLED(child, SIGKILL);
}

TEST("CONT runs its handler, and a stop signal that is pending is dropped by CONT")
{
	pid_t child;
	int ends[2];
	char byte;

	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		handle(SIGCONT, 0);
		write(ends[1], "r", 1);
		while (nsignals == 0)
			sleep_ms(2);
		_exit(17);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	stop_and_wait(child, SIGSTOP);
	CHECK_EQ(kill(child, SIGCONT), 0);
	REAP(child, 17);
}

TEST("CONT goes on even if it is ignored or blocked")
{
	int ends[2];
	char byte;
	pid_t child;
	sigset_t set;

	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		signal(SIGCONT, SIG_IGN);
		sigemptyset(&set);
		sigaddset(&set, SIGCONT);
		sigprocmask(SIG_BLOCK, &set, NULL);
		write(ends[1], "r", 1);
		sleep_ms(100);
		_exit(18);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	stop_and_wait(child, SIGSTOP);
	CHECK_EQ(kill(child, SIGCONT), 0);
	REAP(child, 18);
}

TEST("stops send SIGCHLD with CLD_STOPPED and CLD_CONTINUED, unless SA_NOCLDSTOP")
{
	pid_t child;

	handle(SIGCHLD, SA_RESTART);
	child = sleeper_start();
	stop_and_wait(child, SIGSTOP);
	CHECK_EQ(nsignals, 1);
	CHECK_EQ(last.si_code, CLD_STOPPED);
	CHECK_EQ(last.si_status, SIGSTOP);
	CHECK_EQ(last.si_pid, child);
	kill(child, SIGCONT);
	waitpid(child, NULL, WCONTINUED);
	for (int i = 0; i < 100 && nsignals < 2; i++)
		sleep_ms(5);
	CHECK_EQ(nsignals, 2);
	CHECK_EQ(last.si_code, CLD_CONTINUED);
	handle(SIGCHLD, SA_RESTART | SA_NOCLDSTOP);
	stop_and_wait(child, SIGSTOP);
	CHECK_EQ(nsignals, 2);
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
	CHECK_EQ(nsignals, 3);
}

TEST("a sleep that was stopped and continued goes on and ends on time")
{
	struct timespec nap = { 0, 150000000 };
	int64_t start = now_ns();
	pid_t child;

	CHILD(child)
		CHECK_EQ(nanosleep(&nap, NULL), 0);
	sleep_ms(30);
	stop_and_wait(child, SIGSTOP);
	kill(child, SIGCONT);
	REAP(child, 0);
	CHECK(now_ns() - start >= 150000000);
	CHECK(now_ns() - start < 2000000000);
}

TEST("a handled stop signal does not stop")
{
	pid_t child;

	CHILD(child) {
		handle(SIGTSTP, 0);
		kill(getpid(), SIGTSTP);
		_exit(nsignals == 1 ? 4 : 5);
	}
	REAP(child, 4);
}

TEST("in an orphaned process group TSTP, TTIN and TTOU do not stop")
{
	pid_t middle;
	int ends[2];
	char byte = 'n';

	CHECK_EQ(pipe(ends), 0);
	CHILD(middle) {
		setsid();
		if (fork() == 0) {
			while (getppid() == middle || getppid() == 0)
				sleep_ms(2);
			kill(getpid(), SIGTSTP);
			kill(getpid(), SIGTTIN);
			write(ends[1], "y", 1);
			_exit(0);
		}
		middle = getpid();
	}
	REAP(middle, 0);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(byte, 'y');
}

TEST("when a group with a stopped member becomes an orphan it gets HUP and CONT")
{
	pid_t middle;
	int ends[2];
	char text[2] = "";

	CHECK_EQ(pipe(ends), 0);
	CHILD(middle) {
		pid_t child;

		setsid();
		child = fork();
		if (child == 0) {
			setpgid(0, 0);
			handle(SIGHUP, 0);
			kill(getpid(), SIGSTOP);
			write(ends[1], nsignals == 1 ? "h" : "n", 1);
			_exit(0);
		}
		waitpid(child, NULL, WUNTRACED);
	}
	close(ends[1]);
	REAP(middle, 0);
	CHECK_EQ(read(ends[0], text, 1), 1);
	CHECK_EQ(text[0], 'h');
}

TEST("setpgid makes and joins groups of one's own session only")
{
	pid_t child, other;

	CHECK_EQ(getpgrp(), getpid());
	CHECK_EQ(getpgid(0), getpid());
	child = sleeper_start();
	CHECK_EQ(getpgid(child), getpid());
	CHECK_EQ(setpgid(child, 0), 0);
	CHECK_EQ(getpgid(child), child);
	other = sleeper_start();
	CHECK_EQ(setpgid(other, child), 0);
	CHECK_EQ(getpgid(other), child);
	CHECK_EQ(setpgid(other, getpgrp()), 0);
	CHECK_ERR(setpgid(other, 0x3ffffff), EPERM);
	CHECK_ERR(setpgid(getppid(), 0), ESRCH);
	CHECK_ERR(setpgid(0, -1), EINVAL);
	CHECK_ERR(getpgid(0x3ffffff), ESRCH);
	kill(child, SIGKILL);
	kill(other, SIGKILL);
	REAP_KILLED(child, SIGKILL);
	REAP_KILLED(other, SIGKILL);
}

TEST("setpgid of a child that has called exec is EACCES")
{
	pid_t child;
	int ends[2];
	char byte, end[12];

	/* not the end of a close-on-exec pipe: Linux may close it before it notes the exec */
	CHECK_EQ(pipe(ends), 0);
	snprintf(end, sizeof(end), "%d", ends[1]);
	CHILD(child) {
		execl(tap_self, tap_self, "--helper", end, NULL);
		_exit(98);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_ERR(setpgid(child, child), EACCES);
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
}

TEST("setsid makes a session and group; a group leader may not: EPERM")
{
	pid_t child;

	CHECK_ERR(setsid(), EPERM);
	CHILD(child) {
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERR(setsid(), EPERM);
		CHECK_ERR(setpgid(0, 0), EPERM);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	}
	REAP(child, 0);
	CHECK(getsid(0) != child);
	CHECK_ERR(getsid(0x3ffffff), ESRCH);
}
