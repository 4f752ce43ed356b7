/* host_native.h -- native calls of the host tests: each goes to host_native, which a test sets. */
#ifndef HOST_NATIVE_H
#define HOST_NATIVE_H

#include <stdint.h>

struct native_args { uint64_t nr, a[6]; };
extern int64_t (*host_native)(const struct native_args *args);

#define CALL_ARGS(...) (&(struct native_args){ nr, { __VA_ARGS__ } })
static inline int64_t native_call0(uint64_t nr) { return host_native(CALL_ARGS(0)); }
static inline int64_t native_call1(uint64_t nr, uint64_t a) { return host_native(CALL_ARGS(a)); }
static inline int64_t native_call2(uint64_t nr, uint64_t a, uint64_t b) { return host_native(CALL_ARGS(a, b)); }
static inline int64_t native_call3(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return host_native(CALL_ARGS(a, b, c));
}
static inline int64_t native_call4(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return host_native(CALL_ARGS(a, b, c, d));
}
static inline int64_t native_call5(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	return host_native(CALL_ARGS(a, b, c, d, e));
}
static inline int64_t native_call6(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
				   uint64_t f)
{
	return host_native(CALL_ARGS(a, b, c, d, e, f));
}

#endif
