/*
 * segment.c -- what x86 lets a program do with segments, signal frames and the end of its space.
 *
 * Owns:    its threads; the highest page of the space.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.  More of the kind: tests/selftests.
 */
#include "tap.h"

#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define ARCH_SET_GS	0x1001
#define ARCH_GET_GS	0x1004
#define HWCAP2_FSGSBASE	2
#undef SS_AUTODISARM		/* musl says 1U */
#define SS_AUTODISARM	(1 << 31)
#define FUTEX_WAIT	0
#define FUTEX_WAKE	1
#define CPUID_OSXSAVE	(1u << 27)
#define USER_DATA	0x2b
#define PAGE		4096ul
#define HIGHEST_PAGE	((1ul << 47) - 2 * PAGE)	/* with four levels of page tables */

/* --- selectors and bases ------------------------------------------------------------------------- */

struct segments { unsigned short ds, es, fs, gs; };

static struct segments segments_now(void)
{
	struct segments s;

	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
			 : "=m"(s.ds), "=m"(s.es), "=m"(s.fs), "=m"(s.gs));
	return s;
}

static unsigned long gs_base(void)
{
	unsigned long base = 0;

	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &base), 0);
	return base;
}

static bool has_fsgsbase(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
}

/* Not FS: musl's thread pointer is its base. */
static void segments_load(unsigned short selector)
{
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%gs" : : "r"(selector));
}

static volatile int turn;

static void turn_wait(int mine)
{
	int now;

	while ((now = __atomic_load_n(&turn, __ATOMIC_SEQ_CST)) != mine)
		syscall(SYS_futex, &turn, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void turn_give(int next)
{
	__atomic_store_n(&turn, next, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &turn, FUTEX_WAKE, 8, NULL, NULL, 0);
}

static void *other_thread(void *unused)
{
	(void)unused;
	for (int i = 0; i < 4; i++) {
		turn_wait(1);
		segments_load(i & 1 ? USER_DATA : 0);
		turn_give(0);
	}
	return NULL;
}

TEST("each thread has its own segment selectors")
{
	struct segments s;
	pthread_t other;

	CHECK_EQ(pthread_create(&other, NULL, other_thread, NULL), 0);
	for (int i = 0; i < 4; i++) {
		unsigned short mine = i & 2 ? USER_DATA : 0;

		segments_load(mine);
		turn_give(1);
		turn_wait(0);
		s = segments_now();
		CHECK_EQ(s.ds, mine);
		CHECK_EQ(s.es, mine);
		CHECK_EQ(s.gs, mine);
	}
	pthread_join(other, NULL);
}

TEST("fork copies the selectors, exec clears them, and a process shows no other its own")
{
	pid_t child, stranger;

	CHILD(stranger)
		for (;;) {
			segments_load(USER_DATA);
			sched_yield();
		}
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(segments_now().gs, 0);
		CHECK_EQ(segments_now().es, 0);
		sched_yield();
	}
	kill(stranger, SIGKILL);
	REAP_KILLED(stranger, SIGKILL);
	segments_load(USER_DATA);
	CHILD(child) {
		CHECK_EQ(segments_now().gs, USER_DATA);
		CHECK_EQ(segments_now().ds, USER_DATA);
	}
	REAP(child, 0);
}

TEST("a new GS base comes with the null selector, and loading a selector changes the base")
{
	segments_load(USER_DATA);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123000), 0);
	CHECK_EQ(segments_now().gs, 0);
	CHECK_EQ(gs_base(), 0x123000);
	sched_yield();
	CHECK_EQ(gs_base(), 0x123000);
	__asm__ volatile("mov %0, %%gs" : : "r"(USER_DATA));
	CHECK_EQ(gs_base(), 0);
	raise(SIGCONT);
	CHECK_EQ(gs_base(), 0);
	CHECK_EQ(segments_now().gs, USER_DATA);
}

static void *other_base(void *unused)
{
	(void)unused;
	turn_wait(1);
	__asm__ volatile("mov %0, %%gs; wrgsbase %1" : : "r"(0), "r"(0x55ul));
	turn_give(0);
	return NULL;
}

TEST("WRGSBASE sets a base that lasts, beside any selector and of any half")
{
	static const unsigned long bases[] = { 0, 1, 0x200000000, ~0ul, ~0ul << 47 };

	if (!has_fsgsbase())
		SKIP("no FSGSBASE");
	for (unsigned i = 0; i < 2 * sizeof(bases) / sizeof(*bases); i++) {
		unsigned long base = bases[i / 2], now;
		pthread_t other;

		CHECK_EQ(pthread_create(&other, NULL, other_base, NULL), 0);
		__asm__ volatile("mov %0, %%gs; wrgsbase %1" : : "r"(i & 1 ? USER_DATA : 0), "r"(base));
		turn_give(1);
		turn_wait(0);
		raise(SIGCONT);
		__asm__ volatile("rdgsbase %0" : "=r"(now));
		CHECK_EQ(now, base);
		CHECK_EQ(segments_now().gs, i & 1 ? USER_DATA : 0);
		pthread_join(other, NULL);
	}
}

/* --- signal frames --------------------------------------------------------------------------------- */

static int ntaken;
static char *volatile taken_at;

static void take(int number)
{
	char here;

	(void)number;
	taken_at = &here;
	ntaken++;
}

TEST("an alternate stack that disarms itself carries the frame, and is armed again after it")
{
	static char space[65536];
	static stack_t inside;
	stack_t stack = { .ss_sp = space, .ss_size = sizeof(space), .ss_flags = SS_AUTODISARM };
	struct sigaction action = { .sa_flags = SA_ONSTACK };

	void look(int number)
	{
		take(number);
		sigaltstack(NULL, &inside);
	}
	action.sa_handler = look;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	raise(SIGUSR1);
	CHECK_EQ(ntaken, 1);
	CHECK(taken_at > space && taken_at < space + sizeof(space));
	CHECK_EQ(inside.ss_flags, SS_DISABLE);
	CHECK_EQ(sigaltstack(NULL, &stack), 0);
	CHECK_EQ(stack.ss_flags, SS_AUTODISARM);
	CHECK(stack.ss_sp == space);
}

static void frame_spoil(int number, siginfo_t *info, void *context)
{
	ucontext_t *where = context;
	uint32_t *fp = (uint32_t *)where->uc_mcontext.fpregs;

	(void)number, (void)info;
	fp[(512 + 16) / 4] = ~0u;	/* reserved in the XSAVE header */
	where->uc_mcontext.gregs[REG_RBX] = 0x5eed;
}

TEST("floating-point state that cannot be restored is SIGSEGV where the frame leads")
{
	struct sigaction action = { .sa_sigaction = frame_spoil, .sa_flags = SA_SIGINFO };
	long rbx = 0;
	long result = SYS_kill;
	unsigned a, b, c = 0, d;

	__get_cpuid(1, &a, &b, &c, &d);
	if (!(c & CPUID_OSXSAVE))
		SKIP("no XSAVE");
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	signal(SIGSEGV, take);
	__asm__ volatile("syscall" : "+b"(rbx), "+a"(result)
			 : "D"(getpid()), "S"(SIGUSR1) : "rcx", "r11", "memory");
	CHECK_EQ(ntaken, 1);
	CHECK_EQ(result, 0);
	CHECK_EQ(rbx, 0x5eed);
}

/* --- the end of the space --------------------------------------------------------------------------- */

static sigjmp_buf after_fault;
static volatile unsigned long fault_rip;

static void fault_take(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	fault_rip = (unsigned long)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	siglongjmp(after_fault, 1);
}

TEST("a system call at the very end of the space faults behind it, and the process lives")
{
	struct sigaction action = { .sa_sigaction = fault_take, .sa_flags = SA_SIGINFO };
	char *page = mmap((void *)HIGHEST_PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(page == (char *)HIGHEST_PAGE);
	memcpy(page + PAGE - 2, "\x0f\x05", 2);
	CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
	for (int i = 0; i < 3; i++) {
		fault_rip = 0;
		if (sigsetjmp(after_fault, 1) == 0)
			__asm__ volatile("call *%1" : : "a"(i ? SYS_getpid : SYS_sched_yield), "r"(page + PAGE - 2)
					 : "rcx", "r11", "memory");
		CHECK_EQ(fault_rip, HIGHEST_PAGE + PAGE);
	}
	CHECK_EQ(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, HIGHEST_PAGE - PAGE) ==
		 (void *)(HIGHEST_PAGE - PAGE), 1);
	CHECK_EQ(munmap((void *)(HIGHEST_PAGE - PAGE), 2 * PAGE), 0);
}

/* --- what an instruction of ring 3 may not ------------------------------------------------------------ */

TEST("an interrupt that is not ring 3's to raise and a selector that is not its to load are SIGSEGV")
{
	pid_t child;

	CHILD(child)
		__asm__ volatile("int $0x30");
	REAP_KILLED(child, SIGSEGV);
	CHILD(child)
		__asm__ volatile("mov %0, %%gs" : : "r"(0x53));	/* the TSS */
	REAP_KILLED(child, SIGSEGV);
}
