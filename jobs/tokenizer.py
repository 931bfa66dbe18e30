"""`omniforge tokenizer train`: train the tokenizers that are embedded, or your own on your own data."""

import argparse
from typing import Any


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("tokenizer", help="train an image or speech tokenizer of the embedded kind")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    train = verbs.add_parser("train", help="train, checkpointed; run it again with --resume to go on")
    train.add_argument("what", choices=("image", "speech"))
    train.add_argument("--data", metavar="PATH", help="a folder of real pictures or speech to mix in")
    train.add_argument("--output", metavar="FOLDER", required=True, help="where checkpoints and the finished tokenizer go")
    train.add_argument("--steps", type=int, default=20_000)
    train.add_argument("--size", type=int, default=128, help="pixels of a training picture (image)")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--resume", action="store_true")
    train.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train the tokenizer that is asked for."""
    settings = {name: getattr(options, name) for name in ("data", "output", "steps", "seed", "resume")}
    if options.what == "image":
        from omniforge.jobs.tokenizer_image_training import train_image_tokenizer

        train_image_tokenizer(size=options.size, **settings)
    else:
        from omniforge.jobs.tokenizer_speech_training import train_speech_tokenizer

        train_speech_tokenizer(**settings)
    return 0
