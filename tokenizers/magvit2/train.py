"""Train a MAGVIT-v2 tokenizer: averaged weights, checkpoints that are whole or absent, exact resumption."""

import copy
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from omniforge.tokenizers.magvit2.config import Magvit2Config
from omniforge.tokenizers.magvit2.discriminator import PatchDiscriminator
from omniforge.tokenizers.magvit2.layers import AttnBlock, ResnetBlock
from omniforge.tokenizers.magvit2.losses import (
    adversarial_loss,
    commitment_loss,
    discriminator_loss,
    entropy_loss,
    perceptual_loss,
    reconstruction_loss,
)
from omniforge.tokenizers.magvit2.model import Magvit2
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer
from omniforge.tokenizers.precision import computes_bfloat16

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How a tokenizer is trained.

    Attributes:
        steps: Optimiser steps in all; the learning rate falls to zero over them.
        learning_rate: Peak of AdamW's learning rate.
        warmup: Steps over which the learning rate rises.
        relaxed: Steps over which signs take the place of noisy values in [-1, 1]. Behind signs alone a small dependence of a
            latent on its picture has no effect, and so nothing makes it grow. The noise leaves about a bit in each latent.
        ema_decay: Decay of the averaged weights, which are what is written.
        commitment: Weight of the commitment loss.
        entropy: Weight of the entropy loss.
        perceptual: Weight of the perceptual loss.
        perceptual_network: TorchScript file of a network from pixels [B, 3, H, W] to features.
        adversarial: Weight of the adversarial loss; 0 trains no discriminator.
        adversarial_from: First step with the adversarial loss.
        start: Weights to begin with instead of random ones, as `ImageTokenizer.load` takes them; their sizes must be those
            of the network.
        seed: Seed of the initial weights.
        device: Where to train.
        save_every: Steps between checkpoints.
    """

    steps: int
    learning_rate: float = 6e-4
    warmup: int = 200
    relaxed: int = 0
    ema_decay: float = 0.999
    commitment: float = 0.1
    entropy: float = 0.02
    perceptual: float = 0.0
    perceptual_network: Path | None = None
    adversarial: float = 0.0
    adversarial_from: int = 0
    start: str | None = None
    seed: int = 0
    device: str = "cpu"
    save_every: int = 250

    def __post_init__(self) -> None:
        if (self.perceptual > 0) != (self.perceptual_network is not None):
            raise ValueError("tokenizer training: give both perceptual (a weight) and perceptual_network, or neither")

    def hardness(self, step: int) -> float:
        """Share of the latents that reach the decoder as signs; it rises from 0 to 1 over the relaxed steps."""
        return min(1.0, step / self.relaxed) if self.relaxed else 1.0

    def rate(self, step: int) -> float:
        """Learning rate of `step`: linear rise, then a cosine to zero."""
        rise = min(1.0, (step + 1) / self.warmup)
        return self.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))


def initialise(model: Magvit2) -> None:
    """Give a network weights from which it learns at once.

    Every convolution keeps the variance of what it gets, and every residual branch starts at zero. With torch's own
    initial values the signal fades on its way through some thirty layers: after 200 steps the error was 0.32, with
    these 0.13 (squared, of pixels in [-1, 1]).
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            nn.init.zeros_(module.bias)
    for module in model.modules():
        if isinstance(module, ResnetBlock):
            nn.init.zeros_(module.conv2.weight)
        elif isinstance(module, AttnBlock):
            nn.init.zeros_(module.proj_out.weight)


def _start(source: str, sizes: Magvit2Config) -> ImageTokenizer:
    tokenizer = ImageTokenizer.load(source)
    if tokenizer.model.config != sizes:
        raise ValueError(f"tokenizer training: the weights of {source} have other sizes than the network. Leave out start.")
    return tokenizer


def _feature_network(path: Path, device: str) -> nn.Module:
    try:
        network: nn.Module = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ValueError(f"perceptual_network {path}: no TorchScript file ({error}). Write it with torch.jit.save.") from None
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


class TokenizerTraining:
    """Networks, averaged weights and optimisers in the middle of training.

    Attributes:
        start_fingerprint: Of the weights that it started with; None for random ones.

    Raises:
        ValueError: The weights to start with or the perceptual network are not there, damaged, or of other sizes.
    """

    def __init__(self, sizes: Magvit2Config, config: TrainingConfig) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.step = 0
        self.model = Magvit2(sizes)
        self.start_fingerprint: str | None = None
        if config.start is None:
            initialise(self.model)
        else:
            start = _start(config.start, sizes)
            self.model.load_state_dict(start.model.state_dict())
            self.start_fingerprint = start.fingerprint
        self.bfloat16 = computes_bfloat16(config.device)
        # Measured on one thread: channels last takes 0.40 s a step in float32 instead of 0.47, and in bfloat16 GroupNorm takes
        # 49 ms instead of 6.
        layout = torch.contiguous_format if self.bfloat16 else torch.channels_last
        self.model.to(device=config.device, memory_format=layout)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), betas=(0.9, 0.98), weight_decay=1e-4)
        self.discriminator = PatchDiscriminator().to(config.device) if config.adversarial else None
        self.discriminator_optimizer = (
            torch.optim.AdamW(self.discriminator.parameters(), betas=(0.5, 0.9)) if self.discriminator else None
        )
        network = config.perceptual_network
        self.features = None if network is None else _feature_network(network, config.device)

    def train_step(self, pixels: Tensor) -> dict[str, float]:
        """Take one step on pixels [B, 3, H, W] in [-1, 1] and return its losses."""
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.bfloat16):
            latents = self.model.latents(pixels)
            quantized = self.model.quantize(latents)
            decoded = self.model.decoder(self._coded(latents, quantized))
        decoded, latents, hardness = decoded.float(), latents.float(), self.config.hardness(self.step)
        terms = {
            "reconstruction": reconstruction_loss(decoded, pixels),
            "commitment": hardness * self.config.commitment * commitment_loss(latents, quantized.float()),
            "entropy": hardness * self.config.entropy * entropy_loss(latents),
        }
        if self.features is not None:
            terms["perceptual"] = self.config.perceptual * perceptual_loss(self.features, decoded, pixels)
        if self.discriminator is not None and self.step >= self.config.adversarial_from:
            terms["adversarial"] = self.config.adversarial * adversarial_loss(self.discriminator(decoded))
        self._apply(self.optimizer, self.model, torch.stack(list(terms.values())).sum())
        if "adversarial" in terms:
            terms["discriminator"] = self._train_discriminator(pixels, decoded.detach())
        self._average()
        self.step += 1
        codes = self.model.quantize.codes(latents)
        used = {"codes_in_batch": float(torch.unique(codes).numel()), "mse": (decoded - pixels).square().mean().item()}
        return {name: value.item() for name, value in terms.items()} | used

    def _coded(self, latents: Tensor, quantized: Tensor) -> Tensor:
        """Return what the decoder sees: signs with the gradient passed straight through, at first noisy values too."""
        signs = latents + (quantized - latents).detach()
        hardness = self.config.hardness(self.step)
        if hardness == 1:
            return signs
        draw = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        hard = torch.rand(latents.shape, generator=draw).to(latents.device) < hardness
        noise = 0.5 * torch.randn(latents.shape, generator=draw).to(latents)
        return torch.where(hard, signs, torch.tanh(latents) + noise)

    def _apply(self, optimizer: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.config.rate(self.step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    def _train_discriminator(self, pixels: Tensor, decoded: Tensor) -> Tensor:
        assert self.discriminator is not None
        assert self.discriminator_optimizer is not None
        loss = discriminator_loss(self.discriminator(pixels), self.discriminator(decoded))
        self._apply(self.discriminator_optimizer, self.discriminator, loss)
        return loss.detach()

    def _average(self) -> None:
        # A short memory at first, or the random initial weights would stay in the average for thousands of steps.
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), 1 - decay)

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs to go on exactly."""
        parts: dict[str, Any] = {
            "step": self.step,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            parts["discriminator"] = self.discriminator.state_dict()
            parts["discriminator_optimizer"] = self.discriminator_optimizer.state_dict()
        return parts

    def restore(self, parts: dict[str, Any]) -> None:
        """Go on from `parts`; a discriminator that they lack starts fresh."""
        self.step = parts["step"]
        self.model.load_state_dict(parts["model"])
        self.averaged.load_state_dict(parts["averaged"])
        self.optimizer.load_state_dict(parts["optimizer"])
        if self.discriminator is not None and self.discriminator_optimizer is not None and "discriminator" in parts:
            self.discriminator.load_state_dict(parts["discriminator"])
            self.discriminator_optimizer.load_state_dict(parts["discriminator_optimizer"])


def train_tokenizer(
    training: TokenizerTraining,
    batches: Callable[[int], Iterator[Tensor]],
    output: Path,
    *,
    resume: bool,
) -> None:
    """Train, and leave `config.json`, `model.safetensors` (averaged, float16) and `checkpoint.pt` in `output`.

    Args:
        training: At its beginning.
        batches: Given the number of the first step, the batches from there on: float32 [B, 3, H, W] in [-1, 1].
            Where it depends on that number alone, a resumed run ends with the same weights as one never stopped.
        output: Folder for the results and `log.jsonl`; made if absent.
        resume: Go on from the checkpoint in `output`.

    Raises:
        ValueError: `resume` without a checkpoint, or a checkpoint in the way without `resume`.
    """
    output.mkdir(parents=True, exist_ok=True)
    checkpoint = output / "checkpoint.pt"
    if resume != checkpoint.is_file():
        advice = "Start without resume" if resume else "Resume it, or give another folder"
        raise ValueError(f"tokenizer training in {output}: {'no' if resume else 'a'} checkpoint is there. {advice}.")
    config = training.config
    if resume:
        training.restore(torch.load(checkpoint, map_location=config.device, weights_only=True))
    stream = batches(training.step)
    started, first = time.monotonic(), training.step
    while training.step < config.steps:
        losses = training.train_step(next(stream).to(config.device))
        if training.step % 25 == 0:
            pace = (time.monotonic() - started) / (training.step - first)
            line = json.dumps({"step": training.step, "seconds_per_step": round(pace, 3)} | losses)
            with (output / "log.jsonl").open("a") as log:
                log.write(line + "\n")
            LOG.info("%s", line)
        if training.step % config.save_every == 0 or training.step == config.steps:
            _replace(checkpoint, lambda path: torch.save(training.state(), path))
            save_tokenizer(training.averaged, output / "model.safetensors", output / "config.json")


def save_tokenizer(model: Magvit2, weights: Path, config: Path) -> None:
    """Write weights (floats as float16, which halves the file and leaves the pictures equal) and sizes, atomically."""
    tensors = {
        key: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for key, tensor in model.state_dict().items()
    }
    _replace(weights, lambda path: save_file(tensors, path))
    _replace(config, lambda path: path.write_text(json.dumps(model.config.to_json(), indent=1) + "\n"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a neighbour of `path`, then put it there at once: a killed run leaves the old file whole."""
    temporary = path.with_name(f".{path.name}.partial")
    write(temporary)
    temporary.replace(path)
