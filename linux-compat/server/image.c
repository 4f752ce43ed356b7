/*
 * image.c -- images: the native tasks that programs run in, each started in the translator.
 *
 * What every image gets: the translator's code, shared and never written; a home of its own at a random
 * place (block and state of the translator); the capabilities LINUX_SLOT_*; a thread that enters the translator.
 *
 * Owns:    the table of images; the vmos of the translator, the vdso and the clock page.
 * Fails:   NULL when the table is full; the status of the native call that refused.  A translator that
 *          cannot be loaded is the end of the machine.
 * Tested:  linux-compat/server/test/process_test.c, tests/linux/exec.c
 */
#include <elf/elf_load.h>
#include <lib/rt/cpio.h>
#include "process.h"
#include "../translator/image.h"

#define IMAGES_MAX	16384u
#define HOME_BYTES	(2 * TRANSLATOR_STATE_SIZE)	/* block, then state: one page-table page */
#define STACK_GAP_MIN	(128ull << 20)
#define STACK_GAP_MAX	(64ull << 40)
#define GIVE_DESCRIPTOR	2u	/* task_give: into the table of descriptors */

static struct image *images[IMAGES_MAX];
static uint32_t image_generations[IMAGES_MAX];
static uint32_t image_cursor;
static handle_t translator_vmo, vdso_vmo = H_NONE, clock_vmo;
static uint64_t translator_len;
static struct translator_header header;

/* --- the table ---------------------------------------------------------------------------------------- */

struct image *image_by_badge(uint64_t badge)
{
	uint32_t index = (uint32_t)badge;
	struct image *i = index < IMAGES_MAX ? images[index] : NULL;

	return i && i->badge == badge ? i : NULL;
}

struct image *image_alloc(struct process *p, enum image_role role)
{
	for (uint32_t n = 0; n < IMAGES_MAX; n++) {
		uint32_t index = (image_cursor + n) % IMAGES_MAX;
		struct image *i;

		if (images[index])
			continue;
		i = mem_alloc(sizeof(*i));
		if (!i)
			return NULL;
		image_cursor = index + 1;
		i->badge = (uint64_t)++image_generations[index] << 32 | index;
		i->process = p;
		i->role = role;
		i->task = i->pool = H_NONE;
		images[index] = i;
		return i;
	}
	return NULL;
}

void image_free(struct image *i)
{
	if (i->task != H_NONE)
		tess_handle_close(i->task);
	if (i->pool != H_NONE)
		tess_handle_close(i->pool);
	images[(uint32_t)i->badge] = NULL;
	mem_free(i);
}

/* --- what every program gets ----------------------------------------------------------------------------- */

static handle_t vmo_need(uint64_t len, const char *what)
{
	int64_t vmo = tess_vmo_create(server_pool, (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));

	if (vmo < 0)
		rt_panic("no memory for %s: %s", what, rt_status_name(vmo));
	return (handle_t)vmo;
}

/* One vmo that every program maps: nothing in it can be written. */
static void translator_load(const struct archive *a)
{
	static struct elf_image elf;	/* too large for the stack */
	struct cpio_entry file;
	int error;

	if (cpio_find(a->data, a->len, "boot/translator", &file) != CPIO_ENTRY)
		rt_panic("no boot/translator in the boot archive");
	error = elf_parse(a->data + file.offset, file.size, file.size, &elf);
	if (!error)
		error = elf_check_strict(&elf);
	if (error)
		rt_panic("boot/translator: %s", elf_error_text(error));
	if (elf.low != TRANSLATOR_BASE || elf.high > LINUX_TOP_LO)
		rt_panic("boot/translator is linked at the wrong place");
	translator_len = elf.high - TRANSLATOR_BASE;
	translator_vmo = vmo_need(translator_len, "the translator");
	for (uint32_t n = 0; n < elf.nloads; n++) {
		const struct elf_load *part = &elf.loads[n];

		if (part->prot & ELF_WRITE)
			rt_panic("boot/translator has a segment that cannot be shared");
		if (!archive_copy(a, file.offset + part->offset, part->filesz, translator_vmo,
			part->vaddr - TRANSLATOR_BASE))
			rt_panic("no memory for the translator");
	}
	if (tess_vmo_read(translator_vmo, 0, &header, sizeof(header)) != sizeof(header) ||
		header.magic != TRANSLATOR_MAGIC)
		rt_panic("boot/translator has no header");
}

static void vdso_load(const struct archive *a)
{
	struct cpio_entry file;

	if (cpio_find(a->data, a->len, "boot/vdso.so", &file) != CPIO_ENTRY)
		return;			/* programs run without one */
	vdso_vmo = vmo_need(file.size, "the vdso");
	if (!archive_copy(a, file.offset, file.size, vdso_vmo, 0))
		rt_panic("no memory for the vdso");
}

void image_init(const struct archive *a)
{
	int64_t clock = tess_clock_page(server_pool);

	if (clock < 0)
		rt_panic("no clock page: %s", rt_status_name(clock));
	clock_vmo = (handle_t)clock;
	translator_load(a);
	vdso_load(a);
}

void image_thread_args(struct thread_args *a, const struct image *i)
{
	const struct process *p = i->process;

	memset(a, 0, sizeof(*a));
	a->window_lo = header.window_lo;
	a->window_hi = header.window_hi;
	a->entry_call = header.entry_call;
	a->entry_exception = header.entry_exception;
	a->entry_interrupt = header.entry_interrupt;
	a->exit_lo = header.exit_lo;
	a->exit_hi = header.exit_hi;
	a->table = H_SELF;
	a->like_task = H_SELF;
	a->user[TU_PID] = a->user[TU_TID] = p->pid;
	a->user[TU_PPID] = p->parent ? p->parent->pid : 0;
	a->user[TU_DATA] = i->data;
	a->user[TU_STACK_TOP] = i->stack_top;
	a->user[TU_MMAP_HI] = i->mmap_hi;
	a->user[TU_RANDOM] = i->random;
	a->user[TU_RLIMIT_STACK] = p->rlimits[RLIMIT_STACK][0];
}

/* --- a new program's task ------------------------------------------------------------------------------- */

/* proc(5), execve(2): stack top, mappings and the translator's home at random places */
static void image_place(struct image *i, const uint64_t random[4], uint64_t stack_limit)
{
	uint64_t gap = stack_limit;

	if (gap < STACK_GAP_MIN)
		gap = STACK_GAP_MIN;
	if (gap > STACK_GAP_MAX)
		gap = STACK_GAP_MAX;
	i->stack_top = LINUX_STACK_TOP_MAX - ((random[0] & 0x3fffff) << 12);
	i->mmap_hi = i->stack_top - gap - (32ull << 20) - ((random[1] & 0xffffff) << 12);
	i->mmap_hi &= ~(PAGE_SIZE - 1);
	i->block = LINUX_ZONE_LO + random[2] % ((LINUX_ZONE_HI - LINUX_ZONE_LO) / HOME_BYTES) * HOME_BYTES;
	i->data = i->block + TRANSLATOR_STATE_SIZE;
	i->random = random[3];
}

static status_t home_map(handle_t space, const struct image *i)
{
	uint64_t rw = MAP_READ | MAP_WRITE | MAP_FIXED_ABI;
	int64_t s;

	s = tess_vspace_map(space, TRANSLATOR_BASE, translator_len,
		MAP_READ | MAP_EXEC | MAP_SHARED_ABI | MAP_FIXED_ABI | MAP_MAX_READ | MAP_MAX_EXEC, translator_vmo, 0);
	if (s >= 0)
		s = tess_vspace_map(space, i->block + BLOCK_DATA, PAGE_SIZE, rw, H_NONE, 0);
	if (s >= 0)
		s = tess_vspace_map(space, i->block + BLOCK_STACK, BLOCK_SIZE - BLOCK_STACK, rw, H_NONE, 0);
	if (s >= 0)
		s = tess_vspace_map(space, i->data, TRANSLATOR_STATE_SIZE, rw, H_NONE, 0);
	return s < 0 ? s : 0;
}

/* The capabilities in their order: LINUX_SLOT_*. */
static status_t image_give(struct image *i, handle_t file, handle_t args)
{
	const struct { handle_t handle; uint32_t rights; } give[] = {
		{ server_endpoint, RIGHT_CALL },
		{ file, RIGHTS_ALL },
		{ args, RIGHT_READ | RIGHT_MAP | RIGHT_QUERY },
		{ clock_vmo, RIGHT_READ | RIGHT_MAP | RIGHT_QUERY },
		{ vdso_vmo, RIGHT_READ | RIGHT_MAP | RIGHT_EXEC | RIGHT_QUERY },
	};

	for (unsigned n = 0; n < sizeof(give) / sizeof(give[0]); n++) {
		int64_t slot;

		if (give[n].handle == H_NONE)
			continue;	/* only the last one can be missing */
		slot = tess_task_give(i->task, give[n].handle, give[n].rights, 0);
		if (slot < 0)
			return slot;
	}
	return 0;
}

static status_t image_thread_start(struct image *i)
{
	struct thread_args args;
	int64_t number;

	image_thread_args(&args, i);
	args.rip = header.start;
	args.rsp = i->block + BLOCK_SIZE;
	args.arg = i->block;
	args.flags = THREAD_START;
	args.block = i->block;
	args.priority = process_priority(i->process);
	args.weight = process_weight(i->process);
	args.user[TU_START] = TU_START_EXEC;
	number = tess_thread_create(i->task, &args);
	if (number < 0)
		return number;
	i->first_thread = (uint32_t)number;
	return 0;
}

/* Standard streams of pid 1: /dev/console three times; without one it runs, as in Linux. */
static void first_streams(struct image *i)
{
	static const char path[] = "/dev/console";
	struct request r = { .words = { LX_OPEN, O_RDWR | O_NOCTTY }, .process = i->process,
		.thread = i->process->main, .image = i, .payload = (const uint8_t *)path, .payload_len = sizeof(path) };
	handle_t console = H_NONE;
	int64_t error = request_inside(&r, &console);

	for (int fd = 0; fd < 3 && error >= 0; fd++)
		error = tess_task_give(i->task, console, RIGHTS_ALL, GIVE_DESCRIPTOR);
	if (console != H_NONE)
		tess_handle_close(console);
	if (error < 0)
		server_log("pid 1 has no /dev/console: %ld", (long)error);
}

status_t image_start(struct image *i, handle_t table, handle_t file, handle_t args)
{
	uint64_t random[4];
	int64_t space, task;
	status_t s;

	tess_random_fill(random, sizeof(random));
	image_place(i, random, i->process->rlimits[RLIMIT_STACK][0]);
	space = tess_vspace_create(i->pool, LINUX_MMAP_LO, i->mmap_hi);
	s = space < 0 ? space : home_map((handle_t)space, i);
	if (s >= 0) {
		task = tess_task_create(i->pool, (handle_t)space, table, server_endpoint, i->badge);
		s = task < 0 ? task : 0;
		if (s >= 0)
			i->task = (handle_t)task;
	}
	if (space >= 0)
		tess_handle_close((handle_t)space);
	tess_handle_close(table);
	if (s >= 0)
		s = image_give(i, file, args);
	if (s >= 0)
		process_apply_ceilings(i->process, i->task, !i->process->image);
	if (s >= 0 && !i->process->image)
		first_streams(i);
	if (s >= 0)
		s = image_thread_start(i);
	if (s < 0 && i->task != H_NONE)
		tess_task_kill(i->task, 0);
	return s;
}
