/*
 * klog.c -- syslog(2): the kernel's log as dmesg reads it; and strace's lines.
 *
 * Owns:    where a reader has got to and where the log was cleared, as positions of log_read.
 * Fails:   EPERM for all but root, as with dmesg_restrict=1; ENOSYS for what would wait (SYSLOG_ACTION_READ).
 * Tested:  tests/linux/system.c
 */
#include "process.h"

#define KLOG_SIZE	IPC_BULK_MAX	/* what one answer holds; the kernel keeps more */
#define KLOG_PREFIX	"<6>"		/* kern.info: the log has no levels of its own */

enum syslog_action { ACTION_CLOSE, ACTION_OPEN, ACTION_READ, ACTION_READ_ALL, ACTION_READ_CLEAR, ACTION_CLEAR,
	ACTION_CONSOLE_OFF, ACTION_CONSOLE_ON, ACTION_CONSOLE_LEVEL, ACTION_SIZE_UNREAD, ACTION_SIZE_BUFFER };

static char raw[KLOG_SIZE], shown[KLOG_SIZE];
static uint64_t cleared;

static uint64_t log_end(void)
{
	struct system_info info;

	return tess_system_query(&info) == 0 ? info.log_end : cleared;
}

/* The log's last KLOG_SIZE bytes since it was cleared, in raw; how many. */
static uint32_t raw_fill(uint64_t end)
{
	uint64_t at = end > KLOG_SIZE && end - KLOG_SIZE > cleared ? end - KLOG_SIZE : cleared;
	uint32_t used = 0;

	while (at < end && used < KLOG_SIZE) {
		int64_t n = tess_log_read(server_platform, at, raw + used, KLOG_SIZE - used);

		if (n <= 0)
			break;
		at += (uint64_t)n;
		used += (uint32_t)n;
	}
	return used;
}

/* The last whole lines that fit in room bytes, each after its level; they end where shown ends. */
static uint32_t shown_fill(uint32_t used, uint32_t room)
{
	const uint32_t prefix = sizeof(KLOG_PREFIX) - 1;
	uint32_t total = 0, end = used;

	while (end > 0) {
		uint32_t start = end - 1, len;

		while (start > 0 && raw[start - 1] != '\n')
			start--;
		len = end - start;
		if (total + prefix + len > room)
			break;
		total += prefix + len;
		memcpy(shown + KLOG_SIZE - total, KLOG_PREFIX, prefix);
		memcpy(shown + KLOG_SIZE - total + prefix, raw + start, len);
		end = start;
	}
	return total;
}

static void klog_read_all(struct request *r, bool clear)
{
	uint64_t end = log_end();
	uint32_t room = r->bulk_room < KLOG_SIZE ? (uint32_t)r->bulk_room : KLOG_SIZE;
	uint32_t n = shown_fill(raw_fill(end), room);

	if (clear)
		cleared = end;
	request_reply_data(r, n, shown + KLOG_SIZE - n, n);
}

/* A line of strace (translator/trace.c). */
void request_trace(struct request *r)
{
	if (r->process->cred.euid == 0)
		tess_log_write(server_platform, r->payload, r->payload_len);
	request_reply(r, r->process->cred.euid == 0 ? 0 : -EPERM);
}

/* syslog(2), or klogctl(3): words[1] is the action. */
void request_syslog(struct request *r)
{
	uint32_t action = (uint32_t)r->words[1];

	if (action > ACTION_SIZE_BUFFER) {
		request_reply(r, -EINVAL);
	} else if (r->process->cred.euid != 0) {
		request_reply(r, -EPERM);
	} else if (action == ACTION_READ_ALL || action == ACTION_READ_CLEAR) {
		klog_read_all(r, action == ACTION_READ_CLEAR);
	} else if (action == ACTION_CLEAR) {
		cleared = log_end();
		request_reply(r, 0);
	} else if (action == ACTION_SIZE_BUFFER) {
		request_reply(r, KLOG_SIZE);
	} else if (action == ACTION_OPEN || action == ACTION_CLOSE) {
		request_reply(r, 0);
	} else {
		request_reply(r, -ENOSYS);	/* no reader waits, and no console prints the log */
	}
}
