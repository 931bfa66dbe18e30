import ast
from pathlib import Path

import pytest

from omniforge.schemas.quarantine import REASONS

PIPELINE = Path(__file__).parents[2] / "pipeline"
SYNTH = Path(__file__).parents[2] / "synth"


def literal_reasons(file: Path) -> set[str]:
    """Every string that stands as the reason of a `Refusal`, a `Refused` or a `Problem`."""
    reasons = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        named = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
        first = node.args[:1] if node.func.id in ("Refused", "Problem") else []
        reasons |= {value.value for value in [*named, *first] if isinstance(value, ast.Constant)}
    return reasons


def test_every_reason_that_code_gives_is_of_the_closed_set() -> None:
    files = [*PIPELINE.rglob("*.py"), *SYNTH.rglob("*.py")]
    given = {reason: file for file in files for reason in literal_reasons(file)}
    assert len(given) > 20
    assert {reason: str(file) for reason, file in given.items() if reason not in REASONS} == {}


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_a_plain_name_with_a_meaning(code: str) -> None:
    assert code.replace("_", "").isalnum()
    assert code == code.lower()
    assert len(REASONS[code]) > 10
