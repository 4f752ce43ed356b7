/*
 * delay.c -- delays forced at hand-overs (delay.h), as the command line says.
 *
 * Locks:   none: the table is written before the other CPUs start; each CPU has its own chance.
 * Tested:  tests/linux/delays.sh; docs/design/races.md says how to use it by hand
 */
#include "delay.h"
#include "arch.h"
#include "boot.h"
#include "lock.h"
#include "timer.h"

#define DELAY_MAX_US 100000u

uint32_t delay_ns[DELAY_COUNT];
static uint32_t chance[CPUS_MAX];

static const char *const names[DELAY_COUNT] = {
#define X(point, name) name,
	DELAY_POINTS(X)
#undef X
};

static int point_by_name(const char *name, size_t len)
{
	for (int i = 0; i < DELAY_COUNT; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return i;
	return -1;
}

/* One NAME:MICROSECONDS; where it ends. */
static const char *point_parse(const char *p, const char *end)
{
	const char *name = p;
	uint32_t us = 0;
	int point;

	while (p < end && *p != ':' && *p != ',')
		p++;
	point = point_by_name(name, (size_t)(p - name));
	if (p < end && *p == ':')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			us = MIN(us * 10 + (uint32_t)(*p - '0'), DELAY_MAX_US);
	if (point < 0 || us == 0 || (p < end && *p != ','))
		panic("delay=: NAME:MICROSECONDS, and NAME one of those in kernel/include/delay.h");
	delay_ns[point] = us * 1000;
	return p < end ? p + 1 : p;
}

void delay_init(void)
{
	unsigned len;
	const char *p = boot_option("delay", &len), *end;

	if (!p)
		return;
	end = p + len;
	if (!DEBUG_DELAYS)
		panic("delay=: this kernel was built without --enable-debug");
	while (p < end)
		p = point_parse(p, end);
}

void delay_run(enum delay_point point)
{
	uint32_t *c = &chance[cpu_id()];
	uint64_t until;

	*c = *c * 1664525 + 1013904223 + cpu_id();
	if (*c >> 31)
		return;
	for (until = time_ns() + delay_ns[point]; time_ns() < until; )
		arch_spin_wait();
}
