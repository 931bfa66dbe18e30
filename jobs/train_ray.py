"""Training in several processes that Ray Train starts, on one machine or many."""

from dataclasses import replace
from pathlib import Path

from omniforge.pipeline.engine import EngineConfig, start_ray
from omniforge.pipeline.reference import open_dataset
from omniforge.trainer.checkpoint import checkpoints
from omniforge.trainer.config import TrainConfig
from omniforge.trainer.loop import TrainingError
from omniforge.trainer.stages import StageConfig
from omniforge.trainer.train import stage_folder, train


def train_on_ray(config: TrainConfig) -> Path:
    """Run `config` with `config.processes` Ray Train workers and return the folder of the model.

    Joins the cluster it is submitted to, else starts a local Ray. Each worker takes a GPU where there are enough. `output`, and
    `data` unless it is on S3, that of single stages too, have to be on storage that all machines see.

    Raises:
        TrainingError: A worker failed; the message is the worker's.
    """
    import ray
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    output = Path(config.output).resolve()
    output.mkdir(parents=True, exist_ok=True)
    config = replace(
        config,
        data=open_dataset(config.data).reference,
        output=str(output),
        start=_start(config.start),
        stage1=with_found_data(config.stage1),
        stage2=with_found_data(config.stage2),
        stage3=with_found_data(config.stage3),
    )
    start_ray(EngineConfig())
    gpus = ray.cluster_resources().get("GPU", 0) >= config.processes
    trainer = TorchTrainer(
        _worker,
        train_loop_config={"config": config},
        torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
        scaling_config=ScalingConfig(num_workers=config.processes, use_gpu=gpus),
        run_config=RunConfig(name="ray", storage_path=str(output)),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {})
        reason = next(iter(failures.values()), error)
        raise TrainingError(f"Ray Train: {len(failures)} of {config.processes} workers failed; the first: {reason}") from error
    return checkpoints(stage_folder(config, config.stage(config.stages[-1])[-1]))[-1]


def with_found_data(stage: StageConfig) -> StageConfig:
    """Return a stage whose own data, if it has any, is one version that every worker finds."""
    return stage if stage.data is None else replace(stage, data=open_dataset(stage.data).reference)


def _start(start: str | None) -> str | None:
    """A folder as every worker finds it; the shipped model is a name, which each finds in its own installation."""
    return start if start in (None, "embedded") else str(Path(start).resolve())


def _worker(settings: dict[str, TrainConfig]) -> None:
    train(settings["config"])
