/*
 * memory.c -- the same random mmap, munmap, mprotect, mremap, madvise, and accesses, on both systems.
 *
 * Not asked for: PROT_WRITE alone (maps shows it as rw here), mremap of more than a page (how far a piece reaches
 * depends on which neighbours were joined), what mremap destroys when it fails (it is destroyed by hand), writing a
 * file from its own mapping beyond its end (which Linux extends on the way).
 */
#include "twin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE	4096UL
#define PAGES	48
#define AROUND	64UL		/* pages on both sides that nobody takes */

static char *const base = (char *)0x10000000;
static int file, read_only;
static sigjmp_buf after_fault;

static void fault_take(int number) { siglongjmp(after_fault, number); }

static char *page(unsigned *n)
{
	*n = random_below(PAGES);
	return base + *n * PAGE;
}

static unsigned length(unsigned first) { return 1 + random_below(first + 12 > PAGES ? PAGES - first : 12); }

static int protection(void)
{
	static const int all[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC };

	return all[random_below(COUNT(all))];
}

static long where(const void *at) { return at == MAP_FAILED ? -1 : (long)at; }

static void do_map_anonymous(void)
{
	unsigned a, n;
	char *at = page(&a);
	int prot = protection(), flags = MAP_ANONYMOUS | (one_in(3) ? MAP_SHARED : MAP_PRIVATE) |
		(one_in(6) ? MAP_FIXED_NOREPLACE : MAP_FIXED);

	n = length(a);
	answer(where(mmap(at, n * PAGE, prot, flags, -1, 0)), "mmap %u+%u %d %x", a, n, prot, flags);
}

static void do_map_file(void)
{
	unsigned a, n, offset = random_below(22);
	char *at = page(&a);
	int prot = protection(), flags = MAP_FIXED | (one_in(2) ? MAP_SHARED : MAP_PRIVATE), fd = one_in(4) ? read_only : file;

	n = length(a);
	answer(where(mmap(at, n * PAGE, prot, flags, fd, (off_t)(offset * PAGE))), "mmap %u+%u %d %x of %d at %u", a, n, prot,
	       flags, fd == file, offset);
}

static void do_unmap(void)
{
	unsigned a, n;
	char *at = page(&a);

	n = length(a);
	answer(munmap(at, n * PAGE), "munmap %u+%u", a, n);
}

static void do_protect(void)
{
	unsigned a, n;
	char *at = page(&a);
	int prot = protection();

	n = length(a);
	answer(mprotect(at, n * PAGE, prot), "mprotect %u+%u %d", a, n, prot);
}

static void do_remap_there(void)
{
	unsigned a, b, n;
	char *at = page(&a), *to = page(&b);
	void *got;

	n = length(b);
	got = mremap(at, PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	answer(where(got), "mremap %u to %u+%u", a, b, n);
	if (got == MAP_FAILED)
		munmap(to, n * PAGE);
}

static void do_remap_here(void)
{
	unsigned a, n;
	char *at = page(&a);

	n = length(a);
	answer(where(mremap(at, PAGE, n * PAGE, 0)), "mremap %u+%u", a, n);
}

/* madvise, msync: some pages and one of these numbers. */
static void on_range(int (*call)(void *, size_t, int), const char *name, const int *all, size_t n)
{
	unsigned a, pages;
	char *at = page(&a);
	int what = all[random_below((uint32_t)n)];

	pages = length(a);
	answer(call(at, pages * PAGE, what), "%s %u+%u %d", name, a, pages, what);
}

static void do_advise(void)
{
	static const int all[] = { MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_NORMAL, MADV_WILLNEED, MADV_DONTFORK, MADV_DOFORK };

	on_range(madvise, "madvise", all, COUNT(all));
}

static void do_sync(void)
{
	static const int all[] = { MS_SYNC, MS_ASYNC, MS_INVALIDATE | MS_SYNC };

	on_range(msync, "msync", all, COUNT(all));
}

static void do_truncate(void)
{
	off_t size = (off_t)(random_below(24) * PAGE + random_below(2) * 1000);

	answer(ftruncate(file, size), "ftruncate %ld", (long)size);
}

static void do_punch(void)
{
	off_t at = (off_t)(random_below(20) * PAGE), len = (off_t)((1 + random_below(4)) * PAGE);

	answer(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len), "punch %ld+%ld", (long)at, (long)len);
}

static void do_read(void)
{
	unsigned a, inside = random_below(4000), n;
	off_t at = (off_t)(random_below(20) * PAGE);
	char *to = page(&a);

	n = length(a);
	answer(pread(file, to + inside, n * PAGE, at), "pread %u.%u+%u at %ld", a, inside, n, (long)at);
}

static void do_write(void)
{
	static char block[12 * PAGE];
	unsigned n = 1 + random_below(sizeof(block));
	off_t at = (off_t)(random_below(20) * PAGE);

	memset(block, 'a' + (int)(twin_step % 26), n);
	answer(pwrite(file, block, n, at), "pwrite %u at %ld", n, (long)at);
}

/* Reads or writes a byte: what it read, or minus the signal. */
static void do_touch(void)
{
	unsigned a, at = random_below(4096);
	volatile char *byte = page(&a) + at;
	bool write = one_in(2);
	int number = sigsetjmp(after_fault, 1);

	if (number != 0)
		answer(1000 + number, "%s %u.%u faults", write ? "write" : "read", a, at);
	else if (write)
		*byte = (char)twin_step;
	else
		answer((uint8_t)*byte, "read %u.%u", a, at);
}

/* All there is: a sum of what can be read, and of the signals where not. */
static uint32_t content(void)
{
	uint32_t sum = 0;

	for (volatile unsigned i = 0; i < PAGES; i++) {
		int number = sigsetjmp(after_fault, 1);

		sum = sum * 31 + (number ? (uint32_t)number : sum_of(base + i * PAGE, PAGE));
	}
	return sum;
}

static void do_fork(void)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit((int)(content() & 127));
	waitpid(child, &status, 0);
	answer(status, "fork");
}

/* One line for each run of pages that are alike, as the systems join pieces differently. */
static void maps_say(void)
{
	unsigned long from = 0, to = 0, offset = 0;
	char line[512], rights[8] = "";
	FILE *f = fopen("/proc/self/maps", "r");

	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end, at, inode;
		char now[8];

		if (sscanf(line, "%lx-%lx %7s %lx %*s %lu", &start, &end, now, &at, &inode) != 5 || end <= (unsigned long)base ||
		    start >= (unsigned long)base + PAGES * PAGE)
			continue;
		end = end > (unsigned long)base + PAGES * PAGE ? (unsigned long)base + PAGES * PAGE : end;
		if (inode == 0 || strstr(line, "/dev/zero"))	/* shared anonymous memory is a file on Linux */
			at = 0;
		if (start != to || strcmp(now, rights) || (at && at != offset + (to - from))) {
			printf(" %lx %s %lx\n", to, rights, offset);
			printf(" %lx", start);
			from = start, offset = at;
			strcpy(rights, now);
		}
		to = end;
	}
	printf(" %lx %s %lx\n", to, rights, offset);
	fclose(f);
}

static void look(void)
{
	maps_say();
	printf(" %x\n", content());
}

int main(int argc, char **argv)
{
	static void (*const calls[])(void) = {
		do_map_anonymous, do_map_anonymous, do_map_anonymous, do_map_file, do_map_file, do_unmap, do_unmap,
		do_protect, do_protect, do_remap_there, do_remap_there, do_remap_here, do_advise, do_sync, do_truncate,
		do_punch, do_read, do_write, do_fork, do_touch, do_touch, do_touch,
	};
	struct sigaction action = { .sa_handler = fault_take, .sa_flags = SA_NODEFER };
	const unsigned long guards[] = { (unsigned long)base - AROUND * PAGE, (unsigned long)base + PAGES * PAGE };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	file = open("/tmp/twin", O_RDWR | O_CREAT | O_TRUNC, 0600);
	read_only = open("/tmp/twin", O_RDONLY);
	for (unsigned i = 0; i < 20; i++)
		pwrite(file, "page", 4, (off_t)(i * PAGE + i));
	for (unsigned i = 0; i < COUNT(guards); i++)
		mmap((void *)guards[i], AROUND * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return twin_run(argc, argv, calls, COUNT(calls), look);
}
