#!/usr/bin/env python3
"""Boot the native benchmark under -icount: every row is there and is a plausible figure."""
import sys

import boot

ROWS = ("null-call", "handle-look-up", "pipe-write-read", "pread-4k", "futex-wake-nobody",
        "waitset-wait-ready", "ipc-call-reply", "map-unmap", "anonymous-fault")
BUDGET_FACTOR = 4      # beyond this a path is broken, not slow


def main():
    status, log = boot.boot(["tessera.ipcbench"], 120, icount=True)
    rows = {}
    for line in boot.lines_of("ipcbench", log):
        print("# " + line)
        words = line.split()
        if words[0] == "row" and len(words) == 5:
            rows[words[1]] = float(words[2]), float(words[4])
    good = True
    for number, name in enumerate(ROWS, 1):
        figure, budget = rows.get(name, (0, 0))
        passed = figure > 0 and (not budget or figure < budget * BUDGET_FACTOR)
        print(f"{'' if passed else 'not '}ok {number} - {name}: {figure} guest instructions")
        good = good and passed
    passed = status == boot.machine.DEBUG_EXIT_PASS
    print(f"{'' if passed else 'not '}ok {len(ROWS) + 1} - the machine powers off with 0")
    print(f"1..{len(ROWS) + 1}")
    if not (good and passed):
        boot.log_show(log)
    return 0 if good and passed else 1


sys.exit(main())
