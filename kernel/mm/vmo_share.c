/*
 * vmo_share.c -- frames that come to be in two memory objects, or move from one to another.
 *
 * A frame in several objects has FRAME_SHARED and is never written in place (vmo.c).
 * Locks:   both objects', in order of address.
 * Fails:   E_NOMEM, E_INVAL, E_EXIST, E_PERM; E_GONE: the caller is being killed.
 * Tested:  kernel/test/vmo_test.c, kernel/test/pager_test.c
 */
#include "local.h"

static bool lock_pair(struct vmo *a, struct vmo *b)
{
	if (a == b)
		return false;
	spin_lock(a < b ? &a->object.lock : &b->object.lock);
	spin_lock_second(a < b ? &b->object.lock : &a->object.lock);
	return true;
}

static void unlock_pair(struct vmo *a, struct vmo *b)
{
	spin_unlock(a < b ? &b->object.lock : &a->object.lock);
	spin_unlock(a < b ? &a->object.lock : &b->object.lock);
}

/* --- sharing ----------------------------------------------------------------------------------------------- */

/* Both locks are held.  E_EXIST: a page of `to` is there already. */
static status_t share_page(struct vmo *to, uint64_t to_page, struct vmo *from, uint64_t from_page)
{
	struct frame *f = vmo_find(from, from_page);
	void **slot;

	if (!f)
		return 0;
	REQUIRE(!vmo_find(to, to_page), E_EXIST);
	slot = vmo_slot(to, to_page);
	REQUIRE(slot, E_NOMEM);
	atomic_or(&f->flags, (uint32_t)FRAME_SHARED);
	frame_get(f);
	*slot = f;
	to->npages++;
	return 0;
}

static bool range_in(struct vmo *v, uint64_t offset, uint64_t len)
{
	uint64_t end = ALIGN_UP(v->size, PAGE_SIZE);

	return !(offset & (PAGE_SIZE - 1)) && offset <= end && len <= end - offset;
}

/*
 * Frames of whole pages come to be in both; whoever writes one first gets a copy.  Offsets are page
 * aligned, a part of a page at the end of len counts whole.  E_EXIST: populated (what came before it
 * stays); E_NOMEM.  No lock may be held.
 */
status_t vmo_share(struct vmo *to, uint64_t to_offset, struct vmo *from, uint64_t from_offset, uint64_t len)
{
	uint64_t npages = pages_of(len), i = 0;
	status_t s = 0;

	REQUIRE(to->kind == VMO_ANONYMOUS && from->kind == VMO_ANONYMOUS && !to->paged && !from->paged, E_PERM);
	REQUIRE(npages << 12 >= len, E_INVAL);	/* it would wrap, and any range lie within both */
	while (i < npages && s == 0) {
		uint64_t stop = MIN(npages, i + PIECE_PAGES);

		REQUIRE(lock_pair(to, from), E_INVAL);
		if (!range_in(to, to_offset, npages << 12) || !range_in(from, from_offset, npages << 12))
			s = E_INVAL;
		for (; i < stop && s == 0; i++)
			s = share_page(to, (to_offset >> 12) + i, from, (from_offset >> 12) + i);
		to->tail_dirty = true;	/* what follows the end in the source's last page is not zero */
		unlock_pair(to, from);
		if (i < npages && s == 0 && !preempt_point())
			s = E_GONE;
	}
	if (!list_empty(&from->mappings))	/* nobody may go on writing what is shared now */
		vspace_zap_vmo(from, from_offset >> 12, npages);
	return s;
}

status_t vmo_clone_range(struct vmo *v, uint64_t offset, uint64_t len, struct pool *pool, struct vmo **out)
{
	struct vmo *copy;
	status_t s;

	REQUIRE(v->kind == VMO_ANONYMOUS, E_PERM);
	REQUIRE(range_in(v, offset, len), E_INVAL);
	s = vmo_new(pool, len, &copy);
	REQUIRE(s == 0, s);
	s = vmo_share(copy, 0, v, offset, len);
	if (s < 0) {
		object_put(&copy->object);
		return s;
	}
	*out = copy;
	return 0;
}

/* --- moving ------------------------------------------------------------------------------------------------ */

/* A new frame with what `f` holds (NULL: zeros). */
static struct frame *frame_like(struct pool *payer, const struct frame *f)
{
	struct frame *n;

	if (!f)
		return frame_alloc_zero(payer);
	n = frame_alloc(payer);
	if (n)
		memcpy(frame_virt(n), frame_virt(f), PAGE_SIZE);
	return n;
}

/* Both locks are held (from may be NULL). */
static status_t supply_page(struct vmo *to, uint64_t page, struct vmo *from, uint64_t from_page)
{
	const uint64_t end = to->size - (page << 12);
	struct frame *f = from ? vmo_find(from, from_page) : NULL;
	void **slot;

	if (page >= pages_of(to->size) || vmo_find(to, page))
		return 0;
	slot = vmo_slot(to, page);
	REQUIRE(slot, E_NOMEM);
	if (f && atomic_load(&f->refs) == 1 && !f->flags) {
		REQUIRE(frame_recharge(f, to->object.pool) == 0, E_NOMEM);
		*vmo_slot(from, from_page) = NULL;
		from->npages--;
	} else {
		f = frame_like(to->object.pool, f);
		REQUIRE(f, E_NOMEM);
	}
	if (end < PAGE_SIZE)		/* what follows the end must read as zeros when it grows */
		memset((uint8_t *)frame_virt(f) + end, 0, PAGE_SIZE - end);
	*slot = f;
	to->npages++;
	return 0;
}

/*
 * Fill those of npages pages of `to`, a pager's, that are absent and not beyond its end, with the frames of
 * `from` (NULL, and its holes: zeros).  No lock may be held.  E_INVAL: not within `from`; E_NOMEM.
 */
status_t vmo_supply(struct vmo *to, uint64_t page, struct vmo *from, uint64_t from_page, uint64_t npages)
{
	status_t s = 0;

	REQUIRE(!from || (from->kind == VMO_ANONYMOUS && !from->paged), E_PERM);
	npages = MIN(npages, pages_of(vmo_size(to)) - MIN(page, pages_of(vmo_size(to))));
	if (from)			/* nobody may go on writing what has moved */
		vspace_zap_vmo(from, from_page, npages);
	for (uint64_t i = 0; i < npages && s == 0; ) {
		uint64_t stop = MIN(npages, i + PIECE_PAGES);

		if (from)
			lock_pair(to, from);
		else
			spin_lock(&to->object.lock);
		if (from && !range_in(from, from_page << 12, npages << 12))
			s = E_INVAL;
		for (; i < stop && s == 0; i++)
			s = supply_page(to, page + i, from, from_page + i);
		if (from)
			unlock_pair(to, from);
		else
			spin_unlock(&to->object.lock);
		if (i < npages && s == 0 && !preempt_point())
			s = E_GONE;
	}
	return s;
}
