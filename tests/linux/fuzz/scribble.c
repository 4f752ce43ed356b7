/*
 * scribble.c -- the translator's data overwritten by a second thread while the first makes calls.
 *
 * Owns:    nothing; it ruins its own process.
 * Locks:   none.
 * Fails:   see fuzz.h. On Linux there is nothing to do.
 * Tested:  fuzz/run.py
 */
#include "translator.h"

#include <pthread.h>

#define NCALLS	2000

static const char fuzz_sentence[] = "overwriting the translator's data harms nobody but its process";

static struct range ranges[MAX_RANGES];
static int nranges;

static const char *round_impossible(void)
{
	nranges = translator_ranges('w', ranges);
	return nranges == 0 ? "there is no translator here" : NULL;
}

/* Sometimes gently, so that the process lives long enough to make use of what was broken. */
static void *overwrite(void *unused)
{
	uint64_t pause_turns = 1UL << random_below(16);

	for (;;) {
		struct range *range = &ranges[random_below((uint64_t)nranges)];
		uint64_t *word = (uint64_t *)range->start +
				 random_below((uint64_t)(range->end - range->start) / 8);

		*word = random_below(3) == 0 ? random_next() : *word + random_below(16) - 8;
		for (uint64_t turn = 0; turn < pause_turns; turn++)
			__asm__ volatile("pause");
	}
	return unused;
}

static void calls_make(void)
{
	char text[64];
	int ends[2], fd;

	for (int i = 0; i < NCALLS; i++) {
		getppid();
		if (pipe(ends) == 0) {
			(void)!write(ends[1], text, 8);
			(void)!read(ends[0], text, 8);
			close(ends[0]);
			close(ends[1]);
		}
		fd = open("/proc/self/stat", O_RDONLY);
		(void)!read(fd, text, sizeof(text));
		close(fd);
		munmap(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		       8192);
		kill(getpid(), SIGURG);
		if (i % 50 == 0 && fork() == 0)
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void round_run(uint64_t round)
{
	pthread_t thread;

	(void)round;
	nranges = translator_ranges('w', ranges);
	if (pthread_create(&thread, NULL, overwrite, NULL) != 0)
		_exit(96);
	calls_make();
	_exit(0);
}
