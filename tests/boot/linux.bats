# linux.bats -- the same root and the same tools under Debian's kernel: what Tessera is compared with.

load ../lib/guest

expect() {
	"$(dirname "$TESSERA")/tools/qemu/expect" "$@"
}

@test "the shell has job control, a size and a home on Linux" {
	run expect 'wait:# $' 'send:stty size; pwd; sh -c "echo re\\ady; sleep 100; :"\r' 'wait:^ready' 'send:\x1a' \
		'wait:Stopped' 'send:poweroff\r' end -- "$TESSERA" shell --on linux
	equals "$status" 0
	[[ $output == *"43 131"* && $output == */root* ]]
}

@test "the archive with aligned files is the root that Linux unpacks" {
	"$TESSERA" run --on linux -- sha256sum /bin/busybox > "$BATS_TEST_TMPDIR/sum"
	equals "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/sum")" \
		"$(sha256sum < "$TESSERA_BUILD/distro/busybox/busybox" | cut -d' ' -f1)"
}
