# kernel: one ELF.  Linked twice: the second time with the symbols of the first, for panic's backtrace.

kernel_sources = \
	kernel/arch/x86_64/acpi.c kernel/arch/x86_64/start.S kernel/arch/x86_64/boot.c \
	kernel/arch/x86_64/cpu.c kernel/arch/x86_64/entry.S kernel/arch/x86_64/interrupt.c \
	kernel/arch/x86_64/paging.c kernel/arch/x86_64/tlb.c kernel/arch/x86_64/trap.c \
	kernel/arch/x86_64/smap.h kernel/arch/x86_64/usercopy.S kernel/arch/x86_64/x86.h \
	kernel/boot/main.c \
	kernel/debug/delay.c kernel/debug/locks.c kernel/debug/log.c kernel/debug/panic.c \
	kernel/debug/printf.c kernel/debug/trace.c \
	kernel/ipc/bulk.c kernel/ipc/call.c kernel/ipc/endpoint.c kernel/ipc/local.h kernel/ipc/notice.c \
	kernel/ipc/receive.c kernel/ipc/transfer.c \
	kernel/mm/clone.c kernel/mm/content.c kernel/mm/fault.c kernel/mm/frame.c kernel/mm/kmem.c \
	kernel/mm/inherit.c kernel/mm/pager.c kernel/mm/pager_calls.c kernel/mm/pool.c kernel/mm/protect.c kernel/mm/remap.c \
	kernel/mm/usercopy.c kernel/mm/vmo.c kernel/mm/vmo_calls.c kernel/mm/vmo_share.c kernel/mm/vspace.c \
	kernel/mm/vspace_calls.c kernel/mm/zap.c \
	kernel/object/counter.c kernel/object/descriptor.c kernel/object/descriptor_calls.c \
	kernel/object/descriptor_io.c kernel/object/hardware.c kernel/object/iter.c kernel/object/lease.c \
	kernel/object/local.h kernel/object/object.c kernel/object/pipe.c kernel/object/poll.c \
	kernel/object/stream.c kernel/object/string.c \
	kernel/object/table.c kernel/object/timer_object.c kernel/object/tree.c kernel/object/waitset.c \
	kernel/sched/cputime.c kernel/sched/futex.c kernel/sched/runqueue.h kernel/sched/sched.c \
	kernel/sched/task.c kernel/sched/thread.c kernel/sched/timer.c kernel/sched/wait.c \
	kernel/syscall/native.c \
	kernel/time/clock.c kernel/time/random.c \
	elf/elf_error.c elf/elf_parse.c

KERNEL_CPPFLAGS = -I$(srcdir)/kernel/include -I$(srcdir)/kernel/arch/x86_64 -DNATIVE_CALLS=$(NATIVE_CALL_COUNT) \
	-DDEBUG_LOCKS=$(DEBUG_LOCKS) -DDEBUG_DELAYS=$(DEBUG_LOCKS)
KERNEL_CFLAGS = -std=gnu11 -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-strict-aliasing -Wall -Wextra
KERNEL_LINK = $(CC) -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,--build-id=sha1 \
	-Wl,-T,$(srcdir)/kernel/arch/x86_64/kernel.ld -Wl,--no-warn-rwx-segments
NATIVE_CALL_COUNT = `grep -c '^[a-z]' $(srcdir)/abi/calls.list`

noinst_LIBRARIES += kernel/libkernel.a
FREESTANDING += kernel/libkernel.a
kernel_libkernel_a_SOURCES = $(kernel_sources)
kernel_libkernel_a_CPPFLAGS = $(KERNEL_CPPFLAGS)
kernel_libkernel_a_CFLAGS = $(KERNEL_CFLAGS)
kernel_libkernel_a_CCASFLAGS = -g

noinst_DATA += kernel/tessera.elf
CLEANFILES += kernel/tessera.elf kernel/pass1.elf kernel/symbols0.c kernel/symbols.c
KERNEL_SYMGEN = $(PYTHON) $(srcdir)/tools/gen/symgen.py

kernel/pass1.elf: kernel/libkernel.a $(srcdir)/kernel/arch/x86_64/kernel.ld $(srcdir)/tools/gen/symgen.py
	$(AM_V_GEN)$(KERNEL_SYMGEN) > kernel/symbols0.c && \
	$(KERNEL_LINK) $(KERNEL_CFLAGS) -o $@ -Wl,--whole-archive kernel/libkernel.a -Wl,--no-whole-archive \
		kernel/symbols0.c
kernel/tessera.elf: kernel/pass1.elf
	$(AM_V_GEN)$(KERNEL_SYMGEN) kernel/pass1.elf > kernel/symbols.c && \
	$(KERNEL_LINK) $(KERNEL_CFLAGS) -o $@ -Wl,--whole-archive kernel/libkernel.a -Wl,--no-whole-archive \
		kernel/symbols.c

EXTRA_DIST += kernel/arch/x86_64/kernel.ld tools/gen/symgen.py

# entry.S compares with the number of calls, which comes by a flag.
kernel/arch/x86_64/libkernel_a-entry.$(OBJEXT): $(srcdir)/abi/calls.list
