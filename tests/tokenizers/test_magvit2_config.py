import json

import pytest

from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig, magvit2_config


def test_a_config_survives_json() -> None:
    stack = StackConfig(ch=8, ch_mult=(1, 2), num_res_blocks=(1, 2), z_channels=4, norm_groups=4)
    config = Magvit2Config(encoder=stack, decoder=stack)
    assert magvit2_config(json.loads(json.dumps(config.to_json()))) == config


def test_a_config_without_tables_means_the_published_sizes() -> None:
    config = magvit2_config({"_class_name": "MAGVITv2"})
    assert (config.codebook_size, config.downsampling, config.encoder.ch) == (8192, 16, 128)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": 8}, "nothing else"),
        ({"num_res_blocks": [1, 1, 1]}, "one entry for each level"),
        ({"norm_groups": 3}, "not a multiple of norm_groups"),
        ({"z_channels": 5}, "share one latent"),
        ({"resolution": 64, "attn_resolutions": [32]}, "attention inside a level"),
        ({"ch_mult": [1, 2, 2], "num_res_blocks": [1, 1, 1]}, "same number of times"),
    ],
)
def test_contradicting_sizes_are_named(changes: dict[str, object], words: str) -> None:
    table = {"ch": 8, "ch_mult": [1, 2], "num_res_blocks": [1, 1], "z_channels": 4, "norm_groups": 4}
    with pytest.raises(ValueError, match=words):
        magvit2_config({"encoder": table | changes, "decoder": table})


def test_a_table_without_widths_is_named() -> None:
    with pytest.raises(ValueError, match=r"encoder must be a table of .*ch_mult"):
        magvit2_config({"encoder": {"ch": 8}})
