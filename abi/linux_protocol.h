/*
 * linux_protocol.h -- what a translator asks of linuxd, and the file protocol.
 *
 * A request is an ipc_call on the task's endpoint to linuxd (slot LINUX_SLOT_SERVER of the task's
 * table), or, where it concerns an open file, on that file's descriptor itself: then the kernel
 * supplies its cookie (message.badge) and access mode, and linuxd believes nothing else.
 *
 *   words[0]      the operation (enum linux_op)
 *   words[1..5]   its arguments, as listed
 *   payload       paths and structures: inline_data when inline_len > 0, else the bulk buffer.
 *                 A path is NUL-terminated; two paths follow each other.
 * Reply:
 *   words[0]      a value >= 0 or a negative Linux errno; -LINUX_INTERRUPTED when the request was
 *                 cancelled before it had an effect (the translator restarts it or answers EINTR)
 *   words[1..]    further results; payload as listed
 *
 * "at" operations name their directory by the way they come: via the endpoint it is the working
 * directory, via a descriptor that directory (or, with an empty path and AT_EMPTY_PATH, the file).
 * linuxd knows the caller by the badge of its task alone.
 */
#ifndef ABI_LINUX_PROTOCOL_H
#define ABI_LINUX_PROTOCOL_H

#include <stdint.h>

#define LINUX_SLOT_SERVER	0x80000000u	/* the task's endpoint capability to linuxd */
#define LINUX_SLOT_EXEC_FILE	0x80000001u	/* a fresh task: Descriptor (read, exec) of the program */
#define LINUX_SLOT_EXEC_ARGS	0x80000002u	/* a fresh task: vmo, struct exec_args and strings */
#define LINUX_SLOT_CLOCK	0x80000003u	/* vmo of the clock page */
#define LINUX_SLOT_VDSO		0x80000004u	/* vmo of the vDSO image */

#define LINUX_INTERRUPTED	512		/* as Linux's internal ERESTARTSYS */
#define LINUX_ASK_AGAIN		513		/* ERESTARTNOINTR: a piece is done of what takes long; send it again */

enum linux_op {
	/* --- names.  "at" operations.  payload: path ------------------------------------------ */
	LX_OPEN = 1,	/* [1] O_ flags [2] mode [3] resolve flags; msg.reserved_slot is where the Descriptor
			   arrives (or, with flag LX_OPEN_EXEC in [3]: into the task's table, checked for exec).
			   Reply caps[0]: the Descriptor.  An O_PATH or directory descriptor is served by linuxd */
	LX_STAT,	/* [1] AT_ flags; reply payload: struct lx_stat */
	LX_ACCESS,	/* [1] mode [2] AT_ flags */
	LX_READLINK,	/* reply payload: the text, not NUL-terminated, words[0] its length */
	LX_MKDIR,	/* [1] mode */
	LX_MKNOD,	/* [1] mode [2] dev */
	LX_UNLINK,	/* [1] AT_REMOVEDIR or 0 */
	LX_SYMLINK,	/* payload: target, then link path (relative to the at directory) */
	LX_LINK,	/* payload: old path, new path; [1] AT_ flags; old is at, caps[0] (if any) new's directory */
	LX_RENAME,	/* payload: old, new; [1] RENAME_ flags; old is at, caps[0] (if any) new's directory */
	LX_CHMOD,	/* [1] mode [2] AT_ flags */
	LX_CHOWN,	/* [1] uid [2] gid [3] AT_ flags */
	LX_UTIMENS,	/* [1] AT_ flags, [2] atime ns [3] mtime ns: LX_TIME_NOW, LX_TIME_OMIT */
	LX_TRUNCATE,	/* [1] size */
	LX_STATFS,	/* reply payload: struct statfs of Linux x86-64 */
	LX_CHDIR,	/* at */
	LX_CHROOT,
	LX_GETCWD,	/* reply payload: the path with its NUL, words[0] length with NUL */
	LX_UMASK,	/* [1] new; the old one comes back */
	LX_MOUNT,	/* [1] MS_ flags; payload: source, target, type, data (each NUL-terminated) */
	LX_UMOUNT,	/* [1] flags; payload: target */
	LX_PIVOT_ROOT,
	LX_XATTR,	/* [1] 0 get 1 set 2 list 3 remove [2] AT_SYMLINK_NOFOLLOW payload: path; none keeps any */

	LX_MEMFD,	/* [1] MFD_ flags; payload: name; reply caps[0] into msg.reserved_slot */
	LX_TIMERFD,	/* [1] clock [2] O_ flags; the same */

	/* --- the file protocol: via a descriptor ----------------------------------------------- */
	LX_READ = 64,	/* [1] offset or ~0: the file's own; bulk_in: data; words[0] bytes, or -LINUX_ASK_AGAIN */
	LX_WRITE,	/* [1] offset or ~0; payload or bulk_out: data; words[0] bytes taken */
	LX_GETDENTS,	/* bulk_in: struct linux_dirent64 records; words[0] bytes */
	LX_SEEK,	/* [1] offset [2] whence */
	LX_FSTAT,	/* reply payload: struct lx_stat */
	LX_IOCTL,	/* [1] request [2] argument if it is a number; payload in/out: the structure */
	LX_FCNTL,	/* [1] command [2] argument; F_GETLK..: payload struct flock.  F_SETFL goes to linuxd only for
			   O_ASYNC, O_DIRECT...: APPEND and NONBLOCK are the kernel's */
	LX_FLOCK,	/* [1] operation */
	LX_FSYNC,	/* [1] 1: data only */
	LX_FALLOCATE,	/* [1] mode [2] offset [3] len */
	LX_FD_PATH,	/* reply payload: what /proc/self/fd/N would say */
	LX_TIMERFD_TIME, /* [1] 1: set, payload struct itimerspec, [2] TFD_TIMER_ flags; reply payload: the old state */
	LX_UNLOCK,	/* the caller closes a descriptor of the file: its POSIX locks on it go */

	/* --- processes -------------------------------------------------------------------------- */
	LX_FORK = 128,	/* [1] rip [2] rsp [3] 0 [4] arg: where the child's thread starts, with the caller's FPU state,
			   bases and a copy of its utcb.  Words[0]: the child's pid */
	LX_VFORK,	/* as LX_FORK with [3] the address of a fresh block; the space is shared; answered when
			   the child has gone on by exec or exit; [5] CLONE_ flags */
	LX_THREAD,	/* [1] CLONE_ flags: reserve a thread id and raise the ceiling by one; words[0]: tid */
	LX_THREAD_STARTED, /* [1] tid [2] the kernel's thread number, or ~0: it was not created */
	LX_THREAD_EXIT,	/* this thread ends (answered; then it calls thread_exit) */
	LX_EXEC,	/* at; [1] AT_ flags; payload: path; caps[0]: the args vmo (moved).  Answered only on failure */
	LX_EXEC_READY,	/* from the fresh task: words[1] 0 or a negative errno, [2] entry rip, [3] stack top (for /proc),
			   [4] start of brk; payload: struct lx_exec_areas; answered once the old program is gone:
			   reply payload struct lx_exec_cred */
	LX_EXIT,	/* [1] status as wait reports it (code << 8, or signal): the whole process; never answered */
	LX_WAIT,	/* [1] pid [2] options (W*) [3] idtype + 1 for waitid, 0 for wait4.  words[0] pid or 0,
			   words[1] status; payload: struct lx_wait */
	LX_GETPID,	/* payload: struct lx_ids */
	LX_SETIDS,	/* [1] enum lx_setid [2..4] arguments */
	LX_SETGROUPS,	/* payload: u32s */
	LX_GETGROUPS,	/* payload: u32s, words[0] count */
	LX_SETPGID,	/* [1] pid [2] pgid */
	LX_GETPGID,	/* [1] pid */
	LX_SETSID,
	LX_GETSID,	/* [1] pid */
	LX_RLIMIT,	/* [1] pid [2] resource [3] 1: set from payload; payload: u64 cur, max; the old ones come back */
	LX_PRIORITY,	/* [1] 0 get 1 set [2] which [3] who [4] value */
	LX_SCHED,	/* [1] enum lx_sched [2] pid [3] value; payload: struct */
	LX_RUSAGE,	/* [1] who; payload: struct rusage of Linux x86-64 */
	LX_CPU_TIME,	/* [1] pid or tid [2] 1 of a thread [3] 1 without the system's; payload: u64 ns */
	LX_TIMES,	/* payload: struct tms (clock ticks of 100 Hz), words[0] uptime ticks */
	LX_UNAME_SET,	/* [1] 0 hostname 1 domainname; payload */
	LX_UNAME,	/* payload: struct new_utsname */
	LX_SYSINFO,	/* payload: struct sysinfo */
	LX_PRCTL,	/* [1] option [2..5] arguments; payload: name for PR_SET_NAME */
	LX_REBOOT,	/* [1] command */
	LX_UNKNOWN,	/* [1] number of a system call that the translator does not know: counted, answers 0 */
	LX_SYSLOG,	/* [1] action of syslog(2); bulk_in: text, words[0] bytes */
	LX_PERSONALITY,
	LX_TRACE,	/* payload: a line for the kernel's log; root's only */

	/* --- signals ------------------------------------------------------------------------------ */
	LX_KILL = 192,	/* [1] pid as kill(2) [2] signal */
	LX_TGKILL,	/* [1] tgid or ~0 [2] tid [3] signal */
	LX_SIGQUEUE,	/* [1] pid [2] tid or 0 [3] signal; payload: siginfo (128 bytes) */
	LX_SIGCLASS,	/* [1] signal [2] 0 default 1 ignore 2 handled [3] SA_ flags that linuxd needs (NOCLDSTOP, NOCLDWAIT) */
	LX_SIGTAKE,	/* [1] blocked mask: words[0] signal to deliver now or 0, words[1] still pending for this thread
			   (thread's and process's); payload: siginfo.  A default action that ends or stops the process is
			   linuxd's own doing and is never answered this way */
	LX_SIGWAIT,	/* [1] wanted set [2] deadline: sigtimedwait; payload: siginfo */
	LX_SIGSUSPEND,	/* [1] temporary mask: parked until a signal outside it is pending; answers -LINUX_INTERRUPTED */
	LX_SIGPENDING,	/* words[0]=0, words[1] pending set */
	LX_FAULT_SIGNAL,/* [1] signal: a synchronous one that is blocked or ignored: end the process by it */
	LX_ITIMER,	/* [1] which | 256: set, payload struct itimerval; the old one comes back */
	LX_TIMER,	/* POSIX timers: [1] 0 create 1 settime 2 gettime 3 delete 4 overrun [2] id [3] flags; to create:
			   [2] clock [3] signal, 0x10000: the value is the timer's id, sigev_notify << 32 [4] value [5] tid */
	LX_PTRACE,

	/* --- from consoled -------------------------------------------------------------------------- */
	LX_TTY_INPUT = 240, /* [1] line 0.. ; payload: bytes.  Via an endpoint capability with badge LX_BADGE_CONSOLE */
	LX_TTY_DRAINED,	/* [1] line: the output pipe has room again */
	LX_TTY_HANGUP,
};
#define LX_BADGE_CONSOLE 0x636f6e73ull
#define LX_OPEN_EXEC 1u

#define LX_TIME_NOW	(~(uint64_t)0)
#define LX_TIME_OMIT	(~(uint64_t)1)

enum lx_setid { LX_SETUID, LX_SETGID, LX_SETREUID, LX_SETREGID, LX_SETRESUID, LX_SETRESGID, LX_SETFSUID, LX_SETFSGID };
enum lx_sched { LX_SCHED_GETAFFINITY, LX_SCHED_SETAFFINITY, LX_SCHED_GETSCHEDULER, LX_SCHED_SETSCHEDULER,
	LX_SCHED_GETPARAM, LX_SCHED_SETPARAM, LX_SCHED_GETATTR, LX_SCHED_SETATTR };

/* Everything stat and statx say; times in nanoseconds since 1970. */
struct lx_stat {
	uint64_t dev, ino, size, blocks, rdev;
	uint32_t mode, uid, gid, nlink, blksize, pad;
	uint64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	uint64_t mount_id, attributes;
};

/*
 * The attribute record that linuxd leaves in each Content: fstat is then one native call.  size and
 * the three times are the kernel's own fields.
 */
struct lx_record {
	uint64_t dev, ino, rdev, btime_ns, mount_id;
	uint32_t mode, uid, gid, nlink, blksize, pad;
	uint8_t reserved[32];
};
_Static_assert(sizeof(struct lx_record) == 96, "fits the kernel's attribute record");

struct lx_ids {
	uint32_t pid, tid, ppid, pgid, sid;
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	uint32_t ngroups;
};
struct lx_wait { int32_t pid, status, code, uid; uint64_t rusage[18]; };	/* rusage: Linux's struct */

/* Of LX_EXEC_READY: where the strings lie; the environment's begin where the arguments' end. */
struct lx_exec_areas {
	uint64_t args_start, args_end, env_end;
};

/* What a fresh program's auxiliary vector needs, and what has become of its credentials. */
struct lx_exec_cred {
	uint32_t uid, euid, gid, egid, secure, pid;
	uint64_t random[2];
};

/*
 * The args vmo of exec: this header, then argc + envc NUL-terminated strings, then the path the
 * program was executed by (AT_EXECFN), in one run of bytes.
 */
struct exec_args {
	uint64_t total_len;		/* of header and strings */
	uint32_t argc, envc;
	uint32_t args_len, env_len, path_len, pad;
	uint64_t ignored;		/* signals the caller ignores: bit n - 1 of signal n (execve(2)) */
};
#define EXEC_ARGS_MAX (2ul << 20)

/*
 * How linuxd starts a translator: thread_args.arg is the address of the thread's block; utcb.user[]
 * holds, before its first instruction:
 */
enum translator_user_word {
	TU_START,	/* TU_START_EXEC, _FORK (a fork child), ... : what this thread is to do first */
	TU_PID,		/* ids cached by the translator: they never change while the task lives */
	TU_TID,
	TU_DATA,	/* address of the task's translator state (TRANSLATOR_STATE_SIZE bytes, anonymous) */
	TU_STACK_TOP,	/* exec: highest address of the program's stack area */
	TU_MMAP_HI,	/* exec: mappings are placed below this */
	TU_RANDOM,	/* exec: 64 random bits for what the translator places itself */
	TU_RLIMIT_STACK,/* exec: bytes */
	TU_PPID,	/* the parent's pid; linuxd changes the word in each thread by task_write when the parent dies */
};
#define TU_START_EXEC 1
#define TRANSLATOR_STATE_SIZE	65536ull

/* Where a Linux task's address space is what. */
#define LINUX_MMAP_LO		0x10000ull
#define LINUX_STACK_TOP_MAX	0x00007fff00000000ull	/* program stacks lie below this */
#define LINUX_ZONE_LO		0x00007fff00000000ull	/* the translator's zone: blocks, state */
#define LINUX_ZONE_HI		0x00007ffffe000000ull
#define TRANSLATOR_BASE		0x00007fffff000000ull	/* its image is linked and mapped here */
#define LINUX_TOP_LO		0x00007fffff400000ull	/* from here on it is the program's again */

#endif
