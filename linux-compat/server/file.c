/*
 * file.c -- open file descriptions that linuxd serves, and the file protocol.
 *
 * Owns:    the table of open files.  A Descriptor's cookie is (generation, index + 1): a stale or made-up
 *          one finds nothing.  The kernel holds data and offset of regular files; here are offsets and
 *          texts of directories and pseudo files only.
 * Fails:   -ENFILE, -ENOMEM.
 * Tested:  test/vfs_test.c, test/vfs_fuzz.c
 */
#include "vfs.h"

#define FILES_MAX	(1u << 20)
#define READ_MAX	IPC_BULK_MAX

static struct file **files;
static uint32_t files_len, files_cap;
static struct file *free_files;
static uint8_t scratch[IPC_BULK_MAX];

struct dirent_out {
	uint8_t *buf;
	uint32_t len, room;
	uint64_t pos;		/* of the last entry given out */
	bool full;		/* an entry did not fit */
};

static int table_grow(void)
{
	uint32_t cap = files_cap ? files_cap * 2 : 256;
	struct file **bigger;

	if (cap > FILES_MAX)
		return -ENFILE;
	bigger = mem_alloc(cap * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	if (files)
		memcpy(bigger, files, files_len * sizeof(*bigger));
	mem_free(files);
	files = bigger;
	files_cap = cap;
	return 0;
}

static int file_slot(struct file **out)
{
	struct file *f = free_files;

	if (f) {
		free_files = f->next_free;
		*out = f;
		return 0;
	}
	if (files_len == files_cap) {
		int error = table_grow();

		if (error < 0)
			return error;
	}
	f = mem_alloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->index = files_len;
	f->generation = 1;
	files[files_len++] = f;
	*out = f;
	return 0;
}

/* An open file at p, of which it takes references.  It has no Descriptor yet. */
int file_new(const struct path *p, uint32_t flags, struct file **out)
{
	struct file *f;
	int error = file_slot(&f);

	if (error < 0)
		return error;
	f->path = *p;
	path_get(&f->path);
	f->inode = p->dentry->inode;
	f->inode->open_files++;
	f->flags = flags;
	f->offset = 0;
	f->private = NULL;
	f->ready = 0;
	f->device = NULL;
	f->text = NULL;
	f->locked = f->posix = false;
	*out = f;
	return 0;
}

void file_free(struct file *f)
{
	if (f->text) {
		text_free(f->text);
		mem_free(f->text);
		f->text = NULL;
	}
	f->inode->open_files--;
	f->inode = NULL;
	path_put(&f->path);
	f->generation++;
	f->next_free = free_files;
	free_files = f;
}

uint64_t file_cookie(const struct file *f)
{
	return (uint64_t)f->generation << 32 | (f->index + 1);
}

struct file *file_by_cookie(uint64_t cookie)
{
	uint64_t index = (cookie & 0xffffffff) - 1;
	struct file *f;

	if (index >= files_len)
		return NULL;
	f = files[index];
	return f->inode && f->generation == cookie >> 32 ? f : NULL;
}

struct file *file_next(uint32_t *index)
{
	while (*index < files_len) {
		struct file *f = files[(*index)++];

		if (f->inode)
			return f;
	}
	return NULL;
}

/* NOTICE_CLOSE: the last holder of the Descriptor is gone. */
void file_closed(uint64_t cookie)
{
	struct file *f = file_by_cookie(cookie);

	if (!f)
		return;
	if (f->locked || f->posix)
		lock_file_closed(f);
	if (f->device && f->device->close)
		f->device->close(f);
	if (S_ISFIFO(f->inode->mode) && !(f->flags & O_PATH))
		fifo_close(f);
	file_free(f);
}

static uint32_t access_bits(const struct file *f)
{
	static const uint8_t bits[] = { DESC_READ, DESC_WRITE, DESC_READ | DESC_WRITE, 0 };
	uint32_t access = bits[f->flags & O_ACCMODE];

	if (f->flags & O_PATH)
		return 0;
	if ((access & DESC_READ) && S_ISREG(f->inode->mode) && !(f->path.mount->flags & MS_NOEXEC))
		access |= DESC_EXEC;
	return access;
}

/* The Descriptor of f in our own table; status flags that only user space reads travel as O_ >> 12. */
int file_descriptor(struct file *f, handle_t object, uint32_t kind, uint32_t extra, handle_t *out)
{
	struct descriptor_args args;
	int64_t handle;

	args.object = object ? object : H_NONE;
	args.kind = kind;
	args.endpoint = server_endpoint;
	_Static_assert(O_APPEND >> 7 == DESC_APPEND && O_NONBLOCK >> 7 == DESC_NONBLOCK, "one shift moves both");
	args.flags = access_bits(f) | DESC_NOTIFY_CLOSE | extra | (f->flags >> 7 & (DESC_APPEND | DESC_NONBLOCK)) |
		((f->flags >> 12) & 0xffff) << DESC_USER_SHIFT;
	args.cookie = file_cookie(f);
	args.ready = f->ready ? f->ready : H_NONE;
	args.slot_flags = 0;
	args.user_flags = 0;
	handle = tess_descriptor_create(&args);
	if (handle < 0)
		return errno_of(handle);
	*out = (handle_t)handle;
	return 0;
}

void *file_private(struct file *f)
{
	return f->private;
}

void file_set_private(struct file *f, void *private, handle_t ready_counter)
{
	f->private = private;
	f->ready = ready_counter;
}

uint32_t file_rdev(const struct file *f)
{
	return f->inode->rdev;
}

uint32_t file_flags(const struct file *f)
{
	return f->flags;
}

/* What /proc/PID/fd/N says: names are absolute from the system's root. */
int file_path_text(struct file *f, char *buf, uint32_t len)
{
	return vfs_path_text(&f->path, NULL, buf, len);
}

/* --- pseudo files ------------------------------------------------------------------------------- */

/* The text from its beginning, or the piece that follows the one that is there. */
static int text_make(struct request *r, struct file *f, bool first)
{
	struct text *t = f->text;
	int error;

	if (!t && !(t = f->text = mem_alloc(sizeof(*t))))
		return -ENOMEM;
	if (first)
		text_free(t);
	t->start += t->len;
	t->len = 0;
	t->more = false;
	error = f->inode->ops->text(f->inode, r->process, t);
	if (error == 0 && t->failed)
		error = -ENOMEM;
	if (error < 0)
		text_free(t);
	return error;
}

static uint32_t reply_room(const struct request *r)
{
	uint64_t room = r->bulk_room ? r->bulk_room : IPC_INLINE;

	return room < READ_MAX ? (uint32_t)room : READ_MAX;
}

static void file_read_at(struct request *r, struct file *f, uint64_t offset, uint32_t room)
{
	int64_t got = f->inode->ops->read_at(f->inode, r->process, offset, scratch, room);

	if (got < 0) {
		request_reply(r, got);
		return;
	}
	if (r->words[1] == OFFSET_OWN)
		f->offset += (uint64_t)got;
	request_reply_data(r, got, scratch, (uint32_t)got);
}

/*
 * The text is made when reading starts, so that one reader sees one state; of a long one a request makes one
 * piece, and the caller asks again until it has come to the offset.
 */
static void file_read_text(struct request *r, struct file *f, uint64_t offset, uint32_t room)
{
	struct text *t = f->text;
	bool first = !t || !t->data || offset == 0 || offset < t->start;
	int error = 0;
	uint64_t n;

	if (first || (t->more && offset >= t->start + t->len))
		error = text_make(r, f, first);
	if (error < 0) {
		request_reply(r, error);
		return;
	}
	t = f->text;
	if (offset >= t->start + t->len) {
		if (t->more)
			request_reply(r, -LINUX_ASK_AGAIN);
		else
			request_reply_data(r, 0, scratch, 0);
		return;
	}
	n = t->start + t->len - offset;
	if (n > room)
		n = room;
	if (r->words[1] == OFFSET_OWN)
		f->offset = offset + n;
	request_reply_data(r, (int64_t)n, t->data + (offset - t->start), (uint32_t)n);
}

static void pseudo_read(struct request *r, struct file *f)
{
	uint64_t offset = r->words[1] == OFFSET_OWN ? f->offset : r->words[1];

	if (f->inode->ops->read_at)
		file_read_at(r, f, offset, reply_room(r));
	else if (f->inode->ops->text)
		file_read_text(r, f, offset, reply_room(r));
	else
		request_reply(r, -EINVAL);
}

static void pseudo_write(struct request *r, struct file *f)
{
	int n;

	if (!f->inode->ops->write) {
		request_reply(r, -EINVAL);
		return;
	}
	n = f->inode->ops->write(f->inode, r->process, (const char *)r->payload, r->payload_len);
	if (n > 0 && r->words[1] == OFFSET_OWN)
		f->offset += (uint64_t)n;
	request_reply(r, n);
}

static void file_read(struct request *r, struct file *f)
{
	if (!(r->access & DESC_READ))
		request_reply(r, -EBADF);
	else if (S_ISDIR(f->inode->mode))
		request_reply(r, -EISDIR);
	else if (f->device && f->device->read)
		f->device->read(r, f);
	else if (f->inode->ops)
		pseudo_read(r, f);
	else
		request_reply(r, -EINVAL);
}

static void file_write(struct request *r, struct file *f)
{
	if (!(r->access & DESC_WRITE))
		request_reply(r, -EBADF);
	else if (f->device && f->device->write)
		f->device->write(r, f);
	else if (f->inode->ops)
		pseudo_write(r, f);
	else
		request_reply(r, -EINVAL);
}

/* --- directories ----------------------------------------------------------------------------------- */

/* Adds one record; pos is the entry's own place, from which a later read goes on.  False: it is full. */
bool dirent_emit(struct dirent_out *out, uint64_t ino, uint8_t type, const char *name, uint32_t len,
	uint64_t pos)
{
	uint32_t reclen = (DIRENT_NAME + len + 1 + 7) & ~7u;
	struct linux_dirent64 *e = (struct linux_dirent64 *)(out->buf + out->len);

	if (out->full || out->room - out->len < reclen) {
		out->full = true;
		return false;
	}
	e->ino = ino;
	e->off = (uint64_t)pos;
	e->reclen = (uint16_t)reclen;
	e->type = type;
	memcpy(e->name, name, len);
	memset(e->name + len, 0, reclen - DIRENT_NAME - len);
	out->len += reclen;
	out->pos = pos;
	return true;
}

/* The names of a directory that come after pos, oldest first: adding and removing others moves none. */
void readdir_children(struct dentry *dir, uint64_t pos, struct dirent_out *out)
{
	struct dentry *d = dir->child_first;

	while (d && d->position <= pos)
		d = d->younger;
	for (; d; d = d->younger)
		if (!dirent_emit(out, d->inode->ino, mode_dirent_type(d->inode->mode), d->name, d->len,
			d->position))
			return;
}

static uint64_t parent_ino(const struct file *f)
{
	struct path at = f->path;

	while (at.dentry == at.mount->root && at.mount->parent && at.mount->parent != at.mount) {
		at.dentry = at.mount->place;
		at.mount = at.mount->parent;
	}
	return at.dentry->parent->inode->ino;
}

static void file_getdents(struct request *r, struct file *f)
{
	struct dirent_out out = { .buf = scratch, .room = reply_room(r), .pos = f->offset };
	struct inode *i = f->inode;

	if (!S_ISDIR(i->mode)) {
		request_reply(r, -ENOTDIR);
		return;
	}
	if ((f->path.dentry->flags & D_DEAD) || (i->ops && i->ops->valid && !i->ops->valid(i))) {
		request_reply(r, -ENOENT);
		return;
	}
	if (out.pos < 1)
		dirent_emit(&out, i->ino, DT_DIR, ".", 1, 1);
	if (out.pos < 2)
		dirent_emit(&out, parent_ino(f), DT_DIR, "..", 2, 2);
	if (!out.full && i->ops && i->ops->readdir)
		i->ops->readdir(f->path.dentry, out.pos, &out);
	else if (!out.full)
		readdir_children(f->path.dentry, out.pos, &out);
	if (out.len == 0 && out.full) {
		request_reply(r, -EINVAL);
		return;
	}
	f->offset = out.pos;
	request_reply_data(r, out.len, scratch, out.len);
}

/* --- the rest of the file protocol -------------------------------------------------------------------- */

static void file_seek(struct request *r, struct file *f)
{
	int64_t offset = (int64_t)r->words[1];

	if (f->device || S_ISFIFO(f->inode->mode)) {
		request_reply(r, -ESPIPE);
		return;
	}
	if (r->words[2] == SEEK_CUR && __builtin_add_overflow(offset, (int64_t)f->offset, &offset))
		offset = -1;
	if (r->words[2] > SEEK_CUR || offset < 0) {
		request_reply(r, -EINVAL);
		return;
	}
	f->offset = (uint64_t)offset;
	request_reply(r, offset);
}

static void file_fstat(struct request *r, struct file *f)
{
	struct lx_stat st;

	inode_stat(f->inode, f->path.mount, &st);
	request_reply_data(r, 0, &st, sizeof(st));
}

static void file_fcntl(struct request *r, struct file *f)
{
	const uint32_t changeable = O_NOATIME | O_DIRECT;

	switch (r->words[1]) {
	case F_GETLK: case F_SETLK: case F_SETLKW:
	case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		lock_fcntl(r);
		return;
	case F_GETFL:
		request_reply(r, f->flags & ~(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC));
		return;
	case F_SETFL:
		if (r->words[2] & O_ASYNC) {
			request_reply(r, -EINVAL);
			return;
		}
		if ((r->words[2] & O_NOATIME) && !inode_owner_or_root(f->inode, process_cred(r->process))) {
			request_reply(r, -EPERM);
			return;
		}
		f->flags = (f->flags & ~changeable) | ((uint32_t)r->words[2] & changeable);
		request_reply(r, 0);
		return;
	case F_GET_SEALS:
		request_reply(r, file_seals(f));
		return;
	case F_ADD_SEALS:
		request_reply(r, file_seals_add(r, f, r->words[2]));
		return;
	default:
		request_reply(r, -EINVAL);
	}
}

static void file_ioctl(struct request *r, struct file *f)
{
	if (f->device && f->device->ioctl)
		f->device->ioctl(r, f);
	else
		request_reply(r, -ENOTTY);
}

/* What a Descriptor does itself, by a native call, it has done; here are the refusals. */
static void file_fallocate(struct request *r, struct file *f)
{
	int64_t end;

	if (!(r->access & DESC_WRITE))
		request_reply(r, -EBADF);
	else if ((int64_t)r->words[2] < 0 || (int64_t)r->words[3] <= 0)
		request_reply(r, -EINVAL);
	else if (S_ISFIFO(f->inode->mode))
		request_reply(r, -ESPIPE);
	else if (!f->inode->content)
		request_reply(r, S_ISDIR(f->inode->mode) ? -EISDIR : -ENODEV);
	else if (r->words[1] != 0)
		request_reply(r, -EOPNOTSUPP);
	else if (__builtin_add_overflow((int64_t)r->words[2], (int64_t)r->words[3], &end))
		request_reply(r, -EFBIG);
	else
		request_reply(r, -ENOSPC);	/* larger than any Content */
}

static void file_fd_path(struct request *r, struct file *f)
{
	int n = file_path_text(f, (char *)scratch, sizeof(scratch));

	if (n < 0)
		request_reply(r, n);
	else
		request_reply_data(r, n, scratch, (uint32_t)n);
}

/* Everything that came through a Descriptor of ours.  An O_PATH one knows fstat and its path only. */
void file_request(struct request *r)
{
	struct file *f = r->file;

	if (!f) {
		request_reply(r, -EBADF);
		return;
	}
	if ((f->flags & O_PATH) && r->words[0] != LX_FSTAT && r->words[0] != LX_FD_PATH &&
	    !(r->words[0] == LX_FCNTL && r->words[1] == F_GETFL)) {
		request_reply(r, -EBADF);
		return;
	}
	switch (r->words[0]) {
	case LX_READ: file_read(r, f); return;
	case LX_WRITE: file_write(r, f); return;
	case LX_GETDENTS: file_getdents(r, f); return;
	case LX_SEEK: file_seek(r, f); return;
	case LX_FSTAT: file_fstat(r, f); return;
	case LX_IOCTL: file_ioctl(r, f); return;
	case LX_FCNTL: file_fcntl(r, f); return;
	case LX_FLOCK: lock_flock(r); return;
	case LX_FSYNC: request_reply(r, S_ISFIFO(f->inode->mode) || S_ISCHR(f->inode->mode) ? -EINVAL : 0); return;
	case LX_FALLOCATE: file_fallocate(r, f); return;
	case LX_FD_PATH: file_fd_path(r, f); return;
	case LX_TIMERFD_TIME: timerfd_request(r, f); return;
	case LX_UNLOCK: lock_release(r); return;
	default: request_reply(r, -ENOSYS);
	}
}
