"""An ISO that boots the kernel through GRUB, with BIOS and with UEFI, on the serial console."""
import os
import shutil
import subprocess
import tempfile

MENU = """\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
set default=0
menuentry Tessera {{
	echo Tessera: loading
	terminal_output console
	echo Tessera: the first serial port is the console, 115200 8N1
	terminal_output serial
	if multiboot2 /boot/tessera.elf {words}; then
		module2 /boot/boot.img
		boot
	fi
	echo Tessera: this machine cannot load it
	halt
}}
"""
NEEDED = {"grub-mkrescue": "grub-common", "xorriso": "xorriso", "mformat": "mtools"}
FOLDERS = {"/usr/lib/grub/i386-pc": "grub-pc-bin", "/usr/lib/grub/x86_64-efi": "grub-efi-amd64-bin"}


class IsoError(Exception):
    pass


def tools_check():
    missing = [package for name, package in NEEDED.items() if not shutil.which(name)]
    missing += [package for folder, package in FOLDERS.items() if not os.path.isdir(folder)]
    if missing:
        raise IsoError("an ISO needs these Debian packages: " + " ".join(missing))


def menu_quote(words):
    """Words of a command line, so that GRUB's script leaves them alone."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words.split())


def output_write(made, output):
    """A file there is replaced once all of the new one is written; a device is written to."""
    whole = output if os.path.exists(output) and not os.path.isfile(output) else output + ".part"
    try:
        shutil.copyfile(made, whole)
        if whole != output:
            os.replace(whole, output)
    except OSError as error:
        if whole != output and os.path.exists(whole):
            os.unlink(whole)
        raise OSError(error.errno, error.strerror or str(error), output) from error


def iso_build(output, kernel, archive, command_line):
    tools_check()
    with tempfile.TemporaryDirectory(prefix="tessera-iso-") as folder:
        boot = os.path.join(folder, "root", "boot")
        os.makedirs(os.path.join(boot, "grub"))
        shutil.copyfile(kernel, os.path.join(boot, "tessera.elf"))
        shutil.copyfile(archive, os.path.join(boot, "boot.img"))
        with open(os.path.join(boot, "grub", "grub.cfg"), "w", encoding="utf-8") as file:
            file.write(MENU.format(words=menu_quote(command_line)))
        result = subprocess.run(["grub-mkrescue", "--fonts=", "--locales=", "--themes=",
                                 "-o", os.path.join(folder, "iso"),
                                 os.path.join(folder, "root")],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                check=False)
        if result.returncode or not os.path.exists(os.path.join(folder, "iso")):
            raise IsoError("grub-mkrescue failed:\n" + result.stdout[-2000:])
        output_write(os.path.join(folder, "iso"), output)
