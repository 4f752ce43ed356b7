/*
 * load.c -- an ELF program from the boot archive into a fresh address space.
 *
 * What a segment has in the file becomes one vmo, mapped privately: whole pages are shared with the archive and
 * copied when written, the last part is copied at once.  The rest of the segment is anonymous memory.  So a
 * server's code costs no memory of its own, and a copy of its space (vspace_clone) is a true copy.
 *
 * Owns:    the parse results, which are too large for init's stack: one load at a time.
 * Fails:   what the calls answer; E_NOENT without the file, E_INVAL for a file that is no sound program.
 *          What is mapped by then goes with the vspace.
 * Tested:  tests/boot; the parser in elf/test
 */
#include <elf/elf_load.h>
#include <lib/rt/cpio.h>
#include "init.h"

static struct elf_image image;
static struct elf_plan plan;

/* bytes [offset, offset + len) of the file at archive offset `file` into the start of a vmo */
static status_t segment_fill(handle_t vmo, uint64_t file, uint64_t offset, uint64_t len)
{
	uint64_t from = file + offset, whole = len & ~(PAGE_SIZE - 1);
	int64_t got;

	if (from % PAGE_SIZE)
		whole = 0;
	if (whole) {
		status_t status = tess_vmo_move(vmo, 0, SLOT(INIT_ARCHIVE), from, whole);

		if (status < 0)
			return status;
	}
	if (whole == len)
		return 0;
	got = tess_vmo_write(vmo, whole, archive.data + from + whole, len - whole);
	if (got < 0)
		return got;
	return (uint64_t)got == len - whole ? 0 : E_NOMEM;
}

/* How many of the mapping's bytes come from the file: not what is beyond its end, nor what is zero. */
static uint64_t file_bytes(const struct elf_mapping *m, uint64_t file_size)
{
	uint64_t len = m->file_len;

	if (m->file_offset >= file_size)
		return 0;
	if (len > file_size - m->file_offset)
		len = file_size - m->file_offset;
	if (m->zero_len && m->zero_vaddr - m->vaddr < len)
		len = m->zero_vaddr - m->vaddr;
	return len;
}

static uint64_t map_flags(uint32_t prot)
{
	uint64_t flags = MAP_FIXED_EMPTY;

	if (prot & ELF_READ)
		flags |= MAP_READ | MAP_MAX_READ;
	if (prot & ELF_WRITE)
		flags |= MAP_WRITE | MAP_MAX_WRITE;
	if (prot & ELF_EXEC)
		flags |= MAP_EXEC | MAP_MAX_EXEC;
	return flags;
}

static status_t file_part_load(const struct elf_mapping *m, uint64_t file, uint64_t file_size, handle_t pool,
			       handle_t vspace)
{
	int64_t vmo = tess_vmo_create(pool, m->file_len), result;

	if (vmo < 0)
		return vmo;
	result = segment_fill((handle_t)vmo, file, m->file_offset, file_bytes(m, file_size));
	if (result >= 0)
		result = tess_vspace_map(vspace, m->vaddr, m->file_len, map_flags(m->prot), (handle_t)vmo, 0);
	tess_handle_close((handle_t)vmo);	/* the mapping keeps it */
	return result < 0 ? result : 0;
}

static status_t segment_load(const struct elf_mapping *m, uint64_t file, uint64_t file_size, handle_t pool,
			     handle_t vspace)
{
	int64_t result = 0;

	if (m->file_len)
		result = file_part_load(m, file, file_size, pool, vspace);
	if (result >= 0 && m->anon_len)
		result = tess_vspace_map(vspace, m->anon_vaddr, m->anon_len, map_flags(m->anon_prot), H_NONE, 0);
	return result < 0 ? result : 0;
}

status_t program_load(const char *path, handle_t pool, handle_t vspace, uint64_t *entry, const char **step)
{
	struct cpio_entry file;
	uint64_t head_len;
	int error;

	*step = "finding the binary in the boot archive";
	if (cpio_find(archive.data, archive.len, path, &file) != CPIO_ENTRY)
		return E_NOENT;
	head_len = file.size < ELF_HEAD_MAX ? file.size : ELF_HEAD_MAX;
	error = elf_parse(archive.data + file.offset, head_len, file.size, &image);
	if (!error)
		error = elf_check_strict(&image);
	if (!error && (image.is_dyn || image.interp_len))
		error = ELF_E_TYPE;
	if (!error)
		error = elf_plan(&image, 0, 65536, USER_TOP, &plan);
	if (error) {
		*step = elf_error_text(error);
		return E_INVAL;
	}
	*step = "mapping the binary";
	for (uint32_t i = 0; i < plan.nmappings; i++) {
		status_t status = segment_load(&plan.mappings[i], file.offset, file.size, pool, vspace);

		if (status < 0)
			return status;
	}
	*entry = plan.entry;
	return 0;
}
