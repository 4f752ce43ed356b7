# elf/local.mk -- the ELF library's host build and its tests.
#
# Other programs (translator, kernel, init) compile $(elf_sources) with their own flags.

elf_sources = \
	elf/elf_error.c \
	elf/elf_parse.c \
	elf/elf_plan.c \
	elf/elf_script.c \
	elf/elf_stack.c \
	elf/elf_load.h \
	elf/elf_arch.h \
	elf/elf_format.h \
	elf/elf_page.h

elf_test_cflags = -std=gnu11 -g -O1 -Wall -Wextra -Wshadow -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

noinst_LIBRARIES += elf/libelf_host.a
elf_libelf_host_a_SOURCES = $(elf_sources)
elf_libelf_host_a_CFLAGS = $(elf_test_cflags)

elf_tests = \
	elf/test/elf_parse_test \
	elf/test/elf_plan_test \
	elf/test/elf_script_test \
	elf/test/elf_stack_test \
	elf/test/elf_program_test \
	elf/test/elf_fuzz
check_PROGRAMS += $(elf_tests)
TESTS += $(elf_tests)

elf_test_elf_parse_test_SOURCES = elf/test/elf_parse_test.c elf/test/tap.h elf/test/test_file.h
elf_test_elf_parse_test_CFLAGS = $(elf_test_cflags)
elf_test_elf_parse_test_LDADD = elf/libelf_host.a
elf_test_elf_plan_test_SOURCES = elf/test/elf_plan_test.c elf/test/tap.h elf/test/test_file.h
elf_test_elf_plan_test_CFLAGS = $(elf_test_cflags)
elf_test_elf_plan_test_LDADD = elf/libelf_host.a
elf_test_elf_script_test_SOURCES = elf/test/elf_script_test.c elf/test/tap.h
elf_test_elf_script_test_CFLAGS = $(elf_test_cflags)
elf_test_elf_script_test_LDADD = elf/libelf_host.a
elf_test_elf_stack_test_SOURCES = elf/test/elf_stack_test.c elf/test/tap.h
elf_test_elf_stack_test_CFLAGS = $(elf_test_cflags)
elf_test_elf_stack_test_LDADD = elf/libelf_host.a
elf_test_elf_program_test_SOURCES = elf/test/elf_program_test.c elf/test/tap.h
elf_test_elf_program_test_CFLAGS = $(elf_test_cflags)
elf_test_elf_program_test_LDADD = elf/libelf_host.a
elf_test_elf_fuzz_SOURCES = elf/test/elf_fuzz.c elf/test/tap.h elf/test/test_file.h
elf_test_elf_fuzz_CFLAGS = $(elf_test_cflags)
elf_test_elf_fuzz_LDADD = elf/libelf_host.a

# One program in the four shapes that programs have.  musl-gcc knows no -static-pie: rcrt1.o is
# named by hand.
elf_guests = \
	elf/test/guest-static \
	elf/test/guest-packed \
	elf/test/guest-static-pie \
	elf/test/guest-dynamic
TEST_FILES += $(elf_guests)
CLEANFILES += $(elf_guests)
EXTRA_DIST += elf/README.md elf/test/guest.c

elf_guest_build = $(AM_V_GEN)$(MKDIR_P) elf/test && \
	$(MUSL_CC) -O1 -Wall -Wextra -o $@ $(srcdir)/elf/test/guest.c

elf/test/guest-static: elf/test/guest.c
	$(elf_guest_build) -static -no-pie
elf/test/guest-packed: elf/test/guest.c
	$(elf_guest_build) -static -no-pie -Wl,-z,noseparate-code
elf/test/guest-static-pie: elf/test/guest.c
	$(elf_guest_build) -fPIE -nostartfiles -static \
		-Wl,-pie,--no-dynamic-linker,-z,text -l:rcrt1.o
elf/test/guest-dynamic: elf/test/guest.c
	$(elf_guest_build) -fPIE -pie
