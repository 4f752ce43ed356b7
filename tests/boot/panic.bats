# panic.bats -- kernels that panic or fall over: what `./tessera run` says then, and its status 125.

load ../lib/guest

setup() {
	needs_tessera
	cd "$BATS_TEST_TMPDIR"
	mkfifo in
	traced=()
}

# broken GDB-COMMAND...: run a guest and, once its command waits for us, have gdb do this to its CPU.
# Sets $status; what `run` said is in the file `err`.
broken() {
	local commands=(-ex 'target remote gdb')
	for command; do
		commands+=(-ex "$command")
	done
	guest "${traced[@]}" --qemu '-chardev socket,id=gdb,path=gdb,server=on,wait=off -gdb chardev:gdb' \
		-- sh -c 'echo up; cat' < in > out 2> err &
	exec 4> in
	until [ -s out ]; do
		kill -0 $!
	done
	gdb -q -batch "${commands[@]}" -ex detach "$TESSERA_BUILD/kernel/tessera.elf" || true
	status=0
	wait $! || status=$?
	exec 4>&-
	cat err
}

@test "a panic is told with names and the build's id, and is status 125" {
	broken 'set $rip = 0'
	equals "$status" 125
	grep -q '^tessera: its kernel panicked' err
	grep -q 'TESSERA PANIC on CPU 0: page fault in the kernel: address 0 ' err
	grep -q 'build [0-9a-f]\{40\}$' err
	grep -q ' ffffffff[0-9a-f]* kernel_main+0x' err
}

@test "a kernel without a stack panics on the one that is kept for this" {
	broken 'set $rsp = 16' 'set $rip = panic'
	equals "$status" 125
	grep -q 'TESSERA PANIC on CPU 0: exception 8 (double fault)' err
}

@test "a triple fault is a failure, though QEMU ends with 0" {
	broken 'set var idt[8].type = 0' 'set var idt[11].type = 0' 'set var idt[13].type = 0' \
		'set var idt[14].type = 0' 'set $rip = 0'
	equals "$status" 125
	grep -q '^tessera: the guest ended (reset or powered off) before its command did' err
}

@test "a panic shows what its CPU did last, if it was told to trace" {
	traced=(--append trace)
	broken 'set $rip = 0'
	equals "$status" 125
	grep -q ' ns thread [0-9]* switch [0-9a-f]* [0-9a-f]*$' err
	[[ $(tail -n 1 err) == *" fault 0 0" ]]
}

@test "a panic at boot says why" {
	run guest --append delay=nothing:1 -- true
	equals "$status" 125
	[[ $output == *"before it could run the command"*"TESSERA PANIC on CPU 0: delay=: "*" kernel_main+0x"* ]]
}
