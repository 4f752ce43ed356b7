/*
 * pipe_test.c -- pipes: what goes in comes out, whatever faults, sleeps and resizes come between.
 */
#include "object_host.h"
#include "pipe.h"
#include <stdlib.h>

static uint32_t fds[2];
static uint8_t out[1 << 17], in[1 << 17];

static void pipe_make(uint64_t flags) { CHECK(sys_pipe_create(flags, USER(fds)) == 0); }
static int64_t put(const void *p, uint64_t n) { return sys_descriptor_write(fds[1], USER(p), n, 0); }
static int64_t get(void *p, uint64_t n) { return sys_descriptor_read(fds[0], USER(p), n, 0); }
static void drop(void)
{
	sys_handle_close(fds[0]);
	sys_handle_close(fds[1]);
}

static void pattern(void)
{
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + i / 251);
}

/* A ring of random writes and reads against a model: positions in one endless stream. */
static void stream(void)
{
	uint64_t written = 0, read = 0;

	pattern();
	pipe_make(PIPE_NONBLOCK);
	for (int i = 0; i < 20000; i++) {
		uint64_t want = (uint64_t)rand() % (rand() % 4 ? 300 : 9000);
		int64_t n;

		if (rand() % 2) {
			n = put(in + written % 65536, want);
			CHECK(n >= 0 || n == E_AGAIN);
			written += n > 0 ? (uint64_t)n : 0;
		} else {
			n = get(out, want);
			CHECK(n >= 0 || (n == E_AGAIN && read == written));
			for (int64_t k = 0; k < n; k++)
				if (out[k] != in[(read + (uint64_t)k) % 65536]) {
					CHECK(!"the byte that was written");
					break;
				}
			read += n > 0 ? (uint64_t)n : 0;
		}
		if (written >= 65536 && written == read)
			written = read = 0;
		else if (written >= 60000) {		/* stay in the pattern's first round */
			while ((n = get(out, sizeof(out))) > 0)
				;
			written = read = 0;
		}
	}
	drop();
}

/* A full ring that begins in the middle of a frame: its first and last bytes share it. */
static void grow_full(void)
{
	pattern();
	for (int small = 0; small < 2; small++) {
		pipe_make(PIPE_NONBLOCK);
		CHECK(put(in, 65536) == 65536 && get(out, 5000) == 5000);
		CHECK(put(in + 65536, 5000) == 5000 && put(in, 1) == E_AGAIN);
		CHECK(sys_pipe_resize(fds[0], small ? 4096 : 131072) == (small ? E_BUSY : 131072));
		CHECK(get(out, sizeof(out)) == 65536 && memcmp(out, in + 5000, 65536) == 0);
		CHECK(sys_pipe_resize(fds[0], 4096) == 4096 && put(in, 5000) == 4096);
		drop();
	}
	CHECK(sys_pipe_resize(fds[0], 4096) == E_HANDLE);
}

static void ends(void)
{
	pipe_make(PIPE_NONBLOCK);
	CHECK(put("abc", 3) == 3);
	CHECK(sys_descriptor_write(fds[0], USER(in), 1, 0) == E_RIGHTS && sys_descriptor_read(fds[1], USER(out), 1, 0) == E_RIGHTS);
	sys_handle_close(fds[1]);
	CHECK(get(out, 10) == 3 && get(out, 10) == 0);
	sys_handle_close(fds[0]);
	pipe_make(0);
	sys_handle_close(fds[0]);
	CHECK(put("abc", 3) == E_PIPE);
	sys_handle_close(fds[1]);
}

/* The page is brought in with no lock held; an atomic write shows nothing of itself before it is whole. */
static void peek(void) { CHECK(get(out, 10) == E_AGAIN); }

static void faults(void)
{
	pattern();
	pipe_make(PIPE_NONBLOCK);
	host_absent_lo = USER(in + 100);
	host_absent_hi = USER(in + 200);
	host_on_fault = peek;
	CHECK(put(in, 300) == 300 && get(out, 1000) == 300 && memcmp(out, in, 300) == 0);
	CHECK(put(in, 300) == 300);
	host_absent_lo = USER(out + 7);
	host_absent_hi = USER(out + 8);
	CHECK(get(out, 300) == 300 && memcmp(out, in, 300) == 0);
	host_absent_for_good = true;
	host_absent_lo = USER(in + 100);
	host_absent_hi = USER(in + 200);
	CHECK(put(in, 300) == E_FAULT && get(out, 10) == E_AGAIN);		/* nothing of it is left */
	CHECK(put(in, 8000) == 100 && get(out, 200) == 100);	/* a long one may be cut */
	host_absent_lo = USER(out);
	host_absent_hi = USER(out + 10);
	CHECK(put(in, 50) == 50 && get(out, 50) == E_FAULT);
	host_absent_for_good = false;
	host_absent_lo = host_absent_hi = 0;
	CHECK(get(out, 50) == 50 && memcmp(out, in, 50) == 0);	/* and is still there */
	drop();
}

static int64_t result;
static void reader(void *arg) { result = sys_descriptor_read(fds[0], USER(out), 10, (uint64_t)arg); }
static void writer(void *arg) { result = sys_descriptor_write(fds[1], USER(in), (uint64_t)arg, DEADLINE_NEVER); }

static void sleep_and_wake(void)
{
	struct thread *t;

	pattern();
	pipe_make(0);
	t = host_thread(reader, (void *)DEADLINE_NEVER);
	result = 99;
	host_run();
	CHECK(result == 99 && put("xy", 2) == 2);
	host_run();
	CHECK(result == 2 && out[0] == 'x');
	host_end(t);
	CHECK(put(in, 65536) == 65536);
	t = host_thread(writer, (void *)4096);
	host_run();
	CHECK(get(out, 4095) == 4095);			/* not enough room for it at once */
	host_run();
	CHECK(result == 2 && get(out, 1) == 1);
	host_run();
	CHECK(result == 4096);
	host_end(t);
	t = host_thread(writer, (void *)10);
	host_run();
	sys_handle_close(fds[0]);
	host_run();
	CHECK(result == E_PIPE);
	host_end(t);
	sys_handle_close(fds[1]);
}

static void interrupted(void)
{
	struct thread *t;

	pipe_make(0);
	t = host_thread(reader, (void *)DEADLINE_NEVER);
	host_run();
	t->arch.utcb->latch = 1;
	thread_wake(t);
	host_run();
	CHECK(result == E_INTERRUPTED);
	host_end(t);
	t = host_thread(reader, (void *)(host_time + 1000));
	host_run();
	host_pass(999);
	CHECK(t->state == TS_BLOCKED);
	host_pass(1);
	CHECK(result == E_TIMEDOUT);
	host_end(t);
	drop();
}

static void no_memory(void)
{
	uint64_t objects = host_objects();

	for (int n = 0; n < 6; n++) {
		int64_t s;

		host_fail_after = n;
		s = sys_pipe_create(0, USER(fds));
		if (s == 0) {
			s = put("abc", 3);
			CHECK(s == 3 || s == E_NOMEM);
			s = sys_pipe_resize(fds[0], 131072);
			CHECK(s == 131072 || s == E_NOMEM);
			host_fail_after = -1;
			drop();
		}
		host_fail_after = -1;
		CHECK(host_objects() == objects && host_frames_used == 0);
	}
}

/* A packet is read whole or not at all, whatever comes between; marks wrap with the ring. */
static void steal(void)
{
	uint8_t first[8];

	CHECK(sys_descriptor_read(fds[0], USER(first), 8, 0) == 3 && memcmp(first, "abc", 3) == 0);
}

static void packets(void)
{
	uint64_t used = host_kmem_used;

	pattern();
	pipe_make(PIPE_NONBLOCK | PIPE_PACKET);
	CHECK(put("abc", 3) == 3 && put("defg", 4) == 4);
	host_absent_lo = USER(out + 1);
	host_absent_hi = USER(out + 2);
	host_on_fault = steal;				/* another reader takes the packet meanwhile */
	CHECK(get(out, 10) == 4 && memcmp(out, "defg", 4) == 0);
	CHECK(put("hij", 3) == 3);
	host_absent_for_good = true;
	host_absent_lo = USER(out + 1);
	host_absent_hi = USER(out + 2);
	CHECK(get(out, 10) == E_FAULT);
	host_absent_for_good = false;
	host_absent_lo = host_absent_hi = 0;
	CHECK(get(out, 10) == 3 && memcmp(out, "hij", 3) == 0);
	for (uint64_t i = 0; i < 100; i++) {		/* 3,000 bytes: some lie in two frames */
		CHECK(put(in + i, 3000) == 3000 && put(in + i + 1, 3000) == 3000);
		CHECK(get(out, 2999) == 2999 && memcmp(out, in + i, 2999) == 0);
		CHECK(get(out, 4000) == 3000 && memcmp(out, in + i + 1, 3000) == 0);
	}
	CHECK(get(out, 1) == E_AGAIN);
	sys_descriptor_flags(fds[1], DESC_PACKET, 0);
	CHECK(put("ab", 2) == 2 && put("cd", 2) == 2 && get(out, 10) == 4);
	drop();
	CHECK(host_kmem_used == used);
	pipe_make(PIPE_NONBLOCK | PIPE_PACKET);
	host_fail_after = 0;
	CHECK(put("abc", 3) == E_NOMEM);
	host_fail_after = -1;
	CHECK(put("abc", 3) == 3 && get(out, 10) == 3);
	drop();
}

/* The first frame of an atomic write is there, the second is not to be had. */
static void atomic_starved(void)
{
	pattern();
	for (uint64_t flags = PIPE_NONBLOCK; ; flags |= PIPE_PACKET) {
		pipe_make(flags);
		CHECK(put(in, 3000) == 3000);
		host_fail_after = 0;
		CHECK(put(in + 3000, 3000) == E_NOMEM);
		host_fail_after = -1;
		CHECK(put(in + 3000, 2000) == 2000 && get(out, 3000) == 3000 && get(out + 3000, 3000) == 2000);
		CHECK(memcmp(in, out, 5000) == 0 && get(out, 1) == E_AGAIN);
		drop();
		if (flags & PIPE_PACKET)
			break;
	}
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "what is read is what was written, in order", stream },
		{ "a full ring grows without losing a byte", grow_full },
		{ "the end of the data comes after it; writing without a reader is E_PIPE", ends },
		{ "a write up to 4096 bytes is whole or nothing, also with a fault in it", faults },
		{ "readers and writers sleep and are woken", sleep_and_wake },
		{ "a sleeper ends by its latch and its deadline", interrupted },
		{ "a failed allocation leaves nothing behind", no_memory },
		{ "a packet is read whole or not at all", packets },
		{ "an atomic write that finds no memory has written nothing", atomic_starved },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
