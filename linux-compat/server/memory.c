/*
 * memory.c -- linuxd's allocator: power-of-two and three-quarter size classes cut from chunks, large
 * blocks mapped by themselves.
 *
 * What a request makes linuxd keep (names, open files, processes, locks, waits, pending signals) is charged to
 * the user who asked, until it is freed by whomever: no ordinary user has more than half of the reserve that
 * main.c keeps for linuxd, all of them together no more than three quarters.  So one gets ENOMEM, and root
 * can log in and clean up.
 *
 * Owns:    every byte that mem_alloc hands out; a 16-byte header before each says how large it is and who pays.
 * Fails:   NULL when the pool has no memory; chunks are kept for reuse, large blocks given back.
 * Tested:  by use: tests/linux
 */
#include "process.h"

#define HEADER		16u
#define CHUNK_BYTES	65536u
#define SMALL_MAX	16384u
#define CLASSES		20u
#define PAYERS		512u
#define PAYER_OTHERS	(PAYERS - 1)	/* share an account when there are more than that */
#define MAGIC_USED	0x75736564u
#define MAGIC_FREE	0x66726565u

struct block {
	uint32_t magic;
	uint16_t class;			/* CLASSES: mapped by itself */
	uint16_t payer;
	union { struct block *next; uint64_t bytes; };
};
_Static_assert(sizeof(struct block) == HEADER, "what it returns is 16-byte aligned");

static struct block *free_blocks[CLASSES];
static uint8_t *chunk_at, *chunk_end;
static struct payer { uint32_t uid, users; uint64_t bytes; } payers[PAYERS];	/* [0]: linuxd itself, and root */
static uint64_t payer_limit = ~0ull, payers_limit = ~0ull, payers_bytes;
uint16_t mem_payer;

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

/* --- who pays ---------------------------------------------------------------------------------------------- */

void mem_reserve(uint64_t bytes)
{
	payer_limit = bytes / 2;
	payers_limit = bytes / 4 * 3;
}

/* The account of a user, to be put back; what it owes keeps it all the same. */
uint16_t mem_payer_get(uint32_t uid)
{
	uint16_t free = PAYER_OTHERS;

	if (uid == 0)
		return 0;
	for (uint16_t i = PAYER_OTHERS - 1; i > 0; i--) {
		if (payers[i].users == 0 && payers[i].bytes == 0) {
			free = i;
		} else if (payers[i].uid == uid) {
			free = i;
			break;
		}
	}
	payers[free].uid = uid;
	payers[free].users++;
	return free;
}

void mem_payer_put(uint16_t payer)
{
	if (payer)
		payers[payer].users--;
}

static bool charge(uint16_t payer, uint64_t bytes)
{
	if (payer == 0)
		return true;
	if (payers[payer].bytes + bytes > payer_limit || payers_bytes + bytes > payers_limit)
		return false;
	payers[payer].bytes += bytes;
	payers_bytes += bytes;
	return true;
}

static void uncharge(uint16_t payer, uint64_t bytes)
{
	if (payer == 0)
		return;
	RT_ASSERT(payers[payer].bytes >= bytes);
	payers[payer].bytes -= bytes;
	payers_bytes -= bytes;
}

/* --- pages and blocks ---------------------------------------------------------------------------------------- */

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
	struct block *b;

	if (!charge(mem_payer, bytes))
		return NULL;
	b = pages_take(bytes);
	if (!b) {
		uncharge(mem_payer, bytes);
		return NULL;
	}
	b->magic = MAGIC_USED;
	b->class = CLASSES;
	b->payer = mem_payer;
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
	if (!charge(mem_payer, class_bytes(class)))
		return NULL;
	b = free_blocks[class];
	if (b) {
		free_blocks[class] = b->next;
		memset(b + 1, 0, size);
	} else {
		b = chunk_cut(class_bytes(class));
		if (!b) {
			uncharge(mem_payer, class_bytes(class));
			return NULL;
		}
	}
	b->magic = MAGIC_USED;
	b->class = (uint16_t)class;
	b->payer = mem_payer;
	return b + 1;
}

void mem_free(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (!p)
		return;
	RT_ASSERT(b->magic == MAGIC_USED);
	uncharge(b->payer, b->class == CLASSES ? b->bytes : class_bytes(b->class));
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
