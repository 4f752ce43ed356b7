/*
 * futex.c -- sleeping on a word of user memory.
 *
 * A word is keyed by (vspace, address), or by (vmo, offset) where the memory is shared.  The key holds a
 * reference of its object while somebody sleeps on it, so it cannot be reused.
 * Locks:   a bucket's (RANK_FUTEX); two of them in order of address.  The word is read under it with
 *          faults off.
 * Tested:  kernel/test/futex_test.c, tests/linux/thread.c; conforms to futex(2) without PI.
 */
#include "delay.h"
#include "futex.h"
#include "mm.h"
#include "syscalls.h"
#include "thread.h"

#define BUCKETS 256
#define WAIT_ANY_MAX 128

struct bucket { struct spinlock lock; struct waitqueue queue; };
static struct bucket buckets[BUCKETS];

/* A sleeper; waiter.key is an index for wait_any.  bucket changes under both buckets' locks. */
struct sleeper {
	struct waiter waiter;
	struct futex_key key;
	struct bucket *bucket;
	uint64_t bits;
};

void futex_init(void)
{
	for (int i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, RANK_FUTEX);
		waitqueue_init(&buckets[i].queue);
	}
}

static struct bucket *bucket_of(const struct futex_key *k)
{
	uint64_t h = ((uint64_t)k->object ^ k->offset) * 0x9e3779b97f4a7c15ull;

	return &buckets[h >> 56];
}

static bool same(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}

static status_t key_get(uint64_t addr, uint64_t flags, struct futex_key *k)
{
	REQUIRE(addr % 4 == 0, E_INVAL);
	return vspace_futex_key(current->task->vspace, addr, flags & FUTEX_PRIVATE_ABI, k);
}

static void pair_lock(struct bucket *a, struct bucket *b)
{
	if (a == b) {
		spin_lock(&a->lock);
	} else {
		spin_lock(a < b ? &a->lock : &b->lock);
		spin_lock_second(a < b ? &b->lock : &a->lock);
	}
}

static void pair_unlock(struct bucket *a, struct bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

/* A sleeper's bucket may change by a requeue until its lock is held. */
static struct bucket *sleeper_lock(struct sleeper *s)
{
	for (;;) {
		struct bucket *b = atomic_load(&s->bucket);

		spin_lock(&b->lock);
		if (s->bucket == b)
			return b;
		spin_unlock(&b->lock);
	}
}

/* Queue s on the word if it still has the value.  0, E_AGAIN, E_FAULT; no lock held before and after. */
static status_t enqueue_if(struct sleeper *s, uint64_t addr, uint32_t value)
{
	struct bucket *b = bucket_of(&s->key);

	for (;;) {
		uint32_t now = 0;
		status_t e;

		spin_lock(&b->lock);
		e = user_read_u32_nofault(addr, &now);
		if (!e && now == value) {
			s->bucket = b;
			waiter_add(&b->queue, &s->waiter);
			spin_unlock(&b->lock);
			return 0;
		}
		spin_unlock(&b->lock);
		if (!e)
			return E_AGAIN;
		e = user_fault_in(addr, 4, false);
		REQUIRE(e == 0, e);
	}
}

static void dequeue(struct sleeper *s)
{
	struct bucket *b = sleeper_lock(s);

	if (!s->waiter.woken)
		list_remove(&s->waiter.link);
	spin_unlock(&b->lock);
}

/* Until woken, or an error; the sleeper's lock is not held. */
static status_t sleep_on(struct sleeper *s, uint64_t deadline)
{
	for (;;) {
		status_t e;

		thread_sleep_prepare();
		if (atomic_load(&s->waiter.woken)) {
			thread_sleep_cancel();
			return 0;
		}
		delay(DELAY_FUTEX);
		e = thread_sleep(deadline, true);
		delay(DELAY_FUTEX);
		if (!e)
			continue;
		dequeue(s);
		return s->waiter.woken ? 0 : e;
	}
}

int64_t sys_futex_wait(uint64_t addr, uint64_t value, uint64_t bits, uint64_t deadline, uint64_t flags)
{
	struct sleeper s = { .bits = (uint32_t)bits };
	status_t e;

	REQUIRE((uint32_t)bits, E_INVAL);
	e = key_get(addr, flags, &s.key);
	REQUIRE(e == 0, e);
	e = enqueue_if(&s, addr, (uint32_t)value);
	if (!e)
		e = sleep_on(&s, deadline);
	vspace_futex_key_put(&s.key);
	return e;
}

/* With the bucket's lock. */
static int64_t wake_some(struct bucket *b, const struct futex_key *k, uint64_t count, uint32_t bits)
{
	int64_t n = 0;

	list_for_each_safe(l, &b->queue.waiters) {
		struct sleeper *s = list_entry(l, struct sleeper, waiter.link);

		if ((uint64_t)n >= count)
			break;
		if (!same(&s->key, k) || !(s->bits & bits))
			continue;
		waiter_wake(&s->waiter, 0);
		n++;
	}
	return n;
}

int64_t sys_futex_wake(uint64_t addr, uint64_t count, uint64_t bits, uint64_t flags)
{
	struct futex_key k;
	struct bucket *b;
	int64_t n = 0;
	status_t e;

	REQUIRE((uint32_t)bits, E_INVAL);
	e = key_get(addr, flags, &k);
	REQUIRE(e == 0, e);
	b = bucket_of(&k);
	spin_lock(&b->lock);
	if (!list_empty(&b->queue.waiters))
		n = wake_some(b, &k, count, (uint32_t)bits);
	spin_unlock(&b->lock);
	vspace_futex_key_put(&k);
	return n;
}

void futex_wake_address(uint64_t addr)
{
	sys_futex_wake(addr, 1, ~0u, FUTEX_PRIVATE_ABI);
	sys_futex_wake(addr, 1, ~0u, 0);
}

int64_t sys_futex_requeue(uint64_t from, uint64_t wake, uint64_t to, uint64_t move, uint64_t value, uint64_t flags)
{
	struct futex_key kf, kt;
	struct bucket *bf, *bt;
	int64_t n = 0;
	status_t e = key_get(from, flags, &kf);

	REQUIRE(e == 0, e);
	e = key_get(to, flags, &kt);
	if (e) {
		vspace_futex_key_put(&kf);
		return e;
	}
	bf = bucket_of(&kf);
	bt = bucket_of(&kt);
	for (;;) {
		uint32_t now = (uint32_t)value;

		pair_lock(bf, bt);
		e = flags & FUTEX_COMPARE ? user_read_u32_nofault(from, &now) : 0;
		if (!e && now == (uint32_t)value)
			break;
		pair_unlock(bf, bt);
		e = e ? user_fault_in(from, 4, false) : E_AGAIN;
		if (e)
			goto out;
	}
	n = wake_some(bf, &kf, wake, ~0u);
	list_for_each_safe(l, &bf->queue.waiters) {
		struct sleeper *s = list_entry(l, struct sleeper, waiter.link);

		if (!move || same(&kf, &kt))
			break;
		if (!same(&s->key, &kf))
			continue;
		list_remove(&s->waiter.link);
		vspace_futex_key_put(&s->key);
		object_get(kt.object);
		s->key = kt;
		atomic_store(&s->bucket, bt);
		list_push_back(&bt->queue.waiters, &s->waiter.link);
		move--;
		n++;
	}
	pair_unlock(bf, bt);
out:
	vspace_futex_key_put(&kf);
	vspace_futex_key_put(&kt);
	return e ? e : n;
}

/* FUTEX_WAKE_OP's operation and comparison, futex(2). */
static uint32_t op_apply(uint32_t op, uint32_t old)
{
	uint32_t arg = op >> 12 & 0xfff;

	if (op >> 31)
		arg = 1u << (arg & 31);
	switch (op >> 28 & 7) {
	case 0: return arg;
	case 1: return old + arg;
	case 2: return old | arg;
	case 3: return old & ~arg;
	default: return old ^ arg;
	}
}

static bool op_compare(uint32_t op, uint32_t old)
{
	int32_t a = (int32_t)old, b = (int32_t)(op << 20) >> 20;

	switch (op >> 24 & 15) {
	case 0: return a == b;
	case 1: return a != b;
	case 2: return a < b;
	case 3: return a <= b;
	case 4: return a > b;
	default: return a >= b;
	}
}

int64_t sys_futex_wake_op(uint64_t addr, uint64_t wake, uint64_t addr2, uint64_t wake2, uint64_t op, uint64_t flags)
{
	struct futex_key k1, k2;
	struct bucket *b1, *b2;
	uint32_t old = 0, was = 0;
	int64_t n;
	status_t e;

	REQUIRE((op >> 28 & 7) <= 4 && (op >> 24 & 15) <= 5, E_NOSYS);
	e = key_get(addr, flags, &k1);
	REQUIRE(e == 0, e);
	e = key_get(addr2, flags, &k2);
	if (e) {
		vspace_futex_key_put(&k1);
		return e;
	}
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
	for (;;) {
		pair_lock(b1, b2);
		e = user_read_u32_nofault(addr2, &old);
		if (!e)
			e = user_cas_u32_nofault(addr2, old, op_apply((uint32_t)op, old), &was);
		if (!e && was == old)
			break;
		pair_unlock(b1, b2);
		if (!e)
			continue;
		e = user_fault_in(addr2, 4, true);
		if (e) {
			n = e;
			goto out;
		}
	}
	n = wake_some(b1, &k1, wake, ~0u);
	if (op_compare((uint32_t)op, old))
		n += wake_some(b2, &k2, wake2, ~0u);
	pair_unlock(b1, b2);
out:
	vspace_futex_key_put(&k1);
	vspace_futex_key_put(&k2);
	return n;
}

/* --- several words ------------------------------------------------------------------------------------------ */

static int64_t wait_all(struct sleeper *s, uint32_t n, uint64_t deadline)
{
	int64_t woken = -1;
	status_t e = 0;

	while (woken < 0 && !e) {
		thread_sleep_prepare();
		for (uint32_t i = 0; i < n && woken < 0; i++)
			if (atomic_load(&s[i].waiter.woken))
				woken = i;
		if (woken >= 0)
			thread_sleep_cancel();
		else
			e = thread_sleep(deadline, true);
	}
	for (uint32_t i = 0; i < n; i++) {
		dequeue(&s[i]);
		if (woken < 0 && s[i].waiter.woken)
			woken = i;
	}
	return woken >= 0 ? woken : e;
}

int64_t sys_futex_wait_any(uint64_t waits, uint64_t count, uint64_t deadline)
{
	struct futex_waiter w;
	struct pool *pool = current->task->task_pool;
	struct sleeper *s = NULL;
	uint32_t n = 0;
	int64_t e = 0;

	REQUIRE(count <= WAIT_ANY_MAX, E_INVAL);
	if (count) {
		s = kmem_alloc(pool, count * sizeof(*s));
		REQUIRE(s, E_NOMEM);
	}
	for (; n < count; n++) {
		e = user_copy_in(&w, waits + n * sizeof(w), sizeof(w)) ? E_FAULT : 0;
		if (!e)
			e = key_get(w.word, w.flags, &s[n].key);
		if (e)
			break;
		s[n].bits = ~0u;
		e = enqueue_if(&s[n], w.word, (uint32_t)w.value);
		if (e) {
			vspace_futex_key_put(&s[n].key);
			break;
		}
	}
	if (e) {
		for (uint32_t i = 0; i < n; i++) {
			dequeue(&s[i]);
			if (e < 0 && s[i].waiter.woken)	/* that wake must not be lost */
				e = i;
		}
	} else {
		e = wait_all(s, n, deadline);
	}
	for (uint32_t i = 0; i < n; i++)
		vspace_futex_key_put(&s[i].key);
	if (s)
		kmem_free(pool, s, count * sizeof(*s));
	return e;
}
