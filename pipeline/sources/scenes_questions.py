"""Questions about a scene, each with the one answer that follows from it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, get_args

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import COLOURS, RADII, SCENES_VERSION, SHAPES, Scene, SceneObject
from omniforge.pipeline.sources.scenes_phrases import pair_words, related_pairs
from omniforge.pipeline.sources.scenes_words import (
    ANYTHING,
    DIRECTIONS,
    NUMBERS,
    OPPOSITES,
    RELATION_WORDS,
    THING,
    Description,
    looks_named,
    matching,
    noun,
    sides,
    with_article,
)
from omniforge.schemas.record import Mention

QuestionType = Literal["exist", "count", "colour", "shape", "size", "relation"]
QUESTION_TYPES: tuple[QuestionType, ...] = get_args(QuestionType)

EXIST_FRAMES: tuple[str, ...] = (
    "Is there {one}?",
    "Is there {one} in the picture?",
    "Is there {one} in this image?",
    "Do you see {one}?",
    "Can you see {one} here?",
    "Does the picture contain {one}?",
    "Does this image show {one}?",
    "Are there any {many}?",
    "Are there any {many} in the picture?",
    "Do you see any {many}?",
)

COUNT_FRAMES: tuple[str, ...] = (
    "How many {many} are there?",
    "How many {many} are in the picture?",
    "How many {many} do you see?",
    "How many {many} can you find in this image?",
    "How many {many} does the picture show?",
    "Count the {many}.",
    "What is the number of {many}?",
    "Tell me how many {many} there are.",
)

COLOUR_FRAMES: tuple[str, ...] = (
    "What color {is} the {it}?",
    "What color {is} the {it} in the picture?",
    "Which color {is} the {it}?",
    "What is the color of the {it}?",
    "Tell me the color of the {it}.",
    "Can you name the color of the {it}?",
)

SHAPE_FRAMES: tuple[str, ...] = (
    "What shape {is} the {it}?",
    "Which shape {is} the {it}?",
    "What is the shape of the {it}?",
    "What kind of shape {is} the {it}?",
    "Tell me the shape of the {it}.",
    "Name the shape of the {it}.",
)

SIZE_FRAMES: tuple[str, ...] = (
    "What size {is} the {it}?",
    "How big {is} the {it}?",
    "How large {is} the {it}?",
    "What is the size of the {it}?",
    "{Is} the {it} small, medium or large?",
    "Tell me the size of the {it}.",
)

WHERE_FRAMES: tuple[str, ...] = (
    "Where is the {first} compared to the {second}?",
    "Where is the {first} relative to the {second}?",
    "Seen from the {second}, where is the {first}?",
    "In which direction from the {second} is the {first}?",
)

_APART = 1 << 48
"""Seeds of questions of one type, far from those of other questions about the same scene."""

_LOOKS: tuple[QuestionType, ...] = ("colour", "shape", "size")
_SCARCE: tuple[QuestionType, ...] = (*_LOOKS, "relation")
"""Types of which hardly any could be asked after a few of the other ones, which name looks and ask for none."""

WITHOUT_LOOKS: frozenset[QuestionType] = frozenset(get_args(QuestionType)).difference(_LOOKS)
"""Types that ask for no look: whether something is there, how many, and where."""

_NUMBERED: tuple[QuestionType, ...] = ("exist", "count")
"""Types whose phrases may mean nothing or several things, which is what is asked."""

_CANDIDATES = 2
"""How many questions are thought of for each that is asked discreetly."""

_PATIENCE = 40
"""Rounds of questions of the wanted types before others are asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a scene and its only right answer; `mentions` are its phrases for what is in the scene, in order."""

    type: QuestionType
    question: str
    answer: str
    mentions: tuple[Mention, ...] = field(default=(), repr=False)


Asked = tuple[str, str, tuple[tuple[str, Description], ...]]
"""A question, its answer, and the phrases in it with what they say."""


def questions(scene: Scene, seed: int, types: Sequence[QuestionType] = QUESTION_TYPES) -> tuple[Question, ...]:
    """Ask at most one question of each of some types, of those that have a question with a single right answer here."""
    asked = []
    for question_type in types:
        chance = Chance("question", question_type, SCENES_VERSION, seed)
        if (found := _ASKING[question_type](scene, chance)) is not None:
            question, answer, phrases = found
            numbered = question_type in _NUMBERED
            mentions = (_mention(scene, phrase, told, numbered) for phrase, told in sorted(phrases, key=_place_in(question)))
            asked.append(Question(question_type, question, answer, tuple(mentions)))
    return tuple(asked)


def ask(scene: Scene, seed: int, number: int, types: Sequence[QuestionType] = QUESTION_TYPES) -> tuple[Question, ...]:
    """Ask exactly `number` different questions: of different types as long as there are any, then of all again.

    Where a scene has too few questions of the types that are wanted, those of the other types make up the number.
    """
    chance = Chance("types asked", SCENES_VERSION, seed)
    rounds = _rounds(types)
    asked: list[Question] = []
    while len(asked) < number:
        wanted, again = next(rounds)
        heard = {question.question for question in asked}
        more = questions(scene, (again << 32) + seed, wanted)
        asked += [question for question in chance.shuffled(more) if question.question not in heard]
    return tuple(asked[:number])


def ask_discreetly(
    scene: Scene, seed: int, number: int, types: Sequence[QuestionType] = QUESTION_TYPES
) -> tuple[Question, ...]:
    """Ask up to `number` questions that can be read together: none names a shape, colour or size that another asks for.

    Of twelve questions by `ask` nearly every such answer is in the words of another one ("How many hearts are there?"), so who
    reads all of them need not look at the picture. No such answer is given twice either. Colours, shapes or sizes come as
    often as the scene allows, one of them for each scene, because those of several types soon name what others would ask for.

    Where no looks are asked for, see `_ask_apart`.
    """
    if set(types) <= WITHOUT_LOOKS:
        return _ask_apart(scene, seed, number, types)
    chance = Chance("asked discreetly", SCENES_VERSION, seed)
    theme = chance.pick([one for one in types if one in _LOOKS] or types)
    candidates = [one for one in ask(scene, seed + _APART, number, (theme,)) if one.type == theme]
    candidates += sorted(ask(scene, seed, _CANDIDATES * number, types), key=lambda one: one.type not in _SCARCE)
    asked: dict[str, Question] = {}
    named: set[str] = set()
    answers: set[str] = set()
    for question in candidates:
        answer = looks_named(question.answer)
        # A choice of all sizes gives none of them away.
        naming = looks_named(question.question) - (answer if question.type == "size" else set())
        if len(asked) < number and not answer & (named | naming | answers) and not naming & answers:
            asked[question.question] = question
            named |= naming
            answers |= answer
    return tuple(chance.shuffled(list(asked.values())))


def _ask_apart(scene: Scene, seed: int, number: int, types: Sequence[QuestionType]) -> tuple[Question, ...]:
    """Ask up to `number` questions of which no two name the same look, and of what is there no more "no" than "yes".

    Half of all such questions are about what is there, so what several of them name is there: who reads them need not look.
    Those that name two things come first, or there would hardly be any.
    """
    asked: list[Question] = []
    named: set[str] = set()
    there = Counter[str]()
    # Twice as many as elsewhere: most name a look that is named already. Where there are too few, `ask` asks for looks too.
    candidates = [one for one in ask(scene, seed + _APART, 2 * _CANDIDATES * number, types) if one.type in WITHOUT_LOOKS]
    for question in sorted(candidates, key=lambda one: one.type != "relation"):
        naming = looks_named(question.question) or {"anything"}
        missing = question.type == "exist" and question.answer == "no"
        if len(asked) < number and not naming & named and (not missing or there["no"] < there["yes"]):
            asked.append(question)
            named |= naming
            there[question.answer] += question.type == "exist"
    return tuple(Chance("asked apart", SCENES_VERSION, seed).shuffled(asked))


def _rounds(types: Sequence[QuestionType]) -> Iterator[tuple[Sequence[QuestionType], int]]:
    """Yield types and the number of their round without end: those that are wanted, later all of them, each time from 0 on."""
    if set(types) != set(QUESTION_TYPES):
        yield from ((types, again) for again in range(_PATIENCE))
    yield from ((QUESTION_TYPES, again) for again in count())


def _place_in(question: str) -> Callable[[tuple[str, Description]], int]:
    return lambda phrase: question.index(phrase[0])


def _mention(scene: Scene, phrase: str, description: Description, numbered: bool) -> Mention:
    """Say of a phrase what it tells, and what is found of it besides.

    Of what it means that is what all have in common, and where it is if it is one thing; of a phrase that means nothing, how
    what comes nearest differs: for a purple star that the stars are red and what is purple is a moon. And if that is asked,
    whether there is any and how many.
    """
    looks = {look: getattr(description, look) for look in ("size", "colour", "shape")}
    told = {look: said for look, said in looks.items() if said is not None}
    if found := matching(scene.objects, description):
        seen = [shared for look in looks if look not in told for shared in _shared(found, look)]
    else:
        nearest = {look: matching(scene.objects, replace(description, **{look: None})) for look in told if len(told) > 1}
        seen = [shared for look, items in nearest.items() for shared in _shared(items, look)]
    where = sides(found[0]) if len(found) == 1 else ()
    number = ("yes" if found else "no", NUMBERS[len(found)]) if numbered else ()
    return Mention(phrase, tuple(told.values()), (*seen, *where, *number))


def _shared(items: Sequence[SceneObject], look: str) -> set[str]:
    """Return the one value of a look that all of some objects have; empty if they differ, or there are none."""
    values = {getattr(item, look) for item in items}
    return values if len(values) == 1 else set()


def _exist(scene: Scene, chance: Chance) -> Asked:
    there = chance.happens(0.5)
    item = chance.pick(scene.objects)
    while True:
        shape, colour, size = chance.pick(SHAPES), chance.pick(tuple(COLOURS)), chance.pick(tuple(RADII))
        described = chance.pick(
            (
                Description(item.shape if there else shape),
                Description(None, item.colour if there else colour),
                Description(item.shape, item.colour if there else colour),
                Description(item.shape if there else shape, item.colour),
                Description(item.shape, item.colour, item.size if there else size),
            )
        )
        if bool(matching(scene.objects, described)) == there:
            break
    one, many = noun(described, chance), noun(described, chance, plural=True)
    question = chance.pick(EXIST_FRAMES).format(one=with_article(one), many=many)
    return question, "yes" if there else "no", ((many if many in question else one, described),)


def _count(scene: Scene, chance: Chance) -> Asked:
    """Ask for a number; numbers are drawn before what is counted, so that small ones don't crowd out the others."""
    candidates = [Description()]
    if chance.happens(0.25):
        candidates.append(Description(chance.pick(SHAPES), chance.pick(tuple(COLOURS))))
    for item in scene.objects:
        candidates += [Description(item.shape), Description(None, item.colour), Description(item.shape, item.colour)]
        candidates += [Description(size=item.size), Description(item.shape, size=item.size)]
    by_number: dict[int, list[Description]] = {}
    for candidate in candidates:
        by_number.setdefault(len(matching(scene.objects, candidate)), []).append(candidate)
    number = chance.pick(sorted(by_number))
    counted = chance.pick(by_number[number])
    frame = chance.pick(COUNT_FRAMES)
    many = noun(counted, chance, plural=True)
    return frame.format(many=many), NUMBERS[number], ((many, counted),)


def _attribute(
    scene: Scene,
    chance: Chance,
    frames: tuple[str, ...],
    told: Callable[[SceneObject], tuple[Description, ...]],
    asked: Callable[[SceneObject], str],
    anything: tuple[str, ...] = ANYTHING,
) -> Asked | None:
    """Ask for what all objects of a description share; None if no description of an object leaves it without doubt."""
    clear = []
    for item in scene.objects:
        for description in told(item):
            found = matching(scene.objects, description)
            if len({asked(other) for other in found}) == 1:
                clear.append((description, asked(item), len(found) > 1))
    if not clear:
        return None
    description, answer, plural = chance.pick(clear)
    name = noun(description, chance, plural, anything)
    verb = "are" if plural else "is"
    question = chance.pick(frames).format(it=name, **{"is": verb, "Is": verb.capitalize()})
    return question, answer, ((name, description),)


def _colour(scene: Scene, chance: Chance) -> Asked | None:
    def told(item: SceneObject) -> tuple[Description, ...]:
        return Description(item.shape), Description(item.shape, size=item.size), Description(size=item.size)

    return _attribute(scene, chance, COLOUR_FRAMES, told, lambda item: item.colour)


def _shape(scene: Scene, chance: Chance) -> Asked | None:
    def told(item: SceneObject) -> tuple[Description, ...]:
        return (
            Description(colour=item.colour),
            Description(colour=item.colour, size=item.size),
            Description(size=item.size),
        )

    return _attribute(scene, chance, SHAPE_FRAMES, told, lambda item: item.shape, THING)


def _size(scene: Scene, chance: Chance) -> Asked | None:
    def told(item: SceneObject) -> tuple[Description, ...]:
        return Description(item.shape), Description(item.shape, item.colour), Description(colour=item.colour)

    return _attribute(scene, chance, SIZE_FRAMES, told, lambda item: item.size)


def _relation(scene: Scene, chance: Chance) -> Asked | None:
    """Ask yes or no, which of two opposite directions, or an open "where"; None if objects can't be told apart."""
    pairs = related_pairs(scene, chance)
    if not pairs:
        return None
    first, _, second = pair_words(pairs[0], chance)
    one, where, other = pairs[0]
    phrases = (first, one), (second, other)
    form = chance.below(4)
    if form < 2:
        true = chance.happens(0.5)
        said = chance.pick(RELATION_WORDS[where if true else OPPOSITES[where]])
        return f"Is the {first} {said} the {second}?", "yes" if true else "no", phrases
    if form == 2:
        return chance.pick(WHERE_FRAMES).format(first=first, second=second), DIRECTIONS[where], phrases
    sides = "to the left or to the right of" if where in ("left of", "right of") else "above or below"
    return f"Is the {first} {sides} the {second}?", DIRECTIONS[where], phrases


_ASKING: dict[QuestionType, Callable[[Scene, Chance], Asked | None]] = {
    "exist": _exist,
    "count": _count,
    "colour": _colour,
    "shape": _shape,
    "size": _size,
    "relation": _relation,
}
