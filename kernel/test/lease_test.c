/*
 * lease_test.c -- the end of a lease: sleepers, calls, receivers, polls, wait sets, timers, and what was made.
 *
 * No thread here leaves the kernel by itself: left() is what ends an operation.
 */
#include "object_host.h"
#include "ipc.h"
#include "lease.h"

static uint64_t outer, inner;		/* the lease that is ended, and the one below it that grants */
static uint64_t lent;
static int64_t result;
static uint64_t value;

static int64_t left(int64_t s)
{
	operation_end();
	return s;
}

static void leases_make(void)
{
	outer = (uint64_t)sys_lease_create(H_SELF);
	inner = (uint64_t)sys_lease_create(outer);
}

static uint64_t lend(uint64_t h) { return (uint64_t)sys_lease_grant(inner, h, RIGHTS_ALL); }
static void leases_drop(void) { sys_handle_close(outer), sys_handle_close(inner); }
static void end(void) { CHECK(sys_lease_end(outer) == 0); }

static void counter_waiter(void *unused)
{
	(void)unused;
	result = left(sys_counter_wait(lent, DEADLINE_NEVER));
}

/* Off the queue at once: what comes before the sleeper runs is not its any more. */
static void sleepers(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 0, 0);
	struct thread *t;

	leases_make();
	lent = lend(c);
	t = host_thread(counter_waiter, NULL);
	host_run();
	CHECK(t->state == TS_BLOCKED);
	end();
	CHECK(sys_counter_signal(c, 5) == 0);
	host_run();
	CHECK(result == E_REVOKED && sys_counter_wait(c, 0) == 5);
	host_end(t);
	sys_handle_close(lent), sys_handle_close(c);
	leases_drop();
}

/* What woke it came before the end. */
static void woken_first(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 0, 0);
	struct thread *t;

	leases_make();
	lent = lend(c);
	t = host_thread(counter_waiter, NULL);
	host_run();
	CHECK(sys_counter_signal(c, 5) == 0);
	end();
	host_run();
	CHECK(result == 5);
	host_end(t);
	sys_handle_close(lent), sys_handle_close(c);
	leases_drop();
}

static uint8_t buf[PIPE_ATOMIC * 20];
static void pipe_reader(void *fd) { result = left(sys_descriptor_read((uint64_t)fd, USER(buf), 8, DEADLINE_NEVER)); }
static void pipe_writer(void *fd)
{
	result = left(sys_descriptor_write((uint64_t)fd, USER(buf), sizeof(buf), DEADLINE_NEVER));
}

/* A reader gets E_REVOKED; a writer what it had written. */
static void pipes(void)
{
	struct thread *t;
	uint32_t p[2];
	uint64_t fd;

	CHECK(sys_pipe_create(0, USER(p)) == 0);
	for (int write = 0; write < 2; write++) {
		struct slot slot;

		leases_make();
		CHECK(handle_get_slot(p[write], OBJ_DESCRIPTOR, 0, &slot) == 0);
		slot.lease = container_of(current->task->handles->slots[inner & ~HANDLE_TASK_TABLE].object, struct lease, object);
		object_get(&slot.lease->object);
		fd = (uint64_t)table_install(current->table, &slot, 0);
		t = host_thread(write ? pipe_writer : pipe_reader, (void *)fd);
		host_run();
		CHECK(t->state == TS_BLOCKED);
		end();
		host_run();
		CHECK(result == (write ? PIPE_ATOMIC * 16 : E_REVOKED));
		host_end(t);
		sys_handle_close(fd);
		leases_drop();
	}
	sys_handle_close(p[0]), sys_handle_close(p[1]);
}

static void caller(void *unused)
{
	(void)unused;
	memset(&current->arch.utcb->msg, 0, sizeof(struct ipc_message));
	result = left(sys_ipc_call(lent, DEADLINE_NEVER));
}

static void calls(void)
{
	uint64_t e = (uint64_t)sys_endpoint_create(H_SELF);
	struct thread *t;
	int64_t token;

	for (int received = 0; received < 3; received++) {
		leases_make();
		lent = lend(e);
		t = host_thread(caller, NULL);
		host_run();
		token = received ? sys_ipc_recv(e, 0) : 0;
		if (received == 2)
			CHECK(sys_ipc_reply(e, (uint64_t)token) == 0);	/* answered, but not heard yet */
		end();
		CHECK(sys_ipc_recv(e, 0) == E_TIMEDOUT);		/* the queued one is gone at once */
		if (received)
			CHECK(sys_ipc_reply(e, (uint64_t)token) == E_GONE);
		host_run();
		CHECK(result == E_REVOKED);
		host_end(t);
		sys_handle_close(lent);
		leases_drop();
	}
	sys_handle_close(e);
}

static void receiver(void *unused)
{
	(void)unused;
	result = left(sys_ipc_recv(lent, DEADLINE_NEVER));
}

/* A call that comes after the end waits for somebody else. */
static void receivers(void)
{
	uint64_t e = (uint64_t)sys_endpoint_create(H_SELF);
	struct thread *t, *c;
	int64_t token;

	leases_make();
	lent = lend(e);
	t = host_thread(receiver, NULL);
	host_run();
	end();
	sys_handle_close(lent);
	lent = e;
	c = host_thread(caller, NULL);
	host_run();
	CHECK(result == E_REVOKED && c->state == TS_BLOCKED);
	token = sys_ipc_recv(e, 0);
	CHECK(token > 0 && sys_ipc_reply(e, (uint64_t)token) == 0);
	host_run();
	host_end(t), host_end(c);
	sys_handle_close(e);
	leases_drop();
}

static struct poll_item item;
static void poller(void *unused)
{
	(void)unused;
	result = left(sys_descriptor_poll(USER(&item), 1, DEADLINE_NEVER));
}

static struct waitset_event event;
static void set_waiter(void *set) { result = left(sys_waitset_wait((uint64_t)set, USER(&event), 1, DEADLINE_NEVER)); }

/* The descriptor that a poll, or a wait set, watches. */
static void watchers(void)
{
	uint64_t set = (uint64_t)sys_waitset_create(H_SELF), fd;
	struct slot slot;
	struct thread *t;
	uint32_t p[2];

	CHECK(sys_pipe_create(0, USER(p)) == 0);
	leases_make();
	CHECK(handle_get_slot(p[0], OBJ_DESCRIPTOR, 0, &slot) == 0);
	slot.lease = container_of(current->task->handles->slots[inner & ~HANDLE_TASK_TABLE].object, struct lease, object);
	object_get(&slot.lease->object);
	fd = (uint64_t)table_install(current->table, &slot, 0);
	item = (struct poll_item){ (uint32_t)fd, POLL_IN, 0 };
	CHECK(left(sys_waitset_change(set, WAITSET_ADD, fd, POLL_IN, 7)) == 0);
	t = host_thread(poller, NULL);
	host_run();
	CHECK(t->state == TS_BLOCKED);
	end();
	host_run();
	CHECK(result == 1 && item.ready == POLL_NVAL);
	host_end(t);
	CHECK(sys_descriptor_write(p[1], USER("x"), 1, 0) == 1);
	CHECK(sys_waitset_wait(set, USER(&event), 1, 0) == 0);
	sys_handle_close(fd), sys_handle_close(p[0]), sys_handle_close(p[1]), sys_handle_close(set);
	leases_drop();
}

/* Who waits for a set by a lent capability. */
static void set_waiters(void)
{
	uint64_t set = (uint64_t)sys_waitset_create(H_SELF);
	struct thread *t;

	leases_make();
	lent = lend(set);
	t = host_thread(set_waiter, (void *)lent);
	host_run();
	end();
	host_run();
	CHECK(result == E_REVOKED);
	host_end(t);
	sys_handle_close(lent), sys_handle_close(set);
	leases_drop();
}

static void timers(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 0, 0), timer;

	leases_make();
	lent = lend(c);
	timer = (uint64_t)left(sys_timer_create(H_SELF, lent, 1));
	CHECK(left(sys_timer_arm(timer, host_time + 1000, 1000)) == 0);
	host_pass(1000);
	CHECK(sys_counter_wait(c, 0) == 1);
	end();
	CHECK(sys_timer_arm(timer, 1, 0) == E_REVOKED);		/* it was made through a lent one */
	host_pass(5000);
	CHECK(sys_counter_wait(c, 0) == E_AGAIN);
	sys_handle_close(timer), sys_handle_close(lent), sys_handle_close(c);
	leases_drop();
}

/* A new capability made through a lent one lives no longer; two unrelated lives cannot be mixed. */
static void made_through(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 3, 0), other, second, fd;
	struct descriptor_args a = { .endpoint = H_NONE, .ready = H_NONE, .flags = DESC_READ };

	leases_make();
	lent = lend(c);
	a.object = (handle_t)lent;
	fd = (uint64_t)left(sys_descriptor_create(USER(&a)));
	CHECK((int64_t)fd > 0);
	other = (uint64_t)sys_lease_create(H_SELF);
	second = (uint64_t)sys_lease_grant(other, c, RIGHTS_ALL);
	a.ready = (handle_t)second;
	CHECK(left(sys_descriptor_create(USER(&a))) == E_PERM);
	end();
	CHECK(left(sys_descriptor_read(fd, USER(&value), 8, 0)) == E_REVOKED);
	CHECK(left(sys_counter_wait(second, 0)) == 3);
	sys_handle_close(fd), sys_handle_close(lent), sys_handle_close(second), sys_handle_close(other);
	sys_handle_close(c);
	leases_drop();
}

/* One under a lease that has ended is born ended. */
static void born_ended(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 3, 0), late;

	leases_make();
	end();
	late = (uint64_t)sys_lease_create(inner);
	lent = (uint64_t)sys_lease_grant(late, c, RIGHTS_ALL);
	CHECK(left(sys_counter_wait(lent, 0)) == E_REVOKED);
	sys_handle_close(lent), sys_handle_close(late), sys_handle_close(c);
	leases_drop();
}

/* More than are ended under one hold of the lock, side by side and below each other. */
static void many(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 0, 0), leases[300];
	struct thread *t;

	leases_make();
	for (int i = 0; i < 300; i++)
		leases[i] = (uint64_t)sys_lease_create(i % 3 ? leases[i - 1] : outer);
	lent = (uint64_t)sys_lease_grant(leases[299], c, RIGHTS_ALL);
	t = host_thread(counter_waiter, NULL);
	host_run();
	end();
	host_run();
	CHECK(result == E_REVOKED);
	host_end(t);
	for (int i = 0; i < 300; i++)
		sys_handle_close(leases[i]);
	sys_handle_close(lent), sys_handle_close(c);
	leases_drop();
}

static uint64_t waited_for;

/* In a pause of the end of `outer`: what lies below `inner` has been passed on to that, and is not ended yet. */
static void end_inner(void)
{
	CHECK(sys_lease_end(inner) == 0);
	CHECK(sys_counter_signal(waited_for, 5) == 0);
}

/* Each of two ends that meet returns when all below its own lease has ended, whoever has got to that. */
static void two_ends(void)
{
	uint64_t c = (uint64_t)sys_counter_create(H_SELF, 0, 0), leases[100];
	struct thread *t;

	leases_make();
	for (int i = 0; i < 100; i++)
		leases[i] = (uint64_t)sys_lease_create(inner);
	lent = (uint64_t)sys_lease_grant(leases[0], c, RIGHTS_ALL);
	waited_for = c;
	t = host_thread(counter_waiter, NULL);
	host_run();
	host_on_pause = end_inner;
	end();
	CHECK(!host_on_pause);
	host_run();
	CHECK(result == E_REVOKED && sys_counter_wait(c, 0) == 5);
	host_end(t);
	for (int i = 0; i < 100; i++)
		sys_handle_close(leases[i]);
	sys_handle_close(lent), sys_handle_close(c);
	leases_drop();
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a sleeper is revoked before anything else can wake it", sleepers },
		{ "what woke a sleeper before the end is its own", woken_first },
		{ "reading and writing a pipe ends", pipes },
		{ "a call is taken back, queued, received or answered", calls },
		{ "a receiver is revoked and gets no further call", receivers },
		{ "a poll finds the descriptor invalid, a wait set hears no more of it", watchers },
		{ "a wait for a lent wait set ends", set_waiters },
		{ "a timer made for a lent counter is silent", timers },
		{ "what is made through a lent capability is lent", made_through },
		{ "a lease below an ended one has ended", born_ended },
		{ "hundreds of leases end in one step", many },
		{ "two ends that meet both return when all is ended", two_ends },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
