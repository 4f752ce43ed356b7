/*
 * tap.h -- the least that a unit test on the host needs to speak TAP.
 *
 * A test is a function with a sentence for a name; CHECK reports the first thing wrong in it and goes on.
 * The plan is printed at the end; the exit status is 0 only when all passed.
 */
#ifndef LIB_TEST_TAP_H
#define LIB_TEST_TAP_H

#include <stdbool.h>
#include <stdio.h>

struct tap_case {
	const char *sentence;
	void (*run)(void);
};

static bool tap_failed;

#define CHECK(x) do { if (!(x)) { tap_failed = true; \
	printf("# %s:%d: %s\n", __FILE__, __LINE__, #x); } } while (0)

static inline int tap_run(const struct tap_case *cases, unsigned count)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < count; i++) {
		tap_failed = false;
		cases[i].run();
		bad += tap_failed;
		printf("%sok %u - %s\n", tap_failed ? "not " : "", i + 1, cases[i].sentence);
		fflush(stdout);
	}
	printf("1..%u\n", count);
	return bad != 0;
}

#endif
