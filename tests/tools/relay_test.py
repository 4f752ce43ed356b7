#!/usr/bin/env python3
"""Tests of tools/qemu/relay.py: guests that hang, vanish or speak nonsense; prints TAP.

The guest is a thread at the other end of a pair of sockets; the times to wait are a fraction of the true ones.
"""
import os
import socket
import struct
import sys
import threading

TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "qemu"))
sys.dont_write_bytecode = True
import relay    # noqa: E402

relay.BOOT_SECONDS, relay.QUIET_SECONDS, relay.DEAD_SECONDS = 0.6, 0.2, 0.6


class Qemu:
    """A QEMU that has ended with 0, as after a triple fault: only the line tells how the guest did."""

    def wait(self, _):
        return 0


def frame(kind, payload=b""):
    return struct.pack("<cH", kind, len(payload)) + payload


def relayed(guest, **options):
    """What relay makes of a guest: its status, or the message of its failure."""
    options.setdefault("timeout", 10)
    ours, theirs = socket.socketpair()

    def run():
        with theirs:
            guest(theirs)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with ours:
            both = relay.Relay(ours, Qemu(), None, **options)
            both.wait_seconds = lambda: 0.05
            return both.run()
    except relay.GuestError as error:
        return str(error)
    finally:
        thread.join()


def silent(line):
    """Take what comes, answer nothing, until the other end has gone."""
    while line.recv(4096):
        pass


def answers_once(line):
    line.sendall(relay.HELLO)
    while b"p" not in line.recv(4096):
        pass
    line.sendall(frame(b"P"))
    silent(line)


def ends_after_an_answer(line):
    line.sendall(relay.HELLO)
    while b"p" not in line.recv(4096):
        pass
    line.sendall(frame(b"P") + frame(b"x", b"\x07"))
    silent(line)


def test_a_guest_that_does_not_start_is_a_failure():
    assert relayed(silent) == "the guest did not start within 0.6 seconds"


def test_a_guest_that_hangs_is_a_failure_soon_after_it_was_asked():
    assert relayed(lambda line: (line.sendall(relay.HELLO), silent(line))) == \
        "the guest hangs: it did not answer for 0.6 seconds"
    assert relayed(answers_once) == "the guest hangs: it did not answer for 0.6 seconds"


def test_a_guest_that_answers_may_be_quiet_for_long():
    assert relayed(ends_after_an_answer) == 7


def test_a_command_that_takes_too_long_is_a_failure_whether_its_guest_answers_or_not():
    message = "the command did not end within 0.1 seconds"
    assert relayed(lambda line: (line.sendall(relay.HELLO), silent(line)), timeout=0.1) == message
    assert relayed(silent, timeout=0.1) == message


def test_a_guest_that_vanishes_has_no_status():
    assert relayed(lambda line: None) == \
        "the guest ended (reset or powered off) before it could run the command"
    assert relayed(lambda line: line.sendall(relay.HELLO + frame(b"P"))) == \
        "the guest ended (reset or powered off) before its command did"


def test_what_firmware_says_before_the_guest_does_no_harm():
    assert relayed(lambda line: line.sendall(b"BIOS\ntessera-ru" + relay.HELLO + frame(b"x", b"\x03"))) == 3


def test_nonsense_is_a_failure():
    for bad in (frame(b"?"), frame(b"x"), b"o\xff\xff", frame(b"c", b"1")):
        said = relayed(lambda line: line.sendall(relay.HELLO + bad))
        assert "the guest sent a broken frame" in str(said), (bad, said)


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        text = name[5:].replace("_", " ")
        try:
            test()
            print(f"ok {number} - {text}")
        except Exception as error:    # whatever a test raises is its failure
            failed += 1
            print(f"not ok {number} - {text}\n# {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


main()
