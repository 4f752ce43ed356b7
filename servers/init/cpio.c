/*
 * cpio.c -- reading the boot archive: "newc" cpio archives one after the other, with any run of NULs
 * before each.
 *
 * Owns:    nothing; entries point into the archive.
 * Fails:   CPIO_DAMAGED for a header, a name or data that does not lie in the archive, a bad number, a
 *          missing trailer.  cpio_next may then not be called again.
 * Tested:  servers/init/test/init_test.c
 *
 * Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst
 */
#include <lib/rt/str.h>
#include "cpio.h"

#define HEADER_LEN	110
#define FIELD_LEN	8
enum field { FIELD_MODE = 1, FIELD_SIZE = 6, FIELD_NAME_LEN = 11 };

static bool field_read(const uint8_t *header, unsigned field, uint32_t *value)
{
	const uint8_t *p = header + 6 + field * FIELD_LEN;
	uint32_t n = 0;

	for (unsigned i = 0; i < FIELD_LEN; i++) {
		uint8_t c = p[i], digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (uint8_t)((c | 0x20) - 'a' + 10);
		else
			return false;
		n = n << 4 | digit;
	}
	*value = n;
	return true;
}

static uint64_t round_up_4(uint64_t n)
{
	return (n + 3) & ~3ull;
}

void cpio_begin(struct cpio *c, const void *data, uint64_t len)
{
	*c = (struct cpio){ .data = data, .len = len };
}

static void skip_padding(struct cpio *c)
{
	while (c->at < c->len && !c->data[c->at])
		c->at++;
}

enum cpio_result cpio_next(struct cpio *c, struct cpio_entry *e)
{
	for (;;) {
		const uint8_t *header = c->data + c->at;
		uint32_t mode, size, name_len;
		uint64_t name_end, data_end;
		const char *name;

		if (c->len - c->at < HEADER_LEN)
			return CPIO_DAMAGED;
		if (memcmp(header, "070701", 6) || !field_read(header, FIELD_MODE, &mode) ||
		    !field_read(header, FIELD_SIZE, &size) || !field_read(header, FIELD_NAME_LEN, &name_len))
			return CPIO_DAMAGED;
		name_end = c->at + HEADER_LEN + name_len;
		if (!name_len || name_end > c->len || !memchr(header + HEADER_LEN, 0, name_len))
			return CPIO_DAMAGED;
		name = (const char *)header + HEADER_LEN;
		e->name = name;
		e->mode = mode;
		e->offset = round_up_4(name_end);
		e->size = size;
		data_end = e->offset + size;
		if (!strcmp(name, "TRAILER!!!")) {
			c->at = name_end;
			skip_padding(c);
			if (c->at == c->len)
				return CPIO_END;
			continue;
		}
		if (data_end > c->len)
			return CPIO_DAMAGED;
		c->at = round_up_4(data_end) < c->len ? round_up_4(data_end) : c->len;
		return CPIO_ENTRY;
	}
}

enum cpio_result cpio_find(const void *data, uint64_t len, const char *name, struct cpio_entry *e)
{
	enum cpio_result result;
	struct cpio c;

	cpio_begin(&c, data, len);
	while ((result = cpio_next(&c, e)) == CPIO_ENTRY)
		if (!strcmp(e->name, name))
			break;
	return result;
}
