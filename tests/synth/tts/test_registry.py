from importlib.metadata import EntryPoint

import pytest

from omniforge.synth.tts import registry
from omniforge.synth.tts.hibari import HibariEngine


def test_the_embedded_engine_is_loaded_by_name() -> None:
    assert isinstance(registry.load_engine("hibari"), HibariEngine)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'hibari'"):
        registry.load_engine("hibary")


def test_an_option_the_engine_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="does not take the options"):
        registry.load_engine("hibari", {"speaker": "emma"})


def test_an_engine_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", "omniforge.synth.tts.hibari:HibariEngine", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    assert "mine" in registry.engine_names()
    assert isinstance(registry.load_engine("mine"), HibariEngine)
