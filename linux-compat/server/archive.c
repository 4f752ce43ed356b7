/*
 * archive.c -- the root file system out of the boot archive.
 *
 * The archive is a vmo: newc cpio archives one after the other, each starting on a page, NULs between.
 * Entries below boot/ are the native servers' and are skipped; later entries replace earlier ones.
 * File data that starts on a page is moved frame by frame into the file's Content; only the rest is
 * copied.
 *
 * Fails:   a damaged archive is one clear line in the log, and what came before it stays.
 * Tested:  test/vfs_test.c (whole, cut short at every length, damaged at random)
 */
#include <lib/rt/cpio.h>
#include "vfs.h"

#define LINKS_BUCKETS	64u

/* A file of several names: its data comes with the last one. */
struct linked {
	struct linked *next;
	uint32_t ino, major, minor;
	struct inode *inode;
};

struct unpack {
	const struct archive *archive;
	struct cpio cpio;
	struct super *super;
	const char *problem;
	struct linked *links[LINKS_BUCKETS];
};

bool archive_copy(const struct archive *a, uint64_t offset, uint64_t len, handle_t to, uint64_t to_offset)
{
	while (len) {
		uint64_t step = len < IPC_BULK_MAX ? len : IPC_BULK_MAX;

		if (tess_vmo_write(to, to_offset, a->data + offset, step) != (int64_t)step)
			return false;
		offset += step;
		to_offset += step;
		len -= step;
	}
	return true;
}

static bool name_is_good(const char *name, uint32_t len)
{
	return len && len <= NAME_MAX && !(len == 1 && name[0] == '.') &&
		!(len == 2 && name[0] == '.' && name[1] == '.');
}

static struct dentry *child_make(struct unpack *u, struct dentry *dir, const char *name, uint32_t len,
	struct inode *i)
{
	struct dentry *d = dentry_new(dir, name, len, i);

	if (!d) {
		u->problem = "no memory for its names";
		return NULL;
	}
	if (S_ISDIR(i->mode)) {
		i->nlink = 2;
		dir->inode->nlink++;
	}
	dentry_add(d);
	return d;
}

/* The directory of the entry's name, made where the archive forgot it; *last is the name itself. */
static struct dentry *parent_of(struct unpack *u, const char *name, const char **last, uint32_t *last_len)
{
	struct dentry *dir = u->super->root;

	for (;;) {
		const char *end;
		struct dentry *next;
		struct inode *i;

		while (*name == '/' || (name[0] == '.' && name[1] == '/'))
			name++;
		for (end = name; *end && *end != '/'; end++)
			continue;
		*last = name;
		*last_len = (uint32_t)(end - name);
		while (*end == '/')
			end++;
		if (!*end)
			return dir;
		if (!name_is_good(name, *last_len))
			return NULL;
		next = dentry_lookup(dir, name, *last_len);
		if (!next) {
			i = inode_new(u->super, S_IFDIR | 0755, NULL);
			next = i ? child_make(u, dir, name, *last_len, i) : NULL;
			if (i)
				inode_put(i);
			if (!next)
				return NULL;
		}
		if (!S_ISDIR(next->inode->mode))
			return NULL;
		dir = next;
		name = end;
	}
}

static bool data_move(struct unpack *u, struct inode *i, const struct cpio_entry *e)
{
	uint64_t size = e->size, whole = 0;
	struct content_attr attr = { .size = size, .mtime_ns = i->mtime_ns, .ctime_ns = i->ctime_ns };

	if (size == 0)
		return true;
	if (inode_content(i) < 0 || tess_content_set(i->content, ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, &attr) < 0)
		return false;
	if ((e->offset & (PAGE_SIZE - 1)) == 0)
		whole = size & ~(PAGE_SIZE - 1);
	if (whole && tess_vmo_move(i->content, 0, u->archive->vmo, e->offset, whole) < 0)
		whole = 0;
	return archive_copy(u->archive, e->offset + whole, size - whole, i->content, whole);
}

static struct linked **linked_find(struct unpack *u, const struct cpio_entry *e)
{
	struct linked **link = &u->links[e->ino % LINKS_BUCKETS];

	while (*link && ((*link)->ino != e->ino || (*link)->major != e->dev_major ||
	       (*link)->minor != e->dev_minor))
		link = &(*link)->next;
	return link;
}

/* Links are known within one archive only: the next one numbers its files anew. */
static void links_forget(struct unpack *u)
{
	for (uint32_t n = 0; n < LINKS_BUCKETS; n++) {
		while (u->links[n]) {
			struct linked *l = u->links[n];

			u->links[n] = l->next;
			inode_put(l->inode);
			mem_free(l);
		}
	}
}

/* The inode of an entry: new, or that of an earlier name of the same file, with a reference. */
static struct inode *entry_inode(struct unpack *u, const struct cpio_entry *e)
{
	bool many = S_ISREG(e->mode) && e->nlink > 1;
	struct linked **link = many ? linked_find(u, e) : NULL;
	struct inode *i;

	if (link && *link) {
		i = (*link)->inode;
		inode_get(i);
		i->nlink++;
		return i;
	}
	i = inode_new(u->super, e->mode & (S_IFMT | 07777), NULL);
	if (!i)
		return NULL;
	i->uid = e->uid;
	i->gid = e->gid;
	i->atime_ns = i->mtime_ns = i->ctime_ns = e->mtime * 1000000000ull;
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		i->rdev = MAKEDEV(e->rdev_major, e->rdev_minor);
	if (link && (*link = mem_alloc(sizeof(**link)))) {
		(*link)->ino = e->ino;
		(*link)->major = e->dev_major;
		(*link)->minor = e->dev_minor;
		(*link)->inode = i;
		inode_get(i);
	}
	return i;
}

static bool inode_fill(struct unpack *u, struct inode *i, const struct cpio_entry *e)
{
	uint32_t size = e->size;

	if (S_ISLNK(i->mode)) {
		if (size == 0 || size >= PATH_MAX)
			return false;
		i->target = mem_alloc(size + 1);
		if (!i->target)
			return false;
		memcpy(i->target, u->archive->data + e->offset, size);
		i->size = strlen(i->target);
		i->super->names += i->size / LINK_TEXT_UNIT;
		return i->size > 0;
	}
	return !S_ISREG(i->mode) || data_move(u, i, e);
}

static void old_entry_drop(struct dentry *old)
{
	struct inode *i = old->inode;

	inode_get(i);
	i->nlink--;
	dentry_remove(old);
	inode_publish(i);
	inode_put(i);
}

static bool mode_is_good(uint32_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) ||
		S_ISFIFO(mode) || S_ISSOCK(mode);
}

static bool entry_add(struct unpack *u, const struct cpio_entry *e)
{
	const char *name;
	uint32_t len;
	struct dentry *dir = parent_of(u, e->name, &name, &len), *old;
	struct inode *i;
	bool good;

	if (dir && len <= 1 && (len == 0 || *name == '.')) {
		dir->inode->mode = S_IFDIR | (e->mode & 07777);
		return true;
	}
	if (strlen(e->name) >= PATH_MAX || !dir || !name_is_good(name, len) || !mode_is_good(e->mode)) {
		u->problem = u->problem ? u->problem : "an entry has an impossible name or type";
		return false;
	}
	old = dentry_lookup(dir, name, len);
	if (old && S_ISDIR(old->inode->mode)) {
		if (!S_ISDIR(e->mode)) {
			u->problem = "a file would replace a directory";
			return false;
		}
		old->inode->mode = e->mode & (S_IFMT | 07777);
		old->inode->uid = e->uid;
		old->inode->gid = e->gid;
		return true;
	}
	if (old)
		old_entry_drop(old);
	i = entry_inode(u, e);
	good = i && inode_fill(u, i, e) && child_make(u, dir, name, len, i);
	if (i)
		inode_publish(i);
	if (i)
		inode_put(i);
	if (!good)
		u->problem = u->problem ? u->problem : "no memory for its contents, or an empty link";
	return good;
}

static void entries_unpack(struct unpack *u)
{
	struct cpio_entry e;
	enum cpio_result result;
	uint64_t count = 0, at = 0;
	uint32_t part = 0;

	while (!u->problem && (at = u->cpio.at, result = cpio_next(&u->cpio, &e)) != CPIO_END) {
		if (result == CPIO_DAMAGED) {
			u->problem = "no whole newc entry where one must be";
			break;
		}
		if (part != u->cpio.part)
			links_forget(u);
		part = u->cpio.part;
		if (strncmp(e.name, "boot/", 5) != 0 && entry_add(u, &e))
			count++;
	}
	links_forget(u);
	if (u->problem)
		server_log("the boot archive is damaged at byte %lu: %s", (unsigned long)at, u->problem);
	if (!count)
		server_log("the boot archive holds no root file system");
}

void archive_unpack(const struct archive *a, struct super *root)
{
	struct unpack u = { .archive = a, .super = root };

	cpio_begin(&u.cpio, a->data, a->len);
	entries_unpack(&u);
}
