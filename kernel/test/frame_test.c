/*
 * frame_test.c -- the allocator of physical pages.
 */
#include "host.h"
#include "boot.h"

static void boundaries(void)
{
	CHECK(frames_count == HOST_RAM >> 12);
	CHECK(frames[0].flags == FRAME_RESERVED && frames[0xb8].flags == FRAME_RESERVED);
	CHECK(frames[(1 << 20) >> 12].flags == FRAME_RESERVED);
	CHECK(frames[(2 << 20) >> 12].flags == FRAME_RESERVED);		/* the kernel's last, partial page */
	CHECK(frames[(4 << 20) >> 12].flags == FRAME_RESERVED && frames[((4 << 20) >> 12) + 9].flags == FRAME_RESERVED);
	CHECK(frames_overlap_ram(5 << 20, 4096) && !frames_overlap_ram(HOST_RAM, 1 << 20));
}

static void all_distinct(void)
{
	uint64_t before = host_free_pages(), n = 0;
	struct frame *head = NULL, *f;

	while ((f = frame_alloc(NULL))) {
		CHECK(f->refs == 1 && !(f->flags & FRAME_RESERVED));
		*(struct frame **)frame_virt(f) = head;
		*((uint64_t *)frame_virt(f) + 1) = (uint64_t)f;
		head = f;
		n++;
	}
	CHECK(n == before && host_free_pages() == 0);
	while ((f = head)) {
		head = *(struct frame **)frame_virt(f);
		CHECK(*((uint64_t *)frame_virt(f) + 1) == (uint64_t)f);
		frame_put(f);
	}
	CHECK(host_free_pages() == before);
}

static void runs(void)
{
	uint64_t before = host_free_pages();
	struct frame *f = frames_alloc_run(NULL, 5), *big;

	CHECK(f && f[4].refs == 1 && host_free_pages() == before - 5);
	for (int i = 0; i < 5; i++)
		frame_put(f + i);
	CHECK(!frames_alloc_run(NULL, 0) && !frames_alloc_run(NULL, 1025));
	big = frames_alloc_run(NULL, 1024);	/* only there because buddies were joined again */
	CHECK(big);
	for (int i = 0; big && i < 1024; i++)
		frame_put(big + i);
	CHECK(host_free_pages() == before);
}

/* Every page is out but for runs that come back: as many can be had again, whatever singles do meanwhile. */
static void runs_stay_whole(void)
{
	enum { RUNS = 64 };
	static struct frame *run[RUNS], *single[100000];
	unsigned n = 0;

	for (int i = 0; i < RUNS; i++)
		CHECK((run[i] = frames_alloc_run(root_pool, 4)));
	while (n < ARRAY_SIZE(single) && (single[n] = frame_alloc(NULL)))
		n++;
	for (unsigned i = 0; i < n; i += 2)	/* free memory in crumbs: no two side by side */
		frame_put(single[i]);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < RUNS; i++)
			frames_free_run(run[i], 4);
		for (unsigned i = 0; i < n; i += 2)
			if (i % 20 == 0)
				CHECK((single[i] = frame_alloc(NULL)));
		for (int i = 0; i < RUNS; i++)
			CHECK((run[i] = frames_alloc_run(root_pool, 4)));
		for (unsigned i = 0; i < n; i += 2)
			if (i % 20 == 0)
				frame_put(single[i]);
	}
	for (int i = 0; i < RUNS; i++)
		frames_free_run(run[i], 4);
	for (unsigned i = 1; i < n; i += 2)
		frame_put(single[i]);
}

static void charging(void)
{
	struct pool *p;
	struct frame *a, *b;

	CHECK(pool_new(root_pool, 2 * PAGE_SIZE, &p) == 0);
	a = frame_alloc_zero(p);
	b = frame_alloc(p);
	CHECK(a && b && p->used == 2 * PAGE_SIZE && !frame_alloc(p) && !frames_alloc_run(p, 1));
	frame_get(a);
	frame_put(a);
	CHECK(p->used == 2 * PAGE_SIZE);
	frame_put(a);
	CHECK(p->used == PAGE_SIZE);
	object_put(&p->object);		/* the frame keeps it alive */
	CHECK(b->pool == p && p->used == PAGE_SIZE);
	frame_put(b);
}

static void batches(void)
{
	uint64_t pools = object_counts[OBJ_POOL];
	struct frame_batch b = { 0 };
	struct frame *f[100];
	struct pool *p[2];

	CHECK(pool_new(root_pool, ~0ull, &p[0]) == 0 && pool_new(p[0], ~0ull, &p[1]) == 0);
	for (int i = 0; i < 100; i++)
		f[i] = frame_alloc(i % 10 == 9 ? NULL : p[i / 30 & 1]);
	for (int i = 0; i < 2; i++)
		object_put(&p[i]->object);
	for (int i = 0; i < 100; i++)
		frame_put_batch(f[i], &b);
	frame_batch_end(&b);
	CHECK(object_counts[OBJ_POOL] == pools);
}

static void unreserve(void)
{
	uint64_t total = frames_total_count(), before = host_free_pages();
	struct vmo *v;

	CHECK(vmo_new_frames(root_pool, boot_info.archive_phys, 10, &v) == 0);
	CHECK(frames_total_count() == total + 10 && v->npages == 10);
	object_put(&v->object);
	CHECK(host_free_pages() >= before + 8);	/* two slabs may have come */
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "the kernel, the archive and what is not RAM are never given out", boundaries },
		{ "every free page is given out once and comes back", all_distinct },
		{ "runs are contiguous and buddies are joined again", runs },
		{ "runs that come back whole can be had again in fragmented memory", runs_stay_whole },
		{ "a frame is charged to its pool until the last reference goes", charging },
		{ "dropping many frames settles each pool's account", batches },
		{ "the archive's pages become free when its vmo dies", unreserve },
	};

	host_init();
	return tap_run(cases, ARRAY_SIZE(cases));
}
