/*
 * process.c -- fork, vfork, exit, wait: identity, statuses, orphans, what is copied.
 *
 * Owns:    its children, all reaped.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#define TAP_HELPER helper_main
#include "tap.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* --helper N: exits with N. */
static int helper_main(int argc, char **argv)
{
	return argc == 1 ? atoi(argv[0]) : 98;
}

static volatile int shared_by_vfork;
static volatile sig_atomic_t nchild_signals;
static siginfo_t child_info;

static void child_signal_take(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	child_info = *info;
	nchild_signals++;
}

static void child_signal_watch(int flags)
{
	struct sigaction action = { .sa_sigaction = child_signal_take,
				    .sa_flags = SA_SIGINFO | flags };

	CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
}

TEST("fork gives 0 to the child and the child's pid to the parent")
{
	pid_t parent = getpid(), child;
	int ends[2];
	pid_t told = 0;

	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		told = getpid();
		CHECK_EQ(getppid(), parent);
		CHECK(told != parent);
		CHECK_EQ(write(ends[1], &told, sizeof(told)), sizeof(told));
	}
	CHECK_EQ(read(ends[0], &told, sizeof(told)), sizeof(told));
	CHECK_EQ(told, child);
	REAP(child, 0);
}

TEST("memory after fork is the child's own copy")
{
	static volatile int word = 1;
	volatile int *heap = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int local = 3;
	pid_t child;

	*heap = 2;
	CHILD(child) {
		CHECK_EQ(word + *heap + local, 6);
		word = *heap = local = 9;
		heap[1024] = 1;
	}
	REAP(child, 0);
	CHECK_EQ(word + *heap + local, 6);
	CHECK_EQ(heap[1024], 0);
	*heap = 7;
	CHILD(child)
		CHECK_EQ(*heap, 7);
	REAP(child, 0);
}

TEST("a shared anonymous mapping stays shared after fork")
{
	volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	CHILD(child)
		*word = 42;
	REAP(child, 0);
	CHECK_EQ(*word, 42);
}

TEST("wait tells an exit status of eight bits")
{
	pid_t child;
	int status;

	CHILD(child)
		_exit(0x1234);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && !WIFSIGNALED(status) && !WIFSTOPPED(status));
	CHECK_EQ(status, 0x3400);
}

TEST("wait tells a death by signal")
{
	int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGALRM };
	pid_t child;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		CHILD(child) {
			signal(signals[i], SIG_DFL);
			kill(getpid(), signals[i]);
		}
		REAP_KILLED(child, signals[i]);
	}
}

TEST("wait without children is ECHILD, and for somebody else's child too")
{
	CHECK_ERR(wait(NULL), ECHILD);
	CHECK_ERR(waitpid(1, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, 0x4000), EINVAL);
}

TEST("WNOHANG gives 0 while the child runs and its pid once it is dead")
{
	pid_t child, got;
	int ends[2], status;

	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		char byte;

		close(ends[1]);
		read(ends[0], &byte, 1);
		_exit(5);
	}
	CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
	close(ends[1]);
	while ((got = waitpid(child, &status, WNOHANG)) == 0)
		sleep_ms(5);
	CHECK_EQ(got, child);
	CHECK_EQ(WEXITSTATUS(status), 5);
	CHECK_ERR(waitpid(child, &status, WNOHANG), ECHILD);
}

TEST("each child is reaped exactly once, in any order")
{
	pid_t children[8];
	int status;

	for (int i = 0; i < 8; i++)
		CHILD(children[i])
			_exit(10 + i);
	for (int i = 7; i >= 0; i -= 2)
		REAP(children[i], 10 + i);
	for (int n = 0; n < 4; n++) {
		pid_t got = wait(&status);
		int which = WEXITSTATUS(status) - 10;

		CHECK(which >= 0 && which < 8 && which % 2 == 0);
		CHECK_EQ(got, children[which]);
		children[which] = 0;
	}
	CHECK_ERR(wait(&status), ECHILD);
}

TEST("waitid tells pid, status and code, and WNOWAIT leaves the child to be reaped")
{
	siginfo_t info;
	pid_t child;

	CHILD(child)
		_exit(6);
	memset(&info, 0, sizeof(info));
	CHECK_EQ(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_pid, child);
	CHECK_EQ(info.si_status, 6);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, child);
	CHECK_ERR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	CHECK_ERR(waitid(77, 0, &info, WEXITED), EINVAL);
}

TEST("waitid with WNOHANG and nothing to report zeroes the pid and gives 0")
{
	siginfo_t info;
	pid_t child;

	CHILD(child)
		pause();
	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(waitid(P_PID, child, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	CHECK_EQ(info.si_signo, 0);
	kill(child, SIGKILL);
	CHECK_EQ(waitid(P_PID, child, &info, WEXITED), 0);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGKILL);
}

TEST("waitpid by process group finds only that group")
{
	pid_t same, other;
	int status;

	CHILD(other) {
		setpgid(0, 0);
		_exit(1);
	}
	setpgid(other, other);
	CHILD(same)
		_exit(2);
	CHECK_EQ(waitpid(0, &status, 0), same);
	CHECK_EQ(waitpid(-other, &status, 0), other);
	CHECK_ERR(waitpid(0, &status, 0), ECHILD);
}

TEST("a child's end sends SIGCHLD with its pid, status and code")
{
	sigset_t block, old;
	pid_t child;

	child_signal_watch(0);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, &old), 0);
	CHILD(child)
		_exit(9);
	while (nchild_signals == 0)
		sigsuspend(&old);
	CHECK_EQ(child_info.si_signo, SIGCHLD);
	CHECK_EQ(child_info.si_pid, child);
	CHECK_EQ(child_info.si_status, 9);
	CHECK_EQ(child_info.si_code, CLD_EXITED);
	REAP(child, 9);
}

TEST("with SIGCHLD ignored children vanish, and wait gives ECHILD when all are gone")
{
	pid_t child;

	signal(SIGCHLD, SIG_IGN);
	CHILD(child) {
		sleep_ms(20);
		_exit(3);
	}
	CHECK_ERR(waitpid(child, NULL, 0), ECHILD);
	CHECK_ERR(kill(child, 0), ESRCH);
}

TEST("with SA_NOCLDWAIT children vanish but SIGCHLD still comes")
{
	pid_t child;

	child_signal_watch(SA_NOCLDWAIT | SA_RESTART);
	CHILD(child)
		_exit(3);
	CHECK_ERR(waitpid(child, NULL, 0), ECHILD);
	CHECK(nchild_signals == 1);
}

TEST("a zombie still answers kill 0, and keeps its pid until it is reaped")
{
	siginfo_t info;
	pid_t child;

	CHILD(child)
		_exit(0);
	CHECK_EQ(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(kill(child, 0), 0);
	CHECK_EQ(kill(child, SIGKILL), 0);
	REAP(child, 0);
	CHECK_ERR(kill(child, 0), ESRCH);
}

TEST("an orphan gets a new parent and is not lost")
{
	int ends[2];
	pid_t middle, parent = 0;

	CHECK_EQ(pipe(ends), 0);
	CHILD(middle) {
		pid_t old = getpid();

		if (fork() == 0) {
			while (getppid() == old)
				sleep_ms(2);
			parent = getppid();
			write(ends[1], &parent, sizeof(parent));
			_exit(0);
		}
	}
	REAP(middle, 0);
	CHECK_EQ(read(ends[0], &parent, sizeof(parent)), sizeof(parent));
	CHECK(parent != middle && parent > 0);
	CHECK_ERR(wait(NULL), ECHILD);
}

TEST("a subreaper becomes the parent of its orphaned descendants and reaps them")
{
	pid_t middle, child;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		SKIP("no PR_SET_CHILD_SUBREAPER");
	CHILD(middle) {
		if (fork() == 0) {
			while (getppid() == middle)
				sleep_ms(2);
			sleep_ms(20);
			_exit(21);
		}
		_exit(20);
	}
	REAP(middle, 20);
	child = wait(NULL);
	CHECK(child > 0 && child != middle);
}

TEST("PR_SET_PDEATHSIG signals the child when its parent dies")
{
	int ends[2];
	pid_t middle;
	char byte;

	CHECK_EQ(pipe(ends), 0);
	CHILD(middle) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write(ends[1], "r", 1);
			pause();
			_exit(0);
		}
		CHECK_EQ(read(ends[0], &byte, 1), 1);
	}
	close(ends[1]);
	REAP(middle, 0);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
}

TEST("vfork runs the child first, in the same memory, until it exits")
{
	pid_t child = vfork();

	if (child == 0) {
		shared_by_vfork = 5;
		_exit(4);
	}
	CHECK(child > 0);
	CHECK_EQ(shared_by_vfork, 5);
	REAP(child, 4);
}

TEST("a vfork parent goes on when the child execs, and sees a failed exec as memory")
{
	pid_t child = vfork();

	if (child == 0) {
		execl("none", "none", NULL);
		shared_by_vfork = errno;
		execl(tap_self, tap_self, "--helper", "31", NULL);
		_exit(98);
	}
	CHECK_EQ(shared_by_vfork, ENOENT);
	REAP(child, 31);
}

TEST("a vfork child killed in the middle lets the parent go on")
{
	pid_t child = vfork();

	if (child == 0) {
		kill(getpid(), SIGKILL);
		_exit(98);
	}
	REAP_KILLED(child, SIGKILL);
}

TEST("a vfork child's descriptors and signal handlers are its own")
{
	int fd = open("/dev/null", O_RDWR);
	pid_t child = vfork();

	if (child == 0) {
		close(fd);
		_exit(0);
	}
	REAP(child, 0);
	CHECK_EQ(write(fd, "x", 1), 1);
}

TEST("fork keeps working directory, umask, group, session, mask and dispositions")
{
	char here[256], there[256];
	sigset_t set, old;
	struct sigaction action;
	pid_t child, group = getpgrp(), session = getsid(0);

	umask(031);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	signal(SIGUSR1, SIG_IGN);
	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHILD(child) {
		CHECK(getcwd(there, sizeof(there)) != NULL);
		CHECK_STR(there, here);
		CHECK_EQ(umask(0), 031);
		CHECK_EQ(getpgrp(), group);
		CHECK_EQ(getsid(0), session);
		CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &old), 0);
		CHECK(sigismember(&old, SIGUSR2));
		CHECK_EQ(sigaction(SIGUSR1, NULL, &action), 0);
		CHECK(action.sa_handler == SIG_IGN);
	}
	REAP(child, 0);
	CHECK_EQ(umask(0), 031);
}

TEST("pending signals and alarms are not inherited by fork")
{
	sigset_t set, pending;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	alarm(100);
	CHILD(child) {
		CHECK_EQ(sigpending(&pending), 0);
		CHECK(!sigismember(&pending, SIGUSR2));
		CHECK_EQ(alarm(0), 0);
	}
	REAP(child, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR2));
	CHECK_EQ(alarm(0), 100);
}

TEST("a chain of forty generations ends in order")
{
	pid_t child = 0;
	int depth, status = 0;

	for (depth = 0; depth < 40; depth++) {
		child = fork();
		if (child != 0)
			break;
	}
	if (depth == 40)
		_exit(40);
	CHECK(child > 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	if (depth > 0)
		_exit(WEXITSTATUS(status) == 40 ? 40 : TAP_FAILED);
	CHECK_EQ(WEXITSTATUS(status), 40);
}

TEST("three hundred forks one after another leave nothing behind")
{
	pid_t child;

	for (int i = 0; i < 300; i++) {
		CHILD(child)
			_exit(i & 63);
		REAP(child, i & 63);
	}
	CHECK_ERR(wait(NULL), ECHILD);
}

TEST("RLIMIT_NPROC stops a fork bomb of an ordinary user with EAGAIN")
{
	struct rlimit limit = { 5, 5 };
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root to become another user");
	CHILD(child) {
		int n = 0;

		CHECK_EQ(setgid(54321), 0);
		CHECK_EQ(setuid(54321), 0);
		CHECK_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
		for (;; n++) {
			pid_t next = fork();

			if (next == 0)
				pause();
			if (next < 0)
				break;
			CHECK(n < 10);
		}
		CHECK_EQ(errno, EAGAIN);
		CHECK_EQ(n, 4);
		kill(0, SIGTERM);
	}
	REAP_KILLED(child, SIGTERM);
}

TEST("clone with CLONE_PARENT_SETTID and CLONE_CHILD_SETTID writes the ids")
{
	volatile int parent_id = 0;
	int *clear = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long child;

	*clear = 77;
	child = syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, 0,
			&parent_id, clear, 0);
	CHECK(child >= 0);
	if (child == 0)
		_exit(*clear == getpid() ? 0 : 1);
	CHECK_EQ(parent_id, child);
	REAP((pid_t)child, 0);
	CHECK_EQ(*clear, child);
}

TEST("clone with flags that make no sense together is EINVAL")
{
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_FS | 0x00020000 /* NEWNS */, 0, 0, 0, 0), EINVAL);
}

TEST("exit_group's status is the process's, and atexit work is not the kernel's")
{
	pid_t child;

	CHILD(child)
		syscall(SYS_exit_group, 33);
	REAP(child, 33);
	CHILD(child)
		syscall(SYS_exit, 34);
	REAP(child, 34);
}

TEST("prctl tells the subreaper flag and the signal of the parent's death as they were set")
{
	int value = -1;

	CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &value), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR2), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &value), 0);
	CHECK_EQ(value, SIGUSR2);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
}
