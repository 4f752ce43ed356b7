/*
 * rows_file.c -- rows on a cached file: names, attributes, reads and writes.
 *
 * Owns:    one descriptor of the benchmark's file; BENCH_NEW while the create row runs.
 * Locks:   none.
 * Fails:   each row through row_fail(); wrong content counts as failure.
 * Tested:  tests/bench/run.py
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd_file = -1;
static uint64_t file_inode;
static uint8_t buffer[FILE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static int file_open(void)
{
	struct stat now;

	fd_file = open(BENCH_FILE, O_RDWR);
	if (fd_file < 0)
		return row_fail("open " BENCH_FILE ": %s", strerror(errno));
	if (fstat(fd_file, &now) != 0)
		return row_fail("fstat: %s", strerror(errno));
	file_inode = now.st_ino;
	memset(buffer, 0x55, sizeof(buffer));
	return 0;
}

static int stat_judge(const struct stat *now, long bad)
{
	if (bad != 0)
		return row_fail("a call failed or gave another size");
	if (now->st_ino != file_inode || !S_ISREG(now->st_mode) || (now->st_mode & 0777) != 0644)
		return row_fail("wrong inode or mode");
	return 0;
}

static int fstat_loop(long n)
{
	struct stat now;
	long bad = 0;
	int fd = fd_file;

	for (long i = 0; i < n; i++) {
		*(volatile off_t *)&now.st_size = 0;
		bad |= fstat(fd, &now);
		bad |= now.st_size ^ FILE_BYTES;
	}
	return stat_judge(&now, bad);
}

static int stat_loop(long n)
{
	struct stat now;
	long bad = 0;

	for (long i = 0; i < n; i++) {
		*(volatile off_t *)&now.st_size = 0;
		bad |= stat(BENCH_FILE, &now);
		bad |= now.st_size ^ FILE_BYTES;
	}
	return stat_judge(&now, bad);
}

static int stat_check(void)
{
	struct stat now;

	if (stat(BENCH_DIR "/none", &now) != -1 || errno != ENOENT)
		return row_fail("stat of no file was not ENOENT");
	return 0;
}

static int openclose_loop(long n)
{
	int bad = 0, lowest = dup(fd_file);

	close(lowest);
	for (long i = 0; i < n; i++) {
		int fd = open(BENCH_FILE, O_RDONLY);

		bad |= fd ^ lowest;
		bad |= close(fd);
	}
	return bad == 0 ? 0 : row_fail("open did not give the lowest descriptor, or close failed");
}

static int openclose_check(void)
{
	int fd = open(BENCH_FILE, O_RDONLY);
	uint8_t byte = 0;

	if (pread(fd, &byte, 1, 4097) != 1 || byte != file_byte_at(4097))
		return row_fail("the opened file has other content");
	return close(fd) == 0 ? 0 : row_fail("close failed");
}

static int create_loop(long n)
{
	int bad = 0;

	for (long i = 0; i < n; i++) {
		int fd = open(BENCH_NEW, O_WRONLY | O_CREAT | O_EXCL, 0644);

		bad |= fd < 0;
		bad |= close(fd);
		bad |= unlink(BENCH_NEW);
	}
	return bad == 0 ? 0 : row_fail("open O_EXCL, close or unlink failed");
}

static int create_check(void)
{
	if (unlink(BENCH_NEW) != -1 || errno != ENOENT)
		return row_fail("the file was still there after unlink");
	return 0;
}

static int content_judge(size_t offset, size_t len_bytes)
{
	for (size_t i = 0; i < len_bytes; i++)
		if (buffer[i] != file_byte_at(offset + i))
			return row_fail("byte %zu of the file is wrong", offset + i);
	return 0;
}

static int pread4k_loop(long n)
{
	uint8_t expected = file_byte_at(2 * PAGE_BYTES + PAGE_BYTES - 1);
	volatile uint8_t *last = &buffer[PAGE_BYTES - 1];
	long bad = 0;
	int fd = fd_file;

	for (long i = 0; i < n; i++) {
		*last = 0;
		bad |= pread(fd, buffer, PAGE_BYTES, 2 * PAGE_BYTES) ^ PAGE_BYTES;
		bad |= *last ^ expected;
	}
	return bad == 0 ? 0 : row_fail("short read or wrong last byte");
}

static int pread4k_check(void)
{
	return content_judge(2 * PAGE_BYTES, PAGE_BYTES);
}

static int pread64k_loop(long n)
{
	uint8_t expected = file_byte_at(FILE_BYTES - 1);
	volatile uint8_t *last = &buffer[FILE_BYTES - 1];
	long bad = 0;
	int fd = fd_file;

	for (long i = 0; i < n; i++) {
		*last = 0;
		bad |= pread(fd, buffer, FILE_BYTES, 0) ^ FILE_BYTES;
		bad |= *last ^ expected;
	}
	return bad == 0 ? 0 : row_fail("short read or wrong last byte");
}

static int pread64k_check(void)
{
	return content_judge(0, FILE_BYTES);
}

static int pwrite4k_prepare(void)
{
	if (file_open() != 0)
		return -1;
	for (size_t i = 0; i < PAGE_BYTES; i++)
		buffer[i] = file_byte_at(PAGE_BYTES + i);
	return 0;
}

static int pwrite4k_loop(long n)
{
	long bad = 0;
	int fd = fd_file;

	for (long i = 0; i < n; i++) {
		*(volatile uint32_t *)buffer = (uint32_t)i;
		bad |= pwrite(fd, buffer, PAGE_BYTES, PAGE_BYTES) ^ PAGE_BYTES;
	}
	return bad == 0 ? 0 : row_fail("short write");
}

/* The file must hold the last stamp; then the original bytes go back for the rows after this. */
static int pwrite4k_check(void)
{
	static uint8_t again[PAGE_BYTES];

	if (pread(fd_file, again, PAGE_BYTES, PAGE_BYTES) != PAGE_BYTES)
		return row_fail("pread: %s", strerror(errno));
	if (memcmp(again, buffer, PAGE_BYTES) != 0)
		return row_fail("the file does not hold what was written last");
	for (size_t i = 0; i < 4; i++)
		again[i] = file_byte_at(PAGE_BYTES + i);
	if (pwrite(fd_file, again, 4, PAGE_BYTES) != 4)
		return row_fail("pwrite: %s", strerror(errno));
	return 0;
}

const struct row rows_file[] = {
	{ "fstat", "fstat of an open file", 20000, file_open, fstat_loop, NULL },
	{ "stat", "stat of /tmp/bench/file", 8000, file_open, stat_loop, stat_check },
	{ "openclose", "open + close of /tmp/bench/file", 5000, file_open, openclose_loop,
	  openclose_check },
	{ "create", "create + close + unlink of a file", 1500, NULL, create_loop, create_check },
	{ "pread4k", "pread 4 KiB, cached", 10000, file_open, pread4k_loop, pread4k_check },
	{ "pwrite4k", "pwrite 4 KiB, cached", 10000, pwrite4k_prepare, pwrite4k_loop,
	  pwrite4k_check },
	{ "pread64k", "pread 64 KiB, cached", 2000, file_open, pread64k_loop, pread64k_check },
	{ .name = NULL },
};
