/*
 * mount.c -- mounts and supers: mount(2), umount2(2), pivot_root(2), statfs, and the mount tables of /proc.
 *
 * Owns:    the list of mounts in order of mounting.  What shared ones pass on is peers.c's.
 * Fails:   as mount(2) says.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define MNT_KEEPS	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | \
			 MS_RELATIME | MS_NOSYMFOLLOW)
#define MOUNTS_MAX	1024u
#define FREE_WHEN_UNLIMITED	2	/* tmpfs may take this part of memory, as Linux's default */

struct mount *mounts;
static uint32_t next_id = 21, next_minor = 21, mount_count;

static const struct fs_type *const fs_types[] = {
	&sysfs_type, &tmpfs_type, &proc_type, &devtmpfs_type, &devpts_type,
};

const struct fs_type *fs_type_next(uint32_t index)
{
	return index < sizeof(fs_types) / sizeof(fs_types[0]) ? fs_types[index] : NULL;
}

static const struct fs_type *fs_type_find(const char *name)
{
	for (uint32_t n = 0; n < sizeof(fs_types) / sizeof(fs_types[0]); n++)
		if (strcmp(fs_types[n]->name, name) == 0)
			return fs_types[n];
	return NULL;
}

struct super *super_new(const struct fs_type *type)
{
	struct super *s = mem_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->type = type;
	s->next_ino = 1;
	s->dev = MAKEDEV(0, next_minor);
	next_minor++;
	s->blksize = PAGE_SIZE;
	return s;
}

/* Every name below the root, deepest first, without recursion: a user chooses the depth. */
static void tree_drop(struct dentry *root)
{
	struct dentry *d = root;

	for (;;) {
		struct dentry *parent = d->parent;

		if (d->child_first) {
			d = d->child_first;
			continue;
		}
		if (d == root)
			return;
		dentry_remove(d);
		d = parent;
	}
}

void super_put(struct super *s)
{
	if (--s->refs || s->type->shared)
		return;
	if (s->root) {
		tree_drop(s->root);
		dentry_put(s->root);
	}
	if (s->pool)
		tess_handle_close(s->pool);
	if (!s->ninodes)
		mem_free(s);
}

/* --- the list ------------------------------------------------------------------------------------- */

struct mount *mount_new(struct super *s, struct dentry *root, uint32_t flags, const char *source)
{
	struct mount *m;

	if (mount_count >= MOUNTS_MAX)
		return NULL;
	m = mem_alloc(sizeof(*m));
	if (!m)
		return NULL;
	m->super = s;
	s->refs++;
	m->root = dentry_get(root);
	m->flags = flags & MNT_KEEPS;
	m->id = next_id++;
	strlcpy(m->source, source, sizeof(m->source));
	mount_count++;
	return m;
}

static void list_append(struct mount *m)
{
	struct mount **link = &mounts;

	while (*link)
		link = &(*link)->next;
	m->next = NULL;
	*link = m;
}

static void list_remove(struct mount *m)
{
	struct mount **link = &mounts;

	while (*link != m)
		link = &(*link)->next;
	*link = m->next;
}

/* Detached and no longer referred to. */
void mount_free(struct mount *m)
{
	struct super *s = m->super;

	dentry_put(m->root);
	mem_free(m);
	mount_count--;
	super_put(s);
}

void mount_init(struct super *root)
{
	struct mount *m = mount_new(root, root->root, MS_RELATIME, "rootfs");

	m->parent = m;
	m->place = m->root;
	list_append(m);
}

void mount_attach(struct mount *m, const struct path *at)
{
	m->parent = at->mount;
	mount_get(at->mount);
	m->place = dentry_get(at->dentry);
	m->place->flags |= D_MOUNTED;
	list_append(m);
}

/* Out of the tree; it lives on while somebody is in it. */
void mount_detach(struct mount *m)
{
	struct mount *parent = m->parent;
	struct dentry *place = m->place;

	list_remove(m);
	m->parent = NULL;
	m->place = NULL;
	if (!dentry_is_mountpoint(place))
		place->flags &= ~D_MOUNTED;
	dentry_put(place);
	mount_put(parent);
	if (m->refs == 0)
		mount_free(m);
}

struct mount *mount_on(const struct mount *parent, const struct dentry *place)
{
	struct mount *m;

	for (m = mounts; m; m = m->next)
		if (m->place == place && m->parent == parent && m->parent != m)
			return m;
	return NULL;
}

struct mount *mount_of_super(const struct super *s)
{
	struct mount *m = mounts;

	while (m && m->super != s)
		m = m->next;
	return m;
}

bool dentry_is_mountpoint(const struct dentry *d)
{
	for (const struct mount *m = mounts; m; m = m->next)
		if (m->place == d && m->parent != m)
			return true;
	return false;
}

int mount_writable(const struct mount *m)
{
	return (m->flags & MS_RDONLY) || m->super->read_only ? -EROFS : 0;
}

bool mount_has_children(const struct mount *parent)
{
	for (const struct mount *m = mounts; m; m = m->next)
		if (m->parent == parent && m != parent)
			return true;
	return false;
}

/* --- mount(2) ------------------------------------------------------------------------------------------ */

static int super_of_type(const struct fs_type *type, const char *options, struct super **out)
{
	struct super *s;
	int error;

	if (type->shared) {
		*out = type->shared();
		return *out ? 0 : -ENODEV;
	}
	s = super_new(type);
	if (!s)
		return -ENOMEM;
	error = type->fill(s, options);
	if (error == 0) {
		*out = s;
		return 0;
	}
	s->refs = 1;
	super_put(s);
	return error;
}

static int attach_or_free(struct mount *m, const struct path *at)
{
	int error = mount_attach_shared(m, at);

	if (error < 0)
		mount_free(m);
	return error;
}

static int mount_type(const char *type_name, const char *source, const struct path *at, uint32_t flags,
	const char *options)
{
	const struct fs_type *type = fs_type_find(type_name);
	struct super *s = NULL;
	struct mount *m;
	int error;

	if (!type)
		return -ENODEV;
	if (!S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	error = super_of_type(type, options, &s);
	if (error < 0)
		return error;
	if (at->mount->super == s && at->mount->root == at->dentry)
		return -EBUSY;
	m = mount_new(s, s->root, flags, source);
	if (!m) {
		s->refs++;
		super_put(s);
		return -ENOMEM;
	}
	return attach_or_free(m, at);
}

static int mount_bind_one(const struct path *from, const struct path *at, struct mount **out)
{
	struct mount *m = mount_new(from->mount->super, from->dentry, from->mount->flags, from->mount->source);

	if (!m)
		return -ENOMEM;
	mount_joins(m, from->mount);
	*out = m;
	return attach_or_free(m, at);
}

/*
 * MS_REC: what is mounted below the source is bound at the same places below the copy.  New mounts are
 * appended behind `last`, so a pass sees the originals only; passes are repeated until one adds nothing,
 * because a moved mount stands behind what is mounted on it.
 */
static int mount_bind_below(const struct path *from, struct mount *copy, const struct mount *last)
{
	bool added = true;
	int error = 0;

	for (struct mount *m = mounts; m; m = m->next)
		m->copy = NULL;
	from->mount->copy = copy;
	while (added) {
		added = false;
		for (struct mount *m = mounts; m && !error; m = m == last ? NULL : m->next) {
			struct path source = { m, m->root }, at = { m->parent->copy, m->place };

			if (m->copy || m->parent == m || !at.mount || m == copy || m->unbindable ||
			    (m->parent == from->mount && !dentry_below(m->place, from->dentry)))
				continue;
			error = mount_bind_one(&source, &at, &m->copy);
			added = true;
		}
		if (error < 0)
			return error;
	}
	return 0;
}

static int mount_bind(const struct path *from, const struct path *at, bool recursive)
{
	struct mount *m, *last = mounts;
	int error;

	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	if (!from->mount->parent || (from->dentry->flags & D_DEAD) || from->mount->unbindable)
		return -EINVAL;
	while (last->next)
		last = last->next;
	error = mount_bind_one(from, at, &m);
	if (error == 0 && recursive)
		error = mount_bind_below(from, m, last);
	return error;
}

static int mount_remount(const struct path *at, uint32_t flags)
{
	if (at->dentry != at->mount->root)
		return -EINVAL;
	at->mount->flags = flags & MNT_KEEPS;
	return 0;
}

static int mount_move(const struct path *from, const struct path *at)
{
	struct mount *m = from->mount;
	struct dentry *place = m->place;
	struct mount *parent = m->parent;
	int error;

	if (from->dentry != m->root || !parent || parent == m || parent->group)
		return -EINVAL;
	/* NEEDSWORK: a mount with others on it is not moved onto a shared one: its copies would be without them */
	if (at->mount->group && (m->unbindable || mount_has_children(m)))
		return -EINVAL;
	if (S_ISDIR(from->dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	for (struct mount *above = at->mount; above; above = above->parent == above ? NULL : above->parent)
		if (above == m)
			return -ELOOP;
	list_remove(m);
	error = mount_attach_shared(m, at);
	if (error < 0) {
		list_append(m);
		return error;
	}
	if (!dentry_is_mountpoint(place))
		place->flags &= ~D_MOUNTED;
	dentry_put(place);
	mount_put(parent);
	return 0;
}

static int mount_source_walk(struct walk *w, struct request *r, const char *source)
{
	struct path base = process_fs(r->process)->cwd;

	walk_start(w, r, &base, source, WALK_FOLLOW);
	return walk_run(w);
}

static int mount_by_flags(struct request *r, uint32_t flags, const char *source, const struct path *at,
	const char *type, const char *options)
{
	struct walk from;
	int error;

	if (flags & MS_REMOUNT)
		return mount_remount(at, flags);
	if (flags & MS_PROPAGATION)
		return mount_propagation(at, flags);
	if (!(flags & (MS_BIND | MS_MOVE)))
		return mount_type(type, *source ? source : "none", at, flags, options);
	error = mount_source_walk(&from, r, source);
	if (error == 0 && (flags & MS_BIND))
		error = mount_bind(&from.at, at, flags & MS_REC);
	else if (error == 0)
		error = mount_move(&from.at, at);
	walk_end(&from);
	return error;
}

void request_mount(struct request *r)
{
	uint32_t offset = 0, flags = (uint32_t)r->words[1];
	const char *source = request_string(r, &offset);
	const char *target = source ? request_string(r, &offset) : NULL;
	const char *type = target ? request_string(r, &offset) : NULL;
	const char *options = type ? request_string(r, &offset) : NULL;
	struct path base = process_fs(r->process)->cwd;
	struct walk w;
	int error;

	if (!options) {
		request_reply(r, -EINVAL);
		return;
	}
	if (process_cred(r->process)->euid != 0) {
		request_reply(r, -EPERM);
		return;
	}
	if ((flags & 0xffff0000u) == 0xc0ed0000u)
		flags &= 0xffff;
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		flags |= MS_RELATIME;
	walk_start(&w, r, &base, target, WALK_FOLLOW);
	error = walk_run(&w);
	if (error == 0 && (w.at.dentry->flags & D_DEAD))
		error = -ENOENT;
	if (error == 0)
		error = mount_by_flags(r, flags, source, &w.at, type, options);
	walk_end(&w);
	reply_walk_error(r, error);
}

/* At start-up, before there is a process: path is one name in the root. */
int mount_at(const char *type, const char *name)
{
	uint32_t len = (uint32_t)strlen(name);
	struct path at = { mounts, dentry_lookup(mounts->root, name, len) };

	return at.dentry ? mount_type(type, type, &at, MS_RELATIME, "") : -ENOENT;
}

/* --- umount2(2), pivot_root(2) ---------------------------------------------------------------------------- */

/* A mount at or below top that nothing is mounted on. */
static struct mount *mount_leaf(struct mount *top)
{
	struct mount *leaf = top;

	for (struct mount *m = mounts; m;) {
		if (m->parent == leaf && m != leaf) {
			leaf = m;
			m = mounts;
		} else {
			m = m->next;
		}
	}
	return leaf;
}

void mount_detach_tree(struct mount *top)
{
	for (;;) {
		struct mount *leaf = mount_leaf(top);

		mount_detach(leaf);
		if (leaf == top)
			return;
	}
}

static int umount_found(struct path *at, uint32_t flags)
{
	struct mount *m = at->mount;

	if (at->dentry != m->root || !m->parent)
		return -EINVAL;
	if (m->parent == m)
		return -EBUSY;
	if (flags & MNT_EXPIRE)
		return -EAGAIN;
	if (flags & MNT_DETACH) {
		mount_get(m);
		mount_detach_copies(m, true);
		if (m->parent)
			mount_detach_tree(m);
		mount_put(m);
		return 0;
	}
	if (m->refs || mount_has_children(m))
		return -EBUSY;
	mount_detach_copies(m, false);
	mount_detach(m);
	return 0;
}

void request_umount(struct request *r)
{
	uint32_t offset = 0, flags = (uint32_t)r->words[1];
	const char *target = request_string(r, &offset);
	struct path base = process_fs(r->process)->cwd;
	struct walk w;
	int error;

	if (!target || (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) ||
	    ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH)))) {
		request_reply(r, -EINVAL);
		return;
	}
	if (process_cred(r->process)->euid != 0) {
		request_reply(r, -EPERM);
		return;
	}
	walk_start(&w, r, &base, target, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW);
	error = walk_run(&w);
	if (error == 0)
		error = umount_found(&w.at, flags);
	walk_end(&w);
	reply_walk_error(r, error);
}

static int directory_look(struct request *r, const char *name)
{
	struct path base = process_fs(r->process)->cwd;
	struct walk w;
	int error;

	walk_start(&w, r, &base, name, WALK_FOLLOW);
	error = walk_run(&w);
	if (error == 0 && !S_ISDIR(w.at.dentry->inode->mode))
		error = -ENOTDIR;
	walk_end(&w);
	return error;
}

/* The caller's root is the initial one, which as on Linux cannot be pivoted away. */
void request_pivot_root(struct request *r)
{
	uint32_t offset = 0;
	const char *new = request_string(r, &offset), *old = new ? request_string(r, &offset) : NULL;
	int error = process_cred(r->process)->euid != 0 ? -EPERM : !old ? -EINVAL : 0;

	if (error == 0)
		error = directory_look(r, new);
	if (error == 0)
		error = directory_look(r, old);
	reply_walk_error(r, error ? error : -EINVAL);
}

/* --- what is told of mounts ---------------------------------------------------------------------------------- */

void statfs_fill(const struct mount *m, struct linux_statfs *out)
{
	const struct super *s = m->super;
	struct system_info info;
	struct pool_info pool;

	memset(out, 0, sizeof(*out));
	out->type = s->type->magic;
	out->bsize = out->frsize = PAGE_SIZE;
	out->namelen = NAME_MAX;
	out->flags = ST_VALID | (m->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME)) |
		(m->flags & MS_RELATIME ? ST_RELATIME : 0);
	out->fsid[0] = (int32_t)s->dev;
	if (s->pool && tess_pool_query(s->pool, &pool) == 0) {
		out->blocks = pool.limit_bytes / PAGE_SIZE;
		out->bfree = pool.used_bytes < pool.limit_bytes ?
			(pool.limit_bytes - pool.used_bytes) / PAGE_SIZE : 0;
		if (tess_system_query(&info) == 0 && out->bfree > info.frames_free)
			out->bfree = info.frames_free;
		out->bavail = out->bfree;
		out->files = s->limit_inodes;
		out->ffree = out->files > s->names ? out->files - s->names : 0;
	}
}

static void options_text(const struct mount *m, struct text *out)
{
	static const struct { uint32_t flag; const char *name; } names[] = {
		{ MS_NOSUID, ",nosuid" }, { MS_NODEV, ",nodev" }, { MS_NOEXEC, ",noexec" },
		{ MS_NOATIME, ",noatime" }, { MS_NODIRATIME, ",nodiratime" }, { MS_RELATIME, ",relatime" },
		{ MS_NOSYMFOLLOW, ",nosymfollow" },
	};

	text_printf(out, "%s", m->flags & MS_RDONLY ? "ro" : "rw");
	for (uint32_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		if (m->flags & names[n].flag)
			text_printf(out, "%s", names[n].name);
}

static void super_options_text(const struct super *s, struct text *out)
{
	if (s->limit_bytes && s->type == &tmpfs_type)
		text_printf(out, ",size=%luk", (unsigned long)(s->limit_bytes / 1024));
}

static void mount_line(const struct mount *m, const char *place, struct text *out)
{
	text_escaped(out, m->source, " \t\n\\#");
	text_char(out, ' ');
	text_escaped(out, place, " \t\n\\#");
	text_printf(out, " %s ", m->super->type->name);
	options_text(m, out);
	super_options_text(m->super, out);
	text_printf(out, " 0 0\n");
}

static void mountinfo_line(const struct mount *m, const char *place, const char *root, struct text *out)
{
	uint32_t dev = m->super->dev;

	text_printf(out, "%u %u %u:%u ", m->id, m->parent == m ? 1 : m->parent->id, dev >> 8 & 0xfff,
		(dev & 0xff) | (dev >> 12 & ~0xffu));
	text_escaped(out, root, " \t\n\\");
	text_char(out, ' ');
	text_escaped(out, place, " \t\n\\");
	text_char(out, ' ');
	options_text(m, out);
	mount_peers_text(m, out);
	text_printf(out, " - %s ", m->super->type->name);
	text_escaped(out, m->source, " \t\n\\");
	text_printf(out, " %s", m->super->read_only ? "ro" : "rw");
	super_options_text(m->super, out);
	text_char(out, '\n');
}

/* /proc/PID/mounts and mountinfo: what can be reached from the process's root, as seen from there. */
void mounts_text(struct process *p, struct text *out, bool info)
{
	static char place[PATH_MAX], root[PATH_MAX];
	struct path *view = &process_fs(p)->root;
	bool reached;

	for (struct mount *m = mounts; m; m = m->next) {
		struct path at = { m, m->root };

		if (path_text_from(&at, view, place, sizeof(place), &reached) < 0 || !reached)
			continue;
		if (!info) {
			mount_line(m, place, out);
			continue;
		}
		/* devpts lies within devtmpfs; what counts is the file system's own root */
		if (m->root == m->super->root)
			strlcpy(root, "/", sizeof(root));
		else if (dentry_path_text(m->root, root, sizeof(root)) < 0)
			continue;
		mountinfo_line(m, place, root, out);
	}
}
