"""Losses on the histograms of weights along rays (Barron et al. 2022, sections 3 and 4).

A histogram has ascending edges and a weight for each bin between them. All functions are pure and know no fields.
"""

import torch
from torch import Tensor

_SMALLEST = 1e-7
"""Added to weights that are divisors: they may be 0."""


def outer_measure(edges: Tensor, proposal_edges: Tensor, proposal_weights: Tensor) -> Tensor:
    """For each bin of a histogram, the total weight of the proposal's bins that overlap it (equation 12).

    It bounds the bin's weight from above if both histograms are of the same distribution.

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
    """How much weight exceeds a proposal's outer measure (equation 13), (n_rays,); 0 if that bounds all weights.

    Args:
        edges: (n_rays, n + 1); weights: (n_rays, n), the field's; they get no gradient from this loss.
        proposal_edges: (n_rays, m + 1); proposal_weights: (n_rays, m), which learn from it.
    """
    weights = weights.detach()
    missed = (weights - outer_measure(edges, proposal_edges, proposal_weights)).clamp_min(0.0)
    return (missed**2 / (weights + _SMALLEST)).sum(1)


def distortion_loss(edges: Tensor, weights: Tensor) -> Tensor:
    """How widely weight is spread over a ray (equation 15), (n_rays,): the expected distance between two points drawn
    by weight. Prefix sums replace the sum over all pairs of bins.

    Args:
        edges: (n_rays, n + 1); weights: (n_rays, n).
    """
    middles = 0.5 * (edges[:, :-1] + edges[:, 1:])
    moments = weights * middles
    before, moments_before = torch.cumsum(weights, 1) - weights, torch.cumsum(moments, 1) - moments
    between = 2.0 * (weights * (middles * before - moments_before)).sum(1)
    return between + (weights**2 * edges.diff(dim=1)).sum(1) / 3.0
