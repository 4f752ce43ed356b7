/*
 * sweep.c -- signals and completions at each instruction of a call (aim.h).
 *
 * A sweep makes the same call again and again and fires one instruction later each time.  Short paths are
 * swept by single instructions: all that a program, its translator and the exit sequence execute in user
 * mode.  Longer ones are sampled with a stride; SWEEP_FINE=1 in the environment makes it eight times finer.
 * What ends and stops processes is sweep_lives.c.
 *
 * Owns:    its children; the guns.
 * Locks:   none.
 * Fails:   as tap.h.  A lost wake-up shows as a case that does not end.
 * Tested:  conformance.py, with --icount on Tessera; on Linux it is a loop of shots at some moment.
 */
#include "aim.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

/* --- calls that do not block ------------------------------------------------------------------------------------ */

/*
 * A signal at each instruction from before the call until after it.  Under an instruction clock the sweep
 * proves itself: before the call and behind it each step hits the next instruction, so that in between it
 * did, too.  A tick of the CPU that comes just before the call puts it off: that step is taken again.
 */
static void sweep_call(struct strike *s, int64_t expected)
{
	uint64_t previous = 0;
	int inside = 0, behind = 0, ticks = 0;

	for (int64_t at = -6; aim_exact ? behind < 8 : at < 300; at++) {
		aim_hits = 0;
		aim_rip = 0;
		strike_shoot(s, at, NEVER);
		CHECK_EQ(s->result, expected);
		strike_check_registers(s);
		CHECK_EQ(aim_hits, 1);
		if (!aim_exact)
			continue;
		if (s->late || aim_rip <= (at <= 0 ? previous : (uint64_t)strike_call)) {
			CHECK(++ticks < 4);
			at--;
			continue;
		}
		if (at <= 0)
			CHECK(aim_rip <= (uint64_t)strike_call);
		else if (aim_rip == (uint64_t)strike_after)
			inside++;
		else
			CHECK_EQ(aim_rip, (uint64_t)strike_after + (uint64_t)++behind);
		previous = aim_rip;
	}
	if (aim_exact) {
		tap_note("%d instructions", inside);
		CHECK(inside > 25);
	}
}

TEST("a signal at each instruction of getppid runs its handler once and changes no register")
{
	struct strike s;

	aim_init(0);
	strike_call_set(&s, SYS_getppid, 11, 12, 13, 14);
	sweep_call(&s, getppid());
}

TEST("a signal at each instruction of a one-byte read of /dev/zero")
{
	struct strike s;
	char byte;

	aim_init(0);
	strike_call_set(&s, SYS_read, (uint64_t)open("/dev/zero", O_RDONLY), (uint64_t)&byte, 1, 0);
	sweep_call(&s, 1);
}

TEST("a signal at each instruction of a call that fails")
{
	struct strike s;

	aim_init(SA_RESTART);
	strike_call_set(&s, SYS_read, 77, 0, 1, 0);
	sweep_call(&s, -EBADF);
}

TEST("a signal at each instruction of a call that linuxd answers")
{
	struct strike s;

	aim_init(0);
	strike_call_set(&s, SYS_umask, 022, 0, 0, 0);
	sweep_call(&s, 022);
}

static uint64_t mask_usr1 = 1ull << (SIGUSR1 - 1), mask_none;

static void mask_clear(void)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask_none, NULL, 8);
}

static void mask_block(void)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask_usr1, NULL, 8);
}

TEST("a signal at each instruction of the sigprocmask that blocks it comes before or stays pending")
{
	struct strike s;

	aim_init(0);
	strike_call_set(&s, SYS_rt_sigprocmask, SIG_BLOCK, (uint64_t)&mask_usr1, 0, 8);
	for (int64_t at = -6; at < 200; at++) {
		uint64_t pending = 0;

		aim_hits = 0;
		strike_shoot(&s, at, NEVER);
		CHECK_EQ(s.result, 0);
		strike_check_registers(&s);
		CHECK_EQ(syscall(SYS_rt_sigpending, &pending, 8), 0);
		CHECK_EQ(aim_hits + (pending == mask_usr1), 1);
		mask_clear();
		CHECK_EQ(aim_hits, 1);
	}
}

TEST("a signal at each instruction of the sigprocmask that lets it through")
{
	struct strike s;

	aim_init(0);
	strike_call_set(&s, SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)&mask_none, 0, 8);
	for (int64_t at = -200; at < 200; at++) {
		mask_block();
		aim_hits = 0;
		strike_shoot(&s, at, NEVER);
		CHECK_EQ(s.result, 0);
		strike_check_registers(&s);
		CHECK_EQ(aim_hits, 1);
	}
}

static volatile int own_hits;

static void own_hit(int number)
{
	(void)number;
	own_hits++;
}

TEST("a signal at each instruction of the delivery of another one and of its sigreturn")
{
	struct strike s;

	aim_init(0);
	signal(SIGUSR2, own_hit);
	strike_call_set(&s, SYS_kill, (uint64_t)getpid(), SIGUSR2, 0, 0);
	for (int64_t at = -6; at < 1500; at += stride(3)) {
		aim_hits = own_hits = 0;
		strike_shoot(&s, at, NEVER);
		CHECK_EQ(s.result, 0);
		strike_check_registers(&s);
		CHECK_EQ(aim_hits, 1);
		CHECK_EQ(own_hits, 1);
	}
}

/* --- calls that block: a signal, and what completes them -------------------------------------------------------- */

#define BLOCKED	12000			/* ticks after which each of these calls surely sleeps */
#define DONE	20000			/* when it is completed, if the sweep does not say otherwise */

/* What a call is, what completes it (gun 1), and what must be true of a result. */
struct blocking {
	void (*begin)(struct strike *s);	/* before each shot */
	void (*end)(struct strike *s, bool completed_late);
	bool restarts;			/* with SA_RESTART it is never EINTR */
};

/*
 * Signals at each instruction on the way to sleep, long before the completion: the handler does not wait for
 * that, and without SA_RESTART the call is over.  Then the completion at each
 * instruction around the signal, while one is delivered, the call given up and the handler left.
 */
static void sweep_blocking(struct strike *s, const struct blocking *b, bool restart)
{
	aim_handler(SIGUSR1, restart ? SA_RESTART : 0);
	gun_set(0, SHOT_SIGNAL, SIGUSR1);
	for (int64_t at = -4; at < BLOCKED; at += at < 400 ? stride(3) : stride(97)) {
		aim_hits = 0;
		b->begin(s);
		strike_shoot(s, at, DONE + BLOCKED);
		if (restart && b->restarts)
			CHECK((int64_t)s->result != -EINTR);
		else if (aim_exact && aim_rip >= (uint64_t)strike_after)
			CHECK_EQ((int64_t)s->result, -EINTR);
		strike_check_registers(s);
		b->end(s, true);
		CHECK_EQ(aim_hits, 1);
		CHECK(!aim_exact || s->ended - aim_when > DONE / 2 || (int64_t)s->result == -EINTR);
	}
	for (int64_t at = -600; at < 14000; at += stride(53)) {
		aim_hits = 0;
		b->begin(s);
		strike_shoot(s, BLOCKED, BLOCKED + at);
		if (restart && b->restarts)
			CHECK((int64_t)s->result != -EINTR);
		strike_check_registers(s);
		b->end(s, false);
		CHECK_EQ(aim_hits, 1);
	}
}

static void sweep_both(struct strike *s, const struct blocking *b)
{
	sweep_blocking(s, b, false);
	sweep_blocking(s, b, true);
}

static int ends[2];
static char buffer[100];

static int readable(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, 0);
}

static void pipe_read_begin(struct strike *s)
{
	strike_call_set(s, SYS_read, (uint64_t)ends[0], (uint64_t)buffer, 10, 0);
}

static void pipe_read_end(struct strike *s, bool completed_late)
{
	(void)completed_late;
	CHECK_EQ(aim->guns[1].result, 1);
	if ((int64_t)s->result == -EINTR) {
		CHECK_EQ(readable(ends[0]), 1);
		CHECK_EQ(read(ends[0], buffer, 10), 1);
	} else {
		CHECK_EQ(s->result, 1);
	}
	CHECK_EQ(readable(ends[0]), 0);
}

TEST("a signal and a byte for a pipe's reader: one of the two ends the read, and no byte is lost")
{
	static const struct blocking b = { pipe_read_begin, pipe_read_end, true };
	struct strike s;

	CHECK_EQ(pipe(ends), 0);
	aim_init(0);
	gun_set(1, SHOT_WRITE, ends[1]);
	aim->guns[1].text = "x";
	sweep_both(&s, &b);
}

static char full[65536];

static int pipe_drain(void)
{
	return (int)read(ends[0], full, 8192);
}

static void pipe_write_begin(struct strike *s)
{
	int held = 0;

	CHECK_EQ(ioctl(ends[0], FIONREAD, &held), 0);
	if (held < (int)sizeof(full))
		CHECK_EQ(write(ends[1], full, sizeof(full) - (size_t)held), sizeof(full) - (size_t)held);
	strike_call_set(s, SYS_write, (uint64_t)ends[1], (uint64_t)buffer, 100, 0);
}

static void pipe_write_end(struct strike *s, bool completed_late)
{
	int held = 0;

	(void)completed_late;
	CHECK_EQ(aim->guns[1].result, 8192);
	CHECK((int64_t)s->result == -EINTR || s->result == 100);
	CHECK_EQ(ioctl(ends[0], FIONREAD, &held), 0);
	CHECK_EQ(held, (int)sizeof(full) - 8192 + (s->result == 100 ? 100 : 0));
}

TEST("a signal and room for a full pipe's writer: it has written all or nothing")
{
	static const struct blocking b = { pipe_write_begin, pipe_write_end, true };
	struct strike s;

	CHECK_EQ(pipe(ends), 0);
	aim_init(0);
	gun_set(1, SHOT_CALL, 0);
	aim->guns[1].function = pipe_drain;
	sweep_both(&s, &b);
}

static void futex_begin(struct strike *s)
{
	aim->words[0] = 0;
	strike_call_set(s, SYS_futex, (uint64_t)&aim->words[0], FUTEX_WAIT, 0, 0);
}

static void futex_end(struct strike *s, bool completed_late)
{
	(void)completed_late;
	if (s->result == 0)
		CHECK_EQ(aim->guns[1].result, 1);
	else
		CHECK_EQ(aim->guns[1].result, 0);
	CHECK(s->result == 0 || (int64_t)s->result == -EINTR || (int64_t)s->result == -EAGAIN);
}

TEST("a signal and a wake for a futex's sleeper: a wake that was counted has woken it")
{
	static const struct blocking b = { futex_begin, futex_end, true };
	struct strike s;

	aim_init(0);
	gun_set(1, SHOT_WAKE, 0);
	aim->guns[1].word = (uint32_t *)&aim->words[0];
	sweep_both(&s, &b);
}

static struct pollfd polled;

static void poll_begin(struct strike *s)
{
	polled = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	strike_call_set(s, SYS_poll, (uint64_t)&polled, 1, ~0ull, 0);
}

static void poll_end(struct strike *s, bool completed_late)
{
	(void)completed_late;
	CHECK((int64_t)s->result == -EINTR || (s->result == 1 && polled.revents == POLLIN));
	CHECK_EQ(read(ends[0], buffer, 10), 1);
}

TEST("a signal and a byte for a poll: it answers, and the byte is there")
{
	static const struct blocking b = { poll_begin, poll_end, false };
	struct strike s;

	CHECK_EQ(pipe(ends), 0);
	aim_init(0);
	gun_set(1, SHOT_WRITE, ends[1]);
	aim->guns[1].text = "x";
	sweep_both(&s, &b);
}

static void ppoll_begin(struct strike *s)
{
	mask_block();
	polled = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	strike_call_set(s, SYS_ppoll, (uint64_t)&polled, 1, 0, (uint64_t)&mask_none);
	s->args[4] = 8;
}

/* The signal came first by far: it ends the call wherever it came.  Else it may be left over. */
static void ppoll_end(struct strike *s, bool completed_late)
{
	uint64_t mask = 0;

	if (completed_late && aim_exact)
		CHECK_EQ((int64_t)s->result, -EINTR);
	CHECK((int64_t)s->result == -EINTR || (s->result == 1 && polled.revents == POLLIN));
	CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, 8), 0);
	CHECK_EQ(mask, mask_usr1);
	CHECK_EQ(read(ends[0], buffer, 10), 1);
	mask_clear();
}

TEST("ppoll: no signal is lost between its mask and its sleep")
{
	static const struct blocking b = { ppoll_begin, ppoll_end, false };
	struct strike s;

	CHECK_EQ(pipe(ends), 0);
	aim_init(0);
	gun_set(1, SHOT_WRITE, ends[1]);
	aim->guns[1].text = "x";
	sweep_both(&s, &b);
}

TEST("sigsuspend: no signal is lost between its mask and its sleep")
{
	struct strike s;

	aim_init(0);
	for (int64_t at = -300; at < BLOCKED; at += at < 500 ? stride(0) : stride(97)) {
		uint64_t mask = 0;

		mask_block();
		aim_hits = 0;
		strike_call_set(&s, SYS_rt_sigsuspend, (uint64_t)&mask_none, 8, 0, 0);
		strike_shoot(&s, at, NEVER);
		CHECK_EQ((int64_t)s.result, -EINTR);
		strike_check_registers(&s);
		CHECK_EQ(aim_hits, 1);
		CHECK_EQ(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, 8), 0);
		CHECK_EQ(mask, mask_usr1);
	}
}

TEST("nanosleep under a signal sleeps its time or tells what is left of it")
{
	struct timespec left, wanted = { 0, 25000 };
	struct strike s;

	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 1), 0);	/* Linux counts the slack to what is left */
	aim_init(SA_RESTART);
	for (int64_t at = -4; at < 40000; at += at < 500 ? stride(0) : stride(211)) {
		int64_t start = now_ns();

		aim_hits = 0;
		left = (struct timespec){ 0, 0 };
		strike_call_set(&s, SYS_nanosleep, (uint64_t)&wanted, (uint64_t)&left, 0, 0);
		strike_shoot(&s, at, NEVER);
		strike_check_registers(&s);
		CHECK_EQ(aim_hits, 1);
		CHECK(s.result == 0 || (int64_t)s.result == -EINTR);
		if (s.result == 0)
			CHECK(now_ns() - start >= 25000);
		else
			CHECK(left.tv_sec == 0 && left.tv_nsec <= 25000);
	}
}

/* --- children ---------------------------------------------------------------------------------------------------- */

static pid_t waited;
static int wait_status;

static void wait_begin(struct strike *s)
{
	CHILD(waited)
		for (;;)
			pause();
	aim->words[0] = (uint64_t)waited;
	strike_call_set(s, SYS_wait4, (uint64_t)waited, (uint64_t)&wait_status, 0, 0);
}

static void wait_end(struct strike *s, bool completed_late)
{
	(void)completed_late;
	if ((int64_t)s->result == -EINTR)
		CHECK_EQ(waitpid(waited, &wait_status, 0), waited);
	else
		CHECK_EQ(s->result, waited);
	CHECK_EQ(wait_status, SIGKILL);
	CHECK_ERR(waitpid(waited, NULL, WNOHANG), ECHILD);
}

TEST("a signal and a child's end for its waiting parent: the child is reported once")
{
	static const struct blocking b = { wait_begin, wait_end, true };
	struct strike s;

	aim_init(0);
	gun_set(1, SHOT_SIGNAL, SIGKILL);
	aim->guns[1].target = (volatile pid_t *)&aim->words[0];
	sweep_both(&s, &b);
}

/* --- terminals, FIFOs, locks -------------------------------------------------------------------------------------- */

static void tty_begin(struct strike *s)
{
	strike_call_set(s, SYS_read, (uint64_t)ends[0], (uint64_t)buffer, 100, 0);
}

static void tty_end(struct strike *s, bool completed_late)
{
	(void)completed_late;
	CHECK_EQ(aim->guns[1].result, 5);
	if ((int64_t)s->result == -EINTR)
		CHECK_EQ(read(ends[0], buffer, 100), 5);
	else
		CHECK_EQ(s->result, 5);
	CHECK_EQ(memcmp(buffer, "line\n", 5), 0);
	CHECK_EQ(readable(ends[0]), 0);
	tcflush(ends[1], TCIFLUSH);
}

TEST("a signal and a line for a terminal's reader: the line is read once")
{
	static const struct blocking b = { tty_begin, tty_end, true };
	int unlock = 0, number;
	struct strike s;
	char name[64];

	ends[1] = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(ends[1] >= 0);
	CHECK_EQ(ioctl(ends[1], TIOCSPTLCK, &unlock), 0);
	CHECK_EQ(ioctl(ends[1], TIOCGPTN, &number), 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", number);
	ends[0] = open(name, O_RDWR | O_NOCTTY);
	CHECK(ends[0] >= 0);
	aim_init(0);
	gun_set(1, SHOT_WRITE, ends[1]);
	aim->guns[1].text = "line\n";
	sweep_both(&s, &b);
}

static const char fifo_name[] = "fifo";

/* A writer that does not wait for a reader, but tries again until there is one or will be none. */
static int fifo_open(void)
{
	const struct timespec pause = { 0, 20000 };
	bool last;
	int fd;

	do {
		last = aim->returned;
		fd = open(fifo_name, O_WRONLY | O_NONBLOCK);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		nanosleep(&pause, NULL);
	} while (!last);
	return -errno;
}

static void fifo_begin(struct strike *s)
{
	strike_call_set(s, SYS_open, (uint64_t)fifo_name, O_RDONLY, 0, 0);
}

/* A writer that does not wait finds a reader exactly if that reader's open succeeds. */
static void fifo_end(struct strike *s, bool completed_late)
{
	(void)completed_late;
	if ((int64_t)s->result == -EINTR) {
		CHECK_EQ(aim->guns[1].result, -ENXIO);
	} else {
		CHECK((int64_t)s->result >= 0);
		CHECK_EQ(aim->guns[1].result, 0);
		CHECK_EQ(close((int)s->result), 0);
	}
	CHECK_ERR(open(fifo_name, O_WRONLY | O_NONBLOCK), ENXIO);
}

TEST("a signal and a writer for a FIFO's opener: the writer finds it if it opens")
{
	static const struct blocking b = { fifo_begin, fifo_end, true };
	struct strike s;

	CHECK_EQ(mkfifo(fifo_name, 0600), 0);
	aim_init(0);
	gun_set(1, SHOT_CALL, 0);
	aim->guns[1].function = fifo_open;
	sweep_both(&s, &b);
}

static int lock_fd;
static struct flock lock_whole = { .l_type = F_WRLCK };

/* Gun 1 has it, then not. */
static int lock_toggle(void)
{
	static bool held;
	struct flock l = { .l_type = held ? F_UNLCK : F_WRLCK };

	held = !held;
	return fcntl(lock_fd, F_SETLKW, &l);
}

static void lock_begin(struct strike *s)
{
	gun_load(1, 0);
	gun_wait(1);
	CHECK_EQ(aim->guns[1].result, 0);
	strike_call_set(s, SYS_fcntl, (uint64_t)lock_fd, F_SETLKW, (uint64_t)&lock_whole, 0);
}

static void lock_end(struct strike *s, bool completed_late)
{
	struct flock l = { .l_type = F_UNLCK };

	(void)completed_late;
	CHECK(s->result == 0 || (int64_t)s->result == -EINTR);
	if (s->result == 0)
		CHECK_EQ(fcntl(lock_fd, F_SETLK, &l), 0);
}

TEST("a signal and an unlock for a lock's waiter: who gave up does not hold it")
{
	static const struct blocking b = { lock_begin, lock_end, true };
	struct strike s;

	lock_fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(lock_fd >= 0);
	aim_init(0);
	gun_set(1, SHOT_CALL, 0);
	aim->guns[1].function = lock_toggle;
	sweep_both(&s, &b);
}
