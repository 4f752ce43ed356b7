/*
 * vfs.c -- the names half of linuxd: start-up, dispatch of requests, working and root directories.
 *
 * Owns:    struct fs_view (root, working directory, umask), shared by threads and CLONE_FS.
 * Tested:  test/vfs_test.c, test/vfs_fuzz.c
 */
#include "vfs.h"

/* Mounts the root, fills it from the boot archive, and puts /dev over its dev. */
void vfs_init(const struct archive *a)
{
	struct super *root;

	dentry_init();
	root = super_new(&rootfs_type);
	if (!root || root->type->fill(root, "") < 0) {
		server_log("no memory for the root file system");
		system_poweroff(0);
		return;
	}
	mount_init(root);
	archive_unpack(a, root);
	if (!devtmpfs_super() || mount_at("devtmpfs", "dev") < 0)
		server_log("/dev is not mounted: the root has no such directory");
}

/* --- views ------------------------------------------------------------------------------------------- */

struct fs_view *fs_view_new(void)
{
	struct fs_view *v = mem_alloc(sizeof(*v));

	if (!v)
		return NULL;
	v->root.mount = mounts;
	v->root.dentry = mounts->root;
	path_get(&v->root);
	v->cwd = v->root;
	path_get(&v->cwd);
	v->umask = 022;
	v->refs = 1;
	return v;
}

struct fs_view *fs_view_clone(const struct fs_view *from)
{
	struct fs_view *v = mem_alloc(sizeof(*v));

	if (!v)
		return NULL;
	*v = *from;
	v->refs = 1;
	path_get(&v->root);
	path_get(&v->cwd);
	return v;
}

void fs_view_put(struct fs_view *v)
{
	if (!v || --v->refs)
		return;
	path_put(&v->root);
	path_put(&v->cwd);
	mem_free(v);
}

static void view_set(struct path *slot, const struct path *to)
{
	struct path old = *slot;

	*slot = *to;
	path_get(slot);
	path_put(&old);
}

static void request_chdir(struct request *r, bool root)
{
	const char *path = request_path(r);
	struct fs_view *v = process_fs(r->process);
	struct walk w;
	int error;

	if (!path) {
		request_reply(r, -EINVAL);
		return;
	}
	/* an empty path by a descriptor is fchdir */
	error = walk_at(&w, r, path, WALK_FOLLOW | (r->file && !root ? WALK_EMPTY : 0));
	if (error == 0 && !S_ISDIR(w.at.dentry->inode->mode))
		error = -ENOTDIR;
	if (error == 0)
		error = inode_permission(w.at.dentry->inode, r->process, w.cred, MAY_EXEC);
	if (error == 0 && root && w.cred->euid != 0)
		error = -EPERM;
	if (error == 0)
		view_set(root ? &v->root : &v->cwd, &w.at);
	walk_end(&w);
	reply_walk_error(r, error);
}

/* getcwd(2): "(unreachable)" in front when the root does not contain it, ENOENT when it is deleted. */
static void request_getcwd(struct request *r)
{
	static const char unreachable[] = "(unreachable)";
	static char text[PATH_MAX + sizeof(unreachable)];
	struct fs_view *v = process_fs(r->process);
	uint32_t skip = sizeof(unreachable) - 1;
	bool reached;
	int n;

	if (v->cwd.dentry->flags & D_DEAD) {
		request_reply(r, -ENOENT);
		return;
	}
	n = path_text_from(&v->cwd, &v->root, text + skip, PATH_MAX, &reached);
	if (n < 0) {
		request_reply(r, n);
		return;
	}
	if (reached) {
		request_reply_data(r, n + 1, text + skip, (uint32_t)n + 1);
		return;
	}
	memcpy(text, unreachable, skip);
	request_reply_data(r, n + 1 + (int)skip, text, (uint32_t)n + 1 + skip);
}

static void request_umask(struct request *r)
{
	struct fs_view *v = process_fs(r->process);
	uint32_t old = v->umask;

	v->umask = (uint32_t)r->words[1] & 0777;
	request_reply(r, old);
}

static const struct request *current;	/* while vfs_request runs */

/* /proc/thread-self: made-up links know the process only. */
uint32_t vfs_caller_tid(const struct process *who)
{
	return current && current->process == who && current->thread ? thread_tid(current->thread) :
		process_pid(who);
}

uint32_t vfs_self_fd;

/* A walk has failed.  Only open and stat can go on with a descriptor of the caller's own. */
void reply_walk_error(struct request *r, int error)
{
	if (error != -LX_SELF_FD)
		request_reply(r, error);
	else if (r->words[0] == LX_OPEN || r->words[0] == LX_STAT)
		request_reply_words(r, error, vfs_self_fd, 0);
	else
		request_reply(r, r->words[0] == LX_ACCESS ? 0 : -ENXIO);
}

void vfs_request(struct request *r)
{
	current = r;
	if (!r->process) {
		request_reply(r, -EPERM);
		return;
	}
	dentry_trim();
	switch (r->words[0]) {
	case LX_OPEN: request_open(r); return;
	case LX_STAT: request_stat(r); return;
	case LX_ACCESS: request_access(r); return;
	case LX_READLINK: request_readlink(r); return;
	case LX_MKDIR: case LX_MKNOD: request_make(r); return;
	case LX_UNLINK: request_unlink(r); return;
	case LX_SYMLINK: request_symlink(r); return;
	case LX_LINK: request_link(r); return;
	case LX_RENAME: request_rename(r); return;
	case LX_CHMOD: request_chmod(r); return;
	case LX_CHOWN: request_chown(r); return;
	case LX_UTIMENS: request_utimens(r); return;
	case LX_TRUNCATE: request_truncate(r); return;
	case LX_STATFS: request_statfs(r); return;
	case LX_CHDIR: request_chdir(r, false); return;
	case LX_CHROOT: request_chdir(r, true); return;
	case LX_GETCWD: request_getcwd(r); return;
	case LX_UMASK: request_umask(r); return;
	case LX_MOUNT: request_mount(r); return;
	case LX_UMOUNT: request_umount(r); return;
	case LX_PIVOT_ROOT: request_pivot_root(r); return;
	case LX_XATTR: request_xattr(r); return;
	case LX_MEMFD: request_memfd(r); return;
	case LX_TIMERFD: request_timerfd(r); return;
	default: file_request(r);
	}
}
