#!/usr/bin/env python3
"""The same random calls on Linux and on Tessera must have the same answers; prints TAP.

usage: run.py [--calls N] [--seeds N[,N...]] [--show LINES] [PROGRAM ...]

Each program and seed is a line; of two texts that differ the first lines are told. What comes after a first
difference may follow from it.
"""
import argparse
import difflib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(TOP, "build")
PROGRAMS = ["files", "memory", "streams", "ids"]
GUEST_SECONDS = 600
MARK = "##twin"
SCRIPT = f"""calls=$1 seeds=$2; shift 2
for program; do
	for seed in $seeds; do
		echo "{MARK} $program $seed"
		/twin/$program $seed $calls
		echo "{MARK} status $?"
	done
done"""


def answers(system, programs, seeds, args):
    """What each (program, seed) said there, as lines."""
    words = [sys.executable, os.path.join(TOP, "tools", "qemu", "main.py"), "--layout", BUILD, "run",
             "--on", system, "--icount", "--timeout", str(GUEST_SECONDS)]
    for program in programs:
        words += ["--add", f"{os.path.join(BUILD, 'tests', 'linux', 'twin', program)}:/twin/{program}"]
    words += ["--", "sh", "-c", SCRIPT, "sh", str(args.calls), " ".join(seeds)] + programs
    result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    said, lines = {}, []
    for line in result.stdout.decode("utf-8", "replace").splitlines():
        at = line.split()
        if at[:1] == [MARK] and at[1] != "status":
            lines = said[at[1], at[2]] = []
        else:
            lines.append(line)
    return said


def main():
    parser = argparse.ArgumentParser(description="random calls on both systems")
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--show", metavar="LINES", type=int, default=12)
    parser.add_argument("programs", metavar="PROGRAM", nargs="*", default=[])
    args = parser.parse_args()
    programs, seeds = args.programs or PROGRAMS, args.seeds.split(",")
    linux, tessera = (answers(system, programs, seeds, args) for system in ("linux", "tessera"))
    cases = [(program, seed) for program in programs for seed in seeds]
    failed = 0
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        ours, theirs = tessera.get(case, []), linux.get(case, [])
        good = ours == theirs and theirs[-1:] == [f"{MARK} status 0"]
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {case[0]}, seed {case[1]}: {args.calls} calls have "
              "the same answers")
        differing = [line for line in difflib.unified_diff(theirs, ours, "linux", "tessera", "", "", 0, "")]
        for line in [] if good else differing[:args.show] or theirs[-3:] or ["nothing was said"]:
            print(f"# {line}")
    return failed != 0


sys.exit(main())
