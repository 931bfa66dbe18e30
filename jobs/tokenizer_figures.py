"""The held-out figures of a report of `omniforge tokenizer evaluate` as Markdown, for model cards and documentation."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

_SPEAKER_CHARACTERS = 8


def figures_markdown(report: Mapping[str, Any]) -> str:
    """Write a report of either tokenizer as a table with what has to be known to read it."""
    lines = _image_lines(report) if "scenes" in report else _speech_lines(report)
    return "\n".join([*lines, "", f"Weights {report['fingerprint']}."]) + "\n"


def _image_lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield "| held out | count | PSNR mean / least | SSIM | different codes / codes | perplexity | bits |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for what, title in (("scenes", "scenes"), ("pictures", "real pictures")):
        for side, figures in report.get(what, {}).items():
            ratio, use = figures["psnr_db"], figures["code_use"]
            quality = f"{ratio['mean']:.2f} / {ratio['least']:.2f} dB | {figures['ssim']:.3f}"
            codes = f"{use['different']:,} / {use['codes']:,} | {use['perplexity']:,.0f} | {use['bits']:.1f}"
            yield f"| {title}, {side} px | {figures['count']} | {quality} | {codes} |"
    yield ""
    yield (
        "Scenes have seeds from 0, and those to train on from 2**40. Of real pictures, the tenth is measured that training by "
        "the shipped recipe leaves out."
    )
    if left_out := report.get("left_out"):
        named = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
        yield f"Not measured, since `pull` would refuse them: {named}."


def _speech_lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "| who | utterances (words) | originals | decoded | difference (95 % interval) | mel distance "
        "| different codes / codes | perplexity |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for voice, figures in report["synthetic"].items():
        yield _speech_row(f"synthetic voice {voice}", figures)
    recorded = report.get("recorded", {})
    for what, title in (("all", "all real speakers"), ("held_out", "held-out real speakers")):
        if what in recorded:
            yield _speech_row(title, recorded[what])
    for name, figures in recorded.get("speakers", {}).items():
        mark = ", held out" if figures["held_out"] else ""
        yield _speech_row(f"speaker {name[:_SPEAKER_CHARACTERS]}{mark}", figures)
    yield ""
    yield (
        f"Originals and decoded: word error rates of {report['recogniser']}; the interval is a bootstrap over utterances. "
        "Mel distance: mean absolute difference of log mel spectrograms (natural logarithm), between original and decoded. "
        "Decoding speaks in the synthesiser's own voice by design: in every other voice the distance holds that change too. "
        "Sentences, and speakers called held out, are those that training by the shipped recipe leaves out."
    )
    if left_out := recorded.get("left_out"):
        reasons = Counter(reason.partition(":")[0] for reason in left_out.values())
        counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        yield f"{len(left_out)} recordings were not measured: {counted}."


def _speech_row(title: str, figures: Mapping[str, Any]) -> str:
    rates, use = figures["word_error_rate"], figures["code_use"]
    low, high = (100 * end for end in rates["difference"]["interval_95"])
    cells = (
        f"{title}",
        f"{figures['utterances']} ({figures['words']})",
        f"{rates['original']['rate']:.1%}",
        f"{rates['decoded']['rate']:.1%}",
        f"{100 * rates['difference']['rate']:+.1f} points ({low:+.1f} to {high:+.1f})",
        f"{figures['mel_distance']:.2f}",
        f"{use['different']:,} / {use['codes']:,}",
        f"{use['perplexity']:,.0f}",
    )
    return f"| {' | '.join(cells)} |"
