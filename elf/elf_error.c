/*
 * elf_error.c -- what each error of the ELF library means, to people and to Linux programs.
 *
 * Owns:    nothing; the list is ELF_ERRORS in elf_load.h.
 * Locks:   none.
 * Fails:   never; an unknown number has a text of its own and counts as fatal.
 * Tested:  elf/test/elf_parse_test.c
 */
#include "elf_load.h"

#define ERROR_ROW(name, program, interp, message) [ELF_E_##name] = { program, interp, message },

static const struct error_row {
	uint8_t program_errno, interp_errno;
	char text[54];
} error_rows[ELF_E_COUNT] = {
	[ELF_OK] = { 0, 0, "no error" },
	ELF_ERRORS(ERROR_ROW)
};

const char *elf_error_text(int error)
{
	if (error < 0 || error >= ELF_E_COUNT)
		return "unknown error";
	return error_rows[error].text;
}

/*
 * The errno that Linux's execve answers for this error, found in the program itself or, with
 * is_interp, in the file that PT_INTERP names.  0: execve has succeeded as far as the caller's old
 * program can tell, and the process dies of SIGSEGV.  Source: fs/binfmt_elf.c of Linux 6.1, where
 * everything after begin_new_exec() is fatal.
 */
int elf_error_errno(int error, bool is_interp)
{
	if (error < 0 || error >= ELF_E_COUNT)
		return 0;
	return is_interp ? error_rows[error].interp_errno : error_rows[error].program_errno;
}
