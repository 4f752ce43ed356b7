# lib: the runtime of native programs.  Needs noinst_LIBRARIES, EXTRA_DIST from the top Makefile.am, and
# ABI_GENERATED: the files generated into $(top_builddir)/abi.

# What every native program is built with.  Its threads have no FPU state, hence general registers only.
NATIVE_CPPFLAGS = -I$(top_srcdir) -I$(top_builddir)
NATIVE_CFLAGS = -std=gnu11 -Wall -Wextra -ffreestanding -mgeneral-regs-only -fno-pic -fno-pie \
	-fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-tree-loop-distribute-patterns
NATIVE_LDSCRIPT = lib/rt/program.ld
NATIVE_LDFLAGS = -nostdlib -static -no-pie -Wl,-T,$(top_srcdir)/$(NATIVE_LDSCRIPT) -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,-z,max-page-size=4096

noinst_LIBRARIES += lib/rt/librt.a
lib_rt_librt_a_SOURCES = \
	lib/rt/clock.c \
	lib/rt/format.c \
	lib/rt/ipc.h \
	lib/rt/log.c \
	lib/rt/memory.c \
	lib/rt/number.c \
	lib/rt/rt.h \
	lib/rt/start.S \
	lib/rt/start.c \
	lib/rt/status.c \
	lib/rt/str.h \
	lib/rt/string.c \
	lib/rt/thread.c
lib_rt_librt_a_CPPFLAGS = $(NATIVE_CPPFLAGS)
lib_rt_librt_a_CFLAGS = $(NATIVE_CFLAGS)

EXTRA_DIST += lib/README.md lib/rt/program.ld
