#!/usr/bin/env python3
"""./tessera bench: the same static binaries on Tessera and on Linux, in the same QEMU, side by side.

1. guest instructions per operation: each system once under -icount, where 1 ns of the guest's clock
   is one instruction;
2. wall-clock ratio under plain TCG: both systems in turn, several rounds, the median of the ratios;
3. the kernel's own hot paths (programs/ipcbench) beside their budgets;
4. boot: QEMU's start to the first output of a command, paired; memory in use after boot.

Whatever could not be measured is printed with the reason. Exit status 0 if everything ran (met or
not), 1 if something did not.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(TOP, "tools", "qemu"))
sys.dont_write_bytecode = True
import report     # noqa: E402
import machine    # noqa: E402
import relay      # noqa: E402
import usage      # noqa: E402

SYSTEMS = ("linux", "tessera")
CPU = "max,-erms,-fsrm"    # TCG runs `rep movsb` a byte at a time: that would be no fair Linux
MEMORY_MIB = 256
RUN_SECONDS = 900


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Bench:
    """Runs things on either system through `./tessera run`; remembers what did not work."""

    def __init__(self, layout, rows, scale):
        self.layout = layout
        self.rows = rows
        self.scale = scale
        self.binary = os.path.join(layout, "tests", "bench", "bench")
        self.broken = []

    def broken_add(self, text):
        if text not in self.broken:
            self.broken.append(text)

    def guest(self, system, options, command):
        """(stdout, None) or (stdout so far, why it failed)."""
        words = [sys.executable, os.path.join(TOP, "tools", "qemu", "main.py"), "--layout",
                 self.layout, "run", "--on", system, "--mem", f"{MEMORY_MIB}M", "--timeout",
                 str(RUN_SECONDS)] + options + ["--"] + command
        result = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if result.returncode != 125:
            return result.stdout, None
        lines = [line for line in result.stderr.splitlines() if line.startswith("tessera:")]
        return result.stdout, lines[0][len("tessera: "):] if lines else "no reason given"

    def rows_run(self, system, icount):
        """{row: (cost in ns, None) or (None, why)} of one boot."""
        options = ["--cpu", CPU, "--add", f"{self.binary}:/bench"]
        command = ["/bench", "--scale", str(self.scale)]
        if icount:
            options.append("--icount")
        if self.rows:
            command += ["--rows", ",".join(self.rows)]
        output, why = self.guest(system, options, command)
        costs = {}
        for line in output.splitlines():
            fields = line.split("\t")
            if len(fields) == 4 and fields[3] == "ok":
                costs[fields[0]] = (float(fields[1]), None)
            elif len(fields) == 4:
                costs[fields[0]] = (None, fields[3].replace("FAIL ", ""))
        for row in self.row_names():
            costs.setdefault(row, (None, why or "the benchmark ended before this row"))
        if why:
            self.broken_add(f"{system}: {why}")
        return costs

    def row_names(self):
        if self.rows:
            return self.rows
        listing = subprocess.run([self.binary, "--list"], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout
        return [line.split("\t")[0] for line in listing.splitlines()]

    # --- the kernel's own hot paths ---

    def native_rows(self):
        """({row: (cost, budget)}, None) from programs/ipcbench, or ({}, why)."""
        try:
            layout = machine.Layout(self.layout)
            with machine.Machine(layout) as made:
                made.icount, made.cpu, made.memory = True, CPU, f"{MEMORY_MIB}M"
                made.words += ["tessera.ipcbench", "log=serial"]
                log = made.file("console")
                qemu = machine.start(made.arguments(f"file,path={log}"),
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    qemu.wait(RUN_SECONDS)
                except subprocess.TimeoutExpired:
                    return {}, "ipcbench did not end"
                finally:
                    qemu.kill()
                    qemu.wait()
                with open(log, encoding="utf-8", errors="replace") as file:
                    text = file.read()
        except (machine.MachineError, OSError) as error:
            return {}, str(error)
        found = re.findall(r"ipcbench: row (\S+) ([\d.]+) budget (\d+)", text)
        rows = {name: (float(cost), int(budget)) for name, cost, budget in found}
        if rows:
            return rows, None
        last = text.strip().splitlines()[-1:] or ["its console log is empty"]
        return {}, f"ipcbench told nothing: {last[0].strip()}"

    # --- boot and memory ---

    def boot_seconds(self, system):
        """From QEMU's start to the first byte that a command wrote; None and why if it failed."""
        moment = []
        try:
            with machine.Machine(machine.Layout(self.layout), system) as made:
                made.command = ["/bin/echo", "ready"]
                made.memory = f"{MEMORY_MIB}M"
                if system == "linux":
                    made.words.append("quiet")
                with relay.line_listen(made.file("line")) as server:
                    words = made.arguments(f"file,path={made.file('console')}",
                                           f"socket,path={made.file('line')}")
                    start = time.monotonic()
                    qemu = machine.start(words, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                    try:
                        both = relay.Relay(relay.line_accept(server, qemu), qemu, None, 120)
                        both.output_write = lambda kind, data: moment.append(time.monotonic())
                        both.output_end = lambda kind: None
                        both.run()
                        both.leave()
                    finally:
                        qemu.kill()
                        qemu.wait()
        except (machine.MachineError, relay.GuestError, OSError) as error:
            return None, str(error)
        return (moment[0] - start, None) if moment else (None, "the command wrote nothing")

    def boot_compare(self, rounds):
        pairs = []
        for number in range(rounds):
            pair = {}
            for system in SYSTEMS if number % 2 else SYSTEMS[::-1]:
                seconds, why = self.boot_seconds(system)
                if why:
                    self.broken_add(f"boot of {system}: {why}")
                    return {"why": f"{system}: {why}"}
                pair[system] = seconds
            pairs.append(pair)
        result = {system: statistics.median(pair[system] for pair in pairs) for system in SYSTEMS}
        result["ratio"] = statistics.median(pair["tessera"] / pair["linux"] for pair in pairs)
        result["rounds"] = rounds
        return result

    def memory_used(self, system):
        """MiB that are not free after boot, of all that the machine has: kernel and root included."""
        output, why = self.guest(system, [], ["cat", "/proc/meminfo"])
        free = re.search(r"^MemFree:\s+(\d+) kB", output, re.M)
        if not free:
            return None, why or "/proc/meminfo has no MemFree"
        return MEMORY_MIB - int(free.group(1)) / 1024, None

    def small_boot(self):
        output, why = self.guest("tessera", ["--mem", "64M"], ["echo", "ready"])
        return (True, None) if output == "ready\n" else (False, why or f"it printed {output!r}")


def wall_measure(bench, rounds, costs):
    """Adds wall_linux, wall_tessera and wall_ratio to each row: medians over the rounds."""
    taken = {system: {} for system in SYSTEMS}
    ratios = {}
    for number in range(rounds):
        once = {}
        for system in SYSTEMS if number % 2 else SYSTEMS[::-1]:
            say(f"wall clock, round {number + 1} of {rounds}: {system}")
            once[system] = bench.rows_run(system, icount=False)
        for row in costs:
            ours, theirs = once["tessera"][row][0], once["linux"][row][0]
            for system in SYSTEMS:
                if once[system][row][0] is not None:
                    taken[system].setdefault(row, []).append(once[system][row][0])
            if ours and theirs:
                ratios.setdefault(row, []).append(ours / theirs)
    for row, cost in costs.items():
        for system in SYSTEMS:
            if row in taken[system]:
                cost[f"wall_{system}"] = statistics.median(taken[system][row])
        if row in ratios:
            cost["wall_ratio"] = statistics.median(ratios[row])


def rows_measure(bench, rounds):
    counts = {}
    for system in SYSTEMS:
        say(f"instructions: {system}")
        counts[system] = bench.rows_run(system, icount=True)
    costs = {}
    for row in bench.row_names():
        costs[row] = {}
        for system in SYSTEMS:
            value, why = counts[system][row]
            costs[row][system] = value
            if why:
                costs[row][f"{system}_why"] = why
    if rounds:
        wall_measure(bench, rounds, costs)
    return costs


def versions(layout):
    found = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE, text=True,
                          check=False)
    found["qemu"] = qemu.stdout.splitlines()[0] if qemu.returncode == 0 else "not there"
    try:
        found["linux"] = machine.Layout(layout).linux_version()
    except (machine.MachineError, OSError) as error:
        found["linux"] = f"version not known: {error}"
    found["linux_words"] = " ".join(machine.LINUX_WORDS)
    found["cpu"] = CPU
    return found


def arguments_parse():
    parser = usage.Parser(prog="tessera bench", description=__doc__.split("\n")[0])
    parser.add_argument("--layout", default=os.path.join(TOP, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--rows", metavar="A,B", help="only these rows")
    parser.add_argument("--scale", metavar="N", type=float, default=1,
                        help="divide every row's iterations by N")
    parser.add_argument("--rounds", metavar="N", type=int, default=5,
                        help="of wall clock and of booting (5; 0: instructions only)")
    parser.add_argument("--json", metavar="FILE", help="everything, for programs")
    parser.add_argument("--plot", metavar="FILE", help="the ratios as an SVG picture")
    args = parser.parse_args()
    if args.rounds < 0 or args.scale <= 0:
        parser.error("--rounds and --scale are positive")
    return args


def measure(args):
    bench = Bench(args.layout, args.rows.split(",") if args.rows else None, args.scale)
    if not os.path.exists(bench.binary):
        raise machine.MachineError(f"{bench.binary} is not there; `make` builds it")
    result = {"versions": versions(args.layout), "rows": rows_measure(bench, args.rounds)}
    say("the kernel's own hot paths")
    native, why = bench.native_rows()
    result["native"] = {"rows": native, "why": why}
    if args.rounds:
        say("boot, in pairs")
        result["boot"] = bench.boot_compare(args.rounds)
        say("memory after boot")
        result["memory"] = {system: dict(zip(("mib", "why"), bench.memory_used(system)))
                            for system in SYSTEMS}
        result["small"] = dict(zip(("boots", "why"), bench.small_boot()))
    result["broken"] = bench.broken
    return result


def main():
    args = arguments_parse()
    try:
        result = measure(args)
    except machine.MachineError as error:
        say(str(error))
        return 1
    report.judge(result)
    print(report.text(result))
    with open(os.path.join(HERE, "debt.md"), encoding="utf-8") as file:
        print(file.read())
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    if args.plot:
        with open(args.plot, "w", encoding="utf-8") as file:
            file.write(report.picture(result))
    failed = [row for row, cost in result["rows"].items()
              if cost["linux"] is None or cost["tessera"] is None]
    return 1 if failed or result["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
