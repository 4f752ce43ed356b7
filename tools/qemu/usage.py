"""How every command of `./tessera` takes wrong usage."""
import argparse


class Parser(argparse.ArgumentParser):
    """Ends with 125 on bad usage: any other status could be the guest command's."""

    def error(self, message):
        self.exit(125, f"{self.prog}: {message}; `{self.prog} --help` says more\n")
