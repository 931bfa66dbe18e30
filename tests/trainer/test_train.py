import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import training
from tiny_checkpoint import save_tokenizers
from token_datasets import VOCABULARY, grounded, made_dataset, make_sample, publish_samples
from torch import Tensor
from training import losses, metrics, same_bits, tiny, weights, write_config

from omniforge.pipeline.reference import open_dataset
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer
from omniforge.trainer.checkpoint import CheckpointError, checkpoints, read_state
from omniforge.trainer.config import ModelConfig, TrainConfig
from omniforge.trainer.model import source
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.export import export
from omniforge.trainer.model.nearness import begin_near
from omniforge.trainer.model.quietness import begin_quiet
from omniforge.trainer.stages import Stage
from omniforge.trainer.train import first_weights, stage_folder, train

ALL_TASKS = {"t2i": 1.0, "caption": 1.0, "asr": 1.0, "svqa": 1.0}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("made")
    return made_dataset(root, {"t2i": 50, "caption": 40, "asr": 7, "svqa": 20}, held_out=3).reference


@pytest.fixture(scope="module")
def whole(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of an undisturbed run in one process."""
    return train(tiny(data, tmp_path_factory.mktemp("whole")))


@pytest.fixture(scope="module")
def pair(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of the same run in two processes."""
    output = tmp_path_factory.mktemp("pair")
    config = write_config(tiny(data, output), output / "config.json")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [*command, training.__file__, str(config)], env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return checkpoints(output / "stage-1")[-1]


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], atol=2e-5, rtol=1e-4, msg=name)


def rewound(run: Path, output: Path) -> Path:
    """A copy of a run as it was at the checkpoint before the last."""
    shutil.copytree(run.parent, output / run.parent.name)
    shutil.rmtree(output / run.parent.name / run.name)
    return output


def test_two_processes_train_what_one_trains(whole: Path, pair: Path) -> None:
    assert_close(weights(pair), weights(whole))
    assert losses(pair) == pytest.approx(losses(whole), abs=1e-4)
    assert read_state(pair) == read_state(whole)


def test_a_compiled_run_trains_the_weights_of_one_that_is_not(data: str, whole: Path, tmp_path: Path) -> None:
    compiled = train(tiny(data, tmp_path, compile=True))
    assert_close(weights(compiled), weights(whole))
    assert losses(compiled) == pytest.approx(losses(whole), abs=1e-4)


def test_a_run_of_two_processes_goes_on_in_one_with_the_same_data(data: str, whole: Path, pair: Path, tmp_path: Path) -> None:
    alone = train(tiny(data, rewound(pair, tmp_path)))
    assert_close(weights(alone), weights(whole))
    assert losses(alone) == pytest.approx(losses(whole), abs=1e-4)
    assert read_state(alone) == read_state(whole)


def test_a_run_that_goes_on_ends_with_the_bits_of_one_that_never_stopped(data: str, whole: Path, tmp_path: Path) -> None:
    resumed = train(tiny(data, rewound(whole, tmp_path)))
    assert same_bits(resumed, whole)
    assert losses(resumed) == losses(whole)
    assert [line["step"] for line in metrics(resumed)] == list(range(13))


def test_accumulation_is_a_larger_batch(data: str, whole: Path, tmp_path: Path) -> None:
    at_once = train(tiny(data, tmp_path, batch={"rows": 4, "micro_rows": 4}))
    assert_close(weights(at_once), weights(whole))
    assert losses(at_once) == pytest.approx(losses(whole), abs=1e-4)


def test_a_finished_run_is_left_as_it_is(data: str, whole: Path) -> None:
    before = (whole / "state.json").stat().st_mtime_ns
    assert train(tiny(data, whole.parents[1])) == whole
    assert (whole / "state.json").stat().st_mtime_ns == before


def test_a_stage_begins_with_the_weights_of_the_one_before(data: str, whole: Path, tmp_path: Path) -> None:
    rewind = tmp_path / whole.parent.name
    shutil.copytree(whole.parent, rewind)
    everything = [name for name in weights(whole) if not name.startswith("lm_head")]
    last = train(tiny(data, tmp_path, stages="1,2", stage2={"frozen": everything, "steps": 2}))
    after, before = weights(last), weights(whole)
    assert last.parent.name == "stage-2"
    assert [name for name in before if not torch.equal(after[name], before[name])] == ["lm_head.weight"]


def test_a_stage_can_learn_from_data_of_its_own(data: str, tmp_path: Path) -> None:
    first = publish_samples(tmp_path / "first", {"one": [make_sample("caption", number) for number in range(12)]}).reference
    config = tiny(data, tmp_path / "run", stages=[1, 2], stage1={"data": first, "steps": 2}, stage2={"steps": 2})
    train(config)
    learnt_from = [
        read_state(checkpoints(stage_folder(config, config.stage(number)[-1]))[-1]).dataset["reference"] for number in (1, 2)
    ]
    assert learnt_from == [first, data]


def test_lessons_come_before_their_stage_and_each_goes_on_from_the_one_before(data: str, whole: Path, tmp_path: Path) -> None:
    still = [name for name in weights(whole) if not name.startswith("lm_head")]
    lessons = [{"weights": {"caption": 1.0}, "steps": 2}, {"weights": {"t2i": 1.0}, "steps": 1, "lr": 1e-9}]
    config = tiny(data, tmp_path, stages="1,2", stage1={"steps": 1}, stage2={"steps": 1, "frozen": still, "lessons": lessons})
    last = train(config)
    parts = [last.parent.parent / "stage-1", *(last.parent / name for name in ("lesson-1", "lesson-2", ""))]
    states = [read_state(checkpoints(part)[-1]) for part in parts]
    assert [(state.stage, state.lesson, state.step) for state in states] == [(1, 0, 1), (2, 1, 2), (2, 2, 1), (2, 0, 1)]
    heads = [weights(checkpoints(part)[-1])["lm_head.weight"] for part in parts]
    assert [torch.allclose(one, next_one, atol=1e-7) for one, next_one in pairwise(heads)] == [False, True, False]
    assert train(config) == last


def test_a_run_that_was_killed_in_a_lesson_goes_on_in_it(data: str, tmp_path: Path) -> None:
    stage = {"steps": 2, "lessons": [{"weights": {"t2i": 1.0}, "steps": 4}]}
    config = tiny(data, tmp_path / "whole", stage1=stage, checkpoint={"every": 2})
    last = train(config)
    killed = tmp_path / "killed" / "stage-1"
    shutil.copytree(last.parent / "lesson-1" / "step-00000002", killed / "lesson-1" / "step-00000002")
    assert_close(weights(train(tiny(data, tmp_path / "killed", stage1=stage, checkpoint={"every": 2}))), weights(last))


def test_stages_whose_tokens_mean_different_things_are_refused(tmp_path: Path) -> None:
    samples = {"one": [make_sample("caption", number) for number in range(12)]}
    first, second = (
        publish_samples(tmp_path / name, samples, models={"magvit2": name, "text": "alike"}).reference for name in "12"
    )
    with pytest.raises(ValueError, match=r"stage 1 learns from .* and stage 2 from .* another magvit2: .*tokenize both alike"):
        train(tiny(second, tmp_path / "run", stages=[1, 2], stage1={"data": first}))
    train(tiny(first, tmp_path / "run", stages=[1], steps=1))
    with pytest.raises(ValueError, match=r"stage 2 learns from .* and stage 1 from .* another magvit2"):
        train(tiny(second, tmp_path / "run", stages=[2], steps=1))


def test_a_model_learns_samples_by_heart(tmp_path: Path) -> None:
    few = made_dataset(tmp_path, {"t2i": 3, "caption": 3}).reference
    wider = {**training.TINY["model"], "hidden_size": 64, "intermediate_size": 128}
    changes = {"model": wider, "steps": 200, "lr": 5e-3, "batch": {"rows": 4, "micro_rows": 4}, "checkpoint": {"every": 200}}
    line = metrics(train(tiny(few, tmp_path / "out", **changes)))[-1]
    assert line["train/accuracy/task/t2i"] > 0.95
    assert line["train/accuracy/task/caption"] > 0.95


def test_held_out_loss_is_told_by_task_before_between_and_after(whole: Path) -> None:
    told = {line["step"]: line for line in metrics(whole) if "validation/loss/all" in line}
    assert list(told) == [0, 6, 12]
    assert all(f"validation/loss/task/{task}" in told[12] for task in ALL_TASKS)
    assert told[12]["validation/loss/all"] < told[0]["validation/loss/all"]


def test_training_loss_is_told_by_task_modality_and_noise(whole: Path) -> None:
    line = metrics(whole)[-1]
    assert {"train/loss/task/t2i", "train/loss/task/caption", "train/loss/modality/image", "train/loss/time/0.8-1"} <= set(line)
    assert "train/loss/task/asr" not in line
    assert 0.8 < line["fill"] <= 1


def test_a_checkpoint_says_what_it_was_trained_on(data: str, whole: Path) -> None:
    state = json.loads((whole / "state.json").read_text())
    assert state["dataset"]["reference"] == data
    assert state["dataset"]["vocabulary"]["fingerprint"] == VOCABULARY.fingerprint


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lr": 1.0}, "stage lr"),
        ({"seed": 5}, "seed"),
        ({"batch": {"rows": 8, "micro_rows": 1}}, "batch rows"),
        ({"loader": {"sequence_length": 256, "window_samples": 40}}, "sequence_length"),
        ({"stage1": {"weights": {"t2i": 1.0}}}, "weights"),
    ],
)
def test_going_on_under_other_settings_is_refused_by_name(
    data: str, whole: Path, tmp_path: Path, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(CheckpointError, match=f"was made with {named}"):
        train(tiny(data, rewound(whole, tmp_path), **changes))


def test_going_on_with_another_version_of_the_data_is_refused(whole: Path, tmp_path: Path) -> None:
    other = made_dataset(tmp_path / "other", {"t2i": 9, "caption": 9}).reference
    with pytest.raises(CheckpointError, match="content_sha256"):
        train(tiny(other, rewound(whole, tmp_path)))


def test_a_later_stage_without_an_earlier_one_says_what_to_do(data: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run stage 1 first, or name a model"):
        train(tiny(data, tmp_path, stages=2))


FIRST = Stage(number=1, weights={}, steps=1, lr=1.0, frozen=())


def start_from(data: str, output: Path, start: Path, **changes: object) -> TrainConfig:
    return tiny(data, output, start=str(start), stages=3, steps=1, **changes)


def test_a_later_stage_can_begin_with_a_model_from_elsewhere(data: str, whole: Path, tmp_path: Path) -> None:
    assert train(start_from(data, tmp_path, whole)).parent.name == "stage-3"


def test_a_stage_can_go_on_from_the_shipped_model(
    data: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, config = tmp_path / "shipped", tiny(data, tmp_path / "on", start="embedded", stages=3, steps=1)
    model = load_pretrained(whole)
    export(model.state_dict(), model.config, shipped, dtype=torch.float16)
    monkeypatch.setattr(source, "EMBEDDED", shipped)
    first = first_weights(config, config.stage(3)[-1], open_dataset(data)).state_dict()
    assert all(torch.equal(first[name], tensor.half().float()) for name, tensor in weights(whole).items())
    on = train(config)
    assert on.parent.name == "stage-3"
    assert {tensor.dtype for tensor in weights(on).values()} == {torch.float32}


def test_a_fresh_model_can_begin_at_the_codebooks_of_the_data(tmp_path: Path) -> None:
    tokenizers = save_tokenizers(tmp_path / "tokenizers")
    of_data = {**tokenizers, "understanding": 64, "generation": 64, "heard": "discrete"}
    dataset = made_dataset(tmp_path / "root", {"t2i": 20}, config={"tokenize": of_data})
    plain = tiny(dataset.reference, tmp_path / "plain")
    begun = first_weights(replace(plain, model=replace(plain.model, codebooks=True)), FIRST, dataset)
    fresh = first_weights(plain, FIRST, dataset)
    for name, ids in (("image", VOCABULARY.image), ("speech", VOCABULARY.speech)):
        assert not torch.equal(begun.lm_head.weight[ids.start : ids.stop], fresh.lm_head.weight[ids.start : ids.stop]), name
    assert torch.equal(begun.lm_head.weight[: VOCABULARY.speech.start], fresh.lm_head.weight[: VOCABULARY.speech.start])
    codebook = ImageTokenizer.load(tokenizers["image"]).codebook
    rows = begun.model.embed_tokens.weight[VOCABULARY.image.start : VOCABULARY.image.stop]
    assert torch.linalg.matrix_rank(rows) == codebook.shape[1] == 5


def test_a_fresh_embedding_can_be_larger_and_the_head_stays(data: str, tmp_path: Path) -> None:
    plain = tiny(data, tmp_path / "plain")
    larger = first_weights(
        replace(plain, model=replace(plain.model, embedding_scale=5.0)), FIRST, open_dataset(data)
    ).state_dict()
    for name, tensor in first_weights(plain, FIRST, open_dataset(data)).state_dict().items():
        assert torch.equal(larger[name], tensor * 5 if name == "model.embed_tokens.weight" else tensor), name


def test_a_fresh_model_can_begin_near_where_rows_are_those_of_the_pictures_of_the_data(tmp_path: Path) -> None:
    tokenizers = save_tokenizers(tmp_path / "tokenizers")
    side = ImageTokenizer.load(tokenizers["image"]).downsampling
    of_data = {**tokenizers, "understanding": 5 * side, "generation": 9 * side, "heard": "discrete"}
    dataset = made_dataset(tmp_path / "root", {"t2i": 20}, config={"tokenize": of_data})
    plain = tiny(dataset.reference, tmp_path / "plain")
    wanted = first_weights(plain, FIRST, dataset)
    begin_near(wanted, 1.5, [-1, 1, -5, 5, -9, 9])
    begun = first_weights(replace(plain, model=replace(plain.model, near=1.5)), FIRST, dataset).state_dict()
    assert all(torch.equal(begun[name], tensor) for name, tensor in wanted.state_dict().items())


@pytest.mark.parametrize(("near", "loud"), [(0.0, 0), (1.5, 1)])
def test_fresh_blocks_can_begin_quiet_but_for_attention_that_looks_at_one_place(tmp_path: Path, near: float, loud: int) -> None:
    tokenizers = save_tokenizers(tmp_path / "tokenizers")
    of_data = {**tokenizers, "understanding": 64, "generation": 64, "heard": "discrete"}
    dataset = made_dataset(tmp_path / "root", {"t2i": 20}, config={"tokenize": of_data})
    plain = tiny(dataset.reference, tmp_path / "plain")
    model = replace(plain.model, near=near, num_hidden_layers=2)
    wanted = first_weights(replace(plain, model=model), FIRST, dataset)
    begin_quiet(wanted, 0.25, loud)
    begun = first_weights(replace(plain, model=replace(model, residual_scale=0.25)), FIRST, dataset).state_dict()
    assert all(torch.equal(begun[name], tensor) for name, tensor in wanted.state_dict().items())


def test_a_fresh_model_can_have_larger_matrices(data: str, tmp_path: Path) -> None:
    plain = tiny(data, tmp_path / "plain")
    begun = first_weights(replace(plain, model=replace(plain.model, initializer_range=0.06)), FIRST, open_dataset(data))
    assert begun.lm_head.weight.std().item() == pytest.approx(0.06, rel=0.1)


@pytest.mark.parametrize(
    "wrong", [{"embedding_scale": 0.0}, {"residual_scale": -1.0}, {"rope_theta": -1.0}, {"embedding_scale": float("nan")}]
)
def test_a_fresh_model_that_could_not_learn_is_an_error(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give a positive number"):
        ModelConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("near", [-1.0, float("inf")])
def test_a_nearness_that_is_none_is_an_error(near: float) -> None:
    with pytest.raises(ValueError, match="model: near is"):
        ModelConfig(near=near)


def test_a_model_of_another_vocabulary_is_refused_or_grown(data: str, whole: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    smaller = tmp_path / "smaller"
    shutil.copytree(whole, smaller)
    rows = VOCABULARY.image.start
    tensors = {
        name: tensor[:rows].contiguous() if len(tensor) == VOCABULARY.size else tensor
        for name, tensor in weights(whole).items()
    }
    save_file(tensors, smaller / "model.safetensors")
    sizes = json.loads((smaller / "config.json").read_text())
    (smaller / "config.json").write_text(json.dumps(sizes | {"vocab_size": rows}))
    with pytest.raises(ValueError, match=f"has {rows} ids, the data {VOCABULARY.size}"):
        train(start_from(data, tmp_path / "refused", smaller))
    grown = train(start_from(data, tmp_path / "grown", smaller, start_rows=rows))
    assert len(weights(grown)["lm_head.weight"]) == VOCABULARY.size


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    samples = [grounded(make_sample("asr", number)) for number in range(30)]
    held_out = [grounded(make_sample("asr", number, "test")) for number in range(6)]
    return publish_samples(tmp_path_factory.mktemp("shown"), {"one": samples, "two": held_out}).reference


ASKED = {"stage1": {"weights": {"asr": 1.0}}, "batch": {"rows": 4, "micro_rows": 2, "grounding": 1.0, "mentions": 1.0}}


def test_what_codes_show_is_learnt_and_told(shown: str, tmp_path: Path) -> None:
    lines = metrics(train(tiny(shown, tmp_path / "asked", **{**ASKED, "steps": 60})))
    for name in ("grounding", "mentions"):
        told = [line[f"validation/loss/{name}"] for line in lines if f"validation/loss/{name}" in line]
        assert lines[-1][f"train/loss/{name}"] < 0.5 * told[0]
        assert told[-1] < 0.7 * told[0]


def test_codes_are_not_asked_what_they_show_unless_it_is_wanted(shown: str, tmp_path: Path) -> None:
    quiet = {**ASKED, "batch": {"rows": 4, "micro_rows": 2}, "steps": 2}
    lines = metrics(train(tiny(shown, tmp_path / "quiet", **quiet)))
    assert not any("grounding" in name or "mentions" in name for line in lines for name in line)


def test_the_gradient_of_what_codes_show_does_not_depend_on_accumulation(shown: str, tmp_path: Path) -> None:
    one, other = (
        train(tiny(shown, tmp_path / f"by {rows}", **{**ASKED, "batch": {**ASKED["batch"], "micro_rows": rows}}))
        for rows in (4, 1)
    )
    assert_close(weights(one), weights(other))
