/*
 * tty_ldisc.c -- the line discipline (n_tty): editing, echo, special characters, output processing.
 *
 * Owns:    the input ring, its line marks, the output ring and the columns of a struct tty.
 * Fails:   never; what does not fit is not taken, except that a line longer than the ring loses its last
 *          characters, as in Linux, so that its end can still be typed.
 * Conforms: termios(3).
 * Tested:  linux-compat/server/test/tty_test.c
 */
#include "tty.h"

#define DISABLED 0u			/* a special character of this value is none; also stands for ^D in a line */

static bool lflag(const struct tty *t, uint32_t bit) { return t->termios.lflag & bit; }
static bool iflag(const struct tty *t, uint32_t bit) { return t->termios.iflag & bit; }
static bool oflag(const struct tty *t, uint32_t bit) { return t->termios.oflag & bit; }

static bool is_cc(const struct tty *t, uint8_t c, int which)
{
	return c != DISABLED && c == t->termios.cc[which];
}

static bool is_control(uint8_t c)
{
	return c < 32 || c == 127;
}

static bool is_continuation(const struct tty *t, uint8_t c)
{
	return iflag(t, IUTF8) && (c & 0xc0) == 0x80;
}

/* --- the rings ------------------------------------------------------------------------------------------ */

static uint8_t *in_at(struct tty *t, uint32_t pos)
{
	return &t->in[pos % TTY_IN];
}

static bool mark_at(const struct tty *t, uint32_t pos)
{
	return t->marks[pos % TTY_IN / 64] >> (pos % 64) & 1;
}

static void mark_set(struct tty *t, uint32_t pos, bool on)
{
	uint64_t bit = 1ull << (pos % 64);
	uint64_t *word = &t->marks[pos % TTY_IN / 64];

	*word = on ? *word | bit : *word & ~bit;
}

/* In a full ring the last character gives way, as with one too long a line (PARMRK puts two at once). */
static void in_put(struct tty *t, uint8_t c)
{
	if (t->in_head - t->in_tail >= TTY_IN)
		t->in_head--;
	*in_at(t, t->in_head) = c;
	mark_set(t, t->in_head, false);
	t->in_head++;
}

static void out_put(struct tty *t, uint8_t c)
{
	if (tty_out_room(t) > 0)
		t->out[t->out_head++ % TTY_OUT] = c;
}

uint32_t tty_out_take(struct tty *t, uint8_t *buf, uint32_t len)
{
	uint32_t n = tty_out_used(t) < len ? tty_out_used(t) : len;

	for (uint32_t i = 0; i < n; i++)
		buf[i] = t->out[t->out_tail++ % TTY_OUT];
	return n;
}

void ldisc_init(struct tty *t)
{
	static const uint8_t cc[19] = { [VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4,
		[VMIN] = 1, [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15,
		[VWERASE] = 23, [VLNEXT] = 22 };

	t->termios = (struct linux_termios2){
		.iflag = ICRNL | IXON,
		.oflag = OPOST | ONLCR,
		.cflag = B38400 | CS8 | CREAD | HUPCL,
		.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.ispeed = 38400, .ospeed = 38400,
	};
	memcpy(t->termios.cc, cc, sizeof(cc));
}

void ldisc_flush_input(struct tty *t)
{
	t->in_head = t->in_tail = t->canon_head = 0;
	memset(t->marks, 0, sizeof(t->marks));
	t->lnext = t->erasing = false;
}

/* --- output ------------------------------------------------------------------------------------------------ */

/*
 * One character as OPOST wants it.  False: it does not fit, nothing was done.  With `bytes` room for a
 * whole expansion nothing is ever cut in two.
 */
static bool output_char(struct tty *t, uint8_t c)
{
	if (tty_out_room(t) < 8)
		return false;
	switch (c) {
	case '\n':
		if (oflag(t, ONLRET))
			t->column = 0;
		if (oflag(t, ONLCR)) {
			t->canon_column = t->column = 0;
			out_put(t, '\r');
			out_put(t, '\n');
			return true;
		}
		t->canon_column = t->column;
		break;
	case '\r':
		if (oflag(t, ONOCR) && t->column == 0)
			return true;
		if (oflag(t, OCRNL)) {
			c = '\n';
			if (oflag(t, ONLRET))
				t->canon_column = t->column = 0;
			break;
		}
		t->canon_column = t->column = 0;
		break;
	case '\t': {
		uint32_t spaces = 8 - (t->column & 7);

		t->column += spaces;
		if ((t->termios.oflag & TABDLY) == XTABS) {
			while (spaces--)
				out_put(t, ' ');
			return true;
		}
		break;
	}
	case '\b':
		if (t->column > 0)
			t->column--;
		break;
	default:
		if (!is_control(c)) {
			if (oflag(t, OLCUC) && c >= 'a' && c <= 'z')
				c = (uint8_t)(c - 32);
			if (!is_continuation(t, c))
				t->column++;
		}
		break;
	}
	out_put(t, c);
	return true;
}

uint32_t ldisc_write(struct tty *t, const uint8_t *data, uint32_t len)
{
	uint32_t n = 0;

	if (t->stopped)
		return 0;
	if (oflag(t, OPOST))
		while (n < len && output_char(t, data[n]))
			n++;
	else
		while (n < len && tty_out_room(t) > 0)
			out_put(t, data[n++]);
	return n;
}

/* --- echo ---------------------------------------------------------------------------------------------------- */

static void echo_raw(struct tty *t, uint8_t c)
{
	if (oflag(t, OPOST))
		output_char(t, c);
	else
		out_put(t, c);
}

/* A typed character; control characters as ^X with ECHOCTL, except tab. */
static void echo_char(struct tty *t, uint8_t c)
{
	if (lflag(t, ECHOCTL) && is_control(c) && c != '\t') {
		out_put(t, '^');
		out_put(t, c ^ 0100);
		t->column += 2;
	} else {
		echo_raw(t, c);
	}
}

static void erasing_finish(struct tty *t)
{
	if (t->erasing) {
		echo_raw(t, '/');
		t->erasing = false;
	}
}

static void echo_mark_line(struct tty *t)
{
	if (t->canon_head == t->in_head)
		t->canon_column = t->column;
}

/* Columns between the start of the edited line (or its last tab) and pos. */
static uint32_t columns_before(struct tty *t, uint32_t pos)
{
	uint32_t n = t->canon_column;

	for (uint32_t at = t->canon_head; at != pos; at++) {
		uint8_t c = *in_at(t, at);

		if (c == '\t')
			n = (n | 7) + 1;
		else if (is_control(c))
			n += lflag(t, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(t, c))
			n++;
	}
	return n;
}

static void back_over(struct tty *t, uint32_t columns)
{
	while (columns-- > 0) {
		out_put(t, '\b');
		if (t->column > 0)
			t->column--;
	}
}

/* Take what was echoed for the character at in_head (just removed) off the screen. */
static void erase_echo(struct tty *t, uint8_t c)
{
	if (c == '\t') {
		uint32_t before = columns_before(t, t->in_head);

		back_over(t, t->column > before ? t->column - before : 0);
		return;
	}
	if (is_control(c) && !lflag(t, ECHOCTL))
		return;
	for (int n = is_control(c) ? 2 : 1; n > 0; n--) {
		out_put(t, '\b');
		out_put(t, ' ');
		out_put(t, '\b');
		if (t->column > 0)
			t->column--;
	}
}

/* Remove the last character (all bytes of it) of the edited line; false: there is none. */
static bool erase_last(struct tty *t, uint8_t *first)
{
	uint32_t at = t->in_head;
	uint8_t c;

	if (at == t->canon_head)
		return false;
	do {
		c = *in_at(t, --at);
	} while (is_continuation(t, c) && at != t->canon_head);
	if (is_continuation(t, c))
		return false;		/* a broken sequence: leave it */
	t->in_head = at;
	*first = c;
	return true;
}

static void erase_show(struct tty *t, uint8_t typed, uint8_t erased)
{
	if (!lflag(t, ECHO))
		return;
	if (lflag(t, ECHOPRT)) {
		if (!t->erasing) {
			echo_raw(t, '\\');
			t->erasing = true;
		}
		echo_char(t, erased);
	} else if (is_cc(t, typed, VERASE) && !lflag(t, ECHOE)) {
		echo_char(t, typed);
	} else {
		erase_echo(t, erased);
	}
}

static void kill_line(struct tty *t, uint8_t typed)
{
	uint8_t erased;

	if (!lflag(t, ECHO)) {
		t->in_head = t->canon_head;
		return;
	}
	if (!lflag(t, ECHOK) || !lflag(t, ECHOKE) || !lflag(t, ECHOE)) {
		t->in_head = t->canon_head;
		erasing_finish(t);
		echo_char(t, typed);
		if (lflag(t, ECHOK))
			echo_raw(t, '\n');
		return;
	}
	while (erase_last(t, &erased))
		erase_show(t, typed, erased);
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t, uint8_t typed)
{
	bool in_word = false;

	while (t->in_head != t->canon_head) {
		uint32_t before = t->in_head;
		uint8_t c;

		if (!erase_last(t, &c))
			return;
		if (is_word(c)) {
			in_word = true;
		} else if (in_word) {
			t->in_head = before;
			return;
		}
		erase_show(t, typed, c);
	}
}

static void erase(struct tty *t, uint8_t c)
{
	uint8_t erased;

	if (t->in_head == t->canon_head)
		return;
	if (is_cc(t, c, VKILL))
		kill_line(t, c);
	else if (is_cc(t, c, VWERASE))
		erase_word(t, c);
	else if (erase_last(t, &erased))
		erase_show(t, c, erased);
	if (t->in_head == t->canon_head && lflag(t, ECHO))
		erasing_finish(t);
}

/* --- input ---------------------------------------------------------------------------------------------------- */

static void put_parity_marked(struct tty *t, uint8_t c)
{
	if (c == 0xff && iflag(t, PARMRK))
		in_put(t, c);
	in_put(t, c);
}

static void line_end(struct tty *t, uint8_t c)
{
	in_put(t, c);
	mark_set(t, t->in_head - 1, true);
	t->canon_head = t->in_head;
}

static void signal_char(struct tty *t, uint8_t c, int sig)
{
	if (!lflag(t, NOFLSH)) {
		ldisc_flush_output(t);
		ldisc_flush_input(t);
	}
	if (iflag(t, IXON) && t->stopped)
		ldisc_start_stop(t, false);
	if (lflag(t, ECHO))
		echo_char(t, c);
	ldisc_signal(t, sig);
}

static void reprint(struct tty *t, uint8_t c)
{
	erasing_finish(t);
	echo_char(t, c);
	echo_raw(t, '\n');
	for (uint32_t at = t->canon_head; at != t->in_head; at++)
		echo_char(t, *in_at(t, at));
}

/* The characters that only ICANON knows.  False: it is an ordinary one. */
static bool canonical_char(struct tty *t, uint8_t c)
{
	bool extended = lflag(t, IEXTEN);

	if (is_cc(t, c, VERASE) || is_cc(t, c, VKILL) || (is_cc(t, c, VWERASE) && extended)) {
		erase(t, c);
		return true;
	}
	if (is_cc(t, c, VLNEXT) && extended) {
		t->lnext = true;
		if (lflag(t, ECHO)) {
			erasing_finish(t);
			if (lflag(t, ECHOCTL)) {
				out_put(t, '^');
				out_put(t, '\b');
			}
		}
		return true;
	}
	if (is_cc(t, c, VREPRINT) && lflag(t, ECHO) && extended) {
		reprint(t, c);
		return true;
	}
	if (c == '\n') {
		if (lflag(t, ECHO) || lflag(t, ECHONL))
			echo_raw(t, '\n');
		line_end(t, c);
		return true;
	}
	if (is_cc(t, c, VEOF)) {
		line_end(t, DISABLED);
		return true;
	}
	if (is_cc(t, c, VEOL) || (is_cc(t, c, VEOL2) && extended)) {
		if (lflag(t, ECHO)) {
			echo_mark_line(t);
			echo_char(t, c);
		}
		if (c == 0xff && iflag(t, PARMRK))
			in_put(t, c);
		line_end(t, c);
		return true;
	}
	return false;
}

static bool flow_char(struct tty *t, uint8_t c)
{
	if (!iflag(t, IXON))
		return false;
	if (is_cc(t, c, VSTART)) {
		ldisc_start_stop(t, false);
		return true;
	}
	if (is_cc(t, c, VSTOP)) {
		ldisc_start_stop(t, true);
		return true;
	}
	return false;
}

static bool signal_or_not(struct tty *t, uint8_t c)
{
	int sig = is_cc(t, c, VINTR) ? SIGINT : is_cc(t, c, VQUIT) ? SIGQUIT : is_cc(t, c, VSUSP) ? SIGTSTP : 0;

	if (!lflag(t, ISIG) || sig == 0)
		return false;
	signal_char(t, c, sig);
	return true;
}

static void receive_char(struct tty *t, uint8_t c)
{
	if (iflag(t, ISTRIP))
		c &= 0x7f;
	if (iflag(t, IUCLC) && lflag(t, IEXTEN) && c >= 'A' && c <= 'Z')
		c = (uint8_t)(c + 32);
	if (t->lnext) {
		t->lnext = false;
		if (lflag(t, ECHO)) {
			echo_mark_line(t);
			echo_char(t, c);
		}
		put_parity_marked(t, c);
		return;
	}
	if (lflag(t, EXTPROC)) {
		in_put(t, c);
		return;
	}
	if (flow_char(t, c))
		return;
	if (t->stopped && iflag(t, IXON) && iflag(t, IXANY))
		ldisc_start_stop(t, false);
	if (signal_or_not(t, c))
		return;
	if (c == '\r') {
		if (iflag(t, IGNCR))
			return;
		if (iflag(t, ICRNL))
			c = '\n';
	} else if (c == '\n' && iflag(t, INLCR)) {
		c = '\r';
	}
	if (lflag(t, ICANON) && canonical_char(t, c))
		return;
	if (lflag(t, ECHO)) {
		erasing_finish(t);
		if (c == '\n') {
			echo_raw(t, '\n');
		} else {
			echo_mark_line(t);
			echo_char(t, c);
		}
	}
	put_parity_marked(t, c);
}

/* Nothing needs looking at: the bytes go straight into the ring. */
static bool plain_input(const struct tty *t)
{
	return !lflag(t, ICANON) && !lflag(t, ECHO) && !lflag(t, ISIG) && !lflag(t, IEXTEN) &&
		!(t->termios.iflag & (ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)) && !t->lnext;
}

uint32_t ldisc_room(const struct tty *t)
{
	uint32_t room = TTY_IN - (t->in_head - t->in_tail);

	if (iflag(t, PARMRK))
		room = (room + 1) / 2;
	return room > 1 ? room - 1 : 0;		/* one place is always left for the end of a line */
}

uint32_t ldisc_receive(struct tty *t, const uint8_t *data, uint32_t len)
{
	uint32_t n = 0;

	if (plain_input(t)) {
		while (n < len && ldisc_room(t) > 0)
			in_put(t, data[n++]);
		return n;
	}
	for (; n < len; n++) {
		uint32_t held = t->in_head - t->in_tail;

		if (ldisc_room(t) == 0) {
			if (!lflag(t, ICANON) || t->canon_head != t->in_tail)
				break;	/* somebody can make room by reading */
			if (held >= TTY_IN)
				t->in_head--;	/* too long a line: its last character gives way */
		}
		receive_char(t, data[n]);
	}
	return n;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

bool ldisc_readable(const struct tty *t, bool for_poll)
{
	uint32_t need = for_poll && t->termios.cc[VTIME] == 0 && t->termios.cc[VMIN] ? t->termios.cc[VMIN] : 1;

	if (lflag(t, ICANON) && !lflag(t, EXTPROC))
		return t->canon_head != t->in_tail;
	return t->in_head - t->in_tail >= need;
}

uint32_t ldisc_available(const struct tty *t)
{
	uint32_t end = lflag(t, ICANON) ? t->canon_head : t->in_head, n = 0;

	for (uint32_t at = t->in_tail; at != end; at++)
		if (!(lflag(t, ICANON) && mark_at(t, at) && t->in[at % TTY_IN] == DISABLED))
			n++;
	return n;
}

static bool at_eof_mark(struct tty *t)
{
	return t->in_tail != t->canon_head && mark_at(t, t->in_tail) && *in_at(t, t->in_tail) == DISABLED;
}

static int64_t canonical_read(struct tty *t, uint8_t *buf, uint32_t len)
{
	uint32_t n = 0;

	while (t->in_tail != t->canon_head && n < len) {
		bool end = mark_at(t, t->in_tail);
		uint8_t c = *in_at(t, t->in_tail);

		mark_set(t, t->in_tail, false);
		t->in_tail++;
		if (end && c == DISABLED)
			return n;
		buf[n++] = c;
		if (end)
			return n;
	}
	if (n != 0 && n == len && at_eof_mark(t)) {	/* or the next read would answer a wrong end of file */
		mark_set(t, t->in_tail, false);
		t->in_tail++;
	}
	return n;
}

int64_t ldisc_read(struct tty *t, uint8_t *buf, uint32_t len)
{
	uint32_t n = 0;

	if (lflag(t, ICANON) && !lflag(t, EXTPROC))
		return canonical_read(t, buf, len);
	while (t->in_tail != t->in_head && n < len)
		buf[n++] = *in_at(t, t->in_tail++);
	if ((int32_t)(t->canon_head - t->in_tail) < 0)
		t->canon_head = t->in_tail;
	return n;
}

/* n_tty_set_termios: what was typed before stays readable when ICANON is switched on or off. */
void ldisc_mode_changed(struct tty *t, const struct linux_termios2 *old)
{
	if (!((old->lflag ^ t->termios.lflag) & (ICANON | EXTPROC)))
		return;
	memset(t->marks, 0, sizeof(t->marks));
	if (!lflag(t, ICANON) || t->in_head == t->in_tail) {
		t->canon_head = t->in_tail;
	} else {
		mark_set(t, t->in_head - 1, true);
		t->canon_head = t->in_head;
	}
	t->lnext = t->erasing = false;
}
