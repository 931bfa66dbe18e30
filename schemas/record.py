"""What flows through the media layer: a record as its source gives it, a record that passed the checks, a refusal."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["caption", "vqa", "asr", "tts", "prompt", "chat", "svqa", "s2i"]
KINDS: tuple[Kind, ...] = ("caption", "vqa", "asr", "tts", "prompt", "chat", "svqa", "s2i")

Stage = Literal["pull", "synth", "tokenize"]
STAGES: tuple[Stage, ...] = ("pull", "synth", "tokenize")

EVIDENCE_BYTES = 1024
"""How much of a refused record is kept as evidence in the quarantine table."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; media are placed by the literal tags `<|image|>` and `<|audio|>` in the content."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class RawMedia:
    """A picture or a sound exactly as the source holds it, not yet decoded.

    `role` names its member in a media shard: `image`, `speech`, `question`, `answer`; a second picture is `image2`, a second
    sound `speech2`. `name` is the file name in the source, for messages to people; it is never trusted as a path or a format.
    """

    role: str
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Region:
    """What is to be seen in a part of a picture; `box` is left, top, right, bottom as fractions of width and height."""

    words: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase of a user's words that means something in the picture.

    `told` are the words for it that follow from the phrase alone, each a single one, and `found` those that only the picture
    tells: of "the big stars" `large` and `star`, and perhaps `red`.
    """

    phrase: str
    told: tuple[str, ...]
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One record as a source read it: fields in place, media undecoded, nothing judged but the structure.

    `source_uri` is `<container, relative to the collection root>#<record>`. For a conversation the order of `media` is the
    order of the tags in `messages`, pictures and sounds counted apart. `related_texts` are other texts of the same corpus about
    the same picture, against which a spoken prompt can be held. `parents` and `measures` are there where the source knows them:
    where the record was `exported` by this project, and its media are byte for byte those that went out.
    """

    source_uri: str
    kind: Kind
    text: str | None = None
    question: str | None = None
    answer: str | None = None
    messages: tuple[Message, ...] = ()
    media: tuple[RawMedia, ...] = ()
    language: str | None = None
    speaker: str | None = None
    license: str | None = None
    split: str = "train"
    parents: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    measures: dict[str, float | str] = field(default_factory=dict)
    related_texts: tuple[str, ...] = ()
    exported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A record that will not be kept, and why.

    `outcome` is `refused` when a rule said no and `failed` when an exception did; `reason` is a code of
    `schemas.quarantine.REASONS`; `detail` tells a person what exactly was wrong; `task` is empty where a stage makes one thing
    of a record.
    """

    source_uri: str
    reason: str
    detail: str = ""
    key: str = ""
    task: str = ""
    outcome: Literal["refused", "failed"] = "refused"
    retryable: bool = False
    evidence: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A checked picture (jpg, png, webp) or sound (flac, mono) as it will lie in a media shard."""

    role: str
    format: str
    data: bytes
    width: int | None = None
    height: int | None = None
    sample_rate: int | None = None
    seconds: float | None = None
    channels: int | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record that passed the checks: cleaned text, decodable media, a key that is unique in all corpora.

    `parents` are the keys it was made from. `repairs` name what was mended on the way. `measures` are columns of the index that
    filters and quality checks fill: those of `schemas.index.MEASURES`.
    """

    key: str
    corpus: str
    source_uri: str
    kind: Kind
    text: str | None = None
    question: str | None = None
    answer: str | None = None
    messages: tuple[Message, ...] = ()
    media: tuple[MediaFile, ...] = ()
    language: str | None = None
    speaker: str | None = None
    license: str | None = None
    split: str = "train"
    revision: str = ""
    parents: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    measures: dict[str, float | str] = field(default_factory=dict)


def record_key(corpus: str, source_uri: str, suffix: str = "") -> str:
    """Name a record: readable, safe as a WebDataset key (no dot, no slash) and unique through the hash of its source uri.

    At most 62 characters before the suffix, so that a task and the role and format of a member fit into the 100 of a tar name;
    64 bits of hash, so that a billion records of like names are not expected to collide.

    >>> record_key("wds", "wds/00000.tar#000000001")
    'wds-000000001-72bcbf6e1e1d67a3'
    """
    digest = hashlib.sha256(f"{corpus}\n{source_uri}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    name, record = _slug(corpus, 20), _slug(source_uri.rsplit("#", 1)[-1], 24)
    return "-".join(part for part in (name, record, digest, suffix) if part)


def _slug(text: str, length: int) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:length]
