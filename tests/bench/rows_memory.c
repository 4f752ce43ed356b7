/*
 * rows_memory.c -- rows on mappings and page faults.
 *
 * Owns:    the mappings its rows make; each iteration removes its own.
 * Locks:   none.
 * Fails:   each row through row_fail(); a page that is not zero or not the file's counts.
 * Tested:  tests/bench/run.py
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Below 2 MiB, so that no huge page can stand in for the faults that are to be counted. */
#define FAULT_PAGES	256

static int fd_file = -1;

static void *anonymous_map(size_t len_bytes)
{
	return mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* The page is not touched here, that is the row below; mmap_check() shows that it is real. */
static int mmap_loop(long n)
{
	int bad = 0;

	for (long i = 0; i < n; i++) {
		void *page = anonymous_map(PAGE_BYTES);

		if (page == MAP_FAILED)
			return row_fail("mmap: %s", strerror(errno));
		bad |= munmap(page, PAGE_BYTES);
	}
	return bad == 0 ? 0 : row_fail("munmap: %s", strerror(errno));
}

static int mmap_check(void)
{
	int fd = open(BENCH_FILE, O_RDONLY);

	for (int i = 0; i < 16; i++) {
		volatile long *page = anonymous_map(PAGE_BYTES);

		if (page == MAP_FAILED)
			return row_fail("mmap: %s", strerror(errno));
		page[1] = -1;
		if (page[0] != 0 || page[1] != -1 || page[511] != 0)
			return row_fail("a new page was not zero");
		if (munmap((void *)page, PAGE_BYTES) != 0)
			return row_fail("munmap: %s", strerror(errno));
		if (read(fd, (void *)page, 1) != -1 || errno != EFAULT)
			return row_fail("memory still there after munmap");
	}
	return close(fd);
}

/* n is in faults; the first write to each page is what is counted. */
static int fault_loop(long n)
{
	long bad = 0;

	for (long done = 0; done < n; done += FAULT_PAGES) {
		long pages = n - done < FAULT_PAGES ? n - done : FAULT_PAGES;
		char *batch = anonymous_map(FAULT_PAGES * PAGE_BYTES);

		if (batch == MAP_FAILED)
			return row_fail("mmap: %s", strerror(errno));
		for (long page = 0; page < pages; page++) {
			volatile long *word = (long *)(batch + page * PAGE_BYTES);

			word[1] = -1;
			bad |= word[0] | word[511];
		}
		bad |= munmap(batch, FAULT_PAGES * PAGE_BYTES);
	}
	return bad == 0 ? 0 : row_fail("a new page was not zero, or munmap failed");
}

static int mmapfile_prepare(void)
{
	fd_file = open(BENCH_FILE, O_RDONLY);
	return fd_file >= 0 ? 0 : row_fail("open " BENCH_FILE ": %s", strerror(errno));
}

static int mmapfile_loop(long n)
{
	long bad = 0;

	for (long i = 0; i < n; i++) {
		volatile uint8_t *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_PRIVATE, fd_file, 0);

		if (map == MAP_FAILED)
			return row_fail("mmap of a file: %s", strerror(errno));
		for (size_t at = 5; at < FILE_BYTES; at += PAGE_BYTES)
			bad |= map[at] ^ file_byte_at(at);
		bad |= munmap((void *)map, FILE_BYTES);
	}
	return bad == 0 ? 0 : row_fail("mapped bytes are not the file's, or munmap failed");
}

const struct row rows_memory[] = {
	{ "mmap", "mmap + munmap 4 KiB", 3000, NULL, mmap_loop, mmap_check },
	{ "fault", "anonymous page fault", 20 * FAULT_PAGES, NULL, fault_loop, NULL },
	{ "mmapfile", "map 64 KiB of a file, read each page, unmap", 600, mmapfile_prepare,
	  mmapfile_loop, NULL },
	{ .name = NULL },
};
