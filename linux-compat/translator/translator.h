/*
 * translator.h -- what the files of the translator share: its state, the program's memory, requests.
 *
 * A handler is int64_t sys_NAME(up to six arguments, as the program passed them) and answers what the
 * program is to find in RAX, or -errno, or one of -ERESTART* of linux.h after a native call or request
 * was interrupted.  All state is in the thread's block (its data page) or in struct task_state.
 */
#ifndef TRANSLATOR_H
#define TRANSLATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <abi/native.h>
#include <abi/linux_protocol.h>
#include <abi/stubs.h>
#include "../uapi/linux.h"
#include "image.h"
#include "offsets.h"
#include "self.h"

#define NORETURN	_Noreturn
#define NOINLINE	__attribute__((noinline))
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* The registers of a system call, as entry.S saves them. */
struct call_frame {
	uint64_t orig_rax, rdi, rsi, rdx, r10, r8, r9, rbx, rbp, r12, r13, r14, r15;
};
_Static_assert(sizeof(struct call_frame) == FRAME_SIZE && offsetof(struct call_frame, r15) == FRAME_R15 &&
	       offsetof(struct call_frame, rbx) == FRAME_RBX && offsetof(struct call_frame, r9) == FRAME_R9, "entry.S");
_Static_assert(BLOCK_BYTES == BLOCK_SIZE && THREAD_LIMIT == BLOCK_DATA, "entry.S");
_Static_assert(offsetof(struct utcb, latch) == UTCB_LATCH && offsetof(struct utcb, call_rip) == UTCB_CALL_RIP &&
	       offsetof(struct utcb, call_rsp) == UTCB_CALL_RSP &&
	       offsetof(struct utcb, call_rflags) == UTCB_CALL_RFLAGS, "entry.S");

/* What belongs to one thread: the second page of its block. */
struct thread_data {
	uint32_t limit;			/* numbers from here on leave the fast path; 0: all, they are traced */
	bool mask_saved;		/* saved_mask is put back when the call ends */
	bool restarting;		/* the call in progress goes on until restart_deadline */
	bool spare;
	uint32_t number;		/* the kernel's, in its task */
	uint64_t saved_mask;
	uint64_t restart_deadline;
	struct linux_stack altstack;
	uint64_t trap_error, trap_number, trap_address;	/* of the last exception: sigcontext */
	uint64_t robust_head, robust_len;
	uint64_t scratch, scratch_len;	/* a temporary mapping of the request being made, 0: none */
	uint32_t sleep_word;		/* always 0: a futex that nobody wakes */
	uint32_t child_tid_pad;
	uint64_t clear_tid;		/* set_tid_address */
	struct thread_data *next;	/* of state->threads */
	bool ended;			/* its block can be used again once the kernel thread is dead */
	int32_t own_signal, own_code;	/* a signal that the thread sent to itself: LATCH_OWN is up */
};

_Static_assert(sizeof(struct thread_data) <= FRAME_AT - BLOCK_DATA && FRAME_AT + FRAME_SIZE <= BLOCK_GUARD, "one page");

/* What belongs to the task; TU_DATA. */
struct task_state {
	uint32_t lock;			/* guards actions' changes, brk, threads; a futex */
	uint32_t nthreads;
	struct linux_sigaction actions[NSIG];
	uint64_t brk_start, brk, brk_mapped;	/* mapped: whole pages up to here */
	uint64_t stack_limit;
	const struct clock_page *clock;
	uint64_t xsave_mask;		/* 0: FXSAVE only */
	uint32_t xsave_size;
	bool fsgsbase;
	bool posix_locks;		/* the process has taken some: close gives them up */
	bool ids_valid;			/* ids are those linuxd has for this process */
	struct lx_ids ids;
	uint64_t zone_next;		/* where to look for the next block's place */
	struct thread_data *threads;
	uint64_t vfork_home;		/* a block and state to use again, 0: none */
};
_Static_assert(sizeof(struct task_state) <= TRANSLATOR_STATE_SIZE / 2, "the rest is exec's work space");

static inline struct utcb *self_utcb(void) { return (struct utcb *)self_block(); }
static inline struct thread_data *self_thread(void) { return (struct thread_data *)(self_block() + BLOCK_DATA); }
static inline struct call_frame *self_frame(void)
{
	return (struct call_frame *)(self_block() + FRAME_AT);
}
static inline struct task_state *self_state(void) { return (struct task_state *)self_utcb()->user[TU_DATA]; }

/* --- the program's memory (entry.S): 0 or -EFAULT ------------------------------------------------ */
int64_t user_copy(void *to, const void *from, uint64_t len);
int64_t user_copy_words(void *to, const void *from, uint64_t words);
int64_t user_zero(void *to, uint64_t len);
int64_t user_string(char *to, const char *from, uint64_t room);	/* length, or room: no NUL; may write 7 more */
int64_t user_load64(uint64_t from, uint64_t *to);
int64_t user_load32(uint64_t from, uint32_t *to);
int64_t user_load16(uint64_t from, uint16_t *to);
int64_t user_store64(uint64_t to, uint64_t value);
int64_t user_store32(uint64_t to, uint32_t value);
int64_t user_store16(uint64_t to, uint16_t value);
int64_t user_store8(uint64_t to, uint8_t value);
int64_t user_probe(uint64_t at);		/* can a byte be written there? */
int64_t user_xsave(void *area, uint64_t mask);
int64_t user_fxsave(void *area);
int64_t user_xrstor(const void *area, uint64_t mask);
int64_t user_fxrstor(const void *area);
int64_t user_rdfsbase(uint64_t *to);
int64_t user_rdgsbase(uint64_t *to);
int64_t user_cas32(uint64_t at, uint32_t *expected, uint32_t value);
extern const char user_begin[], user_end[], user_fail[];
static inline int64_t copy_in(void *to, uint64_t from, uint64_t len) { return user_copy(to, (const void *)from, len); }
static inline int64_t copy_out(uint64_t to, const void *from, uint64_t len) { return user_copy((void *)to, from, len); }

/* --- answers (errno.c) ---------------------------------------------------------------------------- */
int64_t status_errno(int64_t status);		/* of a negative native status: -errno, -ERESTARTSYS */
static inline int64_t result(int64_t status) { return status >= 0 ? status : status_errno(status); }
static inline bool fd_bad(uint64_t fd) { return (int32_t)fd < 0; }

/* --- requests (request.c) --------------------------------------------------------------------------- */

/* The message, begun: no payload, no capabilities, no bulk. */
static inline struct ipc_message *request(uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3)
{
	struct ipc_message *m = &self_utcb()->msg;

	m->words[0] = op;
	m->words[1] = w1;
	m->words[2] = w2;
	m->words[3] = w3;
	m->words[4] = m->words[5] = 0;
	m->inline_len = 0;
	m->ncaps = 0;
	m->cap_flags = 0;
	m->reserved_slot = H_NONE;
	m->bulk_out_len = 0;
	m->bulk_in_len = 0;
	return m;
}

int64_t request_unusual(handle_t to, int64_t status);
static inline int64_t request_send(handle_t to)
{
	int64_t status = tess_ipc_call(to, DEADLINE_NEVER);

	if (unlikely(status < 0 || self_thread()->scratch))
		return request_unusual(to, status);
	return (int64_t)self_utcb()->msg.words[0];
}

/* Send it to linuxd: words[0], or -errno. */
static inline int64_t request_server(void) { return request_send(LINUX_SLOT_SERVER); }

/* To the server of fd; -ENOTTY: the kernel alone holds it. */
static inline int64_t request_file(uint64_t fd) { return fd_bad(fd) ? -EBADF : request_send((handle_t)fd); }

int64_t request_at_dir(uint64_t dirfd);
/* To where its path starts. */
static inline int64_t request_at(uint64_t dirfd)
{
	return (int32_t)dirfd == AT_FDCWD ? request_server() : request_at_dir(dirfd);
}
int64_t request_path(struct ipc_message *m, uint64_t path);		/* append: 0 or -errno */
int64_t request_paths(struct ipc_message *m, uint64_t first, uint64_t second);
int64_t server_call(uint64_t op, uint64_t w1, uint64_t w2, uint64_t w3);	/* begin and send */

/* --- locks (lock.c): never held across anything that can block for long ------------------------------- */
void lock_take(uint32_t *lock);
void lock_give(uint32_t *lock);

/* --- time (time.c) -------------------------------------------------------------------------------------- */
uint64_t clock_mono(void);
uint64_t clock_real(void);
int64_t timespec_load(uint64_t from, uint64_t *ns);	/* -EFAULT, -EINVAL; saturates */
int64_t deadline_relative(uint64_t timespec, uint64_t *deadline);	/* address 0: never */
uint64_t deadline_after(uint64_t ns);
int64_t restart_deadline(uint64_t *deadline);	/* keep for the restart: answers -ERESTART_RESTARTBLOCK */
void timespec_out(uint64_t ns, struct linux_timespec *ts);

/* --- signals (signal.c, sigframe.c) ------------------------------------------------------------------------ */
#define SIG_BIT(n)	(1ull << ((n) - 1))
#define SIG_NEVER	(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))
void mask_set(uint64_t mask);			/* and looks whether something pending may come now */
void mask_replace(uint64_t mask);		/* for this call only */
void signal_self(int sig);			/* as tgkill to the calling thread */
bool signal_ignored(int sig);
bool signals_deliver(struct regs *r, int64_t restart, bool in_call);
NORETURN void signal_fatal(int sig);
int64_t sigframe_build(struct regs *r, const struct linux_sigaction *a, const struct linux_siginfo *info,
	uint64_t mask);
int64_t sigframe_restore(struct regs *r);
void regs_from_frame(struct regs *r, const struct call_frame *f, uint64_t rax);
void bases_get(uint64_t *fs, uint64_t *gs);
NORETURN void regs_enter(const struct regs *r);
NORETURN void frame_enter(uint64_t rax);		/* entry.S: leave by the jump, with the frame's registers */
void actions_copy_default(struct task_state *s);

/* --- the rest -------------------------------------------------------------------------------------------------- */
extern const char fork_child[], vfork_child[], thread_child[];
int64_t read_at(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset);	/* offset OFFSET_OWN: read */
int64_t write_at(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset);
int64_t read_file(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset);
int64_t write_file(uint64_t fd, uint64_t buf, uint64_t len, uint64_t offset);
bool is_path_only(uint64_t fd);		/* opened with O_PATH */
int64_t size_error(int64_t r, uint64_t size);
int64_t thread_block_new(void);			/* the block's address or -ENOMEM */
int64_t zone_map(uint64_t len, uint64_t align);	/* room in the zone, mapped read-write */
void state_cpu_init(struct task_state *s);
const struct lx_ids *ids_get(void);
int64_t trace_call(struct call_frame *f);
uint64_t vsyscall_time(void);

typedef int64_t call_handler(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
extern call_handler *const call_table[CALLS_MAX + 1];

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
void *memmove(void *to, const void *from, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);

#endif
