/*
 * twin.h -- random calls whose answers must be the same on both systems.
 *
 * A program here is a table of functions, each of which makes one call with arguments from a fixed sequence of
 * numbers and says what came back.  run.py runs it on Linux and on Tessera and compares the two texts, so
 * nobody has to know what is right.  What may differ for good reasons is not said, or not asked for: the functions
 * tell why.
 *
 * Fails:   it has no opinion: run.py has.
 */
#ifndef TESSERA_TWIN_H
#define TESSERA_TWIN_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static uint64_t twin_state;
static unsigned twin_step;

/* 0 .. below - 1; xorshift64 */
static uint32_t random_below(uint32_t below)
{
	twin_state ^= twin_state << 13;
	twin_state ^= twin_state >> 7;
	twin_state ^= twin_state << 17;
	return (uint32_t)(twin_state >> 11) % below;
}

static bool one_in(uint32_t n) { return random_below(n) == 0; }

static void random_begin(uint64_t seed) { twin_state = (seed * 0x9e3779b97f4a7c15ull) | 1; }

/* The call's result and, if that is negative, its errno; then what was called with what. */
static void answer(long result, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void answer(long result, const char *format, ...)
{
	int error = result < 0 ? errno : 0;
	va_list args;

	printf("%u: %ld %d ", twin_step, result, error);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static uint32_t sum_of(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint32_t sum = 7;

	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + b[i];
	return sum;
}

/* main(): seed and number of calls come from the command line; `after` looks at everything now and then. */
static int twin_run(int argc, char **argv, void (*const calls[])(void), size_t ncalls, void (*after)(void))
{
	unsigned steps = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;

	random_begin(argc > 1 ? (uint64_t)atoi(argv[1]) : 1);
	for (twin_step = 1; twin_step <= steps; twin_step++) {
		calls[random_below((uint32_t)ncalls)]();
		if (after && twin_step % 50 == 0)
			after();
	}
	return 0;
}

#endif
