/*
 * inherit.c -- private memory becomes one that children to come share (ADVISE_INHERIT_SHARE).
 *
 * Private pages live in page tables alone, so they get an object: the pages move there, a piece at a time, and
 * the mapping of what has moved, a shared one, grows over the private one.  Of a private mapping of a file the
 * object begins as a copy-on-write copy of the range: what others write to the file is not seen any more.
 * Locks:   vspace.lock -> vmo.lock, for a piece.  Between pieces the mappings may change: then it starts again
 *          with what is there.
 * Fails:   E_NOENT at a hole; E_INVAL: a stack that grows; E_NODEV: device memory; E_NOSYS: a pager's file;
 *          E_NOMEM: what came before is shared already; E_GONE: the caller is being killed.
 * Tested:  kernel/test/vspace_test.c, programs/selftest/memory.c
 */
#include "local.h"

struct convert {
	struct vspace *vs;
	struct vmo *from, *to;		/* from: what is mapped privately, NULL: nothing */
	uint64_t base;			/* address of the first page of `to` */
	uint64_t stop;
	struct list dead;		/* mappings to free when no lock is held */
};

/* How far the entries of one piece go. */
static uint64_t piece_end(struct convert *c, uint64_t at, uint64_t end)
{
	uint64_t budget = PIECE_PAGES, run;

	while (budget && pt_next(&c->vs->arch, &at, end, &run)) {
		run = MIN(run, budget);
		budget -= run;
		at += run << 12;
	}
	return budget ? end : MIN(at, end);
}

/* The frame of a private entry into `to`: itself if nobody else has it, else a copy.  Both locks are held. */
static status_t page_move(struct convert *c, uint64_t addr, uint64_t pte)
{
	void **slot = vmo_slot(c->to, (addr - c->base) >> 12);
	struct frame *f = frame_of_pte(pte), *n = f;

	REQUIRE(slot, E_NOMEM);
	if (atomic_load(&f->refs) == 1 && !f->flags) {
		frame_get(f);
	} else {
		n = frame_alloc(c->vs->object.pool);
		REQUIRE(n, E_NOMEM);
		memcpy(frame_virt(n), frame_virt(f), PAGE_SIZE);
	}
	if (*slot)
		frame_put(*slot);	/* the file's: the private page hides it */
	else
		c->to->npages++;
	*slot = n;
	return 0;
}

static status_t pages_move(struct convert *c, uint64_t at, uint64_t end)
{
	uint64_t run, *e;
	status_t s = 0;

	spin_lock(&c->to->object.lock);
	while (s == 0 && (e = pt_next(&c->vs->arch, &at, end, &run)))
		for (; run-- && s == 0; e++, at += PAGE_SIZE)
			if (pte_used(*e) && pte_private(*e) && at - c->base < c->to->size)
				s = page_move(c, at, *e);
	spin_unlock(&c->to->object.lock);
	return s;
}

/* Entries that show the object's own frame stay; the others go and come back by faults. */
static void entries_convert(struct convert *c, uint64_t at, uint64_t end, const struct mapping *m)
{
	uint64_t run, *e;
	struct gather g;

	gather_begin(&g, c->vs);
	spin_lock(&c->to->object.lock);
	while ((e = pt_next(&c->vs->arch, &at, end, &run)))
		for (; run--; e++, at += PAGE_SIZE) {
			struct frame *f = frame_of_pte(*e);
			uint64_t write = pte_writable(*e) ? PTE_WRITE : 0;

			if (!pte_used(*e))
				continue;
			if (pte_private(*e) && f == vmo_find(c->to, (at - c->base) >> 12)) {
				*e = pte_make(frame_phys(f), mapping_pte_flags(m) | (uint32_t)write);
				continue;
			}
			c->vs->resident_pages--;
			gather_add(&g, at, atomic_xchg(e, 0));
		}
	spin_unlock(&c->to->object.lock);
	gather_end(&g);
}

/* [start, end), the beginning of m, is `new` from now on, or belongs to `before` when that is not NULL. */
static void mapping_replace(struct convert *c, struct mapping *m, struct mapping *before, struct mapping *new,
			    uint64_t end)
{
	uint64_t start = mapping_start(m);

	if (end < m->end) {
		mapping_resize(m, end, m->end);
	} else {
		mapping_unlink(c->vs, m);
		list_push_back(&c->dead, &m->vmo_link);
	}
	if (before) {
		mapping_resize(before, mapping_start(before), end);
	} else {
		mapping_insert(c->vs, new, NULL);
		c->vs->mapped_pages -= (end - start) >> 12;
	}
}

/* One piece from *at on; vspace.lock is held.  E_AGAIN: it is not mapped as it was. */
static status_t convert_piece(struct convert *c, uint64_t *at)
{
	struct mapping *m = mapping_at(c->vs, *at), *before, *new = NULL, like = { 0 };
	uint64_t end;
	status_t s;

	REQUIRE(m && m->vmo == c->from && !(m->flags & MAP_SHARED_ABI) && m->kind != MAPPING_UTCB, E_AGAIN);
	s = mapping_isolate(c->vs, &m, *at, MIN(c->stop, m->end));
	REQUIRE(s == 0, s);
	before = mapping_at(c->vs, *at - 1);
	end = piece_end(c, *at, m->end);
	like.kind = MAPPING_OBJECT;
	like.flags = m->flags | MAP_SHARED_ABI;
	like.vmo = c->to;
	like.offset = *at - c->base;
	like.lease = m->lease;
	if (!before || before->vmo != c->to || before->flags != like.flags || before->lease != like.lease) {
		before = NULL;
		new = mapping_new(c->vs, *at, end, &like);
		REQUIRE(new, E_NOMEM);
		new->offset = like.offset;
	}
	s = pages_move(c, *at, end);
	if (s < 0) {
		if (new)
			mapping_free(c->vs, new);
		return s;
	}
	entries_convert(c, *at, end, before ? before : new);
	mapping_replace(c, m, before, new, end);
	*at = end;
	return 0;
}

/* The object for what is mapped privately from c->base to c->stop, `offset` being where that lies in c->from. */
static status_t object_make(struct convert *c, uint64_t offset)
{
	uint64_t len = c->stop - c->base, size;
	status_t s;

	if (!c->from)
		return vmo_new(c->vs->object.pool, len, &c->to);
	REQUIRE(c->from->kind == VMO_ANONYMOUS, E_NODEV);
	REQUIRE(!c->from->paged, E_NOSYS);
	size = ALIGN_UP(vmo_size(c->from), PAGE_SIZE);
	len = offset < size ? MIN(len, size - offset) : 0;
	s = vmo_new(c->vs->object.pool, len, &c->to);
	REQUIRE(s == 0, s);
	s = vmo_share(c->to, 0, c->from, offset, len);
	if (s < 0)
		object_put(&c->to->object);
	return s == E_INVAL ? E_AGAIN : s;	/* it has shrunk meanwhile */
}

/* What lies at c->base: its end in c->stop, its object with a reference.  *private: there is work to do. */
static status_t look(struct convert *c, uint64_t end, uint64_t *offset, bool *private)
{
	struct mapping *m;
	status_t s = 0;

	spin_lock(&c->vs->object.lock);
	m = mapping_at(c->vs, c->base);
	if (!m) {
		s = E_NOENT;
	} else if (m->flags & MAP_GROWSDOWN_ABI) {
		s = E_INVAL;
	} else {
		*private = m->kind != MAPPING_UTCB && !(m->flags & MAP_SHARED_ABI);
		c->stop = MIN(end, m->end);
		c->from = m->vmo;
		*offset = m->offset + (c->base - mapping_start(m));
		if (c->from)
			object_get(&c->from->object);
	}
	spin_unlock(&c->vs->object.lock);
	return s;
}

/* From c->base on, as long as the mapping is the same; c->base moves on. */
static status_t convert(struct convert *c, uint64_t offset)
{
	uint64_t at = c->base;
	status_t s = object_make(c, offset);
	struct list *l;

	REQUIRE(s == 0, s);
	while (at < c->stop && s == 0) {
		spin_lock(&c->vs->object.lock);
		s = convert_piece(c, &at);
		spin_unlock(&c->vs->object.lock);
		while ((l = list_pop(&c->dead)))
			mapping_free(c->vs, list_entry(l, struct mapping, vmo_link));
		if (s == 0 && at < c->stop && !preempt_point())
			s = E_GONE;
	}
	if (s < 0)
		vmo_drop(c->to, (at - c->base) >> 12, ~0ull);
	object_put(&c->to->object);
	c->base = at;
	return s;
}

/* What vspace_clone copies of [addr, end) from now on is shared with the copy. */
status_t vspace_share(struct vspace *vs, uint64_t addr, uint64_t end)
{
	struct convert c = { .vs = vs, .base = addr };
	status_t s = 0;

	list_init(&c.dead);
	while (c.base < end && s == 0) {
		uint64_t offset = 0;
		bool private = false;

		s = look(&c, end, &offset, &private);
		REQUIRE(s == 0, s);
		if (private)
			s = convert(&c, offset);
		else
			c.base = c.stop;
		if (c.from)
			object_put(&c.from->object);
		if (s == E_AGAIN)
			s = preempt_point() ? 0 : E_GONE;
	}
	return s ? s : vspace_set_flags(vs, addr, end, MAP_NO_FORK | MAP_ZERO_FORK, 0);
}
