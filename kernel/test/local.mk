# kernel/test: the kernel's memory on the host, with ASan and UBSan, over simulated RAM (host.c).

kernel_test_common = \
	kernel/test/host.c kernel/test/host.h kernel/test/arch_lock.h lib/test/tap.h \
	kernel/arch/x86_64/paging.c kernel/debug/locks.c \
	kernel/mm/clone.c kernel/mm/content.c kernel/mm/fault.c kernel/mm/frame.c kernel/mm/kmem.c \
	kernel/mm/local.h kernel/mm/pool.c kernel/mm/remap.c kernel/mm/vmo.c kernel/mm/vspace.c kernel/mm/zap.c \
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
	kernel/test/vspace_test
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
kernel_test_vspace_test_SOURCES = kernel/test/vspace_test.c
kernel_test_vspace_test_CPPFLAGS = $(kernel_test_cppflags)
kernel_test_vspace_test_CFLAGS = $(kernel_test_cflags)
kernel_test_vspace_test_LDADD = kernel/test/libmm_host.a

EXTRA_DIST += kernel/test/README.md kernel/mm/README.md
