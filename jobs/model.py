"""`omniforge model`: a trained model as a folder to give away, and its card."""

import argparse
from pathlib import Path
from typing import Any


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and its parts."""
    parser = subparsers.add_parser(
        "model",
        help="a trained model as a folder to give away; its model card",
        description="export, then `omniforge evaluate FOLDER`, then card: what is evaluated is what is given away.",
    )
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    exported = parts.add_parser("export", help="write weights as float16, and what is needed to use them; nothing else")
    exported.add_argument("checkpoint", metavar="CKPT", help="a checkpoint, or the output folder of `omniforge train`")
    exported.add_argument("--output", metavar="FOLDER", required=True, help="a new folder, or that of the same export")
    exported.set_defaults(run=export)
    carded = parts.add_parser("card", help="write README.md into an exported folder, beside it the figures of an evaluation")
    carded.add_argument("folder", metavar="FOLDER", help="what `model export` wrote, or embedded (the shipped model)")
    carded.add_argument(
        "--evaluation", metavar="FOLDER", help="what `evaluate` wrote of this folder; without it, the figures that lie there"
    )
    carded.set_defaults(run=card)


def export(options: argparse.Namespace) -> int:
    """Write the folder and say what is in it."""
    from omniforge.jobs.evaluation_speech import write_speech
    from omniforge.trainer.generation.origin import read_origin
    from omniforge.trainer.release import last_checkpoint, local_sources, release

    checkpoint, folder = last_checkpoint(Path(options.checkpoint)), Path(options.output)
    written = release(checkpoint, folder)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    print(f"{folder}: {checkpoint} as float16, {size / 1e6:.1f} MB{'' if written else ', there already'}")
    if not write_speech(read_origin(checkpoint).reference, folder):
        print("  how its data was spoken is not told: the data cannot be read; an evaluation will assume the embedded voices")
    if local := local_sources(checkpoint):
        print(f"  its {', '.join(local)} tokenizer files stay on this machine; elsewhere, name a dataset with them: --data REF")
    return 0


def card(options: argparse.Namespace) -> int:
    """Write the card, and keep the evaluation that it shows."""
    from omniforge.jobs.model_card import keep_evaluation, model_card
    from omniforge.trainer.evaluate.run import write_text
    from omniforge.trainer.model.source import model_folder

    folder = model_folder(options.folder)
    if options.evaluation is not None:
        keep_evaluation(folder, Path(options.evaluation))
    write_text(folder / "README.md", model_card(folder))
    print(f"wrote {folder / 'README.md'}")
    return 0
