/*
 * remap.c -- growing, shrinking and moving a mapping (mremap).
 *
 * A move makes the new mapping first, then carries the private entries over in pieces; entries that show
 * an object's frames are left to be faulted in again.  An access between the two finds one of them
 * missing, as it may on any system when it races with a move.  When a table cannot be made they go back.
 * Locks:   vspace.lock, a piece at a time.
 * Fails:   E_NOENT: the old range is not one mapping; E_INVAL; E_NOMEM: no room, no memory; E_REVOKED: its
 *          lease has ended.  But for the last the old range is as it was then; a fixed new one is empty (as on
 *          Linux, which unmaps it first, too).
 * Tested:  kernel/test/vspace_move_test.c
 */
#include "local.h"
#include "lease.h"
#include "syscalls.h"

struct move {
	struct vspace *vs;
	uint64_t from, to, len;		/* len of the old range */
};

/* A copy of the mapping that covers the old range, with references, to be mapped elsewhere. */
static status_t old_like(struct vspace *vs, uint64_t addr, uint64_t len, struct mapping *like)
{
	struct mapping *m;
	status_t s = 0;

	spin_lock(&vs->object.lock);
	m = mapping_at(vs, addr);
	if (!m || len > m->end - addr)
		s = E_NOENT;
	else if (m->kind == MAPPING_UTCB)
		s = E_INVAL;
	if (s == 0) {
		*like = *m;
		like->offset += m->vmo ? addr - mapping_start(m) : 0;
		if (m->vmo)
			object_get(&m->vmo->object);
		if (m->content)
			object_get(&m->content->object);
		if (m->lease)
			object_get(&m->lease->object);
	}
	spin_unlock(&vs->object.lock);
	return s;
}

static void like_put(struct mapping *like)
{
	if (like->vmo)
		object_put(&like->vmo->object);
	if (like->content)
		object_put(&like->content->object);
	if (like->lease)
		object_put(&like->lease->object);
}

/* Do both addresses still belong to mappings of the same thing?  vspace.lock is held. */
static struct mapping *move_check(struct move *mv, uint64_t done, struct mapping **to)
{
	struct mapping *m = mapping_at(mv->vs, mv->from + done);

	*to = mapping_at(mv->vs, mv->to + done);
	return m && *to && m->kind == (*to)->kind && m->vmo == (*to)->vmo ? m : NULL;
}

/* Move the private entries of one table's worth; how far it came. */
static status_t entries_move(struct move *mv, uint64_t *done)
{
	uint64_t at = mv->from + *done, run, *e;
	struct mapping *m, *to;
	struct gather g;
	status_t s = 0;

	gather_begin(&g, mv->vs);
	spin_lock(&mv->vs->object.lock);
	m = move_check(mv, *done, &to);
	e = m ? pt_next(&mv->vs->arch, &at, mv->from + mv->len, &run) : NULL;
	for (; e && s == 0 && run--; e++, at += PAGE_SIZE) {
		uint64_t *d;

		if (!pte_used(*e) || !pte_private(*e))
			continue;
		if (at >= m->end || at - mv->from + mv->to >= to->end)
			break;
		d = pt_entry(&mv->vs->arch, at - mv->from + mv->to, true, mv->vs->object.pool);
		if (!d)
			s = E_NOMEM;
		else if (!pte_used(*d)) {
			*d = atomic_xchg(e, 0);
			gather_note(&g, at);
		}
	}
	*done = e ? at - mv->from : mv->len;
	gather_end(&g);
	spin_unlock(&mv->vs->object.lock);
	return s;
}

static status_t pages_move(struct move *mv, uint64_t *done)
{
	status_t s = 0;

	while (s == 0 && *done < mv->len) {
		s = entries_move(mv, done);
		if (s == 0 && *done < mv->len)
			preempt_point();
	}
	return s;
}

/* The first `done` bytes go back: the tables are there still, so that needs no memory. */
static void move_undo(const struct move *mv, uint64_t done, uint64_t new_len)
{
	struct move back = { mv->vs, mv->to, mv->from, done };

	done = 0;
	(void)pages_move(&back, &done);
	(void)vspace_unmap(mv->vs, mv->to, new_len);
}

static int64_t mapping_move(struct vspace *vs, struct mapping *like, struct move *mv, uint64_t new_len,
			    uint64_t flags, uint64_t new_addr)
{
	uint64_t place = like->flags & ~(uint64_t)(MAP_FIXED_ABI | MAP_FIXED_EMPTY), done = 0;
	const struct leaving old = { mv->from, mv->from + mv->len, flags & REMAP_KEEP };
	int64_t to = vspace_map_moved(vs, flags & REMAP_FIXED ? new_addr : 0, new_len,
				      place | (flags & REMAP_FIXED ? MAP_FIXED_ABI : 0), like, &old);
	status_t s = 0;

	REQUIRE(to >= 0, to);
	mv->to = (uint64_t)to;
	mv->len = MIN(mv->len, new_len);
	if (like->lease && lease_ended(like->lease)) {	/* lease_end may have looked here before */
		vspace_end_lease_in(vs, like->lease);
		return E_REVOKED;
	}
	s = pages_move(mv, &done);
	if (s < 0)
		move_undo(mv, done, new_len);
	return s < 0 ? s : to;
}

static int64_t remap(struct vspace *vs, uint64_t addr, uint64_t old_len, uint64_t new_len, uint64_t flags,
		     uint64_t new_addr)
{
	struct move mv = { vs, addr, 0, old_len };
	struct mapping like;
	int64_t s = old_like(vs, addr, old_len, &like);

	REQUIRE(s == 0, s);
	if (!(flags & (REMAP_FIXED | REMAP_KEEP)) && new_len <= old_len) {
		s = new_len < old_len ? vspace_unmap(vs, addr + new_len, old_len - new_len) : 0;
		s = s < 0 ? s : (int64_t)addr;
	} else if (!(flags & (REMAP_FIXED | REMAP_KEEP)) && vspace_extend(vs, addr, addr + old_len, addr + new_len)) {
		s = (int64_t)addr;
	} else if (!(flags & REMAP_MAY_MOVE)) {
		s = E_NOMEM;
	} else {
		s = mapping_move(vs, &like, &mv, new_len, flags, new_addr);
		if (s >= 0 && !(flags & REMAP_KEEP))
			(void)vspace_unmap(vs, addr, old_len);	/* cannot fail but for want of memory */
	}
	like_put(&like);
	return s;
}

int64_t sys_vspace_remap(uint64_t h, uint64_t addr, uint64_t old_len, uint64_t new_len, uint64_t flags,
			 uint64_t new_addr)
{
	struct vspace *vs;
	int64_t s;

	REQUIRE(old_len <= USER_TOP && new_len <= USER_TOP, E_NOMEM);
	old_len = ALIGN_UP(old_len, PAGE_SIZE);
	new_len = ALIGN_UP(new_len, PAGE_SIZE);
	REQUIRE(old_len && new_len && !(addr & (PAGE_SIZE - 1)) && user_range_ok(addr, old_len), E_INVAL);
	REQUIRE(!(flags & ~(uint64_t)(REMAP_MAY_MOVE | REMAP_FIXED | REMAP_KEEP)), E_INVAL);
	REQUIRE(!(flags & (REMAP_FIXED | REMAP_KEEP)) || flags & REMAP_MAY_MOVE, E_INVAL);
	if (flags & REMAP_FIXED)
		REQUIRE(!(new_addr & (PAGE_SIZE - 1)) && user_range_ok(new_addr, new_len) &&
			(new_addr + new_len <= addr || addr + old_len <= new_addr), E_INVAL);
	s = vspace_get((handle_t)h, RIGHT_MANAGE, &vs);
	REQUIRE(s == 0, s);
	s = remap(vs, addr, old_len, new_len, flags, new_addr);
	object_put(&vs->object);
	return s;
}
