/*
 * elf_arch.h -- what differs between machines, for the ELF library.
 *
 * Another machine has a file of this name of its own; the library's code does not choose.
 */
#ifndef ELF_ELF_ARCH_H
#define ELF_ELF_ARCH_H

#define ELF_ARCH_MACHINE	62u		/* EM_X86_64 */
#define ELF_ARCH_PLATFORM	"x86_64"	/* AT_PLATFORM */
#define ELF_ARCH_STACK_ALIGN	16u		/* of rsp at entry, psABI 3.4.1 */

#endif
