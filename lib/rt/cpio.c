/*
 * cpio.c -- reading the boot archive.
 *
 * Owns:    nothing; entries point into the archive.
 * Fails:   CPIO_DAMAGED for a header, a name or data that does not lie in the archive, a bad number, a
 *          missing trailer.  cpio_next may then not be called again.
 * Tested:  servers/init/test/init_test.c, linux-compat/server/test/vfs_test.c
 */
#include "cpio.h"
#include "str.h"

#define HEADER_LEN	110
#define MAGIC_LEN	6
#define FIELD_LEN	8
#define FIELDS		13

static bool field_read(const uint8_t *p, uint32_t *value)
{
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

static bool header_read(const uint8_t *header, struct cpio_entry *e)
{
	uint32_t *const fields[FIELDS] = { &e->ino, &e->mode, &e->uid, &e->gid, &e->nlink, &e->mtime, &e->size,
		&e->dev_major, &e->dev_minor, &e->rdev_major, &e->rdev_minor, &e->name_size, &e->check };

	if (memcmp(header, "070701", MAGIC_LEN) != 0)
		return false;
	for (unsigned i = 0; i < FIELDS; i++)
		if (!field_read(header + MAGIC_LEN + i * FIELD_LEN, fields[i]))
			return false;
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
		uint64_t name_end, data_end;

		if (c->len - c->at < HEADER_LEN || !header_read(header, e))
			return CPIO_DAMAGED;
		e->name = (const char *)header + HEADER_LEN;
		name_end = c->at + HEADER_LEN + e->name_size;
		if (name_end > c->len || !memchr(e->name, 0, e->name_size))
			return CPIO_DAMAGED;
		e->offset = round_up_4(name_end);
		data_end = e->offset + e->size;
		if (!strcmp(e->name, "TRAILER!!!")) {
			c->part++;
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
