/*
 * lease.c -- leases: one step ends everything granted under one.
 *
 * A capability under a lease answers E_REVOKED from the moment the lease or an ancestor has ended.
 * Mappings made through it are gone when lease_end returns.  NEEDSWORK: sleepers are not tagged yet: an
 * operation that already sleeps goes on until it is woken.
 * Tested:  programs/selftest.
 */
#include "lease.h"
#include "handle.h"
#include "mm.h"
#include "syscalls.h"
#include "thread.h"

#define LEASE_DEPTH 16

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
	if (o) {
		l->parent = container_of(o, struct lease, object);
		l->depth = l->parent->depth + 1;
	}
	return handle_install(false, &l->object, RIGHTS_ALL, 0);
}

void lease_release(struct object *o)
{
	struct lease *l = container_of(o, struct lease, object);

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

int64_t sys_lease_end(uint64_t lease)
{
	struct object *o;
	status_t s = handle_get((handle_t)lease, OBJ_LEASE, RIGHT_MANAGE, &o);

	REQUIRE(s == 0, s);
	atomic_store(&container_of(o, struct lease, object)->ended, true);
	vspace_end_lease(container_of(o, struct lease, object));
	object_put(o);
	return 0;
}
