/*
 * elf_fuzz.c -- any bytes through the whole library; what it accepts must keep its promises.
 *
 * Tests:   all of elf/, against the invariants that elf_load.h states.
 * Needs:   with gcc nothing: main mutates files made here, from a fixed seed, and prints TAP.
 *          With clang's libFuzzer, LLVMFuzzerTestOneInput is the target (see elf/README.md).
 *
 *	elf_fuzz [ITERATIONS [SEED]]	mutate (50000, 1)
 *	elf_fuzz --corpus DIRECTORY	write the files it starts from, for libFuzzer
 *	elf_fuzz --file FILE...		run the target on files, as when a crash is looked into
 */
#include "tap.h"
#include "test_file.h"

#define USER_LOW	0x10000ull
#define USER_LIMIT	0x7ffffffff000ull
#define PAGE_BITS	((uint64_t)ELF_PAGE_SIZE - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long long accepted;

static void require(bool condition, const char *promise)
{
	if (condition)
		return;
	fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}

static void check_mapping(const struct elf_plan *plan, const struct elf_mapping *m)
{
	uint64_t end = plan->low + plan->len, file_end = m->vaddr + m->file_len;

	require(!((m->vaddr | m->file_offset | m->file_len | m->anon_vaddr | m->anon_len)
		& PAGE_BITS), "mappings are whole pages");
	require(m->vaddr >= plan->low && m->vaddr <= end && m->file_len <= end - m->vaddr,
		"file mappings lie in the span");
	require(m->anon_vaddr == file_end && m->anon_len <= end - m->anon_vaddr,
		"anonymous tails follow them in the span");
	require(m->file_len || m->anon_len, "no mapping is empty");
	require(m->zero_len < ELF_PAGE_SIZE, "less than a page is cleared");
	require(!m->zero_len || (m->zero_vaddr > m->vaddr && m->zero_vaddr + m->zero_len == file_end
		&& (m->prot & ELF_WRITE)), "what is cleared ends a writable file mapping");
	require(m->file_offset + m->file_len >= m->file_offset, "file offsets do not wrap");
	require(m->prot < 8 && m->anon_prot < 8, "protections are three bits");
}

static void check_plan(const struct elf_image *image, uint64_t bias)
{
	static struct elf_plan plan;

	if (elf_plan(image, bias, USER_LOW, USER_LIMIT, &plan))
		return;
	accepted++;
	require(plan.low >= USER_LOW && plan.len && plan.low + plan.len <= USER_LIMIT,
		"the span is in the user's addresses");
	require(!((plan.low | plan.len | plan.brk) & PAGE_BITS), "the span is whole pages");
	require(plan.brk == plan.low + plan.len, "brk follows the span");
	require(plan.entry < USER_LIMIT, "the entry is a user address");
	require(plan.nmappings && plan.nmappings <= ELF_MAX_LOAD, "mappings fit the plan");
	for (uint32_t i = 0; i < plan.nmappings; i++)
		check_mapping(&plan, &plan.mappings[i]);
}

static void check_strict(const struct elf_image *image)
{
	if (elf_check_strict(image))
		return;
	require(!image->beyond_eof && !image->disordered, "a strict file is neither");
	for (uint32_t i = 0; i < image->nloads; i++)
		require(image->loads[i].offset + image->loads[i].filesz <= image->file_size,
			"a strict file's segments are inside it");
}

static void check_image(const struct elf_image *image, const uint8_t *data, size_t size)
{
	struct elf_range range;

	require(image->nloads && image->nloads <= ELF_MAX_LOAD, "segments fit the image");
	require(image->nnotes <= ELF_MAX_NOTES, "notes fit the image");
	require(image->low < image->high && image->end <= image->high, "the span has a size");
	require(image->align >= ELF_PAGE_SIZE && !(image->align & (image->align - 1)),
		"the alignment is a power of two");
	require(image->interp_len <= ELF_INTERP_MAX
		&& image->interp_offset + image->interp_len <= size,
		"the interpreter is in the file");
	require(image->tessera_note.offset + image->tessera_note.len <= size,
		"the Tessera note is in the file");
	if (image->interp_len)
		elf_interp_check(data + image->interp_offset, image->interp_len);
	for (uint32_t i = 0; i < image->nnotes; i++) {
		const struct elf_note_range *note = &image->notes[i];

		require(note->offset <= size && note->len <= size - note->offset,
			"notes are in the file");
		if (!elf_note_find(data + note->offset, (size_t)note->len, note->align, "GNU", 5,
				&range))
			require(range.offset + range.len <= note->len, "a note is in its segment");
	}
	check_strict(image);
	check_plan(image, 0);
	check_plan(image, elf_bias_at(image, 0x555555554000));
	check_plan(image, elf_bias_at(image, USER_LIMIT - 0x100000));
}

static void check_program(const uint8_t *data, size_t size)
{
	static struct elf_image image;
	size_t head_len = size < ELF_HEAD_MAX ? size : ELF_HEAD_MAX;
	struct elf_range range;
	int error = elf_parse(data, head_len, size, &image);

	require(error >= 0 && error < ELF_E_COUNT, "errors have numbers");
	if (error == ELF_E_PHDRS_FAR) {
		require(!elf_phdrs_find(data, head_len, size, &range), "far headers are found");
		require(range.offset <= size && range.len <= size - range.offset,
			"far headers are in the file");
		error = elf_parse_phdrs(data, head_len, data + range.offset, (size_t)range.len,
			size, &image);
	}
	if (!error)
		check_image(&image, data, size);
}

static void check_script(const uint8_t *data, size_t size)
{
	const char *start = (const char *)data, *end = start + size;
	struct elf_text interp, arg;

	if (elf_script_parse(data, size, &interp, &arg))
		return;
	require(interp.start >= start + 2 && interp.start + interp.len <= end
		&& interp.len < ELF_SCRIPT_HEAD, "the interpreter is in the line");
	require(!memchr(interp.start, '\0', interp.len), "the interpreter has no NUL");
	require(!arg.start || (arg.start > interp.start && arg.start + arg.len <= end),
		"the argument follows it");
}

/* The input as arguments and environment; the counts are right, or off by what its end says. */
static void check_stack(const uint8_t *data, size_t size)
{
	struct elf_aux aux = { ELF_AT_UID, 0 };
	struct elf_stack_args args = { .execfn = "/x", .execfn_len = 3, .auxv = &aux, .nauxv = 1 };
	size_t split = size / 3;
	struct elf_stack stack;
	uint64_t len;
	uint8_t *buffer;

	args.args = (struct elf_strings){ (const char *)data, split, 0 };
	args.env = (struct elf_strings){ (const char *)data + split, size - split, 0 };
	for (size_t i = 0; i < size; i++) {
		args.args.count += i < split && !data[i];
		args.env.count += i >= split && !data[i];
	}
	if (size)
		args.env.count += data[size - 1] >> 6;
	if (elf_stack_size(&args, &len))
		return;
	buffer = malloc(len);
	if (!elf_stack_build(&args, buffer, len, USER_LIMIT, &stack)) {
		require(stack.rsp == USER_LIMIT - len && stack.rsp % 16 == 0, "the size is exact");
		require(!memcmp(buffer + (stack.arg_start - stack.rsp), data, size),
			"strings are copied whole");
		accepted++;
	}
	free(buffer);
}

/* libFuzzer gives data of exactly size bytes, and so does mutate_once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_program(data, size);
	check_script(data, size);
	check_stack(data, size < 600 ? size : 600);
	return 0;
}

#ifndef ELF_FUZZ_LIBFUZZER

static uint64_t random_state;

/* xorshift64* */
static uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static uint64_t random_below(uint64_t limit)
{
	return random_next() % limit;
}

#define SEED_COUNT 6u

static void seed_make(struct test_file *file, unsigned int n)
{
	static const char *const scripts[] = { "#!/bin/sh -e\necho\n", "#! /usr/bin/env awk -f" };

	if (n < 2) {
		memset(file, 0, sizeof(*file));
		file->len = strlen(scripts[n]);
		memcpy(file->bytes, scripts[n], file->len);
		return;
	}
	file_make(file, n & 1 ? ET_DYN : ET_EXEC, n & 1 ? 0 : 0x400000);
	if (n >= 4) {
		size_t end = file_put_note(file, TEST_NOTE_AT, 4, "Tessera", 1, "grant", 6);

		file_add(file, PT_NOTE, PF_R, TEST_NOTE_AT, 0, end - TEST_NOTE_AT, 0);
		file_add_interp(file);
	}
	if (n == 5) {
		memcpy(file->bytes + 0x3000, file_phdr(file, 0), 7 * sizeof(Elf64_Phdr));
		file->header.e_phoff = 0x3000;
	}
}

/* Values at which checks go wrong. */
static uint64_t random_value(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 0xfff, 0x1000, 0x1001, 0x4000, 0x10000,
		1ull << 31, 1ull << 32, 1ull << 47, 1ull << 61, 1ull << 62, 1ull << 63, ~0ull,
		~0xfffull };

	if (random_below(4) == 0)
		return random_next();
	return edges[random_below(sizeof(edges) / sizeof(edges[0]))] + random_below(3) - 1;
}

/* Damage lands in the headers mostly: bytes elsewhere decide nothing. */
static void mutate(struct test_file *file)
{
	size_t limit = random_below(8) ? 0x240 : file->len, at;
	uint64_t value = random_value();
	size_t len = (size_t)1 << random_below(4);

	if (limit > file->len)
		limit = file->len;
	if (file->len > 0x3000 && file->header.e_phoff == 0x3000 && random_below(2))
		at = 0x3000 + random_below(0x240);
	else
		at = random_below(limit ? limit : 1);
	at &= ~(len - 1);
	if (random_below(16) == 0)
		file->len = random_below(TEST_FILE_SIZE + 1);
	else if (at + len <= TEST_FILE_SIZE)
		memcpy(file->bytes + at, &value, len);
}

static void mutate_once(const struct test_file *seed)
{
	static struct test_file file;
	uint64_t n = 1 + random_below(4);
	uint8_t *copy;

	file = *seed;
	while (n--)
		mutate(&file);
	copy = malloc(file.len ? file.len : 1);
	memcpy(copy, file.bytes, file.len);
	LLVMFuzzerTestOneInput(copy, file.len);
	free(copy);
}

static int run_mutations(unsigned long iterations, uint64_t seed)
{
	static struct test_file seeds[SEED_COUNT];
	unsigned long long accepted_seeds;

	for (unsigned int n = 0; n < SEED_COUNT; n++) {
		seed_make(&seeds[n], n);
		LLVMFuzzerTestOneInput(seeds[n].bytes, seeds[n].len);
	}
	accepted_seeds = accepted;
	tap_ok(accepted_seeds >= 4, "the files to start from are accepted");
	random_state = seed | 1;
	for (unsigned long i = 0; i < iterations; i++)
		mutate_once(&seeds[random_below(SEED_COUNT)]);
	printf("# %lu files, %llu plans and stacks accepted, seed %llu\n", iterations,
		accepted - accepted_seeds, (unsigned long long)seed);
	tap_ok(accepted - accepted_seeds > iterations / 20,
		"some damaged files are still accepted");
	tap_ok(true, "no damaged file broke a promise or a bound");
	return tap_done();
}

static int write_corpus(const char *directory)
{
	static struct test_file file;

	for (unsigned int n = 0; n < SEED_COUNT; n++) {
		char path[4096];
		FILE *out;

		seed_make(&file, n);
		snprintf(path, sizeof(path), "%s/seed%u", directory, n);
		out = fopen(path, "wb");
		if (!out || fwrite(file.bytes, 1, file.len, out) != file.len || fclose(out)) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

static int run_file(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *in = fopen(path, "rb");
	uint8_t *copy;
	size_t len;

	if (!in) {
		perror(path);
		return 1;
	}
	len = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 3 && !strcmp(argv[1], "--corpus"))
		return write_corpus(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--file")) {
		for (int i = 2; i < argc; i++)
			status |= run_file(argv[i]);
		return status;
	}
	return run_mutations(argc > 1 ? strtoul(argv[1], NULL, 0) : 50000,
		argc > 2 ? strtoull(argv[2], NULL, 0) : 1);
}

#endif
