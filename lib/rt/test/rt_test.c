/*
 * rt_test.c -- the string functions, the formatter and the number parser, against the host's.
 *
 * The runtime's sources are included under other names, beside libc's own.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lib/test/tap.h>

#define memcpy rt_memcpy
#define memmove rt_memmove
#define memset rt_memset
#define memcmp rt_memcmp
#define memchr rt_memchr
#define strlen rt_strlen
#define strnlen rt_strnlen
#define strcmp rt_strcmp
#define strncmp rt_strncmp
#define strchr rt_strchr
#define strrchr rt_strrchr
#define strstr rt_strstr
#define strlcpy rt_strlcpy
#define strlcat rt_strlcat
#define snprintf rt_snprintf
#define vsnprintf rt_vsnprintf
#include "../string.c"
#include "../format.c"
#include "../number.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#undef strlcpy
#undef strlcat
#undef snprintf
#undef vsnprintf

static void fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rand();
}

static void copies_every_short_length(void)
{
	for (size_t len = 0; len < 100; len++) {
		uint8_t *from = malloc(len + 1), *to = malloc(len + 1);

		fill(from, len + 1);
		fill(to, len + 1);
		to[len] = 0xa5;
		CHECK(rt_memcpy(to, from, len) == to);
		CHECK(!memcmp(to, from, len) && to[len] == 0xa5);
		free(from);
		free(to);
	}
}

static void moves_overlapping_ranges(void)
{
	uint8_t ours[160], theirs[160];

	for (size_t from = 0; from < 50; from++) {
		for (size_t to = 0; to < 50; to++) {
			for (size_t len = 0; len < 100; len += 7) {
				fill(ours, sizeof(ours));
				memcpy(theirs, ours, sizeof(ours));
				rt_memmove(ours + to, ours + from, len);
				memmove(theirs + to, theirs + from, len);
				CHECK(!memcmp(ours, theirs, sizeof(ours)));
			}
		}
	}
}

static void sets_every_short_length(void)
{
	for (size_t len = 0; len < 100; len++) {
		uint8_t *p = malloc(len + 1);

		p[len] = 0xa5;
		CHECK(rt_memset(p, 0x1c3, len) == p);
		for (size_t i = 0; i < len; i++)
			CHECK(p[i] == 0xc3);
		CHECK(p[len] == 0xa5);
		free(p);
	}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void compares_as_libc_does(void)
{
	static const char *const texts[] = { "", "a", "ab", "abc", "abcdefgh", "abcdefgi", "abcdefghi", "\xff" };
	const unsigned n = sizeof(texts) / sizeof(texts[0]);

	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < n; j++) {
			size_t both = strlen(texts[i]) < strlen(texts[j]) ? strlen(texts[i]) : strlen(texts[j]);

			CHECK(sign(rt_strcmp(texts[i], texts[j])) == sign(strcmp(texts[i], texts[j])));
			CHECK(sign(rt_memcmp(texts[i], texts[j], both)) == sign(memcmp(texts[i], texts[j], both)));
			for (size_t k = 0; k < 10; k++)
				CHECK(sign(rt_strncmp(texts[i], texts[j], k)) ==
				      sign(strncmp(texts[i], texts[j], k)));
			CHECK(rt_strstr(texts[i], texts[j]) == strstr(texts[i], texts[j]));
		}
	}
}

static void finds_characters_and_lengths(void)
{
	const char *s = "one/two/three";

	CHECK(rt_strlen(s) == 13 && rt_strlen("") == 0);
	CHECK(rt_strnlen(s, 5) == 5 && rt_strnlen(s, 50) == 13);
	CHECK(rt_strchr(s, '/') == s + 3 && rt_strchr(s, 'x') == NULL && rt_strchr(s, 0) == s + 13);
	CHECK(rt_strrchr(s, '/') == s + 7 && rt_strrchr(s, 'x') == NULL && rt_strrchr(s, 0) == s + 13);
	CHECK(rt_memchr(s, 't', 13) == s + 4 && rt_memchr(s, 't', 4) == NULL);
}

static void cuts_and_terminates_copies(void)
{
	char to[6] = "xxxxx";

	CHECK(rt_strlcpy(to, "abc", sizeof(to)) == 3 && !strcmp(to, "abc"));
	CHECK(rt_strlcpy(to, "abcdefgh", sizeof(to)) == 8 && !strcmp(to, "abcde"));
	CHECK(rt_strlcpy(to, "abc", 0) == 3 && !strcmp(to, "abcde"));
	rt_strlcpy(to, "ab", sizeof(to));
	CHECK(rt_strlcat(to, "cd", sizeof(to)) == 4 && !strcmp(to, "abcd"));
	CHECK(rt_strlcat(to, "efg", sizeof(to)) == 7 && !strcmp(to, "abcde"));
}

#define SAME(...) do { \
	char ours[200], theirs[200]; \
	int n = rt_snprintf(ours, sizeof(ours), __VA_ARGS__), m = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
	if (n != m || strcmp(ours, theirs)) { \
		printf("# <%s> %d, libc: <%s> %d\n", ours, n, theirs, m); \
		CHECK(!"formats as libc does: " #__VA_ARGS__); \
	} } while (0)

static void formats_numbers_as_libc_does(void)
{
	static const long values[] = { 0, 1, -1, 7, 42, -42, 123456, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		long v = values[i];

		SAME("%d|%i|%u|%x|%X|%o", (int)v, (int)v, (unsigned)v, (unsigned)v, (unsigned)v, (unsigned)v);
		SAME("%ld|%lu|%lx|%llu|%lld", v, (unsigned long)v, (unsigned long)v, (unsigned long long)v, (long long)v);
		SAME("%hhd|%hhu|%hd|%hx", (signed char)v, (unsigned char)v, (short)v, (unsigned short)v);
		SAME("%5d|%-5d|%05d|%+d|% d|%20ld|%-20ld|%020ld", (int)v, (int)v, (int)v, (int)v, (int)v, v, v, v);
		SAME("%.3d|%8.3d|%-8.3d|%8.2d|%.0d", (int)v, (int)v, (int)v, (int)v, (int)v);
		SAME("%#x|%#lx|%#10x|%#010x|%-#10x|%#o", (unsigned)v, (unsigned long)v, (unsigned)v, (unsigned)v,
		     (unsigned)v, (unsigned)v);
		SAME("%zu|%zd|%jd|%td", (size_t)v, (ssize_t)v, (intmax_t)v, (ptrdiff_t)v);
		SAME("%*d|%-*d|%*d|%.*d", 9, (int)v, 9, (int)v, -9, (int)v, 4, (int)v);
	}
	SAME("%p", (void *)0x1234abcd);
}

static void formats_text_as_libc_does(void)
{
	SAME("plain");
	SAME("%%");
	SAME("%s|%10s|%-10s|%.2s|%10.2s|%-10.2s|%.0s|%.10s", "word", "word", "word", "word", "word", "word", "word",
	     "word");
	SAME("%c|%5c|%-5c", 'x', 'x', 'x');
	SAME("%.*s", 3, "abcdef");
}

static void cuts_formatted_text_and_says_what_it_needed(void)
{
	char to[8];

	CHECK(rt_snprintf(to, sizeof(to), "%s", "123456789") == 9 && !strcmp(to, "1234567"));
	CHECK(rt_snprintf(to, 1, "%d", 42) == 2 && to[0] == 0);
	CHECK(rt_snprintf(NULL, 0, "%d", 4242) == 4);
}

static void prints_an_unknown_directive_as_it_stands(void)
{
	const char *volatile format = "%5q and %";	/* volatile: no compile-time check */
	char to[20];

	rt_snprintf(to, sizeof(to), format);
	CHECK(!strcmp(to, "%5q and %"));
	format = "%s";
	rt_snprintf(to, sizeof(to), format, (char *)NULL);
	CHECK(!strcmp(to, "(null)"));
}

static void parses_numbers(void)
{
	const char *end;
	uint64_t n = 5;

	CHECK(rt_parse_u64("0", 10, &n, NULL) && n == 0);
	CHECK(rt_parse_u64("18446744073709551615", 10, &n, NULL) && n == UINT64_MAX);
	CHECK(rt_parse_u64("0xFf", 0, &n, NULL) && n == 255);
	CHECK(rt_parse_u64("077", 0, &n, NULL) && n == 77);
	CHECK(rt_parse_u64("755", 8, &n, NULL) && n == 0755);
	CHECK(rt_parse_u64("12%", 10, &n, &end) && n == 12 && *end == '%');
}

static void refuses_what_is_no_number(void)
{
	static const char *const bad[] = { "", "x", "-1", "+1", " 1", "1 ", "0x", "1x", "18446744073709551616",
					   "99999999999999999999" };
	const char *end;
	uint64_t n = 5;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!rt_parse_u64(bad[i], 0, &n, NULL) && n == 5);
	CHECK(!rt_parse_u64("8", 8, &n, &end) && n == 5);
}

static void parses_sizes(void)
{
	static const char *const bad[] = { "", "K", "1k", "1KB", "1T", "17179869184G", "-1M" };
	uint64_t n = 5;

	CHECK(rt_parse_size("4096", &n) && n == 4096);
	CHECK(rt_parse_size("64K", &n) && n == 64 << 10);
	CHECK(rt_parse_size("8M", &n) && n == 8 << 20);
	CHECK(rt_parse_size("3G", &n) && n == 3ull << 30);
	CHECK(rt_parse_size("0x10K", &n) && n == 16 << 10);
	n = 5;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!rt_parse_size(bad[i], &n) && n == 5);
}

static const struct tap_case cases[] = {
	{ "memcpy copies every short length and nothing beyond", copies_every_short_length },
	{ "memmove moves overlapping ranges both ways", moves_overlapping_ranges },
	{ "memset sets every short length and nothing beyond", sets_every_short_length },
	{ "comparisons answer as libc's do", compares_as_libc_does },
	{ "characters and lengths are found", finds_characters_and_lengths },
	{ "strlcpy and strlcat cut and always terminate", cuts_and_terminates_copies },
	{ "numbers are formatted as libc does", formats_numbers_as_libc_does },
	{ "text is formatted as libc does", formats_text_as_libc_does },
	{ "text too long is cut, and its length answered", cuts_formatted_text_and_says_what_it_needed },
	{ "an unknown directive is printed as it stands", prints_an_unknown_directive_as_it_stands },
	{ "numbers are parsed in every base", parses_numbers },
	{ "what is no number is refused and the value left alone", refuses_what_is_no_number },
	{ "sizes take K, M and G", parses_sizes },
};

int main(void)
{
	srand(1);
	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
