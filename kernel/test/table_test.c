/*
 * table_test.c -- handle tables: lowest free slots, reservations, rights, growth, and every failing allocation.
 */
#include "object_host.h"
#include "counter.h"
#include "lease.h"

static handle_t counter_make(void)
{
	int64_t h = sys_counter_create(H_SELF, 1, 0);

	CHECK(h >= 0 && h & HANDLE_TASK_TABLE);
	return (handle_t)h;
}

static uint64_t fd_make(void)
{
	struct descriptor_args a = { .object = H_NONE, .kind = OBJ_NULL, .endpoint = H_NONE, .ready = H_NONE,
				     .flags = DESC_READ | DESC_WRITE, .user_flags = 1 };
	int64_t fd = sys_descriptor_create(USER(&a));

	CHECK(fd >= 0);
	return (uint64_t)fd;
}

static void close_all(void) { CHECK(sys_handle_close_range(0, 1000, 0) == 0); }

static void lowest_free(void)
{
	uint64_t a = fd_make(), b = fd_make(), c = fd_make();

	CHECK(a == 0 && b == 1 && c == 2);
	CHECK(sys_handle_close(b) == 0 && sys_handle_close(b) == E_HANDLE);
	CHECK(fd_make() == 1);
	CHECK(sys_handle_dup(0, 10, SLOT_CLOEXEC) == 10 && sys_handle_dup(0, 0, 0) == 3);
	CHECK(sys_handle_flags(10, SLOT_CLOEXEC, 0) == SLOT_CLOEXEC && sys_handle_flags(10, 0, 0) == 0);
	CHECK(sys_handle_dup_to(0, 2, 0) == 2 && sys_handle_dup_to(0, 40, 0) == 40);	/* over an open one; beyond */
	CHECK(sys_handle_dup_to(0, 64, 0) == E_HANDLE && sys_handle_dup(0, 64, 0) == E_INVAL);
	CHECK(sys_handle_dup_to(5, 1, 0) == E_HANDLE);
	close_all();
}

static void ceiling(void)
{
	for (int i = 0; i < 64; i++)
		fd_make();
	CHECK(sys_handle_dup(3, 0, 0) == E_LIMIT && sys_handle_reserve(0) == E_LIMIT);
	CHECK(sys_handle_close(33) == 0 && sys_handle_dup(3, 0, 0) == 33);
	close_all();
}

static void reservations(void)
{
	struct handle_info info;
	struct slot slot = { 0 };
	int64_t r;

	fd_make();
	r = sys_handle_reserve(SLOT_CLOEXEC);
	CHECK(r == 1 && sys_handle_query((uint64_t)r, USER(&info)) == E_HANDLE && sys_handle_close((uint64_t)r) == E_HANDLE);
	CHECK(sys_handle_dup_to(0, 1, 0) == E_BUSY);
	CHECK(fd_make() == 2);
	CHECK(handle_get(0, OBJ_DESCRIPTOR, 0, &slot.object) == 0);
	CHECK(table_fill_reserved(current->table, 1, &slot) == 1);
	CHECK(sys_handle_query(1, USER(&info)) == 0 && info.slot_flags == SLOT_CLOEXEC);
	CHECK(handle_get(0, OBJ_DESCRIPTOR, 0, &slot.object) == 0);
	CHECK(table_fill_reserved(current->table, 1, &slot) == E_HANDLE);	/* only once; the reference is gone */
	r = sys_handle_reserve(0);
	CHECK(sys_handle_unreserve((uint64_t)r) == 0 && sys_handle_unreserve((uint64_t)r) == E_HANDLE);
	close_all();
}

static void rights(void)
{
	handle_t all = counter_make();
	int64_t less = sys_handle_copy(all, RIGHT_WRITE | RIGHT_COPY, 0), none;

	CHECK(less >= 0 && sys_counter_signal((uint64_t)less, 1) == 0 && sys_counter_wait((uint64_t)less, 0) == E_RIGHTS);
	none = sys_handle_copy((uint64_t)less, RIGHTS_ALL & ~RIGHT_COPY, 0);
	CHECK(none >= 0 && sys_counter_wait((uint64_t)none, 0) == E_RIGHTS && sys_handle_copy((uint64_t)none, ~0u, 0) == E_RIGHTS);
	CHECK(sys_counter_signal(H_NONE, 1) == E_HANDLE && sys_timer_arm(all, 1, 0) == E_TYPE);
	CHECK(sys_handle_close(all) == 0 && sys_handle_close((uint64_t)less) == 0 && sys_handle_close((uint64_t)none) == 0);
}

static void leases(void)
{
	int64_t lease = sys_lease_create(H_SELF), under = sys_lease_create((uint64_t)lease), lent, parent;
	handle_t c = counter_make();

	lent = sys_lease_grant((uint64_t)under, c, RIGHTS_ALL);
	CHECK(lent >= 0 && sys_counter_signal((uint64_t)lent, 1) == 0);
	operation_end();					/* as when a thread leaves the kernel */
	CHECK(sys_lease_end((uint64_t)lease) == 0);		/* the ancestor */
	CHECK(sys_counter_signal((uint64_t)lent, 1) == E_REVOKED && sys_counter_signal(c, 1) == 0);
	CHECK(sys_handle_close((uint64_t)lent) == 0 && sys_handle_close((uint64_t)under) == 0);
	for (parent = lease; ; parent = under) {		/* look-ups walk the chain: it is short */
		under = sys_lease_create((uint64_t)parent);
		if (parent != lease)
			CHECK(sys_handle_close((uint64_t)parent) == 0);
		if (under < 0)
			break;
	}
	CHECK(under == E_TOOBIG);
	CHECK(sys_handle_close((uint64_t)lease) == 0 && sys_handle_close(c) == 0);
}

/* Many timers hold one counter; the table that holds them all ends at once. */
static void no_memory(void)
{
	uint64_t used = host_kmem_used, objects = host_objects();
	uint64_t fd = fd_make();

	for (int n = 0; n < 8; n++) {
		int64_t h;

		host_fail_after = n;
		h = sys_handle_dup_to(fd, 60, 0);	/* grows the table at the first */
		if (h >= 0)
			sys_handle_close((uint64_t)h);
		h = sys_counter_create(H_SELF, 1, 0);
		if (h >= 0)
			sys_handle_close((uint64_t)h);
		h = sys_lease_create(H_SELF);
		if (h >= 0)
			sys_handle_close((uint64_t)h);
		host_fail_after = -1;
	}
	sys_handle_close(fd);
	CHECK(host_objects() == objects && host_kmem_used <= used + 64 * sizeof(struct slot));
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "new descriptors take the lowest free slot", lowest_free },
		{ "no slot is given beyond the ceiling", ceiling },
		{ "a reserved slot is invisible until it is filled, once", reservations },
		{ "copies have fewer rights, and calls check them", rights },
		{ "the end of a lease revokes what lives under it", leases },
		{ "a failed allocation changes nothing", no_memory },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
