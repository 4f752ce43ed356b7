/*
 * local.h -- what the files on Descriptors share among themselves.
 */
#ifndef KERNEL_OBJECT_LOCAL_H
#define KERNEL_OBJECT_LOCAL_H

#include "descriptor.h"

#define RW_MAX 0x7ffff000ull		/* bytes in one read or write, as on Linux */

/* --- iter.c --- */
status_t iter_init(struct user_iter *it, struct iovec_abi *iov, uint32_t n);
void iter_forward(struct user_iter *it, uint64_t n);

/* --- stream.c: offset_lock answers 0, E_INTERRUPTED, E_REVOKED or E_GONE --- */
status_t offset_lock(struct descriptor *d);
void offset_unlock(struct descriptor *d);
int64_t content_stream(struct descriptor *d, struct user_iter *it, uint64_t *offset, bool write);
int64_t stream_read(struct descriptor *d, struct user_iter *it, uint64_t deadline);
int64_t stream_write(struct descriptor *d, struct user_iter *it, uint64_t deadline);

/* Nobody else can move the offset: one slot, this operation, and a table of one thread (and its task). */
static inline bool offset_mine(struct descriptor *d)
{
	return d->object.refs <= 2 && current->table->object.refs <= 2;
}

/* --- descriptor_calls.c: with a reference --- */
status_t descriptor_get(uint64_t fd, struct descriptor **out);

#endif
