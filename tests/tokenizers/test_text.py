"""Text as ids: what round trips, what user text may never produce, where a tokenizer is read from."""

import json
import os
import pickle
import re
import unicodedata
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import sample_scene
from omniforge.pipeline.sources.scenes_language import captions, prompt
from omniforge.pipeline.sources.scenes_questions import questions
from omniforge.pipeline.sources.sentences import sentence_text
from omniforge.tokenizers.text import TextTokenizer, byte_level_pipeline, load_text_tokenizer
from omniforge.tokenizers.text_training import give_words_ids, train_text_tokenizer
from omniforge.tokenizers.vocabulary import BASE_SPECIALS, MODALITY_SPECIALS
from tokenizers import AddedToken, Tokenizer, models

EMBEDDED = load_text_tokenizer("embedded")
WITH_WORDS = give_words_ids(EMBEDDED, ["stalactite", "Quetzalcoatl"], ["a red circle"], os.devnull)
TEXTS = ["a red circle above a blue square", "how many red circles are there?", "It's 3 o'clock.\n\nTwo  spaces."] * 20


@given(st.text())
def test_any_text_comes_back_in_nfc(text: str) -> None:
    ids = EMBEDDED.encode(text)
    assert EMBEDDED.decode(ids) == unicodedata.normalize("NFC", text)
    assert all(0 <= token < EMBEDDED.size for token in ids)


def test_each_of_the_256_bytes_has_an_id() -> None:
    assert {len(EMBEDDED.encode(chr(code))) for code in range(128)} == {1}
    assert EMBEDDED.decode(EMBEDDED.encode("".join(map(chr, range(0x250))))) == "".join(map(chr, range(0x250)))


@pytest.mark.parametrize("spelling", [*BASE_SPECIALS, *MODALITY_SPECIALS, "<|audio_5|>", "<|image_17|>"])
def test_a_control_token_in_user_text_is_ordinary_characters(spelling: str) -> None:
    ids = EMBEDDED.encode(spelling)
    assert len(ids) > 1
    assert EMBEDDED.decode(ids) == spelling


def test_every_digit_is_a_token_of_its_own() -> None:
    assert [EMBEDDED.decode([token]) for token in EMBEDDED.encode("2024")] == ["2", "0", "2", "4"]


def test_the_embedded_tokenizer_knows_common_english() -> None:
    text = "There are two small red circles above a large blue square. What color is the background of this picture?"
    assert len(EMBEDDED.encode(text)) <= 1.3 * len(text.split())


def test_an_id_beyond_the_text_is_refused_in_decoding() -> None:
    with pytest.raises(ValueError, match="no text ids"):
        EMBEDDED.decode([0, EMBEDDED.size])


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        EMBEDDED.encode("a\ud800")


def test_training_the_same_texts_gives_the_same_file(tmp_path: Path) -> None:
    one = train_text_tokenizer(iter(TEXTS), 300, tmp_path / "one.json")
    other = train_text_tokenizer(iter(TEXTS), 300, tmp_path / "other.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    assert one.fingerprint == other.fingerprint
    assert one.size == 300


def test_words_get_ids_of_their_own_and_the_kept_texts_stay_as_they_are(tmp_path: Path) -> None:
    words = ["turquoise", "purple"]
    before = train_text_tokenizer(iter(TEXTS), 300, tmp_path / "before.json")
    kept = TEXTS[:1]
    made = give_words_ids(before, words, kept, tmp_path / "text.json")
    assert [len(made.encode(word)) for word in words] == [1, 1]
    assert all(len(before.encode(word)) > 1 for word in words)
    assert [made.encode(text) for text in kept] == [before.encode(text) for text in kept]
    assert made.size == before.size
    assert load_text_tokenizer(tmp_path / "text.json").fingerprint == made.fingerprint


@given(st.text())
def test_any_text_still_comes_back_after_words_got_ids(text: str) -> None:
    assert WITH_WORDS.decode(WITH_WORDS.encode(text)) == unicodedata.normalize("NFC", text)


def test_words_that_find_no_token_to_replace_are_refused(tmp_path: Path) -> None:
    before = train_text_tokenizer(iter(TEXTS), 260, tmp_path / "before.json")
    with pytest.raises(ValueError, match="can be given up; take fewer words"):
        give_words_ids(before, ["turquoise"], TEXTS, tmp_path / "text.json")


def test_each_answer_about_an_embedded_scene_is_one_id() -> None:
    answers = {question.answer for seed in range(200) for question in questions(sample_scene(seed), seed)}
    assert len(answers) > 25
    assert {answer: len(EMBEDDED.encode(answer)) for answer in answers if len(EMBEDDED.encode(answer)) > 1} == {}


def test_each_word_of_embedded_sentences_and_requests_is_one_id() -> None:
    texts = [sentence_text(number, split) for number in range(2000) for split in ("train", "test")]
    texts += [text for seed in range(200) for text in (*captions(sample_scene(seed), seed), prompt(sample_scene(seed), seed))]
    words = {word for text in texts for word in re.findall(r"(?:^| )[A-Za-z]+\b(?![\'-])", text)}
    assert len(words) > 500
    assert {word: len(EMBEDDED.encode(word)) for word in words if len(EMBEDDED.encode(word)) > 1} == {}


def test_training_on_other_texts_changes_the_fingerprint(tmp_path: Path) -> None:
    one = train_text_tokenizer(iter(TEXTS), 300, tmp_path / "one.json")
    other = train_text_tokenizer(iter(["something else altogether, again and again"] * 9), 300, tmp_path / "other.json")
    assert one.fingerprint != other.fingerprint


def test_a_size_below_the_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="256"):
        train_text_tokenizer(iter(TEXTS), 255, tmp_path / "text.json")


def test_a_saved_tokenizer_loads_to_the_same_ids_from_file_and_folder(tmp_path: Path) -> None:
    EMBEDDED.save(tmp_path / "tokenizer.json")
    for source in (tmp_path, tmp_path / "tokenizer.json"):
        loaded = load_text_tokenizer(source)
        assert loaded.fingerprint == EMBEDDED.fingerprint
        assert loaded.encode(TEXTS[2]) == EMBEDDED.encode(TEXTS[2])


def test_a_folder_with_vocab_and_merges_gives_the_same_ids(tmp_path: Path) -> None:
    EMBEDDED.save(tmp_path / "text.json")
    model = json.loads((tmp_path / "text.json").read_text())["model"]
    folder = tmp_path / "dream"
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    lines = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n")
    loaded = load_text_tokenizer(folder)
    assert loaded.fingerprint == EMBEDDED.fingerprint
    assert loaded.encode(TEXTS[0]) == EMBEDDED.encode(TEXTS[0])


def test_control_tokens_of_a_loaded_file_are_dropped(tmp_path: Path) -> None:
    EMBEDDED.save(tmp_path / "tokenizer.json")
    backend = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    backend.add_special_tokens([AddedToken("<|im_end|>")])
    assert backend.encode("<|im_end|>").ids == [EMBEDDED.size]
    backend.save(str(tmp_path / "tokenizer.json"))
    loaded = load_text_tokenizer(tmp_path)
    assert loaded.size == EMBEDDED.size
    assert loaded.encode("<|im_end|>") == EMBEDDED.encode("<|im_end|>")


def test_a_pickled_tokenizer_gives_the_same_ids() -> None:
    assert pickle.loads(pickle.dumps(EMBEDDED)).encode(TEXTS[0]) == EMBEDDED.encode(TEXTS[0])


def test_a_path_with_nothing_there_says_what_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"hub:OWNER/NAME"):
        load_text_tokenizer(tmp_path / "absent")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="no tokenizer file"):
        load_text_tokenizer(tmp_path)


def test_a_model_without_the_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="256 byte letters"):
        TextTokenizer(byte_level_pipeline(models.BPE({"a": 0}, [])), "toy")


def test_a_model_that_is_no_bpe_is_refused() -> None:
    with pytest.raises(ValueError, match="WordLevel"):
        TextTokenizer(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")), "toy")


def test_an_unreachable_hub_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, **_options: object) -> str:
        raise LocalEntryNotFoundError(f"{name} is not cached and there is no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ValueError, match="Without a network, name a folder"):
        load_text_tokenizer("hub:Dream-org/Dream-v0-Base-7B")


def test_a_hub_name_is_read_from_what_the_hub_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    EMBEDDED.save(tmp_path / "tokenizer.json")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda _name, **_options: os.fspath(tmp_path))
    assert load_text_tokenizer("hub:some/name").fingerprint == EMBEDDED.fingerprint
