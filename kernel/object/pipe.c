/*
 * pipe.c -- pipes: bytes in a ring of frames.
 *
 * A write of up to PIPE_ATOMIC bytes is never interleaved.  Copies run under the lock with faults off;
 * when one falls short the lock is dropped, the page brought in and the step repeated.
 *
 * A packet (DESC_PACKET at the writer) is a stretch of the ring with marks at its ends: a read takes the bytes
 * before it, then one packet at most, and drops what does not fit.  There are no more packets than frames, as
 * on Linux, where each has a page.  Conforms to pipe(2), O_DIRECT, but that a packet written while bytes
 * are still in the pipe stays one (Linux adds it to them).  Packets carry no capabilities.
 * Locks:   pipe.object.lock (RANK_PIPE); frames are allocated inside it; waking and observers too.
 * Fails:   E_PIPE, E_AGAIN, E_NOMEM (no frame), E_FAULT; a partial count wins over all.
 * Tested:  kernel/test/pipe_test.c, tests/linux/pipe
 */
#include "pipe.h"
#include "descriptor.h"
#include "mm.h"
#include "syscalls.h"

static struct pipe *pipe_new(struct pool *pool)
{
	struct pipe *p = object_alloc(pool, OBJ_PIPE, sizeof(*p), RANK_PIPE);

	if (!p)
		return NULL;
	p->nframes = PIPE_FRAMES_DEFAULT;
	p->frames = p->first;
	waitqueue_init(&p->waiters);
	observers_init(&p->observers);
	return p;
}

void pipe_release(struct object *o)
{
	struct pipe *p = container_of(o, struct pipe, object);

	for (uint32_t i = 0; i < p->nframes; i++)
		if (p->frames[i])
			frame_put(p->frames[i]);
	if (p->frames != p->first)
		kmem_free(o->pool, p->frames, p->nframes * sizeof(*p->frames));
	if (p->packets)
		kmem_free(o->pool, p->packets, p->nframes * sizeof(*p->packets));
	object_free(o);
}

static __attribute__((noinline)) void observers_tell(struct pipe *p)
{
	observers_notify(&p->observers, pipe_ready(p, DESC_READ | DESC_WRITE));
}

/* With the lock: something that others may wait for has happened. */
static void changed(struct pipe *p)
{
	if (!list_empty(&p->waiters.waiters))
		waitqueue_wake_all(&p->waiters, 0);
	if (!list_empty(&p->observers.list))
		observers_tell(p);
}

void pipe_open(struct pipe *p, uint32_t flags)
{
	spin_lock(&p->object.lock);
	p->readers += flags & DESC_READ ? 1 : 0;
	p->writers += flags & DESC_WRITE ? 1 : 0;
	p->had_writer |= (flags & DESC_WRITE) != 0;
	changed(p);
	spin_unlock(&p->object.lock);
}

void pipe_close(struct pipe *p, uint32_t flags)
{
	spin_lock(&p->object.lock);
	p->readers -= flags & DESC_READ ? 1 : 0;
	p->writers -= flags & DESC_WRITE ? 1 : 0;
	changed(p);
	spin_unlock(&p->object.lock);
}

static struct frame **frame_slot(struct pipe *p, uint64_t at) { return &p->frames[at / PAGE_SIZE & (p->nframes - 1)]; }

/* How many of `most` bytes lie in one frame from position `at` on. */
static uint64_t piece(const struct user_iter *it, uint64_t most, uint64_t at)
{
	return MIN(MIN(most, it->left), PAGE_SIZE - at % PAGE_SIZE);
}

/* One piece in; the count, short after a fault; E_NOMEM. */
static int64_t piece_in(struct pipe *p, struct user_iter *it, uint64_t want)
{
	struct frame **slot = frame_slot(p, p->head);
	size_t n;

	if (unlikely(!*slot)) {
		*slot = frame_alloc(p->object.pool);
		REQUIRE(*slot, E_NOMEM);
	}
	n = iter_copy_in(it, (uint8_t *)frame_virt(*slot) + p->head % PAGE_SIZE, want);
	p->head += n;
	return (int64_t)n;
}

/* Empty: start again in the first frame, and keep only that one. */
static void rewind_empty(struct pipe *p)
{
	uint32_t last = (uint32_t)(MIN(p->head, p->nframes * PAGE_SIZE) / PAGE_SIZE);

	if (p->head >= PAGE_SIZE) {
		for (uint32_t i = 1; i < p->nframes && i <= last; i++) {
			if (p->frames[i])
				frame_put(p->frames[i]);
			p->frames[i] = NULL;
		}
	}
	p->head = p->tail = 0;
}

static status_t pipe_sleep(struct pipe *p, uint64_t deadline_ns)
{
	struct waiter w;

	if (!deadline_ns)
		return E_AGAIN;
	waiter_add(&p->waiters, &w);
	return thread_wait(&w, &p->object.lock, deadline_ns);
}

/* --- packets ------------------------------------------------------------------------------------------- */

static struct packet *packet_at(struct pipe *p, uint32_t n) { return &p->packets[(p->first_packet + n) & (p->nframes - 1)]; }

/* The bytes before the first packet. */
static uint64_t stream_bytes(struct pipe *p) { return p->npackets ? packet_at(p, 0)->start - p->tail : pipe_bytes(p); }

/* With the lock: room for the mark of one more packet; not called when there are nframes of them. */
static status_t packets_reserve(struct pipe *p)
{
	if (!p->packets)
		p->packets = kmem_alloc(p->object.pool, p->nframes * sizeof(*p->packets));
	return p->packets ? 0 : E_NOMEM;
}

/* The last len bytes are one. */
static void packet_mark(struct pipe *p, uint64_t len)
{
	*packet_at(p, p->npackets++) = (struct packet){ p->head - len, p->head };
}

/*
 * The first packet, which is at the tail, or as much as fits.  After a fault all of it is there again, for
 * another reader may take it while the lock is dropped.
 */
static status_t packet_take(struct pipe *p, struct user_iter *it)
{
	uint64_t start = p->tail, end = packet_at(p, 0)->end, wanted = it->left;
	struct user_iter stopped;

	while (it->left && p->tail < end) {
		uint64_t want = piece(it, end - p->tail, p->tail);
		size_t n = iter_copy_out(it, (uint8_t *)frame_virt(*frame_slot(p, p->tail)) + p->tail % PAGE_SIZE, want);
		status_t s;

		p->tail += n;
		if (likely(n == want))
			continue;
		p->tail = start;
		stopped = *it;
		iter_back(it, wanted - it->left);
		spin_unlock(&p->object.lock);
		s = iter_fault_in(&stopped, true);
		spin_lock(&p->object.lock);
		return s;
	}
	p->tail = end;
	p->npackets--;
	p->first_packet++;
	return 0;
}

/* --- reading and writing ------------------------------------------------------------------------------- */

/* Move what there is before the first packet, faulting pages in with the lock dropped. */
static status_t drain(struct pipe *p, struct user_iter *it)
{
	while (it->left && stream_bytes(p)) {
		uint64_t want = piece(it, stream_bytes(p), p->tail);
		size_t n = iter_copy_out(it, (uint8_t *)frame_virt(*frame_slot(p, p->tail)) + p->tail % PAGE_SIZE, want);
		status_t s;

		p->tail += n;
		if (likely(n == want))
			continue;
		spin_unlock(&p->object.lock);
		s = iter_fault_in(it, true);
		spin_lock(&p->object.lock);
		REQUIRE(s == 0, s);
	}
	return 0;
}

int64_t pipe_read(struct pipe *p, struct user_iter *it, uint64_t deadline_ns)
{
	uint64_t wanted = it->left;
	status_t s;

	if (!wanted)
		return 0;
	spin_lock(&p->object.lock);
	for (;;) {
		s = drain(p, it);
		if (!s && it->left && p->npackets)
			s = packet_take(p, it);
		if (it->left != wanted) {
			if (!pipe_bytes(p))
				rewind_empty(p);
			changed(p);
			break;
		}
		if (s || (!p->writers && !pipe_bytes(p)))
			break;
		if (pipe_bytes(p))		/* came, or was left, while a page was brought in */
			continue;
		s = pipe_sleep(p, deadline_ns);
		if (s)
			break;
	}
	spin_unlock(&p->object.lock);
	return it->left != wanted ? (int64_t)(wanted - it->left) : s;
}

/*
 * Put in what there is room for, and no more than `most`.  An atomic write that meets a fault, or finds no frame,
 * takes back what it has put in: nobody may see a part of it.
 */
static status_t fill(struct pipe *p, struct user_iter *it, uint64_t most, bool atomic)
{
	uint64_t start = it->left, room = MIN(pipe_room(p), most);
	struct user_iter stopped;
	status_t s;

	while (it->left && room) {
		uint64_t want = piece(it, room, p->head);
		int64_t n = piece_in(p, it, want);

		if (likely(n == (int64_t)want)) {
			room -= want;
			continue;
		}
		stopped = *it;
		if (atomic) {
			p->head -= start - it->left;
			iter_back(it, start - it->left);
		}
		REQUIRE(n >= 0, n);
		spin_unlock(&p->object.lock);
		s = iter_fault_in(&stopped, false);
		spin_lock(&p->object.lock);
		return s;
	}
	return 0;
}

/* One packet; E_AGAIN: there is no room now. */
static status_t fill_packet(struct pipe *p, struct user_iter *it)
{
	uint64_t before = it->left, most = MIN(before, PIPE_ATOMIC);
	status_t s;

	if (pipe_room(p) < most || p->npackets == p->nframes)
		return E_AGAIN;
	s = packets_reserve(p);
	if (!s)
		s = fill(p, it, most, true);
	if (it->left != before)
		packet_mark(p, before - it->left);
	return s;
}

/* The same for bytes: an atomic write goes in whole. */
static status_t fill_bytes(struct pipe *p, struct user_iter *it)
{
	bool atomic = it->total <= PIPE_ATOMIC;

	if (pipe_room(p) < (atomic ? it->left : 1))
		return E_AGAIN;
	return fill(p, it, it->left, atomic);
}

int64_t pipe_write(struct pipe *p, struct user_iter *it, uint64_t deadline_ns, bool packets)
{
	uint64_t wanted = it->left;
	status_t s = 0;

	if (!wanted)
		return 0;
	spin_lock(&p->object.lock);
	while (it->left && !s) {
		uint64_t before = it->left;

		if (!p->readers)
			s = E_PIPE;
		else
			s = packets ? fill_packet(p, it) : fill_bytes(p, it);
		if (it->left != before)
			changed(p);
		if (s == E_AGAIN)
			s = pipe_sleep(p, deadline_ns);
	}
	spin_unlock(&p->object.lock);
	return it->left != wanted ? (int64_t)(wanted - it->left) : s;
}

/*
 * A read or write that needs no waiting and lies within one frame; anything else is E_NOSYS, and nothing
 * has been done.
 */
int64_t pipe_read_piece(struct pipe *p, uint64_t user, uint64_t len)
{
	int64_t s = E_NOSYS;
	uint64_t at, n;

	spin_lock(&p->object.lock);
	at = p->tail % PAGE_SIZE;
	n = MIN(len, pipe_bytes(p));
	if (likely(n && n <= PAGE_SIZE - at && !p->npackets) &&
	    user_copy_out_nofault(user, (uint8_t *)frame_virt(*frame_slot(p, p->tail)) + at, n) == n) {
		p->tail += n;
		if (!pipe_bytes(p))
			rewind_empty(p);
		changed(p);
		s = (int64_t)n;
	}
	spin_unlock(&p->object.lock);
	return s;
}

int64_t pipe_write_piece(struct pipe *p, uint64_t user, uint64_t len)
{
	int64_t s = E_NOSYS;
	uint64_t at;
	struct frame *f;

	spin_lock(&p->object.lock);
	at = p->head % PAGE_SIZE;
	f = *frame_slot(p, p->head);
	if (likely(f && p->readers && len && len <= PAGE_SIZE - at && len <= pipe_room(p)) &&
	    user_copy_in_nofault((uint8_t *)frame_virt(f) + at, user, len) == len) {
		p->head += len;
		changed(p);
		s = (int64_t)len;
	}
	spin_unlock(&p->object.lock);
	return s;
}

/* --- calls --------------------------------------------------------------------------------------------- */

extern status_t descriptor_new_pipe(struct pipe *p, uint32_t flags, struct object **out);

int64_t sys_pipe_create(uint64_t flags, uint64_t fds)
{
	uint32_t status = flags & PIPE_NONBLOCK ? DESC_NONBLOCK : 0;
	uint8_t slot = flags & PIPE_CLOEXEC ? SLOT_CLOEXEC : 0;
	struct object *r = NULL, *w = NULL;
	uint32_t out[2];
	struct pipe *p;
	int64_t a, b;
	status_t s;

	REQUIRE((flags & ~(uint64_t)(PIPE_CLOEXEC | PIPE_NONBLOCK | PIPE_PACKET)) == 0, E_INVAL);
	p = pipe_new(current->task->task_pool);
	REQUIRE(p, E_NOMEM);
	s = descriptor_new_pipe(p, DESC_READ | status, &r);
	if (!s)
		s = descriptor_new_pipe(p, DESC_WRITE | status | (flags & PIPE_PACKET ? DESC_PACKET : 0), &w);
	object_put(&p->object);
	if (s) {
		if (r)
			object_put(r);
		return s;
	}
	a = handle_install(true, r, RIGHTS_ALL, slot);
	if (a < 0) {
		object_put(w);
		return a;
	}
	b = handle_install(true, w, RIGHTS_ALL, slot);
	if (b >= 0) {
		out[0] = (uint32_t)a;
		out[1] = (uint32_t)b;
		if (user_copy_out(fds, out, sizeof(out)) == 0)
			return 0;
		sys_handle_close((uint64_t)b);
		b = E_FAULT;
	}
	sys_handle_close((uint64_t)a);
	return b;
}

int64_t sys_pipe_object(uint64_t pool, uint64_t flags)
{
	struct pool *of;
	struct pipe *p;
	status_t s = pool_get((handle_t)pool, &of);

	REQUIRE(s == 0, s);
	p = flags ? NULL : pipe_new(of);
	object_put(&of->object);
	REQUIRE(!flags, E_INVAL);
	REQUIRE(p, E_NOMEM);
	return handle_install(false, &p->object, RIGHTS_ALL, 0);
}

static status_t pipe_get(uint64_t h, struct object **o, struct pipe **out)
{
	status_t s = handle_get((handle_t)h, OBJ_NONE, 0, o);
	struct object *data;

	REQUIRE(s == 0, s);
	data = (*o)->type == OBJ_DESCRIPTOR ? container_of(*o, struct descriptor, object)->data : *o;
	if (data && data->type == OBJ_PIPE) {
		*out = container_of(data, struct pipe, object);
		return 0;
	}
	object_put(*o);
	return E_HANDLE;
}

int64_t sys_pipe_query(uint64_t h, uint64_t info)
{
	struct pipe_info i;
	struct object *o;
	struct pipe *p;
	status_t s = pipe_get(h, &o, &p);

	REQUIRE(s == 0, s);
	spin_lock(&p->object.lock);
	i = (struct pipe_info){ pipe_bytes(p), p->nframes * PAGE_SIZE, p->readers, p->writers };
	spin_unlock(&p->object.lock);
	object_put(o);
	return user_copy_out(info, &i, sizeof(i));
}

/*
 * Move what is held into another ring, where it has room.  When the old one is full from the middle of a frame
 * on, its first and last bytes share that frame; `spare` becomes the second one.
 */
static void ring_move(struct pipe *p, struct frame **to, uint32_t n, struct frame **spare)
{
	struct frame *first = *frame_slot(p, p->tail);

	for (uint64_t at = ALIGN_DOWN(p->tail, PAGE_SIZE); at < p->head; at += PAGE_SIZE) {
		struct frame **from = frame_slot(p, at);

		if (*from) {
			to[at / PAGE_SIZE & (n - 1)] = *from;
			*from = NULL;
		} else {
			memcpy(frame_virt(*spare), frame_virt(first), PAGE_SIZE);
			to[at / PAGE_SIZE & (n - 1)] = *spare;
			*spare = NULL;
		}
	}
}

/* What a ring of n frames needs, made before the lock is taken; what is left of it is given back after. */
struct ring {
	struct frame **frames, *spare;
	struct packet *packets;
	uint32_t n;
};

static void ring_drop(struct pipe *p, struct ring *r)
{
	if (r->frames && r->frames != p->first)
		kmem_free(p->object.pool, r->frames, r->n * sizeof(*r->frames));
	if (r->packets)
		kmem_free(p->object.pool, r->packets, r->n * sizeof(*r->packets));
	if (r->spare)
		frame_put(r->spare);
}

static status_t ring_make(struct pipe *p, struct ring *r, uint32_t n)
{
	struct pool *pool = p->object.pool;

	*r = (struct ring){ .n = n, .frames = kmem_alloc(pool, n * sizeof(*r->frames)), .spare = frame_alloc(pool),
			    .packets = kmem_alloc(pool, n * sizeof(*r->packets)) };
	if (r->frames && r->spare && r->packets)
		return 0;
	ring_drop(p, r);
	return E_NOMEM;
}

/* With the lock: the new ring for the old one, which is in *r then.  E_BUSY: it holds too much. */
static status_t ring_swap(struct pipe *p, struct ring *r)
{
	struct ring old = { .frames = p->frames, .packets = p->packets, .n = p->nframes };

	REQUIRE(pipe_bytes(p) + p->tail % PAGE_SIZE <= r->n * PAGE_SIZE && p->npackets <= r->n, E_BUSY);
	ring_move(p, r->frames, r->n, &r->spare);
	for (uint32_t i = 0; i < old.n; i++) {
		if (old.frames[i])
			frame_put(old.frames[i]);
		old.frames[i] = NULL;
	}
	for (uint32_t i = 0; i < p->npackets; i++)
		r->packets[i] = *packet_at(p, i);
	p->first_packet = 0;
	p->packets = r->packets;
	p->frames = r->frames;
	p->nframes = r->n;
	old.spare = r->spare;
	*r = old;
	return 0;
}

/* F_SETPIPE_SZ: rounded up to a power of two pages; E_BUSY when it holds more. */
int64_t sys_pipe_resize(uint64_t h, uint64_t capacity)
{
	struct ring ring;
	uint32_t n = 1;
	struct object *o;
	struct pipe *p;
	status_t s;

	REQUIRE(capacity <= PIPE_FRAMES_MAX * PAGE_SIZE, E_PERM);
	while (n * PAGE_SIZE < capacity)
		n *= 2;
	s = pipe_get(h, &o, &p);
	REQUIRE(s == 0, s);
	s = ring_make(p, &ring, n);
	if (!s) {
		spin_lock(&p->object.lock);
		s = ring_swap(p, &ring);
		if (!s)
			changed(p);
		spin_unlock(&p->object.lock);
		ring_drop(p, &ring);
	}
	object_put(o);
	return s ? s : (int64_t)(n * PAGE_SIZE);
}
