"""Which engines there are: those of this folder, and any that an installed package announces."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points

from omniforge.synth.tts.engine import Engine

GROUP = "omniforge.tts"
"""Entry points of this group name a callable that takes its options by keyword and returns an `Engine`."""

_BUILT_IN = {
    "codes": "omniforge.synth.tts.codes:CodesEngine",
    "flite": "omniforge.synth.tts.flite:FliteEngine",
    "hibari": "omniforge.synth.tts.hibari:HibariEngine",
    "openai_server": "omniforge.synth.tts.openai_server:OpenAIServerEngine",
    "phrases": "omniforge.synth.tts.phrases:PhrasesEngine",
    "transformers": "omniforge.synth.tts.transformers_engine:TransformersEngine",
}


def engine_names() -> tuple[str, ...]:
    """Names that `load_engine` takes."""
    return tuple(sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def load_engine(name: str, options: Mapping[str, str | int | float] | None = None) -> Engine:
    """Load an engine by name; modules of engines that are not used are not imported.

    Raises:
        ValueError: there is no such engine, or it does not take these options.
    """
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name].split(":")
        make = getattr(import_module(module), attribute)
    else:
        found = [point for point in entry_points(group=GROUP) if point.name == name]
        if not found:
            near = get_close_matches(name, engine_names(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(engine_names())}."
            raise ValueError(f"no speech engine {name!r}; {hint} A package adds one by the entry point group {GROUP}.")
        make = found[0].load()
    try:
        engine: Engine = make(**(options or {}))
    except TypeError as error:
        raise ValueError(f"speech engine {name!r} does not take the options {dict(options or {})}: {error}") from error
    return engine
