/*
 * entry.S -- first instructions of a native program and of its further threads.
 *
 * The kernel or init gives RDI (see rt.h) and RSP at the end of a stack; everything else is 0.
 */
	.text
	.globl _start
	.type _start, @function
_start:
	xorl %ebp, %ebp
	andq $-16, %rsp
	call rt_main			/* does not return */
	ud2
	.size _start, . - _start

/* RDI: struct thread_entry at the foot of the thread's data page */
	.globl rt_thread_start
	.type rt_thread_start, @function
rt_thread_start:
	xorl %ebp, %ebp
	andq $-16, %rsp
	call rt_thread_main		/* does not return */
	ud2
	.size rt_thread_start, . - rt_thread_start
	.section .note.GNU-stack, "", @progbits
