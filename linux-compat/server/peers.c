/*
 * peers.c -- shared mounts: what is mounted on one appears on its peers, and is unmounted there, too.
 *
 * A shared mount has a peer group, a number; a bind mount of it joins the group.  A slave has a group as its
 * master: it receives and does not send.  A mount without either is private.
 *
 * Owns:    the mounts' group and master, and the numbers.
 * Fails:   with -ENOMEM before anything is attached.
 * Conforms: mount(2), mount_namespaces(7): "Shared subtrees".
 * Tested:  tests/linux/mount.c
 */
#include "vfs.h"

static uint32_t next_group = 1;

/* Receives q what happens on a mount of this group?  A shared slave passes it on to its own peers. */
static bool receives(const struct mount *q, uint32_t group)
{
	if (q->group == group || q->master == group)
		return true;
	if (!q->group)
		return false;
	for (const struct mount *m = mounts; m; m = m->next)
		if (m->group == q->group && m->master == group)
			return true;
	return false;
}

/* The next mount after q, NULL for the first, at which what is done at `at` is to be repeated. */
static struct mount *receiver_next(const struct path *at, const struct mount *q)
{
	struct mount *m = q ? q->next : mounts;

	if (!at->mount->group)
		return NULL;
	while (m && (m == at->mount || !receives(m, at->mount->group) || !dentry_below(at->dentry, m->root)))
		m = m->next;
	return m;
}

static void copies_free(struct mount *copies)
{
	while (copies) {
		struct mount *next = copies->next;

		mount_free(copies);
		copies = next;
	}
}

/* One copy of m for each receiver, chained by next, with the receiver in copy. */
static int copies_make(const struct mount *m, const struct path *at, struct mount **copies)
{
	*copies = NULL;
	for (struct mount *q = NULL; (q = receiver_next(at, q));) {
		struct mount *c = mount_new(m->super, m->root, m->flags, m->source);

		if (!c) {
			copies_free(*copies);
			return -ENOMEM;
		}
		c->copy = q;
		c->next = *copies;
		*copies = c;
	}
	return 0;
}

/* A new mount goes to its place, and copies of it to the same place on every receiver. */
int mount_attach_shared(struct mount *m, const struct path *at)
{
	struct mount *copies;
	int error = copies_make(m, at, &copies);

	if (error < 0)
		return error;
	if (at->mount->group && !m->group)
		m->group = next_group++;
	mount_attach(m, at);
	while (copies) {
		struct mount *c = copies;
		struct path to = { c->copy, at->dentry };

		copies = c->next;
		if (to.mount->group == at->mount->group)
			c->group = m->group;
		else
			c->master = m->group;
		if (to.mount->group && !c->group)
			c->group = next_group++;
		mount_attach(c, &to);
	}
	return 0;
}

/* m is about to leave its place: so do its copies that nobody uses, or all, with what is on them, if lazy. */
void mount_detach_copies(const struct mount *m, bool lazy)
{
	struct path at = { m->parent, m->place };

	path_get(&at);			/* it may itself lie below a copy */
	for (struct mount *q = NULL; (q = receiver_next(&at, q));) {
		struct mount *c = mount_on(q, at.dentry);

		if (!c || c->super != m->super || c->root != m->root)
			continue;
		if (lazy)
			mount_detach_tree(c);
		else if (!c->refs && !mount_has_children(c))
			mount_detach(c);
		else
			continue;
		q = NULL;		/* the list has changed */
	}
	path_put(&at);
}

/* A bind mount is a peer, or a slave as well, of what it binds. */
void mount_joins(struct mount *m, const struct mount *from)
{
	m->group = from->group;
	m->master = from->master;
}

static void propagation_set(struct mount *m, uint32_t kind)
{
	bool alone = true;

	for (const struct mount *q = mounts; q; q = q->next)
		if (q != m && m->group && q->group == m->group)
			alone = false;
	m->unbindable = kind == MS_UNBINDABLE;
	switch (kind) {
	case MS_SHARED:
		if (!m->group)
			m->group = next_group++;
		return;
	case MS_SLAVE:
		if (m->group && !alone)
			m->master = m->group;
		break;
	default:
		m->master = 0;
	}
	m->group = 0;
}

/* mount(2) with one of the four flags: of this mount, with MS_REC of all that are mounted below it. */
int mount_propagation(const struct path *at, uint32_t flags)
{
	uint32_t kind = flags & MS_PROPAGATION;

	if ((kind & (kind - 1)) || (flags & ~(MS_PROPAGATION | MS_REC | MS_SILENT | MS_RELATIME)) ||
	    at->dentry != at->mount->root || !at->mount->parent)
		return -EINVAL;
	for (struct mount *m = mounts; m; m = m->next) {
		struct mount *above = m;

		while (above != at->mount && above->parent != above)
			above = above->parent;
		if (above == at->mount && (m == above || flags & MS_REC))
			propagation_set(m, kind);
	}
	return 0;
}

/* The optional fields of a line of mountinfo. */
void mount_peers_text(const struct mount *m, struct text *out)
{
	if (m->group)
		text_printf(out, " shared:%u", m->group);
	if (m->master)
		text_printf(out, " master:%u", m->master);
	if (m->unbindable)
		text_printf(out, " unbindable");
}
