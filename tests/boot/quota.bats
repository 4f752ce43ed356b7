# quota.bats -- who takes too much ends alone: fork bombs, memory hogs, and what a thousand lives leave.
#
# What a process held has been given back when wait(2) returns: nothing here sleeps before it looks.

load ../lib/guest

# What a script in the guest begins with: mem FIELD is a line of /proc/meminfo, in KiB, read without a fork.
memory='mem() { while read -r name value unit; do [ "$name" != "$1:" ] || echo "$value"; done < /proc/meminfo; }'

setup() {
	needs_tessera
}

# quiet OPTIONS -- CMD: what the guest's command says on stdout.
quiet() {
	guest --mem 64M "$@" 2> /dev/null
}

@test "a thousand forks and execs leave no memory behind" {
	run quiet -- sh -c "$memory"'
		lives() { n=0; while [ $n -lt $1 ]; do /bin/true; (:); n=$((n+1)); done; }
		lives 50; mem MemFree; mem Slab; lives 1000; mem MemFree; mem Slab'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[2]}" -ge $((lines[0] - 32)) ]	# a CPU may keep some frames for itself
	[ "${lines[3]}" -le $((lines[1] + 8)) ]	# the kernel's objects
}

@test "processes killed while they hold memory leave none behind" {
	run quiet -- sh -c "$memory"'
		lives() { n=0; while [ $n -lt $1 ]; do cat /dev/zero | sleep 1000 & kill -9 $!; wait; n=$((n+1)); done; }
		lives 20; mem MemFree; lives 100; mem MemFree'
	echo "$output"
	[ "${lines[1]}" -ge $((lines[0] - 64)) ]
}

# A kill, if children that were forked in time then take more than there is.
@test "forking without end is EAGAIN or a kill, and the shell still answers" {
	run quiet -- sh -c '
		( while sleep 1000 & do :; done ) 2> /tmp/error; echo "ended $?"
		read -r error < /tmp/error; echo "$error"
		kill -9 -1; while set -- /proc/[0-9]*; [ $# -gt 6 ]; do :; done; ls /etc/passwd; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	case ${lines[0]} in
	"ended 2") [ "${lines[1]}" = "sh: can't fork: Resource temporarily unavailable" ] ;;
	*) [ "${lines[0]}" = "ended 137" ] ;;
	esac
	[ "${lines[-1]}" = /etc/passwd ]
}

@test "root's shell answers at any time while a user's fork bomb goes off" {
	run quiet -- sh -c '
		su -s /bin/sh nobody -c "bomb() { bomb | bomb & }; bomb" 2> /tmp/error &
		n=0; while [ $n -lt 15 ]; do ls /etc/passwd > /dev/null || exit 9; n=$((n+1)); done
		grep -q "fork: Resource temporarily unavailable" /tmp/error && echo refused; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	[ "$output" = refused ]
}

@test "a memory hog is killed, and the shell answers" {
	run quiet -- sh -c "$memory"'
		tail -c 1000000000 /dev/zero > /dev/null; echo "hog $?"
		mem MemFree; ls /etc/passwd; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	[[ $output == *"hog 137"* && $output == */etc/passwd ]]
}

@test "a user's memory hog is killed while root's processes live on" {
	run quiet -- sh -c '
		sleep 1000 & mine=$!
		su -s /bin/sh nobody -c "awk \"BEGIN { s = 1; while (1) s = s s }\""; echo "hog $?"
		kill -0 $mine && echo alive; exit 7'
	echo "$output"
	[ "$status" -eq 7 ]
	[[ $output == *"hog 137"*alive ]]
}

@test "a full file system in memory is ENOSPC, and removing the file gives its memory back" {
	run quiet -- sh -c "$memory"'
		mkdir /tmp/small && mount -t tmpfs -o size=8m none /tmp/small && before=$(mem MemFree)
		cat /dev/zero 2>&1 > /tmp/small/big; echo "cat $?"; ls -l /tmp/small/big | { read -r a b c d size e; [ $size -gt 8300000 ] && echo full; }
		[ $(mem MemFree) -lt $((before - 8000)) ] && echo held
		rm /tmp/small/big; [ $(mem MemFree) -gt $((before - 200)) ] && echo back'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"No space left on device"* ]]
	[[ $output == *"cat 1"*full*held*back ]]
}

@test "the console's shell answers while hogs of its own user fill the memory" {
	# Without a fork: those are refused before the last 5 %, and end a hog now and then. Each hog is a job and so
	# a process group: its tail ends with it, and the group is gone when init has reaped that.
	run "$(dirname "$TESSERA")/tools/qemu/expect" 'wait:# $' \
		'send:hog() { while :; do tail -c 1000000000 /dev/zero; done 2> /dev/null; }\r' \
		'wait:# $' 'send:for i in 1 2 3; do hog & p="$p $!"; done; echo st\\arted\r' 'wait:^started' \
		'send:n=0; while [ $n -lt 3000 ]; do n=$((n+1)); read -r x y < /proc/uptime; s=$s$x; done; echo answ\\ered ${#s}\r' \
		'wait:^answered 1' 'send:for i in $p; do kill -9 -$i; while kill -0 -$i; do :; done; done 2> /dev/null\r' \
		'wait:# $' 'send:cat /dev/null && echo al\\ive; poweroff\r' 'wait:^alive' end \
		-- "$TESSERA" shell --mem 64M
	echo "$output"
	[ "$status" -eq 0 ]
}
