/*
 * process.c -- processes and threads: tables, birth, end.
 *
 * Owns:    the hash and list of processes, the hash of threads.
 * Fails:   NULL or 0 when memory or pids are used up.
 * Tested:  linux-compat/server/test/process_test.c, tests/linux
 */
#include "process.h"

#define BUCKETS		256u

static struct process *pid_hash[BUCKETS];
static struct thread *tid_hash[BUCKETS];
static struct link all_processes = { &all_processes, &all_processes };
static uint32_t nprocesses, last_pid;
static bool pids_wrapped;		/* until then every new number is a fresh one */

struct process *process_init;
uint64_t process_forks;

int native_errno(status_t status)
{
	switch (status) {
#define X(name, errno, text) case name: return -errno;
#include <abi/errors_table.h>
#undef X
	default: return status >= 0 ? 0 : -EIO;
	}
}

/* --- threads ------------------------------------------------------------------------------------------ */

struct thread *thread_by_tid(uint32_t tid)
{
	struct thread *t = tid_hash[tid % BUCKETS];

	while (t && t->tid != tid)
		t = t->hash_next;
	return t;
}

/*
 * The thread that speaks: by the kernel's number.  One that was reserved and not reported yet is met
 * here first when it is quicker than its creator; LX_THREAD_STARTED puts a wrong guess right.
 */
struct thread *thread_by_number(struct process *p, uint32_t number)
{
	if (p->main && p->main->number == number)
		return p->main;
	FOR_EACH_THREAD(p, t)
		if (t->number == number)
			return t;
	FOR_EACH_THREAD(p, t)
		if (t->reserved && t->number == THREAD_UNKNOWN) {
			t->number = number;
			return t;
		}
	return NULL;
}

struct thread *thread_alloc(struct process *p, uint32_t tid)
{
	struct thread *t = mem_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->process = p;
	t->tid = tid;
	t->number = THREAD_UNKNOWN;
	t->hash_next = tid_hash[tid % BUCKETS];
	tid_hash[tid % BUCKETS] = t;
	link_before(&p->threads, &t->link);
	p->nthreads++;
	if (p->counted)
		p->counted->nprocs++;
	memcpy(t->comm, p->comm, sizeof(t->comm));
	return t;
}

void thread_free(struct thread *t)
{
	struct thread **at = &tid_hash[t->tid % BUCKETS];

	exec_thread_gone(t);
	signal_thread_gone(t);
	while (*at != t)
		at = &(*at)->hash_next;
	*at = t->hash_next;
	link_remove(&t->link);
	t->process->nthreads--;
	if (t->process->counted)
		t->process->counted->nprocs--;
	if (t->process->main == t)
		t->process->main = NULL;
	mem_free(t);
}

/* --- pids ---------------------------------------------------------------------------------------------- */

struct process *process_by_pid(uint32_t pid)
{
	struct process *p = pid_hash[pid % BUCKETS];

	while (p && p->pid != pid)
		p = p->hash_next;
	return p;
}

static bool pid_used(uint32_t pid)
{
	return process_by_pid(pid) || thread_by_tid(pid) || session_or_group_uses(pid);
}

uint32_t pid_new(void)
{
	for (uint32_t n = 1; n < PID_MAX; n++) {
		uint32_t pid = last_pid + n;

		if (pid >= PID_MAX) {	/* the low ones are left to what starts at boot, as Linux does */
			pid = pid - PID_MAX + 300;
			pids_wrapped = true;
		}
		if (!pids_wrapped || !pid_used(pid)) {
			last_pid = pid;
			return pid;
		}
	}
	return 0;
}

struct process *process_first(void)
{
	return link_empty(&all_processes) ? NULL : CONTAINER(all_processes.next, struct process, all);
}

struct process *process_after(struct process *p)
{
	return p->all.next == &all_processes ? NULL : CONTAINER(p->all.next, struct process, all);
}

struct process *process_next(uint32_t pid_above)
{
	struct process *near = pid_above ? process_by_pid(pid_above) : NULL;

	if (near)
		return process_after(near);
	FOR_EACH_PROCESS(p)
		if (p->pid > pid_above)
			return p;
	return NULL;
}

uint32_t process_count(void)
{
	return nprocesses;
}

/* --- birth ------------------------------------------------------------------------------------------------ */

static void process_link(struct process *p)
{
	struct link *at = &all_processes;

	while (at->prev != &all_processes && CONTAINER(at->prev, struct process, all)->pid > p->pid)
		at = at->prev;
	link_before(at, &p->all);
	p->hash_next = pid_hash[p->pid % BUCKETS];
	pid_hash[p->pid % BUCKETS] = p;
	nprocesses++;
}

static void process_unlink(struct process *p)
{
	struct process **at = &pid_hash[p->pid % BUCKETS];

	while (*at != p)
		at = &(*at)->hash_next;
	*at = p->hash_next;
	link_remove(&p->all);
	nprocesses--;
}

/* As Linux: half of the threads whose kernel stacks would fill an eighth of memory. */
static uint64_t nproc_default(void)
{
	struct system_info info;

	if (tess_system_query(&info) < 0)
		return 1024;
	return info.memory_total / (8 * 16384) / 2;
}

static void process_defaults(struct process *p)
{
	for (int i = 0; i < RLIMIT_COUNT; i++)
		p->rlimits[i][0] = p->rlimits[i][1] = RLIM_INFINITY;
	p->rlimits[RLIMIT_STACK][0] = 8ull << 20;
	p->rlimits[RLIMIT_CORE][0] = 0;
	p->rlimits[RLIMIT_NOFILE][0] = 1024;
	p->rlimits[RLIMIT_NOFILE][1] = 4096;
	p->rlimits[RLIMIT_NPROC][0] = p->rlimits[RLIMIT_NPROC][1] = nproc_default();
	p->rlimits[RLIMIT_SIGPENDING][0] = p->rlimits[RLIMIT_SIGPENDING][1] = nproc_default();
	p->rlimits[RLIMIT_MEMLOCK][0] = p->rlimits[RLIMIT_MEMLOCK][1] = 8ull << 20;
	p->rlimits[RLIMIT_MSGQUEUE][0] = p->rlimits[RLIMIT_MSGQUEUE][1] = 819200;
	p->rlimits[RLIMIT_NICE][0] = p->rlimits[RLIMIT_NICE][1] = 0;
	p->rlimits[RLIMIT_RTPRIO][0] = p->rlimits[RLIMIT_RTPRIO][1] = 0;
	p->dumpable = 1;
	p->timer_slack_ns = 50000;
}

static int process_inherit(struct process *p, const struct process *from)
{
	p->cred = from->cred;
	memcpy(p->comm, from->comm, sizeof(p->comm));
	memcpy(p->exe, from->exe, sizeof(p->exe));
	p->exe_inode = from->exe_inode;
	if (p->exe_inode) {
		inode_get(p->exe_inode);
		inode_deny_write(p->exe_inode, 1);
	}
	p->start_code = from->start_code;
	p->start_stack = from->start_stack;
	p->start_brk = from->start_brk;
	p->args_start = from->args_start;
	p->args_end = from->args_end;
	p->env_start = from->env_start;
	p->env_end = from->env_end;
	memcpy(p->sig_class, from->sig_class, sizeof(p->sig_class));
	p->chld_flags = from->chld_flags;
	memcpy(p->rlimits, from->rlimits, sizeof(p->rlimits));
	if (!from->reset_on_fork) {
		p->nice = from->nice;
		p->policy = from->policy;
		p->rt_priority = from->rt_priority;
	}
	p->no_new_privs = from->no_new_privs;
	p->keepcaps = from->keepcaps;
	p->no_tty = from->no_tty;
	p->dumpable = from->dumpable;
	p->timer_slack_ns = from->timer_slack_ns;
	p->personality = from->personality;
	p->fs = fs_view_clone(from->fs);
	return p->fs ? 0 : -ENOMEM;
}

static void exe_inode_drop(struct process *p)
{
	if (!p->exe_inode)
		return;
	inode_deny_write(p->exe_inode, -1);
	inode_put(p->exe_inode);
	p->exe_inode = NULL;
}

/*
 * A new process with its main thread, child of parent (NULL: pid 1), without an image yet.  Errors are
 * a negative errno in *error: EAGAIN (no pid), ENOMEM.
 */
struct process *process_alloc(struct process *parent, int *error)
{
	struct process *p = mem_alloc(sizeof(*p));

	*error = -ENOMEM;
	if (!p)
		return NULL;
	link_init(&p->children);
	link_init(&p->sibling);
	link_init(&p->group_link);
	link_init(&p->threads);
	link_init(&p->waits);
	if (!parent)
		process_defaults(p);
	p->exit_signal = SIGCHLD;
	p->start_ns = clock_mono_ns();
	p->pid = pid_new();
	if (p->pid == 0) {
		*error = -EAGAIN;
		goto free_process;
	}
	if (parent ? process_inherit(p, parent) < 0 : !(p->fs = fs_view_new()))
		goto drop_inode;
	p->user = user_get(p->cred.uid);
	if (!p->user)
		goto drop_view;
	p->main = thread_alloc(p, p->pid);
	if (!p->main)
		goto drop_user;
	process_link(p);
	process_set_counted(p);
	if (parent) {
		p->parent = parent;
		link_before(&parent->children, &p->sibling);
		pgroup_inherit(p, parent);
	}
	return p;
drop_user:
	user_put(p->user);
drop_view:
	fs_view_put(p->fs);
drop_inode:
	exe_inode_drop(p);
free_process:
	mem_free(p);
	return NULL;
}

/* A reaped zombie, or a process whose start failed. */
void process_free(struct process *p)
{
	pgroup_leave(p);
	link_remove(&p->sibling);
	while (!link_empty(&p->threads))
		thread_free(CONTAINER(p->threads.next, struct thread, link));
	signal_flush(&p->pending, ~0ull);
	if (p->fs)
		fs_view_put(p->fs);
	exe_inode_drop(p);
	process_unlink(p);
	user_put(p->counted);
	user_put(p->user);
	mem_free(p);
}

/* --- end -------------------------------------------------------------------------------------------------- */

void process_kill(struct process *p, int status)
{
	if (p->state != PROCESS_ALIVE)
		return;
	p->state = PROCESS_DYING;
	p->exit_status = status;
	if (p->loading)
		exec_abort(p, -EINTR);
	if (status & 0x7f && !p->changing)
		robust_release(p);
	if (p->image)
		tess_task_kill(p->image->task, (uint64_t)status);
}

/* Who takes over the children of p: the nearest subreaper above it, else init. */
static struct process *reaper_of(const struct process *p)
{
	for (struct process *a = p->parent; a; a = a->parent)
		if (a->subreaper && a->state == PROCESS_ALIVE)
			return a;
	return process_init;
}

/* Into its utcb; of one that is being made, when it has been (LX_THREAD_STARTED). */
void thread_publish_parent(struct thread *t)
{
	const struct process *p = t->process;
	uint64_t ppid = p->parent ? p->parent->pid : 0;
	struct thread_info info;

	if (p->image && t->number != THREAD_UNKNOWN && tess_thread_query(p->image->task, t->number, &info) == 0)
		tess_task_write(p->image->task, info.block + offsetof(struct utcb, user) + 8 * TU_PPID, &ppid,
			sizeof(ppid));
}

void process_publish_parent(struct process *p)
{
	p->reparented = true;
	FOR_EACH_THREAD(p, t)
		thread_publish_parent(t);
}

static void children_reparent(struct process *p)
{
	struct process *reaper = reaper_of(p);

	while (!link_empty(&p->children)) {
		struct process *c = CONTAINER(p->children.next, struct process, sibling);

		link_remove(&c->sibling);
		c->parent = reaper;
		link_before(&reaper->children, &c->sibling);
		c->exit_signal = SIGCHLD;
		process_publish_parent(c);
		if (c->pdeath_signal && c->state == PROCESS_ALIVE)
			signal_kernel(c, c->pdeath_signal);
		if (c->state == PROCESS_ZOMBIE) {
			child_notify(c, 0, 0);
			continue;
		}
		if (c->group && p->group && c->group != p->group && c->group->session == p->group->session &&
			pgroup_stopped(c->group) && pgroup_orphaned(c->group, NULL)) {
			pgroup_signal(c->group, SIGHUP, NULL);
			pgroup_signal(c->group, SIGCONT, NULL);
		}
	}
}

static void init_gone(struct process *p)
{
	if ((p->exit_status & 0x7f) == 0)
		server_log("init (pid 1) exited with status %d: power off", p->exit_status >> 8 & 0xff);
	else
		server_log("init (pid 1) was killed by signal %d: power off", p->exit_status & 0x7f);
	power_off(POWER_OFF_ABI, 1);
}

/*
 * The kernel says that the Task is gone, its memory and descriptors with it.  Only now does the parent
 * hear of it.
 */
void process_gone(struct process *p)
{
	struct image *image = p->image;

	if (p->state == PROCESS_ALIVE) {	/* nobody here decided it: the last thread left by itself */
		p->state = PROCESS_DYING;
		if (p->loading)
			exec_abort(p, -EINTR);
	}
	process_usage(p, &p->dead_usage);
	p->image = NULL;
	image_free(image);
	parked_cancel_process(p);
	exec_process_gone(p);
	signal_process_gone(p);
	itimer_process_gone(p);
	vfs_process_exit(p);
	vfork_release(p);
	fs_view_put(p->fs);
	p->fs = NULL;
	exe_inode_drop(p);
	if (p == process_init) {	/* there is nobody to hand anything over to */
		p->state = PROCESS_ZOMBIE;
		init_gone(p);
		return;
	}
	session_leader_exit(p);
	children_reparent(p);
	pgroup_check_orphans(p);
	p->state = PROCESS_ZOMBIE;
	child_notify(p, 0, 0);
}

/* --- usage -------------------------------------------------------------------------------------------------- */

void usage_add(struct usage *to, const struct usage *u)
{
	to->user_ns += u->user_ns;
	to->system_ns += u->system_ns;
	to->minor_faults += u->minor_faults;
	to->major_faults += u->major_faults;
	to->voluntary += u->voluntary;
	to->involuntary += u->involuntary;
	if (u->maxrss_pages > to->maxrss_pages)
		to->maxrss_pages = u->maxrss_pages;
}

static void usage_query(const struct image *i, struct usage *sum)
{
	struct task_info info;
	struct usage u;

	if (tess_task_query(i->task, &info) < 0)
		return;
	u = (struct usage){ info.user_ns, info.kernel_ns, info.minor_faults, info.major_faults,
		info.ctx_voluntary, info.ctx_involuntary, info.resident_pages };
	usage_add(sum, &u);
}

void process_usage_keep(struct process *p, const struct image *i)
{
	usage_query(i, &p->dead_usage);
}

/* All of it: of earlier programs of this process, and of the one that runs. */
void process_usage(struct process *p, struct usage *u)
{
	*u = p->dead_usage;
	if (p->image)
		usage_query(p->image, u);
}

uint64_t process_cpu_ns(struct process *p)
{
	struct usage u;

	process_usage(p, &u);
	return u.user_ns + u.system_ns;
}

static struct linux_timeval timeval_of(uint64_t ns)
{
	return (struct linux_timeval){ (int64_t)(ns / NS_PER_SEC), (int64_t)(ns % NS_PER_SEC / 1000) };
}

void usage_fill(const struct usage *u, struct linux_rusage *out)
{
	memset(out, 0, sizeof(*out));
	out->utime = timeval_of(u->user_ns);
	out->stime = timeval_of(u->system_ns);
	out->maxrss = (int64_t)(u->maxrss_pages * (PAGE_SIZE / 1024));
	out->minflt = (int64_t)u->minor_faults;
	out->majflt = (int64_t)u->major_faults;
	out->nvcsw = (int64_t)u->voluntary;
	out->nivcsw = (int64_t)u->involuntary;
}

/* --- what the other half of linuxd asks ----------------------------------------------------------------------- */

uint32_t pid_last(void) { return last_pid; }
uint32_t thread_tid(const struct thread *t) { return t->tid; }
uint32_t process_pid(const struct process *p) { return p->pid; }
uint64_t process_start_ns(const struct process *p) { return p->start_ns; }
const struct cred *process_cred(const struct process *p) { return &p->cred; }
struct fs_view *process_fs(struct process *p) { return p->fs; }
handle_t process_pool(const struct process *p) { return p->image ? p->image->pool : server_pool; }

uint32_t process_sid(const struct process *p)
{
	return p->group ? p->group->session->sid : 0;
}

uint64_t process_rlimit(const struct process *p, uint32_t resource)
{
	return resource < RLIMIT_COUNT ? p->rlimits[resource][0] : RLIM_INFINITY;
}

/* ptrace(2), "Ptrace access mode checking", PTRACE_MODE_READ_FSCREDS */
bool process_may_inspect(const struct process *who, const struct process *whom)
{
	const struct cred *a = &who->cred, *b = &whom->cred;

	if (who == whom || a->fsuid == 0)
		return true;
	return a->fsuid == b->uid && a->fsuid == b->euid && a->fsuid == b->suid && a->fsgid == b->gid &&
		a->fsgid == b->egid && a->fsgid == b->sgid && whom->dumpable == 1;
}

uint32_t process_tids(struct process *p, uint32_t *tids, uint32_t max)
{
	uint32_t n = 0;

	FOR_EACH_THREAD(p, t)
		if (n < max && (!t->reserved || t->number != THREAD_UNKNOWN))
			tids[n++] = t->tid;
	return n;
}

static char process_state_letter(struct process *p, const struct thread_info *main)
{
	if (p->state == PROCESS_ZOMBIE)
		return 'Z';
	if (p->stopped)
		return 'T';
	return main && main->state == THREAD_STATE_BLOCKED ? 'S' : 'R';
}

static void view_signals(struct process *p, struct process_view *v)
{
	v->shared_pending = p->pending.set;
	for (int sig = 1; sig <= SIGNALS_MAX; sig++) {
		if (p->sig_class[sig] == CLASS_IGNORE)
			v->sig_ignored |= SIG_BIT(sig);
		if (p->sig_class[sig] == CLASS_HANDLED)
			v->sig_caught |= SIG_BIT(sig);
	}
	if (p->main)
		v->sig_pending = p->main->pending.set;
}

static void view_image(struct process *p, struct process_view *v)
{
	struct task_info task;
	struct thread_info main;
	bool have_main = false;

	v->task = p->image->task;
	v->main_thread = p->main ? p->main->number : 0;
	if (tess_task_query(p->image->task, &task) == 0) {
		v->vm_pages = task.mapped_pages;
		v->rss_pages = task.resident_pages;
	}
	if (p->main && tess_thread_query(p->image->task, p->main->number, &main) == 0) {
		have_main = true;
		v->sig_blocked = main.mask;
	}
	v->state = process_state_letter(p, have_main ? &main : NULL);
}

void process_view(struct process *p, struct process_view *v)
{
	struct usage u;
	struct tty *tty = p->group ? p->group->session->tty : NULL;

	memset(v, 0, sizeof(*v));
	process_usage(p, &u);
	v->pid = v->tgid = p->pid;
	v->ppid = p->parent ? p->parent->pid : 0;
	v->pgid = p->group ? p->group->pgid : 0;
	v->sid = process_sid(p);
	v->nthreads = p->nthreads;
	v->no_new_privs = p->no_new_privs;
	v->tty_rdev = tty ? tty_rdev(tty) : 0;
	v->tty_pgrp = tty ? tty_foreground(tty) : 0;
	memcpy(v->comm, p->comm, sizeof(v->comm));
	v->nice = p->nice;
	v->exit_signal = p->exit_signal;
	v->start_ns = p->start_ns;
	v->user_ns = u.user_ns;
	v->system_ns = u.system_ns;
	v->minor_faults = u.minor_faults;
	v->major_faults = u.major_faults;
	view_signals(p, v);
	v->cred = p->cred;
	v->args_start = p->args_start;
	v->args_end = p->args_end;
	v->env_start = p->env_start;
	v->env_end = p->env_end;
	v->start_stack = p->start_stack;
	v->start_code = p->start_code;
	v->start_brk = p->start_brk;
	v->state = process_state_letter(p, NULL);
	v->fs = p->fs;
	memcpy(v->exe, p->exe, sizeof(v->exe));
	v->exe_inode = p->exe_inode;
	memcpy(v->rlimits, p->rlimits, sizeof(v->rlimits));
	if (p->image)
		view_image(p, v);
}
