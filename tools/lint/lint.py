#!/usr/bin/env python3
"""The rules that the tree is held to: one TAP case each; a complaint names file and line.

usage: lint.py [sc_RULE]...        default: all of them, in the source tree that this file is in

A rule is a function whose name starts with sc_: it gets the tree and yields complaints. New ones come
from review remarks. What a rule cannot judge it leaves alone.
"""
import os
import re
import subprocess
import sys

TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FREE = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h",
        "stdint.h", "stdnoreturn.h", "stdatomic.h"}
FOLDERS = ("abi", "kernel", "lib", "elf", "linux-compat", "servers", "programs", "rootfs", "distro",
           "tests", "docs", "tools")
GENERATED = {"abi/errors.h", "abi/errors_table.h", "abi/rights.h", "abi/calls.h", "abi/dispatch.h",
             "abi/stubs.h"}


class Tree:
    """Every source file, read once."""

    def __init__(self, top):
        self.top = top
        self.files = {}
        for path in sorted(self.names()):
            try:
                with open(os.path.join(top, path), encoding="utf-8") as file:
                    self.files[path] = file.read().split("\n")
            except (UnicodeDecodeError, IsADirectoryError, FileNotFoundError):
                continue

    def names(self):
        if os.path.exists(os.path.join(self.top, ".git")):
            result = subprocess.run(["git", "-C", self.top, "ls-files", "-co", "--exclude-standard"],
                                    stdout=subprocess.PIPE, text=True, check=False)
            if result.returncode == 0:
                return result.stdout.split("\n")
        found = []
        for where, folders, files in os.walk(self.top):
            folders[:] = [f for f in folders if f not in (".git", "build", "build-aux", "_build")]
            found += [os.path.relpath(os.path.join(where, name), self.top) for name in files]
        return found

    def lines(self, *suffixes, under=""):
        for path, text in self.files.items():
            if path.endswith(suffixes) and path.startswith(under):
                for number, line in enumerate(text, 1):
                    yield path, number, line


def layers_read():
    table = {}
    with open(os.path.join(TOP, "tools", "lint", "layers.txt"), encoding="utf-8") as file:
        for line in file:
            words = line.split("#", 1)[0].split()
            if words:
                table[words[0]] = set(words[1:])
    return table


def folder_of(path, table):
    fitting = [folder for folder in table if path == folder or path.startswith(folder + "/")]
    return max(fitting, key=len) if fitting else None


def include_target(tree, path, name, quoted):
    """The file in the tree that an #include means, or None for the system's headers."""
    places = [os.path.dirname(path)] if quoted else []
    places += ["", "lib"]
    if path.startswith("kernel/"):
        places += ["kernel/include", "kernel/arch/x86_64"]
    for place in places:
        candidate = os.path.normpath(os.path.join(place, name))
        if candidate in tree.files or candidate in GENERATED:
            return candidate
    return None


def sc_layers(tree):
    """kernel, servers and the Linux layer include the contract, never each other."""
    table = layers_read()
    for path, number, line in tree.lines(".c", ".h", ".S"):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
        folder = folder_of(path, table)
        if not match or not folder or "/test/" in path:
            continue
        target = include_target(tree, path, match.group(2), match.group(1) == '"')
        if target:
            kind = folder_of(target, table)
        elif match.group(2) in FREE:
            kind = "free"
        elif match.group(1) == '"':
            continue    # generated beside the object
        else:
            kind = "libc"
        allowed = table[folder]
        if kind and kind not in allowed and not (kind == "free" and "libc" in allowed):
            yield f"{path}:{number}: {folder} may not include {match.group(2)} ({kind})"


def sc_white_space_ends_no_line(tree):
    for path, number, line in tree.lines(".c", ".h", ".S", ".py", ".mk", ".am", ".ac", ".bats", ".list"):
        if line != line.rstrip():
            yield f"{path}:{number}: white space at the end"


def sc_c_is_indented_with_tabs(tree):
    for path, number, line in tree.lines(".c", ".h"):
        if re.match(r" {2,}\S", line) and not re.match(r" +\*", line):
            yield f"{path}:{number}: indented with spaces"


def sc_no_line_is_longer_than_140_columns(tree):
    """100 is the aim; this catches only what nobody can want."""
    for path, number, line in tree.lines(".c", ".h", ".S", ".py"):
        if len(line.expandtabs(8)) > 140:
            yield f"{path}:{number}: {len(line.expandtabs(8))} columns"


def sc_open_questions_say_why(tree):
    for path, number, line in tree.lines(".c", ".h", ".S", ".py"):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not path.startswith("tools/lint/"):
            yield f"{path}:{number}: write NEEDSWORK: and the reason"


def sc_no_typedef_of_structs(tree):
    for path, number, line in tree.lines(".c", ".h"):
        if re.match(r"\s*typedef\s+(struct|union)\b", line):
            yield f"{path}:{number}: typedef of a struct"


def sc_files_open_with_what_they_are(tree):
    for path, text in tree.files.items():
        if path.endswith((".c", ".h", ".S")) and "/test/" not in path:
            head = "\n".join(text[:6])
            names = (os.path.basename(path), os.path.basename(os.path.dirname(path)))
            if not text[0].startswith("/*") or not any(name in head for name in names):
                yield f"{path}:1: no head comment with the file's name"


def tested_by(text):
    """(line number, name) of each file that a head comment's `Tested:` names."""
    tested = False
    for number, line in enumerate(text[:40], 1):
        if re.search(r"\bTested:", line):
            tested = True
        elif line.strip() in ("*/", "*") or re.match(r"\s*\* \w+:", line):
            tested = False
        if tested:
            for name in re.findall(r"[\w./-]+\.(?:c|py|sh|bats)\b", line):
                yield number, name


def sc_tests_that_are_named_are_there(tree):
    """`Tested:` names files from the top, or from the file's own folder or the one above it."""
    bare = {os.path.basename(path) for path in tree.files}
    for path, text in tree.files.items():
        if not path.endswith((".c", ".h", ".S")):
            continue
        here = os.path.dirname(path)
        for number, name in tested_by(text):
            places = [os.path.normpath(os.path.join(place, name))
                      for place in ("", here, os.path.dirname(here))]
            if name not in bare and not any(place in tree.files for place in places):
                yield f"{path}:{number}: there is no {name}"


def sc_folders_say_what_they_are(tree):
    """A folder's README opens with its responsibility, and the top README's map repeats it."""
    top = "\n".join(tree.files.get("README.md", []))
    for folder in FOLDERS:
        if not any(path.startswith(folder + "/") for path in tree.files):
            continue
        first = tree.files.get(folder + "/README.md", [""])[0]
        match = re.match(r"#? ?" + re.escape(folder) + r": (.+)", first)
        if not match:
            yield f"{folder}/README.md:1: does not open with '# {folder}: ...'"
        elif match.group(1).rstrip(".") not in top:
            yield f"README.md: the map does not repeat: {folder}: {match.group(1)}"


def sc_bad_pointers_are_thought_of_for_each_linux_call(tree):
    """tests/linux/efault.c tries a call, or names it among those that it has no reason to try."""
    words = set(re.findall(r"\b(?:SYS_)?(\w+)", "\n".join(tree.files.get("tests/linux/efault.c", []))))
    for path, number, line in tree.lines("calls.h", under="linux-compat/table/"):
        match = re.match(r"CALL\(\d+, (\w+),", line)
        if match and match.group(1) not in words:
            yield f"{path}:{number}: tests/linux/efault.c does not name {match.group(1)}"


# What C programs write for a Linux call of another name.
CALL_SPELLINGS = {
    "rt_sigaction": "sigaction", "rt_sigpending": "sigpending", "rt_sigprocmask": "sigprocmask",
    "rt_sigqueueinfo": "sigqueue", "rt_sigreturn": "sigaction", "rt_sigsuspend": "sigsuspend",
    "rt_sigtimedwait": "sigtimedwait", "pread64": "pread", "pwrite64": "pwrite", "newfstatat": "fstatat",
    "exit": "pthread_exit", "exit_group": "_exit", "wait4": "waitpid", "umount2": "umount",
    "prlimit64": "prlimit", "getdents64": "readdir", "set_tid_address": "pthread_create", "pselect6": "pselect",
}


def sc_each_linux_call_has_a_test(tree):
    """The file that a row of calls.h names is there and makes the call."""
    for path, number, line in tree.lines("calls.h", under="linux-compat/table/"):
        match = re.match(r'CALL\(\d+, (\w+), \w+, "\w*", "(\w*)"', line)
        if not match:
            continue
        name, test = match.groups()
        text = "\n".join(tree.files.get(f"tests/linux/{test}.c", []))
        if not re.search(rf"\b(?:SYS_)?(?:{name}|{CALL_SPELLINGS.get(name, name)})\b", text):
            yield f"{path}:{number}: tests/linux/{test}.c has no {name}"


def sc_no_conditional_code_in_portable_kernel(tree):
    for path, number, line in tree.lines(".c", under="kernel/"):
        if "/arch/" not in path and re.match(r"\s*#\s*if", line):
            yield f"{path}:{number}: #if in portable code"


def main():
    tree = Tree(TOP)
    every = [name for name in globals() if name.startswith("sc_")]
    rules = sys.argv[1:] or every
    unknown = [name for name in rules if name not in every]
    if unknown:
        sys.exit(f"lint: no rule {unknown[0]}; there are {' '.join(every)}")
    failed = 0
    print(f"1..{len(rules)}")
    for number, name in enumerate(rules, 1):
        complaints = list(globals()[name](tree))
        failed += bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {number} - {name[3:].replace('_', ' ')}")
        for complaint in complaints:
            print(f"# {complaint}")
    sys.exit(1 if failed else 0)


main()
