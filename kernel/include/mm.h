/*
 * mm.h -- frames, pools, kernel memory, memory objects, address spaces, access to user memory.
 */
#ifndef KERNEL_MM_H
#define KERNEL_MM_H

#include "object.h"
#include "list.h"
#include "tree.h"
#include "arch_mm.h"
#include "thread.h"

/* --- pools (pool.c) --------------------------------------------------------------------------- */
struct pool {
	struct object object;
	struct pool *parent;
	uint64_t used, limit, peak;	/* bytes, atomic; used counts in every ancestor too */
	uint64_t soft;			/* limit less reserve: where all but the favoured stop */
	uint64_t reserve;		/* with object.lock, as limit and soft are changed */
	uint64_t favoured;		/* koid of the pool below that may use the reserve; 0: none */
	bool destroyed;
	struct list tasks;		/* task.pool_link is not needed: pool_destroy walks all tasks */
};
extern struct pool *root_pool;
status_t pool_charge(struct pool *p, uint64_t bytes);	/* p and all ancestors, or none: E_NOMEM */
void pool_uncharge(struct pool *p, uint64_t bytes);
void pool_set_limit(struct pool *p, uint64_t limit);
status_t pool_set_reserve(struct pool *p, uint64_t bytes, const struct pool *favoured);
status_t pool_new(struct pool *parent, uint64_t limit, struct pool **out);	/* parent NULL: root_pool */
/* the tasks that a pool pays for; written where tasks are (sched/task.c) */
void tasks_kill_pool(struct pool *p);

/* --- frames (frame.c): physical pages ------------------------------------------------------------ */
enum frame_flag {
	FRAME_PINNED = 1,		/* reached by the kernel or a device through an alias: copied at fork */
	FRAME_RESERVED = 2,		/* not RAM, or never freed */
	FRAME_SHARED = 4,		/* may be in several vmos: none of them writes it in place */
	FRAME_FREE = 8,			/* head of a free block; bits 8..15: its order */
	FRAME_SLAB = 16,		/* kmem.c's; it uses bits 8..31 */
	FRAME_DIRTY = 32,		/* of a paged vmo: differs from what its pager has; vmo.lock */
};
struct frame {
	uint32_t refs;			/* page tables, vmos, pins, kernel; atomic.  Each costs 8 charged bytes or more */
	uint32_t flags;
	union {
		struct pool *pool;	/* charged one page, holds a reference; NULL: nobody */
		struct { uint32_t next, prev; };	/* page numbers: free block, or slab with room */
	};
};
_Static_assert(sizeof(struct frame) == 16, "one for each page of RAM");
extern struct frame *frames;		/* by physical page number */
extern uint64_t frames_count;		/* pages beyond have no frame (devices) */
void frames_init(void);			/* from the boot memory map (boot.h) */
struct frame *frame_alloc(struct pool *pool);		/* content undefined; NULL: no memory or quota */
struct frame *frame_alloc_zero(struct pool *pool);
status_t frame_recharge(struct frame *f, struct pool *pool);	/* another pool pays; its one holder calls */
struct frame *frames_alloc_run(struct pool *pool, unsigned count);	/* contiguous, each with one ref */
void frames_free_run(struct frame *f, unsigned count);	/* all of such a run, a power of two, each with its one ref */
void frame_free(struct frame *f);	/* frame_put's end: refs is 0 */
static inline void frame_get(struct frame *f) { __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED); }
static inline void frame_put(struct frame *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0)
		frame_free(f);
}
/* The same for many frames: the pool's account is settled once for a row of frames of one pool. */
struct frame_batch { struct pool *pool; uint32_t count; };
void frame_put_batch(struct frame *f, struct frame_batch *b);
void frame_batch_end(struct frame_batch *b);
static inline uint64_t frame_phys(const struct frame *f) { return (uint64_t)(f - frames) << 12; }
static inline void *frame_virt(const struct frame *f) { return phys_to_virt(frame_phys(f)); }
static inline struct frame *frame_of_phys(uint64_t phys) { return &frames[phys >> 12]; }
bool frames_overlap_ram(uint64_t phys, uint64_t len);	/* any usable RAM in the range? (mmio_create) */
/* the frames of [phys, phys + len) become ordinary ones with one reference (boot archive) */
void frames_unreserve(uint64_t phys, uint64_t len);
uint64_t frames_free_count(void);
uint64_t frames_total_count(void);

/* --- small kernel memory (kmem.c) ------------------------------------------------------------------ */
/* Zeroed; NULL: no memory.  Above 2 KiB: whole frames.  Charges `size` to the pool unless it is NULL. */
void *kmem_alloc(struct pool *pool, size_t size);
void kmem_free(struct pool *pool, void *p, size_t size);
uint64_t kmem_used_bytes(void);

/* --- memory objects (vmo.c) ------------------------------------------------------------------------- */
struct page_node;
enum vmo_kind { VMO_ANONYMOUS, VMO_PHYSICAL };
struct paged;
struct vmo {
	struct object object;		/* lock: pages, size, mappings */
	enum vmo_kind kind;
	uint64_t size;			/* bytes; pages beyond the last one do not exist */
	uint64_t phys;			/* VMO_PHYSICAL */
	struct page_node *root;		/* radix tree of frames, 64-way; height 0: the one frame itself */
	uint32_t height;
	uint64_t npages;		/* frames present */
	struct list mappings;		/* of struct mapping, through its vmo_link */
	struct paged *paged;		/* its pager's side; NULL: zero fill, always backed */
	bool uncached;			/* VMO_PHYSICAL that is not RAM */
	bool tail_dirty;		/* was mapped shared and writable: bytes beyond the end may not be 0 */
};
status_t vmo_new(struct pool *pool, uint64_t size, struct vmo **out);
status_t vmo_new_physical(struct pool *pool, uint64_t phys, uint64_t size, struct vmo **out);
/* RAM that frames_init kept back (the boot archive) becomes an ordinary vmo; page aligned, once */
status_t vmo_new_frames(struct pool *pool, uint64_t phys, uint64_t npages, struct vmo **out);
/* the frame of a page, with a reference; NULL: a hole (reads as zeros).  Not beyond the end. */
struct frame *vmo_peek(struct vmo *v, uint64_t page);
/* the same, filled with zeros if it was a hole and made the vmo's alone if it is shared (for writing).
 * E_NOMEM; E_OVERFLOW beyond the end; E_NOSPACE from a pager. */
status_t vmo_page(struct vmo *v, uint64_t page, bool write, struct pool *payer, struct frame **out);
status_t vmo_set_size(struct vmo *v, uint64_t size);	/* shrinking zaps mappings before frames are freed, zeroes the tail */
status_t vmo_allocate(struct vmo *v, uint64_t offset, uint64_t end, struct pool *payer);
status_t vmo_zero_range(struct vmo *v, uint64_t offset, uint64_t len);
/* plain copies between kernel memory and a vmo; size is checked: short counts at the end */
int64_t vmo_copy_out(struct vmo *v, uint64_t offset, void *to, uint64_t len);
int64_t vmo_copy_in(struct vmo *v, uint64_t offset, const void *from, uint64_t len);
/* to/from user memory: faults are brought in with no lock held; partial counts before a fault */
int64_t vmo_read_user(struct vmo *v, uint64_t offset, uint64_t user, uint64_t len);
int64_t vmo_write_user(struct vmo *v, uint64_t offset, uint64_t user, uint64_t len);
/* the same, beyond the end: the size grows with each page that is written; does not wait for a pager: E_AGAIN */
int64_t vmo_extend_user(struct vmo *v, uint64_t offset, uint64_t user, uint64_t len, struct pool *payer);
/* first offset >= offset of data / of a hole (the end counts as one); E_OVERFLOW at or beyond the end */
int64_t vmo_seek_data(struct vmo *v, uint64_t offset);
int64_t vmo_seek_hole(struct vmo *v, uint64_t offset);
uint64_t vmo_size(struct vmo *v);
status_t vmo_share(struct vmo *to, uint64_t to_offset, struct vmo *from, uint64_t from_offset, uint64_t len);
status_t vmo_clone_range(struct vmo *v, uint64_t offset, uint64_t len, struct pool *pool, struct vmo **out);

/* --- contents (content.c): what a file is to the kernel ----------------------------------------------- */
struct content {
	struct object object;		/* lock: attributes; vmo->size is the file's, changed by `writer` alone */
	struct vmo *vmo;
	uint64_t told;			/* TELL_ events that came since the server was told last; atomic */
	struct endpoint *server;	/* whom to tell; holds a reference; pager_lock guards the two */
	struct notice tells;		/* keeps nothing: withdrawn when the content ends */
	struct thread *writer;		/* the sleeping write lock: holder, or NULL */
	struct waitqueue write_waiters;
	uint64_t atime_ns, mtime_ns, ctime_ns;
	uint32_t tell, seals;
	int32_t deny_write, writers;
	uint8_t record[ATTR_RECORD];
};
status_t content_new(struct pool *pool, uint64_t size, struct content **out);
/* one request of a read or write; offset ~0 on write: append.  *end: the offset after it. */
int64_t content_read(struct content *c, uint64_t offset, uint64_t user, uint64_t len);
int64_t content_write(struct content *c, uint64_t offset, uint64_t user, uint64_t len, uint64_t ceiling,
		      uint64_t *end);
status_t content_open_check(struct content *c, uint32_t desc_flags);	/* E_TXTBUSY; counts writers */
void content_close(struct content *c, uint32_t desc_flags);
void content_fill_attr(struct content *c, struct content_attr *a);
status_t content_resize(struct content *c, uint64_t size, uint64_t ceiling);
status_t content_allocate(struct content *c, uint64_t offset, uint64_t end, uint64_t ceiling);
status_t content_punch(struct content *c, uint64_t offset, uint64_t len);	/* zero a range, drop its frames */

uint64_t content_told_take(struct notice *tells);	/* which events a NOTICE_TELL speaks of; endpoint.lock is held */
void content_tell(struct content *c, uint32_t what);	/* TELL_ events have come; no lock that bars endpoint.lock */

/* --- pagers (pager.c): who supplies and backs the pages of contents ------------------------------------ */
extern struct spinlock pager_lock;
struct pager {
	struct object object;
	struct endpoint *endpoint;	/* whom to ask; holds a reference; NULL: destroyed.  pager_lock guards all */
	struct notice ask;		/* NOTICE_PAGE; keeps nothing: withdrawn when the pager ends */
	uint64_t generation;		/* of servers */
	struct tree contents;		/* struct paged by key */
	struct list asking;		/* struct page_wait that no server has taken yet, oldest first */
};
struct paged {				/* a content's side; lives as long as its vmo */
	struct tree_node node;		/* key: how the server knows it; in pager->contents */
	struct pager *pager;		/* NULL: destroyed, or the content has ended; pager_lock, as the above */
	struct content *content;	/* weak */
	struct waitqueue waiters;	/* of struct page_wait; pager_lock */
	struct tree backed;		/* ranges of pages; vmo.lock guards the rest */
	uint64_t ndirty;
	bool held;			/* the pager has a reference of the content, because pages are dirty */
};
status_t pager_new(struct pool *pool, struct endpoint *e, uint64_t badge, struct pager **out);
uint64_t pager_attach(struct pager *p, struct endpoint *e, uint64_t badge);
void pager_end(struct pager *p);
status_t pager_content_new(struct pager *p, struct pool *pool, uint64_t size, uint64_t key, struct content **out);
status_t pager_content_find(struct pager *p, uint64_t *key, bool next, struct content **out);
status_t pager_request_take(struct pager *p, struct pager_request *out);
status_t pager_supply(struct content *c, uint64_t page, struct vmo *from, uint64_t from_page, uint64_t npages);
status_t pager_refuse(struct content *c, uint64_t page, uint64_t npages, uint32_t wants, status_t error);
status_t pager_mark(struct content *c, uint64_t page, uint64_t npages, uint32_t state);
status_t pager_dirty(struct content *c, uint64_t page, uint64_t *first, uint64_t *npages);

/* --- address spaces (vspace.c, fault.c, clone.c) -------------------------------------------------------- */
enum mapping_kind { MAPPING_ANON, MAPPING_OBJECT, MAPPING_UTCB };
struct mapping {
	struct tree_node node;		/* key: start */
	uint64_t end;
	uint64_t flags;			/* MAP_* of abi/native.h: prot, max prot, shared, growsdown, inherit, tag */
	enum mapping_kind kind;
	struct vmo *vmo;		/* holds a reference; NULL: anonymous private */
	uint64_t offset;
	uint64_t cookie;		/* of the Descriptor it came from, and that one's endpoint's koid */
	uint64_t cookie_endpoint;
	struct content *content;	/* holds a reference; for deny-write and tells */
	struct vspace *vspace;		/* NULL: not a mapping but a walker's mark in vmo->mappings */
	struct list vmo_link;
	struct lease *lease;		/* of the capability it was made through; holds a reference */
};
struct vspace {
	struct object object;		/* lock: tree, page tables */
	struct tree mappings;
	struct mapping *last;		/* what the last look-up found */
	uint32_t nmappings;
	struct arch_vspace arch;	/* top table, mask of CPUs that have it loaded */
	uint64_t lo, hi;		/* unplaced mappings */
	uint64_t free_hint;		/* no page of [free_hint, hi) is free: searches start below */
	uint64_t mapped_pages, resident_pages, limit_pages;	/* limit: CEILING_ADDRESS_SPACE */
	struct list all_link;		/* of every vspace, for vspace_end_lease */
};
void mm_init(void);			/* frames, root_pool, kernel_vspace: first thing at boot */
status_t vspace_new(struct pool *pool, uint64_t lo, uint64_t hi, struct vspace **out);
/* map a kernel-made vmo for a task being built by the kernel (init) */
status_t vspace_map_vmo(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags, struct vmo *v,
			uint64_t offset);
status_t vspace_map_anon(struct vspace *vs, uint64_t addr, uint64_t len, uint64_t flags);
/* put a thread's utcb frame at its block; clone leaves utcbs out: each thread is made with its own */
status_t vspace_map_utcb(struct vspace *vs, uint64_t addr, struct frame *f);
void vspace_unmap_utcb(struct vspace *vs, uint64_t addr, const struct frame *f);
status_t vspace_unmap(struct vspace *vs, uint64_t addr, uint64_t len);
void vspace_end_lease(struct lease *l);	/* unmap what was mapped through it, everywhere; no lock held */
void vspace_end_lease_in(struct vspace *vs, const struct lease *l);
/* A page fault of the current thread at user address addr.  0: resolved; else FAULT_* or E_NOMEM. */
status_t vspace_fault(struct vspace *vs, uint64_t addr, uint32_t prot);
/* what a futex word is keyed by: shared vmo (with a reference) and offset, or the vspace and address */
struct futex_key { struct object *object; uint64_t offset; };
status_t vspace_futex_key(struct vspace *vs, uint64_t addr, bool private, struct futex_key *out);
static inline void vspace_futex_key_put(struct futex_key *k) { object_put(k->object); }
/* remove the entries that show pages of the vmo, everywhere; no lock held */
void vspace_zap_vmo(struct vmo *v, uint64_t first_page, uint64_t npages);
void vspace_zap_beyond(struct vmo *v, uint64_t first_page);	/* truncation: private copies go, too */
status_t vspace_clone_for(struct vspace *vs, struct pool *pool, struct thread *keep, struct vspace **out);
/* resident pages only; E_AGAIN where one is not there */
int64_t vspace_peek(struct vspace *vs, uint64_t addr, void *to, uint64_t len);
int64_t vspace_poke(struct vspace *vs, uint64_t addr, const void *from, uint64_t len);
void vspace_switch(struct vspace *vs);		/* load it on this CPU (scheduler) */
extern struct vspace kernel_vspace;

/* --- user memory (usercopy.c, arch): addresses of the current thread ------------------------------------ */
/* E_FAULT.  These may sleep: no lock may be held. */
status_t user_copy_in(void *to, uint64_t from, size_t len);
status_t user_copy_out(uint64_t to, const void *from, size_t len);
status_t user_clear(uint64_t to, size_t len);
/* never sleep, never resolve a fault: how many bytes were copied; the range must be user_range_ok */
size_t user_copy_in_nofault(void *to, uint64_t from, size_t len);
size_t user_copy_out_nofault(uint64_t to, const void *from, size_t len);
size_t user_clear_nofault(uint64_t to, size_t len);
status_t user_cas_u32_nofault(uint64_t addr, uint32_t old, uint32_t new, uint32_t *was);
status_t user_read_u32_nofault(uint64_t addr, uint32_t *value);
/* Bring pages in after a nofault copy fell short; no lock held.  E_FAULT if the first is not to be had;
 * 0: try again. */
status_t user_fault_in(uint64_t addr, size_t len, bool write);
static inline bool user_range_ok(uint64_t addr, uint64_t len)
{
	return len <= USER_TOP && addr <= USER_TOP - len;	/* one comparison where len is known */
}

#endif
