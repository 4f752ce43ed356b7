# Conformance tests: static musl programs that state what Linux does, true of Linux and of Tessera.

linux_areas = abuse confederate dir efault exec fd files hostile job late memory mount pipe poll process procfs race rare \
	sched segment signal sweep sweep_lives system thread time tty
linux_programs = $(linux_areas:%=tests/linux/%)
linux_twins = $(addprefix tests/linux/twin/,files ids memory streams)
linux_fuzzers = $(addprefix tests/linux/fuzz/,calls code elf native requests scribble)

TESTS += tests/linux/conformance.py tests/linux/twin/run.py
LINUX_TESTS += tests/linux/conformance.py tests/linux/twin/run.py
FAULT_TESTS += tests/linux/fuzz/run.py tests/linux/smp.bats tests/linux/delays.sh
TEST_FILES += $(linux_programs) $(linux_twins) $(linux_fuzzers)
CLEANFILES += $(linux_programs) $(linux_twins) $(linux_fuzzers)
EXTRA_DIST += \
	$(linux_areas:%=tests/linux/%.c) \
	$(linux_fuzzers:%=%.c) \
	$(linux_twins:%=%.c) \
	tests/linux/README.md \
	tests/linux/aim.h \
	tests/linux/conformance.py \
	tests/linux/delays.sh \
	tests/linux/smp.bats \
	tests/linux/fuzz/fuzz.h \
	tests/linux/fuzz/run.py \
	tests/linux/fuzz/translator.h \
	tests/linux/native.h \
	tests/linux/tap.h \
	tests/linux/twin/run.py \
	tests/linux/twin/twin.h

# Bad pointers and ignored results are what is being tested here.
linux_test_compile = $(MUSL_CC) -std=gnu11 -static -O1 -g -I. -I$(srcdir) -Wall -Wextra -Wno-unused-result \
	-Wno-unused-function -Wno-nonnull -Wno-stringop-overread -Wno-stringop-overflow

$(linux_programs): tests/linux/%: tests/linux/%.c tests/linux/tap.h tests/linux/aim.h
	$(AM_V_CC)$(MKDIR_P) tests/linux && $(linux_test_compile) -o $@ $(srcdir)/tests/linux/$*.c

tests/linux/confederate tests/linux/hostile tests/linux/fuzz/requests: tests/linux/native.h abi/native.h \
	abi/linux_protocol.h abi/calls.h abi/errors.h

$(linux_twins): tests/linux/twin/%: tests/linux/twin/%.c tests/linux/twin/twin.h
	$(AM_V_CC)$(MKDIR_P) tests/linux/twin && \
		$(linux_test_compile) -o $@ $(srcdir)/tests/linux/twin/$*.c

$(linux_fuzzers): tests/linux/fuzz/%: tests/linux/fuzz/%.c tests/linux/fuzz/fuzz.h tests/linux/fuzz/translator.h
	$(AM_V_CC)$(MKDIR_P) tests/linux/fuzz && \
		$(linux_test_compile) -o $@ $(srcdir)/tests/linux/fuzz/$*.c
