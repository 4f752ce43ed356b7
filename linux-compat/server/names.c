/*
 * names.c -- calls that make, remove and move names: mkdir, mknod, symlink, link, unlink, rmdir, rename.
 *
 * Each checks everything first and then cannot fail half-way.
 * Conforms: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2), rename(2), path_resolution(7).
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

/* May names be added to or taken from this directory? */
static int dir_writable(struct request_names *n, struct path *dir)
{
	struct inode *i = dir->dentry->inode;
	int error;

	if (!S_ISDIR(i->mode))
		return -ENOTDIR;
	if (dir->dentry->flags & D_DEAD)
		return -ENOENT;
	error = mount_writable(dir->mount);
	if (error == 0)
		error = inode_permission(i, n->process, n->cred, MAY_WRITE | MAY_EXEC);
	return error;
}

/* Who and what a new file is: the directory's set-group-id hands its group down. */
static struct inode *inode_in(struct inode *dir, uint32_t mode, const struct cred *c)
{
	struct inode *i = inode_new(dir->super, mode, c);

	if (!i)
		return NULL;
	if (dir->mode & S_ISGID) {
		i->gid = dir->gid;
		if (S_ISDIR(mode))
			i->mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && c->fsuid != 0 &&
			 c->fsgid != dir->gid && !cred_in_group(c, dir->gid))
			i->mode &= ~S_ISGID;
	}
	return i;
}

/* Names are our memory, whoever makes them: a file system holds so many, hard links included. */
static bool names_full(const struct super *s)
{
	return s->limit_inodes && s->names >= s->limit_inodes;
}

/* What went before has found that the last name of w does not exist in w->parent: make it. */
int name_create(struct walk *w, uint32_t mode, uint32_t rdev, const char *target, struct dentry **out)
{
	struct request_names n = { .process = w->process, .cred = w->cred };
	struct inode *dir = w->parent.dentry->inode;
	int error = dir_writable(&n, &w->parent);
	struct inode *i;
	struct dentry *d;

	if (error < 0)
		return error;
	if (dir->ops || dir->super->no_make)
		return dir->super->no_make ? dir->super->no_make : -EPERM;
	if (names_full(dir->super))
		return -ENOSPC;
	i = inode_in(dir, mode, w->cred);
	if (!i)
		return -ENOMEM;
	i->rdev = rdev;
	if (target) {
		i->target = mem_strdup(target);
		i->size = i->target ? strlen(target) : 0;
		dir->super->names += i->size / LINK_TEXT_UNIT;
	}
	d = target && !i->target ? NULL : dentry_new(w->parent.dentry, w->last.text, w->last.len, i);
	inode_put(i);
	if (!d)
		return -ENOMEM;
	if (S_ISDIR(mode)) {
		i->nlink = 2;
		dir->nlink++;
	}
	dentry_add(d);
	inode_modified(dir);
	if (out)
		*out = d;
	return 0;
}

/* Walks to the parent of a name that is to be made and must not exist. */
static int walk_new(struct walk *w, struct request *r, const char *path, const struct path *base, bool directory)
{
	struct dentry *d;
	int error = 0;

	walk_start(w, r, base, path, WALK_PARENT);
	error = strlen(path) >= PATH_MAX ? -ENAMETOOLONG : walk_run(w);
	if (error < 0)
		return error;
	if (w->last_type != LAST_NAME || !w->last.len)
		return -EEXIST;
	error = walk_last(w, &d);
	if (error < 0)
		return error;
	if (d)
		return -EEXIST;
	if (w->slash && !directory)
		return -ENOENT;
	return 0;
}

void request_make(struct request *r)
{
	uint32_t mode = (uint32_t)r->words[1], type = mode & S_IFMT, rdev = 0;
	const char *path = request_path(r);
	const struct cred *c = process_cred(r->process);
	bool directory = r->words[0] == LX_MKDIR;
	struct path base;
	struct walk w;
	int error;

	error = path ? walk_base(r, &base) : -EINVAL;
	if (error < 0) {
		request_reply(r, error);
		return;
	}
	error = walk_new(&w, r, path, &base, directory);
	if (directory) {
		mode = S_IFDIR | (mode & (0777 | S_ISVTX));
	} else {
		mode = (mode & 07777) | (type ? type : S_IFREG);
		rdev = S_ISCHR(mode) || S_ISBLK(mode) ? (uint32_t)r->words[2] : 0;
		if (error == 0 && S_ISDIR(mode))
			error = -EPERM;
		else if (error == 0 && !S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode) &&
			 !S_ISBLK(mode))
			error = -EINVAL;
		if (error == 0 && (S_ISCHR(mode) || S_ISBLK(mode)) && c->euid != 0)
			error = -EPERM;
	}
	if (error == 0)
		error = name_create(&w, mode & ~process_fs(r->process)->umask, rdev, NULL, NULL);
	walk_end(&w);
	reply_walk_error(r, error);
}

void request_symlink(struct request *r)
{
	uint32_t offset = 0;
	const char *target = request_string(r, &offset);
	const char *path = target ? request_string(r, &offset) : NULL;
	struct path base;
	struct walk w;
	int error = path ? walk_base(r, &base) : -EINVAL;

	if (error == 0 && !*target)
		error = -ENOENT;
	if (error == 0 && strlen(target) >= PATH_MAX)
		error = -ENAMETOOLONG;
	if (error < 0) {
		request_reply(r, error);
		return;
	}
	error = walk_new(&w, r, path, &base, false);
	if (error == 0)
		error = name_create(&w, S_IFLNK | 0777, 0, target, NULL);
	walk_end(&w);
	reply_walk_error(r, error);
}

/* The directory that the second path of link and rename starts at. */
static int second_base(struct request *r, struct path *base)
{
	struct handle_info info;
	struct file *f;

	if (r->ncaps == 0) {
		*base = process_fs(r->process)->cwd;
		return 0;
	}
	if (tess_handle_query(r->caps[0], &info) < 0)
		return -EBADF;
	f = file_by_cookie(info.cookie);
	if (!f)
		return -ENOTDIR;
	*base = f->path;
	return 0;
}

/* The caller's capabilities were ours to close, whatever became of the request. */
static void caps_close(struct request *r)
{
	while (r->ncaps)
		tess_handle_close(r->caps[--r->ncaps]);
}

/* proc_sys_fs(5), protected_hardlinks: his own, or an ordinary one that he may read and write. */
static bool may_link(const struct request_names *n, const struct inode *i)
{
	if (inode_owner_or_root(i, n->cred))
		return true;
	return S_ISREG(i->mode) && !(i->mode & S_ISUID) && (i->mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
		inode_permission(i, n->process, n->cred, MAY_READ | MAY_WRITE) == 0;
}

static int link_make(struct request *r, const struct path *old, struct walk *w)
{
	struct request_names n = { .process = r->process, .cred = process_cred(r->process) };
	struct inode *i = old->dentry->inode, *dir = w->parent.dentry->inode;
	struct dentry *d;
	int error;

	if (old->mount != w->parent.mount)
		return -EXDEV;
	if (!may_link(&n, i))
		return -EPERM;
	error = dir_writable(&n, &w->parent);
	if (error < 0)
		return error;
	if (S_ISDIR(i->mode) || dir->ops || i->ops || dir->super->no_make)
		return -EPERM;
	if (i->nlink == 0 && (old->dentry->flags & D_DEAD) && strcmp(old->dentry->name, "#tmpfile") != 0)
		return -ENOENT;
	if (i->nlink >= LINK_COUNT_MAX)
		return -EMLINK;
	if (names_full(dir->super))
		return -ENOSPC;
	d = dentry_new(w->parent.dentry, w->last.text, w->last.len, i);
	if (!d)
		return -ENOMEM;
	i->nlink++;
	dentry_add(d);
	inode_changed(i);
	inode_modified(dir);
	return 0;
}

static int link_request(struct request *r)
{
	uint32_t offset = 0, flags = (uint32_t)r->words[1];
	const char *old = request_string(r, &offset);
	const char *new = old ? request_string(r, &offset) : NULL;
	struct walk from, to;
	struct path base;
	int error;

	if (!new || (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if (!*old && process_cred(r->process)->euid != 0)
		return -ENOENT;		/* linkat(2): who was only lent a file gives it no name */
	error = second_base(r, &base);
	if (error < 0)
		return error;
	error = walk_at(&from, r, old, (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
		(flags & AT_EMPTY_PATH ? WALK_EMPTY : 0));
	if (error == 0) {
		error = walk_new(&to, r, new, &base, false);
		if (error == 0)
			error = link_make(r, &from.at, &to);
		walk_end(&to);
	}
	walk_end(&from);
	return error;
}

void request_link(struct request *r)
{
	int error = link_request(r);

	caps_close(r);
	reply_walk_error(r, error);
}

/* May the name be taken out of its directory?  Sticky: only by owners of either.  may_delete of Linux. */
static int may_remove(struct request_names *n, struct path *dir, struct dentry *d, bool directory)
{
	int error = dir_writable(n, dir);

	if (error < 0)
		return error;
	if ((dir->dentry->inode->mode & S_ISVTX) && n->cred->fsuid != 0 &&
	    n->cred->fsuid != d->inode->uid && n->cred->fsuid != dir->dentry->inode->uid)
		return -EPERM;
	if (directory && !S_ISDIR(d->inode->mode))
		return -ENOTDIR;
	if (!directory && S_ISDIR(d->inode->mode))
		return -EISDIR;
	if (directory && d->parent == d)
		return -EBUSY;
	if (d->inode->ops || dir->dentry->inode->ops || d->inode->super->no_make == -EPERM)
		return -EPERM;
	return 0;
}

/* The name goes, and with the last name and no opener the file. */
static void name_drop(struct dentry *d)
{
	struct inode *i = d->inode, *dir = d->parent->inode;

	inode_get(i);
	if (S_ISDIR(i->mode)) {
		i->nlink = 0;
		dir->nlink--;
	} else {
		i->nlink--;
	}
	dentry_remove(d);
	if (i->nlink || i->open_files)
		inode_changed(i);
	inode_modified(dir);
	inode_put(i);
}

static int remove_found(struct walk *w, bool directory)
{
	struct request_names n = { .process = w->process, .cred = w->cred };
	struct dentry *d;
	int error = walk_last(w, &d);

	if (error < 0)
		return error;
	if (!d)
		return -ENOENT;
	if (!directory && w->slash)
		return S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
	error = may_remove(&n, &w->parent, d, directory);
	if (error < 0)
		return error;
	if (dentry_is_mountpoint(d))
		return -EBUSY;
	if (directory && d->nchildren)
		return -ENOTEMPTY;
	name_drop(d);
	return 0;
}

void request_unlink(struct request *r)
{
	const char *path = request_path(r);
	bool directory = r->words[1] & AT_REMOVEDIR;
	struct walk w;
	int error;

	if (!path || (r->words[1] & ~(uint64_t)AT_REMOVEDIR)) {
		request_reply(r, -EINVAL);
		return;
	}
	error = walk_at(&w, r, path, WALK_PARENT);
	if (error == 0 && (w.last_type != LAST_NAME || !w.last.len)) {
		if (!directory)
			error = -EISDIR;
		else
			error = !w.last.len ? -EBUSY : w.last_type == LAST_DOT ? -EINVAL : -ENOTEMPTY;
	}
	if (error == 0)
		error = remove_found(&w, directory);
	walk_end(&w);
	reply_walk_error(r, error);
}

/* --- rename ------------------------------------------------------------------------------------- */

static int rename_check(struct request_names *n, struct walk *from, struct walk *to, struct dentry *old,
	struct dentry *new, uint32_t flags)
{
	bool old_dir = S_ISDIR(old->inode->mode);
	bool new_dir = new && S_ISDIR(new->inode->mode);
	bool named_dir = flags & RENAME_EXCHANGE ? new_dir : old_dir;	/* what may have slashes behind the second name */
	int error;

	if ((!old_dir && from->slash) || (!named_dir && to->slash))
		return -ENOTDIR;
	if (old_dir && dentry_below(to->parent.dentry, old))
		return -EINVAL;
	if (new && new_dir && dentry_below(from->parent.dentry, new))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (new && new->inode == old->inode)
		return 1;	/* two names of one file: nothing to do, before rights are looked at */
	error = may_remove(n, &from->parent, old, old_dir);
	if (error < 0)
		return error;
	if (!new)
		error = dir_writable(n, &to->parent);
	else if (flags & RENAME_EXCHANGE)
		error = may_remove(n, &to->parent, new, new_dir);
	else
		error = may_remove(n, &to->parent, new, old_dir);
	if (error < 0)
		return error;
	if (to->parent.dentry->inode->ops || to->parent.dentry->inode->super->no_make)
		return -EPERM;
	if (to->parent.dentry != from->parent.dentry) {		/* their ".." change */
		if (old_dir)
			error = inode_permission(old->inode, n->process, n->cred, MAY_WRITE);
		if (error == 0 && new_dir && flags & RENAME_EXCHANGE)
			error = inode_permission(new->inode, n->process, n->cred, MAY_WRITE);
		if (error < 0)
			return error;
	}
	if (dentry_is_mountpoint(old) || (new && dentry_is_mountpoint(new)))
		return -EBUSY;
	if (new && new_dir && !(flags & RENAME_EXCHANGE) && new->nchildren)
		return -ENOTEMPTY;
	return 0;
}

static void exchange_links(struct dentry *a, struct dentry *b)
{
	bool a_dir = S_ISDIR(a->inode->mode), b_dir = S_ISDIR(b->inode->mode);

	if (a->parent == b->parent || a_dir == b_dir)
		return;
	if (a_dir) {
		a->parent->inode->nlink--;
		b->parent->inode->nlink++;
	} else {
		b->parent->inode->nlink--;
		a->parent->inode->nlink++;
	}
}

static int rename_do(struct walk *from, struct walk *to, struct dentry *old, struct dentry *new, uint32_t flags)
{
	struct dentry *old_dir = from->parent.dentry, *new_dir = to->parent.dentry;
	int error;

	if (flags & RENAME_EXCHANGE) {
		exchange_links(old, new);
		dentry_exchange(old, new);
		inode_changed(new->inode);
	} else {
		/* move first: it alone can fail; two equal names side by side are never looked up */
		error = dentry_move(old, new_dir, to->last.text, to->last.len);
		if (error < 0)
			return error;
		if (S_ISDIR(old->inode->mode) && old_dir != new_dir) {
			old_dir->inode->nlink--;
			new_dir->inode->nlink++;
		}
		if (new)
			name_drop(new);
	}
	inode_changed(old->inode);
	inode_modified(old_dir->inode);
	inode_modified(new_dir->inode);
	return 0;
}

static int rename_walked(struct request *r, struct walk *from, struct walk *to, uint32_t flags)
{
	struct request_names n = { .process = r->process, .cred = from->cred };
	struct dentry *old, *new;
	int error;

	if (from->parent.mount != to->parent.mount)
		return -EXDEV;
	if (from->last_type != LAST_NAME || !from->last.len)
		return -EBUSY;
	if (to->last_type != LAST_NAME || !to->last.len)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	error = mount_writable(from->parent.mount);
	if (error == 0)
		error = walk_last(from, &old);
	if (error == 0 && !old)
		error = -ENOENT;
	if (error == 0)
		error = walk_last(to, &new);
	if (error < 0)
		return error;
	if (new && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!new && (flags & RENAME_EXCHANGE))
		return -ENOENT;
	error = rename_check(&n, from, to, old, new, flags);
	if (error)
		return error < 0 ? error : 0;
	return rename_do(from, to, old, new, flags);
}

static int rename_request(struct request *r)
{
	uint32_t offset = 0, flags = (uint32_t)r->words[1];
	const char *old = request_string(r, &offset);
	const char *new = old ? request_string(r, &offset) : NULL;
	struct walk from, to;
	struct path base;
	int error;

	if (!new || (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	error = second_base(r, &base);
	if (error < 0)
		return error;
	error = walk_at(&from, r, old, WALK_PARENT);
	if (error == 0) {
		walk_start(&to, r, &base, new, WALK_PARENT);
		error = strlen(new) >= PATH_MAX ? -ENAMETOOLONG : walk_run(&to);
		if (error == 0)
			error = rename_walked(r, &from, &to, flags);
		walk_end(&to);
	}
	walk_end(&from);
	return error;
}

void request_rename(struct request *r)
{
	int error = rename_request(r);

	caps_close(r);
	reply_walk_error(r, error);
}
