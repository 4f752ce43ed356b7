/*
 * str.h -- bytes, strings, numbers and formatted text for native programs; a subset of C's with C's
 * meanings, and a few of our own (rt_).  No locale, no errno, no allocation, no floating point.
 */
#ifndef LIB_RT_STR_H
#define LIB_RT_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *s, int byte, size_t len);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);
size_t strlcpy(char *to, const char *from, size_t size);	/* strlen(from); cut when >= size */
size_t strlcat(char *to, const char *from, size_t size);

/*
 * %d %i %u %x %X %o %c %s %p %%, with - 0 + space # flags, width and precision (both also *),
 * and hh h l ll z j t.  An unknown directive is printed as it stands.  As in C the length that the
 * whole text would have comes back, and the text is always terminated when size > 0.
 */
int vsnprintf(char *to, size_t size, const char *format, va_list args);
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * A whole unsigned number at s, up to the first character that is no digit: *end points there (end may
 * be NULL: then the number must be all of s).  Base 0: 0x, 0 or decimal.  false: no digits, overflow,
 * or trailing text with end NULL; *value is untouched then.
 */
bool rt_parse_u64(const char *s, unsigned base, uint64_t *value, const char **end);
/* the same, decimal or 0x, with an optional K, M or G: "64M"; always all of s */
bool rt_parse_size(const char *s, uint64_t *value);

#endif
