/*
 * usercopy.c -- access to the memory of the current thread's address space.
 *
 * The copies themselves are in arch/.../usercopy.S.  A resolving copy faults pages in on its way, so no
 * lock may be held; a nofault copy may be made under locks and falls short where a page is missing.
 * Fails:   E_FAULT: the address is not the user's, nothing is mapped there, or it is not allowed.
 * Tested:  kernel/test/vspace_test.c (with the machine's part replaced), tests/linux/fault
 */
#include "mm.h"
#include "thread.h"

/* usercopy.S */
size_t usercopy_resolve(void *to, const void *from, size_t len);
size_t usercopy_nofault(void *to, const void *from, size_t len);
size_t userclear_resolve(uint64_t to, size_t len);
size_t userclear_nofault(uint64_t to, size_t len);
int64_t userread_u32(uint64_t addr, uint32_t *value);
int64_t usercas_u32(uint64_t addr, uint32_t old, uint32_t new, uint32_t *was);

struct guard { uint64_t start, end, fixup, resolve; };
extern const struct guard usercopy_table[], usercopy_table_end[];
uint64_t usercopy_fixup(uint64_t rip, bool *may_resolve);

#define FAULT_IN_PAGES 16		/* brought in at once after a copy fell short */

/* Where the machine goes on after a fault at rip, 0 if rip is not in a user copy. */
uint64_t usercopy_fixup(uint64_t rip, bool *may_resolve)
{
	for (const struct guard *g = usercopy_table; g < usercopy_table_end; g++)
		if (rip >= g->start && rip < g->end) {
			*may_resolve = g->resolve;
			return g->fixup;
		}
	return 0;
}

status_t user_copy_in(void *to, uint64_t from, size_t len)
{
	REQUIRE(user_range_ok(from, len), E_FAULT);
	return likely(usercopy_resolve(to, (const void *)from, len) == len) ? 0 : E_FAULT;
}

status_t user_copy_out(uint64_t to, const void *from, size_t len)
{
	REQUIRE(user_range_ok(to, len), E_FAULT);
	return likely(usercopy_resolve((void *)to, from, len) == len) ? 0 : E_FAULT;
}

status_t user_clear(uint64_t to, size_t len)
{
	REQUIRE(user_range_ok(to, len), E_FAULT);
	return likely(userclear_resolve(to, len) == len) ? 0 : E_FAULT;
}

size_t user_copy_in_nofault(void *to, uint64_t from, size_t len)
{
	return likely(user_range_ok(from, len)) ? usercopy_nofault(to, (const void *)from, len) : 0;
}

size_t user_copy_out_nofault(uint64_t to, const void *from, size_t len)
{
	return likely(user_range_ok(to, len)) ? usercopy_nofault((void *)to, from, len) : 0;
}

size_t user_clear_nofault(uint64_t to, size_t len)
{
	return likely(user_range_ok(to, len)) ? userclear_nofault(to, len) : 0;
}

status_t user_read_u32_nofault(uint64_t addr, uint32_t *value)
{
	REQUIRE(user_range_ok(addr, 4), E_FAULT);
	return userread_u32(addr, value) == 0 ? 0 : E_FAULT;
}

/* *was is what was there, whether or not it was `old`. */
status_t user_cas_u32_nofault(uint64_t addr, uint32_t old, uint32_t new, uint32_t *was)
{
	REQUIRE(user_range_ok(addr, 4), E_FAULT);
	return usercas_u32(addr, old, new, was) == 0 ? 0 : E_FAULT;
}

status_t user_fault_in(uint64_t addr, size_t len, bool write)
{
	struct vspace *vs = current->task->vspace;
	uint64_t page = ALIGN_DOWN(addr, PAGE_SIZE), end;
	status_t s;

	REQUIRE(len > 0 && user_range_ok(addr, len), E_FAULT);
	end = MIN(addr + len, page + FAULT_IN_PAGES * PAGE_SIZE);
	s = vspace_fault(vs, page, write ? MAP_WRITE : MAP_READ);
	REQUIRE(s == 0, s == E_NOMEM ? E_NOMEM : E_FAULT);
	while ((page += PAGE_SIZE) < end)
		if (vspace_fault(vs, page, write ? MAP_WRITE : MAP_READ) != 0)
			break;
	return preempt_point() ? 0 : E_GONE;	/* who takes the page away again and again keeps nobody here */
}
