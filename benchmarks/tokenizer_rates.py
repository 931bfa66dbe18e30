"""How fast the embedded tokenizers are on one thread: as the pipeline calls them, one at a time, and all together.

The reference calls its tokenizers one sample at a time inside the data loader. The bound is the time that the encoder's
multiplications would take at the rate of a large matrix product on the same thread. Seconds are those of the processor.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer

ROUNDS = 3
PICTURES = {256: 8, 512: 2}
WAVES = 16
SECONDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of doing an amount of work; `bound` says whether its share of the matrix product is asked for."""

    name: str
    work: Callable[[], object]
    amount: float
    unit: str
    bound: bool = True


def seconds(work: Callable[[], object]) -> float:
    """Time one call in seconds of the processor: everything runs on one thread, and other work does not count."""
    started = time.process_time()
    work()
    return time.process_time() - started


def flops(work: Callable[[], object]) -> int:
    """Count the floating-point operations of the matrix products, convolutions and attention of one call."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def matmul() -> float:
    """Measure the rate of a float32 matrix product of 1,024 rows and columns, FLOP/s."""
    left, right = torch.rand(2, 1024, 1024)
    return 2 * 1024**3 / seconds(lambda: left @ right)


def picture_ways(tokenizer: ImageTokenizer, side: int, count: int) -> list[Way]:
    """Ways of encoding that many pictures."""
    pictures = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return [
        Way(name=f"pictures, {side} px, {how}", work=work, amount=count, unit="pictures/s")
        for how, work in (
            (f"a batch of {count}, as the pipeline calls it", lambda: tokenizer.encode(pictures)),
            ("one at a time, as the reference", lambda: [tokenizer.encode(picture[None]) for picture in pictures]),
            (f"{count} through the network together, as on a GPU", lambda: tokenizer.encode_together(pictures)),
        )
    ]


def speech_ways(tokenizer: SpeechTokenizer, waves: list[NDArray[np.float32]]) -> list[Way]:
    """Ways of encoding speech, and of decoding one utterance."""
    (codes,) = tokenizer.encode(waves[:1])
    spoken = len(codes) / tokenizer.codes_per_second

    def stream() -> None:
        utterance = tokenizer.stream()
        utterance.push(codes)
        utterance.finish()

    encoding = [
        Way(name=f"speech, {how}", work=work, amount=WAVES * SECONDS, unit="x real time")
        for how, work in (
            (f"a batch of {WAVES}, as the pipeline calls it", lambda: tokenizer.encode(waves)),
            ("one at a time, as the reference", lambda: [tokenizer.encode([wave]) for wave in waves]),
            (f"{WAVES} through the network together, as on a GPU", lambda: tokenizer.encode_together(waves)),
        )
    ]
    return [
        *encoding,
        Way(name="decode speech, whole", work=lambda: tokenizer.decode([codes]), amount=spoken, unit="x real time"),
        Way(name="decode speech, streamed", work=stream, amount=spoken, unit="x real time"),
        Way(
            name="first chunks of a stream, 10 codes",
            work=lambda: tokenizer.stream().push(codes[:10]),
            amount=1,
            unit="first chunks/s",
            bound=False,
        ),
    ]


def main() -> None:
    """Print pictures a second, seconds of speech a second, and the share of the bound that each reaches."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    waves = [rng.standard_normal(16_000 * SECONDS).astype(np.float32) * 0.1 for _ in range(WAVES)]
    image = ImageTokenizer.load("embedded")
    ways = [way for side, count in PICTURES.items() for way in picture_ways(image, side, count)]
    ways += speech_ways(SpeechTokenizer.load("embedded"), waves)
    operations = [flops(way.work) for way in ways]
    times: list[list[float]] = [[] for _ in ways]
    products: list[float] = []
    for _ in range(ROUNDS):
        for way, measured in zip(ways, times, strict=True):
            products.append(matmul())
            measured.append(seconds(way.work))
    rate = statistics.median(products)
    print(f"float32 matrix product of 1,024 x 1,024: {rate / 1e9:.0f} GFLOP/s\n")
    print("| what | rate | GFLOP each | of the bound |\n| --- | --- | --- | --- |")
    for way, count, measured in zip(ways, operations, times, strict=True):
        taken = statistics.median(measured)
        share = f"{count / rate / taken:.0%}" if way.bound else ""
        print(f"| {way.name} | {way.amount / taken:.1f} {way.unit} | {count / way.amount / 1e9:.2f} | {share} |")


if __name__ == "__main__":
    main()
