/*
 * errno.c -- from native status values to Linux's errors, by the one list of abi/errors.list.
 *
 * What a call must answer differently from the list, it corrects itself.
 * Tested:  translator/test/layout_test.c
 */
#include "translator.h"

static const uint16_t errno_of[ERRORS_COUNT + 1] = {
#define X(name, number, text) [-(name)] = number,
#include <abi/errors_table.h>
#undef X
};

/* A call that was interrupted goes through the exit, where signals are: it may be made again there. */
int64_t status_errno(int64_t status)
{
	if (status == E_INTERRUPTED)
		return -ERESTARTSYS;
	if (status < -(int64_t)ERRORS_COUNT)
		return -EIO;
	return -(int64_t)errno_of[-status];
}
