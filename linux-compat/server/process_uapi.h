/*
 * process_uapi.h -- the numbers of Linux x86-64's user interface that the process half of linuxd needs:
 * signals, wait, clone, scheduling, prctl, and the structures it fills in.  Facts of the ABI.
 */
#ifndef LINUX_SERVER_PROCESS_UAPI_H
#define LINUX_SERVER_PROCESS_UAPI_H

#include <stdint.h>

enum linux_signal {
	SIGHUP = 1, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV,
	SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN,
	SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS,
	SIGNALS_MAX = 64, SIGRT_FIRST = 32
};
#define SIG_BIT(n)	(1ull << ((n) - 1))

enum linux_si_code { SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_TKILL = -6 };
enum linux_cld { CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED };

#define SA_NOCLDSTOP	1u
#define SA_NOCLDWAIT	2u

struct siginfo {
	int32_t signo, error, code, pad;
	union {
		struct { int32_t pid; uint32_t uid; uint64_t value; } from;
		struct { int32_t pid; uint32_t uid; int32_t status, pad; int64_t utime, stime; } child;
		struct { int32_t timer, overrun; uint64_t value; } timer;
		struct { uint64_t address; } fault;
		uint8_t bytes[112];
	};
};
_Static_assert(sizeof(struct siginfo) == 128, "siginfo_t of x86-64");

/* wait */
#define WNOHANG		1u
#define WUNTRACED	2u
#define WEXITED		4u
#define WCONTINUED	8u
#define WNOWAIT		0x01000000u
#define WNOTHREAD_	0x20000000u
#define WALL_		0x40000000u
#define WCLONE_		0x80000000u
enum linux_idtype { P_ALL, P_PID, P_PGID, P_PIDFD };

#define CLONE_VM	0x00000100u
#define CLONE_FS	0x00000200u
#define CLONE_FILES	0x00000400u
#define CLONE_VFORK	0x00004000u
#define CLONE_PARENT	0x00008000u
#define CSIGNAL		0xffu

struct linux_timeval { int64_t sec, usec; };
struct linux_itimerval { struct linux_timeval interval, value; };
enum linux_itimer { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
struct linux_rusage {
	struct linux_timeval utime, stime;
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct linux_rusage) == 144, "struct rusage of x86-64");
#define RUSAGE_SELF	0
#define RUSAGE_CHILDREN	(-1)
#define RUSAGE_THREAD	1
struct linux_tms { int64_t utime, stime, cutime, cstime; };
struct linux_utsname { char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65]; };
struct linux_sysinfo {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit;
	uint32_t tail;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "struct sysinfo of x86-64");

#define RLIM_INFINITY	(~(uint64_t)0)

enum linux_prio_which { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
enum linux_sched_policy { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5, SCHED_DEADLINE };
#define SCHED_RESET_ON_FORK 0x40000000
struct linux_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

enum linux_prctl {
	PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS, PR_GET_TIMING = 13, PR_SET_TIMING, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP = 21,
	PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS,
	PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER,
	PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS
};

#define LINUX_REBOOT_RESTART	0x01234567u
#define LINUX_REBOOT_HALT	0xCDEF0123u
#define LINUX_REBOOT_CAD_ON	0x89ABCDEFu
#define LINUX_REBOOT_CAD_OFF	0u
#define LINUX_REBOOT_POWER_OFF	0x4321FEDCu

/* termios */
struct linux_termios2 {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
	uint32_t ispeed, ospeed;
};
_Static_assert(sizeof(struct linux_termios2) == 44, "struct termios2 of x86-64");
#define TERMIOS_SIZE 36u		/* struct termios: the same without the speeds */
struct linux_termio {			/* of System V: the flags' low halves, the first eight characters */
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[8];
};
_Static_assert(sizeof(struct linux_termio) == 18, "struct termio of x86-64");
struct linux_winsize { uint16_t row, col, xpixel, ypixel; };
enum linux_cc { VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL,
	VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2 };
enum linux_iflag { IGNBRK = 1, BRKINT = 2, IGNPAR = 4, PARMRK = 8, INPCK = 16, ISTRIP = 32, INLCR = 64,
	IGNCR = 128, ICRNL = 256, IUCLC = 512, IXON = 1024, IXANY = 2048, IXOFF = 4096, IMAXBEL = 8192,
	IUTF8 = 16384 };
enum linux_oflag { OPOST = 1, OLCUC = 2, ONLCR = 4, OCRNL = 8, ONOCR = 16, ONLRET = 32, XTABS = 0x1800,
	TABDLY = 0x1800 };
enum linux_cflag { CBAUD = 0x100f, B38400 = 15, B115200 = 0x1002, CS8 = 0x30, CREAD = 0x80, HUPCL = 0x400,
	CLOCAL = 0x800 };
enum linux_lflag { ISIG = 1, ICANON = 2, XCASE = 4, ECHO = 8, ECHOE = 16, ECHOK = 32, ECHONL = 64,
	NOFLSH = 128, TOSTOP = 256, ECHOCTL = 512, ECHOPRT = 1024, ECHOKE = 2048, FLUSHO = 4096,
	PENDIN = 16384, IEXTEN = 32768, EXTPROC = 65536 };
enum linux_tty_ioctl {
	TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TCGETA, TCSETA, TCSETAW, TCSETAF, TCSBRK, TCXONC, TCFLSH,
	TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ, TIOCSTI, TIOCGWINSZ, TIOCSWINSZ,
	TIOCMGET, TIOCMBIS, TIOCMBIC, TIOCMSET, TIOCGSOFTCAR, TIOCSSOFTCAR, FIONREAD, TIOCCONS = 0x541D,
	TIOCPKT = 0x5420, FIONBIO = 0x5421, TIOCNOTTY = 0x5422, TIOCSETD = 0x5423, TIOCGETD = 0x5424,
	TCSBRKP = 0x5425, TIOCGSID = 0x5429, TIOCVHANGUP = 0x5437, TIOCGEXCL = 0x80045440
};
#define TCGETS2		0x802C542Au
#define TCSETS2		0x402C542Bu
#define TCSETSW2	0x402C542Cu
#define TCSETSF2	0x402C542Du
#define TIOCGPTN	0x80045430u
#define TIOCSPTLCK	0x40045431u
#define TIOCSIG		0x40045436u
#define TIOCGPTLCK	0x80045439u
#define TIOCGPKT	0x80045438u
#define TIOCGPTPEER	0x5441u

#endif
