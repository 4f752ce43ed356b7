/*
 * thread.c -- making, changing and ending threads.
 *
 * A thread's life: sys_thread_create (TS_NEW), thread_start, user mode by arch_enter_user, and
 * thread_exit_current on its own kernel stack, whoever kills it.
 * Locks:   task.lock around the task's list of threads and its counts.
 * Fails:   E_NOMEM, E_AGAIN_LIMIT (thread ceiling); nothing is left behind.
 * Tested:  tests/linux/thread.c, programs/selftest.
 */
#include "thread.h"
#include "arch.h"
#include "delay.h"
#include "futex.h"
#include "ipc.h"
#include "lease.h"
#include "mm.h"
#include "sched.h"
#include "syscalls.h"


static void thread_first(void)
{
	struct thread *t = current;

	while (t->arch.work)
		thread_leave_kernel();
	arch_enter_user(t->start_rip, t->start_rsp, t->start_arg);
}

static bool user_address(uint64_t a) { return a >= USER_LOW && a < USER_TOP; }

static status_t args_check(const struct thread_args *a)
{
	REQUIRE(user_address(a->rip) && a->rsp <= USER_TOP, E_INVAL);
	REQUIRE(a->fs_base < USER_TOP || (a->fs_base == ~0ull && a->flags & THREAD_LIKE_CALLER), E_INVAL);
	REQUIRE(a->block % BLOCK_SIZE == 0 && user_address(a->block) && a->block + BLOCK_SIZE <= USER_TOP, E_INVAL);
	if (a->flags & THREAD_NATIVE)
		return 0;
	REQUIRE(a->window_lo < a->window_hi && a->window_hi < USER_TOP, E_INVAL);
	REQUIRE(user_address(a->entry_call) && user_address(a->entry_exception) &&
		user_address(a->entry_interrupt), E_INVAL);
	return 0;
}

static void window_set(struct arch_thread *t, const struct thread_args *a)
{
	bool native = a->flags & THREAD_NATIVE;

	t->window_lo = native ? 0 : a->window_lo;
	t->window_hi = native ? ~0ull : a->window_hi;
	t->entry_call = native ? 0 : a->entry_call;
	t->entry_exception = native ? 0 : a->entry_exception;
	t->entry_interrupt = native ? 0 : a->entry_interrupt;
	t->exit_lo = a->exit_lo;
	t->exit_hi = a->exit_hi;
	t->upcall_rsp = a->block + BLOCK_SIZE - 64;
}

/* The utcb: a pinned frame of the kernel's, mapped at the thread's block. */
static status_t utcb_make(struct thread *t, struct vspace *vs, const struct thread_args *a, struct utcb *like)
{
	struct utcb *u;
	status_t s;

	t->utcb_frame = frame_alloc_zero(t->object.pool);
	REQUIRE(t->utcb_frame, E_NOMEM);
	u = frame_virt(t->utcb_frame);
	if (like) {
		memcpy(u, like, sizeof(*u));
		u->latch = 0;
		u->pending = 0;
	}
	u->self = a->block;
	if (like)
		u->mask = like->mask;
	memcpy(u->user, a->user, sizeof(u->user));
	s = vspace_map_utcb(vs, a->block, t->utcb_frame);
	REQUIRE(s == 0, s);
	t->arch.utcb = u;
	t->block = a->block;
	return 0;
}

/* Into its task's list, within the ceiling. */
static status_t task_add(struct task *task, struct thread *t)
{
	status_t s = 0;

	spin_lock(&task->object.lock);
	if (task->dying)
		s = E_GONE;
	else if (task->nthreads >= task->thread_ceiling)
		s = E_AGAIN_LIMIT;
	else {
		t->number = task->next_number++;
		task->nthreads++;
		object_get(&t->object);		/* the list's */
		object_get(&t->object);		/* its own, dropped when it has left its stack */
		list_push_back(&task->threads, &t->task_link);
		if (task->suspend_count)
			t->arch.work |= WORK_SUSPEND;
	}
	spin_unlock(&task->object.lock);
	return s;
}

/* The task may be killed meanwhile: its space, with a reference, or NULL when it is gone. */
static struct vspace *task_space(struct task *task)
{
	struct vspace *vs;

	spin_lock(&task->object.lock);
	vs = task->vspace;
	if (vs)
		object_get(&vs->object);
	spin_unlock(&task->object.lock);
	return vs;
}

/* A task's own new threads are as its creator is, or less; 0 asks for that. */
static uint8_t priority_choose(const struct task *task, const struct thread_args *a)
{
	uint32_t limit = task == current->task ? current->priority : 255, wanted = a->priority;

	if (!wanted)
		wanted = task == current->task ? limit : PRIORITY_NORMAL;
	return (uint8_t)MIN(wanted, limit);
}

static uint32_t weight_choose(const struct task *task, const struct thread_args *a)
{
	uint64_t limit = task == current->task ? current->weight : WEIGHT_MAX, wanted = a->weight;

	if (!wanted)
		wanted = task == current->task ? limit : WEIGHT_NORMAL;
	return (uint32_t)MIN(wanted, limit);
}

status_t thread_make(struct task *task, const struct thread_args *a, struct table *table,
		     struct thread *like, struct thread **out)
{
	struct pool *pool = task->task_pool;
	struct vspace *vs = task_space(task);
	struct thread *t;
	status_t s = E_NOMEM;

	REQUIRE(vs, E_GONE);
	t = object_alloc(pool, OBJ_THREAD, sizeof(*t), RANK_THREAD);
	if (!t) {
		object_put(&vs->object);
		return E_NOMEM;
	}
	sched_thread_init(t);
	list_init(&t->task_link);
	list_init(&t->call_link);
	if (!arch_thread_init(t, pool, !(a->flags & THREAD_NO_FPU)))
		goto fail;
	t->task = task;
	object_get(&task->object);
	t->table = table;
	object_get(&table->object);
	t->priority = t->floor = t->effective = priority_choose(task, a);
	sched_weight(t, weight_choose(task, a));
	window_set(&t->arch, a);
	t->start_rip = a->rip;
	t->start_rsp = a->rsp;
	t->start_arg = a->arg;
	t->clear_word = a->clear_word;
	if (like && a->flags & THREAD_LIKE_CALLER)
		t->affinity = like->affinity;
	t->suspend_new = !(a->flags & THREAD_START);
	arch_thread_enter_at(t, thread_first);
	s = utcb_make(t, vs, a, like && a->flags & THREAD_LIKE_CALLER ? like->arch.utcb : NULL);
	if (s)
		goto fail;
	t->arch.fs_base = a->fs_base;
	if (like && a->flags & THREAD_LIKE_CALLER) {
		if (!arch_ext_copy(t, like)) {
			s = E_BUSY;
			goto fail_utcb;
		}
		if (a->fs_base != ~0ull)
			t->arch.fs_base = a->fs_base;
	}
	s = task_add(task, t);
	if (s)
		goto fail_utcb;
	*out = t;
	object_put(&vs->object);
	return 0;
fail_utcb:
	vspace_unmap_utcb(vs, a->block, t->utcb_frame);
fail:
	object_put(&t->object);
	object_put(&vs->object);
	return s;
}

void thread_release(struct object *o)
{
	struct thread *t = container_of(o, struct thread, object);

	KASSERT((t->state == TS_DEAD || t->state == TS_NEW) && !t->op_lease);
	arch_thread_free(t, o->pool);
	if (t->utcb_frame)
		frame_put(t->utcb_frame);
	if (t->table)
		object_put(&t->table->object);
	if (t->task)
		object_put(&t->task->object);
	object_free(o);
}

/* The table that a new thread is to have, with a reference. */
static status_t table_choose(struct task *task, handle_t h, struct table **out)
{
	struct object *o;
	status_t s;

	if (h == H_SELF) {
		spin_lock(&task->object.lock);
		*out = task == current->task ? current->table : task->descriptors;
		if (*out)
			object_get(&(*out)->object);
		spin_unlock(&task->object.lock);
		return *out ? 0 : E_INVAL;
	}
	s = handle_get(h, OBJ_TABLE, RIGHT_MANAGE, &o);
	REQUIRE(s == 0, s);
	*out = container_of(o, struct table, object);
	return 0;
}

static status_t like_choose(const struct thread_args *a, struct thread **out)
{
	struct task *task;
	status_t s;

	*out = NULL;
	if (!(a->flags & THREAD_LIKE_CALLER))
		return 0;
	s = task_get(a->like_task, RIGHT_MANAGE, &task);
	REQUIRE(s == 0, s);
	*out = task_thread(task, a->like_thread);
	object_put(&task->object);
	return *out ? 0 : E_NOENT;
}

int64_t sys_thread_create(uint64_t h, uint64_t args)
{
	struct thread_args a;
	struct task *task = NULL;
	struct table *table = NULL;
	struct thread *t, *like = NULL;
	int64_t s;

	REQUIRE(user_copy_in(&a, args, sizeof(a)) == 0, E_FAULT);
	s = args_check(&a);
	REQUIRE(s == 0, s);
	/* a thread without FPU state has the FS and GS base of whoever ran before, and could change them */
	REQUIRE((handle_t)h != H_SELF || !(a.flags & THREAD_NO_FPU) || !current->arch.ext_area, E_PERM);
	s = task_get((handle_t)h, RIGHT_MANAGE, &task);
	REQUIRE(s == 0, s);
	if (!task->vspace)
		s = E_GONE;
	if (!s)
		s = table_choose(task, a.table, &table);
	if (!s)
		s = like_choose(&a, &like);
	if (!s)
		s = thread_make(task, &a, table, like, &t);
	if (!s) {
		s = t->number;
		if (!t->suspend_new)
			thread_start(t);
		object_put(&t->object);
	}
	if (like)
		object_put(&like->object);
	if (table)
		object_put(&table->object);
	object_put(&task->object);
	return s;
}

/* --- work before user mode ------------------------------------------------------------------------------ */

void thread_leave_kernel(void)
{
	struct thread *t = current;
	uint64_t work = atomic_load(&t->arch.work);

	if (work & WORK_LEASE)
		operation_end();
	if (work & WORK_KILL)
		thread_exit_current();
	if (work & WORK_SUSPEND) {
		delay(DELAY_SUSPEND);
		thread_sleep_prepare();
		if (atomic_load(&t->arch.work) & WORK_SUSPEND && !(t->arch.work & WORK_KILL))
			thread_sleep(DEADLINE_NEVER, false);
		else
			thread_sleep_cancel();
	}
	if (work & WORK_RESCHEDULE)
		schedule_preempt();
}

static void poke(struct thread *t)
{
	thread_wake(t);
	if (t->state == TS_RUNNING && t != current)
		arch_ipi_reschedule(t->cpu);
}

void thread_kill(struct thread *t)
{
	atomic_or(&t->arch.work, (uint64_t)WORK_KILL);
	delay(DELAY_KILL);
	if (t->state == TS_NEW)
		thread_start(t);
	poke(t);
}

_Noreturn void thread_exit_current(void)
{
	struct thread *t = current;
	struct task *task = t->task;
	struct table *table = t->table;
	bool last;

	delay(DELAY_EXIT);
	preempt_point();	/* one after the other of a thousand comes here without having been in user mode */
	if (t->clear_word) {
		uint32_t zero = 0;

		if (user_copy_out(t->clear_word, &zero, sizeof(zero)) == 0)	/* after fork it faults */
			futex_wake_address(t->clear_word);
	}
	vspace_unmap_utcb(task->vspace, t->block, t->utcb_frame);
	spin_lock(&task->object.lock);
	t->table = NULL;
	spin_unlock(&task->object.lock);
	object_put(&table->object);	/* here: its end may take time, and needs a thread */
	spin_lock(&task->object.lock);
	list_remove(&t->task_link);
	task->nthreads--;
	cputime_add(&task->time, t);
	last = task->nthreads == 0;
	if (last)
		task->dying = true;
	spin_unlock(&task->object.lock);
	object_put(&t->object);		/* the list's */
	if (last)
		task_finish(task);
	sched_exit();
}

/* --- calls ---------------------------------------------------------------------------------------------------- */

int64_t sys_thread_exit(void) { thread_exit_current(); }

int64_t sys_thread_resume(uint64_t frame)
{
	struct regs r;

	REQUIRE(user_copy_in(&r, frame, sizeof(r)) == 0, E_FAULT);
	arch_resume(&r);
}

static status_t thread_find(uint64_t h, uint64_t number, uint32_t rights, struct thread **out)
{
	struct task *task;
	status_t s = task_get((handle_t)h, rights, &task);

	REQUIRE(s == 0, s);
	*out = task_thread(task, (uint32_t)number);
	object_put(&task->object);
	return *out ? 0 : E_NOENT;
}

int64_t sys_thread_notify(uint64_t h, uint64_t number, uint64_t latch, uint64_t pending, uint64_t mask)
{
	struct thread *t;
	uint64_t value;
	status_t s = thread_find(h, number, RIGHT_MANAGE, &t);

	REQUIRE(s == 0, s);
	if (pending) {
		delay(DELAY_PENDING);
		atomic_or(&t->arch.utcb->pending, pending);
		delay(DELAY_MASK);
	}
	value = atomic_load(&t->arch.utcb->mask);
	if (latch) {
		atomic_or(&t->arch.utcb->latch, latch);
		delay(DELAY_LATCH);
		poke(t);
	}
	object_put(&t->object);
	return mask && user_copy_out(mask, &value, sizeof(value)) ? E_FAULT : 0;
}

int64_t sys_thread_regs(uint64_t h, uint64_t number, uint64_t what, uint64_t regs)
{
	struct thread *t;
	status_t s = thread_find(h, number, RIGHT_MANAGE, &t);

	REQUIRE(s == 0, s);
	/* the program's registers as the last upcall left them; a full context only from exceptions */
	if (what == 0) {
		struct regs r = t->arch.utcb->program;

		s = user_copy_out(regs, &r, sizeof(r)) ? E_FAULT : 0;
	} else {
		s = E_NOSYS;
	}
	object_put(&t->object);
	return s;
}

int64_t sys_thread_clear(uint64_t word)
{
	REQUIRE(word == 0 || (user_range_ok(word, 4) && word % 4 == 0), E_INVAL);
	current->clear_word = word;
	return 0;
}

int64_t sys_thread_base(uint64_t which, uint64_t value)
{
	uint64_t fs, gs;

	REQUIRE(which <= (BASE_GS | BASE_READ) && value < USER_TOP, E_INVAL);
	REQUIRE(current->arch.ext_area, E_PERM);
	if (which & BASE_READ) {
		arch_get_bases(&fs, &gs);
		return (int64_t)(which & BASE_GS ? gs : fs);
	}
	arch_set_base((uint32_t)which, value);
	return 0;
}

int64_t sys_thread_yield(void)
{
	schedule_yield();
	return 0;
}

int64_t sys_thread_priority(uint64_t h, uint64_t number, uint64_t priority, uint64_t floor, uint64_t weight)
{
	struct thread *t;
	status_t s;

	REQUIRE(priority >= 1 && priority <= 255 && floor <= 255 && weight <= WEIGHT_MAX, E_INVAL);
	if (weight == 0)
		weight = WEIGHT_NORMAL;
	REQUIRE((handle_t)h != H_SELF || (MAX(priority, floor) <= current->priority && weight <= current->weight), E_PERM);
	s = thread_find(h, number, RIGHT_MANAGE, &t);
	REQUIRE(s == 0, s);
	t->floor = (uint8_t)floor;
	sched_set(t, (uint8_t)priority, (uint32_t)weight);
	object_put(&t->object);
	return 0;
}

/* Its registers are in no CPU, or in one that it may run on. */
static bool may_stay(const struct thread *t)
{
	int32_t cpu = atomic_load(&t->arch.ext_cpu);

	return cpu < 0 || t->affinity >> cpu & 1;
}

int64_t sys_thread_affinity(uint64_t h, uint64_t number, uint64_t mask)
{
	uint64_t all = (1ull << cpu_count) - 1;
	struct thread *t;
	status_t s = thread_find(h, number, RIGHT_MANAGE, &t);

	REQUIRE(s == 0, s);
	if (mask) {
		if (mask & all) {
			t->affinity = mask;
			atomic_or(&t->arch.work, (uint64_t)WORK_RESCHEDULE);	/* one that runs looks where it is */
			if (t->state == TS_RUNNING && t != current)
				arch_ipi_reschedule(t->cpu);
			else if (!may_stay(t))
				arch_ext_release(t);	/* a caller that waits for our answer goes on over there */
		} else {
			s = E_INVAL;
		}
	}
	if (!s)
		s = (int64_t)(t->affinity & all);
	object_put(&t->object);
	return s;
}

static uint64_t state_abi(const struct thread *t)
{
	if (t->arch.work & WORK_SUSPEND)
		return THREAD_STATE_SUSPENDED;
	switch (t->state) {
	case TS_RUNNING: return THREAD_STATE_RUNNING;
	case TS_READY: case TS_PREPARED: return THREAD_STATE_READY;
	case TS_NEW: return THREAD_STATE_SUSPENDED;
	case TS_DEAD: return THREAD_STATE_DEAD;
	default: return THREAD_STATE_BLOCKED;
	}
}

static void thread_times(struct thread *t, uint64_t *user_ns, uint64_t *kernel_ns)
{
	struct cputime sum = { 0 };

	cputime_add(&sum, t);
	spin_lock(&t->object.lock);
	sum.told_user_ns = t->time.told_user_ns;
	sum.told_kernel_ns = t->time.told_kernel_ns;
	cputime_split(&sum, user_ns, kernel_ns);
	t->time.told_user_ns = *user_ns;
	t->time.told_kernel_ns = *kernel_ns;
	spin_unlock(&t->object.lock);
}

int64_t sys_thread_query(uint64_t h, uint64_t number, uint64_t info)
{
	struct thread_info i = { 0 };
	struct thread *t = current;
	status_t s = 0;

	if ((handle_t)h == H_SELF && number == ~0ull)
		object_get(&t->object);
	else
		s = thread_find(h, number, RIGHT_QUERY, &t);
	REQUIRE(s == 0, s);
	i.state = state_abi(t);
	thread_times(t, &i.user_ns, &i.kernel_ns);
	i.mask = t->arch.utcb->mask;
	i.pending = t->arch.utcb->pending;
	i.latch = t->arch.utcb->latch;
	i.priority = t->priority;
	i.cpu = t->cpu;
	i.rip = t->arch.utcb->call_rip;
	i.rsp = t->arch.utcb->call_rsp;
	i.block = t->block;
	object_put(&t->object);
	return user_copy_out(info, &i, sizeof(i));
}
