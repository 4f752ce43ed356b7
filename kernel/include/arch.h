/*
 * arch.h -- what the portable kernel asks of the machine; implemented in arch/x86_64/.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include "kernel.h"
#include "arch_thread.h"

struct thread;
struct pool;

/* CPUs */
void arch_init_bsp(void);		/* tables, features, interrupt controller, clock */
void arch_start_aps(void);		/* every other CPU into scheduler_idle */
void arch_ipi_reschedule(uint32_t cpu);
void arch_ipi_tlb(uint64_t cpus);	/* mask; the receivers call tlb_answer() */
void arch_stop_others(void);		/* panic */
_Noreturn void arch_halt(void);
_Noreturn void arch_power_off(uint32_t how, uint32_t code);
void arch_idle_wait(void);		/* interrupts on until one came */
void arch_interrupts_window(void);	/* let pending interrupts in, once */
void arch_early_putc(char c);		/* COM1 */

/* threads */
bool arch_thread_init(struct thread *t, struct pool *pool, bool fpu);	/* kernel stack, area */
void arch_thread_free(struct thread *t, struct pool *pool);
void arch_thread_enter_at(struct thread *t, void (*kernel_entry)(void));	/* first switch to it */
void arch_switch(struct thread *from, struct thread *to);	/* registers, stack, extended state */
_Noreturn void arch_enter_user(uint64_t rip, uint64_t rsp, uint64_t arg);
bool arch_ext_copy(struct thread *to, struct thread *from);	/* FPU and bases; false: `from` runs elsewhere */
void arch_ext_release(struct thread *t);
void arch_ext_drop(struct thread *t);	/* it dies: the registers are nobody's */
void arch_set_base(uint32_t which, uint64_t value);	/* 0 FS, 1 GS of the current thread */
void arch_get_bases(uint64_t *fs, uint64_t *gs);
_Noreturn void arch_resume(const struct regs *r);	/* sanitised, to user mode */
void arch_backtrace(uint64_t rbp);

/* time */
uint32_t arch_irq_of_isa(uint32_t line);	/* the gsi where an ISA line arrives */
uint64_t arch_clock_ns(void);
void arch_timer_set(uint64_t deadline_ns);	/* one shot on this CPU; ~0: none */
uint64_t arch_rtc_seconds(void);
extern uint64_t tsc_hz, tsc_mult, tsc_start;	/* ns = (tsc - start) * mult >> 32 */

/* interrupt lines */
#define IRQ_LINES 64
void arch_irq_route(uint32_t gsi);		/* to this CPU's vector for it, masked */
void arch_irq_mask(uint32_t gsi, bool masked);
void irq_fired(uint32_t gsi);			/* hardware.c: called at an interrupt, line masked */
void arch_system_info(struct system_info *info);

uint32_t arch_port_in(uint16_t port, uint32_t width);
void arch_port_out(uint16_t port, uint32_t width, uint32_t value);
bool arch_random(uint64_t *out);		/* RDRAND/RDSEED; false: none */

/* called by the machine */
_Noreturn void kernel_main(void);
_Noreturn void scheduler_idle(void);
void timer_interrupt(bool in_program);
void thread_leave_kernel(void);			/* pending work before user mode */

#endif
