/*
 * trace.h -- trace points: `if (unlikely(trace_on))` and a call, so that they cost two instructions when off.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "kernel.h"

extern bool trace_on;
void trace_record(uint16_t event, uint64_t a, uint64_t b);	/* enum trace_event */
void trace_show(void);

#endif
