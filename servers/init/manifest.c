/*
 * manifest.c -- the parser of boot/manifest.
 *
 * One table of lines and one of grants: a keyword, how many words must follow, a function.
 *
 * Fails:   at the first wrong line, with its number and a text for the person who wrote it.
 * Tested:  servers/init/test/init_test.c
 */
#include "manifest.h"

#define LINE_MAX	512
#define WORDS_MAX	20
#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

struct parser {
	struct manifest *m;
	struct manifest_server *server;	/* the open section, or NULL */
	struct manifest_error *error;
	const char *rest;		/* of the line, after its first word */
	char *words[WORDS_MAX];
	unsigned nwords;
};

static const struct { const char *name; uint32_t right; } rights[] = {
	{ "read", RIGHT_READ }, { "write", RIGHT_WRITE }, { "exec", RIGHT_EXEC }, { "map", RIGHT_MAP },
	{ "call", RIGHT_CALL }, { "receive", RIGHT_RECEIVE }, { "manage", RIGHT_MANAGE },
	{ "query", RIGHT_QUERY }, { "wait", RIGHT_WAIT }, { "copy", RIGHT_COPY },
	{ "transfer", RIGHT_TRANSFER }, { "charge", RIGHT_CHARGE }, { "all", RIGHTS_ALL },
};
_Static_assert(RIGHTS_ALL == (1u << (ARRAY_LEN(rights) - 1)) - 1, "a word a right, and all");

static bool fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error->text, sizeof(p->error->text), format, args);
	va_end(args);
	return false;
}

static bool copy_word(struct parser *p, char *to, size_t size, const char *word)
{
	if (strlcpy(to, word, size) >= size)
		return fail(p, "`%.20s...' is longer than %zu characters", word, size - 1);
	return true;
}

/* --- grants --------------------------------------------------------------------------------- */

/* words[from..] are rights; none: the kind's own */
static bool parse_rights(struct parser *p, struct manifest_grant *g, unsigned from, uint32_t usual)
{
	g->rights = from < p->nwords ? 0 : usual;
	for (unsigned i = from; i < p->nwords; i++) {
		unsigned r = 0;

		while (r < ARRAY_LEN(rights) && strcmp(rights[r].name, p->words[i]))
			r++;
		if (r == ARRAY_LEN(rights))
			return fail(p, "`%s' is no right", p->words[i]);
		g->rights |= rights[r].right;
	}
	return true;
}

static bool grant_all(struct parser *p, struct manifest_grant *g)
{
	return parse_rights(p, g, 3, RIGHTS_ALL);
}

static bool grant_archive(struct parser *p, struct manifest_grant *g)
{
	return parse_rights(p, g, 3, RIGHT_READ | RIGHT_MAP | RIGHT_EXEC | RIGHT_QUERY | RIGHT_COPY);
}

static bool grant_command_line(struct parser *p, struct manifest_grant *g)
{
	return parse_rights(p, g, 3, RIGHT_READ | RIGHT_MAP | RIGHT_QUERY);
}

static bool grant_endpoint(struct parser *p, struct manifest_grant *g)
{
	unsigned next = 4;

	if (!copy_word(p, g->which, sizeof(g->which), p->words[3]))
		return false;
	if (next < p->nwords && !strncmp(p->words[next], "badge=", 6)) {
		if (!rt_parse_u64(p->words[next] + 6, 0, &g->badge, NULL) || !g->badge)
			return fail(p, "`%s': a badge is a number above 0", p->words[next]);
		next++;
	}
	return parse_rights(p, g, next, RIGHT_CALL);
}

static bool grant_pipe(struct parser *p, struct manifest_grant *g)
{
	static const char *const ends[] = { "read", "write", "object" };
	unsigned end = 0;

	while (end < ARRAY_LEN(ends) && strcmp(ends[end], p->words[4]))
		end++;
	if (end == ARRAY_LEN(ends) || p->nwords > 5)
		return fail(p, "a pipe's end is one of read, write, object");
	g->end = end;
	g->rights = RIGHTS_ALL;
	return copy_word(p, g->which, sizeof(g->which), p->words[3]);
}

static bool grant_ioport(struct parser *p, struct manifest_grant *g)
{
	if (p->nwords > 5 || !rt_parse_u64(p->words[3], 0, &g->base, NULL) ||
	    !rt_parse_u64(p->words[4], 0, &g->count, NULL) || !g->count || g->base + g->count > 0x10000 ||
	    g->base > 0xffff)
		return fail(p, "ports are BASE COUNT within 0 .. 0xffff");
	g->rights = RIGHT_READ | RIGHT_WRITE;
	return true;
}

static bool grant_irq(struct parser *p, struct manifest_grant *g)
{
	if (p->nwords > 4 || !rt_parse_u64(p->words[3], 0, &g->base, NULL) || g->base > 255)
		return fail(p, "an interrupt line is a number up to 255");
	if (strlen(g->name) + sizeof(".event") > RT_NAME)
		return fail(p, "no room for `%s.event'", g->name);
	g->rights = RIGHTS_ALL;
	return true;
}

static const struct {
	const char *name;
	unsigned min_words;		/* with `grant NAME KIND' */
	bool (*parse)(struct parser *p, struct manifest_grant *g);
} kinds[] = {
	[GRANT_POOL] = { "pool", 3, grant_all },
	[GRANT_PLATFORM] = { "platform", 3, grant_all },
	[GRANT_ARCHIVE] = { "archive", 3, grant_archive },
	[GRANT_COMMAND_LINE] = { "command-line", 3, grant_command_line },
	[GRANT_ENDPOINT] = { "endpoint", 4, grant_endpoint },
	[GRANT_PIPE] = { "pipe", 5, grant_pipe },
	[GRANT_IOPORT] = { "ioport", 5, grant_ioport },
	[GRANT_IRQ] = { "irq", 4, grant_irq },
};

static bool line_grant(struct parser *p)
{
	struct manifest_server *s = p->server;
	struct manifest_grant *g = &s->grants[s->ngrants];
	unsigned kind = 0;

	if (s->ngrants == MANIFEST_GRANTS)
		return fail(p, "more than %u grants", MANIFEST_GRANTS);
	for (unsigned i = 0; i < s->ngrants; i++)
		if (!strcmp(s->grants[i].name, p->words[1]))
			return fail(p, "`%s' is granted twice", p->words[1]);
	while (kind < ARRAY_LEN(kinds) && strcmp(kinds[kind].name, p->words[2]))
		kind++;
	if (kind == ARRAY_LEN(kinds))
		return fail(p, "`%s' is no kind of grant", p->words[2]);
	if (p->nwords < kinds[kind].min_words)
		return fail(p, "`%s' needs more words", p->words[2]);
	*g = (struct manifest_grant){ .kind = kind };
	if (!copy_word(p, g->name, sizeof(g->name), p->words[1]) || !kinds[kind].parse(p, g))
		return false;
	s->ngrants++;
	return true;
}

/* --- the other lines --------------------------------------------------------------------------- */

static bool line_server(struct parser *p)
{
	struct manifest *m = p->m;
	struct manifest_server *s = &m->servers[m->nservers];

	if (m->nservers == MANIFEST_SERVERS)
		return fail(p, "more than %u servers", MANIFEST_SERVERS);
	for (unsigned i = 0; i < m->nservers; i++)
		if (!strcmp(m->servers[i].name, p->words[1]))
			return fail(p, "server `%s' is there twice", p->words[1]);
	*s = (struct manifest_server){ .memory_bytes = 8 << 20, .priority = 128, .machine_code = -1 };
	if (!copy_word(p, s->name, sizeof(s->name), p->words[1]))
		return false;
	strlcpy(s->binary, "boot/", sizeof(s->binary));
	strlcpy(s->binary + 5, s->name, sizeof(s->binary) - 5);
	m->nservers++;
	p->server = s;
	return true;
}

static bool line_binary(struct parser *p)
{
	return copy_word(p, p->server->binary, sizeof(p->server->binary), p->words[1]);
}

static bool line_args(struct parser *p)
{
	return copy_word(p, p->server->args, sizeof(p->server->args), p->rest);
}

static bool line_memory(struct parser *p)
{
	struct manifest_server *s = p->server;
	const char *word = p->words[1], *end;
	uint64_t n;

	s->memory_percent = 0;
	if (!strcmp(word, "all")) {
		s->memory_bytes = ~(uint64_t)0;
		return true;
	}
	if (rt_parse_u64(word, 10, &n, &end) && !strcmp(end, "%")) {
		if (!n || n > 100)
			return fail(p, "`%s': a share is 1%% .. 100%%", word);
		s->memory_percent = (uint32_t)n;
		return true;
	}
	if (!rt_parse_size(word, &n) || n < PAGE_SIZE)
		return fail(p, "`%s' is no amount of memory", word);
	s->memory_bytes = n;
	return true;
}

static bool line_stack(struct parser *p)
{
	uint64_t n;

	if (!rt_parse_size(p->words[1], &n) || n % PAGE_SIZE || !n || n > 64 << 20)
		return fail(p, "a stack is whole pages, at most 64M");
	p->server->stack_bytes = n;
	return true;
}

static bool line_priority(struct parser *p)
{
	uint64_t n;

	if (!rt_parse_u64(p->words[1], 10, &n, NULL) || n > 255)
		return fail(p, "a priority is 0 .. 255");
	p->server->priority = (uint32_t)n;
	return true;
}

static bool line_restart(struct parser *p)
{
	struct manifest_server *s = p->server;
	const char *word = p->words[1];
	uint64_t code;

	if (p->nwords == 3) {
		if (strcmp(word, "machine") || !rt_parse_u64(p->words[2], 10, &code, NULL) || code > 255)
			return fail(p, "only `machine' takes a code, 0 .. 255");
		s->restart = RESTART_MACHINE;
		s->machine_code = (int)code;
	} else if (!strcmp(word, "never")) {
		s->restart = RESTART_NEVER;
	} else if (!strcmp(word, "always")) {
		s->restart = RESTART_ALWAYS;
	} else if (!strcmp(word, "machine")) {
		s->restart = RESTART_MACHINE;
	} else {
		return fail(p, "a restart policy is one of never, always, machine");
	}
	return true;
}

static bool line_alone(struct parser *p)
{
	return copy_word(p, p->server->alone, sizeof(p->server->alone), p->words[1]);
}

static const struct {
	const char *name;
	unsigned min_words, max_words;
	bool (*parse)(struct parser *p);
} lines[] = {
	{ "server", 2, 2, line_server },
	{ "binary", 2, 2, line_binary },
	{ "args", 2, WORDS_MAX, line_args },
	{ "memory", 2, 2, line_memory },
	{ "stack", 2, 2, line_stack },
	{ "priority", 2, 2, line_priority },
	{ "restart", 2, 3, line_restart },
	{ "alone", 2, 2, line_alone },
	{ "grant", 3, WORDS_MAX, line_grant },
};

static bool parse_words(struct parser *p)
{
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
		if (strcmp(lines[i].name, p->words[0]))
			continue;
		if (i > 0 && !p->server)
			return fail(p, "`%s' before the first server", p->words[0]);
		if (p->nwords < lines[i].min_words)
			return fail(p, "`%s' needs more words", p->words[0]);
		if (p->nwords > lines[i].max_words)
			return fail(p, "too many words after `%s'", p->words[0]);
		return lines[i].parse(p);
	}
	return fail(p, "`%s' begins no line of a manifest", p->words[0]);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

/* Cuts line into words; comment and blanks at the end are gone from `rest' too. */
static bool parse_line(struct parser *p, char *line, char *rest, size_t rest_size)
{
	char *s = strchr(line, '#');
	size_t len;

	if (s)
		*s = 0;
	for (len = strlen(line); len && is_blank(line[len - 1]); len--)
		line[len - 1] = 0;
	p->nwords = 0;
	rest[0] = 0;
	for (s = skip_blanks(line); *s; s = skip_blanks(s)) {
		if (p->nwords == 1)
			strlcpy(rest, s, rest_size);
		if (p->nwords == WORDS_MAX)
			return fail(p, "more than %u words", WORDS_MAX);
		p->words[p->nwords++] = s;
		while (*s && !is_blank(*s))
			s++;
		if (*s)
			*s++ = 0;
	}
	p->rest = rest;
	return p->nwords ? parse_words(p) : true;
}

bool manifest_parse(struct manifest *m, const char *text, uint64_t len, struct manifest_error *error)
{
	struct parser p = { .m = m, .error = error };
	char line[LINE_MAX], rest[LINE_MAX];
	uint64_t at = 0;

	m->nservers = 0;
	error->line = 0;
	error->text[0] = 0;
	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		uint64_t line_len = end ? (uint64_t)(end - text) - at : len - at;

		error->line++;
		if (line_len >= sizeof(line))
			return fail(&p, "longer than %u characters", LINE_MAX - 1);
		if (memchr(text + at, 0, line_len))
			return fail(&p, "a NUL in the line");
		memcpy(line, text + at, line_len);
		line[line_len] = 0;
		if (!parse_line(&p, line, rest, sizeof(rest)))
			return false;
		at += line_len + 1;
	}
	if (!m->nservers)
		return fail(&p, "it names no server");
	return true;
}

bool command_line_has(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *s = strstr(line, word); s; s = strstr(s + 1, word))
		if ((s == line || is_blank(s[-1])) && (!s[len] || is_blank(s[len]) || s[len] == '\n'))
			return true;
	return false;
}
