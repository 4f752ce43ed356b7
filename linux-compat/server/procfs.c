/*
 * procfs.c -- /proc: its root directory, self, and the one super that all mounts of it share.
 *
 * Tested:  test/vfs_test.c
 */
#include "procfs.h"

#define PROC_MAGIC 0x9fa0u

static struct super *the_proc;

bool proc_number(const char *name, uint32_t len, uint32_t *out)
{
	uint32_t value = 0;

	if (len == 0 || len > 9 || (name[0] == '0' && len > 1))
		return false;
	for (uint32_t n = 0; n < len; n++) {
		if (name[n] < '0' || name[n] > '9')
			return false;
		value = value * 10 + (uint32_t)(name[n] - '0');
	}
	*out = value;
	return true;
}

uint64_t proc_pid_ino(uint32_t pid, uint32_t kind)
{
	return (uint64_t)pid << 20 | 1u << 19 | kind;
}

static void root_readdir(struct dentry *dir, uint64_t pos, struct dirent_out *out)
{
	struct process *p;
	uint32_t pid = pos > PROC_PID_POS ? (uint32_t)(pos - PROC_PID_POS) : 0;

	if (pos < PROC_PID_POS)
		readdir_children(dir, pos, out);
	for (p = process_next(pid); p; p = process_next(pid)) {
		char name[16];

		pid = process_pid(p);
		if (!dirent_emit(out, proc_pid_ino(pid, 0), DT_DIR, name,
			(uint32_t)snprintf(name, sizeof(name), "%u", pid), PROC_PID_POS + pid))
			return;
	}
}

static int self_text(const struct inode *i, struct process *who, char *buf, uint32_t len)
{
	(void)i;
	return snprintf(buf, len, "%u", process_pid(who));
}

static int thread_self_text(const struct inode *i, struct process *who, char *buf, uint32_t len)
{
	(void)i;
	return snprintf(buf, len, "%u/task/%u", process_pid(who), vfs_caller_tid(who));
}

static const struct inode_ops root_ops = { .lookup = proc_pid_lookup, .readdir = root_readdir };
static const struct inode_ops self_ops = { .link_text = self_text };
static const struct inode_ops thread_self_ops = { .link_text = thread_self_text };

static void link_add(struct super *s, const char *name, const struct inode_ops *ops)
{
	struct inode *i = inode_new(s, S_IFLNK | 0777, NULL);
	struct dentry *d = i ? dentry_new(s->root, name, (uint32_t)strlen(name), i) : NULL;

	if (i) {
		i->ops = ops;
		inode_put(i);
	}
	if (d)
		dentry_add(d);
}

struct super *proc_super(void)
{
	struct inode *root;

	if (the_proc)
		return the_proc;
	the_proc = super_new(&proc_type);
	root = the_proc ? inode_new(the_proc, S_IFDIR | 0555, NULL) : NULL;
	if (!root || !dentry_root(the_proc, root)) {
		the_proc = NULL;
		return NULL;
	}
	root->nlink = 2;
	root->ops = &root_ops;
	the_proc->no_make = -ENOENT;
	the_proc->blksize = 1024;
	inode_put(root);
	link_add(the_proc, "self", &self_ops);
	link_add(the_proc, "thread-self", &thread_self_ops);
	if (pseudo_fill(the_proc, proc_system_nodes, proc_system_count) < 0)
		server_log("/proc is incomplete: no memory");
	return the_proc;
}

const struct fs_type proc_type = { "proc", PROC_MAGIC, true, NULL, proc_super };
