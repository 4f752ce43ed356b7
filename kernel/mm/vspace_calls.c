/*
 * vspace_calls.c -- the native calls on address spaces: decode and check, then vspace.c does it.
 *
 * Locks:   none held across calls below.
 * Fails:   see abi/calls.list.
 * Tested:  tests/linux/mmap, programs/selftest
 */
#include "local.h"
#include "descriptor.h"
#include "ipc.h"
#include "lease.h"
#include "syscalls.h"

#define VSPACE_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_QUERY | RIGHT_COPY | RIGHT_TRANSFER)
#define MAX_ALL (uint64_t)(MAP_MAX_READ | MAP_MAX_WRITE | MAP_MAX_EXEC)
#define PAGE_MASK (PAGE_SIZE - 1)
#define COUNT_PIECE 4096		/* entries counted under one hold of the lock */

/* [addr, addr + len), rounded up to pages, within user memory */
static status_t range_check(uint64_t addr, uint64_t *len)
{
	REQUIRE(!(addr & PAGE_MASK) && *len && *len <= USER_TOP, E_INVAL);
	*len = ALIGN_UP(*len, PAGE_SIZE);
	REQUIRE(user_range_ok(addr, *len), E_INVAL);
	return 0;
}

int64_t sys_vspace_create(uint64_t h, uint64_t lo, uint64_t hi)
{
	struct vspace *vs;
	struct pool *pool;
	status_t s = pool_get((handle_t)h, &pool);

	REQUIRE(s == 0, s);
	s = vspace_new(pool, lo, hi, &vs);
	object_put(&pool->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &vs->object, VSPACE_RIGHTS, 0);
}

int64_t sys_vspace_clone(uint64_t task, uint64_t thread, uint64_t h)
{
	struct vspace *vs, *copy;
	struct pool *pool;
	status_t s = vspace_get((handle_t)task, RIGHT_MANAGE, &vs);

	(void)thread;			/* no utcb is copied: thread_create makes one from the thread it is like */
	REQUIRE(s == 0, s);
	s = pool_get((handle_t)h, &pool);
	if (s == 0) {
		s = vspace_clone_for(vs, pool, NULL, &copy);
		object_put(&pool->object);
	}
	object_put(&vs->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &copy->object, VSPACE_RIGHTS, 0);
}

/* --- map ---------------------------------------------------------------------------------------------------- */

/* What a mapping may ever be allowed, from the rights of a vmo's or content's capability. */
static uint64_t max_of_rights(uint32_t rights, bool shared)
{
	uint64_t max = 0;

	if (rights & RIGHT_READ)
		max |= MAP_MAX_READ | (shared ? 0 : MAP_MAX_WRITE);
	if (rights & RIGHT_WRITE)
		max |= MAP_MAX_WRITE;
	if (rights & RIGHT_EXEC)
		max |= MAP_MAX_EXEC;
	return max;
}

/* Seals count for new mappings; SEAL_WRITE is refused while a writable shared one exists. */
static void content_max(struct content *c, bool shared, uint64_t *max)
{
	if (shared && c->seals & SEAL_WRITE)
		*max &= ~(uint64_t)MAP_MAX_WRITE;
}

/* Through an open file: its access mode says what is allowed. */
static status_t like_descriptor(const struct slot *slot, bool shared, struct mapping *like, uint64_t *max)
{
	uint32_t flags;

	like->content = descriptor_content(slot->object, &flags, &like->cookie, &like->cookie_endpoint);
	REQUIRE(like->content, E_NODEV);
	REQUIRE(flags & DESC_READ, E_ACCESS);
	*max = MAP_MAX_READ | MAP_MAX_EXEC | (!shared || flags & DESC_WRITE ? MAP_MAX_WRITE : 0);
	content_max(like->content, shared, max);
	return 0;
}

/*
 * Describe the object of a handle.  What `like` points to is held by the slot, which the caller drops
 * after mapping.
 */
static status_t like_object(const struct slot *slot, bool shared, struct mapping *like, uint64_t *max)
{
	status_t s = 0;

	like->kind = MAPPING_OBJECT;
	like->lease = slot->lease;
	REQUIRE(slot->rights & RIGHT_MAP, E_RIGHTS);
	if (slot->object->type == OBJ_DESCRIPTOR) {
		s = like_descriptor(slot, shared, like, max);
	} else if (slot->object->type == OBJ_CONTENT) {
		like->content = container_of(slot->object, struct content, object);
		*max = max_of_rights(slot->rights, shared);
		content_max(like->content, shared, max);
	} else if (slot->object->type == OBJ_VMO) {
		like->vmo = container_of(slot->object, struct vmo, object);
		*max = max_of_rights(slot->rights, shared);
	} else {
		s = E_NODEV;
	}
	if (s == 0 && like->content)
		like->vmo = like->content->vmo;
	return s;
}

/* Touch every page; what cannot be had is left to a later fault. */
static void populate(struct vspace *vs, uint64_t addr, uint64_t end, uint32_t prot)
{
	for (uint64_t n = 0; addr < end; addr += PAGE_SIZE)
		if (vspace_fault(vs, addr, prot) != 0 || (++n % 64 == 0 && !preempt_point()))
			return;
}

static int64_t map_checked(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct mapping *like,
			   uint64_t max)
{
	uint64_t prot = flags & MAP_PROT, asked = flags & MAX_ALL;
	int64_t s;

	REQUIRE(!(prot * MAP_MAX_READ & ~max), E_ACCESS);
	if (asked)
		max &= asked;
	REQUIRE(!(prot * MAP_MAX_READ & ~max), E_INVAL);
	s = vspace_map_like(vs, addr, len, (flags & ~MAX_ALL) | max, like);
	if (s >= 0 && flags & MAP_POPULATE_ABI && prot)
		populate(vs, (uint64_t)s, (uint64_t)s + len, prot & MAP_WRITE ? MAP_WRITE : MAP_READ);
	return s;
}

/* Memory that nothing stands behind; shared with children it is an object known only by its mappings. */
static int64_t map_anon(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags)
{
	struct mapping like = { .kind = MAPPING_ANON };
	int64_t s;

	if (!(flags & MAP_SHARED_ABI))
		return map_checked(vs, addr, len, flags, &like, MAX_ALL);
	like.kind = MAPPING_OBJECT;
	s = vmo_new(vs->object.pool, len, &like.vmo);
	REQUIRE(s == 0, s);
	s = map_checked(vs, addr, len, flags, &like, MAX_ALL);
	object_put(&like.vmo->object);
	return s;
}

/* A descriptor of zeros (/dev/zero) stands for anonymous memory, zero(4). */
static bool is_zeros(const struct object *o)
{
	return o->type == OBJ_DESCRIPTOR && container_of(o, struct descriptor, object)->kind == OBJ_ZERO;
}

static int64_t map_object(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, uint64_t h, uint64_t offset)
{
	struct mapping like = { .offset = offset };
	uint64_t max = 0;
	struct slot slot;
	int64_t s;

	REQUIRE(!(offset & PAGE_MASK) && offset + len >= len && offset + len <= 1ull << 62, E_INVAL);
	s = handle_get_slot((handle_t)h, OBJ_NONE, 0, &slot);
	REQUIRE(s == 0, s);
	if (is_zeros(slot.object)) {
		s = map_anon(vs, addr, len, flags);
	} else {
		s = like_object(&slot, flags & MAP_SHARED_ABI, &like, &max);
		if (s == 0)
			s = map_checked(vs, addr, len, flags, &like, max);
		if (s >= 0 && slot.lease && lease_ended(slot.lease)) {
			vspace_end_lease_in(vs, slot.lease);	/* lease_end may have looked here before */
			s = E_REVOKED;
		}
	}
	slot_drop(&slot);
	return s;
}

#define MAP_KNOWN (MAP_PROT | MAP_SHARED_ABI | MAP_FIXED_ABI | MAP_FIXED_EMPTY | MAP_GROWSDOWN_ABI | \
		   MAP_POPULATE_ABI | MAP_NO_FORK | MAP_ZERO_FORK | MAX_ALL | 0xffull << MAP_TAG_SHIFT)

int64_t sys_vspace_map(uint64_t h, uint64_t addr, uint64_t len, uint64_t flags, uint64_t object, uint64_t offset)
{
	struct vspace *vs;
	int64_t s;

	REQUIRE(!(flags & ~MAP_KNOWN), E_INVAL);
	REQUIRE(!(flags & MAP_GROWSDOWN_ABI) || ((handle_t)object == H_NONE && !(flags & MAP_SHARED_ABI)), E_INVAL);
	REQUIRE(len, E_INVAL);
	REQUIRE(len <= USER_TOP, E_NOMEM);
	len = ALIGN_UP(len, PAGE_SIZE);
	if (!(flags & (MAP_FIXED_ABI | MAP_FIXED_EMPTY)))
		addr &= ~PAGE_MASK;
	s = vspace_get((handle_t)h, RIGHT_MANAGE, &vs);
	REQUIRE(s == 0, s);
	if ((handle_t)object != H_NONE)
		s = map_object(vs, addr, len, flags, object, offset);
	else
		s = map_anon(vs, addr, len, flags);
	object_put(&vs->object);
	return s;
}

/* --- unmap, protect, advise --------------------------------------------------------------------------------------- */

int64_t sys_vspace_unmap(uint64_t h, uint64_t addr, uint64_t len)
{
	struct vspace *vs;
	status_t s = range_check(addr, &len);

	REQUIRE(s == 0, s);
	s = vspace_get((handle_t)h, RIGHT_MANAGE, &vs);
	REQUIRE(s == 0, s);
	s = vspace_unmap(vs, addr, len);
	object_put(&vs->object);
	return s;
}

int64_t sys_vspace_protect(uint64_t h, uint64_t addr, uint64_t len, uint64_t prot)
{
	struct vspace *vs;
	status_t s = range_check(addr, &len);

	REQUIRE(s == 0, s);
	REQUIRE(!(prot & ~(uint64_t)MAP_PROT), E_INVAL);
	s = vspace_get((handle_t)h, RIGHT_MANAGE, &vs);
	REQUIRE(s == 0, s);
	s = vspace_set_flags(vs, addr, addr + len, MAP_PROT, prot);
	object_put(&vs->object);
	return s;
}

/* The entries of the range go; the mappings stay.  E_NOENT if there are holes, as madvise(2). */
static status_t range_drop(struct vspace *vs, uint64_t at, uint64_t end)
{
	status_t s = 0;

	while (at < end) {
		struct mapping *m;
		struct gather g;

		gather_begin(&g, vs);
		spin_lock(&vs->object.lock);
		m = mapping_at(vs, at);
		if (!m) {
			s = E_NOENT;
			at = vspace_hole_end(vs, at, end);
		} else if (m->kind == MAPPING_UTCB) {
			at = m->end;
		} else {
			at = pages_clear(vs, &g, at, MIN(end, m->end), true);
		}
		gather_end(&g);
		spin_unlock(&vs->object.lock);
		if (at < end)
			preempt_point();
	}
	return s;
}

static status_t range_populate(struct vspace *vs, uint64_t at, uint64_t end, uint32_t prot)
{
	status_t s = 0;

	for (uint64_t n = 1; at < end && s == 0; at += PAGE_SIZE, n++) {
		s = vspace_fault(vs, at, prot);
		if (n % 64 == 0 && !preempt_point())
			return E_GONE;
	}
	return s;
}

static status_t advise(struct vspace *vs, uint64_t addr, uint64_t end, uint64_t advice)
{
	const uint64_t mask = MAP_NO_FORK | MAP_ZERO_FORK;

	switch (advice) {
	case ADVISE_DROP:
		return range_drop(vs, addr, end);
	case ADVISE_INHERIT_COPY:
		return vspace_set_flags(vs, addr, end, mask, 0);
	case ADVISE_INHERIT_NONE:
		return vspace_set_flags(vs, addr, end, mask, MAP_NO_FORK);
	case ADVISE_INHERIT_ZERO:
		return vspace_set_flags(vs, addr, end, mask, MAP_ZERO_FORK);
	case ADVISE_INHERIT_SHARE:
		return vspace_share(vs, addr, end);
	case ADVISE_POPULATE_READ:
		return range_populate(vs, addr, end, MAP_READ);
	case ADVISE_POPULATE_WRITE:
		return range_populate(vs, addr, end, MAP_WRITE);
	}
	return E_INVAL;
}

int64_t sys_vspace_advise(uint64_t h, uint64_t addr, uint64_t len, uint64_t advice)
{
	struct vspace *vs;
	status_t s = range_check(addr, &len);

	REQUIRE(s == 0, s);
	s = vspace_get((handle_t)h, RIGHT_MANAGE, &vs);
	REQUIRE(s == 0, s);
	s = advise(vs, addr, addr + len, advice);
	object_put(&vs->object);
	return s;
}

/* --- questions -------------------------------------------------------------------------------------------------------- */

/* Count used and private entries of [at, end), at most a piece under the lock. */
static uint64_t entries_count(struct vspace *vs, uint64_t at, uint64_t end, struct mapping_info *info)
{
	uint64_t budget = COUNT_PIECE, run, *e;

	while (budget && (e = pt_next(&vs->arch, &at, end, &run))) {
		run = MIN(run, budget);
		budget -= run;
		for (uint64_t i = 0; i < run; i++) {
			info->resident_pages += pte_used(e[i]);
			info->private_pages += pte_private(e[i]);
		}
		at += run << 12;
	}
	return MIN(at, end);
}

/* The first mapping that ends above addr.  *endpoint: whose cookie it carries. */
static status_t query(struct vspace *vs, uint64_t addr, struct mapping_info *info, uint64_t *endpoint)
{
	struct mapping *m;
	uint64_t at, end;

	spin_lock(&vs->object.lock);
	m = mapping_from(vs, addr);
	if (m) {
		info->start = mapping_start(m);
		info->end = m->end;
		info->flags = m->flags;
		info->offset = m->vmo ? m->offset : 0;
		info->object_koid = m->content ? m->content->object.koid : m->vmo ? m->vmo->object.koid : 0;
		info->cookie = m->cookie;
		*endpoint = m->cookie_endpoint;
	}
	spin_unlock(&vs->object.lock);
	REQUIRE(m, E_NOENT);
	for (at = info->start, end = info->end; at < end; ) {
		spin_lock(&vs->object.lock);
		at = entries_count(vs, at, end, info);
		spin_unlock(&vs->object.lock);
		if (at < end && !preempt_point())
			return E_GONE;
	}
	return 0;
}

int64_t sys_vspace_query(uint64_t h, uint64_t addr, uint64_t user)
{
	struct mapping_info info = { 0 };
	uint64_t endpoint = 0;
	struct vspace *vs;
	status_t s = vspace_get((handle_t)h, RIGHT_QUERY, &vs);

	REQUIRE(s == 0, s);
	s = query(vs, addr, &info, &endpoint);
	object_put(&vs->object);
	REQUIRE(s == 0, s);
	if (!endpoint || !task_serves(current->task, endpoint))
		info.cookie = 0;
	return user_copy_out(user, &info, sizeof(info));
}

/* As mincore(2): 1 where an access would find a frame.  vspace.lock is held. */
static status_t resident_page(struct vspace *vs, uint64_t addr, uint8_t *out)
{
	struct mapping *m = mapping_at(vs, addr);
	uint64_t *e;

	REQUIRE(m, E_NOENT);
	e = pt_entry(&vs->arch, addr, false, NULL);
	*out = e && pte_used(*e);
	if (!*out && m->vmo && m->vmo->kind == VMO_ANONYMOUS) {
		struct frame *f = vmo_peek(m->vmo, mapping_page(m, addr));

		*out = f != NULL;
		if (f)
			frame_put(f);
	}
	return 0;
}

int64_t sys_vspace_resident(uint64_t h, uint64_t addr, uint64_t len, uint64_t user)
{
	uint8_t bytes[64];
	struct vspace *vs;
	status_t s = range_check(addr, &len);

	REQUIRE(s == 0, s);
	s = vspace_get((handle_t)h, RIGHT_QUERY, &vs);
	REQUIRE(s == 0, s);
	while (len && s == 0) {
		uint64_t n = MIN(len >> 12, sizeof(bytes));

		spin_lock(&vs->object.lock);
		for (uint64_t i = 0; i < n && s == 0; i++)
			s = resident_page(vs, addr + (i << 12), &bytes[i]);
		spin_unlock(&vs->object.lock);
		if (s == 0)
			s = user_copy_out(user, bytes, n);
		addr += n << 12;
		len -= n << 12;
		user += n;
		if (s == 0 && len && !preempt_point())
			s = E_GONE;
	}
	object_put(&vs->object);
	return s;
}
