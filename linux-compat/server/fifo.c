/*
 * fifo.c -- opening named pipes.  The data is a kernel Pipe; here is only who waits for whom.
 *
 * Owns:    inode->fifo while the FIFO is open or being opened; parked opens hang on it.  A waiting opener
 *          counts as an end, as on Linux: so two openers always meet.
 * Fails:   -ENXIO, -ENOMEM.
 * Conforms: fifo(7), open(2).
 * Tested:  test/vfs_test.c
 */
#include "vfs.h"

struct fifo_wait {
	struct parked parked;
	struct fifo_wait *next, **link;
	struct file *file;
	handle_t cap;
	int error;
};
struct fifo {
	handle_t pipe;
	uint32_t readers, writers;
	struct fifo_wait *waits;
};

static bool reads(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* Its opener pays for what lies in it; when that one has ended, its user. */
static int fifo_have(struct request *r, struct inode *i)
{
	struct fifo *fifo = i->fifo;
	int64_t pipe;

	if (fifo)
		return 0;
	fifo = mem_alloc(sizeof(*fifo));
	if (!fifo)
		return -ENOMEM;
	pipe = tess_pipe_object(process_pool(r->process), 0);
	if (pipe < 0) {
		mem_free(fifo);
		return errno_of(pipe);
	}
	fifo->pipe = (handle_t)pipe;
	i->fifo = fifo;
	return 0;
}

static void fifo_count(struct file *f, int delta)
{
	struct fifo *fifo = f->inode->fifo;

	fifo->readers += reads(f) ? (uint32_t)delta : 0;
	fifo->writers += writes(f) ? (uint32_t)delta : 0;
	if (fifo->readers || fifo->writers)
		return;
	tess_handle_close(fifo->pipe);
	mem_free(fifo);
	f->inode->fifo = NULL;
}

/* The last holder of an opened end is gone. */
void fifo_close(struct file *f)
{
	if (f->inode->fifo)
		fifo_count(f, -1);
}

static void wait_unlink(struct fifo_wait *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
}

static void wait_cancel(struct parked *p)
{
	struct fifo_wait *w = (struct fifo_wait *)p;

	wait_unlink(w);
	fifo_count(w->file, -1);
	file_free(w->file);
	parked_reply(p, -LINUX_INTERRUPTED);
	mem_free(w);
}

static int fifo_park(struct request *r, struct file *f)
{
	struct fifo *fifo = f->inode->fifo;
	struct fifo_wait *w = mem_alloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->file = f;
	w->next = fifo->waits;
	w->link = &fifo->waits;
	if (w->next)
		w->next->link = &w->next;
	fifo->waits = w;
	request_park(r, &w->parked, wait_cancel);
	return 0;
}

static int fifo_descriptor(struct file *f, handle_t *cap)
{
	return file_descriptor(f, f->inode->fifo->pipe, OBJ_NONE, 0, cap);
}

/*
 * Both ends are there.  All Descriptors exist before anybody is answered: the first to run must not
 * find the other end missing.
 */
static void waits_finish(struct fifo *fifo)
{
	for (struct fifo_wait *w = fifo->waits; w; w = w->next)
		w->error = fifo_descriptor(w->file, &w->cap);
	while (fifo->waits) {
		struct fifo_wait *w = fifo->waits;
		struct file *f = w->file;

		wait_unlink(w);
		if (w->error < 0) {
			/* never the last end: the opener that came just now is counted */
			fifo_count(f, -1);
			file_free(f);
			parked_reply(&w->parked, w->error);
		} else {
			parked_reply_cap(&w->parked, 0, w->cap);
		}
		mem_free(w);
	}
}

static void open_failed(struct request *r, struct file *f, bool counted, int error)
{
	if (counted)
		fifo_count(f, -1);
	file_free(f);
	request_reply(r, error);
}

void fifo_open(struct request *r, struct file *f)
{
	bool alone, wait;
	handle_t cap;
	bool refused = f->flags & O_DIRECT || (f->flags & O_ACCMODE) == O_ACCMODE;	/* F_SETFL may set O_DIRECT */
	int error = refused ? -EINVAL : fifo_have(r, f->inode);

	if (error < 0) {
		open_failed(r, f, false, error);
		return;
	}
	fifo_count(f, 1);
	alone = (reads(f) ? f->inode->fifo->writers : f->inode->fifo->readers) == 0;
	wait = alone && !(f->flags & O_NONBLOCK);
	if (alone && !wait && writes(f)) {
		open_failed(r, f, true, -ENXIO);
		return;
	}
	error = wait ? fifo_park(r, f) : fifo_descriptor(f, &cap);
	if (error < 0) {
		open_failed(r, f, true, error);
		return;
	}
	if (wait)
		return;
	if (!alone)
		waits_finish(f->inode->fifo);
	request_reply_cap(r, 0, cap);
}
