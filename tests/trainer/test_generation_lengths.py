"""How long a response may get: as its corpus says, or as published."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from token_datasets import VOCABULARY, made_dataset, make_sample, publish_samples

from omniforge.pipeline.samples import TokenSample
from omniforge.schemas.record import Kind
from omniforge.trainer.generation import lengths
from omniforge.trainer.generation.lengths import LengthFit, fit_lengths, response_length
from omniforge.trainer.generation.origin import describe, origin_of, read_origin


def test_a_corpus_whose_answers_grow_with_their_prompts_is_fitted_exactly(tmp_path: Path) -> None:
    fits = fit_lengths(made_dataset(tmp_path, {"tts": 40, "asr": 40}))
    # Prompt of n + 2 tokens, response of n + 1.
    for fit in fits.values():
        assert fit.per_prompt_token == pytest.approx(1.0)
        assert fit.base == pytest.approx(-1.0)
        assert fit.spread == pytest.approx(0.0, abs=1e-4)


def test_answers_that_do_not_grow_with_their_prompts_have_a_mean(tmp_path: Path) -> None:
    samples = [make_sample("vqa", number) for number in range(40)]
    longest = max(len(one.sample.ids) for one in samples)
    # The longer the prompt, the shorter the answer.
    falling = []
    for one in samples:
        length = len(one.sample.ids)
        answer = (length - 1 - (longest - length) // 4, length)
        falling.append(replace(one, sample=replace(one.sample, loss_spans=(answer,))))
    fits = fit_lengths(publish_samples(tmp_path, {"falling": falling}))
    assert fits["vqa"].per_prompt_token == 0
    assert fits["vqa"].spread > 0


@pytest.mark.parametrize("explained", [0.0, 0.8])
def test_the_order_in_which_a_corpus_is_added_up_changes_nothing(
    explained: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made_dataset(tmp_path, {"asr": 4})
    found = []
    for last in (0.0, 3e-13):
        row = {"base": 3.0, "slope": 0.5, "mean": 7.25, "deviation": 1.5, "explained": explained}
        again = {"task": "asr", **{name: value + last for name, value in row.items()}}
        monkeypatch.setattr(lengths, "rows", lambda connection, query, again=again: [again])
        found.append(fit_lengths(dataset))
    assert found[0] == found[1]


def test_a_corpus_with_one_length_is_its_mean(tmp_path: Path) -> None:
    fits = fit_lengths(made_dataset(tmp_path, {"tts": 1}))
    assert fits["tts"].per_prompt_token == 0
    assert fits["tts"].base > 1


def answered(number: int, kind: Kind, task: str = "vqa", answers: int = 1) -> TokenSample:
    """A sample of a record of a kind: an answer of 3 tokens, or several."""
    made = make_sample(task, number)
    ids = np.concatenate([made.sample.ids[:5]] * 12)[: 12 + 3 * answers]
    sample = replace(made.sample, ids=ids, spans=(), loss_spans=((12, len(ids)),))
    return replace(made, record=replace(made.record, kind=kind), sample=sample)


def test_conversations_do_not_make_single_answers_longer(tmp_path: Path) -> None:
    samples = [answered(number, "vqa") for number in range(5)] + [answered(10 + n, "chat", answers=9) for n in range(5)]
    fit = fit_lengths(publish_samples(tmp_path, {"both": samples}, with_records=True))["vqa"]
    assert (fit.base, fit.spread) == (3, 0)


def test_where_all_are_conversations_they_are_what_there_is(tmp_path: Path) -> None:
    samples = [answered(number, "chat", answers=9) for number in range(5)]
    assert fit_lengths(publish_samples(tmp_path, {"chats": samples}, with_records=True))["vqa"].base == 27


def test_chats_are_conversations_by_themselves(tmp_path: Path) -> None:
    samples = [answered(number, "chat", "chat", answers=2) for number in range(5)]
    assert fit_lengths(publish_samples(tmp_path, {"chats": samples}, with_records=True))["chat"].base == 6


def test_a_fit_leaves_room_for_the_pads_that_follow() -> None:
    assert LengthFit(base=3.0, per_prompt_token=0.5, spread=2.0).tokens(10) == 10 + 8
    assert LengthFit(base=-9.0, per_prompt_token=0.0, spread=0.0).tokens(10) == 1 + 8


def test_without_a_fit_lengths_are_the_published_ones() -> None:
    assert response_length("tts", 99, 10, {}).tokens == 35
    assert response_length("asr", 100, 0, {}).tokens == 20
    assert response_length("svqa", 100, 0, {}).tokens == 128


def test_a_description_reads_back_from_a_checkpoint(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path / "root", {"tts": 10})
    description = {**describe(dataset), "config": {"tokenize": {"heard": "discrete"}}}
    (tmp_path / "state.json").write_text(json.dumps({"dataset": description}))
    origin = read_origin(tmp_path)
    assert origin.vocabulary == VOCABULARY
    assert {task: asdict(fit) for task, fit in origin.lengths.items()} == description["lengths"]


def test_a_checkpoint_that_does_not_say_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--data"):
        read_origin(tmp_path)
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="--data"):
        read_origin(tmp_path)


def test_an_altered_vocabulary_is_refused(tmp_path: Path) -> None:
    description = {**describe(made_dataset(tmp_path, {"tts": 2})), "config": {"tokenize": {}}}
    description["vocabulary"] = {**description["vocabulary"], "text_size": 65}
    with pytest.raises(ValueError, match="its vocabulary is"):
        origin_of(description, "here")
