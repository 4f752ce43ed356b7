/*
 * itimerspec.h -- struct itimerspec, as timer_settime(2) and timerfd_settime(2) have it.
 */
#ifndef LINUX_SERVER_ITIMERSPEC_H
#define LINUX_SERVER_ITIMERSPEC_H

#include <lib/rt/str.h>
#include "server.h"

#define TIMER_ABSTIME 1u
enum timer_clock { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPU, CLOCK_THREAD_CPU, CLOCK_BOOTTIME = 7 };

struct linux_timespec { int64_t sec, nsec; };
struct linux_itimerspec { struct linux_timespec interval, value; };
_Static_assert(sizeof(struct linux_itimerspec) == 32, "struct itimerspec of x86-64");

static inline struct linux_timespec timespec_of(uint64_t ns)
{
	return (struct linux_timespec){ (int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000) };
}

static inline bool timespec_ns(const struct linux_timespec *t, uint64_t *ns)
{
	*ns = (uint64_t)t->sec * 1000000000 + (uint64_t)t->nsec;
	return t->sec >= 0 && t->sec < 1ll << 33 && t->nsec >= 0 && t->nsec < 1000000000;
}

/* The payload of a request; false: it is none. */
static inline bool itimerspec_read(const struct request *r, uint64_t *interval_ns, uint64_t *value_ns)
{
	struct linux_itimerspec spec;

	if (r->payload_len != sizeof(spec))
		return false;
	memcpy(&spec, r->payload, sizeof(spec));
	return timespec_ns(&spec.interval, interval_ns) && timespec_ns(&spec.value, value_ns);
}

/* When a timer rings that is set to `value`, on the monotonic clock: nobody can set the wall clock yet. */
static inline uint64_t timer_deadline(uint32_t clock, uint64_t value_ns, uint64_t flags)
{
	uint64_t now = clock_mono_ns(), wall = clock_real_ns();

	if (!(flags & TIMER_ABSTIME))
		return now + value_ns;
	if (clock == CLOCK_REALTIME)
		return value_ns > wall ? value_ns - wall + now : now;
	return value_ns;
}

#endif
