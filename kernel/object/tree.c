/*
 * tree.c -- an ordered tree (treap) linked through its nodes.
 *
 * Owns:    nothing; the caller owns nodes and lock.
 * Fails:   never; nothing is allocated.
 * Tested:  kernel/test/tree_test.c
 */
#include "kernel.h"
#include "tree.h"

/*
 * A priority nobody outside can choose: keys come from user space, so it must not be a function of
 * the key alone.  The node's address and a running state make it differ each time.
 */
static uint32_t weight_next(const struct tree_node *n)
{
	static uint64_t state = 0x9e3779b97f4a7c15ull;	/* races only add noise */
	uint64_t x = state + ((uint64_t)n >> 4) + n->key;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	state = x | 1;
	return (uint32_t)(x >> 24);
}

/* Let `to` hang where `from` hung. */
static void child_replace(struct tree *t, struct tree_node *parent, struct tree_node *from, struct tree_node *to)
{
	if (!parent)
		t->root = to;
	else if (parent->left == from)
		parent->left = to;
	else
		parent->right = to;
	if (to)
		to->parent = parent;
}

/* Lift n above its parent, keeping the order of keys. */
static void rotate_up(struct tree *t, struct tree_node *n)
{
	struct tree_node *p = n->parent, *inner;

	child_replace(t, p->parent, p, n);
	if (p->left == n) {
		inner = n->right;
		n->right = p;
		p->left = inner;
	} else {
		inner = n->left;
		n->left = p;
		p->right = inner;
	}
	p->parent = n;
	if (inner)
		inner->parent = p;
}

void tree_insert(struct tree *t, struct tree_node *n)
{
	struct tree_node **at = &t->root, *parent = NULL;

	while (*at) {
		parent = *at;
		at = n->key < parent->key ? &parent->left : &parent->right;
	}
	n->parent = parent;
	n->left = n->right = NULL;
	n->weight = weight_next(n);
	*at = n;
	while (n->parent && n->parent->weight < n->weight)
		rotate_up(t, n);
}

void tree_remove(struct tree *t, struct tree_node *n)
{
	while (n->left && n->right)
		rotate_up(t, n->left->weight > n->right->weight ? n->left : n->right);
	child_replace(t, n->parent, n, n->left ? n->left : n->right);
	n->parent = n->left = n->right = NULL;
}

static struct tree_node *leftmost(struct tree_node *n)
{
	while (n && n->left)
		n = n->left;
	return n;
}

static struct tree_node *rightmost(struct tree_node *n)
{
	while (n && n->right)
		n = n->right;
	return n;
}

struct tree_node *tree_first(const struct tree *t) { return leftmost(t->root); }
struct tree_node *tree_last(const struct tree *t) { return rightmost(t->root); }

struct tree_node *tree_next(const struct tree_node *n)
{
	if (n->right)
		return leftmost(n->right);
	while (n->parent && n->parent->right == n)
		n = n->parent;
	return n->parent;
}

struct tree_node *tree_prev(const struct tree_node *n)
{
	if (n->left)
		return rightmost(n->left);
	while (n->parent && n->parent->left == n)
		n = n->parent;
	return n->parent;
}

/* The greatest key <= key; of equal ones the last inserted. */
struct tree_node *tree_at_most(const struct tree *t, uint64_t key)
{
	struct tree_node *n = t->root, *best = NULL;

	while (n) {
		if (n->key <= key) {
			best = n;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

/* The least key >= key; of equal ones the first inserted. */
struct tree_node *tree_at_least(const struct tree *t, uint64_t key)
{
	struct tree_node *n = t->root, *best = NULL;

	while (n) {
		if (n->key >= key) {
			best = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}
