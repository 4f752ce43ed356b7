/*
 * cred.c -- user and group ids, as credentials(7) and the set*id pages say.
 *
 * Owns:    process->cred.  uid 0 is a name that linuxd checks; it gives no capability.
 * Fails:   EPERM, EINVAL.
 * Tested:  linux-compat/server/test/process_test.c, tests/linux
 */
#include "process.h"

#define KEEP (~0u)			/* (uid_t)-1: leave as it is */

bool cred_is_root(const struct cred *c)
{
	return c->fsuid == 0;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->fsgid == gid)
		return true;
	for (uint32_t i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

/* The three ids of one kind, so that users and groups share their rules. */
struct ids { uint32_t *real, *effective, *saved, *fs; };

static bool one_of(uint32_t id, const struct ids *i)
{
	return id == *i->real || id == *i->effective || id == *i->saved;
}

/* setuid(2), setgid(2) */
static int set_one(const struct ids *i, bool root, uint32_t id)
{
	if (id == KEEP)
		return -EINVAL;
	if (root)
		*i->real = *i->saved = id;
	else if (id != *i->real && id != *i->saved)
		return -EPERM;
	*i->effective = *i->fs = id;
	return 0;
}

/* setreuid(2): the saved id follows when the real one is set or the effective leaves it. */
static int set_real_effective(const struct ids *i, bool root, uint32_t real, uint32_t effective)
{
	uint32_t old_real = *i->real;

	if (!root && real != KEEP && real != *i->real && real != *i->effective)
		return -EPERM;
	if (!root && effective != KEEP && !one_of(effective, i))
		return -EPERM;
	if (real != KEEP)
		*i->real = real;
	if (effective != KEEP)
		*i->effective = effective;
	if (real != KEEP || (effective != KEEP && effective != old_real))
		*i->saved = *i->effective;
	*i->fs = *i->effective;
	return 0;
}

/* setresuid(2) */
static int set_three(const struct ids *i, bool root, uint32_t real, uint32_t effective, uint32_t saved)
{
	if (!root && ((real != KEEP && !one_of(real, i)) || (effective != KEEP && !one_of(effective, i)) ||
		(saved != KEEP && !one_of(saved, i))))
		return -EPERM;
	if (real != KEEP)
		*i->real = real;
	if (effective != KEEP)
		*i->effective = effective;
	if (saved != KEEP)
		*i->saved = saved;
	*i->fs = *i->effective;
	return 0;
}

/* setfsuid(2): never an error; the old one comes back. */
static int set_fs(const struct ids *i, bool root, uint32_t id)
{
	int old = (int)*i->fs;

	if (id != KEEP && (root || one_of(id, i) || id == *i->fs))
		*i->fs = id;
	return old;
}

void request_setids(struct request *r)
{
	struct process *p = r->process;
	struct cred *c = &p->cred, before = *c;
	const struct ids user = { &c->uid, &c->euid, &c->suid, &c->fsuid };
	const struct ids group = { &c->gid, &c->egid, &c->sgid, &c->fsgid };
	bool root = c->euid == 0;
	uint32_t a = (uint32_t)r->words[2], b = (uint32_t)r->words[3], d = (uint32_t)r->words[4];
	int result;

	switch (r->words[1]) {
	case LX_SETUID:		result = set_one(&user, root, a); break;
	case LX_SETGID:		result = set_one(&group, root, a); break;
	case LX_SETREUID:	result = set_real_effective(&user, root, a, b); break;
	case LX_SETREGID:	result = set_real_effective(&group, root, a, b); break;
	case LX_SETRESUID:	result = set_three(&user, root, a, b, d); break;
	case LX_SETRESGID:	result = set_three(&group, root, a, b, d); break;
	case LX_SETFSUID:	result = set_fs(&user, root, a); break;
	case LX_SETFSGID:	result = set_fs(&group, root, a); break;
	default:		result = -EINVAL; break;
	}
	if (c->uid != before.uid)
		process_set_counted(p);
	if (c->euid != before.euid || c->egid != before.egid || c->fsuid != before.fsuid || c->fsgid != before.fsgid) {
		p->dumpable = 0;	/* prctl(2), PR_SET_DUMPABLE */
		p->pdeath_signal = 0;
	}
	request_reply(r, result);
}

void request_setgroups(struct request *r)
{
	struct cred *c = &r->process->cred;
	uint32_t n = r->payload_len / 4;

	if (c->euid != 0) {
		request_reply(r, -EPERM);
	} else if (n > GROUPS_MAX) {
		request_reply(r, -EINVAL);
	} else {
		memcpy(c->groups, r->payload, n * 4);
		c->ngroups = n;
		request_reply(r, 0);
	}
}

void request_getgroups(struct request *r)
{
	const struct cred *c = &r->process->cred;

	request_reply_data(r, c->ngroups, c->groups, c->ngroups * 4);
}

void request_getpid(struct request *r)
{
	const struct process *p = r->process;
	const struct cred *c = &p->cred;
	struct lx_ids ids = {
		.pid = p->pid, .tid = r->thread->tid, .ppid = p->parent ? p->parent->pid : 0,
		.pgid = p->group ? p->group->pgid : 0, .sid = process_sid(p),
		.uid = c->uid, .euid = c->euid, .suid = c->suid, .fsuid = c->fsuid,
		.gid = c->gid, .egid = c->egid, .sgid = c->sgid, .fsgid = c->fsgid, .ngroups = c->ngroups,
	};

	request_reply_data(r, p->pid, &ids, sizeof(ids));
}
