# guest.bash -- what boot tests share: load it with `load ../lib/guest`.
#
# TESSERA_ON says which system a test judges; unset, it is Tessera when its kernel has been built and
# Linux otherwise. A test is run on Linux first: what fails there is a wrong test.

TESSERA=${TESSERA:-$(realpath "$BATS_TEST_DIRNAME/../../tessera")}
export TESSERA_BUILD=${TESSERA_BUILD:-$(dirname "$TESSERA")/build}
export TESSERA_NO_BUILD=1
GUEST_SECONDS=${GUEST_SECONDS:-400}	# for a guest that hangs; a busy machine's others must be far from it

kernel_built() {
	[ -e "$TESSERA_BUILD/kernel/tessera.elf" ]
}

systems() {
	if [ -n "$TESSERA_ON" ]; then
		echo "$TESSERA_ON"
	elif kernel_built; then
		echo tessera
	else
		echo linux
	fi
}

# needs_tessera: skip what only Tessera can be asked.
needs_tessera() {
	[ "$(systems)" = tessera ] || skip "on Tessera only"
}

# guest [OPTIONS] -- CMD: `./tessera run` on the system under test, with a time limit.
guest() {
	"$TESSERA" run --on "$(systems)" --timeout "$GUEST_SECONDS" "$@"
}

# on_both CMD: run it on Linux and on the system under test; the two must print and return the same.
on_both() {
	local expected status_expected=0 actual status_actual=0
	expected=$("$TESSERA" run --on linux --timeout "$GUEST_SECONDS" "$@" 2>&1 < /dev/null) ||
		status_expected=$?
	actual=$(guest "$@" 2>&1 < /dev/null) || status_actual=$?
	if [ "$expected" != "$actual" ] || [ "$status_expected" != "$status_actual" ]; then
		diff <(echo "$expected"; echo "status $status_expected") \
			<(echo "$actual"; echo "status $status_actual")
		return 1
	fi
}

# equals ACTUAL EXPECTED
equals() {
	[ "$1" = "$2" ] || { printf 'expected: %q\nactual:   %q\n' "$2" "$1"; return 1; }
}
