/*
 * number.c -- numbers out of text.
 *
 * Tested: lib/rt/test/rt_test.c
 */
#include <lib/rt/str.h>

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return ~0u;
}

bool rt_parse_u64(const char *s, unsigned base, uint64_t *value, const char **end)
{
	uint64_t n = 0;
	const char *first;

	if (base == 0) {
		base = 10;
		if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
			base = 16;
			s += 2;
		}
	}
	for (first = s; digit_value(*s) < base; s++)
		if (__builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)digit_value(*s), &n))
			return false;
	if (s == first || (!end && *s))
		return false;
	if (end)
		*end = s;
	*value = n;
	return true;
}

bool rt_parse_size(const char *s, uint64_t *value)
{
	unsigned shift = 0;
	const char *end;
	uint64_t n;

	if (!rt_parse_u64(s, 0, &n, &end))
		return false;
	switch (*end) {
	case 'G': shift += 10;	/* fall through */
	case 'M': shift += 10;	/* fall through */
	case 'K': shift += 10; end++; break;
	default: break;
	}
	if (*end || n > ~(uint64_t)0 >> shift)
		return false;
	*value = n << shift;
	return true;
}
