/*
 * tty.c -- terminals, through pseudo-terminals: line discipline, signals, job control.
 *
 * Owns:    its terminals.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>

static int master, slave;
static char slave_name[64];

static void terminal_open(void)
{
	int unlock = 0, number = -1;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &unlock), 0);
	CHECK_EQ(ioctl(master, TIOCGPTN, &number), 0);
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", number);
	slave = open(slave_name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
}

static void mode_change(tcflag_t local_off, tcflag_t local_on, tcflag_t out_off)
{
	struct termios t;

	CHECK_EQ(tcgetattr(slave, &t), 0);
	t.c_lflag = (t.c_lflag & ~local_off) | local_on;
	t.c_oflag &= ~out_off;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &t), 0);
}

static void raw_mode(int min, int time)
{
	struct termios t;

	CHECK_EQ(tcgetattr(slave, &t), 0);
	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &t), 0);
}

static bool readable(int fd, int ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, ms) == 1 && (one.revents & POLLIN);
}

static void type(const char *text)
{
	CHECK_EQ(write(master, text, strlen(text)), strlen(text));
}

/* Everything that is there to be read now, as text. */
static const char *text_at(int fd)
{
	static char text[8192];
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(text) - 1 && readable(fd, have == 0 ? 500 : 20)) {
		n = read(fd, text + have, sizeof(text) - 1 - have);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	text[have] = '\0';
	return text;
}

TEST("ptmx gives a pair; the slave is a terminal and has a name under /dev/pts")
{
	struct stat now;
	char link[64], path[64];
	ssize_t n;

	terminal_open();
	CHECK_EQ(isatty(slave), 1);
	CHECK_EQ(isatty(master), 1);
	CHECK_EQ(fstat(slave, &now), 0);
	CHECK(S_ISCHR(now.st_mode));
	CHECK_EQ(now.st_rdev >> 8, 136);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", slave);
	n = readlink(path, link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	CHECK_STR(link, slave_name);
	CHECK_EQ(close(master), 0);
	CHECK_EQ(access(slave_name, F_OK), -1);
}

TEST("a line reaches the reader only when it is complete")
{
	char text[64];

	terminal_open();
	type("hel");
	CHECK(!readable(slave, 30));
	type("lo\n");
	CHECK(readable(slave, 1000));
	CHECK_EQ(read(slave, text, sizeof(text)), 6);
	CHECK_EQ(memcmp(text, "hello\n", 6), 0);
}

TEST("a read takes one line at a time, and part of it when it asks for less")
{
	char text[64];

	terminal_open();
	type("one\ntwo\n");
	CHECK_EQ(read(slave, text, 2), 2);
	CHECK_EQ(read(slave, text, 64), 2);
	CHECK_EQ(memcmp(text, "e\n", 2), 0);
	CHECK_EQ(read(slave, text, 64), 4);
	CHECK_EQ(memcmp(text, "two\n", 4), 0);
}

TEST("what is typed is echoed, return becomes newline, and newline goes out as return-newline")
{
	terminal_open();
	type("ab\r");
	CHECK_STR(text_at(master), "ab\r\n");
	CHECK_STR(text_at(slave), "ab\n");
	CHECK_EQ(write(slave, "x\ny", 3), 3);
	CHECK_STR(text_at(master), "x\r\ny");
	mode_change(0, 0, ONLCR);
	CHECK_EQ(write(slave, "x\n", 2), 2);
	CHECK_STR(text_at(master), "x\n");
}

TEST("without ECHO nothing is echoed, with ECHONL the newline still is")
{
	terminal_open();
	mode_change(ECHO, 0, 0);
	type("secret\n");
	CHECK_STR(text_at(slave), "secret\n");
	CHECK(!readable(master, 20));
	mode_change(ECHO, ECHONL, 0);
	type("x\n");
	CHECK_STR(text_at(master), "\r\n");
}

TEST("erase, word erase and kill edit the line")
{
	terminal_open();
	mode_change(ECHO, 0, 0);
	type("abx\177c\n");
	CHECK_STR(text_at(slave), "abc\n");
	type("\177\177ok\n");
	CHECK_STR(text_at(slave), "ok\n");
	type("rubbish\025good\n");
	CHECK_STR(text_at(slave), "good\n");
	type("one two \027three\n");
	CHECK_STR(text_at(slave), "one three\n");
	type("lit\026\003eral\n");
	CHECK_STR(text_at(slave), "lit\003eral\n");
}

TEST("erasing is shown as backspace, blank, backspace, and control characters as ^X")
{
	terminal_open();
	type("a\177");
	CHECK_STR(text_at(master), "a\b \b");
	type("\001");
	CHECK_STR(text_at(master), "^A");
	type("\177");
	CHECK_STR(text_at(master), "\b \b\b \b");
}

TEST("^D sends what is typed, and on an empty line end of file, once")
{
	char text[8];

	terminal_open();
	type("ab\004");
	CHECK_EQ(read(slave, text, 8), 2);
	type("\004");
	CHECK(readable(slave, 1000));
	CHECK_EQ(read(slave, text, 8), 0);
	CHECK(!readable(slave, 20));
	type("c\n");
	CHECK_EQ(read(slave, text, 8), 2);
}

TEST("raw mode gives each byte at once, unchanged, and echoes nothing")
{
	char text[8];

	terminal_open();
	raw_mode(1, 0);
	type("a\r\003\004");
	CHECK_EQ(read(slave, text, 8), 4);
	CHECK_EQ(memcmp(text, "a\r\003\004", 4), 0);
	CHECK(!readable(master, 20));
	CHECK_EQ(write(slave, "\n", 1), 1);
	CHECK_STR(text_at(master), "\n");
}

TEST("VMIN waits for so many bytes, VTIME for so long, both 0 not at all")
{
	char text[8];
	int64_t start;
	pid_t child;

	terminal_open();
	raw_mode(0, 0);
	CHECK_EQ(read(slave, text, 8), 0);
	raw_mode(0, 1);
	start = now_ns();
	CHECK_EQ(read(slave, text, 8), 0);
	CHECK(now_ns() - start >= 90000000);
	raw_mode(3, 0);
	CHILD(child) {
		for (int i = 0; i < 3; i++) {
			sleep_ms(20);
			type("x");
		}
	}
	CHECK_EQ(read(slave, text, 8), 3);
	REAP(child, 0);
	raw_mode(5, 1);
	type("ab");
	CHECK_EQ(read(slave, text, 8), 2);
}

TEST("settings are given back as set, the defaults are those of Linux")
{
	struct termios t, again;

	terminal_open();
	CHECK_EQ(tcgetattr(slave, &t), 0);
	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(t.c_cflag & ~(tcflag_t)CBAUD, CS8 | CREAD);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VERASE], 0177);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VSUSP], 032);
	t.c_cc[VINTR] = 'q';
	t.c_iflag = 0;
	CHECK_EQ(tcsetattr(slave, TCSADRAIN, &t), 0);
	CHECK_EQ(tcgetattr(master, &again), 0);
	CHECK_EQ(again.c_cc[VINTR], 'q');
	CHECK_EQ(again.c_iflag, 0);
	CHECK_ERR(ioctl(slave, TCGETS, 1), EFAULT);
	CHECK_ERR(ioctl(slave, 0x54ee, 0), ENOTTY);
}

TEST("the window size is kept, and a change sends SIGWINCH to the foreground group")
{
	struct winsize size = { 24, 80, 0, 0 }, got;
	sigset_t set;
	siginfo_t info;
	pid_t child;
	int ends[2];
	char byte;

	terminal_open();
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
	CHECK(got.ws_row == 0 && got.ws_col == 0);
	CHILD(child) {
		sigemptyset(&set);
		sigaddset(&set, SIGWINCH);
		sigprocmask(SIG_BLOCK, &set, NULL);
		setsid();
		CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
		write(ends[1], "r", 1);
		CHECK_EQ(sigwaitinfo(&set, &info), SIGWINCH);
		CHECK_EQ(ioctl(slave, TIOCGWINSZ, &got), 0);
		CHECK(got.ws_row == 24 && got.ws_col == 80);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &size), 0);
	REAP(child, 0);
}

/* Starts a session on the terminal in a child, which then runs the block. */
#define SESSION(pid)							\
	CHILD(pid)							\
		for (int once_ = session_begin(); once_; once_ = 0)

static int session_begin(void)
{
	CHECK(setsid() > 0);
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	return 1;
}

TEST("a session leader takes a terminal by TIOCSCTTY or by opening it, and /dev/tty is it")
{
	pid_t child, group;
	int fd;

	terminal_open();
	SESSION(child) {
		CHECK_EQ(ioctl(slave, TIOCGPGRP, &group), 0);
		CHECK_EQ(group, getpid());
		CHECK_EQ(ioctl(slave, TIOCGSID, &group), 0);
		CHECK_EQ(group, getpid());
		fd = open("/dev/tty", O_RDWR);
		CHECK(fd >= 0);
		CHECK_EQ(write(fd, "tty", 3), 3);
		CHECK_STR(text_at(master), "tty");
	}
	REAP(child, 0);
	terminal_open();
	CHILD(child) {
		CHECK(setsid() > 0);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		CHECK(open(slave_name, O_RDWR) >= 0);
		CHECK(open("/dev/tty", O_RDWR) >= 0);
	}
	REAP(child, 0);
}

TEST("who is no leader, or has one already, gets no terminal")
{
	pid_t child;

	terminal_open();
	CHILD(child)
		CHECK_ERR(ioctl(slave, TIOCSCTTY, 0), EPERM);
	REAP(child, 0);
	CHECK_ERR(ioctl(slave, TIOCGPGRP, &child), ENOTTY);
	CHECK_ERR(ioctl(slave, TIOCSPGRP, &(pid_t){ getpid() }), ENOTTY);
}

TEST("^C, ^\\ and ^Z signal the foreground group and drop what was typed")
{
	struct {
		char key[2];
		int signal;
	} keys[] = { { "\003", SIGINT }, { "\034", SIGQUIT }, { "\032", SIGTSTP } };
	int ends[2], status;
	char byte;
	pid_t child;

	for (int i = 0; i < 3; i++) {
		terminal_open();
		CHECK_EQ(pipe(ends), 0);
		SESSION(child) {
			/* The leader's group would be orphaned, and TSTP stops no orphan. */
			pid_t job = fork();

			if (job == 0) {
				setpgid(0, 0);
				signal(SIGTTOU, SIG_IGN);
				CHECK_EQ(tcsetpgrp(slave, getpid()), 0);
				write(ends[1], "r", 1);
				for (;;)
					pause();
			}
			CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
			CHECK_EQ(WIFSTOPPED(status) ? WSTOPSIG(status) : WTERMSIG(status),
				 keys[i].signal);
			kill(job, SIGKILL);
		}
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		type("lost");
		type(keys[i].key);
		REAP(child, 0);
		CHECK(!readable(slave, 20));
	}
}

TEST("with ISIG off ^C is a character, and in raw mode too")
{
	char text[8];

	terminal_open();
	mode_change(ISIG | ECHO, 0, 0);
	type("\003\n");
	CHECK_EQ(read(slave, text, 8), 2);
	CHECK_EQ(text[0], 3);
}

/* A background job that does this; gives what waitpid says about it, and ends it. */
static int job_status(void (*body)(void))
{
	int status = 0;
	pid_t job = fork();

	if (job == 0) {
		setpgid(0, 0);
		body();
		_exit(3);
	}
	setpgid(job, job);
	CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
	if (WIFSTOPPED(status)) {
		kill(job, SIGKILL);
		CHECK_EQ(waitpid(job, NULL, 0), job);
	}
	return status;
}

static void job_read(void)
{
	char byte;

	read(slave, &byte, 1);
}

static void job_write(void)
{
	write(slave, "x", 1);
}

static void job_set(void)
{
	struct termios t;

	tcgetattr(slave, &t);
	tcsetattr(slave, TCSANOW, &t);
}

TEST("a background job that reads is stopped by TTIN, one that writes with TOSTOP by TTOU")
{
	pid_t child;

	terminal_open();
	SESSION(child) {
		CHECK_EQ(job_status(job_read), SIGTTIN << 8 | 0x7f);
		CHECK_EQ(job_status(job_write), 3 << 8);
		CHECK_EQ(job_status(job_set), SIGTTOU << 8 | 0x7f);
		mode_change(0, TOSTOP, 0);
		CHECK_EQ(job_status(job_write), SIGTTOU << 8 | 0x7f);
	}
	REAP(child, 0);
}

TEST("a background job that ignores TTIN gets EIO from read; writes pass without TOSTOP")
{
	pid_t child;

	terminal_open();
	SESSION(child) {
		pid_t job = fork();

		if (job == 0) {
			char byte;

			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			CHECK_ERR(read(slave, &byte, 1), EIO);
			CHECK_EQ(write(slave, "out", 3), 3);
			_exit(3);
		}
		setpgid(job, job);
		REAP(job, 3);
		CHECK_STR(text_at(master), "out");
	}
	REAP(child, 0);
}

TEST("tcsetpgrp from the background stops with TTOU, or works when that is ignored")
{
	pid_t child;
	int status;

	terminal_open();
	SESSION(child) {
		pid_t job = fork();

		if (job == 0) {
			setpgid(0, 0);
			tcsetpgrp(slave, getpid());
			_exit(4);
		}
		setpgid(job, job);
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		kill(job, SIGKILL);
		waitpid(job, NULL, 0);
		CHECK_ERR(tcsetpgrp(slave, 0x3ffffff), ESRCH);
	}
	REAP(child, 0);
}

TEST("closing the master hangs up: HUP to the session leader, then end of file and EIO")
{
	pid_t child;
	int ends[2];
	char byte;

	terminal_open();
	CHECK_EQ(pipe(ends), 0);
	SESSION(child) {
		close(master);
		write(ends[1], "r", 1);
		for (;;)
			pause();
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(close(master), 0);
	REAP_KILLED(child, SIGHUP);
	CHECK_EQ(read(slave, &byte, 1), 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
}

TEST("when the last slave is closed the master reads EIO")
{
	char byte;
	struct pollfd one;

	terminal_open();
	CHECK_EQ(close(slave), 0);
	CHECK_ERR(read(master, &byte, 1), EIO);
	one = (struct pollfd){ .fd = master, .events = POLLIN };
	CHECK_EQ(poll(&one, 1, 0), 1);
	CHECK(one.revents & POLLHUP);
	slave = open(slave_name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHECK_EQ(write(slave, "again", 5), 5);
	CHECK_STR(text_at(master), "again");
}

TEST("a session leader's end hangs up its terminal's foreground group")
{
	pid_t child;
	int ends[2];
	char byte;

	terminal_open();
	CHECK_EQ(pipe(ends), 0);
	SESSION(child) {
		if (fork() == 0) {
			write(ends[1], "r", 1);
			for (;;)
				pause();
		}
		CHECK_EQ(read(ends[0], &byte, 1), 1);
	}
	close(ends[1]);
	REAP(child, 0);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
}

TEST("FIONREAD tells how much was typed, and a flush drops it")
{
	int count = -1;

	terminal_open();
	mode_change(ECHO, 0, 0);
	type("hello\n");
	CHECK_EQ(ioctl(slave, FIONREAD, &count), 0);
	CHECK_EQ(count, 6);
	CHECK_EQ(tcflush(slave, TCIFLUSH), 0);
	CHECK(!readable(slave, 20));
}

TEST("TCSETSF drops input that was not read, TCSETSW keeps it")
{
	struct termios t;

	terminal_open();
	type("keep\n");
	CHECK_EQ(tcgetattr(slave, &t), 0);
	CHECK_EQ(tcsetattr(slave, TCSADRAIN, &t), 0);
	CHECK_STR(text_at(slave), "keep\n");
	type("drop\n");
	CHECK(readable(slave, 500));
	CHECK_EQ(tcsetattr(slave, TCSAFLUSH, &t), 0);
	CHECK(!readable(slave, 20));
}

TEST("the old termio is the low half of termios, and setting it leaves the rest as it was")
{
	struct { uint16_t iflag, oflag, cflag, lflag; uint8_t line, cc[8], pad; } old;
	struct termios before, after;

	terminal_open();
	CHECK_EQ(tcgetattr(slave, &before), 0);
	before.c_cc[VSUSP] = 'Z';
	before.c_iflag |= IUTF8;
	CHECK_EQ(tcsetattr(slave, TCSANOW, &before), 0);
	CHECK_EQ(ioctl(slave, 0x5405 /* TCGETA */, &old), 0);
	CHECK_EQ(old.iflag, before.c_iflag & 0xffff);
	CHECK_EQ(old.oflag, before.c_oflag & 0xffff);
	CHECK_EQ(old.cflag, before.c_cflag & 0xffff);
	CHECK_EQ(old.lflag, before.c_lflag & 0xffff);
	CHECK_EQ(memcmp(old.cc, before.c_cc, 8), 0);
	old.lflag &= (uint16_t)~ECHO;
	old.cc[VERASE] = '#';
	for (unsigned set = 0x5406; set <= 0x5408; set++) {	/* TCSETA, TCSETAW, TCSETAF */
		CHECK_EQ(tcsetattr(slave, TCSANOW, &before), 0);
		type("typed\n");
		CHECK(readable(slave, 500));
		CHECK_EQ(ioctl(slave, (int)set, &old), 0);
		CHECK_EQ(readable(slave, 20), set != 0x5408);
		tcflush(slave, TCIFLUSH);
		CHECK_EQ(tcgetattr(slave, &after), 0);
		CHECK_EQ(after.c_lflag, before.c_lflag & ~(tcflag_t)ECHO);
		CHECK_EQ(after.c_cc[VERASE], '#');
		CHECK_EQ(after.c_cc[VSUSP], 'Z');
		CHECK_EQ(after.c_iflag, before.c_iflag);
	}
	CHECK_ERR(ioctl(slave, 0x5405, NULL), EFAULT);
	CHECK_ERR(ioctl(slave, 0x5406, NULL), EFAULT);
}

TEST("a nonblocking read of an empty terminal is EAGAIN, a blocking one sleeps until a line")
{
	char text[8];
	pid_t child;

	terminal_open();
	CHECK_EQ(fcntl(slave, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERR(read(slave, text, 8), EAGAIN);
	CHECK_EQ(fcntl(slave, F_SETFL, 0), 0);
	CHILD(child) {
		sleep_ms(40);
		type("x\n");
	}
	CHECK_EQ(read(slave, text, 8), 2);
	REAP(child, 0);
}

TEST("^S holds output back and ^Q lets it go")
{
	terminal_open();
	type("\023");
	sleep_ms(20);
	CHECK_EQ(fcntl(slave, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERR(write(slave, "held", 4), EAGAIN);
	type("\021");
	sleep_ms(20);
	CHECK_EQ(write(slave, "held", 4), 4);
	CHECK_STR(text_at(master), "held");
}

TEST("a line of 5000 bytes is cut to 4095 and its newline")
{
	static char line[5001], got[8192];
	ssize_t n;

	terminal_open();
	mode_change(ECHO, 0, 0);
	memset(line, 'l', 4999);
	line[4999] = '\n';
	CHECK_EQ(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	for (size_t done = 0; done < 5000;) {
		n = write(master, line + done, 5000 - done);
		if (n < 0) {
			CHECK_EQ(errno, EAGAIN);
			sleep_ms(2);
			continue;
		}
		done += (size_t)n;
	}
	n = read(slave, got, sizeof(got));
	CHECK_EQ(n, 4096);
	CHECK_EQ(got[4095], '\n');
	CHECK_EQ(got[4094], 'l');
}

/* glibc's openpty; musl, which goes by the name, has no TIOCGPTPEER. */
TEST("a master opens its own terminal by TIOCGPTPEER, but neither while it is locked nor without a free descriptor")
{
	struct rlimit limit = { 0 };
	int lock = 1, peer;
	char text[8];

	terminal_open();
	peer = ioctl(master, 0x5441, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_EQ(peer, slave + 1);
	CHECK_EQ(fcntl(peer, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(isatty(peer), 1);
	CHECK_EQ(isatty(master), 1);
	mode_change(ECHO, 0, OPOST);
	CHECK_EQ(write(peer, "a\n", 2), 2);
	CHECK_STR(text_at(master), "a\n");
	type("b\n");
	CHECK_EQ(read(peer, text, sizeof(text)), 2);
	CHECK_EQ(close(peer), 0);
	peer = ioctl(master, 0x5441, O_RDONLY | O_NOCTTY);
	CHECK_EQ(peer, slave + 1);
	CHECK_EQ(fcntl(peer, F_GETFD), 0);
	CHECK_ERR(write(peer, "a", 1), EBADF);
	CHECK_EQ(close(peer), 0);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &lock), 0);
	CHECK_ERR(ioctl(master, 0x5441, O_RDWR | O_NOCTTY), EIO);
	lock = 0;
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &lock), 0);
	CHECK_ERR(ioctl(slave, 0x5441, O_RDWR | O_NOCTTY), EIO);
	limit.rlim_cur = limit.rlim_max = (rlim_t)slave + 1;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_ERR(ioctl(master, 0x5441, O_RDWR | O_NOCTTY), EMFILE);
}
