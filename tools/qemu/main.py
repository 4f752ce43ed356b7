"""What `./tessera` does once everything is built: shell, run, debug, iso."""
import argparse
import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import termios

import iso
import machine
import relay
import usage
from machine import DEBUG_EXIT_PASS, Machine, MachineError
from relay import NO_GUEST, GuestError

TAIL_LINES = 30
HELP = {
    "shell": "boot to a BusyBox shell on this terminal; Ctrl-A x, `poweroff` or `reboot` leaves",
    "run": "boot, run CMD, relay its streams, exit with its status (a signal: 128+n)",
    "debug": "as shell, stopped, with gdb attached and symbols loaded",
    "iso": "build an ISO that boots with BIOS and with UEFI",
}


def say(text):
    """To stderr, if anybody takes it: what cannot be told changes no exit status."""
    with contextlib.suppress(OSError):
        os.write(2, os.fsencode(f"tessera: {text}\n"))


# --- arguments ---------------------------------------------------------------------------------

def size(text):
    if not re.fullmatch(r"[1-9]\d*[KMG]?", text, re.I):
        raise argparse.ArgumentTypeError(f"{text}: not a size such as 64M or 1G")
    return text.upper() if text[-1].isalpha() else text + "M"


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: not a number above 0")
    return int(text)


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: not a time in seconds")
    return value


def addition(text):
    host, _, guest = text.partition(":")
    return host, guest or None


def options_add(parser, on=True):
    parser.add_argument("--add", metavar="HOST[:GUEST]", type=addition, action="append", default=[],
                        help="put a file or folder of this machine into the root, as /NAME or GUEST")
    parser.add_argument("--root", metavar="DIR|IMAGE",
                        help="a folder, cpio or tar archive that replaces BusyBox's root")
    if on:
        parser.add_argument("--on", choices=("tessera", "linux"), default="tessera",
                            help="linux: the same under Debian's cloud kernel in the same QEMU")
        parser.add_argument("--iso", action="store_true", help="boot from an ISO, through GRUB")
        parser.add_argument("--uefi", action="store_true", help="with --iso: UEFI instead of BIOS")
    parser.add_argument("--smp", metavar="N", type=positive, default=1, help="CPUs (1)")
    parser.add_argument("--mem", metavar="SIZE", type=size, default="256M", help="memory (256M)")
    parser.add_argument("--cpu", metavar="MODEL", default="max", help="QEMU's CPU model (max)")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg", help="kvm if you have it")
    parser.add_argument("--icount", action="store_true",
                        help="the guest's clock counts instructions, 1 ns each")
    parser.add_argument("--append", metavar="WORDS", default="",
                        help="more words for the kernel's command line")
    parser.add_argument("--kernel", metavar="FILE", help="another kernel than the one that was built")
    parser.add_argument("--disk", metavar="IMG", help="not yet")
    parser.add_argument("--net", action="store_true", help="not yet")
    parser.add_argument("--verbose", action="store_true", help="show the console log on stderr")
    parser.add_argument("--qemu", metavar="ARGS", default="", help=argparse.SUPPRESS)


def arguments_parse():
    parser = usage.Parser(prog="tessera", allow_abbrev=False)
    parser.add_argument("--layout", required=True, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in HELP.items():
        sub = verbs.add_parser(verb, help=text, description=text, allow_abbrev=False)
        if verb == "iso":
            sub.add_argument("-o", "--output", metavar="FILE", help="where to (build/tessera.iso; installed: here)")
            sub.add_argument("--append", metavar="WORDS", default="", help="for the command line")
            continue
        options_add(sub, on=verb != "debug")
        if verb == "run":
            sub.add_argument("--timeout", metavar="SECONDS", type=seconds,
                             help="fail if CMD has not ended by then, counted from the boot")
            sub.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD ARGS")
        if verb == "debug":
            sub.add_argument("gdb", nargs=argparse.REMAINDER, metavar="-- GDB-ARGS")
    args, unknown = parser.parse_known_args()
    parser.prog += " " + args.verb
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    for name in ("command", "gdb"):
        words = getattr(args, name, None)
        if words and words[0] == "--":
            setattr(args, name, words[1:])
        elif words and words[0].startswith("-"):
            parser.error(f"unknown option {words[0]}")
    if args.verb == "run" and not args.command:
        parser.error("which command? tessera run [options] -- CMD ARGS")
    if getattr(args, "uefi", False) and not args.iso:
        parser.error("--uefi goes with --iso")
    if getattr(args, "iso", False) and args.on == "linux":
        parser.error("--iso boots Tessera only")
    return args


def machine_make(args):
    if args.disk or args.net:
        raise MachineError("--disk and --net: not yet")
    if getattr(args, "command", None) and args.command[0] == "":
        raise MachineError("run: the command has no name")
    layout = machine.Layout(args.layout)
    made = Machine(layout, getattr(args, "on", "tessera"))
    made.smp, made.memory, made.cpu, made.accel = args.smp, args.mem, args.cpu, args.accel
    made.icount, made.adds, made.root, made.kernel_file = args.icount, args.add, args.root, args.kernel
    made.command = getattr(args, "command", None)
    if made.system == "linux" and not args.verbose:
        made.words.append("quiet")
    elif made.system == "tessera" and args.verbose and not made.command:
        made.words.append("log=serial")
    made.words += args.append.split()
    made.extra = args.qemu.split()
    return made


def iso_attach(made, args):
    """Put what would have been loaded directly into an ISO of this boot's own, if one is asked for."""
    if getattr(args, "iso", False):
        path = made.file("boot.iso")
        iso.iso_build(path, made.kernel(), made.archive(), made.command_line())
        made.iso, made.uefi = path, args.uefi


# --- run ---------------------------------------------------------------------------------------

class Log:
    """The console of the guest, as it grows in a file; shown live if asked for."""

    def __init__(self, path, live):
        self.path = path
        self.live = live
        self.shown = 0

    def show(self):
        if not self.live or not os.path.exists(self.path):
            return
        with open(self.path, "rb") as file:
            file.seek(self.shown)
            data = file.read()
        self.shown += len(data)
        try:
            os.write(2, data.replace(b"\r", b""))
        except OSError:
            self.live = False       # its reader has gone; the command goes on

    def tail(self):
        if self.live or not os.path.exists(self.path):
            return
        with open(self.path, "rb") as file:
            lines = re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1bc|\r", "",
                           file.read().decode("utf-8", "replace")).splitlines()
        if not lines:
            say("its console log is empty")
            return
        panics = [number for number, line in enumerate(lines) if re.search("panic", line, re.I)]
        first = min([len(lines) - TAIL_LINES] + [number - 2 for number in panics[:1]])
        if panics:
            say("its kernel panicked")
        say(f"the end of its console log (of {len(lines)} lines):")
        with contextlib.suppress(OSError):
            for line in lines[max(0, first):]:
                os.write(2, os.fsencode(f"  | {line}\n"))


def stdin_wanted():
    """Our stdin, if there is one and it is no terminal."""
    try:
        return None if os.isatty(0) or os.fstat(0) is None else 0
    except OSError:
        return None


def qemu_end(qemu):
    if qemu.poll() is None:
        qemu.kill()
        qemu.wait()


def run_relayed(made, args, log):
    with relay.line_listen(made.file("line")) as server:
        errors = open(made.file("qemu"), "wb+")
        qemu = machine.start(
            made.arguments(f"file,path={log.path}", f"socket,path={made.file('line')}"),
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        try:
            line = relay.line_accept(server, qemu)
            both = relay.Relay(line, qemu, stdin_wanted(), args.timeout, watch=not args.icount)
            both.every_turn = log.show
            status = both.run()
            code = both.leave()
        except GuestError as error:
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace").strip()
            raise GuestError(f"{error}\n{text}" if text else str(error)) from error
        finally:
            qemu_end(qemu)
            errors.close()
            log.show()
    if code not in (0, DEBUG_EXIT_PASS):
        raise GuestError(f"the command ended with {status}, then the guest failed on its way out "
                         f"(QEMU's status {code})")
    if both.output_error:
        say(f"stdout: {both.output_error}")
        return NO_GUEST
    return status


def run(args):
    with machine_make(args) as made:
        iso_attach(made, args)
        log = Log(made.file("console"), args.verbose)
        try:
            return run_relayed(made, args, log)
        except GuestError as error:
            say(error)
            log.tail()
            return NO_GUEST


# --- shell, debug, iso -------------------------------------------------------------------------

def terminal_words():
    if not sys.stdout.isatty():
        return []
    columns, rows = os.get_terminal_size(1)
    return [f"tessera.rows={rows}", f"tessera.cols={columns}",
            f"tessera.term={os.environ.get('TERM', 'vt100')}"]


@contextlib.contextmanager
def terminal_kept():
    """QEMU makes the terminal raw and, if killed, leaves it so: put it back whatever happens."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:
        say("stdin is no terminal: `poweroff` or a signal ends this; `tessera run` relays pipes")
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)    # we may have been put into the background
        with contextlib.suppress(termios.error):         # or have lost it
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def shell(args):
    with machine_make(args) as made:
        made.words += terminal_words()
        iso_attach(made, args)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with terminal_kept():
            code = subprocess.run(made.arguments("stdio,mux=on,signal=off"), check=False).returncode
    if code in (0, DEBUG_EXIT_PASS):
        return 0
    say(f"the guest failed (QEMU's status {code})" +
        ("" if args.verbose else "; --verbose shows its log"))
    return NO_GUEST


def debug(args):
    gdb = shutil.which("gdb")
    if not gdb:
        raise MachineError("gdb is not there; Debian's package gdb has it")
    with machine_make(args) as made:
        made.extra += ["-S", "-chardev", f"socket,id=gdb,path={made.file('gdb')},server=on,wait=off",
                       "-gdb", "chardev:gdb"]
        qemu = machine.start(made.arguments("pty"), stdin=subprocess.DEVNULL)
        try:
            while not os.path.exists(made.file("gdb")):
                if qemu.poll() is not None:
                    raise MachineError("QEMU did not start")
            say("the console is the terminal named above; `screen /dev/pts/N` shows it")
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return subprocess.run([gdb, "-q", made.kernel(), "-ex",
                                   f"target remote {made.file('gdb')}", *args.gdb],
                                  check=False, preexec_fn=interrupt_default).returncode
        finally:
            qemu_end(qemu)


def interrupt_default():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def iso_make(args):
    layout = machine.Layout(args.layout)
    output = args.output or os.path.join(args.layout, "tessera.iso")
    if os.path.isdir(output):
        raise MachineError(f"-o {output}: a folder; name the file to be")
    with Machine(layout) as made:
        made.words += args.append.split()
        iso.iso_build(output, made.kernel(), made.archive(), made.command_line())
    say(f"{output}: {os.path.getsize(output) >> 10} KiB")
    return 0


def terminate(number, _):
    raise SystemExit(128 + number)


def main():
    args = arguments_parse()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, terminate)
    verbs = {"shell": shell, "run": run, "debug": debug, "iso": iso_make}
    try:
        return verbs[args.verb](args)
    except (MachineError, iso.IsoError, machine.newc.ArchiveError) as error:
        say(error)
        return NO_GUEST
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        name = error.filename2 or error.filename or full and machine.folder_of_folders()
        say(f"{name}: {error.strerror}" if name else error.strerror or error)
        return NO_GUEST
    except KeyboardInterrupt:
        say("interrupted")
        return 130


sys.exit(main())
