/*
 * printf_test.c -- the kernel's formatted text against the C library's.
 */
#include "kernel.h"
#include <lib/test/tap.h>
#include <stdlib.h>

int snprintf(char *, size_t, const char *, ...);
void log_text(const char *text, size_t len) { (void)text, (void)len; }

static char a[128], b[128];

#define SAME(...) do { \
	int x = ksnprintf(a, sizeof(a), __VA_ARGS__), y = snprintf(b, sizeof(b), __VA_ARGS__); \
	if (x != y || strcmp(a, b)) { printf("# \"%s\" is not \"%s\"\n", a, b); CHECK(x == y && !strcmp(a, b)); } \
	} while (0)

static void integers(void)
{
	const long values[] = { 0, 1, -1, 9, 10, 255, 4096, 0x7fffffff, -0x80000000l, 0x7fffffffffffffffl, -0x7fffffffffffffffl - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		SAME("%ld|%lu|%lx", values[i], (unsigned long)values[i], (unsigned long)values[i]);
		SAME("%d|%u|%x", (int)values[i], (unsigned)values[i], (unsigned)values[i]);
		SAME("%12ld|%-12ld|%012ld", values[i], values[i], values[i]);
		SAME("%zu|%5zu", (size_t)values[i], (size_t)values[i]);
	}
}

static void texts(void)
{
	const char *volatile nothing = NULL;

	SAME("%s|%8s|%-8s|%c%%", "tree", "tree", "tree", 'x');
	SAME("%s", "");
	ksnprintf(a, sizeof(a), "%s", nothing);
	CHECK(!strcmp(a, "(null)"));
	ksnprintf(a, sizeof(a), "%p", (void *)0x1234);
	CHECK(!strcmp(a, "0000000000001234"));
}

static void bounds(void)
{
	const char *volatile cut = "%";

	memset(a, '!', sizeof(a));
	CHECK(ksnprintf(a, 4, "%s", "longer") == 6 && !strcmp(a, "lon") && a[4] == '!');
	CHECK(ksnprintf(a, 1, "%d", 7) == 1 && a[0] == 0);
	CHECK(ksnprintf(NULL, 0, "%d", 123) == 3);
	ksnprintf(a, sizeof(a), cut);		/* ends in the middle */
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "integers are as the C library writes them", integers },
		{ "so are texts", texts },
		{ "no byte is written beyond the buffer", bounds },
	};

	return tap_run(cases, ARRAY_SIZE(cases));
}
