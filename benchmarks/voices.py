"""Are the voices understood, and are they told apart? And how fast does each engine speak?

    python benchmarks/voices.py --work FOLDER [--real LIBRISPEECH]    # goes on where it stopped; then prints the tables
    python benchmarks/voices.py --rates [--engines hibari flite codes transformers]

Every voice says the same six sentences, none of which the table of voices was chosen with. They are transcribed (in a row,
because any clip costs the recogniser as much as one of 30 s), scored (DNSMOS, the first sentence of every fourth voice) and
embedded by a network that was trained to tell speakers apart: Resemblyzer's, whose weights come inside its package (`pip
install --no-deps Resemblyzer==0.1.4`; its other parts are not used). The distance of two voices is one minus the cosine
between the mean embeddings of three sentences of the one and three other sentences of the other; that of a voice to itself is
taken in the same way. A voice counts as distinguishable if its nearest neighbour in the table is farther than 95 % of the
distances of voices to themselves.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import soundfile
import torch

from omniforge.synth.config import SynthConfig
from omniforge.synth.quality import QualityModel
from omniforge.synth.roundtrip import SAMPLE_RATE, Recogniser, RoundtripConfig, judge, word_error_rate
from omniforge.synth.synthesiser import Line, Synthesiser
from omniforge.synth.tts.engine import Engine, SpeechError
from omniforge.synth.tts.registry import load_engine
from omniforge.synth.voices import EMBEDDED_VOICES, FLITE_VOICES, Voice

Samples = npt.NDArray[np.float32]

SENTENCES = (
    "Is the woman in the blue coat waiting for the train or the bus?",
    "Three brown horses are standing together behind a wooden gate.",
    "A painting of a quiet village under a sky full of stars.",
    "Which of the two dogs in this picture is closer to the water?",
    "The kitchen has a white stove, a silver sink and green walls.",
    "A boy in a striped shirt throws a ball to his older brother.",
)
INTELLIGIBLE, SURE = 0.15, 0.95
SCORED = 4
"""The quality of every fourth voice is scored: that costs as much as hearing it."""

WINDOW, STEP = 160, 80
"""Frames of 10 ms that the speaker network looks at, and by how many it moves on."""


class SpeakerNetwork(torch.nn.Module):
    """The speaker encoder of GE2E (arXiv 1710.10467) as Resemblyzer trained it: 40 mel bands to 256 numbers."""

    fingerprint = "Resemblyzer 0.1.4"

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)
        path = str(distribution("Resemblyzer").locate_file("resemblyzer/pretrained.pt"))
        weights = torch.load(path, map_location="cpu", weights_only=True)
        kept = {name: value for name, value in weights["model_state"].items() if name.startswith(("lstm", "linear"))}
        self.load_state_dict(kept)
        self.eval()

    @torch.no_grad()
    def embed(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Embed 16 kHz speech without its silent ends, brought to -30 dB: (256,), of length 1."""
        trimmed, _ = librosa.effects.trim(samples, top_db=40)
        loud = trimmed * max(1.0, 10 ** (-30 / 20) / (float(np.sqrt(np.mean(trimmed**2))) + 1e-9))
        mel = librosa.feature.melspectrogram(y=loud, sr=SAMPLE_RATE, n_fft=400, hop_length=160, n_mels=40).astype(np.float32).T
        mel = np.pad(mel, ((0, max(0, WINDOW - len(mel))), (0, 0)))
        starts = sorted({*range(0, len(mel) - WINDOW + 1, STEP), len(mel) - WINDOW})
        _, (hidden, _) = self.lstm(torch.from_numpy(np.stack([mel[start : start + WINDOW] for start in starts])))
        return unit(unit(torch.relu(self.linear(hidden[-1])).numpy()).mean(0))


def unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Bring vectors along the last axis to length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def say(engine: Engine, voice: Voice, text: str, seed: int) -> Samples:
    """Speak as it is stored: at 16 kHz, in 16 bits."""
    (take,) = Synthesiser(SynthConfig(), {voice.engine: engine}).speak([Line(text, voice, seed)])
    if isinstance(take, SpeechError):
        raise take
    return take


def in_a_row(clips: Sequence[Samples]) -> Samples:
    """Join clips, with 0.3 s of silence behind each."""
    pause = np.zeros(round(0.3 * SAMPLE_RATE), np.float32)
    return np.concatenate([part for clip in clips for part in (clip, pause)])


def keep_measuring(
    voices: Sequence[Voice], engines: dict[str, Engine], log: Path, by: str, look: Callable[[list[Samples]], Any]
) -> list[Any]:
    """Measure each voice that `log` does not have yet, as it is now, and return all measures in the order of the table.

    `by` names the model that looks.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    keys = [json.dumps([asdict(voice), engines[voice.engine].fingerprint, SENTENCES, by, "16 bits"]) for voice in voices]
    done = {row["key"]: row["value"] for row in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    with log.open("a") as file:
        for voice, key in zip(voices, keys, strict=True):
            if key not in done:
                done[key] = look([say(engines[voice.engine], voice, text, seed) for seed, text in enumerate(SENTENCES)])
                file.write(json.dumps({"key": key, "value": done[key]}) + "\n")
                file.flush()
    return [done[key] for key in keys]


def measure(voices: Sequence[Voice], work: Path) -> list[dict[str, Any]]:
    """Measure what `work` does not have yet: embeddings, word error rate, sound, and the DNSMOS of some."""
    engines = {name: load_engine(name) for name in sorted({voice.engine for voice in voices})}
    network, recogniser, quality = SpeakerNetwork(), Recogniser.load(), QualityModel.load()

    def embed(clips: list[Samples]) -> list[list[float]]:
        return [[round(float(x), 5) for x in network.embed(clip)] for clip in clips]

    def listen(clips: list[Samples]) -> dict[str, Any]:
        verdicts = [judge(text, None, clip, RoundtripConfig()) for text, clip in zip(SENTENCES, clips, strict=True)]
        wer = word_error_rate(" ".join(SENTENCES), recogniser.transcribe(in_a_row(clips)))
        return {"wer": wer, "bad": [verdict.why for verdict in verdicts if not verdict.ok]}

    def score(clips: list[Samples]) -> float:
        return quality.score(clips[0])

    embeddings = keep_measuring(voices, engines, work / "embeddings.jsonl", SpeakerNetwork.fingerprint, embed)
    heard = keep_measuring(voices, engines, work / "heard.jsonl", recogniser.fingerprint, listen)
    scored = voices[::SCORED]
    scores = keep_measuring(scored, engines, work / "quality.jsonl", quality.fingerprint, score)
    dnsmos = {voice.name: value for voice, value in zip(scored, scores, strict=True)}
    return [
        row | {"embeddings": rows, "dnsmos": dnsmos.get(voice.name)}
        for voice, row, rows in zip(voices, heard, embeddings, strict=True)
    ]


def distances(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Distances (V, V) of voices from embeddings (V, 6, 256): between halves, so the diagonal is a voice against itself."""
    first, second = unit(embeddings[:, :3].mean(1)), unit(embeddings[:, 3:].mean(1))
    across = 1 - first @ second.T
    return (across + across.T) / 2


def nearest_other(table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The distance of each voice to the nearest other, (V,)."""
    return (table + np.diag(np.full(len(table), np.inf, np.float32))).min(1)


def identified(embeddings: npt.NDArray[np.float32]) -> float:
    """Share of voices that three sentences pick out of the whole table, when all are known by three other sentences."""
    first, second = unit(embeddings[:, :3].mean(1)), unit(embeddings[:, 3:].mean(1))
    closest = (first @ second.T).argmax(1)
    return float(np.mean(closest == np.arange(len(closest))))


def equal_error_rate(same: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Share of wrong decisions at the distance where both kinds of mistake are equally likely."""
    limits = np.sort(np.concatenate([same, other]))
    missed = 1 - np.searchsorted(np.sort(same), limits, side="right") / same.size
    taken = np.searchsorted(np.sort(other), limits, side="right") / other.size
    place = int(np.argmin(np.abs(missed - taken)))
    return float((missed[place] + taken[place]) / 2)


def sentence_distances(embeddings: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Distances of single sentences, of one voice and of two, always of different sentences."""
    voices, sentences, width = embeddings.shape
    flat = embeddings.reshape(-1, width)
    table = 1 - flat @ flat.T
    voice, sentence = np.divmod(np.arange(voices * sentences), sentences)
    other_sentence = (sentence[:, None] != sentence[None]) & np.triu(np.ones_like(table, bool))
    same_voice = voice[:, None] == voice[None]
    return table[other_sentence & same_voice], table[other_sentence & ~same_voice]


def real_speakers(folder: Path, network: SpeakerNetwork) -> npt.NDArray[np.float32]:
    """Embeddings (S, 6, 256) of six recordings of each speaker of a LibriSpeech folder; other kinds of sound are left out."""
    found: dict[str, list[npt.NDArray[np.float32]]] = {}
    for path in sorted(folder.glob("*/*/*/*.flac")):
        try:
            samples, rate = soundfile.read(path, dtype="float32")
        except soundfile.LibsndfileError:
            continue  # the collection has broken files on purpose
        speaker = found.setdefault(path.parts[-3], [])
        if (
            samples.ndim == 1
            and rate == SAMPLE_RATE
            and samples.size > SAMPLE_RATE
            and np.abs(samples).max() > 0.01
            and len(speaker) < 6
        ):
            speaker.append(network.embed(samples[: 4 * SAMPLE_RATE]))
    return np.stack([np.stack(embeddings) for embeddings in found.values() if len(embeddings) == 6])


def figures(voices: Sequence[Voice], rows: Sequence[dict[str, Any]]) -> str:
    """A table row for each engine, and which voices fail."""
    lines = [
        "| engine | voices | WER (worst) | DNSMOS (worst) | nearest (least) | itself (95 %) | identified | EER | bad sound |"
    ]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    failing: list[str] = []
    groups = {
        name: [place for place, voice in enumerate(voices) if voice.engine == name] for name in {v.engine for v in voices}
    }
    groups = dict(sorted(groups.items())) | ({"all": list(range(len(voices)))} if len(groups) > 1 else {})
    for name, places in groups.items():
        embeddings = np.asarray([rows[place]["embeddings"] for place in places], np.float32)
        table = distances(embeddings)
        limit = float(np.quantile(np.diag(table), SURE))
        nearest = nearest_other(table)
        errors = [rows[place]["wer"] for place in places]
        quality = [rows[place]["dnsmos"] for place in places if rows[place]["dnsmos"] is not None]
        good = sum(error < INTELLIGIBLE and far > limit for error, far in zip(errors, nearest, strict=True))
        lines.append(
            f"| {name} | {len(places)}, {good} pass | {statistics.mean(errors):.1%} ({max(errors):.1%}) "
            f"| {statistics.mean(quality):.2f} ({min(quality):.2f}) | {nearest.mean():.3f} ({nearest.min():.3f}) | {limit:.3f} "
            f"| {identified(embeddings):.1%} | {equal_error_rate(*sentence_distances(embeddings)):.1%} "
            f"| {sum(len(rows[place]['bad']) for place in places)} of {len(SENTENCES) * len(places)} |"
        )
        if name == "all":
            continue  # each engine's failures are listed with it, against its own voices
        failing += [f"{name}: {voices[place].name}: {why}" for place in places for why in rows[place]["bad"]]
        failing += [
            f"{name}: {voices[place].name}: WER {error:.1%}, nearest other {far:.3f}"
            for place, error, far in zip(places, errors, nearest, strict=True)
            if error >= INTELLIGIBLE or far <= limit
        ]
    return "\n".join([*lines, "", *failing])


def by_factor(voices: Sequence[Voice], rows: Sequence[dict[str, Any]]) -> str:
    """Mean WER and DNSMOS of the embedded voices by pitch and by formants."""
    lines = ["| factor | voices | WER | DNSMOS |", "| --- | --- | --- | --- |"]
    pairs = [(voice, row) for voice, row in zip(voices, rows, strict=True) if voice.engine == "hibari"]
    for part in ("pitch", "formants", "tilt_db"):
        for value in sorted({getattr(voice, part) for voice, _ in pairs}):
            chosen = [row for voice, row in pairs if getattr(voice, part) == value]
            wer = statistics.mean(row["wer"] for row in chosen)
            scores = [row["dnsmos"] for row in chosen if row["dnsmos"] is not None]
            score = f"{statistics.mean(scores):.2f}" if scores else ""
            lines.append(f"| {part} {value:g} | {len(chosen)} | {wer:.1%} | {score} |")
    return "\n".join(lines)


def vits_of_the_published_size(folder: Path) -> None:
    """Save a VITS as large as the published ones, with random weights: as fast, though it says nothing."""
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    letters = ["<pad>", *"abcdefghijklmnopqrstuvwxyz ',.?", "<unk>"]
    (folder / "letters.json").write_text(json.dumps({letter: place for place, letter in enumerate(letters)}))
    torch.manual_seed(0)
    VitsModel(VitsConfig(vocab_size=len(letters))).save_pretrained(folder)
    VitsTokenizer(str(folder / "letters.json"), phonemize=False).save_pretrained(folder)


def rates(names: Sequence[str]) -> str:
    """Utterances, and seconds of speech, for each second of CPU time, other programs included; median of 3 rounds."""
    speakers = {"hibari": "heart", "flite": "slt", "codes": "heart", "transformers": "0"}
    lines = ["| engine | utterances per CPU second | times real time |", "| --- | --- | --- |"]
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            if name == "transformers":
                vits_of_the_published_size(Path(folder))
            engine = load_engine(name, {"model": folder} if name == "transformers" else {})
        voice = Voice(name=name, engine=name, speaker=speakers[name])
        engine.speak(SENTENCES[0], voice, 0)
        rounds: list[tuple[float, float]] = []
        for _ in range(3):
            started = sum(os.times()[:4])
            spoken = sum(engine.speak(text, voice, seed).seconds for seed, text in enumerate(SENTENCES))
            rounds.append((sum(os.times()[:4]) - started, spoken))
        seconds, spoken = sorted(rounds)[1]
        lines.append(f"| {name} | {len(SENTENCES) / seconds:.1f} | {spoken / seconds:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder that keeps what was measured")
    parser.add_argument("--real", type=Path, help="a LibriSpeech folder to compare with")
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--engines", nargs="*", default=["hibari", "flite", "codes", "transformers"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.rates:
        print(rates(options.engines))
        return
    if not options.work:
        parser.error("--work is missing")
    voices = EMBEDDED_VOICES + FLITE_VOICES
    rows = measure(voices, options.work)
    print(figures(voices, rows), by_factor(voices, rows), sep="\n\n")
    if options.real:
        table = distances(real_speakers(options.real, SpeakerNetwork()))
        print(
            f"\n{len(table)} real speakers: themselves {np.diag(table).round(3)}, nearest other {nearest_other(table).round(3)}"
        )


if __name__ == "__main__":
    main()
