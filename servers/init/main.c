/*
 * init -- the first process: it holds every capability, gives each server what the manifest says, and
 * watches them.
 *
 * One thread; after the start it only waits for notices on its own endpoint, which nobody else can call.
 * The badge of a notice is the server's index in the manifest + 1, and above BADGE_SHIFT its generation: what
 * is still said of an earlier task of the server is not taken for its successor's.
 *
 * Owns:    the manifest, the running servers, the objects between them (grant.c).
 * Fails:   whatever keeps the machine from coming up is one line in the log and power off with code 3.
 * Tested:  tests/boot; its parsers in servers/init/test
 */
#include <lib/rt/cpio.h>
#include <lib/rt/ipc.h>
#include "init.h"

#define CODE_FAILED	3		/* of the machine */
#define CODE_FAULT	139		/* of a server that ran into an exception */
#define BADGE_SHIFT	8
#define RESTARTS	5
#define RESTARTS_NS	10000000000ull

struct server {
	const struct manifest_server *row;
	struct running running;
	bool wanted;			/* belongs to this start of the machine */
	uint64_t ends[RESTARTS];	/* when it ended; ends[nends % RESTARTS] is the earliest */
	uint64_t nends;
};

struct archive archive;
static struct manifest manifest;
static struct server servers[MANIFEST_SERVERS];
static handle_t endpoint;
static char command_line[2048];

static _Noreturn void machine_end(int code)
{
	status_t status = tess_power_off(SLOT(INIT_PLATFORM), POWER_OFF_ABI, (uint64_t)code);

	rt_panic("the machine does not power off: %s", rt_status_text(status));
}

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	rt_vlog(format, args);
	va_end(args);
	machine_end(CODE_FAILED);
}

/* --- what init starts from ------------------------------------------------------------------------- */

static void archive_map(void)
{
	struct vmo_info info;
	status_t status = tess_vmo_query(SLOT(INIT_ARCHIVE), &info);

	if (status < 0)
		fail("there is no boot archive: %s", rt_status_text(status));
	archive.len = info.size;
	archive.data = rt_vmo_map(SLOT(INIT_ARCHIVE), info.size, MAP_READ | MAP_SHARED_ABI);
	if (!archive.data)
		fail("the boot archive (%lu bytes) cannot be mapped", info.size);
}

static void command_line_read(void)
{
	int64_t got = tess_vmo_read(SLOT(INIT_COMMAND_LINE), 0, command_line, sizeof(command_line) - 1);

	if (got < 0)
		rt_log("the command line cannot be read: %s", rt_status_text(got));
}

static void manifest_read(void)
{
	struct manifest_error error;
	struct cpio_entry file;

	switch (cpio_find(archive.data, archive.len, "boot/manifest", &file)) {
	case CPIO_ENTRY:
		break;
	case CPIO_END:
		fail("the boot archive has no boot/manifest");
	default:
		fail("the boot archive is damaged");
	}
	if (!manifest_parse(&manifest, (const char *)archive.data + file.offset, file.size, &error))
		fail("boot/manifest:%u: %s", error.line, error.text);
}

/* Servers marked `alone' whose word was given keep all others out. */
static void servers_choose(void)
{
	bool alone = false;

	for (unsigned i = 0; i < manifest.nservers; i++) {
		const struct manifest_server *row = &manifest.servers[i];

		servers[i] = (struct server){ .row = row, .running = { H_NONE, H_NONE, 0 } };
		servers[i].wanted = row->alone[0] && command_line_has(command_line, row->alone);
		alone |= servers[i].wanted;
	}
	for (unsigned i = 0; !alone && i < manifest.nservers; i++)
		servers[i].wanted = !servers[i].row->alone[0];
}

/* --- starting and ending ------------------------------------------------------------------------------- */

static void server_ended(struct server *s, int code);

static void server_run(struct server *s)
{
	const char *step = "";
	uint64_t badge = s->running.generation << BADGE_SHIFT | ((uint64_t)(s - servers) + 1);
	status_t status = server_start(s->row, &s->running, endpoint, badge, &step);

	if (status >= 0)
		return;
	rt_log("%s does not start: %s: %s", s->row->name, step, rt_status_text(status));
	server_ended(s, CODE_FAILED);
}

/* Whether this end is one too many in a short time; counts it. */
static bool server_ends_too_often(struct server *s)
{
	uint64_t now = rt_mono_ns(), *slot = &s->ends[s->nends++ % RESTARTS];
	bool too_often = s->nends > RESTARTS && now - *slot < RESTARTS_NS;

	*slot = now;
	return too_often;
}

static void server_ended(struct server *s, int code)
{
	const struct manifest_server *row = s->row;

	server_forget(&s->running);
	switch (row->restart) {
	case RESTART_MACHINE:
		if (row->machine_code < 0 && code == 0)
			machine_end(0);
		rt_log("%s ended with code %d: the machine powers off", row->name, code);
		machine_end(row->machine_code < 0 ? CODE_FAILED : row->machine_code);
	case RESTART_ALWAYS:
		if (code == 0)
			break;
		if (server_ends_too_often(s))
			fail("%s ended with code %d, again: the machine powers off", row->name, code);
		rt_log("%s ended with code %d: it is started again", row->name, code);
		s->running.generation++;
		server_run(s);
		return;
	case RESTART_NEVER:
		break;
	}
	rt_log("%s ended with code %d", row->name, code);
	s->wanted = false;
}

/* The kernel's own line in the log has the instruction and the registers' values. */
static void server_fault(struct server *s, const struct ipc_message *m)
{
	status_t reason = (status_t)m->words[3];

	rt_log("%s: thread %lu: exception %lu, address %#lx%s%s", s->row->name, m->words[0], m->words[1],
	       m->words[2], reason ? ", " : "", reason ? rt_status_name(reason) : "");
	tess_task_kill(s->running.task, CODE_FAULT);
}

static void notice_handle(const struct ipc_message *m)
{
	uint64_t index = (m->badge & ((1u << BADGE_SHIFT) - 1)) - 1;
	struct server *s = &servers[index];

	if (index >= manifest.nservers || s->running.task == H_NONE ||
	    s->running.generation != m->badge >> BADGE_SHIFT)
		return;
	switch (m->via) {
	case NOTICE_DEATH:
		server_ended(s, (int)m->words[0]);
		break;
	case NOTICE_FAULT:
		server_fault(s, m);
		break;
	case NOTICE_MEMORY:
		rt_log("%s has no memory left", s->row->name);
		tess_task_kill(s->running.task, CODE_FAILED);
		break;
	default:
		rt_log("notice %u of %s is not known", m->via, s->row->name);
		break;
	}
}

static bool servers_left(void)
{
	for (unsigned i = 0; i < manifest.nservers; i++)
		if (servers[i].wanted)
			return true;
	return false;
}

int main(void)
{
	int64_t result;

	rt_set_name("init");
	archive_map();
	command_line_read();
	manifest_read();
	servers_choose();
	result = tess_endpoint_create(SLOT(INIT_POOL));
	if (result < 0)
		fail("no endpoint: %s", rt_status_text(result));
	endpoint = (handle_t)result;
	for (unsigned i = 0; i < manifest.nservers; i++)
		if (servers[i].wanted)
			server_run(&servers[i]);
	while (servers_left()) {
		result = tess_ipc_recv(endpoint, DEADLINE_NEVER);
		if (result < 0 && result != E_INTERRUPTED)
			fail("receiving: %s", rt_status_text(result));
		if (result == 0)
			notice_handle(&utcb()->msg);
	}
	fail("no server is left: the machine powers off");
}
