/*
 * content.c -- what a file is to the kernel: a vmo with size, times, seals, counts of writers and of
 * those who forbid writing, and a record of attributes that only its server reads.
 *
 * Owns:    struct content.  Its size is its vmo's.
 * Locks:   the write lock (writer, write_waiters) sleeps: it serialises writes and changes of size and
 *          is never taken by a fault, nor held while a pager is asked or a page of the source brought in.  content.lock guards the rest but
 *          the times, which are single words, stored atomically: a shared mapping's write fault sets them
 *          with vspace.lock held.
 *          pager_lock guards whom it tells, and a tell on its way there.
 * Fails:   E_TXTBUSY, E_PERM (seals), E_FBIG (ceiling), E_NOMEM, E_INTERRUPTED waiting for the write
 *          lock, E_NOT_HERE when the server must be asked first (TELL_FIRST_WRITE; a hole in a pager's content),
 *          what pager.c answers.
 * Tested:  kernel/test/vmo_test.c, kernel/test/pager_test.c, programs/selftest/pager.c
 */
#include "local.h"
#include "ipc.h"
#include "syscalls.h"
#include "timer.h"

#define DAY_NS 86400000000000ull
#define PIECE_BYTES 65536u		/* of one write, before another may come between */
#define SIZE_LIMIT (1ull << 62)

static uint64_t time_load(const uint64_t *t) { return __atomic_load_n(t, __ATOMIC_RELAXED); }
static void time_store(uint64_t *t, uint64_t ns) { __atomic_store_n(t, ns, __ATOMIC_RELAXED); }

/* --- telling the server ------------------------------------------------------------------------------- */

/*
 * Events that somebody has asked for: coalesced into one notice, which is queued once and says, when the server
 * takes it, what has come by then.  No lock of RANK_PAGER or above may be held.
 */
__attribute__((noinline)) void content_tell(struct content *c, uint32_t what)
{
	what &= __atomic_load_n(&c->tell, __ATOMIC_RELAXED);
	if ((__atomic_fetch_or(&c->told, what, __ATOMIC_ACQ_REL) & what) == what)
		return;			/* on its way already */
	spin_lock(&pager_lock);
	if (c->server)
		endpoint_notify(c->server, &c->tells, NOTICE_TELL);
	spin_unlock(&pager_lock);
}

/* With the endpoint's lock, under which the notice leaves the queue: what comes later is queued anew. */
uint64_t content_told_take(struct notice *tells)
{
	return __atomic_exchange_n(&container_of(tells, struct content, tells)->told, 0, __ATOMIC_ACQ_REL);
}

/* Tell e (NULL: nobody) from now on; takes the reference.  What the former one has not taken goes to e. */
static void server_set(struct content *c, struct endpoint *e, uint64_t cookie)
{
	struct endpoint *former;

	spin_lock(&pager_lock);
	former = c->server;
	if (former)
		endpoint_withdraw(former, &c->tells);
	c->server = e;
	c->tells.badge = cookie;
	if (e && atomic_load(&c->told))
		endpoint_notify(e, &c->tells, NOTICE_TELL);
	spin_unlock(&pager_lock);
	if (former)
		object_put(&former->object);
}

/* As Linux does with relatime: only if it would otherwise look unread since the last change, or is old. */
static void touch_read(struct content *c)
{
	uint64_t atime = time_load(&c->atime_ns), now;

	if (unlikely(c->tell)) {
		if (c->tell & TELL_READ)
			content_tell(c, TELL_READ);
		if (c->tell & TELL_NO_ATIME)
			return;
	}
	now = time_real_ns();
	if (atime <= time_load(&c->mtime_ns) || atime <= time_load(&c->ctime_ns) || now - atime >= DAY_NS)
		time_store(&c->atime_ns, now);
}

static void touch_write(struct content *c)
{
	uint64_t now = time_real_ns();

	if (unlikely(c->tell & TELL_WRITE))
		content_tell(c, TELL_WRITE);
	time_store(&c->mtime_ns, now);
	time_store(&c->ctime_ns, now);
}

/* --- the write lock -------------------------------------------------------------------------------------- */

/* E_INTERRUPTED, E_GONE.  Not recursive. */
static status_t write_begin(struct content *c)
{
	struct waiter w;
	status_t s = 0;

	spin_lock(&c->object.lock);
	if (likely(!c->writer)) {
		c->writer = current;
	} else {
		waiter_add(&c->write_waiters, &w);
		s = thread_wait(&w, &c->object.lock, DEADLINE_NEVER);	/* woken: writer is us */
	}
	spin_unlock(&c->object.lock);
	return s;
}

/* Handed to the one that has waited longest, so that nobody overtakes it. */
static void write_end(struct content *c)
{
	spin_lock(&c->object.lock);
	KASSERT(c->writer == current);
	c->writer = NULL;
	if (!list_empty(&c->write_waiters.waiters)) {
		struct waiter *w = list_entry(c->write_waiters.waiters.next, struct waiter, link);

		c->writer = w->thread;
		waiter_wake(w, 0);
	}
	spin_unlock(&c->object.lock);
}

/* --- life ---------------------------------------------------------------------------------------------------- */

status_t content_new(struct pool *pool, uint64_t size, struct content **out)
{
	struct content *c = object_alloc(pool, OBJ_CONTENT, sizeof(*c), RANK_OBJECT);
	status_t s;

	REQUIRE(c, E_NOMEM);
	waitqueue_init(&c->write_waiters);
	list_init(&c->tells.link);
	c->tells.words[1] = c->object.koid;
	s = vmo_new(pool, size, &c->vmo);
	if (s < 0) {
		object_put(&c->object);
		return s;
	}
	c->atime_ns = c->mtime_ns = c->ctime_ns = time_real_ns();
	*out = c;
	return 0;
}

void content_release(struct object *o)
{
	struct content *c = container_of(o, struct content, object);

	KASSERT(!c->writer);
	if (c->server)
		server_set(c, NULL, 0);
	if (c->vmo && c->vmo->paged)
		paged_orphan(c);
	if (c->vmo)
		object_put(&c->vmo->object);
	object_free(o);
}

/* --- reading and writing --------------------------------------------------------------------------------------- */

/* Bytes read: 0 at or beyond the end; partial before a fault; E_FAULT. */
int64_t content_read(struct content *c, uint64_t offset, uint64_t user, uint64_t len)
{
	int64_t n = vmo_read_user(c->vmo, offset, user, len);

	if (n >= 0)
		touch_read(c);
	return n;
}

/* What may be written at offset, by seal and ceiling, with the write lock.  *len is cut at the ceiling. */
static status_t write_check(struct content *c, uint64_t offset, uint64_t *len, uint64_t ceiling)
{
	uint64_t limit = MIN(ceiling, SIZE_LIMIT), size = vmo_size(c->vmo);

	REQUIRE(!(c->seals & SEAL_WRITE), E_PERM);
	REQUIRE(offset < limit || *len == 0, E_FBIG);
	if (*len > limit - offset && *len)
		*len = limit - offset;
	if (unlikely(c->seals & SEAL_GROW) && offset + *len > size) {
		REQUIRE(offset < size, E_PERM);
		*len = size - offset;
	}
	return 0;
}

/* Where a write's bytes come from: a page that cannot be had, and why. */
struct source { uint64_t faulty; status_t error; };

/*
 * With the write lock: is all of [user, user + *n) there to be read?  E_AGAIN: *missing must be brought in first.
 * *n is cut at the page that cannot be had; its error if that is the first.
 */
static status_t source_look(const struct source *src, uint64_t user, uint64_t *n, uint64_t *missing)
{
	uint64_t at = user, end = user + *n;
	uint8_t byte;

	while (at < end && user_copy_in_nofault(&byte, at, 1) == 1)
		at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE;
	if (likely(at >= end))
		return 0;
	if (at != src->faulty) {
		*missing = at;
		return E_AGAIN;
	}
	*n = at - user;
	return *n ? 0 : src->error;
}

/* With no lock: that page comes in, or is known not to.  E_GONE. */
static status_t source_bring(struct source *src, uint64_t missing)
{
	status_t s = user_fault_in(missing, 1, false);

	if (s == E_GONE)
		return s;
	if (s < 0)
		*src = (struct source){ missing, s };
	return 0;
}

/*
 * Store a piece, with the write lock.  *want: what a pager must be asked for before, and *page: of which page;
 * nothing has been stored then (E_AGAIN).  Otherwise E_AGAIN, or a short count: it was had and is gone again.
 */
static int64_t piece_store(struct content *c, uint64_t offset, uint64_t user, uint64_t n, uint32_t *want,
			   uint64_t *page)
{
	int64_t s;

	if (unlikely(c->vmo->paged) && (*want = paged_missing(c->vmo, offset, n, page)))
		return E_AGAIN;
	s = vmo_extend_user(c->vmo, offset, user, n, c->object.pool);
	return s == E_FAULT ? E_AGAIN : s;
}

/*
 * Write at offset, or at the end (OFFSET_OWN).  The write lock is given up between pieces of 64 KiB, so an
 * append stays whole only up to that.  Nobody is waited for with that lock, neither the content's pager nor one of the
 * memory that is written from.  *end is where it stopped.  checked: by seals and ceiling, and noted.
 */
static int64_t pieces_write(struct content *c, uint64_t offset, uint64_t user, uint64_t len, uint64_t ceiling,
			    bool checked, uint64_t *end)
{
	bool append = offset == OFFSET_OWN;
	uint64_t done = 0, n = 0, page = 0, refused_at = ~0ull;
	struct source src = { .faulty = ~0ull };
	int64_t s = 0, refusal = 0;

	do {
		uint64_t wanted = n = MIN(len - done, PIECE_BYTES), missing = ~0ull;
		uint32_t want = 0;

		s = write_begin(c);
		if (unlikely(s < 0))
			break;
		if (append)
			offset = vmo_size(c->vmo);
		s = offset >= refused_at ? refusal : checked ? write_check(c, offset, &n, ceiling) : 0;
		n = MIN(n, refused_at - offset);
		if (s == 0 && n > 0)
			s = source_look(&src, user + done, &n, &missing);
		if (s == 0 && n > 0)
			s = piece_store(c, offset, user + done, n, &want, &page);
		if (s > 0) {
			done += (uint64_t)s;
			offset += (uint64_t)s;
			if (checked)
				touch_write(c);
		}
		write_end(c);
		if (unlikely(want))
			s = paged_wait(c->vmo, page, want);
		else if (unlikely(missing != ~0ull))
			s = source_bring(&src, missing);
		else if (unlikely(s == E_AGAIN))
			s = 0;		/* there, and gone again: it is looked for anew */
		else if (s < (int64_t)wanted && !c->vmo->paged)
			break;
		if (unlikely(want && (s == E_NOSPACE || s == E_IO) && page > offset >> 12)) {
			refused_at = page << 12;	/* what comes before is written */
			refusal = s;
			s = 0;
		}
		if (s >= 0 && done < len && !preempt_point())
			s = E_GONE;
	} while (s >= 0 && done < len);
	*end = offset;
	return done ? (int64_t)done : s;
}

/* The frames are charged to the content's own pool: it is the file system's room, and its end is E_NOSPACE. */
int64_t content_write(struct content *c, uint64_t offset, uint64_t user, uint64_t len, uint64_t ceiling,
		      uint64_t *end)
{
	int64_t s;

	REQUIRE(!(c->tell & TELL_FIRST_WRITE), E_NOT_HERE);
	s = pieces_write(c, offset, user, len, ceiling, true, end);
	return unlikely(s == E_NOMEM) ? E_NOSPACE : s;
}

/* As content_write for the content's server: no ceiling, seals or times. */
int64_t content_store(struct content *c, uint64_t offset, uint64_t user, uint64_t len)
{
	uint64_t end;

	REQUIRE(offset <= SIZE_LIMIT && len <= SIZE_LIMIT - offset, E_FBIG);
	REQUIRE(user_range_ok(user, len), E_FAULT);
	return pieces_write(c, offset, user, len, ~0ull, false, &end);
}

/* Of a pager's content the page that it is cut in is absent: its rest cannot become zero.  With the write lock. */
static bool cut_missing(struct content *c, uint64_t size)
{
	struct frame *f;

	if (!c->vmo->paged || size >= vmo_size(c->vmo) || !(size & (PAGE_SIZE - 1)))
		return false;
	f = vmo_peek(c->vmo, size >> 12);
	if (f)
		frame_put(f);
	return !f;
}

/* whole: E_AGAIN when the page that is cut must come in first. */
static status_t resize(struct content *c, uint64_t size, uint64_t ceiling, bool whole)
{
	status_t s = write_begin(c);
	uint64_t old;

	REQUIRE(s == 0, s);
	old = vmo_size(c->vmo);
	if ((size < old && c->seals & SEAL_SHRINK) || (size > old && c->seals & SEAL_GROW))
		s = E_PERM;
	else if (size > old && size > ceiling)
		s = E_FBIG;
	else if (whole && unlikely(cut_missing(c, size)))
		s = E_AGAIN;
	else
		s = vmo_set_size(c->vmo, size);
	if (s == 0)
		touch_write(c);
	write_end(c);
	return s;
}

/*
 * E_FBIG beyond the ceiling when it grows, E_PERM by a seal.  Of a pager's content the page that is cut comes in
 * first, so that its rest can become zero there; a server that does the cutting sees to that itself.
 */
status_t content_resize(struct content *c, uint64_t size, uint64_t ceiling)
{
	status_t s;

	REQUIRE(!(c->tell & TELL_FIRST_WRITE), E_NOT_HERE);
	while ((s = resize(c, size, ceiling, true)) == E_AGAIN) {
		s = paged_ready(c->vmo, size >> 12, false);
		REQUIRE(s == 0, s);
		REQUIRE(preempt_point(), E_GONE);
	}
	return s;
}

int64_t content_set_size(struct content *c, uint64_t size) { return resize(c, size, ~0ull, false); }

/* Room for [offset, end), so that writing there cannot be E_NOSPACE; it grows to end. */
status_t content_allocate(struct content *c, uint64_t offset, uint64_t end, uint64_t ceiling)
{
	uint64_t size;
	status_t s;

	REQUIRE(!(c->tell & TELL_FIRST_WRITE) && !c->vmo->paged, E_NOT_HERE);
	s = write_begin(c);
	REQUIRE(s == 0, s);
	size = vmo_size(c->vmo);
	if (end > size && c->seals & SEAL_GROW)
		s = E_PERM;
	else if (end > size && end > ceiling)
		s = E_FBIG;
	else
		s = vmo_allocate(c->vmo, offset, end, c->object.pool);
	if (s == 0)
		touch_write(c);
	write_end(c);
	return s == E_NOMEM ? E_NOSPACE : s;
}

status_t content_punch(struct content *c, uint64_t offset, uint64_t len)
{
	status_t s;

	REQUIRE(!(c->tell & TELL_FIRST_WRITE) && !c->vmo->paged, E_NOT_HERE);
	s = write_begin(c);
	REQUIRE(s == 0, s);
	s = c->seals & SEAL_WRITE ? E_PERM : vmo_zero_range(c->vmo, offset, len);
	if (s == 0)
		touch_write(c);
	write_end(c);
	return s;
}

/* --- who writes, who forbids it ---------------------------------------------------------------------------------- */

/* Count a new open file description.  E_TXTBUSY: it would write what is being executed. */
status_t content_open_check(struct content *c, uint32_t desc_flags)
{
	status_t s = 0;

	if (!(desc_flags & DESC_WRITE))
		return 0;
	spin_lock(&c->object.lock);
	if (c->deny_write > 0)
		s = E_TXTBUSY;
	else
		c->writers++;
	spin_unlock(&c->object.lock);
	return s;
}

void content_close(struct content *c, uint32_t desc_flags)
{
	if (!(desc_flags & DESC_WRITE))
		return;
	spin_lock(&c->object.lock);
	KASSERT(c->writers-- > 0);
	spin_unlock(&c->object.lock);
}

static status_t deny_write_change(struct content *c, int64_t delta)
{
	status_t s = 0;

	spin_lock(&c->object.lock);
	if (delta == 1 && c->writers > 0)
		s = E_TXTBUSY;
	else if ((delta == -1 && c->deny_write == 0) || (delta != 1 && delta != -1))
		s = E_INVAL;
	else
		c->deny_write += (int32_t)delta;
	spin_unlock(&c->object.lock);
	return s;
}

/* --- attributes ----------------------------------------------------------------------------------------------------- */

void content_fill_attr(struct content *c, struct content_attr *a)
{
	spin_lock(&c->object.lock);
	a->tell = c->tell;
	a->seals = c->seals;
	a->deny_write = c->deny_write;
	a->writers = (uint32_t)c->writers;
	memcpy(a->record, c->record, sizeof(a->record));
	spin_unlock(&c->object.lock);
	a->atime_ns = time_load(&c->atime_ns);
	a->mtime_ns = time_load(&c->mtime_ns);
	a->ctime_ns = time_load(&c->ctime_ns);
	a->size = vmo_size(c->vmo);
	a->resident_pages = c->vmo->npages;
	a->koid = c->object.koid;
}

/* Somebody can still write through a shared mapping. */
static bool mapped_writable(struct vmo *v)
{
	bool found = false;

	spin_lock(&v->object.lock);
	list_for_each(l, &v->mappings) {
		const struct mapping *m = list_entry(l, struct mapping, vmo_link);

		found |= m->vspace && m->flags & MAP_SHARED_ABI && m->flags & MAP_MAX_WRITE;
	}
	spin_unlock(&v->object.lock);
	return found;
}

/* SEAL_SEAL forbids more seals, and seals are never taken away. */
static status_t seals_check(const struct content *c, const struct content_attr *a)
{
	REQUIRE(!(c->seals & SEAL_SEAL) || a->seals == c->seals, E_PERM);
	REQUIRE(!(c->seals & ~a->seals), E_PERM);
	REQUIRE(!(a->seals & ~c->seals & SEAL_WRITE) || !mapped_writable(c->vmo), E_BUSY);
	return 0;
}

/* Everything but the size. */
static status_t attr_store(struct content *c, uint32_t mask, const struct content_attr *a)
{
	status_t s = mask & ATTR_SEALS ? seals_check(c, a) : 0;

	REQUIRE(s == 0, s);
	if (mask & ATTR_SEALS)
		c->seals = a->seals;
	if (mask & ATTR_ATIME)
		time_store(&c->atime_ns, a->atime_ns);
	if (mask & ATTR_MTIME)
		time_store(&c->mtime_ns, a->mtime_ns);
	if (mask & ATTR_CTIME)
		time_store(&c->ctime_ns, a->ctime_ns);
	if (mask & ATTR_TELL)
		c->tell = a->tell;
	if (mask & ATTR_RECORD_BYTES)
		memcpy(c->record, a->record, sizeof(c->record));
	return 0;
}

static status_t attr_check(uint32_t mask, const struct content_attr *a)
{
	const uint32_t all = ATTR_SIZE | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME | ATTR_TELL | ATTR_SEALS |
			     ATTR_RECORD_BYTES;

	REQUIRE(!(mask & ~all), E_INVAL);
	if (mask & ATTR_TELL)
		REQUIRE(!(a->tell & ~(uint32_t)(TELL_READ | TELL_WRITE | TELL_FIRST_WRITE | TELL_NO_ATIME)), E_INVAL);
	if (mask & ATTR_SEALS)
		REQUIRE(!(a->seals & ~(uint32_t)(SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE)), E_INVAL);
	return 0;
}

/* --- calls -------------------------------------------------------------------------------------------------------------- */

static status_t content_get(uint64_t h, uint32_t rights, struct content **out)
{
	struct object *o;
	status_t s = handle_get((handle_t)h, OBJ_CONTENT, rights, &o);

	REQUIRE(s == 0, s);
	*out = container_of(o, struct content, object);
	return 0;
}

int64_t sys_content_create(uint64_t h, uint64_t size)
{
	struct content *c;
	struct pool *pool;
	status_t s = pool_get((handle_t)h, &pool);

	REQUIRE(s == 0, s);
	s = current->task->serves_nobody ? E_PERM : content_new(pool, size, &c);
	object_put(&pool->object);
	REQUIRE(s == 0, s);
	return handle_install(false, &c->object, CONTENT_RIGHTS, 0);
}

int64_t sys_content_attributes(uint64_t h, uint64_t user)
{
	struct content_attr a;
	struct content *c;
	status_t s = content_get(h, RIGHT_QUERY, &c);

	REQUIRE(s == 0, s);
	content_fill_attr(c, &a);
	object_put(&c->object);
	return user_copy_out(user, &a, sizeof(a));
}

int64_t sys_content_set(uint64_t h, uint64_t mask, uint64_t user)
{
	struct content_attr a;
	struct content *c;
	status_t s = user_copy_in(&a, user, sizeof(a));

	REQUIRE(s == 0, s);
	REQUIRE(mask <= UINT32_MAX, E_INVAL);
	s = attr_check((uint32_t)mask, &a);
	REQUIRE(s == 0, s);
	s = content_get(h, RIGHT_MANAGE, &c);
	REQUIRE(s == 0, s);
	if (mask & ATTR_TELL && a.tell & (TELL_READ | TELL_WRITE) && !c->server)
		s = E_INVAL;		/* nobody would hear of it */
	if (s == 0 && mask & ATTR_SIZE)
		s = content_set_size(c, a.size);
	if (s == 0) {
		spin_lock(&c->object.lock);
		s = attr_store(c, (uint32_t)mask, &a);
		spin_unlock(&c->object.lock);
	}
	object_put(&c->object);
	return s;
}

int64_t sys_content_deny_write(uint64_t h, uint64_t delta)
{
	struct content *c;
	status_t s = content_get(h, RIGHT_MANAGE, &c);

	REQUIRE(s == 0, s);
	s = deny_write_change(c, (int64_t)delta);
	object_put(&c->object);
	return s;
}

int64_t sys_content_tell(uint64_t h, uint64_t endpoint, uint64_t cookie)
{
	struct object *e = NULL;
	struct content *c;
	status_t s = content_get(h, RIGHT_MANAGE, &c);

	REQUIRE(s == 0, s);
	if ((handle_t)endpoint != H_NONE)
		s = handle_get((handle_t)endpoint, OBJ_ENDPOINT, RIGHT_RECEIVE, &e);
	if (s == 0)
		server_set(c, e ? container_of(e, struct endpoint, object) : NULL, cookie);
	object_put(&c->object);
	return s;
}
