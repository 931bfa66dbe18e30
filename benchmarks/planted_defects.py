"""How many planted defects does the quality control of synthetic speech catch, and how much good speech does it refuse?

    python benchmarks/planted_defects.py --output defects.jsonl

Every clip is measured once by these engines, models and limits, and written down; a run that was stopped goes on where it was.
The table at the end says, for each defect, how many clips fail the words (round trip without the carrier), the checks of the
sound, the quality score, and any.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from omniforge.synth.augment import Effect, augment
from omniforge.synth.config import RULES, SynthConfig
from omniforge.synth.flac import to_16_bit
from omniforge.synth.quality import QualityModel
from omniforge.synth.roundtrip import Recogniser, RoundtripConfig, judge
from omniforge.synth.synthesiser import Line, Synthesiser
from omniforge.synth.voices import EMBEDDED_VOICES, rank_voices

Samples = npt.NDArray[np.float32]

LIMITS = RoundtripConfig()

SENTENCES = (
    "What colour is the bus in front of the old station?",
    "How many people are standing on the beach?",
    "Is the man with the umbrella wearing a hat?",
    "What is the woman holding in her left hand?",
    "Which animal is sleeping on the sofa?",
    "A brown horse runs across a wide green field.",
    "Two children play with a yellow ball in the garden.",
    "A plate of pasta with tomato sauce stands on a wooden table.",
    "A sailing boat lies in a quiet harbour at sunset.",
    "The kitchen has white cupboards and a large window.",
    "Draw a castle on a hill with a river in the valley.",
    "A tall lighthouse stands beside a stormy sea.",
    "What time does the clock on the tower show?",
    "Where are the two dogs looking?",
    "A black cat sits between three flower pots.",
    "An old train crosses a bridge over a deep gorge.",
    "What kind of fruit is in the basket?",
    "A young girl blows out the candles on her birthday cake.",
    "Are there any clouds above the mountains?",
    "Paint a night sky full of stars above a small village.",
)
SHORT = (
    *("Yes.", "No.", "Three.", "Red.", "Tennis.", "A dog.", "On the left.", "Wood.", "Blue and white.", "Morning."),
    *("Two people.", "A baseball bat.", "Nothing.", "Surfing.", "Broccoli."),
)


def noisy(variant: str, ratio: float) -> Callable[[Samples, int], Samples]:
    """Noise so many dB below the speech."""
    effect = Effect(kind="noise", share=1.0, low=ratio, high=ratio, variants=(variant,))
    return lambda samples, seed: augment(samples, (effect,), seed)[0]


def reverberant(seconds: float) -> Callable[[Samples, int], Samples]:
    """A room of this reverberation time."""
    effect = Effect(kind="room", share=1.0, low=seconds, high=seconds)
    return lambda samples, seed: augment(samples, (effect,), seed)[0]


def dropouts(samples: Samples, seed: int) -> Samples:
    """A fifth of the 20 ms frames lost."""
    lost = np.random.default_rng(seed).random(samples.size // 320 + 1) < 0.2
    return np.where(np.repeat(lost, 320)[: samples.size], 0.0, samples).astype(np.float32)


def noise_alone(samples: Samples, seed: int) -> Samples:
    """White noise as loud and as long."""
    level = np.sqrt(np.mean(samples**2))
    return to_16_bit(level * np.random.default_rng(seed).standard_normal(samples.size))


DEFECTS: dict[str, Callable[[Samples, int], Samples]] = {
    "none (false alarms)": lambda samples, _: samples,
    "the text of another utterance": lambda samples, _: samples,
    "cut off at 55 % of the file": lambda samples, _: samples[: samples.size * 55 // 100],
    "silent": lambda samples, _: np.zeros_like(samples),
    "said twice": lambda samples, _: np.concatenate([samples, samples]),
    "clipped (gain 8)": lambda samples, _: to_16_bit(8 * samples),
    "noise alone": noise_alone,
    "white noise, 0 dB": noisy("white", 0),
    "white noise, 10 dB": noisy("white", 10),
    "white noise, 20 dB": noisy("white", 20),
    "pink noise, 10 dB": noisy("pink", 10),
    "babble, 5 dB": noisy("babble", 5),
    "a room of 1.5 s": reverberant(1.5),
    "a fifth of the frames lost": dropouts,
}


def clips() -> Iterator[tuple[str, str, str, int]]:
    """Text, kind of text, defect, seed; a sentence and a short answer in turn, so that a part of the run is a fair part."""
    for seed, pair in enumerate(zip_longest(SENTENCES, SHORT)):
        for kind, text in zip(("sentence", "short"), pair, strict=True):
            for defect in DEFECTS if text else ():
                yield text, kind, defect, seed


def measure(output: Path) -> list[dict[str, Any]]:
    """Measure every clip that the file does not hold yet as it would be measured now."""
    recogniser, quality, synthesiser = Recogniser.load(), QualityModel.load(), Synthesiser(SynthConfig())
    by = [RULES, synthesiser.fingerprint, recogniser.fingerprint, quality.fingerprint, asdict(LIMITS)]
    rows: list[dict[str, Any]] = []
    done = {row.get("key"): row for row in map(json.loads, output.read_text().splitlines())}
    with output.open("a") as file:
        for text, kind, defect, seed in clips():
            voice = rank_voices(text, EMBEDDED_VOICES)[0]
            key = json.dumps([text, defect, seed, asdict(voice), by])
            if key in done:
                rows.append(done[key])
                continue
            texts = SENTENCES if kind == "sentence" else SHORT
            said = texts[(seed + 1) % len(texts)] if defect.startswith("the text") else text
            (take,) = synthesiser.speak([Line(said, voice, seed)])
            if not isinstance(take, np.ndarray):
                raise take
            samples = DEFECTS[defect](take, seed)
            heard = recogniser.transcribe(samples)
            verdict = judge(text, heard, samples, LIMITS)
            row = {
                "key": key,
                "text": text,
                "kind": kind,
                "defect": defect,
                "voice": voice.name,
                "heard": heard,
                "wer": verdict.wer,
                "sound": bool(verdict.sound),
                "words": bool(verdict.words),
                "quality": round(quality.score(samples), 3),
            }
            rows.append(row)
            print(json.dumps(row), file=file, flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of the clips that fail, of sentences and of short answers."""
    caught: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        fails = {"words": row["words"], "sound": row["sound"], "quality": row["quality"] < LIMITS.min_quality}
        counts = caught[row["defect"], row["kind"]]
        for name, failed in (fails | {"any": any(fails.values()), "clips": True}).items():
            counts[name] += failed
    lines = [
        "| defect | sentences: words | sound | quality | any | short: words | sound | quality | any |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for defect in DEFECTS:
        cells = [defect]
        for kind in ("sentence", "short"):
            counts = caught[defect, kind]
            cells += [str(counts[name]) for name in ("words", "sound", "quality")]
            cells.append(f"{counts['any']} of {counts['clips']}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="JSON lines, a line for each clip; kept, and gone on with")
    output = parser.parse_known_args()[0].output
    with tempfile.NamedTemporaryFile() as unkept:
        path = output or Path(unkept.name)
        path.touch()
        print(table(measure(path)))


if __name__ == "__main__":
    main()
