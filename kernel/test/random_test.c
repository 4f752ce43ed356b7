/*
 * random_test.c -- ChaCha20 by the vector of RFC 8439, 2.3.2, and the generator's manners.
 */
#include "object_host.h"

void chacha20_block(const uint32_t key[8], uint64_t counter, uint32_t out[16]);
void random_init(void);

/* RFC 8439's appendix A.1, vector 1 and 2: key 0, nonce 0, counters 0 and 1 (the counter is 64 bits here). */
static void vectors(void)
{
	static const uint8_t first[16] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28 };
	static const uint8_t second[16] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d,
		0x08, 0x0d };
	uint32_t key[8] = { 0 }, out[16];

	chacha20_block(key, 0, out);
	CHECK(!memcmp(out, first, sizeof(first)));
	chacha20_block(key, 1, out);
	CHECK(!memcmp(out, second, sizeof(second)));
}

static void fill(void)
{
	static uint8_t a[10001], b[10001];
	unsigned ones = 0;

	random_init();
	CHECK(sys_random_fill(USER(a), 10000) == 10000 && sys_random_fill(USER(b), 10000) == 10000);
	CHECK(a[10000] == 0 && memcmp(a, b, 10000) != 0);
	for (int i = 0; i < 10000; i++)
		ones += (unsigned)__builtin_popcount(a[i]);
	CHECK(ones > 39000 && ones < 41000);
	CHECK(sys_random_fill(0, 16) == E_FAULT && sys_random_fill(USER(a), 0) == 0);
	CHECK(random_u64() != random_u64());
}

int main(void)
{
	static const struct tap_case cases[] = {
		{ "a block of ChaCha20 is RFC 8439's", vectors },
		{ "random bytes fill the buffer, no more, and differ", fill },
	};

	return host_main(cases, ARRAY_SIZE(cases));
}
