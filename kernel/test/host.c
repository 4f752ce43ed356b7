/*
 * host.c -- what kernel/mm needs of the machine and of the rest of the kernel, for tests on the host.
 *
 * RAM is a mapping at DIRECT_MAP; GS points at a struct percpu, so that the kernel's own inline functions
 * work; page tables are the real ones (arch/x86_64/paging.c), walked by host_read and host_write.
 */
#include "host.h"
#include "arch.h"
#include "boot.h"
#include "handle.h"
#include "lease.h"
#include "ipc.h"
#include "timer.h"
#include <asm/prctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct boot_info boot_info;
struct percpu percpu_of[CPUS_MAX];
uint32_t cpu_count = 1;
uint64_t boot_pml4[512];
bool cpu_has_nx = true;
uint8_t panicking;
bool host_other_cpu;
uint64_t host_flushes, host_time = 1000;
void (*host_preempt)(void);
status_t (*host_sleep)(void);
static struct thread thread;
static struct task task;

void kprintf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

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

bool preempt_point(void)
{
	void (*hook)(void) = host_preempt;

	lock_check_none();
	host_preempt = NULL;
	if (hook)
		hook();
	return true;
}

uint64_t time_real_ns(void) { return host_time; }
uint64_t time_ns(void) { return host_time; }

/* --- the TLB ---------------------------------------------------------------------------------------- */

static struct { struct arch_vspace *space; uint64_t page, pte; } tlb[64];
static unsigned tlb_hand;

static void tlb_drop(struct arch_vspace *a, uint64_t addr, uint64_t npages)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tlb); i++)
		if (tlb[i].space == a && tlb[i].page - (addr >> 12) < npages)
			tlb[i].space = NULL;
}

void tlb_flush_range(struct arch_vspace *a, uint64_t addr, uint64_t npages)
{
	host_flushes++;
	tlb_drop(a, addr, npages);
}

void tlb_flush_all(struct arch_vspace *a)
{
	host_flushes++;
	for (unsigned i = 0; i < ARRAY_SIZE(tlb); i++)
		if (tlb[i].space == a)
			tlb[i].space = NULL;
}

bool tlb_others(struct arch_vspace *a)
{
	(void)a;
	return host_other_cpu;
}

void tlb_load(struct arch_vspace *a, struct arch_vspace *old)
{
	(void)a;
	(void)old;
}

void tlb_leave(struct arch_vspace *a) { tlb_flush_all(a); }

bool host_tlb_true(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tlb); i++) {
		uint64_t *e, had = tlb[i].pte;

		if (!tlb[i].space)
			continue;
		e = pt_entry(tlb[i].space, tlb[i].page << 12, false, NULL);
		if (!e || !pte_present(*e) || pte_phys(*e) != pte_phys(had) ||
		    (pte_writable(had) && !pte_writable(*e)) || (pte_exec(had) && !pte_exec(*e)))
			return false;
	}
	return true;
}

static uint64_t *tlb_find(struct arch_vspace *a, uint64_t page)
{
	for (unsigned i = 0; i < ARRAY_SIZE(tlb); i++)
		if (tlb[i].space == a && tlb[i].page == page)
			return &tlb[i].pte;
	return NULL;
}

static bool permits(uint64_t pte, bool write) { return pte_present(pte) && (!write || pte_writable(pte)); }

/* The byte's place in simulated RAM, or NULL: a fault. */
static uint8_t *translate(uint64_t addr, bool write)
{
	struct arch_vspace *a = &task.vspace->arch;
	uint64_t *e = tlb_find(a, addr >> 12);

	if (!e || !permits(*e, write)) {
		uint64_t *walked = pt_entry(a, addr & ~4095ull, false, NULL);

		if (!walked || !permits(*walked, write))
			return NULL;
		tlb_drop(a, addr & ~4095ull, 1);
		tlb_hand = (tlb_hand + 1) % ARRAY_SIZE(tlb);
		tlb[tlb_hand].space = a;
		tlb[tlb_hand].page = addr >> 12;
		tlb[tlb_hand].pte = *walked;
		e = &tlb[tlb_hand].pte;
	}
	return (uint8_t *)phys_to_virt(pte_phys(*e)) + (addr & 4095);
}

static status_t access_byte(uint64_t addr, bool write, uint8_t **at)
{
	for (int tries = 0; tries < 3; tries++) {
		status_t s;

		if ((*at = translate(addr, write)))
			return 0;
		s = vspace_fault(task.vspace, addr, write ? MAP_WRITE : MAP_READ);
		if (s < 0)
			return s;
	}
	panic("a resolved fault faults again");
}

status_t host_read(uint64_t addr, uint8_t *byte)
{
	uint8_t *at;
	status_t s = access_byte(addr, false, &at);

	if (s == 0)
		*byte = *at;
	return s;
}

status_t host_write(uint64_t addr, uint8_t byte)
{
	uint8_t *at;
	status_t s = access_byte(addr, true, &at);

	if (s == 0)
		*at = byte;
	return s;
}

int host_byte(uint64_t addr)
{
	uint8_t byte = 0;
	status_t s = host_read(addr, &byte);

	return s < 0 ? -1000 + (int)s : byte;
}

/* --- user copies: as usercopy.c, through the tables ---------------------------------------------------- */

size_t user_copy_in_nofault(void *to, uint64_t from, size_t len)
{
	uint8_t *at;

	for (size_t i = 0; i < len; i++) {
		if (!(at = translate(from + i, false)))
			return i;
		((uint8_t *)to)[i] = *at;
	}
	return len;
}

size_t user_copy_out_nofault(uint64_t to, const void *from, size_t len)
{
	uint8_t *at;

	for (size_t i = 0; i < len; i++) {
		if (!(at = translate(to + i, true)))
			return i;
		*at = ((const uint8_t *)from)[i];
	}
	return len;
}

size_t user_clear_nofault(uint64_t to, size_t len)
{
	uint8_t zero = 0;

	for (size_t i = 0; i < len; i++)
		if (!user_copy_out_nofault(to + i, &zero, 1))
			return i;
	return len;
}

status_t user_fault_in(uint64_t addr, size_t len, bool write)
{
	lock_check_none();
	return len && user_range_ok(addr, len) && vspace_fault(task.vspace, addr, write ? MAP_WRITE : MAP_READ) == 0 ?
	       0 : E_FAULT;
}

status_t user_copy_in(void *to, uint64_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (host_read(from + i, (uint8_t *)to + i) < 0)
			return E_FAULT;
	return 0;
}

status_t user_copy_out(uint64_t to, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (host_write(to + i, ((const uint8_t *)from)[i]) < 0)
			return E_FAULT;
	return 0;
}

/* --- the rest of the kernel --------------------------------------------------------------------------------- */

/* Handles are not tested here: none exists. */
status_t handle_get(handle_t h, enum object_type type, uint32_t rights, struct object **out)
{
	(void)h, (void)type, (void)rights, (void)out;
	return E_HANDLE;
}
status_t handle_get_slot(handle_t h, enum object_type type, uint32_t rights, struct slot *out)
{
	(void)h, (void)type, (void)rights, (void)out;
	return E_HANDLE;
}
status_t handle_install(bool fd, struct object *o, uint32_t rights, uint8_t flags)
{
	(void)fd, (void)rights, (void)flags;
	object_put(o);
	return E_LIMIT;
}
status_t pool_get(handle_t h, struct pool **out)
{
	(void)h, (void)out;
	return E_HANDLE;
}
status_t vspace_get(handle_t h, uint32_t rights, struct vspace **out)
{
	(void)rights;
	if (h != H_SELF)
		return E_HANDLE;
	*out = task.vspace;
	object_get(&task.vspace->object);
	return 0;
}
void tasks_kill_pool(struct pool *p) { (void)p; }

/*
 * One thread: who waits for a lock waits for itself.  Who waits for a pager runs host_sleep, which is the pager.
 */
void waiter_wake(struct waiter *w, status_t s)
{
	list_remove(&w->link);
	w->status = s;
	w->woken = true;
}
status_t thread_wait(struct waiter *w, struct spinlock *l, uint64_t d) { (void)w, (void)l, (void)d; return E_GONE; }
status_t thread_sleep(uint64_t deadline_ns, bool interruptible)
{
	(void)deadline_ns, (void)interruptible;
	lock_check_none();
	return host_sleep();
}

status_t lease_sleep(struct waiter *w, struct spinlock *l, struct thread *to, uint64_t deadline, bool interruptible)
{
	(void)w, (void)l, (void)to, (void)deadline, (void)interruptible;
	panic("no operation is leased here");
}

/* --- notices: the endpoint's queue is the kind */
void endpoint_notify(struct endpoint *e, struct notice *n, uint32_t kind)
{
	spin_lock(&e->object.lock);
	n->kind = kind;
	spin_unlock(&e->object.lock);
}
void endpoint_withdraw(struct endpoint *e, struct notice *n)
{
	spin_lock(&e->object.lock);
	n->kind = 0;
	spin_unlock(&e->object.lock);
}

#define NO_RELEASE(kind) void kind##_release(struct object *o) { (void)o; panic(#kind " released"); }
NO_RELEASE(task)
NO_RELEASE(table)
NO_RELEASE(thread)
NO_RELEASE(descriptor)
NO_RELEASE(pipe)
NO_RELEASE(counter)
NO_RELEASE(timer)
NO_RELEASE(endpoint)
NO_RELEASE(waitset)
NO_RELEASE(lease)
NO_RELEASE(irq)
NO_RELEASE(ioport)
NO_RELEASE(platform)

/* --- start ------------------------------------------------------------------------------------------------------ */

void host_init(void)
{
	void *ram = mmap((void *)DIRECT_MAP, HOST_RAM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (ram != (void *)DIRECT_MAP)
		panic("no room for simulated RAM");
	percpu_of[0].self = &percpu_of[0];
	percpu_of[0].thread = &thread;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &percpu_of[0]);
	memset(ram, 0xa5, HOST_RAM);
	boot_info.ranges[0].len = 640 << 10;
	boot_info.ranges[0].type = 1;
	boot_info.ranges[1].base = 1 << 20;
	boot_info.ranges[1].len = HOST_RAM - (1 << 20);
	boot_info.ranges[1].type = 1;
	boot_info.nranges = 2;
	boot_info.kernel_start = 1 << 20;
	boot_info.kernel_end = (2 << 20) + 100;
	boot_info.archive_phys = 4 << 20;
	boot_info.archive_len = 40000;
	mm_init();
	thread.object.refs = task.object.refs = 1;
	thread.task = &task;
	task.task_pool = root_pool;
	list_init(&task.endpoints);
	spin_init(&task.object.lock, RANK_TASK);
}

struct vspace *host_space(void)
{
	struct vspace *vs;

	if (vspace_new(root_pool, 0x10000, 0x700000000000, &vs) < 0)
		panic("no space");
	task.vspace = vs;
	return vs;
}

void host_use(struct vspace *vs) { task.vspace = vs; }
uint64_t host_free_pages(void) { return frames_free_count(); }
