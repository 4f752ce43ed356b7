/*
 * rare.c -- calls that few programs make and no other area has a reason to: each does what its manual says.
 *
 * Owns:    nothing.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <utime.h>

#define A_USER	61250
#define B_USER	61251

static void root_only(void)
{
	if (getuid() != 0)
		SKIP("needs root");
}

static struct stat looked_at(const char *path)
{
	struct stat now;

	CHECK_EQ(lstat(path, &now), 0);
	return now;
}

/* --- data from one descriptor to another ------------------------------------------------------------------ */

TEST("sendfile takes from the offset it is given and moves that alone, or from the file's own")
{
	char text[16] = "";
	int from, to;
	off_t at = 2;

	file_write("from", "0123456789");
	from = open("from", O_RDONLY);
	to = open("to", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(sendfile(to, from, &at, 3), 3);
	CHECK_EQ(at, 5);
	CHECK_EQ(lseek(from, 0, SEEK_CUR), 0);
	CHECK_EQ(sendfile(to, from, NULL, 4), 4);
	CHECK_EQ(lseek(from, 0, SEEK_CUR), 4);
	CHECK_EQ(sendfile(to, from, NULL, 100), 6);
	CHECK_EQ(sendfile(to, from, NULL, 100), 0);
	CHECK_STR(file_read("to", text, sizeof(text)), "2340123456789");
	CHECK_ERR(sendfile(from, from, NULL, 1), EBADF);
	CHECK_ERR(sendfile(to, to + 50, NULL, 1), EBADF);
}

TEST("splice moves between a pipe and a file, and needs a pipe on one side")
{
	char text[16] = "";
	int ends[2], file;
	loff_t at = 1;

	CHECK_EQ(pipe(ends), 0);
	file_write("file", "abcdef");
	file = open("file", O_RDWR);
	CHECK_EQ(splice(file, &at, ends[1], NULL, 3, 0), 3);
	CHECK_EQ(at, 4);
	CHECK_EQ(read(ends[0], text, 16), 3);
	CHECK_EQ(memcmp(text, "bcd", 3), 0);
	CHECK_EQ(write(ends[1], "XY", 2), 2);
	CHECK_EQ(splice(ends[0], NULL, file, NULL, 16, 0), 2);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 2);
	CHECK_STR(file_read("file", text, sizeof(text)), "XYcdef");
	CHECK_ERR(splice(ends[0], NULL, file, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
	CHECK_EQ(splice(file, NULL, ends[1], NULL, 3, SPLICE_F_NONBLOCK), 3);
	CHECK_EQ(splice(ends[0], NULL, file, NULL, 16, SPLICE_F_NONBLOCK), 3);
	CHECK_ERR(splice(file, NULL, file, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(ends[0], NULL, ends[1], NULL, 1, 0), EINVAL);
	CHECK_EQ(fcntl(file, F_SETFL, O_APPEND), 0);
	CHECK_ERR(splice(ends[0], NULL, file, NULL, 1, 0), EINVAL);
	CHECK_ERR(sendfile(file, file, NULL, 1), EINVAL);
	CHECK_EQ(fcntl(file, F_SETFL, 0), 0);
	CHECK_ERR(splice(ends[0], &at, file, NULL, 1, 0), ESPIPE);
	CHECK_EQ(close(ends[1]), 0);
	CHECK_EQ(splice(ends[0], NULL, file, NULL, 1, 0), 0);
}

static void on_alarm(int signal) { (void)signal; }

TEST("a signal that ends a splice into a full pipe loses nothing")
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction interrupt = { .sa_handler = on_alarm };
	static char page[4096];
	int from[2], to[2], file, held;

	CHECK_EQ(pipe(from), 0);
	CHECK_EQ(pipe(to), 0);
	CHECK_EQ(fcntl(to[1], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(write(to[1], page, 4096), 4096);
	CHECK_EQ(write(from[1], "abc", 3), 3);
	file_write("file", "abcdef");
	file = open("file", O_RDONLY);
	CHECK_EQ(sigaction(SIGALRM, &interrupt, NULL), 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	CHECK_ERR(splice(from[0], NULL, to[1], NULL, 3, 0), EINTR);
	CHECK_ERR(splice(file, NULL, to[1], NULL, 3, 0), EINTR);
	CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	CHECK_EQ(ioctl(from[0], FIONREAD, &held), 0);
	CHECK_EQ(held, 3);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
	CHECK_EQ(read(to[0], page, 4096), 4096);
	CHECK_EQ(splice(from[0], NULL, to[1], NULL, 16, 0), 3);
	CHECK_EQ(read(to[0], page, 16), 3);
	CHECK_EQ(memcmp(page, "abc", 3), 0);
}

TEST("copy_file_range copies within a file where the pieces do not overlap")
{
	char text[16] = "";
	loff_t from = 0, to = 4;
	int file, reader;

	file_write("file", "abcd");
	file = open("file", O_RDWR);
	CHECK_EQ(copy_file_range(file, &from, file, &to, 4, 0), 4);
	CHECK_EQ(from, 4);
	CHECK_EQ(to, 8);
	CHECK_STR(file_read("file", text, sizeof(text)), "abcdabcd");
	from = 0;
	to = 2;
	CHECK_ERR(copy_file_range(file, &from, file, &to, 4, 0), EINVAL);
	to = 8;
	CHECK_EQ(copy_file_range(file, &from, file, &to, 1 << 20, 0), 8);	/* not what it has just written */
	from = 0;
	to = 2;
	CHECK_ERR(copy_file_range(file, &from, file, &to, 4, 1), EINVAL);
	reader = open("file", O_RDONLY);
	CHECK_ERR(copy_file_range(file, &from, reader, &to, 4, 0), EBADF);
}

TEST("preadv and pwritev have a place of their own; of their second form -1 is the file's")
{
	char a[3] = "", b[3] = "", text[16] = "";
	struct iovec parts[2] = { { a, 2 }, { b, 2 } };
	int file;

	file_write("file", "0123456789");
	file = open("file", O_RDWR);
	CHECK_EQ(preadv(file, parts, 2, 3), 4);
	CHECK_STR(a, "34");
	CHECK_STR(b, "56");
	CHECK_EQ(pwritev(file, parts, 2, 0), 4);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
	CHECK_EQ(syscall(SYS_pwritev2, file, parts, 2, -1L, -1L, 0), 4);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 4);
	CHECK_EQ(syscall(SYS_preadv2, file, parts, 1, -1L, -1L, 0), 2);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 6);
	CHECK_ERR(syscall(SYS_preadv2, file, parts, 1, 0L, 0L, 0x40000000), EOPNOTSUPP);
	CHECK_ERR(preadv(file, parts, 2, -2), EINVAL);
	CHECK_STR(file_read("file", text, sizeof(text)), "3456456789");
}

TEST("what brings files to a disk or into memory takes files only, and advice that there is")
{
	int ends[2], file = open("file", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fdatasync(file), 0);
	CHECK_ERR(fdatasync(ends[0]), EINVAL);
	CHECK_ERR(fdatasync(99), EBADF);
	CHECK_EQ(syncfs(file), 0);
	CHECK_ERR(syncfs(99), EBADF);
	sync();
	CHECK_EQ(posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
	CHECK_EQ(syscall(SYS_fadvise64, file, 0, 0, POSIX_FADV_DONTNEED), 0);
	CHECK_ERR(syscall(SYS_fadvise64, file, 0, 0, 77), EINVAL);
	CHECK_ERR(syscall(SYS_fadvise64, ends[0], 0, 0, 0), ESPIPE);
	CHECK_EQ(readahead(file, 0, 4096), 0);
	CHECK_ERR(readahead(ends[0], 0, 4096), EINVAL);
	CHECK_ERR(readahead(99, 0, 4096), EBADF);
}

TEST("fallocate grows a file with zeros")
{
	struct stat now;
	char byte = 1;
	int file = open("file", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(fallocate(file, 0, 0, 5000), 0);
	CHECK_EQ(fstat(file, &now), 0);
	CHECK_EQ(now.st_size, 5000);
	CHECK_EQ(pread(file, &byte, 1, 4999), 1);
	CHECK_EQ(byte, 0);
	CHECK_ERR(fallocate(file, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(file, 0, -1, 10), EINVAL);
	CHECK_ERR(fallocate(open("file", O_RDONLY), 0, 0, 10), EBADF);
}

TEST("SEEK_DATA and SEEK_HOLE find what was written, by pages; reading fills no hole")
{
	char block[20000];
	struct stat now;
	int file = open("file", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(ftruncate(file, 20000), 0);
	CHECK_ERR(lseek(file, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(file, 5, SEEK_HOLE), 5);
	CHECK_EQ(pwrite(file, "x", 1, 9000), 1);
	CHECK_EQ(pread(file, block, sizeof(block), 0), 20000);
	CHECK_EQ(lseek(file, 0, SEEK_DATA), 8192);
	CHECK_EQ(lseek(file, 8200, SEEK_DATA), 8200);
	CHECK_EQ(lseek(file, 8200, SEEK_HOLE), 12288);
	CHECK_ERR(lseek(file, 12288, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(file, 20000, SEEK_HOLE), ENXIO);
	CHECK_ERR(lseek(file, -1, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 12288);
	CHECK_EQ(pwrite(file, "x", 1, 19999), 1);
	CHECK_EQ(lseek(file, 17000, SEEK_HOLE), 20000);
	CHECK_EQ(fstat(file, &now), 0);
	CHECK_EQ(now.st_blocks, 16);
}

TEST("truncate of a file that mknod made; flock, fchmod and lseek of one that is open for nothing or its path")
{
	struct stat now;
	int fd;

	CHECK_EQ(mknod("made", S_IFREG | 0600, 0), 0);
	CHECK_EQ(truncate("made", 5000), 0);
	CHECK_EQ(stat("made", &now), 0);
	CHECK_EQ(now.st_size, 5000);
	CHECK_ERR(mknod("made", S_IFDIR | 0700, 0), EPERM);
	fd = open("made", 3);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & 3, 3);
	CHECK_ERR(flock(fd, LOCK_EX), EBADF);
	CHECK_EQ(flock(fd, LOCK_UN), 0);
	CHECK_EQ(fchmod(fd, 0640), 0);
	close(fd);
	fd = open("made", O_PATH);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & 3, 0);
	CHECK_ERR(flock(fd, LOCK_EX), EBADF);
	CHECK_ERR(syscall(SYS_fchmod, fd, 0600), EBADF);
	CHECK_ERR(syscall(SYS_fchown, fd, 0, 0), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EBADF);
	CHECK_ERR(lseek(fd, 0, 77), EBADF);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_ERR(open("fifo", 3 | O_NONBLOCK), EINVAL);
	CHECK_ERR(open("fifo", 3), EINVAL);
}

TEST("what is no stream: a timerfd is not written, an eventfd not spliced, and epoll takes neither null nor files")
{
	struct epoll_event want = { .events = EPOLLIN };
	struct pollfd p;
	uint64_t one = 1;
	int ends[2], bytes, timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), event = eventfd(1, EFD_NONBLOCK);
	int set = epoll_create1(0), null = open("/dev/null", O_RDWR), file = open("file", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHECK_ERR(write(timer, &one, 8), EINVAL);
	p = (struct pollfd){ .fd = timer, .events = POLLIN | POLLOUT };
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_ERR(read(timer, &one, 8), EAGAIN);
	p = (struct pollfd){ .fd = event, .events = POLLRDNORM | POLLWRNORM };
	CHECK_EQ(poll(&p, 1, 0), 0);
	p = (struct pollfd){ .fd = event, .events = POLLIN | POLLOUT | POLLRDNORM };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
	CHECK_ERR(sendfile(file, event, NULL, 8), EINVAL);
	CHECK_ERR(splice(event, NULL, ends[1], NULL, 8, 0), EINVAL);
	CHECK_EQ(read(event, &one, 8), 8);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, null, &want), EPERM);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, file, &want), EPERM);
	CHECK_ERR(epoll_ctl(file, EPOLL_CTL_ADD, file, &want), EPERM);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, file, &want), EBADF);
	CHECK_ERR(pread(ends[1], &one, 8, 0), ESPIPE);
	CHECK_ERR(pwrite(ends[0], &one, 8, 0), ESPIPE);
	CHECK_ERR(pwrite(file, &one, 8, -5), EINVAL);
	CHECK_EQ(lseek(file, 10, SEEK_SET), 10);
	CHECK_EQ(ioctl(file, FIONREAD, &bytes), 0);
	CHECK_EQ(bytes, -10);
}

/* --- names and attributes --------------------------------------------------------------------------------- */

TEST("creat empties a file or makes it, for writing only")
{
	char byte;
	int file;

	file_write("file", "text");
	file = creat("file", 0600);
	CHECK(file >= 0);
	CHECK_EQ(looked_at("file").st_size, 0);
	CHECK_EQ(looked_at("file").st_mode & 0777, 0644);
	CHECK_ERR(read(file, &byte, 1), EBADF);
	CHECK_EQ(write(file, "x", 1), 1);
	CHECK(creat("new", 0600) >= 0);
	CHECK_EQ(looked_at("new").st_mode & 0777, 0600);
}

TEST("openat2 takes a structure that may be longer than it knows, if the rest is zero")
{
	struct { uint64_t flags, mode, resolve, more; } how = { O_RDONLY, 0, 0, 0 };

	file_write("file", "text");
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK(syscall(SYS_openat2, AT_FDCWD, "file", &how, 24) >= 0);
	CHECK(syscall(SYS_openat2, AT_FDCWD, "file", &how, 32) >= 0);
	how.more = 1;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "file", &how, 32), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "file", &how, 16), EINVAL);
	how.mode = 0600;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "file", &how, 24), EINVAL);
	how.mode = 0;
	how.resolve = 4;	/* RESOLVE_NO_SYMLINKS */
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "link", &how, 24), ELOOP);
	CHECK(syscall(SYS_openat2, AT_FDCWD, "file", &how, 24) >= 0);
	how.resolve = 8;	/* RESOLVE_BENEATH */
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "../x", &how, 24), EXDEV);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "/", &how, 24), EXDEV);
	how.resolve = 1 << 20;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "file", &how, 24), EINVAL);
}

TEST("names relative to a directory's descriptor: mknodat, readlinkat, fchmodat, faccessat2, fchownat")
{
	char text[8] = "";
	int dir, file;

	CHECK_EQ(mkdir("dir", 0700), 0);
	dir = open("dir", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(mknodat(dir, "fifo", S_IFIFO | 0600, 0), 0);
	CHECK(S_ISFIFO(looked_at("dir/fifo").st_mode));
	CHECK_ERR(mknodat(dir, "fifo", S_IFIFO | 0600, 0), EEXIST);
	CHECK_EQ(symlinkat("target", dir, "link"), 0);
	CHECK_EQ(readlinkat(dir, "link", text, 4), 4);
	CHECK_EQ(memcmp(text, "targ", 5), 0);
	CHECK_ERR(readlinkat(dir, "fifo", text, 4), EINVAL);
	CHECK_EQ(syscall(SYS_fchmodat, dir, "fifo", 0640), 0);
	CHECK_EQ(looked_at("dir/fifo").st_mode & 0777, 0640);
	CHECK_ERR(syscall(SYS_fchmodat, dir, "none", 0640), ENOENT);
	CHECK_EQ(syscall(SYS_faccessat2, dir, "fifo", R_OK, AT_EACCESS), 0);
	CHECK_ERR(syscall(SYS_faccessat2, dir, "link", F_OK, 0), ENOENT);
	CHECK_EQ(syscall(SYS_faccessat2, dir, "link", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_ERR(syscall(SYS_faccessat2, dir, "fifo", R_OK, 1), EINVAL);
	CHECK_EQ(fchownat(dir, "link", getuid(), getgid(), AT_SYMLINK_NOFOLLOW), 0);
	CHECK_ERR(fchownat(dir, "link", getuid(), getgid(), 0), ENOENT);
	file = open("file", O_RDONLY | O_CREAT, 0600);
	CHECK_EQ(fchownat(file, "", getuid(), -1, AT_EMPTY_PATH), 0);
	CHECK_ERR(fchownat(file, "x", -1, -1, 0), ENOTDIR);
}

TEST("chown changes what is not -1 and takes the set-id bits away; lchown changes a link itself")
{
	int file;

	root_only();
	file = open("file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK_EQ(fchmod(file, 06755), 0);
	CHECK_EQ(fchown(file, A_USER, -1), 0);
	CHECK_EQ(looked_at("file").st_uid, A_USER);
	CHECK_EQ(looked_at("file").st_gid, 0);
	CHECK_EQ(looked_at("file").st_mode & 07777, 0755);
	CHECK_EQ(fchown(file, -1, B_USER), 0);
	CHECK_EQ(looked_at("file").st_uid, A_USER);
	CHECK_EQ(looked_at("file").st_gid, B_USER);
	CHECK_EQ(lchown("link", B_USER, B_USER), 0);
	CHECK_EQ(looked_at("link").st_uid, B_USER);
	CHECK_EQ(looked_at("file").st_uid, A_USER);
	CHECK_ERR(fchown(99, 0, 0), EBADF);
}

TEST("utime, utimes and futimesat set both times, in seconds and in microseconds")
{
	struct utimbuf seconds = { 1000, 2000 };
	struct timeval micros[2] = { { 3000, 250000 }, { 4000, 750000 } };
	int dir = open(".", O_RDONLY);

	file_write("file", "x");
	CHECK_EQ(utime("file", &seconds), 0);
	CHECK_EQ(looked_at("file").st_atim.tv_sec, 1000);
	CHECK_EQ(looked_at("file").st_mtim.tv_sec, 2000);
	CHECK_EQ(utimes("file", micros), 0);
	CHECK_EQ(looked_at("file").st_atim.tv_nsec, 250000000);
	CHECK_EQ(looked_at("file").st_mtim.tv_sec, 4000);
	micros[1].tv_sec = 5000;
	CHECK_EQ(syscall(SYS_futimesat, dir, "file", micros), 0);
	CHECK_EQ(looked_at("file").st_mtim.tv_sec, 5000);
	CHECK_EQ(looked_at("file").st_mtim.tv_nsec, 750000000);
	micros[0].tv_usec = 1000000;
	CHECK_ERR(syscall(SYS_utimes, "file", micros), EINVAL);
	CHECK_EQ(utime("file", NULL), 0);
	CHECK(looked_at("file").st_mtim.tv_sec > 5000);
}

TEST("fstatfs tells of the file's system what statfs does")
{
	struct statfs a, b;
	int ends[2], file = open("file", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(statfs("file", &a), 0);
	CHECK_EQ(fstatfs(file, &b), 0);
	CHECK_EQ(a.f_type, b.f_type);
	CHECK_EQ(a.f_blocks, b.f_blocks);
	CHECK_EQ(a.f_namelen, 255);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fstatfs(ends[0], &b), 0);
	CHECK_EQ(b.f_type, 0x50495045);
	CHECK_ERR(fstatfs(99, &b), EBADF);
}

TEST("attributes of a name's link and of a descriptor: none, or not supported")
{
	char value[8];
	int file = open("file", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(symlink("none", "link"), 0);
	CHECK(syscall(SYS_lgetxattr, "link", "user.a", value, 8) == -1 &&
	      (errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM));
	CHECK(syscall(SYS_lsetxattr, "link", "user.a", value, 8, 0) == -1 &&
	      (errno == EOPNOTSUPP || errno == EPERM));
	CHECK(syscall(SYS_lremovexattr, "link", "user.a") == -1 &&
	      (errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM));
	CHECK(syscall(SYS_fremovexattr, file, "user.a") == -1 && (errno == ENODATA || errno == EOPNOTSUPP));
	CHECK_ERR(syscall(SYS_fremovexattr, 99, "user.a"), EBADF);
	CHECK_ERR(syscall(SYS_lgetxattr, "nothing", "user.a", value, 8), ENOENT);
	CHECK_ERR(syscall(SYS_fremovexattr, file, ""), ERANGE);
}

TEST("pivot_root wants a mount in a mount, and root")
{
	pid_t child;

	root_only();
	CHECK_EQ(mkdir("new", 0700), 0);
	CHECK(syscall(SYS_pivot_root, "new", "new") == -1 && (errno == EINVAL || errno == EBUSY || errno == EPERM));
	CHECK(syscall(SYS_pivot_root, "none", "new") == -1 && (errno == ENOENT || errno == EPERM));
	CHILD(child) {
		CHECK_EQ(setuid(A_USER), 0);
		CHECK_ERR(syscall(SYS_pivot_root, "/", "/"), EPERM);
	}
	REAP(child, 0);
}

/* --- who one is --------------------------------------------------------------------------------------------- */

TEST("setresuid and setreuid: each id may become one of the three, and the saved one goes along")
{
	pid_t child;

	root_only();
	CHILD(child) {
		uid_t r, e, s;

		CHECK_EQ(setresuid(A_USER, B_USER, 0), 0);
		CHECK_EQ(getresuid(&r, &e, &s), 0);
		CHECK(r == A_USER && e == B_USER && s == 0);
		CHECK_ERR(setresuid(-1, A_USER + 7, -1), EPERM);
		CHECK_EQ(setreuid(B_USER, -1), 0);
		CHECK_EQ(getresuid(&r, &e, &s), 0);
		CHECK(r == B_USER && e == B_USER && s == B_USER);
		CHECK_ERR(setreuid(0, -1), EPERM);
		CHECK_ERR(seteuid(0), EPERM);
	}
	REAP(child, 0);
}

TEST("setresgid and setregid do the same for groups")
{
	pid_t child;

	root_only();
	CHILD(child) {
		gid_t r, e, s;

		CHECK_EQ(setresgid(A_USER, B_USER, 1), 0);
		CHECK_EQ(getresgid(&r, &e, &s), 0);
		CHECK(r == A_USER && e == B_USER && s == 1);
		CHECK_EQ(setregid(B_USER, A_USER), 0);
		CHECK_EQ(getresgid(&r, &e, &s), 0);
		CHECK(r == B_USER && e == A_USER && s == A_USER);
		CHECK_EQ(setuid(A_USER), 0);
		CHECK_ERR(setresgid(-1, 1, -1), EPERM);
		CHECK_EQ(setresgid(-1, B_USER, -1), 0);
		CHECK_EQ(getegid(), B_USER);
	}
	REAP(child, 0);
}

TEST("setfsuid and setfsgid answer with the old id, and files are opened with the new one")
{
	pid_t child;

	root_only();
	CHECK_EQ(close(open("secret", O_WRONLY | O_CREAT, 0600)), 0);
	CHECK_EQ(chmod(".", 0777), 0);
	CHILD(child) {
		CHECK_EQ(syscall(SYS_setfsgid, B_USER), 0);
		CHECK_EQ(syscall(SYS_setfsuid, A_USER), 0);
		CHECK_EQ(syscall(SYS_setfsuid, -1), A_USER);
		CHECK_EQ(geteuid(), 0);
		CHECK_ERR(open("secret", O_RDONLY), EACCES);
		CHECK_EQ(close(open("mine", O_WRONLY | O_CREAT, 0600)), 0);
		CHECK_EQ(looked_at("mine").st_uid, A_USER);
		CHECK_EQ(looked_at("mine").st_gid, B_USER);
	}
	REAP(child, 0);
}

TEST("getgroups tells how many there are, then which; setgroups needs root")
{
	gid_t some[2] = { A_USER, B_USER }, got[8];
	pid_t child;

	root_only();
	CHILD(child) {
		CHECK_EQ(setgroups(2, some), 0);
		CHECK_EQ(getgroups(0, NULL), 2);
		CHECK_ERR(getgroups(1, got), EINVAL);
		CHECK_EQ(getgroups(8, got), 2);
		CHECK(got[0] == A_USER && got[1] == B_USER);
		CHECK_EQ(setuid(A_USER), 0);
		CHECK_ERR(setgroups(0, NULL), EPERM);
	}
	REAP(child, 0);
}

TEST("capget tells which of its versions it knows, and what root has")
{
	struct { uint32_t version; int pid; } header = { 0, 0 };
	struct { uint32_t effective, permitted, inheritable; } data[2] = { { 0, 0, 0 } };
	pid_t child;

	CHECK_EQ(syscall(SYS_capget, &header, NULL), 0);
	CHECK_EQ(header.version, 0x20080522);
	header.version = 7;
	CHECK_ERR(syscall(SYS_capget, &header, data), EINVAL);
	CHECK_EQ(header.version, 0x20080522);
	root_only();
	CHECK_EQ(syscall(SYS_capget, &header, data), 0);
	CHECK(data[0].effective & 1);
	CHILD(child) {
		CHECK_EQ(setuid(A_USER), 0);
		CHECK_EQ(syscall(SYS_capget, &header, data), 0);
		CHECK_EQ(data[0].effective, 0);
		CHECK_EQ(data[0].permitted, 0);
	}
	REAP(child, 0);
}

TEST("what changes the machine is root's: its names, its clock, its end")
{
	struct timespec odd = { 0, 1000000000 };
	struct timeval zero = { 0, 0 };
	pid_t child;

	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &odd), EINVAL);
	CHECK_ERR(syscall(SYS_clock_settime, 99, &odd), EINVAL);
	root_only();
	CHILD(child) {
		CHECK_EQ(setuid(A_USER), 0);
		CHECK_ERR(setdomainname("x", 1), EPERM);
		CHECK_ERR(settimeofday(&zero, NULL), EPERM);
		CHECK_ERR(syscall(SYS_reboot, 0xfee1dead, 0x28121969, 0x4321fedc, 0), EPERM);
	}
	REAP(child, 0);
	CHECK_ERR(syscall(SYS_reboot, 1, 2, 3, 0), EINVAL);
}

/* --- scheduling and memory --------------------------------------------------------------------------------- */

TEST("policies and their priorities go together, and an ordinary process has an interval")
{
	struct sched_param none = { 0 }, ten = { .sched_priority = 10 };
	struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t times[3]; } attr =
		{ sizeof(attr), 0, 0, 0, 0, { 0, 0, 0 } };
	struct timespec interval = { -1, -1 };

	CHECK_EQ(syscall(SYS_sched_setparam, 0, &none), 0);
	CHECK_ERR(syscall(SYS_sched_setparam, 0, &ten), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setparam, 999999, &none), ESRCH);
	CHECK_ERR(syscall(SYS_sched_setparam, -1, &none), EINVAL);
	CHECK_EQ(syscall(SYS_sched_rr_get_interval, 0, &interval), 0);
	CHECK(interval.tv_sec == 0 && interval.tv_nsec >= 0);
	CHECK_ERR(syscall(SYS_sched_rr_get_interval, 999999, &interval), ESRCH);
	attr.nice = 5;
	CHECK_EQ(syscall(SYS_sched_setattr, 0, &attr, 0), 0);
	attr.nice = 0;
	CHECK_EQ(syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0), 0);
	CHECK_EQ(attr.nice, 5);
	attr.policy = 77;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &attr, 0), EINVAL);
	attr.policy = 0;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &attr, 1), EINVAL);
}

TEST("getcpu names one of the CPUs there are")
{
	unsigned cpu = 9999, node = 9999;

	CHECK_EQ(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
	CHECK(cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
	CHECK(node < 64);
	CHECK_EQ(syscall(SYS_getcpu, NULL, NULL, NULL), 0);
}

TEST("locking memory brings it in; flags that do not exist are refused")
{
	unsigned char resident[4] = { 0 };
	char *pages = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(syscall(SYS_mlock2, pages, 4 * 4096, 0), 0);
	CHECK_EQ(mincore(pages, 4 * 4096, resident), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(resident[i] & 1, 1);
	CHECK_ERR(syscall(SYS_mlock2, pages, 4096, 2), EINVAL);
	CHECK_EQ(munlock(pages, 4 * 4096), 0);
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(64), EINVAL);
	CHECK_EQ(mlockall(MCL_CURRENT), 0);
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(munmap(pages, 4096), 0);
	CHECK_ERR(syscall(SYS_mlock2, pages, 8192, 0), ENOMEM);
}

TEST("membarrier tells what it can, and refuses the rest")
{
	long known = syscall(SYS_membarrier, 0, 0, 0);

	CHECK(known >= 0);
	CHECK_ERR(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_membarrier, 0, 1, 0), EINVAL);
	if (!(known & 1))
		CHECK_ERR(syscall(SYS_membarrier, 1, 0, 0), EINVAL);
}

/* --- threads, signals, waiting ------------------------------------------------------------------------------- */

TEST("the robust list that was set is the one that is got; its head has one size")
{
	struct { void *next; long offset; void *pending; } head = { &head, 0, NULL };
	void *got = NULL;
	size_t len = 0;

	CHECK_ERR(syscall(SYS_set_robust_list, &head, 23), EINVAL);
	CHECK_EQ(syscall(SYS_set_robust_list, &head, 24), 0);
	CHECK_EQ(syscall(SYS_get_robust_list, 0, &got, &len), 0);
	CHECK(got == (void *)&head && len == 24);
	CHECK_ERR(syscall(SYS_get_robust_list, 999999, &got, &len), ESRCH);
}

TEST("clone3 makes a child as fork does, with the exit signal it is told")
{
	uint64_t args[11] = { [4] = SIGCHLD };
	siginfo_t info;
	long child = syscall(SYS_clone3, args, sizeof(args));

	if (child == 0)
		_exit(9);
	CHECK(child > 0);
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED), 0);
	CHECK_EQ(info.si_status, 9);
	CHECK_ERR(syscall(SYS_clone3, args, 63), EINVAL);
	args[4] = 0x1000;
	CHECK_ERR(syscall(SYS_clone3, args, sizeof(args)), EINVAL);
}

static volatile sig_atomic_t hits, value;

static void handler(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	hits++;
	value = info->si_value.sival_int;
}

TEST("tkill and rt_tgsigqueueinfo reach one thread, the second with a value")
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	pid_t me = (pid_t)syscall(SYS_gettid);

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(syscall(SYS_tkill, me, SIGUSR1), 0);
	CHECK_EQ(hits, 1);
	info.si_value.sival_int = 41;
	CHECK_EQ(syscall(SYS_rt_tgsigqueueinfo, getpid(), me, SIGUSR1, &info), 0);
	CHECK_EQ(hits, 2);
	CHECK_EQ(value, 41);
	CHECK_ERR(syscall(SYS_tkill, 999999, 0), ESRCH);
	CHECK_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, me, 65), EINVAL);
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), 999999, SIGUSR1, &info), ESRCH);
	info.si_code = SI_USER;
	CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, getppid(), getppid(), SIGURG, &info), EPERM);
}

TEST("pselect6 waits with another mask and leaves the first")
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	struct timespec soon = { 0, 1000000 };
	sigset_t blocked, open_mask, now;
	fd_set set;
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	sigemptyset(&open_mask);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK_ERR(pselect(ends[0] + 1, &set, NULL, NULL, NULL, &open_mask), EINTR);
	CHECK_EQ(hits, 1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	FD_SET(ends[0], &set);
	CHECK_EQ(pselect(ends[0] + 1, &set, NULL, NULL, &soon, NULL), 0);
	CHECK(!FD_ISSET(ends[0], &set));
	soon.tv_nsec = -1;
	CHECK_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &soon, NULL), EINVAL);
}

TEST("epoll_pwait waits with another mask, epoll_pwait2 so many nanoseconds")
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	struct timespec time = { 0, 2000000 };
	struct epoll_event event;
	sigset_t blocked, open_mask;
	int set = epoll_create1(0);
	int64_t start;

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	sigemptyset(&open_mask);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_ERR(epoll_pwait(set, &event, 1, 10000, &open_mask), EINTR);
	CHECK_EQ(hits, 1);
	start = now_ns();
	CHECK_EQ(syscall(SYS_epoll_pwait2, set, &event, 1, &time, NULL, 8), 0);
	CHECK(now_ns() - start >= 2000000);
	time.tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_epoll_pwait2, set, &event, 1, &time, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait, set, &event, 0, 0, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait, set, &event, 1, 0, &open_mask, 7), EINVAL);
}

TEST("eventfd2 takes flags, eventfd has none")
{
	int fd = (int)syscall(SYS_eventfd2, 1, EFD_CLOEXEC | EFD_NONBLOCK);

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK_ERR(syscall(SYS_eventfd2, 0, 2), EINVAL);
	fd = (int)syscall(SYS_eventfd, 1, 77);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
}
