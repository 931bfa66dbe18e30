"""Broken data, a full disk, a broken gradient and SIGKILL: each ends in one clear message or in the same model."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import training
from safetensors.torch import load_file, save_file
from token_datasets import VOCABULARY, commit_unit, made_dataset, make_sample
from training import losses, metrics, same_bits, tiny, write_config

from omniforge.pipeline.reference import Dataset, open_dataset
from omniforge.trainer.checkpoint import CheckpointError, checkpoints
from omniforge.trainer.loader import Loader, LoaderConfig
from omniforge.trainer.loop import TrainingError
from omniforge.trainer.span_reader import verify_shards
from omniforge.trainer.spans import DataError
from omniforge.trainer.train import train

WHOLE_SHARDS = LoaderConfig(sequence_length=128)
SPANS = replace(WHOLE_SHARDS, span_bytes=6000)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return made_dataset(tmp_path / "root", {"t2i": 40, "caption": 40}, held_out=2)


def loader(dataset: Dataset, config: LoaderConfig) -> Loader:
    return Loader(dataset=dataset, weights=None, config=config, seed=0)


def shards(dataset: Dataset) -> list[Path]:
    return [Path(dataset.store.root, shard.url) for shard in loader(dataset, WHOLE_SHARDS).table.shards]


def overwrite(path: Path, place: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[place : place + len(data)] = data
    path.write_bytes(content)


def ids_place(path: Path) -> int:
    """Where the first id of the first sample of a shard lies."""
    return path.read_bytes().index(b"\x93NUMPY") + 128


def test_one_flipped_bit_in_a_shard_is_found_and_the_shard_named(dataset: Dataset, tmp_path: Path) -> None:
    poisoned = shards(dataset)[2]
    place = ids_place(poisoned)
    overwrite(poisoned, place, bytes([poisoned.read_bytes()[place] ^ 1]))
    with pytest.raises(DataError, match=rf"{poisoned.name}: its bytes are not those the manifest names.*restore or rebuild"):
        train(tiny(dataset.reference, tmp_path / "out"))
    assert checkpoints(tmp_path / "out" / "stage-1") == []


def test_one_flipped_bit_in_a_large_shard_is_found_before_training_when_asked(dataset: Dataset) -> None:
    poisoned = shards(dataset)[2]
    overwrite(poisoned, ids_place(poisoned), b"\x01")
    with pytest.raises(DataError, match=poisoned.name):
        verify_shards(dataset.store, loader(dataset, SPANS).table)


@pytest.mark.parametrize(
    ("place", "data", "problem"),
    [
        (0, b"\xff\xff\xff\x7f", "holds id 2147483647, the vocabulary ends at"),
        (-128, b"broken", "is no NumPy file"),
        (-108, b"<i4", "no whole vector of uint32"),
        (-128 - 512 + 30, b"zzz", "no tar header"),
    ],
)
def test_ids_that_cannot_be_are_found_in_any_span(dataset: Dataset, place: int, data: bytes, problem: str) -> None:
    poisoned = shards(dataset)[1]
    overwrite(poisoned, ids_place(poisoned) + place, data)
    with pytest.raises(DataError, match=rf"{poisoned.name}, bytes .*{problem}"):
        list(loader(dataset, SPANS).epoch(0))


def test_a_shard_of_other_samples_than_its_index_has_is_found(dataset: Dataset) -> None:
    poisoned = shards(dataset)[0]
    other = commit_unit(dataset.store, "other", [make_sample("caption", number) for number in range(100, 116)])
    assert other.shard is not None
    size = poisoned.stat().st_size
    poisoned.write_bytes(Path(dataset.store.root, other.shard.url).read_bytes()[:size].ljust(size, b"\0"))
    with pytest.raises(DataError, match=poisoned.name):
        list(loader(dataset, SPANS).epoch(0))


def test_a_shard_of_another_vocabulary_is_found(dataset: Dataset) -> None:
    poisoned = shards(dataset)[0]
    content = poisoned.read_bytes()
    poisoned.write_bytes(content.replace(VOCABULARY.fingerprint.encode(), b"sha256:0123456789abcdef"))
    with pytest.raises(DataError, match=rf"{poisoned.name}.* is of vocabulary sha256:0123456789abcdef"):
        list(loader(dataset, SPANS).epoch(0))


@pytest.mark.parametrize("config", [WHOLE_SHARDS, SPANS])
def test_a_missing_shard_is_named(dataset: Dataset, config: LoaderConfig) -> None:
    missing = shards(dataset)[1]
    missing.unlink()
    with pytest.raises(DataError, match=rf"{missing.name}: no such object"):
        list(loader(dataset, config).epoch(0))


def test_a_missing_shard_ends_a_run_with_its_name(dataset: Dataset, tmp_path: Path) -> None:
    missing = shards(dataset)[1]
    missing.unlink()
    with pytest.raises(DataError, match=missing.name):
        train(tiny(dataset.reference, tmp_path / "out"))


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Writing beyond `size` bytes of any file fails, as on a full disk: the kernel refuses it half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_last_whole_checkpoint_and_the_run_goes_on_from_it(dataset: Dataset, tmp_path: Path) -> None:
    whole = train(tiny(dataset.reference, tmp_path / "whole", checkpoint={"every": 6}))
    shutil.copytree(tmp_path / "whole", tmp_path / "full")
    folder = tmp_path / "full" / "stage-1"
    shutil.rmtree(folder / whole.name)
    config = tiny(dataset.reference, tmp_path / "full", checkpoint={"every": 6})
    sizes = [(whole / name).stat().st_size for name in ("model.safetensors", "optimizer.safetensors")]
    with (
        no_file_larger_than(sum(sizes) // 2),
        pytest.raises(CheckpointError, match=r"step-00000012: could not be written.*whole one is .*step-00000006"),
    ):
        train(config)
    assert [path.name for path in folder.glob("*step*")] == ["step-00000006"]
    assert same_bits(train(config), whole)


def poison_id(checkpoint: Path, token: int) -> None:
    """Let the embedding of one id be no number, so that batches that hold the id have no finite gradient."""
    tensors = load_file(checkpoint / "model.safetensors")
    tensors["model.embed_tokens.weight"][token] = torch.nan
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})


def keys_with(dataset: Dataset, token: int) -> set[str]:
    rows = loader(dataset, WHOLE_SHARDS).epoch(0)
    return {draw.sample.key for row in rows for draw in row if token in draw.sample.ids[: draw.sample.loss_spans[0][0]]}


def test_a_broken_batch_is_skipped_counted_and_its_samples_kept(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path / "root", {"t2i": 12, "caption": 12})
    token = next(token for token in range(16) if 0 < len(keys_with(dataset, token)) <= 16)
    broken = keys_with(dataset, token)
    first = train(tiny(dataset.reference, tmp_path / "start", steps=1))
    poison_id(first, token)
    changes = {"start": str(first), "batch": {"rows": 1, "micro_rows": 1}, "stages": 2}
    last = train(tiny(dataset.reference, tmp_path / "out", **changes, skip_limit=12))
    files = sorted((last.parent / "skipped").iterdir())
    assert 0 < len(files) < 12
    for file in files:
        evidence = json.loads(file.read_text())
        assert evidence["gradient_norm"] == "nan"
        assert broken & set(evidence["keys"])
    state = json.loads((last / "state.json").read_text())
    assert (state["step"], state["skipped"], state["updates"]) == (12, len(files), 12 - len(files))
    assert metrics(last)[-1]["skipped"] == len(files)
    trained = load_file(last / "model.safetensors")
    assert all(bool(tensor.isfinite().all()) for name, tensor in trained.items() if "embed_tokens" not in name)


def test_too_many_broken_batches_end_the_run_with_the_evidence_named(dataset: Dataset, tmp_path: Path) -> None:
    first = train(tiny(dataset.reference, tmp_path / "start", steps=1))
    poison_id(first, VOCABULARY.im_start)
    config = tiny(dataset.reference, tmp_path / "out", start=str(first), stages=2, skip_limit=2)
    with pytest.raises(TrainingError, match=r"not finite in 3 steps, 2 are allowed.*step-00000003\.json"):
        train(config)
    assert len(list((tmp_path / "out" / "stage-2" / "skipped").iterdir())) == 3
    assert checkpoints(tmp_path / "out" / "stage-2") == []


def test_sigkill_and_going_on_ends_with_the_bits_of_a_run_that_was_not_killed(dataset: Dataset, tmp_path: Path) -> None:
    changes = {"steps": 60, "checkpoint": {"every": 5}, "validation": {"every": 60, "rows": 4}}
    whole = train(tiny(dataset.reference, tmp_path / "whole", **changes))
    config = tiny(dataset.reference, tmp_path / "killed", **changes)
    process = subprocess.Popen(
        [sys.executable, training.__file__, str(write_config(config, tmp_path / "config.json"))], stderr=subprocess.PIPE
    )
    folder = tmp_path / "killed" / "stage-1"
    while process.poll() is None and not (folder / "step-00000010").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert 10 <= int(checkpoints(folder)[-1].name[-8:]) < 60

    resumed = train(config)
    assert same_bits(resumed, whole)
    assert losses(resumed) == losses(whole)
    assert open_dataset(dataset.reference).manifest == dataset.manifest
