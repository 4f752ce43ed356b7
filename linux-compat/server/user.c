/*
 * user.c -- users: what their processes hold together, and who must go when memory runs out.
 *
 * Owns:    the list of users, each with the pool that its processes' pools are nested in.
 * Fails:   NULL when there is no memory for one.
 * Tested:  linux-compat/server/test/process_test.c, tests/boot/quota.bats
 */
#include "process.h"

#define RESERVE_MAX	(1ull << 20)

static struct user *users;

/*
 * What a user's processes may hold together: all that Linux may, less a sixteenth.  The last sixteenth of all,
 * whoever holds the rest (files are nobody's), only root's can have: so somebody can always log in and clean up.
 */
static uint64_t user_limit(uint32_t uid)
{
	struct pool_info info;

	if (tess_pool_query(server_pool, &info) < 0 || info.limit_bytes == 0)
		return ~0ull >> 1;
	return uid == 0 ? info.limit_bytes : info.limit_bytes - info.limit_bytes / 16;
}

struct user *user_get(uint32_t uid)
{
	struct user *u;
	int64_t pool;

	for (u = users; u; u = u->next)
		if (u->uid == uid) {
			u->refs++;
			return u;
		}
	u = mem_alloc(sizeof(*u));
	if (!u)
		return NULL;
	u->limit_bytes = user_limit(uid);
	pool = tess_pool_create(server_pool, u->limit_bytes);
	if (pool < 0) {
		mem_free(u);
		return NULL;
	}
	u->pool = (handle_t)pool;
	if (uid == 0 && tess_pool_reserve(server_pool, u->limit_bytes / 16, u->pool) < 0)
		server_log("no memory is reserved for root");
	u->uid = uid;
	u->payer = mem_payer_get(uid);
	u->refs = 1;
	u->next = users;
	users = u;
	return u;
}

/* The last reference of a user of whom nothing runs any more gives its pool back. */
void user_put(struct user *u)
{
	if (!u || --u->refs != 0)
		return;
	for (struct user **at = &users; *at; at = &(*at)->next)
		if (*at == u) {
			*at = u->next;
			break;
		}
	tess_handle_close(u->pool);
	mem_payer_put(u->payer);
	mem_free(u);
}

struct user *user_next(struct user *u)
{
	return u ? u->next : users;
}

void process_set_counted(struct process *p)
{
	struct user *u = user_get(p->cred.uid);

	if (!u)
		return;			/* no memory: it stays counted where it was */
	u->nprocs += p->nthreads;
	if (p->counted) {
		p->counted->nprocs -= p->nthreads;
		user_put(p->counted);
	}
	p->counted = u;
}

static struct user *user_fullest(uint64_t *used)
{
	struct user *fullest = NULL;
	struct pool_info info;

	*used = 0;
	for (struct user *u = users; u; u = u->next)
		if (tess_pool_query(u->pool, &info) == 0 && info.used_bytes >= *used) {
			*used = info.used_bytes;
			fullest = u;
		}
	return fullest;
}

/*
 * There is no memory for `sufferer` (NULL: unknown): of the user who holds most, the process that holds
 * most is killed.  While one is dying nothing more is done: its memory is on the way, faults are retried.
 */
void memory_shortage(struct process *sufferer)
{
	struct process *victim = NULL;
	struct pool_info info;
	uint64_t most;
	struct user *fullest = user_fullest(&most);

	most = 0;
	FOR_EACH_PROCESS(p) {
		if (p->state == PROCESS_DYING)
			return;
		if (p->state != PROCESS_ALIVE || p->user != fullest || p->unkillable || !p->image)
			continue;
		if (tess_pool_query(p->image->pool, &info) == 0 && info.used_bytes > most) {
			most = info.used_bytes;
			victim = p;
		}
	}
	if (!victim)
		victim = sufferer;
	if (!victim || victim->state != PROCESS_ALIVE)
		return;
	server_log("out of memory: killed process %u (%s), %lu KiB", victim->pid, victim->comm,
		(unsigned long)(most / 1024));
	process_kill(victim, SIGKILL);
}

/*
 * p leads the session of the console: the last of its user's share is its own, so that it can always answer.  The
 * last of all stays root's, whoever has logged in here.
 */
void memory_favour(const struct process *p)
{
	struct pool_info info;
	uint64_t reserve;

	if (!p->image || p->image->pool == H_NONE || tess_pool_query(server_pool, &info) < 0)
		return;
	reserve = info.limit_bytes / 64 < RESERVE_MAX ? info.limit_bytes / 64 : RESERVE_MAX;
	if (tess_pool_reserve(p->user->pool, reserve, p->image->pool) < 0)
		server_log("no memory is reserved for process %u", p->pid);
}

/* A fork or exec of p found none: somebody else's doing is put right, its own is its own affair. */
void memory_refused(struct process *p)
{
	uint64_t most;

	if (user_fullest(&most) != p->user)
		memory_shortage(NULL);
}
