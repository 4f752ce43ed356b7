# bad.bats -- machines and archives that Tessera cannot boot: one clear line on the console, status 125.

load ../lib/guest

setup() {
	needs_tessera
	layout=$BATS_TEST_TMPDIR/layout
	mkdir -p "$layout/kernel" "$layout/rootfs"
	cp "$TESSERA_BUILD/kernel/tessera.elf" "$layout/kernel"
	cp "$TESSERA_BUILD/rootfs/root.cpio" "$TESSERA_BUILD/rootfs/init" "$layout/rootfs"
	cp "$TESSERA_BUILD/system.cpio" "$layout"
	chmod -R u+w "$layout"
}

# refused TEXT COMMAND: the command fails as a dead guest does, and its log has a line with TEXT.
refused() {
	local text=$1
	shift
	run "$@"
	echo "$output"
	[ "$status" -eq 125 ]
	[ "$(grep -c "$text" <<< "$output")" -eq 1 ]
	[[ $output != *PANIC* ]]
}

# boot: run `true` from the layout made here.
boot() {
	python3 "$(dirname "$TESSERA")/tools/qemu/main.py" --layout "$layout" run --timeout "$GUEST_SECONDS" -- true
}

@test "the layout these tests spoil boots while it is whole" {
	boot
}

@test "a boot archive that is empty is refused" {
	: > "$layout/system.cpio"
	refused 'boot archive is damaged' boot
}

@test "a boot archive of zeros is refused" {
	head -c 8192 /dev/zero > "$layout/system.cpio"
	refused 'boot archive is damaged' boot
}

@test "a boot archive that starts with garbage is refused" {
	printf garbage | dd of="$layout/system.cpio" conv=notrunc status=none
	refused 'boot archive is damaged' boot
}

@test "a boot archive that is cut short is refused" {
	truncate -s 100000 "$layout/system.cpio"
	refused 'boot archive' boot
}

@test "too little memory is said so" {
	refused 'too little memory' "$TESSERA" run --mem 8M --timeout "$GUEST_SECONDS" -- true
}

@test "a CPU without 64 bits is said so" {
	refused 'no 64-bit mode' "$TESSERA" run --cpu pentium --timeout "$GUEST_SECONDS" -- true
}
