/*
 * headers.c -- what the machine's own headers say, for layout_test.c, which cannot include them: the names
 * are the same.
 */
#define _GNU_SOURCE
#include <asm/unistd_64.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <ucontext.h>

const int system_errno[] = {
#define X(name) name,
#include "errno_names.h"
#undef X
};

const struct { const char *name; int number; } system_calls[] = {
#define ROW(name) { #name, __NR_##name }
	ROW(read), ROW(mmap), ROW(rt_sigreturn), ROW(clone), ROW(execve), ROW(exit_group), ROW(openat), ROW(statx),
	ROW(clone3), ROW(close_range), ROW(faccessat2), ROW(epoll_pwait2), ROW(getrandom), ROW(renameat2),
	ROW(prlimit64), ROW(pwritev2), ROW(waitid), ROW(futex), ROW(utimensat), ROW(dup3), { NULL, 0 },
};

/* sizes and offsets, in the order of layout_test.c */
const size_t system_sizes[] = {
	sizeof(struct stat), offsetof(struct stat, st_size), offsetof(struct stat, st_mtim),
	sizeof(struct statx), offsetof(struct statx, stx_ino), offsetof(struct statx, stx_dev_major),
	sizeof(siginfo_t), sizeof(stack_t), offsetof(stack_t, ss_size),
	offsetof(ucontext_t, uc_stack), offsetof(ucontext_t, uc_mcontext), offsetof(ucontext_t, uc_sigmask),
	sizeof(struct pollfd), sizeof(struct itimerval),
};
