/*
 * pipe.h -- byte rings between processes.
 */
#ifndef KERNEL_PIPE_H
#define KERNEL_PIPE_H

#include "thread.h"

struct frame;
struct user_iter;

#define PIPE_FRAMES_DEFAULT 16
#define PIPE_FRAMES_MAX 256

/* Bytes that are read together or dropped: positions as head and tail are. */
struct packet { uint64_t start, end; };

struct pipe {
	struct object object;		/* lock: RANK_PIPE, guards all */
	uint64_t head, tail;		/* bytes ever written, ever read; both 0 when empty */
	uint32_t nframes;		/* capacity in pages; a power of two */
	uint32_t readers, writers;	/* Descriptors open for it */
	bool had_writer;
	struct frame **frames;		/* ring: position / PAGE_SIZE % nframes; NULL: not there */
	struct frame *first[PIPE_FRAMES_DEFAULT];
	struct packet *packets;		/* ring of nframes, made by the first packet; else NULL */
	uint32_t first_packet, npackets;
	struct waitqueue waiters;
	struct observers observers;
};

/* Deadline 0: do not wait (E_AGAIN).  The count, 0 at the end of the data, or an error. */
int64_t pipe_read(struct pipe *p, struct user_iter *it, uint64_t deadline_ns);
int64_t pipe_write(struct pipe *p, struct user_iter *it, uint64_t deadline_ns, bool packets);	/* E_PIPE */
int64_t pipe_read_piece(struct pipe *p, uint64_t user, uint64_t len);	/* the quick case, or E_NOSYS */
int64_t pipe_write_piece(struct pipe *p, uint64_t user, uint64_t len);
void pipe_open(struct pipe *p, uint32_t desc_flags);
void pipe_close(struct pipe *p, uint32_t desc_flags);

static inline uint64_t pipe_bytes(const struct pipe *p) { return p->head - p->tail; }
static inline uint64_t pipe_room(const struct pipe *p) { return p->nframes * PAGE_SIZE - pipe_bytes(p); }

/* POLL_ bits of an end */
static inline uint32_t pipe_ready(const struct pipe *p, uint32_t desc_flags)
{
	uint32_t bits = 0;

	if (desc_flags & DESC_READ) {
		if (pipe_bytes(p))
			bits |= POLL_IN | POLL_RDNORM;
		if (!p->writers && p->had_writer)
			bits |= POLL_HUP;
	}
	if (desc_flags & DESC_WRITE) {
		if (pipe_room(p) >= PIPE_ATOMIC && p->npackets < p->nframes)
			bits |= POLL_OUT | POLL_WRNORM;
		if (!p->readers)
			bits |= POLL_ERR;
	}
	return bits;
}

#endif
