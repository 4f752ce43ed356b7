/*
 * fault.c -- page faults: from an address and an access to an entry, or to the reason why not.
 *
 * The entry alone says what a page is: empty; the object's frame (written only when the object has it
 * alone); or the mapping's own (PTE_PRIVATE), which after a fork several spaces hold, each read-only,
 * until its writer is the only holder left or takes a copy.
 * Locks:   vspace.lock -> vmo.lock.  What needs neither (a pager, copying a frame that other objects
 *          share) is done with none held, and the fault starts again.
 * Fails:   FAULT_NO_MAPPING, FAULT_PROTECTION, FAULT_BEYOND_END, E_NOMEM; E_NOSPACE, E_IO of a pager; E_GONE:
 *          killed, or the lease of the operation has ended.
 * Tested:  kernel/test/vspace_test.c
 */
#include "local.h"
#include "timer.h"

#define AROUND_PAGES 16ull		/* mapped with one read fault */
#define STACK_MAX (8ull << 20)		/* what a growing mapping may reach by itself */
#define STACK_GAP (256 * PAGE_SIZE)

struct fault {
	struct vspace *vs;
	struct mapping *m;
	uint64_t addr;			/* page aligned */
	bool write;
	uint64_t *entry;
	/* when the answer is E_AGAIN: make this page (with a reference), then try again */
	struct vmo *slow_vmo;
	uint64_t slow_page;
	bool slow_write;
	struct content *tell;		/* with a reference: its server wants to know of the write */
};

/* --- entries ------------------------------------------------------------------------------------------ */

/* Fill an empty entry; the frame's reference becomes the entry's. */
static void entry_fill(struct fault *f, struct frame *frame, uint32_t flags)
{
	*f->entry = pte_make(frame_phys(frame), mapping_pte_flags(f->m) | flags);
	f->vs->resident_pages++;
}

/* Replace an entry that other CPUs may still use, then drop what it held. */
static void entry_replace(struct fault *f, struct frame *frame, uint32_t flags)
{
	uint64_t old = atomic_xchg(f->entry, pte_make(frame_phys(frame), mapping_pte_flags(f->m) | flags));
	struct frame *former = frame_of_pte(old);

	tlb_flush_range(&f->vs->arch, f->addr, 1);
	if (former)
		frame_put(former);
}

static uint32_t write_flag(const struct fault *f)
{
	return f->m->flags & MAP_WRITE ? PTE_WRITE : 0;
}

/* A copy of `from` (NULL: zeros) for the overlay, charged to the space's pool. */
static struct frame *overlay_frame(struct fault *f, const struct frame *from)
{
	struct frame *n;

	if (!from || from == zero_frame)
		return frame_alloc_zero(f->vs->object.pool);
	n = frame_alloc(f->vs->object.pool);
	if (n)
		memcpy(frame_virt(n), frame_virt(from), PAGE_SIZE);
	return n;
}

/* --- the cases -------------------------------------------------------------------------------------------- */

/* Writable memory gets its frame at the first touch, whatever that is: one fault instead of two. */
static status_t fault_anon(struct fault *f)
{
	struct frame *n;

	if (!(f->m->flags & MAP_WRITE)) {
		frame_get(zero_frame);
		entry_fill(f, zero_frame, 0);
		return 0;
	}
	n = frame_alloc_zero(f->vs->object.pool);
	REQUIRE(n, E_NOMEM);
	entry_fill(f, n, PTE_WRITE | PTE_PRIVATE);
	return 0;
}

/* A write to an entry that is present and read-only, in a private mapping. */
static status_t fault_copy(struct fault *f)
{
	struct frame *old = frame_of_pte(*f->entry), *n;

	if (pte_private(*f->entry) && atomic_load(&old->refs) == 1) {
		/* ours alone, and nobody can become a holder without our lock */
		*f->entry = pte_change(*f->entry, mapping_pte_flags(f->m) | PTE_WRITE);
		return 0;
	}
	n = overlay_frame(f, old);
	REQUIRE(n, E_NOMEM);
	entry_replace(f, n, PTE_WRITE | PTE_PRIVATE);
	return 0;
}

/* Map, read-only, `n` pages of one leaf whose entries are empty; how many it were. */
static uint64_t leaf_map(struct frame *const *leaf, uint64_t *e, uint64_t n, uint64_t template)
{
	uint64_t mapped = 0;

	for (uint64_t *end = e + n; e < end; e++, leaf++) {
		if (pte_used(*e) || !*leaf)
			continue;
		frame_get(*leaf);
		*e = template | frame_phys(*leaf);
		mapped++;
	}
	return mapped;
}

/*
 * Map, read-only, what the object has beside the faulting page, as far as one table page, the mapping and
 * the object go.  Both locks are held.
 */
static void fault_around(struct fault *f)
{
	struct vmo *v = f->m->vmo;
	uint64_t template = pte_make(0, mapping_pte_flags(f->m));
	uint64_t around = ALIGN_DOWN(f->addr, AROUND_PAGES * PAGE_SIZE);
	uint64_t first = MAX(around, mapping_start(f->m)), end = MIN(around + AROUND_PAGES * PAGE_SIZE, f->m->end);
	uint64_t page = mapping_page(f->m, first), last = page + ((end - first) >> 12), n;
	uint64_t *e = f->entry - ((f->addr - first) >> 12);

	last = MIN(last, pages_of(v->size));
	if (v->height == 0)
		return;			/* one page, and that is mapped */
	for (; page < last; page += n, e += n) {
		struct frame *const *leaf = vmo_leaf(v, page);

		n = MIN(last - page, VMO_LEAF - page % VMO_LEAF);
		if (leaf)
			f->vs->resident_pages += leaf_map(leaf, e, n, template);
	}
}

static void note_shared_write(struct fault *f)
{
	struct content *c = f->m->content;
	uint64_t now;

	if (!c)
		return;
	if (unlikely(c->tell & TELL_WRITE)) {
		object_get(&c->object);
		f->tell = c;
	}
	now = time_real_ns();
	__atomic_store_n(&c->mtime_ns, now, __ATOMIC_RELAXED);
	__atomic_store_n(&c->ctime_ns, now, __ATOMIC_RELAXED);
}

/* Empty entry, shared mapping: the object's own frame.  vmo.lock is held. */
static status_t fault_shared(struct fault *f, uint64_t page)
{
	struct vmo *v = f->m->vmo;
	struct frame *n;
	status_t s = vmo_fault_page(v, page, f->write, f->vs->object.pool, &n);
	bool writable;

	REQUIRE(s == 0, s);
	/* writable at once if nothing has to be known about the first write */
	writable = f->write || (write_flag(f) && !v->paged && !f->m->content && !(n->flags & FRAME_SHARED));
	frame_get(n);
	entry_fill(f, n, writable ? PTE_WRITE : 0);
	if (f->write)
		note_shared_write(f);
	else
		fault_around(f);
	return 0;
}

/* Empty entry, private mapping.  vmo.lock is held. */
static status_t fault_private(struct fault *f, uint64_t page)
{
	struct frame *n;
	status_t s;

	if (f->write) {
		n = vmo_find(f->m->vmo, page);
		if (!n && f->m->vmo->paged)
			return E_AGAIN;
		n = overlay_frame(f, n);
		REQUIRE(n, E_NOMEM);
		entry_fill(f, n, PTE_WRITE | PTE_PRIVATE);
		return 0;
	}
	s = vmo_fault_page(f->m->vmo, page, false, f->vs->object.pool, &n);
	REQUIRE(s == 0, s);
	frame_get(n);
	entry_fill(f, n, 0);
	fault_around(f);
	return 0;
}

/* A write to the object's frame that is mapped read-only.  vmo.lock is held. */
static status_t fault_shared_write(struct fault *f, uint64_t page)
{
	struct frame *n;
	status_t s = vmo_fault_page(f->m->vmo, page, true, f->vs->object.pool, &n);

	REQUIRE(s == 0, s);
	if (n != frame_of_pte(*f->entry))
		return E_AGAIN;		/* replaced; its zap is on the way */
	*f->entry = pte_change(*f->entry, mapping_pte_flags(f->m) | PTE_WRITE);
	note_shared_write(f);
	return 0;
}

static status_t fault_physical(struct fault *f)
{
	struct vmo *v = f->m->vmo;
	uint64_t offset = mapping_page(f->m, f->addr) << 12, phys = v->phys + offset;

	REQUIRE(offset < v->size, FAULT_BEYOND_END);
	if (!(f->m->flags & MAP_SHARED_ABI))
		return FAULT_PROTECTION;	/* a device's registers cannot be copied on write */
	if (pte_used(*f->entry)) {
		*f->entry = pte_change(*f->entry, mapping_pte_flags(f->m) | write_flag(f));
		return 0;
	}
	*f->entry = pte_make(phys, mapping_pte_flags(f->m) | write_flag(f));
	if (frame_of_pte(*f->entry))
		frame_get(frame_of_pte(*f->entry));
	f->vs->resident_pages++;
	return 0;
}

static status_t fault_object(struct fault *f)
{
	struct vmo *v = f->m->vmo;
	uint64_t page = mapping_page(f->m, f->addr);
	bool present = pte_used(*f->entry);
	status_t s;

	if (v->kind == VMO_PHYSICAL)
		return fault_physical(f);
	if (present && !(f->m->flags & MAP_SHARED_ABI))
		return fault_copy(f);
	spin_lock(&v->object.lock);
	if (page >= pages_of(v->size))
		s = FAULT_BEYOND_END;
	else if (present)
		s = fault_shared_write(f, page);
	else if (f->m->flags & MAP_SHARED_ABI)
		s = fault_shared(f, page);
	else
		s = fault_private(f, page);
	spin_unlock(&v->object.lock);
	if (s == E_AGAIN) {
		f->slow_vmo = v;
		f->slow_page = page;
		f->slow_write = f->write && f->m->flags & MAP_SHARED_ABI;
		object_get(&v->object);
	}
	return s;
}

/* --- finding the mapping ------------------------------------------------------------------------------------- */

/* A fault below a mapping that grows down: move its start, if room, gap and ceiling allow. */
static struct mapping *stack_grow(struct vspace *vs, uint64_t addr)
{
	struct mapping *m = mapping_from(vs, addr);
	struct mapping *below;
	uint64_t more;

	if (!m || !(m->flags & MAP_GROWSDOWN_ABI) || mapping_start(m) <= addr || m->end - addr > STACK_MAX)
		return NULL;
	below = mapping_of(tree_prev(&m->node));
	more = (mapping_start(m) - addr) >> 12;
	if (addr < USER_LOW || vs->mapped_pages + more > vs->limit_pages ||
	    (below && below->end + (below->flags & MAP_PROT ? STACK_GAP : 0) > addr))
		return NULL;
	mapping_resize(m, addr, m->end);
	vs->mapped_pages += more;
	return m;
}

static bool allowed(const struct mapping *m, uint32_t prot)
{
	if (prot & MAP_WRITE && !(m->flags & MAP_WRITE))
		return false;
	if (prot & MAP_EXEC && !(m->flags & MAP_EXEC))
		return false;
	return m->flags & MAP_PROT;	/* whatever is accessible can be read */
}

/* Does the entry allow the access already?  (another CPU was faster, or a stale TLB entry) */
static bool resolved(uint64_t pte, uint32_t prot)
{
	return pte_present(pte) && (!(prot & MAP_WRITE) || pte_writable(pte)) &&
	       (!(prot & MAP_EXEC) || pte_exec(pte));
}

/* vspace.lock is held. */
static status_t fault_locked(struct fault *f, uint32_t prot)
{
	f->m = mapping_at(f->vs, f->addr);
	if (unlikely(!f->m) && !(f->m = stack_grow(f->vs, f->addr)))
		return FAULT_NO_MAPPING;
	if (unlikely(!allowed(f->m, prot)))
		return FAULT_PROTECTION;
	f->entry = pt_entry(&f->vs->arch, f->addr, true, f->vs->object.pool);
	REQUIRE(f->entry, E_NOMEM);
	if (resolved(*f->entry, prot))
		return 0;
	if (pte_used(*f->entry) && !pte_present(*f->entry))	/* kept while it was inaccessible */
		*f->entry = pte_change(*f->entry, mapping_pte_flags(f->m));
	if (resolved(*f->entry, prot))
		return 0;
	if (f->m->kind == MAPPING_UTCB)
		return FAULT_PROTECTION;
	if (f->m->kind == MAPPING_OBJECT)
		return fault_object(f);
	return pte_used(*f->entry) ? fault_copy(f) : fault_anon(f);
}

/*
 * Make one page of vs accessible for prot (MAP_READ, MAP_WRITE or MAP_EXEC).  No lock may be held.  Frames
 * are charged to the space's pool.
 */
status_t vspace_fault(struct vspace *vs, uint64_t addr, uint32_t prot)
{
	for (;;) {
		struct frame *made;
		struct fault f;		/* what is not set here is set before it is read */
		status_t s;

		f.vs = vs;
		f.addr = ALIGN_DOWN(addr, PAGE_SIZE);
		f.write = prot & MAP_WRITE;
		f.tell = NULL;
		spin_lock(&vs->object.lock);
		s = fault_locked(&f, prot);
		spin_unlock(&vs->object.lock);
		if (unlikely(f.tell)) {
			content_tell(f.tell, TELL_WRITE);
			object_put(&f.tell->object);
		}
		if (likely(s != E_AGAIN))
			return s;
		s = vmo_page(f.slow_vmo, f.slow_page, f.slow_write, vs->object.pool, &made);
		object_put(&f.slow_vmo->object);
		if (s < 0)
			return s == E_OVERFLOW ? FAULT_BEYOND_END : s;
		frame_put(made);
		if (!preempt_point())
			return E_GONE;		/* not E_NOMEM: nobody is to make room for it */
	}
}

/* --- looking at another space's memory -------------------------------------------------------------------------- */

/*
 * The page's frame for reading, with a reference; NULL in *out with 0: zeros.  E_AGAIN: not resident,
 * E_NOENT, E_ACCESS.  vspace.lock is held.
 */
static status_t peek_page(struct vspace *vs, uint64_t addr, struct frame **out)
{
	struct mapping *m = mapping_at(vs, addr);
	uint64_t *e;

	*out = NULL;
	REQUIRE(m, FAULT_NO_MAPPING);
	e = pt_entry(&vs->arch, addr, false, NULL);
	if (e && pte_used(*e)) {
		REQUIRE(*out = frame_of_pte(*e), E_NODEV);
		REQUIRE(!(m->vmo && m->vmo->uncached), E_NODEV);
		frame_get(*out);
		return 0;
	}
	if (!m->vmo)
		return 0;
	REQUIRE(m->vmo->kind != VMO_PHYSICAL, E_AGAIN);
	REQUIRE(mapping_page(m, addr) < pages_of(vmo_size(m->vmo)), FAULT_BEYOND_END);
	*out = vmo_peek(m->vmo, mapping_page(m, addr));
	return *out || !m->vmo->paged ? 0 : E_AGAIN;
}

/*
 * Copy out of a space's memory, whatever its protection: what is resident, or can be known not to have been
 * touched.  Short before what is not; an error if that is the first byte.
 */
int64_t vspace_peek(struct vspace *vs, uint64_t addr, void *to, uint64_t len)
{
	uint64_t done = 0;
	status_t s = 0;

	while (done < len && s == 0) {
		uint64_t at = addr + done, in = at & (PAGE_SIZE - 1), n = MIN(len - done, PAGE_SIZE - in);
		struct frame *f;

		spin_lock(&vs->object.lock);
		s = at < USER_TOP ? peek_page(vs, at - in, &f) : FAULT_NO_MAPPING;
		spin_unlock(&vs->object.lock);
		if (s < 0)
			break;
		if (f) {
			memcpy((uint8_t *)to + done, (uint8_t *)frame_virt(f) + in, n);
			frame_put(f);
		} else {
			memset((uint8_t *)to + done, 0, n);
		}
		done += n;
	}
	return done ? (int64_t)done : s;
}

/* The page made writable as by a write of its own; the copy is made under the lock so that it stays so. */
static status_t poke_page(struct vspace *vs, uint64_t addr, const void *from, uint64_t n)
{
	uint64_t *e;
	status_t s;

	do {
		s = vspace_fault(vs, addr, MAP_WRITE);
		REQUIRE(s == 0, s);
		s = E_AGAIN;
		spin_lock(&vs->object.lock);
		e = pt_entry(&vs->arch, addr, false, NULL);
		if (e && pte_writable(*e)) {
			struct frame *f = frame_of_pte(*e);

			s = f && !(f->flags & FRAME_RESERVED) ? 0 : E_NODEV;
			if (s == 0)
				memcpy((uint8_t *)frame_virt(f) + (addr & (PAGE_SIZE - 1)), from, n);
		}
		spin_unlock(&vs->object.lock);
	} while (s == E_AGAIN && preempt_point());
	return s;
}

int64_t vspace_poke(struct vspace *vs, uint64_t addr, const void *from, uint64_t len)
{
	uint64_t done = 0;
	status_t s = 0;

	while (done < len && s == 0) {
		uint64_t at = addr + done, n = MIN(len - done, PAGE_SIZE - (at & (PAGE_SIZE - 1)));

		s = at < USER_TOP ? poke_page(vs, at, (const uint8_t *)from + done, n) : FAULT_NO_MAPPING;
		if (s == 0)
			done += n;
	}
	return done ? (int64_t)done : s;
}

/* --- what a futex word is called ------------------------------------------------------------------------------------ */

status_t vspace_futex_key(struct vspace *vs, uint64_t addr, bool private, struct futex_key *out)
{
	struct mapping *m;

	REQUIRE(user_range_ok(addr, 4), E_FAULT);
	out->object = &vs->object;
	out->offset = addr;
	if (!private) {
		spin_lock(&vs->object.lock);
		m = mapping_at(vs, addr);
		if (m && m->vmo && m->flags & MAP_SHARED_ABI) {
			out->object = &m->vmo->object;
			out->offset = m->offset + (addr - mapping_start(m));
		}
		if (m)
			object_get(out->object);
		spin_unlock(&vs->object.lock);
		return m ? 0 : E_FAULT;
	}
	object_get(out->object);
	return 0;
}
