/*
 * time.c -- clocks, sleeping, interval timers.
 *
 * Times are 64-bit nanoseconds; a deadline is absolute on the monotonic clock, which the clock page
 * gives without a call.
 *
 * Conforms: clock_gettime(2), clock_nanosleep(2), gettimeofday(2), getitimer(2), timer_create(2).
 * Tested:   tests/linux/time.c
 */
#include "translator.h"

#define NSEC		1000000000ull
#define MAX_SEC		(INT64_MAX / (int64_t)NSEC)

/* --- the clock page --------------------------------------------------------------------------------- */

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

uint64_t clock_mono(void)
{
	const volatile struct clock_page *c = self_state()->clock;
	uint64_t ns;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE) & ~1u;
		ns = c->mono_base_ns + (uint64_t)((unsigned __int128)(ticks() - c->tsc_base) * c->mult >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (c->seq != seq);
	return ns;
}

uint64_t clock_real(void)
{
	return clock_mono() + self_state()->clock->realtime_offset_ns;
}

/* --- numbers ------------------------------------------------------------------------------------------- */

int64_t timespec_load(uint64_t from, uint64_t *ns)
{
	struct linux_timespec ts;

	if (copy_in(&ts, from, sizeof(ts)))
		return -EFAULT;
	if (ts.sec < 0 || (uint64_t)ts.nsec >= NSEC)
		return -EINVAL;
	*ns = ts.sec >= MAX_SEC ? (uint64_t)INT64_MAX : (uint64_t)ts.sec * NSEC + (uint64_t)ts.nsec;
	return 0;
}

uint64_t deadline_after(uint64_t ns)
{
	uint64_t now = clock_mono();

	return ns >= (uint64_t)INT64_MAX - now ? DEADLINE_NEVER : now + ns;
}

/* The deadline of a relative timeout; a zero one does not wait at all. */
int64_t deadline_relative(uint64_t timespec, uint64_t *deadline)
{
	uint64_t ns;
	int64_t r;

	*deadline = DEADLINE_NEVER;
	if (timespec == 0)
		return 0;
	r = timespec_load(timespec, &ns);
	if (r == 0)
		*deadline = ns == 0 ? 0 : deadline_after(ns);
	return r;
}

/* The call is made again unless a handler runs, up to the same deadline. */
int64_t restart_deadline(uint64_t *deadline)
{
	self_thread()->restart_deadline = *deadline;
	return -ERESTART_RESTARTBLOCK;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static int64_t cpu_time(bool thread, uint64_t *ns)
{
	struct thread_info t;
	struct task_info i;

	if (thread) {
		if (tess_thread_query(H_SELF, self_thread()->number, &t) < 0)
			return -EINVAL;
		*ns = t.user_ns + t.kernel_ns;
	} else {
		if (tess_task_query(H_SELF, &i) < 0)
			return -EINVAL;
		*ns = i.user_ns + i.kernel_ns;
	}
	return 0;
}

/*
 * The clock of any process or of a thread of ours (clock_getcpuclockid(3)): its id, inverted, above a bit for
 * a thread and two that say which time: 1 the program's own, 3 a clock that is a descriptor.
 */
static int64_t cpu_time_of(int32_t clock, uint64_t *ns)
{
	uint32_t id = ~(uint32_t)(clock >> 3);
	bool thread = clock & 4;
	int64_t r;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (id == 0 && (clock & 3) != 1)
		return cpu_time(thread, ns);
	if (id == 0)
		id = (uint32_t)self_utcb()->user[thread ? TU_TID : TU_PID];
	r = server_call(LX_CPU_TIME, id, thread, (clock & 3) == 1);
	if (r == 0)
		memcpy(ns, self_utcb()->msg.inline_data, sizeof(*ns));
	return r;
}

static int64_t clock_read(uint64_t clock, uint64_t *ns)
{
	switch ((int32_t)clock) {
	case CLOCK_REALTIME: case 5: case CLOCK_REALTIME_ALARM: case CLOCK_TAI:
		*ns = clock_real();
		return 0;
	case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE: case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = clock_mono();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		return cpu_time(false, ns);
	case CLOCK_THREAD_CPUTIME_ID:
		return cpu_time(true, ns);
	default:
		return (int32_t)clock < 0 ? cpu_time_of((int32_t)clock, ns) : -EINVAL;
	}
}

int64_t sys_clock_gettime(uint64_t clock, uint64_t to)
{
	struct linux_timespec ts;
	uint64_t ns;
	int64_t r = clock_read(clock, &ns);

	if (r < 0)
		return r;
	timespec_out(ns, &ts);
	return copy_out(to, &ts, sizeof(ts));
}

int64_t sys_clock_getres(uint64_t clock, uint64_t to)
{
	struct linux_timespec ts = { 0, 1 };
	uint64_t ns;
	int64_t r = clock_read(clock, &ns);

	if (r < 0)
		return r;
	if ((int32_t)clock == 5 || (int32_t)clock == CLOCK_MONOTONIC_COARSE)
		ts.nsec = 4000000;
	return to ? copy_out(to, &ts, sizeof(ts)) : 0;
}

/* Only init holds what sets the clock. */
int64_t sys_clock_settime(uint64_t clock, uint64_t from)
{
	uint64_t ns;
	int64_t r = timespec_load(from, &ns);

	return r < 0 ? r : (int32_t)clock == CLOCK_REALTIME ? -EPERM : -EINVAL;
}

int64_t sys_settimeofday(uint64_t tv, uint64_t tz)
{
	struct linux_timeval t;
	uint64_t zone;

	if ((tv && copy_in(&t, tv, sizeof(t))) || (tz && user_load64(tz, &zone)))
		return -EFAULT;
	if (tv && (t.sec < 0 || t.usec < 0 || t.usec > 1000000))
		return -EINVAL;
	return -EPERM;
}

int64_t sys_gettimeofday(uint64_t tv, uint64_t tz)
{
	uint64_t ns = clock_real();
	struct linux_timeval t = { (int64_t)(ns / NSEC), (int64_t)(ns % NSEC / 1000) };

	if (tv && copy_out(tv, &t, sizeof(t)))
		return -EFAULT;
	return tz ? user_store64(tz, 0) : 0;
}

int64_t sys_time(uint64_t to)
{
	uint64_t sec = clock_real() / NSEC;

	return to && user_store64(to, sec) ? -EFAULT : (int64_t)sec;
}

int64_t sys_times(uint64_t to)
{
	int64_t r = server_call(LX_TIMES, 0, 0, 0);

	if (r >= 0 && to && copy_out(to, self_utcb()->msg.inline_data, 32))
		return -EFAULT;
	return r;
}

/* --- sleeping -------------------------------------------------------------------------------------------------- */

/* Until the deadline: 0, or interrupted with the rest of a relative sleep stored. */
static int64_t sleep_until(uint64_t deadline, bool relative, uint64_t rest)
{
	struct thread_data *t = self_thread();
	struct linux_timespec ts;
	uint64_t now;
	int64_t s;

	if (t->restarting && relative)
		deadline = t->restart_deadline;
	t->restarting = false;
	if (deadline == 0)
		return 0;
	do
		s = tess_futex_wait(&t->sleep_word, 0, ~0ull, deadline, FUTEX_PRIVATE_ABI);
	while (s == 0 || s == E_AGAIN);
	if (s != E_INTERRUPTED)
		return s == E_TIMEDOUT ? 0 : result(s);
	now = clock_mono();
	if (!relative)
		return -ERESTARTNOHAND;
	timespec_out(deadline > now ? deadline - now : 0, &ts);
	if (rest && copy_out(rest, &ts, sizeof(ts)))
		return -EFAULT;
	return restart_deadline(&deadline);
}

int64_t sys_nanosleep(uint64_t time, uint64_t rest)
{
	uint64_t deadline;
	int64_t r = time == 0 ? -EFAULT : deadline_relative(time, &deadline);

	return r < 0 ? r : sleep_until(deadline, true, rest);
}

int64_t sys_clock_nanosleep(uint64_t clock, uint64_t flags, uint64_t time, uint64_t rest)
{
	uint64_t ns, now;
	int64_t r;

	if ((int32_t)clock == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if ((int32_t)clock == CLOCK_PROCESS_CPUTIME_ID || (int32_t)clock < 0)
		return -EOPNOTSUPP;
	r = clock_read(clock, &now);
	if (r < 0)
		return r;
	r = timespec_load(time, &ns);
	if (r < 0)
		return r;
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(ns == 0 ? 0 : deadline_after(ns), true, rest);
	return sleep_until(ns <= now ? 0 : deadline_after(ns - now), false, 0);
}

/* --- timers: linuxd's -------------------------------------------------------------------------------------------- */

int64_t sys_getitimer(uint64_t which, uint64_t to)
{
	int64_t r = server_call(LX_ITIMER, (uint32_t)which & 0xff, 0, 0);

	if ((uint32_t)which > 2)
		return -EINVAL;
	return r < 0 ? r : copy_out(to, self_utcb()->msg.inline_data, sizeof(struct linux_itimerval));
}

int64_t sys_setitimer(uint64_t which, uint64_t new, uint64_t old)
{
	struct ipc_message *m;
	struct linux_itimerval v = { { 0, 0 }, { 0, 0 } };
	int64_t r;

	if ((uint32_t)which > 2)
		return -EINVAL;
	if (new && copy_in(&v, new, sizeof(v)))
		return -EFAULT;
	if (v.value.sec < 0 || v.interval.sec < 0 || (uint64_t)v.value.usec >= 1000000 ||
	    (uint64_t)v.interval.usec >= 1000000)
		return -EINVAL;
	m = request(LX_ITIMER, (uint32_t)which | 256, 0, 0);
	memcpy(m->inline_data, &v, sizeof(v));
	m->inline_len = sizeof(v);
	r = request_server();
	if (r >= 0 && old && copy_out(old, m->inline_data, sizeof(v)))
		return -EFAULT;
	return r;
}

int64_t sys_alarm(uint64_t seconds)
{
	struct ipc_message *m = request(LX_ITIMER, 256, 0, 0);
	struct linux_itimerval v = { { 0, 0 }, { (int64_t)(uint32_t)seconds, 0 } };
	int64_t r;

	memcpy(m->inline_data, &v, sizeof(v));
	m->inline_len = sizeof(v);
	r = request_server();
	if (r < 0)
		return r;
	memcpy(&v, m->inline_data, sizeof(v));
	r = v.value.sec + (v.value.usec >= 500000);
	return r == 0 && v.value.usec ? 1 : r;
}
