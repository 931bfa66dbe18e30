"""Write a trained speech tokenizer as the folder that `SpeechTokenizer.load` reads."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER, STEPS, TOKENIZER
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.files import CONFIG_NAME, PART_NAMES
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.hift import HiftGenerator


@torch.no_grad()
def round_to_half(module: nn.Module) -> None:
    """Round all weights to the float16 numbers that are stored, so that what is trained next sees the same ones."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def export(folder: Path, encoder: SpeechEncoder, flow: FlowDecoder, hift: HiftGenerator) -> None:
    """Write weights in float16 and configuration; each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, module in (("tokenizer", encoder), ("flow", flow), ("hift", hift)):
        halves = {name: tensor.half().contiguous() for name, tensor in module.state_dict().items()}
        partial = folder / f".{PART_NAMES[part]}.partial"
        save_file(halves, partial)
        # The library writes files that only their owner may read.
        partial.chmod(0o644)
        partial.replace(folder / PART_NAMES[part])
    partial = folder / f".{CONFIG_NAME}.partial"
    content = {"tokenizer": TOKENIZER, "decoder": DECODER, "steps": STEPS}
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / CONFIG_NAME)
