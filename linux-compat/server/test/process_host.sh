#!/bin/sh
# process_host.sh [BUILD-DIR] -- the host tests of linuxd's process half and terminals under ASan and UBSan,
# on a mock kernel.  TAP on standard output.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
out=${1:-$PWD/linux-compat/server/test}/process_test.d
mkdir -p "$out/abi"
for what in errors.h errors_table.h rights.h calls.h; do
	python3 "$top/tools/gen/abigen.py" $what "$top/abi" > "$out/abi/$what"
done
# The stubs become declarations, which the mock defines.
python3 "$top/tools/gen/abigen.py" stubs.h "$top/abi" | sed -n \
	-e '/^#include/p' -e 's/^static inline \(.* tess_[a-z_0-9]*(.*)\)$/\1;/p' > "$out/abi/stubs.h"
# All of the process half but its start and its allocator (the sanitizer's finds more).
sources=$(sed -n 's,^\t\(linux-compat/server/[a-z_]*\.c\).*,\1,p' "$top/linux-compat/server/local.mk" |
	grep -v -e /main.c -e /memory.c)
flags="-std=gnu11 -O1 -g -Wall -Wextra -Wno-maybe-uninitialized -fno-builtin-snprintf -fsanitize=address,undefined"
cd "$top"
# shellcheck disable=SC2086
gcc $flags -fno-sanitize-recover=all -I"$out" -I. $sources lib/rt/cpio.c lib/rt/string.c lib/rt/format.c lib/rt/number.c \
	elf/elf_error.c elf/elf_parse.c \
	linux-compat/server/test/process_mock.c -o "$out/process_test"
exec "$out/process_test"
