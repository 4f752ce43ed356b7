/*
 * rlimit.c -- resource limits with the kernel ceilings behind them, nice and scheduling.
 *
 * Owns:    process->rlimits, nice, policy.  What the kernel can enforce it is told (task_ceiling), so a
 *          translator that ignores a limit changes nothing.
 * Fails:   EINVAL, EPERM, ESRCH as getrlimit(2), getpriority(2), sched(7).
 * Tested:  tests/linux
 */
#include "process.h"

#define NOFILE_MAX	4096u		/* /proc/sys/fs/nr_open here */
#define CPU_LOOK_NS	10000000ull	/* at most so often RLIMIT_CPU of one process is looked at */
#define STACK_SPARE_MAX	(64ul << 20)	/* a stack's reservation beyond this counts against RLIMIT_AS */
#define TRANSLATOR_SPARE (256ul << 10)
#define PRIORITY_REAL	(PRIORITY_SHARED + 9)	/* SCHED_FIFO and RR 0; 99 is below linuxd and the drivers */
#define WEIGHT_IDLE	3u		/* SCHED_IDLE */

static bool ceiling_of(uint32_t resource, enum task_ceiling *ceiling)
{
	switch (resource) {
	case RLIMIT_NOFILE:	*ceiling = CEILING_SLOTS; return true;
	case RLIMIT_FSIZE:	*ceiling = CEILING_FILE_SIZE; return true;
	case RLIMIT_AS:		*ceiling = CEILING_ADDRESS_SPACE; return true;
	case RLIMIT_MEMLOCK:	*ceiling = CEILING_LOCKED; return true;
	default:		return false;
	}
}

/* A stack is mapped whole at exec, where Linux counts what it has grown to; the translator is nobody's wish. */
static uint64_t spare_of(const struct process *p, uint32_t resource)
{
	uint64_t stack = p->rlimits[RLIMIT_STACK][0];

	if (resource != RLIMIT_AS || p->rlimits[RLIMIT_AS][0] >= RLIM_INFINITY - 2 * STACK_SPARE_MAX)
		return 0;
	return (stack < STACK_SPARE_MAX ? stack : STACK_SPARE_MAX) + TRANSLATOR_SPARE;
}

static void ceiling_apply(const struct process *p, handle_t task, uint32_t resource)
{
	enum task_ceiling ceiling;

	if (ceiling_of(resource, &ceiling))
		tess_task_ceiling(task, ceiling, p->rlimits[resource][0] + spare_of(p, resource));
}

/*
 * A new task of p: what differs from the kernel's own start values (no limit; one thread).  A copied
 * descriptor table has its ceiling already; the first of all has not.
 */
void process_apply_ceilings(struct process *p, handle_t task, bool first)
{
	/* A Descriptor of its own making would tell a set-uid program that inherits it whatever it likes. */
	tess_task_ceiling(task, CEILING_SERVING, 0);
	if (p->rlimits[RLIMIT_FSIZE][0] != RLIM_INFINITY)
		ceiling_apply(p, task, RLIMIT_FSIZE);
	if (p->rlimits[RLIMIT_AS][0] != RLIM_INFINITY)
		ceiling_apply(p, task, RLIMIT_AS);
	if (first)
		ceiling_apply(p, task, RLIMIT_NOFILE);
}

/*
 * setrlimit(2), RLIMIT_CPU: SIGXCPU at the soft limit and every second of CPU time after it, SIGKILL at
 * the hard one.  Looked at when it could have been reached at the earliest with one thread.
 */
static void cpu_limit_look(void *arg)
{
	struct process *p = arg;
	uint64_t used = process_cpu_ns(p), soft = p->rlimits[RLIMIT_CPU][0], hard = p->rlimits[RLIMIT_CPU][1];

	if (p->state != PROCESS_ALIVE)
		return;
	if (hard != RLIM_INFINITY && used >= hard * NS_PER_SEC) {
		process_kill(p, SIGKILL);
		return;
	}
	if (used >= soft * NS_PER_SEC) {
		soft = p->rlimits[RLIMIT_CPU][0] = used / NS_PER_SEC + 1;
		signal_kernel(p, SIGXCPU);
	}
	cpu_limit_arm(p);
}

void cpu_limit_arm(struct process *p)
{
	uint64_t used, limit = p->rlimits[RLIMIT_CPU][0];

	if (limit > p->rlimits[RLIMIT_CPU][1])
		limit = p->rlimits[RLIMIT_CPU][1];
	timer_cancel(&p->cpu_timer);
	if (limit >= RLIM_INFINITY / NS_PER_SEC)
		return;
	used = process_cpu_ns(p);
	limit *= NS_PER_SEC;
	timer_after(&p->cpu_timer, clock_mono_ns() + (limit > used + CPU_LOOK_NS ? limit - used : CPU_LOOK_NS),
		cpu_limit_look, p);
}

/* setrlimit(2): the soft limit below the hard one; only uid 0 raises a hard one. */
static int rlimit_set(struct process *from, struct process *p, uint32_t resource, const uint64_t new[2])
{
	if (new[0] > new[1])
		return -EINVAL;
	if (new[1] > p->rlimits[resource][1] && from->cred.euid != 0)
		return -EPERM;
	if (resource == RLIMIT_NOFILE && new[1] > NOFILE_MAX)
		return -EPERM;
	p->rlimits[resource][0] = new[0];
	p->rlimits[resource][1] = new[1];
	if (p->image)
		ceiling_apply(p, p->image->task, resource);
	if (resource == RLIMIT_CPU)
		cpu_limit_arm(p);
	return 0;
}

void request_rlimit(struct request *r)
{
	struct process *from = r->process;
	struct process *p = r->words[1] ? process_by_pid((uint32_t)r->words[1]) : from;
	const struct cred *a = &from->cred, *b = p ? &p->cred : NULL;
	uint64_t resource = r->words[2], old[2], new[2];
	int error = 0;

	if (resource >= RLIMIT_COUNT || (r->words[3] && r->payload_len != sizeof(new)))
		error = -EINVAL;
	else if (!p || p->state == PROCESS_ZOMBIE)
		error = -ESRCH;
	else if (p != from && a->euid != 0 && (a->uid != b->uid || a->uid != b->euid || a->uid != b->suid ||
		a->gid != b->gid || a->gid != b->egid || a->gid != b->sgid))
		error = -EPERM;
	if (error) {
		request_reply(r, error);
		return;
	}
	memcpy(old, p->rlimits[resource], sizeof(old));
	if (r->words[3]) {
		memcpy(new, r->payload, sizeof(new));
		error = rlimit_set(from, p, (uint32_t)resource, new);
	}
	if (error)
		request_reply(r, error);
	else
		request_reply_data(r, 0, old, sizeof(old));
}

/* --- nice ------------------------------------------------------------------------------------------ */

uint8_t process_priority(const struct process *p)
{
	if (p->policy == SCHED_FIFO || p->policy == SCHED_RR)
		return (uint8_t)(PRIORITY_REAL + p->rt_priority);
	return PRIORITY_SHARED;
}

/* Each step of nice is about a tenth of the CPU between two: a factor of 1.25 (sched(7)). */
uint32_t process_weight(const struct process *p)
{
	static const uint32_t weights[40] = {
		88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
		9537, 7629, 6104, 4883, 3906, 3125, 2500, 2000, 1600, 1280,
		1024, 819, 655, 524, 419, 336, 268, 215, 172, 137,
		110, 88, 70, 56, 45, 36, 29, 23, 18, 15,
	};

	return p->policy == SCHED_IDLE ? WEIGHT_IDLE : weights[p->nice + 20];
}

static void priority_apply(struct process *p)
{
	uint8_t priority = process_priority(p);
	uint32_t weight = process_weight(p);

	FOR_EACH_THREAD(p, t)
		if (p->image && t->number != THREAD_UNKNOWN)
			tess_thread_priority(p->image->task, t->number, priority, 0, weight);
}

/* setpriority(2): lower is anybody's, higher needs uid 0 or RLIMIT_NICE */
static int nice_set(const struct process *from, struct process *p, int nice)
{
	uint64_t limit = p->rlimits[RLIMIT_NICE][0];
	bool allowed = from->cred.euid == 0 || nice >= p->nice || (uint64_t)(20 - nice) <= limit;

	if (from->cred.euid != 0 && from->cred.euid != p->cred.euid && from->cred.euid != p->cred.uid)
		return -EPERM;
	if (!allowed)
		return -EACCES;
	p->nice = nice;
	priority_apply(p);
	return 0;
}

static bool priority_selects(const struct process *from, const struct process *p, uint64_t which, uint32_t who)
{
	if (p->state == PROCESS_ZOMBIE)
		return false;
	switch (which) {
	case PRIO_PROCESS: return who ? p->pid == who : p == from;
	case PRIO_PGRP: return p->group && (who ? p->group->pgid == who : p->group == from->group);
	default: return p->cred.uid == (who ? who : from->cred.uid);
	}
}

void request_priority(struct request *r)
{
	uint64_t which = r->words[2];
	uint32_t who = (uint32_t)r->words[3];
	int nice = (int)(int32_t)r->words[4], result = -ESRCH;

	if (which > PRIO_USER) {
		request_reply(r, -EINVAL);
		return;
	}
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	if (which == PRIO_PROCESS && who && !process_by_pid(who) && thread_by_tid(who))
		who = thread_by_tid(who)->process->pid;
	FOR_EACH_PROCESS(p) {
		int one;

		if (!priority_selects(r->process, p, which, who))
			continue;
		one = r->words[1] ? nice_set(r->process, p, nice) : 20 - p->nice;
		if (r->words[1] ? result == -ESRCH || one < 0 : one > result)
			result = one;
	}
	request_reply(r, result);
}

/* --- sched_* ------------------------------------------------------------------------------------------ */

static uint64_t cpus_all(void)
{
	static uint64_t all;
	struct system_info info;

	if (!all && tess_system_query(&info) == 0)
		all = (1ull << info.ncpus) - 1;
	return all ? all : 1;
}

/* sched_setscheduler(2) */
static int policy_set(const struct process *from, struct process *p, int policy, int rt, int nice, bool set_nice)
{
	uint64_t limit = p->rlimits[RLIMIT_RTPRIO][0];
	bool reset = policy & SCHED_RESET_ON_FORK;

	policy &= ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_FIFO || policy == SCHED_RR) {
		if (rt < 1 || rt > 99)
			return -EINVAL;
		if (from->cred.euid != 0 && ((policy != p->policy && !limit) || (rt > p->rt_priority && (uint64_t)rt > limit)))
			return -EPERM;
	} else if (policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE) {
		if (rt != 0)
			return -EINVAL;
	} else {
		return -EINVAL;		/* SCHED_DEADLINE: there is none */
	}
	if (from->cred.euid != 0 && from->cred.euid != p->cred.euid && from->cred.euid != p->cred.uid)
		return -EPERM;
	if (set_nice && nice < p->nice && from->cred.euid != 0)
		return -EPERM;
	if (p->policy == SCHED_IDLE && policy != SCHED_IDLE && from->cred.euid != 0 &&
	    (uint64_t)(20 - p->nice) > p->rlimits[RLIMIT_NICE][0])
		return -EPERM;		/* as if it lowered its nice value */
	p->policy = policy;
	p->rt_priority = rt;
	p->reset_on_fork = reset;
	if (set_nice)
		p->nice = nice;
	priority_apply(p);
	return 0;
}

/* Tells the kernel; again when the thread gets its number, another one, or another Task. */
void thread_bind(const struct thread *t)
{
	if (t->affinity && t->process->image && t->number != THREAD_UNKNOWN)
		tess_thread_affinity(t->process->image->task, t->number, t->affinity);
}

static void affinity_get(struct request *r, const struct thread *t)
{
	uint64_t mask = (t->affinity ? t->affinity : ~0ull) & cpus_all();

	request_reply_data(r, sizeof(mask), &mask, sizeof(mask));
}

static void affinity_set(struct request *r, struct thread *t)
{
	const struct process *p = t->process;
	uint64_t mask = 0;

	memcpy(&mask, r->payload, r->payload_len < sizeof(mask) ? r->payload_len : sizeof(mask));
	mask &= cpus_all();
	if (mask == 0) {
		request_reply(r, -EINVAL);
		return;
	}
	if (r->process->cred.euid != 0 && r->process->cred.euid != p->cred.euid && r->process->cred.euid != p->cred.uid) {
		request_reply(r, -EPERM);
		return;
	}
	t->affinity = mask;
	thread_bind(t);
	request_reply(r, 0);
}

static void attr_get(struct request *r, struct process *p)
{
	struct linux_sched_attr a = { .size = sizeof(a), .policy = (uint32_t)p->policy, .nice = p->nice,
		.priority = (uint32_t)p->rt_priority, .flags = p->reset_on_fork };

	request_reply_data(r, 0, &a, sizeof(a));
}

static void attr_set(struct request *r, struct process *p)
{
	struct linux_sched_attr a = { 0 };

	if (r->payload_len < 48) {
		request_reply(r, -EINVAL);
		return;
	}
	memcpy(&a, r->payload, r->payload_len < sizeof(a) ? r->payload_len : sizeof(a));
	request_reply(r, policy_set(r->process, p, (int)a.policy | (a.flags & 1 ? SCHED_RESET_ON_FORK : 0),
		(int)a.priority, a.nice < -20 ? -20 : a.nice > 19 ? 19 : a.nice,
		a.policy == SCHED_OTHER || a.policy == SCHED_BATCH));
}

/* Only the calls about affinity look for a process of a negative number. */
static int sched_nobody(uint64_t op, int32_t pid)
{
	return pid < 0 && op != LX_SCHED_GETAFFINITY && op != LX_SCHED_SETAFFINITY ? -EINVAL : -ESRCH;
}

void request_sched(struct request *r)
{
	uint32_t pid = (uint32_t)r->words[2];
	struct thread *t = pid ? thread_by_tid(pid) : r->thread;
	struct process *p = t ? t->process : NULL;
	int32_t value = (int32_t)r->words[3], param = 0;

	if (!p || p->state == PROCESS_ZOMBIE) {
		request_reply(r, sched_nobody(r->words[1], (int32_t)pid));
		return;
	}
	if (r->payload_len >= sizeof(param))
		memcpy(&param, r->payload, sizeof(param));
	switch (r->words[1]) {
	case LX_SCHED_GETAFFINITY: affinity_get(r, t); break;
	case LX_SCHED_SETAFFINITY: affinity_set(r, t); break;
	case LX_SCHED_GETSCHEDULER:
		request_reply(r, p->policy | (p->reset_on_fork ? SCHED_RESET_ON_FORK : 0));
		break;
	case LX_SCHED_SETSCHEDULER: request_reply(r, policy_set(r->process, p, value, param, 0, false)); break;
	case LX_SCHED_GETPARAM:
		param = p->rt_priority;
		request_reply_data(r, 0, &param, sizeof(param));
		break;
	case LX_SCHED_SETPARAM: request_reply(r, policy_set(r->process, p, p->policy, param, 0, false)); break;
	case LX_SCHED_GETATTR: attr_get(r, p); break;
	case LX_SCHED_SETATTR: attr_set(r, p); break;
	default: request_reply(r, -EINVAL); break;
	}
}
