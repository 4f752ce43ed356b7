/*
 * cpio.h -- reading the boot archive: "newc" cpio archives one after the other, any run of NULs behind each.
 *
 * Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst
 */
#ifndef LIB_RT_CPIO_H
#define LIB_RT_CPIO_H

#include <stdbool.h>
#include <stdint.h>

struct cpio {
	const uint8_t *data;
	uint64_t len, at;		/* at: of the next entry, or of what is damaged */
	uint32_t part;			/* archives that have ended; an entry's ino counts within one */
};

/* The fields in the order of the file, as 32-bit numbers; mode as st_mode. */
struct cpio_entry {
	uint32_t ino, mode, uid, gid, nlink, mtime, size;
	uint32_t dev_major, dev_minor, rdev_major, rdev_minor, name_size, check;
	const char *name;		/* in the archive, NUL-terminated */
	uint64_t offset;		/* of the file's data, size bytes that lie in the archive */
};

enum cpio_result { CPIO_ENTRY, CPIO_END, CPIO_DAMAGED };

void cpio_begin(struct cpio *c, const void *data, uint64_t len);
enum cpio_result cpio_next(struct cpio *c, struct cpio_entry *e);
enum cpio_result cpio_find(const void *data, uint64_t len, const char *name, struct cpio_entry *e);

#endif
