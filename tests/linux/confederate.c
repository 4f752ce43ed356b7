/*
 * confederate.c -- a set-uid program started by a process whose confederates have kept all they could.
 *
 * The confederates, of an ordinary user, before the exec: the parent of a vfork, in whose memory the program's
 * predecessor runs; a clone that shares memory, a forked process that holds every descriptor; the predecessor
 * itself, which copies every capability it has, and leaves threads, timers, a shared mapping, a futex and
 * descriptors of its own making behind.  After it each tries to read the program, to write it and to speak
 * for it.  What Linux allows (a signal by the real uid) is checked to be what Linux allows.
 *
 * Owns:    processes of the uid 61250; a set-uid copy of itself in its scratch directory.
 * Locks:   none.
 * Fails:   see tap.h.  Cases that speak natively are skipped on Linux.
 * Tested:  conformance.py
 */
#define TAP_HELPER helper_main
#include "tap.h"
#include "native.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#define EVIL_UID	61250
#define SECRET		"the secret word"
#define FORGED_FD	50

/* What the victim tells, and what confederates share. */
struct told {
	pid_t pid;
	char *secret;
	uid_t euid;
	uint64_t forged_uid;		/* owner of FORGED_FD, as it sees it; -1: nothing is there */
};

/* --- the victim: set-uid root ----------------------------------------------------------------------------------- */

static int victim(int gate, int out)
{
	static char secret[4096] = SECRET;
	struct told t = { getpid(), secret, geteuid(), (uint64_t)-1 };
	char before[256], after[256], byte;
	struct stat st;

	signal(SIGALRM, SIG_IGN);
	if (fstat(FORGED_FD, &st) == 0)
		t.forged_uid = st.st_uid;
	if (!getcwd(before, sizeof(before)) || write(out, &t, sizeof(t)) != sizeof(t))
		return 20;
	if (read(gate, &byte, 1) != 1)
		return 21;
	if (strcmp(secret, SECRET) != 0)
		return 22;
	if (!getcwd(after, sizeof(after)) || strcmp(before, after) != 0)
		return 23;
	if (geteuid() != t.euid || umask(022) != 022)
		return 24;
	return 0;
}

static int helper_main(int argc, char **argv)
{
	return argc == 3 && strcmp(argv[0], "victim") == 0 ? victim(atoi(argv[1]), atoi(argv[2])) : 98;
}

/* --- how it is started ------------------------------------------------------------------------------------------- */

static int gate[2], out[2];
static char gate_text[12], out_text[12];

static void scene_set(void)
{
	if (getuid() != 0)
		SKIP("needs root");
	self_copy("setuid", 04755);
	umask(022);
	CHECK_EQ(pipe(gate), 0);
	CHECK_EQ(pipe(out), 0);
	snprintf(gate_text, sizeof(gate_text), "%d", gate[0]);
	snprintf(out_text, sizeof(out_text), "%d", out[1]);
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setgid(EVIL_UID), 0);
	CHECK_EQ(setuid(EVIL_UID), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

static void victim_exec(void)
{
	execl("./setuid", "setuid", "--helper", "victim", gate_text, out_text, NULL);
	_exit(97);
}

static struct told victim_meet(void)
{
	struct told t;

	CHECK_EQ(read(out[0], &t, sizeof(t)), sizeof(t));
	CHECK_EQ(t.euid, 0);
	return t;
}

/* It finds everything as it was. */
static void victim_part(pid_t pid)
{
	int status;

	CHECK_EQ(write(gate[1], "x", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* --- what everybody tries ------------------------------------------------------------------------------------------ */

static void proc_refused(pid_t pid, const char *name, int how)
{
	char path[64], text[256] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, how);
	if (fd < 0) {
		CHECK(errno == EACCES || errno == EPERM || errno == ENOENT);
		return;
	}
	CHECK(read(fd, text, sizeof(text)) <= 0);	/* Linux checks some of them only here */
	close(fd);
}

static void memory_refused(const struct told *t)
{
	char text[16] = "evil";
	struct iovec here = { text, sizeof(text) }, there = { t->secret, sizeof(text) };

	CHECK(process_vm_readv(t->pid, &here, 1, &there, 1, 0) == -1 && (errno == EPERM || errno == ENOSYS));
	CHECK(process_vm_writev(t->pid, &here, 1, &there, 1, 0) == -1 && (errno == EPERM || errno == ENOSYS));
	CHECK(syscall(SYS_ptrace, 16 /* ATTACH */, t->pid, 0, 0) == -1 && (errno == EPERM || errno == ENOSYS));
	CHECK(syscall(SYS_ptrace, 0x4206 /* SEIZE */, t->pid, 0, 0) == -1);
	proc_refused(t->pid, "mem", O_RDWR);
	proc_refused(t->pid, "mem", O_RDONLY);
	proc_refused(t->pid, "maps", O_RDONLY);
	proc_refused(t->pid, "environ", O_RDONLY);
	proc_refused(t->pid, "auxv", O_RDONLY);
	proc_refused(t->pid, "fd/0", O_RDONLY);
}

static void names_refused(pid_t pid)
{
	static const char *const links[] = { "exe", "cwd", "root", "fd/0" };
	char path[64], text[256];
	struct rlimit limit = { 3, 3 };

	for (unsigned i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, links[i]);
		CHECK_ERR(readlink(path, text, sizeof(text)), EACCES);
	}
	CHECK_ERR(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), EPERM);
	CHECK_ERR(setpgid(pid, 0), EACCES);
	CHECK_EQ(kill(pid, 0), 0);		/* kill(2): the real uid is ours */
}

/* Its arguments everybody may read, and nothing behind them. */
static void arguments_only(const struct told *t)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", t->pid);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, text, sizeof(text));
	CHECK(n >= 0 && n < 100);
	close(fd);
}

static void everything_refused(const struct told *t)
{
	memory_refused(t);
	names_refused(t->pid);
	arguments_only(t);
}

/* --- cases: what Linux has ------------------------------------------------------------------------------------------- */

TEST("the parent of a vfork, whose memory the program's predecessor shared, gets nothing")
{
	struct told t;
	pid_t pid;

	scene_set();
	pid = vfork();
	if (pid == 0)
		victim_exec();
	CHECK(pid > 0);
	t = victim_meet();
	CHECK_EQ(t.pid, pid);
	everything_refused(&t);
	*(volatile char *)t.secret = 'X';	/* the same address here: our own */
	victim_part(pid);
}

static volatile bool stop_threads;

/* Lives in the predecessor, and is to die with it. */
static void *thread_lives(void *shared)
{
	while (!stop_threads)
		++*(volatile int *)shared;
	return NULL;
}

TEST("threads of the predecessor end with it, also when one of them made the exec")
{
	volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct told t;
	pid_t pid;
	int seen;

	scene_set();
	CHILD(pid) {
		pthread_t threads[3];

		void *executes(void *unused)
		{
			victim_exec();
			return unused;
		}
		CHECK_EQ(pthread_create(&threads[0], NULL, thread_lives, (void *)shared), 0);
		CHECK_EQ(pthread_create(&threads[1], NULL, thread_lives, (void *)shared), 0);
		CHECK_EQ(pthread_create(&threads[2], NULL, executes, NULL), 0);
		for (;;)
			pause();
	}
	t = victim_meet();
	CHECK_EQ(t.pid, pid);
	seen = *shared;
	sleep_ms(20);
	CHECK_EQ(*shared, seen);
	everything_refused(&t);
	victim_part(pid);
}

TEST("a clone that shares the predecessor's memory keeps that memory and reaches no other")
{
	static char stack[65536] __attribute__((aligned(16)));
	struct told t;
	pid_t pid;

	int brother(void *unused)
	{
		(void)unused;
		victim_exec();
		return 97;
	}
	scene_set();
	pid = clone(brother, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	CHECK(pid > 0);
	memset(gate_text + 8, 'x', 3);		/* what its exec is reading, perhaps */
	t = victim_meet();
	everything_refused(&t);
	victim_part(pid);
}

TEST("descriptors of /proc/PID opened before the exec show nothing of the program after it")
{
	static const char *const names[] = { "mem", "maps", "environ", "fd", "stat", "status" };
	char path[64], text[8192];
	int fds[6], before[2];
	struct told t;
	pid_t pid;

	scene_set();
	CHECK_EQ(pipe(before), 0);
	CHILD(pid) {
		CHECK_EQ(read(before[0], text, 1), 1);
		victim_exec();
	}
	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		fds[i] = open(path, i == 0 ? O_RDWR : O_RDONLY);
		CHECK(fds[i] >= 0 || i == 0);
	}
	CHECK_EQ(write(before[1], "x", 1), 1);
	t = victim_meet();
	if (fds[0] >= 0) {
		CHECK(pread(fds[0], text, 16, (off_t)t.secret) <= 0 || memcmp(text, SECRET, 16) != 0);
		(void)!pwrite(fds[0], "evil", 4, (off_t)t.secret);	/* into the old memory, or nowhere */
	}
	everything_refused(&t);
	victim_part(pid);
}

TEST("an interval timer and a pending signal of the predecessor are all that reaches the program")
{
	struct itimerval soon = { { 0, 2000 }, { 0, 2000 } };
	struct told t;
	pid_t pid;

	scene_set();
	CHILD(pid) {
		signal(SIGALRM, SIG_IGN);	/* inherited, as in Linux; a handler would not be */
		CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
		CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
		victim_exec();
	}
	t = victim_meet();
	sleep_ms(10);
	everything_refused(&t);
	victim_part(pid);
}

TEST("a futex and memory shared with the predecessor are nobody's after the exec")
{
	volatile uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct told t;
	pid_t pid;

	scene_set();
	CHILD(pid)
		victim_exec();
	t = victim_meet();
	for (int i = 0; i < 1024; i++)
		word[i] = 0x90909090;
	CHECK_EQ(syscall(SYS_futex, word, 1 /* WAKE */, 100, NULL, NULL, 0), 0);
	everything_refused(&t);
	victim_part(pid);
}

/* --- cases: what only somebody who knows the translator can try ----------------------------------------------------------- */

/* Copies of every capability that there is, with all rights asked for. */
static int capabilities_copy(void)
{
	int copies = 0;

	for (uint64_t slot = 0; slot < 64; slot++)
		for (uint64_t rights = 0xffffffff; rights; rights >>= 1)
			copies += native_call(NR_handle_copy, HANDLE_TASK_TABLE | slot, rights, 0, 0, 0) >= 0;
	return copies;
}

/* With every handle: the calls on tasks, spaces, threads and pools. */
static void natives_refused(const struct told *t)
{
	static char text[64] = "evil";

	for (uint64_t slot = 0; slot < 256; slot++) {
		uint64_t h = HANDLE_TASK_TABLE | slot;

		CHECK(native_call(NR_task_read, h, (uint64_t)t->secret, (uint64_t)text, 16, 0) <= 0 ||
		      memcmp(text, SECRET, 15) != 0);
		native_call(NR_task_write, h, (uint64_t)t->secret, (uint64_t)"evil", 4, 0);
		CHECK(native_call(NR_task_kill, h, 9, 0, 0, 0) < 0);
		CHECK(native_call(NR_task_suspend, h, 0, 0, 0, 0) < 0);
		CHECK(native_call(NR_thread_notify, h, 0, 1, ~0ull, 0) < 0);
		CHECK(native_call(NR_thread_priority, h, 0, 1, 0, 0) < 0);
		CHECK(native_call(NR_table_clone, h, 0, H_SELF, 0, 0) < 0);
		CHECK(native_call(NR_vspace_clone, h, 0, H_SELF, 0, 0) < 0);
		CHECK(native_call(NR_task_slot, h, 0, (uint64_t)text, 0, 0) < 0);
		CHECK(native_call(NR_pool_destroy, h, 0, 0, 0, 0) < 0);
		CHECK(native_call(NR_ipc_recv, h, 0, 0, 0, 0) < 0);
		CHECK(native_call(NR_ipc_reply, h, 1ull << 32 | (slot + 1), 0, 0, 0) < 0);
	}
}

/* Whoever asks, linuxd answers about the asker. */
static void speaks_for_itself(const struct told *t)
{
	int answers = 0;

	for (uint64_t slot = 0; slot < 256; slot++) {
		struct lx_ids *ids = (struct lx_ids *)native_utcb->msg.inline_data;
		int64_t r = native_ask((uint32_t)(HANDLE_TASK_TABLE | slot), LX_GETPID, 0, 0, 0, 0, 0, "", 0);

		if (r <= 0)
			continue;
		answers++;
		CHECK_EQ(r, getpid());
		CHECK(r != t->pid && ids->euid == EVIL_UID);
		CHECK(native_ask((uint32_t)(HANDLE_TASK_TABLE | slot), LX_EXEC_READY, 0, 0, 0, 0, 0, "", 0) < 0);
		CHECK(native_ask((uint32_t)(HANDLE_TASK_TABLE | slot), LX_SETIDS, LX_SETUID, 0, 0, 0, 0, "", 0) < 0);
	}
	CHECK(answers > 0);
}

TEST("copies of every capability, kept by parent and predecessor, open nothing of the program")
{
	struct told t;
	pid_t pid;

	scene_set();
	NATIVE_ONLY();
	CHILD(pid) {
		CHECK(native_possible());
		capabilities_copy();
		victim_exec();
	}
	tap_note("%d copies", capabilities_copy());
	t = victim_meet();
	natives_refused(&t);
	speaks_for_itself(&t);
	everything_refused(&t);
	victim_part(pid);
}

TEST("copies made in the shared memory of a vfork, too")
{
	struct told t;
	pid_t pid;

	scene_set();
	NATIVE_ONLY();
	capabilities_copy();
	pid = vfork();
	if (pid == 0)
		victim_exec();
	t = victim_meet();
	natives_refused(&t);
	speaks_for_itself(&t);
	everything_refused(&t);
	victim_part(pid);
}

/* A descriptor that says what its maker likes: owned by root, here. */
static void forge(void)
{
	struct content_attr attr = { .size = 4096 };	/* and a record of zeros: root's */
	int64_t content = native_call(NR_content_create, H_SELF, 4096, 0, 0, 0), fd;
	int64_t endpoint = native_call(NR_endpoint_create, H_SELF, 0, 0, 0, 0);
	struct descriptor_args args = { .object = H_NONE, .kind = OBJ_NONE, .endpoint = H_NONE, .ready = H_NONE,
		.flags = DESC_READ, .user_flags = 1 };

	if (content >= 0) {
		native_call(NR_content_set, (uint64_t)content, ATTR_RECORD_BYTES, (uint64_t)&attr, 0, 0);
		args.object = (uint32_t)content;
	} else if (endpoint >= 0) {
		args.endpoint = (uint32_t)endpoint;
	} else {
		return;
	}
	fd = native_call(NR_descriptor_create, (uint64_t)&args, 0, 0, 0, 0);
	if (fd >= 0)
		native_call(NR_handle_dup_to, (uint64_t)fd, FORGED_FD, 0, 0, 0);
}

TEST("no descriptor of the predecessor's own making tells the program what its maker likes")
{
	struct told t;
	pid_t pid;

	scene_set();
	NATIVE_ONLY();
	CHECK(native_call(NR_endpoint_create, H_SELF, 0, 0, 0, 0) < 0);
	CHECK(native_call(NR_content_create, H_SELF, 4096, 0, 0, 0) < 0);
	CHILD(pid) {
		CHECK(native_possible());
		forge();
		victim_exec();
	}
	t = victim_meet();
	CHECK_EQ(t.forged_uid, (uint64_t)-1);
	everything_refused(&t);
	victim_part(pid);
}
