# distro: third-party software and the boot archive.
#
# DOWNLOADS survives `make clean` and serves every build folder.

archive_tool = tools/archive/archive tools/archive/newc.py
archive_tool_run = $(PYTHON) $(srcdir)/tools/archive/archive
DOWNLOADS = $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/tessera
FETCH = $(PYTHON) $(srcdir)/distro/fetch --cache $(DOWNLOADS) \
	$(if $(SOURCES_DIR),--sources $(SOURCES_DIR))

nobase_pkgdata_DATA += boot.img system.cpio
nobase_dist_pkgdata_DATA += distro/fetch distro/sources.txt
TEST_FILES += linux/vmlinuz
CLEANFILES += boot.img system.cpio
EXTRA_DIST += \
	distro/README.md \
	distro/busybox/build \
	distro/busybox/config

distro/busybox/busybox: distro/busybox/build distro/busybox/config distro/sources.txt
	$(AM_V_GEN)tarball=`$(FETCH) source busybox` && \
		$(SHELL) $(srcdir)/distro/busybox/build "$$tarball" distro/busybox \
			$(srcdir)/distro/busybox/config $(MUSL_CC)

# The Linux to compare with: `./tessera run --on linux`.
linux/vmlinuz: distro/fetch
	$(AM_V_GEN)$(FETCH) linux --out linux > /dev/null && touch $@

linux: linux/vmlinuz
.PHONY: linux

system.cpio: $(archive_tool) $(foreach f,$(SYSTEM_FILES),$(lastword $(subst =, ,$(f))))
	$(AM_V_GEN)$(archive_tool_run) $@ $(SYSTEM_FILES)

boot.img: system.cpio rootfs/root.cpio
	$(AM_V_GEN)cat system.cpio rootfs/root.cpio > $@.new && mv $@.new $@

clean-local:
	rm -rf distro/busybox linux
	rm -f $(filter %.stripped,$(foreach f,$(SYSTEM_FILES),$(lastword $(subst =, ,$(f)))))
