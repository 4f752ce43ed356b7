/* self.h -- of the host tests: the block is a variable. */
#ifndef TRANSLATOR_SELF_H
#define TRANSLATOR_SELF_H

extern uint8_t host_block[];
static inline uint64_t self_block(void) { return (uint64_t)host_block; }

#endif
