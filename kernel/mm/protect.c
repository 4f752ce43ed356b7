/*
 * protect.c -- the flags of what is mapped: protection, and what children inherit.
 *
 * A mapping whose flags change in a part is cut there, and joined with neighbours that are alike then.
 * Locks:   vspace.lock, for a piece.
 * Fails:   E_NOENT at a hole; E_ACCESS: a mapping may never have this protection; E_NOMEM: it could not be cut.
 *          What came before has changed.
 * Tested:  kernel/test/vspace_test.c, vspace_model_test.c, tests/linux/memory.c, tests/linux/twin/memory.c
 */
#include "local.h"

#define PROTECT_PIECE (16ull << 20)

/* Give the entries of [start, end) the rights of m; what may become writable does so by a fault. */
static void entries_protect(struct vspace *vs, struct gather *g, const struct mapping *m)
{
	uint64_t addr = mapping_start(m), run, *e;
	uint32_t flags = mapping_pte_flags(m);

	while ((e = pt_next(&vs->arch, &addr, m->end, &run)))
		for (; run--; e++, addr += PAGE_SIZE) {
			bool write = m->flags & MAP_WRITE && pte_writable(*e);
			uint64_t new = pte_change(*e, flags | (write ? PTE_WRITE : 0));

			if (!pte_used(*e) || new == *e)
				continue;
			if (pte_present(*e))
				gather_note(g, addr);
			*e = new;
		}
}

static status_t flags_piece(struct vspace *vs, uint64_t *at, uint64_t end, uint64_t mask, uint64_t value)
{
	struct mapping *m = mapping_at(vs, *at);
	uint64_t stop;
	struct gather g;
	status_t s;

	REQUIRE(m, E_NOENT);
	if (mask & MAP_PROT)		/* the MAX bits are in the same order */
		REQUIRE(m->kind != MAPPING_UTCB && !(value * MAP_MAX_READ & ~m->flags), E_ACCESS);
	stop = MIN(MIN(end, m->end), *at + PROTECT_PIECE);
	if ((m->flags & mask) != value && m->kind != MAPPING_UTCB) {
		s = mapping_isolate(vs, &m, *at, stop);
		REQUIRE(s == 0, s);
		m->flags = (m->flags & ~mask) | value;
		if (mask & MAP_PROT) {
			gather_begin(&g, vs);
			entries_protect(vs, &g, m);
			gather_end(&g);
		}
		mapping_join(vs, m);
	}
	*at = stop;
	return 0;
}

/*
 * Change flags under mask to value in every mapping of the range.  At a hole protection ends (E_NOENT), as
 * mprotect(2) on Linux; other flags are set beyond it, too, as by madvise(2).
 */
status_t vspace_set_flags(struct vspace *vs, uint64_t addr, uint64_t end, uint64_t mask, uint64_t value)
{
	status_t s = 0, hole = 0;

	spin_lock(&vs->object.lock);
	while (s == 0 && addr < end) {
		s = flags_piece(vs, &addr, end, mask, value);
		if (s == E_NOENT && !(mask & MAP_PROT)) {
			hole = s;
			addr = vspace_hole_end(vs, addr, end);
			s = 0;
		}
		if (s == 0 && addr < end) {
			spin_unlock(&vs->object.lock);
			preempt_point();
			spin_lock(&vs->object.lock);
		}
	}
	spin_unlock(&vs->object.lock);
	return s ? s : hole;
}
