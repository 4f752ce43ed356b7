#!/usr/bin/env python3
"""Runs Linux's tools/testing/selftests/x86 on Linux and on Tessera in the same QEMU; prints TAP.

usage: run.py [--cpu MODEL] [--smp N] [--show] [TEST ...]

A test passes on Linux when it ends with the status that expectations.txt says. On Tessera it must, too,
end as that file says, and print the lines that Linux prints, but for the exceptions listed there: a
difference that is not listed fails, and so does a listed one that is gone. Numbers are compared as N.

Without --cpu and --smp: -cpu max and one CPU, then qemu64 (no FSGSBASE, SMAP or XSAVE) and two CPUs,
these two without the slow tests. --show prints the differences as expectations.txt would have them.
Called by `make check` (TESSERA_BUILD and TESSERA_SRC name the folders).
"""
import argparse
import collections
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(TOP, "build")
FOLDER = os.path.join(BUILD, "tests", "selftests", "built")
CONFIGURATIONS = (("max", 1, True), ("qemu64", 1, False), ("max", 2, False))
MARK = "##selftest"
BOOT_SECONDS = 600
# For Linux: TCG's far return reads the stack as the kernel would, which SMAP forbids (Linux takes that for
# its own bug); with five levels of page tables the space does not end where the tests look for its end.
LINUX_CPU = ",-smap,-la57"
# What a terminal gets is not held back by a buffer when the program crashes.
SCRIPT = """for test; do
	limit=${test#*:}
	test=${test%%:*}
	echo "%(mark)s begin $test"
	script -q -c "ulimit $limit; timeout 240 /selftests/$test; r=\\$?; echo; echo '%(mark)s end' \\$r" /dev/null < /dev/null
done""" % {"mark": MARK}


class Expectation:
    """What expectations.txt says of one test."""

    def __init__(self, slow):
        self.slow = slow
        self.status = {}
        self.spins = False
        self.stops = False
        self.differences = []       # (cpu or None, "lacks" or "adds", count, text)

    def differing(self, cpu):
        """Counter of the lines that may differ: positive where Tessera lacks them."""
        lines = collections.Counter()
        for where, kind, count, text in self.differences:
            if where in (None, cpu):
                lines[text] += count if kind == "lacks" else -count
        return lines


def expectations_read():
    tests = {}
    reason = None
    with open(os.path.join(HERE, "expectations.txt"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            difference = re.match(r"\s+(lacks|adds)(?:@(\S+))? (\d+) (.*\S)", line)
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "test":
                test = tests[words[1]] = Expectation("slow" in words)
                reason = None
            elif words[0] in ("linux", "tessera"):
                test.status[words[0]] = int(words[1])
            elif words[0] == "because":
                reason = " ".join(words[1:])
            elif words[0] in ("stops", "spins") and reason:
                setattr(test, words[0], True)
            elif difference and reason:
                kind, cpu, count, text = difference.groups()
                test.differences.append((cpu, kind, int(count), text))
            else:
                sys.exit(f"expectations.txt:{number}: not understood, or without a `because`")
    return tests


def plain(line):
    """A line with every number as N."""
    return re.sub(r"-?(\b0x[0-9a-fx]+\b|\b[0-9a-f]*\d[0-9a-f]*\b)", "N", line.strip())


class Outcome:
    def __init__(self):
        self.lines = collections.Counter()
        self.failures = []          # the lines of its own that say so, as they are
        self.status = None


def boot(system, cpu, smp, names, tests):
    """Outcomes by name of one boot that runs all of them."""
    words = [sys.executable, os.path.join(TOP, "tools", "qemu", "main.py"), "--layout", BUILD, "run",
             "--on", system, "--smp", str(smp), "--timeout", str(BOOT_SECONDS),
             "--cpu", cpu + (LINUX_CPU if system == "linux" else "")]
    if system == "linux":
        # vsyscall: Debian's has none; Tessera's is as with this word. noreplace-smp: on one CPU Linux makes
        # each LOCK a DS prefix, and TCG adds DS's base in 64-bit mode, too: where a test has loaded DS with
        # a base (ldt_gdt) Linux then faults for ever.
        words += ["--append", "vsyscall=xonly noreplace-smp"]
    words += ["--add", os.path.join(FOLDER, "bin") + ":/selftests", "--", "sh", "-c", SCRIPT, "sh"]
    for name in names:
        words.append(f"{name}:-t {5 if system == 'tessera' and tests[name].spins else 'unlimited'}")
    result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    outcomes = {}
    outcome = None
    for line in result.stdout.decode("utf-8", "replace").replace("\r", "").splitlines():
        at = line.split()
        if at[:2] == [MARK, "begin"]:
            outcome = outcomes[at[2]] = Outcome()
        elif at[:2] == [MARK, "end"] and outcome:
            outcome.status = int(at[2])
            outcome = None
        elif outcome and line.strip():
            outcome.lines[plain(line)] += 1
            if "FAIL" in line:
                outcome.failures.append(line.strip())
        elif line.strip():
            print(f"# {system}: {line}")
    return outcomes


def difference_lines(lines, stops):
    """As expectations.txt writes them."""
    made = [f"{'lacks' if count > 0 else 'adds'} {abs(count)} {text}"
            for text, count in sorted(lines.items()) if count < 0 or (count and not stops)]
    return made


def judge(name, cpu, test, linux, tessera, show):
    """Why the test fails on Tessera: lines, none if it does not."""
    differing = collections.Counter(linux.lines)
    differing.subtract(tessera.lines)
    reasons = []
    if tessera.status != test.status["tessera"]:
        reasons.append(f"status {tessera.status}, expected {test.status['tessera']}")
    differing = {text: count for text, count in differing.items() if count}
    if show and differing:
        print(f"# test {name}")
        print("".join(f"# \t{line}\n" for line in difference_lines(differing, test.stops)), end="")
    expected = test.differing(cpu)
    for text in sorted(set(differing) | set(expected)):
        got, want = differing.get(text, 0), expected.get(text, 0)
        if got != want and not (test.stops and got > 0):
            reasons.append(f"{'lacks' if got > 0 else 'adds'} {abs(got)}, listed are "
                           f"{'lacks' if want > 0 else 'adds'} {abs(want)}: {text}" if got else
                           f"listed as an exception and not one any more: {text}")
    return reasons


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def case(self, text, reasons=(), skip=None):
        self.count += 1
        self.failed += bool(reasons)
        for reason in reasons:
            print(f"# {reason}")
        print(f"{'not ok' if reasons else 'ok'} {self.count} - {text}" + (f" # SKIP {skip}" if skip else ""),
              flush=True)


def configuration_run(tap, tests, names, cpu, smp, show):
    label = f"-cpu {cpu} -smp {smp}"
    outcomes = {system: boot(system, cpu, smp, names, tests) for system in ("linux", "tessera")}
    for name in names:
        test = tests[name]
        linux, tessera = (outcomes[system].get(name) or Outcome() for system in ("linux", "tessera"))
        want = test.status["linux"]
        tap.case(f"linux: {name} ({label})",
                 [] if linux.status == want else
                 [f"status {linux.status}, expected {want}"] + linux.failures)
        tap.case(f"tessera: {name} ({label})", judge(name, cpu, test, linux, tessera, show))


def main():
    parser = argparse.ArgumentParser(description="Linux's own tests of x86 on both systems")
    parser.add_argument("--cpu", metavar="MODEL")
    parser.add_argument("--smp", metavar="N", type=int)
    parser.add_argument("--show", action="store_true", help="print the differences")
    parser.add_argument("tests", metavar="TEST", nargs="*")
    args = parser.parse_args()
    tests = expectations_read()
    names = args.tests or list(tests)
    unknown = [name for name in names if name not in tests]
    if unknown:
        parser.error(f"not in expectations.txt: {' '.join(unknown)}")
    tap = Tap()
    if not os.path.exists(os.path.join(FOLDER, "bin")):
        missing = os.path.join(FOLDER, "missing")
        why = "not built"
        if os.path.exists(missing):
            with open(missing, encoding="utf-8") as file:
                why = " ".join(file.read().split())
        for name in names:
            tap.case(f"linux and tessera: {name}", skip=why)
    else:
        for folder in (FOLDER, os.path.join(BUILD, "linux")):
            with open(os.path.join(folder, "version"), encoding="utf-8") as file:
                print(f"# {file.read().strip()}")
        wanted = CONFIGURATIONS
        if args.cpu or args.smp or args.tests:
            wanted = ((args.cpu or "max", args.smp or 1, True),)
        for cpu, smp, slow in wanted:
            configuration_run(tap, tests, [n for n in names if slow or not tests[n].slow], cpu, smp,
                              args.show)
    print(f"1..{tap.count}")
    return tap.failed != 0


sys.exit(main())
