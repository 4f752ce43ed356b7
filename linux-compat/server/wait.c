/*
 * wait.c -- wait4 and waitid, zombies, and telling a parent.
 *
 * Owns:    the parked waits of a process; the once-only reports of stop and continue.
 * Fails:   ECHILD, EINVAL as wait(2); ENOMEM when a wait cannot be parked.
 * Tested:  linux-compat/server/test/process_test.c, tests/linux
 */
#include "process.h"

struct wait_query {
	int64_t pid;			/* as wait4: -1 any, 0 own group, < -1 that group, else that pid */
	uint32_t options;
	bool waitid;
};
struct wait_parked {
	struct parked parked;
	struct link link;		/* in the process's waits */
	struct wait_query query;
};

static bool wait_matches(const struct wait_query *q, const struct process *parent, const struct process *child)
{
	bool clone_child = child->exit_signal != SIGCHLD;

	if (!(q->options & WALL_) && clone_child != !!(q->options & WCLONE_))
		return false;
	if (q->pid == -1)
		return true;
	if (q->pid > 0)
		return child->pid == (uint64_t)q->pid;
	if (q->pid == 0)
		return child->group && child->group == parent->group;
	return child->group && child->group->pgid == (uint64_t)-q->pid;
}

/* What of this child can be reported now: fills *w (status as wait4) or answers false. */
static bool wait_report(const struct wait_query *q, struct process *c, struct lx_wait *w)
{
	int status = c->exit_status;

	memset(w, 0, sizeof(*w));
	w->pid = (int32_t)c->pid;
	w->uid = (int32_t)c->cred.uid;
	if (c->state == PROCESS_ZOMBIE && q->options & WEXITED) {
		w->status = status;
		w->code = (status & 0x7f) == 0 ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		return true;
	}
	if (c->stop_unreported && c->stopped && q->options & WUNTRACED) {
		w->status = c->stop_signal << 8 | 0x7f;
		w->code = CLD_STOPPED;
		return true;
	}
	if (c->continue_unreported && q->options & WCONTINUED) {
		w->status = 0xffff;
		w->code = CLD_CONTINUED;
		return true;
	}
	return false;
}

/* si_status of waitid and of SIGCHLD, from the status of wait4 */
static int status_plain(int code, int status)
{
	switch (code) {
	case CLD_EXITED: return status >> 8 & 0xff;
	case CLD_STOPPED: return status >> 8 & 0xff;
	case CLD_CONTINUED: return SIGCONT;
	default: return status & 0x7f;
	}
}

/* The report has been given: it is not given twice. */
static void wait_consume(const struct wait_query *q, struct process *parent, struct process *c, int code)
{
	if (q->options & WNOWAIT)
		return;
	if (code == CLD_STOPPED) {
		c->stop_unreported = false;
	} else if (code == CLD_CONTINUED) {
		c->continue_unreported = false;
	} else {
		usage_add(&parent->child_usage, &c->dead_usage);
		usage_add(&parent->child_usage, &c->child_usage);
		process_free(c);
	}
}

/* -ECHILD: no child could ever match; 0: one may, later; 1: *w is the report and *found the child. */
static int wait_look(const struct wait_query *q, struct process *p, struct process **found, struct lx_wait *w)
{
	int result = -ECHILD;

	for (struct link *l = p->children.next; l != &p->children; l = l->next) {
		struct process *c = CONTAINER(l, struct process, sibling);

		if (!wait_matches(q, p, c))
			continue;
		if (wait_report(q, c, w)) {
			struct usage sum = c->child_usage, own;

			process_usage(c, &own);
			usage_add(&sum, &own);
			usage_fill(&sum, (struct linux_rusage *)w->rusage);
			*found = c;
			return 1;
		}
		result = 0;
	}
	return result;
}

/* Prepares the answer: words[0] pid, words[1] status; in waitid the payload's status is si_status. */
static int wait_finish(const struct wait_query *q, struct process *parent, struct process *c, struct lx_wait *w)
{
	int status = w->status, code = w->code;

	if (q->waitid)
		w->status = status_plain(code, status);
	wait_consume(q, parent, c, code);
	return status;
}

static void wait_cancel(struct parked *parked)
{
	struct wait_parked *w = CONTAINER(parked, struct wait_parked, parked);

	link_remove(&w->link);
	parked_reply(parked, -LINUX_INTERRUPTED);
	mem_free(w);
}

static bool wait_decode(struct request *r, struct wait_query *q)
{
	uint32_t options = (uint32_t)r->words[2], idtype = (uint32_t)r->words[3];

	q->waitid = idtype != 0;
	q->options = options;
	q->pid = (int32_t)r->words[1];
	if (!q->waitid) {
		if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD_ | WCLONE_ | WALL_))
			return false;
		q->options |= WEXITED;
		return true;
	}
	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WUNTRACED | WCONTINUED | WNOTHREAD_ | WCLONE_ | WALL_) ||
		!(options & (WEXITED | WUNTRACED | WCONTINUED)))
		return false;
	switch (idtype - 1) {
	case P_ALL:
		q->pid = -1;
		return true;
	case P_PID:
		return q->pid > 0;
	case P_PGID:
		if (q->pid < 0)
			return false;
		q->pid = q->pid == 0 ? 0 : -q->pid;
		return true;
	default:
		return false;		/* P_PIDFD: there are no pidfds */
	}
}

void request_wait(struct request *r)
{
	struct process *p = r->process, *child = NULL;
	struct wait_query q;
	struct wait_parked *parked;
	struct lx_wait w;
	int found, status;

	if (!wait_decode(r, &q)) {
		request_reply(r, -EINVAL);
		return;
	}
	if (!q.waitid && (int32_t)r->words[1] == INT32_MIN) {
		request_reply(r, -ESRCH);
		return;
	}
	found = wait_look(&q, p, &child, &w);
	if (found > 0) {
		status = wait_finish(&q, p, child, &w);
		request_reply_full(r, w.pid, (uint64_t)status, 0, &w, sizeof(w));
		return;
	}
	if (found < 0 || q.options & WNOHANG) {
		request_reply(r, found);
		return;
	}
	parked = mem_alloc(sizeof(*parked));
	if (!parked) {
		request_reply(r, -ENOMEM);
		return;
	}
	parked->query = q;
	link_before(&p->waits, &parked->link);
	request_park(r, &parked->parked, wait_cancel);
}

/*
 * A child of p (or p's set of children) has changed: give each parked wait what it waits for, or ECHILD
 * when nothing can come any more.
 */
static void waits_serve(struct process *p)
{
	struct link *l = p->waits.next;

	while (l != &p->waits) {
		struct wait_parked *parked = CONTAINER(l, struct wait_parked, link);
		struct process *child = NULL;
		struct lx_wait w;
		int found = wait_look(&parked->query, p, &child, &w), status;

		l = l->next;
		if (found == 0)
			continue;
		link_remove(&parked->link);
		if (found < 0) {
			parked_reply(&parked->parked, found);
		} else {
			status = wait_finish(&parked->query, p, child, &w);
			parked_reply_full(&parked->parked, w.pid, (uint64_t)status, 0, &w, sizeof(w));
		}
		mem_free(parked);
	}
}

void wait_child_changed(struct process *child)
{
	if (child->parent)
		waits_serve(child->parent);
}

static void child_info(struct siginfo *info, int sig, struct process *c, int code, int status)
{
	struct usage u;

	process_usage(c, &u);
	memset(info, 0, sizeof(*info));
	info->signo = sig;
	info->code = code;
	info->child.pid = (int32_t)c->pid;
	info->child.uid = c->cred.uid;
	info->child.status = status_plain(code, status);
	info->child.utime = (int64_t)(u.user_ns / (NS_PER_SEC / USER_HZ));
	info->child.stime = (int64_t)(u.system_ns / (NS_PER_SEC / USER_HZ));
}

/*
 * Tell the parent: code 0 is the end (exit_status says how), else CLD_STOPPED or CLD_CONTINUED.  An
 * ended child whose parent ignores SIGCHLD or asked for no zombies is reaped here (wait(2), NOTES).
 */
void child_notify(struct process *c, int code, int status)
{
	struct process *parent = c->parent;
	bool ended = code == 0, reap = false;
	int sig = ended ? c->exit_signal : SIGCHLD;
	struct siginfo info;

	if (!parent)
		return;
	if (sig && c->parent_exec_id != parent->exec_id)
		sig = SIGCHLD;		/* it runs another program now, perhaps with other rights */
	if (ended) {
		status = c->exit_status;
		code = (status & 0x7f) == 0 ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
		reap = sig == SIGCHLD &&
			(parent->sig_class[SIGCHLD] == CLASS_IGNORE || parent->chld_flags & SA_NOCLDWAIT);
	}
	child_info(&info, sig, c, code, status);
	if (sig && parent->state == PROCESS_ALIVE && !(reap && parent->sig_class[SIGCHLD] == CLASS_IGNORE) &&
		(ended || !(parent->chld_flags & SA_NOCLDSTOP)))
		signal_send(parent, NULL, sig, &info);
	if (reap)
		process_free(c);
	waits_serve(parent);
}
