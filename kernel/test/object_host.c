/*
 * object_host.c -- see object_host.h.  What mm/ and arch/ give is replaced by the least that does; the lock
 * checker, the scheduler, tables, objects and IPC are the kernel's own.
 */
#include "object_host.h"
#include "arch.h"
#include "boot.h"
#include "descriptor.h"
#include "ipc.h"
#include <asm/prctl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10)
#define FRAMES 4096

struct fiber {
	ucontext_t context;
	void *stack;
	size_t size;
	void (*body)(void *);
	void *arg;
};

struct percpu percpu_of[CPUS_MAX];
uint32_t cpu_count = 1;
uint8_t panicking;
uint64_t tsc_hz = 1000000000, tsc_mult = 1ull << 32, tsc_start;
struct vspace kernel_vspace;
struct pool *root_pool;
struct frame *frames;
uint64_t frames_count = FRAMES;

uint64_t host_time = 1000, host_kmem_used, host_frames_used, host_absent_lo, host_absent_hi;
int host_fail_after = -1;
bool host_absent_for_good;
void (*host_on_fault)(void), (*host_on_pause)(void);

static struct pool pool = { .limit = ~0ull };
static struct task task;
static struct fiber idle_fiber;
static uint32_t free_frames[FRAMES], nfree;

void futex_init(void);

/* --- output ------------------------------------------------------------------------------------------ */

void log_text(const char *text, size_t len) { printf("# %.*s", (int)len, text); }

bool trace_on;
void trace_record(uint16_t event, uint64_t a, uint64_t b) { (void)event; (void)a; (void)b; }

_Noreturn void panic(const char *format, ...)
{
	va_list args;

	printf("Bail out! panic: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	abort();
}

/* --- memory -------------------------------------------------------------------------------------------- */

static bool fails(void)
{
	if (host_fail_after < 0)
		return false;
	return host_fail_after-- == 0 ? (host_fail_after = 0, true) : false;
}

void *kmem_alloc(struct pool *p, size_t size)
{
	(void)p;
	if (fails())
		return NULL;
	host_kmem_used += size;
	return calloc(1, size);
}

void kmem_free(struct pool *p, void *at, size_t size)
{
	(void)p;
	host_kmem_used -= size;
	free(at);
}

struct frame *frame_alloc(struct pool *p)
{
	struct frame *f;

	(void)p;
	if (fails() || !nfree)
		return NULL;
	f = &frames[free_frames[--nfree]];
	f->refs = 1;
	host_frames_used++;
	memset(frame_virt(f), 0xa5, PAGE_SIZE);
	return f;
}

void frame_free(struct frame *f)
{
	free_frames[nfree++] = (uint32_t)(f - frames);
	host_frames_used--;
}

/* How much of [at, at + len) can be reached without a fault. */
static size_t resident(uint64_t at, size_t len)
{
	if (at >= host_absent_hi || at + len <= host_absent_lo)
		return len;
	return at >= host_absent_lo ? 0 : host_absent_lo - at;
}

size_t user_copy_in_nofault(void *to, uint64_t from, size_t len)
{
	len = resident(from, len);
	memcpy(to, (void *)from, len);
	return len;
}

size_t user_copy_out_nofault(uint64_t to, const void *from, size_t len)
{
	len = resident(to, len);
	memcpy((void *)to, from, len);
	return len;
}

status_t user_fault_in(uint64_t at, size_t len, bool write)
{
	void (*hook)(void) = host_on_fault;

	(void)write, (void)len;
	lock_check_none();
	host_on_fault = NULL;
	if (hook)
		hook();
	if (resident(at, 1) == 1)	/* no more than that is promised */
		return 0;
	if (host_absent_for_good)
		return E_FAULT;
	host_absent_lo = host_absent_hi = 0;
	return 0;
}

static status_t user_reach(uint64_t at, size_t len)
{
	if (!user_range_ok(at, len) || at < PAGE_SIZE)
		return E_FAULT;
	return resident(at, len) == len ? 0 : user_fault_in(at, len, true);
}

status_t user_copy_in(void *to, uint64_t from, size_t len)
{
	status_t s = user_reach(from, len);

	if (!s)
		memcpy(to, (void *)from, len);
	return s;
}

status_t user_copy_out(uint64_t to, const void *from, size_t len)
{
	status_t s = user_reach(to, len);

	if (!s)
		memcpy((void *)to, from, len);
	return s;
}

status_t user_clear(uint64_t to, size_t len)
{
	status_t s = user_reach(to, len);

	if (!s)
		memset((void *)to, 0, len);
	return s;
}

status_t user_read_u32_nofault(uint64_t addr, uint32_t *value)
{
	return user_copy_in_nofault(value, addr, 4) == 4 ? 0 : E_FAULT;
}

status_t user_cas_u32_nofault(uint64_t addr, uint32_t old, uint32_t new, uint32_t *was)
{
	REQUIRE(resident(addr, 4) == 4, E_FAULT);
	*was = *(uint32_t *)addr;
	if (*was == old)
		*(uint32_t *)addr = new;
	return 0;
}

/* Private or shared, a word is itself: keyed by the space of all. */
status_t vspace_futex_key(struct vspace *vs, uint64_t addr, bool private, struct futex_key *out)
{
	(void)vs, (void)private;
	REQUIRE(user_range_ok(addr, 4), E_FAULT);
	*out = (struct futex_key){ &kernel_vspace.object, addr };
	object_get(out->object);
	return 0;
}
void vspace_switch(struct vspace *vs) { percpu()->vspace = vs; }
void vspace_end_lease(struct lease *l) { (void)l; }

/* --- a content: 64 bytes that never change size ----------------------------------------------------------- */

static char file[64];

int64_t content_read(struct content *c, uint64_t offset, uint64_t user, uint64_t len)
{
	(void)c;
	len = offset >= sizeof(file) ? 0 : MIN(len, sizeof(file) - offset);
	return user_copy_out(user, file + offset, len) ? E_FAULT : (int64_t)len;
}

int64_t content_write(struct content *c, uint64_t offset, uint64_t user, uint64_t len, uint64_t ceiling, uint64_t *end)
{
	(void)c, (void)ceiling;
	if (offset == OFFSET_OWN)
		offset = 0;
	len = offset >= sizeof(file) ? 0 : MIN(len, sizeof(file) - offset);
	*end = offset + len;
	return user_copy_in(file + offset, user, len) ? E_FAULT : (int64_t)len;
}

status_t content_open_check(struct content *c, uint32_t flags)
{
	REQUIRE(!(flags & DESC_WRITE) || !c->deny_write, E_TXTBUSY);
	c->writers += flags & DESC_WRITE ? 1 : 0;
	return 0;
}
void content_close(struct content *c, uint32_t flags) { c->writers -= flags & DESC_WRITE ? 1 : 0; }
void content_fill_attr(struct content *c, struct content_attr *a) { (void)c, memset(a, 0, sizeof(*a)); }
status_t content_resize(struct content *c, uint64_t size, uint64_t ceiling) { (void)c, (void)size, (void)ceiling; return 0; }
status_t content_allocate(struct content *c, uint64_t offset, uint64_t end, uint64_t ceiling)
{
	(void)c, (void)offset, (void)end, (void)ceiling;
	return 0;
}
status_t content_punch(struct content *c, uint64_t offset, uint64_t len) { (void)c, (void)offset, (void)len; return 0; }
int64_t vmo_seek_data(struct vmo *v, uint64_t offset) { (void)v; return (int64_t)offset; }
int64_t vmo_seek_hole(struct vmo *v, uint64_t offset) { (void)v, (void)offset; return sizeof(file); }
uint64_t vmo_size(struct vmo *v) { (void)v; return sizeof(file); }
void content_release(struct object *o) { object_free(o); }
uint64_t content_told_take(struct notice *tells) { return tells->words[0]; }
void pager_release(struct object *o) { object_free(o); }

/* --- the machine ------------------------------------------------------------------------------------------- */

uint64_t arch_clock_ns(void) { return host_time; }
void arch_timer_set(uint64_t deadline_ns) { (void)deadline_ns; }
void arch_ipi_reschedule(uint32_t cpu) { (void)cpu; }
void arch_spin_wait(void) { panic("one CPU waits for itself"); }
void arch_interrupts_window(void)
{
	void (*hook)(void) = host_on_pause;

	host_on_pause = NULL;
	if (hook)
		hook();
}

void arch_idle_wait(void) { }
void arch_ext_drop(struct thread *t) { (void)t; }
void arch_ext_release(struct thread *t) { (void)t; }
bool arch_random(uint64_t *out) { *out = 0x1234567; return true; }
bool arch_thread_init(struct thread *t, struct pool *p, bool fpu)
{
	(void)p, (void)fpu;
	t->arch.ext_cpu = -1;
	return true;
}

static struct fiber *fiber_of(struct thread *t) { return (struct fiber *)t->arch.kstack; }

void arch_switch(struct thread *from, struct thread *to)
{
	struct fiber *a = fiber_of(from), *b = fiber_of(to);
	void *fake = NULL;

	percpu_of[0].thread = to;
	percpu_of[0].arch = &to->arch;
	__sanitizer_start_switch_fiber(from->state == TS_DEAD ? NULL : &fake, b->stack, b->size);
	swapcontext(&a->context, &b->context);
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

static void fiber_main(void)
{
	const void *from;
	size_t size;
	struct fiber *f;

	__sanitizer_finish_switch_fiber(NULL, &from, &size);
	if (!idle_fiber.stack) {		/* the first comes from the test's own */
		idle_fiber.stack = (void *)from;
		idle_fiber.size = size;
	}
	schedule_finish();
	f = fiber_of(current);
	f->body(f->arg);
	sched_exit();
}

struct thread *host_thread(void (*body)(void *), void *arg)
{
	struct thread *t = object_alloc(&pool, OBJ_THREAD, sizeof(*t), RANK_THREAD);
	struct fiber *f = calloc(1, sizeof(*f));

	sched_thread_init(t);
	list_init(&t->task_link);
	list_init(&t->call_link);
	arch_thread_init(t, &pool, false);
	t->arch.utcb = calloc(1, sizeof(struct utcb));
	t->arch.kstack = f;
	t->task = &task;
	t->table = task.descriptors;
	object_get(&t->table->object);
	t->priority = t->floor = t->effective = PRIORITY_NORMAL;
	t->number = 1;
	f->size = STACK_BYTES;
	f->stack = malloc(f->size);
	f->body = body;
	f->arg = arg;
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = f->size;
	makecontext(&f->context, fiber_main, 0);
	object_get(&t->object);		/* its own, dropped when it has left its stack */
	thread_start(t);
	return t;
}

void thread_release(struct object *o)
{
	struct thread *t = container_of(o, struct thread, object);

	free(fiber_of(t)->stack);
	free(fiber_of(t));
	free(t->arch.utcb);
	object_put(&t->table->object);
	object_free(o);
}

void host_run(void)
{
	while (sched_runnable())
		schedule_yield();
}

void host_pass(uint64_t ns)
{
	host_time += ns;
	timer_interrupt(false);
	host_run();
}

void host_end(struct thread *t)
{
	if (t->state != TS_DEAD)
		panic("a thread has not ended: state %d", t->state);
	object_put(&t->object);
}

/* --- the rest of the kernel ----------------------------------------------------------------------------------- */

void tasks_kill_pool(struct pool *p) { (void)p; }
struct thread *task_thread(struct task *k, uint32_t number) { (void)k, (void)number; return NULL; }
struct table *thread_table(struct thread *t) { object_get(&t->table->object); return t->table; }
void thread_exit_current(void) { sched_exit(); }

#define NO_RELEASE(kind) void kind##_release(struct object *o) { (void)o; panic(#kind " released"); }
NO_RELEASE(task)
NO_RELEASE(vspace)
NO_RELEASE(vmo)
NO_RELEASE(pool)
NO_RELEASE(irq)
NO_RELEASE(ioport)
NO_RELEASE(platform)

uint64_t host_objects(void)
{
	uint64_t n = 0;

	for (int i = 0; i < OBJ_TYPES; i++)
		n += i == OBJ_THREAD ? 0 : object_counts[i];
	return n;
}

uint64_t host_kmem_beside_tables(void)
{
	return host_kmem_used - (task.handles->capacity + task.descriptors->capacity) * sizeof(struct slot);
}

void host_init(void)
{
	void *ram = mmap((void *)DIRECT_MAP, FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct thread *idle;

	if (ram != (void *)DIRECT_MAP)
		panic("no room for simulated RAM");
	frames = calloc(FRAMES, sizeof(*frames));
	for (uint32_t i = 0; i < FRAMES; i++)
		free_frames[nfree++] = i;
	for (uint32_t i = 0; i < CPUS_MAX; i++)
		percpu_of[i].self = &percpu_of[i];
	root_pool = &pool;
	pool.object.refs = task.object.refs = kernel_vspace.object.refs = 1;
	pool.object.type = OBJ_POOL;
	task.object.type = OBJ_TASK;
	kernel_vspace.object.type = OBJ_VSPACE;
	task.object.koid = ~0ull;
	spin_init(&task.object.lock, RANK_TASK);
	list_init(&task.threads);
	list_init(&task.endpoints);
	task.task_pool = &pool;
	task.vspace = &kernel_vspace;
	task.badge = 77;
	task.ceiling_file_size = ~0ull;
	percpu_of[0].thread = calloc(1, sizeof(struct thread));	/* until sched_init: object_release asks */
	syscall(SYS_arch_prctl, ARCH_SET_GS, &percpu_of[0]);
	if (table_new(&pool, 1 << 16, &task.handles) || table_new(&pool, 64, &task.descriptors))
		panic("no tables");
	free(percpu_of[0].thread);
	sched_init();
	futex_init();
	idle = percpu_of[0].idle;
	idle->arch.kstack = &idle_fiber;
	idle->arch.utcb = calloc(1, sizeof(struct utcb));
	idle->task = &task;
	idle->table = task.descriptors;
	object_get(&idle->table->object);
}
