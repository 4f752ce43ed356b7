/*
 * vspace_race_test.c -- address spaces at random, while another CPU does something else just before a lock is had.
 *
 * No contents are compared (who comes first decides them), but what must hold after each pair of operations:
 * counts, the order of mappings, the search hint, the limit, what a lease or an object that shrank has taken away,
 * the TLB; and nothing is left over at the end.  Arguments: the first seed, and how many.
 */
#include "host.h"
#include "lease.h"
#include "syscalls.h"
#include <stdlib.h>

#define AT 0x400000ull
#define PG(n) ((uint64_t)(n) * PAGE_SIZE)
#define RW (MAP_READ | MAP_WRITE)
#define SPACES 2
#define LEASES 2
#define PAGES 24
#define LIMIT 40
#define LOCKS 6			/* of one operation: how late the other CPU may come */

static struct vspace *spaces[SPACES];
static struct vmo *object;
static struct lease leases[LEASES];
static bool shrinking;			/* who changes the size holds a lock meanwhile (content.c) */
static unsigned last, other;		/* what was done: for the log */

/* --- what must hold ---------------------------------------------------------------------------------------- */

static uint64_t entries_count(struct vspace *vs)
{
	uint64_t addr = USER_LOW, run, *e, n = 0;

	while ((e = pt_next(&vs->arch, &addr, USER_TOP, &run))) {
		for (uint64_t i = 0; i < run; i++)
			n += pte_used(e[i]);
		addr += run << 12;
	}
	return n;
}

static bool shows_beyond(struct vspace *vs, struct mapping *m)
{
	uint64_t pages = pages_of(object->size);

	for (uint64_t at = mapping_start(m); at < m->end; at += PAGE_SIZE) {
		uint64_t *e = pt_entry(&vs->arch, at, false, NULL);

		if (mapping_page(m, at) >= pages && e && pte_used(*e))
			return true;
	}
	return false;
}

static void space_check(struct vspace *vs)
{
	uint64_t mapped = 0, below = 0, free_above = vs->hi;
	uint32_t n = 0;

	for (struct mapping *m = mapping_of(tree_first(&vs->mappings)); m; m = mapping_next(m)) {
		CHECK(mapping_start(m) >= below && m->end > mapping_start(m) && m->vspace == vs);
		CHECK(!m->lease || !lease_ended(m->lease));
		CHECK(m->vmo != object || !shows_beyond(vs, m));
		mapped += (m->end - mapping_start(m)) >> 12;
		free_above = m->end == vs->hi ? mapping_start(m) : free_above;
		below = m->end;
		n++;
	}
	CHECK(n == vs->nmappings && mapped == vs->mapped_pages && mapped <= vs->limit_pages);
	CHECK(entries_count(vs) == vs->resident_pages);
	for (uint64_t at = vs->free_hint; at < vs->hi; ) {
		struct mapping *m = mapping_at(vs, at);

		CHECK(m != NULL);
		at = m ? m->end : vs->hi;
	}
}

/* --- operations ------------------------------------------------------------------------------------------------ */

static uint64_t place(void) { return AT + PG(rand() % PAGES); }
static uint64_t length(void) { return PG(1 + rand() % (rand() % 3 ? 3 : 12)); }

static void map_anon(struct vspace *vs)
{
	struct mapping like = { .kind = MAPPING_ANON };
	uint64_t flags = (rand() % 3 ? RW : MAP_READ) | (rand() % 3 ? MAP_FIXED_ABI : 0) |
			 (rand() % 8 ? 0 : MAP_GROWSDOWN_ABI) | MAP_MAX_READ | MAP_MAX_WRITE;

	(void)vspace_map_like(vs, place(), length(), flags, &like);
}

static void map_object(struct vspace *vs)
{
	struct lease *l = rand() % 2 ? &leases[rand() % LEASES] : NULL;
	struct mapping like = { .kind = MAPPING_OBJECT, .vmo = object, .lease = l, .offset = PG(rand() % 8) };
	uint64_t flags = RW | MAP_FIXED_ABI | MAP_MAX_READ | MAP_MAX_WRITE | (rand() % 2 ? MAP_SHARED_ABI : 0);

	(void)vspace_map_like(vs, place(), length(), flags, &like);
	if (l && lease_ended(l))	/* as sys_vspace_map does */
		vspace_end_lease_in(vs, l);
}

static void touch(struct vspace *vs)
{
	uint64_t at = place();

	for (int i = 0; i < 8; i++) {
		host_use(vs);		/* another CPU may have used another meanwhile */
		(void)host_write(at + PG(rand() % 8), 1);
	}
}

static void fork_into(struct vspace *vs)
{
	struct vspace **to = &spaces[rand() % SPACES], *new, *old;

	if (vspace_clone_for(vs, root_pool, NULL, &new) < 0)
		return;
	new->limit_pages = MAX(LIMIT, new->mapped_pages);	/* of a move in progress it has both ends */
	old = *to;
	*to = new;
	object_put(&old->object);
}

static void lease_ends(void)
{
	struct lease *l = &leases[rand() % LEASES];

	if (l->object.refs == 1 && l->ended) {
		l->ended = false;
		return;
	}
	l->ended = true;
	vspace_end_lease(l);
}

static void size_changes(void)
{
	if (shrinking)
		return;
	shrinking = true;
	(void)vmo_set_size(object, rand() % 4 ? PG(rand() % 16) + (uint64_t)rand() % PAGE_SIZE : PG(16));
	shrinking = false;
}

static void remap(struct vspace *vs)
{
	struct mapping *m = mapping_from(vs, place());
	uint64_t from = m && rand() % 8 ? mapping_start(m) : place(), old = length();
	uint64_t flags = REMAP_MAY_MOVE | (rand() % 2 ? REMAP_FIXED : 0) | (rand() % 4 ? 0 : REMAP_KEEP);

	if (m && rand() % 2)
		old = m->end - from;
	host_use(vs);
	(void)sys_vspace_remap(H_SELF, from, old, length(), rand() % 4 ? flags : 0, place());
}

static unsigned step(void)
{
	struct vspace *vs = spaces[rand() % SPACES];
	uint64_t at = place(), end = at + length();
	unsigned op = (unsigned)rand() % 16;

	object_get(&vs->object);
	host_other_cpu = rand() % 2;
	switch (op) {
	case 0: case 1: map_anon(vs); break;
	case 2: case 3: map_object(vs); break;
	case 4: (void)vspace_unmap(vs, at, end - at); break;
	case 5: (void)vspace_set_flags(vs, at, end, MAP_PROT, rand() % 2 ? RW : MAP_READ); break;
	case 6: fork_into(vs); break;
	case 7: case 15: lease_ends(); break;
	case 8: size_changes(); break;
	case 9: case 10: remap(vs); break;
	case 11: (void)vspace_share(vs, at, end); break;
	case 12: (void)vmo_zero_range(object, PG(rand() % 8), length()); break;
	default: touch(vs); break;
	}
	object_put(&vs->object);
	return op;
}

/* --- the other CPU ------------------------------------------------------------------------------------------- */

static void another_cpu(void) { other = step(); }

static void race_set(void)
{
	other = ~0u;
	host_race_at(NULL, 1 + (unsigned)rand() % LOCKS, another_cpu);
}

static unsigned seed = 1, seeds = 4, steps = 20000;

static void random_run(void)
{
	srand(seed);
	CHECK(vmo_new(root_pool, PG(16), &object) == 0);
	for (int i = 0; i < LEASES; i++)
		leases[i] = (struct lease){ .object.refs = 1, .parent = i ? &leases[0] : NULL };
	for (int i = 0; i < SPACES; i++) {
		spaces[i] = host_space();
		spaces[i]->limit_pages = LIMIT;
	}
	for (unsigned i = 0; i < steps && !tap_failed; i++) {
		race_set();
		last = step();
		host_race_over();
		CHECK(host_tlb_true());
		for (int k = 0; k < SPACES; k++)
			space_check(spaces[k]);
		if (tap_failed)
			printf("# seed %u, step %u: operation %u, another CPU's %d\n", seed, i, last, (int)other);
	}
	host_other_cpu = false;
	for (int i = 0; i < SPACES; i++)
		object_put(&spaces[i]->object);
	object_put(&object->object);
	for (int i = 0; i < LEASES; i++)
		CHECK(leases[i].object.refs == 1);
}

static void random_runs(void)
{
	for (unsigned end = seed + seeds; seed < end && !tap_failed; seed++)
		random_run();
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "random operations on two CPUs keep the books", random_runs },
	};

	if (argc > 1)
		seed = (unsigned)atoi(argv[1]);
	if (argc > 2)
		seeds = (unsigned)atoi(argv[2]);
	return host_main(cases, ARRAY_SIZE(cases));
}
