/*
 * interrupt.c -- local APIC, I/O APIC, the clock and its calibration (SDM 3A chapter 11, 82093AA).
 *
 * Owns:    the vectors; each line's redirection entry.
 * Locks:   ioapic_lock (RANK_TLB: innermost) around the I/O APIC's index/data pair.
 * Tested:  every boot test.
 */
#include "x86.h"
#include "arch.h"
#include "lock.h"
#include "mm.h"

#define LAPIC_ID 0x20
#define LAPIC_TPR 0x80
#define LAPIC_EOI 0xb0
#define LAPIC_SVR 0xf0
#define LAPIC_ICR 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0
#define ICR_BUSY (1u << 12)

uint64_t tsc_hz, tsc_mult, tsc_start;
static uint64_t lapic_mult;		/* timer ticks per ns, 32.32 */
static volatile uint32_t *lapic, *ioapic;
static struct spinlock ioapic_lock = SPINLOCK(RANK_TLB);

static uint32_t lapic_read(uint32_t reg) { return lapic[reg / 4]; }
static void lapic_write(uint32_t reg, uint32_t v) { lapic[reg / 4] = v; }

void apic_eoi(void) { lapic_write(LAPIC_EOI, 0); }

static void icr_write(uint32_t apic_id, uint32_t low)
{
	while (lapic_read(LAPIC_ICR) & ICR_BUSY)
		__builtin_ia32_pause();
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR, low);
}

void apic_ipi(uint32_t apic_id, uint32_t vector) { icr_write(apic_id, vector); }

void apic_start_cpu(uint32_t apic_id, uint32_t page)
{
	uint64_t t;

	icr_write(apic_id, 0x4500);			/* INIT */
	for (t = arch_clock_ns() + 200000; arch_clock_ns() < t; )
		__builtin_ia32_pause();
	icr_write(apic_id, 0x4600 | page);		/* STARTUP, twice as the SDM asks */
	for (t = arch_clock_ns() + 200000; arch_clock_ns() < t; )
		__builtin_ia32_pause();
	icr_write(apic_id, 0x4600 | page);
}

void apic_nmi_others(void) { icr_write(0, 0xc4400); }

static uint32_t ioapic_read(uint32_t reg)
{
	ioapic[0] = reg;
	return ioapic[4];
}

static void ioapic_write(uint32_t reg, uint32_t v)
{
	ioapic[0] = reg;
	ioapic[4] = v;
}

void arch_irq_route(uint32_t gsi)
{
	uint32_t pin = gsi - acpi.ioapic_gsi_base, low = (VECTOR_IRQ + gsi) | 1 << 16;

	for (int i = 0; i < 16; i++) {		/* an ISA line with an override has its own polarity */
		if (acpi.isa_gsi[i] == gsi && (acpi.isa_flags[i] & 3) == 3)
			low |= 1 << 13;
		if (acpi.isa_gsi[i] == gsi && (acpi.isa_flags[i] >> 2 & 3) == 3)
			low |= 1 << 15;
	}
	if (gsi >= 16)
		low |= 1 << 13 | 1 << 15;	/* PCI: level, active low */
	spin_lock(&ioapic_lock);
	ioapic_write(0x10 + 2 * pin + 1, percpu()->apic_id << 24);
	ioapic_write(0x10 + 2 * pin, low);
	spin_unlock(&ioapic_lock);
}

void arch_irq_mask(uint32_t gsi, bool masked)
{
	uint32_t pin = gsi - acpi.ioapic_gsi_base, low;

	spin_lock(&ioapic_lock);
	low = ioapic_read(0x10 + 2 * pin);
	ioapic_write(0x10 + 2 * pin, masked ? low | 1 << 16 : low & ~(1u << 16));
	spin_unlock(&ioapic_lock);
}

static void pic_off(void)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, 0x20);
	outb(0xa1, 0x28);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void apic_init(void)
{
	pic_off();
	lapic = phys_to_virt(acpi.lapic_phys);
	if (acpi.ioapic_phys)
		ioapic = phys_to_virt(acpi.ioapic_phys);
	if (ioapic)
		for (uint32_t pin = 0; pin <= (ioapic_read(1) >> 16 & 0xff); pin++)
			ioapic_write(0x10 + 2 * pin, 1 << 16);
}

void apic_init_cpu(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 11);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
	lapic_write(LAPIC_LVT_LINT0, 1 << 16);
	lapic_write(LAPIC_LVT_LINT1, 1 << 16);
	lapic_write(LAPIC_TIMER_DIVIDE, 0xb);		/* by 1 */
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);	/* one shot */
	percpu()->apic_id = lapic_read(LAPIC_ID) >> 24;
}

/* a * b / c, where the quotient fits into 64 bits. */
static uint64_t muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t lo, hi;

	__asm__("mulq %3; divq %4" : "=&a"(lo), "=&d"(hi) : "0"(a), "r"(b), "r"(c) : "cc");
	return lo;
}

/*
 * TSC and APIC timer against the PIT's channel 2 (1,193,182 Hz), over about 10 ms: as good as the
 * PIT's 0.84 us, 84 ppm.
 */
void clock_calibrate(void)
{
	const uint32_t ticks = 11932;
	uint64_t t0, t1, ns = (uint64_t)ticks * 1000000000 / 1193182;
	uint32_t count;

	outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
	outb(0x43, 0xb0);
	outb(0x42, ticks & 0xff);
	outb(0x42, ticks >> 8);
	lapic_write(LAPIC_LVT_TIMER, 1 << 16 | VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, 0xffffffff);
	t0 = rdtsc();
	while (!(inb(0x61) & 0x20))
		;
	t1 = rdtsc();
	count = 0xffffffff - lapic_read(LAPIC_TIMER_CURRENT);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
	tsc_start = t0;
	tsc_hz = muldiv(t1 - t0, 1000000000, ns);
	if (tsc_hz > 999000000 && tsc_hz < 1001000000)
		tsc_hz = 1000000000;		/* QEMU's TCG: exactly 1 GHz, whatever the PIT's rounding */
	tsc_mult = muldiv(1000000000, 1ull << 32, tsc_hz);
	lapic_mult = muldiv(count, 1ull << 32, ns);
}

uint64_t arch_clock_ns(void)
{
	return (uint64_t)((unsigned __int128)(rdtsc() - tsc_start) * tsc_mult >> 32);
}

void arch_timer_set(uint64_t deadline_ns)
{
	uint64_t now, ticks;

	if (deadline_ns == DEADLINE_NEVER) {
		lapic_write(LAPIC_TIMER_INITIAL, 0);
		return;
	}
	now = arch_clock_ns();
	ticks = deadline_ns <= now ? 1 :
		(uint64_t)((unsigned __int128)MIN(deadline_ns - now, 1000000000ull) * lapic_mult >> 32) + 1;
	lapic_write(LAPIC_TIMER_INITIAL, (uint32_t)MIN(ticks, 0xffffffffull));
}

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static uint32_t bcd(uint8_t v, bool binary) { return binary ? v : (v >> 4) * 10u + (v & 15); }

/* Seconds since 1970 from the CMOS clock (UTC), read between two updates. */
uint64_t arch_rtc_seconds(void)
{
	uint8_t r[6], again[6];
	static const uint8_t regs[6] = { 0, 2, 4, 7, 8, 9 };
	bool binary = cmos(0x0b) & 4;
	uint32_t y, m, d;
	uint64_t days;

	do {
		for (int i = 0; i < 6; i++)
			r[i] = cmos(regs[i]);
		for (int i = 0; i < 6; i++)
			again[i] = cmos(regs[i]);
	} while ((cmos(0x0a) & 0x80) || memcmp(r, again, 6) != 0);
	d = bcd(r[3], binary);
	m = bcd(r[4], binary);
	y = 2000 + bcd(r[5], binary);
	if (m <= 2) {			/* days from civil, proleptic Gregorian */
		m += 12;
		y--;
	}
	days = 365ull * y + y / 4 - y / 100 + y / 400 + (153 * (m - 3) + 2) / 5 + d - 1 - 719468;
	return days * 86400 + bcd(r[2], binary) * 3600 + bcd(r[1], binary) * 60 + bcd(r[0], binary);
}

uint32_t arch_irq_of_isa(uint32_t line) { return line < 16 ? acpi.isa_gsi[line] : line; }
