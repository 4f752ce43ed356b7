/*
 * request.c -- the loop of linuxd: messages in, handlers by a table, answers out.
 *
 * Owns:    the view of the current request, the answer that goes out with the next receive, the hash of
 *          parked requests by token.
 * Locks:   none; linuxd is one thread.
 * Fails:   a request that cannot be read is answered -EFAULT; one from nobody it knows -EPERM.
 * Tested:  linux-compat/server/test/process_test.c
 *
 * An answer is staged in the utcb and leaves with the next receive: one kernel entry for both.  What
 * must answer somebody else meanwhile (parked_reply*) sends the staged one first, and saves what the
 * current request still has in the utcb.
 */
#include "process.h"

#define PARKED_BUCKETS 256u

static struct ipc_message *message;		/* of our utcb */
static struct request current;
static bool current_live;			/* the handler has not answered: its payload counts */
static uint64_t staged_token;			/* an answer that lies in the utcb, 0: none */
static handle_t staged_cap = H_NONE;	/* that goes with it: ours again if the caller has died */
static struct parked *parked_by_token[PARKED_BUCKETS];
static struct parked *parked_of_others;		/* of servers, which have no process */
static uint64_t counts[256];
static int64_t inside_value;			/* the answer to a request of our own (token 0) */
static handle_t inside_cap;
static uint8_t bulk_buffer[IPC_BULK_MAX] __attribute__((aligned(4096)));

uint64_t request_counts(uint32_t op)
{
	return op < 256 ? counts[op] : 0;
}

/* --- answers ------------------------------------------------------------------------------------ */

/* The answer could not be given: the caller died.  There is nothing to undo but a capability. */
static void staged_drop(void)
{
	if (staged_cap != H_NONE)
		tess_handle_close(staged_cap);
	staged_cap = H_NONE;
}

static void answer_flush(void)
{
	if (staged_token) {
		uint64_t token = staged_token;

		staged_token = 0;
		if (tess_ipc_reply(server_endpoint, token) == E_GONE)
			staged_drop();
		staged_cap = H_NONE;
	}
}

static void message_fill(int64_t value, uint64_t w1, uint64_t w2)
{
	message->words[0] = (uint64_t)value;
	message->words[1] = w1;
	message->words[2] = w2;
	message->inline_len = 0;
	message->ncaps = 0;
	message->cap_flags = 0;
}

/* The payload of an answer: in the caller's bulk buffer if it offers one, else inline. */
static void message_payload(uint64_t token, uint64_t bulk_room, const void *data, uint32_t len)
{
	if (bulk_room != 0) {
		tess_ipc_write(server_endpoint, token, 0, data, len < bulk_room ? len : bulk_room);
	} else {
		message->inline_len = len < IPC_INLINE ? len : IPC_INLINE;
		if (data != message->inline_data)
			memcpy(message->inline_data, data, message->inline_len);
	}
}

/* Sent at once: if the caller is gone the capability comes back and is ours to close. */
static void message_cap(uint64_t token, int64_t value, handle_t cap)
{
	message_fill(value, 0, 0);
	message->ncaps = 1;
	message->caps[0] = cap;
	message->cap_flags = 1;
	if (tess_ipc_reply(server_endpoint, token) < 0)
		tess_handle_close(cap);
}

void request_reply_full(struct request *r, int64_t value, uint64_t w1, uint64_t w2, const void *data, uint32_t len)
{
	current_live = false;
	if (r->token == 0) {
		inside_value = value;
		return;
	}
	if (staged_token)
		answer_flush();
	message_fill(value, w1, w2);
	if (len != 0)
		message_payload(r->token, r->bulk_room, data, len);
	staged_token = r->token;
}

/*
 * Room in the answer itself: what is built there is not copied again by request_reply_data.  It lies
 * over the request's inline payload, which must not be needed any more.
 */
void *request_reply_room(void)
{
	return message->inline_data;
}

void request_reply(struct request *r, int64_t value)
{
	request_reply_full(r, value, 0, 0, NULL, 0);
}

void request_reply_data(struct request *r, int64_t value, const void *data, uint32_t len)
{
	request_reply_full(r, value, 0, 0, data, len);
}

void request_reply_words(struct request *r, int64_t value, uint64_t w1, uint64_t w2)
{
	request_reply_full(r, value, w1, w2, NULL, 0);
}

void request_reply_cap(struct request *r, int64_t value, handle_t cap)
{
	current_live = false;
	if (r->token == 0) {
		inside_value = value;
		inside_cap = cap;
		return;
	}
	answer_flush();
	message_fill(value, 0, 0);
	message->ncaps = 1;
	message->caps[0] = cap;
	message->cap_flags = 1;
	staged_token = r->token;
	staged_cap = cap;
}

/* Eight bytes at a time. */
const char *request_string(struct request *r, uint32_t *offset)
{
	const char *start = (const char *)r->payload + *offset;
	uint64_t left = r->payload_len - *offset, n = 0;

	if (*offset >= r->payload_len)
		return NULL;
	while (n + 8 <= left) {
		uint64_t word, zero;

		__builtin_memcpy(&word, start + n, 8);
		zero = (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
		if (zero) {
			n += (uint64_t)__builtin_ctzll(zero) / 8;
			*offset += (uint32_t)n + 1;
			return start;
		}
		n += 8;
	}
	for (; n < left; n++)
		if (start[n] == 0) {
			*offset += (uint32_t)n + 1;
			return start;
		}
	return NULL;
}

/* --- parked requests ------------------------------------------------------------------------------ */

static uint32_t token_bucket(uint64_t token)
{
	return (uint32_t)(token ^ token >> 32 ^ token >> 8) % PARKED_BUCKETS;
}

void request_park(const struct request *r, struct parked *p, void (*cancel)(struct parked *))
{
	struct parked **bucket = &parked_by_token[token_bucket(r->token)];

	p->token = r->token;
	p->process = r->process;
	p->thread = r->thread;
	p->bulk_room = r->bulk_room;
	p->cancel = cancel;
	p->link = r->process ? &r->process->parked : &parked_of_others;
	p->next = *p->link;
	if (p->next)
		p->next->link = &p->next;
	*p->link = p;
	p->hash_link = bucket;
	p->hash_next = *bucket;
	if (p->hash_next)
		p->hash_next->hash_link = &p->hash_next;
	*bucket = p;
	if (r == &current)
		current_live = false;
}

static void parked_unlink(struct parked *p)
{
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	*p->hash_link = p->hash_next;
	if (p->hash_next)
		p->hash_next->hash_link = p->hash_link;
}

/*
 * Answer a parked request, unlinking it; its memory stays the owner's.  The current request's inline
 * payload survives: it is put back after the utcb was used for this answer.
 */
void parked_reply_full(struct parked *p, int64_t value, uint64_t w1, uint64_t w2, const void *data, uint32_t len)
{
	uint64_t token = p->token;
	uint8_t saved[IPC_INLINE];
	uint32_t keep = 0;

	parked_unlink(p);
	if (token == 0)
		return;
	answer_flush();
	if (current_live && current.payload == message->inline_data && len != 0 && p->bulk_room == 0) {
		keep = current.payload_len;
		memcpy(saved, message->inline_data, keep);
	}
	message_fill(value, w1, w2);
	if (len != 0)
		message_payload(token, p->bulk_room, data, len);
	tess_ipc_reply(server_endpoint, token);
	if (keep != 0)
		memcpy(message->inline_data, saved, keep);
}

void parked_reply(struct parked *p, int64_t value)
{
	parked_reply_full(p, value, 0, 0, NULL, 0);
}

void parked_reply_data(struct parked *p, int64_t value, const void *data, uint32_t len)
{
	parked_reply_full(p, value, 0, 0, data, len);
}

void parked_reply_cap(struct parked *p, int64_t value, handle_t cap)
{
	uint64_t token = p->token;

	answer_flush();
	parked_unlink(p);
	if (token == 0)
		tess_handle_close(cap);
	else
		message_cap(token, value, cap);
}

bool request_is_bulk(const struct request *r)
{
	return r->payload == bulk_buffer;
}

/* What the kernel still holds of a parked request's bulk payload, from offset on: bytes, or a negative E_. */
int64_t parked_bulk(struct parked *p, uint32_t offset, void *buf, uint32_t len)
{
	return tess_ipc_read(server_endpoint, p->token, offset, buf, len);
}

static void notice_cancel(uint64_t token)
{
	for (struct parked *p = parked_by_token[token_bucket(token)]; p; p = p->hash_next)
		if (p->token == token) {
			p->cancel(p);
			return;
		}
}

/* The caller of p is dead: its token means nothing any more (and may be given out again). */
static void parked_drop(struct parked *p)
{
	struct process *process = p->process;
	struct parked *head = process->parked;

	*p->hash_link = p->hash_next;
	if (p->hash_next)
		p->hash_next->hash_link = p->hash_link;
	p->hash_next = NULL;
	p->hash_link = &p->hash_next;
	p->token = 0;
	p->cancel(p);
	RT_ASSERT(process->parked != head || head != p);	/* a cancel must unlink */
}

void parked_cancel_others(struct process *process, struct parked *keep)
{
	struct parked *p = process->parked;

	while (p) {			/* a cancel frees its own request and no other */
		struct parked *next = p->next;

		if (p != keep)
			parked_drop(p);
		p = next;
	}
}

void parked_cancel_process(struct process *process)
{
	while (process->parked)
		parked_drop(process->parked);
}

/* --- requests ------------------------------------------------------------------------------------------ */

typedef void (*request_handler)(struct request *r);
static const request_handler handlers[256] = {
	[LX_OPEN ... LX_TIMERFD] = vfs_request,
	[LX_READ ... LX_UNLOCK] = vfs_request,
#define X(op, name) [op] = name,
	HANDLERS(X)
#undef X
};

/* Handlers that park are not for linuxd itself: its own requests are all answered at once. */
int64_t request_inside(struct request *r, handle_t *cap)
{
	r->token = 0;
	inside_value = -EIO;
	inside_cap = H_NONE;
	handlers[r->words[0]](r);
	*cap = inside_cap;
	return inside_value;
}

/* Operations whose handler takes the capabilities of the request over. */
static bool handler_takes_caps(uint64_t op)
{
	return op == LX_EXEC || op == LX_LINK || op == LX_RENAME;
}

/* What a program that is still being loaded may ask: to open its interpreter and to report. */
static bool allowed_while_loading(uint64_t op)
{
	return op == LX_EXEC_READY || op == LX_OPEN || op == LX_EXIT || op == LX_FAULT_SIGNAL ||
		op == LX_UNKNOWN || (op >= LX_READ && op <= LX_FD_PATH);
}

/* The payload that did not fit into the message. */
static int request_payload_gather(struct request *r)
{
	uint64_t len = message->bulk_out_len < IPC_BULK_MAX ? message->bulk_out_len : IPC_BULK_MAX;
	int64_t got;

	if (r->payload_len > IPC_INLINE)
		return -EINVAL;
	got = tess_ipc_read(server_endpoint, r->token, 0, bulk_buffer, len);
	if (got < 0)
		return -EFAULT;
	r->payload = bulk_buffer;
	r->payload_len = (uint32_t)got;
	return 0;
}

static void request_caps_close(struct request *r)
{
	for (uint32_t i = 0; i < r->ncaps; i++)
		if (r->caps[i] != H_NONE)
			tess_handle_close(r->caps[i]);
	r->ncaps = 0;
}

static void request_refuse(struct request *r, int error)
{
	request_caps_close(r);
	request_reply(r, error);
}

/* The rare kinds of callers: programs being loaded, tasks that are over, consoled. */
static int request_identify_rare(struct request *r, const struct image *image)
{
	if (!image || image->role == IMAGE_OLD || !image->process || image->process->state != PROCESS_ALIVE)
		return -EPERM;
	r->thread = r->process->main;
	r->loading = image->role == IMAGE_LOADING;
	if (r->loading && !allowed_while_loading(r->words[0]))
		return -EPERM;
	if (image->role == IMAGE_CURRENT)
		r->thread = thread_by_number(r->process, (uint32_t)message->sender_thread);
	return r->thread ? 0 : -EPERM;
}

static int request_identify(struct request *r)
{
	struct image *image = image_by_badge(message->sender_badge);
	struct process *p = image ? image->process : NULL;

	r->image = image;
	r->loading = false;
	r->process = p;
	r->file = NULL;
	if (p && image == p->image && p->state == PROCESS_ALIVE && p->main &&
		p->main->number == (uint32_t)message->sender_thread) {
		r->thread = p->main;	/* nearly always */
	} else {
		int error = request_identify_rare(r, image);

		if (error)
			return error;
	}
	if (message->via == IPC_VIA_DESCRIPTOR) {
		r->file = file_by_cookie(message->badge);
		r->access = message->descriptor_access;
		if (!r->file)
			return -EBADF;
	}
	return 0;
}

static void request_console(struct request *r)
{
	int error = 0;

	r->process = NULL;
	if (r->payload_len == 0 && message->bulk_out_len != 0)
		error = request_payload_gather(r);
	if (error || r->words[0] < LX_TTY_INPUT || r->words[0] > LX_TTY_HANGUP)
		request_refuse(r, error ? error : -ENOSYS);
	else
		tty_console(r);
}

static void request_receive(uint64_t token)
{
	struct request *r = &current;
	uint64_t op = message->words[0];
	int error;

	current_live = true;
	r->token = token;
#pragma GCC unroll 6
	for (int i = 0; i < IPC_WORDS; i++)
		r->words[i] = message->words[i];
	r->payload = message->inline_data;
	r->payload_len = message->inline_len;
	r->bulk_room = message->bulk_in_len;
	r->ncaps = message->ncaps;
	if (r->ncaps != 0) {
		r->ncaps = r->ncaps < IPC_CAPS ? r->ncaps : IPC_CAPS;
		for (uint32_t i = 0; i < r->ncaps; i++)
			r->caps[i] = message->caps[i];
	}
	if (message->via == IPC_VIA_ENDPOINT && message->badge == LX_BADGE_CONSOLE) {
		request_console(r);
		return;
	}
	error = request_identify(r);
	if (!error && (op > 255 || !handlers[op]))
		error = -ENOSYS;
	if (!error && r->payload_len - 1 >= IPC_INLINE && (r->payload_len != 0 || message->bulk_out_len != 0))
		error = request_payload_gather(r);	/* none inline, or more than can be */
	if (error) {
		request_refuse(r, error);
		return;
	}
	counts[op]++;
	mem_payer = r->process->counted->payer;
	if (r->ncaps != 0 && !handler_takes_caps(op))
		request_caps_close(r);
	handlers[op](r);
	mem_payer = 0;
}

/* --- notices --------------------------------------------------------------------------------------------- */

/* The signal of an exception that no upcall of the program could take. */
static int fault_signal(uint64_t vector)
{
	switch (vector) {
	case 0: case 16: case 19: return SIGFPE;
	case 1: case 3: return SIGTRAP;
	case 6: return SIGILL;
	case 17: return SIGBUS;
	default: return SIGSEGV;
	}
}

static void notice_fault(uint64_t badge, uint64_t vector, uint64_t address, uint64_t reason)
{
	struct image *i = image_by_badge(badge);

	if (!i)
		return;
	if (i->role == IMAGE_LOADING)
		exec_abort(i->process, -ENOEXEC);
	else if (i->role == IMAGE_CURRENT) {
		server_log("pid %u (%s): unresolved exception %lu at address %lx (%ld)", i->process->pid,
			i->process->comm, (unsigned long)vector, (unsigned long)address, (long)reason);
		process_kill(i->process, fault_signal(vector));
	}
}

static void notice_death(uint64_t badge)
{
	struct image *i = image_by_badge(badge);

	if (!i)
		return;
	if (i->role != IMAGE_CURRENT)
		exec_image_dead(i);
	else if (!exec_gone_later(i->process))
		process_gone(i->process);
}

static void notice_receive(void)
{
	uint64_t badge = message->badge, w0 = message->words[0], w1 = message->words[1];
	uint64_t w2 = message->words[2], w3 = message->words[3];

	switch (message->via) {
	case NOTICE_CLOSE:	file_closed(badge); break;
	case NOTICE_CANCEL:	notice_cancel(w0); break;
	case NOTICE_DEATH:	notice_death(badge); break;
	case NOTICE_FAULT:	notice_fault(badge, w1, w2, w3); break;
	case NOTICE_MEMORY:
		memory_shortage(image_by_badge(badge) ? image_by_badge(badge)->process : NULL);
		break;
	default:		break;
	}
}

/* --- the loop ------------------------------------------------------------------------------------------------ */

_Noreturn void request_loop(void)
{
	message = &utcb()->msg;
	for (;;) {
		uint64_t deadline = timers_next(), token = staged_token;
		int64_t got;

		staged_token = 0;
		if (token)
			got = tess_ipc_reply_recv(server_endpoint, token, deadline);
		else
			got = tess_ipc_recv(server_endpoint, deadline);
		if (got != E_GONE)
			staged_cap = H_NONE;
		if (got > 0)
			request_receive((uint64_t)got);
		else if (got == 0)
			notice_receive();
		else if (got == E_NOMEM)
			server_log("receive: no memory");
		else if (got == E_GONE)		/* only for an answer with a capability */
			staged_drop();
		current_live = false;
		if (deadline != DEADLINE_NEVER)
			timers_run();
	}
}
