import pytest

from omniforge.pipeline.progress import Progress
from omniforge.schemas.ledger import Counts


def progress() -> Progress:
    made = Progress(stage="pull", units=10, already=3)
    made.add(Counts(read=10, kept=6, refused=3, failed=1, reasons={"too_short": 3, "exception": 1}))
    made.add(Counts(read=5, kept=5, refused=0, failed=0))
    return made


def test_the_line_tells_units_records_reasons_and_failures() -> None:
    line = progress().line()
    assert line.startswith("pull: 5/10 units | 3 had happened before | 15 read, 11 kept (")
    assert "refused: too_short 3, exception 1" in line
    assert "FAILED 1" in line
    assert line.endswith(" s left")


def test_before_the_first_unit_no_time_left_is_invented() -> None:
    assert "left" not in Progress(stage="pull", units=2).line()


def test_a_job_log_gets_one_line_for_many_ticks_and_one_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    made = progress()
    for _ in range(100):
        made.tick()
    made.finish()
    assert len(capsys.readouterr().err.splitlines()) == 2
