/*
 * cpu.c -- each CPU's descriptor tables and features, and the extended state of threads.
 *
 * Owns:    GDT, TSS, IDT; CR0.TS; who owns the FPU and segment registers of a CPU.
 * Locks:   none; all per CPU.  A thread whose state is live on a CPU (ext_cpu) is switched only by it;
 *          ext_sync asks another CPU to store the state by an interrupt and waits.
 * Tested:  tests/boot (qemu64, max), tests/linux/signal, selftests/x86 fsgsbase.
 */
#include "x86.h"
#include "arch.h"
#include "ipc.h"
#include "mm.h"
#include "thread.h"

struct percpu percpu_of[CPUS_MAX];
uint32_t cpu_count = 1;
bool cpu_has_smap, cpu_has_fsgsbase, cpu_has_xsave, cpu_has_nx;
uint32_t ext_area_size = 512;
static uint64_t xcr0_mask;
extern uint8_t *const smap_sites[], *const smap_sites_end[];
static uint8_t ext_initial[4096] __attribute__((aligned(64)));

struct cpu_tables {
	uint64_t gdt[10];
	struct tss tss;
	uint8_t ist[3][4096] __attribute__((aligned(4096)));
};
static struct cpu_tables tables[CPUS_MAX] __attribute__((aligned(4096)));
struct idt_gate { uint16_t lo, sel; uint8_t ist, type; uint16_t mid; uint32_t hi, zero; };
static struct idt_gate idt[256];
extern char syscall_entry[];

struct table_pointer { uint16_t limit; uint64_t base; } __attribute__((packed));

static void gdt_init(struct percpu *p)
{
	struct cpu_tables *t = &tables[p->id];
	uint64_t tss = (uint64_t)&t->tss;
	struct table_pointer gp = { sizeof(t->gdt) - 1, (uint64_t)t->gdt };

	t->gdt[SEL_KCODE >> 3] = 0x00af9b000000ffff;
	t->gdt[SEL_KDATA >> 3] = 0x00cf93000000ffff;
	t->gdt[SEL_UDATA >> 3] = 0x00cff3000000ffff;
	t->gdt[SEL_UCODE >> 3] = 0x00affb000000ffff;	/* no 32-bit user code segment */
	t->gdt[SEL_TSS >> 3] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
			       (tss >> 24 & 0xff) << 56;
	t->gdt[(SEL_TSS >> 3) + 1] = tss >> 32;
	t->tss.iomap = sizeof(struct tss);
	for (int i = 0; i < 3; i++) {
		*(struct percpu **)(t->ist[i] + 4096 - 16) = p;	/* entry.S's FATAL finds it there */
		t->tss.ist[i] = (uint64_t)t->ist[i] + 4096 - 16;
	}
	__asm__ volatile("lgdt %0" : : "m"(gp));
	__asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
			 : : "i"(SEL_KCODE) : "rax", "memory");
	__asm__ volatile("mov %0, %%ss; mov %1, %%ds; mov %1, %%es; mov %1, %%fs; mov %1, %%gs"
			 : : "r"(SEL_KDATA), "r"(0));
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
	wrmsr(MSR_GS_BASE, (uint64_t)p);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}

static void idt_load(void)
{
	struct table_pointer ip = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(ip));
	__asm__ volatile("lldt %w0" : : "r"(0));
}

static void idt_init(void)
{
	for (int i = 0; i < 256; i++) {
		uint64_t a = trap_stubs[i];

		/* int3 and into alone may be raised by an instruction of ring 3 */
		idt[i] = (struct idt_gate){ (uint16_t)a, SEL_KCODE, 0, i == 3 || i == 4 ? 0xee : 0x8e,
					    (uint16_t)(a >> 16), (uint32_t)(a >> 32), 0 };
	}
	idt[1].ist = 1;
	idt[2].ist = 2;
	idt[8].ist = 3;
	idt[18].ist = 3;
}

static void need(bool there, const char *what)
{
	if (there)
		return;
	kprintf("Tessera: this CPU lacks %s; it cannot run here\n", what);
	arch_power_off(POWER_OFF_ABI, 1);
}

/* Code can still be written: boot.c protects it later. */
static void smap_sites_blank(void)
{
	static const uint8_t nop[3] = { 0x0f, 0x1f, 0x00 };	/* as long as STAC and CLAC */

	for (uint8_t *const *site = smap_sites; site < smap_sites_end; site++)
		memcpy(*site, nop, sizeof(nop));
}

static void cr_init(struct percpu *p)
{
	uint32_t r1[4], r7[4] = { 0 }, max[4], extended[4];
	uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PGE;

	cpuid(0, 0, max);
	cpuid(1, 0, r1);
	if (max[0] >= 7)
		cpuid(7, 0, r7);
	need(r1[3] & 1 << 25 && r1[3] & 1 << 24, "SSE and FXSAVE");
	need(r1[3] & 1 << 9, "a local APIC");
	if (r7[1] & 1 << 7)
		cr4 |= CR4_SMEP;
	if (r7[1] & 1 << 20)
		cr4 |= CR4_SMAP;
	if (r7[1] & 1)
		cr4 |= CR4_FSGSBASE;
	if (r7[2] & 1 << 2)
		cr4 |= CR4_UMIP;
	if (r1[2] & 1 << 26)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	cpuid(0x80000001, 0, extended);
	cpu_has_nx = extended[3] & 1 << 20;	/* start.S has turned it on */
	cpu_has_smap = cr4 & CR4_SMAP;
	if (!cpu_has_smap && p->id == 0)
		smap_sites_blank();
	cpu_has_fsgsbase = cr4 & CR4_FSGSBASE;
	cpu_has_xsave = cr4 & CR4_OSXSAVE;
	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
}

static void xsave_init(void)
{
	uint32_t d[4];

	__asm__ volatile("fninit");
	if (!cpu_has_xsave) {
		uint32_t mxcsr = 0x1f80;

		__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
		__asm__ volatile("fxsave64 %0" : "=m"(ext_initial));
		return;
	}
	cpuid(13, 0, d);
	xcr0_mask = ((uint64_t)d[3] << 32 | d[0]) & 0xe7;	/* x87 SSE AVX AVX-512 */
	if ((xcr0_mask & 0xe0) != 0xe0)
		xcr0_mask &= 7;
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)xcr0_mask), "d"(0));
	cpuid(13, 0, d);
	ext_area_size = (uint32_t)ALIGN_UP(d[1], 64u);
	KASSERT(ext_area_size <= sizeof(ext_initial));
	*(uint16_t *)ext_initial = 0x37f;
	*(uint32_t *)(ext_initial + 24) = 0x1f80;
}

void cpu_init(struct percpu *p)
{
	p->self = p;
	gdt_init(p);
	if (p->id == 0)
		idt_init();
	idt_load();
	cr_init(p);
	xsave_init();
	wrmsr(MSR_STAR, (uint64_t)0x23 << 48 | (uint64_t)SEL_KCODE << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_CSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SYSENTER_CS, 0);
	wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_NT | RFLAGS_RF);
	write_cr0(read_cr0() | CR0_TS);
	p->ts_set = true;
}

/* --- extended state ------------------------------------------------------------------------------ */

static void ts_clear(struct percpu *p)
{
	if (p->ts_set) {
		__asm__ volatile("clts");
		p->ts_set = false;
	}
}

static void ts_set(struct percpu *p)
{
	if (!p->ts_set) {
		write_cr0(read_cr0() | CR0_TS);
		p->ts_set = true;
	}
}

static uint64_t selectors_read(void)
{
	uint64_t ds, es, fs, gs;

	__asm__ volatile("movl %%ds, %k0; movl %%es, %k1; movl %%fs, %k2; movl %%gs, %k3"
			 : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	return ds | es << 16 | fs << 32 | gs << 48;
}

/*
 * Only what another thread had loaded comes here, so it is valid; the bases of FS and GS have to be set
 * afterwards.  Loading GS changes the active base: ours must not be that.
 */
static void selectors_write(uint64_t s)
{
	__asm__ volatile("movw %w0, %%ds; movw %w1, %%es; movw %w2, %%fs; swapgs; movw %w3, %%gs; swapgs"
			 : : "r"(s), "r"(s >> 16), "r"(s >> 32), "r"(s >> 48));
}

static void ext_store(struct thread *t)
{
	struct arch_thread *a = &t->arch;

	if (cpu_has_xsave)
		__asm__ volatile("xsave64 (%0)" : : "r"(a->ext_area), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(a->ext_area) : "memory");
	a->selectors = selectors_read();
	arch_get_bases(&a->fs_base, &a->gs_base);	/* loading a selector has changed them, too */
}

static void ext_fetch(struct thread *t)
{
	struct arch_thread *a = &t->arch;

	if (cpu_has_xsave)
		__asm__ volatile("xrstor64 (%0)" : : "r"(a->ext_area), "a"(~0u), "d"(~0u) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(a->ext_area) : "memory");
	if (selectors_read() != a->selectors)
		selectors_write(a->selectors);
	if (cpu_has_fsgsbase)
		__asm__ volatile("wrfsbase %0" : : "r"(a->fs_base));
	else
		wrmsr(MSR_FS_BASE, a->fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, a->gs_base);
}

/* The registers are somebody else's: store them first.  Apart, so that ext_own stays short. */
static __attribute__((noinline)) void ext_take(struct percpu *p, struct thread *t)
{
	if (p->ext_owner) {
		ext_store(p->ext_owner);
		atomic_store(&p->ext_owner->arch.ext_cpu, -1);
	}
	p->ext_owner = t;
	t->arch.ext_cpu = (int32_t)p->id;
	ext_fetch(t);
}

/* Make the registers t's. */
static void ext_own(struct percpu *p, struct thread *t)
{
	ts_clear(p);
	if (p->ext_owner != t)
		ext_take(p, t);
}

void ext_answer(void)
{
	struct percpu *p = percpu();
	bool was_set = p->ts_set;

	if (!p->ext_owner || p->ext_owner == p->thread)
		return;
	ts_clear(p);
	ext_store(p->ext_owner);
	atomic_store(&p->ext_owner->arch.ext_cpu, -1);
	p->ext_owner = NULL;
	if (was_set)
		ts_set(p);
}

#define EXT_PATIENCE_NS 1000000

/*
 * Afterwards t's area holds its state.  False: it runs code of its own on another CPU, which then keeps it.
 * In a call that was received it is on its way to sleep, however slow that CPU is (another machine's guest).
 */
static bool ext_sync(struct thread *t)
{
	uint64_t give_up = arch_clock_ns() + EXT_PATIENCE_NS;
	struct percpu *p = percpu();
	int32_t cpu = atomic_load(&t->arch.ext_cpu);

	if (cpu == (int32_t)p->id && p->ext_owner == t) {
		bool was_set = p->ts_set;

		ts_clear(p);
		ext_store(t);
		if (was_set)
			ts_set(p);
		return true;
	}
	while ((cpu = atomic_load(&t->arch.ext_cpu)) >= 0) {
		if (t->state == TS_RUNNING && atomic_load(&t->call_state) != CALL_RECEIVED && arch_clock_ns() > give_up)
			return false;
		arch_ipi_reschedule((uint32_t)cpu);	/* its handler calls ext_answer */
		for (int i = 0; i < 1000 && atomic_load(&t->arch.ext_cpu) >= 0; i++)
			arch_spin_wait();
	}
	return true;
}

/* Let t's state leave the CPU that has it, so that t may run on another; not while t runs. */
void arch_ext_release(struct thread *t)
{
	if (atomic_load(&t->arch.ext_cpu) == (int32_t)percpu()->id)
		ext_answer();
	else
		ext_sync(t);
}

bool arch_ext_copy(struct thread *to, struct thread *from)
{
	if (!to->arch.ext_area || !from->arch.ext_area)
		return true;
	if (from == current)
		ext_own(percpu(), from);
	if (!ext_sync(from))
		return false;
	memcpy(to->arch.ext_area, from->arch.ext_area, ext_area_size);
	to->arch.fs_base = from->arch.fs_base;
	to->arch.gs_base = from->arch.gs_base;
	to->arch.selectors = from->arch.selectors;
	return true;
}

void arch_ext_drop(struct thread *t)
{
	struct percpu *p = percpu();

	if (p->ext_owner == t) {
		p->ext_owner = NULL;
		t->arch.ext_cpu = -1;
	}
}

void arch_set_base(uint32_t which, uint64_t value)
{
	struct arch_thread *a = &current->arch;

	if (which == 0) {
		a->fs_base = value;
		wrmsr(MSR_FS_BASE, value);
	} else {
		a->gs_base = value;
		wrmsr(MSR_KERNEL_GS_BASE, value);
	}
}

void arch_get_bases(uint64_t *fs, uint64_t *gs)
{
	if (cpu_has_fsgsbase) {
		__asm__ volatile("rdfsbase %0" : "=r"(*fs));
		*gs = rdmsr(MSR_KERNEL_GS_BASE);
	} else {
		*fs = rdmsr(MSR_FS_BASE);
		*gs = rdmsr(MSR_KERNEL_GS_BASE);
	}
}

/* --- threads --------------------------------------------------------------------------------------- */

#define KSTACK_PAGES 4

extern void arch_thread_first(void);
extern void arch_switch_stack(uint64_t *save, uint64_t next);

bool arch_thread_init(struct thread *t, struct pool *pool, bool fpu)
{
	struct frame *run = frames_alloc_run(pool, KSTACK_PAGES);

	t->arch.ext_cpu = -1;
	if (!run)
		return false;
	t->arch.kstack = frame_virt(run);
	t->arch.kstack_top = (uint64_t)t->arch.kstack + KSTACK_PAGES * PAGE_SIZE;
	if (fpu) {
		struct frame *area = frame_alloc(pool);

		if (!area) {
			arch_thread_free(t, pool);
			return false;
		}
		t->arch.ext_area = frame_virt(area);
		memset(t->arch.ext_area, 0, ext_area_size);
		memcpy(t->arch.ext_area, ext_initial, 576);
	}
	return true;
}

void arch_thread_free(struct thread *t, struct pool *pool)
{
	(void)pool;
	if (t->arch.kstack)
		frames_free_run(frame_of_phys(virt_to_phys(t->arch.kstack)), KSTACK_PAGES);
	if (t->arch.ext_area)
		frame_put(frame_of_phys(virt_to_phys(t->arch.ext_area)));
	t->arch.kstack = t->arch.ext_area = NULL;
}

void arch_thread_enter_at(struct thread *t, void (*kernel_entry)(void))
{
	uint64_t *sp = (uint64_t *)t->arch.kstack_top;

	*--sp = 0;
	*--sp = (uint64_t)arch_thread_first;
	*--sp = 0;				/* rbx */
	*--sp = 0;				/* rbp */
	*--sp = (uint64_t)kernel_entry;		/* r12 */
	*--sp = 0;
	*--sp = 0;
	*--sp = 0;				/* r15 */
	t->arch.ksp = (uint64_t)sp;
}

void arch_switch(struct thread *from, struct thread *to)
{
	struct percpu *p = percpu();

	p->thread = to;
	p->arch = &to->arch;
	p->kstack_top = to->arch.kstack_top;
	tables[p->id].tss.rsp[0] = to->arch.kstack_top;
	if (to->arch.ext_area)
		ext_own(p, to);
	else
		ts_set(p);
	arch_switch_stack(&from->arch.ksp, to->arch.ksp);
}

void arch_system_info(struct system_info *info)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	memcpy(info->cpu_vendor, &r[1], 4);
	memcpy(info->cpu_vendor + 4, &r[3], 4);
	memcpy(info->cpu_vendor + 8, &r[2], 4);
	for (uint32_t i = 0; i < 3; i++) {
		cpuid(0x80000002 + i, 0, r);
		memcpy(info->cpu_model + 16 * i, r, 16);
	}
	cpuid(1, 0, r);
	info->cpu_signature = r[0];
	info->cpu_features[0] = r[3];
	info->cpu_features[1] = r[2];
	cpuid(7, 0, r);
	info->cpu_features[2] = r[1];
	cpuid(0x80000001, 0, r);
	info->cpu_features[3] = r[3];
}

bool arch_random(uint64_t *out)
{
	static int has = -1;
	uint8_t ok = 0;

	if (has < 0) {
		uint32_t r[4];

		cpuid(1, 0, r);
		has = r[2] >> 30 & 1;
	}
	for (int i = 0; has && !ok && i < 10; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok));
	return ok;
}

uint32_t arch_port_in(uint16_t port, uint32_t width)
{
	return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

void arch_port_out(uint16_t port, uint32_t width, uint32_t value)
{
	if (width == 1)
		outb(port, (uint8_t)value);
	else if (width == 2)
		outw(port, (uint16_t)value);
	else
		outl(port, value);
}
