/*
 * lease.h -- the life of everything granted under it.
 */
#ifndef KERNEL_LEASE_H
#define KERNEL_LEASE_H

#include "object.h"

struct lease {
	struct object object;
	struct lease *parent;		/* holds a reference */
	bool ended;
	uint8_t depth;			/* ancestors: each look-up walks them */
};

/* Ended itself or through an ancestor. */
static inline bool lease_ended(const struct lease *l)
{
	for (; l; l = l->parent)
		if (__atomic_load_n(&l->ended, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

#endif
