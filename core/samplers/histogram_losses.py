"""What weights along rays are held to (Barron et al. 2022, sections 3 and 4). Pure.

A ray's histogram is its edges, ascending, and one weight between each two of them. Nothing here knows of fields.
"""

import torch
from torch import Tensor

_SMALLEST = 1e-7
"""Keeps what is divided by a weight finite where that is 0."""


def outer_measure(edges: Tensor, proposal_edges: Tensor, proposal_weights: Tensor) -> Tensor:
    """What a proposal's bins weigh that share some length with each bin of another histogram (equation 12).

    If both histograms are of one density, no bin weighs more than this.

    Args:
        edges: (n_rays, n + 1); proposal_edges: (n_rays, m + 1); proposal_weights: (n_rays, m).

    Returns:
        (n_rays, n), differentiable in the proposal's weights.
    """
    before = torch.nn.functional.pad(torch.cumsum(proposal_weights, 1), (1, 0))
    last = proposal_weights.shape[1]
    first = torch.searchsorted(proposal_edges, edges[:, :-1].contiguous(), right=True) - 1
    behind = torch.searchsorted(proposal_edges, edges[:, 1:].contiguous())
    return before.gather(1, behind.clamp(0, last)) - before.gather(1, first.clamp(0, last))


def interlevel_loss(edges: Tensor, weights: Tensor, proposal_edges: Tensor, proposal_weights: Tensor) -> Tensor:
    """How much weight a proposal overlooked (equation 13), (n_rays,); 0 if its outer measure bounds all weights.

    The weights are what the proposal is to find: it learns from this loss, they don't.
    """
    weights = weights.detach()
    missed = (weights - outer_measure(edges, proposal_edges, proposal_weights)).clamp_min(0.0)
    return (missed**2 / (weights + _SMALLEST)).sum(1)


def distortion_loss(edges: Tensor, weights: Tensor) -> Tensor:
    """How widely weight is spread over a ray (equation 15), (n_rays,): the mean distance of two places chosen by
    weight. What is in front of a bin is summed up on the way, so that it takes one pass and not all pairs.
    """
    middles = 0.5 * (edges[:, :-1] + edges[:, 1:])
    moments = weights * middles
    before, moments_before = torch.cumsum(weights, 1) - weights, torch.cumsum(moments, 1) - moments
    between = 2.0 * (weights * (middles * before - moments_before)).sum(1)
    return between + (weights**2 * edges.diff(dim=1)).sum(1) / 3.0
