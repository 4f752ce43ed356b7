/*
 * transfer.c -- capabilities in messages.
 *
 * The sender's slots are copied, with references, before anything is sent, and closed (where they move)
 * only after it has arrived: a call that fails has taken nothing.
 * Locks:   none held; table.lock inside.
 * Fails:   E_HANDLE, E_RIGHTS, E_REVOKED of the sender's; a receiver without room finds H_NONE.
 * Tested:  kernel/test/ipc_test.c, programs/selftest.
 */
#include "local.h"
#include "syscalls.h"

/* References to what the sender names; nothing is taken from it yet. */
status_t caps_gather(const handle_t *handles, uint32_t n, struct slot *out)
{
	for (uint32_t i = 0; i < n; i++) {
		status_t s = handle_get_slot(handles[i], OBJ_NONE, RIGHT_TRANSFER, &out[i]);

		if (s) {
			while (i)
				slot_drop(&out[--i]);
			return s;
		}
	}
	return 0;
}

void caps_drop(struct slot *slots, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		slot_drop(&slots[i]);
}

void caps_moved(const handle_t *handles, uint32_t n, uint32_t flags)
{
	for (uint32_t i = 0; i < n; i++)
		if (flags >> i & 1)
			sys_handle_close(handles[i]);
}

/* Put what arrived into the current thread's tables and say where. */
void caps_install(struct slot *slots, uint32_t n, handle_t reserved, struct ipc_message *m)
{
	m->ncaps = n;
	for (uint32_t i = 0; i < n; i++) {
		bool fd = slots[i].object->type == OBJ_DESCRIPTOR && reserved != H_NONE;
		status_t s;

		slots[i].flags = 0;
		if (fd) {
			s = table_fill_reserved(current->table, reserved, &slots[i]);
			reserved = H_NONE;
		} else {
			s = table_install(current->task->handles, &slots[i], 0);
			if (s >= 0)
				s |= (int64_t)HANDLE_TASK_TABLE;
		}
		m->caps[i] = s < 0 ? H_NONE : (handle_t)s;
	}
}
