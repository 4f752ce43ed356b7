/*
 * elf.c -- malformed ELF files, executed.
 *
 * Owns:    /tmp/fuzz/elf.PID while a round runs.
 * Locks:   none.
 * Fails:   see fuzz.h: an exec that fails, or a process that dies by a signal, is right; a parent
 *          that cannot go on is not.
 * Tested:  fuzz/run.py, on Linux first.
 */
#include "fuzz.h"

#include <elf.h>

#define IMAGE_BYTES	16384
#define NFILES		16

static const char fuzz_sentence[] = "malformed ELF files fail to start or die, and harm nobody else";

static uint8_t image[IMAGE_BYTES];

/* A small right program: exit(0). What the mutations start from. */
static void image_make(void)
{
	static const uint8_t code[] = { 0x31, 0xff, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05 };
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	Elf64_Phdr *segments = (Elf64_Phdr *)(image + sizeof(*header));

	memset(image, 0, sizeof(image));
	memcpy(header->e_ident, ELFMAG "\2\1\1", 7);
	header->e_type = random_below(4) == 0 ? ET_DYN : ET_EXEC;
	header->e_machine = EM_X86_64;
	header->e_version = 1;
	header->e_entry = 0x401000;
	header->e_phoff = sizeof(*header);
	header->e_ehsize = sizeof(*header);
	header->e_phentsize = sizeof(*segments);
	header->e_phnum = 4;
	segments[0] = (Elf64_Phdr){ PT_LOAD, PF_R, 0, 0x400000, 0x400000, 4096, 4096, 4096 };
	segments[1] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 4096, 0x401000, 0x401000, 4096, 4096, 4096 };
	segments[2] = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 8192, 0x402000, 0x402000, 100, 9000, 4096 };
	segments[3] = (Elf64_Phdr){ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 };
	memcpy(image + 4096, code, sizeof(code));
}

static uint64_t value_random(void)
{
	static const uint64_t values[] = {
		0, 1, 2, 7, 0xfff, 0x1000, 0x1001, 0x7fffffff, 0x80000000, 0xffffffff, 0x400000,
		0x401000, 0x7fffffffe000, 0x7ffffffff000, 0x800000000000, 0xffff800000000000,
		0xffffffffffffffff, 0xfffffffffffff000, 0x7fffffffffffffff, 0x8000000000000000,
	};

	if (random_below(4) == 0)
		return random_next() >> random_below(64);
	return values[random_below(sizeof(values) / sizeof(values[0]))] + random_below(3) - 1;
}

/* Overwrites fields of the headers, mostly whole ones, with values at the edges of things. */
static void image_mutate(void)
{
	static const uint8_t widths[] = { 1, 2, 4, 8 };
	int count = 1 + (int)random_below(6);

	for (int i = 0; i < count; i++) {
		size_t width = widths[random_below(4)];
		size_t at = random_below(sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr)) & ~(width - 1);
		uint64_t value = value_random();

		if (at < 7 && random_below(4) != 0)
			continue;
		memcpy(image + at, &value, width);
	}
	if (random_below(8) == 0) {
		Elf64_Phdr *interpreter = (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr)) + 3;

		*interpreter = (Elf64_Phdr){ PT_INTERP, PF_R, 12288, 0x403000, 0x403000,
					     random_below(5000), 20, 1 };
		strcpy((char *)image + 12288, random_below(2) ? "/proc/self/exe" : "/tmp/fuzz");
	}
}

static const char *round_impossible(void)
{
	return NULL;
}

static void image_run(bool mutate)
{
	char path[64];
	size_t size = IMAGE_BYTES;
	int fd;

	snprintf(path, sizeof(path), "/tmp/fuzz/elf.%d", (int)getpid());
	image_make();
	if (mutate)
		image_mutate();
	if (mutate && random_below(8) == 0)
		size = random_below(IMAGE_BYTES);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	if (fd < 0 || write(fd, image, size) != (ssize_t)size || close(fd) != 0)
		_exit(96);
	if (fork() == 0) {
		struct itimerval soon = { { 0, 0 }, { 0, 50000 } };

		setitimer(ITIMER_REAL, &soon, NULL);
		execl(path, path, NULL);
		_exit(errno == ENOEXEC ? 1 : 2);
	}
	wait(NULL);
	unlink(path);
}

static void round_run(uint64_t round)
{
	for (int i = 0; i < NFILES; i++)
		image_run(round > 0 || i > 0);
}
