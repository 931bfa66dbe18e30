"""Read the decoder's published config.yaml, whose tags name the classes that the reference builds from it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_REFERENCE = re.compile(r"<(\w+)>")


class _TaggedLoader(yaml.SafeLoader):
    """Reads `!new:cls {...}` as the plain mapping and `!ref <name>` as the text, so that a file can build nothing."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    # YAML 1.1 takes 1e-06 for text because it has no dot.
    return float(loader.construct_scalar(node))


_TaggedLoader.add_multi_constructor("!", _plain)
_TaggedLoader.add_constructor("tag:number", _number)
_TaggedLoader.add_implicit_resolver("tag:number", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def _resolve(value: Any, top: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and (match := _REFERENCE.fullmatch(value)):
        if match[1] not in top:
            raise ValueError(f"the configuration refers to {match[1]}, which it does not define")
        return _resolve(top[match[1]], top)
    if isinstance(value, dict):
        return {key: _resolve(item, top) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, top) for item in value]
    return value


def read_decoder_config(path: Path) -> dict[str, Any]:
    """Read config.yaml of THUDM/glm-4-voice-decoder into the sections that `FlowConfig` and `HiftConfig` read.

    Raises:
        ValueError: The file is absent, no YAML, or lacks a section.
    """
    if not path.is_file():
        raise ValueError(f"speech decoder {path}: no such file. Give the folder of glm-4-voice-decoder.")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_TaggedLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"speech decoder {path}: not YAML ({error}).") from error
    content = _resolve(content, content)
    try:
        flow, hift = content["flow"], content["hift"]
        cfm = flow["decoder"]
        parameters = cfm["cfm_params"]
        return {
            "flow": flow,
            "encoder": flow["encoder"],
            "length_regulator": flow["length_regulator"],
            "cfm": {"cfm_params": parameters.get("content", parameters)},
            "estimator": cfm["estimator"],
            "hift": hift,
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"speech decoder {path}: section {error} is missing.") from error
