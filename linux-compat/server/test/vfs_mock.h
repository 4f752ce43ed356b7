/*
 * vfs_mock.h -- a host kernel of a few objects and the other half of linuxd, for the tests of the VFS.
 */
#ifndef VFS_MOCK_H
#define VFS_MOCK_H

#include "../vfs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process {
	uint32_t pid;
	struct cred cred;
	struct fs_view *fs;
	handle_t task;
	struct inode *exe_inode;
};
struct thread { uint32_t tid; };

/* what the last answer was */
struct answer {
	bool given, parked;
	int64_t value;
	uint8_t data[IPC_BULK_MAX];
	uint32_t len;
	handle_t cap;
	struct parked *waiting;
};
extern struct answer answer;		/* to the current request */
extern struct answer parked_answer;	/* to the parked one that was answered last */
extern uint32_t parked_answers;

struct mock_descriptor { bool open; struct descriptor_args args; };
extern int mock_fail_after;		/* allocations until one fails; -1: never */

struct process *mock_process(uint32_t pid, uint32_t uid, uint32_t gid);
void mock_process_end(struct process *p);
int64_t mock_call(struct process *p, handle_t via, uint32_t op, uint64_t w1, uint64_t w2, uint64_t w3,
	const void *payload, uint32_t len);
int64_t mock_call_caps(struct process *p, handle_t via, uint32_t op, uint64_t w1, const void *payload, uint32_t len,
	handle_t cap);
void mock_close(handle_t h);		/* the client's last slot: the close notice is delivered */
const struct mock_descriptor *mock_descriptor(handle_t h);
int64_t mock_content_write(handle_t descriptor, uint64_t offset, const void *data, uint64_t len);
uint64_t mock_content_size(handle_t descriptor);
struct archive mock_archive(const void *data, uint64_t len);
uint32_t mock_objects(void);		/* live ones: leaks show here */
uint64_t mock_bytes(void);		/* live allocations */
const char *mock_log(void);

#endif
