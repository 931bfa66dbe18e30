"""Tasks about speech: written down by the model, or spoken by it."""

from functools import partial

from omniforge.trainer.evaluate.bench import Bench, Sound
from omniforge.trainer.evaluate.scores import ScoredItem, Share
from omniforge.trainer.evaluate.unseen import unseen_sentences
from omniforge.trainer.generation.prompts import Prompt

MODEL, OTHER, RECOGNISER, TOKENIZER = "model", "another sentence", "recogniser", "recogniser, after the tokenizer"
WER, EXACT = "WER", "without error"


def transcribe_sentences(bench: Bench, *, voices: str) -> list[ScoredItem]:
    """Let the model write down unseen sentences that a group of voices says.

    Beside it: the text of another sentence (the baseline); the recogniser, on the same sound and on what the speech tokenizer
    keeps of it.
    """
    sentences = list(unseen_sentences(bench.samples, bench.seed))
    speak = bench.speech.voices[voices]
    sounds = [speak(text, _key(number)) for number, text in sentences]
    prompts = (
        Prompt(task="asr", audio=sound, wording=f"unseen-{number}-asr")
        for (number, _), sound in zip(sentences, sounds, strict=True)
    )
    responses = bench.respond("asr", prompts, None)
    others = [*sentences[1:], *sentences[:1]]
    items = []
    for (number, text), (_, other), sound, response in zip(sentences, others, sounds, responses, strict=True):
        heard = {MODEL: response.text or "", OTHER: other, **_limits(bench, voices, number, sound)}
        items.append(_scored(bench, number, text, heard, response.steps))
    return items


def _limits(bench: Bench, voices: str, number: int, sound: Sound) -> dict[str, str]:
    return {
        RECOGNISER: bench.speech.transcribe(sound),
        TOKENIZER: bench.heard_again(voices, _key(number), lambda: sound),
    }


def say_sentences(bench: Bench, *, steps: int | None, voices: str | None) -> list[ScoredItem]:
    """Let the model say unseen sentences, and the recogniser write down what it hears.

    Args:
        bench: What is evaluated.
        steps: Forward passes; None is the usual number.
        voices: Group whose speech, through the tokenizer and heard by the same recogniser, shows the best that can be; None
            leaves that out.
    """
    sentences = list(unseen_sentences(bench.samples, bench.seed))
    prompts = (Prompt(task="tts", text=text, wording=f"unseen-{number}-tts") for number, text in sentences)
    others = [*sentences[1:], *sentences[:1]]
    items = []
    for (number, text), (_, other), response in zip(sentences, others, bench.respond("tts", prompts, steps), strict=True):
        heard = {MODEL: bench.hear(response), OTHER: other}
        if voices is not None:
            speak = partial(bench.speech.voices[voices], text, _key(number))
            heard[TOKENIZER] = bench.heard_again(voices, _key(number), speak)
        items.append(_scored(bench, number, text, heard, response.steps))
    return items


def _key(number: int) -> str:
    """Name a sentence to the voices: the key draws the voice and the noise."""
    return f"{number} sentence"


def _scored(bench: Bench, number: int, text: str, heard: dict[str, str], steps: int) -> ScoredItem:
    measures: dict[str, dict[str, Share]] = {}
    for series, words in heard.items():
        errors, count = bench.speech.word_errors(text, words)
        measures[series] = {WER: (float(errors), float(count)), EXACT: (float(errors == 0), 1.0)}
    return ScoredItem(
        key=str(number), source=number, asked=text, expected=text, got=heard[MODEL], measures=measures, steps=steps
    )
