import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig
from omniforge.tokenizers.sensevoice.encoder import Encoder
from omniforge.trainer.model.attention import DenseAttention
from omniforge.trainer.model.audio import AudioClips
from omniforge.trainer.model.checkpoint_keys import load_pretrained, with_published_audio
from omniforge.trainer.model.config import MODEL_SIZES, DreamConfig, dream_config, named_config, published_config
from omniforge.trainer.model.export import export
from omniforge.trainer.model.growth import attach_audio, grow_vocabulary
from omniforge.trainer.model.transformer import Dream, all_logits, initialise

AUDIO = SenseVoiceConfig(output_size=8, attention_heads=2, linear_units=8, num_blocks=2, tp_blocks=1, vocab_size=5)
IDS = torch.tensor([[3, 7, 48, 11]])


def config(audio: SenseVoiceConfig | None = None) -> DreamConfig:
    return DreamConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        mask_token_id=48,
        pad_token_id=49,
        initializer_range=0.2,
        audio=audio,
    )


def fresh(audio: SenseVoiceConfig | None = None) -> Dream:
    model = Dream(config(audio))
    initialise(model, seed=1)
    return model.eval()


def logits(model: Dream) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS, torch.arange(4)[None], DenseAttention(), all_logits)


@pytest.mark.parametrize("audio", [None, AUDIO], ids=["text", "speech"])
@pytest.mark.parametrize("shard_bytes", [10**9, 10_000], ids=["one file", "parts"])
def test_an_exported_model_loads_with_equal_weights(tmp_path: Path, audio: SenseVoiceConfig | None, shard_bytes: int) -> None:
    model = fresh(audio)
    files = export(model.state_dict(), model.config, tmp_path / "out", dtype=torch.float32, shard_bytes=shard_bytes)
    loaded = load_pretrained(tmp_path / "out").eval()
    assert loaded.config == model.config
    assert torch.equal(logits(loaded), logits(model))
    parts = [path for path in files if path.suffix == ".safetensors"]
    assert (len(parts) > 1) == (shard_bytes < 10**9)


def test_parts_are_indexed_and_no_larger_than_asked(tmp_path: Path) -> None:
    model = fresh()
    export(model.state_dict(), model.config, tmp_path, dtype=torch.bfloat16, shard_bytes=10_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(model.state_dict())
    assert index["metadata"]["total_size"] == 2 * sum(tensor.numel() for tensor in model.state_dict().values())
    for part in tmp_path.glob("*.safetensors"):
        tensors = load_file(part)
        assert len(tensors) == 1 or sum(tensor.nbytes for tensor in tensors.values()) <= 10_000


def test_whoever_may_read_the_config_may_read_the_weights(tmp_path: Path) -> None:
    model = fresh()
    files = export(model.state_dict(), model.config, tmp_path, shard_bytes=10_000)
    (tmp_path / "other").touch()
    assert {file.stat().st_mode for file in files} == {(tmp_path / "other").stat().st_mode}


def test_an_export_never_overwrites_a_model(tmp_path: Path) -> None:
    model = fresh()
    export(model.state_dict(), model.config, tmp_path)
    with pytest.raises(ValueError, match="holds a model already"):
        export(model.state_dict(), model.config, tmp_path)


def test_missing_weights_are_listed(tmp_path: Path) -> None:
    model = fresh()
    weights = model.state_dict()
    del weights["model.norm.weight"]
    export(weights, model.config, tmp_path)
    with pytest.raises(ValueError, match=r"missing: model\.norm\.weight"):
        load_pretrained(tmp_path)


def test_a_folder_without_a_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no config\.json"):
        load_pretrained(tmp_path)


def test_stored_rotary_frequencies_are_passed_over(tmp_path: Path) -> None:
    model = fresh()
    weights = model.state_dict() | {"model.rotary_emb.inv_freq": torch.ones(4)}
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(published_config(model.config, "float32")))
    assert torch.equal(logits(load_pretrained(tmp_path)), logits(model))


def test_a_published_config_gives_omni_diffusions_sizes() -> None:
    assert dream_config(published_config(DreamConfig(), "bfloat16")) == DreamConfig()
    names = ["model.norm.weight", "model.audio_model.model.embed.weight"]
    assert with_published_audio(DreamConfig(), names).audio == SenseVoiceConfig()
    assert with_published_audio(DreamConfig(), names[:1]).audio is None


@pytest.mark.parametrize(("name", "value"), [("hidden_act", "gelu"), ("tie_word_embeddings", True), ("rope_scaling", {})])
def test_a_config_that_asks_for_another_architecture_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        dream_config({name: value})


def test_named_sizes_are_about_as_large_as_their_names() -> None:
    blocks = []
    for name in MODEL_SIZES:
        with torch.device("meta"):
            model = Dream(named_config(name, vocab_size=1000, mask_token_id=1, pad_token_id=0))
        blocks.append(sum(parameter.numel() for parameter in model.parameters()))
    expected = [5e6, 77e6, 1.3e9, 6.5e9]
    assert all(count == pytest.approx(size, rel=0.05) for count, size in zip(blocks, expected, strict=True))
    with pytest.raises(ValueError, match="choose one of tiny"):
        named_config("huge", vocab_size=10, mask_token_id=1, pad_token_id=0)


def test_growth_keeps_old_logits_and_makes_new_ids_average() -> None:
    model = fresh()
    before = logits(model)
    grow_vocabulary(model, vocab_size=80, trained_rows=50, seed=0)
    after = logits(model)
    assert after.shape[-1] == model.config.vocab_size == 80
    torch.testing.assert_close(after[..., :50], before)
    average = before.mean(dim=-1, keepdim=True)
    spread = before.std()
    assert float((after[..., 50:] - average).abs().max()) < float(spread)
    rows = model.model.embed_tokens.weight.detach()
    assert float(rows[50:].std()) == pytest.approx(float(rows[:50].std()), rel=0.3)
    assert len(rows[50:].unique(dim=0)) == 30


def test_growth_replaces_rows_that_were_never_trained() -> None:
    model = fresh()
    before = model.lm_head.weight.detach().clone()
    grow_vocabulary(model, vocab_size=60, trained_rows=45, seed=0)
    assert torch.equal(model.lm_head.weight[:45], before[:45])
    assert not bool((model.lm_head.weight[45:50] == before[45:]).any())
    with pytest.raises(ValueError, match="not taken away"):
        grow_vocabulary(model, vocab_size=40, trained_rows=50, seed=0)


def test_a_text_model_takes_a_published_speech_encoder(tmp_path: Path) -> None:
    model, encoder = fresh(), Encoder(AUDIO)
    before = logits(model)
    attach_audio(model, AUDIO, encoder.state_dict(), seed=0)
    assert torch.equal(logits(model), before)
    assert set(model.state_dict()) == set(Dream(config(AUDIO)).state_dict())
    clips = AudioClips(
        features=torch.randn(1, 1, 560),
        lengths=torch.tensor([1]),
        rows=torch.zeros(5, dtype=torch.int64),
        columns=torch.arange(5) + 1,
    )
    with torch.no_grad():
        embedded = model.model.embed(torch.zeros(1, 7, dtype=torch.int64), clips)
    plain = model.model.embed_tokens.weight[0]
    assert torch.equal(embedded[0, 0], plain)
    assert torch.equal(embedded[0, 6], plain)
    assert not bool((embedded[0, 1:6] == plain).all(dim=-1).any())


def test_speech_features_for_a_model_without_encoder_are_refused() -> None:
    clips = AudioClips(
        features=torch.zeros(1, 1, 560), lengths=torch.tensor([1]), rows=torch.zeros(5).long(), columns=torch.arange(5)
    )
    with pytest.raises(ValueError, match="speech as codes"):
        fresh().model.embed(torch.zeros(1, 7, dtype=torch.int64), clips)


def test_a_training_batch_without_speech_still_runs_the_projection() -> None:
    model = fresh(AUDIO).train()
    model(IDS, torch.arange(4)[None], DenseAttention(), all_logits).sum().backward()
    gradient = model.model.audio_projection.mlp[0].weight.grad
    assert gradient is not None
    assert not bool(gradient.any())


def test_initialisation_is_a_function_of_the_seed() -> None:
    one, again, other = Dream(config()), Dream(config()), Dream(config())
    for model, seed in ((one, 3), (again, 3), (other, 4)):
        initialise(model, seed)
    assert torch.equal(one.lm_head.weight, again.lm_head.weight)
    assert not torch.equal(one.lm_head.weight, other.lm_head.weight)
    assert float(one.model.layers[0].mlp.down_proj.weight.detach().std()) == pytest.approx(0.1, rel=0.2)
