/*
 * vspace_move_test.c -- address spaces: moves in pieces, moves and ends without memory, the ends of leases.
 */
#include "vspace_cases.h"

/* --- moving ------------------------------------------------------------------------------------------------------ */

int64_t sys_vspace_remap(uint64_t h, uint64_t addr, uint64_t old_len, uint64_t new_len, uint64_t flags, uint64_t to);

static void remapping(void)
{
	struct vspace *vs = with_anon(4);
	int64_t to;

	for (int i = 0; i < 4; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)(i + 1)) == 0);
	CHECK(sys_vspace_remap(H_SELF, AT, PG(4), PG(6), 0, 0) == (int64_t)AT && vs->mapped_pages == 6);
	CHECK(host_byte(AT + PG(5)) == 0 && count(vs) == 1);
	CHECK(sys_vspace_remap(H_SELF, AT, PG(6), PG(4), 0, 0) == (int64_t)AT && vs->mapped_pages == 4);
	CHECK(vspace_map_anon(vs, AT + PG(4), PG(1), MAP_READ) == 0);
	CHECK(sys_vspace_remap(H_SELF, AT, PG(4), PG(6), 0, 0) == E_NOMEM);
	to = sys_vspace_remap(H_SELF, AT, PG(4), PG(6), REMAP_MAY_MOVE, 0);
	CHECK(to > 0 && host_byte(AT) == FAULT(E_NOENT) && host_byte((uint64_t)to + PG(3)) == 4 && host_tlb_true());
	CHECK(host_byte((uint64_t)to + PG(5)) == 0 && vs->mapped_pages == 7);
	CHECK(sys_vspace_remap(H_SELF, (uint64_t)to, PG(6), PG(2), REMAP_MAY_MOVE | REMAP_FIXED, AT + PG(4)) ==
	      (int64_t)(AT + PG(4)));
	CHECK(host_byte(AT + PG(4)) == 1 && host_byte(AT + PG(5)) == 2 && vs->mapped_pages == 2);
	CHECK(sys_vspace_remap(H_SELF, AT + PG(4), PG(2), PG(2), REMAP_MAY_MOVE | REMAP_FIXED, AT + PG(5)) == E_INVAL);
	CHECK(sys_vspace_remap(H_SELF, AT + PG(4), PG(3), PG(4), 0, 0) == E_NOENT);
	to = sys_vspace_remap(H_SELF, AT + PG(4), PG(2), PG(2), REMAP_MAY_MOVE | REMAP_KEEP, 0);
	CHECK(to > 0 && host_byte((uint64_t)to) == 1 && host_byte(AT + PG(4)) == 0);
	done(vs);
}

/* Beyond the limit by what the move takes away itself. */
static void remap_limited(void)
{
	struct vspace *vs = with_anon(4);

	CHECK(host_write(AT + PG(3), 4) == 0);
	vs->limit_pages = 5;
	CHECK(sys_vspace_remap(H_SELF, AT, PG(4), PG(4), REMAP_MAY_MOVE | REMAP_KEEP, 0) == E_NOMEM);
	CHECK(sys_vspace_remap(H_SELF, AT, PG(4), PG(6), REMAP_MAY_MOVE | REMAP_FIXED, AT + PG(8)) == E_NOMEM);
	CHECK(host_byte(AT + PG(3)) == 4 && vs->mapped_pages == 4);
	CHECK(sys_vspace_remap(H_SELF, AT, PG(4), PG(5), REMAP_MAY_MOVE | REMAP_FIXED, AT + PG(8)) == (int64_t)(AT + PG(8)));
	CHECK(host_byte(AT + PG(11)) == 4 && vs->mapped_pages == 5);
	done(vs);
}

static struct vspace *raced;		/* where another CPU interferes */

static void unmap_raced(void) { CHECK(vspace_unmap(raced, AT, PG(60)) == 0); }

/* What another thread unmaps while it is being moved has left already: it does not count twice. */
static void remap_limited_race(void)
{
	for (unsigned at = 1; at <= 4; at++) {
		struct vspace *vs = raced = with_anon(60);

		CHECK(vspace_map_anon(vs, AT + PG(100), PG(40), RW) == 0);
		vs->limit_pages = 100;
		host_race_at(&vs->object.lock, at, unmap_raced);
		(void)sys_vspace_remap(H_SELF, AT, PG(60), PG(100), REMAP_MAY_MOVE | REMAP_FIXED, AT + PG(1000));
		host_race_over();
		CHECK(vs->mapped_pages <= 100);
		done(vs);
	}
}

static void move_raced(void)
{
	CHECK(sys_vspace_remap(H_SELF, AT, PG(8), PG(8), REMAP_MAY_MOVE | REMAP_FIXED, AT + PG(100)) == AT + PG(100));
}

/* Whoever comes first: of an object that has shrunk nothing is left beyond its end, a private copy neither. */
static void remap_beside_truncation(void)
{
	for (unsigned at = 1; at <= 12; at++) {
		struct vspace *vs = raced = host_space();
		struct vmo *v = numbered(8);

		CHECK(vspace_map_vmo(vs, AT, PG(8), RW, v, 0) == 0 && host_write(AT + PG(6), 9) == 0);
		host_race_at(NULL, at, move_raced);
		CHECK(vmo_set_size(v, PG(2)) == 0);
		if (!host_race_over())
			move_raced();
		CHECK(host_byte(AT + PG(101)) == 2 && host_byte(AT + PG(106)) == FAULT(FAULT_BEYOND_END));
		object_put(&v->object);
		done(vs);
	}
}

static void remap_large(void)
{
	struct vspace *vs = with_anon(3000);
	int64_t to;

	for (int i = 0; i < 3000; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	CHECK(vspace_map_anon(vs, AT + PG(3000), PG(1), MAP_READ) == 0);
	to = sys_vspace_remap(H_SELF, AT, PG(3000), PG(3001), REMAP_MAY_MOVE, 0);
	CHECK(to > 0);
	for (int i = 0; i < 3000; i++)
		CHECK(host_byte((uint64_t)to + PG(i)) == (uint8_t)i);
	CHECK(vs->resident_pages == 3000);
	done(vs);
}

/* Every allocation of a move made to fail once: all is where it was. */
static void remap_starved(void)
{
	struct vspace *vs = with_anon(1200);
	uint64_t limit = root_pool->limit, failures = 0;
	int64_t to;

	for (int i = 0; i < 1200; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	CHECK(vspace_map_anon(vs, AT + PG(1200), PG(1), MAP_READ) == 0);
	pool_set_limit(root_pool, root_pool->used);
	while ((to = sys_vspace_remap(H_SELF, AT, PG(1200), PG(1201), REMAP_MAY_MOVE, 0)) == E_NOMEM) {
		failures++;
		CHECK(vs->mapped_pages == 1201 && vs->resident_pages == 1200 && host_tlb_true());
		for (int i = 0; i < 1200; i += 7)
			CHECK(host_byte(AT + PG(i)) == (uint8_t)i);
		pool_set_limit(root_pool, root_pool->limit + 2048);
	}
	pool_set_limit(root_pool, limit);
	CHECK(to > 0 && failures > 3 && vs->mapped_pages == 1202);
	for (int i = 0; i < 1200; i++)
		CHECK(host_byte((uint64_t)to + PG(i)) == (uint8_t)i);
	done(vs);
}

static void unmap_starved(void)
{
	struct vspace *vs = with_anon(2000);
	uint64_t limit = root_pool->limit;

	for (int i = 0; i < 2000; i++)
		CHECK(host_write(AT + PG(i), (uint8_t)i) == 0);
	for (unsigned mappings = 0; mappings < 2; mappings++) {
		pool_set_limit(root_pool, root_pool->used + mappings * sizeof(struct mapping));
		CHECK(vspace_unmap(vs, AT + PG(100), PG(1000)) == E_NOMEM && vs->resident_pages == 2000);
	}
	for (int i = 0; i < 2000; i++)
		CHECK(host_byte(AT + PG(i)) == (uint8_t)i);
	pool_set_limit(root_pool, limit);
	CHECK(vspace_unmap(vs, AT + PG(100), PG(1000)) == 0 && vs->resident_pages == 1000 && vs->mapped_pages == 1000);
	CHECK(host_byte(AT + PG(99)) == 99 && host_byte(AT + PG(100)) == FAULT(E_NOENT));
	CHECK(vspace_unmap(vs, AT + PG(1200), PG(800)) == 0 && vs->resident_pages == 200 && host_byte(AT + PG(1199)) == 175);
	done(vs);
}

/* --- leases ------------------------------------------------------------------------------------------------------ */

static void leases(void)
{
	struct vspace *vs = with_anon(1), *other;
	struct lease outer = { .object.refs = 1 }, inner = { .object.refs = 1, .parent = &outer };
	struct vmo *v = numbered(2);
	struct mapping like = { .kind = MAPPING_OBJECT, .vmo = v, .lease = &inner };

	CHECK(vspace_map_like(vs, AT + PG(4), PG(2), RW | MAP_FIXED_ABI, &like) > 0 && inner.object.refs == 2);
	CHECK(vspace_clone_for(vs, root_pool, NULL, &other) == 0 && inner.object.refs == 3);
	CHECK(host_byte(AT + PG(4)) == 1);
	vspace_end_lease(&outer);
	CHECK(host_byte(AT + PG(4)) == FAULT(E_NOENT) && host_byte(AT) == 0 && inner.object.refs == 1 && count(other) == 1);
	object_put(&v->object);
	done(other);
	done(vs);
}

static struct lease *ending;

static void lease_meanwhile(void)
{
	ending->ended = true;
	vspace_end_lease(ending);
}

/* The lease ends after a move has looked at the old mapping, and before it makes the new one. */
static void lease_ends_in_move(void)
{
	struct lease l = { .object.refs = 1 };
	struct vspace *vs = with_anon(2000);
	struct vmo *v = numbered(2);
	struct mapping like = { .kind = MAPPING_OBJECT, .vmo = v, .lease = &l };

	for (int i = 0; i < 2000; i++)
		CHECK(host_write(AT + PG(i), 9) == 0);
	CHECK(vspace_map_like(vs, AT + PG(3000), PG(2), RW | MAP_FIXED_ABI, &like) > 0 && host_byte(AT + PG(3000)) == 1);
	ending = &l;
	host_preempt = lease_meanwhile;
	CHECK(sys_vspace_remap(H_SELF, AT + PG(3000), PG(2), PG(1500), REMAP_MAY_MOVE | REMAP_FIXED, AT) == E_REVOKED);
	CHECK(!host_preempt && l.object.refs == 1 && host_byte(AT) == FAULT(E_NOENT));
	object_put(&v->object);
	done(vs);
}

static void replace_leased(void)
{
	CHECK(vspace_unmap(raced, AT, PG(2)) == 0 && vspace_map_anon(raced, AT, PG(2), RW) == 0);
	CHECK(host_write(AT, 7) == 0);
}

/* Wherever another CPU comes between, what the process has mapped instead is no lease's. */
static void lease_ends_beside_unmap(void)
{
	for (unsigned at = 1; at <= 3; at++) {
		struct vspace *vs = raced = host_space();
		struct lease l = { .object.refs = 1, .ended = true };
		struct vmo *v = numbered(2);
		struct mapping like = { .kind = MAPPING_OBJECT, .vmo = v, .lease = &l };

		CHECK(vspace_map_like(vs, AT, PG(2), RW | MAP_FIXED_ABI, &like) > 0);
		host_race_at(&vs->object.lock, at, replace_leased);
		vspace_end_lease_in(vs, &l);
		if (host_race_over())
			CHECK(host_byte(AT) == 7);
		CHECK(l.object.refs == 1);
		object_put(&v->object);
		done(vs);
	}
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "remapping grows, shrinks, moves and keeps", remapping },
		{ "a large mapping moves in pieces", remap_large },
		{ "a move that fails for want of memory has moved nothing", remap_starved },
		{ "a move is within the ceiling if what it leaves is", remap_limited },
		{ "a move of what goes meanwhile stays within the ceiling", remap_limited_race },
		{ "a move beside a truncation keeps nothing beyond the end", remap_beside_truncation },
		{ "an unmap that fails for want of memory has cleared nothing", unmap_starved },
		{ "a lease that ends during a move ends the new mapping, too", lease_ends_in_move },
		{ "the end of a lease takes its mappings away everywhere", leases },
		{ "the end of a lease leaves what is mapped in its place meanwhile", lease_ends_beside_unmap },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
