"""Corpus formats by the name a config gives them (`format: webdataset`); their other fields are those of the class."""

from omniforge.pipeline.sources.coco import Coco
from omniforge.pipeline.sources.commonvoice import CommonVoice
from omniforge.pipeline.sources.conversations import Conversations
from omniforge.pipeline.sources.hf_parquet import HfParquet
from omniforge.pipeline.sources.librispeech import LibriSpeech
from omniforge.pipeline.sources.llava import Llava
from omniforge.pipeline.sources.prompts import Prompts
from omniforge.pipeline.sources.scenes_source import Scenes
from omniforge.pipeline.sources.sentences import Sentences
from omniforge.pipeline.sources.source import Source
from omniforge.pipeline.sources.webdataset import WebDataset

FORMATS: dict[str, type[Source]] = {
    "coco": Coco,
    "commonvoice": CommonVoice,
    "conversations": Conversations,
    "hf_parquet": HfParquet,
    "librispeech": LibriSpeech,
    "llava": Llava,
    "prompts": Prompts,
    "scenes": Scenes,
    "sentences": Sentences,
    "webdataset": WebDataset,
}
