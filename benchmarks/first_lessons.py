"""How soon a fresh model answers questions about pictures that it could not answer without looking.

    python benchmarks/first_lessons.py --lessons colour:400 colour,shape:400 all:400 --rate 0.0003

Each lesson names types of questions (or `all`) and its steps; a step is some 1,000 tokens of single questions in one row, the
tail of pads behind each. Scenes are drawn and tokenized in memory. Prints how often the likeliest first token of the answer to
unseen questions is right, the answer masked throughout with ten more masks behind it (without them its length would give it
away), by the running average of the weights: of all types, and of colours in scenes of one colour, which need no finding.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from omniforge.pipeline.sources.scenes import Scene, draw, sample_scene
from omniforge.pipeline.sources.scenes_questions import QUESTION_TYPES, Question, ask, questions
from omniforge.pipeline.sources.scenes_source import Split, scene_seed
from omniforge.schemas.record import Message
from omniforge.tokenizers.chat import lay_out
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer
from omniforge.tokenizers.pictures import picture_to_pixels
from omniforge.tokenizers.text import TextTokenizer, load_text_tokenizer
from omniforge.tokenizers.vocabulary import IMAGE_TAG, Vocabulary, VocabularyLayout
from omniforge.trainer.batch import PackedBatch, TrainingSample, assemble
from omniforge.trainer.corruption import IGNORE, TokenIds, append_tail, corrupt_mdm, draw_tail_length
from omniforge.trainer.forward import forward
from omniforge.trainer.model.codebooks import begin_at_codebook
from omniforge.trainer.model.compilation import compile_positions
from omniforge.trainer.model.config import named_config
from omniforge.trainer.model.nearness import begin_near, exact_layers
from omniforge.trainer.model.quietness import begin_quiet
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.optimizer import OptimizerConfig, clip_gradient, make_optimizer, set_learning_rate

SIDE, ROW, LENGTH = 176, 11, 1024
FULLY_MASKED = 0.6
MASKS_BEHIND = 10
AVERAGED = 0.01
"""Share of a step's weights in the running average."""


@dataclass(frozen=True)
class Pictured:
    """A scene with the codes of its picture, (121,) int64."""

    seed: int
    scene: Scene
    codes: Tensor


@dataclass(frozen=True)
class Words:
    """What lays questions out."""

    text: TextTokenizer
    vocabulary: Vocabulary

    def ids(self, pictured: Pictured, question: Question, tail: int) -> tuple[Tensor, Tensor]:
        """Return (length,) ids and labels of a question, its answer and a tail of pads."""
        turns = (Message("user", f"{question.question}\n{IMAGE_TAG}"), Message("assistant", question.answer))
        sample = lay_out(turns, [pictured.codes.numpy()], [], self.text, self.vocabulary)
        ids = torch.from_numpy(sample.ids.astype("int64"))
        labels = torch.full_like(ids, IGNORE)
        for start, stop in sample.loss_spans:
            labels[start:stop] = ids[start:stop]
        return append_tail(ids, labels, self.vocabulary.pad, tail)

    @property
    def tokens(self) -> TokenIds:
        """What corruption writes."""
        return TokenIds(mask=self.vocabulary.mask, pad=self.vocabulary.pad)


def pictured_scenes(split: Split, count: int, tokenizer: ImageTokenizer) -> list[Pictured]:
    """Draw and encode the first scenes of a split."""
    made = []
    for number in range(count):
        seed = scene_seed(split, number)
        scene = sample_scene(seed)
        codes = tokenizer.encode(picture_to_pixels(draw(scene, SIDE), SIDE)[None])[0]
        made.append(Pictured(seed, scene, codes))
    return made


def fresh(words: Words, codebook: Tensor) -> Dream:
    """Begin a model as `train_full.yaml` does, but for the rows of speech."""
    vocabulary = words.vocabulary
    sizes = named_config("tiny", vocab_size=vocabulary.size, mask_token_id=vocabulary.mask, pad_token_id=vocabulary.pad)
    model = Dream(replace(sizes, num_attention_heads=8, num_key_value_heads=8, rope_theta=1000.0, initializer_range=0.06))
    initialise(model, 0)
    begin_at_codebook(model, vocabulary.image.start, codebook, 1)
    begin_near(model, 1.5, (-1, 1, -ROW, ROW))
    begin_quiet(model, 0.1, exact_layers(model.config))
    with torch.no_grad():
        model.model.embed_tokens.weight *= 2
    return model


def lesson_rows(scenes: Sequence[Pictured], words: Words, types: Sequence[str], chance: random.Random) -> Iterator[PackedBatch]:
    """Yield rows of single questions of some types without end."""
    generator = torch.Generator().manual_seed(chance.randrange(1 << 31))
    row: list[TrainingSample] = []
    used = 0
    while True:
        pictured = chance.choice(scenes)
        wanted = [one for one in ask(pictured.scene, pictured.seed, 12) if one.type in types]
        if not wanted:
            continue
        ids, labels = words.ids(pictured, chance.choice(wanted), draw_tail_length(generator))
        whole = chance.random() < FULLY_MASKED
        level = 1.0 if whole else chance.uniform(0.01, 1.0)
        draws = torch.rand(len(ids), generator=generator)
        corrupted = corrupt_mdm(ids, labels, level, draws, words.tokens, 1.0 if whole else 0.6)
        if used + len(ids) > LENGTH:
            yield assemble([row], LENGTH, words.vocabulary.pad)
            row, used = [], 0
        row.append(TrainingSample(corrupted=replace(corrupted, weights=(corrupted.weights > 0).float()), task=0))
        used += len(ids)


def first_token(words: Words, pictured: Pictured, question: Question) -> TrainingSample:
    """Mask an answer and all behind it, and ask for its first token."""
    ids, labels = words.ids(pictured, question, MASKS_BEHIND)
    masked = corrupt_mdm(ids, labels, 1.0, torch.zeros(len(ids)), words.tokens, 1.0)
    first = int((masked.labels != IGNORE).nonzero()[0])
    only = torch.full_like(ids, IGNORE)
    only[first] = ids[first]
    return TrainingSample(corrupted=replace(masked, labels=only, weights=(only != IGNORE).float()), task=0)


@torch.no_grad()
def accuracies(model: Dream, scenes: Sequence[Pictured], words: Words) -> dict[str, float]:
    """Return shares of right first tokens by type, of `colour alone` in scenes of one colour, and of `all`."""
    right: dict[str, list[bool]] = {}
    for pictured in scenes:
        for question in questions(pictured.scene, pictured.seed):
            sample = first_token(words, pictured, question)
            hit = bool(
                forward(model, assemble([[sample]], len(sample.corrupted.labels), words.vocabulary.pad), "bfloat16").hits
            )
            alone = question.type == "colour" and len({item.colour for item in pictured.scene.objects}) == 1
            for name in ("all", "colour alone" if alone else question.type):
                right.setdefault(name, []).append(hit)
    return {name: sum(hits) / len(hits) for name, hits in right.items()}


def main() -> None:
    """Train lesson after lesson and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", nargs="+", default=["colour:400"], metavar="TYPES:STEPS")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--scenes", type=int, default=3000)
    parser.add_argument("--unseen", type=int, default=200)
    parser.add_argument("--every", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer, text = ImageTokenizer.load(), load_text_tokenizer()
    words = Words(
        text, Vocabulary(VocabularyLayout(text_size=text.size, speech_codes=2048, image_codes=tokenizer.codebook_size))
    )
    scenes = pictured_scenes("train", options.scenes, tokenizer)
    unseen = pictured_scenes("test", options.unseen, tokenizer)
    model, average = fresh(words, tokenizer.codebook), fresh(words, tokenizer.codebook)
    compile_positions(model)
    optimizer = make_optimizer(model, OptimizerConfig(betas=(0.9, 0.98)))
    chance, step, tokens = random.Random(0), 0, 0
    for lesson in options.lessons:
        types, _, steps = lesson.rpartition(":")
        rows = lesson_rows(scenes, words, QUESTION_TYPES if types == "all" else types.split(","), chance)
        for _ in range(int(steps)):
            step += 1
            batch = next(rows)
            loss = forward(model, batch, "bfloat16")
            (loss.numerator / loss.denominator).backward()  # type: ignore[no-untyped-call]
            clip_gradient(model, 1.0)
            set_learning_rate(optimizer, options.rate * min(1.0, step / 60))
            optimizer.step()
            optimizer.zero_grad()
            tokens += int((batch.document_ids >= 0).sum())
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), max(AVERAGED, 1 / step))
            if step % options.every == 0:
                shown = ", ".join(f"{name} {share:.0%}" for name, share in sorted(accuracies(average, unseen, words).items()))
                print(f"{lesson}, step {step}, {tokens:,} tokens: {shown}", flush=True)


if __name__ == "__main__":
    main()
