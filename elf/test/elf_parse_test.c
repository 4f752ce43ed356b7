/*
 * elf_parse_test.c -- which ELF files elf_parse accepts, and what it says of the others.
 *
 * Tests:   elf/elf_parse.c, elf/elf_error.c
 * Needs:   nothing but the host's C library.
 */
#include "tap.h"
#include "test_file.h"

static struct test_file file;
static struct elf_image image;

static void test_good_file(void)
{
	file_make(&file, ET_EXEC, 0x400000);
	tap_equal(file_parse(&file, &image), ELF_OK, "a static program is accepted");
	tap_ok(!image.is_dyn && image.entry == 0x401234, "its type and entry are read");
	tap_equal(image.nloads, 3, "all three segments are kept");
	tap_ok(image.loads[2].offset == 0x2010 && image.loads[2].vaddr == 0x403010
		&& image.loads[2].filesz == 0x700 && image.loads[2].memsz == 0x3000
		&& image.loads[2].prot == (ELF_READ | ELF_WRITE), "a segment's fields are read");
	tap_ok(image.low == 0x400000 && image.end == 0x406010 && image.high == 0x407000,
		"the span is in whole pages");
	tap_equal(image.phdr_vaddr, 0x400040, "program headers are found in the first segment");
	tap_ok(!image.exec_stack && !image.beyond_eof && !image.disordered && !image.interp_len
		&& !image.tessera_note.len, "nothing else is claimed");
	tap_equal(elf_check_strict(&image), ELF_OK, "it passes the strict check");
	file_make(&file, ET_DYN, 0);
	tap_ok(file_parse(&file, &image) == ELF_OK && image.is_dyn && image.low == 0,
		"a position-independent program is accepted");
}

static void test_header_field(const char *what, void *field, size_t len, uint64_t value,
	int wanted)
{
	uint8_t saved[8];

	memcpy(saved, field, len);
	memcpy(field, &value, len);
	tap_ok(file_parse(&file, &image) == wanted, "%s: %s", what, elf_error_text(wanted));
	memcpy(field, saved, len);
}

#define HEADER_FIELD(what, field, value, wanted) \
	test_header_field(what, &file.header.field, sizeof(file.header.field), value, wanted)

static void test_header(void)
{
	file_make(&file, ET_EXEC, 0x400000);
	HEADER_FIELD("first byte of the magic", e_ident[0], 0, ELF_E_MAGIC);
	HEADER_FIELD("last byte of the magic", e_ident[3], 'f', ELF_E_MAGIC);
	HEADER_FIELD("class 32", e_ident[EI_CLASS], ELFCLASS32, ELF_E_CLASS);
	HEADER_FIELD("big-endian", e_ident[EI_DATA], ELFDATA2MSB, ELF_E_ENDIAN);
	HEADER_FIELD("ident version 2", e_ident[EI_VERSION], 2, ELF_E_VERSION);
	HEADER_FIELD("version 0", e_version, 0, ELF_E_VERSION);
	HEADER_FIELD("relocatable object", e_type, ET_REL, ELF_E_TYPE);
	HEADER_FIELD("core file", e_type, ET_CORE, ELF_E_TYPE);
	HEADER_FIELD("AArch64", e_machine, EM_AARCH64, ELF_E_MACHINE);
	HEADER_FIELD("i386", e_machine, EM_386, ELF_E_MACHINE);
	HEADER_FIELD("phentsize 32", e_phentsize, 32, ELF_E_PHENTSIZE);
	HEADER_FIELD("phnum 0", e_phnum, 0, ELF_E_PHNUM);
	HEADER_FIELD("phnum 74", e_phnum, 74, ELF_E_PHNUM);
	HEADER_FIELD("phnum 65535", e_phnum, 65535, ELF_E_PHNUM);
	HEADER_FIELD("phoff at the end", e_phoff, TEST_FILE_SIZE - 8, ELF_E_PHDRS_RANGE);
	HEADER_FIELD("phoff huge", e_phoff, ~0ull, ELF_E_PHDRS_RANGE);
	HEADER_FIELD("phoff wraps", e_phoff, ~0ull - 100, ELF_E_PHDRS_RANGE);
	HEADER_FIELD("phoff beyond the head", e_phoff, 4096 - 56, ELF_E_PHDRS_FAR);
}

/* Every length of file between nothing and all of it. */
static void test_truncated(void)
{
	bool header_ok = true, phdrs_ok = true, tail_ok = true;
	size_t phdrs_end;

	file_make(&file, ET_EXEC, 0x400000);
	phdrs_end = sizeof(Elf64_Ehdr) + file.header.e_phnum * sizeof(Elf64_Phdr);
	for (size_t len = 0; len <= TEST_FILE_SIZE; len++) {
		size_t head_len = len < ELF_HEAD_MAX ? len : ELF_HEAD_MAX;
		int error = file_parse_part(&file, head_len, len, &image);

		if (len < sizeof(Elf64_Ehdr))
			header_ok &= error == ELF_E_SHORT;
		else if (len < phdrs_end)
			phdrs_ok &= error == ELF_E_PHDRS_RANGE;
		else
			tail_ok &= error == ELF_OK && image.beyond_eof == (len <= 0x2000)
				&& (elf_check_strict(&image) == ELF_OK) == (len >= 0x2710);
	}
	tap_ok(header_ok, "a file cut within its header is too short");
	tap_ok(phdrs_ok, "a file cut within its program headers lacks them");
	tap_ok(tail_ok, "a file cut later is accepted, and known to reach beyond its end");
	tap_ok(file_parse_part(&file, 100, TEST_FILE_SIZE, &image) == ELF_E_PHDRS_FAR,
		"a short head of a long file asks for the program headers");
}

static void test_far_phdrs(void)
{
	struct elf_range range;
	Elf64_Phdr phdrs[4];

	file_make(&file, ET_EXEC, 0x400000);
	memcpy(phdrs, file_phdr(&file, 0), sizeof(phdrs));
	memset(file_phdr(&file, 0), 0xff, sizeof(phdrs));
	file.header.e_phoff = 0x2100;
	memcpy(file.bytes + 0x2100, phdrs, sizeof(phdrs));
	tap_equal(file_parse(&file, &image), ELF_E_PHDRS_FAR,
		"headers at the end are not in the head");
	tap_ok(elf_phdrs_find(file.bytes, 64, file.len, &range) == ELF_OK
		&& range.offset == 0x2100 && range.len == sizeof(phdrs), "their place is told");
	tap_ok(elf_parse_phdrs(file.bytes, 4096, phdrs, sizeof(phdrs), file.len, &image) == ELF_OK
		&& image.nloads == 3 && image.phdr_vaddr == 0x403100,
		"and they parse on their own");
	tap_equal(elf_parse_phdrs(file.bytes, 4096, phdrs, 56, file.len, &image), ELF_E_ARGUMENT,
		"but only all of them");
}

static int parse_with_load(uint64_t offset, uint64_t vaddr, uint64_t filesz, uint64_t memsz)
{
	file_make(&file, ET_EXEC, 0x400000);
	file_add(&file, PT_LOAD, PF_R | PF_W, offset, vaddr, filesz, memsz);
	return file_parse(&file, &image);
}

static void test_loads(void)
{
	tap_equal(parse_with_load(0, 0x500000, 0x101, 0x100), ELF_E_LOAD_SIZE,
		"a segment larger in the file than in memory is refused");
	tap_equal(parse_with_load(0, ~0ull - 0xfff, 0, 0x2000), ELF_E_LOAD_WRAP,
		"a segment that wraps round the address space is refused");
	tap_equal(parse_with_load(0, 0x500000, 0, ~0ull), ELF_E_LOAD_WRAP,
		"a segment of all memory is refused");
	tap_equal(parse_with_load(~0ull << 12, 0x500000, 0x2000, 0x2000), ELF_E_LOAD_WRAP,
		"a segment whose file offset wraps is refused");
	tap_equal(parse_with_load(0x10, 0x500020, 0x100, 0x100), ELF_E_LOAD_CONGRUENCE,
		"address and offset must agree within the page");
	tap_ok(parse_with_load(0x10, 0x500020, 0, 0x100) == ELF_OK && image.nloads == 4,
		"unless nothing comes from the file");
	tap_ok(parse_with_load(0, 0x500000, 0, 0) == ELF_OK && image.nloads == 3,
		"an empty segment is left out");
	tap_ok(parse_with_load(0x100000, 0x500000, 0x100, 0x100) == ELF_OK && image.beyond_eof
		&& elf_check_strict(&image) == ELF_E_STRICT_EOF,
		"a segment beyond the file is accepted as on Linux, not by the strict check");
	tap_ok(parse_with_load(0, 0x401000, 0x100, 0x100) == ELF_OK && image.disordered
		&& elf_check_strict(&image) == ELF_E_STRICT_ORDER,
		"an overlapping segment is accepted as on Linux, not by the strict check");
	tap_ok(parse_with_load(0, 0x300000, 0x100, 0x100) == ELF_OK && image.disordered
		&& image.low == 0x300000 && image.high == 0x407000,
		"segments out of order are accepted, and the span covers all");
}

static void test_load_sets(void)
{
	file_begin(&file, ET_EXEC);
	file_add(&file, PT_GNU_STACK, PF_R, 0, 0, 0, 0);
	tap_equal(file_parse(&file, &image), ELF_E_NO_LOAD,
		"a file with nothing to load is refused");
	file_make(&file, ET_EXEC, 0x400000);
	file_phdr(&file, 1)->p_flags |= PF_W;
	tap_ok(file_parse(&file, &image) == ELF_OK
		&& elf_check_strict(&image) == ELF_E_STRICT_PROT,
		"the strict check refuses writable code");
	file_make(&file, ET_EXEC, 0x400000);
	file.header.e_entry = 0x400100;
	tap_ok(file_parse(&file, &image) == ELF_OK
		&& elf_check_strict(&image) == ELF_E_STRICT_ENTRY,
		"the strict check refuses an entry point outside code");
	file_begin(&file, ET_DYN);
	for (uint64_t i = 0; i < ELF_MAX_LOAD; i++)
		file_add(&file, PT_LOAD, PF_R, 0, i << 12, 0x1000, 0x1000);
	tap_ok(file_parse(&file, &image) == ELF_E_PHDRS_FAR,
		"73 headers do not fit with the header");
	tap_ok(elf_parse_phdrs(file.bytes, 4096, file_phdr(&file, 0), 73 * 56, file.len, &image)
		== ELF_OK && image.nloads == ELF_MAX_LOAD, "but all may be segments");
	file_make(&file, ET_DYN, 0);
	file_phdr(&file, 1)->p_align = 0x200000;
	file_phdr(&file, 2)->p_align = 0x300000;
	tap_ok(file_parse(&file, &image) == ELF_OK && image.align == 0x200000,
		"the greatest alignment that is a power of two counts");
}

static void test_interp(void)
{
	file_make(&file, ET_DYN, 0);
	file_add_interp(&file);
	tap_ok(file_parse(&file, &image) == ELF_OK && image.interp_offset == TEST_INTERP_AT
		&& image.interp_len == sizeof(TEST_INTERP), "the interpreter is found");
	tap_equal(elf_interp_check(file.bytes + TEST_INTERP_AT, sizeof(TEST_INTERP)), ELF_OK,
		"its path is terminated");
	tap_equal(elf_interp_check(file.bytes + TEST_INTERP_AT, sizeof(TEST_INTERP) - 1),
		ELF_E_INTERP_TEXT, "a path without its NUL is refused");
	file_add_interp(&file);
	file_phdr(&file, 5)->p_offset = 0x410;
	tap_ok(file_parse(&file, &image) == ELF_OK && image.interp_offset == TEST_INTERP_AT,
		"only the first interpreter counts");
	file_phdr(&file, 4)->p_filesz = 1;
	tap_equal(file_parse(&file, &image), ELF_E_INTERP_LEN, "an empty path is refused");
	file_phdr(&file, 4)->p_filesz = 4097;
	tap_equal(file_parse(&file, &image), ELF_E_INTERP_LEN, "a path beyond PATH_MAX is refused");
	file_phdr(&file, 4)->p_filesz = 4096;
	tap_equal(file_parse(&file, &image), ELF_OK, "a path of PATH_MAX is not");
	file_phdr(&file, 4)->p_offset = TEST_FILE_SIZE - 4095;
	tap_equal(file_parse(&file, &image), ELF_E_INTERP_RANGE,
		"a path beyond the file is refused");
	file_phdr(&file, 0)->p_filesz = ~0ull;
	tap_equal(file_parse(&file, &image), ELF_E_INTERP_RANGE,
		"a bad interpreter is reported before bad segments");
}

static void test_stack_flag(void)
{
	file_make(&file, ET_DYN, 0);
	file_phdr(&file, 3)->p_flags |= PF_X;
	tap_ok(file_parse(&file, &image) == ELF_OK && image.exec_stack,
		"PT_GNU_STACK may ask for an executable stack");
	file_phdr(&file, 3)->p_type = PT_NULL;
	tap_ok(file_parse(&file, &image) == ELF_OK && !image.exec_stack,
		"without it the stack is not executable");
}

static void test_notes(void)
{
	static const char grant[] = "console, log";
	size_t at;

	file_make(&file, ET_EXEC, 0x400000);
	at = file_put_note(&file, TEST_NOTE_AT, 4, "GNU", 1, "0123", 4);
	at = file_put_note(&file, at, 4, "Tesserae", 1, "x", 1);
	at = file_put_note(&file, at, 4, "Tessera", 2, "y", 1);
	at = file_put_note(&file, at, 4, "Tessera", 1, grant, sizeof(grant));
	file_add(&file, PT_NOTE, PF_R, TEST_NOTE_AT, 0, at - TEST_NOTE_AT, 0);
	tap_ok(file_parse(&file, &image) == ELF_OK && image.tessera_note.len == sizeof(grant)
		&& !memcmp(file.bytes + image.tessera_note.offset, grant, sizeof(grant)),
		"the Tessera note is found behind others");
	file_phdr(&file, 4)->p_filesz -= 1;
	tap_ok(file_parse(&file, &image) == ELF_OK && image.tessera_note.len == sizeof(grant),
		"padding after the last note may be missing");
	file_phdr(&file, 4)->p_filesz -= sizeof(grant);
	tap_ok(file_parse(&file, &image) == ELF_OK && image.tessera_note.len == 0,
		"a note that is cut off is not there");
	file_make(&file, ET_EXEC, 0x400000);
	at = file_put_note(&file, 0x2000, 8, "GNU", 5, "0123456789", 10);
	at = file_put_note(&file, at, 8, "Tessera", 1, grant, sizeof(grant));
	file_add(&file, PT_NOTE, PF_R, 0x2000, 0, at - 0x2000, 0)->p_align = 8;
	tap_ok(file_parse(&file, &image) == ELF_OK && image.tessera_note.len == 0
		&& image.nnotes == 1 && image.notes[0].offset == 0x2000,
		"notes outside the head are listed only");
	tap_ok(elf_note_find(file.bytes + 0x2000, image.notes[0].len, image.notes[0].align,
		ELF_NOTE_TESSERA_NAME, ELF_NOTE_TESSERA_TYPE, &image.tessera_note) == ELF_OK
		&& image.tessera_note.len == sizeof(grant),
		"and are found when read, aligned to 8");
	for (int i = 0; i < 20; i++)
		file_add(&file, PT_NOTE, PF_R, 0x2000, 0, 16, 0);
	tap_ok(file_parse(&file, &image) == ELF_OK && image.nnotes == ELF_MAX_NOTES,
		"too many notes are ignored");
	file_make(&file, ET_EXEC, 0x400000);
	memset(file.bytes + TEST_NOTE_AT, 0xff, 64);
	file_add(&file, PT_NOTE, PF_R, TEST_NOTE_AT, 0, 64, 0);
	file_add(&file, PT_NOTE, PF_R, ~0ull - 8, 0, 64, 0);
	tap_ok(file_parse(&file, &image) == ELF_OK && image.tessera_note.len == 0,
		"notes of nonsense do no harm");
}

static void test_errors(void)
{
	bool texts_ok = true;

	for (int error = 0; error < ELF_E_COUNT; error++)
		texts_ok &= elf_error_text(error)[0] != '\0';
	tap_ok(texts_ok, "every error has a text");
	tap_ok(!strcmp(elf_error_text(-1), "unknown error")
		&& !strcmp(elf_error_text(ELF_E_COUNT), "unknown error"),
		"and no other number has");
	tap_ok(elf_error_errno(ELF_E_CLASS, false) == 8 && elf_error_errno(ELF_E_CLASS, true) == 80,
		"a bad header is ENOEXEC, or ELIBBAD in an interpreter");
	tap_ok(elf_error_errno(ELF_E_LOAD_SIZE, false) == 0
		&& elf_error_errno(ELF_E_ADDRESS, true) == 0, "a bad segment is a SIGSEGV");
	tap_equal((unsigned long long)elf_error_errno(ELF_E_STACK_FULL, false), 7,
		"too many arguments are E2BIG");
}

int main(void)
{
	test_good_file();
	test_header();
	test_truncated();
	test_far_phdrs();
	test_loads();
	test_load_sets();
	test_interp();
	test_stack_flag();
	test_notes();
	test_errors();
	return tap_done();
}
