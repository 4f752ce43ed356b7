/*
 * start.S -- from the boot loader (32-bit protected mode, Multiboot2 or PVH) to kernel_main.
 *
 * Maps the first 4 GiB at 0 (until the other CPUs are up) and at DIRECT_MAP, and their first GiB at KERNEL_BASE
 * as well.  boot.c maps the rest of RAM, and then takes from each part of the image the rights that it does not need.
 */
#define KERNEL_BASE 0xffffffff80000000
#define PHYS(x) ((x) - KERNEL_BASE)

	.section .multiboot2, "a"
	.align 8
mb2_header:
	.long 0xe85250d6
	.long 0
	.long mb2_end - mb2_header
	.long -(0xe85250d6 + 0 + (mb2_end - mb2_header))
	/* entry address tag: where to start in 32-bit mode */
	.align 8
	.short 3
	.short 0
	.long 12
	.long PHYS(_start_mb2)
	.align 8
	/* modules on page boundaries */
	.short 6
	.short 0
	.long 8
	.align 8
	.short 0
	.short 0
	.long 8
mb2_end:

	.section .note.Xen, "a"
	.align 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.align 4
	.long PHYS(_start_pvh)

	.section .text.boot, "ax"
	.code32
	.globl _start_pvh, _start_mb2
_start_pvh:
	cld
	movl $0x50564800, %edi		/* our mark for PVH; ebx: hvm_start_info */
	movl %ebx, %esi
	jmp 1f
_start_mb2:
	cld
	movl %eax, %edi			/* 0x36d76289; ebx: the tags */
	movl %ebx, %esi
1:	movl $PHYS(boot_stack_top), %esp
	movl %edi, PHYS(boot_magic)
	movl %esi, PHYS(boot_data)

	/* long mode there? */
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode

	/* page tables: 4 page directories of 2 MiB pages */
	movl $PHYS(boot_pd), %edi
	movl $0x83, %eax
	movl $2048, %ecx
2:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 2b
	movl $PHYS(boot_pdpt_low), %edi
	movl $PHYS(boot_pd) + 3, %eax
	movl $4, %ecx
3:	movl %eax, (%edi)
	addl $0x1000, %eax
	addl $8, %edi
	loop 3b
	movl $PHYS(boot_pd) + 3, PHYS(boot_pdpt_high) + 510 * 8
	movl $PHYS(boot_pdpt_low) + 3, PHYS(boot_pml4)
	movl $PHYS(boot_pdpt_low) + 3, PHYS(boot_pml4) + 256 * 8
	movl $PHYS(boot_pdpt_high) + 3, PHYS(boot_pml4) + 511 * 8

	movl $PHYS(boot_pml4), %eax
	call enter_long_mode
	lgdt PHYS(boot_gdt_pointer)
	ljmp $8, $PHYS(long_mode)

/* eax: the top page table.  Turns on PAE, long mode, NX when there, paging. */
	.globl enter_long_mode
enter_long_mode:
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl $0x80000001, %eax
	cpuid
	xorl %esi, %esi
	btl $20, %edx
	jnc 4f
	movl $0x800, %esi
4:	movl $0xc0000080, %ecx
	rdmsr
	orl $0x101, %eax		/* LME, SCE */
	orl %esi, %eax			/* NXE */
	wrmsr
	movl %cr0, %eax
	andl $0x9fffffff, %eax		/* caches on */
	orl $0x80010000, %eax		/* PG, WP */
	movl %eax, %cr0
	ret

no_long_mode:
	movl $PHYS(no_long_mode_text), %esi
5:	lodsb
	testb %al, %al
	jz 6f
	movw $0x3f8, %dx
	outb %al, %dx
	jmp 5b
6:	movw $0xf4, %dx
	movl $3, %eax
	outl %eax, %dx
7:	hlt
	jmp 7b
no_long_mode_text:
	.asciz "Tessera: this CPU has no 64-bit mode\r\n"

	.code64
long_mode:
	movabsq $high_half, %rax
	jmp *%rax
high_half:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movabsq $boot_stack_top, %rsp
	xorl %ebp, %ebp
	call arch_boot
	ud2

/*
 * Where the other CPUs start: copied to TRAMPOLINE, entered in real mode, one at a time.
 */
#define TRAMPOLINE 0x8000
#define TR(x) ((x) - ap_start + TRAMPOLINE)
	.globl ap_start, ap_end
	.code16
ap_start:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TR(ap_gdt_pointer)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $24, $TR(ap_protected)
	.code32
ap_protected:
	movw $16, %ax
	movw %ax, %ds
	movw %ax, %ss
	movl $PHYS(boot_pml4), %eax
	movl $PHYS(enter_long_mode), %ebx
	movl $TRAMPOLINE + 0xf00, %esp
	call *%ebx
	ljmp $8, $TR(ap_long)
	.code64
ap_long:
	movabsq $ap_high, %rax
	jmp *%rax
	.align 8
ap_gdt_pointer:
	.short 31
	.long PHYS(boot_gdt)
ap_end:

ap_high:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movq ap_stack(%rip), %rsp
	xorl %ebp, %ebp
	movq ap_percpu(%rip), %rdi
	call arch_ap_main
	ud2

	.data
	.globl boot_magic, boot_data, ap_stack, ap_percpu
	.align 8
boot_magic: .quad 0
boot_data: .quad 0
ap_stack: .quad 0
ap_percpu: .quad 0
	.align 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
	.quad 0x00cf9b000000ffff	/* 32-bit code, for the APs' way up */
boot_gdt_pointer:
	.short 31
	.long PHYS(boot_gdt)

	.bss
	.globl boot_pml4, boot_pdpt_low, boot_pdpt_high, boot_pd
	.align 4096
boot_pml4: .skip 4096
boot_pdpt_low: .skip 4096
boot_pdpt_high: .skip 4096
boot_pd: .skip 4 * 4096
boot_stack: .skip 16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
