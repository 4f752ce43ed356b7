/*
 * text.c -- text that grows: what /proc and /sys files are made of.
 *
 * Fails:   text.failed is set when there was no memory; the caller looks at the end.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define TEXT_FIRST	512u
#define TEXT_MAX	(8u << 20)

static bool text_room(struct text *t, uint32_t more)
{
	uint32_t cap = t->cap ? t->cap : TEXT_FIRST;
	char *bigger;

	if (t->failed)
		return false;
	if (t->len + more < t->cap)
		return true;
	while (cap <= t->len + more && cap < TEXT_MAX)
		cap *= 2;
	bigger = cap > t->len + more ? mem_alloc(cap) : NULL;
	if (!bigger) {
		t->failed = true;
		return false;
	}
	if (t->data) {
		memcpy(bigger, t->data, t->len);
		mem_free(t->data);
	}
	t->data = bigger;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const void *data, uint32_t len)
{
	if (!text_room(t, len))
		return;
	memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = 0;
}

void text_char(struct text *t, char c)
{
	text_add(t, &c, 1);
}

void text_printf(struct text *t, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof(line))
		t->failed = true;
	else
		text_add(t, line, (uint32_t)n);
}

/* As Linux's seq_escape: a character of which becomes \ooo. */
void text_escaped(struct text *t, const char *s, const char *which)
{
	for (; *s; s++) {
		if (strchr(which, *s))
			text_printf(t, "\\%03o", (unsigned)(uint8_t)*s);
		else
			text_char(t, *s);
	}
}

void text_free(struct text *t)
{
	mem_free(t->data);
	memset(t, 0, sizeof(*t));
}
