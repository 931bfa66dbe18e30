"""Sizes of a MAGVIT-v2 tokenizer, under the names of the published implementation."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

_NORM_GROUPS = 32
_REQUIRED = {"ch", "ch_mult", "num_res_blocks"}
_IGNORED = {"attn_resolutions", "resolution"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """Sizes of an encoder or a decoder; level 0 has the picture's resolution.

    Attributes:
        ch: Base width in channels.
        ch_mult: Width of each level as a multiple of `ch`.
        num_res_blocks: Residual blocks of each level.
        z_channels: Channels of the latent, one bit each.
        norm_groups: Groups of every GroupNorm; published weights have 32.
    """

    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: tuple[int, ...]
    z_channels: int = 13
    norm_groups: int = _NORM_GROUPS

    def __post_init__(self) -> None:
        if len(self.ch_mult) != len(self.num_res_blocks):
            raise ValueError(
                f"magvit2 config: ch_mult has {len(self.ch_mult)} levels and num_res_blocks {len(self.num_res_blocks)}; "
                "give both one entry for each level"
            )
        for width in self.widths:
            if width % self.norm_groups:
                raise ValueError(
                    f"magvit2 config: a level is {width} channels wide, not a multiple of norm_groups={self.norm_groups}"
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.ch * multiple for multiple in self.ch_mult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Magvit2Config:
    """Sizes of the whole tokenizer; the defaults are those of `showlab/magvitv2` (SPEC.md section 5)."""

    encoder: StackConfig = field(
        default_factory=lambda: StackConfig(ch=128, ch_mult=(1, 2, 2, 4, 4), num_res_blocks=(4, 3, 4, 3, 4))
    )
    decoder: StackConfig = field(
        default_factory=lambda: StackConfig(ch=128, ch_mult=(1, 1, 2, 2, 4), num_res_blocks=(4, 4, 3, 4, 3))
    )

    def __post_init__(self) -> None:
        if self.encoder.z_channels != self.decoder.z_channels:
            raise ValueError(
                f"magvit2 config: z_channels is {self.encoder.z_channels} in the encoder and {self.decoder.z_channels} "
                "in the decoder; they share one latent"
            )
        if len(self.encoder.ch_mult) != len(self.decoder.ch_mult):
            raise ValueError(
                f"magvit2 config: {len(self.encoder.ch_mult)} encoder levels and {len(self.decoder.ch_mult)} decoder "
                "levels; both must halve and double the same number of times"
            )

    @property
    def codebook_bits(self) -> int:
        """Bits of a code."""
        return self.encoder.z_channels

    @property
    def codebook_size(self) -> int:
        """Number of different codes."""
        return 1 << self.codebook_bits

    @property
    def downsampling(self) -> int:
        """Pixels along one side of the square that a code stands for."""
        return 1 << (len(self.encoder.ch_mult) - 1)

    def to_json(self) -> dict[str, object]:
        """Return plain values that `magvit2_config` reads back."""
        return asdict(self)


def magvit2_config(values: Mapping[str, object]) -> Magvit2Config:
    """Read the `encoder` and `decoder` tables of a config.json; where one is absent, the published sizes hold.

    The published config.json has no such tables, so it gives the published sizes.

    Raises:
        ValueError: An unknown name in a table, sizes that contradict each other, or attention inside a level.
    """
    stacks = {name: _stack_config(name, values[name]) for name in ("encoder", "decoder") if name in values}
    return Magvit2Config(**stacks)


def _stack_config(name: str, table: object) -> StackConfig:
    known = {item.name for item in fields(StackConfig)}
    if not isinstance(table, Mapping) or not _REQUIRED <= set(table) <= known | _IGNORED:
        raise ValueError(f"magvit2 config: {name} must be a table of {sorted(known)} and nothing else, got {table!r}")
    resolutions = {int(table.get("resolution", 0)) >> level for level in range(len(table["ch_mult"]))}
    if resolutions & set(table.get("attn_resolutions", ())):
        raise ValueError(
            f"magvit2 config: attn_resolutions {table['attn_resolutions']} puts attention inside a level of the {name}; "
            "only attention in the middle is supported, as in the published weights"
        )
    sizes: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key in known
    }
    return StackConfig(**sizes)
