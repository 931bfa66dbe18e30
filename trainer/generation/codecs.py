"""The tokenizers behind a model, each loaded when it is first used."""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from omniforge.tokenizers import registry
from omniforge.tokenizers.pictures import picture_to_pixels, pixels_to_pictures
from omniforge.tokenizers.sensevoice.features import Cmvn, features, read_cmvn
from omniforge.tokenizers.text import TextTokenizer
from omniforge.trainer.generation.origin import Origin
from omniforge.trainer.model.transformer import Dream


class Codecs:
    """Text, pictures and speech to tokens and back, as in the dataset that a model was trained on.

    Attributes:
        origin: That dataset.
        vocabulary: Its ids.
        understanding: Pixels along a side of a picture in a user turn.
        generation: The same of a picture that the model makes.
        continuous: Whether a user's speech enters as features of the speech encoder.
    """

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.vocabulary = origin.vocabulary
        self.understanding = int(origin.tokenize["understanding"])
        self.generation = int(origin.tokenize["generation"])
        self.continuous = origin.tokenize["heard"] == "continuous"

    @cached_property
    def text(self) -> TextTokenizer:
        """The text tokenizer."""
        tokenizer: TextTokenizer = self._load("text", "text")
        return tokenizer

    @cached_property
    def image(self) -> registry.ImageTokenizer:
        """The picture tokenizer."""
        tokenizer: registry.ImageTokenizer = self._load("magvit2", "image")
        return tokenizer

    @cached_property
    def speech(self) -> registry.SpeechTokenizer:
        """The speech tokenizer."""
        tokenizer: registry.SpeechTokenizer = self._load("glm4voice", "speech")
        return tokenizer

    @cached_property
    def _cmvn(self) -> Cmvn:
        return read_cmvn(self.origin.tokenize["cmvn"])

    @property
    def grid(self) -> int:
        """Codes along a side of a picture that the model makes."""
        return self.generation // self.image.downsampling

    def picture_codes(self, picture: Image.Image, resolution: int) -> NDArray[np.int64]:
        """Return the codes of a picture, resized and cropped, int64 [N] in raster order."""
        codes: NDArray[np.int64] = self.image.encode(picture_to_pixels(picture, resolution)[None])[0].cpu().numpy()
        return codes

    def picture(self, codes: NDArray[np.int64]) -> Image.Image:
        """Return the picture of grid * grid codes."""
        pixels = self.image.decode(torch.from_numpy(codes)[None], (self.grid, self.grid))
        return pixels_to_pictures(pixels)[0]

    def speech_features(self, waveform: NDArray[np.float32]) -> torch.Tensor:
        """Return float32 [T, 560] features of a mono sound at 16 kHz, as exact as a token dataset holds them."""
        return features(torch.from_numpy(waveform), self._cmvn).half().float()

    def check_model(self, model: Dream) -> None:
        """Raise `ValueError` if a model's ids are not those of the vocabulary, or it cannot hear as the dataset wants."""
        config, vocabulary = model.config, self.vocabulary
        for name, has, wants in (
            ("vocab_size", config.vocab_size, vocabulary.size),
            ("mask_token_id", config.mask_token_id, vocabulary.mask),
            ("pad_token_id", config.pad_token_id, vocabulary.pad),
        ):
            if has != wants:
                raise ValueError(
                    f"the model has {name} {has}, {self.origin.reference} {wants}; name the data it was trained on"
                )
        if self.continuous and config.audio is None:
            raise ValueError(f"{self.origin.reference} has continuous speech, and the model no encoder for it")

    def _load(self, name: str, setting: str) -> Any:
        tokenizer = registry.load(name, source=self.origin.tokenize[setting])
        known = self.origin.models.get(name, tokenizer.fingerprint)
        if tokenizer.fingerprint != known:
            raise ValueError(
                f"tokenizer {name} from {self.origin.tokenize[setting]} is {tokenizer.fingerprint}, the model was trained on "
                f"{known}; put that one there"
            )
        return tokenizer
