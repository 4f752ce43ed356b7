/*
 * signal_test.c -- signals: who gets them, what stays pending, what linuxd does itself.
 */
#include "process_mock.h"

static void class_set(struct process *p, int sig, enum sig_class class)
{
	CHECK(value_of(mock_call(p, LX_SIGCLASS, (uint64_t)sig, class, 0)) == 0);
}
static int64_t take(struct process *p, uint64_t mask) { return value_of(mock_call(p, LX_SIGTAKE, mask, 0, 0)); }
static int64_t send_to(struct process *from, struct process *to, int sig)
{
	return value_of(mock_call(from, LX_KILL, to->pid, (uint64_t)sig, 0));
}

static void handled_is_latched_and_taken(void)
{
	struct process *a, *b;
	struct siginfo info;
	uint64_t token;

	mock_start();
	a = mock_fork(process_init);
	b = mock_fork(process_init);
	class_set(b, SIGUSR1, CLASS_HANDLED);
	CHECK(send_to(a, b, SIGUSR1) == 0);
	CHECK(mock_task(b)->latch[0] == 1);
	CHECK(mock_task(b)->pending[0] == SIG_BIT(SIGUSR1));
	token = mock_call(b, LX_SIGTAKE, 0, 0, 0);
	CHECK(value_of(token) == SIGUSR1);
	memcpy(&info, answer_of(token)->data, sizeof(info));
	CHECK(info.signo == SIGUSR1 && info.code == SI_USER && info.from.pid == (int32_t)a->pid);
	CHECK(answer_of(token)->w1 == 0);
	CHECK(take(b, 0) == 0);
	mock_end();
}

static void blocked_stays_until_unblocked(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	class_set(a, SIGTERM, CLASS_HANDLED);
	mock_task(a)->mask[0] = SIG_BIT(SIGTERM);
	CHECK(send_to(process_init, a, SIGTERM) == 0);
	CHECK(mock_task(a)->latch[0] == 0);
	CHECK(mock_task(a)->pending[0] == SIG_BIT(SIGTERM));
	CHECK(take(a, SIG_BIT(SIGTERM)) == 0);
	CHECK(answer_of(mock_call(a, LX_SIGPENDING, 0, 0, 0))->w1 == SIG_BIT(SIGTERM));
	CHECK(take(a, 0) == SIGTERM);
	mock_end();
}

static void default_ends_the_process(void)
{
	struct process *a;
	uint64_t wait;

	mock_start();
	a = mock_fork(process_init);
	send_to(process_init, a, SIGTERM);
	wait = mock_call(process_init, LX_WAIT, (uint64_t)-1, 0, 0);
	CHECK(value_of(wait) > 0);
	CHECK(answer_of(wait)->w1 == SIGTERM);
	mock_end();
}

static void blocked_default_ends_it_when_taken(void)
{
	struct process *a;
	uint32_t pid;

	mock_start();
	a = mock_fork(process_init);
	pid = a->pid;
	mock_task(a)->mask[0] = ~0ull;
	send_to(process_init, a, SIGTERM);
	CHECK(a->state == PROCESS_ALIVE);
	CHECK(take(a, 0) == PARKED);	/* never answered */
	CHECK(process_by_pid(pid)->state == PROCESS_ZOMBIE);
	mock_end();
}

static void ignored_leaves_no_trace(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	class_set(a, SIGTERM, CLASS_IGNORE);
	send_to(process_init, a, SIGTERM);
	CHECK(a->pending.set == 0 && mock_task(a)->pending[0] == 0);
	mock_task(a)->mask[0] = SIG_BIT(SIGTERM) | SIG_BIT(SIGCHLD);
	send_to(process_init, a, SIGTERM);
	send_to(process_init, a, SIGCHLD);
	CHECK(a->pending.set == (SIG_BIT(SIGTERM) | SIG_BIT(SIGCHLD)));	/* it may be handled when unblocked */
	class_set(a, SIGTERM, CLASS_IGNORE);
	CHECK(a->pending.set == SIG_BIT(SIGCHLD));	/* sigaction(2) discards it */
	mock_end();
}

static void queue_value(struct process *from, struct process *to, int sig, uint64_t value, int64_t result)
{
	struct siginfo info = { .code = SI_QUEUE };

	info.from.value = value;
	CHECK(value_of(mock_call_data(from, LX_SIGQUEUE, to->pid, 0, (uint64_t)sig, &info, sizeof(info))) == result);
}

static void realtime_queue_in_order(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	class_set(a, 40, CLASS_HANDLED);
	class_set(a, SIGUSR2, CLASS_HANDLED);
	mock_task(a)->mask[0] = ~0ull;
	for (uint64_t i = 0; i < 3; i++) {
		queue_value(process_init, a, 40, i, 0);
		send_to(process_init, a, SIGUSR2);
	}
	CHECK(take(a, 0) == SIGUSR2);	/* once, and the lowest first */
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t token = mock_call(a, LX_SIGTAKE, 0, 0, 0);
		struct siginfo info;

		CHECK(value_of(token) == 40);
		memcpy(&info, answer_of(token)->data, sizeof(info));
		CHECK(info.from.value == i && info.code == SI_QUEUE);
	}
	CHECK(take(a, 0) == 0);
	mock_end();
}

static void queue_is_bounded(void)
{
	struct process *a;
	uint64_t limit[2] = { 2, 2 };

	mock_start();
	a = mock_fork(process_init);
	mock_call_data(a, LX_RLIMIT, 0, RLIMIT_SIGPENDING, 1, limit, sizeof(limit));
	class_set(a, 40, CLASS_HANDLED);
	mock_task(a)->mask[0] = ~0ull;
	queue_value(process_init, a, 40, 1, 0);
	queue_value(process_init, a, 40, 2, 0);
	queue_value(process_init, a, 40, 3, -EAGAIN);
	CHECK(send_to(process_init, a, SIGTERM) == 0);	/* kill never fails for that */
	CHECK(a->pending.set & SIG_BIT(SIGTERM));
	mock_end();
}

static void stop_and_continue_are_reported(void)
{
	struct process *a;
	uint64_t wait;

	mock_start();
	a = mock_fork(process_init);
	wait = mock_call(process_init, LX_WAIT, a->pid, WUNTRACED | WCONTINUED, 0);
	CHECK(value_of(wait) == PARKED);
	send_to(process_init, a, SIGSTOP);
	CHECK(mock_task(a)->suspended);
	CHECK(value_of(wait) == a->pid && answer_of(wait)->w1 == (SIGSTOP << 8 | 0x7f));
	CHECK(value_of(mock_call(process_init, LX_WAIT, a->pid, WUNTRACED | WNOHANG, 0)) == 0);	/* once */
	mock_task(a)->mask[0] = ~0ull;
	send_to(process_init, a, SIGTSTP);	/* pending: blocked */
	send_to(process_init, a, SIGCONT);
	CHECK(!mock_task(a)->suspended);
	CHECK(!(a->pending.set & SIG_BIT(SIGTSTP)));
	wait = mock_call(process_init, LX_WAIT, a->pid, WCONTINUED | WNOHANG, 0);
	CHECK(value_of(wait) == a->pid && answer_of(wait)->w1 == 0xffff);
	mock_end();
}

static void a_stopped_process_can_be_killed(void)
{
	struct process *a;

	mock_start();
	a = mock_fork(process_init);
	send_to(process_init, a, SIGSTOP);
	send_to(process_init, a, SIGKILL);
	CHECK(a->state == PROCESS_ZOMBIE && a->exit_status == SIGKILL);
	mock_end();
}

static void sigwait_gets_it_without_a_handler(void)
{
	struct process *a;
	uint64_t token;

	mock_start();
	a = mock_fork(process_init);
	mock_task(a)->mask[0] = SIG_BIT(SIGUSR1);
	token = mock_call(a, LX_SIGWAIT, SIG_BIT(SIGUSR1) | SIG_BIT(SIGCHLD), ~0ull, 0);
	CHECK(value_of(token) == PARKED);
	send_to(process_init, a, SIGUSR1);
	CHECK(value_of(token) == SIGUSR1 && answer_of(token)->len == sizeof(struct siginfo));
	CHECK(a->pending.set == 0);
	token = mock_call(a, LX_SIGWAIT, SIG_BIT(SIGUSR1), clock_mono_ns() + 1000, 0);
	mock_time(2000);
	CHECK(value_of(token) == -EAGAIN);
	token = mock_call(a, LX_SIGWAIT, SIG_BIT(SIGUSR1), ~0ull, 0);
	mock_cancel(token);
	CHECK(value_of(token) == -LINUX_INTERRUPTED);
	mock_end();
}

static void sigsuspend_ends_by_a_handled_one_only(void)
{
	struct process *a;
	uint64_t token;

	mock_start();
	a = mock_fork(process_init);
	class_set(a, SIGUSR1, CLASS_HANDLED);
	mock_task(a)->mask[0] = SIG_BIT(SIGUSR1);
	token = mock_call(a, LX_SIGSUSPEND, 0, 0, 0);
	CHECK(value_of(token) == PARKED);
	send_to(process_init, a, SIGWINCH);	/* ignored by default */
	CHECK(value_of(token) == PARKED);
	send_to(process_init, a, SIGUSR1);
	CHECK(value_of(token) == -LINUX_INTERRUPTED);
	CHECK(take(a, 0) == SIGUSR1);
	send_to(process_init, a, SIGUSR1);	/* pending before the call: it does not wait */
	CHECK(value_of(mock_call(a, LX_SIGSUSPEND, 0, 0, 0)) == -LINUX_INTERRUPTED);
	mock_end();
}

static void pid_1_survives_what_it_does_not_handle(void)
{
	mock_start();
	send_to(process_init, process_init, SIGKILL);
	send_to(process_init, process_init, SIGTERM);
	send_to(process_init, process_init, SIGSTOP);
	CHECK(process_init->state == PROCESS_ALIVE && !mock_task(process_init)->suspended);
	class_set(process_init, SIGTERM, CLASS_HANDLED);
	send_to(process_init, process_init, SIGTERM);
	CHECK(take(process_init, 0) == SIGTERM);
	mock_end();
}

static void only_the_same_user_or_root_may_kill(void)
{
	struct process *a, *b;

	mock_start();
	a = mock_fork(process_init);
	b = mock_fork(process_init);
	mock_call(a, LX_SETIDS, LX_SETUID, 1000, 0);
	CHECK(send_to(a, b, SIGTERM) == -EPERM);
	CHECK(send_to(a, b, SIGCONT) == 0);	/* the same session */
	CHECK(value_of(mock_call(a, LX_KILL, 99, SIGTERM, 0)) == -ESRCH);
	CHECK(value_of(mock_call(a, LX_KILL, a->pid, 65, 0)) == -EINVAL);
	CHECK(value_of(mock_call(a, LX_KILL, (uint64_t)-1, 0, 0)) == -EPERM);
	mock_call(b, LX_SETIDS, LX_SETUID, 1000, 0);
	CHECK(send_to(a, b, SIGTERM) == 0);
	CHECK(b->state == PROCESS_ZOMBIE);
	mock_end();
}

static void a_group_gets_it_as_a_whole(void)
{
	struct process *a, *b, *c;

	mock_start();
	a = mock_fork(process_init);
	CHECK(value_of(mock_call(a, LX_SETPGID, 0, 0, 0)) == 0);
	b = mock_fork(a);
	c = mock_fork(process_init);
	CHECK(value_of(mock_call(c, LX_KILL, (uint64_t)-(int64_t)a->pid, SIGKILL, 0)) == 0);
	CHECK(a->state == PROCESS_ZOMBIE && b->state == PROCESS_ZOMBIE && c->state == PROCESS_ALIVE);
	mock_end();
}

static void another_thread_takes_what_the_first_blocks(void)
{
	struct process *a;
	struct mock_task *t;
	int64_t tid;

	mock_start();
	a = mock_fork(process_init);
	t = mock_task(a);
	tid = value_of(mock_call(a, LX_THREAD, 0, 0, 0));
	CHECK(tid > 0);
	CHECK(value_of(mock_call(a, LX_THREAD_STARTED, (uint64_t)tid, 1, 0)) == 0);
	class_set(a, SIGUSR1, CLASS_HANDLED);
	t->mask[0] = SIG_BIT(SIGUSR1);
	send_to(process_init, a, SIGUSR1);
	CHECK(t->latch[0] == 0 && t->latch[1] == 1);
	/* it has blocked it meanwhile: the first, which no longer does, is told */
	t->mask[0] = 0;
	CHECK(value_of(mock_call_thread(a, 1, LX_SIGTAKE, SIG_BIT(SIGUSR1), 0, 0)) == 0);
	CHECK(t->latch[0] == 1);
	CHECK(take(a, 0) == SIGUSR1);
	/* one for the thread alone stays its own */
	CHECK(value_of(mock_call(process_init, LX_TGKILL, a->pid, (uint64_t)tid, SIGUSR1)) == 0);
	CHECK(take(a, 0) == 0);
	CHECK(value_of(mock_call_thread(a, 1, LX_SIGTAKE, 0, 0, 0)) == SIGUSR1);
	CHECK(value_of(mock_call_thread(a, 1, LX_THREAD_EXIT, 0, 0, 0)) == 0);
	CHECK(a->nthreads == 1);
	mock_end();
}

static void alarm_rings_and_repeats(void)
{
	struct process *a;
	struct linux_itimerval v = { { 1, 0 }, { 2, 0 } };

	mock_start();
	a = mock_fork(process_init);
	class_set(a, SIGALRM, CLASS_HANDLED);
	CHECK(value_of(mock_call_data(a, LX_ITIMER, ITIMER_REAL | 256, 0, 0, &v, sizeof(v))) == 0);
	mock_time(NS_PER_SEC);
	CHECK(take(a, 0) == 0);
	mock_time(NS_PER_SEC);
	CHECK(take(a, 0) == SIGALRM);
	mock_time(NS_PER_SEC);
	CHECK(take(a, 0) == SIGALRM);
	mock_end();
}

static void timer_counts_its_overruns(void)
{
	struct process *a;
	struct linux_itimerspec v = { { 0, 1000000 }, { 0, 1000000 } };
	struct siginfo info;
	uint64_t token;
	int64_t id;

	mock_start();
	a = mock_fork(process_init);
	class_set(a, SIGUSR1, CLASS_HANDLED);
	id = value_of(mock_call(a, LX_TIMER, 0, 1, SIGUSR1));
	CHECK(id >= 0);
	CHECK(value_of(mock_call_data(a, LX_TIMER, 1, (uint64_t)id, 0, &v, sizeof(v))) == 0);
	mock_time(10500000);
	token = mock_call(a, LX_SIGTAKE, 0, 0, 0);
	CHECK(value_of(token) == SIGUSR1);
	memcpy(&info, answer_of(token)->data, sizeof(info));
	CHECK(info.code == SI_TIMER && info.timer.timer == id && info.timer.overrun == 9);
	CHECK(value_of(mock_call(a, LX_TIMER, 4, (uint64_t)id, 0)) == 9);
	mock_time(1000000);
	CHECK(take(a, 0) == SIGUSR1);
	CHECK(value_of(mock_call(a, LX_TIMER, 4, (uint64_t)id, 0)) == 0);
	CHECK(value_of(mock_call(a, LX_TIMER, 3, (uint64_t)id, 0)) == 0);
	CHECK(value_of(mock_call(a, LX_TIMER, 3, (uint64_t)id, 0)) == -EINVAL);
	mock_end();
}

static const struct tap_case signal_cases[] = {
	{ "a handled signal raises the latch and is taken with its siginfo", handled_is_latched_and_taken },
	{ "a blocked signal stays pending until it is unblocked", blocked_stays_until_unblocked },
	{ "a default action ends the process at once", default_ends_the_process },
	{ "a blocked default action ends it when it is taken", blocked_default_ends_it_when_taken },
	{ "an ignored signal leaves no trace unless it is blocked", ignored_leaves_no_trace },
	{ "real-time signals queue in order, others once", realtime_queue_in_order },
	{ "the queue is bounded by RLIMIT_SIGPENDING", queue_is_bounded },
	{ "stop and continue are reported once each", stop_and_continue_are_reported },
	{ "a stopped process can be killed", a_stopped_process_can_be_killed },
	{ "sigwait gets a signal, a timeout or an interruption", sigwait_gets_it_without_a_handler },
	{ "sigsuspend ends by a handled signal only", sigsuspend_ends_by_a_handled_one_only },
	{ "pid 1 survives what it does not handle", pid_1_survives_what_it_does_not_handle },
	{ "only the same user or root may kill", only_the_same_user_or_root_may_kill },
	{ "a process group gets a signal as a whole", a_group_gets_it_as_a_whole },
	{ "another thread takes what the first one blocks", another_thread_takes_what_the_first_blocks },
	{ "an interval timer rings and repeats", alarm_rings_and_repeats },
	{ "a POSIX timer counts its overruns", timer_counts_its_overruns },
};
static const unsigned signal_count = sizeof(signal_cases) / sizeof(signal_cases[0]);
