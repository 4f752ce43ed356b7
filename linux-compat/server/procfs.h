/*
 * procfs.h -- what the files of /proc share (private to them).
 */
#ifndef LINUX_SERVER_PROCFS_H
#define LINUX_SERVER_PROCFS_H

#include "vfs.h"

#define PROC_TICK_NS	10000000ull	/* USER_HZ is 100 */
#define PROC_PID_POS	(1u << 20)	/* file positions of the processes in /proc */

struct super *proc_super(void);
struct dentry *proc_pid_lookup(struct dentry *dir, const char *name, uint32_t len, int *error);
bool proc_number(const char *name, uint32_t len, uint32_t *out);
uint64_t proc_pid_ino(uint32_t pid, uint32_t kind);
extern const struct pseudo_node proc_system_nodes[];
extern const uint32_t proc_system_count;

#endif
