"""What a run says of itself: TensorBoard scalars, a line of JSON each step, a line for people."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METRICS_FILE = "metrics.jsonl"
LOG_INTERVAL, TERMINAL_INTERVAL = 10.0, 1.0


def truncate_metrics(path: Path, step: int) -> None:
    """Drop the lines of steps behind `step`, which a killed run wrote after its last checkpoint and a resumed one repeats."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        # The last line of a killed run can be cut off; nothing after it was written.
        if not line.endswith("\n") or json.loads(line)["step"] > step:
            break
        kept.append(line)
    beside = path.with_suffix(".rewritten")
    beside.write_text("".join(kept), encoding="utf-8")
    beside.replace(path)


class Recorder:
    """Writes the metrics of a stage below its folder; used by the first process alone."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        truncate_metrics(folder / METRICS_FILE, step)
        self.board: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
        self.lines = (folder / METRICS_FILE).open("a", encoding="utf-8")

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Write named values of a step to both."""
        self.lines.write(json.dumps({"step": step, **values}) + "\n")
        self.lines.flush()
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """End both, durably."""
        os.fsync(self.lines.fileno())
        self.lines.close()
        self.board.close()


@dataclass(slots=True, kw_only=True)
class Progress:
    """A line on how a stage goes: on a terminal as it happens, in a job's log every ten seconds."""

    stage: int
    steps: int
    step: int
    shown_here: bool = True
    tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    begun_at: int = field(init=False)
    shown: float = 0.0

    def __post_init__(self) -> None:
        self.begun_at = self.step

    def advance(self, tokens: int, loss: float) -> None:
        """Count a step, and show a line if it is time for one."""
        self.step += 1
        self.tokens += tokens
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if not self.shown_here:
            return
        if now - self.shown >= (TERMINAL_INTERVAL if terminal else LOG_INTERVAL) or self.step == self.steps:
            self.shown = now
            print(self.line(loss), end="\r" if terminal else "\n", file=sys.stderr, flush=True)

    @property
    def tokens_per_second(self) -> float:
        """Tokens a second since this process began."""
        return self.tokens / max(time.monotonic() - self.started, 1e-9)

    def line(self, loss: float) -> str:
        """One line for people."""
        seconds = (time.monotonic() - self.started) / max(self.step - self.begun_at, 1) * (self.steps - self.step)
        left = f"{seconds / 60:.0f} min left" if seconds >= 120 else f"{seconds:.0f} s left"
        rate = f"{self.tokens_per_second:,.0f} tokens/s"
        return f"stage {self.stage}: step {self.step}/{self.steps} | loss {loss:.4f} | {rate} | {left}"
