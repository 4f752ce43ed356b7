/*
 * vfs_mock.c -- see vfs_mock.h.  Contents are byte arrays, handles are table indexes; nothing blocks.
 */
#include "vfs_mock.h"

#define OBJECTS 65536u

struct object {
	uint32_t type, refs;
	uint8_t *data;
	uint64_t size;
	struct content_attr attr;
	struct descriptor_args args;
	uint32_t object;	/* of a descriptor */
};
struct answer answer, parked_answer;
uint32_t parked_answers;
int mock_fail_after = -1;
handle_t server_endpoint = 0x80000001u, server_pool = 0x80000002u, server_platform = 0x80000003u;

static struct object objects[OBJECTS];
static uint32_t next_object = 16, live, freed[OBJECTS], nfreed;
static uint64_t live_bytes;
static char log_text[1024];

static struct object *object_of(handle_t h)
{
	uint32_t n = h & 0x7fffffff;

	return (h & HANDLE_TASK_TABLE) && n < OBJECTS && objects[n].refs ? &objects[n] : NULL;
}

static int64_t object_new(uint32_t type)
{
	uint32_t n = nfreed ? freed[--nfreed] : next_object++;

	if (mock_fail_after >= 0 && mock_fail_after-- == 0)
		return E_NOMEM;
	if (n >= OBJECTS)
		abort();
	memset(&objects[n], 0, sizeof(objects[n]));
	objects[n].type = type;
	objects[n].refs = 1;
	objects[n].attr.koid = n;
	live++;
	return n | HANDLE_TASK_TABLE;
}

uint32_t mock_objects(void) { return live; }
uint64_t mock_bytes(void) { return live_bytes; }
const char *mock_log(void) { return log_text; }

static void object_put(uint32_t n)
{
	if (--objects[n].refs)
		return;
	if (objects[n].type == OBJ_DESCRIPTOR && objects[n].object)
		object_put(objects[n].object);
	free(objects[n].data);
	live--;
	freed[nfreed++] = n;
}

status_t tess_handle_close(handle_t h)
{
	struct object *o = object_of(h);

	if (!o)
		abort();	/* closing what is not there is a bug of ours */
	object_put(h & 0x7fffffff);
	return 0;
}

static void data_resize(struct object *o, uint64_t size)
{
	if (size > 1ull << 26)
		size = 1ull << 26;
	if (size > o->size) {
		o->data = realloc(o->data, size);
		memset(o->data + o->size, 0, size - o->size);
	}
	o->size = o->attr.size = size;
}

int64_t tess_content_create(handle_t pool, uint64_t size)
{
	int64_t h = object_new(OBJ_CONTENT);

	(void)pool;
	if (h > 0)
		data_resize(object_of((handle_t)h), size);
	return h;
}

status_t tess_content_attributes(handle_t h, const volatile void *attr)
{
	struct object *o = object_of(h);

	if (!o || o->type != OBJ_CONTENT)
		abort();
	*(struct content_attr *)(uintptr_t)attr = o->attr;
	return 0;
}

status_t tess_content_set(handle_t h, uint64_t mask, const volatile void *p)
{
	const struct content_attr *attr = (const struct content_attr *)(uintptr_t)p;
	struct object *o = object_of(h);

	if (!o || o->type != OBJ_CONTENT)
		abort();
	if (mask & ATTR_SIZE)
		data_resize(o, attr->size);
	if (mask & ATTR_ATIME)
		o->attr.atime_ns = attr->atime_ns;
	if (mask & ATTR_MTIME)
		o->attr.mtime_ns = attr->mtime_ns;
	if (mask & ATTR_CTIME)
		o->attr.ctime_ns = attr->ctime_ns;
	if (mask & ATTR_RECORD_BYTES)
		memcpy(o->attr.record, attr->record, ATTR_RECORD);
	return 0;
}

int64_t tess_content_deny_write(handle_t h, int64_t delta)
{
	return object_of(h)->attr.deny_write += (int32_t)delta;
}

int64_t tess_vmo_write(handle_t h, uint64_t offset, const volatile void *buf, uint64_t len)
{
	struct object *o = object_of(h);

	if (offset + len > o->size)
		data_resize(o, offset + len);
	if (len)
		memcpy(o->data + offset, (const void *)(uintptr_t)buf, len);
	return (int64_t)len;
}

status_t tess_vmo_move(handle_t to, uint64_t to_offset, handle_t from, uint64_t from_offset, uint64_t len)
{
	struct object *f = object_of(from);

	if ((to_offset | from_offset | len) & (PAGE_SIZE - 1))
		return E_INVAL;
	return tess_vmo_write(to, to_offset, f->data + from_offset, len) < 0 ? E_NOMEM : 0;
}

status_t tess_vmo_query(handle_t h, const volatile void *info)
{
	struct object *o = object_of(h);

	if (!o)
		return E_HANDLE;
	((struct vmo_info *)(uintptr_t)info)->size = o->size;
	return 0;
}

int64_t tess_vspace_map(handle_t v, uint64_t addr, uint64_t len, uint64_t flags, handle_t object, uint64_t offset)
{
	(void)v; (void)addr; (void)len; (void)flags; (void)offset;
	return (int64_t)(uintptr_t)object_of(object)->data;
}

status_t tess_vspace_unmap(handle_t v, uint64_t addr, uint64_t len)
{
	(void)v; (void)addr; (void)len;
	return 0;
}

struct archive mock_archive(const void *data, uint64_t len)
{
	handle_t h = (handle_t)object_new(OBJ_VMO);

	tess_vmo_write(h, 0, data, len);
	return (struct archive){ h, object_of(h)->data, len };
}

int64_t tess_pool_create(handle_t parent, uint64_t limit) { (void)parent; (void)limit; return object_new(OBJ_POOL); }
int64_t tess_pipe_object(handle_t pool, uint64_t flags) { (void)pool; (void)flags; return object_new(OBJ_PIPE); }

status_t tess_pool_query(handle_t pool, const volatile void *info)
{
	struct pool_info *p = (struct pool_info *)(uintptr_t)info;

	(void)pool;
	memset(p, 0, sizeof(*p));
	p->limit_bytes = 32 << 20;
	p->used_bytes = 1 << 20;
	return 0;
}

status_t tess_system_query(const volatile void *info)
{
	struct system_info *s = (struct system_info *)(uintptr_t)info;

	memset(s, 0, sizeof(*s));
	s->memory_total = 256 << 20;
	s->memory_free = 128 << 20;
	s->frames_free = s->memory_free / 4096;
	s->ncpus = 2;
	s->uptime_ns = 12345670000000;
	s->tsc_hz = 1000000000;
	s->cpu_signature = 0x663;
	s->cpu_features[0] = 1 | 1 << 4;
	strcpy(s->cpu_vendor, "GenuineIntel");
	strcpy(s->cpu_model, "Mock CPU");
	return 0;
}

int64_t tess_random_fill(const volatile void *buf, uint64_t len)
{
	static uint64_t state;

	for (uint64_t n = 0; n < len; n++)
		((uint8_t *)(uintptr_t)buf)[n] = (uint8_t)((state = state * 6364136223846793005ull + 1442695040888963407ull) >> 56);
	return (int64_t)len;
}

int64_t tess_descriptor_create(const volatile void *p)
{
	const struct descriptor_args *args = (const struct descriptor_args *)(uintptr_t)p;
	struct object *data = args->object == H_NONE ? NULL : object_of(args->object);
	int64_t h;

	if (args->object != H_NONE && !data)
		abort();
	if (data && data->attr.deny_write > 0 && (args->flags & DESC_WRITE))
		return E_TXTBUSY;
	h = object_new(OBJ_DESCRIPTOR);
	if (h < 0)
		return h;
	object_of((handle_t)h)->args = *args;
	if (data) {
		object_of((handle_t)h)->object = args->object & 0x7fffffff;
		data->refs++;
	}
	return h;
}

status_t tess_handle_query(handle_t h, const volatile void *p)
{
	struct handle_info *info = (struct handle_info *)(uintptr_t)p;
	struct object *o = object_of(h);

	if (!o)
		return E_HANDLE;
	memset(info, 0, sizeof(*info));
	info->cookie = o->args.cookie;
	return 0;
}

/* The mock task's descriptors are all descriptors that exist, by number. */
status_t tess_task_slot(handle_t task, uint64_t slot, const volatile void *p)
{
	struct handle_info *info = (struct handle_info *)(uintptr_t)p;

	(void)task;
	for (uint64_t n = slot; n < 64; n++) {
		if (n + 16 >= next_object || !objects[n + 16].refs || objects[n + 16].type != OBJ_DESCRIPTOR)
			continue;
		memset(info, 0, sizeof(*info));
		info->slot = (uint32_t)n;
		info->desc_flags = objects[n + 16].args.flags;
		info->cookie = objects[n + 16].args.cookie;
		return 0;
	}
	return E_NOENT;
}

int64_t tess_task_read(handle_t task, uint64_t addr, const volatile void *buf, uint64_t len)
{
	(void)task; (void)addr;
	memset((void *)(uintptr_t)buf, 'x', len);
	return (int64_t)len;
}

status_t tess_vspace_query(handle_t task, uint64_t addr, const volatile void *p)
{
	struct mapping_info *m = (struct mapping_info *)(uintptr_t)p;

	(void)task;
	if (addr >= 0x402000)
		return E_NOENT;
	memset(m, 0, sizeof(*m));
	m->start = 0x400000;
	m->end = 0x402000;
	m->flags = MAP_READ | MAP_EXEC;
	m->object_koid = 12345;
	return 0;
}

/* --- the other half -------------------------------------------------------------------------------- */

/* A size in front of each allocation; the pointer stays aligned to 16. */
void *mem_alloc(uint64_t size)
{
	uint64_t *p;

	if (mock_fail_after >= 0 && mock_fail_after-- == 0)
		return NULL;
	p = calloc(1, size + 16);
	p[0] = size;
	live_bytes += size;
	return p + 2;
}

void mem_free(void *p)
{
	if (!p)
		return;
	live_bytes -= ((uint64_t *)p)[-2];
	free((uint64_t *)p - 2);
}

char *mem_strdup(const char *s)
{
	char *copy = mem_alloc(strlen(s) + 1);

	return copy ? strcpy(copy, s) : NULL;
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from), n = len < size ? len : size - 1;

	memcpy(to, from, n);
	to[n] = 0;
	return len;
}

static struct process *processes[64];
static struct thread main_thread = { 1 };

struct process *mock_process(uint32_t pid, uint32_t uid, uint32_t gid)
{
	struct process *p = calloc(1, sizeof(*p));
	struct cred c = { uid, uid, uid, uid, gid, gid, gid, gid, 0, { 0 } };

	p->pid = pid;
	p->cred = c;
	p->fs = fs_view_new();
	p->fs->umask = 022;
	p->task = 0x80000004u;
	return processes[pid] = p;
}

void mock_process_end(struct process *p)
{
	vfs_process_exit(p);
	fs_view_put(p->fs);
	processes[p->pid] = NULL;
	free(p);
}

struct process *process_by_pid(uint32_t pid) { return pid < 64 ? processes[pid] : NULL; }
struct process *process_next(uint32_t above)
{
	for (uint32_t n = above + 1; n < 64; n++)
		if (processes[n])
			return processes[n];
	return NULL;
}
uint32_t process_pid(const struct process *p) { return p->pid; }
uint64_t process_start_ns(const struct process *p) { (void)p; return 1; }
const struct cred *process_cred(const struct process *p) { return &p->cred; }
struct fs_view *process_fs(struct process *p) { return p->fs; }
handle_t process_pool(const struct process *p) { (void)p; return server_pool; }
uint64_t process_rlimit(const struct process *p, uint32_t r) { (void)p; (void)r; return ~0ull; }
bool process_may_inspect(const struct process *a, const struct process *b)
{
	return a->cred.euid == 0 || a->cred.euid == b->cred.uid;
}
uint32_t process_tids(struct process *p, uint32_t *tids, uint32_t max) { tids[0] = p->pid; return max ? 1 : 0; }
uint32_t thread_tid(const struct thread *t) { return t->tid; }
bool cred_in_group(const struct cred *c, uint32_t gid)
{
	for (uint32_t n = 0; n < c->ngroups; n++)
		if (c->groups[n] == gid)
			return true;
	return c->fsgid == gid;
}
void process_view(struct process *p, struct process_view *v)
{
	memset(v, 0, sizeof(*v));
	v->pid = v->tgid = p->pid;
	v->state = 'S';
	strcpy(v->comm, "mock");
	v->nthreads = 1;
	v->cred = p->cred;
	v->fs = p->fs;
	v->task = p->task;
	v->args_start = 4096;
	v->args_end = 4106;
	v->exe_inode = p->exe_inode;
	strcpy(v->exe, "/bin/exe");
}
void system_poweroff(int command) { (void)command; abort(); }
int unimplemented_text(char *buf, uint32_t len) { return snprintf(buf, len, "none\n"); }
const char *uname_text(enum uname_field f) { return f == UNAME_NODENAME ? "host" : "Linux"; }
int uname_set(enum uname_field f, const char *t, uint32_t n) { (void)f; (void)t; (void)n; return 0; }
const char *command_line(void) { return "quiet"; }
uint32_t pid_last(void) { return 1; }
static uint64_t now = 1700000000000000000ull;
uint64_t clock_real_ns(void) { return now += 1000; }
uint64_t clock_mono_ns(void) { return now - 1600000000000000000ull; }
int64_t tess_counter_create(handle_t pool, uint64_t value, uint64_t flags)
{
	(void)pool; (void)value; (void)flags;
	return object_new(OBJ_COUNTER);
}
status_t tess_counter_signal(handle_t h, uint64_t value) { (void)h; (void)value; return 0; }
int64_t tess_counter_wait(handle_t h, uint64_t deadline) { (void)h; (void)deadline; return E_TIMEDOUT; }
int64_t tess_timer_create(handle_t pool, handle_t counter, uint64_t value)
{
	(void)pool; (void)counter; (void)value;
	return object_new(OBJ_TIMER);
}
status_t tess_timer_arm(handle_t h, uint64_t deadline, uint64_t period) { (void)h; (void)deadline; (void)period; return 0; }
void timer_cancel(struct timer *t) { (void)t; }
void timer_after(struct timer *t, uint64_t d, void (*f)(void *), void *a) { (void)t; (void)d; (void)f; (void)a; }
void server_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(log_text, sizeof(log_text), format, args);
	va_end(args);
}

/* --- requests -------------------------------------------------------------------------------------------- */

static void answer_set(struct answer *a, int64_t value, const void *data, uint32_t len, handle_t cap)
{
	if (a == &answer && a->given)
		abort();	/* answered twice */
	a->given = true;
	a->value = value;
	a->len = len;
	a->cap = cap;
	if (len)
		memcpy(a->data, data, len);
}

void request_reply(struct request *r, int64_t v) { (void)r; answer_set(&answer, v, NULL, 0, 0); }
void request_reply_data(struct request *r, int64_t v, const void *d, uint32_t n) { (void)r; answer_set(&answer, v, d, n, 0); }
void request_reply_words(struct request *r, int64_t v, uint64_t a, uint64_t b)
{
	(void)r;
	(void)a;
	(void)b;
	answer_set(&answer, v, NULL, 0, 0);
}
void request_reply_cap(struct request *r, int64_t v, handle_t cap) { (void)r; answer_set(&answer, v, NULL, 0, cap); }

const char *request_string(struct request *r, uint32_t *offset)
{
	uint32_t start = *offset;

	for (uint32_t n = start; n < r->payload_len; n++)
		if (!r->payload[n]) {
			*offset = n + 1;
			return (const char *)r->payload + start;
		}
	return NULL;
}

void request_park(const struct request *r, struct parked *p, void (*cancel)(struct parked *))
{
	p->token = r->token;
	p->process = r->process;
	p->cancel = cancel;
	answer.parked = true;
	answer.waiting = p;
}

static void parked_set(struct parked *p, int64_t v, const void *d, uint32_t n, handle_t cap)
{
	(void)p;
	answer_set(&parked_answer, v, d, n, cap);
	parked_answers++;
}
void parked_reply(struct parked *p, int64_t v) { parked_set(p, v, NULL, 0, 0); }
void parked_reply_data(struct parked *p, int64_t v, const void *d, uint32_t n) { parked_set(p, v, d, n, 0); }
void parked_reply_cap(struct parked *p, int64_t v, handle_t cap) { parked_set(p, v, NULL, 0, cap); }

int64_t mock_call_caps(struct process *p, handle_t via, uint32_t op, uint64_t w1, const void *payload, uint32_t len,
	handle_t cap)
{
	static struct request r;
	uint8_t *copy = malloc(len ? len : 1);	/* exactly as long as it is: ASan sees an over-read */

	memset(&r, 0, sizeof(r));
	memset(&answer, 0, offsetof(struct answer, data));
	answer.waiting = NULL;
	answer.len = 0;
	if (len)
		memcpy(copy, payload, len);
	r.token = 77;
	r.words[0] = op;
	r.words[1] = w1;
	r.process = p;
	r.thread = &main_thread;
	r.payload = copy;
	r.payload_len = len;
	r.bulk_room = 4096;
	if (cap) {
		r.caps[0] = cap;
		r.ncaps = 1;
		object_of(cap)->refs++;
	}
	if (via) {
		r.file = file_by_cookie(object_of(via)->args.cookie);
		r.access = object_of(via)->args.flags;
	}
	vfs_request(&r);
	free(copy);
	if (!answer.given && !answer.parked)
		abort();
	return answer.given ? answer.value : -LINUX_INTERRUPTED;
}

int64_t mock_call(struct process *p, handle_t via, uint32_t op, uint64_t w1, uint64_t w2, uint64_t w3,
	const void *payload, uint32_t len)
{
	static struct request r;
	uint8_t *copy = malloc(len ? len : 1);

	memset(&r, 0, sizeof(r));
	memset(&answer, 0, offsetof(struct answer, data));
	answer.waiting = NULL;
	answer.len = 0;
	answer.cap = 0;
	if (len)
		memcpy(copy, payload, len);
	r.token = 78;
	r.words[0] = op;
	r.words[1] = w1;
	r.words[2] = w2;
	r.words[3] = w3;
	r.process = p;
	r.thread = &main_thread;
	r.payload = copy;
	r.payload_len = len;
	r.bulk_room = 4096;
	if (via) {
		r.file = file_by_cookie(object_of(via)->args.cookie);
		r.access = object_of(via)->args.flags;
		if (!r.file)
			abort();
	}
	vfs_request(&r);
	free(copy);
	if (!answer.given && !answer.parked)
		abort();
	return answer.given ? answer.value : -LINUX_INTERRUPTED;
}

void mock_close(handle_t h)
{
	uint64_t cookie = object_of(h)->args.cookie;

	tess_handle_close(h);
	file_closed(cookie);
}

const struct mock_descriptor *mock_descriptor(handle_t h)
{
	static struct mock_descriptor d;

	d.args = object_of(h)->args;
	return &d;
}

int64_t mock_content_write(handle_t h, uint64_t offset, const void *data, uint64_t len)
{
	return tess_vmo_write(object_of(h)->object | HANDLE_TASK_TABLE, offset, data, len);
}

uint64_t mock_content_size(handle_t h)
{
	return objects[object_of(h)->object].size;
}
