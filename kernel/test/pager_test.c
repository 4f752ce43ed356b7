/*
 * pager_test.c -- contents with a pager, and what servers are told of contents.
 *
 * One thread: while it waits for a page, host_sleep is the pager's server.
 */
#include "host.h"
#include "ipc.h"

#define BUF 0x100000ull
#define MAP 0x800000ull
#define PG(n) ((uint64_t)(n) * PAGE_SIZE)
#define RW (MAP_READ | MAP_WRITE)

static struct endpoint endpoint, endpoint2;
static struct pager *pager;
static struct content *content;
static struct vspace *space;
static struct pager_request asked[16];
static unsigned nasked;
static uint64_t room;			/* pages that the server will still back */

/* Take every request that there is. */
static void server_take(void)
{
	nasked = 0;
	while (nasked < ARRAY_SIZE(asked) && pager_request_take(pager, &asked[nasked]) == 0)
		nasked++;
}

/* The page's number plus one in its first byte. */
static void supply(uint64_t page)
{
	uint8_t byte = (uint8_t)(page + 1);
	struct vmo *v;

	CHECK(vmo_new(root_pool, PG(1), &v) == 0 && vmo_copy_in(v, 0, &byte, 1) == 1);
	CHECK(pager_supply(content, page, v, 0, 1) == 0);
	object_put(&v->object);
}

static status_t serve(void)
{
	CHECK(pager->ask.kind == NOTICE_PAGE && pager->ask.badge == 7);
	pager->ask.kind = 0;
	server_take();
	CHECK(nasked > 0);
	for (unsigned i = 0; i < nasked; i++) {
		uint64_t page = asked[i].offset >> 12;

		CHECK(asked[i].key == 42 && asked[i].len == PAGE_SIZE && asked[i].generation == pager->generation);
		if (asked[i].want == PAGER_DATA) {
			supply(page);
		} else if (room) {
			room--;
			CHECK(pager_mark(content, page, 1, PAGE_BACKED) == 0);
		} else {
			CHECK(pager_refuse(content, page, 1, PAGER_BACK, E_NOSPACE) == 0);
		}
	}
	return 0;
}

static void begin(uint64_t size)
{
	memset(&endpoint, 0, sizeof(endpoint));
	memset(&endpoint2, 0, sizeof(endpoint2));
	endpoint.object.refs = endpoint2.object.refs = 1;
	spin_init(&endpoint.object.lock, RANK_ENDPOINT);
	spin_init(&endpoint2.object.lock, RANK_ENDPOINT);
	CHECK(pager_new(root_pool, &endpoint, 7, &pager) == 0);
	CHECK(pager_content_new(pager, root_pool, size, 42, &content) == 0);
	space = host_space();
	CHECK(vspace_map_anon(space, BUF, PG(40), RW) == 0 && host_write(BUF, 200) == 0);
	host_sleep = serve;
	room = ~0ull;
}

static void end(void)
{
	CHECK(host_tlb_true());
	object_put(&space->object);
	if (content) {
		(void)pager_mark(content, 0, 1ull << 40, PAGE_CLEAN);
		object_put(&content->object);
	}
	if (pager)
		object_put(&pager->object);
	CHECK(endpoint.object.refs == 1 && endpoint2.object.refs == 1);
	host_sleep = NULL;
}

static int64_t write_byte(uint64_t offset)
{
	uint64_t stop;

	return content_write(content, offset, BUF, 1, ~0ull, &stop);
}

static uint64_t dirty_pages(void)
{
	uint64_t first = 0, n, sum = 0;

	for (; pager_dirty(content, first, &first, &n) == 0; first += n)
		sum += n;
	return sum;
}

static void map(uint64_t flags)
{
	struct mapping like = { .kind = MAPPING_OBJECT, .vmo = content->vmo, .content = content };

	CHECK(vspace_map_like(space, MAP, PG(8), flags | MAP_FIXED_ABI | MAP_MAX_READ | MAP_MAX_WRITE, &like) == MAP);
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static void reads(void)
{
	begin(PG(3) + 5);
	CHECK(content_read(content, PG(1), BUF, PG(2)) == (int64_t)PG(2));
	CHECK(host_byte(BUF) == 2 && host_byte(BUF + PG(1)) == 3 && content->vmo->npages == 2);
	host_sleep = NULL;		/* cached */
	CHECK(content_read(content, PG(1), BUF, 1) == 1 && content_read(content, PG(9), BUF, 1) == 0);
	host_sleep = serve;
	map(MAP_READ);
	CHECK(host_byte(MAP) == 1 && host_byte(MAP + PG(2)) == 3 && host_byte(MAP + PG(3)) == 4);
	CHECK(host_byte(MAP + PG(4)) == -1000 + FAULT_BEYOND_END && dirty_pages() == 0);
	end();
}

static status_t refuse_data(void)
{
	server_take();
	return pager_refuse(content, 0, 100, PAGER_DATA, E_IO);
}

static void read_errors(void)
{
	begin(PG(3));
	CHECK(content_read(content, 0, BUF, 10) == 10);
	host_sleep = refuse_data;
	CHECK(content_read(content, 0, BUF, PG(2)) == (int64_t)PG(1) && content_read(content, PG(1), BUF, 1) == E_IO);
	map(RW);
	CHECK(host_byte(MAP + PG(1)) == -1000 + E_IO && host_byte(MAP) == 1 && host_write(MAP + PG(2), 1) == E_IO);
	end();
}

static status_t killed(void) { return E_GONE; }

static void kills(void)
{
	begin(PG(3));
	host_sleep = killed;
	CHECK(content_read(content, 0, BUF, 10) == E_GONE && list_empty(&pager->asking));
	host_sleep = serve;
	CHECK(content_read(content, 0, BUF, 10) == 10);
	end();
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static void writes(void)
{
	begin(PG(2));
	room = 3;
	CHECK(write_byte(5) == 1 && room == 2 && dirty_pages() == 1 && content->vmo->npages == 1);
	CHECK(write_byte(6) == 1 && room == 2);		/* backed already */
	CHECK(content_read(content, 0, BUF + 10, 1) == 1 && host_byte(BUF + 10) == 1);	/* the rest was read in */
	CHECK(write_byte(PG(5)) == 1 && room == 1 && vmo_size(content->vmo) == PG(5) + 1);	/* growth: nothing to read */
	CHECK(nasked == 1 && asked[0].want == PAGER_BACK && content->vmo->npages == 2);
	CHECK(write_byte(PG(6)) == 1 && write_byte(PG(7)) == E_NOSPACE && vmo_size(content->vmo) == PG(6) + 1);
	CHECK(write_byte(PG(1)) == E_NOSPACE && dirty_pages() == 3);
	end();
}

/* Of one write, what there is room for. */
static void write_refused_in_the_middle(void)
{
	uint64_t at;

	begin(0);
	room = 2;
	CHECK(content_write(content, 100, BUF, PG(4), ~0ull, &at) == (int64_t)PG(2) - 100 && at == PG(2));
	CHECK(vmo_size(content->vmo) == PG(2) && dirty_pages() == 2);
	CHECK(content_write(content, PG(2), BUF, PG(4), ~0ull, &at) == E_NOSPACE);
	end();
}

static void mapped_writes(void)
{
	begin(PG(8));
	room = 2;
	map(RW | MAP_SHARED_ABI);
	CHECK(host_byte(MAP) == 1 && dirty_pages() == 0);
	CHECK(host_write(MAP, 100) == 0 && dirty_pages() == 1 && host_write(MAP + PG(2), 1) == 0 && dirty_pages() == 2);
	CHECK(host_write(MAP + PG(3), 1) == E_NOSPACE && host_byte(MAP + PG(3)) == 4 && dirty_pages() == 2);
	/* written back: the next write makes it dirty again */
	CHECK(pager_mark(content, 0, 1, PAGE_CLEAN) == 0 && dirty_pages() == 1 && host_tlb_true());
	CHECK(host_byte(MAP) == 100 && dirty_pages() == 1 && host_write(MAP, 101) == 0 && dirty_pages() == 2);
	CHECK(pager_mark(content, 0, 8, PAGE_CLEAN) == 0 && dirty_pages() == 0);
	CHECK(pager_mark(content, 0, 8, PAGE_DIRTY) == 0 && dirty_pages() == 2);	/* what is backed */
	CHECK(pager_mark(content, 0, 8, PAGE_UNBACKED) == 0 && host_write(MAP, 1) == E_NOSPACE);
	end();
}

static void private_writes(void)
{
	begin(PG(8));
	room = 0;
	map(RW);
	CHECK(host_write(MAP + PG(1), 9) == 0 && host_byte(MAP + PG(1)) == 9 && dirty_pages() == 0);
	CHECK(nasked == 1 && asked[0].want == PAGER_DATA);
	end();
}

static void ranges(void)
{
	struct paged *pd;

	begin(PG(100));
	pd = content->vmo->paged;
	CHECK(pager_mark(content, 10, 10, PAGE_BACKED) == 0 && pager_mark(content, 30, 10, PAGE_BACKED) == 0);
	CHECK(pager_mark(content, 20, 10, PAGE_BACKED) == 0 && !tree_next(tree_first(&pd->backed)));
	CHECK(pager_mark(content, 15, 5, PAGE_UNBACKED) == 0 && pager_mark(content, 12, 100, PAGE_BACKED) == 0);
	CHECK(!tree_next(tree_first(&pd->backed)) && pager_mark(content, 50, 10, PAGE_UNBACKED) == 0);
	room = 0;
	CHECK(write_byte(PG(49)) == 1 && write_byte(PG(50)) == E_NOSPACE && write_byte(PG(59)) == E_NOSPACE &&
	      write_byte(PG(60)) == 1 && write_byte(PG(9)) == E_NOSPACE && write_byte(PG(10)) == 1);
	CHECK(pager_mark(content, 0, 1, 99) == E_INVAL);
	end();
}

static void cutting(void)
{
	begin(PG(4));
	CHECK(write_byte(PG(3)) == 1 && dirty_pages() == 1);
	CHECK(content_resize(content, PG(1) + 1, ~0ull) == 0 && dirty_pages() == 0);
	CHECK(nasked == 1 && asked[0].want == PAGER_DATA && asked[0].offset == PG(1));	/* to zero its rest */
	room = 0;
	CHECK(content_resize(content, PG(4), ~0ull) == 0 && write_byte(PG(3)) == E_NOSPACE);	/* was backed before */
	CHECK(content_punch(content, 0, 10) == E_NOT_HERE);
	end();
}

/* The server is in the middle of something else when a page is asked for: of a cut, or of another's append. */
static status_t cut_first(void)
{
	host_sleep = serve;
	CHECK(content_set_size(content, PG(1)) == 0);
	return serve();
}

static status_t append_first(void)
{
	uint64_t stop;

	host_sleep = serve;
	CHECK(content_write(content, OFFSET_OWN, BUF + PG(8), 1, ~0ull, &stop) == 1 && stop == PG(3) + 1);
	return 0;			/* it has answered all */
}

static void drop_page(void)
{
	CHECK(pager_mark(content, 1, 1, PAGE_DROP) == 0);
}

static void write_lock(void)
{
	uint64_t stop;

	begin(PG(3));
	host_sleep = cut_first;
	CHECK(write_byte(PG(2)) == 1 && vmo_size(content->vmo) == PG(2) + 1);
	end();
	begin(PG(3));
	CHECK(host_write(BUF + PG(3), 7) == 0 && host_write(BUF + PG(8), 8) == 0);
	host_sleep = append_first;
	CHECK(content_write(content, OFFSET_OWN, BUF, PG(4), ~0ull, &stop) == (int64_t)PG(4) && stop == PG(7) + 1);
	CHECK(content_read(content, PG(3), BUF + PG(20), 2) == 2 && host_byte(BUF + PG(20)) == 8);
	CHECK(host_byte(BUF + PG(20) + 1) == 200);	/* what one append wrote is in one piece */
	CHECK(content_read(content, PG(6) + 1, BUF + PG(20), 1) == 1 && host_byte(BUF + PG(20)) == 7);
	CHECK(content_store(content, PG(20), BUF, 1) == 1 && content_store(content, 0, BUF, PG(2)) == (int64_t)PG(2));
	host_sleep = killed;
	CHECK(content_write(content, PG(7), BUF, PG(30), ~0ull, &stop) == E_GONE && !content->writer);
	host_sleep = serve;
	end();
	begin(PG(3));
	host_preempt = drop_page;
	CHECK(content_resize(content, PG(1) + 1, ~0ull) == 0 && !host_preempt && vmo_find(content->vmo, 1));
	end();
}

static struct content *plain;

static status_t serve_unlocked(void)
{
	CHECK(!plain->writer);
	return serve();
}

static void slow_source(void)
{
	uint64_t stop;

	begin(PG(3));
	map(MAP_READ);
	CHECK(content_new(root_pool, 0, &plain) == 0);
	host_sleep = serve_unlocked;
	CHECK(content_write(plain, OFFSET_OWN, MAP + 5, PG(2), ~0ull, &stop) == (int64_t)PG(2) && stop == PG(2));
	CHECK(content_read(plain, PG(1) - 5, BUF, 1) == 1 && host_byte(BUF) == 2);
	CHECK(content_write(plain, 0, MAP + PG(2) + 1, PG(4), ~0ull, &stop) == (int64_t)PG(1) - 1);
	CHECK(content_write(plain, 0, MAP + PG(3), 1, ~0ull, &stop) == E_FAULT && !plain->writer);
	object_put(&plain->object);
	end();
}

/* --- supplying ----------------------------------------------------------------------------------------------- */

static void moving(void)
{
	struct pool *p;
	struct vmo *v;
	struct frame *f;
	uint8_t byte = 5;

	begin(PG(3) + 100);
	CHECK(pool_new(root_pool, ~0ull >> 1, &p) == 0 && vmo_new(p, PG(4), &v) == 0);
	for (uint64_t i = 0; i < 4; i++)
		CHECK(vmo_copy_in(v, PG(i) + 200, &byte, 1) == 1);
	f = vmo_find(v, 1);
	frame_get(vmo_find(v, 2));		/* a device still has it */
	CHECK(pager_supply(content, 0, v, PG(5) >> 12, 1) == E_INVAL && pager_supply(content, 1, v, 3, 9) == E_INVAL);
	CHECK(pager_supply(content, 1, v, 1, 3) == 0 && vmo_find(content->vmo, 1) == f && f->pool == root_pool);
	CHECK(!vmo_find(v, 1) && vmo_find(v, 2) && vmo_find(content->vmo, 2) && v->npages == 2);
	CHECK(((uint8_t *)frame_virt(vmo_find(content->vmo, 3)))[200] == 0);	/* beyond the end */
	CHECK(((uint8_t *)frame_virt(vmo_find(content->vmo, 2)))[200] == 5);
	supply(1);
	CHECK(vmo_find(content->vmo, 1) == f);	/* what is there stays */
	frame_put(vmo_find(v, 2));
	object_put(&v->object);
	CHECK(p->used == 0 && pager_supply(content, 0, NULL, 0, 100) == 0 && content->vmo->npages == 4);
	CHECK(pager_supply(content, 0, content->vmo, 0, 1) == E_PERM);
	object_put(&p->object);
	end();
}

static void starved(void)
{
	struct pool *p;
	struct content *c;
	unsigned failures = 0;
	status_t s;

	begin(PG(1));
	CHECK(pool_new(root_pool, 0, &p) == 0);
	while ((s = pager_content_new(pager, p, PG(200), 43, &c)) == E_NOMEM) {
		CHECK(p->used == 0);
		pool_set_limit(p, p->limit + 64);
		failures++;
	}
	CHECK(s == 0 && failures > 3 && pager_content_new(pager, root_pool, 0, 43, &c) == E_EXIST);
	failures = 0;
	for (; pager_supply(c, 70, NULL, 0, 2) == E_NOMEM; failures++)
		pool_set_limit(p, p->limit + 512);
	CHECK(failures > 3 && c->vmo->npages == 2);
	pool_set_limit(p, p->used);
	for (failures = 0; pager_mark(c, 70, 2, PAGE_BACKED) == E_NOMEM; failures++)
		pool_set_limit(p, p->limit + 16);
	CHECK(failures > 1);
	pool_set_limit(p, p->used);
	CHECK(pager_mark(c, 70, 1, PAGE_UNBACKED) == 0 && pager_mark(c, 70, 9, PAGE_UNBACKED) == 0);
	object_put(&c->object);
	CHECK(p->used == 0);
	object_put(&p->object);
	end();
}

/* --- servers come and go --------------------------------------------------------------------------------------- */

static status_t server_dies(void)
{
	server_take();			/* and is never heard of again */
	CHECK(nasked == 1 && asked[0].generation == 1);
	host_sleep = serve;
	CHECK(pager_attach(pager, &endpoint2, 7) == 2);
	return 0;
}

static void attach(void)
{
	struct content *found;
	uint64_t key = 0;

	begin(PG(3));
	CHECK(write_byte(0) == 1);
	object_put(&content->object);	/* the server's capability dies with it: dirty pages keep the content */
	CHECK(pager_content_find(pager, &key, true, &found) == 0 && key == 42 && found == content);
	key = 43;
	CHECK(pager_content_find(pager, &key, true, &found) == E_NOENT);
	host_sleep = server_dies;
	CHECK(content_read(content, PG(1), BUF, 1) == 1 && host_byte(BUF) == 2 && dirty_pages() == 1);
	CHECK(endpoint.object.refs == 1);
	CHECK(pager_mark(content, 0, 3, PAGE_CLEAN) == 0);
	object_put(&content->object);
	key = 42;
	CHECK(pager_content_find(pager, &key, false, &found) == E_NOENT && object_counts[OBJ_CONTENT] == 0);
	content = NULL;
	end();
}

static status_t destroy(void)
{
	pager_end(pager);
	return 0;
}

static void destroyed(void)
{
	struct content *c;

	begin(PG(3));
	CHECK(write_byte(0) == 1 && content_read(content, PG(1), BUF, 1) == 1);
	host_sleep = destroy;
	CHECK(content_read(content, PG(2), BUF, 1) == E_IO);
	host_sleep = NULL;
	CHECK(content_read(content, PG(1), BUF, 1) == 1 && content_read(content, PG(2), BUF, 1) == E_IO &&
	      write_byte(1) == E_IO);
	CHECK(pager_mark(content, 0, 3, PAGE_BACKED) == E_IO && pager_attach(pager, &endpoint, 7) == 0);
	CHECK(pager_content_new(pager, root_pool, 0, 1, &c) == E_GONE);
	end();
	begin(PG(3));			/* by its last capability, with a dirty content */
	CHECK(write_byte(0) == 1);
	object_put(&content->object);
	object_put(&pager->object);
	CHECK(object_counts[OBJ_CONTENT] == 0);
	content = NULL;
	pager = NULL;
	end();
}

/* pager_end on another CPU: the endpoint is gone, this content's turn comes while the thread waits. */
static void ending(void)
{
	begin(PG(3));
	pager->endpoint = NULL;
	host_sleep = destroy;
	CHECK(content_read(content, PG(2), BUF, 1) == E_IO && list_empty(&pager->asking));
	pager->endpoint = &endpoint;	/* for its reference */
	end();
}

/* --- tells ------------------------------------------------------------------------------------------------------- */

static uint64_t told(void)
{
	uint64_t what = content->tells.kind == NOTICE_TELL ? content_told_take(&content->tells) : 0;

	content->tells.kind = 0;
	return what;
}

static void tells(void)
{
	begin(PG(8));
	map(RW | MAP_SHARED_ABI);
	object_get(&endpoint2.object);
	content->server = &endpoint2;
	content->tells.badge = 9;
	CHECK(write_byte(0) == 1 && told() == 0);
	content->tell = TELL_READ | TELL_WRITE;
	CHECK(content_read(content, 0, BUF, 1) == 1 && content_read(content, 0, BUF, 1) == 1 && told() == TELL_READ);
	CHECK(told() == 0 && write_byte(0) == 1 && content_read(content, 0, BUF, 1) == 1 &&
	      told() == (TELL_READ | TELL_WRITE));
	CHECK(host_write(MAP + PG(1), 1) == 0 && told() == TELL_WRITE && host_byte(MAP + PG(2)) == 3 && told() == 0);
	CHECK(content_resize(content, PG(7), ~0ull) == 0 && told() == TELL_WRITE);
	content->tell = TELL_WRITE;
	CHECK(content_read(content, 0, BUF, 1) == 1 && told() == 0 && write_byte(0) == 1);
	end();				/* with one on its way */
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "absent pages are asked for, once", reads },
		{ "a page that cannot be read is an error of the read and of the access", read_errors },
		{ "who waits for a page can be killed", kills },
		{ "a write waits until its page is backed, or is refused", writes },
		{ "a write that is refused in the middle has written what comes before", write_refused_in_the_middle },
		{ "so does a write through a mapping, and again after write-back", mapped_writes },
		{ "a private write asks for data only", private_writes },
		{ "backed ranges join and part", ranges },
		{ "what is cut off is neither dirty nor backed", cutting },
		{ "nobody waits for a pager with the write lock", write_lock },
		{ "nor for the pager of the memory that is written from", slow_source },
		{ "frames move to a content with their charge, or are copied when another has them", moving },
		{ "nothing is lost for want of memory", starved },
		{ "a new server finds the contents and is asked again", attach },
		{ "without its pager a content keeps what it holds and takes nothing", destroyed },
		{ "a pager that is just ending is not told of requests", ending },
		{ "tells are coalesced and come for what was asked only", tells },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
