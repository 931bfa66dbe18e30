"""Token samples of a few scenes, for tests of what the token layer says of them."""

from pathlib import Path

from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.samples import TokenSample
from omniforge.pipeline.sources.scenes_source import Scenes
from omniforge.pipeline.tokenization import TokenizeConfig, Tokenizers, decode, encode
from omniforge.schemas.record import Record

CONFIG = TokenizeConfig(understanding=64, generation=64)


def scene_samples(source: Scenes, tokenizers: Tokenizers, config: TokenizeConfig = CONFIG) -> list[TokenSample]:
    """Pull and tokenize all records of a source's first container."""
    container = next(source.containers(Path()))
    items = source.read(Path(), container.path, 0, container.records)
    records = [check(item, corpus="scenes", config=CheckConfig()) for item in items]
    assert all(isinstance(record, Record) for record in records)
    return encode(decode(records, config), tokenizers, config)
