/*
 * trace.c -- the trace ring of each CPU; `trace` on the command line turns it on, and a panic shows its end.
 *
 * Locks:   none: a CPU writes only its own ring; a reader of another's may see a torn newest entry.
 * Tested:  programs/selftest/life.c, tests/boot/panic.bats
 */
#include "arch.h"
#include "handle.h"
#include "mm.h"
#include "syscalls.h"
#include "thread.h"
#include "trace.h"

#define TRACE_ENTRIES 1024
#define TRACE_SHOWN 16

bool trace_on;
static struct { struct trace_entry entries[TRACE_ENTRIES]; uint64_t written; } rings[CPUS_MAX];

void trace_record(uint16_t event, uint64_t a, uint64_t b)
{
	uint32_t cpu = cpu_id();
	struct trace_entry *e = &rings[cpu].entries[rings[cpu].written++ % TRACE_ENTRIES];

	*e = (struct trace_entry){ time_ns(), event, (uint16_t)cpu, current->number, a, b };
}

/* For a panic: what this CPU did last. */
void trace_show(void)
{
	static const char *const names[] = { "", "switch", "fault", "exception", "interrupt" };
	uint32_t cpu = cpu_id();
	uint64_t end = rings[cpu].written, at = end > TRACE_SHOWN ? end - TRACE_SHOWN : 0;

	for (; at < end; at++) {
		const struct trace_entry *e = &rings[cpu].entries[at % TRACE_ENTRIES];

		kprintf("  %lu ns thread %u %s %lx %lx\n", (unsigned long)e->time_ns, e->thread,
			names[e->event], (unsigned long)e->a, (unsigned long)e->b);
	}
}

int64_t sys_trace_read(uint64_t platform, uint64_t cpu, uint64_t buf, uint64_t count)
{
	uint64_t first, done = 0;
	status_t s = platform_check((handle_t)platform, RIGHT_READ);

	REQUIRE(s == 0, s);
	REQUIRE(cpu < cpu_count, E_INVAL);
	first = rings[cpu].written > TRACE_ENTRIES ? rings[cpu].written - TRACE_ENTRIES : 0;
	for (; done < count && first + done < rings[cpu].written; done++) {
		struct trace_entry e = rings[cpu].entries[(first + done) % TRACE_ENTRIES];

		REQUIRE(user_copy_out(buf + done * sizeof(e), &e, sizeof(e)) == 0, E_FAULT);
	}
	return (int64_t)done;
}
