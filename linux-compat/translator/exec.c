/*
 * exec.c -- execve in the old program: the arguments into a vmo, and one request.
 *
 * The vmo is mapped here while it is filled, so that a string is copied once; linuxd never reads it.
 *
 * Conforms: execve(2), execveat(2): E2BIG beyond a quarter of the stack limit or EXEC_ARGS_MAX.
 * Tested:   tests/linux/exec.c
 */
#include "translator.h"

#define ARG_MAX_ONE	131072u		/* MAX_ARG_STRLEN */
#define ARGS_ROOM	(EXEC_ARGS_MAX + PAGE_SIZE)

struct args_vmo {
	handle_t vmo;
	uint64_t at, size, used;
};

static int64_t args_open(struct args_vmo *v)
{
	int64_t r = tess_vmo_create(H_SELF, ARGS_ROOM);

	if (r < 0)
		return -ENOMEM;
	v->vmo = (handle_t)r;
	v->size = ARGS_ROOM;
	v->used = sizeof(struct exec_args);
	r = tess_vspace_map(H_SELF, 0, v->size, MAP_READ | MAP_WRITE | MAP_SHARED_ABI | MAP_NO_FORK, v->vmo, 0);
	if (r < 0) {
		tess_handle_close(v->vmo);
		return -ENOMEM;
	}
	v->at = (uint64_t)r;
	return 0;
}

static int64_t string_add(struct args_vmo *v, uint64_t text)
{
	uint64_t room = EXEC_ARGS_MAX - v->used;
	int64_t n;

	if (room > ARG_MAX_ONE)
		room = ARG_MAX_ONE;
	n = user_string((char *)(v->at + v->used), (const char *)text, room);
	if (n < 0)
		return n;
	if ((uint64_t)n >= room)
		return -E2BIG;
	v->used += (uint64_t)n + 1;
	return 0;
}

/* A NULL-terminated array of strings; 0 is an empty one. */
static int64_t array_add(struct args_vmo *v, uint64_t array, uint32_t *count, uint32_t *len)
{
	uint64_t start = v->used, text;
	int64_t r;

	*count = 0;
	for (; array; array += 8, (*count)++) {
		if (user_load64(array, &text))
			return -EFAULT;
		if (text == 0)
			break;
		r = string_add(v, text);
		if (r < 0)
			return r;
	}
	*len = (uint32_t)(v->used - start);
	return 0;
}

static uint64_t ignored_signals(const struct task_state *s)
{
	uint64_t set = 0;

	for (int i = 0; i < NSIG; i++)
		if (s->actions[i].handler == SIG_IGN)
			set |= 1ull << i;
	return set;
}

/* execveat(2): what the program is told it was executed as. */
static int64_t path_add(struct args_vmo *v, uint64_t dirfd, uint64_t path)
{
	char prefix[24] = "/dev/fd/";
	uint32_t n = 8, digits = 0, fd = (uint32_t)dirfd;
	uint8_t first;
	char text[10];

	if (copy_in(&first, path, 1))
		return -EFAULT;
	if ((int32_t)dirfd == AT_FDCWD || first == '/')
		return string_add(v, path);
	do
		text[digits++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (digits)
		prefix[n++] = text[--digits];
	if (first)
		prefix[n++] = '/';
	memcpy((void *)(v->at + v->used), prefix, n);
	v->used += n;
	return string_add(v, path);
}

static int64_t args_fill(struct args_vmo *v, uint64_t dirfd, uint64_t path, uint64_t argv, uint64_t envp)
{
	struct exec_args h = { .ignored = ignored_signals(self_state()) };
	uint64_t start;
	int64_t r = array_add(v, argv, &h.argc, &h.args_len);

	if (r == 0)
		r = array_add(v, envp, &h.envc, &h.env_len);
	start = v->used;
	if (r == 0 && v->used > EXEC_ARGS_MAX - 64)
		r = -E2BIG;
	if (r == 0)
		r = path_add(v, dirfd, path);
	if (r < 0)
		return r;
	h.path_len = (uint32_t)(v->used - start);
	h.total_len = v->used;
	if (v->used > self_state()->stack_limit / 4 && v->used > ARG_MAX_ONE)
		return -E2BIG;
	memcpy((void *)v->at, &h, sizeof(h));
	return 0;
}

static int64_t exec(uint64_t dirfd, uint64_t path, uint64_t argv, uint64_t envp, uint64_t flags)
{
	struct ipc_message *m;
	struct args_vmo v;
	int64_t r = args_open(&v);

	if (r < 0)
		return r;
	r = args_fill(&v, dirfd, path, argv, envp);
	tess_vspace_unmap(H_SELF, v.at, v.size);
	m = request(LX_EXEC, flags, 0, 0);
	if (r == 0)
		r = request_path(m, path);
	if (r < 0) {
		tess_handle_close(v.vmo);
		return r;
	}
	m->ncaps = 1;
	m->caps[0] = v.vmo;
	m->cap_flags = 1;
	r = request_at(dirfd);		/* answers only when it failed */
	tess_handle_close(v.vmo);	/* not moved when the request was never taken: else no such slot */
	return r;
}

int64_t sys_execve(uint64_t path, uint64_t argv, uint64_t envp)
{
	return exec((uint64_t)(int64_t)AT_FDCWD, path, argv, envp, 0);
}

int64_t sys_execveat(uint64_t dirfd, uint64_t path, uint64_t argv, uint64_t envp, uint64_t flags)
{
	if ((uint32_t)flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec(dirfd, path, argv, envp, (uint32_t)flags);
}
