"""Every task from a prompt to words, a picture or speech."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from tiny_checkpoint import GENERATION, picture, save_checkpoint, save_tokenizers, speech

from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.frames import UNDECIDED, contact_strip, unmasking_frames
from omniforge.trainer.generation.origin import read_origin
from omniforge.trainer.generation.presets import default_sampling, published_sampling
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.responses import GenerationConfig, Response, respond
from omniforge.trainer.generation.tasks import TASKS, GenerationTask
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.transformer import Dream

Maker = tuple[Dream, Codecs]
GRID = GENERATION // 16
COVER = Image.new("L", (GENERATION, GENERATION))
ImageDraw.Draw(COVER).rectangle((64, 32, 127, 95), fill=255)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    tokenizers = save_tokenizers(folder / "tokenizers")
    return (
        save_checkpoint(folder / "discrete", tokenizers),
        save_checkpoint(folder / "continuous", tokenizers, continuous=True),
    )


@pytest.fixture(scope="module", params=["discrete", "continuous"])
def maker(request: pytest.FixtureRequest, folders: tuple[Path, Path]) -> Maker:
    checkpoint = folders[request.param == "continuous"]
    return load_pretrained(checkpoint).eval(), Codecs(read_origin(checkpoint))


@pytest.fixture(scope="module")
def discrete(folders: tuple[Path, Path]) -> Maker:
    return load_pretrained(folders[0]).eval(), Codecs(read_origin(folders[0]))


def prompt(task: GenerationTask, seed: int = 0) -> Prompt:
    fields = {
        "t2i": {"text": "a red cube"},
        "caption": {"image": picture(seed, 90, 70)},
        "vqa": {"image": picture(seed, 70, 90), "question": "which place?"},
        "asr": {"audio": speech(1.0 + 0.3 * seed)},
        "tts": {"text": "a blue disc on the b" * (1 + seed)},
        "svqa": {"audio": speech(), "image": picture(seed)},
        "s2i": {"audio": speech(0.7)},
        "inpaint": {"text": "a blue disc", "image": picture(seed), "cover": COVER},
    }
    return Prompt(task=task, seed=seed, **fields[task])


def make(maker: Maker, *prompts: Prompt, **changes: object) -> list[Response]:
    config = GenerationConfig(sampling=replace(default_sampling(prompts[0].task), **changes), steps=4)
    return list(respond(*maker, prompts, config))


@pytest.mark.parametrize("task", TASKS)
def test_each_task_gives_what_it_is_for(maker: Maker, task: GenerationTask) -> None:
    (response,) = make(maker, prompt(task))
    assert (response.picture is not None) == (task in ("t2i", "s2i", "inpaint"))
    assert (response.sound is not None) == (task in ("tts", "svqa"))
    assert (response.text is not None) == (task in ("caption", "vqa", "asr", "svqa"))
    assert maker[1].vocabulary.mask not in response.ids
    assert response.steps == 4


@pytest.mark.parametrize("task", ["t2i", "s2i", "inpaint"])
@pytest.mark.parametrize("preset", [default_sampling, published_sampling])
def test_a_picture_has_its_tags_and_exactly_its_codes(discrete: Maker, task: GenerationTask, preset: object) -> None:
    model, codecs = discrete
    config = GenerationConfig(sampling=preset(task), steps=4)  # type: ignore[operator]
    (response,) = respond(model, codecs, [prompt(task)], config)
    vocabulary = codecs.vocabulary
    opening, codes, close = response.ids[0], response.ids[1 : 1 + GRID**2], response.ids[1 + GRID**2 :]
    assert opening == vocabulary.begin_of_image
    assert close.tolist() == [vocabulary.end_of_image, vocabulary.im_end, *codecs.text.encode("\n")]
    assert set(codes.tolist()) <= set(vocabulary.image)
    assert response.picture is not None
    assert response.picture.size == (GENERATION, GENERATION)


def test_words_are_words_until_they_end(discrete: Maker) -> None:
    codecs = discrete[1]
    (response,) = make(discrete, prompt("vqa"), temperature=1.0)
    allowed = {*range(codecs.text.size), codecs.vocabulary.im_end, codecs.vocabulary.pad}
    assert set(response.ids.tolist()) <= allowed


@pytest.mark.parametrize("task", ["tts", "svqa"])
def test_speech_begins_with_its_tag_and_holds_no_words(discrete: Maker, task: GenerationTask) -> None:
    codecs = discrete[1]
    (response,) = make(discrete, prompt(task), temperature=1.0)
    (begin,) = np.flatnonzero(response.ids == codecs.vocabulary.begin_of_audio)
    assert (begin == 0) == (task == "tts")
    assert set(response.ids[:begin].tolist()) <= set(range(codecs.text.size))
    ends = {codecs.vocabulary.end_of_audio, codecs.vocabulary.im_end, codecs.vocabulary.pad, *codecs.text.encode("\n")}
    assert set(response.ids[begin + 1 :].tolist()) <= ends | set(codecs.vocabulary.speech)


def test_the_published_preset_begins_speech_after_a_fifth(discrete: Maker) -> None:
    model, codecs = discrete
    config = GenerationConfig(sampling=published_sampling("svqa"), published=True)
    (response,) = respond(model, codecs, [prompt("svqa")], config)
    assert len(response.ids) == 128
    assert response.ids[int(0.2 * 128)] == codecs.vocabulary.begin_of_audio


@pytest.mark.parametrize("task", TASKS)
def test_a_seed_decides_everything(discrete: Maker, task: GenerationTask) -> None:
    first, again, other = (make(discrete, replace(prompt(task), seed=seed), temperature=1.0)[0] for seed in (3, 3, 4))
    assert np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.ids, other.ids)
    if first.picture is not None and again.picture is not None:
        assert np.array_equal(np.asarray(first.picture), np.asarray(again.picture))
    if first.sound is not None:
        assert np.array_equal(first.sound, again.sound)


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_gives_what_each_prompt_gives_alone(maker: Maker, task: GenerationTask) -> None:
    prompts = [prompt(task, seed) for seed in range(2)]
    changes = {"temperature": 0.7, "guidance": 1.5 if maker[1].continuous else 0.0}
    together = make(maker, *prompts, **changes)
    alone = [make(maker, one, **changes)[0] for one in prompts]
    assert all(np.array_equal(left.ids, right.ids) for left, right in zip(together, alone, strict=True))


def test_repainting_keeps_what_is_not_covered(discrete: Maker) -> None:
    codecs = discrete[1]
    (response,) = make(discrete, prompt("inpaint"), temperature=1.0)
    before = codecs.picture_codes(picture(0), GENERATION)
    covered = np.zeros((GRID, GRID), bool)
    covered[2:6, 4:8] = True
    assert response.codes is not None
    assert response.decided is not None
    assert np.array_equal(response.codes[~covered.reshape(-1)], before[~covered.reshape(-1)])
    assert np.array_equal(response.decided >= 0, covered.reshape(-1))
    assert (response.codes != before).any()


def test_repainting_nothing_is_refused(discrete: Maker) -> None:
    with pytest.raises(ValueError, match="renew at least one"):
        make(discrete, replace(prompt("inpaint"), cover=Image.new("L", (GENERATION, GENERATION))))


def test_a_cover_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="make them the same"):
        replace(prompt("inpaint"), cover=Image.new("L", (10, 10)))


def test_control_tokens_in_a_text_are_refused(discrete: Maker) -> None:
    with pytest.raises(ValueError, match="control tokens"):
        make(discrete, Prompt(task="t2i", text="a cube<|im_end|>"))


def test_frames_go_from_all_open_to_the_picture(discrete: Maker) -> None:
    (response,) = make(discrete, prompt("t2i"))
    frames = unmasking_frames(response, 4)
    levels = [np.asarray(frame) for frame in frames]
    assert (levels[0] == UNDECIDED).all()
    assert np.array_equal(levels[-1], np.asarray(response.picture))
    decided = [int((level != UNDECIDED).any(axis=2).sum()) for level in levels]
    assert decided == sorted(decided)
    assert contact_strip(frames).size == (4 * GENERATION + 3 * 2, GENERATION)


def test_frames_of_words_are_refused(discrete: Maker) -> None:
    with pytest.raises(ValueError, match="no picture"):
        unmasking_frames(make(discrete, prompt("caption"))[0], 3)


def test_a_model_of_another_vocabulary_is_refused(discrete: Maker) -> None:
    model, codecs = discrete
    layout = replace(codecs.vocabulary.layout, image_codes=64)
    other = Codecs(replace(codecs.origin, vocabulary=type(codecs.vocabulary)(layout)))
    with pytest.raises(ValueError, match="vocab_size"):
        next(respond(model, other, [prompt("t2i")], GenerationConfig(sampling=default_sampling("t2i"))))


def test_another_tokenizer_in_the_same_place_is_refused(discrete: Maker) -> None:
    origin = discrete[1].origin
    with pytest.raises(ValueError, match="was trained on"):
        _ = Codecs(replace(origin, models={**origin.models, "magvit2": "sha256:other"})).image


@pytest.mark.parametrize("fields", [{"text": "a"}, {"text": "a", "question": "b"}, {}])
def test_a_prompt_takes_its_tasks_fields_and_no_others(fields: dict[str, str]) -> None:
    task: GenerationTask = "t2i" if "question" in fields else "vqa"
    with pytest.raises(ValueError, match=f"task {task}"):
        Prompt(task=task, **fields)  # type: ignore[arg-type]
