/*
 * exec.c -- exec: one program in the place of another, and the first process.
 *
 * exec makes a new Task with a space of its own and starts the translator in it.  Until that reports
 * ready, the old program keeps the pid and waits in its call; an errno goes back to it.  On ready the
 * old Task is killed, and only when the kernel says that it is gone do descriptors, pid and credentials
 * belong to the new program.
 *
 * The descriptor table is copied, without what closes on exec, when the call is made.  The other threads
 * of the old program are suspended from then on, so that none opens or closes one that the copy misses
 * (Linux ends them first; a failed exec resumes them here).
 *
 * Owns:    struct exec_state of a process.
 * Fails:   ENOMEM, EAGAIN, what vfs_open_exec says, what the new translator reports; a translator that
 *          dies before it reports is ENOEXEC.
 * Tested:  tests/linux/exec.c
 */
#include "process.h"

#define SLOTS_MAX	4096u

struct exec_state {
	struct parked parked;		/* the old program's LX_EXEC; no token at the start of pid 1 */
	struct parked ready;		/* the new one's LX_EXEC_READY */
	bool have_parked, have_ready, suspended;
	bool gone;			/* the new program is dead, the old one not quite */
	bool script;			/* begins with #! */
	struct process *process;
	struct image *old;		/* being killed */
	struct thread *caller;
	struct exec_file info;
	char comm[16];
	handle_t args;
	uint64_t mask;
	uint64_t entry, stack, brk;
	struct lx_exec_areas areas;
};

/* --- the request ---------------------------------------------------------------------------------------------- */

static void comm_set(char comm[16], const char *path)
{
	const char *slash = strrchr(path, '/');

	memset(comm, 0, 16);
	strlcpy(comm, slash ? slash + 1 : path, 16);
}

/* The call waits killable only: a signal stays pending for the old program or the new one. */
static void exec_cancel(struct parked *parked)
{
	struct exec_state *e = CONTAINER(parked, struct exec_state, parked);

	if (parked->token != 0)
		return;
	e->have_parked = false;
	parked_reply(parked, 0);
}

static void ready_cancel(struct parked *parked)
{
	struct exec_state *e = CONTAINER(parked, struct exec_state, ready);

	if (parked->token != 0)
		return;
	e->have_ready = false;
	parked_reply(parked, 0);
}

static void exec_state_free(struct exec_state *e)
{
	if (e->have_ready)
		parked_reply(&e->ready, -EINTR);
	if (e->info.inode) {
		inode_deny_write(e->info.inode, -1);
		inode_put(e->info.inode);
	}
	if (e->args != H_NONE)
		tess_handle_close(e->args);
	if (e->old)
		e->old->process = NULL;
	e->process->exec = NULL;
	mem_free(e);
}

/*
 * The loading program comes to nothing: its task is killed and the old program has its errno.  Without
 * an old one it was the start of pid 1.
 */
void exec_abort(struct process *p, int error)
{
	struct exec_state *e = p->exec;
	struct image *i = p->loading;

	if (i) {
		p->loading = NULL;
		i->role = IMAGE_OLD;
		i->process = NULL;
		tess_task_kill(i->task, 0);
	}
	if (!e)
		return;
	if (e->suspended && p->image && !p->stopped)
		tess_task_resume(p->image->task);
	if (e->have_parked)
		parked_reply(&e->parked, error);
	else if (!p->image)
		process_start_failed(p, error);
	exec_state_free(e);
}

/*
 * The new program has died before the old one's Task was gone: until then the process is not dead either.
 * The old Task may be a vfork child in its parent's memory, and holds descriptors.
 */
bool exec_gone_later(struct process *p)
{
	if (!p->exec || !p->exec->old)
		return false;
	p->exec->gone = true;
	return true;
}

/* The process is dead; what of its exec was still under way is forgotten. */
void exec_process_gone(struct process *p)
{
	if (p->exec)
		exec_state_free(p->exec);
}

/* Its old program is held for the exec, whatever continues it: suspending does not count. */
bool exec_holds(const struct process *p)
{
	return p->exec && p->exec->suspended && p->loading;
}

/* A thread's id is given up; it may have been the one that called. */
void exec_thread_gone(struct thread *t)
{
	if (t->process->exec && t->process->exec->caller == t)
		t->process->exec->caller = NULL;
}

/* 0, or a negative errno with everything undone that e does not show */
static int exec_start(struct process *p, struct exec_state *e, struct image *old, uint32_t thread, handle_t file)
{
	struct user *payer = user_get(p->cred.uid);
	struct image *i = payer ? image_alloc(p, IMAGE_LOADING) : NULL;
	int64_t pool, table;
	status_t s;

	if (!i) {
		user_put(payer);
		return payer ? -EAGAIN : -ENOMEM;
	}
	pool = tess_pool_create(payer->pool, payer->limit_bytes);
	user_put(payer);
	if (pool < 0) {
		image_free(i);
		return native_errno(pool);
	}
	i->pool = (handle_t)pool;
	if (old && p->nthreads > 1 && tess_task_suspend(old->task) == 0)
		e->suspended = true;
	table = old ? tess_table_clone(old->task, thread, i->pool, TABLE_DROP_CLOEXEC) :
		tess_table_create(i->pool, SLOTS_MAX);
	s = table < 0 ? table : image_start(i, (handle_t)table, file, e->args);
	if (s < 0) {
		if (e->suspended)
			tess_task_resume(old->task);
		image_free(i);
		if (s == E_NOMEM)
			memory_refused(p);
		return native_errno(s);
	}
	p->loading = i;
	return 0;
}

/* The two first bytes say it; what cannot be read cannot be executed either. */
static bool file_is_script(handle_t file)
{
	char mark[2];

	return tess_descriptor_read_at(file, mark, 2, 0) == 2 && mark[0] == '#' && mark[1] == '!';
}

void request_exec(struct request *r)
{
	struct process *p = r->process;
	uint32_t offset = 0;
	const char *path = request_string(r, &offset);
	struct exec_state *e = NULL;
	handle_t file = H_NONE;
	int error = 0;

	if (!path || r->ncaps != 1)
		error = -EINVAL;
	else if (p->exec)
		error = -EAGAIN;	/* another thread of it is at it */
	else if (!(e = mem_alloc(sizeof(*e))))
		error = -ENOMEM;
	for (uint32_t n = error ? 0 : 1; n < r->ncaps; n++)
		tess_handle_close(r->caps[n]);
	if (error) {
		request_reply(r, error);
		return;
	}
	e->process = p;
	e->args = r->caps[0];
	e->caller = r->thread;
	comm_set(e->comm, path);
	p->exec = e;
	error = vfs_open_exec(r, path, (uint32_t)r->words[1], &file, &e->info);
	if (error)
		e->info.inode = NULL;
	if (!error && (error = inode_deny_write(e->info.inode, 1)) != 0) {
		inode_put(e->info.inode);
		e->info.inode = NULL;
	}
	if (!error) {
		e->script = file_is_script(file);
		error = exec_start(p, e, r->image, r->thread->number, file);
	}
	if (file != H_NONE)
		tess_handle_close(file);
	if (error) {
		exec_state_free(e);
		request_reply(r, error);
		return;
	}
	request_park(r, &e->parked, exec_cancel);
	e->have_parked = true;
}

/* --- the change-over -------------------------------------------------------------------------------------------- */

/*
 * execve(2): set-user-ID and set-group-ID, unless no_new_privs or a nosuid mount forbids it, or another process
 * could move the working directory meanwhile (CLONE_FS); never a script's.
 */
static bool exec_credentials(struct process *p, const struct exec_state *e)
{
	const struct exec_file *f = &e->info;
	struct cred *c = &p->cred;
	bool shared = p->fs->refs > 1 && c->euid != 0;
	bool may = !f->nosuid && !p->no_new_privs && !e->script && !shared;

	if (may && f->mode & S_ISUID)
		c->euid = f->uid;
	if (may && (f->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = f->gid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	return c->uid != c->euid || c->gid != c->egid;
}

static void exec_threads(struct process *p, struct exec_state *e)
{
	struct link *l = p->threads.next;

	if (e->caller && e->caller != p->main) {	/* what was pending for the thread that goes on, stays */
		signal_flush(&p->main->pending, ~0ull);
		p->main->pending = e->caller->pending;
		e->caller->pending = (struct sig_pending){ 0 };
		p->main->affinity = e->caller->affinity;
	}
	while (l != &p->threads) {
		struct thread *t = CONTAINER(l, struct thread, link);

		l = l->next;
		if (t != p->main)
			thread_free(t);
	}
	p->main->number = p->image->first_thread;
	thread_bind(p->main);
	memcpy(p->main->comm, p->comm, sizeof(p->comm));
}

/*
 * Where ps finds arguments and environment, as the new program says: what the old one wrote into the vmo it
 * can still change, and everybody may read the arguments of a set-uid program.
 */
static void exec_areas(struct process *p, const struct exec_state *e)
{
	p->start_code = e->entry;
	p->start_stack = e->stack;
	p->start_brk = e->brk;
	p->args_start = e->areas.args_start;
	p->args_end = p->env_start = e->areas.args_end;
	p->env_end = e->areas.env_end;
}

static void exec_file_adopt(struct process *p, struct exec_state *e)
{
	if (p->exe_inode) {
		inode_deny_write(p->exe_inode, -1);
		inode_put(p->exe_inode);
	}
	p->exe_inode = e->info.inode;
	e->info.inode = NULL;
	strlcpy(p->exe, e->info.path, sizeof(p->exe));
	memcpy(p->comm, e->comm, sizeof(p->comm));
}

static void payer_change(struct process *p)
{
	struct user *payer = user_get(p->cred.uid);

	if (!payer)
		return;
	user_put(p->user);
	p->user = payer;
}

/* The old task is gone (or there was none): the process is the new program from here on. */
static void exec_commit(struct process *p)
{
	struct exec_state *e = p->exec;
	struct lx_exec_cred out = { 0 };
	uint64_t mask = e->mask;
	bool secure;

	p->changing = false;
	payer_change(p);
	exec_file_adopt(p, e);
	exec_areas(p, e);
	exec_threads(p, e);
	secure = exec_credentials(p, e);
	if (tty_leads_console(p))
		memory_favour(p);
	p->dumpable = secure ? 0 : 1;
	if (secure)
		p->pdeath_signal = 0;
	p->keepcaps = false;
	p->exec_id++;
	p->exit_signal = SIGCHLD;
	for (int sig = 1; sig <= SIGNALS_MAX; sig++)
		if (p->sig_class[sig] == CLASS_HANDLED)
			p->sig_class[sig] = CLASS_DEFAULT;
	p->chld_flags = 0;
	itimer_exec(p);
	out.uid = p->cred.uid;
	out.euid = p->cred.euid;
	out.gid = p->cred.gid;
	out.egid = p->cred.egid;
	out.secure = secure;
	out.pid = p->pid;
	tess_random_fill(out.random, sizeof(out.random));
	if (mask)
		tess_task_write(p->image->task, p->image->block + offsetof(struct utcb, mask), &mask, sizeof(mask));
	if (p->reparented)
		process_publish_parent(p);
	if (e->have_ready) {
		e->have_ready = false;
		parked_reply_data(&e->ready, 0, &out, sizeof(out));
	}
	exec_state_free(e);
	vfork_release(p);
	signal_after_exec(p, mask);
}

void request_exec_ready(struct request *r)
{
	struct process *p = r->process;
	struct exec_state *e = p->exec;
	struct thread_info info;
	int64_t error = (int64_t)r->words[1];

	if (r->image->role != IMAGE_LOADING || !e || p->loading != r->image) {
		request_reply(r, -EPERM);
		return;
	}
	if (error < 0 && error > -4096) {
		exec_abort(p, (int)error);	/* its task is killed: nobody waits for the answer */
		return;
	}
	e->entry = r->words[2];
	e->stack = r->words[3];
	e->brk = r->words[4];
	if (r->payload_len == sizeof(e->areas))
		memcpy(&e->areas, r->payload, sizeof(e->areas));
	request_park(r, &e->ready, ready_cancel);
	e->have_ready = true;
	e->old = p->image;
	if (e->old && e->caller && tess_thread_query(e->old->task, e->caller->number, &info) == 0)
		e->mask = info.mask;
	p->changing = true;
	p->executed = true;		/* before descriptors that close on exec can tell the parent */
	p->image = p->loading;
	p->image->role = IMAGE_CURRENT;
	p->loading = NULL;
	if (p->stopped)			/* since it asked for the exec: the new program does not run either */
		tess_task_suspend(p->image->task);
	if (!e->old) {
		exec_commit(p);
		return;
	}
	process_usage_keep(p, e->old);
	e->old->role = IMAGE_OLD;
	if (e->have_parked) {
		e->parked.token = 0;	/* its caller is about to die */
		e->have_parked = false;
		parked_reply(&e->parked, 0);
	}
	tess_task_kill(e->old->task, 0);
}

/* NOTICE_DEATH of an image that is not the current one of its process. */
void exec_image_dead(struct image *i)
{
	struct process *p = i->process;

	if (p && i->role == IMAGE_LOADING) {
		exec_abort(p, -ENOEXEC);
		image_free(i);
		return;
	}
	image_free(i);
	if (!p || !p->exec || p->exec->old != i)
		return;
	p->exec->old = NULL;
	if (p->exec->gone) {
		process_gone(p);
	} else if (p->state == PROCESS_ALIVE) {
		parked_cancel_others(p, &p->exec->ready);
		exec_commit(p);
	}
}

/* --- pid 1 --------------------------------------------------------------------------------------------------------- */

/* The value of word= in the command line, copied out; false when it is not there. */
static bool command_line_word(const char *line, const char *word, char *out, uint32_t size)
{
	uint64_t len = strlen(word);

	while (*line) {
		while (*line == ' ' || *line == '\n')
			line++;
		if (strncmp(line, word, len) == 0) {
			uint32_t n = 0;

			for (line += len; *line && *line != ' ' && *line != '\n' && n + 1 < size; line++)
				out[n++] = *line;
			out[n] = 0;
			return true;
		}
		while (*line && *line != ' ' && *line != '\n')
			line++;
	}
	return false;
}

/* The args vmo of pid 1: one argument, HOME and TERM. */
static int64_t first_args(const char *path)
{
	static const char env[] = "HOME=/\0TERM=linux";
	struct { struct exec_args h; char text[1024]; } a;
	uint32_t len = (uint32_t)strlen(path) + 1, total;
	int64_t vmo;

	memset(&a, 0, sizeof(a));
	a.h.argc = 1;
	a.h.envc = 2;
	a.h.args_len = len;
	a.h.env_len = sizeof(env);
	a.h.path_len = len;
	total = 2 * len + sizeof(env);
	if (total > sizeof(a.text))
		return E_TOOBIG;
	memcpy(a.text, path, len);
	memcpy(a.text + len, env, sizeof(env));
	memcpy(a.text + len + sizeof(env), path, len);
	a.h.total_len = sizeof(a.h) + total;
	vmo = tess_vmo_create(server_pool, PAGE_SIZE);
	if (vmo >= 0)
		tess_vmo_write((handle_t)vmo, 0, &a, a.h.total_len);
	return vmo;
}

static int first_try(struct process *p, const char *path)
{
	struct exec_state *e = mem_alloc(sizeof(*e));
	struct request r = { .process = p, .thread = p->main };
	handle_t file = H_NONE;
	int64_t args;
	int error;

	if (!e)
		return -ENOMEM;
	e->process = p;
	e->args = H_NONE;
	e->caller = p->main;
	p->exec = e;
	comm_set(e->comm, path);
	error = vfs_open_exec(&r, path, 0, &file, &e->info);
	if (error) {
		e->info.inode = NULL;
		exec_state_free(e);
		return error;
	}
	inode_deny_write(e->info.inode, 1);
	args = first_args(path);
	if (args < 0) {
		error = native_errno(args);
	} else {
		e->args = (handle_t)args;
		error = exec_start(p, e, NULL, 0, file);
	}
	tess_handle_close(file);
	if (error)
		exec_state_free(e);
	return error;
}

/* pid 1 could not be loaded after all: the machine has nothing to do. */
void process_start_failed(struct process *p, int error)
{
	server_log("the first program (%s) cannot run: errno %d: power off", p->exec->info.path, -error);
	tess_power_off(server_platform, POWER_OFF_ABI, 1);
}

int exec_first(const char *command_line)
{
	static const char *const usual[] = { "/init", "/sbin/init", "/bin/sh" };
	char named[256];
	struct session *s;
	struct process *p;
	int error;

	p = process_alloc(NULL, &error);
	if (!p)
		return error;
	process_init = p;
	p->unkillable = true;
	s = session_new(0, NULL);	/* as Linux: init is in no session until it makes one */
	if (!s || pgroup_join(p, 0, s) < 0)
		return -ENOMEM;
	session_put(s);
	if (command_line_word(command_line, "init=", named, sizeof(named)))
		return first_try(p, named);
	for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		error = first_try(p, usual[i]);
		if (error != -ENOENT)
			break;
	}
	return error;
}
