/*
 * pool_test.c -- quotas, and the small memory charged to them.
 */
#include "host.h"
#include <stdlib.h>

static void nested(void)
{
	struct pool *a, *b, *c;
	uint64_t root = root_pool->used;

	CHECK(pool_new(root_pool, 10000, &a) == 0 && pool_new(a, 5000, &b) == 0 && pool_new(b, 100000, &c) == 0);
	uint64_t base_a = a->used, base_b = b->used;

	CHECK(pool_charge(c, 3000) == 0);
	CHECK(c->used == 3000 && b->used == base_b + 3000 && a->used == base_a + 3000);
	CHECK(pool_charge(c, 3000) == E_NOMEM);		/* b's limit */
	CHECK(c->used == 3000 && b->used == base_b + 3000 && a->used == base_a + 3000);
	CHECK(pool_charge(a, 5000) == 0 && pool_charge(c, 1900) == E_NOMEM);	/* a's limit */
	CHECK(c->used == 3000 && a->peak >= a->used);
	pool_uncharge(a, 5000);
	pool_uncharge(c, 3000);
	object_put(&c->object);
	object_put(&b->object);
	object_put(&a->object);
	CHECK(root_pool->used == root);
}

static void exact(void)
{
	struct pool *p;

	CHECK(pool_new(root_pool, 1000, &p) == 0);
	void *m = kmem_alloc(p, 600);

	CHECK(m && p->used == 820 && !kmem_alloc(p, 150) && p->used == 820);	/* a fifth of a frame, and a 21st */
	kmem_free(p, m, 600);
	CHECK(p->used == 0);
	object_put(&p->object);
}

/* The last part below a limit is for one pool below, and for what is below that. */
static void reserve(void)
{
	struct pool *all, *hog, *shell, *child;

	CHECK(pool_new(root_pool, 100000, &all) == 0 && pool_new(all, ~0ull, &hog) == 0);
	CHECK(pool_new(all, ~0ull, &shell) == 0 && pool_new(shell, ~0ull, &child) == 0);
	CHECK(pool_set_reserve(all, 20000, shell) == 0);
	CHECK(pool_charge(hog, 79000) == 0 && pool_charge(hog, 2000) == E_NOMEM && pool_charge(all, 2000) == E_NOMEM);
	CHECK(pool_charge(shell, 9000) == 0 && pool_charge(child, 9000) == 0 && pool_charge(shell, 9000) == E_NOMEM);
	CHECK(pool_set_reserve(all, 20000, hog) == 0 && pool_charge(child, 100) == E_NOMEM && pool_charge(hog, 100) == 0);
	CHECK(pool_set_reserve(all, 0, NULL) == 0 && pool_charge(child, 100) == 0);
	CHECK(pool_set_reserve(shell, 0, hog) == E_INVAL && pool_set_reserve(shell, 0, shell) == E_INVAL);
	pool_uncharge(hog, 79100);
	pool_uncharge(shell, 9000);
	pool_uncharge(child, 9100);
	pool_set_limit(all, 0);
	CHECK(pool_set_reserve(all, 20000, shell) == 0 && pool_charge(shell, 1) == E_NOMEM);
	object_put(&child->object);
	object_put(&shell->object);
	object_put(&hog->object);
	object_put(&all->object);
}

/* A process ends, what it paid for is still used: it counts above, and goes when it goes. */
static void survivor(void)
{
	struct pool *user, *process;
	struct frame *f;
	uint64_t before = root_pool->used, base;

	CHECK(pool_new(root_pool, ~0ull >> 1, &user) == 0);
	base = user->used;
	CHECK(pool_new(user, ~0ull >> 1, &process) == 0);
	f = frame_alloc(process);
	object_put(&process->object);
	CHECK(user->used >= base + PAGE_SIZE && object_counts[OBJ_POOL] == 3);
	frame_put(f);
	CHECK(user->used == base && object_counts[OBJ_POOL] == 2);
	f = frame_alloc(user);
	CHECK(frame_recharge(f, root_pool) == 0 && user->used == base);
	frame_put(f);
	object_put(&user->object);
	CHECK(root_pool->used == before);
}

struct item { unsigned char *p; size_t size; unsigned char mark; };

static void item_make(struct item *it, int i)
{
	it->size = (size_t)(rand() % 4) ? 1 + (size_t)(rand() % 600) : 1 + (size_t)(rand() % 9000);
	it->mark = (unsigned char)i;
	it->p = kmem_alloc(NULL, it->size);
	CHECK(it->p && ((uint64_t)it->p & 15) == 0);
	for (size_t k = 0; it->p && k < it->size; k++)
		CHECK(it->p[k] == 0);
	memset(it->p, it->mark, it->size);
}

static void item_drop(struct item *it)
{
	for (size_t k = 0; k < it->size; k++)
		CHECK(it->p[k] == it->mark);
	kmem_free(NULL, it->p, it->size);
	it->p = NULL;
}

static void random_use(void)
{
	static struct item items[400];
	uint64_t before = host_free_pages();

	for (int i = 0; i < 20000; i++) {
		struct item *it = &items[rand() % 400];

		if (it->p)
			item_drop(it);
		else
			item_make(it, i);
	}
	for (int i = 0; i < 400; i++)
		if (items[i].p)
			item_drop(&items[i]);
	CHECK(host_free_pages() + 100 > before);	/* what the CPU's lists keep */
	CHECK(kmem_used_bytes() < 100 * PAGE_SIZE);
}

static void hog(void)
{
	static void *all[40000];
	uint64_t before = host_free_pages();
	unsigned n = 0;

	while (n < 40000 && (all[n] = kmem_alloc(NULL, 192)))
		n++;
	CHECK(n > 10000);
	while (n)
		kmem_free(NULL, all[--n], 192);
	CHECK(host_free_pages() + 20 > before);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a charge counts in every pool above, or in none", nested },
		{ "kernel memory is charged exactly and given back", exact },
		{ "a reserve is for one pool and those below it alone", reserve },
		{ "what outlives a process counts in the pool above", survivor },
		{ "kernel memory is zeroed, aligned and never handed out twice", random_use },
		{ "slabs go back to the frames when their objects are freed", hog },
	};

	host_init();
	return tap_run(cases, ARRAY_SIZE(cases));
}
