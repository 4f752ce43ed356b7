/*
 * syscalls.h -- one function per native call, named sys_ and after it; arguments as in abi/calls.list,
 * results as there.  They are called with interrupts off, in the caller's thread, no lock held.
 */
#ifndef KERNEL_SYSCALLS_H
#define KERNEL_SYSCALLS_H

#include <stdint.h>

#define ARGS_0 void
#define ARGS_1 uint64_t a0
#define ARGS_2 ARGS_1, uint64_t a1
#define ARGS_3 ARGS_2, uint64_t a2
#define ARGS_4 ARGS_3, uint64_t a3
#define ARGS_5 ARGS_4, uint64_t a4
#define ARGS_6 ARGS_5, uint64_t a5
#define X(name, nargs) int64_t sys_##name(ARGS_##nargs);
#include <abi/dispatch.h>
#undef X

#endif
