/*
 * stream.c -- reading and writing whatever is behind a Descriptor, as a stream.
 *
 * Owns:    the offset: while several threads may move it, one of them holds it over a read or write.
 * Locks:   descriptor.object.lock (RANK_OBJECT) for the offset's holder; never held while data moves.
 * Fails:   E_NOT_HERE where the data is with the server; what the data object answers.
 * Tested:  kernel/test/descriptor_test.c, tests/linux/files, pipe
 */
#include "local.h"
#include "counter.h"
#include "mm.h"
#include "pipe.h"

int64_t sys_random_fill(uint64_t buf, uint64_t len);

/* 0, E_INTERRUPTED or E_GONE. */
status_t offset_lock(struct descriptor *d)
{
	struct waiter w;
	status_t s = 0;

	if (offset_mine(d))
		return 0;
	spin_lock(&d->object.lock);
	while (d->offset_holder && !s) {
		waiter_add(&d->offset_waiters, &w);
		s = thread_wait(&w, &d->object.lock, DEADLINE_NEVER);
	}
	if (!d->offset_holder && s != E_REVOKED) {
		d->offset_holder = current;
		s = 0;
	}
	spin_unlock(&d->object.lock);
	return s;
}

void offset_unlock(struct descriptor *d)
{
	if (d->offset_holder != current)	/* it was nobody else's at the start */
		return;
	spin_lock(&d->object.lock);
	d->offset_holder = NULL;
	waitqueue_wake_one(&d->offset_waiters, 0);
	spin_unlock(&d->object.lock);
}

int64_t content_stream(struct descriptor *d, struct user_iter *it, uint64_t *offset, bool write)
{
	struct content *c = container_of(d->data, struct content, object);
	uint64_t done = 0;
	int64_t n = 0;

	while (it->left) {
		uint64_t user = it->base, want = it->len, end = 0;

		if (write) {
			n = content_write(c, d->flags & DESC_APPEND ? OFFSET_OWN : *offset, user, want,
					  current->task->ceiling_file_size, &end);
			if (n > 0)
				*offset = end;
		} else {
			n = content_read(c, *offset, user, want);
			if (n > 0)
				*offset += (uint64_t)n;
		}
		if (n <= 0)
			break;
		done += (uint64_t)n;
		iter_forward(it, (uint64_t)n);
		if ((uint64_t)n < want)
			break;
	}
	return done ? (int64_t)done : n;
}

/* The same at the Descriptor's own offset. */
static int64_t content_stream_own(struct descriptor *d, struct user_iter *it, bool write)
{
	int64_t n = offset_lock(d);

	REQUIRE(n == 0, n);
	n = content_stream(d, it, &d->offset, write);
	offset_unlock(d);
	return n;
}

static int64_t counter_stream(struct descriptor *d, struct user_iter *it, uint64_t deadline, bool write)
{
	struct counter *c = container_of(d->data, struct counter, object);
	uint64_t value = 0;
	status_t s;

	REQUIRE(it->len >= 8, E_INVAL);
	if (write) {
		REQUIRE(user_copy_in(&value, it->base, 8) == 0, E_FAULT);
		REQUIRE(value <= COUNTER_MAX, E_INVAL);
		s = counter_add(c, value, deadline);
	} else {
		s = user_fault_in(it->base, 8, true);
		if (!s)
			s = counter_take(c, deadline, &value);
		if (!s && user_copy_out(it->base, &value, 8))
			s = E_FAULT;
	}
	return s ? s : 8;
}

static int64_t zero_fill(struct user_iter *it)
{
	uint64_t done = 0;

	while (it->left) {
		uint64_t n = MIN(it->len, 1ull << 20);

		if (user_clear(it->base, n))
			return done ? (int64_t)done : E_FAULT;
		iter_forward(it, n);
		done += n;
		if (it->left && (!preempt_point() || thread_interrupted()))
			break;
	}
	return (int64_t)done;
}

static int64_t random_stream(struct user_iter *it)
{
	uint64_t done = 0;

	while (it->left) {
		uint64_t want = it->len;
		int64_t n = sys_random_fill(it->base, want);

		if (n <= 0)
			return done ? (int64_t)done : n;
		iter_forward(it, (uint64_t)n);
		done += (uint64_t)n;
		if ((uint64_t)n < want)
			break;
	}
	return (int64_t)done;
}

int64_t stream_read(struct descriptor *d, struct user_iter *it, uint64_t deadline)
{
	switch (d->kind) {
	case OBJ_CONTENT:
		return content_stream_own(d, it, false);
	case OBJ_PIPE:
		return pipe_read(container_of(d->data, struct pipe, object), it, deadline);
	case OBJ_COUNTER:
		return counter_stream(d, it, deadline, false);
	case OBJ_NULL:
		return 0;
	case OBJ_ZERO:
	case OBJ_FULL:
		return zero_fill(it);
	case OBJ_RANDOM:
		return random_stream(it);
	case OBJ_WAITSET:
		return E_INVAL;
	default:
		return E_NOT_HERE;
	}
}

int64_t stream_write(struct descriptor *d, struct user_iter *it, uint64_t deadline)
{
	switch (d->kind) {
	case OBJ_CONTENT:
		return content_stream_own(d, it, true);
	case OBJ_PIPE:
		return pipe_write(container_of(d->data, struct pipe, object), it, deadline, d->flags & DESC_PACKET);
	case OBJ_COUNTER:
		return counter_stream(d, it, deadline, true);
	case OBJ_NULL:
	case OBJ_ZERO:
	case OBJ_RANDOM:
		return (int64_t)it->left;
	case OBJ_FULL:
		return E_NOSPACE;
	case OBJ_WAITSET:
		return E_INVAL;
	default:
		return E_NOT_HERE;
	}
}
