"""One virtual machine: what QEMU is told, for either system, and the files it boots from.

A Layout says where the products of the build are; a Machine collects what one boot needs and gives
the QEMU command line. q35, because PCI Express, AHCI and the ACPI power-off of today's machines are
there; a kernel is loaded directly (PVH) or from an ISO (GRUB, BIOS or UEFI).

COM1 is the console, COM2 the relay's line. isa-debug-exit lets the guest say how it ended; with
-no-reboot a triple fault also ends QEMU with status 0, so that status alone proves nothing.
"""
import ctypes
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FETCH = os.path.join(TOP, "distro", "fetch")
sys.path.insert(0, os.path.join(TOP, "tools", "archive"))
import newc    # noqa: E402

LINUX_WORDS = ["console=ttyS0", "mitigations=off", "init_on_alloc=0", "panic=-1"]
DEBUG_EXIT_PASS = 33    # what QEMU exits with after the guest wrote 16 to the port
SOCKET_PATH_MAX = 107
PR_SET_PDEATHSIG = 1
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


class MachineError(Exception):
    pass


class Layout:
    """Where kernel, archives and Linux are: a build folder, or an installed share/tessera."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, *parts):
        path = os.path.join(self.folder, *parts)
        if not os.path.exists(path):
            raise MachineError(f"{path} is not there; `make` in the build folder makes it")
        return path

    def kernel(self):
        return self.path("kernel", "tessera.elf")

    def boot_image(self):
        return self.path("boot.img")

    def system(self):
        return self.path("system.cpio")

    def root(self):
        return self.path("rootfs", "root.cpio")

    def runner(self):
        return self.path("rootfs", "init")

    def linux(self):
        """Debian's cloud kernel; fetched once for all build folders."""
        path = os.path.join(self.folder, "linux", "vmlinuz")
        if os.path.exists(path):
            return path
        result = subprocess.run([sys.executable, FETCH, "linux"], stdout=subprocess.PIPE, text=True,
                                check=False)
        if result.returncode:
            raise MachineError("there is no Linux to run on")
        return result.stdout.strip()

    def linux_version(self):
        with open(os.path.join(os.path.dirname(self.linux()), "version"), encoding="utf-8") as file:
            return file.read().strip()


def guest_path(host, wanted):
    """Where in the guest --add puts `host`: `wanted`, inside it if it ends in a slash, or /name."""
    name = os.path.basename(os.path.abspath(host))
    if not wanted:
        return name
    return newc.name_clean(wanted + "/" + name if wanted.endswith("/") else wanted)


def addition_check(host, target, present):
    """An archive that unpacks a file over a folder, or a folder over a file, would not boot."""
    if not os.path.exists(host):
        raise MachineError(f"--add {host}: no such file or folder")
    if stat.S_ISDIR(present.get(target, 0)) and not os.path.isdir(host):
        raise MachineError(f"--add {host}: /{target} is a folder of the root; "
                           f"--add {host}:/{target}/ puts it inside")
    over = target if os.path.isdir(host) else os.path.dirname(target)
    while over:
        if over in present and not stat.S_ISDIR(present[over]):
            kind = "link" if stat.S_ISLNK(present[over]) else "file"
            raise MachineError(f"--add {host}: /{over} is a {kind} of the root")
        over = os.path.dirname(over)


def additions(adds, present):
    """Entries of each (host path, guest path), after the folders of theirs that are not there."""
    present = dict(present)
    for host, wanted in adds:
        target = guest_path(host, wanted)
        addition_check(host, target, present)
        host = os.path.realpath(host)
        parts = target.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in present:
                present[folder] = stat.S_IFDIR
                yield newc.Entry(folder, stat.S_IFDIR | 0o755)
        if os.path.isdir(host):
            entries = [newc.file_entry(target, host)] if target and target not in present else []
            entries += newc.tree_entries(host, target)
        else:
            entries = [newc.file_entry(target, host)]
        if None in entries:
            raise MachineError(f"--add {host}: neither a file nor a folder")
        present.update((entry.name, entry.mode) for entry in entries)
        yield from entries


def folder_of_folders():
    """Where a Machine has its folder. A socket's path is short, and QEMU takes a comma for the next option."""
    wanted = tempfile.gettempdir()
    return "/tmp" if "," in wanted or len(wanted) > SOCKET_PATH_MAX - 40 else wanted


class Machine:
    """What one boot is made of. Files made for it live in a folder that close() removes."""

    def __init__(self, layout, system="tessera"):
        self.layout = layout
        self.system = system
        self.smp = 1
        self.memory = "256M"
        self.cpu = "max"
        self.accel = "tcg"
        self.icount = False
        self.iso = None        # path of the ISO to boot instead of the kernel
        self.uefi = False
        self.words = []        # of the kernel command line
        self.adds = []         # (host path, guest path or None)
        self.root = None       # replaces BusyBox's root
        self.kernel_file = None    # replaces the build's kernel
        self.command = None    # argv of the command that process 1 runs for us
        self.extra = []        # further QEMU arguments
        self.folder = tempfile.mkdtemp(prefix="tessera-", dir=folder_of_folders())

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def file(self, name):
        return os.path.join(self.folder, name)

    # --- the boot archive ---

    def root_archive(self):
        if not self.root:
            return self.layout.root()
        if not os.path.exists(self.root):
            raise MachineError(f"--root {self.root}: no such file or folder")
        path = self.file("root.cpio")
        newc.archive_write(path, newc.image_entries(self.root))
        return path

    def added_archive(self, root):
        """A small archive that comes last: --add, and the command to run with its runner."""
        if not self.adds and not self.command:
            return None
        entries = list(additions(self.adds, newc.archive_modes(root)))
        if self.command:
            text = b"".join(os.fsencode(word) + b"\0" for word in self.command)
            entries.append(newc.Entry(".tessera", stat.S_IFDIR | 0o700))
            entries.append(newc.Entry(".tessera/run", stat.S_IFREG | 0o400, text))
            entries.append(newc.file_entry(".tessera/init", self.layout.runner(), 0o755))
        path = self.file("add.cpio")
        newc.archive_write(path, entries)
        return path

    def archive(self):
        """The file to boot from: the build's own if nothing changes, else a new one."""
        linux = self.system == "linux"
        if not (self.root or self.adds or self.command):
            return self.layout.root() if linux else self.layout.boot_image()
        root = self.root_archive()
        parts = [root] if linux else [self.layout.system(), root]
        added = self.added_archive(root)
        if added:
            parts.append(added)
        path = self.file("boot.img")
        with open(path, "wb") as out:
            for part in parts:
                with open(part, "rb") as file:
                    shutil.copyfileobj(file, out)
        return path

    # --- the command line ---

    def command_line(self):
        """With a command, its runner is process 1; else the root's own init, wherever that is."""
        first = "/.tessera/init" if self.command else None if self.root else "/sbin/init"
        if self.system == "linux":
            words = LINUX_WORDS + ([f"rdinit={first}"] if first else [])
        else:
            words = ["debugexit"] + ([f"init={first}"] if first else [])
        if self.command:
            words.append("tessera.run")
            if self.system != "linux":
                words.append("log=serial")    # COM1 is a log here and nobody's terminal
        return " ".join(words + self.words)

    def kernel(self):
        if self.kernel_file:
            return self.kernel_file
        return self.layout.linux() if self.system == "linux" else self.layout.kernel()

    def boot_arguments(self):
        if self.iso:
            arguments = ["-drive", f"file={self.iso},format=raw,media=cdrom,readonly=on,if=none,id=cd",
                         "-device", "ide-cd,drive=cd,bootindex=0"]
            return arguments + (self.uefi_arguments() if self.uefi else [])
        return ["-kernel", self.kernel(), "-initrd", self.archive(), "-append", self.command_line()]

    def uefi_arguments(self):
        if not os.path.exists(OVMF_CODE):
            raise MachineError(f"{OVMF_CODE} is not there; Debian's package ovmf has it")
        shutil.copyfile(OVMF_VARS, self.file("vars.fd"))
        return ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                "-drive", f"if=pflash,format=raw,file={self.file('vars.fd')}"]

    def arguments(self, com1, com2=None):
        """The QEMU command line, the serial ports given as chardev definitions."""
        qemu = shutil.which("qemu-system-x86_64")
        if not qemu:
            raise MachineError("qemu-system-x86_64 is not there; Debian's package qemu-system-x86 "
                               "has it")
        accel = self.accel
        if accel == "tcg" and self.smp == 1:
            accel = "tcg,thread=single"
        arguments = [qemu, "-machine", "q35", "-accel", accel, "-cpu", self.cpu,
                     "-smp", str(self.smp), "-m", self.memory,
                     "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                     "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                     "-chardev", com1 + ",id=com1", "-serial", "chardev:com1"]
        if com2:
            arguments += ["-chardev", com2 + ",id=com2", "-serial", "chardev:com2"]
        if self.icount:
            arguments += ["-icount", "shift=0,sleep=off"]
        return arguments + self.boot_arguments() + self.extra


def start(arguments, **files):
    """Start QEMU so that a ^C at the terminal is ours to handle, not QEMU's, and that it ends when we do."""
    libc = ctypes.CDLL(None)
    try:
        return subprocess.Popen(arguments, start_new_session=True,
                                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **files)
    except OSError as error:
        raise MachineError(f"{arguments[0]}: {error.strerror}") from error
