# shell.bats -- `./tessera shell` on this system: direct boot and ISO, BIOS and UEFI.

load ../lib/guest

expect() {
	"$(dirname "$TESSERA")/tools/qemu/expect" "$@"
}

# session OPTIONS: the shell works and `poweroff` leaves it with status 0.
session() {
	run expect 'wait:# $' 'send:echo $((6*7)); tty\r' 'wait:^42' 'wait:# $' 'send:poweroff\r' end \
		-- "$TESSERA" shell --on "$(systems)" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the shell answers and poweroff leaves" {
	session
}

@test "the shell has job control on a real terminal" {
	# the job says that it is ready, so it is in the foreground when ^Z comes
	run expect 'wait:# $' 'send:stty size; sh -c "echo re\\ady; sleep 100; :"\r' 'wait:^ready' 'send:\x1a' \
		'wait:Stopped' 'send:\r' 'wait:# $' 'send:jobs\r' 'wait:Stopped' 'wait:# $' \
		'send:fg\r' 'wait:sleep 100' 'send:\x03' 'wait:# $' 'send:poweroff\r' end \
		-- "$TESSERA" shell --on "$(systems)"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"43 131"* ]]
}

@test "Ctrl-A x leaves at once" {
	run expect 'wait:# $' 'send:\x01x' end -- "$TESSERA" shell --on "$(systems)"
	[ "$status" -eq 0 ]
}

@test "a shell that is killed leaves no raw terminal" {
	run expect 'wait:# $' "run:kill $(printf '$(cat %q)' "$BATS_TEST_TMPDIR/pid")" 'wait:the (same|other)' end \
		-- bash -c 'before=$(stty -g)
		"$0" shell --on "$1" < /dev/tty &
		echo $! > "$2"
		wait
		if [ "$(stty -g)" = "$before" ]; then echo "the same"; else echo "the other"; fi' \
		"$TESSERA" "$(systems)" "$BATS_TEST_TMPDIR/pid"
	echo "$output"
	[[ $output == *"the same"* ]]
}

@test "the ISO boots to the shell with BIOS" {
	needs_tessera
	session --iso
}

@test "the ISO boots to the shell with UEFI" {
	needs_tessera
	session --iso --uefi
}

@test "it boots with 1, 2 and 4 CPUs" {
	for n in 1 2 4; do
		equals "$(guest --smp $n -- nproc)" $n
	done
}

@test "it boots on qemu64" {
	equals "$(guest --cpu qemu64 -- echo fine)" fine
}

@test "it boots with 64M of memory" {
	needs_tessera
	equals "$(guest --mem 64M -- echo fine)" fine
}
