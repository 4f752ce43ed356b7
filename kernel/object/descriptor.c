/*
 * descriptor.c -- open file descriptions: their life, and what others ask of them.
 *
 * Owns:    the link to the data object, the serving endpoint and its cookie; the close notice, queued when
 *          the last holder is gone.
 * Locks:   descriptor.object.lock (RANK_OBJECT) for the offset's holder and the watchers.
 * Fails:   E_NOMEM, E_TYPE, E_TXTBUSY when made; nothing later.
 * Tested:  kernel/test/descriptor_test.c, tests/linux/fd
 */
#include "descriptor.h"
#include "counter.h"
#include "ipc.h"
#include "mm.h"
#include "pipe.h"
#include "syscalls.h"

/* --- making -------------------------------------------------------------------------------- */

static struct descriptor *descriptor_alloc(struct pool *pool, uint8_t kind, uint32_t flags)
{
	struct descriptor *d = object_alloc(pool, OBJ_DESCRIPTOR, sizeof(*d), RANK_OBJECT);

	if (!d)
		return NULL;
	d->kind = kind;
	d->flags = flags;
	list_init(&d->watchers);
	list_init(&d->close.link);
	d->close.words[0] = d->object.koid;	/* now: object_release may need the field for itself */
	waitqueue_init(&d->offset_waiters);
	return d;
}

/* Behind d from now on; takes a reference. */
static status_t data_attach(struct descriptor *d, struct object *data)
{
	if (data->type == OBJ_CONTENT) {
		status_t s = content_open_check(container_of(data, struct content, object), d->flags);

		REQUIRE(s == 0, s);
	} else if (data->type == OBJ_PIPE) {
		pipe_open(container_of(data, struct pipe, object), d->flags);
	} else if (data->type != OBJ_COUNTER && data->type != OBJ_WAITSET) {
		return E_TYPE;
	}
	d->kind = data->type;
	d->data = data;
	object_get(data);
	return 0;
}

status_t descriptor_new_pipe(struct pipe *p, uint32_t flags, struct object **out)
{
	struct descriptor *d = descriptor_alloc(current->task->task_pool, OBJ_NONE, flags);

	REQUIRE(d, E_NOMEM);
	data_attach(d, &p->object);
	*out = &d->object;
	return 0;
}

static status_t args_attach(struct descriptor *d, const struct descriptor_args *a)
{
	struct object *o;
	status_t s;

	if (a->object != H_NONE) {
		uint32_t rights = (d->flags & DESC_READ ? RIGHT_READ : 0) | (d->flags & DESC_WRITE ? RIGHT_WRITE : 0);

		s = handle_get(a->object, OBJ_NONE, rights, &o);
		REQUIRE(s == 0, s);
		s = data_attach(d, o);
		object_put(o);
		REQUIRE(s == 0, s);
	}
	if (a->endpoint != H_NONE) {
		s = handle_get(a->endpoint, OBJ_ENDPOINT, RIGHT_RECEIVE, &o);
		REQUIRE(s == 0, s);
		d->endpoint = container_of(o, struct endpoint, object);
		d->cookie = a->cookie;
	}
	if (a->ready != H_NONE) {
		s = handle_get(a->ready, OBJ_COUNTER, RIGHT_WAIT, &o);
		REQUIRE(s == 0, s);
		d->ready = container_of(o, struct counter, object);
	}
	return 0;
}

int64_t sys_descriptor_create(uint64_t args)
{
	struct descriptor_args a;
	struct descriptor *d;
	bool fd;
	status_t s;

	REQUIRE(user_copy_in(&a, args, sizeof(a)) == 0, E_FAULT);
	REQUIRE(a.object != H_NONE || a.kind == OBJ_NONE || (a.kind >= OBJ_NULL && a.kind <= OBJ_RANDOM), E_INVAL);
	d = descriptor_alloc(current->task->task_pool, (uint8_t)a.kind, a.flags & ~(uint32_t)DESC_NOTIFY_CLOSE);
	REQUIRE(d, E_NOMEM);
	s = args_attach(d, &a);
	if (s) {
		object_put(&d->object);
		return s;
	}
	if (d->endpoint)
		d->flags |= a.flags & DESC_NOTIFY_CLOSE;
	fd = a.user_flags & 1;
	return handle_install(fd, &d->object, RIGHTS_ALL, (uint8_t)(a.slot_flags & SLOT_CLOEXEC));
}

/* --- the end ------------------------------------------------------------------------------- */

static void data_detach(struct descriptor *d)
{
	if (!d->data)
		return;
	if (d->kind == OBJ_CONTENT)
		content_close(container_of(d->data, struct content, object), d->flags);
	else if (d->kind == OBJ_PIPE)
		pipe_close(container_of(d->data, struct pipe, object), d->flags);
	object_put(d->data);
}

static void descriptor_free(struct descriptor *d)
{
	if (d->endpoint)
		object_put(&d->endpoint->object);
	object_free(&d->object);
}

void descriptor_release(struct object *o)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	if (d->watched)		/* a set that is ending may be about to take an entry out of watchers */
		waitset_forget(d);
	data_detach(d);
	if (d->ready)
		object_put(&d->ready->object);
	if (d->flags & DESC_NOTIFY_CLOSE) {
		struct endpoint *e = d->endpoint;

		d->endpoint = NULL;	/* in its queue: the two would keep each other */
		d->close.badge = d->cookie;
		endpoint_notify(e, &d->close, NOTICE_CLOSE);
		object_put(&e->object);
	} else {
		descriptor_free(d);
	}
}

void descriptor_close_delivered(struct notice *n)
{
	descriptor_free(container_of(n, struct descriptor, close));
}

/* --- what others ask ----------------------------------------------------------------------- */

struct content *descriptor_content(struct object *o, uint32_t *flags, uint64_t *cookie, uint64_t *endpoint_koid)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	if (d->kind != OBJ_CONTENT)
		return NULL;
	*flags = d->flags;
	*cookie = d->cookie;
	*endpoint_koid = d->endpoint ? d->endpoint->object.koid : 0;
	return container_of(d->data, struct content, object);
}

bool descriptor_route(struct object *o, struct endpoint **e, uint64_t *cookie, uint32_t *flags)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	*e = d->endpoint;
	*cookie = d->cookie;
	*flags = d->flags;
	return d->endpoint != NULL;
}

void descriptor_fill_info(struct object *o, struct handle_info *info, struct task *asker)
{
	struct descriptor *d = container_of(o, struct descriptor, object);

	info->desc_flags = d->flags;
	info->object_type = d->kind;
	info->offset = d->offset;
	info->object_koid = d->data ? d->data->koid : o->koid;
	if (d->endpoint && task_serves(asker, d->endpoint->object.koid))
		info->cookie = d->cookie;
}

uint32_t descriptor_ready(struct descriptor *d)
{
	if (d->ready)
		return counter_ready(d->ready);
	switch (d->kind) {
	case OBJ_PIPE:
		return pipe_ready(container_of(d->data, struct pipe, object), d->flags);
	case OBJ_COUNTER:
		return counter_ready(container_of(d->data, struct counter, object));
	case OBJ_WAITSET:
		return waitset_ready(d->data);
	default:
		return POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM;
	}
}

struct observers *descriptor_observers(struct descriptor *d, struct spinlock **lock)
{
	struct counter *c = d->ready;

	if (d->kind == OBJ_WAITSET && !c)
		return waitset_observers(d->data, lock);
	if (d->kind == OBJ_PIPE && !c) {
		*lock = &d->data->lock;
		return &container_of(d->data, struct pipe, object)->observers;
	}
	if (!c && d->kind == OBJ_COUNTER)
		c = container_of(d->data, struct counter, object);
	if (!c)
		return NULL;
	*lock = &c->object.lock;
	return &c->observers;
}
