/*
 * translator.h -- where the translator is mapped in this process, from /proc/self/maps.
 *
 * Owns:    nothing.
 * Fails:   no range is found on Linux, where there is no translator.
 */
#ifndef TESSERA_FUZZ_TRANSLATOR_H
#define TESSERA_FUZZ_TRANSLATOR_H

#include "fuzz.h"

#define MAX_RANGES	16

struct range {
	uint8_t *start, *end;
};

/* The ranges called [translator] that have this right: 'x' or 'w'. */
static inline int translator_ranges(char right, struct range *ranges)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	unsigned long start, end;
	int count = 0;

	if (maps == NULL)
		return 0;
	while (fgets(line, sizeof(line), maps) != NULL && count < MAX_RANGES)
		if (strstr(line, "[translator]") != NULL &&
		    sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 &&
		    strchr(rights, right) != NULL)
			ranges[count++] = (struct range){ (uint8_t *)start, (uint8_t *)end };
	fclose(maps);
	return count;
}

#endif
