#!/bin/sh
# vfs_host.sh BUILD-DIR [seconds] -- build and run the host tests of linuxd's names half under ASan and
# UBSan, then its fuzzer for so many seconds (default 5).  TAP on standard output.
set -eu
top=$(cd "$(dirname "$0")/../../.." && pwd)
out=${1:?build directory}/vfs-host
seconds=${2:-5}
mkdir -p "$out/abi"
for what in errors.h errors_table.h rights.h calls.h; do
	python3 "$top/tools/gen/abigen.py" $what "$top/abi" > "$out/abi/$what"
done
# The stubs become declarations, which the mock defines.
python3 "$top/tools/gen/abigen.py" stubs.h "$top/abi" | sed -n \
	-e '/^#include/p' -e 's/^static inline \(.* tess_[a-z_0-9]*(.*)\)$/\1;/p' > "$out/abi/stubs.h"
sources=$(sed -n 's/^\t\(linux-compat[^ ]*\.c\).*/\1/p' "$top/linux-compat/server/vfs.mk")
flags="-std=gnu11 -O1 -g -Wall -Wextra -Wno-maybe-uninitialized -fsanitize=address,undefined -fno-sanitize-recover=all"
cd "$top"
for test in vfs_test vfs_fuzz; do
	# shellcheck disable=SC2086
	gcc $flags -I"$out" -I. $sources linux-compat/server/test/vfs_mock.c \
		linux-compat/server/test/$test.c -o "$out/$test"
done
"$out/vfs_test"
"$out/vfs_fuzz" "$seconds"
