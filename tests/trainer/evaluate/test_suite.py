"""The evaluation measures what it says: an oracle is perfect, one that answers for another scene no better than chance."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from evaluation_oracle import GROUPS, MOST_STEPS, Oracle, bench
from PIL import Image

from omniforge.trainer.evaluate.bench import Sound
from omniforge.trainer.evaluate.report import markdown, summarise
from omniforge.trainer.evaluate.run import run_suite, select
from omniforge.trainer.evaluate.scores import ScoredItem, figures
from omniforge.trainer.evaluate.suite import Suite, scenes_suite

SAMPLES = 16


@pytest.fixture(scope="module")
def suite() -> Suite:
    return scenes_suite(GROUPS, (4,))


def model_figures(results: dict[str, list[ScoredItem]], task: str) -> dict[str, float]:
    return {name: figure.value for name, figure in figures(results[task], 0)["model"].items()}


@pytest.fixture(scope="module")
def perfect(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ScoredItem]]:
    return run_suite(suite, bench(Oracle(SAMPLES)), tmp_path_factory.mktemp("perfect"), {})


@pytest.fixture(scope="module")
def astray(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ScoredItem]]:
    return run_suite(suite, bench(Oracle(SAMPLES, other=5)), tmp_path_factory.mktemp("astray"), {})


def test_whoever_knows_everything_is_right_in_every_measure_of_every_task(perfect: dict[str, list[ScoredItem]]) -> None:
    for task in perfect:
        if task == "judge":
            continue
        for name, value in model_figures(perfect, task).items():
            if name == "objects told":
                assert value > 0.5
            else:
                assert value == (0.0 if name == "WER" else 1.0), (task, name)


@pytest.mark.parametrize(
    ("task", "measure", "baseline"),
    [
        ("t2i", "colour+shape", "another scene's picture"),
        ("t2i", "colour+shape of things", "another scene's picture"),
        ("s2i", "all", "another scene's picture"),
        ("caption", "all true", "another scene's caption"),
        ("caption", "claims true", "another scene's caption"),
        ("vqa", "all", "majority answer"),
        ("svqa", "all", "majority answer"),
        ("asr", "WER", "another sentence"),
        ("tts", "WER", "another sentence"),
    ],
)
def test_whoever_answers_for_another_scene_is_as_good_as_the_baseline(
    perfect: dict[str, list[ScoredItem]], astray: dict[str, list[ScoredItem]], task: str, measure: str, baseline: str
) -> None:
    """Its interval and that of the baseline have something in common; that of whoever knows everything has not."""

    def overlap(results: dict[str, list[ScoredItem]]) -> bool:
        found = figures(results[task], 0)
        one, other = found["model"][measure], found[baseline][measure]
        return one.low <= other.high and other.low <= one.high

    assert overlap(astray)
    assert not overlap(perfect)


def test_the_baselines_of_a_perfect_responder_are_poor(perfect: dict[str, list[ScoredItem]]) -> None:
    found = {task: figures(items, 0) for task, items in perfect.items()}
    assert found["t2i"]["another scene's picture"]["colour+shape"].value <= 0.1
    assert found["caption"]["another scene's caption"]["all true"].value <= 0.2
    assert found["asr"]["another sentence"]["WER"].value > 0.7
    assert 0.1 < found["vqa"]["majority answer"]["all"].value < 0.6


def test_relations_are_asked_for_and_every_type_of_question(perfect: dict[str, list[ScoredItem]]) -> None:
    assert figures(perfect["t2i-relations"], 0)["model"]["relation"].items == SAMPLES // 2
    assert set(figures(perfect["vqa"], 0)["model"]) == {
        *("all", "exist", "count", "colour", "shape", "size", "relation"),
        "looks, of several",
    }


def test_who_takes_any_object_is_right_about_a_part_of_what_differs(perfect: dict[str, list[ScoredItem]]) -> None:
    found = figures(perfect["vqa"], 0)
    blindly = found["any object, blindly"]
    assert set(blindly) == {"colour", "shape", "size", "looks, of several"}
    assert 0.25 < blindly["looks, of several"].value < 0.65
    assert all(blindly[look].value > blindly["looks, of several"].value for look in ("colour", "shape", "size"))
    assert found["model"]["looks, of several"].items < sum(found["model"][look].items for look in ("colour", "shape", "size"))


def test_spoken_questions_are_among_the_written_ones(perfect: dict[str, list[ScoredItem]]) -> None:
    written = {item.key: item.asked for item in perfect["vqa"]}
    assert len(perfect["svqa"]) == 2 * SAMPLES
    assert all(written[item.key] == item.asked for item in perfect["svqa"])


def test_every_group_of_voices_asks(suite: Suite) -> None:
    names = {task.name for task in suite.tasks}
    assert {f"{task}{group}" for task in ("asr", "svqa", "s2i") for group in ("", "-held-out-voices")} <= names


def test_comparisons_are_of_the_same_items(suite: Suite, perfect: dict[str, list[ScoredItem]]) -> None:
    summary = summarise(suite, perfect, {}, 0)
    assert {(found["first"], found["value"]) for found in summary["comparisons"]} == {
        (f"{task}{group}", 0.0) for task in ("svqa", "s2i") for group in ("", "-held-out-voices")
    }
    assert [found["items"] for found in summary["comparisons"] if found["first"] == "svqa"] == [2 * SAMPLES]


def test_curves_are_over_the_steps_that_were_taken(suite: Suite, perfect: dict[str, list[ScoredItem]]) -> None:
    """Of the four that were asked for, the oracle needs three."""
    summary = summarise(suite, perfect, {}, 0)
    points = [[(point["asked"], point["steps"]) for point in curve["points"]] for curve in summary["curves"]]
    assert points == [[(4, MOST_STEPS), (None, MOST_STEPS)]] * 3
    assert "| pictures: steps asked for | taken, mean | colour+shape |" in markdown(summary)


def test_the_page_shows_every_task_and_its_baseline(suite: Suite, perfect: dict[str, list[ScoredItem]]) -> None:
    page = markdown(summarise(suite, perfect, {"seed": 0}, 0), ["curve.svg"])
    assert all(f"## {task.name}: " in page for task in suite.tasks)
    assert "100.0 [100.0, 100.0]" in page
    assert "another scene's picture" in page
    assert "![curve.svg](curve.svg)" in page


def test_a_tokenizer_that_loses_colours_shows_as_a_ceiling(suite: Suite, tmp_path: Path) -> None:
    def grey(picture: Image.Image) -> Image.Image:
        return picture.convert("L").convert("RGB")

    results = run_suite(select(suite, ["judge", "t2i"]), bench(Oracle(6), through_image=grey), tmp_path, {})
    judge, drawn = (figures(results[task], 0) for task in ("judge", "t2i"))
    assert judge["rendered"]["all"].value == 1.0
    assert judge["after the tokenizer"]["all"].value == 0.0
    assert drawn["after the tokenizer"]["colour"].value < drawn["rendered"]["colour"].value == 1.0


def test_a_limit_that_several_tasks_show_is_measured_once(suite: Suite, tmp_path: Path) -> None:
    pictures, sounds = [], []

    def through_image(picture: Image.Image) -> Image.Image:
        pictures.append(picture)
        return picture

    def through_speech(sound: Sound) -> Sound:
        sounds.append(sound)
        return sound

    counted = replace(bench(Oracle(4), through_image=through_image), through_speech=through_speech)
    run_suite(select(suite, ["judge", "t2i", "asr", "tts"]), counted, tmp_path, {})
    assert (len(pictures), len(sounds)) == (4, 4)


def test_done_tasks_are_not_run_again(suite: Suite, tmp_path: Path) -> None:
    few = select(suite, ["vqa", "caption"])
    first = Oracle(3)
    results = run_suite(select(few, ["vqa"]), bench(first), tmp_path, {"seed": 0})
    again = Oracle(3)
    both = run_suite(few, bench(again), tmp_path, {"seed": 0})
    assert {prompt.task for prompt in again.asked} == {"caption"}
    assert [asdict(item) for item in both["vqa"]] == [asdict(item) for item in results["vqa"]]
    assert figures(both["vqa"], 0) == figures(results["vqa"], 0)


def test_results_of_another_evaluation_are_not_mixed_in(suite: Suite, tmp_path: Path) -> None:
    few = select(suite, ["caption"])
    run_suite(few, bench(Oracle(2)), tmp_path, {"checkpoint": "a", "seed": 0})
    with pytest.raises(ValueError, match="other checkpoint; give another --output"):
        run_suite(few, bench(Oracle(2)), tmp_path, {"checkpoint": "b", "seed": 0})


def test_a_damaged_result_is_named(suite: Suite, tmp_path: Path) -> None:
    few = select(suite, ["caption"])
    run_suite(few, bench(Oracle(2)), tmp_path, {})
    (tmp_path / "tasks" / "caption.json").write_text('[{"key": 1}]')
    with pytest.raises(ValueError, match="delete it"):
        run_suite(few, bench(Oracle(2)), tmp_path, {})


def test_unknown_tasks_and_steps_are_refused(suite: Suite) -> None:
    with pytest.raises(ValueError, match=r"no task 'vga'.*vqa"):
        select(suite, ["vga"])
    with pytest.raises(ValueError, match="different numbers"):
        scenes_suite(GROUPS, (4, 4))
    with pytest.raises(ValueError, match="no voices"):
        scenes_suite((), (4,))
