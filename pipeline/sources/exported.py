"""Records that omniforge itself exported: read back whole from the field that went with them."""

import hashlib
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from omniforge.pipeline.sources.refused import Refused
from omniforge.schemas.exported import FIELD, ExportedMedium, ExportedRecord, beside_sha256, measures_problem
from omniforge.schemas.record import Message, RawMedia, SourceRecord

MediumReader = Callable[[ExportedMedium], RawMedia]


def parse_exported(value: object, beside: Sequence[str | None]) -> ExportedRecord:
    """Understand the field of one line or row; `beside` are the texts that stand openly beside it.

    Raises:
        Refused: `wrong_type` if it is no such field; `altered_export` if it has values that no export gives, or if the texts
            are not those that were exported.
    """
    if not isinstance(value, str):
        raise Refused("wrong_type", f"{FIELD} is a {type(value).__name__}, not a string")
    try:
        exported = ExportedRecord.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = "altered_export" if first["type"] in ("string_pattern_mismatch", "value_error") else "wrong_type"
        raise Refused(reason, f"{FIELD}: {where or 'the string'}: {first['msg']}") from None
    if exported.beside_sha256 != beside_sha256(beside):
        raise Refused(
            "altered_export", f"the texts are not those that were exported; without {FIELD} they are read as they stand"
        )
    return exported


def restore(exported: ExportedRecord, messages: tuple[Message, ...], medium: MediumReader, source_uri: str) -> SourceRecord:
    """Make the record that was exported; `messages` are those shown, which count where they were the record's own.

    Raises:
        Refused: as `medium` does, or `altered_export` if a medium has other bytes than were exported, or a measure is none that
            was.
    """
    if problem := measures_problem(exported.measures):
        raise Refused("altered_export", f"{FIELD}: {problem}; without {FIELD} the record is read as it stands")
    spoken = (exported.text,) if exported.kind == "s2i" and exported.text else ()
    return SourceRecord(
        source_uri=source_uri,
        kind=exported.kind,
        text=exported.text,
        question=exported.question,
        answer=exported.answer,
        messages=messages if exported.own_messages else (),
        media=tuple(_same(medium(listed), listed) for listed in exported.media),
        language=exported.language,
        speaker=exported.speaker,
        license=exported.license,
        split=exported.split,
        parents=exported.parents,
        repairs=exported.repairs,
        measures=exported.measures,
        related_texts=spoken,
        exported=True,
    )


def _same(raw: RawMedia, listed: ExportedMedium) -> RawMedia:
    if hashlib.sha256(raw.data).hexdigest() != listed.sha256:
        raise Refused("altered_export", f"{raw.name or listed.role} has other bytes than were exported")
    return RawMedia(listed.role, raw.name, raw.data)
