/*
 * manifest.h -- which servers there are and what each may do.  The format: servers/README.md.
 */
#ifndef INIT_MANIFEST_H
#define INIT_MANIFEST_H

#include <abi/native.h>
#include <lib/rt/rt.h>

#define MANIFEST_SERVERS	16
#define MANIFEST_GRANTS		24
#define MANIFEST_PATH		64
#define MANIFEST_ARGS		256
#define MANIFEST_WORD		48

enum grant_kind {
	GRANT_POOL, GRANT_PLATFORM, GRANT_ARCHIVE, GRANT_COMMAND_LINE,
	GRANT_ENDPOINT, GRANT_PIPE, GRANT_IOPORT, GRANT_IRQ,
};
enum grant_pipe_end { PIPE_END_READ, PIPE_END_WRITE, PIPE_END_OBJECT };
enum restart_policy { RESTART_NEVER, RESTART_ALWAYS, RESTART_MACHINE };

struct manifest_grant {
	char name[RT_NAME];
	char which[RT_NAME];		/* endpoint, pipe: which one */
	enum grant_kind kind;
	uint32_t rights;		/* RIGHT_*; never 0 */
	enum grant_pipe_end end;
	uint64_t badge;			/* endpoint; 0: none */
	uint64_t base, count;		/* ioport; irq: base is the line */
};

struct manifest_server {
	char name[RT_NAME];
	char binary[MANIFEST_PATH];
	char args[MANIFEST_ARGS];
	char alone[MANIFEST_WORD];	/* "": an ordinary server */
	uint64_t memory_bytes;		/* ~0: all; else used when memory_percent is 0 */
	uint32_t memory_percent;
	uint64_t stack_bytes;		/* 0: in the block */
	uint32_t priority;
	enum restart_policy restart;
	int machine_code;		/* RESTART_MACHINE: -1: 0 or 3 by how it ended */
	unsigned ngrants;
	struct manifest_grant grants[MANIFEST_GRANTS];
};

struct manifest {
	unsigned nservers;
	struct manifest_server servers[MANIFEST_SERVERS];
};

struct manifest_error {
	unsigned line;
	char text[96];
};

/* false: *error says where and why; m is then of no use */
bool manifest_parse(struct manifest *m, const char *text, uint64_t len, struct manifest_error *error);

/* whether a word stands alone among the words of the kernel's command line */
bool command_line_has(const char *line, const char *word);

#endif
