/*
 * vmo_test.c -- memory objects and contents.
 */
#include "host.h"

#define BUF 0x100000ull			/* user memory for copies */
#define PG(n) ((uint64_t)(n) * PAGE_SIZE)

static struct vmo *made(uint64_t size)
{
	struct vmo *v = NULL;

	CHECK(vmo_new(root_pool, size, &v) == 0);
	return v;
}

static void put_byte(struct vmo *v, uint64_t offset, uint8_t byte)
{
	CHECK(vmo_copy_in(v, offset, &byte, 1) == 1);
}

static int get_byte(struct vmo *v, uint64_t offset)
{
	uint8_t byte = 0xee;

	return vmo_copy_out(v, offset, &byte, 1) == 1 ? byte : -1;
}

static void holes(void)
{
	struct vmo *v = made(PG(1000000) + 10);

	CHECK(v->npages == 0 && get_byte(v, PG(999999)) == 0 && v->npages == 0);
	put_byte(v, 0, 1);
	put_byte(v, PG(70), 2);
	put_byte(v, PG(1000000) + 9, 3);
	CHECK(v->npages == 3 && get_byte(v, 0) == 1 && get_byte(v, PG(70)) == 2 && get_byte(v, PG(1000000) + 9) == 3);
	CHECK(get_byte(v, PG(1000000) + 10) == -1 && get_byte(v, PG(70) + 1) == 0);
	CHECK(vmo_seek_data(v, 1) == 1 && vmo_seek_data(v, PG(1)) == (int64_t)PG(70));
	CHECK(vmo_seek_hole(v, 0) == (int64_t)PG(1) && vmo_seek_hole(v, PG(70) + 5) == (int64_t)PG(71));
	CHECK(vmo_seek_hole(v, PG(1000000)) == (int64_t)PG(1000000) + 10);
	CHECK(vmo_seek_data(v, PG(1000000) + 10) == E_OVERFLOW && vmo_seek_data(v, PG(71)) == (int64_t)PG(1000000));
	object_put(&v->object);
}

static void shrink(void)
{
	struct vmo *v = made(PG(200));

	for (uint64_t i = 0; i < 200; i++)
		put_byte(v, PG(i) + 100, (uint8_t)(i + 1));
	CHECK(vmo_set_size(v, PG(10) + 50) == 0 && v->npages == 11);
	CHECK(vmo_set_size(v, PG(200)) == 0);
	CHECK(get_byte(v, PG(9) + 100) == 10 && get_byte(v, PG(10) + 100) == 0 && get_byte(v, PG(11) + 100) == 0);
	CHECK(vmo_set_size(v, 0) == 0 && v->npages == 0 && !v->root);
	object_put(&v->object);
}

static void punch(void)
{
	struct vmo *v = made(PG(10));

	for (uint64_t i = 0; i < PG(10); i += 256)
		put_byte(v, i, 7);
	CHECK(vmo_zero_range(v, PG(2) + 256, PG(3)) == 0);
	CHECK(get_byte(v, PG(2)) == 7 && get_byte(v, PG(2) + 256) == 0 && get_byte(v, PG(4)) == 0);
	CHECK(get_byte(v, PG(5)) == 0 && get_byte(v, PG(5) + 256) == 7 && v->npages == 8);
	CHECK(vmo_zero_range(v, PG(7) + 256, 256) == 0 && get_byte(v, PG(7)) == 7 && get_byte(v, PG(7) + 256) == 0 &&
	      get_byte(v, PG(7) + 512) == 7);
	CHECK(vmo_zero_range(v, PG(9), ~0ull) == 0 && v->npages == 7);
	CHECK(vmo_zero_range(v, PG(20), 1) == 0);
	object_put(&v->object);
}

static void clones(void)
{
	struct vmo *a = made(PG(100)), *b;

	for (uint64_t i = 0; i < 100; i += 2)
		put_byte(a, PG(i), (uint8_t)i);
	CHECK(vmo_clone_range(a, PG(10), PG(20), root_pool, &b) == 0);
	CHECK(b->npages == 10 && get_byte(b, 0) == 10);
	put_byte(a, PG(10), 99);
	put_byte(b, PG(2), 77);
	CHECK(get_byte(b, 0) == 10 && get_byte(a, PG(12)) == 12 && get_byte(a, PG(10)) == 99 && get_byte(b, PG(2)) == 77);
	CHECK(vmo_find(a, 14) == vmo_find(b, 4));
	object_put(&a->object);
	struct frame *was = vmo_find(b, 4);

	put_byte(b, PG(4), 1);		/* alone now: in place */
	CHECK(vmo_find(b, 4) == was && !(was->flags & FRAME_SHARED));
	CHECK(vmo_clone_range(b, PG(10), PG(20), root_pool, &a) == E_INVAL);
	object_put(&b->object);
}

static void move_refuses(void)
{
	struct vmo *a = made(PG(4)), *b = made(PG(4));

	put_byte(a, 0, 1);
	put_byte(b, PG(1), 2);
	CHECK(vmo_share(b, PG(1), a, 0, PG(1)) == E_EXIST);
	CHECK(vmo_share(b, 0, a, 1, PG(1)) == E_INVAL && vmo_share(b, PG(4), a, 0, PG(1)) == E_INVAL);
	CHECK(vmo_share(a, PG(1), a, 0, PG(1)) == E_INVAL);
	CHECK(vmo_share(b, PG(2), a, 0, ~0ull) == E_INVAL && vmo_share(b, PG(2), a, 0, ~0ull << 12) == E_INVAL);
	CHECK(!vmo_find(b, 2));
	CHECK(vmo_share(b, 0, a, 0, 100) == 0 && get_byte(b, 0) == 1);
	object_put(&a->object);
	object_put(&b->object);
}

static void user_copies(void)
{
	struct vspace *vs = host_space();
	struct vmo *v = made(PG(3));

	CHECK(vspace_map_anon(vs, BUF, PG(3), MAP_READ | MAP_WRITE) == 0);
	for (uint64_t i = 0; i < PG(3); i += 100)
		CHECK(host_write(BUF + i, (uint8_t)(i / 100)) == 0);
	CHECK(vmo_write_user(v, 50, BUF + 100, PG(2)) == (int64_t)PG(2));
	CHECK(get_byte(v, 50) == 1 && get_byte(v, 50 + 6000) == 61);
	CHECK(vmo_read_user(v, 50, BUF, 100000) == (int64_t)PG(3) - 50 && host_byte(BUF) == 1);
	CHECK(vmo_read_user(v, 0, BUF + PG(2), PG(3)) == (int64_t)PG(1));	/* the buffer ends there */
	CHECK(vmo_read_user(v, 0, 0x10, 1) == E_FAULT && vmo_write_user(v, 0, BUF + PG(3), 1) == E_FAULT);
	CHECK(vmo_read_user(v, PG(3), BUF, 1) == 0 && vmo_write_user(v, PG(3), BUF, 1) == 0);
	CHECK(vmo_read_user(v, 0, USER_TOP - 1, 10) == E_FAULT);
	object_put(&v->object);
	object_put(&vs->object);
}

/* --- contents -------------------------------------------------------------------------------------------- */

static struct content *content_made(uint64_t size)
{
	struct content *c = NULL;

	CHECK(content_new(root_pool, size, &c) == 0);
	return c;
}

static struct vspace *with_buffer(void)
{
	struct vspace *vs = host_space();

	CHECK(vspace_map_anon(vs, BUF, PG(40), MAP_READ | MAP_WRITE) == 0);
	for (uint64_t i = 0; i < 256; i++)
		CHECK(host_write(BUF + i, (uint8_t)i) == 0);
	return vs;
}

static void append(void)
{
	struct vspace *vs = with_buffer();
	struct content *c = content_made(0);
	uint64_t end;

	CHECK(content_write(c, OFFSET_OWN, BUF, 10, ~0ull, &end) == 10 && end == 10);
	CHECK(content_write(c, OFFSET_OWN, BUF, 5000, ~0ull, &end) == 5000 && end == 5010 && vmo_size(c->vmo) == 5010);
	CHECK(content_write(c, PG(3), BUF + 7, 1, ~0ull, &end) == 1 && end == PG(3) + 1);
	CHECK(get_byte(c->vmo, 19) == 9 && get_byte(c->vmo, 6000) == 0 && get_byte(c->vmo, PG(3)) == 7);
	CHECK(content_write(c, 0, BUF, 100000, ~0ull, &end) == 100000 && end == 100000);
	CHECK(content_read(c, 99999, BUF, 10) == 1 && content_read(c, 100000, BUF, 10) == 0);
	object_put(&c->object);
	object_put(&vs->object);
}

static void write_short(void)
{
	struct vspace *vs = with_buffer();
	struct content *c = content_made(0);
	uint64_t end;

	CHECK(content_write(c, 0, BUF + PG(40) - 100, 5000, ~0ull, &end) == 100 && end == 100);
	CHECK(vmo_size(c->vmo) == 100);
	CHECK(content_write(c, PG(5), 0x10, 5000, ~0ull, &end) == E_FAULT && vmo_size(c->vmo) == 100);
	CHECK(c->vmo->npages == 1);
	CHECK(content_write(c, 0, BUF, 0, ~0ull, &end) == 0);
	object_put(&c->object);
	object_put(&vs->object);
}

static void ceilings(void)
{
	struct vspace *vs = with_buffer();
	struct content *c = content_made(0);
	uint64_t end;

	CHECK(content_write(c, 0, BUF, 100, 60, &end) == 60 && content_write(c, 60, BUF, 1, 60, &end) == E_FBIG);
	CHECK(content_resize(c, 61, 60) == E_FBIG && content_resize(c, 60, 60) == 0);
	CHECK(content_allocate(c, 0, 61, 60) == E_FBIG && vmo_size(c->vmo) == 60);
	CHECK(content_resize(c, ~0ull, ~0ull) == E_FBIG);
	CHECK(content_write(c, 1ull << 62, BUF, 1, ~0ull, &end) == E_FBIG);
	c->seals = SEAL_GROW | SEAL_SHRINK;
	CHECK(content_write(c, 50, BUF, 100, ~0ull, &end) == 10 && content_write(c, 60, BUF, 1, ~0ull, &end) == E_PERM);
	CHECK(content_resize(c, 0, ~0ull) == E_PERM && content_resize(c, 100, ~0ull) == E_PERM);
	CHECK(content_allocate(c, 0, 61, ~0ull) == E_PERM && content_allocate(c, 0, 60, ~0ull) == 0);
	c->seals = SEAL_WRITE;
	CHECK(content_write(c, 0, BUF, 1, ~0ull, &end) == E_PERM && content_punch(c, 0, 1) == E_PERM);
	c->seals = 0;
	c->tell = TELL_FIRST_WRITE;
	CHECK(content_write(c, 0, BUF, 1, ~0ull, &end) == E_NOT_HERE && content_resize(c, 0, ~0ull) == E_NOT_HERE);
	object_put(&c->object);
	object_put(&vs->object);
}

static void times(void)
{
	struct vspace *vs = with_buffer();
	struct content *c = content_made(0);
	uint64_t end;

	host_time = 5000;
	content_write(c, 0, BUF, 1, ~0ull, &end);
	CHECK(c->mtime_ns == 5000 && c->ctime_ns == 5000 && c->atime_ns == 1000);
	host_time = 6000;
	content_read(c, 0, BUF, 1);
	CHECK(c->atime_ns == 6000);
	host_time = 7000;
	content_read(c, 0, BUF, 1);
	CHECK(c->atime_ns == 6000);		/* read since the last change, and recently */
	host_time = 6000 + 86400000000000ull;
	content_read(c, 0, BUF, 1);
	CHECK(c->atime_ns == host_time);
	host_time = 1000;
	object_put(&c->object);
	object_put(&vs->object);
}

static void writers(void)
{
	struct content *c = content_made(0);

	CHECK(content_open_check(c, DESC_WRITE) == 0 && content_open_check(c, DESC_READ) == 0 && c->writers == 1);
	content_close(c, DESC_WRITE);
	content_close(c, DESC_READ);
	CHECK(c->writers == 0);
	c->deny_write = 1;
	CHECK(content_open_check(c, DESC_WRITE) == E_TXTBUSY && content_open_check(c, DESC_READ) == 0);
	object_put(&c->object);
}

/* The pool of the content is the file system's: its limit is the size of that, whoever writes. */
static void quota(void)
{
	struct vspace *vs = with_buffer();
	struct pool *p, *before = current->task->task_pool, *writer;
	struct content *c;
	uint64_t end;

	CHECK(pool_new(root_pool, ~0ull, &p) == 0 && pool_new(root_pool, ~0ull, &writer) == 0);
	CHECK(content_new(p, 0, &c) == 0);
	pool_set_limit(p, p->used + 3 * PAGE_SIZE + 1024);	/* and a node of the tree */
	current->task->task_pool = writer;
	CHECK(content_write(c, 0, BUF, PG(5), ~0ull, &end) == (int64_t)PG(3));
	CHECK(content_write(c, PG(3), BUF, PG(1), ~0ull, &end) == E_NOSPACE && vmo_size(c->vmo) == PG(3));
	current->task->task_pool = before;
	CHECK(writer->used == 0);
	CHECK(content_resize(c, PG(1) + 10, ~0ull) == 0);
	CHECK(content_allocate(c, 0, PG(9), ~0ull) == E_NOSPACE && vmo_size(c->vmo) == PG(1) + 10 && c->vmo->npages == 2);
	CHECK(content_allocate(c, PG(5), PG(6) + 1, ~0ull) == E_NOSPACE && vmo_size(c->vmo) == PG(1) + 10);
	CHECK(content_allocate(c, PG(2), PG(2) + 1, ~0ull) == 0 && vmo_size(c->vmo) == PG(2) + 1 && c->vmo->npages == 3);
	object_put(&c->object);
	CHECK(p->used == 0);
	object_put(&p->object);
	object_put(&writer->object);
	object_put(&vs->object);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "holes read as zeros and take no frame", holes },
		{ "shrinking drops frames and zeroes the tail", shrink },
		{ "punching drops whole pages and zeroes parts", punch },
		{ "clones share frames until one side writes", clones },
		{ "moving refuses populated, unaligned and outside ranges", move_refuses },
		{ "copies with user memory stop at a fault and at the end", user_copies },
		{ "appending goes to the end and gaps are zero", append },
		{ "a write from bad memory stores what was there", write_short },
		{ "ceilings, seals and the first-write tell are held", ceilings },
		{ "times follow reads and writes as with relatime", times },
		{ "writers and those who forbid writing exclude each other", writers },
		{ "a file system pays for its files and stops who writes beyond its size", quota },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
