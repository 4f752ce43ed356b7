/*
 * streams.c -- the same random calls on pipes, FIFOs, eventfds, timerfds, memfds, epoll sets and devices.
 *
 * Not asked for: what fills a pipe (Linux counts pages, begun or not), vectors of no bytes, epoll sets in sets,
 * sendfile and splice (what is no stream has one of two errors), tee and vmsplice (ENOSYS here).
 */
#include "twin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#define LOW	20
#define HIGH	60		/* the descriptors of the game; below it some are in use, beyond it none may be */

static char block[10000];
static volatile int pipe_signals;

static void signal_count(int number) { pipe_signals += number == SIGPIPE; }

static int any_fd(void) { return one_in(12) ? (one_in(2) ? -1 : HIGH + 5) : LOW + (int)random_below(HIGH - LOW); }

static unsigned any_length(void) { return 1 + random_below(200); }

static void do_pipe(void)
{
	int p[2] = { 0, 0 }, flags = O_NONBLOCK | (one_in(6) ? O_DIRECT : 0);
	long r = pipe2(p, flags);

	answer(r, "pipe2 %o: %d %d", flags, p[0], p[1]);
}

static void do_eventfd(void)
{
	int flags = EFD_NONBLOCK | (one_in(2) ? EFD_SEMAPHORE : 0);
	unsigned value = random_below(5);

	answer(eventfd(value, flags), "eventfd %u %o", value, flags);
}

static void do_memfd(void) { answer(memfd_create("x", 0), "memfd"); }
static void do_epoll(void) { answer(epoll_create1(0), "epoll"); }
static void do_timerfd(void) { answer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), "timerfd"); }

static void do_open(void)
{
	static const char *const all[] = { "/dev/null", "/dev/zero", "/dev/full", "/tmp/twin.fifo", "/tmp/twin.file" };
	const char *n = all[random_below(COUNT(all))];
	int flags = (int)random_below(3) | O_CREAT | O_NONBLOCK;

	answer(open(n, flags, 0600), "open %s %o", n, flags);
}

static void do_dup(void)
{
	int fd = any_fd();

	answer(dup(fd), "dup %d", fd);
}

static void do_dup_to(void)
{
	int fd = any_fd(), to = LOW + (int)random_below(HIGH - LOW);

	answer(dup2(fd, to), "dup2 %d %d", fd, to);
}

static void do_dup_above(void)
{
	int fd = any_fd(), above = LOW + (int)random_below(HIGH - LOW + 4);

	answer(fcntl(fd, F_DUPFD, above), "F_DUPFD %d %d", fd, above);
}

static void do_close(void)
{
	int fd = any_fd();

	answer(close(fd), "close %d", fd);
}

static void do_write(void)
{
	int fd = any_fd(), before = pipe_signals;
	unsigned n = any_length();
	long r;

	memset(block, 'a' + (int)(twin_step % 26), n);
	r = write(fd, block, n);
	answer(r, "write %d %u%s", fd, n, pipe_signals != before ? " SIGPIPE" : "");
}

static void do_read(void)
{
	int fd = any_fd();
	unsigned n = any_length();
	long r = read(fd, block, n);

	answer(r, "read %d %u: %x", fd, n, r > 0 ? sum_of(block, (size_t)r) : 0);
}

static void do_vector(void)
{
	struct iovec v[3] = { { block, 8 + random_below(30) }, { block + 9000, random_below(50) }, { NULL, 0 } };
	int fd = any_fd(), n = 1 + (int)random_below(3);

	if (one_in(2))
		answer(writev(fd, v, n), "writev %d %zu %zu %d", fd, v[0].iov_len, v[1].iov_len, n);
	else
		answer(readv(fd, v, n), "readv %d %zu %zu %d", fd, v[0].iov_len, v[1].iov_len, n);
}

static void do_poll(void)
{
	struct pollfd p[4];
	long r;

	for (unsigned i = 0; i < COUNT(p); i++)
		p[i] = (struct pollfd){ any_fd(), (short)random_below(0x400), 0 };
	r = poll(p, COUNT(p), 0);
	answer(r, "poll %d:%x:%x %d:%x:%x %d:%x:%x %d:%x:%x", p[0].fd, p[0].events, p[0].revents, p[1].fd, p[1].events, p[1].revents,
	       p[2].fd, p[2].events, p[2].revents, p[3].fd, p[3].events, p[3].revents);
}

static void do_select(void)
{
	struct timeval now = { 0, 0 };
	fd_set sets[3];
	long r;

	memset(sets, 0, sizeof(sets));
	for (unsigned i = 0; i < 12; i++)
		FD_SET(LOW + (int)random_below(HIGH - LOW), &sets[i % 3]);
	r = select(HIGH, &sets[0], &sets[1], &sets[2], &now);
	answer(r, "select %x", r < 0 ? 0 : sum_of(sets, sizeof(sets)));
}

static void do_epoll_change(void)
{
	struct epoll_event e = { .events = random_below(0x20) | (one_in(3) ? EPOLLET : 0) | (one_in(5) ? EPOLLONESHOT : 0),
		.data.u32 = twin_step };
	int set = any_fd(), fd = any_fd(), op = 1 + (int)random_below(3);
	char link[64], to[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, to, sizeof(to) - 1) > 0 && strstr(to, "eventpoll"))
		return;
	answer(epoll_ctl(set, op, fd, &e), "epoll_ctl %d %d %d %x", set, op, fd, e.events);
}

/* In whatever order they come, if they are all. */
static void do_epoll_wait(void)
{
	struct epoll_event e[30];
	int set = any_fd(), max = 1 + (int)random_below(COUNT(e)), n = epoll_wait(set, e, max, 0);
	uint32_t sum = 0;

	for (int i = 0; i < n && n < max; i++)
		sum += e[i].data.u32 * 31 + e[i].events;
	answer(n, "epoll_wait %d %d: %x", set, max, sum);
}

static void do_fionread(void)
{
	int fd = any_fd(), bytes = 0;
	long r = ioctl(fd, FIONREAD, &bytes);

	answer(r, "FIONREAD %d: %d", fd, bytes);
}

static void do_control(void)
{
	static const int all[] = { F_GETFD, F_GETFL, F_SETFL, F_GETPIPE_SZ, F_SETFD, F_GET_SEALS };
	int fd = any_fd(), command = all[random_below(COUNT(all))];
	int value = command == F_SETFL ? O_NONBLOCK | (one_in(3) ? O_APPEND : 0) : command == F_SETFD ? (int)random_below(2) : 0;

	answer(fcntl(fd, command, value), "fcntl %d %d %d", fd, command, value);
}

static void do_seek(void)
{
	int fd = any_fd(), whence = (int)random_below(3);
	long at = random_below(1000);

	answer(lseek(fd, at, whence), "lseek %d %ld %d", fd, at, whence);
}

static void do_truncate(void)
{
	int fd = any_fd();
	long size = random_below(100000);

	answer(ftruncate(fd, size), "ftruncate %d %ld", fd, size);
}

static void do_pread(void)
{
	int fd = any_fd();
	unsigned n = any_length(), at = random_below(1000);

	answer(pread(fd, block, n, at), "pread %d %u at %u", fd, n, at);
}

static void do_stat(void)
{
	struct stat st = { 0 };
	int fd = any_fd();
	long r = fstat(fd, &st);

	answer(r, "fstat %d: %o %ld", fd, st.st_mode, S_ISREG(st.st_mode) ? (long)st.st_size : 0);
}

int main(int argc, char **argv)
{
	static void (*const calls[])(void) = {
		do_pipe, do_pipe, do_eventfd, do_memfd, do_epoll, do_timerfd, do_open, do_open, do_dup, do_dup_to, do_dup_above,
		do_close, do_close, do_write, do_write, do_read, do_read, do_vector, do_poll, do_poll, do_select,
		do_epoll_change, do_epoll_change, do_epoll_wait, do_epoll_wait, do_fionread, do_control, do_seek, do_truncate,
		do_pread, do_stat,
	};
	struct rlimit limit = { HIGH, HIGH };

	signal(SIGPIPE, signal_count);
	while (open("/dev/null", O_RDONLY) < LOW - 1)
		;
	setrlimit(RLIMIT_NOFILE, &limit);
	unlink("/tmp/twin.file");
	mkfifo("/tmp/twin.fifo", 0600);
	return twin_run(argc, argv, calls, COUNT(calls), NULL);
}
