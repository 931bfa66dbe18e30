import numpy as np
import pytest
import scipy.signal

from omniforge.synth.augment import AugmentConfig, Effect, augment

RATE = 16_000
TIME = np.arange(2 * RATE) / RATE
SPEECH = (0.3 * np.sin(2 * np.pi * 440 * TIME) * (np.sin(2 * np.pi * 3 * TIME) > 0)).astype(np.float32)
ALL = tuple(Effect(kind=kind, share=1.0) for kind in ("codec", "noise", "room", "speed"))


def level(samples: np.ndarray, low: float, high: float) -> float:
    """Power between two frequencies in dB."""
    frequencies, power = scipy.signal.welch(samples, RATE, nperseg=2048)
    return float(10 * np.log10(power[(frequencies >= low) & (frequencies < high)].sum() + 1e-20))


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    first, words = augment(SPEECH, ALL, 7)
    again, said = augment(SPEECH, ALL, 7)
    assert np.array_equal(first, again)
    assert words == said
    assert not np.array_equal(first, augment(SPEECH, ALL, 8)[0])


def test_the_words_name_what_was_done_in_the_order_of_a_recording() -> None:
    _, words = augment(SPEECH, ALL, 1)
    assert [word.split()[0] for word in words.split("; ")] == ["speed", "room", "noise", "codec"]


def test_without_effects_the_very_samples_come_back() -> None:
    samples, words = augment(SPEECH, (), 1)
    assert samples is SPEECH
    assert words == ""


def test_as_many_are_changed_as_the_share_says() -> None:
    short, effect = SPEECH[:1600], (Effect(kind="noise", share=0.3, variants=("white",)),)
    assert 60 < sum(augment(short, effect, seed)[1] != "" for seed in range(300)) < 120


def test_a_further_effect_changes_no_draw_of_the_others() -> None:
    noise = Effect(kind="noise", share=1.0)
    alone, with_room = (augment(SPEECH, effects, 3)[1] for effects in ((noise,), (Effect(kind="room", share=1.0), noise)))
    assert with_room.endswith(f"; {alone}")


@pytest.mark.parametrize("variant", ["white", "pink", "babble"])
def test_noise_is_as_loud_as_its_words_say(variant: str) -> None:
    noisy, words = augment(SPEECH, (Effect(kind="noise", share=1.0, low=12, high=12, variants=(variant,)),), 5)
    assert words == f"noise {variant} 12 dB"
    loud = SPEECH[np.abs(SPEECH) > 0.003]
    ratio = 10 * np.log10(np.mean(loud**2) / np.mean((noisy - SPEECH) ** 2))
    assert ratio == pytest.approx(12, abs=0.1)


def test_pink_noise_falls_by_3_db_an_octave() -> None:
    noisy, _ = augment(SPEECH, (Effect(kind="noise", share=1.0, low=0, high=0, variants=("pink",)),), 5)
    noise = noisy - SPEECH
    # As many hertz in both bands, four octaves apart.
    assert level(noise, 200, 300) - level(noise, 3950, 4050) == pytest.approx(12, abs=3)


def test_a_room_dies_away_in_its_time() -> None:
    click = np.zeros(RATE, np.float32)
    click[0] = 0.9
    heard, words = augment(click, (Effect(kind="room", share=1.0, low=0.4, high=0.4),), 2)
    assert words == "room 0.40 s"
    early, late = (np.sum(heard[start : start + 800].astype(float) ** 2) for start in (160, 3360))
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.2 / 0.4, abs=4)


def test_a_telephone_passes_300_to_3400_hz() -> None:
    white = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    heard, words = augment(white, (Effect(kind="codec", share=1.0, variants=("telephone",)),), 2)
    assert words == "codec telephone"
    inside = level(heard, 1000, 1100)
    assert inside - level(heard, 0, 100) > 20
    assert inside - level(heard, 4500, 4600) > 20


@pytest.mark.parametrize("variant", ["mp3", "ogg"])
def test_a_codec_loses_little_and_no_time(variant: str) -> None:
    heard, _ = augment(SPEECH, (Effect(kind="codec", share=1.0, variants=(variant,)),), 2)
    assert heard.size == SPEECH.size
    assert not np.array_equal(heard, SPEECH)
    assert float(np.corrcoef(heard, SPEECH)[0, 1]) > 0.9


def test_faster_speech_is_shorter() -> None:
    faster, words = augment(SPEECH, (Effect(kind="speed", share=1.0, low=1.1, high=1.1),), 2)
    assert words == "speed 1.10"
    assert faster.size == pytest.approx(SPEECH.size / 1.1, abs=2)


def test_nothing_is_driven_over_full_scale() -> None:
    loud = SPEECH / np.max(np.abs(SPEECH))
    noisy, _ = augment(loud, (Effect(kind="noise", share=1.0, low=0, high=0),), 2)
    assert np.max(np.abs(noisy)) <= 0.991


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"kind": "noise", "share": 1.2}, "part of 1"),
        ({"kind": "room", "share": 0.5, "low": 0.0}, "no range"),
        ({"kind": "noise", "share": 0.5, "low": 20, "high": 10}, "no range"),
        ({"kind": "noise", "share": 0.5, "variants": ("brown",)}, "no variant 'brown'; there are: white, pink, babble"),
        ({"kind": "speed", "share": 0.5, "variants": ("slow",)}, "there are: none"),
    ],
)
def test_an_effect_that_cannot_be_is_named(settings: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Effect(**settings)


def test_a_kind_that_stands_there_twice_is_named() -> None:
    with pytest.raises(ValueError, match="noise stands there twice"):
        AugmentConfig(effects=(Effect(kind="noise", share=0.1), Effect(kind="noise", share=0.2)))
