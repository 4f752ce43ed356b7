/*
 * vspace.c -- address spaces: a tree of mappings over page tables.
 *
 * Private anonymous memory lives in the page tables alone; a mapping of an object shows its frames, and
 * a private one keeps the pages that were written as an overlay in the same table (PTE_PRIVATE).
 * Each entry that is not empty holds a reference of its frame.
 *
 * Owns:    mappings and entries.
 * Locks:   vspace.lock guards tree and tables.  Start, end and offset of a mapping of an object change
 *          only with its vmo's lock, too, so that who walks vmo->mappings can read them.  Work on many
 *          pages goes in pieces; between them the lock is dropped and the thread may be preempted.
 * Fails:   E_NOMEM, E_INVAL, E_EXIST; see each function.
 * Tested:  kernel/test/vspace_test.c
 */
#include "local.h"
#include "lease.h"

#define MAPPINGS_MAX 65530u		/* as Linux: some walks pass all of a range under one hold of the lock */
#define GROWSDOWN_GAP (256 * PAGE_SIZE)	/* kept free below a stack, as on Linux */

struct vspace kernel_vspace;
struct frame *zero_frame;
struct list all_vspaces = LIST_INIT(all_vspaces);
struct spinlock all_vspaces_lock = SPINLOCK(RANK_KMEM);

/* --- what was cleared ------------------------------------------------------------------------------------ */

void gather_begin(struct gather *g, struct vspace *vs)
{
	g->vs = vs;
	g->lo = ~0ull;
	g->hi = 0;
	g->count = 0;
	g->batch = (struct frame_batch){ 0 };
}

void gather_note(struct gather *g, uint64_t addr)
{
	g->lo = MIN(g->lo, addr);
	g->hi = MAX(g->hi, addr + PAGE_SIZE);
}

static void gather_flush(struct gather *g)
{
	if (g->lo < g->hi)
		tlb_flush_range(&g->vs->arch, g->lo, (g->hi - g->lo) >> 12);
	for (unsigned i = 0; i < g->count; i++)
		frame_put_batch(g->frames[i], &g->batch);
	g->lo = ~0ull;
	g->hi = 0;
	g->count = 0;
}

/*
 * Drop the reference of a cleared entry: at once if no other CPU can still use it.  The entry was
 * cleared by an atomic exchange, and a CPU sets its bit before it loads the table, so whoever is not in
 * the mask now cannot have seen the entry; this CPU touches no user address before the flush.
 */
void gather_add(struct gather *g, uint64_t addr, uint64_t old)
{
	struct frame *f = frame_of_pte(old);

	gather_note(g, addr);
	if (!f)
		return;
	if (likely(!tlb_others(&g->vs->arch))) {
		frame_put_batch(f, &g->batch);
		return;
	}
	if (g->count == GATHER_FRAMES)
		gather_flush(g);
	gather_note(g, addr);
	g->frames[g->count++] = f;
}

/* Before the lock is dropped. */
void gather_end(struct gather *g)
{
	gather_flush(g);
	frame_batch_end(&g->batch);
}

uint64_t pages_clear(struct vspace *vs, struct gather *g, uint64_t start, uint64_t end, bool private_too)
{
	uint64_t addr = start, budget = PIECE_PAGES, run, *e;

	while (budget && (e = pt_next(&vs->arch, &addr, end, &run))) {
		run = MIN(run, budget);
		budget -= run;
		for (; run--; e++, addr += PAGE_SIZE) {
			if (!pte_used(*e) || (pte_private(*e) && !private_too))
				continue;
			vs->resident_pages--;
			gather_add(g, addr, atomic_xchg(e, 0));
		}
	}
	return MIN(addr, end);
}

/* --- mappings: vspace.lock is held --------------------------------------------------------------------------- */

struct mapping *mapping_at(struct vspace *vs, uint64_t addr)
{
	struct mapping *m = vs->last;

	if (m && addr >= mapping_start(m) && addr < m->end)
		return m;
	m = mapping_of(tree_at_most(&vs->mappings, addr));
	if (!m || m->end <= addr)
		return NULL;
	vs->last = m;
	return m;
}

/* Where the hole at addr ends, at most at end.  vspace.lock is held. */
uint64_t vspace_hole_end(struct vspace *vs, uint64_t addr, uint64_t end)
{
	struct mapping *m = mapping_from(vs, addr);

	return m ? MIN(end, mapping_start(m)) : end;
}

struct mapping *mapping_from(struct vspace *vs, uint64_t addr)
{
	struct mapping *m = mapping_of(tree_at_most(&vs->mappings, addr));

	if (!m)
		return mapping_of(tree_first(&vs->mappings));
	return m->end > addr ? m : mapping_next(m);
}

/* Like another one (NULL: anonymous, no flags), with references of its own.  NULL: no memory, or too many. */
struct mapping *mapping_new(struct vspace *vs, uint64_t start, uint64_t end, const struct mapping *like)
{
	struct mapping *m = likely(vs->nmappings < MAPPINGS_MAX) ? kmem_alloc(vs->object.pool, sizeof(*m)) : NULL;

	if (!m)
		return NULL;
	if (like)
		*m = *like;
	if (like && start > mapping_start(like) && like->vmo)
		m->offset += start - mapping_start(like);
	m->node.key = start;
	m->end = end;
	m->vspace = vs;
	list_init(&m->vmo_link);
	if (m->vmo)
		object_get(&m->vmo->object);
	if (m->content)
		object_get(&m->content->object);
	if (m->lease)
		object_get(&m->lease->object);
	return m;
}

void mapping_free(struct vspace *vs, struct mapping *m)
{
	if (m->vmo)
		object_put(&m->vmo->object);
	if (m->content)
		object_put(&m->content->object);
	if (m->lease)
		object_put(&m->lease->object);
	kmem_free(vs->object.pool, m, sizeof(*m));
}

/*
 * after: the mapping whose pages m may show from the start (it was cut off or cloned), or NULL.  m then goes
 * behind it in the vmo's list, and behind the mark of a walker that has just passed there but may not
 * have cleared anything yet (zap_next).
 */
static void mapping_link(struct vspace *vs, struct mapping *m, struct mapping *after)
{
	struct list *at;

	tree_insert(&vs->mappings, &m->node);
	vs->nmappings++;
	if (!m->vmo)
		return;
	spin_lock(&m->vmo->object.lock);
	at = after ? &after->vmo_link : &m->vmo->mappings;
	while (after && at->next != &m->vmo->mappings && !list_entry(at->next, struct mapping, vmo_link)->vspace)
		at = at->next;
	list_push_front(at, &m->vmo_link);
	if (m->flags & MAP_SHARED_ABI && m->flags & MAP_MAX_WRITE)
		m->vmo->tail_dirty = true;
	spin_unlock(&m->vmo->object.lock);
}

static void tree_drop(struct vspace *vs, struct mapping *m)
{
	tree_remove(&vs->mappings, &m->node);
	vs->nmappings--;
	if (vs->last == m)
		vs->last = NULL;
}

void mapping_unlink(struct vspace *vs, struct mapping *m)
{
	tree_drop(vs, m);
	if (!m->vmo)
		return;
	spin_lock(&m->vmo->object.lock);
	list_remove(&m->vmo_link);
	spin_unlock(&m->vmo->object.lock);
}

void mapping_insert(struct vspace *vs, struct mapping *m, struct mapping *after)
{
	vs->mapped_pages += (m->end - mapping_start(m)) >> 12;
	mapping_link(vs, m, after);
}

void mapping_resize(struct mapping *m, uint64_t start, uint64_t end)
{
	if (!m->vmo) {
		m->node.key = start;
		m->end = end;
		return;
	}
	spin_lock(&m->vmo->object.lock);
	m->offset += start - mapping_start(m);	/* may wrap when it grows down, and back */
	m->node.key = start;
	m->end = end;
	spin_unlock(&m->vmo->object.lock);
}

/* May the two, side by side, be one? */
static bool mapping_alike(const struct mapping *a, const struct mapping *b)
{
	return a->kind == MAPPING_ANON && b->kind == MAPPING_ANON && a->flags == b->flags &&
	       a->lease == b->lease && !(a->flags & MAP_GROWSDOWN_ABI);
}

/* Join m with what follows it; m stays. */
static void mapping_join_next(struct vspace *vs, struct mapping *m)
{
	struct mapping *n;

	if (m->kind != MAPPING_ANON)
		return;
	n = mapping_next(m);
	if (!n || mapping_start(n) != m->end || !mapping_alike(m, n))
		return;
	m->end = n->end;
	tree_drop(vs, n);
	mapping_free(vs, n);
}

void mapping_join(struct vspace *vs, struct mapping *m)
{
	struct mapping *p = mapping_of(tree_prev(&m->node));

	mapping_join_next(vs, m);
	if (p)
		mapping_join_next(vs, p);
}

/* Cut m at addr, inside it: m keeps the lower part, the upper comes back; NULL: no memory. */
static struct mapping *mapping_split(struct vspace *vs, struct mapping *m, uint64_t addr)
{
	struct mapping *n = mapping_new(vs, addr, m->end, m);

	if (!n)
		return NULL;
	mapping_resize(m, mapping_start(m), addr);
	mapping_link(vs, n, m);
	return n;
}

status_t mapping_isolate(struct vspace *vs, struct mapping **m, uint64_t start, uint64_t end)
{
	if (mapping_start(*m) < start) {
		struct mapping *upper = mapping_split(vs, *m, start);

		REQUIRE(upper, E_NOMEM);
		*m = upper;
	}
	if (end < (*m)->end)
		REQUIRE(mapping_split(vs, *m, end), E_NOMEM);
	return 0;
}

/* Take [start, end) away from m, entries being clear; *dead collects what is left of no use. */
static status_t mapping_cut(struct vspace *vs, struct mapping *m, uint64_t start, uint64_t end, struct list *dead)
{
	uint64_t from = mapping_start(m), to = m->end;

	if (start > from && end < to)
		REQUIRE(mapping_split(vs, m, end), E_NOMEM);
	if (start > from)
		mapping_resize(m, from, start);
	else if (end < to)
		mapping_resize(m, end, to);
	else {
		mapping_unlink(vs, m);
		list_push_back(dead, &m->vmo_link);
	}
	vs->mapped_pages -= (end - start) >> 12;
	if (end <= vs->hi && end > vs->free_hint)
		vs->free_hint = end;
	return 0;
}

static void mappings_free(struct vspace *vs, struct list *dead)
{
	struct list *l;

	while ((l = list_pop(dead)))
		mapping_free(vs, list_entry(l, struct mapping, vmo_link));
}

/* --- unmap ---------------------------------------------------------------------------------------------------- */

/* Was m mapped through the lease, or one below it? */
static bool mapped_under(const struct mapping *m, const struct lease *l)
{
	const struct lease *x = m->lease;

	while (x && x != l)
		x = x->parent;
	return x != NULL;
}

/*
 * One piece of [*at, end) under the lock; *at moves on.  A cut in the middle needs memory, so it is made
 * before its entries are cleared; what does not go in one piece is made a mapping of its own first, and is then
 * cut from its beginning.
 */
static status_t unmap_piece(struct vspace *vs, uint64_t *at, uint64_t end, const struct lease *lease, struct gather *g,
			    struct list *dead)
{
	struct mapping *m = mapping_from(vs, *at);
	uint64_t start, stop, reached;

	if (!m || mapping_start(m) >= end) {
		*at = end;
		return 0;
	}
	if (unlikely(lease) && !mapped_under(m, lease)) {
		*at = m->end;
		return 0;
	}
	start = MAX(*at, mapping_start(m));
	stop = MIN(end, m->end);
	if (start > mapping_start(m) && stop < m->end)
		REQUIRE(mapping_split(vs, m, stop), E_NOMEM);
	if (start > mapping_start(m) && stop - start > PIECE_PAGES << 12)
		REQUIRE(m = mapping_split(vs, m, start), E_NOMEM);
	reached = pages_clear(vs, g, start, stop, true);
	*at = reached;
	return mapping_cut(vs, m, start, reached, dead);
}

#define UNMAP_MAPPINGS 16		/* small ones under one hold of the lock */

/* What is mapped in the range goes; under a lease, if there is one, only what was mapped through that. */
static status_t unmap(struct vspace *vs, uint64_t at, uint64_t end, const struct lease *lease)
{
	struct list dead = LIST_INIT(dead);
	status_t s = 0;

	while (at < end && s == 0) {
		struct gather g;

		gather_begin(&g, vs);
		spin_lock(&vs->object.lock);
		for (unsigned i = 0; i < UNMAP_MAPPINGS && at < end && s == 0; i++) {
			uint64_t before = at;

			s = unmap_piece(vs, &at, end, lease, &g, &dead);
			if (at - before >= PIECE_PAGES << 12)
				break;
		}
		gather_end(&g);
		spin_unlock(&vs->object.lock);
		mappings_free(vs, &dead);
		if (at < end)
			preempt_point();	/* a dying thread finishes: it may be its own end */
	}
	return s;
}

/* Remove whatever is mapped in the range (page aligned).  E_NOMEM: a cut was impossible. */
status_t vspace_unmap(struct vspace *vs, uint64_t addr, uint64_t len) { return unmap(vs, addr, addr + len, NULL); }

/*
 * What was mapped through the lease, which has ended, or one below it: whole mappings, so no memory is needed.  Each
 * is found and goes under one hold of the lock: what its process maps in its place meanwhile is its own.
 */
void vspace_end_lease_in(struct vspace *vs, const struct lease *l) { (void)unmap(vs, 0, USER_TOP, l); }

/* --- where is room: vspace.lock is held ------------------------------------------------------------------------- */

/* The lowest address that something above m's start may not go below. */
static uint64_t mapping_floor(const struct mapping *m)
{
	uint64_t start = mapping_start(m);

	return m->flags & MAP_GROWSDOWN_ABI ? start - MIN(start, GROWSDOWN_GAP) : start;
}

#define FIND_PIECE 256			/* mappings passed under one hold of the lock */

/* The highest free range of len bytes in [lo, hi); 0: none.  It may drop the lock on its way. */
static uint64_t range_find(struct vspace *vs, uint64_t len)
{
	uint64_t top = MIN(vs->free_hint, vs->hi);
	struct mapping *above = mapping_from(vs, top), *m;

	if (above && mapping_floor(above) < top)
		top = mapping_floor(above);
	for (unsigned n = 1;; n++) {
		if (unlikely(n % FIND_PIECE == 0)) {
			spin_unlock(&vs->object.lock);
			preempt_point();
			spin_lock(&vs->object.lock);
		}
		m = top ? mapping_of(tree_at_most(&vs->mappings, top - 1)) : NULL;
		if (m && m->end > top) {	/* top lies inside a stack's gap */
			top = mapping_floor(m);
			continue;
		}
		if (top < vs->lo || top - vs->lo < len)
			return 0;
		if (!m || m->end <= top - len)
			break;
		top = mapping_floor(m);
	}
	if (top == vs->free_hint)
		vs->free_hint = top - len;	/* about to be filled */
	return top - len;
}

static bool range_free(struct vspace *vs, uint64_t addr, uint64_t len)
{
	struct mapping *m = mapping_from(vs, addr);

	return !m || mapping_start(m) >= addr + len;
}

/* --- map ----------------------------------------------------------------------------------------------------------- */

#define MAPPING_FLAGS (MAP_PROT | MAP_SHARED_ABI | MAP_GROWSDOWN_ABI | MAP_NO_FORK | MAP_ZERO_FORK | \
		       MAP_MAX_READ | MAP_MAX_WRITE | MAP_MAX_EXEC | 0xffull << MAP_TAG_SHIFT)

/* A neighbour of the same kind grows over the new range: no tree operation, no memory. */
static bool map_extend(struct vspace *vs, uint64_t addr, uint64_t len, const struct mapping *like)
{
	struct mapping *m;

	if (like->kind != MAPPING_ANON)
		return false;
	m = addr ? mapping_at(vs, addr - 1) : NULL;
	if (m && m->end == addr && mapping_alike(m, like)) {
		m->end += len;
		mapping_join_next(vs, m);
	} else {
		m = mapping_at(vs, addr + len);
		if (!m || mapping_start(m) != addr + len || !mapping_alike(m, like))
			return false;
		m->node.key = addr;	/* nothing lies between: the order stays */
	}
	vs->mapped_pages += len >> 12;
	return true;
}

/* addr is decided and the range is empty.  What is `old` (NULL: nothing) may be about to go and does not count. */
static int64_t map_at(struct vspace *vs, uint64_t addr, uint64_t len, const struct mapping *like,
		      const struct leaving *old)
{
	struct mapping *m, *from = unlikely(old) ? mapping_at(vs, old->addr) : NULL;
	uint64_t staying = vs->mapped_pages;

	if (unlikely(from) && !old->stays)
		staying -= (MIN(from->end, old->end) - old->addr) >> 12;

	REQUIRE(len >> 12 <= vs->limit_pages && staying <= vs->limit_pages - (len >> 12), E_NOMEM);
	if (map_extend(vs, addr, len, like))
		return (int64_t)addr;
	m = mapping_new(vs, addr, addr + len, NULL);
	REQUIRE(m, E_NOMEM);
	m->kind = like->kind;
	m->flags = like->flags;
	m->offset = like->offset;
	m->cookie = like->cookie;
	m->cookie_endpoint = like->cookie_endpoint;
	if ((m->vmo = like->vmo))
		object_get(&m->vmo->object);
	if ((m->content = like->content))
		object_get(&m->content->object);
	if ((m->lease = like->lease))
		object_get(&m->lease->object);
	/* with neighbours map_extend would have joined it */
	mapping_insert(vs, m, unlikely(from) && from->vmo == m->vmo ? from : NULL);
	return (int64_t)addr;
}

static bool place_ok(uint64_t addr, uint64_t len)
{
	return addr >= USER_LOW && addr < USER_TOP && len <= USER_TOP - addr;
}

/*
 * Map what `like` describes (kind, flags, object, offset; its references stay the caller's) at addr with
 * MAP_FIXED_ABI, or MAP_FIXED_EMPTY (E_EXIST), else where there is room, near addr if that is free.
 * len is page aligned; the limit of the space is for what is left when `old` has gone.  The address, or E_INVAL,
 * E_NOMEM.
 */
int64_t vspace_map_moved(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct mapping *like,
			 const struct leaving *old)
{
	bool fixed = flags & (MAP_FIXED_ABI | MAP_FIXED_EMPTY);
	int64_t s;

	REQUIRE(len && len <= USER_TOP && !(len & (PAGE_SIZE - 1)), E_INVAL);
	REQUIRE(!(addr & (PAGE_SIZE - 1)) && (!fixed || place_ok(addr, len)), E_INVAL);
	like->flags = flags & MAPPING_FLAGS;
	spin_lock(&vs->object.lock);
	while (fixed && !range_free(vs, addr, len)) {
		spin_unlock(&vs->object.lock);
		REQUIRE(!(flags & MAP_FIXED_EMPTY), E_EXIST);
		s = vspace_unmap(vs, addr, len);
		REQUIRE(s == 0, s);
		spin_lock(&vs->object.lock);
	}
	if (!fixed && (!addr || !place_ok(addr, len) || addr < vs->lo || addr + len > vs->hi ||
		       !range_free(vs, addr, len)))
		addr = range_find(vs, len);
	s = addr ? map_at(vs, addr, len, like, old) : E_NOMEM;
	if (s < 0)
		vs->free_hint = vs->hi;		/* range_find may have counted on it */
	spin_unlock(&vs->object.lock);
	return s;
}

int64_t vspace_map_like(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct mapping *like)
{
	return vspace_map_moved(vs, addr, len, flags, like, NULL);
}

/*
 * Let the mapping of addr, which ends at old_end, reach to new_end, if that is free.  What it shows there
 * comes by faults only, so nobody who walks the vmo's mappings can miss anything.
 */
bool vspace_extend(struct vspace *vs, uint64_t addr, uint64_t old_end, uint64_t new_end)
{
	uint64_t more = (new_end - old_end) >> 12;
	struct mapping *m;
	bool ok;

	if (new_end > USER_TOP)
		return false;
	spin_lock(&vs->object.lock);
	m = mapping_at(vs, addr);
	ok = m && m->kind != MAPPING_UTCB && m->end == old_end && range_free(vs, old_end, new_end - old_end) &&
	     more <= vs->limit_pages && vs->mapped_pages <= vs->limit_pages - more;
	if (ok) {
		mapping_resize(m, mapping_start(m), new_end);
		vs->mapped_pages += more;
		mapping_join_next(vs, m);
	}
	spin_unlock(&vs->object.lock);
	return ok;
}

#define MAX_ALL (MAP_MAX_READ | MAP_MAX_WRITE | MAP_MAX_EXEC)

status_t vspace_map_vmo(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct vmo *v,
			uint64_t offset)
{
	struct mapping like = { .kind = MAPPING_OBJECT, .vmo = v, .offset = offset };
	int64_t s;

	REQUIRE(!(offset & (PAGE_SIZE - 1)), E_INVAL);
	if (!(flags & MAX_ALL))
		flags |= MAX_ALL;
	s = vspace_map_like(vs, addr, ALIGN_UP(len, PAGE_SIZE), flags | MAP_FIXED_ABI, &like);
	return MIN(s, 0);
}

status_t vspace_map_anon(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags)
{
	struct mapping like = { .kind = MAPPING_ANON };
	int64_t s;

	if (!(flags & MAX_ALL))
		flags |= MAX_ALL;
	s = vspace_map_like(vs, addr, ALIGN_UP(len, PAGE_SIZE), flags | MAP_FIXED_ABI, &like);
	return MIN(s, 0);
}

/* --- utcb pages --------------------------------------------------------------------------------------------------- */

status_t vspace_map_utcb(struct vspace *vs, uint64_t addr, struct frame *f)
{
	struct mapping like = { .kind = MAPPING_UTCB };
	uint64_t *e = NULL;
	struct mapping *m;
	int64_t s;

	s = vspace_map_like(vs, addr, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_FIXED_ABI, &like);
	REQUIRE(s >= 0, s);
	spin_lock(&vs->object.lock);
	m = mapping_at(vs, addr);
	if (m && m->kind == MAPPING_UTCB)	/* another thread may have unmapped it already */
		e = pt_entry(&vs->arch, addr, true, vs->object.pool);
	if (e && !pte_used(*e)) {
		frame_get(f);
		atomic_or(&f->flags, (uint32_t)FRAME_PINNED);
		*e = pte_make(frame_phys(f), PTE_PRESENT | PTE_WRITE | PTE_PRIVATE);
		vs->resident_pages++;
	}
	spin_unlock(&vs->object.lock);
	if (e)
		return 0;
	vspace_unmap_utcb(vs, addr, NULL);
	return E_NOMEM;
}

/* The utcb that shows f (NULL: nothing yet); what another thread has put there since stays. */
void vspace_unmap_utcb(struct vspace *vs, uint64_t addr, const struct frame *f)
{
	struct list dead = LIST_INIT(dead);
	uint64_t *e, at = addr;
	struct mapping *m;
	struct gather g;

	gather_begin(&g, vs);
	spin_lock(&vs->object.lock);
	m = mapping_at(vs, addr);
	e = pt_entry(&vs->arch, addr, false, NULL);
	if (m && m->kind == MAPPING_UTCB && f == (e && pte_used(*e) ? frame_of_pte(*e) : NULL))
		(void)unmap_piece(vs, &at, addr + PAGE_SIZE, NULL, &g, &dead);	/* all of m: cannot fail */
	gather_end(&g);
	spin_unlock(&vs->object.lock);
	mappings_free(vs, &dead);
}

/* --- life ------------------------------------------------------------------------------------------------------------------ */

void mm_init(void)
{
	frames_init();
	KASSERT(pool_new(NULL, frames_total_count() * PAGE_SIZE, &root_pool) == 0);
	zero_frame = frame_alloc_zero(NULL);
	KASSERT(zero_frame);
	atomic_or(&zero_frame->flags, (uint32_t)FRAME_RESERVED);
	kernel_vspace.object.refs = 1;
	kernel_vspace.object.type = OBJ_VSPACE;
	spin_init(&kernel_vspace.object.lock, RANK_VSPACE);
	pt_boot_init(&kernel_vspace.arch);
}

status_t vspace_new(struct pool *pool, uint64_t lo, uint64_t hi, struct vspace **out)
{
	struct vspace *vs;

	lo = ALIGN_UP(MAX(lo, USER_LOW), PAGE_SIZE);
	hi = ALIGN_DOWN(MIN(hi, USER_TOP), PAGE_SIZE);
	REQUIRE(lo < hi, E_INVAL);
	vs = object_alloc(pool, OBJ_VSPACE, sizeof(*vs), RANK_VSPACE);
	REQUIRE(vs, E_NOMEM);
	list_init(&vs->all_link);
	vs->lo = lo;
	vs->hi = vs->free_hint = hi;
	vs->limit_pages = ~0ull >> 1;
	if (!pt_init(&vs->arch, pool)) {
		vs->arch.top_phys = 0;
		object_put(&vs->object);
		return E_NOMEM;
	}
	spin_lock(&all_vspaces_lock);
	list_push_front(&all_vspaces, &vs->all_link);
	spin_unlock(&all_vspaces_lock);
	*out = vs;
	return 0;
}

/* *budget counts down the work of a release; at 0 others have their turn. */
static void budget_spend(int64_t *budget, uint64_t work, struct frame_batch *b)
{
	*budget -= (int64_t)work;
	if (*budget > 0)
		return;
	frame_batch_end(b);
	preempt_point();
	*budget = PIECE_PAGES;
}

/* Entries of a mapping of a space that runs nowhere: no flush, no exchange. */
static void entries_drop(struct vspace *vs, struct mapping *m, struct frame_batch *b, int64_t *budget)
{
	uint64_t addr = mapping_start(m), run, *e;

	while ((e = pt_next(&vs->arch, &addr, m->end, &run))) {
		budget_spend(budget, run, b);
		for (uint64_t i = 0; i < run; i++) {
			uint64_t pte = e[i];
			struct frame *f;

			if (!pte_used(pte))
				continue;
			e[i] = 0;
			f = frame_of_pte(pte);
			if (f)
				frame_put_batch(f, b);
		}
		addr += run << 12;
	}
}

void vspace_release(struct object *o)
{
	struct vspace *vs = container_of(o, struct vspace, object);
	int64_t budget = PIECE_PAGES;
	struct frame_batch b = { 0 };
	struct tree_node *n;

	spin_lock(&all_vspaces_lock);
	list_remove(&vs->all_link);
	spin_unlock(&all_vspaces_lock);
	if (vs->arch.top_phys) {
		tlb_leave(&vs->arch);
		while ((n = vs->mappings.root)) {
			struct mapping *m = mapping_of(n);

			budget_spend(&budget, MAPPING_WORK, &b);
			entries_drop(vs, m, &b, &budget);
			mapping_unlink(vs, m);
			mapping_free(vs, m);
		}
		frame_batch_end(&b);
		while (!pt_destroy(&vs->arch, o->pool, PIECE_PAGES))
			preempt_point();
	}
	object_free(o);
}

void vspace_switch(struct vspace *vs)
{
	struct percpu *p = percpu();
	struct vspace *old = p->vspace;

	p->vspace = vs;
	tlb_load(&vs->arch, old ? &old->arch : NULL);
}
