/*
 * signal.c -- signals: generation, pending sets, choosing a thread, default actions, waiting for them.
 *
 * Owns:    every struct sig_entry; the parked LX_SIGWAIT and LX_SIGSUSPEND.
 * Shared:  the mask and the pending word of each thread are in its utcb.  linuxd ORs pending, then reads
 *          the mask (thread_notify does both in that order); the translator stores its mask, then reads
 *          pending: one of the two always sees the other.  The mask is the program's own: linuxd decides
 *          nothing by it but that program's signals.
 * Fails:   EAGAIN when a queued signal exceeds RLIMIT_SIGPENDING; kill-like ones then lose their siginfo,
 *          not the signal (as Linux).
 * Conforms: signal(7), kill(2), sigaction(2), sigtimedwait(2), sigsuspend(2).
 * Tested:  linux-compat/server/test/signal_test.c, tests/linux
 */
#include "process.h"

#define SET_STOP	(SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define SET_TTY_STOP	(SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define SET_IGNORED	(SIG_BIT(SIGCHLD) | SIG_BIT(SIGCONT) | SIG_BIT(SIGURG) | SIG_BIT(SIGWINCH))
#define SET_NEVER_BLOCKED (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))
#define SET_SYNCHRONOUS	(SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | \
	SIG_BIT(SIGFPE) | SIG_BIT(SIGSYS))

struct sig_sleep {
	struct parked parked;
	struct thread *thread;
	bool suspend;			/* LX_SIGSUSPEND; else LX_SIGWAIT */
	uint64_t set;			/* suspend: the temporary mask; wait: what is wanted */
	struct timer timer;
};

enum sig_action { ACTION_END, ACTION_IGNORE, ACTION_STOP };

static enum sig_action default_action(int sig)
{
	if (SIG_BIT(sig) & SET_IGNORED)
		return ACTION_IGNORE;
	return SIG_BIT(sig) & SET_STOP ? ACTION_STOP : ACTION_END;
}

static bool sig_valid(uint64_t sig)
{
	return sig >= 1 && sig <= SIGNALS_MAX;
}

/* Nothing would happen if it were taken now. */
static bool sig_is_ignored(const struct process *p, int sig)
{
	if (p->sig_class[sig] == CLASS_HANDLED)
		return false;
	return p->sig_class[sig] == CLASS_IGNORE || default_action(sig) == ACTION_IGNORE || p->unkillable;
}

/* --- pending sets ---------------------------------------------------------------------------------- */

static void entry_free(struct sig_entry *e)
{
	e->user->nsignals--;
	user_put(e->user);
	mem_free(e);
}

void signal_flush(struct sig_pending *pending, uint64_t which)
{
	struct sig_entry **at = &pending->first, *last = NULL;

	pending->set &= ~which;
	while (*at) {
		struct sig_entry *e = *at;

		if (which & SIG_BIT(e->info.signo)) {
			*at = e->next;
			entry_free(e);
		} else {
			last = e;
			at = &e->next;
		}
	}
	pending->last = last;
}

static void flush_all(struct process *p, uint64_t which)
{
	signal_flush(&p->pending, which);
	FOR_EACH_THREAD(p, t)
		signal_flush(&t->pending, which);
}

/*
 * Queue a signal.  One below SIGRT_FIRST that is pending already is not queued again.  Over the limit,
 * one that carries a value is refused; another is set without its siginfo.
 */
static int pending_add(struct process *p, struct sig_pending *pending, const struct siginfo *info)
{
	int sig = info->signo;
	struct user *u = p->counted ? p->counted : p->user;
	struct sig_entry *e;

	if (sig < SIGRT_FIRST && pending->set & SIG_BIT(sig))
		return 0;
	e = u->nsignals < p->rlimits[RLIMIT_SIGPENDING][0] ? mem_alloc(sizeof(*e)) : NULL;
	if (!e) {
		if (info->code < 0 && sig >= SIGRT_FIRST)
			return -EAGAIN;
		pending->set |= SIG_BIT(sig);
		return 0;
	}
	e->info = *info;
	e->user = u;
	u->refs++;
	u->nsignals++;
	if (pending->last)
		pending->last->next = e;
	else
		pending->first = e;
	pending->last = e;
	pending->set |= SIG_BIT(sig);
	return 0;
}

/* Take one off; its siginfo, or a bare one if that was lost. */
static void pending_take(struct sig_pending *pending, int sig, struct siginfo *info)
{
	struct sig_entry **at = &pending->first, *before = NULL, *e;
	bool more = false;

	memset(info, 0, sizeof(*info));
	info->signo = sig;
	while (*at && (*at)->info.signo != sig) {
		before = *at;
		at = &(*at)->next;
	}
	e = *at;
	if (e) {
		*info = e->info;
		*at = e->next;
		if (pending->last == e)
			pending->last = before;
		for (struct sig_entry *n = e->next; n && !more; n = n->next)
			more = n->info.signo == sig;
		entry_free(e);
	}
	if (!more)
		pending->set &= ~SIG_BIT(sig);
}

/* The next of a set: synchronous ones first, then the lowest (signal(7)); 0: none. */
static int sig_first(uint64_t set)
{
	if (set & SET_SYNCHRONOUS)
		set &= SET_SYNCHRONOUS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

static uint64_t thread_pending(const struct thread *t)
{
	return t->pending.set | t->process->pending.set;
}

static int thread_take(struct thread *t, int sig, struct siginfo *info)
{
	itimer_signal_taken(t->process, sig);
	pending_take(t->pending.set & SIG_BIT(sig) ? &t->pending : &t->process->pending, sig, info);
	return sig;
}

/* --- a thread's mask ---------------------------------------------------------------------------------- */

/* OR bits into the thread's pending word, then read its mask.  No thread: everything is blocked. */
static uint64_t thread_mask(struct thread *t, uint64_t pending)
{
	uint64_t mask = 0;

	if (t->process->changing || !t->process->image || t->number == THREAD_UNKNOWN)
		return ~SET_NEVER_BLOCKED;
	if (tess_thread_notify(t->process->image->task, t->number, 0, pending, &mask) < 0)
		return ~SET_NEVER_BLOCKED;
	if (t->sleep && t->sleep->suspend)
		mask = t->sleep->set;
	return mask & ~SET_NEVER_BLOCKED;
}

static void sleep_end(struct sig_sleep *s, int64_t value, const struct siginfo *info)
{
	timer_cancel(&s->timer);
	s->thread->sleep = NULL;
	parked_reply_data(&s->parked, value, info, info ? sizeof(*info) : 0);
	mem_free(s);
}

static void thread_interrupt(struct thread *t)
{
	if (t->sleep && t->sleep->suspend)
		sleep_end(t->sleep, -LINUX_INTERRUPTED, NULL);
	else
		tess_thread_notify(t->process->image->task, t->number, 1, 0, NULL);
}

/*
 * A thread of p (or t itself) that does not block the signal; the pending words say it is there.  A
 * stopped process has none: it looks again when it is continued.
 */
static struct thread *thread_choose(struct process *p, struct thread *only, int sig)
{
	uint64_t bit = SIG_BIT(sig);

	if (only)
		return thread_mask(only, bit) & bit || p->stopped ? NULL : only;
	FOR_EACH_THREAD(p, t)
		if (!(thread_mask(t, bit) & bit) && !p->stopped)
			return t;
	return NULL;
}

static struct sig_sleep *sleep_wants(struct process *p, struct thread *only, int sig)
{
	FOR_EACH_THREAD(p, t)
		if ((!only || t == only) && t->sleep && !t->sleep->suspend && t->sleep->set & SIG_BIT(sig))
			return t->sleep;
	return NULL;
}

/* --- actions ------------------------------------------------------------------------------------------- */

void process_stop(struct process *p, int sig)
{
	if (p->stopped || p->state != PROCESS_ALIVE)
		return;
	tess_task_suspend(p->image->task);
	p->stopped = true;
	p->stop_signal = sig;
	p->stop_unreported = true;
	p->continue_unreported = false;
	child_notify(p, CLD_STOPPED, sig << 8 | 0x7f);
}

/* What linuxd does itself for a signal that is not handled.  False: the process has ended. */
static bool default_perform(struct process *p, int sig)
{
	if (sig_is_ignored(p, sig))
		return true;
	if (default_action(sig) == ACTION_STOP) {
		bool orphaned = SIG_BIT(sig) & SET_TTY_STOP && p->group && pgroup_orphaned(p->group, NULL);

		if (!orphaned)		/* nobody could continue it: exit(3), setpgid(2) */
			process_stop(p, sig);
		return true;
	}
	process_kill(p, sig);
	return false;
}

/* A signal that is pending: for a thread that does not block it, what is to happen now. */
static void pending_act(struct process *p, struct thread *only, int sig)
{
	struct thread *chosen = thread_choose(p, only, sig);
	struct siginfo gone;

	if (!chosen)
		return;			/* blocked: it stays where it is */
	if (p->sig_class[sig] == CLASS_HANDLED) {
		thread_interrupt(chosen);
		return;
	}
	pending_take(only ? &only->pending : &p->pending, sig, &gone);
	default_perform(p, sig);
}

static void set_act(struct process *p, struct thread *only, uint64_t set)
{
	while (set && p->state == PROCESS_ALIVE && !p->stopped) {
		int sig = sig_first(set);

		set &= ~SIG_BIT(sig);
		pending_act(p, only, sig);
	}
}

/* Before it runs again: what came while it was stopped happens now. */
static void pending_reconsider(struct process *p)
{
	set_act(p, NULL, p->pending.set);
	FOR_EACH_THREAD(p, t)
		set_act(p, t, t->pending.set);
}

void process_continue(struct process *p)
{
	if (!p->stopped)
		return;
	p->stopped = false;
	p->stop_unreported = false;
	p->continue_unreported = true;
	pending_reconsider(p);
	if (!p->stopped && p->state == PROCESS_ALIVE && !exec_holds(p))	/* on another CPU it runs at once */
		tess_task_resume(p->image->task);
	child_notify(p, CLD_CONTINUED, 0xffff);
}

/* --- generation ------------------------------------------------------------------------------------------ */

static void stop_and_continue(struct process *p, int sig)
{
	if (sig == SIGCONT) {
		flush_all(p, SET_STOP);
		process_continue(p);
	} else if (SIG_BIT(sig) & SET_STOP) {
		flush_all(p, SIG_BIT(SIGCONT));
	}
}

/*
 * Send a signal to a process, or to one thread of it.  info NULL: from the kernel.  Ignored ones leave no
 * trace unless they are blocked or waited for.  0, or -EAGAIN.
 */
int signal_send(struct process *p, struct thread *t, int sig, const struct siginfo *info)
{
	struct siginfo plain = { .signo = sig, .code = SI_KERNEL };
	struct sig_sleep *sleep;
	int error;

	if (p->state != PROCESS_ALIVE)
		return 0;
	if (!info)
		info = &plain;
	if (SIG_BIT(sig) & SET_NEVER_BLOCKED && p->unkillable)
		return 0;
	stop_and_continue(p, sig);
	if (sig == SIGKILL)
		process_kill(p, SIGKILL);
	else if (sig == SIGSTOP)
		process_stop(p, SIGSTOP);
	if (SIG_BIT(sig) & SET_NEVER_BLOCKED)
		return 0;
	sleep = sleep_wants(p, t, sig);
	if (sleep) {
		sleep_end(sleep, sig, info);
		return 0;
	}
	if (sig_is_ignored(p, sig) && !(thread_mask(t ? t : p->main, 0) & SIG_BIT(sig)))
		return 0;
	error = pending_add(p, t ? &t->pending : &p->pending, info);
	if (error)
		return error;
	pending_act(p, t, sig);
	return 0;
}

void signal_kernel(struct process *p, int sig)
{
	signal_send(p, NULL, sig, NULL);
}

void signal_process(struct process *p, int sig)
{
	signal_send(p, NULL, sig, NULL);
}

bool signal_rests(const struct process *p, const struct thread *t, int sig)
{
	return (t ? t->pending.set : p->pending.set) & SIG_BIT(sig) || sig_is_ignored(p, sig);
}

bool signal_is_blocked_or_ignored(struct process *p, struct thread *t, int sig)
{
	return p->sig_class[sig] == CLASS_IGNORE || thread_mask(t ? t : p->main, 0) & SIG_BIT(sig);
}

/* Signals for the process that this thread was to take and now cannot: tell another. */
static void shared_retarget(struct process *p, struct thread *not, uint64_t which)
{
	which &= p->pending.set;
	while (which) {
		int sig = sig_first(which);

		which &= ~SIG_BIT(sig);
		FOR_EACH_THREAD(p, t)
			if (t != not && !(thread_mask(t, SIG_BIT(sig)) & SIG_BIT(sig))) {
				thread_interrupt(t);
				break;
			}
	}
}

void signal_thread_leaves(struct thread *t)
{
	if (t->sleep)
		sleep_end(t->sleep, -EINTR, NULL);
	shared_retarget(t->process, t, ~0ull);
}

/* Its record is about to be freed, whatever it still waits for. */
void signal_thread_gone(struct thread *t)
{
	if (t->sleep)
		sleep_end(t->sleep, -EINTR, NULL);
	signal_flush(&t->pending, ~0ull);
}

/*
 * The first pending signal outside mask that the program handles, left pending; on the way everything it
 * does not handle has its default action.  0: none (or it is stopped now); -1: the process has ended.
 */
static int handled_find(struct thread *t, uint64_t mask)
{
	struct process *p = t->process;
	struct siginfo info;
	int sig;

	while ((sig = sig_first(thread_pending(t) & ~(mask & ~SET_NEVER_BLOCKED))) != 0) {
		if (p->sig_class[sig] == CLASS_HANDLED)
			return sig;
		thread_take(t, sig, &info);
		if (!default_perform(p, sig))
			return -1;
		if (p->stopped)		/* the rest waits until it is continued */
			return 0;
	}
	return 0;
}

/* The new program of an exec: nothing is handled; what is blocked stays pending. */
void signal_after_exec(struct process *p, uint64_t mask)
{
	if (handled_find(p->main, mask) == 0 && thread_pending(p->main))
		thread_mask(p->main, thread_pending(p->main));
}

void signal_process_gone(struct process *p)
{
	signal_flush(&p->pending, ~0ull);
	FOR_EACH_THREAD(p, t)
		signal_flush(&t->pending, ~0ull);
}

/* --- who may ------------------------------------------------------------------------------------------------ */

/* kill(2): real or effective uid equals real or saved uid; SIGCONT within the session. */
bool signal_may_send(const struct process *from, const struct process *to, int sig)
{
	const struct cred *a = &from->cred, *b = &to->cred;

	if (from == to || a->euid == 0)
		return true;
	if (a->euid == b->suid || a->euid == b->uid || a->uid == b->suid || a->uid == b->uid)
		return true;
	return sig == SIGCONT && process_sid(from) != 0 && process_sid(from) == process_sid(to);
}

void signal_user_info(struct siginfo *info, int sig, const struct process *from)
{
	memset(info, 0, sizeof(*info));
	info->signo = sig;
	info->code = SI_USER;
	info->from.pid = (int32_t)from->pid;
	info->from.uid = from->cred.uid;
}

static int kill_one(const struct process *from, struct process *to, int sig, const struct siginfo *info)
{
	if (!signal_may_send(from, to, sig))
		return -EPERM;
	return sig == 0 ? 0 : signal_send(to, NULL, sig, info);
}

/* kill(2) on many: success if one could be signalled, else EPERM, else ESRCH. */
static int kill_many(const struct process *from, uint32_t pgid, int sig, const struct siginfo *info)
{
	int result = -ESRCH;

	FOR_EACH_PROCESS(p) {
		int error;

		if (pgid ? !p->group || p->group->pgid != pgid : p == process_init || p == from)
			continue;
		error = kill_one(from, p, sig, info);
		if (error == 0 || result == -ESRCH)
			result = error;
	}
	return result;
}

/* --- requests -------------------------------------------------------------------------------------------------- */

void request_kill(struct request *r)
{
	struct process *from = r->process;
	int32_t pid = (int32_t)r->words[1];
	uint64_t sig = r->words[2];
	struct siginfo info;
	struct thread *t;
	int result;

	if (sig > SIGNALS_MAX) {
		request_reply(r, -EINVAL);
		return;
	}
	signal_user_info(&info, (int)sig, from);
	if (pid > 0) {
		struct process *to = process_by_pid((uint32_t)pid);

		if (!to && (t = thread_by_tid((uint32_t)pid)))
			to = t->process;
		result = to ? kill_one(from, to, (int)sig, &info) : -ESRCH;
	} else if (pid == INT32_MIN) {
		result = -ESRCH;
	} else if (pid == -1) {
		result = kill_many(from, 0, (int)sig, &info);
	} else {
		uint32_t pgid = pid ? (uint32_t)-pid : from->group ? from->group->pgid : 0;

		result = pgid ? kill_many(from, pgid, (int)sig, &info) : kill_one(from, from, (int)sig, &info);
	}
	if (from->state == PROCESS_ALIVE)	/* it may have ended itself: then nobody waits */
		request_reply(r, result);
}

static void kill_thread(struct request *r, uint32_t tgid, uint32_t tid, uint64_t sig, const struct siginfo *info)
{
	struct thread *t = thread_by_tid(tid);
	int result = 0;

	if (sig > SIGNALS_MAX || (int32_t)tid <= 0)
		result = -EINVAL;
	else if (!t || (tgid != ~0u && t->process->pid != tgid))
		result = -ESRCH;
	else if (!signal_may_send(r->process, t->process, (int)sig))
		result = -EPERM;
	else if (sig != 0)
		result = signal_send(t->process, t, (int)sig, info);
	if (r->process->state == PROCESS_ALIVE)
		request_reply(r, result);
}

void request_tgkill(struct request *r)
{
	struct siginfo info;

	signal_user_info(&info, (int)r->words[3], r->process);
	info.code = SI_TKILL;
	if (r->words[1] != ~0ull && (int32_t)r->words[1] <= 0)
		request_reply(r, -EINVAL);
	else
		kill_thread(r, (uint32_t)r->words[1], (uint32_t)r->words[2], r->words[3], &info);
}

/* rt_sigqueueinfo(2), rt_tgsigqueueinfo(2): nobody may pretend to be the kernel or kill() to another. */
void request_sigqueue(struct request *r)
{
	struct process *to = process_by_pid((uint32_t)r->words[1]);
	uint64_t sig = r->words[3];
	struct siginfo info;
	int result;

	if (r->payload_len != sizeof(info) || sig > SIGNALS_MAX) {
		request_reply(r, -EINVAL);
		return;
	}
	memcpy(&info, r->payload, sizeof(info));
	info.signo = (int32_t)sig;
	if ((info.code >= 0 || info.code == SI_TKILL) && to != r->process) {
		request_reply(r, -EPERM);
		return;
	}
	if (r->words[2] != 0) {
		kill_thread(r, (uint32_t)r->words[1], (uint32_t)r->words[2], sig, &info);
		return;
	}
	result = to ? kill_one(r->process, to, (int)sig, &info) : -ESRCH;
	if (r->process->state == PROCESS_ALIVE)
		request_reply(r, result);
}

/* sigaction(2): what is pending and now ignored is discarded, blocked or not. */
void request_sigclass(struct request *r)
{
	struct process *p = r->process;
	uint64_t sig = r->words[1], class = r->words[2];

	if (!sig_valid(sig) || class > CLASS_HANDLED || SIG_BIT(sig) & SET_NEVER_BLOCKED) {
		request_reply(r, -EINVAL);
		return;
	}
	p->sig_class[sig] = (uint8_t)class;
	if (sig == SIGCHLD)
		p->chld_flags = (uint32_t)r->words[3] & (SA_NOCLDSTOP | SA_NOCLDWAIT);
	if (class == CLASS_IGNORE || (class == CLASS_DEFAULT && default_action((int)sig) == ACTION_IGNORE))
		flush_all(p, SIG_BIT(sig));
	request_reply(r, 0);
}

void request_sigtake(struct request *r)
{
	struct thread *t = r->thread;
	struct process *p = r->process;
	uint64_t mask = r->words[1];
	struct siginfo info;
	int sig = handled_find(t, mask);

	if (sig < 0)
		return;			/* it has ended; never answered */
	if (sig > 0)
		thread_take(t, sig, &info);
	if (p->nthreads > 1 && p->pending.set & mask)
		shared_retarget(p, t, mask);
	request_reply_full(r, sig, thread_pending(t), 0, &info, sig > 0 ? sizeof(info) : 0);
}

void request_sigpending(struct request *r)
{
	request_reply_words(r, 0, thread_pending(r->thread), 0);
}

static void sleep_cancel(struct parked *parked)
{
	struct sig_sleep *s = CONTAINER(parked, struct sig_sleep, parked);

	sleep_end(s, -LINUX_INTERRUPTED, NULL);
}

static void sleep_timeout(void *arg)
{
	sleep_end(arg, -EAGAIN, NULL);
}

static struct sig_sleep *sleep_begin(struct request *r, bool suspend, uint64_t set)
{
	struct sig_sleep *s = mem_alloc(sizeof(*s));

	if (!s) {
		request_reply(r, -ENOMEM);
		return NULL;
	}
	s->thread = r->thread;
	s->suspend = suspend;
	s->set = set;
	r->thread->sleep = s;
	request_park(r, &s->parked, sleep_cancel);
	return s;
}

void request_sigwait(struct request *r)
{
	struct thread *t = r->thread;
	uint64_t wanted = r->words[1] & ~SET_NEVER_BLOCKED, deadline = r->words[2];
	struct siginfo info;
	struct sig_sleep *s;
	int sig = sig_first(thread_pending(t) & wanted);

	if (t->sleep) {			/* one thread, two calls: not a translator's doing */
		request_reply(r, -EINVAL);
	} else if (sig) {
		thread_take(t, sig, &info);
		request_reply_data(r, sig, &info, sizeof(info));
	} else if (deadline == 0) {
		request_reply(r, -EAGAIN);
	} else if ((s = sleep_begin(r, false, wanted)) && deadline != DEADLINE_NEVER) {
		timer_after(&s->timer, deadline, sleep_timeout, s);
	}
}

void request_sigsuspend(struct request *r)
{
	int sig = handled_find(r->thread, r->words[1]);

	if (sig < 0)
		return;
	if (r->thread->sleep)
		request_reply(r, -EINVAL);
	else if (sig > 0)
		request_reply(r, -LINUX_INTERRUPTED);
	else
		sleep_begin(r, true, r->words[1] & ~SET_NEVER_BLOCKED);
}

/* A synchronous signal that the program blocks or ignores ends it all the same (signal(7)). */
void request_fault_signal(struct request *r)
{
	if (!sig_valid(r->words[1]))
		request_reply(r, -EINVAL);
	else if (r->image->role == IMAGE_LOADING)
		exec_abort(r->process, -ENOEXEC);
	else
		process_kill(r->process, (int)r->words[1]);
}

void request_ptrace(struct request *r)
{
	request_reply(r, -ENOSYS);
}
