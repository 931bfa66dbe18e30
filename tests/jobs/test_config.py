from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from omniforge.jobs.config import PACKAGED, ConfigError, from_mapping, load_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    batch: int = 8
    threshold: float = 0.5
    mode: Literal["fast", "exact"] = "fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    name: str = "demo"
    leaf: Leaf = field(default_factory=Leaf)
    leaves: tuple[Leaf, ...] = ()
    maybe: Leaf | None = None
    limit: int | None = None
    dry: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}; leave it out or give at least 1")


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(Tree, None, []) == Tree()


def test_a_file_fills_nested_parts_and_tuples(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("name: x\nleaf: {batch: 2}\nleaves: [{mode: exact}, {batch: 3}]\nmaybe: {threshold: 1}\n")
    expected = Tree(name="x", leaf=Leaf(batch=2), leaves=(Leaf(mode="exact"), Leaf(batch=3)), maybe=Leaf(threshold=1.0))
    assert load_config(Tree, str(path), []) == expected


def test_overrides_go_over_the_file_and_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("leaf: {batch: 2, threshold: 0.1}\n")
    loaded = load_config(Tree, str(path), ["leaf.batch=4", "limit=3", "dry=true", "maybe.mode=exact", "name=x=y"])
    assert loaded == Tree(leaf=Leaf(batch=4, threshold=0.1), limit=3, dry=True, maybe=Leaf(mode="exact"), name="x=y")


@given(
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.from_regex(r"[a-z][a-z ]{0,20}z", fullmatch=True),
)
def test_any_value_written_as_yaml_comes_back(batch: int, threshold: float, name: str) -> None:
    def written(value: object) -> str:
        return yaml.safe_dump(value).removesuffix("...\n").strip()

    overrides = [f"leaf.batch={written(batch)}", f"leaf.threshold={written(threshold)}", f"name={written(name)}"]
    assert load_config(Tree, None, overrides) == Tree(name=name, leaf=Leaf(batch=batch, threshold=threshold))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("nmae=x", "unknown key nmae; did you mean name?"),
        ("leaf.bacth=2", "unknown key leaf.bacth; did you mean leaf.batch?"),
        ("leaves=[{batch: 1}, {threshhold: 1}]", "unknown key leaves.1.threshhold; did you mean leaves.1.threshold?"),
        ("maybe.moed=fast", "unknown key maybe.moed; did you mean maybe.mode?"),
        ("zzzzzz=1", "unknown key zzzzzz; there are: name, leaf, leaves, maybe, limit, dry"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(Tree, None, [override])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("leaf.batch=many", "leaf.batch: Input should be a valid integer"),
        ("leaf.batch=1.5", "leaf.batch: Input should be a valid integer"),
        ("leaves=[{batch: x}]", "leaves.0.batch: Input should be a valid integer"),
        ("leaf.mode=slow", "leaf.mode: Input should be 'fast' or 'exact'"),
        ("limit=0", "limit is 0; leave it out"),
        ("leaf=3", "leaf: Input should be"),
    ],
)
def test_a_value_of_a_wrong_type_is_an_error_that_names_key_and_type(override: str, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(Tree, None, [override])
    assert where in str(error.value)


@pytest.mark.parametrize("override", ["name", "=x"])
def test_an_override_without_key_or_value_is_an_error_that_says_how_to_write_one(override: str) -> None:
    with pytest.raises(ConfigError, match="write key=value"):
        load_config(Tree, None, [override])


def test_an_override_below_a_value_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match=r"override 'name.x=1'"):
        load_config(Tree, None, ["name=y", "name.x=1"])


def test_a_file_that_is_no_yaml_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml is not valid YAML"):
        load_config(Tree, str(path), [])


def test_a_file_without_keys_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match=r"list\.yaml holds no mapping"):
        load_config(Tree, str(path), [])


def test_a_missing_file_is_an_error_that_lists_what_is_shipped() -> None:
    with pytest.raises(ConfigError, match=r"no such file: nowhere\.yaml.*demo\.yaml"):
        load_config(Tree, "nowhere.yaml", [])


def test_the_place_of_a_mapping_is_named_in_its_errors() -> None:
    with pytest.raises(ConfigError, match=r"^corpus wds: unknown key folder"):
        from_mapping(Leaf, {"folder": "x"}, "corpus wds")


@pytest.mark.parametrize("name", ["demo.yaml", "realdata.yaml"])
def test_a_shipped_configuration_is_found_by_its_name_alone_from_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omniforge.jobs.build_config import BuildConfig

    monkeypatch.chdir(tmp_path)
    config = load_config(BuildConfig, name, [f"root={tmp_path}"])
    assert config.name == yaml.safe_load((PACKAGED / name).read_text())["name"]
    assert config.root == str(tmp_path)
