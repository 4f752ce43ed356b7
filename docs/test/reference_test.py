#!/usr/bin/env python3
"""Check docs/reference/calls against abi/*.list: TAP.

Each native call has a page, each page a call; a page's head (name, number, prototype, summary) is what
tools/gen/abigen.py makes of calls.list; its body, written by hand, has all sections and names only
arguments, errors, rights and calls that exist.

reference_test.py --update   write new heads, make the index, leave bodies as they are
"""
import os
import re
import sys

TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ABI = os.path.join(TOP, "abi")
PAGES = os.path.join(TOP, "docs", "reference", "calls")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tools", "gen"))
import abigen    # noqa: E402

SECTIONS = ["## DESCRIPTION", "## RIGHTS", "## ERRORS", "## SEE ALSO"]
CALLS = {name: [argument for _, argument in args] for name, args, _, _ in abigen.calls(ABI)}
ERRORS = {row[0] for row in abigen.rows(ABI + "/errors.list", 3)}
RIGHTS = {row[0] for row in abigen.rows(ABI + "/rights.list", 2)}


def page_path(name):
    return os.path.join(PAGES, name + ".md")


def page_read(name):
    """Head and body, without the empty lines between; None where there is no page or no mark."""
    try:
        with open(page_path(name), encoding="utf-8") as file:
            head, mark, body = file.read().partition(abigen.MARK + "\n")
    except FileNotFoundError:
        return None, None
    return (head + abigen.MARK).split("\n"), body.strip("\n") if mark else None


def head_errors(name):
    head, body = page_read(name)
    if head is None:
        yield "there is no page"
    elif body is None:
        yield "the mark between head and body is gone"
    elif head != abigen.page_head(ABI, name):
        yield "the head is not what calls.list says: run docs/test/reference_test.py --update"


def unknown(body, pattern, known):
    return sorted(set(re.findall(pattern, body)) - known)


def body_errors(name):
    _, body = page_read(name)
    if not body:
        yield "there is no body"
        return
    found = [line for line in body.split("\n") if line.startswith("#")]
    if found != SECTIONS:
        yield f"its sections are {found}"
    for section in re.split(r"^## .*$", body, flags=re.M)[1:]:
        if not section.strip():
            yield "a section is empty"
    for what, pattern, known in (
            ("error", r"\bE_[A-Z_]+\b", ERRORS), ("right", r"\bRIGHT_[A-Z]+\b", RIGHTS),
            ("argument", r"(?<![\w*])\*(\w+)\*(?!\w)", set(CALLS[name])), ("page", r"\]\((\w+)\.md\)", set(CALLS))):
        for word in unknown(body, pattern, known):
            yield f"there is no {what} {word}"


def index_path():
    return os.path.join(PAGES, "README.md")


def index_parts():
    """The text of README.md before the list, and the list."""
    with open(index_path(), encoding="utf-8") as file:
        lines = file.read().rstrip("\n").split("\n")
    first = next((n for n, line in enumerate(lines) if line.startswith("- [")), len(lines))
    return lines[:first], lines[first:]


def update():
    for name in CALLS:
        _, body = page_read(name)
        with open(page_path(name), "w", encoding="utf-8") as file:
            file.write("\n".join(abigen.page_head(ABI, name)) + "\n\n" + (body or "\n\n".join(SECTIONS)) + "\n")
    text, _ = index_parts()
    with open(index_path(), "w", encoding="utf-8") as file:
        file.write("\n".join(text + abigen.index(ABI)) + "\n")


def tests():
    for name in CALLS:
        yield f"{name}: the head is what calls.list says", list(head_errors(name))
        yield f"{name}: the body is whole and names what exists", list(body_errors(name))
    stray = sorted(set(os.listdir(PAGES)) - {name + ".md" for name in CALLS} - {"README.md"})
    yield "every page is of a call", [f"{name} is of none" for name in stray]
    yield "README.md lists every call", [] if index_parts()[1] == abigen.index(ABI) else ["run it with --update"]


def main():
    if sys.argv[1:] == ["--update"]:
        update()
        return 0
    if sys.argv[1:]:
        sys.exit(__doc__)
    failed, number = False, 0
    for number, (sentence, errors) in enumerate(tests(), 1):
        print(f"{'not ' if errors else ''}ok {number} - {sentence}")
        for error in errors:
            print("# " + error)
        failed = failed or bool(errors)
    print(f"1..{number}")
    return 1 if failed else 0


sys.exit(main())
