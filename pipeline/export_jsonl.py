"""Export as the lines that the reference is fine-tuned from: messages, images, audios; media as files, byte for byte."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from omniforge.pipeline.export import OWN_TASK, Format, Left, PlannedFile, Selection, Written
from omniforge.pipeline.export_card import jsonl_card
from omniforge.pipeline.export_record import carried, turns_beside
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.storage import LocalStore
from omniforge.pipeline.tasks import TASKS_OF_KIND, SamplePlan, plan_samples
from omniforge.schemas.exported import FIELD, ExportedMedium
from omniforge.schemas.record import MediaFile, Record
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG, control_tokens

FILES_PER_FOLDER = 1_000
_LINE_ENDS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """A file for each task and split, a line for each record; media in folders of at most 1,000 files.

    A record with turns of its own is the task that they are; another that could be several tasks is its kind's first one, or
    `task`. All lines of a file have the same fields, because readers infer them from its first lines; conversations are parted
    by the media they have for that.
    """

    format: ClassVar[Format] = "jsonl"
    task: str | None = None
    records_per_file: int = 10_000

    @property
    def stream(self) -> str:
        """See `Writer.stream`."""
        named = " ".join(f"when '{kind}' then '{self.task or tasks[0]}'" for kind, tasks in TASKS_OF_KIND.items())
        task = f"coalesce({OWN_TASK}, case kind {named} else 'chat' end)"
        return f"replace({task}, 'chat', 'chat' || if(pictures > 0, '-image', '') || if(seconds > 0, '-audio', ''))"

    def per_file(self, records: int, size: int) -> int:
        """See `Writer.per_file`."""
        return self.records_per_file

    def path(self, planned: PlannedFile) -> str:
        """See `Writer.path`."""
        return f"{planned.stem}.jsonl"

    def write(self, file: BinaryIO, folder: Path, planned: PlannedFile, records: Iterator[Record]) -> list[Left]:
        """See `Writer.write`. The media are seen on the disk before the file that names them appears."""
        place = f"media/{planned.stem}"
        # Of an export that ended here, media may be left that no line will name.
        with suppress(FileNotFoundError):
            shutil.rmtree(folder / place)
        store = LocalStore(str(folder))
        left: list[Left] = []
        written = 0
        for record in records:
            try:
                plan = conversation(record, planned.stream)
            except Refused as refused:
                left.append(Left(record.key, record.source_uri, refused.reason, refused.detail))
                continue
            within = written % FILES_PER_FOLDER
            if within + len(record.media) > FILES_PER_FOLDER:
                written += FILES_PER_FOLDER - within
            paths = {media.role: f"{place}/{written // FILES_PER_FOLDER:03d}/{_name(record, media)}" for media in record.media}
            written += len(record.media)
            for media in record.media:
                store.write(paths[media.role], media.data)
            text = json.dumps(line(record, plan, paths), ensure_ascii=False).translate(_LINE_ENDS)
            file.write(f"{text}\n".encode())
        return left

    def card(self, dataset: Dataset, selection: Selection, licenses: list[tuple[str, str, int]], written: Written) -> str:
        """See `Writer.card`."""
        return jsonl_card(dataset, selection, licenses, written)


def conversation(record: Record, stream: str) -> SamplePlan:
    """Return the conversation that a line shows of a record.

    Raises:
        Refused: `special_tokens_in_text` if a text holds what the reference would take for a control token or a medium,
            `tag_count_mismatch` if the record's own turns have other media than it has, `no_task` if it lacks a text or medium
            that the task needs.
    """
    own = [message.content for message in record.messages]
    placed = {IMAGE_TAG, AUDIO_TAG} if own else set()
    for text in own or (record.text, record.question, record.answer):
        if found := set(control_tokens(text or "")) - placed:
            raise Refused("special_tokens_in_text", f"{min(found)} in a text of the record")
    sounds = sum(media.format == "flac" for media in record.media)
    for tag, count in ((IMAGE_TAG, len(record.media) - sounds), (AUDIO_TAG, sounds)):
        tags = sum(content.count(tag) for content in own)
        if own and tags != count:
            raise Refused("tag_count_mismatch", f"{tags} {tag} in the turns, {count} media in the record")
    try:
        plans = plan_samples(record)
    except ValueError as error:
        raise Refused("no_task", str(error)) from None
    plan = next((plan for plan in plans if own or plan.task == stream), None)
    if plan is None:
        has = ", ".join(media.role for media in record.media) or "no media"
        raise Refused("no_task", f"a record of kind {record.kind} with {has} gives no conversation of task {stream}")
    return plan


def line(record: Record, plan: SamplePlan, paths: dict[str, str]) -> dict[str, Any]:
    """Return the object of one line; `paths` lead from the roles of the media to their files."""
    columns = {"images": [placed.media for placed in plan.pictures], "audios": [placed.media for placed in plan.sounds]}
    places = {role: (column, place) for column, roles in columns.items() for place, role in enumerate(roles)}
    media = []
    for file in record.media:
        column, place = places.get(file.role, (None, None))
        path = paths[file.role] if column is None else None
        media.append(ExportedMedium(role=file.role, sha256=file.sha256, column=column, place=place, path=path))
    return {
        "messages": [asdict(message) for message in plan.messages],
        **{column: [paths[role] for role in roles] for column, roles in columns.items() if roles},
        FIELD: carried(record, media, turns_beside(plan.messages)),
    }


def _name(record: Record, media: MediaFile) -> str:
    """No dot but the last: the reference keeps codes beside a sound under its name up to a dot."""
    return f"{record.key}-{media.role}.{media.format}"
