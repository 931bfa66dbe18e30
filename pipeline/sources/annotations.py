"""What the COCO family of annotation files has in common: listed pictures, ids, and records named by them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from omniforge.pipeline.sources.collection import WHOLE_FILE
from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.strict_json import load_json, require_unicode, require_unique_keys
from omniforge.schemas.record import EVIDENCE_BYTES

Object = dict[str, object]


@dataclass(frozen=True, slots=True)
class Picture:
    """A listed picture: its file and the name of its licence."""

    file: str
    license: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of an annotation file as the file alone tells it; `reason` and `detail` say what is wrong with it."""

    name: str = ""
    value: object = None
    reason: str | None = None
    detail: str = ""
    odd: bool = False
    picture: Picture | None = None
    text: str | None = None
    question: str | None = None
    answer: str | None = None
    repairs: tuple[str, ...] = ()

    @property
    def evidence(self) -> bytes:
        """The beginning of the entry's JSON, for the quarantine."""
        return json.dumps(self.value).encode()[:EVIDENCE_BYTES]


def refused_entry(value: object, refused: Refused, odd: bool = True) -> Entry:
    """Make the entry of a broken rule; `odd` unless the rule is one of configuration."""
    return Entry(value=value, reason=refused.reason, detail=refused.detail, odd=odd)


def whole_file(refused: Refused) -> tuple[Entry, ...]:
    """Make the one entry of a file that cannot be read."""
    return (Entry(name=WHOLE_FILE, reason=refused.reason, detail=refused.detail),)


def entries_of(file: Path, field: str) -> list[object]:
    """Return the list `field` of an annotation file; raise `Refused` if the file is not JSON or holds no such list."""
    value = load_json(file)
    listed = value.get(field) if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise Refused("wrong_type", f"the file is no object with a list {field!r}")
    return listed


def pictures_of(file: Path) -> dict[int, Picture]:
    """Return the pictures that a captions file lists, by id; none if the file cannot be read."""
    try:
        value = load_json(file)
    except Refused:
        return {}
    images, licenses = (_objects(value, field) for field in ("images", "licenses"))
    names = {entry["id"]: entry.get("name") for entry in licenses if isinstance(entry.get("id"), int)}
    pictures: dict[int, Picture] = {}
    for image in images:
        number, name, license_id = image.get("id"), image.get("file_name"), image.get("license")
        if isinstance(number, int) and isinstance(name, str):
            license_name = names.get(license_id) if isinstance(license_id, int) else None
            pictures.setdefault(number, Picture(name, license_name if isinstance(license_name, str) else None))
    return pictures


def _objects(value: object, field: str) -> list[Object]:
    listed = value.get(field) if isinstance(value, dict) else None
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def require_object(value: object) -> Object:
    """Return an entry that is an object with each key once; raise `Refused`."""
    if not isinstance(value, dict):
        raise Refused("wrong_type", f"the entry is a {type(value).__name__}, not an object")
    require_unique_keys(value)
    return value


def require_text(entry: Object, field: str, empty: str) -> str:
    """Return a field's text; raise `Refused` for an absent or null one, another type, and with reason `empty` for no words."""
    text = entry.get(field)
    if text is None:
        raise Refused("missing_field", f"no {field}")
    if not isinstance(text, str):
        raise Refused("wrong_type", f"{field} is a {type(text).__name__}, not a string")
    if not text.strip():
        raise Refused(empty)
    require_unicode(text)
    return text


def require_picture(entry: Object, pictures: dict[int, Picture]) -> tuple[Picture, tuple[str, ...]]:
    """Return the picture an entry refers to; an id written as a string of digits is repaired. Raises `Refused`."""
    number = entry.get("image_id")
    repairs: tuple[str, ...] = ()
    if number is None:
        raise Refused("missing_field", "no image_id")
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number, repairs = int(number), ("coerced_image_id",)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Refused("wrong_type", f"image_id is {number!r}")
    if number not in pictures:
        raise Refused("unknown_image_id", f"picture {number} is not listed")
    return pictures[number], repairs


def require_new(entry: Object, field: str, seen: dict[object, Object]) -> None:
    """Remember an entry under its id; raise `Refused` if an earlier one has it, or if it has none."""
    number = entry.get(field)
    if number is None:
        raise Refused("missing_field", f"no {field}")
    if not isinstance(number, int | str):
        raise Refused("wrong_type", f"{field} is a {type(number).__name__}")
    earlier = seen.setdefault(number, entry)
    if earlier is not entry:
        raise Refused("duplicate_record" if earlier == entry else "duplicate_id", f"{field} {number} came earlier")


def named(entries: list[Entry], field: str) -> tuple[Entry, ...]:
    """Name the entries: by id up to the first odd one, from there by id, `@` and position in the list (from 0).

    The first entry that the file itself shows to be odd tells that its ids were tampered with and need not be unique; the rule
    looks at nothing but the file, so that a picture arriving later renames nothing.
    """
    result: list[Entry] = []
    odd = False
    for position, entry in enumerate(entries):
        odd = odd or entry.odd
        result.append(replace(entry, name=position_name(entry.value, field, position) if odd else _id(entry.value, field)))
    return tuple(result)


def position_name(value: object, field: str, position: int) -> str:
    """Name an entry by its id, if it has one, and its position in the list."""
    return f"{_id(value, field)}@{position}"


def id_of(value: object, field: str) -> int | str | None:
    """Return an entry's id, None if it has none of a type that ids have."""
    number = value.get(field) if isinstance(value, dict) else None
    return number if isinstance(number, int | str) else None


def _id(value: object, field: str) -> str:
    number = id_of(value, field)
    return "" if number is None else str(number).encode("utf-8", "backslashreplace").decode()
