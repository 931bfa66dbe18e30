"""Pictures: from the bytes of a source to a checked jpg, png or webp, or the reason why not."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from omniforge.pipeline.filters.picture_ends import end_of_picture
from omniforge.pipeline.filters.problem import Problem
from omniforge.schemas.record import MediaFile

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_KEPT_MODES = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L"), "WEBP": ("RGB",)}
_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
    OverflowError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureConfig:
    """Limits of pictures.

    `max_pixels` holds for the size declared in the header (of a GIF: its canvas) and is checked before anything is decoded. It
    may not exceed Pillow's own limit. `blank_range`: a picture none of whose channels varies by more is one flat colour.
    `jpeg_quality` is used where a lossy picture has to be encoded again.
    """

    max_pixels: int = 50_000_000
    min_side: int = 32
    max_aspect: float = 10.0
    blank_range: int = 6
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        """Raise `ValueError` if Pillow would decode less than is asked for."""
        limit = Image.MAX_IMAGE_PIXELS or self.max_pixels
        if self.max_pixels > limit:
            raise ValueError(f"max_pixels is {self.max_pixels}; Pillow decodes at most {limit}: set it to that or less")


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked picture and the repairs it took."""

    file: MediaFile
    repairs: tuple[str, ...]


def sniff(data: bytes) -> str | None:
    """Name the format by the first bytes, never by a file name; None if it is no raster picture that is read here."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), None)


def check_picture(data: bytes, role: str, config: PictureConfig) -> Picture | Problem:
    """Decode every byte of a picture strictly, judge it, and give the bytes to store.

    The original bytes are kept for a still JPEG or PNG (RGB or grey) or WebP (RGB) that needs no turning; bytes behind its
    end are cut off. Anything else becomes 8-bit RGB and is encoded again, as JPEG if the original was lossy, else as PNG.

    Args:
        data: the bytes as the source holds them.
        role: what the picture is in its record, such as `image`.
        config: the limits.

    Returns:
        The picture with its repairs (`exif_orientation`, `broken_exif`, `cmyk`, `16bit`, `greyscale`, `palette`,
        `alpha_channel`, `animated`, `trailing_bytes`, `format`), or the problem.
    """
    if not data:
        return Problem("empty_media", "the picture has 0 bytes")
    name = sniff(data)
    if name is None:
        return Problem("not_an_image", f"no raster picture: {_resemblance(data)}", data)
    end: int | None = 0
    try:
        end = end_of_picture(data, name)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if problem := _declared_size(image.size, config):
                return problem
            image.load()
            if end is None:
                return Problem("truncated_image", f"the {name} ends before its end mark", data)
            return _judged(image, data, name, end, role, config)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Problem("decompression_bomb", str(error), data)
    except _DECODE_ERRORS as error:
        cut = end is None or "truncated" in str(error).lower()
        return Problem("truncated_image" if cut else "undecodable_image", f"{name}: {error}", data)


def _resemblance(data: bytes) -> str:
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "SVG"
    if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "HTML or XML"
    return "text" if head.isascii() and b"\0" not in head else f"starts with {data[:8].hex(' ')}"


def _declared_size(size: tuple[int, int], config: PictureConfig) -> Problem | None:
    width, height = size
    if width * height > config.max_pixels:
        return Problem("decompression_bomb", f"declares {width} x {height} pixels, at most {config.max_pixels} in all")
    if max(size) > config.max_aspect * min(size):
        return Problem("extreme_aspect", f"{width} x {height} pixels, at most {config.max_aspect:g} to 1")
    if min(size) < config.min_side:
        return Problem("too_small", f"{width} x {height} pixels, at least {config.min_side} on a side")
    return None


def _judged(image: Image.Image, data: bytes, name: str, end: int, role: str, config: PictureConfig) -> Picture | Problem:
    repairs = _repairs(image, name)
    rgb = to_rgb(image)
    if all(high - low <= config.blank_range for low, high in zip(*[iter(np.ravel(rgb.getextrema()))] * 2, strict=True)):
        return Problem("blank_image", f"no channel varies by more than {config.blank_range} of 255", data)
    if not repairs and image.mode in _KEPT_MODES.get(name, ()):
        kept = data[:end]
        repairs = ("trailing_bytes",) if end < len(data) else ()
        return Picture(_file(role, _EXTENSIONS[name], kept, rgb), repairs)
    lossy = name == "JPEG" or (name == "WEBP" and b"VP8L" not in data[:64])
    if end < len(data):
        repairs = (*repairs, "trailing_bytes")
    return Picture(_encode(rgb, role, lossy, config), repairs or ("format",))


def _repairs(image: Image.Image, name: str) -> tuple[str, ...]:
    orientation = _orientation(image)
    transparent = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    found = {
        "animated": name != "TIFF" and bool(getattr(image, "is_animated", False)),
        "exif_orientation": orientation in _TURNS,
        "broken_exif": orientation is None,
        "cmyk": image.mode == "CMYK",
        "16bit": image.mode.startswith(("I", "F")),
        "palette": image.mode in ("P", "PA"),
        "alpha_channel": transparent,
        "greyscale": image.mode in ("1", "LA", "La") or (image.mode == "L" and name not in ("JPEG", "PNG")),
    }
    return tuple(repair for repair, holds in found.items() if holds)


def _orientation(image: Image.Image) -> int | None:
    """Read the EXIF orientation; None if there is EXIF data that cannot be read, which says nothing against the pixels."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _DECODE_ERRORS:
        return None


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn a decoded picture upright and make it 8-bit RGB.

    Transparency is laid on white: dropping it would show whatever colour was stored under it, usually black. 16-bit grey is
    divided by 257, so that black and white stay what they are. CMYK without Adobe's marker is not inverted, though Pillow reads
    every CMYK JPEG as if it were.

    Raises:
        ValueError: for samples in floating point, which have no agreed white.
    """
    turn = _TURNS.get(_orientation(image) or 1)
    origin, info = image.format, image.info
    image = image if turn is None else image.transpose(turn)
    if image.mode == "F":
        raise ValueError("samples in floating point, which have no agreed range")
    if image.mode.startswith("I"):
        samples = np.asarray(image).astype(np.int64)
        return Image.fromarray((np.clip(samples, 0, 65_535) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "CMYK":
        if origin in ("JPEG", "MPO") and "adobe" not in info:
            image = ImageChops.invert(image)
        return image.convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _encode(rgb: Image.Image, role: str, lossy: bool, config: PictureConfig) -> MediaFile:
    clean = Image.frombytes("RGB", rgb.size, rgb.tobytes())
    buffer = io.BytesIO()
    if lossy:
        clean.save(buffer, "JPEG", quality=config.jpeg_quality, subsampling=0)
    else:
        clean.save(buffer, "PNG", compress_level=6)
    return _file(role, "jpg" if lossy else "png", buffer.getvalue(), rgb)


def _file(role: str, extension: str, data: bytes, rgb: Image.Image) -> MediaFile:
    return MediaFile(role=role, format=extension, data=data, width=rgb.width, height=rgb.height)
