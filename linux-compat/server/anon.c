/*
 * anon.c -- files that no directory holds: memfd_create(2), timerfd_create(2).
 *
 * A memfd is a file of the root's tmpfs without a name, a timerfd a Counter that a Timer of the kernel signals:
 * the kernel serves read and poll of both, and sees to it that many fast timers do not take the CPU.
 *
 * Owns:    the file system of anonymous inodes, whose only mount is in no list; each timerfd's Timer.
 * Fails:   -ENOMEM, -ENFILE, -EINVAL as the man pages say.
 * Tested:  tests/linux/time.c, tests/linux/memory.c
 */
#include "itimerspec.h"
#include "vfs.h"

#define ANON_INODE_MAGIC	0x09041934u
#define CLOCKS_OF_TIMERFD	(1u << 0 | 1u << 1 | 1u << 7)	/* REALTIME, MONOTONIC, BOOTTIME */
#define MFD_ALLOW_SEALING	2u
#define MEMFD_NAME_MAX		249u

const struct fs_type anon_type = { "anon_inodefs", ANON_INODE_MAGIC, true, NULL, NULL };
static struct mount *anon_mount;

static struct mount *anon_mount_have(void)
{
	struct super *s;
	struct inode *root;

	if (anon_mount)
		return anon_mount;
	s = super_new(&anon_type);
	root = s ? inode_new(s, S_IFDIR | 0555, NULL) : NULL;
	if (!root || !dentry_root(s, root))
		return NULL;
	inode_put(root);
	anon_mount = mount_new(s, s->root, 0, "anon_inodefs");
	if (anon_mount)
		anon_mount->parent = anon_mount;
	return anon_mount;
}

/* An open file of a new inode that has no name but the one /proc shows. */
static int anon_file(struct mount *m, const char *name, uint32_t mode, uint32_t flags, const struct cred *c,
	struct file **out)
{
	struct inode *i = inode_new(m->super, mode, c);
	struct path p = { .mount = m };
	int error = -ENOMEM;

	if (!i)
		return -ENOMEM;
	i->nlink = 0;
	p.dentry = dentry_new(m->root, name, (uint32_t)strlen(name), i);
	inode_put(i);
	if (!p.dentry)
		return -ENOMEM;
	p.dentry->flags |= D_DEAD;
	error = file_new(&p, flags, out);
	dentry_put(p.dentry);
	return error;
}

/* --- memfd ------------------------------------------------------------------------------------------ */

static int memfd_open(struct request *r, const char *name, handle_t *cap)
{
	char full[NAME_MAX + 1] = "memfd:";
	struct content_attr seals = { .seals = r->words[1] & MFD_ALLOW_SEALING ? 0 : SEAL_SEAL };
	struct file *f;
	int error;

	strlcpy(full + 6, name, sizeof(full) - 6);
	error = anon_file(mounts, full, S_IFREG | 0777, O_RDWR | O_LARGEFILE, process_cred(r->process), &f);
	if (error < 0)
		return error;
	f->inode->memfd = true;
	error = inode_content(f->inode);
	if (error == 0)
		error = errno_of(tess_content_set(f->inode->content, ATTR_SEALS, &seals));
	if (error == 0)
		error = file_descriptor(f, f->inode->content, OBJ_NONE, 0, cap);
	if (error < 0)
		file_free(f);
	return error;
}

void request_memfd(struct request *r)
{
	uint32_t offset = 0;
	const char *name = request_string(r, &offset);
	handle_t cap;
	int error = name && strlen(name) <= MEMFD_NAME_MAX ? memfd_open(r, name, &cap) : -EINVAL;

	if (error < 0)
		request_reply(r, error);
	else
		request_reply_cap(r, 0, cap);
}

/* fcntl(2), F_ADD_SEALS: the kernel keeps them and refuses what they forbid. */
int file_seals_add(struct request *r, struct file *f, uint64_t add)
{
	struct content_attr attr;

	if (!f->inode->content || !S_ISREG(f->inode->mode))
		return -EINVAL;
	if (!(r->access & DESC_WRITE))
		return -EPERM;
	if (add & ~(uint64_t)(SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE))
		return -EINVAL;
	if (tess_content_attributes(f->inode->content, &attr) < 0)
		return -EIO;
	if (!f->inode->memfd || attr.seals & SEAL_SEAL)
		return -EPERM;
	attr.seals |= (uint32_t)add;
	return errno_of(tess_content_set(f->inode->content, ATTR_SEALS, &attr));
}

int64_t file_seals(struct file *f)
{
	struct content_attr attr;

	if (!f->inode->content || tess_content_attributes(f->inode->content, &attr) < 0)
		return -EINVAL;
	return f->inode->memfd ? attr.seals : SEAL_SEAL;
}

/* --- timerfd ---------------------------------------------------------------------------------------- */

#define PERIOD_LEAST_NS 1000ull		/* of a Timer: shorter intervals are counted several at a time */

struct timerfd {
	handle_t counter, ring;
	uint32_t clock;
	uint64_t at_once;			/* what ring counts each time */
	uint64_t expires_ns, interval_ns;	/* as set, on the monotonic clock; 0: not armed, not periodic */
};

/* A Timer that counts so many at once, in place of the one there is; 0 or -errno. */
static int ring_make(struct timerfd *t, handle_t pool, uint64_t at_once)
{
	int64_t ring = tess_timer_create(pool, t->counter, at_once);

	if (ring < 0)
		return errno_of(ring);
	if (t->at_once)
		tess_handle_close(t->ring);
	t->ring = (handle_t)ring;
	t->at_once = at_once;
	return 0;
}

static int timerfd_set(struct timerfd *t, handle_t pool, uint64_t expires_ns, uint64_t interval_ns)
{
	uint64_t at_once = interval_ns ? (PERIOD_LEAST_NS + interval_ns - 1) / interval_ns : 1;
	int error = at_once == t->at_once ? 0 : ring_make(t, pool, at_once);

	if (error < 0)
		return error;
	tess_timer_arm(t->ring, 0, 0);
	tess_counter_wait(t->counter, 0);	/* what it has counted was of the old time */
	t->interval_ns = interval_ns;
	t->expires_ns = expires_ns;
	return errno_of(tess_timer_arm(t->ring, expires_ns, interval_ns * at_once));
}

static void timerfd_close(struct file *f)
{
	struct timerfd *t = file_private(f);

	tess_handle_close(t->ring);
	tess_handle_close(t->counter);
	mem_free(t);
}

static const struct device_ops timerfd_ops = { .name = "timerfd", .close = timerfd_close };

static int timerfd_open(struct request *r, struct timerfd *t, handle_t *cap)
{
	struct mount *m = anon_mount_have();
	int64_t counter = m ? tess_counter_create(process_pool(r->process), 0, COUNTER_READ_ONLY) : E_NOMEM;
	struct file *f;
	int error;

	if (counter < 0)
		return errno_of(counter);
	t->counter = (handle_t)counter;
	t->clock = (uint32_t)r->words[1];
	error = ring_make(t, process_pool(r->process), 1);
	if (error < 0)
		goto close_counter;
	error = anon_file(m, "[timerfd]", 0600, O_RDWR | ((uint32_t)r->words[2] & O_NONBLOCK),
		process_cred(r->process), &f);
	if (error == 0) {
		f->device = &timerfd_ops;
		file_set_private(f, t, 0);
		error = file_descriptor(f, t->counter, OBJ_NONE, 0, cap);
		if (error == 0)
			return 0;
		f->device = NULL;
		file_free(f);
	}
	tess_handle_close(t->ring);
close_counter:
	tess_handle_close(t->counter);
	return error;
}

void request_timerfd(struct request *r)
{
	struct timerfd *t = NULL;
	handle_t cap;
	int error = -EINVAL;

	if (r->words[1] < 32 && CLOCKS_OF_TIMERFD >> r->words[1] & 1)
		error = (t = mem_alloc(sizeof(*t))) ? timerfd_open(r, t, &cap) : -ENOMEM;
	if (error < 0) {
		mem_free(t);
		request_reply(r, error);
		return;
	}
	request_reply_cap(r, 0, cap);
}

static struct linux_itimerspec timerfd_state(const struct timerfd *t)
{
	uint64_t now = clock_mono_ns(), next = t->expires_ns;

	if (next && next <= now)
		next = t->interval_ns ? next + ((now - next) / t->interval_ns + 1) * t->interval_ns : now;
	return (struct linux_itimerspec){ timespec_of(t->interval_ns), timespec_of(next ? next - now : 0) };
}

/* timerfd_settime(2): [1] 1, payload struct itimerspec, [2] flags; timerfd_gettime(2): [1] 0. */
void timerfd_request(struct request *r, struct file *f)
{
	struct timerfd *t = f->device == &timerfd_ops ? file_private(f) : NULL;
	struct linux_itimerspec old;
	uint64_t value, interval;
	int error = 0;

	if (!t) {
		request_reply(r, -EINVAL);
		return;
	}
	old = timerfd_state(t);
	if (r->words[1] == 1) {
		if (r->words[2] & ~3ull || !itimerspec_read(r, &interval, &value)) {
			request_reply(r, -EINVAL);
			return;
		}
		error = timerfd_set(t, process_pool(r->process),
				    value ? timer_deadline(t->clock, value, r->words[2]) : 0, interval);
	}
	if (error < 0)
		request_reply(r, error);
	else
		request_reply_data(r, 0, &old, sizeof(old));
}
