"""The shipped model: small enough, and its figures are of these very weights. Before there is one: an error that says so."""

import json

import pytest
import torch
from evaluation_oracle import Telepathy

from omniforge.jobs.evaluation_speech import training_speech
from omniforge.synth.roundtrip import word_errors
from omniforge.trainer.evaluate.bench import Bench, SpeechTools, bench_of, model_responder
from omniforge.trainer.evaluate.facts import codecs_facts, model_fingerprint
from omniforge.trainer.evaluate.question_tasks import answer_written
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.origin import read_origin
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.source import EMBEDDED, model_folder

LARGEST = 40e6
KEPT = 12
SCENES = 6
"""Enough for the kept answers; an item is asked alike whatever comes after it."""

if (EMBEDDED / "model.safetensors").is_file():

    @pytest.fixture(scope="module")
    def facts() -> dict:
        """What the shipped evaluation says it was of."""
        torch.set_num_threads(1)
        return json.loads((EMBEDDED / "evaluation.json").read_text())["facts"]

    def test_it_is_small() -> None:
        assert sum(path.stat().st_size for path in EMBEDDED.iterdir()) <= LARGEST

    def test_its_figures_are_of_these_weights(facts: dict) -> None:
        fingerprint = model_fingerprint(load_pretrained("embedded"))
        assert facts["checkpoint"] == fingerprint
        assert fingerprint in (EMBEDDED / "README.md").read_text()

    def test_its_figures_are_of_the_shipped_tokenizers_and_of_how_it_is_asked_today(facts: dict) -> None:
        codecs = Codecs(read_origin("embedded"))
        now = json.loads(json.dumps(codecs_facts(codecs)))
        assert {name: facts[name] for name in now} == now
        assert facts["tokenizers"]["text"] == codecs.text.fingerprint
        assert {codecs.origin.tokenize[name] for name in ("image", "speech", "text")} == {"embedded"}

    def test_it_knows_the_voices_that_it_was_evaluated_with(facts: dict) -> None:
        speech, told = training_speech(read_origin("embedded").reference, EMBEDDED)
        assert told == facts["voices of the training"]
        assert told.startswith("recorded by ")
        assert speech.voices

    def test_it_answers_as_it_was_evaluated(facts: dict) -> None:
        kept = json.loads((EMBEDDED / "evaluation_items.json").read_text())["vqa"]
        again = json.loads(json.dumps([item_of(one) for one in answer_written(written_bench(facts))[:KEPT]]))
        assert len(kept) == KEPT
        assert again == [{name: item[name] for name in again[0]} for item in kept]

    def written_bench(facts: dict) -> Bench:
        """A bench for written questions, which neither voices nor ears are asked about."""
        codecs, speech = Codecs(read_origin("embedded")), Telepathy()
        tools = SpeechTools(voices={}, transcribe=speech.transcribe, word_errors=word_errors, fingerprint="telepathy")
        responder = model_responder(load_pretrained("embedded").eval(), codecs, facts["batch"])
        return bench_of(responder, codecs, tools, samples=min(SCENES, facts["samples"]), seed=facts["seed"])

    def item_of(item: object) -> dict:
        return {name: getattr(item, name) for name in ("key", "asked", "expected", "got", "measures")}

else:

    def test_without_weights_the_name_is_an_error_that_says_what_to_do() -> None:
        with pytest.raises(ValueError, match=r"no embedded model in this version: .*give the folder of a model of your own"):
            model_folder("embedded")
