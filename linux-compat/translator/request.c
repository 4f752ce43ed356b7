/*
 * request.c -- asking linuxd, over the task's endpoint or over the Descriptor of a file.
 *
 * Owns:    the message of the thread's utcb while a request is prepared and sent.
 * Fails:   -errno as linuxd answers; -ERESTARTSYS when the request was taken back unserved.
 * Tested:  tests/linux
 */
#include "translator.h"

#define PATHS_SCRATCH	(3 * PAGE_SIZE)

static NOINLINE void scratch_free(struct thread_data *t)
{
	tess_vspace_unmap(H_SELF, t->scratch, t->scratch_len);
	t->scratch = 0;
}

/* Requests in which a program may be found waiting: a signal ends them. */
static bool op_waits(uint64_t op)
{
	return op == LX_READ || op == LX_WRITE || op == LX_IOCTL || op == LX_FCNTL || op == LX_FLOCK ||
		op == LX_WAIT || op == LX_SIGWAIT || op == LX_SIGSUSPEND;
}

/*
 * The latch came up before linuxd took the request.  What waits ends; an open is made again after the
 * signal; everything else must not be seen to be interruptible: it is sent with the latch put aside.
 */
static NOINLINE int64_t send_interrupted(handle_t to)
{
	struct utcb *u = self_utcb();
	int64_t status = E_INTERRUPTED;

	if (op_waits(u->msg.words[0]))
		return -ERESTARTSYS;
	if (u->msg.words[0] == LX_OPEN)
		return -ERESTARTNOINTR;
	while (status == E_INTERRUPTED) {
		__atomic_exchange_n(&u->latch, 0, __ATOMIC_SEQ_CST);
		status = tess_ipc_call(to, DEADLINE_NEVER);
	}
	__atomic_fetch_or(&u->latch, 1, __ATOMIC_SEQ_CST);
	return status < 0 ? status_errno(status) : (int64_t)u->msg.words[0];
}

/* The native call failed, or the request had a mapping of its own. */
int64_t request_unusual(handle_t to, int64_t status)
{
	struct thread_data *t = self_thread();
	int64_t r;

	if (status == E_INTERRUPTED)
		r = send_interrupted(to);
	else
		r = status < 0 ? status_errno(status) : (int64_t)self_utcb()->msg.words[0];
	if (t->scratch != 0)
		scratch_free(t);
	return r;
}

/* A path below a directory; an absolute one is not, whatever descriptor was named. */
int64_t request_at_dir(uint64_t dirfd)
{
	const struct ipc_message *m = &self_utcb()->msg;
	const char *path = m->inline_len ? (const char *)m->inline_data : (const char *)m->bulk_out;
	int64_t r;

	if (path[0] == '/')
		return request_server();
	r = request_file(dirfd);
	return r == -ENOTTY ? -ENOTDIR : r;
}

int64_t server_call(uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3)
{
	request(op, w1, w2, w3);
	return request_server();
}

/* Paths that do not fit into the message: in a mapping for the time of the request. */
static NOINLINE int64_t paths_long(struct ipc_message *m, uint64_t first, uint64_t second, bool two)
{
	struct thread_data *t = self_thread();
	int64_t at = tess_vspace_map(H_SELF, 0, PATHS_SCRATCH, MAP_READ | MAP_WRITE, H_NONE, 0);
	int64_t n, error = 0;
	uint64_t len = 0;

	if (at < 0)
		return result(at);
	t->scratch = (uint64_t)at;
	t->scratch_len = PATHS_SCRATCH;
	for (int i = 0; i < 1 + two && !error; i++) {
		n = user_string((char *)at + len, (const char *)(i ? second : first), PATH_MAX);
		if (n < 0)
			error = n;
		else if (n == PATH_MAX)
			error = -ENAMETOOLONG;
		else
			len += (uint64_t)n + 1;
	}
	if (error) {
		scratch_free(t);
		return error;
	}
	m->inline_len = 0;
	m->bulk_out = (uint64_t)at;
	m->bulk_out_len = len;
	return 0;
}

/* Append a path that the program names; nothing is in the payload yet but what fits beside it. */
static int64_t path_inline(struct ipc_message *m, uint64_t path)
{
	uint32_t room = IPC_INLINE - 8 - m->inline_len;
	int64_t n = user_string((char *)m->inline_data + m->inline_len, (const char *)path, room);

	if (n < 0 || n == room)
		return n < 0 ? n : 1;
	m->inline_len += (uint32_t)n + 1;
	return 0;
}

int64_t request_path(struct ipc_message *m, uint64_t path)
{
	int64_t r = path_inline(m, path);

	return r > 0 ? paths_long(m, path, 0, false) : r;
}

int64_t request_paths(struct ipc_message *m, uint64_t first, uint64_t second)
{
	int64_t r = path_inline(m, first);

	if (r == 0)
		r = path_inline(m, second);
	return r > 0 ? paths_long(m, first, second, true) : r;
}
