#!/usr/bin/env python3
"""Tests of tools/archive and distro/fetch; prints TAP."""
import os
import shutil
import stat
import subprocess
import sys
import tempfile

TOP = os.environ.get("TESSERA_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(TOP, "tools", "archive"))
import newc    # noqa: E402

ARCHIVE = os.path.join(TOP, "tools", "archive", "archive")
FETCH = os.path.join(TOP, "distro", "fetch")


def entries_make():
    """Names of many lengths before files that must be aligned, so that every padding occurs."""
    for length in range(1, 250):
        yield newc.Entry("n" * length, stat.S_IFREG | 0o644, b"s" * (length * 7 % 900))
        yield newc.Entry("big" + "b" * length, stat.S_IFREG | 0o755, bytes([length]) * 2048)


def raw_offsets(data):
    """(name, mode, size, offset of the data, namesize) of every entry, by the format's own rules."""
    offset = 0
    while data[offset:offset + 6] == newc.MAGIC:
        fields = [int(data[offset + 6 + i:offset + 14 + i], 16) for i in range(0, 104, 8)]
        name = data[offset + 110:offset + 110 + fields[11]].split(b"\0")[0].decode()
        start = (offset + 110 + fields[11] + 3) // 4 * 4
        yield name, fields[1], fields[6], start, fields[11]
        offset = (start + fields[6] + 3) // 4 * 4


def write(folder, entries):
    path = os.path.join(folder, "out.cpio")
    newc.archive_write(path, entries)
    with open(path, "rb") as file:
        return file.read()


def test_files_of_2048_bytes_or_more_start_a_page(folder):
    data = write(folder, entries_make())
    seen = 0
    for name, mode, size, start, name_size in raw_offsets(data):
        assert name_size <= 4096, name
        if stat.S_ISREG(mode) and size >= 2048:
            assert start % 4096 == 0, name
            seen += 1
    assert seen == 249
    assert len(data) % 4096 == 0


def test_what_was_written_is_read_back(folder):
    read = {e.name: (e.mode, e.data) for e in newc.archive_read(write(folder, entries_make()))}
    for entry in entries_make():
        assert read[entry.name] == (entry.mode, entry.data), entry.name


def test_gnu_cpio_unpacks_it(folder):
    if not shutil.which("cpio"):
        return "no cpio here"
    write(folder, entries_make())
    with open(os.path.join(folder, "out.cpio"), "rb") as file:
        subprocess.run(["cpio", "-i", "-d", "--quiet"], cwd=folder, stdin=file, check=True)
    with open(os.path.join(folder, "bigb"), "rb") as file:
        assert file.read() == b"\x01" * 2048
    return None


def test_two_runs_give_the_same_bytes(folder):
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "z", "a"))
    for name in ("b", "a", "z/c"):
        with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
            file.write(name * 1000)
    first = write(folder, newc.tree_entries(tree))
    os.utime(os.path.join(tree, "a"), (1, 1))
    assert write(folder, newc.tree_entries(tree)) == first


def test_hard_links_share_one_inode_and_the_first_name_has_the_data(folder):
    tree = os.path.join(folder, "tree")
    os.makedirs(tree)
    with open(os.path.join(tree, "a"), "w", encoding="utf-8") as file:
        file.write("data")
    os.link(os.path.join(tree, "a"), os.path.join(tree, "b"))
    a, b = newc.archive_read(write(folder, newc.tree_entries(tree)))
    assert (a.data, b.data) == (b"data", b"")
    assert a.link is not None and a.link == b.link


def test_lists_give_devices_links_and_modes(folder):
    path = os.path.join(folder, "out.cpio")
    subprocess.run([ARCHIVE, path, "dir tmp 1777", "node dev/null 666 c 1 3", "link etc/mtab /proc/mounts",
                    f"bin/tool={ARCHIVE}"], check=True)
    with open(path, "rb") as file:
        read = {e.name: e for e in newc.archive_read(file.read())}
    assert read["tmp"].mode == stat.S_IFDIR | 0o1777
    assert read["dev/null"].device == (1, 3) and stat.S_ISCHR(read["dev/null"].mode)
    assert read["etc/mtab"].data == b"/proc/mounts"
    assert read["bin/tool"].mode == stat.S_IFREG | 0o755
    assert read["bin"].mode == stat.S_IFDIR | 0o755


def test_a_bad_list_is_one_line_and_leaves_no_archive(folder):
    path = os.path.join(folder, "out.cpio")
    for bad in ("dir tmp rwx", "nonsense a b", "file x /no/such/file", "mode x 1", "dir a/../b 755"):
        result = subprocess.run([ARCHIVE, path, bad], stderr=subprocess.PIPE, text=True, check=False)
        assert result.returncode and len(result.stderr.splitlines()) == 1, (bad, result.stderr)
        assert os.listdir(folder) == [], bad


def test_a_cut_archive_is_refused(folder):
    data = write(folder, entries_make())
    for size in (50, 111, 5000):
        try:
            list(newc.archive_read(data[:size]))
        except newc.ArchiveError:
            continue
        raise AssertionError(f"{size} bytes were accepted")


def test_a_tarball_with_the_wrong_checksum_is_one_clear_line(folder):
    with open(os.path.join(TOP, "distro", "sources.txt"), encoding="utf-8") as file:
        name = next(line.split()[1] for line in file if line.startswith("busybox"))
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write("not a tarball")
    result = subprocess.run([FETCH, "--cache", folder, "--sources", folder, "source", "busybox"],
                            stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode
    assert len(result.stderr.splitlines()) == 1 and "wrong SHA-256" in result.stderr


def test_no_network_is_one_clear_line(folder):
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9",
                   "https_proxy": "http://127.0.0.1:9"}
    result = subprocess.run([FETCH, "--cache", folder, "source", "busybox"], env=environment,
                            stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode
    assert len(result.stderr.splitlines()) == 1 and "no network" in result.stderr, result.stderr


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        text = name[5:].replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                skip = test(folder)
                print(f"ok {number} - {text}" + (f" # SKIP {skip}" if skip else ""))
            except Exception as error:    # whatever a test raises is its failure
                failed += 1
                print(f"not ok {number} - {text}\n# {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


main()
