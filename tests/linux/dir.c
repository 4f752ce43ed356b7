/*
 * dir.c -- directories, links, names and permissions.
 *
 * Owns:    its scratch directory.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <dirent.h>
#include <sys/syscall.h>

#define OTHER_UID	1000

static void file_touch(const char *path)
{
	file_write(path, "x");
}

static int nlink_of(const char *path)
{
	struct stat now;

	CHECK_EQ(lstat(path, &now), 0);
	return (int)now.st_nlink;
}

/* Runs the block as an ordinary user in a child. */
#define AS_USER(pid)							\
	if (getuid() != 0)						\
		SKIP("needs root");					\
	CHILD(pid)							\
		for (int once_ = user_become(); once_; once_ = 0)

static int user_become(void)
{
	CHECK_EQ(setgid(OTHER_UID), 0);
	CHECK_EQ(setuid(OTHER_UID), 0);
	return 1;
}

TEST("mkdir makes a directory with two links, and each subdirectory adds one to its parent")
{
	struct stat now;

	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_EQ(stat("d", &now), 0);
	CHECK_EQ(now.st_mode, S_IFDIR | 0755);
	CHECK_EQ(now.st_nlink, 2);
	CHECK_EQ(mkdir("d/e", 0700), 0);
	CHECK_EQ(nlink_of("d"), 3);
	CHECK_EQ(rmdir("d/e"), 0);
	CHECK_EQ(nlink_of("d"), 2);
	CHECK_ERR(mkdir("d", 0777), EEXIST);
	CHECK_ERR(mkdir("none/e", 0777), ENOENT);
	CHECK_ERR(mkdir("/", 0777), EEXIST);
	file_touch("f");
	CHECK_ERR(mkdir("f/e", 0777), ENOTDIR);
	CHECK_EQ(mkdir("slash/", 0777), 0);
}

TEST("rmdir removes only empty directories, and neither . nor a file")
{
	CHECK_EQ(mkdir("d", 0777), 0);
	file_touch("d/f");
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(rmdir("d/f"), ENOTDIR);
	CHECK_ERR(rmdir("d/."), EINVAL);
	CHECK_ERR(rmdir("d/.."), ENOTEMPTY);
	CHECK_ERR(rmdir("none"), ENOENT);
	CHECK_ERR(rmdir("/"), EBUSY);
	CHECK_EQ(unlink("d/f"), 0);
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERR(access("d", F_OK), ENOENT);
}

TEST("unlink of a directory is EISDIR, of a name with a slash behind ENOTDIR")
{
	CHECK_EQ(mkdir("d", 0777), 0);
	file_touch("f");
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlink("none"), ENOENT);
	CHECK_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	CHECK_EQ(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
}

TEST("getdents64 lists every entry once, with . and .., inode and type")
{
	char name[16], buffer[600];
	int seen[200] = { 0 }, ndots = 0, fd, total = 0;
	long n;

	CHECK_EQ(mkdir("d", 0777), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "d/%03d", i);
		if (i % 2)
			file_touch(name);
		else
			CHECK_EQ(mkdir(name, 0777), 0);
	}
	fd = open("d", O_RDONLY | O_DIRECTORY);
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			struct dirent *e = (struct dirent *)(buffer + at);

			CHECK(e->d_reclen >= 24 && e->d_reclen % 8 == 0);
			CHECK(e->d_ino != 0);
			at += e->d_reclen;
			total++;
			if (e->d_name[0] == '.') {
				CHECK_EQ(e->d_type, DT_DIR);
				ndots++;
				continue;
			}
			CHECK_EQ(e->d_type, atoi(e->d_name) % 2 ? DT_REG : DT_DIR);
			seen[atoi(e->d_name)]++;
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(ndots, 2);
	CHECK_EQ(total, 202);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(seen[i], 1);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)) > 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERR(syscall(SYS_getdents64, fd, buffer, 5), EINVAL);
}

TEST("entries may be removed while the directory is read, none is lost or told twice")
{
	char name[32];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	CHECK_EQ(mkdir("d", 0777), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		file_touch(name);
	}
	dir = opendir("d");
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.') {
			snprintf(name, sizeof(name), "d/%.10s", e->d_name);
			CHECK_EQ(unlink(name), 0);
			n++;
		}
	CHECK_EQ(n, 100);
	closedir(dir);
	CHECK_EQ(rmdir("d"), 0);
}

TEST("getdents of a file is ENOTDIR and of a removed directory ENOENT")
{
	char buffer[300];
	int fd;

	file_touch("f");
	fd = open("f", O_RDONLY);
	CHECK_ERR(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), ENOTDIR);
	CHECK_EQ(mkdir("d", 0777), 0);
	fd = open("d", O_RDONLY);
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERR(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), ENOENT);
}

TEST("a hard link is the same file, and unlink takes one name away")
{
	struct stat a, b;

	file_touch("a");
	CHECK_EQ(link("a", "b"), 0);
	CHECK_EQ(stat("a", &a), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK(a.st_ino == b.st_ino && a.st_nlink == 2);
	CHECK_ERR(link("a", "b"), EEXIST);
	CHECK_ERR(link("none", "c"), ENOENT);
	CHECK_EQ(unlink("a"), 0);
	CHECK_EQ(nlink_of("b"), 1);
	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_ERR(link("d", "e"), EPERM);
	CHECK_ERR(link("b", "/dev/tap-x"), EXDEV);
}

TEST("link does not follow a symbolic link unless asked")
{
	struct stat now;

	file_touch("f");
	CHECK_EQ(symlink("f", "s"), 0);
	CHECK_EQ(syscall(SYS_link, "s", "t"), 0);
	CHECK_EQ(lstat("t", &now), 0);
	CHECK(S_ISLNK(now.st_mode));
	CHECK_EQ(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW), 0);
	CHECK_EQ(lstat("u", &now), 0);
	CHECK(S_ISREG(now.st_mode));
}

TEST("a symbolic link holds any text; readlink gives it without a zero")
{
	char text[64];
	struct stat now;

	CHECK_EQ(symlink("some/where", "s"), 0);
	memset(text, '#', sizeof(text));
	CHECK_EQ(readlink("s", text, sizeof(text)), 10);
	CHECK_EQ(memcmp(text, "some/where#", 11), 0);
	CHECK_EQ(readlink("s", text, 4), 4);
	CHECK_EQ(lstat("s", &now), 0);
	CHECK_EQ(now.st_mode, S_IFLNK | 0777);
	CHECK_EQ(now.st_size, 10);
	CHECK_ERR(symlink("x", "s"), EEXIST);
	CHECK_ERR(symlink("", "e"), ENOENT);
	CHECK_ERR(readlink(".", text, sizeof(text)), EINVAL);
	CHECK_ERR(syscall(SYS_readlink, "s", text, 0), EINVAL);
	CHECK_ERR(access("s", F_OK), ENOENT);
}

TEST("forty links in a row are followed, more or a loop are ELOOP")
{
	char from[16], to[16];

	file_touch("0");
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "%d", i);
		snprintf(to, sizeof(to), "%d", i - 1);
		CHECK_EQ(symlink(to, from), 0);
	}
	CHECK_EQ(access("40", F_OK), 0);
	CHECK_ERR(access("41", F_OK), ELOOP);
	CHECK_EQ(symlink("b", "a"), 0);
	CHECK_EQ(symlink("a", "b"), 0);
	CHECK_ERR(open("a", O_RDONLY), ELOOP);
	CHECK_ERR(chdir("a"), ELOOP);
	CHECK_EQ(unlink("a"), 0);
}

TEST("links in the middle of a path, absolute and with .. are resolved where they stand")
{
	char here[256], text[16];

	CHECK_EQ(mkdir("d", 0777) | mkdir("d/e", 0777), 0);
	file_write("d/f", "right");
	CHECK_EQ(symlink("d/e", "s"), 0);
	CHECK_STR(file_read("s/../f", text, sizeof(text)), "right");
	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK_EQ(symlink(here, "d/e/up"), 0);
	CHECK_STR(file_read("s/up/d/f", text, sizeof(text)), "right");
	CHECK_STR(file_read(".//d/./e/..///f", text, sizeof(text)), "right");
	CHECK_EQ(access("/../../..", F_OK), 0);
	CHECK_EQ(access("s/", F_OK), 0);
}

TEST("rename moves a file over another and keeps its inode")
{
	struct stat a, b;
	char text[16];

	file_write("a", "new");
	file_write("b", "old");
	CHECK_EQ(stat("a", &a), 0);
	CHECK_EQ(rename("a", "b"), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_STR(file_read("b", text, sizeof(text)), "new");
	CHECK_ERR(access("a", F_OK), ENOENT);
	CHECK_EQ(rename("b", "b"), 0);
	CHECK_EQ(link("b", "c"), 0);
	CHECK_EQ(rename("b", "c"), 0);
	CHECK_EQ(access("b", F_OK), 0);
}

TEST("rename of directories: over an empty one, never into itself or over a file")
{
	CHECK_EQ(mkdir("d", 0777) | mkdir("d/e", 0777) | mkdir("f", 0777), 0);
	file_touch("file");
	CHECK_ERR(rename("d", "d/e/g"), EINVAL);
	CHECK_ERR(rename("d", "file"), ENOTDIR);
	CHECK_ERR(rename("file", "d"), EISDIR);
	CHECK_ERR(rename("f", "d"), ENOTEMPTY);
	CHECK_EQ(rename("d", "f"), 0);
	CHECK_EQ(access("f/e", F_OK), 0);
	CHECK_ERR(rename("none", "x"), ENOENT);
	CHECK_ERR(rename("file", "none/x"), ENOENT);
	CHECK_ERR(rename("file", "file/x"), ENOTDIR);
	CHECK_ERR(rename("file", "x/"), ENOTDIR);
	CHECK_ERR(rename("f/.", "x"), EBUSY);
	CHECK_ERR(rename("f", ".."), EBUSY);
	CHECK_ERR(rename("file", "/proc/x"), EXDEV);
	CHECK_EQ(rename("f/", "g/"), 0);
}

TEST("a moved directory knows its new parent and link counts follow")
{
	struct stat a, b;

	CHECK_EQ(mkdir("a", 0777) | mkdir("b", 0777) | mkdir("a/d", 0777), 0);
	CHECK_EQ(nlink_of("a"), 3);
	CHECK_EQ(rename("a/d", "b/d"), 0);
	CHECK_EQ(nlink_of("a"), 2);
	CHECK_EQ(nlink_of("b"), 3);
	CHECK_EQ(stat("b/d/..", &a), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
}

TEST("renameat2 knows NOREPLACE and EXCHANGE")
{
	char text[8];

	file_write("a", "A");
	file_write("b", "B");
	if (syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1) == -1 && errno == ENOSYS)
		SKIP("renameat2 is ENOSYS");
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1), EEXIST);
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2), 0);
	CHECK_STR(file_read("a", text, sizeof(text)), "B");
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", 1), 0);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", 3), EINVAL);
}

TEST("chdir, fchdir and getcwd follow each other, also through a rename")
{
	char here[256], there[256], small[4];
	int fd = open(".", O_RDONLY);

	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_EQ(chdir("d"), 0);
	CHECK_EQ(rename("../d", "../e"), 0);
	CHECK(getcwd(there, sizeof(there)) != NULL);
	CHECK_EQ(strncmp(there, here, strlen(here)), 0);
	CHECK_STR(there + strlen(here), "/e");
	CHECK_ERR(syscall(SYS_getcwd, small, sizeof(small)), ERANGE);
	CHECK_EQ(rmdir("../e"), 0);
	CHECK_ERR(syscall(SYS_getcwd, there, sizeof(there)), ENOENT);
	CHECK_ERR(open("f", O_CREAT | O_RDWR, 0644), ENOENT);
	CHECK_EQ(fchdir(fd), 0);
	CHECK_STR(getcwd(there, sizeof(there)), here);
	file_touch("f");
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK_ERR(chdir("none"), ENOENT);
	CHECK_ERR(fchdir(open("f", O_RDONLY)), ENOTDIR);
}

TEST("openat and its kin start from a directory descriptor")
{
	struct stat now;
	int dir, file;

	CHECK_EQ(mkdir("d", 0777), 0);
	dir = open("d", O_RDONLY | O_DIRECTORY);
	file = openat(dir, "f", O_RDWR | O_CREAT, 0644);
	CHECK(file >= 0);
	CHECK_EQ(access("d/f", F_OK), 0);
	CHECK_EQ(fstatat(dir, "f", &now, 0), 0);
	CHECK_EQ(faccessat(dir, "f", R_OK, 0), 0);
	CHECK_EQ(mkdirat(dir, "e", 0777), 0);
	CHECK_EQ(symlinkat("f", dir, "s"), 0);
	CHECK_EQ(renameat(dir, "f", AT_FDCWD, "g"), 0);
	CHECK_EQ(access("g", F_OK), 0);
	CHECK_ERR(openat(file, "x", O_RDONLY), ENOTDIR);
	CHECK_ERR(openat(150, "x", O_RDONLY), EBADF);
	CHECK(openat(150, "/", O_RDONLY) >= 0);
	CHECK_ERR(openat(dir, "", O_RDONLY), ENOENT);
}

TEST("umask applies to files, directories and FIFOs, and gives the old one back")
{
	struct stat now;

	CHECK_EQ(umask(077), 022);
	CHECK_EQ(umask(077), 077);
	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_EQ(mknod("p", S_IFIFO | 0666, 0), 0);
	CHECK_EQ(stat("d", &now), 0);
	CHECK_EQ(now.st_mode & 0777, 0700);
	CHECK_EQ(stat("p", &now), 0);
	CHECK_EQ(now.st_mode, S_IFIFO | 0600);
	CHECK_EQ(umask(07777), 077);
	CHECK_EQ(umask(0), 0777);
}

TEST("an ordinary user meets permissions: read, write, search, owner only")
{
	pid_t child;

	CHECK_EQ(mkdir("closed", 0700), 0);
	file_touch("closed/f");
	file_touch("secret");
	CHECK_EQ(chmod("secret", 0600), 0);
	file_touch("readable");
	CHECK_EQ(chmod("readable", 0644), 0);
	CHECK_EQ(mkdir("noread", 0711), 0);
	file_touch("noread/f");
	CHECK_EQ(mkdir("fixed", 0755), 0);
	file_touch("fixed/f");
	AS_USER(child) {
		CHECK_ERR(open("closed/f", O_RDONLY), EACCES);
		CHECK_ERR(chdir("closed"), EACCES);
		CHECK_ERR(open("secret", O_RDONLY), EACCES);
		CHECK(open("readable", O_RDONLY) >= 0);
		CHECK_ERR(open("readable", O_RDWR), EACCES);
		CHECK_ERR(open("readable", O_RDONLY | O_TRUNC), EACCES);
		CHECK_ERR(truncate("readable", 0), EACCES);
		CHECK_ERR(open("noread", O_RDONLY), EACCES);
		CHECK(open("noread/f", O_RDONLY) >= 0);
		CHECK_ERR(unlink("fixed/f"), EACCES);
		CHECK_ERR(mkdir("fixed/d", 0777), EACCES);
		CHECK_ERR(rename("fixed/f", "g"), EACCES);
		CHECK_ERR(open("fixed/new", O_CREAT | O_RDWR, 0644), EACCES);
		CHECK_ERR(chmod("readable", 0666), EPERM);
		CHECK_ERR(chown("readable", OTHER_UID, -1), EPERM);
		CHECK_ERR(access("secret", R_OK), EACCES);
		CHECK_EQ(access("secret", F_OK), 0);
		CHECK_ERR(access("readable", W_OK), EACCES);
	}
	REAP(child, 0);
}

TEST("the owner's bits count for the owner, even when the group or others have more")
{
	pid_t child;

	file_touch("f");
	CHECK_EQ(chmod("f", 0077), 0);
	if (getuid() == 0)
		CHECK_EQ(chown("f", OTHER_UID, OTHER_UID), 0);
	AS_USER(child) {
		CHECK_ERR(open("f", O_RDONLY), EACCES);
		CHECK_EQ(chmod("f", 0400), 0);
		CHECK(open("f", O_RDONLY) >= 0);
		CHECK_ERR(open("f", O_WRONLY), EACCES);
	}
	REAP(child, 0);
}

TEST("root may read and write anything, but not execute what has no x bit")
{
	if (getuid() != 0)
		SKIP("needs root");
	file_touch("f");
	CHECK_EQ(chmod("f", 0), 0);
	CHECK(open("f", O_RDWR) >= 0);
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	CHECK_ERR(access("f", X_OK), EACCES);
}

TEST("in a sticky directory only the owner of a file removes it")
{
	pid_t child;

	CHECK_EQ(mkdir("t", 0777), 0);
	CHECK_EQ(chmod("t", 01777), 0);
	file_touch("t/roots");
	AS_USER(child) {
		file_touch("t/mine");
		CHECK_ERR(unlink("t/roots"), EPERM);
		CHECK_ERR(rename("t/roots", "t/x"), EPERM);
		CHECK_EQ(unlink("t/mine"), 0);
	}
	REAP(child, 0);
}

TEST("a set-gid directory gives its group to what is made in it")
{
	struct stat now;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(chown("d", 0, 77), 0);
	CHECK_EQ(chmod("d", 02755), 0);
	file_touch("d/f");
	CHECK_EQ(mkdir("d/e", 0755), 0);
	CHECK_EQ(stat("d/f", &now), 0);
	CHECK_EQ(now.st_gid, 77);
	CHECK_EQ(stat("d/e", &now), 0);
	CHECK_EQ(now.st_gid, 77);
	CHECK(now.st_mode & S_ISGID);
}

TEST("access asks with the real uid, faccessat with AT_EACCESS with the effective one")
{
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	file_touch("f");
	CHECK_EQ(chmod("f", 0600), 0);
	CHILD(child) {
		CHECK_EQ(setresuid(OTHER_UID, 0, 0), 0);
		CHECK_ERR(access("f", R_OK), EACCES);
		CHECK(open("f", O_RDONLY) >= 0);
	}
	REAP(child, 0);
}

TEST("supplementary groups open what the group may open")
{
	gid_t groups[] = { 500, 600 };
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	file_touch("f");
	CHECK_EQ(chown("f", 0, 600), 0);
	CHECK_EQ(chmod("f", 0640), 0);
	CHILD(child) {
		gid_t got[4];

		CHECK_EQ(syscall(SYS_setgroups, 2, groups), 0);
		CHECK_EQ(setgid(OTHER_UID) | setuid(OTHER_UID), 0);
		CHECK_EQ(getgroups(0, NULL), 2);
		CHECK_EQ(getgroups(4, got), 2);
		CHECK(got[0] == 500 && got[1] == 600);
		CHECK(open("f", O_RDONLY) >= 0);
		CHECK_ERR(open("f", O_WRONLY), EACCES);
	}
	REAP(child, 0);
}

TEST("setuid, seteuid and setresuid change what they may, and no way leads back to root")
{
	pid_t child;
	uid_t r, e, s;

	if (getuid() != 0)
		SKIP("needs root");
	CHILD(child) {
		CHECK_EQ(seteuid(OTHER_UID), 0);
		CHECK_EQ(geteuid(), OTHER_UID);
		CHECK_EQ(seteuid(0), 0);
		CHECK_EQ(setgid(OTHER_UID), 0);
		CHECK_EQ(setuid(OTHER_UID), 0);
		getresuid(&r, &e, &s);
		CHECK(r == OTHER_UID && e == OTHER_UID && s == OTHER_UID);
		CHECK_ERR(setuid(0), EPERM);
		CHECK_ERR(seteuid(0), EPERM);
		CHECK_ERR(setresuid(-1, 0, -1), EPERM);
		CHECK_ERR(setgid(0), EPERM);
		CHECK_ERR(syscall(SYS_setgroups, 0, NULL), EPERM);
		CHECK_ERR(chroot("."), EPERM);
	}
	REAP(child, 0);
}

TEST("mknod makes devices for root only, and they work")
{
	struct stat now;
	pid_t child;
	char byte = 1;
	int fd;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_EQ(mknod("zero", S_IFCHR | 0666, 0x105), 0);
	CHECK_EQ(stat("zero", &now), 0);
	CHECK(S_ISCHR(now.st_mode));
	CHECK_EQ(now.st_rdev, 0x105);
	fd = open("zero", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 0);
	CHILD(child) {
		CHECK_EQ(setuid(OTHER_UID), 0);
		CHECK_ERR(mknod("mine", S_IFCHR | 0666, 0x105), EPERM);
	}
	REAP(child, 0);
}

TEST("chroot hides what lies outside")
{
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_EQ(mkdir("jail", 0755), 0);
	file_touch("jail/inside");
	CHILD(child) {
		char here[64];

		CHECK_EQ(chroot("jail"), 0);
		CHECK_EQ(chdir("/"), 0);
		CHECK_EQ(access("/inside", F_OK), 0);
		CHECK_EQ(access("/../../inside", F_OK), 0);
		CHECK_ERR(access("/tmp", F_OK), ENOENT);
		CHECK_STR(getcwd(here, sizeof(here)), "/");
	}
	REAP(child, 0);
}

TEST("a deep path of many components is walked")
{
	char path[4096] = "";

	for (int i = 0; i < 60; i++) {
		CHECK_EQ(mkdir("abcdefghijklmnopqrstuvwxyz", 0777), 0);
		CHECK_EQ(chdir("abcdefghijklmnopqrstuvwxyz"), 0);
	}
	file_touch("deep");
	CHECK(getcwd(path, sizeof(path)) != NULL);
	CHECK(strlen(path) > 60 * 27);
	strcat(path, "/deep");
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(chdir("/"), 0);
}

TEST("a file may have any bytes in its name but zero and the slash")
{
	char name[256] = "";
	struct dirent *e;
	bool seen = false;
	DIR *dir;

	for (int i = 1; i < 256; i++)
		name[i - 1] = i == '/' ? '_' : (char)i;
	file_touch(name);
	dir = opendir(".");
	while ((e = readdir(dir)) != NULL)
		seen |= strcmp(e->d_name, name) == 0;
	CHECK(seen);
}
