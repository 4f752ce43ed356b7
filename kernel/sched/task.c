/*
 * task.c -- tasks: a space, a table of capabilities and threads; the unit of kill and of exit notice.
 *
 * Locks:   task.lock (RANK_TASK) guards the list of threads, suspend_count, dying, vspace, descriptors.
 * Life:    the last thread to end gives back space and tables (task_finish) and then queues the notice;
 *          the object stays until the last capability to it is gone.
 * Tested:  programs/selftest, tests/linux/process.c, tests/linux/signal.c
 */
#include "arch.h"
#include "delay.h"
#include "ipc.h"
#include "mm.h"
#include "sched.h"
#include "syscalls.h"

static struct list all_tasks = LIST_INIT(all_tasks);
static struct spinlock tasks_lock = SPINLOCK(RANK_TASKS);

static bool pool_within(const struct pool *p, const struct pool *ancestor)
{
	while (p && p != ancestor)
		p = p->parent;
	return p != NULL;
}

/* One at a time, with a reference: killing takes other locks. */
void tasks_kill_pool(struct pool *p)
{
	for (;;) {
		struct task *found = NULL;

		spin_lock(&tasks_lock);
		list_for_each(l, &all_tasks) {
			struct task *k = list_entry(l, struct task, all_link);

			if (k->dying || !pool_within(k->task_pool, p) || !object_try_get(&k->object))
				continue;
			found = k;
			break;
		}
		spin_unlock(&tasks_lock);
		if (!found)
			return;
		task_kill(found, 0);
		object_put(&found->object);
	}
}

static struct task *task_alloc(struct pool *pool)
{
	struct task *k = object_alloc(pool, OBJ_TASK, sizeof(*k), RANK_TASK);

	if (!k)
		return NULL;
	list_init(&k->threads);
	list_init(&k->endpoints);
	list_init(&k->death.link);
	spin_lock(&tasks_lock);
	list_push_back(&all_tasks, &k->all_link);
	spin_unlock(&tasks_lock);
	k->thread_ceiling = 1;
	k->ceiling_file_size = k->ceiling_cpu_ns = ~0ull;
	k->task_pool = pool;
	object_get(&pool->object);
	return k;
}

/* A task of the given parts (each gets its own reference).  E_NOMEM */
status_t task_new(struct pool *pool, struct vspace *vs, struct table *descriptors, struct endpoint *notify,
		  uint64_t badge, struct task **out)
{
	struct task *k = task_alloc(pool);
	status_t s;

	REQUIRE(k, E_NOMEM);
	s = table_new(pool, 1 << 16, &k->handles);
	if (s) {
		object_put(&k->object);
		return s;
	}
	k->vspace = vs;
	object_get(&vs->object);
	if (descriptors) {
		k->descriptors = descriptors;
		object_get(&descriptors->object);
	}
	if (notify) {
		k->notify = notify;
		object_get(&notify->object);
	}
	k->badge = badge;
	k->death.badge = k->memory.badge = badge;
	*out = k;
	return 0;
}

static void task_drop_parts(struct task *k)
{
	struct vspace *vs;
	struct table *handles, *descriptors;

	spin_lock(&k->object.lock);
	vs = k->vspace;
	handles = k->handles;
	descriptors = k->descriptors;
	k->vspace = NULL;
	k->handles = k->descriptors = NULL;
	spin_unlock(&k->object.lock);
	if (descriptors)
		object_put(&descriptors->object);
	if (handles)
		object_put(&handles->object);
	if (vs)
		object_put(&vs->object);
}

void task_release(struct object *o)
{
	struct task *k = container_of(o, struct task, object);

	KASSERT(list_empty(&k->threads));
	spin_lock(&tasks_lock);
	list_remove(&k->all_link);
	spin_unlock(&tasks_lock);
	task_drop_parts(k);
	if (k->notify)
		object_put(&k->notify->object);
	object_put(&k->task_pool->object);
	object_free(o);
}

/*
 * The last notice.  The task gives up its reference of the endpoint: the notice in the endpoint's queue holds
 * one of the task, and the two would keep each other.
 */
static void death_notify(struct task *k)
{
	struct endpoint *e;

	spin_lock(&k->object.lock);
	k->dead = true;
	k->death.words[0] = k->code;
	e = k->notify;
	k->notify = NULL;
	spin_unlock(&k->object.lock);
	if (!e)
		return;
	endpoint_notify(e, &k->death, NOTICE_DEATH);
	object_put(&e->object);
}

/* By the last thread, on its own kernel stack: everything the task held goes, then the notice. */
void task_finish(struct task *k)
{
	vspace_switch(&kernel_vspace);
	endpoints_disown(k);
	task_drop_parts(k);
	delay(DELAY_FINISH);
	death_notify(k);
}

/* With a reference, or NULL: the thread is ending. */
struct table *thread_table(struct thread *t)
{
	struct table *table;

	spin_lock(&t->task->object.lock);
	table = t->table;
	if (table)
		object_get(&table->object);
	spin_unlock(&t->task->object.lock);
	return table;
}

struct thread *task_thread(struct task *k, uint32_t number)
{
	struct thread *found = NULL;

	spin_lock(&k->object.lock);
	list_for_each(l, &k->threads) {
		struct thread *t = list_entry(l, struct thread, task_link);

		if (t->number == number) {
			object_get(&t->object);
			found = t;
			break;
		}
	}
	spin_unlock(&k->object.lock);
	return found;
}

#define EACH_PIECE 32			/* threads under one hold of the lock */

/*
 * Call f, with the task's lock, for each thread there is now; a task may have thousands, in the order of their
 * numbers.  Who comes meanwhile has seen why f is called.
 */
static void threads_each(struct task *k, void (*f)(struct thread *))
{
	uint64_t done = 0;		/* all of lower numbers */
	uint32_t n;

	do {
		n = 0;
		spin_lock(&k->object.lock);
		list_for_each(l, &k->threads) {
			struct thread *t = list_entry(l, struct thread, task_link);

			if (t->number < done)
				continue;
			if (n++ == EACH_PIECE)
				break;
			f(t);
			done = (uint64_t)t->number + 1;
		}
		spin_unlock(&k->object.lock);
		if (n > EACH_PIECE)
			preempt_point();
	} while (n > EACH_PIECE);
}

void task_kill(struct task *k, uint64_t code)
{
	bool empty;

	spin_lock(&k->object.lock);
	empty = list_empty(&k->threads) && !k->dying;	/* dying: its last thread finishes it */
	if (!k->dying)
		k->code = code;
	k->dying = true;
	spin_unlock(&k->object.lock);
	threads_each(k, thread_kill);
	if (!empty)
		return;
	task_drop_parts(k);
	death_notify(k);
}

/* --- calls --------------------------------------------------------------------------------------------- */

int64_t sys_task_create(uint64_t pool, uint64_t vspace, uint64_t table, uint64_t endpoint, uint64_t badge)
{
	struct object *t = NULL, *e = NULL;
	struct vspace *vs = NULL;
	struct task *k = NULL;
	struct pool *p;
	int64_t s;

	REQUIRE((handle_t)pool != H_SELF, E_PERM);	/* a capability is needed: that to oneself is not one */
	s = pool_get((handle_t)pool, &p);
	REQUIRE(s == 0, s);
	s = vspace_get((handle_t)vspace, RIGHT_MANAGE, &vs);
	if (!s && (handle_t)table != H_NONE)
		s = handle_get((handle_t)table, OBJ_TABLE, RIGHT_MANAGE, &t);
	if (!s && (handle_t)endpoint != H_NONE)
		s = handle_get((handle_t)endpoint, OBJ_ENDPOINT, RIGHT_RECEIVE, &e);
	if (!s)
		s = task_new(p, vs, t ? container_of(t, struct table, object) : NULL,
			     e ? container_of(e, struct endpoint, object) : NULL, badge, &k);
	if (!s)
		s = handle_install(false, &k->object, RIGHTS_ALL, 0);
	if (e)
		object_put(e);
	if (t)
		object_put(t);
	if (vs)
		object_put(&vs->object);
	object_put(&p->object);
	return s;
}

int64_t sys_task_kill(uint64_t h, uint64_t code)
{
	struct task *k;
	status_t s = task_get((handle_t)h, RIGHT_MANAGE, &k);

	REQUIRE(s == 0, s);
	task_kill(k, code);
	object_put(&k->object);
	return 0;
}

static void suspend_one(struct thread *t)
{
	if (!t->task->suspend_count)	/* resumed meanwhile, by another CPU */
		return;
	atomic_or(&t->arch.work, (uint64_t)WORK_SUSPEND);
	delay(DELAY_SUSPEND);
	if (t->state == TS_RUNNING && t != current)
		arch_ipi_reschedule(t->cpu);
}

static void resume_one(struct thread *t)
{
	if (t->task->suspend_count)
		return;
	atomic_and(&t->arch.work, ~(uint64_t)WORK_SUSPEND);
	delay(DELAY_RESUME);
	t->suspend_new = false;
	if (t->state == TS_NEW)
		thread_start(t);
	else
		thread_wake(t);
}

/* Not of oneself: a stopped task must not go on by a thread that was in the kernel. */
static int64_t task_suspend_change(uint64_t h, bool suspend)
{
	struct task *k;
	status_t s;

	REQUIRE((handle_t)h != H_SELF, E_PERM);
	s = task_get((handle_t)h, RIGHT_MANAGE, &k);
	REQUIRE(s == 0, s);
	spin_lock(&k->object.lock);
	k->suspend_count = suspend;
	spin_unlock(&k->object.lock);
	threads_each(k, suspend ? suspend_one : resume_one);
	object_put(&k->object);
	return 0;
}

int64_t sys_task_suspend(uint64_t h) { return task_suspend_change(h, true); }
int64_t sys_task_resume(uint64_t h) { return task_suspend_change(h, false); }

int64_t sys_task_ceiling(uint64_t h, uint64_t what, uint64_t value)
{
	struct task *k;
	status_t s;

	REQUIRE((handle_t)h != H_SELF, E_PERM);
	s = task_get((handle_t)h, RIGHT_MANAGE, &k);
	REQUIRE(s == 0, s);
	spin_lock(&k->object.lock);
	if (what == CEILING_THREADS)
		k->thread_ceiling = (uint32_t)MIN(value, 65536ull);
	else if (what == CEILING_SLOTS && k->descriptors)
		k->descriptors->ceiling = (uint32_t)MIN(value, 1ull << 20);
	else if (what == CEILING_FILE_SIZE)
		k->ceiling_file_size = value;
	else if (what == CEILING_SERVING)
		k->serves_nobody = value == 0;
	else if (what == CEILING_ADDRESS_SPACE && k->vspace)
		k->vspace->limit_pages = value / PAGE_SIZE;
	else
		s = E_NOSYS;
	spin_unlock(&k->object.lock);
	object_put(&k->object);
	return s;
}

int64_t sys_task_query(uint64_t h, uint64_t info)
{
	struct task_info i = { 0 };
	struct cputime time;
	struct task *k;
	status_t s = task_get((handle_t)h, RIGHT_QUERY, &k);

	REQUIRE(s == 0, s);
	spin_lock(&k->object.lock);
	i.badge = k->badge;
	i.nthreads = k->nthreads;
	time = k->time;
	list_for_each(l, &k->threads)
		cputime_add(&time, list_entry(l, struct thread, task_link));
	cputime_split(&time, &i.user_ns, &i.kernel_ns);
	k->time.told_user_ns = i.user_ns;
	k->time.told_kernel_ns = i.kernel_ns;
	i.minor_faults = k->faults_minor;
	i.major_faults = k->faults_major;
	i.ctx_voluntary = k->switches_voluntary;
	i.ctx_involuntary = k->switches_involuntary;
	i.suspended = k->suspend_count;
	i.dying = k->dying;
	if (k->vspace) {
		i.resident_pages = k->vspace->resident_pages;
		i.mapped_pages = k->vspace->mapped_pages;
	}
	spin_unlock(&k->object.lock);
	object_put(&k->object);
	return user_copy_out(info, &i, sizeof(i));
}

/* In pieces of a page: peek into a buffer, then out with no lock held (and the reverse). */
static int64_t task_copy(uint64_t h, uint64_t addr, uint64_t buf, uint64_t len, bool write)
{
	struct vspace *vs;
	uint64_t done = 0;
	uint8_t piece[512];
	int64_t s = vspace_get((handle_t)h, write ? RIGHT_WRITE : RIGHT_READ, &vs);

	REQUIRE(s == 0, s);
	while (done < len) {
		uint64_t n = MIN(len - done, sizeof(piece));

		if (write && user_copy_in(piece, buf + done, n)) {
			s = E_FAULT;
			break;
		}
		s = write ? vspace_poke(vs, addr + done, piece, n) : vspace_peek(vs, addr + done, piece, n);
		if (s <= 0)
			break;
		if (!write && user_copy_out(buf + done, piece, (size_t)s)) {
			s = E_FAULT;
			break;
		}
		done += (uint64_t)s;
		if ((uint64_t)s < n || ((done & 0xffff) == 0 && !preempt_point()))
			break;
	}
	object_put(&vs->object);
	return done ? (int64_t)done : s;
}

int64_t sys_task_read(uint64_t h, uint64_t addr, uint64_t buf, uint64_t len)
{
	return task_copy(h, addr, buf, len, false);
}

int64_t sys_task_write(uint64_t h, uint64_t addr, uint64_t buf, uint64_t len)
{
	return task_copy(h, addr, buf, len, true);
}
