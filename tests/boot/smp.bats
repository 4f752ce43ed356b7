# smp.bats -- with four CPUs, too, programs find what Linux promises: conformance.py, where processes meet.

load ../lib/guest

setup() {
	needs_tessera
}

@test "four CPUs: signals, jobs, scheduling, processes, threads, races, pipes, poll and terminals" {
	local top="${TESSERA_SRC:-$BATS_TEST_DIRNAME/../..}"

	run python3 "$top/tests/linux/conformance.py" --on tessera --smp 4 \
		signal job sched process thread race pipe poll tty
	echo "$output" | grep -v '^ok'
	[ "$status" -eq 0 ]
}
