/*
 * linux.h -- the numbers and structures of Linux x86-64's user interface that the translator needs.
 * Facts of the ABI, checked against the machine's own headers by translator/test/layout_test.c.
 */
#ifndef LINUX_UAPI_LINUX_H
#define LINUX_UAPI_LINUX_H

#include <stdint.h>

enum linux_errno {
	EPERM = 1, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES,
	EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY,
	ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK, EPIPE, EDOM, ERANGE, EDEADLK, ENAMETOOLONG, ENOLCK,
	ENOSYS, ENOTEMPTY, ELOOP, ENODATA = 61, EPROTO = 71, EOVERFLOW = 75, ELIBBAD = 80, ENOTSOCK = 88,
	EOPNOTSUPP = 95, EAFNOSUPPORT = 97, ETIMEDOUT = 110,
	/* what a handler answers when a signal interrupted it; never seen by programs */
	ERESTARTSYS = 512,		/* again if the handler has SA_RESTART, else EINTR */
	ERESTARTNOINTR,			/* again in any case */
	ERESTARTNOHAND,			/* again only when no handler ran */
	ERESTART_RESTARTBLOCK = 516	/* the same, up to the deadline that was set at first */
};

#define O_ACCMODE	3u
#define O_WRONLY	1u
#define O_RDWR		2u
#define O_CREAT		0100u
#define O_EXCL		0200u
#define O_TRUNC		01000u
#define O_APPEND	02000u
#define O_NONBLOCK	04000u
#define O_ASYNC		020000u
#define O_DIRECT	040000u
#define O_LARGEFILE	0100000u
#define O_NOATIME	01000000u
#define O_CLOEXEC	02000000u
#define O_PATH		010000000u
#define O_TMPFILE_BIT	020000000u

#define AT_FDCWD	(-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_REMOVEDIR	0x200u
#define AT_EACCESS	0x200u
#define AT_SYMLINK_FOLLOW 0x400u
#define AT_NO_AUTOMOUNT	0x800u
#define AT_EMPTY_PATH	0x1000u

#define S_IFMT		0170000u
#define S_IFIFO		0010000u
#define S_IFCHR		0020000u
#define S_IFREG		0100000u

#define RW_MAX		0x7ffff000ull	/* bytes of one read or write */
#define PATH_MAX	4096u
#define IOV_MAX		1024u
#define SEEK_CUR	1
#define SPLICE_F_NONBLOCK	2u
#define NAME_MAX	255u
#define ST_VALID	0x20u
#define PIPEFS_MAGIC	0x50495045u
#define TMPFS_MAGIC	0x01021994u
#define ANON_INODE_FS_MAGIC	0x09041934u

struct linux_iovec { uint64_t base, len; };
struct linux_timespec { int64_t sec, nsec; };
struct linux_timeval { int64_t sec, usec; };
struct linux_itimerval { struct linux_timeval interval, value; };

struct linux_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	struct linux_timespec atime, mtime, ctime;
	int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of x86-64");

struct linux_statx_timestamp { int64_t sec; uint32_t nsec; int32_t pad; };
struct linux_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct linux_statx_timestamp atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id, spare[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");
#define STATX_BASIC_STATS	0x7ffu
#define STATX_BTIME		0x800u
#define STATX_MNT_ID		0x1000u
#define STATX_RESERVED		0x80000000u

/* fcntl */
enum linux_fcntl { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN,
	F_GETOWN, F_SETSIG, F_GETSIG, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_DUPFD_CLOEXEC = 1030,
	F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS };
struct linux_flock { int16_t type, whence; int32_t pad; int64_t start, len; int32_t pid, pad2; };

/* memory */
#define PROT_READ	1u
#define PROT_WRITE	2u
#define PROT_EXEC	4u
#define PROT_SEM	8u
#define PROT_GROWSDOWN	0x01000000u
#define PROT_GROWSUP	0x02000000u
#define MAP_TYPE	0x0fu
#define MAP_SHARED	1u
#define MAP_PRIVATE	2u
#define MAP_SHARED_VALIDATE 3u
#define MAP_FIXED	0x10u
#define MAP_ANONYMOUS	0x20u
#define MAP_32BIT	0x40u
#define MAP_GROWSDOWN	0x0100u
#define MAP_LOCKED	0x2000u
#define MAP_POPULATE	0x8000u
#define MAP_NONBLOCK	0x10000u
#define MAP_HUGETLB	0x40000u
#define MAP_FIXED_NOREPLACE 0x100000u
#define MREMAP_MAYMOVE	1u
#define MREMAP_FIXED	2u
#define MREMAP_DONTUNMAP 4u
enum linux_madvise { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE = 8,
	MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE,
	MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT,
	MADV_POPULATE_READ, MADV_POPULATE_WRITE };
#define MS_ASYNC	1u
#define MS_INVALIDATE	2u
#define MS_SYNC		4u

/* clone */
#define CSIGNAL			0xffull
#define CLONE_VM		0x100ull
#define CLONE_FS		0x200ull
#define CLONE_FILES		0x400ull
#define CLONE_SIGHAND		0x800ull
#define CLONE_PIDFD		0x1000ull
#define CLONE_PTRACE		0x2000ull
#define CLONE_VFORK		0x4000ull
#define CLONE_PARENT		0x8000ull
#define CLONE_THREAD		0x10000ull
#define CLONE_NEWNS		0x20000ull
#define CLONE_SYSVSEM		0x40000ull
#define CLONE_SETTLS		0x80000ull
#define CLONE_PARENT_SETTID	0x100000ull
#define CLONE_CHILD_CLEARTID	0x200000ull
#define CLONE_DETACHED		0x400000ull
#define CLONE_UNTRACED		0x800000ull
#define CLONE_CHILD_SETTID	0x1000000ull
#define CLONE_CLEAR_SIGHAND	0x100000000ull
struct linux_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};
#define CLONE_ARGS_SIZE_VER0 64u

/* signals */
enum linux_signal { SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1,
	SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN,
	SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS, NSIG = 64 };
#define SIG_DFL		0ull
#define SIG_IGN		1ull
#define SA_NOCLDSTOP	1ull
#define SA_NOCLDWAIT	2ull
#define SA_SIGINFO	4ull
#define SA_RESTORER	0x04000000ull
#define SA_ONSTACK	0x08000000ull
#define SA_RESTART	0x10000000ull
#define SA_NODEFER	0x40000000ull
#define SA_RESETHAND	0x80000000ull
enum linux_how { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };
#define SS_ONSTACK	1u
#define SS_DISABLE	2u
#define SS_AUTODISARM	0x80000000u
#define MINSIGSTKSZ	2048u
enum linux_si_code { SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TKILL = -6,
	ILL_ILLOPN = 2, FPE_INTDIV = 1, FPE_FLTDIV = 3, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES, FPE_FLTINV,
	SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1, BUS_ADRERR = 2, TRAP_BRKPT = 1, TRAP_TRACE = 2,
	TRAP_HWBKPT = 4 };

struct linux_sigaction { uint64_t handler, flags, restorer, mask; };
struct linux_siginfo {
	int32_t signo, error, code, pad;
	union {
		struct { int32_t pid; uint32_t uid; uint64_t value; };
		struct { uint64_t addr; };
		uint8_t bytes[112];
	};
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");
struct linux_stack { uint64_t sp; uint32_t flags, pad; uint64_t size; };
struct linux_sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved1[8];
};
_Static_assert(sizeof(struct linux_sigcontext) == 256, "struct sigcontext");
struct linux_ucontext {
	uint64_t flags, link;
	struct linux_stack stack;
	struct linux_sigcontext mcontext;
	uint64_t sigmask;
};
struct linux_sigframe {
	uint64_t pretcode;
	struct linux_ucontext uc;
	struct linux_siginfo info;
};
_Static_assert(sizeof(struct linux_sigframe) == 440, "struct rt_sigframe");
#define UC_FP_XSTATE		1u
#define UC_SIGCONTEXT_SS	2u
#define UC_STRICT_RESTORE_SS	4u
struct linux_fpx_sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};
#define FP_XSTATE_MAGIC1	0x46505853u
#define FP_XSTATE_MAGIC2	0x46505845u
#define FXSAVE_SIZE		512u
#define FPX_SW_OFFSET		464u
#define XSAVE_HEADER_SIZE	64u

/* time */
enum linux_clock { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
	CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
	CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI = 11 };
#define TIMER_ABSTIME	1u
#define UTIME_NOW	0x3fffffff
#define UTIME_OMIT	0x3ffffffe

/* poll, epoll, futex */
struct linux_pollfd { int32_t fd; int16_t events, revents; };
enum linux_epoll_op { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
#define EPOLL_CLOEXEC	O_CLOEXEC
#define EFD_SEMAPHORE	1u
enum linux_futex_op { FUTEX_WAIT, FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP,
	FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET };
#define FUTEX_PRIVATE_FLAG	128u
#define FUTEX_CLOCK_REALTIME	256u

/* wait */
#define P_ALL	0
#define P_PIDFD	3

/* arch_prctl */
#define ARCH_SET_GS	0x1001
#define ARCH_SET_FS	0x1002
#define ARCH_GET_FS	0x1003
#define ARCH_GET_GS	0x1004
#define ARCH_GET_CPUID	0x1011
#define ARCH_SET_CPUID	0x1012

#define RLIMIT_NOFILE	7
#define RLIMIT_MEMLOCK	8

#endif
