/*
 * iter.c -- pieces of user memory as one stream (struct user_iter).
 *
 * Locks:   none.  The copies do not fault: they stop short, and iter_fault_in, with no lock held, brings
 *          the page in at which they stopped, and no other for sure.
 * Fails:   E_FAULT.
 * Tested:  kernel/test/pipe_test.c, tests/linux/files
 */
#include "local.h"
#include "mm.h"

static void iter_load(struct user_iter *it)
{
	it->base = it->iov[it->at].base;
	it->len = it->iov[it->at].len;
}

void iter_forward(struct user_iter *it, uint64_t n)
{
	it->base += n;
	it->len -= n;
	it->left -= n;
	while (unlikely(!it->len) && it->left) {
		it->at++;
		iter_load(it);
	}
}

size_t iter_copy_in(struct user_iter *it, void *to, size_t len)
{
	size_t done = 0, want, n;

	do {
		want = MIN(len - done, it->len);
		n = user_copy_in_nofault((uint8_t *)to + done, it->base, want);
		iter_forward(it, n);
		done += n;
	} while (unlikely(done < len) && n == want);
	return done;
}

size_t iter_copy_out(struct user_iter *it, const void *from, size_t len)
{
	size_t done = 0, want, n;

	do {
		want = MIN(len - done, it->len);
		n = user_copy_out_nofault(it->base, (const uint8_t *)from + done, want);
		iter_forward(it, n);
		done += n;
	} while (unlikely(done < len) && n == want);
	return done;
}

void iter_back(struct user_iter *it, uint64_t n)
{
	uint64_t done = it->total - it->left - n;

	it->left = it->total;
	it->at = 0;
	iter_load(it);
	while (it->left && it->len <= done) {
		done -= it->len;
		iter_forward(it, it->len);
	}
	iter_forward(it, done);
}

status_t iter_fault_in(struct user_iter *it, bool write)
{
	return user_fault_in(it->base, MIN(it->len, PAGE_SIZE), write);
}

/* The whole of it must be user addresses; the sum no more than RW_MAX (the rest is cut off). */
status_t iter_init(struct user_iter *it, struct iovec_abi *iov, uint32_t n)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (iov[i].len > RW_MAX - total)
			iov[i].len = RW_MAX - total;
		REQUIRE(user_range_ok(iov[i].base, iov[i].len) || !iov[i].len, E_FAULT);
		total += iov[i].len;
	}
	it->iov = iov;
	it->n = n;
	it->at = 0;
	it->left = it->total = total;
	iter_load(it);
	iter_forward(it, 0);
	return 0;
}
