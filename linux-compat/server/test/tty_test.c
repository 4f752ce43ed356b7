/*
 * tty_test.c -- the line discipline, terminals as files, job control, pseudo terminals.
 */
#include "process_mock.h"

#define TTYS0	MAKEDEV(4, 64)
#define TTYS1	MAKEDEV(4, 65)

static struct process *shell;		/* a session leader with ttyS0 */
static struct mock_file *tty;

static void begin(uint32_t rdev)
{
	mock_start();
	shell = mock_fork(process_init);
	mock_call(shell, LX_SETSID, 0, 0, 0);
	tty = mock_open(shell, rdev, O_RDWR);
	CHECK(tty != NULL);
}

static void end(void)
{
	mock_close(tty);
	mock_end();
	mock_line_len = 0;
}

static void type(const char *text) { mock_feed(0, text, (uint32_t)strlen(text)); }

static bool screen(const char *text)
{
	bool same = mock_line_len == strlen(text) && memcmp(mock_line_out, text, mock_line_len) == 0;

	if (!same)
		printf("# screen: %.*s\n", (int)mock_line_len, mock_line_out);
	mock_line_len = 0;
	return same;
}

static bool line_is(const char *text)
{
	uint64_t token = mock_read(shell, tty, 4096, true);
	bool same = value_of(token) == (int64_t)strlen(text) && memcmp(answer_of(token)->data, text, strlen(text)) == 0;

	if (!same)
		printf("# read: %ld %.*s\n", (long)value_of(token), (int)answer_of(token)->len, answer_of(token)->data);
	return same;
}

static struct linux_termios2 modes(void)
{
	struct linux_termios2 t;

	memcpy(&t, answer_of(mock_ioctl(shell, tty, TCGETS2, 0, NULL, 0))->data, sizeof(t));
	return t;
}

static void modes_set(const struct linux_termios2 *t)
{
	CHECK(value_of(mock_ioctl(shell, tty, TCSETS2, 0, t, sizeof(*t))) == 0);
}

static void raw(uint8_t min, uint8_t time)
{
	struct linux_termios2 t = modes();

	t.iflag = 0;
	t.oflag = 0;
	t.lflag = 0;
	t.cc[VMIN] = min;
	t.cc[VTIME] = time;
	modes_set(&t);
}

static void a_line_is_edited(void)
{
	begin(TTYS0);
	type("helk\177lo\r");
	CHECK(screen("helk\b \blo\r\n"));
	CHECK(line_is("hello\n"));
	type("one two\027three\025x\r");
	CHECK(line_is("x\n"));
	mock_line_len = 0;
	type("ab\tc\177\177\r");	/* a tab is erased to where it began */
	CHECK(screen("ab\tc\b \b\b\b\b\b\b\b\r\n"));
	CHECK(line_is("ab\n"));
	type("\003");
	end();
}

static void words_and_utf8_are_erased_whole(void)
{
	struct linux_termios2 t;

	begin(TTYS0);
	type("echo a-b  \027\r");
	CHECK(line_is("echo a-\n"));
	t = modes();
	t.iflag |= IUTF8;
	modes_set(&t);
	type("x\303\251\177y\r");
	CHECK(line_is("xy\n"));
	end();
}

static void special_characters_can_be_quoted(void)
{
	begin(TTYS0);
	type("a\026\003b\r");
	CHECK(screen("a^\b^Cb\r\n"));
	CHECK(line_is("a\003b\n"));
	type("ab\022c\r");
	CHECK(screen("ab^R\r\nabc\r\n"));
	end();
}

static void end_of_file_is_typed(void)
{
	uint64_t token;

	begin(TTYS0);
	type("abc\004");
	CHECK(line_is("abc"));
	type("\004");
	token = mock_read(shell, tty, 100, false);
	CHECK(value_of(token) == 0);
	CHECK(value_of(mock_read(shell, tty, 100, true)) == -EAGAIN);
	type("abc\004");		/* filled exactly: no second, false end of file */
	CHECK(value_of(mock_read(shell, tty, 3, false)) == 3);
	CHECK(value_of(mock_read(shell, tty, 3, true)) == -EAGAIN);
	end();
}

static void a_read_takes_one_line_and_waits_for_it(void)
{
	uint64_t token;

	begin(TTYS0);
	token = mock_read(shell, tty, 100, false);
	type("abc");
	CHECK(value_of(token) == PARKED);
	CHECK(!(mock_ready(tty) & POLL_IN));
	type("d\rnext\r");
	CHECK(value_of(token) == 5 && memcmp(answer_of(token)->data, "abcd\n", 5) == 0);
	CHECK(mock_ready(tty) & POLL_IN);
	CHECK(value_of(mock_read(shell, tty, 2, true)) == 2);
	CHECK(line_is("xt\n"));
	token = mock_read(shell, tty, 100, false);
	mock_cancel(token);
	CHECK(value_of(token) == -LINUX_INTERRUPTED);
	end();
}

static void raw_reads_count_bytes_and_time(void)
{
	uint64_t token;

	begin(TTYS0);
	raw(3, 0);
	token = mock_read(shell, tty, 100, false);
	type("ab");
	CHECK(value_of(token) == PARKED);
	type("c");
	CHECK(value_of(token) == 3);
	raw(0, 5);
	token = mock_read(shell, tty, 100, false);
	mock_time(499999999);
	CHECK(value_of(token) == PARKED);
	mock_time(1);
	CHECK(value_of(token) == 0);
	raw(0, 0);
	CHECK(value_of(mock_read(shell, tty, 100, false)) == 0);
	raw(10, 1);
	token = mock_read(shell, tty, 100, false);
	mock_time(NS_PER_SEC);
	CHECK(value_of(token) == PARKED);	/* the timer starts with the first byte */
	type("x");
	mock_time(NS_PER_SEC / 10);
	CHECK(value_of(token) == 1);
	CHECK(mock_line_len == 0);
	end();
}

static void control_characters_signal_the_foreground(void)
{
	struct process *job;
	int32_t pgid;

	begin(TTYS0);
	job = mock_fork(shell);
	mock_call(shell, LX_SETPGID, job->pid, 0, 0);
	mock_call(shell, LX_SIGCLASS, SIGTTOU, CLASS_IGNORE, 0);
	pgid = (int32_t)job->pid;
	CHECK(value_of(mock_ioctl(shell, tty, TIOCSPGRP, 0, &pgid, 4)) == 0);
	type("half");
	type("\032");
	CHECK(job->stopped && shell->state == PROCESS_ALIVE);
	CHECK(screen("half^Z"));
	mock_call(shell, LX_KILL, job->pid, SIGCONT, 0);
	type("\003");
	CHECK(job->state == PROCESS_ZOMBIE && job->exit_status == SIGINT);
	type("x\r");
	CHECK(value_of(mock_ioctl(shell, tty, FIONREAD, 0, NULL, 0)) == 0);
	pgid = (int32_t)shell->pid;
	CHECK(value_of(mock_ioctl(shell, tty, TIOCSPGRP, 0, &pgid, 4)) == 0);
	CHECK(line_is("x\n"));		/* what was typed before ^C is gone */
	end();
}

static void a_background_read_stops_its_group(void)
{
	struct process *job;
	uint64_t token;

	begin(TTYS0);
	job = mock_fork(shell);
	mock_call(job, LX_SETPGID, 0, 0, 0);
	token = mock_read(job, tty, 10, false);
	CHECK(value_of(token) == -LINUX_INTERRUPTED && job->stopped);
	mock_call(shell, LX_KILL, job->pid, SIGCONT, 0);
	mock_call(job, LX_SIGCLASS, SIGTTIN, CLASS_IGNORE, 0);
	CHECK(value_of(mock_read(job, tty, 10, false)) == -EIO);
	CHECK(value_of(mock_write(job, tty, "ok", 2, false)) == 2);	/* no TOSTOP */
	CHECK(value_of(mock_ioctl(job, tty, TCSETS2, 0, &(struct linux_termios2){ 0 }, 44)) == -LINUX_INTERRUPTED);
	CHECK(job->stopped);
	end();
}

static void output_is_processed(void)
{
	struct linux_termios2 t;

	begin(TTYS0);
	CHECK(value_of(mock_write(shell, tty, "a\nb", 3, false)) == 3);
	CHECK(screen("a\r\nb"));
	t = modes();
	t.oflag |= XTABS;
	modes_set(&t);
	mock_write(shell, tty, "\ta\tb\n", 5, false);
	CHECK(screen("       a       b\r\n"));
	raw(1, 0);
	mock_write(shell, tty, "a\nb\t", 4, false);
	CHECK(screen("a\nb\t"));
	end();
}

static void a_full_line_parks_the_writer(void)
{
	static char text[60000];
	uint64_t token;

	begin(TTYS0);
	raw(1, 0);
	memset(text, 'w', sizeof(text));
	mock_line_capacity = 1000;
	token = mock_write(shell, tty, text, sizeof(text), false);
	CHECK(value_of(token) == PARKED);
	CHECK(!(mock_ready(tty) & POLL_OUT));
	CHECK(value_of(mock_write(shell, tty, "x", 1, true)) == -EAGAIN);
	for (int i = 0; i < 100 && value_of(token) == PARKED; i++) {
		mock_line_len = 0;
		tty_output(line_tty(0));
	}
	CHECK(value_of(token) == sizeof(text));
	mock_line_len = 0;
	mock_line_capacity = sizeof(mock_line_out);
	tty_output(line_tty(0));
	CHECK(mock_ready(tty) & POLL_OUT);
	end();
}

static void flow_control_stops_and_starts(void)
{
	uint64_t token;

	begin(TTYS0);
	type("\023");
	token = mock_write(shell, tty, "abc", 3, false);
	CHECK(value_of(token) == PARKED && mock_line_len == 0);
	type("\021");
	CHECK(value_of(token) == 3 && screen("abc"));
	end();
}

/* Nothing is lost on a raw line however slow the reader is: consoled is held back. */
static void raw_input_is_lossless(void)
{
	static uint8_t sent[20000], got[20000];
	uint32_t ngot = 0;

	begin(TTYS1);
	raw(1, 0);
	for (uint32_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 256);
	for (uint32_t at = 0; at < sizeof(sent); at += 2000) {
		uint64_t feed = mock_feed(1, sent + at, 2000);

		while (value_of(feed) == PARKED || at + 2000 == sizeof(sent)) {
			uint64_t read = mock_read(shell, tty, 700, true);

			if (value_of(read) <= 0)
				break;
			memcpy(got + ngot, answer_of(read)->data, answer_of(read)->len);
			ngot += answer_of(read)->len;
		}
		CHECK(value_of(feed) == 2000);
	}
	CHECK(ngot == sizeof(sent) && memcmp(sent, got, ngot) == 0);
	end();
}

static void a_line_too_long_can_still_be_ended(void)
{
	static char text[6000];
	uint64_t token;

	begin(TTYS0);
	memset(text, 'l', sizeof(text));
	CHECK(value_of(mock_feed(0, text, sizeof(text))) == sizeof(text));
	type("\r");
	token = mock_read(shell, tty, 8192, true);
	CHECK(value_of(token) > 4000 && value_of(token) <= 4096);
	CHECK(answer_of(token)->data[value_of(token) - 1] == '\n');
	end();
}

static void the_end_of_the_leader_hangs_up(void)
{
	struct process *job, *other;
	struct mock_file *again;
	uint64_t token;

	begin(TTYS0);
	job = mock_fork(shell);
	other = mock_fork(process_init);
	token = mock_read(other, tty, 10, false);
	CHECK(value_of(token) == PARKED);
	mock_exit(shell, 0);
	CHECK(job->state == PROCESS_ZOMBIE && job->exit_status == SIGHUP);
	CHECK(value_of(token) == 0);
	CHECK(value_of(mock_write(other, tty, "x", 1, false)) == -EIO);
	again = mock_open(other, TTYS0, O_RDWR | O_NOCTTY);
	CHECK(value_of(mock_write(other, again, "x", 1, false)) == 1);
	mock_close(again);
	end();
}

static void the_window_size_is_told(void)
{
	struct linux_winsize w = { 24, 80, 0, 0 };

	begin(TTYS0);
	mock_call(shell, LX_SIGCLASS, SIGWINCH, CLASS_HANDLED, 0);
	CHECK(value_of(mock_ioctl(shell, tty, TIOCSWINSZ, 0, &w, sizeof(w))) == 0);
	CHECK(value_of(mock_call(shell, LX_SIGTAKE, 0, 0, 0)) == SIGWINCH);
	mock_ioctl(shell, tty, TIOCSWINSZ, 0, &w, sizeof(w));
	CHECK(value_of(mock_call(shell, LX_SIGTAKE, 0, 0, 0)) == 0);
	CHECK(memcmp(answer_of(mock_ioctl(shell, tty, TIOCGWINSZ, 0, NULL, 0))->data, &w, sizeof(w)) == 0);
	CHECK(value_of(mock_ioctl(shell, tty, TIOCSTI, 0, "x", 1)) == -EIO);
	CHECK(value_of(mock_ioctl(shell, tty, 0x4B33, 0, NULL, 0)) == -ENOTTY);
	end();
}

static void modes_survive_a_switch_to_raw_and_back(void)
{
	struct linux_termios2 t;

	begin(TTYS0);
	type("typed");
	t = modes();
	t.lflag &= ~(uint32_t)ICANON;
	modes_set(&t);
	CHECK(line_is("typed"));
	type("more");
	t.lflag |= ICANON;
	modes_set(&t);
	CHECK(line_is("more"));
	end();
}

static void a_pty_connects_two_processes(void)
{
	struct mock_file *master, *slave;
	struct process *child;
	uint64_t token;
	int32_t unlock = 0;

	mock_start();
	shell = mock_fork(process_init);
	master = mock_open(shell, MAKEDEV(5, 2), O_RDWR);
	CHECK(value_of(mock_ioctl(shell, master, TIOCGPTN, 0, NULL, 0)) == 0);
	child = mock_fork(shell);
	mock_call(child, LX_SETSID, 0, 0, 0);
	CHECK(mock_open(child, MAKEDEV(136, 0), O_RDWR) == NULL);	/* locked */
	mock_ioctl(shell, master, TIOCSPTLCK, 0, &unlock, 4);
	slave = mock_open(child, MAKEDEV(136, 0), O_RDWR);
	CHECK(slave && child->group->session->tty);
	token = mock_read(child, slave, 100, false);
	CHECK(value_of(mock_write(shell, master, "hi\r", 3, false)) == 3);
	CHECK(value_of(token) == 3 && memcmp(answer_of(token)->data, "hi\n", 3) == 0);
	CHECK(mock_ready(master) & POLL_IN);
	token = mock_read(shell, master, 100, false);
	CHECK(value_of(token) == 4 && memcmp(answer_of(token)->data, "hi\r\n", 4) == 0);	/* the echo */
	token = mock_read(shell, master, 100, false);
	CHECK(value_of(token) == PARKED);
	mock_write(child, slave, "out\n", 4, false);
	CHECK(value_of(token) == 5);
	mock_call(child, LX_SIGCLASS, SIGINT, CLASS_HANDLED, 0);
	mock_write(shell, master, "\003", 1, false);
	CHECK(value_of(mock_call(child, LX_SIGTAKE, 0, 0, 0)) == SIGINT);
	mock_read(shell, master, 100, false);
	token = mock_read(shell, master, 100, false);
	mock_close(slave);
	CHECK(value_of(token) == -EIO && mock_ready(master) & POLL_HUP);
	slave = mock_open(child, MAKEDEV(136, 0), O_RDWR);
	mock_close(master);		/* hangs the session up */
	CHECK(child->state == PROCESS_ZOMBIE && child->exit_status == SIGHUP);
	mock_close(slave);
	mock_end();
}

static void a_full_pty_holds_both_sides(void)
{
	static char text[30000];
	struct mock_file *master, *slave;
	uint64_t token;
	int32_t unlock = 0;
	int64_t n = 0;

	mock_start();
	shell = mock_fork(process_init);
	master = mock_open(shell, MAKEDEV(5, 2), O_RDWR);
	mock_ioctl(shell, master, TIOCSPTLCK, 0, &unlock, 4);
	tty = slave = mock_open(shell, MAKEDEV(136, 0), O_RDWR | O_NOCTTY);
	raw(1, 0);
	memset(text, 'p', sizeof(text));
	token = mock_write(shell, slave, text, sizeof(text), false);
	CHECK(value_of(token) == PARKED);
	while (n < (int64_t)sizeof(text)) {
		int64_t got = value_of(mock_read(shell, master, 4096, true));

		CHECK(got > 0);
		if (got <= 0)
			break;
		n += got;
	}
	CHECK(value_of(token) == sizeof(text));
	token = mock_write(shell, master, text, sizeof(text), false);
	CHECK(value_of(token) == PARKED && !(mock_ready(master) & POLL_OUT));
	for (n = 0; n < (int64_t)sizeof(text);) {
		int64_t got = value_of(mock_read(shell, slave, 4096, true));

		CHECK(got > 0);
		if (got <= 0)
			break;
		n += got;
	}
	CHECK(value_of(token) == sizeof(text));
	mock_close(slave);
	mock_close(master);
	mock_end();
}

static const struct tap_case tty_cases[] = {
	{ "a line is edited as it is typed", a_line_is_edited },
	{ "words and UTF-8 characters are erased whole", words_and_utf8_are_erased_whole },
	{ "special characters can be quoted, a line reprinted", special_characters_can_be_quoted },
	{ "end of file is typed", end_of_file_is_typed },
	{ "a read takes one line and waits for it", a_read_takes_one_line_and_waits_for_it },
	{ "raw reads count bytes and time", raw_reads_count_bytes_and_time },
	{ "control characters signal the foreground group", control_characters_signal_the_foreground },
	{ "a background read stops its group", a_background_read_stops_its_group },
	{ "output is processed", output_is_processed },
	{ "a full line parks the writer", a_full_line_parks_the_writer },
	{ "flow control stops and starts output", flow_control_stops_and_starts },
	{ "raw input is lossless", raw_input_is_lossless },
	{ "a line too long can still be ended", a_line_too_long_can_still_be_ended },
	{ "the end of the session leader hangs the line up", the_end_of_the_leader_hangs_up },
	{ "a change of window size is told", the_window_size_is_told },
	{ "typed text survives a switch to raw and back", modes_survive_a_switch_to_raw_and_back },
	{ "a pty connects two processes", a_pty_connects_two_processes },
	{ "a full pty holds both sides and loses nothing", a_full_pty_holds_both_sides },
};
static const unsigned tty_count = sizeof(tty_cases) / sizeof(tty_cases[0]);
