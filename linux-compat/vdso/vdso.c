/*
 * vdso.c -- clock_gettime, gettimeofday, time and getcpu in the program itself, over the kernel's clock
 * page, which the translator maps right before this image.
 *
 * Owns:    nothing; no data, no relocation.
 * Fails:   what the page cannot answer goes to the system call.
 * Tested:  linux-compat/translator/test/vdso_test.c, tests/linux/time.c
 */
#include <stdint.h>
#include <abi/native.h>

#define NSEC			1000000000u
#define NR_gettimeofday		96
#define NR_clock_gettime	228
#define NR_clock_getres		229
#define NR_getcpu		309

struct timespec { int64_t sec, nsec; };
struct timeval { int64_t sec, usec; };

extern const struct clock_page vdso_clock_page __attribute__((visibility("hidden")));	/* vdso.ld */

static inline int64_t call3(int64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	__asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return nr;
}

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* Nanoseconds on the monotonic clock; realtime adds the page's offset under the same sequence. */
static inline uint64_t clock_ns(int realtime)
{
	const volatile struct clock_page *c = &vdso_clock_page;
	uint64_t ns;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE) & ~1u;
		ns = c->mono_base_ns + (uint64_t)((unsigned __int128)(ticks() - c->tsc_base) * c->mult >> 32);
		if (realtime)
			ns += c->realtime_offset_ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__builtin_expect(c->seq != seq, 0));
	return ns;
}

/* The clocks of clock_gettime(2) that need no more than the page: 1 realtime, 0 monotonic, -1 another. */
static inline int clock_kind(int clock)
{
	switch (clock) {
	case 0: case 5: case 8: case 11:
		return 1;
	case 1: case 4: case 6: case 7: case 9:
		return 0;
	default:
		return -1;
	}
}

int __vdso_clock_gettime(int clock, struct timespec *ts)
{
	int kind = clock_kind(clock);
	uint64_t ns;

	if (kind < 0)
		return (int)call3(NR_clock_gettime, (uint64_t)clock, (uint64_t)ts, 0);
	ns = clock_ns(kind);
	ts->sec = (int64_t)(ns / NSEC);
	ts->nsec = (int64_t)(ns % NSEC);
	return 0;
}

int __vdso_clock_getres(int clock, struct timespec *ts)
{
	return (int)call3(NR_clock_getres, (uint64_t)clock, (uint64_t)ts, 0);
}

int __vdso_gettimeofday(struct timeval *tv, void *zone)
{
	uint64_t ns = clock_ns(1);

	if (zone)
		return (int)call3(NR_gettimeofday, (uint64_t)tv, (uint64_t)zone, 0);
	if (tv) {
		tv->sec = (int64_t)(ns / NSEC);
		tv->usec = (int64_t)(ns % NSEC / 1000);
	}
	return 0;
}

int64_t __vdso_time(int64_t *to)
{
	int64_t sec = (int64_t)(clock_ns(1) / NSEC);

	if (to)
		*to = sec;
	return sec;
}

int64_t __vdso_getcpu(unsigned *cpu, unsigned *node, void *cache)
{
	return call3(NR_getcpu, (uint64_t)cpu, (uint64_t)node, (uint64_t)cache);
}

#define ALIAS(name) extern __typeof__(__vdso_##name) name __attribute__((weak, alias("__vdso_" #name)))
ALIAS(clock_gettime);
ALIAS(clock_getres);
ALIAS(gettimeofday);
ALIAS(time);
ALIAS(getcpu);
