"""Boot the machine with words on its command line and give the lines that one program logged."""
import os
import re
import subprocess
import sys

TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(TOP, "build")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tools", "qemu"))
import machine    # noqa: E402

LINE = re.compile(r"^\[ *[0-9.]+\] (\w+): (.*)$")


def boot(words, timeout, **settings):
    """QEMU's exit status (None: it had to be ended) and the whole log."""
    with machine.Machine(machine.Layout(BUILD)) as guest:
        guest.words = ["log"] + words
        for name, value in settings.items():
            setattr(guest, name, value)
        path = guest.file("com1")
        arguments = guest.arguments(f"file,path={path}")
        qemu = machine.start(arguments, stdin=subprocess.DEVNULL)
        try:
            status = qemu.wait(timeout)
        except subprocess.TimeoutExpired:
            qemu.kill()
            qemu.wait()
            status = None
        with open(path, encoding="utf-8", errors="replace") as file:
            return status, file.read().replace("\r", "")


def lines_of(program, log):
    for line in log.splitlines():
        match = LINE.match(line)
        if match and match.group(1) == program:
            yield match.group(2)


def log_show(log, count=60):
    """The end of the log as diagnostics."""
    for line in log.splitlines()[-count:]:
        print("# | " + line)
