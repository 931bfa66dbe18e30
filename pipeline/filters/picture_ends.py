"""Where a picture's own bytes end: decoders stop early, so neither a cut nor a foreign tail shows in the pixels."""

import struct


def end_of_picture(data: bytes, name: str) -> int | None:
    """Walk the structure of a file to its end mark.

    Args:
        data: the whole file.
        name: its format as Pillow names it.

    Returns:
        The number of bytes that belong to the picture, or None if the end mark is never reached. Formats without an end mark
        (BMP, TIFF) belong to it as a whole: they are encoded again in any case.

    Raises:
        ValueError: if the structure is broken rather than cut: where a PNG chunk or GIF block must begin stands something else.
    """
    walk = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp}.get(name)
    return walk(data) if walk else len(data)


def _jpeg(data: bytes) -> int | None:
    at = 2
    while (at := data.find(b"\xff", at)) != -1 and at + 1 < len(data):
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2
        if marker == 0xFF:
            at += 1
        elif marker == 0 or marker == 1 or 0xD0 <= marker <= 0xD8:
            at += 2
        elif at + 4 <= len(data):
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])
        else:
            return None
    return None


def _png(data: bytes) -> int | None:
    at = 8
    if len(data) >= 16 and data[12:16] != b"IHDR":
        raise ValueError("a PNG whose first chunk is not IHDR")
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha():
            raise ValueError(f"{kind!r} at byte {at + 4} is no chunk type")
        at += 12 + length
        if kind == b"IEND":
            return at if at <= len(data) else None
    return None


def _webp(data: bytes) -> int | None:
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    return end if end <= len(data) else None


def _gif(data: bytes) -> int | None:
    if len(data) < 13:
        return None
    at = 13 + _colours(data[10])
    while at < len(data):
        block = data[at]
        if block == 0x3B:
            return at + 1
        if block == 0x21:
            at = _sub_blocks(data, at + 2)
        elif block == 0x2C:
            at = _sub_blocks(data, at + 11 + _colours(data[at + 9])) if at + 9 < len(data) else len(data)
        else:
            raise ValueError(f"0x{block:02x} at byte {at} begins no block")
    return None


def _colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _sub_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
