import json
from pathlib import Path
from typing import Any

import pytest

from omniforge.jobs.tokenizer_figures import figures_markdown

ROOT = Path(__file__).parents[2]

USE = {"codes": 2000, "different": 100, "codebook": 8192, "bits": 6.2, "perplexity": 73.52}


def _spoken(rate: float) -> dict[str, Any]:
    rates = {name: {"rate": rate, "interval_95": [rate - 0.1, rate + 0.1]} for name in ("original", "decoded", "difference")}
    return {"utterances": 5, "words": 40, "word_error_rate": rates, "mel_distance": 0.613, "code_use": USE}


def test_pictures_have_a_row_for_each_kind_and_side_and_name_what_is_not_measured() -> None:
    figures = {"count": 3, "psnr_db": {"mean": 24.5, "least": 20.0}, "ssim": 0.8123, "code_use": USE}
    report = {
        "fingerprint": "sha256:abc",
        "scenes": {"128": figures},
        "pictures": {"128": figures, "512": figures},
        "left_out": {"strip.jpg": "extreme_aspect: 2000 x 10 pixels"},
    }
    text = figures_markdown(report)
    assert "| real pictures, 512 px | 3 | 24.50 / 20.00 dB | 0.812 | 100 / 2,000 | 74 | 6.2 |" in text
    assert "strip.jpg (extreme_aspect: 2000 x 10 pixels)" in text
    assert "sha256:abc" in text


def test_speech_has_rates_with_intervals_by_voice_and_speaker_and_counts_what_is_not_measured() -> None:
    report = {
        "fingerprint": "sha256:abc",
        "recogniser": "someone who listens",
        "synthetic": {"1.0": _spoken(0.2)},
        "recorded": {
            "all": _spoken(0.5),
            "speakers": {"a name that is long": {"held_out": True, **_spoken(0.5)}},
            "left_out": {"a": "silence: nothing", "b": "silence: nothing", "c": "clipping"},
        },
    }
    text = figures_markdown(report)
    row = "| synthetic voice 1.0 | 5 (40) | 20.0% | 20.0% | +20.0 points (+10.0 to +30.0) | 0.61 | 100 / 2,000 | 74 |"
    assert row in text
    assert "| speaker a name t, held out |" in text
    assert "3 recordings were not measured: 1 clipping, 2 silence." in text


@pytest.mark.parametrize(("what", "name"), [("image", "magvit2"), ("speech", "glm4voice")])
def test_the_documentation_shows_the_figures_of_the_shipped_report(what: str, name: str) -> None:
    page = (ROOT / "docs" / "tokenizers.md").read_text()
    shown = page.split(f"<!-- {what} figures -->\n")[1].split(f"<!-- end of {what} figures -->")[0]
    assert shown == figures_markdown(json.loads((ROOT / "tokenizers" / "embedded" / f"{name}_report.json").read_text()))
