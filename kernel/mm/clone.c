/*
 * clone.c -- fork: a copy of an address space, entry by entry.
 *
 * What is private becomes read-only on both sides and is copied by whoever writes first; what is shared
 * stays as it is; pinned frames are copied at once; utcb pages are left out (each thread is made with
 * its own).  Entries of clean file pages are copied, too: an entry costs a dozen instructions, a fault
 * some hundreds.
 * Locks:   both spaces' locks, in order of address, for a piece at a time.  Between pieces the source may
 *          change: each piece copies the mappings as they are then.
 * Fails:   E_NOMEM; E_GONE: the caller is being killed.
 * Tested:  kernel/test/vspace_test.c
 */
#include "local.h"
#include "lease.h"

#define CLONE_PIECE 4096		/* entries looked at under one hold of the locks, and MAPPING_WORK for a mapping */

struct clone {
	struct vspace *from, *to;
	uint64_t at;			/* everything below is done */
	uint64_t budget;
	bool flush;			/* the source lost rights */
};

static void lock_both(struct clone *c)
{
	struct spinlock *a = &c->from->object.lock, *b = &c->to->object.lock;

	spin_lock(a < b ? a : b);
	spin_lock_second(a < b ? b : a);
}

static void unlock_both(struct clone *c)
{
	struct spinlock *a = &c->from->object.lock, *b = &c->to->object.lock;

	if (c->flush)		/* before anybody can count on the snapshot */
		tlb_flush_all(&c->from->arch);
	c->flush = false;
	spin_unlock(a < b ? b : a);
	spin_unlock(a < b ? a : b);
}

/* A device or the kernel writes to it under an alias: the child gets a frame of its own. */
static struct frame *pinned_copy(struct clone *c, struct frame *f)
{
	struct frame *n = frame_alloc(c->to->object.pool);

	if (n)
		memcpy(frame_virt(n), frame_virt(f), PAGE_SIZE);
	return n;
}

/* Copy one entry whose frame is pinned. */
static bool pinned_entry(struct clone *c, uint64_t pte, struct frame *f, uint64_t *to)
{
	struct frame *n = pinned_copy(c, f);

	if (n)
		*to = (pte & ~X86_PHYS) | frame_phys(n);
	return n != NULL;
}

/* Room for `run` adjacent entries of one table page in the copy, if there is anything to copy. */
static status_t run_place(struct clone *c, uint64_t addr, const uint64_t *e, uint64_t run, uint64_t **to)
{
	uint64_t i = 0;

	while (i < run && !pte_used(e[i]))
		i++;
	*to = NULL;
	if (i == run)
		return 0;
	*to = pt_entry(&c->to->arch, addr, true, c->to->object.pool);
	return *to ? 0 : E_NOMEM;
}

/*
 * The loop of fork: a dozen and a half instructions for each page.  What a private mapping shows loses the
 * right to be written on both sides.
 */
static status_t run_copy(struct clone *c, bool private, uint64_t *e, uint64_t *to, uint64_t run)
{
	const uint64_t mask = private ? ~X86_W : ~0ull;
	const uint32_t pinned = private ? FRAME_PINNED : 0;
	struct frame *const all = frames;
	uint64_t copied = 0, seen = 0;
	status_t s = 0;

	for (uint64_t *end = e + run; e < end; e++, to++) {
		uint64_t pte = *e;
		struct frame *f;

		if (!pte_used(pte))
			continue;
		copied++;
		f = &all[pte_phys(pte) >> 12];
		if (unlikely(f->flags & pinned)) {
			if (pinned_entry(c, pte, f, to))
				continue;
			copied--;
			s = E_NOMEM;
			break;
		}
		frame_get(f);
		seen |= pte;
		pte &= mask;
		*e = *to = pte;
	}
	c->to->resident_pages += copied;
	c->flush |= (seen & ~mask) != 0;
	return s;
}

/* Copy entries of m from *start on; *start is how far the budget went. */
static status_t entries_copy(struct clone *c, const struct mapping *m, uint64_t *start)
{
	bool private = !(m->flags & MAP_SHARED_ABI);
	uint64_t addr = *start, run, *e, *to;
	status_t s;

	while (c->budget && (e = pt_next(&c->from->arch, &addr, m->end, &run))) {
		run = MIN(run, c->budget);
		c->budget -= run;
		s = run_place(c, addr, e, run, &to);
		if (s == 0 && to)
			s = run_copy(c, private, e, to, run);
		REQUIRE(s == 0, s);
		addr += run << 12;
	}
	*start = MIN(addr, m->end);
	return 0;
}

/* The child finds zeros, whatever is mapped here. */
static __attribute__((noinline)) struct mapping *zeros_new(struct clone *c, const struct mapping *m, uint64_t start)
{
	const struct mapping like = { .kind = MAPPING_ANON, .flags = m->flags & ~(uint64_t)MAP_SHARED_ABI };

	return mapping_new(c->to, start, m->end, &like);
}

/* What an earlier piece made of m's beginning, up to start: it goes on in the same one.  NULL: nothing. */
static struct mapping *copy_begun(struct clone *c, const struct mapping *m, uint64_t start)
{
	struct mapping *n = start > mapping_start(m) ? mapping_at(c->to, start - 1) : NULL;

	if (!n || n->kind != m->kind || n->vmo != m->vmo || n->content != m->content || n->flags != m->flags ||
	    n->lease != m->lease || (m->vmo && n->offset - mapping_start(n) != m->offset - mapping_start(m)))
		return NULL;
	return n;
}

static status_t copy_make(struct clone *c, struct mapping *m, uint64_t start, struct mapping **out)
{
	struct mapping *n = copy_begun(c, m, start);

	*out = n;
	if (n) {
		mapping_resize(n, mapping_start(n), m->end);
		c->to->mapped_pages += (m->end - start) >> 12;
		return 0;
	}
	n = unlikely(m->flags & MAP_ZERO_FORK) ? zeros_new(c, m, start) : mapping_new(c->to, start, m->end, m);
	REQUIRE(n, E_NOMEM);
	mapping_insert(c->to, n, n->vmo ? m : NULL);
	*out = n;
	return 0;
}

/* Copy what lies at or above c->at of mapping m, as far as the budget goes. */
static status_t mapping_clone(struct clone *c, struct mapping *m)
{
	uint64_t start = MAX(c->at, mapping_start(m)), reached = start;
	struct mapping *n;
	status_t s;

	if (m->flags & MAP_NO_FORK || m->kind == MAPPING_UTCB || (m->lease && lease_ended(m->lease))) {
		c->at = m->end;
		return 0;
	}
	s = copy_make(c, m, start, &n);
	REQUIRE(s == 0, s);
	if (m->flags & MAP_ZERO_FORK || (m->vmo && m->vmo->kind == VMO_PHYSICAL))
		reached = m->end;	/* a device's pages have no frames to count: they are faulted in again */
	else
		s = entries_copy(c, m, &reached);
	REQUIRE(s == 0, s);		/* the whole copy is dropped */
	if (reached < m->end) {
		c->to->mapped_pages -= (m->end - reached) >> 12;
		KASSERT(reached > start);	/* there was budget for one */
		mapping_resize(n, mapping_start(n), reached);
	}
	c->at = reached;
	mapping_join(c->to, n);
	return 0;
}

/* One piece; *done: nothing is left above c->at. */
static status_t clone_piece(struct clone *c, bool *done)
{
	status_t s = 0;

	c->budget = CLONE_PIECE;
	lock_both(c);
	while (s == 0 && c->budget) {
		struct mapping *m = mapping_from(c->from, c->at);

		if (!m) {
			*done = true;
			break;
		}
		s = mapping_clone(c, m);
		c->budget -= MIN(c->budget, MAPPING_WORK);
	}
	unlock_both(c);
	return s;
}

/* `keep` is for the caller's record: no utcb is copied. */
status_t vspace_clone_for(struct vspace *vs, struct pool *pool, struct thread *keep, struct vspace **out)
{
	struct clone c = { .from = vs };
	bool done = false;
	status_t s;

	(void)keep;
	s = vspace_new(pool, vs->lo, vs->hi, &c.to);
	REQUIRE(s == 0, s);
	c.to->limit_pages = vs->limit_pages;
	while (s == 0 && !done) {
		s = clone_piece(&c, &done);
		if (s == 0 && !done && !preempt_point())
			s = E_GONE;
	}
	if (s < 0) {
		object_put(&c.to->object);
		return s;
	}
	*out = c.to;
	return 0;
}
