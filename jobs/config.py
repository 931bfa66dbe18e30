"""Read a job's configuration: a YAML file, `key=value` overrides, and frozen dataclasses that say what there is to set."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

T = TypeVar("T")
PACKAGED = Path(__file__).parent / "configs"


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key, what is wrong and what is allowed."""


def load_config(cls: type[T], path: str | None, overrides: Sequence[str]) -> T:
    """Fill `cls` from a YAML file and overrides such as `tokenize.batch=8`.

    Raises:
        ConfigError: no such file, no mapping, an unknown key (with the nearest one there is), or a value of a wrong type.
    """
    return from_mapping(cls, config_values(path, overrides), path or "configuration")


def config_values(path: str | None, overrides: Sequence[str]) -> dict[str, Any]:
    """Read a YAML file and overrides as they are, for a caller that sees from them which dataclass they fill.

    Raises:
        ConfigError: no such file, no mapping, or an override that is none.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values = _read(path)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"override {override!r}: write key=value")
        _set(values, key.split("."), _parsed(text, override), override)
    return values


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Fill `cls` from a mapping, every key known and every value of its type."""
    for problem in _unknown_keys(cls, values, ""):
        raise ConfigError(f"{where}: {problem}")
    try:
        return pydantic.TypeAdapter(cls).validate_python(values)
    except pydantic.ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'top'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{where}: {problems}") from None


def _read(path: str) -> dict[str, Any]:
    file = Path(path)
    packaged = PACKAGED / path
    if not file.is_file() and file.name == path and packaged.is_file():
        file = packaged
    if not file.is_file():
        shipped = ", ".join(sorted(item.name for item in PACKAGED.glob("*.yaml")))
        raise ConfigError(f"no such file: {path}; configurations that come with omniforge, by name alone: {shipped}")
    try:
        loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds no mapping at its top level")
    return loaded


def _parsed(text: str, override: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {override!r}: the value is not valid YAML: {error}") from None


def _set(values: dict[str, Any], path: Sequence[str], value: object, override: str) -> None:
    *parents, last = path
    for name in parents:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"override {override!r}: {name} is no mapping")
        values = inner
    values[last] = value


def _unknown_keys(hint: Any, value: object, path: str) -> Iterator[str]:
    for option in _alternatives(hint):
        if dataclasses.is_dataclass(option) and isinstance(value, Mapping):
            hints = typing.get_type_hints(option)
            for key, inner in value.items():
                if key not in hints:
                    near = difflib.get_close_matches(str(key), hints, n=1)
                    advice = f"did you mean {path}{near[0]!s}?" if near else f"there are: {', '.join(hints)}"
                    yield f"unknown key {path}{key}; {advice}"
                else:
                    yield from _unknown_keys(hints[key], inner, f"{path}{key}.")
        elif typing.get_origin(option) is tuple and isinstance(value, Sequence) and not isinstance(value, str):
            for number, inner in enumerate(value):
                yield from _unknown_keys(typing.get_args(option)[0], inner, f"{path}{number}.")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
