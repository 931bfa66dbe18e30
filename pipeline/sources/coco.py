"""COCO captions and VQA v2 questions over one folder of pictures (cocodataset.org, visualqa.org)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

from omniforge.pipeline.sources.annotations import (
    Entry,
    Object,
    Picture,
    entries_of,
    id_of,
    named,
    pictures_of,
    position_name,
    refused_entry,
    require_new,
    require_object,
    require_picture,
    require_text,
    whole_file,
)
from omniforge.pipeline.sources.collection import Stamp, join, medium, present_media, require_file, require_folder, stamp
from omniforge.pipeline.sources.refused import Refused, item
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.schemas.record import SourceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Coco:
    """Captions of `folder`, and questions with their answers unless both are None.

    The captions file lists the pictures for both. A record is an entry of the captions' `annotations`, an entry of `questions`,
    or an annotation whose question is not there; see `annotations.named` for its name. The answer of a question is
    `multiple_choice_answer` (the majority, by VQA's own rule); it must be given by at least the share `min_agreement` of those
    asked.
    """

    version: ClassVar[str] = "1"
    folder: str = "coco"
    captions: str = "captions.json"
    questions: str | None = "vqa_questions.json"
    annotations: str | None = "vqa_annotations.json"
    images: str = "images"
    min_agreement: float = 0.2
    language: str | None = "en"
    license: str | None = None
    split: str = "train"

    def __post_init__(self) -> None:
        if (self.questions is None) != (self.annotations is None):
            raise ValueError("coco: `questions` and `annotations` belong together: name both files, or set both to null")
        if not 0 <= self.min_agreement <= 1:
            raise ValueError(f"coco: min_agreement is a share between 0 and 1, not {self.min_agreement}")

    def containers(self, root: Path) -> Iterator[Container]:
        """List the annotation files; see `Source.containers`."""
        images = join(self.folder, self.images)
        require_folder(root, images)
        names = [join(self.folder, name) for name in (self.captions, self.questions, self.annotations) if name is not None]
        for path in names:
            require_file(root, path)
        # questions are read with their answers and the list of pictures, answers with the list of questions
        read_with = {path: names[:1] if place == 0 else names if place == 1 else names[1:] for place, path in enumerate(names)}
        for path in names:
            entries = self._entries(root, path)
            media, size = present_media(root, images, {entry.picture.file for entry in entries if entry.picture})
            if entries:
                total = size + (root / path).stat().st_size
                parts = [path, *read_with[path], *media]
                yield Container(path=path, identity=identity(root, parts), records=len(entries), bytes=total)

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of entries; see `Source.read`."""
        for entry in self._entries(root, container)[start:stop]:
            uri = f"{container}#{entry.name}"
            yield item(uri, partial(self._record, root, uri, entry), entry.evidence if entry.reason else b"")

    def _record(self, root: Path, uri: str, entry: Entry) -> SourceRecord:
        if entry.reason is not None:
            raise Refused(entry.reason, entry.detail)
        assert entry.picture is not None
        return SourceRecord(
            source_uri=uri,
            kind="caption" if entry.text is not None else "vqa",
            text=entry.text,
            question=entry.question,
            answer=entry.answer,
            media=(medium(root / self.folder / self.images, entry.picture.file, "image"),),
            language=self.language,
            license=self.license or entry.picture.license,
            split=self.split,
            repairs=entry.repairs,
        )

    def _entries(self, root: Path, container: str) -> tuple[Entry, ...]:
        captions = root / self.folder / self.captions
        if self.questions is None or self.annotations is None or container == join(self.folder, self.captions):
            return _captions(captions, stamp(captions))
        questions, answers = root / self.folder / self.questions, root / self.folder / self.annotations
        if container == join(self.folder, self.questions):
            stamps = tuple(map(stamp, (questions, answers, captions)))
            return _questions(questions, answers, captions, self.min_agreement, stamps)
        return _answers_alone(questions, answers, (stamp(questions), stamp(answers)))


@lru_cache(maxsize=2)
def _captions(file: Path, _stamp: Stamp) -> tuple[Entry, ...]:
    try:
        listed = entries_of(file, "annotations")
    except Refused as refused:
        return whole_file(refused)
    pictures = pictures_of(file)
    seen: dict[object, Object] = {}
    entries: list[Entry] = []
    for value in listed:
        try:
            annotation = require_object(value)
            require_new(annotation, "id", seen)
            picture, repairs = require_picture(annotation, pictures)
            text = require_text(annotation, "caption", "empty_caption")
            entries.append(Entry(value=value, picture=picture, text=text, repairs=repairs, odd=bool(repairs)))
        except Refused as refused:
            entries.append(refused_entry(value, refused))
    return named(entries, "id")


@lru_cache(maxsize=2)
def _questions(
    file: Path, answers: Path, captions: Path, min_agreement: float, _stamps: tuple[Stamp, ...]
) -> tuple[Entry, ...]:
    try:
        listed = entries_of(file, "questions")
    except Refused as refused:
        return whole_file(refused)
    pictures = pictures_of(captions)
    answered = _answers_by_question(answers)
    seen: dict[object, Object] = {}
    return named([_question(value, seen, pictures, answered, min_agreement) for value in listed], "question_id")


def _question(
    value: object,
    seen: dict[object, Object],
    pictures: dict[int, Picture],
    answered: dict[object, Object],
    min_agreement: float,
) -> Entry:
    try:
        entry = require_object(value)
        require_new(entry, "question_id", seen)
        question = require_text(entry, "question", "empty_question")
        picture, repairs = require_picture(entry, pictures)
        if entry["question_id"] not in answered:
            raise Refused("missing_answer", "no annotation answers the question")
        answer, agreement = _answer(answered[entry["question_id"]])
    except Refused as refused:
        return refused_entry(value, refused)
    if agreement < min_agreement:
        problem = Refused("no_consensus", f"{agreement:.0%} of those asked say {answer!r}, {min_agreement:.0%} are needed")
        return refused_entry(value, problem, odd=False)
    return Entry(value=value, picture=picture, question=question, answer=answer, repairs=repairs, odd=bool(repairs))


def _answer(annotation: Object) -> tuple[str, float]:
    """Return the answer of an annotation and the share of those asked who gave it; raise `Refused` if there is none."""
    chosen, given = annotation.get("multiple_choice_answer"), annotation.get("answers")
    if chosen is not None and not isinstance(chosen, str):
        raise Refused("wrong_type", f"multiple_choice_answer is a {type(chosen).__name__}, not a string")
    if given is not None and not isinstance(given, list):
        raise Refused("wrong_type", f"answers is a {type(given).__name__}, not a list")
    texts = [one.get("answer") for one in given or () if isinstance(one, dict)]
    words = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
    answer = (chosen or "").strip() or (max(words, key=words.count) if words else "")
    if not answer or (given is not None and not words):
        raise Refused("missing_answer", "the annotation holds no answer")
    if not words:
        return answer, 1.0
    return answer, sum(word.casefold() == answer.casefold() for word in words) / len(words)


def _answers_by_question(file: Path) -> dict[object, Object]:
    """Return the first annotation of each question; none if the file cannot be read."""
    answered: dict[object, Object] = {}
    try:
        listed = entries_of(file, "annotations")
    except Refused:
        return {}
    for value in listed:
        number = id_of(value, "question_id")
        if number is not None and isinstance(value, dict):
            answered.setdefault(number, value)
    return answered


@lru_cache(maxsize=2)
def _answers_alone(questions: Path, file: Path, _stamps: tuple[Stamp, ...]) -> tuple[Entry, ...]:
    """List the annotations without a question, named by question id and position."""
    try:
        listed = entries_of(file, "annotations")
    except Refused as refused:
        return whole_file(refused)
    try:
        asked = {id_of(value, "question_id") for value in entries_of(questions, "questions")}
    except Refused:
        asked = set()
    alone: list[Entry] = []
    for position, value in enumerate(listed):
        number = id_of(value, "question_id")
        if number is None or number not in asked:
            name, detail = position_name(value, "question_id", position), "no question has this id"
            alone.append(Entry(name=name, value=value, reason="missing_question", detail=detail))
    return tuple(alone)
