# servers: init and consoled.  Needs lib/local.mk (NATIVE_*) and elf/.

noinst_PROGRAMS += servers/init/init servers/consoled/consoled
FREESTANDING += servers/init/init servers/consoled/consoled
SYSTEM_FILES += boot/init=servers/init/init.stripped boot/consoled=servers/consoled/consoled.stripped
CLEANFILES += servers/init/init.stripped servers/consoled/consoled.stripped

servers_init_init_SOURCES = \
	elf/elf_error.c \
	elf/elf_parse.c \
	elf/elf_plan.c \
	servers/init/grant.c \
	servers/init/init.h \
	servers/init/load.c \
	servers/init/main.c \
	servers/init/manifest.c \
	servers/init/manifest.h \
	servers/init/spawn.c
servers_init_init_CPPFLAGS = $(NATIVE_CPPFLAGS)
servers_init_init_CFLAGS = $(NATIVE_CFLAGS)
servers_init_init_LDFLAGS = $(NATIVE_LINK)
servers_init_init_LDADD = $(NATIVE_LIB)
servers_init_init_DEPENDENCIES = $(NATIVE_DEPS)

servers_consoled_consoled_SOURCES = \
	servers/consoled/main.c \
	servers/consoled/uart.c \
	servers/consoled/uart.h
servers_consoled_consoled_CPPFLAGS = $(NATIVE_CPPFLAGS)
servers_consoled_consoled_CFLAGS = $(NATIVE_CFLAGS)
servers_consoled_consoled_LDFLAGS = $(NATIVE_LINK)
servers_consoled_consoled_LDADD = $(NATIVE_LIB)
servers_consoled_consoled_DEPENDENCIES = $(NATIVE_DEPS)

# boot/manifest: the fragments in the order in which the servers start.
MANIFESTS = \
	linux-compat/server/manifest \
	servers/consoled/manifest \
	programs/ipcbench/manifest \
	programs/selftest/manifest
SYSTEM_FILES += boot/manifest=servers/manifest
noinst_DATA += servers/manifest
CLEANFILES += servers/manifest
servers/manifest: $(MANIFESTS)
	$(AM_V_GEN)$(MKDIR_P) servers && for m in $(MANIFESTS); do cat $(srcdir)/$$m || exit 1; echo; done > $@

# Unit tests of the parsers, on this machine.
check_PROGRAMS += servers/init/test/init_test
TESTS += servers/init/test/init_test
servers_init_test_init_test_SOURCES = \
	lib/rt/cpio.c \
	lib/rt/number.c \
	servers/init/manifest.c \
	servers/init/test/init_test.c
servers_init_test_init_test_CFLAGS = $(HOST_TEST_CFLAGS)
servers_init_test_init_test_LDFLAGS = $(HOST_TEST_LINK)

EXTRA_DIST += $(MANIFESTS) servers/README.md servers/init/README.md servers/consoled/README.md
