/*
 * native.c -- the table through which entry.S calls sys_ functions, made from abi/calls.list.
 */
#include "kernel.h"
#include "syscalls.h"
#include <abi/calls.h>

#define X(name, nargs) (void (*)(void))sys_##name,
void (*const native_table[])(void) = {
#include <abi/dispatch.h>
};
#undef X
_Static_assert(ARRAY_SIZE(native_table) == NR_CALLS, "a row of calls.list without its function");
_Static_assert(NR_CALLS == NATIVE_CALLS, "entry.S compares with this");
_Static_assert(E_NOSYS == -23, "entry.S answers this");

int64_t sys_null(void) { return 0; }
