/*
 * log.c -- lines for the kernel log, and panics.
 *
 * A program is granted `log`, a Platform with RIGHT_WRITE; init has the Platform.
 *
 * Locks:  none; a line is one native call, so lines of several threads do not mix.
 * Fails:  never: a line too long is cut, a log that refuses is ignored.
 */
#include <lib/rt/rt.h>

#define PANIC_CODE 134

static char log_name[RT_NAME];

void rt_set_name(const char *name)
{
	strlcpy(log_name, name, sizeof(log_name));
}

void rt_vlog(const char *format, va_list args)
{
	char line[RT_LOG_MAX];
	size_t used = 0;
	int wanted;

	if (log_name[0]) {
		wanted = snprintf(line, sizeof(line), "%s: ", log_name);
		used = (size_t)wanted;
	}
	wanted = vsnprintf(line + used, sizeof(line) - used, format, args);
	used += (size_t)wanted;
	if (used >= sizeof(line))
		used = sizeof(line) - 1;
	tess_log_write(rt_start ? rt_grant("log") : HANDLE_TASK_TABLE | INIT_PLATFORM, line, used);
}

void rt_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	rt_vlog(format, args);
	va_end(args);
}

void rt_panic(const char *format, ...)
{
	char text[RT_LOG_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	rt_log("PANIC: %s", text);
	rt_exit(PANIC_CODE);
}
