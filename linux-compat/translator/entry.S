/*
 * entry.S -- where the kernel enters the translator, and how control goes back to the program.
 *
 * On the way in (docs/design/overview.md, "Upcalls"): RSP is the top of the upcall stack, which is empty, at a
 * fixed place of the thread's block; so everything of the block is reached by a fixed displacement
 * from it.  The program's RIP, RSP and RFLAGS are in the utcb, RCX and R11 are lost as by SYSCALL.
 *
 * On the way out, from exit_lo to exit_hi, the kernel may send us back to exit_lo at any instruction
 * with RSP set to the top again: nothing there changes what it reads, and RAX holds the result.
 *
 * Tested: translator/test/layout_test.c (offsets), tests/linux/signal.c (interrupts at each instruction)
 */
#include "offsets.h"

#define UTCB(field)	(field - UPCALL_TOP)	/* displacements from the top of the upcall stack */
#define FRAME(field)	(FRAME_AT + field - UPCALL_TOP)
#define LIMIT		(THREAD_LIMIT - UPCALL_TOP)

/* The registers that C keeps are still the program's: for those who need them all. */
#define SAVE_KEPT(base, disp)	\
	mov	%rbx, FRAME_RBX + disp(base);	\
	mov	%rbp, FRAME_RBP + disp(base);	\
	mov	%r12, FRAME_R12 + disp(base);	\
	mov	%r13, FRAME_R13 + disp(base);	\
	mov	%r14, FRAME_R14 + disp(base);	\
	mov	%r15, FRAME_R15 + disp(base)

	.section .header, "ax"
	.globl	translator_header
translator_header:
	.quad	0x6e61725461726573
	.long	1, 80
	.quad	image_start, window_end
	.quad	entry_call, entry_exception, entry_interrupt
	.quad	exit_lo, exit_hi
	.quad	exec_start

	.text
	.globl	entry_call, entry_exception, entry_interrupt, exit_lo, exit_hi, exec_start
	.globl	fork_child, vfork_child, thread_child, frame_enter, sys_fork, sys_vfork, sys_clone, sys_clone3

	.balign	64
entry_call:
	mov	%rax, FRAME(FRAME_ORIG_RAX)(%rsp)
	mov	%rdi, FRAME(FRAME_RDI)(%rsp)
	mov	%rsi, FRAME(FRAME_RSI)(%rsp)
	mov	%rdx, FRAME(FRAME_RDX)(%rsp)
	mov	%r10, FRAME(FRAME_R10)(%rsp)
	mov	%r8, FRAME(FRAME_R8)(%rsp)
	mov	%r9, FRAME(FRAME_R9)(%rsp)
	cmp	LIMIT(%rsp), %eax
	jae	call_odd
	mov	%eax, %eax
	lea	call_table(%rip), %r11
	mov	%r10, %rcx
	call	*(%r11, %rax, 8)
exit_lo:
	cmpq	$0, UTCB(UTCB_LATCH)(%rsp)
	jne	exit_slow
	testl	$FLAGS_SLOW, UTCB(UTCB_CALL_RFLAGS)(%rsp)
	jne	exit_slow
	pushq	UTCB(UTCB_CALL_RFLAGS)(%rsp)
	popfq
	mov	FRAME(FRAME_RDI)(%rsp), %rdi
	mov	FRAME(FRAME_RSI)(%rsp), %rsi
	mov	FRAME(FRAME_RDX)(%rsp), %rdx
	mov	FRAME(FRAME_R10)(%rsp), %r10
	mov	FRAME(FRAME_R8)(%rsp), %r8
	mov	FRAME(FRAME_R9)(%rsp), %r9
	mov	UTCB(UTCB_CALL_RFLAGS)(%rsp), %r11
	mov	UTCB(UTCB_CALL_RIP)(%rsp), %rcx
	mov	UTCB(UTCB_CALL_RSP)(%rsp), %rsp
	jmp	*%rcx
exit_hi:

/* The latch is up, or the flags need IRETQ: with all registers in the frame, C decides. */
exit_slow:
	SAVE_KEPT(%rsp, FRAME(0))
	lea	FRAME(0)(%rsp), %rdi
	mov	%rax, %rsi
	call	call_leave
	ud2

/* A number beyond the table, or a thread whose calls are traced: its limit is 0. */
call_odd:
	SAVE_KEPT(%rsp, FRAME(0))
	lea	FRAME(0)(%rsp), %rdi
	call	call_odd_number
	jmp	exit_lo

/* Handlers that copy the frame: it must be whole.  A traced call has saved it already. */
	.macro	whole_frame name, handler
\name:
	mov	%rsp, %r11
	and	$-BLOCK_BYTES, %r11
	cmpl	$0, THREAD_LIMIT(%r11)
	je	\handler
	SAVE_KEPT(%r11, FRAME_AT)
	jmp	\handler
	.endm
	whole_frame sys_fork, call_fork
	whole_frame sys_vfork, call_vfork
	whole_frame sys_clone, call_clone
	whole_frame sys_clone3, call_clone3

/* RDI: 0 when the program faulted, 1 when we did */
	.balign	16
entry_exception:
	test	%rdi, %rdi
	jne	1f
	call	exception_in_program
	ud2
1:	call	exception_in_translator
	ud2

	.balign	16
entry_interrupt:
	call	interrupt_in_program
	ud2

/* A fresh task: RDI is the block. */
	.balign	16
exec_start:
	lea	UPCALL_TOP(%rdi), %rsp
	xor	%ebp, %ebp
	call	exec_main
	ud2

/*
 * A fork child, with RSP at the top of this copy of the parent's upcall stack; a vfork child or a
 * thread, with RSP at the top of its own and RDI its struct child_start.  All have the creator's frame.
 */
fork_child:
	call	fork_child_main
	jmp	frame_return
vfork_child:
	call	vfork_child_main
	jmp	frame_return
thread_child:
	call	thread_child_main
	jmp	frame_return
/* NORETURN void frame_enter(uint64_t rax) */
frame_enter:
	and	$-BLOCK_BYTES, %rsp
	add	$UPCALL_TOP, %rsp
	mov	%rdi, %rax
frame_return:
	mov	FRAME(FRAME_RBX)(%rsp), %rbx
	mov	FRAME(FRAME_RBP)(%rsp), %rbp
	mov	FRAME(FRAME_R12)(%rsp), %r12
	mov	FRAME(FRAME_R13)(%rsp), %r13
	mov	FRAME(FRAME_R14)(%rsp), %r14
	mov	FRAME(FRAME_R15)(%rsp), %r15
	jmp	exit_lo

/*
 * Memory of the program.  These touch nothing but the program's memory and their own arguments, and
 * use no stack; a fault between user_begin and user_end goes on at user_fail: the answer -EFAULT.
 */
	.globl	user_begin, user_end, user_fail
	.globl	user_copy, user_copy_words, user_zero, user_string, user_load64, user_load32, user_store64, user_store32
	.globl	user_store8, user_store16, user_load16, user_xsave, user_fxsave, user_xrstor, user_fxrstor
	.globl	user_rdfsbase, user_rdgsbase, user_cas32, user_probe
	.balign	16
user_begin:
/* int64_t user_copy(void *to, const void *from, uint64_t len); by words: TCG's MOVSB is slow */
user_copy:
	mov	%rdx, %rcx
	shr	$3, %rcx
	rep movsq
	mov	%edx, %ecx
	and	$7, %ecx
	je	1f
	rep movsb
1:	xor	%eax, %eax
	ret

/* int64_t user_copy_words(void *to, const void *from, uint64_t words) */
user_copy_words:
	mov	%rdx, %rcx
	rep movsq
	xor	%eax, %eax
	ret

/* int64_t user_zero(void *to, uint64_t len) */
user_zero:
	xor	%eax, %eax
	mov	%rsi, %rcx
	shr	$3, %rcx
	rep stosq
	mov	%esi, %ecx
	and	$7, %ecx
	rep stosb
	ret

/*
 * int64_t user_string(char *to, const char *from, uint64_t room): the length without the NUL, which is
 * copied too; room when there is no NUL in that many bytes; -EFAULT.  Eight bytes at a time where
 * they lie in one page: what follows a string must not make it fail.  May write 7 bytes past the NUL.
 */
user_string:
	xor	%eax, %eax
	movabs	$0x0101010101010101, %r8
	movabs	$0x8080808080808080, %r9
1:	lea	8(%rax), %rcx
	cmp	%rdx, %rcx
	ja	3f
	lea	(%rsi, %rax), %ecx
	and	$4095, %ecx
	cmp	$4088, %ecx
	ja	3f
	mov	(%rsi, %rax), %rcx
	mov	%rcx, (%rdi, %rax)
	mov	%rcx, %r10
	sub	%r8, %r10
	not	%rcx
	and	%rcx, %r10
	and	%r9, %r10
	jne	2f
	add	$8, %rax
	jmp	1b
2:	bsf	%r10, %r10
	shr	$3, %r10
	add	%r10, %rax
	ret
3:	cmp	%rdx, %rax
	jae	4f
	movzbl	(%rsi, %rax), %ecx
	mov	%cl, (%rdi, %rax)
	test	%ecx, %ecx
	je	4f
	inc	%rax
	test	$7, %al
	je	1b
	jmp	3b
4:	ret

/* int64_t user_load64(uint64_t from, uint64_t *to) and its kin */
user_load64:
	mov	(%rdi), %rcx
	mov	%rcx, (%rsi)
	xor	%eax, %eax
	ret
user_load32:
	mov	(%rdi), %ecx
	mov	%ecx, (%rsi)
	xor	%eax, %eax
	ret
user_load16:
	movzwl	(%rdi), %ecx
	mov	%cx, (%rsi)
	xor	%eax, %eax
	ret
/* int64_t user_store64(uint64_t to, uint64_t value) and its kin */
user_store64:
	mov	%rsi, (%rdi)
	xor	%eax, %eax
	ret
user_store32:
	mov	%esi, (%rdi)
	xor	%eax, %eax
	ret
user_store16:
	mov	%si, (%rdi)
	xor	%eax, %eax
	ret
user_store8:
	mov	%sil, (%rdi)
	xor	%eax, %eax
	ret
/* int64_t user_probe(uint64_t at): can a byte be written there?  It keeps its value. */
user_probe:
	lock orb $0, (%rdi)
	xor	%eax, %eax
	ret
/* int64_t user_xsave(void *area, uint64_t mask) and its kin */
user_xsave:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
	xsave64	(%rdi)
	xor	%eax, %eax
	ret
user_fxsave:
	fxsave64 (%rdi)
	xor	%eax, %eax
	ret
user_xrstor:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
user_fxrstor:
	fxrstor64 (%rdi)
	xor	%eax, %eax
	ret
/* int64_t user_rdfsbase(uint64_t *to): -EFAULT where the CPU has no such instruction */
user_rdfsbase:
	rdfsbase %rcx
	mov	%rcx, (%rdi)
	xor	%eax, %eax
	ret
user_rdgsbase:
	rdgsbase %rcx
	mov	%rcx, (%rdi)
	xor	%eax, %eax
	ret
/* int64_t user_cas32(uint64_t at, uint32_t *expected, uint32_t value): 1 exchanged, 0 *expected is new */
user_cas32:
	mov	(%rsi), %eax
	lock cmpxchg %edx, (%rdi)
	mov	%eax, (%rsi)
	sete	%al
	movzbl	%al, %eax
	ret
user_end:
user_fail:
	mov	$-14, %rax
	ret

	.section .note.GNU-stack, "", @progbits
