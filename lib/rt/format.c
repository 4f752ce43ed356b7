/*
 * format.c -- formatted text.  Conforms to C11 7.21.6.1 in what str.h lists.
 *
 * Tested: lib/rt/test/rt_test.c, against the host's printf
 */
#include <lib/rt/str.h>

struct output {
	char *to;
	size_t size, used;		/* used may grow beyond size: it is what would be needed */
};

struct directive {
	bool left, plus, space, zero, alternate;
	int width, precision;		/* precision -1: not given */
	int length;			/* bytes of the integer argument */
};

static void put(struct output *o, char c)
{
	if (o->used < o->size)
		o->to[o->used] = c;
	o->used++;
}

static void pad(struct output *o, char c, int count)
{
	while (count-- > 0)
		put(o, c);
}

/* prefix (sign or 0x), then zeros up to the precision, then text; the whole padded to the width */
static void put_field(struct output *o, const struct directive *d, const char *prefix, int zeros,
		      const char *text, int len)
{
	int prefix_len = (int)strlen(prefix), fill = d->width - prefix_len - zeros - len;

	if (!d->left)
		pad(o, ' ', fill);
	while (*prefix)
		put(o, *prefix++);
	pad(o, '0', zeros);
	while (len-- > 0)
		put(o, *text++);
	if (d->left)
		pad(o, ' ', fill);
}

static void put_number(struct output *o, const struct directive *d, uint64_t value, unsigned base, bool upper,
		       const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24], *p = text + sizeof(text);
	int len, zeros;

	for (uint64_t v = value; v; v /= base)
		*--p = digits[v % base];
	if (!value && d->precision != 0)
		*--p = '0';
	len = (int)(text + sizeof(text) - p);
	zeros = d->precision > len ? d->precision - len : 0;
	if (base == 8 && d->alternate && !zeros && (!len || *p != '0'))
		zeros = 1;
	if (d->zero && !d->left && d->precision < 0 && d->width > len + zeros + (int)strlen(prefix))
		zeros = d->width - len - (int)strlen(prefix);
	put_field(o, d, prefix, zeros, p, len);
}

static void put_signed(struct output *o, const struct directive *d, int64_t value)
{
	const char *prefix = value < 0 ? "-" : d->plus ? "+" : d->space ? " " : "";

	put_number(o, d, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, false, prefix);
}

static int64_t take_signed(int length, va_list *args)
{
	switch (length) {
	case 1: return (signed char)va_arg(*args, int);
	case 2: return (short)va_arg(*args, int);
	case 4: return va_arg(*args, int);
	default: return va_arg(*args, long);
	}
}

static uint64_t take_unsigned(int length, va_list *args)
{
	switch (length) {
	case 1: return (unsigned char)va_arg(*args, unsigned);
	case 2: return (unsigned short)va_arg(*args, unsigned);
	case 4: return va_arg(*args, unsigned);
	default: return va_arg(*args, unsigned long);
	}
}

static int parse_number(const char **f, va_list *args)
{
	int n = 0;

	if (**f == '*') {
		(*f)++;
		return va_arg(*args, int);
	}
	while (**f >= '0' && **f <= '9' && n < 100000)
		n = n * 10 + *(*f)++ - '0';
	return n;
}

static bool parse_flag(struct directive *d, char c)
{
	switch (c) {
	case '-': d->left = true; return true;
	case '+': d->plus = true; return true;
	case ' ': d->space = true; return true;
	case '0': d->zero = true; return true;
	case '#': d->alternate = true; return true;
	default: return false;
	}
}

/* Everything between the % and the conversion, which it returns a pointer to. */
static const char *parse_directive(struct directive *d, const char *f, va_list *args)
{
	*d = (struct directive){ .precision = -1, .length = 4 };
	while (parse_flag(d, *f))
		f++;
	d->width = parse_number(&f, args);
	if (d->width < 0) {
		d->left = true;
		d->width = -d->width;
	}
	if (*f == '.') {
		f++;
		d->precision = parse_number(&f, args);
		if (d->precision < 0)
			d->precision = -1;
	}
	for (;; f++) {
		if (*f == 'h')
			d->length = d->length == 2 ? 1 : 2;
		else if (*f == 'l' || *f == 'z' || *f == 'j' || *f == 't')
			d->length = 8;
		else
			return f;
	}
}

static void put_string(struct output *o, const struct directive *d, const char *s)
{
	if (!s)
		s = "(null)";
	put_field(o, d, "", 0, s, (int)(d->precision < 0 ? strlen(s) : strnlen(s, (size_t)d->precision)));
}

/* One conversion; false: there is no such one. */
static bool convert(struct output *o, struct directive *d, char conversion, va_list *args)
{
	uint64_t value;
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		put_signed(o, d, take_signed(d->length, args));
		return true;
	case 'u':
		put_number(o, d, take_unsigned(d->length, args), 10, false, "");
		return true;
	case 'o':
		put_number(o, d, take_unsigned(d->length, args), 8, false, "");
		return true;
	case 'x':
	case 'X':
		value = take_unsigned(d->length, args);
		put_number(o, d, value, 16, conversion == 'X',
			   !d->alternate || !value ? "" : conversion == 'x' ? "0x" : "0X");
		return true;
	case 'p':
		put_number(o, d, (uint64_t)va_arg(*args, void *), 16, false, "0x");
		return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_field(o, d, "", 0, &c, 1);
		return true;
	case 's':
		put_string(o, d, va_arg(*args, const char *));
		return true;
	case '%':
		put(o, '%');
		return true;
	default:
		return false;
	}
}

int vsnprintf(char *to, size_t size, const char *format, va_list original)
{
	struct output o = { to, size, 0 };
	struct directive d;
	va_list args;

	va_copy(args, original);
	while (*format) {
		const char *start = format, *end;

		if (*format != '%') {
			put(&o, *format++);
			continue;
		}
		end = parse_directive(&d, format + 1, &args);
		if (*end && convert(&o, &d, *end, &args)) {
			format = end + 1;
			continue;
		}
		for (; start < end; start++)	/* unknown: as it stands */
			put(&o, *start);
		format = end;
	}
	va_end(args);
	if (size)
		to[o.used < size ? o.used : size - 1] = 0;
	return (int)o.used;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(to, size, format, args);
	va_end(args);
	return len;
}
