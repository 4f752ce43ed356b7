/*
 * efault.c -- bad pointers: every call that takes one answers EFAULT and harms nothing.
 *
 * Owns:    nothing.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define KERNEL_ADDRESS	0xffffffff81000000UL
#define NON_CANONICAL	0x8000000000000000UL

static long bad_addresses[4];
static int in, out, file, set;

static void prepare(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	char *hole = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ends[2];

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
	if (result == -1 && (errno == EFAULT || errno == ENOSYS))
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
}

TEST("calls that fill a structure")
{
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
}

TEST("calls that read and write data")
{
	struct iovec one = { (void *)0x1000, 8 };

	TRY(C(read, in, BAD, 8), C(write, out, BAD, 8), C(read, file, BAD, 8),
	    C(write, file, BAD, 8), C(pread64, file, BAD, 8, 0), C(pwrite64, file, BAD, 8, 0),
	    C(readv, file, BAD, 1), C(writev, file, BAD, 1), C(readv, file, (long)&one, 1),
	    C(writev, file, (long)&one, 1), C(preadv, file, BAD, 1, 0),
	    C(pwritev, file, BAD, 1, 0));
}

TEST("calls that wait")
{
	TRY(C(poll, BAD, 1, 0), C(ppoll, BAD, 1, 0, 0, 8), C(select, 3, BAD, 0, 0, 0),
	    C(select, 3, 0, 0, 0, BAD), C(epoll_wait, set, BAD, 1, 0),
	    C(epoll_ctl, set, EPOLL_CTL_MOD, in, BAD), C(nanosleep, BAD, 0),
	    C(clock_nanosleep, 1, 0, BAD, 0), C(futex, BAD, 0, 0, 0),
	    C(rt_sigtimedwait, BAD, 0, 0, 8), C(rt_sigsuspend, BAD, 8));
}

TEST("calls about signals, limits and names")
{
	TRY(C(rt_sigaction, SIGUSR1, BAD, 0, 8), C(rt_sigaction, SIGUSR1, 0, BAD, 8),
	    C(rt_sigprocmask, 0, BAD, 0, 8), C(rt_sigprocmask, 0, 0, BAD, 8),
	    C(sigaltstack, BAD, 0), C(sigaltstack, 0, BAD), C(setitimer, 0, BAD, 0),
	    C(setrlimit, 7, BAD), C(prlimit64, 0, 7, BAD, 0), C(prctl, 15 /* SET_NAME */, BAD),
	    C(prctl, 16, BAD), C(setgroups, 1, BAD), C(sethostname, BAD, 4),
	    C(rt_sigqueueinfo, 1, SIGUSR1, BAD), C(settimeofday, BAD, 0),
	    C(mount, BAD, PATH, PATH, 0, 0), C(mount, PATH, BAD, (long)"tmpfs", 0, 0),
	    C(umount2, BAD, 0));
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
