import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from omniforge.schemas.ledger import Counts

NUMBERS = st.integers(0, 10**9)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_outcomes_that_add_up_are_counts(kept: int, refused: int, failed: int) -> None:
    counts = Counts(read=kept + refused + failed, kept=kept, refused=refused, failed=failed)
    assert Counts.model_validate_json(counts.model_dump_json()) == counts


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(-100, 100).filter(bool))
def test_outcomes_that_do_not_add_up_are_none(kept: int, refused: int, failed: int, off: int) -> None:
    with pytest.raises(ValidationError, match=r"records read, but"):
        Counts(read=kept + refused + failed + off, kept=kept, refused=refused, failed=failed)


def test_a_count_nobody_declared_is_refused() -> None:
    with pytest.raises(ValidationError, match="skipped"):
        Counts.model_validate({"read": 1, "kept": 0, "refused": 0, "failed": 0, "skipped": 1})
