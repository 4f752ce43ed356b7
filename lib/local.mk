# lib: the runtime of native programs.  The generated abi/*.h must be in BUILT_SOURCES.

# What every native program is built with.  Its threads have no FPU state, hence general registers only.
NATIVE_CPPFLAGS = -I$(top_srcdir) -I$(top_builddir)
NATIVE_CFLAGS = -std=gnu11 -Wall -Wextra -ffreestanding -mgeneral-regs-only -fno-pic -fno-pie \
	-fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-tree-loop-distribute-patterns
NATIVE_LDSCRIPT = lib/rt/program.ld
NATIVE_LINK = -nostdlib -static -no-pie -Wl,-T,$(top_srcdir)/$(NATIVE_LDSCRIPT) -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,-z,max-page-size=4096

noinst_LIBRARIES += lib/rt/librt.a
lib_rt_librt_a_SOURCES = \
	lib/rt/clock.c \
	lib/rt/cpio.c \
	lib/rt/cpio.h \
	lib/rt/format.c \
	lib/rt/ipc.h \
	lib/rt/log.c \
	lib/rt/memory.c \
	lib/rt/number.c \
	lib/rt/rt.h \
	lib/rt/entry.S \
	lib/rt/start.c \
	lib/rt/status.c \
	lib/rt/str.h \
	lib/rt/string.c \
	lib/rt/thread.c
lib_rt_librt_a_CPPFLAGS = $(NATIVE_CPPFLAGS)
lib_rt_librt_a_CFLAGS = $(NATIVE_CFLAGS)

EXTRA_DIST += lib/README.md lib/rt/program.ld
NATIVE_LIB = lib/rt/librt.a
NATIVE_DEPS = lib/rt/librt.a $(NATIVE_LDSCRIPT)
FREESTANDING += lib/rt/librt.a

# What goes into the boot archive: without symbols, which stay in the file beside it for gdb.
%.stripped: %
	$(AM_V_GEN)$(OBJCOPY) --strip-all $< $@

# What a unit test on this machine is built with.
HOST_TEST_CFLAGS = -std=gnu11 -g -O1 -Wall -Wextra -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOST_TEST_LINK = -fsanitize=address,undefined

check_PROGRAMS += lib/rt/test/rt_test
TESTS += lib/rt/test/rt_test
lib_rt_test_rt_test_SOURCES = lib/rt/test/rt_test.c lib/test/tap.h
# Not inlined into tests whose operands the compiler knows, where it warns of branches that are never taken.
lib_rt_test_rt_test_CFLAGS = $(HOST_TEST_CFLAGS) -fno-builtin -fno-inline
lib_rt_test_rt_test_LDFLAGS = $(HOST_TEST_LINK)
