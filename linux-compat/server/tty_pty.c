/*
 * tty_pty.c -- pseudo terminals: /dev/ptmx makes a pair, /dev/pts/N is its slave.
 *
 * The slave is a struct tty; its output ring is what the master reads, and what the master writes is its
 * line's input.  The pair lives while either side is open.
 *
 * Owns:    struct pty, the numbers, the names in devpts.
 * Fails:   ENOSPC without a free number, ENOMEM; EIO at a slave whose master is gone or still locked.
 * Conforms: pty(7), pts(4); packet mode is not here (ENOTTY).
 * Tested:  linux-compat/server/test/tty_test.c, tests/linux
 */
#include "tty.h"

#define PTYS_MAX 256u
#define PTYS_KEPT 16u			/* of them for root, so that somebody can always log in */

struct pty {
	struct tty tty;			/* the slave */
	bool master_open, slave_seen, locked;
	handle_t ready;			/* POLL_ bits of the master */
	uint32_t ready_bits;
	struct link readers, writers;	/* parked at the master */
};
struct pty_wait {
	struct parked parked;
	struct link link;
	struct pty *pty;
	uint8_t *data;			/* of a write; NULL: the kernel holds it */
	uint32_t len, done;
};

static struct pty *ptys[PTYS_MAX];

static struct pty *pty_of(const struct tty_file *tf)
{
	return tf->tty->pty;
}

static bool slave_closed(const struct pty *p)
{
	return p->slave_seen && p->tty.nopen == 0;
}

uint32_t pty_slave_hup(const struct tty *t)
{
	return t->pty && !t->pty->master_open ? POLL_HUP | POLL_IN | POLL_OUT : 0;
}

bool pty_locked(const struct tty *t)
{
	return t->pty->locked || !t->pty->master_open;
}

static void master_ready(struct pty *p)
{
	uint32_t bits = 0;

	if (tty_out_used(&p->tty) > 0)
		bits |= POLL_IN | POLL_RDNORM;
	if (ldisc_room(&p->tty) > 0 && link_empty(&p->writers))
		bits |= POLL_OUT | POLL_WRNORM;
	if (slave_closed(p))
		bits |= POLL_HUP;
	ready_set(p->ready, &p->ready_bits, bits);
}

static void wait_end(struct pty_wait *w, int64_t value, const void *data, uint32_t len)
{
	link_remove(&w->link);
	parked_reply_data(&w->parked, value, data, len);
	mem_free(w->data);
	mem_free(w);
}

static void wait_cancel(struct parked *parked)
{
	struct pty_wait *w = CONTAINER(parked, struct pty_wait, parked);

	wait_end(w, w->done ? (int64_t)w->done : -LINUX_INTERRUPTED, NULL, 0);
}

/* The calls of a process that was killed in them are still here when its files are closed. */
static void waits_fail(struct link *list)
{
	while (!link_empty(list))
		wait_end(CONTAINER(list->next, struct pty_wait, link), -EIO, NULL, 0);
}

static struct pty_wait *wait_begin(struct request *r, struct pty *p, struct link *where)
{
	struct pty_wait *w = mem_alloc(sizeof(*w));

	if (!w)
		return NULL;
	w->pty = p;
	link_before(where, &w->link);
	request_park(r, &w->parked, wait_cancel);
	return w;
}

/* The slave has written (or gone): the master's readers. */
static void master_readers(struct pty *p)
{
	while (!link_empty(&p->readers) && (tty_out_used(&p->tty) > 0 || slave_closed(p))) {
		struct pty_wait *w = CONTAINER(p->readers.next, struct pty_wait, link);
		uint8_t buf[4096];
		uint32_t n = tty_out_take(&p->tty, buf, w->len < sizeof(buf) ? w->len : sizeof(buf));

		wait_end(w, n ? (int64_t)n : -EIO, buf, n);
	}
}

static void slave_output(struct tty *t)
{
	master_readers(t->pty);
	master_ready(t->pty);
}

static bool slave_drained(const struct tty *t)
{
	(void)t;
	return true;			/* as Linux: what the master has not read does not count */
}

static const struct tty_driver pty_driver = { .name = "pty", .output = slave_output, .drained = slave_drained };

/* The slave's line discipline may have room again: the master's writers. */
void pty_input_room(struct tty *t)
{
	struct pty *p = t->pty;

	while (!link_empty(&p->writers)) {
		struct pty_wait *w = CONTAINER(p->writers.next, struct pty_wait, link);
		uint32_t n;
		const uint8_t *data = tty_rest(&w->parked, w->data, w->len, w->done, &n);

		n = ldisc_receive(t, data, n);
		w->done += n;
		if (w->done == w->len)
			wait_end(w, w->len, NULL, 0);
		else if (n == 0)
			break;
	}
	master_ready(p);
}

void pty_slave_state(struct tty *t)
{
	struct pty *p = t->pty;

	if (t->nopen > 0)
		p->slave_seen = true;
	master_readers(p);
	master_ready(p);
}

/* --- life ----------------------------------------------------------------------------------------------- */

void pty_free(struct tty *t)
{
	struct pty *p = t->pty;

	if (!p)
		return;
	ptys[t->index] = NULL;
	if (p->ready != H_NONE)
		tess_handle_close(p->ready);
	mem_free(p);
}

static struct pty *pty_new(uint32_t index)
{
	struct pty *p = mem_alloc(sizeof(*p));
	int64_t counter;

	if (!p)
		return NULL;
	counter = tess_counter_create(server_pool, 0, COUNTER_BITS);
	if (counter < 0) {
		mem_free(p);
		return NULL;
	}
	p->ready = (handle_t)counter;
	p->master_open = p->locked = true;
	link_init(&p->readers);
	link_init(&p->writers);
	tty_setup(&p->tty, &pty_driver, MAKEDEV(136, index), index);
	p->tty.pty = p;
	p->tty.termios.cflag = B38400 | CS8 | CREAD;
	ptys[index] = p;
	return p;
}

static int master_open(struct request *r, struct file *f, uint32_t flags)
{
	const struct cred *c = process_cred(r->process);
	struct tty_file *tf;
	uint32_t index = 0, end = c->euid == 0 ? PTYS_MAX : PTYS_MAX - PTYS_KEPT;
	struct pty *p;
	char name[16];

	(void)flags;
	while (index < end && ptys[index])
		index++;
	if (index == end)
		return -ENOSPC;
	tf = mem_alloc(sizeof(*tf));
	p = tf ? pty_new(index) : NULL;
	if (!p) {
		mem_free(tf);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "pts/%u", index);
	if (devtmpfs_make(name, S_IFCHR | 0620, MAKEDEV(136, index), c->fsuid, 5) < 0) {
		mem_free(tf);
		tty_put(&p->tty);
		return -ENOMEM;
	}
	*tf = (struct tty_file){ .tty = &p->tty, .master = true };
	master_ready(p);
	file_set_private(f, tf, p->ready);
	return 0;
}

static void master_close(struct file *f)
{
	struct tty_file *tf = file_private(f);
	struct pty *p;
	char name[16];

	if (!tf)
		return;
	p = pty_of(tf);
	p->master_open = false;
	waits_fail(&p->readers);
	waits_fail(&p->writers);
	snprintf(name, sizeof(name), "pts/%u", p->tty.index);
	devtmpfs_remove(name);
	tty_hangup(&p->tty);
	mem_free(tf);
	tty_put(&p->tty);
}

static int slave_open(struct request *r, struct file *f, uint32_t flags)
{
	uint32_t index = (file_rdev(f) & 0xff) | (file_rdev(f) >> 12 & 0xfff00);
	struct pty *p = index < PTYS_MAX ? ptys[index] : NULL;

	return p ? tty_file_open(r, f, &p->tty, flags, false) : -EIO;
}

/* --- the master's calls -------------------------------------------------------------------------------------- */

static void master_read(struct request *r, struct file *f)
{
	struct pty *p = pty_of(file_private(f));
	struct pty_wait *w;

	if (r->bulk_room == 0) {
		request_reply(r, 0);
	} else if (tty_out_used(&p->tty) > 0 && link_empty(&p->readers)) {
		uint8_t buf[4096];
		uint32_t n = tty_out_take(&p->tty, buf, r->bulk_room < sizeof(buf) ? (uint32_t)r->bulk_room : sizeof(buf));

		request_reply_data(r, n, buf, n);
		tty_output(&p->tty);
		master_ready(p);
	} else if (slave_closed(p)) {
		request_reply(r, -EIO);
	} else if (r->access & DESC_NONBLOCK) {
		request_reply(r, -EAGAIN);
	} else if (!(w = wait_begin(r, p, &p->readers))) {
		request_reply(r, -ENOMEM);
	} else {
		w->len = (uint32_t)r->bulk_room;
	}
}

static void master_write(struct request *r, struct file *f)
{
	struct pty *p = pty_of(file_private(f));
	uint32_t len = r->payload_len, done = 0;
	struct pty_wait *w;

	if (slave_closed(p) && !p->tty.session) {
		request_reply(r, -EIO);
		return;
	}
	if (link_empty(&p->writers))
		done = ldisc_receive(&p->tty, r->payload, len);
	if (done == len) {
		request_reply(r, len);
	} else if (r->access & DESC_NONBLOCK) {
		request_reply(r, done ? (int64_t)done : -EAGAIN);
	} else if (!(w = wait_begin(r, p, &p->writers))) {
		request_reply(r, done ? (int64_t)done : -ENOMEM);
	} else if (!request_is_bulk(r) && !(w->data = mem_alloc(len))) {
		wait_end(w, done ? (int64_t)done : -ENOMEM, NULL, 0);
	} else {
		if (w->data)
			memcpy(w->data, r->payload, len);
		w->len = len;
		w->done = done;
	}
	tty_input(&p->tty);
	master_ready(p);
}

static void reply_int(struct request *r, int32_t value)
{
	request_reply_data(r, 0, &value, sizeof(value));
}

/* A new file of the slave, by its own name, in the caller's table. */
static void master_peer(struct request *r, struct pty *p)
{
	char path[24];
	struct request open = *r;

	if (p->locked) {
		request_reply(r, -EIO);
		return;
	}
	snprintf(path, sizeof(path), "/dev/pts/%u", p->tty.index);
	open.words[0] = LX_OPEN;
	open.words[1] = r->words[2] & (O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	open.words[2] = open.words[3] = 0;
	open.file = NULL;
	open.payload = (const uint8_t *)path;
	open.payload_len = (uint32_t)strlen(path) + 1;
	vfs_request(&open);		/* answers the caller: the token is the same */
}

static void master_ioctl(struct request *r, struct file *f)
{
	struct pty *p = pty_of(file_private(f));
	int32_t value = 0;

	if (r->payload_len >= sizeof(value))
		memcpy(&value, r->payload, sizeof(value));
	switch ((uint32_t)r->words[1]) {
	case TIOCGPTN: reply_int(r, (int32_t)p->tty.index); return;
	case TIOCSPTLCK:
		p->locked = value != 0;
		request_reply(r, 0);
		return;
	case TIOCGPTLCK: reply_int(r, p->locked); return;
	case TIOCGPTPEER: master_peer(r, p); return;
	case FIONREAD: reply_int(r, (int32_t)tty_out_used(&p->tty)); return;
	case TIOCOUTQ: reply_int(r, 0); return;
	case TIOCGPGRP: reply_int(r, (int32_t)p->tty.foreground); return;
	case TIOCGSID:
		if (p->tty.session)
			reply_int(r, (int32_t)p->tty.session->sid);
		else
			request_reply(r, -ENOTTY);
		return;
	case TIOCSIG:			/* what keys could send: the group may be another user's */
		if (r->words[2] != SIGINT && r->words[2] != SIGQUIT && r->words[2] != SIGTSTP) {
			request_reply(r, -EINVAL);
			return;
		}
		request_reply(r, 0);
		ldisc_signal(&p->tty, (int)r->words[2]);
		return;
	case TCFLSH:
		if (r->words[2] != 1)	/* the master's input is the slave's output */
			ldisc_flush_output(&p->tty);
		if (r->words[2] != 0)
			ldisc_flush_input(&p->tty);
		request_reply(r, 0);
		tty_input(&p->tty);
		return;
	case TCSBRK: request_reply(r, 0); return;
	default:
		if (!tty_ioctl_common(r, &p->tty))
			request_reply(r, -ENOTTY);
		return;
	}
}

static const struct device_ops master_ops = { .name = "ptmx", .open = master_open, .close = master_close,
	.read = master_read, .write = master_write, .ioctl = master_ioctl };
static const struct device_ops slave_ops = { .name = "pts", .open = slave_open, .close = tty_close,
	.read = tty_read, .write = tty_write, .ioctl = tty_ioctl };

void pty_init(void)
{
	device_register(5, 2, &master_ops);
	device_register(136, ~0u, &slave_ops);
	devtmpfs_make("ptmx", S_IFCHR | 0666, MAKEDEV(5, 2), 0, 5);
}
