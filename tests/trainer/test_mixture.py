import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.trainer.mixture import STREAMS, draws_per_epoch, stream_of, window_range

COUNTS = st.dictionaries(st.sampled_from(STREAMS), st.integers(1, 500), min_size=1)


@given(COUNTS)
def test_natural_weights_draw_every_sample_once(available: dict[str, int]) -> None:
    assert draws_per_epoch(available, {name: float(count) for name, count in available.items()}) == available


@given(COUNTS, st.integers(1, 50))
def test_windows_share_all_draws_out_evenly(available: dict[str, int], windows: int) -> None:
    for draws in available.values():
        ranges = [window_range(draws, window, windows) for window in range(windows)]
        assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
        assert ranges[-1][1] == draws
        sizes = [stop - start for start, stop in ranges]
        assert max(sizes) - min(sizes) <= 1


def test_weights_are_shares_of_the_samples_of_an_epoch() -> None:
    assert draws_per_epoch({"t2i": 900, "asr": 100}, {"t2i": 3, "asr": 1}) == {"t2i": 750, "asr": 250}


def test_a_stream_the_data_lacks_leaves_its_share_to_the_others() -> None:
    assert draws_per_epoch({"t2i": 60, "asr": 0, "tts": 40}, {"t2i": 1, "asr": 2, "tts": 1}) == {"t2i": 50, "tts": 50}


def test_a_stream_with_a_tiny_weight_still_comes() -> None:
    assert draws_per_epoch({"t2i": 50, "s2i": 50}, {"t2i": 1.0, "s2i": 1e-6})["s2i"] == 1


def test_chats_with_media_and_chats_without_are_two_streams() -> None:
    assert [stream_of("chat", 0), stream_of("chat", 9), stream_of("vqa", 9)] == ["text_chat", "speech_chat", "vqa"]


@pytest.mark.parametrize(
    ("weights", "message"), [({"t2j": 1.0}, "no stream"), ({"t2i": -1.0}, "0 or more"), ({"asr": 1.0}, "has t2i 5")]
)
def test_a_mixture_that_cannot_be_made_says_why(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draws_per_epoch({"t2i": 5}, weights)
