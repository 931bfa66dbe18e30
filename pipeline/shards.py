"""Plain WebDataset tars, byte-identical for identical members, and where each member lies in them."""

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK = tarfile.BLOCKSIZE
END_OF_ARCHIVE = b"\0" * tarfile.RECORDSIZE


@dataclass(frozen=True, slots=True)
class TarMember:
    """A member of a shard: its payload is `size` bytes at `offset`."""

    name: str
    offset: int
    size: int


def write_tar(files: Iterable[tuple[str, bytes]]) -> tuple[bytes, tuple[TarMember, ...]]:
    """Make a tar of named files in the order given.

    Times, owners and modes are fixed, so that equal members give equal bytes. Names are kept below 100 characters by
    `record_key`, so every header is one block and any reader of plain ustar understands it.
    """
    buffer = io.BytesIO()
    members = []
    for name, data in files:
        header = tarfile.TarInfo(name)
        header.size = len(data)
        header.mode = 0o644
        buffer.write(header.tobuf(tarfile.USTAR_FORMAT))
        members.append(TarMember(name, buffer.tell(), len(data)))
        buffer.write(data)
        buffer.write(b"\0" * (-len(data) % BLOCK))
    buffer.write(END_OF_ARCHIVE[: BLOCK * 2])
    return buffer.getvalue(), tuple(members)


def span_of(members: Iterable[TarMember]) -> tuple[int, int]:
    """Return the first and the last-plus-one byte that hold all of these members, for one range read."""
    ranges = [(member.offset, member.offset + member.size) for member in members]
    return min(start for start, _ in ranges), max(stop for _, stop in ranges)
