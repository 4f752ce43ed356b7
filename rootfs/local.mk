# rootfs: root.cpio, the Linux root. Needs BUSYBOX and LINUX_INCLUDE from distro/local.mk and ROOT_FILES
# from every folder.

runner_sources = rootfs/runner/runner.c
nobase_pkgdata_DATA += rootfs/root.cpio rootfs/init
CLEANFILES += rootfs/root.cpio rootfs/init rootfs/busybox.list
ROOT_FILES += init=rootfs/init bin/busybox=distro/busybox/busybox

rootfs_skel = \
	rootfs/skel/etc/fstab \
	rootfs/skel/etc/group \
	rootfs/skel/etc/hostname \
	rootfs/skel/etc/hosts \
	rootfs/skel/etc/init.d/rcK \
	rootfs/skel/etc/init.d/rcS \
	rootfs/skel/etc/inittab \
	rootfs/skel/etc/issue \
	rootfs/skel/etc/motd \
	rootfs/skel/etc/os-release \
	rootfs/skel/etc/passwd \
	rootfs/skel/etc/profile \
	rootfs/skel/etc/shadow \
	rootfs/skel/etc/shells \
	rootfs/skel/home/user/.profile \
	rootfs/skel/root/.profile

EXTRA_DIST += rootfs/README.md rootfs/root.list $(runner_sources) rootfs/runner/frame.h $(rootfs_skel)

rootfs/init: $(runner_sources) rootfs/runner/frame.h distro/busybox/busybox
	$(AM_V_GEN)$(MKDIR_P) rootfs && $(MUSL_CC) -std=gnu11 -static -O2 -Wall -Wextra \
		-isystem distro/busybox/include -o $@ $(srcdir)/rootfs/runner/runner.c

# One symbolic link for each applet: "/usr/bin/env" becomes "link usr/bin/env ../../bin/busybox".
rootfs/busybox.list: distro/busybox/busybox
	$(AM_V_GEN)$(MKDIR_P) rootfs && sed -e '/^\/bin\/busybox$$/d' \
		-e 's|^/bin/\([^/]*\)$$|link bin/\1 busybox|' \
		-e 's|^/\([^/]*\)$$|link \1 bin/busybox|' \
		-e 's|^/\([^/]*\)/\([^/]*\)$$|link \1/\2 ../bin/busybox|' \
		-e 's|^/\([^/]*/[^/]*\)/\([^/]*\)$$|link \1/\2 ../../bin/busybox|' \
		distro/busybox/links > $@

rootfs/root.cpio: rootfs/root.list $(rootfs_skel) rootfs/busybox.list $(archive_tool) \
		$(foreach f,$(ROOT_FILES),$(lastword $(subst =, ,$(f))))
	$(AM_V_GEN)$(archive_tool_run) $@ @$(srcdir)/rootfs/root.list @rootfs/busybox.list $(ROOT_FILES)
