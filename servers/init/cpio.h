/*
 * cpio.h -- reading the boot archive.
 */
#ifndef INIT_CPIO_H
#define INIT_CPIO_H

#include <stdbool.h>
#include <stdint.h>

struct cpio {
	const uint8_t *data;
	uint64_t len, at;
};

struct cpio_entry {
	const char *name;		/* in the archive, NUL-terminated */
	uint32_t mode;			/* as st_mode */
	uint64_t offset, size;		/* of the file's data in the archive */
};

enum cpio_result { CPIO_ENTRY, CPIO_END, CPIO_DAMAGED };

void cpio_begin(struct cpio *c, const void *data, uint64_t len);
enum cpio_result cpio_next(struct cpio *c, struct cpio_entry *e);
enum cpio_result cpio_find(const void *data, uint64_t len, const char *name, struct cpio_entry *e);

#endif
