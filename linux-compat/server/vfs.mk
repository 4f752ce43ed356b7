# vfs.mk -- the sources of linuxd's names half; local.mk includes it.
vfs_sources = \
	linux-compat/server/anon.c \
	linux-compat/server/archive.c \
	linux-compat/server/attr.c \
	linux-compat/server/dentry.c \
	linux-compat/server/devtmpfs.c \
	linux-compat/server/fifo.c \
	linux-compat/server/file.c \
	linux-compat/server/inode.c \
	linux-compat/server/lock.c \
	linux-compat/server/mount.c \
	linux-compat/server/names.c \
	linux-compat/server/open.c \
	linux-compat/server/path.c \
	linux-compat/server/peers.c \
	linux-compat/server/procfs.c \
	linux-compat/server/procfs_pid.c \
	linux-compat/server/procfs_system.c \
	linux-compat/server/pseudo.c \
	linux-compat/server/sysfs.c \
	linux-compat/server/text.c \
	linux-compat/server/tmpfs.c \
	linux-compat/server/vfs.c

# Host tests: the names half on a mock kernel; the fuzzer runs longer.
TESTS += linux-compat/server/test/vfs_host.sh
FAULT_TESTS += linux-compat/server/test/vfs_fuzz.sh
EXTRA_DIST += linux-compat/server/vfs.h linux-compat/server/procfs.h \
	linux-compat/server/test/vfs_host.sh linux-compat/server/test/vfs_fuzz.sh \
	linux-compat/server/test/vfs_mock.c linux-compat/server/test/vfs_mock.h \
	linux-compat/server/test/vfs_test.c linux-compat/server/test/vfs_fuzz.c
