/*
 * acpi.c -- the few ACPI tables that a kernel without AML needs: MADT (CPUs, I/O APIC), FADT (power).
 *
 * The S5 sleep type stands in AML; the _S5_ package is a constant in every firmware met, and is found
 * by its encoding (ACPI 6.4, 20.2.5.4).  Tested: every boot test powers off by it or by debug-exit.
 */
#include "x86.h"
#include "boot.h"
#include "mm.h"

struct acpi_info acpi;

struct sdt {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char ids[14];
	uint32_t rest[3];
} __attribute__((packed));
_Static_assert(sizeof(struct sdt) == 36, "ACPI 5.2.6");

static bool sum_ok(const void *p, uint32_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += b[i];
	return sum == 0;
}

static const uint8_t *rsdp_scan(uint64_t from, uint64_t to)
{
	for (uint64_t a = from; a < to; a += 16) {
		const uint8_t *p = phys_to_virt(a);

		if (memcmp(p, "RSD PTR ", 8) == 0 && sum_ok(p, 20))
			return p;
	}
	return NULL;
}

static const uint8_t *rsdp_find(void)
{
	const uint8_t *p;
	uint64_t ebda = (uint64_t)*(uint16_t *)phys_to_virt(0x40e) << 4;

	if (boot_info.rsdp)
		return phys_to_virt(boot_info.rsdp);
	p = ebda ? rsdp_scan(ebda, ebda + 1024) : NULL;
	return p ? p : rsdp_scan(0xe0000, 0x100000);
}

static void madt_parse(const struct sdt *t)
{
	const uint8_t *p = (const uint8_t *)t + 44, *end = (const uint8_t *)t + t->length;

	acpi.lapic_phys = *(const uint32_t *)((const uint8_t *)t + 36);
	for (; p + 2 <= end && p[1] >= 2; p += p[1]) {
		if (p[0] == 0 && (p[4] & 1)) {
			if (acpi.ncpus < ACPI_CPUS)
				acpi.apic_ids[acpi.ncpus++] = p[3];
			else
				acpi.ncpus_left_out++;
		} else if (p[0] == 1 && !acpi.ioapic_phys) {
			acpi.ioapic_phys = *(const uint32_t *)(p + 4);
			acpi.ioapic_gsi_base = *(const uint32_t *)(p + 8);
		} else if (p[0] == 2 && p[3] < 16) {
			acpi.isa_gsi[p[3]] = *(const uint32_t *)(p + 4);
			acpi.isa_flags[p[3]] = *(const uint16_t *)(p + 8);
		}
	}
}

static void dsdt_parse(const struct sdt *t)
{
	const uint8_t *p = (const uint8_t *)t, *end = p + t->length - 12;

	for (; p < end; p++) {
		const uint8_t *q;

		if (memcmp(p, "_S5_", 4) != 0 || p[4] != 0x12)
			continue;
		q = p + 5 + (p[5] >> 6) + 2;	/* PkgLength, NumElements */
		if (*q == 0x0a)
			q++;
		acpi.s5_a = *q++;
		if (*q == 0x0a)
			q++;
		acpi.s5_b = *q;
		acpi.s5_known = true;
		return;
	}
}

static void fadt_parse(const struct sdt *t)
{
	const uint8_t *p = (const uint8_t *)t;

	acpi.pm1a_control = (uint16_t)*(const uint32_t *)(p + 64);
	acpi.pm1b_control = (uint16_t)*(const uint32_t *)(p + 68);
	if (t->length >= 129 && (*(const uint32_t *)(p + 112) & 1 << 10) && p[116] == 1) {
		acpi.reset_port = (uint16_t)*(const uint64_t *)(p + 120);
		acpi.reset_value = p[128];
	}
	dsdt_parse(phys_to_virt(*(const uint32_t *)(p + 40)));
}

static void table_visit(uint64_t phys)
{
	const struct sdt *t = phys_to_virt(phys);

	if (memcmp(t->signature, "APIC", 4) == 0)
		madt_parse(t);
	else if (memcmp(t->signature, "FACP", 4) == 0)
		fadt_parse(t);
}

void acpi_init(void)
{
	const uint8_t *rsdp = rsdp_find();
	bool wide;
	const struct sdt *root;

	for (uint32_t i = 0; i < 16; i++)
		acpi.isa_gsi[i] = i;
	acpi.lapic_phys = 0xfee00000;
	if (rsdp) {
		wide = rsdp[15] >= 2 && *(const uint64_t *)(rsdp + 24);
		root = phys_to_virt(wide ? *(const uint64_t *)(rsdp + 24) : *(const uint32_t *)(rsdp + 16));
		for (uint32_t off = sizeof(*root); off < root->length; off += wide ? 8 : 4)
			table_visit(wide ? *(const uint64_t *)((const uint8_t *)root + off)
					 : *(const uint32_t *)((const uint8_t *)root + off));
	}
	if (!acpi.ncpus)
		acpi.ncpus = 1;
}
