/*
 * entry.S -- every way into the kernel and out of it.
 *
 * Invariant: in the kernel GS base is this CPU's struct percpu and interrupts are off.  The offsets of
 * struct arch_thread and struct percpu are asserted in arch_thread.h.
 */
#include "smap.h"

#define PERCPU_THREAD	%gs:8
#define PERCPU_ARCH	%gs:16
#define PERCPU_USER_RSP	%gs:24
#define PERCPU_KSTACK	%gs:32

#define WINDOW_LO	0
#define WINDOW_HI	8
#define UTCB		16
#define ENTRY_CALL	24
#define UPCALL_RSP	32
#define WORK		48
#define KSP		56

#define UTCB_CALL_RIP	32
#define UTCB_CALL_RSP	40
#define UTCB_CALL_RFLAGS 48

#define UPCALL_FLAGS	0x202

	.cfi_sections .debug_frame
	.text
/*
 * SYSCALL.  RIP in RCX, RFLAGS in R11; SFMASK has cleared IF TF DF AC NT RF.  A return address inside
 * the thread's window is a native call; outside it is the program's, and goes up to the translator
 * without a kernel stack: RSP serves as the scratch register.
 */
	.globl syscall_entry
	.align 64
syscall_entry:
	swapgs
	movq %rsp, PERCPU_USER_RSP
	movq PERCPU_ARCH, %rsp
	cmpq WINDOW_LO(%rsp), %rcx
	jb 1f
	cmpq WINDOW_HI(%rsp), %rcx
	jb native_call
1:	movq UTCB(%rsp), %rsp
	movq %rcx, UTCB_CALL_RIP(%rsp)
	movq PERCPU_USER_RSP, %rcx
	movq %r11, UTCB_CALL_RFLAGS(%rsp)
	movq %rcx, UTCB_CALL_RSP(%rsp)
	movq PERCPU_ARCH, %rsp
	movq ENTRY_CALL(%rsp), %rcx
	movq UPCALL_RSP(%rsp), %rsp
	movl $UPCALL_FLAGS, %r11d
	swapgs
	sysretq

	.align 16
native_call:
	.cfi_startproc
	.cfi_undefined rip		/* a debugger's backtrace ends here */
	movq PERCPU_KSTACK, %rsp
	pushq PERCPU_USER_RSP
	pushq %r11
	pushq %rcx
	cmpq $NATIVE_CALLS, %rax
	jae 3f
	pushq %rax
	movq %r10, %rcx
	call *native_table(,%rax,8)
2:	movq PERCPU_ARCH, %rdx
	cmpl $0, WORK(%rdx)
	jne 4f
5:	popq %rdx
	popq %rcx
	popq %r11
	popq %rsp
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %edi, %edi
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	swapgs
	sysretq
3:	pushq %rax
	movq $-23, %rax			/* E_NOSYS; asserted in native.c */
	jmp 2b
4:	movq %rax, (%rsp)		/* the slot of the call's number */
	call thread_leave_kernel
	movq (%rsp), %rax
	movq PERCPU_ARCH, %rdx
	cmpl $0, WORK(%rdx)
	jne 4b
	jmp 5b
	.cfi_endproc

/* A spinlock is held by another CPU: wait a little.  Changes no register; see arch_lock.h. */
	.globl spin_wait_preserve
spin_wait_preserve:
	pushq %rbp
	movq %rsp, %rbp
	andq $-16, %rsp
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r11
	call arch_spin_wait
	popq %r11
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	leave
	ret

/* void arch_switch_stack(uint64_t *save_ksp, uint64_t ksp) */
	.globl arch_switch_stack
	.align 16
arch_switch_stack:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

/* The first instructions of a thread: r12 holds its kernel entry. */
	.globl arch_thread_first
arch_thread_first:
	xorl %ebp, %ebp
	call schedule_finish
	call *%r12
	ud2

/* arch_enter_user(rip, rsp, arg): the first time; every other register is 0 */
	.globl arch_enter_user
arch_enter_user:
	cli
	movq PERCPU_KSTACK, %rsp
	movq %rdi, %rcx
	movq %rsi, %r12
	movq %rdx, %rdi
	movl $UPCALL_FLAGS, %r11d
	movq %r12, %rsp
	xorl %eax, %eax
	xorl %ebx, %ebx
	xorl %edx, %edx
	xorl %esi, %esi
	xorl %ebp, %ebp
	xorl %r8d, %r8d
	xorl %r9d, %r9d
	xorl %r10d, %r10d
	xorl %r12d, %r12d
	xorl %r13d, %r13d
	xorl %r14d, %r14d
	xorl %r15d, %r15d
	swapgs
	sysretq

/* trap_return_to(struct trap_frame *): leave through this frame, which lies on a kernel stack */
	.globl trap_return_to
trap_return_to:
	movq %rdi, %rsp
	jmp trap_return

/*
 * Exceptions and interrupts.  Each stub leaves vector and error code above the CPU's frame.
 */
	.macro STUB vector error
	.align 16
stub_\vector:
	.if \error == 0
	pushq $0
	.endif
	pushq $\vector
	jmp trap_common
	.endm

	.align 16
trap_common:
	testb $3, 24(%rsp)
	jz trap_save
	swapgs
trap_save:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	SMAP_ONLY clac			/* user mode may have AC set; so has a copy that faults */
	movq %rsp, %rdi
	call trap_dispatch
trap_return:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	testb $3, 24(%rsp)
	jz 1f
	swapgs
1:	addq $16, %rsp
	.globl trap_iretq
trap_iretq:
	iretq

/*
 * #DB, on its own stack.  From user mode: on to the thread's kernel stack, then as any other.  From the
 * kernel it can only be one that MOV SS put off until after SYSCALL: ignored.
 */
	.align 16
stub_1:
	testb $3, 8(%rsp)
	jz trap_iretq
	pushq $0
	pushq $1
	swapgs
	pushq %rdi
	movq %rsp, %rdi
	movq PERCPU_KSTACK, %rsp
	pushq 56(%rdi)
	pushq 48(%rdi)
	pushq 40(%rdi)
	pushq 32(%rdi)
	pushq 24(%rdi)
	pushq 16(%rdi)
	pushq 8(%rdi)
	movq (%rdi), %rdi
	jmp trap_save

/* NMI: only used to stop the other CPUs in a panic. */
	.align 16
stub_2:
	cmpb $0, panicking(%rip)
	jne 1f
	iretq
1:	hlt
	jmp 1b

/* #DF and #MC end in a panic; GS base comes from the top of the stack (ring 3 can set it). */
	.macro FATAL vector error
	.align 16
stub_\vector:
	.if \error == 0
	pushq $0
	.endif
	pushq $\vector
	pushq %rax
	pushq %rcx
	pushq %rdx
	movq %rsp, %rax
	orq $0xfff, %rax
	movq -15(%rax), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	movl $0xc0000101, %ecx
	wrmsr
	popq %rdx
	popq %rcx
	popq %rax
	jmp trap_save
	.endm
	FATAL 8 1
	FATAL 18 0

	.irp v, 0, 3, 4, 5, 6, 7, 9, 15, 16, 19, 20, 22, 23, 24, 25, 26, 27, 28, 31
	STUB \v 0
	.endr
	.irp v, 10, 11, 12, 13, 14, 17, 21, 29, 30
	STUB \v 1
	.endr
	.altmacro
	.macro STUBS from to
	.set n, \from
	.rept \to - \from + 1
	STUB %n 0
	.set n, n + 1
	.endr
	.endm
	STUBS 32 255

	.section .rodata
	.globl trap_stubs
	.align 8
	.macro ENTRY v
	.quad stub_\v
	.endm
trap_stubs:
	.set n, 0
	.rept 256
	ENTRY %n
	.set n, n + 1
	.endr
	.section .note.GNU-stack, "", @progbits
