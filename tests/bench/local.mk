# The benchmark: one static musl binary that runs unchanged on Tessera and on Linux.
# Needs MUSL_CC, and EXTRA_DIST, CLEANFILES and noinst_DATA from the top Makefile.am.

bench_sources = \
	tests/bench/bench.c \
	tests/bench/rows_call.c \
	tests/bench/rows_file.c \
	tests/bench/rows_memory.c \
	tests/bench/rows_process.c

noinst_DATA += tests/bench/bench
CLEANFILES += tests/bench/bench
TESTS += tests/bench/nothing_test.py
EXTRA_DIST += \
	$(bench_sources) \
	tests/bench/bench.h \
	tests/bench/README.md \
	tests/bench/debt.md \
	tests/bench/nothing_test.py \
	tests/bench/report.py \
	tests/bench/run.py

tests/bench/bench: $(bench_sources) tests/bench/bench.h
	$(AM_V_CC)$(MKDIR_P) tests/bench && cd $(srcdir) && $(MUSL_CC) -std=gnu11 -static -O2 \
		-Wall -Wextra -o $(abs_builddir)/$@ $(bench_sources)
