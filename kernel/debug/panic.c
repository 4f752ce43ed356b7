/*
 * panic.c -- the end: message, backtrace with names, the build's id; then power off.
 *
 * The names come from symbols.c, which the build makes from the kernel's own symbol table and links in a
 * second pass.
 * Tested:  tests/boot/panic.bats
 */
#include "arch.h"
#include "kernel.h"
#include "lock.h"
#include "thread.h"
#include "trace.h"

struct symbol { uint64_t address; const char *name; };
extern const struct symbol kernel_symbols[];
extern const uint64_t kernel_symbol_count;
extern char kernel_image_start[], kernel_image_end[], note_start[], note_end[];

static const struct symbol *symbol_of(uint64_t address)
{
	const struct symbol *best = NULL;

	for (uint64_t i = 0; i < kernel_symbol_count; i++)
		if (kernel_symbols[i].address <= address && (!best || kernel_symbols[i].address > best->address))
			best = &kernel_symbols[i];
	return best;
}

static bool in_image(uint64_t a)
{
	return a >= (uint64_t)kernel_image_start && a < (uint64_t)kernel_image_end;
}

void arch_backtrace(uint64_t rbp)
{
	for (int depth = 0; depth < 24 && rbp % 8 == 0 && (rbp >> 47) == 0x1ffff; depth++) {
		uint64_t ret = ((uint64_t *)rbp)[1];
		const struct symbol *s = in_image(ret) ? symbol_of(ret) : NULL;

		if (!in_image(ret))
			return;
		kprintf("  %lx %s+0x%lx\n", ret, s ? s->name : "?", s ? ret - s->address : 0);
		rbp = *(uint64_t *)rbp;
	}
}

/* The GNU build id, in hexadecimal. */
void build_id_text(char *buf, size_t size)
{
	size_t n = 0;

	for (const char *p = note_start; p + 12 <= note_end; ) {
		const uint32_t *h = (const uint32_t *)p;
		const uint8_t *desc = (const uint8_t *)p + 12 + ALIGN_UP(h[0], 4u);

		if (h[2] == 3 && h[0] == 4 && memcmp(p + 12, "GNU", 4) == 0)
			for (uint32_t i = 0; i < h[1] && n + 3 <= size; i++, n += 2)
				ksnprintf(buf + n, size - n, "%02x", desc[i]);
		p = (const char *)desc + ALIGN_UP(h[1], 4u);
	}
	if (size)
		buf[n] = 0;
}

_Noreturn void panic(const char *format, ...)
{
	char id[44];
	va_list args;

	if (panicking)
		arch_halt();
	log_serial = true;
	arch_stop_others();
	panicking = 1;
	build_id_text(id, sizeof(id));
	kprintf("\nTESSERA PANIC on CPU %u: ", cpu_id());
	va_start(args, format);
	kvprintf(format, args);
	va_end(args);
	kprintf("\nbuild %s\n", id);
	if (current && current->task)
		kprintf("task %lx thread %u\n", (unsigned long)current->task->badge, current->number);
	arch_backtrace((uint64_t)__builtin_frame_address(0));
	trace_show();
	arch_power_off(POWER_OFF_ABI, 2);
}
