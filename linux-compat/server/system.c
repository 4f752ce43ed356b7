/*
 * system.c -- the machine as Linux programs see it: uname, sysinfo, times, prctl, reboot, and the count of
 * system calls that nobody knows.
 *
 * Owns:    host and domain name, the table of unknown calls.
 * Fails:   EINVAL, EPERM as the Linux pages say; an option that is not here is EINVAL, never success.
 * Tested:  tests/linux
 */
#include "process.h"

#define UNKNOWN_MAX 128u

/* in the order of enum uname_field, which is that of struct new_utsname */
static char names[6][65] = { "Linux", "tessera", "6.1.0-tessera", "#1 SMP PREEMPT Tessera", "x86_64", "(none)" };
static struct { uint32_t number; uint64_t count; char program[16]; } unknown[UNKNOWN_MAX];
static uint32_t nunknown;

static const struct { uint32_t number; const char *name; } call_names[] = {
#define CALL(number, name, level, format, test, missing) { number, #name },
#define NONE(number, name, why) { number, #name },
#include "../table/calls.h"
#undef CALL
#undef NONE
};

/* --- names -------------------------------------------------------------------------------------------- */

void request_uname(struct request *r)
{
	_Static_assert(sizeof(names) == sizeof(struct linux_utsname), "the same six fields");
	request_reply_data(r, 0, names, sizeof(names));
}

const char *uname_text(enum uname_field field)
{
	return names[field];
}

/* sethostname(2), setdomainname(2): at most 64 bytes */
int uname_set(enum uname_field field, const char *text, uint32_t len)
{
	if (len > 64 || (field != UNAME_NODENAME && field != UNAME_DOMAINNAME))
		return -EINVAL;
	memset(names[field], 0, sizeof(names[field]));
	memcpy(names[field], text, len);
	return 0;
}

void request_uname_set(struct request *r)
{
	if (r->process->cred.euid != 0)
		request_reply(r, -EPERM);
	else if (r->words[1] > 1)
		request_reply(r, -EINVAL);
	else
		request_reply(r, uname_set(r->words[1] == 0 ? UNAME_NODENAME : UNAME_DOMAINNAME,
			(const char *)r->payload, r->payload_len));
}

/* --- what it has and what was used ------------------------------------------------------------------------ */

void request_sysinfo(struct request *r)
{
	struct system_info info;
	struct linux_sysinfo s;

	memset(&s, 0, sizeof(s));
	if (tess_system_query(&info) == 0) {
		s.uptime = (int64_t)(info.uptime_ns / NS_PER_SEC);
		s.totalram = info.memory_total;
		s.freeram = info.memory_free;
	}
	s.procs = (uint16_t)process_count();
	s.mem_unit = 1;
	request_reply_data(r, 0, &s, sizeof(s));
}

void request_rusage(struct request *r)
{
	struct process *p = r->process;
	struct linux_rusage out;
	struct usage u;

	switch ((int)(int32_t)r->words[1]) {
	case RUSAGE_SELF:
	case RUSAGE_THREAD:
		process_usage(p, &u);
		break;
	case RUSAGE_CHILDREN:
		u = p->child_usage;
		break;
	default:
		request_reply(r, -EINVAL);
		return;
	}
	if ((int32_t)r->words[1] == RUSAGE_THREAD) {
		struct thread_info t;

		if (tess_thread_query(r->image->task, r->thread->number, &t) == 0) {
			u.user_ns = t.user_ns;
			u.system_ns = t.kernel_ns;
		}
	}
	usage_fill(&u, &out);
	request_reply_data(r, 0, &out, sizeof(out));
}

/* The CPU time of any process, but only of a thread of the caller's own (clock_getcpuclockid(3)). */
void request_cpu_time(struct request *r)
{
	uint32_t id = (uint32_t)r->words[1];
	struct process *p = r->words[2] ? r->process : process_by_pid(id);
	struct thread *t = r->words[2] ? thread_by_tid(id) : NULL;
	struct thread_info info = { 0 };
	struct usage u = { 0 };
	uint64_t ns;

	if (!p || (r->words[2] && (!t || t->process != p))) {
		request_reply(r, -EINVAL);
		return;
	}
	if (!t)
		process_usage(p, &u);
	else if (tess_thread_query(r->image->task, t->number, &info) == 0)
		u = (struct usage){ .user_ns = info.user_ns, .system_ns = info.kernel_ns };
	ns = u.user_ns + (r->words[3] ? 0 : u.system_ns);
	request_reply_data(r, 0, &ns, sizeof(ns));
}

void request_times(struct request *r)
{
	const uint64_t tick = NS_PER_SEC / USER_HZ;
	struct process *p = r->process;
	struct usage u;
	struct linux_tms t;

	process_usage(p, &u);
	t.utime = (int64_t)(u.user_ns / tick);
	t.stime = (int64_t)(u.system_ns / tick);
	t.cutime = (int64_t)(p->child_usage.user_ns / tick);
	t.cstime = (int64_t)(p->child_usage.system_ns / tick);
	request_reply_data(r, (int64_t)(clock_mono_ns() / tick), &t, sizeof(t));
}

/* --- prctl(2) -------------------------------------------------------------------------------------------------- */

static void prctl_name(struct request *r)
{
	struct thread *t = r->thread;
	uint32_t len = r->payload_len < 15 ? r->payload_len : 15;

	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, r->payload, len);
	if (t == r->process->main)
		memcpy(r->process->comm, t->comm, sizeof(t->comm));
	request_reply(r, 0);
}

static void prctl_number(struct request *r, int32_t value)
{
	request_reply_data(r, 0, &value, sizeof(value));
}

void request_prctl(struct request *r)
{
	struct process *p = r->process;
	uint64_t arg = r->words[2];

	switch (r->words[1]) {
	case PR_SET_PDEATHSIG:
		if (arg > SIGNALS_MAX) {
			request_reply(r, -EINVAL);
			return;
		}
		p->pdeath_signal = (int)arg;
		request_reply(r, 0);
		return;
	case PR_GET_PDEATHSIG: prctl_number(r, p->pdeath_signal); return;
	case PR_GET_DUMPABLE: request_reply(r, p->dumpable); return;
	case PR_SET_DUMPABLE:
		if (arg <= 1)
			p->dumpable = (int)arg;
		request_reply(r, arg <= 1 ? 0 : -EINVAL);
		return;
	case PR_GET_KEEPCAPS: request_reply(r, p->keepcaps); return;
	case PR_SET_KEEPCAPS:
		if (arg <= 1)
			p->keepcaps = arg;
		request_reply(r, arg <= 1 ? 0 : -EINVAL);
		return;
	case PR_GET_TIMING: request_reply(r, 0); return;
	case PR_SET_NAME: prctl_name(r); return;
	case PR_GET_NAME: request_reply_data(r, 0, r->thread->comm, 16); return;
	case PR_GET_SECCOMP: request_reply(r, 0); return;
	case PR_CAPBSET_READ: request_reply(r, arg <= 40 ? 1 : -EINVAL); return;
	case PR_GET_SECUREBITS: request_reply(r, 0); return;
	case PR_SET_TIMERSLACK:
		p->timer_slack_ns = arg ? arg : 50000;
		request_reply(r, 0);
		return;
	case PR_GET_TIMERSLACK: request_reply(r, (int64_t)p->timer_slack_ns); return;
	case PR_SET_CHILD_SUBREAPER:
		p->subreaper = arg != 0;
		request_reply(r, 0);
		return;
	case PR_GET_CHILD_SUBREAPER: prctl_number(r, p->subreaper); return;
	case PR_SET_NO_NEW_PRIVS:
		if (arg != 1 || r->words[3] || r->words[4] || r->words[5]) {
			request_reply(r, -EINVAL);
			return;
		}
		p->no_new_privs = true;
		request_reply(r, 0);
		return;
	case PR_GET_NO_NEW_PRIVS: request_reply(r, p->no_new_privs); return;
	default: request_reply(r, -EINVAL); return;
	}
}

/* Only PER_LINUX is here; asking (0xffffffff) answers it. */
void request_personality(struct request *r)
{
	uint32_t persona = (uint32_t)r->words[1], old = r->process->personality;

	if (persona != 0xffffffffu) {
		if ((persona & 0xff) != 0) {
			request_reply(r, -EINVAL);
			return;
		}
		r->process->personality = persona;
	}
	request_reply(r, old);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

#define DRAIN_NS NS_PER_SEC		/* how long the last output may take */

static struct { bool wanted; uint64_t how, code; struct timer timer; } ending;

static void end_now(void *unused)
{
	(void)unused;
	timer_cancel(&ending.timer);
	tess_power_off(server_platform, ending.how, ending.code);
	ending.wanted = false;		/* it would not: somebody may ask again */
}

void power_off_look(void)
{
	if (ending.wanted && lines_drained())
		end_now(NULL);
}

/* The machine ends when what programs have written has left, or after a second at most. */
void power_off(uint64_t how, uint64_t code)
{
	if (ending.wanted)
		return;
	ending.wanted = true;
	ending.how = how;
	ending.code = code;
	timer_after(&ending.timer, clock_mono_ns() + DRAIN_NS, end_now, NULL);
	power_off_look();
}

void system_poweroff(int command)
{
	switch ((uint32_t)command) {
	case LINUX_REBOOT_RESTART:
		server_log("restarting");
		power_off(POWER_RESET, 0);
		break;
	case LINUX_REBOOT_HALT:
	case LINUX_REBOOT_POWER_OFF:
		server_log("power off");
		power_off(POWER_OFF_ABI, 0);
		break;
	default:
		break;
	}
}

/* reboot(2): the translator has checked the magic numbers. */
void request_reboot(struct request *r)
{
	uint32_t command = (uint32_t)r->words[1];

	if (r->process->cred.euid != 0) {
		request_reply(r, -EPERM);
	} else if (command == LINUX_REBOOT_CAD_ON || command == LINUX_REBOOT_CAD_OFF) {
		request_reply(r, 0);	/* there is no keyboard to press it on */
	} else if (command == LINUX_REBOOT_RESTART || command == LINUX_REBOOT_HALT ||
		command == LINUX_REBOOT_POWER_OFF) {
		system_poweroff((int)command);	/* not answered: there is nothing after it */
	} else {
		request_reply(r, -EINVAL);
	}
}

/* --- unknown calls ---------------------------------------------------------------------------------------------------- */

void request_unknown(struct request *r)
{
	uint32_t number = (uint32_t)r->words[1], i = 0;

	while (i < nunknown && unknown[i].number != number)
		i++;
	if (i == nunknown && nunknown < UNKNOWN_MAX) {
		nunknown++;
		unknown[i].number = number;
		memcpy(unknown[i].program, r->process->comm, sizeof(unknown[i].program));
	}
	if (i < nunknown)
		unknown[i].count++;
	request_reply(r, 0);
}

static const char *call_name(uint32_t number)
{
	for (uint32_t i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++)
		if (call_names[i].number == number)
			return call_names[i].name;
	return "?";
}

/* A line for each: number, name, how often, the program that asked first. */
int unimplemented_text(char *buf, uint32_t len)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < nunknown && used < len; i++) {
		int n = snprintf(buf + used, len - used, "%u %s %lu %s\n", unknown[i].number,
			call_name(unknown[i].number), (unsigned long)unknown[i].count, unknown[i].program);

		if (n < 0 || (uint32_t)n >= len - used)
			break;
		used += (uint32_t)n;
	}
	return (int)used;
}
