/*
 * vmo.c -- memory objects: frames by page number, in a 64-way radix tree.
 *
 * Owns:    the tree; each frame in it carries one reference for it.  Copies between objects share
 *          frames with FRAME_SHARED set; such a frame is never written in place and never mapped
 *          writable: the object that wants to write takes a copy first (page_own).
 * Locks:   vmo.lock guards tree, size and the list of mappings; below vspace.lock, so whoever holds it
 *          cannot unmap: what must be unmapped is unmapped after it is dropped.
 *          Copies from and to user memory are made under it, with faults off.
 *          What a pager must be asked for is waited for with no lock held; then the page is looked at again.
 * Fails:   E_NOMEM; E_OVERFLOW beyond the end; E_NODEV for memory that is not RAM; what pager.c answers.
 * Tested:  kernel/test/vmo_test.c
 */
#include "local.h"

#define FANOUT 64u
#define FANOUT_SHIFT 6u
#define SIZE_MAX_BYTES (1ull << 62)
#define PREEMPT_PAGES 16u

struct page_node { void *slots[FANOUT]; };

/* --- the tree: vmo.lock is held ------------------------------------------------------------------------ */

static bool covers(uint32_t height, uint64_t page)
{
	return height * FANOUT_SHIFT >= 64 || page >> (height * FANOUT_SHIFT) == 0;
}

struct frame *vmo_find(const struct vmo *v, uint64_t page)
{
	void *p = v->root;

	if (unlikely(!covers(v->height, page)))
		return NULL;
	for (uint32_t h = v->height; h > 0 && p; h--)
		p = ((struct page_node *)p)->slots[page >> ((h - 1) * FANOUT_SHIFT) & (FANOUT - 1)];
	return p;
}

struct frame *const *vmo_leaf(const struct vmo *v, uint64_t page)
{
	void *const *at = (void *const *)&v->root;

	if (unlikely(!covers(v->height, page)) || !v->root)
		return NULL;
	for (uint32_t h = v->height; h > 0; h--) {
		if (!*at)
			return NULL;
		at = &((struct page_node *)*at)->slots[page >> ((h - 1) * FANOUT_SHIFT) & (FANOUT - 1)];
	}
	return (struct frame *const *)at;
}

/* Where the frame of a page hangs, with all nodes above it made; NULL: no memory. */
void **vmo_slot(struct vmo *v, uint64_t page)
{
	void **at;

	while (!covers(v->height, page)) {
		if (v->root) {
			struct page_node *n = kmem_alloc(v->object.pool, sizeof(*n));

			if (!n)
				return NULL;
			n->slots[0] = v->root;
			v->root = n;
		}
		v->height++;
	}
	at = (void **)&v->root;
	for (uint32_t h = v->height; h > 0; h--) {
		if (!*at && !(*at = kmem_alloc(v->object.pool, sizeof(struct page_node))))
			return NULL;
		at = &((struct page_node *)*at)->slots[page >> ((h - 1) * FANOUT_SHIFT) & (FANOUT - 1)];
	}
	return at;
}

struct drop {
	uint64_t first, end;		/* pages */
	uint32_t budget;		/* frames that may still be dropped */
	struct frame_batch batch;
};

/* Drop the frames of a subtree that lie in the range; true: nothing is left of it. */
static bool node_drop(struct vmo *v, void *p, uint32_t level, uint64_t base, struct drop *d)
{
	struct page_node *n = p;
	uint64_t span;
	bool empty = true;

	if (level == 0) {
		if (d->budget == 0 || base < d->first || base >= d->end)
			return false;
		d->budget--;
		v->npages--;
		if (unlikely(((struct frame *)p)->flags & FRAME_DIRTY)) {
			atomic_and(&((struct frame *)p)->flags, ~(uint32_t)FRAME_DIRTY);
			v->paged->ndirty--;
		}
		frame_put_batch(p, &d->batch);
		return true;
	}
	span = 1ull << ((level - 1) * FANOUT_SHIFT);
	for (uint64_t i = 0; i < FANOUT; i++) {
		uint64_t at = base + i * span;

		if (!n->slots[i])
			continue;
		if (d->budget && at < d->end && at + span > d->first &&
		    node_drop(v, n->slots[i], level - 1, at, d))
			n->slots[i] = NULL;
		else
			empty = false;
	}
	if (empty)
		kmem_free(v->object.pool, n, sizeof(*n));
	return empty;
}

/* Drop at most `budget` frames of pages [first, end); false: there are more. */
static bool pages_drop(struct vmo *v, uint64_t first, uint64_t end, uint32_t budget)
{
	struct drop d = { first, end, budget, { 0 } };

	if (v->root && first < end && node_drop(v, v->root, v->height, 0, &d)) {
		v->root = NULL;
		v->height = 0;
	}
	frame_batch_end(&d.batch);
	return d.budget > 0;
}

/* The first present page >= page, or ~0. */
static uint64_t node_next(void *p, uint32_t level, uint64_t base, uint64_t page)
{
	struct page_node *n = p;
	uint64_t span;

	if (level == 0)
		return base >= page ? base : ~0ull;
	span = 1ull << ((level - 1) * FANOUT_SHIFT);
	for (uint64_t i = page > base ? (page - base) / span : 0; i < FANOUT; i++) {
		uint64_t found = n->slots[i] ? node_next(n->slots[i], level - 1, base + i * span, page) : ~0ull;

		if (found != ~0ull)
			return found;
	}
	return ~0ull;
}

/* --- making pages: vmo.lock is held ---------------------------------------------------------------------- */

/* Fill a hole.  zero: with zeros; else the caller writes the whole page before it drops the lock. */
static status_t page_fill(struct vmo *v, uint64_t page, bool zero, struct pool *payer, struct frame **out)
{
	void **slot = vmo_slot(v, page);

	REQUIRE(slot, E_NOMEM);
	*out = zero ? frame_alloc_zero(payer) : frame_alloc(payer);
	REQUIRE(*out, E_NOMEM);
	*slot = *out;
	v->npages++;
	return 0;
}

/*
 * Make a shared frame the vmo's own.  *replaced: the former one, whose reference the caller drops after
 * it has zapped what maps it (with no lock held); NULL if it was the vmo's alone after all.
 */
static status_t page_own(struct vmo *v, uint64_t page, struct pool *payer, struct frame **f,
			 struct frame **replaced)
{
	struct frame *copy, *old = *f;

	*replaced = NULL;
	if (!(old->flags & FRAME_SHARED))
		return 0;
	if (atomic_load(&old->refs) == 1) {
		atomic_and(&old->flags, ~(uint32_t)FRAME_SHARED);
		return 0;
	}
	copy = frame_alloc(payer);
	REQUIRE(copy, E_NOMEM);
	memcpy(frame_virt(copy), frame_virt(old), PAGE_SIZE);
	*vmo_slot(v, page) = copy;	/* the nodes are there: this cannot fail */
	*replaced = old;
	*f = copy;
	return 0;
}

static void replaced_end(struct vmo *v, uint64_t page, struct frame *replaced)
{
	if (likely(!replaced))
		return;
	vspace_zap_vmo(v, page, 1);
	frame_put(replaced);
}

status_t vmo_fault_page(struct vmo *v, uint64_t page, bool write, struct pool *payer, struct frame **out)
{
	struct frame *f = vmo_find(v, page), *replaced;

	if (!f) {
		REQUIRE(!v->paged, E_AGAIN);
		return page_fill(v, page, true, payer, out);
	}
	*out = f;
	if (!write)
		return 0;
	if (unlikely(v->paged)) {
		REQUIRE(!paged_wants(v, page, true), E_AGAIN);
		paged_dirty(v, f);
		return 0;
	}
	if (f->flags & FRAME_SHARED && atomic_load(&f->refs) != 1)
		return E_AGAIN;
	return page_own(v, page, payer, out, &replaced);
}

/* --- life ---------------------------------------------------------------------------------------------------- */

status_t vmo_new(struct pool *pool, uint64_t size, struct vmo **out)
{
	struct vmo *v;

	REQUIRE(size <= SIZE_MAX_BYTES, E_FBIG);
	v = object_alloc(pool, OBJ_VMO, sizeof(*v), RANK_VMO);
	REQUIRE(v, E_NOMEM);
	v->kind = VMO_ANONYMOUS;
	v->size = size;
	list_init(&v->mappings);
	*out = v;
	return 0;
}

status_t vmo_new_physical(struct pool *pool, uint64_t phys, uint64_t size, struct vmo **out)
{
	status_t s;

	REQUIRE(!(phys & (PAGE_SIZE - 1)) && size && phys + size > phys && phys + size <= X86_PHYS, E_INVAL);
	s = vmo_new(pool, ALIGN_UP(size, PAGE_SIZE), out);
	REQUIRE(s == 0, s);
	(*out)->kind = VMO_PHYSICAL;
	(*out)->phys = phys;
	(*out)->uncached = !frames_overlap_ram(phys, size);
	return 0;
}

status_t vmo_new_frames(struct pool *pool, uint64_t phys, uint64_t npages, struct vmo **out)
{
	struct vmo *v;
	status_t s;

	REQUIRE(!(phys & (PAGE_SIZE - 1)), E_INVAL);
	s = vmo_new(pool, npages << 12, &v);
	REQUIRE(s == 0, s);
	frames_unreserve(phys, npages << 12);
	for (uint64_t page = 0; page < npages; page++) {
		void **slot = vmo_slot(v, page);

		if (!slot) {
			object_put(&v->object);
			return E_NOMEM;
		}
		*slot = frame_of_phys(phys + (page << 12));
		v->npages++;
	}
	*out = v;
	return 0;
}

/* Every mapping held a reference, so none is left. */
void vmo_release(struct object *o)
{
	struct vmo *v = container_of(o, struct vmo, object);

	KASSERT(list_empty(&v->mappings));
	while (!pages_drop(v, 0, ~0ull, PIECE_PAGES))
		preempt_point();
	if (v->paged)
		paged_free(v);
	object_free(o);
}

uint64_t vmo_size(struct vmo *v) { return __atomic_load_n(&v->size, __ATOMIC_RELAXED); }

/* --- one page ------------------------------------------------------------------------------------------------- */

struct frame *vmo_peek(struct vmo *v, uint64_t page)
{
	struct frame *f = NULL;

	if (v->kind == VMO_PHYSICAL)
		return NULL;
	spin_lock(&v->object.lock);
	if (page < pages_of(v->size) && (f = vmo_find(v, page)))
		frame_get(f);
	spin_unlock(&v->object.lock);
	return f;
}

uint64_t vmo_next(const struct vmo *v, uint64_t page)
{
	return v->root && covers(v->height, page) ? node_next(v->root, v->height, 0, page) : ~0ull;
}

/* No lock may be held.  Of a pager's vmo the page may have become absent or unbacked again when it comes back. */
status_t vmo_page(struct vmo *v, uint64_t page, bool write, struct pool *payer, struct frame **out)
{
	struct frame *f = NULL, *replaced = NULL;
	status_t s = 0;

	REQUIRE(v->kind != VMO_PHYSICAL, E_NODEV);
again:
	if (v->paged && (s = paged_ready(v, page, write)) < 0)
		return s;
	spin_lock(&v->object.lock);
	if (page >= pages_of(v->size))
		s = E_OVERFLOW;
	else if (!(f = vmo_find(v, page)))
		s = v->paged ? E_AGAIN : page_fill(v, page, true, payer, &f);
	else if (write)
		s = page_own(v, page, payer, &f, &replaced);
	if (s == 0)
		frame_get(f);
	spin_unlock(&v->object.lock);
	replaced_end(v, page, replaced);
	if (unlikely(s == E_AGAIN))
		goto again;
	if (s == 0)
		*out = f;
	return s;
}

/* --- size and zeros ----------------------------------------------------------------------------------------------- */

/* Zero bytes [from, to) of one page, if the page is there.  E_NOMEM when it is shared and cannot be copied. */
static status_t page_zero_part(struct vmo *v, uint64_t page, uint64_t from, uint64_t to)
{
	struct frame *f, *replaced = NULL;
	status_t s = 0;

	spin_lock(&v->object.lock);
	f = vmo_find(v, page);
	if (f)
		s = page_own(v, page, v->object.pool, &f, &replaced);
	if (f && s == 0) {
		memset((uint8_t *)frame_virt(f) + from, 0, to - from);
		if (v->paged)
			paged_zeroed(v, page, f);
	}
	spin_unlock(&v->object.lock);
	replaced_end(v, page, replaced);
	return s;
}

static status_t tail_zero(struct vmo *v, uint64_t size)
{
	uint64_t part = size & (PAGE_SIZE - 1);

	return part ? page_zero_part(v, size >> 12, part, PAGE_SIZE) : 0;
}

void vmo_drop(struct vmo *v, uint64_t first, uint64_t end)
{
	bool done;

	do {
		spin_lock(&v->object.lock);
		done = pages_drop(v, first, end, PIECE_PAGES);
		spin_unlock(&v->object.lock);
		if (!done)
			preempt_point();	/* a dying thread finishes this, too */
	} while (!done);
}

static status_t vmo_grow(struct vmo *v, uint64_t size)
{
	status_t s = v->tail_dirty ? tail_zero(v, v->size) : 0;

	REQUIRE(s == 0, s);
	spin_lock(&v->object.lock);
	if (size > v->size)
		v->size = size;
	spin_unlock(&v->object.lock);
	return 0;
}

/*
 * No lock may be held; calls for one vmo are serialised by its owner (a Content's write lock), or
 * whichever comes last wins.  E_NOMEM: a shared last page could not be copied; nothing has changed.
 */
status_t vmo_set_size(struct vmo *v, uint64_t size)
{
	uint64_t old = vmo_size(v);
	status_t s;

	REQUIRE(v->kind != VMO_PHYSICAL, E_PERM);
	REQUIRE(size <= SIZE_MAX_BYTES, E_FBIG);
	if (size >= old)
		return vmo_grow(v, size);
	if ((s = tail_zero(v, size)) < 0)
		return s;
	spin_lock(&v->object.lock);
	v->size = size;
	if (v->paged)
		paged_trim(v, pages_of(size));
	spin_unlock(&v->object.lock);
	vspace_zap_beyond(v, pages_of(size));
	/* a shared writer may have scribbled between the two; it is its page still, but not the next reader's */
	if (v->tail_dirty)
		(void)tail_zero(v, size);
	vmo_drop(v, pages_of(size), ~0ull);
	return 0;
}

/*
 * A frame for each hole of [offset, end), to which it grows.  When it fails it is as long as before; holes before
 * that end stay filled.  As vmo_set_size.
 */
status_t vmo_allocate(struct vmo *v, uint64_t offset, uint64_t end, struct pool *payer)
{
	uint64_t old = vmo_size(v);
	status_t s = end > old ? vmo_set_size(v, end) : 0;
	struct frame *f;

	for (uint64_t page = offset >> 12; s == 0 && page < pages_of(end); page++) {
		s = vmo_page(v, page, false, payer, &f);
		if (s == 0)
			frame_put(f);
		if (s == 0 && page % PREEMPT_PAGES == 0 && !preempt_point())
			s = E_GONE;
	}
	if (s < 0 && end > old)
		(void)vmo_set_size(v, old);
	return s;
}

/* Whole pages become holes, parts are zeroed.  Mappings see it when this returns. */
status_t vmo_zero_range(struct vmo *v, uint64_t offset, uint64_t len)
{
	uint64_t end, first, last;
	status_t s;

	REQUIRE(v->kind != VMO_PHYSICAL, E_PERM);
	end = offset + len < offset ? ~0ull : offset + len;
	end = MIN(end, vmo_size(v));
	if (offset >= end)
		return 0;
	first = pages_of(offset);
	last = end == vmo_size(v) ? pages_of(end) : end >> 12;	/* beyond the end there is nothing to keep */
	if (first > last)	/* within one page */
		return page_zero_part(v, offset >> 12, offset & (PAGE_SIZE - 1), end - (offset & ~(PAGE_SIZE - 1)));
	if (offset & (PAGE_SIZE - 1))
		if ((s = page_zero_part(v, offset >> 12, offset & (PAGE_SIZE - 1), PAGE_SIZE)) < 0)
			return s;
	if (last == end >> 12 && end & (PAGE_SIZE - 1))
		if ((s = page_zero_part(v, last, 0, end & (PAGE_SIZE - 1))) < 0)
			return s;
	if (first < last) {
		vmo_drop(v, first, last);
		vspace_zap_vmo(v, first, last - first);
	}
	return 0;
}

int64_t vmo_seek_data(struct vmo *v, uint64_t offset)
{
	uint64_t page;
	int64_t result;

	spin_lock(&v->object.lock);
	if (offset >= v->size)
		result = E_OVERFLOW;
	else {
		page = vmo_next(v, offset >> 12);
		result = page == ~0ull || page << 12 >= v->size ? E_OVERFLOW : (int64_t)MAX(page << 12, offset);
	}
	spin_unlock(&v->object.lock);
	return result;
}

int64_t vmo_seek_hole(struct vmo *v, uint64_t offset)
{
	for (;;) {
		int64_t result = -1;
		uint64_t stop = offset + (PIECE_PAGES << 12);

		spin_lock(&v->object.lock);
		if (offset >= v->size)
			result = E_OVERFLOW;
		for (; result == -1 && offset < stop; offset = ALIGN_DOWN(offset, PAGE_SIZE) + PAGE_SIZE)
			if (offset >= v->size)
				result = (int64_t)v->size;
			else if (!vmo_find(v, offset >> 12))
				result = (int64_t)offset;
		if (result == -1 && offset >= v->size)
			result = (int64_t)v->size;
		spin_unlock(&v->object.lock);
		if (result != -1)
			return result;
		preempt_point();
	}
}

/* --- copies ---------------------------------------------------------------------------------------------------------- */

static uint64_t piece_len(uint64_t offset, uint64_t len)
{
	return MIN(len, PAGE_SIZE - (offset & (PAGE_SIZE - 1)));
}

static uint8_t *piece_at(struct frame *f, uint64_t offset)
{
	return (uint8_t *)frame_virt(f) + (offset & (PAGE_SIZE - 1));
}

int64_t vmo_copy_out(struct vmo *v, uint64_t offset, void *to, uint64_t len)
{
	uint64_t done = 0;

	REQUIRE(v->kind != VMO_PHYSICAL && !v->paged, E_NODEV);
	spin_lock(&v->object.lock);
	len = offset < v->size ? MIN(len, v->size - offset) : 0;
	while (done < len) {
		uint64_t n = piece_len(offset + done, len - done);
		struct frame *f = vmo_find(v, (offset + done) >> 12);

		if (f)
			memcpy((uint8_t *)to + done, piece_at(f, offset + done), n);
		else
			memset((uint8_t *)to + done, 0, n);
		done += n;
	}
	spin_unlock(&v->object.lock);
	return (int64_t)done;
}

int64_t vmo_copy_in(struct vmo *v, uint64_t offset, const void *from, uint64_t len)
{
	uint64_t done = 0, size = vmo_size(v);

	REQUIRE(!v->paged, E_NODEV);
	len = offset < size ? MIN(len, size - offset) : 0;
	while (done < len) {
		uint64_t n = piece_len(offset + done, len - done);
		struct frame *f = NULL;
		status_t s = vmo_page(v, (offset + done) >> 12, true, v->object.pool, &f);

		if (s < 0)
			return done ? (int64_t)done : s;
		memcpy(piece_at(f, offset + done), (const uint8_t *)from + done, n);
		frame_put(f);
		done += n;
	}
	return (int64_t)done;
}

enum read_result { READ_END, READ_DONE, READ_ABSENT };

/* Copy one page's part to user memory: *n bytes are wanted, the number done comes back in *got. */
static enum read_result read_piece(struct vmo *v, uint64_t offset, uint64_t user, uint64_t *n, uint64_t *got)
{
	enum read_result r = READ_END;
	struct frame *f;

	spin_lock(&v->object.lock);
	if (likely(offset < v->size)) {
		r = READ_DONE;
		*n = MIN(*n, v->size - offset);
		f = vmo_find(v, offset >> 12);
		if (likely(f))
			*got = user_copy_out_nofault(user, piece_at(f, offset), *n);
		else if (!v->paged)
			*got = user_clear_nofault(user, *n);
		else
			r = READ_ABSENT;
	}
	spin_unlock(&v->object.lock);
	return r;
}

int64_t vmo_read_user(struct vmo *v, uint64_t offset, uint64_t user, uint64_t len)
{
	uint64_t done = 0, n, got;
	unsigned pages = 0;
	status_t s;

	REQUIRE(v->kind != VMO_PHYSICAL, E_NODEV);
	while (done < len) {
		enum read_result r;

		n = piece_len(offset + done, len - done);
		r = read_piece(v, offset + done, user + done, &n, &got);
		if (unlikely(r != READ_DONE)) {
			s = r == READ_ABSENT ? paged_wait(v, (offset + done) >> 12, PAGER_DATA) : 0;
			if (r == READ_ABSENT && s == 0)
				continue;
			return done ? (int64_t)done : s;
		}
		done += got;
		if (unlikely(got < n)) {
			s = user_fault_in(user + done, n - got, true);
			if (s < 0)
				return done ? (int64_t)done : s;
		} else if (++pages % PREEMPT_PAGES == 0 && !preempt_point()) {
			break;
		}
	}
	return (int64_t)done;
}

struct store {
	struct vmo *v;
	struct pool *payer;
	bool extend;			/* beyond the end, too; stops where a page of the source is missing */
};

/*
 * Store one page's part; *n is cut at the end unless it may be extended.  E_OVERFLOW: at the end; E_AGAIN: a pager
 * must be asked first.
 */
static status_t write_piece(struct store *st, uint64_t offset, uint64_t user, uint64_t *n, uint64_t *got)
{
	struct vmo *v = st->v;
	struct frame *f, *replaced = NULL;
	uint64_t page = offset >> 12;
	bool whole;
	status_t s = 0;

	*got = 0;
	spin_lock(&v->object.lock);
	if (!st->extend) {
		if (offset >= v->size)
			s = E_OVERFLOW;
		else
			*n = MIN(*n, v->size - offset);
	}
	whole = *n == PAGE_SIZE;
	if (unlikely(v->paged) && s == 0 && paged_wants(v, page, true))
		s = E_AGAIN;
	if (s == 0) {
		f = vmo_find(v, page);
		if (f) {
			whole = false;
			s = page_own(v, page, st->payer, &f, &replaced);
		} else {
			s = page_fill(v, page, !whole, st->payer, &f);
		}
	}
	if (s == 0) {
		*got = user_copy_in_nofault(piece_at(f, offset), user, *n);
		if (unlikely(whole && *got < PAGE_SIZE))
			memset(piece_at(f, offset + *got), 0, PAGE_SIZE - *got);
		if (offset + *got > v->size && *got)
			v->size = offset + *got;
		if (unlikely(v->paged) && *got)
			paged_dirty(v, f);
	}
	spin_unlock(&v->object.lock);
	replaced_end(v, page, replaced);
	return s;
}

static int64_t store_user(struct store *st, uint64_t offset, uint64_t user, uint64_t len)
{
	uint64_t done = 0, n, got;
	unsigned pages = 0;
	status_t s = 0;

	while (done < len) {
		n = piece_len(offset + done, len - done);
		s = write_piece(st, offset + done, user + done, &n, &got);
		done += got;
		if (unlikely(s < 0))
			break;
		if (unlikely(got < n)) {
			s = st->extend ? E_FAULT : user_fault_in(user + done, n - got, false);
			if (s < 0)
				break;
		} else if (++pages % PREEMPT_PAGES == 0 && !preempt_point()) {
			break;
		}
	}
	if (s == E_OVERFLOW)
		s = 0;
	return done ? (int64_t)done : s;
}

int64_t vmo_write_user(struct vmo *v, uint64_t offset, uint64_t user, uint64_t len)
{
	struct store st = { v, current->task->task_pool, false };

	REQUIRE(v->kind != VMO_PHYSICAL, E_NODEV);
	return store_user(&st, offset, user, len);
}

/*
 * The caller serialises everything that changes the size (a Content's write lock).  What would wait for somebody is
 * not done under that lock: E_AGAIN, or short: a pager must be asked; E_FAULT, or short: a page of the source
 * must be brought in.
 */
int64_t vmo_extend_user(struct vmo *v, uint64_t offset, uint64_t user, uint64_t len, struct pool *payer)
{
	struct store st = { v, payer, true };
	int64_t done;

	REQUIRE(v->kind != VMO_PHYSICAL, E_NODEV);
	REQUIRE(offset <= SIZE_MAX_BYTES && len <= SIZE_MAX_BYTES - offset, E_FBIG);
	if (unlikely(v->tail_dirty && offset + len > vmo_size(v))) {
		status_t s = tail_zero(v, vmo_size(v));

		REQUIRE(s == 0, s);
	}
	done = store_user(&st, offset, user, len);
	if (unlikely(done < (int64_t)len)) {	/* a page made for bytes that never came */
		spin_lock(&v->object.lock);
		(void)pages_drop(v, pages_of(v->size), ~0ull, 2);
		spin_unlock(&v->object.lock);
	}
	return done;
}
