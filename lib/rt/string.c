/*
 * string.c -- bytes and strings.
 *
 * Copies use rep movsq: a byte at a time costs eight times as much where there is no fast string
 * support (QEMU's TCG, older machines).  Short ones take two overlapping moves and no loop.
 * Built without the compiler's loop-to-library-call conversion, which would make these call themselves.
 *
 * Tested: lib/rt/test/rt_test.c
 */
#include <lib/rt/str.h>

typedef uint64_t unaligned_u64 __attribute__((aligned(1), may_alias));
typedef uint32_t unaligned_u32 __attribute__((aligned(1), may_alias));
typedef uint16_t unaligned_u16 __attribute__((aligned(1), may_alias));

/* len <= 16; both ends are read before anything is written, so that overlap does no harm */
static void copy_short(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len >= 8) {
		uint64_t head = *(const unaligned_u64 *)from, tail = *(const unaligned_u64 *)(from + len - 8);

		*(unaligned_u64 *)to = head;
		*(unaligned_u64 *)(to + len - 8) = tail;
	} else if (len >= 4) {
		uint32_t head = *(const unaligned_u32 *)from, tail = *(const unaligned_u32 *)(from + len - 4);

		*(unaligned_u32 *)to = head;
		*(unaligned_u32 *)(to + len - 4) = tail;
	} else if (len >= 2) {
		uint16_t head = *(const unaligned_u16 *)from, tail = *(const unaligned_u16 *)(from + len - 2);

		*(unaligned_u16 *)to = head;
		*(unaligned_u16 *)(to + len - 2) = tail;
	} else if (len) {
		*to = *from;
	}
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	void *d = to;
	const void *s = from;
	size_t words = len / 8;
	uint64_t tail;

	if (len <= 16) {
		copy_short(to, from, len);
		return to;
	}
	tail = *(const unaligned_u64 *)((const uint8_t *)from + len - 8);
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
	*(unaligned_u64 *)((uint8_t *)to + len - 8) = tail;
	return to;
}

/* From the end: quadwords first, then the len % 8 bytes at the start. */
static void move_backward(uint8_t *to, const uint8_t *from, size_t len)
{
	while (len >= 8) {
		len -= 8;
		*(unaligned_u64 *)(to + len) = *(const unaligned_u64 *)(from + len);
	}
	copy_short(to, from, len);
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (len <= 16) {
		copy_short(d, s, len);
	} else if ((uint64_t)d - (uint64_t)s >= len) {	/* to lies before from, or beyond its end */
		size_t words = len / 8, rest = len % 8;

		__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
		copy_short(d, s, rest);
	} else {
		move_backward(d, s, len);
	}
	return to;
}

void *memset(void *to, int byte, size_t len)
{
	uint64_t pattern = 0x0101010101010101ull * (uint8_t)byte;
	size_t words = len / 8;
	uint8_t *p = to;
	void *d = to;

	if (len < 8) {
		while (len--)
			*p++ = (uint8_t)byte;
		return to;
	}
	*(unaligned_u64 *)(p + len - 8) = pattern;
	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *p = a, *q = b;

	while (len >= 8 && *(const unaligned_u64 *)p == *(const unaligned_u64 *)q) {
		p += 8;
		q += 8;
		len -= 8;
	}
	for (; len; len--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *s, int byte, size_t len)
{
	for (const uint8_t *p = s; len; len--, p++)
		if (*p == (uint8_t)byte)
			return (void *)p;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; max--, a++, b++)
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (;; s++) {
		if (*s == (char)c)
			found = s;
		if (!*s)
			return (char *)found;
	}
}

char *strstr(const char *s, const char *part)
{
	size_t len = strlen(part);

	for (;; s++) {
		if (!strncmp(s, part, len))
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from);

	if (size) {
		size_t n = len < size ? len : size - 1;

		memcpy(to, from, n);
		to[n] = 0;
	}
	return len;
}

size_t strlcat(char *to, const char *from, size_t size)
{
	size_t used = strnlen(to, size);

	if (used == size)
		return size + strlen(from);
	return used + strlcpy(to + used, from, size - used);
}
