/*
 * tty.h -- terminals: what the line discipline, the drivers and the device calls share (private).
 *
 * Three files: tty_ldisc.c turns bytes of the line into input and output of programs and needs nothing
 * but struct tty; tty.c is reading, writing, ioctl and job control with their parked requests; tty_line.c
 * the serial lines and tty_pty.c the pseudo terminals are drivers.
 */
#ifndef LINUX_SERVER_TTY_H
#define LINUX_SERVER_TTY_H

#include "process.h"

#define TTY_IN		4096u		/* N_TTY_BUF_SIZE: a longer line is cut, as in Linux */
#define TTY_OUT		8192u
#define TTY_OUT_LOW	256u		/* room at which it is writable again (WAKEUP_CHARS) */

struct tty;
struct tty_driver {
	const char *name;
	void (*output)(struct tty *t);		/* there is something in out, or it may flow again */
	bool (*drained)(const struct tty *t);	/* all that was written has left */
};

struct tty {
	const struct tty_driver *driver;
	uint32_t rdev, index, refs;
	uint32_t nopen;			/* open files of the slave side */
	uint32_t generation;		/* hang-ups so far: files opened before one are dead */
	struct linux_termios2 termios;
	struct linux_winsize winsize;
	bool exclusive;
	bool draining;			/* in tty_output */
	bool stopped;			/* by ^S or TCOOFF */
	struct session *session;	/* whose controlling terminal it is; NULL: nobody's */
	uint32_t foreground;		/* process group; 0: none */

	/* the line discipline: positions count up and are taken modulo TTY_IN */
	uint8_t in[TTY_IN];
	uint64_t marks[TTY_IN / 64];	/* a line ends with this byte */
	uint32_t in_head, in_tail, canon_head;
	bool lnext, erasing;
	uint32_t column, canon_column;	/* of output; where the line being edited begins */

	uint8_t out[TTY_OUT];
	uint32_t out_head, out_tail;

	/* who waits, by what */
	struct link readers, writers, drainers, feeders;
	handle_t ready;			/* counter of POLL_ bits of the slave side */
	uint32_t ready_bits;

	struct pty *pty;		/* NULL: a serial line */
	struct line *line;
};

/* One open file of a terminal. */
struct tty_file {
	struct tty *tty;
	bool master, console;
	uint32_t generation;
};

/* --- tty_ldisc.c: no system call, no request; tested on the host ------------------------------------- */
void ldisc_init(struct tty *t);
uint32_t ldisc_room(const struct tty *t);	/* bytes that ldisc_receive takes for sure */
uint32_t ldisc_receive(struct tty *t, const uint8_t *data, uint32_t len);	/* taken */
bool ldisc_readable(const struct tty *t, bool for_poll);
int64_t ldisc_read(struct tty *t, uint8_t *buf, uint32_t len);	/* what there is; one line at most; 0 also for ^D */
uint32_t ldisc_available(const struct tty *t);	/* FIONREAD */
uint32_t ldisc_write(struct tty *t, const uint8_t *data, uint32_t len);	/* taken, as far as out has room */
void ldisc_flush_input(struct tty *t);
void ldisc_mode_changed(struct tty *t, const struct linux_termios2 *old);
static inline uint32_t tty_out_used(const struct tty *t) { return t->out_head - t->out_tail; }
static inline uint32_t tty_out_room(const struct tty *t) { return TTY_OUT - tty_out_used(t); }
uint32_t tty_out_take(struct tty *t, uint8_t *buf, uint32_t len);
/* what the line discipline asks of its surroundings (tty.c; mocked in its test) */
void ldisc_signal(struct tty *t, int sig);
void ldisc_start_stop(struct tty *t, bool stop);
void ldisc_flush_output(struct tty *t);

/* --- tty.c ------------------------------------------------------------------------------------------------ */
void tty_setup(struct tty *t, const struct tty_driver *driver, uint32_t rdev, uint32_t index);
void tty_input(struct tty *t);			/* input or line room has changed: serve who waits */
void tty_output(struct tty *t);			/* out has room, or has drained */
const uint8_t *tty_rest(struct parked *p, const uint8_t *data, uint32_t len, uint32_t done, uint32_t *n);
void tty_hangup(struct tty *t);			/* open files are dead; session and foreground get SIGHUP */
int tty_file_open(struct request *r, struct file *f, struct tty *t, uint32_t flags, bool console);
void tty_close(struct file *f);
void tty_read(struct request *r, struct file *f);
void tty_write(struct request *r, struct file *f);
void tty_ioctl(struct request *r, struct file *f);
bool tty_ioctl_common(struct request *r, struct tty *t);	/* termios and window, both sides; false: not one of them */
int tty_check_change(struct request *r, struct tty *t, int sig);
void ready_set(handle_t counter, uint32_t *have, uint32_t want);
void tty_own(struct tty *t, struct session *s, uint32_t pgid);
void tty_disown(struct tty *t);
void drain_finish(struct tty *t);		/* tty_ioctl.c: the first of t->drainers goes on */
void drain_fail(struct tty *t);
struct tty *tty_controlling(const struct process *p);

/* --- the drivers ----------------------------------------------------------------------------------------------- */
void line_init(void);
struct tty *line_tty(uint32_t index);
void line_sent(struct tty *t, uint64_t sent, uint64_t held);
void pty_init(void);
void pty_slave_state(struct tty *t);		/* the slave was opened or closed */
uint32_t pty_slave_hup(const struct tty *t);	/* POLL_HUP when its master is gone */
bool pty_locked(const struct tty *t);
void pty_free(struct tty *t);
void pty_input_room(struct tty *t);		/* the slave's line discipline may take more */

#endif
