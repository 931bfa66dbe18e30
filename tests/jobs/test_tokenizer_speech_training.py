"""The training speech: same seed, same speech; voices are aligned; a whole tiny training loads again."""

import itertools
import json

import numpy as np
import pytest
import torch

from omniforge.jobs.config import from_mapping
from omniforge.jobs.tokenizer_config import SpeechTraining
from omniforge.jobs.tokenizer_held_out import held_out_text
from omniforge.jobs.tokenizer_speech_sentences import read_texts, sentences
from omniforge.jobs.tokenizer_speech_training import (
    Speaker,
    synthetic_examples,
    train_speech_tokenizer,
)
from omniforge.tokenizers.glm4voice.files import CONFIG_NAME, EMBEDDED, find_files
from omniforge.tokenizers.glm4voice.mel import output_mel
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer

torch.set_num_threads(1)
STAGES = ("heads", "codes", "condition", "velocity", "vocoder")


def training(**settings):
    stages = {name: {"steps": settings.pop(name, 1), "learning_rate": 1e-4} for name in STAGES}
    return from_mapping(
        SpeechTraining, {"tokenizer": "glm4voice", "output": "", "utterances": 2, **stages, **settings}, "training"
    )


@pytest.fixture(scope="module")
def speaker():
    return Speaker()


def test_sentences_are_the_same_for_the_same_seed_and_mix_in_the_texts():
    texts = ["a given text"]
    first, again = (list(itertools.islice(sentences(texts, 3), 50)) for _ in range(2))
    assert first == again
    assert texts[0] in first
    assert len(set(first)) > 20


def test_texts_are_read_from_captions_tables_and_lines_and_damage_is_passed_over(tmp_path):
    (tmp_path / "captions.json").write_text('{"annotations": [{"id": 1, "caption": "A dog runs."}]}')
    (tmp_path / "broken.json").write_text('{"caption": "never')
    (tmp_path / "prompts.tsv").write_text("Prompt\tCategory\na red cube\tx\n")
    (tmp_path / "lines.txt").write_text("Two words. Too many $ signs\nsingle\n")
    assert read_texts(str(tmp_path)) == ["A dog runs.", "Two words.", "a red cube"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        read_texts(str(tmp_path / "absent"))


def test_another_voice_says_the_same_at_the_same_moments(speaker):
    example = speaker.example("How many red circles are there?", 0.8, 1.0, 0)
    assert len(example.wanted) / 22050 == pytest.approx(0.8 * len(example.heard) / 16000, rel=1e-3)
    aligned = output_mel(torch.from_numpy(example.wanted)[None], 80, hop=256 * example.stretch, frames=80)
    heard = torch.from_numpy(example.heard)[None]
    loudness = heard.unfold(1, 512, 186)[0].square().mean(1)[:80].log()
    correlation = np.corrcoef(aligned[0].mean(0)[: len(loudness)], loudness)[0, 1]
    assert correlation > 0.8


def test_the_same_seed_speaks_the_same(speaker):
    first, again = (list(synthetic_examples(speaker, [], training(utterances=3, seed=5))) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.heard, other.heard)
        assert one.symbols == other.symbols


def test_only_the_voices_that_are_asked_for_speak(speaker):
    examples = synthetic_examples(speaker, [], training(utterances=4, voices=(1.1,), changed_share=1.0))
    assert {example.stretch for example in examples} == {1.1}


def test_generated_sentences_that_are_left_for_evaluation_are_not_trained_on():
    drawn, kept = (set(itertools.islice(sentences([], 3, held_out=wanted), 200)) for wanted in (False, True))
    assert not any(map(held_out_text, drawn))
    assert all(map(held_out_text, kept))


def test_what_has_no_steps_stays_as_it_was_and_the_rest_goes_on_from_there(tmp_path):
    stages = {"codes": 0, "condition": 0, "velocity": 0, "vocoder": 1}
    train_speech_tokenizer(training(output=str(tmp_path), start="embedded", **stages))
    before, after = find_files("embedded"), find_files(str(tmp_path))
    assert all(torch.equal(after.tokenizer[name], tensor) for name, tensor in before.tokenizer.items())
    assert all(torch.equal(after.flow[name], tensor) for name, tensor in before.flow.items())
    assert all(torch.allclose(after.hift[name], tensor, atol=0.01) for name, tensor in before.hift.items())
    assert not all(torch.equal(after.hift[name], tensor) for name, tensor in before.hift.items())


def test_codes_that_go_on_keep_their_rows_at_first(tmp_path):
    train_speech_tokenizer(training(output=str(tmp_path), start="embedded", codes=1, velocity=0, vocoder=0))
    before, after = find_files("embedded").tokenizer, find_files(str(tmp_path)).tokenizer
    moved = (after["codebook.weight"].float() - before["codebook.weight"].float()).norm(dim=1)
    assert (moved > 0).sum() > 0
    assert (moved < 0.5 * before["codebook.weight"].float().norm(dim=1)).float().mean() > 0.9


def test_a_whole_training_from_nothing_loads(tmp_path):
    train_speech_tokenizer(training(output=str(tmp_path)))
    assert SpeechTokenizer.load(str(tmp_path)).codebook_size == 2048
    record = json.loads((tmp_path / "glm4voice_training.json").read_text())
    assert record["settings"]["codes"]["steps"] == 1


def own_weights(folder, change):
    """Lay out the embedded weights with a changed configuration."""
    folder.mkdir()
    for path in EMBEDDED.glob("glm4voice*.safetensors"):
        (folder / path.name).symlink_to(path)
    content = json.loads((EMBEDDED / CONFIG_NAME).read_text())
    change(content)
    (folder / CONFIG_NAME).write_text(json.dumps(content))
    return str(folder)


def more_steps(content):
    content["steps"] = 10


def other_heads(content):
    content["tokenizer"]["encoder_attention_heads"] = 8


@pytest.mark.parametrize(
    ("change", "message"),
    [(more_steps, r"steps \(10, trained is 4\)"), (other_heads, r"tokenizer.encoder_attention_heads \(8, trained is 4\)")],
)
def test_weights_of_another_configuration_with_the_same_shapes_are_no_start(tmp_path, change, message):
    start = own_weights(tmp_path / "start", change)
    with pytest.raises(ValueError, match=message):
        train_speech_tokenizer(training(output=str(tmp_path / "output"), start=start))
    assert not (tmp_path / "output").exists()


def test_a_start_that_is_not_there_does_not_take_the_folder(tmp_path):
    with pytest.raises(ValueError, match="embeded"):
        train_speech_tokenizer(training(output=str(tmp_path / "output"), start="embeded"))
    assert not (tmp_path / "output").exists()


def test_heads_are_fitted_only_where_codes_go_on(tmp_path):
    for name, settings in (("fresh", {}), ("on", {"start": "embedded", "velocity": 0, "vocoder": 0})):
        train_speech_tokenizer(training(output=str(tmp_path / name), **settings))
    assert not (tmp_path / "fresh" / "checkpoints" / "heads.pt").exists()
    assert torch.load(tmp_path / "on" / "checkpoints" / "heads.pt", weights_only=True)["step"] == 1
