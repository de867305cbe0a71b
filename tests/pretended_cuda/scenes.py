"""Small scenes and methods for the pretended GPU: CUDA's presets, with fewer parameters and samples."""

from dataclasses import replace
from functools import cache
from itertools import product

from core.config.contractions import CONTRACTIONS
from core.datasets.dataset import Dataset
from core.fields import FIELDS
from core.samplers import SAMPLERS
from core.training.build import Overrides
from tests.core.datasets.bounds.test_forward_facing import hand_held
from tests.core.training.test_moving_scenes import moving
from tests.scenes import ball_dataset

_NETWORK = {"depth": 2, "width": 16, "skip": 2, "color_width": 8}
_HASHED = {"n_levels": 4, "log2_hashmap_size": 10, "max_resolution": 64, "hidden_dim": 16}
FIELDS_MADE_SMALL = {
    "ngp": _HASHED,
    "ngp-t": {**_HASHED, "time_levels": 2, "time_max_resolution": 32},
    "dense": {"resolution": 16},
    "mlp": _NETWORK,
    "tnerf": _NETWORK,
}
SAMPLERS_MADE_SMALL = {
    "stratified": {"n_bins": 16},
    "hierarchical": {"n_coarse": 8, "n_fine": 8},
    "proposal": {"n_first": 16, "n_final": 8},
    "rvs": {"n_bins": 8, "n_samples": 4},
}
TRAINING = {
    "target_samples": 1 << 11,
    "max_rays": 128,
    "grid_resolution": 16,
    "grid_samples": 1 << 10,
    "grid_update_every": 4,
}

METHODS = list(product(FIELDS, SAMPLERS, CONTRACTIONS))
"""All fields, samplers and contractions."""

PAIRS = [
    (field, sampler, list(CONTRACTIONS)[(i + j) % len(CONTRACTIONS)])
    for i, field in enumerate(FIELDS)
    for j, sampler in enumerate(SAMPLERS)
]
"""Each pair of a field, a sampler and a contraction in some method (five by five, in a Latin square of four)."""


def small_method(field: str, sampler: str = "occupancy", contraction: str = "none", **more) -> Overrides:
    """A method that computes next to nothing.

    Args:
        more: settings of the sampler.
    """
    method = {"field": field, "sampler": sampler, "contraction": contraction}
    sampling = SAMPLERS_MADE_SMALL.get(sampler, {}) | more
    return Overrides({"render_step_size": 0.05}, TRAINING, FIELDS_MADE_SMALL.get(field, {}), sampling, method)


@cache
def dataset_for(field: str = "ngp", contraction: str = "none") -> Dataset:
    """Views of a ball that suit a method: at times if the field has time, facing one way for rays to infinity. No test
    changes them."""
    dataset = ball_dataset(24)
    if contraction == "ndc":
        cameras = hand_held(len(dataset.train), 24)
        dataset = replace(dataset, train=replace(dataset.train, cameras=cameras))
    return moving(dataset) if FIELDS[field].dynamic else dataset
