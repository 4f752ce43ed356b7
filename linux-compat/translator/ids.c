/*
 * ids.c -- user, group, session and process-group ids; limits, priorities.  linuxd's, all of them; the
 * ids a process has are remembered, since only it can change them.
 *
 * Owns:     state->ids.
 * Conforms: credentials(7), getrlimit(2), getpriority(2).
 * Tested:   tests/linux/process.c
 */
#include "translator.h"

const struct lx_ids *ids_get(void)
{
	struct task_state *s = self_state();

	if (!s->ids_valid) {
		if (server_call(LX_GETPID, 0, 0, 0) < 0)
			return &s->ids;
		memcpy(&s->ids, self_utcb()->msg.inline_data, sizeof(s->ids));
		s->ids_valid = true;
	}
	return &s->ids;
}

int64_t sys_getuid(void) { return ids_get()->uid; }
int64_t sys_geteuid(void) { return ids_get()->euid; }
int64_t sys_getgid(void) { return ids_get()->gid; }
int64_t sys_getegid(void) { return ids_get()->egid; }

int64_t sys_getresuid(uint64_t real, uint64_t effective, uint64_t saved)
{
	const struct lx_ids *i = ids_get();

	return user_store32(real, i->uid) || user_store32(effective, i->euid) || user_store32(saved, i->suid) ?
		-EFAULT : 0;
}

int64_t sys_getresgid(uint64_t real, uint64_t effective, uint64_t saved)
{
	const struct lx_ids *i = ids_get();

	return user_store32(real, i->gid) || user_store32(effective, i->egid) || user_store32(saved, i->sgid) ?
		-EFAULT : 0;
}

static int64_t ids_set(enum lx_setid what, uint64_t a, uint64_t b, uint64_t c)
{
	struct ipc_message *m = request(LX_SETIDS, what, (uint32_t)a, (uint32_t)b);
	int64_t r;

	m->words[4] = (uint32_t)c;
	r = request_server();
	self_state()->ids_valid = false;
	return r;
}

int64_t sys_setuid(uint64_t id) { return ids_set(LX_SETUID, id, 0, 0); }
int64_t sys_setgid(uint64_t id) { return ids_set(LX_SETGID, id, 0, 0); }
int64_t sys_setreuid(uint64_t r, uint64_t e) { return ids_set(LX_SETREUID, r, e, 0); }
int64_t sys_setregid(uint64_t r, uint64_t e) { return ids_set(LX_SETREGID, r, e, 0); }
int64_t sys_setresuid(uint64_t r, uint64_t e, uint64_t s) { return ids_set(LX_SETRESUID, r, e, s); }
int64_t sys_setresgid(uint64_t r, uint64_t e, uint64_t s) { return ids_set(LX_SETRESGID, r, e, s); }
int64_t sys_setfsuid(uint64_t id) { return ids_set(LX_SETFSUID, id, 0, 0); }
int64_t sys_setfsgid(uint64_t id) { return ids_set(LX_SETFSGID, id, 0, 0); }

#define GROUPS_MAX	65536u

int64_t sys_getgroups(uint64_t count, uint64_t list)
{
	const struct ipc_message *m = &self_utcb()->msg;
	int64_t r;

	if ((int32_t)count < 0)
		return -EINVAL;
	r = server_call(LX_GETGROUPS, 0, 0, 0);
	if (r <= 0 || (uint32_t)count == 0)
		return r;
	if (r > (int64_t)(uint32_t)count || (uint64_t)r * 4 > m->inline_len)
		return -EINVAL;
	return copy_out(list, m->inline_data, (uint64_t)r * 4) ? -EFAULT : r;
}

int64_t sys_setgroups(uint64_t count, uint64_t list)
{
	struct ipc_message *m = request(LX_SETGROUPS, 0, 0, 0);

	if ((uint32_t)count > GROUPS_MAX || (uint32_t)count * 4 > IPC_INLINE)
		return -EINVAL;
	if (copy_in(m->inline_data, list, (uint32_t)count * 4))
		return -EFAULT;
	m->inline_len = (uint32_t)count * 4;
	return request_server();
}

/* --- groups and sessions ---------------------------------------------------------------------------- */

static uint64_t pid_word(uint64_t pid) { return (uint64_t)(int64_t)(int32_t)pid; }

int64_t sys_setpgid(uint64_t pid, uint64_t group) { return server_call(LX_SETPGID, pid_word(pid), pid_word(group), 0); }
int64_t sys_getpgid(uint64_t pid) { return server_call(LX_GETPGID, pid_word(pid), 0, 0); }
int64_t sys_getpgrp(void) { return server_call(LX_GETPGID, 0, 0, 0); }
int64_t sys_setsid(void) { return server_call(LX_SETSID, 0, 0, 0); }
int64_t sys_getsid(uint64_t pid) { return server_call(LX_GETSID, pid_word(pid), 0, 0); }

/* --- limits and use -------------------------------------------------------------------------------------- */

int64_t sys_prlimit64(uint64_t pid, uint64_t resource, uint64_t new, uint64_t old)
{
	struct ipc_message *m = request(LX_RLIMIT, pid_word(pid), (uint32_t)resource, new != 0);
	int64_t r;

	if (new) {
		if (copy_in(m->inline_data, new, 16))
			return -EFAULT;
		m->inline_len = 16;
	}
	r = request_server();
	if (r >= 0 && old && copy_out(old, m->inline_data, 16))
		return -EFAULT;
	return r;
}

int64_t sys_getrlimit(uint64_t resource, uint64_t to) { return sys_prlimit64(0, resource, 0, to); }

int64_t sys_setrlimit(uint64_t resource, uint64_t from)
{
	return from == 0 ? -EFAULT : sys_prlimit64(0, resource, from, 0);
}

int64_t sys_getrusage(uint64_t who, uint64_t to)
{
	int64_t r = server_call(LX_RUSAGE, pid_word(who), 0, 0);

	return r < 0 ? r : copy_out(to, self_utcb()->msg.inline_data, 144);
}

int64_t sys_getpriority(uint64_t which, uint64_t who)
{
	return server_call(LX_PRIORITY, 0, (uint32_t)which, pid_word(who));
}

int64_t sys_setpriority(uint64_t which, uint64_t who, uint64_t nice)
{
	struct ipc_message *m = request(LX_PRIORITY, 1, (uint32_t)which, pid_word(who));

	m->words[4] = pid_word(nice);
	return request_server();
}

/* --- scheduling ------------------------------------------------------------------------------------------- */

int64_t sys_sched_yield(void)
{
	tess_thread_yield();
	return 0;
}

/* A request whose structure goes in, or comes out, or neither. */
static int64_t sched(enum lx_sched op, uint64_t pid, uint64_t value, uint64_t in, uint64_t in_len, uint64_t out,
		     uint64_t out_len)
{
	struct ipc_message *m = request(LX_SCHED, op, pid_word(pid), value);
	int64_t r;

	if (in_len) {
		if (copy_in(m->inline_data, in, in_len))
			return -EFAULT;
		m->inline_len = (uint32_t)in_len;
	}
	r = request_server();
	if (r < 0 || out_len == 0)
		return r;
	if (out_len > m->inline_len)
		out_len = m->inline_len;
	return copy_out(out, m->inline_data, out_len) ? -EFAULT : r;
}

/* The kernel's mask is one word; more room stays as it is, and the bytes written are answered. */
int64_t sys_sched_getaffinity(uint64_t pid, uint64_t size, uint64_t mask)
{
	int64_t r;

	if ((uint32_t)size & 7 || (uint32_t)size < 8)
		return -EINVAL;
	r = sched(LX_SCHED_GETAFFINITY, pid, 0, 0, 0, mask, 8);
	return r < 0 ? r : 8;
}

int64_t sys_sched_setaffinity(uint64_t pid, uint64_t size, uint64_t mask)
{
	struct ipc_message *m = request(LX_SCHED, LX_SCHED_SETAFFINITY, pid_word(pid), 0);
	uint64_t bits = 0;

	if (copy_in(&bits, mask, (uint32_t)size < 8 ? (uint32_t)size : 8))
		return -EFAULT;
	memcpy(m->inline_data, &bits, 8);
	m->inline_len = 8;
	return request_server();
}

int64_t sys_sched_getscheduler(uint64_t pid) { return sched(LX_SCHED_GETSCHEDULER, pid, 0, 0, 0, 0, 0); }

int64_t sys_sched_setscheduler(uint64_t pid, uint64_t policy, uint64_t param)
{
	return param == 0 ? -EINVAL : sched(LX_SCHED_SETSCHEDULER, pid, (uint32_t)policy, param, 4, 0, 0);
}

int64_t sys_sched_getparam(uint64_t pid, uint64_t param)
{
	int64_t r = param == 0 ? -EINVAL : sched(LX_SCHED_GETPARAM, pid, 0, 0, 0, param, 4);

	return r < 0 ? r : 0;
}

int64_t sys_sched_setparam(uint64_t pid, uint64_t param)
{
	return param == 0 ? -EINVAL : sched(LX_SCHED_SETPARAM, pid, 0, param, 4, 0, 0);
}

int64_t sys_sched_getattr(uint64_t pid, uint64_t attr, uint64_t size, uint64_t flags)
{
	if (attr == 0 || (uint32_t)flags || (uint32_t)size < 48 || (uint32_t)size > PAGE_SIZE)
		return -EINVAL;
	return sched(LX_SCHED_GETATTR, pid, (uint32_t)size, 0, 0, attr, (uint32_t)size);
}

int64_t sys_sched_setattr(uint64_t pid, uint64_t attr, uint64_t flags)
{
	uint32_t size;

	if (attr == 0 || (uint32_t)flags)
		return -EINVAL;
	if (user_load32(attr, &size))
		return -EFAULT;
	if (size == 0)
		size = 48;
	if (size < 48 || size > 56)
		return -E2BIG;
	return sched(LX_SCHED_SETATTR, pid, 0, attr, size, 0, 0);
}

int64_t sys_sched_get_priority_max(uint64_t policy)
{
	switch ((int32_t)policy) {
	case 1: case 2: return 99;
	case 0: case 3: case 5: case 6: return 0;
	default: return -EINVAL;
	}
}

int64_t sys_sched_get_priority_min(uint64_t policy)
{
	int64_t max = sys_sched_get_priority_max(policy);

	return max == 99 ? 1 : max;
}

int64_t sys_sched_rr_get_interval(uint64_t pid, uint64_t to)
{
	struct linux_timespec ts = { 0, 4000000 };
	int64_t r = sched(LX_SCHED_GETSCHEDULER, pid, 0, 0, 0, 0, 0);

	return r < 0 ? r : copy_out(to, &ts, sizeof(ts));
}

int64_t sys_getcpu(uint64_t cpu, uint64_t node, uint64_t cache)
{
	struct thread_info info;

	(void)cache;
	if (tess_thread_query(H_SELF, self_thread()->number, &info) < 0)
		info.cpu = 0;
	return (cpu && user_store32(cpu, (uint32_t)info.cpu)) || (node && user_store32(node, 0)) ? -EFAULT : 0;
}
