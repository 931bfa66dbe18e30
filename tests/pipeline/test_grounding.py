import pytest
from scene_samples import CONFIG, scene_samples

from omniforge.pipeline.grounding import ground
from omniforge.pipeline.regions import read_mentions
from omniforge.pipeline.samples import TokenSample
from omniforge.pipeline.sources.scenes_source import Scenes
from omniforge.pipeline.tasks import SamplePlan
from omniforge.pipeline.tokenization import Tokenizers
from omniforge.schemas.record import Mention, Message
from omniforge.tokenizers.chat import lay_out


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    return Tokenizers.load(CONFIG)


def grounded(tokenizers: Tokenizers, mentions: list[Mention], *turns: Message) -> list[tuple[str, list[str], list[str]]]:
    """Each place that is named: the text up to it, what it says by itself and what it means."""
    sample = lay_out(turns, [], [], tokenizers.text, tokenizers.vocabulary)
    named = ground(sample, SamplePlan("chat", turns, (), ()), {}, mentions, tokenizers.text)
    words = {word: tokenizers.text.encode(word)[0] for word in ("large", "star", "red", "two")}
    told = {place: [word for word, number in words.items() if number in ids] for place, *ids in named.shown}
    return [
        (
            tokenizers.text.decode([int(i) for i in sample.ids[:place] if i < tokenizers.text.size]) + "|",
            told.get(place, []),
            [word for word, number in words.items() if number in ids],
        )
        for place, *ids in named.meant
    ]


def test_a_phrase_is_named_at_its_last_token(tokenizers: Tokenizers) -> None:
    mention = Mention("big stars", ("large", "star"), ("red",))
    ((before, told, meant),) = grounded(tokenizers, [mention], Message("user", "What color are the big stars?"))
    assert "the big" in before
    assert "?" not in before
    assert (told, meant) == (["large", "star"], ["large", "star", "red"])


def test_phrases_are_sought_behind_each_other_in_all_that_a_user_writes(tokenizers: Tokenizers) -> None:
    star = [Mention("star", ("star",), (word,)) for word in ("red", "large")]
    turns = [Message("user", "Stars? A star?"), Message("assistant", "a star"), Message("user", "And the star?")]
    first, second = grounded(tokenizers, star, *turns)
    assert (first[2], second[2]) == (["star", "red"], ["large", "star"])
    assert "Stars? A" in first[0]
    assert "And the" in second[0]


def test_what_tells_nothing_by_itself_still_means_something(tokenizers: Tokenizers) -> None:
    ((_, told, meant),) = grounded(tokenizers, [Mention("things", (), ("two",))], Message("user", "How many things?"))
    assert (told, meant) == ([], ["two"])


def test_what_is_not_written_is_passed_over(tokenizers: Tokenizers) -> None:
    mentions = [Mention("ring", ("red",), ()), Mention("star", ("star",), ("red",))]
    assert [meant for *_, meant in grounded(tokenizers, mentions, Message("user", "Any star?"))] == [["star", "red"]]


@pytest.fixture(scope="module", params=[True, False])
def samples(request: pytest.FixtureRequest, tokenizers: Tokenizers) -> list[TokenSample]:
    return scene_samples(Scenes(count=3, size=64, questions=4, conversation=request.param, lists=True), tokenizers)


def test_every_phrase_of_a_scene_s_questions_is_found(samples: list[TokenSample], tokenizers: Tokenizers) -> None:
    asked = [sample for sample in samples if "mentions" in sample.record.measures]
    assert asked
    for sample in asked:
        mentions = read_mentions(str(sample.record.measures["mentions"]))
        ids = [tuple(tokenizers.text.encode(word)[0] for word in (*one.told, *one.found)) for one in mentions]
        assert [tuple(words) for _, *words in sample.mentions] == [words for words in ids if words]
        spans = [
            range(span.start, span.stop) for span in sample.sample.spans if span.modality == "text" and span.role == "user"
        ]
        assert all(any(place in span for span in spans) for place, *_ in sample.mentions)


def test_samples_without_questions_mention_nothing(samples: list[TokenSample]) -> None:
    others = [sample for sample in samples if "mentions" not in sample.record.measures]
    assert others
    assert not any(sample.mentions for sample in others)
