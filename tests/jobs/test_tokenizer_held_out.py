from pathlib import Path

from omniforge.jobs.tokenizer_held_out import held_out, held_out_speaker, held_out_text


def test_copies_of_a_file_are_held_out_together_and_a_tenth_is(tmp_path: Path) -> None:
    shares = []
    for number in range(300):
        for name in ("one", "two"):
            (tmp_path / name).write_bytes(number.to_bytes(4))
        assert held_out(tmp_path / "one") == held_out(tmp_path / "two")
        shares.append(held_out(tmp_path / "one"))
    assert 15 <= sum(shares) <= 50


def test_a_sentence_is_held_out_however_it_is_written() -> None:
    sentences = [f"Show {number} red circles, please." for number in range(300)]
    assert 15 <= sum(map(held_out_text, sentences)) <= 50
    assert [held_out_text(text) for text in sentences] == [held_out_text(text.upper().replace(",", "")) for text in sentences]


def test_a_tenth_of_the_speakers_is_held_out() -> None:
    assert 15 <= sum(held_out_speaker(str(number)) for number in range(300)) <= 50
