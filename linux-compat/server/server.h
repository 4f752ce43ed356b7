/*
 * server.h -- what the parts of linuxd share.
 *
 * linuxd is one thread and one loop: receive a request or a notice, handle it to its end or park it,
 * answer.  Nothing here blocks; so nothing here locks.  Every field of a request is hostile.
 */
#ifndef LINUX_SERVER_H
#define LINUX_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <abi/native.h>
#include <abi/linux_protocol.h>

struct process;
struct thread;
struct file;
struct inode;

/* --- requests (request.c) --------------------------------------------------------------------
 *
 * The current request is a view of the utcb's message.  A handler answers with request_reply*, or
 * copies what it needs and parks; the utcb is overwritten by the next receive.
 */
struct request {
	uint64_t token;
	uint64_t words[IPC_WORDS];
	struct process *process;	/* the caller, by the badge of its task */
	struct thread *thread;		/* its thread */
	struct image *image;		/* the native task it came from: one being loaded speaks for the process too */
	bool loading;			/* it is one being loaded: nobody but its translator has run in it */
	struct file *file;		/* via a descriptor: that open file (no reference taken), else NULL */
	uint32_t access;		/* DESC_* of that descriptor */
	const uint8_t *payload;		/* inline, or gathered from bulk into a static buffer */
	uint32_t payload_len;
	uint32_t ncaps;
	handle_t caps[IPC_CAPS];	/* ours to close or keep */
	uint64_t bulk_room;		/* how much the caller's bulk reply holds */
};

/*
 * A parked request: its owner embeds it and links it where it waits.  cancel is called when the
 * caller was interrupted, or (token 0) when its process died: unlink; then, if token is not 0,
 * answer (-LINUX_INTERRUPTED or the result).
 */
struct parked {
	struct parked *next, **link;	/* in the process's list: request.c's */
	struct parked *hash_next, **hash_link;	/* by token: request.c's */
	uint64_t token;
	struct process *process;
	struct thread *thread;
	uint64_t bulk_room;
	void (*cancel)(struct parked *p);
};
void request_park(const struct request *r, struct parked *p, void (*cancel)(struct parked *));
void parked_reply(struct parked *p, int64_t value);			/* also unlinks it */
void parked_reply_data(struct parked *p, int64_t value, const void *data, uint32_t len); /* inline or bulk */
void parked_reply_cap(struct parked *p, int64_t value, handle_t cap);	/* as request_reply_cap: fifo.c's need */
void parked_reply_full(struct parked *p, int64_t value, uint64_t w1, uint64_t w2, const void *data, uint32_t len);

void request_reply(struct request *r, int64_t value);
void request_reply_data(struct request *r, int64_t value, const void *data, uint32_t len);
void request_reply_words(struct request *r, int64_t value, uint64_t w1, uint64_t w2);
void request_reply_full(struct request *r, int64_t value, uint64_t w1, uint64_t w2, const void *data, uint32_t len);
void *request_reply_room(void);	/* build up to IPC_INLINE bytes of an answer here: saves a copy */
void request_reply_cap(struct request *r, int64_t value, handle_t cap);	/* moves cap to the caller */
/* a NUL-terminated string of the payload from *offset on, moving *offset; NULL: malformed */
const char *request_string(struct request *r, uint32_t *offset);

/* --- memory: never fails small; a NULL is ENOMEM to the caller -------------------------------- */
void *mem_alloc(uint64_t size);		/* zeroed */
void mem_free(void *p);
char *mem_strdup(const char *s);

/* --- credentials and the process's view of names ---------------------------------------------- */
#define GROUPS_MAX 64
struct cred {
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	uint32_t ngroups, groups[GROUPS_MAX];
};
bool cred_is_root(const struct cred *c);		/* fsuid 0: a name, checked here only */
bool cred_in_group(const struct cred *c, uint32_t gid);

struct dentry;
struct mount;
struct path { struct mount *mount; struct dentry *dentry; };	/* counted references of both */
struct fs_view { struct path root, cwd; uint32_t umask; uint32_t refs; };	/* CLONE_FS shares it */

/* --- archive.c ------------------------------------------------------------------------------------ */
struct archive { handle_t vmo; const uint8_t *data; uint64_t len; };	/* the boot archive, mapped */
/* The range lies in the archive; false: no memory for it. */
bool archive_copy(const struct archive *a, uint64_t offset, uint64_t len, handle_t to, uint64_t to_offset);

/* --- vfs.c and friends (names) ------------------------------------------------------------------ */
void vfs_init(const struct archive *a);				/* mounts the root tmpfs, fills it from the boot archive */
struct fs_view *fs_view_new(void);				/* at the root, umask 022 */
struct fs_view *fs_view_clone(const struct fs_view *v);
void fs_view_put(struct fs_view *v);
void vfs_request(struct request *r);				/* LX_OPEN .. and the file protocol */
void file_closed(uint64_t cookie);				/* NOTICE_CLOSE */
struct file *file_by_cookie(uint64_t cookie);			/* NULL: none (never a wild pointer) */

/* exec: open by path as the caller may execute it.  0 or -errno; *desc a Descriptor (read+exec) that
 * the caller of this function owns, *info what exec must know. */
struct exec_file { uint32_t uid, gid, mode; bool nosuid; char path[4096]; struct inode *inode; };
int vfs_open_exec(struct request *r, const char *path, uint32_t at_flags, handle_t *desc, struct exec_file *info);
void inode_get(struct inode *i);				/* info->inode is counted: put it when done */
void inode_put(struct inode *i);
int inode_deny_write(struct inode *i, int delta);	/* +1 at exec (-ETXTBSY while writers exist), -1 after */
void vfs_process_exit(struct process *p);		/* its POSIX locks go; call before it is freed */
/* the absolute path of an inode/dentry as seen from a root, for /proc/PID/{exe,cwd,maps}; length or -errno */
int vfs_path_text(const struct path *p, const struct path *root, char *buf, uint32_t len);
int file_path_text(struct file *f, char *buf, uint32_t len);	/* "/a/b", "pipe:[7]", "/a (deleted)" */

/*
 * Character devices: the vfs calls these for a file opened on a device node.  Each answers or parks
 * the request.  open returns 0 or -errno and may set file_private and the ready counter.
 */
struct device_ops {
	const char *name;
	int (*open)(struct request *r, struct file *f, uint32_t flags);
	void (*close)(struct file *f);
	void (*read)(struct request *r, struct file *f);
	void (*write)(struct request *r, struct file *f);
	void (*ioctl)(struct request *r, struct file *f);
};
void device_register(uint32_t major, uint32_t minor, const struct device_ops *ops);
void *file_private(struct file *f);
void file_set_private(struct file *f, void *private, handle_t ready_counter);
uint32_t file_rdev(const struct file *f);
uint32_t file_flags(const struct file *f);			/* O_ flags at open */
int devtmpfs_make(const char *name, uint32_t mode, uint32_t rdev, uint32_t uid, uint32_t gid); /* "tty", "pts/3" */
void devtmpfs_remove(const char *name);			/* and whoever has kept the node opens nothing by it */
#define MAKEDEV(major, minor) ((((uint32_t)(major)) << 8) | ((minor) & 0xff) | (((uint32_t)(minor) & ~0xffu) << 12))

/* --- process.c and friends ------------------------------------------------------------------------ */
struct process_view {			/* what /proc asks of a process; filled by process_view() */
	uint32_t pid, ppid, pgid, sid, tgid, nthreads, tty_rdev, tty_pgrp;
	char state;			/* R S D T Z */
	bool no_new_privs;
	char comm[16];
	int32_t nice, exit_signal;
	uint64_t start_ns, user_ns, system_ns, minor_faults, major_faults;
	uint64_t sig_pending, sig_blocked, sig_ignored, sig_caught, shared_pending;
	struct cred cred;
	uint64_t vm_pages, rss_pages;
	uint64_t args_start, args_end, env_start, env_end, start_stack, start_code, end_code, start_brk;
	handle_t task;			/* 0: a zombie */
	uint32_t main_thread;		/* the kernel's number */
	struct fs_view *fs;
	char exe[256];			/* absolute path executed */
	struct inode *exe_inode;
	uint64_t rlimits[16][2];
};
struct process *process_by_pid(uint32_t pid);
struct process *process_next(uint32_t pid_above);	/* in order of pids, NULL at the end */
void process_view(struct process *p, struct process_view *v);
uint32_t process_pid(const struct process *p);
uint64_t process_start_ns(const struct process *p);	/* with the pid: one life */
const struct cred *process_cred(const struct process *p);
struct fs_view *process_fs(struct process *p);
uint32_t process_sid(const struct process *p);
handle_t process_pool(const struct process *p);
uint64_t process_rlimit(const struct process *p, uint32_t resource);
bool process_may_inspect(const struct process *who, const struct process *whom);	/* ptrace-read check of /proc */
uint32_t process_tids(struct process *p, uint32_t *tids, uint32_t max);
void signal_process(struct process *p, int sig);	/* from the kernel: SIGPIPE-like, no siginfo */
void signal_group(uint32_t pgid, int sig);
void system_poweroff(int command);

/* what /proc asks of the rest */
uint32_t thread_tid(const struct thread *t);
enum uname_field { UNAME_SYSNAME, UNAME_NODENAME, UNAME_RELEASE, UNAME_VERSION, UNAME_MACHINE, UNAME_DOMAINNAME };
const char *uname_text(enum uname_field field);
int uname_set(enum uname_field field, const char *text, uint32_t len);	/* 0 or -errno; no privilege check */
const char *command_line(void);			/* the kernel's, for /proc/cmdline */
uint32_t pid_last(void);			/* the one given out last, for /proc/loadavg */

/* counted unknown calls: the translator reports each first occurrence by LX_UNKNOWN (words[1]: number) */
int unimplemented_text(char *buf, uint32_t len);

/* --- clock ---------------------------------------------------------------------------------------- */
uint64_t clock_mono_ns(void);
uint64_t clock_real_ns(void);
/* One-shot, and part of what it is for; all zeros is disarmed. */
struct timer {
	struct timer *child, *sibling, *before;	/* clock.c's */
	uint64_t deadline_ns;
	void (*fire)(void *);			/* NULL: not armed */
	void *arg;
};
void timer_after(struct timer *t, uint64_t deadline_ns, void (*fire)(void *), void *arg);
void timer_cancel(struct timer *t);

extern handle_t server_endpoint, server_pool, server_platform;
void server_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
