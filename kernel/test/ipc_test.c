/*
 * ipc_test.c -- calls: delivery, answers, capabilities, bulk data, cancelling, and very many at once.
 */
#include "object_host.h"
#include "ipc.h"
#include <stdlib.h>

static uint64_t endpoint;
static struct ipc_message *message(void) { return &current->arch.utcb->msg; }

static void message_clear(void)
{
	struct ipc_message *m = message();

	memset(m, 0, sizeof(*m));
	m->reserved_slot = H_NONE;
}

static int64_t status;
static uint64_t word;

static void client(void *w)
{
	message_clear();
	message()->words[0] = (uint64_t)w;
	message()->inline_len = 5;
	memcpy(message()->inline_data, "hello", 5);
	status = sys_ipc_call(endpoint, DEADLINE_NEVER);
	word = message()->words[0];
}

static uint64_t seen;
static void server(void *n)
{
	int64_t token = sys_ipc_recv(endpoint, DEADLINE_NEVER);

	for (uint64_t i = 0; i < (uint64_t)n && token > 0; i++) {
		struct ipc_message *m = message();

		seen += m->words[0];
		if (m->sender_badge != 77 || m->inline_len != 5 || memcmp(m->inline_data, "hello", 5))
			panic("a message arrives as another");
		m->words[0]++;
		token = i + 1 < (uint64_t)n ? sys_ipc_reply_recv(endpoint, (uint64_t)token, DEADLINE_NEVER) :
					      sys_ipc_reply(endpoint, (uint64_t)token);
	}
}

static void make(void)
{
	endpoint = (uint64_t)sys_endpoint_create(H_SELF);
	message_clear();
}

/* The server waits first, or the client. */
static void call_and_reply(void)
{
	for (int first = 0; first < 2; first++) {
		struct thread *s, *c;

		make();
		seen = 0;
		s = first ? host_thread(server, (void *)3) : NULL;
		c = host_thread(client, (void *)41);
		s = s ? s : host_thread(server, (void *)3);
		host_run();
		CHECK(status == 0 && word == 42 && seen == 41);
		host_end(c);
		for (int i = 0; i < 2; i++) {
			c = host_thread(client, (void *)1);
			host_run();
			CHECK(status == 0 && word == 2);
			host_end(c);
		}
		host_end(s);
		sys_handle_close(endpoint);
	}
}

static void tokens(void)
{
	struct thread *c;
	int64_t token;

	make();
	c = host_thread(client, NULL);
	host_run();
	token = sys_ipc_recv(endpoint, 0);
	CHECK(token > 0 && sys_ipc_reply(endpoint, (uint64_t)token + 1) == E_GONE && sys_ipc_reply(endpoint, 0) == E_GONE);
	CHECK(sys_ipc_reply(endpoint, (uint64_t)token + (1ull << 32)) == E_GONE && sys_ipc_reply(endpoint, ~0ull) == E_GONE);
	CHECK(sys_ipc_reply(endpoint, (uint64_t)token) == 0 && sys_ipc_reply(endpoint, (uint64_t)token) == E_GONE);
	host_run();
	host_end(c);
	sys_handle_close(endpoint);
}

static void limits(void)
{
	make();
	message()->inline_len = IPC_INLINE + 1;
	CHECK(sys_ipc_call(endpoint, 0) == E_TOOBIG);
	message()->inline_len = 0;
	message()->ncaps = IPC_CAPS + 1;
	CHECK(sys_ipc_call(endpoint, 0) == E_TOOBIG);
	message()->ncaps = 1;
	message()->caps[0] = 12345;
	CHECK(sys_ipc_call(endpoint, 0) == E_HANDLE);
	message()->ncaps = 0;
	message()->bulk_out_len = IPC_BULK_MAX + 1;
	CHECK(sys_ipc_call(endpoint, 0) == E_TOOBIG);
	message()->bulk_out_len = 10;
	message()->bulk_out = 8;
	CHECK(sys_ipc_call(endpoint, 0) == E_FAULT);
	message_clear();
	sys_handle_close(endpoint);
}

/* Cancelled in the queue: at once.  Received: the server is told and must answer. */
static void cancels(void)
{
	struct thread *c;
	int64_t token;

	make();
	c = host_thread(client, NULL);
	host_run();
	c->arch.utcb->latch = 1;
	thread_wake(c);
	host_run();
	CHECK(status == E_INTERRUPTED && sys_ipc_recv(endpoint, 0) == E_TIMEDOUT);
	host_end(c);
	c = host_thread(client, (void *)5);
	host_run();
	token = sys_ipc_recv(endpoint, 0);
	c->arch.utcb->latch = 1;
	thread_wake(c);
	host_run();
	CHECK(c->state == TS_BLOCKED);
	CHECK(sys_ipc_recv(endpoint, 0) == 0 && message()->via == NOTICE_CANCEL && message()->words[0] == (uint64_t)token);
	message()->words[0] = 6;
	CHECK(sys_ipc_reply(endpoint, (uint64_t)token) == 0);
	host_run();
	CHECK(status == 0 && word == 6);
	host_end(c);
	c = host_thread(client, NULL);		/* answered before anybody took the notice: it is withdrawn */
	host_run();
	token = sys_ipc_recv(endpoint, 0);
	c->arch.utcb->latch = 1;
	thread_wake(c);
	host_run();
	CHECK(sys_ipc_reply(endpoint, (uint64_t)token) == 0);
	host_run();
	CHECK(sys_ipc_recv(endpoint, 0) == E_TIMEDOUT);
	host_end(c);
	c = host_thread(client, NULL);		/* killed: the answer comes too late */
	host_run();
	token = sys_ipc_recv(endpoint, 0);
	atomic_or(&c->arch.work, (uint64_t)WORK_KILL);
	thread_wake(c);
	host_run();
	CHECK(status == E_GONE && sys_ipc_reply(endpoint, (uint64_t)token) == E_GONE);
	host_end(c);
	sys_handle_close(endpoint);
}

static uint8_t out[IPC_BULK_MAX], in[IPC_BULK_MAX], at_server[IPC_BULK_MAX];
static void bulk_client(void *arg)
{
	(void)arg;
	message_clear();
	message()->bulk_out = USER(out);
	message()->bulk_out_len = 3000;
	message()->bulk_in = USER(in);
	message()->bulk_in_len = 2000;
	status = sys_ipc_call(endpoint, DEADLINE_NEVER);
	word = message()->bulk_in_len;
}

static void bulk(void)
{
	uint64_t used;
	struct thread *c;
	int64_t token;

	make();
	used = host_kmem_used;
	for (int i = 0; i < IPC_BULK_MAX; i++)
		out[i] = (uint8_t)rand();
	c = host_thread(bulk_client, NULL);
	host_run();
	token = sys_ipc_recv(endpoint, 0);
	CHECK(message()->bulk_out_len == 3000 && message()->bulk_in_len == 2000);
	CHECK(sys_ipc_read(endpoint, (uint64_t)token, 0, USER(at_server), IPC_BULK_MAX) == 3000 && !memcmp(out, at_server, 3000));
	CHECK(sys_ipc_read(endpoint, (uint64_t)token, 2990, USER(at_server), 100) == 10);
	CHECK(sys_ipc_read(endpoint, (uint64_t)token, 3000, USER(at_server), 1) == 0);
	CHECK(sys_ipc_read(endpoint, (uint64_t)token, ~0ull, USER(at_server), 1) == E_INVAL);
	CHECK(sys_ipc_write(endpoint, (uint64_t)token, 0, USER(out), IPC_BULK_MAX) == 2000);
	CHECK(sys_ipc_read(endpoint, (uint64_t)token + 1, 0, USER(at_server), 1) == E_GONE);
	CHECK(sys_ipc_reply(endpoint, (uint64_t)token) == 0);
	host_run();
	CHECK(status == 0 && word == 2000 && !memcmp(in, out, 2000));
	host_end(c);
	CHECK(host_kmem_used <= used + sizeof(struct call_entry) * CALLS_CHUNK + 64);	/* and the server's record */
	sys_handle_close(endpoint);
}

static handle_t sent[2];
static void caps_client(void *move)
{
	message_clear();
	message()->ncaps = 2;
	message()->caps[0] = sent[0];
	message()->caps[1] = sent[1];
	message()->cap_flags = move ? 3 : 0;
	status = sys_ipc_call(endpoint, DEADLINE_NEVER);
}

static void capabilities(void)
{
	struct handle_info a, b;
	struct thread *c;
	int64_t token;

	for (uint64_t move = 0; move < 2; move++) {
		make();
		sent[0] = (handle_t)sys_counter_create(H_SELF, 1, 0);
		sent[1] = (handle_t)sys_counter_create(H_SELF, 2, 0);
		sys_handle_query(sent[1], USER(&a));
		c = host_thread(caps_client, (void *)move);
		host_run();
		token = sys_ipc_recv(endpoint, 0);
		CHECK(message()->ncaps == 2 && sys_handle_query(message()->caps[1], USER(&b)) == 0 && a.koid == b.koid);
		sys_handle_close(message()->caps[0]), sys_handle_close(message()->caps[1]);
		message()->ncaps = 0;
		CHECK(sys_ipc_reply(endpoint, (uint64_t)token) == 0);
		host_run();
		CHECK(status == 0 && sys_handle_query(sent[0], USER(&b)) == (move ? E_HANDLE : 0));
		host_end(c);
		if (!move)
			sys_handle_close(sent[0]), sys_handle_close(sent[1]);
		sys_handle_close(endpoint);
	}
}

/* Many calls stay unanswered; beyond the limit they wait in the queue, and go on when one is answered. */
static void very_many(void)
{
	static struct thread *c[CALLS_MAX + 2];
	static int64_t token[CALLS_MAX + 2];
	int n = CALLS_MAX + 2;

	make();
	for (int i = 0; i < n; i++)
		c[i] = host_thread(client, (void *)1);
	host_run();
	for (int i = 0; i < CALLS_MAX; i++) {
		token[i] = sys_ipc_recv(endpoint, 0);
		if (token[i] <= 0)
			break;
	}
	CHECK(token[CALLS_MAX - 1] > 0 && sys_ipc_recv(endpoint, 0) == E_TIMEDOUT);
	for (int i = 0; i < 2; i++) {
		CHECK(sys_ipc_reply(endpoint, (uint64_t)token[i]) == 0);
		token[CALLS_MAX + i] = sys_ipc_recv(endpoint, 0);
		CHECK(token[CALLS_MAX + i] > 0);
	}
	for (int i = 2; i < n; i++)
		CHECK(sys_ipc_reply(endpoint, (uint64_t)token[i]) == 0);
	host_run();
	for (int i = 0; i < n; i++)
		host_end(c[i]);
	sys_handle_close(endpoint);
}

/* Two receivers and one free entry: the second makes room for its own. */
static int64_t received[2];
static void receiver(void *n) { received[(uint64_t)n] = sys_ipc_recv(endpoint, DEADLINE_NEVER); }

static void two_receivers(void)
{
	static struct thread *c[CALLS_CHUNK + 1];
	int64_t token[CALLS_CHUNK + 1];
	struct thread *r[2];

	make();
	for (int i = 0; i < CALLS_CHUNK - 1; i++)
		c[i] = host_thread(client, NULL);
	host_run();
	for (int i = 0; i < CALLS_CHUNK - 1; i++)
		token[i] = sys_ipc_recv(endpoint, 0);
	for (uint64_t i = 0; i < 2; i++)
		r[i] = host_thread(receiver, (void *)i);
	host_run();					/* both have seen the one entry */
	for (int i = 0; i < 2; i++)
		c[CALLS_CHUNK - 1 + i] = host_thread(client, NULL);
	host_run();
	CHECK(received[0] > 0 && received[1] > 0 && received[0] != received[1]);
	for (int i = 0; i < CALLS_CHUNK - 1; i++)
		sys_ipc_reply(endpoint, (uint64_t)token[i]);
	for (int i = 0; i < 2; i++) {
		CHECK(sys_ipc_reply(endpoint, (uint64_t)received[i]) == 0);
		host_end(r[i]);
	}
	host_run();
	for (int i = 0; i < CALLS_CHUNK + 1; i++)
		host_end(c[i]);
	sys_handle_close(endpoint);
}

static void server_dies(void)
{
	struct thread *c;

	make();
	c = host_thread(client, NULL);
	host_run();
	CHECK(sys_ipc_recv(endpoint, 0) > 0);
	endpoints_disown(current->task);
	host_run();
	CHECK(status == E_GONE);
	host_end(c);
	sys_handle_close(endpoint);
}

/* A receive that found no memory has not made its task a server: the next one must. */
static void starved_server_dies(void)
{
	struct thread *c;

	make();
	host_fail_after = 0;
	CHECK(sys_ipc_recv(endpoint, 0) == E_NOMEM);
	host_fail_after = -1;
	c = host_thread(client, NULL);
	host_run();
	CHECK(sys_ipc_recv(endpoint, 0) > 0);
	endpoints_disown(current->task);
	host_run();
	CHECK(c->state == TS_DEAD && status == E_GONE);
	host_end(c);
	sys_handle_close(endpoint);
}

static int64_t states[3];
static void caller(void *n)
{
	message_clear();
	states[(uint64_t)n] = sys_ipc_call(endpoint, DEADLINE_NEVER);
}
static void waiting_receiver(void *h) { received[0] = sys_ipc_recv((uint64_t)h, DEADLINE_NEVER); }

/* What cannot receive does not count; a capability on its way in a message does. */
static void last_receiver_goes(void)
{
	uint64_t objects = host_objects(), receiving, copy;
	struct thread *c[3];

	make();
	receiving = endpoint;
	endpoint = (uint64_t)sys_handle_copy(receiving, RIGHT_CALL | RIGHT_COPY, 0);
	copy = (uint64_t)sys_handle_copy(receiving, RIGHTS_ALL, 0);
	c[0] = host_thread(caller, (void *)0);
	host_run();
	CHECK(sys_ipc_recv(copy, 0) > 0);
	c[1] = host_thread(caller, (void *)1);
	host_run();
	CHECK(sys_handle_close(receiving) == 0);
	host_run();
	CHECK(c[0]->state == TS_BLOCKED && c[1]->state == TS_BLOCKED);		/* there is still the copy */
	CHECK(sys_handle_close(copy) == 0);
	host_run();
	CHECK(states[0] == E_GONE && states[1] == E_GONE);
	c[2] = host_thread(caller, (void *)2);
	host_run();
	CHECK(states[2] == E_GONE);
	for (int i = 0; i < 3; i++)
		host_end(c[i]);
	sys_handle_close(endpoint);
	CHECK(host_objects() == objects);
}

/* Its own capability is closed by another thread while it waits. */
static void receiver_loses_its_capability(void)
{
	struct thread *r;

	make();
	r = host_thread(waiting_receiver, (void *)endpoint);
	host_run();
	CHECK(sys_handle_close(endpoint) == 0);
	host_run();
	CHECK(received[0] == E_GONE);
	host_end(r);
}

/* A call that fails has taken nothing, although it was to move its capability. */
static void unsent_capability_stays(void)
{
	uint64_t receiving;
	struct thread *c;

	make();
	receiving = endpoint;
	endpoint = (uint64_t)sys_handle_copy(receiving, RIGHT_CALL, 0);
	sent[0] = (handle_t)sys_counter_create(H_SELF, 1, 0);
	sent[1] = (handle_t)sys_endpoint_create(H_SELF);		/* moves with a RECEIVE right */
	c = host_thread(caps_client, (void *)1);
	host_run();
	sys_handle_close(receiving);
	host_run();
	CHECK(status == E_GONE && sys_handle_close(sent[0]) == 0 && sys_ipc_recv(sent[1], 0) == E_TIMEDOUT);
	host_end(c);
	sys_handle_close(sent[1]);
	sys_handle_close(endpoint);
}

/* The Descriptor's close notice lies in the queue, and the next has nobody to go to. */
static void notices_of_a_closed_endpoint(void)
{
	uint64_t objects = host_objects();
	struct descriptor_args a = { .object = H_NONE, .kind = OBJ_NONE, .ready = H_NONE, .cookie = 5,
		.flags = DESC_READ | DESC_NOTIFY_CLOSE };
	int64_t first, second;

	make();
	a.endpoint = (handle_t)endpoint;
	first = sys_descriptor_create(USER(&a));
	second = sys_descriptor_create(USER(&a));
	CHECK(first >= 0 && second >= 0 && sys_handle_close((uint64_t)first) == 0);
	host_pass(10000000);
	CHECK(sys_handle_close(endpoint) == 0);
	CHECK(sys_handle_close((uint64_t)second) == 0);
	host_pass(10000000);
	CHECK(host_objects() == objects);
}

/* Two tasks receive from one endpoint; the end of one ends its calls only. */
static void one_of_two_servers_dies(void)
{
	static struct task other;
	struct thread *c[2], *r;
	struct task *mine = current->task;
	int64_t token;

	other = *mine;
	other.object.koid = 4711;
	list_init(&other.endpoints);
	make();
	c[0] = host_thread(caller, (void *)0);
	host_run();
	token = sys_ipc_recv(endpoint, 0);
	r = host_thread(waiting_receiver, (void *)endpoint);
	r->task = &other;
	host_run();
	c[1] = host_thread(caller, (void *)1);
	host_run();
	CHECK(received[0] > 0 && received[0] != token);
	endpoints_disown(&other);
	host_run();
	CHECK(states[1] == E_GONE && c[0]->state == TS_BLOCKED);
	CHECK(sys_ipc_reply(endpoint, (uint64_t)received[0]) == E_GONE && sys_ipc_reply(endpoint, (uint64_t)token) == 0);
	host_run();
	CHECK(states[0] == 0);
	r->task = mine;
	host_end(r);
	host_end(c[0]);
	host_end(c[1]);
	sys_handle_close(endpoint);
}

/* Three threads fault before anybody listens; one faults again. */
static void every_thread_has_its_fault_notice(void)
{
	struct thread *t[3];
	struct endpoint *e;
	struct object *o;

	make();
	CHECK(handle_get((handle_t)endpoint, OBJ_ENDPOINT, RIGHT_RECEIVE, &o) == 0);
	e = container_of(o, struct endpoint, object);
	for (uint64_t i = 0; i < 3; i++) {
		t[i] = host_thread(caller, NULL);
		endpoint_notify_fault(e, t[i], (uint64_t [4]){ i, 14, 0x1000 * i, 0 });
	}
	endpoint_notify_fault(e, t[1], (uint64_t [4]){ 1, 13, 0, 0 });
	for (uint64_t i = 0; i < 3; i++) {
		CHECK(sys_ipc_recv(endpoint, 0) == 0 && message()->via == NOTICE_FAULT && message()->badge == 77);
		CHECK(message()->words[0] == i && message()->words[1] == (i == 1 ? 13 : 14));
	}
	object_put(o);
	sys_handle_close(endpoint);
	host_run();			/* only now they call: nobody is there */
	for (int i = 0; i < 3; i++)
		host_end(t[i]);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a call arrives whole and its answer comes back", call_and_reply },
		{ "a token answers once and only its own call", tokens },
		{ "what a message may hold is checked", limits },
		{ "an interrupted, answered or killed caller leaves nothing", cancels },
		{ "bulk data goes both ways within its bounds", bulk },
		{ "capabilities are copied or moved", capabilities },
		{ "calls beyond the limit wait their turn", very_many },
		{ "two receivers never share an entry", two_receivers },
		{ "calls end when the server dies", server_dies },
		{ "calls end when a server dies that once found no memory to receive", starved_server_dies },
		{ "the death of one of two servers ends its calls only", one_of_two_servers_dies },
		{ "calls end with the last capability to receive", last_receiver_goes },
		{ "a receiver whose capability goes is told", receiver_loses_its_capability },
		{ "a call that ends without an answer keeps its capabilities", unsent_capability_stays },
		{ "a closed endpoint keeps no notice", notices_of_a_closed_endpoint },
		{ "every thread's fault is heard", every_thread_has_its_fault_notice },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
