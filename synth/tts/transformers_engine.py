"""Text-to-speech models of the transformers library, by path or hub name: VITS and MMS, SpeechT5, Bark."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from omniforge.synth.content import folder_content
from omniforge.synth.tts.engine import SpeechError, Waveform, check_voice, native_speed, shift_formants
from omniforge.synth.voices import Voice
from omniforge.tokenizers.audio_backend import torchaudio
from omniforge.tokenizers.weights import weights_fingerprint

assert torchaudio  # transformers imports it, which fails beside a CPU build of torch unless it was imported in our way before

Samples = npt.NDArray[np.float32]


class TransformersEngine:
    """A model on a device; `speaker` of a voice is what the kind of model takes.

    | kind | speaker | speed |
    | --- | --- | --- |
    | VITS, MMS | number of the speaker, "0" where there is one | any |
    | SpeechT5 | path of an .npy file with the numbers of an x-vector | its own |
    | Bark | name of a voice preset, as "v2/en_speaker_6" | its own |

    All three draw noise for a whole batch at once, so that in a batch a text's samples would depend on its neighbours. Texts
    are therefore said one by one, each from its own seed; on a CPU the same samples come out in every process, whose torch is
    set to one thread for that: with several, sums round otherwise.
    """

    def __init__(
        self, model: str, *, device: str = "cpu", vocoder: str = "microsoft/speecht5_hifigan", revision: str = "main"
    ) -> None:
        """Load a model.

        Args:
            model: Folder or hub name.
            device: A torch device.
            vocoder: Folder or hub name of the vocoder, for SpeechT5 alone.
            revision: Branch, tag or commit of a hub name.

        Raises:
            ValueError: The library is not installed, nothing loadable is found there, or it is a model of another kind.
        """
        try:
            import transformers
        except ImportError as error:
            raise ValueError("speech engine transformers: pip install 'omniforge[transformers]'.") from error
        config = _load(transformers.AutoConfig, model, revision)
        kind = config.model_type
        if kind == "vits":
            self._model: _Model = _Vits(transformers, model, revision, device)
        elif kind == "speecht5":
            self._model = _SpeechT5(transformers, model, revision, device, vocoder)
        elif kind == "bark":
            self._model = _Bark(transformers, model, revision, device)
        else:
            raise ValueError(f"speech model {model!r} is of the kind {kind!r}; those known are vits, speecht5 and bark.")
        self._name, self._device = model, torch.device(device)
        if self._device.type == "cpu":
            torch.set_num_threads(1)
        self.deterministic = self._device.type == "cpu"
        self.fingerprint = (
            f"transformers {transformers.__version__} torch {torch.__version__} on {self._device.type} {kind} "
            f"{_fingerprint(self._model.parts)} {_other_files(model, config)}"
        )

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text.

        Raises:
            SpeechError: The model could not.
            ValueError: The model has no such speaker, or cannot do what the voice asks.
        """
        check_voice(voice, f"speech model {self._name!r}")
        if not self._model.any_speed and abs(native_speed(voice) - 1) > 1e-6:
            raise ValueError(
                f"voice {voice.name!r}: speech model {self._name!r} speaks at its own speed; give rate ({voice.rate}) the "
                f"number of formants ({voice.formants})."
            )
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(seed)
            try:
                samples = self._model.say(text, voice)
            except torch.OutOfMemoryError as error:
                raise SpeechError(
                    f"speech model {self._name!r}: no memory for {text[:80]!r}: {error}", retryable=True
                ) from error
            except (RuntimeError, IndexError) as error:
                raise SpeechError(f"speech model {self._name!r} cannot say {text[:80]!r}: {error}") from error
        if not np.isfinite(samples).all():
            raise SpeechError(f"speech model {self._name!r}: samples of {text[:80]!r} are not all finite.")
        return shift_formants(samples, self._model.rate, voice)


class _Model(Protocol):
    """`rate` is that of the samples in Hz; `any_speed` says whether a voice's speed is heeded; `parts` hold the weights."""

    rate: int
    any_speed: bool
    parts: list[Any]

    def say(self, text: str, voice: Voice) -> Samples: ...


class _Vits:
    any_speed = True

    def __init__(self, transformers: Any, model: str, revision: str, device: str) -> None:
        self._name = model
        self._tokenizer = _load(transformers.AutoTokenizer, model, revision)
        self._vits = _load(transformers.VitsModel, model, revision).eval().to(device)
        self._device = device
        self.rate = int(self._vits.config.sampling_rate)
        self.parts = [self._vits]
        try:
            self._tokenizer("a")
        except ImportError as error:  # a model of phonemes wants another library, which only a text calls for
            raise ValueError(f"speech model {model!r} cannot read text: {error}") from error

    def say(self, text: str, voice: Voice) -> Samples:
        speakers = self._vits.config.num_speakers
        if not (voice.speaker.isdecimal() and int(voice.speaker) < speakers):
            raise ValueError(
                f"voice {voice.name!r}: {self._name!r} has the speakers 0 to {speakers - 1}, not {voice.speaker!r}."
            )
        ids = self._tokenizer(text, return_tensors="pt")["input_ids"].to(self._device)
        if ids.shape[1] < 2:  # an empty text is one blank
            return np.zeros(0, np.float32)
        speed = native_speed(voice) * self._vits.config.speaking_rate
        spoken = self._vits(input_ids=ids.long(), speaker_id=int(voice.speaker), speaking_rate=speed)
        return _numbers(spoken.waveform[0])


class _SpeechT5:
    any_speed = False

    def __init__(self, transformers: Any, model: str, revision: str, device: str, vocoder: str) -> None:
        self._processor = _load(transformers.SpeechT5Processor, model, revision)
        self._speech = _load(transformers.SpeechT5ForTextToSpeech, model, revision).eval().to(device)
        self._vocoder = _load(transformers.SpeechT5HifiGan, vocoder, "main").eval().to(device)
        self._device = device
        self.rate = int(self._vocoder.config.sampling_rate)
        self.parts = [self._speech, self._vocoder]

    def say(self, text: str, voice: Voice) -> Samples:
        width = self._speech.config.speaker_embedding_dim
        try:
            vector = np.load(voice.speaker, allow_pickle=False).astype(np.float32).reshape(1, width)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"voice {voice.name!r}: its speaker has to be the path of an .npy file with the {width} numbers of an "
                f"x-vector, not {voice.speaker!r}: {error}"
            ) from error
        if not text.strip():
            return np.zeros(0, np.float32)
        ids = self._processor(text=text, return_tensors="pt")["input_ids"].to(self._device)
        return _numbers(self._speech.generate_speech(ids, torch.from_numpy(vector).to(self._device), vocoder=self._vocoder))


class _Bark:
    any_speed = False

    def __init__(self, transformers: Any, model: str, revision: str, device: str) -> None:
        self._processor = _load(transformers.BarkProcessor, model, revision)
        self._bark = _load(transformers.BarkModel, model, revision).eval().to(device)
        self._device, self._name = device, model
        self.rate = int(self._bark.generation_config.sample_rate)
        self.parts = [self._bark]

    def say(self, text: str, voice: Voice) -> Samples:
        if not text.strip():
            return np.zeros(0, np.float32)
        try:
            inputs = self._processor(text, voice_preset=voice.speaker)
        except (OSError, ValueError) as error:
            raise ValueError(f"voice {voice.name!r}: {self._name!r} has no preset {voice.speaker!r}: {error}") from error
        return _numbers(self._bark.generate(**inputs.to(self._device))[0])


def _load(kind: Any, name: str, revision: str) -> Any:
    """Load with a class's `from_pretrained`, and say what to do where that fails."""
    try:
        return kind.from_pretrained(name) if Path(name).is_dir() else kind.from_pretrained(name, revision=revision)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"speech model {name!r} cannot be loaded: it is no complete folder here, nor could it be had from the hub; where "
            f"there is no network, fetch it elsewhere (hf download {name}) and give the folder as model. ({first})"
        ) from error


def _numbers(wave: torch.Tensor) -> Samples:
    return np.asarray(wave.detach().float().cpu().numpy().reshape(-1), np.float32)


_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack")


def _other_files(model: str, config: Any) -> str:
    """What decides the samples beside weights (tokenizer, generation settings, presets): a folder's files, or a hub commit."""
    return folder_content(Path(model), _WEIGHTS) if Path(model).is_dir() else f"{model}@{config._commit_hash}"


def _fingerprint(parts: list[Any]) -> str:
    return " ".join(weights_fingerprint(part.config.to_diff_dict(), part.state_dict()) for part in parts)
