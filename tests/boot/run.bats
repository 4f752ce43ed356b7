# run.bats -- `./tessera run`: streams, end of file, exit status, and guests that fail.

load ../lib/guest

setup() {
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
}

@test "stdout, stderr and the exit status arrive apart and exact" {
	status=0
	guest -- sh -c 'echo out; echo err >&2; printf "no newline"; exit 3' > "$out" 2> "$err" || status=$?
	equals "$status" 3
	equals "$(cat "$out"; echo x)" "$(printf 'out\nno newline'; echo x)"
	equals "$(cat "$err")" err
}

@test "a command that says nothing leaves nothing on either stream" {
	guest -- true > "$out" 2> "$err"
	[ ! -s "$out" ]
	[ ! -s "$err" ]
}

@test "the command sees pipes, no terminal, and is not process 1" {
	run guest -- sh -c 'for n in 0 1 2; do [ -t $n ] && exit 1; [ -p /proc/self/fd/$n ] || exit 2; done
		[ $$ -gt 1 ]'
	equals "$status" 0
}

@test "a command killed by signal n ends run with 128+n" {
	run guest -- sh -c 'kill -KILL $$'
	equals "$status" 137
}

@test "a command that does not exist is 127 and says so on stderr" {
	status=0
	guest -- no-such-command > "$out" 2> "$err" || status=$?
	equals "$status" 127
	[ ! -s "$out" ]
	grep -q 'no-such-command: not found' "$err"
}

@test "a command that cannot be run is 126" {
	status=0
	guest -- /etc/passwd > "$out" 2> "$err" || status=$?
	equals "$status" 126
	grep -q /etc/passwd "$err"
}

@test "arguments arrive as they are: empty, spaces, newlines, bytes, quotes" {
	guest -- printf '[%s]' '' 'a b' $'c\nd' $'\x01\xff' "'\"\\\$x" > "$out"
	printf '[%s]' '' 'a b' $'c\nd' $'\x01\xff' "'\"\\\$x" | cmp - "$out"
}

@test "every byte goes in and comes out unchanged" {
	head -c 200000 /dev/urandom > "$BATS_TEST_TMPDIR/in"
	printf '\000\r\n\021\023\003\004\177\377\r' >> "$BATS_TEST_TMPDIR/in"
	guest -- cat < "$BATS_TEST_TMPDIR/in" > "$out"
	cmp "$BATS_TEST_TMPDIR/in" "$out"
}

@test "the end of stdin is the end of the command's stdin" {
	equals "$(printf 'one\ntwo' | guest -- wc -c)" 7
	equals "$(guest -- wc -c < /dev/null)" 0
}

@test "a reader of our output that leaves early ends the command, as in a pipeline" {
	guest -- yes 2> "$err" | head -n 2 > "$out"
	equals "$(cat "$out")" "$(printf 'y\ny')"
}

# More than the pipes hold; under --icount the seconds of a guest that waits pass at once.
@test "a reader that takes its time gets everything, and the status comes after it" {
	local in="$BATS_TEST_TMPDIR/in"
	mkfifo "$in"
	guest --icount -- sh -c 'seq 1 30000; exit 3' > "$in" 2> "$err" &
	{ sleep 4; wc -l; } < "$in" > "$out"
	equals "$(cat "$out")" 30000
	status=0
	wait $! || status=$?
	equals "$status" 3
	[ ! -s "$err" ]
}

@test "a command that leaves stdin unread does no harm to whoever writes it" {
	equals "$(yes | guest -- head -n 1)" y
	equals "$(yes | guest -- echo done)" done
}

@test "closing stdout early is seen on the host while the command goes on" {
	local in="$BATS_TEST_TMPDIR/in"
	mkfifo "$in"
	exec 4<> "$in"		# neither end waits for the other to open it
	# not by guest(): its shell would hold the pipe, too
	"$TESSERA" run --on "$(systems)" -- sh -c 'echo first; exec >&-; read -r go; echo "$go" >&2' < "$in" 2> "$err" |
		{ cat; echo closed; echo late > "$in"; } > "$out"
	equals "$(cat "$out")" "$(printf 'first\nclosed')"
	equals "$(cat "$err")" late
}

@test "a child left running in the background does not hold up the end" {
	run guest -- sh -c 'sleep 1000 & echo started; exit 4'
	equals "$status" 4
	equals "$output" started
}

@test "--add puts a file and a folder into the root, with their modes" {
	mkdir -p "$BATS_TEST_TMPDIR/folder/deep"
	head -c 5000 /dev/urandom > "$BATS_TEST_TMPDIR/folder/deep/data"
	ln -s deep/data "$BATS_TEST_TMPDIR/folder/link"
	printf '#!/bin/sh\necho "script $1"\n' > "$BATS_TEST_TMPDIR/script"
	chmod 755 "$BATS_TEST_TMPDIR/script"
	guest --add "$BATS_TEST_TMPDIR/folder:/srv/new/place" --add "$BATS_TEST_TMPDIR/script" \
		-- sh -c '/script works >&2; cat /srv/new/place/link' > "$out" 2> "$err"
	cmp "$BATS_TEST_TMPDIR/folder/deep/data" "$out"
	equals "$(cat "$err")" "script works"
}

@test "--add of something that is not there is one clear line and no boot" {
	run guest --add /no/such/file -- true
	equals "$status" 125
	equals "$output" "tessera: --add /no/such/file: no such file or folder"
}

@test "--add calls a symbolic link's target by the link's name" {
	printf '#!/bin/sh\necho linked\n' > "$BATS_TEST_TMPDIR/target"
	chmod 755 "$BATS_TEST_TMPDIR/target"
	ln -s target "$BATS_TEST_TMPDIR/link"
	equals "$(guest --add "$BATS_TEST_TMPDIR/link" -- /link)" linked
}

@test "--add of a file over a folder, or a folder over a file, is one clear line and no boot" {
	touch "$BATS_TEST_TMPDIR/file"
	run guest --add "$BATS_TEST_TMPDIR/file:/bin" -- true
	equals "$status" 125
	[[ $output == *"/bin is a folder of the root"* && ${#lines[@]} -eq 1 ]]
	for target in /etc/passwd /etc/passwd/deeper/still; do
		run guest --add "$BATS_TEST_TMPDIR:$target" -- true
		equals "$status" 125
		[[ $output == *"/etc/passwd is a file of the root"* && ${#lines[@]} -eq 1 ]]
	done
}

@test "an archive for --root that is cut short is one clear line and no boot" {
	mkdir "$BATS_TEST_TMPDIR/root"
	head -c 100000 /dev/urandom > "$BATS_TEST_TMPDIR/root/data"
	tar -c -C "$BATS_TEST_TMPDIR" root | head -c 60000 > "$BATS_TEST_TMPDIR/cut.tar"
	gzip -c "$BATS_TEST_TMPDIR/root/data" | head -c 60000 > "$BATS_TEST_TMPDIR/cut.gz"
	for name in cut.tar cut.gz root/data; do
		run guest --root "$BATS_TEST_TMPDIR/$name" -- true
		equals "$status" 125
		[[ $output == "tessera: $BATS_TEST_TMPDIR/$name: "* && ${#lines[@]} -eq 1 ]]
	done
}

@test "a dynamic program without its loader is told apart from one that is not there" {
	printf '#!/no/such/interpreter\n' > "$BATS_TEST_TMPDIR/script"
	chmod 755 "$BATS_TEST_TMPDIR/script"
	local status=0
	guest --add "$BATS_TEST_TMPDIR/script" -- /script 2> "$err" || status=$?
	equals "$status" 127
	[[ $(cat "$err") == *"/script: its interpreter or dynamic loader is not in the root"* ]]
}

@test "output that cannot be written is said and is 125" {
	run bash -c '"$0" run --on "$1" -- echo lost > /dev/full' "$TESSERA" "$(systems)"
	equals "$status" 125
	[[ $output == *"stdout: No space left on device"* ]]
	run bash -c '"$0" run --on "$1" -- echo lost >&-' "$TESSERA" "$(systems)"
	equals "$status" 125
	run bash -c '"$0" run --on "$1" -- true >&-' "$TESSERA" "$(systems)"
	equals "$status" 0
}

@test "--root replaces the root" {
	mkdir -p "$BATS_TEST_TMPDIR/root/bin" "$BATS_TEST_TMPDIR/root/tmp"
	cp "$TESSERA_BUILD/distro/busybox/busybox" "$BATS_TEST_TMPDIR/root/bin/busybox"
	run guest --root "$BATS_TEST_TMPDIR/root" -- /bin/busybox ls /
	equals "$status" 0
	[[ $output == *bin* && $output != *sbin* ]]
}

@test "a guest that is reset or powers off before its command ends is a failure with the log" {
	run guest -- poweroff -f
	equals "$status" 125
	[[ $output == *"before its command did"* ]]
}

@test "a command that does not end in time is a failure" {
	GUEST_SECONDS=8 run guest -- sleep 1000
	equals "$status" 125
	[[ $output == *"did not end within 8 seconds"* ]]
}

@test "a guest that panics is a failure with the end of its log" {
	[ "$(systems)" = linux ] || skip "Linux's way to ask for a panic"
	run guest -- sh -c 'echo c > /proc/sysrq-trigger'
	equals "$status" 125
	[[ $output == *panic* ]]
}

@test "kill -9 of process 1 does nothing" {
	run guest -- sh -c 'kill -9 1; kill -BUS 1; echo still; exit 5'
	equals "$status" 5
	equals "$output" still
}

@test "wrong options are refused before anything boots" {
	run "$TESSERA" run --smp 0 -- true
	[ "$status" -ne 0 ]
	run "$TESSERA" run
	[ "$status" -ne 0 ]
	[[ $output == *"which command"* ]]
	run "$TESSERA" run --disk x -- true
	[ "$status" -ne 0 ]
	[[ $output == *"not yet"* ]]
}

@test "a closed stdin is an empty one" {
	run env TESSERA="$TESSERA" bash -c '"$TESSERA" run --timeout 400 -- sh -c "cat; echo end" <&-'
	[ "$status" -eq 0 ]
	[ "$output" = end ]
}

@test "wrong usage is 125, which no command of the guest's is" {
	run "$TESSERA" run --nosuch
	[ "$status" -eq 125 ]
	[[ $output == *"unrecognized arguments: --nosuch"* ]]
	run "$TESSERA" nosuch
	[ "$status" -eq 125 ]
	[[ $output == *"nosuch: no such command"* && ${#lines[@]} -eq 1 ]]
	run "$TESSERA" iso -o /no/such/folder/x.iso
	[ "$status" -eq 125 ]
	[[ $output == "tessera: /no/such/folder/x.iso: No such file or directory" ]]
}

@test "a run that is killed takes its QEMU with it" {
	local signal
	for signal in QUIT KILL; do
		mkfifo "$BATS_TEST_TMPDIR/in.$signal" "$BATS_TEST_TMPDIR/out.$signal"
		guest --qemu "-pidfile $BATS_TEST_TMPDIR/pid.$signal" -- sh -c 'echo up; cat' \
			< "$BATS_TEST_TMPDIR/in.$signal" > "$BATS_TEST_TMPDIR/out.$signal" 2> "$err" &
		exec 4> "$BATS_TEST_TMPDIR/in.$signal"
		read -r line < "$BATS_TEST_TMPDIR/out.$signal"
		kill -$signal $(awk '{ print $4 }' "/proc/$(cat "$BATS_TEST_TMPDIR/pid.$signal")/stat")
		timeout "$GUEST_SECONDS" tail --pid="$(cat "$BATS_TEST_TMPDIR/pid.$signal")" -f /dev/null
		exec 4>&-
		wait $! || true
	done
}

@test "messages that nobody can read change no exit status" {
	run bash -c '"$0" run --timeout 400 --verbose -- sh -c "exit 3" 2> /dev/full' "$TESSERA"
	equals "$status" 3
	run bash -c '"$0" run --timeout 400 --mem 1M -- true 2> /dev/full' "$TESSERA"
	equals "$status" 125
	run bash -c '"$0" nosuch 2> /dev/full' "$TESSERA"
	equals "$status" 125
}

@test "a stdin that cannot be read is one clear line" {
	run bash -c '"$0" run --timeout 400 -- cat < /' "$TESSERA"
	equals "$status" 125
	equals "$output" "tessera: stdin is a folder"
	run bash -c '"$0" run --timeout 400 -- cat 0> "$1"' "$TESSERA" "$out"
	equals "$status" 125
	equals "$output" "tessera: stdin: Bad file descriptor"
}

@test "a host without room for the guest's files is one clear line that names the place" {
	run bash -c 'ulimit -f 100; "$0" run --timeout 400 -- true' "$TESSERA"
	equals "$status" 125
	equals "$output" "tessera: ${TMPDIR:-/tmp}: File too large"
}

@test "an ISO that cannot be written whole leaves the one that was there" {
	cd "$BATS_TEST_TMPDIR"
	echo old > old.iso
	head -c 200000 /dev/zero > new.iso
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$TESSERA")/tools/qemu run python3 -c '
import iso, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
iso.output_write("new.iso", "old.iso")'
	[[ $output == *"File too large: '"'old.iso'"'" ]]
	equals "$(cat old.iso)" old
	[ ! -e old.iso.part ]
}

@test "a folder for temporary files with a comma or a long name does no harm" {
	local folder
	for folder in "$BATS_TEST_TMPDIR/a,b c" "$BATS_TEST_TMPDIR/$(printf '%0100d' 0)"; do
		mkdir "$folder"
		TMPDIR=$folder run guest -- echo fine
		equals "$output" fine
	done
}

@test "a build folder that is up to date need not be writable" {
	local tree=/tmp/tessera-test.$$ user=()
	[ "$(id -u)" -ne 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	mkdir -p "$tree/build"
	cp "$TESSERA" "$tree/tessera"
	touch "$tree/configure.ac"
	chmod 755 "$tree" "$tree/build"
	touch -d '1 minute' "$tree/build/.built"
	chmod 555 "$tree/build"
	run env -u TESSERA_BUILD -u TESSERA_NO_BUILD "${user[@]}" "$tree/tessera" build
	rm -rf "$tree"
	equals "$output" ""
	equals "$status" 0
}
