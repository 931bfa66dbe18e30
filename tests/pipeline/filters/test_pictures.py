import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from omniforge.pipeline.filters.picture_ends import end_of_picture
from omniforge.pipeline.filters.pictures import Picture, PictureConfig, check_picture
from omniforge.pipeline.filters.problem import Problem
from omniforge.schemas.quarantine import REASONS

CONFIG = PictureConfig()


def ramp(width=96, height=64):
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], -1).astype(np.uint8))


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def kept(data, config=CONFIG):
    outcome = check_picture(data, "image", config)
    assert isinstance(outcome, Picture), outcome
    return outcome


def reason(data, config=CONFIG):
    outcome = check_picture(data, "image", config)
    assert isinstance(outcome, Problem), outcome
    assert outcome.reason in REASONS
    return outcome.reason


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.file.data)).convert("RGB")).astype(int)


def png_that_declares(width, height):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_bytes_of_a_safe_picture_are_kept(format):
    data = encoded(ramp(), format)
    picture = kept(data)
    assert picture.file.data == data
    assert (picture.file.width, picture.file.height, picture.repairs) == (96, 64, ())


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_grey_picture_is_kept_as_it_is(format):
    data = encoded(ramp().convert("L"), format)
    assert kept(data).file.data == data


def test_a_foreign_tail_is_cut_off_without_touching_the_picture():
    for format in ("JPEG", "PNG", "WEBP"):
        data = encoded(ramp(), format)
        picture = kept(data + b"PK\x03\x04 some archive")
        assert picture.file.data == data
        assert picture.repairs == ("trailing_bytes",)


def test_an_end_mark_inside_a_thumbnail_is_not_the_end():
    thumbnail = encoded(ramp(16, 16), "JPEG")
    data = encoded(ramp(), "JPEG")
    with_thumbnail = data[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + data[2:]
    assert end_of_picture(with_thumbnail, "JPEG") == len(with_thumbnail)


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = kept(encoded(ramp(), "JPEG", exif=exif, quality=95))
    assert picture.repairs == ("exif_orientation",)
    assert (picture.file.format, picture.file.width, picture.file.height) == ("jpg", 64, 96)
    assert np.abs(pixels(picture) - np.asarray(ramp().transpose(Image.Transpose.ROTATE_270)).astype(int)).mean() < 4


def test_unreadable_exif_data_does_not_cost_the_picture():
    data = encoded(ramp(), "JPEG")
    broken = data[:2] + b"\xff\xe1\x00\x10Exif\0\0notatiff" + data[2:]
    assert np.abs(pixels(kept(broken)) - np.asarray(ramp()).astype(int)).mean() < 6


def test_cmyk_as_adobe_writes_it_comes_out_positive():
    picture = kept(encoded(ramp().convert("CMYK"), "JPEG", quality=95))
    assert picture.repairs == ("cmyk",)
    assert np.abs(pixels(picture) - np.asarray(ramp()).astype(int)).mean() < 6


def test_cmyk_without_the_adobe_marker_is_not_inverted():
    data = encoded(ImageChops.invert(ramp().convert("CMYK")), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    plain = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert b"Adobe" not in plain
    assert np.abs(pixels(kept(plain)) - np.asarray(ramp()).astype(int)).mean() < 6


def test_16_bit_grey_is_scaled_not_clipped():
    grey = np.linspace(0, 65_535, 96 * 64).astype(np.uint16).reshape(64, 96)
    picture = kept(encoded(Image.fromarray(grey), "PNG"))
    assert picture.repairs == ("16bit",)
    assert np.array_equal(pixels(picture)[..., 0], grey // 257)


def test_transparency_is_laid_on_white():
    image = ramp().convert("RGBA")
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, :48] = 255
    image.putalpha(Image.fromarray(alpha))
    picture = kept(encoded(image, "PNG"))
    assert picture.repairs == ("alpha_channel",)
    assert (pixels(picture)[:, 48:] == 255).all()
    assert np.array_equal(pixels(picture)[:, :48], np.asarray(ramp()).astype(int)[:, :48])


def test_a_transparent_colour_of_a_palette_is_laid_on_white():
    image = Image.fromarray(np.tile(np.arange(96, dtype=np.uint8) % 4, (64, 1)), "L").convert("P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture = kept(encoded(image, "PNG", transparency=0))
    assert picture.repairs == ("palette", "alpha_channel")
    assert (pixels(picture)[:, 0] == 255).all()


def test_a_palette_picture_becomes_rgb_without_loss():
    picture = kept(encoded(ramp().quantize(32), "PNG"))
    assert (picture.file.format, picture.repairs) == ("png", ("palette",))
    assert np.array_equal(pixels(picture), np.asarray(ramp().quantize(32).convert("RGB")))


def test_of_an_animation_the_first_frame_is_kept():
    frames = [ramp().quantize(64), ramp().rotate(90).quantize(64)]
    picture = kept(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert "animated" in picture.repairs
    assert np.array_equal(pixels(picture), np.asarray(frames[0].convert("RGB")))


def test_a_bitmap_becomes_png():
    assert kept(encoded(ramp(), "BMP")).repairs == ("format",)


def test_encoding_again_gives_the_same_bytes():
    data = encoded(ramp().convert("RGBA"), "PNG")
    assert kept(data).file.data == kept(data).file.data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty_media"),
        (b"just some text", "not_an_image"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "not_an_image"),
        (bytes(range(256)) * 4, "not_an_image"),
        (png_that_declares(60_000, 60_000), "decompression_bomb"),
        (png_that_declares(9_000, 9_000), "decompression_bomb"),
        (b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\0\x3b", "decompression_bomb"),
        (png_that_declares(96, 64), "truncated_image"),
        (b"\x89PNG\r\n\x1a\n" + b"garbage" * 20, "undecodable_image"),
        (b"\xff\xd8\xff\xe0", "truncated_image"),
    ],
)
def test_what_is_no_picture_is_refused_before_it_costs_anything(data, expected):
    assert reason(data) == expected


def test_one_pixel_is_too_small():
    assert reason(encoded(Image.new("RGB", (1, 1)), "PNG")) == "too_small"


def test_a_strip_has_an_extreme_aspect():
    assert reason(encoded(Image.new("RGB", (20_000, 10)), "PNG")) == "extreme_aspect"


def test_one_flat_colour_is_blank():
    assert reason(encoded(Image.new("RGB", (96, 64), (10, 200, 30)), "JPEG")) == "blank_image"
    assert reason(encoded(Image.new("RGBA", (96, 64), (10, 200, 30, 0)), "PNG")) == "blank_image"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_picture_cut_anywhere_is_refused(format):
    data = encoded(ramp(), format)
    for part in (0.1, 0.5, 0.9):
        assert reason(data[: int(len(data) * part)]) in ("truncated_image", "undecodable_image")
    assert reason(data[:-1]) == "truncated_image"


def test_a_jpeg_without_its_last_two_bytes_is_truncated():
    assert reason(encoded(ramp(), "JPEG")[:-2]) == "truncated_image"


def test_a_progressive_jpeg_cut_between_scans_is_truncated():
    data = encoded(ramp(), "JPEG", progressive=True)
    assert reason(data[: int(len(data) * 0.8)]) == "truncated_image"


def test_more_pixels_than_pillow_decodes_cannot_be_asked_for():
    with pytest.raises(ValueError, match="Pillow decodes at most"):
        PictureConfig(max_pixels=10**9)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]), st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_never_raises(format, position, garbage):
    data = bytearray(encoded(ramp(48, 40), format))
    at = position % len(data)
    data[at : at + len(garbage)] = garbage
    outcome = check_picture(bytes(data), "image", CONFIG)
    assert isinstance(outcome, Picture) or outcome.reason in REASONS
