import json
from pathlib import Path

from omniforge.trainer.metrics import Progress, Recorder, truncate_metrics


def test_a_resumed_run_drops_what_was_written_after_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(5)) + '{"step": 5, "lo')
    truncate_metrics(path, 3)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 1, 2, 3]


def test_a_cut_off_line_goes_even_if_its_step_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st')
    truncate_metrics(path, 9)
    assert path.read_text() == '{"step": 1}\n'


def test_values_go_to_the_file_and_to_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recorder = Recorder(tmp_path, 0)
    recorder.record(1, {"loss": 2.5})
    recorder.record(2, {"loss": 2.0})
    recorder.close()
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [
        {"step": 1, "loss": 2.5},
        {"step": 2, "loss": 2.0},
    ]
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [(event.step, event.value) for event in board.Scalars("loss")] == [(1, 2.5), (2, 2.0)]


def test_progress_tells_step_loss_rate_and_time_left() -> None:
    progress = Progress(stage=2, steps=10, step=4, shown_here=False)
    progress.advance(1000, 1.5)
    line = progress.line(1.5)
    assert line.startswith("stage 2: step 5/10 | loss 1.5000 | ")
    assert "tokens/s" in line
    assert line.endswith("left")
