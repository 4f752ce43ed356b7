"""Read and write boot archives: newc cpio whose bigger files can be mapped where they lie.

Every regular file of PAGED bytes or more has its data at a multiple of 4096 from the start of its
archive. The name field is padded with NULs (and namesize counts them) to get there: Linux takes
that as an initramfs, GNU cpio unpacks it, and Tessera maps the pages instead of copying them. A
file with several names has its data with the first one. A finished archive is padded with NULs to
a multiple of 4096, so that several can be joined; where names repeat, the later one counts.

Nothing in an archive depends on who built it, when or where: owner root, one time for all.
"""
import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zlib

PAGE = 4096
PAGED = 2048
NAME_MAX = 4096        # Linux drops an entry whose namesize is above PATH_MAX
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", 1767225600))    # 2026-01-01
HEADER = 110
MAGIC = b"070701"
TRAILER = "TRAILER!!!"


class ArchiveError(Exception):
    pass


class Entry:
    """One name. Regular files have data: bytes, or a path to read them from when writing."""

    def __init__(self, name, mode, data=b"", source=None, device=(0, 0), link=None):
        self.name = name
        self.mode = mode
        self.data = data
        self.source = source
        self.device = device
        self.link = link    # any hashable: entries that share it are one file

    def content(self):
        if self.source is None:
            return self.data
        with open(self.source, "rb") as file:
            return file.read()


def name_clean(name):
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ArchiveError(f"{name}: no .. in an archive")
    return "/".join(parts)


def file_entry(name, path, mode=None):
    """The file, link or device at `path`, to be called `name`. None for a socket."""
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode)
    bits = stat.S_IMODE(info.st_mode) if mode is None else mode
    if kind == stat.S_IFLNK:
        return Entry(name, kind | 0o777, os.fsencode(os.readlink(path)))
    if kind == stat.S_IFREG:
        link = (info.st_dev, info.st_ino) if info.st_nlink > 1 else None
        return Entry(name, kind | bits, source=path, link=link)
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return Entry(name, kind | bits, device=(os.major(info.st_rdev), os.minor(info.st_rdev)))
    if kind in (stat.S_IFDIR, stat.S_IFIFO):
        return Entry(name, kind | bits)
    return None


def tree_entries(folder, prefix=""):
    """All that lies under `folder`, parents first, in the order of the names."""
    for where, folders, files in os.walk(folder):
        folders.sort()
        inside = os.path.relpath(where, folder)
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        names = sorted(files + links)
        if inside != ".":
            yield file_entry(name_clean(f"{prefix}/{inside}"), where)
        for name in names:
            entry = file_entry(name_clean(f"{prefix}/{inside}/{name}"), os.path.join(where, name))
            if entry:
                yield entry


class Writer:
    """Appends one archive to a file that is open for writing, at an aligned position."""

    def __init__(self, file):
        self.file = file
        self.offset = 0
        self.number = 0
        self.numbers = {}
        self.names = set()

    def add(self, entry):
        regular = stat.S_ISREG(entry.mode)
        data = entry.content()
        if len(data) >= 1 << 32:
            raise ArchiveError(f"{entry.name}: 4 GiB or more do not fit a cpio archive")
        number = self.numbers.get(entry.link) if entry.link else None
        links = 2 if entry.link else 1
        if number is None:
            self.number += 1
            number = self.number
            if entry.link:
                self.numbers[entry.link] = number
        else:
            data = b""
        name_size = len(os.fsencode(entry.name)) + 1
        if regular and len(data) >= PAGED:
            name_size = self.name_align(name_size)
        self.write(entry, number, links, name_size, data)
        self.names.add(entry.name)

    def name_align(self, name_size):
        """The namesize that puts the data of the next entry at the start of a page."""
        while True:
            padded = name_size + -(self.offset + HEADER + name_size) % PAGE
            if padded <= NAME_MAX:
                return padded
            # One more entry for the root folder shifts the next one by its own length.
            self.write(Entry(".", stat.S_IFDIR | 0o755), self.number_new(), 1, 2, b"")

    def number_new(self):
        self.number += 1
        return self.number

    def write(self, entry, number, links, name_size, data):
        name = os.fsencode(entry.name)
        if stat.S_ISDIR(entry.mode):
            links = 2
        time = 0 if entry.name == TRAILER else EPOCH
        fields = (number, entry.mode, 0, 0, links, time, len(data), 0, 0,
                  entry.device[0], entry.device[1], name_size, 0)
        header = MAGIC + b"".join(b"%08x" % field for field in fields)
        head = header + name + bytes(name_size - len(name))
        self.put(head)
        self.put(data)

    def put(self, data):
        self.file.write(data)
        self.offset += len(data)
        padding = -self.offset % 4
        self.file.write(bytes(padding))
        self.offset += padding

    def finish(self):
        self.write(Entry(TRAILER, 0), 0, 1, len(TRAILER) + 1, b"")
        padding = -self.offset % PAGE
        self.file.write(bytes(padding))
        self.offset += padding


def archive_write(path, entries):
    """Write all entries to the file `path`, which appears only when it is complete."""
    partial = f"{path}.{os.getpid()}.new"
    try:
        with open(partial, "wb") as file:
            writer = Writer(file)
            for entry in entries:
                writer.add(entry)
            writer.finish()
        os.replace(partial, path)
    except OSError as error:
        raise ArchiveError(f"{error.filename or path}: {error.strerror}") from error
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def archive_read(data):
    """All entries of the archives joined in `data`."""
    view = memoryview(data)
    offset = 0
    while offset < len(view):
        if view[offset] == 0:
            offset += 1
            continue
        if len(view) - offset < HEADER or view[offset:offset + 6] not in (MAGIC, b"070702"):
            raise ArchiveError(f"not a newc cpio archive at byte {offset}")
        text = bytes(view[offset + 6:offset + HEADER])
        fields = [int(text[i:i + 8], 16) for i in range(0, 104, 8)]
        number, mode, links, size, name_size = fields[0], fields[1], fields[4], fields[6], fields[11]
        start = offset + HEADER
        data_start = -(-(start + name_size) // 4) * 4
        end = data_start + size
        if end > len(view):
            raise ArchiveError(f"the archive ends in the middle of an entry at byte {offset}")
        name = os.fsdecode(bytes(view[start:start + name_size]).split(b"\0", 1)[0])
        offset = -(-end // 4) * 4
        if name != TRAILER and name_clean(name):
            yield Entry(name_clean(name), mode, bytes(view[data_start:end]),
                        device=(fields[9], fields[10]),
                        link=number if links > 1 and stat.S_ISREG(mode) else None)


def archive_modes(path):
    """{name: mode} of all entries."""
    with open(path, "rb") as file:
        return {entry.name: entry.mode for entry in archive_read(file.read())}


def links_repair(entries):
    """Of files with several names, put the data with the first: GNU cpio puts it with the last."""
    entries = list(entries)
    data = {}
    for entry in entries:
        if entry.link is not None and entry.data:
            data[entry.link] = entry.data
    for entry in entries:
        if entry.link is not None:
            entry.data = data.get(entry.link, b"")
    return entries


def tar_entries(path):
    kinds = {tarfile.REGTYPE: stat.S_IFREG, tarfile.AREGTYPE: stat.S_IFREG,
             tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK,
             tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK,
             tarfile.FIFOTYPE: stat.S_IFIFO, tarfile.LNKTYPE: stat.S_IFREG}
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        linked = {name_clean(m.linkname) for m in members if m.islnk()}
        for member in members:
            name = name_clean(member.name)
            if not name or member.type not in kinds:
                continue
            data = b""
            if member.issym():
                data = os.fsencode(member.linkname)
            elif member.isreg():
                data = archive.extractfile(member).read()
            target = name_clean(member.linkname) if member.islnk() else name
            link = target if member.islnk() or name in linked else None
            yield Entry(name, kinds[member.type] | member.mode & 0o7777, data,
                        device=(member.devmajor, member.devminor), link=link)


def archive_unpack(path):
    with open(path, "rb") as file:
        data = file.read()
    for magic, unpack in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ", lzma)):
        if data.startswith(magic):
            try:
                data = unpack.decompress(data)
            except OSError as error:        # bz2's way to say it
                raise ArchiveError(str(error)) from error
    return data


def image_entries(path):
    """The entries of a folder, a cpio archive (packed or not) or a tar archive."""
    if os.path.isdir(path):
        yield from tree_entries(path)
        return
    try:
        if tarfile.is_tarfile(path):
            yield from tar_entries(path)
        else:
            yield from links_repair(archive_read(archive_unpack(path)))
    except (ArchiveError, tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error,
            lzma.LZMAError, ValueError) as error:
        raise ArchiveError(f"{path}: {error}") from error
