"""The embedded corpus of scenes: captions, questions and requests with pictures, made as they are read; nothing on disk."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from omniforge.pipeline.regions import written_mentions, written_regions
from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import MOST_OBJECTS, SCENES_VERSION, Scene, SceneObject, draw, object_count, sample_scene
from omniforge.pipeline.sources.scenes_language import captions, listing, prompt
from omniforge.pipeline.sources.scenes_neat import neat_scene
from omniforge.pipeline.sources.scenes_questions import (
    QUESTION_TYPES,
    WITHOUT_LOOKS,
    Question,
    QuestionType,
    ask,
    ask_discreetly,
)
from omniforge.pipeline.sources.scenes_words import sides
from omniforge.pipeline.sources.source import Container, SourceItem
from omniforge.pipeline.sources.turns import IMAGE_TAG
from omniforge.schemas.record import Message, RawMedia, Region, SourceRecord
from omniforge.tokenizers.chat import messages_for

Split = Literal["train", "test"]

SCENES_PER_CONTAINER = 256

HELD_OUT_EVERY = 10
"""One scene in so many is held out: those whose seed leaves the greatest remainder."""


def is_held_out(seed: int) -> bool:
    """Whether the scene of a seed belongs to the test split, in every corpus of scenes."""
    return seed % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def scene_seed(split: Split, number: int) -> int:
    """Seed of scene `number` of a split, counting from 0."""
    if split == "test":
        return HELD_OUT_EVERY * number + HELD_OUT_EVERY - 1
    return number + number // (HELD_OUT_EVERY - 1)


def scene_of(source_uri: str) -> Scene:
    """Give the truth about the picture of a record: `scenes/train/00000#17 caption` shows the scene of seed 17.

    Raises:
        ValueError: The uri names no record of this corpus.
    """
    _, _, record = source_uri.partition("#")
    seed, _, name = record.partition(" ")
    if not source_uri.startswith("scenes/") or not seed.isdecimal():
        raise ValueError(f"source uri {source_uri!r}: no record of scenes; they are like scenes/train/00000#17 caption")
    scene = sample_scene(int(seed))
    return neat_scene(prompt(scene, int(seed)), scene) if name == "neat prompt" else scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """`count` scenes of a split in virtual containers of 256: a caption, `questions` questions, and a request each.

    With `conversation` up to `questions` questions about a scene are one record, asked and answered turn by turn: a sample then
    has all the answers for the tokens of one picture. They are asked so that none tells another's answer (`ask_discreetly`).
    It gives the length of each answer away, which says nothing where every answer is one id, as in the embedded text
    tokenizer. The record's kind is `chat`; its samples are of the task `vqa`.

    `types` are the types of question to ask. A model that is asked one thing alone soon learns to look at pictures
    (docs/embedded-model.md). Where a scene has too few questions of them others make up the number: a third of the scenes has
    no relation to ask about and a fifth no size. A conversation of `exist`, `count` and `relation` alone names no look
    twice, so it has fewer questions, five to seven of twelve.

    With `lists` one more question about each scene asks for everything in it from left to right (`scenes_language.listing`):
    some ten words that have to be seen for the tokens of one picture. It is of the kind `chat` too; where it asks for nothing
    but a description its sample is of the task `caption`.

    Every record with a picture says in `regions` what lies where in it, so that a training can ask codes what they show, and
    questions say in `mentions` which of their phrases mean what of that.

    With `neat` the picture of a request is drawn as the request says and plain in all else (`scenes_neat.neat_scene`),
    instead of the scene with its ground, sizes and places that nobody asked for: a small model learns to draw from these, as it
    cannot guess the others. So that captions are not drawn too, they are conversations then that ask for a description, of the
    kind `chat`.

    `most_objects` leaves out the scenes of `count` that have more: a fifth have one object, a fifth two, and so on to five. In
    scenes of one object nothing has to be found before it can be looked at.

    `seed` is the number of the split's scene to begin with and `size` the side of the pictures in pixels. A scene has the same
    uris and the same truth in every corpus, and none is in both splits. A greater `count` adds containers and changes at most
    the last one.

    Raises:
        ValueError: A number is out of range.
    """

    version: ClassVar[str] = "4"
    count: int = field(repr=False)
    seed: int = field(default=0, repr=False)
    size: int = 128
    split: Split = "train"
    questions: int = 4
    types: tuple[QuestionType, ...] = field(default=QUESTION_TYPES, repr=False)
    conversation: bool = False
    prompts: bool = True
    neat: bool = False
    lists: bool = False
    most_objects: int = field(default=MOST_OBJECTS, repr=False)
    license: str = "CC0-1.0"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"scenes: count is {self.count}; ask for at least 1")
        if self.seed < 0:
            raise ValueError(f"scenes: seed is {self.seed}; begin at 0 or above")
        if not 32 <= self.size <= 2048:
            raise ValueError(f"scenes: size is {self.size}; shapes can be told apart from 32 to 2048 pixels")
        if self.split not in ("train", "test"):
            raise ValueError(f"scenes: split is {self.split!r}; use train or test")
        if not 0 <= self.questions <= 12:
            raise ValueError(f"scenes: questions is {self.questions}; ask 0 to 12 questions of a scene")
        if not 1 <= self.most_objects <= MOST_OBJECTS:
            raise ValueError(f"scenes: most_objects is {self.most_objects}; scenes have 1 to {MOST_OBJECTS} objects")
        if not self.types or set(self.types) - set(QUESTION_TYPES) or len(set(self.types)) < len(self.types):
            raise ValueError(
                f"scenes: types are {', '.join(self.types) or 'none'}; choose from {', '.join(QUESTION_TYPES)}, each once"
            )

    @property
    def records_per_scene(self) -> int:
        """How many records every scene gives."""
        questions = min(1, self.questions) if self.conversation else self.questions
        return 1 + questions + self.lists + self.prompts

    def containers(self, root: Path) -> Iterator[Container]:
        """List the virtual containers; `root` is not looked at. See `Source.containers`."""
        for part in range(self.seed // SCENES_PER_CONTAINER, -(-(self.seed + self.count) // SCENES_PER_CONTAINER)):
            numbers = self._numbers(part)
            facts: tuple[object, ...] = ("scenes", SCENES_VERSION, self.version, self.split)
            facts = (*facts, numbers.start, len(numbers), self.size)
            facts = (*facts, self.questions, self.prompts, *(("discreet conversation",) if self.conversation else ()))
            # The identity of what asks everything is what it was before there was a choice.
            facts = (*facts, *(self.types if self.types != QUESTION_TYPES else ()))
            facts = (*facts, *(("apart",) if self.conversation and set(self.types) <= WITHOUT_LOOKS else ()))
            facts = (*facts, *(("lists",) if self.lists else ()))
            facts = (*facts, *(("neat",) if self.neat else ()))
            facts = (*facts, *((self.most_objects,) if self.most_objects != MOST_OBJECTS else ()))
            records = len(self._seeds(part)) * self.records_per_scene
            # Of a few scenes all may have too many objects.
            if records:
                yield Container(
                    path=f"scenes/{self.split}/{part:05d}",
                    identity=hashlib.sha256(repr(facts).encode()).hexdigest(),
                    records=records,
                    bytes=records * self.size * self.size // 8,
                )

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Make a range of records; see `Source.read`.

        Raises:
            ValueError: The container is none of this split.
        """
        folder, _, number = container.rpartition("/")
        if folder != f"scenes/{self.split}" or not number.isdecimal():
            raise ValueError(f"scenes: no container {container!r}; they are scenes/{self.split}/00000 and so on")
        first = start // self.records_per_scene
        for scene, seed in enumerate(self._seeds(int(number))[first : -(-stop // self.records_per_scene)], first):
            before = scene * self.records_per_scene
            yield from self._scene_records(container, seed)[max(0, start - before) : stop - before]

    def _numbers(self, part: int) -> range:
        """Numbers, in the split, of the scenes that a container is made of."""
        first = max(self.seed, part * SCENES_PER_CONTAINER)
        return range(first, min(self.seed + self.count, (part + 1) * SCENES_PER_CONTAINER))

    def _seeds(self, part: int) -> list[int]:
        """Seeds of the scenes in a container."""
        seeds = (scene_seed(self.split, number) for number in self._numbers(part))
        return [seed for seed in seeds if self.most_objects == MOST_OBJECTS or object_count(seed) <= self.most_objects]

    def _scene_records(self, container: str, seed: int) -> list[SourceRecord]:
        """Make all records of one scene: its caption, its questions, the request for it."""
        scene = sample_scene(seed)
        texts = captions(scene, seed)
        text = Chance("caption told", SCENES_VERSION, seed).pick(texts)
        bare = SourceRecord(
            source_uri=f"{container}#{seed} caption",
            kind="caption",
            text=text,
            language="en",
            license=self.license,
            split=self.split,
            related_texts=tuple(other for other in texts if other != text),
        )
        template = _pictured(bare, scene, seed, self.size)
        asked = (ask_discreetly if self.conversation else ask)(scene, seed, self.questions, self.types)
        made = [_described(template) if self.neat else template]
        made += [*(_conversation(template, asked) if self.conversation else _questions(template, asked))]
        if self.lists:
            made.append(_told(_renamed(template, "list"), [listing(scene, seed)]))
        if self.prompts:
            made.append(self._request(template, scene, seed))
        return made

    def _request(self, template: SourceRecord, scene: Scene, seed: int) -> SourceRecord:
        """Make the record of the request for a scene, of the record of its caption."""
        text = prompt(scene, seed)
        record = _renamed(template, "prompt")
        if self.neat:
            scene = neat_scene(text, scene)
            record = _pictured(_renamed(template, "neat prompt"), scene, seed, self.size)
        return replace(record, kind="prompt", text=text, related_texts=captions(scene, seed))


def _pictured(record: SourceRecord, scene: Scene, seed: int, size: int) -> SourceRecord:
    """Give a record the picture of a scene, and what lies where in it."""
    regions = written_regions([_region(item) for item in scene.objects])
    return replace(record, media=(RawMedia("image", f"{seed}.png", png(scene, size)),), measures={"regions": regions})


def _region(item: SceneObject) -> Region:
    """Say what an object is, towards which sides it lies, and which part of the picture it takes."""
    (x, y), reach = item.centre, item.radius
    edges = (x - reach, y - reach, x + reach, y + reach)
    left, top, right, bottom = (round(edge, 3) for edge in edges)
    return Region(" ".join((item.size, item.colour, item.shape, *sides(item))), (left, top, right, bottom))


def _questions(picture: SourceRecord, asked: Sequence[Question]) -> Iterator[SourceRecord]:
    """Make a record of each question about the picture of a record."""
    times: Counter[str] = Counter()
    for each in asked:
        times[each.type] += 1
        name = each.type if times[each.type] == 1 else f"{each.type} {times[each.type]}"
        question = replace(_renamed(picture, name), kind="vqa", text=None, related_texts=())
        yield replace(_mentioning(question, [each]), question=each.question, answer=each.answer)


def _described(caption: SourceRecord) -> SourceRecord:
    """Make a caption's record a conversation that asks for it: it gives the same sample, and none in which it is drawn."""
    messages = messages_for("caption", text=caption.text, question=None, answer=None, seed_key=caption.source_uri)
    return replace(caption, kind="chat", text=None, related_texts=(), messages=messages)


def _conversation(picture: SourceRecord, asked: Sequence[Question]) -> Iterator[SourceRecord]:
    """Make one record of all questions about the picture of a record, and none if there are none."""
    if asked:
        picture = _mentioning(_renamed(picture, "conversation"), asked)
        yield _told(picture, [(each.question, each.answer) for each in asked])


def _mentioning(record: SourceRecord, asked: Sequence[Question]) -> SourceRecord:
    """Say in a record which phrases of its questions mean what."""
    mentions = written_mentions([mention for question in asked for mention in question.mentions])
    return replace(record, measures={**record.measures, "mentions": mentions})


def _told(picture: SourceRecord, turns: Sequence[tuple[str, str]]) -> SourceRecord:
    """Make questions and answers about the picture of a record one record; they are not spoken as single questions are."""
    (first, answer), *others = turns
    messages = [Message("user", f"{first}\n{IMAGE_TAG}"), Message("assistant", answer)]
    for question, reply in others:
        messages += [Message("user", question), Message("assistant", reply)]
    return replace(picture, kind="chat", text=None, related_texts=(), messages=tuple(messages))


def _renamed(record: SourceRecord, name: str) -> SourceRecord:
    """Give a record of a scene the uri of another record of it."""
    scene, _, _ = record.source_uri.rpartition(" ")
    return replace(record, source_uri=f"{scene} {name}")


def png(scene: Scene, size: int) -> bytes:
    """Draw a scene and encode it as PNG: the same bytes wherever Pillow and its zlib are the same."""
    stream = io.BytesIO()
    draw(scene, size).save(stream, "PNG", compress_level=6)
    return stream.getvalue()
