/*
 * memory.c -- linuxd's allocator: power-of-two and three-quarter size classes cut from chunks, large
 * blocks mapped by themselves.
 *
 * Owns:    every byte that mem_alloc hands out; a 16-byte header before each says how large it is.
 * Fails:   NULL when the pool has no memory; chunks are kept for reuse, large blocks given back.
 * Tested:  by use: tests/linux
 */
#include "process.h"

#define HEADER		16u
#define CHUNK_BYTES	65536u
#define SMALL_MAX	16384u
#define CLASSES		20u
#define MAGIC_USED	0x75736564u
#define MAGIC_FREE	0x66726565u

struct block {
	uint32_t magic;
	uint32_t class;			/* CLASSES: mapped by itself */
	union { struct block *next; uint64_t bytes; };
};
_Static_assert(sizeof(struct block) == HEADER, "what it returns is 16-byte aligned");

static struct block *free_blocks[CLASSES];
static uint8_t *chunk_at, *chunk_end;

/* 32, 48, 64, 96, 128 ...: class 2n is 32 << n, class 2n + 1 half as much again; header included */
static uint32_t class_bytes(uint32_t class)
{
	return (32u << class / 2) + (class & 1 ? 16u << class / 2 : 0);
}

static uint32_t class_of(uint64_t bytes)
{
	uint32_t class = 0;

	if (bytes > 64)
		class = (uint32_t)(63 - __builtin_clzll(bytes - 1) - 5) * 2;
	while (class_bytes(class) < bytes)
		class++;
	return class;
}

void mem_init(void)
{
	chunk_at = chunk_end = NULL;
}

/* Pages that are really there: a failure is seen here and not as a fault later. */
static void *pages_take(uint64_t len)
{
	int64_t at = tess_vspace_map(H_SELF, 0, len, MAP_READ | MAP_WRITE | MAP_POPULATE_ABI, H_NONE, 0);

	return at < 0 ? NULL : (void *)at;
}

/* What the loader mapped for linuxd (data, bss, stack): all of it now. */
void mem_wire(void)
{
	struct mapping_info m;

	for (uint64_t at = 0; tess_vspace_query(H_SELF, at, &m) == 0; at = m.end)
		if (m.flags & MAP_WRITE)
			tess_vspace_advise(H_SELF, m.start, m.end - m.start, ADVISE_POPULATE_WRITE);
}

static struct block *chunk_cut(uint32_t bytes)
{
	struct block *b;

	if ((uint64_t)(chunk_end - chunk_at) < bytes) {
		uint8_t *chunk = pages_take(CHUNK_BYTES);

		if (!chunk)
			return NULL;
		chunk_at = chunk;	/* what was left of the old one is lost: less than a block */
		chunk_end = chunk + CHUNK_BYTES;
	}
	b = (struct block *)chunk_at;
	chunk_at += bytes;
	return b;
}

static void *large_alloc(uint64_t size)
{
	uint64_t bytes = (size + HEADER + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	struct block *b = pages_take(bytes);

	if (!b)
		return NULL;
	b->magic = MAGIC_USED;
	b->class = CLASSES;
	b->bytes = bytes;
	return b + 1;
}

void *mem_alloc(uint64_t size)
{
	struct block *b;
	uint32_t class;

	if (size > SMALL_MAX)
		return size > (1ull << 32) ? NULL : large_alloc(size);
	class = class_of(size + HEADER);
	b = free_blocks[class];
	if (b) {
		free_blocks[class] = b->next;
		memset(b + 1, 0, size);
	} else {
		b = chunk_cut(class_bytes(class));
		if (!b)
			return NULL;
	}
	b->magic = MAGIC_USED;
	b->class = class;
	return b + 1;
}

void mem_free(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (!p)
		return;
	RT_ASSERT(b->magic == MAGIC_USED);
	if (b->class == CLASSES) {
		rt_pages_unmap(b, b->bytes);
		return;
	}
	b->magic = MAGIC_FREE;
	b->next = free_blocks[b->class];
	free_blocks[b->class] = b;
}

char *mem_strdup(const char *s)
{
	uint64_t len = strlen(s) + 1;
	char *copy = mem_alloc(len);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}
