/*
 * process.c -- fork, vfork, clone, exit, wait, and threads.
 *
 * fork: linuxd clones the Task; the child starts at fork_child with the parent's upcall stack as it was.
 * vfork: the child is a Task of its own in the same space, with a block and a copy of the state of its
 * own ("home"), made here and kept for the next time.  Threads: made here, after linuxd gave an id.
 *
 * Owns:     state->threads, nthreads, vfork_home under state->lock.
 * Locks:    fork holds state->lock while the Task is copied; the child frees its copy of it.
 * Conforms: fork(2), vfork(2), clone(2), exit(2), wait4(2), waitid(2), set_tid_address(2).
 * Tested:   tests/linux/process.c
 */
#include "translator.h"

#define HOME_STATE	BLOCK_SIZE		/* where in a vfork home the state lies */
#define HOME_SIZE	(BLOCK_SIZE + TRANSLATOR_STATE_SIZE)
#define ENDING_YIELDS	10000

/* What a vfork child or a thread finds first, at the foot of its block's stack area. */
struct child_start {
	uint64_t state;			/* a vfork child's own; 0: as the creator's */
	uint64_t tls, stack;		/* 0: as the creator's */
	uint64_t flags, parent_tid, child_tid;
	uint64_t call_rip, call_rsp, call_rflags, mask;
	struct thread_data data;
};

/* --- children ------------------------------------------------------------------------------------------ */

/* clone(2): what the new thread of control does for its flags. */
static void child_words(uint64_t flags, uint64_t child_tid)
{
	if (flags & CLONE_CHILD_SETTID)
		user_store32(child_tid, (uint32_t)self_utcb()->user[TU_TID]);
	if (flags & CLONE_CHILD_CLEARTID) {
		self_thread()->clear_tid = child_tid;
		tess_thread_clear((void *)child_tid);
	}
}

static void child_stack(uint64_t stack)
{
	if (stack)
		self_utcb()->call_rsp = stack;
}

static void child_tls(uint64_t tls)
{
	tess_thread_base(BASE_FS, tls);
}

/* The copy of the parent's memory is this process's own; of its threads only this one is here. */
int64_t fork_child_main(void)
{
	struct utcb *u = self_utcb();
	struct task_state *s = self_state();
	struct thread_data *t = self_thread();
	struct child_start *c = (struct child_start *)((self_block() + BLOCK_STACK));

	s->lock = 0;
	s->nthreads = 1;
	s->threads = t;
	s->ids_valid = false;
	s->posix_locks = false;
	t->next = NULL;
	t->number = 0;
	t->robust_head = 0;
	u->user[TU_START] = 0;
	t->own_signal = 0;
	u->latch = 0;
	u->pending = 0;
	if (c->tls)
		child_tls(c->tls);
	child_stack(c->stack);
	child_words(c->flags, c->child_tid);
	return 0;
}

/* As the parent's registers say; the state, the block and the descriptor table are this task's own. */
int64_t vfork_child_main(struct child_start *c)
{
	struct utcb *u = self_utcb();
	struct task_state *s;

	*self_thread() = c->data;
	self_thread()->number = 0;
	self_thread()->next = NULL;
	u->user[TU_DATA] = c->state;
	u->call_rip = c->call_rip;
	u->call_rsp = c->call_rsp;
	u->call_rflags = c->call_rflags;
	s = self_state();
	s->lock = 0;
	s->nthreads = 1;
	s->threads = self_thread();
	s->ids_valid = false;
	s->posix_locks = false;
	s->vfork_home = 0;
	mask_set(c->mask);
	if (c->tls)
		child_tls(c->tls);
	child_stack(c->stack);
	child_words(c->flags, c->child_tid);
	return 0;
}

int64_t thread_child_main(struct child_start *c)
{
	struct utcb *u = self_utcb();

	u->call_rip = c->call_rip;
	u->call_rsp = c->call_rsp;
	u->call_rflags = c->call_rflags;
	mask_set(c->mask);
	child_stack(c->stack);
	child_words(c->flags, c->child_tid);
	return 0;
}

static void start_fill(struct child_start *c, const struct linux_clone_args *a)
{
	const struct utcb *u = self_utcb();

	c->state = 0;
	c->tls = a->flags & CLONE_SETTLS ? a->tls : 0;
	c->stack = a->stack ? a->stack + a->stack_size : 0;
	c->flags = a->flags;
	c->parent_tid = a->parent_tid;
	c->child_tid = a->child_tid;
	c->call_rip = u->call_rip;
	c->call_rsp = u->call_rsp;
	c->call_rflags = u->call_rflags;
	c->mask = u->mask;
	c->data = *self_thread();
	c->data.mask_saved = false;
	c->data.robust_head = 0;
	c->data.clear_tid = 0;
	c->data.ended = false;
	c->data.own_signal = 0;
}

/* --- fork --------------------------------------------------------------------------------------------------- */

static int64_t fork_copy(const struct linux_clone_args *a)
{
	struct task_state *s = self_state();
	struct ipc_message *m;
	int64_t pid;

	start_fill((struct child_start *)(self_block() + BLOCK_STACK), a);
	lock_take(&s->lock);
	m = request(LX_FORK, (uint64_t)fork_child, self_block() + UPCALL_TOP, 0);
	m->words[5] = a->flags | a->exit_signal;
	pid = request_server();
	lock_give(&s->lock);
	if (pid > 0 && a->flags & CLONE_PARENT_SETTID)
		user_store32(a->parent_tid, (uint32_t)pid);
	return pid;
}

/* --- vfork ---------------------------------------------------------------------------------------------------- */

static uint64_t home_take(struct task_state *s)
{
	uint64_t home;
	int64_t r;

	lock_take(&s->lock);
	home = s->vfork_home;
	s->vfork_home = 0;
	lock_give(&s->lock);
	if (home)
		return home;
	r = zone_map(HOME_SIZE, BLOCK_SIZE);
	if (r < 0)
		return 0;
	tess_vspace_unmap(H_SELF, (uint64_t)r, BLOCK_DATA);
	tess_vspace_unmap(H_SELF, (uint64_t)r + BLOCK_GUARD, PAGE_SIZE);
	return (uint64_t)r;
}

static void home_give(struct task_state *s, uint64_t home)
{
	lock_take(&s->lock);
	if (!s->vfork_home) {
		s->vfork_home = home;
		home = 0;
	}
	lock_give(&s->lock);
	if (home)
		tess_vspace_unmap(H_SELF, home, HOME_SIZE);
}

/* The child is gone from this space when the request is answered (by exec, or by its end). */
static int64_t fork_share(const struct linux_clone_args *a)
{
	struct task_state *s = self_state();
	uint64_t home = home_take(s);
	struct child_start *c = (struct child_start *)(home + BLOCK_STACK);
	struct ipc_message *m;
	int64_t pid;

	if (!home)
		return -ENOMEM;
	memcpy((void *)(home + HOME_STATE), s, sizeof(*s));
	memcpy((void *)(home + FRAME_AT), self_frame(), FRAME_SIZE);
	start_fill(c, a);
	c->state = home + HOME_STATE;
	m = request(LX_VFORK, (uint64_t)vfork_child, home + UPCALL_TOP, home);
	m->words[4] = (uint64_t)c;
	m->words[5] = a->flags | a->exit_signal;
	pid = request_server();
	if (pid < 0 || a->flags & CLONE_VFORK)
		home_give(s, home);
	if (pid > 0 && a->flags & CLONE_PARENT_SETTID)
		user_store32(a->parent_tid, (uint32_t)pid);
	return pid;
}

/* --- threads --------------------------------------------------------------------------------------------------- */

/* The block of a thread that has ended, once the kernel has let go of it. */
static uint64_t block_ended(struct task_state *s)
{
	struct thread_info info;

	for (struct thread_data **p = &s->threads; *p; p = &(*p)->next) {
		struct thread_data *t = *p;

		if (t->ended && tess_thread_query(H_SELF, t->number, &info) == E_NOENT) {
			*p = t->next;
			return (uint64_t)t - BLOCK_DATA;
		}
	}
	return 0;
}

int64_t thread_block_new(void)
{
	struct task_state *s = self_state();
	uint64_t block;
	int64_t r;

	lock_take(&s->lock);
	block = block_ended(s);
	lock_give(&s->lock);
	if (block)
		return (int64_t)block;
	r = zone_map(BLOCK_SIZE, BLOCK_SIZE);
	if (r < 0)
		return r;
	tess_vspace_unmap(H_SELF, (uint64_t)r, BLOCK_DATA);
	tess_vspace_unmap(H_SELF, (uint64_t)r + BLOCK_GUARD, PAGE_SIZE);
	return r;
}

static void args_window(struct thread_args *t)
{
	const struct translator_header *h = (const struct translator_header *)TRANSLATOR_BASE;

	t->window_lo = h->window_lo;
	t->window_hi = h->window_hi;
	t->entry_call = h->entry_call;
	t->entry_exception = h->entry_exception;
	t->entry_interrupt = h->entry_interrupt;
	t->exit_lo = h->exit_lo;
	t->exit_hi = h->exit_hi;
}

/* A new thread has its creator's priority. */
static uint32_t priority_own(void)
{
	struct thread_info info;

	return tess_thread_query(H_SELF, self_thread()->number, &info) < 0 ? 0 : (uint32_t)info.priority;
}

/* Its block filled, its id reserved: the kernel's thread, and the news of it to linuxd before it runs. */
static int64_t thread_begin(uint64_t block, uint64_t tid, const struct linux_clone_args *a)
{
	const struct utcb *u = self_utcb();
	struct task_state *s = self_state();
	struct child_start *c = (struct child_start *)(block + BLOCK_STACK);
	struct thread_data *t = (struct thread_data *)(block + BLOCK_DATA);
	struct thread_args args;
	int64_t number;

	start_fill(c, a);
	*t = c->data;
	memcpy((void *)(block + FRAME_AT), self_frame(), FRAME_SIZE);
	memset(&args, 0, sizeof(args));
	args_window(&args);
	args.rip = (uint64_t)thread_child;
	args.rsp = block + UPCALL_TOP;
	args.arg = (uint64_t)c;
	args.flags = THREAD_START | THREAD_LIKE_CALLER | THREAD_SHARE_TABLE;
	args.block = block;
	args.table = H_SELF;
	args.priority = priority_own();
	args.like_task = H_SELF;
	args.like_thread = self_thread()->number;
	args.fs_base = a->flags & CLONE_SETTLS ? a->tls : ~0ull;
	memcpy(args.user, u->user, sizeof(args.user));
	args.user[TU_START] = 0;
	args.user[TU_TID] = tid;
	if (a->flags & CLONE_PARENT_SETTID)
		user_store32(a->parent_tid, (uint32_t)tid);
	lock_take(&s->lock);
	s->nthreads++;
	/* a thread that linuxd knows to have ended may still be on its last kernel instructions */
	for (int i = 0; (number = tess_thread_create(H_SELF, &args)) == E_AGAIN_LIMIT && i < ENDING_YIELDS; i++)
		tess_thread_yield();
	if (number < 0) {
		s->nthreads--;
	} else {
		t->number = (uint32_t)number;
		t->next = s->threads;
		s->threads = t;
	}
	lock_give(&s->lock);
	return number;
}

static int64_t thread_clone(const struct linux_clone_args *a)
{
	int64_t block, tid, number;

	block = thread_block_new();
	if (block < 0)
		return block;
	tid = server_call(LX_THREAD, a->flags, 0, 0);
	number = tid < 0 ? tid : thread_begin((uint64_t)block, (uint64_t)tid, a);
	if (tid >= 0)
		server_call(LX_THREAD_STARTED, (uint64_t)tid, number < 0 ? ~0ull : (uint64_t)number, 0);
	if (number < 0) {
		tess_vspace_unmap(H_SELF, (uint64_t)block, BLOCK_SIZE);
		return tid < 0 ? tid : number == E_AGAIN_LIMIT ? -EAGAIN : result(number);
	}
	return tid;
}

/* --- clone: entry.S completes the frame and comes here -------------------------------------------- */

#define CLONE_THREAD_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_KNOWN	(CLONE_THREAD_FLAGS | CLONE_VFORK | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
			 CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_PARENT | \
			 CLONE_UNTRACED | CLONE_PTRACE)

/* clone(2): which flags need which; what no kernel object here can be shared as is refused. */
static int64_t clone_any(const struct linux_clone_args *a)
{
	uint64_t f = a->flags;

	if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM)))
		return -EINVAL;
	if (f & ~CLONE_KNOWN || a->set_tid_size)
		return -EINVAL;		/* as a kernel built without them: clone(2) */
	if (a->stack && a->stack + a->stack_size < a->stack)
		return -EINVAL;
	if (f & CLONE_THREAD)
		return (f & CLONE_THREAD_FLAGS) == CLONE_THREAD_FLAGS && !(f & CLONE_VFORK) ? thread_clone(a) : -EINVAL;
	if (f & (CLONE_FILES | CLONE_SIGHAND))
		return -EINVAL;		/* shared between processes: not supported */
	return f & CLONE_VM ? fork_share(a) : fork_copy(a);
}

int64_t call_fork(void)
{
	const struct linux_clone_args a = { .exit_signal = SIGCHLD };

	return clone_any(&a);
}

int64_t call_vfork(void)
{
	const struct linux_clone_args a = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };

	return clone_any(&a);
}

int64_t call_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
	const struct linux_clone_args a = {
		.flags = flags & 0xffffff00, .exit_signal = flags & CSIGNAL, .stack = stack,
		.parent_tid = parent_tid, .child_tid = child_tid, .tls = tls,
	};

	return clone_any(&a);
}

int64_t call_clone3(uint64_t args, uint64_t size)
{
	struct linux_clone_args a = { 0 };
	uint8_t more;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_in(&a, args, size < sizeof(a) ? size : sizeof(a)))
		return -EFAULT;
	for (uint64_t i = sizeof(a); i < size; i++) {
		if (copy_in(&more, args + i, 1))
			return -EFAULT;
		if (more)
			return -E2BIG;
	}
	if (a.exit_signal > NSIG || a.flags & CSIGNAL || a.flags & CLONE_DETACHED)
		return -EINVAL;
	if ((a.stack == 0) != (a.stack_size == 0))
		return -EINVAL;
	if (a.flags & (CLONE_THREAD | CLONE_PARENT) && a.exit_signal)
		return -EINVAL;
	return clone_any(&a);
}

/* --- robust futexes ------------------------------------------------------------------------------------------------ */

#define FUTEX_WAITERS		0x80000000u
#define FUTEX_OWNER_DIED	0x40000000u
#define FUTEX_TID_MASK		0x3fffffffu
#define ROBUST_LIST_LIMIT	2048

/* A lock that the ending thread still holds: its owner is dead, and one waiter hears of it. */
static void robust_word(uint64_t word)
{
	uint32_t value, tid = (uint32_t)self_utcb()->user[TU_TID];
	int64_t done = 0;

	if (word & 3 || user_load32(word, &value))
		return;
	while (done == 0) {
		if ((value & FUTEX_TID_MASK) != tid)
			return;
		done = user_cas32(word, &value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
	}
	if (value & FUTEX_WAITERS)
		tess_futex_wake((void *)word, 1, ~0u, 0);
}

/* get_robust_list(2).  The list is the program's memory: bounded, and any fault ends the walk. */
static void robust_walk(void)
{
	uint64_t head = self_thread()->robust_head, entry, next, offset, pending;

	if (!head || user_load64(head, &entry) || user_load64(head + 8, &offset) || user_load64(head + 16, &pending))
		return;
	for (int i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1ull) != head; i++) {
		if (user_load64(entry & ~1ull, &next))
			break;
		if (entry != pending)
			robust_word((entry & ~1ull) + offset);
		entry = next;
	}
	if (pending)
		robust_word((pending & ~1ull) + offset);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static NORETURN void process_end(uint64_t status)
{
	server_call(LX_EXIT, status, 0, 0);
	for (;;)
		tess_thread_exit();
}

int64_t sys_exit_group(uint64_t code)
{
	robust_walk();
	process_end((code & 0xff) << 8);
}

int64_t sys_exit(uint64_t code)
{
	struct task_state *s = self_state();
	bool last;

	robust_walk();
	lock_take(&s->lock);
	last = --s->nthreads == 0;
	lock_give(&s->lock);
	if (last)
		process_end((code & 0xff) << 8);
	server_call(LX_THREAD_EXIT, 0, 0, 0);
	self_thread()->ended = true;
	for (;;)
		tess_thread_exit();
}

/* --- wait --------------------------------------------------------------------------------------------------------- */

int64_t sys_wait4(uint64_t pid, uint64_t status, uint64_t options, uint64_t usage)
{
	const struct ipc_message *m = &self_utcb()->msg;
	const struct lx_wait *w = (const struct lx_wait *)m->inline_data;
	int64_t r = server_call(LX_WAIT, (uint64_t)(int64_t)(int32_t)pid, (uint32_t)options, 0);

	if (r <= 0)
		return r;
	if (status && user_store32(status, (uint32_t)m->words[1]))
		return -EFAULT;
	if (usage && copy_out(usage, w->rusage, sizeof(w->rusage)))
		return -EFAULT;
	return r;
}

int64_t sys_waitid(uint64_t idtype, uint64_t id, uint64_t info, uint64_t options, uint64_t usage)
{
	const struct ipc_message *m = &self_utcb()->msg;
	const struct lx_wait *w = (const struct lx_wait *)m->inline_data;
	struct linux_siginfo si;
	int32_t child[3];
	int64_t r;

	if ((uint32_t)idtype > P_PIDFD)
		return -EINVAL;
	r = server_call(LX_WAIT, (uint64_t)(int64_t)(int32_t)id, (uint32_t)options, (uint32_t)idtype + 1);
	if (r < 0)
		return r;
	memset(&si, 0, sizeof(si));
	if (r > 0) {
		si.signo = SIGCHLD;
		si.code = w->code;
		child[0] = w->pid, child[1] = w->uid, child[2] = w->status;
		memcpy(si.bytes, child, sizeof(child));
		if (usage && copy_out(usage, w->rusage, sizeof(w->rusage)))
			return -EFAULT;
	}
	/* waitid(2) writes these fields and leaves the rest of the structure alone */
	if (info && (copy_out(info, &si, 12) || copy_out(info + 16, si.bytes, 12)))
		return -EFAULT;
	return 0;
}

/* --- ids of threads --------------------------------------------------------------------------------------------------- */

int64_t sys_getpid(void) { return (int64_t)(uint32_t)self_utcb()->user[TU_PID]; }
int64_t sys_gettid(void) { return (int64_t)(uint32_t)self_utcb()->user[TU_TID]; }
int64_t sys_getppid(void) { return (int64_t)(uint32_t)*(volatile uint64_t *)&self_utcb()->user[TU_PPID]; }

int64_t sys_set_tid_address(uint64_t word)
{
	self_thread()->clear_tid = word;
	tess_thread_clear((void *)word);
	return sys_gettid();
}

int64_t sys_set_robust_list(uint64_t head, uint64_t len)
{
	struct thread_data *t = self_thread();

	if (len != 24)
		return -EINVAL;
	t->robust_head = head;
	self_utcb()->user[TU_START] = head;
	t->robust_len = len;
	return 0;
}

int64_t sys_get_robust_list(uint64_t pid, uint64_t head, uint64_t len)
{
	const struct thread_data *t = self_thread();

	if ((uint32_t)pid != 0 && (uint32_t)pid != (uint32_t)sys_gettid())
		return -ESRCH;
	return user_store64(len, 24) || user_store64(head, t->robust_head) ? -EFAULT : 0;
}

/* --- bases ---------------------------------------------------------------------------------------------------------------- */

/* As they are now: a program changes them by loading a selector, too, and with FSGSBASE as it likes. */
void bases_get(uint64_t *fs, uint64_t *gs)
{
	if (self_state()->fsgsbase) {
		user_rdfsbase(fs);
		user_rdgsbase(gs);
	} else {
		*fs = (uint64_t)tess_thread_base(BASE_FS | BASE_READ, 0);
		*gs = (uint64_t)tess_thread_base(BASE_GS | BASE_READ, 0);
	}
}

/* arch_prctl(2): the null selector goes with a new base. */
static int64_t base_set(uint32_t which, uint64_t value)
{
	if (value >= USER_TOP)
		return -EPERM;
	if (which == BASE_FS)
		__asm__ volatile("mov %0, %%fs" : : "r"(0));
	else
		__asm__ volatile("mov %0, %%gs" : : "r"(0));
	return tess_thread_base(which, value) < 0 ? -EPERM : 0;
}

int64_t sys_arch_prctl(uint64_t code, uint64_t value)
{
	uint64_t fs, gs;

	bases_get(&fs, &gs);
	switch ((uint32_t)code) {
	case ARCH_SET_FS: return base_set(BASE_FS, value);
	case ARCH_SET_GS: return base_set(BASE_GS, value);
	case ARCH_GET_FS: return user_store64(value, fs);
	case ARCH_GET_GS: return user_store64(value, gs);
	default: return -EINVAL;
	}
}
