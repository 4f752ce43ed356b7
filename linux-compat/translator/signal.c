/*
 * signal.c -- dispositions, masks, delivery; exceptions as signals.
 *
 * linuxd keeps what is pending and says by the latch that something may be delivered; the translator
 * fetches it (LX_SIGTAKE) at the exit or from the interrupt upcall.  The mask is in the utcb, where
 * linuxd reads it after it has ORed utcb.pending; here it is stored before pending is read.
 *
 * Owns:    state->actions (written under state->lock), utcb.mask, the thread's saved mask.
 * Conforms: signal(7), sigaction(2), sigprocmask(2), sigsuspend(2), sigaltstack(2), sigtimedwait(2).
 * Tested:  tests/linux/signal.c
 */
#include "translator.h"

#define SYSCALL_LENGTH	2u		/* of the instruction, 0f 05 */
#define SIGSET_BYTES	8u
#define LATCH_SIGNAL	1u		/* linuxd has something for us */
#define LATCH_OWN	2u		/* own_signal waits: no need to ask linuxd */
#define USER_CS		0x33
#define USER_SS		0x2b

enum sig_class { CLASS_DEFAULT, CLASS_IGNORE, CLASS_HANDLED };

/* --- registers ---------------------------------------------------------------------------------------- */

/* All of the program's registers during a call; rcx and r11 as SYSCALL left them. */
void regs_from_frame(struct regs *r, const struct call_frame *f, uint64_t rax)
{
	const struct utcb *u = self_utcb();

	memset(r, 0, sizeof(*r));
	r->rax = rax;
	r->rbx = f->rbx, r->rcx = u->call_rip, r->rdx = f->rdx, r->rsi = f->rsi, r->rdi = f->rdi;
	r->rbp = f->rbp, r->rsp = u->call_rsp, r->r8 = f->r8, r->r9 = f->r9, r->r10 = f->r10;
	r->r11 = u->call_rflags, r->r12 = f->r12, r->r13 = f->r13, r->r14 = f->r14, r->r15 = f->r15;
	r->rip = u->call_rip;
	r->rflags = u->call_rflags;
	r->orig_rax = f->orig_rax;
	r->cs = USER_CS;
	r->ss = USER_SS;
	__asm__("mov %%fs, %0" : "=r"(r->fs));
	__asm__("mov %%gs, %0" : "=r"(r->gs));
	__asm__("mov %%ds, %0" : "=r"(r->ds));
	__asm__("mov %%es, %0" : "=r"(r->es));
	bases_get(&r->fs_base, &r->gs_base);
}

NORETURN void regs_enter(const struct regs *r)
{
	tess_thread_resume(r);
	signal_fatal(SIGSEGV);		/* the kernel refused: no user address */
}

/*
 * The same without the kernel, when the jump of the exit restores everything: RCX and R11 must be what
 * SYSCALL leaves there, or not matter.  The exit looks at the latch again.
 */
static NORETURN void regs_enter_jump(const struct regs *r)
{
	struct utcb *u = self_utcb();
	struct call_frame *f = self_frame();

	if (r->rflags & FLAGS_SLOW || r->rip >= USER_TOP || r->cs != USER_CS || r->ss != USER_SS)
		regs_enter(r);
	f->rdi = r->rdi, f->rsi = r->rsi, f->rdx = r->rdx, f->r10 = r->r10, f->r8 = r->r8, f->r9 = r->r9;
	f->rbx = r->rbx, f->rbp = r->rbp, f->r12 = r->r12, f->r13 = r->r13, f->r14 = r->r14, f->r15 = r->r15;
	u->call_rip = r->rip;
	u->call_rsp = r->rsp;
	u->call_rflags = r->rflags;
	frame_enter(r->rax);
}

NORETURN void signal_fatal(int sig)
{
	server_call(LX_FAULT_SIGNAL, (uint64_t)sig, 0, 0);
	server_call(LX_EXIT, (uint64_t)sig, 0, 0);
	for (;;)
		tess_thread_exit();
}

/* --- masks -------------------------------------------------------------------------------------------- */

static void latch_raise(void)
{
	__atomic_fetch_or(&self_utcb()->latch, LATCH_SIGNAL, __ATOMIC_SEQ_CST);
}

void mask_set(uint64_t mask)
{
	struct utcb *u = self_utcb();

	mask &= ~SIG_NEVER;
	__atomic_store_n(&u->mask, mask, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&u->pending, __ATOMIC_SEQ_CST) & ~mask)
		latch_raise();
}

/* Another mask until the call ends: by mask_put_back, or by the exit after a signal. */
void mask_replace(uint64_t mask)
{
	struct thread_data *t = self_thread();

	t->saved_mask = self_utcb()->mask;
	t->mask_saved = true;
	mask_set(mask);
}

static void mask_put_back(void)
{
	struct thread_data *t = self_thread();

	if (t->mask_saved) {
		t->mask_saved = false;
		mask_set(t->saved_mask);
	}
}

/* ppoll(2) and its kin: the mask stays until the exit when a signal ended the wait. */
int64_t mask_end(int64_t r)
{
	if (r > -ERESTARTSYS || r < -ERESTART_RESTARTBLOCK)
		mask_put_back();
	return r;
}

int64_t mask_begin(uint64_t set, uint64_t size)
{
	uint64_t mask;

	if (set == 0)
		return 0;
	if (size != SIGSET_BYTES)
		return -EINVAL;
	if (user_load64(set, &mask))
		return -EFAULT;
	mask_replace(mask);
	return 0;
}

/* --- dispositions ----------------------------------------------------------------------------------------- */

static bool default_ignores(int sig)
{
	return sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT;
}

static enum sig_class action_class(const struct linux_sigaction *a)
{
	return a->handler == SIG_DFL ? CLASS_DEFAULT : a->handler == SIG_IGN ? CLASS_IGNORE : CLASS_HANDLED;
}

static struct linux_sigaction action_get(int sig)
{
	struct task_state *s = self_state();
	struct linux_sigaction a;

	lock_take(&s->lock);
	a = s->actions[sig - 1];
	lock_give(&s->lock);
	return a;
}

bool signal_ignored(int sig)
{
	return self_state()->actions[sig - 1].handler == SIG_IGN;
}

/* Store a disposition; linuxd is told when what it must know has changed. */
static void action_put(int sig, const struct linux_sigaction *a)
{
	struct task_state *s = self_state();
	struct linux_sigaction old;

	lock_take(&s->lock);
	old = s->actions[sig - 1];
	s->actions[sig - 1] = *a;
	lock_give(&s->lock);
	if (action_class(&old) != action_class(a) ||
	    (sig == SIGCHLD && (old.flags ^ a->flags) & (SA_NOCLDSTOP | SA_NOCLDWAIT)))
		server_call(LX_SIGCLASS, (uint64_t)sig, action_class(a), a->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT));
}

/* --- delivery ----------------------------------------------------------------------------------------------- */

/* Take a disposition for delivery; with SA_RESETHAND it is the default from now on. */
static struct linux_sigaction action_take(int sig)
{
	const struct linux_sigaction none = { .handler = SIG_DFL };
	struct linux_sigaction a = action_get(sig);

	if (action_class(&a) == CLASS_HANDLED && a.flags & SA_RESETHAND)
		action_put(sig, &none);
	return a;
}

static void signal_force(struct regs *r, const struct linux_siginfo *info);

/* Into the handler: the frame, then the mask that holds while it runs. */
static void handler_enter(struct regs *r, const struct linux_sigaction *a, const struct linux_siginfo *info)
{
	struct thread_data *t = self_thread();
	uint64_t mask = self_utcb()->mask;
	int sig = info->signo;

	if (sigframe_build(r, a, info, t->mask_saved ? t->saved_mask : mask)) {
		struct linux_siginfo segv = { .signo = SIGSEGV, .code = SI_KERNEL };

		if (sig == SIGSEGV)
			signal_fatal(SIGSEGV);
		signal_force(r, &segv);
		return;
	}
	if (t->mask_saved)
		mask = t->saved_mask;
	t->mask_saved = false;
	t->restarting = false;
	mask_set(mask | a->mask | (a->flags & SA_NODEFER ? 0 : SIG_BIT(sig)));
}

/* A synchronous signal: when it is blocked or not handled, the process ends by it. */
static void signal_force(struct regs *r, const struct linux_siginfo *info)
{
	struct linux_sigaction a;

	if (self_utcb()->mask & SIG_BIT(info->signo))
		signal_fatal(info->signo);
	a = action_take(info->signo);
	if (action_class(&a) != CLASS_HANDLED)
		signal_fatal(info->signo);
	handler_enter(r, &a, info);
}

/* What the interrupted call answers, or that it is made again: signal(7), "Interruption of system calls". */
static void call_restart(struct regs *r, const struct linux_sigaction *a)
{
	int64_t code = -(int64_t)r->rax;
	bool again;

	if (code < ERESTARTSYS || code > ERESTART_RESTARTBLOCK)
		return;
	if (!a)
		again = true;
	else
		again = code == ERESTARTNOINTR || (code == ERESTARTSYS && a->flags & SA_RESTART);
	if (again) {
		self_thread()->restarting = code == ERESTART_RESTARTBLOCK;
		r->rax = r->orig_rax;
		r->rip -= SYSCALL_LENGTH;
	} else {
		r->rax = (uint64_t)-EINTR;
	}
}

/* The signal that the thread has sent to itself; anything else that was up is still up. */
static int own_take(struct linux_siginfo *info, uint64_t latch)
{
	struct thread_data *t = self_thread();
	int sig = t->own_signal;

	if (latch & LATCH_SIGNAL)
		latch_raise();
	t->own_signal = 0;
	memset(info, 0, sizeof(*info));
	info->signo = sig;
	info->code = t->own_code;
	info->pid = (int32_t)self_utcb()->user[TU_PID];
	info->uid = self_state()->ids.uid;
	return sig;
}

/* The next deliverable signal, with its siginfo; 0: none.  What stays pending is noted in the utcb. */
static int signal_next(struct linux_siginfo *info)
{
	struct utcb *u = self_utcb();
	uint64_t latch = __atomic_exchange_n(&u->latch, 0, __ATOMIC_SEQ_CST);
	int64_t sig;

	if (latch & LATCH_OWN)
		return own_take(info, latch);
	__atomic_exchange_n(&u->pending, 0, __ATOMIC_SEQ_CST);
	sig = server_call(LX_SIGTAKE, u->mask, 0, 0);
	if (sig == -ERESTARTSYS) {	/* interrupted by a second notice: there is something, ask again */
		latch_raise();
		return 0;
	}
	if (sig >= 0)
		__atomic_fetch_or(&u->pending, u->msg.words[1], __ATOMIC_SEQ_CST);
	if (sig <= 0 || sig > NSIG)
		return 0;
	memset(info, 0, sizeof(*info));
	memcpy(info, u->msg.inline_data, u->msg.inline_len < sizeof(*info) ? u->msg.inline_len : sizeof(*info));
	info->signo = (int32_t)sig;
	return (int)sig;
}

/*
 * Deliver everything that may be delivered: *r enters the last handler, whose frame leads back to the
 * one before and at last to the program.  A mask that held for one call is put back, which may let more
 * through.
 */
static void signals_take(struct regs *r, bool in_call)
{
	struct utcb *u = self_utcb();
	struct linux_siginfo info;

	for (;;) {
		while (__atomic_load_n(&u->latch, __ATOMIC_SEQ_CST)) {
			int sig = signal_next(&info);
			struct linux_sigaction a;

			if (sig == 0)
				continue;
			a = action_take(sig);
			if (action_class(&a) == CLASS_IGNORE || (a.handler == SIG_DFL && default_ignores(sig))) {
				mask_set(u->mask);	/* there may be more */
				continue;
			}
			if (a.handler == SIG_DFL)
				signal_fatal(sig);	/* changed between linuxd's look and ours */
			if (in_call)
				call_restart(r, &a);
			in_call = false;
			handler_enter(r, &a, &info);	/* its mask_set looks for more */
		}
		if (in_call)
			call_restart(r, NULL);
		in_call = false;
		if (!self_thread()->mask_saved)
			return;
		mask_put_back();
	}
}

/* From the exit: a latch, or flags that only IRETQ can restore. */
NORETURN void call_leave(const struct call_frame *f, uint64_t rax)
{
	struct regs r;

	regs_from_frame(&r, f, rax);
	signals_take(&r, true);
	regs_enter_jump(&r);
}

NORETURN void interrupt_in_program(void)
{
	struct regs r = self_utcb()->program;

	signals_take(&r, false);
	regs_enter(&r);
}

/* --- exceptions --------------------------------------------------------------------------------------------- */

#define VSYSCALL_PAGE	0xffffffffff600000ull
#define PF_FETCH	0x10u
#define PF_PRESENT	1u
#define PF_USER		4u

/* signal(7), and what Linux's exception handlers put into siginfo */
static void exception_info(const struct regs *r, const struct fault_info *f, struct linux_siginfo *info)
{
	memset(info, 0, sizeof(*info));
	info->code = SI_KERNEL;
	switch (f->vector) {
	case 0:
		info->signo = SIGFPE, info->code = FPE_INTDIV, info->addr = r->rip;
		break;
	case 1:
		info->signo = SIGTRAP, info->code = TRAP_TRACE, info->addr = r->rip;
		break;
	case 3:
		info->signo = SIGTRAP;
		break;
	case 6:
		info->signo = SIGILL, info->code = ILL_ILLOPN, info->addr = r->rip;
		break;
	case 11: case 12:
		info->signo = SIGBUS;
		break;
	case 14:
		info->signo = SIGSEGV, info->addr = f->address;
		info->code = f->reason == FAULT_PROTECTION ? SEGV_ACCERR : SEGV_MAPERR;
		if (f->reason != FAULT_PROTECTION && f->reason != FAULT_NO_MAPPING && f->reason != 0)
			info->signo = SIGBUS, info->code = BUS_ADRERR;
		break;
	case 17:
		info->signo = SIGBUS, info->code = BUS_ADRALN;
		break;
	default:
		info->signo = SIGSEGV;
	}
}

/* The unmasked exception that the FPU's or SSE's status shows: sigaction(2), si_code for SIGFPE. */
static void float_info(const struct regs *r, bool sse, struct linux_siginfo *info)
{
	uint32_t mxcsr = 0, active;
	uint16_t status = 0, control = 0;

	if (sse) {
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		active = mxcsr & ~(mxcsr >> 7);
	} else {
		__asm__ volatile("fnstsw %0" : "=m"(status));
		__asm__ volatile("fnstcw %0" : "=m"(control));
		active = status & ~(uint32_t)control;
	}
	memset(info, 0, sizeof(*info));
	info->signo = SIGFPE;
	info->addr = r->rip;
	info->code = active & 1 ? FPE_FLTINV : active & 4 ? FPE_FLTDIV : active & 8 ? FPE_FLTOVF :
		active & 0x12 ? FPE_FLTUND : active & 0x20 ? FPE_FLTRES : 0;
}

int64_t sys_gettimeofday(uint64_t tv, uint64_t tz);
int64_t sys_time(uint64_t to);
int64_t sys_getcpu(uint64_t cpu, uint64_t node, uint64_t cache);

/* The three entries of the old vsyscall page, which is never mapped (vsyscall=emulate). */
static bool vsyscall_emulate(struct regs *r, const struct fault_info *f)
{
	uint64_t back;
	int64_t value;

	if (f->vector != 14 || !(f->error_code & PF_FETCH) || r->rip != f->address ||
	    (r->rip & ~0xc00ull) != VSYSCALL_PAGE || r->rip == VSYSCALL_PAGE + 0xc00)
		return false;
	switch (r->rip - VSYSCALL_PAGE) {
	case 0:
		value = sys_gettimeofday(r->rdi, r->rsi);
		break;
	case 0x400:
		value = sys_time(r->rdi);
		break;
	default:
		value = sys_getcpu(r->rdi, r->rsi, 0);
	}
	if (value == -EFAULT || user_load64(r->rsp, &back))
		return false;
	r->rax = (uint64_t)value;
	r->rip = back;
	r->rsp += 8;
	return true;
}

NORETURN void exception_in_program(void)
{
	struct utcb *u = self_utcb();
	struct regs r = u->program;
	struct fault_info f = u->program_fault;
	struct thread_data *t = self_thread();
	struct linux_siginfo info;

	if (!vsyscall_emulate(&r, &f)) {
		t->trap_number = f.vector;
		t->trap_error = f.error_code;
		if (f.vector == 14) {
			t->trap_address = f.address;
			t->trap_error |= PF_USER;
			if (f.address >= USER_TOP)
				t->trap_error |= PF_PRESENT;	/* nothing about the kernel's half shows */
		}
		if (f.vector == 16 || f.vector == 19)
			float_info(&r, f.vector == 19, &info);
		else
			exception_info(&r, &f, &info);
		signal_force(&r, &info);
	}
	if (__atomic_load_n(&u->latch, __ATOMIC_SEQ_CST))
		signals_take(&r, false);
	regs_enter(&r);
}

/* Our own access to the program's memory failed: it answers -EFAULT.  Anything else is a broken program. */
NORETURN void exception_in_translator(void)
{
	struct utcb *u = self_utcb();

	if (u->fault.rip >= (uint64_t)user_begin && u->fault.rip < (uint64_t)user_end) {
		u->fault.rip = (uint64_t)user_fail;
		tess_thread_resume(&u->fault);
	}
	signal_fatal(SIGSEGV);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

void signal_self(int sig)
{
	const struct utcb *u = self_utcb();

	if (!signal_ignored(sig))
		server_call(LX_TGKILL, u->user[TU_PID], u->user[TU_TID], (uint64_t)sig);
}

int64_t sys_rt_sigaction(uint64_t number, uint64_t new, uint64_t old, uint64_t size)
{
	int sig = (int32_t)number;
	struct linux_sigaction a, before;

	if (size != SIGSET_BYTES || sig < 1 || sig > NSIG || (new && SIG_BIT(sig) & SIG_NEVER))
		return -EINVAL;
	if (new && copy_in(&a, new, sizeof(a)))
		return -EFAULT;
	before = action_get(sig);
	if (new) {
		a.mask &= ~SIG_NEVER;
		action_put(sig, &a);
	}
	return old && copy_out(old, &before, sizeof(before)) ? -EFAULT : 0;
}

int64_t sys_rt_sigprocmask(uint64_t how, uint64_t set, uint64_t old, uint64_t size)
{
	struct utcb *u = self_utcb();
	uint64_t before = u->mask, mask;

	if (size != SIGSET_BYTES)
		return -EINVAL;
	if (set) {
		if (user_load64(set, &mask))
			return -EFAULT;
		switch ((uint32_t)how) {
		case SIG_BLOCK: mask |= before; break;
		case SIG_UNBLOCK: mask = before & ~mask; break;
		case SIG_SETMASK: break;
		default: return -EINVAL;
		}
		mask_set(mask);
	}
	return old && user_store64(old, before) ? -EFAULT : 0;
}

int64_t sys_rt_sigpending(uint64_t set, uint64_t size)
{
	int64_t r;

	if (size > SIGSET_BYTES)
		return -EINVAL;
	r = server_call(LX_SIGPENDING, 0, 0, 0);
	if (r < 0)
		return r;
	return user_store64(set, self_utcb()->msg.words[1] & self_utcb()->mask);
}

int64_t sys_rt_sigsuspend(uint64_t set, uint64_t size)
{
	int64_t r = set == 0 ? -EFAULT : mask_begin(set, size);

	if (r < 0)
		return r;
	if (!self_utcb()->latch) {
		r = server_call(LX_SIGSUSPEND, self_utcb()->mask, 0, 0);
		if (r != -ERESTARTSYS)
			return mask_end(r);
	}
	latch_raise();
	return -ERESTARTNOHAND;
}

int64_t sys_pause(void)
{
	int64_t r = server_call(LX_SIGSUSPEND, self_utcb()->mask, 0, 0);

	if (r != -ERESTARTSYS)
		return r;
	latch_raise();
	return -ERESTARTNOHAND;
}

int64_t sys_rt_sigtimedwait(uint64_t set, uint64_t info, uint64_t timeout, uint64_t size)
{
	const struct ipc_message *m = &self_utcb()->msg;
	uint64_t wanted, deadline;
	int64_t r;

	if (size != SIGSET_BYTES)
		return -EINVAL;
	if (user_load64(set, &wanted))
		return -EFAULT;
	r = deadline_relative(timeout, &deadline);
	if (r < 0)
		return r;
	r = server_call(LX_SIGWAIT, wanted, deadline, 0);
	if (r == -ERESTARTSYS)
		return -EINTR;
	if (r > 0 && info && copy_out(info, m->inline_data, sizeof(struct linux_siginfo)))
		return -EFAULT;
	return r;
}

/* Selectors that IRETQ would refuse: the fault is the program's, at the instruction it wanted to go to. */
static void selectors_check(struct regs *r)
{
	struct linux_siginfo segv = { .signo = SIGSEGV, .code = SI_KERNEL };
	struct thread_data *t = self_thread();
	uint16_t bad = r->cs != USER_CS ? r->cs : r->ss;

	if (r->cs == USER_CS && r->ss == USER_SS)
		return;
	t->trap_number = 13;
	t->trap_error = bad & 0xfffcu;
	signal_force(r, &segv);
}

/* The handler's frame is left for what it interrupted; RAX is the frame's. */
int64_t sys_rt_sigreturn(void)
{
	struct regs r;

	regs_from_frame(&r, self_frame(), 0);
	if (sigframe_restore(&r)) {
		struct linux_siginfo segv = { .signo = SIGSEGV, .code = SI_KERNEL };

		signal_force(&r, &segv);
	} else {
		selectors_check(&r);
	}
	if (__atomic_load_n(&self_utcb()->latch, __ATOMIC_SEQ_CST))
		signals_take(&r, false);
	if (r.rcx == r.rip && r.r11 == r.rflags)
		regs_enter_jump(&r);	/* back behind a system call */
	regs_enter(&r);
}

int64_t sys_sigaltstack(uint64_t new, uint64_t old)
{
	struct thread_data *t = self_thread();
	uint64_t sp = self_utcb()->call_rsp;
	bool on = !(t->altstack.flags & SS_AUTODISARM) && sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
	struct linux_stack s, before = t->altstack;

	before.flags = (before.flags & SS_AUTODISARM) | (before.size == 0 ? SS_DISABLE : on ? SS_ONSTACK : 0);
	if (new) {
		if (copy_in(&s, new, sizeof(s)))
			return -EFAULT;
		if (on)
			return -EPERM;
		if ((s.flags & ~SS_AUTODISARM) > SS_DISABLE)
			return -EINVAL;
		if (s.flags & SS_DISABLE)
			s = (struct linux_stack){ .flags = SS_DISABLE };
		else if (s.size < MINSIGSTKSZ)
			return -ENOMEM;
		s.pad = 0;
		s.flags &= SS_AUTODISARM | SS_DISABLE;
		t->altstack = s;
	}
	before.pad = 0;
	return old && copy_out(old, &before, sizeof(before)) ? -EFAULT : 0;
}

/*
 * A signal to oneself that is handled and not blocked needs nobody else: it is delivered at the exit.
 * Not when others could take it, or when linuxd has one for us that may come first.
 */
static bool own_send(uint64_t number, int32_t code)
{
	struct thread_data *t = self_thread();
	struct utcb *u = self_utcb();
	int sig = (int32_t)number;

	if (sig < 1 || sig > NSIG || SIG_BIT(sig) & (SIG_NEVER | u->mask) || u->latch ||
	    self_state()->actions[sig - 1].handler <= SIG_IGN || !self_state()->ids_valid)
		return false;
	t->own_signal = sig;
	t->own_code = code;
	__atomic_fetch_or(&u->latch, LATCH_OWN, __ATOMIC_SEQ_CST);
	return true;
}

int64_t sys_kill(uint64_t pid, uint64_t sig)
{
	const struct task_state *s = self_state();

	if ((uint32_t)pid == self_utcb()->user[TU_PID] && s->nthreads == 1) {
		ids_get();
		if (own_send(sig, SI_USER))
			return 0;
	}
	return server_call(LX_KILL, (uint64_t)(int64_t)(int32_t)pid, (uint32_t)sig, 0);
}

int64_t sys_tgkill(uint64_t tgid, uint64_t tid, uint64_t sig)
{
	if ((int32_t)tgid <= 0 || (int32_t)tid <= 0)
		return -EINVAL;
	if ((uint32_t)tid == self_utcb()->user[TU_TID] && (uint32_t)tgid == self_utcb()->user[TU_PID] &&
	    own_send(sig, SI_TKILL))
		return 0;
	return server_call(LX_TGKILL, (uint32_t)tgid, (uint32_t)tid, (uint32_t)sig);
}

int64_t sys_tkill(uint64_t tid, uint64_t sig)
{
	return (int32_t)tid <= 0 ? -EINVAL : server_call(LX_TGKILL, ~0ull, (uint32_t)tid, (uint32_t)sig);
}

static int64_t queue_info(uint64_t pid, uint64_t tid, uint64_t sig, uint64_t info)
{
	struct ipc_message *m = request(LX_SIGQUEUE, (uint32_t)pid, (uint32_t)tid, (uint32_t)sig);
	struct linux_siginfo si;

	if (copy_in(&si, info, sizeof(si)))
		return -EFAULT;
	/* only the kernel speaks with codes from 0 up, or as tkill: rt_sigqueueinfo(2) */
	if ((si.code >= 0 || si.code == SI_TKILL) && (uint32_t)pid != self_utcb()->user[TU_PID])
		return -EPERM;
	si.signo = (int32_t)sig;
	memcpy(m->inline_data, &si, sizeof(si));
	m->inline_len = sizeof(si);
	return request_server();
}

int64_t sys_rt_sigqueueinfo(uint64_t pid, uint64_t sig, uint64_t info)
{
	return queue_info(pid, 0, sig, info);
}

int64_t sys_rt_tgsigqueueinfo(uint64_t pid, uint64_t tid, uint64_t sig, uint64_t info)
{
	return (int32_t)pid <= 0 || (int32_t)tid <= 0 ? -EINVAL : queue_info(pid, tid, sig, info);
}
