/*
 * bulk.c -- the part of a message that is too long for the utcb.
 *
 * It goes through a kernel buffer that the caller pays for and that the caller itself fills and empties:
 * no server ever faults on a client's memory.
 * Locks:   endpoint.lock while a piece is copied to or from the buffer of a received call.
 * Fails:   E_NOMEM, E_TOOBIG, E_FAULT; E_GONE when the caller is no longer there.
 * Tested:  kernel/test/ipc_test.c, tests/linux/files
 */
#include "local.h"
#include "mm.h"
#include "syscalls.h"

void bulk_free(struct thread *t)
{
	if (t->bulk)
		kmem_free(t->object.pool, t->bulk, MAX(t->bulk_len, t->bulk_room));
	t->bulk = NULL;
	t->bulk_len = t->bulk_room = t->bulk_got = 0;
}

/* The bulk request into a buffer of the kernel, large enough for the reply too. */
status_t bulk_gather(struct thread *t, uint64_t out, uint64_t out_len, uint64_t in_len)
{
	t->bulk_len = (uint32_t)MIN(out_len, IPC_BULK_MAX);
	t->bulk_room = (uint32_t)MIN(in_len, IPC_BULK_MAX);
	t->bulk = out_len <= IPC_BULK_MAX ? kmem_alloc(t->object.pool, MAX(t->bulk_len, t->bulk_room)) : NULL;
	if (!t->bulk) {
		bulk_free(t);
		return out_len <= IPC_BULK_MAX ? E_NOMEM : E_TOOBIG;
	}
	if (t->bulk_len && user_copy_in(t->bulk, out, t->bulk_len)) {
		bulk_free(t);
		return E_FAULT;
	}
	return 0;
}

/*
 * Bulk data of a received call.  The buffer belongs to the caller, who may be killed while we copy; so a
 * piece at a time through the stack, the token checked for each.
 */
static int64_t bulk_copy(uint64_t h, uint64_t token, uint64_t offset, uint64_t buf, uint64_t len, bool in)
{
	uint8_t piece[512];
	struct endpoint *e;
	uint64_t done = 0;
	status_t s = endpoint_get((handle_t)h, &e);

	REQUIRE(s == 0, s);
	while (!s && done < len) {
		uint64_t n = MIN(len - done, sizeof(piece)), limit;
		struct thread *c;

		if (in && user_copy_in(piece, buf + done, n)) {
			s = E_FAULT;
			break;
		}
		spin_lock(&e->object.lock);
		c = token_caller(e, token);
		limit = !c ? 0 : in ? c->bulk_room : c->bulk_len;
		if (!c || offset + done >= limit) {
			s = c ? 0 : E_GONE;
			n = 0;
		} else {
			n = MIN(n, limit - offset - done);
			if (in) {
				memcpy((uint8_t *)c->bulk + offset + done, piece, n);
				c->bulk_got = MAX(c->bulk_got, (uint32_t)(offset + done + n));
			} else {
				memcpy(piece, (uint8_t *)c->bulk + offset + done, n);
			}
		}
		spin_unlock(&e->object.lock);
		if (!n)
			break;
		if (!in && user_copy_out(buf + done, piece, n)) {
			s = E_FAULT;
			break;
		}
		done += n;
	}
	object_put(&e->object);
	return s ? s : (int64_t)done;
}

int64_t sys_ipc_read(uint64_t h, uint64_t token, uint64_t offset, uint64_t buf, uint64_t len)
{
	REQUIRE(offset <= IPC_BULK_MAX, E_INVAL);
	return bulk_copy(h, token, offset, buf, len, false);
}

int64_t sys_ipc_write(uint64_t h, uint64_t token, uint64_t offset, uint64_t buf, uint64_t len)
{
	REQUIRE(offset <= IPC_BULK_MAX, E_INVAL);
	return bulk_copy(h, token, offset, buf, len, true);
}
