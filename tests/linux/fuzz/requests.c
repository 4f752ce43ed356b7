/*
 * requests.c -- requests to linuxd in its own words: every operation with random words, payloads, bulk
 * buffers, capabilities and reserved slots, by the endpoint and by descriptors of every kind.
 *
 * Owns:    a few open files and a directory of its own in its confined children.
 * Locks:   none.
 * Fails:   see fuzz.h. On Linux there is nothing to do.
 * Tested:  fuzz/run.py
 */
#include "fuzz.h"
#include "../native.h"

#define NREQUESTS	600
#define NFILES		16
#define CALL_NS		3000000		/* how long one may wait */

static const char fuzz_sentence[] = "random requests to linuxd harm nobody but the one who sends them";

static uint32_t files[NFILES];
static int nfiles;
static uint8_t area[65536] __attribute__((aligned(4096)));

static const uint8_t operations[] = {
	LX_OPEN, LX_STAT, LX_ACCESS, LX_READLINK, LX_MKDIR, LX_MKNOD, LX_UNLINK, LX_SYMLINK, LX_LINK, LX_RENAME,
	LX_CHMOD, LX_CHOWN, LX_UTIMENS, LX_TRUNCATE, LX_STATFS, LX_CHDIR, LX_CHROOT, LX_GETCWD, LX_UMASK, LX_MOUNT,
	LX_UMOUNT, LX_PIVOT_ROOT, LX_XATTR, LX_READ, LX_WRITE, LX_GETDENTS, LX_SEEK, LX_FSTAT, LX_IOCTL, LX_FCNTL,
	LX_FLOCK, LX_FSYNC, LX_FALLOCATE, LX_FD_PATH, LX_FORK, LX_VFORK, LX_THREAD, LX_THREAD_STARTED,
	LX_THREAD_EXIT, LX_EXEC, LX_EXEC_READY, LX_WAIT, LX_GETPID, LX_SETIDS, LX_SETGROUPS, LX_GETGROUPS,
	LX_SETPGID, LX_GETPGID, LX_SETSID, LX_GETSID, LX_RLIMIT, LX_PRIORITY, LX_SCHED, LX_RUSAGE, LX_CPU_TIME, LX_TIMES,
	LX_UNAME_SET, LX_UNAME, LX_SYSINFO, LX_PRCTL, LX_REBOOT, LX_UNKNOWN, LX_SYSLOG, LX_PERSONALITY, LX_TRACE, LX_TGKILL,
	LX_SIGQUEUE, LX_SIGCLASS, LX_SIGTAKE, LX_SIGWAIT, LX_SIGSUSPEND, LX_SIGPENDING, LX_ITIMER, LX_TIMER,
	LX_PTRACE, LX_TTY_INPUT, LX_TTY_DRAINED, LX_TTY_HANGUP,
};
static const uint32_t ioctls[] = { 0x5401, 0x5402, 0x5403, 0x5404, 0x5409, 0x540a, 0x540b, 0x540c, 0x540d, 0x540e,
	0x540f, 0x5410, 0x5411, 0x5412, 0x5413, 0x5414, 0x541b, 0x5420, 0x5421, 0x5422, 0x5423, 0x5424, 0x5429,
	0x5437, 0x802c542a, 0x402c542b, 0x80045430, 0x40045431, 0x80045439, 0x5441, 0x40045436 };
static const char *const paths[] = { "/", ".", "..", "a", "b", "a/b", "c/", "/tmp", "/dev/ptmx", "/dev/tty",
	"/dev/null", "/dev/pts/0", "/dev/pts/1", "/proc/self", "/proc/self/fd/3", "/proc/self/fd/4", "/proc/1/maps",
	"/proc/self/maps", "/proc/self/exe", "/proc/self/cwd", "/proc/self/task", "/proc/mounts", "/bin/busybox",
	"/bin/sh", "fifo", "link", "/proc/self/fd", "/proc/self/root/proc", "", "a//../b/./", "/sys" };

static const char *round_impossible(void)
{
	return native_possible() ? NULL : "there is no translator here";
}

static uint64_t word_random(void)
{
	switch (random_below(9)) {
	case 0: return random_below(8);
	case 1: return random_below(64);
	case 2: return (uint64_t)getpid();
	case 3: return -random_below(4);
	case 4: return 1UL << random_below(64);
	case 5: return ioctls[random_below(sizeof(ioctls) / sizeof(ioctls[0]))];
	case 6: return random_below(1 << 20);
	case 7: return (uint64_t)area + 4096;
	default: return random_next();
	}
}

/* Paths that mean something, structures that might, noise; sometimes without an end. */
static uint32_t payload_random(uint8_t *to, uint32_t room)
{
	uint32_t len = 0;

	switch (random_below(4)) {
	case 0:
		return 0;
	case 1:
		len = (uint32_t)random_below(200);
		for (uint32_t i = 0; i < len; i++)
			to[i] = (uint8_t)random_next();
		return len;
	case 2:
		len = 8 * (uint32_t)random_below(20);
		for (uint32_t i = 0; i < len; i += 8) {
			uint64_t word = word_random();

			memcpy(to + i, &word, 8);
		}
		return len;
	default:
		for (uint64_t n = random_below(4) + 1; n && len + 64 < room; n--) {
			strcpy((char *)to + len, paths[random_below(sizeof(paths) / sizeof(paths[0]))]);
			len += (uint32_t)strlen((char *)to + len) + 1;
		}
		return random_below(20) == 0 ? len - 1 : len;
	}
}

static uint32_t handle_random(void)
{
	return random_below(8) == 0 ? (uint32_t)word_random() : nfiles ? files[random_below((uint64_t)nfiles)] : 0;
}

static void files_open(void)
{
	static const char *const names[] = { ".", "/proc", "/proc/self/status", "/dev/ptmx", "/dev/ptmx", "/dev/null",
		"/tmp", "/proc/self/fd", "/etc/passwd" };
	int ends[2], fd;

	nfiles = 0;
	mkfifo("fifo", 0600);
	symlink("a", "link");
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = open(names[i], i % 2 ? O_RDWR | O_NONBLOCK : O_RDONLY | O_NONBLOCK);
		if (fd >= 0)
			files[nfiles++] = (uint32_t)fd;
	}
	for (int i = 0; i < 2; i++) {
		fd = i ? open("fifo", O_RDWR) : open("a", O_RDWR | O_CREAT, 0700);
		if (fd >= 0)
			files[nfiles++] = (uint32_t)fd;
	}
	if (pipe(ends) == 0)
		files[nfiles++] = (uint32_t)ends[0];
}

static void request_random(void)
{
	struct ipc_message *m = &native_utcb->msg;
	uint32_t via = random_below(2) && nfiles ? handle_random() : LINUX_SLOT_SERVER;
	struct timespec now;
	int64_t slot = -1;

	memset(m, 0, offsetof(struct ipc_message, inline_data));
	m->words[0] = random_below(40) == 0 ? random_next() & 511 : operations[random_below(sizeof(operations))];
	for (int i = 1; i < IPC_WORDS; i++)
		m->words[i] = word_random();
	m->inline_len = payload_random(m->inline_data, IPC_INLINE);
	if (random_below(4) == 0) {
		m->bulk_out = random_below(10) ? (uint64_t)area : word_random();
		m->bulk_out_len = random_below(10) ? payload_random(area, 4096) : word_random();
	}
	if (random_below(3) == 0) {
		m->bulk_in = random_below(10) ? (uint64_t)area + 16384 : word_random();
		m->bulk_in_len = random_below(10) ? random_below(40000) : word_random();
	}
	if (random_below(3) == 0) {
		m->ncaps = (uint32_t)random_below(6);
		for (int i = 0; i < IPC_CAPS; i++)
			m->caps[i] = handle_random();
		m->cap_flags = random_below(8) == 0 ? (uint32_t)random_next() : 0;
	}
	m->reserved_slot = H_NONE;
	if (random_below(2))
		slot = native_call(NR_handle_reserve, 0, 0, 0, 0, 0);
	if (slot >= 0)
		m->reserved_slot = (uint32_t)slot;
	clock_gettime(CLOCK_MONOTONIC, &now);
	native_call(NR_ipc_call, via, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + CALL_NS, 0, 0, 0);
	if (slot >= 0 && m->ncaps && nfiles < NFILES)
		files[nfiles++] = m->caps[0];
	else if (slot >= 0)
		native_call(NR_handle_close, (uint64_t)slot, 0, 0, 0, 0);
}

static void round_run(uint64_t round)
{
	char name[64];

	sprintf(name, "/tmp/requests.%lu", (unsigned long)round % 8);
	mkdir(name, 0777);
	if (chdir(name) < 0 || !native_possible())
		return;
	files_open();
	for (int i = 0; i < NREQUESTS; i++)
		request_random();
}
