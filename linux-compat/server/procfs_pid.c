/*
 * procfs_pid.c -- /proc/PID and /proc/PID/task/TID: names made on demand, texts from process_view and
 * from what the kernel says of the task; nothing is asked of the process itself.
 *
 * Formats: those of Linux 6.1, proc(5).
 * Fails:   -ESRCH once the process is gone, -EACCES where another may not look (process_may_inspect).
 * Tested:  test/vfs_test.c
 */
#include "procfs.h"

#define KIND_FD		1000u	/* inode numbers: entries below, descriptors and threads above */
#define KIND_FDINFO	(1u << 17)
#define KIND_TASK	(1u << 18)
#define TASKS_MAX	1024u
#define MAPS_PIECE	128u	/* lines of maps that one request makes */
#define STRINGS_MAX	(1u << 20)	/* of cmdline and environ that are shown */

struct pid_entry {
	const char *name;
	uint32_t mode;
	const struct inode_ops *ops;
	bool inspects;			/* looked at when it is opened, too: the reader may be fooled by who opened it */
	int (*text)(const struct inode *i, struct process *who, struct text *out);
	int (*write)(struct inode *i, struct process *who, const char *data, uint32_t len);
};
#define ENTRIES 20u
static const struct pid_entry entries[ENTRIES];
static const uint32_t nentries = ENTRIES;
static const struct inode_ops pid_dir_ops, task_dir_ops, thread_dir_ops, fd_dir_ops, fd_link_ops, fdinfo_dir_ops;

static struct process_view view;	/* big: one, filled anew by each function that uses it */

/* Not a later process of the same number. */
static struct process *process_of(const struct inode *i)
{
	struct process *p = process_by_pid(i->pid);

	return p && (i->owner_start_ns == 0 || i->owner_start_ns == process_start_ns(p)) ? p : NULL;
}

/* The caller waits for us, and so does not look like what it is: running. */
static char state_of(const struct process *p, const struct process *who)
{
	return p == who && view.state == 'S' ? 'R' : view.state;
}

static struct process *view_of(const struct inode *i)
{
	struct process *p = process_of(i);

	if (p)
		process_view(p, &view);
	return p;
}

/* For what only the same user, or root, may see. */
static int inspect(const struct inode *i, struct process *who, struct process **out)
{
	*out = process_of(i);
	if (!*out)
		return -ESRCH;
	return *out == who || process_may_inspect(who, *out) ? 0 : -EACCES;
}

static int view_inspected(const struct inode *i, struct process *who)
{
	struct process *p;
	int error = inspect(i, who, &p);

	if (error == 0)
		process_view(p, &view);
	return error;
}

/* --- stat, status and their kin ------------------------------------------------------------------------ */

static uint32_t own_id(const struct inode *i)
{
	return i->number ? i->number : i->pid;
}

static int stat_text(const struct inode *i, struct process *who, struct text *out)
{
	struct process *p = view_of(i);
	const struct process_view *v = &view;
	bool all;

	if (!p)
		return -ESRCH;
	all = p == who || process_may_inspect(who, p);
	text_printf(out, "%u (%s) %c %u %u %u %u %d %u %lu 0 %lu 0 %lu %lu 0 0 ", own_id(i), v->comm, state_of(p, who),
		v->ppid, v->pgid, v->sid, v->tty_rdev, v->tty_rdev ? (int)v->tty_pgrp : -1, 0x400000u,
		(unsigned long)v->minor_faults, (unsigned long)v->major_faults,
		(unsigned long)(v->user_ns / PROC_TICK_NS), (unsigned long)(v->system_ns / PROC_TICK_NS));
	text_printf(out, "%d %d %u 0 %lu %lu %lu %lu ", 20 + v->nice, v->nice, v->nthreads,
		(unsigned long)(v->start_ns / PROC_TICK_NS), (unsigned long)(v->vm_pages * PAGE_SIZE),
		(unsigned long)v->rss_pages, (unsigned long)v->rlimits[RLIMIT_RSS][0]);
	text_printf(out, "%lu %lu %lu 0 0 %lu %lu %lu %lu %u 0 0 %d 0 0 0 0 0 0 ",
		(unsigned long)(all ? v->start_code : 1), (unsigned long)(all ? v->end_code : 1),
		(unsigned long)(all ? v->start_stack : 0), (unsigned long)(v->sig_pending & 0x7fffffff),
		(unsigned long)(v->sig_blocked & 0x7fffffff), (unsigned long)(v->sig_ignored & 0x7fffffff),
		(unsigned long)(v->sig_caught & 0x7fffffff), v->state == 'S' && all, v->exit_signal);
	text_printf(out, "0 0 %lu %lu %lu %lu %lu 0\n", (unsigned long)(all ? v->start_brk : 0),
		(unsigned long)(all ? v->args_start : 0), (unsigned long)(all ? v->args_end : 0),
		(unsigned long)(all ? v->env_start : 0), (unsigned long)(all ? v->env_end : 0));
	return 0;
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R': return "R (running)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	case 't': return "t (tracing stop)";
	case 'Z': return "Z (zombie)";
	default: return "S (sleeping)";
	}
}

static void status_memory(const struct process_view *v, struct text *out)
{
	unsigned long size = v->vm_pages * 4, rss = v->rss_pages * 4;

	text_printf(out, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8lu kB\n", size, size, 0ul,
		0ul);
	text_printf(out, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", rss, rss);
	text_printf(out, "VmData:\t%8lu kB\nVmSwap:\t%8lu kB\n", size, 0ul);
}

static void status_signals(const struct process_view *v, struct text *out)
{
	text_printf(out, "Threads:\t%u\nSigQ:\t0/%lu\n", v->nthreads, (unsigned long)v->rlimits[RLIMIT_SIGPENDING][0]);
	text_printf(out, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		(unsigned long)v->sig_pending, (unsigned long)v->shared_pending, (unsigned long)v->sig_blocked,
		(unsigned long)v->sig_ignored, (unsigned long)v->sig_caught);
}

#define CAPS_ALL	0x1fffffffffful
#define CAPS_FS		0x10800021ful	/* what goes and comes with the fsuid */

/* capabilities(7), as changes of the user ids leave them. */
static unsigned long caps_permitted(const struct cred *c)
{
	return c->uid == 0 || c->euid == 0 || c->suid == 0 ? CAPS_ALL : 0;
}

static unsigned long caps_effective(const struct cred *c)
{
	return (c->euid == 0 ? CAPS_ALL & ~CAPS_FS : 0) | (c->fsuid == 0 ? caps_permitted(c) & CAPS_FS : 0);
}

static int status_text(const struct inode *i, struct process *who, struct text *out)
{
	struct process *p = view_of(i);
	const struct process_view *v = &view;
	const struct cred *c = &view.cred;
	struct system_info info;

	if (!p)
		return -ESRCH;
	text_printf(out, "Name:\t");
	text_escaped(out, v->comm, "\n\\");
	text_char(out, '\n');
	if (v->fs)
		text_printf(out, "Umask:\t%04o\n", v->fs->umask);
	text_printf(out, "State:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
		state_name(state_of(p, who)), v->tgid, own_id(i), v->ppid);
	text_printf(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\nGroups:\t", c->uid, c->euid,
		c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	for (uint32_t n = 0; n < c->ngroups; n++)
		text_printf(out, n ? " %u" : "%u", c->groups[n]);
	text_printf(out, " \nNStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", v->tgid, own_id(i), v->pgid, v->sid);
	if (v->task)
		status_memory(v, out);
	status_signals(v, out);
	text_printf(out, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n", 0ul,
		caps_permitted(c), caps_effective(c), CAPS_ALL, 0ul);
	text_printf(out, "NoNewPrivs:\t%u\nSeccomp:\t0\nSeccomp_filters:\t0\n", v->no_new_privs);
	if (tess_system_query(&info) == 0) {
		text_printf(out, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", (1ul << info.ncpus) - 1);
		text_printf(out, info.ncpus > 1 ? "0-%lu\n" : "0\n", (unsigned long)info.ncpus - 1);
	}
	text_printf(out, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
	return 0;
}

static int statm_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	if (!view_of(i))
		return -ESRCH;
	text_printf(out, "%lu %lu 0 0 0 %lu 0\n", (unsigned long)view.vm_pages, (unsigned long)view.rss_pages,
		(unsigned long)view.vm_pages);
	return 0;
}

static int comm_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	if (!view_of(i))
		return -ESRCH;
	text_printf(out, "%s\n", view.comm);
	return 0;
}

static int limits_text(const struct inode *i, struct process *who, struct text *out)
{
	static const struct { const char *name, *unit; } rows[RLIMIT_COUNT] = {
		[RLIMIT_CPU] = { "Max cpu time", "seconds" }, [RLIMIT_FSIZE] = { "Max file size", "bytes" },
		[RLIMIT_DATA] = { "Max data size", "bytes" }, [RLIMIT_STACK] = { "Max stack size", "bytes" },
		[RLIMIT_CORE] = { "Max core file size", "bytes" }, [RLIMIT_RSS] = { "Max resident set", "bytes" },
		[RLIMIT_NPROC] = { "Max processes", "processes" }, [RLIMIT_NOFILE] = { "Max open files", "files" },
		[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" }, [RLIMIT_AS] = { "Max address space", "bytes" },
		[RLIMIT_LOCKS] = { "Max file locks", "locks" },
		[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
		[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" }, [RLIMIT_NICE] = { "Max nice priority", NULL },
		[RLIMIT_RTPRIO] = { "Max realtime priority", NULL }, [RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
	};

	(void)who;
	if (!view_of(i))
		return -ESRCH;
	text_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int n = 0; n < RLIMIT_COUNT; n++) {
		text_printf(out, "%-25s", rows[n].name);
		for (int side = 0; side < 2; side++) {
			if (view.rlimits[n][side] == ~0ull)
				text_printf(out, " %-20s", "unlimited");
			else
				text_printf(out, " %-20lu", (unsigned long)view.rlimits[n][side]);
		}
		if (rows[n].unit)
			text_printf(out, " %-10s\n", rows[n].unit);
		else
			text_printf(out, " \n");
	}
	return 0;
}

static int cgroup_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	text_printf(out, "0::/\n");
	return process_of(i) ? 0 : -ESRCH;
}

static int zero_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	text_printf(out, "0");
	return process_of(i) ? 0 : -ESRCH;
}

static int oom_score_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	text_printf(out, "0\n");
	return process_of(i) ? 0 : -ESRCH;
}

static int mounts_entry_text(const struct inode *i, struct process *who, struct text *out)
{
	struct process *p;
	int error = inspect(i, who, &p);

	if (error == 0 && !process_fs(p))
		error = -EINVAL;
	if (error == 0)
		mounts_text(p, out, strcmp(((const struct pid_entry *)i->node)->name, "mountinfo") == 0);
	return error;
}

/* --- memory of the process -------------------------------------------------------------------------------- */

/* Copies a range of the task's memory; what is not resident ends it, as it must not fault for us. */
static void memory_text(uint64_t start, uint64_t end, struct text *out)
{
	char chunk[512];

	if (end < start || end - start > STRINGS_MAX)
		return;
	while (start < end) {
		uint64_t len = end - start < sizeof(chunk) ? end - start : sizeof(chunk);
		int64_t got = tess_task_read(view.task, start, chunk, len);

		if (got <= 0)
			return;
		text_add(out, chunk, (uint32_t)got);
		start += (uint64_t)got;
	}
}

static int cmdline_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	if (!view_of(i))
		return -ESRCH;
	if (view.task)
		memory_text(view.args_start, view.args_end, out);
	return 0;
}

static int environ_text(const struct inode *i, struct process *who, struct text *out)
{
	int error = view_inspected(i, who);

	if (error == 0 && view.task)
		memory_text(view.env_start, view.env_end, out);
	return error;
}

static void map_name(const struct mapping_info *m, const struct inode *file, char *name, uint32_t len)
{
	struct path p;

	name[0] = 0;
	if (file && inode_any_path((struct inode *)file, &p) == 0) {
		if (vfs_path_text(&p, NULL, name, len) < 0)
			name[0] = 0;
		path_put(&p);
	} else if (m->start >= LINUX_ZONE_LO && m->start < LINUX_TOP_LO) {
		snprintf(name, len, "[translator]");
	} else if (view.start_stack >= m->start && view.start_stack <= m->end) {
		snprintf(name, len, "[stack]");
	} else if (view.start_brk && m->start <= view.start_brk && view.start_brk < m->end) {
		snprintf(name, len, "[heap]");
	}
}

static void map_line(const struct mapping_info *m, const struct koids *files, struct text *out)
{
	static char name[PATH_MAX];
	const struct inode *file = koids_inode(files, m->object_koid);
	uint32_t dev = file ? file->super->dev : 0, from = out->len;

	map_name(m, file, name, sizeof(name));
	text_printf(out, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", (unsigned long)m->start, (unsigned long)m->end,
		m->flags & MAP_READ ? 'r' : '-', m->flags & MAP_WRITE ? 'w' : '-', m->flags & MAP_EXEC ? 'x' : '-',
		m->flags & MAP_SHARED_ABI ? 's' : 'p', (unsigned long)(file ? m->offset : 0), dev >> 8 & 0xfff,
		dev & 0xff, (unsigned long)(file ? file->ino : 0));
	if (name[0]) {
		while (out->len - from < 73 && !out->failed)
			text_char(out, ' ');
		text_escaped(out, name, "\n");
	}
	text_char(out, '\n');
}

static bool map_next(uint64_t at, struct mapping_info *m)
{
	return tess_vspace_query(view.task, at, m) == 0 && m->end > at;
}

static int maps_text(const struct inode *i, struct process *who, struct text *out)
{
	struct mapping_info m = { .end = 0 };
	int error = view_inspected(i, who);
	uint32_t n = 0, nfiles = 0;
	struct koids files;
	uint64_t at;

	if (error < 0 || !view.task)
		return error;
	for (at = out->next; n < MAPS_PIECE && map_next(at, &m); at = m.end, n++)
		nfiles += m.object_koid != 0;
	if (!koids_begin(&files, nfiles))
		return -ENOMEM;
	for (at = out->next; nfiles && map_next(at, &m); at = m.end)
		if (m.object_koid) {
			koids_want(&files, m.object_koid);
			nfiles--;
		}
	koids_find(&files);
	for (at = out->next; n && !out->failed && map_next(at, &m); at = m.end, n--)
		map_line(&m, &files, out);
	koids_end(&files);
	out->next = at;
	out->more = map_next(at, &m);
	if (!out->more)
		text_printf(out, "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
	return 0;
}

/* --- links: exe, cwd, root ----------------------------------------------------------------------------------- */

static int exe_jump(const struct inode *i, struct process *who, struct path *to)
{
	int error = view_inspected(i, who);

	if (error == 0)
		error = view.exe_inode ? inode_any_path(view.exe_inode, to) : -ENOENT;
	return error;
}

static int exe_text(const struct inode *i, struct process *who, char *buf, uint32_t len)
{
	int error = view_inspected(i, who);

	if (error < 0)
		return error;
	if (!view.exe_inode || !view.exe[0])
		return -ENOENT;
	return snprintf(buf, len, "%s%s", view.exe, view.exe_inode->nlink ? "" : " (deleted)");
}

static int view_path_jump(const struct inode *i, struct process *who, bool root, struct path *to)
{
	int error = view_inspected(i, who);

	if (error < 0)
		return error;
	if (!view.fs)
		return -ENOENT;
	*to = root ? view.fs->root : view.fs->cwd;
	path_get(to);
	return 0;
}

static int cwd_jump(const struct inode *i, struct process *who, struct path *to)
{
	return view_path_jump(i, who, false, to);
}

static int root_jump(const struct inode *i, struct process *who, struct path *to)
{
	return view_path_jump(i, who, true, to);
}

/* --- fd and fdinfo ----------------------------------------------------------------------------------------------- */

/* The descriptor at slot or, with exact false, the first at or above it.  False: none. */
static bool slot_info(uint32_t slot, bool exact, struct handle_info *info)
{
	return view.task && tess_task_slot(view.task, slot, info) >= 0 && (!exact || info->slot == slot);
}

static int slot_text(const struct handle_info *info, const struct path *root, char *buf, uint32_t len)
{
	struct file *f = file_by_cookie(info->cookie);

	if (f)
		return vfs_path_text(&f->path, root, buf, len);
	switch (info->object_type) {
	case OBJ_PIPE: return snprintf(buf, len, "pipe:[%lu]", (unsigned long)info->object_koid);
	case OBJ_COUNTER: return snprintf(buf, len, "anon_inode:[eventfd]");
	case OBJ_WAITSET: return snprintf(buf, len, "anon_inode:[eventpoll]");
	case OBJ_TIMER: return snprintf(buf, len, "anon_inode:[timerfd]");
	case OBJ_CONTENT: return snprintf(buf, len, "/memfd: (deleted)");
	default: return snprintf(buf, len, "anon_inode:[tessera]");
	}
}

static int fd_link_text(const struct inode *i, struct process *who, char *buf, uint32_t len)
{
	struct handle_info info;
	int error = view_inspected(i, who);

	if (error < 0)
		return error;
	if (!slot_info(i->number, true, &info))
		return -ENOENT;
	return slot_text(&info, &process_fs(who)->root, buf, len);
}

/*
 * Opening a descriptor again.  What linuxd does not serve (an anonymous pipe) has no name to open: the caller's
 * own its translator copies; one of another task is not to be had, ENXIO.
 */
static int fd_link_jump(const struct inode *i, struct process *who, struct path *to)
{
	struct handle_info info;
	struct file *f;
	int error = view_inspected(i, who);

	if (error < 0)
		return error;
	if (!slot_info(i->number, true, &info))
		return -ENOENT;
	f = file_by_cookie(info.cookie);
	if (!f && process_of(i) == who) {
		vfs_self_fd = i->number;
		return -LX_SELF_FD;
	}
	if (!f)
		return -ENXIO;
	*to = f->path;
	path_get(to);
	return 0;
}

static bool fd_valid(const struct inode *i)
{
	struct process *p = view_of(i);
	struct handle_info info;

	return p && slot_info(i->number, true, &info);
}

static int fd_permission(const struct inode *i, struct process *who, uint32_t may)
{
	struct process *p;

	return may & MAY_WRITE ? -EACCES : inspect(i, who, &p);
}

static void fd_readdir(struct dentry *dir, uint64_t pos, struct dirent_out *out)
{
	bool links = dir->inode->ops == &fd_dir_ops;
	uint32_t slot = pos >= DIR_FIRST ? (uint32_t)(pos - DIR_FIRST) + 1 : 0;
	struct handle_info info;
	char name[16];

	if (!view_of(dir->inode))
		return;
	for (; slot_info(slot, false, &info) && info.slot >= slot; slot = info.slot + 1)
		if (!dirent_emit(out, proc_pid_ino(dir->inode->pid, (links ? KIND_FD : KIND_FDINFO) + info.slot),
			links ? DT_LNK : DT_REG, name, (uint32_t)snprintf(name, sizeof(name), "%u", info.slot),
			info.slot + DIR_FIRST))
			return;
}

static int fdinfo_text(const struct inode *i, struct process *who, struct text *out)
{
	struct handle_info info;
	struct file *f;
	uint32_t flags;
	int error = view_inspected(i, who);

	if (error < 0)
		return error;
	if (!slot_info(i->number, true, &info))
		return -ENOENT;
	f = file_by_cookie(info.cookie);
	flags = (info.desc_flags & DESC_ACCESS & ~DESC_EXEC) == DESC_READ ? O_RDONLY :
		info.desc_flags & DESC_READ ? O_RDWR : O_WRONLY;
	flags |= (info.desc_flags & DESC_APPEND ? O_APPEND : 0) | (info.desc_flags & DESC_NONBLOCK ? O_NONBLOCK : 0) |
		(info.desc_flags & DESC_PACKET ? O_DIRECT : 0) |
		(info.slot_flags & SLOT_CLOEXEC ? O_CLOEXEC : 0) | (f ? f->flags & (O_LARGEFILE | O_DIRECTORY | O_PATH) : 0);
	text_printf(out, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n",
		(unsigned long)(f && !f->inode->content ? f->offset : info.offset), flags, f ? f->path.mount->id : 0,
		(unsigned long)(f ? f->inode->ino : info.object_koid));
	return 0;
}

static const struct inode_ops fdinfo_ops = { .valid = fd_valid, .text = fdinfo_text };

/* --- directories --------------------------------------------------------------------------------------------------- */

static struct dentry *entry_make(struct dentry *dir, const char *name, uint32_t len, uint32_t mode,
	uint32_t pid, uint32_t kind, const struct inode_ops *ops)
{
	struct process *p = process_by_pid(pid);
	struct inode *i = p ? inode_new(dir->inode->super, mode, NULL) : NULL;
	struct dentry *d;

	if (!i)
		return NULL;
	i->ops = ops;
	i->pid = pid;
	i->owner_start_ns = process_start_ns(p);
	i->ino = proc_pid_ino(pid, kind);
	i->uid = process_cred(p)->euid;
	i->gid = process_cred(p)->egid;
	i->nlink = S_ISDIR(mode) ? 2 : 1;
	i->number = dir->inode->number;
	i->size = S_ISLNK(mode) ? 64 : 0;
	d = dentry_volatile(dir, name, len, i);
	inode_put(i);
	return d;
}

static struct dentry *fd_lookup(struct dentry *dir, const char *name, uint32_t len, int *error)
{
	bool links = dir->inode->ops == &fd_dir_ops;
	uint32_t slot, mode = S_IFREG | 0444;
	struct handle_info info;
	struct dentry *d;

	*error = -ENOENT;
	if (!proc_number(name, len, &slot) || !view_of(dir->inode) || !slot_info(slot, true, &info))
		return NULL;
	if (links)
		mode = S_IFLNK | (info.desc_flags & DESC_READ ? 0500 : 0) | (info.desc_flags & DESC_WRITE ? 0300 : 0);
	d = entry_make(dir, name, len, mode, dir->inode->pid, (links ? KIND_FD : KIND_FDINFO) + slot,
		links ? &fd_link_ops : &fdinfo_ops);
	*error = -ENOMEM;
	if (d)
		d->inode->number = slot;
	return d;
}

/* A process may have another owner since the name was made (set-uid): the inode follows. */
static bool pid_valid(const struct inode *i)
{
	struct process *p = process_of(i);

	if (!p)
		return false;
	((struct inode *)i)->uid = process_cred(p)->euid;
	((struct inode *)i)->gid = process_cred(p)->egid;
	return true;
}

static bool thread_valid(const struct inode *i)
{
	static uint32_t tids[TASKS_MAX];
	struct process *p = process_of(i);
	uint32_t n = p ? process_tids(p, tids, TASKS_MAX) : 0;

	while (n && tids[n - 1] != i->number)
		n--;
	return n && pid_valid(i);
}

static struct dentry *entries_lookup(struct dentry *dir, const char *name, uint32_t len, int *error)
{
	*error = -ENOENT;
	if (!pid_valid(dir->inode))
		return NULL;
	for (uint32_t n = 0; n < nentries; n++) {
		struct dentry *d;

		if (strlen(entries[n].name) != len || memcmp(entries[n].name, name, len) != 0)
			continue;
		if (dir->inode->number && entries[n].ops == &task_dir_ops)
			return NULL;
		d = entry_make(dir, name, len, entries[n].mode, dir->inode->pid, n + 1, entries[n].ops);
		*error = -ENOMEM;
		if (d)
			d->inode->node = &entries[n];
		return d;
	}
	return NULL;
}

static void entries_readdir(struct dentry *dir, uint64_t pos, struct dirent_out *out)
{
	uint32_t n = pos >= DIR_FIRST ? (uint32_t)(pos - DIR_FIRST) + 1 : 0;

	if (!pid_valid(dir->inode))
		return;
	for (; n < nentries; n++) {
		if (dir->inode->number && entries[n].ops == &task_dir_ops)
			continue;
		if (!dirent_emit(out, proc_pid_ino(dir->inode->pid, n + 1), mode_dirent_type(entries[n].mode),
			entries[n].name, (uint32_t)strlen(entries[n].name), n + DIR_FIRST))
			return;
	}
}

static struct dentry *task_lookup(struct dentry *dir, const char *name, uint32_t len, int *error)
{
	struct inode probe = { .pid = dir->inode->pid };
	struct dentry *d;

	*error = -ENOENT;
	if (!proc_number(name, len, &probe.number) || !thread_valid(&probe))
		return NULL;
	d = entry_make(dir, name, len, S_IFDIR | 0555, probe.pid, KIND_TASK + (probe.number & 0x1ffff), &thread_dir_ops);
	*error = -ENOMEM;
	if (d)
		d->inode->number = probe.number;
	return d;
}

static void task_readdir(struct dentry *dir, uint64_t pos, struct dirent_out *out)
{
	static uint32_t tids[TASKS_MAX];
	struct process *p = process_of(dir->inode);
	uint32_t count = p ? process_tids(p, tids, TASKS_MAX) : 0;
	char name[16];

	for (uint32_t n = 0; n < count; n++) {
		if (tids[n] + DIR_FIRST <= pos)
			continue;
		if (!dirent_emit(out, proc_pid_ino(dir->inode->pid, KIND_TASK + (tids[n] & 0x1ffff)), DT_DIR, name,
			(uint32_t)snprintf(name, sizeof(name), "%u", tids[n]), tids[n] + DIR_FIRST))
			return;
	}
}

struct dentry *proc_pid_lookup(struct dentry *dir, const char *name, uint32_t len, int *error)
{
	struct dentry *d;
	uint32_t pid;

	*error = -ENOENT;
	if (!proc_number(name, len, &pid) || !process_by_pid(pid))
		return NULL;
	d = entry_make(dir, name, len, S_IFDIR | 0555, pid, 0, &pid_dir_ops);
	*error = -ENOMEM;
	return d;
}

/* --- tables ---------------------------------------------------------------------------------------------------------- */

static int entry_text(const struct inode *i, struct process *who, struct text *out)
{
	return ((const struct pid_entry *)i->node)->text(i, who, out);
}

static int entry_open(const struct inode *i, struct process *who, uint32_t flags)
{
	struct process *p;

	(void)flags;
	return ((const struct pid_entry *)i->node)->inspects ? inspect(i, who, &p) : 0;
}

static int entry_write(struct inode *i, struct process *who, const char *data, uint32_t len)
{
	const struct pid_entry *e = i->node;

	return e->write ? e->write(i, who, data, len) : -EINVAL;
}

static const struct inode_ops pid_dir_ops = { .lookup = entries_lookup, .readdir = entries_readdir, .valid = pid_valid };
static const struct inode_ops thread_dir_ops = { .lookup = entries_lookup, .readdir = entries_readdir,
	.valid = thread_valid };
static const struct inode_ops task_dir_ops = { .lookup = task_lookup, .readdir = task_readdir, .valid = pid_valid };
static const struct inode_ops fd_dir_ops = { .lookup = fd_lookup, .readdir = fd_readdir, .valid = pid_valid,
	.permission = fd_permission };
static const struct inode_ops fdinfo_dir_ops = { .lookup = fd_lookup, .readdir = fd_readdir, .valid = pid_valid,
	.permission = fd_permission };
static const struct inode_ops fd_link_ops = { .valid = fd_valid, .link_text = fd_link_text, .link_jump = fd_link_jump };
static const struct inode_ops exe_ops = { .valid = pid_valid, .link_text = exe_text, .link_jump = exe_jump };
static const struct inode_ops cwd_ops = { .valid = pid_valid, .link_jump = cwd_jump };
static const struct inode_ops proot_ops = { .valid = pid_valid, .link_jump = root_jump };
static const struct inode_ops text_ops = { .valid = pid_valid, .open = entry_open, .text = entry_text,
	.write = entry_write };

#define FILE_ENTRY(n, m, t)	{ .name = n, .mode = S_IFREG | (m), .ops = &text_ops, .text = t }
#define OWN_ENTRY(n, m, t)	{ .name = n, .mode = S_IFREG | (m), .ops = &text_ops, .text = t, .inspects = true }
#define DIR_ENTRY(n, m, o)	{ .name = n, .mode = S_IFDIR | (m), .ops = o }
#define LINK_ENTRY(n, o)	{ .name = n, .mode = S_IFLNK | 0777, .ops = o }
static const struct pid_entry entries[ENTRIES] = {
	DIR_ENTRY("task", 0555, &task_dir_ops),
	DIR_ENTRY("fd", 0500, &fd_dir_ops),
	DIR_ENTRY("fdinfo", 0555, &fdinfo_dir_ops),
	OWN_ENTRY("environ", 0400, environ_text),
	FILE_ENTRY("status", 0444, status_text),
	FILE_ENTRY("limits", 0444, limits_text),
	FILE_ENTRY("comm", 0444, comm_text),
	FILE_ENTRY("cmdline", 0444, cmdline_text),
	FILE_ENTRY("stat", 0444, stat_text),
	FILE_ENTRY("statm", 0444, statm_text),
	OWN_ENTRY("maps", 0444, maps_text),
	LINK_ENTRY("cwd", &cwd_ops),
	LINK_ENTRY("root", &proot_ops),
	LINK_ENTRY("exe", &exe_ops),
	OWN_ENTRY("mounts", 0444, mounts_entry_text),
	OWN_ENTRY("mountinfo", 0444, mounts_entry_text),
	FILE_ENTRY("wchan", 0444, zero_text),
	FILE_ENTRY("oom_score", 0444, oom_score_text),
	FILE_ENTRY("oom_score_adj", 0444, oom_score_text),
	FILE_ENTRY("cgroup", 0444, cgroup_text),
};
