/*
 * ids.c -- the same random changes of users, groups, limits and priorities, and what they then allow.
 *
 * Each of many children makes some, so that there is always one who still may.  Not asked for: capabilities other
 * than uid 0's (capset is ENOSYS here, securebits and ambient ones EINVAL), setfsuid (what is
 * left of the effective ones depends on which call came first on Linux), set-id bits (see files.c).
 */
#include "twin.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FILE_NAME	"/tmp/twin.ids"
#define EACH		25		/* calls of a child */

static int id(void)
{
	static const int all[] = { -1, 0, 0, 100, 100, 200, 200, 300, 65534 };

	return all[random_below(COUNT(all))];
}

/* By number: musl's functions would do it in all threads. */
#define ONE_ID(call) static void do_##call(void) { int a = id(); answer(syscall(SYS_##call, a), #call " %d", a); }
#define TWO_IDS(call) static void do_##call(void) \
	{ int a = id(), b = id(); answer(syscall(SYS_##call, a, b), #call " %d %d", a, b); }
#define THREE_IDS(call) static void do_##call(void) \
	{ int a = id(), b = id(), c = id(); answer(syscall(SYS_##call, a, b, c), #call " %d %d %d", a, b, c); }
ONE_ID(setuid)
ONE_ID(setgid)
ONE_ID(setfsgid)
TWO_IDS(setreuid)
TWO_IDS(setregid)
THREE_IDS(setresuid)
THREE_IDS(setresgid)

static void do_setgroups(void)
{
	gid_t groups[3] = { 100, 200, 300 };
	unsigned n = random_below(4);

	answer(syscall(SYS_setgroups, n, groups), "setgroups %u", n);
}

static void do_no_new_privs(void)
{
	int option = one_in(4) ? PR_SET_NO_NEW_PRIVS : PR_GET_NO_NEW_PRIVS;

	answer(prctl(option, option == PR_SET_NO_NEW_PRIVS, 0, 0, 0), "prctl %d", option);
}

static void do_dumpable(void)
{
	int value = (int)random_below(3);

	answer(prctl(PR_SET_DUMPABLE, value, 0, 0, 0), "PR_SET_DUMPABLE %d", value);
	answer(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), "PR_GET_DUMPABLE");
}

static void do_nice(void)
{
	int value = (int)random_below(50) - 25;

	answer(setpriority(PRIO_PROCESS, 0, value), "setpriority %d", value);
	answer(getpriority(PRIO_PROCESS, 0) + 100, "getpriority");
}

static void do_limit(void)
{
	static const int all[] = { RLIMIT_NOFILE, RLIMIT_NICE, RLIMIT_CORE, RLIMIT_STACK, RLIMIT_NPROC, RLIMIT_RTPRIO };
	int what = all[random_below(COUNT(all))];
	struct rlimit limit = { random_below(2000), random_below(3000) };

	answer(setrlimit(what, &limit), "setrlimit %d %d %d", what, (int)limit.rlim_cur, (int)limit.rlim_max);
}

static void do_policy(void)
{
	static const int all[] = { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, 77 };
	int policy = all[random_below(COUNT(all))];
	struct sched_param param = { .sched_priority = (int)(random_below(4) * random_below(30)) };

	answer(syscall(SYS_sched_setscheduler, 0, policy, &param), "sched_setscheduler %d %d", policy, param.sched_priority);
}

static void do_chown(void)
{
	int uid = id(), gid = id();

	answer(chown(FILE_NAME, uid, gid), "chown %d %d", uid, gid);
}

static void do_chmod(void)
{
	unsigned mode = random_below(02000);

	answer(chmod(FILE_NAME, mode), "chmod %o", mode);
}

static void do_access(void)
{
	int mode = (int)random_below(8), flags = one_in(2) ? AT_EACCESS : 0;

	answer(faccessat(AT_FDCWD, FILE_NAME, mode, flags), "access %d %d", mode, flags);
}

static void do_open(void)
{
	int how = (int)random_below(3), fd = open(FILE_NAME, how);

	answer(fd < 0 ? -1 : 0, "open %d", how);
	if (fd >= 0)
		close(fd);
}

static void ids_say(void)
{
	static const char *const lines[] = { "Uid", "Gid", "Groups", "CapPrm", "NoNewPrivs" };
	FILE *f = fopen("/proc/self/status", "r");
	char line[512];
	struct stat st;

	while (f && fgets(line, sizeof(line), f))
		for (unsigned i = 0; i < COUNT(lines); i++)
			if (strncmp(line, lines[i], strlen(lines[i])) == 0)
				printf(" %s", line);
	if (f)
		fclose(f);
	else
		printf(" %d\n", errno);
	if (stat(FILE_NAME, &st) == 0)
		printf(" %d %d %o\n", (int)st.st_uid, (int)st.st_gid, st.st_mode);
}

static void do_child(void)
{
	static void (*const calls[])(void) = {
		do_setuid, do_setgid, do_setfsgid, do_setreuid, do_setregid, do_setresuid, do_setresuid, do_setresgid,
		do_setresgid, do_setgroups, do_no_new_privs, do_dumpable, do_nice, do_limit, do_policy, do_chown, do_chmod,
		do_access, do_access, do_open, do_open,
	};
	uint64_t seed = random_below(1 << 30);
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		random_begin(seed);
		for (unsigned i = 0; i < EACH; i++) {
			calls[random_below(COUNT(calls))]();
			ids_say();
		}
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	twin_step += EACH - 1;
	answer(status, "child");
}

int main(int argc, char **argv)
{
	static void (*const calls[])(void) = { do_child };
	int fd;

	unlink(FILE_NAME);
	fd = open(FILE_NAME, O_CREAT | O_RDWR, 0640);
	if (fchown(fd, 100, 200) < 0)
		abort();
	close(fd);
	return twin_run(argc, argv, calls, COUNT(calls), NULL);
}
