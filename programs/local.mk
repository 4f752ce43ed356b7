# programs: native programs.  Needs lib/local.mk (NATIVE_*).

noinst_PROGRAMS += programs/ipcbench/ipcbench programs/selftest/selftest
FREESTANDING += programs/ipcbench/ipcbench programs/selftest/selftest
SYSTEM_FILES += boot/ipcbench=programs/ipcbench/ipcbench.stripped \
	boot/selftest=programs/selftest/selftest.stripped
CLEANFILES += programs/ipcbench/ipcbench.stripped programs/selftest/selftest.stripped

programs_ipcbench_ipcbench_SOURCES = \
	programs/common/child.c \
	programs/common/child.h \
	programs/ipcbench/main.c
programs_ipcbench_ipcbench_CPPFLAGS = $(NATIVE_CPPFLAGS)
programs_ipcbench_ipcbench_CFLAGS = $(NATIVE_CFLAGS)
programs_ipcbench_ipcbench_LDFLAGS = $(NATIVE_LINK)
programs_ipcbench_ipcbench_LDADD = $(NATIVE_LIB)
programs_ipcbench_ipcbench_DEPENDENCIES = $(NATIVE_DEPS)

programs_selftest_selftest_SOURCES = \
	programs/common/child.c \
	programs/common/child.h \
	programs/selftest/fuzz.c \
	programs/selftest/life.c \
	programs/selftest/main.c \
	programs/selftest/memory.c \
	programs/selftest/pager.c \
	programs/selftest/rights.c \
	programs/selftest/selftest.h
programs_selftest_selftest_CPPFLAGS = $(NATIVE_CPPFLAGS)
programs_selftest_selftest_CFLAGS = $(NATIVE_CFLAGS)
programs_selftest_selftest_LDFLAGS = $(NATIVE_LINK)
programs_selftest_selftest_LDADD = $(NATIVE_LIB)
programs_selftest_selftest_DEPENDENCIES = $(NATIVE_DEPS)

EXTRA_DIST += programs/README.md

TESTS += programs/test/selftest.py programs/test/ipcbench.py
EXTRA_DIST += programs/test/boot.py programs/test/selftest.py programs/test/ipcbench.py
