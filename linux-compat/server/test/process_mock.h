/*
 * process_mock.h -- a kernel of a few tables and the names half of linuxd, for the tests of the process half.
 *
 * The real loop of request.c runs: mock_call puts a message into the utcb and lets it handle that and all
 * notices that follow; the answer of each token is kept.
 */
#ifndef PROCESS_MOCK_H
#define PROCESS_MOCK_H

#include "../process.h"
#include "../tty.h"
#include <stdlib.h>
#include <lib/test/tap.h>

struct answer {
	bool given;
	int64_t value;
	uint64_t w1;
	uint8_t data[IPC_BULK_MAX];
	uint32_t len;
};

/* One native task as the mock knows it. */
struct mock_task {
	uint64_t badge, code;
	bool used, dead, suspended;
	uint32_t nthreads;
	uint64_t mask[8], pending[8], latch[8];
};
struct mock_task *mock_task(const struct process *p);
struct mock_task *mock_task_newest(void);

struct mock_file { uint32_t rdev; void *private; handle_t ready; const struct device_ops *device; uint32_t flags; };

void mock_start(void);			/* a fresh world with pid 1 */
void mock_end(void);			/* everything gone; CHECKs that nothing leaked */
struct process *mock_fork(struct process *parent);
void mock_exit(struct process *p, int status);
/* a request via the endpoint; its token comes back, its answer is answers(token) */
uint64_t mock_call(struct process *p, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3);
uint64_t mock_call_data(struct process *p, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3, const void *data, uint32_t len);
uint64_t mock_call_thread(struct process *p, uint32_t thread, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3);
uint64_t mock_call_from(uint64_t badge, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4);
uint64_t mock_exec(struct process *p, const char *path);
uint64_t mock_feed(uint32_t line, const void *data, uint32_t len);
void mock_cancel(uint64_t token);
extern handle_t mock_favoured;		/* whose pool has the last of all memory */
extern uint64_t mock_slow_badge;		/* the task that takes its time to die ... */
void mock_slow_death(void);		/* ... until this */
void mock_time(uint64_t ns);		/* let so much time pass, firing timers */
struct answer *answer_of(uint64_t token);
int64_t value_of(uint64_t token);	/* -9999: not answered */
#define PARKED (-9999)

/* files of devices: open, read, write, ioctl as a process */
struct mock_file *mock_open(struct process *p, uint32_t rdev, uint32_t flags);
void mock_close(struct mock_file *f);
uint64_t mock_read(struct process *p, struct mock_file *f, uint32_t room, bool nonblock);
uint64_t mock_write(struct process *p, struct mock_file *f, const void *data, uint32_t len, bool nonblock);
uint64_t mock_ioctl(struct process *p, struct mock_file *f, uint64_t request, uint64_t arg, const void *data, uint32_t len);
uint32_t mock_ready(const struct mock_file *f);	/* its counter's bits */
extern uint8_t mock_line_out[65536];
extern uint32_t mock_line_len, mock_line_capacity;
extern int mock_power;			/* code of power_off, -1: not called */
extern uint32_t mock_exec_mode, mock_exec_uid;
extern int mock_exec_error;

#endif
