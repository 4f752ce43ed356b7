/*
 * usercopy.S -- the only code that touches user addresses.
 *
 * Each routine exists twice: `_resolve` lets the page-fault handler bring pages in, `_nofault` does not.
 * A fault that is not resolved goes on at the fixup: first byte by byte up to the very byte that
 * cannot be reached, then out with the count.  The table at the end is read by usercopy.c.
 * In:  rdi to, rsi from, rdx bytes.  Out: rax bytes done.  rep counts one per iteration under -icount,
 * so words are moved; up to 64 bytes without rep.
 */
#include "smap.h"

	.section .rodata.usercopy, "a"
	.balign 8
	.globl usercopy_table
usercopy_table:
	.text

	/* user access on / off (SDM volume 2, STAC) */
	.macro ACCESS_ON
	SMAP_ONLY stac
	.endm
	.macro ACCESS_OFF
	SMAP_ONLY clac
	.endm

	/* code from start up to end may fault; go on at fixup; resolve: 1 if the handler may map */
	.macro GUARD start, end, fixup, resolve
	.pushsection .rodata.usercopy, "a"
	.quad \start, \end, \fixup, \resolve
	.popsection
	.endm

	.macro COPY name, resolve
	.globl \name
	.type \name, @function
	.balign 16
\name:
	ACCESS_ON
	cmpq $16, %rdx
	ja 2f
	cmpl $8, %edx
	jae 1f
	cmpl $4, %edx
	jae 4f
	testl %edx, %edx
	je .L\name\()_done
.L\name\()_start:
	movzbl (%rsi), %eax			/* 1 to 3: first, last, middle */
	movzbl -1(%rsi,%rdx), %ecx
	movl %edx, %r8d
	shrl $1, %r8d
	movzbl (%rsi,%r8), %r9d
	movb %al, (%rdi)
	movb %r9b, (%rdi,%r8)
	movb %cl, -1(%rdi,%rdx)
	jmp .L\name\()_done
4:	movl (%rsi), %eax
	movl -4(%rsi,%rdx), %ecx
	movl %eax, (%rdi)
	movl %ecx, -4(%rdi,%rdx)
	jmp .L\name\()_done
1:	movq (%rsi), %rax
	movq -8(%rsi,%rdx), %rcx
	movq %rax, (%rdi)
	movq %rcx, -8(%rdi,%rdx)
	jmp .L\name\()_done
2:	cmpq $64, %rdx
	ja 5f
	/* 17 to 64: pairs of words from the front, the last two from the end */
	movl %edx, %r8d
	subl $16, %r8d
	xorl %r9d, %r9d
3:	movq (%rsi,%r9), %rax
	movq 8(%rsi,%r9), %rcx
	movq %rax, (%rdi,%r9)
	movq %rcx, 8(%rdi,%r9)
	addl $16, %r9d
	cmpl %r8d, %r9d
	jb 3b
	movq -16(%rsi,%rdx), %rax
	movq -8(%rsi,%rdx), %rcx
	movq %rax, -16(%rdi,%rdx)
	movq %rcx, -8(%rdi,%rdx)
.L\name\()_small_end:
	jmp .L\name\()_done
5:	movq %rdx, %rcx
	shrq $3, %rcx
.L\name\()_words:
	rep movsq
.L\name\()_words_end:
	movl %edx, %ecx
	andl $7, %ecx
.L\name\()_bytes:
	rep movsb
.L\name\()_bytes_end:
.L\name\()_done:
	movq %rdx, %rax
	ACCESS_OFF
	ret
.L\name\()_small_fixup:				/* rdi and rsi are untouched: again, by bytes */
	movq %rdx, %rcx
	jmp .L\name\()_careful
.L\name\()_words_fixup:				/* rcx words are left */
	movl %edx, %eax
	andl $7, %eax
	leaq (%rax,%rcx,8), %rcx
.L\name\()_careful:
	rep movsb
.L\name\()_careful_end:
.L\name\()_short:				/* rcx bytes are left */
	movq %rdx, %rax
	subq %rcx, %rax
	ACCESS_OFF
	ret
	.size \name, . - \name
	GUARD .L\name\()_start, .L\name\()_small_end, .L\name\()_small_fixup, \resolve
	GUARD .L\name\()_words, .L\name\()_words_end, .L\name\()_words_fixup, \resolve
	GUARD .L\name\()_bytes, .L\name\()_bytes_end, .L\name\()_short, \resolve
	GUARD .L\name\()_careful, .L\name\()_careful_end, .L\name\()_short, 0
	.endm

	COPY usercopy_resolve, 1
	COPY usercopy_nofault, 0

	/* rdi to, rsi bytes: zeros */
	.macro CLEAR name, resolve
	.globl \name
	.type \name, @function
	.balign 16
\name:
	ACCESS_ON
	xorl %eax, %eax
	movq %rsi, %rcx
	movq %rsi, %rdx
	shrq $3, %rcx
.L\name\()_words:
	rep stosq
.L\name\()_words_end:
	movl %edx, %ecx
	andl $7, %ecx
.L\name\()_bytes:
	rep stosb
.L\name\()_bytes_end:
	movq %rdx, %rax
	ACCESS_OFF
	ret
.L\name\()_words_fixup:
	movl %edx, %r8d
	andl $7, %r8d
	leaq (%r8,%rcx,8), %rcx
.L\name\()_careful:
	rep stosb
.L\name\()_careful_end:
.L\name\()_short:
	movq %rdx, %rax
	subq %rcx, %rax
	ACCESS_OFF
	ret
	.size \name, . - \name
	GUARD .L\name\()_words, .L\name\()_words_end, .L\name\()_words_fixup, \resolve
	GUARD .L\name\()_bytes, .L\name\()_bytes_end, .L\name\()_short, \resolve
	GUARD .L\name\()_careful, .L\name\()_careful_end, .L\name\()_short, 0
	.endm

	CLEAR userclear_resolve, 1
	CLEAR userclear_nofault, 0

	/* rdi user address, rsi where the value goes; rax 0, or -1 on a fault */
	.globl userread_u32
	.type userread_u32, @function
	.balign 16
userread_u32:
	ACCESS_ON
.Lread_start:
	movl (%rdi), %ecx
.Lread_end:
	movl %ecx, (%rsi)
	xorl %eax, %eax
	ACCESS_OFF
	ret
	.size userread_u32, . - userread_u32
	GUARD .Lread_start, .Lread_end, .Luser_fault, 0

	/* rdi user address, esi old, edx new, rcx where the old value goes; rax 0, or -1 on a fault */
	.globl usercas_u32
	.type usercas_u32, @function
	.balign 16
usercas_u32:
	ACCESS_ON
	movl %esi, %eax
.Lcas_start:
	lock cmpxchgl %edx, (%rdi)
.Lcas_end:
	movl %eax, (%rcx)
	xorl %eax, %eax
	ACCESS_OFF
	ret
	.size usercas_u32, . - usercas_u32
	GUARD .Lcas_start, .Lcas_end, .Luser_fault, 0

.Luser_fault:
	movq $-1, %rax
	ACCESS_OFF
	ret

	.section .rodata.usercopy, "a"
	.globl usercopy_table_end
usercopy_table_end:
	.section .note.GNU-stack, "", @progbits
