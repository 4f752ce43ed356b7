/*
 * descriptor.h -- open file descriptions.
 */
#ifndef KERNEL_DESCRIPTOR_H
#define KERNEL_DESCRIPTOR_H

#include "thread.h"

struct content;
struct counter;
struct endpoint;

struct descriptor {
	struct object object;		/* lock: RANK_OBJECT; guards offset's holder, watchers */
	uint8_t kind;			/* enum object_type: of data, or OBJ_NULL ... */
	bool watched;			/* has been in a wait set: its end looks there, however empty watchers seems */
	uint32_t flags;			/* DESC_*; changed atomically */
	struct object *data;
	struct endpoint *endpoint;
	uint64_t cookie;
	uint64_t offset;
	struct thread *offset_holder;	/* who moves the offset, when several threads may */
	struct waitqueue offset_waiters;
	struct counter *ready;
	struct list watchers;		/* wait-set entries: weak, detached by waitset_forget at the end */
	struct notice close;
};

/* User memory in pieces, as one stream. */
struct user_iter {
	uint64_t base, len;		/* what is left of the piece under way */
	uint64_t left, total;		/* bytes in all; what it began with */
	const struct iovec_abi *iov;
	uint32_t n, at;
};
/* copy up to len bytes (no more than are left) without faulting; the count moved on by */
size_t iter_copy_in(struct user_iter *it, void *to, size_t len);
size_t iter_copy_out(struct user_iter *it, const void *from, size_t len);
void iter_back(struct user_iter *it, uint64_t n);		/* undo the last n bytes */
status_t iter_fault_in(struct user_iter *it, bool write);	/* after a short copy; no lock held */

struct content *descriptor_content(struct object *d, uint32_t *flags, uint64_t *cookie, uint64_t *endpoint_koid);
bool descriptor_route(struct object *d, struct endpoint **e, uint64_t *cookie, uint32_t *flags);
void descriptor_close_delivered(struct notice *n);
uint32_t descriptor_ready(struct descriptor *d);	/* POLL_ bits now */
/* where to observe it, and the lock that guards that; NULL: always ready */
struct observers *descriptor_observers(struct descriptor *d, struct spinlock **lock);
void waitset_forget(struct descriptor *d);		/* waitset.c */
uint32_t waitset_ready(struct object *ws);
struct observers *waitset_observers(struct object *ws, struct spinlock **lock);

#endif
