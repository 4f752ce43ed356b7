/*
 * smap.h -- STAC and CLAC for assembly: on a CPU without SMAP, where they are undefined, cpu_init makes them NOPs.
 */
#ifndef X86_SMAP_H
#define X86_SMAP_H

	.macro SMAP_ONLY instruction
771:	\instruction
	.pushsection .smap_sites, "a"
	.quad 771b
	.popsection
	.endm

#endif
