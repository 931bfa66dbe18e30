from dataclasses import replace

import pytest
import torch

from omniforge.trainer.batch import SpeechInput, TrainingSample, assemble
from omniforge.trainer.corruption import IGNORE, Corrupted

PAD = 61


def sample(length: int, task: int = 0, speech: tuple[SpeechInput, ...] = ()) -> TrainingSample:
    corrupted = Corrupted(
        input_ids=torch.full((length,), 60),
        labels=torch.arange(length),
        weights=torch.full((length,), 2.0),
        times=torch.full((length,), 0.5),
    )
    return TrainingSample(corrupted=corrupted, task=task, speech=speech)


def test_samples_lie_side_by_side_and_pads_fill_the_row() -> None:
    packed = assemble([[sample(2, task=3), sample(2, task=5)]], 5, PAD)
    assert packed.input_ids.tolist() == [[60, 60, 60, 60, PAD]]
    assert packed.positions.tolist() == [[0, 1, 0, 1, 0]]
    assert packed.document_ids.tolist() == [[0, 0, 1, 1, -1]]
    assert packed.tasks.tolist() == [[3, 3, 5, 5, 0]]
    assert packed.times.tolist() == [[0.5, 0.5, 0.5, 0.5, 0]]
    assert packed.audio is None


def test_the_first_token_of_a_sample_is_no_label() -> None:
    packed = assemble([[sample(2), sample(2)]], 5, PAD)
    assert packed.labels.tolist() == [[IGNORE, 1, IGNORE, 1, IGNORE]]
    assert packed.weights.tolist() == [[0, 2, 0, 2, 0]]


def test_a_row_that_is_too_short_is_named() -> None:
    with pytest.raises(ValueError, match="row 1"):
        assemble([[sample(3)], [sample(3), sample(3)]], 5, PAD)


def test_clips_know_the_row_and_columns_of_their_vectors() -> None:
    first, second = torch.ones(2, 560), torch.full((1, 560), 2.0)
    rows = [
        [sample(4), sample(8, speech=(SpeechInput(features=first, start=1),))],
        [sample(12, speech=(SpeechInput(features=second, start=3),))],
    ]
    audio = assemble(rows, 12, PAD).audio
    assert audio is not None
    assert audio.lengths.tolist() == [2, 1]
    assert audio.rows.tolist() == [0] * 6 + [1] * 5
    assert audio.columns.tolist() == [5, 6, 7, 8, 9, 10, 3, 4, 5, 6, 7]
    assert torch.equal(audio.features[0], first)
    assert torch.equal(audio.features[1], torch.cat((second, torch.zeros(1, 560))))


def test_a_clip_that_leaves_its_sample_is_refused() -> None:
    clip = SpeechInput(features=torch.ones(4, 560), start=1)
    with pytest.raises(ValueError, match="4 frames at position 1"):
        assemble([[sample(8, speech=(clip,))]], 12, PAD)


def test_a_batch_moves_with_its_speech() -> None:
    clip = SpeechInput(features=torch.ones(2, 560), start=1)
    packed = assemble([[sample(8, speech=(clip,))]], 12, PAD).to(torch.device("meta"))
    assert packed.input_ids.is_meta
    assert packed.audio is not None
    assert packed.audio.features.is_meta


def test_what_codes_show_lies_where_the_sample_lies() -> None:
    named = {"grounded": torch.tensor([1, 2]), "later": torch.tensor([0, 1]), "words": torch.tensor([[7, 8], [9, IGNORE]])}
    told = replace(sample(4), **named, grounding_weights=(3.0, 2.0))
    other = replace(sample(4), grounded=torch.tensor([0]), later=torch.tensor([0]), words=torch.tensor([[6]]))
    other = replace(other, grounding_weights=(1.0, 0.0))
    grounding = assemble([[other], [sample(3), told]], 8, PAD).grounding
    assert grounding is not None
    assert grounding.rows.tolist() == [0, 1, 1]
    assert grounding.columns.tolist() == [0, 4, 5]
    assert grounding.words.tolist() == [[6, IGNORE], [7, 8], [9, IGNORE]]
    assert grounding.weights.tolist() == [1, 3, 2]
    assert grounding.later.tolist() == [0, 0, 1]


def test_what_weighs_nothing_is_left_out() -> None:
    named = {"grounded": torch.tensor([1, 2]), "later": torch.tensor([0, 1]), "words": torch.tensor([[7, 8], [9, IGNORE]])}
    grounding = assemble([[replace(sample(4), **named, grounding_weights=(0.0, 2.0))]], 8, PAD).grounding
    assert grounding is not None
    assert grounding.columns.tolist() == [2]
