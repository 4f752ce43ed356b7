/*
 * table.c -- from Linux's numbers to handlers: the one table, ../table/calls.h, as code.
 */
#include "translator.h"

#define CALL(number, name, level, format, test, missing) call_handler sys_##name;
#define NONE(number, name, why)
#include "../table/calls.h"
#undef CALL
#undef NONE

call_handler sys_unsupported;

call_handler *const call_table[CALLS_MAX + 1] = {
#define CALL(number, name, level, format, test, missing) [number] = sys_##name,
#define NONE(number, name, why) [number] = sys_unsupported,
#include "../table/calls.h"
#undef CALL
#undef NONE
};
