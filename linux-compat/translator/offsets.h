/*
 * offsets.h -- numbers that entry.S and the C files must agree on; asserted in translator.h.
 */
#ifndef TRANSLATOR_OFFSETS_H
#define TRANSLATOR_OFFSETS_H

#define BLOCK_BYTES		32768
#define UPCALL_TOP		(BLOCK_BYTES - 64)	/* of the upcall stack, from the block's start */

#define UTCB_LATCH		0
#define UTCB_CALL_RIP		32
#define UTCB_CALL_RSP		40
#define UTCB_CALL_RFLAGS	48
#define THREAD_LIMIT		4096			/* first word of the thread's data */
#define FRAME_AT		(4096 + 2048)		/* the frame of the call in progress, in the same page */

#define FRAME_ORIG_RAX		0
#define FRAME_RDI		8
#define FRAME_RSI		16
#define FRAME_RDX		24
#define FRAME_R10		32
#define FRAME_R8		40
#define FRAME_R9		48
#define FRAME_RBX		56
#define FRAME_RBP		64
#define FRAME_R12		72
#define FRAME_R13		80
#define FRAME_R14		88
#define FRAME_R15		96
#define FRAME_SIZE		104

#define FLAGS_SLOW		0x54500			/* TF DF NT RF AC: only IRETQ restores them well */

#define CALLS_MAX		450			/* the highest number in the table */

#endif
