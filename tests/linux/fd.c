/*
 * fd.c -- descriptors: dup and its kin, close-on-exec, lowest free number, limits.
 *
 * Owns:    its descriptors.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#define TAP_HELPER helper_main
#include "tap.h"

#include <sys/resource.h>
#include <sys/syscall.h>

/* --helper FD: exits 0 when the descriptor is open, 1 when it is not. */
static int helper_main(int argc, char **argv)
{
	return argc == 1 && fcntl(atoi(argv[0]), F_GETFD) >= 0 ? 0 : 1;
}

static void descriptor_show(int fd)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	execl(tap_self, tap_self, "--helper", number, NULL);
	_exit(98);
}

static int null_open(int flags)
{
	int fd = open("/dev/null", O_RDWR | flags);

	CHECK(fd >= 0);
	return fd;
}

TEST("open takes the lowest free number")
{
	int a = null_open(0), b = null_open(0), c = null_open(0);

	CHECK(a < b && b < c);
	CHECK_EQ(close(a), 0);
	CHECK_EQ(close(b), 0);
	CHECK_EQ(null_open(0), a);
	CHECK_EQ(null_open(0), b);
}

TEST("dup takes the lowest free number and clears close-on-exec")
{
	int a = null_open(O_CLOEXEC), b = null_open(0), c;

	CHECK_EQ(close(b), 0);
	c = dup(a);
	CHECK_EQ(c, b);
	CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(c, F_GETFD), 0);
}

TEST("dup shares the offset and the status flags")
{
	int a, b;
	char byte;

	file_write("file", "abc");
	a = open("file", O_RDWR);
	b = dup(a);
	CHECK_EQ(read(a, &byte, 1), 1);
	CHECK_EQ(read(b, &byte, 1), 1);
	CHECK_EQ(byte, 'b');
	CHECK_EQ(fcntl(a, F_SETFL, O_APPEND), 0);
	CHECK(fcntl(b, F_GETFL) & O_APPEND);
}

TEST("dup2 replaces an open descriptor and gives its number")
{
	int ends[2], fd = null_open(0);
	char byte;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(dup2(fd, ends[1]), ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
}

TEST("dup2 of a descriptor onto itself changes nothing, of a closed one is EBADF")
{
	int fd = null_open(O_CLOEXEC);

	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(dup2(150, 150), EBADF);
	CHECK_ERR(dup2(150, fd), EBADF);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(dup2(fd, -1), EBADF);
	CHECK_ERR(dup2(fd, 1 << 30), EBADF);
}

TEST("dup3 sets close-on-exec, and refuses equal numbers and unknown flags")
{
	int fd = null_open(0);

	CHECK_EQ(dup3(fd, 120, O_CLOEXEC), 120);
	CHECK_EQ(fcntl(120, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(dup3(fd, 120, 0), 120);
	CHECK_EQ(fcntl(120, F_GETFD), 0);
	CHECK_ERR(syscall(SYS_dup3, fd, fd, 0), EINVAL);
	CHECK_ERR(syscall(SYS_dup3, fd, 121, O_APPEND), EINVAL);
	CHECK_ERR(dup3(140, 121, 0), EBADF);
}

TEST("F_DUPFD takes the lowest number not below its argument")
{
	int fd = null_open(0);

	CHECK_EQ(fcntl(fd, F_DUPFD, 100), 100);
	CHECK_EQ(fcntl(fd, F_DUPFD, 100), 101);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 100), 102);
	CHECK_EQ(fcntl(102, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
}

TEST("every call on a closed or impossible descriptor is EBADF")
{
	struct stat now;
	char byte;
	int bad[] = { 150, -1, 1 << 20, 0x7fffffff, (int)0x80000000 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_ERR(read(bad[i], &byte, 1), EBADF);
		CHECK_ERR(write(bad[i], &byte, 1), EBADF);
		CHECK_ERR(close(bad[i]), EBADF);
		CHECK_ERR(dup(bad[i]), EBADF);
		CHECK_ERR(lseek(bad[i], 0, SEEK_SET), EBADF);
		CHECK_ERR(fcntl(bad[i], F_GETFL), EBADF);
		CHECK_ERR(syscall(SYS_fstat, bad[i], &now), EBADF);
		CHECK_ERR(syscall(SYS_ioctl, bad[i], 0x5401, &now), EBADF);
		CHECK_ERR(fsync(bad[i]), EBADF);
		CHECK_ERR(ftruncate(bad[i], 0), EBADF);
		CHECK_ERR(fchmod(bad[i], 0600), EBADF);
		CHECK_ERR(fchdir(bad[i]), EBADF);
	}
}

TEST("a descriptor number is an int: the upper half of the register does not count")
{
	int fd = null_open(0);

	CHECK_EQ(syscall(SYS_write, 0x100000000L | fd, "x", 1), 1);
	CHECK_EQ(syscall(SYS_fcntl, 0x700000000L | fd, F_GETFD), 0);
	CHECK_EQ(syscall(SYS_close, 0x100000000L | fd), 0);
	CHECK_ERR(close(fd), EBADF);
}

TEST("at RLIMIT_NOFILE open, dup, dup2 and pipe fail, and leave no file behind")
{
	struct rlimit limit = { 20, 20 };
	int fd = null_open(0), ends[2];

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (dup(fd) >= 0)
		;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(fcntl(19, F_GETFD), 0);
	CHECK_ERR(open("new", O_RDWR | O_CREAT, 0644), EMFILE);
	CHECK_ERR(access("new", F_OK), ENOENT);
	CHECK_ERR(dup2(fd, 20), EBADF);
	CHECK_ERR(fcntl(fd, F_DUPFD, 20), EINVAL);
	CHECK_ERR(fcntl(fd, F_DUPFD, 5), EMFILE);
	CHECK_EQ(close(19), 0);
	CHECK_ERR(pipe(ends), EMFILE);
	CHECK_EQ(null_open(0), 19);
}

TEST("a raised RLIMIT_NOFILE allows higher numbers, a lowered one keeps what is open")
{
	struct rlimit limit;
	int fd = null_open(0);

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 300;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(dup2(fd, 299), 299);
	CHECK_ERR(dup2(fd, 300), EBADF);
	limit.rlim_cur = 10;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(write(299, "x", 1), 1);
	CHECK_EQ(close(299), 0);
	CHECK_ERR(dup2(fd, 299), EBADF);
}

TEST("exec keeps descriptors without close-on-exec and closes those with it")
{
	pid_t child;

	CHECK_EQ(dup2(null_open(0), 100), 100);
	CHECK_EQ(dup3(null_open(0), 101, O_CLOEXEC), 101);
	CHILD(child)
		descriptor_show(100);
	REAP(child, 0);
	CHILD(child)
		descriptor_show(101);
	REAP(child, 1);
	CHECK_EQ(fcntl(101, F_SETFD, 0), 0);
	CHILD(child)
		descriptor_show(101);
	REAP(child, 0);
	CHECK_EQ(fcntl(101, F_GETFD), 0);
}

TEST("an exec that fails closes nothing")
{
	int fd = null_open(O_CLOEXEC);

	CHECK_ERR(execl("none", "none", NULL), ENOENT);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

TEST("fork copies descriptors: closing one in the child leaves the parent's, offsets are shared")
{
	char byte;
	pid_t child;
	int fd;

	file_write("file", "abc");
	fd = open("file", O_RDONLY);
	CHILD(child) {
		CHECK_EQ(read(fd, &byte, 1), 1);
		CHECK_EQ(close(fd), 0);
	}
	REAP(child, 0);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 'b');
}

TEST("close_range closes a range, or marks it")
{
	int fd = null_open(0);

	for (int i = 100; i < 106; i++)
		CHECK_EQ(dup2(fd, i), i);
	if (syscall(436, 101, 102, 0) != 0 && errno == ENOSYS)
		SKIP("close_range is ENOSYS");
	CHECK_EQ(fcntl(100, F_GETFD), 0);
	CHECK_ERR(fcntl(101, F_GETFD), EBADF);
	CHECK_ERR(fcntl(102, F_GETFD), EBADF);
	CHECK_EQ(fcntl(103, F_GETFD), 0);
	CHECK_EQ(syscall(436, 104, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */), 0);
	CHECK_EQ(fcntl(103, F_GETFD), 0);
	CHECK_EQ(fcntl(105, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(436, 5, 4, 0), EINVAL);
}

TEST("fcntl with an unknown command is EINVAL")
{
	CHECK_ERR(fcntl(null_open(0), 9999), EINVAL);
}

TEST("a file that is open twice by O_PATH gives its name but not its data")
{
	char byte;
	struct stat now;
	int fd;

	file_write("file", "abc");
	fd = open("file", O_PATH);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &byte, 1), EBADF);
	CHECK_ERR(fcntl(fd, F_SETFL, 0), EBADF);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK_EQ(now.st_size, 3);
	CHECK_EQ(close(fd), 0);
}

TEST("sync_file_range takes a file and refuses pipes, flags and ranges that make no sense")
{
	int fd = open("file", O_RDWR | O_CREAT, 0600), ends[2];

	CHECK_EQ(pwrite(fd, "abc", 3, 0), 3);
	CHECK_EQ(syscall(SYS_sync_file_range, fd, 0L, 0L, 7), 0);
	CHECK_ERR(syscall(SYS_sync_file_range, fd, 0L, 0L, 8), EINVAL);
	CHECK_ERR(syscall(SYS_sync_file_range, fd, -1L, 0L, 7), EINVAL);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(syscall(SYS_sync_file_range, ends[0], 0L, 0L, 7), ESPIPE);
	CHECK_ERR(syscall(SYS_sync_file_range, 999, 0L, 0L, 7), EBADF);
}

static bool locked_for_others(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int status;
	pid_t child = fork();

	if (child == 0) {
		int fd = open(path, O_RDWR);

		_exit(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK ? 0 : 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	return status != 0;
}

TEST("closing any descriptor of a file gives up the process's record locks on it")
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open("file", O_RDWR | O_CREAT, 0600), other = open("file", O_RDWR), copy;

	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK(locked_for_others("file"));
	CHECK_EQ(close(other), 0);
	CHECK(!locked_for_others("file"));
	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	copy = dup(fd);
	CHECK_EQ(dup2(0, copy), copy);
	CHECK(!locked_for_others("file"));
	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	copy = dup(fd);
	CHECK_EQ(syscall(SYS_close_range, copy, copy, 0), 0);
	CHECK(!locked_for_others("file"));
	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK_EQ(close(open("another", O_RDWR | O_CREAT, 0600)), 0);
	CHECK(locked_for_others("file"));
}

TEST("a record lock's range may start from the file's offset")
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 5, .l_len = 10 };
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	pid_t child;

	CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHILD(child) {
		lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = -100 };
		CHECK_EQ(fcntl(fd, F_GETLK, &lock), 0);
		CHECK_EQ(lock.l_type, F_WRLCK);
		CHECK(lock.l_whence == SEEK_SET && lock.l_start == 105 && lock.l_len == 10);
	}
	REAP(child, 0);
	lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = -101 };
	CHECK_ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
}
