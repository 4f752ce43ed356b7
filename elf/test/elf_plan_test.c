/*
 * elf_plan_test.c -- the mappings that elf_plan asks for.
 *
 * Tests:   elf/elf_plan.c
 * Needs:   nothing but the host's C library.
 */
#include "tap.h"
#include "test_file.h"

#define USER_LOW	0x10000ull
#define USER_LIMIT	0x7ffffffff000ull

static struct test_file file;
static struct elf_image image;
static struct elf_plan plan;

static int plan_file(uint64_t bias)
{
	int error = file_parse(&file, &image);

	return error ? error : elf_plan(&image, bias, USER_LOW, USER_LIMIT, &plan);
}

static void test_fixed_program(void)
{
	const struct elf_mapping *code = &plan.mappings[1], *data = &plan.mappings[2];

	file_make(&file, ET_EXEC, 0x400000);
	tap_equal(plan_file(0), ELF_OK, "a static program is planned");
	tap_ok(plan.low == 0x400000 && plan.len == 0x7000 && plan.brk == 0x407000
		&& plan.entry == 0x401234 && plan.phdr == 0x400040 && plan.phnum == 4,
		"its span, brk, entry and program headers are where it says");
	tap_equal(plan.nmappings, 3, "each segment is one mapping");
	tap_ok(code->vaddr == 0x401000 && code->file_offset == 0x1000 && code->file_len == 0x1000
		&& code->prot == (ELF_READ | ELF_EXEC) && !code->anon_len && !code->zero_len,
		"code is a file mapping of whole pages");
	tap_ok(data->vaddr == 0x403000 && data->file_offset == 0x2000 && data->file_len == 0x1000
		&& data->prot == (ELF_READ | ELF_WRITE), "data begins at a page boundary");
	tap_ok(data->zero_vaddr == 0x403710 && data->zero_len == 0x8f0,
		"the rest of its last file page is to be cleared");
	tap_ok(data->anon_vaddr == 0x404000 && data->anon_len == 0x3000
		&& data->anon_prot == (ELF_READ | ELF_WRITE), "the rest of its bss is anonymous");
}

static void test_tails(void)
{
	const struct elf_mapping *tail = &plan.mappings[3];

	file_make(&file, ET_EXEC, 0x400000);
	file_add(&file, PT_LOAD, PF_R | PF_W, 0, 0x500000, 0x1000, 0x1001);
	tap_ok(plan_file(0) == ELF_OK && tail->zero_len == 0 && tail->anon_vaddr == 0x501000
		&& tail->anon_len == 0x1000, "a tail at a page boundary clears nothing");
	*file_phdr(&file, 4) = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 0x10, 0x500010, 0, 8, 16, 0 };
	tap_ok(plan_file(0) == ELF_OK && tail->zero_vaddr == 0x500018 && tail->zero_len == 0xfe8
		&& tail->anon_len == 0, "a tail within the page needs no anonymous memory");
	file_phdr(&file, 4)->p_flags = PF_R;
	tap_ok(plan_file(0) == ELF_OK && tail->zero_len == 0, "a read-only page is not cleared");
	*file_phdr(&file, 4) = (Elf64_Phdr){ PT_LOAD, PF_R | PF_X, 0x7, 0x500010, 0, 0, 0x2000, 0 };
	tap_ok(plan_file(0) == ELF_OK && tail->file_len == 0 && tail->anon_vaddr == 0x500000
		&& tail->anon_len == 0x3000 && tail->zero_len == 0
		&& tail->anon_prot == (ELF_READ | ELF_WRITE | ELF_EXEC),
		"a segment without file bytes is all anonymous, writable as on Linux");
	*file_phdr(&file, 4) = (Elf64_Phdr){ PT_LOAD, PF_R | PF_W, 0, 0x500000, 0, 9, 9, 0 };
	tap_ok(plan_file(0) == ELF_OK && tail->zero_len == 0 && tail->anon_len == 0,
		"a segment without bss shows the file to the page's end");
}

static void test_bias(void)
{
	uint64_t bias;

	file_make(&file, ET_DYN, 0);
	tap_ok(plan_file(0x555555554000) == ELF_OK && plan.low == 0x555555554000
		&& plan.entry == 0x555555555234 && plan.phdr == 0x555555554040
		&& plan.mappings[2].zero_vaddr == 0x555555557710, "a bias moves every address");
	tap_equal(plan_file(0x555555554800), ELF_E_BIAS, "a bias is whole pages");
	tap_equal(elf_bias_at(&image, 0x123456), 0x124000, "an address is rounded up to a bias");
	image.align = 0x200000;
	tap_equal(elf_bias_at(&image, 0x7f0000001000), 0x7f0000200000, "aligned as a segment asks");
	image.align = 1ull << 62;
	tap_equal(elf_bias_at(&image, 0x7f0000001000), 0x7f0000001000,
		"unless no address could be");
	file_make(&file, ET_DYN, 0x800000);
	file_parse(&file, &image);
	bias = elf_bias_at(&image, 0x100000);
	tap_ok(plan_file(bias) == ELF_OK && plan.low == 0x100000 && plan.entry == 0x101234,
		"a file made for a high address can be loaded below it");
	file_make(&file, ET_EXEC, 0x400000);
	tap_equal(plan_file(0x1000), ELF_E_BIAS, "a program with fixed addresses takes no bias");
	tap_equal(elf_bias_at(&image, 0x123456), 0, "and is offered none");
}

static void test_limits(void)
{
	file_make(&file, ET_EXEC, 0);
	tap_equal(plan_file(0), ELF_E_ADDRESS, "a program at address 0 is refused");
	file_make(&file, ET_EXEC, USER_LIMIT - 0x7000);
	tap_equal(plan_file(0), ELF_OK, "a program may end at the limit");
	file_make(&file, ET_EXEC, USER_LIMIT - 0x6000);
	tap_equal(plan_file(0), ELF_E_ADDRESS, "but not beyond it");
	file_make(&file, ET_EXEC, 0x400000);
	file_add(&file, PT_LOAD, PF_R, 0, 0x800000000000, 0x100, 0x100);
	tap_equal(plan_file(0), ELF_E_ADDRESS, "a non-canonical segment is refused");
	file_make(&file, ET_EXEC, 0xffffffff80000000);
	tap_equal(plan_file(0), ELF_E_LOAD_WRAP, "a kernel's own file is refused");
	file_make(&file, ET_DYN, 0);
	tap_equal(plan_file(0ull - 0x3000), ELF_E_ADDRESS, "a bias may not wrap the span");
	tap_equal(plan_file(USER_LIMIT - 0x3000), ELF_E_ADDRESS, "nor push it over the limit");
	file_make(&file, ET_EXEC, 0x400000);
	file.header.e_entry = 0xffff800000000000;
	tap_equal(plan_file(0), ELF_E_ENTRY, "an entry point must be a user address");
}

static void test_auxv(void)
{
	struct elf_aux auxv[ELF_AUXV_IMAGE_COUNT];
	static struct elf_plan interp;

	file_make(&file, ET_DYN, 0);
	plan_file(0x7f0000000000);
	interp = plan;
	plan_file(0x555500000000);
	elf_auxv_image(&plan, &interp, auxv);
	tap_ok(auxv[0].type == AT_PHDR && auxv[0].value == 0x555500000040
		&& auxv[1].type == AT_PHENT && auxv[1].value == sizeof(Elf64_Phdr)
		&& auxv[2].type == AT_PHNUM && auxv[2].value == 4
		&& auxv[3].type == AT_PAGESZ && auxv[3].value == 4096
		&& auxv[4].type == AT_BASE && auxv[4].value == 0x7f0000000000
		&& auxv[5].type == AT_FLAGS && auxv[5].value == 0
		&& auxv[6].type == AT_ENTRY && auxv[6].value == 0x555500001234,
		"the auxiliary vector names the program's entry and the interpreter's base");
	elf_auxv_image(&plan, NULL, auxv);
	tap_equal(auxv[4].value, 0, "without an interpreter the base is 0");
}

int main(void)
{
	test_fixed_program();
	test_tails();
	test_bias();
	test_limits();
	test_auxv();
	return tap_done();
}
