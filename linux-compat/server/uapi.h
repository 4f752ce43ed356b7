/*
 * uapi.h -- the numbers of Linux x86-64's user interface that linuxd needs: errno, open and mode
 * bits, AT_, mount, fcntl and file-type constants, and the structures it fills in.  Facts of the ABI.
 */
#ifndef LINUX_SERVER_UAPI_H
#define LINUX_SERVER_UAPI_H

#include <stdint.h>

enum linux_errno {
	EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8,
	EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, ENOTBLK = 15,
	EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
	ENFILE = 23, EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29,
	EROFS = 30, EMLINK = 31, EPIPE = 32, EDOM = 33, ERANGE = 34, EDEADLK = 35,
	ENAMETOOLONG = 36, ENOLCK = 37, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENODATA = 61,
	EPROTO = 71, EOVERFLOW = 75, ENOTSOCK = 88, EOPNOTSUPP = 95, ETIMEDOUT = 110, ESTALE = 116,
};

/* open flags */
#define O_ACCMODE	03u
#define O_RDONLY	00u
#define O_WRONLY	01u
#define O_RDWR		02u
#define O_CREAT		0100u
#define O_EXCL		0200u
#define O_NOCTTY	0400u
#define O_TRUNC		01000u
#define O_APPEND	02000u
#define O_NONBLOCK	04000u
#define O_DSYNC		010000u
#define O_ASYNC		020000u
#define O_DIRECT	040000u
#define O_LARGEFILE	0100000u
#define O_DIRECTORY	0200000u
#define O_NOFOLLOW	0400000u
#define O_NOATIME	01000000u
#define O_CLOEXEC	02000000u
#define O_SYNC		(04000000u | O_DSYNC)
#define O_PATH		010000000u
#define O_TMPFILE_BIT	020000000u
#define O_TMPFILE	(O_TMPFILE_BIT | O_DIRECTORY)

#define RESOLVE_NO_XDEV		1u
#define RESOLVE_NO_MAGICLINKS	2u
#define RESOLVE_NO_SYMLINKS	4u
#define RESOLVE_BENEATH		8u
#define RESOLVE_IN_ROOT		16u
#define RESOLVE_CACHED		32u

/* modes */
#define S_IFMT		0170000u
#define S_IFSOCK	0140000u
#define S_IFLNK		0120000u
#define S_IFREG		0100000u
#define S_IFBLK		0060000u
#define S_IFDIR		0040000u
#define S_IFCHR		0020000u
#define S_IFIFO		0010000u
#define S_ISUID		04000u
#define S_ISGID		02000u
#define S_ISVTX		01000u
#define S_IXGRP		0010u
#define S_IWOTH		0002u
#define S_ISDIR(m)	(((m) & S_IFMT) == S_IFDIR)
#define S_ISREG(m)	(((m) & S_IFMT) == S_IFREG)
#define S_ISLNK(m)	(((m) & S_IFMT) == S_IFLNK)
#define S_ISCHR(m)	(((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m)	(((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m)	(((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m)	(((m) & S_IFMT) == S_IFSOCK)

/* access(2), and what permission checks ask for */
#define MAY_EXEC	1u
#define MAY_WRITE	2u
#define MAY_READ	4u

#define AT_SYMLINK_NOFOLLOW	0x100u
#define AT_REMOVEDIR		0x200u
#define AT_EACCESS		0x200u
#define AT_SYMLINK_FOLLOW	0x400u
#define AT_NO_AUTOMOUNT		0x800u
#define AT_EMPTY_PATH		0x1000u
#define AT_STATX_SYNC_TYPE	0x6000u

#define RENAME_NOREPLACE	1u
#define RENAME_EXCHANGE		2u
#define RENAME_WHITEOUT		4u

#define NAME_MAX	255
#define PATH_MAX	4096
#define SYMLINKS_MAX	40
#define LINK_COUNT_MAX	0xfffffffeu

/* mount(2), umount2(2), statfs(2) */
#define MS_RDONLY	1u
#define MS_NOSUID	2u
#define MS_NODEV	4u
#define MS_NOEXEC	8u
#define MS_SYNCHRONOUS	16u
#define MS_REMOUNT	32u
#define MS_MANDLOCK	64u
#define MS_DIRSYNC	128u
#define MS_NOSYMFOLLOW	256u
#define MS_NOATIME	1024u
#define MS_NODIRATIME	2048u
#define MS_BIND		4096u
#define MS_MOVE		8192u
#define MS_REC		16384u
#define MS_SILENT	32768u
#define MS_UNBINDABLE	(1u << 17)
#define MS_PRIVATE	(1u << 18)
#define MS_SLAVE	(1u << 19)
#define MS_SHARED	(1u << 20)
#define MS_RELATIME	(1u << 21)
#define MS_STRICTATIME	(1u << 24)
#define MS_LAZYTIME	(1u << 25)
#define MNT_FORCE	1u
#define MNT_DETACH	2u
#define MNT_EXPIRE	4u
#define UMOUNT_NOFOLLOW	8u
#define ST_VALID	0x20u
#define ST_RELATIME	0x1000u

struct linux_statfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree;
	int32_t fsid[2];
	uint64_t namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs of x86-64");

/* directory entries */
enum linux_dirent_type { DT_UNKNOWN, DT_FIFO = 1, DT_CHR = 2, DT_DIR = 4, DT_BLK = 6, DT_REG = 8,
	DT_LNK = 10, DT_SOCK = 12 };
struct linux_dirent64 {
	uint64_t ino, off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((packed));
#define DIRENT_NAME 19

/* fcntl and flock */
enum linux_fcntl { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN,
	F_GETOWN, F_OFD_GETLK = 36, F_OFD_SETLK = 37, F_OFD_SETLKW = 38, F_GETPIPE_SZ = 1032,
	F_ADD_SEALS = 1033, F_GET_SEALS = 1034 };
enum linux_lock_type { F_RDLCK, F_WRLCK, F_UNLCK };
enum linux_flock_op { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
struct linux_flock {
	int16_t type, whence;
	int32_t pad;
	int64_t start, len;
	int32_t pid, pad2;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock of x86-64");

enum linux_seek { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

#define FALLOC_KEEP_SIZE	1u
#define FALLOC_PUNCH_HOLE	2u
#define FALLOC_COLLAPSE	8u
#define FALLOC_ZERO_RANGE	16u
#define FALLOC_INSERT_RANGE	32u

enum linux_rlimit { RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS,
	RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIMIT_COUNT };

#endif
