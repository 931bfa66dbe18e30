"""The header of a RIFF WAVE file, read by itself: libsndfile corrects or trusts it silently, and both hide what is wrong."""

import struct
from dataclasses import dataclass

STREAMED = 0x7FFFF000
"""A data chunk that claims this many bytes or more was written by a recorder that did not know the length (0xFFFFFFFF)."""


@dataclass(frozen=True, slots=True)
class WaveHeader:
    """What the header claims and what is there, in bytes."""

    sample_rate: int
    riff_claims: int
    data_claims: int
    data_there: int
    data_at: int

    @property
    def streamed(self) -> bool:
        """Whether the length was never filled in."""
        return self.data_claims >= STREAMED

    @property
    def cut(self) -> bool:
        """Whether both length fields agree on more bytes than there are: the header was right and the file lost its end."""
        missing = self.data_claims > self.data_there
        return missing and not self.streamed and self.riff_claims + 8 >= self.data_at + self.data_claims

    @property
    def too_long(self) -> bool:
        """Whether the data chunk alone claims more than there is: its length is wrong, the sound ends with the file."""
        return self.data_claims > self.data_there and not self.cut

    @property
    def zero(self) -> bool:
        """Whether the data chunk claims to be empty although something follows: the header was never finished."""
        return self.data_claims == 0 and self.data_there > 0


def read_wave_header(data: bytes) -> WaveHeader | None:
    """Find `fmt ` and `data` in a RIFF file; None if it is no RIFF WAVE or has not both."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    riff_claims = struct.unpack_from("<I", data, 4)[0]
    at, rate = 12, 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"fmt " and size >= 16 and at + 24 <= len(data):
            rate = struct.unpack_from("<I", data, at + 12)[0]
        elif name == b"data":
            there = len(data) - at - 8
            return WaveHeader(rate, riff_claims, size, there, at + 8) if rate else None
        at += 8 + size + size % 2
    return None
