"""Where the speech tokenizer is found, and what is said when it is not."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file

from omniforge.tokenizers.glm4voice import files
from omniforge.tokenizers.glm4voice.config import EncoderConfig, FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER, TOKENIZER
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.files import find_files
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.published_config import read_decoder_config
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer

PUBLISHED_YAML = """
sample_rate: 22050
flow: !new:cosyvoice.flow.flow.MaskedDiffWithXvec
    input_size: 160
    output_size: 80
    spk_embed_dim: 16
    vocab_size: 2048
    input_frame_rate: 12.5
    encoder: !new:cosyvoice.transformer.encoder.BlockConformerEncoder {encoder}
    length_regulator: !new:cosyvoice.flow.length_regulator.InterpolateRegulator {regulator}
    decoder: !new:cosyvoice.flow.flow_matching.ConditionalCFM
        cfm_params: !new:omegaconf.DictConfig
            content:
                sigma_min: 1e-06
                inference_cfg_rate: 0.0
        estimator: !new:cosyvoice.flow.decoder.ConditionalDecoder {estimator}
hift: !new:cosyvoice.hifigan.generator.HiFTGenerator {hift}
"""


def flow_style(values):
    return yaml.safe_dump(values, default_flow_style=True, width=10**6).strip()


@pytest.fixture
def published(tmp_path):
    """A small instance laid out like the published pair of repositories."""
    tokenizer, decoder = tmp_path / "glm-4-voice-tokenizer", tmp_path / "glm-4-voice-decoder"
    tokenizer.mkdir()
    decoder.mkdir()
    torch.manual_seed(0)
    (tokenizer / "config.json").write_text(json.dumps(TOKENIZER))
    encoder = SpeechEncoder(EncoderConfig.from_dict(TOKENIZER))
    save_file(encoder.state_dict(), tokenizer / "model.safetensors")
    hift = flow_style(DECODER["hift"]).replace("sampling_rate: 22050", "sampling_rate: !ref <sample_rate>")
    text = PUBLISHED_YAML.format(
        encoder=flow_style(DECODER["encoder"]),
        regulator=flow_style(DECODER["length_regulator"]),
        estimator=flow_style(DECODER["estimator"]),
        hift=hift,
    )
    (decoder / "config.yaml").write_text(text)
    torch.save(FlowDecoder(FlowConfig.from_dict(DECODER)).state_dict(), decoder / "flow.pt")
    torch.save(HiftGenerator(HiftConfig.from_dict(DECODER["hift"])).state_dict(), decoder / "hift.pt")
    return tokenizer


def test_the_published_layout_loads_with_its_decoder_beside_it(published):
    tokenizer = SpeechTokenizer.load(str(published))
    assert tokenizer.codebook_size == 2048
    assert tokenizer.output_rate == 22050


def test_the_decoder_yaml_reads_numbers_references_and_classes(published):
    config = read_decoder_config(published.with_name("glm-4-voice-decoder") / "config.yaml")
    assert config["cfm"]["cfm_params"] == {"sigma_min": 1e-06, "inference_cfg_rate": 0.0}
    assert HiftConfig.from_dict(config["hift"]) == HiftConfig.from_dict(DECODER["hift"])
    assert FlowConfig.from_dict(config) == FlowConfig.from_dict(DECODER)


def test_weights_that_lack_a_key_are_named(published):
    path = published.with_name("glm-4-voice-decoder") / "hift.pt"
    weights = torch.load(path, weights_only=True)
    del weights["conv_pre.bias"]
    torch.save(weights, path)
    with pytest.raises(ValueError, match=r"hift.*conv_pre\.bias"):
        SpeechTokenizer.load(str(published))


@pytest.mark.parametrize("name", ["config.yaml", "flow.pt"])
def test_an_absent_decoder_file_is_named(published, name):
    (published.with_name("glm-4-voice-decoder") / name).unlink()
    with pytest.raises(ValueError, match=name):
        find_files(str(published))


def test_an_unknown_source_says_what_there_is():
    with pytest.raises(ValueError, match="embedded"):
        find_files("nowhere")


def test_a_hub_name_without_a_network_says_what_to_do(monkeypatch):
    asked = []

    def unreachable(name):
        asked.append(name)
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(files, "snapshot_download", unreachable)
    with pytest.raises(ValueError, match="copy its folder"):
        find_files("THUDM/glm-4-voice-tokenizer")
    assert asked == ["THUDM/glm-4-voice-tokenizer"]


def test_the_hub_is_asked_for_both_parts_when_a_hub_name_is_given(monkeypatch, published):
    folder = Path(published)
    monkeypatch.setattr(files, "snapshot_download", lambda name: str(folder.with_name(name.partition("/")[2])))
    assert find_files("THUDM/glm-4-voice-tokenizer").tokenizer_config == TOKENIZER


def test_a_configuration_of_another_variant_is_refused():
    with pytest.raises(ValueError, match="pooling_type"):
        EncoderConfig.from_dict({**TOKENIZER, "pooling_type": "max"})


def test_a_configuration_that_lacks_sizes_names_them():
    values = {name: value for name, value in TOKENIZER.items() if name not in {"d_model", "pooling_position"}}
    with pytest.raises(ValueError, match="d_model, pooling_position"):
        EncoderConfig.from_dict(values)
