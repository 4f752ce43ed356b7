/*
 * rt.h -- the runtime of native freestanding programs: start-up, grants, log, threads, memory.
 *
 * A program defines `int main(void)`; its return value ends the task (rt_exit).  Everything here may be
 * used from any thread.  A native call's stub is tess_NAME (abi/stubs.h, generated).
 *
 * Build: $(NATIVE_CFLAGS) and $(NATIVE_LINK) of lib/local.mk (freestanding, general registers only,
 * static, at 0x400000), linked with lib/rt/librt.a.  Include as <lib/rt/rt.h>, with -I of the source top and
 * of the build top, where the generated abi/errors.h, rights.h, calls.h and stubs.h are.
 */
#ifndef LIB_RT_RT_H
#define LIB_RT_RT_H

#include <stdbool.h>
#include <abi/native.h>
#include <abi/stubs.h>
#include <lib/rt/str.h>

/* --- what init hands over -------------------------------------------------------------------------
 *
 * RDI of a program's first thread is the address of this page (read and write, the program's own).
 * RDI 0: this is init itself, which has no page and finds its capabilities in the INIT_ slots.
 */
#define RT_START_MAGIC	0x7472617473747472ull	/* "rttstart" */
#define RT_NAME		24
#define RT_GRANTS	64
#define RT_ARGS		1024

struct rt_grant {
	char name[RT_NAME];		/* as in the manifest; "" ends the table */
	handle_t handle;
	uint32_t pad;
};
struct rt_start {
	uint64_t magic;
	uint64_t block;			/* of the first thread */
	uint64_t stack_len;		/* not 0: the stack is not in the block; the program has one thread */
	uint64_t generation;		/* 0 at first, +1 at every restart */
	char name[RT_NAME];		/* of the server in the manifest */
	char args[RT_ARGS];		/* the rest of the manifest's `args` line */
	struct rt_grant grants[RT_GRANTS];
};
_Static_assert(sizeof(struct rt_start) <= 4096, "one page");

extern const struct rt_start *rt_start;	/* NULL in init */

/* the capability that the manifest calls so; H_NONE: not granted */
handle_t rt_grant(const char *name);
/* the same where the program cannot do without: panics with a clear line */
handle_t rt_grant_need(const char *name);

/* --- ending and telling ------------------------------------------------------------------------------ */
/* One line of the kernel log, "NAME: " before it; no newline at its end; cut at RT_LOG_MAX bytes. */
#define RT_LOG_MAX 240
void rt_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
void rt_vlog(const char *format, va_list args);
void rt_set_name(const char *name);		/* what the log lines begin with; default: rt_start->name */
_Noreturn void rt_exit(int code);		/* the whole task; init sees the code */
_Noreturn void rt_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));	/* exit code 134 */
/* our bug: file and line to the log, then as rt_panic */
#define RT_ASSERT(x) do { if (!(x)) rt_panic("%s:%d: %s", __FILE__, __LINE__, #x); } while (0)
/* "E_NOMEM (the pool or the machine has no memory left)"; static text */
const char *rt_status_text(status_t status);
/* the same when only the name is wanted: "E_NOMEM" */
const char *rt_status_name(status_t status);

/* --- memory ----------------------------------------------------------------------------------------------
 * Whole pages, zero-filled, of the program's own pool.  NULL: no memory.  For small objects a program
 * keeps its own pools of structures.
 */
void *rt_pages_map(uint64_t len_bytes);
void rt_pages_unmap(void *pages, uint64_t len_bytes);
/* map a whole vmo (or its first len bytes) somewhere; NULL on failure */
void *rt_vmo_map(handle_t vmo, uint64_t len_bytes, uint64_t map_flags);

/* --- threads -----------------------------------------------------------------------------------------------
 * A thread runs on the stack of its block (BLOCK_SIZE - BLOCK_STACK, about 20 KiB) and ends when entry
 * returns.  The number of the thread in the task comes back, or an E_.  The block of an ended thread
 * is not given back: threads here are made at start and live as long as the program.
 */
int64_t rt_thread_create(void (*entry)(void *), void *arg, uint32_t priority);

/* --- time ---------------------------------------------------------------------------------------------------
 * Monotonic and wall-clock nanoseconds from the kernel's clock page, mapped at the first use.
 */
uint64_t rt_mono_ns(void);
uint64_t rt_real_ns(void);

#endif
