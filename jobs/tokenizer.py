"""`omniforge tokenizer`: train the tokenizers that are embedded, or your own on your own data, and measure them."""

import argparse
import json
import logging
from pathlib import Path
from typing import Any


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and its verbs."""
    parser = subparsers.add_parser("tokenizer", help="train or measure an image or speech tokenizer of the embedded kind")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    train = verbs.add_parser("train", help="train, checkpointed; run again, it goes on and ends as if it had never stopped")
    train.add_argument("--config", metavar="FILE", required=True, help="tokenizer_image.yaml, tokenizer_speech.yaml, or yours")
    train.add_argument(
        "overrides", nargs="*", metavar="key=value", help="e.g. data=PATH output=FOLDER start=embedded steps=2000"
    )
    train.set_defaults(run=run)
    _register_evaluate(verbs)
    _register_card(verbs)


def _register_evaluate(verbs: "argparse._SubParsersAction[Any]") -> None:
    parser = verbs.add_parser(
        "evaluate",
        help="measure a tokenizer on what training leaves out; run twice, it writes the same report",
        description="Image: PSNR, SSIM and code use of 256 scenes and of the held-out tenth of the pictures in DATA. Speech: "
        "word error rate, mel distance and code use of 64 sentences in three voices, and of the speakers in DATA.",
    )
    parser.add_argument("what", choices=("image", "speech"))
    parser.add_argument("--source", default="embedded", metavar="SOURCE", help="embedded, or a folder that training wrote")
    parser.add_argument("--data", metavar="FOLDER", help="real pictures, or texts and recordings, to measure too")
    parser.add_argument("--output", metavar="FILE", help="where the report goes (JSON); without it, to standard output")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only so many scenes and pictures, or sentences and recordings a speaker"
    )
    parser.add_argument(
        "--show", metavar="FOLDER", help="write round trips there: sheets of pictures, or WAV files and transcripts"
    )
    parser.set_defaults(run=evaluate)


def _register_card(verbs: "argparse._SubParsersAction[Any]") -> None:
    parser = verbs.add_parser("card", help="write the model card of a tokenizer as Markdown")
    parser.add_argument("what", choices=("image", "speech"))
    parser.add_argument("--source", default="embedded", metavar="SOURCE", help="embedded, or a folder that training wrote")
    parser.add_argument("--report", metavar="FILE", help="what `evaluate` wrote; without it, the report beside the weights")
    parser.add_argument("--output", metavar="FILE", help="where the card goes; without it, to standard output")
    parser.set_defaults(run=card)


def run(options: argparse.Namespace) -> int:
    """Train the tokenizer that the configuration describes."""
    from omniforge.jobs.tokenizer_config import ImageTraining, training_config

    _say_progress()
    config = training_config(options.config, options.overrides)
    if isinstance(config, ImageTraining):
        from omniforge.jobs.tokenizer_image_training import train_image_tokenizer

        train_image_tokenizer(config)
    else:
        from omniforge.jobs.tokenizer_speech_training import train_speech_tokenizer

        train_speech_tokenizer(config)
    print(f"tokenizer: {config.output}")
    return 0


def _say_progress() -> None:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("omniforge").setLevel(logging.INFO)


def evaluate(options: argparse.Namespace) -> int:
    """Measure a tokenizer and write the report."""
    from omniforge.jobs.config import ConfigError

    _say_progress()
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit}: give at least 1, or leave it out")
    # Before minutes of measuring, which would be lost.
    for folder in (options.output and Path(options.output).parent, options.show):
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
    if options.output is not None and Path(options.output).is_dir():
        raise ConfigError(f"--output {options.output} is a folder: give the name of a file")
    settings = {name: getattr(options, name) for name in ("source", "data", "limit")}
    report = (_evaluate_image if options.what == "image" else _evaluate_speech)(settings, options.show)
    if options.show is not None:
        from omniforge.jobs.tokenizer_figures import figures_markdown

        Path(options.show, "figures.md").write_text(figures_markdown(report), encoding="utf-8")
    _put(json.dumps(report, indent=1) + "\n", options.output)
    return 0


def card(options: argparse.Namespace) -> int:
    """Write a model card."""
    from omniforge.jobs.tokenizer_card import model_card

    _put(model_card(options.what, options.source, options.report), options.output)
    return 0


def _put(text: str, output: str | None) -> None:
    if output is None:
        print(text, end="")
    else:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(text, encoding="utf-8")


def _evaluate_image(settings: dict[str, Any], show: str | None) -> dict[str, Any]:
    from omniforge.jobs.tokenizer_image_evaluation import evaluate_image_tokenizer
    from omniforge.jobs.tokenizer_show import show_pictures

    evaluation = evaluate_image_tokenizer(**settings)
    if show is not None:
        show_pictures(evaluation.shown, Path(show))
    return evaluation.report


def _evaluate_speech(settings: dict[str, Any], show: str | None) -> dict[str, Any]:
    from omniforge.jobs.tokenizer_show import show_speech
    from omniforge.jobs.tokenizer_speech_evaluation import evaluate_speech_tokenizer

    evaluation = evaluate_speech_tokenizer(**settings)
    if show is not None:
        show_speech(evaluation.shown, Path(show))
    return evaluation.report
