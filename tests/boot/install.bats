# install.bats -- what `make install` leaves works by itself, from any folder.

load ../lib/guest

setup_file() {
	export DESTDIR=$BATS_FILE_TMPDIR/"a place"
	make -C "$TESSERA_BUILD" -s install DESTDIR="$DESTDIR" prefix=/opt/tessera > /dev/null
}

setup() {
	needs_tessera
	installed=$DESTDIR/opt/tessera/bin/tessera
	unset TESSERA_BUILD TESSERA_NO_BUILD
	cd "$BATS_TEST_TMPDIR"
}

@test "the installed tessera runs a command" {
	echo text > file
	run "$installed" run --add file -- sh -c 'cat /file; exit 3' < /dev/null
	equals "$status" 3
	equals "$output" text
}

@test "the installed tessera makes its ISO here" {
	"$installed" iso
	[ -s tessera.iso ]
}

@test "the installed benchmark is a program, for this machine and for the guest" {
	bench=$DESTDIR/opt/tessera/share/tessera/tests/bench/bench
	[[ $("$bench" --list) == *getppid* ]]
	[[ $("$installed" run --add "$bench" -- /bench --rows getppid --scale 1000) == getppid*ok ]]
}

@test "the installed tessera says what needs the source tree" {
	for verb in build check; do
		run "$installed" $verb
		equals "$status" 125
		equals "$output" "tessera: $verb needs the source tree"
	done
}
