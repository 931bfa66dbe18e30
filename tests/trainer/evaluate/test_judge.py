from omniforge.pipeline.sources.scenes import draw
from omniforge.pipeline.sources.scenes_judge import see
from omniforge.trainer.evaluate.picture_measures import scene_measures
from omniforge.trainer.evaluate.scores import ScoredItem, figures
from omniforge.trainer.evaluate.unseen import unseen_scenes


def test_the_judge_errs_on_less_than_two_per_cent_of_rendered_scenes():
    items = []
    for one in unseen_scenes(100, seed=1):
        measures = {"rendered": scene_measures(one.scene, see(draw(one.scene)))}
        items.append(
            ScoredItem(key=str(one.seed), source=one.seed, asked="", expected="", got="", measures=measures, steps=None)
        )
    found = figures(items, 0)["rendered"]
    assert {"count", "shape", "colour", "size", "colour+shape", "relation", "all"} <= set(found)
    assert all(figure.value > 0.98 for figure in found.values()), found
