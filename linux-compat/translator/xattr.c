/*
 * xattr.c -- extended attributes: no file system here keeps any.
 *
 * A file is looked up, so that a wrong path or descriptor says so; then it has no attributes (list) and
 * its file system supports none (the others), as a tmpfs that was built without them.
 *
 * Conforms: getxattr(2), setxattr(2), listxattr(2), removexattr(2).
 * Tested:   tests/linux/files.c
 */
#include "translator.h"

#define NAME_MAX_BYTES	255u
#define XATTR_SIZE_MAX	65536u

enum xattr_op { XATTR_GET, XATTR_SET, XATTR_LIST, XATTR_REMOVE };

static int64_t name_check(uint64_t name)
{
	char text[NAME_MAX_BYTES + 8];
	int64_t n = user_string(text, (const char *)name, NAME_MAX_BYTES + 1);

	return n < 0 ? n : n == 0 || n > NAME_MAX_BYTES ? -ERANGE : 0;
}

static int64_t xattr_path(uint64_t path, uint64_t name, enum xattr_op op, uint64_t flags)
{
	int64_t r = op == XATTR_LIST ? 0 : name_check(name);
	struct ipc_message *m = request(LX_XATTR, op, flags, 0);

	if (r == 0)
		r = request_path(m, path);
	return r < 0 ? r : request_server();
}

static int64_t xattr_file(uint64_t fd, uint64_t name, enum xattr_op op)
{
	int64_t r = op == XATTR_LIST ? 0 : name_check(name);
	struct ipc_message *m = request(LX_XATTR, op, AT_EMPTY_PATH, 0);

	if (r < 0)
		return r;
	m->inline_data[0] = 0;
	m->inline_len = 1;
	r = request_file(fd);
	return r == -ENOTTY ? op == XATTR_LIST ? 0 : -EOPNOTSUPP : r;
}

/* The value is read, as it would be to be kept. */
static int64_t set_check(uint64_t value, uint64_t size, uint64_t flags)
{
	uint8_t piece[256];

	if ((uint32_t)flags > 2)
		return -EINVAL;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	for (uint64_t done = 0; done < size; done += sizeof(piece))
		if (copy_in(piece, value + done, size - done < sizeof(piece) ? size - done : sizeof(piece)))
			return -EFAULT;
	return 0;
}

int64_t sys_getxattr(uint64_t path, uint64_t name) { return xattr_path(path, name, XATTR_GET, 0); }
int64_t sys_listxattr(uint64_t path) { return xattr_path(path, 0, XATTR_LIST, 0); }
int64_t sys_removexattr(uint64_t path, uint64_t name) { return xattr_path(path, name, XATTR_REMOVE, 0); }
int64_t sys_fgetxattr(uint64_t fd, uint64_t name) { return xattr_file(fd, name, XATTR_GET); }
int64_t sys_flistxattr(uint64_t fd) { return xattr_file(fd, 0, XATTR_LIST); }
int64_t sys_fremovexattr(uint64_t fd, uint64_t name) { return xattr_file(fd, name, XATTR_REMOVE); }

int64_t sys_lgetxattr(uint64_t path, uint64_t name)
{
	return xattr_path(path, name, XATTR_GET, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_llistxattr(uint64_t path) { return xattr_path(path, 0, XATTR_LIST, AT_SYMLINK_NOFOLLOW); }

int64_t sys_lremovexattr(uint64_t path, uint64_t name)
{
	return xattr_path(path, name, XATTR_REMOVE, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_setxattr(uint64_t path, uint64_t name, uint64_t value, uint64_t size, uint64_t flags)
{
	int64_t r = set_check(value, size, flags);

	return r < 0 ? r : xattr_path(path, name, XATTR_SET, 0);
}

int64_t sys_lsetxattr(uint64_t path, uint64_t name, uint64_t value, uint64_t size, uint64_t flags)
{
	int64_t r = set_check(value, size, flags);

	return r < 0 ? r : xattr_path(path, name, XATTR_SET, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fsetxattr(uint64_t fd, uint64_t name, uint64_t value, uint64_t size, uint64_t flags)
{
	int64_t r = set_check(value, size, flags);

	return r < 0 ? r : xattr_file(fd, name, XATTR_SET);
}
