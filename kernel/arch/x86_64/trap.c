/*
 * trap.c -- exceptions and interrupts: resolve, send up, or stop.
 *
 * An exception of user mode that the kernel cannot resolve goes up: the context into the utcb, RIP to
 * the thread's exception entry.  A thread without one is suspended and its task's endpoint told.
 * Tested:  tests/linux/signal, selftests/x86.
 */
#include "x86.h"
#include "arch.h"
#include "mm.h"
#include "sched.h"
#include "thread.h"
#include "trace.h"

uint8_t panicking;
#define VECTOR_PF 14
#define VECTOR_GP 13
#define PF_PRESENT 1
#define PF_WRITE 2
#define PF_USER 4
#define PF_RESERVED 8
#define PF_FETCH 16
#define STACK_SLACK 256		/* left below RSP when a fault inside the window goes up */

static uint16_t selector_fs(void) { uint16_t v; __asm__ volatile("mov %%fs, %0" : "=r"(v)); return v; }
static uint16_t selector_gs(void) { uint16_t v; __asm__ volatile("mov %%gs, %0" : "=r"(v)); return v; }

static void regs_from_frame(struct regs *r, const struct trap_frame *f)
{
	r->rax = f->rax;
	r->rbx = f->rbx;
	r->rcx = f->rcx;
	r->rdx = f->rdx;
	r->rsi = f->rsi;
	r->rdi = f->rdi;
	r->rbp = f->rbp;
	r->rsp = f->rsp;
	r->r8 = f->r8;
	r->r9 = f->r9;
	r->r10 = f->r10;
	r->r11 = f->r11;
	r->r12 = f->r12;
	r->r13 = f->r13;
	r->r14 = f->r14;
	r->r15 = f->r15;
	r->rip = f->rip;
	r->rflags = f->rflags;
	r->cs = (uint16_t)f->cs;
	r->ss = (uint16_t)f->ss;
	r->fs = selector_fs();
	r->gs = selector_gs();
	arch_get_bases(&r->fs_base, &r->gs_base);
}

static void frame_from_regs(struct trap_frame *f, const struct regs *r)
{
	f->rax = r->rax;
	f->rbx = r->rbx;
	f->rcx = r->rcx;
	f->rdx = r->rdx;
	f->rsi = r->rsi;
	f->rdi = r->rdi;
	f->rbp = r->rbp;
	f->rsp = r->rsp;
	f->r8 = r->r8;
	f->r9 = r->r9;
	f->r10 = r->r10;
	f->r11 = r->r11;
	f->r12 = r->r12;
	f->r13 = r->r13;
	f->r14 = r->r14;
	f->r15 = r->r15;
	f->rip = r->rip;
	f->rflags = (r->rflags & RFLAGS_USER) | RFLAGS_IF | 2;
	f->cs = SEL_UCODE;
	f->ss = SEL_UDATA;
}

static bool in_window(const struct arch_thread *a, uint64_t rip)
{
	return rip >= a->window_lo && rip < a->window_hi;
}

/* Go on at an entry of the translator, on the upcall stack. */
static void upcall_to(struct trap_frame *f, uint64_t entry, uint64_t rsp, uint64_t arg)
{
	f->rip = entry;
	f->rsp = rsp;
	f->rdi = arg;
	f->rflags = RFLAGS_IF | 2;
}

/* Nobody in the thread's own space can take it: tell the task's endpoint and stop the thread. */
static void fault_report(struct trap_frame *f, uint64_t address, int64_t reason)
{
	struct thread *t = current;
	struct task *task = t->task;

	kprintf("task %lx thread %u: exception %lu error %lx at rip %lx rsp %lx address %lx reason %ld\n",
		(unsigned long)task->badge, t->number, (unsigned long)f->vector, (unsigned long)f->error,
		(unsigned long)f->rip, (unsigned long)f->rsp, (unsigned long)address, (long)reason);
	atomic_or(&t->arch.work, (uint64_t)WORK_SUSPEND);
	t->suspend_new = true;
	if (task->notify)
		endpoint_notify_fault(task->notify, t,
			(uint64_t [4]){ t->number, f->vector, address, (uint64_t)reason });
	else
		task_kill(task, f->vector);
}

static void exception_up(struct trap_frame *f, uint64_t address, int64_t reason)
{
	struct arch_thread *a = &current->arch;
	struct utcb *u = a->utcb;
	struct fault_info info = { f->vector, f->error, address, reason };
	uint64_t block = a->upcall_rsp & ~(BLOCK_SIZE - 1), rsp;

	if (!a->entry_exception) {
		fault_report(f, address, reason);
		return;
	}
	if (!in_window(a, f->rip)) {
		regs_from_frame(&u->program, f);
		u->program_fault = info;
		upcall_to(f, a->entry_exception, a->upcall_rsp, 0);
		return;
	}
	rsp = (f->rsp - STACK_SLACK) & ~15ull;
	if (f->rsp < block + BLOCK_STACK + STACK_SLACK + 1024 || f->rsp > block + BLOCK_SIZE) {
		fault_report(f, address, reason);
		return;
	}
	regs_from_frame(&u->fault, f);
	u->window_fault = info;
	upcall_to(f, a->entry_exception, rsp, 1);
}

/* Before user mode: pending work, then the interrupt latch. */
static void user_return(struct trap_frame *f)
{
	struct arch_thread *a = &current->arch;

	while (a->work)
		thread_leave_kernel();
	if (!a->utcb || !a->entry_interrupt || !a->utcb->latch)
		return;
	if (f->rip >= a->exit_lo && f->rip < a->exit_hi) {
		f->rip = a->exit_lo;
		f->rsp = a->upcall_rsp;
	} else if (!in_window(a, f->rip)) {
		regs_from_frame(&a->utcb->program, f);
		upcall_to(f, a->entry_interrupt, a->upcall_rsp, 0);
	}
}

/* Resolve a fault of the current thread's user memory; waits while there is no frame to be had. */
static status_t fault_resolve(uint64_t address, uint32_t prot)
{
	struct thread *t = current;
	struct task *task = t->task;
	status_t s;

	__atomic_fetch_add(&task->faults_minor, 1, __ATOMIC_RELAXED);
	while ((s = vspace_fault(task->vspace, address, prot)) == E_NOMEM) {
		if (t->arch.work & WORK_KILL)
			return E_GONE;
		task->memory.words[0] = t->number;
		if (task->notify)
			endpoint_notify(task->notify, &task->memory, NOTICE_MEMORY);
		thread_sleep_prepare();
		if (thread_sleep(time_ns() + 5000000, false) == E_GONE)
			return E_GONE;
	}
	return s;
}

/*
 * Can a page help?  Not against a reserved bit in the tables, and not with SMAP when the processor's own
 * access for ring 3 (to a descriptor; with TCG also the stack of a far return) met a user page: both would
 * come back for ever, the entry being as it should.
 */
static bool page_may_help(const struct trap_frame *f)
{
	bool implicit = f->cs & 3 && !(f->error & PF_USER);

	return !(f->error & PF_RESERVED) && !(implicit && f->error & PF_PRESENT && cpu_has_smap);
}

static void page_fault(struct trap_frame *f, uint64_t address)
{
	uint32_t prot = f->error & PF_WRITE ? MAP_WRITE : f->error & PF_FETCH ? MAP_EXEC : MAP_READ;
	bool user = f->cs & 3, may_resolve = user;
	uint64_t fixup = 0;
	status_t s = E_FAULT;

	if (!user) {
		fixup = usercopy_fixup(f->rip, &may_resolve);
		if (!fixup)
			panic("page fault in the kernel: address %lx error %lx rip %lx",
			      (unsigned long)address, (unsigned long)f->error, (unsigned long)f->rip);
	}
	if (address >= USER_TOP)
		s = E_NOENT;
	else if (!page_may_help(f))
		s = FAULT_PROTECTION;
	else if (may_resolve)
		s = fault_resolve(address, prot);
	if (s == 0 || (user && s == E_GONE))	/* E_GONE: being killed, on the way out */
		return;
	if (user)
		exception_up(f, address, s == E_GONE ? 0 : s);
	else
		f->rip = fixup;
}

static const char *const exception_names[32] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound", "invalid opcode",
	"device not available", "double fault", "", "invalid TSS", "segment not present", "stack fault",
	"general protection", "page fault", "", "x87", "alignment check", "machine check", "SIMD",
};

static void exception(struct trap_frame *f)
{
	if (f->vector == VECTOR_PF) {
		page_fault(f, read_cr2());
		return;
	}
	if (f->vector == VECTOR_GP && !(f->cs & 3)) {	/* a non-canonical user address in a copy */
		bool may_resolve;
		uint64_t fixup = usercopy_fixup(f->rip, &may_resolve);

		if (fixup) {
			f->rip = fixup;
			return;
		}
	}
	if (!(f->cs & 3) || f->vector == 8 || f->vector == 18) {
		const char *name = exception_names[f->vector & 31];

		kprintf("rip %lx rsp %lx rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx\n",
			(unsigned long)f->rip, (unsigned long)f->rsp, (unsigned long)f->rax,
			(unsigned long)f->rbx, (unsigned long)f->rcx, (unsigned long)f->rdx,
			(unsigned long)f->rsi, (unsigned long)f->rdi);
		arch_backtrace(f->rbp);
		panic("exception %lu (%s) in the kernel, error %lx", (unsigned long)f->vector,
		      name ? name : "", (unsigned long)f->error);
	}
	exception_up(f, 0, 0);
}

static void interrupt(uint64_t vector, bool in_program)
{
	percpu()->interrupts++;
	if (vector == VECTOR_TLB) {
		apic_eoi();
		tlb_answer();
	} else if (vector == VECTOR_RESCHEDULE) {
		apic_eoi();
		ext_answer();
		atomic_or(&percpu()->arch->work, (uint64_t)WORK_RESCHEDULE);
	} else if (vector == VECTOR_TIMER) {
		apic_eoi();
		timer_interrupt(in_program);
	} else if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + IRQ_LINES) {
		arch_irq_mask((uint32_t)(vector - VECTOR_IRQ), true);
		apic_eoi();
		irq_fired((uint32_t)(vector - VECTOR_IRQ));
	}
}

/* The window's code is what a system call of the program does; a native program is all program. */
static bool in_program(const struct trap_frame *f)
{
	const struct arch_thread *a = &current->arch;

	return f->cs & 3 && (!a->entry_call || !in_window(a, f->rip));
}

static __attribute__((noinline)) void trap_trace(const struct trap_frame *f)
{
	if (f->vector == VECTOR_PF)
		trace_record(TRACE_FAULT, read_cr2(), f->rip);
	else
		trace_record(f->vector < 32 ? TRACE_EXCEPTION : TRACE_INTERRUPT, f->vector, f->rip);
}

void trap_dispatch(struct trap_frame *f)
{
	if (unlikely(trace_on))
		trap_trace(f);
	if (f->vector < 32) {
		exception(f);
		if (f->cs & 3)
			cputime_tick_in_kernel();
	} else {
		interrupt(f->vector, in_program(f));
	}
	if (f->cs & 3)
		user_return(f);
}

static bool canonical(uint64_t a) { return (uint64_t)((int64_t)(a << 16) >> 16) == a; }

static void selectors_load(const struct regs *r)
{
	uint16_t fs = r->fs <= 3 || r->fs == SEL_UDATA || r->fs == SEL_UCODE ? r->fs : 0;
	uint16_t gs = r->gs <= 3 || r->gs == SEL_UDATA || r->gs == SEL_UCODE ? r->gs : 0;

	if (fs != selector_fs())
		__asm__ volatile("mov %0, %%fs" : : "r"(fs));
	if (gs != selector_gs())	/* the load changes the active base: ours must not be that */
		__asm__ volatile("swapgs; mov %0, %%gs; swapgs" : : "r"(gs));
}

_Noreturn void arch_resume(const struct regs *r)
{
	struct thread *t = current;
	struct trap_frame *f = (struct trap_frame *)(t->arch.kstack_top - sizeof(*f));
	struct trap_frame built = { .vector = VECTOR_GP };

	frame_from_regs(&built, r);
	if (t->arch.ext_area) {
		selectors_load(r);
		arch_set_base(0, canonical(r->fs_base) ? r->fs_base : 0);
		arch_set_base(1, canonical(r->gs_base) ? r->gs_base : 0);
	}
	if (!canonical(built.rip))
		exception_up(&built, 0, 0);
	user_return(&built);
	*f = built;
	trap_return_to(f);
}

/* --- what else entry.S and the portable kernel call ---------------------------------------------- */

void arch_ipi_reschedule(uint32_t cpu) { apic_ipi(percpu_of[cpu].apic_id, VECTOR_RESCHEDULE); }

void arch_ipi_tlb(uint64_t cpus)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (cpus >> i & 1)
			apic_ipi(percpu_of[i].apic_id, VECTOR_TLB);
}

void arch_spin_wait(void)
{
	__builtin_ia32_pause();
	tlb_answer();
	ext_answer();
}

void arch_idle_wait(void) { __asm__ volatile("sti; hlt; cli" : : : "memory"); }
void arch_interrupts_window(void) { __asm__ volatile("sti; nop; nop; cli" : : : "memory"); }

_Noreturn void arch_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void arch_stop_others(void)
{
	panicking = 1;
	if (cpu_count > 1)
		apic_nmi_others();
}
