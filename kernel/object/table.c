/*
 * table.c -- handle tables, and the calls on slots.
 *
 * Owns:    slots.  A slot holds one reference of its object and of its lease.
 * Locks:   table.object.lock (RANK_TABLE).  References are dropped after it: an object's end may take
 *          any other lock.
 * Fails:   E_LIMIT at the ceiling, E_NOMEM while growing; nothing is changed then.
 * Tested:  kernel/test/table_test.c, tests/linux/fd
 */
#include "handle.h"
#include "ipc.h"
#include "lease.h"
#include "mm.h"
#include "thread.h"

#define TABLE_FIRST 32
#define TABLE_MAX (1u << 20)
#define DROP_PIECE 64			/* slots; each may be an object's end */
static struct object reserved_object = { .type = OBJ_TYPES, .refs = 1 };	/* marks a reserved slot */

static bool slot_free(const struct slot *s) { return !s->object; }
static bool slot_reserved(const struct slot *s) { return s->object == &reserved_object; }

/* Capabilities to receive are counted: the last one's end closes the endpoint. */
static bool slot_receives(const struct slot *s)
{
	return s->object->type == OBJ_ENDPOINT && s->rights & RIGHT_RECEIVE;
}

static struct endpoint *slot_endpoint(const struct slot *s) { return container_of(s->object, struct endpoint, object); }

void slot_drop(struct slot *s)
{
	if (s->object && !slot_reserved(s)) {
		if (unlikely(slot_receives(s)))
			endpoint_unhold(slot_endpoint(s));
		object_put(s->object);
	}
	if (s->lease)
		object_put(&s->lease->object);
	s->object = NULL;
	s->lease = NULL;
}

static void slot_get(const struct slot *s)
{
	object_get(s->object);
	if (unlikely(slot_receives(s)))
		endpoint_hold(slot_endpoint(s));
	if (s->lease)
		object_get(&s->lease->object);
}

/* Only these rights are left; the slot is the caller's copy, and no lock is held. */
void slot_restrict(struct slot *s, uint32_t rights)
{
	if (slot_receives(s) && !(rights & RIGHT_RECEIVE))
		endpoint_unhold(slot_endpoint(s));
	s->rights &= rights;
}

static struct table *table_of(handle_t h)
{
	return h & HANDLE_TASK_TABLE ? current->task->handles : current->table;
}

status_t table_new(struct pool *pool, uint32_t ceiling, struct table **out)
{
	struct table *t = object_alloc(pool, OBJ_TABLE, sizeof(*t), RANK_TABLE);

	REQUIRE(t, E_NOMEM);
	t->slots = kmem_alloc(pool, TABLE_FIRST * sizeof(struct slot));
	if (!t->slots) {
		object_put(&t->object);
		return E_NOMEM;
	}
	t->capacity = TABLE_FIRST;
	t->ceiling = MIN(ceiling, TABLE_MAX);
	*out = t;
	return 0;
}

void table_release(struct object *o)
{
	struct table *t = container_of(o, struct table, object);

	for (uint32_t i = 0; i < t->capacity && t->slots; i++) {
		if (t->slots[i].object)
			slot_drop(&t->slots[i]);
		if (i % DROP_PIECE == DROP_PIECE - 1)
			preempt_point();
	}
	if (t->slots)
		kmem_free(o->pool, t->slots, t->capacity * sizeof(struct slot));
	object_free(o);
}

/* Room for slot `index`.  Called with the lock held, which it drops to allocate: the caller looks again. */
static status_t table_grow(struct table *t, uint32_t index)
{
	uint32_t capacity = t->capacity, wanted = capacity;
	struct slot *slots, *old;

	while (wanted <= index)
		wanted *= 2;
	spin_unlock(&t->object.lock);
	slots = kmem_alloc(t->object.pool, wanted * sizeof(struct slot));
	spin_lock(&t->object.lock);
	REQUIRE(slots, E_NOMEM);
	if (t->capacity != capacity) {		/* somebody else grew it */
		kmem_free(t->object.pool, slots, wanted * sizeof(struct slot));
		return 0;
	}
	old = t->slots;
	memcpy(slots, old, capacity * sizeof(struct slot));
	t->slots = slots;
	t->capacity = wanted;
	kmem_free(t->object.pool, old, capacity * sizeof(struct slot));
	return 0;
}

/* The lowest free slot >= min, with the lock held; grows as needed. */
static int64_t table_find(struct table *t, uint32_t min)
{
	for (;;) {
		uint32_t i = MAX(min, t->first_free);
		status_t s;

		while (i < t->capacity && !slot_free(&t->slots[i]))
			i++;
		REQUIRE(i < t->ceiling, E_LIMIT);
		if (i < t->capacity) {
			if (min <= t->first_free)
				t->first_free = i;
			return i;
		}
		s = table_grow(t, i);
		REQUIRE(s == 0, s);
	}
}

static void table_fill(struct table *t, uint32_t i, const struct slot *slot)
{
	t->slots[i] = *slot;
	t->used++;
	if (i == t->first_free)
		t->first_free = i + 1;
}

static void table_clear(struct table *t, uint32_t i, struct slot *old)
{
	*old = t->slots[i];
	t->slots[i] = (struct slot){ 0 };
	t->used--;
	if (i < t->first_free)
		t->first_free = i;
}

status_t table_install(struct table *t, struct slot *slot, uint32_t min)
{
	int64_t i;

	spin_lock(&t->object.lock);
	i = table_find(t, min);
	if (i >= 0)
		table_fill(t, (uint32_t)i, slot);
	spin_unlock(&t->object.lock);
	if (i < 0)
		slot_drop(slot);
	return i;
}

/* Fill a reserved slot; E_HANDLE when it is not one.  Consumes the slot's references. */
status_t table_fill_reserved(struct table *t, uint32_t i, struct slot *slot)
{
	status_t s = E_HANDLE;

	spin_lock(&t->object.lock);
	if (i < t->capacity && slot_reserved(&t->slots[i])) {
		slot->flags = t->slots[i].flags;
		t->slots[i] = *slot;
		s = i;
	}
	spin_unlock(&t->object.lock);
	if (s < 0)
		slot_drop(slot);
	return s;
}

status_t handle_install(bool fd, struct object *o, uint32_t rights, uint8_t flags)
{
	struct slot slot = { .object = o, .rights = rights, .flags = flags, .lease = operation_lease() };
	struct table *t = fd ? current->table : current->task->handles;
	status_t s = table_install(t, &slot, 0);

	return s < 0 || fd ? s : s | (int64_t)HANDLE_TASK_TABLE;
}

/* With references. */
static status_t table_get(struct table *t, uint32_t i, struct slot *out)
{
	status_t s = E_HANDLE;

	spin_lock(&t->object.lock);
	if (i < t->capacity && !slot_free(&t->slots[i]) && !slot_reserved(&t->slots[i])) {
		*out = t->slots[i];
		slot_get(out);
		s = 0;
	}
	spin_unlock(&t->object.lock);
	return s;
}

status_t handle_get_slot(handle_t h, enum object_type type, uint32_t rights, struct slot *out)
{
	status_t s = table_get(table_of(h), h & ~HANDLE_TASK_TABLE, out);

	REQUIRE(s == 0, s);
	if (type != OBJ_NONE && out->object->type != type)
		s = E_TYPE;
	else if ((out->rights & rights) != rights)
		s = E_RIGHTS;
	else if (out->lease && lease_ended(out->lease))
		s = E_REVOKED;
	if (s)
		slot_drop(out);
	return s;
}

/*
 * A look-up that is not the common case, with the lock, which it drops: of any type, of what lives under a
 * lease, and every refusal.
 */
static __attribute__((noinline)) status_t rare_get(struct table *t, uint32_t i, enum object_type type, uint32_t rights,
						   struct object **out)
{
	const struct slot *slot = i < t->capacity ? &t->slots[i] : NULL;
	status_t s = 0;

	if (!slot || slot_free(slot) || slot_reserved(slot))
		s = E_HANDLE;
	else if (type != OBJ_NONE && slot->object->type != type)
		s = E_TYPE;
	else if ((slot->rights & rights) != rights)
		s = E_RIGHTS;
	else if (slot->lease)
		s = lease_ended(slot->lease) ? E_REVOKED : operation_under(slot->lease);
	if (!s) {
		*out = slot->object;
		object_get(*out);
	}
	spin_unlock(&t->object.lock);
	return s;
}

status_t handle_get(handle_t h, enum object_type type, uint32_t rights, struct object **out)
{
	struct table *t = table_of(h);
	uint32_t i = h & ~HANDLE_TASK_TABLE;

	spin_lock(&t->object.lock);
	if (likely(i < t->capacity)) {
		const struct slot *slot = &t->slots[i];
		struct object *o = slot->object;

		if (likely(o && !slot->lease && o->type == type && (slot->rights & rights) == rights)) {
			*out = o;
			object_get(o);
			spin_unlock(&t->object.lock);
			return 0;
		}
	}
	return rare_get(t, i, type, rights, out);
}

status_t platform_check(handle_t h, uint32_t rights)
{
	struct object *o;
	status_t s = handle_get(h, OBJ_PLATFORM, rights, &o);

	if (!s)
		object_put(o);
	return s;
}

/* --- H_SELF and stand-ins ------------------------------------------------------------------------ */

status_t task_get(handle_t h, uint32_t rights, struct task **out)
{
	struct object *o;
	status_t s;

	if (h == H_SELF) {
		*out = current->task;
		object_get(&(*out)->object);
		return 0;
	}
	s = handle_get(h, OBJ_TASK, rights, &o);
	REQUIRE(s == 0, s);
	*out = container_of(o, struct task, object);
	return 0;
}

status_t vspace_get(handle_t h, uint32_t rights, struct vspace **out)
{
	struct object *o;
	status_t s = 0;

	if (h == H_SELF) {
		*out = current->task->vspace;
		object_get(&(*out)->object);
		return 0;
	}
	s = handle_get(h, OBJ_NONE, rights, &o);
	REQUIRE(s == 0, s);
	if (o->type == OBJ_VSPACE) {
		*out = container_of(o, struct vspace, object);
		return 0;
	}
	if (o->type == OBJ_TASK) {
		struct task *task = container_of(o, struct task, object);

		spin_lock(&o->lock);
		*out = task->vspace;
		if (*out)
			object_get(&(*out)->object);
		spin_unlock(&o->lock);
		s = *out ? 0 : E_GONE;
	} else {
		s = E_TYPE;
	}
	object_put(o);
	return s;
}

status_t pool_get(handle_t h, struct pool **out)
{
	struct object *o;
	status_t s = 0;

	if (h == H_SELF) {
		*out = current->task->task_pool;
		object_get(&(*out)->object);
		return 0;
	}
	s = handle_get(h, OBJ_NONE, RIGHT_CHARGE, &o);
	REQUIRE(s == 0, s);
	if (o->type == OBJ_POOL) {
		*out = container_of(o, struct pool, object);
		return 0;
	}
	if (o->type == OBJ_TASK) {
		*out = container_of(o, struct task, object)->task_pool;
		object_get(&(*out)->object);
	} else {
		s = E_TYPE;
	}
	object_put(o);
	return s;
}

/* --- the calls --------------------------------------------------------------------------------------- */

int64_t sys_handle_close(uint64_t h)
{
	struct table *t = table_of((handle_t)h);
	uint32_t i = (uint32_t)h & ~HANDLE_TASK_TABLE;
	struct slot old = { 0 };
	status_t s = E_HANDLE;

	spin_lock(&t->object.lock);
	if (i < t->capacity && !slot_free(&t->slots[i]) && !slot_reserved(&t->slots[i])) {
		table_clear(t, i, &old);
		s = 0;
	}
	spin_unlock(&t->object.lock);
	slot_drop(&old);
	return s;
}

int64_t sys_handle_copy(uint64_t h, uint64_t rights, uint64_t badge)
{
	struct slot slot;
	status_t s;

	REQUIRE(h & HANDLE_TASK_TABLE, E_HANDLE);
	s = handle_get_slot((handle_t)h, OBJ_NONE, RIGHT_COPY, &slot);
	REQUIRE(s == 0, s);
	slot_restrict(&slot, (uint32_t)rights);
	if (badge && !slot.badge && slot.object->type == OBJ_ENDPOINT)
		slot.badge = badge;
	s = table_install(current->task->handles, &slot, 0);
	return s < 0 ? s : s | (int64_t)HANDLE_TASK_TABLE;
}

int64_t sys_handle_dup(uint64_t fd, uint64_t min, uint64_t flags)
{
	struct slot slot;
	status_t s;

	REQUIRE(!(fd & HANDLE_TASK_TABLE), E_HANDLE);
	s = handle_get_slot((handle_t)fd, OBJ_NONE, 0, &slot);
	REQUIRE(s == 0, s);
	if (min >= current->table->ceiling) {
		slot_drop(&slot);
		return E_INVAL;
	}
	slot.flags = flags & SLOT_CLOEXEC;
	return table_install(current->table, &slot, (uint32_t)min);
}

int64_t sys_handle_dup_to(uint64_t fd, uint64_t to, uint64_t flags)
{
	struct table *t = current->table;
	struct slot slot, old = { 0 };
	status_t s;

	REQUIRE(!(fd & HANDLE_TASK_TABLE), E_HANDLE);
	s = handle_get_slot((handle_t)fd, OBJ_NONE, 0, &slot);
	REQUIRE(s == 0, s);
	slot.flags = flags & SLOT_CLOEXEC;
	spin_lock(&t->object.lock);
	s = to < t->ceiling ? 0 : E_HANDLE;
	while (!s && to >= t->capacity)
		s = table_grow(t, (uint32_t)to);
	if (!s && slot_reserved(&t->slots[to]))
		s = E_BUSY;
	if (!s) {
		if (!slot_free(&t->slots[to]))
			table_clear(t, (uint32_t)to, &old);
		table_fill(t, (uint32_t)to, &slot);
		slot = (struct slot){ 0 };
	}
	spin_unlock(&t->object.lock);
	slot_drop(&old);
	slot_drop(&slot);
	return s ? s : (int64_t)to;
}

int64_t sys_handle_flags(uint64_t h, uint64_t mask, uint64_t value)
{
	struct table *t = table_of((handle_t)h);
	uint32_t i = (uint32_t)h & ~HANDLE_TASK_TABLE;
	status_t s = E_HANDLE;

	spin_lock(&t->object.lock);
	if (i < t->capacity && !slot_free(&t->slots[i]) && !slot_reserved(&t->slots[i])) {
		s = t->slots[i].flags;
		t->slots[i].flags = (uint8_t)((t->slots[i].flags & ~mask) | (value & mask & SLOT_CLOEXEC));
	}
	spin_unlock(&t->object.lock);
	return s;
}

int64_t sys_handle_reserve(uint64_t flags)
{
	struct slot slot = { .object = &reserved_object, .flags = flags & SLOT_CLOEXEC };

	return table_install(current->table, &slot, 0);
}

int64_t sys_handle_unreserve(uint64_t fd)
{
	struct table *t = current->table;
	struct slot old;
	status_t s = E_HANDLE;

	spin_lock(&t->object.lock);
	if (fd < t->capacity && slot_reserved(&t->slots[fd])) {
		table_clear(t, (uint32_t)fd, &old);
		s = 0;
	}
	spin_unlock(&t->object.lock);
	return s;
}

int64_t sys_handle_close_range(uint64_t first, uint64_t last, uint64_t flags)
{
	struct table *t = current->table;

	for (uint64_t i = first; i <= last && i < t->capacity; i++) {
		if (flags & SLOT_CLOEXEC)
			sys_handle_flags(i, SLOT_CLOEXEC, SLOT_CLOEXEC);
		else
			sys_handle_close(i);
		if ((i & 255) == 255 && !preempt_point())
			return E_GONE;
	}
	return 0;
}

/* The caller may learn cookies that its own endpoints gave out. */
static void handle_info_fill(const struct slot *s, uint32_t i, struct handle_info *info)
{
	memset(info, 0, sizeof(*info));
	info->slot = i;
	info->type = s->object->type;
	info->rights = s->rights;
	info->slot_flags = s->flags;
	info->koid = s->object->koid;
	if (s->object->type == OBJ_DESCRIPTOR)
		descriptor_fill_info(s->object, info, current->task);
}

int64_t sys_handle_query(uint64_t h, uint64_t info)
{
	struct handle_info i;
	struct slot slot;
	status_t s = handle_get_slot((handle_t)h, OBJ_NONE, 0, &slot);

	REQUIRE(s == 0, s);
	handle_info_fill(&slot, (uint32_t)h, &i);
	slot_drop(&slot);
	return user_copy_out(info, &i, sizeof(i));
}

/* --- whole tables --------------------------------------------------------------------------------------- */

int64_t sys_table_create(uint64_t pool, uint64_t ceiling)
{
	struct table *t = NULL;
	struct pool *p;
	status_t s = pool_get((handle_t)pool, &p);

	REQUIRE(s == 0, s);
	if ((handle_t)pool == H_SELF)		/* no way around the ceiling of its own */
		ceiling = MIN(ceiling, current->table->ceiling);
	s = table_new(p, (uint32_t)MIN(ceiling, TABLE_MAX), &t);
	object_put(&p->object);
	return s ? s : handle_install(false, &t->object, RIGHTS_ALL, 0);
}

static status_t table_copy(struct table *from, struct table *to, uint64_t flags)
{
	struct slot *slots = NULL;
	uint32_t capacity = 0;

	for (;;) {			/* room first, without the lock */
		spin_lock(&from->object.lock);
		if (from->capacity <= MAX(capacity, to->capacity))
			break;
		capacity = from->capacity;
		spin_unlock(&from->object.lock);
		slots = kmem_alloc(to->object.pool, capacity * sizeof(struct slot));
		REQUIRE(slots, E_NOMEM);
		kmem_free(to->object.pool, to->slots, to->capacity * sizeof(struct slot));
		to->slots = slots;
		to->capacity = capacity;
	}
	to->ceiling = from->ceiling;
	for (uint32_t i = 0, left = from->used; left && i < from->capacity; i++) {
		const struct slot *s = &from->slots[i];

		if (slot_free(s))
			continue;
		left--;
		if (slot_reserved(s) || (flags & TABLE_DROP_CLOEXEC && s->flags & SLOT_CLOEXEC) ||
		    (s->lease && lease_ended(s->lease)))
			continue;
		slot_get(s);
		to->slots[i] = *s;
		to->used++;
	}
	spin_unlock(&from->object.lock);
	return 0;
}

int64_t sys_table_clone(uint64_t task, uint64_t thread, uint64_t pool, uint64_t flags)
{
	struct table *t = NULL, *from = NULL;
	struct thread *of = NULL;
	struct task *k = NULL;
	struct pool *p;
	status_t s = pool_get((handle_t)pool, &p);

	REQUIRE(s == 0, s);
	s = task_get((handle_t)task, RIGHT_MANAGE, &k);
	if (!s)
		of = task_thread(k, (uint32_t)thread);
	if (!s && !of)
		s = E_NOENT;
	if (!s)
		from = thread_table(of);
	if (!s && !from)
		s = E_NOENT;
	if (!s)
		s = table_new(p, TABLE_MAX, &t);
	if (!s) {
		s = table_copy(from, t, flags);
		if (s)
			object_put(&t->object);
	}
	if (from)
		object_put(&from->object);
	if (of)
		object_put(&of->object);
	if (k)
		object_put(&k->object);
	object_put(&p->object);
	return s ? s : handle_install(false, &t->object, RIGHTS_ALL, 0);
}

/* A dead task has no table any more. */
static struct table *task_handles(struct task *k)
{
	struct table *t;

	spin_lock(&k->object.lock);
	t = k->handles;
	if (t)
		object_get(&t->object);
	spin_unlock(&k->object.lock);
	return t;
}

int64_t sys_task_give(uint64_t task, uint64_t h, uint64_t rights, uint64_t flags)
{
	struct slot slot;
	struct table *t;
	struct task *k;
	status_t s = task_get((handle_t)task, RIGHT_MANAGE, &k);

	REQUIRE(s == 0, s);
	t = task_handles(k);
	object_put(&k->object);
	REQUIRE(t, E_GONE);
	s = handle_get_slot((handle_t)h, OBJ_NONE, RIGHT_COPY, &slot);
	if (!s) {
		slot_restrict(&slot, (uint32_t)rights);
		slot.flags = flags & SLOT_CLOEXEC;
		s = table_install(t, &slot, 0);
		if (s >= 0)
			s |= (int64_t)HANDLE_TASK_TABLE;
	}
	object_put(&t->object);
	return s;
}

/* The first used descriptor slot >= slot of the task's first thread's table. */
int64_t sys_task_slot(uint64_t task, uint64_t slot, uint64_t info)
{
	struct handle_info i;
	struct slot found = { 0 };
	struct table *t = NULL;
	struct task *k;
	status_t s = task_get((handle_t)task, RIGHT_QUERY, &k);

	REQUIRE(s == 0, s);
	spin_lock(&k->object.lock);
	if (k->descriptors) {
		t = k->descriptors;
		object_get(&t->object);
	}
	spin_unlock(&k->object.lock);
	object_put(&k->object);
	REQUIRE(t, E_NOENT);
	spin_lock(&t->object.lock);
	while (slot < t->capacity && (slot_free(&t->slots[slot]) || slot_reserved(&t->slots[slot])))
		slot++;
	if (slot < t->capacity) {
		found = t->slots[slot];
		slot_get(&found);
	}
	spin_unlock(&t->object.lock);
	object_put(&t->object);
	REQUIRE(found.object, E_NOENT);
	handle_info_fill(&found, (uint32_t)slot, &i);
	slot_drop(&found);
	return user_copy_out(info, &i, sizeof(i));
}
