"""An export that was tampered with is told from one that was not."""

import json
import shutil

import pytest

from omniforge.pipeline.export import Selection, export
from omniforge.pipeline.export_jsonl import JsonLines
from omniforge.pipeline.sources.conversations import Conversations
from omniforge.pipeline.storage import open_store

NAME = "svqa-train-00000-of-00001.jsonl"


@pytest.fixture(scope="module")
def whole(toy, tmp_path_factory):
    """An export of one record."""
    root = tmp_path_factory.mktemp("export")
    dataset = toy.publish_records(open_store(str(root / "root")), [toy.spoken(1)])
    export(dataset, JsonLines(), root / "out", Selection())
    return root / "out"


def read_altered(whole, folder, alter):
    """Copy the export, alter its line, and read that."""
    shutil.copytree(whole, folder)
    shown = json.loads((folder / NAME).read_text())
    kept = json.loads(shown["omniforge"])
    before = json.dumps(kept)
    alter(folder, shown, kept)
    if json.dumps(kept) != before:
        shown["omniforge"] = json.dumps(kept)
    (folder / NAME).write_text(json.dumps(shown))
    (item,) = Conversations().read(folder, NAME, 0, 1)
    return item


def edit_answer(folder, shown, kept):
    shown["messages"][2]["content"] = "Another.\n<|audio|>"


def swap_sounds(folder, shown, kept):
    shown["audios"].reverse()


def overwrite_medium(folder, shown, kept):
    (folder / shown["images"][0]).write_bytes(b"other")


def point_outside(folder, shown, kept):
    kept["media"][0] |= {"column": "images", "place": 4}


def lose_medium(folder, shown, kept):
    (folder / shown["audios"][1]).unlink()


def climb_out(folder, shown, kept):
    kept["media"][0] |= {"column": None, "place": None, "path": "../../etc/passwd"}


def be_an_object(folder, shown, kept):
    shown["omniforge"] = kept


def be_no_json(folder, shown, kept):
    shown["omniforge"] = "none"


def be_of_another_version(folder, shown, kept):
    kept["version"] = 2


def rename_role(role):
    def rename(folder, shown, kept):
        kept["media"][0]["role"] = role

    return rename


def measure_in_words(folder, shown, kept):
    kept["measures"]["wer"] = "high"


def measure_below_nothing(folder, shown, kept):
    kept["measures"]["words_per_second"] = -1.0


def number_a_voice(folder, shown, kept):
    kept["measures"]["voice"] = 7


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (edit_answer, "altered_export"),
        (swap_sounds, "altered_export"),
        (overwrite_medium, "altered_export"),
        (point_outside, "altered_export"),
        (measure_in_words, "altered_export"),
        (measure_below_nothing, "altered_export"),
        (number_a_voice, "altered_export"),
        (lose_medium, "missing_media"),
        (climb_out, "path_traversal"),
        (be_an_object, "wrong_type"),
        (be_no_json, "wrong_type"),
        (be_of_another_version, "wrong_type"),
        *((rename_role(role), "altered_export") for role in ("image/../../../x", "image" + "9" * 200, "answer", "json", "")),
    ],
)
def test_an_altered_line_is_refused(whole, tmp_path, alter, reason):
    assert read_altered(whole, tmp_path / "out", alter).reason == reason


def test_paths_may_be_moved_as_long_as_the_bytes_are_the_same(whole, tmp_path):
    def move(folder, shown, kept):
        (folder / shown["images"][0]).rename(folder / "moved.png")
        shown["images"] = ["moved.png"]

    assert read_altered(whole, tmp_path / "out", move).kind == "svqa"
