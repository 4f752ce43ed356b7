# Programs that nobody here wrote, judged by their own tests: BusyBox's testsuite and ash's tests.
#
# The tree that goes into the guest is BusyBox's own files, the configuration that our BusyBox was built
# with, and the three small programs that ash's tests would otherwise compile there.

foreign_tree = tests/foreign/busybox
foreign_programs = printenv recho zecho

TESTS += tests/foreign/busybox.py
LINUX_TESTS += tests/foreign/busybox_linux.sh
TEST_FILES += $(foreign_tree)/.config
EXTRA_DIST += tests/foreign/README.md tests/foreign/busybox.py tests/foreign/busybox.sh \
	tests/foreign/busybox_linux.sh tests/foreign/linux.txt

$(foreign_tree)/.config: distro/busybox/busybox tests/foreign/local.mk
	$(AM_V_GEN)rm -rf $(foreign_tree) && $(MKDIR_P) $(foreign_tree) && \
		tarball=`$(FETCH) source busybox` && \
		tar -x -C $(foreign_tree) --strip-components=1 -f "$$tarball" --wildcards \
			'*/testsuite' '*/shell/ash_test' && \
		for p in $(foreign_programs); do \
			$(MUSL_CC) -static -O2 -w -o $(foreign_tree)/shell/ash_test/$$p \
				$(foreign_tree)/shell/ash_test/$$p.c || exit 1; \
		done && \
		cp distro/busybox/config.used $@

foreign-clean:
	rm -rf $(foreign_tree)
.PHONY: foreign-clean
clean-local: foreign-clean
