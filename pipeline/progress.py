"""Say how a run goes: on a terminal as it happens, in a job's log a line every ten seconds."""

import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from omniforge.schemas.ledger import Counts

LOG_INTERVAL = 10.0
TERMINAL_INTERVAL = 1.0


@dataclass(slots=True)
class Progress:
    """Counts of one stage's run: units done and left, records by outcome, refusals by reason, rate and time left."""

    stage: str
    units: int
    already: int = 0
    done: int = 0
    read: int = 0
    kept: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    shown: float = 0.0

    def add(self, counts: Counts) -> None:
        """Count one committed unit."""
        self.done += 1
        self.read += counts.read
        self.kept += counts.kept
        self.failed += counts.failed
        self.reasons.update(counts.reasons)

    def tick(self) -> None:
        """Show a line if it is time for one."""
        now = time.monotonic()
        interval = TERMINAL_INTERVAL if sys.stderr.isatty() else LOG_INTERVAL
        if now - self.shown >= interval:
            self.shown = now
            end = "\r" if sys.stderr.isatty() else "\n"
            print(self.line(), end=end, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Show the last line."""
        print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """One line for people: what is done, how fast, what is refused most, how long it still takes."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        parts = [f"{self.stage}: {self.done + self.already}/{self.units} units"]
        if self.already:
            parts.append(f"{self.already} had happened before")
        parts.append(f"{self.read} read, {self.kept} kept ({self.read / seconds:.1f}/s)")
        if self.reasons:
            worst = ", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common(3))
            parts.append(f"refused: {worst}")
        if self.failed:
            parts.append(f"FAILED {self.failed}")
        left = self.units - self.already - self.done
        if self.done and left:
            parts.append(f"{left * seconds / self.done:.0f} s left")
        return " | ".join(parts)
