# machines.bats -- the same command on every machine and by every way of booting; machines that end badly.

load ../lib/guest

setup() {
	needs_tessera
}

# works OPTIONS: many processes and pipes at a time give the right answer on such a machine.
works() {
	local script='n=0; while [ $n -lt 12 ]; do seq 1 200 | sort -rn | sed 1q & n=$((n+1)); done | sort | uniq -c'
	run guest "$@" -- sh -c "$script; nproc"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(echo ${lines[0]})" = "12 200" ]
	[ "${lines[1]}" = "$cpus" ]
}

@test "PVH: one CPU" {
	cpus=1 works --smp 1
}

@test "PVH: two CPUs" {
	cpus=2 works --smp 2
}

@test "PVH: four CPUs that are qemu64, and 64 MiB" {
	cpus=4 works --smp 4 --cpu qemu64 --mem 64M
}

@test "PVH: more CPUs than can be used are left out, and the log says so" {
	run guest --smp 17 --verbose -- nproc
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"1 CPUs are not used: 16 is the most"* && $'\n'$output$'\n' == *$'\n16\n'* ]]
}

@test "BIOS: an ISO on two CPUs" {
	cpus=2 works --iso --smp 2
}

@test "UEFI: an ISO on two CPUs" {
	cpus=2 works --iso --uefi --smp 2 --mem 512M
}

@test "a machine with 16 MiB is told that this is too little" {
	run guest --mem 16M -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[ "$(grep -c 'too little memory: [0-9]* KiB' <<< "$output")" -eq 1 ]
}

@test "a file of the boot archive is not copied: it may take more than half of memory" {
	head -c 36000000 /dev/urandom > "$BATS_TEST_TMPDIR/big"
	equals "$(guest --mem 64M --add "$BATS_TEST_TMPDIR/big" -- sha256sum /big | cut -d' ' -f1)" \
		"$(sha256sum < "$BATS_TEST_TMPDIR/big" | cut -d' ' -f1)"
}

@test "a kernel without a boot archive says so in one line and ends" {
	status=0
	timeout "$GUEST_SECONDS" qemu-system-x86_64 -machine q35 -m 128M -nodefaults -display none -no-reboot \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -serial "file:$BATS_TEST_TMPDIR/log" \
		-kernel "$TESSERA_BUILD/kernel/tessera.elf" -append 'debugexit log=serial' || status=$?
	cat "$BATS_TEST_TMPDIR/log"
	[ "$status" -ne 0 ]
	[ "$status" -ne 33 ]
	[ "$status" -ne 124 ]
	[ "$(grep -c . "$BATS_TEST_TMPDIR/log")" -eq 1 ]
	grep -q 'no boot archive' "$BATS_TEST_TMPDIR/log"
}

# The leaves that the monitor shows have no NX of the direct map's: that is in the top table's entry 256.
@test "nothing in the kernel's half can be both written and executed" {
	local monitor="$(dirname "$TESSERA")/tests/lib/monitor $BATS_TEST_TMPDIR/m" top
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	guest --qemu "-monitor unix:$BATS_TEST_TMPDIR/m,server,nowait" -- sh -c 'echo up; cat' \
		< "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out" &
	exec 4> "$BATS_TEST_TMPDIR/in"
	read -r line < "$BATS_TEST_TMPDIR/out"
	[ "$line" = up ]
	$monitor 'info tlb' > "$BATS_TEST_TMPDIR/tlb"
	top=$($monitor 'info registers' | grep -o 'CR3=[0-9a-f]*')
	top=$($monitor "xp /1gx 0x${top#CR3=}+0x800")
	exec 4>&-
	wait $!
	awk '/^ffffffff8/ { $3 ~ /^X/ ? other++ : code++; if ($3 !~ /^X/ && $3 ~ /W$/) bad++; if ($3 ~ /W$/) data++ }
		END { print code + 0, other + 0, data + 0, bad + 0; exit !(code && data && other > data) || bad }' \
		"$BATS_TEST_TMPDIR/tlb"
	echo "$top"
	[[ $top == *": 0x8"* ]]
}

# control_registers CPU: CR4 and EFER of a guest with such a CPU, in hexadecimal.
control_registers() {
	mkfifo "$BATS_TEST_TMPDIR/$1.in" "$BATS_TEST_TMPDIR/$1.out"
	guest --cpu "$1" --qemu "-monitor unix:$BATS_TEST_TMPDIR/$1,server,nowait" -- sh -c 'echo up; cat' \
		< "$BATS_TEST_TMPDIR/$1.in" > "$BATS_TEST_TMPDIR/$1.out" &
	exec 4> "$BATS_TEST_TMPDIR/$1.in"
	read -r line < "$BATS_TEST_TMPDIR/$1.out"
	"$(dirname "$TESSERA")/tests/lib/monitor" "$BATS_TEST_TMPDIR/$1" 'info registers' > "$BATS_TEST_TMPDIR/registers"
	exec 4>&-
	wait $!
	cr4=0x$(grep -o 'CR4=[0-9a-f]*' "$BATS_TEST_TMPDIR/registers" | cut -d= -f2)
	efer=0x$(grep -o 'EFER=[0-9a-f]*' "$BATS_TEST_TMPDIR/registers" | cut -d= -f2)
}

@test "SMEP, SMAP, UMIP and NX are on where the CPU has them, and only there" {
	local smep=0x100000 smap=0x200000 umip=0x800 nx=0x800
	control_registers max
	equals $((cr4 & (smep | smap | umip))) $((smep | smap | umip))
	equals $((efer & nx)) $((nx))
	control_registers qemu64
	equals $((cr4 & (smep | smap | umip))) 0
	equals $((efer & nx)) $((nx))
}

# first_process SCRIPT: run with a process 1 of our own instead of the runner.
first_process() {
	local layout=$BATS_TEST_TMPDIR/layout
	mkdir -p "$layout/kernel" "$layout/rootfs"
	cp "$TESSERA_BUILD/kernel/tessera.elf" "$layout/kernel"
	cp "$TESSERA_BUILD/rootfs/root.cpio" "$layout/rootfs"
	cp "$TESSERA_BUILD/system.cpio" "$layout"
	printf '#!/bin/sh\n%s\n' "$1" > "$layout/rootfs/init"
	chmod 755 "$layout/rootfs/init"
	run python3 "$(dirname "$TESSERA")/tools/qemu/main.py" --layout "$layout" run --timeout "$GUEST_SECONDS" -- true
	echo "$output"
	[ "$status" -eq 125 ]
}

@test "the exit of process 1 is the end of everything: power off, and run fails saying so" {
	first_process 'sleep 1000 & exit 3'
	[[ $output == *"before it could run the command"* ]]
	[ "$(grep -c 'init (pid 1) exited with status 3: power off' <<< "$output")" -eq 1 ]
}

@test "a process 1 that cannot be run is said so" {
	first_process 'exec /no/such/program'
	[[ $output == *"init (pid 1) exited with status 127"* ]]
}

@test "kill -9 of anything but process 1 is its end alone" {
	run guest -- sh -c 'exec 2> /dev/null; kill -9 1; sleep 100 & kill -9 $!; wait $!; echo $?; sh -c "kill -9 \$PPID"; echo late'
	echo "$output"
	[ "$status" -eq 137 ]
	[ "${lines[0]}" = 137 ]
	[[ $output != *late* ]]
}
