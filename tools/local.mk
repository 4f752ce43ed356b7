# tools: host programs.

EXTRA_DIST += tools/README.md tools/archive/README.md tools/archive/archive tools/build/README.md \
	tools/lint/README.md tools/qemu/README.md tools/qemu/expect
nobase_dist_pkgdata_DATA += \
	tools/archive/newc.py \
	tools/qemu/iso.py \
	tools/qemu/machine.py \
	tools/qemu/main.py \
	tools/qemu/relay.py \
	tools/qemu/usage.py

# The C side of the native interface, generated from its lists.
abi_generated = abi/errors.h abi/errors_table.h abi/rights.h abi/calls.h abi/dispatch.h abi/stubs.h
abi_lists = abi/calls.list abi/errors.list abi/rights.list
BUILT_SOURCES += $(abi_generated)
CLEANFILES += $(abi_generated)
EXTRA_DIST += $(abi_lists) abi/native.h abi/linux_protocol.h tools/gen/abigen.py

$(abi_generated): $(abi_lists) tools/gen/abigen.py
	$(AM_V_GEN)$(MKDIR_P) abi && $(PYTHON) $(srcdir)/tools/gen/abigen.py $(@F) $(srcdir)/abi > $@.new && \
		mv $@.new $@

TESTS += tools/lint/lint.py tests/tools/archive_test.py tests/tools/relay_test.py
EXTRA_DIST += tools/lint/layers.txt tools/lint/lint.py tests/tools/archive_test.py tests/tools/relay_test.py
