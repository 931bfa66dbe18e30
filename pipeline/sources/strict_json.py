"""JSON as the standard has it, with a reason for what is not."""

import json
from functools import lru_cache
from pathlib import Path

from omniforge.pipeline.sources.collection import Stamp, stamp
from omniforge.pipeline.sources.refused import Refused


class RepeatedKeys(dict[str, object]):
    """An object that names one key twice; which of the values is meant cannot be known."""

    key: str = ""


def decode(data: bytes) -> str:
    """Decode UTF-8, with or without byte order mark; raise `Refused`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("invalid_utf8", str(error)) from None


def require_unicode(text: str) -> None:
    """Raise `Refused` for text that cannot be written as UTF-8: a lone surrogate from a JSON escape."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("invalid_unicode", str(error)) from None


def parse_json(data: bytes) -> tuple[object, tuple[str, ...]]:
    """Parse one JSON text.

    Returns:
        The value and the repairs made: `invalid_json_number` where a NaN or an infinity, which JSON has not, became null.

    Raises:
        Refused: The bytes are not UTF-8 or not JSON.
    """
    text = decode(data)
    repairs: list[str] = []

    def no_number(_: str) -> None:
        repairs.append("invalid_json_number")

    try:
        value: object = json.loads(text, parse_constant=no_number, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Refused("invalid_json", str(error)) from None
    return value, tuple(dict.fromkeys(repairs))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    names = [name for name, _ in pairs]
    repeated = RepeatedKeys(value)
    repeated.key = next(name for name in names if names.count(name) > 1)
    return repeated


def require_unique_keys(value: object) -> None:
    """Raise `Refused` if an object anywhere in the value names a key twice."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, RepeatedKeys):
            raise Refused("duplicate_json_key", f"the key {part.key!r} comes twice in one object")
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def load_json(file: Path) -> object:
    """Load a JSON file whole, once in this process; raise `Refused` as `parse_json` does."""
    return _load(file, stamp(file))


@lru_cache(maxsize=4)
def _load(file: Path, _stamp: Stamp) -> object:
    return parse_json(file.read_bytes())[0]
