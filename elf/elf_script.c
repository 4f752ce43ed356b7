/*
 * elf_script.c -- read the #! line of a script exactly as Linux 6 does.
 *
 * Owns:    nothing; the results point into the caller's bytes.
 * Locks:   none.
 * Fails:   ELF_E_SCRIPT (ENOEXEC) only.
 * Tested:  elf/test/elf_script_test.c, elf/test/elf_fuzz.c
 *
 * The rules (fs/binfmt_script.c since 5.0): the line is looked for in the first 256 bytes, to which
 * a shorter file is extended with NULs.  Blanks are spaces and tabs.  Without a newline before the
 * first NUL the line ends at byte 255, which does not count, and there must be a blank or a NUL
 * after the interpreter's first byte, or its path has been cut off.  Blanks before the end are
 * trimmed, which in a file without newline does nothing, so that "#!/bin/sh " then gives an empty
 * argument.  All that follows the interpreter's path is one argument.
 */
#include "elf_load.h"

/* The line as Linux sees it: NULs follow the bytes. */
struct line {
	const char *bytes;
	size_t len;			/* at most ELF_SCRIPT_HEAD */
};

#define LINE_NONE	((size_t)-1)
#define LINE_START	2u		/* after #! */
#define LINE_LAST	(ELF_SCRIPT_HEAD - 1)

static char line_at(const struct line *line, size_t at)
{
	return at < line->len ? line->bytes[at] : '\0';
}

static bool line_is_blank(const struct line *line, size_t at)
{
	char c = line_at(line, at);

	return c == ' ' || c == '\t';
}

/* Both search [from, to], and answer LINE_NONE when nothing is there. */
static size_t line_skip_blanks(const struct line *line, size_t from, size_t to)
{
	for (; from <= to; from++)
		if (!line_is_blank(line, from))
			return from;
	return LINE_NONE;
}

static size_t line_find_terminator(const struct line *line, size_t from, size_t to)
{
	for (; from <= to; from++)
		if (line_is_blank(line, from) || line_at(line, from) == '\0')
			return from;
	return LINE_NONE;
}

static size_t line_find_newline(const struct line *line)
{
	for (size_t at = 0; at < line->len && line->bytes[at] != '\0'; at++)
		if (line->bytes[at] == '\n')
			return at;
	return LINE_NONE;
}

/* Where the line ends, before trimming; LINE_NONE if the interpreter's path is not all there. */
static size_t line_find_end(const struct line *line)
{
	size_t end = line_find_newline(line), start;

	if (end != LINE_NONE)
		return end;
	start = line_skip_blanks(line, LINE_START, LINE_LAST);
	if (start == LINE_NONE || line_find_terminator(line, start, LINE_LAST) == LINE_NONE)
		return LINE_NONE;
	return LINE_LAST;
}

/* [from, to), ended by the first NUL in it. */
static struct elf_text line_text(const struct line *line, size_t from, size_t to)
{
	size_t at = from;

	while (at < to && line_at(line, at) != '\0')
		at++;
	return (struct elf_text){ line->bytes + from, at - from };
}

/*
 * Reads the #! line in head, the first head_len bytes of a file (more than 256 are ignored).  The
 * interpreter may be an empty text, which open() then refuses with ENOENT, as on Linux.
 */
int elf_script_parse(const void *head, size_t head_len, struct elf_text *interp,
	struct elf_text *arg)
{
	struct line line = { head, head_len < ELF_SCRIPT_HEAD ? head_len : ELF_SCRIPT_HEAD };
	size_t end, name, separator, argument = LINE_NONE;

	if (line_at(&line, 0) != '#' || line_at(&line, 1) != '!')
		return ELF_E_SCRIPT;
	end = line_find_end(&line);
	if (end == LINE_NONE)
		return ELF_E_SCRIPT;
	while (line_is_blank(&line, end - 1))	/* stops at the '!' at the latest */
		end--;
	name = line_skip_blanks(&line, LINE_START, end);
	if (name == LINE_NONE || name == end)
		return ELF_E_SCRIPT;
	separator = line_find_terminator(&line, name, end);
	if (separator != LINE_NONE && line_at(&line, separator) != '\0')
		argument = line_skip_blanks(&line, separator, end);
	*interp = line_text(&line, name, argument != LINE_NONE ? separator : end);
	*arg = (struct elf_text){ NULL, 0 };
	if (argument != LINE_NONE)
		*arg = line_text(&line, argument, end);
	return ELF_OK;
}
