/*
 * layout_test.c -- errors, numbers and structures against the machine's own headers.
 */
#include <string.h>
#include "host.h"

extern const int system_errno[];
extern const struct { const char *name; int number; } system_calls[];
extern const size_t system_sizes[];

static void errors(void)
{
	static const int ours[] = {
#define X(name) name,
#include "errno_names.h"
#undef X
	};

	host_begin();
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		CHECK_EQ(ours[i], system_errno[i]);
	for (int64_t e = -1; e >= -(int64_t)ERRORS_COUNT; e--) {
		CHECK(status_errno(e) < 0);
		CHECK(status_errno(e) >= -133 || e == E_INTERRUPTED);
	}
	CHECK_EQ(status_errno(E_HANDLE), -EBADF);
	CHECK_EQ(status_errno(E_INTERRUPTED), -ERESTARTSYS);
	CHECK_EQ(status_errno(-1000), -EIO);
	CHECK_EQ(status_errno(INT64_MIN), -EIO);
	host_end("every native error has an errno, and their numbers are the system's");
}

/* A row must have the number that the system gives its name. */
static void numbers(void)
{
	static const struct { const char *name; int number; } table[] = {
#define CALL(number, name, level, format, test, missing) { #name, number },
#define NONE(number, name, why) { #name, number },
#include "../../table/calls.h"
#undef CALL
#undef NONE
	};
	unsigned rows = sizeof(table) / sizeof(table[0]);

	host_begin();
	CHECK_EQ(rows, CALLS_MAX + 1);
	for (unsigned i = 0; i < rows; i++) {
		CHECK_EQ(table[i].number, i);
		CHECK(call_table[i] != NULL);
	}
	for (unsigned i = 0; system_calls[i].name; i++)
		CHECK_EQ(strcmp(table[system_calls[i].number].name, system_calls[i].name), 0);
	host_end("the table has a row for every number, with the system's names");
}

static void layouts(void)
{
	static const size_t ours[] = {
		sizeof(struct linux_stat), offsetof(struct linux_stat, size), offsetof(struct linux_stat, mtime),
		sizeof(struct linux_statx), offsetof(struct linux_statx, ino), offsetof(struct linux_statx, dev_major),
		sizeof(struct linux_siginfo), sizeof(struct linux_stack), offsetof(struct linux_stack, size),
		offsetof(struct linux_ucontext, stack), offsetof(struct linux_ucontext, mcontext),
		offsetof(struct linux_ucontext, sigmask), sizeof(struct linux_pollfd), sizeof(struct linux_itimerval),
	};

	host_begin();
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		CHECK_EQ(ours[i], system_sizes[i]);
	host_end("structures are laid out as the system's headers say");
}

int main(void)
{
	errors();
	layouts();
	numbers();
	return host_done();
}
