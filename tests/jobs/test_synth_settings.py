import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from omniforge.jobs.config import ConfigError, from_mapping
from omniforge.pipeline.synthesis import SynthesisConfig
from omniforge.pipeline.tokenization import TokenizeConfig

SDVI = Path(__file__).parents[2] / "docs" / "sdvi.md"
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(synth:.*?)```", SDVI.read_text(), re.DOTALL)]


def test_the_settings_that_the_documentation_shows_are_settings() -> None:
    splits, augmentation, recital = (from_mapping(SynthesisConfig, example["synth"], "docs") for example in EXAMPLES)
    assert splits.test_share > 0
    assert {voice.engine for voice in splits.speech.voices_of("test")} == {"server"}
    assert splits.speech.engine_named("server")[0] == "openai_server"
    assert [voice.engine for voice in recital.speech.voices_of("train", "recited")] == ["phrases"]
    assert from_mapping(TokenizeConfig, EXAMPLES[-1]["tokenize"], "docs").tasks_of_kind["asr"] == ("asr",)
    assert [effect.kind for effect in augmentation.speech.augment.effects] == ["speed", "room", "noise", "codec"]


@pytest.mark.parametrize(
    ("speech", "complaint"),
    [
        ({"engine": "hibari"}, "did you mean speech.engines"),
        ({"augment": {"effects": [{"kind": "echo", "share": 0.1}]}}, "augment.effects.0.kind"),
        ({"voices": [{"name": "a", "engine": "no-such", "speaker": "a"}] * 2}, "two have one name"),
    ],
)
def test_what_is_no_setting_is_named(speech: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        from_mapping(SynthesisConfig, {"speech": speech}, "mine.yaml")
