/*
 * sigframe.c -- the frame a signal handler finds on its stack, exactly as Linux x86-64 lays it out, and
 * the way back through rt_sigreturn.
 *
 *	high	floating-point state (XSAVE with Linux's software bytes, or FXSAVE), 64-aligned
 *		struct rt_sigframe: return address, ucontext, siginfo		<- RSP, 8 modulo 16
 *
 * Owns:    nothing; the frame is the program's and may be anything when it comes back.
 * Fails:   -EFAULT when the stack cannot hold the frame, or the frame handed back is unusable.
 * Tested:  translator/test/layout_test.c (sizes against the system's headers), tests/linux/signal.c,
 *          Linux's selftests sigreturn, sigaltstack
 */
#include "translator.h"

#define RED_ZONE	128u
#define RFLAGS_TF	0x100ull
#define RFLAGS_DF	0x400ull
#define RFLAGS_RF	0x10000ull
#define RFLAGS_FIX	0x50dd5ull	/* AC OF DF TF SF ZF AF PF CF RF: what sigreturn takes over */
#define USER_CS		0x33
#define USER_SS		0x2b
#define MXCSR_OFFSET	24u
#define MXCSR_DEFAULT	0x1f80u
#define FCW_DEFAULT	0x37fu

/* --- where --------------------------------------------------------------------------------------- */

static bool in_stack(const struct linux_stack *s, uint64_t sp)
{
	return sp > s->sp && sp - s->sp <= s->size;
}

/* sigaltstack(2): a stack that disarms itself is never in use. */
static bool on_stack(const struct linux_stack *s, uint64_t sp)
{
	return !(s->flags & SS_AUTODISARM) && in_stack(s, sp);
}

static uint64_t fp_size(const struct task_state *s)
{
	return s->xsave_mask ? s->xsave_size + 4 : FXSAVE_SIZE;
}

/* sigaltstack(2): from the top of the alternate stack, unless the program already runs on it. */
static int64_t frame_place(const struct regs *r, const struct linux_sigaction *a, uint64_t *fp, uint64_t *frame)
{
	const struct linux_stack *alt = &self_thread()->altstack;
	uint64_t sp = r->rsp - RED_ZONE;
	bool nested = on_stack(alt, r->rsp), entering = false;

	if (a->flags & SA_ONSTACK && alt->size && !nested) {
		sp = alt->sp + alt->size;
		entering = true;
	}
	*fp = (sp - fp_size(self_state())) & ~63ull;
	*frame = ((*fp - sizeof(struct linux_sigframe)) & ~15ull) - 8;
	if ((nested || entering) && !in_stack(alt, *frame))
		return -EFAULT;
	return 0;
}

/* --- floating point ------------------------------------------------------------------------------------ */

static int64_t fp_save(uint64_t at)
{
	const struct task_state *s = self_state();
	struct linux_fpx_sw_bytes sw = {
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = s->xsave_size + 4,
		.xfeatures = s->xsave_mask,
		.xstate_size = s->xsave_size,
	};

	if (!s->xsave_mask) {
		if (user_fxsave((void *)at))
			return -EFAULT;
		return user_zero((void *)(at + FPX_SW_OFFSET), sizeof(sw));
	}
	if (user_zero((void *)(at + FXSAVE_SIZE), XSAVE_HEADER_SIZE) || user_xsave((void *)at, s->xsave_mask) ||
	    copy_out(at + FPX_SW_OFFSET, &sw, sizeof(sw)))
		return -EFAULT;
	return user_store32(at + s->xsave_size, FP_XSTATE_MAGIC2);
}

/* What a fresh program has, for a frame without floating-point state. */
static int64_t fp_reset(void)
{
	const struct task_state *s = self_state();
	struct { uint8_t bytes[FXSAVE_SIZE + XSAVE_HEADER_SIZE]; } area __attribute__((aligned(64)));
	uint16_t control = FCW_DEFAULT;
	uint32_t mxcsr = MXCSR_DEFAULT;

	memset(&area, 0, sizeof(area));
	memcpy(area.bytes, &control, sizeof(control));
	memcpy(area.bytes + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	return s->xsave_mask ? user_xrstor(&area, s->xsave_mask) : user_fxrstor(&area);
}

/* Is there the extended part that fp_save writes?  The sizes are checked against our own. */
static bool fp_extended(uint64_t at, const struct linux_fpx_sw_bytes *sw)
{
	const struct task_state *s = self_state();
	uint32_t magic;

	return sw->magic1 == FP_XSTATE_MAGIC1 && sw->xstate_size >= FXSAVE_SIZE + XSAVE_HEADER_SIZE &&
		sw->xstate_size <= s->xsave_size && sw->xstate_size <= sw->extended_size &&
		user_load32(at + sw->xstate_size, &magic) == 0 && magic == FP_XSTATE_MAGIC2;
}

static int64_t fp_restore(uint64_t at)
{
	const struct task_state *s = self_state();
	struct linux_fpx_sw_bytes sw;

	if (at == 0)
		return fp_reset();
	if (at & 63)
		return -EFAULT;
	if (!s->xsave_mask)
		return user_fxrstor((void *)at);
	if (copy_in(&sw, at + FPX_SW_OFFSET, sizeof(sw)))
		return -EFAULT;
	if (!fp_extended(at, &sw))
		return user_fxrstor((void *)at);
	return user_xrstor((void *)at, sw.xfeatures & s->xsave_mask);
}

/* --- going in --------------------------------------------------------------------------------------------- */

static void context_fill(struct linux_ucontext *uc, const struct regs *r, uint64_t fp, uint64_t mask)
{
	const struct thread_data *t = self_thread();
	struct linux_sigcontext *m = &uc->mcontext;

	uc->flags = UC_SIGCONTEXT_SS | (r->cs == USER_CS ? UC_STRICT_RESTORE_SS : 0) |
		(self_state()->xsave_mask ? UC_FP_XSTATE : 0);
	uc->stack = t->altstack;
	if (!uc->stack.size)
		uc->stack.flags = SS_DISABLE;
	else if (on_stack(&t->altstack, r->rsp))
		uc->stack.flags |= SS_ONSTACK;
	*m = (struct linux_sigcontext){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13,
		.r14 = r->r14, .r15 = r->r15, .di = r->rdi, .si = r->rsi, .bp = r->rbp, .bx = r->rbx,
		.dx = r->rdx, .ax = r->rax, .cx = r->rcx, .sp = r->rsp, .ip = r->rip, .flags = r->rflags,
		.cs = r->cs, .ss = r->ss, .err = t->trap_error, .trapno = t->trap_number, .oldmask = mask,
		.cr2 = t->trap_address, .fpstate = fp,
	};
	uc->sigmask = mask;
}

/*
 * Lay the frame on the program's stack and make *r enter the handler.  mask is what sigreturn puts
 * back.  Nothing of *r has changed when this fails.
 */
int64_t sigframe_build(struct regs *r, const struct linux_sigaction *a, const struct linux_siginfo *info,
		       uint64_t mask)
{
	struct thread_data *t = self_thread();
	struct linux_sigframe f;
	uint64_t fp, at;

	if (!(a->flags & SA_RESTORER) || frame_place(r, a, &fp, &at))
		return -EFAULT;
	memset(&f, 0, sizeof(f));
	f.pretcode = a->restorer;
	f.info = *info;
	context_fill(&f.uc, r, fp, mask);
	if (fp_save(fp) || copy_out(at, &f, sizeof(f)))
		return -EFAULT;
	if (t->altstack.flags & SS_AUTODISARM)
		t->altstack = (struct linux_stack){ .flags = SS_DISABLE };
	r->rdi = (uint64_t)info->signo;
	r->rsi = at + offsetof(struct linux_sigframe, info);
	r->rdx = at + offsetof(struct linux_sigframe, uc);
	r->rax = 0;
	r->rsp = at;
	r->rip = a->handler;
	r->rflags &= ~(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
	r->cs = USER_CS;
	r->ss = USER_SS;
	return 0;
}

/* --- coming back ---------------------------------------------------------------------------------------------- */

/*
 * r->rsp is the program's at rt_sigreturn: past the return address.  Everything in the frame is hostile.
 * When only the floating-point state is bad, -EFAULT comes with *r and the mask already put back: the
 * SIGSEGV interrupts what the frame leads to, as on Linux.
 */
int64_t sigframe_restore(struct regs *r)
{
	struct thread_data *t = self_thread();
	struct linux_ucontext uc;
	struct linux_sigcontext *m = &uc.mcontext;

	if (copy_in(&uc, r->rsp - 8 + offsetof(struct linux_sigframe, uc), sizeof(uc)))
		return -EFAULT;
	mask_set(uc.sigmask);
	r->r8 = m->r8, r->r9 = m->r9, r->r10 = m->r10, r->r11 = m->r11, r->r12 = m->r12, r->r13 = m->r13;
	r->r14 = m->r14, r->r15 = m->r15, r->rdi = m->di, r->rsi = m->si, r->rbp = m->bp, r->rbx = m->bx;
	r->rdx = m->dx, r->rax = m->ax, r->rcx = m->cx, r->rsp = m->sp, r->rip = m->ip;
	r->rflags = (r->rflags & ~RFLAGS_FIX) | (m->flags & RFLAGS_FIX);
	r->cs = m->cs | 3;
	r->ss = m->ss | 3;
	if (!(uc.flags & UC_STRICT_RESTORE_SS) && r->cs == USER_CS)
		r->ss = USER_SS;	/* as Linux does for what predates the flag */
	if (fp_restore(m->fpstate)) {
		fp_reset();
		return -EFAULT;
	}
	if (uc.stack.flags & SS_DISABLE)
		t->altstack = (struct linux_stack){ .flags = SS_DISABLE };
	else if (!on_stack(&t->altstack, r->rsp) && uc.stack.size >= MINSIGSTKSZ)
		t->altstack = (struct linux_stack){ .sp = uc.stack.sp, .size = uc.stack.size,
			.flags = uc.stack.flags & SS_AUTODISARM };
	return 0;
}
