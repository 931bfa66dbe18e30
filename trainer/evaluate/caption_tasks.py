"""Task: what a caption says, held against the scene."""

from omniforge.pipeline.sources.scenes import Scene, draw
from omniforge.pipeline.sources.scenes_claims import CountClaim, claims
from omniforge.pipeline.sources.scenes_language import captions
from omniforge.trainer.evaluate.bench import Bench
from omniforge.trainer.evaluate.picture_measures import things_right
from omniforge.trainer.evaluate.scores import ScoredItem, Share
from omniforge.trainer.evaluate.unseen import unseen_scenes
from omniforge.trainer.generation.prompts import Prompt

MODEL, OTHER = "model", "another scene's caption"


def describe_scenes(bench: Bench) -> list[ScoredItem]:
    """Ask for a caption of every unseen scene; the baseline is a true caption of the next scene."""
    scenes = list(unseen_scenes(bench.samples, bench.seed))
    prompts = (
        Prompt(task="caption", image=draw(one.scene, bench.understanding), wording=f"unseen-{one.seed}-caption")
        for one in scenes
    )
    items = []
    others = [*scenes[1:], *scenes[:1]]
    for one, other, response in zip(scenes, others, bench.respond("caption", prompts, None), strict=True):
        items.append(
            ScoredItem(
                key=str(one.seed),
                source=one.seed,
                asked="a caption",
                expected=captions(one.scene, one.seed)[0],
                got=response.text or "",
                measures={
                    MODEL: caption_measures(response.text or "", one.scene),
                    OTHER: caption_measures(captions(other.scene, other.seed)[0], one.scene),
                },
                steps=response.steps,
            )
        )
    return items


def caption_measures(caption: str, scene: Scene) -> dict[str, Share]:
    """Measure a caption against the scene.

    `all true`: it claims something, and nothing that is false. `claims true`: of what it claims. `objects told`: objects of
    the scene that its true claims of number speak of; a caption need not tell of everything. `says something`: it claims
    anything at all about objects that a scene can have.
    """
    found = claims(caption)
    true = [claim for claim in found if claim.holds(scene.objects)]
    told = [claim.description for claim in true if isinstance(claim, CountClaim) for _ in range(claim.count)]
    return {
        "all true": (float(bool(found) and len(true) == len(found)), 1.0),
        "claims true": (float(len(true)), float(len(found))),
        "objects told": (
            float(things_right(told, scene.objects, ("colour", "shape", "size"))),
            float(len(scene.objects)),
        ),
        "says something": (float(bool(found)), 1.0),
    }
