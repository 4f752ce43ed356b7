/*
 * tty_ioctl.c -- the ioctls of terminals.
 *
 * Owns:    parked TCSETSW, TCSETSF and tcdrain calls, which wait for the output to leave.
 * Fails:   ENOTTY for what is not here (TIOCPKT, TIOCMSET ...), EIO for TIOCSTI, as ioctl_tty(2) says.
 * Tested:  linux-compat/server/test/tty_test.c, tests/linux
 */
#include "tty.h"

struct drain_wait {
	struct parked parked;
	struct link link;
	struct tty *tty;
	uint32_t ioctl;			/* TCSETSW.., or TCSBRK */
	uint32_t len;
	struct linux_termios2 termios;
};

#define TIOCGSERIAL 0x541Eu
struct linux_serial {			/* struct serial_struct */
	int32_t type, line;
	uint32_t port;
	int32_t irq, flags, fifo, custom_divisor, baud_base;
	uint16_t close_delay;
	uint8_t io_type, reserved;
	int32_t hub6;
	uint16_t closing_wait, closing_wait2;
	uint64_t memory;
	uint16_t shift;
	uint32_t port_high;
	uint64_t map_base;
};
_Static_assert(sizeof(struct linux_serial) == 72, "struct serial_struct of x86-64");

/* --- termios ------------------------------------------------------------------------------------------ */

static uint32_t baud(uint32_t cflag, uint32_t given)
{
	static const uint32_t low[16] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600,
		19200, 38400 };
	static const uint32_t high[16] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000,
		1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };
	uint32_t code = cflag & CBAUD;

	if (code == 0x1000)		/* BOTHER: the number itself */
		return given;
	return code & 0x1000 ? high[code & 15] : low[code & 15];
}

static void termios_set(struct tty *t, const struct linux_termios2 *new, uint32_t len)
{
	struct linux_termios2 old = t->termios;

	memcpy(&t->termios, new, len);
	t->termios.ispeed = t->termios.ospeed = baud(t->termios.cflag, t->termios.ospeed);
	ldisc_mode_changed(t, &old);
	if (!(t->termios.iflag & IXON) && old.iflag & IXON)
		t->stopped = false;
	tty_input(t);
}

/* TCSETA, W, F: the new-fashioned one is changed as far as the old one reaches. */
static void termio_merge(struct linux_termios2 *into, const struct linux_termio *from)
{
	into->iflag = (into->iflag & ~0xffffu) | from->iflag;
	into->oflag = (into->oflag & ~0xffffu) | from->oflag;
	into->cflag = (into->cflag & ~0xffffu) | from->cflag;
	into->lflag = (into->lflag & ~0xffffu) | from->lflag;
	into->line = from->line;
	memcpy(into->cc, from->cc, sizeof(from->cc));
}

static void ioctl_get_termio(struct request *r, const struct tty *t)
{
	const struct linux_termios2 *now = &t->termios;
	struct linux_termio old = { (uint16_t)now->iflag, (uint16_t)now->oflag, (uint16_t)now->cflag,
		(uint16_t)now->lflag, .line = now->line };

	memcpy(old.cc, now->cc, sizeof(old.cc));
	request_reply_data(r, 0, &old, sizeof(old));
}

static uint32_t termios_len(uint32_t ioctl)
{
	if (ioctl >= TCSETA && ioctl <= TCSETAF)
		return sizeof(struct linux_termio);
	return ioctl == TCSETS2 || ioctl == TCSETSW2 || ioctl == TCSETSF2 ? sizeof(struct linux_termios2) : TERMIOS_SIZE;
}

static void drained_act(struct tty *t, uint32_t ioctl, const struct linux_termios2 *new, uint32_t len)
{
	if (ioctl == TCSBRK)
		return;
	if (ioctl == TCSETSF || ioctl == TCSETAF || ioctl == TCSETSF2)
		ldisc_flush_input(t);
	termios_set(t, new, len);
}

static void drain_end(struct drain_wait *d, int64_t value)
{
	link_remove(&d->link);
	parked_reply(&d->parked, value);
	mem_free(d);
}

/* The output of t has left: the first who waited for it goes on. */
void drain_finish(struct tty *t)
{
	struct drain_wait *d = CONTAINER(t->drainers.next, struct drain_wait, link);
	struct linux_termios2 new = d->termios;
	uint32_t ioctl = d->ioctl, len = d->len;

	drain_end(d, 0);
	drained_act(t, ioctl, &new, len);
}

void drain_fail(struct tty *t)
{
	while (!link_empty(&t->drainers))
		drain_end(CONTAINER(t->drainers.next, struct drain_wait, link), -EIO);
}

static void drain_cancel(struct parked *parked)
{
	drain_end(CONTAINER(parked, struct drain_wait, parked), -LINUX_INTERRUPTED);
}

static void drain_then(struct request *r, struct tty *t, uint32_t ioctl, const struct linux_termios2 *new, uint32_t len)
{
	struct drain_wait *d;

	if (t->driver->drained(t)) {
		request_reply(r, 0);
		drained_act(t, ioctl, new, len);
		return;
	}
	d = mem_alloc(sizeof(*d));
	if (!d) {
		request_reply(r, -ENOMEM);
		return;
	}
	d->tty = t;
	d->ioctl = ioctl;
	d->len = len;
	if (new)
		d->termios = *new;
	link_before(&t->drainers, &d->link);
	request_park(r, &d->parked, drain_cancel);
}

static void ioctl_set_termios(struct request *r, struct tty *t, uint32_t ioctl)
{
	uint32_t len = termios_len(ioctl);
	struct linux_termios2 new = t->termios;

	if (r->payload_len < len) {
		request_reply(r, -EFAULT);
		return;
	}
	if (len == sizeof(struct linux_termio)) {
		struct linux_termio old;

		memcpy(&old, r->payload, sizeof(old));
		termio_merge(&new, &old);
		len = TERMIOS_SIZE;
	} else {
		memcpy(&new, r->payload, len);
	}
	if (ioctl == TCSETS || ioctl == TCSETA || ioctl == TCSETS2) {
		request_reply(r, 0);
		termios_set(t, &new, len);
	} else {
		drain_then(r, t, ioctl, &new, len);
	}
}

/* --- the window -------------------------------------------------------------------------------------------- */

static void ioctl_set_window(struct request *r, struct tty *t)
{
	bool changed;

	if (r->payload_len < sizeof(t->winsize)) {
		request_reply(r, -EFAULT);
		return;
	}
	changed = memcmp(&t->winsize, r->payload, sizeof(t->winsize)) != 0;
	memcpy(&t->winsize, r->payload, sizeof(t->winsize));
	request_reply(r, 0);
	if (changed && t->foreground)
		signal_group(t->foreground, SIGWINCH);
}

static void reply_int(struct request *r, int32_t value)
{
	request_reply_data(r, 0, &value, sizeof(value));
}

/* Terminal modes and window: a master's are its slave's. */
bool tty_ioctl_common(struct request *r, struct tty *t)
{
	switch ((uint32_t)r->words[1]) {
	case TCGETS: request_reply_data(r, 0, &t->termios, TERMIOS_SIZE); return true;
	case TCGETA: ioctl_get_termio(r, t); return true;
	case TCGETS2: request_reply_data(r, 0, &t->termios, sizeof(t->termios)); return true;
	case TCSETS: case TCSETSW: case TCSETSF: case TCSETA: case TCSETAW: case TCSETAF:
	case TCSETS2: case TCSETSW2: case TCSETSF2:
		ioctl_set_termios(r, t, (uint32_t)r->words[1]);
		return true;
	case TIOCGWINSZ: request_reply_data(r, 0, &t->winsize, sizeof(t->winsize)); return true;
	case TIOCSWINSZ: ioctl_set_window(r, t); return true;
	case TIOCGPTPEER: request_reply(r, -EIO); return true;	/* of a master alone, which answers itself */
	case TIOCGETD: reply_int(r, 0); return true;
	case TIOCSTI: request_reply(r, -EIO); return true;	/* as with dev.tty.legacy_tiocsti = 0 */
	case TIOCGEXCL: reply_int(r, t->exclusive); return true;
	case TIOCEXCL: t->exclusive = true; request_reply(r, 0); return true;
	case TIOCNXCL: t->exclusive = false; request_reply(r, 0); return true;
	default: return false;
	}
}

/* --- sessions and groups --------------------------------------------------------------------------------------- */

/* ioctl_tty(2), TIOCSCTTY: a session leader without a terminal; uid 0 may steal one with argument 1. */
static int controlling_set(struct request *r, struct tty *t)
{
	struct process *p = r->process;
	struct session *s = p->group ? p->group->session : NULL;

	if (!s)
		return -EPERM;
	if (s->leader == p && s->tty == t)
		return 0;
	if (s->leader != p || s->tty)
		return -EPERM;
	if (!(r->access & DESC_READ) && p->cred.euid != 0)
		return -EPERM;		/* who may write messages to somebody's terminal does not get it */
	if (t->session) {
		if (r->words[2] != 1 || p->cred.euid != 0)
			return -EPERM;
		tty_disown(t);
	}
	tty_own(t, s, p->group->pgid);
	p->no_tty = false;
	return 0;
}

static int controlling_drop(struct process *p, struct tty *t)
{
	uint32_t foreground = t->foreground;

	if (tty_controlling(p) != t)
		return -ENOTTY;
	if (p->group->session->leader != p) {
		p->no_tty = true;
		return 0;
	}
	tty_disown(t);
	if (foreground) {
		signal_group(foreground, SIGHUP);
		signal_group(foreground, SIGCONT);
	}
	return 0;
}

static int foreground_set(struct request *r, struct tty *t)
{
	struct process *p = r->process;
	struct pgroup *g;
	int32_t pgid;
	int error = tty_check_change(r, t, SIGTTOU);

	if (error == -EIO)
		return -ENOTTY;
	if (error)
		return error;
	if (tty_controlling(p) != t || t->session != p->group->session)
		return -ENOTTY;
	if (r->payload_len < sizeof(pgid))
		return -EFAULT;
	memcpy(&pgid, r->payload, sizeof(pgid));
	if (pgid < 0)
		return -EINVAL;
	g = pgroup_find((uint32_t)pgid);
	if (!g)
		return -ESRCH;
	if (g->session != p->group->session)
		return -EPERM;
	t->foreground = (uint32_t)pgid;
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static void ioctl_flush(struct request *r, struct tty *t)
{
	uint64_t which = r->words[2];

	if (which > 2) {
		request_reply(r, -EINVAL);
		return;
	}
	if (which != 1)
		ldisc_flush_input(t);
	if (which != 0)
		ldisc_flush_output(t);
	request_reply(r, 0);
	tty_input(t);
}

static void ioctl_flow(struct request *r, struct tty *t)
{
	uint64_t action = r->words[2];

	if (action > 3) {
		request_reply(r, -EINVAL);
		return;
	}
	if (action < 2)			/* TCIOFF, TCION: the line sends no flow control of its own accord */
		ldisc_start_stop(t, action == 0);
	request_reply(r, 0);
	tty_output(t);
}

static void ioctl_serial(struct request *r, struct tty *t)
{
	struct linux_serial s = { .type = 4, .line = (int32_t)t->index, .port = t->index ? 0x2f8 : 0x3f8,
		.irq = t->index ? 3 : 4, .baud_base = 115200, .fifo = 16 };

	if (t->pty)
		request_reply(r, -ENOTTY);
	else
		request_reply_data(r, 0, &s, sizeof(s));
}

/* Those that a background process is stopped for. */
static bool changes(uint32_t ioctl)
{
	return (ioctl >= TCSETS && ioctl <= TCSETSF) || (ioctl >= TCSETA && ioctl <= TCSETAF) ||
		ioctl == TCSETS2 || ioctl == TCSETSW2 || ioctl == TCSETSF2 ||
		ioctl == TCSBRK || ioctl == TCSBRKP || ioctl == TCFLSH || ioctl == TCXONC;
}

static void ioctl_other(struct request *r, struct tty *t)
{
	struct process *p = r->process;
	bool own = tty_controlling(p) == t;

	switch ((uint32_t)r->words[1]) {
	case TCFLSH: ioctl_flush(r, t); break;
	case TCXONC: ioctl_flow(r, t); break;
	case TCSBRK: case TCSBRKP: drain_then(r, t, TCSBRK, NULL, 0); break;
	case FIONREAD: reply_int(r, (int32_t)ldisc_available(t)); break;
	case TIOCOUTQ: reply_int(r, (int32_t)tty_out_used(t)); break;
	case TIOCGPGRP:
		if (own)
			reply_int(r, (int32_t)t->foreground);
		else
			request_reply(r, -ENOTTY);
		break;
	case TIOCGSID:
		if (own && t->session)
			reply_int(r, (int32_t)t->session->sid);
		else
			request_reply(r, -ENOTTY);
		break;
	case TIOCSPGRP: {
		int error = foreground_set(r, t);

		if (p->state == PROCESS_ALIVE)
			request_reply(r, error);
		break;
	}
	case TIOCSCTTY: request_reply(r, controlling_set(r, t)); break;
	case TIOCNOTTY: {
		int error = controlling_drop(p, t);

		if (p->state == PROCESS_ALIVE)
			request_reply(r, error);
		break;
	}
	case TIOCGSOFTCAR: reply_int(r, (t->termios.cflag & CLOCAL) != 0); break;
	case TIOCGSERIAL: ioctl_serial(r, t); break;
	case TIOCVHANGUP:
		request_reply(r, p->cred.euid == 0 ? 0 : -EPERM);
		if (p->cred.euid == 0)
			tty_hangup(t);
		break;
	default: request_reply(r, -ENOTTY); break;
	}
}

void tty_ioctl(struct request *r, struct file *f)
{
	struct tty_file *tf = file_private(f);
	int error = 0;

	if (tf->generation != tf->tty->generation) {
		request_reply(r, (uint32_t)r->words[1] == TIOCSPGRP ? -ENOTTY : -EIO);
		return;
	}
	if (changes((uint32_t)r->words[1]))
		error = tty_check_change(r, tf->tty, SIGTTOU);
	if (error) {
		if (r->process->state == PROCESS_ALIVE)
			request_reply(r, error);
		return;
	}
	if (!tty_ioctl_common(r, tf->tty))
		ioctl_other(r, tf->tty);
}
