"""The host's side of `./tessera run`: three streams and an exit status over one serial line.

The guest's side is rootfs/runner/runner.c; rootfs/runner/frame.h says what the frames mean. One
poll loop; nothing is read from stdin unless the guest has room for it, and nothing from the guest
while our own output is stuck, so that neither side has to hold more than one frame.
"""
import errno
import os
import select
import socket
import struct
import time

HELLO = b"\ntessera-run 1\n"
HEADER = 3
WINDOW = 2048
FRAME_MAX = 4096
BOOT_SECONDS = 180     # until the runner must have said hello: a loaded host is slow
QUIET_SECONDS = 10     # without a frame before the guest is asked whether it lives
DEAD_SECONDS = 60      # without an answer
LEAVE_SECONDS = 20     # for the power-off after the exit status
NO_GUEST = 125


class GuestError(Exception):
    """The guest did not end as it should; the message says how."""


class Relay:
    def __init__(self, line, qemu, stdin=0, timeout=None, watch=True):
        self.line = line            # a connected socket: COM2
        self.qemu = qemu            # Popen
        self.stdin = stdin          # descriptor, or None for an empty stdin
        self.stdin_sent_end = False
        self.credit = WINDOW
        self.outputs = {ord("o"): 1, ord("e"): 2}
        self.output_error = None    # why the command's output did not all arrive on our stdout
        self.received = b""
        self.hello = False
        self.status = None
        self.watch = watch
        self.began = time.monotonic()
        self.deadline = self.began + timeout if timeout else None
        self.timeout = timeout
        self.heard = self.began
        self.asked = None           # when the guest was last asked whether it lives
        self.every_turn = lambda: None

    # --- towards the guest ---

    def send(self, kind, payload=b""):
        try:
            self.line.sendall(struct.pack("<cH", kind, len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError):
            pass    # the guest has gone; the receiving side finds out

    def stdin_end(self):
        self.stdin = None
        if not self.stdin_sent_end:
            self.stdin_sent_end = True
            self.send(b"I")

    def stdin_relay(self):
        try:
            data = os.read(self.stdin, self.credit)
        except OSError as error:
            raise OSError(error.errno, error.strerror, "stdin") from error
        if data:
            self.credit -= len(data)
            self.send(b"i", data)
        else:
            self.stdin_end()

    # --- from the guest ---

    def output_write(self, kind, data):
        """Our reader may have gone: then the command's output is closed too, as in a pipeline."""
        fd = self.outputs.get(kind)
        if fd is None:
            return
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[os.write(fd, view):]
                except BlockingIOError:
                    select.select([], [fd], [])
        except OSError as error:
            if fd == 1 and error.errno != errno.EPIPE:
                self.output_error = error.strerror
            self.outputs[kind] = None
            self.send(b"d", bytes([kind]))

    def output_end(self, kind):
        """The command closed this stream: whoever reads ours is to see it now, not at our end."""
        fd = self.outputs.get(kind)
        self.outputs[kind] = None
        if fd is not None:
            null = os.open(os.devnull, os.O_WRONLY)
            if fd == 1:             # stderr stays: messages about the guest still go there
                os.dup2(null, fd)
            os.close(null)

    def frame(self, kind, payload):
        if kind in (ord("o"), ord("e")):
            self.output_write(kind, payload)
        elif kind in (ord("O"), ord("E")):
            self.output_end(kind + 32)
        elif kind == ord("c") and len(payload) == 2:
            self.credit += struct.unpack("<H", payload)[0]
        elif kind == ord("s"):
            self.stdin = None
            self.stdin_sent_end = True
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)        # whoever writes to our stdin gets its SIGPIPE
            os.close(null)
        elif kind == ord("x") and len(payload) == 1:
            self.status = payload[0]
            self.send(b"a")
        elif kind != ord("P"):
            raise GuestError(f"the guest sent a broken frame ({kind:#x}, {len(payload)} bytes)")

    def hello_find(self):
        """Firmware and boot loaders may talk on this line before the runner does."""
        at = self.received.find(HELLO)
        if at < 0:
            self.received = self.received[-len(HELLO):]
            return
        self.received = self.received[at + len(HELLO):]
        self.hello = True
        if self.stdin is None:
            self.stdin_end()

    def receive(self):
        """False once the line is closed, which is when QEMU ends."""
        try:
            data = self.line.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        self.heard = time.monotonic()
        self.asked = None
        self.received += data
        if not self.hello:
            self.hello_find()
        while self.hello and self.status is None and len(self.received) >= HEADER:
            kind, size = self.received[0], self.received[1] | self.received[2] << 8
            if size > FRAME_MAX:
                raise GuestError(f"the guest sent a broken frame ({kind:#x}, {size} bytes)")
            if len(self.received) < HEADER + size:
                break
            payload = self.received[HEADER:HEADER + size]
            self.received = self.received[HEADER + size:]
            self.frame(kind, payload)
        return True

    # --- time ---

    def time_check(self):
        now = time.monotonic()
        if self.deadline and now >= self.deadline:
            raise GuestError(f"the command did not end within {self.timeout:g} seconds")
        if not self.hello:
            if now - self.began >= BOOT_SECONDS:
                raise GuestError(f"the guest did not start within {BOOT_SECONDS} seconds")
        elif self.asked and now - self.asked >= DEAD_SECONDS:
            raise GuestError(f"the guest hangs: it did not answer for {DEAD_SECONDS} seconds")
        elif self.watch and not self.asked and now - self.heard >= QUIET_SECONDS:
            self.asked = now
            self.send(b"p")

    def wait_seconds(self):
        return min(1.0, max(0.0, self.deadline - time.monotonic())) if self.deadline else 1.0

    # --- the whole ---

    def leave(self):
        """After the exit status: let the guest power off, and see how it does that."""
        end = time.monotonic() + LEAVE_SECONDS
        while self.qemu.poll() is None and time.monotonic() < end:
            ready, _, _ = select.select([self.line], [], [], 0.05)
            if ready and not self.receive():
                break
        try:
            return self.qemu.wait(max(0.1, end - time.monotonic()))
        except Exception as error:
            raise GuestError(f"the command ended with {self.status}, but the guest did not power "
                             f"off within {LEAVE_SECONDS} seconds") from error

    def run(self):
        """Relay until the command has ended; its status. GuestError if there is none."""
        while self.status is None:
            wanted = [self.line]
            if self.stdin is not None and self.hello and self.credit > 0:
                wanted.append(self.stdin)
            ready, _, _ = select.select(wanted, [], [], self.wait_seconds())
            if self.line in ready and not self.receive() and self.status is None:
                raise GuestError(f"the guest ended ({self.qemu_status()}) before its command did"
                                 if self.hello else
                                 f"the guest ended ({self.qemu_status()}) before it could run the "
                                 "command")
            if self.stdin is not None and self.stdin in ready:
                self.stdin_relay()
            self.time_check()
            self.every_turn()
        return self.status

    def qemu_status(self):
        try:
            code = self.qemu.wait(5)
        except Exception:
            return "QEMU closed its line"
        if code < 0:
            return f"QEMU was killed by signal {-code}"
        return "reset or powered off" if code == 0 else f"QEMU's status {code}"


def line_listen(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(1)
    return server


def line_accept(server, qemu):
    """QEMU connects while it starts; if it does not, it has already said why on stderr."""
    server.settimeout(0.1)
    for _ in range(300):
        try:
            line, _ = server.accept()
            line.setblocking(True)
            return line
        except socket.timeout:
            if qemu.poll() is not None:
                break
    raise GuestError("QEMU did not start")
