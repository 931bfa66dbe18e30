"""A checkpoint and its tokenizers with random weights, small enough to generate with in a second."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from omniforge.tokenizers.glm4voice.config import EncoderConfig, FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER, TOKENIZER
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.files import CONFIG_NAME, PART_NAMES
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer
from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig
from omniforge.tokenizers.magvit2.model import Magvit2
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer
from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig
from omniforge.tokenizers.sensevoice.features import FEATURE_SIZE
from omniforge.tokenizers.text import load_text_tokenizer
from omniforge.tokenizers.text_training import train_text_tokenizer
from omniforge.tokenizers.vocabulary import Vocabulary, VocabularyLayout
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.export import export
from omniforge.trainer.model.transformer import Dream, initialise

CODEBOOK = 32
UNDERSTANDING, GENERATION = 64, 256


def save_tokenizers(folder: Path) -> dict[str, str]:
    """Save one of each with random weights; return the settings `image`, `speech` and `text` that name them."""
    torch.manual_seed(0)
    stack = StackConfig(ch=8, ch_mult=(1, 1, 1, 1, 1), num_res_blocks=(1, 1, 1, 1, 1), z_channels=5, norm_groups=4)
    sizes = Magvit2Config(encoder=stack, decoder=stack)
    image = folder / "image"
    image.mkdir(parents=True)
    (image / "config.json").write_text(json.dumps(sizes.to_json()))
    save_file(Magvit2(sizes).state_dict(), image / "model.safetensors")
    save_speech_tokenizer(folder / "speech")
    words = [f"a {colour} {shape} on the {place}" for colour in ("red", "blue") for shape in ("cube", "disc") for place in "ab"]
    train_text_tokenizer(iter(words), 300, folder / "text.json")
    return {"image": str(image), "speech": str(folder / "speech"), "text": str(folder / "text.json")}


def save_speech_tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True)
    width = 32
    tokenizer = {
        **TOKENIZER,
        "d_model": width,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "pooling_position": 1,
        "quantize_position": 1,
        "quantize_vocab_size": CODEBOOK,
    }
    estimator = {**DECODER["estimator"], "channels": [16, 16], "attention_head_dim": 8, "num_mid_blocks": 1}
    decoder = {
        **DECODER,
        "flow": {**DECODER["flow"], "input_size": width, "vocab_size": CODEBOOK},
        "encoder": {**DECODER["encoder"], "input_size": width, "output_size": width, "linear_units": 32, "num_blocks": 1},
        "estimator": estimator,
        "hift": {**DECODER["hift"], "base_channels": 16, "f0_predictor": {"cond_channels": 8}},
    }
    (folder / CONFIG_NAME).write_text(json.dumps({"tokenizer": tokenizer, "decoder": decoder, "steps": 1}))
    modules = {
        "tokenizer": SpeechEncoder(EncoderConfig.from_dict(tokenizer)),
        "flow": FlowDecoder(FlowConfig.from_dict(decoder)),
        "hift": HiftGenerator(HiftConfig.from_dict(decoder["hift"])),
    }
    for part, module in modules.items():
        save_file(module.state_dict(), folder / PART_NAMES[part])


def save_checkpoint(folder: Path, tokenizers: dict[str, str], *, continuous: bool = False) -> Path:
    """Save a random model with a `state.json` that says what its tokens mean."""
    image, speech = ImageTokenizer.load(tokenizers["image"]), SpeechTokenizer.load(tokenizers["speech"])
    layout = VocabularyLayout(
        text_size=load_text_tokenizer(tokenizers["text"]).size,
        speech_codes=speech.codebook_size,
        image_codes=image.codebook_size,
    )
    vocabulary = Vocabulary(layout)
    hearing = SenseVoiceConfig(output_size=32, attention_heads=2, linear_units=32, num_blocks=1, tp_blocks=1)
    config = DreamConfig(
        vocab_size=vocabulary.size,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        mask_token_id=vocabulary.mask,
        pad_token_id=vocabulary.pad,
        initializer_range=0.3,
        audio=hearing if continuous else None,
    )
    model = Dream(config)
    initialise(model, seed=5)
    export(model.state_dict(), config, folder, dtype=torch.float32)
    tokenize: dict[str, Any] = {
        **tokenizers,
        "understanding": UNDERSTANDING,
        "generation": GENERATION,
        "heard": "continuous" if continuous else "discrete",
        "cmvn": str(_save_cmvn(folder)) if continuous else None,
    }
    described = {
        "reference": "nowhere/made@v1",
        "vocabulary": {**asdict(layout), "fingerprint": vocabulary.fingerprint, "size": vocabulary.size},
        "tokenizers": {"magvit2": image.fingerprint, "glm4voice": speech.fingerprint},
        "config": {"tokenize": tokenize},
    }
    (folder / "state.json").write_text(json.dumps({"dataset": described}))
    return folder


def _save_cmvn(folder: Path) -> Path:
    row = "<{name}> x <LearnRateCoef> 0 [ {numbers} ]"
    shift = row.format(name="AddShift", numbers=" ".join(["0"] * FEATURE_SIZE))
    scale = row.format(name="Rescale", numbers=" ".join(["0.1"] * FEATURE_SIZE))
    (folder / "am.mvn").write_text(f"{shift}\n{scale}\n")
    return folder / "am.mvn"


def picture(seed: int = 0, width: int = GENERATION, height: int = GENERATION) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def speech(seconds: float = 1.0, pitch: float = 220.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    time = np.arange(int(16_000 * seconds)) / 16_000
    return (0.3 * np.sin(2 * np.pi * pitch * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2).astype(np.float32)
