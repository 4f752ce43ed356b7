/*
 * devtmpfs.c -- device nodes, the drivers behind them, and the memory devices.
 *
 * Owns:    the one devtmpfs, of which devpts is the folder pts; the table of drivers.  null, zero, full
 *          and random need no driver: their Descriptor's kind tells the kernel all.
 * Fails:   -ENOMEM.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define DEVTMPFS_MAGIC	0x01021994u
#define DEVPTS_MAGIC	0x1cd1u
#define DRIVERS_MAX	64u

static struct super *the_devtmpfs, *the_devpts;
static struct driver { uint32_t major, minor; const struct device_ops *ops; } drivers[DRIVERS_MAX];
static uint32_t ndrivers;

#define MINOR_ANY 0xffffffffu

/* Registers a driver for one device, or with minor ~0 for all of a major that have none of their own. */
void device_register(uint32_t major, uint32_t minor, const struct device_ops *ops)
{
	if (ndrivers == DRIVERS_MAX) {
		server_log("no room for device %u:%u", major, minor);
		return;
	}
	drivers[ndrivers++] = (struct driver){ major, minor, ops };
}

static uint32_t rdev_major(uint32_t rdev)
{
	return rdev >> 8 & 0xfff;
}

static uint32_t rdev_minor(uint32_t rdev)
{
	return (rdev & 0xff) | (rdev >> 12 & ~0xffu);
}

const struct device_ops *device_find(uint32_t rdev)
{
	const struct device_ops *any = NULL;

	for (uint32_t n = 0; n < ndrivers; n++) {
		if (drivers[n].major != rdev_major(rdev))
			continue;
		if (drivers[n].minor == rdev_minor(rdev))
			return drivers[n].ops;
		if (drivers[n].minor == MINOR_ANY)
			any = drivers[n].ops;
	}
	return any;
}

uint32_t device_kernel_kind(uint32_t rdev)
{
	switch (rdev) {
	case MAKEDEV(1, 3): return OBJ_NULL;
	case MAKEDEV(1, 5): return OBJ_ZERO;
	case MAKEDEV(1, 7): return OBJ_FULL;
	case MAKEDEV(1, 8): case MAKEDEV(1, 9): return OBJ_RANDOM;
	default: return 0;
	}
}

static struct dentry *node_make(struct dentry *dir, const char *name, uint32_t len, uint32_t mode, uint32_t rdev)
{
	struct inode *i = inode_new(the_devtmpfs, mode, NULL);
	struct dentry *d = i ? dentry_new(dir, name, len, i) : NULL;

	if (i)
		inode_put(i);
	if (!d)
		return NULL;
	i->rdev = rdev;
	if (S_ISDIR(mode)) {
		i->nlink = 2;
		dir->inode->nlink++;
	}
	dentry_add(d);
	return d;
}

/* The directory of a name like "pts/3", made if it is missing; *name moves to the last part. */
static struct dentry *node_dir(const char **name, bool make)
{
	const char *slash = strchr(*name, '/');
	struct dentry *d;
	uint32_t len;

	if (!slash)
		return the_devtmpfs->root;
	len = (uint32_t)(slash - *name);
	d = dentry_lookup(the_devtmpfs->root, *name, len);
	if (!d && make)
		d = node_make(the_devtmpfs->root, *name, len, S_IFDIR | 0755, 0);
	*name = slash + 1;
	return d && S_ISDIR(d->inode->mode) ? d : NULL;
}

int devtmpfs_make(const char *name, uint32_t mode, uint32_t rdev, uint32_t uid, uint32_t gid)
{
	struct dentry *dir, *d;
	uint32_t len;

	if (!devtmpfs_super())
		return -ENOMEM;
	dir = node_dir(&name, true);
	len = (uint32_t)strlen(name);
	if (!dir)
		return -ENOTDIR;
	if (dentry_lookup(dir, name, len))
		return -EEXIST;
	d = node_make(dir, name, len, mode & S_IFMT ? mode : mode | S_IFCHR, rdev);
	if (!d)
		return -ENOMEM;
	d->inode->uid = uid;
	d->inode->gid = gid;
	return 0;
}

void devtmpfs_remove(const char *name)
{
	struct dentry *dir, *d;
	uint32_t len;

	if (!the_devtmpfs)
		return;
	dir = node_dir(&name, false);
	len = (uint32_t)strlen(name);
	d = dir ? dentry_lookup(dir, name, len) : NULL;
	if (!d || S_ISDIR(d->inode->mode))
		return;
	d->inode->nlink = 0;
	d->inode->gone = true;
	dentry_remove(d);
}

static void link_make(const char *name, const char *target)
{
	struct dentry *d = node_make(the_devtmpfs->root, name, (uint32_t)strlen(name), S_IFLNK | 0777, 0);

	if (!d)
		return;
	d->inode->target = mem_strdup(target);
	d->inode->size = d->inode->target ? strlen(target) : 0;
}

static void nodes_fill(void)
{
	static const struct { const char *name; uint32_t minor; } memory[] = {
		{ "null", 3 }, { "zero", 5 }, { "full", 7 }, { "random", 8 }, { "urandom", 9 },
	};

	for (uint32_t n = 0; n < sizeof(memory) / sizeof(memory[0]); n++)
		devtmpfs_make(memory[n].name, S_IFCHR | 0666, MAKEDEV(1, memory[n].minor), 0, 0);
	node_make(the_devtmpfs->root, "pts", 3, S_IFDIR | 0755, 0);
	node_make(the_devtmpfs->root, "shm", 3, S_IFDIR | S_ISVTX | 0777, 0);
	link_make("fd", "/proc/self/fd");
	link_make("stdin", "/proc/self/fd/0");
	link_make("stdout", "/proc/self/fd/1");
	link_make("stderr", "/proc/self/fd/2");
}

struct super *devtmpfs_super(void)
{
	struct inode *root;

	if (the_devtmpfs)
		return the_devtmpfs;
	the_devtmpfs = super_new(&devtmpfs_type);
	root = the_devtmpfs ? inode_new(the_devtmpfs, S_IFDIR | 0755, NULL) : NULL;
	if (!root || !dentry_root(the_devtmpfs, root)) {
		the_devtmpfs = NULL;
		return NULL;
	}
	root->nlink = 2;
	inode_put(root);
	nodes_fill();
	return the_devtmpfs;
}

/* A super of its own name over the folder pts of devtmpfs, where the ptys' nodes are. */
struct super *devpts_super(void)
{
	struct dentry *pts;

	if (the_devpts)
		return the_devpts;
	if (!devtmpfs_super())
		return NULL;
	pts = dentry_lookup(the_devtmpfs->root, "pts", 3);
	the_devpts = pts ? super_new(&devpts_type) : NULL;
	if (the_devpts) {
		the_devpts->root = dentry_get(pts);
		the_devpts->dev = the_devtmpfs->dev;
	}
	return the_devpts;
}

const struct fs_type devtmpfs_type = { "devtmpfs", DEVTMPFS_MAGIC, true, NULL, devtmpfs_super };
const struct fs_type devpts_type = { "devpts", DEVPTS_MAGIC, true, NULL, devpts_super };
