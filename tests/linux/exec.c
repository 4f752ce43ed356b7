/*
 * exec.c -- execve: arguments, environment, auxiliary vector, scripts, errors, what survives.
 *
 * Owns:    copies of itself in its scratch directory.
 * Locks:   none.
 * Fails:   see tap.h.
 * Tested:  conformance.py, on Linux first.
 */
#define TAP_HELPER helper_main
#include "tap.h"

#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

extern char **environ;

/*
 * --helper args A B ...: prints the arguments and environment, one per line
 * --helper ids: prints uid, euid, gid, egid, AT_SECURE, the saved uid and whether others may look into it
 * --helper exit N; --helper mask; --helper auxv; --helper raise
 */
static int auxv_judge(char **argv)
{
	char **end = environ;
	Elf64_auxv_t *aux;
	unsigned long seen = 0;

	while (*end != NULL)
		end++;
	for (aux = (Elf64_auxv_t *)(end + 1); aux->a_type != AT_NULL; aux++)
		if (aux->a_type < 64)
			seen |= 1UL << aux->a_type;
	CHECK(seen & 1UL << AT_PHDR);
	CHECK_EQ(getauxval(AT_PAGESZ), 4096);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK_EQ(((Elf64_Phdr *)getauxval(AT_PHDR))->p_type < 0x70000000, 1);
	CHECK(getauxval(AT_PHNUM) > 0 && getauxval(AT_PHNUM) < 20);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EUID), geteuid());
	CHECK_EQ(getauxval(AT_GID), getgid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK(getauxval(AT_RANDOM) != 0);
	CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
	CHECK_EQ(memcmp((void *)getauxval(AT_SYSINFO_EHDR), ELFMAG, SELFMAG), 0);
	CHECK_STR((char *)getauxval(AT_EXECFN), argv[-2]);
	CHECK_STR((char *)getauxval(AT_PLATFORM), "x86_64");
	CHECK(getauxval(AT_HWCAP) != 0);
	CHECK_EQ(getauxval(AT_FLAGS), 0);
	CHECK_EQ((uintptr_t)(argv - 3) % 16, 0);
	return 0;
}

static int ids_print(void)
{
	uid_t r, e, s;

	getresuid(&r, &e, &s);
	printf("%d %d %d %d %lu %d %d\n", r, e, getgid(), getegid(), getauxval(AT_SECURE), s,
	       prctl(PR_GET_DUMPABLE) == 1);
	return 0;
}

static int mask_print(void)
{
	sigset_t mask, pending;
	struct sigaction one, two;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	sigaction(SIGUSR1, NULL, &one);
	sigaction(SIGUSR2, NULL, &two);
	printf("%d %d %d %d\n", sigismember(&mask, SIGHUP), sigismember(&pending, SIGHUP),
	       one.sa_handler == SIG_DFL, two.sa_handler == SIG_IGN);
	return 0;
}

static int helper_main(int argc, char **argv)
{
	if (strcmp(argv[0], "auxv") == 0)
		return auxv_judge(argv);
	if (strcmp(argv[0], "ids") == 0)
		return ids_print();
	if (strcmp(argv[0], "mask") == 0)
		return mask_print();
	if (strcmp(argv[0], "raise") == 0) {
		kill(getpid(), SIGHUP);
		return execl("/proc/self/exe", "x", "--helper", "mask", NULL);
	}
	if (strcmp(argv[0], "exit") == 0)
		return atoi(argv[1]);
	for (int i = 1; i < argc; i++)
		printf("<%s>\n", argv[i]);
	for (char **e = environ; *e != NULL; e++)
		printf("[%s]\n", *e);
	return 0;
}

static char output[200000];

/* Runs the program in a child and gives back what it printed; checks its exit status. */
static const char *output_of(const char *path, char *const argv[], char *const envp[], int expected)
{
	size_t have = 0;
	int ends[2];
	ssize_t n;
	pid_t child;

	CHECK_EQ(pipe(ends), 0);
	CHILD(child) {
		CHECK_EQ(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execve(path, argv, envp);
		printf("errno %d\n", errno);
		fflush(stdout);
		_exit(98);
	}
	close(ends[1]);
	while ((n = read(ends[0], output + have, sizeof(output) - 1 - have)) > 0)
		have += (size_t)n;
	output[have] = '\0';
	close(ends[0]);
	if (strstr(output, ": failed\n# ") != NULL)
		tap_note("%s", output);
	REAP(child, expected);
	return output;
}

#define ARGV(...) (char *const[]){ __VA_ARGS__, NULL }
#define NO_ENV ((char *const[]){ NULL })

static void script_write(const char *path, const char *text)
{
	file_write(path, text);
	CHECK_EQ(chmod(path, 0755), 0);
}

TEST("arguments and environment arrive exactly, empty strings and all bytes included")
{
	char *envp[] = { "A=1", "", "EMPTY=", "no-equals-sign", "\xff\x01=\n", NULL };

	CHECK_STR(output_of(tap_self, ARGV("zero", "--helper", "args", "", "a b", "\xfe\x80", "*"),
			    envp, 0),
		  "<>\n<a b>\n<\xfe\x80>\n<*>\n[A=1]\n[]\n[EMPTY=]\n[no-equals-sign]\n"
		  "[\xff\x01=\n]\n");
}

TEST("a thousand arguments and one of 100 KiB arrive")
{
	static char *argv[1010], big[100001];
	size_t len_bytes = 0;

	argv[0] = "zero";
	argv[1] = "--helper";
	argv[2] = "args";
	for (int i = 3; i < 1003; i++)
		argv[i] = "x";
	memset(big, 'y', 100000);
	argv[1003] = big;
	output_of(tap_self, argv, NO_ENV, 0);
	len_bytes = strlen(output);
	CHECK_EQ(len_bytes, 1000 * 4 + 100003);
	CHECK_EQ(memcmp(output, "<x>\n<x>\n", 8), 0);
	CHECK_EQ(memcmp(output + len_bytes - 4, "yy>\n", 4), 0);
}

TEST("an argument longer than 128 KiB, or all longer than a quarter of the stack, are E2BIG")
{
	static char *argv[100], big[131073];
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };

	memset(big, 'y', sizeof(big) - 1);
	CHECK_ERR(execve(tap_self, ARGV("zero", big), NO_ENV), E2BIG);
	big[100000] = '\0';
	for (int i = 0; i < 90; i++)
		argv[i] = big;
	CHECK_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
	CHECK_ERR(execve(tap_self, argv, NO_ENV), E2BIG);
}

TEST("the auxiliary vector tells the program about itself and the machine")
{
	output_of(tap_self, ARGV((char *)tap_self, "--helper", "auxv"), NO_ENV, 0);
}

TEST("AT_RANDOM points at sixteen bytes that look random")
{
	uint8_t *random = (uint8_t *)getauxval(AT_RANDOM);
	int zeros = 0;

	for (int i = 0; i < 16; i++)
		zeros += random[i] == 0;
	CHECK(zeros < 8);
}

TEST("a file without the x bit is EACCES, so is a directory, for root too")
{
	file_write("plain", "#!/bin/sh\n");
	CHECK_ERR(execve("plain", ARGV("plain"), NO_ENV), EACCES);
	CHECK_ERR(execve(".", ARGV("."), NO_ENV), EACCES);
	CHECK_ERR(execve("/dev/null", ARGV("null"), NO_ENV), EACCES);
}

TEST("a missing file is ENOENT, a file as a directory ENOTDIR, a loop of links ELOOP")
{
	file_write("plain", "");
	CHECK_EQ(symlink("loop", "loop"), 0);
	CHECK_ERR(execve("none", ARGV("none"), NO_ENV), ENOENT);
	CHECK_ERR(execve("", ARGV("none"), NO_ENV), ENOENT);
	CHECK_ERR(execve("plain/below", ARGV("none"), NO_ENV), ENOTDIR);
	CHECK_ERR(execve("loop", ARGV("none"), NO_ENV), ELOOP);
}

TEST("text, an empty file, a broken and a foreign ELF header are ENOEXEC")
{
	static char header[4096];
	Elf64_Ehdr *elf = (Elf64_Ehdr *)header;
	int fd;

	script_write("text", "echo hello\n");
	CHECK_ERR(execve("text", ARGV("text"), NO_ENV), ENOEXEC);
	script_write("empty", "");
	CHECK_ERR(execve("empty", ARGV("empty"), NO_ENV), ENOEXEC);
	script_write("magic", "\177ELF");
	CHECK_ERR(execve("magic", ARGV("magic"), NO_ENV), ENOEXEC);
	fd = open(tap_self, O_RDONLY);
	CHECK_EQ(read(fd, header, sizeof(header)), sizeof(header));
	elf->e_machine = EM_AARCH64;
	script_write("foreign", "");
	fd = open("foreign", O_WRONLY);
	CHECK_EQ(write(fd, header, sizeof(header)), sizeof(header));
	close(fd);
	CHECK_ERR(execve("foreign", ARGV("foreign"), NO_ENV), ENOEXEC);
	elf->e_machine = EM_X86_64;
	elf->e_type = ET_REL;
	fd = open("foreign", O_WRONLY);
	CHECK_EQ(write(fd, header, sizeof(header)), sizeof(header));
	close(fd);
	CHECK_ERR(execve("foreign", ARGV("foreign"), NO_ENV), ENOEXEC);
}

TEST("an ELF file whose interpreter is missing is ENOENT")
{
	static char image[8192];
	Elf64_Ehdr *elf = (Elf64_Ehdr *)image;
	Elf64_Phdr *segment = (Elf64_Phdr *)(image + sizeof(*elf));
	int fd;

	memcpy(elf->e_ident, ELFMAG "\2\1\1", 7);
	elf->e_type = ET_EXEC;
	elf->e_machine = EM_X86_64;
	elf->e_version = 1;
	elf->e_entry = 0x400200;
	elf->e_phoff = sizeof(*elf);
	elf->e_ehsize = sizeof(*elf);
	elf->e_phentsize = sizeof(*segment);
	elf->e_phnum = 2;
	segment[0] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 0x180, .p_filesz = 9,
				   .p_memsz = 9, .p_flags = PF_R, .p_vaddr = 0x400180 };
	memcpy(image + 0x180, "/no/such", 9);
	segment[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_filesz = 0x1000, .p_memsz = 0x1000,
				   .p_vaddr = 0x400000, .p_flags = PF_R | PF_X,
				   .p_align = 0x1000 };
	fd = open("dynamic", O_WRONLY | O_CREAT, 0755);
	CHECK_EQ(write(fd, image, sizeof(image)), sizeof(image));
	close(fd);
	CHECK_ERR(execve("dynamic", ARGV("dynamic"), NO_ENV), ENOENT);
}

TEST("a program open for writing is ETXTBSY, and one that runs cannot be opened for writing")
{
	pid_t child;
	int fd;

	self_copy("copy", 0755);
	fd = open("copy", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_ERR(execve("copy", ARGV("copy", "--helper", "exit", "0"), NO_ENV), ETXTBSY);
	close(fd);
	CHILD(child)
		execl("./copy", "copy", "--helper", "exit", "0", NULL);
	REAP(child, 0);
	CHECK_ERR(open("/proc/self/exe", O_WRONLY), ETXTBSY);
}

TEST("a script runs its interpreter with one argument, the script's path and the rest")
{
	char text[600], expected[600];

	snprintf(text, sizeof(text), "#! %s  --helper\n", tap_self);
	script_write("script", text);
	snprintf(expected, sizeof(expected), "<a>\n<b c>\n");
	/* The interpreter sees: self --helper ./script a "b c"; the helper prints what follows. */
	CHECK_STR(output_of("./script", ARGV("ignored", "a", "b c"), NO_ENV, 0), expected);
}

TEST("a script's one argument keeps its inner blanks and loses those at its ends")
{
	script_write("show", "#!/bin/sh\nfor i; do echo \"($i)\"; done\n");
	script_write("script", "#!./show  two words \t \nrest\n");
	CHECK_STR(output_of("./script", ARGV("zero", "last"), NO_ENV, 0),
		  "(two words)\n(./script)\n(last)\n");
}

TEST("a script without a line end, with no interpreter or a missing one")
{
	script_write("noeol", "#!/bin/sh");
	CHECK_STR(output_of("./noeol", ARGV("noeol"), NO_ENV, 0), "");
	script_write("nothing", "#!\n");
	CHECK_ERR(execve("nothing", ARGV("nothing"), NO_ENV), ENOEXEC);
	script_write("missing", "#!/no/such\n");
	CHECK_ERR(execve("missing", ARGV("missing"), NO_ENV), ENOENT);
	script_write("locked", "#!./plain\n");
	file_write("plain", "");
	CHECK_ERR(execve("locked", ARGV("locked"), NO_ENV), EACCES);
}

TEST("a script that is its own interpreter is ELOOP")
{
	script_write("self", "#!./self\n");
	CHECK_ERR(execve("./self", ARGV("self"), NO_ENV), ELOOP);
}

TEST("exec resets handlers, keeps ignored signals, the mask and pending signals")
{
	sigset_t set;

	signal(SIGUSR1, exit);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_STR(output_of(tap_self, ARGV("zero", "--helper", "mask"), NO_ENV, 0), "1 0 1 1\n");
	CHECK_STR(output_of(tap_self, ARGV("zero", "--helper", "raise"), NO_ENV, 0), "1 1 1 1\n");
}

TEST("exec keeps pid, parent, group, session, umask and working directory")
{
	char text[600];
	pid_t child;

	script_write("show", "#!/bin/sh\necho $$ $PPID; umask; pwd\n");
	CHILD(child) {
		int fd = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0644);

		umask(027);
		dup2(fd, STDOUT_FILENO);
		execl("./show", "show", NULL);
		_exit(98);
	}
	REAP(child, 0);
	{
		char expected[600], here[256];

		CHECK(getcwd(here, sizeof(here)) != NULL);
		snprintf(expected, sizeof(expected), "%d %d\n0027\n%s\n", child, getpid(), here);
		CHECK_STR(file_read("out", text, sizeof(text)), expected);
	}
}

TEST("exec keeps an alarm")
{
	pid_t child;

	CHILD(child) {
		alarm(1);
		execl("/bin/sh", "sh", "-c", "while :; do sleep 1; done", NULL);
		_exit(98);
	}
	REAP_KILLED(child, SIGALRM);
}

TEST("a set-uid program runs with its owner's effective and saved uid, AT_SECURE, and is not dumpable")
{
	pid_t child;
	char expected[64];

	if (getuid() != 0)
		SKIP("needs root");
	self_copy("copy", 0755);
	CHECK_EQ(chown("copy", 0, 12), 0);
	CHECK_EQ(chmod("copy", 06755), 0);
	CHILD(child) {
		CHECK_EQ(setgid(1000), 0);
		CHECK_EQ(setuid(1000), 0);
		snprintf(expected, sizeof(expected), "1000 0 1000 12 1 0 0\n");
		CHECK_STR(output_of("./copy", ARGV("copy", "--helper", "ids"), NO_ENV, 0),
			  expected);
	}
	REAP(child, 0);
}

TEST("PR_SET_NO_NEW_PRIVS makes exec ignore the set-uid bit")
{
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	self_copy("copy", 0755);
	CHECK_EQ(chmod("copy", 04755), 0);
	CHILD(child) {
		CHECK_EQ(setgid(1000), 0);
		CHECK_EQ(setuid(1000), 0);
		CHECK_EQ(syscall(SYS_prctl, 38, 1, 0, 0, 0), 0);
		CHECK_STR(output_of("./copy", ARGV("copy", "--helper", "ids"), NO_ENV, 0),
			  "1000 1000 1000 1000 0 1000 1\n");
	}
	REAP(child, 0);
}

TEST("a set-uid script does not change the uid")
{
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	script_write("script", "#!/bin/sh\nid -u\n");
	CHECK_EQ(chmod("script", 04755), 0);
	CHILD(child) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_STR(output_of("./script", ARGV("script"),
				    ((char *const[]){ "PATH=/bin:/usr/bin", NULL }), 0), "1000\n");
	}
	REAP(child, 0);
}

TEST("chmod and chown by others clear or refuse the set-uid bit, and so does a write")
{
	struct stat now;
	pid_t child;

	if (getuid() != 0)
		SKIP("needs root");
	file_write("file", "abc");
	CHECK_EQ(chown("file", 1000, 1000), 0);
	CHECK_EQ(chmod("file", 04777), 0);
	CHILD(child) {
		int fd;

		CHECK_EQ(setuid(1001), 0);
		CHECK_ERR(chmod("file", 0600), EPERM);
		fd = open("file", O_WRONLY);
		CHECK(fd >= 0);
		CHECK_EQ(write(fd, "x", 1), 1);
	}
	REAP(child, 0);
	CHECK_EQ(stat("file", &now), 0);
	CHECK_EQ(now.st_mode & 07777, 0777);
	CHECK_EQ(chmod("file", 04777), 0);
	CHECK_EQ(chown("file", 1002, 1002), 0);
	CHECK_EQ(stat("file", &now), 0);
	CHECK_EQ(now.st_mode & 07777, 0777);
}

TEST("bad pointers to execve are EFAULT and harm nothing")
{
	char *bad[] = { "zero", (char *)1, NULL };

	CHECK_ERR(execve((char *)1, ARGV("x"), NO_ENV), EFAULT);
	CHECK_ERR(execve(tap_self, (char **)1, NO_ENV), EFAULT);
	CHECK_ERR(execve(tap_self, ARGV("x"), (char **)1), EFAULT);
	CHECK_ERR(execve(tap_self, bad, NO_ENV), EFAULT);
}

TEST("execveat runs a file by descriptor")
{
	pid_t child;
	int fd = open(tap_self, O_PATH | O_CLOEXEC);

	CHILD(child) {
		syscall(SYS_execveat, fd, "", ARGV("zero", "--helper", "exit", "12"), NO_ENV,
			AT_EMPTY_PATH);
		_exit(errno == ENOSYS ? 77 : 98);
	}
	REAP(child, 12);
}

static void *exec_in_thread(void *unused)
{
	(void)unused;
	execl(tap_self, tap_self, "--helper", "exit", "13", NULL);
	_exit(98);
}

TEST("exec from a thread other than the first keeps the pid and ends the other threads")
{
	pthread_t thread;
	pid_t child;

	CHILD(child) {
		CHECK_EQ(pthread_create(&thread, NULL, exec_in_thread, NULL), 0);
		for (;;)
			pause();
	}
	REAP(child, 13);
}
