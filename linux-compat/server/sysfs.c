/*
 * sysfs.c -- /sys: the few files that programs size themselves by, and only what is true.
 *
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define SYSFS_MAGIC 0x62656572u

static int cpus_text(const struct inode *i, struct process *who, struct text *out)
{
	struct system_info info;

	(void)i;
	(void)who;
	if (tess_system_query(&info) < 0)
		return -EIO;
	if (info.ncpus > 1)
		text_printf(out, "0-%lu\n", (unsigned long)info.ncpus - 1);
	else
		text_printf(out, "0\n");
	return 0;
}

#define DIR(p) { .path = p, .mode = S_IFDIR | 0755 }
static const struct pseudo_node nodes[] = {
	DIR("block"), DIR("bus"), DIR("class"), DIR("dev"), DIR("devices"), DIR("firmware"), DIR("fs"),
	DIR("kernel"), DIR("module"), DIR("power"),
	DIR("devices/system"),
	DIR("devices/system/cpu"),
	{ .path = "devices/system/cpu/kernel_max", .mode = S_IFREG | 0444, .value = "15\n" },
	{ .path = "devices/system/cpu/offline", .mode = S_IFREG | 0444, .value = "\n" },
	{ .path = "devices/system/cpu/online", .mode = S_IFREG | 0444, .text = cpus_text },
	{ .path = "devices/system/cpu/possible", .mode = S_IFREG | 0444, .text = cpus_text },
	{ .path = "devices/system/cpu/present", .mode = S_IFREG | 0444, .text = cpus_text },
	DIR("kernel/mm"),
};

static struct super *the_sysfs;

static struct super *sysfs_super(void)
{
	struct inode *root;

	if (the_sysfs)
		return the_sysfs;
	the_sysfs = super_new(&sysfs_type);
	root = the_sysfs ? inode_new(the_sysfs, S_IFDIR | 0555, NULL) : NULL;
	if (!root || !dentry_root(the_sysfs, root)) {
		the_sysfs = NULL;
		return NULL;
	}
	root->nlink = 2;
	root->ops = &pseudo_directory_ops;
	the_sysfs->no_make = -EPERM;
	inode_put(root);
	if (pseudo_fill(the_sysfs, nodes, sizeof(nodes) / sizeof(nodes[0])) < 0)
		server_log("/sys is incomplete: no memory");
	return the_sysfs;
}

const struct fs_type sysfs_type = { "sysfs", SYSFS_MAGIC, true, NULL, sysfs_super };
