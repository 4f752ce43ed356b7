/*
 * memory.c -- mmap, mprotect, munmap, mremap, madvise, brk, and what fork makes of them.
 *
 * Owns:    its mappings.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE	4096L
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif

static sigjmp_buf after_fault;
static volatile int fault_signal;

static void fault_take(int number)
{
	fault_signal = number;
	siglongjmp(after_fault, 1);
}

/* What a one-byte access does: 0, or the signal it raises. */
static int touch(volatile void *address, bool write)
{
	signal(SIGSEGV, fault_take);
	signal(SIGBUS, fault_take);
	fault_signal = 0;
	if (sigsetjmp(after_fault, 1) == 0) {
		if (write)
			*(volatile char *)address = 1;
		else
			(void)*(volatile char *)address;
	}
	return fault_signal;
}

static char *anonymous(long npages)
{
	char *map = mmap(NULL, (size_t)(npages * PAGE), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	return map;
}

static int file_of(const char *text, off_t size)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(ftruncate(fd, size), 0);
	return fd;
}

TEST("a child has a shared mapping in one piece, whatever lies beside it: mremap takes no two")
{
	enum { SIZE = 8 << 20, OTHERS = 400 };
	char *big = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *others = mmap(NULL, 2 * OTHERS * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	CHECK(big != MAP_FAILED && others != MAP_FAILED);
	memset(big, 1, SIZE);
	for (int i = 0; i < OTHERS; i++) {
		CHECK_EQ(munmap(others + 2 * i * 4096, 4096), 0);
		CHILD(child) {
			char *moved = mremap(big, SIZE, SIZE / 2, MREMAP_MAYMOVE);

			CHECK(moved != MAP_FAILED);
			CHECK_EQ(mremap(moved, SIZE / 2, SIZE, MREMAP_MAYMOVE) == MAP_FAILED, 0);
			CHECK(moved[0] == 1 && moved[SIZE / 2 - 1] == 1);
		}
		REAP(child, 0);
		if (i > 200)
			i += 20;
	}
}

TEST("anonymous memory is zero, page aligned, and may be read before it is written")
{
	char *map = anonymous(64);

	CHECK_EQ((uintptr_t)map % PAGE, 0);
	for (long i = 0; i < 64 * PAGE; i += 512)
		CHECK_EQ(map[i], 0);
	for (long i = 0; i < 64; i++)
		map[i * PAGE] = (char)i;
	for (long i = 0; i < 64; i++)
		CHECK(map[i * PAGE] == (char)i && map[i * PAGE + 1] == 0);
	CHECK_EQ(munmap(map, 64 * PAGE), 0);
	CHECK_EQ(touch(map, false), SIGSEGV);
}

TEST("wrong lengths, alignments and flags are EINVAL, a closed descriptor EBADF")
{
	int fd = file_of("x", PAGE);

	CHECK_EQ((long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 150, 0), EBADF);
	CHECK_ERR(syscall(SYS_mmap, 0, 1UL << 60, PROT_READ, 0x22, -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_munmap, 100, PAGE), EINVAL);
	CHECK_ERR(syscall(SYS_munmap, 0x10000, 0), EINVAL);
	CHECK_ERR(syscall(SYS_munmap, 0xffffffff80000000UL, PAGE), EINVAL);
	CHECK_ERR(syscall(SYS_mprotect, 0x10001, PAGE, PROT_READ), EINVAL);
	CHECK_ERR(syscall(SYS_mprotect, 0x10000, PAGE, PROT_READ), ENOMEM);
}

TEST("mprotect takes rights away and gives them back, page by page")
{
	char *map = anonymous(3);

	memset(map, 'x', 3 * PAGE);
	CHECK_EQ(mprotect(map + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(touch(map + PAGE, true), SIGSEGV);
	CHECK_EQ(touch(map + PAGE, false), 0);
	CHECK_EQ(touch(map + PAGE - 1, true), 0);
	CHECK_EQ(touch(map + 2 * PAGE, true), 0);
	CHECK_EQ(mprotect(map + PAGE, PAGE, PROT_NONE), 0);
	CHECK_EQ(touch(map + PAGE, false), SIGSEGV);
	CHECK_EQ(mprotect(map, 3 * PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(map[PAGE + 5], 'x');
	CHECK_EQ(touch(map + PAGE, true), 0);
}

TEST("code runs where PROT_EXEC is and faults where it is not")
{
	static const char ret42[] = "\xb8\x2a\x00\x00\x00\xc3";
	char *map = anonymous(1);

	memcpy(map, ret42, sizeof(ret42));
	signal(SIGSEGV, fault_take);
	if (sigsetjmp(after_fault, 1) == 0)
		((int (*)(void))map)();
	CHECK_EQ(fault_signal, SIGSEGV);
	CHECK_EQ(mprotect(map, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(((int (*)(void))map)(), 42);
	CHECK_EQ(touch(map, true), SIGSEGV);
}

TEST("munmap of the middle leaves both ends")
{
	char *map = anonymous(5);

	memset(map, 'm', 5 * PAGE);
	CHECK_EQ(munmap(map + 2 * PAGE, PAGE), 0);
	CHECK_EQ(touch(map + 2 * PAGE, false), SIGSEGV);
	CHECK_EQ(map[2 * PAGE - 1], 'm');
	CHECK_EQ(map[3 * PAGE], 'm');
	CHECK_EQ(munmap(map + 2 * PAGE, PAGE), 0);
	CHECK_EQ(munmap(map, 5 * PAGE), 0);
	CHECK_EQ(touch(map + 4 * PAGE, false), SIGSEGV);
}

TEST("MAP_FIXED replaces what was there, MAP_FIXED_NOREPLACE refuses: EEXIST")
{
	char *map = anonymous(4);

	memset(map, 'a', 4 * PAGE);
	CHECK(mmap(map + PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == map + PAGE);
	CHECK_EQ(map[PAGE], 0);
	CHECK_EQ(map[PAGE - 1], 'a');
	CHECK_ERR(syscall(SYS_mmap, map, PAGE, PROT_READ,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_EQ(munmap(map, 4 * PAGE), 0);
	CHECK(mmap(map, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		   -1, 0) == map);
	CHECK_ERR(syscall(SYS_mmap, 100, PAGE, PROT_READ, 0x32, -1, 0), EINVAL);
}

TEST("a hint is taken when it is free")
{
	char *map = anonymous(4);

	CHECK_EQ(munmap(map, 4 * PAGE), 0);
	CHECK(mmap(map + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == map + PAGE);
	CHECK(mmap(map + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != map + PAGE);
}

TEST("a private file mapping shows the file and keeps its writes to itself")
{
	int fd = file_of("hello", 2 * PAGE);
	char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), text[8];

	CHECK_EQ(close(fd), 0);
	CHECK_EQ(memcmp(map, "hello\0", 6), 0);
	map[0] = 'J';
	CHECK_STR(file_read("file", (char[20000]){ 0 }, 20000), "hello");
	fd = open("file", O_RDWR);
	CHECK_EQ(pwrite(fd, "there", 5, PAGE), 5);
	CHECK_EQ(memcmp(map + PAGE, "there", 5), 0);
	CHECK_EQ(pwrite(fd, "X", 1, 0), 1);
	CHECK_EQ(map[0], 'J');
	CHECK_EQ(pread(fd, text, 2, 0), 2);
	CHECK_EQ(text[0], 'X');
}

TEST("a shared file mapping, read and write see each other at once")
{
	int fd = file_of("hello", 3 * PAGE);
	char *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE), text[8];

	map[0] = 'J';
	map[PAGE] = '!';
	CHECK_EQ(second[0], '!');
	CHECK_EQ(pread(fd, text, 5, 0), 5);
	CHECK_EQ(memcmp(text, "Jello", 5), 0);
	CHECK_EQ(pwrite(fd, "?", 1, PAGE), 1);
	CHECK_EQ(second[0], '?');
	CHECK_EQ(msync(map, 3 * PAGE, MS_SYNC), 0);
	CHECK_EQ(munmap(map, 3 * PAGE), 0);
	CHECK_EQ(pread(fd, text, 1, PAGE), 1);
	CHECK_EQ(text[0], '?');
}

TEST("mapping needs the descriptor's rights: EACCES")
{
	int in, out;

	close(file_of("x", PAGE));
	in = open("file", O_RDONLY);
	out = open("file", O_WRONLY);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, out, 0), EACCES);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, out, 0), EACCES);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, in, 0), EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, in, 0) != MAP_FAILED);
	{
		char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, in, 0);

		CHECK_ERR(mprotect(map, PAGE, PROT_READ | PROT_WRITE), EACCES);
	}
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0),
		  ENODEV);
}

TEST("the tail of a file's last page is zero; beyond is SIGBUS; a truncate takes pages away")
{
	int fd = file_of("abc", PAGE + 10);
	char *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK_EQ(map[PAGE + 9], 0);
	CHECK_EQ(map[2 * PAGE - 1], 0);
	CHECK_EQ(touch(map + 2 * PAGE, false), SIGBUS);
	CHECK_EQ(touch(map + 2 * PAGE, true), SIGBUS);
	CHECK_EQ(ftruncate(fd, 2), 0);
	CHECK_EQ(map[0], 'a');
	CHECK_EQ(map[2], 0);
	CHECK_EQ(touch(map + PAGE, false), SIGBUS);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(touch(map + 2 * PAGE, true), 0);
}

TEST("fork: private memory is copied on write in both directions, shared memory is not")
{
	char *own = anonymous(8), *both = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
					       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2];
	char byte;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	memset(own, 'p', 8 * PAGE);
	CHILD(child) {
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		CHECK_EQ(own[0], 'p');
		own[PAGE] = 'c';
		both[PAGE] = 'c';
		CHECK_EQ(both[0], 'P');
		CHECK_EQ(munmap(own + 2 * PAGE, PAGE), 0);
		CHECK_EQ(touch(own + 2 * PAGE, false), SIGSEGV);
	}
	own[0] = 'P';
	both[0] = 'P';
	CHECK_EQ(write(ends[1], "x", 1), 1);
	REAP(child, 0);
	CHECK_EQ(own[PAGE], 'p');
	CHECK_EQ(own[2 * PAGE], 'p');
	CHECK_EQ(both[PAGE], 'c');
}

TEST("copy on write through three generations keeps every version")
{
	volatile int *word = (int *)anonymous(1);
	pid_t child;

	*word = 1;
	CHILD(child) {
		pid_t grandchild;

		CHECK_EQ(*word, 1);
		*word = 2;
		CHILD(grandchild) {
			CHECK_EQ(*word, 2);
			*word = 3;
			CHECK_EQ(*word, 3);
		}
		REAP(grandchild, 0);
		CHECK_EQ(*word, 2);
	}
	REAP(child, 0);
	CHECK_EQ(*word, 1);
}

TEST("a system call writes into memory that is copy-on-write without the other side seeing it")
{
	char *page = anonymous(2);
	pid_t child;
	int fd = open("/dev/zero", O_RDONLY);

	memset(page, 'x', 2 * PAGE);
	CHILD(child) {
		CHECK_EQ(read(fd, page + 10, PAGE), PAGE);
		CHECK_EQ(page[9], 'x');
		CHECK_EQ(page[10], 0);
		CHECK_EQ(page[PAGE + 9], 0);
		CHECK_EQ(page[PAGE + 10], 'x');
	}
	REAP(child, 0);
	CHECK_EQ(page[10], 'x');
	CHECK_EQ(page[PAGE], 'x');
}

TEST("mremap grows in place or moves, with content; shrinks; refuses without MAYMOVE")
{
	char *map = anonymous(4), *moved, *place;

	strcpy(map, "first");
	strcpy(map + PAGE, "second");
	CHECK(mremap(map, 4 * PAGE, 2 * PAGE, 0) == map);
	CHECK_EQ(touch(map + 2 * PAGE, false), SIGSEGV);
	CHECK(mmap(map + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
	      != MAP_FAILED);
	CHECK_ERR((long)mremap(map, 2 * PAGE, 8 * PAGE, 0), ENOMEM);
	moved = mremap(map, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED && moved != map);
	CHECK_STR(moved, "first");
	CHECK_STR(moved + PAGE, "second");
	CHECK_EQ(moved[7 * PAGE], 0);
	CHECK_EQ(touch(map, false), SIGSEGV);
	place = anonymous(8);
	CHECK(mremap(moved, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	CHECK_STR(place, "first");
	CHECK_EQ(touch(moved, false), SIGSEGV);
	CHECK_ERR((long)mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK_ERR((long)mremap(place + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERR((long)mremap(place, PAGE, 0, 0), EINVAL);
}

static size_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return pages * PAGE;
}

TEST("mremap needs room under RLIMIT_AS for what it adds only; one that fails leaves what it should have moved")
{
	const size_t pages = 4096;
	char *map = anonymous(pages), *place = anonymous(4 * pages);
	struct rlimit limit;

	for (size_t i = 0; i < pages; i += 64)
		map[i * PAGE] = (char)(i / 64);
	CHECK_EQ(munmap(place, 4 * pages * PAGE), 0);
	limit.rlim_cur = limit.rlim_max = mapped_bytes() + 16 * PAGE;
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	CHECK_ERR((long)mremap(map, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place), ENOMEM);
	for (size_t i = 0; i < pages; i += 64)
		CHECK_EQ(map[i * PAGE], i / 64);
	CHECK(mremap(map, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	for (size_t i = 0; i < pages; i += 64)
		CHECK_EQ(place[i * PAGE], i / 64);
}

TEST("there are no more than 65530 mappings, and then ENOMEM")
{
	const size_t most = 65600;
	char *map = mmap(NULL, 2 * most * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	CHECK(map != MAP_FAILED);
	for (i = 0; i < most && munmap(map + 2 * i * PAGE, PAGE) == 0; i++)
		;
	CHECK(i > 65000 && i < 65532);
	CHECK_EQ(errno, ENOMEM);
	CHECK_EQ(munmap(map, 2 * most * PAGE), 0);
}

TEST("MADV_DONTNEED makes private memory zero again and shows the file again")
{
	int fd = file_of("file", PAGE);
	char *map = anonymous(2), *of_file;

	memset(map, 'x', 2 * PAGE);
	CHECK_EQ(madvise(map, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(map[0], 0);
	CHECK_EQ(map[PAGE], 'x');
	of_file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	of_file[0] = 'X';
	CHECK_EQ(madvise(of_file, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(of_file[0], 'f');
	CHECK_ERR(madvise(map + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(map, PAGE, 9999), EINVAL);
	CHECK_EQ(munmap(map, 2 * PAGE), 0);
	CHECK_ERR(madvise(map, PAGE, MADV_DONTNEED), ENOMEM);
}

TEST("brk grows and shrinks the heap, new pages are zero")
{
	uintptr_t start = (uintptr_t)syscall(SYS_brk, 0);
	uintptr_t base = (start + PAGE - 1) & ~(PAGE - 1);

	CHECK(start > 0);
	CHECK_EQ(syscall(SYS_brk, base + 4 * PAGE), base + 4 * PAGE);
	CHECK_EQ(*(char *)(base + PAGE), 0);
	memset((void *)base, 'b', 4 * PAGE);
	CHECK_EQ(syscall(SYS_brk, base + PAGE), base + PAGE);
	CHECK_EQ(touch((void *)(base + 2 * PAGE), false), SIGSEGV);
	CHECK_EQ(syscall(SYS_brk, base + 4 * PAGE), base + 4 * PAGE);
	CHECK_EQ(*(char *)(base + 2 * PAGE), 0);
	CHECK_EQ(*(char *)base, 'b');
	CHECK_EQ(syscall(SYS_brk, 1), base + 4 * PAGE);
	CHECK_EQ(syscall(SYS_brk, 0x7fffffffffffUL), base + 4 * PAGE);
}

TEST("the stack grows by itself up to RLIMIT_STACK")
{
	struct rlimit limit;
	pid_t child;

	CHECK_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
	CHECK_EQ(limit.rlim_cur, 8 << 20);
	CHILD(child) {
		volatile char big[4 << 20];

		for (size_t i = sizeof(big); i > 0; i -= 1024)
			big[i - 1] = 1;
		CHECK_EQ(big[sizeof(big) - 1], 1);
	}
	REAP(child, 0);
}

TEST("RLIMIT_AS makes mmap ENOMEM")
{
	struct rlimit limit = { 64 << 20, 64 << 20 };
	pid_t child;

	CHILD(child) {
		CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
		CHECK_ERR(syscall(SYS_mmap, 0, 128L << 20, 3, 0x22, -1, 0), ENOMEM);
		CHECK(syscall(SYS_mmap, 0, 1L << 20, 3, 0x22, -1, 0) > 0);
	}
	REAP(child, 0);
}

TEST("thirty thousand pages may be mapped, and only touched ones cost")
{
	char *map = anonymous(30000);

	for (long i = 0; i < 30000; i += 300)
		map[i * PAGE] = 1;
	CHECK_EQ(munmap(map, 30000 * PAGE), 0);
}

TEST("many small mappings and holes keep their content and their borders")
{
	char *map = anonymous(200);

	for (int i = 0; i < 200; i++)
		map[i * PAGE] = (char)(i + 1);
	for (int i = 0; i < 200; i += 2)
		CHECK_EQ(munmap(map + i * PAGE, PAGE), 0);
	for (int i = 1; i < 200; i += 4)
		CHECK_EQ(mprotect(map + i * PAGE, PAGE, PROT_READ), 0);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(touch(map + i * PAGE, false), i % 2 == 0 ? SIGSEGV : 0);
		if (i % 2 == 1)
			CHECK_EQ(map[i * PAGE], (char)(i + 1));
		CHECK_EQ(touch(map + i * PAGE + 1, true), i % 2 == 0 || i % 4 == 1 ? SIGSEGV : 0);
	}
}

TEST("mincore, mlock and munlock answer for what is mapped")
{
	unsigned char residence[2];
	char *map = anonymous(2);

	map[0] = 1;
	if (mincore(map, 2 * PAGE, residence) != 0 && errno == ENOSYS)
		SKIP("mincore is ENOSYS");
	CHECK(residence[0] & 1);
	CHECK_EQ(residence[1] & 1, 0);
	CHECK_EQ(mlock(map, 2 * PAGE), 0);
	CHECK_EQ(mincore(map, 2 * PAGE, residence), 0);
	CHECK(residence[1] & 1);
	CHECK_EQ(munlock(map, 2 * PAGE), 0);
	CHECK_EQ(munmap(map, 2 * PAGE), 0);
	CHECK_ERR(mincore(map, 2 * PAGE, residence), ENOMEM);
	CHECK_ERR(mlock(map, PAGE), ENOMEM);
}

TEST("mlock, munlock and madvise beyond what can be mapped are ENOMEM, and EINVAL only where the end wraps")
{
	static const uint64_t beyond[] = { 0x7ffffffff000, 0x800000000000, 0x7ffffffffffff000 };

	for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		CHECK_ERR(syscall(SYS_mlock, beyond[i], 8192), ENOMEM);
		CHECK_ERR(syscall(SYS_munlock, beyond[i], 8192), ENOMEM);
		CHECK_ERR(syscall(SYS_madvise, beyond[i], 8192, MADV_DONTNEED), ENOMEM);
		CHECK_EQ(syscall(SYS_mlock, beyond[i], 0), 0);
	}
	CHECK_ERR(syscall(SYS_mlock, -4096L, 4096), EINVAL);
	CHECK_ERR(syscall(SYS_munlock, -4096L, 8192), EINVAL);
	CHECK_ERR(syscall(SYS_madvise, -4096L, 4096, MADV_DONTNEED), EINVAL);
	CHECK_ERR(syscall(SYS_madvise, -4096L, 8192, MADV_DONTNEED), EINVAL);
	CHECK_EQ(syscall(SYS_mlock, 4096, -1L), 0);	/* the length itself wraps to none */
}

TEST("a hole in the range: mprotect ends at it, madvise and a shrinking mremap go on behind it")
{
	char *at = anonymous(8);
	unsigned char resident;

	memset(at, 7, 8 * PAGE);
	CHECK_EQ(munmap(at + 2 * PAGE, PAGE), 0);
	CHECK_ERR(mprotect(at, 4 * PAGE, PROT_READ), ENOMEM);
	CHECK_EQ(touch(at + PAGE, true), SIGSEGV);
	CHECK_EQ(touch(at + 3 * PAGE, true), 0);
	CHECK_ERR(madvise(at, 5 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(at[0], 0);
	CHECK_EQ(at[3 * PAGE], 0);
	CHECK_EQ(at[4 * PAGE], 0);
	CHECK_EQ(at[5 * PAGE], 7);
	CHECK_EQ(mprotect(at + 3 * PAGE, PAGE, PROT_NONE), 0);
	CHECK_ERR(mlock(at + 3 * PAGE, PAGE), ENOMEM);
	CHECK(mremap(at, 6 * PAGE, PAGE, 0) == at);
	CHECK_ERR(mincore(at + PAGE, PAGE, &resident), ENOMEM);
	CHECK_ERR(mincore(at + 5 * PAGE, PAGE, &resident), ENOMEM);
	CHECK_EQ(at[6 * PAGE], 7);
	CHECK(mremap(at + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + PAGE) == MAP_FAILED && errno == EFAULT);
}

TEST("memfd_create makes a file without a name that can be sealed")
{
	int fd = (int)syscall(SYS_memfd_create, "name", 2U);
	char *map;

	if (fd < 0 && errno == ENOSYS)
		SKIP("memfd_create is ENOSYS");
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	strcpy(map, "sealed");
	CHECK_EQ(munmap(map, PAGE), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(ftruncate(fd, 0), EPERM);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, 3, MAP_SHARED, fd, 0), EPERM);
}

TEST("a memfd is a file without a name that /proc shows as deleted")
{
	char link[64], text[64];
	int fd = (int)syscall(SYS_memfd_create, "some memory", 0), n;
	struct stat now;
	char *p;

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_EQ(ftruncate(fd, 8192), 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[5000] = 'x';
	CHECK_EQ(pread(fd, text, 1, 5000), 1);
	CHECK_EQ(text[0], 'x');
	CHECK_EQ(fstat(fd, &now), 0);
	CHECK(S_ISREG(now.st_mode) && now.st_nlink == 0 && now.st_size == 8192);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = (int)readlink(link, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = 0;
	CHECK_EQ(strcmp(text, "/memfd:some memory (deleted)"), 0);
	fd = (int)syscall(SYS_memfd_create, "", MFD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_memfd_create, "x", 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_memfd_create, (char *)8, 0), EFAULT);
}

TEST("a sealed memfd neither shrinks nor grows nor is written, and takes no seal after the last")
{
	int fd = (int)syscall(SYS_memfd_create, "sealed", MFD_ALLOW_SEALING);
	char *p;

	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_EQ(ftruncate(fd, 4096), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, 100), EPERM);
	CHECK_EQ(ftruncate(fd, 8192), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 10000), EPERM);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(p, 4096), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_EQ(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
}

TEST("RLIMIT_AS counts what a program maps, not a stack that has not grown")
{
	struct rlimit limit = { 16 << 20, 16 << 20 };
	pid_t child;

	CHILD(child) {
		CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
		CHECK(mmap(NULL, 12 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
		CHECK_EQ(mmap(NULL, 8 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
	}
	REAP(child, 0);
}
