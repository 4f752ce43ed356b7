/*
 * start.c -- the first thing in a fresh program's space: the translator loads the program it was
 * started for.  linuxd has mapped nothing but our home (block, state) and this image.
 *
 * Until LX_EXEC_READY the old program still has the pid, and an errno goes back to it.  Everything is
 * mapped before; the stack is written after, because credentials and random bytes come with the reply.
 * The arguments are copied first: their vmo is the old program's to change.
 *
 * Owns:    the rest of the state area while it works.
 * Fails:   the errno of execve(2) before the point of no return, SIGSEGV after it.
 * Tested:  tests/linux/exec.c
 */
#include <elf/elf_load.h>
#include "translator.h"

#define HEAD_BYTES	1024u
#define STACK_MAPPED	(8ull << 20)
#define STACK_SPARE	(128ull << 10)
#define PIE_BASE	0x555555554000ull	/* two thirds of the space, as on Linux */
#define PIE_RANDOM	0xfffffffull		/* pages */
#define BRK_RANDOM	0x1fffull		/* pages: 32 MiB */
#define HWCAP2_FSGSBASE	2u
#define AUX_MAX		24u
#define STACK_TOP_ZEROS	8u		/* elf_stack.c */
#define RFLAGS_START	0x202u

/* A program's file or its interpreter's. */
struct program {
	handle_t file;
	struct elf_image image;
	struct elf_plan plan;
};

/* What is always used comes first: the long arrays behind it are seldom touched, a page costs a fault. */
struct work {
	uint64_t strings_at, strings_len;	/* the copy of the arguments, in its final place on the stack */
	struct exec_args h;
	struct lx_exec_cred cred;
	uint64_t vdso;
	bool has_interp;
	uint32_t nprefix, prefix_start;		/* strings before argv[1], filled from the end down */
	struct elf_aux aux[AUX_MAX];
	uint8_t head[HEAD_BYTES];
	struct program main, interp;
	char prefix[PATH_MAX + ELF_SCRIPT_LEVELS * ELF_SCRIPT_HEAD];
};
_Static_assert(sizeof(struct work) + sizeof(struct task_state) + 64 <= TRANSLATOR_STATE_SIZE, "behind the state");

/* --- failing ---------------------------------------------------------------------------------------- */

static NORETURN void exec_fail(int64_t error)
{
	server_call(LX_EXEC_READY, (uint64_t)error, 0, 0);
	for (;;)
		tess_thread_exit();
}

/* --- the processor ------------------------------------------------------------------------------------ */

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	__asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}

#define CPUID_OSXSAVE	(1u << 27)

void state_cpu_init(struct task_state *s)
{
	uint32_t r[4], lo, hi;
	uint64_t base;

	cpuid(1, 0, r);
	s->xsave_mask = 0;
	s->xsave_size = FXSAVE_SIZE;
	if (r[2] & CPUID_OSXSAVE) {
		__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		s->xsave_mask = (uint64_t)hi << 32 | lo;
		cpuid(13, 0, r);
		s->xsave_size = r[1];
	}
	s->fsgsbase = user_rdfsbase(&base) == 0;
}

/* --- files --------------------------------------------------------------------------------------------- */

static uint64_t file_size(handle_t file)
{
	struct content_attr a;
	int64_t r = tess_descriptor_attributes(file, &a);

	if (r < 0)
		exec_fail(r == E_NOT_HERE || r == E_TYPE ? -EACCES : result(r));
	return a.size;
}

/* A file that the caller may execute, by path: as execve does for interpreters. */
static handle_t file_open(const char *path)
{
	struct ipc_message *m = request(LX_OPEN, 0, 0, LX_OPEN_EXEC);
	uint64_t len = strlen(path) + 1;
	int64_t r;

	if (len > IPC_INLINE) {
		m->bulk_out = (uint64_t)path;
		m->bulk_out_len = len;
	} else {
		memcpy(m->inline_data, path, len);
		m->inline_len = (uint32_t)len;
	}
	r = request_server();
	if (r < 0)
		exec_fail(r < -ERESTARTSYS ? -EINTR : r);
	if (m->ncaps != 1 || m->caps[0] == H_NONE)
		exec_fail(-ENFILE);
	return m->caps[0];
}

static uint32_t head_read(struct work *w, handle_t file)
{
	int64_t n = tess_descriptor_read_at(file, w->head, HEAD_BYTES, 0);

	if (n < 0)
		exec_fail(n == E_NOT_HERE ? -EACCES : result(n));
	return (uint32_t)n;
}

/* --- arguments ------------------------------------------------------------------------------------------- */

static uint64_t stack_top(void)
{
	return self_utcb()->user[TU_STACK_TOP] & ~15ull;
}

static void stack_map(const struct work *w)
{
	const struct utcb *u = self_utcb();
	uint64_t limit = u->user[TU_RLIMIT_STACK], top = u->user[TU_STACK_TOP] & ~(PAGE_SIZE - 1);
	uint64_t need = w->strings_len + sizeof(w->prefix) + (w->h.argc + w->h.envc) * 8ull + STACK_SPARE;
	uint64_t len = limit < STACK_MAPPED ? limit : STACK_MAPPED;
	uint64_t flags = MAP_READ | MAP_WRITE | MAP_FIXED_ABI | (limit > STACK_MAPPED ? MAP_GROWSDOWN_ABI : 0);

	if (len < need)
		len = need;
	len = (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	if (tess_vspace_map(H_SELF, top - len, len, flags, H_NONE, 0) < 0)
		exec_fail(-ENOMEM);
}

/* PT_GNU_STACK asks for an executable stack: known only after the file has been parsed. */
static void stack_exec(void)
{
	struct mapping_info info;

	if (tess_vspace_query(H_SELF, stack_top() - 1, &info) < 0 ||
	    tess_vspace_protect(H_SELF, info.start, info.end - info.start, MAP_READ | MAP_WRITE | MAP_EXEC) < 0)
		exec_fail(-ENOMEM);
}

/*
 * The strings of arguments, environment and path lie in the vmo as they will on the stack: they are
 * copied to their place there at once (elf_stack.c: 8 bytes below the top).
 */
static void args_copy(struct work *w)
{
	const struct exec_args *h = &w->h;

	if (tess_vmo_read(LINUX_SLOT_EXEC_ARGS, 0, &w->h, sizeof(w->h)) != sizeof(*h))
		exec_fail(-EFAULT);
	w->strings_len = (uint64_t)h->args_len + h->env_len + h->path_len;
	if (sizeof(*h) + w->strings_len != h->total_len || h->total_len > EXEC_ARGS_MAX || h->path_len == 0 ||
	    h->path_len > PATH_MAX + 32)
		exec_fail(-EINVAL);
	stack_map(w);
	w->strings_at = stack_top() - STACK_TOP_ZEROS - w->strings_len;
	if (tess_vmo_read(LINUX_SLOT_EXEC_ARGS, sizeof(*h), (void *)w->strings_at, w->strings_len) !=
	    (int64_t)w->strings_len)
		exec_fail(-EFAULT);
	if (((char *)w->strings_at)[w->strings_len - 1] != 0)
		exec_fail(-EINVAL);
}

static const char *execfn(const struct work *w)
{
	return (const char *)w->strings_at + w->h.args_len + w->h.env_len;
}

/* --- #! --------------------------------------------------------------------------------------------------- */

static const char *prefix_put(struct work *w, const char *text, uint64_t len)
{
	if (len + 1 > w->prefix_start)
		exec_fail(-ENOEXEC);
	w->prefix_start -= (uint32_t)len + 1;
	memcpy(w->prefix + w->prefix_start, text, len);
	w->prefix[w->prefix_start + len] = 0;
	w->nprefix++;
	return w->prefix + w->prefix_start;
}

/*
 * The file is a script: argv becomes interpreter, argument, script, the old argv[1] and so on, and the
 * interpreter the file.  A script's interpreter may be one too.
 */
static uint32_t scripts_resolve(struct work *w, uint32_t len)
{
	uint32_t levels = 0;
	struct elf_text interp, arg;
	const char *path;

	w->prefix_start = sizeof(w->prefix);
	while (len >= 2 && w->head[0] == '#' && w->head[1] == '!') {
		if (++levels > ELF_SCRIPT_LEVELS)
			exec_fail(-ELOOP);
		if (elf_script_parse(w->head, len, &interp, &arg) != ELF_OK)
			exec_fail(-ENOEXEC);
		if (w->nprefix == 0)
			prefix_put(w, execfn(w), strlen(execfn(w)));
		if (arg.start)
			prefix_put(w, arg.start, arg.len);
		path = prefix_put(w, interp.start, interp.len);
		tess_handle_close(w->main.file);
		w->main.file = file_open(path);
		len = head_read(w, w->main.file);
	}
	return len;
}

/* --- parsing ------------------------------------------------------------------------------------------------ */

/* An error that Linux finds too late to report: the program ends at once.  0: go on failing so. */
static void program_parse(struct work *w, struct program *p, uint32_t len, bool is_interp)
{
	uint64_t size = file_size(p->file);
	int error = elf_parse(w->head, len, size, &p->image);
	struct elf_range range;
	int number;

	if (error == ELF_E_PHDRS_FAR && elf_phdrs_find(w->head, len, size, &range) == ELF_OK &&
	    range.len <= sizeof(w->prefix) && w->nprefix == 0 &&
	    tess_descriptor_read_at(p->file, w->prefix, range.len, range.offset) == (int64_t)range.len)
		error = elf_parse_phdrs(w->head, len, w->prefix, range.len, size, &p->image);
	if (error == ELF_OK)
		return;
	number = elf_error_errno(error, is_interp);
	exec_fail(number ? -number : -ENOEXEC);
}

static void interp_open(struct work *w)
{
	const struct elf_image *i = &w->main.image;
	char path[512];
	uint32_t len;

	if (i->interp_len == 0)
		return;
	if (i->interp_len > sizeof(path) ||
	    tess_descriptor_read_at(w->main.file, path, i->interp_len, i->interp_offset) != (int64_t)i->interp_len)
		exec_fail(-EIO);
	if (elf_interp_check(path, i->interp_len) != ELF_OK)
		exec_fail(-ENOEXEC);
	w->interp.file = file_open(path);
	w->has_interp = true;
	len = head_read(w, w->interp.file);
	program_parse(w, &w->interp, len, true);
	if (w->interp.image.interp_len != 0)
		exec_fail(-ELIBBAD);
}

/* --- mapping -------------------------------------------------------------------------------------------------- */

static uint64_t prot_flags(uint32_t prot)
{
	return (prot & ELF_READ ? MAP_READ : 0) | (prot & ELF_WRITE ? MAP_READ | MAP_WRITE : 0) |
		(prot & ELF_EXEC ? MAP_EXEC : 0);
}

static bool mapping_do(const struct elf_mapping *m, handle_t file)
{
	if (m->file_len && tess_vspace_map(H_SELF, m->vaddr, m->file_len, prot_flags(m->prot) | MAP_FIXED_ABI, file,
	    m->file_offset) < 0)
		return false;
	if (m->anon_len && tess_vspace_map(H_SELF, m->anon_vaddr, m->anon_len, prot_flags(m->anon_prot) | MAP_FIXED_ABI,
	    H_NONE, 0) < 0)
		return false;
	return m->zero_len == 0 || user_zero((void *)m->zero_vaddr, m->zero_len) == 0;
}

static void program_map(struct program *p, uint64_t at)
{
	int error = elf_plan(&p->image, p->image.is_dyn ? elf_bias_at(&p->image, at) : 0, LINUX_MMAP_LO,
		LINUX_STACK_TOP_MAX, &p->plan);
	int number = elf_error_errno(error, false);

	if (error)
		exec_fail(number ? -number : -ENOEXEC);
	for (uint32_t i = 0; i < p->plan.nmappings; i++)
		if (!mapping_do(&p->plan.mappings[i], p->file))
			exec_fail(-ENOMEM);
}

/* The interpreter lies highest in the place for mappings, as the first one there. */
static void programs_map(struct work *w)
{
	const struct utcb *u = self_utcb();
	uint64_t random = u->user[TU_RANDOM];
	const struct elf_image *i = &w->interp.image;

	program_map(&w->main, PIE_BASE + ((random & PIE_RANDOM) << 12));
	if (w->has_interp)
		program_map(&w->interp, (u->user[TU_MMAP_HI] - (i->high - i->low) - i->align) & ~(PAGE_SIZE - 1));
}

/* The clock page, and right behind it the vDSO that reads it; both beside our home. */
static void clock_map(struct work *w, struct task_state *s)
{
	uint64_t at = (uint64_t)s + TRANSLATOR_STATE_SIZE;
	const uint64_t flags = MAP_READ | MAP_SHARED_ABI | MAP_FIXED_ABI;
	struct vmo_info info;

	if (tess_vspace_map(H_SELF, at, PAGE_SIZE, flags, LINUX_SLOT_CLOCK, 0) < 0)
		exec_fail(-ENOMEM);
	s->clock = (const struct clock_page *)at;
	at += PAGE_SIZE;
	if (tess_vmo_query(LINUX_SLOT_VDSO, &info) >= 0 &&
	    tess_vspace_map(H_SELF, at, info.size, flags | MAP_EXEC, LINUX_SLOT_VDSO, 0) >= 0) {
		w->vdso = at;
		at += info.size;
	}
	s->zone_next = at;
}

/* --- what the program finds ---------------------------------------------------------------------------------------- */

static void aux_add(struct work *w, uint32_t *n, uint64_t type, uint64_t value)
{
	w->aux[(*n)++] = (struct elf_aux){ type, value };
}

static uint32_t auxv_fill(struct work *w)
{
	const struct task_state *s = self_state();
	uint32_t n = ELF_AUXV_IMAGE_COUNT, r[4];

	elf_auxv_image(&w->main.plan, w->has_interp ? &w->interp.plan : NULL, w->aux);
	cpuid(1, 0, r);
	aux_add(w, &n, ELF_AT_UID, w->cred.uid);
	aux_add(w, &n, ELF_AT_EUID, w->cred.euid);
	aux_add(w, &n, ELF_AT_GID, w->cred.gid);
	aux_add(w, &n, ELF_AT_EGID, w->cred.egid);
	aux_add(w, &n, ELF_AT_SECURE, w->cred.secure);
	aux_add(w, &n, ELF_AT_HWCAP, r[3]);
	aux_add(w, &n, ELF_AT_HWCAP2, s->fsgsbase ? HWCAP2_FSGSBASE : 0);
	aux_add(w, &n, ELF_AT_CLKTCK, 100);
	aux_add(w, &n, ELF_AT_MINSIGSTKSZ, sizeof(struct linux_sigframe) + s->xsave_size + 256);
	if (w->vdso)
		aux_add(w, &n, ELF_AT_SYSINFO_EHDR, w->vdso);
	return n;
}

/* TESSERA_STRACE=1 in the environment: every call of the program into the kernel's log. */
static bool trace_wanted(const struct work *w)
{
	static const char name[] = "TESSERA_STRACE=1";
	const char *at = (const char *)w->strings_at + w->h.args_len, *end = at + w->h.env_len;

	for (; at < end; at += strlen(at) + 1)
		if (at[0] == 'T' && end - at >= (int64_t)sizeof(name) && memcmp(at, name, sizeof(name)) == 0)
			return true;
	return false;
}

static bool stack_fill(struct work *w, struct elf_stack *out)
{
	const char *args = (const char *)w->strings_at;
	uint64_t top = stack_top(), len, first = 0;
	struct elf_stack_args a = {
		.prefix = { w->prefix + w->prefix_start, sizeof(w->prefix) - w->prefix_start, w->nprefix },
		.args = { args, w->h.args_len, w->h.argc },
		.env = { args + w->h.args_len, w->h.env_len, w->h.envc },
		.execfn = execfn(w),
		.execfn_len = w->h.path_len,
		.auxv = w->aux,
	};

	if (w->nprefix && a.args.count) {	/* the script's name takes argv[0]'s place */
		first = strlen(args) + 1;
		a.args = (struct elf_strings){ args + first, w->h.args_len - first, w->h.argc - 1 };
	}
	if (a.args.count + a.prefix.count == 0)
		a.args = (struct elf_strings){ "", 1, 1 };	/* execve(2): there is always an argv[0] */
	a.nauxv = auxv_fill(w);
	memcpy(a.random, w->cred.random, sizeof(a.random));
	if (elf_stack_size(&a, &len) != ELF_OK)
		return false;
	return elf_stack_build(&a, (void *)(top - len), len, top, out) == ELF_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static void state_begin(struct task_state *s)
{
	struct thread_data *t = self_thread();

	s->nthreads = 1;
	s->threads = t;
	s->stack_limit = self_utcb()->user[TU_RLIMIT_STACK];
	state_cpu_init(s);
}

static void brk_begin(struct task_state *s, const struct work *w)
{
	uint64_t random = self_utcb()->user[TU_RANDOM] >> 40 & BRK_RANDOM;

	s->brk_start = s->brk = s->brk_mapped = w->main.plan.brk + (random << 12);
}

static void ready(struct work *w, const struct task_state *s)
{
	uint64_t start = w->strings_at;
	struct ipc_message *m = request(LX_EXEC_READY, 0, w->main.plan.entry, stack_top());
	struct lx_exec_areas *areas;

	if (w->nprefix) {		/* as stack_fill will have it */
		start -= sizeof(w->prefix) - w->prefix_start;
		if (w->h.argc)
			start += strlen((const char *)w->strings_at) + 1;
	}
	m->words[4] = s->brk_start;
	areas = (struct lx_exec_areas *)m->inline_data;
	areas->args_start = start;
	areas->args_end = w->strings_at + w->h.args_len;
	areas->env_end = areas->args_end + w->h.env_len;
	m->inline_len = sizeof(*areas);
	if (request_server() < 0)
		for (;;)
			tess_thread_exit();
	memcpy(&w->cred, m->inline_data, sizeof(w->cred));
}

static void work_end(struct work *w)
{
	tess_handle_close(w->main.file);
	if (w->has_interp)
		tess_handle_close(w->interp.file);
	tess_handle_close(LINUX_SLOT_EXEC_ARGS);
	tess_handle_close(LINUX_SLOT_CLOCK);
	tess_handle_close(LINUX_SLOT_VDSO);
}

NORETURN void exec_main(uint64_t block)
{
	struct task_state *s = self_state();
	struct work *w = (struct work *)(((uint64_t)s + sizeof(*s) + 63) & ~63ull);
	struct elf_stack stack;
	struct regs r;

	(void)block;
	state_begin(s);
	args_copy(w);
	w->main.file = LINUX_SLOT_EXEC_FILE;
	program_parse(w, &w->main, scripts_resolve(w, head_read(w, w->main.file)), false);
	interp_open(w);
	programs_map(w);
	if (w->main.image.exec_stack)
		stack_exec();
	clock_map(w, s);
	brk_begin(s, w);
	for (int i = 0; i < NSIG; i++)
		if (w->h.ignored >> i & 1)
			s->actions[i].handler = SIG_IGN;
	ready(w, s);
	if (!stack_fill(w, &stack))
		signal_fatal(SIGSEGV);
	self_thread()->limit = !w->cred.secure && trace_wanted(w) ? 0 : CALLS_MAX + 1;
	memset(&r, 0, sizeof(r));
	r.rip = w->has_interp ? w->interp.plan.entry : w->main.plan.entry;
	r.rsp = stack.rsp;
	r.rflags = RFLAGS_START;
	r.cs = 0x33;
	r.ss = 0x2b;
	work_end(w);
	regs_enter(&r);
}
