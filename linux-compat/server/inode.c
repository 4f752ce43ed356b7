/*
 * inode.c -- inodes: creation, life, permission, and what stat says of them.
 *
 * Owns:    every inode and the Content behind a regular file.  The record in the Content (mode, owner,
 *          links) is what a program's own fstat reads, so it is written at each change; size and times
 *          of a file with a Content are the kernel's.
 * Fails:   -ENOMEM when a Content cannot be had.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define RELATIVE_DIR_SIZE 20	/* what Linux's tmpfs reports for one name in a directory */

/* The Linux errno of a native status.  One table, generated from abi/errors.list. */
int errno_of(status_t status)
{
	static const uint8_t table[] = {
#define X(name, linux_errno, text) [-name] = linux_errno,
#include <abi/errors_table.h>
#undef X
	};

	if (status >= 0)
		return 0;
	if (-status < (status_t)(sizeof(table) / sizeof(table[0])) && table[-status])
		return -table[-status];
	return -EIO;
}

static handle_t super_pool(const struct super *s)
{
	return s->pool ? s->pool : server_pool;
}

/* A new inode with one reference and no name; owned by the creator (c NULL: by root). */
struct inode *inode_new(struct super *s, uint32_t mode, const struct cred *c)
{
	struct inode *i = mem_alloc(sizeof(*i));

	if (!i)
		return NULL;
	i->super = s;
	i->ino = s->next_ino++;
	i->mode = mode;
	i->refs = 1;
	i->nlink = 1;
	if (c) {
		i->uid = c->fsuid;
		i->gid = c->fsgid;
	}
	i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = clock_real_ns();
	s->ninodes++;
	return i;
}

void inode_get(struct inode *i)
{
	i->refs++;
}

static void inode_free(struct inode *i)
{
	i->super->ninodes--;
	if (i->target)
		i->super->names -= i->size / LINK_TEXT_UNIT;
	if (i->content)
		tess_handle_close(i->content);
	mem_free(i->target);
	mem_free(i);
}

void inode_put(struct inode *i)
{
	if (--i->refs == 0)
		inode_free(i);
}

static void record_fill(const struct inode *i, struct lx_record *r)
{
	memset(r, 0, sizeof(*r));
	r->dev = i->super->dev;
	r->ino = i->ino;
	r->btime_ns = i->btime_ns;
	r->mode = i->mode;
	r->uid = i->uid;
	r->gid = i->gid;
	r->nlink = i->nlink;
	r->blksize = i->super->blksize;
}

static void record_write(struct inode *i, uint32_t mask)
{
	struct content_attr attr;

	attr.atime_ns = i->atime_ns;
	attr.mtime_ns = i->mtime_ns;
	attr.ctime_ns = i->ctime_ns;
	record_fill(i, (struct lx_record *)attr.record);
	tess_content_set(i->content, mask | ATTR_RECORD_BYTES, &attr);
}

int inode_content(struct inode *i)
{
	int64_t handle;

	if (i->content)
		return 0;
	handle = tess_content_create(super_pool(i->super), 0);
	if (handle < 0)
		return errno_of(handle) == -ENOMEM ? -ENOSPC : errno_of(handle);
	i->content = (handle_t)handle;
	record_write(i, ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
	return 0;
}

/* Nobody can fstat an inode that no descriptor names, so an unlink of a closed file skips the call. */
void inode_publish(struct inode *i)
{
	if (i->content && (i->nlink || i->open_files))
		record_write(i, 0);
}

void inode_changed(struct inode *i)
{
	i->ctime_ns = clock_real_ns();
	if (i->content && (i->nlink || i->open_files))
		record_write(i, ATTR_CTIME);
}

void inode_modified(struct inode *i)
{
	i->mtime_ns = i->ctime_ns = clock_real_ns();
}

static uint64_t directory_size(const struct inode *i)
{
	if (i->ops || !i->alias)
		return 0;
	return (i->alias->nchildren + 2ull) * RELATIVE_DIR_SIZE;
}

void inode_stat(struct inode *i, const struct mount *m, struct lx_stat *st)
{
	st->dev = i->super->dev;
	st->ino = i->ino;
	st->rdev = i->rdev;
	st->mode = i->mode;
	st->uid = i->uid;
	st->gid = i->gid;
	st->nlink = i->nlink;
	st->blksize = i->super->blksize;
	st->pad = 0;
	st->btime_ns = i->btime_ns;
	st->mount_id = m->id;
	st->attributes = 0;
	if (i->content) {
		struct content_attr attr;

		if (tess_content_attributes(i->content, &attr) < 0)
			memset(&attr, 0, sizeof(attr));
		i->koid = attr.koid;
		st->size = attr.size;
		st->blocks = attr.resident_pages * (PAGE_SIZE / 512);
		st->atime_ns = attr.atime_ns;
		st->mtime_ns = attr.mtime_ns;
		st->ctime_ns = attr.ctime_ns;
		return;
	}
	st->size = S_ISDIR(i->mode) ? directory_size(i) : i->size;
	st->blocks = 0;
	st->atime_ns = i->atime_ns;
	st->mtime_ns = i->mtime_ns;
	st->ctime_ns = i->ctime_ns;
}

/*
 * path_resolution(7): root may all, but executes only what somebody may; the others have the rights
 * of the first class that fits them.  MAY_EXEC on a directory is search.
 */
int inode_permission(struct inode *i, struct process *who, const struct cred *c, uint32_t may)
{
	uint32_t mode = i->mode;

	if (i->ops && i->ops->permission && who)
		return i->ops->permission(i, who, may);
	if (c->fsuid == 0) {
		if ((may & MAY_EXEC) && !S_ISDIR(mode) && !(mode & 0111))
			return -EACCES;
		return 0;
	}
	if (c->fsuid == i->uid)
		mode >>= 6;
	else if (c->fsgid == i->gid || cred_in_group(c, i->gid))
		mode >>= 3;
	return (mode & may) == may ? 0 : -EACCES;
}

bool inode_owner_or_root(const struct inode *i, const struct cred *c)
{
	return c->fsuid == i->uid || c->fsuid == 0;
}

uint8_t mode_dirent_type(uint32_t mode)
{
	return (uint8_t)((mode & S_IFMT) >> 12);
}

static bool alias_visit(struct dentry *d, void *arg)
{
	struct inode *i = arg;

	if (d->inode == i)
		i->alias = d;
	return d->inode == i;
}

/* A place to see an inode at: where it has a name, else (unlinked) a name-less entry of its own. */
int inode_any_path(struct inode *i, struct path *to)
{
	struct mount *m = mount_of_super(i->super);
	struct dentry *d;

	if (!m)
		return -ENOENT;
	if (!i->alias && i->nlink)
		dentry_each(alias_visit, i);	/* one of several names went, and it was the one known */
	d = i->alias;
	if (d) {
		dentry_get(d);
	} else {
		d = dentry_new(i->super->root, "(deleted)", 9, i);
		if (!d)
			return -ENOMEM;
		d->flags |= D_DEAD;
		i->alias = NULL;
	}
	mount_get(m);
	to->mount = m;
	to->dentry = d;
	return 0;
}

/* --- which files the Contents of mappings are: /proc/PID/maps alone asks, so opening a file pays for no index -- */

static struct koid_slot *koid_slot(const struct koids *k, uint64_t koid)
{
	uint32_t at = hash_of(koid);

	while (k->slots[at & k->mask].koid && k->slots[at & k->mask].koid != koid)
		at++;
	return &k->slots[at & k->mask];
}

/* Room for n Contents; false: no memory. */
bool koids_begin(struct koids *k, uint32_t n)
{
	uint32_t size = 16;

	while (size < 2 * n)
		size *= 2;
	k->mask = size - 1;
	k->wanted = false;
	k->slots = mem_alloc(size * sizeof(*k->slots));
	return k->slots;
}

void koids_want(struct koids *k, uint64_t koid)
{
	koid_slot(k, koid)->koid = koid;
	k->wanted = true;
}

static bool koid_visit(struct dentry *d, void *arg)
{
	struct koids *k = arg;
	struct inode *i = d->inode;
	struct content_attr attr;
	struct koid_slot *slot;

	if (!i || !i->content)
		return false;
	if (!i->koid && tess_content_attributes(i->content, &attr) == 0)
		i->koid = attr.koid;
	slot = i->koid ? koid_slot(k, i->koid) : NULL;
	if (slot && slot->koid && !slot->inode) {
		slot->inode = i;
		if (!i->alias)
			i->alias = d;
	}
	return false;
}

/* All names are looked at once, however many are wanted: a user chooses both numbers. */
void koids_find(struct koids *k)
{
	if (k->wanted)
		dentry_each(koid_visit, k);
}

/* The file whose Content it is; NULL: none with a name. */
struct inode *koids_inode(const struct koids *k, uint64_t koid)
{
	return koid && k->slots ? koid_slot(k, koid)->inode : NULL;
}

void koids_end(struct koids *k)
{
	mem_free(k->slots);
	k->slots = NULL;
}
