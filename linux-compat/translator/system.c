/*
 * system.c -- what is about the system or fits no other family: names, memory figures, random bytes,
 * prctl, copying between files, reboot; and numbers that are not known.
 *
 * Conforms: uname(2), sysinfo(2), getrandom(2), prctl(2), sendfile(2), splice(2), reboot(2).
 * Tested:   tests/linux/system.c
 */
#include "translator.h"

/* --- unknown numbers -------------------------------------------------------------------------------- */

/* ENOSYS; linuxd counts it for /proc/tessera/unimplemented. */
static int64_t call_unknown_number(const struct call_frame *f)
{
	server_call(LX_UNKNOWN, (uint32_t)f->orig_rax, 0, 0);
	return -ENOSYS;
}

int64_t sys_unsupported(void)
{
	return call_unknown_number(self_frame());
}

/* From the entry: a number beyond the table, or any call of a thread that is traced. */
int64_t call_odd_number(struct call_frame *f)
{
	return (uint32_t)f->orig_rax > CALLS_MAX ? -ENOSYS : trace_call(f);
}

/* --- sockets ------------------------------------------------------------------------------------------- */

#define SOCKET_FLAGS	(O_CLOEXEC | O_NONBLOCK)
#define SOCKET_TYPES	11u
#define SOCKET_FAMILIES	46u

/*
 * There is no family of them, and this is how socket(2) says so: programs that can do without one (libaudit
 * below login and su, the resolver) take EAFNOSUPPORT for that, and ENOSYS for a fault. Counted all the same.
 */
int64_t sys_socket(uint64_t family, uint64_t type)
{
	uint32_t kind = (uint32_t)type & 0xf;

	if ((uint32_t)type & ~(SOCKET_FLAGS | 0xfu))
		return -EINVAL;
	if ((uint32_t)family < SOCKET_FAMILIES && kind >= SOCKET_TYPES)
		return -EINVAL;
	sys_unsupported();
	return -EAFNOSUPPORT;
}

int64_t sys_socketpair(uint64_t family, uint64_t type) { return sys_socket(family, type); }

/* No descriptor is one; bash asks so whether it runs for rsh. */
static int64_t socket_call(uint64_t fd)
{
	struct handle_info info;

	return fd_bad(fd) || tess_handle_query((handle_t)fd, &info) < 0 ? -EBADF : -ENOTSOCK;
}

int64_t sys_connect(uint64_t fd) { return socket_call(fd); }
int64_t sys_accept(uint64_t fd) { return socket_call(fd); }
int64_t sys_sendto(uint64_t fd) { return socket_call(fd); }
int64_t sys_recvfrom(uint64_t fd) { return socket_call(fd); }
int64_t sys_sendmsg(uint64_t fd) { return socket_call(fd); }
int64_t sys_recvmsg(uint64_t fd) { return socket_call(fd); }
int64_t sys_shutdown(uint64_t fd) { return socket_call(fd); }
int64_t sys_bind(uint64_t fd) { return socket_call(fd); }
int64_t sys_listen(uint64_t fd) { return socket_call(fd); }
int64_t sys_getsockname(uint64_t fd) { return socket_call(fd); }
int64_t sys_getpeername(uint64_t fd) { return socket_call(fd); }
int64_t sys_setsockopt(uint64_t fd) { return socket_call(fd); }
int64_t sys_getsockopt(uint64_t fd) { return socket_call(fd); }
int64_t sys_accept4(uint64_t fd) { return socket_call(fd); }
int64_t sys_recvmmsg(uint64_t fd) { return socket_call(fd); }
int64_t sys_sendmmsg(uint64_t fd) { return socket_call(fd); }

/* --- the system --------------------------------------------------------------------------------------- */

#define UTSNAME_SIZE	390u
#define SYSINFO_SIZE	112u
#define HOST_NAME_MAX	64u

int64_t sys_uname(uint64_t to)
{
	int64_t r = server_call(LX_UNAME, 0, 0, 0);

	return r < 0 ? r : copy_out(to, self_utcb()->msg.inline_data, UTSNAME_SIZE);
}

static int64_t name_set(uint64_t which, uint64_t text, uint64_t len)
{
	struct ipc_message *m = request(LX_UNAME_SET, which, 0, 0);

	if ((uint32_t)len > HOST_NAME_MAX)
		return -EINVAL;
	if (copy_in(m->inline_data, text, (uint32_t)len))
		return -EFAULT;
	m->inline_data[(uint32_t)len] = 0;
	m->inline_len = (uint32_t)len + 1;
	return request_server();
}

int64_t sys_sethostname(uint64_t text, uint64_t len) { return name_set(0, text, len); }
int64_t sys_setdomainname(uint64_t text, uint64_t len) { return name_set(1, text, len); }

int64_t sys_sysinfo(uint64_t to)
{
	int64_t r = server_call(LX_SYSINFO, 0, 0, 0);

	return r < 0 ? r : copy_out(to, self_utcb()->msg.inline_data, SYSINFO_SIZE);
}

int64_t sys_reboot(uint64_t magic, uint64_t magic2, uint64_t command)
{
	uint32_t m2 = (uint32_t)magic2;

	if ((uint32_t)magic != 0xfee1dead || (m2 != 672274793 && m2 != 85072278 && m2 != 369367448 && m2 != 537993216))
		return -EINVAL;
	return server_call(LX_REBOOT, (uint32_t)command, 0, 0);
}

int64_t sys_syslog(uint64_t action, uint64_t buf, uint64_t size)
{
	struct ipc_message *m = request(LX_SYSLOG, (uint32_t)action, 0, 0);

	if ((int32_t)size < 0 || (buf == 0 && (uint32_t)action >= 2 && (uint32_t)action <= 4))
		return -EINVAL;
	if (buf != 0 && size != 0 && user_probe(buf))
		return -EFAULT;
	m->bulk_in = buf;
	m->bulk_in_len = (uint32_t)size < IPC_BULK_MAX ? (uint32_t)size : IPC_BULK_MAX;
	return request_server();
}

int64_t sys_personality(uint64_t persona) { return server_call(LX_PERSONALITY, (uint32_t)persona, 0, 0); }

int64_t sys_getrandom(uint64_t buf, uint64_t len, uint64_t flags)
{
	uint64_t done = 0;
	int64_t n;

	if ((uint32_t)flags & ~7u || ((uint32_t)flags & 6) == 6)
		return -EINVAL;
	if (len > INT32_MAX)
		len = INT32_MAX;
	while (done < len) {
		uint64_t step = len - done < IPC_BULK_MAX ? len - done : IPC_BULK_MAX;

		n = tess_random_fill((void *)(buf + done), step);
		if (n <= 0)
			return done ? (int64_t)done : result(n);
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

#define MEMBARRIER_QUERY	0
#define MEMBARRIER_PRIVATE	8
#define MEMBARRIER_REGISTER	16

/* rseq stays unknown, so glibc asks for the registration only of what a kernel call could do: none yet. */
int64_t sys_membarrier(uint64_t command, uint64_t flags)
{
	return (uint32_t)flags == 0 && (uint32_t)command == MEMBARRIER_QUERY ? 0 : -EINVAL;
}

/* --- prctl ----------------------------------------------------------------------------------------------- */

#define PR_SET_PDEATHSIG	1
#define PR_GET_PDEATHSIG	2
#define PR_SET_NAME		15
#define PR_GET_NAME		16
#define PR_GET_CHILD_SUBREAPER	37
#define PR_GET_TID_ADDRESS	40
#define COMM_SIZE		16u

int64_t sys_prctl(uint64_t option, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct ipc_message *m = request(LX_PRCTL, (uint32_t)option, a, b);
	int64_t r;

	m->words[4] = c;
	m->words[5] = d;
	switch ((uint32_t)option) {
	case PR_SET_NAME:
		r = user_string((char *)m->inline_data, (const char *)a, COMM_SIZE - 1);
		if (r < 0)
			return r;
		m->inline_data[r] = 0;
		m->inline_len = (uint32_t)r + 1;
		return request_server();
	case PR_GET_NAME:
		r = request_server();
		return r < 0 ? r : copy_out(a, m->inline_data, COMM_SIZE);
	case PR_GET_PDEATHSIG: case PR_GET_CHILD_SUBREAPER:
		r = request_server();
		return r < 0 ? r : copy_out(a, m->inline_data, sizeof(uint32_t));
	case PR_GET_TID_ADDRESS:
		return user_store64(a, self_thread()->clear_tid);
	default:
		return request_server();
	}
}

/* --- from one descriptor to another -------------------------------------------------------------------------- */

#define COPY_CHUNK	65536u

int64_t sys_lseek(uint64_t fd, uint64_t offset, uint64_t whence);

struct copy_end { uint64_t fd, offset; bool placed, now; };	/* now: who would wait answers EAGAIN */

static int64_t chunk_read(const struct copy_end *from, uint64_t buf, uint64_t len)
{
	int64_t n;

	if (!from->now)
		return read_at(from->fd, buf, len, from->placed ? from->offset : OFFSET_OWN);
	n = tess_descriptor_read((handle_t)from->fd, (void *)buf, len, 0);
	return n == E_TIMEDOUT ? -EAGAIN : n < 0 ? status_errno(n) : n;
}

static int64_t chunk_write(struct copy_end *to, uint64_t buf, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		int64_t n = write_at(to->fd, buf + done, len - done, to->placed ? to->offset : OFFSET_OWN);

		if (n <= 0)
			return done ? (int64_t)done : n;
		done += (uint64_t)n;
		if (to->placed)
			to->offset += (uint64_t)n;
	}
	return (int64_t)done;
}

/* What was read and cannot be written goes back: by seeking, or by not counting a placed offset. */
static int64_t copy_through(struct copy_end *from, struct copy_end *to, uint64_t len, uint64_t buf, bool all)
{
	uint64_t done = 0;

	while (done < len) {
		uint64_t want = len - done < COPY_CHUNK ? len - done : COPY_CHUNK;
		int64_t n = chunk_read(from, buf, want), w;

		if (n <= 0)
			return done ? (int64_t)done : n;
		w = chunk_write(to, buf, (uint64_t)n);
		if (!from->placed && w < n)
			sys_lseek(from->fd, (uint64_t)((w > 0 ? w : 0) - n), 1);
		if (w < 0)
			return done ? (int64_t)done : w;
		if (from->placed)
			from->offset += (uint64_t)w;
		done += (uint64_t)w;
		if (w < n || !all)
			break;
	}
	return (int64_t)done;
}

static int64_t copy_between(struct copy_end *from, struct copy_end *to, uint64_t len, bool all)
{
	int64_t buf, r;

	if (len == 0)
		return 0;
	if (len > RW_MAX)
		len = RW_MAX;
	buf = tess_vspace_map(H_SELF, 0, COPY_CHUNK, MAP_READ | MAP_WRITE, H_NONE, 0);
	if (buf < 0)
		return -ENOMEM;
	r = copy_through(from, to, len, (uint64_t)buf, all);
	tess_vspace_unmap(H_SELF, (uint64_t)buf, COPY_CHUNK);
	return r;
}

static int64_t end_make(struct copy_end *e, uint64_t fd, uint64_t offset)
{
	*e = (struct copy_end){ .fd = fd, .placed = offset != 0 };
	if (!offset)
		return 0;
	if (user_load64(offset, &e->offset))
		return -EFAULT;
	return (int64_t)e->offset < 0 ? -EINVAL : 0;
}

static int64_t end_store(const struct copy_end *e, uint64_t offset)
{
	return offset ? user_store64(offset, e->offset) : 0;
}

/* Both are open for it: 0 or -EBADF. */
static int64_t ends_query(uint64_t in, struct handle_info *a, uint64_t out, struct handle_info *b)
{
	if (fd_bad(in) || fd_bad(out) || tess_handle_query((handle_t)in, a) < 0 ||
	    tess_handle_query((handle_t)out, b) < 0 || !(a->desc_flags & DESC_READ) || !(b->desc_flags & DESC_WRITE))
		return -EBADF;
	return 0;
}

/* An eventfd, a timerfd, an epoll set. */
static bool no_stream(const struct handle_info *i)
{
	return i->object_type == OBJ_COUNTER || i->object_type == OBJ_WAITSET;
}

int64_t sys_sendfile(uint64_t out, uint64_t in, uint64_t offset, uint64_t len)
{
	struct copy_end from, to = { .fd = out };
	struct handle_info a, b;
	int64_t r = end_make(&from, in, offset);

	if (r == 0)
		r = ends_query(in, &a, out, &b);
	if (r < 0)
		return r;
	if (a.object_type == OBJ_PIPE || (a.object_type == OBJ_NONE && !(a.desc_flags & DESC_SEEKABLE)) ||
	    no_stream(&a) || no_stream(&b))
		return -EINVAL;		/* a pipe, a terminal: nothing to splice from */
	if (b.object_type != OBJ_PIPE && b.desc_flags & DESC_APPEND)
		return -EINVAL;
	r = copy_between(&from, &to, len, true);
	return r >= 0 && end_store(&from, offset) ? -EFAULT : r;
}

/* Within one file: what it has from there on, so that it does not feed itself; -EINVAL if the two pieces overlap. */
static int64_t ends_apart(const struct copy_end *from, const struct copy_end *to, uint64_t *len)
{
	uint64_t at = from->placed ? from->offset : (uint64_t)sys_lseek(from->fd, 0, SEEK_CUR);
	uint64_t other = to->placed ? to->offset : (uint64_t)sys_lseek(to->fd, 0, SEEK_CUR);
	struct content_attr attr;

	if (tess_descriptor_attributes((handle_t)from->fd, &attr) < 0 || at >= attr.size)
		*len = 0;
	else if (*len > attr.size - at)
		*len = attr.size - at;
	return at < other + *len && other < at + *len ? -EINVAL : 0;
}

int64_t sys_copy_file_range(uint64_t in, uint64_t in_offset, uint64_t out, uint64_t out_offset, uint64_t len,
			    uint64_t flags)
{
	struct copy_end from, to;
	struct handle_info a, b;
	int64_t r;

	if ((uint32_t)flags)
		return -EINVAL;
	r = end_make(&from, in, in_offset);
	if (r == 0)
		r = end_make(&to, out, out_offset);
	if (r == 0)
		r = ends_query(in, &a, out, &b);
	if (r < 0)
		return r;
	if (b.desc_flags & DESC_APPEND)
		return -EBADF;
	if (a.object_type != OBJ_CONTENT || b.object_type != OBJ_CONTENT)
		return -EINVAL;
	if (a.object_koid == b.object_koid)
		r = ends_apart(&from, &to, &len);
	if (r < 0)
		return r;
	r = copy_between(&from, &to, len, true);
	if (r >= 0 && (end_store(&from, in_offset) || end_store(&to, out_offset)))
		return -EFAULT;
	return r;
}

/*
 * What leaves a pipe for another must fit into that, for it could not be put back: wait for room first, if the pipe
 * is full, and cut *len at it.  Nobody reads: the write will tell.
 */
static int64_t room_wait(uint64_t out, bool now, uint64_t *len)
{
	struct poll_item item = { (uint32_t)out, POLL_OUT, 0 };
	struct pipe_info room;

	while (tess_pipe_query((handle_t)out, &room) >= 0 && room.readers) {
		int64_t r;

		if (room.capacity > room.bytes) {
			if (*len > room.capacity - room.bytes)
				*len = room.capacity - room.bytes;
			break;
		}
		if (now)
			return -EAGAIN;
		r = tess_descriptor_poll(&item, 1, DEADLINE_NEVER);
		if (r < 0)
			return status_errno(r);
	}
	return 0;
}

/* splice(2): one end must be a pipe; a chunk at a time, as much as there is. */
int64_t sys_splice(uint64_t in, uint64_t in_offset, uint64_t out, uint64_t out_offset, uint64_t len, uint64_t flags)
{
	struct copy_end from, to;
	struct handle_info a, b;
	int64_t r;

	if ((uint32_t)flags & ~15u)
		return -EINVAL;
	r = ends_query(in, &a, out, &b);
	if (r < 0)
		return r;
	if ((a.object_type != OBJ_PIPE && b.object_type != OBJ_PIPE) || no_stream(&a) || no_stream(&b))
		return -EINVAL;
	if (b.object_type == OBJ_PIPE ? a.object_koid == b.object_koid : b.desc_flags & DESC_APPEND)
		return -EINVAL;
	if ((a.object_type == OBJ_PIPE && in_offset) || (b.object_type == OBJ_PIPE && out_offset))
		return -ESPIPE;
	r = end_make(&from, in, in_offset);
	if (r == 0)
		r = end_make(&to, out, out_offset);
	if (r < 0)
		return r;
	from.now = a.object_type == OBJ_PIPE && flags & SPLICE_F_NONBLOCK;
	if (b.object_type == OBJ_PIPE && len)
		r = room_wait(out, flags & SPLICE_F_NONBLOCK || b.desc_flags & DESC_NONBLOCK, &len);
	if (r < 0)
		return r;
	r = copy_between(&from, &to, len < COPY_CHUNK ? len : COPY_CHUNK, false);
	if (r >= 0 && (end_store(&from, in_offset) || end_store(&to, out_offset)))
		return -EFAULT;
	return r;
}

/* --- limits that hold nobody back ------------------------------------------------------------------------------- */

#define CAPABILITY_VERSION_3	0x20080522u

/* capget(2): what uid 0 has on Linux shows all bits, anybody else none; no right hangs on them here. */
int64_t sys_capget(uint64_t header, uint64_t data)
{
	struct { uint32_t version, pid; } h;
	uint32_t sets[6] = { 0 };
	uint32_t all = ids_get()->euid == 0 ? 0xffffffffu : 0;

	if (copy_in(&h, header, sizeof(h)))
		return -EFAULT;
	if (h.version != CAPABILITY_VERSION_3) {
		user_store32(header, CAPABILITY_VERSION_3);
		return data ? -EINVAL : 0;
	}
	if (!data)
		return 0;
	sets[0] = sets[1] = all;
	sets[3] = sets[4] = all ? 0x1ff : 0;
	return copy_out(data, sets, sizeof(sets));
}
