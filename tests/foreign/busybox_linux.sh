#!/bin/sh
# busybox_linux.sh -- all of BusyBox's tests on Linux and on Tessera, the slow ones too.
FOREIGN_ON=both exec python3 "${TESSERA_SRC:?}/tests/foreign/busybox.py"
