/*
 * native.h -- every structure and constant of the native interface.
 *
 * The contract between kernel and user space; nobody owns it, both include it.  Calls, rights and
 * errors come from the lists beside it (calls.h, rights.h, errors.h are generated).  All addresses,
 * sizes and times are 64 bits; times are nanoseconds; deadlines are absolute on the monotonic clock,
 * DEADLINE_NEVER waits for ever and 0 does not wait.
 */
#ifndef ABI_NATIVE_H
#define ABI_NATIVE_H

#include <stdint.h>
#include <stddef.h>
#include <abi/errors.h>
#include <abi/rights.h>

typedef int64_t status_t;	/* 0 or more: success; negative: an E_ of errors.list */
typedef uint32_t handle_t;

#define HANDLE_TASK_TABLE	0x80000000u	/* set: the task's table; clear: the thread's descriptors */
#define H_SELF			0xffffffffu
#define H_NONE			0xfffffffeu

#define DEADLINE_NEVER		(~(uint64_t)0)
#define OFFSET_OWN		(~(uint64_t)0)

#define PAGE_SIZE		4096ull
#define USER_TOP		0x00007ffffffff000ull	/* the last page below is never mapped */
#define USER_LOW		0x1000ull

enum slot_flag { SLOT_CLOEXEC = 1 };

enum object_type {
	OBJ_NONE, OBJ_POOL, OBJ_TASK, OBJ_TABLE, OBJ_THREAD, OBJ_VSPACE, OBJ_VMO, OBJ_CONTENT,
	OBJ_DESCRIPTOR, OBJ_PIPE, OBJ_COUNTER, OBJ_TIMER, OBJ_ENDPOINT, OBJ_WAITSET, OBJ_LEASE,
	OBJ_IRQ, OBJ_IOPORT, OBJ_PLATFORM, OBJ_NULL, OBJ_ZERO, OBJ_FULL, OBJ_RANDOM, OBJ_PAGER,
	OBJ_TYPES
};

/* --- registers and the thread's block ------------------------------------------------------ */

struct regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t fs_base, gs_base;
	uint64_t orig_rax;		/* free for user space; the kernel neither reads nor writes it */
	uint16_t cs, ss, fs, gs, ds, es;	/* as the program had them; resume sanitises */
	uint32_t pad;
};

struct fault_info {
	uint64_t vector;		/* the CPU's exception number */
	uint64_t error_code;
	uint64_t address;		/* CR2 of a page fault */
	int64_t reason;			/* why a page fault could not be resolved: an E_, else 0 */
};
#define FAULT_NO_MAPPING	E_NOENT		/* nothing mapped there */
#define FAULT_PROTECTION	E_ACCESS	/* mapped, not allowed */
#define FAULT_BEYOND_END	E_OVERFLOW	/* beyond the end of the object (SIGBUS) */

#define IPC_WORDS		6
#define IPC_CAPS		4
#define IPC_INLINE		2560		/* bytes of payload that travel in the utcb */
#define IPC_BULK_MAX		65536

/*
 * The message registers.  The sender fills words, inline_len, caps; the receiver finds the same
 * there, and sender, token, flags from the kernel.  A call may name bulk buffers of its own
 * memory; they are gathered before the call and stored after the reply, by the caller.
 */
struct ipc_message {
	uint64_t words[IPC_WORDS];
	uint32_t inline_len;		/* payload bytes used, <= IPC_INLINE */
	uint32_t ncaps;
	handle_t caps[IPC_CAPS];	/* sender: slots to copy (or move); receiver: where they arrived */
	uint32_t cap_flags;		/* bit n: move caps[n] instead of copying */
	uint32_t reserved_slot;		/* caller: slot from handle_reserve that the first received
					   Descriptor fills, or H_NONE.  Replier: ignored */
	uint64_t bulk_out;		/* caller: address of the bulk request */
	uint64_t bulk_out_len;		/* receiver: its length */
	uint64_t bulk_in;		/* caller: where the bulk reply goes */
	uint64_t bulk_in_len;		/* caller: room; after the call: what came; receiver: room */
	/* filled in by the kernel for the receiver */
	uint64_t token;			/* 0: a notice */
	uint64_t sender_badge;		/* badge of the sender's task */
	uint64_t sender_thread;		/* number of the thread in its task */
	uint64_t badge;			/* badge of the endpoint capability, or the Descriptor's cookie */
	uint32_t via;			/* IPC_VIA_ENDPOINT, IPC_VIA_DESCRIPTOR, or a NOTICE_ */
	uint32_t descriptor_access;	/* DESC_ access bits and status flags when via a descriptor */
	uint8_t inline_data[IPC_INLINE];
};
enum ipc_via {
	IPC_VIA_ENDPOINT, IPC_VIA_DESCRIPTOR,
	NOTICE_CLOSE,		/* badge: cookie of a Descriptor whose last holder is gone; words[0]: its koid,
				   which tells it from a later one with the same cookie */
	NOTICE_CANCEL,		/* words[0]: token of the call whose caller was interrupted */
	NOTICE_DEATH,		/* badge: of the task; words[0]: its code */
	NOTICE_FAULT,		/* badge: of the task; words[0]: thread, words[1..3]: vector, address, reason:
				   an exception that no upcall could take; the thread is suspended */
	NOTICE_COUNTER,		/* badge: of a counter bound to the endpoint; words[0]: its value, taken */
	NOTICE_MEMORY,		/* badge: of the task whose fault found no frame; words[0]: thread */
	NOTICE_PAGE,		/* badge: of a pager whose contents wait for pages: take them with pager_next;
				   words[0]: its generation */
	NOTICE_TELL,		/* badge: cookie of a content (content_tell); words[0]: which TELL_ events came
				   since it was told last, words[1]: its koid */
};

/*
 * The utcb: the first page of a thread's block, reached by the kernel through a pinned alias.
 * Words up to `mask` are shared with the kernel at any time and are only changed atomically.
 */
struct utcb {
	uint64_t latch;			/* kernel ORs, user exchanges with 0 */
	uint64_t pending;		/* kernel ORs on a thread_notify */
	uint64_t mask;			/* user's; thread_notify reads it */
	uint64_t self;			/* user address of this utcb */
	uint64_t call_rip;		/* written by a system-call upcall */
	uint64_t call_rsp;
	uint64_t call_rflags;
	uint64_t user[9];		/* the owner's: never touched by the kernel */
	struct regs program;		/* exception or interrupt outside the window */
	struct fault_info program_fault;
	struct regs fault;		/* exception inside the window */
	struct fault_info window_fault;
	uint8_t pad[1024 - 16 * 8 - 2 * (sizeof(struct regs) + sizeof(struct fault_info))];
	struct ipc_message msg;
	uint8_t pad2[4096 - 1024 - sizeof(struct ipc_message)];
};
_Static_assert(offsetof(struct utcb, call_rip) == 32, "entry.S stores here");
_Static_assert(offsetof(struct utcb, msg) == 1024, "utcb message");
_Static_assert(sizeof(struct utcb) == 4096, "a utcb is a page");

/*
 * A thread's block: BLOCK_SIZE bytes, aligned to it.  Page 0 the utcb, page 1 the owner's data,
 * page 2 never mapped, the rest the upcall stack, growing down from the end.  The user finds its
 * block by masking RSP.
 */
#define BLOCK_SIZE		32768ull
#define BLOCK_DATA		4096ull
#define BLOCK_GUARD		8192ull
#define BLOCK_STACK		12288ull

enum thread_flag {
	THREAD_START = 1,		/* runnable at once, else suspended until thread_regs/resume */
	THREAD_NO_FPU = 2,		/* any FPU or SSE instruction is an exception */
	THREAD_LIKE_CALLER = 4,		/* FPU state and segment bases of args.like_* are copied */
	THREAD_NATIVE = 8,		/* the whole space is the window: every syscall is native */
	THREAD_SHARE_TABLE = 16,	/* H_SELF task: use the creator's descriptor table (always so unless
					   args.table names another) */
};
enum thread_base { BASE_FS = 0, BASE_GS = 1, BASE_READ = 2 };
/* Threads of PRIORITY_SHARED share the CPU by weight; those of any other priority take turns. */
#define PRIORITY_SHARED 50
#define WEIGHT_NORMAL 1024u
#define WEIGHT_MAX (1u << 20)

struct thread_args {
	uint64_t rip, rsp;		/* first instruction and stack, in user mode */
	uint64_t arg;			/* in RDI */
	uint64_t flags;			/* THREAD_* */
	uint64_t block;			/* address of its block: page 0 must be unmapped or the kernel
					   replaces what is there by the pinned utcb frame */
	uint64_t window_lo, window_hi;	/* native code; 0,0 with THREAD_NATIVE */
	uint64_t entry_call, entry_exception, entry_interrupt;
	uint64_t exit_lo, exit_hi;	/* the exit sequence inside the window: RIP there is rewound to exit_lo */
	handle_t table;			/* descriptor table, H_SELF: the task's first thread's / creator's */
	uint32_t priority;
	handle_t like_task;		/* whose thread like_thread is, H_SELF: the caller's task */
	uint32_t like_thread;
	uint64_t weight;		/* as thread_priority, 0: WEIGHT_NORMAL, inside a task the creator's */
	uint64_t fs_base;		/* used when not THREAD_LIKE_CALLER; ~0 with it: keep the copied one */
	uint64_t clear_word;		/* as thread_clear, 0: none */
	uint64_t user[9];		/* first contents of utcb.user (with THREAD_LIKE_CALLER and block of the
					   like thread's own address in a cloned space: ignored) */
};

struct thread_info {
	uint64_t state;			/* THREAD_STATE_* */
	uint64_t user_ns, kernel_ns;
	uint64_t mask, pending, latch;	/* of the utcb */
	uint64_t priority;
	uint64_t cpu;
	uint64_t rip, rsp;		/* last program values known (upcall or interrupt) */
	uint64_t block;			/* address of its block */
};
enum thread_state_abi { THREAD_STATE_RUNNING, THREAD_STATE_READY, THREAD_STATE_BLOCKED,
	THREAD_STATE_SUSPENDED, THREAD_STATE_DEAD };

struct task_info {
	uint64_t badge, nthreads, user_ns, kernel_ns;
	uint64_t minor_faults, major_faults, ctx_voluntary, ctx_involuntary;
	uint64_t suspended, dying;
	uint64_t resident_pages, mapped_pages;
};
enum task_ceiling {
	CEILING_THREADS, CEILING_SLOTS, CEILING_FILE_SIZE, CEILING_ADDRESS_SPACE, CEILING_CPU_NS,
	CEILING_PRIORITY, CEILING_LOCKED,
	CEILING_SERVING,		/* 0: it makes no endpoints and contents, so it serves nobody */
};

/* --- memory --------------------------------------------------------------------------------- */

enum map_flag {
	MAP_READ = 1, MAP_WRITE = 2, MAP_EXEC = 4, MAP_PROT = 7,
	MAP_SHARED_ABI = 8,		/* writes go to the object; else a private overlay */
	MAP_FIXED_ABI = 16,		/* at addr, replacing what is there */
	MAP_FIXED_EMPTY = 32,		/* at addr, E_EXIST when something is there */
	MAP_GROWSDOWN_ABI = 64,		/* grows down to the next mapping on a fault below it */
	MAP_POPULATE_ABI = 128,
	MAP_NO_FORK = 256,		/* inherit: none */
	MAP_ZERO_FORK = 512,		/* inherit: zero */
	MAP_MAX_READ = 1 << 10, MAP_MAX_WRITE = 1 << 11, MAP_MAX_EXEC = 1 << 12,
					/* caps for later vspace_protect; none given: all the object allows */
	MAP_TAG_SHIFT = 16,		/* 8 bits the owner may use to label the mapping (heap, stack ...) */
};
enum advice {
	ADVISE_DROP = 1,		/* private pages go; next touch sees the object or zeros */
	ADVISE_INHERIT_COPY, ADVISE_INHERIT_SHARE, ADVISE_INHERIT_NONE, ADVISE_INHERIT_ZERO,
	ADVISE_POPULATE_READ, ADVISE_POPULATE_WRITE,
};
enum remap_flag { REMAP_MAY_MOVE = 1, REMAP_FIXED = 2, REMAP_KEEP = 4 };

struct mapping_info {
	uint64_t start, end, flags, offset;	/* flags: MAP_* with inheritance and tag */
	uint64_t object_koid;		/* 0: anonymous */
	uint64_t cookie;		/* the Descriptor's cookie it was mapped through, if the caller's endpoint serves it */
	uint64_t resident_pages, private_pages;
};
struct vmo_info { uint64_t size, resident_pages, koid, mappings; };
struct pool_info { uint64_t used_bytes, limit_bytes, peak_bytes; };

/* --- descriptors ----------------------------------------------------------------------------- */

enum desc_flag {			/* access and status of an open file description */
	DESC_READ = 1, DESC_WRITE = 2, DESC_EXEC = 4, DESC_ACCESS = 7,
	DESC_APPEND = 8, DESC_NONBLOCK = 16, DESC_NOTIFY_CLOSE = 32,
	DESC_SEEKABLE = 64,		/* has an offset although the kernel does not hold the data */
	DESC_PACKET = 128,		/* what is written to a pipe are packets, at most PIPE_ATOMIC bytes each */
	DESC_USER_SHIFT = 16,		/* 16 bits of status flags that only user space reads */
};
struct descriptor_args {
	handle_t object;		/* Content, Pipe, Counter, WaitSet, or H_NONE */
	uint32_t kind;			/* with H_NONE: OBJ_NONE, OBJ_NULL, OBJ_ZERO, OBJ_FULL, OBJ_RANDOM */
	handle_t endpoint;		/* serving endpoint or H_NONE */
	uint32_t flags;			/* DESC_* */
	uint64_t cookie;		/* for the serving endpoint only */
	handle_t ready;			/* Counter of COUNTER_BITS whose bits are the POLL_ bits, or H_NONE */
	uint32_t slot_flags;
	uint64_t user_flags;		/* 0: into the task's table; 1: into the descriptor table, lowest free */
};
enum poll_bit {				/* as in poll(2) */
	POLL_IN = 1, POLL_PRI = 2, POLL_OUT = 4, POLL_ERR = 8, POLL_HUP = 16, POLL_NVAL = 32,
	POLL_RDNORM = 0x40, POLL_WRNORM = 0x100, POLL_RDHUP = 0x2000,
};
struct poll_item { uint32_t fd; uint16_t events, ready; };	/* the layout of struct pollfd */

struct iovec_abi { uint64_t base, len; };
#define IOV_LIMIT 1024

#define ATTR_RECORD 96
struct content_attr {
	uint64_t size;			/* kernel's: changed by write, resize */
	uint64_t resident_pages;
	uint64_t atime_ns, mtime_ns, ctime_ns;	/* wall clock; the kernel sets them on read / write / both */
	uint32_t tell;			/* TELL_* */
	uint32_t seals;			/* SEAL_* */
	int32_t deny_write;		/* executors that forbid writing */
	uint32_t writers;		/* Descriptors open for writing */
	uint64_t koid;
	uint8_t record[ATTR_RECORD];	/* the server's, opaque */
};
enum attr_mask { ATTR_SIZE = 1, ATTR_ATIME = 2, ATTR_MTIME = 4, ATTR_CTIME = 8, ATTR_TELL = 16,
	ATTR_SEALS = 32, ATTR_RECORD_BYTES = 64 };
enum tell { TELL_READ = 1, TELL_WRITE = 2, TELL_FIRST_WRITE = 4, TELL_NO_ATIME = 8 };
/* what a pager is asked, and what it says of pages */
enum pager_want { PAGER_DATA = 1 /* what the page holds */, PAGER_BACK = 2 /* room to write it back to */ };
struct pager_request {
	uint64_t key;			/* of the content */
	uint64_t offset, len;		/* bytes, whole pages */
	uint64_t want;			/* one of PAGER_* */
	uint64_t generation;		/* of the server it was given to */
};
enum pager_find_flag { PAGER_FIND_NEXT = 1 };
enum page_state {
	PAGE_BACKED = 1,		/* has its place on the device: may become dirty */
	PAGE_UNBACKED,			/* has none: the next write asks again */
	PAGE_CLEAN,			/* is about to be written back: what is written from now on makes it dirty */
	PAGE_DIRTY,			/* could not be written back */
	PAGE_DROP,			/* absent, whatever it held */
};
struct pager_range { uint64_t offset, len; };
enum seal { SEAL_SEAL = 1, SEAL_SHRINK = 2, SEAL_GROW = 4, SEAL_WRITE = 8 };

struct handle_info {
	uint32_t slot, type, rights, slot_flags;
	uint32_t desc_flags, object_type;	/* of a Descriptor: DESC_*, type of its data object or kind */
	uint64_t cookie;		/* only to a holder of the serving endpoint's RECEIVE right, else 0 */
	uint64_t offset;
	uint64_t koid, object_koid;
};
struct pipe_info { uint64_t bytes, capacity, readers, writers; };
enum pipe_flag { PIPE_CLOEXEC = 1, PIPE_NONBLOCK = 2, PIPE_PACKET = 4 };
#define PIPE_ATOMIC 4096

enum counter_flag { COUNTER_BITS = 1, COUNTER_SEMAPHORE = 2, COUNTER_READ_ONLY = 4 };
struct timer_info { uint64_t deadline, period; };

enum futex_flag { FUTEX_PRIVATE_ABI = 1, FUTEX_COMPARE = 2 };
struct futex_waiter { uint64_t value, word; uint32_t flags, pad; };	/* layout of struct futex_waitv */

enum waitset_op { WAITSET_ADD = 1, WAITSET_REMOVE = 2, WAITSET_MODIFY = 3 };	/* as EPOLL_CTL_* */
#define WAITSET_EDGE	(1u << 31)
#define WAITSET_ONESHOT	(1u << 30)
struct waitset_event { uint32_t events; uint64_t data; } __attribute__((packed));

enum table_flag { TABLE_DROP_CLOEXEC = 1 };

/* --- system ---------------------------------------------------------------------------------- */

/* Read-only to everybody.  seq is odd while it changes. */
struct clock_page {
	uint32_t seq, pad;
	uint64_t tsc_base, mono_base_ns;	/* mono = mono_base_ns + ((tsc - tsc_base) * mult >> 32) */
	uint64_t mult;				/* ns per tick, 32.32 fixed point */
	uint64_t realtime_offset_ns;		/* realtime = mono + this */
	uint64_t tsc_hz;
	uint64_t ncpus;
};
#define CPUS_MAX 16
struct system_info {
	uint64_t memory_total, memory_free, memory_kernel;
	uint64_t ncpus, uptime_ns, idle_ns[CPUS_MAX], user_ns[CPUS_MAX], kernel_ns[CPUS_MAX];
	uint64_t ctx_switches, interrupts, forks, runnable;
	uint64_t objects[32];		/* live ones by enum object_type */
	uint64_t frames_free, frames_total;
	uint64_t tsc_hz;
	char cpu_vendor[16], cpu_model[52];
	uint32_t cpu_signature, cpu_features[4];	/* CPUID 1 eax; 1 edx, 1 ecx, 7 ebx, 80000001 edx */
	char build_id[44];
	uint64_t log_end;	/* bytes ever written to the log: the end of log_read */
};
enum power { POWER_OFF_ABI = 1, POWER_RESET = 2 };
/* What a, b are; `thread` is the number in its task of who ran. */
enum trace_event {
	TRACE_SWITCH = 1,	/* to another thread: the badge of its task (0: none), its number */
	TRACE_FAULT,		/* a page fault: the address, rip */
	TRACE_EXCEPTION,	/* another exception: its vector, rip */
	TRACE_INTERRUPT,	/* its vector, rip */
};
struct trace_entry { uint64_t time_ns; uint16_t event, cpu; uint32_t thread; uint64_t a, b; };

/*
 * What init finds in its task's table when it starts (the kernel fills them in this order).
 */
enum init_slot { INIT_POOL, INIT_PLATFORM, INIT_ARCHIVE /* vmo of the boot archive */,
	INIT_COMMAND_LINE /* vmo: text */, INIT_SELF_TASK, INIT_SELF_VSPACE, INIT_SLOTS };

#endif
