# Linux's own tests of x86, fetched and built when the tests are.

selftests = check_initial_reg_state corrupt_xstate_header fsgsbase fsgsbase_restore ioperm iopl \
	ldt_gdt mov_ss_trap sas sigaltstack sigreturn sigtrap_loop single_step_syscall \
	syscall_arg_fault syscall_nt syscall_numbering sysret_rip sysret_ss_attrs test_mremap_vdso \
	test_vsyscall

TESTS += tests/selftests/run.py
LINUX_TESTS += tests/selftests/run.py
TEST_FILES += tests/selftests/built/version
EXTRA_DIST += \
	tests/selftests/README.md \
	tests/selftests/build \
	tests/selftests/expectations.txt \
	tests/selftests/run.py

# Without a network this target is not made, and tried again the next time.
tests/selftests/built/version: distro/fetch tests/selftests/build tests/selftests/local.mk
	$(AM_V_GEN)$(SHELL) $(srcdir)/tests/selftests/build tests/selftests/built $(selftests) -- $(FETCH)

clean-local: selftests-clean
selftests-clean:
	rm -rf tests/selftests/built
.PHONY: selftests-clean
