# smp.bats -- every conformance test with two and with four CPUs.

load ../lib/guest

setup() {
	needs_tessera
}

holds_with() {
	local top="${TESSERA_SRC:-$BATS_TEST_DIRNAME/../..}"

	run python3 "$top/tests/linux/conformance.py" --on tessera --smp "$1"
	echo "$output" | grep -v '^ok'
	[ "$status" -eq 0 ]
}

@test "two CPUs: what Linux promises holds" {
	holds_with 2
}

@test "four CPUs: what Linux promises holds" {
	holds_with 4
}
