/*
 * host.h -- the translator on the host: its files, a block, a state, and a kernel that the test plays.
 *
 * host_begin() makes block and state fresh; host_native answers native calls.  TAP on stdout.
 */
#ifndef TRANSLATOR_TEST_HOST_H
#define TRANSLATOR_TEST_HOST_H

#include <stdio.h>
#include <stdlib.h>
#include "../translator.h"

extern uint8_t host_block[BLOCK_BYTES];
extern int host_failures, host_cases;

void host_begin(void);
void host_end(const char *sentence);	/* the case's line */
int host_done(void);			/* the plan; exit status */
void host_fail(const char *file, int line, const char *text, long long got, long long want);

#define CHECK_EQ(got, want) do { \
	long long got_ = (long long)(got), want_ = (long long)(want); \
	if (got_ != want_) \
		host_fail(__FILE__, __LINE__, #got, got_, want_); \
} while (0)
#define CHECK(condition) CHECK_EQ(!!(condition), 1)

#endif
