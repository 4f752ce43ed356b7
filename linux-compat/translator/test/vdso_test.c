/*
 * vdso_test.c -- the vDSO as a program finds it: mapped behind a clock page, its symbols by the hash
 * table, and its clocks against a page that the test writes.  Argument: the image.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct clock_page { unsigned seq, pad; unsigned long tsc_base, mono_base_ns, mult, realtime_offset_ns; };

static int cases, failures;

static void check(int ok, const char *sentence)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++cases, sentence);
	failures += !ok;
}

static const void *dynamic_find(const char *image, long tag)
{
	const Elf64_Ehdr *e = (const void *)image;
	const Elf64_Phdr *p = (const void *)(image + e->e_phoff);

	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			for (const Elf64_Dyn *d = (const void *)(image + p[i].p_vaddr); d->d_tag; d++)
				if (d->d_tag == tag)
					return image + d->d_un.d_ptr;
	return NULL;
}

static void *symbol_find(char *image, const char *name)
{
	const Elf64_Sym *sym = dynamic_find(image, DT_SYMTAB);
	const char *text = dynamic_find(image, DT_STRTAB);
	const unsigned *hash = dynamic_find(image, DT_HASH);

	for (unsigned i = 0; i < hash[1]; i++)
		if (strcmp(text + sym[i].st_name, name) == 0 && sym[i].st_shndx != SHN_UNDEF)
			return image + sym[i].st_value;
	return NULL;
}

int main(int argc, char **argv)
{
	int fd = open(argc > 1 ? argv[1] : "linux-compat/vdso/vdso.so", O_RDONLY);
	struct clock_page *page;
	struct timespec ts;
	struct stat st;
	int (*gettime)(int, struct timespec *);
	long (*seconds)(long *);
	char *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 1;
	map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmap(map + 4096, (size_t)st.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0);
	page = (void *)map;
	gettime = (int (*)(int, struct timespec *))symbol_find(map + 4096, "__vdso_clock_gettime");
	seconds = (long (*)(long *))symbol_find(map + 4096, "__vdso_time");
	check(gettime && seconds && symbol_find(map + 4096, "__vdso_gettimeofday") &&
		symbol_find(map + 4096, "__vdso_getcpu"), "the four names that libraries look for are there");
	page->mono_base_ns = 5000000007ul;	/* with mult 0 the clock stands still */
	page->realtime_offset_ns = 1000000000000ul;
	check(gettime(CLOCK_MONOTONIC, &ts) == 0 && ts.tv_sec == 5 && ts.tv_nsec == 7, "monotonic is the page's");
	check(gettime(CLOCK_REALTIME, &ts) == 0 && ts.tv_sec == 1005 && ts.tv_nsec == 7, "realtime adds the offset");
	check(seconds(NULL) == 1005, "time is realtime in seconds");
	check(gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0, "another clock goes to the system call");
	printf("1..%d\n", cases);
	return failures != 0;
}
