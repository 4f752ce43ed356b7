/*
 * attr.c -- calls about a file's attributes: stat, access, readlink, chmod, chown, utimens, truncate,
 * statfs, xattr.
 *
 * Conforms: the man pages of section 2 of those names; inode(7).
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define AT_STAT_FLAGS	(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)
#define FILE_SIZE_MAX	0x7ffffffffffff000ull

static uint32_t follow_flags(uint64_t at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* Walks the request's path; a refusal is answered here and is false. */
static bool walk_request(struct request *r, struct walk *w, uint64_t at_flags, uint64_t known)
{
	const char *path = request_path(r);
	int error;

	if (!path || (at_flags & ~known)) {
		request_reply(r, -EINVAL);
		return false;
	}
	error = walk_at(w, r, path, follow_flags(at_flags));
	if (error == 0)
		return true;
	walk_end(w);
	reply_walk_error(r, error);
	return false;
}

void request_stat(struct request *r)
{
	struct lx_stat st;
	struct walk w;

	if (!walk_request(r, &w, r->words[1], AT_STAT_FLAGS))
		return;
	inode_stat(w.at.dentry->inode, w.at.mount, &st);
	walk_end(&w);
	request_reply_data(r, 0, &st, sizeof(st));
}

/* access(2) asks for the real ids, unless AT_EACCESS; only then is the credential copied. */
void request_access(struct request *r)
{
	static struct cred real;
	uint32_t may = (uint32_t)r->words[1];
	const char *path = request_path(r);
	struct path base;
	struct inode *i;
	struct walk w;
	int error;

	if (!path || (r->words[1] & ~7ull) ||
	    (r->words[2] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH))) {
		request_reply(r, -EINVAL);
		return;
	}
	error = walk_base(r, &base);
	if (error < 0) {
		request_reply(r, error);
		return;
	}
	walk_start(&w, r, &base, path, follow_flags(r->words[2]));
	if (!(r->words[2] & AT_EACCESS) && (w.cred->fsuid != w.cred->uid || w.cred->fsgid != w.cred->gid)) {
		real = *w.cred;
		real.fsuid = real.uid;
		real.fsgid = real.gid;
		w.cred = &real;
	}
	error = r->payload_len > PATH_MAX && strlen(path) >= PATH_MAX ? -ENAMETOOLONG : walk_run(&w);
	if (error == 0) {
		i = w.at.dentry->inode;
		if ((may & MAY_EXEC) && S_ISREG(i->mode) && (w.at.mount->flags & MS_NOEXEC))
			error = -EACCES;
		if (error == 0 && may)
			error = inode_permission(i, r->process, w.cred, may);
		if (error == 0 && (may & MAY_WRITE) && (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
			error = mount_writable(w.at.mount);
	}
	walk_end(&w);
	reply_walk_error(r, error);
}

/* A magic link's text is that of where it leads. */
static int jump_text(struct inode *i, struct process *who, char *buf, uint32_t len)
{
	struct path to;
	int n;

	if (i->ops->link_text)
		return i->ops->link_text(i, who, buf, len);
	n = i->ops->link_jump(i, who, &to);
	if (n < 0)
		return n;
	n = vfs_path_text(&to, &process_fs(who)->root, buf, len);
	path_put(&to);
	return n;
}

void request_readlink(struct request *r)
{
	static char text[PATH_MAX + 16];
	const char *path = request_path(r);
	struct inode *i;
	struct walk w;
	int n;

	if (!path) {
		request_reply(r, -EINVAL);
		return;
	}
	n = walk_at(&w, r, path, WALK_EMPTY);
	if (n == 0 && !*path && !r->file)
		n = -ENOENT;
	if (n == 0) {
		i = w.at.dentry->inode;
		if (!S_ISLNK(i->mode)) {
			n = *path ? -EINVAL : -ENOENT;
		} else if (i->ops) {
			n = jump_text(i, r->process, text, sizeof(text));
			if (n >= 0)
				request_reply_data(r, n, text, (uint32_t)n);
		} else {
			n = (int)i->size;
			request_reply_data(r, n, i->target, (uint32_t)n);
		}
	}
	if (n < 0)
		request_reply(r, n);
	walk_end(&w);
}

/*
 * Linux takes set-id bits away at each write.  Here the kernel writes: whoever has the file open for writing
 * could go on after it was given the bits, so exec looks whether he has.
 */
static void setid_watch(struct inode *i)
{
	struct content_attr attr;

	i->setid_mtime = 0;
	if (i->mode & (S_ISUID | S_ISGID) && i->content && tess_content_attributes(i->content, &attr) == 0 &&
	    attr.writers)
		i->setid_mtime = attr.mtime_ns | 1;
}

/* For exec: the mode, less the bits that a write has taken away. */
uint32_t inode_exec_mode(const struct inode *i)
{
	struct content_attr attr;

	if (!i->setid_mtime || (tess_content_attributes(i->content, &attr) == 0 && (attr.mtime_ns | 1) == i->setid_mtime))
		return i->mode;
	return i->mode & ~(uint32_t)(S_ISUID | S_ISGID);
}

static int chmod_at(struct path *p, const struct cred *c, uint32_t mode)
{
	struct inode *i = p->dentry->inode;
	int error = mount_writable(p->mount);

	if (error < 0)
		return error;
	if (S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	if (!inode_owner_or_root(i, c))
		return -EPERM;
	if (i->ops)
		return -EPERM;
	mode &= 07777;
	if ((mode & S_ISGID) && c->fsuid != 0 && c->fsgid != i->gid && !cred_in_group(c, i->gid))
		mode &= ~S_ISGID;
	i->mode = (i->mode & S_IFMT) | mode;
	setid_watch(i);
	inode_changed(i);
	return 0;
}

void request_chmod(struct request *r)
{
	struct walk w;
	int error;

	if (!walk_request(r, &w, r->words[2], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return;
	error = chmod_at(&w.at, w.cred, (uint32_t)r->words[1]);
	walk_end(&w);
	request_reply(r, error);
}

static int chown_at(struct path *p, const struct cred *c, uint32_t uid, uint32_t gid)
{
	struct inode *i = p->dentry->inode;
	bool root = c->fsuid == 0;
	int error = mount_writable(p->mount);

	if (error < 0)
		return error;
	if (i->ops)
		return -EPERM;
	/* nothing is changed, but set-id bits would go: the owner's to decide */
	if (uid == ~0u && gid == ~0u && !inode_owner_or_root(i, c))
		return i->mode & (S_ISUID | S_ISGID) && !S_ISDIR(i->mode) ? -EPERM : 0;
	if (uid != ~0u && !root && !(c->fsuid == i->uid && uid == i->uid))
		return -EPERM;
	if (gid != ~0u && !root && !(c->fsuid == i->uid &&
	    (gid == i->gid || gid == c->fsgid || cred_in_group(c, gid))))
		return -EPERM;
	if (uid != ~0u)
		i->uid = uid;
	if (gid != ~0u)
		i->gid = gid;
	/* a changed owner must not inherit the power that set-id gave; directories keep theirs */
	if (!S_ISDIR(i->mode)) {
		i->mode &= ~S_ISUID;
		if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			i->mode &= ~S_ISGID;
	}
	setid_watch(i);
	inode_changed(i);
	return 0;
}

void request_chown(struct request *r)
{
	struct walk w;
	int error;

	if (!walk_request(r, &w, r->words[3], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return;
	error = chown_at(&w.at, w.cred, (uint32_t)r->words[1], (uint32_t)r->words[2]);
	walk_end(&w);
	request_reply(r, error);
}

static void times_set(struct inode *i, uint64_t atime, uint64_t mtime, bool by_owner)
{
	uint64_t now = clock_real_ns();
	struct content_attr attr;
	uint32_t mask = ATTR_CTIME;

	if (atime != LX_TIME_OMIT) {
		i->atime_ns = atime == LX_TIME_NOW ? now : atime;
		mask |= ATTR_ATIME;
	}
	if (mtime != LX_TIME_OMIT) {
		i->mtime_ns = mtime == LX_TIME_NOW ? now : mtime;
		mask |= ATTR_MTIME;
	}
	i->ctime_ns = now;
	if (!i->content)
		return;
	if (i->setid_mtime && (mask & ATTR_MTIME) && by_owner && inode_exec_mode(i) == i->mode)
		i->setid_mtime = i->mtime_ns | 1;	/* touched, not written */
	attr.atime_ns = i->atime_ns;
	attr.mtime_ns = i->mtime_ns;
	attr.ctime_ns = i->ctime_ns;
	tess_content_set(i->content, mask, &attr);
}

/* utimensat(2): both now needs write permission, anything else the owner; both omitted, nothing. */
static int utimens_at(struct request *r, struct path *p, const struct cred *c)
{
	uint64_t atime = r->words[2], mtime = r->words[3];
	struct inode *i = p->dentry->inode;
	int error;

	if (atime == LX_TIME_OMIT && mtime == LX_TIME_OMIT)
		return 0;
	error = mount_writable(p->mount);
	if (error < 0)
		return error;
	if (!inode_owner_or_root(i, c)) {
		if (atime != LX_TIME_NOW || mtime != LX_TIME_NOW)
			return -EPERM;
		error = inode_permission(i, r->process, c, MAY_WRITE);
		if (error < 0)
			return error;
	}
	times_set(i, atime, mtime, inode_owner_or_root(i, c));
	return 0;
}

void request_utimens(struct request *r)
{
	struct walk w;
	int error;

	if (!walk_request(r, &w, r->words[1], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return;
	error = utimens_at(r, &w.at, w.cred);
	walk_end(&w);
	request_reply(r, error);
}

/* The set-id bits go when a file that has them is changed by somebody who could not set them. */
void inode_setid_clear(struct inode *i, const struct cred *c)
{
	uint32_t mode = i->mode;

	if (c->fsuid == 0)
		return;
	mode &= ~S_ISUID;
	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		mode &= ~S_ISGID;
	if (mode != i->mode) {
		i->mode = mode;
		inode_publish(i);
	}
}

/* Both times change even when the size does not: truncate(2) of an open or a path says so. */
int inode_truncate(struct inode *i, const struct cred *c, uint64_t size)
{
	struct content_attr attr;
	status_t status;
	int error = inode_content(i);

	if (error < 0)
		return error;
	status = tess_content_attributes(i->content, &attr);
	if (status < 0)
		return errno_of(status);
	if (attr.deny_write > 0)
		return -ETXTBSY;
	attr.size = size;
	attr.mtime_ns = attr.ctime_ns = clock_real_ns();
	status = tess_content_set(i->content, ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, &attr);
	if (status < 0)
		return errno_of(status);
	inode_setid_clear(i, c);
	return 0;
}

static int truncate_at(struct request *r, struct path *p, const struct cred *c, uint64_t size)
{
	struct inode *i = p->dentry->inode;
	struct content_attr attr;
	int error;

	if ((int64_t)size < 0)
		return -EINVAL;
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	error = mount_writable(p->mount);
	if (error == 0)
		error = inode_permission(i, r->process, c, MAY_WRITE);
	if (error < 0)
		return error;
	if (i->ops)
		return 0;
	error = inode_content(i);
	if (error < 0)
		return error;
	if (tess_content_attributes(i->content, &attr) < 0)
		return -EIO;
	if (size > FILE_SIZE_MAX || (size > attr.size && size > process_rlimit(r->process, RLIMIT_FSIZE)))
		return -EFBIG;
	return inode_truncate(i, c, size);
}

void request_truncate(struct request *r)
{
	struct walk w;
	int error;

	if (!walk_request(r, &w, 0, 0))
		return;
	error = truncate_at(r, &w.at, w.cred, r->words[1]);
	walk_end(&w);
	request_reply(r, error);
}

void request_statfs(struct request *r)
{
	struct linux_statfs st;
	struct walk w;

	if (!walk_request(r, &w, AT_EMPTY_PATH, AT_EMPTY_PATH))
		return;
	statfs_fill(w.at.mount, &st);
	walk_end(&w);
	request_reply_data(r, 0, &st, sizeof(st));
}

/* No file system here keeps extended attributes: what Linux's tmpfs without them answers. */
void request_xattr(struct request *r)
{
	struct walk w;

	if (!walk_request(r, &w, r->words[2] | AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return;
	walk_end(&w);
	if (r->words[1] == 2)
		request_reply_data(r, 0, "", 0);
	else
		request_reply(r, -EOPNOTSUPP);
}
