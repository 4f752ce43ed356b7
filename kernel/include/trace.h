/*
 * trace.h -- trace points: one test when off.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "kernel.h"

extern bool trace_on;
void trace_record(uint16_t event, uint64_t a, uint64_t b);

static inline void trace(uint16_t event, uint64_t a, uint64_t b)
{
	if (unlikely(trace_on))
		trace_record(event, a, b);
}

#endif
