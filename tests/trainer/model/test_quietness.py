import torch

from omniforge.trainer.model.attention import DenseAttention
from omniforge.trainer.model.config import named_config
from omniforge.trainer.model.quietness import begin_quiet
from omniforge.trainer.model.transformer import Dream, initialise

CONFIG = named_config("tiny", vocab_size=8, mask_token_id=0, pad_token_id=1)


def fresh() -> Dream:
    model = Dream(CONFIG)
    initialise(model, 0)
    return model


def test_what_blocks_write_is_scaled_but_for_the_attention_of_the_loud_ones_and_nothing_else() -> None:
    before, model = fresh().state_dict(), fresh()
    begin_quiet(model, 0.25, loud=2)
    for name, value in model.state_dict().items():
        layer = int(name.split(".")[2]) if ".layers." in name else -1
        quiet = name.endswith("down_proj.weight") or (name.endswith("o_proj.weight") and layer >= 2)
        assert torch.equal(value, before[name] * (0.25 if quiet else 1.0)), name


def test_quiet_blocks_let_the_embeddings_through() -> None:
    embeddings = torch.randn(1, 5, CONFIG.hidden_size, generator=torch.Generator().manual_seed(1))
    positions = torch.arange(5)[None]

    def changed(factor: float) -> float:
        model = fresh()
        begin_quiet(model, factor)
        with torch.no_grad():
            hidden = model.model(embeddings, positions, DenseAttention())
            return float((hidden - model.model.norm(embeddings)).norm())

    assert changed(0.0) == 0
    assert 0 < changed(0.1) < 0.5 * changed(1.0)
