# tests: what judges the system from outside. Needs boot.img and, for half of it, linux/vmlinuz.
#
# make check         host unit tests, lint, boot tests: the fast rings and a sample of the slow ones
# make check-linux   the conformance tests of tests/linux on Linux and on Tessera
# make check-faults  faults, fuzzers and races

boot_tests = \
	tests/boot/bad.bats \
	tests/boot/debug.bats \
	tests/boot/install.bats \
	tests/boot/linux.bats \
	tests/boot/machines.bats \
	tests/boot/panic.bats \
	tests/boot/quota.bats \
	tests/boot/run.bats \
	tests/boot/shell.bats \
	tests/boot/smp.bats
TESTS += $(boot_tests)
FAULT_TESTS += tests/dist.sh
EXTRA_DIST += $(boot_tests) tests/README.md tests/dist.sh tests/lib/guest.bash tests/lib/summary

# `./tessera` and its bench, installed.
nobase_pkgdata_DATA += kernel/tessera.elf
nobase_pkgdata_SCRIPTS += tests/bench/bench
nobase_dist_pkgdata_DATA += tests/bench/run.py tests/bench/report.py tests/bench/debt.md

check_DATA = $(TEST_FILES)

check-linux: all $(TEST_FILES)
	$(MAKE) check TESTS='$(LINUX_TESTS)' TEST_SUITE_LOG=test-suite-linux.log
check-faults: all $(TEST_FILES)
	$(MAKE) check TESTS='$(FAULT_TESTS)' TEST_SUITE_LOG=test-suite-faults.log
.PHONY: check-linux check-faults
