"""What lies in a WebDataset tar, found from the headers alone: nothing is extracted, no link is followed."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from omniforge.pipeline.sources.collection import WHOLE_FILE, Stamp, stamp
from omniforge.pipeline.sources.source import path_problem

BLOCK = 512
PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
TEXT = ".txt"
METADATA = ".json"
JUNK_FOLDERS = frozenset(("__MACOSX", "@eaDir", ".git"))
JUNK_NAMES = frozenset(("thumbs.db", "desktop.ini"))


@dataclass(frozen=True, slots=True)
class Member:
    """One archive member: its name, where its bytes lie, what is wrong with it (reason code, or none) and how it ends."""

    name: str
    offset: int = 0
    size: int = 0
    problem: str | None = None
    cut: bool = False

    @property
    def key(self) -> str:
        """The part of the name up to the first dot after the last slash (WebDataset's rule)."""
        folder, slash, base = self.name.rpartition("/")
        return folder + slash + base.partition(".")[0]

    @property
    def suffix(self) -> str:
        """The rest of the name, with its dot, in lower case."""
        return self.name[len(self.key) :].lower()


@dataclass(frozen=True, slots=True)
class Run:
    """Adjacent members with one key. `alone`: one member that can belong to no sample, and the reason; its name is the key."""

    key: str
    members: tuple[Member, ...] = ()
    alone: str | None = None
    cut: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The members' suffixes in archive order, repeated as they are."""
        return tuple(member.suffix for member in self.members)

    @property
    def whole(self) -> bool:
        """Whether there is a picture and something that can hold its caption."""
        return any(s in PICTURES for s in self.suffixes) and any(s in (TEXT, METADATA) for s in self.suffixes)


def scan(file: Path) -> tuple[Run, ...]:
    """List the runs of an archive in order; remembered in this process while the file stays as it is."""
    return _scan(file, stamp(file))


@lru_cache(maxsize=4)
def _scan(file: Path, _stamp: Stamp) -> tuple[Run, ...]:
    try:
        with file.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            return tuple(_runs(archive, stream, file.stat().st_size))
    except (tarfile.TarError, ValueError) as error:
        return (Run(WHOLE_FILE, (Member(WHOLE_FILE, problem=str(error)),), alone="invalid_archive"),)


def _runs(archive: tarfile.TarFile, stream: BinaryIO, length: int) -> Iterator[Run]:
    members: list[Member] = []
    broken = ""
    while not broken:
        try:
            info = archive.next()
        except (tarfile.TarError, ValueError) as error:
            broken = str(error) or type(error).__name__
            break
        if info is None:
            break
        if info.size < 0:
            broken = f"member {info.name!r} has a negative size"
        elif not info.isdir():
            members.append(_member(info, length))
    if members and members[-1].cut:
        yield from _group(members)
        return
    yield from _end(members, archive.offset, broken, stream, length)


def _member(info: tarfile.TarInfo, length: int) -> Member:
    """Judge one header. Directories hold no data and are no records; whoever calls leaves them out."""
    name = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    problem = path_problem(name)
    if problem is None:
        if info.issym():
            problem = "symlink_member"
        elif info.islnk():
            problem = "hardlink_member"
        elif not info.isreg() or info.issparse():
            problem = "special_member"
    cut = info.isreg() and info.offset_data + info.size > length
    return Member(name, info.offset_data, info.size, problem, cut)


def _end(members: list[Member], offset: int, broken: str, stream: BinaryIO, length: int) -> Iterator[Run]:
    """Group the members by what stands where the next header was due: the end of the archive, nothing, or half a header."""
    stream.seek(min(offset, length))
    block = stream.read(BLOCK)
    unreadable = Member(f"offset {offset}", problem=broken or "there is no valid header here")
    if len(block) == BLOCK and (broken or block.strip(b"\0")):
        yield from _group(members)
        yield Run(unreadable.name, (unreadable,), alone="truncated_archive" if "end of" in broken else "invalid_archive")
    elif len(block) == BLOCK:
        yield from _group(members)
    elif len(block) >= 100 or b"\0" in block:
        name = block[:100].partition(b"\0")[0].decode("utf-8", "backslashreplace")
        yield from _group([*members, Member(name, offset, cut=True)])
    else:
        *runs, last = list(_group(members)) or [Run(WHOLE_FILE, alone="truncated_archive")]
        yield from runs
        yield last if last.whole or last.alone else Run(last.key, last.members, cut=True)


def _group(members: list[Member]) -> Iterator[Run]:
    run: list[Member] = []
    for member in members:
        reason = _no_sample(member)
        if run and (reason or member.key != run[0].key):
            yield Run(run[0].key, tuple(run), cut=run[-1].cut)
            run = []
        if reason:
            yield Run(member.name, (member,), alone=reason, cut=member.cut)
        else:
            run.append(member)
    if run:
        yield Run(run[0].key, tuple(run), cut=run[-1].cut)


def _no_sample(member: Member) -> str | None:
    """Return why a member can belong to no sample, or None."""
    if member.problem in ("path_traversal", "absolute_path", "remote_uri"):
        return member.problem
    path = PurePosixPath(member.name)
    if JUNK_FOLDERS.intersection(path.parts[:-1]) or path.name.lower() in JUNK_NAMES or path.name.startswith("."):
        return "junk_member"
    if not member.suffix:
        return member.problem or "junk_member"
    return None
