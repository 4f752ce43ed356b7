/*
 * signal.c -- signals: handlers, masks, flags, details, alternate stacks, waiting, queues, faults.
 *
 * Owns:    its dispositions and children.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#define NTAKEN	64

static volatile sig_atomic_t ntaken;
static volatile int taken[NTAKEN];
static siginfo_t last;
static ucontext_t last_context;
static sigjmp_buf after_fault;

static void take(int number)
{
	taken[ntaken++ % NTAKEN] = number;
}

static void take_info(int number, siginfo_t *info, void *context)
{
	last = *info;
	last_context = *(ucontext_t *)context;
	take(number);
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_sigaction = take_info, .sa_flags = flags | SA_SIGINFO };

	CHECK_EQ(sigaction(number, &action, NULL), 0);
}

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	if (a != 0)
		sigaddset(&set, a);
	if (b != 0)
		sigaddset(&set, b);
	return set;
}

static void block(int a, int b)
{
	sigset_t set = set_of(a, b);

	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
}

static void unblock(int a, int b)
{
	sigset_t set = set_of(a, b);

	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
}

static bool is_blocked(int number)
{
	sigset_t set;

	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &set), 0);
	return sigismember(&set, number);
}

static bool is_pending(int number)
{
	sigset_t set;

	CHECK_EQ(sigpending(&set), 0);
	return sigismember(&set, number);
}

static bool asleep(pid_t pid)
{
	char path[40], text[512];
	const char *name_end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	name_end = strrchr(file_read(path, text, sizeof(text)), ')');
	return name_end && name_end[2] == 'S';
}

/* A child that signals us after a while, when we are asleep: however late we are. */
static pid_t signal_later(int number)
{
	pid_t child, parent = getpid();

	CHILD(child) {
		do
			sleep_ms(30);
		while (!asleep(parent));
		kill(parent, number);
	}
	return child;
}

TEST("a handler runs before kill of oneself returns")
{
	handle(SIGUSR1, 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(ntaken, 1);
	CHECK_EQ(taken[0], SIGUSR1);
}

TEST("kill tells who sent: SI_USER, pid and uid; tgkill SI_TKILL; sigqueue its value")
{
	union sigval value = { .sival_ptr = (void *)0x123456789abcUL };

	handle(SIGUSR1, 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(last.si_signo, SIGUSR1);
	CHECK_EQ(last.si_code, SI_USER);
	CHECK_EQ(last.si_pid, getpid());
	CHECK_EQ(last.si_uid, getuid());
	CHECK_EQ(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1), 0);
	CHECK_EQ(last.si_code, SI_TKILL);
	CHECK_EQ(last.si_pid, getpid());
	CHECK_EQ(sigqueue(getpid(), SIGUSR1, value), 0);
	CHECK_EQ(last.si_code, SI_QUEUE);
	CHECK(last.si_value.sival_ptr == value.sival_ptr);
	CHECK_EQ(ntaken, 3);
}

TEST("all registers survive a signal between two instructions")
{
	long sum = 0;

	handle(SIGUSR1, 0);
	for (int i = 0; i < 100; i++) {
		register long rbx __asm__("rbx") = 0x1111 + i;
		register long r12 __asm__("r12") = 0x2222 + i;
		register long r15 __asm__("r15") = 0x3333 + i;
		long rax = SYS_kill;

		__asm__ volatile("mov $0x44, %%r8; mov $0x55, %%r9; mov $0x66, %%r10;"
			"syscall; sub $0x44, %%r8; sub $0x55, %%r9; sub $0x66, %%r10;"
			"or %%r8, %%rax; or %%r9, %%rax; or %%r10, %%rax"
			: "+a"(rax), "+r"(rbx), "+r"(r12), "+r"(r15)
			: "D"((long)getpid()), "S"((long)SIGUSR1), "d"(0x77L)
			: "rcx", "r8", "r9", "r10", "r11", "memory");
		sum |= rax | (rbx - 0x1111 - i) | (r12 - 0x2222 - i) | (r15 - 0x3333 - i);
	}
	CHECK_EQ(sum, 0);
	CHECK_EQ(ntaken, 100);
}

static void clobber_xmm(int number)
{
	take(number);
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15"
			 ::: "xmm0", "xmm7", "xmm15");
}

TEST("vector registers survive a handler that uses them")
{
	uint64_t in[6] = { 1, 2, 3, 4, 5, 6 }, out[6] = { 0 };
	long rax = SYS_kill;

	signal(SIGUSR1, clobber_xmm);
	__asm__ volatile("movups (%[in]), %%xmm0; movups 16(%[in]), %%xmm7; movups 32(%[in]), "
		"%%xmm15; syscall; movups %%xmm0, (%[out]); movups %%xmm7, 16(%[out]);"
		"movups %%xmm15, 32(%[out])"
		: "+a"(rax) : [in] "r"(in), [out] "r"(out), "D"((long)getpid()),
		  "S"((long)SIGUSR1) : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
	CHECK_EQ(rax, 0);
	CHECK_EQ(ntaken, 1);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
}

TEST("a blocked signal stays pending, once, and comes when it is unblocked")
{
	handle(SIGUSR1, 0);
	block(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(ntaken, 0);
	CHECK(is_pending(SIGUSR1));
	unblock(SIGUSR1, 0);
	CHECK_EQ(ntaken, 1);
	CHECK(!is_pending(SIGUSR1));
}

TEST("an ignored signal is dropped, also one that was pending when it became ignored")
{
	block(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	CHECK(is_pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	CHECK(!is_pending(SIGUSR1));
	handle(SIGUSR1, 0);
	unblock(SIGUSR1, 0);
	CHECK_EQ(ntaken, 0);
	signal(SIGCHLD, SIG_DFL);
	kill(getpid(), SIGCHLD);
	kill(getpid(), SIGURG);
	kill(getpid(), SIGWINCH);
}

TEST("a handler's signal is blocked while it runs, and sa_mask too; SA_NODEFER lifts the first")
{
	static volatile bool own, other;
	struct sigaction action = { .sa_flags = 0 };

	void look(int number)
	{
		(void)number;
		own = is_blocked(SIGUSR1);
		other = is_blocked(SIGUSR2);
	}
	action.sa_handler = look;
	sigaddset(&action.sa_mask, SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	kill(getpid(), SIGUSR1);
	CHECK(own && other);
	CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
	action.sa_flags = SA_NODEFER;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	kill(getpid(), SIGUSR1);
	CHECK(!own && other);
}

static volatile int depth, deepest;

static void nest(int number)
{
	if (++depth > deepest)
		deepest = depth;
	if (number == SIGUSR1)
		kill(getpid(), SIGUSR2);
	if (number == SIGUSR2 && deepest < 6)
		kill(getpid(), SIGUSR1);
	depth--;
}

TEST("handlers nest, and each returns to where it was interrupted")
{
	struct sigaction action = { .sa_handler = nest, .sa_flags = SA_NODEFER };

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(depth, 0);
	CHECK(deepest >= 6);
}

TEST("SA_RESETHAND puts the default back before the handler runs")
{
	struct sigaction now;

	handle(SIGUSR1, SA_RESETHAND);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(ntaken, 1);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL);
}

TEST("sigaction gives back what was set: handler, flags and mask")
{
	struct sigaction set = { .sa_handler = take, .sa_flags = SA_RESTART | SA_NODEFER }, got;

	sigaddset(&set.sa_mask, SIGHUP);
	CHECK_EQ(sigaction(SIGUSR1, &set, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &got), 0);
	CHECK(got.sa_handler == take);
	CHECK_EQ(got.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO), SA_RESTART | SA_NODEFER);
	CHECK(sigismember(&got.sa_mask, SIGHUP) && !sigismember(&got.sa_mask, SIGUSR1));
}

TEST("KILL and STOP can neither be handled, ignored nor blocked; numbers out of range are EINVAL")
{
	struct sigaction action = { .sa_handler = take };
	int numbers[] = { SIGKILL, SIGSTOP, 0, -1, 65 };

	for (int i = 0; i < 5; i++)
		CHECK_ERR(syscall(SYS_rt_sigaction, numbers[i], &action, NULL, 8), EINVAL);
	block(SIGKILL, SIGSTOP);
	CHECK(!is_blocked(SIGKILL) && !is_blocked(SIGSTOP));
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 77, &(long){ 0 }, NULL, 8), EINVAL);
}

TEST("kill 0 asks whether a process is there; nobody is ESRCH")
{
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_ERR(kill(0x3ffffff, 0), ESRCH);
	CHECK_ERR(kill(-0x3ffffff, 0), ESRCH);
}

TEST("another user's process may not be signalled: EPERM")
{
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	CHILD(child) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(kill(getppid(), SIGTERM), EPERM);
		CHECK_ERR(kill(getppid(), 0), EPERM);
		CHECK_ERR(kill(1, SIGTERM), EPERM);
	}
	REAP(child, 0);
}

TEST("kill of a group reaches every process in it and no other")
{
	pid_t outside, a, b;

	CHILD(outside) {
		setpgid(0, 0);
		pause();
	}
	setpgid(outside, outside);
	CHILD(a) {
		setpgid(0, 0);
		pause();
	}
	setpgid(a, a);
	CHILD(b) {
		setpgid(0, a);
		pause();
	}
	CHECK_EQ(setpgid(b, a), 0);
	CHECK_EQ(kill(-a, SIGTERM), 0);
	REAP_KILLED(a, SIGTERM);
	REAP_KILLED(b, SIGTERM);
	CHECK_EQ(waitpid(outside, NULL, WNOHANG), 0);
	kill(outside, SIGKILL);
	REAP_KILLED(outside, SIGKILL);
}

TEST("pause, nanosleep, poll and select end with EINTR, whatever SA_RESTART says")
{
	struct timespec want = { 5, 0 }, left = { 0, 0 };
	struct pollfd none;
	pid_t child;

	handle(SIGUSR1, SA_RESTART);
	child = signal_later(SIGUSR1);
	CHECK_ERR(pause(), EINTR);
	REAP(child, 0);
	child = signal_later(SIGUSR1);
	CHECK_ERR(nanosleep(&want, &left), EINTR);
	CHECK(left.tv_sec >= 0 && left.tv_sec < 5 && left.tv_nsec > 0);
	REAP(child, 0);
	child = signal_later(SIGUSR1);
	CHECK_ERR(poll(&none, 0, 5000), EINTR);
	REAP(child, 0);
	CHECK_EQ(ntaken, 3);
}

TEST("waitpid goes on after a signal with SA_RESTART and is EINTR without")
{
	pid_t long_one, child;

	CHILD(long_one)
		sleep_ms(150);
	handle(SIGUSR1, 0);
	child = signal_later(SIGUSR1);
	CHECK_ERR(waitpid(long_one, NULL, 0), EINTR);
	REAP(child, 0);
	handle(SIGUSR1, SA_RESTART);
	child = signal_later(SIGUSR1);
	REAP(long_one, 0);
	CHECK_EQ(ntaken, 2);
	REAP(child, 0);
}

TEST("sigsuspend waits with another mask, runs the handler, restores the mask and is EINTR")
{
	sigset_t none = set_of(0, 0);

	handle(SIGUSR1, 0);
	block(SIGUSR1, SIGUSR2);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(ntaken, 0);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(ntaken, 1);
	CHECK(is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
}

TEST("sigtimedwait takes a blocked signal without its handler, or is EAGAIN when time is up")
{
	struct timespec none = { 0, 0 }, some = { 0, 30000000 };
	sigset_t set = set_of(SIGUSR1, SIGUSR2);
	siginfo_t info;
	int64_t start;

	handle(SIGUSR1, 0);
	block(SIGUSR1, SIGUSR2);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, &info, &none), SIGUSR1);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(ntaken, 0);
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	start = now_ns();
	CHECK_ERR(sigtimedwait(&set, &info, &some), EAGAIN);
	CHECK(now_ns() - start >= 30000000);
	REAP(signal_later(SIGUSR2), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR2);
	CHECK(info.si_pid != getpid());
}

TEST("real-time signals queue, in order, each with its value; lower numbers come first")
{
	block(SIGRTMIN, SIGRTMIN + 1);
	handle(SIGRTMIN, 0);
	for (int i = 1; i <= 3; i++) {
		CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i }), 0);
		CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 10 * i }), 0);
	}
	for (int i = 0; i < 6; i++) {
		sigset_t set = set_of(SIGRTMIN, SIGRTMIN + 1);
		siginfo_t info;
		int number = sigwaitinfo(&set, &info);

		CHECK_EQ(number, i < 3 ? SIGRTMIN : SIGRTMIN + 1);
		CHECK_EQ(info.si_value.sival_int, i < 3 ? 10 * (i + 1) : i - 2);
	}
	CHECK(!is_pending(SIGRTMIN));
}

TEST("when several signals become deliverable, each handler runs once")
{
	sigset_t none = set_of(0, 0);

	handle(SIGUSR1, 0);
	handle(SIGUSR2, 0);
	handle(SIGHUP, 0);
	block(SIGUSR1, SIGUSR2);
	block(SIGHUP, 0);
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &none, NULL), 0);
	CHECK_EQ(ntaken, 3);
	CHECK(taken[0] != taken[1] && taken[1] != taken[2] && taken[0] != taken[2]);
}

TEST("RLIMIT_SIGPENDING bounds the queue: sigqueue is EAGAIN")
{
	struct rlimit limit = { 4, 4 };
	pid_t child;

	if (getuid() != 0)
		SKIP("needs a uid of its own");
	CHILD(child) {
		CHECK_EQ(setuid(54322), 0);
		CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
		block(SIGRTMIN, 0);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }), 0);
		CHECK_ERR(sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }), EAGAIN);
		CHECK_EQ(kill(getpid(), SIGRTMIN + 1 - 1), 0);
	}
	REAP(child, 0);
}

TEST("SA_ONSTACK runs the handler on the alternate stack, and only then")
{
	static char space[65536];
	static char *volatile where;
	static stack_t now;
	stack_t stack = { .ss_sp = space, .ss_size = sizeof(space) };
	struct sigaction action = { .sa_flags = SA_ONSTACK };

	void look(int number)
	{
		char here;

		(void)number;
		where = &here;
		sigaltstack(NULL, &now);
	}
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	action.sa_handler = look;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	kill(getpid(), SIGUSR1);
	CHECK(where > space && where < space + sizeof(space));
	CHECK_EQ(now.ss_flags, SS_ONSTACK);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ(now.ss_flags, 0);
	action.sa_flags = 0;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	kill(getpid(), SIGUSR1);
	CHECK(where < space || where > space + sizeof(space));
	stack.ss_size = 100;
	CHECK_ERR(syscall(SYS_sigaltstack, &stack, NULL), ENOMEM);
	stack.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &now), 0);
	CHECK_EQ(now.ss_flags, SS_DISABLE);
}

static void fault_take(int number, siginfo_t *info, void *context)
{
	take_info(number, info, context);
	siglongjmp(after_fault, 1);
}

static void faults_handle(void)
{
	struct sigaction action = { .sa_sigaction = fault_take, .sa_flags = SA_SIGINFO };
	int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

	for (int i = 0; i < 5; i++)
		CHECK_EQ(sigaction(numbers[i], &action, NULL), 0);
}

TEST("SIGSEGV tells the address, and whether it was not mapped or not allowed")
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	faults_handle();
	if (sigsetjmp(after_fault, 1) == 0)
		*(volatile char *)0x1234 = 1;
	CHECK_EQ(ntaken, 1);
	CHECK_EQ(last.si_signo, SIGSEGV);
	CHECK_EQ(last.si_code, SEGV_MAPERR);
	CHECK(last.si_addr == (void *)0x1234);
	CHECK_EQ(last_context.uc_mcontext.gregs[REG_TRAPNO], 14);
	CHECK_EQ(last_context.uc_mcontext.gregs[REG_CR2], 0x1234);
	CHECK_EQ(last_context.uc_mcontext.gregs[REG_ERR], 6);
	CHECK_EQ(*(volatile char *)page, 0);
	if (sigsetjmp(after_fault, 1) == 0)
		*(volatile char *)(page + 77) = 1;
	CHECK_EQ(ntaken, 2);
	CHECK_EQ(last.si_code, SEGV_ACCERR);
	CHECK(last.si_addr == page + 77);
	CHECK_EQ(last_context.uc_mcontext.gregs[REG_ERR], 7);
	if (sigsetjmp(after_fault, 1) == 0)
		((void (*)(void))page)();
	CHECK_EQ(last.si_code, SEGV_ACCERR);
	CHECK(last.si_addr == page);
}

TEST("a non-canonical or kernel address is SIGSEGV")
{
	faults_handle();
	if (sigsetjmp(after_fault, 1) == 0)
		*(volatile char *)0x8000000000000000UL = 1;
	CHECK_EQ(last.si_signo, SIGSEGV);
	CHECK_EQ(last.si_code, 0x80 /* SI_KERNEL */);
	if (sigsetjmp(after_fault, 1) == 0)
		*(volatile char *)0xffffffff80000000UL = 1;
	CHECK_EQ(last.si_signo, SIGSEGV);
	CHECK(last.si_addr == (void *)0xffffffff80000000UL);
	CHECK_EQ(ntaken, 2);
}

TEST("division by zero is SIGFPE, FPE_INTDIV, at the instruction")
{
	volatile int zero = 0, one = 1;

	faults_handle();
	if (sigsetjmp(after_fault, 1) == 0)
		one = one / zero;
	CHECK_EQ(last.si_signo, SIGFPE);
	CHECK_EQ(last.si_code, FPE_INTDIV);
	CHECK(last.si_addr == (void *)last_context.uc_mcontext.gregs[REG_RIP]);
	CHECK_EQ(last_context.uc_mcontext.gregs[REG_TRAPNO], 0);
}

TEST("an undefined instruction is SIGILL, int3 SIGTRAP, a privileged instruction SIGSEGV")
{
	faults_handle();
	if (sigsetjmp(after_fault, 1) == 0)
		__asm__ volatile("ud2");
	CHECK_EQ(last.si_signo, SIGILL);
	CHECK_EQ(last.si_code, ILL_ILLOPN);
	if (sigsetjmp(after_fault, 1) == 0)
		__asm__ volatile("int3");
	CHECK_EQ(last.si_signo, SIGTRAP);
	if (sigsetjmp(after_fault, 1) == 0)
		__asm__ volatile("hlt");
	CHECK_EQ(last.si_signo, SIGSEGV);
	if (sigsetjmp(after_fault, 1) == 0)
		__asm__ volatile("cli");
	CHECK_EQ(last.si_signo, SIGSEGV);
	if (sigsetjmp(after_fault, 1) == 0)
		__asm__ volatile("in %%dx, %%al" :: "a"(0), "d"(0x80));
	CHECK_EQ(last.si_signo, SIGSEGV);
	CHECK_EQ(ntaken, 5);
}

TEST("a read beyond the end of a mapped file is SIGBUS with its address")
{
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	char *map;

	CHECK_EQ(ftruncate(fd, 4096), 0);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	faults_handle();
	if (sigsetjmp(after_fault, 1) == 0)
		*(volatile char *)(map + 4096 + 5) = 1;
	CHECK_EQ(last.si_signo, SIGBUS);
	CHECK_EQ(last.si_code, BUS_ADRERR);
	CHECK(last.si_addr == map + 4096 + 5);
}

TEST("a fault while its signal is blocked or ignored kills")
{
	pid_t child;

	CHILD(child) {
		handle(SIGSEGV, 0);
		block(SIGSEGV, 0);
		*(volatile char *)8 = 1;
	}
	REAP_KILLED(child, SIGSEGV);
	CHILD(child) {
		signal(SIGSEGV, SIG_IGN);
		*(volatile char *)8 = 1;
	}
	REAP_KILLED(child, SIGSEGV);
}

TEST("a stack that overflows is SIGSEGV, and can be handled on the alternate stack")
{
	static char space[65536];
	stack_t stack = { .ss_sp = space, .ss_size = sizeof(space) };
	struct sigaction action = { .sa_sigaction = fault_take,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct rlimit limit = { 1 << 20, 1 << 20 };
	pid_t child;

	CHILD(child) {
		CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
		CHECK_EQ(sigaltstack(&stack, NULL), 0);
		CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
		if (sigsetjmp(after_fault, 1) == 0)
			__asm__ volatile("1: push %rax; jmp 1b");
		CHECK_EQ(ntaken, 1);
		_exit(11);
	}
	REAP(child, 11);
	CHILD(child) {
		CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
		__asm__ volatile("1: push %rax; jmp 1b");
	}
	REAP_KILLED(child, SIGSEGV);
}

static void redirect(int number, siginfo_t *info, void *context)
{
	ucontext_t *where = context;

	(void)info;
	take(number);
	where->uc_mcontext.gregs[REG_RIP] += 2;
	where->uc_mcontext.gregs[REG_RBX] = 0x5eed;
	sigaddset(&where->uc_sigmask, SIGUSR2);
}

TEST("sigreturn takes the registers and the mask that the handler left in the context")
{
	struct sigaction action = { .sa_sigaction = redirect, .sa_flags = SA_SIGINFO };
	long rbx = 1;

	CHECK_EQ(sigaction(SIGILL, &action, NULL), 0);
	__asm__ volatile("ud2" : "+b"(rbx));
	CHECK_EQ(rbx, 0x5eed);
	CHECK_EQ(ntaken, 1);
	CHECK(is_blocked(SIGUSR2));
}

TEST("the handler sees the direction flag clear and gets it back as it was")
{
	static volatile unsigned long flags;
	unsigned long after;

	void look(int number)
	{
		(void)number;
		__asm__ volatile("pushfq; pop %0" : "=r"(*(unsigned long *)&flags));
	}
	signal(SIGILL, take);
	signal(SIGUSR1, look);
	__asm__ volatile("std; syscall; pushfq; pop %0; cld" : "=r"(after)
		: "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1) : "rcx", "r11", "memory");
	CHECK_EQ(flags & 0x400, 0);
	CHECK_EQ(after & 0x400, 0x400);
}

TEST("signals from a busy timer lose no step of a computation")
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, off = { { 0, 0 }, { 0, 0 } };
	volatile double sum = 0;
	volatile long count = 0;

	handle(SIGALRM, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	while (ntaken < 40) {
		sum += 1;
		count++;
		if (count % 1000 == 0)
			CHECK(getppid() > 0);
	}
	CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
	CHECK(sum == (double)count);
}

TEST("siglongjmp out of a handler leaves the alternate stack and restores the mask")
{
	faults_handle();
	for (int i = 0; i < 20; i++)
		if (sigsetjmp(after_fault, 1) == 0)
			*(volatile char *)16 = 1;
	CHECK_EQ(ntaken, 20);
	CHECK(!is_blocked(SIGSEGV));
}

TEST("a signal that arrives while a read sleeps is not lost just before the sleep")
{
	int ends[2];
	char byte;
	pid_t child;

	handle(SIGUSR1, SA_RESTART);
	CHECK_EQ(pipe(ends), 0);
	for (int i = 0; i < 50; i++) {
		pid_t parent = getpid();

		CHILD(child) {
			kill(parent, SIGUSR1);
			write(ends[1], "x", 1);
		}
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		REAP(child, 0);
	}
	CHECK_EQ(ntaken, 50);
}

TEST("default actions: ignored, terminating and stopping signals do what the manual says")
{
	int killers[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGFPE, SIGSEGV, SIGPIPE,
			  SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGBUS, SIGTRAP, SIGPROF,
			  SIGSYS, SIGVTALRM, SIGXCPU, SIGXFSZ, SIGIO, SIGPWR, SIGSTKFLT,
			  SIGRTMIN, SIGRTMAX };
	struct rlimit none = { 0, 0 };
	pid_t child;

	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(killers) / sizeof(killers[0]); i++) {
		CHILD(child) {
			kill(getpid(), killers[i]);
			_exit(98);
		}
		REAP_KILLED(child, killers[i]);
	}
	CHILD(child) {
		kill(getpid(), SIGCHLD);
		kill(getpid(), SIGURG);
		kill(getpid(), SIGWINCH);
		kill(getpid(), SIGCONT);
		_exit(12);
	}
	REAP(child, 12);
}

TEST("a signalfd reads blocked signals as records")
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2);
	char record[128];
	int fd;

	block(SIGUSR1, SIGUSR2);
	fd = (int)syscall(SYS_signalfd4, -1, &set, 8, O_NONBLOCK);
	if (fd < 0 && errno == ENOSYS)
		SKIP("signalfd is ENOSYS");
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, record, sizeof(record)), EAGAIN);
	kill(getpid(), SIGUSR2);
	CHECK_EQ(read(fd, record, sizeof(record)), 128);
	CHECK_EQ(*(int *)record, SIGUSR2);
	CHECK_EQ(*(int *)(record + 12), getpid());
	CHECK(!is_pending(SIGUSR2));
}
