/*
 * itimer.c -- interval timers (setitimer, alarm) and POSIX timers.
 *
 * Owns:    process->itimers and process->timers.  Real time is the loop's deadline; CPU time is looked at
 *          again when it could have been used up at the earliest, so such timers are never early.
 * Fails:   EINVAL, EAGAIN (too many timers, no memory), ENOTSUP for CPU-time POSIX timers.
 * Tested:  linux-compat/server/test/process_test.c, tests/linux
 */
#include "itimerspec.h"
#include "process.h"

enum timer_notify { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };

struct posix_timer {
	struct posix_timer *next;
	struct process *process;
	struct user *user;		/* counted in its nsignals, as Linux does */
	uint32_t id, tid;
	int clock, signal, notify;
	uint64_t value;
	uint64_t expires_ns, interval_ns;	/* monotonic; 0: disarmed */
	uint32_t overrun_taken, overrun;	/* of the signal before the last one; of the last one sent */
	uint32_t overrun_next;			/* while somebody else's signal is in the way */
	bool lazy;				/* as of an interval timer */
	struct timer timer;
};

/*
 * A series rings again only when its last signal has been taken (as in Linux: a timer of a nanosecond costs
 * others nothing); until then it is looked at so seldom that a thousand of them do no harm.
 */
#define LAZY_NS		50000000ull
#define CPU_LOOK_NS	1000000ull	/* CPU time is looked at no more often ... */
#define CPU_IDLE_MAX	6u		/* ... and up to 2^6 times less while none passes */

static uint64_t timeval_ns(const struct linux_timeval *t)
{
	return (uint64_t)t->sec * NS_PER_SEC + (uint64_t)t->usec * 1000;
}

static struct linux_timeval ns_timeval(uint64_t ns)
{
	return (struct linux_timeval){ (int64_t)(ns / NS_PER_SEC), (int64_t)(ns % NS_PER_SEC / 1000) };
}

static bool timeval_valid(const struct linux_timeval *t)
{
	return t->sec >= 0 && t->sec < (1ll << 33) && t->usec >= 0 && t->usec < 1000000;
}

/* The next moment after now of a series; how many were missed comes back. */
static uint64_t series_advance(uint64_t *expires, uint64_t interval, uint64_t now)
{
	uint64_t missed = now >= *expires ? (now - *expires) / interval : 0;

	*expires += (missed + 1) * interval;
	return missed;
}

/* --- interval timers --------------------------------------------------------------------------------- */

/* What the timer counts, now. */
static uint64_t itimer_clock(const struct interval_timer *t)
{
	struct usage u;

	if (t->which == ITIMER_REAL)
		return clock_mono_ns();
	process_usage(t->process, &u);
	return t->which == ITIMER_VIRTUAL ? u.user_ns : u.user_ns + u.system_ns;
}

static void itimer_fire(void *arg);

static void lazy_set(struct process *p, bool *lazy, bool on)
{
	p->lazy_timers += (uint32_t)on - (uint32_t)*lazy;
	*lazy = on;
}

static uint64_t lazy_deadline(uint64_t expires)
{
	uint64_t late = clock_mono_ns() + LAZY_NS;

	return expires > late ? expires : late;
}

static void itimer_arm(struct interval_timer *t, uint64_t now)
{
	uint64_t left = t->expires > now ? t->expires - now : 0, least;

	if (t->which == ITIMER_REAL) {
		timer_after(&t->timer, t->lazy ? lazy_deadline(t->expires) : t->expires, itimer_fire, t);
		return;
	}
	t->idle = now != t->seen ? 0 : t->idle < CPU_IDLE_MAX ? t->idle + 1 : CPU_IDLE_MAX;
	t->seen = now;
	least = CPU_LOOK_NS << t->idle;
	/* several threads may use it up faster: then the signal is late */
	timer_after(&t->timer, clock_mono_ns() + (left > least ? left : least), itimer_fire, t);
}

static void itimer_fire(void *arg)
{
	static const int signals[] = { SIGALRM, SIGVTALRM, SIGPROF };
	struct interval_timer *t = arg;
	uint64_t now = itimer_clock(t);

	if (now < t->expires) {
		itimer_arm(t, now);
		return;
	}
	lazy_set(t->process, &t->lazy, false);
	signal_kernel(t->process, signals[t->which]);
	if (t->interval_ns == 0) {
		t->expires = 0;
		return;
	}
	series_advance(&t->expires, t->interval_ns, now);
	lazy_set(t->process, &t->lazy, t->which == ITIMER_REAL && signal_rests(t->process, NULL, SIGALRM));
	itimer_arm(t, now);
}

/* SIGALRM is being taken: what rang meanwhile is part of it. */
static void itimer_wake(struct interval_timer *t)
{
	uint64_t now = clock_mono_ns();

	lazy_set(t->process, &t->lazy, false);
	if (now >= t->expires)
		series_advance(&t->expires, t->interval_ns, now);
	itimer_arm(t, now);
}

static void itimer_get(const struct interval_timer *t, struct linux_itimerval *out)
{
	uint64_t now = itimer_clock(t), left = 0;

	if (t->expires != 0)
		left = t->expires > now + 1000 ? t->expires - now : 1000;
	out->interval = ns_timeval(t->interval_ns);
	out->value = ns_timeval(left);
}

void request_itimer(struct request *r)
{
	uint64_t which = r->words[1] & 255;
	struct linux_itimerval old, new;
	struct interval_timer *t;

	if (which > ITIMER_PROF || (r->words[1] & 256 && r->payload_len != sizeof(new))) {
		request_reply(r, -EINVAL);
		return;
	}
	t = &r->process->itimers[which];
	t->process = r->process;
	t->which = (int)which;
	itimer_get(t, &old);
	if (r->words[1] & 256) {
		memcpy(&new, r->payload, sizeof(new));
		if (!timeval_valid(&new.value) || !timeval_valid(&new.interval)) {
			request_reply(r, -EINVAL);
			return;
		}
		timer_cancel(&t->timer);
		lazy_set(r->process, &t->lazy, false);
		t->interval_ns = timeval_ns(&new.interval);
		t->expires = 0;
		if (timeval_ns(&new.value) != 0) {
			uint64_t now = itimer_clock(t);

			t->expires = now + timeval_ns(&new.value);
			itimer_arm(t, now);
		}
	}
	request_reply_data(r, 0, &old, sizeof(old));
}

/* --- POSIX timers --------------------------------------------------------------------------------------- */

static struct posix_timer *timer_find(struct process *p, uint64_t id)
{
	struct posix_timer *t = p->timers;

	while (t && t->id != id)
		t = t->next;
	return t;
}

static struct thread *posix_thread(const struct posix_timer *t)
{
	struct thread *thread = t->notify == SIGEV_THREAD_ID ? thread_by_tid(t->tid) : NULL;

	return thread && thread->process == t->process ? thread : NULL;
}

/* The timer's own signal, sent and not yet taken. */
static struct sig_entry *posix_waiting(const struct posix_timer *t)
{
	const struct thread *told = posix_thread(t);
	struct sig_entry *e = told ? told->pending.first : t->process->pending.first;

	while (e && (e->info.signo != t->signal || e->info.code != SI_TIMER || e->info.timer.timer != (int32_t)t->id))
		e = e->next;
	return e;
}

/* It still waits: what it will say grows. */
static bool posix_grow(struct posix_timer *t, uint32_t more)
{
	struct sig_entry *e = posix_waiting(t);

	if (!e)
		return false;
	t->overrun += more;
	e->info.timer.overrun = (int32_t)t->overrun;
	return true;
}

/* It has rung once, and `missed` times more that nobody could tell from the first. */
static void posix_ring(struct posix_timer *t, uint64_t missed)
{
	struct process *p = t->process;
	struct thread *thread = posix_thread(t);
	struct siginfo info = { .signo = t->signal, .code = SI_TIMER };
	bool waiting;

	waiting = (thread ? thread->pending.set : p->pending.set) & SIG_BIT(t->signal);
	if (waiting && posix_grow(t, (uint32_t)missed + 1))
		return;
	t->overrun_next += (uint32_t)missed + waiting;
	if (waiting)
		return;			/* somebody else's: only the count grows (timer_getoverrun(2)) */
	t->overrun_taken = t->overrun;
	t->overrun = t->overrun_next;
	t->overrun_next = 0;
	info.timer.timer = (int32_t)t->id;
	info.timer.overrun = (int32_t)t->overrun;
	info.timer.value = t->value;
	signal_send(p, thread, t->signal, &info);
}

static void posix_fire(void *arg)
{
	struct posix_timer *t = arg;
	struct process *p = t->process;
	uint64_t missed = 0;

	lazy_set(p, &t->lazy, false);
	if (t->interval_ns != 0)
		missed = series_advance(&t->expires_ns, t->interval_ns, clock_mono_ns());
	else
		t->expires_ns = 0;
	posix_ring(t, missed);
	if (t->interval_ns == 0)
		return;
	lazy_set(p, &t->lazy, signal_rests(p, posix_thread(t), t->signal));
	timer_after(&t->timer, t->lazy ? lazy_deadline(t->expires_ns) : t->expires_ns, posix_fire, t);
}

/* Its signal is being taken: how often it has rung is said now, and it rings again in time. */
static void posix_wake(struct posix_timer *t)
{
	uint64_t now = clock_mono_ns();

	lazy_set(t->process, &t->lazy, false);
	if (now >= t->expires_ns)
		posix_ring(t, series_advance(&t->expires_ns, t->interval_ns, now));
	timer_after(&t->timer, t->expires_ns, posix_fire, t);
}

void itimer_signal_taken(struct process *p, int sig)
{
	if (p->lazy_timers == 0)
		return;
	if (sig == SIGALRM && p->itimers[ITIMER_REAL].lazy)
		itimer_wake(&p->itimers[ITIMER_REAL]);
	for (struct posix_timer *t = p->timers; t; t = t->next)
		if (t->lazy && t->signal == sig)
			posix_wake(t);
}

#define TIMER_VALUE_IS_ID	0x10000u	/* with the signal: timer_create(2) without an event */

static void posix_create(struct request *r)
{
	struct process *p = r->process;
	uint64_t clock = r->words[2];
	int signal = (int)(r->words[3] & 0xffff), notify = (int)(r->words[3] >> 32);
	struct user *u = p->counted ? p->counted : p->user;
	struct thread *told = notify == SIGEV_THREAD_ID ? thread_by_tid((uint32_t)r->words[5]) : NULL;
	struct posix_timer *t = NULL;
	int error = 0;

	if (clock == CLOCK_PROCESS_CPU || clock == CLOCK_THREAD_CPU)
		error = -EOPNOTSUPP;
	else if ((clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) ||
		(notify != SIGEV_NONE && (signal < 1 || signal > SIGNALS_MAX)) ||
		(notify != SIGEV_SIGNAL && notify != SIGEV_NONE && notify != SIGEV_THREAD && notify != SIGEV_THREAD_ID) ||
		(notify == SIGEV_THREAD_ID && (!told || told->process != p)))
		error = -EINVAL;
	else if (u->nsignals >= p->rlimits[RLIMIT_SIGPENDING][0] || !(t = mem_alloc(sizeof(*t))))
		error = -EAGAIN;
	if (error) {
		request_reply(r, error);
		return;
	}
	*t = (struct posix_timer){ .next = p->timers, .process = p, .id = p->next_timer++, .signal = signal,
		.notify = notify, .clock = (int)clock, .value = r->words[4], .tid = (uint32_t)r->words[5], .user = u };
	if (r->words[3] & TIMER_VALUE_IS_ID)
		t->value = t->id;
	u->refs++;
	u->nsignals++;
	p->timers = t;
	request_reply(r, t->id);
}

static struct linux_itimerspec posix_state(const struct posix_timer *t)
{
	uint64_t now = clock_mono_ns(), next = t->expires_ns, left = 0;

	if (next != 0 && next <= now && t->interval_ns != 0)
		series_advance(&next, t->interval_ns, now);	/* nobody is told: it does not ring */
	if (next > now || (next != 0 && t->notify != SIGEV_NONE))
		left = next > now ? next - now : 1;
	return (struct linux_itimerspec){ timespec_of(t->interval_ns), timespec_of(left) };
}

static void posix_settime(struct request *r, struct posix_timer *t)
{
	struct linux_itimerspec old = posix_state(t);
	uint64_t value, interval;

	if (!itimerspec_read(r, &interval, &value)) {
		request_reply(r, -EINVAL);
		return;
	}
	timer_cancel(&t->timer);
	lazy_set(t->process, &t->lazy, false);
	t->expires_ns = 0;
	t->interval_ns = interval;
	t->overrun = t->overrun_next = t->overrun_taken = 0;
	if (value != 0) {
		t->expires_ns = timer_deadline((uint32_t)t->clock, value, r->words[3]);
		if (t->notify != SIGEV_NONE)
			timer_after(&t->timer, t->expires_ns, posix_fire, t);
	}
	request_reply_data(r, 0, &old, sizeof(old));
}

static void posix_delete(struct process *p, struct posix_timer *t)
{
	struct posix_timer **at = &p->timers;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	timer_cancel(&t->timer);
	lazy_set(p, &t->lazy, false);
	t->user->nsignals--;
	user_put(t->user);
	mem_free(t);
}

void request_timer(struct request *r)
{
	struct posix_timer *t;
	struct linux_itimerspec state;

	if (r->words[1] == 0) {
		posix_create(r);
		return;
	}
	t = timer_find(r->process, r->words[2]);
	if (!t || r->words[1] > 4) {
		request_reply(r, -EINVAL);
		return;
	}
	switch (r->words[1]) {
	case 1:
		posix_settime(r, t);
		break;
	case 2:
		state = posix_state(t);
		request_reply_data(r, 0, &state, sizeof(state));
		break;
	case 3:
		posix_delete(r->process, t);
		request_reply(r, 0);
		break;
	default:
		request_reply(r, posix_waiting(t) ? t->overrun_taken : t->overrun);
		break;
	}
}

/* timer_create(2): not preserved across exec; setitimer(2): preserved. */
void itimer_exec(struct process *p)
{
	while (p->timers)
		posix_delete(p, p->timers);
}

void itimer_process_gone(struct process *p)
{
	itimer_exec(p);
	for (int i = 0; i < 3; i++)
		timer_cancel(&p->itimers[i].timer);
	timer_cancel(&p->cpu_timer);
}
