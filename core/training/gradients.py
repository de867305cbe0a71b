"""The gradients of a batch's loss."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.config.march import MarchSettings
from core.rendering.render import Traced, trace_rays
from core.samplers.occupancy_grid import ObservedField
from core.training.batches import Batch
from core.training.model import Model
from core.training.optimizer import Adam


def find_gradients(
    batch: Batch,
    model: Model,
    optimizer: Adam,
    march: MarchSettings,
    entropy: float,
    step: int,
    generator: torch.Generator,
) -> tuple[Tensor, Traced]:
    """Render a batch, and leave the gradients of its loss in the parameters, in place of those that were there.

    Args:
        entropy: how much the entropy of weights counts in the loss, see `core.kernels.packed.color_loss`.
        step: steps done before.
        generator: jitters the samples.

    Returns:
        The mean squared error of the colours, a scalar, and the rendered rays.
    """
    optimizer.drop_gradients()
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
    loss.backward()
    return mse_loss(traced.output.colors.detach(), batch.targets), traced
