/*
 * arch_lock.h -- taking a spinlock in four instructions.
 *
 * The waiting is out of line and preserves every register (entry.S), so that a caller that finds the lock
 * free saves nothing for it.
 */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <stdint.h>

static inline void spin_acquire(uint32_t *held)
{
	__asm__ volatile("1:	movl $1, %%eax\n"
			 "	xchgl %%eax, %0\n"
			 "	testl %%eax, %%eax\n"
			 "	jne 2f\n"
			 "	.subsection 1\n"
			 "2:	call spin_wait_preserve\n"
			 "	jmp 1b\n"
			 "	.previous" : "+m"(*held) : : "eax", "memory", "cc");
}

#endif
