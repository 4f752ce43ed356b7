/*
 * lease.c -- leases: one step ends everything granted under one.
 *
 * From the moment a lease or an ancestor has ended, a capability under it answers E_REVOKED, whoever sleeps
 * in an operation through one is off the object's queue, and a call it had sent is taken back.  Mappings are
 * gone when lease_end returns.  An operation that runs on another CPU meanwhile came just before.
 * Locks:   leases_lock (RANK_LEASE) guards the tree and the ties; a tie's end takes the object's lock inside.
 * Fails:   E_TOOBIG (nested too deep), E_NOMEM when made; ending cannot fail.
 * Tested:  kernel/test/lease_test.c, programs/selftest.
 */
#include "lease.h"
#include "handle.h"
#include "mm.h"
#include "sched.h"
#include "syscalls.h"

#define LEASE_DEPTH 16

static struct spinlock leases_lock = SPINLOCK(RANK_LEASE);

/* --- the tree ---------------------------------------------------------------------------------------- */

int64_t sys_lease_create(uint64_t parent)
{
	struct object *o = NULL;
	struct lease *l;

	if ((handle_t)parent != H_SELF) {
		status_t s = handle_get((handle_t)parent, OBJ_LEASE, RIGHT_MANAGE, &o);

		REQUIRE(s == 0, s);
		if (container_of(o, struct lease, object)->depth >= LEASE_DEPTH) {
			object_put(o);
			return E_TOOBIG;
		}
	}
	l = object_alloc(current->task->task_pool, OBJ_LEASE, sizeof(*l), RANK_LEASE);
	if (!l) {
		if (o)
			object_put(o);
		return E_NOMEM;
	}
	list_init(&l->children);
	list_init(&l->sibling);
	list_init(&l->ties);
	if (o) {
		l->parent = container_of(o, struct lease, object);
		l->depth = l->parent->depth + 1;
		spin_lock(&leases_lock);
		if (!lease_ended(l->parent))
			list_push_back(&l->parent->children, &l->sibling);
		spin_unlock(&leases_lock);
	}
	return handle_install(false, &l->object, RIGHTS_ALL, 0);
}

void lease_release(struct object *o)
{
	struct lease *l = container_of(o, struct lease, object);

	spin_lock(&leases_lock);
	KASSERT(list_empty(&l->children) && list_empty(&l->ties));	/* each has a reference */
	list_remove(&l->sibling);
	spin_unlock(&leases_lock);
	if (l->parent)
		object_put(&l->parent->object);
	object_free(o);
}

int64_t sys_lease_grant(uint64_t lease, uint64_t h, uint64_t rights)
{
	struct object *o;
	struct slot slot;
	status_t s = handle_get((handle_t)lease, OBJ_LEASE, RIGHT_MANAGE, &o);

	REQUIRE(s == 0, s);
	s = handle_get_slot((handle_t)h, OBJ_NONE, RIGHT_COPY, &slot);
	if (!s && slot.lease) {		/* it lives under one already: that one decides */
		slot_drop(&slot);
		s = E_PERM;
	}
	if (s) {
		object_put(o);
		return s;
	}
	slot.lease = container_of(o, struct lease, object);
	slot_restrict(&slot, (uint32_t)rights);
	s = table_install(current->task->handles, &slot, 0);
	return s < 0 ? s : s | (int64_t)HANDLE_TASK_TABLE;
}

#define END_PIECE 64			/* ties and children under one hold of the lock */

/*
 * With leases_lock, top having ended: no tie or child is added to it or to what is below it any more.  The
 * children's children become its own, one by one, so that nothing need be remembered between pieces.  False: there
 * is more.
 */
static bool end_piece(struct lease *top)
{
	for (int n = END_PIECE; n > 0; n--) {
		struct lease *l = top;
		struct list *link;

		if (!list_empty(&top->children))
			l = list_entry(top->children.next, struct lease, sibling);
		if ((link = list_pop(&l->ties))) {
			struct tie *t = list_entry(link, struct tie, link);

			t->end(t);
		} else if (l == top) {
			return true;
		} else if ((link = list_pop(&l->children))) {
			list_push_back(&top->children, link);
		} else {
			list_remove(&l->sibling);
		}
	}
	return false;
}

/* The highest lease above l that has ended, or l: whoever ends that takes over what is below l. */
static struct lease *ended_top(struct lease *l)
{
	struct lease *top = l;

	while ((l = l->parent))
		if (__atomic_load_n(&l->ended, __ATOMIC_ACQUIRE))
			top = l;
	return top;
}

/* Of two that meet, on one way up, both do the upper one's work: neither returns before all of its own is done. */
static void end(struct lease *l)
{
	bool done = false;

	__atomic_store_n(&l->ended, true, __ATOMIC_RELEASE);
	while (!done) {
		spin_lock(&leases_lock);
		done = end_piece(ended_top(l));
		spin_unlock(&leases_lock);
		if (!done)
			preempt_point();
	}
}

int64_t sys_lease_end(uint64_t lease)
{
	struct object *o;
	status_t s = handle_get((handle_t)lease, OBJ_LEASE, RIGHT_MANAGE, &o);

	REQUIRE(s == 0, s);
	end(container_of(o, struct lease, object));
	vspace_end_lease(container_of(o, struct lease, object));
	object_put(o);
	return 0;
}

/* --- ties ---------------------------------------------------------------------------------------------- */

void tie_add(struct tie *t, struct lease *l)
{
	spin_lock(&leases_lock);
	list_init(&t->link);
	if (lease_ended(l))
		t->end(t);
	else
		list_push_back(&l->ties, &t->link);
	spin_unlock(&leases_lock);
}

void tie_remove(struct tie *t)
{
	spin_lock(&leases_lock);
	list_remove(&t->link);
	spin_unlock(&leases_lock);
}

struct waiter_tie {
	struct tie tie;
	struct waiter *waiter;
	struct spinlock *lock;
};

static void waiter_end(struct tie *t)
{
	struct waiter_tie *wt = container_of(t, struct waiter_tie, tie);

	spin_lock(wt->lock);
	if (!wt->waiter->woken)			/* else what it waited for came first */
		waiter_wake(wt->waiter, E_REVOKED);
	spin_unlock(wt->lock);
}

status_t lease_sleep(struct waiter *w, struct spinlock *lock, struct thread *claimed, uint64_t deadline_ns,
		     bool interruptible)
{
	struct waiter_tie t = { .tie.end = waiter_end, .waiter = w, .lock = lock };
	status_t s;

	tie_add(&t.tie, current->op_lease);
	s = thread_sleep_claimed(claimed, deadline_ns, interruptible);
	tie_remove(&t.tie);
	return s;
}

/* --- the lease of an operation --------------------------------------------------------------------------- */

static bool within(const struct lease *l, const struct lease *outer)
{
	while (l && l != outer)
		l = l->parent;
	return l != NULL;
}

/* The inner one counts.  Called with the table's lock; the reference that is dropped is not the last. */
status_t operation_under(struct lease *l)
{
	struct thread *t = current;
	struct lease *had = t->op_lease;

	if (had && within(had, l))
		return 0;
	REQUIRE(!had || within(l, had), E_PERM);
	object_get(&l->object);
	t->op_lease = l;
	atomic_or(&t->arch.work, (uint64_t)WORK_LEASE);
	if (had)
		object_put(&had->object);
	return 0;
}

struct lease *operation_lease(void)
{
	struct lease *l = current->op_lease;

	if (l)
		object_get(&l->object);
	return l;
}

void operation_end(void)
{
	struct thread *t = current;
	struct lease *l = t->op_lease;

	atomic_and(&t->arch.work, ~(uint64_t)WORK_LEASE);
	t->op_lease = NULL;
	if (l)
		object_put(&l->object);
}
