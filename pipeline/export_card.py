"""The README.md of an export: what it holds, under which licences, how it is read."""

from omniforge.pipeline.export import Selection, Written
from omniforge.pipeline.reference import Dataset


def jsonl_card(dataset: Dataset, selection: Selection, licenses: list[tuple[str, str, int]], written: Written) -> str:
    """Describe an export as JSON lines, with the data set configuration that the reference's trainer reads."""
    paths = "\n".join(f"      - FOLDER/{name}" for name in written.files)
    return f"""{_told(dataset, selection, licenses, written)}
## How it is read

A line has `messages`, `images`, `audios`; the k-th `<|image|>` or `<|audio|>` of the messages means the k-th path of its list,
from this folder. The field `omniforge` holds what these cannot, and the reference's trainer ignores it: a corpus of format
`conversations` in a build configuration reads the records back from this folder. The trainer's data set configuration:

```yaml
dataset:
  {dataset.manifest.content.name}:
    ratio: 1
    num: {written.records}
    prefix_path: FOLDER
    json_paths:
{paths}
```
"""


def hf_card(dataset: Dataset, selection: Selection, licenses: list[tuple[str, str, int]], written: Written) -> str:
    """Describe an export as a Hugging Face data set; the head tells `datasets` which files are which split."""
    splits = dict.fromkeys(name.removeprefix("data/").rsplit("-", 3)[0] for name in written.files)
    files = "\n".join(f"  - split: {split}\n    path: data/{split}-*.parquet" for split in splits)
    return f"""---
configs:
- config_name: default
  data_files:
{files}
---

{_told(dataset, selection, licenses, written)}
## How it is read

```python
from datasets import Audio, load_dataset

data = load_dataset("FOLDER", split="{next(iter(splits), "train")}")
data[0]["image"]                                          # a picture, where the record has one
data[0]["question_audio"]["bytes"]                        # FLAC
data.cast_column("question_audio", Audio())               # decoded on access; needs torchcodec
```

A row is a record of a `kind`, each medium has a column (`image`, `speech`, `question_audio`, `answer_audio`; further
ones are in `more_images`, `more_audios`), `wer`, `voice` and the like are what was measured of its speech. The column
`omniforge` holds what the others do not: a corpus of format `hf_parquet` with `folder: data` in a build configuration reads the
records back.
"""


def _told(dataset: Dataset, selection: Selection, licenses: list[tuple[str, str, int]], written: Written) -> str:
    version = f"version `{dataset.manifest.reference}` (sha256 {dataset.manifest.content_sha256[:16]})"
    chosen = [f"{name} `{value}`" for name in ("task", "split", "where") if (value := getattr(selection, name)) is not None]
    selected = f", selected by {'; '.join(chosen)}" if chosen else ""
    left = ", ".join(f"{count} `{reason}`" for reason, count in written.left.items())
    left_out = f" Left out, each with its reason in `left_out/`: {left}." if left else ""
    rows = "\n".join(f"| {_cell(corpus)} | {_cell(name) or 'not known'} | {count} |" for corpus, name, count in licenses)
    return f"""# {dataset.manifest.content.name}

{written.records:,} records of {version}, exported by omniforge{selected}.{left_out}

| corpus | licence | records selected |
| --- | --- | --- |
{rows}
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
