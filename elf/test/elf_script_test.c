/*
 * elf_script_test.c -- #! lines, with Linux's answer for each.
 *
 * Tests:   elf/elf_script.c
 * Needs:   nothing but the host's C library.
 */
#include <stdlib.h>
#include <string.h>

#include "elf/elf_load.h"
#include "tap.h"

struct script_case {
	const char *sentence, *head;
	const char *interp;		/* NULL: ENOEXEC */
	const char *arg;		/* NULL: none */
};

static const struct script_case script_cases[] = {
	{ "a plain line names the interpreter", "#!/bin/sh\necho\n", "/bin/sh", NULL },
	{ "one argument may follow", "#!/bin/sh -e\n", "/bin/sh", "-e" },
	{ "all the rest is one argument", "#!/bin/a  -b c\t d \t\n", "/bin/a", "-b c\t d" },
	{ "blanks before the interpreter are skipped", "#! \t /bin/sh\n", "/bin/sh", NULL },
	{ "blanks after it are trimmed", "#!/bin/sh \t \n", "/bin/sh", NULL },
	{ "a carriage return is part of the path", "#!/bin/sh\r\n", "/bin/sh\r", NULL },
	{ "a relative interpreter is taken as it is", "#!sh\n", "sh", NULL },
	{ "the file may end after the interpreter", "#!/bin/sh", "/bin/sh", NULL },
	{ "the file may end after the argument", "#!/bin/sh -e", "/bin/sh", "-e" },
	{ "a blank before the file's end gives an empty argument", "#!/bin/sh ", "/bin/sh", "" },
	{ "a blank after the argument at the file's end stays", "#!/bin/sh -e ", "/bin/sh", "-e " },
	{ "an empty line is refused", "#!\n", NULL, NULL },
	{ "a line of blanks is refused", "#!  \t\n/bin/sh\n", NULL, NULL },
	{ "#! alone is an empty interpreter", "#!", "", NULL },
	{ "a file that does not begin with #! is refused", "# !/bin/sh\n", NULL, NULL },
	{ "# alone is refused", "#", NULL, NULL },
	{ "an empty file is refused", "", NULL, NULL },
};

static int parse_copy(const char *head, size_t len, char **copy, struct elf_text *interp,
	struct elf_text *arg)
{
	*copy = malloc(len ? len : 1);
	memcpy(*copy, head, len);
	return elf_script_parse(*copy, len, interp, arg);
}

static bool text_is(const struct elf_text *text, const char *wanted)
{
	if (!wanted || !text->start)
		return !wanted && !text->start;
	return text->len == strlen(wanted) && !memcmp(text->start, wanted, text->len);
}

static bool script_is(const char *head, size_t len, const char *wanted_interp,
	const char *wanted_arg)
{
	struct elf_text interp, arg;
	char *copy;
	int error = parse_copy(head, len, &copy, &interp, &arg);
	bool ok;

	if (!wanted_interp)
		ok = error == ELF_E_SCRIPT;
	else
		ok = !error && text_is(&interp, wanted_interp) && text_is(&arg, wanted_arg);
	free(copy);
	return ok;
}

static void test_table(void)
{
	for (size_t i = 0; i < sizeof(script_cases) / sizeof(script_cases[0]); i++) {
		const struct script_case *c = &script_cases[i];

		tap_ok(script_is(c->head, strlen(c->head), c->interp, c->arg), "%s", c->sentence);
	}
}

static void test_nul(void)
{
	tap_ok(script_is("#!/bin/sh\0 -x\n", 14, "/bin/sh", NULL), "a NUL ends the interpreter");
	tap_ok(script_is("#!/bin/sh -x\0y\n", 15, "/bin/sh", "-x"), "a NUL ends the argument");
	tap_ok(script_is("#!\0/bin/sh\n", 11, "", NULL), "a NUL at once leaves an empty path");
}

/* The line is "#!" + path of 'a' + rest, in a file of 300 bytes without another newline. */
static bool long_line_is(size_t path_len, const char *rest, bool accepted, size_t arg_len)
{
	char head[300];
	struct elf_text interp, arg;
	char *copy;
	int error;
	bool ok;

	memset(head, 'z', sizeof(head));
	head[0] = '#';
	head[1] = '!';
	memset(head + 2, 'a', path_len);
	memcpy(head + 2 + path_len, rest, strlen(rest));
	error = parse_copy(head, sizeof(head), &copy, &interp, &arg);
	if (!accepted)
		ok = error == ELF_E_SCRIPT;
	else
		ok = !error && interp.len == path_len && arg.len == arg_len;
	free(copy);
	return ok;
}

static void test_limit(void)
{
	tap_ok(long_line_is(253, "\n", true, 0), "a newline may be byte 255");
	tap_ok(long_line_is(254, "\n", false, 0), "a newline at byte 256 is too late");
	tap_ok(long_line_is(254, " x\n", false, 0), "a blank there, too");
	tap_ok(long_line_is(253, " x\n", true, 0),
		"a blank may be byte 255, and hides the argument");
	tap_ok(long_line_is(200, " ", true, 255 - 203), "a long argument is cut off");
	tap_ok(long_line_is(298, "", false, 0), "a path without end is refused");
}

static void test_blanks_only(void)
{
	char head[300];

	memset(head, ' ', sizeof(head));
	memcpy(head, "#!", 2);
	tap_ok(script_is(head, sizeof(head), NULL, NULL), "256 bytes of blanks are refused");
	head[255] = 'x';
	tap_ok(script_is(head, sizeof(head), NULL, NULL), "a path that begins there is cut off");
}

int main(void)
{
	test_table();
	test_nul();
	test_limit();
	test_blanks_only();
	return tap_done();
}
