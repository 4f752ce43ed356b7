/*
 * tmpfs.c -- file systems in memory: a super with a pool of its own, whose limit is the file system's
 * size.  Names are the dentry cache, files are Contents; there is nothing else to it.
 *
 * Fails:   -EINVAL for an option that is not understood, -ENOMEM.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define TMPFS_MAGIC	0x01021994u
#define RAMFS_MAGIC	0x858458f6u

struct options { uint64_t size, inodes; uint32_t mode, uid, gid; };

static uint64_t memory_half(void)
{
	struct system_info info;

	if (tess_system_query(&info) < 0)
		return 64ull << 20;
	return (info.memory_total / 2) & ~(PAGE_SIZE - 1);
}

/* A number that ends at a comma or the end: base 8 or 10, with k, m, g or % after it for sizes. */
static bool number(const char *s, uint32_t len, uint32_t base, uint64_t *out)
{
	uint64_t value = 0;

	if (len == 0)
		return false;
	for (uint32_t n = 0; n < len; n++) {
		uint32_t digit = (uint32_t)(uint8_t)s[n] - '0';

		if (digit >= base || value > (1ull << 60) / base)
			return false;
		value = value * base + digit;
	}
	*out = value;
	return true;
}

static bool size_option(const char *s, uint32_t len, uint64_t *out)
{
	uint32_t shift = 0;
	uint64_t value;

	if (len && s[len - 1] == '%') {
		if (!number(s, len - 1, 10, &value) || value > 100)
			return false;
		*out = memory_half() / 50 * value & ~(PAGE_SIZE - 1);
		return true;
	}
	if (len) {
		switch (s[len - 1] | 0x20) {
		case 'k': shift = 10; break;
		case 'm': shift = 20; break;
		case 'g': shift = 30; break;
		default: break;
		}
	}
	if (!number(s, len - (shift != 0), 10, &value) || value > ~0ull >> 1 >> shift)
		return false;
	*out = ((value << shift) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	return true;
}

static bool option_is(const char *s, uint32_t len, const char *name, const char **value, uint32_t *value_len)
{
	uint32_t name_len = (uint32_t)strlen(name);

	if (len <= name_len || memcmp(s, name, name_len) != 0 || s[name_len] != '=')
		return false;
	*value = s + name_len + 1;
	*value_len = len - name_len - 1;
	return true;
}

static bool option_parse(const char *s, uint32_t len, struct options *o)
{
	const char *value;
	uint32_t value_len;
	uint64_t n;

	if (option_is(s, len, "size", &value, &value_len))
		return size_option(value, value_len, &o->size);
	if (option_is(s, len, "nr_inodes", &value, &value_len))
		return size_option(value, value_len, &o->inodes);
	if (option_is(s, len, "mode", &value, &value_len)) {
		if (!number(value, value_len, 8, &n))
			return false;
		o->mode = (uint32_t)n & 07777;
		return true;
	}
	if (option_is(s, len, "uid", &value, &value_len) && number(value, value_len, 10, &n) && n < ~0u) {
		o->uid = (uint32_t)n;
		return true;
	}
	if (option_is(s, len, "gid", &value, &value_len) && number(value, value_len, 10, &n) && n < ~0u) {
		o->gid = (uint32_t)n;
		return true;
	}
	return false;
}

static bool options_parse(const char *s, struct options *o)
{
	while (*s) {
		const char *end = strchr(s, ',');
		uint32_t len = end ? (uint32_t)(end - s) : (uint32_t)strlen(s);

		if (len && !option_parse(s, len, o))
			return false;
		s += len + (end != NULL);
	}
	return true;
}

static int tmpfs_root(struct super *s, const struct options *o)
{
	struct inode *root;
	int64_t pool;

	s->limit_bytes = o->size;
	s->limit_inodes = o->inodes ? o->inodes : o->size / PAGE_SIZE;
	pool = tess_pool_create(server_pool, o->size);
	if (pool < 0)
		return errno_of(pool);
	s->pool = (handle_t)pool;
	root = inode_new(s, S_IFDIR | o->mode, NULL);
	if (!root)
		return -ENOMEM;
	root->uid = o->uid;
	root->gid = o->gid;
	root->nlink = 2;
	dentry_root(s, root);
	inode_put(root);
	return s->root ? 0 : -ENOMEM;
}

static int tmpfs_fill(struct super *s, const char *text)
{
	struct options o = { .size = memory_half(), .mode = 01777 };

	if (!options_parse(text, &o))
		return -EINVAL;
	if (o.size == 0)
		o.size = memory_half() + memory_half() / 4;
	return tmpfs_root(s, &o);
}

/* The initial root: no limit but memory, as Linux's initramfs. */
static int rootfs_fill(struct super *s, const char *text)
{
	struct options o = { .size = memory_half() + memory_half() / 4, .mode = 0755 };

	(void)text;
	return tmpfs_root(s, &o);
}

const struct fs_type tmpfs_type = { "tmpfs", TMPFS_MAGIC, true, tmpfs_fill, NULL };
const struct fs_type rootfs_type = { "rootfs", RAMFS_MAGIC, true, rootfs_fill, NULL };
