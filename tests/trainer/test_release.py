"""A checkpoint as a folder to give away: rounded weights, the same bytes at every call, nothing of this machine."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import training
from safetensors.torch import load_file, save_file
from token_datasets import made_dataset

from omniforge.pipeline.tokenization import TokenizeConfig
from omniforge.trainer.checkpoint import read_state
from omniforge.trainer.generation.origin import read_origin
from omniforge.trainer.release import began_with, last_checkpoint, local_sources, read_training, release, stages_before
from omniforge.trainer.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a training of two stages, on data of a text tokenizer that lies on this machine."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run")
    (folder / "words.json").write_text("{}")
    tokenize = {"tokenize": asdict(TokenizeConfig(text=str(folder / "words.json")))}
    data = made_dataset(folder / "root", {"t2i": 12, "asr": 12}, held_out=2, config=tokenize)
    train(training.tiny(data.reference, folder / "out", stages=[1, 2], steps=2, seed=3))
    return folder / "out"


def test_the_folder_holds_rounded_weights_and_nothing_of_the_training_but_its_facts(run: Path, tmp_path: Path) -> None:
    checkpoint = last_checkpoint(run)
    assert release(checkpoint, tmp_path / "model")
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"model.safetensors", "config.json", "state.json", "training.json"}
    given = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(given[name], tensor.half()) for name, tensor in training.weights(checkpoint).items())
    assert set(json.loads((tmp_path / "model" / "state.json").read_text())) == {"dataset"}


def test_lessons_are_told_of_in_the_order_they_were_taken(tmp_path: Path) -> None:
    data = made_dataset(tmp_path / "root", {"t2i": 12, "asr": 12}, held_out=2).reference
    lessons = [{"weights": {"asr": 1.0}, "steps": 1}] * 2
    train(training.tiny(data, tmp_path / "out", stages=[1, 2], steps=1, stage2={"lessons": lessons}))
    told = read_training(last_checkpoint(tmp_path / "out"))["stages"]
    assert [(one["stage"], one.get("lesson")) for one in told] == [(1, None), (2, 1), (2, 2), (2, None)]


def test_no_path_of_the_machine_is_in_it(run: Path, tmp_path: Path) -> None:
    release(last_checkpoint(run), tmp_path / "model")
    texts = [path.read_text() for path in (tmp_path / "model").glob("*.json")]
    assert not [text for text in texts if str(run.parent) in text]
    assert json.loads((tmp_path / "model" / "state.json").read_text())["dataset"]["config"]["tokenize"]["text"] == "words.json"
    assert local_sources(last_checkpoint(run)) == ["text"]


def test_it_says_what_its_tokens_mean_and_names_the_data_by_its_content(run: Path, tmp_path: Path) -> None:
    checkpoint = last_checkpoint(run)
    release(checkpoint, tmp_path / "model")
    own, given = read_origin(checkpoint), read_origin(tmp_path / "model")
    content = read_training(tmp_path / "model")["data"]
    assert content["reference"] == "made@v1"
    assert given.reference == f"made@sha256:{content['content_sha256'][:16]}"
    assert (given.vocabulary, given.models, given.lengths) == (own.vocabulary, own.models, own.lengths)


def test_every_stage_of_the_run_is_told(run: Path, tmp_path: Path) -> None:
    release(last_checkpoint(run), tmp_path / "model")
    told = read_training(tmp_path / "model")
    assert told == json.loads(json.dumps(read_training(last_checkpoint(run))))
    assert [(stage["stage"], stage["steps"], stage["seed"]) for stage in told["stages"]] == [(1, 2, 3), (2, 2, 3)]
    assert told["parameters"] == sum(tensor.numel() for tensor in training.weights(last_checkpoint(run)).values())


def test_what_goes_on_from_another_model_tells_of_that_ones_stages_too(run: Path, tmp_path: Path) -> None:
    release(last_checkpoint(run), tmp_path / "given")
    data = read_state(last_checkpoint(run)).dataset["reference"]
    train(training.tiny(data, tmp_path / "on", stages=[2, 3], steps=1, start=str(tmp_path / "given")))
    release(last_checkpoint(tmp_path / "on"), tmp_path / "model")
    told = read_training(tmp_path / "model")
    assert told["began"]["name"] == "given"
    assert told["began"]["training"] == read_training(tmp_path / "given")
    steps = [[(stage["stage"], stage["steps"]) for stage in stages] for stages in (stages_before(told), told["stages"])]
    assert steps == [[(1, 2), (2, 2)], [(2, 1), (3, 1)]]


def test_of_a_model_that_says_nothing_only_the_name_is_told(run: Path, tmp_path: Path) -> None:
    published = shutil.copytree(last_checkpoint(run), tmp_path / "published")
    (published / "state.json").unlink()
    assert began_with(str(published)) == {"name": "published", "training": None}


def test_exported_again_it_is_the_same_bytes_and_left_as_it_is(run: Path, tmp_path: Path) -> None:
    checkpoint = last_checkpoint(run)
    for name in ("one", "other"):
        release(checkpoint, tmp_path / name)
    one, other = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "other"))
    assert one == other
    (tmp_path / "one" / "README.md").write_text("a card")
    assert not release(checkpoint, tmp_path / "one")
    assert (tmp_path / "one" / "README.md").read_text() == "a card"
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other"}


def test_a_folder_with_another_model_is_refused_and_stays(run: Path, tmp_path: Path) -> None:
    release(last_checkpoint(run), tmp_path / "model")
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match=r"holds something else \(model\.safetensors, training\.json\)"):
        release(last_checkpoint(run / "stage-1" / "step-00000002"), tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == before


def test_weights_beyond_float16_are_named(run: Path, tmp_path: Path) -> None:
    checkpoint = shutil.copytree(last_checkpoint(run), tmp_path / "stage-2" / "step-00000002")
    weights = load_file(checkpoint / "model.safetensors")
    weights["model.norm.weight"][0] = 1e6
    save_file(weights, checkpoint / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.norm\.weight holds values that float16 cannot"):
        release(checkpoint, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkpoint of a stage"):
        last_checkpoint(tmp_path)
