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
#include "sched.h"
#include "delay.h"

/* Who is told that a notice has been taken, or will never be. */
void notice_done(struct notice *n, uint32_t kind)
{
	if (kind == NOTICE_CLOSE)
		descriptor_close_delivered(n);
	else if (kind == NOTICE_DEATH)
		object_put(&container_of(n, struct task, death)->object);
	else if (kind == NOTICE_FAULT)
		object_put(&container_of(n, struct task, fault)->object);
	else if (kind == NOTICE_MEMORY)
		object_put(&container_of(n, struct task, memory)->object);
	else if (kind == NOTICE_CANCEL)
		object_put(&container_of(n, struct thread, cancel)->object);
}

/*
 * Queue a notice unless it is queued.  It is embedded in an object that keeps a reference for it
 * (notice_done drops it): the caller gives that reference, and gets it back when already queued.
 */
static bool notice_queue(struct endpoint *e, struct notice *n, uint32_t kind)
{
	bool queued = false, wake = kind != NOTICE_CLOSE;

	delay(DELAY_NOTICE);
	spin_lock(&e->object.lock);
	if (!n->kind) {
		n->kind = kind;
		list_push_back(&e->notices, &n->link);
		if (wake)
			waitqueue_wake_one(&e->receivers, 0);
		queued = true;
	}
	spin_unlock(&e->object.lock);
	if (!wake)
		sched_defer(e);
	return queued;
}

/* What sched_defer put off: somebody must look at what is queued. */
void endpoint_kick(struct endpoint *e)
{
	spin_lock(&e->object.lock);
	if (!list_empty(&e->notices))
		waitqueue_wake_one(&e->receivers, 0);
	spin_unlock(&e->object.lock);
}

void endpoint_notify(struct endpoint *e, struct notice *n, uint32_t kind)
{
	struct object *keep = kind == NOTICE_DEATH ? &container_of(n, struct task, death)->object :
			      kind == NOTICE_FAULT ? &container_of(n, struct task, fault)->object :
			      kind == NOTICE_MEMORY ? &container_of(n, struct task, memory)->object :
			      kind == NOTICE_CANCEL ? &container_of(n, struct thread, cancel)->object : NULL;

	if (keep)
		object_get(keep);
	if (!notice_queue(e, n, kind) && keep)
		object_put(keep);
}

void notice_accept(struct thread *t, struct notice *n)
{
	struct ipc_message *to = message(t);

	to->token = 0;
	to->via = n->kind;
	to->badge = n->badge;
	for (int i = 0; i < 4; i++)
		to->words[i] = n->words[i];
	to->inline_len = 0;
	to->ncaps = 0;
	to->bulk_out_len = to->bulk_in_len = 0;
	to->sender_badge = 0;
}

/* The server is told that the caller no longer wants to wait; with the lock. */
void cancel_send(struct endpoint *e, struct thread *t)
{
	t->cancel.words[0] = token_of(e, t->call_index);
	if (t->cancel.kind)
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
