/*
 * grant.c -- the objects that the manifest names, and their capabilities given to servers.
 *
 * Owns:    the table of named objects.  An object is made at its first mention and lives as long as init,
 *          so that a restarted server finds the same ones.
 * Fails:   what the calls answer; E_LIMIT when a table is full.  An object half made keeps what it has,
 *          and the next mention goes on from there.
 * Tested:  tests/boot, programs/selftest
 */
#include "init.h"

#define OBJECTS_MAX 32

struct named_object {
	enum grant_kind kind;
	char which[RT_NAME];		/* endpoint, pipe */
	uint64_t base, count;		/* ioport, irq */
	int64_t handle;			/* endpoint, pipe, ioport, irq; 0: not yet made */
	int64_t more[2];		/* pipe: read and write Descriptor; irq: more[0] its counter */
};

static struct named_object objects[OBJECTS_MAX];
static unsigned nobjects;

/* The object that the grant names: found, or a new row; NULL: no room. */
static struct named_object *object_find(const struct manifest_grant *g)
{
	struct named_object *o;

	for (o = objects; o < objects + nobjects; o++)
		if (o->kind == g->kind && !strcmp(o->which, g->which) && o->base == g->base &&
		    o->count == g->count)
			return o;
	if (nobjects == OBJECTS_MAX)
		return NULL;
	nobjects++;
	*o = (struct named_object){ .kind = g->kind, .base = g->base, .count = g->count };
	strlcpy(o->which, g->which, sizeof(o->which));
	return o;
}

/* Sets *handle by `made' unless it is set; false and *handle left for another time: it is an error. */
static status_t keep(int64_t *handle, int64_t made)
{
	if (made < 0)
		return made;
	*handle = made;
	return 0;
}

static int64_t pipe_end_open(handle_t pipe, uint32_t access)
{
	struct descriptor_args args = {
		.object = pipe,
		.endpoint = H_NONE,
		.flags = access,
		.ready = H_NONE,
	};

	return tess_descriptor_create(&args);
}

/*
 * Both ends are open as long as init lives: a server that reads sees no end of file because the writer
 * has not come up yet, or is being restarted.
 */
static status_t pipe_make(struct named_object *o)
{
	status_t status = 0;

	if (!o->handle)
		status = keep(&o->handle, tess_pipe_object(SLOT(INIT_POOL), 0));
	if (!status && !o->more[PIPE_END_READ])
		status = keep(&o->more[PIPE_END_READ], pipe_end_open((handle_t)o->handle, DESC_READ));
	if (!status && !o->more[PIPE_END_WRITE])
		status = keep(&o->more[PIPE_END_WRITE], pipe_end_open((handle_t)o->handle, DESC_WRITE));
	return status;
}

static status_t irq_make(struct named_object *o)
{
	status_t status = 0;

	if (!o->more[0])
		status = keep(&o->more[0], tess_counter_create(SLOT(INIT_POOL), 0, 0));
	if (!status && !o->handle)
		status = keep(&o->handle, tess_irq_create(SLOT(INIT_PLATFORM), o->base, (handle_t)o->more[0]));
	return status;
}

static status_t object_make(struct named_object *o)
{
	switch (o->kind) {
	case GRANT_ENDPOINT:
		return o->handle ? 0 : keep(&o->handle, tess_endpoint_create(SLOT(INIT_POOL)));
	case GRANT_IOPORT:
		return o->handle ? 0 : keep(&o->handle,
					    tess_ioport_create(SLOT(INIT_PLATFORM), o->base, o->count));
	case GRANT_PIPE:
		return pipe_make(o);
	case GRANT_IRQ:
		return irq_make(o);
	default:
		return E_INVAL;
	}
}

static status_t give(handle_t task, handle_t handle, uint32_t rights, const char *name, struct rt_start *start)
{
	unsigned i = 0;
	int64_t slot;

	while (i < RT_GRANTS && start->grants[i].name[0])
		i++;
	if (i == RT_GRANTS)
		return E_LIMIT;
	slot = tess_task_give(task, handle, rights, 0);
	if (slot < 0)
		return slot;
	strlcpy(start->grants[i].name, name, RT_NAME);
	start->grants[i].handle = (handle_t)slot;
	return 0;
}

static status_t give_badged(handle_t task, handle_t endpoint, const struct manifest_grant *g,
			    struct rt_start *start)
{
	int64_t copy = tess_handle_copy(endpoint, RIGHTS_ALL, g->badge);
	status_t status;

	if (copy < 0)
		return copy;
	status = give(task, (handle_t)copy, g->rights, g->name, start);
	tess_handle_close((handle_t)copy);
	return status;
}

static status_t give_object(const struct manifest_grant *g, handle_t task, struct rt_start *start)
{
	struct named_object *o = object_find(g);
	char event[RT_NAME];
	status_t status;

	if (!o)
		return E_LIMIT;
	status = object_make(o);
	if (status < 0)
		return status;
	if (g->kind == GRANT_ENDPOINT && g->badge)
		return give_badged(task, (handle_t)o->handle, g, start);
	if (g->kind == GRANT_PIPE && g->end != PIPE_END_OBJECT)
		return give(task, (handle_t)o->more[g->end], g->rights, g->name, start);
	status = give(task, (handle_t)o->handle, g->rights, g->name, start);
	if (status < 0 || g->kind != GRANT_IRQ)
		return status;
	snprintf(event, sizeof(event), "%s.event", g->name);
	return give(task, (handle_t)o->more[0], g->rights, event, start);
}

status_t grant_give(const struct manifest_grant *g, handle_t task, handle_t pool, struct rt_start *start)
{
	switch (g->kind) {
	case GRANT_POOL:
		return give(task, pool, g->rights, g->name, start);
	case GRANT_PLATFORM:
		return give(task, SLOT(INIT_PLATFORM), g->rights, g->name, start);
	case GRANT_ARCHIVE:
		return give(task, SLOT(INIT_ARCHIVE), g->rights, g->name, start);
	case GRANT_COMMAND_LINE:
		return give(task, SLOT(INIT_COMMAND_LINE), g->rights, g->name, start);
	default:
		return give_object(g, task, start);
	}
}
