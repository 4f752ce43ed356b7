/*
 * image.h -- what linuxd must know of the translator's image to start threads in it.
 *
 * The file `translator` is an ELF with one PT_LOAD (read, execute) at TRANSLATOR_BASE: its file bytes,
 * from p_offset on, p_filesz of them, are mapped there as they are.  It has no writable segment.  The
 * header is the first thing in that segment.
 *
 * thread_args of every thread of a Linux task: window_lo .. exit_hi from here.  A fresh program's
 * first thread starts at `start` with RDI = block (RSP does not matter); where a fork
 * or vfork child or a thread starts, the translator says itself.
 */
#ifndef LINUX_TRANSLATOR_IMAGE_H
#define LINUX_TRANSLATOR_IMAGE_H

#include <stdint.h>

#define TRANSLATOR_MAGIC	0x6e61725461726573ull
#define TRANSLATOR_VERSION	1

struct translator_header {
	uint64_t magic;
	uint32_t version, size;		/* of this header */
	uint64_t window_lo, window_hi;
	uint64_t entry_call, entry_exception, entry_interrupt;
	uint64_t exit_lo, exit_hi;
	uint64_t start;		/* of a fresh program's first thread */
};
_Static_assert(sizeof(struct translator_header) == 80, "entry.S lays it out");

/*
 * In [exit_lo, exit_hi) an interrupt is taken by going back: RIP = exit_lo, RSP = the top of the
 * upcall stack (block + BLOCK_SIZE - 64), every other register as it is.
 */

/* Status flags of a Descriptor that only user space reads: the bits of O_ flags from O_DSYNC up. */
#define DESC_USER_O_SHIFT	12
#define DESC_USER_O_MASK	0xffffu

#endif
