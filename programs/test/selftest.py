#!/usr/bin/env python3
"""Boot the native selftest: its TAP is ours; the machine must end by its own word."""
import re
import sys

import boot

SETTINGS = ({"smp": 1}, {"smp": 2}, {"smp": 4})


def tests(first, settings):
    """Print the tests of one boot, numbered from `first`; the next number and whether all passed."""
    name = " ".join(f"{key} {value}" for key, value in settings.items())
    status, log = boot.boot(["tessera.selftest", "trace"], 300, **settings)
    number, planned, good = first, None, True
    for line in boot.lines_of("selftest", log):
        match = re.match(r"(not )?ok \d+ - (.*)", line)
        if match:
            print(f"{match.group(1) or ''}ok {number} - {name}: {match.group(2)}")
            number += 1
            good = good and not match.group(1)
        elif line.startswith("1.."):
            planned = int(line[3:])
        else:
            print(line if line.startswith("#") else "# " + line)
    whole = planned == number - first and status == boot.machine.DEBUG_EXIT_PASS
    print(f"{'' if whole else 'not '}ok {number} - {name}: all {planned} tests ran and the machine powered off")
    if not whole:
        print(f"# QEMU's status: {status}")
        boot.log_show(log)
    return number + 1, good and whole


def main():
    number, good = 1, True
    for settings in SETTINGS:
        number, passed = tests(number, settings)
        good = good and passed
    print(f"1..{number - 1}")
    return 0 if good else 1


sys.exit(main())
