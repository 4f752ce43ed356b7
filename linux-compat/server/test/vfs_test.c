/*
 * vfs_test.c -- host tests of linuxd's names half, on a mock kernel; TAP on standard output.
 */
#include "vfs_mock.h"

static int tests, failures;
static struct process *root, *user, *other;

#define OK(x, name) ok((x), name, __LINE__)
#define MOUNT(p, op, flags, strings) mock_call(p, 0, op, flags, 0, 0, strings, sizeof(strings))
#define IS(got, want, name) is((got), (want), name, __LINE__)

static void ok(bool good, const char *name, int line)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
	if (!good) {
		printf("# line %d\n", line);
		failures++;
	}
}

static void is(int64_t got, int64_t want, const char *name, int line)
{
	ok(got == want, name, line);
	if (got != want)
		printf("# got %ld, want %ld\n", (long)got, (long)want);
}

static int64_t path1(struct process *p, uint32_t op, uint64_t w1, uint64_t w2, uint64_t w3, const char *path)
{
	return mock_call(p, 0, op, w1, w2, w3, path, (uint32_t)strlen(path) + 1);
}

static int64_t path2(struct process *p, uint32_t op, uint64_t w1, const char *a, const char *b)
{
	static char both[20000];
	uint32_t n = (uint32_t)strlen(a) + 1, m = (uint32_t)strlen(b) + 1;

	memcpy(both, a, n);
	memcpy(both + n, b, m);
	return mock_call(p, 0, op, w1, 0, 0, both, n + m);
}

static handle_t opened(struct process *p, const char *path, uint32_t flags, uint32_t mode)
{
	int64_t v = path1(p, LX_OPEN, flags, mode, 0, path);

	return v == 0 && answer.given ? answer.cap : 0;
}

static int64_t open_error(struct process *p, const char *path, uint32_t flags)
{
	int64_t v = path1(p, LX_OPEN, flags, 0644, 0, path);

	if (v == 0 && answer.cap)
		mock_close(answer.cap);
	return v;
}

static int64_t made(struct process *p, const char *path, uint32_t mode)
{
	handle_t h = opened(p, path, O_CREAT | O_EXCL | O_WRONLY, mode);

	if (!h)
		return answer.value;
	mock_close(h);
	return 0;
}

static struct lx_stat stat_of(struct process *p, const char *path, uint32_t flags)
{
	struct lx_stat st = { .mode = 0 };

	if (path1(p, LX_STAT, flags, 0, 0, path) == 0)
		memcpy(&st, answer.data, sizeof(st));
	return st;
}

static const char *text_of(struct process *p, const char *path)
{
	static char text[IPC_BULK_MAX + 1];
	handle_t h = opened(p, path, O_RDONLY, 0);

	text[0] = 0;
	if (!h)
		return text;
	if (mock_call(p, h, LX_READ, OFFSET_OWN, 0, 0, NULL, 0) >= 0) {
		memcpy(text, answer.data, answer.len);
		text[answer.len] = 0;
	}
	mock_close(h);
	return text;
}

/* The names of a directory, each followed by a slash. */
static const char *names_of(struct process *p, const char *path)
{
	static char names[65536];
	handle_t h = opened(p, path, O_RDONLY | O_DIRECTORY, 0);

	names[0] = 0;
	if (!h)
		return "?";
	while (mock_call(p, h, LX_GETDENTS, 0, 0, 0, NULL, 0) > 0) {
		for (uint32_t at = 0; at < answer.len;) {
			struct linux_dirent64 *e = (struct linux_dirent64 *)(answer.data + at);

			strcat(names, e->name);
			strcat(names, "/");
			at += e->reclen;
		}
	}
	mock_close(h);
	return names;
}

/* --- a small archive --------------------------------------------------------------------------------- */

static uint8_t archive[65536];
static uint32_t archive_len;

static void entry_put(uint32_t ino, const char *name, uint32_t mode, uint32_t nlink, uint32_t rmajor, uint32_t rminor,
	const void *data, uint32_t len, bool page)
{
	uint32_t name_len = (uint32_t)strlen(name) + 1, data_at;

	if (page) {
		data_at = (archive_len + 110 + name_len + 4095) & ~4095u;
		name_len = data_at - archive_len - 110;
	}
	archive_len += (uint32_t)sprintf((char *)archive + archive_len,
		"070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ino, mode, 0, 0, nlink, 1000, len, 0, 0,
		rmajor, rminor, name_len, 0);
	strcpy((char *)archive + archive_len, name);
	archive_len = (archive_len + name_len + 3) & ~3u;
	memcpy(archive + archive_len, data, len);
	archive_len = (archive_len + len + 3) & ~3u;
}

static void archive_make(void)
{
	static char big[5000];

	memset(big, 'b', sizeof(big));
	entry_put(1, "boot/init", S_IFREG | 0755, 1, 0, 0, "native", 6, false);
	entry_put(0, "TRAILER!!!", 0, 1, 0, 0, "", 0, false);
	archive_len = (archive_len + 4095) & ~4095u;
	entry_put(1, ".", S_IFDIR | 0755, 2, 0, 0, "", 0, false);
	entry_put(2, "bin", S_IFDIR | 0755, 2, 0, 0, "", 0, false);
	entry_put(3, "bin/big", S_IFREG | 0755, 1, 0, 0, big, 5000, true);
	entry_put(4, "bin/sh", S_IFLNK | 0777, 1, 0, 0, "big", 3, false);
	entry_put(5, "etc/passwd", S_IFREG | 0644, 1, 0, 0, "root:x", 6, false);
	entry_put(6, "dev", S_IFDIR | 0755, 2, 0, 0, "", 0, false);
	entry_put(7, "proc", S_IFDIR | 0555, 2, 0, 0, "", 0, false);
	entry_put(8, "sys", S_IFDIR | 0555, 2, 0, 0, "", 0, false);
	entry_put(9, "tmp", S_IFDIR | 01777, 2, 0, 0, "", 0, false);
	entry_put(10, "home", S_IFDIR | 0755, 2, 0, 0, "", 0, false);
	entry_put(11, "etc/hard1", S_IFREG | 0644, 2, 0, 0, "", 0, false);
	entry_put(11, "etc/hard2", S_IFREG | 0644, 2, 0, 0, "linked", 6, false);
	entry_put(12, "bin/node", S_IFCHR | 0600, 1, 1, 3, "", 0, false);
	entry_put(0, "TRAILER!!!", 0, 1, 0, 0, "", 0, false);
	archive_len = (archive_len + 4095) & ~4095u;
	entry_put(1, "etc/passwd", S_IFREG | 0600, 1, 0, 0, "later", 5, false);
	entry_put(0, "TRAILER!!!", 0, 1, 0, 0, "", 0, false);
}

static void test_archive(void)
{
	handle_t h = opened(root, "/bin/big", O_RDONLY, 0);
	struct lx_stat st = stat_of(root, "/etc/hard1", 0);

	OK(h && mock_content_size(h) == 5000, "a file of the archive has its size");
	IS(stat_of(root, "/bin/sh", 0).ino, stat_of(root, "/bin/big", 0).ino, "a link of the archive leads to its file");
	IS(stat_of(root, "/etc/passwd", 0).size, 5, "a later entry replaces an earlier one");
	IS(stat_of(root, "/etc/passwd", 0).mode, S_IFREG | 0600, "with its own mode");
	OK(st.nlink == 2 && st.size == 6, "a hard link of the archive has both names and the data");
	IS(stat_of(root, "/bin/node", 0).rdev, MAKEDEV(1, 3), "a device node of the archive has its number");
	IS(open_error(root, "/boot/init", 0), -ENOENT, "native servers are not in the root");
	if (h)
		mock_close(h);
}

static void test_archive_damaged(void)
{
	for (uint32_t len = 1; len < archive_len; len += len < 600 ? 1 : 97) {
		struct super *s = super_new(&tmpfs_type);
		struct archive a = mock_archive(archive, len);

		tmpfs_type.fill(s, "");
		archive_unpack(&a, s);
		s->refs = 1;
		super_put(s);
		tess_handle_close(a.vmo);
	}
	srand(1);
	for (int round = 0; round < 300; round++) {
		static uint8_t bad[sizeof(archive)];
		struct super *s = super_new(&tmpfs_type);
		struct archive a;

		memcpy(bad, archive, archive_len);
		for (int n = 0; n < 4; n++)
			bad[(uint32_t)rand() % (round & 1 ? 2000 : archive_len)] = (uint8_t)rand();
		a = mock_archive(bad, archive_len);
		tmpfs_type.fill(s, "");
		archive_unpack(&a, s);
		s->refs = 1;
		super_put(s);
		tess_handle_close(a.vmo);
	}
	OK(strstr(mock_log(), "archive") != NULL, "a damaged archive is one line of the log");
}

/* --- path resolution ------------------------------------------------------------------------------------ */

static void test_walk(void)
{
	static char name[400], path[6000];

	IS(open_error(root, "", 0), -ENOENT, "an empty path is ENOENT");
	IS(open_error(root, "/nope", 0), -ENOENT, "a missing name is ENOENT");
	IS(open_error(root, "/nope/x", O_CREAT), -ENOENT, "a missing directory is ENOENT");
	IS(open_error(root, "/etc/passwd/x", 0), -ENOTDIR, "a file is no directory");
	IS(open_error(root, "/etc/passwd/", 0), -ENOTDIR, "a slash after a file is ENOTDIR");
	IS(open_error(root, "/etc/passwd/.", 0), -ENOTDIR, "a dot after a file is ENOTDIR");
	IS(open_error(root, "/etc/", 0), 0, "a slash after a directory is fine");
	IS(open_error(root, "//etc///passwd", 0), 0, "slashes may be repeated");
	IS(open_error(root, "/../../etc/./../etc/passwd", 0), 0, "the root is its own parent");
	memset(name, 'n', 256);
	IS(open_error(root, name, 0), -ENAMETOOLONG, "a name of 256 is too long");
	name[255] = 0;
	IS(made(root, name, 0644), 0, "a name of 255 is not");
	IS(path1(root, LX_UNLINK, 0, 0, 0, name), 0, "and goes again");
	memset(path, '/', 4095);
	IS(path1(root, LX_STAT, 0, 0, 0, path), 0, "a path of 4095 is not too long");
	memset(path, '/', 4096);
	IS(path1(root, LX_STAT, 0, 0, 0, path), -ENAMETOOLONG, "a path of 4096 is");
	path2(root, LX_SYMLINK, 0, "/tmp/loop2", "/tmp/loop1");
	path2(root, LX_SYMLINK, 0, "loop1", "/tmp/loop2");
	IS(open_error(root, "/tmp/loop1", 0), -ELOOP, "links in a circle are ELOOP");
	IS(open_error(root, "/tmp/loop1", O_NOFOLLOW), -ELOOP, "O_NOFOLLOW on a link is ELOOP");
	IS(open_error(root, "/tmp/loop1", O_NOFOLLOW | O_PATH), 0, "but not with O_PATH");
	IS(stat_of(root, "/tmp/loop1", AT_SYMLINK_NOFOLLOW).mode, S_IFLNK | 0777, "lstat sees the link");
	IS(stat_of(root, "/tmp/loop1", AT_SYMLINK_NOFOLLOW).size, 10, "whose size is its length");
	path2(root, LX_SYMLINK, 0, "etc", "/dirlink");
	IS(open_error(root, "/dirlink/passwd", 0), 0, "a link in the middle is followed");
	IS(open_error(root, "/dirlink/passwd", O_CREAT | O_WRONLY), 0, "and what is behind it may be opened to create");
	IS(open_error(root, "/dirlink/", O_NOFOLLOW), 0, "a slash follows the last link");
	IS(path1(root, LX_READLINK, 0, 0, 0, "/dirlink"), 3, "readlink gives the length");
	OK(memcmp(answer.data, "etc", 3) == 0, "and the text");
	IS(path1(root, LX_READLINK, 0, 0, 0, "/etc"), -EINVAL, "readlink of a directory is EINVAL");
	for (int n = 0; n < 41; n++) {
		char from[32], to[32];

		sprintf(from, "/tmp/l%d", n);
		sprintf(to, "/tmp/l%d", n + 1);
		path2(root, LX_SYMLINK, 0, to, from);
	}
	made(root, "/tmp/l41", 0644);
	IS(open_error(root, "/tmp/l1", 0), 0, "forty links are followed");
	IS(open_error(root, "/tmp/l0", 0), -ELOOP, "forty-one are not");
	path2(root, LX_SYMLINK, 0, "/tmp/made-by-link", "/tmp/dangling");
	IS(open_error(root, "/tmp/dangling", O_CREAT | O_EXCL | O_WRONLY), -EEXIST, "O_EXCL does not follow");
	IS(open_error(root, "/tmp/dangling", O_CREAT | O_WRONLY), 0, "O_CREAT makes what a link names");
	IS(stat_of(root, "/tmp/made-by-link", 0).mode, S_IFREG | 0644, "there");
	IS(path1(root, LX_MKDIR, 0777, 0, 0, "/tmp/dangling"), -EEXIST, "mkdir over a link is EEXIST");
}

static void test_open_flags(void)
{
	handle_t h;

	IS(open_error(root, "/etc", O_WRONLY), -EISDIR, "writing a directory is EISDIR");
	IS(open_error(root, "/etc", O_CREAT), -EISDIR, "O_CREAT of a directory is EISDIR");
	IS(open_error(root, "/etc/new/", O_CREAT), -EISDIR, "O_CREAT with a slash is EISDIR");
	IS(open_error(root, "/etc/passwd", O_DIRECTORY), -ENOTDIR, "O_DIRECTORY of a file is ENOTDIR");
	IS(open_error(root, "/etc/passwd", O_CREAT | O_EXCL), -EEXIST, "O_EXCL of a file is EEXIST");
	IS(open_error(root, "/tmp", O_TMPFILE), -EINVAL, "O_TMPFILE needs writing");
	IS(open_error(root, "/dev/nosuch", 0), -ENOENT, "no such device name");
	h = opened(root, "/dev/null", O_RDWR, 0);
	OK(h && mock_descriptor(h)->args.kind == OBJ_NULL, "/dev/null is the kernel's null");
	if (h)
		mock_close(h);
	h = opened(root, "/tmp", O_TMPFILE | O_RDWR, 0600);
	OK(h != 0, "O_TMPFILE gives a file");
	IS(mock_call(root, h, LX_FSTAT, 0, 0, 0, NULL, 0), 0, "that fstat knows");
	IS(((struct lx_stat *)answer.data)->nlink, 0, "and that has no name");
	mock_close(h);
	h = opened(root, "/tmp/trunc", O_CREAT | O_RDWR | O_APPEND | O_NONBLOCK, 0666);
	OK(h && (mock_descriptor(h)->args.flags & (DESC_APPEND | DESC_NONBLOCK)) == (DESC_APPEND | DESC_NONBLOCK),
		"status flags reach the Descriptor");
	IS(stat_of(root, "/tmp/trunc", 0).mode, S_IFREG | 0644, "the umask takes bits away");
	mock_content_write(h, 0, "12345", 5);
	mock_close(h);
	IS(stat_of(root, "/tmp/trunc", 0).size, 5, "the kernel's size is stat's");
	IS(open_error(root, "/tmp/trunc", O_WRONLY | O_TRUNC), 0, "O_TRUNC");
	IS(stat_of(root, "/tmp/trunc", 0).size, 0, "empties the file");
	IS(path1(root, LX_TRUNCATE, 100, 0, 0, "/tmp/trunc"), 0, "truncate");
	IS(stat_of(root, "/tmp/trunc", 0).size, 100, "makes it longer");
	IS(path1(root, LX_TRUNCATE, (uint64_t)-1, 0, 0, "/tmp/trunc"), -EINVAL, "but not negative");
	IS(path1(root, LX_TRUNCATE, 0, 0, 0, "/tmp"), -EISDIR, "nor a directory");
}

static void test_permissions(void)
{
	IS(made(user, "/home/x", 0644), -EACCES, "a user cannot make names in root's directory");
	IS(made(user, "/tmp/mine", 0666), 0, "but in /tmp");
	IS(stat_of(user, "/tmp/mine", 0).uid, 1000, "what he makes is his");
	IS(path1(other, LX_UNLINK, 0, 0, 0, "/tmp/mine"), -EPERM, "a sticky directory keeps others from removing");
	IS(path2(other, LX_RENAME, 0, "/tmp/mine", "/tmp/theirs"), -EPERM, "and from renaming");
	IS(open_error(user, "/etc/passwd", 0), -EACCES, "0600 of root is not for a user");
	IS(path1(user, LX_ACCESS, 4, 0, 0, "/etc/passwd"), -EACCES, "access says so too");
	IS(path1(root, LX_ACCESS, 2, 0, 0, "/etc/passwd"), 0, "root may write");
	IS(path1(root, LX_ACCESS, 1, 0, 0, "/etc/passwd"), -EACCES, "but not execute what nobody can");
	IS(path1(user, LX_CHMOD, 0600, 0, 0, "/etc/passwd"), -EPERM, "chmod is the owner's");
	IS(path1(user, LX_CHOWN, 1001, ~0u, 0, "/tmp/mine"), -EPERM, "chown is root's");
	IS(path1(user, LX_CHMOD, 06755, 0, 0, "/tmp/mine"), 0, "the owner may chmod");
	IS(path1(user, LX_CHOWN, ~0u, 1000, 0, "/tmp/mine"), 0, "and give his own group");
	IS(stat_of(user, "/tmp/mine", 0).mode, S_IFREG | 0755, "which clears the set-id bits");
	path1(root, LX_MKDIR, 0777, 0, 0, "/tmp/closed");
	made(root, "/tmp/closed/in", 0666);
	path1(root, LX_CHMOD, 0600, 0, 0, "/tmp/closed");
	IS(open_error(user, "/tmp/closed/in", 0), -EACCES, "a directory without x hides what is in it");
	path1(root, LX_MKDIR, 0777, 0, 0, "/tmp/gdir");
	path1(root, LX_CHOWN, 0, 50, 0, "/tmp/gdir");
	path1(root, LX_CHMOD, 02777, 0, 0, "/tmp/gdir");
	made(user, "/tmp/gdir/f", 0644);
	path1(user, LX_MKDIR, 0755, 0, 0, "/tmp/gdir/d");
	IS(stat_of(user, "/tmp/gdir/f", 0).gid, 50, "a set-gid directory hands its group down");
	IS(stat_of(user, "/tmp/gdir/d", 0).mode, S_IFDIR | 02755, "and its bit to directories");
	IS(path1(user, LX_MKNOD, S_IFCHR | 0666, MAKEDEV(1, 3), 0, "/tmp/null"), -EPERM, "mknod of a device is root's");
	IS(path1(user, LX_UTIMENS, 0, 5, 5, "/etc/passwd"), -EPERM, "setting times is the owner's");
	IS(path1(other, LX_UTIMENS, 0, LX_TIME_NOW, LX_TIME_NOW, "/tmp/mine"), -EACCES, "now needs writing");
	IS(path1(user, LX_UTIMENS, 0, 5, LX_TIME_OMIT, "/tmp/mine"), 0, "the owner sets one time");
	IS(stat_of(user, "/tmp/mine", 0).atime_ns, 5, "to what he says");
}

static void test_names(void)
{
	handle_t h;

	IS(path1(root, LX_MKDIR, 0755, 0, 0, "/tmp/d/"), 0, "mkdir with a slash");
	IS(path1(root, LX_MKDIR, 0755, 0, 0, "/tmp/d"), -EEXIST, "twice is EEXIST");
	IS(path1(root, LX_MKDIR, 0755, 0, 0, "/"), -EEXIST, "of the root too");
	IS(made(root, "/tmp/d/a", 0644), 0, "a file in it");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/d"), -ENOTEMPTY, "rmdir of a full directory");
	IS(path1(root, LX_UNLINK, 0, 0, 0, "/tmp/d"), -EISDIR, "unlink of a directory");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/d/a"), -ENOTDIR, "rmdir of a file");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/d/."), -EINVAL, "rmdir of dot");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/d/.."), -ENOTEMPTY, "rmdir of dotdot");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/"), -EBUSY, "rmdir of the root");
	IS(path1(root, LX_UNLINK, 0, 0, 0, "/tmp/d/a/"), -ENOTDIR, "unlink with a slash");
	IS(path2(root, LX_LINK, 0, "/tmp/d/a", "/tmp/d/b"), 0, "link");
	IS(stat_of(root, "/tmp/d/b", 0).nlink, 2, "counts");
	IS(path2(root, LX_LINK, 0, "/tmp/d/a", "/tmp/d/b"), -EEXIST, "link over a name");
	IS(path2(root, LX_LINK, 0, "/tmp/d", "/tmp/d2"), -EPERM, "link of a directory");
	IS(path2(root, LX_RENAME, 0, "/tmp/d/a", "/tmp/d/b"), 0, "rename over another name of the same file");
	IS(stat_of(root, "/tmp/d/a", 0).nlink, 2, "does nothing");
	IS(path2(root, LX_RENAME, 0, "/tmp/d/a", "/tmp/d/c"), 0, "rename");
	IS(path2(root, LX_RENAME, RENAME_NOREPLACE, "/tmp/d/c", "/tmp/d/b"), -EEXIST, "NOREPLACE does not replace");
	IS(path2(root, LX_RENAME, 0, "/tmp/d", "/tmp/d/in"), -EINVAL, "a directory does not go into itself");
	IS(path1(root, LX_MKDIR, 0755, 0, 0, "/tmp/e"), 0, "another directory");
	IS(path2(root, LX_RENAME, 0, "/tmp/e", "/tmp/d"), -ENOTEMPTY, "rename over a full directory");
	IS(path2(root, LX_RENAME, 0, "/tmp/d/c", "/tmp/e"), -EISDIR, "a file over a directory");
	IS(path2(root, LX_RENAME, 0, "/tmp/e", "/tmp/d/c"), -ENOTDIR, "a directory over a file");
	IS(path2(root, LX_RENAME, 0, "/tmp/d", "/tmp/e"), 0, "over an empty one it goes");
	IS(stat_of(root, "/tmp/e/c", 0).nlink, 2, "with all that is in it");
	IS(path2(root, LX_RENAME, RENAME_EXCHANGE, "/tmp/e", "/tmp/trunc"), 0, "EXCHANGE");
	IS(stat_of(root, "/tmp/trunc/c", 0).nlink, 2, "exchanges");
	IS(path2(root, LX_RENAME, RENAME_EXCHANGE, "/tmp/e", "/tmp/none"), -ENOENT, "needs both");
	h = opened(root, "/tmp/trunc/c", O_RDWR, 0);
	IS(path1(root, LX_UNLINK, 0, 0, 0, "/tmp/trunc/c"), 0, "an open file is unlinked");
	IS(mock_call(root, h, LX_FD_PATH, 0, 0, 0, NULL, 0), 22, "its path");
	OK(memcmp(answer.data, "/tmp/trunc/c (deleted)", 22) == 0, "says deleted");
	mock_close(h);
	IS(path1(root, LX_CHDIR, 0, 0, 0, "/tmp/trunc"), 0, "chdir");
	IS(path1(root, LX_GETCWD, 0, 0, 0, ""), 11, "getcwd counts its NUL");
	OK(strcmp((char *)answer.data, "/tmp/trunc") == 0, "and gives the path");
	path1(root, LX_UNLINK, 0, 0, 0, "b");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/trunc"), 0, "the working directory is removed");
	IS(path1(root, LX_GETCWD, 0, 0, 0, ""), -ENOENT, "getcwd is ENOENT");
	IS(made(root, "x", 0644), -ENOENT, "nothing is made in it");
	IS(path1(root, LX_CHDIR, 0, 0, 0, "/"), 0, "and back");
}

static void test_readdir(void)
{
	handle_t h;
	uint64_t seen = 0;

	path1(root, LX_MKDIR, 0755, 0, 0, "/tmp/list");
	for (int n = 0; n < 500; n++) {
		char name[64];

		sprintf(name, "/tmp/list/file-number-%d", n);
		made(root, name, 0644);
	}
	h = opened(root, "/tmp/list", O_RDONLY | O_DIRECTORY, 0);
	while (mock_call(root, h, LX_GETDENTS, 0, 0, 0, NULL, 0) > 0) {
		uint32_t len = answer.len;
		static uint8_t data[IPC_BULK_MAX];

		memcpy(data, answer.data, len);
		for (uint32_t at = 0; at < len;) {
			struct linux_dirent64 *e = (struct linux_dirent64 *)(data + at);
			char name[300];

			at += e->reclen;
			seen++;
			if (e->name[0] == '.')
				continue;
			sprintf(name, "/tmp/list/%s", e->name);
			path1(root, LX_UNLINK, 0, 0, 0, name);
		}
	}
	mock_close(h);
	IS((int64_t)seen, 502, "a directory emptied while it is read shows each name once");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/list"), 0, "and is empty");
	OK(strstr(names_of(root, "/dev"), "null/") != NULL, "/dev lists null");
}

static void test_mounts(void)
{
	IS(MOUNT(root, LX_MOUNT, 0, "proc\0/proc\0proc\0"), 0, "mount proc");
	IS(MOUNT(root, LX_MOUNT, 0, "sysfs\0/sys\0sysfs\0"), 0, "mount sysfs");
	IS(MOUNT(user, LX_MOUNT, 0, "x\0/tmp\0tmpfs\0"), -EPERM, "a user does not mount");
	IS(MOUNT(root, LX_MOUNT, 0, "x\0/tmp\0nofs\0"), -ENODEV, "nor anybody what there is not");
	path1(root, LX_MKDIR, 0755, 0, 0, "/mnt");
	IS(MOUNT(root, LX_MOUNT, 0, "x\0/mnt\0tmpfs\0size=1m,mode=700"), 0, "mount tmpfs with options");
	IS(stat_of(root, "/mnt", 0).mode, S_IFDIR | 0700, "whose mode counts");
	IS(MOUNT(root, LX_MOUNT, 0, "x\0/mnt\0tmpfs\0size=nonsense"), -EINVAL, "a wrong option is EINVAL");
	made(root, "/mnt/f", 0644);
	IS(path2(root, LX_RENAME, 0, "/mnt/f", "/tmp/f"), -EXDEV, "rename across mounts is EXDEV");
	IS(path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/mnt"), -EBUSY, "rmdir of a mount point is EBUSY");
	IS(MOUNT(root, LX_MOUNT, MS_REMOUNT | MS_RDONLY, "x\0/mnt\0tmpfs\0"), 0, "remount read-only");
	IS(made(root, "/mnt/g", 0644), -EROFS, "and nothing is made");
	IS(open_error(root, "/mnt/f", O_WRONLY), -EROFS, "or written");
	path1(root, LX_MKDIR, 0755, 0, 0, "/bound");
	IS(MOUNT(root, LX_MOUNT, MS_BIND, "/etc\0/bound\0\0"), 0, "bind");
	IS(stat_of(root, "/bound/passwd", 0).ino, stat_of(root, "/etc/passwd", 0).ino, "shows the same files");
	IS(stat_of(root, "/bound/..", 0).ino, stat_of(root, "/", 0).ino, "and its own parent");
	OK(strstr(text_of(root, "/proc/mounts"), "x /mnt tmpfs ro,relatime,size=1024k 0 0\n") != NULL, "/proc/mounts");
	OK(strstr(text_of(root, "/proc/self/mountinfo"), " /etc /bound rw,relatime - rootfs rootfs rw\n") != NULL,
		"mountinfo knows what part is bound");
	path1(root, LX_CHDIR, 0, 0, 0, "/bound");
	IS(MOUNT(root, LX_UMOUNT, 0, "/bound"), -EBUSY, "a used mount is busy");
	path1(root, LX_CHDIR, 0, 0, 0, "/");
	IS(MOUNT(root, LX_UMOUNT, 0, "/bound"), 0, "an unused one goes");
	IS(MOUNT(root, LX_UMOUNT, 0, "/bound"), -EINVAL, "once");
	IS(MOUNT(root, LX_UMOUNT, 0, "/mnt"), 0, "umount tmpfs with files in it");
	path1(root, LX_MKDIR, 0755, 0, 0, "/tmp/deep");
	MOUNT(root, LX_MOUNT, 0, "d\0/tmp/deep\0tmpfs\0");
	path1(root, LX_CHDIR, 0, 0, 0, "/tmp/deep");
	for (int n = 0; n < 50000; n++) {
		path1(root, LX_MKDIR, 0755, 0, 0, "d");
		path1(root, LX_CHDIR, 0, 0, 0, "d");
	}
	path1(root, LX_CHDIR, 0, 0, 0, "/");
	path1(root, LX_MKDIR, 0755, 0, 0, "/few");
	MOUNT(root, LX_MOUNT, 0, "d\0/few\0tmpfs\0nr_inodes=4k");
	for (int n = 0; n < 4095; n++) {
		char name[32];

		sprintf(name, "/few/%d", n);
		if (n == 0)
			made(root, name, 0644);
		else
			path2(root, LX_LINK, 0, "/few/0", name);
	}
	IS(answer.value, 0, "hard links up to the limit of inodes");
	IS(path2(root, LX_LINK, 0, "/few/0", "/few/more"), -ENOSPC, "and no more");
	IS(made(root, "/few/new", 0644), -ENOSPC, "nor files");
	IS(MOUNT(root, LX_UMOUNT, 0, "/few"), 0, "all of which go with the mount");
	path1(root, LX_MKDIR, 0755, 0, 0, "/rbind");
	IS(MOUNT(root, LX_MOUNT, MS_BIND | MS_REC, "/tmp\0/rbind\0\0"), 0, "a recursive bind");
	IS(path1(root, LX_STAT, 0, 0, 0, "/rbind/deep/d/d"), 0, "takes what is mounted below along");
	IS(MOUNT(root, LX_UMOUNT, 0, "/rbind"), -EBUSY, "a mount with mounts in it is busy");
	IS(MOUNT(root, LX_UMOUNT, MNT_DETACH, "/rbind"), 0, "but can be detached");
	IS(path1(root, LX_STAT, 0, 0, 0, "/rbind/deep"), -ENOENT, "and is gone");
	IS(MOUNT(root, LX_UMOUNT, 0, "/tmp/deep"), 0, "a deep tree is dropped");
	IS(path1(root, LX_STATFS, 0, 0, 0, "/tmp"), 0, "statfs");
	IS(((struct linux_statfs *)answer.data)->bsize, 4096, "has pages");
}

/* RFC 4122: version 4, variant 10 */
static bool is_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx\n";

	for (unsigned n = 0; n < sizeof(form); n++)
		if (!(form[n] == 'x' ? text[n] && strchr("0123456789abcdef", text[n]) :
		      form[n] == 'v' ? text[n] && strchr("89ab", text[n]) : text[n] == form[n]))
			return false;
	return true;
}

static void test_proc(void)
{
	char text[256];

	IS(path1(root, LX_READLINK, 0, 0, 0, "/proc/self"), 1, "self is the pid");
	OK(strncmp(text_of(root, "/proc/1/stat"), "1 (mock) R 0 ", 13) == 0, "stat begins as on Linux");
	sprintf(text, "%s", text_of(root, "/proc/1/stat"));
	{
		int fields = 1;

		for (const char *s = text; *s; s++)
			fields += *s == ' ';
		IS(fields, 52, "and has its 52 fields");
	}
	OK(strncmp(text_of(root, "/proc/self/status"), "Name:\tmock\nUmask:\t0022\nState:\tR (running)\n", 42) == 0, "status");
	IS((int64_t)strlen(text_of(root, "/proc/1/cmdline")), 10, "cmdline is the process's memory");
	OK(strstr(names_of(root, "/proc"), "self/") && strstr(names_of(root, "/proc"), "/1/"), "/proc lists processes");
	OK(strstr(names_of(root, "/proc/1"), "cmdline/") != NULL, "and /proc/1 its files");
	OK(strstr(names_of(root, "/proc/1/task"), "1/") != NULL, "and its threads");
	IS(open_error(root, "/proc/63", 0), -ENOENT, "no such process is ENOENT");
	IS(open_error(user, "/proc/1/environ", 0), -EACCES, "environ of root is not for users");
	IS(open_error(user, "/proc/1/fd", 0), -EACCES, "nor are its descriptors");
	IS(path1(root, LX_READLINK, 0, 0, 0, "/proc/1/cwd"), 1, "cwd");
	IS(open_error(root, "/proc/1/root/etc/passwd", 0), 0, "root leads to the root");
	OK(strncmp(text_of(root, "/proc/meminfo"), "MemTotal:         262144 kB\n", 28) == 0, "meminfo");
	OK(strncmp(text_of(root, "/proc/uptime"), "12345.67 0.00\n", 14) == 0, "uptime");
	OK(strstr(text_of(root, "/proc/filesystems"), "nodev\ttmpfs\n") != NULL, "filesystems");
	OK(strcmp(text_of(root, "/sys/devices/system/cpu/online"), "0-1\n") == 0, "/sys knows the CPUs");
	IS(made(root, "/proc/x", 0644), -ENOENT, "nothing is made in /proc");
	IS(path1(root, LX_UNLINK, 0, 0, 0, "/proc/stat"), -EPERM, "or removed");
	OK(strstr(text_of(root, "/proc/1/maps"), "00400000-00402000 r-xp 00000000 00:00 0 \n") != NULL, "maps");
	OK(is_uuid(text_of(root, "/proc/sys/kernel/random/uuid")), "uuid");
}

static void test_fifo(void)
{
	handle_t reader, writer;

	IS(path1(root, LX_MKNOD, S_IFIFO | 0644, 0, 0, "/tmp/fifo"), 0, "mkfifo");
	IS(open_error(root, "/tmp/fifo", O_WRONLY | O_NONBLOCK), -ENXIO, "a writer without reader is ENXIO");
	path1(root, LX_OPEN, O_RDONLY, 0, 0, "/tmp/fifo");
	OK(answer.parked, "a reader waits");
	answer.waiting->cancel(answer.waiting);
	IS(parked_answer.value, -LINUX_INTERRUPTED, "until it is interrupted");
	path1(root, LX_OPEN, O_RDONLY, 0, 0, "/tmp/fifo");
	parked_answer.given = false;
	writer = opened(root, "/tmp/fifo", O_WRONLY, 0);
	reader = parked_answer.cap;
	OK(writer && parked_answer.given && reader, "or a writer comes, and both have it");
	OK(mock_descriptor(reader)->args.object == mock_descriptor(writer)->args.object, "the same pipe");
	mock_close(writer);
	mock_close(reader);
	reader = opened(root, "/tmp/fifo", O_RDONLY | O_NONBLOCK, 0);
	OK(reader != 0, "a non-blocking reader does not wait");
	mock_close(reader);
	path1(root, LX_UNLINK, 0, 0, 0, "/tmp/fifo");
}

static int64_t lock(struct process *p, handle_t h, uint32_t command, int type, int64_t start, int64_t len)
{
	struct linux_flock fl = { .type = (int16_t)type, .start = start, .len = len };

	return mock_call(p, h, LX_FCNTL, command, 0, 0, &fl, sizeof(fl));
}

static void test_locks(void)
{
	handle_t a, b;

	made(root, "/tmp/locked", 0666);
	path1(root, LX_CHMOD, 0666, 0, 0, "/tmp/locked");
	a = opened(user, "/tmp/locked", O_RDWR, 0);
	b = opened(other, "/tmp/locked", O_RDWR, 0);
	IS(mock_call(user, a, LX_FLOCK, LOCK_EX, 0, 0, NULL, 0), 0, "flock");
	IS(mock_call(other, b, LX_FLOCK, LOCK_SH | LOCK_NB, 0, 0, NULL, 0), -EAGAIN, "keeps others out");
	mock_call(other, b, LX_FLOCK, LOCK_SH, 0, 0, NULL, 0);
	OK(answer.parked, "who may wait");
	parked_answer.given = false;
	IS(mock_call(user, a, LX_FLOCK, LOCK_UN, 0, 0, NULL, 0), 0, "unlock");
	OK(parked_answer.given && parked_answer.value == 0, "lets them in");
	IS(lock(user, a, F_SETLK, F_WRLCK, 0, 100), 0, "a record lock");
	IS(lock(other, b, F_SETLK, F_WRLCK, 50, 10), -EAGAIN, "keeps others out");
	IS(lock(other, b, F_GETLK, F_WRLCK, 50, 10), 0, "GETLK");
	IS(((struct linux_flock *)answer.data)->pid, 2, "names the owner");
	IS(lock(user, a, F_SETLK, F_UNLCK, 40, 20), 0, "a hole in it");
	IS(lock(other, b, F_SETLK, F_WRLCK, 45, 10), 0, "is free");
	IS(lock(user, a, F_SETLK, F_WRLCK, 99, 1), 0, "the rest is not");
	lock(user, a, F_SETLKW, F_WRLCK, 45, 1);
	OK(answer.parked, "waiting for the hole");
	IS(lock(other, b, F_SETLKW, F_WRLCK, 0, 1), -EDEADLK, "a circle is EDEADLK");
	parked_answer.given = false;
	mock_close(b);
	OK(parked_answer.given && parked_answer.value == 0, "closing frees what was locked");
	IS(lock(user, a, F_OFD_SETLK, F_RDLCK, 1000, 0), 0, "an OFD lock");
	mock_close(a);
}

static void test_by_descriptor(void)
{
	handle_t dir = opened(root, "/etc", O_RDONLY | O_DIRECTORY, 0), tmp = opened(root, "/tmp", O_PATH, 0);

	IS(mock_call(root, dir, LX_STAT, 0, 0, 0, "passwd", 7), 0, "a path relative to a descriptor");
	IS(mock_call(root, dir, LX_STAT, AT_EMPTY_PATH, 0, 0, "", 1), 0, "and the descriptor itself");
	IS(mock_call(root, dir, LX_CHDIR, 0, 0, 0, "", 1), 0, "fchdir");
	IS(path1(root, LX_STAT, 0, 0, 0, "passwd"), 0, "is chdir");
	path1(root, LX_CHDIR, 0, 0, 0, "/");
	IS(mock_call_caps(root, dir, LX_LINK, 0, "passwd\0pw", 10, tmp), 0, "link between two descriptors");
	IS(stat_of(root, "/tmp/pw", 0).nlink, 2, "arrives");
	IS(mock_call(root, tmp, LX_GETDENTS, 0, 0, 0, NULL, 0), -EBADF, "O_PATH cannot be read");
	IS(mock_call(root, dir, LX_READ, OFFSET_OWN, 0, 0, NULL, 0), -EISDIR, "nor a directory as a file");
	mock_close(dir);
	mock_close(tmp);
	path1(root, LX_UNLINK, 0, 0, 0, "/tmp/pw");
	dir = opened(root, "/etc/passwd", O_RDONLY, 0);
	IS(mock_call(root, dir, LX_STAT, 0, 0, 0, "x", 2), -ENOTDIR, "a file is no starting point");
	mock_close(dir);
}

static void test_exec(void)
{
	struct exec_file *info = calloc(1, sizeof(*info));
	static struct request r;
	handle_t desc;

	r.process = root;
	IS(vfs_open_exec(&r, "/bin/sh", 0, &desc, info), 0, "an executable is opened for exec");
	OK(strcmp(info->path, "/bin/big") == 0, "by its real name");
	IS(inode_deny_write(info->inode, 1) >= 0, 1, "while it runs");
	IS(open_error(root, "/bin/big", O_WRONLY), -ETXTBSY, "it cannot be written");
	IS(path1(root, LX_TRUNCATE, 0, 0, 0, "/bin/big"), -ETXTBSY, "nor cut");
	IS(open_error(root, "/bin/big", O_RDONLY | O_TRUNC), -ETXTBSY, "nor emptied");
	inode_deny_write(info->inode, -1);
	IS(open_error(root, "/bin/big", O_WRONLY), 0, "and after that it can");
	inode_put(info->inode);
	mock_close(desc);
	IS(vfs_open_exec(&r, "/etc/passwd", 0, &desc, info), -EACCES, "what has no x is EACCES");
	IS(vfs_open_exec(&r, "/etc", 0, &desc, info), -EACCES, "and so is a directory");
	free(info);
}

/* Everything that was made goes again, with memory failing at each step before that. */
static void test_no_leaks(void)
{
	uint32_t objects;
	uint64_t bytes;

	for (int pass = 0; pass < 2; pass++) {
		objects = mock_objects();
		bytes = mock_bytes();
		for (int fail = 0; fail < 25; fail++) {
			mock_fail_after = pass ? -1 : fail;
			path1(root, LX_MKDIR, 0755, 0, 0, "/tmp/leak");
			made(root, "/tmp/leak/a-name-that-is-too-long-for-a-dentry-to-hold-itself", 0644);
			path2(root, LX_SYMLINK, 0, "target", "/tmp/leak/link");
			path2(root, LX_RENAME, 0, "/tmp/leak/link",
				"/tmp/leak/another-name-that-is-too-long-for-a-dentry-to-hold");
			mock_fail_after = -1;
			path1(root, LX_UNLINK, 0, 0, 0, "/tmp/leak/link");
			path1(root, LX_UNLINK, 0, 0, 0, "/tmp/leak/another-name-that-is-too-long-for-a-dentry-to-hold");
			path1(root, LX_UNLINK, 0, 0, 0, "/tmp/leak/a-name-that-is-too-long-for-a-dentry-to-hold-itself");
			path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/leak");
		}
	}
	IS(mock_objects(), objects, "no kernel object is left");
	IS((int64_t)mock_bytes(), (int64_t)bytes, "and no memory");
}

static unsigned longest_chain(void)
{
	unsigned longest = 0;

	for (uint32_t at = 0; at <= dentry_bucket_mask; at++) {
		unsigned n = 0;

		for (const struct dentry *d = dentry_buckets[at]; d; d = d->hash_next)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

static void test_spread(void)
{
	static const char *const patterns[] = { "/tmp/many/x%07d", "/tmp/many/%d", "/tmp/many/a-long-name-%05d.text" };
	char path[64];

	path1(root, LX_MKDIR, 0777, 0, 0, "/tmp/many");
	for (unsigned n = 0; n < 3; n++) {
		for (int i = 0; i < 1000; i++) {
			snprintf(path, sizeof(path), patterns[n], i);
			path1(root, LX_MKDIR, 0777, 0, 0, path);
		}
		OK(longest_chain() < 16, "a thousand names that differ in their last letters share no hash chain");
		for (int i = 0; i < 1000; i++) {
			snprintf(path, sizeof(path), patterns[n], i);
			path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, path);
		}
	}
	path1(root, LX_UNLINK, AT_REMOVEDIR, 0, 0, "/tmp/many");
}

int main(void)
{
	struct archive a;

	archive_make();
	a = mock_archive(archive, archive_len);
	vfs_init(&a);
	root = mock_process(1, 0, 0);
	user = mock_process(2, 1000, 1000);
	other = mock_process(3, 1001, 1001);
	test_archive();
	test_walk();
	test_open_flags();
	test_permissions();
	test_names();
	test_readdir();
	test_mounts();
	test_proc();
	test_fifo();
	test_locks();
	test_by_descriptor();
	test_exec();
	test_spread();
	test_no_leaks();
	test_archive_damaged();
	printf("1..%d\n", tests);
	return failures != 0;
}
