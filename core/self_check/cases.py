"""The cases of the self-check: every kernel, the networks and the whole path, on small inputs.

A case computes the same tensors on a CPU and on a GPU, up to rounding. Networks and grids have the default method's
sizes, so that the kernels that are compiled here are those that scenes need.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.self_check import kernel_cases, path_cases


@dataclass(frozen=True)
class Case:
    """One thing to compute on both devices.

    Attributes:
        name: for the user.
        compute: from a device's name to tensors, which must agree.
        operations: those that are wrong if they don't, by the names of `core.kernels.runtime.replaceable`.
        rtol, atol: how far two numbers may be apart.
        share: the part of each tensor's numbers that must agree: where samples are found, a midpoint on a cell's face
            may fall on either side.
    """

    name: str
    compute: Callable[[str], list[Tensor]]
    operations: tuple[str, ...] = ()
    rtol: float = 1e-3
    atol: float = 1e-4
    share: float = 1.0

    def fault(self, here: list[Tensor], there: list[Tensor]) -> str | None:
        """What is wrong with the tensors from the other device; None if they agree with those from `here`."""
        for expected, found in zip((x.detach() for x in here), (x.detach().cpu() for x in there), strict=True):
            if found.shape != expected.shape:
                return f"returned {tuple(found.shape)} numbers where the CPU returned {tuple(expected.shape)}"
            if n := int((~found.isfinite() & expected.isfinite()).sum()):
                return f"{n} of {found.numel()} numbers are NaN or infinite"
            near = torch.isclose(found, expected, self.rtol, self.atol, equal_nan=True)
            n, n_all = int((~near).sum()), near.numel()
            if n > (1.0 - self.share) * n_all:
                return f"{n} of {n_all} numbers differ from the CPU's, by up to {_largest(found, expected):.2g}"
        return None


def _largest(found: Tensor, expected: Tensor) -> float:
    apart = (found - expected).abs()
    return float(apart[~apart.isnan()].max()) if bool((~apart.isnan()).any()) else torch.inf


CASES = (
    Case("rays of cameras", kernel_cases.camera_rays_case, ("camera_rays",)),
    Case("pixels of photos", kernel_cases.pixels_case, ("look_up", "lay_over")),
    Case("starts of marches", kernel_cases.starts_of_marches_case, ("intersect_box", "begin_march")),
    Case("marches in rounds", path_cases.rounds_of_marches_case, share=0.98),
    Case("visible samples", path_cases.visible_samples_case, share=0.98),
    Case("middles of samples", kernel_cases.middles_case, ("midpoints",)),
    Case("hash grid", partial(kernel_cases.hash_grid_case, n_features=2), ("hash_encode",)),
    Case("hash grid of four features", partial(kernel_cases.hash_grid_case, n_features=4), ("hash_encode",)),
    Case("hash grid with its network", kernel_cases.encoded_network_case, ("encoded_network",), atol=2e-3),
    Case("views' marches in one launch", path_cases.march_of_view_case, ("march_on",), 1e-2, 1e-3, 0.98),
    Case("training's marches in one launch", path_cases.march_of_training_case, ("march_on",), 1e-2, 1e-3, 0.98),
    Case("directions", kernel_cases.harmonics_case, ("beside_harmonics",)),
    Case("sums along rays", kernel_cases.sums_along_rays_case, ("render_weights", "accumulate_along_rays")),
    Case("weights of alphas", kernel_cases.weights_of_alphas_case, ("render_weights_from_alphas",)),
    Case("compositing", kernel_cases.composited_case, ("composite",)),
    Case("the grid's upkeep", kernel_cases.upkeep_case, ("observe", "fold", "points_in"), share=0.98),
    Case("cells", kernel_cases.cells_case, ("first_cells", "cells_on_plane"), share=0.98),
    Case("networks", kernel_cases.networks_case),
    Case("the whole path", path_cases.whole_path_case, share=0.98),
    Case("the whole path as scenes use it", path_cases.whole_path_as_usual_case, rtol=0.05, atol=0.03, share=0.95),
)
"""In the order in which they run: each may rely on those before it."""
