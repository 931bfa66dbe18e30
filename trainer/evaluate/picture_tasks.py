"""Tasks about pictures that are made: what the judge itself gets wrong, text to picture, speech to picture."""

from collections.abc import Iterator, Sequence

from omniforge.pipeline.sources.scenes import SceneObject
from omniforge.pipeline.sources.scenes_judge import see
from omniforge.trainer.evaluate.bench import Bench
from omniforge.trainer.evaluate.picture_measures import request_measures, scene_measures
from omniforge.trainer.evaluate.scores import ScoredItem
from omniforge.trainer.evaluate.unseen import UnseenScene, unseen_relations, unseen_scenes
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.responses import Response

MODEL, OTHER, RENDERED, TOKENIZER = "model", "another scene's picture", "rendered", "after the tokenizer"


def judge_scenes(bench: Bench) -> list[ScoredItem]:
    """Let the judge look at rendered scenes, as they are and after the picture tokenizer; no model takes part."""
    items = []
    for one in unseen_scenes(bench.samples, bench.seed):
        found = bench.seen(one.seed)
        items.append(
            ScoredItem(
                key=str(one.seed),
                source=one.seed,
                asked="what is in the rendered picture?",
                expected=inventory(one.scene.objects),
                got=inventory(found),
                measures={
                    RENDERED: scene_measures(one.scene, found),
                    TOKENIZER: scene_measures(one.scene, bench.seen_again(one.seed)),
                },
                steps=None,
            )
        )
    return items


def draw_texts(bench: Bench, *, steps: int | None, bounds: bool) -> list[ScoredItem]:
    """Ask in writing for pictures of unseen scenes.

    Args:
        bench: What is evaluated.
        steps: Forward passes; None is the usual number.
        bounds: Whether to measure beside it another scene's picture (the baseline), the rendered scene (the judge's limit) and
            the rendered scene after the picture tokenizer (the model's limit).
    """
    scenes = list(unseen_scenes(bench.samples, bench.seed))
    return _drawn(bench, scenes, bench.respond("t2i", _written(scenes), steps), bounds=bounds)


def draw_relations(bench: Bench) -> list[ScoredItem]:
    """Ask in writing for pictures of scenes whose request names a relation: half as many as scenes of other tasks."""
    scenes = list(unseen_relations(max(bench.samples // 2, 1), bench.seed))
    return _drawn(bench, scenes, bench.respond("t2i", _written(scenes), None), bounds=True)


def draw_speech(bench: Bench, *, voices: str) -> list[ScoredItem]:
    """Ask aloud for the pictures that `draw_texts` asks for, by a group of voices."""
    scenes = list(unseen_scenes(bench.samples, bench.seed))
    speak = bench.speech.voices[voices]
    prompts = (
        Prompt(
            task="s2i",
            audio=speak(one.request, f"{one.seed} request"),
            seed=one.seed,
            wording=f"unseen-{one.seed}-s2i",
        )
        for one in scenes
    )
    return _drawn(bench, scenes, bench.respond("s2i", prompts, None), bounds=False)


def _written(scenes: Sequence[UnseenScene]) -> Iterator[Prompt]:
    for one in scenes:
        yield Prompt(task="t2i", text=one.request, seed=one.seed, wording=f"unseen-{one.seed}-t2i")


def _drawn(bench: Bench, scenes: Sequence[UnseenScene], responses: Iterator[Response], *, bounds: bool) -> list[ScoredItem]:
    items = []
    others = [*scenes[1:], *scenes[:1]]
    for one, other, response in zip(scenes, others, responses, strict=True):
        found = see(response.picture) if response.picture is not None else ()
        measures = {MODEL: request_measures(one.request, found)}
        measures[OTHER] = request_measures(one.request, bench.seen(other.seed))
        if bounds:
            measures[RENDERED] = request_measures(one.request, bench.seen(one.seed))
            measures[TOKENIZER] = request_measures(one.request, bench.seen_again(one.seed))
        items.append(
            ScoredItem(
                key=str(one.seed),
                source=one.seed,
                asked=one.request,
                expected=inventory(one.scene.objects),
                got=inventory(found),
                measures=measures,
                steps=response.steps,
            )
        )
    return items


def inventory(objects: Sequence[SceneObject]) -> str:
    """Name objects in words, for people: "large red star, small blue ring"."""
    return ", ".join(f"{item.size} {item.colour} {item.shape}" for item in objects) or "nothing"
