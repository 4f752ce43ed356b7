/*
 * process_mock.c -- see process_mock.h.  Also the program's main: all cases of the three test files.
 */
#include "process_mock.h"
#include <setjmp.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include "../itimerspec.h"
#include "../../translator/image.h"

#define TASKS 4096u
#define COUNTERS 1024u
#define EVENTS 1024u
#define ANSWERS 4096u

handle_t server_endpoint = 0x80000001u, server_pool = 0x80000002u, server_platform = 0x80000003u;
struct utcb *rt_single_utcb;
uint8_t mock_line_out[65536];
uint32_t mock_line_len, mock_line_capacity;
int mock_power = -1;
handle_t mock_favoured;
uint32_t mock_exec_mode = 0755, mock_exec_uid;
int mock_exec_error;
uint64_t mock_slow_badge;

static struct utcb utcb_page __attribute__((aligned(32768)));
static struct mock_task tasks[TASKS];
static uint32_t ntasks;
static uint32_t counters[COUNTERS], ncounters;
static struct event { bool notice; struct ipc_message m; } events[EVENTS];
static uint32_t event_first, event_last;
static struct answer answers[ANSWERS];
static uint64_t next_token = 1;
static uint64_t now_ns = 1000000000;
static jmp_buf idle;
static uint32_t next_handle = 100;
static uint8_t bulk_in[IPC_BULK_MAX];
static uint32_t bulk_len;
static const struct device_ops *devices[8][512];
static struct mock_file *file_now;
static int nviews;

#define TASK_HANDLE(i) (0x90000000u + (i))

/* --- tasks ------------------------------------------------------------------------------------------ */

static struct mock_task *task_of(handle_t h)
{
	uint32_t i = h - 0x90000000u;

	return i < ntasks ? &tasks[i] : NULL;
}
struct mock_task *mock_task(const struct process *p) { return p->image ? task_of(p->image->task) : NULL; }
struct mock_task *mock_task_newest(void) { return &tasks[ntasks - 1]; }

static struct event *event_new(void)
{
	struct event *e = &events[event_last++ % EVENTS];

	memset(e, 0, sizeof(*e));
	return e;
}

int64_t tess_task_create(handle_t pool, handle_t vs, handle_t table, handle_t endpoint, uint64_t badge)
{
	(void)pool, (void)vs, (void)table, (void)endpoint;
	if (ntasks == TASKS)
		return E_NOMEM;
	tasks[ntasks] = (struct mock_task){ .badge = badge, .used = true };
	return TASK_HANDLE(ntasks++);
}
static void death_tell(const struct mock_task *t)
{
	struct event *e = event_new();

	e->notice = true;
	e->m.via = NOTICE_DEATH;
	e->m.badge = t->badge;
	e->m.words[0] = t->code;
}
status_t tess_task_kill(handle_t h, uint64_t code)
{
	struct mock_task *t = task_of(h);

	if (!t || t->dead)
		return 0;
	t->dead = true;
	t->code = code;
	if (t->badge != mock_slow_badge)
		death_tell(t);
	return 0;
}
status_t tess_task_suspend(handle_t h) { task_of(h)->suspended = true; return 0; }
status_t tess_task_resume(handle_t h) { task_of(h)->suspended = false; return 0; }
status_t tess_task_ceiling(handle_t h, uint64_t what, uint64_t v) { (void)h, (void)what, (void)v; return 0; }
status_t tess_task_query(handle_t h, const volatile void *p)
{
	struct task_info *i = (struct task_info *)p;

	(void)h;
	memset(i, 0, sizeof(*i));
	i->user_ns = 3000000000ull;
	i->kernel_ns = 1000000000ull;
	return 0;
}
int64_t tess_task_write(handle_t h, uint64_t addr, const volatile void *p, uint64_t len)
{
	struct mock_task *t = task_of(h);

	if (addr % BLOCK_SIZE == offsetof(struct utcb, mask))
		memcpy(&t->mask[0], (const void *)p, 8);
	return (int64_t)len;
}
int64_t tess_task_read(handle_t h, uint64_t a, const volatile void *p, uint64_t l)
{
	(void)h, (void)a, (void)p, (void)l;
	return E_AGAIN;
}
int64_t tess_task_give(handle_t t, handle_t h, uint64_t r, uint64_t f) { (void)t, (void)h, (void)r, (void)f; return 0; }
int64_t tess_thread_create(handle_t h, const volatile void *p)
{
	(void)p;
	return task_of(h)->nthreads++;
}
status_t tess_thread_notify(handle_t h, uint64_t thread, uint64_t latch, uint64_t pending, const volatile void *mask)
{
	struct mock_task *t = task_of(h);

	if (!t || t->dead || thread >= 8)
		return E_NOENT;
	t->pending[thread] |= pending;
	t->latch[thread] |= latch;
	if (mask)
		memcpy((void *)mask, &t->mask[thread], 8);
	return 0;
}
status_t tess_thread_query(handle_t h, uint64_t thread, const volatile void *p)
{
	struct thread_info *i = (struct thread_info *)p;

	memset(i, 0, sizeof(*i));
	i->mask = task_of(h)->mask[thread];
	return 0;
}
status_t tess_thread_priority(handle_t h, uint64_t t, uint64_t p, uint64_t f, uint64_t w)
{
	(void)h, (void)t, (void)p, (void)f, (void)w;
	return 0;
}
int64_t tess_thread_affinity(handle_t h, uint64_t t, uint64_t m) { (void)h, (void)t; return (int64_t)m; }

/* --- the rest of the kernel ---------------------------------------------------------------------------- */

static int64_t handle_new(void) { return 0x80000000u + next_handle++; }
status_t tess_handle_close(handle_t h) { (void)h; return 0; }
int64_t tess_pool_create(handle_t h, uint64_t l) { (void)h, (void)l; return handle_new(); }
status_t tess_pool_reserve(handle_t h, uint64_t bytes, handle_t child)
{
	if (h == server_pool && bytes)
		mock_favoured = child;
	return 0;
}
status_t tess_pool_query(handle_t h, const volatile void *p)
{
	(void)h;
	*(struct pool_info *)p = (struct pool_info){ .limit_bytes = 1 << 28, .used_bytes = 1 << 20 };
	return 0;
}
int64_t tess_vspace_create(handle_t h, uint64_t a, uint64_t b) { (void)h, (void)a, (void)b; return handle_new(); }
int64_t tess_vspace_map(handle_t h, uint64_t a, uint64_t b, uint64_t c, handle_t d, uint64_t e)
{
	(void)h, (void)b, (void)c, (void)d, (void)e;
	return (int64_t)a;
}
int64_t tess_vspace_clone(handle_t h, uint64_t t, handle_t p) { (void)h, (void)t, (void)p; return handle_new(); }
int64_t tess_table_clone(handle_t h, uint64_t t, handle_t p, uint64_t f) { (void)h, (void)t, (void)p, (void)f; return handle_new(); }
int64_t tess_table_create(handle_t h, uint64_t c) { (void)h, (void)c; return handle_new(); }
int64_t tess_vmo_create(handle_t h, uint64_t s) { (void)h, (void)s; return handle_new(); }
int64_t tess_vmo_read(handle_t h, uint64_t o, const volatile void *p, uint64_t l)
{
	(void)h, (void)o;
	memset((void *)p, 0, l);
	return (int64_t)l;
}
int64_t tess_vmo_write(handle_t h, uint64_t o, const volatile void *p, uint64_t l) { (void)h, (void)o, (void)p; return (int64_t)l; }
int64_t tess_clock_page(handle_t h) { (void)h; return handle_new(); }
int64_t tess_random_fill(const volatile void *p, uint64_t l)
{
	memset((void *)p, 0x5a, l);
	return (int64_t)l;
}
status_t tess_system_query(const volatile void *p)
{
	memset((void *)p, 0, sizeof(struct system_info));
	((struct system_info *)p)->ncpus = 2;
	((struct system_info *)p)->memory_total = 256 << 20;
	return 0;
}
int64_t tess_log_read(handle_t h, uint64_t at, const volatile void *p, uint64_t l) { (void)h, (void)at, (void)p, (void)l; return 0; }
status_t tess_log_write(handle_t h, const volatile void *p, uint64_t l) { (void)h, (void)p, (void)l; return 0; }
status_t tess_power_off(handle_t h, uint64_t how, uint64_t code)
{
	(void)h, (void)how;
	mock_power = (int)code;
	return 0;
}
int64_t tess_counter_create(handle_t h, uint64_t v, uint64_t f)
{
	(void)h, (void)f;
	counters[ncounters % COUNTERS] = (uint32_t)v;
	return 0xa0000000u + ncounters++ % COUNTERS;
}
status_t tess_counter_signal(handle_t h, uint64_t v) { counters[h - 0xa0000000u] |= (uint32_t)v; return 0; }
status_t tess_counter_clear(handle_t h, uint64_t v) { counters[h - 0xa0000000u] &= ~(uint32_t)v; return 0; }
int64_t tess_descriptor_write(handle_t h, const volatile void *p, uint64_t l, uint64_t d)
{
	uint32_t room = mock_line_capacity - mock_line_len;

	(void)h, (void)d;
	if (room == 0)
		return E_AGAIN;
	if (l > room)
		l = room;
	memcpy(mock_line_out + mock_line_len, (const void *)p, l);
	mock_line_len += (uint32_t)l;
	return (int64_t)l;
}
int64_t tess_descriptor_read_at(handle_t h, const volatile void *p, uint64_t l, uint64_t o)
{
	(void)h, (void)o;
	memset((void *)p, 0x7f, l);
	return (int64_t)l;
}
handle_t rt_grant(const char *name) { (void)name; return 0x80000050u; }
uint64_t rt_mono_ns(void) { return now_ns; }
uint64_t rt_real_ns(void) { return now_ns + (1ull << 60); }
void *rt_pages_map(uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}
void rt_pages_unmap(void *p, uint64_t len) { munmap(p, len); }
void rt_panic(const char *format, ...) { fprintf(stderr, "panic: %s\n", format); abort(); }
const char *rt_status_name(status_t s) { (void)s; return "E_"; }
void server_log(const char *format, ...) { (void)format; }

/* Under the address sanitizer every block is malloc's own: overruns show. */
void mem_init(void) { }
uint16_t mem_payer;
uint16_t mem_payer_get(uint32_t uid) { return (uint16_t)uid; }
void mem_payer_put(uint16_t payer) { (void)payer; }
void *mem_alloc(uint64_t size) { return calloc(1, size); }
void mem_free(void *p) { free(p); }
char *mem_strdup(const char *s) { return memcpy(malloc(strlen(s) + 1), s, strlen(s) + 1); }

/* --- messages -------------------------------------------------------------------------------------------- */

static void answer_keep(uint64_t token)
{
	const struct ipc_message *m = &utcb_page.msg;
	struct answer *a = &answers[token % ANSWERS];

	CHECK(!a->given);		/* every call has one answer */
	a->given = true;
	a->value = (int64_t)m->words[0];
	a->w1 = m->words[1];
	if (m->inline_len) {
		memcpy(a->data, m->inline_data, m->inline_len);
		a->len = m->inline_len;
	}
	memset(&utcb_page.msg, 0xa5, sizeof(utcb_page.msg.inline_data));	/* what is sent is lost */
}
status_t tess_ipc_reply(handle_t h, uint64_t token)
{
	(void)h;
	answer_keep(token);
	return 0;
}
int64_t tess_ipc_recv(handle_t h, uint64_t deadline)
{
	struct event *e = &events[event_first % EVENTS];

	(void)h;
	if (event_first == event_last) {
		if (deadline > now_ns)
			longjmp(idle, 1);
		return E_TIMEDOUT;
	}
	event_first++;
	utcb_page.msg = e->m;
	return e->notice ? 0 : (int64_t)e->m.token;
}
int64_t tess_ipc_reply_recv(handle_t h, uint64_t token, uint64_t deadline)
{
	tess_ipc_reply(h, token);
	return tess_ipc_recv(h, deadline);
}
int64_t tess_ipc_read(handle_t h, uint64_t token, uint64_t offset, const volatile void *p, uint64_t len)
{
	(void)h, (void)token;
	if (offset >= bulk_len)
		return 0;
	len = len < bulk_len - offset ? len : bulk_len - offset;
	memcpy((void *)p, bulk_in + offset, len);
	return (int64_t)len;
}
int64_t tess_ipc_write(handle_t h, uint64_t token, uint64_t offset, const volatile void *p, uint64_t len)
{
	struct answer *a = &answers[token % ANSWERS];

	(void)h;
	memcpy(a->data + offset, (const void *)p, len);
	a->len = (uint32_t)(offset + len);
	return (int64_t)len;
}

static void run(void)
{
	if (setjmp(idle) == 0)
		request_loop();
}

static struct ipc_message *message_new(uint64_t badge, uint32_t thread)
{
	struct event *e = event_new();

	e->m.token = next_token++;
	memset(&answers[e->m.token % ANSWERS], 0, sizeof(answers[0]));
	e->m.sender_badge = badge;
	e->m.sender_thread = thread;
	e->m.via = IPC_VIA_ENDPOINT;
	return &e->m;
}

static uint64_t send(struct ipc_message *m, const void *data, uint32_t len)
{
	uint64_t token = m->token;

	if (len > IPC_INLINE) {
		memcpy(bulk_in, data, len);
		bulk_len = len;
		m->bulk_out_len = len;
	} else if (len) {
		memcpy(m->inline_data, data, len);
		m->inline_len = len;
	}
	run();
	return token;
}

uint64_t mock_call_data(struct process *p, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3, const void *data, uint32_t len)
{
	struct ipc_message *m = message_new(p->image->badge, p->main->number);

	m->words[0] = op, m->words[1] = w1, m->words[2] = w2, m->words[3] = w3;
	return send(m, data, len);
}
uint64_t mock_call(struct process *p, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3)
{
	return mock_call_data(p, op, w1, w2, w3, NULL, 0);
}
uint64_t mock_call_thread(struct process *p, uint32_t thread, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3)
{
	struct ipc_message *m = message_new(p->image->badge, thread);

	m->words[0] = op, m->words[1] = w1, m->words[2] = w2, m->words[3] = w3;
	return send(m, NULL, 0);
}
uint64_t mock_call_from(uint64_t badge, uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4)
{
	struct ipc_message *m = message_new(badge, 0);

	m->words[0] = op, m->words[1] = w1, m->words[2] = w2, m->words[3] = w3, m->words[4] = w4;
	return send(m, NULL, 0);
}
uint64_t mock_exec(struct process *p, const char *path)
{
	struct ipc_message *m = message_new(p->image->badge, p->main->number);

	m->words[0] = LX_EXEC;
	m->ncaps = 1;
	m->caps[0] = (handle_t)handle_new();
	return send(m, path, (uint32_t)strlen(path) + 1);
}
uint64_t mock_feed(uint32_t line, const void *data, uint32_t len)
{
	struct ipc_message *m = message_new(5, 0);

	m->badge = LX_BADGE_CONSOLE;
	m->words[0] = LX_TTY_INPUT;
	m->words[1] = line;
	return send(m, data, len);
}
void mock_slow_death(void)
{
	for (uint32_t i = 0; i < ntasks; i++)
		if (tasks[i].badge == mock_slow_badge)
			death_tell(&tasks[i]);
	mock_slow_badge = 0;
	run();
}
void mock_cancel(uint64_t token)
{
	struct event *e = event_new();

	e->notice = true;
	e->m.via = NOTICE_CANCEL;
	e->m.words[0] = token;
	run();
}
void mock_time(uint64_t ns)
{
	uint64_t end = now_ns + ns;

	while (now_ns < end) {
		uint64_t next = timers_next();

		now_ns = next < end ? next : end;
		run();
	}
}
struct answer *answer_of(uint64_t token) { return &answers[token % ANSWERS]; }
int64_t value_of(uint64_t token) { return answer_of(token)->given ? answer_of(token)->value : PARKED; }

/* --- the names half ------------------------------------------------------------------------------------------ */

static struct mock_file *file_of_struct(struct file *f) { return (struct mock_file *)(void *)f; }
void vfs_request(struct request *r)
{
	struct mock_file *m = file_of_struct(r->file);

	if (!m || !m->device)
		request_reply(r, -ENOENT);
	else if (r->words[0] == LX_READ)
		m->device->read(r, r->file);
	else if (r->words[0] == LX_WRITE)
		m->device->write(r, r->file);
	else
		m->device->ioctl(r, r->file);
}
struct file *file_by_cookie(uint64_t cookie) { return (struct file *)(uintptr_t)cookie; }
void file_closed(uint64_t cookie) { (void)cookie; }
bool archive_copy(const struct archive *a, uint64_t offset, uint64_t len, handle_t to, uint64_t to_offset)
{
	(void)a, (void)offset, (void)len, (void)to, (void)to_offset;
	return true;
}
struct fs_view *fs_view_new(void)
{
	struct fs_view *v = calloc(1, sizeof(*v));

	v->refs = 1;
	nviews++;
	return v;
}
struct fs_view *fs_view_clone(const struct fs_view *v) { (void)v; return fs_view_new(); }
void fs_view_put(struct fs_view *v)
{
	if (--v->refs == 0) {
		nviews--;
		free(v);
	}
}
int vfs_open_exec(struct request *r, const char *path, uint32_t flags, handle_t *desc, struct exec_file *info)
{
	static char inode;

	(void)r, (void)flags;
	if (mock_exec_error)
		return mock_exec_error;
	*desc = (handle_t)handle_new();
	info->uid = mock_exec_uid;
	info->mode = mock_exec_mode;
	strlcpy(info->path, path, sizeof(info->path));
	info->inode = (struct inode *)(void *)&inode;
	return 0;
}
void inode_get(struct inode *i) { (void)i; }
void inode_put(struct inode *i) { (void)i; }
int inode_deny_write(struct inode *i, int d) { (void)i, (void)d; return 0; }
void vfs_process_exit(struct process *p) { (void)p; }
void device_register(uint32_t major, uint32_t minor, const struct device_ops *ops)
{
	uint32_t row = major == 4 ? 0 : major == 5 ? 1 : 2;

	for (uint32_t i = minor == ~0u ? 0 : minor; i < (minor == ~0u ? 512 : minor + 1); i++)
		devices[row][i] = ops;
}
void *file_private(struct file *f) { return file_of_struct(f)->private; }
void file_set_private(struct file *f, void *private, handle_t ready)
{
	file_of_struct(f)->private = private;
	file_of_struct(f)->ready = ready;
}
uint32_t file_rdev(const struct file *f) { return ((const struct mock_file *)(const void *)f)->rdev; }
int devtmpfs_make(const char *n, uint32_t m, uint32_t r, uint32_t u, uint32_t g) { (void)n, (void)m, (void)r, (void)u, (void)g; return 0; }
void devtmpfs_remove(const char *n) { (void)n; }

struct mock_file *mock_open(struct process *p, uint32_t rdev, uint32_t flags)
{
	struct mock_file *m = calloc(1, sizeof(*m));
	struct request r = { .process = p, .thread = p->main };
	uint32_t major = rdev >> 8;

	m->rdev = rdev;
	m->device = devices[major == 4 ? 0 : major == 5 ? 1 : 2][rdev & 0xff];
	m->flags = (uint32_t)m->device->open(&r, (struct file *)(void *)m, flags);
	if (m->flags != 0) {
		free(m);
		return NULL;
	}
	return m;
}
void mock_close(struct mock_file *f)
{
	f->device->close((struct file *)(void *)f);
	free(f);
	run();
}
static struct ipc_message *file_message(struct process *p, struct mock_file *f, bool nonblock)
{
	struct ipc_message *m = message_new(p->image->badge, p->main->number);

	file_now = f;
	m->via = IPC_VIA_DESCRIPTOR;
	m->badge = (uintptr_t)f;
	m->descriptor_access = DESC_READ | DESC_WRITE | (nonblock ? DESC_NONBLOCK : 0);
	return m;
}
uint64_t mock_read(struct process *p, struct mock_file *f, uint32_t room, bool nonblock)
{
	struct ipc_message *m = file_message(p, f, nonblock);

	m->words[0] = LX_READ, m->words[1] = ~0ull;
	m->bulk_in_len = room;
	return send(m, NULL, 0);
}
uint64_t mock_write(struct process *p, struct mock_file *f, const void *data, uint32_t len, bool nonblock)
{
	struct ipc_message *m = file_message(p, f, nonblock);

	m->words[0] = LX_WRITE, m->words[1] = ~0ull;
	return send(m, data, len);
}
uint64_t mock_ioctl(struct process *p, struct mock_file *f, uint64_t request, uint64_t arg, const void *data, uint32_t len)
{
	struct ipc_message *m = file_message(p, f, false);

	m->words[0] = LX_IOCTL, m->words[1] = request, m->words[2] = arg;
	return send(m, data, len);
}
uint32_t mock_ready(const struct mock_file *f) { return counters[f->ready - 0xa0000000u]; }

/* --- worlds ------------------------------------------------------------------------------------------------------ */

/* pid 1 as exec_first leaves it, without the loading: a session and group of its own. */
void mock_start(void)
{
	struct session *s;
	struct process *p;
	int error;

	rt_single_utcb = &utcb_page;
	mock_line_len = 0;
	mock_line_capacity = sizeof(mock_line_out);
	mock_power = -1;
	mock_exec_mode = 0755;
	mock_exec_uid = 0;
	mock_exec_error = 0;
	run();				/* sets the loop's message pointer */
	p = process_alloc(NULL, &error);
	process_init = p;
	p->unkillable = true;
	s = session_new(p->pid, p);
	pgroup_join(p, p->pid, s);
	session_put(s);
	p->image = image_alloc(p, IMAGE_CURRENT);
	p->image->task = (handle_t)tess_task_create(0, 0, 0, 0, p->image->badge);
	p->image->pool = (handle_t)handle_new();
	p->image->block = 0x7fff00000000;
	p->main->number = (uint32_t)tess_thread_create(p->image->task, NULL);
}

void mock_end(void)
{
	FOR_EACH_PROCESS(p)
		if (p != process_init && p->state == PROCESS_ALIVE)
			process_kill(p, 9);
	run();
	for (struct process *p = process_first(), *next; p; p = next) {
		next = process_after(p);
		if (p != process_init)
			process_free(p);
	}
	process_kill(process_init, 0);
	run();
	process_free(process_init);
	CHECK(process_count() == 0);
	CHECK(nviews == 0);
	CHECK(user_next(NULL) == NULL);
}

struct process *mock_fork(struct process *parent)
{
	uint64_t token = mock_call_from(parent->image->badge, LX_FORK, 0x7fffff000100, 0x7fff00008000 - 512, 0, 0);

	CHECK(value_of(token) > 0);
	return process_by_pid((uint32_t)value_of(token));
}
void mock_exit(struct process *p, int status) { mock_call(p, LX_EXIT, (uint64_t)status, 0, 0); }

/* One unit with the tests: tap.h's state is static. */
#include "signal_test.c"
#include "process_test.c"
#include "tty_test.c"

int main(void)
{
	static struct tap_case all[256];
	unsigned n = 0;

	tty_init();
	for (unsigned i = 0; i < signal_count; i++)
		all[n++] = signal_cases[i];
	for (unsigned i = 0; i < process_count_cases; i++)
		all[n++] = process_cases[i];
	for (unsigned i = 0; i < tty_count; i++)
		all[n++] = tty_cases[i];
	return tap_run(all, n);
}
