/*
 * procfs_system.c -- the files of /proc that speak of the whole system, and /proc/sys.
 *
 * Owns:    the load averages, sampled every five seconds once somebody has asked.
 * Formats: those of Linux 6.1, proc(5).
 * Tested:  test/vfs_test.c
 */
#include "procfs.h"

#define LOAD_SHIFT	11
#define LOAD_ONE	(1u << LOAD_SHIFT)
#define LOAD_EVERY_NS	5000000000ull
#define NS_PER_S	1000000000ull
#define FILES_LIMIT	(1u << 20)

static struct system_info info;		/* big: one, filled anew by each function that uses it */

static int info_now(void)
{
	return tess_system_query(&info) < 0 ? -EIO : 0;
}

static unsigned long ticks(uint64_t ns)
{
	return (unsigned long)(ns / PROC_TICK_NS);
}

/* --- load ------------------------------------------------------------------------------------------------ */

static uint32_t load[3];
static struct timer load_timer;
static bool load_sampled;

static uint32_t load_next(uint32_t now, uint32_t decay, uint32_t active)
{
	uint64_t sum = (uint64_t)now * decay + (uint64_t)active * (LOAD_ONE - decay);

	if (active >= now)
		sum += LOAD_ONE - 1;
	return (uint32_t)(sum / LOAD_ONE);
}

/* Exponential averages over 1, 5 and 15 minutes, in the fixed point that Linux uses. */
static void load_sample(void *arg)
{
	static const uint32_t decay[3] = { 1884, 2014, 2037 };

	(void)arg;
	if (info_now() == 0)
		for (int n = 0; n < 3; n++)
			load[n] = load_next(load[n], decay[n], (uint32_t)info.runnable << LOAD_SHIFT);
	timer_after(&load_timer, clock_mono_ns() + LOAD_EVERY_NS, load_sample, NULL);
}

/* The caller counts as running: it waits for this answer only. */
static void process_counts(struct process *who, uint32_t *running, uint32_t *total)
{
	static struct process_view v;

	*running = *total = 0;
	for (struct process *p = process_next(0); p; p = process_next(process_pid(p))) {
		process_view(p, &v);
		*running += v.state == 'R' || p == who;
		*total += v.nthreads;
	}
}

static int loadavg_text(const struct inode *i, struct process *who, struct text *out)
{
	uint32_t running, total;

	(void)i;
	if (!load_sampled) {
		load_sampled = true;
		load_sample(NULL);
	}
	process_counts(who, &running, &total);
	for (int n = 0; n < 3; n++) {
		uint32_t value = load[n] + LOAD_ONE / 200;

		text_printf(out, "%u.%02u ", value >> LOAD_SHIFT, ((value & (LOAD_ONE - 1)) * 100) >> LOAD_SHIFT);
	}
	text_printf(out, "%u/%u %u\n", running, total, pid_last());
	return 0;
}

/* --- memory, time, CPUs -------------------------------------------------------------------------------------- */

/* What the file systems in memory hold is what Linux calls both cached and shared. */
static uint64_t tmpfs_bytes(void)
{
	uint64_t sum = 0;
	struct pool_info pool;

	for (const struct mount *m = mounts; m; m = m->next)
		if (m->super->pool && mount_of_super(m->super) == m && tess_pool_query(m->super->pool, &pool) == 0)
			sum += pool.used_bytes;
	return sum;
}

static int meminfo_text(const struct inode *i, struct process *who, struct text *out)
{
	unsigned long total, free, cached, kernel;

	(void)i;
	(void)who;
	if (info_now() < 0)
		return -EIO;
	total = (unsigned long)(info.memory_total / 1024);
	free = (unsigned long)(info.memory_free / 1024);
	kernel = (unsigned long)(info.memory_kernel / 1024);
	cached = (unsigned long)(tmpfs_bytes() / 1024);
	text_printf(out, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", total, free, free);
	text_printf(out, "Buffers:        %8lu kB\nCached:         %8lu kB\nSwapCached:     %8lu kB\n", 0ul, cached, 0ul);
	text_printf(out, "Active:         %8lu kB\nInactive:       %8lu kB\n",
		total > free + cached + kernel ? total - free - cached - kernel : 0, cached);
	text_printf(out, "SwapTotal:      %8lu kB\nSwapFree:       %8lu kB\nDirty:          %8lu kB\n", 0ul, 0ul, 0ul);
	text_printf(out, "Writeback:      %8lu kB\nShmem:          %8lu kB\nSlab:           %8lu kB\n", 0ul, cached, kernel);
	text_printf(out, "SReclaimable:   %8lu kB\nSUnreclaim:     %8lu kB\nCommitLimit:    %8lu kB\n", 0ul, kernel, total);
	return 0;
}

/* Only what is known: nothing is ever paged in or out, as there are no disks. */
static int vmstat_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)i;
	(void)who;
	if (info_now() < 0)
		return -EIO;
	text_printf(out, "nr_free_pages %lu\nnr_shmem %lu\n", (unsigned long)(info.memory_free / PAGE_SIZE),
		(unsigned long)(tmpfs_bytes() / PAGE_SIZE));
	text_printf(out, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n");
	return 0;
}

static uint64_t cpu_sum(const uint64_t *each)
{
	uint64_t sum = 0;

	for (uint64_t n = 0; n < info.ncpus && n < CPUS_MAX; n++)
		sum += each[n];
	return sum;
}

static int uptime_text(const struct inode *i, struct process *who, struct text *out)
{
	uint64_t idle;

	(void)i;
	(void)who;
	if (info_now() < 0)
		return -EIO;
	idle = cpu_sum(info.idle_ns);
	text_printf(out, "%lu.%02lu %lu.%02lu\n", (unsigned long)(info.uptime_ns / NS_PER_S), ticks(info.uptime_ns) % 100,
		(unsigned long)(idle / NS_PER_S), ticks(idle) % 100);
	return 0;
}

static int stat_text(const struct inode *i, struct process *who, struct text *out)
{
	uint32_t running, total;

	(void)i;
	process_counts(who, &running, &total);
	if (info_now() < 0)
		return -EIO;
	text_printf(out, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", ticks(cpu_sum(info.user_ns)), ticks(cpu_sum(info.kernel_ns)),
		ticks(cpu_sum(info.idle_ns)));
	for (uint64_t n = 0; n < info.ncpus && n < CPUS_MAX; n++)
		text_printf(out, "cpu%lu %lu 0 %lu %lu 0 0 0 0 0 0\n", (unsigned long)n, ticks(info.user_ns[n]),
			ticks(info.kernel_ns[n]), ticks(info.idle_ns[n]));
	text_printf(out, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\n",
		(unsigned long)info.interrupts, (unsigned long)info.ctx_switches,
		(unsigned long)((clock_real_ns() - info.uptime_ns) / NS_PER_S), (unsigned long)info.forks,
		running ? running : 1);
	return 0;
}

struct feature { uint8_t word, bit; const char *name; };
static const struct feature features[] = {
	{ 0, 0, "fpu" }, { 0, 1, "vme" }, { 0, 2, "de" }, { 0, 3, "pse" }, { 0, 4, "tsc" }, { 0, 5, "msr" },
	{ 0, 6, "pae" }, { 0, 7, "mce" }, { 0, 8, "cx8" }, { 0, 9, "apic" }, { 0, 11, "sep" }, { 0, 12, "mtrr" },
	{ 0, 13, "pge" }, { 0, 14, "mca" }, { 0, 15, "cmov" }, { 0, 16, "pat" }, { 0, 17, "pse36" },
	{ 0, 19, "clflush" }, { 0, 23, "mmx" }, { 0, 24, "fxsr" }, { 0, 25, "sse" }, { 0, 26, "sse2" },
	{ 0, 27, "ss" }, { 0, 28, "ht" },
	{ 3, 11, "syscall" }, { 3, 20, "nx" }, { 3, 22, "mmxext" }, { 3, 25, "fxsr_opt" }, { 3, 26, "pdpe1gb" },
	{ 3, 27, "rdtscp" }, { 3, 29, "lm" }, { 3, 30, "3dnowext" }, { 3, 31, "3dnow" },
	{ 1, 0, "pni" }, { 1, 1, "pclmulqdq" }, { 1, 3, "monitor" }, { 1, 5, "vmx" }, { 1, 9, "ssse3" },
	{ 1, 12, "fma" }, { 1, 13, "cx16" }, { 1, 17, "pcid" }, { 1, 19, "sse4_1" }, { 1, 20, "sse4_2" },
	{ 1, 21, "x2apic" }, { 1, 22, "movbe" }, { 1, 23, "popcnt" }, { 1, 24, "tsc_deadline_timer" },
	{ 1, 25, "aes" }, { 1, 26, "xsave" }, { 1, 28, "avx" }, { 1, 29, "f16c" }, { 1, 30, "rdrand" },
	{ 1, 31, "hypervisor" },
	{ 2, 0, "fsgsbase" }, { 2, 3, "bmi1" }, { 2, 5, "avx2" }, { 2, 7, "smep" }, { 2, 8, "bmi2" }, { 2, 9, "erms" },
	{ 2, 10, "invpcid" }, { 2, 18, "rdseed" }, { 2, 19, "adx" }, { 2, 20, "smap" }, { 2, 23, "clflushopt" },
	{ 2, 24, "clwb" }, { 2, 29, "sha_ni" },
};

static void features_text(struct text *out)
{
	text_printf(out, "flags\t\t:");
	for (uint32_t n = 0; n < sizeof(features) / sizeof(features[0]); n++)
		if (info.cpu_features[features[n].word] >> features[n].bit & 1)
			text_printf(out, " %s", features[n].name);
	text_char(out, '\n');
}

static int cpuinfo_text(const struct inode *i, struct process *who, struct text *out)
{
	uint32_t signature, family, model;

	(void)i;
	(void)who;
	if (info_now() < 0)
		return -EIO;
	signature = info.cpu_signature;
	family = signature >> 8 & 15;
	model = signature >> 4 & 15;
	if (family == 6 || family == 15)
		model |= signature >> 12 & 0xf0;
	if (family == 15)
		family += signature >> 20 & 0xff;
	for (uint64_t n = 0; n < info.ncpus; n++) {
		text_printf(out, "processor\t: %lu\nvendor_id\t: %.16s\ncpu family\t: %u\nmodel\t\t: %u\n", (unsigned long)n,
			info.cpu_vendor, family, model);
		text_printf(out, "model name\t: %.52s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\n", info.cpu_model,
			signature & 15, (unsigned long)(info.tsc_hz / 1000000), (unsigned long)(info.tsc_hz / 1000 % 1000));
		text_printf(out, "physical id\t: %lu\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\napicid\t\t: %lu\n",
			(unsigned long)n, (unsigned long)n);
		text_printf(out, "fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\n");
		features_text(out);
		text_printf(out, "bogomips\t: %lu.%02lu\nclflush size\t: 64\ncache_alignment\t: 64\n",
			(unsigned long)(info.tsc_hz / 500000), (unsigned long)(info.tsc_hz / 5000 % 100));
		text_printf(out, "address sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n");
	}
	return 0;
}

/* --- tables and names ------------------------------------------------------------------------------------------ */

static int filesystems_text(const struct inode *i, struct process *who, struct text *out)
{
	const struct fs_type *type;

	(void)i;
	(void)who;
	for (uint32_t n = 0; (type = fs_type_next(n)); n++)
		text_printf(out, "%s\t%s\n", type->nodev ? "nodev" : "", type->name);
	return 0;
}

static int version_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)i;
	(void)who;
	text_printf(out, "%s version %s (tessera@tessera) (gcc) %s\n", uname_text(UNAME_SYSNAME),
		uname_text(UNAME_RELEASE), uname_text(UNAME_VERSION));
	return 0;
}

static int command_line_text(const struct inode *i, struct process *who, struct text *out)
{
	const char *line = command_line();

	(void)i;
	(void)who;
	text_add(out, line, (uint32_t)strlen(line));
	text_char(out, '\n');
	return 0;
}

static int interrupts_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)i;
	(void)who;
	if (info_now() < 0)
		return -EIO;
	text_printf(out, "           CPU0\nTOT: %10lu   All interrupts\n", (unsigned long)info.interrupts);
	return 0;
}

static int devices_text(const struct inode *i, struct process *who, struct text *out)
{
	(void)i;
	(void)who;
	text_printf(out, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\n"
		"Block devices:\n");
	return 0;
}

static int unimplemented_entry(const struct inode *i, struct process *who, struct text *out)
{
	static char buf[32768];
	int n = unimplemented_text(buf, sizeof(buf));

	(void)i;
	(void)who;
	if (n < 0)
		return n;
	text_add(out, buf, (uint32_t)n < sizeof(buf) ? (uint32_t)n : (uint32_t)sizeof(buf));
	return 0;
}

static enum uname_field uname_of(const struct inode *i)
{
	const struct pseudo_node *node = i->node;

	if (strcmp(node->path, "sys/kernel/hostname") == 0)
		return UNAME_NODENAME;
	if (strcmp(node->path, "sys/kernel/domainname") == 0)
		return UNAME_DOMAINNAME;
	if (strcmp(node->path, "sys/kernel/ostype") == 0)
		return UNAME_SYSNAME;
	return strcmp(node->path, "sys/kernel/osrelease") == 0 ? UNAME_RELEASE : UNAME_VERSION;
}

static int uname_entry(const struct inode *i, struct process *who, struct text *out)
{
	(void)who;
	text_printf(out, "%s\n", uname_text(uname_of(i)));
	return 0;
}

static int uname_write(struct inode *i, struct process *who, const char *data, uint32_t len)
{
	uint32_t n = 0;
	int error;

	if (process_cred(who)->euid != 0)
		return -EPERM;
	while (n < len && data[n] != '\n' && data[n])
		n++;
	error = uname_set(uname_of(i), data, n > 64 ? 64 : n);
	return error < 0 ? error : (int)len;
}

static void uuid_text(const uint8_t *b, struct text *out)
{
	for (int n = 0; n < 16; n++)
		text_printf(out, n == 4 || n == 6 || n == 8 || n == 10 ? "-%02x" : "%02x", b[n]);
	text_char(out, '\n');
}

/* Version 4 as RFC 4122 lays it out. */
static int uuid_fill(uint8_t b[16])
{
	if (tess_random_fill(b, 16) != 16)
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	return 0;
}

static int random_uuid(const struct inode *i, struct process *who, struct text *out)
{
	uint8_t b[16];
	int error = uuid_fill(b);

	(void)i;
	(void)who;
	if (error == 0)
		uuid_text(b, out);
	return error;
}

static int boot_id(const struct inode *i, struct process *who, struct text *out)
{
	static uint8_t b[16];
	int error = b[6] ? 0 : uuid_fill(b);

	(void)i;
	(void)who;
	if (error == 0)
		uuid_text(b, out);
	return error;
}

static int file_nr(const struct inode *i, struct process *who, struct text *out)
{
	uint32_t index = 0, n = 0;

	(void)i;
	(void)who;
	while (file_next(&index))
		n++;
	text_printf(out, "%u\t0\t%u\n", n, FILES_LIMIT);
	return 0;
}

#define DIR(p)		{ .path = p, .mode = S_IFDIR | 0555 }
#define TEXT(p, t)	{ .path = p, .mode = S_IFREG | 0444, .text = t }
#define VALUE(p, v)	{ .path = p, .mode = S_IFREG | 0444, .value = v }
const struct pseudo_node proc_system_nodes[] = {
	TEXT("cmdline", command_line_text),
	TEXT("cpuinfo", cpuinfo_text),
	TEXT("devices", devices_text),
	TEXT("filesystems", filesystems_text),
	TEXT("interrupts", interrupts_text),
	TEXT("loadavg", loadavg_text),
	TEXT("meminfo", meminfo_text),
	TEXT("vmstat", vmstat_text),
	{ .path = "mounts", .mode = S_IFLNK | 0777, .value = "self/mounts" },
	VALUE("partitions", "major minor  #blocks  name\n\n"),
	TEXT("stat", stat_text),
	VALUE("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	TEXT("uptime", uptime_text),
	TEXT("version", version_text),
	DIR("sys"),
	DIR("sys/fs"),
	VALUE("sys/fs/file-max", "1048576\n"),
	TEXT("sys/fs/file-nr", file_nr),
	VALUE("sys/fs/nr_open", "1048576\n"),
	VALUE("sys/fs/pipe-max-size", "1048576\n"),
	VALUE("sys/fs/protected_hardlinks", "1\n"),
	VALUE("sys/fs/protected_symlinks", "1\n"),
	DIR("sys/kernel"),
	VALUE("sys/kernel/cap_last_cap", "40\n"),
	{ .path = "sys/kernel/domainname", .mode = S_IFREG | 0644, .text = uname_entry, .write = uname_write },
	{ .path = "sys/kernel/hostname", .mode = S_IFREG | 0644, .text = uname_entry, .write = uname_write },
	VALUE("sys/kernel/ngroups_max", "64\n"),
	TEXT("sys/kernel/osrelease", uname_entry),
	TEXT("sys/kernel/ostype", uname_entry),
	VALUE("sys/kernel/overflowgid", "65534\n"),
	VALUE("sys/kernel/overflowuid", "65534\n"),
	VALUE("sys/kernel/pid_max", "32768\n"),
	DIR("sys/kernel/random"),
	TEXT("sys/kernel/random/boot_id", boot_id),
	VALUE("sys/kernel/random/entropy_avail", "256\n"),
	VALUE("sys/kernel/random/poolsize", "256\n"),
	TEXT("sys/kernel/random/uuid", random_uuid),
	VALUE("sys/kernel/threads-max", "32768\n"),
	TEXT("sys/kernel/version", uname_entry),
	DIR("sys/vm"),
	VALUE("sys/vm/max_map_count", "65530\n"),
	VALUE("sys/vm/mmap_min_addr", "65536\n"),
	VALUE("sys/vm/overcommit_memory", "1\n"),
	DIR("tessera"),
	TEXT("tessera/unimplemented", unimplemented_entry),
};
const uint32_t proc_system_count = sizeof(proc_system_nodes) / sizeof(proc_system_nodes[0]);
