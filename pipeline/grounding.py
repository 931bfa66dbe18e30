"""Which positions of a sample mean what in words: codes by what they show, phrases by what they tell and what they mean."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from omniforge.pipeline.regions import ShownCode
from omniforge.pipeline.tasks import SamplePlan
from omniforge.schemas.record import Mention
from omniforge.tokenizers.chat import Sample, text_pieces
from omniforge.tokenizers.text import TextTokenizer

SHOWN = "image"
"""Role of the picture that `regions` are of."""

Named = tuple[tuple[int, ...], ...]
"""Of each position, ascending: it, and the ids of its words, of each the first that it has as an answer."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """What positions mean: `shown` of codes and phrases by themselves, `meant` of phrases once they are looked up."""

    shown: Named
    meant: Named


ShownCodes = Mapping[str, Sequence[ShownCode]]
"""By the role of whose turn has the picture, which decides its resolution: the codes that show something."""


def ground(sample: Sample, plan: SamplePlan, shown: ShownCodes, mentions: Sequence[Mention], text: TextTokenizer) -> Grounding:
    """Say at which positions of a sample what is to be seen or told.

    A code that a user shows says at its own position what it shows. One that has to be drawn says it where it is predicted, a
    position before: what will be there has to be found in the request, whether the code is masked or not. A phrase is its last
    token. By itself it says the words that it tells, and once it is looked up in the picture those that are found there too.
    """

    def ids(words: Sequence[str]) -> tuple[int, ...]:
        return tuple(text.encode(word)[0] for word in words)

    pictures = [span for span in sample.spans if span.modality == "image"]
    codes = [
        (span.start + code.index - (placed.turn == "assistant"), *ids(code.words))
        for span, placed in zip(pictures, plan.pictures, strict=True)
        if placed.media == SHOWN
        for code in shown.get(placed.turn, ())
    ]
    phrases = list(_phrases(sample, plan, mentions, text))
    told = [(place, *ids(mention.told)) for place, mention in phrases if mention.told]
    meant = [(place, *ids((*mention.told, *mention.found))) for place, mention in phrases if mention.told or mention.found]
    return Grounding(tuple(sorted(codes + told)), tuple(sorted(meant)))


def _phrases(
    sample: Sample, plan: SamplePlan, mentions: Sequence[Mention], text: TextTokenizer
) -> Iterator[tuple[int, Mention]]:
    """Find the last tokens of phrases in a user's texts, each behind the one before; one that is spoken is in no text."""
    spans = [span for span in sample.spans if span.modality == "text"]
    places = [(span, piece) for span, piece in zip(spans, text_pieces(plan.messages), strict=True) if span.role == "user"]
    number = after = 0
    for mention in mentions:
        whole = re.compile(rf"(?<!\w){re.escape(mention.phrase)}(?!\w)")
        for later, (span, piece) in enumerate(places[number:], number):
            if found := whole.search(piece, after if later == number else 0):
                number, after = later, found.end()
                yield span.start + len(text.encode(piece[:after])) - 1, mention
                break
