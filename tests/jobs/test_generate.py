"""`omniforge generate`: ordinary files in, ordinary files out."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image, ImageDraw
from tiny_checkpoint import GENERATION, picture, save_checkpoint, save_tokenizers, speech

from omniforge.jobs import generate
from omniforge.jobs.config import ConfigError
from omniforge.trainer.generation.tasks import TASKS


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    return save_checkpoint(folder / "checkpoint", save_tokenizers(folder / "tokenizers"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    picture().save(folder / "picture.jpg")
    cover = Image.new("L", (GENERATION, GENERATION))
    ImageDraw.Draw(cover).rectangle((64, 32, 127, 95), fill=255)
    cover.save(folder / "mask.png")
    soundfile.write(folder / "speech.wav", speech(), 16_000)
    (folder / "words.png").write_text("these are words")
    return {path.name: str(path) for path in folder.iterdir()}


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    generate.register(parser.add_subparsers())
    options = parser.parse_args(["generate", *arguments])
    return int(options.run(options))


def options_of(task: str, files: dict[str, str]) -> list[str]:
    options = {
        "text": ["--text", "a red cube"],
        "question": ["--question", "where?"],
        "image": ["--image", files["picture.jpg"]],
        "audio": ["--audio", files["speech.wav"]],
        "mask": ["--mask", files["mask.png"]],
    }
    needs = {
        "t2i": ["text"],
        "caption": ["image"],
        "vqa": ["image", "question"],
        "asr": ["audio"],
        "tts": ["text"],
        "svqa": ["audio", "image"],
        "s2i": ["audio"],
        "inpaint": ["text", "image", "mask"],
    }
    return ["--task", task, *(part for name in needs[task] for part in options[name])]


@pytest.mark.parametrize("task", TASKS)
def test_each_task_writes_its_files(checkpoint: Path, files: dict[str, str], tmp_path: Path, task: str) -> None:
    assert run(str(checkpoint), *options_of(task, files), "--steps", "4", "--output", str(tmp_path)) == 0
    endings = {path.suffix for path in tmp_path.glob("0000.*")}
    assert endings == {
        "t2i": {".png"},
        "s2i": {".png"},
        "inpaint": {".png"},
        "tts": {".wav"},
        "svqa": {".txt", ".wav"},
    }.get(task, {".txt"})
    (line,) = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert line["task"] == task
    assert sorted(line["files"]) == sorted(path.name for path in tmp_path.glob("0000.*"))
    if ".png" in endings:
        with Image.open(tmp_path / "0000.png") as image:
            assert (image.format, image.size) == ("PNG", (GENERATION, GENERATION))
    if ".wav" in endings:
        assert soundfile.info(tmp_path / "0000.wav").samplerate == 22_050


def test_many_prompts_of_a_file_are_those_of_options(checkpoint: Path, files: dict[str, str], tmp_path: Path) -> None:
    lines = [{"text": text, "seed": seed} for text, seed in (("a cube", 7), ("a blue disc", 8), ("red", 9))]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    common = [str(checkpoint), "--task", "t2i", "--steps", "4", "--temperature", "1"]
    run(*common, "--input", str(tmp_path / "prompts.jsonl"), "--batch", "2", "--output", str(tmp_path / "file"))
    texts = [part for line in lines for part in ("--text", str(line["text"]))]
    run(*common, *texts, "--seed", "7", "--output", str(tmp_path / "options"))
    for number in range(3):
        left, right = ((tmp_path / way / f"{number:04d}.png").read_bytes() for way in ("file", "options"))
        assert left == right


def test_files_of_a_jsonl_lie_beside_it(checkpoint: Path, files: dict[str, str], tmp_path: Path) -> None:
    prompts = Path(files["picture.jpg"]).with_name("prompts.jsonl")
    prompts.write_text(json.dumps({"image": "picture.jpg", "question": "where?"}) + "\n")
    assert run(str(checkpoint), "--task", "vqa", "--input", str(prompts), "--output", str(tmp_path), "--steps", "2") == 0


def test_frames_are_written_one_by_one_and_as_a_strip(checkpoint: Path, tmp_path: Path) -> None:
    run(str(checkpoint), "--task", "t2i", "--text", "a", "--steps", "4", "--frames", "3", "--output", str(tmp_path))
    assert sorted(path.name for path in (tmp_path / "0000.frames").iterdir()) == ["000.png", "001.png", "002.png"]
    with Image.open(tmp_path / "0000.frames.png") as strip:
        assert strip.size == (3 * GENERATION + 2 * 2, GENERATION)
    with Image.open(tmp_path / "0000.frames" / "002.png") as last, Image.open(tmp_path / "0000.png") as whole:
        assert np.array_equal(np.asarray(last), np.asarray(whole))


def test_a_box_and_a_mask_of_the_same_place_are_the_same(checkpoint: Path, files: dict[str, str], tmp_path: Path) -> None:
    common = [str(checkpoint), "--task", "inpaint", "--text", "a", "--image", files["picture.jpg"], "--steps", "3"]
    run(*common, "--mask", files["mask.png"], "--output", str(tmp_path / "mask"))
    run(*common, "--box", "64,32,64,64", "--output", str(tmp_path / "box"))
    assert (tmp_path / "mask" / "0000.png").read_bytes() == (tmp_path / "box" / "0000.png").read_bytes()


def test_the_reference_preset_can_be_changed(checkpoint: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    generate.register(parser.add_subparsers())
    arguments = ["generate", "CKPT", "--task", "s2i", "--preset", "reference", "--guidance", "1", "--order", "margin"]
    config = generate.generation_config(parser.parse_args(arguments))
    assert config.published
    assert config.sampling.reference
    assert (config.sampling.top_k, config.sampling.repetition_penalty) == (50, 1.5)
    assert (config.sampling.guidance, config.sampling.order) == (1.0, "margin")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "t2i"], "nothing to respond to"),
        (["--task", "vqa", "--question", "what?"], "takes image, question"),
        (["--task", "t2i", "--text", "a", "--question", "b"], "takes text"),
        (["--task", "vqa", *["--image", "a"] * 2, *["--question", "b"] * 3], "once or 3 times"),
        (["--task", "t2i", "--text", "a", "--text", "b", "--temperature", "-1"], "temperature"),
        (["--task", "t2i", "--text", "a", "--batch", "0"], "batch"),
        (["--task", "inpaint", "--text", "a", "--image", "{picture.jpg}"], "mask or box"),
        (["--task", "t2i", "--input", "absent.jsonl"], "no such file"),
        (["--task", "t2i", "--input", "absent.jsonl", "--text", "a"], "--input names all"),
    ],
)
def test_wrong_usage_says_what_is_right(checkpoint: Path, files: dict[str, str], arguments: list[str], message: str) -> None:
    filled = [files.get(part.strip("{}"), part) for part in arguments]
    with pytest.raises(ConfigError, match=message):
        run(str(checkpoint), *filled)


def test_one_picture_serves_many_questions(checkpoint: Path, files: dict[str, str], tmp_path: Path) -> None:
    questions = ["--question", "what?", "--question", "where?"]
    command = [str(checkpoint), "--task", "vqa", "--image", files["picture.jpg"], *questions]
    assert run(*command, "--steps", "1", "--output", str(tmp_path)) == 0
    assert {path.name for path in tmp_path.glob("*.txt")} == {"0000.txt", "0001.txt"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "no object"),
        ('{"prompt": "a"}', "unknown 'prompt'"),
        ('{"text": 3}', "a str is needed"),
        ('{"text": "a", "seed": "b"}', "seed is 'b'"),
        ("", "no prompt"),
    ],
)
def test_wrong_lines_are_named(checkpoint: Path, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "prompts.jsonl").write_text(line)
    with pytest.raises(ConfigError, match=message):
        run(str(checkpoint), "--task", "t2i", "--input", str(tmp_path / "prompts.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "caption", "--image", "{words.png}"], "not_an_image"),
        (["--task", "caption", "--image", "{speech.wav}"], "not_an_image"),
        (["--task", "caption", "--image", "absent.png"], "no such file"),
        (["--task", "asr", "--audio", "{picture.jpg}"], "undecodable_audio"),
        (["--task", "inpaint", "--text", "a", "--image", "{picture.jpg}", "--box", "1,2,3"], "write x,y,width,height"),
        (["--task", "inpaint", "--text", "a", "--image", "{picture.jpg}", "--box", "250,0,20,20"], "not inside"),
    ],
)
def test_wrong_files_are_refused_with_the_reason(
    checkpoint: Path, files: dict[str, str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    filled = [files.get(part.strip("{}"), part) for part in arguments]
    with pytest.raises(ValueError, match=message):
        run(str(checkpoint), *filled, "--output", str(tmp_path))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--data REF"):
        run(str(tmp_path), "--task", "t2i", "--text", "a")
