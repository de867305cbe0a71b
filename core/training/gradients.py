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
    batch: Batch, model: Model, optimizer: Adam, march: MarchSettings, step: int, generator: torch.Generator
) -> tuple[Tensor, Traced]:
    """Render a batch, and leave the gradients of its loss in the parameters, in place of those that were there.

    Args:
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
    targets = batch.targets if learning_sampler is None else None  # a sampler learns from pixels with gradient
    traced = trace_rays(field, model.sampler, batch.rays, march, batch.backgrounds, generator, targets=targets)
    loss = error = mse_loss(traced.output.colors, batch.targets) if traced.error is None else traced.error
    if learning_sampler is not None:
        loss = error + learning_sampler.loss(traced.sampled, traced.weights, *batch)
    loss.backward()
    return error.detach(), traced
