"""What goes with an exported record so that it can be read back, as one string."""

from collections.abc import Sequence

from omniforge.schemas.exported import ExportedMedium, ExportedRecord, beside_sha256
from omniforge.schemas.record import Message, Record


def carried(record: Record, media: Sequence[ExportedMedium], beside: Sequence[str | None]) -> str:
    """Return the record without the bytes of its media; `beside` are the texts that stand openly beside this string."""
    exported = ExportedRecord(
        key=record.key,
        corpus=record.corpus,
        revision=record.revision,
        source_uri=record.source_uri,
        kind=record.kind,
        text=record.text,
        question=record.question,
        answer=record.answer,
        own_messages=bool(record.messages),
        split=record.split,
        language=record.language,
        speaker=record.speaker,
        license=record.license,
        parents=record.parents,
        repairs=record.repairs,
        measures=record.measures,
        media=tuple(media),
        beside_sha256=beside_sha256(beside),
    )
    return exported.model_dump_json()


def turns_beside(messages: Sequence[Message]) -> list[str]:
    """The texts of a conversation, for the hash of what stands beside."""
    return [text for message in messages for text in (message.role, message.content)]
