# tools: host programs.

EXTRA_DIST += \
	tools/README.md \
	tools/archive/archive \
	tools/archive/newc.py

# The C side of the native interface, generated from its lists.
abi_generated = abi/errors.h abi/errors_table.h abi/rights.h abi/calls.h abi/dispatch.h abi/stubs.h
abi_lists = abi/calls.list abi/errors.list abi/rights.list
BUILT_SOURCES += $(abi_generated)
CLEANFILES += $(abi_generated)
EXTRA_DIST += $(abi_lists) abi/native.h abi/linux_protocol.h tools/gen/abigen.py

$(abi_generated): $(abi_lists) tools/gen/abigen.py
	$(AM_V_GEN)$(MKDIR_P) abi && $(PYTHON) $(srcdir)/tools/gen/abigen.py $(@F) $(srcdir)/abi > $@.new && \
		mv $@.new $@
