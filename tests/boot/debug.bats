# debug.bats -- `./tessera debug`: gdb on the stopped kernel.

load ../lib/guest

@test "gdb stops at the kernel's entry with symbols and lines" {
	needs_tessera
	run "$TESSERA" debug -- -batch -ex 'break kernel_main' -ex continue -ex backtrace
	echo "$output"
	[[ $output == *"Breakpoint 1, kernel_main"* && $output == *"kernel/boot/main.c"* ]]
}

@test "gdb's backtrace of a native call ends at its entry" {
	needs_tessera
	run "$TESSERA" debug -- -batch -ex 'break sys_pipe_create' -ex continue -ex backtrace
	echo "$output"
	[[ $output == *"#1 "*"native_call"* && $output != *"#2 "* ]]
}
