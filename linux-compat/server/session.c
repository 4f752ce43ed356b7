/*
 * session.c -- process groups and sessions.
 *
 * Owns:    the hash of groups.  A group lives while it has members (zombies included); a session while
 *          a group of it does.
 * Fails:   ENOMEM when a group is made; the rest as setpgid(2), setsid(2), getsid(2) say.
 * Tested:  linux-compat/server/test/process_test.c, tests/linux
 */
#include "process.h"

#define BUCKETS 64u
static struct pgroup *groups[BUCKETS];

struct pgroup *pgroup_find(uint32_t pgid)
{
	struct pgroup *g = groups[pgid % BUCKETS];

	while (g && g->pgid != pgid)
		g = g->hash_next;
	return g;
}

bool session_or_group_uses(uint32_t id)
{
	for (uint32_t b = 0; b < BUCKETS; b++)
		for (struct pgroup *g = groups[b]; g; g = g->hash_next)
			if (g->pgid == id || g->session->sid == id)
				return true;
	return false;
}

struct session *session_new(uint32_t sid, struct process *leader)
{
	struct session *s = mem_alloc(sizeof(*s));

	if (s)
		*s = (struct session){ .sid = sid, .refs = 1, .leader = leader };
	return s;
}

void session_get(struct session *s)
{
	s->refs++;
}

void session_put(struct session *s)
{
	if (--s->refs != 0)
		return;
	if (s->tty)
		tty_session_gone(s->tty, s);
	mem_free(s);
}

void pgroup_leave(struct process *p)
{
	struct pgroup *g = p->group, **at;

	if (!g)
		return;
	p->group = NULL;
	link_remove(&p->group_link);
	if (!link_empty(&g->members))
		return;
	for (at = &groups[g->pgid % BUCKETS]; *at != g; at = &(*at)->hash_next)
		;
	*at = g->hash_next;
	session_put(g->session);
	mem_free(g);
}

static void pgroup_enter(struct process *p, struct pgroup *g)
{
	p->group = g;
	link_before(&g->members, &p->group_link);
}

void pgroup_inherit(struct process *p, struct process *parent)
{
	if (parent->group)
		pgroup_enter(p, parent->group);
}

int pgroup_join(struct process *p, uint32_t pgid, struct session *s)
{
	struct pgroup *g = pgroup_find(pgid);

	if (g && g == p->group)
		return 0;
	if (!g) {
		g = mem_alloc(sizeof(*g));
		if (!g)
			return -ENOMEM;
		g->pgid = pgid;
		g->session = s;
		session_get(s);
		link_init(&g->members);
		g->hash_next = groups[pgid % BUCKETS];
		groups[pgid % BUCKETS] = g;
	}
	pgroup_leave(p);
	pgroup_enter(p, g);
	return 0;
}

#define FOR_EACH_MEMBER(g, p) \
	for (struct process *p = CONTAINER((g)->members.next, struct process, group_link); \
		&p->group_link != &(g)->members; p = CONTAINER(p->group_link.next, struct process, group_link))

/* No member has a parent in another group of the same session: nobody there can continue it. */
bool pgroup_orphaned(const struct pgroup *g, const struct process *ignored)
{
	FOR_EACH_MEMBER(g, p) {
		if (p == ignored || p->state == PROCESS_ZOMBIE || !p->parent || p->parent == process_init)
			continue;
		if (p->parent->group && p->parent->group != g && p->parent->group->session == g->session)
			return false;
	}
	return true;
}

bool pgroup_stopped(const struct pgroup *g)
{
	FOR_EACH_MEMBER(g, p)
		if (p->stopped)
			return true;
	return false;
}

void pgroup_signal(struct pgroup *g, int sig, const struct siginfo *info)
{
	FOR_EACH_MEMBER(g, p)
		signal_send(p, NULL, sig, info);
}

void signal_group(uint32_t pgid, int sig)
{
	struct pgroup *g = pgroup_find(pgid);

	if (g)
		pgroup_signal(g, sig, NULL);
}

/* _exit(2): the end of a process may orphan its own group. */
void pgroup_check_orphans(struct process *leaving)
{
	struct pgroup *g = leaving->group;
	struct process *parent = leaving->parent;

	if (!g || !parent || !parent->group || parent->group == g || parent->group->session != g->session)
		return;
	if (pgroup_stopped(g) && pgroup_orphaned(g, leaving)) {
		pgroup_signal(g, SIGHUP, NULL);
		pgroup_signal(g, SIGCONT, NULL);
	}
}

void session_leader_exit(struct process *p)
{
	struct session *s = p->group ? p->group->session : NULL;

	if (!s || s->leader != p)
		return;
	s->leader = NULL;
	if (s->tty)
		tty_session_gone(s->tty, s);
}

/* --- requests ----------------------------------------------------------------------------------------- */

/* setpgid(2) */
static int pgid_change(struct process *caller, uint32_t pid, uint32_t pgid)
{
	struct process *p = pid ? process_by_pid(pid) : caller;
	struct session *session;
	struct pgroup *g;

	if ((int32_t)pgid < 0)
		return -EINVAL;
	if (!p || p->state == PROCESS_ZOMBIE || (p != caller && p->parent != caller) || !p->group)
		return -ESRCH;
	session = caller->group->session;
	if (p != caller) {
		if (p->group->session != session)
			return -EPERM;
		if (p->executed)
			return -EACCES;
	}
	if (p->group->session->leader == p || p->group->session->sid == p->pid)
		return -EPERM;
	if (pgid == 0)
		pgid = p->pid;
	g = pgroup_find(pgid);
	if (pgid != p->pid && (!g || g->session != p->group->session))
		return -EPERM;
	return pgroup_join(p, pgid, p->group->session);
}

void request_setpgid(struct request *r)
{
	request_reply(r, pgid_change(r->process, (uint32_t)r->words[1], (uint32_t)r->words[2]));
}

static struct process *process_or_self(struct request *r)
{
	uint32_t pid = (uint32_t)r->words[1];
	struct thread *t = pid ? thread_by_tid(pid) : NULL;

	if (pid == 0)
		return r->process;
	return t ? t->process : process_by_pid(pid);
}

void request_getpgid(struct request *r)
{
	struct process *p = process_or_self(r);

	request_reply(r, p && p->group ? (int64_t)p->group->pgid : -ESRCH);
}

void request_getsid(struct request *r)
{
	struct process *p = process_or_self(r);

	request_reply(r, p && p->group ? (int64_t)process_sid(p) : -ESRCH);
}

/* setsid(2): EPERM for a group leader, or when a group of that number exists. */
void request_setsid(struct request *r)
{
	struct process *p = r->process;
	struct session *s;
	int error;

	if (pgroup_find(p->pid)) {
		request_reply(r, -EPERM);
		return;
	}
	s = session_new(p->pid, p);
	error = s ? pgroup_join(p, p->pid, s) : -ENOMEM;
	if (s)
		session_put(s);		/* the group holds it */
	request_reply(r, error ? error : (int64_t)p->pid);
}
