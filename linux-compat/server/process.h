/*
 * process.h -- what the files of linuxd's process half share (private to them).
 *
 * The objects: a process is what has a pid and is waited for; a thread one of its tids; an image the
 * native Task that runs its program.  exec swaps the image and keeps the process.
 *
 * Life of a process: ALIVE until its end is decided (exit or kill), DYING until the kernel reports its
 * Task gone, ZOMBIE until it is reaped.  Nobody sees an exit before the Task and its memory are gone.
 *
 * The badge of an image is its index in a table and a generation that starts at 1: no other creator of
 * tasks uses badges with upper bits, so the sender badge of a message alone tells who asks.
 */
#ifndef LINUX_SERVER_PROCESS_H
#define LINUX_SERVER_PROCESS_H

#include <lib/rt/rt.h>
#include <lib/rt/ipc.h>
#include <abi/stubs.h>
#include "server.h"
#include "uapi.h"
#include "process_uapi.h"

#define PID_MAX		32768u
#define NS_PER_SEC	1000000000ull
#define USER_HZ		100u

struct tty;

/* --- lists ------------------------------------------------------------------------------------- */
struct link { struct link *next, *prev; };
#define CONTAINER(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
static inline void link_init(struct link *l) { l->next = l->prev = l; }
static inline bool link_empty(const struct link *l) { return l->next == l; }
static inline void link_before(struct link *at, struct link *l)
{
	l->prev = at->prev;
	l->next = at;
	at->prev->next = l;
	at->prev = l;
}
static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

/* --- users: what is counted per real uid ---------------------------------------------------------- */
struct user {
	struct user *next;
	uint32_t uid, refs;
	uint16_t payer;			/* of linuxd's memory: memory.c */
	handle_t pool;
	uint64_t limit_bytes;
	uint32_t nprocs, nsignals;	/* threads; pending signals and timers */
};
struct user *user_get(uint32_t uid);	/* NULL: no memory */
void user_put(struct user *u);
struct user *user_next(struct user *u);	/* NULL starts and ends */

/* --- pending signals --------------------------------------------------------------------------------- */
struct sig_entry {
	struct sig_entry *next;
	struct user *user;		/* counted in its nsignals */
	struct siginfo info;
};
struct sig_pending {
	uint64_t set;
	struct sig_entry *first, *last;
};
enum sig_class { CLASS_DEFAULT, CLASS_IGNORE, CLASS_HANDLED };

/* --- threads and images --------------------------------------------------------------------------------- */
struct sig_sleep;			/* a parked LX_SIGWAIT or LX_SIGSUSPEND: signal.c */
struct thread {
	struct link link;		/* in process->threads, the main thread first */
	struct thread *hash_next;	/* by tid */
	struct process *process;
	uint32_t tid;
	uint32_t number;		/* the kernel's; THREAD_UNKNOWN until it is reported or speaks */
	bool reserved;			/* LX_THREAD answered, not yet confirmed */
	uint64_t affinity;		/* 0: all CPUs; kept by fork and exec, told the kernel by thread_bind() */
	struct sig_pending pending;
	struct sig_sleep *sleep;
	char comm[16];
};
#define THREAD_UNKNOWN (~0u)

enum image_role { IMAGE_CURRENT, IMAGE_LOADING, IMAGE_OLD };
struct image {
	uint64_t badge;
	enum image_role role;
	struct process *process;
	handle_t task, pool;
	uint32_t first_thread;		/* the kernel's number of the thread it was started with */
	uint64_t block, data;		/* of that thread; of the translator's state */
	uint64_t stack_top, mmap_hi, random;
	bool shares_space;		/* a vfork child before its exec */
};
struct image *image_by_badge(uint64_t badge);
struct image *image_alloc(struct process *p, enum image_role role);	/* NULL: no memory or table full */
void image_free(struct image *i);	/* its task is dead or was never started: closes the handles */
void image_init(const struct archive *a);	/* the translator, vdso and clock page that every program gets */
void image_thread_args(struct thread_args *a, const struct image *i);	/* window and entries of the translator */
/* Make and start its task; table is consumed.  On failure a task that was made is killed, the image stays. */
status_t image_start(struct image *i, handle_t table, handle_t file, handle_t args);

/* --- groups and sessions ------------------------------------------------------------------------------------ */
struct session {
	uint32_t sid, refs;
	struct tty *tty;		/* controlling; holds a reference */
	struct process *leader;		/* NULL when it is gone */
};
struct pgroup {
	struct pgroup *hash_next;
	uint32_t pgid;
	struct session *session;	/* reference */
	struct link members;		/* processes by group_link, zombies included */
};
struct pgroup *pgroup_find(uint32_t pgid);
int pgroup_join(struct process *p, uint32_t pgid, struct session *s);	/* makes the group; leaves the old one */
void pgroup_leave(struct process *p);
void pgroup_inherit(struct process *p, struct process *parent);
struct session *session_new(uint32_t sid, struct process *leader);
void session_get(struct session *s);
void session_put(struct session *s);
bool pgroup_orphaned(const struct pgroup *g, const struct process *ignored);
bool pgroup_stopped(const struct pgroup *g);
void pgroup_check_orphans(struct process *leaving);	/* exit(3): SIGHUP and SIGCONT to new orphans */
void pgroup_signal(struct pgroup *g, int sig, const struct siginfo *info);
bool session_or_group_uses(uint32_t id);
void session_leader_exit(struct process *p);

/* --- processes ---------------------------------------------------------------------------------------------------- */
enum process_state { PROCESS_ALIVE, PROCESS_DYING, PROCESS_ZOMBIE };

struct usage {
	uint64_t user_ns, system_ns, minor_faults, major_faults, voluntary, involuntary, maxrss_pages;
};

struct posix_timer;
struct interval_timer {
	struct timer timer;
	struct process *process;
	uint64_t interval_ns, expires;	/* REAL: monotonic; VIRTUAL, PROF: CPU time of the process */
	uint64_t seen;			/* CPU time when it was looked at last */
	uint32_t idle;			/* how often none had passed since */
	int which;
	bool lazy;			/* its signal waits: it does not ring again before that is taken */
};

struct process {
	uint32_t pid;
	enum process_state state;
	struct process *hash_next;	/* by pid */
	struct link all;		/* every process, by pid */
	struct process *parent;
	struct link children, sibling;
	struct pgroup *group;
	struct link group_link;

	struct image *image;		/* NULL for a zombie */
	struct image *loading;		/* exec in progress */
	struct exec_state *exec;
	bool changing;			/* the old image is being killed, the new one not yet in its place */
	struct link threads;
	struct thread *main;
	uint32_t nthreads, nthreads_peak;
	struct parked *parked;		/* its requests that wait */
	struct parked *vfork_parent;	/* the parent's LX_VFORK, answered at exec or end */

	struct cred cred;
	struct user *user;		/* real uid at fork or exec: who pays */
	struct user *counted;		/* real uid now: in whose nprocs it is */
	struct fs_view *fs;
	char comm[16];
	char exe[256];
	struct inode *exe_inode;
	uint64_t start_ns, start_code, start_stack, start_brk;
	uint64_t args_start, args_end, env_start, env_end;

	uint8_t sig_class[SIGNALS_MAX + 1];
	uint32_t chld_flags;		/* SA_NOCLDSTOP, SA_NOCLDWAIT of SIGCHLD */
	struct sig_pending pending;	/* shared by its threads */
	bool stopped;
	bool unkillable;		/* pid 1: default actions do not touch it */
	int stop_signal;
	bool stop_unreported, continue_unreported;

	struct link waits;		/* parked LX_WAIT of its threads: wait.c */
	int exit_status, exit_signal;
	uint32_t exec_id, parent_exec_id;	/* execs so far; of the parent when it asked for exit_signal */
	struct usage dead_usage, child_usage;	/* own at death; of reaped children */

	uint64_t rlimits[RLIMIT_COUNT][2];
	struct timer cpu_timer;		/* RLIMIT_CPU: rlimit.c */
	int nice, policy, rt_priority;
	bool no_new_privs, subreaper, keepcaps, reset_on_fork;
	bool reparented;		/* its threads may have been told of a parent that is gone */
	int dumpable, pdeath_signal;
	uint64_t timer_slack_ns;
	uint32_t personality;
	bool no_tty;			/* has given up the session's terminal (TIOCNOTTY) */
	bool executed;			/* has done exec: setpgid by the parent is refused */

	struct interval_timer itimers[3];
	struct posix_timer *timers;
	uint32_t next_timer, lazy_timers;
};

extern struct process *process_init;	/* pid 1 */
extern uint64_t process_forks;
struct process *process_alloc(struct process *parent, int *error); /* pid, lists, inherited state; no image */
void process_free(struct process *p);	/* unlinks everything: a reaped zombie or one never started */
void process_kill(struct process *p, int status);	/* as wait reports it; ends when the kernel says so */
void process_gone(struct process *p);	/* its Task is dead */
void process_usage(struct process *p, struct usage *u);
void usage_add(struct usage *to, const struct usage *u);
void usage_fill(const struct usage *u, struct linux_rusage *out);
uint64_t process_cpu_ns(struct process *p);
uint32_t process_count(void);
void process_publish_parent(struct process *p);	/* TU_PPID of its threads' utcbs */
void thread_publish_parent(struct thread *t);
void memory_shortage(struct process *sufferer);
void memory_refused(struct process *p);
void memory_favour(const struct process *p);	/* the last of the memory is its own */
void process_set_counted(struct process *p);		/* after its real uid changed */
struct process *process_first(void);
struct process *process_after(struct process *p);
#define FOR_EACH_PROCESS(p) for (struct process *p = process_first(); p; p = process_after(p))

uint32_t pid_new(void);			/* 0: none left */
struct thread *thread_by_tid(uint32_t tid);
struct thread *thread_by_number(struct process *p, uint32_t number);
struct thread *thread_alloc(struct process *p, uint32_t tid);
void thread_free(struct thread *t);
void thread_bind(const struct thread *t);
#define FOR_EACH_THREAD(p, t) \
	for (struct thread *t = CONTAINER((p)->threads.next, struct thread, link); &t->link != &(p)->threads; \
		t = CONTAINER(t->link.next, struct thread, link))

/* --- exec.c, fork.c ----------------------------------------------------------------------------------------------------- */
int exec_first(const char *command_line);	/* starts pid 1 */
void exec_abort(struct process *p, int error);	/* the loading image is gone or hopeless */
void exec_image_dead(struct image *i);	/* an IMAGE_OLD or IMAGE_LOADING one */
bool exec_gone_later(struct process *p);	/* process_gone() must wait for the old image */
void exec_process_gone(struct process *p);
void exec_thread_gone(struct thread *t);
bool exec_holds(const struct process *p);
void vfork_release(struct process *child);
void process_start_failed(struct process *p, int error);	/* pid 1 cannot run */
void process_usage_keep(struct process *p, const struct image *i);	/* what i used counts for p from now on */
void process_apply_ceilings(struct process *p, handle_t task, bool first);
void cpu_limit_arm(struct process *p);
uint8_t process_priority(const struct process *p);
uint32_t process_weight(const struct process *p);
int native_errno(status_t status);	/* a native status as a negative errno */

void robust_release(struct process *p);	/* robust.c: it is about to be killed */

/* --- wait.c ----------------------------------------------------------------------------------------------------------------- */
void wait_child_changed(struct process *child);	/* a state of it can be reported: wakes the parent's waits */
void child_notify(struct process *child, int code, int status);	/* SIGCHLD or the exit signal */

/* --- signal.c ------------------------------------------------------------------------------------------------------------------ */
int signal_send(struct process *p, struct thread *t, int sig, const struct siginfo *info);
void signal_kernel(struct process *p, int sig);	/* SI_KERNEL */
void signal_user_info(struct siginfo *info, int sig, const struct process *from);
bool signal_may_send(const struct process *from, const struct process *to, int sig);
void signal_after_exec(struct process *p, uint64_t mask);
void signal_flush(struct sig_pending *pending, uint64_t which);
void signal_process_gone(struct process *p);
void signal_thread_gone(struct thread *t);
void signal_thread_leaves(struct thread *t);	/* what was meant for the process goes to another thread */
bool signal_rests(const struct process *p, const struct thread *t, int sig);	/* pending still, or ignored */
bool signal_is_blocked_or_ignored(struct process *p, struct thread *t, int sig);	/* for ttys */
void process_stop(struct process *p, int sig);
void process_continue(struct process *p);

/* --- tty, as the rest sees it --------------------------------------------------------------------------------------------- */
void tty_init(void);
void tty_console(struct request *r);	/* LX_TTY_*: from consoled */
uint32_t tty_rdev(const struct tty *t);
uint32_t tty_foreground(const struct tty *t);
bool tty_leads_console(const struct process *p);
void tty_session_gone(struct tty *t, struct session *s);	/* its leader has exited: hang up */
void tty_put(struct tty *t);
void tty_get(struct tty *t);

void power_off(uint64_t how, uint64_t code);	/* when what was written to the serial lines has left */
void power_off_look(void);
bool lines_drained(void);

/* --- timers of processes (itimer.c) ----------------------------------------------------------------------------------------- */
void itimer_process_gone(struct process *p);	/* exec keeps interval timers, drops POSIX ones */
void itimer_exec(struct process *p);
void itimer_signal_taken(struct process *p, int sig);	/* call before it is taken */

/* --- clock (clock.c) ----------------------------------------------------------------------------------------------------------- */
void clock_init(void);
uint64_t timers_next(void);		/* the nearest deadline or DEADLINE_NEVER */
void timers_run(void);			/* fires what is due */

/* --- memory (memory.c) --------------------------------------------------------------------------------------------------------- */
void mem_init(void);
extern uint16_t mem_payer;	/* whose request is being handled: pays for what mem_alloc gives; 0: linuxd, root */
uint16_t mem_payer_get(uint32_t uid);
void mem_payer_put(uint16_t payer);
void mem_reserve(uint64_t bytes);	/* what linuxd has for sure */
void mem_wire(void);		/* linuxd's own pages are there before anybody can take the memory */

/* --- request.c -------------------------------------------------------------------------------------------------------------------- */
_Noreturn void request_loop(void);
void parked_cancel_process(struct process *p);	/* it is dead */
void parked_cancel_others(struct process *p, struct parked *keep);	/* all but keep: their callers are dead */
bool request_is_bulk(const struct request *r);	/* its payload can be read again while it is parked: */
int64_t parked_bulk(struct parked *p, uint32_t offset, void *buf, uint32_t len);
/* run a request of linuxd's own through the handlers: the answer's words[0], *cap the capability or H_NONE */
int64_t request_inside(struct request *r, handle_t *cap);
uint64_t request_counts(uint32_t op);

/* handlers, one per operation, named after it */
#define HANDLERS(X) \
	X(LX_FORK, request_fork) X(LX_VFORK, request_vfork) X(LX_THREAD, request_thread) \
	X(LX_THREAD_STARTED, request_thread_started) X(LX_THREAD_EXIT, request_thread_exit) \
	X(LX_EXEC, request_exec) X(LX_EXEC_READY, request_exec_ready) X(LX_EXIT, request_exit) \
	X(LX_WAIT, request_wait) X(LX_GETPID, request_getpid) X(LX_SETIDS, request_setids) \
	X(LX_SETGROUPS, request_setgroups) X(LX_GETGROUPS, request_getgroups) X(LX_SETPGID, request_setpgid) \
	X(LX_GETPGID, request_getpgid) X(LX_SETSID, request_setsid) X(LX_GETSID, request_getsid) \
	X(LX_RLIMIT, request_rlimit) X(LX_PRIORITY, request_priority) X(LX_SCHED, request_sched) \
	X(LX_RUSAGE, request_rusage) X(LX_CPU_TIME, request_cpu_time) X(LX_TIMES, request_times) X(LX_UNAME_SET, request_uname_set) \
	X(LX_UNAME, request_uname) X(LX_SYSINFO, request_sysinfo) X(LX_PRCTL, request_prctl) \
	X(LX_REBOOT, request_reboot) X(LX_UNKNOWN, request_unknown) X(LX_PERSONALITY, request_personality) \
	X(LX_SYSLOG, request_syslog) X(LX_TRACE, request_trace) \
	X(LX_KILL, request_kill) X(LX_TGKILL, request_tgkill) X(LX_SIGQUEUE, request_sigqueue) \
	X(LX_SIGCLASS, request_sigclass) X(LX_SIGTAKE, request_sigtake) X(LX_SIGWAIT, request_sigwait) \
	X(LX_SIGSUSPEND, request_sigsuspend) X(LX_SIGPENDING, request_sigpending) \
	X(LX_FAULT_SIGNAL, request_fault_signal) X(LX_ITIMER, request_itimer) X(LX_TIMER, request_timer) \
	X(LX_PTRACE, request_ptrace)
#define X(op, name) void name(struct request *r);
HANDLERS(X)
#undef X

#endif
