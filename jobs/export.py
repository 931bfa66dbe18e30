"""`omniforge export`: a media dataset as files for others, from which it can be read back."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omniforge.jobs.arguments import add_reference_argument
from omniforge.jobs.config import ConfigError

if TYPE_CHECKING:
    from omniforge.pipeline.export import Writer


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("export", help="write records and media as JSON lines or as a Hugging Face data set")
    add_reference_argument(parser)
    parser.add_argument(
        "--format",
        choices=("jsonl", "hf"),
        required=True,
        help="jsonl: messages, images, audios, as the reference is fine-tuned from; hf: Parquet with Image and Audio columns",
    )
    parser.add_argument("--output", metavar="FOLDER", required=True, help="a new folder, or that of the same export, to go on")
    parser.add_argument("--task", metavar="TASK", help="only records that give this task: svqa, s2i, asr, ...")
    parser.add_argument("--split", metavar="SPLIT", help="only records of this split")
    parser.add_argument("--where", metavar="SQL", help="only records for which this holds, e.g. \"wer < 0.1 and voice <> 'x'\"")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the export and say what is in it."""
    from omniforge.pipeline.export import Selection, export
    from omniforge.pipeline.reference import open_dataset

    if "://" in options.output:
        raise ConfigError(f"--output {options.output}: an export goes into a folder here; name one and copy it from there")
    selection = Selection(task=options.task, split=options.split, where=options.where)
    written = export(open_dataset(options.reference), _writer(options), Path(options.output), selection)
    print(f"{options.output}: {written.records:,} records in {len(written.files)} files")
    for reason, count in written.left.items():
        print(f"  left out: {count:,} {reason}")
    return 0


def _writer(options: argparse.Namespace) -> "Writer":
    from omniforge.pipeline.export_hf import HuggingFace
    from omniforge.pipeline.export_jsonl import JsonLines

    return HuggingFace() if options.format == "hf" else JsonLines(task=options.task)
