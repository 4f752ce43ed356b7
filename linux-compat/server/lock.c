/*
 * lock.c -- flock(2) and fcntl(2) record locks, POSIX ones and those of open file descriptions.
 *
 * Owns:    every lock, in its inode's list and in the list of all; parked lockers.  An owner is a
 *          pointer that the server chose (process or open file): a client cannot name another's.
 *          A lock never outlives the open file it was taken through.
 * Fails:   -EAGAIN, -EDEADLK, -ENOLCK as the man pages say.
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

#define RANGE_END	0x7fffffffffffffffll
#define DEADLOCK_STEPS	10	/* as far as Linux looks */
#define LOCKS_MAX	65536u
#define LOCKS_OF_FILE	8192u	/* of one file: each request looks at all of them */

enum lock_kind { KIND_FLOCK, KIND_POSIX, KIND_OFD };
struct lock_want {
	struct inode *inode;
	struct file *file;
	const void *owner;
	enum lock_kind kind;
	int type;
	int64_t start, end;
	uint32_t pid;
};
struct file_lock {
	struct file_lock *next, **link;		/* of the inode */
	struct file_lock *all_next, **all_link;
	struct lock_want is;
};
struct lock_waiter {
	struct parked parked;
	struct lock_waiter *next, **link;	/* all that wait, oldest first */
	struct lock_want want;
};

static struct file_lock *all_locks;
static struct lock_waiter *all_waiters;
static uint32_t lock_count;

static bool overlaps(const struct lock_want *a, const struct lock_want *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool same_owner(const struct lock_want *a, const struct lock_want *b)
{
	return a->owner == b->owner && a->kind == b->kind;
}

static const struct file_lock *lock_conflict(const struct lock_want *w)
{
	for (const struct file_lock *l = w->inode->locks; l; l = l->next) {
		if ((l->is.kind == KIND_FLOCK) != (w->kind == KIND_FLOCK) || same_owner(&l->is, w))
			continue;
		if (overlaps(&l->is, w) && (l->is.type == F_WRLCK || w->type == F_WRLCK))
			return l;
	}
	return NULL;
}

static void lock_insert(struct file_lock *l, const struct lock_want *is)
{
	l->is = *is;
	l->next = is->inode->locks;
	l->link = &is->inode->locks;
	if (l->next)
		l->next->link = &l->next;
	is->inode->locks = l;
	l->all_next = all_locks;
	l->all_link = &all_locks;
	if (all_locks)
		all_locks->all_link = &l->all_next;
	all_locks = l;
	lock_count++;
}

static void lock_delete(struct file_lock *l)
{
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	*l->all_link = l->all_next;
	if (l->all_next)
		l->all_next->all_link = l->all_link;
	mem_free(l);
	lock_count--;
}

/*
 * Makes the owner's locks over [start, end] what w says.  Two locks are allocated beforehand, for a
 * split and for the new one: from there on it cannot fail.
 */
static int lock_apply(const struct lock_want *w)
{
	struct file_lock *fresh = mem_alloc(sizeof(*fresh)), *split = mem_alloc(sizeof(*split));
	struct lock_want is = *w;
	uint32_t here = 0;

	for (const struct file_lock *l = w->inode->locks; l; l = l->next)
		here++;
	if (!fresh || !split || lock_count + 2 > LOCKS_MAX || here + 2 > LOCKS_OF_FILE) {
		mem_free(fresh);
		mem_free(split);
		return -ENOLCK;
	}
	for (struct file_lock *l = w->inode->locks, *next; l; l = next) {
		bool joins = l->is.type == w->type;
		int64_t low = l->is.start, high = l->is.end;

		next = l->next;
		if (!same_owner(&l->is, w) || high < is.start - joins || (is.end < RANGE_END && low > is.end + joins))
			continue;
		if (joins) {
			is.start = low < is.start ? low : is.start;
			is.end = high > is.end ? high : is.end;
			lock_delete(l);
		} else if (low < is.start && high > is.end) {
			struct lock_want upper = l->is;

			upper.start = is.end + 1;
			l->is.end = is.start - 1;
			lock_insert(split, &upper);
			split = NULL;
		} else if (low < is.start) {
			l->is.end = is.start - 1;
		} else if (high > is.end) {
			l->is.start = is.end + 1;
		} else {
			lock_delete(l);
		}
	}
	if (w->type == F_UNLCK)
		mem_free(fresh);
	else
		lock_insert(fresh, &is);
	mem_free(split);
	if (w->kind == KIND_POSIX)
		w->file->posix = true;
	else
		w->file->locked = true;
	return 0;
}

/* --- waiting --------------------------------------------------------------------------------------------- */

static void waiter_unlink(struct lock_waiter *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
}

static void waiter_answer(struct lock_waiter *w, int value)
{
	waiter_unlink(w);
	parked_reply(&w->parked, value);
	mem_free(w);
}

static void waiter_cancel(struct parked *p)
{
	waiter_answer((struct lock_waiter *)p, -LINUX_INTERRUPTED);
}

/* Something was given up on the inode (NULL: on many): whoever can go on does, the longest waiting first. */
static void waiters_retry(struct inode *i)
{
	for (struct lock_waiter *w = all_waiters, *next; w; w = next) {
		next = w->next;
		if ((!i || w->want.inode == i) && !lock_conflict(&w->want))
			waiter_answer(w, lock_apply(&w->want));
	}
}

/* Would the owner of the lock in the way, directly or not, wait for the one that asks? */
static bool would_deadlock(const struct lock_want *want, const struct file_lock *in_the_way)
{
	for (int step = 0; step < DEADLOCK_STEPS && in_the_way; step++) {
		const struct lock_waiter *w = all_waiters;

		if (in_the_way->is.kind != KIND_POSIX)
			return false;
		while (w && !same_owner(&w->want, &in_the_way->is))
			w = w->next;
		if (!w)
			return false;
		in_the_way = lock_conflict(&w->want);
		if (in_the_way && same_owner(&in_the_way->is, want))
			return true;
	}
	return false;
}

static int waiter_park(struct request *r, const struct lock_want *want)
{
	struct lock_waiter *w = mem_alloc(sizeof(*w));
	struct lock_waiter **link = &all_waiters;

	if (!w)
		return -ENOLCK;
	w->want = *want;
	while (*link)
		link = &(*link)->next;
	w->link = link;
	*link = w;
	request_park(r, &w->parked, waiter_cancel);
	return 0;
}

static void lock_request(struct request *r, const struct lock_want *want, bool wait)
{
	const struct file_lock *in_the_way = want->type == F_UNLCK ? NULL : lock_conflict(want);
	int error;

	if (!in_the_way) {
		error = lock_apply(want);
		request_reply(r, error);
		if (error == 0)
			waiters_retry(want->inode);
		return;
	}
	if (!wait)
		error = -EAGAIN;
	else if (want->kind == KIND_POSIX && would_deadlock(want, in_the_way))
		error = -EDEADLK;
	else
		error = waiter_park(r, want);
	if (error < 0)
		request_reply(r, error);
}

/* --- the calls ---------------------------------------------------------------------------------------------- */

static void locks_of_file(struct file *f, const void *owner, enum lock_kind kind)
{
	for (struct file_lock *l = f->inode->locks, *next; l; l = next) {
		next = l->next;
		if (l->is.kind == kind && l->is.owner == owner)
			lock_delete(l);
	}
}

/* A change of an flock gives up the old one first, as Linux does: others may come between. */
void lock_flock(struct request *r)
{
	struct file *f = r->file;
	struct lock_want want = { .inode = f->inode, .file = f, .owner = f, .kind = KIND_FLOCK, .start = 0,
		.end = RANGE_END, .pid = process_pid(r->process) };
	bool wait = !(r->words[1] & LOCK_NB);

	switch (r->words[1] & ~(uint64_t)LOCK_NB) {
	case LOCK_SH: want.type = F_RDLCK; break;
	case LOCK_EX: want.type = F_WRLCK; break;
	case LOCK_UN: want.type = F_UNLCK; break;
	default:
		request_reply(r, -EINVAL);
		return;
	}
	if (want.type != F_UNLCK && (f->flags & O_ACCMODE) == O_ACCMODE) {	/* open for nothing */
		request_reply(r, -EBADF);
		return;
	}
	for (const struct file_lock *l = f->inode->locks; l; l = l->next) {
		if (l->is.kind == KIND_FLOCK && l->is.owner == f && l->is.type == want.type) {
			request_reply(r, 0);
			return;
		}
	}
	locks_of_file(f, f, KIND_FLOCK);
	waiters_retry(f->inode);
	lock_request(r, &want, wait);
}

static int range_of(struct request *r, const struct linux_flock *fl, struct lock_want *want)
{
	int64_t start = fl->start, end;
	struct lx_stat st;

	if (fl->whence == SEEK_END) {
		inode_stat(r->file->inode, r->file->path.mount, &st);
		if (__builtin_add_overflow(start, (int64_t)st.size, &start))
			return -EOVERFLOW;
	} else if (fl->whence != SEEK_SET) {
		return -EINVAL;		/* the translator knows the offset and asks by SEEK_SET */
	}
	if (start < 0)
		return -EINVAL;
	if (fl->len > 0) {
		if (__builtin_add_overflow(start, fl->len - 1, &end))
			return -EOVERFLOW;
	} else if (fl->len < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, fl->len, &start) || start < 0)
			return -EINVAL;
	} else {
		end = RANGE_END;
	}
	want->start = start;
	want->end = end;
	return 0;
}

static void lock_tell(struct request *r, struct linux_flock *fl, const struct lock_want *want)
{
	const struct file_lock *l = lock_conflict(want);

	if (!l) {
		fl->type = F_UNLCK;
	} else {
		fl->type = (int16_t)l->is.type;
		fl->whence = SEEK_SET;
		fl->start = l->is.start;
		fl->len = l->is.end == RANGE_END ? 0 : l->is.end - l->is.start + 1;
		fl->pid = l->is.kind == KIND_POSIX ? (int32_t)l->is.pid : -1;
	}
	request_reply_data(r, 0, fl, sizeof(*fl));
}

void lock_fcntl(struct request *r)
{
	uint32_t command = (uint32_t)r->words[1];
	bool ofd = command >= F_OFD_GETLK, get = command == F_GETLK || command == F_OFD_GETLK;
	struct lock_want want = { .inode = r->file->inode, .file = r->file, .kind = ofd ? KIND_OFD : KIND_POSIX };
	struct linux_flock fl;
	int error;

	if (r->payload_len != sizeof(fl)) {
		request_reply(r, -EINVAL);
		return;
	}
	memcpy(&fl, r->payload, sizeof(fl));
	want.owner = ofd ? (const void *)r->file : (const void *)r->process;
	want.pid = process_pid(r->process);
	want.type = fl.type;
	error = range_of(r, &fl, &want);
	if (error == 0 && (fl.type < F_RDLCK || fl.type > F_UNLCK || (get && fl.type == F_UNLCK) ||
	    (ofd && fl.pid != 0)))
		error = -EINVAL;
	if (error == 0 && !get && ((fl.type == F_RDLCK && !(r->access & DESC_READ)) ||
	    (fl.type == F_WRLCK && !(r->access & DESC_WRITE))))
		error = -EBADF;
	if (error < 0)
		request_reply(r, error);
	else if (get)
		lock_tell(r, &fl, &want);
	else
		lock_request(r, &want, command == F_SETLKW || command == F_OFD_SETLKW);
}

/* close(2) of any descriptor of a file gives up the process's POSIX locks on it (fcntl(2)). */
void lock_release(struct request *r)
{
	struct inode *i = r->file->inode;

	locks_of_file(r->file, r->process, KIND_POSIX);
	waiters_retry(i);
	request_reply(r, 0);
}

/* The last holder of an open file is gone, and so is every lock that was taken through it. */
void lock_file_closed(struct file *f)
{
	struct inode *i = f->inode;

	for (struct file_lock *l = i->locks, *next; l; l = next) {
		next = l->next;
		if (l->is.file == f)
			lock_delete(l);
	}
	for (struct lock_waiter *w = all_waiters, *next; w; w = next) {
		next = w->next;
		if (w->want.file == f)
			waiter_answer(w, -EBADF);
	}
	waiters_retry(i);
}

/* A process ends: what it locked by fcntl is free, though others may share its open files. */
void vfs_process_exit(struct process *p)
{
	bool any = false;

	for (struct file_lock *l = all_locks, *next; l; l = next) {
		next = l->all_next;
		if (l->is.kind != KIND_POSIX || l->is.owner != p)
			continue;
		lock_delete(l);
		any = true;
	}
	if (any)
		waiters_retry(NULL);
}
