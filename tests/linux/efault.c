/*
 * efault.c -- bad pointers: every call that takes one answers EFAULT and harms nothing.
 *
 * Owns:    nothing.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 *
 * Every call that Tessera has is named in this file; lint sees to that.  Not tried here are calls
 *	without a pointer: close lseek dup dup2 dup3 pause alarm getpid getppid getpgrp gettid getuid geteuid getgid
 *	    getegid setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setpgid getpgid setsid
 *	    getsid umask fork vfork exit exit_group kill tkill tgkill flock fsync fdatasync sync syncfs
 *	    sync_file_range ftruncate fallocate fadvise64 readahead fchdir fchmod fchown sched_yield
 *	    sched_getscheduler sched_get_priority_max sched_get_priority_min getpriority setpriority personality
 *	    reboot timerfd_create eventfd eventfd2 epoll_create timer_getoverrun timer_delete membarrier
 *	    close_range rt_sigreturn
 *	whose pointer is a place in the address space, bad ones ENOMEM or EINVAL: brk mmap mprotect munmap mremap
 *	    msync madvise mlock mlock2 mlockall munlock munlockall
 *	whose pointer is only kept: set_tid_address set_robust_list
 *	whose bad pointer Linux itself passes over: clone
 *	about sockets, of which there are none yet: socket socketpair bind listen connect accept accept4 shutdown
 *	    sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg getsockname getpeername setsockopt getsockopt
 */
#include "tap.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>

#define KERNEL_ADDRESS	0xffffffff81000000UL
#define NON_CANONICAL	0x8000000000000000UL

static long bad_addresses[4];
static int in, out, file, set;

/* What a case needs, once; each case is a process. */
static void prepare(void)
{
	static bool done;
	struct epoll_event event = { .events = EPOLLIN };
	char *hole = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ends[2];

	if (done)
		return;
	done = true;
	CHECK(hole != MAP_FAILED);
	bad_addresses[0] = 0x1000;
	bad_addresses[1] = (long)hole;
	bad_addresses[2] = (long)KERNEL_ADDRESS;
	bad_addresses[3] = (long)NON_CANONICAL;
	CHECK_EQ(pipe(ends), 0);
	in = ends[0];
	out = ends[1];
	CHECK_EQ(write(out, "abcdefgh", 8), 8);
	file_write("file", "contents");
	file = open("file", O_RDWR);
	CHECK_EQ(symlink("file", "link"), 0);
	set = epoll_create1(0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, in, &event), 0);
}

struct call {
	const char *name;
	long number;
	long a[6];
};

#define SYSLOG_READ_ALL	3
#define BAD	0x0badbadL
#define PATH	((long)"file")

/* Every row has BAD where the bad pointer goes, one at a time. */
static bool call_ok(const struct call *call, long address)
{
	long a[6], result;

	for (int i = 0; i < 6; i++)
		a[i] = call->a[i] == BAD ? address : call->a[i];
	errno = 0;
	result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (result == -1 && errno == EFAULT)
		return true;
	tap_note("%s with pointer 0x%lx: %ld, errno %d: %s", call->name, (unsigned long)address,
		 result, errno, strerror(errno));
	return false;
}

static void calls_try(const struct call *calls, size_t count)
{
	bool good = true;

	for (size_t i = 0; i < count; i++)
		for (int k = 0; k < 4; k++)
			good &= call_ok(&calls[i], bad_addresses[k]);
	if (!good)
		FAIL("  a bad pointer was not EFAULT");
}

#define TRY(...) do {							\
	prepare();							\
	const struct call calls[] = { __VA_ARGS__ };			\
	calls_try(calls, sizeof(calls) / sizeof(calls[0]));		\
} while (0)

#define C(name, ...) { #name, SYS_##name, { __VA_ARGS__ } }

TEST("calls that take a path")
{
	struct { uint64_t flags, mode, resolve; } how = { O_RDONLY, 0, 0 };

	TRY(C(open, BAD, O_RDONLY), C(openat, AT_FDCWD, BAD, O_RDONLY), C(creat, BAD, 0644),
	    C(access, BAD, F_OK), C(faccessat, AT_FDCWD, BAD, F_OK), C(chdir, BAD),
	    C(mkdir, BAD, 0777), C(rmdir, BAD), C(unlink, BAD), C(unlinkat, AT_FDCWD, BAD, 0),
	    C(rename, BAD, PATH), C(rename, PATH, BAD), C(link, BAD, PATH), C(link, PATH, BAD),
	    C(symlink, BAD, PATH), C(symlink, PATH, BAD), C(chmod, BAD, 0644),
	    C(chown, BAD, -1, -1), C(lchown, BAD, -1, -1), C(truncate, BAD, 1),
	    C(mknod, BAD, S_IFREG | 0644, 0), C(chroot, BAD), C(execve, BAD, 0, 0),
	    C(stat, BAD, (long)&(struct stat){ 0 }), C(lstat, BAD, (long)&(struct stat){ 0 }),
	    C(readlink, BAD, (long)&(char[8]){ 0 }, 8), C(utimensat, AT_FDCWD, BAD, 0, 0),
	    C(statfs, BAD, (long)&(char[200]){ 0 }));
	TRY(C(mkdirat, AT_FDCWD, BAD, 0777), C(mknodat, AT_FDCWD, BAD, S_IFREG | 0644, 0),
	    C(fchownat, AT_FDCWD, BAD, -1, -1, 0), C(fchmodat, AT_FDCWD, BAD, 0644),
	    C(faccessat2, AT_FDCWD, BAD, F_OK, 0), C(utime, BAD, 0), C(utime, PATH, BAD),
	    C(utimes, BAD, 0), C(utimes, PATH, BAD), C(futimesat, AT_FDCWD, BAD, 0),
	    C(futimesat, AT_FDCWD, PATH, BAD), C(utimensat, AT_FDCWD, PATH, BAD, 0),
	    C(renameat, AT_FDCWD, BAD, AT_FDCWD, PATH), C(renameat, AT_FDCWD, PATH, AT_FDCWD, BAD),
	    C(renameat2, AT_FDCWD, BAD, AT_FDCWD, PATH, 0), C(renameat2, AT_FDCWD, PATH, AT_FDCWD, BAD, 0),
	    C(linkat, AT_FDCWD, BAD, AT_FDCWD, PATH, 0), C(linkat, AT_FDCWD, PATH, AT_FDCWD, BAD, 0),
	    C(symlinkat, BAD, AT_FDCWD, PATH), C(symlinkat, PATH, AT_FDCWD, BAD),
	    C(readlinkat, AT_FDCWD, BAD, (long)&(char[8]){ 0 }, 8),
	    C(readlinkat, AT_FDCWD, (long)"link", BAD, 8), C(openat2, AT_FDCWD, BAD, (long)&how, sizeof(how)),
	    C(openat2, AT_FDCWD, PATH, BAD, sizeof(how)), C(memfd_create, BAD, 0),
	    C(execveat, AT_FDCWD, BAD, 0, 0, 0), C(execve, (long)"/bin/sh", BAD, 0),
	    C(execve, (long)"/bin/sh", 0, BAD));
}

#define NAME	((long)"user.name")

TEST("calls about extended attributes")
{
	char value[8];

	TRY(C(setxattr, BAD, NAME, (long)value, 8, 0), C(setxattr, PATH, BAD, (long)value, 8, 0),
	    C(lsetxattr, BAD, NAME, (long)value, 8, 0), C(setxattr, PATH, NAME, BAD, 8, 0),
	    C(lsetxattr, PATH, BAD, (long)value, 8, 0), C(fsetxattr, file, BAD, (long)value, 8, 0),
	    C(getxattr, BAD, NAME, (long)value, 8), C(getxattr, PATH, BAD, (long)value, 8),
	    C(lgetxattr, BAD, NAME, (long)value, 8), C(lgetxattr, PATH, BAD, (long)value, 8),
	    C(fgetxattr, file, BAD, (long)value, 8), C(listxattr, BAD, (long)value, 8),
	    C(llistxattr, BAD, (long)value, 8), C(removexattr, BAD, NAME), C(removexattr, PATH, BAD),
	    C(lremovexattr, BAD, NAME), C(lremovexattr, PATH, BAD), C(fremovexattr, file, BAD));
	CHECK(syscall(SYS_flistxattr, file, bad_addresses[0], 0) >= 0 || errno == EOPNOTSUPP);
}

TEST("calls that fill a structure")
{
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };	/* capget's third */
	int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	CHECK(terminal >= 0);
	TRY(C(stat, PATH, BAD), C(lstat, PATH, BAD), C(fstat, file, BAD),
	    C(newfstatat, AT_FDCWD, PATH, BAD, 0), C(statx, AT_FDCWD, PATH, 0, 0x7ff, BAD),
	    C(statfs, PATH, BAD), C(fstatfs, file, BAD), C(readlink, (long)"link", BAD, 8),
	    C(getcwd, BAD, 4096), C(uname, BAD), C(sysinfo, BAD), C(times, BAD),
	    C(getrusage, 0, BAD), C(getrlimit, 0, BAD), C(prlimit64, 0, 0, 0, BAD),
	    C(getdents64, open(".", O_RDONLY), BAD, 4096), C(getresuid, BAD, BAD, BAD),
	    C(getresgid, BAD, BAD, BAD), C(clock_getres, 1, BAD), C(clock_gettime, 1, BAD),
	    C(gettimeofday, BAD, 0), C(time, BAD), C(getitimer, 0, BAD), C(pipe, BAD),
	    C(pipe2, BAD, 0), C(sched_getparam, 0, BAD), C(sched_getaffinity, 0, 128, BAD),
	    C(getrandom, BAD, 8, 0), C(rt_sigpending, BAD, 8));
	TRY(C(getdents, open(".", O_RDONLY), BAD, 4096), C(sched_rr_get_interval, 0, BAD),
	    C(sched_getattr, 0, BAD, 48, 0), C(getcpu, BAD, 0, 0), C(getcpu, 0, BAD, 0),
	    C(get_robust_list, 0, BAD, (long)&(long){ 0 }), C(get_robust_list, 0, (long)&(long){ 0 }, BAD),
	    C(mincore, (long)bad_addresses & -4096L, 4096, BAD), C(arch_prctl, 0x1003 /* GET_FS */, BAD),
	    C(capget, BAD, 0), C(capget, (long)&header, BAD),
	    C(ioctl, in, FIONREAD, BAD), C(ioctl, terminal, TIOCGWINSZ, BAD), C(ioctl, terminal, TCGETS, BAD),
	    C(fcntl, file, F_GETLK, BAD));
	if (syscall(SYS_syslog, SYSLOG_READ_ALL, (char[4096]){ 0 }, 4096) > 0)
		TRY(C(syslog, SYSLOG_READ_ALL, BAD, 4096));
	if (getgroups(0, NULL) > 0)
		TRY(C(getgroups, 64, BAD));
}

TEST("calls about timers")
{
	struct itimerspec far = { .it_value = { 1000, 0 } };
	int id = -1, clock = timerfd_create(CLOCK_MONOTONIC, 0);

	CHECK(clock >= 0);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, 0, &id), 0);
	TRY(C(timer_create, CLOCK_MONOTONIC, BAD, (long)&(int){ 0 }), C(timer_create, CLOCK_MONOTONIC, 0, BAD),
	    C(timer_settime, id, 0, BAD, 0), C(timer_settime, id, 0, (long)&far, BAD), C(timer_gettime, id, BAD),
	    C(timerfd_settime, clock, 0, BAD, 0), C(timerfd_settime, clock, 0, (long)&far, BAD),
	    C(timerfd_gettime, clock, BAD), C(clock_settime, CLOCK_REALTIME, BAD));
}

TEST("calls that read and write data")
{
	struct iovec one = { (void *)0x1000, 8 };

	TRY(C(read, in, BAD, 8), C(write, out, BAD, 8), C(read, file, BAD, 8),
	    C(write, file, BAD, 8), C(pread64, file, BAD, 8, 0), C(pwrite64, file, BAD, 8, 0),
	    C(readv, file, BAD, 1), C(writev, file, BAD, 1), C(readv, file, (long)&one, 1),
	    C(writev, file, (long)&one, 1), C(preadv, file, BAD, 1, 0),
	    C(pwritev, file, BAD, 1, 0), C(preadv2, file, BAD, 1, 0, 0, 0), C(pwritev2, file, BAD, 1, 0, 0, 0),
	    C(copy_file_range, file, BAD, out, 0, 1, 0), C(sendfile, out, file, BAD, 1),
	    C(splice, file, BAD, out, 0, 1, 0));
}

TEST("calls that wait")
{
	struct epoll_event event;
	unsigned long none = 0;
	unsigned word = 0;

	prepare();
	struct { int fd; short events, revents; } entry = { in, 1, 0 };

	TRY(C(poll, BAD, 1, 0), C(ppoll, BAD, 1, 0, 0, 8), C(select, 3, BAD, 0, 0, 0),
	    C(select, 3, 0, 0, 0, BAD), C(epoll_wait, set, BAD, 1, 0),
	    C(epoll_ctl, set, EPOLL_CTL_MOD, in, BAD), C(nanosleep, BAD, 0),
	    C(clock_nanosleep, 1, 0, BAD, 0), C(futex, BAD, 0, 0, 0),
	    C(rt_sigtimedwait, BAD, 0, 0, 8), C(rt_sigsuspend, BAD, 8));
	TRY(C(ppoll, (long)&entry, 1, BAD, 0, 8), C(ppoll, (long)&entry, 1, 0, BAD, 8),
	    C(pselect6, 3, BAD, 0, 0, 0, 0), C(pselect6, 3, 0, 0, 0, BAD, 0), C(pselect6, 3, 0, 0, 0, 0, BAD),
	    C(epoll_pwait, set, BAD, 1, 0, 0, 8), C(epoll_pwait, set, (long)&event, 1, 0, BAD, 8),
	    C(epoll_pwait2, set, BAD, 1, 0, 0, 8), C(epoll_pwait2, set, (long)&event, 1, BAD, 0, 8),
	    C(futex, (long)&word, 0, 0, BAD), C(rt_sigtimedwait, (long)&none, 0, BAD, 8));
}

TEST("calls about signals, limits and names")
{
	int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	CHECK(terminal >= 0);
	TRY(C(rt_sigaction, SIGUSR1, BAD, 0, 8), C(rt_sigaction, SIGUSR1, 0, BAD, 8),
	    C(rt_sigprocmask, 0, BAD, 0, 8), C(rt_sigprocmask, 0, 0, BAD, 8),
	    C(sigaltstack, BAD, 0), C(sigaltstack, 0, BAD), C(setitimer, 0, BAD, 0),
	    C(setrlimit, 7, BAD), C(prlimit64, 0, 7, BAD, 0), C(prctl, 15 /* SET_NAME */, BAD),
	    C(prctl, 16, BAD), C(setgroups, 1, BAD), C(sethostname, BAD, 4),
	    C(rt_sigqueueinfo, 1, SIGUSR1, BAD), C(settimeofday, BAD, 0),
	    C(mount, BAD, PATH, PATH, 0, 0), C(mount, PATH, BAD, (long)"tmpfs", 0, 0),
	    C(umount2, BAD, 0));
	TRY(C(setdomainname, BAD, 4), C(pivot_root, BAD, PATH), C(sched_setparam, 0, BAD),
	    C(sched_setscheduler, 0, 0, BAD), C(sched_setattr, 0, BAD, 0), C(sched_setaffinity, 0, 8, BAD),
	    C(rt_tgsigqueueinfo, getpid(), getpid(), SIGURG, BAD), C(clone3, BAD, 64),
	    C(ioctl, terminal, TCSETS, BAD), C(ioctl, terminal, TIOCSWINSZ, BAD), C(fcntl, file, F_SETLK, BAD));
}

TEST("wait fills what it can and says EFAULT for the rest; the child is reaped only once")
{
	pid_t child;

	prepare();
	for (int i = 0; i < 4; i++) {
		CHILD(child)
			_exit(1);
		CHECK_ERR(syscall(SYS_wait4, child, bad_addresses[i], 0, 0), EFAULT);
		CHECK_ERR(waitpid(child, NULL, 0), ECHILD);
		CHILD(child)
			_exit(1);
		CHECK_ERR(syscall(SYS_wait4, child, 0, 0, bad_addresses[i]), EFAULT);
		CHECK_ERR(waitpid(child, NULL, 0), ECHILD);
		CHILD(child)
			_exit(1);
		CHECK_ERR(syscall(SYS_waitid, P_PID, child, bad_addresses[i], WEXITED, 0), EFAULT);
		CHECK_ERR(waitpid(child, NULL, 0), ECHILD);
	}
}

TEST("a pointer whose page ends too early is EFAULT or a short count, and writes no further")
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = two + 4096;
	ssize_t n;

	prepare();
	CHECK_EQ(munmap(edge, 4096), 0);
	CHECK_ERR(syscall(SYS_stat, "file", edge - 16), EFAULT);
	CHECK_ERR(syscall(SYS_uname, edge - 100), EFAULT);
	n = read(in, edge - 4, 8);
	CHECK(n == 4 || (n == -1 && errno == EFAULT));
	n = pread(file, edge - 4, 8, 0);
	CHECK(n == 4 || (n == -1 && errno == EFAULT));
	strcpy(edge - 5, "file");
	CHECK_EQ(access(edge - 5, F_OK), 0);
	memcpy(edge - 4, "file", 4);
	CHECK_ERR(access(edge - 4, F_OK), EFAULT);
	CHECK_EQ(open("/dev/zero", O_RDONLY) >= 0, 1);
}

TEST("a pipe takes nothing from a buffer whose second page is bad, and all when it is only not there yet")
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *fresh = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = two + 4096, text[8];
	struct iovec parts[2] = { { text, 1 }, { fresh, 1 } };
	int ends[2], packets[2], held;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(syscall(SYS_pipe2, packets, O_DIRECT), 0);
	CHECK_EQ(write(packets[1], "packet", 6), 6);
	CHECK_EQ(munmap(edge, 4096), 0);
	memcpy(edge - 4, "file", 4);
	CHECK_ERR(write(ends[1], edge - 4, 8), EFAULT);
	CHECK_ERR(write(packets[1], edge - 4, 8), EFAULT);
	CHECK_EQ(ioctl(ends[0], FIONREAD, &held), 0);
	CHECK_EQ(held, 0);
	CHECK_EQ(writev(ends[1], parts, 2), 2);
	CHECK_EQ(writev(ends[1], (struct iovec[2]){ { text, 1 }, { fresh + 4095, 2 } }, 2), 3);
	CHECK_EQ(read(ends[0], text, 8), 5);
	CHECK_ERR(read(packets[0], edge - 4, 8), EFAULT);
	parts[1].iov_base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(write(packets[1], "again", 5), 5);
	CHECK(readv(packets[0], parts, 2) > 0);
}

TEST("memory that may only be read is EFAULT when a call would write it")
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prepare();
	CHECK_ERR(read(in, page, 8), EFAULT);
	CHECK_ERR(syscall(SYS_fstat, file, page), EFAULT);
	CHECK_ERR(syscall(SYS_pipe, page), EFAULT);
	CHECK_EQ(write(file, page, 8), 8);
}

TEST("pipe leaves no descriptor behind when it cannot tell of them")
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int next;

	CHECK_EQ(munmap(page + 4096, 4096), 0);
	next = dup(0);
	close(next);
	CHECK_ERR(syscall(SYS_pipe, page + 4092), EFAULT);
	CHECK_ERR(syscall(SYS_pipe2, 0x1000, O_CLOEXEC), EFAULT);
	CHECK_EQ(dup(0), next);
	CHECK_EQ(dup(0), next + 1);
}

TEST("after all that the process is whole: it forks, waits, writes and reads")
{
	char text[16];
	pid_t child;

	prepare();
	CHILD(child)
		_exit(7);
	REAP(child, 7);
	CHECK_EQ(read(in, text, 16), 8);
	CHECK_STR(file_read("file", text, sizeof(text)), "contents");
}
