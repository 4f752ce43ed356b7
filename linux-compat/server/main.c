/*
 * main.c -- linuxd's start: its capabilities, its parts in order, the first program, the loop.
 *
 * Owns:    the handles it was granted (server.h).
 * Fails:   a missing grant or a first program that cannot start is one line and the end of the machine.
 * Tested:  tests/boot
 */
#include "process.h"

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

int main(void)
{
	handle_t archive = rt_grant_need("archive");
	int error;

	server_endpoint = rt_grant_need("endpoint");
	server_pool = rt_grant_need("pool");
	server_platform = rt_grant_need("platform");
	mem_init();
	clock_init();
	command_line_read();
	exec_init(archive);
	vfs_init(archive);
	tty_init();
	error = exec_first(command_line());
	if (error) {
		server_log("the first program cannot be started: errno %d", -error);
		tess_power_off(server_platform, POWER_OFF_ABI, 1);
	}
	request_loop();
}
