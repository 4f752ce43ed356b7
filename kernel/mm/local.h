/*
 * local.h -- what the files of mm/ share among themselves.
 */
#ifndef KERNEL_MM_LOCAL_H
#define KERNEL_MM_LOCAL_H

#include "mm.h"
#include "thread.h"

#define PIECE_PAGES 512ull		/* work done under one hold of a lock */
#define MAPPING_WORK 16ull		/* a mapping is as much work as so many pages */

/* --- vmo.c: vmo.lock is held ---------------------------------------------------------------------- */
static inline uint64_t pages_of(uint64_t bytes) { return (bytes >> 12) + ((bytes & (PAGE_SIZE - 1)) != 0); }
struct frame *vmo_find(const struct vmo *v, uint64_t page);	/* no reference; NULL: hole */
/*
 * Where the frame of a page would be, or NULL: nothing near.  Those of the following pages, up to a multiple
 * of VMO_LEAF, come behind it; a vmo of height 0 has but the one.
 */
#define VMO_LEAF 64u
struct frame *const *vmo_leaf(const struct vmo *v, uint64_t page);
/*
 * The frame of a page for a fault, without a reference: a hole is filled.  E_AGAIN: only vmo_page(), with
 * no lock held, can do it.
 */
status_t vmo_fault_page(struct vmo *v, uint64_t page, bool write, struct pool *payer, struct frame **out);

void **vmo_slot(struct vmo *v, uint64_t page);	/* where a page's frame hangs, nodes made; NULL: no memory */
uint64_t vmo_next(const struct vmo *v, uint64_t page);	/* the first present page from there on, or ~0 */
void vmo_drop(struct vmo *v, uint64_t first, uint64_t end);	/* pages become absent; no lock held; zap, too */

/* --- pager.c: vmo.lock is held ------------------------------------------------------------------- */
/* what must be asked before the access can be had (PAGER_*), 0: nothing.  A page beyond the end is no data. */
uint32_t paged_wants(const struct vmo *v, uint64_t page, bool write);
void paged_dirty(struct vmo *v, struct frame *f);	/* it has been, or may be at any time, written */
void paged_zeroed(struct vmo *v, uint64_t page, struct frame *f);	/* a part of it became zero */
void paged_trim(struct vmo *v, uint64_t page);		/* nothing from there on is backed */
/* no lock held: 0, E_NOSPACE, E_IO, E_GONE */
status_t paged_wait(struct vmo *v, uint64_t page, uint32_t want);
status_t paged_ready(struct vmo *v, uint64_t page, bool write);
/* what a write of len bytes (not 0) at offset must ask for first, and of which page; 0: nothing.  No lock held */
uint32_t paged_missing(struct vmo *v, uint64_t offset, uint64_t len, uint64_t *page);
void paged_orphan(struct content *c);
void paged_free(struct vmo *v);
status_t vmo_supply(struct vmo *to, uint64_t page, struct vmo *from, uint64_t from_page, uint64_t npages);

/* the vmo behind a handle to a vmo or a content; *holder carries the reference */
status_t vmo_get(uint64_t h, uint32_t rights, struct object **holder, struct vmo **out);
static inline struct content *content_of(struct object *holder)
{
	return holder->type == OBJ_CONTENT ? container_of(holder, struct content, object) : NULL;
}
#define CONTENT_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_MAP | RIGHT_MANAGE | RIGHT_QUERY | \
			RIGHT_COPY | RIGHT_TRANSFER)
int64_t content_store(struct content *c, uint64_t offset, uint64_t user, uint64_t len);	/* a server's */
int64_t content_set_size(struct content *c, uint64_t size);

extern struct list all_vspaces;			/* by all_link */
extern struct spinlock all_vspaces_lock;

/* --- vspace.c: vspace.lock is held ------------------------------------------------------------------- */
static inline struct mapping *mapping_of(struct tree_node *n)
{
	return n ? container_of(n, struct mapping, node) : NULL;
}
static inline uint64_t mapping_start(const struct mapping *m) { return m->node.key; }
static inline struct mapping *mapping_next(struct mapping *m) { return mapping_of(tree_next(&m->node)); }
/* page number in the vmo of an address */
static inline uint64_t mapping_page(const struct mapping *m, uint64_t addr)
{
	return (m->offset + (addr - mapping_start(m))) >> 12;
}
struct mapping *mapping_at(struct vspace *vs, uint64_t addr);		/* containing addr, or NULL */
uint64_t vspace_hole_end(struct vspace *vs, uint64_t addr, uint64_t end);
struct mapping *mapping_from(struct vspace *vs, uint64_t addr);		/* first that ends above addr */
struct mapping *mapping_new(struct vspace *vs, uint64_t start, uint64_t end, const struct mapping *like);
void mapping_free(struct vspace *vs, struct mapping *m);		/* is in no tree or list */
/* into the tree and its vmo's list; after: the mapping it is a copy of, or NULL */
void mapping_insert(struct vspace *vs, struct mapping *m, struct mapping *after);
void mapping_join(struct vspace *vs, struct mapping *m);	/* with alike neighbours; may free m */
void mapping_unlink(struct vspace *vs, struct mapping *m);
/* Make [start, end), inside *m, a mapping of its own.  E_NOMEM: nothing but cuts have been made. */
status_t mapping_isolate(struct vspace *vs, struct mapping **m, uint64_t start, uint64_t end);
void mapping_resize(struct mapping *m, uint64_t start, uint64_t end);	/* trim or extend, offset follows */

status_t vspace_share(struct vspace *vs, uint64_t addr, uint64_t end);	/* inherit.c */
int64_t vspace_map_like(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct mapping *like);
struct leaving { uint64_t addr, end; bool stays; };	/* whose pages a move takes; it is unmapped then, or stays */
int64_t vspace_map_moved(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct mapping *like,
			 const struct leaving *old);
bool vspace_extend(struct vspace *vs, uint64_t addr, uint64_t old_end, uint64_t new_end);
status_t vspace_set_flags(struct vspace *vs, uint64_t addr, uint64_t end, uint64_t mask, uint64_t value);

/* What a private page's entry may be, before it is known to be anybody's alone. */
static inline uint32_t mapping_pte_flags(const struct mapping *m)
{
	return (m->flags & (MAP_READ | MAP_WRITE | MAP_EXEC) ? PTE_PRESENT : 0) |
	       (m->flags & MAP_EXEC ? PTE_EXEC : 0) | (m->vmo && m->vmo->uncached ? PTE_UNCACHED : 0);
}

/* Frames whose entries were cleared: their references are dropped after the flush. */
#define GATHER_FRAMES 32
struct gather {
	struct vspace *vs;
	uint64_t lo, hi;		/* to flush */
	unsigned count;
	struct frame_batch batch;
	struct frame *frames[GATHER_FRAMES];
};
void gather_begin(struct gather *g, struct vspace *vs);
void gather_add(struct gather *g, uint64_t addr, uint64_t old);	/* the entry of addr was `old` */
void gather_note(struct gather *g, uint64_t addr);			/* it only lost rights */
void gather_end(struct gather *g);
/* Clear [start, end).  Private: overlay pages too.  Returns how far it came: at most PIECE_PAGES entries. */
uint64_t pages_clear(struct vspace *vs, struct gather *g, uint64_t start, uint64_t end, bool private_too);
extern struct frame *zero_frame;	/* reads of untouched read-only anonymous memory */

static inline struct frame *frame_of_pte(uint64_t pte)
{
	return likely(pte_phys(pte) >> 12 < frames_count) ? frame_of_phys(pte_phys(pte)) : NULL;
}

#endif
