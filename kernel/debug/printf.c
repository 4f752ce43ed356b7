/*
 * printf.c -- formatted text: %d %u %x %p %s %c, widths, zero padding, left alignment, l and z sizes.
 */
#include "kernel.h"

struct out { char *buf; size_t size, len; };

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, int n, char c)
{
	while (n-- > 0)
		put(o, c);
}

static void text(struct out *o, const char *s, int len, int width, bool left)
{
	if (!left)
		pad(o, width - len, ' ');
	for (int i = 0; i < len; i++)
		put(o, s[i]);
	if (left)
		pad(o, width - len, ' ');
}

static void number(struct out *o, uint64_t v, unsigned base, bool negative, int width, bool zero, bool left)
{
	char digits[24];
	int n = 0;

	do
		digits[sizeof(digits) - 1 - n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	if (zero && !left) {
		if (negative)
			put(o, '-');
		pad(o, width - n - negative, '0');
		negative = false;
		width = 0;
	} else if (negative) {
		digits[sizeof(digits) - 1 - n++] = '-';
	}
	text(o, digits + sizeof(digits) - n, n, width, left);
}

static const char *conversion(struct out *o, const char *f, va_list *args)
{
	bool left = false, zero = false, wide = false;
	int width = 0;

	for (; *f == '-' || *f == '0'; f++)
		*(*f == '-' ? &left : &zero) = true;
	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + *f - '0';
	for (; *f == 'l' || *f == 'z'; f++)
		wide = true;
	switch (*f) {
	case 'd': {
		int64_t v = wide ? va_arg(*args, int64_t) : va_arg(*args, int);

		number(o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width, zero, left);
		break;
	}
	case 'u':
	case 'x':
		number(o, wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned), *f == 'u' ? 10 : 16,
		       false, width, zero, left);
		break;
	case 'p':
		number(o, (uint64_t)va_arg(*args, void *), 16, false, 16, true, false);
		break;
	case 's': {
		const char *s = va_arg(*args, const char *);

		s = s ? s : "(null)";
		text(o, s, (int)strlen(s), width, left);
		break;
	}
	case 'c':
		put(o, (char)va_arg(*args, int));
		break;
	case 0:
		return f;
	default:
		put(o, *f);
	}
	return f + 1;
}

static size_t format_into(char *buf, size_t size, const char *format, va_list *args)
{
	struct out o = { buf, size, 0 };

	while (*format) {
		if (*format != '%')
			put(&o, *format++);
		else
			format = conversion(&o, format + 1, args);
	}
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return o.len;
}

int ksnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	size_t n;

	va_start(args, format);
	n = format_into(buf, size, format, &args);
	va_end(args);
	return (int)n;
}

void kvprintf(const char *format, va_list args)
{
	char line[256];
	va_list copy;

	va_copy(copy, args);
	format_into(line, sizeof(line), format, &copy);
	va_end(copy);
	log_text(line, strlen(line));
}

void kprintf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	kvprintf(format, args);
	va_end(args);
}
