import numpy as np
import pytest

from omniforge.tokenizers.evaluation.code_use import code_use


def test_codes_used_equally_often_have_their_number_as_perplexity() -> None:
    use = code_use([np.arange(8).reshape(2, 4), np.arange(8)], 16)
    assert (use.codes, use.different, use.codebook) == (16, 8, 16)
    assert (use.bits, use.perplexity) == pytest.approx((3, 8))


def test_one_code_alone_tells_nothing() -> None:
    assert code_use([np.full(5, 3)], 16).perplexity == 1


def test_no_code_and_one_outside_the_codebook_are_refused() -> None:
    for rows in ([], [np.array([16])], [np.array([-1])]):
        with pytest.raises(ValueError, match=r"in 0\.\.15"):
            code_use(rows, 16)
