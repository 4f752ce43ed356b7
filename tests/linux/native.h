/*
 * native.h -- what a hostile program does: native calls from the translator's window, and requests to
 * linuxd in its own words.
 *
 * Owns:    a stack for the jump; the calling thread's utcb, which the translator does not use meanwhile.
 * Locks:   none: one thread at a time speaks so.
 * Fails:   native_possible() is false on Linux, where there is no translator.
 */
#ifndef TESSERA_NATIVE_H
#define TESSERA_NATIVE_H

/* <signal.h> has its own meaning of these. */
#undef POLL_IN
#undef POLL_PRI
#undef POLL_OUT
#undef POLL_ERR
#undef POLL_HUP
#include <abi/calls.h>
#include <abi/errors.h>
#include <abi/native.h>
#include <abi/linux_protocol.h>
#include <abi/rights.h>

#define NATIVE_WORDS	4096

/* Not static: the assembly below names them. */
uint64_t native_stack[NATIVE_WORDS];
uint64_t native_registers[8];	/* RAX, RDI, RSI, RDX, R10, R8, R9, and where to jump */
uint64_t native_rsp;
int64_t native_jump(void);
void native_back(void);

/* Whatever the code after the instruction pops or returns to, it is native_back. */
__asm__(".text\n"
	"native_jump:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, native_rsp(%rip)\n"
	"	lea native_stack+16384(%rip), %rsp\n"
	"	lea native_registers(%rip), %rbx\n"
	"	mov 0(%rbx), %rax; mov 8(%rbx), %rdi; mov 16(%rbx), %rsi; mov 24(%rbx), %rdx\n"
	"	mov 32(%rbx), %r10; mov 40(%rbx), %r8; mov 48(%rbx), %r9; mov 56(%rbx), %rbx\n"
	"	jmp *%rbx\n"
	"native_back:\n"
	"	mov native_rsp(%rip), %rsp\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

static uint8_t *native_site;
static struct utcb *native_utcb;

/* The translator's `syscall; ret`, and the utcb of this thread: the page that names its own address. */
static bool native_possible(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], rights[8];

	native_site = NULL;
	native_utcb = NULL;
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "[translator]") == NULL ||
		    sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3)
			continue;
		for (uint8_t *at = (uint8_t *)start; rights[2] == 'x' && at + 2 < (uint8_t *)end; at++)
			if (start >= TRANSLATOR_BASE && at[0] == 0x0f && at[1] == 0x05 && at[2] == 0xc3)
				native_site = at;
		if (rights[1] == 'w' && end - start == 4096 && ((struct utcb *)start)->self == start)
			native_utcb = (struct utcb *)start;
	}
	if (maps != NULL)
		fclose(maps);
	return native_site != NULL && native_utcb != NULL;
}

#define NATIVE_ONLY()	do { if (!native_possible()) SKIP("there is no translator here"); } while (0)

static int64_t native_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	for (int i = NATIVE_WORDS / 2 - 64; i < NATIVE_WORDS; i++)
		native_stack[i] = (uint64_t)native_back;
	native_registers[0] = nr;
	native_registers[1] = a;
	native_registers[2] = b;
	native_registers[3] = c;
	native_registers[4] = d;
	native_registers[5] = e;
	native_registers[6] = 0;
	native_registers[7] = (uint64_t)native_site;
	return native_jump();
}

/* A request to linuxd by the way of `via`; the answer's first word, or -10000 when there was none. */
static int64_t native_ask(uint32_t via, uint32_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
	const void *payload, size_t len)
{
	struct ipc_message *m = &native_utcb->msg;
	const uint64_t words[IPC_WORDS] = { op, a, b, c, d, e };

	memset(m, 0, offsetof(struct ipc_message, inline_data));
	memcpy(m->words, words, sizeof(words));
	memcpy(m->inline_data, payload, len);
	m->inline_len = (uint32_t)len;
	m->reserved_slot = H_NONE;
	if (native_call(NR_ipc_call, via, ~0ull, 0, 0, 0) < 0)
		return -10000;
	return (int64_t)m->words[0];
}

/* The same to open a file: a descriptor, or a negative errno. */
static int64_t native_open(const char *path, uint64_t flags, uint64_t how)
{
	struct ipc_message *m = &native_utcb->msg;
	const uint64_t words[IPC_WORDS] = { LX_OPEN, flags, 0, how };
	int64_t slot = native_call(NR_handle_reserve, 0, 0, 0, 0, 0);

	memset(m, 0, offsetof(struct ipc_message, inline_data));
	memcpy(m->words, words, sizeof(words));
	strcpy((char *)m->inline_data, path);
	m->inline_len = (uint32_t)strlen(path) + 1;
	m->reserved_slot = (uint32_t)slot;
	if (native_call(NR_ipc_call, LINUX_SLOT_SERVER, ~0ull, 0, 0, 0) < 0)
		return -10000;
	if ((int64_t)m->words[0] < 0) {
		native_call(NR_handle_unreserve, (uint64_t)slot, 0, 0, 0, 0);
		return (int64_t)m->words[0];
	}
	return m->caps[0];
}

#endif
