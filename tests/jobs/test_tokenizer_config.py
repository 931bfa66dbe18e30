import json
from pathlib import Path
from typing import Any

import pytest

from omniforge.jobs.cli import main
from omniforge.jobs.config import ConfigError
from omniforge.jobs.tokenizer_config import (
    CardConfig,
    ImageTraining,
    SpeechTraining,
    claim_output,
    trained,
    training_config,
)

SHIPPED = {"tokenizer_image.yaml": ImageTraining, "tokenizer_speech.yaml": SpeechTraining}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_configurations_say_which_tokenizer_they_train(name: str) -> None:
    config = training_config(name, ["output=here", "data=there"])
    assert isinstance(config, SHIPPED[name])
    assert (config.output, config.data) == ("here", "there")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_configurations_claim_nothing_of_weights_that_others_train(name: str) -> None:
    assert training_config(name, []).card == CardConfig()


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("tokenizer_image.yaml", "tokenizer=vqgan", "one of magvit2, glm4voice"),
        ("tokenizer_image.yaml", "size=40", "size=40 is not a multiple of 16"),
        ("tokenizer_image.yaml", "losses.entrpy=1", "did you mean losses.entropy"),
        ("tokenizer_image.yaml", "scenes_share=2", "share from 0 to 1"),
        ("tokenizer_image.yaml", "steps=0", "steps is 0"),
        ("tokenizer_speech.yaml", "codes.steps=0", "start=WEIGHTS"),
        ("tokenizer_speech.yaml", "voices=[]", "voices is empty"),
        ("tokenizer_speech.yaml", "codes.warmup=0", "warmup is 0"),
        ("tokenizer_speech.yaml", "vocoder.steps=-1", "steps is -1"),
        ("tokenizer_speech.yaml", "velocity.checkpoint_every=0", "checkpoint_every is 0"),
        ("tokenizer_speech.yaml", "utterances=0", "at least 1"),
    ],
)
def test_a_setting_that_cannot_be_is_a_usage_error(
    name: str, override: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ["start=null", override] if "steps" in override else [override]
    assert main(["tokenizer", "train", "--config", name, *overrides]) == 2
    assert message in capsys.readouterr().err


def test_codes_are_not_trained_without_what_decodes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenizer", "train", "--config", "tokenizer_speech.yaml", "condition.steps=0"]) == 2
    assert "nothing would decode the new codes" in capsys.readouterr().err


def test_stages_may_be_left_out_where_there_are_weights_to_start_with() -> None:
    config = training_config("tokenizer_speech.yaml", ["start=embedded", "codes.steps=0"])
    assert isinstance(config, SpeechTraining)
    assert config.codes.steps == 0


def _claim(folder: Path, *overrides: str, made_with: dict[str, Any] | None = None, **data: Any) -> None:
    claim_output(folder, "magvit2", trained(training_config("tokenizer_image.yaml", overrides), data, made_with or {}))


def test_the_record_beside_the_weights_holds_settings_and_no_paths(tmp_path: Path) -> None:
    overrides = ("output=/a/b", "data=/c/pictures", "start=/d/before", "losses.perceptual_network=/e/network.pt")
    _claim(tmp_path, *overrides, pictures=3)
    text = (tmp_path / "magvit2_training.json").read_text()
    record = json.loads(text)
    assert record["settings"]["data"] == "pictures"
    assert record["settings"]["start"] == "before"
    assert record["settings"]["losses"]["perceptual_network"] == "network.pt"
    assert record["data"] == {"pictures": 3}
    assert not any(part in text for part in ("/a", "/c", "/d", "/e"))


def test_the_same_training_may_go_on_elsewhere_and_one_on_other_data_may_not(tmp_path: Path) -> None:
    _claim(tmp_path, "data=/c/pictures", fingerprint="one")
    _claim(tmp_path, "data=/moved/photographs", "start=/moved/weights", fingerprint="one")
    with pytest.raises(ConfigError, match=r"fingerprint \('one' there, 'two' here\)"):
        _claim(tmp_path, "data=/c/pictures", fingerprint="two")
    with pytest.raises(ConfigError, match=r"losses.entropy \(0.02 there, 0.5 here\)"):
        _claim(tmp_path, "data=/c/pictures", "losses.entropy=0.5", fingerprint="one")


@pytest.mark.parametrize("what", ["start", "perceptual_network", "precision"])
def test_a_training_does_not_go_on_from_other_contents_under_the_same_name(tmp_path: Path, what: str) -> None:
    _claim(tmp_path, made_with={what: "one"})
    with pytest.raises(ConfigError, match=rf"differs in {what} \('one' there, 'two' here\)"):
        _claim(tmp_path, made_with={what: "two"})


@pytest.mark.parametrize("checkpoint", ["checkpoint.pt", "checkpoints/codes.pt"])
def test_a_checkpoint_without_a_record_is_refused(tmp_path: Path, checkpoint: str) -> None:
    (tmp_path / checkpoint).parent.mkdir(exist_ok=True)
    (tmp_path / checkpoint).touch()
    with pytest.raises(ConfigError, match=rf"holds {checkpoint} and no magvit2_training.json.*Give another output, or remove"):
        _claim(tmp_path)
