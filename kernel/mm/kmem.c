/*
 * kmem.c -- small kernel memory: size classes cut from single frames, per-CPU lists in front.
 *
 * Owns:    the slabs.  A slab is a frame with FRAME_SLAB whose flags hold its class, how many of its
 *          objects are out, and the index of its first free object; free objects are linked through
 *          their first word.
 * Locks:   kmem_lock guards the slabs.  A CPU's lists need none (interrupts are off).
 * Fails:   NULL: no frame, or the pool's quota.
 * Tested:  kernel/test/pool_test.c
 */
#include "mm.h"
#include "thread.h"

#define NONE 0xffffffffu
#define CLASSES 12
#define BIG 2048u			/* above: whole frames */
#define FREE_END 255u

static const uint16_t class_sizes[CLASSES] = { 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1360, 2048 };
/* the class of a size, by (size + 31) / 32 */
static uint8_t class_of[BIG / 32 + 1];
static uint16_t class_costs[BIG / 32 + 1];
static bool ready;

struct piece { struct piece *next; };
struct magazine { struct piece *first; uint32_t count; };
static struct magazine magazines[CPUS_MAX][CLASSES];
static struct spinlock kmem_lock = SPINLOCK(RANK_KMEM);
static uint32_t partial[CLASSES] = { [0 ... CLASSES - 1] = NONE };	/* slabs with room */
static uint64_t slab_frames, big_bytes;

/* --- a slab's account in frame.flags: class 8..11, objects out 12..19, first free 24..31 --------------- */
static uint32_t slab_class(const struct frame *f) { return f->flags >> 8 & 15; }
static uint32_t slab_out(const struct frame *f) { return f->flags >> 12 & 255; }
static uint32_t slab_free(const struct frame *f) { return f->flags >> 24; }
static uint32_t slab_room(uint32_t class) { return (uint32_t)PAGE_SIZE / class_sizes[class]; }

static void slab_set(struct frame *f, uint32_t class, uint32_t out, uint32_t first)
{
	f->flags = FRAME_SLAB | class << 8 | out << 12 | first << 24;
}

static void partial_push(struct frame *f, uint32_t class)
{
	f->prev = NONE;
	f->next = partial[class];
	if (f->next != NONE)
		frames[f->next].prev = (uint32_t)(f - frames);
	partial[class] = (uint32_t)(f - frames);
}

static void partial_remove(struct frame *f, uint32_t class)
{
	if (f->prev != NONE)
		frames[f->prev].next = f->next;
	else
		partial[class] = f->next;
	if (f->next != NONE)
		frames[f->next].prev = f->prev;
}

/* The next free index is kept in a free object's first byte. */
static struct frame *slab_new(uint32_t class)
{
	struct frame *f = frame_alloc(NULL);
	uint32_t room = slab_room(class);
	uint8_t *base;

	if (!f)
		return NULL;
	base = frame_virt(f);
	for (uint32_t i = 0; i < room; i++)
		base[i * class_sizes[class]] = (uint8_t)(i + 1 < room ? i + 1 : FREE_END);
	slab_set(f, class, 0, 0);
	partial_push(f, class);
	slab_frames++;
	return f;
}

static void *slab_take(struct frame *f)
{
	uint32_t class = slab_class(f), i = slab_free(f);
	uint8_t *p = (uint8_t *)frame_virt(f) + i * class_sizes[class];

	slab_set(f, class, slab_out(f) + 1, *p);
	if (*p == FREE_END)
		partial_remove(f, class);
	return p;
}

static void slab_give(void *p)
{
	struct frame *f = frame_of_phys(virt_to_phys(p));
	uint32_t class = slab_class(f), out = slab_out(f);
	uint8_t *base = frame_virt(f);

	KASSERT(f->flags & FRAME_SLAB && out > 0);
	if (slab_free(f) == FREE_END)
		partial_push(f, class);
	*(uint8_t *)p = (uint8_t)slab_free(f);
	slab_set(f, class, out - 1, (uint32_t)((uint8_t *)p - base) / class_sizes[class]);
	if (out == 1) {
		partial_remove(f, class);
		slab_frames--;
		f->flags = 0;
		f->pool = NULL;
		frame_put(f);
	}
}

/* --- a CPU's lists --------------------------------------------------------------------------------------- */

static uint32_t batch_of(uint32_t class) { return class_sizes[class] <= 256 ? 16 : 4; }

static bool magazine_refill(struct magazine *m, uint32_t class)
{
	spin_lock(&kmem_lock);
	for (uint32_t n = batch_of(class); n > 0; n--) {
		struct frame *f = partial[class] != NONE ? &frames[partial[class]] : slab_new(class);
		struct piece *p;

		if (!f)
			break;
		p = slab_take(f);
		p->next = m->first;
		m->first = p;
		m->count++;
	}
	spin_unlock(&kmem_lock);
	return m->first != NULL;
}

static void magazine_spill(struct magazine *m, uint32_t class)
{
	spin_lock(&kmem_lock);
	for (uint32_t n = batch_of(class); n > 0; n--) {
		struct piece *p = m->first;

		m->first = p->next;
		m->count--;
		slab_give(p);
	}
	spin_unlock(&kmem_lock);
}

static void classes_init(void)
{
	for (uint32_t i = 0, class = 0; i <= BIG / 32; i++) {
		while (class_sizes[class] < i * 32)
			class++;
		class_of[i] = (uint8_t)class;
		class_costs[i] = (uint16_t)((PAGE_SIZE + slab_room(class) - 1) / slab_room(class));
	}
	ready = true;
}

static void *big_alloc(size_t size)
{
	unsigned count = (unsigned)((size + PAGE_SIZE - 1) >> 12);
	struct frame *f = frames_alloc_run(NULL, count);

	if (!f)
		return NULL;
	atomic_add(&big_bytes, count * PAGE_SIZE);
	return memset(frame_virt(f), 0, count * PAGE_SIZE);
}

static void big_free(void *p, size_t size)
{
	unsigned count = (unsigned)((size + PAGE_SIZE - 1) >> 12);
	struct frame *f = frame_of_phys(virt_to_phys(p));

	atomic_sub(&big_bytes, count * PAGE_SIZE);
	while (count--)
		frame_put(f++);
}

static void *small_alloc(size_t size)
{
	uint32_t class = class_of[(size + 31) / 32];
	struct magazine *m = &magazines[cpu_id()][class];
	struct piece *p;

	if (unlikely(!m->first)) {
		if (!magazine_refill(m, class))
			return NULL;
	}
	p = m->first;
	m->first = p->next;
	m->count--;
	return memset(p, 0, ALIGN_UP(size, 8ul));
}

/* --- the interface ---------------------------------------------------------------------------------------- */

/* What an object of that size takes of the frames, if all its slab is used. */
static uint32_t cost_of(size_t size)
{
	return likely(size <= BIG) ? class_costs[(size + 31) / 32] : (uint32_t)ALIGN_UP(size, PAGE_SIZE);
}

/*
 * Zeroed memory of `size` bytes, aligned to 16 (to a page above 2 KiB; at most 4 MiB then).  The pool, if
 * any, is charged with its share of the frame; give the same pool and size to kmem_free.
 */
void *kmem_alloc(struct pool *pool, size_t size)
{
	void *p;

	KASSERT(size > 0);
	if (unlikely(!ready))
		classes_init();
	if (pool && unlikely(pool_charge(pool, cost_of(size)) < 0))
		return NULL;
	p = likely(size <= BIG) ? small_alloc(size) : big_alloc(size);
	if (unlikely(!p) && pool)
		pool_uncharge(pool, cost_of(size));
	return p;
}

void kmem_free(struct pool *pool, void *p, size_t size)
{
	if (!p)
		return;
	if (pool)
		pool_uncharge(pool, cost_of(size));
	if (size > BIG) {
		big_free(p, size);
	} else {
		uint32_t class = class_of[(size + 31) / 32];
		struct magazine *m = &magazines[cpu_id()][class];
		struct piece *piece = p;

		piece->next = m->first;
		m->first = piece;
		if (++m->count >= 3 * batch_of(class))
			magazine_spill(m, class);
	}
}

uint64_t kmem_used_bytes(void) { return slab_frames * PAGE_SIZE + big_bytes; }
