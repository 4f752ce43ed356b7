/*
 * vspace_test.c -- address spaces: faults, copy-on-write, objects.
 */
#include "vspace_cases.h"

static int64_t place(struct vspace *vs, uint64_t len, uint64_t flags)
{
	struct mapping like = { .kind = MAPPING_ANON };

	return vspace_map_like(vs, 0, len, flags | MAX_ALL, &like);
}

/* --- anonymous memory ---------------------------------------------------------------------------------- */

static void anon(void)
{
	struct vspace *vs = with_anon(4);
	uint64_t used = root_pool->used;

	CHECK(host_byte(AT + 5) == 0 && vs->resident_pages == 1 && root_pool->used > used);
	CHECK(host_write(AT + PG(3), 7) == 0 && host_byte(AT + PG(3)) == 7 && vs->resident_pages == 2);
	CHECK(host_byte(AT + PG(4)) == FAULT(E_NOENT) && host_byte(AT - 1) == FAULT(E_NOENT));
	done(vs);
}

static void read_only_zero(void)
{
	struct vspace *vs = host_space();
	uint64_t free_before;

	CHECK(vspace_map_anon(vs, AT, PG(100), MAP_READ) == 0);
	CHECK(host_byte(AT) == 0);
	free_before = host_free_pages();
	for (int i = 0; i < 100; i++)
		CHECK(host_byte(AT + PG(i)) == 0);
	CHECK(host_free_pages() == free_before && host_write(AT, 1) == E_ACCESS);
	CHECK(vspace_set_flags(vs, AT, AT + PG(1), MAP_PROT, RW) == 0 && host_write(AT, 1) == 0);
	CHECK(host_byte(AT) == 1 && host_byte(AT + PG(1)) == 0);
	done(vs);
}

/* As after 2^32 entries: the count of the zero page comes to 0 while many still show it. */
static void zero_wraps(void)
{
	struct vspace *vs = host_space();
	uint64_t free_before;

	CHECK(vspace_map_anon(vs, AT, PG(4), MAP_READ) == 0);
	CHECK(host_byte(AT) == 0);
	free_before = host_free_pages();
	zero_frame->refs = 0;
	CHECK(host_byte(AT + PG(1)) == 0 && vspace_unmap(vs, AT + PG(1), PG(1)) == 0 && zero_frame->refs == 0);
	CHECK(host_byte(AT + PG(2)) == 0 && host_free_pages() == free_before);
	zero_frame->refs = 3;
	done(vs);
}

static void unmap_parts(void)
{
	struct vspace *vs = with_anon(10);

	for (int i = 0; i < 10; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	CHECK(vspace_unmap(vs, AT + PG(4), PG(2)) == 0 && count(vs) == 2 && vs->mapped_pages == 8);
	CHECK(vspace_unmap(vs, AT, PG(1)) == 0 && vspace_unmap(vs, AT + PG(9), PG(5)) == 0 && vs->mapped_pages == 6);
	CHECK(host_byte(AT + PG(4)) == FAULT(E_NOENT) && host_byte(AT) == FAULT(E_NOENT));
	CHECK(host_byte(AT + PG(1)) == 1 && host_byte(AT + PG(3)) == 3 && host_byte(AT + PG(8)) == 8);
	CHECK(vs->resident_pages == 6);
	CHECK(vspace_unmap(vs, 0, USER_TOP) == 0 && count(vs) == 0 && vs->resident_pages == 0);
	done(vs);
}

static void joining(void)
{
	struct vspace *vs = host_space();

	CHECK(vspace_map_anon(vs, AT, PG(1), RW) == 0 && vspace_map_anon(vs, AT + PG(2), PG(1), RW) == 0);
	CHECK(count(vs) == 2 && vspace_map_anon(vs, AT + PG(1), PG(1), RW) == 0 && count(vs) == 1);
	CHECK(vspace_map_anon(vs, AT + PG(3), PG(1), MAP_READ) == 0 && count(vs) == 2);
	CHECK(vspace_set_flags(vs, AT + PG(3), AT + PG(4), MAP_PROT, RW) == 0 && count(vs) == 1);
	CHECK(vspace_set_flags(vs, AT + PG(1), AT + PG(2), MAP_PROT, 0) == 0 && count(vs) == 3);
	CHECK(vspace_set_flags(vs, AT, AT + PG(5), MAP_PROT, MAP_READ) == E_NOENT && count(vs) == 1);
	CHECK(vspace_set_flags(vs, AT, AT + PG(9), MAP_NO_FORK, MAP_NO_FORK) == E_NOENT && count(vs) == 1);
	done(vs);
}

static void placing(void)
{
	struct vspace *vs = host_space();
	int64_t a = place(vs, PG(1), RW), b = place(vs, PG(3), RW), c;

	CHECK(a == 0x700000000000 - 4096 && b == a - 3 * 4096 && count(vs) == 1);
	CHECK(vspace_unmap(vs, (uint64_t)b + PG(1), PG(1)) == 0);
	CHECK(place(vs, PG(1), RW) == b + 4096 && count(vs) == 1);
	c = place(vs, PG(1), MAP_READ | MAP_GROWSDOWN_ABI);
	CHECK(c == b - 4096 && place(vs, PG(1), RW) == c - (257 << 12));
	CHECK(place(vs, 0x700000000000, RW) == E_NOMEM);
	done(vs);
}

static void limits(void)
{
	struct vspace *vs = with_anon(4);
	struct mapping like = { .kind = MAPPING_ANON };

	vs->limit_pages = 6;
	CHECK(place(vs, PG(3), RW) == E_NOMEM && place(vs, PG(2), RW) > 0 && place(vs, PG(1), RW) == E_NOMEM);
	CHECK(vspace_map_like(vs, AT, PG(1), RW | MAP_FIXED_EMPTY, &like) == E_EXIST);
	CHECK(vspace_map_like(vs, AT + 1, PG(1), RW | MAP_FIXED_ABI, &like) == E_INVAL);
	CHECK(vspace_map_like(vs, 0, PG(1), RW | MAP_FIXED_ABI, &like) == E_INVAL);
	CHECK(vspace_map_like(vs, USER_TOP - PG(1), PG(2), RW | MAP_FIXED_ABI, &like) == E_INVAL);
	done(vs);
}

static void stack(void)
{
	struct vspace *vs = host_space();
	uint64_t top = AT + (64ull << 20);

	CHECK(vspace_map_anon(vs, top - PG(1), PG(1), RW | MAP_GROWSDOWN_ABI) == 0);
	CHECK(host_write(top - PG(3), 1) == 0 && vs->mapped_pages == 3 && host_byte(top - PG(2)) == 0);
	CHECK(host_byte(top - (8ull << 20) - 1) == FAULT(E_NOENT));
	CHECK(vspace_map_anon(vs, top - PG(300), PG(1), RW) == 0);
	CHECK(host_byte(top - PG(100)) == FAULT(E_NOENT) && host_byte(top - PG(40)) == 0);
	done(vs);
}

/* --- protection ------------------------------------------------------------------------------------------ */

static void no_access_keeps(void)
{
	struct vspace *vs = with_anon(2);

	CHECK(host_write(AT, 9) == 0 && vspace_set_flags(vs, AT, AT + PG(2), MAP_PROT, 0) == 0);
	CHECK(host_byte(AT) == FAULT(E_ACCESS) && host_write(AT, 1) == E_ACCESS && vs->resident_pages == 1);
	CHECK(vspace_set_flags(vs, AT, AT + PG(2), MAP_PROT, MAP_READ) == 0 && host_byte(AT) == 9);
	CHECK(host_write(AT, 1) == E_ACCESS);
	CHECK(vspace_set_flags(vs, AT, AT + PG(2), MAP_PROT, RW) == 0 && host_write(AT, 1) == 0 && host_byte(AT) == 1);
	CHECK(vspace_fault(vs, AT, MAP_EXEC) == E_ACCESS);
	CHECK(vspace_set_flags(vs, AT, AT + PG(2), MAP_PROT, MAP_EXEC | MAP_READ) == 0 &&
	      vspace_fault(vs, AT, MAP_EXEC) == 0);
	done(vs);
}

static void max_protection(void)
{
	struct vspace *vs = host_space();

	CHECK(vspace_map_anon(vs, AT, PG(1), MAP_READ | MAP_MAX_READ | MAP_MAX_EXEC) == 0);
	CHECK(vspace_set_flags(vs, AT, AT + PG(1), MAP_PROT, RW) == E_ACCESS && host_byte(AT) == 0);
	CHECK(vspace_set_flags(vs, AT, AT + PG(1), MAP_PROT, MAP_READ | MAP_EXEC) == 0);
	done(vs);
}

/* --- fork -------------------------------------------------------------------------------------------------- */

static void fork_isolates(void)
{
	struct vspace *a = with_anon(4), *b;

	for (int i = 0; i < 3; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)(10 + i)) == 0);
	CHECK(vspace_clone_for(a, root_pool, NULL, &b) == 0 && host_tlb_true());
	CHECK(b->resident_pages == 3 && b->mapped_pages == 4 && count(b) == 1);
	CHECK(host_write(AT, 20) == 0 && host_tlb_true());
	host_use(b);
	CHECK(host_byte(AT) == 10 && host_write(AT + PG(1), 30) == 0 && host_write(AT + PG(3), 40) == 0);
	host_use(a);
	CHECK(host_byte(AT) == 20 && host_byte(AT + PG(1)) == 11 && host_byte(AT + PG(3)) == 0);
	uint64_t free_before = host_free_pages();

	CHECK(host_write(AT + PG(1), 21) == 0 && host_free_pages() == free_before);	/* sole owner: in place */
	CHECK(host_write(AT + PG(2), 22) == 0 && host_free_pages() == free_before - 1);
	host_use(b);
	CHECK(host_byte(AT + PG(2)) == 12 && host_byte(AT + PG(1)) == 30);
	done(a);
	CHECK(host_write(AT + PG(2), 31) == 0);
	done(b);
}

static void fork_inherits(void)
{
	struct vspace *a = with_anon(3), *b;
	struct frame *utcb = frame_alloc_zero(root_pool);
	struct vmo *v;

	CHECK(vmo_new(root_pool, PG(1), &v) == 0);
	CHECK(vspace_map_vmo(a, AT + PG(3), PG(1), RW | MAP_SHARED_ABI, v, 0) == 0);
	CHECK(vspace_map_utcb(a, AT + PG(8), utcb) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)(10 + i)) == 0);
	CHECK(host_write(AT + PG(8), 1) == 0 && *(uint8_t *)frame_virt(utcb) == 1);
	CHECK(vspace_set_flags(a, AT, AT + PG(1), MAP_NO_FORK | MAP_ZERO_FORK, MAP_NO_FORK) == 0);
	CHECK(vspace_set_flags(a, AT + PG(1), AT + PG(2), MAP_NO_FORK | MAP_ZERO_FORK, MAP_ZERO_FORK) == 0);
	CHECK(vspace_clone_for(a, root_pool, NULL, &b) == 0);
	CHECK(host_write(AT + PG(3), 99) == 0);
	host_use(b);
	CHECK(host_byte(AT) == FAULT(E_NOENT) && host_byte(AT + PG(1)) == 0 && host_byte(AT + PG(2)) == 12);
	CHECK(host_byte(AT + PG(3)) == 99 && host_byte(AT + PG(8)) == FAULT(E_NOENT));
	vspace_unmap_utcb(a, AT + PG(8), utcb);
	vspace_unmap_utcb(a, AT + PG(2), utcb);	/* not one: nothing happens */
	CHECK(utcb->refs == 1 && mapping_at(a, AT + PG(2)));
	frame_put(utcb);
	object_put(&v->object);
	done(a);
	done(b);
}

static void fork_large(void)
{
	struct vspace *a = with_anon(5000), *b;

	for (int i = 0; i < 5000; i += 3)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	CHECK(vspace_clone_for(a, root_pool, NULL, &b) == 0 && count(b) == 1 && b->mapped_pages == 5000);
	host_use(b);
	for (int i = 0; i < 5000; i += 3)
		CHECK(host_byte(AT + PG(i)) == (uint8_t)i);
	CHECK(vspace_unmap(a, 0, USER_TOP) == 0);
	CHECK(a->resident_pages == 0 && a->mapped_pages == 0);
	done(a);
	done(b);
}

static struct vspace *victim;

static void unmap_meanwhile(void)
{
	CHECK(vspace_unmap(victim, AT + PG(4000), PG(500)) == 0);
	CHECK(vspace_map_anon(victim, AT + PG(4200), PG(10), MAP_READ) == 0);
}

static void fork_race(void)
{
	struct vspace *a = with_anon(5000), *b;

	for (int i = 0; i < 5000; i++)
		CHECK(host_write(AT + PG(i), 5) == 0);
	victim = a;
	host_preempt = unmap_meanwhile;
	CHECK(vspace_clone_for(a, root_pool, NULL, &b) == 0 && !host_preempt);
	host_use(b);
	CHECK(host_byte(AT) == 5 && host_byte(AT + PG(4999)) == 5);
	CHECK(host_byte(AT + PG(4150)) == FAULT(E_NOENT) && host_write(AT + PG(4205), 1) == E_ACCESS);
	done(a);
	done(b);
}

/* Every allocation of a fork made to fail once. */
static void fork_starved(void)
{
	struct vspace *a = with_anon(3), *b = NULL;
	struct pool *p;
	unsigned failures = 0;

	CHECK(vspace_map_anon(a, AT + (4ull << 20), PG(3), MAP_READ) == 0 && host_byte(AT + (4ull << 20)) == 0);
	CHECK(host_write(AT, 1) == 0 && host_write(AT + PG(2), 3) == 0);
	CHECK(pool_new(root_pool, 0, &p) == 0);
	while (vspace_clone_for(a, p, NULL, &b) == E_NOMEM) {
		CHECK(p->used == 0);
		pool_set_limit(p, p->limit + 64);
		failures++;
	}
	CHECK(failures > 10 && host_write(AT, 2) == 0 && host_byte(AT + PG(2)) == 3);
	host_use(b);
	CHECK(host_byte(AT) == 1);
	done(b);
	CHECK(p->used == 0);
	object_put(&p->object);
	done(a);
}

/* --- sharing with children ------------------------------------------------------------------------------------- */

static struct vspace *child_of(struct vspace *vs)
{
	struct vspace *b = NULL;

	CHECK(vspace_clone_for(vs, root_pool, NULL, &b) == 0);
	return b;
}

static int byte_in(struct vspace *vs, uint64_t addr)
{
	host_use(vs);
	return host_byte(addr);
}

static void share_anon(void)
{
	struct vspace *a = with_anon(2000), *b, *c;

	CHECK(host_write(AT + PG(3), 3) == 0 && host_write(AT + PG(1999), 9) == 0);
	b = child_of(a);			/* before: its pages are its own, and a's are copied into the object */
	host_use(a);
	CHECK(vspace_share(a, AT + PG(1), AT + PG(1999)) == 0 && count(a) == 3 && a->mapped_pages == 2000);
	c = child_of(a);
	CHECK(byte_in(c, AT + PG(3)) == 3 && byte_in(c, AT + PG(1999)) == 9 && byte_in(c, AT + PG(100)) == 0);
	CHECK(host_write(AT + PG(3), 33) == 0 && host_write(AT + PG(100), 44) == 0 && host_write(AT, 5) == 0);
	CHECK(byte_in(a, AT + PG(3)) == 33 && byte_in(a, AT + PG(100)) == 44 && byte_in(a, AT) == 0);
	CHECK(host_write(AT + PG(100), 55) == 0 && byte_in(c, AT + PG(100)) == 55);
	CHECK(byte_in(b, AT + PG(3)) == 3 && byte_in(b, AT + PG(100)) == 0 && host_tlb_true());
	done(b);
	done(c);
	host_use(a);
	CHECK(vspace_share(a, AT, AT + PG(2001)) == E_NOENT);
	done(a);
}

/* More pages than one piece: one mapping comes out of it, and in place what was in place. */
static void share_large(void)
{
	struct vspace *a = with_anon(1300), *b;
	uint64_t used;

	for (uint64_t i = 0; i < 1300; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	used = root_pool->used;
	CHECK(vspace_share(a, AT, AT + PG(1300)) == 0 && count(a) == 1 && a->resident_pages == 1300);
	CHECK(root_pool->used < used + 40000);	/* nodes, no frames */
	b = child_of(a);
	CHECK(byte_in(b, AT + PG(1299)) == (uint8_t)1299 && host_write(AT + PG(700), 1) == 0);
	CHECK(byte_in(a, AT + PG(700)) == 1);
	done(b);
	done(a);
}

static void share_files(void)
{
	struct vspace *a = host_space(), *b;
	struct vmo *v;
	uint8_t byte = 99;

	CHECK(vmo_new(root_pool, PG(8), &v) == 0);
	for (uint64_t i = 0; i < 8; i++)
		CHECK(vmo_copy_in(v, PG(i), &(uint8_t){ (uint8_t)(i + 1) }, 1) == 1);
	CHECK(vspace_map_vmo(a, AT, PG(6), RW, v, PG(1)) == 0);			/* private */
	CHECK(vspace_map_vmo(a, AT + PG(6), PG(2), RW | MAP_SHARED_ABI, v, 0) == 0);	/* shared anyway */
	CHECK(host_write(AT + PG(2), 77) == 0 && host_byte(AT + PG(1)) == 3);
	CHECK(vspace_share(a, AT, AT + PG(8)) == 0);
	b = child_of(a);
	CHECK(byte_in(b, AT) == 2 && byte_in(b, AT + PG(2)) == 77 && byte_in(b, AT + PG(6)) == 1);
	CHECK(host_write(AT, 50) == 0 && host_write(AT + PG(2), 51) == 0 && host_write(AT + PG(7), 52) == 0);
	CHECK(byte_in(a, AT) == 50 && byte_in(a, AT + PG(2)) == 51 && byte_in(a, AT + PG(7)) == 52);
	CHECK(vmo_copy_out(v, PG(1), &byte, 1) == 1 && byte == 52);	/* the shared mapping's; the private one's is apart */
	CHECK(vmo_copy_out(v, PG(3), &byte, 1) == 1 && byte == 4);
	object_put(&v->object);
	done(b);
	done(a);
}

/* Every allocation made to fail once: memory keeps what it held, whatever became shared by then. */
static void share_starved(void)
{
	struct vspace *a;
	struct pool *p;
	unsigned failures = 0;

	CHECK(pool_new(root_pool, ~0ull >> 1, &p) == 0 && vspace_new(p, 0x10000, 0x700000000000, &a) == 0);
	host_use(a);
	CHECK(vspace_map_anon(a, AT, PG(1000), RW) == 0);
	for (uint64_t i = 0; i < 1000; i += 7)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	pool_set_limit(p, p->used);
	while (vspace_share(a, AT + PG(1), AT + PG(999)) == E_NOMEM) {
		for (uint64_t i = 0; i < 1000; i += 7)
			CHECK(host_byte(AT + PG(i)) == (uint8_t)i);
		pool_set_limit(p, p->limit + 64);
		failures++;
	}
	CHECK(failures > 5);
	for (uint64_t i = 0; i < 1000; i += 7)
		CHECK(host_byte(AT + PG(i)) == (uint8_t)i);
	done(a);
	CHECK(p->used == 0);
	object_put(&p->object);
}

static void zero_for_children(void)
{
	struct vspace *a = host_space(), *b;
	struct vmo *v = NULL;

	CHECK(vmo_new(root_pool, PG(2), &v) == 0 && vmo_copy_in(v, 0, &(uint8_t){ 8 }, 1) == 1);
	CHECK(vspace_map_vmo(a, AT, PG(1), RW | MAP_ZERO_FORK, v, 0) == 0);
	CHECK(vspace_map_vmo(a, AT + PG(1), PG(1), RW | MAP_ZERO_FORK | MAP_SHARED_ABI, v, 0) == 0);
	CHECK(host_byte(AT) == 8 && host_byte(AT + PG(1)) == 8);
	b = child_of(a);
	CHECK(byte_in(b, AT) == 0 && byte_in(b, AT + PG(1)) == 0 && host_write(AT + PG(1), 1) == 0);
	CHECK(byte_in(a, AT + PG(1)) == 8);
	object_put(&v->object);
	done(b);
	done(a);
}

/* --- objects ---------------------------------------------------------------------------------------------------- */

static int vmo_byte(struct vmo *v, uint64_t offset)
{
	uint8_t byte = 0;

	return vmo_copy_out(v, offset, &byte, 1) == 1 ? byte : -1;
}

static void private_overlay(void)
{
	struct vspace *vs = host_space();
	struct vmo *v = numbered(40);
	uint8_t byte = 77;

	CHECK(vspace_map_vmo(vs, AT, PG(30), RW, v, PG(5)) == 0);
	CHECK(host_byte(AT) == 6 && vs->resident_pages > 8 && vs->resident_pages <= 16);
	CHECK(host_write(AT, 50) == 0 && vmo_byte(v, PG(5)) == 6 && host_byte(AT) == 50);
	CHECK(host_write(AT + PG(29), 51) == 0 && vmo_byte(v, PG(34)) == 35);
	CHECK(vmo_copy_in(v, PG(5), &byte, 1) == 1 && vmo_copy_in(v, PG(6), &byte, 1) == 1);
	CHECK(host_byte(AT) == 50 && host_byte(AT + PG(1)) == 77);
	object_put(&v->object);
	done(vs);
}

static void shared_writes(void)
{
	struct vspace *a = host_space(), *b;
	struct vmo *v = numbered(4);

	CHECK(vspace_map_vmo(a, AT, PG(4), RW | MAP_SHARED_ABI, v, 0) == 0);
	b = host_space();
	CHECK(vspace_map_vmo(b, AT * 2, PG(4), MAP_READ | MAP_SHARED_ABI, v, 0) == 0);
	CHECK(host_byte(AT * 2) == 1);
	host_use(a);
	CHECK(host_write(AT, 60) == 0 && vmo_byte(v, 0) == 60);
	host_use(b);
	CHECK(host_byte(AT * 2) == 60 && host_write(AT * 2, 1) == E_ACCESS);
	object_put(&v->object);
	done(a);
	done(b);
}

static void truncation(void)
{
	struct vspace *vs = host_space();
	struct vmo *v = numbered(8);

	CHECK(vspace_map_vmo(vs, AT, PG(8), RW | MAP_SHARED_ABI, v, 0) == 0);
	CHECK(vspace_map_vmo(vs, AT + PG(16), PG(8), RW, v, 0) == 0);
	CHECK(host_write(AT + PG(5), 1) == 0 && host_write(AT + PG(16 + 6), 2) == 0 && host_byte(AT + PG(16)) == 1);
	CHECK(host_write(AT + PG(3) + 200, 9) == 0);
	CHECK(vmo_set_size(v, PG(3) + 100) == 0 && host_tlb_true());
	CHECK(host_byte(AT + PG(5)) == FAULT(E_OVERFLOW) && host_byte(AT + PG(16 + 6)) == FAULT(FAULT_BEYOND_END));
	CHECK(host_byte(AT + PG(3)) == 4 && host_byte(AT + PG(3) + 200) == 0);
	CHECK(host_write(AT + PG(3) + 300, 8) == 0);	/* beyond the end, in the last page */
	CHECK(vmo_set_size(v, PG(8)) == 0 && host_byte(AT + PG(3) + 300) == 0 && host_byte(AT + PG(5)) == 0);
	CHECK(vmo_zero_range(v, 0, PG(1)) == 0 && host_byte(AT) == 0 && host_byte(AT + PG(1)) == 2);
	object_put(&v->object);
	done(vs);
}

static void snapshot(void)
{
	struct vspace *vs = host_space();
	struct vmo *v = numbered(4), *copy;

	CHECK(vspace_map_vmo(vs, AT, PG(4), RW | MAP_SHARED_ABI, v, 0) == 0 && host_write(AT, 5) == 0);
	CHECK(vmo_clone_range(v, 0, PG(4), root_pool, &copy) == 0 && host_tlb_true());
	CHECK(host_write(AT, 6) == 0 && vmo_byte(copy, 0) == 5 && vmo_byte(v, 0) == 6);
	CHECK(vspace_map_vmo(vs, AT + PG(8), PG(4), RW | MAP_SHARED_ABI, copy, 0) == 0);
	CHECK(host_byte(AT + PG(9)) == 2 && host_write(AT + PG(9), 70) == 0 && host_byte(AT + PG(1)) == 2);
	uint8_t byte = 71;

	CHECK(host_byte(AT + PG(2)) == 3 && vmo_copy_in(v, PG(2), &byte, 1) == 1);
	CHECK(host_byte(AT + PG(2)) == 71 && vmo_byte(copy, PG(2)) == 3 && host_tlb_true());
	object_put(&v->object);
	object_put(&copy->object);
	done(vs);
}

static void fork_files(void)
{
	struct vspace *a = host_space(), *b;
	struct vmo *v = numbered(10);

	CHECK(vspace_map_vmo(a, AT, PG(10), RW, v, 0) == 0 && host_byte(AT) == 1 && host_write(AT + PG(1), 40) == 0);
	CHECK(vspace_clone_for(a, root_pool, NULL, &b) == 0 && b->resident_pages == a->resident_pages);
	CHECK(host_write(AT + PG(1), 41) == 0 && host_write(AT + PG(2), 42) == 0);
	host_use(b);
	CHECK(host_byte(AT + PG(1)) == 40 && host_byte(AT + PG(2)) == 3 && host_byte(AT) == 1);
	CHECK(vmo_set_size(v, 0) == 0 && host_byte(AT) == FAULT(E_OVERFLOW) && host_byte(AT + PG(1)) == FAULT(FAULT_BEYOND_END));
	host_use(a);
	CHECK(host_byte(AT + PG(2)) == FAULT(FAULT_BEYOND_END));
	object_put(&v->object);
	done(a);
	done(b);
}

static void sparse_write_fault(void)
{
	struct vspace *vs = host_space();
	struct vmo *v;

	CHECK(vmo_new(root_pool, PG(100), &v) == 0);
	CHECK(vspace_map_vmo(vs, AT, PG(100), RW, v, 0) == 0 && host_write(AT + PG(50), 1) == 0 && v->npages == 0);
	CHECK(host_byte(AT + PG(51)) == 0);
	object_put(&v->object);
	done(vs);
}

/* A thread that ends takes away its own utcb, not that of one that came to the place after it. */
static void utcbs(void)
{
	struct vspace *vs = with_anon(1);
	struct frame *one = frame_alloc_zero(root_pool), *other = frame_alloc_zero(root_pool);

	*(uint8_t *)frame_virt(other) = 2;
	CHECK(vspace_map_utcb(vs, AT + PG(8), one) == 0 && vspace_unmap(vs, AT + PG(8), PG(1)) == 0);
	CHECK(vspace_map_utcb(vs, AT + PG(8), other) == 0);
	vspace_unmap_utcb(vs, AT + PG(8), one);
	CHECK(host_byte(AT + PG(8)) == 2 && one->refs == 1);
	vspace_unmap_utcb(vs, AT + PG(8), other);
	CHECK(host_byte(AT + PG(8)) == FAULT(E_NOENT) && other->refs == 1 && vs->mapped_pages == 1);
	frame_put(one);
	frame_put(other);
	done(vs);
}

/* --- others ------------------------------------------------------------------------------------------------------- */

static void peeking(void)
{
	struct vspace *vs = with_anon(3);
	struct vmo *v = numbered(2);
	uint8_t buf[PAGE_SIZE * 2];

	CHECK(vspace_map_vmo(vs, AT + PG(3), PG(2), MAP_READ, v, 0) == 0 && host_write(AT + PG(2) - 1, 9) == 0);
	CHECK(vspace_peek(vs, AT + PG(1), buf, PG(2)) == (int64_t)PG(2) && buf[PAGE_SIZE - 1] == 9 && vs->resident_pages == 1);
	CHECK(vspace_peek(vs, AT + PG(4), buf, PG(2)) == (int64_t)PG(1) && buf[0] == 2);
	CHECK(vspace_peek(vs, AT + PG(5), buf, 1) == E_NOENT && vspace_peek(vs, ~0ull - 5, buf, 3) == E_NOENT);
	CHECK(vspace_poke(vs, AT + PG(3) - 2, "abcd", 4) == 2 && host_byte(AT + PG(3) - 1) == 'b');
	CHECK(vspace_poke(vs, AT + PG(3), "abcd", 4) == E_ACCESS);
	object_put(&v->object);
	done(vs);
}

static void futex_keys(void)
{
	struct vspace *vs = with_anon(1);
	struct futex_key a, b;
	struct vmo *v = numbered(4);

	CHECK(vspace_map_vmo(vs, AT + PG(1), PG(2), RW | MAP_SHARED_ABI, v, PG(1)) == 0);
	CHECK(vspace_map_vmo(vs, AT + PG(9), PG(2), RW | MAP_SHARED_ABI, v, PG(2)) == 0);
	CHECK(vspace_futex_key(vs, AT + PG(2) + 8, false, &a) == 0 && vspace_futex_key(vs, AT + PG(9) + 8, false, &b) == 0);
	CHECK(a.object == b.object && a.offset == b.offset && a.offset == PG(2) + 8);
	vspace_futex_key_put(&a);
	vspace_futex_key_put(&b);
	CHECK(vspace_futex_key(vs, AT + 4, false, &a) == 0 && a.object == &vs->object && a.offset == AT + 4);
	vspace_futex_key_put(&a);
	CHECK(vspace_futex_key(vs, AT + PG(20), false, &a) == E_FAULT && vs->object.refs == 1);
	object_put(&v->object);
	done(vs);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "anonymous memory is zero and comes by one fault", anon },
		{ "untouched read-only memory takes no frames", read_only_zero },
		{ "the zero page is never freed, however often it is shown", zero_wraps },
		{ "unmapping cuts mappings anywhere", unmap_parts },
		{ "alike neighbours are one mapping", joining },
		{ "unplaced mappings fall from the top, into gaps first, not into a stack's", placing },
		{ "ceilings and bad places are refused", limits },
		{ "a stack grows down to its ceiling and keeps its distance", stack },
		{ "memory without access keeps its contents", no_access_keeps },
		{ "protection never exceeds what the mapping was given", max_protection },
		{ "fork isolates both sides, the last holder writes in place", fork_isolates },
		{ "fork follows each mapping's inheritance", fork_inherits },
		{ "fork of a large space works in pieces", fork_large },
		{ "a space that changes during its fork is copied as it is then", fork_race },
		{ "a fork that fails for want of memory leaves nothing", fork_starved },
		{ "private memory comes to be shared with children, not with those before", share_anon },
		{ "much private memory comes to be shared in pieces and in place", share_large },
		{ "private mappings of files come to be shared apart from the file", share_files },
		{ "sharing that fails for want of memory loses nothing", share_starved },
		{ "what children shall find zero is, whatever is mapped there", zero_for_children },
		{ "a private mapping is an overlay over its object", private_overlay },
		{ "a shared mapping writes the object", shared_writes },
		{ "truncation takes pages out of every mapping", truncation },
		{ "a clone of an object that is mapped writable stays as it was", snapshot },
		{ "fork of file mappings copies entries and stays true", fork_files },
		{ "a private write to a hole does not fill it", sparse_write_fault },
		{ "a utcb is taken away by its own thread alone", utcbs },
		{ "another space's memory is read without faulting it in", peeking },
		{ "futex words of one shared page have one key", futex_keys },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
