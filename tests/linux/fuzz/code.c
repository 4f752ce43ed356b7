/*
 * code.c -- random bytes run as code, with random registers.
 *
 * Owns:    one page of code and one of stack in its confined children.
 * Locks:   none.
 * Fails:   see fuzz.h: only if somebody other than the child suffers.
 * Tested:  fuzz/run.py, on Linux first.
 */
#include "fuzz.h"

#include <ucontext.h>

#define NTRIES	200

static const char fuzz_sentence[] = "random bytes run as code harm nobody but their process";

static uint8_t *code;
static volatile int tries;
static uint8_t signal_stack[65536];

/* Instructions that reach into the kernel, or that only a kernel may run: often in the mix. */
static const char *const seeds[] = {
	"\x0f\x05", "\x0f\x34", "\xcd\x80", "\xcd\x03", "\xcc", "\xf1", "\x0f\x0b", "\xf4", "\xfa",
	"\x9d", "\xcf", "\x48\xcf", "\xcb", "\x0f\x01\xf8", "\x0f\x30", "\x0f\x32", "\x0f\x22\xd8",
	"\x8e\xd8", "\x8e\xd0", "\x8e\xe8", "\x0f\xa1", "\xf3\x48\x0f\xae\xd8", "\xf3\x48\x0f\xae\xd0",
	"\x0f\x01\xd0", "\x0f\xc7\xf8", "\xea", "\xff\x2c\x24", "\x48\x0f\x07", "\x0f\x35", "\x9c",
	"\xfc", "\xfd", "\xdb\xe3", "\x0f\x77", "\x0f\xae\x08", "\xf0\x0f\xc7\xc8",
};

static void code_fill(void)
{
	for (size_t i = 0; i < 4096; i += 8)
		*(uint64_t *)&code[i] = random_next();
	for (int i = 0; i < 64; i++) {
		const char *seed = seeds[random_below(sizeof(seeds) / sizeof(seeds[0]))];

		memcpy(code + random_below(4080), seed, strlen(seed));
	}
	code[4095] = 0xcc;
}

/* Every fault goes to another random place with other registers, until the tries are used up. */
static void onwards(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	if (++tries >= NTRIES)
		_exit(0);
	if (tries % 16 == 0)
		code_fill();
	for (int i = REG_R8; i <= REG_RCX; i++)
		registers[i] = (greg_t)(random_below(4) == 0 ? random_next() : random_below(512));
	registers[REG_RSP] = (greg_t)code + 8192 - 256;
	if (random_below(8) == 0)
		registers[REG_RSP] = (greg_t)random_next();
	registers[REG_EFL] = (greg_t)(random_below(4) == 0 ? random_next() & 0xffffff : 0x202);
	registers[REG_RIP] = (greg_t)code + (greg_t)random_below(4096);
	/* Random calls of the code may have blocked or reset what brings us here. */
	sigemptyset(&((ucontext_t *)context)->uc_sigmask);
}

static const char *round_impossible(void)
{
	return NULL;
}

static void round_run(uint64_t round)
{
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_sigaction = onwards,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	int numbers[] = { SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSYS };

	(void)round;
	code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (code == MAP_FAILED)
		_exit(96);
	code_fill();
	sigaltstack(&stack, NULL);
	for (int i = 0; i < 6; i++)
		sigaction(numbers[i], &action, NULL);
	child_disturb(onwards);
	((void (*)(void))(code + random_below(4096)))();
}
