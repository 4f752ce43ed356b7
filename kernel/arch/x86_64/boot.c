/*
 * boot.c -- from the loader's tables to struct boot_info, then the machine up to kernel_main.
 *
 * Both loaders (Multiboot2, PVH) leave their tables anywhere in the first 4 GiB, which start.S has
 * mapped; what is kept is copied before the frame allocator may reuse it.
 * Tested:  tests/boot (PVH, BIOS and UEFI through GRUB).
 */
#include "x86.h"
#include "arch.h"
#include "boot.h"
#include "mm.h"
#include "thread.h"

#define MAGIC_MB2 0x36d76289
#define MAGIC_PVH 0x50564800

struct boot_info boot_info;
static char command_line[2048];
extern uint64_t boot_magic, boot_data, boot_pml4[512], boot_pdpt_low[512], boot_pdpt_high[512], boot_pd[4 * 512];
extern char kernel_image_start[], kernel_text_end[], kernel_data_start[], kernel_image_end[];
extern uint8_t ap_start[], ap_end[];
extern uint64_t ap_stack;
extern struct percpu *ap_percpu;

static void range_add(uint64_t base, uint64_t len, uint32_t type)
{
	if (boot_info.nranges < BOOT_RANGES && len) {
		boot_info.ranges[boot_info.nranges].base = base;
		boot_info.ranges[boot_info.nranges].len = len;
		boot_info.ranges[boot_info.nranges++].type = type;
	}
}

static void command_line_copy(const char *text)
{
	size_t n = strlen(text);

	if (n >= sizeof(command_line))
		n = sizeof(command_line) - 1;
	memcpy(command_line, text, n);
	command_line[n] = 0;
}

/* The loader's copy lies in memory that is free for all from now on. */
static void rsdp_copy(const uint8_t *from, uint32_t len)
{
	static uint8_t rsdp[36];

	memcpy(rsdp, from, MIN(len, sizeof(rsdp)));
	boot_info.rsdp = (uint64_t)rsdp - KERNEL_BASE;
}

/* Multiboot2 specification 2.0, section 3.6 */
static void mb2_parse(const uint8_t *info)
{
	const uint8_t *p = info + 8, *end = info + *(const uint32_t *)info;

	while (p + 8 <= end) {
		uint32_t type = *(const uint32_t *)p, size = *(const uint32_t *)(p + 4);

		if (type == 0 || size < 8)
			break;
		if (type == 1)
			command_line_copy((const char *)p + 8);
		if (type == 3 && !boot_info.archive_len) {
			boot_info.archive_phys = *(const uint32_t *)(p + 8);
			boot_info.archive_len = *(const uint32_t *)(p + 12) - boot_info.archive_phys;
		}
		if (type == 6)
			for (const uint8_t *e = p + 16; e < p + size; e += *(const uint32_t *)(p + 8))
				range_add(*(const uint64_t *)e, *(const uint64_t *)(e + 8),
					  *(const uint32_t *)(e + 16));
		if ((type == 14 && !boot_info.rsdp) || type == 15)
			rsdp_copy(p + 8, size - 8);
		p += ALIGN_UP(size, 8u);
	}
}

/* Xen's hvm_start_info, as QEMU fills it in */
struct pvh_info {
	uint32_t magic, version, flags, nmodules;
	uint64_t modules, command_line, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct pvh_module { uint64_t base, size, command_line, reserved; };
struct pvh_range { uint64_t base, len; uint32_t type, reserved; };

static void pvh_parse(const struct pvh_info *info)
{
	const struct pvh_range *r = phys_to_virt(info->memmap);

	if (info->command_line)
		command_line_copy(phys_to_virt(info->command_line));
	if (info->nmodules) {
		const struct pvh_module *m = phys_to_virt(info->modules);

		boot_info.archive_phys = m->base;
		boot_info.archive_len = m->size;
	}
	boot_info.rsdp = info->rsdp;
	for (uint32_t i = 0; info->version >= 1 && i < info->memmap_entries; i++)
		range_add(r[i].base, r[i].len, r[i].type);
}

const char *boot_option(const char *name, unsigned *len)
{
	size_t n = strlen(name);

	for (const char *p = command_line; *p; ) {
		const char *end = p;

		while (*end && *end != ' ')
			end++;
		if ((size_t)(end - p) >= n && memcmp(p, name, n) == 0 && (p + n == end || p[n] == '=')) {
			p += n + (p + n < end);
			*len = (unsigned)(end - p);
			return p;
		}
		p = *end ? end + 1 : end;
	}
	return NULL;
}

bool memory_is_ram(uint64_t base, uint64_t len)
{
	for (unsigned i = 0; i < boot_info.nranges; i++)
		if (boot_info.ranges[i].type == 1 && boot_info.ranges[i].base < base + len &&
		    boot_info.ranges[i].base + boot_info.ranges[i].len > base)
			return true;
	return false;
}

/* A page of RAM below 4 GiB for tables, taken off the end of a usable range. */
static uint64_t early_page(void)
{
	for (unsigned i = 0; i < boot_info.nranges; i++) {
		uint64_t end = boot_info.ranges[i].base + boot_info.ranges[i].len;

		end = ALIGN_DOWN(end, PAGE_SIZE);
		if (boot_info.ranges[i].type != 1 || boot_info.ranges[i].len < 16 << 20 || end > 1ull << 32 ||
		    (boot_info.archive_phys < end && boot_info.archive_phys + boot_info.archive_len > end - PAGE_SIZE))
			continue;
		boot_info.ranges[i].len = end - PAGE_SIZE - boot_info.ranges[i].base;
		memset(phys_to_virt(end - PAGE_SIZE), 0, PAGE_SIZE);
		return end - PAGE_SIZE;
	}
	panic("no memory for the direct map");
}

/* The direct map: uncached where there is no RAM below 4 GiB, and on to the end of RAM above. */
static void direct_map_extend(void)
{
	uint64_t top = 0;

	for (uint64_t i = 0; i < 2048; i++)
		if (!memory_is_ram(i << 21, 1 << 21) && i >= 8)
			boot_pd[i] |= 0x18;
	for (unsigned i = 0; i < boot_info.nranges; i++)
		if (boot_info.ranges[i].type == 1)
			top = MAX(top, boot_info.ranges[i].base + boot_info.ranges[i].len);
	top = MIN(top, 512ull << 30);
	for (uint64_t g = 4; g << 30 < top; g++) {
		uint64_t pd = early_page(), *e = phys_to_virt(pd);

		for (uint64_t i = 0; i < 512; i++)
			e[i] = (g << 30 | i << 21) | 0x83;
		boot_pdpt_low[g] = pd | 3;
	}
	write_cr3(read_cr3());
}

/*
 * From here on nothing in the kernel's half can be both written and executed: of the image, code is not
 * writable and the rest not executable; nor is the direct map (the identity map is, until the APs are up).
 */
static void image_protect(void)
{
	static uint64_t directory[512] __attribute__((aligned(4096))), tables[4][512] __attribute__((aligned(4096)));
	uint64_t nx = cpu_has_nx ? 1ull << 63 : 0;

	KASSERT((uint64_t)kernel_image_end - KERNEL_BASE <= sizeof(tables) / 8 * PAGE_SIZE);
	for (int i = 0; i < 4; i++)
		directory[i] = ((uint64_t)tables[i] - KERNEL_BASE) | X86_P | X86_W;
	for (uint64_t at = (uint64_t)kernel_image_start; at < (uint64_t)kernel_image_end; at += PAGE_SIZE) {
		uint64_t page = (at - KERNEL_BASE) >> 12;
		bool code = at < (uint64_t)kernel_text_end, data = at >= (uint64_t)kernel_data_start;

		tables[page / 512][page % 512] = page << 12 | X86_P | (code ? 0 : nx) | (data ? X86_W : 0);
	}
	boot_pdpt_high[510] = ((uint64_t)directory - KERNEL_BASE) | X86_P | X86_W;
	boot_pml4[256] |= nx;
	write_cr3(read_cr3());
}

static void range_require(void)
{
	uint64_t ram = 0;

	for (unsigned i = 0; i < boot_info.nranges; i++)
		if (boot_info.ranges[i].type == 1)
			ram += boot_info.ranges[i].len;
	if (ram < (24ull << 20)) {
		kprintf("Tessera: too little memory: %lu KiB, 32 MiB are needed\n", (unsigned long)(ram >> 10));
		arch_power_off(POWER_OFF_ABI, 1);
	}
	if (!boot_info.archive_len) {
		kprintf("Tessera: no boot archive: give one as GRUB's module or QEMU's -initrd\n");
		arch_power_off(POWER_OFF_ABI, 1);
	}
}

_Noreturn void arch_boot(void)
{
	percpu_of[0].id = 0;
	percpu_of[0].self = &percpu_of[0];
	wrmsr(MSR_GS_BASE, (uint64_t)&percpu_of[0]);	/* locks and printing need it */
	boot_info.command_line = command_line;
	boot_info.kernel_start = (uint64_t)kernel_image_start - KERNEL_BASE;
	boot_info.kernel_end = (uint64_t)kernel_image_end - KERNEL_BASE;
	if ((uint32_t)boot_magic == MAGIC_MB2)
		mb2_parse(phys_to_virt(boot_data));
	else if ((uint32_t)boot_magic == MAGIC_PVH)
		pvh_parse(phys_to_virt(boot_data));
	cpu_init(&percpu_of[0]);
	range_require();
	direct_map_extend();
	image_protect();
	kernel_main();
}

void arch_init_bsp(void)
{
	acpi_init();
	apic_init();
	apic_init_cpu();
	clock_calibrate();
	percpu()->online = true;
}

_Noreturn void arch_ap_main(struct percpu *p)
{
	cpu_init(p);
	apic_init_cpu();
	atomic_store(&p->online, true);		/* from here on it takes interrupts from other CPUs */
	scheduler_idle();
}

#define AP_START_NS 10000000000ull	/* an emulator on a busy host may let one wait for seconds */

/* One after the other, each with the stack of its idle thread (made by the scheduler). */
void arch_start_aps(void)
{
	uint32_t self = percpu()->apic_id, wanted = acpi.ncpus;
	unsigned len;
	const char *limit = boot_option("cpus", &len);

	if (limit && len == 1 && *limit >= '1' && *limit <= '9')
		wanted = MIN(wanted, (uint32_t)(*limit - '0'));
	if (acpi.ncpus_left_out)
		kprintf("%u CPUs are not used: %u is the most\n", acpi.ncpus_left_out, ACPI_CPUS);
	memcpy(phys_to_virt(0x8000), ap_start, (size_t)(ap_end - ap_start));
	for (uint32_t i = 0; i < acpi.ncpus && cpu_count < wanted; i++) {
		struct percpu *p = &percpu_of[cpu_count];
		uint64_t deadline;

		if (acpi.apic_ids[i] == self)
			continue;
		p->id = cpu_count;
		p->apic_id = acpi.apic_ids[i];
		ap_percpu = p;
		ap_stack = p->idle->arch.kstack_top;
		__sync_synchronize();
		apic_start_cpu(p->apic_id, 8);
		for (deadline = arch_clock_ns() + AP_START_NS; !atomic_load(&p->online); )
			if (arch_clock_ns() > deadline)
				break;
		if (!p->online) {
			kprintf("CPU with APIC id %u does not start\n", p->apic_id);
			break;
		}
		cpu_count++;
	}
	boot_pml4[0] = 0;			/* the identity map was for their first steps */
	write_cr3(read_cr3());
}

/* --- the end ------------------------------------------------------------------------------------------ */

_Noreturn void arch_power_off(uint32_t how, uint32_t code)
{
	unsigned len;

	if (how == POWER_RESET) {
		if (acpi.reset_port)
			outb(acpi.reset_port, acpi.reset_value);
		outb(0x64, 0xfe);
	}
	/* QEMU's isa-debug-exit: status (value << 1) | 1; 33 is an orderly end */
	if (boot_option("debugexit", &len))
		outl(0xf4, code == 0 ? 16 : 16 + code);
	if (acpi.s5_known && acpi.pm1a_control) {
		outw(acpi.pm1a_control, (uint16_t)(acpi.s5_a << 10 | 1 << 13));
		if (acpi.pm1b_control)
			outw(acpi.pm1b_control, (uint16_t)(acpi.s5_b << 10 | 1 << 13));
	}
	arch_halt();
}

void arch_early_putc(char c)
{
	if (c == '\n')
		arch_early_putc('\r');
	for (int i = 0; i < 100000 && !(inb(0x3f8 + 5) & 0x20); i++)
		;
	outb(0x3f8, (uint8_t)c);
}
