import io
import json
import tarfile
from pathlib import Path

import numpy as np
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.shards import TarMember, span_of, write_tar

FILES = st.lists(
    st.tuples(st.from_regex(r"[A-Za-z0-9_-]{1,80}\.[a-z0-9.]{1,15}", fullmatch=True), st.binary(max_size=2000)),
    max_size=12,
    unique_by=lambda file: file[0],
)


@given(FILES)
def test_equal_members_give_equal_bytes(files: list[tuple[str, bytes]]) -> None:
    assert write_tar(files) == write_tar(iter(files))


@given(FILES)
def test_each_member_lies_where_it_is_said_to(files: list[tuple[str, bytes]]) -> None:
    data, members = write_tar(files)
    assert [(m.name, data[m.offset : m.offset + m.size]) for m in members] == files


@given(FILES)
def test_the_tar_library_reads_the_same_members_in_the_same_order(files: list[tuple[str, bytes]]) -> None:
    data, members = write_tar(files)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        read = [(info, tar.extractfile(info)) for info in tar]
        assert [(info.name, file.read() if file else None) for info, file in read] == files
        assert [TarMember(info.name, info.offset_data, info.size) for info, _ in read] == list(members)
        assert {(info.mtime, info.uid, info.gid, info.uname, info.mode) for info, _ in read} <= {(0, 0, 0, "", 0o644)}


def test_webdataset_reads_and_decodes_a_shard_with_nothing_of_ours(tmp_path: Path) -> None:
    ids = np.array([0, 2**31, 176_263], np.uint32)
    buffer = io.BytesIO()
    np.save(buffer, ids)
    files = []
    for key in ("toy-1-00ff", "toy-2-00fe"):
        files += [(f"{key}.json", json.dumps({"task": "čaj"}).encode()), (f"{key}.ids.npy", buffer.getvalue())]
    path = tmp_path / "shard.tar"
    path.write_bytes(write_tar(files)[0])
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == ["toy-1-00ff", "toy-2-00fe"]
    for sample in samples:
        assert sample["json"] == {"task": "čaj"}
        assert sample["ids.npy"].dtype == np.uint32
        assert sample["ids.npy"].tolist() == ids.tolist()


@given(FILES.filter(bool))
def test_one_range_holds_all_members(files: list[tuple[str, bytes]]) -> None:
    data, members = write_tar(files)
    start, stop = span_of(members)
    assert [data[start:stop][m.offset - start :][: m.size] for m in members] == [payload for _, payload in files]
