/*
 * clock.c -- wall clock, the page from which every program reads it, and what the system says of itself.
 *
 * Owns:    the clock page's frame.  Writers hold clock_lock; readers use seq.
 * Tested:  tests/linux/time, bench row clock.
 */
#include "arch.h"
#include "handle.h"
#include "mm.h"
#include "sched.h"
#include "syscalls.h"
#include "timer.h"

static struct clock_page *page;
static struct vmo *page_vmo;
static struct spinlock clock_lock = SPINLOCK(RANK_OBJECT);
static uint64_t realtime_offset_ns;

static void page_write(void)
{
	page->seq++;
	__sync_synchronize();
	page->tsc_base = tsc_start;
	page->mono_base_ns = 0;
	page->mult = tsc_mult;
	page->realtime_offset_ns = realtime_offset_ns;
	page->tsc_hz = tsc_hz;
	page->ncpus = cpu_count;
	__sync_synchronize();
	page->seq++;
}

void clock_init(void)
{
	struct frame *f;

	KASSERT(vmo_new(root_pool, PAGE_SIZE, &page_vmo) == 0);
	KASSERT(vmo_page(page_vmo, 0, true, root_pool, &f) == 0);
	page = frame_virt(f);		/* the reference stays: the kernel's own */
	realtime_offset_ns = arch_rtc_seconds() * 1000000000ull - time_ns();
	page_write();
}

uint64_t time_real_ns(void) { return time_ns() + realtime_offset_ns; }

int64_t sys_clock_page(uint64_t pool)
{
	(void)pool;
	object_get(&page_vmo->object);
	return handle_install(false, &page_vmo->object, RIGHT_READ | RIGHT_MAP | RIGHT_COPY | RIGHT_TRANSFER, 0);
}

int64_t sys_clock_set(uint64_t platform, uint64_t realtime_ns)
{
	status_t s = platform_check((handle_t)platform, RIGHT_MANAGE);

	REQUIRE(s == 0, s);
	spin_lock(&clock_lock);
	realtime_offset_ns = realtime_ns - time_ns();
	page_write();
	spin_unlock(&clock_lock);
	return 0;
}

int64_t sys_system_query(uint64_t info)
{
	struct system_info *i = kmem_alloc(NULL, sizeof(*i));
	status_t s;

	REQUIRE(i, E_NOMEM);
	arch_system_info(i);
	i->memory_total = i->frames_total = frames_total_count();
	i->memory_free = i->frames_free = frames_free_count();
	i->memory_total *= PAGE_SIZE;
	i->memory_free *= PAGE_SIZE;
	i->memory_kernel = kmem_used_bytes();
	i->ncpus = cpu_count;
	i->uptime_ns = time_ns();
	i->ctx_switches = sched_switches();
	i->runnable = sched_runnable();
	i->tsc_hz = tsc_hz;
	i->log_end = log_end();
	for (uint32_t c = 0; c < cpu_count; c++) {
		cputime_of_cpu(c, &i->idle_ns[c], &i->user_ns[c], &i->kernel_ns[c]);
		i->interrupts += percpu_of[c].interrupts;
	}
	for (int k = 0; k < OBJ_TYPES; k++)
		i->objects[k] = object_counts[k];
	build_id_text(i->build_id, sizeof(i->build_id));
	s = user_copy_out(info, i, sizeof(*i)) ? E_FAULT : 0;
	kmem_free(NULL, i, sizeof(*i));
	return s;
}
