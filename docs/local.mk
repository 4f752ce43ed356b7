# docs: for people; the reference is checked against abi/.

docs_calls = $(addprefix docs/reference/calls/,README.md \
	null.md handle_close.md handle_copy.md handle_dup.md handle_dup_to.md handle_flags.md \
	handle_reserve.md handle_unreserve.md handle_close_range.md handle_query.md pool_create.md \
	pool_limit.md pool_query.md pool_destroy.md vmo_create.md vmo_read.md vmo_write.md vmo_resize.md \
	vmo_clone.md vmo_move.md vmo_query.md vspace_create.md vspace_map.md vspace_unmap.md \
	vspace_protect.md vspace_remap.md vspace_advise.md vspace_query.md vspace_clone.md \
	vspace_resident.md task_create.md task_give.md task_kill.md task_suspend.md task_resume.md \
	task_ceiling.md task_query.md task_read.md task_write.md task_slot.md table_create.md \
	table_clone.md thread_create.md thread_exit.md thread_resume.md thread_notify.md thread_regs.md \
	thread_clear.md thread_base.md thread_yield.md thread_priority.md thread_affinity.md \
	thread_query.md descriptor_create.md descriptor_read.md descriptor_write.md descriptor_readv.md \
	descriptor_writev.md descriptor_read_at.md descriptor_write_at.md descriptor_seek.md \
	descriptor_flags.md descriptor_attributes.md descriptor_resize.md descriptor_allocate.md descriptor_punch.md \
	descriptor_poll.md content_create.md content_attributes.md content_set.md content_deny_write.md \
	pipe_create.md pipe_object.md pipe_query.md pipe_resize.md counter_create.md counter_signal.md \
	counter_clear.md counter_wait.md timer_create.md timer_arm.md timer_query.md futex_wait.md \
	futex_wake.md futex_requeue.md futex_wake_op.md futex_wait_any.md endpoint_create.md ipc_call.md \
	ipc_recv.md ipc_reply.md ipc_reply_recv.md ipc_read.md ipc_write.md waitset_create.md \
	waitset_change.md waitset_wait.md lease_create.md lease_grant.md lease_end.md irq_create.md \
	irq_ack.md ioport_create.md ioport_in.md ioport_out.md mmio_create.md power_off.md clock_page.md \
	clock_set.md random_fill.md log_write.md log_read.md trace_read.md system_query.md \
	pager_create.md pager_attach.md pager_destroy.md pager_content.md pager_find.md pager_next.md \
	pager_supply.md pager_refuse.md pager_mark.md pager_dirty.md content_tell.md pool_reserve.md)

TESTS += docs/test/reference_test.py
EXTRA_DIST += \
	docs/MAP.md \
	docs/README.md \
	docs/decisions/0001-differences-from-the-architecture.md \
	docs/design/overview.md \
	docs/design/pagers.md \
	docs/design/races.md \
	docs/test/reference_test.py \
	docs/tour/boot.md \
	docs/tour/linux-read.md \
	docs/tour/page-fault.md \
	$(docs_calls)
