/*
 * call_test.c -- the logic of calls between program and kernel: strings, flags, vectors, sets.
 */
#include <string.h>
#include "host.h"

int64_t sys_fcntl(uint64_t fd, uint64_t command, uint64_t arg);
int64_t sys_writev(uint64_t fd, uint64_t iov, uint64_t count);
int64_t sys_readv(uint64_t fd, uint64_t iov, uint64_t count);
int64_t sys_select(uint64_t n, uint64_t in, uint64_t out, uint64_t except, uint64_t timeout);
int64_t sys_open(uint64_t path, uint64_t flags, uint64_t mode);
int64_t sys_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags, uint64_t fd, uint64_t offset);

void *mmap(void *at, size_t len, int prot, int flags, int fd, long offset);
int mprotect(void *at, size_t len, int prot);
int munmap(void *at, size_t len);

static struct native_args last;
static int64_t answer;

static int64_t kernel(const struct native_args *n)
{
	last = *n;
	return answer;
}

static void begin(int64_t value)
{
	host_begin();
	host_native = kernel;
	answer = value;
	memset(&last, 0, sizeof(last));
}

/* Every length and alignment, with the string's end at the end of what is mapped. */
static void strings(void)
{
	char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, 0x22, -1, 0), out[64];

	begin(0);
	mprotect(map + 4096, 4096, 0);
	for (int len = 0; len < 40; len++)
		for (int gap = 0; gap < 9; gap++) {
			char *s = map + 4096 - len - 1 - gap;

			memset(map + 4000, 'x', 96);
			s[len] = 0;
			memset(out, '?', sizeof(out));
			CHECK_EQ(user_string(out, s, 48), len);
			CHECK_EQ(strlen(out), len);
			CHECK_EQ(memcmp(out, s, (size_t)len), 0);
		}
	memset(map + 4000, 'y', 96);
	CHECK_EQ(user_string(out, map + 4096 - 48, 48), 48);
	CHECK_EQ(user_string(out, map + 4096 - 13, 13), 13);
	munmap(map, 8192);
	host_end("a string is read to its end and never into the next page, whatever its place");
}

static void copies(void)
{
	uint8_t from[80], to[80];
	uint32_t expected = 7, word = 7;

	begin(0);
	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 7);
	for (unsigned len = 0; len < sizeof(from); len++) {
		memset(to, 0xee, sizeof(to));
		CHECK_EQ(user_copy(to, from, len), 0);
		CHECK_EQ(memcmp(to, from, len), 0);
		CHECK_EQ(to[len], 0xee);
		CHECK_EQ(user_zero(to, len), 0);
		CHECK_EQ(to[len], 0xee);
		CHECK(len == 0 || to[len - 1] == 0);
	}
	CHECK_EQ(user_cas32((uint64_t)&word, &expected, 9), 1);
	CHECK_EQ(word, 9);
	CHECK_EQ(user_cas32((uint64_t)&word, &expected, 11), 0);
	CHECK_EQ(expected, 9);
	host_end("copies and zeroing touch exactly their bytes, and compare-and-swap tells what it found");
}

static void flags(void)
{
	begin(DESC_READ | DESC_WRITE | DESC_APPEND);
	CHECK_EQ(sys_fcntl(3, F_GETFL, 0), O_RDWR | O_APPEND);
	answer = DESC_WRITE | DESC_NONBLOCK | (O_LARGEFILE >> 12) << DESC_USER_SHIFT;
	CHECK_EQ(sys_fcntl(3, F_GETFL, 0), O_WRONLY | O_NONBLOCK | O_LARGEFILE);
	answer = (int64_t)(uint32_t)(O_PATH >> 12) << DESC_USER_SHIFT;
	CHECK_EQ(sys_fcntl(3, F_GETFL, 0), O_PATH);
	CHECK_EQ(sys_fcntl(3, F_SETFL, O_APPEND), -EBADF);
	answer = DESC_READ;
	CHECK_EQ(sys_fcntl(3, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT), 0);
	CHECK_EQ(last.a[2], DESC_APPEND | DESC_NONBLOCK);
	CHECK_EQ(sys_fcntl(-1, F_GETFL, 0), -EBADF);
	CHECK_EQ(sys_fcntl(0x80000000u, F_GETFL, 0), -EBADF);
	host_end("F_GETFL and F_SETFL translate access mode, APPEND, NONBLOCK and the server's bits");
}

static int64_t kernel_not_here(const struct native_args *n)
{
	struct ipc_message *m = &self_utcb()->msg;

	if (n->nr != NR_ipc_call)
		return E_NOT_HERE;
	last = *n;
	m->words[0] = m->inline_len;
	return 0;
}

static void vectors(void)
{
	struct linux_iovec v[3] = { { (uint64_t)"one", 3 }, { 0, 0 }, { (uint64_t)"two!", 4 } };

	begin(0);
	host_native = kernel_not_here;
	CHECK_EQ(sys_writev(5, (uint64_t)v, 3), 7);
	CHECK_EQ(memcmp(self_utcb()->msg.inline_data, "onetwo!", 7), 0);
	CHECK_EQ(last.a[0], 5);
	v[1].len = ~0ull;
	CHECK_EQ(sys_writev(5, (uint64_t)v, 3), -EINVAL);
	CHECK_EQ(sys_readv(5, (uint64_t)v, 3), -EINVAL);
	CHECK_EQ(sys_readv(5, (uint64_t)v, IOV_MAX + 1), -EINVAL);
	CHECK_EQ(sys_readv(-1, (uint64_t)v, 1), -EBADF);
	host_end("a gather write to a server is one request; bad lengths and counts are EINVAL");
}

static int64_t kernel_poll(const struct native_args *n)
{
	struct poll_item *items = (struct poll_item *)n->a[0];
	int64_t ready = 0;

	for (uint64_t i = 0; i < n->a[1]; i++)
		if (items[i].fd == 70 || items[i].fd == 3) {
			items[i].ready = items[i].fd == 70 ? POLL_IN : POLL_HUP;
			ready++;
		}
	return ready;
}

static void selects(void)
{
	uint64_t in[2] = { 1ull << 3, 1ull << 6 }, out[2] = { 1ull << 3, 0 };

	begin(0);
	host_native = kernel_poll;
	CHECK_EQ(sys_select(71, (uint64_t)in, (uint64_t)out, 0, 0), 2);
	CHECK_EQ(in[0], 1ull << 3);
	CHECK_EQ(in[1], 1ull << 6);
	CHECK_EQ(out[0], 0);
	CHECK_EQ(sys_select(-1, 0, 0, 0, 0), -EINVAL);
	host_end("select asks for what is in the sets and answers what is ready in each");
}

static void arguments(void)
{
	begin(0);
	CHECK_EQ(sys_mmap(0, 0, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -EINVAL);
	CHECK_EQ(sys_mmap(0, 4096, 3, MAP_ANONYMOUS, -1, 0), -EINVAL);
	CHECK_EQ(sys_mmap(0, 4096, 3, MAP_PRIVATE, 3, 1), -EINVAL);
	CHECK_EQ(sys_mmap(0, ~0ull, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), -ENOMEM);
	CHECK_EQ(sys_mmap(LINUX_ZONE_LO, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM);
	CHECK_EQ(sys_mmap(LINUX_ZONE_LO - 4096, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -ENOMEM);
	CHECK_EQ(sys_mmap(0x1000, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), -EPERM);
	CHECK_EQ(sys_mmap(0, 1, 3, MAP_PRIVATE, -1, 0), -EBADF);
	CHECK_EQ(last.nr, 0);
	host_end("mmap refuses bad lengths, flags and the translator's own zone before it asks the kernel");
}

int main(void)
{
	strings();
	copies();
	flags();
	vectors();
	selects();
	arguments();
	return host_done();
}
