# linux-compat: linuxd (server/), the translator, the vDSO.  Needs tools/local.mk (abi_generated) and
# elf/local.mk (elf_sources).
include linux-compat/server/local.mk

translator_cflags = -std=gnu11 -Wall -Wextra -Wno-override-init -O2 -ffreestanding -fno-builtin -fpie \
	-fvisibility=hidden -mgeneral-regs-only -mno-red-zone -fno-stack-protector -fomit-frame-pointer \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-tree-loop-distribute-patterns
translator_ldscript = $(top_srcdir)/linux-compat/translator/image.ld

noinst_PROGRAMS += linux-compat/translator/translator
FREESTANDING += linux-compat/translator/translator
SYSTEM_FILES += boot/translator=linux-compat/translator/translator.stripped

linux_compat_translator_translator_SOURCES = \
	linux-compat/translator/entry.S \
	linux-compat/translator/errno.c \
	linux-compat/translator/exec.c \
	linux-compat/translator/fd.c \
	linux-compat/translator/futex.c \
	linux-compat/translator/ids.c \
	linux-compat/translator/image.h \
	linux-compat/translator/ioctl.c \
	linux-compat/translator/lib.c \
	linux-compat/translator/lock.c \
	linux-compat/translator/memory.c \
	linux-compat/translator/names.c \
	linux-compat/translator/offsets.h \
	linux-compat/translator/poll.c \
	linux-compat/translator/process.c \
	linux-compat/translator/request.c \
	linux-compat/translator/self.h \
	linux-compat/translator/sigframe.c \
	linux-compat/translator/signal.c \
	linux-compat/translator/start.c \
	linux-compat/translator/system.c \
	linux-compat/translator/table.c \
	linux-compat/translator/time.c \
	linux-compat/translator/timer.c \
	linux-compat/translator/trace.c \
	linux-compat/translator/xattr.c \
	linux-compat/translator/translator.h \
	linux-compat/table/calls.h \
	linux-compat/uapi/linux.h \
	$(elf_sources)
linux_compat_translator_translator_CPPFLAGS = -I$(top_srcdir) -I$(top_builddir)
linux_compat_translator_translator_CFLAGS = $(translator_cflags)
linux_compat_translator_translator_CCASFLAGS = -I$(top_srcdir)/linux-compat/translator
linux_compat_translator_translator_LDFLAGS = -nostdlib -static -no-pie -Wl,-T,$(translator_ldscript) \
	-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments
linux_compat_translator_translator_DEPENDENCIES = $(translator_ldscript)

EXTRA_DIST += linux-compat/README.md linux-compat/translator/image.ld

# The vDSO is a shared object of its own kind; its rule is written out.
vdso_flags = -std=gnu11 -Wall -Wextra -O2 -ffreestanding -fno-builtin -fPIC -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -shared -nostdlib \
	-Wl,--hash-style=both -Wl,-soname,linux-vdso.so.1 -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096 -Wl,-Bsymbolic -s
noinst_DATA += linux-compat/vdso/vdso.so
CLEANFILES += linux-compat/vdso/vdso.so
SYSTEM_FILES += boot/vdso.so=linux-compat/vdso/vdso.so
EXTRA_DIST += linux-compat/vdso/vdso.c linux-compat/vdso/vdso.ld
linux-compat/vdso/vdso.so: linux-compat/vdso/vdso.c linux-compat/vdso/vdso.ld $(abi_generated)
	$(AM_V_CC)$(MKDIR_P) linux-compat/vdso && $(CC) $(vdso_flags) -I$(top_srcdir) -I$(top_builddir) \
		-Wl,-T,$(srcdir)/linux-compat/vdso/vdso.ld -o $@ $(srcdir)/linux-compat/vdso/vdso.c

# Host tests of the translator's logic: its files with a kernel that the test plays.
translator_host_cflags = -std=gnu11 -g -O1 -Wall -Wextra -Wno-override-init -fno-omit-frame-pointer -fno-pie \
	-fsanitize=address,undefined -fno-sanitize-recover=all
translator_host_stubs = linux-compat/translator/test/host_stubs.h
BUILT_SOURCES += $(translator_host_stubs)
CLEANFILES += $(translator_host_stubs)
$(translator_host_stubs): $(srcdir)/linux-compat/translator/test/stubs.sed $(abi_generated)
	$(AM_V_GEN)$(MKDIR_P) linux-compat/translator/test && \
		sed -f $(srcdir)/linux-compat/translator/test/stubs.sed abi/stubs.h > $@

check_LIBRARIES = linux-compat/translator/test/libhost.a linux-compat/translator/test/libplain.a
linux_compat_translator_test_libplain_a_SOURCES = linux-compat/translator/entry.S linux-compat/translator/test/headers.c
linux_compat_translator_test_libplain_a_CCASFLAGS = -I$(srcdir)/linux-compat/translator
linux_compat_translator_test_libhost_a_SOURCES = \
	linux-compat/translator/errno.c \
	linux-compat/translator/exec.c \
	linux-compat/translator/fd.c \
	linux-compat/translator/futex.c \
	linux-compat/translator/ids.c \
	linux-compat/translator/ioctl.c \
	linux-compat/translator/lock.c \
	linux-compat/translator/memory.c \
	linux-compat/translator/names.c \
	linux-compat/translator/poll.c \
	linux-compat/translator/process.c \
	linux-compat/translator/request.c \
	linux-compat/translator/sigframe.c \
	linux-compat/translator/signal.c \
	linux-compat/translator/start.c \
	linux-compat/translator/system.c \
	linux-compat/translator/table.c \
	linux-compat/translator/time.c \
	linux-compat/translator/timer.c \
	linux-compat/translator/trace.c \
	linux-compat/translator/xattr.c \
	linux-compat/translator/test/host.c \
	linux-compat/translator/test/host.h \
	linux-compat/translator/test/host_native.h \
	linux-compat/translator/test/errno_names.h \
	linux-compat/translator/test/host_self.h \
	$(elf_sources)
translator_host_cppflags = -I$(srcdir)/linux-compat/translator/test \
	-include $(srcdir)/linux-compat/translator/test/host_self.h -include $(translator_host_stubs)
linux_compat_translator_test_libhost_a_CPPFLAGS = $(translator_host_cppflags)
linux_compat_translator_test_libhost_a_CFLAGS = $(translator_host_cflags)

translator_tests = \
	linux-compat/translator/test/call_test \
	linux-compat/translator/test/layout_test \
	linux-compat/translator/test/signal_test
check_PROGRAMS += $(translator_tests) linux-compat/translator/test/vdso_test
TESTS += $(translator_tests) linux-compat/translator/test/vdso_test
translator_host_ldflags = -no-pie -fsanitize=address,undefined -Wl,--defsym=image_start=0,--defsym=window_end=0
translator_host_ldadd = linux-compat/translator/test/libhost.a linux-compat/translator/test/libplain.a \
	linux-compat/translator/test/libhost.a
linux_compat_translator_test_call_test_CPPFLAGS = $(translator_host_cppflags)
linux_compat_translator_test_call_test_CFLAGS = $(translator_host_cflags)
linux_compat_translator_test_call_test_LDFLAGS = $(translator_host_ldflags)
linux_compat_translator_test_call_test_LDADD = $(translator_host_ldadd)
linux_compat_translator_test_layout_test_CPPFLAGS = $(translator_host_cppflags)
linux_compat_translator_test_layout_test_CFLAGS = $(translator_host_cflags)
linux_compat_translator_test_layout_test_LDFLAGS = $(translator_host_ldflags)
linux_compat_translator_test_layout_test_LDADD = $(translator_host_ldadd)
linux_compat_translator_test_signal_test_CPPFLAGS = $(translator_host_cppflags)
linux_compat_translator_test_signal_test_CFLAGS = $(translator_host_cflags)
linux_compat_translator_test_signal_test_LDFLAGS = $(translator_host_ldflags)
linux_compat_translator_test_signal_test_LDADD = $(translator_host_ldadd)
EXTRA_DIST += linux-compat/translator/test/stubs.sed
