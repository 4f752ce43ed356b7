/*
 * clock.c -- time without a call: the kernel's clock page.
 *
 * Locks:  the page's sequence number; the pointer is set once, and twice the same by a race.
 * Fails:  a task that cannot map the page panics: nothing sensible follows without time.
 */
#include <lib/rt/rt.h>

static const struct clock_page *clock_mapped;

static const struct clock_page *clock_get(void)
{
	const struct clock_page *page = __atomic_load_n(&clock_mapped, __ATOMIC_ACQUIRE);
	int64_t vmo;

	if (page)
		return page;
	vmo = tess_clock_page(H_SELF);
	if (vmo < 0)
		rt_panic("no clock page: %s", rt_status_text(vmo));
	page = rt_vmo_map((handle_t)vmo, PAGE_SIZE, MAP_READ | MAP_SHARED_ABI);
	if (!page)
		rt_panic("the clock page cannot be mapped");
	tess_handle_close((handle_t)vmo);
	__atomic_store_n(&clock_mapped, page, __ATOMIC_RELEASE);
	return page;
}

static uint64_t tsc_read(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Monotonic time; *offset: what makes wall-clock time of it. */
static uint64_t clock_read(uint64_t *offset)
{
	const volatile struct clock_page *page = clock_get();
	uint64_t now;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
		now = page->mono_base_ns +
		      (uint64_t)((unsigned __int128)(tsc_read() - page->tsc_base) * page->mult >> 32);
		*offset = page->realtime_offset_ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || seq != page->seq);
	return now;
}

uint64_t rt_mono_ns(void)
{
	uint64_t offset;

	return clock_read(&offset);
}

uint64_t rt_real_ns(void)
{
	uint64_t offset, now = clock_read(&offset);

	return now + offset;
}
