/*
 * tty.c -- terminals as files: open, read, write, who waits, job control, hang-up.
 *
 * Owns:    the parked requests of a terminal, its readiness counter, its tie to a session.
 * Fails:   EIO after a hang-up or for an orphaned background group, EAGAIN, ENXIO, EBUSY (exclusive).
 * Conforms: termios(3), tty(4), credentials(7); n_tty of Linux where those are silent.
 * Tested:  linux-compat/server/test/tty_test.c, tests/linux
 */
#include "tty.h"

#define POLL_READ	(POLL_IN | POLL_RDNORM)
#define POLL_WRITE	(POLL_OUT | POLL_WRNORM)

enum wait_kind { WAIT_READ, WAIT_WRITE, WAIT_FEED };
struct tty_wait {
	struct parked parked;
	struct link link;
	struct tty *tty;
	enum wait_kind kind;
	uint8_t *data;			/* what is to be written or fed; NULL: the kernel holds it (parked_bulk) */
	uint32_t len, done;		/* of data; WAIT_READ: room, bytes seen when the timer was armed */
	struct timer timer;		/* VTIME */
};

/* --- life --------------------------------------------------------------------------------------------- */

static void ready_new(struct tty *t)
{
	int64_t counter = tess_counter_create(server_pool, 0, COUNTER_BITS);

	t->ready = counter < 0 ? H_NONE : (handle_t)counter;
	t->ready_bits = 0;
}

void tty_setup(struct tty *t, const struct tty_driver *driver, uint32_t rdev, uint32_t index)
{
	t->driver = driver;
	t->rdev = rdev;
	t->index = index;
	t->refs = 1;
	ldisc_init(t);
	link_init(&t->readers);
	link_init(&t->writers);
	link_init(&t->drainers);
	link_init(&t->feeders);
	ready_new(t);
}

void tty_get(struct tty *t)
{
	t->refs++;
}

void tty_put(struct tty *t)
{
	if (--t->refs != 0)
		return;
	if (t->ready != H_NONE)
		tess_handle_close(t->ready);
	pty_free(t);			/* serial lines always hold one reference */
}

uint32_t tty_rdev(const struct tty *t)
{
	return t->rdev;
}

uint32_t tty_foreground(const struct tty *t)
{
	return t->foreground;
}

/* --- readiness -------------------------------------------------------------------------------------------- */

void ready_set(handle_t counter, uint32_t *have, uint32_t want)
{
	if (counter == H_NONE || *have == want)
		return;
	if (*have & ~want)
		tess_counter_clear(counter, *have & ~want);
	if (want & ~*have)
		tess_counter_signal(counter, want & ~*have);
	*have = want;
}

static void ready_update(struct tty *t)
{
	uint32_t bits = pty_slave_hup(t);

	if (ldisc_readable(t, true))
		bits |= POLL_READ;
	if (!t->stopped && tty_out_room(t) >= TTY_OUT_LOW && link_empty(&t->writers))
		bits |= POLL_WRITE;
	ready_set(t->ready, &t->ready_bits, bits);
}

/* --- who waits ---------------------------------------------------------------------------------------------- */

static void wait_end(struct tty_wait *w, int64_t value, const void *data, uint32_t len)
{
	timer_cancel(&w->timer);
	link_remove(&w->link);
	parked_reply_data(&w->parked, value, data, len);
	mem_free(w->data);
	mem_free(w);
}

static void read_finish(struct tty_wait *w)
{
	uint8_t buf[TTY_IN];
	uint32_t room = w->len < sizeof(buf) ? w->len : sizeof(buf);
	int64_t n = ldisc_read(w->tty, buf, room);

	wait_end(w, n, buf, (uint32_t)n);
}

static void wait_cancel(struct parked *parked)
{
	struct tty_wait *w = CONTAINER(parked, struct tty_wait, parked);
	struct tty *t = w->tty;
	bool raw = !(t->termios.lflag & ICANON);

	if (w->kind == WAIT_READ && raw && parked->token && ldisc_readable(t, false))
		read_finish(w);
	else if (w->kind == WAIT_READ)
		wait_end(w, -LINUX_INTERRUPTED, NULL, 0);
	else
		wait_end(w, w->done ? (int64_t)w->done : -LINUX_INTERRUPTED, NULL, 0);
	tty_output(t);
}

static struct tty_wait *wait_begin(struct request *r, struct tty *t, enum wait_kind kind, struct link *where)
{
	struct tty_wait *w = mem_alloc(sizeof(*w));

	if (!w)
		return NULL;
	w->tty = t;
	w->kind = kind;
	link_before(where, &w->link);
	request_park(r, &w->parked, wait_cancel);
	return w;
}

static void read_timeout(void *arg)
{
	struct tty_wait *w = arg;
	struct tty *t = w->tty;

	read_finish(w);
	tty_input(t);
}

/* May this read be answered now?  Arms the timer between bytes on the way (termios(3), noncanonical). */
static bool read_satisfied(struct tty_wait *w)
{
	struct tty *t = w->tty;
	uint32_t available = t->in_head - t->in_tail, min = t->termios.cc[VMIN], time = t->termios.cc[VTIME];

	if (t->termios.lflag & ICANON)
		return ldisc_readable(t, false);
	if (min == 0)
		return available > 0;
	if (available >= (min < w->len ? min : w->len))
		return true;
	if (time && available > w->done) {
		w->done = available;
		timer_after(&w->timer, clock_mono_ns() + time * (NS_PER_SEC / 10), read_timeout, w);
	}
	return false;
}

static struct tty_wait *wait_first(struct link *list)
{
	return link_empty(list) ? NULL : CONTAINER(list->next, struct tty_wait, link);
}

/* The next bytes of a parked write, at most a chunk. */
const uint8_t *tty_rest(struct parked *p, const uint8_t *data, uint32_t len, uint32_t done, uint32_t *n)
{
	static uint8_t chunk[4096];
	int64_t got;

	*n = len - done;
	if (data)
		return data + done;
	got = parked_bulk(p, done, chunk, *n < sizeof(chunk) ? *n : (uint32_t)sizeof(chunk));
	*n = got > 0 ? (uint32_t)got : 0;
	return chunk;
}

static bool feeders_serve(struct tty *t)
{
	struct tty_wait *w = wait_first(&t->feeders);
	const uint8_t *data;
	uint32_t n;

	if (!w)
		return false;
	data = tty_rest(&w->parked, w->data, w->len, w->done, &n);
	n = ldisc_receive(t, data, n);
	w->done += n;
	if (w->done == w->len)
		wait_end(w, w->len, NULL, 0);
	return n > 0;
}

static bool readers_serve(struct tty *t)
{
	struct tty_wait *w = wait_first(&t->readers);

	if (!w || !read_satisfied(w))
		return false;
	read_finish(w);
	return true;
}

static bool writers_serve(struct tty *t)
{
	struct tty_wait *w = wait_first(&t->writers);
	const uint8_t *data;
	uint32_t n;

	if (!w || t->stopped || tty_out_room(t) < TTY_OUT_LOW)
		return false;
	data = tty_rest(&w->parked, w->data, w->len, w->done, &n);
	n = ldisc_write(t, data, n);
	w->done += n;
	if (w->done == w->len)
		wait_end(w, w->len, NULL, 0);
	return n > 0;
}

/* Output has room, has left, or may flow again: push, serve writers, then who waits for the drain. */
void tty_output(struct tty *t)
{
	do {
		if (tty_out_used(t) > 0)
			t->driver->output(t);
	} while (writers_serve(t));
	while (!t->draining && !link_empty(&t->drainers) && t->driver->drained(t)) {
		t->draining = true;	/* what they set may lead here again; there can be any number of them */
		drain_finish(t);
		t->draining = false;
	}
	ready_update(t);
}

/* Input, or room for input, has changed. */
void tty_input(struct tty *t)
{
	bool progress;

	do {
		progress = readers_serve(t);
		progress |= feeders_serve(t);
	} while (progress);
	if (t->pty)
		pty_input_room(t);
	tty_output(t);
}

/* --- what the line discipline asks for -------------------------------------------------------------------------- */

void ldisc_signal(struct tty *t, int sig)
{
	if (t->foreground)
		signal_group(t->foreground, sig);
}

void ldisc_start_stop(struct tty *t, bool stop)
{
	t->stopped = stop;
}

void ldisc_flush_output(struct tty *t)
{
	t->out_tail = t->out_head;
}

/* --- job control ---------------------------------------------------------------------------------------------------- */

struct tty *tty_controlling(const struct process *p)
{
	return p->group && !p->no_tty ? p->group->session->tty : NULL;
}

/*
 * A background process wants to use its controlling terminal: 0 if it may, -EIO, or -LINUX_INTERRUPTED
 * with the signal sent to its group.
 */
int tty_check_change(struct request *r, struct tty *t, int sig)
{
	struct process *p = r->process;

	if (tty_controlling(p) != t || t->foreground == 0 || p->group->pgid == t->foreground)
		return 0;
	if (signal_is_blocked_or_ignored(p, r->thread, sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (pgroup_orphaned(p->group, NULL))
		return -EIO;
	pgroup_signal(p->group, sig, NULL);
	return -LINUX_INTERRUPTED;
}

void tty_disown(struct tty *t)
{
	struct session *s = t->session;

	t->session = NULL;
	t->foreground = 0;
	if (s) {
		s->tty = NULL;
		tty_put(t);
	}
}

void tty_own(struct tty *t, struct session *s, uint32_t pgid)
{
	tty_get(t);
	t->session = s;
	t->foreground = pgid;
	s->tty = t;
	if (!t->pty && s->leader)
		memory_favour(s->leader);
}

/* Does p lead the session of a serial line? */
bool tty_leads_console(const struct process *p)
{
	const struct session *s = p->group ? p->group->session : NULL;

	return s && s->leader == p && s->tty && !s->tty->pty;
}

/*
 * The session is over (its leader has exited, or nothing of it is left): the foreground group hears of
 * it, and a serial line is hung up for whoever still has it open.
 */
void tty_session_gone(struct tty *t, struct session *s)
{
	uint32_t foreground = t->foreground;

	if (t->session != s) {
		s->tty = NULL;
		return;
	}
	tty_get(t);
	tty_disown(t);
	if (foreground)
		signal_group(foreground, SIGHUP);
	if (!t->pty)
		tty_hangup(t);
	tty_put(t);
}

static void waits_fail(struct link *list, int64_t value)
{
	struct tty_wait *w;

	while ((w = wait_first(list)) != NULL)
		wait_end(w, value, NULL, 0);
}

/* Whoever has it open sees end of file and EIO from now on; a later open starts afresh. */
void tty_hangup(struct tty *t)
{
	struct session *s = t->session;
	struct process *leader = s ? s->leader : NULL;
	uint32_t all = POLL_READ | POLL_WRITE | POLL_HUP | POLL_ERR;

	tty_get(t);
	t->generation++;
	if (leader) {
		signal_kernel(leader, SIGHUP);
		signal_kernel(leader, SIGCONT);
	}
	if (t->foreground)
		signal_group(t->foreground, SIGHUP);
	tty_disown(t);
	waits_fail(&t->readers, 0);
	waits_fail(&t->writers, -EIO);
	drain_fail(t);
	ready_set(t->ready, &t->ready_bits, all);
	if (t->ready != H_NONE)
		tess_handle_close(t->ready);
	ready_new(t);
	ldisc_init(t);
	ldisc_flush_input(t);
	t->stopped = t->exclusive = false;
	tty_input(t);
	tty_put(t);
}

/* --- files -------------------------------------------------------------------------------------------------------------- */

static bool file_dead(const struct tty_file *tf)
{
	return tf->generation != tf->tty->generation;
}

/* open of the slave side or a serial line; O_NOCTTY and session leaders as in tty(4) */
int tty_file_open(struct request *r, struct file *f, struct tty *t, uint32_t flags, bool console)
{
	struct process *p = r->process;
	struct tty_file *tf;

	if (t->exclusive && t->nopen > 0 && p->cred.euid != 0)
		return -EBUSY;
	if (t->pty && pty_locked(t))
		return -EIO;
	tf = mem_alloc(sizeof(*tf));
	if (!tf)
		return -ENOMEM;
	*tf = (struct tty_file){ .tty = t, .generation = t->generation, .console = console };
	tty_get(t);
	t->nopen++;
	if (t->pty)
		pty_slave_state(t);
	ready_update(t);
	file_set_private(f, tf, t->ready);
	if (!(flags & O_NOCTTY) && !console && (flags & O_ACCMODE) != O_WRONLY && p->group && p->group->session->leader == p &&
		!p->group->session->tty && !t->session) {
		tty_own(t, p->group->session, p->group->pgid);
		p->no_tty = false;
	}
	return 0;
}

void tty_close(struct file *f)
{
	struct tty_file *tf = file_private(f);
	struct tty *t;

	if (!tf)
		return;
	t = tf->tty;
	if (!file_dead(tf)) {
		t->nopen--;
		if (t->pty)
			pty_slave_state(t);
	}
	mem_free(tf);
	tty_put(t);
}

void tty_read(struct request *r, struct file *f)
{
	struct tty_file *tf = file_private(f);
	struct tty *t = tf->tty;
	bool nonblock = r->access & DESC_NONBLOCK;
	uint32_t time = t->termios.cc[VTIME];
	bool raw = !(t->termios.lflag & ICANON);
	struct tty_wait *w, probe = { .tty = t, .len = (uint32_t)r->bulk_room };
	int error = 0;

	if (file_dead(tf) || r->bulk_room == 0) {
		request_reply(r, 0);
		return;
	}
	if (!tf->console)
		error = tty_check_change(r, t, SIGTTIN);
	if (error) {
		if (r->process->state == PROCESS_ALIVE)
			request_reply(r, error);
		return;
	}
	probe.done = ~0u;		/* ask only, arm nothing */
	if (link_empty(&t->readers) && (read_satisfied(&probe) ||
		(raw && ((t->termios.cc[VMIN] == 0 && time == 0) || (nonblock && ldisc_readable(t, false)))))) {
		uint8_t buf[TTY_IN];
		int64_t n = ldisc_read(t, buf, r->bulk_room < sizeof(buf) ? (uint32_t)r->bulk_room : (uint32_t)sizeof(buf));

		request_reply_data(r, n, buf, (uint32_t)n);
		tty_input(t);
		return;
	}
	if (pty_slave_hup(t)) {
		request_reply(r, -EIO);
		return;
	}
	w = nonblock ? NULL : wait_begin(r, t, WAIT_READ, &t->readers);
	if (!w) {
		request_reply(r, nonblock ? -EAGAIN : -ENOMEM);
		return;
	}
	w->len = (uint32_t)r->bulk_room;
	if (raw && t->termios.cc[VMIN] == 0)
		timer_after(&w->timer, clock_mono_ns() + time * (NS_PER_SEC / 10), read_timeout, w);
	else
		read_satisfied(w);	/* bytes are there already: their timer starts */
}

/* Park what is left of a write or of input; done counts from the start of the payload. */
static void rest_park(struct request *r, struct tty *t, enum wait_kind kind, struct link *where, uint32_t done)
{
	const uint8_t *payload = r->payload;
	bool bulk = request_is_bulk(r);
	struct tty_wait *w = wait_begin(r, t, kind, where);

	if (!w) {
		request_reply(r, done ? (int64_t)done : -ENOMEM);
		return;
	}
	w->len = r->payload_len;
	w->done = done;
	if (bulk)
		return;
	w->data = mem_alloc(w->len);
	if (w->data)
		memcpy(w->data, payload, w->len);
	else
		wait_end(w, done ? (int64_t)done : -ENOMEM, NULL, 0);
}

void tty_write(struct request *r, struct file *f)
{
	struct tty_file *tf = file_private(f);
	struct tty *t = tf->tty;
	uint32_t len = r->payload_len, done = 0, n;
	int error = 0;

	if (file_dead(tf) || pty_slave_hup(t)) {
		request_reply(r, -EIO);
		return;
	}
	if (t->termios.lflag & TOSTOP && !tf->console)
		error = tty_check_change(r, t, SIGTTOU);
	if (error) {
		if (r->process->state == PROCESS_ALIVE)
			request_reply(r, error);
		return;
	}
	if (link_empty(&t->writers)) {
		do {
			n = ldisc_write(t, r->payload + done, len - done);
			done += n;
			if (tty_out_used(t) > 0)
				t->driver->output(t);
		} while (n > 0 && done < len);
	}
	if (done == len)
		request_reply(r, len);
	else if (r->access & DESC_NONBLOCK)
		request_reply(r, done ? (int64_t)done : -EAGAIN);
	else
		rest_park(r, t, WAIT_WRITE, &t->writers, done);
	ready_update(t);
}

/* --- from the drivers ------------------------------------------------------------------------------------------------------ */

/* Input of a serial line: what the line discipline cannot take yet holds consoled back, nothing is lost. */
static void tty_feed_request(struct request *r, struct tty *t)
{
	uint32_t len = r->payload_len, done = 0;

	if (link_empty(&t->feeders))
		done = ldisc_receive(t, r->payload, len);
	if (done == len)
		request_reply(r, len);
	else
		rest_park(r, t, WAIT_FEED, &t->feeders, done);
	tty_input(t);
}

/* --- the device nodes ---------------------------------------------------------------------------------------------------------- */

static int open_line(struct request *r, struct file *f, uint32_t flags)
{
	struct tty *t = line_tty((file_rdev(f) & 0xff) - 64);

	return t ? tty_file_open(r, f, t, flags, false) : -ENXIO;
}

static int open_console(struct request *r, struct file *f, uint32_t flags)
{
	struct tty *t = line_tty(0);

	return t ? tty_file_open(r, f, t, flags | O_NOCTTY, true) : -ENXIO;
}

static int open_own(struct request *r, struct file *f, uint32_t flags)
{
	struct tty *t = tty_controlling(r->process);

	return t ? tty_file_open(r, f, t, flags | O_NOCTTY, false) : -ENXIO;
}

static const struct device_ops line_ops = { .name = "ttyS", .open = open_line, .close = tty_close,
	.read = tty_read, .write = tty_write, .ioctl = tty_ioctl };
static const struct device_ops console_ops = { .name = "console", .open = open_console, .close = tty_close,
	.read = tty_read, .write = tty_write, .ioctl = tty_ioctl };
static const struct device_ops own_ops = { .name = "tty", .open = open_own, .close = tty_close,
	.read = tty_read, .write = tty_write, .ioctl = tty_ioctl };

void tty_init(void)
{
	char name[16];

	line_init();
	for (uint32_t i = 0; line_tty(i); i++) {
		snprintf(name, sizeof(name), "ttyS%u", i);
		device_register(4, 64 + i, &line_ops);
		devtmpfs_make(name, S_IFCHR | 0660, MAKEDEV(4, 64 + i), 0, 5);
	}
	device_register(5, 0, &own_ops);
	device_register(5, 1, &console_ops);
	devtmpfs_make("tty", S_IFCHR | 0666, MAKEDEV(5, 0), 0, 5);
	devtmpfs_make("console", S_IFCHR | 0600, MAKEDEV(5, 1), 0, 0);
	pty_init();
}

/* LX_TTY_*, from consoled alone */
void tty_console(struct request *r)
{
	struct tty *t = r->words[1] < 2 ? line_tty((uint32_t)r->words[1]) : NULL;

	if (!t) {
		request_reply(r, -ENXIO);
		return;
	}
	switch (r->words[0]) {
	case LX_TTY_INPUT:
		tty_feed_request(r, t);
		break;
	case LX_TTY_DRAINED:
		request_reply(r, 0);
		line_sent(t, r->words[2], r->words[3]);
		tty_output(t);
		power_off_look();
		break;
	default:
		request_reply(r, 0);
		tty_hangup(t);
		break;
	}
}
