/*
 * elf_load.h -- read an ELF program, plan its mappings, read #! lines, build the first stack.
 *
 * Pure functions over bytes that the caller has read: nothing here allocates, maps, opens or keeps
 * state, so the translator (in a fresh process), the kernel (init), init (servers) and host tests
 * and fuzzers share it.  Every byte of the input may be hostile.  A caller does:
 *
 *	elf_parse(head, n, file_size, &image)		n: up to 4096 bytes from the file's start
 *	   (ELF_E_PHDRS_FAR: elf_phdrs_find, read that range, elf_parse_phdrs)
 *	image.interp_len != 0: read that range, elf_interp_check, open it, parse it likewise
 *	bias = elf_bias_at(&image, address)		0 for a program with fixed addresses
 *	elf_plan(&image, bias, lowest, limit, &plan)
 *	reserve [plan.low, plan.low + plan.len), perform plan.mappings IN ORDER, each replacing what
 *	   an earlier one left there; then zero [zero_vaddr, zero_len) of each
 *	elf_auxv_image(), further entries, elf_stack_size(), elf_stack_build()
 *
 * Functions returning int answer ELF_OK or an enum elf_error; on an error the output is undefined.
 * Semantics are those of Linux 6.1; README.md lists each difference.
 *
 * The compiler may call memcpy, memset and memmove, which any freestanding target has to supply.
 */
#ifndef ELF_ELF_LOAD_H
#define ELF_ELF_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_PAGE_SIZE	4096u
#define ELF_HEAD_MAX	4096u	/* bytes of the file's start that a caller need offer at most */
#define ELF_PHDR_SIZE	56u
#define ELF_PHDRS_MAX	73u	/* Linux: the program headers fit in one page */
#define ELF_MAX_LOAD	ELF_PHDRS_MAX
#define ELF_MAX_NOTES	8u
#define ELF_INTERP_MAX	4096u	/* PATH_MAX, terminating NUL included */

/* Segment protection; the values are p_flags' own. */
#define ELF_EXEC	1u
#define ELF_WRITE	2u
#define ELF_READ	4u

/*
 * X(name, errno as a program, errno as another program's interpreter, text).  Errnos are Linux's
 * numbers; 0: Linux finds out after the old program is gone, and answers SIGSEGV.
 */
#define ELF_ERRORS(X) \
	X(SHORT,	8, 5,	"file is shorter than an ELF header") \
	X(MAGIC,	8, 80,	"not an ELF file") \
	X(CLASS,	8, 80,	"not a 64-bit ELF file") \
	X(ENDIAN,	8, 80,	"not a little-endian ELF file") \
	X(VERSION,	8, 80,	"unknown ELF version") \
	X(TYPE,		8, 0,	"neither an executable nor a shared object") \
	X(MACHINE,	8, 80,	"made for another machine") \
	X(PHENTSIZE,	8, 80,	"program headers have a wrong size") \
	X(PHNUM,	8, 80,	"no program headers, or more than a page of them") \
	X(PHDRS_RANGE,	8, 80,	"program headers lie beyond the end of the file") \
	X(PHDRS_FAR,	8, 80,	"program headers are not in the bytes given") \
	X(INTERP_LEN,	8, 80,	"interpreter path is empty or too long") \
	X(INTERP_RANGE,	5, 80,	"interpreter path lies beyond the end of the file") \
	X(INTERP_TEXT,	8, 80,	"interpreter path is not terminated") \
	X(NO_LOAD,	0, 0,	"nothing to load") \
	X(LOAD_SIZE,	0, 0,	"segment is larger in the file than in memory") \
	X(LOAD_WRAP,	0, 0,	"segment's address or offset overflows") \
	X(LOAD_CONGRUENCE, 0, 0, "segment's address and offset disagree within the page") \
	X(ADDRESS,	0, 0,	"does not fit into the address space") \
	X(BIAS,		0, 0,	"load bias is not possible for this file") \
	X(ENTRY,	0, 0,	"entry point is not a user address") \
	X(NOTE,		8, 80,	"malformed or missing note") \
	X(STRICT_ORDER,	8, 80,	"segments overlap or are out of order") \
	X(STRICT_EOF,	8, 80,	"segment reaches beyond the end of the file") \
	X(STRICT_PROT,	8, 80,	"segment is both writable and executable") \
	X(STRICT_ENTRY,	8, 80,	"entry point is in no executable segment") \
	X(SCRIPT,	8, 80,	"not a script, or its interpreter is missing or cut off") \
	X(STRINGS,	22, 22,	"string block does not hold as many strings as it says") \
	X(STACK_FULL,	7, 7,	"arguments do not fit onto the stack") \
	X(ARGUMENT,	22, 22,	"caller's mistake")

#define ELF_ERROR_ENUM(name, program_errno, interp_errno, text) ELF_E_##name,
enum elf_error {
	ELF_OK,
	ELF_ERRORS(ELF_ERROR_ENUM)
	ELF_E_COUNT
};
#undef ELF_ERROR_ENUM

const char *elf_error_text(int error);
/* Linux's errno (positive); 0: the process ends by SIGSEGV instead. */
int elf_error_errno(int error, bool is_interp);

/* --- reading ---------------------------------------------------------------------------- */

/* One PT_LOAD with a size, as the file says; offset and vaddr are congruent modulo the page. */
struct elf_load {
	uint64_t offset, filesz, vaddr, memsz;
	uint32_t prot;			/* ELF_READ | ... */
	uint32_t reserved;
};

/* A range of the file. */
struct elf_range {
	uint64_t offset, len;
};

struct elf_note_range {
	uint64_t offset, len;		/* lies within the file */
	uint64_t align;			/* 4 or 8 */
};

/* About 3.3 KiB: with a plan, too much for a translator's upcall stack; its state has room. */
struct elf_image {
	bool is_dyn;			/* may be loaded at any bias */
	bool exec_stack;		/* PT_GNU_STACK asks for an executable stack */
	bool beyond_eof;		/* some page will raise SIGBUS when touched */
	bool disordered;		/* segments overlap in a page or are not ascending */
	uint16_t phnum;
	uint64_t file_size;
	uint64_t entry;			/* unbiased */
	uint64_t phdr_vaddr;		/* unbiased; 0: no segment holds the program headers */
	uint64_t low, high;		/* unbiased, whole pages: all segments lie in [low, high) */
	uint64_t end;			/* unbiased end of the highest segment */
	uint64_t align;			/* of the bias: a power of two, at least a page */
	uint64_t interp_offset;
	uint32_t interp_len;		/* 0: none; terminating NUL included */
	uint32_t nnotes, nloads;
	uint32_t reserved;
	struct elf_range tessera_note;	/* of note "Tessera" type 1, in the head; len 0: none */
	struct elf_note_range notes[ELF_MAX_NOTES]; /* PT_NOTE segments, for elf_note_find */
	struct elf_load loads[ELF_MAX_LOAD];
};

#define ELF_NOTE_TESSERA_NAME	"Tessera"
#define ELF_NOTE_TESSERA_TYPE	1u

int elf_parse(const void *head, size_t head_len, uint64_t file_size, struct elf_image *out);
/* For a file whose program headers are elsewhere: the range to read; head needs 64 bytes. */
int elf_phdrs_find(const void *head, size_t head_len, uint64_t file_size, struct elf_range *out);
int elf_parse_phdrs(const void *head, size_t head_len, const void *phdrs, size_t phdrs_len,
	uint64_t file_size, struct elf_image *out);
/* What our own loaders demand beyond Linux: ascending, disjoint, inside the file, never W and X. */
int elf_check_strict(const struct elf_image *image);
/* The bytes at image.interp_offset, image.interp_len of them; the path ends at the first NUL. */
int elf_interp_check(const void *text, size_t len);
/* In the bytes of one PT_NOTE segment; out->offset counts from notes. */
int elf_note_find(const void *notes, size_t len, uint64_t align, const char *name, uint32_t type,
	struct elf_range *out);

/* --- planning --------------------------------------------------------------------------- */

/*
 * One segment, biased.  Perform in this order, each with "replace what is there":
 *   file_len > 0:  private file mapping of file_len bytes at vaddr, from file_offset, with prot;
 *                  pages wholly beyond the end of the file raise SIGBUS when touched
 *   anon_len > 0:  anonymous memory at anon_vaddr, with anon_prot
 *   zero_len > 0:  the rest of the last file page becomes zero (prot is writable then; the write
 *                  may fault if image.beyond_eof: SIGSEGV for the program)
 * vaddr, file_offset, anon_vaddr and the lengths but zero_len are whole pages.
 */
struct elf_mapping {
	uint64_t vaddr, file_offset, file_len;
	uint64_t anon_vaddr, anon_len;
	uint64_t zero_vaddr, zero_len;
	uint32_t prot, anon_prot;
};

/* About 4.7 KiB. */
struct elf_plan {
	uint64_t bias;
	uint64_t low, len;		/* the span to reserve, whole pages */
	uint64_t brk;			/* first page after the highest segment */
	uint64_t entry;
	uint64_t phdr;			/* for AT_PHDR */
	uint32_t phnum;
	uint32_t nmappings;
	struct elf_mapping mappings[ELF_MAX_LOAD];
};

/*
 * The bias that puts the image's lowest page at the first possible place at or above addr; up to
 * image->align - ELF_PAGE_SIZE bytes above it.  0 for a program with fixed addresses.
 */
uint64_t elf_bias_at(const struct elf_image *image, uint64_t addr);
/* Everything must lie in [user_low, user_limit); user_low is Linux's mmap_min_addr, 65536. */
int elf_plan(const struct elf_image *image, uint64_t bias, uint64_t user_low, uint64_t user_limit,
	struct elf_plan *out);

/* --- #! --------------------------------------------------------------------------------- */

#define ELF_SCRIPT_HEAD		256u	/* only these bytes of the file count */
#define ELF_SCRIPT_LEVELS	5u	/* scripts of scripts; one more is ELOOP */

/* Not NUL-terminated; points into the caller's bytes (or one past them, when len is 0). */
struct elf_text {
	const char *start;
	size_t len;
};

/* arg->start is NULL when there is no argument (an empty one is possible, as on Linux). */
int elf_script_parse(const void *head, size_t head_len, struct elf_text *interp,
	struct elf_text *arg);

/* --- the first stack -------------------------------------------------------------------- */

enum elf_at {
	ELF_AT_NULL = 0, ELF_AT_PHDR = 3, ELF_AT_PHENT = 4, ELF_AT_PHNUM = 5, ELF_AT_PAGESZ = 6,
	ELF_AT_BASE = 7, ELF_AT_FLAGS = 8, ELF_AT_ENTRY = 9, ELF_AT_UID = 11, ELF_AT_EUID = 12,
	ELF_AT_GID = 13, ELF_AT_EGID = 14, ELF_AT_PLATFORM = 15, ELF_AT_HWCAP = 16,
	ELF_AT_CLKTCK = 17, ELF_AT_SECURE = 23, ELF_AT_RANDOM = 25, ELF_AT_HWCAP2 = 26,
	ELF_AT_EXECFN = 31, ELF_AT_SYSINFO_EHDR = 33, ELF_AT_MINSIGSTKSZ = 51,
};

struct elf_aux {
	uint64_t type, value;
};

#define ELF_AUXV_IMAGE_COUNT 7u
/* AT_PHDR, PHENT, PHNUM, PAGESZ, BASE (interp's bias, 0 if interp is NULL), FLAGS, ENTRY. */
void elf_auxv_image(const struct elf_plan *program, const struct elf_plan *interp,
	struct elf_aux out[ELF_AUXV_IMAGE_COUNT]);

/* count NUL-terminated strings, one after the other; len includes every NUL. */
struct elf_strings {
	const char *bytes;
	size_t len;
	uint32_t count;
};

/*
 * What the program finds.  argv is prefix followed by args, so that #! needs no copy of args: there
 * the caller leaves argv[0] out of args and puts interpreter, argument, script into prefix.  (Linux
 * starts no program with argc 0: the caller passes one empty string instead.)
 */
struct elf_stack_args {
	struct elf_strings prefix, args, env;
	const char *execfn;
	size_t execfn_len;		/* with its NUL */
	const struct elf_aux *auxv;	/* NULL, RANDOM, EXECFN, PLATFORM are added to it */
	size_t nauxv;
	uint8_t random[16];
};

/* Final addresses; arg_* and env_* are what /proc/PID/cmdline and environ show. */
struct elf_stack {
	uint64_t rsp;			/* points at argc; a multiple of 16 */
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t auxv_start, auxv_len;
};

/* Bytes from rsp to top; a multiple of 16. */
int elf_stack_size(const struct elf_stack_args *args, uint64_t *len);
/* buffer's end is to become address top (a multiple of 16); bytes below rsp stay untouched. */
int elf_stack_build(const struct elf_stack_args *args, void *buffer, size_t buffer_len,
	uint64_t top, struct elf_stack *out);

#endif
