/*
 * main.c -- the kernel from its first portable instruction to the first task.
 *
 * Order: memory, scheduler, machine, clock, other CPUs, init.  Everything that init starts with is
 * listed here; there is no other source of authority.
 * Tested:  every boot test; docs/tour/boot.md walks through it.
 */
#include <elf/elf_load.h>
#include "arch.h"
#include "boot.h"
#include "delay.h"
#include "handle.h"
#include "mm.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"

#define INIT_BLOCK 0x7fffe0000000ull
#define INIT_BADGE 1

void clock_init(void);
void random_init(void);
void futex_init(void);

static _Noreturn void boot_fail(const char *what)
{
	log_serial = true;
	kprintf("Tessera: %s\n", what);
	arch_power_off(POWER_OFF_ABI, 1);
}

/* --- the boot archive: newc cpio, see cpio(5) -------------------------------------------------------- */

static uint64_t hex8(const char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++) {
		char c = p[i];

		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

/* Where a member's data lies in the archive.  False: not there or the archive is damaged. */
static bool archive_find(const char *name, uint64_t *offset, uint64_t *len)
{
	const char *base = phys_to_virt(boot_info.archive_phys);
	uint64_t size = boot_info.archive_len;

	for (uint64_t at = 0; at + 110 < size; ) {
		const char *h = base + at;
		uint64_t namesize, filesize, data;

		if (memcmp(h, "070701", 6) != 0)
			return false;
		filesize = hex8(h + 54);
		namesize = hex8(h + 94);
		data = ALIGN_UP(at + 110 + namesize, 4ull);
		if (namesize > 8192 || data > size || filesize > size - data)
			return false;
		if (strncmp(h + 110, name, namesize) == 0 && h[110 + namesize - 1] == 0) {
			*offset = data;
			*len = filesize;
			return true;
		}
		at = ALIGN_UP(data + filesize, 4ull);
	}
	return false;
}

static struct vmo *archive_vmo(void)
{
	uint64_t pages = ALIGN_UP(boot_info.archive_len, PAGE_SIZE) / PAGE_SIZE;
	struct vmo *v;

	if (boot_info.archive_phys % PAGE_SIZE)
		boot_fail("the boot loader has not put the boot archive on a page boundary");
	if (vmo_new_frames(root_pool, boot_info.archive_phys, pages, &v))
		boot_fail("no memory for the boot archive");
	return v;
}

static struct vmo *text_vmo(const char *text)
{
	struct vmo *v;

	KASSERT(vmo_new(root_pool, PAGE_SIZE, &v) == 0);
	KASSERT(vmo_copy_in(v, 0, text, MIN(strlen(text) + 1, PAGE_SIZE)) >= 0);
	return v;
}

/* --- init ------------------------------------------------------------------------------------------------ */

/* A vmo of one segment: whole pages, the file's bytes, zeros after them. */
static struct vmo *segment_vmo(const char *file, const struct elf_load *l)
{
	uint64_t head = l->vaddr % PAGE_SIZE;
	struct vmo *v;

	if (vmo_new(root_pool, ALIGN_UP(head + l->memsz, PAGE_SIZE), &v) ||
	    vmo_copy_in(v, head, file + l->offset, l->filesz) < 0)
		boot_fail("no memory for init");
	return v;
}

/* init's segments into vs; the entry point. */
static uint64_t init_load(struct vspace *vs)
{
	static struct elf_image image;
	uint64_t offset = 0, len = 0;
	const char *file;

	if (!archive_find("boot/init", &offset, &len))
		boot_fail("the boot archive is damaged: it has no boot/init");
	file = (const char *)phys_to_virt(boot_info.archive_phys) + offset;
	if (elf_parse(file, MIN(len, 4096ull), len, &image) || elf_check_strict(&image))
		boot_fail("the boot archive is damaged: boot/init is not a program for this machine");
	for (uint32_t i = 0; i < image.nloads; i++) {
		const struct elf_load *l = &image.loads[i];
		struct vmo *v = segment_vmo(file, l);

		if (vspace_map_vmo(vs, ALIGN_DOWN(l->vaddr, PAGE_SIZE), v->size,
				   (l->prot & ELF_READ ? MAP_READ : 0) | (l->prot & ELF_WRITE ? MAP_WRITE : 0) |
				   (l->prot & ELF_EXEC ? MAP_EXEC : 0) | MAP_SHARED_ABI | MAP_FIXED_ABI, v, 0))
			boot_fail("boot/init cannot be mapped");
		object_put(&v->object);
	}
	return image.entry;
}

static void give(struct task *k, struct object *o)
{
	struct slot slot = { .object = o, .rights = RIGHTS_ALL };

	KASSERT(table_install(k->handles, &slot, 0) >= 0);
}

static void init_start(void)
{
	struct thread_args args = { .flags = THREAD_NATIVE | THREAD_NO_FPU, .block = INIT_BLOCK,
				    .rsp = INIT_BLOCK + BLOCK_SIZE - 64 - 8, .priority = 200 };
	struct object *platform = object_alloc(root_pool, OBJ_PLATFORM, sizeof(*platform), RANK_OBJECT);
	struct table *descriptors;
	struct vspace *vs;
	struct thread *t;
	struct task *k;

	KASSERT(platform && vspace_new(root_pool, 0x10000000, 0x7f0000000000, &vs) == 0);
	KASSERT(table_new(root_pool, 1024, &descriptors) == 0);
	args.rip = init_load(vs);
	KASSERT(vspace_map_anon(vs, INIT_BLOCK + BLOCK_DATA, PAGE_SIZE, MAP_READ | MAP_WRITE | MAP_FIXED_ABI) == 0);
	KASSERT(vspace_map_anon(vs, INIT_BLOCK + BLOCK_STACK, BLOCK_SIZE - BLOCK_STACK,
				MAP_READ | MAP_WRITE | MAP_FIXED_ABI) == 0);
	KASSERT(task_new(root_pool, vs, descriptors, NULL, INIT_BADGE, &k) == 0);
	k->thread_ceiling = 64;
	object_get(&root_pool->object);
	give(k, &root_pool->object);			/* INIT_POOL */
	give(k, platform);				/* INIT_PLATFORM */
	give(k, &archive_vmo()->object);		/* INIT_ARCHIVE */
	give(k, &text_vmo(boot_info.command_line)->object);	/* INIT_COMMAND_LINE */
	object_get(&k->object);
	give(k, &k->object);				/* INIT_SELF_TASK */
	give(k, &vs->object);				/* INIT_SELF_VSPACE */
	KASSERT(thread_make(k, &args, descriptors, NULL, &t) == 0);
	object_put(&descriptors->object);
	thread_start(t);
	object_put(&t->object);
}

_Noreturn void kernel_main(void)
{
	char id[44];
	unsigned len;

	delay_init();
	mm_init();
	sched_init();
	trace_on = boot_option("trace", &len) != NULL;
	arch_init_bsp();
	random_init();
	futex_init();
	clock_init();
	arch_start_aps();
	build_id_text(id, sizeof(id));
	kprintf("Tessera, build %s: %u CPUs, %lu MiB, TSC %lu MHz\n", id, cpu_count,
		frames_total_count() >> 8, tsc_hz / 1000000);
	init_start();
	if (!boot_option("log", &len))
		log_serial = false;
	scheduler_idle();
}
