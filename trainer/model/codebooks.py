"""Fresh ids of codes, begun where their tokenizer has them: codes alike begin alike."""

import torch
from torch import Tensor

from omniforge.trainer.model.transformer import Dream


def begin_at_codebook(model: Dream, first_id: int, codebook: Tensor, seed: int) -> None:
    """Fill the rows of a tokenizer's codes, in embedding and head alike, with random projections of its code vectors.

    A vocabulary of codes is large and each of them rare, so what a fresh model learns of one would reach no other. A
    tokenizer knows which codes are alike: a projection keeps their distances (Johnson and Lindenstrauss 1984), at the scale
    of the config's `initializer_range`. The head gets the same rows, so at first a token is predicted to be like the last
    one, as codes that lie side by side are.

    Args:
        model: A fresh model, changed in place.
        first_id: Id of code 0.
        codebook: (codes, width) float vectors of the codes.
        seed: Of the projection.

    Raises:
        ValueError: The model has fewer ids.
    """
    embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
    last = first_id + len(codebook)
    if last > len(embedding):
        raise ValueError(f"codebook: codes have ids {first_id} to {last - 1}, and the model has {len(embedding)} in all")
    width = codebook.shape[1]
    deviation, mean = torch.std_mean(codebook.float(), dim=0, correction=0)
    vectors = (codebook.float() - mean) / deviation.clamp_min(torch.finfo(torch.float32).tiny)
    generator = torch.Generator().manual_seed(seed)
    projection = torch.randn(width, embedding.shape[1], generator=generator)
    rows = vectors @ projection * (model.config.initializer_range * width**-0.5)
    with torch.no_grad():
        embedding[first_id:last] = rows.to(embedding)
        head[first_id:last] = rows.to(head)
