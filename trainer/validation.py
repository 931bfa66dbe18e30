"""Loss by task on held-out samples, the same ones under the same noise each time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from omniforge.trainer.batch import PackedBatch
from omniforge.trainer.forward import Precision, forward
from omniforge.trainer.loader import Loader, PackedRow
from omniforge.trainer.loss_table import LossGroups, summarise, summarise_grounding, tabulate
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.parallel import Processes, summed
from omniforge.trainer.shuffle import seed_of
from omniforge.trainer.step_batch import BatchConfig, noise_levels, pack_rows


def validation_batches(loader: Loader, config: BatchConfig, rows: int, processes: Processes) -> tuple[PackedBatch, ...]:
    """Corrupt and pack up to `rows` sequences, this process's share of them; every process gets as many batches.

    Depends on the loader's seed and on `rows` alone, so losses of different steps, stages and runs compare.
    """
    taken: list[PackedRow] = []
    for window in range(loader.windows):
        taken += loader.window(0, window)
        if len(taken) >= rows:
            break
    taken = taken[:rows]
    levels = noise_levels(taken, seed_of(loader.seed, "validation"))
    short = -len(taken) % (processes.world * config.micro_rows)
    taken, levels = taken + [()] * short, levels + [[]] * short
    mine = range(processes.rank, len(taken), processes.world)
    return tuple(
        pack_rows([taken[n] for n in group], [levels[n] for n in group], loader, config)
        for group in (mine[start : start + config.micro_rows] for start in range(0, len(mine), config.micro_rows))
    )


@torch.no_grad()
def validate(
    model: Dream, batches: Sequence[PackedBatch], groups: LossGroups, precision: Precision, processes: Processes
) -> dict[str, float]:
    """Return `validation/loss/task/<name>` and the like; nothing without batches."""
    if not batches:
        return {}
    model.eval()
    table: Tensor = torch.zeros(groups.shape, dtype=torch.float64, device=processes.device)
    grounding = torch.zeros(2, 2, dtype=torch.float64, device=processes.device)
    for batch in batches:
        placed = batch.to(processes.device)
        loss = forward(model, placed, precision)
        table += tabulate(loss, placed.labels, placed.tasks, placed.times, groups)
        grounding += loss.grounding
    model.train()
    values = summarise(summed(table, processes).cpu(), groups) | summarise_grounding(summed(grounding, processes).cpu())
    return {f"validation/{name}": value for name, value in values.items()}
