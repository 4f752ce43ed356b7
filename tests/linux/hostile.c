/*
 * hostile.c -- what a program may not get that knows the system from inside: native calls from the
 * translator's window, requests in linuxd's own words, and Linux calls made in an evil order.
 *
 * Owns:    processes of the uids 61240 and 61241.
 * Locks:   none.
 * Fails:   see tap.h. The cases that speak natively are skipped on Linux.
 * Tested:  conformance.py; the others pass on Linux first.
 */
#define TAP_HELPER helper_main
#include "tap.h"
#include "native.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>

#define EVIL_UID	61240
#define OTHER_UID	61241

static int helper_main(int argc, char **argv)
{
	(void)argc;
	if (strcmp(argv[0], "euid") == 0)
		return geteuid() == 0 ? 7 : 8;
	if (strcmp(argv[0], "sleep") == 0)
		sleep_ms(500);
	return 0;
}

static void root_only(void)
{
	if (getuid() != 0)
		SKIP("needs root");
}

static void user_become(uid_t uid)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setgid(uid), 0);
	CHECK_EQ(setuid(uid), 0);
}

TEST("an open for execution gives neither write access nor what is not readable")
{
	pid_t child;

	root_only();
	NATIVE_ONLY();
	CHECK_EQ(chmod(".", 0755), 0);
	file_write("program", "#!/bin/true\n");
	CHECK_EQ(chmod("program", 0755), 0);
	file_write("hidden", "secret");
	CHECK_EQ(chmod("hidden", 0711), 0);
	CHILD(child) {
		user_become(EVIL_UID);
		CHECK(native_open("program", O_RDWR, LX_OPEN_EXEC) < 0);
		CHECK(native_open("program", O_WRONLY | O_TRUNC, LX_OPEN_EXEC) < 0);
		CHECK(native_open("hidden", O_RDONLY, LX_OPEN_EXEC) < 0);
		CHECK(native_open("program", O_RDONLY, 0) >= 0);
	}
	REAP(child, 0);
}

TEST("a thread cannot raise its own priority, nor the one it serves calls at")
{
	NATIVE_ONLY();
	CHECK(native_call(NR_thread_priority, H_SELF, ~0u, 255, 0, 0) < 0);
	for (uint64_t number = 0; number < 4; number++) {
		CHECK(native_call(NR_thread_priority, H_SELF, number, 255, 0, 0) < 0);
		CHECK(native_call(NR_thread_priority, H_SELF, number, 1, 255, 0) < 0);
	}
}

TEST("a program does not write to the kernel's log, and an ordinary user's not through linuxd")
{
	NATIVE_ONLY();
	CHECK_EQ(native_call(NR_log_write, H_SELF, (uint64_t)"hostile", 7, 0, 0), E_HANDLE);
	CHECK_EQ(native_call(NR_log_write, LINUX_SLOT_SERVER, (uint64_t)"hostile", 7, 0, 0), E_TYPE);
	CHECK_EQ(native_ask(LINUX_SLOT_SERVER, LX_TRACE, 0, 0, 0, 0, 0, "root's", 6), 0);
	CHECK_EQ(setresuid(1234, 1234, 1234), 0);
	CHECK_EQ(native_ask(LINUX_SLOT_SERVER, LX_TRACE, 0, 0, 0, 0, 0, "hostile", 7), -EPERM);
}

TEST("the capability to linuxd cannot be copied, badged, sent, served or lent to a task")
{
	struct descriptor_args args = { .object = H_NONE, .kind = OBJ_NONE, .endpoint = LINUX_SLOT_SERVER,
		.flags = DESC_READ | DESC_NOTIFY_CLOSE, .cookie = 1ull << 32 | 1, .ready = H_NONE };
	struct ipc_message *m;
	int64_t own;

	NATIVE_ONLY();
	m = &native_utcb->msg;
	CHECK(native_call(NR_handle_copy, LINUX_SLOT_SERVER, RIGHT_CALL, LX_BADGE_CONSOLE, 0, 0) < 0);
	CHECK(native_call(NR_handle_copy, LINUX_SLOT_SERVER, RIGHT_CALL, 0, 0, 0) < 0);
	CHECK(native_call(NR_ipc_recv, LINUX_SLOT_SERVER, 0, 0, 0, 0) < 0);
	CHECK(native_call(NR_descriptor_create, (uint64_t)&args, 0, 0, 0, 0) < 0);
	CHECK(native_call(NR_task_create, H_SELF, H_SELF, H_NONE, LINUX_SLOT_SERVER, 1) < 0);
	CHECK(native_call(NR_lease_grant, (uint64_t)native_call(NR_lease_create, H_SELF, 0, 0, 0, 0),
		LINUX_SLOT_SERVER, RIGHT_CALL, 0, 0) < 0);
	own = native_call(NR_endpoint_create, H_SELF, 0, 0, 0, 0);
	memset(m, 0, offsetof(struct ipc_message, inline_data));
	m->ncaps = 1;
	m->caps[0] = LINUX_SLOT_SERVER;
	m->reserved_slot = H_NONE;
	CHECK(own < 0 || native_call(NR_ipc_call, (uint64_t)own, 1, 0, 0, 0) < 0);
	/* what it says of itself is what linuxd answers to */
	CHECK_EQ(native_ask(LINUX_SLOT_SERVER, LX_TTY_INPUT, 0, 0, 0, 0, 0, "x", 1), -ENOSYS);
	CHECK_EQ(native_ask(LINUX_SLOT_SERVER, LX_GETPID, 0, 0, 0, 0, 0, "", 0), getpid());
}

TEST("a terminal's master sends the signals of its keys and no others")
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	CHECK(master >= 0);
	CHECK_ERR(ioctl(master, TIOCSIG, SIGKILL), EINVAL);
	CHECK_ERR(ioctl(master, TIOCSIG, SIGSEGV), EINVAL);
	CHECK_EQ(ioctl(master, TIOCSIG, SIGINT), 0);
}

TEST("the node of a terminal that is gone does not lead to the next of the same number")
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), old, number, next;
	char path[64];

	CHECK(master >= 0);
	CHECK_EQ(ioctl(master, TIOCGPTN, &number), 0);
	sprintf(path, "/dev/pts/%d", number);
	old = open(path, O_PATH);
	CHECK(old >= 0);
	CHECK_EQ(close(master), 0);
	master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK_EQ(ioctl(master, TIOCGPTN, &next), 0);
	if (next != number)
		SKIP("another number was given out");
	CHECK_EQ(unlockpt(master), 0);
	sprintf(path, "/proc/self/fd/%d", old);
	CHECK_ERR(open(path, O_RDWR | O_NOCTTY), EIO);
}

TEST("whoever does not own a file cannot take its set-id bits by a chown that changes nothing")
{
	struct stat st;
	pid_t child;

	root_only();
	CHECK_EQ(chmod(".", 0755), 0);
	file_write("tool", "x");
	CHECK_EQ(chmod("tool", 04755), 0);
	CHILD(child) {
		user_become(EVIL_UID);
		CHECK_ERR(chown("tool", -1, -1), EPERM);
	}
	REAP(child, 0);
	CHECK_EQ(stat("tool", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 04755);
}

TEST("set-uid does not count for a program that shares its working directory with another process")
{
	pid_t child;

	root_only();
	CHECK_EQ(chmod(".", 0755), 0);
	self_copy("tool", 04755);
	CHILD(child) {
		pid_t confederate;

		user_become(EVIL_UID);
		confederate = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
		if (confederate == 0) {
			sleep_ms(1000);
			_exit(0);
		}
		execl("./tool", "tool", "--helper", "euid", NULL);
		_exit(98);
	}
	REAP(child, 8);
	CHILD(child) {
		user_become(EVIL_UID);
		execl("./tool", "tool", "--helper", "euid", NULL);
		_exit(98);
	}
	REAP(child, 7);
}

TEST("a process that makes itself a brother chooses no signal for its parent")
{
	pid_t child, brother;
	int status;

	signal(SIGUSR1, SIG_DFL);
	CHILD(child) {
		if (syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0) == 0)
			_exit(3);
		_exit(4);
	}
	for (int i = 0; i < 2; i++) {
		brother = waitpid(-1, &status, 0);
		CHECK(brother > 0);
		CHECK_EQ(status, brother == child ? 4 << 8 : 3 << 8);
	}
}

TEST("a child's exit signal does not follow its parent into another program")
{
	pid_t child;

	CHILD(child) {
		if (syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0) == 0) {
			sleep_ms(200);
			_exit(3);
		}
		execl(tap_self, tap_self, "--helper", "sleep", NULL);
		_exit(98);
	}
	REAP(child, 0);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* How many times in a quarter of a second the names can be asked. */
static int stats_done(void)
{
	double end = now_s() + 0.25;
	struct stat st;
	int count = 0;

	for (; now_s() < end; count++)
		stat("/", &st);
	return count;
}

static void alarms_blocked(void)
{
	struct itimerval v = { { 0, 1 }, { 0, 1 } };
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	setitimer(ITIMER_REAL, &v, NULL);
	setitimer(ITIMER_PROF, &v, NULL);
	setitimer(ITIMER_VIRTUAL, &v, NULL);
}

static void timers_blocked(int count, int handler)
{
	struct itimerspec v = { { 0, 1 }, { 0, 1 } };
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	sigset_t set;
	timer_t id;

	signal(SIGUSR1, handler ? SIG_DFL : SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(handler ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	for (int i = 0; i < count; i++) {
		e.sigev_signo = handler ? SIGRTMIN + i % 20 : SIGUSR1;
		sigaddset(&set, e.sigev_signo);
		sigprocmask(handler ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
		if (timer_create(CLOCK_MONOTONIC, &e, &id) == 0)
			timer_settime(id, 0, &v, NULL);
	}
}

TEST("timers of the shortest intervals whose signals nobody takes cost others little")
{
	int alone = stats_done(), beside;
	pid_t children[12];

	for (int i = 0; i < 12; i++) {
		CHILD(children[i]) {
			alarms_blocked();
			timers_blocked(20, i & 1);
			for (;;)
				pause();
		}
	}
	sleep_ms(300);
	beside = stats_done();
	for (int i = 0; i < 12; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	tap_note("%d calls alone, %d beside the timers", alone, beside);
	CHECK(beside > alone / 8);
}

TEST("a timer that waited for its signal to be taken rings on in time and tells how often it has")
{
	struct itimerspec v = { { 0, 1000000 }, { 0, 1000000 } };
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct timespec second = { 1, 0 };
	siginfo_t info;
	sigset_t set;
	timer_t id;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &e, &id), 0);
	CHECK_EQ(timer_settime(id, 0, &v, NULL), 0);
	sleep_ms(200);
	CHECK_EQ(sigtimedwait(&set, &info, &second), SIGUSR1);
	CHECK(info.si_overrun >= 150 && info.si_overrun < 1000);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(sigtimedwait(&set, &info, &second), SIGUSR1);
	CHECK(info.si_overrun < 150);
}

TEST("an interval timer goes on after its signal was blocked for long")
{
	struct itimerval v = { { 0, 1000 }, { 0, 1000 } };
	double start;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(setitimer(ITIMER_REAL, &v, NULL), 0);
	sleep_ms(200);
	start = now_s();
	for (int i = 0; i < 50; i++)
		CHECK_EQ(sigwait(&set, &sig), 0);
	CHECK(now_s() - start < 1.0);
}

static void raw_pair(int *master, int *slave, tcflag_t input, tcflag_t local)
{
	struct termios t;

	*master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	CHECK(*master >= 0);
	CHECK_EQ(grantpt(*master), 0);
	CHECK_EQ(unlockpt(*master), 0);
	*slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
	CHECK(*slave >= 0);
	CHECK_EQ(tcgetattr(*slave, &t), 0);
	t.c_iflag = input;
	t.c_lflag = local;
	CHECK_EQ(tcsetattr(*slave, TCSANOW, &t), 0);
}

TEST("a terminal's line holds what its buffer can, marked characters included")
{
	static char block[4096];
	int master, slave, held;

	raw_pair(&master, &slave, PARMRK, ICANON);
	memset(block, 0xff, sizeof(block));
	for (int i = 0; i < 20; i++)
		write(master, block, sizeof(block));
	write(master, "\n", 1);
	sleep_ms(50);
	CHECK_EQ(ioctl(slave, FIONREAD, &held), 0);
	tap_note("%d bytes", held);
	CHECK(held <= 4096);
}

static void *thread_waits(void *unused)
{
	while (unused == NULL)
		pause();
	return NULL;
}

static int threads_start(int count)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = 0; i < count; i++)
		if (pthread_create(&t, &attr, thread_waits, NULL) != 0)
			return i;
	return count;
}

TEST("threads count as processes of their user, whichever of his programs has them")
{
	struct rlimit limit = { 20, 20 };
	int go[2];
	pid_t child;
	char byte;

	root_only();
	CHILD(child) {
		pid_t other;

		CHECK_EQ(pipe(go), 0);
		CHECK_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
		user_become(OTHER_UID);
		CHILD(other) {
			write(go[1], threads_start(12) == 12 ? "y" : "n", 1);
			for (;;)
				pause();
		}
		CHECK_EQ(read(go[0], &byte, 1), 1);
		CHECK_EQ(byte, 'y');
		CHECK_EQ(threads_start(12), 6);
		CHECK_ERR(fork(), EAGAIN);
		kill(other, SIGKILL);
	}
	REAP(child, 0);
}

TEST("a map of thousands of pieces of a removed file is told at once")
{
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	static char text[65536];
	double start;
	char *at;

	CHECK_EQ(ftruncate(fd, 4096), 0);
	for (int i = 0; i < 3000; i++) {
		sprintf(text, "name%d", i);
		close(open(text, O_WRONLY | O_CREAT, 0600));
	}
	at = mmap(NULL, 8000 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 4000; i++)
		CHECK(mmap(at + i * 8192, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	CHECK_EQ(unlink("file"), 0);
	start = now_s();
	fd = open("/proc/self/maps", O_RDONLY);
	while (read(fd, text, sizeof(text)) > 0)
		continue;
	tap_note("%d ms", (int)((now_s() - start) * 1000));
	CHECK(now_s() - start < 1.0);
}

/* The names that uid can make in this directory, each as long as can be. */
static int names_make(uid_t uid)
{
	char name[256];
	int n = 0;

	memset(name, 'n', 255);
	name[255] = 0;
	for (; n < 400000; n++) {
		sprintf(name + 240, "%u-%u", uid % 10, n);
		if (symlink("x", name) < 0)
			break;
	}
	CHECK(errno == ENOSPC || errno == ENOMEM || errno == EDQUOT || n == 400000);
	return n;
}

TEST("a user who makes as many names as he can leaves memory for what others do")
{
	char text[16];
	pid_t child;
	int ends[2];

	root_only();
	CHECK_EQ(mkdir("names", 0777), 0);
	CHECK_EQ(chmod("names", 0777), 0);
	CHECK_EQ(chmod(".", 0755), 0);
	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		int n;

		CHECK_EQ(chdir("names"), 0);
		user_become(EVIL_UID);
		n = names_make(EVIL_UID);
		write(ends[1], &n, sizeof(n));
	}
	REAP(child, 0);
	CHECK_EQ(read(ends[0], text, 4), 4);
	tap_note("%d names", *(int *)text);
	CHILD(child) {
		execl(tap_self, tap_self, "--helper", "none", NULL);
		_exit(98);
	}
	REAP(child, 0);
	CHILD(child) {
		int held[500];

		user_become(OTHER_UID);
		for (int i = 0; i < 500; i++)
			CHECK((held[i] = open("/", O_RDONLY)) >= 0);
	}
	REAP(child, 0);
}

TEST("the locks of a process that ends go at once, however many others there are")
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int ready[2];
	pid_t child[2];
	double start;
	char byte;

	CHECK_EQ(pipe(ready), 0);
	for (int n = 0; n < 2; n++) {
		CHILD(child[n]) {
			int fd = open(n ? "one" : "two", O_RDWR | O_CREAT, 0600);

			for (int i = 0; i < 6000; i++) {
				lock.l_start = i * 2;
				CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
			}
			write(ready[1], "r", 1);
			pause();
		}
		CHECK_EQ(read(ready[0], &byte, 1), 1);
	}
	start = now_s();
	CHECK_EQ(kill(child[0], SIGKILL), 0);
	CHECK_EQ(waitpid(child[0], NULL, 0), child[0]);
	tap_note("%d ms", (int)((now_s() - start) * 1000));
	CHECK(now_s() - start < 0.5);
}

TEST("what was written to a program after it became set-uid does not run as its owner")
{
	static char block[65536];
	pid_t child;
	int go[2], in, out;
	ssize_t n;
	char byte;

	root_only();
	CHECK_EQ(chmod(".", 0777), 0);
	CHECK_EQ(pipe(go), 0);
	CHILD(child) {
		user_become(EVIL_UID);
		out = open("tool", O_RDWR | O_CREAT, 0755);
		CHECK(out >= 0);
		CHECK_EQ(read(go[0], &byte, 1), 1);
		in = open(tap_self, O_RDONLY);
		while ((n = read(in, block, sizeof(block))) > 0)
			CHECK_EQ(write(out, block, (size_t)n), n);
		CHECK_EQ(close(out), 0);
		execl("./tool", "tool", "--helper", "euid", NULL);
		_exit(98);
	}
	while (access("tool", F_OK) < 0)
		sleep_ms(10);
	sleep_ms(50);
	CHECK_EQ(chown("tool", 0, 0), 0);
	CHECK_EQ(chmod("tool", 04755), 0);
	write(go[1], "g", 1);
	REAP(child, 8);
}

TEST("another user's maps and environment are refused when they are opened")
{
	char path[64];
	pid_t child;
	int pid;

	root_only();
	pid = getpid();
	CHILD(child) {
		user_become(EVIL_UID);
		sprintf(path, "/proc/%d/maps", pid);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		sprintf(path, "/proc/%d/environ", pid);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		sprintf(path, "/proc/%d/status", pid);
		CHECK(open(path, O_RDONLY) >= 0);
	}
	REAP(child, 0);
}

TEST("an ordinary user gives no name to a file by its descriptor alone")
{
	pid_t child;

	root_only();
	CHECK_EQ(chmod(".", 0777), 0);
	CHILD(child) {
		int fd;

		user_become(EVIL_UID);
		fd = open("own", O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0);
		CHECK_ERR(linkat(fd, "", AT_FDCWD, "other", AT_EMPTY_PATH), ENOENT);
		CHECK_EQ(link("own", "other"), 0);
	}
	REAP(child, 0);
}

TEST("in a directory where everybody makes names nobody follows another's link; another's file gets no second name")
{
	pid_t child;

	root_only();
	CHECK_EQ(chmod(".", 01777), 0);
	file_write("secret", "root's");
	CHECK_EQ(chmod("secret", 0644), 0);
	file_write("open", "everybody's");
	CHECK_EQ(chmod("open", 0666), 0);
	file_write("raised", "root's");
	CHECK_EQ(chmod("raised", 04777), 0);
	CHECK_EQ(mkdir("folder", 0755), 0);
	CHECK_EQ(symlink("secret", "roots"), 0);
	CHILD(child) {
		user_become(EVIL_UID);
		CHECK_EQ(access("roots", R_OK), 0);		/* the directory's owner's */
		CHECK_EQ(symlink("secret", "trap"), 0);
		CHECK_EQ(symlink("folder", "way"), 0);
		CHECK_EQ(access("trap", R_OK), 0);		/* his own */
		CHECK_ERR(link("secret", "mine"), EPERM);
		CHECK_ERR(link("raised", "mine"), EPERM);
		CHECK_EQ(link("open", "mine"), 0);
		CHECK_EQ(link("roots", "sym"), -1);
		CHECK_EQ(errno, EPERM);
	}
	REAP(child, 0);
	CHECK_ERR(open("trap", O_WRONLY), EACCES);
	CHECK_ERR(access("trap", R_OK), EACCES);
	CHECK_ERR(access("way/", X_OK), EACCES);
	CHECK_EQ(access("way/..", X_OK), 0);			/* not the last name */
	CHECK_EQ(link("secret", "second"), 0);
	CHILD(child) {
		user_become(OTHER_UID);
		CHECK_ERR(access("trap", R_OK), EACCES);
	}
	REAP(child, 0);
	CHECK_EQ(chmod(".", 0777), 0);
	CHECK_EQ(access("trap", R_OK), 0);
}
