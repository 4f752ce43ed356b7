/*
 * tree_test.c -- the ordered tree against a sorted array.
 */
#include "host.h"
#include <stdlib.h>

#define N 500
static struct tree_node nodes[N];

static void filled(struct tree *t, bool ascending)
{
	t->root = NULL;
	for (unsigned i = 0; i < N; i++) {
		nodes[i].key = ascending ? i * 10 : (uint64_t)(rand() % 1000) * 10;
		tree_insert(t, &nodes[i]);
	}
}

static bool heap_and_parents(const struct tree_node *n, const struct tree_node *parent)
{
	return !n || (n->parent == parent && (!parent || n->weight <= parent->weight) &&
		      heap_and_parents(n->left, n) && heap_and_parents(n->right, n));
}

static unsigned depth(const struct tree_node *n)
{
	unsigned l = n ? depth(n->left) : 0, r = n ? depth(n->right) : 0;

	return n ? 1 + MAX(l, r) : 0;
}

static void in_order(void)
{
	struct tree t;
	unsigned count = 0;
	uint64_t last = 0;

	filled(&t, false);
	for (struct tree_node *n = tree_first(&t); n; n = tree_next(n)) {
		CHECK(n->key >= last);
		last = n->key;
		count++;
	}
	CHECK(count == N && heap_and_parents(t.root, NULL));
	for (struct tree_node *n = tree_last(&t); n; n = tree_prev(n))
		count--;
	CHECK(count == 0);
}

static void searches(void)
{
	struct tree t;

	filled(&t, true);
	for (uint64_t key = 0; key < N * 10; key++) {
		CHECK(tree_at_most(&t, key)->key == key / 10 * 10);
		CHECK(key > (N - 1) * 10 ? !tree_at_least(&t, key) : tree_at_least(&t, key)->key == (key + 9) / 10 * 10);
	}
	CHECK(tree_at_most(&t, ~0ull)->key == (N - 1) * 10);
}

static void shallow(void)
{
	struct tree t;

	filled(&t, true);
	CHECK(depth(t.root) < 40);
}

static void removal(void)
{
	struct tree t;

	filled(&t, false);
	for (unsigned i = 0; i < N; i += 2)
		tree_remove(&t, &nodes[i]);
	CHECK(heap_and_parents(t.root, NULL));
	for (unsigned i = 1; i < N; i += 2)
		tree_remove(&t, &nodes[i]);
	CHECK(!t.root);
}

static void equals(void)
{
	struct tree t = { NULL };

	for (unsigned i = 0; i < 5; i++) {
		nodes[i].key = 7;
		tree_insert(&t, &nodes[i]);
	}
	CHECK(tree_first(&t) == &nodes[0] && tree_last(&t) == &nodes[4]);
	CHECK(tree_at_least(&t, 7) == &nodes[0] && tree_at_most(&t, 7) == &nodes[4]);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "walking visits the nodes in order of their keys", in_order },
		{ "searches find the nearest key below and above", searches },
		{ "ascending keys do not make the tree deep", shallow },
		{ "removal keeps the order and ends empty", removal },
		{ "equal keys stay in order of insertion", equals },
	};

	return tap_run(cases, ARRAY_SIZE(cases));
}
