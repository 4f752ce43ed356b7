/*
 * vfs.h -- what the files of linuxd's virtual file system share (private to them).
 *
 * The objects: a super is a mounted file system's store; an inode a file; a dentry one name of an
 * inode in one directory; a mount a super seen at a place; a file an open file description.
 *
 * Ownership.  dentry->refs counts: open files, working and root directories, mounts (root and place),
 * child dentries (a child pins its parent) and, for a name that exists in a tmpfs, one for existing.
 * inode->refs counts dentries and explicit inode_get.  Within one request nothing is freed that the
 * walk merely looked at: cached /proc dentries are dropped between requests only (dentry_trim).
 *
 * Errors inside the VFS are int: 0 or more for success, a negative Linux errno otherwise.
 */
#ifndef LINUX_SERVER_VFS_H
#define LINUX_SERVER_VFS_H

#include <stdarg.h>
#include <lib/rt/rt.h>
#include <abi/stubs.h>
#include "server.h"
#include "uapi.h"

/*
 * A path that leads, by /proc/self/fd/N, to a descriptor of the caller's own that linuxd does not serve (an
 * anonymous pipe): LX_OPEN and LX_STAT answer -LX_SELF_FD and N in words[1]; the translator goes on by itself.
 */
#define LX_SELF_FD 513

struct walk;
struct text;
struct dirent_out;
struct fifo;
struct file_lock;
struct super;

/*
 * What makes an inode something else than a plain tmpfs object.  ops == NULL is a tmpfs inode, whose
 * names are all in the dentry cache; every member may be NULL.
 */
struct inode_ops {
	/* a directory whose names are made on demand: NULL with *error set, or a dentry_volatile() */
	struct dentry *(*lookup)(struct dentry *dir, const char *name, uint32_t len, int *error);
	/* its entries after file position pos (>= DIR_FIRST); see dirent_emit */
	void (*readdir)(struct dentry *dir, uint64_t pos, struct dirent_out *out);
	bool (*valid)(const struct inode *i);		/* false: the name is gone (a dead process) */
	/* a symbolic link whose text is made on demand: length or -errno */
	int (*link_text)(const struct inode *i, struct process *who, char *buf, uint32_t len);
	/* a link that leads to an object, not to a name: fills *to with references */
	int (*link_jump)(const struct inode *i, struct process *who, struct path *to);
	int (*permission)(const struct inode *i, struct process *who, uint32_t may);	/* instead of the mode */
	int (*open)(const struct inode *i, struct process *who, uint32_t flags);
	int (*text)(const struct inode *i, struct process *who, struct text *out);	/* the contents, or a piece */
	int (*write)(struct inode *i, struct process *who, const char *data, uint32_t len);
	/* contents too large to be made as one text: copies from offset, count or -errno */
	int64_t (*read_at)(const struct inode *i, struct process *who, uint64_t offset, void *buf, uint32_t len);
};

struct inode {
	const struct inode_ops *ops;
	struct super *super;
	uint64_t ino;
	uint32_t mode, uid, gid, nlink, rdev, refs;
	uint64_t koid;				/* of the content, once somebody asked */
	handle_t content;			/* regular file: 0 until somebody needs it */
	uint32_t open_files;
	bool memfd;
	uint64_t size;				/* of what has no content */
	uint64_t atime_ns, mtime_ns, ctime_ns, btime_ns;	/* of what has no content */
	char *target;				/* symbolic link */
	struct fifo *fifo;			/* while a FIFO is open */
	bool gone;				/* the node of a device that is no more: its number may be another's */
	struct file_lock *locks;
	uint64_t setid_mtime;			/* set-id bits given while somebody had it open for writing: as it was then */
	struct dentry *alias;			/* a dentry of it, for directories and exe links; may be NULL */
	/* of /proc and /sys */
	const void *node;			/* struct pseudo_node */
	uint64_t owner_start_ns;		/* with pid: one life of one process */
	uint32_t pid, number;
};

enum dentry_flag {
	D_MOUNTED = 1,		/* something may be mounted on it */
	D_DEAD = 2,		/* unlinked: not in the hash, no new children */
	D_VOLATILE = 4,		/* made on demand: freed when unused */
	D_UNUSED = 8,		/* volatile, on the unused list */
	D_HASHED = 16,
	D_LINK = 32,		/* of a symbolic link */
};
#define DENTRY_SHORT_NAME 40
struct dentry {
	struct dentry *hash_next;
	struct dentry *parent;			/* itself for a root */
	uint64_t first;				/* of its struct name */
	uint32_t hash;
	uint16_t len, flags;
	const char *name;
	struct inode *inode;
	uint32_t refs;
	uint32_t nchildren;			/* hashed ones that are not volatile */
	struct dentry *child_first, *child_last, *older, *younger;	/* by position */
	uint64_t position;			/* its place in its directory: stable, growing */
	uint64_t next_position;
	struct dentry *unused_next, *unused_prev;
	char short_name[DENTRY_SHORT_NAME];
};
#define DIR_FIRST 3	/* positions 1 and 2 are . and .. */

struct fs_type {
	const char *name;
	uint64_t magic;
	bool nodev;
	int (*fill)(struct super *s, const char *options);	/* makes s->root; NULL: not mountable by name */
	struct super *(*shared)(void);				/* one store for all mounts; else a new one each */
};
struct super {
	const struct fs_type *type;
	struct dentry *root;
	handle_t pool;			/* pays for contents; 0: server_pool */
	uint64_t limit_bytes, limit_inodes;	/* 0: none */
	uint64_t next_ino, ninodes;
	uint64_t names;			/* counts against limit_inodes: entries, and long link texts */
	uint32_t dev, refs;
	uint32_t blksize;
	bool read_only;			/* names cannot be made: answer no_make */
	int no_make;
};

struct mount {
	struct mount *next;		/* all mounts, in order of mounting */
	struct mount *parent;		/* itself for the root; NULL once detached */
	struct dentry *root, *place;	/* place: the dentry in parent that it covers */
	struct super *super;
	struct mount *copy;		/* during a recursive bind */
	uint32_t id, refs, flags;	/* MS_RDONLY NOSUID NODEV NOEXEC NOATIME RELATIME */
	uint32_t group, master;		/* peers.c; 0: none */
	bool unbindable;
	char source[64];
};

void mount_free(struct mount *m);
static inline void mount_get(struct mount *m)
{
	m->refs++;
}
static inline void mount_put(struct mount *m)
{
	if (--m->refs == 0 && !m->parent)
		mount_free(m);
}

struct file {
	uint32_t index, generation;
	struct path path;		/* references; mount NULL once closed */
	struct inode *inode;		/* the dentry's */
	uint32_t flags;			/* O_ at open */
	uint64_t offset;		/* of what linuxd serves */
	void *private;
	handle_t ready;
	const struct device_ops *device;
	struct text *text;		/* what was made last of a pseudo file's contents */
	struct file *next_free;
	bool locked;			/* may own flock or OFD locks */
	bool posix;			/* POSIX locks were taken through it */
};

/* --- growing text (text.c) -------------------------------------------------------------------- */
struct text {
	char *data;
	uint32_t len, cap;
	bool failed;			/* out of memory: the text is incomplete */
	/* A user can make some texts long, and all wait for linuxd: those are made a piece at a time. */
	bool more;			/* set by who made this piece: there are others */
	uint64_t next;			/* where the next one goes on; only its maker knows what it counts */
	uint64_t start;			/* where this one begins in the file */
};
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add(struct text *t, const void *data, uint32_t len);
void text_char(struct text *t, char c);
void text_escaped(struct text *t, const char *s, const char *which);	/* \ooo for chars of which */
void text_free(struct text *t);

/* --- inodes (inode.c) --------------------------------------------------------------------------- */
struct inode *inode_new(struct super *s, uint32_t mode, const struct cred *c);
int inode_content(struct inode *i);		/* makes sure i->content exists */
void inode_publish(struct inode *i);		/* the record in the content says what the inode says */
void inode_changed(struct inode *i);		/* ctime now, and publish */
void inode_modified(struct inode *i);		/* a directory: mtime and ctime now */
void inode_stat(struct inode *i, const struct mount *m, struct lx_stat *st);
int inode_permission(struct inode *i, struct process *who, const struct cred *c, uint32_t may);
bool inode_owner_or_root(const struct inode *i, const struct cred *c);
int inode_any_path(struct inode *i, struct path *to);	/* some place it can be seen at, with references */
uint8_t mode_dirent_type(uint32_t mode);
struct koids { struct koid_slot { uint64_t koid; struct inode *inode; } *slots; uint32_t mask; bool wanted; };
bool koids_begin(struct koids *k, uint32_t n);
void koids_want(struct koids *k, uint64_t koid);	/* as many as were announced */
void koids_find(struct koids *k);
struct inode *koids_inode(const struct koids *k, uint64_t koid);
void koids_end(struct koids *k);
void reply_walk_error(struct request *r, int error);	/* LX_SELF_FD with its number */
extern uint32_t vfs_self_fd;			/* the N of the last -LX_SELF_FD */
uint32_t vfs_caller_tid(const struct process *who);	/* of the current request */
int errno_of(status_t status);			/* a native status as a negative errno */

/* --- names (dentry.c) ----------------------------------------------------------------------------- */
/*
 * A name of a path, scanned eight bytes at a time; names up to eight bytes are compared as one number.  A word
 * may be read beyond the end of a string, never beyond its page.
 */
struct name {
	const char *text;
	uint64_t first;		/* its first eight bytes, zeros behind a shorter one */
	uint32_t len, hash;
};
#define WORD_ONES	0x0101010101010101ull
#define WORD_HIGHS	0x8080808080808080ull
#define WORD_SLASHES	0x2f2f2f2f2f2f2f2full

/*
 * The hash of a name, folded from the whole product, so that its last letters count as its first. The factor is
 * odd and random: nobody can choose names that meet.
 */
extern uint64_t hash_factor;

static inline uint64_t hash_mix(uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)word * hash_factor;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline uint32_t hash_of(uint64_t word) { return (uint32_t)(hash_mix(word) >> 32); }

uint64_t word_load_slow(const char *p);

__attribute__((no_sanitize("address"))) static inline uint64_t word_load(const char *p)
{
	uint64_t w;

	if (__builtin_expect(((uintptr_t)p & (PAGE_SIZE - 1)) > PAGE_SIZE - 8, 0))
		return word_load_slow(p);
	__builtin_memcpy(&w, p, sizeof(w));
	return w;
}

/* The lowest bit set is in the first byte that is NUL or a slash. */
static inline uint64_t word_ends(uint64_t w)
{
	uint64_t slash = w ^ WORD_SLASHES;

	return (((w - WORD_ONES) & ~w) | ((slash - WORD_ONES) & ~slash)) & WORD_HIGHS;
}

static inline uint64_t word_cut(uint64_t w, uint32_t bytes)
{
	return w & ((1ull << 8 * bytes) - 1);
}

void name_scan_long(struct name *n);		/* its first eight bytes are all name */

static inline void name_scan(struct name *n, const char *text)
{
	uint64_t w = word_load(text), ends = word_ends(w);

	n->text = text;
	n->first = w;
	if (__builtin_expect(ends == 0, 0)) {
		name_scan_long(n);
		return;
	}
	n->len = (uint32_t)__builtin_ctzll(ends) / 8;
	n->first = word_cut(w, n->len);
	n->hash = hash_of(n->first);
}
void name_make(struct name *n, const char *text, uint32_t len);	/* the same of a text of known length */

extern struct dentry **dentry_buckets;
extern uint32_t dentry_bucket_mask;

/* The name's own hash and the directory's address, whose low bits say little. */
static inline uint32_t dentry_bucket(const struct dentry *dir, uint32_t hash)
{
	return (hash ^ (uint32_t)((uintptr_t)dir >> 6)) & dentry_bucket_mask;
}

/* The entry of a name, NULL when there is none (or, in a made-up directory, when it is not cached). */
static inline struct dentry *dentry_find(const struct dentry *dir, const struct name *n)
{
	struct dentry *d = dentry_buckets[dentry_bucket(dir, n->hash)];

	for (; d; d = d->hash_next)
		if (d->first == n->first && d->parent == dir && d->len == n->len &&
		    (n->len <= 8 || memcmp(d->name, n->text, n->len) == 0))
			return d;
	return NULL;
}
/* The same for a name of up to seven bytes: first, which ends in a zero, says it all. */
static inline struct dentry *dentry_find_short(const struct dentry *dir, uint64_t first)
{
	struct dentry *d = dentry_buckets[dentry_bucket(dir, hash_of(first))];

	while (d && (d->first != first || d->parent != dir))
		d = d->hash_next;
	return d;
}
struct dentry *dentry_lookup(const struct dentry *dir, const char *name, uint32_t len);
void dentry_init(void);
struct dentry *dentry_new(struct dentry *parent, const char *name, uint32_t len, struct inode *i);
void dentry_add(struct dentry *d);			/* into hash and directory: the name exists */
void dentry_remove(struct dentry *d);			/* the name is gone: D_DEAD, existence dropped */
/* what a link's text costs of the limit beside its name */
#define LINK_TEXT_UNIT 512u
struct dentry *dentry_root(struct super *s, struct inode *i);
struct dentry *dentry_volatile(struct dentry *parent, const char *name, uint32_t len, struct inode *i);
int dentry_move(struct dentry *d, struct dentry *to, const char *name, uint32_t len);
void dentry_exchange(struct dentry *a, struct dentry *b);
void dentry_reuse(struct dentry *d);			/* a volatile one leaves the unused list */
void dentry_drop(struct dentry *d);			/* its last reference is gone */
static inline struct dentry *dentry_get(struct dentry *d)
{
	if (d->refs++ == 0)
		dentry_reuse(d);
	return d;
}
static inline void dentry_put(struct dentry *d)
{
	if (d && --d->refs == 0)
		dentry_drop(d);
}
void dentry_forget(struct dentry *d);			/* a volatile name is no longer valid */
extern uint32_t dentry_unused;
#define DENTRY_UNUSED_MAX 256u
void dentry_trim_unused(void);
/* Between requests: drops the longest unused made-up names beyond what is worth keeping. */
static inline void dentry_trim(void)
{
	if (dentry_unused > DENTRY_UNUSED_MAX)
		dentry_trim_unused();
}
void dentry_each(bool (*visit)(struct dentry *d, void *arg), void *arg);	/* until it says true */
bool dentry_below(const struct dentry *d, const struct dentry *ancestor);

/* --- path walk (path.c) ----------------------------------------------------------------------------- */
enum walk_flag {
	WALK_FOLLOW = 1,		/* a symbolic link at the end too */
	WALK_MISSING = 2,		/* the last name need not exist: dentry NULL, parent and last set */
	WALK_PARENT = 4,		/* stop before the last name: it is neither looked up nor followed */
	WALK_EMPTY = 8,			/* "" is the start itself */
	WALK_FILE = 16,			/* a slash behind the last name, a link's text too, is EISDIR: O_CREAT */
};
enum walk_state { WALK_NAME, WALK_DONE, WALK_FAILED, WALK_PENDING };
enum walk_last { LAST_ROOT, LAST_NAME, LAST_DOT, LAST_DOTDOT };
struct walk {
	/* zero at the start, side by side so that few stores do it */
	enum walk_state state;
	enum walk_last last_type;
	uint32_t depth, links, njumps, scratch_used;
	bool slash;			/* the last name was followed by one */
	bool must_be_dir;		/* some path or link text ended in a slash */
	uint32_t resolve;
	char *scratch;			/* texts of made-up links */
	uint32_t flags;
	struct process *process;
	const struct cred *cred;
	struct path root;		/* borrowed for the walk */
	struct path at;			/* where it stands: borrowed */
	struct path parent;		/* the directory of the last name */
	const char *rest;		/* what is still to be walked */
	struct name last;		/* the last name; length 0 when there is none */
	const char *stack[SYMLINKS_MAX];/* rests of the paths whose links are being followed */
	struct path jumps[SYMLINKS_MAX];/* references that link_jump handed out */
};
/* The one path that is the payload; NULL: it has no end.  What follows a NUL within it is not looked at. */
static inline const char *request_path(const struct request *r)
{
	return r->payload_len && !r->payload[r->payload_len - 1] ? (const char *)r->payload : NULL;
}
void walk_start(struct walk *w, struct request *r, const struct path *start, const char *path, uint32_t flags);
int walk_run(struct walk *w);			/* 0 with w->at / parent / last, or -errno */
void walk_release(struct walk *w);
/* drops what the walk holds; at is no longer valid */
static inline void walk_end(struct walk *w)
{
	if (w->njumps || w->scratch)
		walk_release(w);
}
int walk_prepare(struct walk *w, struct request *r, const char *path, uint32_t flags);
int walk_at(struct walk *w, struct request *r, const char *path, uint32_t flags); /* prepare and run */
int walk_base(struct request *r, struct path *base);	/* where a relative path starts */
int walk_last(struct walk *w, struct dentry **out);	/* the last name in parent: NULL when missing */
int walk_again(struct walk *w, uint32_t flags);	/* at is a link found with MISSING: follow it on */
int path_text_from(const struct path *p, const struct path *root, char *buf, uint32_t len, bool *reached);
int dentry_path_text(const struct dentry *d, char *buf, uint32_t len);	/* within its file system */
static inline void path_get(struct path *p)
{
	mount_get(p->mount);
	dentry_get(p->dentry);
}
static inline void path_put(struct path *p)
{
	if (!p->dentry)
		return;
	dentry_put(p->dentry);
	mount_put(p->mount);
	p->dentry = NULL;
	p->mount = NULL;
}

/* --- mounts (mount.c) --------------------------------------------------------------------------------- */
extern struct mount *mounts;
void mount_init(struct super *root);
struct mount *mount_on(const struct mount *parent, const struct dentry *place);	/* topmost, or NULL */
struct mount *mount_of_super(const struct super *s);
int mount_writable(const struct mount *m);		/* 0 or -EROFS */
bool dentry_is_mountpoint(const struct dentry *d);
void request_mount(struct request *r);
void request_umount(struct request *r);
void request_pivot_root(struct request *r);
int mount_at(const char *type, const char *path);	/* at start-up */
void mounts_text(struct process *p, struct text *out, bool info);
struct super *super_new(const struct fs_type *type);
void super_put(struct super *s);
const struct fs_type *fs_type_next(uint32_t index);	/* NULL at the end */
void statfs_fill(const struct mount *m, struct linux_statfs *out);
struct mount *mount_new(struct super *s, struct dentry *root, uint32_t flags, const char *source);
void mount_attach(struct mount *m, const struct path *at);
void mount_detach(struct mount *m);
void mount_detach_tree(struct mount *top);
bool mount_has_children(const struct mount *parent);

/* --- shared mounts (peers.c) ------------------------------------------------------------------------------ */
#define MS_PROPAGATION	(MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED)
int mount_attach_shared(struct mount *m, const struct path *at);
void mount_detach_copies(const struct mount *m, bool lazy);
void mount_joins(struct mount *m, const struct mount *from);
int mount_propagation(const struct path *at, uint32_t flags);
void mount_peers_text(const struct mount *m, struct text *out);

/* --- file systems --------------------------------------------------------------------------------------- */
extern const struct fs_type tmpfs_type, rootfs_type, devtmpfs_type, devpts_type, proc_type, sysfs_type;
void archive_unpack(const struct archive *a, struct super *root);
struct super *devtmpfs_super(void);
struct super *devpts_super(void);
const struct device_ops *device_find(uint32_t rdev);
uint32_t device_kernel_kind(uint32_t rdev);	/* OBJ_NULL .. for a memory device, else 0 */

/* /proc and /sys are trees of these, made at start-up (pseudo.c) */
struct pseudo_node {
	const char *path;		/* "sys/kernel/ostype"; parents come first */
	uint32_t mode;
	int (*text)(const struct inode *i, struct process *who, struct text *out);
	int (*write)(struct inode *i, struct process *who, const char *data, uint32_t len);
	const char *value;		/* constant contents or link text instead of text() */
};
int pseudo_fill(struct super *s, const struct pseudo_node *nodes, uint32_t count);
int pseudo_text(const struct inode *i, struct process *who, struct text *out);
extern const struct inode_ops pseudo_ops, pseudo_directory_ops;

/* --- files that no directory holds (anon.c) --------------------------------------------------------------- */
extern const struct fs_type anon_type;
void request_memfd(struct request *r);
void request_timerfd(struct request *r);
void timerfd_request(struct request *r, struct file *f);
int64_t file_seals(struct file *f);
int file_seals_add(struct request *r, struct file *f, uint64_t add);

/* --- open files (file.c) ------------------------------------------------------------------------------------ */
int file_new(const struct path *p, uint32_t flags, struct file **out);	/* takes references */
void file_free(struct file *f);
uint64_t file_cookie(const struct file *f);
int file_descriptor(struct file *f, handle_t object, uint32_t kind, uint32_t extra, handle_t *out);
void file_request(struct request *r);			/* the file protocol */
struct file *file_next(uint32_t *index);		/* every open one, for locks and umount */
bool dirent_emit(struct dirent_out *out, uint64_t ino, uint8_t type, const char *name, uint32_t len,
	uint64_t pos);
void readdir_children(struct dentry *dir, uint64_t pos, struct dirent_out *out);

/* --- names and attributes (names.c, attr.c, open.c) --------------------------------------------------------- */
struct request_names {		/* who asks */
	struct process *process;
	const struct cred *cred;
};
void request_open(struct request *r);
void request_make(struct request *r);		/* MKDIR, MKNOD */
void request_symlink(struct request *r);
void request_link(struct request *r);
void request_unlink(struct request *r);
void request_rename(struct request *r);
int name_create(struct walk *w, uint32_t mode, uint32_t rdev, const char *target, struct dentry **out);
void request_stat(struct request *r);
void request_access(struct request *r);
void request_readlink(struct request *r);
void request_chmod(struct request *r);
void request_chown(struct request *r);
void request_utimens(struct request *r);
void request_truncate(struct request *r);
void request_statfs(struct request *r);
void request_xattr(struct request *r);
uint32_t inode_exec_mode(const struct inode *i);
void inode_setid_clear(struct inode *i, const struct cred *c);
int inode_truncate(struct inode *i, const struct cred *c, uint64_t size);

/* --- FIFOs (fifo.c) ------------------------------------------------------------------------------------------- */
void fifo_open(struct request *r, struct file *f);	/* answers or parks; owns f */
void fifo_close(struct file *f);

/* --- locks (lock.c) -------------------------------------------------------------------------------------------- */
void lock_flock(struct request *r);
void lock_fcntl(struct request *r);
void lock_release(struct request *r);
void lock_file_closed(struct file *f);

#endif
