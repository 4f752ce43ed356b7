/*
 * handle.h -- handle tables: slots of capabilities.
 *
 * Two kinds of table are one structure: a descriptor table (slot n is fd n, only Descriptors) and a
 * Task's table of everything else.  The top bit of a handle says which is meant.
 */
#ifndef KERNEL_HANDLE_H
#define KERNEL_HANDLE_H

#include "object.h"
#include "list.h"

struct lease;
struct task;
struct thread;

struct slot {
	struct object *object;		/* NULL: free; a mark of table.c: reserved */
	uint32_t rights;
	uint8_t flags;			/* SLOT_CLOEXEC */
	uint64_t badge;
	struct lease *lease;		/* NULL: lives as long as its slot; holds a reference */
};

struct table {
	struct object object;		/* object.lock guards all below */
	struct slot *slots;
	uint32_t capacity, ceiling;
	uint32_t first_free;		/* no slot below is free */
	uint32_t used;
};

/*
 * The object of a handle of the current thread, with a reference, if it has the type and the rights.
 * E_HANDLE, E_TYPE, E_RIGHTS, E_REVOKED.  OBJ_NONE accepts every type.
 */
status_t handle_get(handle_t h, enum object_type type, uint32_t rights, struct object **out);
/* the same with a copy of the slot; out->object and out->lease carry references (slot_drop) */
status_t handle_get_slot(handle_t h, enum object_type type, uint32_t rights, struct slot *out);
status_t platform_check(handle_t h, uint32_t rights);	/* h is the Platform, with these rights */
void slot_drop(struct slot *s);
void slot_restrict(struct slot *s, uint32_t rights);

/* H_SELF or a handle: the pool / task / vspace (a Task handle serves as its vspace and pool) */
status_t pool_get(handle_t h, struct pool **out);
status_t task_get(handle_t h, uint32_t rights, struct task **out);
struct vspace;
status_t vspace_get(handle_t h, uint32_t rights, struct vspace **out);

/*
 * Put a capability into the lowest free slot of the current thread's descriptor table (fd true) or
 * task table.  Consumes the caller's reference on success and on failure.  E_LIMIT, E_NOMEM.
 */
status_t handle_install(bool fd, struct object *o, uint32_t rights, uint8_t flags);
/* the general form: any table, first slot >= min; consumes slot's references */
status_t table_install(struct table *t, struct slot *slot, uint32_t min);

status_t table_new(struct pool *pool, uint32_t ceiling, struct table **out);
status_t table_fill_reserved(struct table *t, uint32_t i, struct slot *slot);	/* consumes slot's references */
/* descriptor.c: what handle_query says of a Descriptor; cookie only if the task may receive from its endpoint */
void descriptor_fill_info(struct object *d, struct handle_info *info, struct task *asker);

#endif
