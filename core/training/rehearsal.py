"""Compiles and loads the kernels of a scene before its first step and its first picture.

On a CPU the parts of the work run at the same time, so that their kernels are compiled at the same time. Only kernels
that the scene needs are compiled: those that the parts launch.
"""

from collections.abc import Callable

import torch

from core.datasets.dataset import Dataset
from core.fields.base import Field
from core.kernels.runtime.launch import run_together
from core.training.model import Model

N_REHEARSED = 64
"""Rays, cells and positions of a rehearsal."""


def rehearse(model: Model, dataset: Dataset, tasks: list[Callable[[], object]]) -> None:
    """Run tasks and the gradients of the field, and put the model's buffers back.

    What fields and samplers keep outside their buffers isn't restored, and gradients are left in the parameters.

    Args:
        tasks: those that take longest first; none depends on another.
    """
    kept = [(buffer, buffer.clone()) for module in model.parts.values() for buffer in module.buffers()]
    tasks = [lambda: _find_gradients(model.field, dataset), *tasks]
    try:
        if kept[0][0].is_cpu:
            run_together(tasks)
        else:
            for task in tasks:
                task()
    finally:
        for buffer, value in kept:
            buffer.copy_(value)


def _find_gradients(field: Field, dataset: Dataset) -> None:
    """Densities and colours with their gradients, whose kernels take longest to compile."""
    low, high = torch.tensor(dataset.box, device=dataset.train.cameras.c2w.device).view(2, 3)
    positions = low + torch.linspace(0.25, 0.75, N_REHEARSED, device=low.device)[:, None] * (high - low)
    if dataset.train.cameras.times is not None:
        positions = torch.nn.functional.pad(positions, (0, 1))
    directions = torch.nn.functional.normalize(high - low, dim=0).expand(N_REHEARSED, 3)
    rgbs, sigmas = field.radiance(positions, directions)
    (rgbs.sum() + sigmas.sum()).backward()
