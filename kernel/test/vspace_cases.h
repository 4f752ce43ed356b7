/*
 * vspace_cases.h -- what the tests of address spaces share.
 */
#ifndef KERNEL_TEST_VSPACE_CASES_H
#define KERNEL_TEST_VSPACE_CASES_H

#include "host.h"
#include <stdlib.h>
#include "lease.h"

#define AT 0x400000ull
#define PG(n) ((uint64_t)(n) * PAGE_SIZE)
#define RW (MAP_READ | MAP_WRITE)
#define MAX_ALL (MAP_MAX_READ | MAP_MAX_WRITE | MAP_MAX_EXEC)
#define FAULT(e) (-1000 + (int)(e))

static inline unsigned count(struct vspace *vs)
{
	unsigned n = 0;

	for (struct tree_node *t = tree_first(&vs->mappings); t; t = tree_next(t))
		n++;
	return n;
}

static inline void done(struct vspace *vs)
{
	CHECK(host_tlb_true());
	object_put(&vs->object);
}

static inline struct vspace *with_anon(uint64_t pages)
{
	struct vspace *vs = host_space();

	CHECK(vspace_map_anon(vs, AT, PG(pages), RW) == 0);
	return vs;
}

/* Page i begins with the byte i + 1. */
static inline struct vmo *numbered(uint64_t pages)
{
	struct vmo *v;

	CHECK(vmo_new(root_pool, PG(pages), &v) == 0);
	for (uint64_t i = 0; i < pages; i++) {
		uint8_t byte = (uint8_t)(i + 1);

		CHECK(vmo_copy_in(v, PG(i), &byte, 1) == 1);
	}
	return v;
}

#endif
