"""Which token may see which: one call interface, with a back end for GPUs, one for CPUs, and explicit dense masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

Backend = Literal["auto", "flex", "segments"]
PADDING = -1
"""Document id of positions that hold no token."""


class Attention(Protocol):
    """Softmax attention with its visibility pattern bound.

    Query is (batch, heads, length, head_dim); key and value are (batch, kv_heads, length, head_dim), where kv head j
    serves the query heads j*g .. j*g+g-1. The result has the query's shape. Scores are scaled by head_dim ** -0.5.
    """

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        ...


@dataclass(frozen=True, slots=True)
class DenseAttention:
    """Scaled-dot-product attention under a boolean mask that broadcasts to (batch, 1, queries, keys); None sees all.

    A query that may see nothing gets zeros.
    """

    visible: Tensor | None = None

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=self.visible)


@dataclass(frozen=True, slots=True)
class SegmentAttention:
    """Full attention inside each document, computed document by document.

    On a CPU this is three to four times as fast as a dense mask over packed rows, and it has a backward pass, which
    flex attention lacks there. Padding gets zeros.

    Attributes:
        runs: Length of every run of equal document ids over the flattened (batch * length) positions, and whether the
            run is a document (True) or padding.
    """

    runs: tuple[tuple[int, bool], ...]

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        batch, heads, length, width = query.shape
        groups = heads // key.shape[1]
        lengths = [count for count, _ in self.runs]
        in_bfloat16 = query.dtype == torch.bfloat16 or torch.is_autocast_enabled(query.device.type)
        attend = _multiplied if in_bfloat16 and torch.is_grad_enabled() else _fused
        pieces = [
            attend(part_query, part_key.repeat_interleave(groups, dim=0), part_value.repeat_interleave(groups, dim=0))
            if real
            else torch.zeros_like(part_query)
            for (_, real), part_query, part_key, part_value in zip(
                self.runs, *(torch.split(_flatten(tensor), lengths, dim=1) for tensor in (query, key, value)), strict=True
            )
        ]
        return torch.cat(pieces, dim=1).view(heads, batch, length, width).transpose(0, 1)


def _fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]


def _multiplied(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend by plain matrix products in bfloat16: on a CPU the fused kernel takes 1.6 to 1.9 times as long, both ways.

    The softmax adds up in float32 whatever its type; the scores themselves, which are most of the memory, are never copied.
    """
    with torch.autocast(query.device.type, enabled=False):
        query, key, value = (tensor.to(torch.bfloat16) for tensor in (query, key, value))
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        return torch.softmax(scores, dim=-1) @ value


@dataclass(frozen=True, slots=True)
class FlexAttention:
    """Block-sparse attention by `torch.nn.attention.flex_attention`: compiled on a GPU, eager (forward only) elsewhere."""

    block_mask: BlockMask

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        attend = _compiled_flex_attention() if query.is_cuda else flex_attention
        output: Tensor = attend(query, key, value, block_mask=self.block_mask, enable_gqa=query.shape[1] != key.shape[1])
        return output


def document_attention(document_ids: Tensor, backend: Backend = "auto") -> Attention:
    """Bind attention in which a token sees exactly the tokens of its own document, both ways.

    Args:
        document_ids: (batch, length) integers; equal ids within a row are one contiguous document, `PADDING` is none.
        backend: `auto` takes `flex` on a GPU and `segments` elsewhere. They agree at every position that holds a token;
            what padding gets is unspecified.
    """
    if backend == "flex" or (backend == "auto" and document_ids.is_cuda):
        return FlexAttention(_document_block_mask(document_ids))
    runs = [(len(list(run)), document != PADDING) for row in document_ids.tolist() for document, run in groupby(row)]
    return SegmentAttention(tuple(runs))


def padded_attention(lengths: Sequence[int], width: int, device: torch.device) -> Attention:
    """Bind full attention over the first `lengths[row]` of `width` positions of each row, for batches of unequal rows."""
    positions = torch.arange(width, device=device)
    visible = positions < torch.tensor(lengths, device=device)[:, None]
    if device.type == "cuda":
        return DenseAttention(None if min(lengths) == width else visible[:, None, None, :])
    return document_attention(torch.where(visible, 0, PADDING), backend="segments")


def reference_attention(position_ids: Tensor, attention_mask: Tensor) -> Attention:
    """Bind the exact training pattern of the public implementation (SPEC.md section 2), for parity only.

    A document starts where the position is 0. Padding queries see nothing, but padding KEYS stay visible: their
    positions go on from the last document, so that document's tokens attend to them. `document_attention` does not
    do that.

    Args:
        position_ids: (batch, length) integers that restart at 0 with each document.
        attention_mask: (batch, length), 0 at padding.
    """
    documents = (position_ids == 0).cumsum(dim=1)
    same = documents[:, :, None] == documents[:, None, :]
    return DenseAttention((same & attention_mask.bool()[:, :, None])[:, None])


@cache
def _compiled_flex_attention() -> Any:
    """Compile on first use, because the compiler alone takes seconds to import."""
    return torch.compile(flex_attention, dynamic=False)


def _document_block_mask(document_ids: Tensor) -> BlockMask:
    def same_document(batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return document_ids[batch, query] == document_ids[batch, key]

    batch, length = document_ids.shape
    mask: BlockMask = create_block_mask(same_document, batch, None, length, length, device=str(document_ids.device))
    return mask


def _flatten(tensor: Tensor) -> Tensor:
    batch, heads, length, width = tensor.shape
    return tensor.transpose(0, 1).reshape(heads, batch * length, width)
