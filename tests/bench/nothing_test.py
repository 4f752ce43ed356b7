#!/usr/bin/env python3
"""A call that does nothing wins no row of the benchmark; prints TAP.

Each row runs on this machine while a seccomp filter answers one of its calls with 0 in the kernel's place. No
figure may come of it: the row fails, or does not end.
"""
import ctypes
import os
import subprocess
import sys

BUILD = os.environ.get("TESSERA_BUILD") or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build")
BENCH = os.path.join(BUILD, "tests", "bench", "bench")
SECONDS = 3    # for a row that lacks a call; one that works has ten times as long

# Row, call, and the call's number (x86-64).
CASES = [
    ("getppid", "getppid", 110), ("read1", "read", 0), ("dup", "dup", 32), ("dup", "close", 3),
    ("pipe_self", "write", 1), ("pipe_self", "read", 0), ("futexwake", "futex", 202),
    ("yield", "sched_yield", 24), ("poll10", "poll", 7), ("epoll", "epoll_pwait", 281),
    ("epollready", "epoll_pwait", 281), ("sig", "kill", 62),
    ("sig", "rt_sigaction", 13), ("sigmask", "rt_sigprocmask", 14), ("fstat", "fstat", 5),
    ("stat", "stat", 4), ("openclose", "open", 2), ("openclose", "close", 3), ("create", "open", 2),
    ("create", "unlink", 87), ("pread4k", "pread64", 17), ("pwrite4k", "pwrite64", 18),
    ("pread64k", "pread64", 17), ("mmap", "munmap", 11), ("mmap", "mmap", 9), ("fault", "mmap", 9),
    ("mmapfile", "mmap", 9), ("pipe_pp", "write", 1), ("pipe_pp", "read", 0), ("forkexit", "fork", 57),
    ("forkexit", "wait4", 61), ("forkexec", "fork", 57), ("forkexec", "wait4", 61), ("vforkexec", "wait4", 61),
]
RET_ALLOW, RET_ERRNO_0 = 0x7fff0000, 0x00050000
LOAD_NUMBER, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction))]


LIBC = ctypes.CDLL(None, use_errno=True)


def call_hollow(number):
    """From here on this call does nothing and returns 0."""
    code = (Instruction * 4)(Instruction(LOAD_NUMBER, 0, 0, 0), Instruction(JUMP_EQUAL, 0, 1, number),
                             Instruction(RETURN, 0, 0, RET_ERRNO_0), Instruction(RETURN, 0, 0, RET_ALLOW))
    program = Program(4, code)
    if LIBC.prctl(38, 1, 0, 0, 0) != 0 or LIBC.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:
        os._exit(77)


def row_run(row, number=None):
    """What the row's own process said, None if it did not end in time."""
    before = None if number is None else lambda: call_hollow(number)
    command = [BENCH, "--one", row, "1", str(os.getpid()), "100"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=before,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=SECONDS if number is not None else 10 * SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return None
    return f"status {process.returncode}: {output.decode()}"


def main():
    if "status 77" in (row_run("ctlloop", 110) or ""):
        print("1..0 # SKIP no seccomp filters here")
        return 0
    subprocess.run([BENCH, "--rows", "fstat"], stdout=subprocess.DEVNULL, check=True)    # makes the file
    print(f"1..{len(CASES)}")
    failed = 0
    for count, (row, name, number) in enumerate(CASES, 1):
        whole, hollow = row_run(row), row_run(row, number)
        good = whole is not None and "\tok\n" in whole and (hollow is None or "\tok\n" not in hollow)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {count} - {row}: no figure when {name} does nothing", flush=True)
        if not good:
            print(f"# as it is: {whole!r}\n# without: {hollow!r}")
    return failed != 0


sys.exit(main())
