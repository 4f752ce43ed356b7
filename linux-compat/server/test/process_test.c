/*
 * process_test.c -- life of processes: fork, exec, wait, groups and sessions, credentials.
 */
#include "process_mock.h"

static void an_exit_is_seen_after_the_death_notice(void)
{
	struct process *a;
	uint64_t wait;
	uint32_t pid;

	mock_start();
	a = mock_fork(process_init);
	pid = a->pid;
	wait = mock_call(process_init, LX_WAIT, (uint64_t)-1, 0, 0);
	CHECK(value_of(wait) == PARKED);
	mock_exit(a, 7 << 8);
	CHECK(value_of(wait) == pid && answer_of(wait)->w1 == 7 << 8);
	CHECK(answer_of(wait)->len == sizeof(struct lx_wait));
	CHECK(!process_by_pid(pid));
	CHECK(value_of(mock_call(process_init, LX_WAIT, (uint64_t)-1, 0, 0)) == -ECHILD);
	mock_end();
}

static void wait_selects_its_children(void)
{
	struct process *a, *b;
	uint32_t pid;

	mock_start();
	a = mock_fork(process_init);
	b = mock_fork(process_init);
	pid = a->pid;
	CHECK(value_of(mock_call(b, LX_SETPGID, 0, 0, 0)) == 0);
	CHECK(value_of(mock_call(process_init, LX_WAIT, a->pid, WNOHANG, 0)) == 0);
	CHECK(value_of(mock_call(process_init, LX_WAIT, 77, WNOHANG, 0)) == -ECHILD);
	CHECK(value_of(mock_call(a, LX_WAIT, b->pid, WNOHANG, 0)) == -ECHILD);
	CHECK(value_of(mock_call(process_init, LX_WAIT, a->pid, 0x4000, 0)) == -EINVAL);
	mock_exit(a, 0);
	CHECK(value_of(mock_call(process_init, LX_WAIT, (uint64_t)-(int64_t)b->pid, WNOHANG, 0)) == 0);
	CHECK(value_of(mock_call(process_init, LX_WAIT, 0, WNOHANG, 0)) == pid);
	mock_end();
}

static void waitid_can_leave_the_zombie(void)
{
	struct process *a;
	struct lx_wait w;
	uint64_t token;
	uint32_t pid;

	mock_start();
	a = mock_fork(process_init);
	pid = a->pid;
	mock_exit(a, 5 << 8);
	token = mock_call(process_init, LX_WAIT, a->pid, WEXITED | WNOWAIT, P_PID + 1);
	CHECK(value_of(token) == a->pid);
	memcpy(&w, answer_of(token)->data, sizeof(w));
	CHECK(w.code == CLD_EXITED && w.status == 5 && a->state == PROCESS_ZOMBIE);
	CHECK(value_of(mock_call(process_init, LX_WAIT, pid, WEXITED, P_PID + 1)) == pid);
	CHECK(value_of(mock_call(process_init, LX_WAIT, 0, WNOHANG, P_ALL + 1)) == -EINVAL);
	mock_end();
}

static void an_interrupted_wait_loses_nothing(void)
{
	struct process *a;
	uint64_t wait;
	uint32_t pid;

	mock_start();
	a = mock_fork(process_init);
	pid = a->pid;
	wait = mock_call(process_init, LX_WAIT, a->pid, 0, 0);
	mock_cancel(wait);
	CHECK(value_of(wait) == -LINUX_INTERRUPTED);
	mock_exit(a, 0);
	mock_cancel(wait);		/* too late: nothing happens */
	CHECK(value_of(mock_call(process_init, LX_WAIT, pid, 0, 0)) == pid);
	mock_end();
}

static void ignored_sigchld_reaps_by_itself(void)
{
	struct process *a;
	uint64_t wait;
	uint32_t pid;

	mock_start();
	mock_call(process_init, LX_SIGCLASS, SIGCHLD, CLASS_IGNORE, 0);
	a = mock_fork(process_init);
	pid = a->pid;
	wait = mock_call(process_init, LX_WAIT, (uint64_t)-1, 0, 0);
	mock_exit(a, 0);
	CHECK(!process_by_pid(pid));
	CHECK(value_of(wait) == -ECHILD);
	mock_end();
}

static void orphans_go_to_the_subreaper_or_pid_1(void)
{
	struct process *a, *b, *c, *d;

	mock_start();
	a = mock_fork(process_init);
	b = mock_fork(a);
	c = mock_fork(b);
	d = mock_fork(c);
	mock_call(a, LX_PRCTL, PR_SET_CHILD_SUBREAPER, 1, 0);
	mock_exit(c, 0);
	CHECK(d->parent == a);
	mock_exit(a, 0);
	CHECK(b->parent == process_init && d->parent == process_init);
	mock_end();
}

static void the_parents_death_signal_comes(void)
{
	struct process *a, *b;

	mock_start();
	a = mock_fork(process_init);
	b = mock_fork(a);
	mock_call(b, LX_PRCTL, PR_SET_PDEATHSIG, SIGTERM, 0);
	mock_exit(a, 0);
	CHECK(b->state == PROCESS_ZOMBIE && b->exit_status == SIGTERM);
	mock_end();
}

static void exec_replaces_the_image_when_it_is_ready(void)
{
	struct process *a;
	uint64_t exec, ready, old;

	mock_start();
	a = mock_fork(process_init);
	old = a->image->badge;
	mock_call(a, LX_SIGCLASS, SIGUSR1, CLASS_HANDLED, 0);
	mock_call(a, LX_SIGCLASS, SIGUSR2, CLASS_IGNORE, 0);
	mock_task(a)->mask[0] = SIG_BIT(SIGHUP);
	exec = mock_exec(a, "/bin/prog");
	CHECK(value_of(exec) == PARKED && a->image->badge == old);
	ready = mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, 0, 0x401000, 0x7ffd00000000, 0x600000);
	CHECK(value_of(ready) == 0 && answer_of(ready)->len == sizeof(struct lx_exec_cred));
	CHECK(a->image->badge != old && value_of(exec) == PARKED);
	CHECK(strcmp(a->comm, "prog") == 0 && strcmp(a->exe, "/bin/prog") == 0);
	CHECK(a->sig_class[SIGUSR1] == CLASS_DEFAULT && a->sig_class[SIGUSR2] == CLASS_IGNORE);
	CHECK(mock_task(a)->mask[0] == SIG_BIT(SIGHUP));
	CHECK(value_of(mock_call_from(old, LX_GETPID, 0, 0, 0, 0)) == -EPERM);
	CHECK(value_of(mock_call(a, LX_GETPID, 0, 0, 0)) == a->pid);
	mock_end();
}

static void a_failed_exec_goes_back_with_its_errno(void)
{
	struct process *a;
	uint64_t exec, loading;

	mock_start();
	a = mock_fork(process_init);
	mock_exec_error = -EACCES;
	CHECK(value_of(mock_exec(a, "/x")) == -EACCES);
	mock_exec_error = 0;
	exec = mock_exec(a, "/x");
	loading = mock_task_newest()->badge;
	CHECK(value_of(mock_call_from(loading, LX_FORK, 0, 0, 0, 0)) == -EPERM);	/* not while it loads */
	mock_call_from(loading, LX_EXEC_READY, (uint64_t)-ENOEXEC, 0, 0, 0);
	CHECK(value_of(exec) == -ENOEXEC && a->state == PROCESS_ALIVE && !a->exec);
	exec = mock_exec(a, "/x");	/* a loader that dies */
	tess_task_kill(a->loading->task, 11);
	mock_cancel(0);
	CHECK(value_of(exec) == -ENOEXEC && a->state == PROCESS_ALIVE);
	mock_end();
}

static void a_kill_during_exec_ends_both(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	mock_exec(a, "/x");
	mock_call(process_init, LX_KILL, a->pid, SIGKILL, 0);
	CHECK(a->state == PROCESS_ZOMBIE && a->exit_status == SIGKILL);
	CHECK(mock_task_newest()->dead);
	mock_end();
}

/* The old program of an exec dies last: a vfork parent's memory is not free before, nor are descriptors. */
static void a_kill_during_the_change_over_waits_for_the_old_program(void)
{
	struct process *a, *b;
	uint64_t fork;

	mock_start();
	a = mock_fork(process_init);
	fork = mock_call_from(a->image->badge, LX_VFORK, 0x7fffff000100, 0x7fff00018000, 0x7fff00010000, 0);
	b = CONTAINER(a->children.next, struct process, sibling);
	mock_slow_badge = b->image->badge;
	mock_exec(b, "/x");
	mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, 0, 0, 0, 0);
	mock_call(process_init, LX_KILL, b->pid, SIGKILL, 0);
	CHECK(mock_task_newest()->dead && value_of(fork) == PARKED && b->state == PROCESS_DYING);
	mock_slow_death();
	CHECK(value_of(fork) == b->pid && b->state == PROCESS_ZOMBIE && b->exit_status == SIGKILL);
	mock_end();
}

/* A stop that comes while the new program is loaded holds both; a continue of the old one frees no thread. */
static void a_stop_during_exec_holds_the_new_program(void)
{
	struct process *a;
	struct mock_task *old, *new;

	mock_start();
	a = mock_fork(process_init);
	CHECK(value_of(mock_call(a, LX_THREAD, 0, 0, 0)) > 0);
	old = mock_task(a);
	mock_exec(a, "/x");
	new = mock_task_newest();
	CHECK(old->suspended);
	mock_call(process_init, LX_KILL, a->pid, SIGSTOP, 0);
	mock_call(process_init, LX_KILL, a->pid, SIGCONT, 0);
	CHECK(old->suspended && !new->suspended);
	mock_call(process_init, LX_KILL, a->pid, SIGSTOP, 0);
	mock_call_from(new->badge, LX_EXEC_READY, 0, 0, 0, 0);
	CHECK(new->suspended && mock_task(a) == new && a->stopped);
	mock_call(process_init, LX_KILL, a->pid, SIGCONT, 0);
	CHECK(!new->suspended);
	mock_exec(a, "/x");
	mock_call(process_init, LX_KILL, a->pid, SIGSTOP, 0);
	mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, (uint64_t)-ENOEXEC, 0, 0, 0);
	CHECK(mock_task(a) == new && new->suspended);
	mock_end();
}

static void set_user_id_changes_credentials_unless_forbidden(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	mock_exec_mode = 04755;
	mock_exec_uid = 0;
	mock_exec(a, "/bin/su");
	mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, 0, 0, 0, 0);
	CHECK(a->cred.uid == 1000 && a->cred.euid == 0 && a->cred.suid == 0 && a->dumpable == 0);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	CHECK(a->cred.euid == 1000);
	CHECK(value_of(mock_call(a, LX_PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0)) == 0);
	mock_exec(a, "/bin/su");
	mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, 0, 0, 0, 0);
	CHECK(a->cred.euid == 1000);
	mock_end();
}

static void vfork_waits_for_exec_or_end(void)
{
	struct process *a, *b;
	uint64_t fork;

	mock_start();
	a = mock_fork(process_init);
	fork = mock_call_from(a->image->badge, LX_VFORK, 0x7fffff000100, 0x7fff00018000, 0x7fff00010000, 0);
	CHECK(value_of(fork) == PARKED);
	b = CONTAINER(a->children.next, struct process, sibling);
	mock_cancel(fork);
	CHECK(value_of(fork) == PARKED);	/* a signal does not end it */
	mock_exec(b, "/x");
	CHECK(value_of(fork) == PARKED);
	mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, 0, 0, 0, 0);
	CHECK(value_of(fork) == b->pid);
	fork = mock_call_from(a->image->badge, LX_VFORK, 0x7fffff000100, 0x7fff00018000, 0x7fff00010000, 0);
	b = CONTAINER(a->children.prev, struct process, sibling);
	mock_exit(b, 0);
	CHECK(value_of(fork) == b->pid);
	fork = mock_call_from(a->image->badge, LX_VFORK, 0x7fffff000100, 0x7fff00018000, 0x7fff00010000, 0);
	mock_call(process_init, LX_KILL, a->pid, SIGKILL, 0);	/* the child runs on alone */
	CHECK(value_of(fork) == PARKED);
	mock_end();
}

static void fork_is_bounded_by_nproc(void)
{
	struct process *a;
	uint64_t limit[2] = { 3, 3 };

	mock_start();
	a = mock_fork(process_init);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	mock_call_data(a, LX_RLIMIT, 0, RLIMIT_NPROC, 1, limit, sizeof(limit));
	mock_fork(a);
	mock_fork(a);
	CHECK(value_of(mock_call_from(a->image->badge, LX_FORK, 1, 0x7fff00007000, 0, 0)) == -EAGAIN);
	mock_end();
}

static void groups_and_sessions_follow_their_rules(void)
{
	struct process *a, *b, *c;

	mock_start();
	a = mock_fork(process_init);
	b = mock_fork(a);
	c = mock_fork(a);
	CHECK(value_of(mock_call(a, LX_SETPGID, b->pid, 0, 0)) == 0);
	CHECK(value_of(mock_call(a, LX_SETPGID, c->pid, b->pid, 0)) == 0);
	CHECK(value_of(mock_call(process_init, LX_GETPGID, c->pid, 0, 0)) == b->pid);
	CHECK(value_of(mock_call(a, LX_SETPGID, c->pid, 999, 0)) == -EPERM);
	CHECK(value_of(mock_call(b, LX_SETPGID, a->pid, 0, 0)) == -ESRCH);
	CHECK(value_of(mock_call(b, LX_SETSID, 0, 0, 0)) == -EPERM);	/* leads a group */
	CHECK(value_of(mock_call(c, LX_SETSID, 0, 0, 0)) == c->pid);
	CHECK(value_of(mock_call(a, LX_SETPGID, c->pid, b->pid, 0)) == -EPERM);	/* another session */
	CHECK(value_of(mock_call(a, LX_GETSID, c->pid, 0, 0)) == c->pid);
	mock_exec(b, "/x");
	mock_call_from(mock_task_newest()->badge, LX_EXEC_READY, 0, 0, 0, 0);
	CHECK(value_of(mock_call(a, LX_SETPGID, b->pid, a->pid, 0)) == -EACCES);	/* has done exec */
	mock_end();
}

static void a_stopped_orphaned_group_is_hung_up(void)
{
	struct process *shell, *job;

	mock_start();
	shell = mock_fork(process_init);
	mock_call(shell, LX_SETSID, 0, 0, 0);
	job = mock_fork(shell);
	mock_call(shell, LX_SETPGID, job->pid, 0, 0);
	mock_call(process_init, LX_KILL, job->pid, SIGSTOP, 0);
	mock_exit(shell, 0);
	CHECK(job->state == PROCESS_ZOMBIE && job->exit_status == SIGHUP);
	mock_end();
}

static void ids_change_as_the_pages_say(void)
{
	struct process *a;
	const struct cred *c;

	mock_start();
	a = mock_fork(process_init);
	c = &a->cred;
	CHECK(value_of(mock_call_from(a->image->badge, LX_SETIDS, LX_SETRESUID, 1, 2, 3)) == 0);
	CHECK(c->uid == 1 && c->euid == 2 && c->suid == 3 && c->fsuid == 2);
	CHECK(value_of(mock_call(a, LX_SETIDS, LX_SETUID, 4, 0)) == -EPERM);
	CHECK(value_of(mock_call(a, LX_SETIDS, LX_SETUID, 3, 0)) == 0);
	CHECK(c->uid == 1 && c->euid == 3);
	CHECK(value_of(mock_call(a, LX_SETIDS, LX_SETREUID, 3, 1)) == 0);
	CHECK(c->uid == 3 && c->euid == 1 && c->suid == 1);
	CHECK(value_of(mock_call(a, LX_SETIDS, LX_SETFSUID, 9, 0)) == 1 && c->fsuid == 1);
	CHECK(value_of(mock_call(a, LX_SETGROUPS, 0, 0, 0)) == -EPERM);
	mock_end();
}

static void the_end_of_pid_1_is_the_end(void)
{
	mock_start();
	mock_exit(process_init, 3 << 8);
	mock_time(2 * NS_PER_SEC);	/* the last output gets so long at most */
	CHECK(mock_power == 1);
	process_free(process_init);
}

static void reboot_powers_off_in_order(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	CHECK(value_of(mock_call(a, LX_REBOOT, LINUX_REBOOT_POWER_OFF, 0, 0)) == -EPERM && mock_power == -1);
	mock_call(process_init, LX_REBOOT, LINUX_REBOOT_POWER_OFF, 0, 0);
	mock_time(2 * NS_PER_SEC);
	CHECK(mock_power == 0);
	mock_end();
}

static void the_log_is_for_root_alone(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	CHECK(value_of(mock_call(a, LX_SYSLOG, 10, 0, 0)) == IPC_BULK_MAX);
	CHECK(value_of(mock_call(a, LX_SYSLOG, 3, 0, 0)) == 0);
	CHECK(value_of(mock_call(a, LX_SYSLOG, 77, 0, 0)) == -EINVAL);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	CHECK(value_of(mock_call(a, LX_SYSLOG, 10, 0, 0)) == -EPERM);
	mock_end();
}

static void nobody_else_speaks_for_a_process(void)
{
	struct process *a;
	uint64_t old;

	mock_start();
	CHECK(value_of(mock_call_from(3, LX_GETPID, 0, 0, 0, 0)) == -EPERM);
	a = mock_fork(process_init);
	old = a->image->badge;
	mock_exit(a, 0);
	CHECK(value_of(mock_call_from(old, LX_GETPID, 0, 0, 0, 0)) == -EPERM);
	CHECK(value_of(mock_call(process_init, 250, 0, 0, 0)) == -ENOSYS);
	CHECK(value_of(mock_call(process_init, ~0ull, 0, 0, 0)) == -ENOSYS);
	mock_end();
}

static void a_thousand_forks_leave_nothing(void)
{
	mock_start();
	for (int i = 0; i < 1000; i++) {
		struct process *a = mock_fork(process_init);

		mock_exit(a, 0);
		CHECK(value_of(mock_call(process_init, LX_WAIT, (uint64_t)-1, 0, 0)) > 0);
	}
	CHECK(process_count() == 1);
	mock_end();
}

/* An ordinary user has logged in at the console, and out again. */
static void the_last_of_the_memory_stays_roots(void)
{
	struct process *a, *b;
	handle_t roots;

	mock_start();
	roots = process_init->user->pool;
	CHECK(mock_favoured == roots);
	memory_favour(process_init);
	CHECK(mock_favoured == roots);
	a = mock_fork(process_init);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	b = mock_fork(a);
	CHECK(b->user->uid == 1000);
	memory_favour(b);
	CHECK(mock_favoured == roots);
	mock_end();
}

static const struct tap_case process_cases[] = {
	{ "an exit is seen after the kernel's death notice, not before", an_exit_is_seen_after_the_death_notice },
	{ "wait selects its children", wait_selects_its_children },
	{ "waitid can leave the zombie", waitid_can_leave_the_zombie },
	{ "an interrupted wait loses no child", an_interrupted_wait_loses_nothing },
	{ "ignored SIGCHLD reaps by itself", ignored_sigchld_reaps_by_itself },
	{ "orphans go to the subreaper or to pid 1", orphans_go_to_the_subreaper_or_pid_1 },
	{ "the parent-death signal comes", the_parents_death_signal_comes },
	{ "exec replaces the image when the new one is ready", exec_replaces_the_image_when_it_is_ready },
	{ "a failed exec goes back with its errno", a_failed_exec_goes_back_with_its_errno },
	{ "a kill during exec ends both images", a_kill_during_exec_ends_both },
	{ "a stop during exec holds the new program", a_stop_during_exec_holds_the_new_program },
	{ "set-user-ID changes credentials unless forbidden", set_user_id_changes_credentials_unless_forbidden },
	{ "a kill between two programs of an exec is told when both are gone",
		a_kill_during_the_change_over_waits_for_the_old_program },
	{ "vfork waits for exec or end of the child", vfork_waits_for_exec_or_end },
	{ "fork is bounded by RLIMIT_NPROC", fork_is_bounded_by_nproc },
	{ "groups and sessions follow their rules", groups_and_sessions_follow_their_rules },
	{ "a stopped orphaned group is hung up and continued", a_stopped_orphaned_group_is_hung_up },
	{ "ids change as their pages say", ids_change_as_the_pages_say },
	{ "the end of pid 1 ends the machine with a failure", the_end_of_pid_1_is_the_end },
	{ "reboot powers off in order, for root alone", reboot_powers_off_in_order },
	{ "the log is for root alone", the_log_is_for_root_alone },
	{ "nobody else speaks for a process", nobody_else_speaks_for_a_process },
	{ "the last of the memory stays root's, whoever leads the console", the_last_of_the_memory_stays_roots },
	{ "a thousand forks leave nothing behind", a_thousand_forks_leave_nothing },
};
static const unsigned process_count_cases = sizeof(process_cases) / sizeof(process_cases[0]);
