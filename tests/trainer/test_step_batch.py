from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from token_datasets import VOCABULARY, made_dataset, make_sample, publish_samples

from omniforge.pipeline.reference import Dataset
from omniforge.tokenizers.chat import Sample, Span
from omniforge.trainer.corruption import IGNORE
from omniforge.trainer.loader import Loader, LoaderConfig, Position
from omniforge.trainer.step_batch import BatchConfig, StepBatch, step_batches

FOUR = BatchConfig(rows=4, micro_rows=4)


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    torch.set_num_threads(1)
    return made(made_dataset(tmp_path_factory.mktemp("made"), {"t2i": 30, "caption": 30}))


def made(dataset: Dataset) -> Loader:
    return Loader(dataset=dataset, weights=None, config=LoaderConfig(sequence_length=128, window_samples=25), seed=3)


def steps(loader: Loader, config: BatchConfig, count: int, position: Position | None = None) -> list[StepBatch]:
    return list(islice(step_batches(loader, config, position or Position()), count))


def rows_of(step: StepBatch) -> torch.Tensor:
    return torch.cat([micro.input_ids for micro in step.micro])


def test_noise_does_not_depend_on_accumulation(loader: Loader) -> None:
    for one, other in zip(steps(loader, FOUR, 5), steps(loader, replace(FOUR, micro_rows=1), 5), strict=True):
        assert len(other.micro) == 4
        assert torch.equal(rows_of(one), rows_of(other))


def test_noise_does_not_depend_on_the_number_of_processes(loader: Loader) -> None:
    config = replace(FOUR, micro_rows=1)
    alone = steps(loader, config, 5)
    pair = [list(islice(step_batches(loader, config, Position(), rank, 2), 5)) for rank in range(2)]
    for step, first, second in zip(alone, *pair, strict=True):
        assert torch.equal(rows_of(step)[0::2], rows_of(first))
        assert torch.equal(rows_of(step)[1::2], rows_of(second))
        assert step.position == first.position == second.position


def test_noise_after_going_on_is_what_it_would_have_been(loader: Loader) -> None:
    straight = steps(loader, FOUR, 8)
    resumed = steps(loader, FOUR, 4, straight[3].position)
    assert all(torch.equal(rows_of(one), rows_of(other)) for one, other in zip(straight[4:], resumed, strict=True))


def test_a_sample_drawn_again_gets_other_noise(tmp_path: Path) -> None:
    alone = made(publish_samples(tmp_path, {"one": [make_sample("t2i", 3)]}))
    drawn = steps(alone, BatchConfig(rows=1, micro_rows=1), 6)
    assert len({step.keys for step in drawn}) == 1
    assert len({tuple(rows_of(step)[0].tolist()) for step in drawn}) == 6


def test_labels_are_the_masked_tokens_of_the_answer_and_the_tail(loader: Loader) -> None:
    (step,) = steps(loader, FOUR, 1)
    batch = step.micro[0]
    masked = batch.input_ids == VOCABULARY.mask
    masked[:, 0] = False
    assert torch.equal(batch.labels != IGNORE, masked)
    assert (batch.labels == VOCABULARY.pad).any()
    assert not (batch.labels == VOCABULARY.im_start).any()


def test_a_step_counts_its_tokens_without_row_padding(loader: Loader) -> None:
    (step,) = steps(loader, FOUR, 1)
    assert step.capacity == 4 * 128
    assert step.tokens == int((step.micro[0].document_ids >= 0).sum())


def test_rows_that_do_not_come_out_even_are_an_error(loader: Loader) -> None:
    with pytest.raises(ValueError, match="no multiple of 3 processes"):
        next(step_batches(loader, FOUR, Position(), 0, 3))


def test_continuous_speech_comes_as_clips_at_their_places(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(3, 560)).astype(np.float32)
    samples = []
    for number in range(4):
        plain = make_sample("asr", number)
        answer = plain.sample.ids[-4:]
        heard = np.full(7, VOCABULARY.context_of_audio, np.uint32)
        ids = np.concatenate(([VOCABULARY.im_start], heard, answer)).astype(np.uint32)
        sample = Sample(ids=ids, spans=(Span("speech", "user", 1, 8, 0, True),), loss_spans=((8, len(ids)),))
        samples.append(replace(plain, sample=sample, features=(frames + number,)))
    (step,) = steps(made(publish_samples(tmp_path, {"spoken": samples})), BatchConfig(rows=1, micro_rows=1), 1)
    batch = step.micro[0]
    assert batch.audio is not None
    assert batch.audio.lengths.tolist() == [3] * 4
    assert (batch.input_ids[batch.audio.rows, batch.audio.columns] == VOCABULARY.context_of_audio).all()
    first = int(step.keys[0].split("-")[1])
    torch.testing.assert_close(batch.audio.features[0], torch.from_numpy(frames + first), atol=2e-3, rtol=2e-3)


def test_codes_weigh_what_the_configuration_says_and_words_one(tmp_path: Path) -> None:
    loader = made(made_dataset(tmp_path, {"t2i": 6, "caption": 6, "tts": 6}))
    plain, weighed = (
        step.micro[0]
        for config in (FOUR, replace(FOUR, image_weight=0.25, speech_weight=0.5))
        for step in steps(loader, config, 1)
    )
    factors = weighed.weights[plain.labels != IGNORE] / plain.weights[plain.labels != IGNORE]
    labels = plain.labels[plain.labels != IGNORE]
    image, speech = ((labels >= ids.start) & (labels < ids.stop) for ids in (VOCABULARY.image, VOCABULARY.speech))
    assert all(kind.any() for kind in (image, speech, ~image & ~speech))
    assert torch.equal(factors, torch.where(image, 0.25, torch.where(speech, 0.5, 1.0)))


@pytest.mark.parametrize("wrong", [{"image_weight": 0.0}, {"speech_weight": -1.0}])
def test_weights_that_teach_nothing_are_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="have to be above 0"):
        BatchConfig(**wrong)  # type: ignore[arg-type]


def test_a_share_of_the_samples_is_masked_throughout_and_the_others_are_spread_evenly(loader: Loader) -> None:
    (step,) = steps(loader, replace(FOUR, fully_masked=0.4), 1)
    levels = []
    for micro in step.micro:
        for ids, times, documents in zip(micro.input_ids, micro.times, micro.document_ids, strict=True):
            for document in range(int(documents.max()) + 1):
                here = (documents == document) & (times > 0)
                levels.append(float(times[here].max()))
                if levels[-1] == 1:
                    assert set(ids[here].tolist()) == {loader.vocabulary.mask}
    levels.sort()
    full = levels.count(1.0)
    assert full == pytest.approx(0.4 * len(levels), abs=1)
    spread = torch.tensor(levels[: len(levels) - full])
    torch.testing.assert_close(spread, (torch.arange(len(spread)) + 0.5) / len(spread), atol=1.5 / len(spread), rtol=0)


def test_all_samples_can_be_masked_throughout(loader: Loader) -> None:
    (step,) = steps(loader, replace(FOUR, fully_masked=1.0), 1)
    assert {float(time) for micro in step.micro for time in micro.times.unique()} == {0.0, 1.0}


def test_where_all_is_masked_no_pad_of_the_tail_is_left_to_see(loader: Loader) -> None:
    (step,) = steps(loader, replace(FOUR, fully_masked=1.0), 1)
    tails = torch.cat([(micro.input_ids == loader.vocabulary.pad) & (micro.times > 0) for micro in step.micro])
    assert not tails.any()


def test_the_reference_objective_knows_no_samples_that_are_masked_throughout(loader: Loader) -> None:
    reference = replace(FOUR, objective="reference")
    (usual,), (asked,) = steps(loader, reference, 1), steps(loader, replace(reference, fully_masked=1.0), 1)
    assert torch.equal(rows_of(usual), rows_of(asked))


def test_equal_weights_mask_the_same_and_let_every_label_count_alike(loader: Loader) -> None:
    (usual,), (equal,) = steps(loader, FOUR, 1), steps(loader, replace(FOUR, equal_weights=True), 1)
    assert torch.equal(rows_of(usual), rows_of(equal))
    weights = torch.cat([micro.weights for micro in equal.micro])
    labels = torch.cat([micro.labels for micro in equal.micro])
    assert torch.equal(weights, (labels != IGNORE).float())
    assert not torch.equal(weights, torch.cat([micro.weights for micro in usual.micro]))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_out_of_range_says_so(share: float) -> None:
    with pytest.raises(ValueError, match="fully_masked is"):
        BatchConfig(fully_masked=share)
