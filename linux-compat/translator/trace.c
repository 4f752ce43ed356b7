/*
 * trace.c -- strace: a line in the kernel's log for each call, by the formats of the call table.
 *
 * linuxd writes it, for root's programs; others' lines go nowhere.
 *
 * Owns:    nothing; a line is put together on the upcall stack.
 * Tested:  by using it: TESSERA_STRACE=1 in the environment of an exec.
 */
#include "translator.h"

struct line {
	char text[256];
	uint32_t len;
};

struct call_text { const char *name, *format; };
static const struct call_text call_texts[CALLS_MAX + 1] = {
#define CALL(number, name, level, format, test, missing) [number] = { #name, format },
#define NONE(number, name, why) [number] = { #name, "xxxxxx" },
#include "../table/calls.h"
#undef CALL
#undef NONE
};

static void put_char(struct line *l, char c)
{
	if (l->len < sizeof(l->text) - 1)
		l->text[l->len++] = c;
}

static void put_text(struct line *l, const char *s)
{
	while (*s)
		put_char(l, *s++);
}

static void put_number(struct line *l, uint64_t value, uint32_t base)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put_char(l, digits[--n]);
}

static void put_signed(struct line *l, int64_t value)
{
	if (value < 0)
		put_char(l, '-');
	put_number(l, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void put_string(struct line *l, uint64_t at)
{
	char text[48 + 8];
	int64_t n = user_string(text, (const char *)at, 40);

	if (n < 0) {
		put_text(l, "0x");
		put_number(l, at, 16);
		return;
	}
	put_char(l, '"');
	for (int64_t i = 0; i < n; i++)
		put_char(l, text[i] < ' ' || text[i] > '~' ? '.' : text[i]);
	put_text(l, n == 40 ? "\"..." : "\"");
}

static void put_argument(struct line *l, char kind, uint64_t value)
{
	switch (kind) {
	case 'd':
		put_signed(l, (int32_t)value);
		break;
	case 'u':
		put_number(l, value, 10);
		break;
	case 'o':
		put_char(l, '0');
		put_number(l, value, 8);
		break;
	case 's':
		put_string(l, value);
		break;
	default:
		put_text(l, "0x");
		put_number(l, value, 16);
	}
}

static void put_call(struct line *l, const struct call_frame *f, uint32_t nr)
{
	const uint64_t args[6] = { f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9 };
	const char *format = call_texts[nr].format;

	put_number(l, self_utcb()->user[TU_TID], 10);
	put_char(l, ' ');
	put_text(l, call_texts[nr].name ? call_texts[nr].name : "?");
	put_char(l, '(');
	for (int i = 0; format && format[i]; i++) {
		if (i)
			put_text(l, ", ");
		put_argument(l, format[i], args[i]);
	}
	put_char(l, ')');
}

static void line_send(const struct line *l)
{
	struct ipc_message *m = request(LX_TRACE, 0, 0, 0);

	memcpy(m->inline_data, l->text, l->len);
	m->inline_len = l->len;
	(void)request_server();
}

/* The line before the call when it may not come back, the result in a line of its own otherwise. */
int64_t trace_call(struct call_frame *f)
{
	uint32_t nr = (uint32_t)f->orig_rax;
	struct line l = { .len = 0 };
	int64_t r;

	put_call(&l, f, nr);
	line_send(&l);
	r = call_table[nr](f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9);
	l.len = 0;
	put_number(&l, self_utcb()->user[TU_TID], 10);
	put_text(&l, "   = ");
	if (r > 0xfffff)
		put_argument(&l, 'x', (uint64_t)r);
	else
		put_signed(&l, r);
	line_send(&l);
	return r;
}
