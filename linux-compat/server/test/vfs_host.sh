#!/bin/sh
# vfs_host.sh [BUILD-DIR] -- the host tests of linuxd's names half under ASan and UBSan, on a mock kernel.
# Named vfs_fuzz.sh it runs the fuzzer instead, for $FUZZ_SECONDS (default 60).  TAP on standard output.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
name=$(basename "$0" .sh)
[ "$name" = vfs_fuzz ] || name=vfs_test
out=${1:-$PWD/linux-compat/server/test}/$name.d
mkdir -p "$out/abi"
for what in errors.h errors_table.h rights.h calls.h; do
	python3 "$top/tools/gen/abigen.py" $what "$top/abi" > "$out/abi/$what"
done
# The stubs become declarations, which the mock defines.
python3 "$top/tools/gen/abigen.py" stubs.h "$top/abi" | sed -n \
	-e '/^#include/p' -e 's/^static inline \(.* tess_[a-z_0-9]*(.*)\)$/\1;/p' > "$out/abi/stubs.h"
sources=$(sed -n 's,^\t\(linux-compat/server/[a-z_]*\.c\).*,\1,p' "$top/linux-compat/server/vfs.mk")
flags="-std=gnu11 -O1 -g -Wall -Wextra -Wno-maybe-uninitialized -fsanitize=address,undefined"
cd "$top"
# shellcheck disable=SC2086
gcc $flags -fno-sanitize-recover=all -I"$out" -I. $sources lib/rt/cpio.c linux-compat/server/test/vfs_mock.c \
	"linux-compat/server/test/$name.c" -o "$out/$name"
exec "$out/$name" "${FUZZ_SECONDS:-60}"
