/*
 * status.c -- names and texts of statuses, from abi/errors.list.
 */
#include <lib/rt/rt.h>

struct status_row {
	const char *name, *text;
};
static const struct status_row status_rows[] = {
#define X(name, linux_errno, text) { #name, #name " (" text ")" },
#include <abi/errors_table.h>
#undef X
};
_Static_assert(sizeof(status_rows) / sizeof(status_rows[0]) == ERRORS_COUNT, "a row an error");

const char *rt_status_name(status_t status)
{
	if (status >= 0)
		return "ok";
	if (status < -(status_t)ERRORS_COUNT)
		return "E_?";
	return status_rows[-status - 1].name;
}

const char *rt_status_text(status_t status)
{
	if (status >= 0)
		return "ok";
	if (status < -(status_t)ERRORS_COUNT)
		return "E_? (not a status)";
	return status_rows[-status - 1].text;
}
