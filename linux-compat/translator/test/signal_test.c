/*
 * signal_test.c -- signal frames and restarts: what a handler finds, what sigreturn puts back, and what
 * an interrupted call answers.
 */
#include <setjmp.h>
#include <string.h>
#include "host.h"

#define HANDLER		0x401000ull
#define RESTORER	0x402000ull
#define FLAGS		0x40246ull		/* AC is set: the program is entered by thread_resume */
#define CODE		0x403002ull		/* behind a system-call instruction */

NORETURN void call_leave(const struct call_frame *f, uint64_t rax);
int64_t sys_rt_sigaction(uint64_t number, uint64_t new, uint64_t old, uint64_t size);

static uint8_t program_stack[65536] __attribute__((aligned(64)));
static jmp_buf resumed;
static struct regs seen;
static int to_take, class_told;		/* what LX_SIGTAKE answers once; the last LX_SIGCLASS */

static int64_t kernel(const struct native_args *n)
{
	struct ipc_message *m = &self_utcb()->msg;
	struct linux_siginfo info = { .signo = to_take, .code = SI_USER };

	switch (n->nr) {
	case NR_thread_resume:
		seen = *(const struct regs *)n->a[0];
		longjmp(resumed, 1);
	case NR_ipc_call:
		if (m->words[0] == LX_SIGCLASS) {
			class_told = (int)m->words[2];
			m->words[0] = 0;
		} else {
			CHECK_EQ(m->words[0], LX_SIGTAKE);
			m->words[0] = (uint64_t)to_take;
			m->words[1] = 0;
			memcpy(m->inline_data, &info, sizeof(info));
			m->inline_len = sizeof(info);
			to_take = 0;
		}
		return 0;
	default:
		printf("# native call %d\n", (int)n->nr);
		exit(1);
	}
}

static void begin(void)
{
	struct utcb *u = self_utcb();

	host_begin();
	host_native = kernel;
	state_cpu_init(self_state());
	u->call_rip = CODE;
	u->call_rsp = (uint64_t)program_stack + sizeof(program_stack) - 256;
	u->call_rflags = FLAGS;
	to_take = 0;
}

static void action_set(int sig, uint64_t handler, uint64_t flags)
{
	struct linux_sigaction a = { .handler = handler, .flags = flags | SA_RESTORER, .restorer = RESTORER };

	CHECK_EQ(sys_rt_sigaction((uint64_t)sig, (uint64_t)&a, 0, 8), 0);
}

static void frames(void)
{
	struct regs r = { .rax = 1, .rbx = 2, .r15 = 3, .rsp = (uint64_t)program_stack + sizeof(program_stack) - 256,
		.rip = CODE, .rflags = 0x246, .cs = 0x33, .ss = 0x2b }, before = r;
	struct linux_sigaction a = { .handler = HANDLER, .flags = SA_RESTORER, .restorer = RESTORER };
	struct linux_siginfo info = { .signo = SIGUSR1, .code = SI_USER };
	const struct linux_sigframe *f;

	begin();
	CHECK_EQ(sigframe_build(&r, &a, &info, 0x55), 0);
	f = (const struct linux_sigframe *)r.rsp;
	CHECK_EQ(r.rsp % 16, 8);
	CHECK(r.rsp + sizeof(*f) <= before.rsp - 128);
	CHECK_EQ(r.rip, HANDLER);
	CHECK_EQ(r.rdi, SIGUSR1);
	CHECK_EQ(r.rsi, (uint64_t)&f->info);
	CHECK_EQ(r.rdx, (uint64_t)&f->uc);
	CHECK_EQ(f->pretcode, RESTORER);
	CHECK_EQ(f->uc.mcontext.ip, CODE);
	CHECK_EQ(f->uc.mcontext.bx, 2);
	CHECK_EQ(f->uc.mcontext.r15, 3);
	CHECK_EQ(f->uc.sigmask, 0x55);
	CHECK_EQ(f->uc.mcontext.fpstate % 64, 0);
	r.rsp += 8;			/* the handler returned */
	r.rbx = r.r15 = 99;
	CHECK_EQ(sigframe_restore(&r), 0);
	CHECK_EQ(r.rip, CODE);
	CHECK_EQ(r.rbx, 2);
	CHECK_EQ(r.r15, 3);
	CHECK_EQ(r.rsp, before.rsp);
	CHECK_EQ(r.rax, 1);
	CHECK_EQ(self_utcb()->mask, 0x55);
	host_end("a frame has every register, the mask and 64-aligned FPU state, and sigreturn puts them back");
}

static void alternate(void)
{
	static uint8_t small[16384];
	struct regs r = { .rsp = (uint64_t)program_stack + sizeof(program_stack), .rip = CODE };
	struct linux_sigaction a = { .handler = HANDLER, .flags = SA_RESTORER | SA_ONSTACK, .restorer = RESTORER };
	struct linux_siginfo info = { .signo = SIGSEGV };
	struct regs before = r;

	begin();
	self_thread()->altstack = (struct linux_stack){ .sp = (uint64_t)small, .size = sizeof(small) };
	CHECK_EQ(sigframe_build(&r, &a, &info, 0), 0);
	CHECK(r.rsp > (uint64_t)small && r.rsp < (uint64_t)small + sizeof(small));
	r = before;
	self_thread()->altstack.size = 1024;
	CHECK_EQ(sigframe_build(&r, &a, &info, 0), -EFAULT);
	CHECK_EQ(memcmp(&r, &before, sizeof(r)), 0);
	a.flags = 0;
	CHECK_EQ(sigframe_build(&r, &a, &info, 0), -EFAULT);
	host_end("the frame goes to the alternate stack; one too small, or no restorer, is a failure that changes nothing");
}

static void leave(uint64_t rax)
{
	if (setjmp(resumed) == 0)
		call_leave(self_frame(), rax);
}

/* An interrupted call: with a handler of these flags, or with nothing to deliver. */
static void interrupted(int64_t code, bool handler, uint64_t flags)
{
	begin();
	if (handler)
		action_set(SIGUSR1, HANDLER, flags);
	to_take = handler ? SIGUSR1 : 0;
	self_frame()->orig_rax = 35;
	self_utcb()->latch = 1;
	leave((uint64_t)code);
}

static void restarts(void)
{
	static const struct { int code; bool handler, restart, again; } rows[] = {
		{ ERESTARTSYS, true, true, true }, { ERESTARTSYS, true, false, false }, { ERESTARTSYS, false, false, true },
		{ ERESTARTNOINTR, true, false, true }, { ERESTARTNOINTR, false, false, true },
		{ ERESTARTNOHAND, true, true, false }, { ERESTARTNOHAND, false, false, true },
		{ ERESTART_RESTARTBLOCK, true, true, false }, { ERESTART_RESTARTBLOCK, false, false, true },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct linux_sigframe *f;
		uint64_t rip, rax;

		interrupted(-rows[i].code, rows[i].handler, rows[i].restart ? SA_RESTART : 0);
		f = (const struct linux_sigframe *)seen.rsp;
		rip = rows[i].handler ? f->uc.mcontext.ip : seen.rip;
		rax = rows[i].handler ? f->uc.mcontext.ax : seen.rax;
		CHECK_EQ(seen.rip == HANDLER, rows[i].handler);
		CHECK_EQ(rip, rows[i].again ? CODE - 2 : CODE);
		CHECK_EQ((int64_t)rax, rows[i].again ? 35 : -EINTR);
		CHECK_EQ(self_thread()->restarting, rows[i].code == ERESTART_RESTARTBLOCK && rows[i].again);
	}
	host_end("an interrupted call is made again or is EINTR as signal(7) says");
}

static void results(void)
{
	begin();
	self_utcb()->latch = 1;
	self_frame()->rdi = 11;
	self_frame()->rbx = 12;
	leave((uint64_t)-EAGAIN);
	CHECK_EQ((int64_t)seen.rax, -EAGAIN);
	CHECK_EQ(seen.rdi, 11);
	CHECK_EQ(seen.rbx, 12);
	CHECK_EQ(seen.rip, CODE);
	CHECK_EQ(seen.rcx, CODE);
	CHECK_EQ(seen.r11, FLAGS);
	host_end("a finished call keeps its result and every register when the latch was up for nothing");
}

static void masks(void)
{
	begin();
	action_set(SIGUSR2, HANDLER, 0);
	self_utcb()->mask = SIG_BIT(SIGUSR2) | SIG_BIT(SIGHUP);
	mask_replace(0);
	to_take = SIGUSR2;
	self_utcb()->latch = 1;
	leave((uint64_t)-ERESTARTNOHAND);
	CHECK_EQ(((const struct linux_sigframe *)seen.rsp)->uc.sigmask, SIG_BIT(SIGUSR2) | SIG_BIT(SIGHUP));
	CHECK_EQ(self_utcb()->mask, SIG_BIT(SIGUSR2) | SIG_BIT(SIGHUP));
	CHECK_EQ(self_thread()->mask_saved, false);
	begin();
	mask_set(~0ull);
	CHECK_EQ(self_utcb()->mask & SIG_NEVER, 0);
	self_utcb()->pending = SIG_BIT(SIGTERM);
	CHECK_EQ(self_utcb()->latch, 0);
	mask_set(0);
	CHECK_EQ(self_utcb()->latch, 1);
	host_end("sigsuspend's mask ends with the handler; unblocking what is pending raises the latch");
}

static void dispositions(void)
{
	struct linux_sigaction old;

	begin();
	class_told = -1;
	action_set(SIGUSR1, HANDLER, SA_RESETHAND);
	CHECK_EQ(class_told, 2);
	class_told = -1;
	action_set(SIGUSR1, HANDLER + 1, SA_RESETHAND);
	CHECK_EQ(class_told, -1);
	to_take = SIGUSR1;
	self_utcb()->latch = 1;
	leave(0);
	CHECK_EQ(class_told, 0);
	CHECK_EQ(sys_rt_sigaction(SIGUSR1, 0, (uint64_t)&old, 8), 0);
	CHECK_EQ(old.handler, SIG_DFL);
	CHECK_EQ(sys_rt_sigaction(SIGKILL, (uint64_t)&old, 0, 8), -EINVAL);
	CHECK_EQ(sys_rt_sigaction(0, 0, 0, 8), -EINVAL);
	CHECK_EQ(sys_rt_sigaction(65, 0, 0, 8), -EINVAL);
	CHECK_EQ(sys_rt_sigaction(SIGUSR1, 0, 0, 4), -EINVAL);
	host_end("linuxd hears of a change of class only; SA_RESETHAND is one");
}

int main(void)
{
	frames();
	alternate();
	restarts();
	results();
	masks();
	dispositions();
	return host_done();
}
