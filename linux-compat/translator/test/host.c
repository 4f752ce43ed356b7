/*
 * host.c -- see host.h.
 */
#include <string.h>
#include "host.h"

uint8_t host_block[BLOCK_BYTES] __attribute__((aligned(32768)));
static uint8_t host_state[TRANSLATOR_STATE_SIZE] __attribute__((aligned(4096)));
int host_failures, host_cases;
static int case_failures;

static int64_t native_none(const struct native_args *args)
{
	printf("# unexpected native call %d\n", (int)args->nr);
	exit(1);
}
int64_t (*host_native)(const struct native_args *args) = native_none;

void host_begin(void)
{
	struct utcb *u = (struct utcb *)host_block;

	memset(host_block, 0, sizeof(host_block));
	memset(host_state, 0, sizeof(host_state));
	u->user[TU_DATA] = (uint64_t)host_state;
	u->user[TU_PID] = u->user[TU_TID] = 77;
	self_thread()->limit = CALLS_MAX + 1;
	host_native = native_none;
	case_failures = 0;
}

void host_end(const char *sentence)
{
	host_cases++;
	printf("%s %d - %s\n", case_failures ? "not ok" : "ok", host_cases, sentence);
	host_failures += case_failures != 0;
}

void host_fail(const char *file, int line, const char *text, long long got, long long want)
{
	printf("# %s:%d: %s is %lld (0x%llx), not %lld (0x%llx)\n", file, line, text, got, (unsigned long long)got,
		want, (unsigned long long)want);
	case_failures++;
}

int host_done(void)
{
	printf("1..%d\n", host_cases);
	return host_failures != 0;
}
