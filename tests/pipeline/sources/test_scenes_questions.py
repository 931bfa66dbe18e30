import hashlib
import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import Background, Scene, SceneObject, relation, sample_scene
from omniforge.pipeline.sources.scenes_claims import descriptions
from omniforge.pipeline.sources.scenes_questions import QUESTION_TYPES, ask, ask_discreetly, questions
from omniforge.pipeline.sources.scenes_words import RELATION_WORDS, looks_named, sides

NUMBERS = ("zero", "one", "two", "three", "four", "five")
DIRECTIONS = {"left of": "left", "right of": "right", "above": "above", "below": "below"}

seeds = st.integers(min_value=0, max_value=2**40)


def fitting(scene, description):
    return [item for item in scene.objects if description.matches(item)]


def answer_from_words(scene, question):
    """Work the answer out from the question's words and the scene, another way than the question was made."""
    named = descriptions(question.question)
    if question.type == "exist":
        (what,) = named
        return "yes" if fitting(scene, what) else "no"
    if question.type == "count":
        (what,) = named
        return NUMBERS[len(fitting(scene, what))]
    if question.type == "relation":
        first, second = reversed(named) if re.match("Seen from|In which direction", question.question) else named
        (one,), (other,) = fitting(scene, first), fitting(scene, second)
        where = relation(one, other)
        if re.search("^Where|Seen|direction|right or| or to the right| or below", question.question):
            return DIRECTIONS[where]
        said = [rel for rel, words in RELATION_WORDS.items() if any(f" {word} " in question.question for word in words)]
        return "yes" if said == [where] else "no"
    values = {getattr(item, question.type) for item in fitting(scene, named[-1])}
    assert len(values) == 1
    return values.pop()


@given(seeds)
def test_every_answer_follows_from_the_scene_and_the_words_of_the_question(seed):
    scene = sample_scene(seed)
    for question in questions(scene, seed):
        assert answer_from_words(scene, question) == question.answer, question


@given(seeds, st.integers(min_value=0, max_value=12))
def test_as_many_different_questions_are_asked_as_wanted(seed, number):
    asked = ask(sample_scene(seed), seed, number)
    assert len(asked) == number == len({question.question for question in asked})
    assert all(answer_from_words(sample_scene(seed), question) == question.answer for question in asked)


def shared(items):
    """The sizes, colours and shapes that all of some objects have."""
    values = [{item.size for item in items}, {item.colour for item in items}, {item.shape for item in items}]
    return {look for value in values if len(value) == 1 for look in value}


@given(seeds)
def test_phrases_mean_what_the_scene_has_of_them(seed):
    scene = sample_scene(seed)
    for question in questions(scene, seed):
        named = descriptions(question.question)
        places = [question.question.index(mention.phrase) for mention in question.mentions]
        assert places == sorted(places)
        assert len(places) == (2 if question.type == "relation" else 1)
        for mention, what in zip(question.mentions, named[-len(places) :], strict=True):
            meant = fitting(scene, what)
            assert set(mention.told) == {look for look in (what.size, what.colour, what.shape) if look is not None}
            where = set(sides(meant[0])) if len(meant) == 1 else set()
            number = {"yes" if meant else "no", NUMBERS[len(meant)]} if question.type in ("exist", "count") else set()
            found = set(mention.found)
            assert number | where <= found
            assert len(found) == len(mention.found)
            if meant:
                assert found == shared(meant) - set(mention.told) | where | number


def test_a_phrase_that_means_nothing_says_how_what_comes_nearest_differs() -> None:
    things = [("star", "red", "small"), ("star", "red", "large"), ("moon", "purple", "small")]
    objects = tuple(
        SceneObject(shape=shape, colour=colour, size=size, centre=(0.2 + 0.3 * place, 0.5))
        for place, (shape, colour, size) in enumerate(things)
    )
    found = {
        mention.told: mention.found
        for seed in range(3000)
        for question in questions(Scene(objects, Background("plain", "white")), seed, ("exist", "count"))
        for mention in question.mentions
    }
    assert found["purple", "star"] == ("red", "moon", "no", "zero")
    assert found["red", "moon"] == ("purple", "star", "no", "zero")
    assert found["blue", "star"] == ("red", "no", "zero")
    assert found["large", "purple", "moon"] == ("small", "no", "zero")
    assert found["medium", "red", "star"] == ("no", "zero")
    assert found["heart",] == ("no", "zero")
    assert found["red", "star"] == ("yes", "two")
    assert found["moon",] == ("small", "purple", "right", "yes", "one")


def test_things_lie_towards_sides_or_in_the_middle() -> None:
    def lying(x: float, y: float) -> tuple[str, ...]:
        return sides(SceneObject(shape="star", colour="red", size="small", centre=(x, y)))

    assert lying(0.2, 0.2) == ("left", "above")
    assert lying(0.8, 0.5) == ("right",)
    assert lying(0.5, 0.8) == ("below",)
    assert lying(0.5, 0.5) == ()


def test_attributes_are_asked_of_what_is_there():
    scene = sample_scene(11)
    for seed in range(200):
        for question in questions(scene, seed):
            if question.type in ("colour", "shape", "size"):
                assert fitting(scene, descriptions(question.question)[-1])


def test_all_types_are_asked_and_none_twice_before_all():
    assert {question.type for seed in range(20) for question in questions(sample_scene(seed), seed)} == set(QUESTION_TYPES)
    for seed in range(50):
        available = len(questions(sample_scene(seed), seed))
        asked = ask(sample_scene(seed), seed, available)
        assert len({question.type for question in asked}) == available


def test_identical_twins_are_never_told_apart():
    twins = tuple(SceneObject(shape="star", colour="red", size="small", centre=(0.3, y)) for y in (0.2, 0.5, 0.8))
    types = {question.type for seed in range(30) for question in questions(Scene(twins, Background("plain", "white")), seed)}
    assert types == set(QUESTION_TYPES) - {"relation"}


def test_yes_and_no_are_balanced_and_no_answer_dominates():
    answers = {question_type: Counter() for question_type in QUESTION_TYPES}
    for seed in range(1500):
        for question in questions(sample_scene(seed), seed):
            answers[question.type][question.answer] += 1
    for question_type in ("exist", "relation"):
        assert 0.8 < answers[question_type]["yes"] / answers[question_type]["no"] < 1.25
    assert set(answers["count"]) == set(NUMBERS)
    for counted in answers.values():
        assert max(counted.values()) < 0.55 * sum(counted.values())


def test_a_thousand_scenes_are_asked_about_in_many_ways():
    assert len({question.question for seed in range(1000) for question in questions(sample_scene(seed), seed)}) > 2000


def test_questions_never_change():
    asked = repr([ask(sample_scene(seed), seed, 6) for seed in range(200)])
    assert hashlib.sha256(asked.encode()).hexdigest()[:16] == "9741ac06e7e02f36"


def test_where_a_scene_has_too_few_questions_of_the_wanted_types_others_make_up_the_number() -> None:
    seed = next(seed for seed in range(1000) if not questions(sample_scene(seed), seed, ("relation",)))
    asked = ask(sample_scene(seed), seed, 4, ("relation",))
    assert len({question.question for question in asked}) == 4
    assert "relation" not in {question.type for question in asked}
    assert len(ask(sample_scene(seed), seed, 60, tuple(kind for kind in QUESTION_TYPES if kind != "relation"))) == 60


@given(st.integers(min_value=0, max_value=10**6))
def test_wanted_types_come_first(seed: int) -> None:
    kinds = [question.type in ("exist", "count") for question in ask(sample_scene(seed), seed, 6, ("exist", "count"))]
    assert kinds[0]
    assert kinds == sorted(kinds, reverse=True)


@given(seeds)
def test_no_discreet_question_names_what_another_one_asks_for(seed: int) -> None:
    asked = ask_discreetly(sample_scene(seed), seed, 8)
    assert 1 <= len(asked) <= 8
    assert len({question.question for question in asked}) == len(asked)
    looks = [question.answer for question in asked if looks_named(question.answer)]
    assert len(set(looks)) == len(looks)
    for question in asked:
        others = " ".join(other.question for other in asked if other is not question).replace("small, medium or large", "")
        assert not looks_named(question.answer) & looks_named(others)


def test_discreet_questions_are_of_all_types() -> None:
    types = Counter(one.type for seed in range(200) for one in ask_discreetly(sample_scene(seed), seed, 8))
    assert set(types) == set(QUESTION_TYPES)
    assert min(types.values()) > 40


@given(seeds, st.sampled_from([("exist", "count"), ("exist", "count", "relation"), ("relation",)]))
def test_where_no_looks_are_asked_for_none_is_named_twice_and_no_is_no_commoner_than_yes(seed: int, types) -> None:
    asked = ask_discreetly(sample_scene(seed), seed, 12, types)
    assert asked
    assert {question.type for question in asked} <= {"exist", "count", "relation"}
    named = Counter(look for question in asked for look in looks_named(question.question))
    assert set(named.values()) <= {1}
    answers = Counter(question.answer for question in asked if question.type == "exist")
    assert answers["no"] <= answers["yes"]


def test_relations_are_asked_in_most_scenes_where_there_are_any() -> None:
    scenes = [(sample_scene(seed), seed) for seed in range(200)]
    related = [(scene, seed) for scene, seed in scenes if questions(scene, seed, ("relation",))]
    asked = [ask_discreetly(scene, seed, 12, ("exist", "count", "relation")) for scene, seed in related]
    assert sum(any(question.type == "relation" for question in each) for each in asked) > 0.9 * len(related)


def test_of_one_type_alone_discreet_questions_begin_with_it() -> None:
    for seed in range(30):
        types = {one.type for one in ask_discreetly(sample_scene(seed), seed, 1, ("shape",))}
        assert types == {"shape"}
