/*
 * procfs.c -- what /proc tells, in the formats that programs parse.
 *
 * Owns:    its children and mappings.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#define TAP_HELPER helper_main
#include "tap.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char text[65536];

/* --helper: tells that it runs and sleeps. */
static int helper_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	write(STDOUT_FILENO, "r", 1);
	pause();
	return 0;
}

static const char *link_text(const char *path)
{
	static char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		FAIL("  readlink %s: %s", path, strerror(errno));
	target[n] = '\0';
	return target;
}

/* The value after "Name:\t" in a status file. */
static const char *status_field(const char *path, const char *name)
{
	static char value[256];
	char wanted[64], *at;

	file_read(path, text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "%s:", name);
	at = strncmp(text, wanted, strlen(wanted)) == 0 ? text : NULL;
	if (at == NULL) {
		snprintf(wanted, sizeof(wanted), "\n%s:", name);
		at = strstr(text, wanted);
	}
	if (at == NULL)
		FAIL("  %s has no field %s", path, name);
	at += strlen(wanted);
	at += strspn(at, "\t ");
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\n"), at);
	return value;
}

/* Field n (1-based, as in proc(5)) of a stat file, taking the name in parentheses as one. */
static long long stat_field(const char *path, int n)
{
	char *at;

	file_read(path, text, sizeof(text));
	if (n == 1)
		return atoll(text);
	at = strrchr(text, ')');
	CHECK(at != NULL);
	at += 2;
	for (int i = 3; i < n; i++) {
		at = strchr(at, ' ');
		CHECK(at != NULL);
		at++;
	}
	return n == 3 ? *at : atoll(at);
}

TEST("/proc/self is a link to the caller's number, and each process sees its own")
{
	char number[16];
	pid_t child;

	snprintf(number, sizeof(number), "%d", getpid());
	CHECK_STR(link_text("/proc/self"), number);
	CHILD(child) {
		snprintf(number, sizeof(number), "%d", getpid());
		CHECK_STR(link_text("/proc/self"), number);
	}
	REAP(child, 0);
}

TEST("the directory of /proc lists every process once and drops it when it is reaped")
{
	char name[16];
	struct dirent *e;
	int seen = 0, self = 0;
	pid_t child;
	DIR *dir;

	CHILD(child)
		pause();
	snprintf(name, sizeof(name), "%d", child);
	dir = opendir("/proc");
	while ((e = readdir(dir)) != NULL) {
		seen += strcmp(e->d_name, name) == 0;
		self += atoi(e->d_name) == getpid();
	}
	CHECK(seen == 1 && self == 1);
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
	rewinddir(dir);
	while ((e = readdir(dir)) != NULL)
		CHECK(strcmp(e->d_name, name) != 0);
	snprintf(text, sizeof(text), "/proc/%d/stat", child);
	CHECK_ERR(open(text, O_RDONLY), ENOENT);
}

TEST("status tells no_new_privs, and a space behind the groups")
{
	static char text[8192];
	const char *groups;
	int fd;

	CHECK_STR(status_field("/proc/self/status", "NoNewPrivs"), "0");
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_STR(status_field("/proc/self/status", "NoNewPrivs"), "1");
	fd = open("/proc/self/status", O_RDONLY);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	groups = strstr(text, "Groups:");
	CHECK(groups != NULL);
	CHECK_EQ(strchr(groups, '\n')[-1], ' ');
}

TEST("stat has 52 fields, and those that people read are right")
{
	const char *path = "/proc/self/stat";
	int nfields = 2;

	CHECK_EQ(stat_field(path, 1), getpid());
	CHECK_EQ(stat_field(path, 3), 'R');
	CHECK_EQ(stat_field(path, 4), getppid());
	CHECK_EQ(stat_field(path, 5), getpgrp());
	CHECK_EQ(stat_field(path, 6), getsid(0));
	CHECK_EQ(stat_field(path, 18), 20);
	CHECK_EQ(stat_field(path, 19), 0);
	CHECK_EQ(stat_field(path, 20), 1);
	CHECK(stat_field(path, 23) > 0);
	CHECK(stat_field(path, 24) >= 0);
	for (char *at = strrchr(text, ')') + 1; *at != '\0'; at++)
		nfields += *at == ' ';
	CHECK_EQ(nfields, 52);
	CHECK_EQ(text[strlen(text) - 1], '\n');
}

TEST("the state letter tells sleeping, stopped and zombie")
{
	char path[64];
	siginfo_t info;
	pid_t child;

	CHILD(child)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	sleep_ms(30);
	CHECK_EQ(stat_field(path, 3), 'S');
	kill(child, SIGSTOP);
	waitpid(child, NULL, WUNTRACED);
	CHECK_EQ(stat_field(path, 3), 'T');
	kill(child, SIGKILL);
	CHECK_EQ(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(stat_field(path, 3), 'Z');
	snprintf(path, sizeof(path), "/proc/%d/cmdline", child);
	CHECK_STR(file_read(path, text, sizeof(text)), "");
	REAP_KILLED(child, SIGKILL);
}

TEST("a name with blanks and parentheses stands in stat, status and comm")
{
	char name[32];

	CHECK_EQ(prctl(PR_SET_NAME, "a) (b c"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_STR(name, "a) (b c");
	CHECK_STR(file_read("/proc/self/comm", text, sizeof(text)), "a) (b c\n");
	CHECK_STR(status_field("/proc/self/status", "Name"), "a) (b c");
	file_read("/proc/self/stat", text, sizeof(text));
	CHECK(strstr(text, " (a) (b c) R ") != NULL);
	CHECK_EQ(prctl(PR_SET_NAME, "longer than sixteen bytes"), 0);
	CHECK_STR(file_read("/proc/self/comm", text, sizeof(text)), "longer than six\n");
}

TEST("status tells name, ids, groups, threads and signal masks")
{
	char ids[64];
	sigset_t set;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, exit);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGHUP);
	CHECK_EQ(atoi(status_field("/proc/self/status", "Pid")), getpid());
	CHECK_EQ(atoi(status_field("/proc/self/status", "Tgid")), getpid());
	CHECK_EQ(atoi(status_field("/proc/self/status", "PPid")), getppid());
	snprintf(ids, sizeof(ids), "%d\t%d\t%d\t%d", getuid(), geteuid(), geteuid(), geteuid());
	CHECK_STR(status_field("/proc/self/status", "Uid"), ids);
	CHECK_STR(status_field("/proc/self/status", "State"), "R (running)");
	CHECK_STR(status_field("/proc/self/status", "Threads"), "1");
	CHECK_STR(status_field("/proc/self/status", "Umask"), "0022");
	CHECK_STR(status_field("/proc/self/status", "ShdPnd"), "0000000000000001");
	CHECK_STR(status_field("/proc/self/status", "SigBlk"), "0000000000000001");
	CHECK(strtoull(status_field("/proc/self/status", "SigIgn"), NULL, 16) & 0x200);
	CHECK(strtoull(status_field("/proc/self/status", "SigCgt"), NULL, 16) & 0x800);
	CHECK(strstr(status_field("/proc/self/status", "VmSize"), " kB") != NULL);
	CHECK(strstr(status_field("/proc/self/status", "VmRSS"), " kB") != NULL);
}

TEST("cmdline and environ hold the exec's strings, each with its zero")
{
	char path[64], byte;
	int ends[2], fd;
	pid_t child;
	ssize_t n;

	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		dup2(ends[1], STDOUT_FILENO);
		execve(tap_self, (char *[]){ "first", "--helper", "", "b c", NULL },
		       (char *[]){ "X=1", "YY=two", NULL });
		_exit(98);
	}
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", child);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text));
	CHECK_EQ(n, 20);
	CHECK_EQ(memcmp(text, "first\0--helper\0\0b c\0", 20), 0);
	snprintf(path, sizeof(path), "/proc/%d/environ", child);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text));
	CHECK_EQ(n, 11);
	CHECK_EQ(memcmp(text, "X=1\0YY=two\0", 11), 0);
	snprintf(path, sizeof(path), "/proc/%d/exe", child);
	CHECK_STR(link_text(path), tap_self);
	kill(child, SIGKILL);
	REAP_KILLED(child, SIGKILL);
}

TEST("exe, cwd and root are links to the program, the directory and the root")
{
	char here[4096];

	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK_STR(link_text("/proc/self/cwd"), here);
	CHECK_STR(link_text("/proc/self/root"), "/");
	CHECK_STR(link_text("/proc/self/exe"), tap_self);
	CHECK_EQ(access("/proc/self/cwd/.", F_OK), 0);
}

TEST("fd lists what is open, with the names of files, pipes and deleted files")
{
	char path[64], expected[4200], here[4096];
	struct dirent *e;
	int ends[2], fd, nseen = 0;
	struct stat now;
	DIR *dir;

	CHECK(getcwd(here, sizeof(here)) != NULL);
	file_write("file", "");
	fd = open("file", O_RDONLY);
	CHECK_EQ(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(expected, sizeof(expected), "%s/file", here);
	CHECK_STR(link_text(path), expected);
	CHECK_EQ(rename("file", "moved"), 0);
	snprintf(expected, sizeof(expected), "%s/moved", here);
	CHECK_STR(link_text(path), expected);
	CHECK_EQ(unlink("moved"), 0);
	strcat(expected, " (deleted)");
	CHECK_STR(link_text(path), expected);
	CHECK_EQ(fstat(ends[0], &now), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	snprintf(expected, sizeof(expected), "pipe:[%llu]", (unsigned long long)now.st_ino);
	CHECK_STR(link_text(path), expected);
	dir = opendir("/proc/self/fd");
	while ((e = readdir(dir)) != NULL)
		nseen += atoi(e->d_name) == fd || atoi(e->d_name) == ends[0] ||
			 atoi(e->d_name) == ends[1];
	CHECK_EQ(nseen, 3);
	CHECK_ERR(open("/proc/self/fd/150", O_RDONLY), ENOENT);
}

TEST("fdinfo tells offset and flags")
{
	char path[64];
	int fd;

	file_write("file", "abcdef");
	fd = open("file", O_RDWR | O_APPEND | O_CLOEXEC);
	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK_STR(status_field(path, "pos"), "4");
	CHECK_EQ(strtol(status_field(path, "flags"), NULL, 8) & (O_APPEND | O_CLOEXEC | O_ACCMODE),
		 O_RDWR | O_APPEND | O_CLOEXEC);
}

TEST("maps tells each mapping's range, rights and file, in order, heap and stack included")
{
	unsigned long start, end, offset, inode, last = 0;
	char rights[8], name[4200], here[4096], *line, *save;
	unsigned major, minor;
	bool heap = false, stack = false, program = false, mine = false;
	int fd;
	char *map;

	CHECK(getcwd(here, sizeof(here)) != NULL);
	strcat(here, "/file");
	fd = open("file", O_RDWR | O_CREAT, 0644);
	CHECK_EQ(ftruncate(fd, 12288), 0);
	map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 4096);
	CHECK(map != MAP_FAILED);
	free(malloc(100));
	sbrk(4096);
	file_read("/proc/self/maps", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		name[0] = '\0';
		CHECK(sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %4199[^\n]", &start, &end, rights,
			     &offset, &major, &minor, &inode, name) >= 7);
		CHECK(start >= last && end > start && start % 4096 == 0 && end % 4096 == 0);
		last = end;
		heap |= strcmp(name, "[heap]") == 0;
		stack |= strcmp(name, "[stack]") == 0 && start <= (unsigned long)&line &&
			 end > (unsigned long)&line;
		program |= strcmp(name, tap_self) == 0 && rights[2] == 'x' &&
			   start <= (unsigned long)&file_read && end > (unsigned long)&file_read;
		if (strcmp(name, here) == 0) {
			CHECK(start == (unsigned long)map && end == start + 8192);
			CHECK_STR(rights, "r--s");
			CHECK_EQ(offset, 4096);
			CHECK(inode != 0);
			mine = true;
		}
	}
	CHECK(heap);
	CHECK(stack);
	CHECK(program);
	CHECK(mine);
}

/* All of a file by reads of size at most; its length. */
static size_t file_read_by(int fd, size_t size, char *to, size_t room)
{
	size_t len = 0;
	ssize_t n;

	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, to + len, size < room - len ? size : room - len)) > 0)
		len += (size_t)n;
	CHECK_EQ(n, 0);
	return len;
}

TEST("maps of thousands of mappings is whole, by reads of any size and at any offset")
{
	enum { MAPPINGS = 3000, ROOM = 400000 };
	char *a = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *b = a + ROOM;
	char *area = mmap(NULL, MAPPINGS * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;
	int fd = open("/proc/self/maps", O_RDONLY), lines = 0;
	size_t len;

	CHECK(fd >= 0 && a != MAP_FAILED && area != MAP_FAILED);
	for (int i = 0; i < MAPPINGS; i += 2)
		CHECK_EQ(mprotect(area + i * 4096, 4096, PROT_READ), 0);
	len = file_read_by(fd, 65536, a, ROOM);
	CHECK(len > MAPPINGS * 40 && len < ROOM);
	for (at = a; at < a + len && (at = memchr(at, '\n', (size_t)(a + len - at))); at++)
		lines++;
	CHECK(lines >= MAPPINGS);
	CHECK_EQ(file_read_by(fd, 777, b, ROOM), len);
	CHECK(memcmp(a, b, len) == 0);
	for (size_t offset = len - 5; offset > 1000; offset /= 2) {
		CHECK(pread(fd, b, 5, (off_t)offset) > 0);
		CHECK_EQ(*b, a[offset]);
	}
	CHECK_EQ(pread(fd, b, 5, (off_t)len), 0);
}

static void *sleep_long(void *unused)
{
	for (;;)
		pause();
	return unused;
}

TEST("task has one directory for each thread")
{
	pthread_t thread;
	struct dirent *e;
	int n = 0;
	DIR *dir;

	CHECK_EQ(pthread_create(&thread, NULL, sleep_long, NULL), 0);
	dir = opendir("/proc/self/task");
	CHECK(dir != NULL);
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	CHECK_EQ(n, 2);
	CHECK_STR(status_field("/proc/self/status", "Threads"), "2");
}

TEST("meminfo, cpuinfo, uptime, loadavg, stat and version have the lines that programs read")
{
	double up, idle, a, b, c;
	long total, free_kb;

	file_read("/proc/meminfo", text, sizeof(text));
	CHECK_EQ(sscanf(text, "MemTotal: %ld kB MemFree: %ld kB", &total, &free_kb), 2);
	CHECK(total > free_kb && free_kb > 0);
	CHECK(strstr(text, "\nMemAvailable:") != NULL && strstr(text, "\nSwapTotal:") != NULL);
	file_read("/proc/vmstat", text, sizeof(text));	/* vmstat(8) */
	CHECK_EQ(sscanf(text, "nr_free_pages %ld\n", &free_kb), 1);
	CHECK(free_kb > 0 && free_kb * 4 < total);
	CHECK(strstr(text, "\npgpgin ") && strstr(text, "\npswpout "));
	file_read("/proc/cpuinfo", text, sizeof(text));
	CHECK_EQ(strncmp(text, "processor\t: 0\n", 14), 0);
	CHECK(strstr(text, "\nflags\t\t: ") != NULL && strstr(text, "\nmodel name\t: ") != NULL);
	file_read("/proc/uptime", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%lf %lf\n", &up, &idle), 2);
	CHECK(up > 0 && idle >= 0);
	file_read("/proc/loadavg", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%lf %lf %lf ", &a, &b, &c), 3);
	CHECK(strchr(text, '/') != NULL);
	file_read("/proc/stat", text, sizeof(text));
	CHECK_EQ(strncmp(text, "cpu  ", 5), 0);
	CHECK(strstr(text, "\ncpu0 ") && strstr(text, "\nbtime ") && strstr(text, "\nprocesses "));
	file_read("/proc/version", text, sizeof(text));
	CHECK_EQ(strncmp(text, "Linux version ", 14), 0);
}

TEST("mounts lists the root and /proc, filesystems those that there are")
{
	file_read("/proc/mounts", text, sizeof(text));
	CHECK(strstr(text, " / ") != NULL);
	CHECK(strstr(text, " /proc proc ") != NULL);
	file_read("/proc/self/mountinfo", text, sizeof(text));
	CHECK(strstr(text, " - proc ") != NULL);
	file_read("/proc/filesystems", text, sizeof(text));
	CHECK(strstr(text, "nodev\tproc\n") != NULL && strstr(text, "nodev\ttmpfs\n") != NULL);
}

TEST("sys/kernel has hostname, ostype, osrelease, pid_max and random/uuid")
{
	char host[256];

	CHECK_EQ(gethostname(host, sizeof(host) - 1), 0);
	strcat(host, "\n");
	CHECK_STR(file_read("/proc/sys/kernel/hostname", text, sizeof(text)), host);
	CHECK_STR(file_read("/proc/sys/kernel/ostype", text, sizeof(text)), "Linux\n");
	CHECK(atoi(file_read("/proc/sys/kernel/pid_max", text, sizeof(text))) >= 32768);
	CHECK(atoi(file_read("/proc/sys/kernel/osrelease", text, sizeof(text))) >= 4);
	CHECK_EQ(strlen(file_read("/proc/sys/kernel/random/uuid", text, sizeof(text))), 37);
}

TEST("limits shows the resource limits in Linux's table")
{
	struct rlimit limit = { 77, 99 }, none = { 0, 0 };

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(setrlimit(RLIMIT_NICE, &none), 0);
	file_read("/proc/self/limits", text, sizeof(text));
	CHECK_EQ(strncmp(text, "Limit                     Soft Limit", 36), 0);
	CHECK(strstr(text, "Max open files            77                   99   ") != NULL);
	CHECK(strstr(text, "\nMax nice priority         0                    0                    \n") != NULL);
}

TEST("files of /proc have size 0, may be read in pieces, and refuse writing")
{
	struct stat now;
	char whole[8192], pieces[8192];
	size_t have = 0;
	ssize_t n;
	int fd;

	CHECK_EQ(stat("/proc/self/status", &now), 0);
	CHECK_EQ(now.st_size, 0);
	CHECK(S_ISREG(now.st_mode));
	file_read("/proc/filesystems", whole, sizeof(whole));
	fd = open("/proc/filesystems", O_RDONLY);
	while ((n = read(fd, pieces + have, 7)) > 0)
		have += (size_t)n;
	pieces[have] = '\0';
	CHECK_STR(pieces, whole);
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(read(fd, pieces, 4), 4);
	CHECK_EQ(memcmp(pieces, whole + 3, 4), 0);
	CHECK(open("/proc/self/status", O_WRONLY) < 0 || write(fd, "x", 1) < 0);
	CHECK_ERR(unlink("/proc/version"), EPERM);
	CHECK(mkdir("/proc/x", 0777) == -1 && (errno == ENOENT || errno == EPERM));
}

TEST("another user may not see a process's descriptors, environment or memory map")
{
	char path[64];
	pid_t child, target = getpid();

	if (getuid() != 0)
		SKIP("needs root");
	CHILD(child) {
		CHECK_EQ(setgid(1000) | setuid(1000), 0);
		snprintf(path, sizeof(path), "/proc/%d/environ", target);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/fd/0", target);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/exe", target);
		CHECK_ERR(readlink(path, text, sizeof(text)), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/cmdline", target);
		CHECK(open(path, O_RDONLY) >= 0);
	}
	REAP(child, 0);
}
