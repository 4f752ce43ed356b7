/*
 * frame.c -- physical pages: a buddy allocator under per-CPU stacks of single frames.
 *
 * Owns:    frames[], one struct for each page up to the end of RAM; the free lists.
 * Locks:   frame_lock guards the free lists and the structs of free frames.  A CPU's stack needs none
 *          (interrupts are off).  refs is atomic; who brings it to 0 owns the frame.
 * Fails:   NULL when there is no memory or the pool's quota is used up.
 * Tested:  kernel/test/frame_test.c
 */
#include "mm.h"
#include "boot.h"
#include "thread.h"

#define ORDERS 11			/* blocks of 1 .. 1024 pages */
#define NONE 0xffffffffu
#define CACHE_FRAMES 256		/* so that fork and exit need the lists seldom */
#define CACHE_BATCH_ORDER 5
#define ORDER_SHIFT 8

struct frame *frames;
uint64_t frames_count;
static struct spinlock frame_lock = SPINLOCK(RANK_FRAME);
static uint32_t free_heads[ORDERS] = { [0 ... ORDERS - 1] = NONE };	/* page number of the first block */
static uint64_t free_pages;		/* in the lists */
static uint64_t total_pages;
static struct cache {
	uint32_t count;
	struct frame *stack[CACHE_FRAMES];
} __attribute__((aligned(64))) caches[CPUS_MAX];

/* --- the buddy lists: frame_lock is held ---------------------------------------------------------- */

static void block_push(uint32_t page, uint32_t order)
{
	struct frame *f = &frames[page];

	f->flags = FRAME_FREE | order << ORDER_SHIFT;
	f->prev = NONE;
	f->next = free_heads[order];
	if (f->next != NONE)
		frames[f->next].prev = page;
	free_heads[order] = page;
}

static void block_remove(uint32_t page, uint32_t order)
{
	struct frame *f = &frames[page];

	if (f->prev != NONE)
		frames[f->prev].next = f->next;
	else
		free_heads[order] = f->next;
	if (f->next != NONE)
		frames[f->next].prev = f->prev;
	f->flags = 0;
}

/* Give a block back, joined with its free buddies. */
static void block_free(uint32_t page, uint32_t order)
{
	free_pages += 1ull << order;
	for (; order < ORDERS - 1; order++) {
		uint32_t buddy = page ^ (1u << order);

		if (buddy + (1ull << order) > frames_count ||
		    frames[buddy].flags != (FRAME_FREE | order << ORDER_SHIFT))
			break;
		block_remove(buddy, order);
		page &= ~(1u << order);
	}
	block_push(page, order);
}

/* A block of 1 << order pages, split off the smallest that serves; NONE. */
static uint32_t block_alloc(uint32_t order)
{
	uint32_t o = order, page;

	while (o < ORDERS && free_heads[o] == NONE)
		o++;
	if (o == ORDERS)
		return NONE;
	page = free_heads[o];
	block_remove(page, o);
	while (o-- > order)
		block_push(page + (1u << o), o);
	free_pages -= 1ull << order;
	return page;
}

/* --- a CPU's stack ---------------------------------------------------------------------------------- */

/* Crumbs first, then a block, then whatever there is: who needs a run shall find one. */
static bool cache_refill(struct cache *c)
{
	const uint32_t batch = 1u << CACHE_BATCH_ORDER;
	uint32_t page = NONE;

	spin_lock(&frame_lock);
	while (c->count < batch && free_heads[0] != NONE)
		c->stack[c->count++] = &frames[block_alloc(0)];
	if (!c->count)
		page = block_alloc(CACHE_BATCH_ORDER);
	for (uint32_t i = batch; page != NONE && i-- > 0; )
		c->stack[c->count++] = &frames[page + i];
	while (c->count < batch && (page = block_alloc(0)) != NONE)
		c->stack[c->count++] = &frames[page];
	spin_unlock(&frame_lock);
	return c->count > 0;
}

static void cache_spill(struct cache *c, uint32_t keep)
{
	spin_lock(&frame_lock);
	while (c->count > keep)
		block_free((uint32_t)(c->stack[--c->count] - frames), 0);
	spin_unlock(&frame_lock);
}

static void frame_recycle(struct frame *f)
{
	struct cache *c = &caches[cpu_id()];

	KASSERT(!(f->flags & FRAME_FREE));
	if (unlikely(f->flags & FRAME_RESERVED))
		return;			/* the zero page: with 2^32 entries that show it its count has gone round */
	if (unlikely(c->count == CACHE_FRAMES))
		cache_spill(c, CACHE_FRAMES / 2);
	f->flags = 0;
	c->stack[c->count++] = f;
}

/* --- the interface ------------------------------------------------------------------------------------ */

/* A frame with one reference, charged to pool (NULL: nobody).  Its content is whatever was there. */
struct frame *frame_alloc(struct pool *pool)
{
	struct cache *c = &caches[cpu_id()];
	struct frame *f;

	if (unlikely(!c->count) && !cache_refill(c))
		return NULL;
	if (pool) {
		if (unlikely(pool_charge(pool, PAGE_SIZE) < 0))
			return NULL;
		object_get(&pool->object);
	}
	f = c->stack[--c->count];
	f->refs = 1;
	f->flags = 0;
	f->pool = pool;
	return f;
}

struct frame *frame_alloc_zero(struct pool *pool)
{
	struct frame *f = frame_alloc(pool);

	if (likely(f))
		memset(frame_virt(f), 0, PAGE_SIZE);
	return f;
}

/* E_NOMEM.  The caller alone holds the frame. */
status_t frame_recharge(struct frame *f, struct pool *pool)
{
	struct pool *former = f->pool;

	if (former == pool)
		return 0;
	REQUIRE(pool_charge(pool, PAGE_SIZE) == 0, E_NOMEM);
	object_get(&pool->object);
	f->pool = pool;
	if (former) {
		pool_uncharge(former, PAGE_SIZE);
		object_put(&former->object);
	}
	return 0;
}

static uint32_t run_take(uint32_t order, uint32_t count)
{
	uint32_t page;

	spin_lock(&frame_lock);
	page = block_alloc(order);
	for (uint32_t i = count; page != NONE && i < 1u << order; i++)
		block_free(page + i, 0);
	spin_unlock(&frame_lock);
	return page;
}

/*
 * `count` frames in a row, each with one reference of its own (they are put one by one).  At most 1024.
 */
struct frame *frames_alloc_run(struct pool *pool, unsigned count)
{
	uint32_t order = 0, page;

	while ((1u << order) < count)
		order++;
	if (count == 0 || order >= ORDERS || (pool && pool_charge(pool, count * PAGE_SIZE) < 0))
		return NULL;
	page = run_take(order, count);
	if (page == NONE) {		/* what this CPU keeps for itself may complete one */
		cache_spill(&caches[cpu_id()], 0);
		page = run_take(order, count);
	}
	if (page == NONE) {
		if (pool)
			pool_uncharge(pool, count * PAGE_SIZE);
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct frame *f = &frames[page + i];

		f->refs = 1;
		f->flags = 0;
		f->pool = pool;
		if (pool)
			object_get(&pool->object);
	}
	return &frames[page];
}

/*
 * Give a run of `count`, a power of two, back whole: by way of a CPU's stack it would come apart, and after a
 * while no thread could be made for want of a kernel stack although there is memory.
 */
void frames_free_run(struct frame *f, unsigned count)
{
	struct pool *pool = f->pool;
	uint32_t order = (uint32_t)__builtin_ctz(count);

	KASSERT(count == 1u << order);
	for (unsigned i = 0; i < count; i++) {
		KASSERT(f[i].refs == 1 && f[i].pool == pool);
		f[i].refs = 0;
		f[i].flags = 0;
		f[i].pool = NULL;
	}
	spin_lock(&frame_lock);
	block_free((uint32_t)(f - frames), order);
	spin_unlock(&frame_lock);
	if (!pool)
		return;
	pool_uncharge(pool, count * PAGE_SIZE);
	if (count > 1)
		KASSERT(atomic_sub(&pool->object.refs, count - 1) != 0);
	object_put(&pool->object);
}

/* The end of a frame whose last reference is gone. */
void frame_free(struct frame *f)
{
	struct pool *pool = f->pool;

	f->pool = NULL;
	frame_recycle(f);
	if (pool) {
		pool_uncharge(pool, PAGE_SIZE);
		object_put(&pool->object);
	}
}

/* Drop a reference; frame_batch_end() must follow before the caller is done. */
void frame_put_batch(struct frame *f, struct frame_batch *b)
{
	struct pool *pool;

	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	pool = f->pool;
	f->pool = NULL;
	frame_recycle(f);
	if (!pool)
		return;
	if (pool != b->pool) {
		frame_batch_end(b);
		b->pool = pool;
	}
	b->count++;
}

void frame_batch_end(struct frame_batch *b)
{
	struct pool *pool = b->pool;

	if (!b->count)
		return;
	pool_uncharge(pool, b->count * PAGE_SIZE);
	if (b->count > 1)
		KASSERT(atomic_sub(&pool->object.refs, b->count - 1) != 0);
	b->count = 0;
	b->pool = NULL;
	object_put(&pool->object);
}

uint64_t frames_free_count(void)
{
	uint64_t n = free_pages;

	for (unsigned i = 0; i < CPUS_MAX; i++)
		n += caches[i].count;
	return n;
}

uint64_t frames_total_count(void) { return total_pages; }

/* --- at boot --------------------------------------------------------------------------------------------- */

#define LOW_MEMORY (1ull << 20)		/* firmware's, and where the other CPUs start */
static struct span { uint64_t start, end; } kept[4];	/* not to be given out; page aligned */

static bool range_usable(unsigned i, uint64_t *start, uint64_t *end)
{
	*start = ALIGN_UP(boot_info.ranges[i].base, PAGE_SIZE);
	*end = ALIGN_DOWN(boot_info.ranges[i].base + boot_info.ranges[i].len, PAGE_SIZE);
	return boot_info.ranges[i].type == 1 && *start < *end;
}

/* The first address >= p that is not kept, and in *stop where the next kept span begins. */
static uint64_t span_skip(uint64_t p, uint64_t *stop)
{
	bool again;

	do {
		again = false;
		for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
			if (p >= kept[i].start && p < kept[i].end) {
				p = kept[i].end;
				again = true;
			}
	} while (again);
	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i].start >= p && kept[i].end > kept[i].start)
			*stop = MIN(*stop, kept[i].start);
	return p;
}

/* Room for the array: in a usable range, clear of everything that is kept. */
static uint64_t array_place(uint64_t bytes)
{
	uint64_t start, end;

	for (unsigned i = 0; i < boot_info.nranges; i++) {
		if (!range_usable(i, &start, &end))
			continue;
		while (start < end) {
			uint64_t stop = end, p = span_skip(start, &stop);

			if (p < stop && stop - p >= bytes)
				return p;
			start = MAX(p, stop);
		}
	}
	panic("no memory for the array of frames");
}

/* Pages [page, end) are free from now on: in the largest blocks that their alignment allows. */
static void range_release(uint64_t page, uint64_t end)
{
	total_pages += end - page;
	while (page < end) {
		uint32_t order = 0;

		while (order < ORDERS - 1 && !(page & (1ull << order)) && page + (2ull << order) <= end)
			order++;
		for (uint64_t i = 0; i < 1ull << order; i++)
			frames[page + i] = (struct frame){ 0 };
		block_free((uint32_t)page, order);
		page += 1ull << order;
	}
}

void frames_init(void)
{
	uint64_t start, end, bytes, place;

	for (unsigned i = 0; i < boot_info.nranges; i++)
		if (range_usable(i, &start, &end))
			frames_count = MAX(frames_count, end >> 12);
	KASSERT(frames_count < NONE);
	kept[0] = (struct span){ 0, LOW_MEMORY };
	kept[1] = (struct span){ ALIGN_DOWN(boot_info.kernel_start, PAGE_SIZE),
				 ALIGN_UP(boot_info.kernel_end, PAGE_SIZE) };
	kept[2] = (struct span){ ALIGN_DOWN(boot_info.archive_phys, PAGE_SIZE),
				 ALIGN_UP(boot_info.archive_phys + boot_info.archive_len, PAGE_SIZE) };
	bytes = ALIGN_UP(frames_count * sizeof(struct frame), PAGE_SIZE);
	place = array_place(bytes);
	kept[3] = (struct span){ place, place + bytes };
	frames = phys_to_virt(place);
	for (uint64_t i = 0; i < frames_count; i++)
		frames[i] = (struct frame){ .refs = 1, .flags = FRAME_RESERVED };
	for (unsigned i = 0; i < boot_info.nranges; i++) {
		if (!range_usable(i, &start, &end))
			continue;
		while (start < end) {
			uint64_t stop = end, p = span_skip(start, &stop);

			if (p < stop)
				range_release(p >> 12, stop >> 12);
			start = MAX(p, stop);
		}
	}
}

bool frames_overlap_ram(uint64_t phys, uint64_t len)
{
	for (unsigned i = 0; i < boot_info.nranges; i++)
		if (boot_info.ranges[i].type == 1 && phys < boot_info.ranges[i].base + boot_info.ranges[i].len &&
		    boot_info.ranges[i].base < phys + len)
			return true;
	return false;
}

void frames_unreserve(uint64_t phys, uint64_t len)
{
	for (uint64_t page = phys >> 12; page < (phys + len) >> 12; page++) {
		KASSERT(page < frames_count && frames[page].flags == FRAME_RESERVED && frames[page].refs == 1);
		frames[page].flags = 0;
		total_pages++;
	}
}
