/*
 * aim.h -- something happens at a chosen instruction of a system call.
 *
 * Under QEMU's -icount with one CPU a nanosecond is an instruction and a run repeats itself: a timer can be
 * aimed.  A gun is a process of real-time priority that sleeps until a moment and then does one thing
 * (signals, writes, closes, ends): it takes the CPU between two instructions of its target and gives it
 * back when it is done.  strike() makes one system call at an exact distance from the moment, with all
 * registers known, and tells what became of them.
 *
 * Where the clock does not count instructions (a real machine), or timers ring later than they were set for (Linux), the same code is
 * a loop of shots at more or less random moments: aim_exact says which.
 *
 * Owns:    a page shared with the guns; SIGUSR1 of the process that calls aim_init().
 * Fails:   as tap.h.
 * Tested:  tests/linux/sweep.c, first case.
 */
#ifndef TESSERA_AIM_H
#define TESSERA_AIM_H

#include "tap.h"

#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define FUTEX_WAIT	0
#define FUTEX_WAKE	1
#define GUNS		2
#define GUN_LEAD_NS	40000		/* from loading to firing */
#define SLED		256

/* --- the call that is shot at (offsets are used by the assembly below) ------------------------------------- */

struct strike {
	uint64_t moment;		/* TSC at which the call is to begin, more or less a constant */
	uint64_t number, args[6];
	uint64_t result;		/* 64 */
	uint64_t late;			/* it was too late to aim */
	uint64_t began, ended;		/* TSC around the call */
	uint64_t kept[6], passed[6];	/* 96: rbx rbp r12-r15; rdi rsi rdx r10 r8 r9: after the call */
	uint64_t rcx, r11, flags;	/* 192 */
	uint64_t pad;
	uint8_t xmm_in[16][16], xmm_out[16][16];	/* 224, 480 */
};
_Static_assert(offsetof(struct strike, result) == 64 && offsetof(struct strike, kept) == 96 &&
	       offsetof(struct strike, rcx) == 192 && offsetof(struct strike, xmm_in) == 224 &&
	       offsetof(struct strike, xmm_out) == 480, "the assembly");

void strike_run(struct strike *s);
extern const char strike_sled[], strike_call[], strike_after[], strike_end[];

#define XMM_ALL(op)	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) \
			op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define XMM_LOAD(n)	"movdqu 224+16*" #n "(%rdi), %xmm" #n "\n"
#define XMM_STORE(n)	"movdqu %xmm" #n ", 480+16*" #n "(%rbx)\n"

__asm__(
"	.text\n"
"	.globl strike_run, strike_sled, strike_call, strike_after, strike_end\n"
"strike_run:\n"
"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
"	push %rdi\n"
	XMM_ALL(XMM_LOAD)
"	mov $0x1111, %ebx; mov $0x2222, %ebp; mov $0x3333, %r12d\n"
"	mov $0x4444, %r13d; mov $0x5555, %r14d; mov $0x6666, %r15d\n"
"	mov %rdi, %r9\n"
"1:	rdtsc\n"				/* until less than 200 are left */
"	shl $32, %rdx; or %rdx, %rax\n"
"	mov (%r9), %rcx; sub %rax, %rcx\n"
"	cmp $200, %rcx\n"
"	jg 1b\n"
"	mov %rax, 80(%r9)\n"
"	test %rcx, %rcx\n"
"	jns 2f\n"
"	movq $1, 72(%r9)\n"
"	xor %ecx, %ecx\n"
"2:	lea strike_sled(%rip), %rax\n"	/* and the rest in single instructions */
"	add $256, %rax\n"
"	sub %rcx, %rax\n"
"	mov 16(%r9), %rdi; mov 24(%r9), %rsi; mov 32(%r9), %rdx; mov 40(%r9), %r10; mov 48(%r9), %r8\n"
"	jmp *%rax\n"
"strike_sled:\n"
"	.fill 256, 1, 0x90\n"
"	mov 8(%r9), %rax\n"
"	mov 56(%r9), %r9\n"
"	cmp $1, %rdi\n"			/* flags that depend on what they were, as good as any */
"	stc\n"
"strike_call:\n"
"	syscall\n"
"strike_after:\n"
"	.fill 64, 1, 0x90\n"
"strike_end:\n"
"	pushfq\n"
"	push %rbx\n"
"	mov 16(%rsp), %rbx\n"
"	mov %rax, 64(%rbx)\n"
"	pop %rax; mov %rax, 96(%rbx)\n"
"	mov %rbp, 104(%rbx); mov %r12, 112(%rbx); mov %r13, 120(%rbx); mov %r14, 128(%rbx); mov %r15, 136(%rbx)\n"
"	mov %rdi, 144(%rbx); mov %rsi, 152(%rbx); mov %rdx, 160(%rbx); mov %r10, 168(%rbx)\n"
"	mov %r8, 176(%rbx); mov %r9, 184(%rbx)\n"
"	mov %rcx, 192(%rbx); mov %r11, 200(%rbx)\n"
"	pop %rax; mov %rax, 208(%rbx)\n"
"	rdtsc; shl $32, %rdx; or %rdx, %rax; mov %rax, 88(%rbx)\n"
	XMM_ALL(XMM_STORE)
"	pop %rdi\n"
"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
"	ret\n");

#define FLAGS_SEEN	0xcd5u		/* CF PF AF ZF SF DF OF, and the DF that must be clear */

/* Everything but RAX, RCX and R11 is as the call found it; those two are what SYSCALL leaves. */
static inline void strike_check_registers(const struct strike *s)
{
	static const uint64_t kept[6] = { 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666 };
	uint64_t flags;

	for (int i = 0; i < 6; i++)
		CHECK_EQ(s->kept[i], kept[i]);
	for (int i = 0; i < 6; i++)
		CHECK_EQ(s->passed[i], s->args[i]);
	CHECK_EQ(memcmp(s->xmm_in, s->xmm_out, sizeof(s->xmm_in)), 0);
	CHECK_EQ(s->rcx, (uint64_t)strike_after);
	CHECK_EQ(s->r11 & FLAGS_SEEN, s->flags & FLAGS_SEEN);
	__asm__("cmp $1, %1; stc; pushfq; pop %0" : "=r"(flags) : "r"(s->args[0]) : "cc");
	CHECK_EQ(s->flags & FLAGS_SEEN, flags & FLAGS_SEEN);
}

/* --- guns ------------------------------------------------------------------------------------------------------ */

enum shot { SHOT_NOTHING, SHOT_SIGNAL, SHOT_WRITE, SHOT_WAKE, SHOT_CALL };

struct gun {
	uint32_t order, done;		/* futexes */
	uint64_t deadline_ns;
	enum shot shot;
	int number;			/* a signal, a descriptor */
	volatile pid_t *target;		/* 0: nobody yet, and then nothing is done */
	const char *text;
	uint32_t *word;
	int (*function)(void);
	int result, error;
	pid_t pid;
};

static struct aim {
	struct gun guns[GUNS];
	volatile pid_t target;		/* the usual one */
	volatile bool returned;		/* the call that is shot at is over */
	volatile uint64_t words[32];	/* of the cases */
} *aim;
static bool aim_exact;
static uint64_t aim_tsc0, aim_ns0;	/* the same moment */
static double aim_rate;			/* ticks per ns */
static int64_t aim_skew;		/* of a shot, in ticks */

static volatile int aim_hits;		/* SIGUSR1s handled */
static volatile uint64_t aim_rip, aim_when;	/* where and when (TSC) the last one came */

static inline uint64_t aim_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t aim_tsc_of(uint64_t ns)
{
	return aim_tsc0 + (uint64_t)((int64_t)((double)(int64_t)(ns - aim_ns0) * aim_rate) + aim_skew);
}

static inline void aim_hit(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	aim_hits++;
	aim_when = aim_tsc();
	aim_rip = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static inline void aim_handler(int number, int flags)
{
	struct sigaction action = { .sa_sigaction = aim_hit, .sa_flags = flags | SA_SIGINFO };

	CHECK_EQ(sigaction(number, &action, NULL), 0);
}

static inline long futex_call(uint32_t *word, int op, uint32_t value)
{
	return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static inline int gun_fire(const struct gun *g)
{
	if (g->target && *g->target == 0)
		return 0;
	switch (g->shot) {
	case SHOT_SIGNAL:	return kill(*g->target, g->number);
	case SHOT_WRITE:	return (int)write(g->number, g->text, strlen(g->text));
	case SHOT_WAKE:
		__atomic_store_n(g->word, 1, __ATOMIC_SEQ_CST);
		return (int)futex_call(g->word, FUTEX_WAKE, INT_MAX);
	case SHOT_CALL:		return g->function();
	default:		return 0;
	}
}

static inline void gun_one(struct gun *g)
{
	struct timespec at = { (time_t)(g->deadline_ns / 1000000000), (long)(g->deadline_ns % 1000000000) };
	uint32_t order = g->order;

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	errno = 0;
	g->result = gun_fire(g);
	g->error = errno;
	__atomic_store_n(&g->done, order, __ATOMIC_SEQ_CST);
	futex_call(&g->done, FUTEX_WAKE, INT_MAX);
}

static inline _Noreturn void gun_main(struct gun *g)
{
	signal(SIGUSR1, SIG_IGN);
	for (;;) {
		while (__atomic_load_n(&g->order, __ATOMIC_SEQ_CST) == g->done)
			futex_call(&g->order, FUTEX_WAIT, g->done);
		gun_one(g);
	}
}

static inline pid_t gun_start(struct gun *g, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	pid_t pid = tap_fork();

	if (pid == 0) {
		if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param) != 0)
			FAIL("  sched_setscheduler: %s", strerror(errno));
		gun_main(g);
	}
	return pid;
}

/* What it shoots; the target, the text and so on are set directly. */
static inline void gun_set(int n, enum shot shot, int number)
{
	aim->guns[n].shot = shot;
	aim->guns[n].number = number;
	aim->guns[n].target = &aim->target;
}

/* It sleeps until its moment when this comes back. */
static inline void gun_load(int n, uint64_t deadline_ns)
{
	struct gun *g = &aim->guns[n];

	g->deadline_ns = deadline_ns;
	__atomic_add_fetch(&g->order, 1, __ATOMIC_SEQ_CST);
	futex_call(&g->order, FUTEX_WAKE, INT_MAX);
}

/* Until it has fired.  Who loaded it may have been killed before it was woken. */
static inline void gun_wait(int n)
{
	struct gun *g = &aim->guns[n];
	uint32_t done;

	futex_call(&g->order, FUTEX_WAKE, INT_MAX);
	while ((done = __atomic_load_n(&g->done, __ATOMIC_SEQ_CST)) != g->order)
		futex_call(&g->done, FUTEX_WAIT, done);
}

static inline void aim_rate_measure(void)
{
	uint64_t tsc1, ns1;

	aim_ns0 = (uint64_t)now_ns();
	aim_tsc0 = aim_tsc();
	sleep_ms(2);
	ns1 = (uint64_t)now_ns();
	tsc1 = aim_tsc();
	aim_rate = (double)(tsc1 - aim_tsc0) / (double)(ns1 - aim_ns0);
	if (aim_rate > 0.999 && aim_rate < 1.001)
		aim_rate = 1;
}

static inline void strike_reset(struct strike *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < sizeof(s->xmm_in); i++)
		((uint8_t *)s->xmm_in)[i] = (uint8_t)(i * 7 + 3);
	s->number = SYS_getppid;
}

#define NEVER INT64_MAX

/*
 * The call, with gun 0 and gun 1 fired so many ticks after its syscall instruction (before it: negative;
 * NEVER: not at all).  What they did has happened when this comes back.
 */
static inline void strike_shoot(struct strike *s, int64_t first, int64_t second)
{
	uint64_t base_ns = (uint64_t)now_ns() + GUN_LEAD_NS;

	s->late = 0;
	aim->returned = false;
	if (first != NEVER)
		gun_load(0, base_ns + (uint64_t)first);
	if (second != NEVER)
		gun_load(1, base_ns + (uint64_t)second);
	s->moment = aim_tsc_of(base_ns);
	strike_run(s);
	aim->returned = true;
	if (first != NEVER)
		gun_wait(0);
	if (second != NEVER)
		gun_wait(1);
}

/* There the clock must count instructions, or the whole test is not what it says. */
/*
 * The skew: what makes offset 0 come just before the syscall instruction.  Exact when sixteen shots in a
 * row before it hit one nop after the other.  The tick of a busy CPU, each few million instructions, may come
 * between; it cannot come into the next sixteen, too.
 */
static inline void aim_calibrate(void)
{
	struct strike s;
	int good = 0;

	strike_reset(&s);
	gun_set(0, SHOT_SIGNAL, SIGUSR1);
	for (int turn = 0; turn < 40; turn++) {		/* the first ones warm up */
		strike_shoot(&s, -100, NEVER);
		if (aim_rip > (uint64_t)strike_sled && aim_rip < (uint64_t)strike_call && !s.late)
			aim_skew += (int64_t)(aim_rip - (uint64_t)strike_sled - 160);
		else
			aim_skew += aim_rip < (uint64_t)strike_sled ? -150 : 150;
	}
	for (int turn = 0; turn < 2 && good < 16; turn++) {
		good = 0;
		for (int i = 0; i < 16; i++) {
			strike_shoot(&s, -100 + i, NEVER);
			good += !s.late && aim_rip == (uint64_t)strike_sled + 160 + (uint64_t)i;
		}
	}
	aim_exact = good == 16;
	if (on_tessera() && !aim_exact)
		FAIL("  %d of 16 shots hit, skew %ld: run with --icount and one CPU", good, (long)aim_skew);
}

/* Before anything else in a case: guns, SIGUSR1 with these flags, and the sights. */
static inline void aim_init(int flags)
{
	aim = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(aim != MAP_FAILED);
	aim->target = getpid();
	for (int i = 0; i < GUNS; i++)
		aim->guns[i].pid = gun_start(&aim->guns[i], 10 + 40 * i);
	aim_handler(SIGUSR1, flags);
	aim_rate_measure();
	aim_calibrate();
	aim_hits = 0;
}

/* Coarse, or fine; a loop of more or less random shots needs less. */
static inline int64_t stride(int64_t coarse)
{
	return getenv("SWEEP_FINE") ? coarse / 8 | 1 : aim_exact ? coarse | 1 : coarse * 5 + 3;
}

static inline void strike_call_set(struct strike *s, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	strike_reset(s);
	s->number = (uint64_t)number;
	s->args[0] = a;
	s->args[1] = b;
	s->args[2] = c;
	s->args[3] = d;
}

#endif
