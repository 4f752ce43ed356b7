/*
 * pager.c -- who supplies the pages of files that the kernel caches, and says which may become dirty.
 *
 * A pager stands for a file system, not for the server that runs it: when that dies, its contents and what
 * waits for their pages stay, and the next one attaches.  A thread that needs a page puts a page_wait, on its
 * own stack, into the content's list and, unless the same is asked already, into the pager's; the server is
 * told by one notice and takes the requests with pager_next.  So there are never more than waiting threads.
 * What is answered (pager_supply, pager_mark, pager_refuse) wakes whoever waits for it, asked or not; who is
 * woken looks again.
 *
 * Owns:    the link between a content and its pager; a content with dirty pages is held by its pager.
 * Locks:   pager_lock, one for all (requests are as rare as disk reads): lists, trees by key, endpoints, and
 *          whom contents tell.  vmo.lock, below it: backed ranges, FRAME_DIRTY, ndirty, held.
 * Fails:   E_IO when the pager has been destroyed; E_GONE when the waiting thread is killed, E_REVOKED when the
 *          lease of its operation ends: no signal and no deadline ends a wait, as with a disk on Linux.
 * Tested:  kernel/test/pager_test.c, programs/selftest/pager.c
 */
#include "local.h"
#include "delay.h"
#include "ipc.h"
#include "lease.h"

struct spinlock pager_lock = SPINLOCK(RANK_PAGER);

struct page_wait {
	struct waiter w;		/* in paged.waiters; key: page, bits: PAGER_* */
	struct paged *paged;
	struct list ask;		/* in pager.asking, or alone: taken, or another asks for the same */
};

struct backed { struct tree_node node; uint64_t end; };		/* pages [node.key, end) */

static struct paged *paged_of(struct tree_node *n) { return container_of(n, struct paged, node); }
static struct page_wait *wait_of(struct list *l) { return list_entry(list_entry(l, struct waiter, link), struct page_wait, w); }
static struct backed *backed_of(struct tree_node *n) { return n ? container_of(n, struct backed, node) : NULL; }

/* --- what is backed: vmo.lock is held ------------------------------------------------------------------- */

static bool backed_has(const struct paged *pd, uint64_t page)
{
	const struct backed *b = backed_of(tree_at_most(&pd->backed, page));

	return b && page < b->end;
}

static void backed_free(struct vmo *v, struct backed *b)
{
	tree_remove(&v->paged->backed, &b->node);
	kmem_free(v->object.pool, b, sizeof(*b));
}

static status_t backed_new(struct vmo *v, uint64_t first, uint64_t end)
{
	struct backed *b = kmem_alloc(v->object.pool, sizeof(*b));

	REQUIRE(b, E_NOMEM);
	b->node.key = first;
	b->end = end;
	tree_insert(&v->paged->backed, &b->node);
	return 0;
}

static status_t backed_add(struct vmo *v, uint64_t first, uint64_t end)
{
	struct tree *t = &v->paged->backed;
	struct backed *b = backed_of(tree_at_most(t, first)), *next;

	if (!b || b->end < first) {
		status_t s = backed_new(v, first, end);

		REQUIRE(s == 0, s);
		b = backed_of(tree_at_most(t, first));
	}
	b->end = MAX(b->end, end);
	while ((next = backed_of(tree_next(&b->node))) && next->node.key <= b->end) {
		b->end = MAX(b->end, next->end);
		backed_free(v, next);
	}
	return 0;
}

/* E_NOMEM: a cut in the middle of a range was impossible; never with end ~0. */
static status_t backed_remove(struct vmo *v, uint64_t first, uint64_t end)
{
	struct tree *t = &v->paged->backed;
	struct backed *b = backed_of(tree_at_most(t, first));

	if (b && b->node.key < first && b->end > first) {
		status_t s = b->end > end ? backed_new(v, end, b->end) : 0;

		REQUIRE(s == 0, s);
		b->end = first;
	}
	while ((b = backed_of(tree_at_least(t, first))) && b->node.key < end) {
		if (b->end > end) {
			tree_remove(t, &b->node);
			b->node.key = end;
			tree_insert(t, &b->node);
			break;
		}
		backed_free(v, b);
	}
	return 0;
}

/* --- for vmo.c -------------------------------------------------------------------------------------------- */

uint32_t paged_wants(const struct vmo *v, uint64_t page, bool write)
{
	if (write && !backed_has(v->paged, page))
		return PAGER_BACK;
	return page < pages_of(v->size) && !vmo_find(v, page) ? PAGER_DATA : 0;
}

void paged_dirty(struct vmo *v, struct frame *f)
{
	struct paged *pd = v->paged;

	if (f->flags & FRAME_DIRTY)
		return;
	atomic_or(&f->flags, (uint32_t)FRAME_DIRTY);
	pd->ndirty++;
	if (!pd->held)			/* who writes holds the content */
		object_get(&pd->content->object);
	pd->held = true;
}

void paged_zeroed(struct vmo *v, uint64_t page, struct frame *f)
{
	if (backed_has(v->paged, page))	/* else it held zeros already */
		paged_dirty(v, f);
}

void paged_trim(struct vmo *v, uint64_t page)
{
	KASSERT(backed_remove(v, page, ~0ull) == 0);
}

void paged_free(struct vmo *v)
{
	struct paged *pd = v->paged;

	KASSERT(!pd->pager && !pd->held && list_empty(&pd->waiters.waiters));
	paged_trim(v, 0);
	kmem_free(v->object.pool, pd, sizeof(*pd));
}

/* --- asking: pager_lock is held ----------------------------------------------------------------------------- */

/* Of a pager that is just ending nobody is told: who waits is answered when its content is cut off. */
static void ask(struct page_wait *w)
{
	struct pager *p = w->paged->pager;

	list_push_back(&p->asking, &w->ask);
	p->ask.words[0] = p->generation;
	if (likely(p->endpoint))
		endpoint_notify(p->endpoint, &p->ask, NOTICE_PAGE);
}

/* The first that waits for the same; w itself is in the list. */
static struct page_wait *asker(struct page_wait *w)
{
	list_for_each(l, &w->paged->waiters.waiters) {
		struct page_wait *other = wait_of(l);

		if (other->w.key == w->w.key && other->w.bits == w->w.bits)
			return other;
	}
	return w;
}

/* No more: if the request is not taken yet (killed, or its lease has ended), another one asks. */
static void wait_leave(struct page_wait *w)
{
	bool asked = list_empty(&w->ask);
	struct page_wait *other;

	list_remove(&w->w.link);
	list_remove(&w->ask);
	if (asked)
		return;
	other = asker(w);
	if (other != w)
		ask(other);
}

static void wait_answer(struct page_wait *w, status_t status)
{
	list_remove(&w->ask);
	waiter_wake(&w->w, status);
}

static void range_answer(struct paged *pd, uint64_t page, uint64_t npages, uint32_t wants, status_t status)
{
	list_for_each_safe(l, &pd->waiters.waiters) {
		struct page_wait *w = wait_of(l);

		if (w->w.key - page < npages && w->w.bits & wants)
			wait_answer(w, status);
	}
}

static status_t wait_sleep(struct page_wait *w)
{
	status_t s;

	for (;;) {
		thread_sleep_prepare();
		if (w->w.woken) {
			thread_sleep_cancel();
			return w->w.status;
		}
		spin_unlock(&pager_lock);
		s = unlikely(current->op_lease) ? lease_sleep(&w->w, &pager_lock, NULL, DEADLINE_NEVER, false) :
						  thread_sleep(DEADLINE_NEVER, false);
		spin_lock(&pager_lock);
		if (s || w->w.woken) {
			wait_leave(w);
			return w->w.woken ? w->w.status : s;
		}
	}
}

/*
 * Ask for a page and wait.  0: look again; E_NOSPACE, E_IO: refused, or no pager; E_GONE, E_REVOKED.  No
 * lock may be held; the caller keeps v.
 */
status_t paged_wait(struct vmo *v, uint64_t page, uint32_t want)
{
	struct page_wait w = { .paged = v->paged };
	status_t s = E_IO;

	__atomic_fetch_add(&current->task->faults_major, 1, __ATOMIC_RELAXED);
	list_init(&w.ask);
	spin_lock(&pager_lock);
	if (w.paged->pager) {
		waiter_add(&w.paged->waiters, &w.w);
		w.w.key = page;
		w.w.bits = want;
		if (asker(&w) == &w)
			ask(&w);
		s = wait_sleep(&w);
	}
	spin_unlock(&pager_lock);
	return s;
}

/* Everything that the access needs, one after the other.  Errors as paged_wait. */
status_t paged_ready(struct vmo *v, uint64_t page, bool write)
{
	for (;;) {
		uint32_t want;
		status_t s;

		spin_lock(&v->object.lock);
		want = page < pages_of(v->size) ? paged_wants(v, page, write) : 0;
		spin_unlock(&v->object.lock);
		if (!want)
			return 0;
		s = paged_wait(v, page, want);
		REQUIRE(s == 0, s);
	}
}

uint32_t paged_missing(struct vmo *v, uint64_t offset, uint64_t len, uint64_t *page)
{
	uint64_t last = (offset + len - 1) >> 12;
	uint32_t want = 0;

	spin_lock(&v->object.lock);
	for (*page = offset >> 12; *page <= last && !(want = paged_wants(v, *page, true)); ++*page)
		;
	spin_unlock(&v->object.lock);
	return want;
}

/* E_AGAIN: nothing is asked. */
status_t pager_request_take(struct pager *p, struct pager_request *out)
{
	struct page_wait *w;
	struct list *l;

	spin_lock(&pager_lock);
	l = list_pop(&p->asking);
	if (l) {
		w = list_entry(l, struct page_wait, ask);
		*out = (struct pager_request){ w->paged->node.key, w->w.key << 12, PAGE_SIZE, w->w.bits, p->generation };
	}
	spin_unlock(&pager_lock);
	return l ? 0 : E_AGAIN;
}

/* --- pagers ------------------------------------------------------------------------------------------------- */

/* The first server is that of the endpoint, of which a reference is taken.  E_NOMEM. */
status_t pager_new(struct pool *pool, struct endpoint *e, uint64_t badge, struct pager **out)
{
	struct pager *p = object_alloc(pool, OBJ_PAGER, sizeof(*p), RANK_OBJECT);

	REQUIRE(p, E_NOMEM);
	list_init(&p->asking);
	list_init(&p->ask.link);
	p->ask.badge = badge;
	p->generation = 1;
	p->endpoint = e;
	object_get(&e->object);
	*out = p;
	return 0;
}

/* What a former server took and did not answer is asked again. */
static void ask_again(struct pager *p)
{
	for (struct tree_node *n = tree_first(&p->contents); n; n = tree_next(n))
		list_for_each(l, &paged_of(n)->waiters.waiters)
			if (list_empty(&wait_of(l)->ask) && asker(wait_of(l)) == wait_of(l))
				ask(wait_of(l));
	if (!list_empty(&p->asking)) {
		p->ask.words[0] = p->generation;
		endpoint_notify(p->endpoint, &p->ask, NOTICE_PAGE);
	}
}

/* Another server's endpoint.  The new generation, 0: the pager has been destroyed. */
uint64_t pager_attach(struct pager *p, struct endpoint *e, uint64_t badge)
{
	struct endpoint *old;
	uint64_t generation = 0;

	spin_lock(&pager_lock);
	old = p->endpoint;
	if (old) {
		endpoint_withdraw(old, &p->ask);
		object_get(&e->object);
		p->endpoint = e;
		p->ask.badge = badge;
		generation = ++p->generation;
		ask_again(p);
	}
	spin_unlock(&pager_lock);
	if (old)
		object_put(&old->object);
	return generation;
}

/* Cut a content off: nothing can be asked and nothing become dirty any more.  True: the pager held it. */
static bool content_cut(struct paged *pd)
{
	struct vmo *v = pd->content->vmo;
	bool held;

	tree_remove(&pd->pager->contents, &pd->node);
	pd->pager = NULL;
	range_answer(pd, 0, ~0ull, PAGER_DATA | PAGER_BACK, E_IO);
	spin_lock(&v->object.lock);
	paged_trim(v, 0);
	held = pd->held;
	pd->held = false;
	spin_unlock(&v->object.lock);
	return held;
}

/* Destroyed.  What its contents hold can be read on; the rest is E_IO. */
void pager_end(struct pager *p)
{
	struct endpoint *e;
	struct tree_node *n;

	spin_lock(&pager_lock);
	e = p->endpoint;
	p->endpoint = NULL;
	if (e)
		endpoint_withdraw(e, &p->ask);
	while ((n = p->contents.root)) {
		struct content *c = paged_of(n)->content;
		bool held = content_cut(paged_of(n));

		spin_unlock(&pager_lock);
		if (held)
			object_put(&c->object);
		delay(DELAY_CUT);
		preempt_point();
		spin_lock(&pager_lock);
	}
	spin_unlock(&pager_lock);
	if (e)
		object_put(&e->object);
}

void pager_release(struct object *o)
{
	pager_end(container_of(o, struct pager, object));
	object_free(o);
}

/* --- contents of a pager -------------------------------------------------------------------------------------- */

/* E_EXIST: the key is taken; E_GONE: destroyed. */
static status_t content_link(struct pager *p, struct content *c, struct paged *pd)
{
	const struct tree_node *n;
	status_t s = 0;

	spin_lock(&pager_lock);
	n = tree_at_most(&p->contents, pd->node.key);
	if (!p->endpoint)
		s = E_GONE;
	else if (n && n->key == pd->node.key)
		s = E_EXIST;
	else {
		pd->pager = p;
		pd->content = c;
		c->vmo->paged = pd;
		tree_insert(&p->contents, &pd->node);
	}
	spin_unlock(&pager_lock);
	return s;
}

status_t pager_content_new(struct pager *p, struct pool *pool, uint64_t size, uint64_t key, struct content **out)
{
	struct content *c;
	struct paged *pd;
	status_t s = content_new(pool, size, &c);

	REQUIRE(s == 0, s);
	pd = kmem_alloc(pool, sizeof(*pd));
	if (!pd) {
		s = E_NOMEM;
		goto drop_content;
	}
	pd->node.key = key;
	waitqueue_init(&pd->waiters);
	s = content_link(p, c, pd);
	if (s == 0) {
		*out = c;
		return 0;
	}
	kmem_free(pool, pd, sizeof(*pd));
drop_content:
	object_put(&c->object);
	return s;
}

/* The content ends: by now nobody waits and nothing is dirty. */
void paged_orphan(struct content *c)
{
	struct paged *pd = c->vmo->paged;

	spin_lock(&pager_lock);
	if (pd->pager) {
		bool held = content_cut(pd);

		KASSERT(!held);
	}
	pd->content = NULL;
	spin_unlock(&pager_lock);
}

/* The content of *key, or with next of the least one from there on; *key becomes its.  E_NOENT. */
status_t pager_content_find(struct pager *p, uint64_t *key, bool next, struct content **out)
{
	struct tree_node *n;
	status_t s = E_NOENT;

	spin_lock(&pager_lock);
	n = tree_at_least(&p->contents, *key);
	for (; n && s < 0 && (next || n->key == *key); n = tree_next(n)) {
		struct content *c = paged_of(n)->content;

		if (!object_try_get(&c->object))
			continue;	/* about to be cut off */
		*key = n->key;
		*out = c;
		s = 0;
	}
	spin_unlock(&pager_lock);
	return s;
}

/* --- what the server says ----------------------------------------------------------------------------------- */

static void answer(struct content *c, uint64_t page, uint64_t npages, uint32_t wants, status_t status)
{
	spin_lock(&pager_lock);
	range_answer(c->vmo->paged, page, npages, wants, status);
	spin_unlock(&pager_lock);
}

/* The pager lets go of a content of which nothing is dirty any more; no lock held. */
static void content_let_go(struct content *c)
{
	struct vmo *v = c->vmo;
	bool drop;

	spin_lock(&v->object.lock);
	drop = v->paged->held && v->paged->ndirty == 0;
	if (drop)
		v->paged->held = false;
	spin_unlock(&v->object.lock);
	if (drop)
		object_put(&c->object);
}

/*
 * Frames of `from` (NULL: zeros) into those pages of the range that are absent.  A frame that nothing else shows
 * is moved, its charge, too; another is copied.  E_NOMEM, E_INVAL: not within `from`; what came before it stays.
 */
status_t pager_supply(struct content *c, uint64_t page, struct vmo *from, uint64_t from_page, uint64_t npages)
{
	status_t s = vmo_supply(c->vmo, page, from, from_page, npages);

	answer(c, page, npages, PAGER_DATA, 0);
	return s;
}

status_t pager_refuse(struct content *c, uint64_t page, uint64_t npages, uint32_t wants, status_t error)
{
	answer(c, page, npages, wants, error);
	return 0;
}

/* Change FRAME_DIRTY of what is present in the range and backed. */
static void range_dirty(struct vmo *v, uint64_t page, uint64_t end, bool dirty)
{
	while (page < end) {
		unsigned budget = PIECE_PAGES;

		spin_lock(&v->object.lock);
		while ((page = vmo_next(v, page)) < end && budget-- > 0) {
			struct frame *f = vmo_find(v, page++);

			if (dirty && backed_has(v->paged, page - 1)) {
				paged_dirty(v, f);
			} else if (!dirty && f->flags & FRAME_DIRTY) {
				atomic_and(&f->flags, ~(uint32_t)FRAME_DIRTY);
				v->paged->ndirty--;
			}
		}
		spin_unlock(&v->object.lock);
		if (page < end)
			preempt_point();
	}
}

static status_t mark_backed(struct content *c, uint64_t page, uint64_t npages)
{
	struct vmo *v = c->vmo;
	status_t s = E_IO;

	spin_lock(&pager_lock);		/* so that a pager that ends does not miss it */
	if (v->paged->pager) {
		spin_lock(&v->object.lock);
		s = backed_add(v, page, page + npages);
		spin_unlock(&v->object.lock);
	}
	if (s == 0)
		range_answer(v->paged, page, npages, PAGER_BACK, 0);
	spin_unlock(&pager_lock);
	return s;
}

static status_t mark_unbacked(struct content *c, uint64_t page, uint64_t npages)
{
	status_t s;

	spin_lock(&c->vmo->object.lock);
	s = backed_remove(c->vmo, page, page + npages);
	spin_unlock(&c->vmo->object.lock);
	if (s == 0)
		vspace_zap_vmo(c->vmo, page, npages);
	return s;
}

/*
 * The pages of a range are `state` from now on.  Clean: what the caller reads after that is what it must write
 * back, since whoever writes later faults, and makes dirty, again.  E_NOMEM, E_IO, E_INVAL.
 */
status_t pager_mark(struct content *c, uint64_t page, uint64_t npages, uint32_t state)
{
	switch (state) {
	case PAGE_BACKED:
		return mark_backed(c, page, npages);
	case PAGE_UNBACKED:
		return mark_unbacked(c, page, npages);
	case PAGE_DIRTY:
		range_dirty(c->vmo, page, page + npages, true);
		return 0;
	case PAGE_CLEAN:
		range_dirty(c->vmo, page, page + npages, false);
		break;
	case PAGE_DROP:
		vmo_drop(c->vmo, page, page + npages);
		break;
	default:
		return E_INVAL;
	}
	vspace_zap_vmo(c->vmo, page, npages);
	content_let_go(c);
	return 0;
}

/* The first run of dirty pages from `page` on, at most PIECE_PAGES of it.  E_NOENT. */
status_t pager_dirty(struct content *c, uint64_t page, uint64_t *first, uint64_t *npages)
{
	struct vmo *v = c->vmo;
	uint64_t n = 0;

	do {
		unsigned budget = PIECE_PAGES;

		spin_lock(&v->object.lock);
		while (v->paged->ndirty && budget-- > 0 && (page = vmo_next(v, page)) != ~0ull) {
			for (n = 0; n < PIECE_PAGES; n++) {
				struct frame *f = vmo_find(v, page + n);

				if (!f || !(f->flags & FRAME_DIRTY))
					break;
			}
			if (n)
				break;
			page++;
		}
		if (!v->paged->ndirty)
			page = ~0ull;
		spin_unlock(&v->object.lock);
	} while (!n && page != ~0ull && preempt_point());
	*first = page;
	*npages = n;
	return n ? 0 : E_NOENT;
}
