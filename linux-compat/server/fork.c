/*
 * fork.c -- fork, vfork and threads: a child is made wholly by native calls on its parent's Task.
 *
 * Owns:    the parked LX_VFORK of a parent until its child has gone on by exec or end.
 * Fails:   EAGAIN (RLIMIT_NPROC, processes_full, the last 5% of the user's memory), ENOMEM.
 * Tested:  tests/linux
 */
#include "process.h"

struct vfork_parked {
	struct parked parked;
	struct process *child;		/* NULL: answered already */
	uint32_t pid;
};

#define PROCESS_LEAST	98304u		/* bytes: tables, stacks and objects of the smallest */

/* Root's, too: so many that the least they take fills half of memory; files must find room beside them. */
static bool processes_full(void)
{
	static uint32_t most;
	struct system_info info;

	if (!most && tess_system_query(&info) == 0)
		most = (uint32_t)(info.memory_total / 2 / PROCESS_LEAST);
	return process_count() >= PID_MAX / 2 || (most && process_count() >= most);
}

/* fork(2), EAGAIN: too many processes and threads, or too little left of what the user may hold. */
static bool fork_refused(const struct process *p)
{
	struct pool_info info;
	const struct user *u = p->counted ? p->counted : p->user;

	if (u->nprocs >= p->rlimits[RLIMIT_NPROC][0] && p->cred.uid != 0)
		return true;
	if (processes_full())
		return true;
	if (tess_pool_query(p->user->pool, &info) == 0 && info.used_bytes > info.limit_bytes - info.limit_bytes / 20)
		return true;
	return p->cred.uid != 0 && tess_pool_query(server_pool, &info) == 0 &&
		info.used_bytes > info.limit_bytes - info.limit_bytes / 20;
}

/*
 * The native half: pool, space (a copy, or the parent's own when block is not 0), table, task.  The
 * handles of space and table are closed: the task holds the objects.
 */
static status_t fork_task(struct request *r, struct image *parent, struct image *i, bool share)
{
	uint32_t thread = r->thread->number;
	int64_t pool, space = parent->task, table, task;

	pool = tess_pool_create(i->process->user->pool, i->process->user->limit_bytes);
	if (pool < 0)
		return pool;
	i->pool = (handle_t)pool;
	if (!share) {
		space = tess_vspace_clone(parent->task, thread, i->pool);
		if (space < 0)
			return space;
	}
	table = tess_table_clone(parent->task, thread, i->pool, 0);
	task = table < 0 ? table : tess_task_create(i->pool, (handle_t)space, (handle_t)table, server_endpoint, i->badge);
	if (table >= 0)
		tess_handle_close((handle_t)table);
	if (!share)
		tess_handle_close((handle_t)space);
	if (task < 0)
		return task;
	i->task = (handle_t)task;
	return tess_task_give(i->task, server_endpoint, RIGHT_CALL, 0);
}

static status_t fork_thread(struct request *r, struct image *parent, struct image *i)
{
	struct process *child = i->process;
	struct thread_args args;
	int64_t number;

	image_thread_args(&args, i);
	args.rip = r->words[1];
	args.rsp = r->words[2];
	args.arg = r->words[4];
	args.flags = THREAD_START | THREAD_LIKE_CALLER;
	args.block = i->block;
	args.priority = process_priority(child);
	args.weight = process_weight(child);
	args.like_task = parent->task;
	args.like_thread = r->thread->number;
	args.fs_base = ~0ull;
	args.user[TU_START] = TU_START_EXEC + 1;
	number = tess_thread_create(i->task, &args);
	if (number < 0)
		return number;
	i->first_thread = child->main->number = (uint32_t)number;
	return 0;
}

/*
 * A child of the caller with its own image, running.  share: in the caller's address space, with a
 * block of its own (vfork).  0 or a negative errno.
 */
static int fork_child(struct request *r, bool share, uint64_t flags, struct process **out)
{
	struct process *p = r->process, *parent = p, *child;
	struct image *i;
	status_t status;
	int error;

	if (r->image->role != IMAGE_CURRENT || p == NULL)
		return -EPERM;
	if (fork_refused(p))
		return -EAGAIN;
	if (flags & CLONE_PARENT && p->parent && p != process_init)
		parent = p->parent;
	child = process_alloc(p, &error);
	if (!child)
		return error;
	child->main->affinity = r->thread->affinity;
	if (parent != p) {
		link_remove(&child->sibling);
		child->parent = parent;
		link_before(&parent->children, &child->sibling);
	}
	child->parent_exec_id = p->exec_id;
	if (flags & CLONE_PARENT) {	/* clone(2): who has not made it has not asked for a signal */
		child->exit_signal = p->exit_signal;
		child->parent_exec_id = p->parent_exec_id;
	} else if ((flags & CSIGNAL) && (flags & CSIGNAL) <= SIGNALS_MAX) {
		child->exit_signal = (int)(flags & CSIGNAL);
	}
	if (flags & CLONE_FS) {
		fs_view_put(child->fs);
		child->fs = p->fs;
		child->fs->refs++;
	}
	i = image_alloc(child, IMAGE_CURRENT);
	if (!i) {
		process_free(child);
		return -EAGAIN;
	}
	child->image = i;
	i->data = r->image->data;
	i->stack_top = r->image->stack_top;
	i->mmap_hi = r->image->mmap_hi;
	i->random = r->image->random;
	i->shares_space = share;
	i->block = share ? r->words[3] : (r->words[2] - 1) & ~(BLOCK_SIZE - 1);
	status = fork_task(r, r->image, i, share);
	if (status >= 0)
		process_apply_ceilings(child, i->task, false);
	if (status >= 0)
		status = fork_thread(r, r->image, i);
	if (status < 0) {
		if (i->task != H_NONE)
			tess_task_kill(i->task, 0);
		child->image = NULL;
		image_free(i);
		process_free(child);
		if (status == E_NOMEM)
			memory_refused(p);
		return native_errno(status);
	}
	if (child->rlimits[RLIMIT_CPU][0] != RLIM_INFINITY)
		cpu_limit_arm(child);
	process_forks++;
	*out = child;
	return 0;
}

void request_fork(struct request *r)
{
	struct process *child;
	int error = fork_child(r, false, r->words[5], &child);

	request_reply(r, error ? error : (int64_t)child->pid);
}

/* --- vfork ---------------------------------------------------------------------------------------------- */

/*
 * The parent waits killable only: a signal for it stays pending until the child has gone on
 * (vfork(2)).  When the parent itself dies, the child runs on alone.
 */
static void vfork_cancel(struct parked *parked)
{
	struct vfork_parked *v = CONTAINER(parked, struct vfork_parked, parked);

	if (parked->token != 0)
		return;
	if (v->child)
		v->child->vfork_parent = NULL;
	parked_reply(parked, 0);
	mem_free(v);
}

void vfork_release(struct process *child)
{
	struct vfork_parked *v;

	if (!child->vfork_parent)
		return;
	v = CONTAINER(child->vfork_parent, struct vfork_parked, parked);
	child->vfork_parent = NULL;
	parked_reply(&v->parked, v->pid);
	mem_free(v);
}

void request_vfork(struct request *r)
{
	struct vfork_parked *v = mem_alloc(sizeof(*v));
	struct process *child;
	int error;

	if (!v) {
		request_reply(r, -ENOMEM);
		return;
	}
	error = r->words[3] & (BLOCK_SIZE - 1) || r->words[3] < LINUX_ZONE_LO || r->words[3] >= LINUX_ZONE_HI ?
		-EINVAL : fork_child(r, true, r->words[5], &child);
	if (error || (r->words[5] != 0 && !(r->words[5] & CLONE_VFORK))) {
		mem_free(v);
		request_reply(r, error ? error : (int64_t)child->pid);
		return;
	}
	v->child = child;
	v->pid = child->pid;
	request_park(r, &v->parked, vfork_cancel);
	child->vfork_parent = &v->parked;
}

/* --- threads --------------------------------------------------------------------------------------------- */

/*
 * The kernel counts a thread until it is quite dead, after its id is free here: so the ceiling has room
 * for as many as ever were at once.  A thread without an id can ask linuxd nothing.
 */
static status_t thread_ceiling(const struct process *p, handle_t task)
{
	return tess_task_ceiling(task, CEILING_THREADS, p->nthreads + p->nthreads_peak);
}

void request_thread(struct request *r)
{
	struct process *p = r->process;
	struct thread *t;
	uint32_t tid;

	if (fork_refused(p)) {
		request_reply(r, -EAGAIN);
		return;
	}
	tid = pid_new();
	t = tid ? thread_alloc(p, tid) : NULL;
	if (!t) {
		request_reply(r, tid ? -ENOMEM : -EAGAIN);
		return;
	}
	t->reserved = true;
	t->affinity = r->thread->affinity;
	if (p->nthreads > p->nthreads_peak)
		p->nthreads_peak = p->nthreads;
	if (thread_ceiling(p, r->image->task) < 0) {
		thread_free(t);
		request_reply(r, -EAGAIN);
		return;
	}
	request_reply(r, tid);
}

/* The kernel's number of a reserved thread; a thread that spoke first may hold it under a wrong id. */
void request_thread_started(struct request *r)
{
	struct process *p = r->process;
	struct thread *t = thread_by_tid((uint32_t)r->words[1]);
	uint32_t number = (uint32_t)r->words[2];

	if (!t || t->process != p || !t->reserved) {
		request_reply(r, -ESRCH);
		return;
	}
	if (r->words[2] == ~0ull) {
		thread_free(t);
		thread_ceiling(p, r->image->task);
		request_reply(r, 0);
		return;
	}
	FOR_EACH_THREAD(p, other)
		if (other != t && other->number == number) {
			other->number = t->number;
			thread_bind(other);
		}
	t->number = number;
	t->reserved = false;
	thread_bind(t);
	if (p->reparented)		/* perhaps while it was being made */
		thread_publish_parent(t);
	request_reply(r, 0);
}

/*
 * A thread other than the last ends.  The main thread keeps its id until the process ends, as in
 * Linux; its record stays.
 */
void request_thread_exit(struct request *r)
{
	struct thread *t = r->thread;
	struct process *p = r->process;

	if (t == p->main) {
		t->number = THREAD_UNKNOWN;
		request_reply(r, 0);
		return;
	}
	signal_thread_leaves(t);
	thread_free(t);
	thread_ceiling(p, r->image->task);
	request_reply(r, 0);
}

/* --- exit -------------------------------------------------------------------------------------------------- */

/* Never answered: the Task ends, and its death is what the parent hears of. */
void request_exit(struct request *r)
{
	int status = (int)(r->words[1] & 0xffff);

	if (r->image->role == IMAGE_LOADING)
		exec_abort(r->process, -ENOEXEC);
	else
		process_kill(r->process, status & 0x7f ? status & 0x7f : status & 0xff00);
}
