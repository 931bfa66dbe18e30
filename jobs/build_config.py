"""The configuration of a build: which corpora, how they are checked, what is spoken, how it becomes tokens."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniforge.jobs.config import ConfigError, from_mapping
from omniforge.pipeline.engine import EngineConfig
from omniforge.pipeline.pull import Corpus, PullConfig
from omniforge.pipeline.reference import NAME
from omniforge.pipeline.sources.formats import FORMATS
from omniforge.pipeline.sources.source import Source
from omniforge.pipeline.synthesis import SynthesisConfig
from omniforge.pipeline.tokenization import TokenizeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusConfig:
    """One corpus: a name, the format that reads it, and that format's options.

    `optional` corpora may be absent from the collection and are then left out; any other absent one is an error.
    """

    name: str
    format: str
    options: dict[str, Any] = field(default_factory=dict)
    revision: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConfig:
    """A whole build. Datasets `<name>-media`, `<name>-sdvi` and `<name>` (tokens) appear under `root`.

    `data` is the collection that corpora lie in; embedded corpora need none. With `limit`, only so many records of each corpus
    are built, and the datasets get `-limit<N>` in their names so that no reader of the real ones is misled.
    """

    name: str
    root: str
    data: str = "."
    corpora: tuple[CorpusConfig, ...]
    pull: PullConfig = field(default_factory=PullConfig)
    synth: SynthesisConfig = field(default_factory=SynthesisConfig)
    tokenize: TokenizeConfig = field(default_factory=TokenizeConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    limit: int | None = None
    single_writer: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name {self.name!r}: use letters, digits, '.', '_' and '-'; datasets are named after it")
        names = [corpus.name for corpus in self.corpora]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two corpora are named {sorted(repeated)[0]!r}; keys carry the name, so it has to be unique")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit is {self.limit}; leave it out or give at least 1")

    @property
    def base_name(self) -> str:
        """The name that datasets of this build start with."""
        return self.name if self.limit is None else f"{self.name}-limit{self.limit}"

    def dataset(self, stage: str) -> str:
        """The name of the dataset a stage publishes."""
        return {"pull": f"{self.base_name}-media", "synth": f"{self.base_name}-sdvi", "tokenize": self.base_name}[stage]

    def opened_corpora(self) -> dict[str, Corpus]:
        """Make the sources; an unknown format or option is an error that names the nearest."""
        corpora: dict[str, Corpus] = {}
        root = Path(self.data).resolve()
        for corpus in self.corpora:
            if corpus.format not in FORMATS:
                raise ConfigError(f"corpus {corpus.name}: format {corpus.format!r} is none of {', '.join(sorted(FORMATS))}")
            source = from_mapping(FORMATS[corpus.format], corpus.options, f"corpus {corpus.name}")
            if corpus.optional and not _is_there(source, root):
                continue
            corpora[corpus.name] = Corpus(name=corpus.name, source=source, root=root, revision=corpus.revision)
        if not corpora:
            names = ", ".join(corpus.name for corpus in self.corpora)
            raise ConfigError(f"none of the corpora ({names}) is in {root}; give the folder that holds them as data=PATH")
        return corpora


def _is_there(source: Source, root: Path) -> bool:
    """Tell whether a source that reads from a folder finds a file of its patterns in it; embedded sources always do."""
    if not hasattr(source, "folder"):
        return True
    folder = root / source.folder
    return folder.is_dir() and any(any(folder.glob(pattern)) for pattern in getattr(source, "files", ("*",)))
