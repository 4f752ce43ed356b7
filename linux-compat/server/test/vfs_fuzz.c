/*
 * vfs_fuzz.c -- random requests to vfs_request: every operation, words, payloads and descriptors at random,
 * paths made of what exists.  It fails by a sanitizer, by an answer given twice or never, or by a leak.
 *
 * Usage: vfs_fuzz [seconds [seed]]
 */
#include "vfs_mock.h"
#include <time.h>

#define HELD 48

static handle_t held[HELD];
static struct process *procs[4];

static uint32_t rnd(uint32_t n)
{
	return n ? (uint32_t)rand() % n : 0;
}

static uint32_t path_make(char *to)
{
	static const char *const parts[] = {
		"a", "b", "dir", "link", "fifo", "..", ".", "", "proc", "self", "fd", "1", "2", "task", "dev", "null",
		"pts", "exe", "cwd", "root", "mounts", "stat", "maps", "sys", "kernel", "hostname", "tmp", "mnt",
		"very-long-name-beyond-what-a-dentry-can-keep-itself", "thread-self", "environ", "fdinfo", "3",
	};
	uint32_t len = 0, n = 1 + rnd(5);

	if (rnd(2))
		to[len++] = '/';
	while (n--) {
		const char *part = parts[rnd(sizeof(parts) / sizeof(parts[0]))];

		len += (uint32_t)sprintf(to + len, "%s%s", part, n || !rnd(4) ? "/" : "");
	}
	if (!rnd(50)) {
		memset(to + len, 'x', 300);
		len += 300;
	}
	to[len] = 0;
	return len + 1;
}

static uint64_t word(void)
{
	switch (rnd(5)) {
	case 0: return 0;
	case 1: return rnd(64);
	case 2: return 1ull << rnd(64);
	case 3: return (uint64_t)rand() << 32 | (uint64_t)rand();
	default: return rnd(0x8000);
	}
}

static uint32_t open_flags(void)
{
	uint32_t flags = rnd(4);

	for (int n = 0; n < 2; n++)
		flags |= rnd(2) ? 1u << (6 + rnd(17)) : 0;
	return flags;
}

static uint32_t payload_make(char *to, uint32_t op)
{
	uint32_t len;

	if (!rnd(20)) {
		len = rnd(64);
		for (uint32_t n = 0; n < len; n++)
			to[n] = (char)rand();
		return len;
	}
	if (op == LX_FCNTL) {
		struct linux_flock fl = { .type = (int16_t)rnd(4), .whence = (int16_t)rnd(3), .start = (int64_t)word(),
			.len = (int64_t)word() };

		memcpy(to, &fl, sizeof(fl));
		return sizeof(fl);
	}
	len = path_make(to);
	if (op == LX_LINK || op == LX_RENAME || op == LX_SYMLINK || op == LX_MOUNT)
		len += path_make(to + len);
	if (op == LX_MOUNT) {
		static const char *const types[] = { "tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "none" };

		len += (uint32_t)sprintf(to + len, "%s", types[rnd(6)]) + 1;
		len += (uint32_t)sprintf(to + len, "%s", rnd(2) ? "size=1m" : "") + 1;
	}
	return len;
}

static uint32_t op_pick(void)
{
	static const uint8_t often[] = { LX_OPEN, LX_OPEN, LX_OPEN, LX_STAT, LX_MKDIR, LX_UNLINK, LX_SYMLINK, LX_RENAME,
		LX_MKNOD, LX_READ, LX_GETDENTS, LX_CHDIR };

	if (rnd(2))
		return often[rnd(sizeof(often))];
	return rnd(3) ? 1 + rnd(LX_XATTR) : LX_READ + rnd(LX_FD_PATH - LX_READ + 1);
}

static void one(void)
{
	static char payload[16384];
	struct process *p = procs[rnd(4)];
	uint32_t op = op_pick(), slot = rnd(HELD), len = payload_make(payload, op), answers = parked_answers;
	handle_t via = (op >= LX_READ || rnd(4) == 0) ? held[rnd(HELD)] : 0;
	uint64_t w1 = op == LX_OPEN ? open_flags() : word(), w3 = op == LX_OPEN && rnd(8) ? 0 : word();

	if (op == LX_MOUNT && rnd(2))
		w1 = rnd(2) ? MS_BIND : 0;
	if (op >= LX_READ && !via)
		return;
	parked_answer.given = false;
	parked_answer.cap = 0;
	if (op == LX_LINK || op == LX_RENAME)
		mock_call_caps(p, via, op, rnd(3), payload, len, held[rnd(HELD)]);
	else
		mock_call(p, via, op, w1, word(), w3, payload, len);
	if (answer.cap) {
		if (held[slot])
			mock_close(held[slot]);
		held[slot] = answer.cap;
	} else if (answer.parked) {
		struct parked *w = answer.waiting;

		/* an opener or locker waits: usually it is interrupted at once */
		parked_answer.given = false;
		w->cancel(w);
	} else if (!rnd(3) && held[slot]) {
		mock_close(held[slot]);
		held[slot] = 0;
	}
	if (parked_answers != answers && parked_answer.cap)
		mock_close(parked_answer.cap);
}

int main(int argc, char **argv)
{
	static const uint8_t nothing[1];
	struct archive archive;
	int seconds = argc > 1 ? atoi(argv[1]) : 5;
	time_t end = time(NULL) + seconds;
	unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)end;
	unsigned long count = 0;

	fprintf(stderr, "# seed %u\n", seed);
	srand(seed);
	archive = mock_archive(nothing, 1);
	vfs_init(&archive);
	for (uint32_t n = 0; n < 4; n++)
		procs[n] = mock_process(n + 1, n < 2 ? 0 : 1000 + n, n < 2 ? 0 : 1000);
	mock_call(procs[0], 0, LX_MKDIR, 0777, 0, 0, "/proc", 6);
	mock_call(procs[0], 0, LX_MKDIR, 0777, 0, 0, "/tmp", 5);
	mock_call(procs[0], 0, LX_MKDIR, 0777, 0, 0, "/mnt", 5);
	mock_call(procs[0], 0, LX_MOUNT, 0, 0, 0, "proc\0/proc\0proc\0", 17);
	while (time(NULL) < end)
		for (int n = 0; n < 1000; n++, count++)
			one();
	for (int n = 0; n < HELD; n++)
		if (held[n])
			mock_close(held[n]);
	printf("# %lu requests\nok 1 - no random request harms linuxd\n1..1\n", count);
	return 0;
}
