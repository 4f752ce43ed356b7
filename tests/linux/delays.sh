#!/bin/bash
# delays.sh -- races: the conformance areas with every window between CPUs made long, and the fine sweep.
#
# Only a kernel of --enable-debug takes delay=; one is made in a build folder of its own below this one.
# Slow, so `make check-faults` alone runs it.  DELAYS="tested exit" and DELAY_CPUS=4 choose among the runs.

top=$(realpath "${TESSERA_SRC:-$(dirname "$0")/../..}")
export TESSERA_BUILD=${TESSERA_BUILD:-$top/build} TESSERA_NO_BUILD=1
debug=$TESSERA_BUILD/debug-kernel
names=${DELAYS:-$(sed -n 's/^\tX([A-Z]*, "\([a-z]*\)").*/\1/p' "$top/kernel/include/delay.h")}
count=0

kernel_make() {
	mkdir -p "$debug" && cd "$debug" || return 1
	[ -e Makefile ] || "$top/configure" --enable-debug || return 1
	env -u MAKEFLAGS -u MAKELEVEL make
}

# holds SENTENCE OPTION...: the conformance tests that are named by the options hold.
holds() {
	local sentence=$1 out

	shift
	count=$((count + 1))
	if out=$(python3 "$top/tests/linux/conformance.py" --on tessera "$@" 2>&1); then
		echo "ok $count - $sentence"
	else
		grep -v '^ok' <<< "$out" | sed 's/^/# /'
		echo "not ok $count - $sentence"
	fi
}

if ! log=$(kernel_make 2>&1); then
	tail -n 20 <<< "$log" | sed 's/^/# /'
	echo 'Bail out! no debug kernel could be made'
	exit 1
fi
cd "$TESSERA_BUILD" || exit 1
for cpus in ${DELAY_CPUS:-2 4}; do
	for name in $names; do
		holds "$cpus CPUs, a long window $name" --smp "$cpus" --kernel "$debug/kernel/tessera.elf" \
			--append "delay=$name:200" race job signal process
	done
done
holds 'the fine sweep' --set SWEEP_FINE=1 sweep sweep_lives
echo "1..$count"
