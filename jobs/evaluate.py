"""`omniforge evaluate`: how well a trained model does every task, on scenes and sentences that it never saw."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniforge.trainer.evaluate.bench import SpeechTools
    from omniforge.trainer.evaluate.suite import EvaluationTask, Suite
    from omniforge.trainer.generation.codecs import Codecs
    from omniforge.trainer.model.transformer import Dream

DEFAULT_STEPS = (4, 10, 25, 50)


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a trained model exactly, on scenes and sentences never seen",
        description="Run again with the same arguments, it goes on after the last task that was done. docs/evaluation.md says "
        "what is measured and how.",
    )
    parser.add_argument(
        "checkpoint",
        metavar="CKPT",
        help="embedded (the shipped model), a checkpoint's folder, or a published one's with --data",
    )
    parser.add_argument("--suite", metavar="NAME", required=True, help="what to measure: scenes")
    parser.add_argument("--samples", type=int, default=200, metavar="N", help="scenes, or sentences, of a task (default: 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which of the unseen ones (default: 0)")
    parser.add_argument(
        "--steps", default=",".join(map(str, DEFAULT_STEPS)), metavar="N,N", help="points of the curves (default: 4,10,25,50)"
    )
    parser.add_argument("--tasks", metavar="NAME,NAME", help="only these tasks (default: all)")
    parser.add_argument("--output", metavar="FOLDER", default="evaluation", help="where the figures go (default: evaluation)")
    parser.add_argument(
        "--held-out-engine", action="store_true", help="have the voices of flite ask too, which training never hears"
    )
    parser.add_argument("--data", metavar="REF", help="token dataset the model was trained on, where the folder does not say")
    parser.add_argument("--device", default="cpu", help="where the model runs, such as cuda (default: cpu)")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="responses made at once (default: 32)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the suite; write `evaluation.json`, `evaluation.md` and a chart of each curve; say what was found."""
    import torch

    from omniforge.jobs.evaluation_speech import speech_tools, training_speech, voice_groups
    from omniforge.jobs.generate import checkpoint_origin
    from omniforge.synth.voices import FLITE_VOICES
    from omniforge.trainer.evaluate.bench import bench_of, model_responder
    from omniforge.trainer.evaluate.report import markdown, summarise
    from omniforge.trainer.evaluate.run import run_suite, write_json, write_text
    from omniforge.trainer.generation.codecs import Codecs
    from omniforge.trainer.model.checkpoint_keys import load_pretrained
    from omniforge.trainer.model.source import model_folder

    # Tokenizers run on the CPU whatever the model runs on, and the number of threads moves what they give.
    torch.set_num_threads(1)
    codecs = Codecs(checkpoint_origin(options))
    speech, told = training_speech(codecs.origin.reference, model_folder(options.checkpoint))
    groups = voice_groups(tuple(dict.fromkeys((*speech.voices, *(FLITE_VOICES if options.held_out_engine else ())))))
    suite = _suite(options, tuple(groups))
    model = load_pretrained(options.checkpoint, device=options.device).eval()
    codecs.check_model(model)
    tools = speech_tools(groups, speech.engines)
    responder = model_responder(model, codecs, options.batch)
    bench = bench_of(responder, codecs, tools, samples=options.samples, seed=options.seed)
    facts = {**_facts(options, model, codecs, tools), "voices of the training": told}
    output = Path(options.output)
    results = run_suite(suite, bench, output, facts, on_task=_progress)
    summary = summarise(suite, results, facts, options.seed)
    write_json(output / "evaluation.json", summary)
    write_text(output / "evaluation.md", markdown(summary, [chart.name for chart in _charts(summary, output)]))
    print(f"wrote {output / 'evaluation.md'} and {output / 'evaluation.json'}")
    return 0


def _suite(options: argparse.Namespace, groups: tuple[str, ...]) -> "Suite":
    from omniforge.jobs.config import ConfigError
    from omniforge.trainer.evaluate.run import select
    from omniforge.trainer.evaluate.suite import SUITES

    if options.suite not in SUITES:
        raise ConfigError(f"no suite {options.suite!r}; there are {', '.join(SUITES)}")
    try:
        steps = tuple(int(number) for number in options.steps.split(",") if number)
    except ValueError:
        raise ConfigError(f"--steps {options.steps}: write whole numbers with commas between, such as 4,10,25,50") from None
    try:
        suite = SUITES[options.suite](groups, steps)
        return select(suite, options.tasks.split(",")) if options.tasks else suite
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _facts(options: argparse.Namespace, model: "Dream", codecs: "Codecs", tools: "SpeechTools") -> dict[str, Any]:
    """Return everything that decides the figures; no path and no time, so that equal facts give equal files."""
    from importlib.metadata import version

    import torch

    from omniforge.pipeline.environment import environment_fingerprint
    from omniforge.pipeline.sources.scenes import SCENES_VERSION
    from omniforge.pipeline.sources.scenes_source import scene_seed
    from omniforge.pipeline.sources.sentences import SENTENCES_VERSION
    from omniforge.trainer.evaluate.facts import codecs_facts, model_fingerprint
    from omniforge.trainer.evaluate.unseen import first_number

    return {
        "suite": options.suite,
        "checkpoint": model_fingerprint(model),
        **codecs_facts(codecs),
        "samples": options.samples,
        "seed": options.seed,
        "first scene": scene_seed("test", first_number(options.seed)),
        "first sentence": first_number(options.seed),
        "scenes": SCENES_VERSION,
        "sentences": SENTENCES_VERSION,
        "batch": options.batch,
        "speech": tools.fingerprint,
        "code": version("omniforge"),
        "device": options.device,
        "threads": torch.get_num_threads(),
        "environment": environment_fingerprint(),
    }


def _progress(task: "EvaluationTask", items: int, known: bool) -> None:
    print(f"{task.name}: {items} items{', done before' if known else ''}", flush=True)


def _charts(summary: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Draw each curve over the steps that were taken, with its intervals."""
    import altair

    from omniforge.pipeline.report_charts import svg
    from omniforge.trainer.evaluate.run import write_text

    for curve in summary["curves"]:
        if len(curve["points"]) < 2:
            continue
        base = altair.Chart(altair.Data(values=curve["points"])).encode(x=altair.X("steps:Q", title="steps taken, mean"))
        line = base.mark_line(point=True, color="#4c6ef5").encode(y=altair.Y("value:Q", title=curve["measure"]))
        band = base.mark_area(opacity=0.2, color="#4c6ef5").encode(y="low:Q", y2="high:Q")
        path = folder / f"steps-{curve['name'].replace(' ', '-')}.svg"
        write_text(path, svg(band + line, f"{curve['name']}: {curve['measure']}"))
        yield path
