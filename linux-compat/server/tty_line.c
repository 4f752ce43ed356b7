/*
 * tty_line.c -- the serial lines: output to the pipes that consoled reads, its word when they drain.
 *
 * Owns:    the write ends console_out0 and console_out1; how much went in and how much has been sent.
 * Fails:   a line without its pipe does not exist (ENXIO).
 * Tested:  linux-compat/server/test/tty_test.c, tests/boot
 */
#include "tty.h"

#define LINES 2u

struct line {
	struct tty tty;
	handle_t pipe;
	uint64_t written;		/* bytes put into the pipe since start */
	uint64_t sent, sent_base;	/* as consoled says; base: sent before it was restarted */
};

static struct line *lines[LINES];

/* Without waiting: what the pipe refuses stays until LX_TTY_DRAINED. */
static void line_output(struct tty *t)
{
	struct line *l = t->line;

	while (tty_out_used(t) > 0 && !t->stopped) {
		uint32_t at = t->out_tail % TTY_OUT, n = tty_out_used(t);
		int64_t put;

		if (n > TTY_OUT - at)
			n = TTY_OUT - at;
		if (n > PIPE_ATOMIC)
			n = PIPE_ATOMIC;
		put = tess_descriptor_write(l->pipe, t->out + at, n, 0);
		if (put <= 0)
			return;
		t->out_tail += (uint32_t)put;
		l->written += (uint64_t)put;
	}
}

static bool line_drained(const struct tty *t)
{
	return tty_out_used(t) == 0 && t->line->sent_base + t->line->sent >= t->line->written;
}

/* consoled has sent `sent` bytes since its start; nothing held: whatever is missing was lost with an old one */
void line_sent(struct tty *t, uint64_t sent, uint64_t held)
{
	struct line *l = t->line;

	if (sent < l->sent)
		l->sent_base += l->sent;
	l->sent = sent;
	(void)held;
}

/* Nothing that programs wrote is on its way any more; output that ^S holds back does not count. */
bool lines_drained(void)
{
	for (uint32_t i = 0; i < LINES; i++)
		if (lines[i] && !lines[i]->tty.stopped && !line_drained(&lines[i]->tty))
			return false;
	return true;
}

static const struct tty_driver line_driver = { .name = "serial", .output = line_output, .drained = line_drained };

struct tty *line_tty(uint32_t index)
{
	return index < LINES && lines[index] ? &lines[index]->tty : NULL;
}

void line_init(void)
{
	static const char *const grants[LINES] = { "console_out0", "console_out1" };

	for (uint32_t i = 0; i < LINES; i++) {
		handle_t pipe = rt_grant(grants[i]);
		struct line *l = pipe == H_NONE ? NULL : mem_alloc(sizeof(*l));

		if (!l)
			continue;
		l->pipe = pipe;
		tty_setup(&l->tty, &line_driver, MAKEDEV(4, 64 + i), i);
		l->tty.line = l;
		l->tty.termios.cflag = B115200 | CS8 | CREAD | CLOCAL;
		l->tty.termios.ispeed = l->tty.termios.ospeed = 115200;
		lines[i] = l;
	}
}
