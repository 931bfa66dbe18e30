"""The engine on a tiny VITS that is made and saved here; nothing is downloaded."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.tts.registry import load_engine
from omniforge.synth.tts.transformers_engine import TransformersEngine
from omniforge.synth.voices import Voice

TEXT = "a red bus stops at the corner"


def voice(speaker: str = "1", **numbers: float) -> Voice:
    return Voice(name=f"v{speaker}", engine="transformers", speaker=speaker, **numbers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VITS of two speakers with random weights and a vocabulary of letters."""
    from transformers import VitsConfig, VitsModel, VitsTokenizer  # behind the engine, which mends torchaudio first

    path = tmp_path_factory.mktemp("vits")
    letters = ["<pad>", *"abcdefghijklmnopqrstuvwxyz '", "<unk>"]
    (path / "letters.json").write_text(json.dumps({letter: place for place, letter in enumerate(letters)}))
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, flow_size=16,
        spectrogram_bins=9, upsample_initial_channel=16, upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], prior_encoder_num_flows=1,
        posterior_encoder_num_wavenet_layers=1, prior_encoder_num_wavenet_layers=1, depth_separable_num_layers=1,
        duration_predictor_flow_bins=4, duration_predictor_num_flows=1, num_speakers=2, speaker_embedding_size=8,
        sampling_rate=16000,
    )  # fmt: skip
    VitsModel(config).save_pretrained(path)
    VitsTokenizer(str(path / "letters.json"), phonemize=False).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def engine(folder: Path) -> TransformersEngine:
    return TransformersEngine(str(folder))


def digest(engine: TransformersEngine) -> str:
    return hashlib.sha256(engine.speak(TEXT, voice(), 7).samples.tobytes()).hexdigest()


def test_a_model_is_loaded_by_the_name_of_its_folder(folder: Path) -> None:
    wave = load_engine("transformers", {"model": str(folder)}).speak(TEXT, voice(), 1)
    assert wave.rate == 16000
    assert wave.seconds > 0.05


def test_another_process_says_the_same_and_has_the_same_fingerprint(engine: TransformersEngine, folder: Path) -> None:
    script = f"""
import hashlib, torch
from omniforge.synth.tts.transformers_engine import TransformersEngine
from omniforge.synth.voices import Voice
engine = TransformersEngine({str(folder)!r})
voice = Voice(name="v1", engine="transformers", speaker="1")
torch.manual_seed(5)
engine.speak("something else", voice, 3)
print(hashlib.sha256(engine.speak({TEXT!r}, voice, 7).samples.tobytes()).hexdigest(), engine.fingerprint, sep="|")
"""
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert there == f"{digest(engine)}|{engine.fingerprint}"


@pytest.mark.parametrize("file", ["vocab.json", "generation_config.json"])
def test_other_letters_or_settings_beside_the_same_weights_are_another_fingerprint(
    engine: TransformersEngine, folder: Path, tmp_path: Path, file: str
) -> None:
    shutil.copytree(folder, tmp_path / "same")
    shutil.copytree(folder, tmp_path / "other")
    changed = tmp_path / "other" / file
    settings = json.loads(changed.read_text()) if changed.exists() else {"temperature": 0.5, "do_sample": True}
    if file == "vocab.json":
        settings["a"], settings["b"] = settings["b"], settings["a"]
    changed.write_text(json.dumps(settings))
    same, other = (TransformersEngine(str(tmp_path / name)).fingerprint for name in ("same", "other"))
    assert same == engine.fingerprint != other
    assert " on cpu " in same


def test_speaking_leaves_the_generator_of_the_process_alone(engine: TransformersEngine) -> None:
    before = torch.random.get_rng_state()
    engine.speak(TEXT, voice(), 7)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seed_and_speaker_change_the_samples(engine: TransformersEngine) -> None:
    first, seed, speaker = (engine.speak(TEXT, v, s).samples for v, s in ((voice(), 1), (voice(), 2), (voice("0"), 1)))
    assert first.size != seed.size or not np.array_equal(first, seed)
    assert first.size != speaker.size or not np.array_equal(first, speaker)


def test_a_faster_voice_is_shorter(engine: TransformersEngine) -> None:
    assert engine.speak(TEXT, voice(rate=0.5), 1).seconds > 1.4 * engine.speak(TEXT, voice(rate=2.0), 1).seconds


def test_a_model_on_a_cpu_runs_on_one_thread(folder: Path) -> None:
    torch.set_num_threads(2)
    TransformersEngine(str(folder))
    assert torch.get_num_threads() == 1


def test_a_want_of_memory_may_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(str(folder))

    def exhausted(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._model._vits, "forward", exhausted)
    with pytest.raises(SpeechError, match="no memory for 'a red bus") as caught:
        engine.speak(TEXT, voice(), 1)
    assert caught.value.retryable


def test_nothing_to_say_is_an_empty_waveform(engine: TransformersEngine) -> None:
    assert engine.speak("", voice(), 1).samples.size == 0


@pytest.mark.parametrize("speaker", ["2", "alice", "-1"])
def test_a_speaker_the_model_does_not_have_is_refused(engine: TransformersEngine, speaker: str) -> None:
    with pytest.raises(ValueError, match=f"has the speakers 0 to 1, not '{speaker}'"):
        engine.speak(TEXT, voice(speaker), 1)


def test_a_published_name_without_a_network_says_which_model_and_what_to_do() -> None:
    script = """
from omniforge.synth.tts.registry import load_engine
try:
    load_engine("transformers", {"model": "facebook/mms-tts-eng"})
except ValueError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
    assert run.stdout.startswith("speech model 'facebook/mms-tts-eng' cannot be loaded")
    assert "hf download facebook/mms-tts-eng" in run.stdout
    assert run.stdout.count("\n") == 1


def test_a_model_that_does_not_speak_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ValueError, match="is of the kind 'bert'; those known are"):
        TransformersEngine(str(tmp_path))
