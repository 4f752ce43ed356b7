/*
 * arch_thread.h -- the machine's part of a thread, and what each CPU has of its own.
 *
 * entry.S reads struct arch_thread and struct percpu by the offsets asserted below.
 */
#ifndef KERNEL_ARCH_THREAD_H
#define KERNEL_ARCH_THREAD_H

#include "kernel.h"

struct arch_thread {
	/* the upcall window: read at every system call */
	uint64_t window_lo, window_hi;	/* 0: native code [lo, hi) */
	struct utcb *utcb;		/* 16: through the direct map */
	uint64_t entry_call;		/* 24 */
	uint64_t upcall_rsp;		/* 32: top of the upcall stack */
	uint64_t kstack_top;		/* 40 */
	uint64_t work;			/* 48: enum thread_work, atomic */
	uint64_t ksp;			/* 56: kernel stack pointer while not running */
	uint64_t entry_exception, entry_interrupt, exit_lo, exit_hi;
	/*
	 * FPU registers, segment selectors and bases: "extended state".  ext_area is NULL for a thread without.
	 * ext_cpu is the CPU whose registers hold it, or -1 when the area does; a thread with ext_cpu
	 * >= 0 may run nowhere else.
	 */
	void *ext_area;
	int32_t ext_cpu;
	uint64_t fs_base, gs_base;
	uint64_t selectors;		/* DS, ES, FS, GS from the lowest 16 bits up */
	void *kstack;			/* lowest address */
};

struct thread;
struct vspace;
struct runqueue;

struct percpu {
	struct percpu *self;		/* 0 */
	struct thread *thread;		/* 8 */
	struct arch_thread *arch;	/* 16: &thread->arch */
	uint64_t user_rsp;		/* 24: entry.S's scratch */
	uint64_t kstack_top;		/* 32: of the thread */
	uint32_t id;			/* 40 */
	uint32_t apic_id;
	struct thread *ext_owner;	/* whose extended state the registers hold */
	struct thread *idle;
	struct vspace *vspace;		/* loaded */
	struct runqueue *rq;		/* sched.c */
	bool ts_set;			/* CR0.TS */
	bool online;
	uint64_t interrupts;
};

_Static_assert(offsetof(struct arch_thread, utcb) == 16 && offsetof(struct arch_thread, work) == 48 &&
	       offsetof(struct arch_thread, ksp) == 56, "entry.S");
_Static_assert(offsetof(struct percpu, arch) == 16 && offsetof(struct percpu, kstack_top) == 32, "entry.S");

extern struct percpu percpu_of[CPUS_MAX];
extern uint32_t cpu_count;

static inline struct percpu *percpu(void)
{
	struct percpu *p;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(p));
	return p;
}

static inline uint32_t cpu_id(void)
{
	uint32_t id;

	__asm__ volatile("mov %%gs:40, %0" : "=r"(id));
	return id;
}

#endif
