/*
 * zap.c -- pages leave every address space: those of an object that shrinks or replaces a frame, and
 * mappings whose lease has ended.
 *
 * Locks:   vspace.lock comes before vmo.lock, but the way from an object to its mappings goes the other
 *          way round: so a mark moves through vmo->mappings, and each space is locked with nothing held.
 * Fails:   never.
 * Tested:  kernel/test/vspace_move_test.c
 */
#include "local.h"
#include "lease.h"

/* What one step of the walk over vmo->mappings found. */
struct zap_step {
	struct vspace *vs;		/* with a reference */
	uint64_t start, end;		/* addresses that may show the pages */
};

/* A reference, unless the object is on its way out. */
static bool object_get_live(struct object *o)
{
	uint32_t refs = __atomic_load_n(&o->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&o->refs, &refs, refs + 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

/* The addresses of m that show pages [first, end) of its vmo. */
static bool mapping_shows(const struct mapping *m, uint64_t first, uint64_t end, struct zap_step *out)
{
	uint64_t page = m->offset >> 12, n = (m->end - mapping_start(m)) >> 12;
	uint64_t from = MAX(first, page), to = MIN(end, page + n);

	out->start = mapping_start(m) + ((from - page) << 12);
	out->end = mapping_start(m) + ((to - page) << 12);
	return from < to;
}

/*
 * Move the mark past the next mapping of interest.  A new mapping goes before the mark (no fault shows what
 * is being zapped any more); one cut off or cloned from another behind it (mapping_link).  A space whose
 * last reference is gone runs nowhere and is passed over.
 */
static bool zap_next(struct vmo *v, struct mapping *mark, uint64_t first, uint64_t end, struct zap_step *out)
{
	bool found = false;

	spin_lock(&v->object.lock);
	while (!found && mark->vmo_link.next != &v->mappings) {
		struct list *l = mark->vmo_link.next;
		struct mapping *m = list_entry(l, struct mapping, vmo_link);

		list_remove(&mark->vmo_link);
		list_push_front(l, &mark->vmo_link);
		if (m->vspace && mapping_shows(m, first, end, out) && object_get_live(&m->vspace->object)) {
			out->vs = m->vspace;
			found = true;
		}
	}
	if (!found)
		list_remove(&mark->vmo_link);
	spin_unlock(&v->object.lock);
	return found;
}

/* Clear what shows pages of v in the addresses of a step, whatever the mappings are by now. */
static void zap_space(struct vmo *v, uint64_t first, uint64_t end, struct zap_step *z, bool private_too)
{
	uint64_t at = z->start;

	while (at < z->end) {
		struct zap_step part;
		struct mapping *m;
		struct gather g;

		gather_begin(&g, z->vs);
		spin_lock(&z->vs->object.lock);
		m = mapping_from(z->vs, at);
		if (!m || mapping_start(m) >= z->end)
			at = z->end;
		else if (m->vmo != v || !mapping_shows(m, first, end, &part) || part.end <= at)
			at = m->end;
		else
			at = pages_clear(z->vs, &g, MAX(at, part.start), part.end, private_too);
		gather_end(&g);
		spin_unlock(&z->vs->object.lock);
		if (at < z->end)
			preempt_point();
	}
}

static void zap(struct vmo *v, uint64_t first, uint64_t end, bool private_too)
{
	struct mapping mark = { .vspace = NULL };
	struct zap_step z;

	spin_lock(&v->object.lock);
	if (list_empty(&v->mappings)) {
		spin_unlock(&v->object.lock);
		return;
	}
	list_push_front(&v->mappings, &mark.vmo_link);
	spin_unlock(&v->object.lock);
	while (zap_next(v, &mark, first, end, &z)) {
		zap_space(v, first, end, &z, private_too);
		object_put(&z.vs->object);
	}
}

void vspace_zap_vmo(struct vmo *v, uint64_t first_page, uint64_t npages)
{
	zap(v, first_page, first_page + npages, false);
}

void vspace_zap_beyond(struct vmo *v, uint64_t first_page)
{
	zap(v, first_page, ~0ull, true);
}

/* --- leases -------------------------------------------------------------------------------------------------------------- */

/* The first live space after `mark` in the list, with a reference; the mark moves there. */
static struct vspace *all_next(struct vspace *mark)
{
	struct vspace *found = NULL;

	spin_lock(&all_vspaces_lock);
	while (!found && mark->all_link.next != &all_vspaces) {
		struct list *l = mark->all_link.next;
		struct vspace *vs = list_entry(l, struct vspace, all_link);

		list_remove(&mark->all_link);
		list_push_front(l, &mark->all_link);
		if (vs->arch.top_phys && object_get_live(&vs->object))
			found = vs;
	}
	if (!found)
		list_remove(&mark->all_link);
	spin_unlock(&all_vspaces_lock);
	return found;
}

/*
 * Everywhere.  The lease has ended already: a mapping that is made meanwhile is taken back by who makes it
 * (map_object), and not copied (mapping_clone).
 */
void vspace_end_lease(struct lease *l)
{
	struct vspace mark = { .arch.top_phys = 0 }, *vs;

	spin_lock(&all_vspaces_lock);
	list_push_front(&all_vspaces, &mark.all_link);
	spin_unlock(&all_vspaces_lock);
	while ((vs = all_next(&mark))) {
		vspace_end_lease_in(vs, l);
		object_put(&vs->object);
	}
}
