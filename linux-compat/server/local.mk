# linux-compat/server: linuxd.  Needs lib/local.mk (NATIVE_*); vfs.mk lists the names half.
include linux-compat/server/vfs.mk

noinst_PROGRAMS += linux-compat/server/linuxd
FREESTANDING += linux-compat/server/linuxd
SYSTEM_FILES += boot/linuxd=linux-compat/server/linuxd.stripped

process_sources = \
	linux-compat/server/clock.c \
	linux-compat/server/cred.c \
	linux-compat/server/exec.c \
	linux-compat/server/fork.c \
	linux-compat/server/image.c \
	linux-compat/server/itimer.c \
	linux-compat/server/main.c \
	linux-compat/server/memory.c \
	linux-compat/server/process.c \
	linux-compat/server/request.c \
	linux-compat/server/rlimit.c \
	linux-compat/server/robust.c \
	linux-compat/server/session.c \
	linux-compat/server/signal.c \
	linux-compat/server/klog.c \
	linux-compat/server/system.c \
	linux-compat/server/tty.c \
	linux-compat/server/tty_ioctl.c \
	linux-compat/server/tty_ldisc.c \
	linux-compat/server/tty_line.c \
	linux-compat/server/tty_pty.c \
	linux-compat/server/user.c \
	linux-compat/server/wait.c

linux_compat_server_linuxd_SOURCES = $(process_sources) $(vfs_sources) elf/elf_error.c elf/elf_parse.c
linux_compat_server_linuxd_CPPFLAGS = $(NATIVE_CPPFLAGS)
linux_compat_server_linuxd_CFLAGS = $(NATIVE_CFLAGS)
linux_compat_server_linuxd_LDFLAGS = $(NATIVE_LINK)
linux_compat_server_linuxd_LDADD = $(NATIVE_LIB)
linux_compat_server_linuxd_DEPENDENCIES = $(NATIVE_DEPS)

EXTRA_DIST += linux-compat/server/README.md linux-compat/server/itimerspec.h linux-compat/server/manifest linux-compat/server/process.h \
	linux-compat/server/process_uapi.h linux-compat/server/server.h linux-compat/server/tty.h \
	linux-compat/server/uapi.h linux-compat/translator/image.h

# Host tests: the process half and the terminals on a mock kernel. The scripts build where they run.
clean-local: server-tests-clean
server-tests-clean:
	rm -rf linux-compat/server/test/*_test.d linux-compat/server/test/*_fuzz.d
.PHONY: server-tests-clean
TESTS += linux-compat/server/test/process_host.sh
EXTRA_DIST += linux-compat/server/test/process_host.sh linux-compat/server/test/process_mock.c \
	linux-compat/server/test/process_mock.h linux-compat/server/test/process_test.c \
	linux-compat/server/test/signal_test.c linux-compat/server/test/tty_test.c
