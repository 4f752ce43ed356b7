/*
 * kernel.h -- what every kernel file may use: assertions, printing, arithmetic, atomics.
 *
 * The kernel runs with interrupts off except in the idle loop and at preempt_point(); so per-CPU data
 * needs no guard and a spinlock no flags.  A long loop calls preempt_point() with no lock held.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <abi/native.h>

void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kvprintf(const char *format, va_list args);
int ksnprintf(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* our bug: stop the machine */
#define KASSERT(x) \
	do { if (__builtin_expect(!(x), 0)) panic("%s:%d: %s", __FILE__, __LINE__, #x); } while (0)
/* the caller's bug: an error code */
#define REQUIRE(x, code) \
	do { if (__builtin_expect(!(x), 0)) return (code); } while (0)

#ifndef DEBUG_LOCKS
#define DEBUG_LOCKS 0		/* 1: check ranks and holders of locks (configure --enable-debug) */
#endif

#ifndef DEBUG_DELAYS
#define DEBUG_DELAYS 0		/* 1: delays can be forced at hand-overs (delay.h; configure --enable-debug) */
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))

#define atomic_load(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define atomic_store(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_add(p, v) __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST)	/* the new value */
#define atomic_sub(p, v) __atomic_sub_fetch(p, v, __ATOMIC_SEQ_CST)	/* the new value */
#define atomic_or(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)	/* the old value */
#define atomic_and(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)	/* the old value */
#define atomic_xchg(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_cas(p, old, new) \
	({ __typeof__(*(p)) e_ = (old); \
	   __atomic_compare_exchange_n(p, &e_, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); })

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

void log_text(const char *text, size_t len);	/* to the kernel log */
uint64_t log_end(void);
extern bool log_serial;				/* and to COM1 */
extern uint8_t panicking;
uint64_t random_u64(void);	/* the kernel's generator; also random_fill(buf, len) in random.c */

void build_id_text(char *buf, size_t size);

/*
 * Let interrupts and a due switch happen.  No lock may be held.  False: this thread is to die, or the lease of
 * its operation has ended.
 */
bool preempt_point(void);

#endif
