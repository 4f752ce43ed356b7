/*
 * vspace_model_test.c -- address spaces at random, against a model of what each page must be.
 */
#include "host.h"
#include <stdlib.h>

#define AT 0x400000ull
#define PG(n) ((uint64_t)(n) * PAGE_SIZE)
#define RW (MAP_READ | MAP_WRITE)
#define FAULT(e) (-1000 + (int)(e))
#define SPACES 4
#define PAGES 64
struct model_page { bool mapped, shared; uint8_t prot, value; };
static struct model { struct vspace *vs; struct model_page page[PAGES]; } models[SPACES];
static uint8_t shared_value[PAGES];	/* one object, mapped with page n at place n */
static struct vmo *shared_vmo;

static void model_check(struct model *m)
{
	host_use(m->vs);
	for (unsigned i = 0; i < PAGES; i++) {
		struct model_page *p = &m->page[i];
		int want = !p->mapped ? FAULT(E_NOENT) : !p->prot ? FAULT(E_ACCESS) :
			   p->shared ? shared_value[i] : p->value;

		if (host_byte(AT + PG(i)) != want) {
			CHECK(!"a page is not what the model says");
			printf("# page %u: %d, wanted %d\n", i, host_byte(AT + PG(i)), want);
		}
	}
}

static void model_write(struct model *m, unsigned i)
{
	struct model_page *p = &m->page[i];
	uint8_t value = (uint8_t)rand();
	status_t s = host_write(AT + PG(i), value);

	CHECK(s == (!p->mapped ? E_NOENT : !(p->prot & MAP_WRITE) ? E_ACCESS : 0));
	if (s == 0 && p->shared)
		shared_value[i] = value;
	else if (s == 0)
		p->value = value;
}

static void model_map(struct model *m, unsigned first, unsigned n)
{
	uint8_t prot = rand() % 3 ? RW : MAP_READ;
	bool shared = rand() % 4 == 0;

	if (shared)
		CHECK(vspace_map_vmo(m->vs, AT + PG(first), PG(n), prot | MAP_SHARED_ABI, shared_vmo, PG(first)) == 0);
	else
		CHECK(vspace_map_anon(m->vs, AT + PG(first), PG(n), prot) == 0);
	for (unsigned i = first; i < first + n; i++)
		m->page[i] = (struct model_page){ true, shared, prot, 0 };
}

static void model_protect(struct model *m, unsigned first, unsigned n)
{
	static const uint8_t prots[] = { 0, MAP_READ, RW };
	uint8_t prot = prots[rand() % 3];
	status_t s = vspace_set_flags(m->vs, AT + PG(first), AT + PG(first + n), MAP_PROT, prot);
	unsigned i = first;

	for (; i < first + n && m->page[i].mapped; i++)		/* up to a hole */
		m->page[i].prot = prot;
	CHECK(s == (i < first + n ? E_NOENT : 0));
}

static void model_fork(struct model *m)
{
	struct model *to = &models[rand() % SPACES];

	if (to == m)
		return;
	object_put(&to->vs->object);
	*to = *m;
	CHECK(vspace_clone_for(m->vs, root_pool, NULL, &to->vs) == 0);
}

static void model_unmap(struct model *m, unsigned first, unsigned n)
{
	CHECK(vspace_unmap(m->vs, AT + PG(first), PG(n)) == 0);
	for (unsigned i = first; i < first + n; i++)
		m->page[i].mapped = false;
}

static void model_punch(unsigned first, unsigned n)
{
	CHECK(vmo_zero_range(shared_vmo, PG(first), PG(n)) == 0);
	memset(shared_value + first, 0, n);
}

static void model_step(struct model *m)
{
	unsigned first = (unsigned)rand() % PAGES, n = 1 + (unsigned)rand() % 12;

	n = MIN(n, PAGES - first);
	host_use(m->vs);
	host_other_cpu = rand() % 2;
	switch (rand() % 16) {
	case 0: case 1: model_map(m, first, n); break;
	case 2: model_unmap(m, first, n); break;
	case 3: case 4: model_protect(m, first, n); break;
	case 5: model_fork(m); break;
	case 6: model_punch(first, n); break;
	default:
		for (int i = 0; i < 4; i++)
			model_write(m, (unsigned)rand() % PAGES);
	}
	CHECK(host_tlb_true());
}

static void random_run(void)
{
	CHECK(vmo_new(root_pool, PG(PAGES), &shared_vmo) == 0);
	for (int i = 0; i < SPACES; i++)
		models[i].vs = host_space();
	for (int i = 0; i < 6000 && !tap_failed; i++) {
		model_step(&models[rand() % SPACES]);
		if (i % 7 == 0)
			model_check(&models[rand() % SPACES]);
	}
	for (int i = 0; i < SPACES; i++) {
		model_check(&models[i]);
		object_put(&models[i].vs->object);
	}
	object_put(&shared_vmo->object);
	host_other_cpu = false;
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "random operations agree with a model", random_run },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
