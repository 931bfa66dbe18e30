import pytest

from omniforge.pipeline.sources.refused import Refused, item
from omniforge.schemas.record import SourceRecord


def raising(error):
    def make():
        raise error

    return make


def test_a_record_passes():
    record = SourceRecord(source_uri="a#1", kind="prompt", text="a cat")
    assert item("a#1", lambda: record) is record


def test_a_broken_rule_is_a_refusal_with_the_beginning_of_the_evidence():
    refusal = item("a#1", raising(Refused("wrong_type", "a list")), b"x" * 5000)
    assert (refusal.source_uri, refusal.reason, refusal.detail, refusal.outcome) == ("a#1", "wrong_type", "a list", "refused")
    assert refusal.evidence == b"x" * 1024


@pytest.mark.parametrize(("error", "retryable"), [(OSError("disk"), True), (KeyError("key"), False)])
def test_an_exception_is_a_failure_worth_another_try_if_the_disk_raised_it(error, retryable):
    failure = item("a#1", raising(error))
    assert (failure.outcome, failure.reason, failure.retryable) == ("failed", "exception", retryable)
    assert type(error).__name__ in failure.detail
