/*
 * poll.c -- waiting for descriptors: poll, select, epoll, eventfd.
 *
 * Conforms: poll(2), select(2), epoll_ctl(2), epoll_wait(2), eventfd(2).
 * Tested:   tests/linux/poll.c
 */
#include "translator.h"

int64_t mask_begin(uint64_t set, uint64_t size);
int64_t mask_end(int64_t r);

/* --- poll ----------------------------------------------------------------------------------------- */

static int64_t poll_until(uint64_t fds, uint64_t count, uint64_t deadline)
{
	struct thread_data *t = self_thread();
	int64_t r;

	if ((uint32_t)count > 1u << 20)
		return -EINVAL;
	if (t->restarting)
		deadline = t->restart_deadline;
	t->restarting = false;
	r = tess_descriptor_poll((void *)fds, (uint32_t)count, deadline);
	if (r == E_TIMEDOUT)
		return 0;
	return r == E_INTERRUPTED ? restart_deadline(&deadline) : result(r);
}

int64_t sys_poll(uint64_t fds, uint64_t count, uint64_t timeout_ms)
{
	int32_t ms = (int32_t)timeout_ms;

	return poll_until(fds, count, ms < 0 ? DEADLINE_NEVER : ms == 0 ? 0 : deadline_after((uint64_t)ms * 1000000));
}

/* ppoll(2), pselect6: what is left of the timeout is stored. */
static void timeout_rest(uint64_t timeout, uint64_t deadline)
{
	struct linux_timespec ts;
	uint64_t now;

	if (timeout == 0)
		return;
	now = deadline == 0 ? 0 : clock_mono();
	timespec_out(deadline != DEADLINE_NEVER && deadline > now ? deadline - now : 0, &ts);
	copy_out(timeout, &ts, sizeof(ts));
}

int64_t sys_ppoll(uint64_t fds, uint64_t count, uint64_t timeout, uint64_t set, uint64_t size)
{
	uint64_t deadline;
	int64_t r = deadline_relative(timeout, &deadline);

	if (r == 0)
		r = mask_begin(set, size);
	if (r < 0)
		return r;
	r = poll_until(fds, count, deadline);
	timeout_rest(timeout, deadline);
	return mask_end(r);
}

/* --- select ------------------------------------------------------------------------------------------- */

#define SELECT_MAX	1024u
#define SELECT_IN	(POLL_IN | POLL_RDNORM | POLL_HUP | POLL_ERR)
#define SELECT_OUT	(POLL_OUT | POLL_WRNORM | POLL_ERR)

struct select_call {
	uint64_t in[SELECT_MAX / 64], out[SELECT_MAX / 64], except[SELECT_MAX / 64];
};

static int64_t sets_load(struct select_call *s, uint64_t n, const uint64_t from[3])
{
	uint64_t bytes = (n + 63) / 64 * 8;
	uint64_t *sets[3] = { s->in, s->out, s->except };

	memset(s, 0, sizeof(*s));
	for (int i = 0; i < 3; i++)
		if (from[i] && copy_in(sets[i], from[i], bytes))
			return -EFAULT;
	return 0;
}

static uint32_t items_make(const struct select_call *s, uint64_t n, struct poll_item *items, uint32_t max)
{
	uint32_t count = 0;

	for (uint64_t fd = 0; fd < n; fd++) {
		uint64_t bit = 1ull << fd % 64;
		uint16_t events = (uint16_t)((s->in[fd / 64] & bit ? POLL_IN | POLL_RDNORM : 0) |
			(s->out[fd / 64] & bit ? POLL_OUT | POLL_WRNORM : 0) |
			(s->except[fd / 64] & bit ? POLL_PRI : 0));

		if (events == 0)
			continue;
		if (count < max)
			items[count] = (struct poll_item){ .fd = (uint32_t)fd, .events = events };
		count++;
	}
	return count;
}

/* The bits that are ready, as the three sets; -EBADF for a descriptor that is not open. */
static int64_t sets_store(const struct select_call *s, uint64_t n, const uint64_t to[3],
			  const struct poll_item *items, uint32_t count)
{
	struct select_call o;
	const uint64_t *sets[3] = { o.in, o.out, o.except };
	int64_t ready = 0;

	memset(&o, 0, sizeof(o));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t fd = items[i].fd, word = fd / 64;
		uint64_t bit = 1ull << fd % 64;

		if (items[i].ready & POLL_NVAL)
			return -EBADF;
		if (items[i].ready & SELECT_IN && s->in[word] & bit)
			o.in[word] |= bit, ready++;
		if (items[i].ready & SELECT_OUT && s->out[word] & bit)
			o.out[word] |= bit, ready++;
		if (items[i].ready & POLL_PRI && s->except[word] & bit)
			o.except[word] |= bit, ready++;
	}
	for (int i = 0; i < 3; i++)
		if (to[i] && copy_out(to[i], sets[i], (n + 63) / 64 * 8))
			return -EFAULT;
	return ready;
}

static int64_t select_items(const struct select_call *s, uint64_t n, const uint64_t sets[3], struct poll_item *items,
			    uint32_t count, uint64_t deadline)
{
	int64_t r = poll_until((uint64_t)items, count, deadline);

	return r < 0 ? r : sets_store(s, n, sets, items, count);
}

static NOINLINE int64_t select_many(const struct select_call *s, uint64_t n, const uint64_t sets[3], uint64_t deadline)
{
	uint64_t len = SELECT_MAX * sizeof(struct poll_item);
	int64_t at = tess_vspace_map(H_SELF, 0, len, MAP_READ | MAP_WRITE, H_NONE, 0), r;
	uint32_t count;

	if (at < 0)
		return -ENOMEM;
	count = items_make(s, n, (struct poll_item *)at, SELECT_MAX);
	r = select_items(s, n, sets, (struct poll_item *)at, count, deadline);
	tess_vspace_unmap(H_SELF, (uint64_t)at, len);
	return r;
}

static int64_t select_until(uint64_t n, uint64_t in, uint64_t out, uint64_t except, uint64_t deadline)
{
	const uint64_t sets[3] = { in, out, except };
	struct poll_item items[64];
	struct select_call s;
	uint32_t count;

	if ((int32_t)n < 0)
		return -EINVAL;
	n = (uint32_t)n < SELECT_MAX ? (uint32_t)n : SELECT_MAX;
	if (sets_load(&s, n, sets))
		return -EFAULT;
	count = items_make(&s, n, items, 64);
	if (count > 64)
		return select_many(&s, n, sets, deadline);
	return select_items(&s, n, sets, items, count, deadline);
}

int64_t sys_select(uint64_t n, uint64_t in, uint64_t out, uint64_t except, uint64_t timeout)
{
	uint64_t deadline = DEADLINE_NEVER, ns, now;
	struct linux_timeval tv;
	int64_t r;

	if (timeout) {
		if (copy_in(&tv, timeout, sizeof(tv)))
			return -EFAULT;
		if (tv.sec < 0 || tv.usec < 0)
			return -EINVAL;
		ns = (uint64_t)tv.sec >= (1ull << 33) ? (uint64_t)INT64_MAX :
			(uint64_t)tv.sec * 1000000000u + (uint64_t)tv.usec * 1000;
		deadline = ns == 0 ? 0 : deadline_after(ns);
	}
	r = select_until(n, in, out, except, deadline);
	if (timeout) {
		now = clock_mono();
		ns = deadline != DEADLINE_NEVER && deadline > now ? deadline - now : 0;
		tv.sec = (int64_t)(ns / 1000000000u);
		tv.usec = (int64_t)(ns % 1000000000u / 1000);
		copy_out(timeout, &tv, sizeof(tv));
	}
	return r;
}

int64_t sys_pselect6(uint64_t n, uint64_t in, uint64_t out, uint64_t except, uint64_t timeout, uint64_t sig)
{
	struct { uint64_t set, size; } mask = { 0, 8 };
	uint64_t deadline;
	int64_t r;

	if (sig && copy_in(&mask, sig, sizeof(mask)))
		return -EFAULT;
	r = deadline_relative(timeout, &deadline);
	if (r == 0)
		r = mask_begin(mask.set, mask.size);
	if (r < 0)
		return r;
	r = select_until(n, in, out, except, deadline);
	timeout_rest(timeout, deadline);
	return mask_end(r);
}

/* --- descriptors of kernel objects ---------------------------------------------------------------------- */

/* An object as a file of the program: its handle is only the way there. */
static int64_t object_fd(int64_t object, uint32_t flags, bool cloexec)
{
	struct descriptor_args a = {
		.object = (handle_t)object, .endpoint = H_NONE, .flags = flags, .ready = H_NONE,
		.slot_flags = cloexec ? SLOT_CLOEXEC : 0, .user_flags = 1,
	};
	int64_t fd;

	if (object < 0)
		return result(object);
	fd = tess_descriptor_create(&a);
	tess_handle_close((handle_t)object);
	return result(fd);
}

int64_t sys_epoll_create1(uint64_t flags)
{
	if ((uint32_t)flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	return object_fd(tess_waitset_create(H_SELF), DESC_READ | DESC_WRITE, flags & EPOLL_CLOEXEC);
}

int64_t sys_epoll_create(uint64_t size) { return (int32_t)size <= 0 ? -EINVAL : sys_epoll_create1(0); }

struct linux_epoll_event { uint32_t events; uint64_t data; } __attribute__((packed));

int64_t sys_epoll_ctl(uint64_t epfd, uint64_t op, uint64_t fd, uint64_t event)
{
	static const uint8_t ops[] = { 0, WAITSET_ADD, WAITSET_REMOVE, WAITSET_MODIFY };
	struct linux_epoll_event e = { 0, 0 };
	struct handle_info info;
	int64_t r;

	if ((uint32_t)op - 1 > 2)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && copy_in(&e, event, sizeof(e)))
		return -EFAULT;
	if (fd_bad(epfd) || fd_bad(fd) || tess_handle_query((handle_t)fd, &info) < 0)
		return -EBADF;
	if (info.object_type == OBJ_CONTENT || (info.object_type >= OBJ_NULL && info.object_type <= OBJ_FULL))
		return tess_handle_query((handle_t)epfd, &info) < 0 ? -EBADF : -EPERM;	/* they are always ready */
	if ((uint32_t)epfd == (uint32_t)fd)
		return -EINVAL;
	r = tess_waitset_change((handle_t)epfd, ops[op], (handle_t)fd, e.events, e.data);
	if (r == E_INVAL && info.object_type == OBJ_WAITSET)
		return -ELOOP;		/* a set in a set in a set */
	return r == E_TYPE ? -EINVAL : result(r);
}

static int64_t epoll_until(uint64_t epfd, uint64_t events, uint64_t max, uint64_t deadline)
{
	int64_t r;

	if ((int32_t)max <= 0)
		return -EINVAL;
	if (fd_bad(epfd))
		return -EBADF;
	r = tess_waitset_wait((handle_t)epfd, (void *)events, (uint32_t)max, deadline);
	return r == E_TIMEDOUT ? 0 : r == E_INTERRUPTED ? -EINTR : r == E_TYPE ? -EINVAL : result(r);
}

static uint64_t deadline_ms(uint64_t timeout_ms)
{
	int32_t ms = (int32_t)timeout_ms;

	return ms < 0 ? DEADLINE_NEVER : ms == 0 ? 0 : deadline_after((uint64_t)ms * 1000000);
}

int64_t sys_epoll_wait(uint64_t epfd, uint64_t events, uint64_t max, uint64_t timeout_ms)
{
	return epoll_until(epfd, events, max, deadline_ms(timeout_ms));
}

/* Interrupted, it answers EINTR whether a handler runs or not (signal(7)); the mask stays for the handler. */
static int64_t epoll_masked(uint64_t epfd, uint64_t events, uint64_t max, uint64_t deadline, uint64_t set,
			    uint64_t size)
{
	int64_t r = mask_begin(set, size);

	if (r < 0)
		return r;
	r = epoll_until(epfd, events, max, deadline);
	return r == -EINTR ? r : mask_end(r);
}

int64_t sys_epoll_pwait(uint64_t epfd, uint64_t events, uint64_t max, uint64_t timeout_ms, uint64_t set, uint64_t size)
{
	return epoll_masked(epfd, events, max, deadline_ms(timeout_ms), set, size);
}

int64_t sys_epoll_pwait2(uint64_t epfd, uint64_t events, uint64_t max, uint64_t timeout, uint64_t set, uint64_t size)
{
	uint64_t deadline;
	int64_t r = deadline_relative(timeout, &deadline);

	return r < 0 ? r : epoll_masked(epfd, events, max, deadline, set, size);
}

int64_t sys_eventfd2(uint64_t value, uint64_t flags)
{
	uint32_t f = (uint32_t)flags;

	if (f & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return object_fd(tess_counter_create(H_SELF, (uint32_t)value, f & EFD_SEMAPHORE ? COUNTER_SEMAPHORE : 0),
		DESC_READ | DESC_WRITE | (f & O_NONBLOCK ? DESC_NONBLOCK : 0), f & O_CLOEXEC);
}

int64_t sys_eventfd(uint64_t value) { return sys_eventfd2(value, 0); }
