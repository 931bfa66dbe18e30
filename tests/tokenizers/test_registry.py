"""Tokenizers by name."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType

import pytest

from omniforge.tokenizers import registry
from omniforge.tokenizers.text import TextTokenizer


@pytest.fixture
def other_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a tokenizer called `reversed`, as if it were installed."""
    module = ModuleType("other_package")
    module.load = lambda source: f"reversed from {source}"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_package", module)
    added = EntryPoint("reversed", "other_package:load", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([added]).select(group=group))


def test_the_embedded_text_tokenizer_loads_by_name() -> None:
    tokenizer = registry.load("text")
    assert isinstance(tokenizer, TextTokenizer)
    assert tokenizer.source == "embedded"


def test_a_source_reaches_the_tokenizer_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SenseVoiceSmall"):
        registry.load("sensevoice", tmp_path)


@pytest.mark.parametrize(("wrong", "nearest"), [("magvit", "magvit2"), ("glm4-voice", "glm4voice"), ("texts", "text")])
def test_an_unknown_name_is_refused_with_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{nearest}'"):
        registry.load(wrong)


@pytest.mark.usefixtures("other_package")
def test_a_tokenizer_of_another_package_loads_by_its_entry_point() -> None:
    assert registry.load("reversed", "here") == "reversed from here"


@pytest.mark.usefixtures("other_package")
def test_tokenizers_of_other_packages_are_offered_too() -> None:
    with pytest.raises(ValueError, match="did you mean 'reversed'"):
        registry.load("reverse")


def test_importing_the_registry_imports_no_tokenizer() -> None:
    code = "import sys, omniforge.tokenizers.registry; print({'torch', 'tokenizers', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
