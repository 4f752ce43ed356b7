#!/usr/bin/env python3
"""Runs the conformance programs of this folder, on Linux first and then on Tessera; prints TAP.

usage: conformance.py [--on linux|tessera|both|host] [-f TEXT] [--smp N] [--cpu MODEL]
                      [--host-clock] [--append WORDS] [--set NAME=VALUE] [--kernel FILE] [AREA ...]

Each case of each area is one TAP line: "linux: pipe: end of file comes after the data, ...". One boot
runs all areas of a system; if the guest dies or hangs in one, that is a failed line, and the areas
after it get another boot. With one CPU the guest's clock counts instructions, so that a case which
sleeps does not depend on what else this machine does (not for --host-clock). A case that fails on Linux is a wrong test and fails as such.

Called by `make check` (TESSERA_BUILD and TESSERA_SRC name the folders); one area, one case:
    make check TESTS=tests/linux/conformance.py PY_LOG_FLAGS="pipe -f atomic"
"""
import argparse
import os
import re
import select
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(TOP, "build")
QUIET_SECONDS = 300     # without a line of output: the guest hangs
MAX_BOOTS = 6           # a system that dies this often is not worth more of our time
MARK = "##conformance"

# In this order: what everything else stands on comes first.
AREAS = ["files", "fd", "pipe", "process", "exec", "signal", "job", "sched", "time", "dir", "memory",
         "segment", "tty", "procfs", "poll", "thread", "efault", "rare", "system", "mount", "race", "abuse",
         "hostile", "confederate", "late", "sweep", "sweep_lives"]
# A boot of their own, always one CPU.
CLOCKED = {"late", "sweep", "sweep_lives"}
SCRIPT = """filter=$1; shift
export $1; shift
for area; do
	echo "%(mark)s begin $area"
	/tests/$area ${filter:+-f "$filter"}
	echo "%(mark)s end $area $?"
done""" % {"mark": MARK}


def program(area):
    return os.path.join(BUILD, "tests", "linux", area)


class Results:
    """The TAP lines of all systems; the plan comes last."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def note(self, text):
        print(f"# {text}", flush=True)

    def case(self, good, text, skip=None):
        self.count += 1
        self.failed += not good
        line = f"{'ok' if good else 'not ok'} {self.count} - {text.replace('#', '_')}"
        print(line + (f" # SKIP {skip}" if skip else ""), flush=True)


class Area:
    """What one program printed: its plan must be kept."""

    def __init__(self, results, system, name):
        self.results = results
        self.label = f"{system}: {name}"
        self.planned = None
        self.seen = 0

    def line(self, text):
        plan = re.fullmatch(r"1\.\.(\d+)", text)
        case = re.fullmatch(r"(not )?ok \d+ - (.*?)(?: # SKIP (.*))?", text)
        if plan:
            self.planned = int(plan.group(1))
        elif case:
            self.seen += 1
            self.results.case(not case.group(1), f"{self.label}: {case.group(2)}", case.group(3))
        else:
            self.results.note(f"{self.label}: {text.lstrip('# ')}")

    def end(self, why):
        if why or self.planned is None or self.seen != self.planned:
            self.results.note(f"{self.label}: {self.seen} of {self.planned} cases were told")
            self.results.case(False, f"{self.label}: {why or 'the program keeps its plan'}")


def command(system, areas, args):
    if system == "host":
        script = SCRIPT.replace("/tests/", os.path.join(BUILD, "tests", "linux") + "/")
        return ["sh", "-c", script, "sh", args.f, args.set] + areas
    words = [sys.executable, os.path.join(TOP, "tools", "qemu", "main.py"), "--layout", BUILD,
             "run", "--on", system, "--cpu", args.cpu]
    clocked = CLOCKED.intersection(areas)
    smp = 1 if clocked else args.smp
    words += ["--smp", str(smp)]
    if smp == 1 and not args.host_clock:
        words += ["--icount"]
    if system == "tessera":
        words += ["--append", args.append] + (["--kernel", args.kernel] if args.kernel else [])
    for area in areas:
        words += ["--add", f"{program(area)}:/tests/{area}"]
    return words + ["--", "sh", "-c", SCRIPT, "sh", args.f, args.set] + areas


def lines_of(process):
    """Yields lines; None when none came for QUIET_SECONDS."""
    data = b""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], QUIET_SECONDS)
        if not ready:
            yield None
            return
        more = os.read(process.stdout.fileno(), 65536)
        if not more:
            if data:
                yield data.decode("utf-8", "replace")
            return
        data += more
        *whole, data = data.split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")


def boot(results, system, areas, args):
    """Runs the areas in one boot; gives back those that were not reached."""
    left = list(areas)
    area = None
    why = None
    process = subprocess.Popen(command(system, areas, args), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in lines_of(process):
        words = (line or "").split()
        if line is None:
            why = f"nothing was said for {QUIET_SECONDS} seconds"
            process.terminate()
            break
        if words[:2] == [MARK, "begin"]:
            area = Area(results, system, words[2])
            left.remove(words[2])
        elif words[:2] == [MARK, "end"]:
            area.end(None)
            area = None
        elif area:
            area.line(line)
        elif line:
            results.note(f"{system}: {line}")
    process.stdout.close()
    status = process.wait()
    if area:
        area.end(why or f"the guest ended in the middle (status {status})")
    elif len(left) == len(areas):
        results.case(False, f"{system}: {why or f'the system starts (status {status})'}")
        return []
    return left


def system_run(results, system, areas, args):
    left = [area for area in areas if area not in CLOCKED]
    clocked = [area for area in areas if area in CLOCKED]
    for _ in range(MAX_BOOTS):
        if not left:
            left, clocked = clocked, []
        if not left:
            return
        left = boot(results, system, left, args)
    if left:
        results.case(False, f"{system}: {MAX_BOOTS} boots were not enough; not run: {' '.join(left)}")


def main():
    parser = argparse.ArgumentParser(description="Linux conformance tests on both systems")
    parser.add_argument("--on", choices=("linux", "tessera", "both", "host"), default="both")
    parser.add_argument("-f", metavar="TEXT", dest="f", default="", help="only cases whose sentence has this")
    parser.add_argument("--smp", metavar="N", type=int, default=1, help="CPUs of the guest (1)")
    parser.add_argument("--cpu", metavar="MODEL", default="max", help="QEMU's CPU model (max)")
    parser.add_argument("--host-clock", action="store_true", help="let the guest see this machine's time")
    parser.add_argument("--append", metavar="WORDS", default="", help="for Tessera's command line")
    parser.add_argument("--set", metavar="NAME=VALUE", default="TAP=1", help="in the programs' environment")
    parser.add_argument("--kernel", metavar="FILE", help="another kernel for Tessera than the build's")
    parser.add_argument("areas", metavar="AREA", nargs="*", default=[])
    args = parser.parse_args()
    unknown = [area for area in args.areas if area not in AREAS]
    if unknown:
        parser.error(f"no such area: {' '.join(unknown)}; there are {' '.join(AREAS)}")
    areas = args.areas or AREAS
    missing = [area for area in areas if not os.path.exists(program(area))]
    results = Results()
    start = time.monotonic()
    if missing:
        print(f"Bail out! not built: {' '.join(missing)} (in {BUILD}/tests/linux)")
        return 1
    for system in ("linux", "tessera") if args.on == "both" else (args.on,):
        system_run(results, system, areas, args)
    print(f"1..{results.count}")
    results.note(f"{results.count - results.failed} of {results.count} hold, "
                 f"{time.monotonic() - start:.0f} s")
    return results.failed != 0


sys.exit(main())
