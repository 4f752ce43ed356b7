/*
 * names.c -- calls with paths: linuxd walks them; here they are copied in and answers laid out.
 *
 * Conforms: the man pages of section 2 of the calls' names.
 * Tested:   tests/linux/files.c
 */
#include "translator.h"

#define RESOLVE_SHIFT	8	/* openat2's RESOLVE_ bits in words[3] of LX_OPEN */
#define FDCWD		((uint64_t)(int64_t)AT_FDCWD)

/* --- open ---------------------------------------------------------------------------------------- */

#define LX_SELF_FD	513		/* linuxd: the path leads to the caller's own descriptor words[1] */

/* linuxd's answer, not an interrupted call of ours, which leaves the request as it was. */
static bool answer_is_self_fd(int64_t r)
{
	return r == -LX_SELF_FD && self_utcb()->msg.words[0] == (uint64_t)-LX_SELF_FD;
}

/* /proc/self/fd/N of a pipe: the same end again, if it is open for what is asked. */
static int64_t open_self_fd(uint64_t flags)
{
	uint64_t fd = self_utcb()->msg.words[1];
	struct handle_info info;
	uint32_t want = (flags & O_ACCMODE) == 0 ? DESC_READ : (flags & O_ACCMODE) == O_WRONLY ? DESC_WRITE :
		DESC_READ | DESC_WRITE;

	if (fd_bad(fd) || tess_handle_query((handle_t)fd, &info) < 0)
		return -ENOENT;
	if ((info.desc_flags & want) != want)
		return -EACCES;
	return result(tess_handle_dup((handle_t)fd, 0, flags & O_CLOEXEC ? SLOT_CLOEXEC : 0));
}

/* The descriptor's slot is taken before the file is made or opened: EMFILE creates nothing. */
static int64_t open_at(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct ipc_message *m = request(LX_OPEN, (uint32_t)flags, (uint32_t)mode, resolve << RESOLVE_SHIFT);
	int64_t slot, r = request_path(m, path);

	if (r < 0)
		return r;
	slot = tess_handle_reserve(flags & O_CLOEXEC ? SLOT_CLOEXEC : 0);
	if (slot < 0)
		return result(slot);
	m->reserved_slot = (uint32_t)slot;
	r = request_at(dirfd);
	if (unlikely(r < 0)) {
		tess_handle_unreserve((handle_t)slot);
		return answer_is_self_fd(r) ? open_self_fd(flags) : r;
	}
	return slot;
}

int64_t sys_open(uint64_t path, uint64_t flags, uint64_t mode) { return open_at(FDCWD, path, flags, mode, 0); }

int64_t sys_openat(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t mode)
{
	return open_at(dirfd, path, flags, mode, 0);
}

int64_t sys_creat(uint64_t path, uint64_t mode)
{
	return open_at(FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, 0);
}

#define MFD_CLOEXEC		1u
#define MFD_ALLOW_SEALING	2u

int64_t sys_memfd_create(uint64_t name, uint64_t flags)
{
	struct ipc_message *m = request(LX_MEMFD, (uint32_t)flags, 0, 0);
	int64_t slot, r;

	if ((uint32_t)flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	r = request_path(m, name);
	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	slot = tess_handle_reserve(flags & MFD_CLOEXEC ? SLOT_CLOEXEC : 0);
	if (slot < 0)
		return result(slot);
	m->reserved_slot = (uint32_t)slot;
	r = request_server();
	if (r < 0)
		tess_handle_unreserve((handle_t)slot);
	return r < 0 ? r : slot;
}

#define O_KNOWN		0037777703u	/* openat2 refuses what open ignores */

int64_t sys_openat2(uint64_t dirfd, uint64_t path, uint64_t how, uint64_t size)
{
	struct { uint64_t flags, mode, resolve; } h = { 0, 0, 0 };
	uint8_t more;

	if (size < sizeof(h))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_in(&h, how, sizeof(h)))
		return -EFAULT;
	for (uint64_t i = sizeof(h); i < size; i++) {
		if (copy_in(&more, how + i, 1))
			return -EFAULT;
		if (more)
			return -E2BIG;
	}
	if (h.flags & ~(uint64_t)O_KNOWN || h.mode & ~07777ull || h.resolve & ~0x3full)
		return -EINVAL;
	if (h.mode && !(h.flags & (O_CREAT | O_TMPFILE_BIT)))
		return -EINVAL;
	return open_at(dirfd, path, h.flags, h.mode, h.resolve);
}

/* --- stat ------------------------------------------------------------------------------------------ */

void timespec_out(uint64_t ns, struct linux_timespec *ts)
{
	ts->sec = (int64_t)(ns / 1000000000u);
	ts->nsec = (int64_t)(ns % 1000000000u);
}

/* Straight from the kernel's record: fstat of a file. */
static int64_t stat_attr_out(const struct content_attr *a, uint64_t to)
{
	const struct lx_record *rec = (const struct lx_record *)a->record;
	struct linux_stat o;

	o.dev = rec->dev, o.ino = rec->ino, o.nlink = rec->nlink;
	o.mode = rec->mode, o.uid = rec->uid, o.gid = rec->gid, o.pad = 0;
	o.rdev = rec->rdev, o.size = (int64_t)a->size, o.blksize = rec->blksize;
	o.blocks = (int64_t)(a->resident_pages * (PAGE_SIZE / 512));
	timespec_out(a->atime_ns, &o.atime);
	timespec_out(a->mtime_ns, &o.mtime);
	timespec_out(a->ctime_ns, &o.ctime);
	o.unused[0] = o.unused[1] = o.unused[2] = 0;
	return user_copy_words((void *)to, &o, sizeof(o) / 8);
}

static int64_t stat_out(const struct lx_stat *s, uint64_t to)
{
	struct linux_stat o;

	o.dev = s->dev, o.ino = s->ino, o.nlink = s->nlink;
	o.mode = s->mode, o.uid = s->uid, o.gid = s->gid, o.pad = 0;
	o.rdev = s->rdev, o.size = (int64_t)s->size, o.blksize = s->blksize, o.blocks = (int64_t)s->blocks;
	timespec_out(s->atime_ns, &o.atime);
	timespec_out(s->mtime_ns, &o.mtime);
	timespec_out(s->ctime_ns, &o.ctime);
	o.unused[0] = o.unused[1] = o.unused[2] = 0;
	return user_copy_words((void *)to, &o, sizeof(o) / 8);
}

static const struct lx_stat *stat_reply(void)
{
	return (const struct lx_stat *)self_utcb()->msg.inline_data;
}

/* A pipe made by pipe(2), an epoll, an eventfd: no server has a record of it. */
static void stat_anonymous(uint64_t fd, struct lx_stat *s)
{
	struct handle_info info;

	memset(s, 0, sizeof(*s));
	if (tess_handle_query((handle_t)fd, &info) < 0)
		return;
	s->ino = info.object_koid ? info.object_koid : info.koid;
	s->nlink = 1;
	s->blksize = 4096;
	s->mode = info.object_type == OBJ_PIPE ? S_IFIFO | 0600 : 0600;
	s->dev = info.object_type == OBJ_PIPE ? 13 : 14;
	s->uid = ids_get()->fsuid;
	s->gid = ids_get()->fsgid;
}

/* What fstat says of fd: from the kernel's record for files, else from the server, else made up here. */
static int64_t fd_stat(uint64_t fd, struct lx_stat *s)
{
	const struct lx_record *rec;
	struct content_attr a;
	int64_t r;

	if (fd_bad(fd))
		return -EBADF;
	r = tess_descriptor_attributes((handle_t)fd, &a);
	if (r >= 0) {
		rec = (const struct lx_record *)a.record;
		s->dev = rec->dev, s->ino = rec->ino, s->rdev = rec->rdev, s->size = a.size;
		s->blocks = a.resident_pages * (PAGE_SIZE / 512);
		s->mode = rec->mode, s->uid = rec->uid, s->gid = rec->gid, s->nlink = rec->nlink;
		s->blksize = rec->blksize, s->mount_id = rec->mount_id, s->attributes = 0;
		s->atime_ns = a.atime_ns, s->mtime_ns = a.mtime_ns, s->ctime_ns = a.ctime_ns;
		s->btime_ns = rec->btime_ns;
		return 0;
	}
	if (r == E_HANDLE)
		return -EBADF;
	request(LX_FSTAT, 0, 0, 0);
	r = request_file(fd);
	if (r == -ENOTTY)
		stat_anonymous(fd, s);
	else if (r < 0)
		return r;
	else
		*s = *stat_reply();
	return 0;
}

static int64_t fstat(uint64_t fd, uint64_t to)
{
	struct lx_stat s;
	int64_t r = fd_stat(fd, &s);

	return r < 0 ? r : stat_out(&s, to);
}

static NOINLINE int64_t fstat_frame(void)
{
	return fstat(self_frame()->rdi, self_frame()->rsi);
}

/* The way of files keeps nothing over the native call (see fd.c). */
int64_t sys_fstat(uint64_t fd, uint64_t to)
{
	struct content_attr a;

	(void)to;
	if (fd_bad(fd) || tess_descriptor_attributes((handle_t)fd, &a) < 0)
		return fstat_frame();
	return stat_attr_out(&a, self_frame()->rsi);
}

static int64_t stat_at(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t to)
{
	struct ipc_message *m = request(LX_STAT, flags, 0, 0);
	int64_t r = request_path(m, path);

	if (r == 0)
		r = request_at(dirfd);
	if (unlikely(answer_is_self_fd(r)))
		return fstat(self_utcb()->msg.words[1], to);
	if (r < 0)
		return r;
	return stat_out(stat_reply(), to);
}

int64_t sys_stat(uint64_t path, uint64_t to) { return stat_at(FDCWD, path, 0, to); }
int64_t sys_lstat(uint64_t path, uint64_t to) { return stat_at(FDCWD, path, AT_SYMLINK_NOFOLLOW, to); }

/* Is this AT_EMPTY_PATH with an empty path: about the descriptor itself? */
static bool path_is_fd(uint64_t dirfd, uint64_t path, uint64_t flags)
{
	uint8_t first;

	return flags & AT_EMPTY_PATH && !fd_bad(dirfd) && copy_in(&first, path, 1) == 0 && first == 0;
}

int64_t sys_newfstatat(uint64_t dirfd, uint64_t path, uint64_t to, uint64_t flags)
{
	if (path_is_fd(dirfd, path, flags))
		return fstat(dirfd, to);
	return stat_at(dirfd, path, (uint32_t)flags, to);
}

static void statx_time(uint64_t ns, struct linux_statx_timestamp *t)
{
	t->sec = (int64_t)(ns / 1000000000u);
	t->nsec = (uint32_t)(ns % 1000000000u);
}

static uint32_t dev_major(uint64_t dev) { return (uint32_t)(dev >> 8 & 0xfff); }
static uint32_t dev_minor(uint64_t dev) { return (uint32_t)((dev & 0xff) | (dev >> 12 & 0xfff00)); }

static int64_t statx_out(const struct lx_stat *s, uint64_t to)
{
	struct linux_statx o;

	memset(&o, 0, sizeof(o));
	o.mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
	o.blksize = s->blksize, o.nlink = s->nlink, o.uid = s->uid, o.gid = s->gid, o.mode = (uint16_t)s->mode;
	o.ino = s->ino, o.size = s->size, o.blocks = s->blocks, o.mnt_id = s->mount_id;
	o.attributes = s->attributes, o.attributes_mask = s->attributes;
	o.rdev_major = dev_major(s->rdev), o.rdev_minor = dev_minor(s->rdev);
	o.dev_major = dev_major(s->dev), o.dev_minor = dev_minor(s->dev);
	statx_time(s->atime_ns, &o.atime);
	statx_time(s->btime_ns, &o.btime);
	statx_time(s->ctime_ns, &o.ctime);
	statx_time(s->mtime_ns, &o.mtime);
	return copy_out(to, &o, sizeof(o));
}

int64_t sys_statx(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t mask, uint64_t to)
{
	struct lx_stat s;
	struct ipc_message *m;
	int64_t r;

	if ((uint32_t)mask & STATX_RESERVED || (flags & 0x6000) == 0x6000)
		return -EINVAL;
	if (path_is_fd(dirfd, path, flags)) {
		r = fd_stat(dirfd, &s);
		return r < 0 ? r : statx_out(&s, to);
	}
	m = request(LX_STAT, (uint32_t)flags, 0, 0);
	r = request_path(m, path);
	if (r == 0)
		r = request_at(dirfd);
	if (answer_is_self_fd(r)) {
		r = fd_stat(self_utcb()->msg.words[1], &s);
		return r < 0 ? r : statx_out(&s, to);
	}
	if (r < 0)
		return r;
	s = *stat_reply();
	return statx_out(&s, to);
}

/* --- one path, up to three numbers ----------------------------------------------------------------------- */

static int64_t path_call(uint64_t dirfd, uint64_t path, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3)
{
	struct ipc_message *m = request(op, w1, w2, w3);
	int64_t r = request_path(m, path);

	return r < 0 ? r : request_at(dirfd);
}

/* The same about an open file: an empty path and AT_EMPTY_PATH, on its Descriptor. */
static int64_t file_call(uint64_t fd, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3)
{
	struct ipc_message *m = request(op, w1, w2, w3);

	m->inline_data[0] = 0;
	m->inline_len = 1;
	return request_file(fd);
}

int64_t sys_access(uint64_t path, uint64_t mode) { return path_call(FDCWD, path, LX_ACCESS, (uint32_t)mode, 0, 0); }

int64_t sys_faccessat(uint64_t dirfd, uint64_t path, uint64_t mode)
{
	return path_call(dirfd, path, LX_ACCESS, (uint32_t)mode, 0, 0);
}

int64_t sys_faccessat2(uint64_t dirfd, uint64_t path, uint64_t mode, uint64_t flags)
{
	return path_call(dirfd, path, LX_ACCESS, (uint32_t)mode, (uint32_t)flags, 0);
}

static int64_t readlink_at(uint64_t dirfd, uint64_t path, uint64_t buf, uint64_t size)
{
	struct ipc_message *m = request(LX_READLINK, 0, 0, 0);
	int64_t r;

	if ((int32_t)size <= 0)
		return -EINVAL;
	r = request_path(m, path);
	if (r < 0)
		return r;
	if (size > IPC_INLINE) {		/* a long text comes straight into the program's buffer */
		m->bulk_in = buf;
		m->bulk_in_len = (uint32_t)size < PATH_MAX ? (uint32_t)size : PATH_MAX;
		r = request_at(dirfd);
		return r > (int64_t)(uint32_t)size ? (int64_t)(uint32_t)size : r;
	}
	r = request_at(dirfd);
	if (r < 0)
		return r;
	if (r > (int64_t)size)
		r = (int64_t)size;
	if (r > m->inline_len)
		r = m->inline_len;
	return copy_out(buf, m->inline_data, (uint64_t)r) ? -EFAULT : r;
}

int64_t sys_readlink(uint64_t path, uint64_t buf, uint64_t size) { return readlink_at(FDCWD, path, buf, size); }

int64_t sys_readlinkat(uint64_t dirfd, uint64_t path, uint64_t buf, uint64_t size)
{
	return readlink_at(dirfd, path, buf, size);
}

int64_t sys_mkdir(uint64_t path, uint64_t mode) { return path_call(FDCWD, path, LX_MKDIR, (uint32_t)mode, 0, 0); }

int64_t sys_mkdirat(uint64_t dirfd, uint64_t path, uint64_t mode)
{
	return path_call(dirfd, path, LX_MKDIR, (uint32_t)mode, 0, 0);
}

int64_t sys_mknodat(uint64_t dirfd, uint64_t path, uint64_t mode, uint64_t dev)
{
	if (((uint32_t)mode & 0170000) == 0040000)
		return -EPERM;		/* before the path is looked at */
	return path_call(dirfd, path, LX_MKNOD, (uint32_t)mode, (uint32_t)dev, 0);
}

int64_t sys_mknod(uint64_t path, uint64_t mode, uint64_t dev) { return sys_mknodat(FDCWD, path, mode, dev); }

int64_t sys_unlink(uint64_t path) { return path_call(FDCWD, path, LX_UNLINK, 0, 0, 0); }
int64_t sys_rmdir(uint64_t path) { return path_call(FDCWD, path, LX_UNLINK, AT_REMOVEDIR, 0, 0); }

int64_t sys_unlinkat(uint64_t dirfd, uint64_t path, uint64_t flags)
{
	if ((uint32_t)flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return path_call(dirfd, path, LX_UNLINK, (uint32_t)flags, 0, 0);
}

int64_t sys_chmod(uint64_t path, uint64_t mode) { return path_call(FDCWD, path, LX_CHMOD, (uint32_t)mode, 0, 0); }

int64_t sys_fchmodat(uint64_t dirfd, uint64_t path, uint64_t mode)
{
	return path_call(dirfd, path, LX_CHMOD, (uint32_t)mode, 0, 0);
}

int64_t sys_fchmod(uint64_t fd, uint64_t mode)
{
	int64_t r = is_path_only(fd) ? -EBADF : file_call(fd, LX_CHMOD, (uint32_t)mode, AT_EMPTY_PATH, 0);

	return r == -ENOTTY ? -EPERM : r;	/* an anonymous pipe */
}

int64_t sys_chown(uint64_t path, uint64_t uid, uint64_t gid)
{
	return path_call(FDCWD, path, LX_CHOWN, (uint32_t)uid, (uint32_t)gid, 0);
}

int64_t sys_lchown(uint64_t path, uint64_t uid, uint64_t gid)
{
	return path_call(FDCWD, path, LX_CHOWN, (uint32_t)uid, (uint32_t)gid, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchownat(uint64_t dirfd, uint64_t path, uint64_t uid, uint64_t gid, uint64_t flags)
{
	if ((uint32_t)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return path_call(dirfd, path, LX_CHOWN, (uint32_t)uid, (uint32_t)gid, (uint32_t)flags);
}

int64_t sys_fchown(uint64_t fd, uint64_t uid, uint64_t gid)
{
	int64_t r = is_path_only(fd) ? -EBADF : file_call(fd, LX_CHOWN, (uint32_t)uid, (uint32_t)gid, AT_EMPTY_PATH);

	return r == -ENOTTY ? -EPERM : r;
}

int64_t sys_truncate(uint64_t path, uint64_t size)
{
	if ((int64_t)size < 0)
		return -EINVAL;
	return size_error(path_call(FDCWD, path, LX_TRUNCATE, size, 0, 0), size);
}

int64_t sys_chdir(uint64_t path) { return path_call(FDCWD, path, LX_CHDIR, 0, 0, 0); }
int64_t sys_chroot(uint64_t path) { return path_call(FDCWD, path, LX_CHROOT, 0, 0, 0); }

int64_t sys_fchdir(uint64_t fd)
{
	int64_t r = file_call(fd, LX_CHDIR, AT_EMPTY_PATH, 0, 0);

	return r == -ENOTTY ? -ENOTDIR : r;
}

int64_t sys_umask(uint64_t mask) { return server_call(LX_UMASK, mask & 0777, 0, 0); }

int64_t sys_getcwd(uint64_t buf, uint64_t size)
{
	const struct ipc_message *m = &self_utcb()->msg;
	int64_t r = server_call(LX_GETCWD, size, 0, 0);

	if (r < 0)
		return r;
	if ((uint64_t)r > size || r > m->inline_len)
		return -ERANGE;
	return copy_out(buf, m->inline_data, (uint64_t)r) ? -EFAULT : r;
}

/* --- two paths ------------------------------------------------------------------------------------------------ */

int64_t sys_symlinkat(uint64_t target, uint64_t dirfd, uint64_t path)
{
	struct ipc_message *m = request(LX_SYMLINK, 0, 0, 0);
	int64_t r = request_paths(m, target, path);

	if (r < 0)
		return r;
	if ((int32_t)dirfd == AT_FDCWD)
		return request_server();
	/* the target comes first in the payload: where the link lies is decided by dirfd alone here */
	r = request_file(dirfd);
	return r == -ENOTTY ? -ENOTDIR : r;
}

int64_t sys_symlink(uint64_t target, uint64_t path) { return sys_symlinkat(target, FDCWD, path); }

/* rename, link: the old name's directory receives the request, the new one's travels with it. */
static int64_t two_names(uint64_t op, uint64_t flags, uint64_t old_dir, uint64_t old, uint64_t new_dir, uint64_t new)
{
	struct ipc_message *m = request(op, flags, 0, 0);
	int64_t r = request_paths(m, old, new);

	if (r < 0)
		return r;
	if ((int32_t)new_dir != AT_FDCWD) {
		if (fd_bad(new_dir))
			return -EBADF;
		m->ncaps = 1;
		m->caps[0] = (handle_t)new_dir;
	}
	return request_at(old_dir);
}

int64_t sys_link(uint64_t old, uint64_t new) { return two_names(LX_LINK, 0, FDCWD, old, FDCWD, new); }

int64_t sys_linkat(uint64_t old_dir, uint64_t old, uint64_t new_dir, uint64_t new, uint64_t flags)
{
	if ((uint32_t)flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return two_names(LX_LINK, (uint32_t)flags, old_dir, old, new_dir, new);
}

int64_t sys_rename(uint64_t old, uint64_t new) { return two_names(LX_RENAME, 0, FDCWD, old, FDCWD, new); }

int64_t sys_renameat(uint64_t old_dir, uint64_t old, uint64_t new_dir, uint64_t new)
{
	return two_names(LX_RENAME, 0, old_dir, old, new_dir, new);
}

int64_t sys_renameat2(uint64_t old_dir, uint64_t old, uint64_t new_dir, uint64_t new, uint64_t flags)
{
	return two_names(LX_RENAME, (uint32_t)flags, old_dir, old, new_dir, new);
}

/* --- times ------------------------------------------------------------------------------------------------------ */

static int64_t utimens(uint64_t dirfd, uint64_t path, uint64_t flags, uint64_t atime, uint64_t mtime)
{
	if (atime == LX_TIME_OMIT && mtime == LX_TIME_OMIT)
		return 0;
	if (path == 0) {
		int64_t r = (int32_t)dirfd == AT_FDCWD ? -EFAULT :
			file_call(dirfd, LX_UTIMENS, AT_EMPTY_PATH, atime, mtime);

		return r == -ENOTTY ? 0 : r;
	}
	return path_call(dirfd, path, LX_UTIMENS, (uint32_t)flags, atime, mtime);
}

static int64_t utime_load(const struct linux_timespec *ts, uint64_t *ns)
{
	if (ts->nsec == UTIME_NOW)
		*ns = LX_TIME_NOW;
	else if (ts->nsec == UTIME_OMIT)
		*ns = LX_TIME_OMIT;
	else if (ts->nsec < 0 || ts->nsec > 999999999)
		return -EINVAL;
	else
		*ns = ts->sec < 0 ? 0 : (uint64_t)ts->sec * 1000000000u + (uint64_t)ts->nsec;
	return 0;
}

int64_t sys_utimensat(uint64_t dirfd, uint64_t path, uint64_t times, uint64_t flags)
{
	struct linux_timespec ts[2];
	uint64_t atime = LX_TIME_NOW, mtime = LX_TIME_NOW;

	if (times) {
		if (copy_in(ts, times, sizeof(ts)))
			return -EFAULT;
		if (utime_load(&ts[0], &atime) || utime_load(&ts[1], &mtime))
			return -EINVAL;
	}
	if (path == 0 && flags)
		return -EINVAL;
	if (path_is_fd(dirfd, path, flags))
		path = 0;
	return utimens(dirfd, path, flags, atime, mtime);
}

int64_t sys_futimesat(uint64_t dirfd, uint64_t path, uint64_t times)
{
	struct linux_timeval tv[2];
	uint64_t atime = LX_TIME_NOW, mtime = LX_TIME_NOW;

	if (times) {
		if (copy_in(tv, times, sizeof(tv)))
			return -EFAULT;
		for (int i = 0; i < 2; i++)
			if (tv[i].usec < 0 || tv[i].usec >= 1000000)
				return -EINVAL;
		atime = ((uint64_t)tv[0].sec * 1000000 + (uint64_t)tv[0].usec) * 1000;
		mtime = ((uint64_t)tv[1].sec * 1000000 + (uint64_t)tv[1].usec) * 1000;
	}
	return utimens(dirfd, path, 0, atime, mtime);
}

int64_t sys_utimes(uint64_t path, uint64_t times) { return sys_futimesat(FDCWD, path, times); }

int64_t sys_utime(uint64_t path, uint64_t times)
{
	int64_t t[2];

	if (!times)
		return utimens(FDCWD, path, 0, LX_TIME_NOW, LX_TIME_NOW);
	if (copy_in(t, times, sizeof(t)))
		return -EFAULT;
	return utimens(FDCWD, path, 0, (uint64_t)t[0] * 1000000000u, (uint64_t)t[1] * 1000000000u);
}

/* --- file systems --------------------------------------------------------------------------------------------------- */

#define STATFS_SIZE	120u

static int64_t statfs_out(int64_t r, uint64_t to)
{
	return r < 0 ? r : copy_out(to, self_utcb()->msg.inline_data, STATFS_SIZE);
}

int64_t sys_statfs(uint64_t path, uint64_t to) { return statfs_out(path_call(FDCWD, path, LX_STATFS, 0, 0, 0), to); }

/* What linuxd does not serve lies in no file system that it knows: statfs(2) by its f_type, in anonymous memory. */
static int64_t statfs_anonymous(uint64_t fd, uint64_t to)
{
	struct handle_info info;
	uint64_t s[STATFS_SIZE / 8] = { [1] = PAGE_SIZE, [8] = NAME_MAX, [9] = PAGE_SIZE, [10] = ST_VALID };

	if (tess_handle_query((handle_t)fd, &info) < 0)
		return -EBADF;
	if (info.object_type == OBJ_PIPE)
		s[0] = PIPEFS_MAGIC;
	else if (info.object_type >= OBJ_NULL && info.object_type <= OBJ_RANDOM)
		s[0] = TMPFS_MAGIC;		/* of /dev */
	else
		s[0] = ANON_INODE_FS_MAGIC;
	return copy_out(to, s, sizeof(s));
}

int64_t sys_fstatfs(uint64_t fd, uint64_t to)
{
	int64_t r = file_call(fd, LX_STATFS, AT_EMPTY_PATH, 0, 0);

	return r == -ENOTTY ? statfs_anonymous(fd, to) : statfs_out(r, to);
}

/* mount(2): its strings one after the other; a missing one is empty. */
static int64_t mount_string(struct ipc_message *m, uint64_t text)
{
	uint32_t room = IPC_INLINE - 8 - m->inline_len;
	int64_t n = 0;

	if (text)
		n = user_string((char *)m->inline_data + m->inline_len, (const char *)text, room);
	else
		m->inline_data[m->inline_len] = 0;
	if (n < 0 || n >= room)
		return n < 0 ? n : -EINVAL;
	m->inline_len += (uint32_t)n + 1;
	return 0;
}

int64_t sys_mount(uint64_t source, uint64_t target, uint64_t type, uint64_t flags, uint64_t data)
{
	struct ipc_message *m;
	int64_t r;

	if ((flags & 0xffff0000) == 0xC0ED0000)
		flags &= 0xffff;	/* MS_MGC_VAL */
	m = request(LX_MOUNT, flags, 0, 0);
	r = mount_string(m, source);
	if (r == 0)
		r = mount_string(m, target);
	if (r == 0)
		r = mount_string(m, type);
	if (r == 0)
		r = mount_string(m, data);
	return r < 0 ? r : request_server();
}

int64_t sys_umount2(uint64_t target, uint64_t flags)
{
	return path_call(FDCWD, target, LX_UMOUNT, (uint32_t)flags, 0, 0);
}

int64_t sys_pivot_root(uint64_t new, uint64_t old)
{
	struct ipc_message *m = request(LX_PIVOT_ROOT, 0, 0, 0);
	int64_t r = request_paths(m, new, old);

	return r < 0 ? r : request_server();
}

/* --- directories ---------------------------------------------------------------------------------------------------- */

int64_t sys_getdents64(uint64_t fd, uint64_t buf, uint64_t size)
{
	struct ipc_message *m = request(LX_GETDENTS, 0, 0, 0);
	int64_t r;

	if (size && user_probe(buf))
		return -EFAULT;		/* before linuxd counts the entries as read */
	m->bulk_in = buf;
	m->bulk_in_len = (uint32_t)size < IPC_BULK_MAX ? (uint32_t)size : IPC_BULK_MAX;
	if (m->bulk_in_len < 24)
		return fd_bad(fd) || tess_handle_flags((handle_t)fd, 0, 0) < 0 ? -EBADF : -EINVAL;
	r = request_file(fd);
	return r == -ENOTTY ? -ENOTDIR : r;
}

#define DIRENT_REST	19u	/* of struct linux_dirent64 before the name */

/* getdents(2): the same record, but for its type, which comes last instead of before the name. */
static int64_t dirent_turn(uint64_t at, uint64_t room)
{
	struct { uint64_t ino, off; uint16_t reclen; uint8_t type, name[PAGE_SIZE / 8]; } e;
	uint8_t type;

	if (copy_in(&e, at, DIRENT_REST) || e.reclen <= DIRENT_REST || e.reclen > sizeof(e) || e.reclen > room ||
	    copy_in(e.name, at + DIRENT_REST, e.reclen - DIRENT_REST))
		return -EFAULT;
	type = e.type;
	if (copy_out(at + DIRENT_REST - 1, e.name, e.reclen - DIRENT_REST) || user_store8(at + e.reclen - 1, type))
		return -EFAULT;
	return e.reclen;
}

int64_t sys_getdents(uint64_t fd, uint64_t buf, uint64_t size)
{
	int64_t len = sys_getdents64(fd, buf, size), n;

	for (int64_t done = 0; done < len; done += n) {
		n = dirent_turn(buf + (uint64_t)done, (uint64_t)(len - done));
		if (n < 0)
			return n;
	}
	return len;
}
