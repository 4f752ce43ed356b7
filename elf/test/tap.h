/*
 * tap.h -- the Test Anything Protocol, as much of it as the ELF tests need.
 *
 * A test is one call of tap_ok with a sentence about behaviour; tap_done prints the plan and gives
 * main's exit status.
 */
#ifndef ELF_TEST_TAP_H
#define ELF_TEST_TAP_H

#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failures;

__attribute__((format(printf, 2, 3), unused))
static bool tap_ok(bool pass, const char *sentence, ...)
{
	__builtin_va_list args;

	__builtin_va_start(args, sentence);
	tap_failures += !pass;
	printf("%s %d - ", pass ? "ok" : "not ok", ++tap_count);
	vprintf(sentence, args);
	putchar('\n');
	fflush(stdout);
	__builtin_va_end(args);
	return pass;
}

__attribute__((unused))
static bool tap_equal(unsigned long long got, unsigned long long wanted, const char *sentence)
{
	if (!tap_ok(got == wanted, "%s", sentence)) {
		printf("# got %#llx, wanted %#llx\n", got, wanted);
		return false;
	}
	return true;
}

__attribute__((unused))
static void tap_skip(const char *sentence, const char *reason)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, sentence, reason);
}

static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures != 0;
}

#endif
