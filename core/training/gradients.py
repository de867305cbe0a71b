"""The gradients of the loss of a batch, or of a slice of one."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.config.march import MarchSettings
from core.rendering.render import Traced, trace_rays
from core.samplers.occupancy_grid import ObservedField
from core.training.batches import Batch
from core.training.model import Model


def add_gradients(
    batch: Batch,
    model: Model,
    march: MarchSettings,
    entropy: float,
    step: int,
    weight: float,
    generator: torch.Generator | None,
) -> tuple[Tensor, Traced]:
    """Render rays, and add the gradients of their loss to those that the parameters have.

    Args:
        entropy: how much the entropy of weights counts in the loss, see `core.kernels.packed.color_loss`.
        step: steps done before.
        weight: the loss is multiplied by it.
        generator: jitters the samples; None places them deterministically.

    Returns:
        The mean squared error of the colours, a scalar, and the rendered rays.
    """
    learning_sampler = model.learning_sampler
    if learning_sampler is not None:
        learning_sampler.at_step(step)
    field = ObservedField(model.field, model.grid, march.render_step_size)
    goal = {"targets": batch.targets, "entropy": entropy}
    traced = trace_rays(field, model.sampler, batch.rays, march, batch.backgrounds, generator, **goal)
    loss = traced.loss
    assert loss is not None, "targets are given"
    if learning_sampler is not None:
        loss = loss + learning_sampler.loss(traced.sampled, traced.weights, *batch)
    (weight * loss).backward()
    return mse_loss(traced.output.colors.detach(), batch.targets), traced
