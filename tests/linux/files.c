/*
 * files.c -- regular files: open flags, offsets, reads, writes, sizes, holes.
 *
 * Owns:    its scratch directory.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static int file_make(const char *path, const char *text)
{
	int fd;

	file_write(path, text);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	return fd;
}

static off_t size_of(int fd)
{
	struct stat now;

	CHECK_EQ(fstat(fd, &now), 0);
	return now.st_size;
}

TEST("open of a missing file without O_CREAT is ENOENT")
{
	CHECK_ERR(open("none", O_RDONLY), ENOENT);
	CHECK_ERR(open("none/below", O_RDONLY | O_CREAT, 0644), ENOENT);
}

TEST("open with O_CREAT makes an empty file with the mode less the umask")
{
	struct stat now;
	int fd;

	umask(027);
	fd = open("new", O_RDWR | O_CREAT, 0666);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK_EQ(now.st_mode, S_IFREG | 0640);
	CHECK_EQ(now.st_size, 0);
	CHECK_EQ(now.st_nlink, 1);
	CHECK_EQ(now.st_uid, geteuid());
}

TEST("open with O_CREAT of a file that exists keeps its content and mode")
{
	int fd;

	file_write("old", "text");
	fd = open("old", O_RDONLY | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(size_of(fd), 4);
}

TEST("a file opened read-only with mode 0 at creation may still be written through O_RDWR")
{
	int fd = open("locked", O_RDWR | O_CREAT, 0);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
}

TEST("open with O_CREAT and O_EXCL is EEXIST when the name exists, a dangling link included")
{
	file_write("old", "");
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_ERR(open("old", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(access("nowhere", F_OK), ENOENT);
}

TEST("open with O_CREAT through a dangling link makes the link's target")
{
	CHECK_EQ(symlink("target", "link"), 0);
	CHECK(open("link", O_RDWR | O_CREAT, 0644) >= 0);
	CHECK_EQ(access("target", F_OK), 0);
}

TEST("open with O_TRUNC empties the file")
{
	int fd;

	file_write("old", "text");
	fd = open("old", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0);
	CHECK_EQ(size_of(fd), 0);
}

TEST("open of a directory for writing is EISDIR")
{
	CHECK_ERR(open(".", O_WRONLY), EISDIR);
	CHECK_ERR(open(".", O_RDWR), EISDIR);
	CHECK_ERR(open(".", O_RDONLY | O_CREAT, 0644), EISDIR);
	CHECK_ERR(open(".", O_RDONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(open("./", O_RDONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_ERR(open("../none/", O_RDONLY | O_CREAT | O_EXCL, 0644), EISDIR);
	CHECK(open(".", O_RDONLY) >= 0);
}

TEST("open with O_DIRECTORY of a file is ENOTDIR, and so is a file used as a directory")
{
	file_write("file", "");
	CHECK_ERR(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("file/below", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("file/", O_RDONLY), ENOTDIR);
}

TEST("open with O_NOFOLLOW of a symbolic link is ELOOP")
{
	file_write("file", "");
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK_ERR(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
}

TEST("open of an empty path is ENOENT and of a name of 256 bytes ENAMETOOLONG")
{
	char name[5000];

	CHECK_ERR(open("", O_RDONLY), ENOENT);
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	CHECK_EQ(close(open(name, O_RDWR | O_CREAT, 0644)), 0);
	name[255] = 'n';
	name[256] = '\0';
	CHECK_ERR(open(name, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
	memset(name, '/', sizeof(name));
	name[4096] = '\0';
	CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
	name[4095] = '\0';
	CHECK(open(name, O_RDONLY) >= 0);
}

TEST("read and write check the access mode")
{
	char byte = 'x';
	int in, out;

	file_write("file", "text");
	in = open("file", O_RDONLY);
	out = open("file", O_WRONLY);
	CHECK_ERR(write(in, &byte, 1), EBADF);
	CHECK_ERR(read(out, &byte, 1), EBADF);
	CHECK_ERR(pwrite(in, &byte, 1, 0), EBADF);
	CHECK_ERR(pread(out, &byte, 1, 0), EBADF);
	CHECK_ERR(ftruncate(in, 0), EINVAL);
	CHECK_EQ(fcntl(in, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(out, F_GETFL) & O_ACCMODE, O_WRONLY);
}

TEST("read of a directory is EISDIR")
{
	char byte;
	int fd = open(".", O_RDONLY);

	CHECK_ERR(read(fd, &byte, 1), EISDIR);
}

TEST("read and write move the offset, pread and pwrite do not")
{
	char text[8] = "";
	int fd = file_make("file", "abcdefgh");

	CHECK_EQ(read(fd, text, 2), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
	CHECK_EQ(pread(fd, text, 3, 5), 3);
	CHECK_EQ(memcmp(text, "fgh", 3), 0);
	CHECK_EQ(pwrite(fd, "XY", 2, 6), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
	CHECK_EQ(write(fd, "12", 2), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(pread(fd, text, 8, 0), 8);
	CHECK_EQ(memcmp(text, "ab12efXY", 8), 0);
}

TEST("read at and after the end gives 0, and less than asked near it")
{
	char text[16];
	int fd = file_make("file", "abcd");

	CHECK_EQ(read(fd, text, 16), 4);
	CHECK_EQ(read(fd, text, 16), 0);
	CHECK_EQ(pread(fd, text, 16, 2), 2);
	CHECK_EQ(pread(fd, text, 16, 4), 0);
	CHECK_EQ(pread(fd, text, 16, 1 << 20), 0);
	CHECK_ERR(pread(fd, text, 1, -1), EINVAL);
	CHECK_ERR(pwrite(fd, text, 1, -1), EINVAL);
}

TEST("lseek knows SET, CUR and END, refuses negative places and allows those past the end")
{
	int fd = file_make("file", "abcd");

	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(lseek(fd, -1, SEEK_CUR), 2);
	CHECK_EQ(lseek(fd, -4, SEEK_END), 0);
	CHECK_ERR(lseek(fd, -5, SEEK_END), EINVAL);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 100, SEEK_END), 104);
	CHECK_EQ(size_of(fd), 4);
}

TEST("a write past the end leaves a hole that reads as zeros")
{
	char text[8];
	int fd = file_make("file", "ab");

	CHECK_EQ(lseek(fd, 100000, SEEK_SET), 100000);
	CHECK_EQ(write(fd, "z", 1), 1);
	CHECK_EQ(size_of(fd), 100001);
	CHECK_EQ(pread(fd, text, 4, 1), 4);
	CHECK_EQ(memcmp(text, "b\0\0\0", 4), 0);
	CHECK_EQ(pread(fd, text, 4, 50000), 4);
	CHECK_EQ(memcmp(text, "\0\0\0\0", 4), 0);
	CHECK_EQ(pread(fd, text, 4, 99998), 3);
	CHECK_EQ(memcmp(text, "\0\0z", 3), 0);
}

TEST("O_APPEND writes at the end wherever the offset is, and leaves it after the data")
{
	char text[16];
	int a, b;

	file_write("file", "123");
	a = open("file", O_RDWR | O_APPEND);
	b = open("file", O_RDWR | O_APPEND);
	CHECK_EQ(write(a, "a", 1), 1);
	CHECK_EQ(write(b, "b", 1), 1);
	CHECK_EQ(lseek(a, 0, SEEK_SET), 0);
	CHECK_EQ(write(a, "A", 1), 1);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 6);
	CHECK_EQ(pread(a, text, 16, 0), 6);
	CHECK_EQ(memcmp(text, "123abA", 6), 0);
}

TEST("F_SETFL sets and clears O_APPEND and leaves the access mode alone")
{
	int fd = file_make("file", "123");

	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
	CHECK_EQ(write(fd, "4", 1), 1);
	CHECK_EQ(size_of(fd), 4);
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE), O_RDWR);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "0", 1), 1);
	CHECK_EQ(size_of(fd), 4);
}

TEST("ftruncate cuts and grows, a regrown tail is zero and the offset stays")
{
	char text[8];
	int fd = file_make("file", "abcdefgh");

	CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
	CHECK_EQ(ftruncate(fd, 3), 0);
	CHECK_EQ(size_of(fd), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	CHECK_EQ(read(fd, text, 8), 0);
	CHECK_EQ(ftruncate(fd, 8), 0);
	CHECK_EQ(pread(fd, text, 8, 0), 8);
	CHECK_EQ(memcmp(text, "abc\0\0\0\0\0", 8), 0);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
}

TEST("truncate works by name, and not on a directory")
{
	struct stat now;

	file_write("file", "abcdefgh");
	CHECK_EQ(truncate("file", 2), 0);
	CHECK_EQ(stat("file", &now), 0);
	CHECK_EQ(now.st_size, 2);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate("none", 0), ENOENT);
	CHECK_ERR(truncate("file", -1), EINVAL);
}

TEST("readv and writev take several buffers as one operation")
{
	char a[3], b[3], c[16];
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cdefg", 5 } };
	struct iovec in[3] = { { a, 3 }, { b, 3 }, { c, 16 } };
	int fd = file_make("file", "");

	CHECK_EQ(writev(fd, out, 3), 7);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, in, 3), 7);
	CHECK_EQ(memcmp(a, "abc", 3) | memcmp(b, "def", 3) | memcmp(c, "g", 1), 0);
	CHECK_ERR(readv(fd, in, -1), EINVAL);
	CHECK_ERR(writev(fd, out, 1025), EINVAL);
	CHECK_EQ(preadv(fd, in, 2, 4), 3);
	CHECK_EQ(memcmp(a, "efg", 3), 0);
}

TEST("an open file lives on after unlink and its size can still change")
{
	char text[8];
	struct stat now;
	int fd = file_make("file", "abc");

	CHECK_EQ(unlink("file"), 0);
	CHECK_ERR(open("file", O_RDONLY), ENOENT);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK_EQ(now.st_nlink, 0);
	CHECK_EQ(pwrite(fd, "d", 1, 3), 1);
	CHECK_EQ(pread(fd, text, 8, 0), 4);
	CHECK_EQ(memcmp(text, "abcd", 4), 0);
}

TEST("two opens of one file have two offsets and one content")
{
	char byte;
	int a = file_make("file", "abc"), b = open("file", O_RDWR);

	CHECK_EQ(read(a, &byte, 1), 1);
	CHECK_EQ(read(b, &byte, 1), 1);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(write(a, "Z", 1), 1);
	CHECK_EQ(read(b, &byte, 1), 1);
	CHECK_EQ(byte, 'Z');
}

TEST("a large file is written and read back whole, across every page boundary")
{
	static uint8_t out[3 * 65536 + 17], in[sizeof(out)];
	int fd = file_make("file", "");

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 31 + (i >> 8));
	CHECK_EQ(pwrite(fd, out, sizeof(out), 4093), sizeof(out));
	CHECK_EQ(size_of(fd), sizeof(out) + 4093);
	CHECK_EQ(pread(fd, in, sizeof(in), 4093), sizeof(in));
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	for (size_t at = 4090; at < sizeof(out) - 16; at += 4096) {
		CHECK_EQ(pread(fd, in, 16, 4093 + (off_t)at), 16);
		CHECK_EQ(memcmp(in, out + at, 16), 0);
	}
}

TEST("a read into memory that is only partly there gives the part or EFAULT, never more")
{
	int fd = file_make("file", "abcd");

	CHECK_ERR(read(fd, (void *)1, 4), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_ERR(write(fd, (void *)1, 4), EFAULT);
	CHECK_EQ(size_of(fd), 4);
	CHECK_EQ(read(fd, (void *)1, 0), 0);
}

TEST("st_blocks counts what is allocated, so that a hole costs little")
{
	struct stat now;
	int fd = open("file", O_RDWR | O_CREAT, 0644);

	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK_EQ(now.st_blocks, 0);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK(now.st_blocks > 0 && now.st_blocks <= 16);
}

TEST("a write changes mtime and ctime, a chmod only ctime")
{
	struct stat before, after;
	int fd = file_make("file", "abc");

	CHECK_EQ(fstat(fd, &before), 0);
	sleep_ms(20);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(fstat(fd, &after), 0);
	CHECK_EQ(after.st_mode & 07777, 0600);
	CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	CHECK(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
	sleep_ms(20);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(fstat(fd, &after), 0);
	CHECK(after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
}

TEST("utimensat sets times exactly, knows NOW and OMIT")
{
	struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	struct stat now;

	file_write("file", "");
	CHECK_EQ(utimensat(AT_FDCWD, "file", times, 0), 0);
	CHECK_EQ(stat("file", &now), 0);
	CHECK_EQ(now.st_atim.tv_sec, 1000);
	CHECK_EQ(now.st_mtim.tv_sec, 2000);
	CHECK_EQ(now.st_mtim.tv_nsec, 7);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(utimensat(AT_FDCWD, "file", times, 0), 0);
	CHECK_EQ(stat("file", &now), 0);
	CHECK_EQ(now.st_atim.tv_sec, 1000);
	CHECK(now.st_mtim.tv_sec > 2000);
	times[1].tv_nsec = 2000000000;
	CHECK_ERR(utimensat(AT_FDCWD, "file", times, 0), EINVAL);
}

TEST("an access mode of 3 opens but neither reads nor writes")
{
	char byte;
	int fd;

	file_write("file", "a");
	fd = open("file", O_ACCMODE);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &byte, 1), EBADF);
	CHECK_ERR(write(fd, "b", 1), EBADF);
}

TEST("RLIMIT_FSIZE ends a write with SIGXFSZ, or EFBIG when that is ignored")
{
	pid_t child;

	CHILD(child) {
		int fd = file_make("file", "");

		signal(SIGXFSZ, SIG_IGN);
		CHECK_EQ(syscall(302 /* prlimit64 */, 0, 1, (uint64_t[]){ 10, 10 }, NULL), 0);
		CHECK_EQ(write(fd, "0123456789ab", 12), 10);
		CHECK_ERR(write(fd, "x", 1), EFBIG);
		signal(SIGXFSZ, SIG_DFL);
		write(fd, "x", 1);
	}
	REAP_KILLED(child, SIGXFSZ);
}

static int size_signals;
static void size_signal(int sig) { (void)sig; size_signals++; }

TEST("growth beyond RLIMIT_FSIZE by truncate, ftruncate or fallocate is SIGXFSZ and EFBIG; shrinking is free")
{
	pid_t child;

	CHILD(child) {
		int fd = file_make("file", "0123456789abcdef");

		signal(SIGXFSZ, size_signal);
		CHECK_EQ(syscall(302 /* prlimit64 */, 0, 1, (uint64_t[]){ 10, 10 }, NULL), 0);
		CHECK_EQ(truncate("file", 15), 0);
		CHECK_EQ(ftruncate(fd, 14), 0);
		CHECK_EQ(fallocate(fd, 0, 0, 14), 0);
		CHECK_EQ(size_signals, 0);
		CHECK_ERR(truncate("file", 15), EFBIG);
		CHECK_EQ(size_signals, 1);
		CHECK_ERR(ftruncate(fd, 15), EFBIG);
		CHECK_EQ(size_signals, 2);
		CHECK_ERR(fallocate(fd, 0, 0, 15), EFBIG);
		CHECK_EQ(size_signals, 3);
		CHECK_ERR(fallocate(fd, 0, INT64_MAX, 15), EFBIG);
		CHECK_EQ(size_signals, 3);
	}
	REAP(child, 0);
}

TEST("O_CREAT with a slash behind the name is EISDIR, and makes nothing at the end of a link")
{
	static const char *const names[] = { "none/", "file/", "dangling/", "loop/", "link/", "to-slash" };

	file_write("file", "");
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_EQ(symlink("loop", "loop"), 0);
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK_EQ(symlink("file/", "to-slash"), 0);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_ERR(open(names[i], O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERR(access("nowhere", F_OK), ENOENT);
}

TEST("/dev/null swallows, /dev/zero gives zeros, /dev/full is full")
{
	char text[4] = "abc";
	int fd = open("/dev/null", O_RDWR);

	CHECK_EQ(write(fd, text, 4), 4);
	CHECK_EQ(read(fd, text, 4), 0);
	fd = open("/dev/zero", O_RDWR);
	CHECK_EQ(write(fd, text, 4), 4);
	CHECK_EQ(read(fd, text, 4), 4);
	CHECK_EQ(memcmp(text, "\0\0\0\0", 4), 0);
	fd = open("/dev/full", O_RDWR);
	CHECK_ERR(write(fd, text, 4), ENOSPC);
	CHECK_EQ(read(fd, text, 4), 4);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
}

TEST("stat, lstat, fstat and statx agree about one file")
{
	struct stat a, b, c;
	int fd = file_make("file", "abc");

	CHECK_EQ(stat("file", &a), 0);
	CHECK_EQ(lstat("file", &b), 0);
	CHECK_EQ(fstat(fd, &c), 0);
	CHECK(a.st_ino == b.st_ino && b.st_ino == c.st_ino && a.st_ino != 0);
	CHECK(a.st_dev == b.st_dev && b.st_dev == c.st_dev);
	CHECK_EQ(a.st_mode, c.st_mode);
	CHECK_EQ(a.st_blksize, 4096);
	CHECK_EQ(fstatat(fd, "", &b, AT_EMPTY_PATH), 0);
	CHECK_EQ(b.st_ino, a.st_ino);
}

TEST("a file has no extended attributes, and a file system without them says so")
{
	char name[300], value[8];
	int fd = file_make("file", "abc");

	CHECK_EQ(symlink("nowhere", "link"), 0);
	CHECK_EQ(listxattr("file", name, sizeof(name)), 0);
	CHECK_EQ(llistxattr("link", NULL, 0), 0);
	CHECK_EQ(flistxattr(fd, NULL, 0), 0);
	CHECK_ERR(getxattr("file", "user.color", value, sizeof(value)), EOPNOTSUPP);
	CHECK_ERR(fgetxattr(fd, "user.color", value, sizeof(value)), EOPNOTSUPP);
	CHECK_ERR(setxattr("file", "user.color", "red", 3, 0), EOPNOTSUPP);
	CHECK_ERR(fsetxattr(fd, "user.color", "red", 3, 0), EOPNOTSUPP);
	CHECK_ERR(removexattr("file", "user.color"), EOPNOTSUPP);
	CHECK_ERR(getxattr("file", "nospace.color", value, sizeof(value)), EOPNOTSUPP);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = 0;
	CHECK_ERR(getxattr("file", name, value, sizeof(value)), ERANGE);
	CHECK_ERR(getxattr("file", "", value, sizeof(value)), ERANGE);
	CHECK_ERR(getxattr("missing", "user.color", value, sizeof(value)), ENOENT);
	CHECK_ERR(listxattr("link", NULL, 0), ENOENT);
	CHECK_ERR(flistxattr(999, NULL, 0), EBADF);
	CHECK_ERR(setxattr("file", "user.color", "red", 3, 4), EINVAL);
	CHECK_ERR(setxattr("file", "user.color", "red", 65537, 0), E2BIG);
	CHECK_ERR(getxattr("file", (char *)8, value, sizeof(value)), EFAULT);
}

TEST("getdents gives names where it always did, and the type last")
{
	struct entry { unsigned long ino, off; unsigned short len; char name[]; };
	_Alignas(8) char buf[1024];
	int seen = 0, fd;
	long n;

	CHECK_EQ(mkdir("folder", 0755), 0);
	file_write("a name of some length", "");
	fd = open(".", O_RDONLY | O_DIRECTORY);
	n = syscall(SYS_getdents, fd, buf, sizeof(buf));
	CHECK(n > 0);
	for (long at = 0; at < n;) {
		const struct entry *e = (const struct entry *)(buf + at);
		char type = buf[at + e->len - 1];

		if (strcmp(e->name, "folder") == 0 || strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
			seen += type == 4;
		else if (strcmp(e->name, "a name of some length") == 0)
			seen += type == 8 ? 10 : 0;
		at += e->len;
	}
	CHECK_EQ(seen, 13);
	CHECK_EQ(syscall(SYS_getdents, fd, buf, sizeof(buf)), 0);
	CHECK_ERR(syscall(SYS_getdents, 999, buf, sizeof(buf)), EBADF);
}
