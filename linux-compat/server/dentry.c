/*
 * dentry.c -- names: the hash of (directory, name), directory order, and the life of a name.
 *
 * Owns:    the hash table and the list of unused volatile names.  In a tmpfs the table holds every
 *          name there is, so a miss is ENOENT; /proc makes names on demand (D_VOLATILE).
 * Fails:   only in dentry_new and dentry_move, for want of memory.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define BUCKETS_FIRST	2048u

uint64_t hash_factor;
struct dentry **dentry_buckets;
uint32_t dentry_bucket_mask;
static uint32_t dentry_count;
static struct dentry unused_list = { .unused_next = &unused_list, .unused_prev = &unused_list };
uint32_t dentry_unused;

void dentry_init(void)
{
	if (dentry_buckets)
		return;
	tess_random_fill(&hash_factor, sizeof(hash_factor));
	hash_factor |= 1;
	dentry_buckets = mem_alloc(BUCKETS_FIRST * sizeof(*dentry_buckets));
	dentry_bucket_mask = BUCKETS_FIRST - 1;
}

/* Near the end of a page: byte by byte, up to the string's end. */
uint64_t word_load_slow(const char *p)
{
	uint64_t w = 0;

	for (uint32_t n = 0; n < 8 && p[n]; n++)
		w |= (uint64_t)(uint8_t)p[n] << 8 * n;
	return w;
}

void name_scan_long(struct name *n)
{
	uint64_t hash = n->first, w, ends;
	uint32_t len, tail;

	for (len = 8;; len += 8) {
		w = word_load(n->text + len);
		ends = word_ends(w);
		if (ends)
			break;
		hash = hash_mix(hash) ^ w;
	}
	tail = (uint32_t)__builtin_ctzll(ends) / 8;
	if (tail)
		hash = hash_mix(hash) ^ word_cut(w, tail);
	n->len = len + tail;
	n->hash = hash_of(hash);
}

static uint64_t word_of(const char *text, uint32_t len)
{
	uint64_t w = 0;

	memcpy(&w, text, len < 8 ? len : 8);
	return w;
}

/* As name_scan would find it. */
void name_make(struct name *n, const char *text, uint32_t len)
{
	uint64_t hash;

	n->text = text;
	n->len = len;
	n->first = word_of(text, len);
	hash = n->first;
	for (uint32_t at = 8; at < len; at += 8)
		hash = hash_mix(hash) ^ word_of(text + at, len - at);
	n->hash = hash_of(hash);
}

struct dentry *dentry_lookup(const struct dentry *dir, const char *name, uint32_t len)
{
	struct name n;

	name_make(&n, name, len);
	return dentry_find(dir, &n);
}

static void hash_insert(struct dentry *d)
{
	struct dentry **head = &dentry_buckets[dentry_bucket(d->parent, d->hash)];

	d->hash_next = *head;
	*head = d;
	d->flags |= D_HASHED;
}

static void hash_remove(struct dentry *d)
{
	struct dentry **link = &dentry_buckets[dentry_bucket(d->parent, d->hash)];

	while (*link != d)
		link = &(*link)->hash_next;
	*link = d->hash_next;
	d->flags &= ~D_HASHED;
}

/* Doubles the table when chains grow; keeps the old one when there is no memory for that. */
static void hash_grow(void)
{
	uint32_t old = dentry_bucket_mask + 1;
	struct dentry **bigger = mem_alloc(2ull * old * sizeof(*bigger));
	struct dentry **before = dentry_buckets;

	if (!bigger)
		return;
	dentry_buckets = bigger;
	dentry_bucket_mask = 2 * old - 1;
	for (uint32_t n = 0; n < old; n++) {
		for (struct dentry *d = before[n], *next; d; d = next) {
			next = d->hash_next;
			hash_insert(d);
		}
	}
	mem_free(before);
}

static void name_known(struct dentry *d, uint32_t len)
{
	struct name n;

	name_make(&n, d->name, len);
	d->len = (uint16_t)len;
	d->hash = n.hash;
	d->first = n.first;
}

static int name_set(struct dentry *d, const char *name, uint32_t len)
{
	char *to = d->short_name;

	if (len >= DENTRY_SHORT_NAME) {
		to = mem_alloc(len + 1);
		if (!to)
			return -ENOMEM;
	}
	memcpy(to, name, len);
	to[len] = 0;
	if (d->name && d->name != d->short_name && d->name != to)
		mem_free((void *)d->name);
	d->name = to;
	name_known(d, len);
	return 0;
}

/*
 * A name that is not yet in its directory, holding one reference for the caller; i may be NULL to be
 * filled in before dentry_add.  Takes a reference of i.  NULL: no memory.
 */
struct dentry *dentry_new(struct dentry *parent, const char *name, uint32_t len, struct inode *i)
{
	struct dentry *d = mem_alloc(sizeof(*d));

	if (!d)
		return NULL;
	if (name_set(d, name, len) < 0) {
		mem_free(d);
		return NULL;
	}
	d->parent = parent ? dentry_get(parent) : d;
	d->refs = 1;
	d->next_position = DIR_FIRST;
	d->inode = i;
	if (i) {
		inode_get(i);
		i->super->names++;
		if (!i->alias)
			i->alias = d;
		if (S_ISLNK(i->mode))
			d->flags = D_LINK;
	}
	dentry_count++;
	return d;
}

struct dentry *dentry_root(struct super *s, struct inode *i)
{
	struct dentry *d = dentry_new(NULL, "/", 1, i);

	s->root = d;
	return d;
}

static void child_append(struct dentry *d)
{
	struct dentry *dir = d->parent;

	d->position = dir->next_position++;
	d->younger = NULL;
	d->older = dir->child_last;
	if (d->older)
		d->older->younger = d;
	else
		dir->child_first = d;
	dir->child_last = d;
	dir->nchildren++;
}

static void child_unlink(struct dentry *d)
{
	struct dentry *dir = d->parent;

	if (d->older)
		d->older->younger = d->younger;
	else
		dir->child_first = d->younger;
	if (d->younger)
		d->younger->older = d->older;
	else
		dir->child_last = d->older;
	d->older = d->younger = NULL;
	dir->nchildren--;
}

/* The name exists from here on; the caller's reference of dentry_new becomes the one for existing. */
void dentry_add(struct dentry *d)
{
	if (dentry_count > 2 * dentry_bucket_mask)
		hash_grow();
	hash_insert(d);
	child_append(d);
}

void dentry_remove(struct dentry *d)
{
	hash_remove(d);
	child_unlink(d);
	d->flags |= D_DEAD;
	if (d->inode && d->inode->alias == d && !S_ISDIR(d->inode->mode))
		d->inode->alias = NULL;
	dentry_put(d);
}

/* A name made on demand: found by the walk until trimmed, listed by its directory's readdir only. */
struct dentry *dentry_volatile(struct dentry *parent, const char *name, uint32_t len, struct inode *i)
{
	struct dentry *d = dentry_new(parent, name, len, i);

	if (!d)
		return NULL;
	d->flags |= D_VOLATILE;
	hash_insert(d);
	dentry_put(d);
	return d;
}

static void unused_add(struct dentry *d)
{
	d->unused_next = &unused_list;
	d->unused_prev = unused_list.unused_prev;
	unused_list.unused_prev->unused_next = d;
	unused_list.unused_prev = d;
	d->flags |= D_UNUSED;
	dentry_unused++;
}

static void unused_remove(struct dentry *d)
{
	d->unused_prev->unused_next = d->unused_next;
	d->unused_next->unused_prev = d->unused_prev;
	d->flags &= ~D_UNUSED;
	dentry_unused--;
}

void dentry_reuse(struct dentry *d)
{
	if (d->flags & D_UNUSED)
		unused_remove(d);
}

/* Frees d, which nothing refers to; its parent, that may now be unused, comes back. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;

	if (d->flags & D_HASHED)
		hash_remove(d);
	if (d->inode) {
		if (d->inode->alias == d)
			d->inode->alias = NULL;
		d->inode->super->names--;
		inode_put(d->inode);
	}
	if (d->name != d->short_name)
		mem_free((void *)d->name);
	mem_free(d);
	dentry_count--;
	return parent;
}

/* Up the tree, as long as what is freed held the last reference of its parent. */
void dentry_drop(struct dentry *d)
{
	do {
		if ((d->flags & D_VOLATILE) && !(d->flags & D_DEAD)) {
			unused_add(d);
			return;
		}
		d = dentry_free(d);
	} while (d && --d->refs == 0);
}

/* What a volatile name stood for is gone.  It may still be looked at during this request. */
void dentry_forget(struct dentry *d)
{
	if (d->flags & D_HASHED)
		hash_remove(d);
}

void dentry_trim_unused(void)
{
	while (dentry_unused > DENTRY_UNUSED_MAX) {
		struct dentry *d = unused_list.unused_next;

		unused_remove(d);
		dentry_put(dentry_free(d));
	}
}

bool dentry_below(const struct dentry *d, const struct dentry *ancestor)
{
	for (;; d = d->parent) {
		if (d == ancestor)
			return true;
		if (d->parent == d)
			return false;
	}
}

/* rename: d gets another name and directory.  -ENOMEM leaves everything as it was. */
int dentry_move(struct dentry *d, struct dentry *to, const char *name, uint32_t len)
{
	struct dentry *from = d->parent;
	char *long_name = NULL;

	if (len >= DENTRY_SHORT_NAME && !(long_name = mem_alloc(len + 1)))
		return -ENOMEM;
	hash_remove(d);
	child_unlink(d);
	if (d->name != d->short_name)
		mem_free((void *)d->name);
	d->name = long_name ? long_name : d->short_name;
	memcpy((char *)d->name, name, len);
	((char *)d->name)[len] = 0;
	name_known(d, len);
	d->parent = dentry_get(to);
	hash_insert(d);
	child_append(d);
	dentry_put(from);
	return 0;
}

/* RENAME_EXCHANGE: each takes the other's place.  Cannot fail: names are swapped, not copied. */
void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry *a_dir = a->parent, *b_dir = b->parent;
	char short_name[DENTRY_SHORT_NAME];
	const char *a_name = a->name == a->short_name ? NULL : a->name;
	const char *b_name = b->name == b->short_name ? NULL : b->name;
	uint16_t len = a->len;
	uint32_t hash = a->hash;
	uint64_t first = a->first;

	hash_remove(a);
	hash_remove(b);
	child_unlink(a);
	child_unlink(b);
	memcpy(short_name, a->short_name, sizeof(short_name));
	memcpy(a->short_name, b->short_name, sizeof(short_name));
	memcpy(b->short_name, short_name, sizeof(short_name));
	a->name = b_name ? b_name : a->short_name;
	b->name = a_name ? a_name : b->short_name;
	a->len = b->len;
	a->hash = b->hash;
	a->first = b->first;
	b->len = len;
	b->hash = hash;
	b->first = first;
	a->parent = b_dir;
	b->parent = a_dir;
	hash_insert(a);
	hash_insert(b);
	child_append(a);
	child_append(b);
}

/* Every name there is, in no order. */
void dentry_each(bool (*visit)(struct dentry *d, void *arg), void *arg)
{
	for (uint32_t n = 0; n <= dentry_bucket_mask; n++)
		for (struct dentry *d = dentry_buckets[n]; d; d = d->hash_next)
			if (visit(d, arg))
				return;
}
