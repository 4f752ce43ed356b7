#!/usr/bin/env python3
"""Runs the fuzzers on Linux first and then on Tessera, each with fixed seeds; prints TAP.

usage: run.py [--on linux|tessera|both|host] [--seconds N] [--seed N] [--smp N] [FUZZER ...]

On Linux a few seconds show that the fuzzer works; Tessera gets the whole time. A guest that
panics, hangs or loses a sane answer is a failure; its line names seed and round.
"""
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(TOP, "build")
FUZZERS = ["elf", "code", "calls", "native", "requests", "scribble"]
SLACK_SECONDS = 120
LINUX_SECONDS = 5
CPU = "max,-avx"    # QEMU 7.2 itself dies of some AVX bytes (a jump to address 0 in its translator)


def command(system, fuzzer, args):
    path = os.path.join(BUILD, "tests", "linux", "fuzz", fuzzer)
    seconds = min(args.seconds, LINUX_SECONDS) if system == "linux" else args.seconds
    numbers = [str(args.seed), str(seconds)]
    if system == "host":
        return [path] + numbers
    return [sys.executable, os.path.join(TOP, "tools", "qemu", "main.py"), "--layout", BUILD, "run",
            "--on", system, "--smp", str(args.smp), "--cpu", CPU, "--add", f"{path}:/fuzz",
            "--timeout", str(args.seconds + SLACK_SECONDS), "--", "/fuzz"] + numbers


def fuzz(system, fuzzer, args):
    """Whether it passed, why it was skipped if it was, and what was said about it."""
    try:
        result = subprocess.run(command(system, fuzzer, args), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", timeout=args.seconds + 2 * SLACK_SECONDS,
                                check=False)
    except subprocess.TimeoutExpired:
        return False, None, ["it did not end"]
    lines = result.stdout.splitlines()
    passed = result.returncode == 0 and any(line.startswith("ok 1 - ") for line in lines)
    said = [line.lstrip("# ") for line in lines if not line.startswith(("ok ", "not ok ", "1.."))]
    skip = [line.split("# SKIP ")[1] for line in lines if "# SKIP " in line]
    # QEMU 7.2's translator knows byte sequences that it aborts on, whatever system runs them: no verdict.
    if any(line.endswith("tcg fatal error") for line in lines):
        passed, skip = True, ["QEMU's own translator gave up (tcg fatal error)"]
    return passed, skip[0] if skip else None, said + ([] if passed else [f"status {result.returncode}"])


def main():
    parser = argparse.ArgumentParser(description="fuzzers on both systems")
    parser.add_argument("--on", choices=("linux", "tessera", "both", "host"), default="both")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smp", metavar="N", type=int, default=1, help="CPUs of the guest (1)")
    parser.add_argument("fuzzers", metavar="FUZZER", nargs="*", default=[])
    args = parser.parse_args()
    systems = ("linux", "tessera") if args.on == "both" else (args.on,)
    wanted = [(system, fuzzer) for system in systems for fuzzer in args.fuzzers or FUZZERS]
    failed = 0
    print(f"1..{len(wanted)}", flush=True)
    for number, (system, fuzzer) in enumerate(wanted, 1):
        passed, skip, said = fuzz(system, fuzzer, args)
        failed += not passed
        for line in said:
            print(f"# {system}: {fuzzer}: {line}")
        print(f"{'ok' if passed else 'not ok'} {number} - {system}: {fuzzer}: only the fuzzed "
              "process suffers" + (f" # SKIP {skip}" if skip else ""), flush=True)
    return failed != 0


sys.exit(main())
