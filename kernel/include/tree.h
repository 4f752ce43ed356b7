/*
 * tree.h -- an ordered, balanced tree linked through its nodes (a treap: the heap order is by a random
 * priority, so the depth is logarithmic whatever the keys are).  Equal keys are kept in order of
 * insertion.  The caller locks.  Written in kernel/object/tree.c.
 */
#ifndef KERNEL_TREE_H
#define KERNEL_TREE_H

#include <stdint.h>
#include <stddef.h>

struct tree_node {
	struct tree_node *parent, *left, *right;
	uint64_t key;
	uint32_t weight;
};
struct tree { struct tree_node *root; };

void tree_insert(struct tree *t, struct tree_node *n);	/* n->key is set */
void tree_remove(struct tree *t, struct tree_node *n);
struct tree_node *tree_first(const struct tree *t);
struct tree_node *tree_last(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *n);
struct tree_node *tree_prev(const struct tree_node *n);
struct tree_node *tree_at_most(const struct tree *t, uint64_t key);	/* greatest key <= key */
struct tree_node *tree_at_least(const struct tree *t, uint64_t key);	/* least key >= key */

#endif
