"""Scenes, and sentences, that no corpus trains on; and the answers that training is full of."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from omniforge.pipeline.sources.scenes import Scene, sample_scene
from omniforge.pipeline.sources.scenes_claims import RelationClaim, claims
from omniforge.pipeline.sources.scenes_language import prompt
from omniforge.pipeline.sources.scenes_questions import QuestionType, questions
from omniforge.pipeline.sources.scenes_source import scene_seed
from omniforge.pipeline.sources.sentences import sentence_text

FIRST_UNSEEN = 1 << 42
"""Number, within the test split, of the first scene and the first sentence to evaluate on. Corpora count from 0, and the
picture tokenizer learns from scenes of seeds between 2^40 and 2^41, so none of them can come this far."""

SEED_STRIDE = 1 << 20
"""How far the scenes of two evaluation seeds lie apart; as many can be asked for at most."""

TRAINING_SCENES = 1000
"""Scenes of the training split whose answers are counted for the baseline."""


@dataclass(frozen=True, slots=True)
class UnseenScene:
    """A scene with the seed that draws its wording."""

    seed: int
    scene: Scene

    @property
    def request(self) -> str:
        """What somebody who wants a picture of it says."""
        return prompt(self.scene, self.seed)

    @property
    def names_relation(self) -> bool:
        """Whether the request says where one thing is as seen from another."""
        return any(isinstance(claim, RelationClaim) for claim in claims(self.request))


def first_number(seed: int) -> int:
    """Number within the test split where the scenes and sentences of an evaluation seed begin."""
    return FIRST_UNSEEN + SEED_STRIDE * seed


def unseen_scenes(count: int, seed: int) -> Iterator[UnseenScene]:
    """Yield the first `count` scenes of an evaluation seed."""
    for number in range(first_number(seed), first_number(seed) + count):
        drawn = scene_seed("test", number)
        yield UnseenScene(drawn, sample_scene(drawn))


def unseen_relations(count: int, seed: int) -> Iterator[UnseenScene]:
    """Yield the first `count` scenes of an evaluation seed whose request names a relation; about one in twelve does."""
    found = 0
    for one in unseen_scenes(SEED_STRIDE, seed):
        if found == count:
            return
        if one.names_relation:
            found += 1
            yield one


def unseen_sentences(count: int, seed: int) -> Iterator[tuple[int, str]]:
    """Yield numbers and texts of the first `count` different sentences of an evaluation seed.

    They are held out by their texts, and none is about a scene: corpora of scenes do not hold sentences out, so what the test
    split of the sentences says of a scene may be the caption, the request or a question of the scene in training.

    Raises:
        ValueError: The seed has fewer.
    """
    found: set[str] = set()
    for number in range(first_number(seed), first_number(seed) + SEED_STRIDE):
        if len(found) == count:
            return
        text = sentence_text(number, "test", scene_share=0)
        if text not in found:
            found.add(text)
            yield number, text
    if len(found) < count:
        raise ValueError(f"evaluation: seed {seed} has {len(found)} different sentences, not {count}; ask for fewer samples")


@cache
def majority_answers(scenes: int = TRAINING_SCENES) -> Mapping[QuestionType, str]:
    """Return the most frequent answer to each type of question about the first `scenes` training scenes."""
    counts: dict[QuestionType, Counter[str]] = {}
    for number in range(scenes):
        seed = scene_seed("train", number)
        for question in questions(sample_scene(seed), seed):
            counts.setdefault(question.type, Counter())[question.answer] += 1
    return {kind: min(found, key=lambda answer: (-found[answer], answer)) for kind, found in counts.items()}
