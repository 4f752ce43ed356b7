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
#include "vfs.h"

#define HEADER_LEN	110u
#define NAME_FIELD_MAX	(2u * PATH_MAX + PAGE_SIZE)
#define LINKS_BUCKETS	64u

enum header_field { H_INO, H_MODE, H_UID, H_GID, H_NLINK, H_MTIME, H_SIZE, H_DEV_MAJOR, H_DEV_MINOR,
	H_RDEV_MAJOR, H_RDEV_MINOR, H_NAME_LEN, H_CHECK, H_FIELDS };

struct entry {
	uint32_t field[H_FIELDS];
	const char *name;
	const uint8_t *data;
	uint64_t data_offset;		/* in the vmo */
};

/* A file of several names: its data comes with the last one. */
struct linked {
	struct linked *next;
	uint32_t ino, major, minor;
	struct inode *inode;
};

struct unpack {
	handle_t vmo;
	const uint8_t *base;
	uint64_t len, pos;
	struct super *super;
	const char *problem;
	struct linked *links[LINKS_BUCKETS];
};

static bool hex_field(const uint8_t *at, uint32_t *out)
{
	uint32_t value = 0;

	for (int n = 0; n < 8; n++) {
		uint8_t c = at[n];
		uint32_t digit = c >= '0' && c <= '9' ? c - '0' + 0u : c >= 'a' && c <= 'f' ? c - 'a' + 10u :
			c >= 'A' && c <= 'F' ? c - 'A' + 10u : 16u;

		if (digit > 15)
			return false;
		value = value << 4 | digit;
	}
	*out = value;
	return true;
}

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* Reads the entry at pos and moves pos behind it.  False with a problem, or without one at the end. */
static bool entry_next(struct unpack *u, struct entry *e)
{
	const uint8_t *h;
	uint64_t name_at, data_at;

	while (u->pos < u->len && u->base[u->pos] == 0)
		u->pos++;
	if (u->pos >= u->len)
		return false;
	h = u->base + u->pos;
	if (u->len - u->pos < HEADER_LEN || memcmp(h, "070701", 6) != 0) {
		u->problem = "no newc header where one must be";
		return false;
	}
	for (int n = 0; n < H_FIELDS; n++) {
		if (!hex_field(h + 6 + 8 * n, &e->field[n])) {
			u->problem = "a header field is not hexadecimal";
			return false;
		}
	}
	name_at = u->pos + HEADER_LEN;
	if (e->field[H_NAME_LEN] == 0 || e->field[H_NAME_LEN] > NAME_FIELD_MAX ||
	    e->field[H_NAME_LEN] > u->len - name_at || u->base[name_at + e->field[H_NAME_LEN] - 1] != 0) {
		u->problem = "an entry's name is cut short";
		return false;
	}
	data_at = align4(name_at + e->field[H_NAME_LEN]);
	if (data_at > u->len || e->field[H_SIZE] > u->len - data_at) {
		u->problem = "an entry's data is cut short";
		return false;
	}
	e->name = (const char *)u->base + name_at;
	e->data = u->base + data_at;
	e->data_offset = data_at;
	u->pos = data_at + e->field[H_SIZE];
	if (u->pos < u->len)
		u->pos = align4(u->pos) < u->len ? align4(u->pos) : u->len;
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

static bool data_move(struct unpack *u, struct inode *i, const struct entry *e)
{
	uint64_t size = e->field[H_SIZE], whole = 0;
	struct content_attr attr = { .size = size, .mtime_ns = i->mtime_ns, .ctime_ns = i->ctime_ns };

	if (size == 0)
		return true;
	if (inode_content(i) < 0 || tess_content_set(i->content, ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, &attr) < 0)
		return false;
	if ((e->data_offset & (PAGE_SIZE - 1)) == 0)
		whole = size & ~(PAGE_SIZE - 1);
	if (whole && tess_vmo_move(i->content, 0, u->vmo, e->data_offset, whole) < 0)
		whole = 0;
	while (whole < size) {
		uint64_t len = size - whole < IPC_BULK_MAX ? size - whole : IPC_BULK_MAX;

		if (tess_vmo_write(i->content, whole, e->data + whole, len) != (int64_t)len)
			return false;
		whole += len;
	}
	return true;
}

static struct linked **linked_find(struct unpack *u, const struct entry *e)
{
	struct linked **link = &u->links[e->field[H_INO] % LINKS_BUCKETS];

	while (*link && ((*link)->ino != e->field[H_INO] || (*link)->major != e->field[H_DEV_MAJOR] ||
	       (*link)->minor != e->field[H_DEV_MINOR]))
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
static struct inode *entry_inode(struct unpack *u, const struct entry *e)
{
	bool many = S_ISREG(e->field[H_MODE]) && e->field[H_NLINK] > 1;
	struct linked **link = many ? linked_find(u, e) : NULL;
	struct inode *i;

	if (link && *link) {
		i = (*link)->inode;
		inode_get(i);
		i->nlink++;
		return i;
	}
	i = inode_new(u->super, e->field[H_MODE] & (S_IFMT | 07777), NULL);
	if (!i)
		return NULL;
	i->uid = e->field[H_UID];
	i->gid = e->field[H_GID];
	i->atime_ns = i->mtime_ns = i->ctime_ns = e->field[H_MTIME] * 1000000000ull;
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		i->rdev = MAKEDEV(e->field[H_RDEV_MAJOR], e->field[H_RDEV_MINOR]);
	if (link && (*link = mem_alloc(sizeof(**link)))) {
		(*link)->ino = e->field[H_INO];
		(*link)->major = e->field[H_DEV_MAJOR];
		(*link)->minor = e->field[H_DEV_MINOR];
		(*link)->inode = i;
		inode_get(i);
	}
	return i;
}

static bool inode_fill(struct unpack *u, struct inode *i, const struct entry *e)
{
	uint32_t size = e->field[H_SIZE];

	if (S_ISLNK(i->mode)) {
		if (size == 0 || size >= PATH_MAX)
			return false;
		i->target = mem_alloc(size + 1);
		if (!i->target)
			return false;
		memcpy(i->target, e->data, size);
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

static bool entry_add(struct unpack *u, const struct entry *e)
{
	const char *name;
	uint32_t len;
	struct dentry *dir = parent_of(u, e->name, &name, &len), *old;
	struct inode *i;
	bool good;

	if (dir && len <= 1 && (len == 0 || *name == '.')) {
		dir->inode->mode = S_IFDIR | (e->field[H_MODE] & 07777);
		return true;
	}
	if (!dir || !name_is_good(name, len) || !mode_is_good(e->field[H_MODE])) {
		u->problem = u->problem ? u->problem : "an entry has an impossible name or type";
		return false;
	}
	old = dentry_lookup(dir, name, len);
	if (old && S_ISDIR(old->inode->mode)) {
		if (!S_ISDIR(e->field[H_MODE])) {
			u->problem = "a file would replace a directory";
			return false;
		}
		old->inode->mode = e->field[H_MODE] & (S_IFMT | 07777);
		old->inode->uid = e->field[H_UID];
		old->inode->gid = e->field[H_GID];
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
	struct entry e;
	uint64_t count = 0, at = 0;

	while (!u->problem && (at = u->pos, entry_next(u, &e))) {
		if (strcmp(e.name, "TRAILER!!!") == 0) {
			links_forget(u);
			continue;
		}
		if (strncmp(e.name, "boot/", 5) == 0)
			continue;
		if (entry_add(u, &e))
			count++;
	}
	if (u->problem)
		server_log("linuxd: the boot archive is damaged at byte %lu: %s", (unsigned long)at, u->problem);
	if (!count)
		server_log("linuxd: the boot archive holds no root file system");
}

void archive_unpack(handle_t archive, struct super *root)
{
	struct unpack u = { .vmo = archive, .super = root };
	struct vmo_info info;
	int64_t base;

	if (tess_vmo_query(archive, &info) < 0 || info.size == 0) {
		server_log("linuxd: the boot archive is missing or empty");
		return;
	}
	u.len = info.size;
	base = tess_vspace_map(H_SELF, 0, (u.len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), MAP_READ, archive, 0);
	if (base < 0) {
		server_log("linuxd: the boot archive cannot be mapped (%ld)", (long)base);
		return;
	}
	u.base = (const uint8_t *)(uintptr_t)base;
	entries_unpack(&u);
	links_forget(&u);
	tess_vspace_unmap(H_SELF, (uint64_t)base, (u.len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
}
