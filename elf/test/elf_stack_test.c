/*
 * elf_stack_test.c -- the first stack, read back as a program's start-up code would.
 *
 * Tests:   elf/elf_stack.c
 * Needs:   nothing but the host's C library.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf_load.h"
#include "tap.h"

#define TOP	0x7ffffffde000ull
#define STRINGS(text, n) { text, sizeof(text), n }

/* The bytes of a stack that ends at TOP; exactly as long as elf_stack_size says. */
static uint8_t *buffer;
static uint64_t buffer_len;
static struct elf_stack stack;

static const struct elf_aux auxv[] = { { AT_PAGESZ, 4096 }, { AT_UID, 1000 } };

static struct elf_stack_args example(void)
{
	struct elf_stack_args args = {
		.args = STRINGS("prog\0-x\0", 3),
		.env = STRINGS("PATH=/bin\0A=1", 2),
		.execfn = "/bin/prog", .execfn_len = 10,
		.auxv = auxv, .nauxv = 2,
		.random = "0123456789abcdef",
	};

	return args;
}

/* A byte more than needed is put below, to see that it is left alone, and makes it unaligned. */
static int build(const struct elf_stack_args *args)
{
	int error = elf_stack_size(args, &buffer_len);

	if (error)
		return error;
	free(buffer);
	buffer = malloc(buffer_len + 1);
	memset(buffer, 0xa5, buffer_len + 1);
	error = elf_stack_build(args, buffer, buffer_len + 1, TOP, &stack);
	return error;
}

static const uint8_t *at(uint64_t address)
{
	return buffer + 1 + (address - (TOP - buffer_len));
}

static uint64_t word(uint64_t index)
{
	uint64_t value;

	memcpy(&value, at(stack.rsp + index * 8), 8);
	return value;
}

static bool string_is(uint64_t index, const char *wanted)
{
	uint64_t address = word(index);

	return address >= stack.rsp && address < TOP && !strcmp((const char *)at(address), wanted);
}

static uint64_t aux_find(uint64_t type)
{
	for (uint64_t i = stack.auxv_start; i < stack.auxv_start + stack.auxv_len; i += 16) {
		struct elf_aux aux;

		memcpy(&aux, at(i), 16);
		if (aux.type == type)
			return aux.value;
	}
	return ~0ull;
}

static void test_layout(void)
{
	struct elf_stack_args args = example();

	tap_equal(build(&args), ELF_OK, "a stack is built");
	tap_ok(stack.rsp % 16 == 0 && stack.rsp == TOP - buffer_len,
		"rsp is aligned to 16, and the size is exact");
	tap_equal(buffer[0], 0xa5, "bytes below rsp are left alone");
	tap_ok(word(0) == 3 && string_is(1, "prog") && string_is(2, "-x") && string_is(3, "")
		&& word(4) == 0, "argc and argv are there");
	tap_ok(string_is(5, "PATH=/bin") && string_is(6, "A=1") && word(7) == 0, "envp is there");
	tap_equal(stack.auxv_start, stack.rsp + 8 * 8, "the auxiliary vector follows");
	tap_ok(aux_find(AT_PAGESZ) == 4096 && aux_find(AT_UID) == 1000, "with what was given");
	tap_ok(!strcmp((const char *)at(aux_find(AT_EXECFN)), "/bin/prog"),
		"AT_EXECFN is the path");
	tap_ok(!strcmp((const char *)at(aux_find(AT_PLATFORM)), "x86_64"), "AT_PLATFORM is x86_64");
	tap_ok(!memcmp(at(aux_find(AT_RANDOM)), "0123456789abcdef", 16), "AT_RANDOM is 16 bytes");
	tap_ok(stack.auxv_len == 6 * 16 && word(8 + 10) == AT_NULL && word(8 + 11) == 0,
		"AT_NULL ends it");
	tap_ok(stack.arg_start == word(1) && stack.arg_end == stack.env_start
		&& stack.env_start == word(5) && stack.env_end == aux_find(AT_EXECFN)
		&& stack.arg_end - stack.arg_start == args.args.len,
		"the strings lie one after the other, as /proc/PID/cmdline needs them");
	tap_ok(!memcmp(at(TOP - 8), "\0\0\0\0\0\0\0", 8), "the topmost word is zero");
}

static void test_padding(void)
{
	struct elf_stack_args args = example();
	bool zero = true;
	uint64_t i;

	build(&args);
	for (i = stack.auxv_start + stack.auxv_len; i < aux_find(AT_RANDOM); i++)
		zero &= *at(i) == 0;
	for (i = aux_find(AT_PLATFORM) + 7; i < stack.arg_start; i++)
		zero &= *at(i) == 0;
	tap_ok(zero, "padding is zero");
}

static void test_prefix(void)
{
	struct elf_stack_args args = example();

	args.prefix = (struct elf_strings)STRINGS("/bin/sh\0-e\0/script", 3);
	tap_ok(build(&args) == ELF_OK && word(0) == 6 && string_is(1, "/bin/sh")
		&& string_is(2, "-e") && string_is(3, "/script") && string_is(4, "prog")
		&& stack.arg_start == word(1), "a script's prefix comes before the arguments");
}

static void test_empty(void)
{
	struct elf_stack_args args = { .execfn = "", .execfn_len = 1 };

	tap_ok(build(&args) == ELF_OK && word(0) == 0 && word(1) == 0 && word(2) == 0
		&& word(3) == AT_RANDOM, "nothing at all is a stack, too");
}

static int build_with_args(const char *bytes, size_t len, uint32_t count)
{
	struct elf_stack_args args = example();

	args.args = (struct elf_strings){ bytes, len, count };
	return build(&args);
}

static void test_bad_strings(void)
{
	struct elf_stack_args args = example();

	tap_equal(build_with_args("a\0b", 4, 1), ELF_E_STRINGS, "too many strings are refused");
	tap_equal(build_with_args("a\0b", 4, 3), ELF_E_STRINGS, "too few are refused");
	tap_equal(build_with_args("a\0b", 3, 2), ELF_E_STRINGS,
		"a last one without NUL is refused");
	tap_equal(build_with_args("a\0b", 3, 1), ELF_E_STRINGS, "bytes after the last are refused");
	tap_equal(build_with_args("", 0, 1), ELF_E_STRINGS, "a string of no bytes is refused");
	tap_equal(build_with_args("\0\0\0\0\0\0\0\0\0", 10, 10), ELF_OK, "empty strings are not");
	tap_equal(build_with_args("\0\0\0\0\0\0\0\0\0", 10, 9), ELF_E_STRINGS, "but are counted");
	args.execfn_len = 9;
	tap_equal(build(&args), ELF_E_STRINGS, "a path without NUL is refused");
	args.execfn_len = 0;
	tap_equal(build(&args), ELF_E_STRINGS, "no path is refused");
	args = example();
	args.env.count = ~0u;
	tap_equal(build(&args), ELF_E_STRINGS, "more strings than bytes are refused");
	args.env.len = ~0ul;
	tap_equal(build(&args), ELF_E_STRINGS, "a length that overflows is refused");
}

static void test_bad_arguments(void)
{
	struct elf_stack_args args = example();
	struct elf_aux bad = { AT_RANDOM, 1 };

	build(&args);
	tap_equal(elf_stack_build(&args, buffer, buffer_len - 1, TOP, &stack), ELF_E_STACK_FULL,
		"a buffer one byte too small is refused");
	tap_equal(elf_stack_build(&args, buffer, buffer_len, TOP + 8, &stack), ELF_E_ARGUMENT,
		"a top that is not aligned is refused");
	tap_equal(elf_stack_build(&args, buffer, buffer_len, 16, &stack), ELF_E_ARGUMENT,
		"a top without room below is refused");
	args.auxv = &bad;
	args.nauxv = 1;
	tap_equal(build(&args), ELF_E_ARGUMENT, "AT_RANDOM is not the caller's");
	args.auxv = auxv;
	args.nauxv = 257;
	tap_equal(build(&args), ELF_E_ARGUMENT, "an endless auxiliary vector is refused");
}

/* Two megabytes of arguments of all lengths from 0 to 99, at every alignment. */
static void test_large(void)
{
	struct elf_stack_args args = example();
	uint32_t count = 40000, bad = 0;
	size_t len = 0, start = 0;
	char *bytes = malloc(count * 100);

	for (uint32_t i = 0; i < count; i++) {
		memset(bytes + len, 0x80 + (int)(i % 100), i % 100);
		len += i % 100;
		bytes[len++] = '\0';
	}
	args.args = (struct elf_strings){ bytes, len, count };
	tap_ok(build(&args) == ELF_OK && word(0) == count, "forty thousand arguments are placed");
	for (uint32_t i = 0; i < count; i++) {
		bad += word(1 + i) != stack.arg_start + start;
		start += i % 100 + 1;
	}
	tap_ok(bad == 0 && !memcmp(at(stack.arg_start), bytes, len), "each where it belongs");
	free(bytes);
}

int main(void)
{
	test_layout();
	test_padding();
	test_prefix();
	test_empty();
	test_bad_strings();
	test_bad_arguments();
	test_large();
	free(buffer);
	return tap_done();
}
