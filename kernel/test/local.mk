# kernel/test: the kernel's memory on the host, with ASan and UBSan, over simulated RAM (host.c).

kernel_test_common = \
	kernel/test/host.c kernel/test/host.h kernel/test/race.c kernel/test/race.h kernel/test/arch_lock.h lib/test/tap.h \
	kernel/arch/x86_64/paging.c kernel/debug/locks.c \
	kernel/mm/clone.c kernel/mm/content.c kernel/mm/fault.c kernel/mm/frame.c kernel/mm/kmem.c \
	kernel/mm/inherit.c kernel/mm/local.h kernel/mm/pager.c kernel/mm/pool.c kernel/mm/protect.c kernel/mm/remap.c kernel/mm/vmo.c \
	kernel/mm/vmo_share.c kernel/mm/vspace.c kernel/mm/zap.c \
	kernel/object/object.c kernel/object/tree.c
kernel_test_cppflags = -I$(srcdir)/kernel/test -I$(srcdir)/kernel/include -DDIRECT_MAP=0x200000000000ull \
	-DDEBUG_LOCKS=1
kernel_test_cflags = -std=gnu11 -g -O1 -Wall -Wextra -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

noinst_LIBRARIES += kernel/test/libmm_host.a
kernel_test_libmm_host_a_SOURCES = $(kernel_test_common)
kernel_test_libmm_host_a_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_libmm_host_a_CFLAGS = $(kernel_test_cflags)

kernel_tests = \
	kernel/test/tree_test kernel/test/frame_test kernel/test/pool_test kernel/test/vmo_test \
	kernel/test/vspace_test kernel/test/vspace_move_test kernel/test/vspace_model_test kernel/test/vspace_race_test \
	kernel/test/pager_test
check_PROGRAMS += $(kernel_tests)
TESTS += $(kernel_tests)

kernel_test_tree_test_SOURCES = kernel/test/tree_test.c
kernel_test_tree_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_tree_test_CFLAGS = $(kernel_test_cflags)
kernel_test_tree_test_LDADD = kernel/test/libmm_host.a
kernel_test_frame_test_SOURCES = kernel/test/frame_test.c
kernel_test_frame_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_frame_test_CFLAGS = $(kernel_test_cflags)
kernel_test_frame_test_LDADD = kernel/test/libmm_host.a
kernel_test_pool_test_SOURCES = kernel/test/pool_test.c
kernel_test_pool_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_pool_test_CFLAGS = $(kernel_test_cflags)
kernel_test_pool_test_LDADD = kernel/test/libmm_host.a
kernel_test_vmo_test_SOURCES = kernel/test/vmo_test.c
kernel_test_vmo_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_vmo_test_CFLAGS = $(kernel_test_cflags)
kernel_test_vmo_test_LDADD = kernel/test/libmm_host.a
kernel_test_pager_test_SOURCES = kernel/test/pager_test.c
kernel_test_pager_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_pager_test_CFLAGS = $(kernel_test_cflags)
kernel_test_pager_test_LDADD = kernel/test/libmm_host.a
kernel_test_vspace_test_SOURCES = kernel/test/vspace_test.c kernel/test/vspace_cases.h
kernel_test_vspace_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_vspace_test_CFLAGS = $(kernel_test_cflags)
kernel_test_vspace_test_LDADD = kernel/test/libmm_host.a
kernel_test_vspace_move_test_SOURCES = kernel/test/vspace_move_test.c kernel/test/vspace_cases.h
kernel_test_vspace_move_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_vspace_move_test_CFLAGS = $(kernel_test_cflags)
kernel_test_vspace_move_test_LDADD = kernel/test/libmm_host.a
kernel_test_vspace_race_test_SOURCES = kernel/test/vspace_race_test.c
kernel_test_vspace_race_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_vspace_race_test_CFLAGS = $(kernel_test_cflags)
kernel_test_vspace_race_test_LDADD = kernel/test/libmm_host.a
kernel_test_vspace_model_test_SOURCES = kernel/test/vspace_model_test.c
kernel_test_vspace_model_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_vspace_model_test_CFLAGS = $(kernel_test_cflags)
kernel_test_vspace_model_test_LDADD = kernel/test/libmm_host.a

EXTRA_DIST += kernel/test/README.md kernel/mm/README.md

# kernel/test: objects, IPC and the scheduler on the host, over a machine of contexts (object_host.c).
noinst_LIBRARIES += kernel/test/libobject_host.a
kernel_test_libobject_host_a_SOURCES = \
	kernel/test/object_host.c kernel/test/object_host.h kernel/test/race.c kernel/test/race.h kernel/debug/locks.c kernel/debug/printf.c \
	kernel/ipc/bulk.c kernel/ipc/call.c kernel/ipc/endpoint.c kernel/ipc/local.h kernel/ipc/notice.c \
	kernel/ipc/receive.c kernel/ipc/transfer.c \
	kernel/object/counter.c kernel/object/descriptor.c kernel/object/descriptor_calls.c \
	kernel/object/descriptor_io.c kernel/object/iter.c kernel/object/lease.c kernel/object/local.h \
	kernel/object/object.c kernel/object/pipe.c kernel/object/poll.c \
	kernel/object/stream.c kernel/object/table.c \
	kernel/object/timer_object.c kernel/object/tree.c kernel/object/waitset.c \
	kernel/sched/cputime.c kernel/sched/futex.c kernel/sched/runqueue.h kernel/sched/sched.c \
	kernel/sched/timer.c kernel/sched/wait.c kernel/time/random.c
kernel_test_libobject_host_a_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_libobject_host_a_CFLAGS = $(kernel_test_cflags)

object_tests = \
	kernel/test/table_test kernel/test/descriptor_test kernel/test/pipe_test kernel/test/counter_test \
	kernel/test/waitset_test kernel/test/waitset_race_test kernel/test/poll_test kernel/test/futex_test kernel/test/ipc_test \
	kernel/test/sched_test kernel/test/random_test kernel/test/lease_test
check_PROGRAMS += $(object_tests) kernel/test/printf_test
TESTS += $(object_tests) kernel/test/printf_test

kernel_test_table_test_SOURCES = kernel/test/table_test.c
kernel_test_table_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_table_test_CFLAGS = $(kernel_test_cflags)
kernel_test_table_test_LDADD = kernel/test/libobject_host.a
kernel_test_descriptor_test_SOURCES = kernel/test/descriptor_test.c
kernel_test_descriptor_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_descriptor_test_CFLAGS = $(kernel_test_cflags)
kernel_test_descriptor_test_LDADD = kernel/test/libobject_host.a
kernel_test_pipe_test_SOURCES = kernel/test/pipe_test.c
kernel_test_pipe_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_pipe_test_CFLAGS = $(kernel_test_cflags)
kernel_test_pipe_test_LDADD = kernel/test/libobject_host.a
kernel_test_counter_test_SOURCES = kernel/test/counter_test.c
kernel_test_counter_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_counter_test_CFLAGS = $(kernel_test_cflags)
kernel_test_counter_test_LDADD = kernel/test/libobject_host.a
kernel_test_waitset_race_test_SOURCES = kernel/test/waitset_race_test.c
kernel_test_waitset_race_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_waitset_race_test_CFLAGS = $(kernel_test_cflags)
kernel_test_waitset_race_test_LDADD = kernel/test/libobject_host.a
kernel_test_waitset_test_SOURCES = kernel/test/waitset_test.c
kernel_test_waitset_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_waitset_test_CFLAGS = $(kernel_test_cflags)
kernel_test_waitset_test_LDADD = kernel/test/libobject_host.a
kernel_test_poll_test_SOURCES = kernel/test/poll_test.c
kernel_test_poll_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_poll_test_CFLAGS = $(kernel_test_cflags)
kernel_test_poll_test_LDADD = kernel/test/libobject_host.a
kernel_test_futex_test_SOURCES = kernel/test/futex_test.c
kernel_test_futex_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_futex_test_CFLAGS = $(kernel_test_cflags)
kernel_test_futex_test_LDADD = kernel/test/libobject_host.a
kernel_test_ipc_test_SOURCES = kernel/test/ipc_test.c
kernel_test_ipc_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_ipc_test_CFLAGS = $(kernel_test_cflags)
kernel_test_ipc_test_LDADD = kernel/test/libobject_host.a
kernel_test_sched_test_SOURCES = kernel/test/sched_test.c
kernel_test_sched_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_sched_test_CFLAGS = $(kernel_test_cflags)
kernel_test_sched_test_LDADD = kernel/test/libobject_host.a
kernel_test_random_test_SOURCES = kernel/test/random_test.c
kernel_test_random_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_random_test_CFLAGS = $(kernel_test_cflags)
kernel_test_random_test_LDADD = kernel/test/libobject_host.a
kernel_test_lease_test_SOURCES = kernel/test/lease_test.c
kernel_test_lease_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_lease_test_CFLAGS = $(kernel_test_cflags)
kernel_test_lease_test_LDADD = kernel/test/libobject_host.a
kernel_test_printf_test_SOURCES = kernel/test/printf_test.c kernel/debug/printf.c
kernel_test_printf_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_printf_test_CFLAGS = $(kernel_test_cflags)
