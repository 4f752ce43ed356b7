/*
 * timer.c -- POSIX timers: linuxd's, by number.
 *
 * Conforms: timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2), timer_delete(2).
 * Tested:   tests/linux/time.c
 */
#include "translator.h"

enum timer_op { TIMER_CREATE, TIMER_SET, TIMER_GET, TIMER_DELETE, TIMER_OVERRUN };	/* LX_TIMER's words[1] */

#define SIGEV_SIGNAL	0u
#define VALUE_IS_ID	0x10000u	/* with the signal, in words[3] */

struct linux_sigevent { uint64_t value; uint32_t signal, notify, tid, pad[11]; };
struct linux_itimerspec { struct linux_timespec interval, value; };
_Static_assert(sizeof(struct linux_sigevent) == 64 && sizeof(struct linux_itimerspec) == 32, "Linux's");

int64_t sys_timer_create(uint64_t clock, uint64_t event, uint64_t id)
{
	struct linux_sigevent e = { .signal = SIGALRM, .notify = SIGEV_SIGNAL };
	struct ipc_message *m;
	int64_t r;

	if (event && copy_in(&e, event, sizeof(e)))
		return -EFAULT;
	if (e.signal > 64)
		e.signal = 0;		/* none there is: refused unless nothing is to be sent */
	m = request(LX_TIMER, TIMER_CREATE, (uint32_t)clock, (uint64_t)e.notify << 32 | e.signal |
		(event ? 0 : VALUE_IS_ID));
	m->words[4] = e.value;
	m->words[5] = e.tid;
	r = request_server();
	if (r < 0)
		return r;
	if (user_store32(id, (uint32_t)r) == 0)
		return 0;
	server_call(LX_TIMER, TIMER_DELETE, (uint64_t)r, 0);
	return -EFAULT;
}

int64_t sys_timer_settime(uint64_t id, uint64_t flags, uint64_t new, uint64_t old)
{
	struct ipc_message *m = request(LX_TIMER, TIMER_SET, (uint32_t)id, (uint32_t)flags);
	int64_t r;

	if (new == 0)
		return -EINVAL;
	if (copy_in(m->inline_data, new, sizeof(struct linux_itimerspec)))
		return -EFAULT;
	m->inline_len = sizeof(struct linux_itimerspec);
	r = request_server();
	return r < 0 || !old ? r : copy_out(old, m->inline_data, sizeof(struct linux_itimerspec));
}

int64_t sys_timer_gettime(uint64_t id, uint64_t to)
{
	int64_t r = server_call(LX_TIMER, TIMER_GET, (uint32_t)id, 0);

	return r < 0 ? r : copy_out(to, self_utcb()->msg.inline_data, sizeof(struct linux_itimerspec));
}

/* --- timerfd: a counter that linuxd's timer signals ------------------------------------------------------- */

int64_t sys_timerfd_create(uint64_t clock, uint64_t flags)
{
	struct ipc_message *m;
	int64_t slot, r;

	if ((uint32_t)flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	slot = tess_handle_reserve(flags & O_CLOEXEC ? SLOT_CLOEXEC : 0);
	if (slot < 0)
		return result(slot);
	m = request(LX_TIMERFD, (uint32_t)clock, (uint32_t)flags, 0);
	m->reserved_slot = (uint32_t)slot;
	r = request_server();
	if (r < 0)
		tess_handle_unreserve((handle_t)slot);
	return r < 0 ? r : slot;
}

int64_t sys_timerfd_settime(uint64_t fd, uint64_t flags, uint64_t new, uint64_t old)
{
	struct ipc_message *m = request(LX_TIMERFD_TIME, 1, (uint32_t)flags, 0);
	int64_t r;

	if (copy_in(m->inline_data, new, sizeof(struct linux_itimerspec)))
		return -EFAULT;
	m->inline_len = sizeof(struct linux_itimerspec);
	r = request_file(fd);
	if (r >= 0 && old)
		return copy_out(old, m->inline_data, sizeof(struct linux_itimerspec));
	return r == -ENOTTY ? -EINVAL : r;
}

int64_t sys_timerfd_gettime(uint64_t fd, uint64_t to)
{
	struct ipc_message *m = request(LX_TIMERFD_TIME, 0, 0, 0);
	int64_t r = request_file(fd);

	return r == -ENOTTY ? -EINVAL : r < 0 ? r : copy_out(to, m->inline_data, sizeof(struct linux_itimerspec));
}

/* --- numbers again ---------------------------------------------------------------------------------------- */

int64_t sys_timer_getoverrun(uint64_t id) { return server_call(LX_TIMER, TIMER_OVERRUN, (uint32_t)id, 0); }
int64_t sys_timer_delete(uint64_t id) { return server_call(LX_TIMER, TIMER_DELETE, (uint32_t)id, 0); }
