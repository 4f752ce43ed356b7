/*
 * log.c -- the kernel log: a ring that keeps the last 256 KiB of lines, each with its time.
 *
 * Positions count bytes since boot and never go back; a reader whose position has been overwritten
 * continues at the oldest byte there is.
 * Locks:   log_lock (RANK_LOG, innermost); a panic writes without it.
 * Tested:  tests/boot (the log after a run).
 */
#include "kernel.h"
#include "arch.h"
#include "handle.h"
#include "lock.h"
#include "mm.h"
#include "syscalls.h"
#include "timer.h"

#define LOG_SIZE (256u * 1024)

static char ring[LOG_SIZE];
static uint64_t written;
static bool line_open;
static struct spinlock log_lock = SPINLOCK(RANK_LOG);
bool log_serial = true;

static void put(char c)
{
	ring[written++ % LOG_SIZE] = c;
	if (log_serial)
		arch_early_putc(c);
}

static void stamp(void)
{
	char t[24];
	uint64_t us = tsc_hz ? time_ns() / 1000 : 0;

	ksnprintf(t, sizeof(t), "[%5lu.%06lu] ", us / 1000000, us % 1000000);
	for (const char *p = t; *p; p++)
		put(*p);
}

void log_text(const char *text, size_t len)
{
	bool locked = !panicking;

	if (locked)
		spin_lock(&log_lock);
	for (size_t i = 0; i < len; i++) {
		if (!line_open)
			stamp();
		line_open = text[i] != '\n';
		put(text[i]);
	}
	if (locked)
		spin_unlock(&log_lock);
}

int64_t sys_log_write(uint64_t platform, uint64_t text, uint64_t len)
{
	char line[256];
	status_t s = platform_check((handle_t)platform, RIGHT_WRITE);

	REQUIRE(s == 0, s);
	len = MIN(len, sizeof(line) - 1);
	REQUIRE(user_copy_in(line, text, len) == 0, E_FAULT);
	for (uint64_t i = 0; i < len; i++)
		if ((uint8_t)line[i] < 32 || line[i] == 127)
			line[i] = line[i] == '\n' && i == len - 1 ? '\n' : ' ';
	if (!len || line[len - 1] != '\n')
		line[len++] = '\n';
	log_text(line, len);
	return 0;
}

/* Bytes ever written: the position after the newest. */
uint64_t log_end(void)
{
	uint64_t end;

	spin_lock(&log_lock);
	end = written;
	spin_unlock(&log_lock);
	return end;
}

int64_t sys_log_read(uint64_t platform, uint64_t position, uint64_t buf, uint64_t len)
{
	char piece[256];
	uint64_t oldest;
	status_t s = platform_check((handle_t)platform, RIGHT_READ);

	REQUIRE(s == 0, s);
	spin_lock(&log_lock);
	oldest = written > LOG_SIZE ? written - LOG_SIZE : 0;
	position = MAX(position, oldest);
	len = position >= written ? 0 : MIN(MIN(len, sizeof(piece)), written - position);
	for (uint64_t i = 0; i < len; i++)
		piece[i] = ring[(position + i) % LOG_SIZE];
	spin_unlock(&log_lock);
	return user_copy_out(buf, piece, len) ? E_FAULT : (int64_t)len;
}
