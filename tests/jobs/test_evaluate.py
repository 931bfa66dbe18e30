"""`omniforge evaluate`: a checkpoint in, the same figures out at every call; voices in groups."""

import argparse
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evaluation_oracle import Oracle, bench
from safetensors.torch import load_file, save_file
from tiny_checkpoint import save_checkpoint, save_tokenizers
from token_datasets import commit_unit, made_dataset, make_sample

from omniforge.jobs import evaluate
from omniforge.jobs.cli import main
from omniforge.jobs.config import ConfigError
from omniforge.jobs.evaluation_speech import speech_tools, training_speech, voice_groups, write_speech
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.storage import open_store
from omniforge.synth.config import SynthConfig
from omniforge.synth.voices import EMBEDDED_VOICES, FLITE_VOICES, Voice
from omniforge.trainer.evaluate.bench import SpeechTools
from omniforge.trainer.evaluate.scores import figures
from omniforge.trainer.evaluate.speech_tasks import say_sentences, transcribe_sentences

TASKS = "vqa,caption,t2i,t2i-steps-2"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint = save_checkpoint(folder / "checkpoint", save_tokenizers(folder / "tokenizers"))
    state = json.loads((checkpoint / "state.json").read_text())
    # Short responses: 4 tokens of words or speech, and 16 codes a picture.
    fit = {"base": 4, "per_prompt_token": 0, "spread": 0}
    state["dataset"]["lengths"] = dict.fromkeys(("vqa", "caption", "asr", "tts", "svqa"), fit)
    state["dataset"]["config"]["tokenize"]["generation"] = 64
    (checkpoint / "state.json").write_text(json.dumps(state))
    return checkpoint


@pytest.fixture(scope="module")
def tools() -> SpeechTools:
    return speech_tools({"known voices": EMBEDDED_VOICES})


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    evaluate.register(parser.add_subparsers())
    options = parser.parse_args(["evaluate", *arguments])
    return int(options.run(options))


def test_an_evaluation_run_twice_gives_the_same_files(checkpoint: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        arguments = ["--suite", "scenes", "--samples", "2", "--steps", "2,3", "--tasks", TASKS, "--batch", "4"]
        assert run(str(checkpoint), *arguments, "--output", str(tmp_path / name)) == 0
    one, other = ({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()} for name in ("one", "other"))
    assert one == other
    assert {"evaluation.json", "evaluation.md", "facts.json", "vqa.json", "steps-pictures.svg"} <= set(one)
    summary = json.loads(one["evaluation.json"])
    assert set(summary["tasks"]) == set(TASKS.split(","))
    assert {"checkpoint", "tokenizers", "samples", "seed", "first scene", "speech", "environment"} <= set(summary["facts"])
    assert {"scenes", "sentences", "code", "voices of the training"} <= set(summary["facts"])
    assert summary["tasks"]["t2i"]["figures"]["rendered"]["all"]["value"] == 1.0


def test_speech_goes_through_model_tokenizer_and_recogniser(checkpoint: Path, tmp_path: Path) -> None:
    command = [str(checkpoint), "--suite", "scenes", "--samples", "1", "--steps", "2"]
    assert run(*command, "--tasks", "asr,svqa,s2i,tts-steps-2", "--output", str(tmp_path)) == 0
    tasks = json.loads((tmp_path / "evaluation.json").read_text())["tasks"]
    assert set(tasks["asr"]["figures"]) == {"model", "another sentence", "recogniser", "recogniser, after the tokenizer"}
    assert tasks["asr"]["figures"]["recogniser"]["WER"]["value"] < 0.5
    assert set(tasks["svqa"]["figures"]) == {"model", "majority answer", "any object, blindly", "answer as heard"}


def test_another_checkpoint_may_not_go_on_in_the_same_folder(checkpoint: Path, tmp_path: Path) -> None:
    command = ["--suite", "scenes", "--tasks", "judge", "--output", str(tmp_path / "out"), "--samples", "1"]
    run(str(checkpoint), *command)
    other = shutil.copytree(checkpoint, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights[min(weights)][..., 0] += 0.01
    save_file(weights, other / "model.safetensors")
    with pytest.raises(ValueError, match="with other checkpoint; give another --output"):
        run(str(other), *command)


def test_the_threads_of_the_machine_do_not_count(checkpoint: Path, tmp_path: Path) -> None:
    torch.set_num_threads(2)
    run(str(checkpoint), "--suite", "scenes", "--tasks", "judge", "--output", str(tmp_path), "--samples", "1")
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert (facts["device"], facts["threads"], torch.get_num_threads()) == ("cpu", 1, 1)


def test_other_samples_may_not_go_on_in_the_same_folder(checkpoint: Path, tmp_path: Path) -> None:
    command = [str(checkpoint), "--suite", "scenes", "--tasks", "judge", "--output", str(tmp_path)]
    run(*command, "--samples", "1")
    with pytest.raises(ValueError, match="other samples"):
        run(*command, "--samples", "2")


def test_a_perfect_speaker_and_listener_is_nearly_so_by_the_real_recogniser(tools: SpeechTools) -> None:
    """The oracle says by the real engine what it is asked to say; its ears know what the engine said."""
    speak = tools.voices["known voices"]
    oracle = Oracle(3)
    oracle.speech.speak = speak
    sounds: dict[bytes, str] = {}

    def remembered(text: str, key: str) -> np.ndarray:
        sound = speak(text, key)
        sounds[sound.tobytes()] = text
        return sound

    oracle.speech.transcribe = lambda sound: sounds[sound.tobytes()]
    with_ears = replace(bench(oracle), speech=replace(tools, voices={"known voices": remembered}))
    said = figures(say_sentences(with_ears, steps=None, voices="known voices"), 0)
    written = figures(transcribe_sentences(with_ears, voices="known voices"), 0)
    assert said["model"]["WER"].value < 0.15
    assert said["recogniser, after the tokenizer"]["WER"].value < 0.15
    assert written["model"]["WER"].value == 0.0
    assert written["recogniser"]["WER"].value < 0.15


def test_speech_depends_on_text_and_key_alone(tools: SpeechTools) -> None:
    speak = tools.voices["known voices"]
    once = speak("A red star.", "1 sentence")
    speak("Something else.", "2 sentence")
    assert np.array_equal(once, speak("A red star.", "1 sentence"))
    assert once.shape != speak("A red star.", "3 sentence").shape


def test_the_voices_of_the_training_are_those_of_its_synthesis(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    entry = commit_unit(store, "made", [make_sample("t2i", 1)])
    table = (*EMBEDDED_VOICES[:3], *FLITE_VOICES[:2])
    config = {"synth": {"speech": {**asdict(SynthConfig(voices=table, engines={"flite": {"program": "flite"}}))}}}
    common: dict[str, Any] = {"layer": "tokens", "entries": {entry.unit: entry}, "code_version": "0", "models": {}}
    spoken = publish(store, name="made-sdvi", config=json.loads(json.dumps(config)), inputs=(), **common)
    publish(store, name="model", config={}, inputs=(f"made-sdvi@sha256:{spoken.content_sha256}",), **common)
    given = tmp_path / "given"
    assert write_speech(f"{tmp_path}/model@latest", given)
    # From the data, and where that is gone from what lies beside the weights.
    for reference, folder in ((f"{tmp_path}/model@latest", tmp_path), (f"{tmp_path}/gone@v1", given)):
        speech, told = training_speech(reference, folder)
        assert speech.voices == table
        assert speech.engines == {"flite": {"program": "flite"}}
        assert told == f"recorded by made-sdvi@sha256:{spoken.content_sha256[:16]}"


def test_voices_that_nobody_recorded_are_assumed_and_that_is_said(tmp_path: Path) -> None:
    tokens = made_dataset(tmp_path, {"t2i": 1})
    for reference, why in ((tokens.reference, "records no synthesis"), (f"{tmp_path}/gone@v1", "cannot be read")):
        speech, told = training_speech(reference, tmp_path)
        assert speech.voices == EMBEDDED_VOICES
        assert "assumed" in told
        assert why in told


def test_voices_are_grouped_by_what_training_knows_of_them() -> None:
    known = Voice(name="a", engine="one", speaker="x")
    new = replace(known, name="b", held_out=True)
    strange = Voice(name="c", engine="other", speaker="y", held_out=True)
    assert voice_groups((strange, new, known)) == {
        "known voices": (known,),
        "held-out voices": (new,),
        "held-out engine": (strange,),
    }
    assert voice_groups((known,)) == {"known voices": (known,)}
    asked = replace(known, name="d", tasks=("svqa", "recited"))
    assert voice_groups((known, asked, replace(known, name="e", tasks=("recited",)))) == {"known voices": (known, asked)}
    with pytest.raises(ValueError, match="all 2 are held out"):
        voice_groups((new, strange))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "scene"], "no suite 'scene'; there are scenes"),
        (["--suite", "scenes", "--steps", "four"], "whole numbers"),
        (["--suite", "scenes", "--steps", "0"], "at least 1"),
        (["--suite", "scenes", "--tasks", "vga"], "no task 'vga'"),
    ],
)
def test_wrong_usage_says_what_is_right(checkpoint: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(str(checkpoint), *arguments)


def test_a_folder_without_a_checkpoint_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path), "--suite", "scenes", "--output", str(tmp_path / "out")]) == 1
    assert "no state.json" in capsys.readouterr().err
