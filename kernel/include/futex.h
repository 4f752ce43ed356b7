/*
 * futex.h -- what the rest of the kernel needs of futexes.
 */
#ifndef KERNEL_FUTEX_H
#define KERNEL_FUTEX_H

#include <stdint.h>

void futex_wake_address(uint64_t addr);	/* one waiter on the current space's word, private or shared */

#endif
