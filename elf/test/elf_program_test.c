/*
 * elf_program_test.c -- real programs, loaded by their plan and run, then by execve.
 *
 * Tests:   all of elf/ together, as the translator uses it.
 * Needs:   an x86-64 Linux host, and the programs that local.mk builds from guest.c with musl-gcc,
 *          in the folder of this test.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "elf/elf_load.h"
#include "tap.h"

#define STACK_LEN	0x100000u
#define USER_LOW	0x10000ull
#define USER_LIMIT	0x7ffffffff000ull
#define OUTPUT_MAX	4096u
#define GUEST_STATUS	42

static char *const guest_argv[] = { "guest", "", "two words", NULL };
static char *const guest_envp[] = { "PATH=/bin", "EMPTY=", NULL };
static const char guest_args[] = "guest\0\0two words";
static const char guest_env[] = "PATH=/bin\0EMPTY=";

/* One file being loaded. */
struct program {
	int fd;
	uint64_t size;
	uint8_t head[ELF_HEAD_MAX];
	size_t head_len;
	struct elf_image image;
	struct elf_plan plan;
};

static struct program guest, interp;

static int program_open(struct program *program, const char *path)
{
	struct stat st;
	ssize_t n;

	program->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (program->fd < 0 || fstat(program->fd, &st))
		return -1;
	n = pread(program->fd, program->head, sizeof(program->head), 0);
	if (n < 0)
		return -1;
	program->size = (uint64_t)st.st_size;
	program->head_len = (size_t)n;
	return elf_parse(program->head, program->head_len, program->size, &program->image);
}

static int host_prot(uint32_t prot)
{
	return (prot & ELF_READ ? PROT_READ : 0) | (prot & ELF_WRITE ? PROT_WRITE : 0)
		| (prot & ELF_EXEC ? PROT_EXEC : 0);
}

static bool map_at(uint64_t address, uint64_t len, int prot, int flags, int fd, uint64_t offset)
{
	void *wanted = (void *)address;

	flags |= MAP_PRIVATE | MAP_FIXED;
	return mmap(wanted, len, prot, flags, fd, (off_t)offset) == wanted;
}

static bool mapping_perform(const struct elf_mapping *m, int fd)
{
	if (m->file_len && !map_at(m->vaddr, m->file_len, host_prot(m->prot), 0, fd,
			m->file_offset))
		return false;
	if (m->anon_len && !map_at(m->anon_vaddr, m->anon_len, host_prot(m->anon_prot),
			MAP_ANONYMOUS, -1, 0))
		return false;
	memset((void *)m->zero_vaddr, 0, m->zero_len);
	return true;
}

/* A place for a movable program: the host chooses, as the translator's caller will. */
static uint64_t program_place(const struct elf_image *image)
{
	uint64_t len = image->high - image->low + image->align;
	void *place = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return place == MAP_FAILED ? 0 : elf_bias_at(image, (uint64_t)place);
}

static bool program_map(struct program *program)
{
	uint64_t bias = program->image.is_dyn ? program_place(&program->image) : 0;

	if (elf_plan(&program->image, bias, USER_LOW, USER_LIMIT, &program->plan))
		return false;
	for (uint32_t i = 0; i < program->plan.nmappings; i++)
		if (!mapping_perform(&program->plan.mappings[i], program->fd))
			return false;
	return true;
}

static size_t auxv_make(struct elf_aux *auxv, bool has_interp)
{
	static const unsigned long passed_on[] = { AT_SYSINFO_EHDR, AT_HWCAP, AT_HWCAP2, AT_CLKTCK,
		AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE };
	size_t n = ELF_AUXV_IMAGE_COUNT;

	elf_auxv_image(&guest.plan, has_interp ? &interp.plan : NULL, auxv);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		auxv[n++] = (struct elf_aux){ passed_on[i], getauxval(passed_on[i]) };
	return n;
}

/* Returns rsp, or 0. */
static uint64_t stack_make(const char *path, bool has_interp)
{
	struct elf_aux auxv[32];
	struct elf_stack_args args = {
		.args = { guest_args, sizeof(guest_args), 3 },
		.env = { guest_env, sizeof(guest_env), 2 },
		.execfn = path, .execfn_len = strlen(path) + 1,
		.auxv = auxv, .nauxv = auxv_make(auxv, has_interp),
		.random = "sixteen random!",
	};
	struct elf_stack stack;
	void *memory = mmap(NULL, STACK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);

	if (memory == MAP_FAILED || elf_stack_build(&args, memory, STACK_LEN,
			(uint64_t)memory + STACK_LEN, &stack))
		return 0;
	return stack.rsp;
}

static void jump(uint64_t entry, uint64_t rsp)
{
	__asm__ volatile("mov %1, %%rsp; xor %%edx, %%edx; xor %%ebp, %%ebp; jmp *%0"
		: : "a"(entry), "c"(rsp) : "memory");
	__builtin_unreachable();
}

/* In a child.  Only comes back, with a status, when it has failed. */
static int guest_start(const char *path)
{
	bool has_interp;
	uint64_t rsp;

	if (program_open(&guest, path))
		return 101;
	has_interp = guest.image.interp_len != 0;
	if (has_interp && (elf_interp_check(guest.head + guest.image.interp_offset,
			guest.image.interp_len)
			|| program_open(&interp, (char *)guest.head + guest.image.interp_offset)))
		return 102;
	if (!program_map(&guest) || (has_interp && !program_map(&interp)))
		return 103;
	rsp = stack_make(path, has_interp);
	if (!rsp)
		return 104;
	jump(has_interp ? interp.plan.entry : guest.plan.entry, rsp);
	return 105;
}

static int linux_start(const char *path)
{
	execve(path, guest_argv, guest_envp);
	return 106;
}

/* The sanitizers' handlers would run on the guest's thread pointer. */
static void child_prepare(int out)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	dup2(out, STDOUT_FILENO);
	alarm(20);
}

/* Runs path by start in a child; returns wait's status, and the output as a string. */
static int child_run(int (*start)(const char *), const char *path, char *output)
{
	size_t len = 0;
	int ends[2], status = -1;
	ssize_t n;
	pid_t pid;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (pid == 0) {
		child_prepare(ends[1]);
		close(ends[0]);
		close(ends[1]);
		_exit(start(path));
	}
	close(ends[1]);
	while (len < OUTPUT_MAX - 1 && (n = read(ends[0], output + len, OUTPUT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(ends[0]);
	waitpid(pid, &status, 0);
	return status;
}

static void print_comment(const char *title, const char *text)
{
	printf("# %s:\n# ", title);
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n')
			printf("# ");
	}
	putchar('\n');
}

static void test_runs(const char *path, const char *kind)
{
	static char ours[OUTPUT_MAX], theirs[OUTPUT_MAX];
	int status = child_run(guest_start, path, ours);
	int linux_status = child_run(linux_start, path, theirs);

	tap_ok(WIFEXITED(linux_status) && WEXITSTATUS(linux_status) == GUEST_STATUS,
		"Linux runs a %s program", kind);
	if (!tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == GUEST_STATUS,
			"a %s program runs when loaded by its plan", kind))
		printf("# wait status %#x\n", (unsigned int)status);
	if (!tap_ok(!strcmp(ours, theirs), "a %s program finds what Linux would give it", kind)) {
		print_comment("by the library", ours);
		print_comment("by Linux", theirs);
	}
}

static uint8_t *file_read(const char *path, size_t *len)
{
	FILE *in = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);

	if (!in)
		return free(bytes), NULL;
	*len = fread(bytes, 1, 1 << 20, in);
	fclose(in);
	return bytes;
}

/* Cuts at every byte of the first 5000, and the last 5000. */
static bool cut_is_seen(const uint8_t *bytes, size_t file_len, size_t cut)
{
	static struct elf_image image;
	size_t head_len = cut < ELF_HEAD_MAX ? cut : ELF_HEAD_MAX;
	uint8_t *copy = malloc(head_len ? head_len : 1);
	bool seen;

	memcpy(copy, bytes, head_len);
	seen = elf_parse(copy, head_len, cut, &image) != ELF_OK
		|| elf_check_strict(&image) == ELF_E_STRICT_EOF || cut == file_len;
	free(copy);
	return seen;
}

static void test_cut(const char *path, const char *kind)
{
	static struct elf_image image;
	size_t len = 0, loads_end = 0;
	uint8_t *bytes = file_read(path, &len);
	bool all_seen = true;

	if (!tap_ok(bytes && !elf_parse(bytes, len < 4096 ? len : 4096, len, &image),
			"a %s program is accepted", kind))
		return;
	for (uint32_t i = 0; i < image.nloads; i++)
		if (image.loads[i].offset + image.loads[i].filesz > loads_end)
			loads_end = image.loads[i].offset + image.loads[i].filesz;
	for (size_t cut = 0; cut < loads_end; cut++)
		if (cut < 5000 || loads_end - cut < 5000)
			all_seen &= cut_is_seen(bytes, len, cut);
	tap_ok(all_seen, "a %s program cut at any byte is refused", kind);
	free(bytes);
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "static", "packed", "static-pie", "dynamic" };
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	int folder_len = slash ? (int)(slash - argv[0]) : 0;
	char path[4096];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(path, sizeof(path), "%.*s/guest-%s", folder_len ? folder_len : 1,
			folder_len ? argv[0] : ".", kinds[i]);
		test_runs(path, kinds[i]);
		test_cut(path, kinds[i]);
	}
	return tap_done();
}
