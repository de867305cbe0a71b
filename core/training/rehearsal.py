"""Compiles and loads the kernels of a scene before its first step and its first picture.

On a CPU the parts of the work run at the same time, so that their kernels are compiled at the same time. Only kernels
that the scene needs are compiled: those that the parts launch.
"""

from collections.abc import Callable

from core.kernels.runtime.launch import run_together
from core.training.model import Model

N_REHEARSED = 64
"""Rays and cells of a rehearsal."""


def rehearse(model: Model, tasks: list[Callable[[], object]]) -> None:
    """Run tasks and put the model's buffers back; what fields and samplers keep outside these isn't restored.

    Args:
        tasks: those whose kernels take longest to compile first; none depends on another.
    """
    kept = [(buffer, buffer.clone()) for module in model.parts.values() for buffer in module.buffers()]
    try:
        if model.grid.occs.is_cpu:
            run_together(tasks)
        else:
            for task in tasks:
                task()
    finally:
        for buffer, value in kept:
            buffer.copy_(value)
