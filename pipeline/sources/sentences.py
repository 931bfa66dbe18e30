"""The embedded corpus of sentences to be spoken: plain English of 3 to 14 words, made as it is read; nothing on disk."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import sample_scene
from omniforge.pipeline.sources.scenes_language import captions, prompt
from omniforge.pipeline.sources.scenes_questions import ask
from omniforge.pipeline.sources.scenes_source import scene_seed
from omniforge.pipeline.sources.sentences_grammar import expand
from omniforge.pipeline.sources.source import Container, SourceItem
from omniforge.schemas.record import SourceRecord

SENTENCES_PER_CONTAINER = 1024

SENTENCES_VERSION = "1"
"""Raised when a number would give another sentence."""

LEAST_WORDS, MOST_WORDS = 3, 14

HELD_OUT_EVERY = 10
"""One sentence in so many is held out, chosen by the hash of its text, so that no text is in both splits."""

SCENE_SHARE = 0.4
"""Share of the sentences that speak of an embedded scene (of the scenes' train split)."""

SCENES_SPOKEN_OF = 1_000_000


def is_held_out(text: str) -> bool:
    """Whether a sentence belongs to the test split."""
    return hashlib.sha256(text.encode()).digest()[0] % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def sentence_text(
    number: int, split: Literal["train", "test"] = "train", scene_share: float = SCENE_SHARE, most_words: int = MOST_WORDS
) -> str:
    """Write sentence `number` of a split: the same one on every machine, forever (within `SENTENCES_VERSION`).

    With a `scene_share` of 0 it speaks of no scene, so that the corpora of scenes do not hold its text either. With fewer
    `most_words` longer ones are passed over.
    """
    chance = Chance("sentence", SENTENCES_VERSION, split, number)
    while True:
        text = _about_scene(chance) if chance.happens(scene_share) else expand("sentence", chance)
        if LEAST_WORDS <= len(text.split()) <= most_words and is_held_out(text) == (split == "test"):
            return text


def _about_scene(chance: Chance) -> str:
    """Say, ask or request something of a scene, or answer a question in a whole sentence."""
    seed = scene_seed("train", chance.below(SCENES_SPOKEN_OF))
    scene = sample_scene(seed)
    form = chance.below(3)
    if form == 0:
        return chance.pick(captions(scene, seed))
    if form == 1:
        return prompt(scene, seed)
    return ask(scene, seed, 1)[0].question


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """`count` sentences of a split, from number `seed` on, in virtual containers of 1,024; text alone, to be spoken by TTS.

    A greater `count` adds containers and changes at most the last one. With fewer `most_words` than 14 all of them are short,
    and other sentences than those of the same numbers without.

    Raises:
        ValueError: A number is out of range.
    """

    version: ClassVar[str] = "1"
    count: int = field(repr=False)
    seed: int = field(default=0, repr=False)
    split: Literal["train", "test"] = "train"
    most_words: int = field(default=MOST_WORDS, repr=False)
    license: str = "CC0-1.0"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"sentences: count is {self.count}; ask for at least 1")
        if self.seed < 0:
            raise ValueError(f"sentences: seed is {self.seed}; begin at 0 or above")
        if self.split not in ("train", "test"):
            raise ValueError(f"sentences: split is {self.split!r}; use train or test")
        if not LEAST_WORDS <= self.most_words <= MOST_WORDS:
            raise ValueError(f"sentences: most_words is {self.most_words}; sentences have {LEAST_WORDS} to {MOST_WORDS} words")

    def containers(self, root: Path) -> Iterator[Container]:
        """List the virtual containers; `root` is not looked at. See `Source.containers`."""
        for part in range(self.seed // SENTENCES_PER_CONTAINER, -(-(self.seed + self.count) // SENTENCES_PER_CONTAINER)):
            first = self._first(part)
            records = min(self.seed + self.count, (part + 1) * SENTENCES_PER_CONTAINER) - first
            facts: tuple[object, ...] = ("sentences", SENTENCES_VERSION, self.version, self.split, first, records)
            # Not among the facts where it is the default, so that corpora made before keep their identity.
            facts = (*facts, *((self.most_words,) if self.most_words != MOST_WORDS else ()))
            yield Container(
                path=f"sentences/{self.split}/{part:05d}",
                identity=hashlib.sha256(repr(facts).encode()).hexdigest(),
                records=records,
                bytes=64 * records,
            )

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Make a range of records; see `Source.read`.

        Raises:
            ValueError: The container is none of this split.
        """
        folder, _, part = container.rpartition("/")
        if folder != f"sentences/{self.split}" or not part.isdecimal():
            raise ValueError(f"sentences: no container {container!r}; they are sentences/{self.split}/00000 and so on")
        first = self._first(int(part))
        for number in range(first + start, first + stop):
            yield SourceRecord(
                source_uri=f"{container}#{number}",
                kind="tts",
                text=sentence_text(number, self.split, most_words=self.most_words),
                language="en",
                license=self.license,
                split=self.split,
            )

    def _first(self, part: int) -> int:
        """Number, in the split, of the first sentence of a container."""
        return max(self.seed, part * SENTENCES_PER_CONTAINER)
