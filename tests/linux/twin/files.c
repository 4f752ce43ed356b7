/*
 * files.c -- the same random calls about names and files, on both systems: by root, and by a user beside root's files.
 *
 * Not said: inode numbers, sizes and links of directories, times that are now, a FIFO's (Linux's writes set it).
 * Not asked for: an empty name with a bad directory (which of two errors), a device's node made by a user, creating
 * in a sticky directory of another's, set-id bits (they go when a file is opened for writing here, on Linux when
 * it is written), fallocate (what it has made is data here, on Linux a hole).
 */
#include "twin.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define FDS	8
#define ABOVE	"/tmp/twin.files"
#define FOLDER	ABOVE "/1/2/3/4/5"	/* so deep that no .. leads to what root is on either system */

static const char *names[] = {
	"a", "b", "c", "D", "E", "D/a", "D/b", "E/a", "E/D", "D/E", "l", "m", "D/l",	/* these more often */
	".", "..", "D/..", "D/.", "l/a", "m/a", "a/", "D/", "l/", "a/b", "D/E/a", "nox/a", "E/D/l", "./b", "D/../c",
};
#define OFTEN	13

static int fds[FDS];
static char block[20000];
static unsigned user;

static const char *name(void) { return names[random_below(one_in(3) ? COUNT(names) : OFTEN)]; }

static void fd_set_to(unsigned i, int fd)
{
	if (fds[i] >= 0)
		close(fds[i]);
	fds[i] = fd;
}

static void do_open(void)
{
	static const int flags[] = { O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_TMPFILE };
	static const uint32_t often[] = { 3, 4, 4, 8, 6, 14, 20 };
	int how = (one_in(16) ? 3 : (int)random_below(3)) | (one_in(2) ? O_CREAT : 0) | O_NONBLOCK, fd;
	unsigned i = random_below(FDS), mode = 0600 + random_below(0200);
	const char *n = name();

	for (unsigned f = 0; f < COUNT(flags); f++)
		how |= one_in(often[f]) ? flags[f] : 0;
	fd = open(n, how, mode);
	answer(fd < 0 ? -1 : 0, "open %s %o %o", n, how, mode);
	fd_set_to(i, fd);
}

static void do_openat(void)
{
	unsigned i = random_below(FDS);
	const char *n = name();
	int fd = openat(fds[i], n, O_RDWR | O_CREAT | O_NONBLOCK, 0644);

	answer(fd < 0 ? -1 : 0, "openat %u %s", i, n);
	fd_set_to((i + 1) % FDS, fd);
}

static void do_dup(void)
{
	unsigned i = random_below(FDS), to = random_below(FDS);
	int fd = dup(fds[i]);

	answer(fd < 0 ? -1 : 0, "dup %u to %u", i, to);
	fd_set_to(to, fd);
}

static void do_close(void)
{
	unsigned i = random_below(FDS);

	answer(close(fds[i]), "close %u", i);
	fds[i] = -1;
}

static void do_read(void)
{
	unsigned i = random_below(FDS), n = random_below(9000);
	long got = read(fds[i], block, n);

	answer(got, "read %u %u: %x", i, n, got > 0 ? sum_of(block, (size_t)got) : 0);
}

static void do_write(void)
{
	unsigned i = random_below(FDS), n = random_below(one_in(4) ? 9000 : 300);

	memset(block, 'A' + (int)(twin_step % 26), n);
	answer(write(fds[i], block, n), "write %u %u", i, n);
}

static void do_pread(void)
{
	unsigned i = random_below(FDS), n = random_below(5000);
	long at = (long)random_below(20000) - 200;

	answer(pread(fds[i], block, n, at), "pread %u %u at %ld", i, n, at);
}

static void do_pwrite(void)
{
	unsigned i = random_below(FDS), n = random_below(5000);
	long at = (long)random_below(20000) - 200;

	memset(block, 'a' + (int)(twin_step % 26), n);
	answer(pwrite(fds[i], block, n, at), "pwrite %u %u at %ld", i, n, at);
}

static void do_seek(void)
{
	static const int all[] = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 7 };
	unsigned i = random_below(FDS);
	long at = (long)random_below(20000) - 5000;
	int whence = all[random_below(COUNT(all))];

	answer(lseek(fds[i], at, whence), "lseek %u %ld %d", i, at, whence);
}

static void do_ftruncate(void)
{
	unsigned i = random_below(FDS);
	long size = (long)random_below(12000) - 100;

	answer(ftruncate(fds[i], size), "ftruncate %u %ld", i, size);
}

static void do_truncate(void)
{
	const char *n = name();
	long size = (long)random_below(12000) - 100;

	answer(truncate(n, size), "truncate %s %ld", n, size);
}

static void do_rename(void)
{
	const char *a = name(), *b = name();

	answer(rename(a, b), "rename %s %s", a, b);
}

static void do_rename_flags(void)
{
	const char *a = name(), *b = name();
	unsigned flags = 1 + random_below(3);	/* NOREPLACE, EXCHANGE, both */

	answer(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags), "renameat2 %s %s %u", a, b, flags);
}

static void do_link(void)
{
	const char *a = name(), *b = name();
	int flags = one_in(2) ? AT_SYMLINK_FOLLOW : 0;

	answer(linkat(AT_FDCWD, a, AT_FDCWD, b, flags), "link %s %s %d", a, b, flags);
}

static void do_unlink(void)
{
	const char *n = name();

	answer(unlink(n), "unlink %s", n);
}

static void do_rmdir(void)
{
	const char *n = name();

	answer(rmdir(n), "rmdir %s", n);
}

static void do_mkdir(void)
{
	const char *n = name();
	unsigned mode = one_in(3) ? random_below(010000) & ~06000u : 0777;

	answer(mkdir(n, mode), "mkdir %s %o", n, mode);
}

static void do_symlink(void)
{
	const char *a = name(), *b = name();

	answer(symlink(a, b), "symlink %s %s", a, b);
}

static void do_readlink(void)
{
	const char *n = name();
	unsigned len = random_below(9);

	answer(readlink(n, block, len), "readlink %s %u", n, len);
}

static void do_mknod(void)
{
	static const mode_t all[] = { S_IFIFO | 0644, S_IFREG | 0600, S_IFSOCK | 0600, 0644, S_IFDIR | 0755 };
	const char *n = name();
	mode_t mode = all[random_below(COUNT(all))];

	answer(mknod(n, mode, 0), "mknod %s %o", n, mode);
}

static void do_chmod(void)
{
	const char *n = name();
	unsigned mode = one_in(4) ? random_below(010000) & ~06000u : 0755;

	answer(chmod(n, mode), "chmod %s %o", n, mode);
}

static void do_chown(void)
{
	const char *n = name();
	int uid = one_in(2) ? -1 : (int)random_below(3) * 500, gid = one_in(2) ? -1 : (int)random_below(3) * 500;
	int flags = one_in(2) ? AT_SYMLINK_NOFOLLOW : 0;

	answer(fchownat(AT_FDCWD, n, uid, gid, flags), "chown %s %d %d %d", n, uid, gid, flags);
}

static void do_utimens(void)
{
	struct timespec times[2] = { { random_below(1000), 0 }, { random_below(1000), one_in(3) ? UTIME_OMIT : 0 } };
	int flags = one_in(2) ? AT_SYMLINK_NOFOLLOW : 0;
	const char *n = name();

	answer(utimensat(AT_FDCWD, n, times, flags), "utimensat %s %d", n, flags);
}

static void do_access(void)
{
	const char *n = name();
	int mode = (int)random_below(8);

	answer(access(n, mode), "access %s %d", n, mode);
}

static void stat_say(long result, const struct stat *st, const char *call, const char *of)
{
	if (result < 0)
		answer(result, "%s %s", call, of);
	else if (S_ISDIR(st->st_mode))
		answer(0, "%s %s: %o", call, of, st->st_mode);
	else
		answer(0, "%s %s: %o %d %ld", call, of, st->st_mode, (int)st->st_nlink, (long)st->st_size);
}

static void do_stat(void)
{
	const char *n = name();
	struct stat st;

	if (one_in(2))
		stat_say(stat(n, &st), &st, "stat", n);
	else
		stat_say(lstat(n, &st), &st, "lstat", n);
}

static void do_fstat(void)
{
	struct stat st;

	stat_say(fstat(fds[random_below(FDS)], &st), &st, "fstat", "");
}

static void do_control(void)
{
	unsigned i = random_below(FDS), what = random_below(4);
	int fd = fds[i], flags = O_NONBLOCK | (one_in(2) ? O_APPEND : 0);

	switch (what) {
	case 0: answer(fcntl(fd, F_GETFL), "F_GETFL %u", i); break;
	case 1: answer(fcntl(fd, F_SETFL, flags), "F_SETFL %u %d", i, flags); break;
	case 2: answer(flock(fd, LOCK_EX | LOCK_NB), "flock %u", i); break;
	case 3: answer(syscall(SYS_fchmod, fd, 0644), "fchmod %u", i); break;
	}
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static uint32_t content_of(const char *path)
{
	int fd = open(path, O_RDONLY);
	uint32_t sum = 7;
	long n;

	if (fd < 0)
		return (uint32_t)errno;
	while ((n = read(fd, block, sizeof(block))) > 0)
		sum = sum * 31 + sum_of(block, (size_t)n);
	for (long at = 0, from = -1; (at = lseek(fd, at, SEEK_DATA)) > from; ) {
		from = at;
		at = lseek(fd, at, SEEK_HOLE);
		sum = (sum * 31 + (uint32_t)from) * 31 + (uint32_t)at;
	}
	close(fd);
	return sum;
}

static void tree_say(const char *folder, int depth);

static void entry_say(const char *path, int depth)
{
	char target[256] = "";
	struct stat st;

	if (lstat(path, &st) < 0) {
		printf("%*s%s: %d\n", depth, "", path, errno);
		return;
	}
	if (S_ISLNK(st.st_mode))
		(void)!readlink(path, target, sizeof(target) - 1);
	printf("%*s%s %o %d.%d %s %x", depth, "", path, st.st_mode, (int)st.st_uid, (int)st.st_gid, target,
	       S_ISREG(st.st_mode) ? content_of(path) : 0);
	if (!S_ISDIR(st.st_mode))
		printf(" %d %ld", (int)st.st_nlink, (long)st.st_size);
	printf(" %ld\n", st.st_mtime < 1000000 && !S_ISFIFO(st.st_mode) ? (long)st.st_mtime : 0);
	if (S_ISDIR(st.st_mode) && depth < 6)
		tree_say(path, depth + 1);
}

static void tree_say(const char *folder, int depth)
{
	char *entries[64], path[512];
	struct dirent *e;
	size_t n = 0;
	DIR *dir = opendir(folder);

	if (!dir) {
		printf("%*s%s: %d\n", depth, "", folder, errno);
		return;
	}
	while ((e = readdir(dir)) && n < COUNT(entries))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			entries[n++] = strdup(e->d_name);
	closedir(dir);
	qsort(entries, n, sizeof(*entries), by_name);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]);
		entry_say(path, depth);
		free(entries[i]);
	}
}

static void look(void) { tree_say(FOLDER, 1); }

static void file_make(const char *path, mode_t mode)
{
	close(open(path, O_CREAT | O_RDWR, 0600));
	chmod(path, mode);
}

/* Among what root has left there, some for everybody. */
static void become_user(void)
{
	file_make("roots", 0644);
	file_make("everybodys", 0666);
	mkdir("R", 0755);
	file_make("R/y", 0666);
	mkdir("W", 0777);
	chmod("W", 0777);
	file_make("W/z", 0600);
	mkdir("P", 0700);
	names[0] = "roots", names[1] = "everybodys", names[7] = "P/q", names[9] = "W/k", names[11] = "R/y", names[12] = "W/z";
	user = 1000;
	if (setgid(user) < 0 || setuid(user) < 0)
		abort();
}

int main(int argc, char **argv)
{
	static void (*const calls[])(void) = {
		do_open, do_open, do_open, do_open, do_openat, do_dup, do_close, do_read, do_write, do_write, do_pread, do_pwrite,
		do_seek, do_ftruncate, do_truncate, do_rename, do_rename_flags, do_link, do_link, do_unlink, do_unlink,
		do_rmdir, do_mkdir, do_mkdir, do_symlink, do_readlink, do_mknod, do_chmod, do_chown, do_utimens, do_access,
		do_stat, do_fstat, do_control,
	};

	for (unsigned i = 0; i < FDS; i++)
		fds[i] = -1;
	(void)!system("rm -rf " ABOVE "; mkdir -p " FOLDER);
	chmod(FOLDER, 0777);
	if (chdir(FOLDER) < 0)
		abort();
	if (argc > 1 && atoi(argv[1]) % 2 == 0)
		become_user();
	umask(022);
	return twin_run(argc, argv, calls, COUNT(calls), look);
}
