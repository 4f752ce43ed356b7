/*
 * pipe.c -- pipes and FIFOs: bytes in order, ends, atomicity, blocking, poll bits.
 *
 * Owns:    its pipes.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sys/ioctl.h>

#define PIPE_CAPACITY	65536
#define ATOMIC_BYTES	4096

static int in, out;

static void pipe_make(int flags)
{
	int ends[2];

	CHECK_EQ(pipe2(ends, flags), 0);
	in = ends[0];
	out = ends[1];
}

static int poll_bits(int fd, int events)
{
	struct pollfd one = { .fd = fd, .events = (short)events };
	int count = poll(&one, 1, 0);

	CHECK(count == (one.revents != 0));
	return one.revents;
}

static size_t pipe_fill(void)
{
	static char block[ATOMIC_BYTES];
	size_t total = 0;
	ssize_t n;

	while ((n = write(out, block, sizeof(block))) > 0)
		total += (size_t)n;
	CHECK(n == -1 && errno == EAGAIN);
	return total;
}

TEST("bytes come out in the order in which they went in")
{
	char text[16];

	pipe_make(0);
	CHECK_EQ(write(out, "abc", 3), 3);
	CHECK_EQ(write(out, "defg", 4), 4);
	CHECK_EQ(read(in, text, 2), 2);
	CHECK_EQ(memcmp(text, "ab", 2), 0);
	CHECK_EQ(read(in, text, 16), 5);
	CHECK_EQ(memcmp(text, "cdefg", 5), 0);
}

TEST("pipe2 sets close-on-exec and nonblock on both ends")
{
	pipe_make(O_CLOEXEC | O_NONBLOCK);
	CHECK_EQ(fcntl(in, F_GETFD) & fcntl(out, F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(in, F_GETFL) & fcntl(out, F_GETFL) & O_NONBLOCK);
	CHECK_EQ(fcntl(in, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(out, F_GETFL) & O_ACCMODE, O_WRONLY);
	CHECK_ERR(pipe2((int[2]){ 0 }, O_APPEND), EINVAL);
}

TEST("reading the writing end and writing the reading end are EBADF")
{
	char byte = 'x';

	pipe_make(0);
	CHECK_ERR(read(out, &byte, 1), EBADF);
	CHECK_ERR(write(in, &byte, 1), EBADF);
}

TEST("a pipe has no offset: lseek, pread and pwrite are ESPIPE")
{
	char byte = 'x';

	pipe_make(0);
	CHECK_ERR(lseek(in, 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(in, &byte, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(out, &byte, 1, 0), ESPIPE);
	CHECK_ERR(ftruncate(out, 0), EINVAL);
}

TEST("end of file comes after the data, when the last writer has closed")
{
	char text[4];
	int second;

	pipe_make(0);
	second = dup(out);
	CHECK_EQ(write(out, "ab", 2), 2);
	CHECK_EQ(close(out), 0);
	CHECK_EQ(poll_bits(in, POLLIN), POLLIN);
	CHECK_EQ(close(second), 0);
	CHECK_EQ(read(in, text, 4), 2);
	CHECK_EQ(read(in, text, 4), 0);
	CHECK_EQ(read(in, text, 4), 0);
}

TEST("a reader asleep wakes with end of file when the writer dies")
{
	char byte;
	pid_t child;

	pipe_make(0);
	CHILD(child) {
		sleep_ms(30);
		kill(getpid(), SIGKILL);
	}
	CHECK_EQ(close(out), 0);
	CHECK_EQ(read(in, &byte, 1), 0);
	REAP_KILLED(child, SIGKILL);
}

TEST("writing with no reader is SIGPIPE, and EPIPE when that is ignored")
{
	pid_t child;

	pipe_make(0);
	CHECK_EQ(close(in), 0);
	CHILD(child)
		write(out, "x", 1);
	REAP_KILLED(child, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(out, "x", 1), EPIPE);
	CHECK_EQ(write(out, "x", 0), 0);
}

TEST("a writer asleep wakes with EPIPE when the last reader closes")
{
	pid_t child;

	pipe_make(0);
	CHECK_EQ(fcntl(out, F_SETFL, O_NONBLOCK), 0);
	pipe_fill();
	CHECK_EQ(fcntl(out, F_SETFL, 0), 0);
	CHILD(child) {
		signal(SIGPIPE, SIG_IGN);
		CHECK_EQ(close(in), 0);
		CHECK_ERR(write(out, "x", 1), EPIPE);
	}
	sleep_ms(30);
	CHECK_EQ(close(in), 0);
	REAP(child, 0);
}

TEST("nonblocking: an empty pipe is EAGAIN, a full one too, and it holds 64 KiB")
{
	char byte;

	pipe_make(O_NONBLOCK);
	CHECK_ERR(read(in, &byte, 1), EAGAIN);
	CHECK_EQ(pipe_fill(), PIPE_CAPACITY);
	CHECK_ERR(write(out, "x", 1), EAGAIN);
	CHECK_EQ(fcntl(out, 1032 /* F_GETPIPE_SZ */), PIPE_CAPACITY);
}

TEST("a nonblocking write of up to 4 KiB goes in whole or not at all")
{
	static char block[ATOMIC_BYTES + 904];
	int total = 0;

	pipe_make(O_NONBLOCK);
	pipe_fill();
	CHECK_EQ(read(in, block, ATOMIC_BYTES), ATOMIC_BYTES);
	CHECK_EQ(write(out, block, 100), 100);
	CHECK_ERR(write(out, block, ATOMIC_BYTES), EAGAIN);
	while (read(in, block, sizeof(block)) > 0)
		total++;
	CHECK(total > 0);
	CHECK_EQ(write(out, block, ATOMIC_BYTES), ATOMIC_BYTES);
}

TEST("a longer nonblocking write takes the part that fits")
{
	static char block[PIPE_CAPACITY + 10000];

	pipe_make(O_NONBLOCK);
	CHECK_EQ(write(out, block, sizeof(block)), PIPE_CAPACITY);
	CHECK_EQ(read(in, block, sizeof(block)), PIPE_CAPACITY);
}

TEST("writes of up to 4 KiB by several processes are atomic")
{
	static char block[ATOMIC_BYTES];
	pid_t children[4];
	int seen[4] = { 0 };

	pipe_make(0);
	for (int i = 0; i < 4; i++)
		CHILD(children[i]) {
			memset(block, 'a' + i, sizeof(block));
			for (int k = 0; k < 25; k++)
				CHECK_EQ(write(out, block, 1000), 1000);
		}
	CHECK_EQ(close(out), 0);
	for (size_t have = 0;;) {
		ssize_t n = read(in, block + have, 1000 - have);

		if (n == 0)
			break;
		CHECK(n > 0);
		have += (size_t)n;
		if (have < 1000)
			continue;
		for (int i = 1; i < 1000; i++)
			CHECK_EQ(block[i], block[0]);
		seen[block[0] - 'a']++;
		have = 0;
	}
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(seen[i], 25);
		REAP(children[i], 0);
	}
}

TEST("a blocking write longer than the pipe finishes as the reader drains it")
{
	static uint8_t block[200000], got[200000];
	size_t have = 0;
	pid_t child;

	pipe_make(0);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 7 + (i >> 8));
	CHILD(child) {
		close(in);
		CHECK_EQ(write(out, block, sizeof(block)), sizeof(block));
	}
	CHECK_EQ(close(out), 0);
	while (have < sizeof(got)) {
		ssize_t n = read(in, got + have, 7777 < sizeof(got) - have ? 7777
					: sizeof(got) - have);

		CHECK(n > 0);
		have += (size_t)n;
	}
	CHECK_EQ(memcmp(got, block, sizeof(got)), 0);
	REAP(child, 0);
}

TEST("poll: an empty pipe is writable, a full one readable, with hang-up at the end")
{
	char block[ATOMIC_BYTES];

	pipe_make(O_NONBLOCK);
	CHECK_EQ(poll_bits(in, POLLIN), 0);
	CHECK_EQ(poll_bits(out, POLLOUT), POLLOUT);
	CHECK_EQ(write(out, "x", 1), 1);
	CHECK_EQ(poll_bits(in, POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	CHECK_EQ(read(in, block, 1), 1);
	pipe_fill();
	CHECK_EQ(poll_bits(out, POLLOUT), 0);
	CHECK_EQ(read(in, block, sizeof(block)), sizeof(block));
	CHECK_EQ(poll_bits(out, POLLOUT), POLLOUT);
	CHECK_EQ(close(out), 0);
	CHECK_EQ(poll_bits(in, POLLIN), POLLIN | POLLHUP);
	while (read(in, block, sizeof(block)) > 0)
		;
	CHECK_EQ(poll_bits(in, POLLIN), POLLHUP);
	CHECK_EQ(poll_bits(in, 0), POLLHUP);
}

TEST("poll: a pipe without a reader has POLLERR at the writing end")
{
	pipe_make(0);
	CHECK_EQ(close(in), 0);
	CHECK_EQ(poll_bits(out, POLLOUT), POLLOUT | POLLERR);
	CHECK_EQ(poll_bits(out, 0), POLLERR);
}

TEST("FIONREAD tells how much can be read")
{
	int ready = -1;

	pipe_make(0);
	CHECK_EQ(write(out, "abcde", 5), 5);
	CHECK_EQ(ioctl(in, FIONREAD, &ready), 0);
	CHECK_EQ(ready, 5);
}

TEST("fstat of a pipe says FIFO, and both ends have one inode")
{
	struct stat a, b;

	pipe_make(0);
	CHECK_EQ(fstat(in, &a), 0);
	CHECK_EQ(fstat(out, &b), 0);
	CHECK(S_ISFIFO(a.st_mode));
	CHECK_EQ(a.st_mode & 0777, 0600);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_size, 0);
}

TEST("a terminal's ioctl on a pipe is ENOTTY")
{
	char buffer[64];

	pipe_make(0);
	CHECK_ERR(ioctl(in, TIOCGWINSZ, buffer), ENOTTY);
	CHECK_EQ(isatty(in), 0);
}

static void signal_take(int number)
{
	(void)number;
}

/* Sends SIGUSR2 to the parent that is asleep in a read, and a byte a while later. */
static pid_t disturber_start(void)
{
	pid_t child, parent = getpid();

	CHILD(child) {
		sleep_ms(40);
		kill(parent, SIGUSR2);
		sleep_ms(40);
		CHECK_EQ(write(out, "z", 1), 1);
	}
	return child;
}

TEST("a handled signal ends a blocked read with EINTR")
{
	struct sigaction action = { .sa_handler = signal_take };
	pid_t child;
	char byte;

	pipe_make(0);
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	child = disturber_start();
	CHECK_ERR(read(in, &byte, 1), EINTR);
	CHECK_EQ(read(in, &byte, 1), 1);
	CHECK_EQ(byte, 'z');
	REAP(child, 0);
}

TEST("with SA_RESTART, or when the signal is ignored, a blocked read goes on")
{
	struct sigaction action = { .sa_handler = signal_take, .sa_flags = SA_RESTART };
	pid_t child;
	char byte;

	for (int i = 0; i < 2; i++) {
		pipe_make(0);
		CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
		child = disturber_start();
		CHECK_EQ(read(in, &byte, 1), 1);
		CHECK_EQ(byte, 'z');
		REAP(child, 0);
		action = (struct sigaction){ .sa_handler = SIG_IGN };
	}
}

TEST("a signal during a long write gives the part that went in")
{
	static char block[PIPE_CAPACITY * 2];
	struct sigaction action = { .sa_handler = signal_take };
	pid_t child, parent = getpid();

	pipe_make(0);
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	CHILD(child) {
		sleep_ms(40);
		kill(parent, SIGUSR2);
	}
	CHECK_EQ(write(out, block, sizeof(block)), PIPE_CAPACITY);
	REAP(child, 0);
}

TEST("O_DIRECT makes packets: a read takes one write and drops what does not fit")
{
	char text[16];

	pipe_make(O_DIRECT);
	CHECK_EQ(write(out, "abc", 3), 3);
	CHECK_EQ(write(out, "defg", 4), 4);
	CHECK_EQ(read(in, text, 16), 3);
	CHECK_EQ(read(in, text, 2), 2);
	CHECK_EQ(fcntl(in, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERR(read(in, text, 16), EAGAIN);
}

TEST("O_DIRECT is a flag of the writing end, and F_SETFL changes what the next write is")
{
	char text[16];

	pipe_make(O_DIRECT);
	CHECK_EQ(fcntl(out, F_GETFL) & (O_ACCMODE | O_DIRECT), O_WRONLY | O_DIRECT);
	CHECK_EQ(fcntl(in, F_GETFL) & (O_ACCMODE | O_DIRECT), O_RDONLY);
	CHECK_EQ(fcntl(out, F_SETFL, 0), 0);
	CHECK_EQ(fcntl(out, F_GETFL) & O_DIRECT, 0);
	CHECK_EQ(write(out, "ab", 2), 2);
	CHECK_EQ(write(out, "cd", 2), 2);
	CHECK_EQ(read(in, text, 16), 4);	/* bytes as ever */
	CHECK_EQ(fcntl(out, F_SETFL, O_DIRECT), 0);
	CHECK_EQ(write(out, "efg", 3), 3);
	CHECK_EQ(fcntl(out, F_SETFL, 0), 0);
	CHECK_EQ(write(out, "hi", 2), 2);
	CHECK_EQ(write(out, "jk", 2), 2);
	CHECK_EQ(read(in, text, 2), 2);		/* a packet, although the writer writes bytes now */
	CHECK_EQ(memcmp(text, "ef", 2), 0);
	CHECK_EQ(read(in, text, 16), 4);
	CHECK_EQ(memcmp(text, "hijk", 4), 0);
}

TEST("a long write with O_DIRECT is cut into packets of PIPE_BUF")
{
	static char block[2 * ATOMIC_BYTES + 100], got[sizeof(block)];
	int pending = -1;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7);
	pipe_make(O_DIRECT);
	CHECK_EQ(write(out, block, sizeof(block)), sizeof(block));
	CHECK_EQ(ioctl(in, FIONREAD, &pending), 0);
	CHECK_EQ(pending, sizeof(block));
	CHECK_EQ(read(in, got, sizeof(got)), ATOMIC_BYTES);
	CHECK_EQ(memcmp(got, block, ATOMIC_BYTES), 0);
	CHECK_EQ(read(in, got, 10), 10);
	CHECK_EQ(memcmp(got, block + ATOMIC_BYTES, 10), 0);
	CHECK_EQ(read(in, got, sizeof(got)), 100);
	CHECK_EQ(memcmp(got, block + 2 * ATOMIC_BYTES, 100), 0);
}

TEST("a pipe holds sixteen packets, however short, and a reader makes room for one")
{
	char byte;

	pipe_make(O_DIRECT | O_NONBLOCK);
	for (int i = 0; i < 16; i++) {
		CHECK_EQ(poll_bits(out, POLLOUT), POLLOUT);
		CHECK_EQ(write(out, "p", 1), 1);
	}
	CHECK_EQ(poll_bits(out, POLLOUT), 0);
	CHECK_ERR(write(out, "p", 1), EAGAIN);
	CHECK_EQ(read(in, &byte, 1), 1);
	CHECK_EQ(write(out, "p", 1), 1);
}

TEST("packets outlive a change of the pipe's size")
{
	char text[16];

	pipe_make(O_DIRECT | O_NONBLOCK);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(write(out, "packet", (size_t)i + 1), i + 1);
	CHECK_EQ(read(in, text, 16), 1);
	CHECK_ERR(fcntl(out, F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(fcntl(out, F_SETPIPE_SZ, 4 * 4096), 4 * 4096);
	CHECK_ERR(write(out, "p", 1), EAGAIN);
	for (int i = 1; i < 5; i++)
		CHECK_EQ(read(in, text, 16), i + 1);
	CHECK_ERR(read(in, text, 16), EAGAIN);
}

TEST("a reader that waits gets one packet, at the end of the pipe too")
{
	char text[16];
	pid_t child;

	pipe_make(O_DIRECT);
	CHILD(child) {
		close(in);
		sleep_ms(20);
		CHECK_EQ(write(out, "one", 3), 3);
		CHECK_EQ(write(out, "three", 5), 5);
	}
	close(out);
	CHECK_EQ(read(in, text, 16), 3);
	CHECK_EQ(read(in, text, 16), 5);
	CHECK_EQ(read(in, text, 16), 0);
	REAP(child, 0);
}

TEST("a FIFO is not opened with O_DIRECT, but may get it")
{
	char text[16];
	int reader, writer;

	CHECK_EQ(mkfifo("fifo", 0644), 0);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK_ERR(open("fifo", O_WRONLY | O_DIRECT), EINVAL);
	writer = open("fifo", O_WRONLY);
	CHECK(reader >= 0 && writer >= 0);
	CHECK_EQ(fcntl(writer, F_SETFL, O_DIRECT), 0);
	CHECK_EQ(fcntl(writer, F_GETFL) & O_DIRECT, O_DIRECT);
	CHECK_EQ(write(writer, "ab", 2), 2);
	CHECK_EQ(write(writer, "cd", 2), 2);
	CHECK_EQ(read(reader, text, 16), 2);
	CHECK_EQ(read(reader, text, 16), 2);
}

TEST("a FIFO joins a reader and a writer that open it by name")
{
	char text[8];
	pid_t child;
	int fd;

	CHECK_EQ(mkfifo("fifo", 0644), 0);
	CHILD(child) {
		fd = open("fifo", O_WRONLY);
		CHECK(fd >= 0);
		CHECK_EQ(write(fd, "hello", 5), 5);
	}
	fd = open("fifo", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, text, 8), 5);
	CHECK_EQ(memcmp(text, "hello", 5), 0);
	REAP(child, 0);
	CHECK_EQ(read(fd, text, 8), 0);
}

TEST("a nonblocking open of a FIFO for writing without a reader is ENXIO, for reading works")
{
	int reader;

	CHECK_EQ(mkfifo("fifo", 0644), 0);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(reader >= 0);
	CHECK(open("fifo", O_WRONLY | O_NONBLOCK) >= 0);
}

TEST("opening /proc/self/fd of a pipe gives the pipe again")
{
	char path[40], byte;
	int again;

	pipe_make(0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	again = open(path, O_WRONLY);
	CHECK(again >= 0);
	CHECK_EQ(write(again, "p", 1), 1);
	CHECK_EQ(read(in, &byte, 1), 1);
	CHECK_EQ(byte, 'p');
}
