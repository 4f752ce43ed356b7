# Of the generated stubs.h only the typed stubs: what enters the kernel is the test's.
/^static inline int64_t native_call/,/^}/d
s/^#include <abi\/calls.h>/&\n#include "host_native.h"/
