/*
 * pager.c -- a stub pager: the seams that a file server stands on, held from both sides.
 *
 * This task is the server; a child reads, writes and maps a content of its pager and ends with a code that says
 * what went wrong, 0 for nothing.  Notices of pages, tells, closes and deaths come to one endpoint.
 */
#include "selftest.h"

#define TIMEOUT_NS	5000000000ull
#define PAGES		8ull
#define KEY		42
#define PAGER_BADGE	7
#define CHILD_BADGE	5
#define COOKIE		1234

static handle_t endpoint, pager, content, descriptor;
static uint64_t room;			/* pages that will still be backed */
static unsigned pages_asked;
static uint64_t generation;

static uint8_t pattern(uint64_t offset) { return (uint8_t)(offset / PAGE_SIZE * 16 + offset % 13); }

/* --- the server --------------------------------------------------------------------------------------------- */

static void data_supply(uint64_t offset)
{
	handle_t vmo = NEED_HANDLE(tess_vmo_create(H_SELF, PAGE_SIZE));
	static uint8_t page[PAGE_SIZE];

	for (uint64_t i = 0; i < PAGE_SIZE; i++)
		page[i] = pattern(offset + i);
	CHECK_IS(tess_vmo_write(vmo, 0, page, PAGE_SIZE), (int64_t)PAGE_SIZE);
	CHECK_IS(tess_pager_supply(content, offset, vmo, 0, PAGE_SIZE), 0);
	tess_handle_close(vmo);
}

static void request_serve(const struct pager_request *r)
{
	pages_asked++;
	CHECK(r->key == KEY && r->len == PAGE_SIZE && r->generation == generation);
	if (r->want == PAGER_DATA) {
		data_supply(r->offset);
	} else if (room > 0) {
		room--;
		CHECK_IS(tess_pager_mark(content, r->offset, PAGE_SIZE, PAGE_BACKED), 0);
	} else {
		CHECK_IS(tess_pager_refuse(content, r->offset, PAGE_SIZE, PAGER_BACK, (uint64_t)E_NOSPACE), 0);
	}
}

/* Whatever comes before the deadline, pages served; a notice's kind, IPC_VIA_DESCRIPTOR of a call, or 0: nothing. */
static uint32_t next_event(void)
{
	struct pager_request r;
	int64_t token;

	for (;;) {
		token = tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS);
		if (!CHECK(token >= 0))
			return 0;
		if (utcb()->msg.via != NOTICE_PAGE)
			return utcb()->msg.via;
		CHECK(utcb()->msg.badge == PAGER_BADGE && utcb()->msg.words[0] == generation);
		while (tess_pager_next(pager, &r) == 0)
			request_serve(&r);
	}
}

static void begin(uint64_t size, struct child *child)
{
	struct descriptor_args args = { .flags = DESC_READ | DESC_WRITE | DESC_NOTIFY_CLOSE, .cookie = COOKIE,
		.ready = H_NONE };

	endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	pager = NEED_HANDLE(tess_pager_create(H_SELF, endpoint, PAGER_BADGE));
	content = NEED_HANDLE(tess_pager_content(pager, H_SELF, size, KEY));
	args.object = content;
	args.endpoint = endpoint;
	descriptor = NEED_HANDLE(tess_descriptor_create(&args));
	NEED(child_create(child, 2 << 20, endpoint, CHILD_BADGE));
	room = ~0ull;
	pages_asked = 0;
	generation = 1;
}

static void end(struct child *child)
{
	child_drop(child);
	tess_handle_close(descriptor);
	tess_handle_close(content);
	tess_handle_close(pager);
	tess_handle_close(endpoint);
}

/* Serve until the child has ended; its code. */
static uint64_t serve_until_death(void)
{
	uint32_t kind;

	while ((kind = next_event()) && kind != NOTICE_DEATH)
		CHECK(kind == NOTICE_CLOSE);
	return kind ? utcb()->msg.words[0] : ~0ull;
}

/* The child runs client(fd, content), its own handles, to its end. */
static void child_serve(struct child *child, void (*client)(uint64_t, uint64_t))
{
	uint64_t fd = (uint64_t)NEED(child_give(child, descriptor)), own = (uint64_t)NEED(child_give(child, content));
	uint64_t code;

	NEED(child_run(child, client, fd, own));
	code = serve_until_death();
	if (!CHECK(code == 0))
		rt_log("# the child says %lu", code);
}

#define SAY(x, code) do { if (!(x)) rt_exit(code); } while (0)

/* --- pages ---------------------------------------------------------------------------------------------------- */

static void client_reads(uint64_t fd, uint64_t own)
{
	const volatile uint8_t *p = rt_vmo_map((handle_t)own, PAGES * PAGE_SIZE, MAP_READ | MAP_SHARED_ABI);
	uint8_t buf[64];

	SAY(p, 1);
	SAY(tess_descriptor_read_at((handle_t)fd, buf, sizeof(buf), 3 * PAGE_SIZE - 32) == sizeof(buf), 2);
	for (unsigned i = 0; i < sizeof(buf); i++)
		SAY(buf[i] == pattern(3 * PAGE_SIZE - 32 + i), 3);
	for (uint64_t i = 0; i < PAGES * PAGE_SIZE; i += 511)
		SAY(p[i] == pattern(i), 4);
}

static void pages_come_from_the_pager(void)
{
	struct content_attr attr = { 0 };
	struct child child;
	struct pager_range dirty;

	begin(PAGES * PAGE_SIZE, &child);
	child_serve(&child, client_reads);
	CHECK(pages_asked == PAGES);
	CHECK_IS(tess_content_attributes(content, &attr), 0);
	CHECK(attr.resident_pages == PAGES);
	CHECK_IS(tess_pager_dirty(content, 0, &dirty), E_NOENT);
	CHECK_IS(tess_pager_mark(content, 0, PAGES * PAGE_SIZE, PAGE_DROP), 0);
	CHECK_IS(tess_content_attributes(content, &attr), 0);
	CHECK(attr.resident_pages == 0);
	end(&child);
}

static void client_writes(uint64_t fd, uint64_t own)
{
	volatile uint8_t *p = rt_vmo_map((handle_t)own, PAGES * PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI);

	SAY(p, 1);
	SAY(tess_descriptor_write_at((handle_t)fd, "ab", 2, PAGE_SIZE - 1) == 2, 2);	/* two of three pages */
	p[5 * PAGE_SIZE] = 'c';
	SAY(tess_descriptor_write_at((handle_t)fd, "d", 1, 2 * PAGE_SIZE) == E_NOSPACE, 3);
	SAY(tess_descriptor_write_at((handle_t)fd, "d", 1, PAGES * PAGE_SIZE) == E_NOSPACE, 4);
	SAY(tess_descriptor_write_at((handle_t)fd, "e", 1, 5 * PAGE_SIZE + 1) == 1, 5);
	SAY(p[PAGE_SIZE] == 'b' && p[PAGE_SIZE + 1] == pattern(PAGE_SIZE + 1) && p[2 * PAGE_SIZE] == pattern(2 * PAGE_SIZE), 6);
}

static void writes_wait_for_room_or_are_refused(void)
{
	struct pager_range dirty = { 0, 0 };
	struct content_attr attr = { 0 };
	struct child child;
	uint8_t buf[3];

	begin(PAGES * PAGE_SIZE, &child);
	room = 3;
	child_serve(&child, client_writes);
	CHECK_IS(tess_content_attributes(content, &attr), 0);
	CHECK(attr.size == PAGES * PAGE_SIZE);
	CHECK_IS(tess_pager_dirty(content, 0, &dirty), 0);
	CHECK(dirty.offset == 0 && dirty.len == 2 * PAGE_SIZE);
	CHECK_IS(tess_pager_dirty(content, dirty.len, &dirty), 0);
	CHECK(dirty.offset == 5 * PAGE_SIZE && dirty.len == PAGE_SIZE);
	CHECK_IS(tess_pager_mark(content, 0, PAGES * PAGE_SIZE, PAGE_CLEAN), 0);
	CHECK_IS(tess_pager_dirty(content, 0, &dirty), E_NOENT);
	CHECK_IS(tess_vmo_read(content, 5 * PAGE_SIZE, buf, 3), 3);
	CHECK(buf[0] == 'c' && buf[1] == 'e' && buf[2] == pattern(5 * PAGE_SIZE + 2));
	end(&child);
}

static void client_maps(uint64_t fd, uint64_t own)
{
	volatile uint8_t *p = rt_vmo_map((handle_t)own, PAGES * PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI);

	(void)fd;
	SAY(p, 1);
	p[0] = 1;
	rt_exit(2);
}

static void a_mapped_write_that_is_refused_is_a_fault(void)
{
	struct child child;

	begin(PAGES * PAGE_SIZE, &child);
	room = 0;
	NEED(child_run(&child, client_maps, 0, (uint64_t)NEED(child_give(&child, content))));
	CHECK(next_event() == NOTICE_FAULT && (int64_t)utcb()->msg.words[3] == E_NOSPACE);
	CHECK_IS(tess_task_kill(child.task, 0), 0);
	CHECK(next_event() == NOTICE_DEATH);
	end(&child);
}

/* --- servers that come and go ------------------------------------------------------------------------------------ */

static void client_waits(uint64_t fd, uint64_t expected)
{
	uint8_t byte = 0;
	int64_t n = tess_descriptor_read_at((handle_t)fd, &byte, 1, PAGE_SIZE);

	SAY(n == (int64_t)expected, 1);
	SAY(n < 0 || byte == pattern(PAGE_SIZE), 2);
}

/* The next notice is of pages; one request is taken and not answered. */
static void request_swallow(void)
{
	struct pager_request r = { 0 };

	CHECK_IS(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS), 0);
	CHECK(utcb()->msg.via == NOTICE_PAGE);
	CHECK_IS(tess_pager_next(pager, &r), 0);
	CHECK(r.want == PAGER_DATA && r.offset == PAGE_SIZE);
	CHECK_IS(tess_pager_next(pager, &r), E_AGAIN);
}

static void client_begin(struct child *child, uint64_t expected)
{
	begin(PAGES * PAGE_SIZE, child);
	NEED(child_run(child, client_waits, (uint64_t)NEED(child_give(child, descriptor)), expected));
	request_swallow();
}

static void a_new_server_is_asked_again(void)
{
	handle_t first, found;
	struct child child;
	uint64_t key = 0;

	client_begin(&child, 1);
	first = endpoint;
	endpoint = NEED_HANDLE(tess_endpoint_create(H_SELF));
	CHECK_IS(tess_pager_attach(pager, endpoint, PAGER_BADGE), 2);
	generation = 2;
	found = NEED_HANDLE(tess_pager_find(pager, 0, PAGER_FIND_NEXT, &key));
	CHECK(key == KEY);
	tess_handle_close(found);
	CHECK_IS(tess_pager_find(pager, KEY + 1, PAGER_FIND_NEXT, &key), E_NOENT);
	for (unsigned i = 0; i < 100 && pages_asked == 0; i++) {	/* the child's death is told to the first */
		CHECK_IS(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS), 0);
		CHECK(utcb()->msg.via == NOTICE_PAGE && utcb()->msg.words[0] == 2);
		struct pager_request r;
		while (tess_pager_next(pager, &r) == 0)
			request_serve(&r);
	}
	tess_handle_close(endpoint);
	endpoint = first;
	CHECK(serve_until_death() == 0 && pages_asked == 1);
	end(&child);
}

static void who_waits_for_a_page_can_be_killed(void)
{
	struct child child;

	client_begin(&child, 1);
	CHECK_IS(tess_task_kill(child.task, 9), 0);
	CHECK(serve_until_death() == 9);
	end(&child);
}

static void a_destroyed_pager_fails_who_waits(void)
{
	struct child child;

	client_begin(&child, (uint64_t)E_IO);
	CHECK_IS(tess_pager_destroy(pager), 0);
	CHECK(serve_until_death() == 0);
	CHECK_IS(tess_pager_attach(pager, endpoint, 1), E_GONE);
	end(&child);
}

#define HELD_CONTENTS 32ull		/* with a dirty page and many others each: the end of the pager takes a while */
#define HELD_BYTES (1ull << 20)

static void client_asks(uint64_t own, uint64_t unused)
{
	uint8_t byte;
	int64_t n;

	(void)unused;
	do
		n = tess_vmo_read((handle_t)own, 0, &byte, 1);
	while (n == E_NOSPACE);
	SAY(n == E_IO, 1);
}

static void client_refuses(uint64_t own, uint64_t unused)
{
	(void)unused;
	while (tess_pager_refuse((handle_t)own, 0, PAGE_SIZE, PAGER_DATA, (uint64_t)E_NOSPACE) == 0)
		;
}

/* One child asks for a page again and again, another refuses it, while this one ends the pager. */
static void a_pager_ends_while_others_ask(void)
{
	struct child asks, refuses;
	uint8_t byte = 1;

	begin(PAGES * PAGE_SIZE, &asks);
	NEED(child_create(&refuses, 2 << 20, H_NONE, 0));
	for (uint64_t i = 0; i < HELD_CONTENTS; i++) {
		handle_t held = NEED_HANDLE(tess_pager_content(pager, H_SELF, HELD_BYTES, KEY - 1 - i));

		CHECK_IS(tess_pager_supply(held, 0, H_NONE, 0, HELD_BYTES), 0);
		CHECK_IS(tess_pager_mark(held, 0, PAGE_SIZE, PAGE_BACKED), 0);
		CHECK_IS(tess_vmo_write(held, 0, &byte, 1), 1);
		tess_handle_close(held);
	}
	NEED(child_run(&refuses, client_refuses, (uint64_t)NEED(child_give(&refuses, content)), 0));
	NEED(child_run(&asks, client_asks, (uint64_t)NEED(child_give(&asks, content)), 0));
	CHECK_IS(tess_ipc_recv(endpoint, rt_mono_ns() + TIMEOUT_NS), 0);
	CHECK(utcb()->msg.via == NOTICE_PAGE);
	CHECK_IS(tess_pager_destroy(pager), 0);
	CHECK(serve_until_death() == 0);
	CHECK_IS(tess_task_kill(refuses.task, 0), 0);
	child_drop(&refuses);
	end(&asks);
}

/* --- what a server is told ----------------------------------------------------------------------------------------- */

static void client_looks(uint64_t fd, uint64_t own)
{
	struct content_attr attr;

	(void)own;
	SAY(tess_descriptor_attributes((handle_t)fd, &attr) == 0, 1);
	for (unsigned i = 0; i < ATTR_RECORD; i++)
		SAY(attr.record[i] == i + 1, 2);
	attr.record[0] = 0;
	SAY(tess_content_set((handle_t)fd, ATTR_RECORD_BYTES, &attr) < 0, 3);	/* the server's alone */
}

static void a_record_is_written_by_its_server_and_read_by_all(void)
{
	struct content_attr attr = { 0 };
	struct child child;

	begin(PAGE_SIZE, &child);
	for (unsigned i = 0; i < ATTR_RECORD; i++)
		attr.record[i] = (uint8_t)(i + 1);
	CHECK_IS(tess_content_set(content, ATTR_RECORD_BYTES, &attr), 0);
	child_serve(&child, client_looks);
	end(&child);
}

static void client_leaves(uint64_t fd, uint64_t unused)
{
	(void)unused;
	SAY(tess_handle_close((handle_t)fd) == 0, 1);
}

static void the_last_close_is_told(void)
{
	struct handle_info info = { 0 };
	unsigned closes = 0;
	struct child child;
	uint32_t kind;

	begin(PAGE_SIZE, &child);
	NEED(tess_handle_query(descriptor, &info));
	NEED(child_run(&child, client_leaves, (uint64_t)NEED(child_give(&child, descriptor)), 0));
	CHECK_IS(tess_handle_close(descriptor), 0);
	for (unsigned i = 0; i < 2; i++) {		/* in either order */
		kind = next_event();
		if (kind == NOTICE_CLOSE) {
			CHECK(utcb()->msg.badge == COOKIE && utcb()->msg.words[0] == info.koid);
			closes++;
		} else {
			CHECK(kind == NOTICE_DEATH && utcb()->msg.words[0] == 0);
		}
	}
	CHECK(closes == 1);
	descriptor = H_NONE;
	end(&child);
}

static void tell_set(uint32_t tell)
{
	struct content_attr attr = { .tell = tell };

	CHECK_IS(tess_content_set(content, ATTR_TELL, &attr), 0);
}

static void client_touches(uint64_t fd, uint64_t own)
{
	volatile uint8_t *p = rt_vmo_map((handle_t)own, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_SHARED_ABI);
	uint8_t byte;

	SAY(p, 1);
	SAY(tess_descriptor_read_at((handle_t)fd, &byte, 1, 0) == 1, 2);
	SAY(tess_descriptor_read_at((handle_t)fd, &byte, 1, 0) == 1, 3);
	ipc_begin(1);
	SAY(tess_ipc_call((handle_t)fd, DEADLINE_NEVER) == 0, 4);
	SAY(tess_descriptor_write_at((handle_t)fd, "x", 1, 0) == 1, 5);
	ipc_begin(2);
	SAY(tess_ipc_call((handle_t)fd, DEADLINE_NEVER) == 0, 6);
	p[PAGE_SIZE / 2] = 1;			/* by a mapping: read-only until now */
	ipc_begin(3);
	SAY(tess_ipc_call((handle_t)fd, DEADLINE_NEVER) == 0, 7);
}

static void reply(void)
{
	uint64_t token = utcb()->msg.token;

	ipc_begin(0);
	CHECK_IS(tess_ipc_reply(endpoint, token), 0);
}

/* What has been told by the time that the child calls; the call is answered. */
static uint64_t told_before_call(uint64_t word, uint64_t koid)
{
	uint64_t told = 0;
	uint32_t kind;

	while ((kind = next_event()) == NOTICE_TELL) {
		CHECK(utcb()->msg.badge == 99 && utcb()->msg.words[1] == koid);
		told |= utcb()->msg.words[0];
	}
	CHECK(kind == IPC_VIA_DESCRIPTOR && utcb()->msg.words[0] == word && utcb()->msg.badge == COOKIE);
	reply();
	return told;
}

static void reads_and_writes_are_told(void)
{
	struct content_attr attr = { .tell = TELL_READ };
	struct child child;

	begin(PAGE_SIZE, &child);
	CHECK_IS(tess_content_set(content, ATTR_TELL, &attr), E_INVAL);	/* nobody to tell */
	CHECK_IS(tess_content_tell(content, endpoint, 99), 0);
	CHECK_IS(tess_content_attributes(content, &attr), 0);
	tell_set(TELL_READ | TELL_WRITE);
	NEED(child_run(&child, client_touches, (uint64_t)NEED(child_give(&child, descriptor)),
		       (uint64_t)NEED(child_give(&child, content))));
	CHECK(told_before_call(1, attr.koid) == TELL_READ);
	CHECK_IS(tess_pager_mark(content, 0, PAGE_SIZE, PAGE_CLEAN), 0);
	CHECK(told_before_call(2, attr.koid) == TELL_WRITE);
	CHECK_IS(tess_pager_mark(content, 0, PAGE_SIZE, PAGE_CLEAN), 0);
	CHECK(told_before_call(3, attr.koid) == TELL_WRITE);
	CHECK(serve_until_death() == 0);
	end(&child);
}

static void client_writes_first(uint64_t fd, uint64_t unused)
{
	(void)unused;
	SAY(tess_descriptor_write_at((handle_t)fd, "x", 1, 0) == E_NOT_HERE, 1);
	SAY(tess_descriptor_resize((handle_t)fd, 1) == E_NOT_HERE, 2);
	ipc_begin(1);
	SAY(tess_ipc_call((handle_t)fd, DEADLINE_NEVER) == 0, 3);
	SAY(tess_descriptor_write_at((handle_t)fd, "x", 1, 0) == 1, 4);
}

static void a_first_write_waits_for_the_server(void)
{
	struct child child;

	begin(PAGE_SIZE, &child);
	tell_set(TELL_FIRST_WRITE);
	NEED(child_run(&child, client_writes_first, (uint64_t)NEED(child_give(&child, descriptor)), 0));
	CHECK(next_event() == IPC_VIA_DESCRIPTOR && utcb()->msg.badge == COOKIE);
	CHECK(pages_asked == 0);
	tell_set(0);
	reply();
	CHECK(serve_until_death() == 0);
	end(&child);
}

const struct test tests_pager[] = {
	{ "pages of a content come from its pager, each once", pages_come_from_the_pager },
	{ "a write waits for room in the pager, or is refused", writes_wait_for_room_or_are_refused },
	{ "a write through a mapping that is refused is a fault", a_mapped_write_that_is_refused_is_a_fault },
	{ "a new server is asked what the last one left", a_new_server_is_asked_again },
	{ "who waits for a page can be killed", who_waits_for_a_page_can_be_killed },
	{ "a destroyed pager fails who waits", a_destroyed_pager_fails_who_waits },
	{ "a pager ends while others ask it", a_pager_ends_while_others_ask },
	{ "an attribute record is its server's to write and everybody's to read",
	  a_record_is_written_by_its_server_and_read_by_all },
	{ "the last close of a descriptor is told, with its cookie and its koid", the_last_close_is_told },
	{ "reads and writes are told when asked for, by call and by mapping", reads_and_writes_are_told },
	{ "a first write is for the server to allow", a_first_write_waits_for_the_server },
	{ NULL, NULL },
};
