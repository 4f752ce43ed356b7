/*
 * guest.c -- a small Linux program that says what it found when it was started.
 *
 * elf_program_test starts it through the library and through Linux's execve and compares what it
 * prints, so nothing here may depend on where it was loaded.  It exits with 42.
 */
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

extern const ElfW(Ehdr) __ehdr_start;
extern char **environ;

static volatile int initialized = 0x600d;
static volatile char zeros[100000];
static __thread volatile int thread_local_value = 7;

static unsigned long in_image(unsigned long type)
{
	return getauxval(type) - (unsigned long)&__ehdr_start;
}

static int zeros_are_zero(void)
{
	for (size_t i = 0; i < sizeof(zeros); i++)
		if (zeros[i])
			return 0;
	return 1;
}

/* Bytes after bss, in its last page; asked before the heap exists (musl's ld.so has used them). */
static int page_rest_is_zero(void)
{
	extern const char _end[];
	const char *at = _end;

	for (; (uintptr_t)at % 4096; at++)
		if (*at)
			return 0;
	return 1;
}

static void print_auxv(void)
{
	const unsigned char *random_bytes = (const unsigned char *)getauxval(AT_RANDOM);
	int any = 0;

	for (int i = 0; i < 16; i++)
		any |= random_bytes[i];
	printf("random %s\n", any ? "present" : "all zero");
	printf("execfn %s\n", (const char *)getauxval(AT_EXECFN));
	printf("platform %s\n", (const char *)getauxval(AT_PLATFORM));
	printf("phdr %#lx phent %lu phnum %lu\n", in_image(AT_PHDR), getauxval(AT_PHENT),
		getauxval(AT_PHNUM));
	printf("entry %#lx pagesz %lu flags %lu\n", in_image(AT_ENTRY), getauxval(AT_PAGESZ),
		getauxval(AT_FLAGS));
	printf("base %s\n", getauxval(AT_BASE) ? "present" : "0");
}

int main(int argc, char **argv)
{
	int page_rest = page_rest_is_zero();
	char *heap = malloc(300000);

	printf("argc %d\n", argc);
	for (int i = 0; i <= argc; i++)
		printf("argv[%d] %s\n", i, argv[i] ? argv[i] : "NULL");
	for (char **env = environ; *env; env++)
		printf("env %s\n", *env);
	print_auxv();
	memset(heap, 1, 300000);
	printf("data %#x zeros %d page %d tls %d heap %d\n", initialized, zeros_are_zero(),
		page_rest, thread_local_value, heap[299999]);
	free(heap);
	return fflush(stdout) ? 1 : 42;
}
