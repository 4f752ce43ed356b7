/*
 * calls.c -- random Linux system calls with random arguments.
 *
 * Owns:    what its confined children open and map.
 * Locks:   none.
 * Fails:   see fuzz.h: only if somebody other than the child suffers.
 * Tested:  fuzz/run.py, on Linux first.
 */
#include "fuzz.h"

#define NCALLS		60
#define NNUMBERS	450

static const char fuzz_sentence[] = "random system calls harm nobody but their caller";

/*
 * Left out even for an ordinary user: what only slows the test down. Everything dangerous (reboot,
 * mount, kexec, module loading, clock setting, kill of others) fails for lack of rights, and that
 * refusal is under test too; kill(-1) reaches only processes of the same uid.
 */
static bool is_left_out(long number)
{
	return number == SYS_pause || number == SYS_exit || number == SYS_exit_group ||
	       number == SYS_rt_sigsuspend || number == SYS_vhangup;
}

static uint8_t area[16384];

static uint64_t address_random(void)
{
	switch (random_below(8)) {
	case 0:
		return (uint64_t)area + random_below(sizeof(area));
	case 1:
		return (uint64_t)area + sizeof(area) - random_below(16);
	case 2:
		return 0x7fffffffe000UL - 4096 + random_below(16384);
	case 3:
		return 0xffff800000000000UL + random_below(1UL << 47);
	case 4:
		return 1UL << (63 - random_below(17));
	case 5:
		return random_below(8192);
	case 6:
		return ((uint64_t)area & ~0xfffUL) + 4096 * random_below(4);
	default:
		return (uint64_t)&address_random + random_below(65536);
	}
}

static uint64_t argument_random(void)
{
	switch (random_below(7)) {
	case 0:
		return random_below(16);
	case 1:
		return random_below(4096);
	case 2:
		return 1UL << random_below(64);
	case 3:
		return -random_below(4096);
	case 4:
		return random_next();
	default:
		return address_random();
	}
}

static void area_fill(void)
{
	for (size_t i = 0; i < sizeof(area); i += 8)
		*(uint64_t *)&area[i] = random_below(3) == 0 ? argument_random() : random_below(64);
	strcpy((char *)area + random_below(4096), "/tmp/fuzz/x");
	strcpy((char *)area + random_below(4096), "/proc/self/maps");
	strcpy((char *)area + random_below(4096), "/dev/zero");
}

static void descriptors_make(void)
{
	int ends[2];

	(void)!pipe(ends);
	open("/tmp/fuzz/x", O_RDWR | O_CREAT, 0600);
	open("/dev/zero", O_RDWR);
	open("/proc/self/stat", O_RDONLY);
	open("/tmp/fuzz", O_RDONLY | O_DIRECTORY);
	open("/dev/ptmx", O_RDWR | O_NOCTTY);
}

static volatile int ndisturbed;

static void disturbed(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	if (++ndisturbed > 100)
		_exit(0);
}

static const char *round_impossible(void)
{
	return NULL;
}

static void round_run(uint64_t round)
{
	(void)round;
	area_fill();
	child_disturb(disturbed);
	descriptors_make();
	for (int i = 0; i < NCALLS; i++) {
		long number = (long)random_below(NNUMBERS);

		if (random_below(50) == 0)
			number = (long)random_next();
		if (random_below(3) == 0)
			number = (long)random_below(40);
		if (is_left_out(number & 0xffffffff))
			continue;
		syscall(number, argument_random(), argument_random(), argument_random(),
			argument_random(), argument_random(), argument_random());
	}
}
