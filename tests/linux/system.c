/*
 * system.c -- uname, limits, usage, ids, randomness: what programs ask about the system.
 *
 * Owns:    nothing.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sched.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>

TEST("uname says Linux, x86_64 and a release that glibc and Go accept")
{
	struct utsname name;
	int major = 0, minor = 0;

	CHECK_EQ(uname(&name), 0);
	CHECK_STR(name.sysname, "Linux");
	CHECK_STR(name.machine, "x86_64");
	CHECK(sscanf(name.release, "%d.%d", &major, &minor) == 2);
	CHECK(major > 4 || (major == 4 && minor >= 19));
	CHECK(name.version[0] == '#' && name.nodename[0] != '\0');
}

TEST("sethostname changes what uname says, for root only")
{
	struct utsname before, after;
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_EQ(uname(&before), 0);
	CHECK_EQ(sethostname("tap-host", 8), 0);
	CHECK_EQ(uname(&after), 0);
	CHECK_EQ(sethostname(before.nodename, strlen(before.nodename)), 0);
	CHECK_STR(after.nodename, "tap-host");
	CHILD(child) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(sethostname("x", 1), EPERM);
	}
	REAP(child, 0);
	CHECK_ERR(sethostname("x", 65), EINVAL);
}

TEST("sysinfo tells memory, processes and time since boot")
{
	struct sysinfo now;

	CHECK_EQ(sysinfo(&now), 0);
	CHECK(now.totalram > now.freeram && now.freeram > 0);
	CHECK(now.mem_unit > 0);
	CHECK(now.procs > 0);
}

TEST("limits: getrlimit, setrlimit and prlimit agree; soft never above hard")
{
	struct rlimit limit = { 50, 100 }, got;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &got), 0);
	CHECK(got.rlim_cur == 50 && got.rlim_max == 100);
	limit = (struct rlimit){ 60, 90 };
	CHECK_EQ(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, &limit, &got), 0);
	CHECK(got.rlim_cur == 50 && got.rlim_max == 100);
	limit = (struct rlimit){ 101, 90 };
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	CHECK_ERR(syscall(SYS_setrlimit, 99, &limit), EINVAL);
	CHECK_ERR(syscall(SYS_getrlimit, 99, &limit), EINVAL);
	CHECK_ERR(syscall(SYS_prlimit64, 0x3ffffff, RLIMIT_NOFILE, NULL, &got), ESRCH);
}

TEST("an ordinary user lowers a hard limit but does not raise it")
{
	struct rlimit limit = { 10, 10 };
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	CHILD(child) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
		limit.rlim_max = 20;
		CHECK_ERR(setrlimit(RLIMIT_CORE, &limit), EPERM);
	}
	REAP(child, 0);
}

TEST("limits survive fork and exec")
{
	struct rlimit limit = { 333, 444 };
	pid_t child;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHILD(child) {
		execl("/bin/sh", "sh", "-c", "test $(ulimit -n) = 333 && test $(ulimit -Hn) = 444",
		      NULL);
		_exit(98);
	}
	REAP(child, 0);
}

TEST("RLIMIT_CPU ends a busy process with SIGXCPU")
{
	struct rlimit limit = { 1, 2 };
	pid_t child;

	CHILD(child) {
		CHECK_EQ(setrlimit(RLIMIT_CPU, &limit), 0);
		for (;;)
			;
	}
	REAP_KILLED(child, SIGXCPU);
}

TEST("getrusage counts time, faults and peak memory, for oneself and for children")
{
	struct rusage usage, children;
	static char big[4 << 20];
	int64_t start = now_ns();
	pid_t child;

	memset(big, 1, sizeof(big));
	while (now_ns() - start < 30000000)
		;
	CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
	CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
	      usage.ru_stime.tv_usec > 0);
	CHECK(usage.ru_minflt >= 1000);
	CHECK(usage.ru_maxrss >= 2048);
	CHILD(child) {
		start = now_ns();
		while (now_ns() - start < 50000000)
			;
	}
	REAP(child, 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &children), 0);
	CHECK(children.ru_utime.tv_sec * 1000000 + children.ru_utime.tv_usec +
	      children.ru_stime.tv_usec > 0);
	CHECK_ERR(getrusage(77, &usage), EINVAL);
}

TEST("wait4 tells the child's usage")
{
	struct rusage usage;
	pid_t child;

	CHILD(child) {
		int64_t start = now_ns();

		while (now_ns() - start < 50000000)
			;
	}
	memset(&usage, 0, sizeof(usage));
	CHECK_EQ(wait4(child, NULL, 0, &usage), child);
	CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + usage.ru_utime.tv_sec > 0);
}

static void take_nothing(int number)
{
	(void)number;
}

TEST("a signal ends a long read of /dev/urandom with what was read, and a kill ends the program")
{
	size_t size = 256 << 20;
	struct itimerval soon = { .it_value.tv_usec = 20000 };
	struct sigaction action = { .sa_handler = take_nothing, .sa_flags = SA_RESTART };
	int fd = open("/dev/urandom", O_RDONLY);
	char *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int64_t start;
	pid_t child;
	ssize_t n;

	CHECK(fd >= 0 && room != MAP_FAILED);
	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
	n = read(fd, room, size);
	CHECK(n >= 4096 && n < (ssize_t)size);
	CHILD(child)
		for (;;)
			read(fd, room, size);
	sleep_ms(20);
	start = now_ns();
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK(now_ns() - start < 100 * 1000000);
}

TEST("getrandom and /dev/urandom give bytes, different each time")
{
	uint8_t a[32] = { 0 }, b[32] = { 0 }, c[32] = { 0 };
	int fd = open("/dev/urandom", O_RDONLY);

	CHECK_EQ(syscall(SYS_getrandom, a, 32, 0), 32);
	CHECK_EQ(syscall(SYS_getrandom, b, 32, 1), 32);
	CHECK_EQ(read(fd, c, 32), 32);
	CHECK(memcmp(a, b, 32) != 0 && memcmp(b, c, 32) != 0 && memcmp(a, c, 32) != 0);
	CHECK_ERR(syscall(SYS_getrandom, a, 32, 0x100), EINVAL);
}

TEST("nice values are kept, inherited, and raised only by root")
{
	pid_t child;

	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 5), 0);
	CHILD(child) {
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
		if (getuid() == 0)
			CHECK_EQ(setuid(1000), 0);
		errno = 0;
		CHECK(setpriority(PRIO_PROCESS, 0, 4) == -1 && (errno == EACCES || errno == EPERM));
		CHECK_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	}
	REAP(child, 0);
	CHECK_ERR(getpriority(PRIO_PROCESS, 0x3ffffff), ESRCH);
	CHECK_ERR(getpriority(99, 0), EINVAL);
}

TEST("affinity names at least one processor, and policy OTHER has priority 0")
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CPU_ZERO(&set);
	CHECK_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(set), &set), EINVAL);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, SCHED_FIFO), 99);
	CHECK_EQ(syscall(SYS_sched_get_priority_min, SCHED_OTHER), 0);
}

TEST("personality 0xffffffff tells and changes nothing; an unknown call is ENOSYS")
{
	CHECK_EQ(syscall(SYS_personality, 0xffffffffUL), 0);
	CHECK_ERR(syscall(400), ENOSYS);
	CHECK_ERR(syscall(100000), ENOSYS);
	CHECK_ERR(syscall(-1), ENOSYS);
	CHECK_ERR(syscall(SYS__sysctl, 0), ENOSYS);
	CHECK_ERR(syscall(0x40000000 + SYS_getpid), ENOSYS);
}

TEST("arch_prctl gives and sets FS, and refuses a kernel address")
{
	unsigned long fs = 0, gs = 1;

	CHECK_EQ(syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &fs), 0);
	CHECK_EQ(fs, *(unsigned long *)fs);
	CHECK_EQ(syscall(SYS_arch_prctl, 0x1004 /* ARCH_GET_GS */, &gs), 0);
	CHECK_EQ(gs, 0);
	CHECK_EQ(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, &fs), 0);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(gs));
	CHECK_EQ(gs, fs);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1001, 0xffff800000000000UL), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
}

TEST("registers other than rax, rcx and r11 survive a system call")
{
	long bad;

	__asm__ volatile("mov $0x11, %%rdi; mov $0x12, %%rsi; mov $0x13, %%rdx; mov $0x14, %%r10;"
		"mov $0x15, %%r8; mov $0x16, %%r9; mov $0x17, %%rbx; mov $0x18, %%r12;"
		"mov $0x19, %%r13; mov $0x1a, %%r14; mov $0x1b, %%r15; mov $39, %%eax; syscall;"
		"sub $0x11, %%rdi; sub $0x12, %%rsi; sub $0x13, %%rdx; sub $0x14, %%r10;"
		"sub $0x15, %%r8; sub $0x16, %%r9; sub $0x17, %%rbx; sub $0x18, %%r12;"
		"sub $0x19, %%r13; sub $0x1a, %%r14; sub $0x1b, %%r15;"
		"or %%rsi, %%rdi; or %%rdx, %%rdi; or %%r10, %%rdi; or %%r8, %%rdi;"
		"or %%r9, %%rdi; or %%rbx, %%rdi; or %%r12, %%rdi; or %%r13, %%rdi;"
		"or %%r14, %%rdi; or %%r15, %%rdi; mov %%rdi, %0"
		: "=a"(bad) :: "rdi", "rsi", "rdx", "r10", "r8", "r9", "rbx", "r12", "r13",
		  "r14", "r15", "rcx", "r11", "memory");
	CHECK_EQ(bad, 0);
}

TEST("statfs tells what kind of file system /proc and /tmp are")
{
	struct statfs fs;

	CHECK_EQ(statfs("/proc", &fs), 0);
	CHECK_EQ(fs.f_type, 0x9fa0);
	CHECK_EQ(statfs(".", &fs), 0);
	CHECK(fs.f_bsize > 0);
	CHECK_EQ(fs.f_namelen, 255);
}

TEST("syslog: root reads the log's last lines, others may not")
{
	static char text[65536];
	int size = klogctl(10, NULL, 0), n;
	pid_t child;

	CHECK(size >= 4096);
	n = klogctl(3, text, sizeof(text));
	CHECK(n > 0 && n <= (int)sizeof(text));
	CHECK(text[0] == '<' && memchr(text, '[', 8));
	n = klogctl(3, text, 2048);
	CHECK(n > 0 && n <= 2048 && text[0] == '<' && text[n - 1] == '\n');
	CHECK_ERR(klogctl(3, NULL, 100), EINVAL);
	CHECK_ERR(klogctl(3, text, -1), EINVAL);
	CHECK_ERR(klogctl(3, (char *)8, 2048), EFAULT);
	CHECK_ERR(klogctl(77, text, 100), EINVAL);
	CHILD(child) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(klogctl(5, NULL, 0), EPERM);
	}
	REAP(child, 0);
}

TEST("prctl: name and dumpable are kept, unknown operations are EINVAL")
{
	char name[16] = "";

	CHECK_EQ(prctl(PR_SET_NAME, "tap"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "tap");
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 7), EINVAL);
	CHECK_ERR(prctl(99999), EINVAL);
}

TEST("seccomp filters are refused or real, never accepted and ignored")
{
	struct {
		unsigned short code;
		unsigned char jt, jf;
		unsigned k;
	} program[] = { { 0x20, 0, 0, 0 }, { 0x15, 0, 1, SYS_getppid }, { 0x06, 0, 0, 0x00050007 },
			{ 0x06, 0, 0, 0x7fff0000 } };
	struct {
		unsigned short length;
		void *filter;
	} header = { 4, program };
	pid_t child;

	CHILD(child) {
		CHECK_EQ(prctl(38, 1, 0, 0, 0), 0);
		if (syscall(SYS_seccomp, 1, 0, &header) != 0) {
			CHECK(errno == EINVAL || errno == ENOSYS);
			_exit(0);
		}
		CHECK_ERR(syscall(SYS_getppid), 7);
	}
	REAP(child, 0);
}

TEST("a family of sockets that nobody serves is EAFNOSUPPORT, what no socket can be EINVAL")
{
	int pair[2];

	CHECK_ERR(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(-1, SOCK_STREAM | SOCK_CLOEXEC, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(46, 11, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, 11, 0), EINVAL);
	CHECK_ERR(syscall(SYS_socket, AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
	CHECK_ERR(socketpair(46, SOCK_STREAM, 0, pair), EAFNOSUPPORT);
	CHECK_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | 0x100, 0, pair), EINVAL);
}

TEST("what is no socket is ENOTSOCK to the calls about them, and EBADF when it is not open")
{
	static const int calls[] = { SYS_connect, SYS_accept, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg,
		SYS_shutdown, SYS_bind, SYS_listen, SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt,
		SYS_accept4, SYS_recvmmsg, SYS_sendmmsg };
	char area[128] = { 0 };
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		CHECK_ERR(syscall(calls[i], ends[0], area, 0, 0, 0, 0), ENOTSOCK);
		CHECK_ERR(syscall(calls[i], ends[1] + 1, area, 0, 0, 0, 0), EBADF);
		CHECK_ERR(syscall(calls[i], -1, area, 0, 0, 0, 0), EBADF);
	}
}
