/*
 * path.c -- the path walk, a state machine over one struct walk, and the way back from a place to text.
 *
 * Owns:    nothing that outlives a walk.  A walk holds no references but those of link_jump: what it
 *          looks at cannot be freed before the request ends.  tmpfs and /proc answer at once; a later
 *          file system answers WALK_PENDING, and rest, depth and stack are all that is needed to go on.
 * Conforms: path_resolution(7), symlink(7), openat2(2).
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define LINK_SCRATCH 8192u	/* all made-up link texts of one walk */

static inline bool path_is(const struct path *a, const struct path *b)
{
	return a->dentry == b->dentry && a->mount == b->mount;
}

static inline void walk_begin(struct walk *w, struct process *p, const char *path, uint32_t flags)
{
	w->state = WALK_NAME;
	w->last_type = LAST_ROOT;
	w->depth = w->links = w->njumps = w->scratch_used = 0;
	w->slash = w->must_be_dir = false;
	w->resolve = 0;
	w->scratch = NULL;
	w->flags = flags;
	w->process = p;
	w->cred = process_cred(p);
	w->rest = path;
	w->last.len = 0;
	w->parent.dentry = NULL;
}

void walk_start(struct walk *w, struct request *r, const struct path *start, const char *path, uint32_t flags)
{
	walk_begin(w, r->process, path, flags);
	w->root = process_fs(r->process)->root;
	w->at = *start;
}

void walk_release(struct walk *w)
{
	while (w->njumps)
		path_put(&w->jumps[--w->njumps]);
	if (w->scratch)
		mem_free(w->scratch);
	w->scratch = NULL;
}

/* Where a relative path starts: the directory the request came by, or the working directory. */
int walk_base(struct request *r, struct path *base)
{
	*base = r->file ? r->file->path : process_fs(r->process)->cwd;
	return base->dentry ? 0 : -EBADF;
}

/* From where the request says: the directory it came by, or the working directory. */
int walk_prepare(struct walk *w, struct request *r, const char *path, uint32_t flags)
{
	const struct fs_view *v = process_fs(r->process);

	walk_begin(w, r->process, path, flags);
	w->root = v->root;
	w->at = r->file ? r->file->path : v->cwd;
	return r->payload_len > PATH_MAX && strlen(path) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int walk_at(struct walk *w, struct request *r, const char *path, uint32_t flags)
{
	int error = walk_prepare(w, r, path, flags);

	return error < 0 ? error : walk_run(w);
}

/* Down into what is mounted on the place, as often as something is. */
static int cross_mounts(struct walk *w)
{
	while (w->at.dentry->flags & D_MOUNTED) {
		struct mount *m = mount_on(w->at.mount, w->at.dentry);

		if (!m)
			return 0;
		if (w->resolve & RESOLVE_NO_XDEV)
			return -EXDEV;
		w->at.mount = m;
		w->at.dentry = m->root;
	}
	return 0;
}

static int walk_up(struct walk *w)
{
	if (path_is(&w->at, &w->root))
		return w->resolve & RESOLVE_BENEATH ? -EXDEV : 0;
	while (w->at.dentry == w->at.mount->root) {
		struct mount *m = w->at.mount;

		if (!m->parent || m->parent == m)
			return 0;
		if (w->resolve & RESOLVE_NO_XDEV)
			return -EXDEV;
		w->at.dentry = m->place;
		w->at.mount = m->parent;
		if (path_is(&w->at, &w->root))
			return 0;
	}
	w->at.dentry = w->at.dentry->parent;
	return cross_mounts(w);
}

static int walk_absolute(struct walk *w)
{
	if (w->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	if ((w->resolve & RESOLVE_NO_XDEV) && w->at.mount != w->root.mount)
		return -EXDEV;
	w->at = w->root;
	return 0;
}

static int link_text_of(struct walk *w, struct inode *i, const char **text)
{
	int len;

	if (!i->ops) {
		*text = i->target;
		return 0;
	}
	if (!w->scratch && !(w->scratch = mem_alloc(LINK_SCRATCH)))
		return -ENOMEM;
	len = i->ops->link_text(i, w->process, w->scratch + w->scratch_used,
		LINK_SCRATCH - w->scratch_used - 1);
	if (len < 0)
		return len;
	if (w->scratch_used + (uint32_t)len + 1 >= LINK_SCRATCH)
		return -ENAMETOOLONG;
	*text = w->scratch + w->scratch_used;
	w->scratch[w->scratch_used + (uint32_t)len] = 0;
	w->scratch_used += (uint32_t)len + 1;
	return 0;
}

static int link_jump_of(struct walk *w, struct inode *i)
{
	struct path *to = &w->jumps[w->njumps];
	int error;

	if (w->resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return w->resolve & RESOLVE_NO_MAGICLINKS ? -ELOOP : -EXDEV;
	error = i->ops->link_jump(i, w->process, to);
	if (error == -LX_SELF_FD && (*w->rest || w->depth || w->must_be_dir))
		return -ENOTDIR;
	if (error < 0)
		return error;
	w->njumps++;
	if ((w->resolve & RESOLVE_NO_XDEV) && to->mount != w->at.mount)
		return -EXDEV;
	w->at = *to;
	return 0;
}

/*
 * May the last name's link be followed?  proc_sys_fs(5), protected_symlinks: in a directory where everybody makes
 * names, none but one's own and its owner's.
 */
static bool may_follow(const struct walk *w, const struct inode *link, const struct inode *dir)
{
	return (dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) ||
		link->uid == w->cred->fsuid || link->uid == dir->uid;
}

/* Goes into a link: its text is walked next, and what was left of the path after that. */
static int walk_link(struct walk *w, struct inode *i, const struct path *dir)
{
	const char *text;
	int error;

	if (++w->links > SYMLINKS_MAX || (w->resolve & RESOLVE_NO_SYMLINKS) ||
	    (w->at.mount->flags & MS_NOSYMFOLLOW))
		return -ELOOP;
	if (i->ops && i->ops->link_jump)
		return link_jump_of(w, i);
	error = link_text_of(w, i, &text);
	if (error < 0)
		return error;
	if (!*text)
		return -ENOENT;
	w->at = *dir;
	if (*w->rest)
		w->stack[w->depth++] = w->rest;
	w->rest = text;
	return *text == '/' ? walk_absolute(w) : 0;
}

static struct dentry *lookup_made(struct dentry *dir, const char *name, uint32_t len,
	struct dentry *cached, int *error)
{
	const struct inode_ops *ops = dir->inode->ops;

	*error = -ENOENT;
	if (cached && cached->inode->ops && cached->inode->ops->valid &&
	    !cached->inode->ops->valid(cached->inode)) {
		dentry_forget(cached);
		cached = NULL;
	}
	if (cached)
		return cached;
	return ops && ops->lookup ? ops->lookup(dir, name, len, error) : NULL;
}

static int walk_search(struct walk *w, struct inode *dir)
{
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if ((dir->mode & 0111) == 0111 && !dir->ops)
		return 0;
	return inode_permission(dir, w->process, w->cred, MAY_EXEC);
}

/* The last name was found to be missing. */
static int walk_missing(struct walk *w, int error)
{
	if (error != -ENOENT || !(w->flags & WALK_MISSING))
		return error;
	w->at.dentry = NULL;
	w->state = WALK_DONE;
	return 0;
}

/* What ends the walk before its last name is looked up: . and .. go where they lead, the parent is enough. */
static int walk_dots(struct walk *w, uint32_t len, bool last)
{
	w->last_type = len == 1 ? LAST_DOT : LAST_DOTDOT;
	if (last && (w->flags & WALK_PARENT)) {
		w->state = WALK_DONE;
		return 0;
	}
	return len == 2 ? walk_up(w) : 0;
}

/* One name, whatever it is.  0: go on. */
static inline int walk_name(struct walk *w)
{
	const char *p = w->rest;
	struct path dir = w->at;
	struct name name;
	struct dentry *d;
	bool last;
	int error;

	while (*p == '/')
		p++;
	if (!*p) {
		w->rest = p;
		if (w->depth)
			w->rest = w->stack[--w->depth];
		else
			w->state = WALK_DONE;
		return 0;
	}
	error = walk_search(w, dir.dentry->inode);
	if (error < 0)
		return error;
	name_scan(&name, p);
	if (name.len > NAME_MAX)
		return -ENAMETOOLONG;
	p += name.len;
	w->slash = *p == '/';
	while (*p == '/')
		p++;
	w->rest = p;
	last = !*p && !w->depth;
	if (last) {
		w->parent = dir;
		w->last = name;
		w->must_be_dir |= w->slash;
	}
	if (name.text[0] == '.' && (name.len == 1 || (name.len == 2 && name.text[1] == '.')))
		return walk_dots(w, name.len, last);
	w->last_type = LAST_NAME;
	if (last && w->slash && (w->flags & WALK_FILE))
		return -EISDIR;
	if (last && (w->flags & WALK_PARENT)) {
		w->state = WALK_DONE;
		return 0;
	}
	d = dentry_find(dir.dentry, &name);
	if (!d || (d->flags & D_VOLATILE)) {
		d = lookup_made(dir.dentry, name.text, name.len, d, &error);
		if (!d)
			return last ? walk_missing(w, error) : error;
	}
	w->at.dentry = d;
	if (d->flags & D_MOUNTED) {
		error = cross_mounts(w);
		if (error < 0)
			return error;
		d = w->at.dentry;
	}
	if (S_ISLNK(d->inode->mode) && (!last || w->slash || (w->flags & WALK_FOLLOW)))
		return last && !may_follow(w, d->inode, dir.dentry->inode) ? -EACCES : walk_link(w, d->inode, &dir);
	if (last)
		w->state = WALK_DONE;
	return 0;
}

/* What is mounted on d, as walk_ahead steps on it; no resolve flag forbids it there. */
static struct dentry *ahead_mounts(struct walk *w, struct dentry *d)
{
	w->at.dentry = d;
	cross_mounts(w);
	return w->at.dentry;
}

static void ahead_done(struct walk *w, struct dentry *dir, const char *text, uint64_t first, uint32_t len)
{
	w->parent.mount = w->at.mount;
	w->parent.dentry = dir;
	w->last = (struct name){ text, first, len, hash_of(first) };
	w->last_type = LAST_NAME;
	w->slash = false;
	w->state = WALK_DONE;
}

/*
 * The cheap part of the loop: short names in the cache, no links, of directories that everybody may search.
 * It stops, with nothing done, before any name that needs more thought.  walk_name knows all cases, this one
 * only what stat of an ordinary path meets: nothing here leaves the registers.
 */
static void walk_ahead(struct walk *w)
{
	struct dentry *at = w->at.dentry;
	const char *p = w->rest;

	for (;;) {
		const struct inode *dir = at->inode;
		uint64_t word, ends;
		uint32_t len;
		struct dentry *d;

		while (*p == '/')
			p++;
		if (*p == '.' || dir->ops || (dir->mode & (S_IFMT | 0111)) != (S_IFDIR | 0111))
			break;
		word = word_load(p);
		ends = word_ends(word);
		if (!ends)
			break;
		len = (uint32_t)__builtin_ctzll(ends) / 8;
		if (p[len] ? !p[len + 1] : (w->flags & WALK_PARENT) || w->depth)
			break;
		word = word_cut(word, len);
		d = dentry_find_short(at, word);
		if (!d || (d->flags & (D_VOLATILE | D_LINK)))
			break;
		if (!p[len])
			ahead_done(w, at, p, word, len);
		p += len;
		at = d->flags & D_MOUNTED ? ahead_mounts(w, d) : d;
		if (!*p)
			break;
	}
	w->at.dentry = at;
	w->rest = p;
}

int walk_run(struct walk *w)
{
	int error = 0;

	if (w->rest[0] == 0) {
		if (!(w->flags & WALK_EMPTY))
			return -ENOENT;
		w->state = WALK_DONE;
		return 0;
	}
	if (w->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		w->root = w->at;
	if (w->rest[0] == '/')
		error = walk_absolute(w);
	while (w->state == WALK_NAME && error == 0) {
		if (!w->resolve)
			walk_ahead(w);
		if (w->state == WALK_NAME)
			error = walk_name(w);
	}
	if (error == 0 && w->must_be_dir && w->at.dentry && !(w->flags & WALK_PARENT) &&
	    !S_ISDIR(w->at.dentry->inode->mode))
		error = -ENOTDIR;
	if (error < 0)
		w->state = WALK_FAILED;
	return error;
}

/* After a WALK_PARENT walk: the entry of the last name itself, not what is mounted on it. */
int walk_last(struct walk *w, struct dentry **out)
{
	struct dentry *dir = w->parent.dentry;
	struct dentry *d;
	int error = walk_search(w, dir->inode);

	*out = NULL;
	if (error < 0)
		return error;
	if (w->last.len > NAME_MAX)
		return -ENAMETOOLONG;
	d = dentry_find(dir, &w->last);
	if (!d || (d->flags & D_VOLATILE)) {
		d = lookup_made(dir, w->last.text, w->last.len, d, &error);
		if (!d)
			return error == -ENOENT ? 0 : error;
	}
	*out = d;
	return 0;
}

/* The walk ended on a link that was not followed: follow it after all. */
int walk_again(struct walk *w, uint32_t flags)
{
	struct path dir = w->parent;
	int error;

	w->flags = flags;
	w->state = WALK_NAME;
	w->rest = "";
	error = walk_link(w, w->at.dentry->inode, &dir);
	while (w->state == WALK_NAME && error == 0)
		error = walk_name(w);
	if (error == 0 && w->must_be_dir && w->at.dentry && !S_ISDIR(w->at.dentry->inode->mode))
		error = -ENOTDIR;
	return error;
}

/* Writes name in front of *at; false: no room. */
static bool prepend(char *buf, uint32_t *at, const char *name, uint32_t len)
{
	if (*at < len)
		return false;
	*at -= len;
	memcpy(buf + *at, name, len);
	return true;
}

/*
 * The absolute path of a place as seen from root: its length without the NUL, -ENAMETOOLONG, or
 * -ENOENT with the text still made when the place cannot be reached from root (the path is then
 * relative to the top of what can be seen).
 */
int path_text_from(const struct path *p, const struct path *root, char *buf, uint32_t len, bool *reached)
{
	struct path at = *p;
	uint32_t pos = len;

	*reached = false;
	if (len == 0 || !prepend(buf, &pos, "", 1))
		return -ENAMETOOLONG;
	for (;;) {
		if (root && path_is(&at, root)) {
			*reached = true;
			break;
		}
		if (at.dentry == at.mount->root) {
			if (!at.mount->parent || at.mount->parent == at.mount) {
				*reached = !root && at.mount->parent;
				break;
			}
			at.dentry = at.mount->place;
			at.mount = at.mount->parent;
			continue;
		}
		if (at.dentry->parent == at.dentry)
			break;
		if (!prepend(buf, &pos, at.dentry->name, at.dentry->len) || !prepend(buf, &pos, "/", 1))
			return -ENAMETOOLONG;
		at.dentry = at.dentry->parent;
	}
	if (pos == len - 1 && !prepend(buf, &pos, "/", 1))
		return -ENAMETOOLONG;
	memmove(buf, buf + pos, len - pos);
	return (int)(len - pos - 1);
}

int dentry_path_text(const struct dentry *d, char *buf, uint32_t len)
{
	uint32_t pos = len;

	if (len == 0 || !prepend(buf, &pos, "", 1))
		return -ENAMETOOLONG;
	for (; d->parent != d; d = d->parent)
		if (!prepend(buf, &pos, d->name, d->len) || !prepend(buf, &pos, "/", 1))
			return -ENAMETOOLONG;
	if (pos == len - 1 && !prepend(buf, &pos, "/", 1))
		return -ENAMETOOLONG;
	memmove(buf, buf + pos, len - pos);
	return (int)(len - pos - 1);
}

/* As /proc shows it: with " (deleted)" after a name that is gone. */
int vfs_path_text(const struct path *p, const struct path *root, char *buf, uint32_t len)
{
	static const char deleted[] = " (deleted)", anonymous[] = "anon_inode:";
	bool reached;
	int n;

	if (!p->dentry)
		return -ENOENT;
	if (p->mount->super->type == &anon_type) {
		n = (int)(sizeof(anonymous) - 1 + p->dentry->len);
		if ((uint32_t)n >= len)
			return -ENAMETOOLONG;
		strlcpy(buf, anonymous, len);
		strlcpy(buf + sizeof(anonymous) - 1, p->dentry->name, len - sizeof(anonymous) + 1);
		return n;
	}
	n = path_text_from(p, root, buf, len, &reached);
	if (n < 0 || !(p->dentry->flags & D_DEAD))
		return n;
	if ((uint32_t)n + sizeof(deleted) > len)
		return -ENAMETOOLONG;
	memcpy(buf + n, deleted, sizeof(deleted));
	return n + (int)sizeof(deleted) - 1;
}
