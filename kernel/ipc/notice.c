/*
 * notice.c -- messages from the kernel: a Descriptor's end, a task's death or fault, a cancelled call.
 *
 * A notice is embedded in the object that it speaks of, and keeps it while it is queued: none is lost for
 * want of memory.
 * Locks:   endpoint.lock guards the queue and notice.kind.
 * Fails:   nothing.
 * Tested:  kernel/test/ipc_test.c, programs/selftest, tests/linux.
 */
#include "local.h"
#include "descriptor.h"
#include "mm.h"
#include "sched.h"
#include "delay.h"

/*
 * What a notice keeps while it is queued.  NULL: an ending Descriptor, which is nobody's any more; a pager or a
 * content, which takes it back when it ends (endpoint_withdraw).
 */
static struct object *kept(struct notice *n, uint32_t kind)
{
	switch (kind) {
	case NOTICE_DEATH:	return &container_of(n, struct task, death)->object;
	case NOTICE_MEMORY:	return &container_of(n, struct task, memory)->object;
	case NOTICE_FAULT:	return &container_of(n, struct thread, fault)->object;
	case NOTICE_CANCEL:	return &container_of(n, struct thread, cancel)->object;
	default:		return NULL;
	}
}

/* It has been taken, or will never be. */
void notice_done(struct notice *n, uint32_t kind)
{
	struct object *o = kept(n, kind);

	if (o)
		object_put(o);
	else if (kind == NOTICE_CLOSE)
		descriptor_close_delivered(n);
}

/*
 * Queue a notice, unless it is queued: then it only gets the new words (NULL: it keeps its own).  On an
 * endpoint that nobody can receive from it is done at once.
 */
static void notice_queue(struct endpoint *e, struct notice *n, uint32_t kind, const uint64_t *words)
{
	bool queued, wake = kind != NOTICE_CLOSE;
	struct object *o = kept(n, kind);

	if (o)
		object_get(o);
	delay(DELAY_NOTICE);
	spin_lock(&e->object.lock);
	for (int i = 0; words && i < 4; i++)
		n->words[i] = words[i];
	queued = !n->kind && !e->closed;
	if (queued) {
		n->kind = kind;
		list_push_back(&e->notices, &n->link);
		if (wake)
			waitqueue_wake_one(&e->receivers, 0);
	}
	spin_unlock(&e->object.lock);
	if (!queued)
		notice_done(n, kind);
	else if (!wake)
		sched_defer(e);
}

/* What sched_defer put off: somebody must look at what is queued. */
void endpoint_kick(struct endpoint *e)
{
	spin_lock(&e->object.lock);
	if (!list_empty(&e->notices))
		waitqueue_wake_one(&e->receivers, 0);
	spin_unlock(&e->object.lock);
}

void endpoint_notify(struct endpoint *e, struct notice *n, uint32_t kind) { notice_queue(e, n, kind, NULL); }

/* Each thread has a notice of its own: several threads of a task may fault before the first is heard of. */
void endpoint_notify_fault(struct endpoint *e, struct thread *t, const uint64_t *words)
{
	t->fault.badge = t->task->badge;
	notice_queue(e, &t->fault, NOTICE_FAULT, words);
}

void notice_accept(struct thread *t, struct notice *n)
{
	struct ipc_message *to = message(t);

	to->token = 0;
	to->via = n->kind;
	to->badge = n->badge;
	for (int i = 0; i < 4; i++)
		to->words[i] = n->words[i];
	if (n->kind == NOTICE_TELL)
		to->words[0] = content_told_take(n);
	to->inline_len = 0;
	to->ncaps = 0;
	to->bulk_out_len = to->bulk_in_len = 0;
	to->sender_badge = 0;
}

/* For notices that keep nothing (NOTICE_PAGE, NOTICE_TELL): what they are embedded in is about to end. */
void endpoint_withdraw(struct endpoint *e, struct notice *n)
{
	spin_lock(&e->object.lock);
	if (n->kind) {
		list_remove(&n->link);
		n->kind = 0;
	}
	spin_unlock(&e->object.lock);
}

/* The server is told that the caller no longer wants to wait; with the lock. */
void cancel_send(struct endpoint *e, struct thread *t)
{
	t->cancel.words[0] = t->call_entry->token;
	if (t->cancel.kind || e->closed)
		return;
	object_get(&t->object);
	t->cancel.kind = NOTICE_CANCEL;
	list_push_back(&e->notices, &t->cancel.link);
	waitqueue_wake_one(&e->receivers, 0);
}

/* A cancel notice that nobody took while the answer came speaks of nothing now. */
void cancel_withdraw(struct endpoint *e, struct thread *t)
{
	bool withdrawn;

	spin_lock(&e->object.lock);
	withdrawn = t->cancel.kind == NOTICE_CANCEL;
	if (withdrawn) {
		list_remove(&t->cancel.link);
		t->cancel.kind = 0;
	}
	spin_unlock(&e->object.lock);
	if (withdrawn)
		object_put(&t->object);
}
