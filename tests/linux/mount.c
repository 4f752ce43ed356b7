/*
 * mount.c -- tmpfs, proc and bind mounts.
 *
 * Owns:    what it mounts below its scratch directory, and unmounts.
 * Locks:   none.
 * Fails:   see tap.h. Skipped where the user may not mount.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

/* On a machine that people use, all this happens in a mount namespace of our own. */
static void mounts_prepare(void)
{
	if (getuid() != 0)
		SKIP("needs root");
	if (unshare(CLONE_NEWNS) == 0)
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	CHECK_EQ(mkdir("m", 0755), 0);
}

static void tmpfs_mount(const char *where, const char *options)
{
	if (mount("tap", where, "tmpfs", 0, options) != 0) {
		if (errno == EPERM)
			SKIP("may not mount");
		FAIL("  mount: %s", strerror(errno));
	}
}

TEST("a tmpfs covers its mount point, holds files, and is gone after umount")
{
	struct stat below, above;

	mounts_prepare();
	file_write("m/under", "x");
	CHECK_EQ(stat("m", &below), 0);
	tmpfs_mount("m", NULL);
	CHECK_EQ(stat("m", &above), 0);
	CHECK(above.st_dev != below.st_dev);
	CHECK_ERR(access("m/under", F_OK), ENOENT);
	file_write("m/over", "y");
	CHECK_EQ(mkdir("m/d", 0777), 0);
	CHECK_EQ(umount("m"), 0);
	CHECK_EQ(access("m/under", F_OK), 0);
	CHECK_ERR(access("m/over", F_OK), ENOENT);
}

TEST("umount of a busy mount is EBUSY, lazily it works; of no mount EINVAL")
{
	int fd;

	mounts_prepare();
	CHECK_ERR(umount("m"), EINVAL);
	CHECK_ERR(umount("none"), ENOENT);
	tmpfs_mount("m", NULL);
	file_write("m/f", "still here");
	fd = open("m/f", O_RDONLY);
	CHECK_ERR(umount("m"), EBUSY);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
	CHECK_ERR(access("m/f", F_OK), ENOENT);
	CHECK_EQ(read(fd, (char[4]){ 0 }, 4), 4);
	CHECK_EQ(close(fd), 0);
}

TEST("a read-only mount is EROFS for every change")
{
	mounts_prepare();
	tmpfs_mount("m", NULL);
	file_write("m/f", "x");
	CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_ERR(open("m/f", O_RDWR), EROFS);
	CHECK_ERR(open("m/new", O_RDWR | O_CREAT, 0644), EROFS);
	CHECK_ERR(mkdir("m/d", 0777), EROFS);
	CHECK_ERR(unlink("m/f"), EROFS);
	CHECK_ERR(chmod("m/f", 0600), EROFS);
	CHECK_ERR(access("m/f", W_OK), EROFS);
	CHECK(open("m/f", O_RDONLY) >= 0);
	CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT, NULL), 0);
	CHECK(open("m/f", O_RDWR) >= 0);
	umount2("m", MNT_DETACH);
}

TEST("tmpfs takes size and mode; when it is full, write is ENOSPC")
{
	static char block[65536];
	struct stat now;
	struct statfs fs;
	ssize_t n;
	int fd;

	mounts_prepare();
	tmpfs_mount("m", "size=128k,mode=0751");
	CHECK_EQ(stat("m", &now), 0);
	CHECK_EQ(now.st_mode & 07777, 0751);
	CHECK_EQ(statfs("m", &fs), 0);
	CHECK_EQ(fs.f_type, 0x01021994);
	CHECK_EQ(fs.f_blocks * (unsigned long)fs.f_bsize, 131072);
	fd = open("m/f", O_RDWR | O_CREAT, 0644);
	while ((n = write(fd, block, sizeof(block))) > 0)
		;
	CHECK(n == -1 && errno == ENOSPC);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(write(fd, block, 4096), 4096);
	close(fd);
	CHECK_EQ(umount("m"), 0);
}

TEST("fallocate takes room in the file system: it is ENOSPC when there is none, and then the size stays")
{
	static const char word[] = "kept";
	struct stat now;
	struct statfs before, fs;
	char back[5] = "";
	int fd;

	mounts_prepare();
	tmpfs_mount("m", "size=256k");
	fd = open("m/f", O_RDWR | O_CREAT, 0644);
	CHECK_EQ(pwrite(fd, word, 4, 10000), 4);
	CHECK_EQ(statfs("m", &before), 0);
	CHECK_ERR(fallocate(fd, 0, 0, 1 << 20), ENOSPC);
	CHECK_ERR(fallocate(fd, 0, 1 << 20, 1 << 20), ENOSPC);
	CHECK_ERR(fallocate(fd, 0, 0, 1LL << 62), ENOSPC);
	CHECK_ERR(fallocate(fd, 0, INT64_MAX, 1), EFBIG);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK_EQ(now.st_size, 10004);
	CHECK_EQ(fallocate(fd, 0, 4000, 100000), 0);
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK_EQ(now.st_size, 104000);
	CHECK(now.st_blocks >= 100000 / 512);
	CHECK_EQ(statfs("m", &fs), 0);
	CHECK(before.f_bfree - fs.f_bfree >= 20);
	CHECK_EQ(pread(fd, back, 4, 10000), 4);
	CHECK_EQ(strcmp(back, word), 0);
	CHECK_EQ(pread(fd, back, 4, 103000), 4);
	CHECK_EQ(memcmp(back, "\0\0\0\0", 4), 0);
	close(fd);
	CHECK_EQ(umount("m"), 0);
}

TEST("a bind mount shows a directory or file at a second place")
{
	struct stat a, b;
	char text[16];

	mounts_prepare();
	CHECK_EQ(mkdir("source", 0755), 0);
	file_write("source/f", "bound");
	tmpfs_mount("m", NULL);
	CHECK_EQ(umount("m"), 0);
	CHECK_EQ(mount("source", "m", NULL, MS_BIND, NULL), 0);
	CHECK_STR(file_read("m/f", text, sizeof(text)), "bound");
	file_write("m/g", "new");
	CHECK_STR(file_read("source/g", text, sizeof(text)), "new");
	CHECK_EQ(stat("m/f", &a), 0);
	CHECK_EQ(stat("source/f", &b), 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK_ERR(rename("m/f", "source/h"), EXDEV);
	CHECK_ERR(link("m/f", "source/h"), EXDEV);
	CHECK_EQ(umount("m"), 0);
	file_write("target", "");
	CHECK_EQ(mount("source/f", "target", NULL, MS_BIND, NULL), 0);
	CHECK_STR(file_read("target", text, sizeof(text)), "bound");
	CHECK_ERR(unlink("target"), EBUSY);
	CHECK_EQ(umount("target"), 0);
}

TEST(".. at the root of a mount leads to the directory above its mount point")
{
	struct stat a, b;

	mounts_prepare();
	tmpfs_mount("m", NULL);
	CHECK_EQ(stat(".", &a), 0);
	CHECK_EQ(stat("m/..", &b), 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK_ERR(rmdir("m"), EBUSY);
	CHECK_ERR(rename("m", "n"), EBUSY);
	CHECK_EQ(umount("m"), 0);
	CHECK_EQ(rmdir("m"), 0);
}

TEST("mounts may be stacked, and /proc/mounts lists them in order")
{
	char text[16384], here[256], line[512];

	mounts_prepare();
	CHECK(getcwd(here, sizeof(here)) != NULL);
	tmpfs_mount("m", NULL);
	file_write("m/first", "");
	tmpfs_mount("m", NULL);
	CHECK_ERR(access("m/first", F_OK), ENOENT);
	snprintf(line, sizeof(line), "tap %s/m tmpfs rw", here);
	file_read("/proc/self/mounts", text, sizeof(text));
	CHECK(strstr(text, line) != NULL);
	CHECK(strstr(strstr(text, line) + 1, line) != NULL);
	CHECK_EQ(umount("m"), 0);
	CHECK_EQ(access("m/first", F_OK), 0);
	CHECK_EQ(umount("m"), 0);
}

TEST("a second proc shows the same processes")
{
	char path[64];

	mounts_prepare();
	if (mount("proc", "m", "proc", 0, NULL) != 0)
		SKIP("may not mount proc");
	snprintf(path, sizeof(path), "m/%d/stat", getpid());
	CHECK_EQ(access(path, F_OK), 0);
	CHECK_EQ(umount("m"), 0);
}

TEST("unknown types are ENODEV, a file as mount point ENOTDIR, an ordinary user EPERM")
{
	pid_t child;

	mounts_prepare();
	file_write("f", "");
	CHECK_ERR(mount("x", "m", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERR(mount("x", "f", "tmpfs", 0, NULL), ENOTDIR);
	CHECK_ERR(mount("x", "none", "tmpfs", 0, NULL), ENOENT);
	CHILD(child) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(mount("x", "m", "tmpfs", 0, NULL), EPERM);
		CHECK_ERR(umount("/proc"), EPERM);
	}
	REAP(child, 0);
}

/* Two bind mounts of one directory, peers of each other: "a" and "b". */
static void peers_make(void)
{
	mounts_prepare();
	CHECK_EQ(mkdir("a", 0755) + mkdir("b", 0755), 0);
	tmpfs_mount("a", NULL);
	CHECK_EQ(mkdir("a/d", 0755), 0);
	CHECK_EQ(mount(NULL, "a", NULL, MS_SHARED, NULL), 0);
	CHECK_EQ(mount("a", "b", NULL, MS_BIND, NULL), 0);
}

static void peers_end(void)
{
	umount("a/d");
	umount("b/d");
	CHECK_EQ(umount("b"), 0);
	CHECK_EQ(umount("a"), 0);
}

TEST("what is mounted on a shared mount is mounted on its peers, both ways, and unmounted there")
{
	peers_make();
	tmpfs_mount("b/d", NULL);
	file_write("a/d/file", "x");
	CHECK_EQ(access("b/d/file", F_OK), 0);
	CHECK_EQ(umount("a/d"), 0);
	CHECK_ERR(access("b/d/file", F_OK), ENOENT);
	CHECK_ERR(umount("b/d"), EINVAL);
	peers_end();
}

TEST("a slave receives what is mounted on its master and sends nothing; a private mount does neither")
{
	peers_make();
	CHECK_EQ(mount(NULL, "b", NULL, MS_SLAVE, NULL), 0);
	tmpfs_mount("a/d", NULL);
	file_write("b/d/file", "x");
	CHECK_EQ(access("a/d/file", F_OK), 0);
	CHECK_EQ(umount("b/d"), 0);
	CHECK_EQ(access("a/d/file", F_OK), 0);
	CHECK_EQ(umount("a/d"), 0);
	tmpfs_mount("b/d", NULL);
	file_write("b/d/file", "x");
	CHECK_ERR(access("a/d/file", F_OK), ENOENT);
	CHECK_EQ(umount("b/d"), 0);
	CHECK_EQ(mount(NULL, "b", NULL, MS_PRIVATE, NULL), 0);
	tmpfs_mount("a/d", NULL);
	file_write("a/d/file", "x");
	CHECK_ERR(access("b/d/file", F_OK), ENOENT);
	peers_end();
}

TEST("propagation is set on mounts only, one kind at a time; what is unbindable is not bound")
{
	peers_make();
	CHECK_ERR(mount(NULL, "a/d", NULL, MS_SHARED, NULL), EINVAL);
	CHECK_ERR(mount(NULL, "a", NULL, MS_SHARED | MS_PRIVATE, NULL), EINVAL);
	CHECK_EQ(mount(NULL, "a", NULL, MS_UNBINDABLE, NULL), 0);
	CHECK_ERR(mount("a", "m", NULL, MS_BIND, NULL), EINVAL);
	peers_end();
}
