/*
 * fd.c -- calls on open files: read, write, seek, dup, fcntl, sync.  One native call each; where the
 * kernel does not hold the data (E_NOT_HERE), the operation goes to the file's server.
 *
 * Conforms: the man pages of section 2 of the calls' names.
 * Tested:   tests/linux/fd.c, tests/linux/pipe.c
 */
#include "translator.h"

#define FILE_SIZE_MAX	(1ull << 62)	/* no Content is larger */

/* --- errors ------------------------------------------------------------------------------------- */

static int64_t io_error(int64_t status)
{
	switch (status) {
	case E_ACCESS: case E_RIGHTS:
		return -EBADF;		/* not open for that: read(2), write(2) */
	case E_PIPE:
		signal_self(SIGPIPE);
		return -EPIPE;
	case E_FBIG:
		signal_self(SIGXFSZ);
		return -EFBIG;
	default:
		return status_errno(status);
	}
}

/* A size refused by linuxd: RLIMIT_FSIZE speaks by its signal too, what no file may have does not. */
int64_t size_error(int64_t r, uint64_t size)
{
	return r == -EFBIG && size <= FILE_SIZE_MAX ? io_error(E_FBIG) : r;
}

/* --- the file protocol ---------------------------------------------------------------------------- */

int64_t read_file(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	struct ipc_message *m;
	int64_t n;

	if (len == 0)
		return 0;
	do {			/* a long text of /proc is made in pieces, one a request */
		m = request(LX_READ, offset, 0, 0);
		m->bulk_in = buf;
		m->bulk_in_len = len < IPC_BULK_MAX ? len : IPC_BULK_MAX;
		n = request_file(fd);
	} while (n == -LINUX_ASK_AGAIN);
	return n == -ENOTTY ? -EINVAL : n;
}

int64_t write_file(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	struct ipc_message *m = request(LX_WRITE, offset, 0, 0);
	int64_t n;

	if (len <= 512) {
		if (copy_in(m->inline_data, buf, len))
			return -EFAULT;
		m->inline_len = (uint32_t)len;
	} else {
		m->bulk_out = buf;
		m->bulk_out_len = len < IPC_BULK_MAX ? len : IPC_BULK_MAX;
	}
	n = request_file(fd);
	if (n == -EPIPE)
		signal_self(SIGPIPE);
	return n == -ENOTTY ? -EINVAL : n;
}

/* pread(2) of a pipe is ESPIPE, whether it could be read or not. */
static int64_t transfer_error(uint64_t fd, uint64_t offset, int64_t status)
{
	struct handle_info info;

	if (offset != OFFSET_OWN && (status == E_ACCESS || status == E_RIGHTS) && tess_handle_query((handle_t)fd, &info) >= 0 &&
	    info.object_type == OBJ_PIPE)
		return -ESPIPE;
	return io_error(status);
}

static NOINLINE int64_t read_slow(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset, int64_t status)
{
	return status == E_NOT_HERE ? read_file(fd, buf, len, offset) : transfer_error(fd, offset, status);
}

/* A file system's pool is full: for a file that is ENOSPC (write(2) knows no ENOMEM); a pipe's is ENOMEM. */
static int64_t write_no_room(uint64_t fd)
{
	struct handle_info info;

	return tess_handle_query((handle_t)fd, &info) >= 0 && info.object_type == OBJ_CONTENT ? -ENOSPC : -ENOMEM;
}

/* A file server may take less than it is given; a program expects all of it from a file or a tty. */
static NOINLINE int64_t write_slow(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset, int64_t status)
{
	uint64_t done = 0;
	int64_t n;

	if (status == E_NOMEM)
		return write_no_room(fd);
	if (status != E_NOT_HERE)
		return transfer_error(fd, offset, status);
	do {
		n = write_file(fd, buf + done, len - done, offset == OFFSET_OWN ? offset : offset + done);
		if (n <= 0)
			return done ? (int64_t)done : n;
		done += (uint64_t)n;
	} while (done < len && (uint64_t)n == IPC_BULK_MAX);
	return (int64_t)done;
}

/* --- read and write ----------------------------------------------------------------------------------
 *
 * The handlers keep nothing over the native call: what went wrong is done again from the registers that
 * the frame has.  read_at and write_at are for the translator's own loops.
 */

int64_t read_at(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	int64_t n;

	if (fd_bad(fd))
		return -EBADF;
	if ((int64_t)len < 0 || (offset != OFFSET_OWN && (int64_t)offset < 0))
		return -EINVAL;
	if (len > RW_MAX)
		len = RW_MAX;
	n = offset == OFFSET_OWN ? tess_descriptor_read((handle_t)fd, (void *)buf, len, DEADLINE_NEVER) :
		tess_descriptor_read_at((handle_t)fd, (void *)buf, len, offset);
	return n < 0 ? read_slow(fd, buf, len, offset, n) : n;
}

int64_t write_at(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	int64_t n;

	if (fd_bad(fd))
		return -EBADF;
	if ((int64_t)len < 0 || (offset != OFFSET_OWN && (int64_t)offset < 0))
		return -EINVAL;
	if (len > RW_MAX)
		len = RW_MAX;
	n = offset == OFFSET_OWN ? tess_descriptor_write((handle_t)fd, (void *)buf, len, DEADLINE_NEVER) :
		tess_descriptor_write_at((handle_t)fd, (void *)buf, len, offset);
	return n < 0 ? write_slow(fd, buf, len, offset, n) : n;
}

/* After the fast path's native call, or without one (0) when the arguments are unusual. */
static NOINLINE int64_t read_frame(int64_t status)
{
	const struct call_frame *f = self_frame();

	return status < 0 ? read_slow(f->rdi, f->rsi, f->rdx, OFFSET_OWN, status) :
		read_at(f->rdi, f->rsi, f->rdx, OFFSET_OWN);
}

static NOINLINE int64_t write_frame(int64_t status)
{
	const struct call_frame *f = self_frame();

	return status < 0 ? write_slow(f->rdi, f->rsi, f->rdx, OFFSET_OWN, status) :
		write_at(f->rdi, f->rsi, f->rdx, OFFSET_OWN);
}

int64_t sys_read(uint64_t fd, uint64_t buf, uint64_t len)
{
	int64_t n;

	if (unlikely(fd_bad(fd) || len > RW_MAX))
		return read_frame(0);
	n = tess_descriptor_read((handle_t)fd, (void *)buf, len, DEADLINE_NEVER);
	return unlikely(n < 0) ? read_frame(n) : n;
}

int64_t sys_write(uint64_t fd, uint64_t buf, uint64_t len)
{
	int64_t n;

	if (unlikely(fd_bad(fd) || len > RW_MAX))
		return write_frame(0);
	n = tess_descriptor_write((handle_t)fd, (void *)buf, len, DEADLINE_NEVER);
	return unlikely(n < 0) ? write_frame(n) : n;
}

int64_t sys_pread64(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	return unlikely((int64_t)offset < 0) ? -EINVAL : read_at(fd, buf, len, offset);
}

int64_t sys_pwrite64(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset)
{
	return unlikely((int64_t)offset < 0) ? -EINVAL : write_at(fd, buf, len, offset);
}

/* --- vectors -------------------------------------------------------------------------------------------- */

/* readv(2): EINVAL when there are too many or their lengths overflow; the sum otherwise. */
static int64_t iovec_check(uint64_t iov, uint64_t count)
{
	uint64_t sum = 0;

	if (count > IOV_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t len;

		if (user_load64(iov + i * sizeof(struct linux_iovec) + 8, &len))
			return -EFAULT;
		if ((int64_t)len < 0)
			return -EINVAL;
		sum += len < RW_MAX ? len : RW_MAX;
	}
	return (int64_t)(sum < RW_MAX ? sum : RW_MAX);
}

/* One element after the other, until one is not filled. */
static int64_t vector_each(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset, bool write)
{
	int64_t done = 0, n;

	for (uint64_t i = 0; i < count; i++) {
		struct linux_iovec v;
		uint64_t at = offset == OFFSET_OWN ? offset : offset + (uint64_t)done;

		if (copy_in(&v, iov + i * sizeof(v), sizeof(v)))
			return done ? done : -EFAULT;
		if (v.len == 0)
			continue;
		n = write ? write_slow(fd, v.base, v.len, at, E_NOT_HERE) : read_file(fd, v.base, v.len, at);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((uint64_t)n < v.len)
			break;
	}
	return done;
}

/* A short gather write is one request: lines of a terminal stay whole. */
static int64_t writev_file(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset, uint64_t sum)
{
	struct ipc_message *m;
	int64_t n;

	if (sum > IPC_INLINE)
		return vector_each(fd, iov, count, offset, true);
	m = request(LX_WRITE, offset, 0, 0);
	for (uint64_t i = 0; i < count; i++) {
		struct linux_iovec v;

		if (copy_in(&v, iov + i * sizeof(v), sizeof(v)) || v.len > IPC_INLINE - m->inline_len ||
		    copy_in(m->inline_data + m->inline_len, v.base, v.len))
			return -EFAULT;
		m->inline_len += (uint32_t)v.len;
	}
	n = request_file(fd);
	if (n == -EPIPE)
		signal_self(SIGPIPE);
	return n == -ENOTTY ? -EINVAL : n;
}

static int64_t vector(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset, bool write)
{
	int64_t n, sum;

	if (fd_bad(fd))
		return -EBADF;
	sum = iovec_check(iov, count);
	if (sum < 0)
		return sum;
	n = write ? tess_descriptor_writev((handle_t)fd, (void *)iov, count, offset, DEADLINE_NEVER) :
		tess_descriptor_readv((handle_t)fd, (void *)iov, count, offset, DEADLINE_NEVER);
	if (n >= 0)
		return n;
	if (n == E_NOMEM && write)
		return write_no_room(fd);
	if (n != E_NOT_HERE)
		return transfer_error(fd, offset, n);
	return write ? writev_file(fd, iov, count, offset, (uint64_t)sum) : vector_each(fd, iov, count, offset, false);
}

int64_t sys_readv(uint64_t fd, uint64_t iov, uint64_t count)
{
	return vector(fd, iov, count, OFFSET_OWN, false);
}

int64_t sys_writev(uint64_t fd, uint64_t iov, uint64_t count)
{
	return vector(fd, iov, count, OFFSET_OWN, true);
}

int64_t sys_preadv(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset)
{
	return (int64_t)offset < 0 ? -EINVAL : vector(fd, iov, count, offset, false);
}

int64_t sys_pwritev(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset)
{
	return (int64_t)offset < 0 ? -EINVAL : vector(fd, iov, count, offset, true);
}

/* readv(2): offset -1 is the file's own; no flag of RWF_ is supported. */
int64_t sys_preadv2(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags)
{
	(void)high;
	if (flags)
		return -EOPNOTSUPP;
	return (int64_t)offset < -1 ? -EINVAL : vector(fd, iov, count, offset, false);
}

int64_t sys_pwritev2(uint64_t fd, uint64_t iov, uint64_t count, uint64_t offset, uint64_t high, uint64_t flags)
{
	(void)high;
	if (flags)
		return -EOPNOTSUPP;
	return (int64_t)offset < -1 ? -EINVAL : vector(fd, iov, count, offset, true);
}

/* --- position, size ---------------------------------------------------------------------------------------- */

/* The O_ flags of a Descriptor: what the kernel acts on, and the bits it keeps for us. */
static uint32_t flags_to_linux(uint32_t d)
{
	uint32_t o = (d >> DESC_USER_SHIFT & DESC_USER_O_MASK) << DESC_USER_O_SHIFT & ~O_CLOEXEC;

	if ((d & (DESC_READ | DESC_WRITE)) == (DESC_READ | DESC_WRITE))
		o |= O_RDWR;
	else if (d & DESC_WRITE)
		o |= O_WRONLY;
	else if (!(d & DESC_READ) && !(o & O_PATH))
		o |= O_ACCMODE;
	return o | (d & DESC_APPEND ? O_APPEND : 0) | (d & DESC_NONBLOCK ? O_NONBLOCK : 0) |
		(d & DESC_PACKET ? O_DIRECT : 0);
}

static int64_t fd_flags(uint64_t fd)
{
	int64_t d = tess_descriptor_flags((handle_t)fd, 0, 0);

	return d < 0 ? result(d) : (int64_t)flags_to_linux((uint32_t)d);
}

bool is_path_only(uint64_t fd)
{
	int64_t flags = fd_flags(fd);

	return flags >= 0 && flags & O_PATH;
}

int64_t sys_lseek(uint64_t fd, uint64_t offset, uint64_t whence)
{
	int64_t r;

	if (fd_bad(fd))
		return -EBADF;
	if ((uint32_t)whence > 4)
		return fd_flags(fd) < 0 || is_path_only(fd) ? -EBADF : -EINVAL;
	r = tess_descriptor_seek((handle_t)fd, (int64_t)offset, (uint32_t)whence);
	if (r >= 0)
		return r;
	if (r == E_NOT_HERE) {
		request(LX_SEEK, offset, (uint32_t)whence, 0);
		r = request_file(fd);
		return r == -ENOTTY ? -ESPIPE : r;
	}
	if (r == E_NOENT)
		return -ENXIO;		/* SEEK_DATA, SEEK_HOLE beyond the end */
	return r == E_TYPE ? -ESPIPE : result(r);
}

int64_t sys_ftruncate(uint64_t fd, uint64_t size)
{
	int64_t r;

	if ((int64_t)size < 0)
		return -EINVAL;
	if (fd_bad(fd))
		return -EBADF;
	r = tess_descriptor_resize((handle_t)fd, size);
	if (r == E_FBIG)
		return io_error(r);
	if (r == E_ACCESS || r == E_NOT_HERE || r == E_TYPE || r == E_RIGHTS || r == E_SEEK)
		return is_path_only(fd) ? -EBADF : -EINVAL;	/* not open for writing, or nothing with a size */
	return result(r);
}

#define FALLOC_KEEP_SIZE	1u
#define FALLOC_PUNCH_HOLE	2u

int64_t sys_fallocate(uint64_t fd, uint64_t mode, uint64_t offset, uint64_t len)
{
	int64_t r;

	if (fd_bad(fd))
		return -EBADF;
	if ((int64_t)offset < 0 || (int64_t)len <= 0)
		return -EINVAL;
	if ((uint32_t)mode == (FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE)) {
		r = tess_descriptor_punch((handle_t)fd, offset, len);
		return r == E_ACCESS ? -EBADF : r == E_NOT_HERE || r == E_TYPE ? -ENODEV : result(r);
	}
	if (!(uint32_t)mode && offset + len <= FILE_SIZE_MAX) {
		r = tess_descriptor_allocate((handle_t)fd, offset, len);
		if (r != E_NOT_HERE && r != E_TYPE && r != E_INVAL)
			return r == E_FBIG ? io_error(r) : result(r);
	}
	request(LX_FALLOCATE, (uint32_t)mode, offset, len);	/* who will not do it says why */
	r = request_file(fd);
	return r == -ENOTTY ? -ESPIPE : r;
}

static int64_t fd_sync(uint64_t fd, uint64_t data_only)
{
	int64_t r;

	request(LX_FSYNC, data_only, 0, 0);
	r = request_file(fd);
	return r == -ENOTTY ? -EINVAL : r;
}

int64_t sys_fsync(uint64_t fd) { return fd_sync(fd, 0); }
int64_t sys_fdatasync(uint64_t fd) { return fd_sync(fd, 1); }
int64_t sys_sync(void) { return 0; }	/* nothing here is behind a disk: tmpfs */

int64_t sys_syncfs(uint64_t fd)
{
	return fd_bad(fd) ? -EBADF : result(tess_handle_flags((handle_t)fd, 0, 0)) < 0 ? -EBADF : 0;
}

/* sync_file_range(2): nothing is behind a disk; what remains are its checks. */
int64_t sys_sync_file_range(uint64_t fd, uint64_t offset, uint64_t len, uint64_t flags)
{
	struct handle_info info;

	if (fd_bad(fd) || tess_handle_query((handle_t)fd, &info) < 0)
		return -EBADF;
	if ((uint32_t)flags > 7 || (int64_t)offset < 0 || (int64_t)len < 0 || (int64_t)(offset + len) < 0)
		return -EINVAL;
	return info.object_type == OBJ_PIPE ? -ESPIPE : 0;
}

/* Advice is taken or left: only the argument checks of the man page remain. */
int64_t sys_fadvise64(uint64_t fd, uint64_t offset, uint64_t len, uint64_t advice)
{
	struct handle_info info;

	(void)offset;
	if (fd_bad(fd) || tess_handle_query((handle_t)fd, &info) < 0)
		return -EBADF;
	if (info.object_type == OBJ_PIPE)
		return -ESPIPE;
	return (int64_t)len < 0 || (uint32_t)advice > 5 ? -EINVAL : 0;
}

int64_t sys_readahead(uint64_t fd, uint64_t offset, uint64_t count)
{
	struct handle_info info;

	(void)offset;
	(void)count;
	if (fd_bad(fd) || tess_handle_query((handle_t)fd, &info) < 0 || !(info.desc_flags & DESC_READ))
		return -EBADF;
	return info.object_type == OBJ_CONTENT ? 0 : -EINVAL;
}

/* --- descriptors ---------------------------------------------------------------------------------------------- */

/* The process may have POSIX locks on the file of fd, which is about to be closed. */
static NOINLINE void locks_give(uint64_t fd)
{
	request(LX_UNLOCK, 0, 0, 0);
	request_file(fd);
}

static NOINLINE int64_t close_locked(uint64_t fd)
{
	locks_give(fd);
	return result(tess_handle_close((handle_t)fd));
}

int64_t sys_close(uint64_t fd)
{
	if (unlikely(fd_bad(fd)))
		return -EBADF;
	return unlikely(self_state()->posix_locks) ? close_locked(fd) : result(tess_handle_close((handle_t)fd));
}

#define CLOSE_RANGE_UNSHARE	2u
#define CLOSE_RANGE_CLOEXEC	4u
#define SLOTS_LOOKED_AT		4096u	/* /proc/sys/fs/nr_open: there are none above */

int64_t sys_close_range(uint64_t first, uint64_t last, uint64_t flags)
{
	uint32_t lo = (uint32_t)first, hi = (uint32_t)last;

	if (((uint32_t)flags & ~CLOSE_RANGE_CLOEXEC) || lo > hi)
		return -EINVAL;
	if ((int32_t)lo < 0)
		return 0;
	if ((int32_t)hi < 0)
		hi = INT32_MAX;
	if (self_state()->posix_locks && !(flags & CLOSE_RANGE_CLOEXEC))
		for (uint32_t fd = lo; fd <= hi && fd < SLOTS_LOOKED_AT; fd++)
			locks_give(fd);
	return result(tess_handle_close_range(lo, hi, flags & CLOSE_RANGE_CLOEXEC ? SLOT_CLOEXEC : 0));
}

int64_t sys_dup(uint64_t fd)
{
	return fd_bad(fd) ? -EBADF : result(tess_handle_dup((handle_t)fd, 0, 0));
}

static int64_t dup_to(uint64_t fd, uint64_t to, uint64_t flags)
{
	int64_t r;

	if (fd_bad(fd) || fd_bad(to))
		return -EBADF;
	if (unlikely(self_state()->posix_locks) && tess_handle_flags((handle_t)fd, 0, 0) >= 0)
		locks_give(to);
	r = tess_handle_dup_to((handle_t)fd, (uint32_t)to, flags);
	return r == E_LIMIT || r == E_INVAL ? -EBADF : r < 0 ? result(r) : (int64_t)(uint32_t)to;
}

int64_t sys_dup2(uint64_t fd, uint64_t to)
{
	if ((uint32_t)fd != (uint32_t)to)
		return dup_to(fd, to, 0);
	return fd_bad(fd) || tess_handle_flags((handle_t)fd, 0, 0) < 0 ? -EBADF : (int64_t)(uint32_t)fd;
}

int64_t sys_dup3(uint64_t fd, uint64_t to, uint64_t flags)
{
	if (((uint32_t)flags & ~O_CLOEXEC) || (uint32_t)fd == (uint32_t)to)
		return -EINVAL;
	return dup_to(fd, to, flags & O_CLOEXEC ? SLOT_CLOEXEC : 0);
}

int64_t sys_pipe2(uint64_t fds, uint64_t flags)
{
	uint32_t f = (uint32_t)flags;

	if (f & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	return result(tess_pipe_create((f & O_CLOEXEC ? PIPE_CLOEXEC : 0) | (f & O_NONBLOCK ? PIPE_NONBLOCK : 0) |
		(f & O_DIRECT ? PIPE_PACKET : 0), (void *)fds));
}

int64_t sys_pipe(uint64_t fds) { return sys_pipe2(fds, 0); }

/* --- fcntl -------------------------------------------------------------------------------------------------------- */

/* F_SETFL changes these five only; what the kernel does not know, the server must allow. */
static int64_t flags_set(uint64_t fd, uint32_t new)
{
	const uint32_t servers = O_ASYNC | O_DIRECT | O_NOATIME;
	int64_t old = fd_flags(fd), r;
	uint32_t user;

	if (old < 0)
		return old;
	if (old & O_PATH)
		return -EBADF;
	if (((uint32_t)old ^ new) & servers) {
		request(LX_FCNTL, F_SETFL, new, 0);
		r = request_file(fd);
		if (r == -ENOTTY)
			r = new & O_ASYNC ? -EINVAL : 0;
		if (r < 0)
			return r;
	}
	user = (servers >> DESC_USER_O_SHIFT & DESC_USER_O_MASK) << DESC_USER_SHIFT;
	r = tess_descriptor_flags((handle_t)fd, DESC_APPEND | DESC_NONBLOCK | DESC_PACKET | user,
		(new & O_APPEND ? DESC_APPEND : 0) | (new & O_NONBLOCK ? DESC_NONBLOCK : 0) |
		(new & O_DIRECT ? DESC_PACKET : 0) |
		((uint64_t)((new & servers) >> DESC_USER_O_SHIFT & DESC_USER_O_MASK) << DESC_USER_SHIFT));
	return r < 0 ? result(r) : 0;
}

static int64_t fd_lock(uint64_t fd, uint32_t command, uint64_t lock)
{
	struct ipc_message *m = request(LX_FCNTL, command, 0, 0);
	struct linux_flock range;
	int64_t r;

	if (copy_in(m->inline_data, lock, sizeof(struct linux_flock)))
		return -EFAULT;
	memcpy(&range, m->inline_data, sizeof(range));
	if (range.whence == SEEK_CUR) {		/* the offset is the kernel's: linuxd does not see it */
		r = tess_descriptor_seek((handle_t)fd, 0, SEEK_CUR);
		if (r < 0 || __builtin_add_overflow(range.start, r, &range.start))
			return r < 0 ? -EINVAL : -EOVERFLOW;
		range.whence = 0;
		m = request(LX_FCNTL, command, 0, 0);
		memcpy(m->inline_data, &range, sizeof(range));
	}
	m->inline_len = sizeof(struct linux_flock);
	if (command == F_SETLK || command == F_SETLKW)
		self_state()->posix_locks = true;
	r = request_file(fd);
	if (r >= 0 && (command == F_GETLK || command == F_OFD_GETLK) && m->inline_len >= sizeof(struct linux_flock) &&
	    copy_out(lock, m->inline_data, sizeof(struct linux_flock)))
		return -EFAULT;
	return r == -ENOTTY ? -EINVAL : r;
}

static int64_t fd_dup_from(uint64_t fd, uint64_t least, uint64_t flags)
{
	int64_t r;

	if (fd_bad(least))
		return -EINVAL;
	r = tess_handle_dup((handle_t)fd, (uint32_t)least, flags);
	return r == E_INVAL ? -EINVAL : result(r);
}

int64_t sys_fcntl(uint64_t fd, uint64_t command, uint64_t arg)
{
	struct pipe_info pipe;
	int64_t r;

	if (fd_bad(fd))
		return -EBADF;
	switch ((uint32_t)command) {
	case F_DUPFD:
		return fd_dup_from(fd, arg, 0);
	case F_DUPFD_CLOEXEC:
		return fd_dup_from(fd, arg, SLOT_CLOEXEC);
	case F_GETFD:
		r = tess_handle_flags((handle_t)fd, 0, 0);
		return r < 0 ? result(r) : (r & SLOT_CLOEXEC) != 0;
	case F_SETFD:
		r = tess_handle_flags((handle_t)fd, SLOT_CLOEXEC, arg & 1 ? SLOT_CLOEXEC : 0);
		return r < 0 ? result(r) : 0;
	case F_GETFL:
		return fd_flags(fd);
	case F_SETFL:
		return flags_set(fd, (uint32_t)arg);
	case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		return fd_lock(fd, (uint32_t)command, arg);
	case F_GETPIPE_SZ:
		r = tess_pipe_query((handle_t)fd, &pipe);
		return r < 0 ? (r == E_HANDLE ? -EBADF : -EBADF) : (int64_t)pipe.capacity;
	case F_SETPIPE_SZ:
		r = tess_pipe_resize((handle_t)fd, (uint32_t)arg);
		return r == E_TYPE ? -EBADF : r == E_TOOBIG ? -EPERM : result(r);
	case F_ADD_SEALS: case F_GET_SEALS: case F_GETOWN: case F_SETOWN: case F_GETSIG: case F_SETSIG:
		request(LX_FCNTL, (uint32_t)command, arg, 0);
		r = request_file(fd);
		return r == -ENOTTY ? -EINVAL : r;
	default:
		return tess_handle_flags((handle_t)fd, 0, 0) < 0 ? -EBADF : -EINVAL;
	}
}

int64_t sys_flock(uint64_t fd, uint64_t operation)
{
	int64_t r;

	request(LX_FLOCK, (uint32_t)operation, 0, 0);
	r = request_file(fd);
	return r == -ENOTTY ? -EINVAL : r;
}
