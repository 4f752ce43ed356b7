/*
 * poll.c -- waiting for many descriptors: poll, select, epoll, eventfd.
 *
 * Owns:    its descriptors.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#include "tap.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>

static int ends[2];

static void pipe_make(void)
{
	CHECK_EQ(pipe(ends), 0);
}

static pid_t write_later(int fd)
{
	pid_t child;

	CHILD(child) {
		sleep_ms(40);
		CHECK_EQ(write(fd, "x", 1), 1);
	}
	return child;
}

static int set_make(int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data = { .u64 = data } };
	int set = epoll_create1(EPOLL_CLOEXEC);

	CHECK(set >= 0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	return set;
}

TEST("poll with nothing ready waits as long as asked, and not at all for 0")
{
	struct pollfd one;
	int64_t start = now_ns();

	pipe_make();
	one = (struct pollfd){ .fd = ends[0], .events = POLLIN, .revents = 77 };
	CHECK_EQ(poll(&one, 1, 0), 0);
	CHECK_EQ(one.revents, 0);
	CHECK_EQ(poll(&one, 1, 30), 0);
	CHECK(now_ns() - start >= 30000000);
	CHECK_EQ(poll(NULL, 0, 10), 0);
}

TEST("poll wakes when one of many becomes ready, and names exactly that one")
{
	struct pollfd set[20];
	pid_t child;

	for (int i = 0; i < 20; i++) {
		pipe_make();
		set[i] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	}
	child = write_later(ends[1]);
	CHECK_EQ(poll(set, 20, 5000), 1);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(set[i].revents, i == 19 ? POLLIN : 0);
	REAP(child, 0);
}

TEST("poll says NVAL for a closed descriptor and passes over negative ones")
{
	struct pollfd set[2] = { { .fd = 150, .events = POLLIN }, { .fd = -5, .events = POLLIN } };

	CHECK_EQ(poll(set, 2, 1000), 1);
	CHECK_EQ(set[0].revents, POLLNVAL);
	CHECK_EQ(set[1].revents, 0);
}

TEST("poll of a file is always ready; too many entries are EINVAL; a bad array is EFAULT")
{
	struct rlimit limit = { 20, 20 };
	struct pollfd one = { .events = POLLIN | POLLOUT };
	static struct pollfd many[21];

	file_write("file", "");
	one.fd = open("file", O_RDONLY);
	CHECK_EQ(poll(&one, 1, 1000), 1);
	CHECK_EQ(one.revents, POLLIN | POLLOUT);
	CHECK_ERR(syscall(SYS_poll, 1, 1, 0), EFAULT);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_ERR(poll(many, 21, 0), EINVAL);
}

TEST("ppoll puts the old mask back, and refuses a bad time")
{
	sigset_t block, none;
	struct timespec limit = { 5, 0 };
	struct pollfd one;

	pipe_make();
	one = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGALRM);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(ppoll(&one, 1, &limit, &none), 1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &none), 0);
	CHECK(sigismember(&none, SIGALRM));
	limit.tv_nsec = -1;
	CHECK_ERR(syscall(SYS_ppoll, &one, 1, &limit, NULL, 8), EINVAL);
}

TEST("select keeps only what is ready and counts it")
{
	fd_set in, out, except;
	struct timeval limit = { 1, 0 };
	int first, highest;

	pipe_make();
	first = ends[0];
	pipe_make();
	highest = ends[1] + 1;
	CHECK_EQ(write(ends[1], "x", 1), 1);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(first, &in);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	FD_SET(ends[0], &except);
	CHECK_EQ(select(highest, &in, &out, &except, &limit), 2);
	CHECK(!FD_ISSET(first, &in) && FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
	CHECK(!FD_ISSET(ends[0], &except));
}

TEST("select times out with empty sets, and refuses closed descriptors and bad counts")
{
	fd_set in;
	struct timeval limit = { 0, 20000 };
	int64_t start = now_ns();

	pipe_make();
	FD_ZERO(&in);
	FD_SET(ends[0], &in);
	CHECK_EQ(select(ends[0] + 1, &in, NULL, NULL, &limit), 0);
	CHECK(!FD_ISSET(ends[0], &in));
	CHECK(now_ns() - start >= 20000000);
	FD_SET(150, &in);
	CHECK_ERR(select(151, &in, NULL, NULL, &limit), EBADF);
	CHECK_ERR(syscall(SYS_select, -1, NULL, NULL, NULL, &limit), EINVAL);
}

TEST("epoll reports what is ready with the data that was given, level-triggered")
{
	struct epoll_event got[4];
	int set;

	pipe_make();
	set = set_make(ends[0], EPOLLIN, 0x123456789abcdefUL);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(write(ends[1], "ab", 2), 2);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(epoll_wait(set, got, 4, 1000), 1);
		CHECK_EQ(got[0].events, EPOLLIN);
		CHECK(got[0].data.u64 == 0x123456789abcdefUL);
	}
	CHECK_EQ(read(ends[0], got, 2), 2);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(close(ends[1]), 0);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(got[0].events, EPOLLHUP);
}

TEST("EPOLLET reports each arrival once, EPOLLONESHOT only one until it is armed again")
{
	struct epoll_event got[4], again = { .events = EPOLLIN | EPOLLONESHOT };
	int set;

	pipe_make();
	set = set_make(ends[0], EPOLLIN | EPOLLET, 1);
	CHECK_EQ(write(ends[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(write(ends[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &again), 0);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(write(ends[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &again), 0);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
}

TEST("epoll_ctl: EEXIST, ENOENT, EPERM for files, EINVAL for itself, EBADF for closed ones")
{
	struct epoll_event event = { .events = EPOLLIN };
	int set, file;

	pipe_make();
	set = set_make(ends[0], EPOLLIN, 1);
	file_write("file", "");
	file = open("file", O_RDONLY);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_MOD, ends[1], &event), ENOENT);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_DEL, ends[1], NULL), ENOENT);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, file, &event), EPERM);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, 150, &event), EBADF);
	CHECK_ERR(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event), EINVAL);
	CHECK_ERR(epoll_ctl(set, 77, ends[0], &event), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(ends[0], &event, 1, 0), EINVAL);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), 0);
	CHECK_ERR(syscall(SYS_epoll_create, 0), EINVAL);
}

TEST("a descriptor leaves its epoll sets when its last copy is closed, not before")
{
	struct epoll_event got[4];
	int set, copy;

	pipe_make();
	set = set_make(ends[0], EPOLLIN, 1);
	copy = dup(ends[0]);
	CHECK_EQ(write(ends[1], "a", 1), 1);
	CHECK_EQ(close(ends[0]), 0);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(close(copy), 0);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
}

TEST("epoll_wait sleeps until another process writes, and can itself be polled")
{
	struct epoll_event got[4];
	struct pollfd one;
	pid_t child;
	int set;

	pipe_make();
	set = set_make(ends[0], EPOLLIN, 9);
	child = write_later(ends[1]);
	CHECK_EQ(epoll_wait(set, got, 4, 5000), 1);
	REAP(child, 0);
	one = (struct pollfd){ .fd = set, .events = POLLIN };
	CHECK_EQ(poll(&one, 1, 0), 1);
	CHECK_EQ(one.revents, POLLIN);
	CHECK_EQ(read(ends[0], got, 1), 1);
	CHECK_EQ(poll(&one, 1, 0), 0);
}

TEST("an eventfd counts, blocks at 0 and at the top, and wakes its waiters")
{
	uint64_t value = 5;
	struct pollfd one = { .events = POLLIN | POLLOUT };

	one.fd = eventfd(3, EFD_NONBLOCK);
	CHECK(one.fd >= 0);
	CHECK_EQ(write(one.fd, &value, 8), 8);
	CHECK_EQ(poll(&one, 1, 0), 1);
	CHECK_EQ(one.revents, POLLIN | POLLOUT);
	CHECK_EQ(read(one.fd, &value, 8), 8);
	CHECK_EQ(value, 8);
	CHECK_ERR(read(one.fd, &value, 8), EAGAIN);
	CHECK_ERR(read(one.fd, &value, 4), EINVAL);
	value = ~0UL;
	CHECK_ERR(write(one.fd, &value, 8), EINVAL);
	value = ~0UL - 1;
	CHECK_EQ(write(one.fd, &value, 8), 8);
	value = 1;
	CHECK_ERR(write(one.fd, &value, 8), EAGAIN);
	CHECK_EQ(poll(&one, 1, 0), 1);
	CHECK_EQ(one.revents, POLLIN);
}

TEST("an eventfd semaphore gives one at a time")
{
	uint64_t value = 0;
	int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);

	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(value, 1);
	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_ERR(read(fd, &value, 8), EAGAIN);
}

TEST("a waiter in poll does not miss a byte written just before it sleeps")
{
	struct pollfd one;
	char byte;
	pid_t child;

	pipe_make();
	one = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	CHILD(child)
		for (int i = 0; i < 300; i++) {
			CHECK_EQ(write(ends[1], "x", 1), 1);
			if (i % 7 == 0)
				sleep_ms(1);
		}
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(poll(&one, 1, 5000), 1);
		CHECK_EQ(read(ends[0], &byte, 1), 1);
	}
	REAP(child, 0);
	CHECK_EQ(poll(&one, 1, 0), 0);
}
