/*
 * waitset_race_test.c -- wait sets and what they watch at random, while another CPU does something else just before
 * a lock is had, or in a pause of a long end.
 *
 * Who is ready is not compared but where it is certain; no entry outlives its ends (ASan, and the count of what is
 * left over).  Arguments: the first seed, and how many.
 */
#include "object_host.h"
#include <stdlib.h>

#define PIPES 4
#define SETS 3
#define FDS 12
#define MANY 150			/* more than an end takes in one piece */
#define LOCKS 8

static uint32_t pipes[PIPES][2];
static uint64_t sets[SETS], fds[FDS], many[MANY];
static struct waitset_event ev[8];

static uint64_t set_new(void)
{
	int64_t ws = sys_waitset_create(H_SELF), fd;
	struct descriptor_args args = { .object = (handle_t)ws, .endpoint = H_NONE, .ready = H_NONE, .flags = DESC_READ,
					.user_flags = 1 };

	fd = sys_descriptor_create(USER(&args));
	CHECK(fd >= 0 && sys_handle_close((uint64_t)ws) == 0);
	return (uint64_t)fd;
}

static uint64_t set_any(void) { return sets[rand() % SETS]; }
static uint64_t fd_any(void) { return rand() % 2 ? pipes[rand() % PIPES][0] : fds[rand() % FDS]; }

/* The slot is filled before the old one goes: both ends of a race find an fd there. */
static void set_replace(void)
{
	uint64_t *at = &sets[rand() % SETS], old, new = set_new();

	old = *at;
	*at = new;
	sys_handle_close(old);
}

static void pipe_replace(void)
{
	uint32_t *at = pipes[rand() % PIPES], new[2], old[2];

	CHECK(sys_pipe_create(0, USER(new)) == 0);
	memcpy(old, at, sizeof(old));
	memcpy(at, new, sizeof(new));
	sys_handle_close(old[0]), sys_handle_close(old[1]);
}

static void fd_replace(void)
{
	uint64_t *at = &fds[rand() % FDS], old;
	int64_t new = sys_handle_dup(pipes[rand() % PIPES][0], 0, 0);

	if (new < 0)
		return;			/* that pipe has just gone */
	old = *at;
	*at = (uint64_t)new;
	sys_handle_close(old);
}

/* A set, or a pipe, with more entries than go in one piece ends. */
static void many_end(void)
{
	bool pipe_ends = rand() % 2;
	uint64_t ws = set_any(), own = pipe_ends ? 0 : set_new();
	uint32_t p[2];
	int n = 0;

	CHECK(sys_pipe_create(0, USER(p)) == 0);
	for (; n < MANY; n++) {
		many[n] = (uint64_t)sys_handle_dup(p[0], 0, 0);
		(void)sys_waitset_change(pipe_ends ? ws : own, WAITSET_ADD, many[n], POLL_IN, 1);
	}
	(void)sys_descriptor_write(p[1], USER("x"), 1, 0);
	sys_handle_close(pipe_ends ? p[0] : own);
	while (n > 0)
		sys_handle_close(many[--n]);
	sys_handle_close(pipe_ends ? p[1] : p[0]);
	if (!pipe_ends)
		sys_handle_close(p[1]);
}

static bool in_many;

static void step(void)
{
	static const uint32_t events[] = { POLL_IN, POLL_IN | WAITSET_EDGE, POLL_IN | WAITSET_ONESHOT };
	char c;

	switch (rand() % 12) {
	case 0: set_replace(); break;
	case 1: pipe_replace(); break;
	case 2: fd_replace(); break;
	case 3:
		if (in_many)
			break;
		in_many = true;
		many_end();
		in_many = false;
		break;
	case 4: (void)sys_waitset_change(set_any(), WAITSET_REMOVE, fd_any(), 0, 0); break;
	case 5: (void)sys_waitset_change(set_any(), WAITSET_MODIFY, fd_any(), events[rand() % 3], 2); break;
	case 6: (void)sys_descriptor_write(pipes[rand() % PIPES][1], USER("x"), 1, 0); break;
	case 7: (void)sys_descriptor_read(pipes[rand() % PIPES][0], USER(&c), 1, 0); break;
	case 8: (void)sys_waitset_wait(set_any(), USER(ev), 8, 0); break;
	default: (void)sys_waitset_change(set_any(), WAITSET_ADD, fd_any(), events[rand() % 3], 1); break;
	}
}

/* With all pipes full, a set to which a readable end is added by level must tell. */
static void level_check(void)
{
	uint64_t ws = set_any(), fd = pipes[rand() % PIPES][0];

	if (sys_waitset_change(ws, WAITSET_ADD, fd, POLL_IN, 9) != 0)
		CHECK(sys_waitset_change(ws, WAITSET_MODIFY, fd, POLL_IN, 9) == 0);
	for (int i = 0; i < PIPES; i++)
		if (pipes[i][0] == fd)
			CHECK(sys_descriptor_write(pipes[i][1], USER("x"), 1, 0) == 1);
	CHECK(sys_waitset_wait(ws, USER(ev), 8, 0) > 0);
	CHECK(sys_waitset_change(ws, WAITSET_REMOVE, fd, 0, 0) == 0);
}

static unsigned seed = 1, seeds = 4;

static void random_run(void)
{
	srand(seed);
	current->table->ceiling = 1024;
	for (int i = 0; i < PIPES; i++)
		CHECK(sys_pipe_create(0, USER(pipes[i])) == 0);
	for (int i = 0; i < SETS; i++)
		sets[i] = set_new();
	for (int i = 0; i < FDS; i++)
		fds[i] = (uint64_t)sys_handle_dup(pipes[0][0], 0, 0);
	for (int i = 0; i < 3000 && !tap_failed; i++) {
		if (rand() % 2)
			host_race_at(NULL, 1 + (unsigned)rand() % LOCKS, step);
		else
			host_on_pause = step;
		step();
		host_race_over();
		host_on_pause = NULL;
		if (i % 16 == 0)
			level_check();
	}
	for (int i = 0; i < PIPES; i++)
		sys_handle_close(pipes[i][0]), sys_handle_close(pipes[i][1]);
	for (int i = 0; i < SETS; i++)
		sys_handle_close(sets[i]);
	for (int i = 0; i < FDS; i++)
		sys_handle_close(fds[i]);
	if (tap_failed)
		printf("# seed %u\n", seed);
}

static void random_runs(void)
{
	for (unsigned end = seed + seeds; seed < end && !tap_failed; seed++)
		random_run();
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		{ "sets and what they watch end in any order, on two CPUs", random_runs },
	};

	if (argc > 1)
		seed = (unsigned)atoi(argv[1]);
	if (argc > 2)
		seeds = (unsigned)atoi(argv[2]);
	return host_main(cases, ARRAY_SIZE(cases));
}
