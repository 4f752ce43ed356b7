/*
 * random.c -- the kernel's random numbers: ChaCha20 (RFC 8439) with fast key erasure.
 *
 * One key per CPU; each use makes a block whose first half replaces the key and whose second half is
 * given out, so that a later look at memory tells nothing of the past.  Seeded from RDRAND where there is
 * one and from the jitter of the time-stamp counter; NEEDSWORK: without RDRAND the seed of a virtual
 * machine that boots deterministically (-icount) is guessable; a virtio-rng driver will add to it.
 * Locks:   none: per CPU, interrupts off.
 * Tested:  kernel/test/random_test.c (the RFC's vector)
 */
#include "arch.h"
#include "mm.h"
#include "syscalls.h"

struct generator { uint32_t key[8]; uint64_t counter; };
static struct generator generators[CPUS_MAX];

static uint32_t rotl(uint32_t v, int n) { return v << n | v >> (32 - n); }

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b; *d = rotl(*d ^ *a, 16);
	*c += *d; *b = rotl(*b ^ *c, 12);
	*a += *b; *d = rotl(*d ^ *a, 8);
	*c += *d; *b = rotl(*b ^ *c, 7);
}

void chacha20_block(const uint32_t key[8], uint64_t counter, uint32_t out[16])
{
	uint32_t s[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(s + 4, key, 32);
	s[12] = (uint32_t)counter;
	s[13] = (uint32_t)(counter >> 32);
	memcpy(out, s, sizeof(s));
	for (int i = 0; i < 10; i++) {
		for (int c = 0; c < 4; c++)
			quarter(&out[c], &out[4 + c], &out[8 + c], &out[12 + c]);
		for (int c = 0; c < 4; c++)
			quarter(&out[c], &out[4 + (c + 1) % 4], &out[8 + (c + 2) % 4], &out[12 + (c + 3) % 4]);
	}
	for (int i = 0; i < 16; i++)
		out[i] += s[i];
}

/* 32 bytes for the caller; the other 32 become the key. */
static void generate(uint32_t out[8])
{
	struct generator *g = &generators[cpu_id()];
	uint32_t block[16];

	chacha20_block(g->key, g->counter++, block);
	memcpy(g->key, block, 32);
	memcpy(out, block + 8, 32);
}

static void stir(struct generator *g, uint64_t v, uint32_t i)
{
	uint32_t block[16];

	g->key[i & 7] ^= (uint32_t)v;
	g->key[(i + 1) & 7] ^= (uint32_t)(v >> 32);
	chacha20_block(g->key, g->counter++, block);
	memcpy(g->key, block, 32);
}

void random_init(void)
{
	for (uint32_t c = 0; c < CPUS_MAX; c++) {
		for (uint32_t i = 0; i < 16; i++) {
			uint64_t v = 0;

			arch_random(&v);
			stir(&generators[c], v ^ arch_clock_ns() << 20 ^ c, i);
			stir(&generators[c], arch_clock_ns(), i);
		}
	}
}

uint64_t random_u64(void)
{
	uint32_t out[8];

	generate(out);
	return (uint64_t)out[0] << 32 | out[1];
}

int64_t sys_random_fill(uint64_t buf, uint64_t len)
{
	uint64_t done = 0;
	uint32_t out[8];

	while (done < len) {
		uint64_t n = MIN(len - done, sizeof(out));

		generate(out);
		if (user_copy_out(buf + done, out, n))
			return done ? (int64_t)done : E_FAULT;
		done += n;
		if (done % 4096 == 0 && (!preempt_point() || thread_interrupted()))
			break;
	}
	return (int64_t)done;
}
