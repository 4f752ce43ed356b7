/*
 * main.c -- linuxd's start: its capabilities, its parts in order, the first program, the loop.
 *
 * Owns:    the handles it was granted (server.h).
 * Fails:   a missing grant or a first program that cannot start is one line and the end of the machine.
 * Tested:  tests/boot
 */
#include "process.h"

#define RESERVE_MIN (8ull << 20)

handle_t server_endpoint, server_pool, server_platform;

void server_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	rt_vlog(format, args);
	va_end(args);
}

/* The kernel command line, as init hands it on: a vmo of text, or nothing. */
static char command_line_text[1024];

static void command_line_read(void)
{
	handle_t vmo = rt_grant("command-line");
	int64_t got = vmo == H_NONE ? 0 : tess_vmo_read(vmo, 0, command_line_text, sizeof(command_line_text) - 1);

	command_line_text[got > 0 ? got : 0] = 0;
}

const char *command_line(void)
{
	return command_line_text;
}

/*
 * All that Linux programs and files may hold: what is free now, less a reserve for linuxd itself, which
 * pays for its own memory from the pool above.
 */
static handle_t pool_divide(handle_t own)
{
	struct system_info info;
	uint64_t reserve;
	int64_t pool;

	if (tess_system_query(&info) < 0)
		rt_panic("the kernel does not say how much memory there is");
	reserve = info.memory_free / 16 > RESERVE_MIN ? info.memory_free / 16 : RESERVE_MIN;
	mem_reserve(reserve);
	pool = tess_pool_create(own, info.memory_free > 2 * reserve ? info.memory_free - reserve : info.memory_free / 2);
	if (pool < 0)
		rt_panic("no pool for Linux programs: %s", rt_status_name(pool));
	return (handle_t)pool;
}

static void archive_map(struct archive *a)
{
	struct vmo_info info;
	status_t status = tess_vmo_query(a->vmo, &info);

	if (status < 0)
		rt_panic("the boot archive: %s", rt_status_text(status));
	a->len = info.size;
	a->data = rt_vmo_map(a->vmo, a->len, MAP_READ | MAP_SHARED_ABI);
	if (!a->data)
		rt_panic("the boot archive (%lu bytes) cannot be mapped", (unsigned long)a->len);
}

int main(void)
{
	struct archive archive = { .vmo = rt_grant_need("archive") };
	int error;

	server_endpoint = rt_grant_need("endpoint");
	server_pool = pool_divide(rt_grant_need("pool"));
	server_platform = rt_grant_need("platform");
	mem_init();
	mem_wire();
	clock_init();
	command_line_read();
	archive_map(&archive);
	image_init(&archive);
	vfs_init(&archive);
	rt_pages_unmap((void *)archive.data, archive.len);
	tty_init();
	error = exec_first(command_line());
	if (error) {
		server_log("the first program cannot be started: errno %d", -error);
		tess_power_off(server_platform, POWER_OFF_ABI, 1);
	}
	request_loop();
}
