"""Run a stage of a build: plan its units, leave out those that happened, work, publish what all of them made."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Literal

from omniforge.jobs.build_config import BuildConfig
from omniforge.pipeline.engine import Operator, run_units, start_ray
from omniforge.pipeline.environment import environment_fingerprint
from omniforge.pipeline.ledger import committed
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.plan import Unit, store_plan
from omniforge.pipeline.progress import Progress
from omniforge.pipeline.pull import plan_pull, pull_operators
from omniforge.pipeline.reference import Dataset, find_version
from omniforge.pipeline.storage import StorageError, Store, open_store
from omniforge.pipeline.synthesis import plan_synthesis, synthesis_operators
from omniforge.pipeline.tokenization import Tokenizers, plan_tokenize, tokenize_operators
from omniforge.schemas.manifest import Manifest
from omniforge.schemas.record import Stage

STAGES: tuple[Stage, ...] = ("pull", "synth", "tokenize")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """A stage ready to run: its units, the graph to run them on, and what its manifest will say of it."""

    stage: Stage
    units: tuple[Unit, ...]
    operators: Callable[[], Sequence[Operator]]
    layer: Literal["media", "tokens"]
    models: dict[str, str]
    config: dict[str, Any]
    inputs: tuple[str, ...] = ()
    vocabulary: dict[str, Any] | None = None


def plan_stage(config: BuildConfig, stage: Stage) -> PlannedStage:
    """Plan a stage from the configuration and from what the stages before it have published."""
    store = open_store(config.root, single_writer=config.single_writer)
    return {"pull": _plan_pull, "synth": _plan_synth, "tokenize": _plan_tokenize}[stage](config, store)


def run_stage(config: BuildConfig, stage: Stage) -> Manifest | None:
    """Run one stage and publish its dataset; None if its inputs give it nothing to do."""
    planned = plan_stage(config, stage)
    if not planned.units:
        return None
    store = open_store(config.root, single_writer=config.single_writer)
    name = config.dataset(stage)
    store_plan(store, name, planned.units)
    done = committed(store, planned.units)
    _warn_of_other_environments(done, stage)
    todo = [unit for unit in planned.units if unit.id not in done]
    progress = Progress(stage=stage, units=len(planned.units), already=len(done))
    if todo:
        start_ray(config.engine)
        for _, counts in run_units(todo, planned.operators(), config=config.engine, progress=progress):
            progress.add(counts)
    progress.finish()
    return publish_stage(config, planned)


def publish_stage(config: BuildConfig, planned: PlannedStage) -> Manifest:
    """Publish what the stage's units made so far; units that did not happen are left out of the version."""
    store = open_store(config.root, single_writer=config.single_writer)
    return publish(
        store,
        layer=planned.layer,
        name=config.dataset(planned.stage),
        entries=committed(store, planned.units),
        code_version=version("omniforge"),
        config=planned.config,
        models=planned.models,
        inputs=planned.inputs,
        vocabulary=planned.vocabulary,
    )


def _warn_of_other_environments(done: Mapping[str, Any], stage: Stage) -> None:
    import sys

    others = {entry.environment for entry in done.values()} - {environment_fingerprint()}
    if others:
        print(
            f"{stage}: {len(done)} units happened under another environment ({', '.join(sorted(others))}; now "
            f"{environment_fingerprint()}); they are kept, the manifest names all, and a rebuild may differ in bytes",
            file=sys.stderr,
        )


def _plan_pull(config: BuildConfig, store: Store) -> PlannedStage:
    from omniforge.synth.roundtrip import Recogniser

    corpora = config.opened_corpora()
    recogniser = Recogniser.load().fingerprint if config.pull.hear else ""
    units = tuple(plan_pull(list(corpora.values()), config.pull, recogniser, limit=config.limit))
    return PlannedStage(
        stage="pull",
        units=units,
        operators=lambda: pull_operators(store, corpora, config.pull, Recogniser.load),
        layer="media",
        models={"recogniser": recogniser} if config.pull.hear else {},
        config=_plain({"corpora": [asdict(c) for c in config.corpora], "pull": asdict(config.pull), "limit": config.limit}),
    )


def _published(config: BuildConfig, store: Store, stage: Stage) -> Dataset:
    try:
        return find_version(store, config.dataset(stage), "latest")
    except StorageError as error:
        raise StorageError(f"{error}; run `omniforge {stage}` with this configuration first") from None


def _plan_synth(config: BuildConfig, store: Store) -> PlannedStage:
    from omniforge.synth.speak import Speaker

    media = _published(config, store, "pull")
    models = {"speaker": Speaker(config.synth.speech).fingerprint}
    return PlannedStage(
        stage="synth",
        units=tuple(plan_synthesis(media, config.synth, repr(models))),
        operators=lambda: synthesis_operators(store, store, config.synth),
        layer="media",
        models=models,
        # Not the cache: with it and without it, a version is the same.
        config=_plain({"synth": {name: value for name, value in asdict(config.synth).items() if name != "cache"}}),
        inputs=(_input(media),),
    )


def _plan_tokenize(config: BuildConfig, store: Store) -> PlannedStage:
    media = _published(config, store, "pull")
    spoken = _spoken(config, store, media)
    inputs = [media] if spoken is None else [media, spoken]
    tokenizers = Tokenizers.load(config.tokenize)
    fingerprints = tokenizers.fingerprints()
    units = tuple(unit for dataset in inputs for unit in plan_tokenize(dataset, config.tokenize, fingerprints))
    layout = tokenizers.vocabulary.layout
    return PlannedStage(
        stage="tokenize",
        units=units,
        operators=lambda: tokenize_operators(store, store, config.tokenize),
        layer="tokens",
        models=fingerprints,
        config=_plain({"tokenize": asdict(config.tokenize)}),
        inputs=tuple(_input(dataset) for dataset in inputs),
        vocabulary={**asdict(layout), "fingerprint": tokenizers.vocabulary.fingerprint, "size": tokenizers.vocabulary.size},
    )


def _spoken(config: BuildConfig, store: Store, media: Dataset) -> Dataset | None:
    """Return what the synth stage made of a media version, None where this configuration has nothing to speak.

    Raises:
        StorageError: It was made of another version, or never.
    """
    if not any(True for _ in plan_synthesis(media, config.synth, "")):
        return None
    spoken = _published(config, store, "synth")
    if _input(media) not in spoken.manifest.content.inputs:
        raise StorageError(
            f"{spoken.reference} was made of another version than {media.reference}; run `omniforge synth` with this "
            "configuration first"
        )
    return spoken


def _input(dataset: Dataset) -> str:
    return f"{dataset.manifest.content.name}@sha256:{dataset.manifest.content_sha256}"


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Make a configuration JSON's own types, sets in order, so that it hashes the same wherever it is read."""
    plain: dict[str, Any] = json.loads(json.dumps(config, default=sorted))
    return plain
