/*
 * init.h -- what the parts of init share.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <lib/rt/rt.h>
#include "manifest.h"

#define SLOT(n)		((handle_t)(HANDLE_TASK_TABLE | (n)))	/* of an INIT_ slot */

/* What a running server consists of, seen from init. */
struct running {
	handle_t pool, task;		/* H_NONE: not running */
	uint64_t generation;		/* how often it was started before */
};

/* the boot archive, mapped (main.c) */
struct archive {
	const uint8_t *data;
	uint64_t len;
};
extern struct archive archive;

/*
 * Start one server (spawn.c).  Its death and faults are notices to `notify` with `badge`.  On an error
 * nothing of it is left, and *step says at what.
 */
status_t server_start(const struct manifest_server *s, struct running *r, handle_t notify, uint64_t badge,
		      const char **step);
void server_forget(struct running *r);		/* after its death: give back what it had */

/* An ELF program from the boot archive into a fresh vspace (load.c); its vmos are paid by pool. */
status_t program_load(const char *path, handle_t pool, handle_t vspace, uint64_t *entry, const char **step);

/* One grant into a task that is being built (grant.c): appends to start->grants. */
status_t grant_give(const struct manifest_grant *g, handle_t task, handle_t pool, struct rt_start *start);

#endif
