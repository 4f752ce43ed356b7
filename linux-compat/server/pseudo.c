/*
 * pseudo.c -- trees of made-up files for /proc and /sys: a table of paths becomes inodes and names.
 *
 * A node's contents are a constant or the text of a function; nothing is stored.
 * Fails:   -ENOMEM at start-up.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

int pseudo_text(const struct inode *i, struct process *who, struct text *out)
{
	const struct pseudo_node *node = i->node;

	if (node->value) {
		text_add(out, node->value, (uint32_t)strlen(node->value));
		return 0;
	}
	return node->text ? node->text(i, who, out) : -EINVAL;
}

static int pseudo_write(struct inode *i, struct process *who, const char *data, uint32_t len)
{
	const struct pseudo_node *node = i->node;

	return node->write ? node->write(i, who, data, len) : -EIO;
}

const struct inode_ops pseudo_ops = { .text = pseudo_text, .write = pseudo_write };
const struct inode_ops pseudo_directory_ops = { .valid = NULL };

static struct dentry *pseudo_add(struct super *s, struct dentry *dir, const char *name, uint32_t len,
	const struct pseudo_node *node)
{
	struct inode *i = inode_new(s, node->mode, NULL);
	struct dentry *d;

	if (!i)
		return NULL;
	i->node = node;
	if (S_ISDIR(i->mode)) {
		i->ops = &pseudo_directory_ops;
		i->nlink = 2;
		dir->inode->nlink++;
	} else if (S_ISREG(i->mode)) {
		i->ops = &pseudo_ops;
	} else if (node->value) {
		i->target = mem_strdup(node->value);	/* a plain symbolic link, and a short one */
		i->size = i->target ? strlen(node->value) : 0;
	}
	d = dentry_new(dir, name, len, i);
	inode_put(i);
	if (d)
		dentry_add(d);
	return d;
}

/* Fills a super below its root from a table in which each directory comes before what it holds. */
int pseudo_fill(struct super *s, const struct pseudo_node *nodes, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		const char *name = nodes[n].path, *slash;
		struct dentry *dir = s->root;

		while (dir && (slash = strchr(name, '/'))) {
			uint32_t len = (uint32_t)(slash - name);

			dir = dentry_lookup(dir, name, len);
			name = slash + 1;
		}
		if (!dir || !pseudo_add(s, dir, name, (uint32_t)strlen(name), &nodes[n]))
			return -ENOMEM;
	}
	return 0;
}
