"""One forward pass over sequences of unequal length, read at chosen positions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from omniforge.trainer.model.attention import padded_attention
from omniforge.trainer.model.transformer import Dream


def predict(model: Dream, sequences: Sequence[Tensor], wanted: Sequence[Tensor]) -> list[Tensor]:
    """Return the logits for tokens at chosen positions of each sequence, as if each had been run alone.

    Position j is read at j - 1, because the model's logits are shifted by one; position 0 has the logits of position 1.

    Args:
        model: In evaluation mode.
        sequences: (length, hidden_size) embeddings of each sequence.
        wanted: (positions,) int64 of each sequence.

    Returns:
        (positions, vocab_size) float32 of each sequence.
    """
    lengths = [len(sequence) for sequence in sequences]
    inputs = pad_sequence(list(sequences), batch_first=True)
    batch, width = inputs.shape[:2]
    counts = [len(positions) for positions in wanted]
    rows = torch.repeat_interleave(torch.tensor(counts)).to(inputs.device)
    columns = torch.cat(list(wanted)).sub(1).clamp_min(0)

    def readout(hidden: Tensor, head: nn.Linear) -> Tensor:
        logits: Tensor = head(hidden[rows, columns])
        return logits.float()

    positions = torch.arange(width, device=inputs.device).expand(batch, width)
    logits = model(inputs, positions, padded_attention(lengths, width, inputs.device), readout)
    return list(torch.split(logits, counts))
