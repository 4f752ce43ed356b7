/*
 * runner.c -- /init of the root: either runs one command for the host, or becomes /sbin/init.
 *
 * Owns:    process 1 of `./tessera run`, and the frames on /dev/ttyS1 (see frame.h).
 * Locks:   none; one process, one poll loop.
 * Fails:   without /dev/ttyS1 or with a broken frame there is nobody to tell but the console: one
 *          line, then power off without an exit frame, which the host reports as a dead guest.
 * Tested:  tests/boot/run.bats
 *
 * The same static program serves Tessera and Linux, and Tessera's first steps are taken with it, so
 * it uses few and plain system calls. Nothing depends on SIGCHLD arriving: it only wakes the loop
 * for a command that closed its output long before it ended, or whose children kept it open.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "frame.h"

#define COMMAND_FILE	"/.tessera/run"
#define LINE		"/dev/ttyS1"
#define NAP_MS		20	/* between looks at a command that has closed all its output */

struct stream {
	int fd;			/* our end of the pipe, -1 once closed */
	uint8_t data_type, eof_type;
};

static int line_fd = -1;
static struct stream outputs[2] = { { -1, FRAME_STDOUT, FRAME_STDOUT_EOF },
				    { -1, FRAME_STDERR, FRAME_STDERR_EOF } };
static int input_fd = -1;		/* the command's stdin, our end */
static uint8_t input[FRAME_WINDOW];	/* received from the host, not yet taken by the command */
static unsigned input_start, input_len;
static bool input_ended;		/* the host has sent all it has */
static bool acknowledged;		/* the host has seen the exit status */
static int wake_fds[2] = { -1, -1 };

static _Noreturn void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* Ends without an exit frame: the host takes that for what it is, a guest that failed. */
static _Noreturn void give_up(const char *what)
{
	dprintf(2, "runner: %s: %s\n", what, strerror(errno));
	power_off();
}

/* --- the serial line ------------------------------------------------------------------------ */

static void line_write(const void *buffer, size_t len)
{
	const uint8_t *p = buffer;

	while (len) {
		ssize_t n = write(line_fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			give_up("write to " LINE);
		p += n;
		len -= n;
	}
}

static void frame_send(uint8_t type, const void *payload, uint16_t len)
{
	uint8_t frame[FRAME_HEADER + FRAME_MAX] = { type, len & 0xff, len >> 8 };

	if (len)
		memcpy(frame + FRAME_HEADER, payload, len);
	line_write(frame, FRAME_HEADER + len);
}

static void line_open(void)
{
	struct termios t;

	line_fd = open(LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line_fd < 0)
		give_up(LINE);
	if (ioctl(line_fd, TCGETS, &t) < 0)
		give_up("TCGETS");
	cfmakeraw(&t);
	t.c_cflag = (t.c_cflag & ~(CSTOPB | PARENB | CRTSCTS)) | CS8 | CREAD | CLOCAL;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	cfsetspeed(&t, B115200);
	if (ioctl(line_fd, TCSETS, &t) < 0)
		give_up("TCSETS");
}

/* --- the command's stdin -------------------------------------------------------------------- */

static void input_close(void)
{
	if (input_fd >= 0)
		close(input_fd);
	input_fd = -1;
	input_start = input_len = 0;
}

static void input_credit(unsigned taken)
{
	uint8_t count[2] = { taken & 0xff, taken >> 8 };

	frame_send(FRAME_CREDIT, count, sizeof count);
}

/* Hands waiting input to the command as far as its pipe takes it; never blocks. */
static void input_flush(void)
{
	unsigned taken = 0;

	while (input_fd >= 0 && input_len) {
		ssize_t n = write(input_fd, input + input_start, input_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			input_close();
			frame_send(FRAME_STDIN_CLOSED, NULL, 0);
			return;
		}
		input_start += n;
		input_len -= n;
		taken += n;
	}
	if (!input_len)
		input_start = 0;
	if (taken)
		input_credit(taken);
	if (input_ended && !input_len)
		input_close();
}

static void input_receive(const uint8_t *payload, unsigned len)
{
	if (input_fd < 0)
		return;		/* the command is no longer listening; the host knows or soon will */
	memmove(input, input + input_start, input_len);
	input_start = 0;
	if (len > sizeof input - input_len) {
		errno = EPROTO;
		give_up("host sent more than its window");
	}
	memcpy(input + input_len, payload, len);
	input_len += len;
	input_flush();
}

/* --- frames from the host ------------------------------------------------------------------- */

static void output_drop(uint8_t type)
{
	for (int i = 0; i < 2; i++) {
		if (outputs[i].data_type == type && outputs[i].fd >= 0) {
			close(outputs[i].fd);
			outputs[i].fd = -1;
		}
	}
}

static void frame_receive(uint8_t type, const uint8_t *payload, unsigned len)
{
	switch (type) {
	case FRAME_STDIN:
		input_receive(payload, len);
		break;
	case FRAME_STDIN_EOF:
		input_ended = true;
		input_flush();
		break;
	case FRAME_DROP:
		if (len == 1)
			output_drop(payload[0]);
		break;
	case FRAME_PING:
		frame_send(FRAME_PONG, NULL, 0);
		break;
	case FRAME_ACK:
		acknowledged = true;
		break;
	default:
		errno = EPROTO;
		give_up("unknown frame from the host");
	}
}

static void line_receive(void)
{
	static uint8_t buffer[FRAME_HEADER + FRAME_MAX];
	static unsigned have;
	unsigned used = 0;
	ssize_t n = read(line_fd, buffer + have, sizeof buffer - have);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		give_up("read from " LINE);
	have += n;
	while (have - used >= FRAME_HEADER) {
		unsigned len = buffer[used + 1] | buffer[used + 2] << 8;

		if (len > FRAME_MAX) {
			errno = EPROTO;
			give_up("frame too long");
		}
		if (have - used < FRAME_HEADER + len)
			break;
		frame_receive(buffer[used], buffer + used + FRAME_HEADER, len);
		used += FRAME_HEADER + len;
	}
	memmove(buffer, buffer + used, have - used);
	have -= used;
}

/* --- the command's output ------------------------------------------------------------------- */

/* Returns whether anything was read. */
static bool output_relay(struct stream *s)
{
	uint8_t buffer[FRAME_MAX];
	ssize_t n = read(s->fd, buffer, sizeof buffer);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n > 0) {
		frame_send(s->data_type, buffer, n);
		return true;
	}
	close(s->fd);
	s->fd = -1;
	frame_send(s->eof_type, NULL, 0);
	return false;
}

/* What the command left in its pipes; children of its that live on are not waited for. */
static void output_drain(void)
{
	for (int i = 0; i < 2; i++) {
		while (outputs[i].fd >= 0 && output_relay(&outputs[i]))
			continue;
	}
}

/* --- the command ---------------------------------------------------------------------------- */

static char **command_read(void)
{
	static char text[128 * 1024];
	static char *argv[4096];
	size_t len = 0, argc = 0;
	ssize_t n;
	int fd = open(COMMAND_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += n;
	close(fd);
	if (n < 0 || len == sizeof text - 1)
		give_up(COMMAND_FILE);
	for (char *p = text; p < text + len && argc < 4095; p += strlen(p) + 1)
		argv[argc++] = p;
	if (!argc) {
		errno = EINVAL;
		give_up(COMMAND_FILE);
	}
	return argv;
}

static _Noreturn void command_exec(char **argv, int in, int out, int err)
{
	int code;

	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	execvp(argv[0], argv);
	code = errno;
	dprintf(2, "tessera: %s: %s\n", argv[0], code != ENOENT ? strerror(code) :
		strchr(argv[0], '/') && !access(argv[0], F_OK) ?
		"its interpreter or dynamic loader is not in the root" : "not found");
	_exit(code == ENOENT ? 127 : 126);
}

static void pipe_make(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		give_up("pipe2");
}

/* Our end does not block: this process has other things to do than wait for one of them. */
static int pipe_keep(int ours, int theirs)
{
	close(theirs);
	fcntl(ours, F_SETFL, O_NONBLOCK);
	return ours;
}

static pid_t command_start(char **argv)
{
	int in[2], out[2], err[2];
	pid_t pid;

	pipe_make(in);
	pipe_make(out);
	pipe_make(err);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (!pid)
		command_exec(argv, in[0], out[1], err[1]);
	input_fd = pipe_keep(in[1], in[0]);
	outputs[0].fd = pipe_keep(out[0], out[1]);
	outputs[1].fd = pipe_keep(err[0], err[1]);
	return pid;
}

/* Reaps whatever has died, orphans included; true and the wait status once it is the command. */
static bool command_reap(pid_t pid, int *status)
{
	bool ended = false;
	int s;

	for (;;) {
		pid_t dead = wait4(-1, &s, WNOHANG, NULL);
		if (dead <= 0)
			return ended;
		if (dead == pid) {
			*status = s;
			ended = true;
		}
	}
}

/* --- the loop ------------------------------------------------------------------------------- */

static void wake(int signal_number)
{
	int saved = errno;

	(void)signal_number;
	(void)!write(wake_fds[1], "", 1);
	errno = saved;
}

static void wake_set_up(void)
{
	struct sigaction action = { .sa_handler = wake, .sa_flags = SA_NOCLDSTOP | SA_RESTART };

	pipe_make(wake_fds);
	fcntl(wake_fds[0], F_SETFL, O_NONBLOCK);
	fcntl(wake_fds[1], F_SETFL, O_NONBLOCK);
	sigaction(SIGCHLD, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* One wait for everything, then one step for each stream that is ready. */
static void relay_step(int timeout_ms)
{
	char drop[64];
	struct pollfd fds[5] = {
		{ .fd = line_fd, .events = POLLIN },
		{ .fd = wake_fds[0], .events = POLLIN },
		{ .fd = input_fd, .events = input_len ? POLLOUT : 0 },
		{ .fd = outputs[0].fd, .events = POLLIN },
		{ .fd = outputs[1].fd, .events = POLLIN },
	};

	if (poll(fds, 5, timeout_ms) <= 0)
		return;
	if (fds[1].revents)
		while (read(wake_fds[0], drop, sizeof drop) == sizeof drop)
			continue;
	for (int i = 0; i < 2; i++)
		if (fds[3 + i].revents && outputs[i].fd >= 0)
			output_relay(&outputs[i]);
	if (fds[2].revents & POLLERR && !input_len) {	/* the command closed its stdin */
		input_close();
		frame_send(FRAME_STDIN_CLOSED, NULL, 0);
	} else if (fds[2].revents) {
		input_flush();
	}
	if (fds[0].revents)
		line_receive();
}

static int command_relay(pid_t pid)
{
	int status;

	while (!command_reap(pid, &status)) {
		bool silent = outputs[0].fd < 0 && outputs[1].fd < 0;

		relay_step(silent ? NAP_MS : -1);
	}
	output_drain();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/*
 * What was said goes to the host before the power does. It has all the time it needs: under -icount an idle guest's
 * seconds pass at once, and a host that has gone takes QEMU with it.
 */
static void status_report(uint8_t status)
{
	struct pollfd line = { .fd = line_fd, .events = POLLIN };

	input_close();
	frame_send(FRAME_EXIT, &status, 1);
	while (!acknowledged)
		if (poll(&line, 1, -1) > 0)	/* or a signal came: somebody's child has ended */
			line_receive();
}

/* --- the system around it ------------------------------------------------------------------- */

/* Whether something was put into `path` beforehand, which a mount there would hide. */
static bool folder_used(const char *path)
{
	unsigned entries = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return true;
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries > 2;
}

/* A root may lack some of these and a kernel some of those: what is missing shows when it is used. */
static void file_systems_mount(void)
{
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	if (access(LINE, F_OK) < 0)
		mount("devtmpfs", "/dev", "devtmpfs", 0, "mode=0755");
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	symlink("/proc/self/fd", "/dev/fd");	/* udev's on a Linux that has it */
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	mount("devpts", "/dev/pts", "devpts", 0, "mode=0620,ptmxmode=0666");
	mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
	mkdir("/tmp", 01777);
	if (!folder_used("/tmp"))
		mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
}

int main(int argc, char **argv, char **environment)
{
	char **command = command_read();

	(void)argc;
	if (!command) {
		execve("/sbin/init", argv, environment);
		give_up("/sbin/init");
	}
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	unsetenv("TERM");
	umask(022);
	file_systems_mount();
	line_open();
	wake_set_up();
	line_write(FRAME_HELLO, sizeof FRAME_HELLO - 1);
	status_report(command_relay(command_start(command)));
	power_off();
}
