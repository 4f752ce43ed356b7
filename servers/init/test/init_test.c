/*
 * init_test.c -- init's parsers of the boot archive and of the manifest, good and damaged input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lib/test/tap.h>
#include <lib/rt/cpio.h>
#include "../manifest.h"

/* libc of this age has none; what the native runtime's does is tested in lib/rt/test */
size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from);

	if (size) {
		size_t n = len < size ? len : size - 1;

		memcpy(to, from, n);
		to[n] = 0;
	}
	return len;
}

/* --- cpio --------------------------------------------------------------------------------------- */

struct buffer {
	uint8_t data[16384];
	size_t len;
};

static void pad_to(struct buffer *b, size_t align)
{
	while (b->len % align)
		b->data[b->len++] = 0;
}

static void add_entry(struct buffer *b, const char *name, unsigned mode, const char *data, size_t len)
{
	b->len += (size_t)sprintf((char *)b->data + b->len,
				  "070701%08X%08X%08X%08X%08X%08X%08x%08X%08X%08X%08X%08X%08X", 1, mode, 0, 0, 1, 0,
				  (unsigned)len, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	memcpy(b->data + b->len, name, strlen(name) + 1);
	b->len += strlen(name) + 1;
	pad_to(b, 4);
	memcpy(b->data + b->len, data, len);
	b->len += len;
	pad_to(b, 4);
}

static void add_trailer(struct buffer *b)
{
	add_entry(b, "TRAILER!!!", 0, "", 0);
}

static struct buffer *two_parts(void)
{
	struct buffer *b = calloc(1, sizeof(*b));

	add_entry(b, "boot", 040755, "", 0);
	add_entry(b, "boot/manifest", 0100644, "hello", 5);
	add_trailer(b);
	pad_to(b, 4096);
	add_entry(b, "bin/sh", 0100755, "abc", 3);
	add_trailer(b);
	pad_to(b, 512);
	return b;
}

/* Reads the whole of an exactly sized copy, so that ASan sees every step beyond it. */
static enum cpio_result read_all(const uint8_t *data, size_t len, unsigned *count)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum cpio_result result;
	struct cpio_entry e;
	struct cpio c;

	memcpy(copy, data, len);
	cpio_begin(&c, copy, len);
	for (*count = 0; (result = cpio_next(&c, &e)) == CPIO_ENTRY; (*count)++) {
		CHECK(strlen(e.name) < len);
		CHECK(e.offset + e.size <= len);
	}
	free(copy);
	return result;
}

static void reads_archives_one_after_the_other(void)
{
	struct buffer *b = two_parts();
	struct cpio_entry e;
	unsigned count;

	CHECK(read_all(b->data, b->len, &count) == CPIO_END && count == 3);
	CHECK(cpio_find(b->data, b->len, "boot/manifest", &e) == CPIO_ENTRY);
	CHECK(e.size == 5 && !memcmp(b->data + e.offset, "hello", 5) && e.mode == 0100644);
	CHECK(cpio_find(b->data, b->len, "bin/sh", &e) == CPIO_ENTRY && e.size == 3);
	CHECK(cpio_find(b->data, b->len, "bin", &e) == CPIO_END);
	free(b);
}

static void refuses_a_truncated_archive(void)
{
	struct buffer *b = calloc(1, sizeof(*b));
	size_t whole;
	unsigned count;

	add_entry(b, "file", 0100644, "hello", 5);
	add_entry(b, "more", 0100644, "x", 1);
	whole = b->len;
	add_trailer(b);
	for (size_t len = 0; len < whole + 110 + 11; len++)
		CHECK(read_all(b->data, len, &count) == CPIO_DAMAGED);
	CHECK(read_all(b->data, b->len, &count) == CPIO_END && count == 2);
	free(b);
}

static void survives_damaged_headers(void)
{
	struct buffer *b = two_parts();
	unsigned count;

	for (unsigned i = 0; i < 20000; i++) {
		size_t at = (size_t)rand() % b->len;
		uint8_t was = b->data[at];

		b->data[at] = (uint8_t)(rand() % 3 ? "0123456789abcdefF"[rand() % 17] : rand());
		read_all(b->data, b->len, &count);
		b->data[at] = was;
	}
	CHECK(read_all(b->data, b->len, &count) == CPIO_END && count == 3);
	free(b);
}

/* --- manifest -------------------------------------------------------------------------------------- */

static struct manifest m;
static struct manifest_error error;

static bool parse(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);	/* exactly sized, for ASan */
	bool ok;

	memcpy(copy, text, len);
	ok = manifest_parse(&m, copy, len, &error);
	free(copy);
	return ok;
}

static void reads_a_whole_manifest(void)
{
	const struct manifest_grant *g;

	CHECK(parse("# two servers\n"
		    "server linuxd\n"
		    "\tbinary boot/other\t# elsewhere\n"
		    "\targs  one two \n"
		    "\tmemory 75%\n\tstack 256K\n\tpriority 160\n\trestart machine 3\n"
		    "\tgrant endpoint endpoint linuxd all\n"
		    "\tgrant out pipe tty0 object\n"
		    "\n"
		    "server consoled\n\trestart always\n"
		    "\tgrant uart0 ioport 0x3f8 8\n\tgrant uart0-irq irq 4\n"
		    "\tgrant linuxd endpoint linuxd badge=0x636f6e73 call copy\n"
		    "\tgrant tty0 pipe tty0 read\n\tgrant archive archive"));
	CHECK(m.nservers == 2);
	CHECK(!strcmp(m.servers[0].name, "linuxd") && !strcmp(m.servers[0].binary, "boot/other"));
	CHECK(!strcmp(m.servers[0].args, "one two"));
	CHECK(m.servers[0].memory_percent == 75 && m.servers[0].stack_bytes == 256 << 10);
	CHECK(m.servers[0].priority == 160 && m.servers[0].restart == RESTART_MACHINE);
	CHECK(m.servers[0].machine_code == 3 && m.servers[0].ngrants == 2);
	g = m.servers[0].grants;
	CHECK(g[0].kind == GRANT_ENDPOINT && g[0].rights == RIGHTS_ALL && !g[0].badge);
	CHECK(g[1].kind == GRANT_PIPE && g[1].end == PIPE_END_OBJECT && !strcmp(g[1].which, "tty0"));
	CHECK(!strcmp(m.servers[1].binary, "boot/consoled") && m.servers[1].priority == 128);
	CHECK(m.servers[1].memory_bytes == 8 << 20 && m.servers[1].ngrants == 5);
	g = m.servers[1].grants;
	CHECK(g[0].kind == GRANT_IOPORT && g[0].base == 0x3f8 && g[0].count == 8);
	CHECK(g[1].kind == GRANT_IRQ && g[1].base == 4);
	CHECK(g[2].badge == 0x636f6e73 && g[2].rights == (RIGHT_CALL | RIGHT_COPY));
	CHECK(g[3].end == PIPE_END_READ && g[4].kind == GRANT_ARCHIVE && g[4].rights & RIGHT_READ);
	CHECK(!(g[4].rights & RIGHT_WRITE));
}

static void names_the_line_of_each_mistake(void)
{
	static const struct { unsigned line; const char *text; } bad[] = {
		{ 0, "" },
		{ 2, "# nothing\n\n" },
		{ 1, "binary boot/x" },
		{ 1, "server" },
		{ 1, "server a b" },
		{ 1, "server a-name-that-is-much-too-long" },
		{ 2, "server a\nserver a" },
		{ 2, "server a\nfrobnicate" },
		{ 2, "server a\nmemory lots" },
		{ 2, "server a\nmemory 101%" },
		{ 2, "server a\nmemory 0" },
		{ 2, "server a\nstack 100" },
		{ 2, "server a\npriority 256" },
		{ 2, "server a\nrestart sometimes" },
		{ 2, "server a\nrestart always 3" },
		{ 2, "server a\nrestart machine 256" },
		{ 2, "server a\ngrant x" },
		{ 2, "server a\ngrant x wishes" },
		{ 2, "server a\ngrant x pipe p" },
		{ 2, "server a\ngrant x pipe p both" },
		{ 2, "server a\ngrant x pipe p read write" },
		{ 2, "server a\ngrant x endpoint e fly" },
		{ 2, "server a\ngrant x endpoint e badge=0" },
		{ 2, "server a\ngrant x endpoint e badge=y" },
		{ 2, "server a\ngrant x ioport 0xffff 2" },
		{ 2, "server a\ngrant x ioport 1 0" },
		{ 2, "server a\ngrant x ioport 0xffffffffffffffff 2" },
		{ 2, "server a\ngrant x irq 256" },
		{ 2, "server a\ngrant eighteen-characters irq 2" },
		{ 3, "server a\ngrant x pool\ngrant x pool" },
		{ 2, "server a\ngrant x pool 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool ok = parse(bad[i].text);

		if (ok || error.line != bad[i].line || !error.text[0])
			printf("# <%s>: %d, line %u: %s\n", bad[i].text, ok, error.line, error.text);
		CHECK(!ok && error.line == bad[i].line && error.text[0]);
	}
}

static void has_a_limit_for_everything(void)
{
	char text[8192];
	int len = 0;

	for (int i = 0; i <= MANIFEST_SERVERS; i++)
		len += sprintf(text + len, "server s%d\n", i);
	CHECK(!parse(text) && error.line == MANIFEST_SERVERS + 1);
	len = sprintf(text, "server s\n");
	for (int i = 0; i <= MANIFEST_GRANTS; i++)
		len += sprintf(text + len, "grant g%d pool\n", i);
	CHECK(!parse(text) && error.line == MANIFEST_GRANTS + 2);
	memset(text, 'x', 600);
	text[600] = 0;
	CHECK(!parse(text) && error.line == 1);
	CHECK(!manifest_parse(&m, "server a\0b", 10, &error) && error.line == 1);
}

static void survives_random_text(void)
{
	static const char *const words[] = { "server", "grant", "a", "b", "pipe", "irq", "ioport", "endpoint", "read",
		"4", "0x3f8", "badge=1", "memory", "8M", "\n", "\n\t", "#", " ", "restart", "machine", "all", "\r\n" };
	char text[400];

	for (unsigned i = 0; i < 20000; i++) {
		text[0] = 0;
		for (unsigned n = (unsigned)rand() % 40; n; n--) {
			strcat(text, words[(size_t)rand() % (sizeof(words) / sizeof(words[0]))]);
			strcat(text, rand() % 4 ? " " : "");
		}
		if (!parse(text))
			CHECK(error.text[0]);
	}
}

static void reads_the_shipped_fragments(void)
{
	const char *top = getenv("TESSERA_SRC");
	char path[512], text[4096];
	static const char *const files[] = { "servers/consoled/manifest", "programs/ipcbench/manifest",
					     "programs/selftest/manifest" };

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f;
		bool ok;

		snprintf(path, sizeof(path), "%s/%s", top ? top : ".", files[i]);
		f = fopen(path, "r");
		CHECK(f);
		if (!f)
			continue;
		ok = manifest_parse(&m, text, fread(text, 1, sizeof(text), f), &error);
		if (!ok)
			printf("# %s:%u: %s\n", files[i], error.line, error.text);
		CHECK(ok);
		fclose(f);
	}
}

static void finds_whole_words_of_the_command_line(void)
{
	CHECK(command_line_has("quiet tessera.ipcbench", "tessera.ipcbench"));
	CHECK(command_line_has("tessera.ipcbench\n", "tessera.ipcbench"));
	CHECK(command_line_has("xtessera.ipcbench tessera.ipcbench x", "tessera.ipcbench"));
	CHECK(!command_line_has("tessera.ipcbench2 xtessera.ipcbench", "tessera.ipcbench"));
	CHECK(!command_line_has("", "tessera.ipcbench"));
}

static const struct tap_case cases[] = {
	{ "archives one after the other are read as one", reads_archives_one_after_the_other },
	{ "an archive cut anywhere is refused", refuses_a_truncated_archive },
	{ "a damaged header leads nowhere outside the archive", survives_damaged_headers },
	{ "a whole manifest is read", reads_a_whole_manifest },
	{ "each mistake in a manifest is named with its line", names_the_line_of_each_mistake },
	{ "a manifest has a limit for everything", has_a_limit_for_everything },
	{ "random text does no harm", survives_random_text },
	{ "the fragments in the tree are sound", reads_the_shipped_fragments },
	{ "options of the command line are whole words", finds_whole_words_of_the_command_line },
};

int main(void)
{
	srand(1);
	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
