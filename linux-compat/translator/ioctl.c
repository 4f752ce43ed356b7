/*
 * ioctl.c -- ioctl(2): a few are the kernel's or the slot's, the rest go to the file's server with the
 * structure that the request number is known to carry.
 *
 * Conforms: ioctl_tty(2), ioctl(2).
 * Tested:   tests/linux/tty.c
 */
#include "translator.h"

#define FIONREAD	0x541bu
#define FIONCLEX	0x5450u
#define FIOCLEX		0x5451u
#define FIONBIO		0x5421u
#define FIOASYNC	0x5452u
#define TIOCGPTPEER	0x5441u

/* Requests of the old kind, whose number does not say what their argument is: bytes in, bytes out. */
struct ioctl_shape { uint32_t request; uint8_t in, out; };
static const struct ioctl_shape shapes[] = {
	{ 0x5401, 0, 36 },	/* TCGETS */
	{ 0x5402, 36, 0 }, { 0x5403, 36, 0 }, { 0x5404, 36, 0 },	/* TCSETS, W, F */
	{ 0x5405, 0, 18 },	/* TCGETA */
	{ 0x5406, 18, 0 }, { 0x5407, 18, 0 }, { 0x5408, 18, 0 },
	{ 0x540f, 0, 4 },	/* TIOCGPGRP */
	{ 0x5410, 4, 0 },	/* TIOCSPGRP */
	{ 0x5411, 0, 4 },	/* TIOCOUTQ */
	{ 0x5412, 1, 0 },	/* TIOCSTI */
	{ 0x5413, 0, 8 },	/* TIOCGWINSZ */
	{ 0x5414, 8, 0 },	/* TIOCSWINSZ */
	{ 0x5415, 0, 4 },	/* TIOCMGET */
	{ 0x5416, 4, 0 }, { 0x5417, 4, 0 }, { 0x5418, 4, 0 },
	{ 0x5419, 0, 4 },	/* TIOCGSOFTCAR */
	{ 0x541a, 4, 0 },
	{ FIONREAD, 0, 4 },
	{ 0x5420, 4, 0 },	/* TIOCPKT */
	{ 0x5423, 4, 0 },	/* TIOCSETD */
	{ 0x5424, 0, 4 },	/* TIOCGETD */
	{ 0x5429, 0, 4 },	/* TIOCGSID */
	{ 0x40045436, 0, 0 },	/* TIOCSIG: the argument is the signal */
};

static struct ioctl_shape shape_of(uint32_t request)
{
	struct ioctl_shape s = { request, 0, 0 };
	uint32_t size = request >> 16 & 0x3fff;

	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].request == request)
			return shapes[i];
	if (size > 255)
		return s;
	if (request & 0x40000000)
		s.in = (uint8_t)size;
	if (request & 0x80000000)
		s.out = (uint8_t)size;
	return s;
}

static int64_t ioctl_server(uint64_t fd, uint32_t op, uint64_t arg)
{
	struct ioctl_shape shape = shape_of(op);
	struct ipc_message *m = request(LX_IOCTL, op, arg, 0);
	uint32_t len;
	int64_t r;

	if (shape.in) {
		if (copy_in(m->inline_data, arg, shape.in))
			return -EFAULT;
		m->inline_len = shape.in;
	}
	r = request_file(fd);
	if (r < 0 || shape.out == 0)
		return r;
	len = m->inline_len < shape.out ? m->inline_len : shape.out;
	return copy_out(arg, m->inline_data, len) ? -EFAULT : r;
}

/* The kernel alone knows how much a pipe holds, or a file from here to its end. */
static int64_t bytes_ready(uint64_t fd, uint64_t arg)
{
	struct handle_info info;
	struct content_attr attr;
	struct pipe_info pipe;
	uint64_t n;

	if (tess_handle_query((handle_t)fd, &info) < 0)
		return -EBADF;
	if (info.object_type == OBJ_PIPE && tess_pipe_query((handle_t)fd, &pipe) >= 0)
		n = pipe.bytes;
	else if (info.object_type == OBJ_CONTENT && tess_descriptor_attributes((handle_t)fd, &attr) >= 0)
		n = attr.size - info.offset;	/* less than 0 beyond the end */
	else
		return ioctl_server(fd, FIONREAD, arg);
	return user_store32(arg, (uint32_t)n);
}

static int64_t nonblock_set(uint64_t fd, uint64_t arg)
{
	uint32_t on;
	int64_t r;

	if (user_load32(arg, &on))
		return -EFAULT;
	r = tess_descriptor_flags((handle_t)fd, DESC_NONBLOCK, on ? DESC_NONBLOCK : 0);
	return r < 0 ? result(r) : 0;
}

/* An open of the terminal behind a pseudo-terminal's master (glibc's openpty): as open(2), by descriptor. */
static int64_t terminal_open(uint64_t fd, uint64_t flags)
{
	struct ipc_message *m = request(LX_IOCTL, TIOCGPTPEER, flags, 0);
	int64_t slot = tess_handle_reserve(flags & O_CLOEXEC ? SLOT_CLOEXEC : 0), r;

	if (slot < 0)
		return result(slot);
	m->reserved_slot = (uint32_t)slot;
	r = request_file(fd);
	if (r >= 0)
		return slot;
	tess_handle_unreserve((handle_t)slot);
	return r;
}

int64_t sys_ioctl(uint64_t fd, uint64_t op, uint64_t arg)
{
	int64_t r;

	if (fd_bad(fd))
		return -EBADF;
	switch ((uint32_t)op) {
	case FIOCLEX: case FIONCLEX:
		r = tess_handle_flags((handle_t)fd, SLOT_CLOEXEC, (uint32_t)op == FIOCLEX ? SLOT_CLOEXEC : 0);
		return r < 0 ? result(r) : 0;
	case FIONBIO:
		return nonblock_set(fd, arg);
	case FIONREAD:
		return bytes_ready(fd, arg);
	case TIOCGPTPEER:
		return terminal_open(fd, arg);
	default:
		return ioctl_server(fd, (uint32_t)op, arg);
	}
}
