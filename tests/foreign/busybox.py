#!/usr/bin/env python3
"""BusyBox's own tests, unmodified, on the BusyBox of our root: what passes on Linux passes on Tessera.

usage: busybox.py [--on tessera|both] [--all] [--record] [GROUP ...]

A group is an applet's tests or a folder of ash's tests, and one line of TAP. What passes on Linux is
in linux.txt beside this file; `--on both` asks Linux again and complains of a list that is not true
any more, `--record` writes it. Without --all, groups that only compute for minutes are left out.
The guest's clock counts instructions: some of the tests race with their own background jobs, and win
on either system only while this machine has nothing else to do.
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(TOP, "build")
TREE = os.path.join(BUILD, "tests", "foreign", "busybox")
LIST = os.path.join(HERE, "linux.txt")
MARK = "##foreign "
SECONDS = 1500
SAID_LINES = 12

# all_sourcecode reads BusyBox's sources, mount.testroot is a part of another test, bc and dc only compute
# (a thousand digits of pi take emulation longer than everything else together).
NEVER = {"all_sourcecode", "mount.testroot", "bc", "dc"}
SLOW = {"ash-z_slow"}


class Result:
    """One group on one system: the names that passed, in order, and what was said of the others."""

    def __init__(self):
        self.passed = []
        self.failed = {}
        self.ended = False

    def name(self, text):
        """A name that is told again gets a number: order is the same everywhere."""
        n, name = 1, text
        while name in self.passed or name in self.failed:
            n += 1
            name = f"{text} ({n})"
        return name


def groups_all():
    suite = os.listdir(os.path.join(TREE, "testsuite"))
    names = {name[:-len(".tests")] for name in suite if name.endswith(".tests")}
    names |= {name for name in suite if os.path.isdir(os.path.join(TREE, "testsuite", name))}
    ash = os.listdir(os.path.join(TREE, "shell", "ash_test"))
    return sorted(names - NEVER) + sorted(name for name in ash if name.startswith("ash-"))


def verdict(line):
    """(passed, name) if the line is a test's result."""
    match = re.match(r"(PASS|FAIL): (.*)", line)
    if match:
        return match.group(1) == "PASS", match.group(2).strip()
    match = re.match(r"ash-[\w-]+/(\S+):.*?\b(ok|fail)$", line)
    if match:
        return match.group(2) == "ok", match.group(1)
    return None


def results_parse(lines):
    results, group, said = {}, None, None
    for line in lines:
        result = verdict(line)
        if line.startswith(MARK):
            if group:
                results[group].ended = True
            group, said = line[len(MARK):], None
            results[group] = Result()
        elif group and result:
            name = results[group].name(result[1])
            said = [] if not result[0] else None
            if result[0]:
                results[group].passed.append(name)
            else:
                results[group].failed[name] = said
        elif said is not None and len(said) < SAID_LINES and not line.startswith("====="):
            said.append(line)
    return results


def system_run(system, groups):
    """Each group's Result, and what ./tessera said itself."""
    words = [sys.executable, os.path.join(TOP, "tools", "qemu", "main.py"), "--layout", BUILD, "run",
             "--on", system, "--icount", "--timeout", str(SECONDS), "--add", f"{TREE}:/busybox",
             "--add", f"{os.path.join(HERE, 'busybox.sh')}:/busybox.sh", "--", "sh", "/busybox.sh"]
    process = subprocess.run(words + groups, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False)
    lines = process.stdout.decode("utf-8", "backslashreplace").splitlines()
    return results_parse(lines), process.stderr.decode("utf-8", "replace").splitlines()[-5:]


def list_read():
    expected = {}
    with open(LIST, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                group, _, name = line.rstrip("\n").partition(": ")
                expected.setdefault(group, []).append(name)
    return expected


def list_write(results):
    with open(LIST, "w", encoding="utf-8") as file:
        file.write("# What passes on Linux; written by `busybox.py --on both --all --record`.\n")
        for group, result in results.items():
            file.writelines(f"{group}: {name}\n" for name in result.passed)


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def case(self, good, text, said=()):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {text}", flush=True)
        for line in said:
            print(f"# {line}", flush=True)


def group_judge(tap, group, expected, result):
    if result is None or not result.ended:
        tap.case(False, f"tessera: busybox: {group}: the tests end")
        return
    missing = [name for name in expected if name not in result.passed]
    said = []
    for name in missing:
        said += [f"{group}: {name}"] + ["    " + line for line in result.failed.get(name, ["not told"])]
    tap.case(not missing, f"tessera: busybox: {group}: {len(expected) - len(missing)} of {len(expected)} "
             "that pass on Linux", said)


def linux_judge(tap, groups, record):
    results, said = system_run("linux", groups)
    for line in said:
        print(f"# linux: {line}")
    if record:
        list_write({group: results[group] for group in groups if group in results})
    expected = list_read()
    for group in groups:
        passed = results[group].passed if group in results else []
        stale = set(expected.get(group, [])) ^ set(passed)
        tap.case(not stale, f"linux: busybox: {group}: the list of what passes is true", sorted(stale))
    return {group: result.passed for group, result in results.items()}


def main():
    parser = argparse.ArgumentParser(description="BusyBox's own tests on both systems")
    parser.add_argument("--on", choices=("tessera", "both"), default="tessera")
    parser.add_argument("--all", action="store_true", help="the slow groups too")
    parser.add_argument("--record", action="store_true", help="write linux.txt")
    parser.add_argument("groups", metavar="GROUP", nargs="*")
    args = parser.parse_args()
    if os.environ.get("FOREIGN_ON") == "both":
        args.on, args.all = "both", True
    if not os.path.isdir(TREE):
        print(f"Bail out! not built: {TREE}")
        return 1
    groups = args.groups or [group for group in groups_all() if args.all or group not in SLOW]
    tap = Tap()
    expected = linux_judge(tap, groups, args.record) if args.on == "both" else list_read()
    results, said = system_run("tessera", groups)
    for line in said:
        print(f"# tessera: {line}")
    for group in groups:
        group_judge(tap, group, expected.get(group, []), results.get(group))
    print(f"1..{tap.count}")
    return tap.failed != 0


sys.exit(main())
