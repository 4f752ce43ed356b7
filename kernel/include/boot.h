/*
 * boot.h -- what the boot loader told us, whichever it was (Multiboot2 or PVH).
 */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_RANGES 64
struct boot_info {
	struct { uint64_t base, len; uint32_t type; } ranges[BOOT_RANGES];	/* type 1: usable RAM */
	unsigned nranges;
	uint64_t archive_phys, archive_len;
	const char *command_line;
	uint64_t kernel_start, kernel_end;	/* physical */
	uint64_t rsdp;				/* physical, 0: unknown */
};
extern struct boot_info boot_info;
bool memory_is_ram(uint64_t base, uint64_t len);	/* any of it */

/* the value of `name=` on the command line, or NULL; *len its length.  A bare word has length 0. */
const char *boot_option(const char *name, unsigned *len);

#endif
