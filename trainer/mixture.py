"""How many samples of each kind an epoch and a window hold."""

from collections.abc import Mapping, Sequence

STREAMS = ("t2i", "caption", "vqa", "asr", "tts", "svqa", "s2i", "text_chat", "speech_chat")
"""What a mixture weighs: the tasks of DESIGN section 4, chats without media and chats with them apart."""


def stream_of(task: str, media_tokens: int) -> str:
    """Return the stream of a sample of `task` with so many picture and speech tokens."""
    if task == "chat":
        return "speech_chat" if media_tokens else "text_chat"
    return task


def draws_per_epoch(available: Mapping[str, int], weights: Mapping[str, float]) -> dict[str, int]:
    """Share an epoch out among streams: as many draws as there are samples, in proportion to the weights.

    Weights are shares of SAMPLES. With weights proportional to `available` an epoch takes every sample exactly once; else
    a stream is gone through faster or slower than the epoch. Streams without a sample are left out and the others take
    their share; each of those has at least one draw.

    Raises:
        ValueError: An unknown stream, a negative weight, or no sample at all for what is weighed.
    """
    for name, weight in weights.items():
        if name not in STREAMS:
            raise ValueError(f"mixture: {name!r} is no stream; there are {', '.join(STREAMS)}")
        if weight < 0:
            raise ValueError(f"mixture: the weight of {name} is {weight}; weights are 0 or more")
    there = {name: weight for name, weight in sorted(weights.items()) if weight > 0 and available.get(name, 0)}
    if not there:
        has = ", ".join(f"{name} {count}" for name, count in sorted(available.items()) if count) or "nothing"
        raise ValueError(f"mixture: the data has no sample of {', '.join(sorted(weights)) or 'any stream'}; it has {has}")
    total, weight_sum = sum(available[name] for name in there), sum(there.values())
    exact = {name: total * weight / weight_sum for name, weight in there.items()}
    draws = {name: max(1, int(share)) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: (draws[name] - exact[name], name))[: max(0, total - sum(draws.values()))]:
        draws[name] += 1
    return draws


def window_range(draws: int, window: int, windows: int) -> tuple[int, int]:
    """Return the (start, stop) of a stream's draws that fall into window `window` of `windows`, evenly spread."""
    return draws * window // windows, draws * (window + 1) // windows


def numbered(names: Sequence[str]) -> dict[str, int]:
    """Number streams as tensors and tables know them."""
    return {name: STREAMS.index(name) for name in names}
