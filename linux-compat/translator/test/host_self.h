/*
 * host_self.h -- in place of ../self.h: the block is a variable.  The compiler includes this first
 * (-include), so that the guard shuts the other one out; the stubs are replaced in the same way.
 */
#ifndef TRANSLATOR_SELF_H
#define TRANSLATOR_SELF_H

#include <stdint.h>

extern uint8_t host_block[];
static inline uint64_t self_block(void) { return (uint64_t)host_block; }

#endif
