import os
import subprocess
import sys
from pathlib import Path

import torch

PROGRAM = """
import sys
import torch
import torch.distributed as distributed
from omniforge.trainer.loss import label_weight, masked_cross_entropy, step_denominator, step_loss

torch.set_num_threads(1)
rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if world > 1:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting-point", rank=rank, world_size=world)
generator = torch.Generator().manual_seed(0)
hidden, labels = torch.randn(6, 9, 4, generator=generator), torch.randint(0, 7, (6, 9), generator=generator)
labels[torch.arange(9) < torch.tensor([2, 8, 5, 3, 7, 4])[:, None]] = -100
weights = torch.rand(6, 9, generator=generator) + 0.5
head = torch.nn.Linear(4, 7, bias=False)
head.weight.data = torch.randn(7, 4, generator=generator)
mine = [slice(row, row + 1) for row in range(6) if row % world == rank]
denominator = step_denominator(sum(label_weight(labels[part], weights[part]) for part in mine))
for part in mine:
    result = masked_cross_entropy(labels[part], weights[part])(hidden[part], head)
    step_loss(result.numerator, denominator).backward()
if world > 1:
    distributed.all_reduce(head.weight.grad)
    head.weight.grad /= world
if rank == 0:
    torch.save(head.weight.grad, f"{folder}/gradient-{world}.pt")
if world > 1:
    distributed.destroy_process_group()
"""


def test_averaged_gradients_of_two_processes_are_those_of_one(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, str(program), str(rank), str(world), str(tmp_path)], env=environment)
        for world in (1, 2)
        for rank in range(world)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    one, two = (torch.load(tmp_path / f"gradient-{world}.pt") for world in (1, 2))
    torch.testing.assert_close(two, one)
