/*
 * x86.h -- instructions, registers and structures of the machine (Intel SDM volumes 2 and 3).
 */
#ifndef X86_H
#define X86_H

#include "arch_thread.h"
#include "kernel.h"

#define SEL_KCODE 0x10
#define SEL_KDATA 0x18
#define SEL_UDATA 0x2b
#define SEL_UCODE 0x33
#define SEL_TSS 0x40

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_APIC_BASE 0x1b
#define MSR_SYSENTER_CS 0x174

#define RFLAGS_CF 0x1ull
#define RFLAGS_TF 0x100ull
#define RFLAGS_IF 0x200ull
#define RFLAGS_DF 0x400ull
#define RFLAGS_NT 0x4000ull
#define RFLAGS_RF 0x10000ull
#define RFLAGS_AC 0x40000ull
#define RFLAGS_USER 0x254dd5ull		/* CF PF AF ZF SF TF DF OF NT RF AC ID: what user mode may set */

#define CR0_MP 2ull
#define CR0_EM 4ull
#define CR0_TS 8ull
#define CR0_NE 32ull
#define CR4_OSFXSR (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define CR4_PGE (1ull << 7)

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct tss {
	uint32_t pad0;
	uint64_t rsp[3];
	uint64_t pad1;
	uint64_t ist[7];
	uint64_t pad2;
	uint16_t pad3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "TSS, SDM 3A 8.7");

static inline void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline uint8_t inb(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t v;
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}
static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}
static inline uint64_t read_cr0(void) { uint64_t v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline uint64_t read_cr2(void) { uint64_t v; __asm__ volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline uint64_t read_cr3(void) { uint64_t v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline uint64_t read_cr4(void) { uint64_t v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr0(uint64_t v) { __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
static inline void write_cr3(uint64_t v) { __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static inline void write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }

/* cpu.c */
extern bool cpu_has_smap, cpu_has_fsgsbase, cpu_has_xsave, cpu_has_nx;
extern uint32_t ext_area_size;
void cpu_init(struct percpu *p);		/* this CPU's tables and features */
void cpu_check_features(void);			/* a needed one missing: one line, off */
void ext_answer(void);				/* another CPU wants the state that we hold saved */

/* interrupt.c: vectors */
#define VECTOR_IRQ 48				/* + gsi */
#define VECTOR_TIMER 0xf0
#define VECTOR_RESCHEDULE 0xf1
#define VECTOR_TLB 0xf2
#define VECTOR_SPURIOUS 0xff
void apic_init(void);
void apic_init_cpu(void);
void apic_eoi(void);
void apic_ipi(uint32_t apic_id, uint32_t vector);
void apic_start_cpu(uint32_t apic_id, uint32_t page);
void apic_nmi_others(void);
void clock_calibrate(void);

/* acpi.c */
#define ACPI_CPUS CPUS_MAX
struct acpi_info {
	uint32_t ncpus, ncpus_left_out, apic_ids[ACPI_CPUS];
	uint64_t lapic_phys, ioapic_phys;
	uint32_t ioapic_gsi_base;
	uint32_t isa_gsi[16];			/* where each ISA line arrives */
	uint16_t isa_flags[16];
	uint16_t pm1a_control, pm1b_control;
	uint8_t s5_a, s5_b;
	bool s5_known;
	uint16_t reset_port;
	uint8_t reset_value;
};
extern struct acpi_info acpi;
void acpi_init(void);

/* trap.c */
_Noreturn void trap_return_to(struct trap_frame *f);
extern uint64_t trap_stubs[256];
extern uint8_t panicking;
void tlb_answer(void);
uint64_t usercopy_fixup(uint64_t rip, bool *may_resolve);

#endif
