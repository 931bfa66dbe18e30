"""`omniforge generate`: what a trained model says, draws and writes, from ordinary files to ordinary files."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from omniforge.trainer.generation.origin import Origin
    from omniforge.trainer.generation.responses import GenerationConfig


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    from omniforge.trainer.generation.tasks import NEEDS, TASKS

    takes = "\n".join(f"  {task}: {', '.join(needed)}".replace("cover", "mask or box") for task, needed in NEEDS.items())
    parser = subparsers.add_parser(
        "generate",
        help="pictures, speech and text from a trained model",
        description=f"Tasks and what each takes; give an option once for all prompts, or once for each:\n{takes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint",
        metavar="CKPT",
        help="embedded (the shipped model), a checkpoint's folder, or a published one's with --data",
    )
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--text", action="append", metavar="TEXT", help="what to draw (t2i, inpaint) or to say (tts)")
    parser.add_argument("--question", action="append", metavar="TEXT", help="about the picture (vqa)")
    parser.add_argument("--image", action="append", metavar="FILE", help="a picture")
    parser.add_argument("--audio", action="append", metavar="FILE", help="recorded speech")
    parser.add_argument("--mask", action="append", metavar="FILE", help="picture of the same size, light where to paint anew")
    parser.add_argument("--box", action="append", metavar="X,Y,W,H", help="rectangle of the picture, in pixels, to paint anew")
    parser.add_argument(
        "--input", metavar="FILE.jsonl", help="a prompt a line: an object with the names above, and seed; files beside it"
    )
    parser.add_argument("--output", metavar="FOLDER", default="generated", help="where files go (default: generated)")
    parser.add_argument("--data", metavar="REF", help="token dataset the model was trained on, where the folder does not say")
    parser.add_argument("--device", default="cpu", help="where the model runs, such as cuda (default: cpu)")
    _add_sampling_arguments(parser)
    parser.set_defaults(run=run)


def _add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    from omniforge.trainer.sampler.config import Order

    group = parser.add_argument_group("sampling", "see docs/sampling.md")
    group.add_argument("--preset", choices=("reference",), help="parameters, lengths and quirks of the published examples")
    group.add_argument("--steps", type=int, metavar="N", help="forward passes (default: by the length of the response)")
    group.add_argument(
        "--length", type=int, metavar="N", help="tokens of words or speech to start with (default: by the prompt)"
    )
    group.add_argument(
        "--temperature", type=float, metavar="T", help="0 takes the likeliest token (default: 0.7 for pictures, 0 for all else)"
    )
    group.add_argument("--top-p", type=float, metavar="P", help="drop tokens beyond this cumulative probability")
    group.add_argument("--top-k", type=int, metavar="K", help="keep this many best tokens")
    group.add_argument("--order", choices=get_args(Order), help="which tokens are decided first")
    group.add_argument("--guidance", type=float, metavar="G", help="exaggerate what the prompt adds; 0 is off")
    group.add_argument("--repetition-penalty", type=float, metavar="F", help="above 1: tokens that are there are less likely")
    group.add_argument("--position-penalty", type=float, metavar="F", help="above 1: hold back the end of large pictures")
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the first prompt; the next has the next (default: 0)"
    )
    group.add_argument("--batch", type=int, default=16, metavar="N", help="prompts at once (default: 16)")
    group.add_argument("--frames", type=int, metavar="N", help="also write N frames of how each picture came about")


def run(options: argparse.Namespace) -> int:
    """Make the responses, write their files and `results.jsonl`, and print what was written."""
    from omniforge.jobs.generate_prompts import load_prompt, prompt_rows
    from omniforge.trainer.generation.codecs import Codecs
    from omniforge.trainer.generation.files import ResponseWriter
    from omniforge.trainer.generation.responses import respond
    from omniforge.trainer.model.checkpoint_keys import load_pretrained

    rows = prompt_rows(options)
    config = generation_config(options)
    codecs = Codecs(checkpoint_origin(options))
    model = load_pretrained(options.checkpoint, device=options.device).eval()
    prompts = (load_prompt(row, options.task) for row in rows)
    with ResponseWriter(Path(options.output), options.task, options.frames) as writer:
        for row, response in zip(rows, respond(model, codecs, prompts, config), strict=True):
            written = writer.write(row, response)
            print("  ".join(str(part) for part in (*written, response.text) if part is not None), flush=True)
    return 0


def generation_config(options: argparse.Namespace) -> "GenerationConfig":
    """Read how to sample: the task's defaults or the preset, changed by what is given."""
    from omniforge.jobs.config import ConfigError
    from omniforge.trainer.generation.presets import default_sampling, published_sampling
    from omniforge.trainer.generation.responses import GenerationConfig

    published = options.preset == "reference"
    names = ("temperature", "top_p", "top_k", "order", "guidance", "repetition_penalty", "position_penalty")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    try:
        usual = published_sampling(options.task) if published else default_sampling(options.task, options.temperature)
        sampling = replace(usual, **given)
        return GenerationConfig(
            sampling=sampling, steps=options.steps, length=options.length, published=published, batch=options.batch
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None


def checkpoint_origin(options: argparse.Namespace) -> "Origin":
    """Say what the tokens of `options.checkpoint` mean: by itself, or by the token dataset `options.data`."""
    from omniforge.pipeline.reference import open_dataset
    from omniforge.trainer.generation.origin import describe, origin_of, read_origin

    if options.data is None:
        return read_origin(options.checkpoint)
    return origin_of(describe(open_dataset(options.data)), options.data)
