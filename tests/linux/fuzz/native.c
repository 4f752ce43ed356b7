/*
 * native.c -- the translator's own `syscall` instructions, jumped to with random numbers, handles and
 * arguments: what a hostile Linux program can ask the kernel for.
 *
 * Owns:    a stack of return addresses in its confined children.
 * Locks:   none.
 * Fails:   see fuzz.h. On Linux there is nothing to do.
 * Tested:  fuzz/run.py
 */
#include "translator.h"

#define NCALLS		400
#define NNUMBERS	160
#define MAX_SITES	512
#define STACK_WORDS	4096

static const char fuzz_sentence[] = "random native calls by a Linux program harm nobody but itself";

static uint8_t *sites[MAX_SITES];
static int nsites;
/* Not static: the assembly below names them. */
uint64_t stack[STACK_WORDS];
static uint8_t area[65536];

/* RAX, RDI, RSI, RDX, R10, R8, R9, and where to jump; read by native_jump. */
uint64_t registers[8];
uint64_t saved_rsp;

static void sites_find(void)
{
	struct range ranges[MAX_RANGES];
	int count = translator_ranges('x', ranges);

	nsites = 0;
	for (int i = 0; i < count; i++)
		for (uint8_t *at = ranges[i].start; at + 1 < ranges[i].end; at++)
			if (at[0] == 0x0f && at[1] == 0x05 && nsites < MAX_SITES)
				sites[nsites++] = at;
}

static const char *round_impossible(void)
{
	sites_find();
	return nsites == 0 ? "there is no translator here" : NULL;
}

void native_jump(void);
void native_back(void);

/* Whatever the code after the instruction pops or returns to, it is native_back. */
__asm__(".text\n"
	"native_jump:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, saved_rsp(%rip)\n"
	"	lea stack+16384(%rip), %rsp\n"
	"	lea registers(%rip), %rbx\n"
	"	mov 0(%rbx), %rax; mov 8(%rbx), %rdi; mov 16(%rbx), %rsi; mov 24(%rbx), %rdx\n"
	"	mov 32(%rbx), %r10; mov 40(%rbx), %r8; mov 48(%rbx), %r9; mov 56(%rbx), %rbx\n"
	"	jmp *%rbx\n"
	"native_back:\n"
	"	mov saved_rsp(%rip), %rsp\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

static uint64_t argument_random(void)
{
	switch (random_below(10)) {
	case 0:
		return random_below(64);
	case 1:
		return 1UL << 31 | random_below(64);	/* a handle of the task's own table */
	case 2:
		return 1UL << 63 | random_below(64);
	case 3:
		return -random_below(64);
	case 4:
		return (uint64_t)area + random_below(sizeof(area));
	case 5:
		return ((uint64_t)area & ~0xfffUL) + 4096;
	case 6:
		return (uint64_t)sites[0] & ~0xfffUL;
	case 7:
		return 4096 * random_below(32);
	case 8:
		return 1UL << random_below(64);
	default:
		return random_next();
	}
}

static void disturbed(int number, siginfo_t *info, void *context)
{
	static volatile int count;

	(void)number;
	(void)info;
	(void)context;
	if (++count > 60)
		_exit(0);
}

static void round_run(uint64_t round)
{
	(void)round;
	for (int i = 0; i < STACK_WORDS; i++)
		stack[i] = (uint64_t)native_back;
	child_disturb(disturbed);
	for (int i = 0; i < NCALLS; i++) {
		for (size_t at = 0; at < sizeof(area); at += 8)
			if (random_below(64) == 0)
				*(uint64_t *)&area[at] = argument_random();
		registers[0] = random_below(50) == 0 ? random_next() : random_below(NNUMBERS);
		for (int r = 1; r < 7; r++)
			registers[r] = argument_random();
		registers[7] = (uint64_t)sites[random_below((uint64_t)nsites)];
		native_jump();
		for (int word = 2048 - 64; word < 2048 + 64; word++)
			stack[word] = (uint64_t)native_back;
	}
}
