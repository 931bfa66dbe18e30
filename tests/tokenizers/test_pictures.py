import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from omniforge.tokenizers.pictures import picture_to_pixels, pixels_to_pictures, resize_and_crop


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["RGB", "L", "RGBA", "P", "CMYK"]))
def test_every_size_and_mode_becomes_a_square_of_the_resolution(width: int, height: int, mode: str) -> None:
    pixels = picture_to_pixels(Image.new(mode, (width, height)), 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == torch.float32
    assert -1 <= pixels.min() <= pixels.max() <= 1


@pytest.mark.parametrize(("width", "left"), [(33, 0), (35, 2), (37, 2), (36, 2)])
def test_a_half_pixel_offset_goes_to_the_even_neighbour(width: int, left: int) -> None:
    picture = Image.new("RGB", (width, 32))
    picture.putdata([(column, 0, 0) for _ in range(32) for column in range(width)])
    assert resize_and_crop(picture, 32).getpixel((0, 0)) == (left, 0, 0)


def test_pixels_of_a_picture_of_that_size_come_back_as_they_were_but_for_truncation() -> None:
    picture = Image.effect_noise((32, 32), 60).convert("RGB")
    back = pixels_to_pictures(picture_to_pixels(picture, 32)[None])[0]
    difference = torch.tensor(list(picture.tobytes())) - torch.tensor(list(back.tobytes()))
    assert 0 <= difference.min() <= difference.max() <= 1
