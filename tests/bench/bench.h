/*
 * bench.h -- what a row of the benchmark is, and the few helpers all rows share.
 *
 * Owns:    struct row. Rows call libc, as programs do: a few dozen instructions of each figure are
 *          musl's (getppid: 33), the same on both systems.
 * Locks:   none; rows with threads join them before they return.
 * Fails:   a row reports its reason with row_fail(); nothing here exits by itself.
 * Tested:  tests/bench/run.py runs every row on Linux first.
 */
#ifndef TESSERA_BENCH_H
#define TESSERA_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_DIR	"/tmp/bench"
#define BENCH_FILE	"/tmp/bench/file"
#define BENCH_NEW	"/tmp/bench/new"
#define FILE_BYTES	65536
#define PAGE_BYTES	4096

/*
 * A row: prepare() makes what it needs, loop(n) does n operations and verifies each as far as that
 * costs a few instructions, check() looks at what the operations left behind. Each returns 0, or
 * -1 after row_fail().
 */
struct row {
	const char *name;
	const char *what;
	long iterations;
	int (*prepare)(void);
	int (*loop)(long n);
	int (*check)(void);
};

extern const struct row rows_call[];
extern const struct row rows_file[];
extern const struct row rows_memory[];
extern const struct row rows_process[];

/* The path to this very program, for the rows that exec, and the parent's pid for getppid. */
extern const char *bench_self;
extern long bench_parent;

int row_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint8_t file_byte_at(size_t offset);

#endif
