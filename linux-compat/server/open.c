/*
 * open.c -- open(2), openat2(2) and the open of exec: from a path to a Descriptor in the caller's slot.
 *
 * Fails:   as open(2) says; a file that O_CREAT made stays when the Descriptor cannot be had, as on Linux.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define RESOLVE_SHIFT	8	/* of words[3]; bit 0 there is LX_OPEN_EXEC */
#define RESOLVE_ALL	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | \
			 RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED)
#define O_PATH_KEEPS	(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

struct open_call {
	struct request *r;
	const struct cred *cred;
	uint32_t flags, mode, may;
	bool exec, created;
};

static uint32_t may_of(uint32_t flags)
{
	static const uint8_t may[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };

	return may[flags & O_ACCMODE];
}

static int flags_unusual(struct open_call *o)
{
	if (o->flags & O_PATH)
		o->flags &= O_PATH_KEEPS;
	o->mode = o->flags & (O_CREAT | O_TMPFILE_BIT) ? o->mode & 07777 : 0;
	if (o->flags & O_TMPFILE_BIT) {
		if ((o->flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE || !(may_of(o->flags) & MAY_WRITE))
			return -EINVAL;
	} else if ((o->flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY)) {
		return -EINVAL;
	}
	if (!(o->flags & O_PATH)) {
		o->flags |= O_LARGEFILE;
		o->may = may_of(o->flags) | (o->flags & O_TRUNC ? MAY_WRITE : 0);
	}
	if (!o->exec)
		return 0;
	/* an interpreter that may be run need not be readable: so only a translator that loads asks for it */
	if (!o->r->loading || (o->flags & ~(O_CLOEXEC | O_LARGEFILE)) != O_RDONLY)
		return -EPERM;
	o->may = MAY_EXEC;
	return 0;
}

/* The flags that make sense together; open(2) ignores the ones it does not know. */
static inline int flags_check(struct open_call *o)
{
	if ((o->flags & (O_PATH | O_CREAT | O_TMPFILE_BIT | O_TRUNC)) || o->exec)
		return flags_unusual(o);
	o->flags |= O_LARGEFILE;
	o->may = may_of(o->flags);
	return 0;
}

/* May this existing file be opened so?  In the order in which Linux answers. */
static int open_check(const struct open_call *o, const struct path *p)
{
	struct inode *i = p->dentry->inode;
	int error;

	if ((o->flags & O_DIRECTORY) && !S_ISDIR(i->mode) && !o->created)	/* a part of O_TMPFILE */
		return -ENOTDIR;
	if (o->flags & O_PATH)
		return 0;
	if (S_ISLNK(i->mode))
		return -ELOOP;
	if (S_ISDIR(i->mode) && ((o->may & MAY_WRITE) || (o->flags & O_CREAT)))
		return -EISDIR;
	if (o->exec && (!S_ISREG(i->mode) || (p->mount->flags & MS_NOEXEC)))
		return -EACCES;
	if ((S_ISCHR(i->mode) || S_ISBLK(i->mode)) && (p->mount->flags & MS_NODEV))
		return -EACCES;
	if (o->created)
		return 0;
	if ((o->may & MAY_WRITE) && (S_ISREG(i->mode) || S_ISDIR(i->mode))) {
		error = mount_writable(p->mount);
		if (error < 0)
			return error;
	}
	/* what everybody may read needs no look at who asks */
	error = o->may == MAY_READ && (i->mode & 0444) == 0444 && !i->ops ? 0 :
		inode_permission(i, o->r->process, o->cred, o->may);
	if (error < 0)
		return error;
	if ((o->flags & O_NOATIME) && !inode_owner_or_root(i, o->cred))
		return -EPERM;
	return 0;
}

static void open_failed(struct open_call *o, struct file *f, int error)
{
	if (f->device && f->device->close)
		f->device->close(f);
	file_free(f);
	request_reply(o->r, error);
}

static void reply_descriptor(struct open_call *o, struct file *f, handle_t object, uint32_t kind)
{
	handle_t cap;
	int error = file_descriptor(f, object, kind, 0, &cap);

	if (error < 0)
		open_failed(o, f, error);
	else
		request_reply_cap(o->r, 0, cap);
}

static void open_pseudo(struct open_call *o, struct file *f)
{
	const struct inode_ops *ops = f->inode->ops;
	int error = ops->open ? ops->open(f->inode, o->r->process, f->flags) : 0;

	if (error < 0)
		open_failed(o, f, error);
	else
		reply_descriptor(o, f, 0, OBJ_NONE);
}

/* O_TRUNC comes last: an open that fails has not emptied the file. */
static void open_regular(struct open_call *o, struct file *f)
{
	struct inode *i = f->inode;
	handle_t cap = 0;
	int error = f->flags & O_DIRECT ? -EINVAL : inode_content(i);

	if (error == 0)
		error = file_descriptor(f, i->content, OBJ_NONE, o->exec ? DESC_EXEC : 0, &cap);
	if (error < 0) {
		open_failed(o, f, error);
		return;
	}
	if ((f->flags & O_TRUNC) && !o->created)
		error = inode_truncate(i, o->cred, 0);
	if (error < 0) {
		tess_handle_close(cap);		/* its close notice frees the file */
		request_reply(o->r, error);
		return;
	}
	/* earlier than Linux, which waits for the first write; the power is gone in time */
	if ((f->flags & O_ACCMODE) != O_RDONLY && !o->created && (i->mode & (S_ISUID | S_ISGID)))
		inode_setid_clear(i, o->cred);
	request_reply_cap(o->r, 0, cap);
}

/* Devices that only the kernel needs to know are one native call; the others have their driver here. */
static void open_device(struct open_call *o, struct file *f)
{
	struct inode *i = f->inode;
	uint32_t kind = S_ISCHR(i->mode) ? device_kernel_kind(i->rdev) : 0;
	int error;

	if (i->gone) {
		open_failed(o, f, -EIO);
		return;
	}
	if (kind) {
		reply_descriptor(o, f, 0, kind);
		return;
	}
	f->device = S_ISCHR(i->mode) ? device_find(i->rdev) : NULL;
	error = f->device ? 0 : -ENXIO;
	if (error == 0 && f->device->open)
		error = f->device->open(o->r, f, f->flags);
	if (error < 0) {
		f->device = NULL;	/* it was never opened */
		open_failed(o, f, error);
		return;
	}
	reply_descriptor(o, f, 0, OBJ_NONE);
}

static void open_at(struct open_call *o, const struct path *p)
{
	struct inode *i = p->dentry->inode;
	struct file *f;
	int error = open_check(o, p);

	if (error == 0)
		error = file_new(p, o->flags, &f);
	if (error < 0) {
		request_reply(o->r, error);
		return;
	}
	if (o->flags & O_PATH) {
		reply_descriptor(o, f, 0, OBJ_NONE);
		return;
	}
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		if (i->ops)
			open_pseudo(o, f);
		else
			open_regular(o, f);
		return;
	case S_IFIFO: fifo_open(o->r, f); return;
	case S_IFDIR: reply_descriptor(o, f, 0, OBJ_NONE); return;
	case S_IFSOCK: open_failed(o, f, -ENXIO); return;
	default: open_device(o, f);
	}
}

/* O_CREAT and the last name, which the walk neither followed nor required. */
static int create_or_find(struct open_call *o, struct walk *w)
{
	struct dentry *made;
	int error;

	for (;;) {
		if (w->last_type != LAST_NAME)
			return o->flags & O_EXCL ? -EEXIST : -EISDIR;
		if (w->slash)
			return -EISDIR;
		if (!w->at.dentry)
			break;
		if (o->flags & O_EXCL)
			return -EEXIST;
		if (!S_ISLNK(w->at.dentry->inode->mode))
			return 0;
		if (o->flags & O_NOFOLLOW)
			return -ELOOP;
		error = walk_again(w, WALK_MISSING | WALK_FILE);
		if (error < 0)
			return error;
	}
	error = name_create(w, S_IFREG | (o->mode & ~process_fs(o->r->process)->umask), 0, NULL, &made);
	if (error < 0)
		return error;
	o->created = true;
	w->at.mount = w->parent.mount;
	w->at.dentry = made;
	return 0;
}

/* O_TMPFILE: a file without a name in the file system of the directory. */
static void open_tmpfile(struct open_call *o, const struct path *dir)
{
	struct inode *d = dir->dentry->inode;
	struct path p = { .mount = dir->mount };
	struct inode *i;
	int error = S_ISDIR(d->mode) ? mount_writable(dir->mount) : -ENOTDIR;

	if (error == 0)
		error = inode_permission(d, o->r->process, o->cred, MAY_WRITE | MAY_EXEC);
	if (error == 0 && (d->ops || d->super->no_make))
		error = -EOPNOTSUPP;
	i = error ? NULL : inode_new(d->super, S_IFREG | (o->mode & ~process_fs(o->r->process)->umask), o->cred);
	if (i) {
		i->nlink = 0;
		p.dentry = dentry_new(dir->dentry, "#tmpfile", 8, i);
		inode_put(i);
	}
	if (!p.dentry) {
		request_reply(o->r, error ? error : -ENOMEM);
		return;
	}
	p.dentry->flags |= D_DEAD;
	o->created = true;
	open_at(o, &p);
	dentry_put(p.dentry);
}

void request_open(struct request *r)
{
	struct open_call o = { .r = r, .flags = (uint32_t)r->words[1], .mode = (uint32_t)r->words[2],
		.exec = r->words[3] & LX_OPEN_EXEC };
	uint32_t walk_flags = WALK_FOLLOW;
	const char *path = request_path(r);
	uint64_t resolve = r->words[3] >> RESOLVE_SHIFT;
	struct walk w;
	int error;

	if (!path || (resolve & ~(uint64_t)RESOLVE_ALL)) {
		request_reply(r, -EINVAL);
		return;
	}
	error = flags_check(&o);
	if (error < 0) {
		request_reply(r, error);
		return;
	}
	if (o.flags & O_CREAT)
		walk_flags = WALK_MISSING | WALK_FILE;
	else if (o.flags & O_NOFOLLOW)
		walk_flags = 0;
	error = walk_prepare(&w, r, path, walk_flags);
	o.cred = w.cred;
	w.resolve = (uint32_t)resolve;
	if (error == 0)
		error = walk_run(&w);
	if (error == 0 && (o.flags & O_CREAT))
		error = create_or_find(&o, &w);
	if (error < 0)
		reply_walk_error(r, error);
	else if (o.flags & O_TMPFILE_BIT)
		open_tmpfile(&o, &w.at);
	else
		open_at(&o, &w.at);
	walk_end(&w);
}

/*
 * exec: path as the caller may execute it.  *desc (read, exec) is the caller of this function's, and
 * so is the reference of info->inode.  The Content refuses writers only after inode_deny_write.
 */
int vfs_open_exec(struct request *r, const char *path, uint32_t at_flags, handle_t *desc, struct exec_file *info)
{
	struct open_call o = { .r = r, .may = MAY_EXEC, .exec = true, .cred = process_cred(r->process) };
	struct file *f;
	struct walk w;
	int error = walk_at(&w, r, path, (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
		(at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));

	if (error == 0)
		error = open_check(&o, &w.at);
	if (error == 0 && w.at.dentry->inode->ops)
		error = -EACCES;
	if (error == 0)
		error = inode_content(w.at.dentry->inode);
	if (error == 0)
		error = file_new(&w.at, O_RDONLY | O_LARGEFILE, &f);
	if (error < 0) {
		walk_end(&w);
		return error == -LX_SELF_FD ? -EACCES : error;
	}
	error = file_descriptor(f, f->inode->content, OBJ_NONE, DESC_EXEC, desc);
	if (error == 0) {
		info->uid = f->inode->uid;
		info->gid = f->inode->gid;
		info->mode = inode_exec_mode(f->inode);
		info->nosuid = f->path.mount->flags & MS_NOSUID;
		info->inode = f->inode;
		inode_get(f->inode);
		if (file_path_text(f, info->path, sizeof(info->path)) < 0)
			info->path[0] = 0;
	} else {
		file_free(f);
	}
	walk_end(&w);
	return error;
}

/* +1 while a program runs from the file, -1 after: open for writing is ETXTBSY meanwhile. */
int inode_deny_write(struct inode *i, int delta)
{
	return i->content ? errno_of(tess_content_deny_write(i->content, delta)) : -EACCES;
}
