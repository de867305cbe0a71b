"""Ways to place samples on rays, one file each: settings, words and sampler. A new one is a new file and a line here.

Imports what stands above it: config to fields. The files are imported when a sampler is asked for.
"""

from typing import TYPE_CHECKING

from core.config.registry import MethodRegistry

if TYPE_CHECKING:
    from core.samplers.base import Sampler, SamplerInputs, SamplerKind, SamplerSettings

SAMPLERS: "MethodRegistry[SamplerKind]" = MethodRegistry("SAMPLER")
SAMPLERS.register("occupancy", "core.samplers.occupancy")
SAMPLERS.register("stratified", "core.samplers.stratified")
SAMPLERS.register("hierarchical", "core.samplers.hierarchical")
SAMPLERS.register("proposal", "core.samplers.proposal")
SAMPLERS.register("rvs", "core.samplers.rvs")


def make_sampler(settings: "SamplerSettings", inputs: "SamplerInputs") -> "Sampler":
    """A fresh sampler; the type of its settings says which."""
    return SAMPLERS[SAMPLERS.name_of(settings)].make(settings, inputs)
