/*
 * self.h -- how the translator finds its block: its stack lies in it.  Host tests have another self.h.
 */
#ifndef TRANSLATOR_SELF_H
#define TRANSLATOR_SELF_H

static inline uint64_t self_block(void)
{
	uint64_t rsp;

	__asm__("mov %%rsp, %0" : "=r"(rsp));
	return rsp & ~(BLOCK_SIZE - 1);
}

#endif
