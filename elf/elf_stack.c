/*
 * elf_stack.c -- the stack a program finds at its first instruction.
 *
 * Owns:    nothing; writes into the caller's buffer, which is to become the top of the stack.
 * Locks:   none.
 * Fails:   ELF_E_STACK_FULL (E2BIG), ELF_E_STRINGS, ELF_E_ARGUMENT; the buffer then holds rubbish.
 * Tested:  elf/test/elf_stack_test.c, elf/test/elf_program_test.c, elf/test/elf_fuzz.c
 *
 * From the top down, as Linux lays it out (psABI x86-64 3.4.1 says only what rsp points at):
 *
 *	top	8 zero bytes
 *		path of AT_EXECFN
 *		environment strings
 *		argument strings (prefix below args)
 *		platform string
 *		16 random bytes
 *		auxiliary vector, ending with AT_NULL
 *		envp[], NULL
 *		argv[], NULL
 *	rsp	argc
 *
 * String bytes are read once, so a source that another thread changes can do no harm.
 */
#include "elf_arch.h"
#include "elf_load.h"

#define WORD		8u
#define TOP_ZEROS	8u
#define PLATFORM_SIZE	16u		/* the string, padded */
#define RANDOM_SIZE	16u
#define AUXV_ADDED	4u		/* RANDOM, EXECFN, PLATFORM, NULL */
#define AUXV_MAX	256u
#define STRINGS_MAX	((uint64_t)1 << 40)

_Static_assert(sizeof(ELF_ARCH_PLATFORM) <= PLATFORM_SIZE, "the platform string has room");
_Static_assert(sizeof(struct elf_aux) == 2 * WORD, "an auxiliary entry as programs read it");

/* Each part's start, in bytes below the top. */
struct layout {
	uint64_t strings, platform, random, auxv, rsp;
};

static uint64_t round_up(uint64_t value)
{
	return (value + ELF_ARCH_STACK_ALIGN - 1) & ~(uint64_t)(ELF_ARCH_STACK_ALIGN - 1);
}

static bool strings_are_sane(const struct elf_strings *strings)
{
	return strings->len <= STRINGS_MAX && strings->count <= strings->len;
}

static bool auxv_is_sane(const struct elf_stack_args *args)
{
	if (args->nauxv > AUXV_MAX)
		return false;
	for (size_t i = 0; i < args->nauxv; i++) {
		switch (args->auxv[i].type) {
		case ELF_AT_NULL:
		case ELF_AT_RANDOM:
		case ELF_AT_EXECFN:
		case ELF_AT_PLATFORM:
			return false;
		}
	}
	return true;
}

static int layout_compute(const struct elf_stack_args *args, struct layout *out)
{
	uint64_t argc = (uint64_t)args->prefix.count + args->args.count;
	uint64_t auxv_len = (args->nauxv + AUXV_ADDED) * sizeof(struct elf_aux);
	uint64_t vectors_len = (1 + argc + 1 + args->env.count + 1) * WORD + auxv_len;

	if (!strings_are_sane(&args->prefix) || !strings_are_sane(&args->args)
			|| !strings_are_sane(&args->env) || args->execfn_len > STRINGS_MAX)
		return ELF_E_STRINGS;
	if (!auxv_is_sane(args) || argc > INT32_MAX)
		return ELF_E_ARGUMENT;
	out->strings = TOP_ZEROS + args->execfn_len + args->env.len + args->args.len
		+ args->prefix.len;
	out->platform = round_up(out->strings) + PLATFORM_SIZE;
	out->random = out->platform + RANDOM_SIZE;
	out->rsp = round_up(out->random + vectors_len);
	out->auxv = out->rsp - (vectors_len - auxv_len);
	return ELF_OK;
}

/* How many bytes of stack elf_stack_build will fill.  Reads no string. */
int elf_stack_size(const struct elf_stack_args *args, uint64_t *len)
{
	struct layout layout;
	int error = layout_compute(args, &layout);

	if (!error)
		*len = layout.rsp;
	return error;
}

/* The buffer need not be aligned. */
static uint8_t *word_put(uint8_t *at, uint64_t value)
{
	__builtin_memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static uint8_t *aux_put(uint8_t *at, uint64_t type, uint64_t value)
{
	return word_put(word_put(at, type), value);
}

/* Copies one block of strings and writes the address of each as its end is found. */
struct placer {
	uint8_t *pointers;		/* where the next address goes */
	uint64_t address;		/* of the block's first byte */
	uint64_t start;			/* of the present string in the block */
	uint32_t left;			/* strings still expected */
};

static bool placer_end_string(struct placer *placer, uint64_t nul_at)
{
	if (placer->left == 0)
		return false;
	placer->left--;
	placer->pointers = word_put(placer->pointers, placer->address + placer->start);
	placer->start = nul_at + 1;
	return true;
}

/* 0x80 in each byte of the result whose byte in word is zero; exact, unlike the shorter trick. */
static uint64_t zero_bytes(uint64_t word)
{
	uint64_t low_bits = 0x7f7f7f7f7f7f7f7full;

	return ~(((word & low_bits) + low_bits) | word | low_bits);
}

/* Word by word, for exec copies a few KiB each time; the lowest byte of a word comes first. */
static bool placer_copy_words(struct placer *placer, uint8_t *to, const char *from, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += WORD) {
		uint64_t word, zeros;

		__builtin_memcpy(&word, from + at, WORD);
		word_put(to + at, word);
		for (zeros = zero_bytes(word); zeros; zeros &= zeros - 1)
			if (!placer_end_string(placer, at + (uint64_t)__builtin_ctzll(zeros) / 8))
				return false;
	}
	return true;
}

/*
 * Puts the block at to, whose final address is given, and its addresses at *pointers, which moves
 * on.  False: it does not consist of strings->count strings.
 */
static bool strings_place(const struct elf_strings *strings, uint8_t *to, uint64_t address,
	uint8_t **pointers)
{
	struct placer placer = { *pointers, address, 0, strings->count };
	uint64_t words_len = strings->len & ~(uint64_t)(WORD - 1);

	if (!placer_copy_words(&placer, to, strings->bytes, words_len))
		return false;
	for (uint64_t at = words_len; at < strings->len; at++) {
		char byte = strings->bytes[at];

		to[at] = (uint8_t)byte;
		if (byte == '\0' && !placer_end_string(&placer, at))
			return false;
	}
	*pointers = placer.pointers;
	return placer.left == 0 && placer.start == strings->len;
}

/* Places one block at depth bytes below the top, which moves up to the block's end. */
static bool block_place(const struct elf_strings *strings, uint8_t *top, uint64_t top_address,
	uint64_t *depth, uint8_t **pointers)
{
	uint64_t at = *depth;

	*depth -= strings->len;
	return strings_place(strings, top - at, top_address - at, pointers);
}

/* All strings and the vectors argc, argv, envp; *execfn is where the path has come to lie. */
static bool strings_fill(const struct elf_stack_args *args, const struct layout *layout,
	uint8_t *top, uint64_t top_address, uint64_t *execfn)
{
	struct elf_strings path = { args->execfn, args->execfn_len, 1 };
	uint64_t depth = layout->strings;
	uint8_t path_pointer[WORD], *path_at = path_pointer;
	uint8_t *vector = top - layout->rsp;

	vector = word_put(vector, (uint64_t)args->prefix.count + args->args.count);
	if (!block_place(&args->prefix, top, top_address, &depth, &vector)
			|| !block_place(&args->args, top, top_address, &depth, &vector))
		return false;
	vector = word_put(vector, 0);
	if (!block_place(&args->env, top, top_address, &depth, &vector))
		return false;
	word_put(vector, 0);
	if (!block_place(&path, top, top_address, &depth, &path_at))
		return false;
	__builtin_memcpy(execfn, path_pointer, WORD);
	word_put(top - TOP_ZEROS, 0);
	return true;
}

static void auxv_fill(const struct elf_stack_args *args, const struct layout *layout, uint8_t *top,
	uint64_t top_address, uint64_t execfn)
{
	uint8_t *at = top - layout->auxv;

	for (size_t i = 0; i < args->nauxv; i++)
		at = aux_put(at, args->auxv[i].type, args->auxv[i].value);
	at = aux_put(at, ELF_AT_RANDOM, top_address - layout->random);
	at = aux_put(at, ELF_AT_EXECFN, execfn);
	at = aux_put(at, ELF_AT_PLATFORM, top_address - layout->platform);
	aux_put(at, ELF_AT_NULL, 0);
}

/* Everything between the auxiliary vector and the strings, padding included. */
static void middle_fill(const struct elf_stack_args *args, const struct layout *layout,
	uint8_t *top)
{
	uint64_t auxv_end = layout->auxv - (args->nauxv + AUXV_ADDED) * sizeof(struct elf_aux);

	__builtin_memset(top - auxv_end, 0, (size_t)(auxv_end - layout->strings));
	__builtin_memcpy(top - layout->random, args->random, RANDOM_SIZE);
	__builtin_memcpy(top - layout->platform, ELF_ARCH_PLATFORM, sizeof(ELF_ARCH_PLATFORM));
}

/*
 * Writes the stack into the end of buffer, which the caller maps (or has mapped) so that it ends at
 * address top.  ELF_E_STACK_FULL: buffer_len is less than elf_stack_size says.  ELF_E_STRINGS: a
 * block is not what its count says.  ELF_E_ARGUMENT: top or the auxv is not as the header asks.
 */
int elf_stack_build(const struct elf_stack_args *args, void *buffer, size_t buffer_len,
	uint64_t top, struct elf_stack *out)
{
	uint8_t *end = (uint8_t *)buffer + buffer_len;
	struct layout layout;
	uint64_t execfn;
	int error = layout_compute(args, &layout);

	if (error)
		return error;
	if (top % ELF_ARCH_STACK_ALIGN || top < layout.rsp)
		return ELF_E_ARGUMENT;
	if (layout.rsp > buffer_len)
		return ELF_E_STACK_FULL;
	if (!strings_fill(args, &layout, end, top, &execfn))
		return ELF_E_STRINGS;
	auxv_fill(args, &layout, end, top, execfn);
	middle_fill(args, &layout, end);
	out->rsp = top - layout.rsp;
	out->arg_start = top - layout.strings;
	out->arg_end = out->arg_start + args->prefix.len + args->args.len;
	out->env_start = out->arg_end;
	out->env_end = out->env_start + args->env.len;
	out->auxv_start = top - layout.auxv;
	out->auxv_len = (args->nauxv + AUXV_ADDED) * sizeof(struct elf_aux);
	return ELF_OK;
}
